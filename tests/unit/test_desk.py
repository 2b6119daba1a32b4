"""The desk: a person decides once about each letter that ended with them, and the reason is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests import letters
from tests.letters import BSN, pdf
from tests.material import MOMENT
from tests.partner import DAY, TIME_TO_LIVE, Partner, every_event, names, states, way
from tests.stored import OURS

from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.client import Client
from mobb_client.errors import BerichtError, ConfigurationError, FieldError
from mobb_client.outbox.contract import Event

OTHER = "00000099000000003000"
OTHER_BSN = "999990019"


@pytest.fixture
def partner() -> Partner:
    """Return the other side."""
    return Partner()


@pytest.fixture
def client(partner: Partner) -> Client:
    """Return a client of that partner."""
    return partner.client()


def letter(**changes: Any) -> Bericht:
    """Return letter ``zaak-1``, changed here and there."""
    return letters.letter(**{"kenmerk": "zaak-1", **changes})


def on_desk(client: Client, partner: Partner, code: str = "BijlageTeGroot", **parts: object) -> None:
    """Let a letter come back with a verdict that is for a person."""
    client.enqueue([letter(**parts)])
    client.send_due()
    partner.verdict(partner.batches[-1], code).to(client)
    assert states(client)[-1] is State.HUMAN


def last(client: Client) -> Event:
    """Return the last event."""
    return every_event(client)[-1]


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect an error of this code."""
    with pytest.raises((FieldError, BerichtError, ConfigurationError)) as caught:
        yield
    error = caught.value
    found = [error.code] if isinstance(error, FieldError) else []
    found += [one.code for one in error.errors] if isinstance(error, BerichtError) else []
    found += [one.code for one in error.findings] if isinstance(error, ConfigurationError) else []
    assert found == [code]


class TestLetters:
    """What waits for a person."""

    def test_advice(self, client: Client, partner: Partner) -> None:
        """Each with what is wrong and what to do, in the language that is asked for."""
        assert list(client.desk.letters()) == []
        on_desk(client, partner)
        (english,), (dutch,) = client.desk.letters(), client.desk.letters("nl")
        assert english.aflevering == dutch.aflevering == way(client)
        assert (english.why, english.warning) == ("the attachments together are too large for Logius", None)
        assert dutch.why == "de bijlagen samen zijn te groot voor Logius"
        assert english.advice
        assert english.advice != dutch.advice

    def test_doubt(self, client: Client, partner: Partner) -> None:
        """Design 1: of a letter whose message expired nobody knows whether it arrived: that is said first."""
        client.enqueue([letter()])
        for _ in range(2):
            client.send_due()
            partner.clock.move(TIME_TO_LIVE)
        client.send_due()
        (found,) = client.desk.letters("nl")
        assert found.warning is not None
        assert "dubbel" in found.warning
        client.desk.paper("zaak-1", "Logius zag hem nooit")
        assert last(client).data["warning"] == "desk.may-have-arrived"

    @pytest.mark.parametrize(("code", "doubt"), [("BerichtBestaatAl", True), ("BijlageTeGroot", False)])
    def test_doubt_by_verdict(self, client: Client, partner: Partner, code: str, doubt: bool) -> None:
        """k.5: `BerichtBestaatAl` says that something with this id was offered, and not what became of it (B72)."""
        on_desk(client, partner, code)
        (found,) = client.desk.letters()
        assert (found.warning is not None) is doubt
        client.desk.resend("zaak-1", "nagevraagd")
        assert ("warning" in last(client).data) is doubt


class TestDecisions:
    """Design 1: HUMAN moves once by a person."""

    @pytest.mark.parametrize(("verb", "state"), [("deliver", State.DELIVERED), ("paper", State.PAPER)])
    def test_endings(self, client: Client, partner: Partner, verb: str, state: State) -> None:
        """It ends there, then, for ever, and one event says who and why."""
        on_desk(client, partner)
        partner.clock.move(DAY)
        decided = getattr(client.desk, verb)("zaak-1", "  gebeld met Logius ")
        assert decided == way(client)
        assert (decided.state, decided.ended) == (state, partner.clock())
        event = last(client)
        assert event.name == f"letter.{state.lower()}"
        assert (event.data["by"], event.data["why"]) == ("desk", "gebeld met Logius")
        assert event.data["reason"] == f"desk.{'delivered' if state is State.DELIVERED else 'paper'}"
        assert "warning" not in event.data
        assert client.balance() == {"input": 1, "delivered": 0, "paper": 0, "human": 0, "open": 0} | {state.lower(): 1}
        for again in (client.desk.deliver, client.desk.paper, client.desk.resend):
            with refused("desk.state"):
                again("zaak-1", "toch anders")

    def test_resend(self, client: Client, partner: Partner) -> None:
        """It goes again in a new message, with the same BerichtID and BatchID."""
        on_desk(client, partner)
        decided = client.desk.resend("zaak-1", "Logius heeft het hersteld")
        assert (decided.state, decided.ended, decided.reason) == (State.QUEUED, None, "desk.resent")
        client.send_due()
        first, second = partner.batches
        assert (first.bericht_ids, first.batch_id) == (second.bericht_ids, second.batch_id)
        assert first.message_id != second.message_id
        partner.verdict(second).to(client)
        assert states(client) == [State.DELIVERED]

    def test_what_is_under_way_is_waited_for(self, client: Client) -> None:
        """Nobody decides about a letter that may still come back by itself."""
        client.enqueue([letter()])
        for state in ("QUEUED", "SENT"):
            with pytest.raises(FieldError, match=f"a letter that is {state}"):
                client.desk.paper("zaak-1", "ongeduld")
            client.send_due()
        assert "letter.paper" not in names(client)

    def test_unknown(self, client: Client, partner: Partner) -> None:
        """A kenmerk that no letter has, or that of another OIN, or of two."""
        on_desk(client, partner)
        with refused("desk.unknown"):
            client.desk.paper("Zaak-1", "hoofdletter")
        with refused("desk.unknown"):
            client.desk.paper("zaak-1", "ander OIN", oin=OTHER)
        both = partner.client(partner.sender(oin=[str(OURS), OTHER]))
        both.enqueue([letter(oin=OURS), letter(oin=OTHER)])
        with refused("client.oin-needed"):
            both.desk.paper("zaak-1", "welke van de twee?")

    @pytest.mark.parametrize(
        ("reason", "code"),
        [
            ("", "desk.reason"),
            (" \n", "desk.reason"),
            ("twee\nregels", "desk.reason"),
            ("x" * 201, "desk.reason"),
            ("\x1b[31mrood", "desk.reason"),
            (f"burger {OTHER_BSN} belde", "desk.reason-bsn"),
            (f"burger {BSN[:3]}.{BSN[3:6]}.{BSN[6:]} belde", "desk.reason-bsn"),
        ],
    )
    def test_reason(self, client: Client, partner: Partner, reason: str, code: str) -> None:
        """One line of 200 characters at most, no BSN, and none of the letter's own however it is written."""
        on_desk(client, partner)
        with refused(code):
            client.desk.paper("zaak-1", reason)
        assert states(client) == [State.HUMAN]

    def test_late_delivery_is_an_alarm(self, client: Client, partner: Partner) -> None:
        """Design 1: `Verwerkt` after PAPER: somebody has it twice, and that is told."""
        on_desk(client, partner)
        client.desk.paper("zaak-1", "kan niet wachten")
        partner.verdict(partner.batches[-1]).to(client)
        assert (states(client), names(client).count("letter.alarm")) == ([State.PAPER], 1)

    def test_late_verdict_on_the_earlier_offering(self, client: Client, partner: Partner) -> None:
        """c.5: the old refusal once more does not undo the decision; that it was delivered after all counts."""
        on_desk(client, partner)
        client.desk.resend("zaak-1", "hersteld")
        partner.verdict(partner.batches[0], "BijlageTeGroot").to(client)
        assert states(client) == [State.QUEUED]
        partner.verdict(partner.batches[0]).to(client)
        assert states(client) == [State.DELIVERED]
        client.send_due()
        assert len(partner.batches) == 1, "and it does not go again"

    def test_dispatch(self, partner: Partner) -> None:
        """Decisions reach the hook as everything else does."""
        told: list[State] = []
        client = partner.client(on_aflevering=lambda way: told.append(way.state))
        on_desk(client, partner)
        client.dispatch()
        client.desk.deliver("zaak-1", "gezien in het Afleverrapport")
        client.dispatch()
        assert told[-2:] == [State.HUMAN, State.DELIVERED]


class TestCorrection:
    """Design 3: a letter on the desk may be replaced by a corrected one under its kenmerk."""

    def test_content(self, client: Client, partner: Partner) -> None:
        """The same BerichtID, another content; the event names the fields that differ, never their values."""
        on_desk(client, partner, bijlagen=[(pdf(900), "Besluit.pdf")])
        smaller = letter(bijlagen=[(pdf(400), "Besluit.pdf")], onderwerp="Verbeterd")
        client.desk.resend(smaller, "bijlage verkleind")
        assert last(client).data["corrected"] == "onderwerp, bijlagen"
        client.send_due()
        first, second = partner.batches
        assert first.bericht_ids == second.bericht_ids
        assert b"Verbeterd" in second.body
        assert "Verbeterd" not in str(every_event(client))

    def test_same(self, client: Client, partner: Partner) -> None:
        """The same content again is no correction."""
        on_desk(client, partner)
        client.desk.resend(letter(), "nog eens")
        assert "corrected" not in last(client).data

    def test_another_citizen(self, client: Client, partner: Partner) -> None:
        """h.3: another receiver is another letter."""
        on_desk(client, partner)
        with refused("desk.receiver"):
            client.desk.resend(letter(bsn=OTHER_BSN), "verkeerde burger")
        assert states(client) == [State.HUMAN]

    def test_dates(self, client: Client, partner: Partner) -> None:
        """g.6: dates are judged now; one that has passed meanwhile goes away, as in the queue."""
        on_desk(client, partner, publicatiedatum=MOMENT + DAY)
        with refused("publicatiedatum.ahead"):
            client.desk.resend(letter(publicatiedatum=MOMENT + 14 * DAY), "later")
        partner.clock.move(2 * DAY)
        client.desk.resend("zaak-1", "alsnog")
        client.send_due()
        assert "letter.undated" in names(client)

    def test_end_has_passed(self, client: Client, partner: Partner) -> None:
        """g.6: a letter that asks for something by yesterday does not go again."""
        on_desk(client, partner, einddatum_handelingstermijn=MOMENT + DAY)
        partner.clock.move(2 * DAY)
        with refused("einddatum_handelingstermijn.order"):
            client.desk.resend("zaak-1", "alsnog")
        assert states(client) == [State.HUMAN]

    def test_changed_attachment(self, client: Client, partner: Partner, tmp_path: Path) -> None:
        """An old attachment that can no longer be read is another one."""
        file = tmp_path / "besluit.pdf"
        file.write_bytes(pdf(500))
        on_desk(client, partner, bijlagen=[file])
        file.write_bytes(pdf(400))
        client.desk.resend(letter(bijlagen=[file]), "verkleind")
        assert last(client).data["corrected"] == "bijlagen"

    def test_foreign_oin(self, client: Client) -> None:
        """g.6: a correction is for one of our own OINs."""
        with refused("sender.oin-unknown"):
            client.desk.resend(letter(oin=OTHER), "van een ander")


BAD = (FieldError("onderwerp.length", field="onderwerp", measure="63 characters", limit=50),) * 2


class TestRefused:
    """Design 1: rows read = letters + identical repeats + refused rows; a refused row is a person's."""

    def test_refused(self, client: Client) -> None:
        """It is counted, with its first finding; the event names everything that is wrong."""
        errors = (*BAD, FieldError("berichttype.length", field="berichttype", measure="9 characters", limit=8))
        made = client.desk.refuse("zaak-1", errors)
        assert made == way(client)
        assert (made.state, made.ended, made.reason) == (State.HUMAN, MOMENT, "onderwerp.length")
        assert last(client).data == {"reason": "onderwerp.length", "codes": "onderwerp.length, berichttype.length"}
        assert client.balance()["human"] == 1
        assert client.desk.refuse("zaak-1", errors) == made, "the same file once more"
        assert names(client) == ["letter.human"]

    def test_corrected_by_the_next_file(self, client: Client, partner: Partner) -> None:
        """The corrected letter takes its place when it is enqueued."""
        client.desk.refuse("zaak-1", BAD)
        partner.clock.move(DAY)
        (found,) = client.enqueue([letter()])
        assert (found.state, found.ended, found.finding, found.handed_over) == (State.QUEUED, None, None, MOMENT + DAY)
        assert last(client).data == {"corrected": "content"}
        assert client.enqueue([letter()]) == [found], "and now it is a letter as any other"
        with refused("kenmerk.reused"):
            client.enqueue([letter(onderwerp="Anders")])
        client.send_due()
        partner.verdict(partner.batches[-1]).to(client)
        assert client.balance() == {"input": 1, "delivered": 1, "paper": 0, "human": 0, "open": 0}

    def test_corrected_on_the_desk(self, client: Client) -> None:
        """Or when a person gives it; as it is there is nothing to send."""
        client.desk.refuse("zaak-1", BAD)
        with refused("desk.content"):
            client.desk.resend("zaak-1", "zoals hij is")
        client.desk.resend(letter(), "verbeterd")
        assert last(client).data["corrected"] == "content"
        assert states(client) == [State.QUEUED]

    def test_still_wrong(self, client: Client) -> None:
        """Refused again for something else: told again; corrected with wrong dates: nothing changes."""
        client.desk.refuse("zaak-1", BAD)
        other = (FieldError("bsn.elfproef", field="bsn", measure="9 characters"),)
        again = client.desk.refuse("zaak-1", other)
        assert again is not None
        assert (again.reason, names(client)) == ("bsn.elfproef", ["letter.human"] * 2)
        with refused("publicatiedatum.ahead"):
            client.enqueue([letter(publicatiedatum=MOMENT + 30 * DAY)])
        assert way(client) == again

    def test_put_on_paper(self, client: Client) -> None:
        """A person may close it; a correction that comes after that is a repeat, and does not go."""
        client.desk.refuse("zaak-1", BAD)
        client.desk.paper("zaak-1", "met de hand geschreven")
        (found,) = client.enqueue([letter()])
        assert found.state is State.PAPER
        assert client.desk.refuse("zaak-1", BAD) is None

    def test_kenmerk_of_another_letter(self, client: Client) -> None:
        """It is not counted twice."""
        client.enqueue([letter()])
        assert client.desk.refuse("zaak-1", BAD) is None
        assert names(client) == ["letter.queued"]

    @pytest.mark.parametrize(
        ("kenmerk", "oin", "code"),
        [
            ("", None, "kenmerk.length"),
            ("a\nb", None, "kenmerk.characters"),
            ("zaak-1", OTHER, "sender.oin-unknown"),
            ("zaak-1", "12", "oin.format"),
        ],
    )
    def test_unusable(self, client: Client, kenmerk: str, oin: str | None, code: str) -> None:
        """What names no letter of ours cannot be put on the desk."""
        with refused(code):
            client.desk.refuse(kenmerk, BAD, oin=oin)
        assert client.balance()["input"] == 0

    def test_swapped_columns(self, client: Client) -> None:
        """A kenmerk that looks like a BSN, beside a BSN that is none, is never stored."""
        errors = (FieldError("bsn.format", field="bsn", measure="6 characters"),)
        with refused("kenmerk.bsn"):
            client.desk.refuse(OTHER_BSN, errors)
        assert OTHER_BSN not in str(every_event(client))


def test_evidence(client: Client, partner: Partner) -> None:
    """What was sent is known by digest and size, also when it is gone."""
    data = pdf(900)
    client.enqueue([letter(bijlagen=[(data, "Besluit.pdf")])])
    client.send_due()
    events = {event.name: event.data for event in every_event(client)}
    found = events["letter.batched"]  # type: ignore[index] # an EventName is its text
    assert (found["bijlage_1_sha256"], found["bijlage_1_bytes"]) == (sha256(data).hexdigest(), 900)
    (part,) = partner.batches[0].received.parts
    document = part.octets
    pending = events["message.pending"]  # type: ignore[index] # an EventName is its text
    assert (pending["payload_digest"], pending["payload_bytes"]) == (sha256(document).hexdigest(), len(document))
