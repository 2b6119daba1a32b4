"""A store in memory: for tests and first tries, and the plainest form of the contract. Nothing survives it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from itertools import dropwhile, islice
from threading import RLock
from typing import BinaryIO, TypeVar
from uuid import UUID

from mobb_client.berichtenbox.aflevering import FINAL, UNSENT, Aflevering, State, standing_as
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.outbox._register import MemoryRegister, RegisterTables
from mobb_client.outbox._runs import one_each
from mobb_client.outbox.contract import (
    Event,
    EventName,
    Figures,
    Hold,
    Key,
    MessageKind,
    RowKind,
    RunLine,
    RunRow,
    StoredAnswer,
    StoredLetter,
    StoredMessage,
    StoredRun,
    Transaction,
    Waiting,
)

_K = TypeVar("_K")
_V = TypeVar("_V")

_Index = dict[_K, None]
"""Keys in the order in which they came. It may hold a key too many, so whoever reads it looks at the value."""


@dataclass(slots=True)
class _Tables:
    contents: dict[Key, Bericht | None] = field(default_factory=dict)
    ways: dict[Key, Aflevering] = field(default_factory=dict)
    leases: set[Key] = field(default_factory=set)
    sending: set[str] = field(default_factory=set)
    messages: dict[str, StoredMessage] = field(default_factory=dict)
    answers: dict[str, StoredAnswer] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    reading: set[str] = field(default_factory=set)
    queued: _Index[Key] = field(default_factory=dict)
    acknowledged: _Index[Key] = field(default_factory=dict)
    open_messages: _Index[str] = field(default_factory=dict)
    keys_by_id: dict[UUID, Key] = field(default_factory=dict)
    keys_by_batch: dict[UUID, _Index[Key]] = field(default_factory=dict)
    messages_by_batch: dict[UUID, _Index[str]] = field(default_factory=dict)
    runs: dict[str, StoredRun] = field(default_factory=dict)
    rows: dict[tuple[str, int], RunRow] = field(default_factory=dict)
    holds: dict[tuple[str, Hold], None] = field(default_factory=dict)
    lists: dict[UUID, tuple[str, int]] = field(default_factory=dict)
    register: RegisterTables = field(default_factory=RegisterTables)

    def rows_of(self, name: str) -> list[RunRow]:
        """Return the rows of a run, in order."""
        return [row for (run, _), row in sorted(self.rows.items()) if run == name]

    def held(self) -> set[UUID]:
        """Return the letters that a run holds."""
        return {
            row.bericht_id
            for run, hold in self.holds
            for row in self.rows_of(run)
            if row.bericht_id and row.kind is not RowKind.REPEAT and hold.oin in {None, row.oin}
        }

    def way_of(self, row: RunRow) -> Aflevering | None:
        """Return where the letter of a row stands."""
        return None if row.bericht_id is None else self.ways.get(self.keys_by_id[row.bericht_id])


class MemoryOutbox:
    """Letters, messages and events in dictionaries, under one lock. Its one worker lives as long as it does."""

    beat_every = None
    folder = None

    def __init__(self) -> None:
        self._lock = RLock()
        self._tables = _Tables()

    @contextmanager
    def transaction(self, using: object | None = None) -> Iterator[Transaction]:
        """Return a transaction; when it raises, every change is taken back in reverse."""
        if using is not None:
            raise ConfigurationError(Finding("outbox.using", field="using", measure="an outbox in memory"))
        with self._lock:
            work = _Work(self._tables)
            try:
                yield work
            except BaseException:
                work.take_back()
                raise
            work.finish()

    def lease_letters(self, oins: Collection[OIN], now: datetime, limit: int) -> Sequence[StoredLetter]:
        """Return queued letters of one OIN, oldest first, leased."""
        with self._lock:
            tables = self._tables
            held = tables.held()

            def free(wanted: Collection[OIN], most: int) -> Sequence[Aflevering]:
                def is_free(way: Aflevering) -> bool:
                    is_here = way.oin in wanted and _is_past(way.not_before, now) and way.key not in tables.leases
                    return is_here and way.bericht_id not in held

                return _scan(tables.queued, tables.ways, _is_queued, is_free, most)

            found = free({oldest.oin for oldest in free(frozenset(oins), 1)}, limit)
            tables.leases.update(way.key for way in found)
            return [StoredLetter(bericht=tables.contents[way.key], aflevering=way) for way in found]

    def lease_due(
        self,
        cpa_ids: Collection[str],
        now: datetime,
        *,
        kind: MessageKind | None = None,
        expiring: datetime | None = None,
    ) -> StoredMessage | None:
        """Return the next message that is due, leased."""

        def is_due(message: StoredMessage) -> bool:
            is_wanted = kind in {None, message.kind} and (
                expiring is None or _has_come(message.entry.time_to_live, expiring)
            )
            return is_wanted and message.cpa_id in cpa_ids and _has_come(message.entry.next_attempt, now)

        with self._lock:
            found = min(self._open_messages(is_due), key=_turn, default=None)
            if found is not None:
                self._tables.sending.add(found.message_id)
            return found

    def beat(self) -> None:
        """Nobody listens."""

    def alive_check(self) -> Callable[[], None]:
        """There is no other worker."""
        return _nothing

    def ways(self, keys: Iterable[Key]) -> Sequence[Aflevering]:
        """Return where letters stand."""
        with self._lock:
            return [way for key in keys if (way := self._tables.ways.get(key)) is not None]

    def expiring(self, now: datetime, limit: int) -> Sequence[StoredMessage]:
        """Return messages past their time to live that have no final state."""
        with self._lock:
            return self._open_messages(lambda message: _has_come(message.entry.time_to_live, now))[:limit]

    def next_due(self, cpa_ids: Collection[str]) -> datetime | None:
        """Return the earliest planned attempt."""
        with self._lock:
            planned = (one.entry.next_attempt for one in self._open_messages(lambda one: one.cpa_id in cpa_ids))
            return min((moment for moment in planned if moment is not None), default=None)

    def _open_messages(self, is_wanted: Callable[[StoredMessage], bool]) -> list[StoredMessage]:
        """Return messages that are not final and that nobody is sending."""
        tables = self._tables

        def is_free(message: StoredMessage) -> bool:
            return message.message_id not in tables.sending and is_wanted(message)

        return _scan(tables.open_messages, tables.messages, _is_open, is_free)

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

    def events(self, since: int = 0, limit: int = 1000, names: Collection[EventName] | None = None) -> Sequence[Event]:
        """Return events above a number."""
        with self._lock:
            if names is None:
                return self._tables.events[since : since + limit]
            return [event for event in self._tables.events[since:] if event.name in names][:limit]

    def last_event(self) -> int:
        """Return the number of the last event."""
        with self._lock:
            return len(self._tables.events)

    def lease_cursor(self, name: str) -> int | None:
        """Return how far a reader is, unless another is at it."""
        with self._lock:
            if name in self._tables.reading:
                return None
            self._tables.reading.add(name)
            return self._tables.cursors.get(name, 0)

    def set_cursor(self, name: str, number: int) -> None:
        """Store how far a reader is."""
        with self._lock:
            self._tables.cursors[name] = number
            self._tables.reading.discard(name)

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give every letter's way."""
        with self._lock:
            found = list(self._tables.ways.values())
        yield from found

    def states(self) -> Mapping[State, int]:
        """Return how many letters there are in each state."""
        with self._lock:
            counted = Counter(way.state for way in self._tables.ways.values())
        return {state: counted[state] for state in State}

    def of_state(self, state: State, limit: int = 1000, after: Aflevering | None = None) -> Sequence[Aflevering]:
        """Return the letters in a state."""
        with self._lock:
            ways = iter(self._tables.ways.values())
            if after is not None:
                ways = dropwhile(lambda way: way.key != after.key, ways)
                next(ways, None)
            return list(islice((way for way in ways if way.state is state), limit))

    def runs(self) -> Sequence[StoredRun]:
        """Return every run."""
        with self._lock:
            return [run for _, run in sorted(self._tables.runs.items())]

    def holds(self, name: str) -> Sequence[Hold]:
        """Return what is held of a run."""
        with self._lock:
            found = [hold for run, hold in self._tables.holds if run == name]
            return sorted(found, key=lambda hold: (hold.why, str(hold.oin or "")))

    def run_last_row(self, name: str) -> int:
        """Return the number of the last row."""
        with self._lock:
            return max((number for run, number in self._tables.rows if run == name), default=0)

    def run_lines(self, name: str, after: int = 0, limit: int = 1000) -> Sequence[RunLine]:
        """Return rows and where their letters stand."""
        with self._lock:
            rows = [row for row in self._tables.rows_of(name) if row.number > after][:limit]
            return [self._line(name, row) for row in rows]

    def _line(self, name: str, row: RunRow) -> RunLine:
        found = None if row.bericht_id is None else self._tables.lists.get(row.bericht_id)
        is_here = found is not None and found[0] == name and row.kind is not RowKind.REPEAT
        return RunLine(row=row, aflevering=self._tables.way_of(row), paper=found[1] if found and is_here else None)

    def run_counts(self, name: str) -> Mapping[tuple[RowKind, OIN | None, State | None], int]:
        """Return how many rows there are of each kind, OIN and state."""
        with self._lock:
            rows = [(row, self._tables.way_of(row)) for row in self._tables.rows_of(name)]
            return Counter((row.kind, row.oin, way.state if way else None) for row, way in rows)

    def figures(self, now: datetime) -> Figures:
        """Return figures of all that is kept."""
        with self._lock:
            tables = self._tables
            open_messages = [one for one in tables.messages.values() if _is_open(one) and one.kind != "signal"]
            return Figures(
                states=self.states(),
                events=Counter(event.name for event in tables.events),
                last_event=len(tables.events),
                waiting=self._waiting(now),
                oldest_message=min((one.created for one in open_messages), default=None),
                overdue=sum(way.is_overdue(now) for way in tables.ways.values()),
                verzoeken=MemoryRegister(tables.register, _nothing).verzoeken(),
            )

    def _waiting(self, now: datetime) -> list[Waiting]:
        """Return the letters that are not acknowledged; one that came by two runs is of both."""
        tables = self._tables
        runs: dict[UUID, list[str]] = defaultdict(list)
        for (name, _), row in tables.rows.items():
            if row.bericht_id is not None and row.kind is not RowKind.REPEAT:
                runs[row.bericht_id].append(name)
        groups: dict[tuple[str | None, OIN, State], list[Aflevering]] = defaultdict(list)
        for way in tables.ways.values():
            for run in runs.get(way.bericht_id, [None]) if way.state in UNSENT else ():
                groups[run, way.oin, way.state].append(way)
        return [_group(*key, ways, now) for key, ways in groups.items()]

    def purgeable(self, before: datetime) -> int:
        """Return how many contents `purge` would remove."""
        with self._lock:
            tables = self._tables
            return sum(tables.contents[key] is not None and _is_over(way, before) for key, way in tables.ways.items())

    def purge(self, before: datetime, limit: int = 1000) -> int:
        """Forget contents, and with the last of them signals and answers."""
        with self._lock:
            tables = self._tables
            done = [key for key, way in tables.ways.items() if tables.contents[key] and _is_over(way, before)][:limit]
            for key in done:
                tables.contents[key] = None
            if not done:
                self._purge_signals(before)
            return len(done)

    def _purge_signals(self, before: datetime) -> None:
        tables = self._tables
        signals = (one for one in tables.messages.values() if one.kind == "signal" and one.entry.is_final)
        for message_id in [one.message_id for one in signals if one.created < before]:
            del tables.messages[message_id]
            tables.bodies.pop(message_id, None)
        for message_id in [one.message_id for one in tables.answers.values() if one.received < before]:
            del tables.answers[message_id]
        MemoryRegister(tables.register, _nothing).purge(before)

    def close(self) -> None:
        """Nothing to let go of."""


def _nothing() -> None:
    """Do nothing."""


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


def _is_over(way: Aflevering, before: datetime) -> bool:
    return way.state in FINAL and way.ended is not None and way.ended < before


def _group(run: str | None, oin: OIN, state: State, ways: Sequence[Aflevering], now: datetime) -> Waiting:
    ready = [way.not_before or way.handed_over for way in ways if _is_past(way.not_before, now)]
    since, until = min(ready, default=None), max(ready, default=None)
    return Waiting(run=run, oin=oin, state=state, letters=len(ways), since=since, until=until)


def _turn(message: StoredMessage) -> tuple[bool, datetime]:
    return message.kind != "signal", message.entry.next_attempt or message.created


class _Work:
    """One transaction: changes are made at once and remembered, so that they can be taken back."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._undo: list[Callable[[], object]] = []
        self._dropped: list[str] = []
        self.register = MemoryRegister(tables.register, self._keep_register)

    def take_back(self) -> None:
        """Undo every change, last first. The indices may keep a key too many."""
        for undo in reversed(self._undo):
            undo()

    def _keep_register(self) -> None:
        """Remember the register as it is before a change."""
        before, tables = self._tables.register.copy(), self._tables
        self._undo.append(lambda: tables.register.restore(before))

    def finish(self) -> None:
        """Do what can only be done for good."""
        for message_id in self._dropped:
            self._tables.bodies.pop(message_id, None)

    def letter(self, key: Key) -> StoredLetter | None:
        way = self._tables.ways.get(key)
        return None if way is None else StoredLetter(bericht=self._tables.contents[key], aflevering=way)

    def add_letter(self, letter: StoredLetter) -> StoredLetter | None:
        known = self.letter(letter.aflevering.key)
        if known is None:
            self._put(self._tables.contents, letter.aflevering.key, letter.bericht)
            self._tables.keys_by_id[letter.aflevering.bericht_id] = letter.aflevering.key
            self.put_way(letter.aflevering)
        return known

    def contents(self, letters: Iterable[Aflevering]) -> Mapping[UUID, Bericht]:
        found = {one.bericht_id: self._tables.contents.get(one.key) for one in letters}
        return {bericht_id: bericht for bericht_id, bericht in found.items() if bericht is not None}

    def put_content(self, key: Key, bericht: Bericht) -> None:
        self._put(self._tables.contents, key, bericht)

    def way(self, key: Key) -> Aflevering | None:
        return self._tables.ways.get(key)

    def ways(self, keys: Iterable[Key]) -> Sequence[Aflevering]:
        return [way for key in keys if (way := self._tables.ways.get(key)) is not None]

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

    def put_ways(self, letters: Sequence[Aflevering], after: Aflevering) -> None:
        for letter in letters:
            self.put_way(standing_as(letter, after))

    def _end_lease(self, key: Key) -> None:
        if key in self._tables.leases:
            self._tables.leases.remove(key)
            self._undo.append(lambda: self._tables.leases.add(key))

    def release_letters(self, keys: Collection[Key]) -> None:
        for key in keys:
            self._end_lease(key)

    def message(self, message_id: str) -> StoredMessage | None:
        return self._tables.messages.get(message_id)

    def put_message(self, message: StoredMessage) -> None:
        if message.message_id not in self._tables.messages.keys() | self._tables.bodies.keys():
            raise OutboxError(f"the octets of message {message.message_id} were not stored")
        self._put(self._tables.messages, message.message_id, message)
        if message.batch_id is not None:
            self._tables.messages_by_batch.setdefault(message.batch_id, {})[message.message_id] = None
        if not message.entry.is_final:
            self._tables.open_messages[message.message_id] = None

    def release_message(self, message_id: str) -> None:
        self._tables.sending.discard(message_id)  # to hold on to it after a failure would help nobody

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

    def add_events(self, event: Event, letters: Iterable[Aflevering]) -> None:
        for letter in letters:
            self.add_event(replace(event, oin=letter.oin, kenmerk=letter.kenmerk))

    def run(self, name: str) -> StoredRun | None:
        return self._tables.runs.get(name)

    def put_run(self, run: StoredRun) -> None:
        self._put(self._tables.runs, run.name, run)

    def add_run_rows(self, name: str, rows: Sequence[RunRow]) -> None:
        there = self._tables.rows_of(name)
        taken = {row.bericht_id: row.number for row in there if row.bericht_id and row.kind is not RowKind.REPEAT}
        kept, left = one_each(rows, taken)
        if any((name, row.number) in self._tables.rows for row in kept):
            raise OutboxError("a row of this number is there already")
        for number in left:
            self._put(self._tables.rows, (name, number), replace(self._tables.rows[name, number], bericht_id=None))
        for row in kept:
            self._put(self._tables.rows, (name, row.number), row)

    def run_row(self, name: str, number: int) -> RunRow | None:
        return self._tables.rows.get((name, number))

    def follow(self, name: str, number: int, bericht_id: UUID) -> None:
        row = self._tables.rows[name, number]
        self._put(self._tables.rows, (name, number), replace(row, bericht_id=row.bericht_id or bericht_id))

    def hold(self, name: str, hold: Hold) -> None:
        self._put(self._tables.holds, (name, hold), None)

    def release(self, name: str, hold: Hold) -> None:
        holds = self._tables.holds
        if (name, hold) in holds:
            del holds[name, hold]
            self._undo.append(lambda: holds.__setitem__((name, hold), None))

    def put_on_paper_list(self, name: str, number: int) -> int:
        found = 0
        for row in self._tables.rows_of(name):
            way = self._tables.way_of(row)
            is_new = way is not None and row.kind is not RowKind.REPEAT and way.bericht_id not in self._tables.lists
            if way is not None and is_new and way.state is State.PAPER:
                self._put(self._tables.lists, way.bericht_id, (name, number))
                found += 1
        return found

    def _put(self, table: dict[_K, _V], key: _K, value: _V) -> None:
        if key in table:
            before = table[key]
            self._undo.append(lambda: table.__setitem__(key, before))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value
