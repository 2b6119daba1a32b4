"""Messages over the wire: what is due, as many at once and a minute as is allowed, each once by one worker.

A message is leased when it is sent and not before, so that none waits in the hands of a worker that is busy (B36); what
becomes of it is stored together with what that means. Source: `digikoppeling-ebms2` f.3, `berichtenbox` h.5.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, Thread
from typing import Final

from mobb_client import ledger
from mobb_client.ebms import exchange
from mobb_client.errors import ConfigurationError, OutboxError, TransportError
from mobb_client.outbox.contract import EventName, Key, MessageKind, Outbox, StoredMessage
from mobb_client.pacing import Circuits, Pace, Stop, Throttle, Try
from mobb_client.pulse import BrokenOffError, watched
from mobb_client.receiving import Answered, Receiving
from mobb_client.sender import Sender
from mobb_client.tally import Tally
from mobb_client.transport.outcome import Accepted, Outcome, Refused, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.wire import Wire

log = logging.getLogger(__name__)

_NO_BODY: Final = "outbox.body"

_TALLIED: Final[dict[type[exchange.Event], str]] = {
    exchange.Accepted: "accepted",
    exchange.Acknowledged: "acknowledged",
    exchange.Refused: "refused",
    exchange.Unreachable: "unreachable",
}


class Leases:
    """Ends leases. When the store does not take that now, with the next call: else they last as long as we do."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lock = Lock()
        self._letters: set[Key] = set()
        self._messages: set[str] = set()
        self._octets: set[str] = set()

    def let_go(
        self, *, letters: Collection[Key] = (), messages: Collection[str] = (), octets: Collection[str] = ()
    ) -> None:
        """Let go of letters and messages, and of what could not be let go of before.

        Args:
            letters: that are leased.
            messages: that are leased.
            octets: of messages that could not be stored, or of which that is not known: dropped when there is none.
        """
        with self._lock:
            self._letters.update(letters)
            self._messages.update(messages)
            self._octets.update(octets)
            try:
                with self._outbox.transaction() as tx:
                    tx.release_letters(self._letters)
                    for message_id in self._messages:
                        tx.release_message(message_id)
                    for message_id in self._octets:
                        if tx.message(message_id) is None:
                            tx.drop_body(message_id)
            except OutboxError as error:
                log.warning("lease.kept", extra={"error": type(error).__name__})
                return
            self._letters.clear()
            self._messages.clear()
            self._octets.clear()

    def settle(self) -> None:
        """Let go of what could not be let go of before: a disk that was full, a database that was held."""
        if self._letters or self._messages or self._octets:
            self.let_go()


@dataclass(frozen=True, slots=True)
class _Turn:
    """A message that is ours to send, now."""

    message: StoredMessage
    check_alive: Callable[[], None]
    circuit: Try


@dataclass(slots=True)
class _Crew:
    """The threads of one call: whether they are to begin nothing new, and why."""

    tally: Tally
    kind: MessageKind | None
    helpers: list[Thread] = field(default_factory=list)
    busy: int = 1
    ending: bool = False
    urgent: bool = False
    errors: list[BaseException] = field(default_factory=list)

    def join(self) -> None:
        """Wait for all helpers, also for those that helpers called in."""
        while self.helpers:
            self.helpers[0].join()
            del self.helpers[0]


class Posting:
    """Sends what is due.

    Args:
        outbox: where the messages are.
        receiving: reads what stands in an HTTP response.
        wire_of: what carries a sender's octets.
        now: the clock.
        leases: ends what is leased.
        stop: whether to stop.
    """

    def __init__(  # noqa: PLR0913 - its parts, each by name
        self,
        *,
        outbox: Outbox,
        receiving: Receiving,
        wire_of: Callable[[Sender], Wire],
        now: Callable[[], datetime],
        leases: Leases,
        stop: Stop,
    ) -> None:
        self._senders: Mapping[str, Sender] = {}
        self._outbox = outbox
        self._receiving = receiving
        self._wire_of = wire_of
        self._now = now
        self._leases = leases
        self._stop = stop
        self._pace = Pace()
        self._throttle = Throttle()
        self._circuits = Circuits()
        self._choosing = Lock()

    def use(self, senders: Mapping[str, Sender], pace: Pace) -> None:
        """Send for these senders, by their CPAIds, and at this pace from now on."""
        self._senders = senders
        if pace.per_minute != self._pace.per_minute:
            self._throttle = Throttle(pace.per_minute)
        self._pace = pace

    @property
    def paused(self) -> dict[str, datetime]:
        """Until when each CPA is left alone that is."""
        with self._choosing:
            return self._circuits.paused(self._now())

    def next_due(self) -> datetime | None:
        """Return when there may be something to send again, as far as that is planned."""
        paused = {cpa_id: until for cpa_id, until in self.paused.items() if cpa_id in self._senders}
        free = self._outbox.next_due(self._senders.keys() - paused.keys())
        found = [] if free is None else [free]
        for cpa_id, until in paused.items():
            due = self._outbox.next_due([cpa_id])
            found += [] if due is None else [max(due, until)]
        return min(found, default=None)

    def post_due(self, tally: Tally, kind: MessageKind | None = None) -> None:
        """Send all that is due, or the messages of one kind; threads are called in as there is work for them.

        Raises:
            OutboxError: the store cannot be read or written; what others were sending is finished first.
        """
        self._leases.settle()
        crew = _Crew(tally, kind)
        try:
            self._work(crew)
            crew.join()
        except BaseException as error:
            crew.ending, crew.urgent = True, not isinstance(error, Exception)
            crew.join()
            raise
        if crew.errors:
            raise crew.errors[0]

    def _work(self, crew: _Crew) -> None:
        """Send one message after the other, until there is none."""
        try:
            while (turn := self._turn(crew)) is not None:
                self._call_in(crew)
                self._serve(turn, crew)
        finally:
            with self._choosing:
                crew.busy -= 1

    def _call_in(self, crew: _Crew) -> None:
        """Call in another thread: where one message was due there may be two."""
        with self._choosing:
            if crew.busy >= self._pace.parallel:
                return
            helper = Thread(target=self._help, args=(crew,), name="mobb-posting")
            with suppress(RuntimeError):  # no thread is to be had: those that there are go on (B38)
                helper.start()
                crew.busy += 1
                crew.helpers.append(helper)

    def _help(self, crew: _Crew) -> None:
        try:
            self._work(crew)
        except BaseException as error:  # noqa: BLE001 - raised by whoever called it in
            crew.errors.append(error)
            crew.ending = True

    # Whose turn it is

    def _turn(self, crew: _Crew) -> _Turn | None:
        """Lease the next message as soon as it may be sent; None when there is none, or no time for it."""
        while not (self._stop.is_asked or crew.ending):
            with self._choosing:
                now = self._now()
                delay = self._throttle.delay
                if not delay:
                    message = self._lease(now, crew.kind)
                    if message is None:
                        return None
                    self._throttle.take()
                    return _Turn(message, self._outbox.alive_check(), self._circuits.begin(message.cpa_id, now))
                if not self._is_any_due(now):
                    return None
            self._throttle.wait(self._stop, delay)
        return None

    def _lease(self, now: datetime, kind: MessageKind | None) -> StoredMessage | None:
        """Lease what may be sent now: under a CPA that is not paused, or what would expire within its pause."""
        free = self._circuits.free(self._senders, now)
        found = self._outbox.lease_due(free, now, kind=kind) if free else None
        for cpa_id, until in self._circuits.paused(now).items():
            if found is None and cpa_id in self._senders:
                found = self._outbox.lease_due([cpa_id], now, kind=kind, expiring=until)
        return found

    def _is_any_due(self, now: datetime) -> bool:
        """Tell whether it is worth waiting for our turn."""
        due = self._outbox.next_due(self._circuits.free(self._senders, now))
        return due is not None and due <= now

    # One message

    def _serve(self, turn: _Turn, crew: _Crew) -> None:
        """Send one message once; whatever happens, it is let go of."""
        message, now = turn.message, turn.circuit.began
        try:
            if message.entry.is_too_late(now):
                self.age(message, now, crew.tally)
                self._leases.let_go(messages=[message.message_id])
            else:
                self._attempt(turn, crew)
        except BaseException:
            self._leases.let_go(messages=[message.message_id])
            raise
        finally:
            with self._choosing:
                self._circuits.end(turn.circuit)

    def age(self, message: StoredMessage, now: datetime, tally: Tally) -> bool:
        """Let a message expire when its time has come, or be sent no more when it may have been forgotten."""
        with self._outbox.transaction() as tx:
            current = tx.message(message.message_id)
            if current is None or current.entry.is_final:
                return False
            after = ledger.advance(tx, current, exchange.Tick(), now)
        tally.count("expired", by=after.entry.is_final)
        return after.entry.is_final

    def _attempt(self, turn: _Turn, crew: _Crew) -> None:
        """Send one message once, and store what came of it together with what it means (B43)."""
        message = turn.message
        try:
            found = self._post(turn, crew)
        except BrokenOffError as error:  # no attempt: it goes on elsewhere, or later, with the same octets
            log.info("message.broken-off", extra={"message_id": message.message_id, "why": str(error)})
            self._leases.let_go(messages=[message.message_id])
            return
        if self._store(message, found):
            crew.tally.count("attempted", _TALLIED[type(found.events[-1])])

    def _store(self, message: StoredMessage, found: Answered) -> bool:
        """Store what came of a send; False when it was nobody's business any more."""
        now = self._now()
        with self._outbox.transaction() as tx:
            tx.release_message(message.message_id)
            current = tx.message(message.message_id)
            if current is None or (current.entry.is_final and found.alarm == _NO_BODY):
                return False  # answered meanwhile, so that its octets were dropped
            if found.alarm is not None and found.alarm != current.entry.reason:
                ledger.note_message(tx, EventName.MESSAGE_ALARM, current, now, {"reason": found.alarm})
            by = found.answer.message_id if found.answer else None
            for event in found.events:
                cause = None if isinstance(event, exchange.Accepted) else by
                current = ledger.advance(tx, current, event, now, cause)
            if found.answer is not None and tx.answer(found.answer.message_id) is None:
                tx.put_answer(found.answer)
        return True

    def _post(self, turn: _Turn, crew: _Crew) -> Answered:
        """Send a message's octets and return what the answer does to it; whatever goes wrong, there is an answer.

        Raises:
            BrokenOffError: a stop was asked for, or another worker may be at it: the upload has ended.
        """
        message = turn.message
        try:
            return self._answered(message, self._outcome(turn, crew))
        except BrokenOffError:
            raise
        except ConfigurationError as error:
            return _failed(error.findings[0].code if error.findings else "configuration")
        except OutboxError:
            return _failed(_NO_BODY)
        except Exception as error:  # noqa: BLE001 - a fault of ours with one message must not stop the others (B37)
            log.error("message.fault", extra={"message_id": message.message_id, "error": type(error).__name__})  # noqa: TRY400 - its text may hold content
            return _failed("fault")

    def _outcome(self, turn: _Turn, crew: _Crew) -> Outcome:
        """Send a message's octets, and learn from it how the other side does."""
        message = turn.message
        try:
            with self._outbox.open_body(message.message_id) as body:
                wire = self._wire_of(self._sender_of(message))
                upload = watched(body, turn.check_alive, lambda: self._stop.is_urgent or crew.urgent)
                outcome = outcome_of(wire.post(message.url, message.headers, upload, message.size))
        except (TransportError, OSError) as error:
            outcome = outcome_of_failure(error)
        self._learn(turn.circuit, outcome)
        return outcome

    def _sender_of(self, message: StoredMessage) -> Sender:
        sender = self._senders.get(message.cpa_id)
        if sender is None:
            raise BrokenOffError("its CPA is no longer one of ours")
        return sender

    def _learn(self, one: Try, outcome: Outcome) -> None:
        """Leave the CPA alone for a while when its other side is down, and no longer when it answered."""
        with self._choosing:
            if isinstance(outcome, Retry) and outcome.is_outage:
                until = self._circuits.down(one, self._now(), outcome.retry_after)
                extra = {"cpa_id": one.cpa_id, "until": until.isoformat(), "reason": outcome.reason}
                log.warning("cpa.paused", extra=extra)
            elif outcome.status is not None:
                self._circuits.answered(one)

    def _answered(self, message: StoredMessage, outcome: Outcome) -> Answered:
        """Return what an outcome does to a message. Source: `digikoppeling-ebms2` f.3."""
        match outcome:
            case Signal() if message.kind != "signal":
                return self._receiving.read_response(message, outcome.content_type, outcome.body)
            case Accepted() | Signal():
                return Answered(events=(_accepted(message),))
            case Retry():
                alarm = outcome.reason if outcome.needs_person else None
                return Answered(events=(exchange.Unreachable(outcome.reason),), alarm=alarm)
            case Refused():
                attempt = () if message.policy is None else (exchange.Unreachable(outcome.reason),)
                return Answered(events=(*attempt, exchange.Refused(outcome.reason)))


def _accepted(message: StoredMessage) -> exchange.Event:
    """Return what a 2xx does that says nothing; where the CPA promises an answer, that is to be retried (f.3)."""
    is_promised = message.message is not None and message.message.sync_reply is not None and message.policy is not None
    return exchange.Unreachable("answer.none") if is_promised else exchange.Accepted()


def _failed(code: str) -> Answered:
    return Answered(events=(exchange.Unreachable(code),), alarm=code)
