"""Reports of a preflight in files: CSV, JSON, HTML and XLSX, written while the rows go by, in Dutch for who reads them.

A report holds `kenmerk` and rule, and what was given measured: no BSN, no content, no name of a file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from mobb_client.errors import Finding
from mobb_client.runs.judging import RowReport
from mobb_client.runs.preflight import Preflight
from mobb_client.runs.report_dutch import dutch_measure
from mobb_client.runs.report_html import HtmlReport
from mobb_client.runs.report_rows import COLUMNS, cells_of
from mobb_client.runs.report_xlsx import XlsxReport

SCHEMA: Final = "mobb.preflight/1"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Report(Protocol):
    """A report that is being written."""

    def add(self, row: RowReport) -> None:
        """Write what was found in one row; a row without findings leaves no trace but in the counts."""

    def finish(self, preflight: Preflight) -> None:
        """Write what it all comes to, and what a file of this kind ends with."""


class CsvReport:
    """One line a finding, for a spreadsheet: UTF-8 with BOM, semicolons.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._text = io.TextIOWrapper(sink, "utf-8-sig", "backslashreplace", newline="", write_through=True)
        self._rows = csv.writer(self._text, delimiter=";")
        self._rows.writerow(COLUMNS)

    def add(self, row: RowReport) -> None:
        """Write a line for each finding."""
        self._rows.writerows([harmless(cell) for cell in cells] for cells in cells_of(row))

    def finish(self, preflight: Preflight) -> None:  # noqa: ARG002 - a file of rows and nothing else
        """Leave the file to its owner."""
        self._text.detach()


class JsonReport:
    """One JSON document for machines: the rows with findings, and then the counts."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._before = b""
        sink.write(f'{{"schema": "{SCHEMA}",\n"rows": ['.encode())

    def add(self, row: RowReport) -> None:
        """Write the row, if anything was found in it."""
        if row.findings:
            self._sink.write(self._before + b"\n" + _json(row_json(row)))
            self._before = b","

    def finish(self, preflight: Preflight) -> None:
        """Write the counts."""
        tally = preflight.tally
        end = {"ok": tally.all_good, "pdfs_looked_at": preflight.looked, "summary": tally.as_json()}
        self._sink.write(b"\n],\n" + _json(end)[1:] + b"\n")


def row_json(row: RowReport) -> dict[str, Any]:
    """Return a row as JSON shows it."""
    return {
        "row": row.number,
        "line": row.line,
        "kenmerk": row.kenmerk,
        "good": row.good,
        "findings": [_finding_json(finding) for finding in row.findings],
        "pdfs": {column: asdict(facts) for column, facts in row.pdfs},
    }


KINDS: Final[dict[str, Callable[[BinaryIO], Report]]] = {
    ".csv": CsvReport,
    ".json": JsonReport,
    ".html": HtmlReport,
    ".xlsx": XlsxReport,
}
"""Ending of a file's name -> what writes it."""


def reported(preflight: Preflight, files: Iterable[str | os.PathLike[str]]) -> Iterator[RowReport]:
    """Give the rows of a preflight on, and write reports of them that are there when the last row is.

    A file appears under its name only when it is whole, and for its owner only; an older one is replaced.

    Args:
        preflight: not iterated over yet.
        files: by their ending ``.csv``, ``.json``, ``.html`` or ``.xlsx`` (extra `report`).

    Raises:
        ValueError: an ending that is none of these.
        ImportError: ``.xlsx`` without openpyxl.
        OSError: a file cannot be written; then none appears.
    """
    paths = [Path(file) for file in files]
    if wrong := [path.suffix for path in paths if path.suffix.lower() not in KINDS]:
        raise ValueError(f"a report ends in {', '.join(KINDS)}, and not in {wrong[0]!r}")
    with ExitStack() as stack:
        reports = [KINDS[path.suffix.lower()](stack.enter_context(appearing(path))) for path in paths]
        for row in preflight:
            for report in reports:
                report.add(row)
            yield row
        for report in reports:
            report.finish(preflight)


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """Give a file that gets its name when all went well."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".unfinished")
    try:
        with os.fdopen(descriptor, "w+b") as sink:
            yield sink
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise


def harmless(cell: str | int) -> str | int:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _finding_json(finding: Finding) -> dict[str, str]:
    dutch = finding.as_dict("nl") | {"measure": dutch_measure(finding.measure)}
    return finding.as_dict() | {f"{part}_nl": dutch[part] for part in ("rule", "measure", "advice")}


__all__: Sequence[str] = ["COLUMNS", "KINDS", "SCHEMA", "Report", "reported", "row_json"]
