"""What a PDF says of itself, seen through pikepdf (extra `pdf`), and what of it breaks the rules for an attachment.

A claim is no proof: a PDF that says PDF/A-2A may be none, and only a validator of PDF/A can tell. What pikepdf cannot
see either: whether the tags make sense, and whether a font without its program is shown at all.

A stranger's PDF may be made to take time and memory. Here its objects are counted and its metadata is bounded; who
opens PDFs of others does it in a process with a limit of its own, as preflight does.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Final

from lxml import etree

from mobb_client import _xml
from mobb_client.berichtenbox.identiteit import looks_like_bsn, measure
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import Finding, FormatError, Severity

if TYPE_CHECKING:  # an extra: everything else works without it
    import pikepdf

ALLOWED: Final = ("1A", "2A")
"""The claims that the Berichtenbox asks for. Source: `berichtenbox` g.4."""

_MOST_OBJECTS: Final = 300_000
_MOST_METADATA: Final = 4_000_000
_MOST_NAMED: Final = 5
_LEFT_OUT: Final = frozenset(
    {"/Parent", "/P", "/Pages", "/StructTreeRoot", "/Metadata", "/Dest", "/D", "/W", "/Widths"}
)
_FIELDS: Final = frozenset({"/Btn", "/Tx", "/Ch"})  # a signature, /Sig, is no question to the reader
_FONTS: Final = frozenset({"/Type1", "/MMType1", "/TrueType", "/CIDFontType0", "/CIDFontType2"})
_FONT_FILES: Final = ("/FontFile", "/FontFile2", "/FontFile3")
_CLAIMED: Final = tuple(
    etree.XPath(
        f"normalize-space((//p:{part} | //@p:{part})[last()])", namespaces={"p": "http://www.aiim.org/pdfa/ns/id/"}
    )
    for part in ("part", "conformance")
)
_TITLE: Final = ".//{http://purl.org/dc/elements/1.1/}title"
_CLAIM: Final = re.compile(r"[1-4][ABEFUabefu]?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}")
_FONT_NAME: Final = re.compile(r"/?([A-Za-z0-9 +,._-]{1,60})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfFacts:
    """What a PDF says of itself; nothing of it is verified.

    Args:
        version: of the format, such as ``1.7``.
        pages: how many.
        claim: part and conformance of the PDF/A that it says to be, such as ``2A``; None without a claim.
        tagged: it says to have tags, and has a tree of them.
        language: such as ``nl-NL``; None when there is none, or none that can be one.
        title: whether it has a title; what it is stays unsaid, for it may name the citizen.
        encrypted: whether it is encrypted, be it without a password.
    """

    version: str
    pages: int
    claim: str | None
    tagged: bool
    language: str | None
    title: bool
    encrypted: bool

    def __str__(self) -> str:
        """Return a line for people, which never says that something *is* PDF/A."""
        claim = f"claims PDF/A-{self.claim}, not verified" if self.claim else "claims no PDF/A"
        return f"PDF {self.version}, {'1 page' if self.pages == 1 else f'{self.pages} pages'}, {claim}"


@dataclass(frozen=True, slots=True)
class PdfReport:
    """What was seen in one PDF.

    Args:
        facts: what it says of itself; None when it cannot be read.
        findings: what is wrong with it as an attachment.
    """

    facts: PdfFacts | None
    findings: tuple[Finding, ...] = ()


def look(source: bytes | str | os.PathLike[str], name: str = "inhoud", *, regels: Regels = STANDAARD) -> PdfReport:
    """Return what a PDF says of itself, and what is wrong with it as an attachment; whatever it is, nothing is raised.

    Args:
        source: the PDF's octets, or its path.
        name: the field that the findings are about.
        regels: `eis_pdfa` decides whether what only PDF/A forbids is an error or a warning.

    Raises:
        ImportError: pikepdf is not installed.

    Source: `berichtenbox` g.4; ISO 19005-1 and 19005-2, by clause in the findings.
    """
    import pikepdf  # noqa: PLC0415 - an extra, and nobody else pays for its import

    finder = _Finder(name, "error" if regels.eis_pdfa else "warning")
    facts = None
    try:
        with pikepdf.open(BytesIO(source) if isinstance(source, bytes) else os.fspath(source)) as pdf:
            facts = finder.facts(pdf)
    except pikepdf.PasswordError:
        finder.add("pdf.encrypted", "a PDF that asks for a password")
    except MemoryError:
        finder.add("pdf.limits", "more memory than it may take")
    except Exception as error:  # noqa: BLE001 - a stranger's PDF makes it raise whatever it likes, with content in it
        finder.add("pdf.unreadable", type(error).__name__)
    return PdfReport(facts, tuple(finder.findings))


@dataclass(slots=True)
class _Finder:
    """Looks through one PDF, and keeps what it finds."""

    name: str
    severity: Severity
    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, given: str, severity: Severity = "error") -> None:
        self.findings.append(Finding(code, field=self.name, measure=given, severity=severity))

    def facts(self, pdf: pikepdf.Pdf) -> PdfFacts:
        """Return what it says of itself, after finding what is wrong."""
        root = _entries(pdf.Root)
        claim, title = _metadata(root.get("/Metadata"))
        facts = PdfFacts(
            version=pdf.pdf_version,
            pages=len(pdf.pages),
            claim=claim,
            tagged=_entries(root.get("/MarkInfo")).get("/Marked") is True and "/StructTreeRoot" in root,
            language=_language(root.get("/Lang")),
            title=title or bool(str(pdf.docinfo.get("/Title", "")).strip()),
            encrypted=pdf.is_encrypted,
        )
        self._of_facts(facts)
        self._of_objects(pdf, root)
        if damage := len(pdf.get_warnings()):
            self.add("pdf.damaged", "1 place" if damage == 1 else f"{damage} places", "warning")
        return facts

    def _of_facts(self, facts: PdfFacts) -> None:
        if facts.encrypted:
            self.add("pdf.encrypted", "encrypted, without a password")
        if facts.claim not in ALLOWED:
            given = f"claims PDF/A-{facts.claim}, not verified" if facts.claim else "no claim in its metadata"
            self.add("pdf.claim", given, self.severity)
        if not facts.tagged:
            self.add("pdf.tagged", "no tags", self.severity)
        if facts.language is None:
            self.add("pdf.language", "no language", "warning")
        if not facts.title:
            self.add("pdf.title", "no title", "warning")
        if not facts.pages:
            self.add("pdf.unreadable", "no pages")

    def _of_objects(self, pdf: pikepdf.Pdf, root: dict[str, object]) -> None:
        """Find what stands in its objects, each place with page and object number."""
        places: dict[str, dict[str, None]] = {code: {} for code in ("javascript", "form", "files", "font")}
        for number, (entries, where) in enumerate(_objects(pdf)):
            if number > _MOST_OBJECTS:
                self.add("pdf.limits", f"more than {_MOST_OBJECTS} objects")
                break
            for kind, what in _kinds(entries):
                places[kind].setdefault(f"{what}{where}")
        if "/XFA" in _entries(root.get("/AcroForm")):
            places["form"].setdefault("XFA in the catalogue")
        for kind, found in places.items():
            if found:
                self.add(f"pdf.{kind}", _listed(list(found)), self.severity if kind == "font" else "error")


def _objects(pdf: pikepdf.Pdf) -> Iterator[tuple[dict[str, object], str]]:
    """Give each dictionary that a page or the catalogue leads to, once, with where it stands.

    Not the tree of tags, which is most of an accessible PDF and where nothing acts.
    """
    import pikepdf  # noqa: PLC0415 - as above

    seen: set[tuple[int, int]] = set()
    containers = (pikepdf.Dictionary, pikepdf.Array, pikepdf.Stream)
    roots = [(page.obj, f"page {number}") for number, page in enumerate(pdf.pages, start=1)]
    for root, place in [*roots, (pdf.Root, "the catalogue")]:
        todo = [(root, place)]
        while todo:
            thing, where = todo.pop()
            if thing.is_indirect:
                if thing.objgen in seen:
                    continue
                seen.add(thing.objgen)
                where = f"{place}, object {thing.objgen[0]}"
            entries: dict[str, object] = {}
            if isinstance(thing, pikepdf.Array):
                entries |= {str(number): value for number, value in enumerate(thing.as_list())}
            else:
                entries |= _entries(thing)
                yield entries, where
            todo += [
                (value, where)
                for key, value in entries.items()
                if type(value) is pikepdf.Object and key not in _LEFT_OUT and isinstance(value, containers)
            ]


def _entries(thing: object) -> dict[str, object]:
    """Return what a dictionary or a stream's dictionary holds; nothing for what is neither."""
    import pikepdf  # noqa: PLC0415 - as above

    if isinstance(thing, pikepdf.Stream):
        return dict(thing.stream_dict.items())
    return dict(thing.items()) if isinstance(thing, pikepdf.Dictionary) else {}


def _kinds(entries: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Tell what a dictionary is that an attachment should not have, each with a word before its place."""
    if "/JS" in entries or str(entries.get("/S")) == "/JavaScript":
        yield "javascript", ""
    if "/EF" in entries:
        yield "files", ""
    if "/FT" in entries and str(entries["/FT"]) in _FIELDS:
        yield "form", ""
    if "/BaseFont" in entries and str(entries.get("/Subtype")) in _FONTS:
        descriptor = _entries(entries.get("/FontDescriptor"))
        if not any(name in descriptor for name in _FONT_FILES):
            yield "font", f"{_font(entries['/BaseFont'])} on "


def _font(name: object) -> str:
    """Return a font's name when it looks like one; it comes from a stranger, and could be anything."""
    match = _FONT_NAME.fullmatch(str(name))
    return match[1] if match and not looks_like_bsn(match[1]) else f"a font with a name of {measure(str(name))}"


def _listed(places: list[str]) -> str:
    more = len(places) - _MOST_NAMED
    return "; ".join(places[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _language(given: object) -> str | None:
    match = _LANGUAGE.fullmatch("" if given is None else str(given))
    return match[0] if match else None


def _metadata(stream: object) -> tuple[str | None, bool]:
    """Return the PDF/A that the XMP metadata claims, and whether there is a title in it.

    Source: ISO 19005-1 6.7.11, ISO 19005-2 6.6.4.
    """
    with suppress(FormatError):
        root = _xml.parse(_xmp(stream).strip(b"\0"), "the metadata", instructions=True)
        claim = "".join(str(read(root)) for read in _CLAIMED)
        title = root.find(_TITLE)
        said = title is not None and bool("".join(title.itertext()).strip())
        return (claim.upper() if _CLAIM.fullmatch(claim) else None), said
    return None, False


def _xmp(stream: object) -> bytes:
    """Return the octets of the metadata, at most four million; empty when there are none that can be read."""
    import pikepdf  # noqa: PLC0415 - as above

    if not isinstance(stream, pikepdf.Stream):
        return b""
    raw = stream.read_raw_bytes()[:_MOST_METADATA]
    if "/Filter" not in stream:
        return raw
    with suppress(zlib.error):  # compressed metadata may be a bomb
        return zlib.decompressobj().decompress(raw, _MOST_METADATA)
    return b""
