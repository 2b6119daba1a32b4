"""Whether another process on this machine lives: it holds a lock on a file, and the system lets go when it dies.

No clock, no heart that beats: a process that is stopped or starved lives, and one that was killed is dead at once.
"""

from __future__ import annotations

import os
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

PREFIX: Final = ".worker-"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class WorkerLock:
    """The sign of life of one worker, from when it is made until it is closed or its process ends.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._path = folder / (PREFIX + worker)
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        _try_lock(self._descriptor)
        _HELD.add(self)

    def close(self) -> None:
        """Give the sign of life up."""
        _HELD.discard(self)
        with suppress(OSError):
            self._path.unlink()
        self.let_go()

    def let_go(self) -> None:
        """Close the file, as the system does with that of a process that dies."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


_HELD: Final[weakref.WeakSet[WorkerLock]] = weakref.WeakSet()


def _forked() -> None:
    """A child must not keep its parent alive in the eyes of others."""
    for lock in list(_HELD):
        lock.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def is_dead(folder: Path, worker: str) -> bool:
    """Tell whether a worker that once held its lock holds it no more; its file is then removed."""
    path = folder / (PREFIX + worker)
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except PermissionError:  # somebody else's process, or Windows: in use
        return False
    try:
        _try_lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    return True
