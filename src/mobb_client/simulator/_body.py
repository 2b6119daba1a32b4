"""The octets of a request: in memory when they are few, in a temporary file when they are many."""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

IN_MEMORY: Final = 1 << 20
BLOCK: Final = 1 << 18


class Spool:
    """A temporary file that is read as bytes are: by slice and by `find`. It goes with the object."""

    def __init__(self, begin: bytes) -> None:
        self._file = tempfile.TemporaryFile(prefix="mobb-simulator-")  # noqa: SIM115 - closed with the object
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._size = 0
        self.write(begin)

    def write(self, block: bytes) -> None:
        """Add octets at the end."""
        self._file.write(block)
        self._size += len(block)

    def __len__(self) -> int:
        """Return the number of octets."""
        return self._size

    def __getitem__(self, place: slice) -> bytes:
        """Return the octets of a slice without step."""
        begin, end, _ = place.indices(self._size)
        with self._lock:
            self._file.seek(begin)
            return self._file.read(max(end - begin, 0))

    def find(self, wanted: bytes, begin: int = 0, end: int | None = None) -> int:
        """Return where octets first stand, at or behind a place; -1 for nowhere."""
        last = self._size if end is None else end
        for at in range(begin, last, BLOCK):
            found = self[at : min(at + BLOCK + len(wanted) - 1, last)].find(wanted)
            if found >= 0:
                return at + found
        return -1


Buffer = bytes | Spool


class Body:
    """Octets that can be looked at again and again: above a megabyte they lie in a file."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        memory = io.BytesIO()
        spool: Spool | None = None
        for block in blocks:
            digest.update(block)
            if spool is None and memory.tell() + len(block) > IN_MEMORY:
                spool = Spool(memory.getvalue())
            (memory if spool is None else spool).write(block)
        self.buffer: Buffer = memory.getvalue() if spool is None else spool
        self.size = len(self.buffer)
        self.sha256 = digest.hexdigest()

    def __bytes__(self) -> bytes:
        """Return all of it, in memory."""
        return self.buffer[:]


class Source(Protocol):
    """Anything that octets can be read from."""

    def read(self, size: int = ..., /) -> bytes:
        """Return the next octets, at most so many; none at the end."""


def blocks_of(stream: Source, size: int | None = None) -> Iterator[bytes]:
    """Give a stream's octets in blocks, all of them or the first `size`."""
    left = size
    while block := stream.read(BLOCK if left is None else min(BLOCK, left)):
        yield block
        if left is not None:
            left -= len(block)


class Part:
    """The octets of one MIME part, where they lie: nothing is copied until it is asked for."""

    def __init__(self, buffer: Buffer, begin: int, end: int) -> None:
        self._buffer, self._begin, self._end = buffer, begin, end

    def __len__(self) -> int:
        """Return the number of octets."""
        return self._end - self._begin

    def __bytes__(self) -> bytes:
        """Return all of it, in memory."""
        return self._buffer[self._begin : self._end]

    def blocks(self) -> Iterator[bytes]:
        """Give the octets in blocks."""
        for at in range(self._begin, self._end, BLOCK):
            yield self._buffer[at : min(at + BLOCK, self._end)]

    def digest(self, name: str) -> bytes:
        """Return the digest of the octets by a hash of this name."""
        digest = hashlib.new(name)
        for block in self.blocks():
            digest.update(block)
        return digest.digest()

    def open(self) -> Stream:
        """Return the octets as something to read from."""
        return Stream(self._buffer, self._begin, self._end)


class Stream(io.RawIOBase):
    """A part as a file that is read once, from its first octet to its last."""

    def __init__(self, buffer: Buffer, begin: int, end: int) -> None:
        self._buffer, self._at, self._end = buffer, begin, end

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next octets, at most `size`."""
        begin, self._at = self._at, self._end if size < 0 else min(self._at + size, self._end)
        return self._buffer[begin : self._at]
