"""What goes out: letters into the outbox, letters into messages, messages over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests import letters
from tests.letters import letter, pdf
from tests.material import MOMENT
from tests.partner import (
    DAY,
    INTERVAL,
    NOTHING,
    TIME_TO_LIVE,
    Partner,
    Post,
    Sent,
    every_event,
    names,
    some_letters,
    states,
    way,
)

from mobb_client import sending
from mobb_client.berichtenbox.aflevering import BACK_OFF, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.ebms import exchange
from mobb_client.errors import BerichtError, ConfigurationError, OutboxError, TransportError
from mobb_client.outbox.contract import StoredMessage
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.simulator.material import Profile
from mobb_client.tally import SendReport
from mobb_client.transport.wire import Response

OURS = "00000099000000001000"
OTHER = "00000099000000003000"
RELIABLE: tuple[Profile, ...] = ("osb-rm", "osb-rm-s")


@pytest.fixture
def partner() -> Partner:
    """Return the other side under the unsigned reliable CPA, which accepts everything and says nothing."""
    return Partner()


@pytest.fixture
def client(partner: Partner) -> Client:
    """Return a client of that partner."""
    return partner.client()


def stored(client: Client, number: int = 0) -> StoredMessage:
    """Return a message of letters as it is stored, in the order in which they were made."""
    made = [event.message_id for event in every_event(client) if event.name == "message.pending"]
    with client._outbox.transaction() as tx:
        found = tx.message(made[number] or "")
    assert found is not None
    return found


def refused(client: Client, *berichten: Bericht) -> list[tuple[str, str]]:
    """Return code and measure of each error with which letters are refused."""
    with pytest.raises(BerichtError) as caught:
        client.enqueue(berichten)
    return [(error.code, error.measure) for error in caught.value.errors]


class TestEnqueue:
    """Letters into the outbox."""

    def test_stored(self, client: Client, partner: Partner) -> None:
        """Each letter is there, queued, in order; nothing is sent."""
        ways = client.enqueue(letter(kenmerk=f"zaak-{number}") for number in range(3))
        assert [(one.kenmerk, one.state, one.handed_over) for one in ways] == [
            (f"zaak-{number}", State.QUEUED, MOMENT) for number in range(3)
        ]
        assert list(client.afleveringen()) == ways
        assert partner.posts == []

    def test_all_or_none(self, client: Client) -> None:
        """A letter that is refused takes back those before it, and so does a generator that fails."""
        late = letter(kenmerk="zaak-3", publicatiedatum=MOMENT)
        assert refused(client, *some_letters(2), late)[0][0] == "publicatiedatum.past"

        def failing() -> Iterator[Bericht]:
            yield letter()
            raise KeyError

        with pytest.raises(KeyError):
            client.enqueue(failing())
        assert (states(client), every_event(client)) == ([], [])

    def test_same(self, client: Client) -> None:
        """Design 3: the same letter again is the first one, wherever that stands by now; nothing is told."""
        (first,) = client.enqueue([letter(bijlagen=[(pdf(70), "Besluit.pdf")])])
        told = every_event(client)
        again = letter(bijlagen=[(pdf(70), "Besluit.pdf")], oin=OURS)
        assert client.enqueue([again, again]) == [first, first]
        assert every_event(client) == told
        client.send_due()
        assert client.enqueue([again])[0].state is State.SENT

    def test_other_content(self, client: Client) -> None:
        """Design 3: another letter under the same kenmerk is refused, by the names of what differs and no value."""
        client.enqueue([letter()])
        other = letter(onderwerp="Iets anders", bijlagen=[(pdf(70), "Besluit.pdf")], bsn="999990019")
        assert refused(client, other) == [("kenmerk.reused", "another bsn, onderwerp, bijlagen")]
        assert len(states(client)) == 1

    def test_same_kenmerk_of_another_organisation(self, partner: Partner) -> None:
        """Design 3: a kenmerk belongs to its OIN."""
        client = partner.client(partner.sender(oin=[OURS, OTHER]))
        client.enqueue([letter(oin=OURS), letter(oin=OTHER, onderwerp="Iets anders")])
        assert len({one.bericht_id for one in client.afleveringen()}) == 2

    def test_lost_attachment(self, client: Client, tmp_path: Path) -> None:
        """Design 3: when an attachment can no longer be read nobody knows whether it is the same letter."""
        file = tmp_path / "besluit.pdf"
        file.write_bytes(pdf(70))
        client.enqueue([letter(bijlagen=[file])])
        again = letter(bijlagen=[(pdf(70), "besluit.pdf")])
        file.unlink()
        assert [code for code, _ in refused(client, again)] == ["bijlage.path"]

    def test_purged(self, client: Client) -> None:
        """A letter whose content was purged is still known by its kenmerk."""
        (known,) = client.enqueue([letter()])
        assert isinstance(client._outbox, MemoryOutbox)
        client._outbox._tables.contents[known.key] = None
        assert client.enqueue([letter(onderwerp="Iets anders")])[0].state is State.QUEUED

    def test_whose(self, partner: Partner) -> None:
        """h.4: a letter's OIN picks its sender or is refused; with several senders a letter names one."""
        signed = Partner(profile="osb-rm-s")
        client = partner.client(partner.sender(), signed.sender(oin=OTHER))
        assert refused(client, letter())[0][0] == "sender.oin-unknown"
        assert refused(client, letter(oin="00000099000000004000"))[0][0] == "sender.oin-unknown"
        client.enqueue([letter(oin=OTHER)])
        assert str(way(client, letter().kenmerk).oin) == OTHER


class TestBuild:
    """Letters into messages."""

    def test_limits(self, partner: Partner) -> None:
        """h.1: as many letters in a message as the settings say, in their order, one organisation each."""
        client = partner.client(partner.sender(oin=[OURS, OTHER], regels=Regels(batch_berichten=2)))
        client.enqueue([*some_letters(3, oin=OURS), *some_letters(2, oin=OTHER)])
        report = client.send_due()
        assert (report.built, report.attempted) == (3, 3)
        ids = [one.bericht_id for one in client.afleveringen()]
        assert sorted(map(sorted, (post.bericht_ids for post in partner.posts))) == sorted(
            map(sorted, (ids[:2], ids[2:3], ids[3:]))
        )
        assert len({post.batch_id for post in partner.posts}) == 3

    def test_many(self, partner: Partner) -> None:
        """More letters than are looked at in one go leave in one call, the first before the last are written."""
        client = partner.client(partner.sender(regels=Regels(batch_berichten=700)))
        client.enqueue(some_letters(1500))
        client.send_due()
        assert [len(post.bericht_ids) for post in partner.posts] == [700, 300, 500]
        made = [name for name in names(client, "message.") if name in {"message.pending", "message.sent"}]
        assert made == ["message.pending"] * 2 + ["message.sent"] * 2 + ["message.pending", "message.sent"]

    def test_written_before_it_is_spoken(self, partner: Partner) -> None:
        """Design 3: at the moment of the POST the message, its letters and its octets are stored."""
        sending = partner.client()
        seen: list[tuple[list[State], bytes]] = []

        def look(post: Post) -> Response:
            octets = sending._outbox.open_body(post.message_id).read()
            seen.append((states(sending), octets))
            return NOTHING

        partner.reply = look
        sending.enqueue([letter()])
        sending.send_due()
        assert seen == [([State.BATCHED], partner.posts[0].body)]

    def test_deadline_passed(self, client: Client, partner: Partner) -> None:
        """g.6: a letter whose deadline passed while it waited is a person's; the others go."""
        late = letter(kenmerk="zaak-9", einddatum_handelingstermijn=MOMENT + DAY)
        client.enqueue([late, *some_letters(2)])
        partner.clock.move(2 * DAY)
        client.send_due()
        assert states(client) == [State.HUMAN, State.SENT, State.SENT]
        assert way(client, "zaak-9").reason == "einddatum_handelingstermijn.order"

    def test_publication_passed(self, client: Client, partner: Partner) -> None:
        """k.10, k.11: a letter that waited until after its PublicatieDatum goes without one, and that is told."""
        client.enqueue([letter(publicatiedatum=MOMENT + DAY)])
        partner.clock.move(2 * DAY)
        client.send_due()
        assert b"PublicatieDatum" not in partner.posts[0].body
        assert names(client, "letter.u") == ["letter.undated"]

    def test_publication_passed_on_a_resend(self, client: Client, partner: Partner) -> None:
        """c.2: and so does one that goes again; its content in the outbox stays as it was given."""
        client.enqueue([letter(publicatiedatum=MOMENT + timedelta(minutes=10))])
        client.send_due()
        assert b"PublicatieDatum" in partner.posts[0].body
        partner.verdict(partner.posts[0], "TechnischProbleem").to(client)
        partner.clock.move(BACK_OFF[0])
        client.send_due()
        assert b"PublicatieDatum" not in partner.batches[1].body
        assert names(client, "letter.u") == ["letter.undated"]
        assert client.enqueue([letter(publicatiedatum=MOMENT + timedelta(minutes=10))])

    def test_changed_attachment(self, client: Client, partner: Partner, tmp_path: Path) -> None:
        """Design 3: a file that changed before its batch was written is a person's; the others of the batch go."""
        files = [tmp_path / f"{number}.pdf" for number in range(4)]
        for file in files:
            file.write_bytes(pdf(70))
        client.enqueue(letter(kenmerk=f"zaak-{number}", bijlagen=[file]) for number, file in enumerate(files))
        files[1].write_bytes(pdf(80))
        files[2].unlink()
        report = client.send_due()
        assert states(client) == [State.SENT, State.HUMAN, State.HUMAN, State.SENT]
        assert (way(client, "zaak-1").reason, way(client, "zaak-2").reason) == ("bijlage.changed", "bijlage.path")
        assert (report.built, len(partner.posts[0].bericht_ids)) == (1, 2)
        assert stored(client).size == len(partner.posts[0].body)

    def test_nothing_left(self, client: Client, partner: Partner, tmp_path: Path) -> None:
        """When no letter of a batch can go there is no message, and no octets are left over."""
        file = tmp_path / "besluit.pdf"
        file.write_bytes(pdf(70))
        client.enqueue([letter(bijlagen=[file])])
        file.unlink()
        assert client.send_due() == SendReport()
        assert (states(client), partner.posts) == ([State.HUMAN], [])
        assert isinstance(client._outbox, MemoryOutbox)
        assert client._outbox._tables.bodies == {}


class TestAgain:
    """c.2, k.16: letters that go again."""

    def test_old_batch(self, client: Client, partner: Partner) -> None:
        """c.2, h.3: the failed part of a batch under the same BatchID and BerichtIDs, by a new message."""
        client.enqueue(some_letters(3))
        client.send_due()
        first = partner.posts[0]
        one, two, three = first.bericht_ids
        codes = {one: "Verwerkt", two: "TechnischProbleem", three: "TechnischProbleem"}
        partner.result(first, *(letters.verdict(*pair) for pair in codes.items())).to(client)
        assert states(client) == [State.DELIVERED, State.QUEUED, State.QUEUED]
        client.send_due()
        assert len(partner.batches) == 1, "not before its time"
        partner.clock.move(BACK_OFF[0])
        client.enqueue([letter(kenmerk="new")])
        client.send_due()
        again, new = sorted(partner.batches[1:], key=lambda post: len(post.bericht_ids), reverse=True)
        assert (again.batch_id, again.bericht_ids) == (first.batch_id, [two, three])
        assert again.message_id != first.message_id
        assert again.header.conversation_id != first.header.conversation_id
        assert new.batch_id != first.batch_id
        partner.verdict(again).to(client)
        assert states(client)[:3] == [State.DELIVERED] * 3

    def test_new_batch(self, partner: Partner) -> None:
        """k.16: with the switch, a new BatchID and the same BerichtIDs."""
        client = partner.client(partner.sender(regels=Regels(nieuwe_batch=True)))
        client.enqueue(some_letters(2))
        client.send_due()
        partner.verdict(partner.posts[0], "TechnischProbleem").to(client)
        partner.clock.move(BACK_OFF[0])
        client.send_due()
        first, again = partner.batches
        assert (first.bericht_ids, first.batch_id == again.batch_id) == (again.bericht_ids, False)
        partner.verdict(first, "TechnischProbleem").to(client)
        assert states(client) == [State.SENT, State.SENT], "the repeat of an old result"
        partner.verdict(again).to(client)
        assert states(client) == [State.DELIVERED, State.DELIVERED]

    def test_technical_problem_for_ever(self, client: Client, partner: Partner) -> None:
        """c.2: after 15 minutes, 1, 4 and 24 hours, and then a person has it."""
        client.enqueue([letter()])
        client.send_due()
        for wait in BACK_OFF:
            partner.verdict(partner.batches[-1], "TechnischProbleem").to(client)
            before = len(partner.batches)
            partner.clock.move(wait - timedelta(seconds=1))
            client.send_due()
            assert len(partner.batches) == before
            partner.clock.move(timedelta(seconds=1))
            client.send_due()
            assert len(partner.batches) == before + 1
        partner.verdict(partner.batches[-1], "TechnischProbleem").to(client)
        assert (states(client), len(partner.batches)) == ([State.HUMAN], 5)
        assert len({post.batch_id for post in partner.batches}) == 1

    def test_expired(self, client: Client, partner: Partner) -> None:
        """Design 1, f.3: without an acknowledgment for the time to live the letters go once more, then to a person."""
        partner.reply = lambda _: Response(503, {}, b"")
        client.enqueue(some_letters(2))
        reports = [client.send_due()]
        while not all(one.is_ended for one in client.afleveringen()):
            partner.clock.move(INTERVAL)
            reports.append(client.send_due())
        assert states(client) == [State.HUMAN, State.HUMAN]
        assert sum(reports, SendReport()) == SendReport(built=2, attempted=18, unreachable=18, expired=2)
        first, second = partner.posts[0], partner.posts[9]
        assert [post.body for post in partner.posts] == [first.body] * 9 + [second.body] * 9
        assert (first.batch_id, first.bericht_ids) == (second.batch_id, second.bericht_ids)
        assert partner.clock() == MOMENT + 2 * TIME_TO_LIVE
        assert client.balance() == {"input": 2, "delivered": 0, "paper": 0, "human": 2, "open": 0}

    def test_delivered_after_all(self, client: Client, partner: Partner) -> None:
        """B46: every acknowledgment was lost, and the other side says that the letter was there: it counts once."""
        client.enqueue([letter()])
        client.send_due()
        partner.clock.move(TIME_TO_LIVE)
        client.send_due()
        first, second = partner.batches
        partner.verdict(second, "BerichtBestaatAl").to(client)
        assert states(client) == [State.HUMAN]
        partner.verdict(first).to(client)
        assert states(client) == [State.DELIVERED]
        assert names(client, "letter.alarm") == []


class TestBlocked:
    """A sender whose CPA, key or trust forbids sending: its letters wait, the others go."""

    def test_others_go(self, partner: Partner) -> None:
        """B37: told in the report, and once in an event; repaired, its letters leave."""
        signed = Partner(profile="osb-rm-s")
        outbox = MemoryOutbox()
        keyless = partner.client(signed.sender(oin=OTHER, identity=None), partner.sender(), outbox=outbox)
        keyless.enqueue([letter(kenmerk="stays", oin=OTHER), letter(kenmerk="goes", oin=OURS)])
        reports = [keyless.send_due(), keyless.send_due()]
        assert states(keyless) == [State.QUEUED, State.SENT]
        for report in reports:
            error = report.blocked[signed.cpa.cpa_id]
            assert isinstance(error, ConfigurationError)
            assert [finding.code for finding in error.findings] == ["key.needed"]
        (told,) = (event.data for event in every_event(keyless) if event.name == "sender.blocked")
        assert told == {"cpa_id": signed.cpa.cpa_id, "codes": "key.needed"}
        repaired = partner.client(signed.sender(oin=OTHER), partner.sender(), outbox=outbox)
        assert repaired.send_due().blocked == {}
        assert states(repaired) == [State.SENT, State.SENT]

    def test_nothing_waits(self, partner: Partner) -> None:
        """A CPA that has ended is no news as long as no letter waits for it."""
        client = partner.client()
        partner.clock.move(3000 * DAY)
        assert client.send_due() == SendReport()
        assert names(client) == []

    def test_wire(self, partner: Partner) -> None:
        """A sender without anybody to trust: no message is made that could only fail."""
        client = partner.client(wire=None)
        client.enqueue([letter()])
        (error,) = client.send_due().blocked.values()
        assert isinstance(error, ConfigurationError)
        assert error.findings[0].code == "tls.no-anchors"
        assert states(client) == [State.QUEUED]

    def test_anything(self, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
        """B37: whatever goes wrong when a sender's letters are written, those of the others go."""
        signed = Partner(profile="osb-rm-s")
        client = partner.client(signed.sender(oin=OTHER), partner.sender())
        client.enqueue([letter(kenmerk="stays", oin=OTHER), letter(kenmerk="goes", oin=OURS)])
        with monkeypatch.context() as patch:
            patch.setattr("mobb_client.ebms.packet.signature.Unsigned.sign", fail)
            report = client.send_due()
        assert states(client) == [State.QUEUED, State.SENT]
        assert isinstance(report.blocked[signed.cpa.cpa_id], ZeroDivisionError)
        client.send_due()
        assert states(client) == [State.SENT, State.SENT]

    def test_stranger(self, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
        """B37: an error about a letter that is not in the batch does not go round and round."""
        client = partner.client()
        client.enqueue(some_letters(2))
        error = BerichtError("zaak-9", [])
        with monkeypatch.context() as patch:
            patch.setattr("mobb_client.sender.write_berichten", lambda *_: raised(error))
            assert client.send_due().blocked == {partner.cpa.cpa_id: error}
        client.send_due()
        assert states(client) == [State.SENT, State.SENT]

    def test_store(self, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
        """The store itself is another matter: when that fails, everything stops and says so."""
        client = partner.client()
        client.enqueue([letter()])
        error = OutboxError("the disk is full")
        with monkeypatch.context() as patch:
            patch.setattr(MemoryOutbox, "write_body", lambda *_: raised(error))
            with pytest.raises(OutboxError):
                client.send_due()

    def test_another_worker_was_faster(self, partner: Partner) -> None:
        """B36: a letter that went into a message of another worker is not sent by this one; the rest is."""

        class Slow(MemoryOutbox):
            def write_body(self, message_id: str, write: Any) -> Any:
                done = super().write_body(message_id, write)
                if rival:
                    self._tables.leases.clear()  # this worker was taken for dead meanwhile
                    rival.pop().send_due()
                return done

        rival: list[Client] = []
        outbox = Slow()
        client = partner.client(partner.sender(regels=Regels(batch_berichten=2)), outbox=outbox)
        client.enqueue(some_letters(2))
        other = partner.client(partner.sender(regels=Regels(batch_berichten=1)), outbox=outbox)
        rival.append(other)
        client.send_due()
        assert sorted(one for post in partner.posts for one in post.bericht_ids) == sorted(
            one.bericht_id for one in client.afleveringen()
        )
        assert states(client) == [State.SENT, State.SENT]
        assert len(outbox._tables.bodies) == 2


FAULT = Response(
    500,
    {"content-type": "text/xml"},
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
    b"<faultcode>soap:Client</faultcode><faultstring>x</faultstring></soap:Fault></soap:Body></soap:Envelope>",
)
RETRIED = [
    *(Response(status, {}, b"") for status in (408, 429, 500, 502, 503, 504, 599)),
    FAULT,
    Response(200, {"content-type": "text/html"}, b"<html></html>"),
    ConnectionRefusedError(111, "x"),
    ConnectionResetError(104, "x"),
    TimeoutError(110, "x"),
    OSError(5, "x"),
    TransportError("tls.expired", endpoint="partner.example:443", measure="x"),
]
FINAL = [Response(status, {}, b"") for status in (199, 301, 302, 400, 401, 403, 404, 405, 410, 413, 501, 505, 510)]


EMPTY = [Response(status, {}, body) for status in (200, 202, 204) for body in (b"", b" \r\n")]


class TestSend:
    """f.3, b.3: messages over the wire."""

    @pytest.mark.parametrize("answer", RETRIED, ids=repr)
    @pytest.mark.parametrize("profile", ["osb-rm", "osb-be"])
    def test_retried(self, answer: Any, profile: Profile) -> None:
        """B09, B40: f.3: tried again as the CPA says, the same octets; best effort has failed."""
        partner = Partner(profile=profile)
        partner.script.append(answer)
        client = partner.client()
        client.enqueue([letter()])
        report = client.send_due()
        assert (report.attempted, report.unreachable) == (1, 1)
        partner.clock.move(INTERVAL - timedelta(seconds=1))
        client.send_due()
        assert len(partner.posts) == 1
        partner.clock.move(timedelta(seconds=1))
        client.send_due()
        if profile == "osb-be":
            assert (states(client), len(partner.posts)) == ([State.HUMAN], 1)
            return
        assert states(client) == [State.SENT]
        assert partner.posts[0] == partner.posts[1]
        assert stored(client).entry.attempts == 2

    @pytest.mark.parametrize("answer", FINAL, ids=repr)
    @pytest.mark.parametrize("profile", ["osb-rm", "osb-be"])
    def test_refused(self, answer: Any, profile: Profile) -> None:
        """B40: f.3: no repeat will change it: failed at once, and its letters are a person's."""
        partner = Partner(profile=profile)
        partner.script.append(answer)
        client = partner.client()
        client.enqueue([letter()])
        report = client.send_due()
        assert (report.attempted, report.refused, states(client)) == (1, 1, [State.HUMAN])
        assert (stored(client).entry.state, stored(client).entry.attempts) == ("FAILED", 1)
        partner.clock.move(9 * DAY)
        client.send_due()
        assert len(partner.posts) == 1

    @pytest.mark.parametrize("answer", EMPTY, ids=repr)
    @pytest.mark.parametrize(
        ("profile", "sync", "after"),
        [
            ("osb-rm", False, (exchange.State.SENT, State.SENT, MOMENT + INTERVAL)),
            ("osb-rm", True, (exchange.State.PENDING, State.BATCHED, MOMENT + INTERVAL)),
            ("osb-be", False, (exchange.State.ACKNOWLEDGED, State.ACKNOWLEDGED, None)),
        ],
    )
    def test_empty(self, answer: Response, profile: Profile, sync: bool, after: Any) -> None:
        """B09, B45: f.3, h-14: no acknowledgment; a failure where one was promised; all that best effort asks."""
        partner = Partner(profile=profile, sync=sync)
        partner.reply = lambda _: answer
        client = partner.client()
        client.enqueue([letter()])
        report = client.send_due()
        entry = stored(client).entry
        assert (entry.state, states(client)[0], entry.next_attempt) == after
        assert (report.accepted, report.unreachable) == (int(not sync), int(sync))

    def test_schedule(self, client: Client, partner: Partner) -> None:
        """f.2, the worked example: nine sends three hours apart, accepted each time, and no tenth."""
        client.enqueue([letter()])
        sends = []
        for _ in range(27):
            before = len(partner.posts)
            client.send_due()
            sends += [partner.clock()] * (len(partner.posts) - before)
            partner.clock.move(timedelta(hours=1))
        assert sends == [MOMENT + number * INTERVAL for number in range(9)]

    def test_acknowledged_in_between(self, client: Client, partner: Partner) -> None:
        """f.3: the state is looked at before every send."""
        client.enqueue([letter()])
        client.send_due()
        partner.acknowledgment(partner.posts[0]).to(client)
        partner.clock.move(INTERVAL)
        assert client.send_due().attempted == 0

    def test_too_late(self, partner: Partner) -> None:
        """f.2: who comes back after the time to live sends nothing under that MessageId any more."""
        client = partner.client()
        client.enqueue([letter()])
        partner.script.append(ConnectionRefusedError())
        client.send_due()
        partner.clock.move(TIME_TO_LIVE)
        report = client.send_due()
        assert (report.expired, report.built, len(partner.posts)) == (1, 1, 2)
        assert partner.posts[0].message_id != partner.posts[1].message_id

    def test_expires_while_it_waits_its_turn(self, partner: Partner) -> None:
        """f.3: a message that was due and grew too old while others were sent is not sent either."""
        client = partner.client(partner.sender(regels=Regels(batch_berichten=1)))
        client.enqueue(some_letters(2))

        def slowly(_: Any) -> Response:
            partner.clock.move(TIME_TO_LIVE)
            return NOTHING

        partner.script.append(slowly)
        report = client.send_due()
        assert (report.built, report.attempted, report.expired) == (3, 2, 1)
        assert [post.bericht_ids for post in partner.posts] == [[one.bericht_id] for one in client.afleveringen()]

    def test_may_be_forgotten(self) -> None:
        """h-12: no send when the receiver may have forgotten the MessageId; the message waits until it expires."""
        partner = Partner()
        short = replace(partner.sender().route(MOMENT).retry, persist=timedelta(hours=4))  # type: ignore[type-var] # it is reliable
        client = partner.client()
        client.enqueue([letter()])
        client.send_due()
        with client._outbox.transaction() as tx:
            made = tx.message(partner.posts[0].message_id)
            assert made is not None
            entry = replace(made.entry, forget_at=MOMENT + timedelta(hours=4))
            tx.put_message(replace(made, policy=short, entry=entry))
        partner.clock.move(timedelta(hours=5))
        assert client.send_due() == SendReport()
        assert stored(client).entry.next_attempt is None
        partner.clock.move(DAY)
        assert client.send_due().expired == 1

    def test_alarm(self, partner: Partner) -> None:
        """f.3: a SOAP Fault and a wrong certificate do not pass by themselves: told at the first one, not each time."""
        wrong = TransportError("tls.expired", endpoint="partner.example:443", measure="x")
        partner.script.extend([FAULT, FAULT, wrong, wrong, NOTHING, FAULT])
        client = partner.client()
        client.enqueue([letter()])
        for _ in range(6):
            client.send_due()
            partner.clock.move(INTERVAL)
        told = [event.data["reason"] for event in every_event(client) if event.name == "message.alarm"]
        assert told == ["http.soap-fault", "tls.expired", "http.soap-fault"]

    def test_of_another_client(self, partner: Partner) -> None:
        """Clients of other senders may share the outbox: each sends its own, and lets all expire."""
        signed = Partner(profile="osb-rm-s", clock=partner.clock)
        outbox = MemoryOutbox()
        one = partner.client(outbox=outbox)
        other = signed.client(signed.sender(oin=OTHER), outbox=outbox)
        one.enqueue([letter(kenmerk="one")])
        other.enqueue([letter(kenmerk="other")])
        assert one.send_due().attempted == 1
        assert states(one) == [State.SENT, State.QUEUED]
        assert other.send_due().attempted == 1
        partner.clock.move(INTERVAL)
        assert one.send_due().attempted == 1
        partner.clock.move(TIME_TO_LIVE)
        assert one.send_due().expired == 2

    def test_clock_goes_back(self, client: Client, partner: Partner) -> None:
        """B23: a clock that is put back makes letters wait, and nothing is sent twice or lost."""
        client.enqueue([letter()])
        client.send_due()
        partner.clock.move(-DAY)
        client.enqueue([letter(kenmerk="second")])
        client.send_due()
        assert len(partner.posts) == 2
        partner.acknowledgment(partner.posts[1]).to(client)
        partner.verdict(partner.posts[0]).to(client)
        partner.clock.move(DAY + INTERVAL)
        client.send_due()
        assert (len(partner.batches), states(client)) == (2, [State.DELIVERED, State.ACKNOWLEDGED])

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_resent_octets(self, profile: Profile) -> None:
        """B42: a resend is the same octets under the same headers, signed or not."""
        partner = Partner(profile=profile)
        client = partner.client()
        client.enqueue(some_letters(3))
        for _ in range(3):
            client.send_due()
            partner.clock.move(INTERVAL)
        assert len(partner.posts) == 3
        assert all(post == partner.posts[0] for post in partner.posts)

    def test_our_signals(self, client: Client, partner: Partner) -> None:
        """f.5: an acknowledgment of ours is sent once, whatever is answered, and again only when it is asked for."""
        client.enqueue([letter()])
        client.send_due()
        result: Sent = partner.verdict(partner.posts[0])
        result.to(client)
        partner.reply = lambda _: Response(404, {}, b"")
        for _ in range(3):
            client.send_due()
            partner.clock.move(INTERVAL)
        assert len(partner.signals) == 1
        partner.reply = lambda post: partner.error(post).response
        for _ in range(2):
            result.to(client)
            client.send_due()
        assert [post.body for post in partner.signals] == [partner.signals[0].body] * 3
        assert states(client) == [State.DELIVERED]


class TestReminder:
    """B71, c.5: no answer is no answer."""

    def test_overdue(self, client: Client, partner: Partner) -> None:
        """B71: after a day somebody is told, and every day again; nothing is sent, and the letter stays open."""
        client.enqueue(some_letters(2))
        client.send_due()
        partner.acknowledgment(partner.posts[0]).to(client)
        told = []
        for _ in range(24 * 3 + 1):
            told.append(client.send_due().overdue)
            partner.clock.move(timedelta(hours=1))
        assert told == [2 if hour and hour % 24 == 0 else 0 for hour in range(24 * 3 + 1)]
        assert (len(partner.posts), states(client)) == (1, [State.ACKNOWLEDGED, State.ACKNOWLEDGED])
        assert [one.kenmerk for one in client.overdue()] == ["zaak-1", "zaak-2"]
        assert way(client).finding is not None
        assert client.balance()["open"] == 2

    def test_result_after_all(self, client: Client, partner: Partner) -> None:
        """B71: the result that comes after days counts as ever."""
        client.enqueue([letter()])
        client.send_due()
        partner.acknowledgment(partner.posts[0]).to(client)
        partner.clock.move(3 * DAY)
        client.send_due()
        partner.verdict(partner.posts[0]).to(client)
        partner.clock.move(DAY)
        assert client.send_due().overdue == 0
        assert (states(client), list(client.overdue())) == ([State.DELIVERED], [])

    def test_nobody_waits(self, client: Client, partner: Partner) -> None:
        """A letter that is not acknowledged is not overdue: its message is still under way."""
        client.enqueue([letter()])
        client.send_due()
        partner.clock.move(TIME_TO_LIVE - timedelta(seconds=1))
        assert client.send_due().overdue == 0


class TestAhead:
    """Issue 6: both cores where a run has more than one batch."""

    def test_made_while_others_are_sent(self, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the first messages are being uploaded the next ones are made."""
        monkeypatch.setattr(sending, "AT_ONCE", 2)
        client = partner.client(partner.sender(regels=Regels(batch_berichten=2)))
        client.enqueue(some_letters(6))
        made: list[str] = []
        second = Event()
        write_body = client._outbox.write_body

        def noted(message_id: str, write: Any) -> Any:
            made.append(message_id)
            if len(made) == 2:
                second.set()
            return write_body(message_id, write)

        monkeypatch.setattr(client._outbox, "write_body", noted)
        partner.reply = lambda _: NOTHING if second.wait(20) else Response(500, {}, b"")
        assert client.send_due().accepted == 3
        assert states(client) == [State.SENT] * 6


def test_report() -> None:
    """Reports add up, and so do the reasons why senders are blocked."""
    error = ValueError()
    report = SendReport(built=1, accepted=2) + SendReport(built=3, blocked={"cpa": error})
    assert report == SendReport(built=4, accepted=2, blocked={"cpa": error})


def fail(*_: Any) -> Any:
    """Fail as nothing in the library does."""
    return 1 // 0


def raised(error: Exception) -> Any:
    """Raise an error."""
    raise error
