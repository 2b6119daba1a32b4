"""Messages over the wire: how many at once, how fast, when not at all, and a stop in each phase."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, BinaryIO

import pytest
from tests.letters import letter
from tests.material import MOMENT
from tests.partner import (
    INTERVAL,
    NOTHING,
    Clock,
    Partner,
    Post,
    every_event,
    names,
    some_letters,
    states,
    way,
)

from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, OutboxError, TransportError
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.pacing import Pace, Throttle
from mobb_client.tally import SendReport
from mobb_client.transport.wire import Response

OURS = "00000099000000001000"
OTHER = "00000099000000003000"
SECOND = timedelta(seconds=1)
DOWN = [
    Response(503, {}, b""),
    Response(429, {}, b""),
    ConnectionRefusedError(111, "x"),
    TransportError("network.connect-timeout", endpoint="partner.example:443", measure="x"),
    TransportError("tls.closed", endpoint="partner.example:443", measure="x"),
]
NOT_DOWN = [Response(500, {}, b""), Response(502, {}, b""), ConnectionResetError(104, "x"), TimeoutError(110, "x")]


def one_a_message(partner: Partner, **more: Any) -> Client:
    """Return a client that puts one letter in a message."""
    return partner.client(partner.sender(regels=Regels(batch_berichten=1)), **more)


def attempts(client: Client) -> list[int]:
    """Return how often each message of letters was sent, in the order in which they were made."""
    made = [event.message_id for event in every_event(client) if event.name == "message.pending"]
    with client._outbox.transaction() as tx:
        found = [tx.message(one or "") for one in made]
    return [one.entry.attempts for one in found if one]


class TestPause:
    """h.5: the other side as a whole is down."""

    @pytest.mark.parametrize("answer", DOWN, ids=repr)
    def test_costs_one_attempt(self, answer: Any) -> None:
        """B37, B38: an outage does not use up the retries of everything that waits, and nothing of it is lost."""
        partner = Partner(reply=lambda _: answer)
        client = one_a_message(partner)
        client.enqueue(some_letters(20))
        report = client.send_due()
        assert (report.built, report.attempted) == (20, 1)
        assert report.paused == {partner.cpa.cpa_id: MOMENT + SECOND}
        assert sum(attempts(client)) == 1
        partner.reply = lambda _: NOTHING
        partner.clock.move(SECOND)
        report = client.send_due()
        assert (report.attempted, report.paused) == (19, {})
        assert Counter(states(client)) == {State.SENT: 19, State.BATCHED: 1}
        partner.clock.move(INTERVAL)
        client.send_due()
        assert set(states(client)) == {State.SENT}

    @pytest.mark.parametrize("answer", NOT_DOWN, ids=repr)
    def test_of_one_message(self, answer: Any) -> None:
        """B37: what may be the fault of one message stops no other."""
        partner = Partner()
        partner.script.append(answer)
        client = one_a_message(partner)
        client.enqueue(some_letters(5))
        report = client.send_due()
        assert (report.attempted, report.accepted, report.paused) == (5, 4, {})

    def test_others_go_on(self) -> None:
        """B37: the other CPA's letters leave."""
        partner, signed = Partner(), Partner(profile="osb-rm-s")
        partner.reply = lambda post: Response(503 if post.header.cpa_id == signed.cpa.cpa_id else 204, {}, b"")
        client = partner.client(signed.sender(oin=OTHER), partner.sender())
        client.enqueue([letter(kenmerk="stays", oin=OTHER), *some_letters(3, oin=OURS)])
        assert list(client.send_due().paused) == [signed.cpa.cpa_id]
        client.enqueue([letter(kenmerk="later", oin=OTHER), letter(kenmerk="goes", oin=OURS)])
        client.send_due()
        assert (way(client, "later").state, way(client, "goes").state) == (State.QUEUED, State.SENT)

    def test_night(self) -> None:
        """Twelve hours of 503: a probe each five minutes at most, and then all of it leaves; nobody is a person's."""
        partner = Partner(reply=lambda _: Response(503, {}, b""))
        client = one_a_message(partner)
        client.enqueue(some_letters(40))
        for _ in range(12 * 60):
            client.send_due()
            partner.clock.move(timedelta(minutes=1))
        assert 100 < len(partner.posts) < 12 * 12 + 15
        partner.reply = lambda _: NOTHING
        for _ in range(4):
            client.send_due()
            partner.clock.move(timedelta(hours=1))
        assert set(states(client)) == {State.SENT}

    def test_retry_after(self) -> None:
        """RFC 9110 10.2.3: they know best for how long; the message's own interval is longer, and stays."""
        partner = Partner()
        partner.script.append(Response(503, {"retry-after": "600"}, b""))
        client = one_a_message(partner)
        client.enqueue(some_letters(2))
        until = MOMENT + timedelta(minutes=10)
        assert client.send_due().paused == {partner.cpa.cpa_id: until}
        assert client.next_due() == until
        partner.clock.move(timedelta(minutes=10) - SECOND)
        assert client.send_due() == SendReport(paused={partner.cpa.cpa_id: until})
        partner.clock.move(SECOND)
        assert client.send_due().accepted == 1
        assert client.next_due() == MOMENT + INTERVAL

    def test_last_chance(self) -> None:
        """f.3: a message whose time to live ends within the pause is tried in the pause; the others keep waiting."""
        partner = Partner()
        client = one_a_message(partner)
        client.enqueue([letter(kenmerk="old")])
        partner.script.append(Response(500, {}, b""))
        client.send_due()
        partner.clock.move(INTERVAL)
        client.enqueue(some_letters(3))
        partner.script.append(Response(503, {}, b""))  # of the old one, whose next send would be in three hours
        client.send_due()
        plan_again(client, partner)
        short_lived(client, way(client, "old").message_id or "", partner.clock() + SECOND / 2)
        partner.reply = lambda _: Response(503, {}, b"")
        before = len(partner.posts)
        report = client.send_due()
        assert [post.bericht_ids for post in partner.posts[before:]] == [[way(client, "old").bericht_id]]
        assert report.paused == {partner.cpa.cpa_id: partner.clock() + SECOND}, "as it was"

    def test_best_effort(self) -> None:
        """B45: f.3 fails the one that found out; the others have their one send when there is somebody."""
        partner = Partner(profile="osb-be")
        partner.script.append(ConnectionRefusedError(111, "x"))
        client = one_a_message(partner)
        client.enqueue(some_letters(5))
        client.send_due()
        partner.clock.move(SECOND)
        client.send_due()
        assert Counter(states(client)) == {State.HUMAN: 1, State.ACKNOWLEDGED: 4}

    def test_next_due(self) -> None:
        """When to come back: for a CPA that is paused not before its pause ends."""
        partner, signed = Partner(), Partner(profile="osb-rm-s")
        client = partner.client(signed.sender(oin=OTHER), partner.sender(regels=Regels(batch_berichten=1)))
        assert client.next_due() is None
        client.enqueue(some_letters(2, oin=OURS))
        partner.script.append(Response(503, {}, b""))
        client.send_due()
        assert client.next_due() == MOMENT + SECOND
        client.enqueue([letter(kenmerk="x", oin=OTHER)])
        client.send_due()
        partner.clock.move(SECOND)
        client.send_due()
        assert client.next_due() == MOMENT + INTERVAL


def plan_again(client: Client, partner: Partner) -> None:
    """Make every message due now."""
    made = [event.message_id for event in every_event(client) if event.name == "message.pending"]
    with client._outbox.transaction() as tx:
        for message in map(tx.message, filter(None, made)):
            assert message is not None
            tx.put_message(replace(message, entry=replace(message.entry, next_attempt=partner.clock())))


def short_lived(client: Client, message_id: str, until: Any) -> None:
    """Let a message's time to live end at a moment."""
    with client._outbox.transaction() as tx:
        message = tx.message(message_id)
        assert message is not None
        tx.put_message(replace(message, entry=replace(message.entry, time_to_live=until)))


class Ticks:
    """A monotonic clock that waiting moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lock = threading.Lock()

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds

    def wait(self, _: object, seconds: float) -> None:
        """Let time pass."""
        with self.lock:
            self.seconds += seconds


class Noted(Throttle):
    """A throttle that goes by a clock of the test, and notes when each turn was taken.

    A reply comes later than the turn, by as much as other threads have waited meanwhile: it would tell nothing.
    """

    def __init__(self, per_minute: int) -> None:
        self.ticks = Ticks()
        self.turns: list[float] = []
        super().__init__(per_minute, monotonic=self.ticks, wait=self.ticks.wait)

    def take(self) -> None:
        """Note it."""
        self.turns.append(self.ticks())
        super().take()


def throttled(client: Client, per_minute: int) -> Noted:
    """Give a client a throttle that goes by a clock of the test."""
    client._sending._posting._throttle = throttle = Noted(per_minute)
    return throttle


class TestThrottle:
    """h.5: so many sends a minute."""

    @pytest.mark.parametrize("parallel", [1, 4])
    def test_shared(self, parallel: int) -> None:
        """All threads of a client together."""
        partner = Partner()
        client = one_a_message(partner, parallel=parallel)
        throttle = throttled(client, 20)
        client.enqueue(some_letters(25))
        assert client.send_due().accepted == 25
        turns = throttle.turns
        assert len(turns) == 25
        assert max(sum(begin <= one < begin + 60 for one in turns) for begin in turns) <= 20
        assert throttle.ticks() >= 24 * 3

    def test_nothing_to_wait_for(self) -> None:
        """After the last send nobody waits for a turn that nobody needs."""
        partner = Partner()
        client = partner.client(per_minute=1)
        client.enqueue([letter()])
        client.send_due()
        client.send_due()
        assert len(partner.posts) == 1

    def test_leased_when_it_is_its_turn(self) -> None:
        """B36: what waits for the throttle waits in the outbox: another worker may take it."""
        partner, outbox = Partner(), MemoryOutbox()
        client = one_a_message(partner, outbox=outbox)
        throttle = throttled(client, 1)
        held: list[int] = []
        wait = throttle.ticks.wait
        throttle._wait = lambda *args: (held.append(len(outbox._tables.sending)), wait(*args))
        client.enqueue(some_letters(3))
        client.send_due()
        assert held == [0, 0]

    def test_bounds(self) -> None:
        """A pace that is none is wrong configuration."""
        partner = Partner()
        for wrong in ({"parallel": 0}, {"per_minute": 0}):
            with pytest.raises(ConfigurationError):
                partner.client(**wrong)

    def test_use(self) -> None:
        """B50: a new pace counts from the next message on; the same one loses no turn."""
        partner = Partner()
        client = partner.client(per_minute=5)
        posting = client._sending._posting
        before = posting._throttle
        client.use(partner.sender(), pace=Pace(1, 5))
        assert posting._throttle is before
        client.use(partner.sender(), pace=Pace(2, 6))
        assert (posting._throttle._interval, posting._pace.parallel) == (10, 2)


@dataclass
class Slow:
    """A wire over which uploads meet: each waits until as many are under way as were asked for."""

    partner: Partner
    together: int
    busy: int = 0
    most: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Response:
        """Wait for the others."""
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
            if self.busy == self.together:
                self.reached.set()
        assert self.reached.wait(20)
        try:
            return self.partner.post(url, headers, body, size)
        finally:
            with self.lock:
                self.busy -= 1


class TestParallel:
    """h.5: several uploads at the same time."""

    @pytest.mark.parametrize("parallel", [1, 2, 5])
    def test_at_once(self, parallel: int) -> None:
        """As many as were asked for, and no more; each message once."""
        partner = Partner()
        wire = Slow(partner, together=parallel)
        client = one_a_message(partner, wire=wire, parallel=parallel)
        client.enqueue(some_letters(20))
        assert client.send_due().accepted == 20
        assert wire.most == parallel
        assert set(Counter(post.message_id for post in partner.posts).values()) == {1}
        assert not [one for one in threading.enumerate() if one.name == "mobb-posting"]

    def test_after_an_outage(self) -> None:
        """One tries, and when it is answered all hands are back."""
        partner = Partner(reply=lambda _: Response(503, {}, b""))
        client = one_a_message(partner, parallel=3)
        client.enqueue(some_letters(12))
        assert 1 <= client.send_due().attempted <= 3
        before = len(partner.posts)
        partner.clock.move(SECOND)
        client.send_due()
        assert len(partner.posts) == before + 1
        partner.reply = lambda _: NOTHING
        partner.clock.move(2 * SECOND)
        client.send_due()
        wire = Slow(partner, together=3)
        client.enqueue(letter(kenmerk=f"more-{number}") for number in range(6))
        client._wires._given = wire
        client.send_due()
        assert wire.most == 3

    def test_store_fails(self) -> None:
        """When the store fails in one thread it is told, after the others have finished what they were at."""

        class Failing(MemoryOutbox):
            broken = False

            def lease_due(self, *args: Any, **more: Any) -> Any:
                if self.broken:
                    raise OutboxError("the disk is full")
                return super().lease_due(*args, **more)

        outbox, partner = Failing(), Partner()
        client = one_a_message(partner, outbox=outbox, parallel=3)
        client.enqueue(some_letters(9))

        def answer(_: Post) -> Response:
            outbox.broken = len(partner.posts) >= 4
            return NOTHING

        partner.reply = answer
        with pytest.raises(OutboxError):
            client.send_due()
        assert Counter(states(client))[State.SENT] == len(partner.posts) < 9
        outbox.broken, partner.reply = False, lambda _: NOTHING
        client.send_due()
        assert set(states(client)) == {State.SENT}
        assert len(partner.posts) == 9

    def test_no_threads_to_be_had(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """B38: when the system gives no thread the work is done by those that there are, and nothing is lost."""
        partner = Partner()
        client = one_a_message(partner, parallel=4)
        client.enqueue(some_letters(5))

        def refuse(_: object) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            assert client.send_due().accepted == 5

    def test_interrupted(self) -> None:
        """Control-C in one of them ends the uploads of the others, and everything is let go of."""
        partner, outbox = Partner(), MemoryOutbox()
        client = one_a_message(partner, outbox=outbox, parallel=3)
        client.enqueue(some_letters(9))
        main = threading.current_thread()
        together = threading.Barrier(3, timeout=20)

        def answer(_: Post) -> Response:
            if len(partner.posts) <= 3:
                together.wait()
            if threading.current_thread() is main:
                raise KeyboardInterrupt
            return NOTHING

        partner.reply = answer
        with pytest.raises(KeyboardInterrupt):
            client.send_due()
        assert outbox._tables.sending == set()
        partner.reply = lambda _: NOTHING
        assert one_a_message(partner, outbox=outbox).send_due().attempted > 0
        assert set(states(client)) == {State.SENT}


@contextmanager
def uploading(client: Client, partner: Partner, begin: Callable[[BinaryIO], object]) -> Iterator[None]:
    """Let `begin` read the first of a body before the rest of it is read."""

    class Wire:
        def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Response:
            begin(body)
            body.seek(0)
            return partner.post(url, headers, body, size)

    before = client._wires._given
    client._wires._given = Wire()
    yield
    client._wires._given = before


def nothing_happened(client: Client, partner: Partner) -> None:
    """Check that a message of one letter stands as if no upload had begun, and that another worker can send it."""
    assert names(client, "message.") == ["message.pending"]
    assert (attempts(client), states(client)) == ([0], [State.BATCHED])
    other = partner.client(outbox=client._outbox)
    assert other.send_due().accepted == 1
    assert states(client) == [State.SENT]


class TestStop:
    """A clean stop, in each phase."""

    def test_before(self) -> None:
        """Nothing is leased, built or sent any more; letters are still taken in."""
        partner = Partner()
        client = partner.client()
        client.stop()
        client.enqueue([letter()])
        assert client.send_due() == SendReport()
        assert partner.client(outbox=client._outbox).send_due().accepted == 1

    def test_in_mid_upload(self) -> None:
        """Ended at its next block: no attempt, no event; the same octets go by another worker at once."""
        partner = Partner()
        client = partner.client()
        client.enqueue([letter()])
        octets: list[bytes] = []

        def begin(body: BinaryIO) -> None:
            octets.append(body.read(10))
            client.stop()

        with uploading(client, partner, begin):
            assert client.send_due() == SendReport(built=1)
        assert partner.posts == []
        nothing_happened(client, partner)
        assert partner.posts[0].body.startswith(octets[0])

    def test_while_an_answer_is_awaited(self) -> None:
        """What was sent whole is answered, and the answer is stored."""
        partner = Partner(profile="osb-rm-s", sync=True)
        client = one_a_message(partner)

        def answer(post: Post) -> Response:
            client.stop()
            return partner.acknowledgment(post).response

        partner.reply = answer
        client.enqueue(some_letters(3))
        assert client.send_due().acknowledged == 1
        assert Counter(states(client)) == {State.ACKNOWLEDGED: 1, State.BATCHED: 2}

    def test_while_messages_are_made(self) -> None:
        """A message that was begun is stored; the letters of the next ones are let go of."""
        partner = Partner()

        class Telling(MemoryOutbox):
            def write_body(self, *args: Any) -> Any:
                client.stop()
                return super().write_body(*args)

        outbox = Telling()
        client = one_a_message(partner, outbox=outbox)
        client.enqueue(some_letters(3))
        assert client.send_due() == SendReport(built=1)
        assert states(client) == [State.BATCHED, State.QUEUED, State.QUEUED]
        assert (outbox._tables.leases, outbox._tables.sending) == (set(), set())

    def test_while_it_waits_its_turn(self) -> None:
        """A throttle that waits for a minute is woken."""
        partner = Partner()
        client = one_a_message(partner, per_minute=1)
        client.enqueue(some_letters(3))
        partner.script.append(lambda _: (threading.Timer(0.01, client.stop).start(), NOTHING)[1])
        assert client.send_due().attempted == 1

    def test_from_another_thread(self) -> None:
        """All of several uploads end."""
        partner, outbox = Partner(), MemoryOutbox()
        client = one_a_message(partner, outbox=outbox, parallel=3)
        client.enqueue(some_letters(9))
        together = threading.Barrier(3, timeout=20)

        def begin(body: BinaryIO) -> None:
            body.read(10)
            if together.wait() == 0:
                client.stop()
            while not client._sending._stop.is_asked:
                pass

        with uploading(client, partner, begin):
            assert client.send_due() == SendReport(built=9)
        assert (partner.posts, outbox._tables.sending, sum(attempts(client))) == ([], set(), 0)


class TestBrokenOff:
    """An upload that ends without anything being wrong."""

    def test_taken_over(self) -> None:
        """B36: who may have lost its lease stops at the next block: no attempt, no event."""

        class Lost(MemoryOutbox):
            is_lost = False

            def alive_check(self) -> Callable[[], None]:
                def check() -> None:
                    if self.is_lost:
                        self.is_lost = False
                        client.stop()  # or it would begin again: nobody else is there
                        raise OutboxError("too long ago")

                return check

        partner, outbox = Partner(), Lost()
        client = partner.client(outbox=outbox)
        client.enqueue([letter()])

        def begin(body: BinaryIO) -> None:
            body.read(10)
            outbox.is_lost = True

        with uploading(client, partner, begin):
            client.send_due()
        nothing_happened(client, partner)

    def test_answered_meanwhile(self) -> None:
        """B43: octets that are dropped since an acknowledgment came on another connection are no alarm."""

        class Dropping(MemoryOutbox):
            def open_body(self, message_id: str) -> BinaryIO:
                body = super().open_body(message_id)

                class Gone:
                    def __enter__(self) -> BinaryIO:
                        return body

                    def __exit__(self, *_: object) -> None:
                        if message_id not in outbox._tables.bodies:
                            raise OutboxError("the octets are gone")

                return Gone()  # type: ignore[return-value] # as much of a file as is needed

        partner, outbox = Partner(), Dropping()
        client = partner.client(outbox=outbox)
        partner.reply = lambda post: (partner.acknowledgment(post).to(client), NOTHING)[1]
        client.enqueue([letter()])
        report = client.send_due()
        assert (report.attempted, states(client)) == (0, [State.ACKNOWLEDGED])
        assert names(client, "message.a") == ["message.acknowledged"]
        assert outbox._tables.sending == set()

    def test_sender_gone(self) -> None:
        """B50: a CPA that is taken out of the settings while its message is chosen: it waits for whoever has it."""
        partner, signed = Partner(), Partner(profile="osb-rm-s")

        class Swapping(MemoryOutbox):
            def alive_check(self) -> Callable[[], None]:
                client.use(signed.sender())
                return super().alive_check()

        client = partner.client(outbox=Swapping())
        client.enqueue([letter()])
        assert client.send_due().attempted == 0
        nothing_happened(client, partner)

    def test_lease_kept(self) -> None:
        """B39: a lease that cannot be ended now is ended at the next occasion."""

        class Failing(MemoryOutbox):
            broken = 0

            def transaction(self, using: object | None = None) -> Any:
                if self.broken:
                    self.broken -= 1
                    raise OutboxError("the database is gone")
                return super().transaction(using)

        partner, outbox = Partner(), Failing()
        client = one_a_message(partner, outbox=outbox)
        client.enqueue(some_letters(2))

        def answer(_: Post) -> Response:
            outbox.broken = 2  # what came of it cannot be stored, nor can the lease be ended
            return NOTHING

        partner.script.append(answer)
        with pytest.raises(OutboxError):
            client.send_due()
        assert len(outbox._tables.sending) == 1
        client.enqueue([letter(kenmerk="more")])
        client.send_due()
        client.send_due()
        assert outbox._tables.sending == set()
        assert set(states(client)) == {State.SENT}


def test_on_report() -> None:
    """What was done so far is told now and then, up to all of it."""
    partner = Partner()
    client = partner.client(partner.sender(regels=Regels(batch_berichten=500)))
    client.enqueue(some_letters(1500))
    told: list[SendReport] = []
    report = client.send_due(told.append)
    assert [one.attempted for one in told] == [0, 2, 3]
    assert told[-1] == report


def test_heart_of_the_work() -> None:
    """A worker beats while it sends, and its beats that fail end nothing."""

    class Hearted(MemoryOutbox):
        beat_every = 0.001  # type: ignore[assignment] # of a store in memory there is nobody to tell
        beats = 0

        def beat(self) -> None:
            self.beats += 1
            if self.beats >= 3:
                heard.set()
            raise OutboxError("the database is gone")

    heard = threading.Event()
    partner, outbox = Partner(clock=Clock()), Hearted()
    partner.reply = lambda _: NOTHING if heard.wait(20) else Response(404, {}, b"")
    client = partner.client(outbox=outbox, on_aflevering=lambda _: None)
    client.enqueue([letter()])
    assert client.send_due().accepted == 1
    for work in (client.send_signals, client.dispatch):
        before = outbox.beats
        work()
        assert outbox.beats > before
