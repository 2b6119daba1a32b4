"""Whether time grows with the work and memory does not: 1,000 to 32,000 letters, PDFs of 10 kB to 500 kB."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import correlation, linear_regression
from typing import Any, BinaryIO

from measure import MB, Bench, Figure, figure, in_child, letter, peak, peak_from_here, workbench

LETTERS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
SIZES = (10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 500_000)
DOCUMENTS = 100
"""PDFs that the letters take turns with."""
_BLOCK = 1 << 16


def growth_letters(quick: bool) -> list[Figure]:
    """Letters with a PDF of 10 kB each, enqueued in SQLite, put into messages and sent to nobody: ms a letter."""
    return _grown("growth_letters", LETTERS[:4] if quick else LETTERS, _pass_letters, "letter")


def growth_sizes(quick: bool) -> list[Figure]:
    """200 letters with larger and larger PDFs, likewise: ms a MB of PDFs."""
    return _grown("growth_sizes", SIZES[::3] if quick else SIZES, _pass_sizes, "MB")


def _grown(
    name: str, steps: Sequence[int], work: Callable[[int], tuple[float, float, float]], unit: str
) -> list[Figure]:
    """Return what the work takes per unit, as the slope of the line through all steps, and how memory grows."""
    amounts, times, peaks = zip(*(in_child(work, step) for step in steps), strict=True)
    slope, start = linear_regression(amounts, times)
    r2 = correlation(amounts, times) ** 2
    each = [spent / amount for amount, spent in zip(amounts, times, strict=True)]
    line = f"{start:.0f} ms + {slope:.3f} ms a {unit}, R2 {r2:.4f}"
    fit = f"{line}; {each[0]:.3f} a {unit} in the least, {each[-1]:.3f} in the most"
    memory = f"growth of the peak at {steps[-1]:,}; {', '.join(f'{one:.1f}' for one in peaks)}"
    return [figure(name, slope, "ms", fit), figure(f"{name}_memory", peaks[-1], "MB", memory)]


def _pass_letters(count: int) -> tuple[float, float, float]:
    return (count, *_passed(count, 10_000))


def _pass_sizes(size: int) -> tuple[float, float, float]:
    return (200 * size / MB, *_passed(200, size))


def _passed(count: int, size: int) -> tuple[float, float]:
    """Return the ms that so many letters take, and the growth of the peak meanwhile."""
    from mobb_client import Client, Regels, Sender, SqliteOutbox

    with workbench(DOCUMENTS, size) as bench:
        unsigned = bench.senders[False]
        sender = Sender(oin=unsigned.oin, cpa=unsigned.cpa, identity=bench.identity, regels=Regels())
        outbox = SqliteOutbox(bench.folder / "outbox.sqlite")
        with Client(sender, outbox=outbox, wire=Nobody()) as client:
            _pass(client, bench, -100, 0)  # warm up: imports, schemas, the first pages of the outbox
            before, started = peak_from_here(), time.perf_counter()
            _pass(client, bench, 0, count)
            return 1000 * (time.perf_counter() - started), peak() - before


def _pass(client: Any, bench: Bench, first: int, last: int) -> None:
    """Enqueue letters a thousand at a time, as a run does, and send them."""
    for start in range(first, last, 1000):
        numbers = range(start, min(start + 1000, last))
        client.enqueue(letter(f"growth-{number}", bench.paths[number % DOCUMENTS]) for number in numbers)
    report = client.send_due()
    assert report.accepted


class Nobody:
    """A wire that reads what it is given, and says that it has it."""

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Any:  # noqa: ARG002 - a wire's
        """Read it."""
        from mobb_client.transport.wire import Response

        while body.read(_BLOCK):
            pass
        return Response(202, {}, b"")
