"""What goes out: letters into the outbox, letters into messages, messages over the wire when they are due.

Written before it is spoken: a message's octets and the membership of its letters are stored before the first octet
leaves, and a resend is those same octets. Source: `digikoppeling-ebms2` f.1 to f.3; `design.md` section 3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from mobb_client import ledger
from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.ebms import exchange
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding, OutboxError
from mobb_client.gate import Gate
from mobb_client.outbox.contract import Event, EventName, Fact, Key, Outbox, StoredLetter, StoredMessage, Transaction
from mobb_client.pacing import Pace, Stop
from mobb_client.posting import Leases, Posting
from mobb_client.pulse import beating
from mobb_client.receiving import Receiving
from mobb_client.sender import Intake, Outgoing, Sender, Written, reused
from mobb_client.tally import SendReport, Tally
from mobb_client.transport.wire import Wire

log = logging.getLogger(__name__)

OnReport = Callable[[SendReport], object]
AT_ONCE: Final = 1000
"""How many letters are put into messages in one go, while those before them are sent."""
_PURGED: Final = Finding("aflevering.purged", field="bericht", measure="no content")


class Sending:
    """The sending half of a client.

    Args:
        senders: whose letters may go out.
        outbox: where everything is stored first.
        receiving: reads what stands in an HTTP response.
        wire_of: what carries a sender's octets.
        now: the clock.
        new_id: where ids come from.
        pace: how fast may be sent.
        gate: says which letters may go.
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
        pace: Pace,
        gate: Gate,
    ) -> None:
        self._outbox = outbox
        self._receiving = receiving
        self._wire_of = wire_of
        self._now = now
        self._new_id = new_id
        self._gate = gate
        self._told: set[tuple[str, str]] = set()
        self._stop = Stop()
        self._leases = Leases(outbox)
        self._posting = Posting(
            outbox=outbox, receiving=receiving, wire_of=wire_of, now=now, leases=self._leases, stop=self._stop
        )
        self.use(senders, pace)

    def use(self, senders: Sequence[Sender], pace: Pace) -> None:
        """Send for these senders, and at this pace, from now on."""
        self._senders = {sender.cpa.cpa_id: sender for sender in senders}
        self._posting.use(self._senders, pace)

    def stop(self) -> None:
        """Begin nothing new, and break off what is being uploaded."""
        self._stop.ask()

    def next_due(self) -> datetime | None:
        """Return when a message is due again, as far as that is planned."""
        return self._posting.next_due()

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
            return [enqueue_one(tx, intake.owner(bericht), bericht, now) for bericht in berichten]

    # All that is due

    def send_due(self, on_report: OnReport | None = None) -> SendReport:
        """Send what is due, make messages of the letters that wait and send those; return what was done.

        A message that cannot be sent, or a sender whose CPA or key forbids it, never stops the others (B37). Of a CPA
        whose other side is down no new messages are made: their time to live would pass while they wait.

        Args:
            on_report: is given what was done so far, each time that some of the letters have gone.

        Raises:
            OutboxError: the store cannot be read or written.
        """
        report = SendReport()
        for report in self.rounds():
            if on_report is not None:
                on_report(report)
        return report

    def rounds(self) -> Iterator[SendReport]:
        """Do what `send_due` does a step at a time, and give after each what was done so far.

        While the messages of a thousand letters are sent, those of the next thousand are made, on the other core: their
        digests and the TLS of what is sent let go of the interpreter. Over a line of 80 MB a second 5,000 letters of
        120 kB took 11.7 s so, and 14.5 s one after the other.
        """
        tally = Tally()
        built = 0
        with beating(self._outbox), ThreadPoolExecutor(1, "mobb-building") as builder:
            self._expire(tally)
            self._remind(tally)
            report = tally.report(self._posting.paused)
            while not self._stop.is_asked:
                ahead = builder.submit(self._build_all, report, tally) if built >= AT_ONCE else None
                self._posting.post_due(tally)
                report = tally.report(self._posting.paused)
                yield report
                built = ahead.result() if ahead else self._build_all(report, tally)
                if not built:
                    break
        if (after := tally.report(self._posting.paused)) != report:
            yield after

    @property
    def is_stopped(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_asked

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a stop is asked for."""
        self._stop.wait(seconds)

    def pace(self, pace: Pace) -> None:
        """Send at this pace from now on."""
        self._posting.use(self._senders, pace)

    def send_signals(self) -> SendReport:
        """Send the signals of ours that are due, and nothing else: who only receives gets its answers out."""
        tally = Tally()
        with beating(self._outbox):
            self._posting.post_due(tally, "signal")
        return tally.report(self._posting.paused)

    def _expire(self, tally: Tally) -> None:
        now = self._now()
        while late := self._outbox.expiring(now, AT_ONCE):
            if not sum([self._posting.age(message, now, tally) for message in late]):
                return  # all were settled by somebody else meanwhile

    def _remind(self, tally: Tally) -> None:
        now = self._now()
        while overdue := self._outbox.overdue(now, AT_ONCE):
            told = self._remind_of([way.key for way in overdue], now)
            tally.count("overdue", by=told)
            if not told:
                return  # somebody else was faster

    def _remind_of(self, keys: Iterable[Key], now: datetime) -> int:
        with self._outbox.transaction() as tx:
            ways = [way for way in tx.ways(keys) if way.wants_reminder(now)]
            for way in ways:
                ledger.remind(tx, way, now)
        return len(ways)

    # Letters into messages

    def sift(self, keys: Collection[Key]) -> None:
        """Ask of waiting letters who is subscribed, where that is required: who is not is on paper now."""
        for sender in self._senders.values():
            own = [key for key in keys if key[0] in sender.oins]
            if own and sender.abonnementen.vereist:
                with self._outbox.transaction() as tx:
                    found = [letter for letter in map(tx.letter, own) if letter is not None]
                waiting = [letter for letter in found if letter.aflevering.state is State.QUEUED]
                self._gate.passed(sender, waiting, Tally())

    def _build_all(self, report: SendReport, tally: Tally) -> int:
        """Make messages of the next letters of each sender that may send; return how many letters that were."""
        forbidden = report.blocked.keys() | report.paused.keys()
        ready = [sender for cpa_id, sender in self._senders.items() if cpa_id not in forbidden]
        return sum([self._build(sender, tally) for sender in ready if not self._stop.is_asked])

    def _build(self, sender: Sender, tally: Tally) -> int:
        """Make messages of a sender's next letters; return how many letters that were."""
        now = self._now()
        with self._leased_letters(sender, now) as leased:
            if not leased:
                return 0
            try:
                sender.route(now)
                self._wire_of(sender)  # without trust or key no message is made that could only fail
                for outgoing in self._outgoing(sender, self._gate.passed(sender, leased, tally), now):
                    if self._stop.is_asked:
                        break
                    tally.count("built", by=self._store_or_part(outgoing))
            except OutboxError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the other senders' letters go on (B37)
                self._block(sender, error, tally)
            return len(leased)

    @contextmanager
    def _leased_letters(self, sender: Sender, now: datetime) -> Iterator[Sequence[StoredLetter]]:
        """Give letters that wait; those that do not get into a message are let go of, whatever happens."""
        leased = self._outbox.lease_letters(sender.oins, now, AT_ONCE)
        try:
            yield leased
        finally:
            if leased:
                self._leases.let_go(letters=[letter.aflevering.key for letter in leased])

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
        if letter.bericht is None:
            self._put_aside(letter.aflevering.key, _PURGED)
            return None
        bericht = letter.bericht.as_sent(now)
        if bericht is not letter.bericht:
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
        written = self._outbox.write_body(message_id, outgoing.write)
        message = _stored(outgoing, written)
        try:
            with self._outbox.transaction() as tx:
                found = tx.ways((batch.oin, bericht.kenmerk) for bericht in batch.berichten)
                held = [way for way in found if way.state is State.QUEUED]
                if len(held) == len(batch):
                    ledger.begin(tx, message, held, message.created, _evidence(outgoing, written))
                    return True
                tx.drop_body(message_id)
        except OutboxError:
            self._leases.let_go(octets=[message_id])
            raise
        return False

    def _block(self, sender: Sender, error: Exception, tally: Tally) -> None:
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


def enqueue_one(
    tx: Transaction, sender: Sender, bericht: Bericht, now: datetime, *, judged: datetime | None = None
) -> Aflevering:
    """Store a letter, unless it is there, and return where it stands.

    Args:
        tx: the transaction.
        sender: whose letter it is.
        bericht: the letter.
        now: when it is handed over.
        judged: when its dates were judged, where that was before.

    Raises:
        BerichtError: it is refused, and the transaction is to be taken back.
    """
    oin = bericht.oin or sender.oins[0]
    way = Aflevering(oin=oin, kenmerk=bericht.kenmerk, bericht_id=bericht_id(oin, bericht.kenmerk), handed_over=now)
    try:
        known = ledger.hand_over(tx, bericht, way, now)
        if known is not None and not ledger.was_put_aside(known):
            return _repeated(known, bericht)
        # after the repeats, which may be older than their dates
        if errors := bericht.date_errors(judged or now, sender.regels):
            raise BerichtError(bericht.kenmerk, errors)
        return way if known is None else ledger.correct(tx, known.aflevering, bericht, now)
    except FieldError as error:  # an attachment that must be read now, and cannot be
        raise BerichtError(bericht.kenmerk, [error]) from None


def _repeated(known: StoredLetter, bericht: Bericht) -> Aflevering:
    """Return the way of a letter that is there already.

    Raises:
        BerichtError: it has another content, or nobody knows.
    """
    if known.bericht is not None and (errors := tuple(reused(known.bericht, bericht))):
        raise BerichtError(bericht.kenmerk, errors)
    return known.aflevering


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


def _evidence(outgoing: Outgoing, written: Written) -> ledger.Evidence:
    """Return what stays when the octets are gone: digest and size of the document and of each attachment."""
    ((_, digest),) = written.packet.payload_digests
    facts: dict[UUID, dict[str, Fact]] = {}
    for bericht in outgoing.batch.berichten:
        letter = bericht_id(outgoing.batch.oin, bericht.kenmerk)
        found = zip(bericht.bijlagen, written.document.bijlagen[letter], strict=True)
        for number, (bijlage, sha256) in enumerate(found, start=1):
            own = facts.setdefault(letter, {})
            own[f"bijlage_{number}_sha256"], own[f"bijlage_{number}_bytes"] = sha256, bijlage.size
    document: dict[str, Fact] = {"payload_digest": digest.hex(), "payload_bytes": written.document.size}
    return ledger.Evidence(message=document, letters=facts)
