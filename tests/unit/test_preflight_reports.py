"""Reports of a preflight: complete, in Dutch, and harmless in whatever opens them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest
from tests.letters import MADE

from mobb_client.berichtenbox.pdf import PdfFacts
from mobb_client.errors import Finding
from mobb_client.runs import report_html, report_xlsx
from mobb_client.runs.judges import Judges
from mobb_client.runs.judging import Criteria, RowReport
from mobb_client.runs.preflight import NOT_LOOKED, Preflight
from mobb_client.runs.report import KINDS, reported
from mobb_client.runs.report_rows import COLUMNS
from mobb_client.runs.summary import Tally, heading

FORMULA: Final = '=HYPERLINK("https://kwaad.example")'
FACTS: Final = PdfFacts(version="1.7", pages=1, claim="2A", tagged=True, language="nl-NL", title=True, encrypted=False)
ROWS: Final = (
    RowReport(number=2, line=2, kenmerk="goed", pdfs=(("bijlage_1", FACTS),), size=700),
    RowReport(
        number=3,
        line=5,
        kenmerk=FORMULA,
        findings=(
            Finding("onderwerp.length", field="onderwerp", measure="63 characters", limit=50),
            Finding("omschrijving.long", field="omschrijving_1", measure="52 characters", limit=40, severity="warning"),
        ),
    ),
    RowReport(
        number=4,
        line=6,
        kenmerk="<script>alert(1)</script>",
        findings=(Finding("bijlagen.size", field="bijlage_1", measure="612000 bytes", limit=500_000),),
    ),
    RowReport(
        number=5,
        line=7,
        kenmerk="goed",
        findings=(Finding("row.repeated", field="row", measure="the same as row 2", severity="warning"),),
    ),
)


class Made(Preflight):
    """A preflight of rows that were judged before."""

    def __init__(self, folder: Path, rows: tuple[RowReport, ...] = ROWS, *, looked: bool = True) -> None:
        (folder / "l.csv").write_text("")
        criteria = Criteria(at=MADE, pdfs=looked)
        super().__init__(folder / "l.csv", criteria, Judges())
        self._made = rows

    def __iter__(self) -> Iterator[RowReport]:
        """Give the rows."""
        for row in self._made:
            self.tally.add(row)
            yield row


def written(folder: Path, name: str, rows: tuple[RowReport, ...] = ROWS) -> Path:
    """Write a report, and return its file."""
    file = folder / name
    assert list(reported(Made(folder, rows), [file])) == list(rows)
    return file


def test_summary(tmp_path: Path) -> None:
    """The document system: one line that adds up, and never a word that a PDF *is* PDF/A."""
    run = Made(tmp_path)
    list(run)
    assert run.samenvatting().splitlines() == [
        "4 brieven: 1 goed, 1 herhaald, 1 onderwerp niet in orde, 1 te groot (500 kB)",
        "1 PDF bekeken, niets geverifieerd: 1 zegt PDF/A-2A te zijn",
    ]
    without = Made(tmp_path, looked=False)
    list(without)
    assert without.samenvatting().splitlines()[-1] == NOT_LOOKED


def test_summary_of_many() -> None:
    """Numbers are written as in Dutch, and the largest group comes first."""
    tally = Tally()
    wrong = Finding("bsn.elfproef", field="bsn", measure="9 characters")
    late = Finding("omschrijving.long", field="omschrijving_1", measure="x", limit=40, severity="warning")
    for number in range(2000):
        findings = (wrong,) if number < 4 else (late,) if number < 6 else ()
        mute = PdfFacts(**{**{name: getattr(FACTS, name) for name in FACTS.__slots__}, "claim": None})
        tally.add(RowReport(number=number, line=number, kenmerk="", findings=findings, pdfs=(("bijlage_1", mute),)))
    assert tally.samenvatting().splitlines() == [
        "2.000 brieven: 1.996 goed, 4 BSN ongeldig",
        "Waarschuwingen bij 2 goede brieven",
        "2.000 PDF's bekeken, niets geverifieerd: 2.000 zeggen geen PDF/A te zijn",
    ]
    assert not tally.all_good


@pytest.mark.parametrize(
    ("code", "words"),
    [("kenmerk.reused", "kenmerk dubbel"), ("kenmerk.nfc", "kenmerk ongeldig"), ("bericht.schema", "anders afgekeurd")],
)
def test_heading(code: str, words: str) -> None:
    """A letter is counted under the words of its code, else of the code's room."""
    assert heading(Finding(code, field="x", measure="x")) == words


def test_csv(tmp_path: Path) -> None:
    """One line a finding, with row, field, code, sentence and advice; no cell begins a formula."""
    data = written(tmp_path, "r.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";")
    assert tuple(head) == COLUMNS
    assert [(row[0], row[3], row[5]) for row in rows] == [
        ("3", "fout", "onderwerp.length"),
        ("3", "waarschuwing", "omschrijving.long"),
        ("4", "fout", "bijlagen.size"),
        ("5", "waarschuwing", "row.repeated"),
    ]
    assert rows[0][2] == f"'{FORMULA}"
    assert rows[0][6] == "1 tot en met 50 tekens"
    assert rows[0][8].startswith("maak het onderwerp korter")


def test_json(tmp_path: Path) -> None:
    """One document, in both languages, with the counts behind the rows."""
    found = json.loads(written(tmp_path, "r.json").read_text("utf-8"))
    assert list(found) == ["schema", "rows", "ok", "pdfs_looked_at", "summary"]
    assert [row["row"] for row in found["rows"]] == [3, 4, 5]
    assert found["rows"][0]["findings"][0]["rule"] == "1 to 50 characters"
    assert found["rows"][0]["findings"][0]["rule_nl"] == "1 tot en met 50 tekens"
    assert found["ok"] is False
    summary = found["summary"]
    assert summary["rows"] == 4 == summary["good"] + summary["repeated"] + sum(summary["refused"].values())
    assert summary["claims_not_verified"] == {"2A": 1}
    assert summary["octets"] == 700


def test_json_without_findings(tmp_path: Path) -> None:
    """Nothing found is a document too."""
    found = json.loads(written(tmp_path, "r.json", ROWS[:1]).read_text("utf-8"))
    assert (found["rows"], found["ok"]) == ([], True)


class Tags(HTMLParser):
    """Reads which tags a page has, and what its cells say."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        """Note a tag."""
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text.append(data)


def test_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that needs nothing else, in which a kenmerk is a text, whatever stands in it."""
    page = written(tmp_path, "r.html").read_text("utf-8")
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.tags
    assert {"<script>alert(1)</script>", FORMULA, "onderwerp.length"} <= set(tags.text)
    assert not re.search(r"(src|href)=", page.replace("&quot;", ""))
    assert tags.text.count("bijlagen.size") == 2  # in the table of codes, and at its row
    monkeypatch.setattr(report_html, "MOST_SHOWN", 1)
    page = written(tmp_path, "r.html").read_text("utf-8")
    assert "En nog 3 bevindingen" in page
    assert "<h2>" not in written(tmp_path, "r.html", ROWS[:1]).read_text("utf-8")


def test_xlsx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook in which every text is a text, also one that a spreadsheet would calculate."""
    book = openpyxl.load_workbook(written(tmp_path, "r.xlsx"))
    sheet = book["Bevindingen"]
    assert tuple(cell.value for cell in sheet[1]) == COLUMNS
    assert (sheet["A2"].value, sheet["C2"].value, sheet["C2"].data_type) == (3, FORMULA, "s")
    assert sheet.max_row == 5
    assert book["Samenvatting"]["A1"].value.startswith("4 brieven: ")
    book.close()
    monkeypatch.setattr(report_xlsx, "MOST_ROWS", 1)
    book = openpyxl.load_workbook(written(tmp_path, "r.xlsx"))
    assert book["Bevindingen"].max_row == 2
    assert book["Samenvatting"]["A3"].value == "En nog 3 bevindingen: zie het rapport als CSV."
    book.close()


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.html", "r.xlsx"])
def test_half_characters(name: str, tmp_path: Path) -> None:
    """What cannot be written as it is, is written as something."""
    odd = RowReport(number=1, line=1, kenmerk="\ud800\x07", findings=ROWS[1].findings)
    assert written(tmp_path, name, (odd,)).stat().st_size


def test_all_at_once(tmp_path: Path) -> None:
    """Several reports of one preflight, each for its owner only; an old one is replaced."""
    files = [tmp_path / f"r{ending.upper()}" for ending in KINDS]
    files[0].write_text("old")
    list(reported(Made(tmp_path), files))
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * len(files)
    assert files[0].read_text("utf-8-sig").startswith("rij;")


def test_interrupted(tmp_path: Path) -> None:
    """Who stops halfway keeps the old report, and finds no half one."""
    (tmp_path / "r.csv").write_text("old")
    rows = reported(Made(tmp_path), [tmp_path / "r.csv"])
    next(rows)
    rows.close()  # type: ignore[attr-defined] # a generator
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.csv", "r.csv"]
    assert (tmp_path / "r.csv").read_text() == "old"


def test_other_ending(tmp_path: Path) -> None:
    """A kind of report that does not exist is refused before anything is read."""
    with pytest.raises(ValueError, match=r"'\.pdf'"):
        next(reported(Made(tmp_path), ["r.pdf"]))


def test_typed() -> None:
    """Every kind is what a report has to be."""
    made: list[Callable[[Any], Any]] = [*KINDS.values()]
    assert all(hasattr(one, "add") and hasattr(one, "finish") for one in made)
