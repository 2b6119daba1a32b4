"""The example letters and their documents: PDF/A-1a in the eyes of others, within the limits of the Berichtenbox."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest
from examples.make_documents import DOCUMENTS, HERE, LETTERS, NAMES, SIZES, SOURCES, TYPST, json_lines, padded
from examples.make_documents import main as make_all
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Object

JUDGE = Path(__file__).resolve().parents[1] / "judge_documents.sh"
TEST_BSNS = {"999993653", "999990019", "111222333", "123456782", "999998778", "000000012"}
HEADER = (
    "kenmerk,oin,bsn,berichttype,onderwerp,berichttekst,referentie,publicatiedatum,einddatum_handelingstermijn,"
    "bijlage_1,omschrijving_1,bijlage_2,omschrijving_2"
)

every_document = pytest.mark.parametrize("name", NAMES)


def path_of(name: str) -> Path:
    """Where a document lies."""
    return DOCUMENTS / f"{name}.pdf"


def letters() -> list[dict[str, str]]:
    """The rows of letters.csv."""
    with LETTERS.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


# What an outside judge says


def judged(*paths: Path) -> subprocess.CompletedProcess[str]:
    """What the judge says of these files, or of all; where it is not installed, the test is skipped with its reason."""
    said = subprocess.run(
        ["sh", str(JUDGE), *map(str, paths)], capture_output=True, text=True, check=False, timeout=120
    )
    if said.returncode == 2:
        pytest.skip(said.stderr.strip())
    return said


def test_preflight_accepts_every_document() -> None:
    """ISO 19005-1, level B, by PDFBox Preflight: the half of PDF/A-1a that a machine of others can judge."""
    said = judged()
    assert said.returncode == 0, said.stdout
    assert said.stdout.splitlines() == [
        f"valid    {name}.pdf" for name in sorted(NAMES, key=lambda name: f"{name}.pdf")
    ]


def no_metadata(pdf: pikepdf.Pdf) -> None:
    """6.7.2 asks for XMP."""
    del pdf.Root.Metadata


def no_font(pdf: pikepdf.Pdf) -> None:
    """6.3.4 asks for every font's program."""
    for thing in pdf.objects:
        if isinstance(thing, Dictionary) and "/FontFile3" in thing:
            del thing["/FontFile3"]


@pytest.mark.parametrize("spoil", [no_metadata, no_font])
def test_preflight_can_say_no(tmp_path: Path, spoil: Callable[[pikepdf.Pdf], None]) -> None:
    """A judge that accepts everything proves nothing: take one required part away."""
    spoiled = tmp_path / "spoiled.pdf"
    with pikepdf.open(path_of("oproep-paspoort")) as pdf:
        spoil(pdf)
        pdf.save(spoiled)
    said = judged(spoiled)
    assert said.returncode == 1
    assert said.stdout.startswith("INVALID  spoiled.pdf")


# What PDF/A-1a asks on top: ISO 19005-1, 6.7.11 and 6.8


def elements(element: Object) -> Iterator[Dictionary]:
    """Every structure element below this one, in reading order."""
    kids = element.get("/K", Array())
    for kid in kids if isinstance(kids, Array) else [kids]:
        if isinstance(kid, Dictionary) and "/S" in kid:
            yield kid
            yield from elements(kid)


def kind(element: Dictionary) -> str:
    """The structure type, such as /H1."""
    return str(element.S)


def characters(font: Object) -> dict[str, str]:
    """What each glyph code (four hexadecimal digits) of a font means, by its ToUnicode."""
    pairs = re.findall(r"^<([0-9A-F]{4})> <([0-9A-F]+)>$", font.ToUnicode.read_bytes().decode("ascii"), re.MULTILINE)
    return {glyph: bytes.fromhex(meaning).decode("utf-16-be") for glyph, meaning in pairs}


def text_of(page: pikepdf.Page) -> str:
    """The characters that a screen reader gets of a page, one line for every text object."""
    text, meaning = "", dict[str, str]()
    for instruction in pikepdf.parse_content_stream(page):
        operator, operands = str(instruction.operator), list(instruction.operands)
        if operator == "Tf":
            meaning = characters(page.Resources.Font[str(operands[0])])
        elif operator in {"Tj", "TJ"}:
            parts = list(operands[0]) if operator == "TJ" else operands
            codes = "".join(bytes(part).hex().upper() for part in parts if isinstance(part, pikepdf.String))
            text += "".join(meaning[codes[at : at + 4]] for at in range(0, len(codes), 4))
        elif operator == "ET":
            text += "\n"
    return text


@pytest.fixture
def pdf(name: str) -> Iterator[pikepdf.Pdf]:
    """One document, open."""
    with pikepdf.open(path_of(name)) as opened:
        yield opened


@every_document
def test_says_that_it_is_pdfa_1a(pdf: pikepdf.Pdf) -> None:
    """6.7.11: pdfaid:part 1, conformance A; 6.1.3: not encrypted; PDF 1.4."""
    metadata = pdf.open_metadata()
    assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("1", "A")
    assert pdf.pdf_version == "1.4"
    assert not pdf.is_encrypted


@every_document
def test_is_tagged_in_dutch(pdf: pikepdf.Pdf) -> None:
    """6.8.2.2, 6.8.3.3, 6.8.4: Marked, a structure tree that every page hangs in, a language."""
    assert pdf.Root.MarkInfo.Marked
    assert str(pdf.Root.Lang) == "nl-NL"
    assert all("/StructParents" in page for page in pdf.pages)
    assert kind(next(elements(pdf.Root.StructTreeRoot))) == "/Document"


@every_document
def test_has_a_title_and_an_author(pdf: pikepdf.Pdf) -> None:
    """6.7.3: the information dictionary and the XMP say the same, and the title is the first heading."""
    metadata = pdf.open_metadata()
    first = next(element for element in elements(pdf.Root.StructTreeRoot) if kind(element) == "/H1")
    assert str(pdf.docinfo.Title) == metadata["dc:title"] == str(first.T)
    assert [str(pdf.docinfo.Author)] == metadata["dc:creator"] == ["Gemeente Voorbeeldstad"]


@every_document
def test_headings_lists_tables_and_pictures_are_marked(pdf: pikepdf.Pdf) -> None:
    """6.8.3.4 and 6.8.5: one H1, no other level than H2 under it, header cells, list items, alternate texts."""
    found = list(elements(pdf.Root.StructTreeRoot))
    kinds = [kind(element) for element in found]
    assert [name for name in kinds if re.fullmatch(r"/H\d", name)] == ["/H1", *["/H2"] * kinds.count("/H2")]
    assert kinds.count("/H2") >= 2
    assert all("/TH" in map(kind, elements(table)) for table in found if kind(table) == "/Table")
    assert all("/LBody" in map(kind, elements(item)) for item in found if kind(item) == "/LI")
    pictures = [element for element in found if kind(element) == "/Figure"]
    assert pictures
    assert all(len(str(picture.Alt)) > 20 for picture in pictures)


@every_document
def test_links_say_where_they_go(pdf: pikepdf.Pdf) -> None:
    """6.5.3: a link is printed, and its address can be heard; every address is under the reserved TLD .example."""
    for link in (annotation for page in pdf.pages for annotation in page.get("/Annots", [])):
        assert link.F == 4
        assert str(link.Contents) == str(link.A.URI)
        assert re.match(r"https://[a-z.]+\.voorbeeldstad\.example/", str(link.A.URI))


def test_the_documents_hold_dutch_diacritics_and_no_bsn() -> None:
    """6.3.8: text can be read back, whole; spec/berichtenbox.md f.1: a BSN stands in a letter's address only."""
    texts = []
    for name in NAMES:
        with pikepdf.open(path_of(name)) as pdf:
            texts += [text_of(page) for page in pdf.pages]
    together = "\n".join(texts)
    for word in ("Zoë", "café", "geïnd", "coördin", "één", "reünie", "Curaçao", "Łukasz", "€", "m³"):
        assert word in together
    assert not re.search(r"(?<!\d)\d{8,9}(?!\d)", together)
    assert not any(re.search(r"\d{8}", path.name) for path in DOCUMENTS.iterdir())


# Sizes


@every_document
def test_size(name: str) -> None:
    """spec/berichtenbox.md k.3: 500,000 bytes is the most; the others stay small enough to be package data."""
    size = path_of(name).stat().st_size
    assert size == SIZES[name] if name in SIZES else size < 60_000


SMALL = path_of("besluit-op-bezwaar-plattegrond").read_bytes()


@settings(max_examples=25, deadline=None)
@given(more=st.integers(0, 200_000))
def test_padding_moves_no_object(tmp_path_factory: pytest.TempPathFactory, more: int) -> None:
    """PDF 1.4, 3.4.3 and 3.4.4: after padding, every offset still points at its object, and startxref at the table."""
    result = padded(SMALL, len(SMALL) + more)
    assert len(result) == len(SMALL) + more
    start = int(result.rsplit(b"startxref\n", 1)[1].split()[0])
    assert result[start:].startswith(b"xref\n")
    rows = re.findall(rb"^(\d{10}) (\d{5}) n", result[start:], re.MULTILINE)
    assert all(re.match(rb"\d+ %d obj" % int(generation), result[int(at) :]) for at, generation in rows)
    path = tmp_path_factory.mktemp("padded") / "padded.pdf"
    path.write_bytes(result)
    with pikepdf.open(path) as pdf, pikepdf.open(path_of("besluit-op-bezwaar-plattegrond")) as small:
        assert pdf.check_pdf_syntax() == []
        assert pdf.Root.Metadata.read_bytes().replace(b" ", b"") == small.Root.Metadata.read_bytes().replace(b" ", b"")


def test_padding_never_cuts() -> None:
    """A document that is already larger is refused, not shortened."""
    with pytest.raises(ValueError, match="cannot be padded to"):
        padded(SMALL, len(SMALL) - 1)


# Made again


def test_made_again_they_are_the_same_bytes(tmp_path: Path) -> None:
    """The same sources and the same typst give the committed documents and letters, to the byte."""
    try:
        version = importlib.metadata.version("typst")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("typst is not installed: pip install 'mobb-client[documents]'")
    if version != TYPST:
        pytest.skip(f"the committed documents are made by typst {TYPST}, here is {version}")
    make_all(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert made == {path: (HERE / path).read_bytes() for path in made}
    assert len(made) == len(NAMES) + 1


def test_every_source_is_made() -> None:
    """No source is forgotten, no document is left over."""
    assert {path.stem for path in SOURCES.glob("*.typ")} - {"brief"} == set(NAMES)
    assert {path.stem for path in DOCUMENTS.glob("*.pdf")} == set(NAMES)


# The letters


def test_csv_and_json_lines_hold_the_same_letters() -> None:
    """design.md section 6: LETTERS is CSV or JSON Lines, with the same names."""
    lines = (HERE / "letters.jsonl").read_text(encoding="utf-8").splitlines()
    filled = [{name: cell for name, cell in letter.items() if cell} for letter in letters()]
    assert [json.loads(line) for line in lines] == filled
    assert lines == list(json_lines(iter(letters())))


def test_the_header_is_that_of_the_contract() -> None:
    """design.md section 6 names the columns; UTF-8, no BOM, new lines as LF."""
    data = LETTERS.read_bytes()
    assert data.decode("utf-8").split("\n", 1)[0] == HEADER
    assert b"\r" not in data


@pytest.mark.parametrize("letter", letters(), ids=lambda letter: letter["kenmerk"])
def test_letter_keeps_to_b2(letter: dict[str, str]) -> None:
    """spec/berichtenbox.md b.2 and g.5: lengths, test BSNs, descriptions that any portal takes, files that exist."""
    assert letter["bsn"] in TEST_BSNS
    assert 1 <= len(letter["berichttype"]) <= 8
    assert 1 <= len(letter["onderwerp"]) <= 50
    assert len(letter["referentie"]) <= 25
    assert 1 <= len(letter["berichttekst"].replace("\n", r"\r\n")) <= 4000
    assert not letter["publicatiedatum"] + letter["einddatum_handelingstermijn"] + letter["oin"]
    sizes = 0
    for number in ("1", "2"):
        bijlage, omschrijving = letter[f"bijlage_{number}"], letter[f"omschrijving_{number}"]
        assert bool(bijlage) == bool(omschrijving)
        assert len(omschrijving) <= 40
        assert not set(omschrijving) & set('\\/:*?"<>|')
        sizes += (HERE / bijlage).stat().st_size if bijlage else 0
    assert sizes <= 500_000


def test_the_letters_show_every_shape() -> None:
    """Six to eight letters: without attachment, with one, with two, with the largest; a link to pay; new lines."""
    rows = letters()
    used = [[Path(row[key]).stem for key in ("bijlage_1", "bijlage_2") if row[key]] for row in rows]
    assert 6 <= len(rows) <= 8
    assert {len(names) for names in used} == {0, 1, 2}
    assert sorted(name for names in used for name in names) == sorted(NAMES)
    assert any("https://betalen." in row["berichttekst"] for row in rows)
    assert all("\n" in row["berichttekst"] for row in rows)
    assert len({row["kenmerk"] for row in rows}) == len(rows)
    assert {row["bsn"] for row in rows} == TEST_BSNS
