"""A report as a workbook, through openpyxl (extra `report`), which writes it to disk row by row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from mobb_client.runs.judging import RowReport
from mobb_client.runs.report_rows import COLUMNS, cells_of
from mobb_client.runs.summary import dutch

if TYPE_CHECKING:
    from mobb_client.runs.preflight import Preflight

MOST_ROWS: Final = 1_000_000
"""Findings in the workbook; a sheet holds 1,048,576 rows."""

_WIDTHS: Final = (8, 8, 28, 14, 18, 24, 50, 34, 60, 40)
_UNWRITABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class XlsxReport:
    """A sheet with a row for each finding, and one with what it comes to. Every text is a text, never a formula."""

    def __init__(self, sink: BinaryIO) -> None:
        from openpyxl import Workbook  # noqa: PLC0415 - an extra

        self._sink = sink
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("Bevindingen")
        self._sheet.freeze_panes = "A2"
        for number, width in enumerate(_WIDTHS):
            self._sheet.column_dimensions["ABCDEFGHIJ"[number]].width = width
        self._sheet.append([self._cell(name, bold=True) for name in COLUMNS])
        self._rows = 0

    def add(self, row: RowReport) -> None:
        """Add a row to the sheet for each finding."""
        for cells in cells_of(row):
            self._rows += 1
            if self._rows <= MOST_ROWS:
                self._sheet.append([self._cell(cell) for cell in cells])

    def finish(self, preflight: Preflight) -> None:
        """Add the second sheet, and write the workbook."""
        self._sheet.auto_filter.ref = f"A1:J{min(self._rows, MOST_ROWS) + 1}"
        summary = self._book.create_sheet("Samenvatting")
        for line in preflight.samenvatting().splitlines():
            summary.append([self._cell(line)])
        if self._rows > MOST_ROWS:
            summary.append(
                [self._cell(f"En nog {dutch(self._rows - MOST_ROWS)} bevindingen: zie het rapport als CSV.")]
            )
        self._book.save(self._sink)

    def _cell(self, value: str | int, *, bold: bool = False) -> Any:
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - an extra
        from openpyxl.styles import Font  # noqa: PLC0415 - idem

        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(self._sheet, _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", value))
        cell.data_type = "s"  # openpyxl takes what begins with = for a formula
        if bold:
            cell.font = Font(bold=True)
        return cell
