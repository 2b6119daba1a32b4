"""What is known of citizens, and what it means for a letter. Source: `berichtenbox` d, e, k.18."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.letters import SENDER
from tests.subscribers import FOREIGN, NOW, ONE, TWO, VERZOEK, fact, question

from mobb_client.berichtenbox.abonnementen import (
    MAX_BSNS_VALIDATIE,
    Aanvraag,
    Abonnement,
    Besluit,
    Oordeel,
    Validatie,
    Validatieantwoord,
    Variant,
    Verzoek,
    oordeel,
    volgende_mutatie,
)
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.errors import FieldError

DAY = timedelta(days=1)
YES, NO, UNKNOWN = Besluit.DIGITAAL, Besluit.PAPIER, Besluit.ONBEKEND


class TestOordeel:
    """d.4, k.18: what the facts mean."""

    @pytest.mark.parametrize(
        ("facts", "besluit"),
        [
            ([], UNKNOWN),
            ([fact()], YES),
            ([fact(yes=False)], NO),
            ([fact(berichttype="AANSLAG")], UNKNOWN),
            ([fact(berichttype="BESCHIK")], YES),
            ([fact(moment=NOW - 2 * DAY), fact(yes=False)], NO),
            ([fact(yes=False), fact(moment=NOW - 2 * DAY)], NO),
            ([fact(yes=False, moment=NOW - 2 * DAY), fact()], YES),
            ([fact(yes=False, berichttype="BESCHIK", moment=NOW - 2 * DAY), fact()], NO),
            ([fact(berichttype="BESCHIK", moment=NOW - 2 * DAY), fact(yes=False)], NO),
            ([fact(berichttype="BESCHIK"), fact(yes=False, moment=NOW - 2 * DAY)], YES),
            ([fact(moment=NOW - 7 * DAY)], UNKNOWN),
            ([fact(moment=NOW - 7 * DAY + timedelta(seconds=1))], YES),
            ([fact(yes=False, moment=NOW - 8 * DAY)], UNKNOWN),
            ([fact(moment=NOW + DAY)], UNKNOWN),
        ],
        ids=range(15),
    )
    def test_decision(self, facts: list[Abonnement], besluit: Besluit) -> None:
        """The type before the supplier, the newest of each, and nothing that is seven days old or of tomorrow."""
        assert oordeel(facts, "BESCHIK", NOW).besluit is besluit

    def test_evidence(self) -> None:
        """The decision names the fact that it is made on."""
        newer = fact(moment=NOW)
        assert oordeel([fact(moment=NOW - DAY), newer], "X", NOW) == Oordeel(YES, newer)
        assert oordeel([], "X", NOW).bewijs is None


class TestValidatie:
    """e.2: what may be asked in one call."""

    def test_once(self) -> None:
        """Who is named twice is asked once."""
        assert question(ONE, TWO, ONE).bsns == (ONE, TWO)

    @pytest.mark.parametrize("count", [0, MAX_BSNS_VALIDATIE + 1])
    def test_bounds(self, count: int) -> None:
        """T03: 1 to 250 citizens."""
        many = tuple(BSN(f"{n:09d}", elfproef=False) for n in range(1, count + 1))
        with pytest.raises(FieldError, match=f"got {count} BSNs"):
            Validatie(oin=OIN(SENDER), berichttype="BESCHIK", bsns=many)

    @pytest.mark.parametrize("berichttype", ["", " ", "123456789"])
    def test_berichttype(self, berichttype: str) -> None:
        """One BerichtType of 1 to 8 characters."""
        with pytest.raises(FieldError) as caught:
            question(berichttype=berichttype)
        assert caught.value.code == "validatie.berichttype"

    def test_repr(self) -> None:
        """Neither question nor answer shows a BSN."""
        found = Validatieantwoord({ONE: True, TWO: False}, (FOREIGN,))
        assert repr(found) == "Validatieantwoord(1 geabonneerd, 1 niet, 1 onbekend)"
        assert ONE.digits not in repr(question())


def asked(
    variant: Variant = Variant.VOLLEDIG, *, ago: timedelta = DAY, answered: bool = True, oin: str = SENDER
) -> Verzoek:
    """Return a request that was made."""
    sinds = NOW - 9 * DAY if variant is Variant.MUTATIE else None
    return Verzoek(
        aanvraag=Aanvraag(oin=OIN(oin), verzoek_id=VERZOEK, variant=variant, sinds=sinds),
        cpa_id="cpa",
        message_id="1@own.example",
        gevraagd=NOW - ago,
        beantwoord=NOW if answered else None,
    )


class TestVerzoek:
    """d.2: the four hours, and from when on to ask for changes."""

    def test_late(self) -> None:
        """After four hours without an answer it is late; with one never."""
        assert asked(answered=False, ago=timedelta(hours=4)).is_late(NOW)
        assert not asked(answered=False, ago=timedelta(hours=3, minutes=59)).is_late(NOW)
        assert not asked(ago=DAY).is_late(NOW)

    def test_next(self) -> None:
        """A day before the last answered request was made; a list tells nothing of the others."""
        known = [
            asked(ago=4 * DAY),
            asked(Variant.MUTATIE, ago=2 * DAY),
            asked(ago=DAY, answered=False),
            asked(Variant.BSN_LIJST),
            asked(oin="00000099987654321000"),
        ]
        assert volgende_mutatie(known, OIN(SENDER)) == NOW - 3 * DAY
        assert volgende_mutatie(known[2:], OIN(SENDER)) is None

    @pytest.mark.parametrize(
        ("variant", "sinds"),
        [(Variant.MUTATIE, None), (Variant.VOLLEDIG, NOW), (Variant.MUTATIE, NOW.replace(tzinfo=None))],
    )
    def test_since(self, variant: Variant, sinds: object) -> None:
        """d.1: a moment with changes, aware, and with nothing else."""
        with pytest.raises(FieldError, match=r"aanvraag\.sinds"):
            Aanvraag(oin=OIN(SENDER), verzoek_id=VERZOEK, variant=variant, sinds=sinds)  # type: ignore[arg-type] # wrong on purpose
