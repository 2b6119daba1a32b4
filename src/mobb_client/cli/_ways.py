"""Each letter's way as it is printed: three clocks and an ending, for `mobb send` and `mobb demo`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.cli import _show
from mobb_client.client import Client
from mobb_client.tally import SendReport

_PAUSE: Final = 0.05  # seconds between two looks at what is due
HEADER: Final = ("kenmerk", "handed over", "acknowledged", "processed", "ending", "")


def work(client: Client, is_done: Callable[[], bool], seconds: float) -> SendReport:
    """Send what is due, again and again, until it is done or the time is up; return what was done in all."""
    report = SendReport()
    until = time.monotonic() + seconds
    for _ in _show.watched(iter(lambda: is_done() or time.monotonic() > until, True), "waiting for the other side"):
        report += client.send_due()
        time.sleep(_PAUSE)
    return report


def print_ways(ways: Iterable[Aflevering]) -> None:
    """Print one line a letter: its kenmerk, when each clock stood, where it ended and why."""
    _show.table([HEADER, *(_row(way) for way in ways)])


def ways_json(ways: Iterable[Aflevering]) -> list[dict[str, object]]:
    """Return one object a letter, moments as in XML."""
    return list(map(_json, ways))


def _row(way: Aflevering) -> tuple[str, ...]:
    ending = str(way.state) if way.is_ended else f"under way ({way.state})"
    reason = way.finding.rule if way.finding is not None and way.is_ended else ""
    return (
        way.kenmerk,
        _clock(way.handed_over),
        _since(way, way.acknowledged),
        _since(way, way.processed),
        ending,
        reason,
    )


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def _since(way: Aflevering, moment: datetime | None) -> str:
    return "-" if moment is None else f"+{(moment - way.handed_over).total_seconds():.2f} s"


def _json(way: Aflevering) -> dict[str, object]:
    return {
        "kenmerk": way.kenmerk,
        "oin": str(way.oin),
        "bericht_id": str(way.bericht_id),
        "state": str(way.state),
        "handed_over": way.handed_over,
        "acknowledged": way.acknowledged,
        "processed": way.processed,
        "verwerkingscode": way.verwerkingscode,
        "reason": way.reason,
        "advice": way.finding.advice if way.finding is not None and way.is_ended else None,
        "message_id": way.message_id,
    }
