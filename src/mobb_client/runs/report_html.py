"""A report as one page of HTML that needs nothing else: what it comes to, each code once, and the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, BinaryIO, Final

from mobb_client.errors import Finding
from mobb_client.runs.judging import RowReport
from mobb_client.runs.report_rows import COLUMNS, Cells, cells_of, severity
from mobb_client.runs.summary import dutch

if TYPE_CHECKING:
    from mobb_client.runs.preflight import Preflight

MOST_SHOWN: Final = 5000
"""Findings on the page; a browser has to carry them, and the other kinds of report have all."""

_HEAD: Final = """<!DOCTYPE html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Controle vooraf</title>
<style>
body { font-family: sans-serif; margin: 2em; max-width: 90em; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border-bottom: 1px solid #bbb; padding: .3em .7em; text-align: left; vertical-align: top; }
</style>
</head>
<body>
<h1>Controle vooraf</h1>
"""
_CODES: Final = ("aantal", "ernst", "code", "voorschrift", "advies", "bron")


class HtmlReport:
    """Keeps the first findings, and writes the page when everything was seen."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], Finding] = {}
        self._shown: list[Cells] = []

    def add(self, row: RowReport) -> None:
        """Count the findings, and keep them as long as there is room."""
        for finding in row.findings:
            kind = (finding.severity, finding.code)
            self._counts[kind] += 1
            self._first.setdefault(kind, finding)
        if len(self._shown) < MOST_SHOWN:
            self._shown += list(cells_of(row))[: MOST_SHOWN - len(self._shown)]

    def finish(self, preflight: Preflight) -> None:
        """Write the page."""
        self._write(_HEAD)
        for line in preflight.samenvatting().splitlines():
            self._write(f"<p>{escape(line)}</p>\n")
        if self._counts:
            self._write("<h2>Wat er gevonden is</h2>\n")
            self._table(_CODES, (self._code(*kind) for kind in sorted(self._counts)))
            self._write("<h2>Waar</h2>\n")
            self._table(COLUMNS, self._shown)
        if (more := self._counts.total() - len(self._shown)) > 0:
            self._write(f"<p>En nog {dutch(more)} bevindingen: het rapport als CSV, JSON of XLSX heeft ze alle.</p>\n")
        self._write("</body>\n</html>\n")

    def _code(self, kind: str, code: str) -> Iterable[str | int]:
        finding = self._first[kind, code]
        told = (finding.rule_in("nl"), finding.advice_in("nl"), finding.source)
        return (dutch(self._counts[kind, code]), severity(finding), code, *told)

    def _table(self, head: Iterable[str], rows: Iterable[Iterable[str | int]]) -> None:
        self._write("<table>\n<tr>" + "".join(f'<th scope="col">{escape(name)}</th>' for name in head) + "</tr>\n")
        for row in rows:
            self._write("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n")
        self._write("</table>\n")

    def _write(self, text: str) -> None:
        self._sink.write(text.encode("utf-8", "backslashreplace"))
