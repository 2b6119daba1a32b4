"""The Berichten document as Logius reads it: letter by letter, by rules of the simulator's own.

The schema's rules make the document invalid; what the handleiding asks beyond it is a fault that is told, and a date or
a size gets the VerwerkingsCode for it (`_verdicts`).

Source: `berichtenbox` b.2, f, g and k.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from mobb_client.simulator._body import Part
from mobb_client.simulator._complaints import Fault
from mobb_client.simulator._names import BSN_DIGITS, NIL, NS, short, tag
from mobb_client.simulator._shape import Shape, breaches

MAX_DOCUMENT: Final = 100_000_000
MAX_LETTERS: Final = 1000
_MAX_EXAMPLES: Final = 3
_GUID: Final = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_MOMENT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"

SHAPES: Final[Mapping[str, Shape]] = {
    "bvs:BatchInformatie": Shape("bvs:BatchID bvs:AanmaakDatum bvs:BerichtLeverancierID"),
    "bvs:BatchID": Shape(text=_GUID),
    "bvs:AanmaakDatum": Shape(text=_MOMENT),
    "bvs:BerichtLeverancierID": Shape(text=".{1,25}"),
    "ber:Bericht": Shape("ber:BerichtInformatie ber:Bijlagen?"),
    "ber:BerichtInformatie": Shape(
        "ber:BatchID ber:BerichtID ber:BerichtType ber:PublicatieDatum? ber:EindDatumHandelingsTermijn? ber:Onderwerp"
        " ber:BerichtTekst? ber:Referentie? ber:GebruikerID ber:SoortGebruiker"
    ),
    "ber:BatchID": Shape(text=_GUID),
    "ber:BerichtID": Shape(text=_GUID),
    "ber:BerichtType": Shape(text=".{1,8}"),
    "ber:PublicatieDatum": Shape(text=_MOMENT),
    "ber:EindDatumHandelingsTermijn": Shape(text=_MOMENT),
    "ber:Onderwerp": Shape(text=".{1,50}"),
    "ber:BerichtTekst": Shape(text=".{0,4000}"),
    "ber:Referentie": Shape(text=".{0,25}"),
    "ber:GebruikerID": Shape(text=".+"),
    "ber:SoortGebruiker": Shape(text="Burger"),
    "ber:Bijlagen": Shape("ber:Bijlage ber:Bijlage?"),
    "ber:Bijlage": Shape("ber:Inhoud ber:BijlageType ber:Omschrijving ber:Volgorde"),
    "ber:Inhoud": Shape(text=".+"),
    "ber:BijlageType": Shape(text="Pdf"),
    "ber:Omschrijving": Shape(text=".{1,128}"),
    "ber:Volgorde": Shape(text=r"[+-]?\d{1,10}"),
}
"""Every element of the document, as the schema has it. Source: GLOBEBatchRequest.xsd, through `berichtenbox` b.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One attachment as it arrived: its description, its size in octets and its SHA-256."""

    omschrijving: str
    size: int
    sha256: str


@dataclass(slots=True, kw_only=True)
class Letter:
    """One letter that came in. Its BSN and its text are there to be looked at, never in its repr.

    `code` is the last VerwerkingsCode; `offers` counts how often the letter came, each time in another message.
    """

    bericht_id: str
    batch_id: str
    oin: str
    bsn: str = field(repr=False)
    berichttype: str
    onderwerp: str = field(repr=False)
    berichttekst: str = field(repr=False)
    referentie: str | None = field(repr=False)
    publicatiedatum: datetime | None
    einddatum_handelingstermijn: datetime | None
    bijlagen: tuple[Attachment, ...] = field(repr=False)
    message_id: str = ""
    received: datetime | None = None
    code: str = ""
    offers: int = 0

    @property
    def key(self) -> str:
        """The BerichtID as it is compared: without regard for case."""
        return self.bericht_id.lower()

    @property
    def bijlagen_bytes(self) -> int:
        """Octets of all its attachments together, before base64."""
        return sum(bijlage.size for bijlage in self.bijlagen)


@dataclass(slots=True)
class Document:
    """What came in: the batch, its letters, and what is wrong. `valid` is the verdict of the schema."""

    batch_id: str = NIL
    aanmaakdatum: datetime | None = None
    oin: str = ""
    letters: list[Letter] = field(default_factory=list)
    count: int = 0
    faults: list[Fault] = field(default_factory=list)
    valid: bool = True

    def refuse(self, sentence: str) -> None:
        """Note a breach of the schema; of a thousand alike a few are told."""
        self.valid = False
        self.complain("document.schema", sentence)

    def complain(self, code: str, sentence: str) -> None:
        """Note something that the handleiding forbids."""
        if sum(fault.code == code for fault in self.faults) < _MAX_EXAMPLES:
            self.faults.append(Fault(code, sentence))


def read(part: Part) -> Document:
    """Read a document as a stream: one letter is in memory at a time."""
    document = Document()
    if len(part) > MAX_DOCUMENT:
        document.complain("document.size", "more than 100,000,000 octets")
    try:
        for element in _elements(part, document):
            _take(element, document)
    except etree.XMLSyntaxError:
        document.refuse("the document is not well-formed XML")
    if not 1 <= document.count <= MAX_LETTERS:
        document.refuse(f"{document.count} letters in a batch")
    _check_ids(document)
    return document


def _elements(part: Part, document: Document) -> Iterator[etree._Element]:
    """Give BatchInformatie, each Bericht, which goes when the next one is there, and at last the root."""
    before: etree._Element | None = None
    for _, element in etree.iterparse(
        part.open(),
        tag=[tag(name) for name in ("bvs:BatchInformatie", "ber:Bericht", "bvs:Berichten")],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    ):
        yield element
        if before is not None:
            _drop(before, document)
        before = element if element.tag == tag("ber:Bericht") else None


def _drop(letter: etree._Element, document: Document) -> None:
    """Take a letter out of its document, and look at where it stood."""
    parent = letter.getparent()
    if parent is None or parent.tag != tag("bvs:Berichten") or (letter.tail or "").strip():
        document.refuse("ber:Bericht: not a child of bvs:Berichten, or text behind it")
    if parent is not None:
        parent.remove(letter)


def _take(element: etree._Element, document: Document) -> None:
    match short(element.tag):
        case "bvs:BatchInformatie":
            _take_batch(element, document)
        case "ber:Bericht":
            _take_letter(element, document)
        case _:
            _take_root(element, document)


def _take_root(root: etree._Element, document: Document) -> None:
    """Check what is left of the document when its letters have been taken out, and what came in at all."""
    if root.getroottree().docinfo.doctype:
        document.refuse("the document holds a DOCTYPE")
    left = [short(one.tag) for one in root]
    if root.getparent() is not None or root.attrib or left[:1] != ["bvs:BatchInformatie"] or left[2:]:
        document.refuse("bvs:Berichten: other children, or in another order, than the schema has")


def _take_batch(element: etree._Element, document: Document) -> None:
    found = list(breaches(element, SHAPES))
    if found or element.getprevious() is not None or document.batch_id != NIL:
        document.refuse(found[0] if found else "bvs:BatchInformatie: not the first child, or not the only one")
        document.batch_id = element.findtext("bvs:BatchID", NIL, NS)
        return
    document.batch_id = element.findtext("bvs:BatchID", NIL, NS)
    document.oin = element.findtext("bvs:BerichtLeverancierID", "", NS)
    document.aanmaakdatum = _moment(element, "bvs:AanmaakDatum", document)
    if not re.fullmatch(r"\d{20}", document.oin, re.ASCII):
        document.complain("batch.oin", "BerichtLeverancierID is not a bare OIN of twenty digits")


def _moment(element: etree._Element, path: str, document: Document) -> datetime | None:
    text = element.findtext(path, None, NS)
    if text is None:
        return None
    if not text.endswith("Z") or "." in text:
        document.complain("document.moment", f"{path}: not in Zulu time and whole seconds")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        document.refuse(f"{path}: a moment that does not exist")
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _take_letter(element: etree._Element, document: Document) -> None:
    document.count += 1
    if found := next(breaches(element, SHAPES), None):
        document.refuse(found)
        return
    given = {short(one.tag): one.text or "" for one in element[0]}
    letter = Letter(
        bericht_id=given["ber:BerichtID"],
        batch_id=given["ber:BatchID"],
        oin=document.oin,
        bsn=given["ber:GebruikerID"],
        berichttype=given["ber:BerichtType"],
        onderwerp=given["ber:Onderwerp"],
        berichttekst=given.get("ber:BerichtTekst", ""),
        referentie=given.get("ber:Referentie"),
        publicatiedatum=_moment(element[0], "ber:PublicatieDatum", document),
        einddatum_handelingstermijn=_moment(element[0], "ber:EindDatumHandelingsTermijn", document),
        bijlagen=tuple(_attachments(element, document)),
    )
    document.letters.append(letter)
    for code, sentence in _letter_faults(letter):
        document.complain(code, sentence)


def _attachments(element: etree._Element, document: Document) -> Iterator[Attachment]:
    for number, bijlage in enumerate(element.iterfind("ber:Bijlagen/ber:Bijlage", NS), start=1):
        octets = _decode(bijlage.findtext("ber:Inhoud", "", NS), document)
        if b"%PDF-" not in octets[:1024]:
            document.complain("bijlage.pdf", "an attachment that does not begin as a PDF")
        if bijlage.findtext("ber:Volgorde", "", NS) != str(number):
            document.complain("bijlage.volgorde", "Volgorde is not 1 for the first and 2 for the second attachment")
        omschrijving = bijlage.findtext("ber:Omschrijving", "", NS)
        if re.search(r'[\\/:*?"<>|\x00-\x1f]', omschrijving) or not omschrijving.strip():
            document.complain("bijlage.omschrijving", "an Omschrijving that is no file name")
        yield Attachment(omschrijving=omschrijving, size=len(octets), sha256=hashlib.sha256(octets).hexdigest())


def _decode(text: str, document: Document) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        pass
    document.complain("bijlage.base64", "Inhoud is not base64 without breaks")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        document.refuse("ber:Inhoud: its text is not as it must be")
        return b""


def _letter_faults(letter: Letter) -> Iterator[tuple[str, str]]:
    if not _passes_elfproef(letter.bsn):
        yield "letter.bsn", "GebruikerID is not nine digits that pass the elfproef"
    for name in ("berichttype", "onderwerp", "berichttekst", "referentie"):
        text = getattr(letter, name)
        if text is not None and (not text.strip() or not unicodedata.is_normalized("NFC", text)):
            yield f"letter.{name}", "a text that is blank, or not in NFC"
        elif text is not None and re.search(r"[\x00-\x1f\x7f-\x9f]", text):
            yield f"letter.{name}", "a line break, tab or other control character"
    if any(_crowded(letter.berichttekst)):
        yield "letter.url", "a link without a blank before and behind it"
    if letter.bsn in "".join(
        (letter.onderwerp, letter.referentie or "", *(one.omschrijving for one in letter.bijlagen))
    ):
        yield "letter.bsn-shown", "the BSN where the citizen's screen shows it"
    if letter.bericht_id == NIL:
        yield "letter.nil", "an all-zero BerichtID"


def _crowded(text: str) -> Iterator[bool]:
    """Tell of each word with a link in it whether the link lacks a blank before or behind it."""
    words = text.split(" ")
    for number, word in enumerate(words):
        if "https://" in word or "http://" in word:
            yield not word.startswith("http") or r"\r\n" in word or number in {0, len(words) - 1}


def _passes_elfproef(bsn: str) -> bool:
    if len(bsn) != BSN_DIGITS or not (bsn.isascii() and bsn.isdigit()) or not bsn.strip("0"):
        return False
    *first, last = map(int, bsn)
    return (sum(weight * digit for weight, digit in zip(range(9, 1, -1), first, strict=True)) - last) % 11 == 0


def _check_ids(document: Document) -> None:
    if any(letter.batch_id != document.batch_id for letter in document.letters):
        document.complain("batch.id", "a letter with another BatchID than its batch")
    if len({letter.key for letter in document.letters}) < len(document.letters):
        document.complain("batch.twice", "a BerichtID twice in one batch")
