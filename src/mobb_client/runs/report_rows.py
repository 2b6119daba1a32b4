"""A finding as a row of a table for people, in Dutch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mobb_client.errors import Finding
from mobb_client.runs.judging import RowReport
from mobb_client.runs.report_dutch import dutch_measure

COLUMNS: Final = ("rij", "regel", "kenmerk", "ernst", "veld", "code", "voorschrift", "gemeten", "advies", "bron")

Cells = tuple[int, int, str, str, str, str, str, str, str, str]

_SEVERITY: Final = {"error": "fout", "warning": "waarschuwing"}


def cells_of(row: RowReport) -> Iterator[Cells]:
    """Give the cells of `COLUMNS` for each finding in a row."""
    for finding in row.findings:
        yield (row.number, row.line, row.kenmerk, severity(finding), *_told(finding))


def severity(finding: Finding) -> str:
    """Return how bad it is, in Dutch."""
    return _SEVERITY[finding.severity]


def _told(finding: Finding) -> tuple[str, str, str, str, str, str]:
    rule, advice = finding.rule_in("nl"), finding.advice_in("nl")
    return finding.field, finding.code, rule, dutch_measure(finding.measure), advice, finding.source
