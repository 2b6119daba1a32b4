"""The contract of every store: what is kept, and the few things that can be done with it.

Nothing is decided here. The client asks the pure tables (`berichtenbox.aflevering`, `ebms.exchange`) what becomes of a
letter or a message, and a transaction makes it so, all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol, TypeVar
from uuid import UUID

from mobb_client.berichtenbox.abonnementen import Abonnement, Bron, Stand, Verzoek
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.ebms.cpa import RetryPolicy
from mobb_client.ebms.exchange import Entry
from mobb_client.ebms.message import DigestReference, UserMessage
from mobb_client.errors import Finding

Key = tuple[OIN, str]
"""What names a letter: the OIN it is sent for, and the caller's kenmerk (`Aflevering.key`)."""

MessageKind = Literal["letters", "request", "signal"]

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
        kind: ``letters`` for a batch; ``request`` for one to the AbonnementService; ``signal`` for an acknowledgment,
            error or pong of ours, which is sent once.
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
    LETTER_CHECKED = "letter.checked"
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
    ABONNEMENTEN_RECEIVED = "abonnementen.received"
    ABONNEMENTEN_STORED = "abonnementen.stored"
    ABONNEMENTEN_ODD = "abonnementen.odd"
    ABONNEMENTEN_LATE = "abonnementen.late"
    INCOMING_REFUSED = "incoming.refused"
    INCOMING_ANSWERED = "incoming.answered"
    SENDER_BLOCKED = "sender.blocked"


OF_MESSAGES: Final = frozenset(name for name in EventName if name.startswith(("message.", "result.")))
"""The events that are about no letter: they have no `oin`."""

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


class RowKind(StrEnum):
    """What an input row of a run is: exactly one of these. The names are for ever."""

    LETTER = "letter"
    REPEAT = "repeat"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One input row of a run.

    Args:
        number: as a spreadsheet shows it.
        kind: what it is.
        oin: whose letter, as far as that is known.
        kenmerk: as given; empty when it cannot be used.
        bericht_id: the letter that it became, repeats, or was put on the desk as; None when there is none.
        findings: why it was refused.
    """

    number: int
    kind: RowKind
    oin: OIN | None = None
    kenmerk: str = ""
    bericht_id: UUID | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """An input row, and what has become of it.

    Args:
        row: the row.
        aflevering: where its letter stands; None when it has none.
        paper: on which paper list of this run that letter is; None when it is on none.
    """

    row: RunRow
    aflevering: Aflevering | None = None
    paper: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperList:
    """A list of letters to print, which never changes any more.

    Args:
        number: from 1, in each run.
        early: whether it was made before anything was sent.
        closed: when it was made.
        letters: how many are on it.
    """

    number: int
    early: bool
    closed: datetime
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One input that is sent under one name.

    Args:
        name: the caller's.
        source: the file that is read.
        sha256: of all of it.
        size: octets of it.
        started: when.
        first_event: the number of the last event before it.
        is_read: whether every row is stored.
        window: at what times of the day letters may be sent; None for always.
        lists: the paper lists that were made of it.
        sent_bytes: octets of documents that were sent while it was carried out.
        sent_seconds: how long that took, pauses not counted.
    """

    name: str
    source: str
    sha256: str
    size: int
    started: datetime
    first_event: int = 0
    is_read: bool = False
    window: str | None = None
    lists: tuple[PaperList, ...] = ()
    sent_bytes: int = 0
    sent_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Letters of a run that nobody may put into a message.

    Args:
        why: who or what holds them, a slug; only the same word lets them go.
        oin: whose letters; None for all.
    """

    why: str
    oin: OIN | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Letters of one run, OIN and state that are not acknowledged yet.

    Args:
        run: by which they came; None for letters of no run.
        oin: whose they are.
        state: ``QUEUED``, ``BATCHED`` or ``SENT``.
        letters: how many.
        since: when the first of them could go: it was handed over, or the moment had come that it waits for
            (`Aflevering.not_before`); None when all wait for theirs.
        until: when the last could, of those that can.
    """

    run: str | None
    oin: OIN
    state: State
    letters: int
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a store holds, counted.

    Args:
        states: how many letters there are in each state; none is left out.
        events: how many events there are of each name.
        last_event: the number of the last one.
        waiting: the letters that are not acknowledged yet.
        oldest_message: when the oldest message was made that waits for its end, signals left out.
        overdue: how many letters wait for their result longer than is normal (`Aflevering.is_overdue`).
        verzoeken: the requests to the AbonnementService, oldest first.
    """

    states: Mapping[State, int]
    events: Mapping[EventName, int]
    last_event: int = 0
    waiting: Sequence[Waiting] = ()
    oldest_message: datetime | None = None
    overdue: int = 0
    verzoeken: Sequence[Verzoek] = ()


class Register(Protocol):
    """What is known of who is subscribed, and which requests were made for that. Part of a transaction."""

    def put(
        self, oin: OIN, berichttype: str | None, bron: Bron, at: datetime, facts: Iterable[tuple[BSN, bool]]
    ) -> int:
        """Store facts about citizens and return how many; one that is older than what is known changes nothing.

        Args:
            oin: for whose letters they hold.
            berichttype: for which type; None when they were told of the supplier as a whole.
            bron: who told them.
            at: from when on they count.
            facts: who is subscribed, and who is not; a million of them are read as a stream.
        """

    def known(self, oin: OIN, bsns: Iterable[BSN]) -> Mapping[BSN, Sequence[Abonnement]]:
        """Return all that is known of each of these citizens, however old."""

    def stand(self, oin: OIN, since: datetime) -> Stand:
        """Return how many facts there are of an OIN: those after a moment, and those that are older."""

    def put_verzoek(self, verzoek: Verzoek, antwoord: bytes | None = None) -> None:
        """Store a request, new or changed, and its answer as it came when there is one."""

    def verzoeken(self) -> Sequence[Verzoek]:
        """Return every request, oldest first, and lock nothing."""

    def verzoek(self, verzoek_id: UUID) -> Verzoek | None:
        """Return one request, locked until the transaction ends: to change it."""

    def antwoord(self, verzoek_id: UUID) -> bytes | None:
        """Return the answer to a request, as it came; None when there is none, or none any more."""

    def drop_antwoord(self, verzoek_id: UUID) -> None:
        """Forget the answer to a request."""


class Transaction(Protocol):
    """What can be read and changed together. Everything read in it is locked until it ends.

    Of a letter mostly its way is wanted: a thousand of them move with one message, and no content is read for that.
    """

    @property
    def register(self) -> Register:
        """What is known of who is subscribed."""

    def letter(self, key: Key) -> StoredLetter | None:
        """Return one letter with its content."""

    def add_letter(self, letter: StoredLetter) -> StoredLetter | None:
        """Store a new letter; when one is there under its key, return that one and store nothing."""

    def contents(self, letters: Iterable[Aflevering]) -> Mapping[UUID, Bericht]:
        """Return the contents of letters by BerichtID; of one that has none any more nothing."""

    def put_content(self, key: Key, bericht: Bericht) -> None:
        """Store another content of a letter that is there: a correction."""

    def way(self, key: Key) -> Aflevering | None:
        """Return where one letter stands."""

    def ways(self, keys: Iterable[Key]) -> Sequence[Aflevering]:
        """Return where letters stand; of a key without a letter nothing."""

    def way_by_id(self, bericht_id: UUID) -> Aflevering | None:
        """Return where the letter with a BerichtID stands."""

    def ways_of_batch(self, batch_id: UUID) -> Sequence[Aflevering]:
        """Return where the letters stand whose last batch this was, in the order in which they came."""

    def put_way(self, way: Aflevering) -> None:
        """Store where a letter stands now; a lease on it ends."""

    def put_ways(self, letters: Sequence[Aflevering], after: Aflevering) -> None:
        """Store that letters stand now where the first of them does (`standing_as`); leases on them end.

        Args:
            letters: at least one.
            after: where the first of them stands.
        """

    def release_letters(self, keys: Collection[Key]) -> None:
        """Let go of those letters that are still leased to this worker."""

    def message(self, message_id: str) -> StoredMessage | None:
        """Return one message that goes out."""

    def put_message(self, message: StoredMessage) -> None:
        """Store a message, new or changed; a lease on it stays.

        Raises:
            OutboxError: a new one of which the octets were not stored before, by this worker.
        """

    def release_message(self, message_id: str) -> None:
        """Let go of a message, when it is leased to this worker."""

    def messages_of_batch(self, batch_id: UUID) -> Sequence[StoredMessage]:
        """Return every message that carried a batch, in the order in which they were made."""

    def drop_body(self, message_id: str) -> None:
        """Forget a message's octets once the transaction has ended well."""

    def answer(self, message_id: str) -> StoredAnswer | None:
        """Return what was answered to a message that came in, by that message's id; its absence is locked too."""

    def put_answer(self, answer: StoredAnswer) -> None:
        """Store an answer."""

    def add_event(self, event: Event) -> None:
        """Append an event; its number is given by the store."""

    def add_events(self, event: Event, letters: Iterable[Aflevering]) -> None:
        """Append an event once for each of these letters, in their order, the same but for OIN and kenmerk."""

    def run(self, name: str) -> StoredRun | None:
        """Return a run."""

    def put_run(self, run: StoredRun) -> None:
        """Store a run, new or changed."""

    def add_run_rows(self, name: str, rows: Sequence[RunRow]) -> None:
        """Append input rows to a run; a number comes once.

        Of the rows of one run that are no repeats one at most follows a letter: the one that became it, else the first
        that was refused under its key. The others keep their findings and have no letter.
        """

    def run_row(self, name: str, number: int) -> RunRow | None:
        """Return one row of a run, locked until the transaction ends: to let it follow a letter."""

    def follow(self, name: str, number: int, bericht_id: UUID) -> None:
        """Let a row of a run that has no letter follow one that no other row follows."""

    def hold(self, name: str, hold: Hold) -> None:
        """Let nobody put these letters of a run into a message; those that are in one go on."""

    def release(self, name: str, hold: Hold) -> None:
        """End a hold; what another one holds as well stays held."""

    def put_on_paper_list(self, name: str, number: int) -> int:
        """Put the letters of a run that ended on paper, and are on no list of any run, on this one; return how many."""


class Outbox(Protocol):
    """A store of letters and messages, and one worker on it. Threads may share one.

    What a worker leases is given to no other one, until it lets go of it or dies. How a death is seen differs: in
    PostgreSQL by a heart that beats no more, on one machine by the system itself.
    """

    @property
    def beat_every(self) -> float | None:
        """Seconds between two calls of `beat` while something is leased; None when none are needed."""

    @property
    def folder(self) -> Path | None:
        """The folder on whose disk all of it is kept; None when that is in memory or another machine's."""

    def transaction(self, using: object | None = None) -> AbstractContextManager[Transaction]:
        """Return a transaction: all of it is stored when the block ends well, and nothing of it when it raises.

        Args:
            using: an open connection of the caller to the database that holds the outbox. What the block did then
                becomes a part of the caller's own transaction, which is never committed here.

        Raises:
            ConfigurationError: the store is in no database, or `using` is no connection to the one that holds it.
            OutboxError: the store cannot be read or written; whether the end was stored is not known.
        """

    def lease_letters(self, oins: Collection[OIN], now: datetime, limit: int) -> Sequence[StoredLetter]:
        """Return letters of one OIN that may go into a message now and that no run holds, oldest first, leased.

        Of the OINs that are asked for it is the one with the oldest letter: a message holds letters of one OIN, and a
        thousand letters of seven would make seven that are half full.

        A transaction that stores a letter's way ends its lease.
        """

    def lease_due(
        self,
        cpa_ids: Collection[str],
        now: datetime,
        *,
        kind: MessageKind | None = None,
        expiring: datetime | None = None,
    ) -> StoredMessage | None:
        """Return the next message of these CPAs that is due, leased: signals first, then the longest waiting.

        Args:
            cpa_ids: of which CPAs.
            now: the moment.
            kind: only messages of this kind; None takes both.
            expiring: only a message whose time to live will have passed by then.
        """

    def beat(self) -> None:
        """Say that this worker lives."""

    def alive_check(self) -> Callable[[], None]:
        """Return a check, for what is leased now, that no other worker can have taken it over; it costs nothing.

        It raises an OutboxError when another may have: whatever is being done with what was leased must stop.
        """

    def ways(self, keys: Iterable[Key]) -> Sequence[Aflevering]:
        """Return where letters stand, and lock nothing; of a key without a letter nothing."""

    def expiring(self, now: datetime, limit: int) -> Sequence[StoredMessage]:
        """Return messages without a final state whose time to live has passed, and which nobody is sending now."""

    def overdue(self, now: datetime, limit: int) -> Sequence[Aflevering]:
        """Return the ways of letters whose result stays away, and it is time to tell (`Aflevering.wants_reminder`)."""

    def next_due(self, cpa_ids: Collection[str]) -> datetime | None:
        """Return when the next message of these CPAs is due; None when none is planned."""

    def write_body(self, message_id: str, write: Callable[[BinaryIO], _T]) -> _T:
        """Store a message's octets, written by `write` into a seekable file, and return what `write` returns.

        They are durable when this returns; when `write` raises, nothing of them is kept. Octets without a message are
        left over from something that failed: the store drops them when their worker is dead.
        """

    def open_body(self, message_id: str) -> BinaryIO:
        """Return a message's octets as a file that can seek, at its beginning.

        When they are dropped while they are read, they can be read to their end, or reading raises.

        Raises:
            OutboxError: they are gone.
        """

    def events(self, since: int = 0, limit: int = 1000, names: Collection[EventName] | None = None) -> Sequence[Event]:
        """Return events with a number above `since`, in order, or those of these names among them.

        None appears later with a lower number.
        """

    def last_event(self) -> int:
        """Return the number of the last event; 0 when there is none."""

    def lease_cursor(self, name: str) -> int | None:
        """Return the number of the last event that the readers of this name are done with, 0 at first, leased.

        None when another reader is at it now.
        """

    def set_cursor(self, name: str, number: int) -> None:
        """Store how far a reader is, and let go of the cursor; of one that is leased to another nothing changes."""

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give every letter's way, oldest first; letters may move while this goes on."""

    def states(self) -> Mapping[State, int]:
        """Return how many letters there are in each state, at one moment; none is left out."""

    def of_state(self, state: State, limit: int = 1000, after: Aflevering | None = None) -> Sequence[Aflevering]:
        """Return the ways of letters in a state, oldest first; only of those that came after another, when given."""

    def runs(self) -> Sequence[StoredRun]:
        """Return every run, in the order of their names."""

    def holds(self, name: str) -> Sequence[Hold]:
        """Return what is held of a run."""

    def run_last_row(self, name: str) -> int:
        """Return the number of the last row of a run that is stored; 0 when none is."""

    def run_lines(self, name: str, after: int = 0, limit: int = 1000) -> Sequence[RunLine]:
        """Return rows of a run with a number above `after`, in order, and where their letters stand."""

    def run_counts(self, name: str) -> Mapping[tuple[RowKind, OIN | None, State | None], int]:
        """Return how many rows of a run there are of each kind, OIN and state of the letter, at one moment."""

    def figures(self, now: datetime) -> Figures:
        """Return figures of all that is kept, and lock nothing; letters and events are counted at one moment."""

    def purgeable(self, before: datetime) -> int:
        """Return how many letters have content that `purge` would remove."""

    def purge(self, before: datetime, limit: int = 1000) -> int:
        """Remove the contents of letters that came to a final ending before a moment, and return how many those were.

        Their ways and events stay. With the last of them the octets of our own signals and stored answers from before
        that moment go too. Call it until it returns 0: then nothing of what was removed is left in the store's files.
        """

    def close(self) -> None:
        """Let go of leases, files and connections."""
