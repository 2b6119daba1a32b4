"""A process that dies at a chosen write, inside this one: after that moment nothing of it runs, whatever its code says.

The moments are those before each statement that writes, each COMMIT, each call that changes the folder of octets, and
before and after each post and each reply. The moment after a write is the one before the next: nothing else happens
in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mobb_client.outbox.postgres import PostgresOutbox
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.simulator import Response

NOBODY = Response(0, {}, b"")
"""What a caller gets from a process that died before its reply."""


class Death(BaseException):
    """The process died here. No `except Exception` of ours can catch it."""


class Fate:
    """When one process dies.

    Args:
        at: at its how-manieth write; None for never.

    Attributes:
        steps: what it wrote so far.
        is_dead: whether it has died: everything raises from then on.
    """

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps: list[str] = []
        self.is_dead = False

    def step(self, what: str) -> None:
        """Come to a write, and perhaps die before it."""
        self.look(what)
        self.steps.append(what)
        if len(self.steps) == self.at:
            self.is_dead = True
            raise Death(what)

    def look(self, what: str) -> None:
        """Do something that changes nothing: the dead do not even that."""
        if self.is_dead:
            raise Death(what)


class Connection:
    """A connection of a process that may die: what it reads is no moment, what it writes is one."""

    def __init__(self, db: Any, fate: Fate) -> None:
        self._db = db
        self._fate = fate
        self._wrote = False

    def _write(self, statement: str) -> None:
        self._fate.step(" ".join(statement.split()[:3]))
        self._wrote = True

    def run(self, statement: str, values: Any = ()) -> Any:
        """Run a statement that writes."""
        self._write(statement)
        return self._db.run(statement, values)

    def run_many(self, statement: str, rows: Any) -> None:
        """Run a statement that writes many rows."""
        self._write(statement)
        self._db.run_many(statement, rows)

    def commit(self) -> None:
        """End a transaction; of one that wrote nothing the end is no moment."""
        (self._fate.step if self._wrote else self._fate.look)("COMMIT")
        self._wrote = False
        self._db.commit()

    def __getattr__(self, name: str) -> Any:
        """Do anything else, while alive."""
        self._fate.look(name)
        return getattr(self._db, name)


class Line:
    """The wire of a process that may die before its post arrives, or before it hears the answer."""

    def __init__(self, wire: Any, fate: Fate) -> None:
        self._wire = wire
        self._fate = fate

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Any:
        """Post, while alive."""
        self._fate.step("post")
        answer = self._wire.post(url, headers, body, size)
        self._fate.step("answer")
        return answer


def endpoint(receive: Callable[..., Any], fate: Fate) -> Callable[..., Any]:
    """Return the endpoint of a process that may die before it has answered."""

    def receive_or_die(headers: dict[str, str], body: bytes, *, peer: bytes) -> Any:
        try:
            fate.look("request")
            reply = receive(headers, body, peer=peer)
            fate.step("reply")
        except Death:
            return NOBODY
        return reply

    return receive_or_die


@contextmanager
def mortal(kind: type[Any], folder: Path, fate: Fate) -> Iterator[list[Any]]:
    """Let every outbox of a kind that is opened here, and all that happens in a folder, have a fate.

    Gives the connections, which the system closes when the process dies.
    """
    connections: list[Any] = []
    connect = kind._connect

    def connect_or_die(self: Any) -> Connection:
        fate.step("connect")
        connections.append(connect(self))
        return Connection(connections[-1], fate)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "_connect", connect_or_die)
        for owner, name in ((os, "open"), (Path, "mkdir"), (Path, "replace"), (Path, "unlink")):
            patch.setattr(owner, name, _in_folder(getattr(owner, name), folder, fate))
        patch.setattr(os, "fsync", _stepping(os.fsync, fate))
        yield connections


def _in_folder(call: Callable[..., Any], folder: Path, fate: Fate) -> Callable[..., Any]:
    """Return a call on a path that is a write when the path lies in a folder."""

    def stepping(path: Any, *args: Any, **more: Any) -> Any:
        if str(path).startswith(str(folder)):
            fate.step(f"{call.__name__} {_shown(Path(path).name)}")
        return call(path, *args, **more)

    return stepping


def _stepping(call: Callable[..., Any], fate: Fate) -> Callable[..., Any]:
    def stepping(*args: Any) -> Any:
        fate.step(call.__name__)
        return call(*args)

    return stepping


def _shown(name: str) -> str:
    """Return the kind of a file: ids differ from run to run."""
    return name if name.startswith("outbox") else name[:5] if name.startswith(".") else "octets"


def kill(store: Any, outbox: Any, connections: list[Any]) -> None:
    """Take from a dead process what the system takes: connections in mid-transaction, and locks."""
    for db in connections:
        db.close()
    connections.clear()
    if outbox is not None:
        outbox._idle.clear()
        store.kill(outbox)


KINDS: dict[str, type[Any]] = {"sqlite": SqliteOutbox, "postgres": PostgresOutbox}
"""The class of each durable store, by the store's name."""
