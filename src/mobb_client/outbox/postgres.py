"""The outbox of many machines: a PostgreSQL database, and any number of workers on it.

The database decides: its row locks who may change what, its clock who lives. A worker writes down at least every
`BEAT_SECONDS` that it lives; what it has leased is taken over when it has not done so for `LEASE_SECONDS`. It stops
what it is doing before that by its own count, so that no message is ever sent by two at the same time.

Source: `design.md` section 3; PostgreSQL, "Explicit Locking", "SELECT, The Locking Clause".
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from io import RawIOBase
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar, cast

from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.outbox._rows import Row
from mobb_client.outbox._schema import POSTGRES
from mobb_client.outbox._sql import Database, SqlOutbox, savepoint, underneath

if TYPE_CHECKING:
    import psycopg

_T = TypeVar("_T")

LEASE_SECONDS: Final = 120.0
"""How long after its last sign of life a worker keeps what it has leased."""
MARGIN_SECONDS: Final = 45.0
"""How long before that it stops: an answer may be waited for during 30 seconds after the last octet was sent."""
BEAT_SECONDS: Final = 20.0
LOCK_SECONDS: Final = 30
BLOCK: Final = 1_048_576
"""Octets of a message in one row."""
_CONNECT: Final = {
    "application_name": "mobb",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""What a connection is made with where its URL does not say otherwise: one that died is noticed."""


class PostgresOutbox(SqlOutbox):
    """An outbox in a PostgreSQL database; its tables, all named ``mobb_*``, are made when they are not there yet.

    The database may be your own: letters can be handed over in your own transaction (`Client.enqueue` with `using`).

    Args:
        conninfo: a URL (``postgresql://host/database``) or what libpq takes; a password is better left to
            ``PGPASSWORD``, ``.pgpass`` or a service file.
        shared_paths: whether every worker sees the same files under the same paths; if not, an attachment that is given
            as a path is read and stored when its letter is handed over.
        read_only: nothing is ever written; to look with while others work.
        monotonic: the clock by which a worker stops when it could not write down that it lives.

    Raises:
        ConfigurationError: psycopg is not installed.
        OutboxError: the database cannot be reached, is no outbox of this version, or is to be made and read only.
    """

    beat_every = BEAT_SECONDS

    def __init__(
        self,
        conninfo: str,
        *,
        shared_paths: bool = False,
        read_only: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._driver = _driver()
        self._conninfo = conninfo
        self.keeps_paths = shared_paths
        self._monotonic = monotonic
        self._beaten = float("-inf")
        super().__init__(read_only=read_only)

    def __repr__(self) -> str:
        """Return its kind: where it is may hold a password."""
        return "PostgresOutbox(...)"

    def _connect(self) -> Database:
        driver = self._driver
        try:
            given = driver.conninfo.conninfo_to_dict(self._conninfo)
            connection = driver.Connection[Row].connect(**{**_CONNECT, **given}, autocommit=True)
        except driver.Error as error:
            raise _failure(error) from None
        db = _Postgres(connection, driver, ours=not self._read_only)
        try:
            db.run(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            db.keep_commits_durable()
        except BaseException:
            db.close()
            raise
        return db

    def _underneath(self, using: object) -> Database | None:
        connection = underneath(using, self._driver.Connection)
        if connection is None or connection.closed:
            return None
        is_idle = connection.info.transaction_status is self._driver.pq.TransactionStatus.IDLE
        if is_idle and connection.autocommit:
            raise ConfigurationError(Finding("outbox.using", field="using", measure="a connection without transaction"))
        return _Postgres(connection, self._driver, ours=False)

    def _within(self, db: Database) -> AbstractContextManager[None]:
        return savepoint(db)  # by now the caller's connection has begun a transaction, if it had not before

    def _number_events(self) -> None:
        """Give events numbers in an order in which none comes later with a lower one: after they were committed."""
        if self._read_only:
            return
        with self._work(reading=True) as db:
            if not db.rows("SELECT 1 FROM mobb_event WHERE number IS NULL LIMIT 1"):
                return
        with self._work() as db:
            db.lock("mobb_event")
            db.run(
                "UPDATE mobb_event SET number = given.number FROM (SELECT id, row_number() OVER (ORDER BY id)"
                " + (SELECT coalesce(max(number), 0) FROM mobb_event) AS number FROM mobb_event WHERE number IS NULL)"
                " AS given WHERE mobb_event.id = given.id"
            )

    def _commit(self, db: Database) -> None:
        """Commit; when the connection broke meanwhile, nobody knows what is leased in our name: so we take another."""
        try:
            super()._commit(db)
        except OutboxError:
            self._worker = ""
            raise

    # Who lives

    def _me(self) -> str:
        if self._worker and self._monotonic() - self._beaten > BEAT_SECONDS:
            self.beat()
        return super()._me()

    def _register(self, db: Database, worker: str) -> None:
        self._beaten = self._monotonic()
        db.run("INSERT INTO mobb_worker VALUES (?, clock_timestamp())", (worker,))

    def _kept_alive(self, db: Database, worker: str) -> str:
        """Hold our row, which a heartbeat may still change: who was suspended for too long has another name by now."""
        while not db.rows("SELECT 1 FROM mobb_worker WHERE id = ? FOR KEY SHARE", (worker,)):
            with self._registering:
                if self._worker == worker:
                    self._worker = ""
            worker = self._me()
        return worker

    def _dead(self, db: Database) -> list[str]:
        silent = "seen < clock_timestamp() - make_interval(secs => ?)"
        found = db.rows(f"SELECT id FROM mobb_worker WHERE {silent}{db.skipping}", (LEASE_SECONDS,))
        return [row[0] for row in found]

    def beat(self) -> None:
        """Write down that this worker lives; one that was taken for dead is somebody else from now on.

        Events get their numbers too: who only reads cannot give them.
        """
        worker, now = self._worker, self._monotonic()
        if not worker:
            return
        with self._work() as db:
            lives = db.run("UPDATE mobb_worker SET seen = clock_timestamp() WHERE id = ?", (worker,))
        if lives:
            self._beaten = now
            self._number_events()
        else:
            self._worker = ""

    def _leave(self) -> None:
        super()._leave()
        self._number_events()

    def alive_check(self) -> Callable[[], None]:
        """Return a check that fails when this worker could not say for too long that it lives."""
        worker = self._worker

        def check() -> None:
            silence = self._monotonic() - self._beaten
            if self._worker != worker or silence > LEASE_SECONDS - MARGIN_SECONDS:
                raise OutboxError("the database was out of reach for so long that another worker may have taken over")

        return check

    # Octets

    def write_body(self, message_id: str, write: Callable[[BinaryIO], _T]) -> _T:
        """Store a message's octets in rows of `BLOCK`, in one transaction."""
        worker = self._me()
        with self._work() as db:
            db.run("INSERT INTO mobb_body VALUES (?, ?)", (message_id, worker))
            sink = _Writer(db, message_id)
            done = write(cast("BinaryIO", sink))
            sink.finish()
            return done

    def open_body(self, message_id: str) -> BinaryIO:
        """Return a message's octets as a file that is read row by row."""
        return cast("BinaryIO", _Reader(lambda number: self._block(message_id, number)))

    def _block(self, message_id: str, number: int) -> bytes:
        """Return a block; one after the last is empty."""
        with self._work(reading=True) as db:
            block = db.octets("SELECT data FROM mobb_block WHERE message_id = ? AND number = ?", (message_id, number))
            if block is None and not db.rows("SELECT 1 FROM mobb_body WHERE message_id = ?", (message_id,)):
                raise OutboxError(f"the octets of message {message_id} are gone")
        return block or b""

    def _forget(self, message_ids: Sequence[str]) -> None:
        """The blocks went with their message."""

    def _tidy(self) -> None:
        """Let the database use the room again; on its disk, deleted rows are only written over in time."""
        db = self._connect()
        try:
            db.run("VACUUM mobb_content, mobb_bijlage, mobb_body, mobb_block")
        finally:
            db.close()


class _Postgres:
    """One connection, ours or a caller's, of which no setting is changed."""

    dialect = POSTGRES

    def __init__(self, connection: psycopg.Connection[Any], driver: Any, *, ours: bool) -> None:
        self._connection = connection
        self._driver = driver
        self.locking = " FOR UPDATE" if ours else ""
        self.skipping = " FOR UPDATE SKIP LOCKED" if ours else ""

    def keep_commits_durable(self) -> None:
        """Ask for commits that outlive a power cut, where the server's default is less."""
        if self.rows("SHOW synchronous_commit") == [("off",)]:
            self.run("SET synchronous_commit = on")

    def run(self, statement: str, values: Row = ()) -> int:
        with _postgres(self._driver), self._cursor() as cursor:
            return cursor.execute(_translated(statement), values or None).rowcount

    def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        with _postgres(self._driver), self._cursor() as cursor:
            cursor.executemany(_translated(statement), rows)

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        with _postgres(self._driver), self._cursor() as cursor:
            return cursor.execute(_translated(statement), values or None).fetchall()

    def octets(self, statement: str, values: Row) -> bytes | None:
        with _postgres(self._driver), self._cursor() as cursor:
            found = cursor.execute(_translated(statement), values, binary=True).fetchone()
        return None if found is None else bytes(found[0])

    def _cursor(self) -> psycopg.Cursor[Row]:
        """Return a cursor of the plain kind: a caller's connection may make others."""
        made: psycopg.Cursor[Row] = self._driver.Cursor(self._connection, row_factory=self._driver.rows.tuple_row)
        return made

    def among(self, column: str, values: Iterable[str]) -> tuple[str, object]:
        return f"{column} = ANY(?)", list(map(str, values))

    def among_numbers(self, column: str, values: Sequence[int]) -> tuple[str, object]:
        return f"{column} = ANY(?)", values

    def shown(self, column: str) -> str:
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""

    def lock(self, name: str) -> None:
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (f"mobb:{name}",))

    def has_table(self, name: str) -> bool:
        return self.rows("SELECT to_regclass(?) IS NOT NULL", (name,)) == [(True,)]

    def begin(self, *, reading: bool = False) -> None:
        self.run(f"BEGIN ISOLATION LEVEL READ COMMITTED{' READ ONLY' if reading else ''}")

    def commit(self) -> None:
        with _postgres(self._driver), self._cursor() as cursor:
            if cursor.execute("COMMIT").statusmessage != "COMMIT":
                raise OutboxError("the transaction had failed and was taken back")

    def roll_back(self) -> None:
        self.run("ROLLBACK")

    def close(self) -> None:
        with suppress(Exception):  # whatever is wrong with it, it is gone
            self._connection.close()


class _Placed(RawIOBase):
    """A file in which one can go to any place."""

    def __init__(self) -> None:
        super().__init__()
        self._place = 0

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return where the next octet is."""
        return self._place

    def seek(self, place: int, whence: int = 0, /) -> int:
        """Go to a place, counted from the beginning."""
        if whence:
            raise OSError(errno.EINVAL, "only from the beginning")
        self._place = place
        return place


class _Writer(_Placed):
    """A file that is written from its beginning to its end; only in its first block may be written again.

    That is where the envelope goes, after everything else is written.
    """

    def __init__(self, db: Database, message_id: str) -> None:
        super().__init__()
        self._db = db
        self._message_id = message_id
        self._head = bytearray()
        self._tail = bytearray()
        self._number = 0
        self._end = 0

    def finish(self) -> None:
        """Write the first block and the last."""
        for number, data in ((0, self._head), (self._number + 1, self._tail)):
            if data:
                self._put(number, bytes(data))

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any, /) -> int:
        """Write at the end, or over what stands in the first block."""
        size = len(data)
        if self._place == self._end:
            self._append(memoryview(data))
            self._end += size
        elif self._place + size <= len(self._head):
            self._head[self._place : self._place + size] = data
        else:
            raise OSError(errno.ESPIPE, "only the first block can be written again")
        self._place += size
        return size

    def _append(self, data: memoryview) -> None:
        room = BLOCK - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        while len(self._tail) >= BLOCK:
            self._number += 1
            self._put(self._number, bytes(self._tail[:BLOCK]))
            del self._tail[:BLOCK]

    def _put(self, number: int, data: bytes) -> None:
        self._db.run("INSERT INTO mobb_block VALUES (?, ?, ?)", (self._message_id, number, data))


class _Reader(_Placed):
    """A file of which one block at a time is in memory."""

    def __init__(self, block: Callable[[int], bytes]) -> None:
        super().__init__()
        self._block = block
        self._number = 0
        self._data = block(0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read as much as is wanted and as this block has."""
        number, start = divmod(self._place, BLOCK)
        if number != self._number:
            self._number, self._data = number, self._block(number)
        found = self._data[start : start + len(buffer)]
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


def _driver() -> Any:
    """Return psycopg, which is imported only where it is used.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra
        import psycopg.conninfo  # noqa: PLC0415 - idem
        import psycopg.rows  # noqa: PLC0415 - idem
    except ImportError:
        raise ConfigurationError(Finding("outbox.driver", field="outbox", measure="no psycopg")) from None
    return psycopg


@cache
def _translated(statement: str) -> str:
    """Return a statement in psycopg's way of marking values."""
    return statement.replace("?", "%s")


@contextmanager
def _postgres(driver: Any) -> Iterator[None]:
    try:
        yield
    except driver.Error as error:
        raise _failure(error) from None


_TOLD: Final = {
    "53100": "the disk of the database is full",
    "25006": "the database is read only",
    "55P03": "another process holds what is to be changed; try again",
    "40P01": "two processes waited for each other, and this one gave way; try again",
    "40001": "another process changed what was read; try again",
}


def _failure(error: Any) -> OutboxError:
    """Return what to say of an error of the database: of its text, which may quote values, only what cannot."""
    state = getattr(error, "sqlstate", None)
    if state is None:  # no connection, or it broke: the text names host and port
        return OutboxError(" ".join(str(error).split()) or "the connection to the database broke")
    return OutboxError(_TOLD.get(state, f"the database refused: {type(error).__name__} ({state})"))
