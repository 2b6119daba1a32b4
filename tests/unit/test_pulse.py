"""Signs of life, and a body that ends its own upload."""

from __future__ import annotations

import logging
import threading
from io import BytesIO

import pytest

from mobb_client.errors import OutboxError
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.pulse import BrokenOffError, beating, watched


class Hearted(MemoryOutbox):
    """A store that wants to hear from its worker, and cannot write down the first `failures` beats."""

    beat_every = 0.001  # type: ignore[assignment] # of a store in memory there is nobody to tell

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.beats = 0
        self.heard = threading.Event()
        self._failures = failures

    def beat(self) -> None:
        """Count."""
        self.beats += 1
        if self.beats <= self._failures:
            raise OutboxError("the database is gone")
        if self.beats > self._failures + 2:
            self.heard.set()


class TestBeating:
    """A worker says that it lives while it works."""

    def test_beats(self) -> None:
        """Before anything is leased, then at its pace, and not after the work."""
        outbox = Hearted()
        with beating(outbox):
            assert outbox.beats >= 1
            assert outbox.heard.wait(20)
        beats = outbox.beats
        assert not [one for one in threading.enumerate() if one.name == "mobb-pulse"]
        assert outbox.beats == beats

    def test_failure(self, caplog: pytest.LogCaptureFixture) -> None:
        """B39: a beat that cannot be written is logged and tried again; the work hears nothing of it."""
        outbox = Hearted(failures=3)
        with caplog.at_level(logging.WARNING, "mobb_client"), beating(outbox):
            assert outbox.heard.wait(20)
        assert [record.getMessage() for record in caplog.records] == ["outbox.beat"] * 3

    def test_none_needed(self) -> None:
        """Where the system itself knows who lives there is no thread."""
        before = threading.active_count()
        with beating(MemoryOutbox()):
            assert threading.active_count() == before

    def test_work_fails(self) -> None:
        """What the work raises comes out, and the heart stops."""
        with pytest.raises(KeyError), beating(Hearted()):
            raise KeyError
        assert not [one for one in threading.enumerate() if one.name == "mobb-pulse"]


class TestWatched:
    """A body that is read in blocks."""

    def test_reads(self) -> None:
        """As long as nothing is the matter it is the file itself: read, sought, told."""
        body = watched(BytesIO(b"abcdef"), lambda: None, lambda: False)
        assert (body.read(2), body.tell(), body.seekable()) == (b"ab", 2, True)
        body.seek(0)
        assert body.read() == b"abcdef"

    def test_stopped(self) -> None:
        """The next block is not read any more."""
        asked: list[bool] = []
        body = watched(BytesIO(b"abcdef"), lambda: None, lambda: bool(asked))
        assert body.read(2) == b"ab"
        asked.append(True)
        with pytest.raises(BrokenOffError):
            body.read(2)
        assert body.tell() == 2

    def test_taken_over(self) -> None:
        """B36: nor when another worker may be sending the same message by now."""

        def gone() -> None:
            raise OutboxError("too long ago")

        with pytest.raises(BrokenOffError):
            watched(BytesIO(b"abcdef"), gone, lambda: False).read(2)
