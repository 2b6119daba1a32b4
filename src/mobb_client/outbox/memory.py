"""A store in memory: for tests and first tries, and the plainest form of the contract. Nothing survives it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from threading import RLock
from typing import BinaryIO, TypeVar
from uuid import UUID

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import OutboxError
from mobb_client.outbox.contract import Event, Key, StoredAnswer, StoredLetter, StoredMessage, Transaction

_K = TypeVar("_K")
_V = TypeVar("_V")

_Index = dict[_K, None]
"""Keys in the order in which they came. It may hold a key too many, so whoever reads it looks at the value."""


@dataclass(slots=True)
class _Tables:
    contents: dict[Key, Bericht | None] = field(default_factory=dict)
    ways: dict[Key, Aflevering] = field(default_factory=dict)
    leases: dict[Key, datetime] = field(default_factory=dict)
    messages: dict[str, StoredMessage] = field(default_factory=dict)
    answers: dict[str, StoredAnswer] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    queued: _Index[Key] = field(default_factory=dict)
    acknowledged: _Index[Key] = field(default_factory=dict)
    open_messages: _Index[str] = field(default_factory=dict)
    keys_by_id: dict[UUID, Key] = field(default_factory=dict)
    keys_by_batch: dict[UUID, _Index[Key]] = field(default_factory=dict)
    messages_by_batch: dict[UUID, _Index[str]] = field(default_factory=dict)


class MemoryOutbox:
    """Letters, messages and events in dictionaries, under one lock."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._tables = _Tables()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Return a transaction; when it raises, every change is taken back in reverse."""
        with self._lock:
            work = _Work(self._tables)
            try:
                yield work
            except BaseException:
                work.take_back()
                raise
            work.finish()

    def lease_letters(
        self, oins: Collection[OIN], now: datetime, until: datetime, limit: int
    ) -> Sequence[StoredLetter]:
        """Return queued letters, oldest first, leased until a moment."""
        wanted = frozenset(oins)
        with self._lock:
            tables = self._tables

            def is_free(way: Aflevering) -> bool:
                leased = tables.leases.get(way.key)
                return way.oin in wanted and _is_past(way.not_before, now) and _is_past(leased, now)

            found = _scan(tables.queued, tables.ways, _is_queued, is_free, limit)
            tables.leases.update({way.key: until for way in found})
            return [StoredLetter(bericht=tables.contents[way.key], aflevering=way) for way in found]

    def lease_due(self, cpa_ids: Collection[str], now: datetime, until: datetime) -> StoredMessage | None:
        """Return the next message that is due, leased until a moment."""
        with self._lock:
            tables = self._tables
            due = [one for one in self._open_messages(lambda one: _is_due(one, now)) if one.cpa_id in cpa_ids]
            if not due:
                return None
            leased = replace(min(due, key=_turn), leased_until=until)
            tables.messages[leased.message_id] = leased
            return leased

    def expiring(self, now: datetime, limit: int) -> Sequence[StoredMessage]:
        """Return messages past their time to live that have no final state."""
        with self._lock:
            return self._open_messages(lambda message: _is_expiring(message, now))[:limit]

    def _open_messages(self, is_wanted: Callable[[StoredMessage], bool]) -> list[StoredMessage]:
        return _scan(self._tables.open_messages, self._tables.messages, _is_open, is_wanted)

    def overdue(self, now: datetime, limit: int) -> Sequence[Aflevering]:
        """Return acknowledged letters of which it is time to tell somebody."""
        with self._lock:
            tables = self._tables
            return _scan(tables.acknowledged, tables.ways, _is_acknowledged, lambda way: way.wants_reminder(now), limit)

    def write_body(self, message_id: str, write: Callable[[BinaryIO], _V]) -> _V:
        """Keep the octets."""
        sink = BytesIO()
        done = write(sink)
        with self._lock:
            self._tables.bodies[message_id] = sink.getvalue()
        return done

    def open_body(self, message_id: str) -> BinaryIO:
        """Return the octets as a file."""
        with self._lock:
            if message_id not in self._tables.bodies:
                raise OutboxError(f"the octets of message {message_id} are gone")
            return BytesIO(self._tables.bodies[message_id])

    def events(self, since: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events above a number."""
        with self._lock:
            return self._tables.events[since : since + limit]

    def cursor(self, name: str) -> int:
        """Return how far a reader is."""
        with self._lock:
            return self._tables.cursors.get(name, 0)

    def set_cursor(self, name: str, number: int) -> None:
        """Store how far a reader is."""
        with self._lock:
            self._tables.cursors[name] = number

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give every letter's way."""
        with self._lock:
            found = list(self._tables.ways.values())
        yield from found

    def close(self) -> None:
        """Nothing to let go of."""


def _scan(
    index: _Index[_K],
    table: Mapping[_K, _V],
    belongs: Callable[[_V], bool],
    is_wanted: Callable[[_V], bool],
    limit: int | None = None,
) -> list[_V]:
    """Return the first wanted values of an index, and take the keys out of it that no longer belong there."""
    found: list[_V] = []
    gone: list[_K] = []
    for key in index:
        value = table.get(key)
        if value is None or not belongs(value):
            gone.append(key)
        elif is_wanted(value):
            found.append(value)
            if len(found) == limit:
                break
    for key in gone:
        del index[key]
    return found


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is None or moment <= now


def _has_come(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _is_queued(way: Aflevering) -> bool:
    return way.state is State.QUEUED


def _is_acknowledged(way: Aflevering) -> bool:
    return way.state is State.ACKNOWLEDGED


def _is_open(message: StoredMessage) -> bool:
    return not message.entry.is_final


def _is_due(message: StoredMessage, now: datetime) -> bool:
    return _has_come(message.entry.next_attempt, now) and _is_past(message.leased_until, now)


def _is_expiring(message: StoredMessage, now: datetime) -> bool:
    return _has_come(message.entry.time_to_live, now) and _is_past(message.leased_until, now)


def _turn(message: StoredMessage) -> tuple[bool, datetime]:
    return message.kind != "signal", message.entry.next_attempt or message.created


class _Work:
    """One transaction: changes are made at once and remembered, so that they can be taken back."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._undo: list[Callable[[], object]] = []
        self._dropped: list[str] = []

    def take_back(self) -> None:
        """Undo every change, last first. The indices may keep a key too many."""
        for undo in reversed(self._undo):
            undo()

    def finish(self) -> None:
        """Do what can only be done for good."""
        for message_id in self._dropped:
            self._tables.bodies.pop(message_id, None)

    def letter(self, key: Key) -> StoredLetter | None:
        way = self._tables.ways.get(key)
        return None if way is None else StoredLetter(bericht=self._tables.contents[key], aflevering=way)

    def add_letter(self, letter: StoredLetter) -> None:
        self._put(self._tables.contents, letter.aflevering.key, letter.bericht)
        self._tables.keys_by_id[letter.aflevering.bericht_id] = letter.aflevering.key
        self.put_way(letter.aflevering)

    def way(self, key: Key) -> Aflevering | None:
        return self._tables.ways.get(key)

    def way_by_id(self, bericht_id: UUID) -> Aflevering | None:
        key = self._tables.keys_by_id.get(bericht_id)
        return None if key is None else self._tables.ways.get(key)

    def ways_of_batch(self, batch_id: UUID) -> Sequence[Aflevering]:
        found = map(self._tables.ways.get, self._tables.keys_by_batch.get(batch_id, {}))
        return [way for way in found if way is not None and way.batch_id == batch_id]

    def put_way(self, way: Aflevering) -> None:
        tables = self._tables
        self._put(tables.ways, way.key, way)
        self._end_lease(way.key)
        if way.batch_id is not None:
            tables.keys_by_batch.setdefault(way.batch_id, {})[way.key] = None
        if way.state is State.QUEUED:
            tables.queued[way.key] = None
        if way.state is State.ACKNOWLEDGED:
            tables.acknowledged[way.key] = None

    def _end_lease(self, key: Key) -> None:
        leased = self._tables.leases.pop(key, None)
        if leased is not None:
            self._undo.append(lambda: self._tables.leases.__setitem__(key, leased))

    def message(self, message_id: str) -> StoredMessage | None:
        return self._tables.messages.get(message_id)

    def put_message(self, message: StoredMessage) -> None:
        self._put(self._tables.messages, message.message_id, message)
        if message.batch_id is not None:
            self._tables.messages_by_batch.setdefault(message.batch_id, {})[message.message_id] = None
        if not message.entry.is_final:
            self._tables.open_messages[message.message_id] = None

    def messages_of_batch(self, batch_id: UUID) -> Sequence[StoredMessage]:
        found = map(self._tables.messages.get, self._tables.messages_by_batch.get(batch_id, {}))
        return [message for message in found if message is not None]

    def drop_body(self, message_id: str) -> None:
        self._dropped.append(message_id)

    def answer(self, message_id: str) -> StoredAnswer | None:
        return self._tables.answers.get(message_id)

    def put_answer(self, answer: StoredAnswer) -> None:
        self._put(self._tables.answers, answer.message_id, answer)

    def add_event(self, event: Event) -> None:
        events = self._tables.events
        events.append(replace(event, number=len(events) + 1))
        self._undo.append(events.pop)

    def _put(self, table: dict[_K, _V], key: _K, value: _V) -> None:
        if key in table:
            before = table[key]
            self._undo.append(lambda: table.__setitem__(key, before))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value
