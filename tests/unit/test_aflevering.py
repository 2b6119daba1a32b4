"""The state machine of one letter: three clocks, exactly one ending."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobb_client.berichtenbox import aflevering as table
from mobb_client.berichtenbox.aflevering import BACK_OFF, Aflevering, ForbiddenEdgeError, State
from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.resultaat import BerichtResultaat, Verwerkingscode

NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
OURS = OIN("00000099000000001000")
BATCH = UUID(int=7)
NEW = Aflevering(oin=OURS, kenmerk="zaak-1", bericht_id=bericht_id(OURS, "zaak-1"), handed_over=NOW)
UNDER_WAY = table.sent(table.batched(NEW, BATCH, "id@host"))


def verdict(code: str) -> BerichtResultaat:
    """Return a verdict on the letter."""
    return BerichtResultaat(bericht_id=NEW.bericht_id, berichttype="BESCHIK", code=code, stadium="NA")


def test_way() -> None:
    """h.1: queued, batched, sent, acknowledged, delivered; each clock stands when its moment came."""
    letter = table.batched(NEW, BATCH, "id@host")
    assert (letter.state, letter.batch_id, letter.message_id) == (State.BATCHED, BATCH, "id@host")
    letter = table.sent(letter)
    assert letter.state is State.SENT
    letter = table.acknowledged(letter, NOW + timedelta(minutes=1))
    assert (letter.state, letter.is_ended, letter.finding) == (State.ACKNOWLEDGED, False, None)
    letter = table.judged(letter, verdict("Verwerkt"), NOW + timedelta(hours=1))
    assert (letter.state, letter.is_ended) == (State.DELIVERED, True)
    assert letter.handed_over < letter.acknowledged < letter.processed  # type: ignore[operator] # all three stand
    assert letter.finding is not None
    assert letter.finding.severity == "warning"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (Verwerkingscode.VERWERKT, State.DELIVERED),
        (Verwerkingscode.NIET_ACTIEF_OF_GEABONNEERD, State.PAPER),
        (Verwerkingscode.TECHNISCH_PROBLEEM, State.QUEUED),
        (Verwerkingscode.BERICHTTYPE_NIET_ONDERSTEUND, State.HUMAN),
        (Verwerkingscode.PUBLICATIEDATUM_LIGT_TE_VER_IN_DE_TOEKOMST, State.HUMAN),
        (Verwerkingscode.AANMAAKDATUM_LIGT_TE_VER_IN_HET_VERLEDEN, State.HUMAN),
        (Verwerkingscode.BERICHT_BESTAAT_AL, State.HUMAN),
        (Verwerkingscode.BIJLAGE_TE_GROOT, State.HUMAN),
        (Verwerkingscode.OIN_IN_CPA_KOMT_NIET_OVEREEN_MET_OIN_IN_BERICHT, State.HUMAN),
        (Verwerkingscode.XML_VALIDATIE_TEGEN_XSD_VALT_NEGATIEF_UIT, State.HUMAN),
        ("IetsNieuws", State.HUMAN),
        ("00", State.HUMAN),
    ],
)
def test_verdict(code: str, state: State) -> None:
    """c.2: where each code takes a letter; every ending has a sentence and advice in both languages."""
    letter = table.judged(UNDER_WAY, verdict(code), NOW)
    assert letter.state is state
    assert letter.verwerkingscode == code
    assert letter.finding is not None
    assert letter.finding.advice_in("nl")


def test_technisch_probleem() -> None:
    """c.2: the same ids again after 15 minutes, 1, 4 and 24 hours, then a person."""
    letter, waits = UNDER_WAY, []
    for _ in BACK_OFF:
        letter = table.judged(letter, verdict("TechnischProbleem"), NOW)
        assert letter.not_before is not None
        waits.append(letter.not_before - NOW)
        assert table.judged(letter, verdict("TechnischProbleem"), NOW) == letter, "the same result twice waits once"
        letter = table.batched(letter, BATCH, "next@host")
    assert waits == list(BACK_OFF)
    assert table.judged(letter, verdict("TechnischProbleem"), NOW).state is State.HUMAN


def test_result_before_acknowledgment() -> None:
    """A verified result also acknowledges; what comes after it changes nothing (B43)."""
    letter = table.judged(table.batched(NEW, BATCH, "id@host"), verdict("Verwerkt"), NOW)
    assert letter.acknowledged == NOW
    assert table.sent(letter) == letter
    assert table.acknowledged(letter, NOW + timedelta(hours=1)) == letter


def test_expired() -> None:
    """Design 1: an expired message's letters go back once, with the same ids, then to a person."""
    again = table.message_expired(UNDER_WAY)
    assert (again.state, again.bericht_id, again.expired) == (State.QUEUED, NEW.bericht_id, 1)
    assert table.judged(again, verdict("Verwerkt"), NOW).state is State.DELIVERED, "it had arrived after all"
    second = table.message_expired(table.batched(again, BATCH, "two@host"))
    assert (second.state, second.reason) == (State.HUMAN, "aflevering.expired")


def test_failed() -> None:
    """f.3: a refused message needs a person before its letters go again."""
    assert table.message_failed(UNDER_WAY).state is State.HUMAN
    assert table.message_failed(NEW) == NEW


@pytest.mark.parametrize("ended", ["Verwerkt", "NietActiefOfGeabonneerd"])
@pytest.mark.parametrize("code", list(Verwerkingscode))
def test_final(ended: str, code: Verwerkingscode) -> None:
    """Design 1: DELIVERED and PAPER are final; a verdict that contradicts them is an alarm."""
    letter = table.judged(UNDER_WAY, verdict(ended), NOW)
    assert table.judged(letter, verdict(code), NOW) == letter
    assert table.message_expired(letter) == table.message_failed(letter) == letter
    contradiction = (letter.state is State.PAPER) == (code is Verwerkingscode.VERWERKT)
    harmless = letter.state is State.DELIVERED and code is Verwerkingscode.BERICHT_BESTAAT_AL
    assert table.is_alarm(letter, verdict(code)) is (contradiction and not harmless)


def test_desk() -> None:
    """Design 1: HUMAN may move by a verified result."""
    on_desk = table.judged(UNDER_WAY, verdict("BerichtBestaatAl"), NOW)
    assert table.judged(on_desk, verdict("Verwerkt"), NOW).state is State.DELIVERED
    assert table.contradicted(UNDER_WAY, NOW).state is State.HUMAN


def test_forbidden() -> None:
    """Forbidden edges raise: a letter is not batched twice, nor put aside while it travels."""
    with pytest.raises(ForbiddenEdgeError):
        table.batched(UNDER_WAY, BATCH, "id@host")
    with pytest.raises(ForbiddenEdgeError):
        table.unbuildable(UNDER_WAY, "bijlage.changed")
    assert table.unbuildable(NEW, "bijlage.changed").state is State.HUMAN


@given(st.lists(st.sampled_from([*Verwerkingscode, "IetsNieuws"]), max_size=12))
def test_never_two_endings(codes: list[str]) -> None:
    """Whatever comes, in whatever order: once delivered or on paper, for ever there."""
    letter = UNDER_WAY
    for code in codes:
        before, letter = letter, table.judged(letter, verdict(code), NOW)
        if before.state in {State.DELIVERED, State.PAPER}:
            assert letter == before
        if letter.state is State.QUEUED and before.state is not State.QUEUED:
            letter = replace(table.batched(letter, BATCH, "again@host"))
