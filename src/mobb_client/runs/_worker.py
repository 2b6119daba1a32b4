"""A process that judges rows for another one: it may be killed, and what it looked at is then known.

    python -P -m mobb_client.runs._worker

One JSON document a line, both ways. In: how to judge, then chunks of rows. Out: ``{"ready": true}``, then for each row
``{"look": COLUMN}`` before each PDF that it opens and ``{"row": ...}`` when it is judged. It ends when its input ends.

A PDF is made by others, and may be made to take time and memory: after `seconds` in one PDF the process ends itself,
in which no code of the PDF's library can hinder it, and it has a bound of memory from the system.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from mobb_client.berichtenbox.rows import RawRow
from mobb_client.runs.judging import Criteria, Guard, Judge

_FAULT: Final = 70  # not 1, which means that a look took too long
_FOR_ANOTHER: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that come to both: who started this process decides, and no row is at fault when a machine goes down."""
_MEMORY: Final = 1_000_000_000
"""Octets of address space. 150 MB of it are in use before the first PDF."""


def main() -> None:
    """Judge what comes in on standard input, until it ends."""
    for name in _FOR_ANOTHER:
        if hasattr(signal, name):  # not on every system
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _bound_memory()
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library that prints must not get between the answers
    with open(0, "rb") as source, open(answers, "wb") as sink:  # noqa: PTH123 - descriptors
        serve(source, sink)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Judge the rows of `source` and write what is found to `sink`."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        _serve(source, sink, nowhere)


def _serve(source: BinaryIO, sink: BinaryIO, nowhere: BinaryIO) -> None:
    given = json.loads(source.readline())
    guard = _timed(sink, given["seconds"], nowhere)
    judge = Judge(Path(given["folder"]), Criteria.from_json(given["criteria"]), bytes.fromhex(given["secret"]), guard)
    _say(sink, {"ready": True})
    for line in source:
        chunk = json.loads(line)
        for raw, blocked in _rows(chunk):
            _say(sink, {"row": judge.judge(raw, blocked).as_json()}, flush=False)
        sink.flush()


def _rows(chunk: Mapping[str, Any]) -> Iterator[tuple[RawRow, Mapping[str, str]]]:
    names, blocked = tuple(chunk["names"]), chunk["blocked"]
    for number, line, content in chunk["rows"]:
        cells = tuple(content) if isinstance(content, list) else content
        yield RawRow(number=number, line=line, content=cells, names=names), blocked.get(str(number), {})


def _timed(sink: BinaryIO, seconds: float, nowhere: BinaryIO) -> Guard:
    """Return a guard that says which PDF is looked at, and ends the process when that takes too long."""

    @contextmanager
    def guard(column: str) -> Iterator[None]:
        _say(sink, {"look": column})
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    return guard


def _say(sink: BinaryIO, what: Mapping[str, Any], *, flush: bool = True) -> None:
    sink.write(json.dumps(what).encode() + b"\n")
    if flush:
        sink.flush()


def _bound_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not on every system
        import resource  # noqa: PLC0415 - idem

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    try:
        main()
    except Exception:  # noqa: BLE001 - its text may quote a letter, and nobody reads it
        os._exit(_FAULT)
