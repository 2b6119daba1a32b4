"""users.md sections 2 and 3: every fault of every row is found at its row, before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pikepdf
import pytest
from tests import pdfs
from tests.letters import BSN, BSNS, MADE, OTHER_SENDER, SENDER, pdf

from mobb_client._catalogue.letters import LETTERS
from mobb_client._catalogue.preflight import PREFLIGHT
from mobb_client.berichtenbox import globe
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.rows import RawRow, RowReader, split_rows
from mobb_client.errors import BerichtError
from mobb_client.runs import judging
from mobb_client.runs.judges import CHUNK, Judges
from mobb_client.runs.judging import Criteria, Judge, Judged, RowReport
from mobb_client.runs.preflight import Preflight, preflight
from mobb_client.runs.report_dutch import dutch_measure

SECRET: Final = b"secret"
OWNERS: Final = ((OIN(SENDER),),)
Change = dict[str, Any]
ENGLISH: Final = re.compile(r"\b(the|of|an?|no|not|same|and|at|row|page|such|before|made|more|characters?|places?)\b")


def good(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a good row, changed here and there."""
    row = {
        "kenmerk": f"zaak-{number}",
        "bsn": BSNS[number % len(BSNS)],
        "berichttype": "BESCHIK",
        "onderwerp": "Besluit op uw aanvraag",
        "berichttekst": f"Uw aanvraag {number} is toegekend.",
        "bijlage_1": "goed.pdf",
        "omschrijving_1": "Besluit.pdf",
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


DOCUMENTS: Final[dict[str, Callable[[], bytes]]] = {
    "goed.pdf": pdfs.real_pdf,
    "ook goed.pdf": lambda: pdfs.real_pdf(force_version="1.6"),
    "a=b&c ë.pdf": pdfs.real_pdf,
    "leeg.pdf": lambda: b"",
    "tekst.pdf": lambda: b"geen PDF",
    "groot.pdf": lambda: pdfs.real_pdf() + b" " * 600_000 + b"%%EOF",
    "half.pdf": lambda: pdfs.real_pdf() + b" " * 260_000 + b"%%EOF",
    "afgekapt.pdf": lambda: pdfs.real_pdf()[:600],
    "voor.pdf": lambda: b"\n" + pdfs.real_pdf(),
    "kapot.pdf": lambda: pdfs.real_pdf().replace(b"startxref\n", b"startxref\n9"),
    "rommel.pdf": pdf,
    "slot.pdf": lambda: pdfs.locked("geheim"),
    "zonder claim.pdf": lambda: pdfs.real_pdf(pdfs.without_claim),
    "niet getagd.pdf": lambda: pdfs.real_pdf(pdfs.untagged),
    "sprakeloos.pdf": lambda: pdfs.real_pdf(pdfs.speechless),
    "lettertype.pdf": lambda: pdfs.real_pdf(pdfs.font_outside),
    "script.pdf": lambda: pdfs.real_pdf(pdfs.script),
    "formulier.pdf": lambda: pdfs.real_pdf(pdfs.form),
    "bestand.pdf": lambda: pdfs.real_pdf(pdfs.file_inside),
    "velen.pdf": lambda: pdfs.real_pdf(many_annotations),
}

PLANTED: Final[list[tuple[str, Change]]] = [
    ("kenmerk.length", {"kenmerk": ""}),
    ("kenmerk.characters", {"kenmerk": "zaak\n1"}),
    ("kenmerk.nfc", {"kenmerk": "e\u0308"}),
    ("kenmerk.bsn", {"kenmerk": f"zaak-{BSN}", "bsn": BSN}),
    ("bsn.format", {"bsn": "12345"}),
    ("bsn.zero", {"bsn": "000000000"}),
    ("bsn.elfproef", {"bsn": "123456789"}),
    ("oin.format", {"oin": "1"}),
    ("oin.urn", {"oin": f"urn:osb:oin:{SENDER}"}),
    ("oin.prefix", {"oin": "1" * 20}),
    ("sender.oin-unknown", {"oin": OTHER_SENDER}),
    ("berichttype.length", {"berichttype": "BESCHIKKING"}),
    ("berichttype.blank", {"berichttype": " "}),
    ("berichttype.characters", {"berichttype": "A\tB"}),
    ("berichttype.unknown", {"berichttype": "ANDERS"}),
    ("onderwerp.length", {"onderwerp": "x" * 63}),
    ("onderwerp.blank", {"onderwerp": " "}),
    ("onderwerp.newline", {"onderwerp": "a\nb"}),
    ("onderwerp.characters", {"onderwerp": "a\x07b"}),
    ("onderwerp.bsn", {"onderwerp": f"Besluit {BSN}", "bsn": BSN}),
    ("berichttekst.length", {"berichttekst": "x\n" * 1000}),
    ("berichttekst.blank", {"berichttekst": "\n "}),
    ("berichttekst.literal-newline", {"berichttekst": r"a\r\nb"}),
    ("berichttekst.characters", {"berichttekst": "a\x07b"}),
    ("referentie.length", {"referentie": "x" * 26}),
    ("referentie.blank", {"referentie": " "}),
    ("referentie.newline", {"referentie": "a\nb"}),
    ("referentie.characters", {"referentie": "a\x07b"}),
    ("referentie.bsn", {"referentie": BSN, "bsn": BSN}),
    ("publicatiedatum.moment", {"publicatiedatum": "0001-01-01T00:00+01:00"}),
    ("publicatiedatum.past", {"publicatiedatum": "2026-11-19"}),
    ("publicatiedatum.ahead", {"publicatiedatum": "2026-12-24"}),
    ("einddatum_handelingstermijn.moment", {"einddatum_handelingstermijn": "0001-01-01T00:00+01:00"}),
    ("einddatum_handelingstermijn.order", {"einddatum_handelingstermijn": "2026-11-19"}),
    ("bijlagen.size", {"bijlage_1": "groot.pdf"}),
    ("bijlagen.size", {"bijlage_1": "half.pdf", "bijlage_2": "half.pdf", "omschrijving_2": "Toelichting"}),
    ("bijlage.empty", {"bijlage_1": "leeg.pdf"}),
    ("bijlage.pdf", {"bijlage_1": "tekst.pdf"}),
    ("bijlage.pdf-start", {"bijlage_1": "voor.pdf"}),
    ("bijlage.pdf-end", {"bijlage_1": "afgekapt.pdf"}),
    ("bijlage.path", {"bijlage_1": "weg.pdf"}),
    ("omschrijving.length", {"omschrijving_1": "x" * 129}),
    ("omschrijving.long", {"omschrijving_1": "Aanslag gemeentelijke belastingen 2027 - toelichting.pdf"}),
    ("omschrijving.characters", {"omschrijving_1": "a\tb"}),
    ("omschrijving.file-name", {"omschrijving_1": "a/b"}),
    ("omschrijving.same", {"bijlage_2": "ook goed.pdf", "omschrijving_2": "Besluit.pdf"}),
    ("omschrijving.bsn", {"omschrijving_1": f"{BSN}.pdf", "bsn": BSN}),
    ("value.type", {"onderwerp": 5}),
    ("row.column", {"onbekend": "x"}),
    ("row.nul", {"onderwerp": "a\0b"}),
    ("row.date", {"publicatiedatum": "1 december"}),
    ("row.bijlage", {"bijlage_1": None, "omschrijving_1": None, "bijlage_2": "goed.pdf"}),
    ("row.omschrijving", {"bijlage_1": None}),
    ("pdf.unreadable", {"bijlage_1": "rommel.pdf"}),
    ("pdf.damaged", {"bijlage_1": "kapot.pdf"}),
    ("pdf.encrypted", {"bijlage_1": "slot.pdf"}),
    ("pdf.claim", {"bijlage_1": "zonder claim.pdf"}),
    ("pdf.tagged", {"bijlage_1": "niet getagd.pdf"}),
    ("pdf.language", {"bijlage_1": "sprakeloos.pdf"}),
    ("pdf.title", {"bijlage_1": "sprakeloos.pdf"}),
    ("pdf.font", {"bijlage_1": "lettertype.pdf"}),
    ("pdf.javascript", {"bijlage_1": "script.pdf"}),
    ("pdf.form", {"bijlage_1": "formulier.pdf"}),
    ("pdf.files", {"bijlage_1": "bestand.pdf"}),
    ("pdf.limits", {"bijlage_1": "velen.pdf"}),
    ("pdf.validator", {"bijlage_1": "ook goed.pdf"}),
    ("pdf.validator-failed", {"bijlage_1": "a=b&c ë.pdf"}),
    ("kenmerk.reused", {"kenmerk": "zaak-1"}),
    ("row.repeated", good(1)),
    ("row.same-content", good(1) | {"kenmerk": "een ander"}),
]
"""A code, and how a good row gets it; row 1 is good as it is."""

ELSEWHERE: Final = {
    "aanmaakdatum.", "batch.", "result.", "resultaat.", "regels.",  # of a batch, a result or a setting, no row
    "bijlage.changed", "bijlagen.count", "oin.missing", "publicatiedatum.zone", "einddatum_handelingstermijn.zone",
    "bijlage.encrypted",  # which `pdf.encrypted` says better
    "row.json", "row.csv", "row.cells", "row.utf8", "row.column-twice", "row.column-missing",  # below
    "bericht.schema", "row.fault",  # faults of this library; below
}  # fmt: skip


def many_annotations(document: pikepdf.Pdf) -> None:
    """Put more on a page than anybody looks through."""
    document.pages[0].obj.Annots = pikepdf.Array([pikepdf.Dictionary(A=pikepdf.Dictionary()) for _ in range(160_000)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the documents."""
    found = tmp_path_factory.mktemp("letters")
    for name, make in DOCUMENTS.items():
        (found / name).write_bytes(make())
    return found


def jsonl(folder: Path, rows: Sequence[Change], name: str = "letters.jsonl") -> Path:
    """Write rows as JSON Lines."""
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def judges(path: Path) -> str | None:
    """Accept all but one, and fail on another."""
    if path.name.startswith("a="):
        raise OSError
    return "geen PDF/A" if path.name.startswith("ook") else None


def found_in(file: Path, **more: Any) -> list[RowReport]:
    """Return the reports of all rows, judged by processes."""
    return list(preflight(file, at=MADE, **more))


def judge(folder: Path, row: Change, **criteria: Any) -> Judged:
    """Judge one row, here."""
    raw = RawRow(number=1, line=1, content=json.dumps(row))
    return Judge(folder, Criteria(at=MADE, **criteria), SECRET).judge(raw)


def codes(report: RowReport) -> list[str]:
    """Return the codes in a row."""
    return [finding.code for finding in report.findings]


class TestPlanted:
    """One of each fault, and each is found at its row."""

    def test_all(self, folder: Path) -> None:
        """The done-when of the issue: whatever is planted is found there, and the rows without a fault have none."""
        planted = [good(number) | change for number, (_, change) in enumerate(PLANTED, start=2)]
        file = jsonl(folder, [good(1), *planted, good(999)])
        run = preflight(
            file,
            at=MADE,
            owners=OWNERS,
            berichttypen=["BESCHIK"],
            validator=judges,
            processes=2,
        )
        reports = list(run)
        assert [report.number for report in reports] == list(range(1, len(PLANTED) + 3))
        missed = [
            (code, codes(report))
            for (code, _), report in zip(PLANTED, reports[1:-1], strict=True)
            if code not in codes(report)
        ]
        assert missed == []
        assert [reports[0].findings, reports[-1].findings] == [(), ()]
        measures = [dutch_measure(finding.measure) for report in reports for finding in report.findings]
        assert [one for one in measures if ENGLISH.search(one)] == []
        tally = run.tally
        assert tally.rows == len(reports) == tally.good + tally.repeated + tally.refused.total()
        assert f"{len(reports)} brieven: " in run.samenvatting()
        assert not any(digits in repr(reports) + run.samenvatting() for digits in BSNS)

    @pytest.mark.parametrize(
        ("measure", "dutch"),
        [
            ("Arial on page 1, object 8; and 3 more", "Arial op pagina 1, object 8; en nog 3"),
            ("XFA in the catalogue", "XFA in de catalogus"),
            ("1 character", "1 teken"),
            (
                "the process that looked at it ended (after 20 seconds)",
                "het proces dat hem bekeek is geëindigd (na 20 seconden)",
            ),
            ("claims PDF/A-2B, not verified", "zegt PDF/A-2B te zijn, niet geverifieerd"),
            ("SomethingElse", "SomethingElse"),
        ],
    )
    def test_dutch(self, measure: str, dutch: str) -> None:
        """Reports are read by operators: also what was measured is in Dutch."""
        assert dutch_measure(measure) == dutch

    def test_nothing_is_left_out(self) -> None:
        """Every code that a row can have is planted."""
        every = {*LETTERS, *PREFLIGHT}
        here = {code for code, _ in PLANTED}
        assert {code for code in every - here if not any(code.startswith(other) for other in ELSEWHERE)} == set()

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b'zaak,x,"open', "row.csv"),
            (b"zaak,999990019,BESCHIK", "row.cells"),
            (b"zaak,999990019,BESCHIK,Besluit,Tekst \xff", "row.utf8"),
        ],
    )
    def test_csv(self, line: bytes, code: str, tmp_path: Path) -> None:
        """What only CSV can have."""
        file = tmp_path / "letters.csv"
        file.write_bytes(b"kenmerk,bsn,berichttype,onderwerp,berichttekst\nz,999990019,B,O,T\n" + line + b"\n")
        assert [(one.number, codes(one)[:1]) for one in found_in(file)] == [(2, []), (3, [code])]

    @pytest.mark.parametrize(("line", "code"), [("{x", "row.json"), ('{"bsn": "1", "bsn": "2"}', "row.column-twice")])
    def test_json(self, line: str, code: str, tmp_path: Path) -> None:
        """What only JSON can have."""
        file = tmp_path / "letters.jsonl"
        file.write_text(f"{line}\n{json.dumps(good(bijlage_1=None, omschrijving_1=None))}\n")
        assert [(one.number, codes(one)) for one in found_in(file)] == [(1, [code]), (2, [])]

    def test_header(self, tmp_path: Path) -> None:
        """A header row that is wrong is nobody's letter: nothing is judged."""
        (tmp_path / "l.csv").write_text("kenmerk,kenmerk,naam\n")
        with pytest.raises(BerichtError) as caught:
            found_in(tmp_path / "l.csv")
        assert {error.code for error in caught.value.errors} == {
            "row.column", "row.column-twice", "row.column-missing",
        }  # fmt: skip

    def test_no_rows(self, tmp_path: Path) -> None:
        """No letters, no findings."""
        run = preflight(jsonl(tmp_path, []), at=MADE)
        assert list(run) == []
        assert run.samenvatting() == "0 brieven: 0 goed"


class TestJudge:
    """One row by itself."""

    def test_all_at_once(self, folder: Path) -> None:
        """Errors and warnings of every part of a row, and of its PDF, in one go."""
        row = good(bsn="1", onderwerp="", omschrijving_1="x" * 50, bijlage_1="script.pdf", publicatiedatum="x")
        found = codes(judge(folder, row).report)
        assert set(found) == {"bsn.format", "onderwerp.length", "omschrijving.long", "pdf.javascript", "row.date"}

    def test_facts(self, folder: Path) -> None:
        """What a PDF says of itself goes with the row, and how much room the letter takes."""
        report = judge(folder, good()).report
        ((column, facts),) = report.pdfs
        assert (column, facts.claim) == ("bijlage_1", "2A")
        assert report.size > (folder / "goed.pdf").stat().st_size

    def test_without_pikepdf(self, folder: Path) -> None:
        """Without the extra all the rest is done."""
        row = good(bijlage_1="script.pdf", onderwerp="")
        assert codes(judge(folder, row, pdfs=False).report) == ["onderwerp.length"]

    def test_no_check_of_pdfs(self, folder: Path) -> None:
        """k.24: who wants to force a refusal is not stopped here either."""
        regels = Regels(controleer_pdf=False)
        assert codes(judge(folder, good(bijlage_1="tekst.pdf"), regels=regels).report) == []

    def test_warnings_by_setting(self, folder: Path) -> None:
        """g.4: PDF/A is an error or a warning, by setting."""
        row = good(bijlage_1="zonder claim.pdf")
        assert not judge(folder, row).report.good
        assert judge(folder, row, regels=Regels(eis_pdfa=False)).report.good

    def test_owners(self, folder: Path) -> None:
        """A letter goes to the sender of its OIN, or to the only one when it names none."""
        two = (*OWNERS, (OIN(OTHER_SENDER),))
        assert judge(folder, good(), owners=OWNERS).report.good
        assert judge(folder, good(oin=OTHER_SENDER), owners=two).report.good
        assert codes(judge(folder, good(), owners=two).report) == ["sender.oin-unknown"]

    def test_a_number_in_the_place_of_a_code(self, folder: Path) -> None:
        """A code that is not active is shown, unless it looks like a BSN of eight digits."""
        for given, shown in (("ANDERS", "ANDERS"), ("10203047", "8 characters")):
            row = good(berichttype=given)
            (finding,) = judge(folder, row, berichttypen=frozenset({"BESCHIK"})).report.findings
            assert (finding.code, finding.measure) == ("berichttype.unknown", shown)

    def test_schema(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The letter as it will be written is judged by the schema: a fault of ours would show."""
        monkeypatch.setattr(globe, "nfc", lambda text: text * 99)
        assert codes(judge(folder, good()).report) == ["bericht.schema"]

    def test_batch_too_large(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A letter that fits in no batch says so."""
        monkeypatch.setattr(globe, "MAX_BATCH_BYTES", 1)
        assert codes(judge(folder, good()).report) == ["batch.size"]

    def test_fault(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A fault of ours is told at its row, without its text, and the other rows go on."""

        def broken(*_: object) -> None:
            raise KeyError(BSN)

        monkeypatch.setattr(RowReader, "row", broken)
        report = judge(folder, good()).report
        assert [(one.code, one.measure) for one in report.findings] == [("row.fault", "KeyError")]

    def test_the_same_pdf(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A PDF that goes with many letters is looked at once, as long as it is the same; memory is bounded."""
        looked: list[str] = []
        real = judging.pdf.look

        def look(path: Path, **more: Any) -> Any:
            looked.append(path.name)
            return real(path, **more)

        monkeypatch.setattr(judging.pdf, "look", look)
        monkeypatch.setattr(judging, "_MOST_KEPT", 1)
        own = Judge(folder, Criteria(at=MADE), SECRET)
        for name in ("goed.pdf", "goed.pdf", "ook goed.pdf", "goed.pdf"):
            own.judge(RawRow(number=1, line=1, content=json.dumps(good(bijlage_1=name))))
        assert looked == ["goed.pdf", "ook goed.pdf", "goed.pdf"]

    def test_to_another_process_and_back(self, folder: Path) -> None:
        """What a process is told, and what it tells, comes over as it was."""
        criteria = Criteria(at=MADE, owners=OWNERS, berichttypen=frozenset({"B"}), regels=Regels(eis_pdfa=False))
        assert Criteria.from_json(json.loads(json.dumps(criteria.as_json()))) == criteria
        judged = judge(folder, good(bijlage_1="script.pdf"))
        assert Judged.from_json(json.loads(json.dumps(judged.as_json()))) == judged


class TestTogether:
    """What takes all rows together."""

    def comparison(self, folder: Path, *rows: Change) -> list[list[str]]:
        """Return the codes of rows."""
        return [codes(one) for one in found_in(jsonl(folder, rows, "together.jsonl"), processes=1)]

    def test_measures(self, folder: Path) -> None:
        """The other row is named."""
        rows = [good(1), good(2), good(2, kenmerk="zaak-1"), good(2), good(1, kenmerk="x")]
        reports = found_in(jsonl(folder, rows, "measures.jsonl"))
        assert [one.measure for report in reports for one in report.findings] == [
            "another letter in row 1",
            "the same as row 2",
            "the same as row 1",
        ]

    def test_written_otherwise(self, folder: Path) -> None:
        """The same letter is the same however its row is written."""
        one, other = good(1, publicatiedatum="2026-11-25"), good(1, publicatiedatum="2026-11-25T00:00+01:00")
        padded = good(1, kenmerk="acht", bsn="10203047"), good(1, kenmerk="acht", bsn="010203047")
        assert self.comparison(folder, one, other, *padded) == [[], ["row.repeated"], [], ["row.repeated"]]

    def test_attachments(self, folder: Path) -> None:
        """Attachments are compared by what is in them."""
        rows = [good(1), good(1, bijlage_1="a=b&c ë.pdf"), good(1, bijlage_1="ook goed.pdf")]
        assert self.comparison(folder, *rows) == [[], ["row.repeated"], ["kenmerk.reused"]]

    def test_a_refused_row_was_not_taken(self, folder: Path) -> None:
        """Design 3: the kenmerk of a letter that is refused may come again, as it may when letters are sent."""
        assert self.comparison(folder, good(1, bsn="1"), good(1)) == [["bsn.format"], []]

    def test_a_row_refused_for_its_pdf_was_not_taken(self, folder: Path) -> None:
        """Whatever it is refused for; a letter that is refused as well is compared all the same."""
        rows = [good(1, bijlage_1="script.pdf"), good(1), good(2, kenmerk="zaak-1", bijlage_1="script.pdf")]
        assert self.comparison(folder, *rows) == [["pdf.javascript"], [], ["pdf.javascript", "kenmerk.reused"]]

    def test_two_organisations(self, folder: Path) -> None:
        """A kenmerk is one within an OIN."""
        assert self.comparison(folder, good(1, oin=SENDER), good(1, oin=OTHER_SENDER)) == [[], []]


def test_no_zone(tmp_path: Path) -> None:
    """A moment without zone is nobody's moment."""
    with pytest.raises(ValueError, match="aware"):
        preflight(tmp_path, at=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_bounded(folder: Path) -> None:
    """Rows are read as they are asked for: of a file without end only the beginning."""
    read = 0

    class Endless(BytesIO):
        """A file that goes on."""

        def __iter__(self) -> Iterator[bytes]:  # type: ignore[override] # endless
            nonlocal read
            while True:
                read += 1
                yield json.dumps(good(read)).encode() + b"\n"

    chunks = Judges(processes=1).judge(split_rows(Endless(), name="x.jsonl"), folder, Criteria(at=MADE))
    assert len(next(chunks)) == CHUNK
    assert read <= 5 * CHUNK
    chunks.close()


def test_position(folder: Path) -> None:
    """How far the file was read is known, for a bar."""
    run = Preflight(
        jsonl(folder, [good(n) for n in range(250)], "position.jsonl"),
        Criteria(at=MADE),
        Judges(processes=1),
    )
    positions = [run.position for _ in run]
    assert positions == sorted(positions)
    assert positions[-1] == run.size
