"""Processes that judge rows, in the order of the rows; one that dies is replaced, and its row says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, Self

from mobb_client.berichtenbox.rows import RawRow
from mobb_client.errors import MobbError
from mobb_client.runs.judging import Criteria, Judged, faulty

_PROGRAM: Final = ("-P", "-m", "mobb_client.runs._worker")  # -P: no module of the folder we stand in
_TOO_LONG: Final = 1  # as faulthandler ends a process
_LOOK: Final = 0.5  # seconds between two looks at whether to stop

Finish = Callable[[Judged], Judged]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is told once.

    Args:
        folder: the paths of attachments are relative to it.
        criteria: what rows are judged by.
        secret: what digests are keyed with.
        seconds: how long a look at one PDF may take.
    """

    folder: Path
    criteria: Criteria
    secret: bytes
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as the worker reads it."""
        return {
            "folder": str(self.folder.absolute()),
            "criteria": self.criteria.as_json(),
            "secret": self.secret.hex(),
            "seconds": self.seconds,
        }


class Pool:
    """Judges chunks of rows in processes of their own.

    Args:
        order: what each is told.
        processes: how many at the same time.
        finish: is called with each row after a process judged it, here and in several threads.
        is_stopped: tells whether to stop: then what is under way is given up.
    """

    def __init__(
        self,
        order: Order,
        processes: int,
        finish: Finish | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._size = processes
        self._finish = finish
        self._is_stopped = is_stopped
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._workers = [_Worker(order) for _ in range(processes)]
        for worker in self._workers:
            self._idle.put(worker)

    def judged(self, chunks: Iterable[Sequence[RawRow]]) -> Generator[list[Judged], None, None]:
        """Give the chunks as they come in, judged; a few are under way at a time, whatever the number of rows.

        After a stop no more of them are given.
        """
        executor = ThreadPoolExecutor(self._size, thread_name_prefix="mobb-preflight")
        ahead: deque[Future[list[Judged]]] = deque()
        try:
            for chunk in chunks:
                ahead.append(executor.submit(self._chunk, chunk))
                if len(ahead) > 2 * self._size:
                    yield from self._result(ahead.popleft())
                if self._is_stopped():
                    return
            while ahead:
                yield from self._result(ahead.popleft())
        finally:
            self.close()
            executor.shutdown(cancel_futures=True)
            self.close()  # one may have been started in between

    def close(self) -> None:
        """End the processes, in whatever they are busy."""
        for worker in self._workers:
            worker.close()

    def _result(self, future: Future[list[Judged]]) -> Iterator[list[Judged]]:
        """Give what comes out; nothing after a stop, which is looked for meanwhile."""
        while not self._is_stopped():
            if wait([future], _LOOK).done:
                yield future.result()
                return

    def _chunk(self, rows: Sequence[RawRow]) -> list[Judged]:
        worker = self._idle.get()
        try:
            found = list(worker.judged(rows))
        finally:
            self._idle.put(worker)
        return [self._finish(one) for one in found if not worker.closed] if self._finish else found


@dataclass(slots=True)
class _Worker:
    """One process at a time, started when it is first needed."""

    order: Order
    closed: bool = False
    _running: _Running | None = field(default=None)

    def judged(self, rows: Sequence[RawRow]) -> Iterator[Judged]:
        """Give the verdict on each row; a row in which the process ends is told so, and the others go on."""
        todo = deque(rows)
        blocked: dict[int, dict[str, str]] = {}
        while todo:
            if self.closed:
                return
            running = self._running = self._running or _Running.start(self.order)
            looking: str | None = None
            for said in running.answers(todo, blocked):
                looking = said.get("look")
                if "row" in said:
                    todo.popleft()
                    yield Judged.from_json(said["row"])
            if todo and not self.closed:
                how = self._buried()
                if looking is None or looking in blocked.get(todo[0].number, {}):
                    yield faulty(todo.popleft(), f"the process that judged it ended ({how})")
                else:
                    blocked.setdefault(todo[0].number, {})[looking] = f"the process that looked at it ended ({how})"

    def _buried(self) -> str:
        """Forget a process that ended by itself, and return how."""
        running, self._running = self._running, None
        code = running.end() if running else 0
        if code == _TOO_LONG:
            return f"after {self.order.seconds:g} seconds"
        return f"by signal {-code}" if code < 0 else f"with code {code}"

    def close(self) -> None:
        """End the process."""
        self.closed = True
        if self._running is not None:
            self._running.end(at_once=True)


@dataclass(slots=True)
class _Running:
    """A process, and the two ends of the line to it."""

    process: subprocess.Popen[bytes]
    orders: BinaryIO
    found: BinaryIO

    @classmethod
    def start(cls, order: Order) -> Self:
        """Start a process, and wait until it is ready.

        Raises:
            MobbError: it does not start.
        """
        here, there = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, *_PROGRAM],
                stdin=subprocess.PIPE,
                stdout=there,
                stderr=subprocess.DEVNULL,  # a library's warnings may quote a document
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        finally:
            os.close(there)
        found = open(here, "rb")  # noqa: SIM115, PTH123 - a descriptor, closed with the process
        if process.stdin is None:  # not with PIPE
            raise AssertionError
        running = cls(process, process.stdin, found)  # type: ignore[arg-type] # it is a binary file
        running.tell(order.as_json())
        if not found.readline():
            raise MobbError(f"a process that judges rows does not start (code {running.end(at_once=True)})")
        return running

    def tell(self, what: object) -> None:
        """Send one line; one who is no longer there is found out by who reads."""
        try:
            self.orders.write(json.dumps(what).encode() + b"\n")
            self.orders.flush()
        except (OSError, ValueError):
            return

    def answers(self, rows: Sequence[RawRow], blocked: dict[int, dict[str, str]]) -> Iterator[dict[str, Any]]:
        """Send rows, and give what is said until all are judged or the process ends."""
        todo = [(row.number, row.line, row.content) for row in rows]
        self.tell({"names": rows[0].names, "rows": todo, "blocked": blocked})
        left = len(todo)
        while left and (line := self._line()):
            said = json.loads(line)
            left -= "row" in said
            yield said

    def _line(self) -> bytes:
        """Return what is said next; nothing, when it was cut off by the end."""
        line = self.found.readline()
        return line if line.endswith(b"\n") else b""

    def end(self, *, at_once: bool = False) -> int:
        """Wait for the end, or bring it about, and return the exit code."""
        if at_once:
            self.process.kill()
        code = self.process.wait()
        for file in (self.orders, self.found):
            try:
                file.close()
            except OSError:  # what could not be written any more
                continue
        return code
