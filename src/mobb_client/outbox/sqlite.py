"""The outbox of one machine: an SQLite database, and beside it a folder with the octets of messages.

Any number of threads and processes may share it; nothing has to be installed. The octets of ``outbox.sqlite`` are in
``outbox.sqlite.d``: files that are complete before a row says so, and gone only after their row is. Both are for the
eyes of their owner alone (mode 0600, 0700). It must lie on a disk of this machine: a network file system has no locks
that can be relied upon.

Source: `design.md` section 3; SQLite, "Atomic Commit" and "Write-Ahead Logging".
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO, Final, TypeVar
from urllib.parse import quote

from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.outbox._rows import Row
from mobb_client.outbox._schema import SQLITE
from mobb_client.outbox._sql import Database, SqlOutbox, savepoint, underneath
from mobb_client.outbox._worker_lock import PREFIX, WorkerLock, is_dead

_T = TypeVar("_T")

BUSY_SECONDS: Final = 30.0
"""How long to wait for another process that writes."""
_PART: Final = ".part-"
_BUFFER: Final = 1_048_576


class SqliteOutbox(SqlOutbox):
    """An outbox in an SQLite database, made when it is not there yet.

    The database may be your own: the outbox has its tables beside yours, all named ``mobb_*``, and letters can be
    handed over in your own transaction (`Client.enqueue` with `using`).

    Args:
        path: the database file.
        read_only: nothing is ever written; to look with while others work.
        busy_seconds: how long to wait for another process that writes.

    Raises:
        OutboxError: it cannot be opened, is no outbox of this version, or is to be made and read only.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self._path = Path(path).absolute()
        self._folder = self._path.with_name(self._path.name + ".d")
        self.folder = self._path.parent
        self._busy_seconds = busy_seconds
        self._lock: WorkerLock | None = None
        self._writing, self._writers_pid = RLock(), os.getpid()
        self._is_new = False
        if not read_only:
            with _disk():
                self._make_files()
        super().__init__(read_only=read_only)

    def __repr__(self) -> str:
        """Return where it is."""
        return f"SqliteOutbox({str(self._path)!r})"

    def _make_files(self) -> None:
        """Make the file before SQLite does, for nobody else to read, and the folder beside it."""
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._is_new = not self._path.stat().st_size
        with suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
            _sync_folder(self._folder.parent)

    @contextmanager
    def _work(self, *, reading: bool = False) -> Iterator[Database]:
        """Give a connection in a transaction; of our own threads one after the other writes.

        SQLite lets who must wait look again after a while, and after an ever longer one: beside busy threads a thread
        might wait for seconds for a millisecond of work.
        """
        if reading or self._read_only:
            with super()._work(reading=reading) as db:
                yield db
            return
        if self._writers_pid != os.getpid():  # a fork: whoever held it then is not here
            self._writing, self._writers_pid = RLock(), os.getpid()
        writing = self._writing
        if not writing.acquire(timeout=self._busy_seconds):
            raise OutboxError("another thread holds the database; try again")
        try:
            with super()._work() as db:
                yield db
        finally:
            writing.release()

    def _connect(self) -> Database:
        mode = "ro" if self._read_only else "rw"
        try:
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode={mode}",
                uri=True,
                timeout=self._busy_seconds,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise _failure(error) from None
        db = _Sqlite(connection)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: _Sqlite) -> None:
        """Make every COMMIT outlive a power cut, and leave nothing of what is deleted in the file."""
        db.run("PRAGMA synchronous = EXTRA")  # FULL, and of a rollback journal the folder too
        db.run("PRAGMA secure_delete = ON")
        if self._is_new:  # of a database that was there already its owner decides
            db.rows("PRAGMA journal_mode = WAL")
            self._is_new = False

    def _underneath(self, using: object) -> Database | None:
        connection = underneath(using, sqlite3.Connection)
        if connection is None or not _is_open(connection):
            return None
        if not connection.in_transaction and not _begins_by_itself(connection):
            raise ConfigurationError(Finding("outbox.using", field="using", measure="a connection without transaction"))
        return _Sqlite(connection)

    @contextmanager
    def _within(self, db: Database) -> Iterator[None]:
        assert isinstance(db, _Sqlite)  # noqa: S101 - the one that `_underneath` made
        if not db.connection.in_transaction:
            db.begin()  # as the caller's connection would before the first INSERT
        with savepoint(db):
            yield

    def _number_events(self) -> None:
        """Inserting them does: writers come one after the other."""

    # Who lives

    def beat(self) -> None:
        """The system knows who lives."""

    def alive_check(self) -> Callable[[], None]:
        """Who can ask is alive, and whoever is alive keeps what it has leased."""
        return _nothing

    def _register(self, db: Database, worker: str) -> None:
        with _disk():
            if self._lock is not None:
                self._lock.let_go()  # a parent's, whose file is not ours to remove
            self._lock = WorkerLock(self._folder, worker)
        db.run("INSERT INTO mobb_worker (id) VALUES (?)", (worker,))
        self._sweep(db)  # whoever died between making its file and its row is in no table

    def _dead(self, db: Database) -> list[str]:
        known = [row[0] for row in db.rows("SELECT id FROM mobb_worker")]
        return [worker for worker in known if worker != self._worker and is_dead(self._folder, worker)]

    def close(self) -> None:
        """Let go of leases, files and connections."""
        super().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # Octets

    def _file_of(self, message_id: str) -> Path:
        return self._folder / _name_of(message_id)

    def write_body(self, message_id: str, write: Callable[[BinaryIO], _T]) -> _T:
        """Store a message's octets: a row that says so, then the file, synced together with its folder."""
        worker = self._me()
        with self._work() as db:
            db.run("INSERT INTO mobb_body VALUES (?, ?)", (message_id, worker))
        try:
            with _disk():
                return self._write_file(self._file_of(message_id), write)
        except BaseException:
            self._give_up(message_id)
            raise

    def _write_file(self, path: Path, write: Callable[[BinaryIO], _T]) -> _T:
        part = _part_of(path)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "w+b", _BUFFER) as file:
            done = write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(self._folder)
        return done

    def _give_up(self, message_id: str) -> None:
        """Drop what was written of octets: first the file, no message has it; a full disk needs its room for the rest.

        When that fails, whoever finds us dead does it.
        """
        self._forget([message_id])
        with suppress(OutboxError), self._work() as db:
            db.run("DELETE FROM mobb_body WHERE message_id = ?", (message_id,))

    def open_body(self, message_id: str) -> BinaryIO:
        """Return a message's file."""
        try:
            return self._file_of(message_id).open("rb")
        except FileNotFoundError:
            raise OutboxError(f"the octets of message {message_id} are gone") from None
        except OSError as error:
            raise OutboxError(f"the octets of message {message_id} cannot be read: {error.strerror}") from None

    def _forget(self, message_ids: Sequence[str]) -> None:
        for message_id in message_ids:
            path = self._file_of(message_id)
            for one in (path, _part_of(path)):
                with suppress(OSError):  # the row is gone: whatever is left here is found by `_sweep`
                    one.unlink()

    def _end_dead_leases(self, db: Database) -> None:
        if dead := self._dead(db):
            self._bury(db, dead)
            self._sweep(db)

    def _sweep(self, db: Database) -> None:
        """Remove files that no row knows. A row is there before its file, so the files are looked at first."""
        with suppress(OSError):
            found = [entry.name for entry in os.scandir(self._folder)]
            known = {_name_of(row[0]) for row in db.rows("SELECT message_id FROM mobb_body")}
            for name in found:
                if name.startswith(PREFIX):
                    is_dead(self._folder, name.removeprefix(PREFIX))
                elif name.removeprefix(_PART) not in known:
                    (self._folder / name).unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Empty the write-ahead log, which holds pages as they were before."""
        with self._work() as db:
            self._sweep(db)
        with self._alone() as db:
            db.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _alone(self) -> Iterator[Database]:
        db = self._connect()
        try:
            yield db
        finally:
            db.close()


def _name_of(message_id: str) -> str:
    return quote(message_id, safe="@")


def _part_of(path: Path) -> Path:
    """Return the name of a file that is being written: no MessageId of ours begins like it."""
    return path.with_name(_PART + path.name)


class _Sqlite:
    """One connection, ours or a caller's, of which no setting is changed."""

    locking = ""
    skipping = ""
    dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def run(self, statement: str, values: Row = ()) -> int:
        with _sqlite():
            return self._cursor.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        with _sqlite():
            self._cursor.executemany(statement, rows)

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        with _sqlite():
            return self._cursor.execute(statement, values).fetchall()

    def octets(self, statement: str, values: Row) -> bytes | None:
        found = self.rows(statement, values)
        return found[0][0] if found else None

    @cached_property
    def _cursor(self) -> sqlite3.Cursor:
        """One for all statements: a connection remembers each that was made (90 bytes a statement, for ever)."""
        cursor = sqlite3.Cursor(self.connection)  # a caller's connection may make cursors of another class
        cursor.row_factory = None
        return cursor

    def among(self, column: str, values: Iterable[str]) -> tuple[str, object]:
        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(list(map(str, values)))

    def among_numbers(self, column: str, values: Sequence[int]) -> tuple[str, object]:
        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(values)

    def shown(self, column: str) -> str:
        return column

    def lock(self, name: str) -> None:
        """Whoever writes is alone already."""

    def has_table(self, name: str) -> bool:
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def begin(self, *, reading: bool = False) -> None:
        self.run("BEGIN" if reading else "BEGIN IMMEDIATE")  # who reads first and then writes could be refused

    def commit(self) -> None:
        self.run("COMMIT")

    def roll_back(self) -> None:
        if self.connection.in_transaction:
            self.run("ROLLBACK")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()


def _nothing() -> None:
    """Do nothing."""


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        return connection.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False


def _begins_by_itself(connection: Any) -> bool:
    """Tell whether a connection begins a transaction before the first statement that changes something."""
    return connection.isolation_level is not None and getattr(connection, "autocommit", None) is not True


@contextmanager
def _sqlite() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _failure(error) from None


def _failure(error: sqlite3.Error) -> OutboxError:
    """Return what to say of an error of SQLite: its text names tables and files, never values."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    told = {
        sqlite3.SQLITE_BUSY: "another process holds the database; try again",
        sqlite3.SQLITE_FULL: "the disk is full",
        sqlite3.SQLITE_READONLY: "the database or its disk is read only",
        sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
        sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
    }
    return OutboxError(told.get(code, str(error)))


@contextmanager
def _disk() -> Iterator[None]:
    """Say of what the disk refuses that it was the disk."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise OutboxError("the disk is full" if full else f"the outbox cannot be written: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    if os.name == "nt":  # no such thing there: names are written through
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
