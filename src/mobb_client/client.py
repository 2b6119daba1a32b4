"""One caller's client: letters in, letters on their way, answers in, and where every letter stands.

Ties the floors together: the outbox keeps, `sending` sends what is due, `receiving` takes in what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from types import TracebackType
from typing import Final, Self
from uuid import UUID, uuid4

from mobb_client import ledger
from mobb_client.abonnementen import Abonnementen
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.desk import Desk
from mobb_client.ebms import agreement, packet
from mobb_client.ebms.message import Ping, Pong
from mobb_client.errors import ConfigurationError, Finding, ProtocolError, TransportError
from mobb_client.gate import Gate
from mobb_client.outbox.contract import Event, Key, Outbox
from mobb_client.pacing import Pace
from mobb_client.pki.certificate import Certificate
from mobb_client.pulse import beating
from mobb_client.receiving import Receiving
from mobb_client.sender import Sender, check_owners
from mobb_client.sending import OnReport, Sending
from mobb_client.tally import SendReport
from mobb_client.transport.endpoint import Reply
from mobb_client.transport.https import HttpsWire
from mobb_client.transport.outcome import Outcome, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.wire import Wire

__all__ = ["Aflevering", "Bericht", "Client", "OnAflevering", "Outbox", "SendReport", "utc_now"]

OnAflevering = Callable[[Aflevering], object]
_CURSOR: Final = "on_aflevering"
_CHANGES: Final = {f"letter.{state.lower()}": state for state in State}


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Client:
    """Sends the letters of one or more senders, and knows where each of them stands.

    Threads may share one client, and clients may share one outbox.

    Args:
        senders: at least one; no OIN and no CPA belongs to two of them.
        outbox: where letters and messages are kept; closed together with the client.
        on_aflevering: called by `dispatch` with a letter's way after a change of it: at least once, in order.
        wire: what carries octets, left open at the end; HTTPS with each sender's key and anchors when left out.
        parallel: how many messages are uploaded at the same time, 1 to 64.
        per_minute: how many sends are made in a minute at most; None for as many as it takes.
        now: the clock.
        new_id: where BatchIDs, ConversationIds and MessageIds come from.

    Attributes:
        abonnementen: asks who is subscribed, and knows what was answered.

    Raises:
        ConfigurationError: no sender, an OIN or CPA of two senders, or a pace out of bounds.
    """

    def __init__(  # noqa: PLR0913 - each by name
        self,
        *senders: Sender,
        outbox: Outbox,
        on_aflevering: OnAflevering | None = None,
        wire: Wire | None = None,
        parallel: int = 1,
        per_minute: int | None = None,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        _check(senders)
        self._pace = Pace(parallel, per_minute)
        self._senders: Sequence[Sender] = senders
        self._outbox = outbox
        self._on_aflevering = on_aflevering
        self._now = now
        self._new_id = new_id
        self._wires = _Wires(wire)
        self._receiving = Receiving(senders, outbox, now, new_id)
        self.abonnementen = Abonnementen(senders, outbox=outbox, wire_of=self._wires.of, now=now, new_id=new_id)
        self._sending = Sending(
            senders=senders,
            outbox=outbox,
            receiving=self._receiving,
            wire_of=self._wires.of,
            now=now,
            new_id=new_id,
            pace=self._pace,
            gate=Gate(outbox, self.abonnementen, now),
        )

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Let go of connections and of the outbox. What is not sent yet stays there."""
        self._wires.close()
        self._outbox.close()

    def use(self, *senders: Sender, pace: Pace | None = None) -> None:
        """Work for these senders from now on: CPAs, keys and anchors that were replaced while we run (B50, B57).

        What is being sent or answered at this moment is finished as it began.

        Args:
            senders: as the constructor takes them.
            pace: how fast may be sent from now on; as before when left out.

        Raises:
            ConfigurationError: no sender, or an OIN or CPA of two senders; the present ones stay.
        """
        _check(senders)
        self._pace = pace or self._pace
        self._receiving.use(senders)
        self._sending.use(senders, self._pace)
        self.abonnementen.use(senders)
        self._wires.forget()
        self._senders = senders

    @property
    def senders(self) -> Sequence[Sender]:
        """Whose letters it sends."""
        return self._senders

    @property
    def outbox(self) -> Outbox:
        """Where they are kept."""
        return self._outbox

    @property
    def pace(self) -> Pace:
        """How fast may be sent."""
        return self._pace

    def now(self) -> datetime:
        """Return the moment by its clock."""
        return self._now()

    # Letters

    def send(self, bericht: Bericht) -> Aflevering:
        """Store one letter, send all that is due, and return the letter's way so far: sent is not yet delivered.

        Raises:
            BerichtError: the letter is refused; nothing was stored.
            ConfigurationError: the CPA, the key or the wire forbids sending; the letter is stored and waits.
        """
        (way,) = self.enqueue([bericht])
        report = self.send_due()
        way = self.aflevering(way.kenmerk, oin=way.oin) or way
        if way.state is State.QUEUED:
            sender = next(sender for sender in self._senders if way.oin in sender.oins)
            if sender.cpa.cpa_id in report.blocked:
                raise report.blocked[sender.cpa.cpa_id]
        return way

    def enqueue(self, berichten: Iterable[Bericht], *, using: object | None = None) -> list[Aflevering]:
        """Store letters, all of them or none, and return where each stands; nothing is sent.

        A letter that is there already, the same to the last octet, is not stored twice. A generator is read while the
        store is held: let it make letters and nothing else.

        Args:
            berichten: the letters.
            using: your own connection to the database that holds the outbox, of `sqlite3` or `psycopg` or the one
                underneath Django or SQLAlchemy. The letters become a part of your transaction, which is never committed
                here: they are handed over when your COMMIT returns, and were never there when you roll back.

        Raises:
            ConfigurationError: `using` is no connection to that database, or one that commits each statement by itself.
            BerichtError: a letter is refused: an OIN that no sender has, dates that do not fit, or a kenmerk that was
                given to another letter, with the names of the fields that differ.
        """
        return self._sending.enqueue(berichten, using)

    def send_due(self, on_report: OnReport | None = None) -> SendReport:
        """Put waiting letters into messages, send every message that is due, and let expire what is too late.

        Call it as often as you like, from as many threads as you like. What cannot be sent is in the report, and never
        stops the rest. When the other side of a CPA is down, that CPA is left alone for a while, from a second to five
        minutes, and its messages keep their retries (`SendReport.paused`).

        Args:
            on_report: is given what was done so far, now and then, since a night's letters take hours.

        Raises:
            OutboxError: the store cannot be read or written; the rest waits there for the next call.
        """
        self.abonnementen.process()
        return self._sending.send_due(on_report)

    def sift(self, keys: Collection[Key]) -> None:
        """Put on paper now, of waiting letters, those to citizens who are known not to be subscribed.

        `send_due` does so too, before a letter is offered: this is for who wants to print early.
        """
        self._sending.sift(keys)

    def rounds(self) -> Iterator[SendReport]:
        """Do what `send_due` does a step at a time: for who wants to look, or to do something else, in between.

        Gives after each step, some of the waiting letters put into messages and sent, what was done so far.
        """
        return self._sending.rounds()

    def set_pace(self, pace: Pace) -> None:
        """Send at this pace from now on, also when it was being sent at another."""
        self._pace = pace
        self._sending.pace(pace)

    def next_due(self) -> datetime | None:
        """Return when a message is to be sent again, as far as that is planned; letters that wait may go at any time.

        A moment that has passed says that something is due now.
        """
        return self._sending.next_due()

    def stop(self) -> None:
        """Let `send_due`, in whatever thread it runs, return soon, and send nothing any more, for good.

        An upload is ended at its next block, which counts as no attempt: whoever works on the outbox next sends the
        same octets. An answer that is awaited is still taken in. May be called from any thread and from a signal
        handler; all else that a client does can still be done.
        """
        self._sending.stop()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._sending.is_stopped

    def wait(self, seconds: float) -> None:
        """Wait so many seconds, or until `stop` is called."""
        self._sending.wait(seconds)

    def send_signals(self) -> SendReport:
        """Send the acknowledgments, errors and answers of ours that are due, and no letters.

        For a process that only receives: by most CPAs an acknowledgment is a message of its own, and without somebody
        who sends it the other side sends its result again and again.
        """
        return self._sending.send_signals()

    def aflevering(self, kenmerk: str, *, oin: OIN | str | None = None) -> Aflevering | None:
        """Return where a letter stands, or None when it is not known; `oin` when several may have the kenmerk.

        Raises:
            ConfigurationError: several OINs have a letter of this kenmerk, and none was named.
        """
        oins = [OIN(oin) if isinstance(oin, str) else oin] if oin else [one for s in self._senders for one in s.oins]
        return ledger.find(self._outbox, kenmerk, oins)

    def afleveringen(self, *states: State) -> Iterator[Aflevering]:
        """Give where every letter stands, or those in these states, oldest first; letters may move meanwhile."""
        if not states:
            return self._outbox.afleveringen()
        return chain.from_iterable(ledger.in_state(self._outbox, state) for state in states)

    def overdue(self) -> Iterator[Aflevering]:
        """Give the letters whose result stays away for more than a day: ask Logius, and send nothing again (B71)."""
        now = self._now()
        return (way for way in self.afleveringen(State.ACKNOWLEDGED) if way.is_overdue(now))

    def balance(self) -> dict[str, int]:
        """Return ``input``, ``delivered``, ``paper``, ``human`` and ``open``: the first is the sum of the others."""
        return ledger.balance(self._outbox.states())

    # A person's decisions, and what is not kept for ever

    @property
    def desk(self) -> Desk:
        """What ended with a person, and the decisions about it."""
        return Desk(self._senders, self._outbox, self._now)

    def purge(self, before: datetime) -> int:
        """Remove the content of letters that were delivered or put on paper before a moment; return how many.

        Text, BSN and attachments go from every file of the store; ids, clocks, codes and digests stay, as evidence.
        """
        return sum(iter(lambda: self._outbox.purge(before), 0))

    # What comes in

    def receive(self, headers: Mapping[str, str], body: bytes, *, peer: Certificate | None = None) -> Reply:
        """Return the HTTP answer to a POST at our endpoint, after everything it said was stored.

        Args:
            headers: of the request.
            body: its octets.
            peer: the client certificate of the connection, from whoever ended TLS.
        """
        return self._receiving.receive(headers, body, peer=peer)

    # Events

    def events(self, since: int = 0) -> Sequence[Event]:
        """Return up to 1,000 events with a number above `since`, in order, for who reads for itself."""
        return self._outbox.events(since)

    def dispatch(self) -> int:
        """Call `on_aflevering` for changes of letters since the last call; return how many calls were made.

        A letter is given as it stands now; a state that it has left again meanwhile is not told any more. At least
        once: when the hook raises, the same change comes again at the next call; when the process dies, all changes
        since the beginning of this one. One process at a time: while another is at it, this returns 0.
        """
        if self._on_aflevering is None:
            return 0
        with beating(self._outbox):  # a hook may take its time
            return self._dispatch(self._on_aflevering)

    def _dispatch(self, hook: OnAflevering) -> int:
        calls = 0
        if (done := self._outbox.lease_cursor(_CURSOR)) is None:
            return 0
        try:
            while news := self._outbox.events(done):
                for event in news:
                    if (way := self._changed(event)) is not None:
                        hook(way)
                        calls += 1
                    done = event.number
        finally:
            self._outbox.set_cursor(_CURSOR, done)
        return calls

    def _changed(self, event: Event) -> Aflevering | None:
        """Return the letter that an event is about when it still stands where the event brought it."""
        if event.oin is None or event.kenmerk is None or event.name not in _CHANGES:
            return None
        found = self._outbox.ways([(event.oin, event.kenmerk)])
        return found[0] if found and found[0].state is _CHANGES[event.name] else None

    # The other side

    def ping(self, sender: Sender | None = None) -> Outcome:
        """Ask the other message handler whether it is there: the cheapest check of URL, TLS, CPA and parties.

        Returns a `Signal` when a Pong came back. On an asynchronous CPA it comes later, at our endpoint, as an event
        ``incoming.answered``; then this returns `Accepted`.

        Raises:
            ConfigurationError: the CPA or the key forbids sending.
        """
        asked = sender or self._senders[0]
        route, now = asked.route(self._now()), self._now()
        signals = asked.cpa.signals(sender=route.sender, action="Ping")
        message = agreement.ping(
            signals,
            message_id=f"{self._new_id()}@{route.our_host}",
            conversation_id=str(self._new_id()),
            timestamp=now,
        )
        sink = BytesIO()
        written = packet.write(message, [], sink)
        sink.seek(0)
        wire = self._wires.of(asked)
        try:
            outcome = outcome_of(wire.post(signals.endpoint, written.headers, sink, written.size))
        except (TransportError, OSError) as error:
            return outcome_of_failure(error)
        return _pong_to(message, outcome) if isinstance(outcome, Signal) else outcome


class _Wires:
    """What carries each sender's octets: the one that was given, or HTTPS, made when it is first needed."""

    def __init__(self, given: Wire | None) -> None:
        self._given = given
        self._made: dict[Sender, HttpsWire] = {}
        self._old: dict[Sender, HttpsWire] = {}

    def forget(self) -> None:
        """Make new ones from now on; over the old ones something may still be on its way, until the next time."""
        for wire in self._old.values():
            wire.close()
        self._old, self._made = self._made, {}

    def of(self, sender: Sender) -> Wire:
        """Return the wire of a sender.

        Raises:
            ConfigurationError: nobody to trust, or a key that TLS cannot use.
        """
        if self._given is not None:
            return self._given
        made = self._made
        if sender not in made:
            made.setdefault(sender, HttpsWire(anchors=sender.anchors, identity=sender.tls or sender.identity))
        return made[sender]

    def close(self) -> None:
        """Let go of the connections that were made here."""
        for wire in (*self._old.values(), *self._made.values()):
            wire.close()


def _pong_to(ping: Ping, signal: Signal) -> Outcome:
    """Return the signal when it is the Pong to a Ping; anything else is an answer that was not understood."""
    try:
        answer = packet.read(signal.content_type, signal.body).message
    except ProtocolError:
        answer = None
    if isinstance(answer, Pong) and answer.header.ref_to_message_id == ping.header.message_id:
        return signal
    measure = f"{type(answer).__name__} instead of a Pong" if answer else "no ebMS message"
    sentence = str(Finding("http.not-understood", field="answer", measure=measure))
    return Retry(reason="http.not-understood", sentence=sentence, status=signal.status)


def _check(senders: Sequence[Sender]) -> None:
    if not senders:
        raise ConfigurationError(Finding("client.sender", field="senders", measure="none"))
    check_owners(senders)
    ids = [sender.cpa.cpa_id for sender in senders]
    if doubled := sorted({cpa_id for cpa_id in ids if ids.count(cpa_id) > 1}):
        raise ConfigurationError(*(Finding("client.cpa-twice", field="cpa", measure=cpa_id) for cpa_id in doubled))
