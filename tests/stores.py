"""Every kind of outbox, made for one test, and workers on it that die as a process does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import postgres

from mobb_client.outbox.contract import Outbox
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.outbox.postgres import PostgresOutbox
from mobb_client.outbox.sqlite import SqliteOutbox


@dataclass
class Store:
    """One place where letters are kept; `worker` opens it, as another process would."""

    name: str
    open: Callable[[], Any]
    connect: Callable[[], Any]
    kill: Callable[[Any], None]
    url: str = ""
    options: str = ""
    workers: list[Any] = field(default_factory=list)

    @property
    def is_durable(self) -> bool:
        """Whether it outlives its process."""
        return self.name != "memory"

    def worker(self) -> Outbox:
        """Return another worker on the store; that in memory has only one."""
        if not (self.workers and not self.is_durable):
            self.workers.append(self.open())
        made: Outbox = self.workers[-1]
        return made

    def close(self) -> None:
        """Close every worker."""
        for one in self.workers:
            one.close()


@contextmanager
def memory(_: Path) -> Iterator[Store]:
    """Give the store in memory."""
    yield Store("memory", MemoryOutbox, _nothing, _nothing)


@contextmanager
def sqlite(folder: Path) -> Iterator[Store]:
    """Give an SQLite database in a folder."""
    path = folder / "outbox.sqlite"

    def kill(outbox: SqliteOutbox) -> None:
        """Let go of what the system takes from a process that dies, and of nothing else."""
        if outbox._lock is not None:
            outbox._lock.let_go()
        outbox._worker = ""
        for db in [*outbox._idle]:
            db.close()
        outbox._idle.clear()

    yield Store("sqlite", lambda: SqliteOutbox(path), lambda: sqlite3.connect(path), kill)


@contextmanager
def in_postgres(_: Path) -> Iterator[Store]:
    """Give a schema of a PostgreSQL database."""
    psycopg = pytest.importorskip("psycopg")
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL server on this machine")
    with postgres.schema() as conninfo:

        def kill(outbox: PostgresOutbox) -> None:
            """Break its connections, and let the time pass that others wait for it."""
            for db in [*outbox._idle]:
                db.close()
            outbox._idle.clear()
            worker, outbox._worker = outbox._worker, ""
            with psycopg.connect(conninfo) as connection:
                connection.execute("UPDATE mobb_worker SET seen = '-infinity' WHERE id = %s", [worker])

        options = conninfo.rpartition(" options=")[2]
        connect = partial(psycopg.connect, conninfo)
        yield Store("postgres", lambda: PostgresOutbox(conninfo), connect, kill, conninfo, options)


STORES: dict[str, Callable[[Path], Any]] = {"memory": memory, "sqlite": sqlite, "postgres": in_postgres}


def _nothing(*_: object) -> None:
    """Do nothing."""
