"""Signs of life of a worker, and what it does when it may have been taken for dead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import BinaryIO, cast

from mobb_client.errors import OutboxError
from mobb_client.outbox.contract import Outbox

log = logging.getLogger(__name__)


@contextmanager
def beating(outbox: Outbox) -> Iterator[None]:
    """Let the outbox know that this worker lives, for as long as the block lasts.

    The first beat comes before anything is leased in the block. A beat that fails is tried again at the next occasion,
    and never ends the work: whether the lease still holds is asked where it matters (`Outbox.alive_check`).
    """
    every = outbox.beat_every
    if every is None:
        yield
        return
    _beat(outbox)
    done = Event()
    thread = Thread(target=_go_on, args=(outbox, every, done), name="mobb-pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _go_on(outbox: Outbox, every: float, done: Event) -> None:
    while not done.wait(every):
        _beat(outbox)


def _beat(outbox: Outbox) -> None:
    try:
        outbox.beat()
    except Exception as error:  # noqa: BLE001 - whatever it is, the work goes on and the next beat may succeed
        log.warning("outbox.beat", extra={"error": type(error).__name__})


class BrokenOffError(Exception):
    """An upload was ended on purpose: a stop was asked for, or another worker may be at it. Nothing went wrong."""


class _Watched:
    """A body that asks, before each block that is read of it, whether the upload may go on."""

    def __init__(self, body: BinaryIO, check: Callable[[], None]) -> None:
        self._body = body
        self._check = check

    def read(self, size: int = -1) -> bytes:
        self._check()
        return self._body.read(size)

    def __getattr__(self, name: str) -> object:
        return getattr(self._body, name)


def watched(body: BinaryIO, check_alive: Callable[[], None], is_stopped: Callable[[], bool]) -> BinaryIO:
    """Return a body whose reading raises `BrokenOffError` as soon as its upload must end.

    Args:
        body: the octets.
        check_alive: of the moment of the lease (`Outbox.alive_check`).
        is_stopped: whether a stop was asked for.
    """

    def check() -> None:
        if is_stopped():
            raise BrokenOffError("a stop was asked for")
        try:
            check_alive()
        except OutboxError:
            raise BrokenOffError("another worker may have taken over") from None

    return cast("BinaryIO", _Watched(body, check))
