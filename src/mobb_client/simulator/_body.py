"""The octets of a request: in memory when they are few, in a temporary file when they are many."""

from __future__ import annotations

import hashlib
import io
import mmap
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

IN_MEMORY: Final = 1 << 20
BLOCK: Final = 1 << 18

Buffer = bytes | mmap.mmap


class Body:
    """Octets that can be looked at again and again; above a megabyte they lie in a file that goes with the object."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        """Take the octets, block by block."""
        digest = hashlib.sha256()
        file: BinaryIO = io.BytesIO()
        for block in blocks:
            digest.update(block)
            if isinstance(file, io.BytesIO) and file.tell() + len(block) > IN_MEMORY:
                file = self._to_disk(file)
            file.write(block)
        self.size = file.tell()
        self.sha256 = digest.hexdigest()
        self.buffer = self._buffer(file)

    def _to_disk(self, memory: io.BytesIO) -> BinaryIO:
        file = tempfile.TemporaryFile(prefix="mobb-simulator-")  # noqa: SIM115 - closed with the object
        weakref.finalize(self, file.close)
        file.write(memory.getvalue())
        return file

    @staticmethod
    def _buffer(file: BinaryIO) -> Buffer:
        if isinstance(file, io.BytesIO):
            return file.getvalue()
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __bytes__(self) -> bytes:
        """Return all of it, in memory."""
        return self.buffer[:]


def blocks_of(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """Give a stream's octets in blocks, all of them or the first `size`."""
    left = size
    while block := stream.read(BLOCK if left is None else min(BLOCK, left)):
        yield block
        if left is not None:
            left -= len(block)


class Part:
    """The octets of one MIME part, where they lie: nothing is copied until it is asked for."""

    def __init__(self, buffer: Buffer, begin: int, end: int) -> None:
        """Take the place in a buffer."""
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
        """Take the place in a buffer."""
        self._buffer, self._at, self._end = buffer, begin, end

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next octets, at most `size`."""
        begin, self._at = self._at, self._end if size < 0 else min(self._at + size, self._end)
        return self._buffer[begin : self._at]
