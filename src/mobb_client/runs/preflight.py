"""Every finding of every letter at once, before anything is sent: no certificate, no network, nothing stored.

Rows are judged in processes of their own, which a hostile PDF may take down, and come out in the order of the file.
What takes all rows together, a kenmerk or a letter that comes twice, is found here, with keyed digests in a temporary
database of SQLite, so that memory does not grow with the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.berichtenbox.rows import split_rows
from mobb_client.errors import Finding
from mobb_client.runs.judges import SECONDS, Judges
from mobb_client.runs.judging import Criteria, Judged, RowReport
from mobb_client.runs.summary import NOT_LOOKED, Tally
from mobb_client.runs.validator import Validator

__all__ = ["NOT_LOOKED", "Preflight", "RowReport", "preflight"]


def preflight(  # noqa: PLR0913 - each with a default, and by name
    letters: str | os.PathLike[str],
    *,
    at: datetime,
    regels: Regels = STANDAARD,
    owners: Iterable[Iterable[OIN]] = (),
    berichttypen: Iterable[str] = (),
    validator: Validator | None = None,
    processes: int | None = None,
    seconds: float = SECONDS,
) -> Preflight:
    """Return a preflight of a LETTERS file: iterate over it for the rows, and then ask for `samenvatting()`.

    Args:
        letters: CSV or JSON Lines; the paths of attachments are relative to it.
        at: when the letters will be sent (aware): their dates are judged against it.
        regels: the limits.
        owners: the OINs of each sender; a letter of any other is refused. Left out, any OIN will do.
        berichttypen: the codes that are active in the Leveranciersportaal. Left out, any will do.
        validator: judges each PDF from outside; called in several threads at a time.
        processes: how many judge rows at the same time; as many as there are processors when left out.
        seconds: how long a look at one PDF may take.

    Raises:
        ValueError: `at` knows no zone.

    Iterating raises BerichtError when the header row is wrong, and OSError when the file cannot be read.
    """
    if at.utcoffset() is None:
        raise ValueError("at: an aware datetime")
    judges = Judges(validator=validator, berichttypen=frozenset(berichttypen), processes=processes, seconds=seconds)
    return Preflight(Path(letters), judges.criteria(at, regels, owners), judges)


class Preflight:
    """The rows of one file, judged as they are asked for, in the order of the file; to be iterated over once.

    Args:
        letters: the file.
        criteria: what rows are judged by.
        judges: who judge them.

    Attributes:
        tally: the counts so far.
        position: how far the file was read, in octets, for the rows so far.
        size: octets of the file.
    """

    def __init__(self, letters: Path, criteria: Criteria, judges: Judges) -> None:
        self._letters = letters
        self._criteria = criteria
        self._judges = judges
        self.tally = Tally()
        self.position = 0
        self.size = letters.stat().st_size

    def __iter__(self) -> Iterator[RowReport]:
        """Give each row with all that was found in it."""
        with self._letters.open("rb") as source, closing(_Seen()) as seen:
            rows = split_rows(source, name=self._letters.name)
            for chunk in self._judges.judge(rows, self._letters.parent, self._criteria):
                self.position = _position(source, self.size)
                for judged in chunk:
                    report = seen.compared(judged)
                    self.tally.add(report)
                    yield report

    @property
    def looked(self) -> bool:
        """Whether PDFs are looked at from within."""
        return self._criteria.pdfs

    def samenvatting(self) -> str:
        """Return what the rows so far come to, for people, in Dutch."""
        return self.tally.samenvatting(looked=self.looked)


def _position(source: BinaryIO, size: int) -> int:
    return min(source.tell(), size)


class _Seen:
    """The letters so far, as digests in a database that is nobody else's and goes when it is closed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a temporary file
        self._db.executescript("""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
            CREATE TABLE letters (key TEXT PRIMARY KEY, content TEXT, row INTEGER) WITHOUT ROWID;
            CREATE TABLE contents (content TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID;
            BEGIN;
        """)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def compared(self, judged: Judged) -> RowReport:
        """Return a row's report, with what it has in common with an earlier row.

        Only a row that is good by itself is remembered: a letter that is refused gives its kenmerk free.
        """
        finding = self._finding(judged) if judged.key else None
        report = judged.report
        return replace(report, findings=(*report.findings, finding)) if finding else report

    def _finding(self, judged: Judged) -> Finding | None:
        number = judged.report.number
        known = self._db.execute("SELECT content, row FROM letters WHERE key = ?", (judged.key,)).fetchone()
        if known is None and not judged.report.good:
            return None
        if known is None:
            self._db.execute("INSERT INTO letters VALUES (?, ?, ?)", (judged.key, judged.content, number))
            return self._twin(judged.content, number)
        content, row = known
        if content == judged.content:
            return Finding("row.repeated", field="row", measure=f"the same as row {row}", severity="warning")
        return Finding("kenmerk.reused", field="kenmerk", measure=f"another letter in row {row}")

    def _twin(self, content: str, number: int) -> Finding | None:
        known = self._db.execute("SELECT row FROM contents WHERE content = ?", (content,)).fetchone()
        if known is None:
            self._db.execute("INSERT INTO contents VALUES (?, ?)", (content, number))
            return None
        return Finding("row.same-content", field="row", measure=f"the same as row {known[0]}", severity="warning")
