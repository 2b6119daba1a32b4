"""What the two databases share: one transaction, one worker, the same statements.

A statement is written with ``?`` for each value; what differs between the databases is asked of `Database`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO, ClassVar, Final, Protocol, TypeVar
from uuid import UUID, uuid4

from mobb_client.berichtenbox.aflevering import FINAL, Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.bijlage import Bestand
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.outbox import _figures, _rows, _runs, _schema
from mobb_client.outbox._register import SqlRegister
from mobb_client.outbox._rows import EVENT, MESSAGE, MOMENTS, STANDING, WAY, Row, moment, text
from mobb_client.outbox._values import from_json, to_json
from mobb_client.outbox.content import content_json, read_content
from mobb_client.outbox.contract import (
    OF_MESSAGES,
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
)

_T = TypeVar("_T")

_WORKERS_TABLES: Final = ("mobb_letter", "mobb_message", "mobb_cursor")
_PAGE: Final = 1000
_OVER: Final = "FROM mobb_content c CROSS JOIN mobb_letter l WHERE l.bericht_id = c.bericht_id"
"""The contents first: most letters have none any more."""


class Database(Protocol):
    """One connection to a database, and what is its own way of saying things. Errors of the driver are OutboxErrors."""

    locking: str
    """What a SELECT ends with that locks what it reads."""
    skipping: str
    """What a SELECT ends with that locks what nobody else has locked, and passes over the rest."""
    dialect: _schema.Dialect

    def run(self, statement: str, values: Row = ()) -> int:
        """Run a statement, and return how many rows it changed."""

    def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        """Return the rows of a query."""

    def octets(self, statement: str, values: Row) -> bytes | None:
        """Return the octets that a query finds; None when it finds none."""

    def among(self, column: str, values: Iterable[str]) -> tuple[str, object]:
        """Return a condition, and its one value, that a column has one of these texts."""

    def among_numbers(self, column: str, values: Sequence[int]) -> tuple[str, object]:
        """Return a condition, and its one value, that a column has one of these numbers."""

    def shown(self, column: str) -> str:
        """Return the expression that gives a column with a moment as text."""

    def lock(self, name: str) -> None:
        """Let every other transaction that asks for this name wait until this one has ended."""

    def has_table(self, name: str) -> bool:
        """Tell whether there is a table of this name."""

    def begin(self, *, reading: bool = False) -> None:
        """Begin a transaction, perhaps one that only reads."""

    def commit(self) -> None:
        """End it well."""

    def roll_back(self) -> None:
        """Take it back."""

    def close(self) -> None:
        """Close the connection."""


class SqlOutbox(ABC):
    """An outbox in a database: what is the same in each of them.

    Args:
        read_only: nothing is ever written; to look with while others work.
    """

    beat_every: ClassVar[float | None] = None
    keeps_paths: bool = True
    """Whether an attachment that was given as a path stays a path."""
    folder: Path | None = None
    """The folder on whose disk all of it is kept, when that is this machine's."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self._idle: list[Database] = []
        self._inherited: list[Database] = []
        self._pid = os.getpid()
        self._guard = Lock()
        self._registering = Lock()
        self._worker = ""
        try:
            with self._work() as db:
                self._id = self._open(db)
        except BaseException:
            self.close()
            raise

    # What differs

    @abstractmethod
    def _connect(self) -> Database:
        """Return a new connection."""

    @abstractmethod
    def _underneath(self, using: object) -> Database | None:
        """Return a caller's connection as a database; None when it is none of this kind."""

    @abstractmethod
    def _within(self, db: Database) -> AbstractContextManager[None]:
        """Return a part of the caller's transaction that can be taken back by itself."""

    @abstractmethod
    def _register(self, db: Database, worker: str) -> None:
        """Write down that this worker lives."""

    @abstractmethod
    def _dead(self, db: Database) -> list[str]:
        """Return the workers that are written down and live no more."""

    @abstractmethod
    def _forget(self, message_ids: Sequence[str]) -> None:
        """Remove octets that are no longer in the tables."""

    @abstractmethod
    def _tidy(self) -> None:
        """Leave nothing in the store's files of what was deleted."""

    @abstractmethod
    def _number_events(self) -> None:
        """Give events their numbers, where inserting them does not."""

    @abstractmethod
    def write_body(self, message_id: str, write: Callable[[BinaryIO], _T]) -> _T:
        """Store a message's octets."""

    @abstractmethod
    def open_body(self, message_id: str) -> BinaryIO:
        """Return a message's octets as a file."""

    @abstractmethod
    def beat(self) -> None:
        """Say that this worker lives."""

    @abstractmethod
    def alive_check(self) -> Callable[[], None]:
        """Return a check that nobody can have taken over."""

    # Connections

    @contextmanager
    def _work(self, *, reading: bool = False) -> Iterator[Database]:
        """Give a connection in a transaction, which ends as the block does; one that reads keeps nobody waiting."""
        db = self._begun(reading=reading or self._read_only)
        try:
            yield db
            self._commit(db)
        except BaseException:
            self._drop_or_keep(db)
            raise
        with self._guard:
            self._idle.append(db)

    def _commit(self, db: Database) -> None:
        """End a transaction well."""
        db.commit()

    def _begun(self, *, reading: bool) -> Database:
        """Return a connection on which a transaction has begun; one that was lost meanwhile is replaced."""
        with self._guard:
            if self._pid != os.getpid():  # a fork: the parent's connections are not ours to use or to close
                self._inherited += self._idle
                self._idle, self._pid, self._worker = [], os.getpid(), ""
            db = self._idle.pop() if self._idle else None
        if db is not None:
            try:
                db.begin(reading=reading)
            except OutboxError:
                db.close()
            else:
                return db
        db = self._connect()
        try:
            db.begin(reading=reading)
        except BaseException:
            db.close()
            raise
        return db

    def _drop_or_keep(self, db: Database) -> None:
        """Take the transaction back; a connection that cannot is closed."""
        try:
            db.roll_back()
        except OutboxError:
            db.close()
            return
        with self._guard:
            self._idle.append(db)

    def close(self) -> None:
        """Let go of leases and connections."""
        if self._pid != os.getpid():  # a child that never used it: all of it is its parent's
            return
        if self._worker:
            with suppress(OutboxError):
                self._leave()
            self._worker = ""
        with self._guard:
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _leave(self) -> None:
        """Let go of what is leased, and of octets that came to no message."""
        with self._work() as db:
            unfinished = db.rows("SELECT message_id FROM mobb_body WHERE worker = ?", (self._worker,))
            self._bury(db, [self._worker])
        self._forget([row[0] for row in unfinished])

    # The tables

    def _open(self, db: Database) -> str:
        """Bring the tables to the present version, and return the outbox's id."""
        if not db.has_table("mobb_outbox"):
            if self._read_only:
                raise OutboxError("there is no outbox in this database yet; open it once for writing")
            db.lock("mobb_outbox")
            if not db.has_table("mobb_outbox"):
                db.run(_schema.IDENTITY)
                db.run("INSERT INTO mobb_outbox VALUES (?, 0)", (str(uuid4()),))
        ((made, version),) = db.rows(f"SELECT id, version FROM mobb_outbox{db.locking}")
        if version > len(_schema.MIGRATIONS):
            raise OutboxError("the outbox was made by a newer version of mobb_client: use that one")
        if version < len(_schema.MIGRATIONS):
            self._migrate(db, version)
        return str(made)

    def _migrate(self, db: Database, version: int) -> None:
        if self._read_only:
            raise OutboxError("the outbox was made by an older version of mobb_client: open it once for writing")
        for statement in _schema.statements(version, db.dialect):
            db.run(statement)
        db.run("UPDATE mobb_outbox SET version = ?", (len(_schema.MIGRATIONS),))

    # Transactions

    @contextmanager
    def transaction(self, using: object | None = None) -> Iterator[Transaction]:
        """Return a transaction, of our own or a part of the caller's."""
        if using is not None:
            with self._callers(using) as tx:
                yield tx
            return
        with self._work() as db:
            tx = _Work(db, self._worker, keeps_paths=self.keeps_paths)
            yield tx
            tx.flush()
        if tx.dropped:
            self._forget(tx.dropped)

    @contextmanager
    def _callers(self, using: object) -> Iterator[_Work]:
        db = self._underneath(using)
        if db is None or not db.has_table("mobb_outbox"):
            raise _no_outbox(type(using).__name__)
        ((found,),) = db.rows("SELECT id FROM mobb_outbox")
        if (found.decode() if isinstance(found, bytes) else found) != self._id:
            raise _no_outbox("a connection to another outbox")
        with self._within(db):
            tx = _Work(db, "", keeps_paths=self.keeps_paths)
            yield tx
            tx.flush()

    # Workers

    def _me(self) -> str:
        """Return who we are: it is written down before anything is leased in this name."""
        with self._registering:
            if not self._worker or self._pid != os.getpid():
                worker = str(uuid4())
                with self._work() as db:
                    self._register(db, worker)
                self._worker = worker
            return self._worker

    @contextmanager
    def _leasing(self) -> Iterator[tuple[Database, str]]:
        """Give a transaction in which is leased, and in whose name: of one that nobody buries before it ends."""
        worker = self._me()
        with self._work() as db:
            self._end_dead_leases(db)
            yield db, self._kept_alive(db, worker)

    def _kept_alive(self, db: Database, worker: str) -> str:  # noqa: ARG002 - where others decide who is dead
        """Return who we are until the transaction ends."""
        return worker

    def _end_dead_leases(self, db: Database) -> None:
        """Take over from workers that live no more."""
        if dead := self._dead(db):
            self._bury(db, dead)

    @staticmethod
    def _bury(db: Database, workers: Sequence[str]) -> None:
        """End everything that workers had leased, and drop the octets that they had not finished."""
        which, ids = db.among("worker", workers)
        for table in _WORKERS_TABLES:
            db.run(f"UPDATE {table} SET worker = NULL WHERE {which}", (ids,))
        db.run(f"DELETE FROM mobb_body WHERE {which}", (ids,))
        which, ids = db.among("id", workers)
        db.run(f"DELETE FROM mobb_worker WHERE {which}", (ids,))

    def lease_letters(self, oins: Collection[OIN], now: datetime, limit: int) -> Sequence[StoredLetter]:
        """Return queued letters of one OIN, oldest first, leased."""
        self._count_events()
        with self._leasing() as (db, worker):
            whose, digits = db.among("oin", (oin.digits for oin in oins))
            oldest = db.rows(_free_letters(db, "oin", whose), (digits, moment(now), 1))
            found = oldest and db.rows(
                _free_letters(db, _columns(db, WAY), "oin = ?"), (oldest[0][0], moment(now), limit)
            )
            if not found:
                return []
            which, ids = db.among("bericht_id", (row[0] for row in found))
            db.run(f"UPDATE mobb_letter SET worker = ? WHERE {which}", (worker, ids))
            contents: dict[str, str] = dict(
                db.rows(f"SELECT bericht_id, parts FROM mobb_content WHERE {which}", (ids,))
            )
        return [self._letter(row, contents.get(row[0])) for row in found]

    def _letter(self, row: Row, content: str | None) -> StoredLetter:
        bericht = None if content is None else read_content(content, partial(self._octets, row[0]))
        return StoredLetter(bericht=bericht, aflevering=_rows.read_way(row))

    def _octets(self, letter: str, volgorde: int) -> bytes:
        """Return an attachment of a letter, on a connection of its own: it is read while the message is written."""
        with self._work(reading=True) as db:
            return _octets(db, letter, volgorde)

    def lease_due(
        self,
        cpa_ids: Collection[str],
        now: datetime,
        *,
        kind: MessageKind | None = None,
        expiring: datetime | None = None,
    ) -> StoredMessage | None:
        """Return the next message that is due, leased."""
        only: dict[str, str] = {} if kind is None else {"kind = ?": kind}
        if expiring is not None:
            only["time_to_live <= ?"] = moment(expiring)
        with self._leasing() as (db, worker):
            which, ids = db.among("cpa_id", cpa_ids)
            found = db.rows(
                f"SELECT parts FROM mobb_message WHERE {' AND '.join(('next_attempt <= ?', which, *only))}"
                f" AND worker IS NULL ORDER BY kind <> 'signal', next_attempt, number LIMIT 1{db.skipping}",
                (moment(now), ids, *only.values()),
            )
            if not found:
                return None
            message = from_json(StoredMessage, found[0][0])
            db.run("UPDATE mobb_message SET worker = ? WHERE message_id = ?", (worker, message.message_id))
        return message

    # Looking

    def ways(self, keys: Iterable[Key]) -> Sequence[Aflevering]:
        """Return where letters stand."""
        with self._work(reading=True) as db:
            which, ids = db.among("bericht_id", (str(bericht_id(*key)) for key in keys))
            found = db.rows(f"SELECT {_columns(db, WAY)} FROM mobb_letter WHERE {which} ORDER BY number", (ids,))
        return list(map(_rows.read_way, found))

    def expiring(self, now: datetime, limit: int) -> Sequence[StoredMessage]:
        """Return messages past their time to live that have no final state."""
        with self._work() as db:
            self._end_dead_leases(db)
            found = db.rows(
                "SELECT parts FROM mobb_message WHERE state IN ('PENDING', 'SENT') AND time_to_live <= ?"
                " AND worker IS NULL ORDER BY time_to_live, number LIMIT ?",
                (moment(now), limit),
            )
        return [from_json(StoredMessage, parts) for (parts,) in found]

    def overdue(self, now: datetime, limit: int) -> Sequence[Aflevering]:
        """Return acknowledged letters of which it is time to tell somebody."""
        found = self._ways("alarm_at <= ? ORDER BY alarm_at, number LIMIT ?", (moment(now), limit))
        return [way for way in found if way.wants_reminder(now)]

    def next_due(self, cpa_ids: Collection[str]) -> datetime | None:
        """Return the earliest planned attempt."""
        with self._work(reading=True) as db:
            which, ids = db.among("cpa_id", cpa_ids)
            ((found,),) = db.rows(
                f"SELECT {db.shown('min(next_attempt)')} FROM mobb_message"
                f" WHERE next_attempt IS NOT NULL AND worker IS NULL AND {which}",
                (ids,),
            )
        return None if found is None else datetime.fromisoformat(found)

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give every letter's way, a page at a time."""
        last = 0
        while True:
            with self._work(reading=True) as db:
                page = db.rows(
                    f"SELECT number, {_columns(db, WAY)} FROM mobb_letter WHERE number > ? ORDER BY number LIMIT ?",
                    (last, _PAGE),
                )
            yield from (_rows.read_way(row[1:]) for row in page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def states(self) -> Mapping[State, int]:
        """Return how many letters there are in each state."""
        with self._work(reading=True) as db:
            found: dict[str, int] = dict(db.rows("SELECT state, count(*) FROM mobb_letter GROUP BY state"))
        return {state: found.get(state.value, 0) for state in State}

    def of_state(self, state: State, limit: int = 1000, after: Aflevering | None = None) -> Sequence[Aflevering]:
        """Return the letters in a state."""
        if after is None:
            return self._ways("state = ? ORDER BY number LIMIT ?", (state.value, limit))
        later = "number > (SELECT number FROM mobb_letter WHERE bericht_id = ?)"
        return self._ways(f"state = ? AND {later} ORDER BY number LIMIT ?", (state.value, str(after.bericht_id), limit))

    def _ways(self, condition: str, values: Row) -> Sequence[Aflevering]:
        with self._work(reading=True) as db:
            found = db.rows(f"SELECT {_columns(db, WAY)} FROM mobb_letter WHERE {condition}", values)
        return list(map(_rows.read_way, found))

    # Events

    def events(self, since: int = 0, limit: int = 1000, names: Collection[EventName] | None = None) -> Sequence[Event]:
        """Return events above a number."""
        self._number_events()
        with self._work(reading=True) as db:
            which, wanted = db.among("name", names or ())
            condition, values = (
                ("number > ?", (since,)) if names is None else (f"number > ? AND {which}", (since, wanted))
            )
            if names is not None and OF_MESSAGES.issuperset(names):
                condition += " AND oin IS NULL"  # among a thousand times as many events of letters they have an index
            found = db.rows(
                f"SELECT number, {_columns(db, EVENT)} FROM mobb_event WHERE {condition} ORDER BY number LIMIT ?",
                (*values, limit),
            )
        return list(map(_rows.read_event, found))

    def last_event(self) -> int:
        """Return the number of the last event."""
        self._number_events()
        with self._work(reading=True) as db:
            return int(db.rows("SELECT coalesce(max(number), 0) FROM mobb_event")[0][0])

    def lease_cursor(self, name: str) -> int | None:
        """Return how far a reader is, unless another is at it."""
        with self._leasing() as (db, worker):
            db.run("INSERT INTO mobb_cursor VALUES (?, 0, NULL) ON CONFLICT DO NOTHING", (name,))
            if not db.run("UPDATE mobb_cursor SET worker = ? WHERE name = ? AND worker IS NULL", (worker, name)):
                return None
            ((number,),) = db.rows("SELECT number FROM mobb_cursor WHERE name = ?", (name,))
            return int(number)

    def set_cursor(self, name: str, number: int) -> None:
        """Store how far a reader is, unless another has taken over."""
        with self._work() as db:
            db.run(
                "INSERT INTO mobb_cursor VALUES (?, ?, NULL)"
                " ON CONFLICT (name) DO UPDATE SET number = excluded.number, worker = NULL"
                " WHERE mobb_cursor.worker IS NULL OR mobb_cursor.worker = ?",
                (name, number, self._worker),
            )

    # Runs

    def runs(self) -> Sequence[StoredRun]:
        """Return every run."""
        with self._work(reading=True) as db:
            return _runs.runs(db)

    def holds(self, name: str) -> Sequence[Hold]:
        """Return what is held of a run."""
        with self._work(reading=True) as db:
            return _runs.holds(db, name)

    def run_last_row(self, name: str) -> int:
        """Return the number of the last row."""
        with self._work(reading=True) as db:
            return _runs.last_row(db, name)

    def run_lines(self, name: str, after: int = 0, limit: int = 1000) -> Sequence[RunLine]:
        """Return rows and where their letters stand."""
        with self._work(reading=True) as db:
            return _runs.lines(db, name, after, limit)

    def run_counts(self, name: str) -> Mapping[tuple[RowKind, OIN | None, State | None], int]:
        """Return how many rows there are of each kind, OIN and state."""
        with self._work(reading=True) as db:
            return _runs.counts(db, name)

    def figures(self, now: datetime) -> Figures:
        """Return figures of all that is kept."""
        self._number_events()
        with self._work(reading=True) as db:
            return _figures.figures(db, now)

    def _count_events(self) -> None:
        """Write down how many events there are, when there are many new ones: in a transaction of its own."""
        with self._work(reading=True) as db:
            if not _figures.is_count_due(db):
                return
        with self._work() as db:
            _figures.count_events(db)

    # Retention

    def purgeable(self, before: datetime) -> int:
        """Return how many contents `purge` would remove."""
        with self._work(reading=True) as db:
            which, final = db.among("l.state", FINAL)
            ((found,),) = db.rows(f"SELECT count(*) {_OVER} AND {which} AND l.ended < ?", (final, moment(before)))
        return int(found)

    def purge(self, before: datetime, limit: int = 1000) -> int:
        """Remove contents, and with the last of them signals and answers."""
        with self._work() as db:
            which, final = db.among("l.state", FINAL)
            found = db.rows(
                f"SELECT c.bericht_id {_OVER} AND {which} AND l.ended < ? LIMIT ?",
                (final, moment(before), limit),
            )
            which, ids = db.among("bericht_id", (row[0] for row in found))
            for table in ("mobb_content", "mobb_bijlage"):
                db.run(f"DELETE FROM {table} WHERE {which}", (ids,))
        if not found:
            self._purge_signals(before)
            self._tidy()
        return len(found)

    def _purge_signals(self, before: datetime) -> None:
        condition = "kind = 'signal' AND created < ? AND state NOT IN ('PENDING', 'SENT')"
        with self._work() as db:
            found = db.rows(f"SELECT message_id FROM mobb_message WHERE {condition}", (moment(before),))
            which, ids = db.among("message_id", (row[0] for row in found))
            for table in ("mobb_message", "mobb_body"):
                db.run(f"DELETE FROM {table} WHERE {which}", (ids,))
            db.run("DELETE FROM mobb_answer WHERE received < ?", (moment(before),))
            SqlRegister(db).purge(before)
        self._forget([row[0] for row in found])


def _free_letters(db: Database, columns: str, whose: str) -> str:
    """Return the statement that finds letters which may go: whose they are, the moment, and how many, are bound."""
    return (
        f"SELECT {columns} FROM mobb_letter WHERE state = 'QUEUED' AND worker IS NULL AND {whose}"
        f" AND (not_before IS NULL OR not_before <= ?) AND {_runs.NOT_HELD} ORDER BY number LIMIT ?{db.skipping}"
    )


def _columns(db: Database, names: Iterable[str]) -> str:
    return ", ".join(db.shown(name) if name in MOMENTS else name for name in names)


def _octets(db: Database, letter: str, volgorde: int) -> bytes:
    found = db.octets("SELECT data FROM mobb_bijlage WHERE bericht_id = ? AND volgorde = ?", (letter, volgorde))
    if found is None:
        raise OutboxError("an attachment is gone")
    return found


@contextmanager
def savepoint(db: Database) -> Iterator[None]:
    """Give a part of a transaction that is taken back by itself when the block raises."""
    db.run("SAVEPOINT mobb")
    try:
        yield
    except BaseException:
        with suppress(OutboxError):  # the whole transaction may be gone already
            db.run("ROLLBACK TO mobb")
            db.run("RELEASE mobb")
        raise
    db.run("RELEASE mobb")


def underneath(using: object, kind: type[_T]) -> _T | None:
    """Return the driver's connection that was given, or that lies underneath what a framework calls a connection."""
    for _ in range(3):
        if isinstance(using, kind):
            return using
        using = getattr(using, "driver_connection", None) or getattr(using, "connection", None)
    return None


def _no_outbox(measure: str) -> ConfigurationError:
    return ConfigurationError(Finding("outbox.using", field="using", measure=measure))


class _Work:
    """One transaction. Changes of ways and events are gathered, and written together before anything is read."""

    def __init__(self, db: Database, worker: str, *, keeps_paths: bool) -> None:
        self._db = db
        self._worker = worker
        self._keeps_paths = keeps_paths
        self._ways: dict[str, Row] = {}
        self._contents: list[Row] = []
        self._bijlagen: list[Row] = []
        self._events: list[Row] = []
        self._numbers: dict[UUID, int] = {}
        self.dropped: list[str] = []
        self.register = SqlRegister(db)

    def flush(self) -> None:
        """Write what was gathered."""
        gathered: dict[str, Sequence[Row]] = {
            _PUT_WAY: [(*row[3:], row[0]) for row in self._ways.values()],
            _ADD_CONTENT: self._contents,
            _ADD_BIJLAGE: self._bijlagen,
            _ADD_EVENT: self._events,
        }
        self._ways, self._contents, self._bijlagen, self._events = {}, [], [], []
        for statement, rows in gathered.items():
            if rows:
                self._db.run_many(statement, rows)

    # Letters

    def letter(self, key: Key) -> StoredLetter | None:
        way = self.way(key)
        if way is None:
            return None
        bericht = self.contents([way]).get(way.bericht_id)
        return StoredLetter(bericht=bericht, aflevering=way)

    def add_letter(self, letter: StoredLetter) -> StoredLetter | None:
        row = _rows.way_row(letter.aflevering)
        if not self._db.run(_ADD_LETTER, row):
            return self.letter(letter.aflevering.key)
        if letter.bericht is not None:
            self._add_content(row[0], letter.bericht)
        return None

    def contents(self, letters: Iterable[Aflevering]) -> Mapping[UUID, Bericht]:
        self.flush()
        which, ids = self._db.among("bericht_id", (str(one.bericht_id) for one in letters))
        found = self._db.rows(f"SELECT bericht_id, parts FROM mobb_content WHERE {which}", (ids,))
        known = ((text(one), parts) for one, parts in found)
        return {UUID(one): read_content(parts, partial(_octets, self._db, one)) for one, parts in known}

    def put_content(self, key: Key, bericht: Bericht) -> None:
        self.flush()
        letter = str(bericht_id(*key))
        for table in ("mobb_content", "mobb_bijlage"):
            self._db.run(f"DELETE FROM {table} WHERE bericht_id = ?", (letter,))
        self._add_content(letter, bericht)

    def _add_content(self, letter: str, bericht: Bericht) -> None:
        self._contents.append((letter, content_json(bericht, keeps_paths=self._keeps_paths)))
        for volgorde, bijlage in enumerate(bericht.bijlagen, start=1):
            if not (self._keeps_paths and isinstance(bijlage.inhoud, Bestand)):
                self._bijlagen.append((letter, volgorde, b"".join(bijlage.blocks())))
        if len(self._bijlagen) > 1:  # one in memory is enough
            self.flush()

    def way(self, key: Key) -> Aflevering | None:
        return self.way_by_id(bericht_id(*key))

    def ways(self, keys: Iterable[Key]) -> Sequence[Aflevering]:
        return self._select(*self._db.among("bericht_id", (str(bericht_id(*key)) for key in keys)))

    def way_by_id(self, bericht_id: UUID) -> Aflevering | None:
        found = self._select("bericht_id = ?", str(bericht_id))
        return found[0] if found else None

    def ways_of_batch(self, batch_id: UUID) -> Sequence[Aflevering]:
        return self._select("batch_id = ?", str(batch_id))

    def _select(self, which: str, given: object) -> Sequence[Aflevering]:
        self.flush()
        columns = f"{_columns(self._db, WAY)}, number"
        found = self._db.rows(
            f"SELECT {columns} FROM mobb_letter WHERE {which} ORDER BY number{self._db.locking}", (given,)
        )
        ways = [_rows.read_way(row) for row in found]
        self._numbers = {way.bericht_id: row[-1] for way, row in zip(ways, found, strict=True)}
        return ways

    def put_way(self, way: Aflevering) -> None:
        row = _rows.way_row(way)
        self._ways[row[0]] = row

    def put_ways(self, letters: Sequence[Aflevering], after: Aflevering) -> None:
        if len(letters) == 1:
            self.put_way(after)
            return
        self.flush()
        which, numbers = self._db.among_numbers("number", self._numbers_of([letter.bericht_id for letter in letters]))
        self._db.run(f"{_PUT_WAYS} WHERE {which}", (*_rows.standing_row(after), numbers))

    def _numbers_of(self, letters: Sequence[UUID]) -> list[int]:
        """Return the numbers of letters' rows: to change rows by number takes two thirds of the time.

        All of them are locked then, in the order in which everybody locks them: an UPDATE of many would lock them in
        one of its own, and two transactions could wait for each other.
        """
        if all(letter in self._numbers for letter in letters):
            return [self._numbers[letter] for letter in letters]
        which, ids = self._db.among("bericht_id", map(str, letters))
        found = self._db.rows(f"SELECT number FROM mobb_letter WHERE {which} ORDER BY number{self._db.locking}", (ids,))
        return [number for (number,) in found]

    def release_letters(self, keys: Collection[Key]) -> None:
        if not keys or not self._worker:
            return
        self.flush()
        which, ids = self._db.among("bericht_id", (str(bericht_id(*key)) for key in keys))
        self._db.run(f"UPDATE mobb_letter SET worker = NULL WHERE worker = ? AND {which}", (self._worker, ids))

    # Messages

    def message(self, message_id: str) -> StoredMessage | None:
        found = self._messages("message_id", message_id)
        return found[0] if found else None

    def messages_of_batch(self, batch_id: UUID) -> Sequence[StoredMessage]:
        return self._messages("batch_id", str(batch_id))

    def _messages(self, column: str, value: str) -> Sequence[StoredMessage]:
        found = self._db.rows(
            f"SELECT parts FROM mobb_message WHERE {column} = ? ORDER BY number{self._db.locking}",
            (value,),
        )
        return [from_json(StoredMessage, parts) for (parts,) in found]

    def put_message(self, message: StoredMessage) -> None:
        row = _rows.message_row(message)
        if self._db.run(_PUT_MESSAGE, (*row[1:], row[0])):
            return
        ready = "UPDATE mobb_body SET worker = NULL WHERE message_id = ? AND worker = ?"
        if not self._db.run(ready, (message.message_id, self._worker)):
            raise OutboxError(f"the octets of message {message.message_id} were not stored, or are another worker's")
        self._db.run(_ADD_MESSAGE, row)

    def release_message(self, message_id: str) -> None:
        release = "UPDATE mobb_message SET worker = NULL WHERE message_id = ? AND worker = ?"
        self._db.run(release, (message_id, self._worker))

    def drop_body(self, message_id: str) -> None:
        self._db.run("DELETE FROM mobb_body WHERE message_id = ?", (message_id,))
        self.dropped.append(message_id)

    # Answers and events

    def answer(self, message_id: str) -> StoredAnswer | None:
        self._db.lock(message_id)
        found = self._db.rows("SELECT parts FROM mobb_answer WHERE message_id = ?", (message_id,))
        return from_json(StoredAnswer, found[0][0]) if found else None

    def put_answer(self, answer: StoredAnswer) -> None:
        self._db.run(_PUT_ANSWER, (answer.message_id, moment(answer.received), to_json(answer)))

    def add_event(self, event: Event) -> None:
        self._gather([_rows.event_row(event)])

    def add_events(self, event: Event, letters: Iterable[Aflevering]) -> None:
        at, name, _, _, message_id, data = _rows.event_row(event)
        self._gather((at, name, letter.oin.digits, letter.kenmerk, message_id, data) for letter in letters)

    def _gather(self, events: Iterable[Row]) -> None:
        self._events += events
        if len(self._events) >= _PAGE:  # half a million letters may come in one call
            self.flush()

    # Runs

    def run(self, name: str) -> StoredRun | None:
        return _runs.run(self._db, name)

    def put_run(self, run: StoredRun) -> None:
        _runs.put(self._db, run)

    def add_run_rows(self, name: str, rows: Sequence[RunRow]) -> None:
        _runs.add_rows(self._db, name, rows)

    def run_row(self, name: str, number: int) -> RunRow | None:
        return _runs.one_row(self._db, name, number)

    def follow(self, name: str, number: int, bericht_id: UUID) -> None:
        _runs.follow(self._db, name, number, bericht_id)

    def hold(self, name: str, hold: Hold) -> None:
        _runs.hold(self._db, name, hold)

    def release(self, name: str, hold: Hold) -> None:
        _runs.release(self._db, name, hold)

    def put_on_paper_list(self, name: str, number: int) -> int:
        self.flush()
        return _runs.put_on_paper_list(self._db, name, number)


def _insert(table: str, columns: Sequence[str], more: str = "") -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}){more}"


_ADD_LETTER: Final = _insert("mobb_letter", WAY, " ON CONFLICT DO NOTHING")
_PUT_WAY: Final = f"UPDATE mobb_letter SET {' = ?, '.join(WAY[3:])} = ?, worker = NULL WHERE bericht_id = ?"
_PUT_WAYS: Final = f"UPDATE mobb_letter SET {' = ?, '.join(STANDING)} = ?, worker = NULL"
_ADD_CONTENT: Final = _insert("mobb_content", ("bericht_id", "parts"))
_ADD_BIJLAGE: Final = _insert("mobb_bijlage", ("bericht_id", "volgorde", "data"))
_ADD_MESSAGE: Final = _insert("mobb_message", MESSAGE)
_PUT_MESSAGE: Final = f"UPDATE mobb_message SET {' = ?, '.join(MESSAGE[1:])} = ? WHERE message_id = ?"
_PUT_ANSWER: Final = _insert(
    "mobb_answer",
    ("message_id", "received", "parts"),
    " ON CONFLICT (message_id) DO UPDATE SET received = excluded.received, parts = excluded.parts",
)
_ADD_EVENT: Final = _insert("mobb_event", EVENT)
