"""Each letter's way as it is printed: three clocks and an ending."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.cli import _show
from mobb_client.client import Client
from mobb_client.tally import SendReport

_PAUSE: Final = 0.05  # seconds between two looks at what is due
_PAGE: Final = 1000
_SECOND: Final = timedelta(seconds=1)
_A_MINUTE: Final = timedelta(minutes=1)
HEADER: Final = ("kenmerk", "handed over", "acknowledged", "processed", "ending", "")


def work(client: Client, is_done: Callable[[], bool], seconds: float) -> SendReport:
    """Send what is due, once at least, until it is done or the time is up; return what was done in all."""
    until = time.monotonic() + seconds
    report = client.send_due()
    for _ in _show.watched(iter(lambda: is_done() or time.monotonic() > until, True), "waiting for the other side"):
        time.sleep(_PAUSE)
        report += client.send_due()
    return report


def print_ways(ways: Iterable[Aflevering], *, dated: bool = False) -> None:
    """Print one line a letter: its kenmerk, when each clock stood, where it ended and why; a page at a time.

    Args:
        ways: where the letters stand.
        dated: whether the day is told as well.
    """
    rows = (_row(way, _show.moment if dated else _clock) for way in ways)
    head: tuple[tuple[str, ...], ...] = (HEADER,)
    while page := list(islice(rows, _PAGE)):
        _show.table([*head, *page])
        head = ()


def ways_json(ways: Iterable[Aflevering]) -> list[dict[str, object]]:
    """Return one object a letter, moments as in XML."""
    return list(map(way_json, ways))


def _row(way: Aflevering, clock: Callable[[datetime], str]) -> tuple[str, ...]:
    ending = str(way.state) if way.is_ended else f"under way ({way.state})"
    reason = way.finding.rule if way.finding is not None and way.is_ended else ""
    return (
        way.kenmerk,
        clock(way.handed_over),
        _since(way, way.acknowledged),
        _since(way, way.processed),
        ending,
        reason,
    )


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def _since(way: Aflevering, moment: datetime | None) -> str:
    if moment is None:
        return "-"
    since = moment - way.handed_over
    return f"+{since.total_seconds():.2f} s" if abs(since) < _A_MINUTE else f"+{since // _SECOND * _SECOND}"


def way_json(way: Aflevering) -> dict[str, object]:
    """Return where a letter stands as JSON shows it."""
    return {
        "kenmerk": way.kenmerk,
        "oin": str(way.oin),
        "bericht_id": str(way.bericht_id),
        "state": str(way.state),
        "handed_over": way.handed_over,
        "acknowledged": way.acknowledged,
        "processed": way.processed,
        "ended": way.ended,
        "verwerkingscode": way.verwerkingscode,
        "reason": way.reason,
        "advice": way.finding.advice if way.finding is not None and way.is_ended else None,
        "batch_id": way.batch_id,
        "message_id": way.message_id,
    }
