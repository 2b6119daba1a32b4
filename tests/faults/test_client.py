"""The client when things go wrong or at the same time: threads, races, poison, many letters, and no BSN in any log."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from tests import letters
from tests.letters import BSNS, letter
from tests.partner import INTERVAL, NOTHING, TIME_TO_LIVE, Partner, Post, every_event, names, some_letters, states, way

from mobb_client.berichtenbox.aflevering import BACK_OFF, State
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, OutboxError
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.simulator.material import Profile
from mobb_client.transport.wire import Response

OTHER = "00000099000000003000"
ALL: tuple[Profile, ...] = ("osb-rm", "osb-rm-s", "osb-be", "osb-be-s")


def at_once(*works: Callable[[], object]) -> None:
    """Do several things in threads of their own, and raise what they raise."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.usefixtures("every_store")
class TestRaces:
    """Things that happen at the same time."""

    @pytest.mark.parametrize("last", [NOTHING, ConnectionResetError(104, "x"), Response(404, {}, b"")], ids=repr)
    @pytest.mark.parametrize("profile", ["osb-rm", "osb-rm-s"])
    def test_acknowledged_during_the_post(self, profile: Profile, last: Any) -> None:
        """B43: the acknowledgment comes over another connection before the sender has stored "sent": it stands."""
        partner = Partner(profile=profile)
        client = partner.client()

        def answer(post: Post) -> Any:
            assert partner.acknowledgment(post).to(client).status == 204
            return last

        partner.reply = answer
        client.enqueue(some_letters(2))
        client.send_due()
        assert states(client) == [State.ACKNOWLEDGED, State.ACKNOWLEDGED]
        partner.clock.move(INTERVAL)
        client.send_due()
        assert len(partner.posts) == 1
        late = [event.data["reason"] for event in every_event(client) if event.name == "message.late"]
        assert late == (["http.not-found"] if isinstance(last, Response) and last.status == 404 else [])

    def test_judged_during_the_post(self) -> None:
        """B43: and so does the result: delivered, its message acknowledged, nothing sent again."""
        partner = Partner()
        client = partner.client()

        def answer(post: Post) -> Response:
            if post in partner.batches:
                partner.verdict(post).to(client)
            return NOTHING

        partner.reply = answer
        client.send(letter())
        assert states(client) == [State.DELIVERED]
        partner.acknowledgment(partner.batches[0]).to(client)
        partner.clock.move(INTERVAL)
        client.send_due()
        assert len(partner.batches) == 1

    def test_judged_technical_during_the_post(self) -> None:
        """B43: a letter that is queued again while its first message is still being posted keeps its place."""
        partner = Partner()
        client = partner.client()
        partner.script.append(lambda post: (partner.verdict(post, "TechnischProbleem").to(client), NOTHING)[1])
        client.send(letter())
        assert states(client) == [State.QUEUED]
        partner.clock.move(BACK_OFF[0])
        client.send_due()
        assert states(client) == [State.SENT]
        assert [len(post.bericht_ids) for post in partner.batches] == [1, 1]

    def test_warned_during_the_post(self) -> None:
        """B36: a warning that comes while a message is being posted does not let another worker post it too."""
        partner = Partner()
        client = partner.client()
        attempts: list[int] = []

        def answer(post: Post) -> Response:
            partner.error(post, "DeliveryFailure", "Warning").to(client)
            attempts.append(client.send_due().attempted)
            return NOTHING

        partner.script.append(answer)
        client.send(letter())
        assert attempts == [0]

    def test_asked_again_during_the_post(self) -> None:
        """B36, B42: a result comes again while its acknowledgment is being posted: that post is the answer."""
        partner = Partner()
        client = partner.client()
        client.send(letter())
        result = partner.verdict(partner.posts[0])
        result.to(client)
        sent: list[int] = []

        def answer(_: Post) -> Response:
            result.to(client)
            sent.append(client.send_due().attempted)
            return NOTHING

        partner.script.append(answer)
        client.send_due()
        assert (sent, len(partner.signals)) == ([0], 1)

    def test_reminded_at_once(self) -> None:
        """B71: two workers that look at the same time tell once."""

        class Slow(MemoryOutbox):
            def overdue(self, *args: Any) -> Any:
                found = super().overdue(*args)
                if rivals:
                    assert rivals.pop().send_due().overdue == 1
                return found

        rivals: list[Client] = []
        partner, outbox = Partner(), Slow()
        client = partner.client(outbox=outbox)
        client.send(letter())
        partner.acknowledgment(partner.posts[0]).to(client)
        partner.clock.move(timedelta(days=1))
        rivals.append(partner.client(outbox=outbox))
        assert client.send_due().overdue == 0
        assert names(client, "letter.o") == ["letter.overdue"]

    def test_acknowledged_while_it_expires(self) -> None:
        """B41: an acknowledgment that comes at the last moment counts, and nothing has expired."""

        class Slow(MemoryOutbox):
            def expiring(self, *args: Any) -> Any:
                found = super().expiring(*args)
                for message in found:
                    partner.acknowledgment(partner.posts[0]).to(client)
                    assert message.message_id == partner.posts[0].message_id
                return found

        partner = Partner()
        client = partner.client(outbox=Slow())
        client.send(letter())
        partner.clock.move(TIME_TO_LIVE)
        assert client.send_due().expired == 0
        assert states(client) == [State.ACKNOWLEDGED]

    def test_expires_during_the_post(self) -> None:
        """B36: while a message is being posted no other worker takes its letters back, also when its time is up."""
        partner = Partner()
        client = partner.client()
        reports: list[Any] = []

        def answer(_: Post) -> Response:
            partner.clock.move(timedelta(minutes=20))
            reports.append(client.send_due())
            return NOTHING

        partner.script.extend([NOTHING, answer])
        client.send(letter())
        partner.clock.move(TIME_TO_LIVE - timedelta(minutes=10))
        client.send_due()
        assert (reports[0].expired, len(partner.posts)) == (0, 2)
        assert client.send_due().expired == 1

    @pytest.mark.parametrize("workers", [2, 4])
    def test_workers(self, workers: int) -> None:
        """B36: several workers on one outbox, a slow server: each letter in one message, each message once."""
        partner = Partner()
        busy = Counter[str]()

        def answer(post: Post) -> Response:
            busy[post.message_id] += 1
            time.sleep(0.002)
            busy[post.message_id] -= 1
            assert busy[post.message_id] == 0, "two workers at the same message"
            return NOTHING

        partner.reply = answer
        outbox = MemoryOutbox()
        sender = partner.sender(regels=Regels(batch_berichten=3))
        clients = [partner.client(sender, outbox=outbox) for _ in range(workers)]
        clients[0].enqueue(some_letters(60))
        at_once(*(client.send_due for client in clients))
        offered = Counter(one for post in partner.posts for one in post.bericht_ids)
        assert set(offered.values()) == {1}
        assert len(offered) == 60
        assert Counter(post.message_id for post in partner.posts).most_common(1)[0][1] == 1
        assert set(states(clients[0])) == {State.SENT}

    def test_everything_at_once(self) -> None:
        """Letters come in, go out and are judged in threads: each ends once, and the balance closes."""
        partner = Partner(profile="osb-rm-s")
        heard: list[str] = []
        client = partner.client(partner.sender(regels=Regels(batch_berichten=5)))
        listener = partner.client(
            partner.sender(), outbox=client._outbox, on_aflevering=lambda one: heard.append(one.kenmerk)
        )
        judged: list[Post] = []
        stop = threading.Event()

        def enqueue() -> None:
            for number in range(40):
                client.enqueue([letter(kenmerk=f"zaak-{number}")])

        def send() -> None:
            while not stop.is_set():
                client.send_due()

        def judge() -> None:
            while not (len(client._outbox.events()) and client.balance()["delivered"] == 40):
                for post in [one for one in list(partner.batches) if one not in judged]:
                    judged.append(post)
                    partner.acknowledgment(post).to(client)
                    at_once(*[partial(partner.verdict(post).to, client)] * 2)
            stop.set()

        def dispatch() -> None:
            while not stop.is_set():
                listener.dispatch()

        at_once(enqueue, send, send, judge, dispatch)
        listener.dispatch()
        assert client.balance() == {"input": 40, "delivered": 40, "paper": 0, "human": 0, "open": 0}
        ended = Counter(event.kenmerk for event in every_event(client) if event.name == "letter.delivered")
        assert (len(ended), set(ended.values())) == (40, {1})
        assert set(heard) == {f"zaak-{number}" for number in range(40)}


class TestPoison:
    """B37: one that cannot be sent never stops the others."""

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("a wire that is not well made"),
            OSError(28, "no space left on device"),
            OutboxError("the message ends 7 octets too early"),
            ConfigurationError(),
            RuntimeError(),
        ],
        ids=repr,
    )
    def test_wire(self, error: Exception) -> None:
        """B37: whatever a wire raises for one message, the others leave, and that one is tried again."""
        partner = Partner()
        partner.script.extend([NOTHING, error, NOTHING])
        client = partner.client(partner.sender(regels=Regels(batch_berichten=1)))
        client.enqueue(some_letters(3))
        report = client.send_due()
        assert (report.attempted, report.accepted, report.unreachable) == (3, 2, 1)
        assert Counter(states(client)) == {State.SENT: 2, State.BATCHED: 1}
        partner.clock.move(INTERVAL)
        client.send_due()
        assert set(states(client)) == {State.SENT}

    def test_octets_gone(self) -> None:
        """B37: a message whose octets are gone is told, and its letters leave in another when it expires."""
        partner = Partner()
        client = partner.client()
        partner.script.append(ConnectionRefusedError())
        client.send(letter())
        (message_id,) = (event.message_id for event in every_event(client) if event.name == "message.pending")
        with client._outbox.transaction() as tx:
            tx.drop_body(message_id or "")
        for _ in range(8):
            partner.clock.move(INTERVAL)
            client.send_due()
        assert (len(partner.posts), names(client, "message.alarm")) == (1, ["message.alarm"])
        partner.clock.move(INTERVAL)
        client.send_due()
        assert (len(partner.posts), states(client)) == (2, [State.SENT])

    def test_vanished(self) -> None:
        """A message that is purged while it is posted is nobody's business any more."""
        partner = Partner()
        outbox = MemoryOutbox()
        client = partner.client(outbox=outbox)

        def answer(post: Post) -> Response:
            del outbox._tables.messages[post.message_id]
            return NOTHING

        partner.script.append(answer)
        client.enqueue([letter()])
        assert client.send_due().attempted == 0
        assert states(client) == [State.BATCHED]

    def test_letter_purged_too_early(self) -> None:
        """A queued letter without content cannot leave: a person's, and it keeps nobody else."""
        partner, outbox = Partner(), MemoryOutbox()
        client = partner.client(outbox=outbox)
        first, _ = client.enqueue(some_letters(2))
        outbox._tables.contents[first.key] = None
        client.send_due()
        assert states(client) == [State.HUMAN, State.SENT]
        assert way(client).reason == "aflevering.purged"

    def test_other_side_of_one_sender(self) -> None:
        """B37: one partner that refuses everything does not keep the letters to another."""
        partner, signed = Partner(), Partner(profile="osb-rm-s")
        partner.reply = lambda post: Response(500 if post.header.cpa_id == signed.cpa.cpa_id else 204, {}, b"")
        client = partner.client(partner.sender(), signed.sender(oin=OTHER))
        client.enqueue([letter(oin=OTHER), *some_letters(1, oin="00000099000000001000")])
        client.send_due()
        assert states(client) == [State.BATCHED, State.SENT]


class Counted(MemoryOutbox):
    """A store that counts what it is asked to look at."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = Counter[str]()

    def lease_letters(self, *args: Any, **more: Any) -> Any:
        """Count calls, and letters that were given out."""
        found = super().lease_letters(*args, **more)
        self.calls["lease_letters"] += 1
        self.calls["letters"] += len(found)
        return found

    def lease_due(self, *args: Any, **more: Any) -> Any:
        """Count calls."""
        self.calls["lease_due"] += 1
        return super().lease_due(*args, **more)


@pytest.mark.usefixtures("no_hang")
def test_twenty_thousand() -> None:
    """Design 4: growth is linear: 20,000 letters from a generator, each stored, leased, sent and judged once."""
    partner, outbox = Partner(), Counted()
    client = partner.client(outbox=outbox)
    numbers = count(1)
    read = (letter(kenmerk=f"zaak-{next(numbers)}") for _ in range(20_000))
    assert len(client.enqueue(read)) == next(numbers) - 1 == 20_000
    assert client.send_due().built == 20
    assert outbox.calls == {"lease_letters": 21, "letters": 20_000, "lease_due": 20 + 21}
    for post in partner.posts[:20]:
        partner.verdict(post).to(client)
    assert client.balance() == {"input": 20_000, "delivered": 20_000, "paper": 0, "human": 0, "open": 0}
    assert len(every_event(client)) == 20_000 * 4 + 20 * 4


class TestLogs:
    """B55: nothing of a citizen in any log."""

    @pytest.fixture
    def everything(self, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
        """Catch all that is logged by anybody at any level."""
        caplog.set_level(logging.DEBUG)
        loggers = [logging.getLogger(name) for name in [*logging.root.manager.loggerDict]]
        before = [one.level for one in loggers]
        for one in loggers:
            one.setLevel(logging.DEBUG)
        yield caplog
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)

    @pytest.mark.parametrize("profile", ALL)
    def test_every_logger_at_debug(self, profile: Profile, everything: pytest.LogCaptureFixture) -> None:
        """Style 5: a whole exchange with every verdict, refusals, faults, duplicates: no BSN, no text, no subject."""
        partner = Partner(profile=profile)
        client = partner.client()
        codes = ("Verwerkt", "NietActiefOfGeabonneerd", "TechnischProbleem", "BijlageTeGroot", f"Nieuw{BSNS[0]}", "00")
        held = [
            letter(kenmerk=f"zaak-{number}", bsn=bsn, bijlagen=[(letters.pdf(600), f"Voor {number}.pdf")])
            for number, bsn in enumerate(BSNS)
        ]
        client.enqueue(held)
        partner.script.extend([ConnectionResetError(104, "x")])
        for _ in range(3):
            client.send_due()
            partner.clock.move(INTERVAL)
        post = partner.batches[0]
        partner.error(post, "DeliveryFailure", "Warning").to(client)
        partner.write(partner.error(post).message, signed=True).edited("999993653", "999993654").to(client)
        result = partner.result(
            post, *(letters.verdict(*pair) for pair in zip(post.bericht_ids, codes, strict=True)), documents=None
        )
        result.to(client)
        result.to(client)
        partner.verdict(post, message_id=result.message_id).to(client)
        partner.result(post, documents=[f"<no>{BSNS[0]}</no>".encode()]).to(client)
        partner.error(post).to(client)
        client.ping()
        client.send_due()
        partner.clock.move(TIME_TO_LIVE + timedelta(days=2))
        client.send_due()
        assert everything.records
        for record in everything.records:
            shown = f"{record.__dict__} {record.getMessage()}"
            assert not [word for word in (*BSNS, "Besluit op", "toegekend", "Voor 1", "<ber:") if word in shown]
        told = f"{every_event(client)} {[(one, one.finding) for one in client.afleveringen()]} {client._outbox!r}"
        assert not [bsn for bsn in BSNS if bsn in told]


def test_closed_list_of_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Style 5: a log line is an event name; what there is to know of it stands in its fields."""
    caplog.set_level(logging.DEBUG, "mobb_client")
    partner = Partner()
    client: Client = partner.client()
    client.send(letter())
    partner.verdict(partner.posts[0]).to(client)
    client.send_due()
    lines = {record.getMessage() for record in caplog.records if record.name.startswith("mobb_client")}
    assert all("." in line and " " not in line for line in lines)
    assert "letter.delivered" in lines
