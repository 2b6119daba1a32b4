"""LETTERS: rows of CSV or JSON Lines become letters, each row by itself.

Columns, required and optional, are a contract (`COLUMNS`, `REQUIRED`). What a person writes is taken here and refused
in the library: a BSN of eight digits, a moment without zone, a path relative to the file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

from mobb_client.berichtenbox.bericht import Bericht, shown_kenmerk
from mobb_client.berichtenbox.bijlage import error_of
from mobb_client.berichtenbox.identiteit import measure
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import BerichtError, FieldError, Finding

REQUIRED: Final = ("kenmerk", "bsn", "berichttype", "onderwerp", "berichttekst")
COLUMNS: Final = (
    "kenmerk",
    "oin",
    "bsn",
    "berichttype",
    "onderwerp",
    "berichttekst",
    "referentie",
    "publicatiedatum",
    "einddatum_handelingstermijn",
    "bijlage_1",
    "omschrijving_1",
    "bijlage_2",
    "omschrijving_2",
)
ZONE: Final = "Europe/Amsterdam"

_BOM: Final = "\ufeff"
_EIGHT_DIGITS: Final = re.compile(r"[0-9]{8}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)", re.ASCII)
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_NUMBERS: Final = (1, 2)
_PATHS: Final = ("bijlage_1", "bijlage_2")
_FIRST_SECOND: Final = timedelta()
_LAST_SECOND: Final = timedelta(hours=23, minutes=59, seconds=59)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row before it is read as a letter: plain values, which another process can be given.

    Args:
        number: as a spreadsheet shows it: the header is row 1, and a row of several lines is one row.
        line: as an editor shows it: where the row begins.
        content: the cells of a row of CSV; the line of JSON Lines; or how many lines of CSV make no row together.
        names: the columns of CSV.
    """

    number: int
    line: int
    content: tuple[str, ...] | str | int = field(repr=False)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a letter, or all that is wrong with it.

    Args:
        number: as in `RawRow`.
        line: as in `RawRow`.
        kenmerk: as given; empty when it is missing or at fault itself.
        oin: as given, whatever it is; None when it is missing.
        bericht: the letter; its own `warnings` are worth a look.
        errors: why it is no letter.
        warnings: what else was seen in a row that is no letter.
        paths: (column, path) of its attachments, also when it is no letter.
    """

    number: int
    line: int
    kenmerk: str
    oin: str | None = None
    bericht: Bericht | None
    errors: tuple[FieldError, ...] = ()
    warnings: tuple[Finding, ...] = ()
    paths: tuple[tuple[str, Path], ...] = field(default=(), repr=False)  # in a wrong column anything may stand


def read_rows(source: BinaryIO, *, folder: Path, name: str = "", regels: Regels = STANDAARD) -> Iterator[Row]:
    """Return the rows of a LETTERS file, one at a time; a bad row never stops the others, and a blank one is no row.

    The file is UTF-8, with or without BOM: JSON Lines when its name ends in ``.jsonl`` or ``.ndjson`` or its first
    character is ``{``; else CSV with a header row, separated by commas or semicolons.

    Args:
        source: the file, opened for reading octets; it is left open.
        folder: the paths of attachments are relative to it.
        name: the file's name, for its ending only.
        regels: the limits the letters are judged by.

    Raises:
        BerichtError: the header row names a column that does not exist, one twice, or not all that are required;
            nothing was read.

    Source: `design.md` section 6.
    """
    return map(RowReader(folder, regels).row, split_rows(source, name=name))


def split_rows(source: BinaryIO, *, name: str = "") -> Iterator[RawRow]:
    """Return the rows of a LETTERS file before they are read as letters: `RowReader` does that, here or elsewhere.

    Args:
        source: the file, as for `read_rows`.
        name: the file's name, for its ending only.

    Raises:
        BerichtError: as `read_rows`.
    """
    lines = _lines(source)
    first = next(lines, "")
    if name.lower().endswith((".jsonl", ".ndjson")) or first.lstrip().startswith("{"):
        return _of_json(chain([first], lines))
    return _of_csv(first, lines)


def _lines(source: BinaryIO) -> Iterator[str]:
    """Return a file's lines with their ends; an octet that is no UTF-8 becomes a lone surrogate, told by its row."""
    for number, octets in enumerate(source):
        text = octets.decode("utf-8", "surrogateescape")
        yield from io.StringIO(text if number else text.removeprefix(_BOM), newline="")


def _of_csv(first: str, lines: Iterator[str]) -> Iterator[RawRow]:
    """Read the header, and return the rows below it."""
    delimiter = max(",;", key=lambda mark: len(set(_cells(first, mark)) & set(COLUMNS)))
    names = _cells(first, delimiter)
    if errors := tuple(map(error_of, _header_findings(names))):
        raise BerichtError("row 1", errors)
    return _csv_rows(tuple(names), lines, delimiter)


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of a header row, blanks around them taken off."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _header_findings(names: list[str]) -> Iterator[Finding]:
    """Find what is wrong with a header; a file without one has a citizen's data there, so nothing is quoted."""
    for place, column in enumerate(names, start=1):
        if column not in COLUMNS:
            yield Finding("row.column", field=f"column {place}", measure=measure(column))
        elif column in names[: place - 1]:
            yield Finding("row.column-twice", field=column, measure=f"column {place} as well")
    for column in REQUIRED:
        if column not in names:
            yield Finding("row.column-missing", field=column, measure=f"{len(names)} other columns")


def _csv_rows(names: tuple[str, ...], lines: Iterator[str], delimiter: str) -> Iterator[RawRow]:
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    for number in count(2):
        line = rows.line_num + 2
        try:
            cells = next(rows, None)
        except csv.Error:
            yield RawRow(number=number, line=line, content=rows.line_num + 2 - line)
            continue
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield RawRow(number=number, line=line, content=tuple(cells), names=names)


def _of_json(lines: Iterator[str]) -> Iterator[RawRow]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield RawRow(number=number, line=number, content=line)


class RowReader:
    """Reads rows as letters.

    Args:
        folder: the paths of attachments are relative to it.
        regels: the limits the letters are judged by.
    """

    def __init__(self, folder: Path, regels: Regels = STANDAARD) -> None:
        self._folder = folder
        self._regels = regels
        self._zone = ZoneInfo(ZONE)

    def row(self, raw: RawRow) -> Row:
        """Return a row with its letter, or with all that is wrong with it."""
        try:
            return self._row(raw, _cells_of(raw))
        except FieldError as error:  # it cannot be read as a row at all
            return Row(number=raw.number, line=raw.line, kenmerk="", bericht=None, errors=(error,))

    def _row(self, raw: RawRow, cells: Mapping[str, object]) -> Row:
        given = {name: cell for name, cell in cells.items() if cell is not None and cell != ""}
        found = [*_unknown(cells), *_row_findings(given)]
        bericht, wrong = self._bericht(given, found)
        errors = (*map(error_of, found), *(wrong.errors if wrong else ()))
        return Row(
            number=raw.number,
            line=raw.line,
            kenmerk=shown_kenmerk(given.get("kenmerk"), errors) or "",
            oin=str(given["oin"]) if "oin" in given else None,
            bericht=None if errors else bericht,
            errors=errors,
            warnings=_warnings(bericht, wrong) if errors else (),
            paths=tuple((name, self._folder / path) for name, path in _paths(given)),
        )

    def _bericht(self, given: Mapping[str, object], found: list[Finding]) -> tuple[Bericht | None, BerichtError | None]:
        """Return the letter, or None and what is wrong with it; what is wrong with the row is added to `found`."""
        try:
            return Bericht(**self._parts(given, found), regels=self._regels), None
        except BerichtError as error:
            return None, error

    def _parts(self, given: Mapping[str, object], found: list[Finding]) -> dict[str, Any]:
        """Return a row's cells as `Bericht` takes them; what it would not take is found here."""
        parts = {name: given[name] for name in ("oin", "referentie") if name in given}
        parts |= {name: given.get(name, "") for name in REQUIRED} | {"bsn": _padded(given.get("bsn", ""))}
        parts["publicatiedatum"] = self._moment(given, "publicatiedatum", _FIRST_SECOND, found)
        parts["einddatum_handelingstermijn"] = self._moment(given, "einddatum_handelingstermijn", _LAST_SECOND, found)
        parts["bijlagen"] = [self._bijlage(given, name, path) for name, path in _paths(given)]
        return parts

    def _bijlage(self, given: Mapping[str, object], name: str, path: str) -> object:
        omschrijving = given.get(name.replace("bijlage", "omschrijving"))
        return self._folder / path if omschrijving is None else (self._folder / path, omschrijving)

    def _moment(self, given: Mapping[str, object], name: str, at: timedelta, found: list[Finding]) -> datetime | None:
        """Return a moment; a day alone is its first or its last second, and without zone it is Dutch time."""
        cell = given.get(name)
        if cell is None:
            return None
        try:
            moment = _read_moment(cell, at)
        except ValueError:
            found.append(Finding("row.date", field=name, measure=measure(cell)))
            return None
        return moment.replace(tzinfo=self._zone) if moment.tzinfo is None else moment


def _cells_of(raw: RawRow) -> Mapping[str, object]:
    """Return what stands under each name.

    Raises:
        FieldError: it is no row; nothing of it is quoted.
    """
    if isinstance(raw.content, int):
        raise FieldError("row.csv", field="row", measure=f"{raw.content} lines")
    if isinstance(raw.content, str):
        return _object(raw.content)
    if len(raw.content) != len(raw.names):
        raise FieldError("row.cells", field="row", measure=f"{len(raw.content)} cells", limit=len(raw.names))
    return dict(zip(raw.names, raw.content, strict=True))


def _paths(given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name in _PATHS:
        if isinstance(path := given.get(name), str):
            yield name, path


def _warnings(bericht: Bericht | None, wrong: BerichtError | None) -> tuple[Finding, ...]:
    return (bericht.warnings if bericht else ()) + (wrong.warnings if wrong else ())


def _read_moment(cell: object, at: timedelta) -> datetime:
    """Return a moment as it is written.

    Raises:
        ValueError: it is written otherwise, or there is no such moment.
    """
    text = cell.strip() if isinstance(cell, str) else ""
    if _DATE.fullmatch(text):
        return datetime.fromisoformat(text) + at
    if match := _MOMENT.fullmatch(text):
        return datetime.fromisoformat(f"{match[1]}T{match[2]}")
    raise ValueError


def _unknown(cells: Mapping[str, object]) -> Iterator[Finding]:
    """Find keys that are no column; like the header's, they are not quoted."""
    for place, name in enumerate(cells, start=1):
        if name not in COLUMNS:
            yield Finding("row.column", field=f"key {place}", measure=measure(name))


def _row_findings(given: Mapping[str, object]) -> Iterator[Finding]:
    """Find what is wrong with a row before it is a letter."""
    texts = [cell for cell in given.values() if isinstance(cell, str)]
    if undecoded := sum(len(_UNDECODED.findall(text)) for text in texts):
        yield Finding("row.utf8", field="row", measure=f"{undecoded} such bytes")
    if nuls := sum(text.count("\0") for text in texts):
        yield Finding("row.nul", field="row", measure=f"{nuls} NULs")
    for number in _NUMBERS:
        yield from _bijlage_findings(given, number)


def _bijlage_findings(given: Mapping[str, object], number: int) -> Iterator[Finding]:
    path = given.get(f"bijlage_{number}")
    if path is None and f"omschrijving_{number}" in given:
        yield Finding("row.omschrijving", field=f"omschrijving_{number}", measure=f"no bijlage_{number}")
    if path is not None and not isinstance(path, str):
        yield Finding("value.type", field=f"bijlage_{number}", measure=measure(path), limit="str")
    if path is not None and number > 1 and f"bijlage_{number - 1}" not in given:
        yield Finding("row.bijlage", field=f"bijlage_{number}", measure=f"no bijlage_{number - 1}")


def _padded(bsn: object) -> object:
    """Return a BSN with the leading zero that a spreadsheet took."""
    return f"0{bsn}" if isinstance(bsn, str) and _EIGHT_DIGITS.fullmatch(bsn) else bsn


def _object(line: str) -> dict[str, object]:
    """Return the object on one line.

    Raises:
        FieldError: ``row.json`` or ``row.column-twice``; nothing of the line is quoted.
    """
    try:
        found = json.loads(line, object_pairs_hook=_pairs)
    except FieldError:
        raise
    except (ValueError, RecursionError):
        raise FieldError("row.json", field="row", measure=measure(line)) from None
    if not isinstance(found, dict):
        raise FieldError("row.json", field="row", measure=measure(found))
    return found


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise FieldError("row.column-twice", field="row", measure=f"{len(pairs)} keys, {len(found)} different")
    return found
