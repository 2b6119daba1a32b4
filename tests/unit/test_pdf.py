"""berichtenbox g.4: what a PDF says of itself, and what an attachment should not be."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String
from tests import pdfs
from tests.letters import BSN
from tests.reference import ROOT

from mobb_client.berichtenbox import pdf as module
from mobb_client.berichtenbox.pdf import PdfFacts, look
from mobb_client.berichtenbox.regels import Regels

DOCUMENTS = sorted((ROOT / "examples" / "documents").glob("*.pdf"))
GOOD = pdfs.real_pdf()
LENIENT = Regels(eis_pdfa=False)

Change = Callable[[pikepdf.Pdf], object]


def found(source: bytes, regels: Regels = LENIENT) -> list[tuple[str, str, str]]:
    """Return code, severity and measure of all that is found."""
    return [(one.code, one.severity, one.measure) for one in look(source, regels=regels).findings]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    """The documents of the examples are PDF/A-1a, says a validator; all that is seen here is that they say so."""
    seen = look(path)
    assert seen.findings == ()
    assert seen.facts is not None
    assert (seen.facts.claim, seen.facts.tagged, seen.facts.language) == ("1A", True, "nl-NL")
    assert str(seen.facts).endswith(", claims PDF/A-1A, not verified")


def test_facts() -> None:
    """A claim is called a claim."""
    facts = PdfFacts(version="1.7", pages=1, claim="2A", tagged=True, language="nl-NL", title=True, encrypted=False)
    assert str(facts) == "PDF 1.7, 1 page, claims PDF/A-2A, not verified"
    assert look(pdfs.real_pdf(force_version="1.7")).facts == facts


@pytest.mark.parametrize(
    ("change", "code", "measure"),
    [
        (pdfs.script, "pdf.javascript", r"the catalogue, object \d+"),
        (pdfs.script_on_page, "pdf.javascript", r"page 1, object \d+"),
        (pdfs.form, "pdf.form", r"page 1, object \d+"),
        (pdfs.xfa, "pdf.form", "XFA in the catalogue"),
        (pdfs.file_inside, "pdf.files", r"the catalogue, object \d+"),
    ],
)
def test_never(change: Change, code: str, measure: str) -> None:
    """The document system: script, form and files inside are refused, with page or object number."""
    ((told, severity, given),) = found(pdfs.real_pdf(change))
    assert (told, severity) == (code, "error")
    assert re.fullmatch(measure, given)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (pdfs.without_claim, "pdf.claim"),
        (pdfs.untagged, "pdf.tagged"),
        (pdfs.font_outside, "pdf.font"),
        (lambda pdf: setattr(pdf.Root, "Metadata", pdf.make_stream(pdfs.xmp("2B"))), "pdf.claim"),
        (lambda pdf: setattr(pdf.Root, "Metadata", pdf.make_stream(b"<x")), "pdf.claim"),
        (lambda pdf: pdf.Root.__delitem__("/Metadata"), "pdf.claim"),
        (lambda pdf: pdf.Root.__delitem__("/StructTreeRoot"), "pdf.tagged"),
    ],
)
def test_pdfa(change: Change, code: str) -> None:
    """g.4: what only PDF/A asks is an error or a warning, as the setting says."""
    document = pdfs.real_pdf(change)
    assert (code, "error") in [one[:2] for one in found(document, Regels())]
    assert (code, "warning") in [one[:2] for one in found(document)]


def test_accessible() -> None:
    """Language and title are always warnings."""
    assert [one[:2] for one in found(pdfs.real_pdf(pdfs.speechless), Regels())] == [
        ("pdf.language", "warning"),
        ("pdf.title", "warning"),
    ]


def test_title_in_info() -> None:
    """A title may stand in the old place as well."""

    def titled(pdf: pikepdf.Pdf) -> None:
        pdfs.speechless(pdf)
        pdf.docinfo["/Title"] = "Besluit"

    assert [one[0] for one in found(pdfs.real_pdf(titled))] == ["pdf.language"]


def test_claim_as_attributes() -> None:
    """XMP may write a property as an attribute."""
    packet = pdfs.xmp("").replace(b'rdf:about=""', b'rdf:about="" pdfaid:part="1" pdfaid:conformance="a"')
    packet = packet.replace(b"<rdf:Description ", b'<rdf:Description xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" ')
    packet = packet.replace(
        b' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:pdfaid',
        b' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:other',
    )
    seen = look(pdfs.real_pdf(lambda pdf: setattr(pdf.Root, "Metadata", pdf.make_stream(packet))))
    assert seen.facts is not None
    assert seen.facts.claim == "1A"


def test_signature_is_no_form() -> None:
    """A signed document asks the citizen nothing."""
    assert found(pdfs.real_pdf(lambda pdf: pdfs.form(pdf, Name.Sig))) == []


def test_fonts_are_named() -> None:
    """The document system: which font, and where; a name that could be anything is measured."""

    def three(pdf: pikepdf.Pdf) -> None:
        fonts = pdf.pages[0].obj.Resources.Font
        names = ["/Arial", f"/{BSN}", "/" + "x" * 61, *(f"/F{n}" for n in range(5))]
        for number, name in enumerate(names):
            font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name(name))
            fonts[f"/X{number}"] = pdf.make_indirect(font)

    ((_, _, measure),) = found(pdfs.real_pdf(three))
    assert "; and 3 more" in measure
    assert BSN not in measure


def test_type_0_and_3() -> None:
    """A composite font is judged by its descendant; one that is drawn has no program."""

    def two(pdf: pikepdf.Pdf) -> None:
        descendant = Dictionary(Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.Kaal)
        composite = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.Kaal, DescendantFonts=[descendant])
        drawn = Dictionary(Type=Name.Font, Subtype=Name.Type3)
        pdf.pages[0].obj.Resources.Font = Dictionary(A=pdf.make_indirect(composite), B=drawn)

    assert [(code, measure.split(",")[0]) for code, _, measure in found(pdfs.real_pdf(two))] == [
        ("pdf.font", "Kaal on page 1")
    ]


@pytest.mark.parametrize(("password", "measure"), [("", "encrypted, without a password"), ("x", "asks for a password")])
def test_encrypted(password: str, measure: str) -> None:
    """g.4: no encryption, be it with or without password."""
    ((code, severity, given),) = found(pdfs.locked(password))
    assert (code, severity) == ("pdf.encrypted", "error")
    assert measure in given


@pytest.mark.parametrize("document", [b"", b"%PDF-1.7\nrubbish\n%%EOF", GOOD[:200]])
def test_unreadable(document: bytes) -> None:
    """What cannot be read as a PDF is an error, whatever pikepdf makes of it."""
    assert [one[:2] for one in found(document)] == [("pdf.unreadable", "error")]


def test_missing_file(tmp_path: Path) -> None:
    """A file that is gone by now is told the same way, without its name."""
    ((code, _),) = [(one.code, one.severity) for one in look(tmp_path / "weg.pdf").findings]
    assert code == "pdf.unreadable"


def test_damaged() -> None:
    """A cross-reference table that lies is repaired, with a warning."""
    broken = GOOD.replace(b"startxref\n", b"startxref\n9")
    assert ("pdf.damaged", "warning") in [one[:2] for one in found(broken)]


@pytest.mark.parametrize("after", range(40, len(GOOD), 97))
def test_cut_off(after: int) -> None:
    """Wherever a document is cut off, there is a finding and no error of pikepdf."""
    assert found(GOOD[:after])


def test_wrong_types() -> None:
    """A catalogue with something else than what belongs there is looked through as far as it goes."""

    def odd(pdf: pikepdf.Pdf) -> None:
        pdf.Root.MarkInfo = Array([1])
        del pdf.Root.Metadata
        pdf.Root.Lang = 5
        pdf.Root.AcroForm = String("x")
        pdf.pages[0].obj.Resources = 7

    codes = {one[0] for one in found(pdfs.real_pdf(odd))}
    assert codes - {"pdf.damaged"} == {"pdf.claim", "pdf.tagged", "pdf.language", "pdf.title"}


def test_circles() -> None:
    """Objects that point at each other are looked at once."""

    def round_and_round(pdf: pikepdf.Pdf) -> None:
        one, two = pdf.make_indirect(Dictionary()), pdf.make_indirect(Dictionary())
        one.Next, two.Next = two, one
        pdf.Root.OpenAction = one

    assert found(pdfs.real_pdf(round_and_round)) == []


def test_too_many_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF with more objects than anybody has use for is not looked through to the end."""
    monkeypatch.setattr(module, "_MOST_OBJECTS", 3)
    assert found(GOOD) == [("pdf.limits", "error", "more than 3 objects")]


def test_bomb_in_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed metadata is read, and not further than four million octets."""

    def metadata(data: bytes) -> tuple[str | None, bool]:
        stream = pdf.make_stream(b"")
        stream.write(data, filter=Name.FlateDecode)
        return module._metadata(stream)

    with pikepdf.new() as pdf:
        assert metadata(zlib.compress(pdfs.xmp())) == ("2A", True)
        monkeypatch.setattr(module, "_MOST_METADATA", 1000)
        assert metadata(zlib.compress(b" " * 100_000 + pdfs.xmp())) == (None, False)
        assert metadata(b"no deflate") == (None, False)


def test_no_title_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of a document is told: no title, no name of a file in it."""

    def personal(pdf: pikepdf.Pdf) -> None:
        pdf.Root.Metadata = pdf.make_stream(pdfs.xmp(title=f"Besluit voor {BSN}"))
        pdf.attachments[f"{BSN}.txt"] = b"x"
        pdfs.form(pdf)

    seen = look(pdfs.real_pdf(personal))
    assert BSN not in f"{seen}{caplog.text}"
