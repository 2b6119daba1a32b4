"""What goes out: letters into the outbox, letters into messages, messages over the wire when they are due.

Written before it is spoken: a message's octets and the membership of its letters are stored before the first octet
leaves, and a resend is those same octets. Source: `digikoppeling-ebms2` f.1 to f.3; `design.md` section 3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mobb_client import ledger
from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.ebms import exchange
from mobb_client.errors import BerichtError, FieldError, OutboxError, TransportError
from mobb_client.outbox.contract import Key, Outbox, StoredLetter, StoredMessage, Transaction
from mobb_client.receiving import Receiving
from mobb_client.sender import Intake, Outgoing, Sender, Written
from mobb_client.transport.outcome import Accepted, Outcome, Refused, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.wire import Wire

log = logging.getLogger(__name__)

_LEASE: Final = timedelta(minutes=30)
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What one call of `send_due` did, in messages: `attempted` = the sum of what became of them in the meantime."""

    built: int = 0
    attempted: int = 0
    accepted: int = 0
    acknowledged: int = 0
    refused: int = 0
    unreachable: int = 0
    expired: int = 0

    def __add__(self, other: SendReport) -> SendReport:
        """Add two reports."""
        names = (field.name for field in fields(self))
        return SendReport(**{name: getattr(self, name) + getattr(other, name) for name in names})


class Sending:
    """The sending half of a client.

    Args:
        senders: whose letters may go out.
        outbox: where everything is stored first.
        receiving: takes in what stands in an HTTP response.
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
        self._senders = senders
        self._outbox = outbox
        self._receiving = receiving
        self._wire_of = wire_of
        self._now = now
        self._new_id = new_id

    def enqueue(self, berichten: Iterable[Bericht]) -> list[Aflevering]:
        """Store letters, all or none, and return the way of each; a letter that is already there keeps its own way.

        Raises:
            BerichtError: no sender has the letter's OIN, its dates do not fit, or its kenmerk was given to a letter
                with another content: nothing of the call is stored.
        """
        now = self._now()
        intake = Intake(tuple(self._senders), now)
        with self._outbox.transaction() as tx:
            return [self._enqueue_one(tx, intake, bericht, now) for bericht in berichten]

    def _enqueue_one(self, tx: Transaction, intake: Intake, bericht: Bericht, now: datetime) -> Aflevering:
        sender = intake.owner(bericht)
        oin = bericht.oin or sender.oins[0]
        known = tx.letter((oin, bericht.kenmerk))
        if known is not None:
            return _repeated(known, bericht)
        intake.take(bericht)
        way = Aflevering(oin=oin, kenmerk=bericht.kenmerk, bericht_id=bericht_id(oin, bericht.kenmerk), handed_over=now)
        ledger.save(tx, None, StoredLetter(bericht=bericht, aflevering=way), now)
        return way

    def send_due(self) -> SendReport:
        """Build messages of the letters that wait, send what is due, let expire what is too late; return what was done.

        A message that cannot be sent never stops the others.
        """
        report = self._expire()
        report += SendReport(built=self._build())
        return report + self._send()

    # Letters into messages

    def _build(self) -> int:
        built = 0
        for sender in self._senders:
            while True:
                with self._outbox.transaction() as tx:
                    waiting = tx.queued(sender.oins, self._now(), _AT_ONCE)
                if not waiting:
                    break
                built += self._build_of(sender, waiting)
        return built

    def _build_of(self, sender: Sender, waiting: Sequence[StoredLetter]) -> int:
        """Write messages of these letters; a letter that cannot go goes to a person, and the others go on."""
        now = self._now()
        good = [letter.bericht for letter in waiting if letter.bericht and not self._is_stale(sender, letter, now)]
        built = 0
        for outgoing in sender.messages(good, now=now, new_id=self._new_id):
            built += self._store_or_part(outgoing, now)
        return built

    def _is_stale(self, sender: Sender, letter: StoredLetter, now: datetime) -> bool:
        """Put a letter on a person's desk when its dates passed while it waited."""
        errors = letter.bericht.date_errors(now, sender.regels) if letter.bericht else ()
        if errors:
            self._put_aside(letter.key, errors[0].code, now)
        return bool(errors)

    def _store_or_part(self, outgoing: Outgoing, now: datetime) -> int:
        """Store a message; when an attachment changed, without the letters that it belongs to."""
        try:
            self._store(outgoing, now)
        except BerichtError:
            changed = outgoing.changed()
            if not changed:
                raise
            self._outbox.drop_body(outgoing.message.header.message_id)
            for kenmerk, error in changed.items():
                self._put_aside((outgoing.batch.oin, kenmerk), error.code, now)
            rest = outgoing.without(changed)
            return self._store_or_part(rest, now) if rest else 0
        return 1

    def _put_aside(self, key: Key, reason: str, now: datetime) -> None:
        with self._outbox.transaction() as tx:
            letter = tx.letter(key)
            if letter is not None:
                after = letters.unbuildable(letter.aflevering, reason)
                ledger.save(tx, letter, replace(letter, aflevering=after), now)

    def _store(self, outgoing: Outgoing, now: datetime) -> None:
        """Store a message's octets first, then the message and its letters' membership, in one transaction."""
        message_id = outgoing.message.header.message_id
        written: list[Written] = []
        self._outbox.write_body(message_id, lambda sink: written.append(outgoing.write(sink)))
        packet, route, batch = written[0].packet, outgoing.route, outgoing.batch
        policy = route.retry if route.ack_requested else None
        message = StoredMessage(
            message_id=message_id,
            kind="letters",
            cpa_id=route.cpa_id,
            message=outgoing.message,
            policy=policy,
            url=route.endpoint,
            headers=packet.headers,
            size=packet.size,
            references=packet.references,
            batch_id=batch.batch_id,
            created=now,
            entry=exchange.begin(now, policy),
        )
        with self._outbox.transaction() as tx:
            tx.put_message(message)
            for bericht in batch.berichten:
                letter = tx.letter((batch.oin, bericht.kenmerk))
                if letter is None:
                    raise OutboxError("a letter left the outbox while its message was written")
                after = letters.batched(letter.aflevering, batch.batch_id, message_id)
                ledger.save(tx, letter, replace(letter, aflevering=after), now)

    # Messages over the wire

    def _send(self) -> SendReport:
        report = SendReport()
        while True:
            now = self._now()
            due = self._outbox.lease_due(now, now + _LEASE, _AT_ONCE)
            if not due:
                return report
            for message in due:
                report += self._attempt(message)

    def _attempt(self, message: StoredMessage) -> SendReport:
        """Send one message once, and store what came of it."""
        if message.entry.time_to_live is not None and self._now() >= message.entry.time_to_live:
            return SendReport()  # the next round lets it expire
        outcome = self._post(message)
        event, refusal = self._event_of(message, outcome)
        now = self._now()
        with self._outbox.transaction() as tx:
            current = tx.message(message.message_id) or message
            after = current if event is None else ledger.advance(tx, current, event, now)
            if event is None:
                tx.put_message(replace(current, leased_until=None))
        self._forget(after)
        return _report_of(after, event, refusal)

    def _post(self, message: StoredMessage) -> Outcome:
        sender = next((one for one in self._senders if one.cpa.cpa_id == message.cpa_id), None)
        if sender is None:
            return Retry(reason="no-sender", sentence="no sender has the CPA of this message", needs_person=True)
        with self._outbox.open_body(message.message_id) as body:
            try:
                response = self._wire_of(sender).post(message.url, message.headers, body, message.size)
            except (TransportError, OSError) as error:
                return outcome_of_failure(error)
        return outcome_of(response)

    def _event_of(self, message: StoredMessage, outcome: Outcome) -> tuple[exchange.Event | None, bool]:
        """Return what an outcome does to a message; None when the answer in the response has done it already."""
        match outcome:
            case Accepted():
                return self._accepted(message), False
            case Signal():
                error = self._receiving.read_response(message, outcome.content_type, outcome.body)
                return (exchange.Unreachable(f"answer: {error.code}"), False) if error else (None, False)
            case Retry():
                return exchange.Unreachable(outcome.reason), False
            case Refused():
                return exchange.Refused(outcome.reason), True

    def _accepted(self, message: StoredMessage) -> exchange.Event:
        """An empty 2xx; where the CPA promises an answer in the response, that is a failure to be retried (f.3)."""
        expects = message.message is not None and message.message.sync_reply is not None and message.policy is not None
        return exchange.Unreachable("no answer in the response") if expects else exchange.Accepted()

    def _expire(self) -> SendReport:
        now = self._now()
        expired = self._outbox.expiring(now)
        for message in expired:
            with self._outbox.transaction() as tx:
                current = tx.message(message.message_id)
                if current is not None and not current.entry.is_final:
                    ledger.advance(tx, current, exchange.Tick(), now)
            self._outbox.drop_body(message.message_id)
        return SendReport(expired=len(expired))

    def _forget(self, message: StoredMessage) -> None:
        """Drop the octets of letters that nobody will send again; those of our own signals may be asked for again."""
        if message.kind == "letters" and message.entry.is_final:
            self._outbox.drop_body(message.message_id)


def _repeated(known: StoredLetter, bericht: Bericht) -> Aflevering:
    """Return the way of a letter that is there already.

    Raises:
        BerichtError: it has another content, by the names of the fields that differ.
    """
    if known.bericht is not None and (different := known.bericht.differences(bericht)):
        measure = f"other {', '.join(different)}"
        raise BerichtError(bericht.kenmerk, [FieldError("kenmerk.reused", field="kenmerk", measure=measure)])
    return known.aflevering


def _report_of(after: StoredMessage, event: exchange.Event | None, refused: bool) -> SendReport:
    state = after.entry.state
    return SendReport(
        attempted=1,
        accepted=int(state is exchange.State.SENT and isinstance(event, exchange.Accepted)),
        acknowledged=int(state is exchange.State.ACKNOWLEDGED),
        refused=int(state is exchange.State.FAILED or refused),
        unreachable=int(isinstance(event, exchange.Unreachable)),
    )
