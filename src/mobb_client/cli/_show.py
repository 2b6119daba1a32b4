"""How things are printed: readable on a terminal and in a pipe, JSON for machines, progress on stderr only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

_Item = TypeVar("_Item")
_PATIENCE: Final = 2.0  # seconds of work before a bar appears

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, for machines.")


def document(name: str, **parts: Any) -> None:
    """Print one JSON document that names its schema."""
    click.echo(json.dumps({"schema": f"mobb.{name}/1", **parts}, ensure_ascii=False, indent=2, default=str))


def table(rows: Iterable[Sequence[object]], *, indent: int = 2) -> None:
    """Print rows with their columns aligned; the last column is as long as it likes."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in cells), strict=True)] if cells else []
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo(" " * indent + "  ".join([*padded, row[-1]]).rstrip())


def heading(text: str) -> None:
    """Print a heading: bold on a terminal."""
    click.secho(text, bold=True)


def verdict(text: str, *, good: bool) -> None:
    """Print the last line: green or red on a terminal, the same words in a pipe."""
    click.secho(text, fg="green" if good else "red", bold=True)


def size(octets: int) -> str:
    """Return a number of octets for people: ``500.0 kB``."""
    for limit, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if octets >= limit:
            return f"{octets / limit:.1f} {unit}"
    return f"{octets} bytes"


def watched(items: Iterable[_Item], what: str, *, total: int | None = None) -> Iterator[_Item]:
    """Give the items on, with a bar on stderr when that takes longer than two seconds and stderr is a terminal."""
    with _bar(what, total) as advance:
        for item in items:
            yield item
            advance()


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - only when there is a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(what, total=total)
    started = time.monotonic()

    def advance() -> None:
        progress.advance(task)
        if not progress.live.is_started and time.monotonic() - started > _PATIENCE:
            progress.start()

    try:
        yield advance
    finally:
        progress.stop()
