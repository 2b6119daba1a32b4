"""One row judged by itself: its letter, the document it becomes, its dates, and its PDFs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from mobb_client.berichtenbox import pdf
from mobb_client.berichtenbox.bericht import Batch, Bericht
from mobb_client.berichtenbox.globe import size_of, write_berichten
from mobb_client.berichtenbox.identiteit import OIN, looks_like_bsn, measure
from mobb_client.berichtenbox.pdf import PdfFacts, PdfReport
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.berichtenbox.rows import RawRow, Row, RowReader
from mobb_client.errors import BerichtError, FieldError, Finding
from mobb_client.outbox.content import content_json, read_content

_BATCH_ID: Final = UUID("5a1c3b52-7d3e-4f08-8c55-4c8a36c8b3d1")  # of a document that goes nowhere
_NOBODY: Final = OIN("00000099000000000000")  # sends the letters of a file without OINs, when no settings say who does
_UNSEEN: Final = frozenset({"bijlage.path", "bijlage.empty", "bijlage.pdf"})
_MOST_KEPT: Final = 256
_DIGEST: Final = 16

Guard = Callable[[str], AbstractContextManager[None]]
"""Stands around a look at the PDF of one column."""


def has_pikepdf() -> bool:
    """Return whether PDFs can be looked at from within."""
    return find_spec("pikepdf") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What letters are judged by.

    Args:
        at: when they will be sent (aware): dates are judged against it.
        regels: the limits.
        owners: the OINs of each sender; empty when any OIN will do.
        berichttypen: the codes that are active in the Leveranciersportaal; empty when any will do.
        pdfs: whether PDFs are looked at from within: by default when pikepdf is there, and `regels` wants it.
        keeps: whether the letter itself is given back as well, to be stored.
    """

    at: datetime
    regels: Regels = STANDAARD
    owners: tuple[tuple[OIN, ...], ...] = ()
    berichttypen: frozenset[str] = frozenset()
    pdfs: bool = field(default_factory=has_pikepdf)
    keeps: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as another process is told it."""
        return {
            "at": self.at.isoformat(),
            "regels": asdict(self.regels),
            "owners": [[str(oin) for oin in oins] for oins in self.owners],
            "berichttypen": sorted(self.berichttypen),
            "pdfs": self.pdfs,
            "keeps": self.keeps,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Criteria:
        """Return what `as_json` told."""
        return cls(
            at=datetime.fromisoformat(given["at"]),
            regels=Regels(**given["regels"]),
            owners=tuple(tuple(map(OIN, oins)) for oins in given["owners"]),
            berichttypen=frozenset(given["berichttypen"]),
            pdfs=given["pdfs"],
            keeps=given["keeps"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReport:
    """All that was found in one row.

    Args:
        number: as a spreadsheet shows it: the header is row 1.
        line: as an editor shows it.
        kenmerk: of the letter; empty when it is missing or at fault itself.
        findings: errors and warnings.
        pdfs: (column, what it says of itself) of each PDF that could be read.
        size: octets that the letter takes in a batch; 0 when it is no letter.
    """

    number: int
    line: int
    kenmerk: str
    findings: tuple[Finding, ...] = ()
    pdfs: tuple[tuple[str, PdfFacts], ...] = ()
    size: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What stops the letter."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def good(self) -> bool:
        """Whether nothing stops the letter, here and in a run; there may be warnings."""
        return not self.errors

    @property
    def repeated(self) -> bool:
        """Whether an earlier row is the same letter, so that this one is none more."""
        return any(finding.code == "row.repeated" for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row's report, and what it is compared with other rows by.

    Args:
        report: all that was found in the row by itself.
        key: a keyed digest of OIN and kenmerk; empty when it is no letter that can be sent.
        content: a keyed digest of all the rest of the letter.
        paths: (column, path) of the PDFs that were there.
        oin: as given, whatever it is.
        letter: the letter as `content_json` writes it, when that was asked for and it is one.
    """

    report: RowReport
    key: str = ""
    content: str = ""
    paths: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    oin: str | None = field(default=None, repr=False)
    letter: str = field(default="", repr=False)

    @property
    def bericht(self) -> Bericht | None:
        """The letter as it was judged, when that was asked for and it is one."""
        return read_content(self.letter, _by_path) if self.letter else None

    def as_json(self) -> dict[str, Any]:
        """Return it as another process is told it. By hand: `asdict` copies all of it, 0.07 ms a row."""
        report = _parts(self.report) | {
            "findings": [_parts(finding) for finding in self.report.findings],
            "pdfs": [(column, _parts(facts)) for column, facts in self.report.pdfs],
        }
        return _parts(self) | {"report": report}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Judged:
        """Return what `as_json` told."""
        report = given["report"] | {
            "findings": tuple(Finding(**one) for one in given["report"]["findings"]),
            "pdfs": tuple((column, PdfFacts(**facts)) for column, facts in given["report"]["pdfs"]),
        }
        paths = tuple((column, path) for column, path in given["paths"])
        return cls(**{**given, "report": RowReport(**report), "paths": paths})


class Judge:
    """Judges rows, each by itself.

    Args:
        folder: the paths of attachments are relative to it.
        criteria: what they are judged by.
        secret: what the digests are keyed with, since a digest of a letter with a BSN could be guessed.
        guard: stands around each look at a PDF.
    """

    def __init__(self, folder: Path, criteria: Criteria, secret: bytes, guard: Guard | None = None) -> None:
        self._criteria = criteria
        self._reader = RowReader(folder, criteria.regels)
        self._secret = secret
        self._guard = guard or (lambda _: nullcontext())
        self._seen: dict[tuple[str, int, int], PdfReport] = {}

    def judge(self, raw: RawRow, blocked: Mapping[str, str] | None = None) -> Judged:
        """Return what is found in one row; whatever stands in it, nothing is raised.

        Args:
            raw: the row.
            blocked: column -> why its PDF is not to be looked at again.
        """
        try:
            return self._judged(self._reader.row(raw), blocked or {})
        except Exception as error:  # noqa: BLE001 - one row never stops the others, not even by a fault of ours
            return faulty(raw, type(error).__name__)

    def _judged(self, row: Row, blocked: Mapping[str, str]) -> Judged:
        findings = [*(error.finding for error in row.errors), *row.warnings]
        key = content = ""
        if row.bericht is not None:
            findings += row.bericht.warnings
            key, content = self._as_written(row.bericht, findings)
        pdfs = tuple(self._pdfs(row, findings, blocked))
        report = RowReport(
            number=row.number,
            line=row.line,
            kenmerk=row.kenmerk,
            findings=tuple(_without_doubles(findings)),
            pdfs=pdfs,
            size=size_of(row.bericht) if row.bericht else 0,
        )
        keeps = row.bericht is not None and self._criteria.keeps
        return Judged(
            report=report,
            key=key,
            content=content,
            paths=tuple((column, str(path)) for column, path in row.paths if _is_there(column, findings)),
            oin=row.oin,
            letter=content_json(row.bericht, keeps_paths=True) if keeps and row.bericht else "",
        )

    def _as_written(self, bericht: Bericht, findings: list[Finding]) -> tuple[str, str]:
        """Return the digests of a letter that has an owner, after writing the document that it becomes."""
        oin = self._owner(bericht, findings)
        allowed = self._criteria.berichttypen
        if allowed and bericht.berichttype not in allowed:
            given = bericht.berichttype  # a code may be shown, and a column with BSNs in its place may not
            shown = measure(given) if looks_like_bsn(given) else given
            findings.append(Finding("berichttype.unknown", field="berichttype", measure=shown))
        dates = bericht.date_errors(self._criteria.at, self._criteria.regels)
        findings += [error.finding for error in dates]
        if oin is None:
            return "", ""
        try:
            digests = self._documented(_undated(bericht) if dates else bericht, oin)
        except BerichtError as error:
            findings += [one.finding for one in error.errors]
            return "", ""
        except FieldError as error:
            findings.append(error.finding)
            return "", ""
        return self._digest([str(oin), bericht.kenmerk]), self._digest([str(oin), *_content(bericht), digests])

    def _owner(self, bericht: Bericht, findings: list[Finding]) -> OIN | None:
        """Return the OIN that the letter goes out under, or None after saying that there is none."""
        owners = self._criteria.owners
        if not owners or any(bericht.oin in oins for oins in owners):
            return bericht.oin or _NOBODY
        if bericht.oin is None and len(owners) == 1:
            return owners[0][0]
        given = f"OIN {bericht.oin}" if bericht.oin else f"no OIN, and {len(owners)} senders"
        findings.append(Finding("sender.oin-unknown", field="oin", measure=given))
        return None

    def _documented(self, bericht: Bericht, oin: OIN) -> tuple[str, ...]:
        """Write the letter as a batch of its own, into nothing, and return the digests of its attachments.

        Raises:
            BerichtError: the schema refuses it, or an attachment cannot be read.
            FieldError: it is too large for any batch.
        """
        regels, at = self._criteria.regels, self._criteria.at
        batch = Batch(batch_id=_BATCH_ID, oin=oin, aanmaakdatum=at, berichten=(bericht,), regels=regels)
        return next(iter(write_berichten(batch, _nowhere).bijlagen.values()))

    def _digest(self, parts: object) -> str:
        return blake2b(json.dumps(parts).encode(), key=self._secret, digest_size=_DIGEST).hexdigest()

    def _pdfs(self, row: Row, findings: list[Finding], blocked: Mapping[str, str]) -> Iterator[tuple[str, PdfFacts]]:
        """Give what each PDF says of itself, after adding what is wrong with it."""
        if not (self._criteria.pdfs and self._criteria.regels.controleer_pdf):
            return
        for column, path in row.paths:
            if column in blocked:
                findings.append(Finding("pdf.limits", field=column, measure=blocked[column]))
            elif _is_there(column, findings):
                seen = self._look(column, path)
                findings += [replace(finding, field=column) for finding in seen.findings]
                if seen.facts is not None:
                    yield column, seen.facts

    def _look(self, column: str, path: Path) -> PdfReport:
        """Look at a PDF, or remember it: the same one often goes with many letters."""
        status = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, half a million times
        mark = (str(path), status.st_size, status.st_mtime_ns)
        if mark not in self._seen:
            if len(self._seen) >= _MOST_KEPT:
                del self._seen[next(iter(self._seen))]
            with self._guard(column):
                self._seen[mark] = pdf.look(path, regels=self._criteria.regels)
        return self._seen[mark]


def faulty(raw: RawRow, what: str) -> Judged:
    """Return the report of a row that could not be judged, which is a fault of ours."""
    finding = Finding("row.fault", field="row", measure=what)
    return Judged(report=RowReport(number=raw.number, line=raw.line, kenmerk="", findings=(finding,)))


def _parts(value: RowReport | Finding | PdfFacts | Judged) -> dict[str, Any]:
    """Return what a value is made of, by name."""
    return {one.name: getattr(value, one.name) for one in fields(value)}


def _nowhere(block: bytes) -> None:
    """Take a block, and forget it."""


def _by_path(volgorde: int) -> bytes:
    """Fail: a row has paths of attachments, and no octets."""
    raise AssertionError(volgorde)


def _undated(bericht: Bericht) -> Bericht:
    """Return a letter without its dates, so that all the rest of it can be judged."""
    return replace(bericht, publicatiedatum=None, einddatum_handelingstermijn=None)


def _content(bericht: Bericht) -> list[object]:
    """Return all of a letter that the citizen gets, but its attachments' octets."""
    moments = (bericht.publicatiedatum, bericht.einddatum_handelingstermijn)
    return [
        bericht.bsn.digits,
        bericht.berichttype,
        bericht.onderwerp,
        bericht.berichttekst,
        bericht.referentie,
        [None if moment is None else moment.timestamp() for moment in moments],
        [bijlage.omschrijving for bijlage in bericht.bijlagen],
    ]


def _is_there(column: str, findings: list[Finding]) -> bool:
    """Tell whether an attachment is a file that begins as a PDF does."""
    return not any(finding.field == column and finding.code in _UNSEEN for finding in findings)


def _without_doubles(findings: list[Finding]) -> Iterator[Finding]:
    """Leave out what the trailer of a PDF only hinted at, where a look inside says it."""
    certain = {finding.field for finding in findings if finding.code == "pdf.encrypted"}
    for finding in findings:
        if not (finding.code == "bijlage.encrypted" and finding.field in certain):
            yield finding
