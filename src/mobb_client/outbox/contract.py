"""The contract of every store: what is kept, and the few things that can be done with it.

Nothing is decided here. The client asks the pure tables (`berichtenbox.aflevering`, `ebms.exchange`) what becomes of a
letter or a message, and a transaction makes it so, all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Literal, Protocol, TypeVar
from uuid import UUID

from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.ebms.cpa import RetryPolicy
from mobb_client.ebms.exchange import Entry
from mobb_client.ebms.message import DigestReference, UserMessage

Key = tuple[OIN, str]
"""What names a letter: the OIN it is sent for, and the caller's kenmerk (`Aflevering.key`)."""

MessageKind = Literal["letters", "signal"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A letter with its content, which never changes, and its way, which does.

    Args:
        bericht: its content; None once that was purged. A store may read attachments when they are written.
        aflevering: where it stands.
    """

    bericht: Bericht | None
    aflevering: Aflevering


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message that goes out: its octets are elsewhere in the store and never change.

    Args:
        message_id: its MessageId.
        kind: ``letters`` for a batch; ``signal`` for an acknowledgment, error or pong of ours, which is sent once.
        cpa_id: the CPA it travels under.
        message: what its envelope says, to match answers with; None for a signal.
        policy: when to send again; None for best effort, and for signals.
        url: where it goes.
        headers: the HTTP headers that go with it.
        size: octets of its body.
        references: what its signature covers: a signed acknowledgment must repeat it.
        batch_id: of the batch it holds.
        created: its Timestamp.
        entry: where its exchange stands.
        leased_until: no other worker sends it before then.
    """

    message_id: str
    kind: MessageKind
    cpa_id: str
    message: UserMessage | None = None
    policy: RetryPolicy | None = None
    url: str
    headers: Mapping[str, str]
    size: int
    references: tuple[DigestReference, ...] = ()
    batch_id: UUID | None = None
    created: datetime
    entry: Entry
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What was answered to a message that came in; its duplicate gets the same octets again (B42).

    Args:
        message_id: of the message that came in.
        cpa_id: its CPAId.
        action: its Action.
        digest: SHA-256 over what it says, to tell a duplicate from another message under the same id (B44).
        received: when.
        status: of the HTTP answer.
        headers: of the HTTP answer.
        body: of the HTTP answer; empty when the answer travels as a message of its own.
        answered_by: MessageId of that message.
    """

    message_id: str
    cpa_id: str
    action: str
    digest: str
    received: datetime
    status: int
    headers: Mapping[str, str]
    body: bytes
    answered_by: str | None = None


class EventName(StrEnum):
    """Everything that can happen, a closed list; the names are for ever (`docs/events.md`)."""

    LETTER_QUEUED = "letter.queued"
    LETTER_BATCHED = "letter.batched"
    LETTER_SENT = "letter.sent"
    LETTER_ACKNOWLEDGED = "letter.acknowledged"
    LETTER_DELIVERED = "letter.delivered"
    LETTER_PAPER = "letter.paper"
    LETTER_HUMAN = "letter.human"
    LETTER_UNDATED = "letter.undated"
    LETTER_OVERDUE = "letter.overdue"
    LETTER_LATE = "letter.late"
    LETTER_ALARM = "letter.alarm"
    MESSAGE_PENDING = "message.pending"
    MESSAGE_ATTEMPT = "message.attempt"
    MESSAGE_SENT = "message.sent"
    MESSAGE_ACKNOWLEDGED = "message.acknowledged"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_WARNED = "message.warned"
    MESSAGE_LATE = "message.late"
    MESSAGE_ALARM = "message.alarm"
    RESULT_RECEIVED = "result.received"
    RESULT_ODD = "result.odd"
    INCOMING_REFUSED = "incoming.refused"
    INCOMING_ANSWERED = "incoming.answered"
    SENDER_BLOCKED = "sender.blocked"


Fact = str | int | None
"""What an event may hold: an id, a code, a count, a moment; never content of a letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, for ever: append-only, in order.

    Args:
        at: when.
        name: what.
        oin: of the letter that it is about.
        kenmerk: of that letter.
        message_id: of the message that it is about.
        data: what more there is to know, by name.
        number: given by the store: higher than that of every event before it.
    """

    at: datetime
    name: EventName
    oin: OIN | None = None
    kenmerk: str | None = None
    message_id: str | None = None
    data: Mapping[str, Fact] = field(default_factory=dict)
    number: int = 0


class Transaction(Protocol):
    """What can be read and changed together. Everything read in it is locked until it ends.

    Of a letter mostly its way is wanted: a thousand of them move with one message, and no content is read for that.
    """

    def letter(self, key: Key) -> StoredLetter | None:
        """Return one letter with its content."""

    def add_letter(self, letter: StoredLetter) -> None:
        """Store a new letter."""

    def way(self, key: Key) -> Aflevering | None:
        """Return where one letter stands."""

    def way_by_id(self, bericht_id: UUID) -> Aflevering | None:
        """Return where the letter with a BerichtID stands."""

    def ways_of_batch(self, batch_id: UUID) -> Sequence[Aflevering]:
        """Return where the letters stand whose last batch this was."""

    def put_way(self, way: Aflevering) -> None:
        """Store where a letter stands now; a lease on it ends."""

    def message(self, message_id: str) -> StoredMessage | None:
        """Return one message that goes out."""

    def put_message(self, message: StoredMessage) -> None:
        """Store a message, new or changed; the octets of a new one were stored before."""

    def messages_of_batch(self, batch_id: UUID) -> Sequence[StoredMessage]:
        """Return every message that carried a batch."""

    def drop_body(self, message_id: str) -> None:
        """Forget a message's octets once the transaction has ended well."""

    def answer(self, message_id: str) -> StoredAnswer | None:
        """Return what was answered to a message that came in, by that message's id."""

    def put_answer(self, answer: StoredAnswer) -> None:
        """Store an answer."""

    def add_event(self, event: Event) -> None:
        """Append an event; its number is given here."""


class Outbox(Protocol):
    """A store of letters and messages. Threads may share one."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Return a transaction: all of it is stored when the block ends well, and nothing of it when it raises."""

    def lease_letters(
        self, oins: Collection[OIN], now: datetime, until: datetime, limit: int
    ) -> Sequence[StoredLetter]:
        """Return letters of these OINs that may go into a message now, oldest first, leased to the caller.

        No other call gets them before `until`; a transaction that stores their way ends the lease.
        """

    def lease_due(self, cpa_ids: Collection[str], now: datetime, until: datetime) -> StoredMessage | None:
        """Return the next message of these CPAs that is due, leased: signals first, then the longest waiting.

        No other call gets it before `until`.
        """

    def expiring(self, now: datetime, limit: int) -> Sequence[StoredMessage]:
        """Return messages without a final state whose time to live has passed, and which nobody is sending now."""

    def overdue(self, now: datetime, limit: int) -> Sequence[Aflevering]:
        """Return the ways of letters whose result stays away, and it is time to tell (`Aflevering.wants_reminder`)."""

    def write_body(self, message_id: str, write: Callable[[BinaryIO], _T]) -> _T:
        """Store a message's octets, written by `write` into a seekable file, and return what `write` returns.

        They are durable when this returns; when `write` raises, nothing of them is kept. Octets without a message are
        left over from something that failed: the store drops them in time.
        """

    def open_body(self, message_id: str) -> BinaryIO:
        """Return a message's octets as a file, at its beginning.

        Raises:
            OutboxError: they are gone.
        """

    def events(self, since: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events with a number above `since`, in order."""

    def cursor(self, name: str) -> int:
        """Return the number of the last event that a reader of this name is done with; 0 at first."""

    def set_cursor(self, name: str, number: int) -> None:
        """Store how far a reader is."""

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give every letter's way, oldest first."""

    def close(self) -> None:
        """Let go of files and connections."""
