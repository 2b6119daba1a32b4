"""GLOBE's document that goes out, written as a stream, and the size it has; `parse_result` reads what comes back."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from lxml import etree
from lxml.builder import ElementMaker

from mobb_client import _xml
from mobb_client.berichtenbox.bericht import Batch, Bericht, as_second, bericht_id
from mobb_client.berichtenbox.bijlage import Bijlage, error_of
from mobb_client.berichtenbox.globe_result import NS_BATCH, NS_RESULT, parse_result
from mobb_client.berichtenbox.regels import MAX_BATCH_BYTES
from mobb_client.berichtenbox.tekst import nfc
from mobb_client.errors import BerichtError, FieldError, Finding

__all__ = [
    "NS_BATCH",
    "NS_BERICHT",
    "NS_RESULT",
    "SCHEMA",
    "SIZE_OF_EMPTY",
    "Document",
    "parse_result",
    "size_of",
    "size_of_batch",
    "write_berichten",
]

NS_BERICHT: Final = "http://schemas.rdw.nl/GEB/BerichtenProsessor/Bericht/Types/2009/01"
SCHEMA: Final = "globe-request.xsd"

_PREFIXES: Final = {"bvs": NS_BATCH, "ber": NS_BERICHT}
_BVS: Final = ElementMaker(namespace=NS_BATCH, nsmap=_PREFIXES)
_BER: Final = f"{{{NS_BERICHT}}}"
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_TAIL: Final = b"</bvs:Berichten>"
_STAND_IN: Final = "AAAA"  # base64 of three octets, in the place of an attachment while the letter is judged
_INHOUD: Final = b"<ber:Inhoud>AAAA</ber:Inhoud>"
_OPEN, _CLOSE = _INHOUD.split(_STAND_IN.encode())

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is known of a document once its last octet is out.

    Args:
        size: octets.
        bijlagen: BerichtID -> SHA-256 in hexadecimal of each of its attachments, before base64, in their order.
    """

    size: int
    bijlagen: dict[UUID, tuple[str, ...]]


def write_berichten(batch: Batch, sink: Sink) -> Document:
    """Write the Berichten document of one batch, UTF-8. Same batch, same octets.

    Each letter is judged by the schema before any of it is written. Of one attachment at a time a block is in memory.

    Args:
        batch: the letters.
        sink: is called with block after block, such as the `write` of a file.

    Raises:
        FieldError: ``batch.size``, before anything is written: more than 100,000,000 octets.
        BerichtError: of one letter, and what was written is to be thrown away: ``bijlage.changed`` or ``bijlage.path``,
            an attachment's file is no longer what it was; ``bericht.schema``, a fault in this library.

    Source: `berichtenbox` b.2; B58, B59.
    """
    size = size_of_batch(batch)
    if size > MAX_BATCH_BYTES:
        raise FieldError("batch.size", field="berichten", measure=f"{size} bytes", limit=MAX_BATCH_BYTES)
    root = _root(batch)
    head = _serialised(root).removesuffix(_TAIL)
    sink(head)
    digests = {}
    for bericht in batch.berichten:
        letter_id = bericht_id(batch.oin, bericht.kenmerk)
        parts = _letter_parts(root, bericht, letter_id, len(head))
        digests[letter_id] = _write_letter(parts, bericht, sink)
    sink(_TAIL)
    return Document(size=size, bijlagen=digests)


def size_of(bericht: Bericht) -> int:
    """Return how many octets a letter takes in a batch's document, exactly and without writing it."""
    size = _SIZE_OF_LETTER + _octets(bericht.berichttype) + _octets(bericht.onderwerp)
    size += _octets(bericht.geschreven_tekst)
    if bericht.referentie is not None:
        size += _SIZE_OF_REFERENTIE + _octets(bericht.referentie)
    if bericht.publicatiedatum is not None:
        size += _SIZE_OF_PUBLICATIE
    if bericht.einddatum_handelingstermijn is not None:
        size += _SIZE_OF_EINDDATUM
    return size + _size_of_bijlagen(bericht.bijlagen)


def size_of_batch(batch: Batch) -> int:
    """Return how many octets a batch's document takes, exactly and without writing it."""
    return SIZE_OF_EMPTY + sum(map(size_of, batch.berichten))


def _root(batch: Batch) -> etree._Element:
    return _BVS.Berichten(
        _BVS.BatchInformatie(
            _BVS.BatchID(str(batch.batch_id)),
            _BVS.AanmaakDatum(_moment(batch.aanmaakdatum)),
            _BVS.BerichtLeverancierID(str(batch.oin)),
        )
    )


def _add_letter(root: etree._Element, letter_id: UUID, bericht: Bericht) -> etree._Element:
    """Add a letter in the order of the schema, with a stand-in for the content of its attachments.

    Element by element into the tree: an ElementMaker makes each apart and moves it, and takes three times as long.
    """
    letter = _add(root, "Bericht")
    _add(letter, "BerichtInformatie", _informatie(root[0][0].text or "", letter_id, bericht))
    if bericht.bijlagen:
        bijlagen = _add(letter, "Bijlagen")
        for number, bijlage in enumerate(bericht.bijlagen, start=1):
            _add(bijlagen, "Bijlage", _bijlage(number, bijlage))
    return letter


def _informatie(batch_id: str, letter_id: UUID, bericht: Bericht) -> Iterator[tuple[str, str]]:
    yield "BatchID", batch_id
    yield "BerichtID", str(letter_id)
    yield "BerichtType", nfc(bericht.berichttype)
    if bericht.publicatiedatum is not None:
        yield "PublicatieDatum", _moment(bericht.publicatiedatum)
    if bericht.einddatum_handelingstermijn is not None:
        yield "EindDatumHandelingsTermijn", _moment(bericht.einddatum_handelingstermijn)
    yield "Onderwerp", nfc(bericht.onderwerp)
    yield "BerichtTekst", bericht.geschreven_tekst
    if bericht.referentie is not None:
        yield "Referentie", nfc(bericht.referentie)
    yield "GebruikerID", bericht.bsn.digits
    yield "SoortGebruiker", "Burger"


def _bijlage(number: int, bijlage: Bijlage) -> Iterator[tuple[str, str]]:
    yield "Inhoud", _STAND_IN
    yield "BijlageType", "Pdf"
    yield "Omschrijving", bijlage.geschreven_omschrijving
    yield "Volgorde", str(number)


def _add(parent: etree._Element, name: str, children: Iterable[tuple[str, str]] = ()) -> etree._Element:
    """Add an element of a letter, and below it elements that hold text."""
    element = etree.SubElement(parent, f"{_BER}{name}")
    for child, text in children:
        etree.SubElement(element, f"{_BER}{child}").text = text
    return element


def _moment(moment: datetime) -> str:
    """Return a moment as GLOBE wants it: ``YYYY-MM-DDThh:mm:ssZ``.

    Source: `berichtenbox` g.6.
    """
    return f"{as_second(moment).replace(tzinfo=None).isoformat()}Z"


def _letter_parts(root: etree._Element, bericht: Bericht, letter_id: UUID, start: int) -> list[bytes]:
    """Return a letter's octets, cut where the content of its attachments goes.

    Raises:
        BerichtError: the schema refuses it; path and rule are named, no value.
    """
    letter = _add_letter(root, letter_id, bericht)
    if not _xml.is_valid(root, SCHEMA):
        found = "; ".join(f"{path} {rule}" for path, rule in _xml.violations(root, SCHEMA))
        refusal = error_of(Finding("bericht.schema", field="bericht", measure=found))
        raise BerichtError(bericht.kenmerk, (refusal,))
    octets = _serialised(root)[start : -len(_TAIL)]
    root.remove(letter)
    return octets.split(_INHOUD)


def _serialised(root: etree._Element) -> bytes:
    return _DECLARATION + etree.tostring(root, xml_declaration=False, encoding="UTF-8")


def _write_letter(parts: list[bytes], bericht: Bericht, sink: Sink) -> tuple[str, ...]:
    """Write one letter, and return the SHA-256 of each attachment."""
    digests = []
    sink(parts[0])
    for number, (bijlage, after) in enumerate(zip(bericht.bijlagen, parts[1:], strict=True), start=1):
        sink(_OPEN)
        try:
            digests.append(_write_content(bijlage, sink))
        except FieldError as error:
            fault = replace(error.finding, field=f"bijlage_{number}")
            raise BerichtError(bericht.kenmerk, (error_of(fault),)) from None
        sink(_CLOSE + after)
    return tuple(digests)


def _write_content(bijlage: Bijlage, sink: Sink) -> str:
    digest = sha256()
    for block in bijlage.blocks():
        digest.update(block)
        sink(b2a_base64(block, newline=False))
    return digest.hexdigest()


def _octets(text: str) -> int:
    """Return how many octets a text takes in the document: UTF-8, with the three escapes of XML text."""
    written = nfc(text)
    return len(written.encode()) + 4 * written.count("&") + 3 * (written.count("<") + written.count(">"))


def _base64_octets(octets: int) -> int:
    return (octets + 2) // 3 * 4


def _size_of_bijlagen(bijlagen: tuple[Bijlage, ...]) -> int:
    if not bijlagen:
        return 0
    return _SIZE_OF_BIJLAGEN + sum(
        _SIZE_OF_BIJLAGE + _base64_octets(bijlage.size) + _octets(bijlage.geschreven_omschrijving)
        for bijlage in bijlagen
    )


def _tags(*names: str) -> int:
    """Return how many octets the tags of these elements take."""
    return sum(len(f"<ber:{name}></ber:{name}>") for name in names)


def _size_of_empty() -> int:
    namespaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _PREFIXES.items())
    root = len(f"<bvs:Berichten{namespaces}>") + len(_TAIL)
    return len(_DECLARATION) + root + _tags(*_OF_BATCH) + _UUID + _MOMENT + _OIN


_UUID: Final = 36
_OIN: Final = 20
_MOMENT: Final = len("2026-01-01T00:00:00Z")
_OF_BATCH: Final = ("BatchInformatie", "BatchID", "AanmaakDatum", "BerichtLeverancierID")
_SIZE_OF_LETTER: Final = (
    _tags("Bericht", "BerichtInformatie", "BatchID", "BerichtID", "BerichtType", "Onderwerp", "BerichtTekst")
    + _tags("GebruikerID", "SoortGebruiker")
    + 2 * _UUID
    + len("999993653Burger")
)
_SIZE_OF_REFERENTIE: Final = _tags("Referentie")
_SIZE_OF_PUBLICATIE: Final = _tags("PublicatieDatum") + _MOMENT
_SIZE_OF_EINDDATUM: Final = _tags("EindDatumHandelingsTermijn") + _MOMENT
_SIZE_OF_BIJLAGEN: Final = _tags("Bijlagen")
_SIZE_OF_BIJLAGE: Final = _tags("Bijlage", "Inhoud", "BijlageType", "Omschrijving", "Volgorde") + len("Pdf1")
SIZE_OF_EMPTY: Final = _size_of_empty()
"""Octets of a batch's document without any letter."""
