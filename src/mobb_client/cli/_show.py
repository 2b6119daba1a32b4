"""How things are printed: readable on a terminal and in a pipe, JSON for machines, progress on stderr only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import click

from mobb_client._xml import write_moment
from mobb_client.errors import Finding

_Item = TypeVar("_Item")
_PATIENCE: Final = 2.0  # seconds of work before a bar appears
_MOST_SHOWN: Final = 300
_MOST_OF_FINDING: Final = 2000

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, for machines.")


def document(name: str, **parts: Any) -> None:
    """Print one JSON document that names its schema."""
    text = json.dumps({"schema": f"mobb.{name}/1", **parts}, ensure_ascii=False, indent=2, default=_as_json)
    click.echo(text.encode("utf-8", "backslashreplace").decode())  # half characters, as in file names, become \\udcXX


def long_document(name: str, key: str, items: Iterable[object], **parts: Any) -> None:
    """Print one JSON document of which the last part is a list, as long as it likes: nothing of it is kept."""
    head = json.dumps({"schema": f"mobb.{name}/1", **parts}, ensure_ascii=False, indent=2, default=_as_json)
    click.echo(f'{head.removesuffix("}").rstrip()},\n  "{key}": [', nl=False)
    mark = ""
    for item in items:
        text = json.dumps(item, ensure_ascii=False, default=_as_json)
        click.echo(f"{mark}\n    {text}".encode("utf-8", "backslashreplace").decode(), nl=False)
        mark = ","
    click.echo("\n  ]\n}")


def line(name: str, **parts: Any) -> None:
    """Print one JSON document on a line of its own: for what goes on and on."""
    text = json.dumps({"schema": f"mobb.{name}/1", **parts}, ensure_ascii=False, default=_as_json)
    click.echo(text.encode("utf-8", "backslashreplace").decode())


def _as_json(value: object) -> str:
    """Write what JSON has no form for: moments as in XML, octets in hexadecimal, anything else as text."""
    if isinstance(value, datetime):
        return write_moment(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def plain(text: str, most: int = _MOST_SHOWN) -> str:
    """Return a text from outside on one line, without what a terminal would obey, and not longer than a few lines."""
    shown = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text[:most])
    return shown if len(text) <= most else f"{shown}... ({len(text)} characters)"


def finding(one: Finding, before: str, *, err: bool = True) -> None:
    """Print a finding on one line, after what it is about, and below it what to do."""
    click.echo(plain(f"{before}{one}", _MOST_OF_FINDING), err=err)
    click.echo(f"    {one.advice}", err=err)


def moment(value: datetime) -> str:
    """Return a moment for people, UTC."""
    return write_moment(value.replace(microsecond=0)).replace("T", " ").replace("Z", " UTC")


def table(rows: Iterable[Sequence[object]], *, indent: int = 2) -> None:
    """Print rows with their columns aligned; the last column is as long as it likes."""
    cells = [[plain(str(cell)) for cell in row] for row in rows]
    width = [max(map(len, column)) for column in zip(*(row[:-1] for row in cells), strict=True)]
    for row in cells:
        padded = (cell.ljust(wide) for cell, wide in zip(row, width, strict=False))
        click.echo(" " * indent + "  ".join([*padded, row[-1]]).rstrip())


def heading(text: str) -> None:
    """Print a heading: bold on a terminal."""
    click.secho(plain(text), bold=True)


def verdict(text: str, *, good: bool) -> None:
    """Print the last line: green or red on a terminal, the same words in a pipe."""
    click.secho(plain(text), fg="green" if good else "red", bold=True)


def size(octets: int) -> str:
    """Return a number of octets for people: ``500.0 kB``."""
    for limit, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if octets >= limit:
            return f"{octets / limit:.1f} {unit}"
    return f"{octets} bytes"


def count(number: int, what: str) -> str:
    """Return a number of things: ``1 letter``, ``8 letters``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def watched(
    items: Iterable[_Item], what: str, *, total: int | None = None, position: Callable[[], int] | None = None
) -> Iterator[_Item]:
    """Give the items on, with a bar on stderr when that takes longer than two seconds and stderr is a terminal.

    Args:
        items: what is watched.
        what: what the bar says that they are.
        total: where the bar ends.
        position: how far it is by now; the number of items when left out.
    """
    with _bar(what, total, position) as advance:
        for item in items:
            yield item
            advance()


@contextmanager
def _bar(what: str, total: int | None, position: Callable[[], int] | None) -> Iterator[Callable[[], None]]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - only when there is a terminal
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if position is None else DownloadColumn(),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(what, total=total)
    started = time.monotonic()

    def advance() -> None:
        if position is None:
            progress.advance(task)
        else:
            progress.update(task, completed=position())
        if not progress.live.is_started and time.monotonic() - started > _PATIENCE:
            progress.start()

    try:
        yield advance
    finally:
        progress.stop()


class Line:
    """One line on stderr that says how far it is, written over again and again; only on a terminal."""

    def __init__(self) -> None:
        self.is_shown = sys.stderr.isatty()
        self._status: Any = None

    def show(self, text: str) -> None:
        """Say something else."""
        from rich.console import Console  # noqa: PLC0415 - only when there is a terminal
        from rich.status import Status  # noqa: PLC0415 - idem

        if self._status is None:
            self._status = Status(plain(text), console=Console(stderr=True))
            self._status.start()
        self._status.update(plain(text))

    def close(self) -> None:
        """Take it away."""
        if self._status is not None:
            self._status.stop()
            self._status = None
