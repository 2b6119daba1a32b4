"""What a preflight comes to, counted as the rows go by: a few numbers, whatever the number of rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from mobb_client.errors import Finding
from mobb_client.runs.judging import RowReport

_KB: Final = 1000
_HEADINGS: Final = {
    "bijlagen.size": "te groot",
    "bijlagen": "bijlagen niet in orde",
    "bijlage.path": "bijlage niet gevonden of niet te lezen",
    "bijlage": "geen leesbare PDF",
    "pdf.unreadable": "geen leesbare PDF",
    "pdf.limits": "PDF niet te beoordelen",
    "pdf.encrypted": "PDF versleuteld",
    "pdf.claim": "geen PDF/A",
    "pdf.tagged": "PDF niet getagd",
    "pdf.font": "lettertype niet ingesloten",
    "pdf.javascript": "PDF met JavaScript",
    "pdf.form": "PDF met invulvelden",
    "pdf.files": "PDF met bestanden erin",
    "pdf.validator": "afgekeurd door de validator",
    "pdf.validator-failed": "zonder oordeel van de validator",
    "bsn": "BSN ongeldig",
    "oin": "OIN ongeldig",
    "sender": "OIN van geen afzender",
    "kenmerk.reused": "kenmerk dubbel",
    "kenmerk": "kenmerk ongeldig",
    "berichttype.unknown": "berichttype niet actief",
    "berichttype": "berichttype ongeldig",
    "onderwerp": "onderwerp niet in orde",
    "berichttekst": "tekst niet in orde",
    "referentie": "referentie niet in orde",
    "omschrijving": "omschrijving niet in orde",
    "publicatiedatum": "datum niet in orde",
    "einddatum_handelingstermijn": "datum niet in orde",
    "row.date": "datum niet in orde",
    "row": "rij niet te lezen",
}
_OTHERWISE: Final = "anders afgekeurd"


def heading(finding: Finding) -> str:
    """Return the few Dutch words under which a summary counts a letter that is refused for this."""
    words = _HEADINGS.get(finding.code) or _HEADINGS.get(finding.code.partition(".")[0], _OTHERWISE)
    return f"{words} ({int(finding.limit) // _KB} kB)" if finding.code == "bijlagen.size" and finding.limit else words


@dataclass(slots=True)
class Tally:
    """Counts of what was found. ``rows == good + repeated + sum(refused.values())``, at any moment.

    Args:
        rows: all of them.
        good: letters that nothing stops.
        repeated: rows that are an earlier letter once more.
        refused: heading -> letters; each counts once, under the first thing that is wrong with it.
        warned: letters that are good, with something worth a look.
        codes: code -> how often it was found.
        pdfs: PDFs that were looked at from within.
        claims: what they claim to be, such as ``2A`` -> how many.
        octets: what the good letters take in batches.
    """

    rows: int = 0
    good: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    warned: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    pdfs: int = 0
    claims: Counter[str] = field(default_factory=Counter)
    octets: int = 0

    def add(self, row: RowReport) -> None:
        """Count one row."""
        self.rows += 1
        self.codes.update(finding.code for finding in row.findings)
        self.pdfs += len(row.pdfs)
        self.claims.update(facts.claim for _, facts in row.pdfs if facts.claim)
        if not row.good:
            self.refused[heading(next(one for one in row.findings if one.severity == "error"))] += 1
        elif row.repeated:
            self.repeated += 1
        else:
            self.good += 1
            self.warned += bool(row.findings)
            self.octets += row.size

    def as_json(self) -> dict[str, Any]:
        """Return the counts for machines."""
        return {
            "rows": self.rows,
            "good": self.good,
            "repeated": self.repeated,
            "refused": dict(self.refused.most_common()),
            "warned": self.warned,
            "codes": dict(sorted(self.codes.items())),
            "pdfs": self.pdfs,
            "claims_not_verified": dict(sorted(self.claims.items())),
            "octets": self.octets,
        }

    @property
    def all_good(self) -> bool:
        """Whether no letter is refused."""
        return not self.refused

    def samenvatting(self, *, looked: bool = True) -> str:
        """Return what it comes to, for people, in Dutch; never that a PDF *is* PDF/A.

        Args:
            looked: whether PDFs were looked at from within.
        """
        return "\n".join(filter(None, (self._letters(), self._warnings(), self._pdfs() if looked else NOT_LOOKED)))

    def _letters(self) -> str:
        counts = [f"{dutch(self.good)} goed"]
        counts += [f"{dutch(self.repeated)} herhaald"] if self.repeated else []
        counts += [f"{dutch(count)} {words}" for words, count in self.refused.most_common()]
        return f"{_number(self.rows, 'brief', 'brieven')}: {', '.join(counts)}"

    def _warnings(self) -> str:
        return f"Waarschuwingen bij {_number(self.warned, 'goede brief', 'goede brieven')}" if self.warned else ""

    def _pdfs(self) -> str:
        if not self.pdfs:
            return ""
        claims = [f"{_number(n, 'zegt', 'zeggen')} PDF/A-{claim} te zijn" for claim, n in self.claims.most_common()]
        silent = self.pdfs - self.claims.total()
        claims += [f"{_number(silent, 'zegt', 'zeggen')} geen PDF/A te zijn"] if silent else []
        return f"""{_number(self.pdfs, "PDF", "PDF's")} bekeken, niets geverifieerd: {", ".join(claims)}"""


NOT_LOOKED: Final = "PDF's zijn niet van binnen bekeken: dat vraagt pikepdf (pip install 'mobb-client[pdf]')"
"""What a summary says where PDFs were not looked at."""


def dutch(number: int) -> str:
    """Return a number as it is written in Dutch: ``80.000``."""
    return f"{number:,}".replace(",", ".")


def _number(count: int, one: str, more: str) -> str:
    return f"{dutch(count)} {one if count == 1 else more}"
