"""The page of a run as HTML that needs nothing else, with a plot of the night, drawn without a display."""

from __future__ import annotations

import io
from base64 import b64encode
from collections import Counter
from datetime import datetime, timedelta
from html import escape
from itertools import accumulate
from typing import Final

from mobb_client.runs.outcomes import MINUTES, Night, Summary, summary_text
from mobb_client.runs.window import ZONE

NO_PLOT: Final = "De nacht is niet getekend: dat vraagt matplotlib (pip install 'mobb-client[report]')."
_MOST_STEPS: Final = 7 * 24 * 60 // MINUTES
_COLOURS: Final = {"bezorgd": "#1b7837", "papier": "#b35806", "mens": "#762a83"}
_PAGE: Final = """<!DOCTYPE html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em; max-width: 60em; color: #222; background: #fff; }}
pre {{ white-space: pre-wrap; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
<h1>{title}</h1>
<pre>{text}</pre>
{plot}
</body>
</html>
"""


def summary_html(summary: Summary, cents: int | None = None) -> str:
    """Return the page as HTML, with the plot when matplotlib is there."""
    return page(f"Run {summary.run.name}", summary_text(summary, cents), summary.night)


def page(title: str, text: str, night: Night) -> str:
    """Return a text as a page of HTML with the plot of a night below it."""
    png = draw(night)
    if png is None:
        plot = f"<p>{escape(NO_PLOT)}</p>"
    else:
        plot = f'<img alt="Verloop van de nacht" src="data:image/png;base64,{b64encode(png).decode()}">'
    return _PAGE.format(title=escape(title), text=escape(text), plot=plot)


def draw(night: Night) -> bytes | None:
    """Return the plot of a night as PNG: rate, outages, and endings over time; None without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415 - idem
    except ImportError:
        return None
    steps = _steps(night)
    figure = Figure(figsize=(10, 6), layout="constrained")
    FigureCanvasAgg(figure)  # no display is looked for
    rate, endings = figure.subplots(2, 1, sharex=True)
    moments = [step.astimezone(ZONE).replace(tzinfo=None) for step in steps]
    rate.step(moments, [night.sent[step] / MINUTES for step in steps], where="post", color="#2166ac")
    rate.set_ylabel("bevestigd per minuut")
    for step in sorted(night.failed):
        at = step.astimezone(ZONE).replace(tzinfo=None)
        rate.axvspan(at, at + timedelta(minutes=MINUTES), color="#d6604d", alpha=0.4, linewidth=0)
    for name, counts in sorted(night.ended.items()):
        endings.step(moments, _summed(counts, steps), where="post", label=name, color=_COLOURS[name])
    endings.set_ylabel("geëindigd")
    endings.set_xlabel("Nederlandse tijd; rood: verzending mislukt")
    if night.ended:
        endings.legend(loc="upper left")
    figure.autofmt_xdate()
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def _steps(night: Night) -> list[datetime]:
    """Return every step from the first to the last in which something happened, of a week at most."""
    seen = {*night.sent, *night.failed, *(step for counts in night.ended.values() for step in counts)}
    if not seen:
        return []
    first, last = min(seen), max(seen)
    count = min(int((last - first) / timedelta(minutes=MINUTES)) + 2, _MOST_STEPS)
    return [first + number * timedelta(minutes=MINUTES) for number in range(count)]


def _summed(counts: Counter[datetime], steps: list[datetime]) -> list[int]:
    return list(accumulate(counts[step] for step in steps))
