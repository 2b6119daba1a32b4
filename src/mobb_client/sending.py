"""What goes out: letters into the outbox, letters into messages, messages over the wire when they are due.

Written before it is spoken: a message's octets and the membership of its letters are stored before the first octet
leaves, and a resend is those same octets. Source: `digikoppeling-ebms2` f.1 to f.3; `design.md` section 3.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from mobb_client import ledger
from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht, as_second, bericht_id
from mobb_client.ebms import exchange
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding, OutboxError, TransportError
from mobb_client.outbox.contract import (
    Event,
    EventName,
    Key,
    MessageKind,
    Outbox,
    StoredLetter,
    StoredMessage,
    Transaction,
)
from mobb_client.receiving import Answered, Receiving
from mobb_client.sender import Intake, Outgoing, Sender, Written
from mobb_client.transport.outcome import Accepted, Outcome, Refused, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.wire import Wire

log = logging.getLogger(__name__)

_AT_ONCE: Final = 1000
_PURGED: Final = Finding("aflevering.purged", field="bericht", measure="no content")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What one call of `send_due` did.

    Args:
        built: messages made of letters.
        attempted: sends: the sum of the next four.
        accepted: answered with a 2xx that says no more.
        acknowledged: acknowledged in the answer.
        refused: refused for good.
        unreachable: without an answer that counts; tried again when the CPA says so.
        expired: messages whose time to live passed without an acknowledgment.
        overdue: letters of which was told, now, that their result stays away.
        blocked: by CPAId, why nothing could be made of the letters that wait under that CPA; they stay queued.
    """

    built: int = 0
    attempted: int = 0
    accepted: int = 0
    acknowledged: int = 0
    refused: int = 0
    unreachable: int = 0
    expired: int = 0
    overdue: int = 0
    blocked: Mapping[str, Exception] = field(default_factory=dict)

    def __add__(self, other: SendReport) -> SendReport:
        """Add what another call did."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return SendReport(**counts, blocked={**self.blocked, **other.blocked})


_COUNTS: Final = tuple(one.name for one in fields(SendReport) if one.name != "blocked")

_TALLIED: Final[dict[type[exchange.Event], str]] = {
    exchange.Accepted: "accepted",
    exchange.Acknowledged: "acknowledged",
    exchange.Refused: "refused",
    exchange.Unreachable: "unreachable",
}


class Sending:
    """The sending half of a client.

    Args:
        senders: whose letters may go out.
        outbox: where everything is stored first.
        receiving: reads what stands in an HTTP response.
        wire_of: what carries a sender's octets.
        now: the clock.
        new_id: where ids come from.
    """

    def __init__(  # noqa: PLR0913 - its parts, each by name
        self,
        *,
        senders: Sequence[Sender],
        outbox: Outbox,
        receiving: Receiving,
        wire_of: Callable[[Sender], Wire],
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self.use(senders)
        self._outbox = outbox
        self._receiving = receiving
        self._wire_of = wire_of
        self._now = now
        self._new_id = new_id
        self._told: set[tuple[str, str]] = set()
        self._debts = _Debts()

    def use(self, senders: Sequence[Sender]) -> None:
        """Send for these senders from now on."""
        self._senders = {sender.cpa.cpa_id: sender for sender in senders}

    # Letters into the outbox

    def enqueue(self, berichten: Iterable[Bericht], using: object | None = None) -> list[Aflevering]:
        """Store letters, all or none, and return the way of each; a letter that is already there keeps its own way.

        Args:
            berichten: the letters.
            using: the caller's own connection, whose transaction this becomes a part of.

        Raises:
            BerichtError: no sender has the letter's OIN, its dates do not fit, or its kenmerk was given to a letter
                with another content: nothing of the call is stored.
        """
        now = self._now()
        intake = Intake(tuple(self._senders.values()), now)
        with self._outbox.transaction(using) as tx:
            return [_enqueue_one(tx, intake.owner(bericht), bericht, now) for bericht in berichten]

    # All that is due

    def send_due(self) -> SendReport:
        """Send what is due, make messages of the letters that wait and send those; return what was done.

        A message that cannot be sent, or a sender whose CPA or key forbids it, never stops the others (B37).

        Raises:
            OutboxError: the store cannot be read or written.
        """
        tally = _Tally()
        self._expire(tally)
        self._remind(tally)
        while True:
            self._send(tally)
            ready = [sender for cpa_id, sender in self._senders.items() if cpa_id not in tally.blocked]
            if not sum([self._build(sender, tally) for sender in ready]):
                return tally.report()

    def send_signals(self) -> SendReport:
        """Send the signals of ours that are due, and nothing else: who only receives gets its answers out."""
        tally = _Tally()
        self._send(tally, "signal")
        return tally.report()

    def _expire(self, tally: _Tally) -> None:
        now = self._now()
        while late := self._outbox.expiring(now, _AT_ONCE):
            if not sum([self._age(message, now, tally) for message in late]):
                return  # all were settled by somebody else meanwhile

    def _age(self, message: StoredMessage, now: datetime, tally: _Tally) -> bool:
        """Let a message expire when its time has come, or be sent no more when it may have been forgotten."""
        with self._outbox.transaction() as tx:
            current = tx.message(message.message_id)
            if current is None or current.entry.is_final:
                return False
            after = ledger.advance(tx, current, exchange.Tick(), now)
        tally.counts["expired"] += after.entry.is_final
        return after.entry.is_final

    def _remind(self, tally: _Tally) -> None:
        now = self._now()
        while overdue := self._outbox.overdue(now, _AT_ONCE):
            told = self._remind_of([way.key for way in overdue], now)
            tally.counts["overdue"] += told
            if not told:
                return  # somebody else was faster

    def _remind_of(self, keys: Iterable[Key], now: datetime) -> int:
        with self._outbox.transaction() as tx:
            ways = [way for way in tx.ways(keys) if way.wants_reminder(now)]
            for way in ways:
                ledger.remind(tx, way, now)
        return len(ways)

    # Letters into messages

    def _build(self, sender: Sender, tally: _Tally) -> int:
        """Make messages of a sender's next letters; return how many letters that were."""
        now = self._now()
        with self._leased_letters(sender, now) as leased:
            if not leased:
                return 0
            try:
                sender.route(now)
                self._wire_of(sender)  # without trust or key no message is made that could only fail
                for outgoing in self._outgoing(sender, leased, now):
                    tally.counts["built"] += self._store_or_part(outgoing)
            except OutboxError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the other senders' letters go on (B37)
                self._block(sender, error, tally)
            return len(leased)

    @contextmanager
    def _leased_letters(self, sender: Sender, now: datetime) -> Iterator[Sequence[StoredLetter]]:
        """Give letters that wait; those that do not get into a message are let go of, whatever happens."""
        leased = self._outbox.lease_letters(sender.oins, now, _AT_ONCE)
        try:
            yield leased
        finally:
            if leased:
                self._let_go(letters=[letter.aflevering.key for letter in leased])

    def _let_go(self, *, letters: Sequence[Key] = (), messages: Sequence[str] = ()) -> None:
        """End leases; when the store does not take it now, at the next occasion: else they last as long as we do."""
        self._debts.letters.update(letters)
        self._debts.messages.update(messages)
        owed = _Debts(set(self._debts.letters), set(self._debts.messages))
        try:
            with self._outbox.transaction() as tx:
                tx.release_letters(owed.letters)
                for message_id in owed.messages:
                    tx.release_message(message_id)
        except OutboxError as error:
            log.warning("lease.kept", extra={"error": type(error).__name__})
            return
        self._debts.letters.difference_update(owed.letters)
        self._debts.messages.difference_update(owed.messages)

    def _outgoing(self, sender: Sender, leased: Sequence[StoredLetter], now: datetime) -> Iterator[Outgoing]:
        """Give messages of letters: new ones as they fit, those that go again under their old BatchID (k.16)."""
        batches: dict[UUID | None, list[Bericht]] = {}
        for letter in leased:
            bericht = self._still_good(sender, letter, now)
            if bericht is not None:
                old = None if sender.regels.nieuwe_batch else letter.aflevering.batch_id
                batches.setdefault(old, []).append(bericht)
        for batch_id, berichten in batches.items():
            for outgoing in sender.messages(berichten, now=now, new_id=self._new_id):
                yield replace(outgoing, batch=replace(outgoing.batch, batch_id=batch_id or outgoing.batch.batch_id))

    def _still_good(self, sender: Sender, letter: StoredLetter, now: datetime) -> Bericht | None:
        """Return the letter as it can go now, or None when it cannot: then a person must look.

        A letter that waited until after its PublicatieDatum goes without one: it would have been visible by now.
        """
        bericht = letter.bericht
        if bericht is None:
            self._put_aside(letter.aflevering.key, _PURGED)
            return None
        if _is_public(bericht, now):
            bericht = replace(bericht, publicatiedatum=None)
            with self._outbox.transaction() as tx:
                ledger.note_letter(tx, EventName.LETTER_UNDATED, letter.aflevering, now, {})
        if errors := bericht.date_errors(now, sender.regels):
            self._put_aside(letter.aflevering.key, errors[0].finding)
            return None
        return bericht

    def _store_or_part(self, outgoing: Outgoing) -> bool:
        """Store a message; when letters cannot be written (a file changed), without those, which go to a person."""
        while True:
            try:
                return self._store(outgoing)
            except BerichtError as error:
                if error.kenmerk not in outgoing.batch.kenmerken.values():
                    raise
                bad = {error.kenmerk: error.errors[0], **outgoing.changed()}
                for kenmerk, fault in bad.items():
                    self._put_aside((outgoing.batch.oin, kenmerk), fault.finding)
                rest = outgoing.without(bad)
                if rest is None:
                    return False
                outgoing = rest

    def _put_aside(self, key: Key, finding: Finding) -> None:
        with self._outbox.transaction() as tx:
            way = tx.way(key)
            if way is not None and way.state is State.QUEUED:
                ledger.move(tx, way, letters.unbuildable(way, finding), self._now())

    def _store(self, outgoing: Outgoing) -> bool:
        """Store a message's octets, then the message and its letters' membership in one transaction.

        Returns False, and nothing is stored, when another worker was faster with one of the letters.
        """
        message_id, batch = outgoing.message.header.message_id, outgoing.batch
        message = _stored(outgoing, self._outbox.write_body(message_id, outgoing.write))
        with self._outbox.transaction() as tx:
            found = tx.ways((batch.oin, bericht.kenmerk) for bericht in batch.berichten)
            held = [way for way in found if way.state is State.QUEUED]
            if len(held) == len(batch):
                ledger.begin(tx, message, held, message.created)
                return True
            tx.drop_body(message_id)
        return False

    def _block(self, sender: Sender, error: Exception, tally: _Tally) -> None:
        """Leave a sender's letters where they are, and say why: in the report, and once in an event."""
        tally.blocked[sender.cpa.cpa_id] = error
        found = error.findings if isinstance(error, ConfigurationError) else ()
        codes = ", ".join(finding.code for finding in found) or type(error).__name__
        log.error("sender.blocked", extra={"cpa_id": sender.cpa.cpa_id, "codes": codes})
        if (sender.cpa.cpa_id, codes) in self._told:
            return
        self._told.add((sender.cpa.cpa_id, codes))
        data = {"cpa_id": sender.cpa.cpa_id, "codes": codes}
        with self._outbox.transaction() as tx:
            tx.add_event(Event(at=self._now(), name=EventName.SENDER_BLOCKED, data=data))

    # Messages over the wire

    def _send(self, tally: _Tally, kind: MessageKind | None = None) -> None:
        """Send what is due, one after the other: a lease is only taken on what is sent at once (B36)."""
        while True:
            now = self._now()
            message = self._outbox.lease_due(self._senders.keys(), now, kind=kind)
            if message is None:
                return
            try:
                if message.entry.is_too_late(now):
                    self._age(message, now, tally)
                    self._let_go(messages=[message.message_id])
                else:
                    self._attempt(message, tally)
            except BaseException:
                self._let_go(messages=[message.message_id])
                raise

    def _attempt(self, message: StoredMessage, tally: _Tally) -> None:
        """Send one message once, and store what came of it together with what it means (B43)."""
        found = self._post(message)
        now = self._now()
        with self._outbox.transaction() as tx:
            tx.release_message(message.message_id)
            current = tx.message(message.message_id)
            if current is None:
                return
            if found.alarm is not None and found.alarm != current.entry.reason:
                ledger.note_message(tx, EventName.MESSAGE_ALARM, current, now, {"reason": found.alarm})
            by = found.answer.message_id if found.answer else None
            for event in found.events:
                cause = None if isinstance(event, exchange.Accepted) else by
                current = ledger.advance(tx, current, event, now, cause)
            if found.answer is not None and tx.answer(found.answer.message_id) is None:
                tx.put_answer(found.answer)
        tally.counts["attempted"] += 1
        tally.counts[_TALLIED[type(found.events[-1])]] += 1

    def _post(self, message: StoredMessage) -> Answered:
        """Send a message's octets and return what the answer does to it; whatever happens, there is an answer."""
        try:
            with self._outbox.open_body(message.message_id) as body:
                wire = self._wire_of(self._senders[message.cpa_id])
                response = wire.post(message.url, message.headers, body, message.size)
            return self._answered(message, outcome_of(response))
        except (TransportError, OSError) as error:
            return self._answered(message, outcome_of_failure(error))
        except ConfigurationError as error:
            return _failed(error.findings[0].code if error.findings else "configuration")
        except OutboxError:
            return _failed("outbox.body")
        except Exception as error:  # noqa: BLE001 - a fault of ours with one message must not stop the others (B37)
            log.error("message.fault", extra={"message_id": message.message_id, "error": type(error).__name__})  # noqa: TRY400 - its text may hold content
            return _failed("fault")

    def _answered(self, message: StoredMessage, outcome: Outcome) -> Answered:
        """Return what an outcome does to a message. Source: `digikoppeling-ebms2` f.3."""
        match outcome:
            case Signal() if message.kind == "letters":
                return self._receiving.read_response(message, outcome.content_type, outcome.body)
            case Accepted() | Signal():
                return Answered(events=(_accepted(message),))
            case Retry():
                alarm = outcome.reason if outcome.needs_person else None
                return Answered(events=(exchange.Unreachable(outcome.reason),), alarm=alarm)
            case Refused():
                attempt = () if message.policy is None else (exchange.Unreachable(outcome.reason),)
                return Answered(events=(*attempt, exchange.Refused(outcome.reason)))


@dataclass(frozen=True, slots=True)
class _Debts:
    """Leases that could not be ended when they should have been."""

    letters: set[Key] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Tally:
    """What one call has done so far."""

    counts: Counter[str] = field(default_factory=Counter)
    blocked: dict[str, Exception] = field(default_factory=dict)

    def report(self) -> SendReport:
        return SendReport(**self.counts, blocked=self.blocked)


def _enqueue_one(tx: Transaction, sender: Sender, bericht: Bericht, now: datetime) -> Aflevering:
    oin = bericht.oin or sender.oins[0]
    way = Aflevering(oin=oin, kenmerk=bericht.kenmerk, bericht_id=bericht_id(oin, bericht.kenmerk), handed_over=now)
    try:
        known = ledger.hand_over(tx, bericht, way, now)
    except FieldError as error:  # an attachment that must be read now, and cannot be
        raise BerichtError(bericht.kenmerk, [error]) from None
    if known is not None:
        return _repeated(known, bericht)
    if errors := bericht.date_errors(now, sender.regels):  # after the repeats, which may be older than their dates
        raise BerichtError(bericht.kenmerk, errors)
    return way


def _repeated(known: StoredLetter, bericht: Bericht) -> Aflevering:
    """Return the way of a letter that is there already.

    Raises:
        BerichtError: it has another content, by the names of the fields that differ, or an attachment that can no
            longer be read, so that nobody knows.
    """
    try:
        different = [] if known.bericht is None else known.bericht.differences(bericht)
    except FieldError as error:
        raise BerichtError(bericht.kenmerk, [error]) from None
    names = [name for name in different if name != "oin"]  # left out, it is the sender's own
    if names:
        measure = f"another {', '.join(names)}"
        raise BerichtError(bericht.kenmerk, [FieldError("kenmerk.reused", field="kenmerk", measure=measure)])
    return known.aflevering


def _is_public(bericht: Bericht, now: datetime) -> bool:
    """Tell whether the moment from which a letter may be seen has passed, in the whole seconds that are written."""
    return bericht.publicatiedatum is not None and as_second(bericht.publicatiedatum) <= as_second(now)


def _stored(outgoing: Outgoing, written: Written) -> StoredMessage:
    route, header, packet = outgoing.route, outgoing.message.header, written.packet
    policy = route.retry if route.ack_requested else None
    return StoredMessage(
        message_id=header.message_id,
        kind="letters",
        cpa_id=route.cpa_id,
        message=outgoing.message,
        policy=policy,
        url=route.endpoint,
        headers=packet.headers,
        size=packet.size,
        references=packet.references,
        batch_id=outgoing.batch.batch_id,
        created=header.timestamp,
        entry=exchange.begin(header.timestamp, policy),
    )


def _accepted(message: StoredMessage) -> exchange.Event:
    """Return what a 2xx does that says nothing; where the CPA promises an answer, that is to be retried (f.3)."""
    is_promised = message.message is not None and message.message.sync_reply is not None and message.policy is not None
    return exchange.Unreachable("answer.none") if is_promised else exchange.Accepted()


def _failed(code: str) -> Answered:
    return Answered(events=(exchange.Unreachable(code),), alarm=code)
