"""GLOBE's document that goes out, written as a stream, and the size it has; `parse_result` reads what comes back."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Final
from uuid import UUID

from lxml import etree

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
    "write_berichten",
]

NS_BERICHT: Final = "http://schemas.rdw.nl/GEB/BerichtenProsessor/Bericht/Types/2009/01"
SCHEMA: Final = "globe-request.xsd"

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOT: Final = f'<bvs:Berichten xmlns:bvs="{NS_BATCH}" xmlns:ber="{NS_BERICHT}">'
_TAIL: Final = b"</bvs:Berichten>"
_STAND_IN: Final = "AAAA"  # base64 of three octets, in the place of an attachment while the letter is judged
_INHOUD: Final = f"<ber:Inhoud>{_STAND_IN}</ber:Inhoud>".encode()
_CUT: Final = b"\0"  # an octet that no XML has
_OPENED: Final = _INHOUD.replace(_STAND_IN.encode(), _CUT)

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
        FieldError: ``batch.size``, before the letter that makes it more than 100,000,000 octets is written.
        BerichtError: of one letter: ``bijlage.changed`` or ``bijlage.path``, an attachment's file is no longer what it
            was; ``bericht.schema``, a fault in this library.

    Whatever is raised, what was written is to be thrown away.

    Source: `berichtenbox` b.2; B58, B59.
    """
    head = _head(batch)
    sink(head)
    size = len(head) + len(_TAIL)
    digests = {}
    for bericht in batch.berichten:
        letter_id = bericht_id(batch.oin, bericht.kenmerk)
        letter = _letter(batch, letter_id, bericht)
        _judge(head, letter, bericht)
        size += len(letter) + sum(_base64_octets(one.size) - len(_STAND_IN) for one in bericht.bijlagen)
        if size > MAX_BATCH_BYTES:
            raise FieldError("batch.size", field="berichten", measure=f"{size} bytes", limit=MAX_BATCH_BYTES)
        digests[letter_id] = _write_letter(_cut(letter), bericht, sink)
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


def _head(batch: Batch) -> bytes:
    """Return what stands before the first letter."""
    informatie = _element("bvs:BatchID", str(batch.batch_id))
    informatie += _element("bvs:AanmaakDatum", _moment(batch.aanmaakdatum))
    informatie += _element("bvs:BerichtLeverancierID", str(batch.oin))
    return f"{_DECLARATION}{_ROOT}<bvs:BatchInformatie>{informatie}</bvs:BatchInformatie>".encode()


def _letter(batch: Batch, letter_id: UUID, bericht: Bericht) -> bytes:
    """Return a letter in the order of the schema, with a stand-in for the content of its attachments.

    Written as text and then parsed to be judged: that takes half as long as a tree that is built and written, and
    judges the very octets that go out.
    """
    bijlagen = "".join(map(_bijlage, bericht.bijlagen, count(1)))
    return (
        f"<ber:Bericht><ber:BerichtInformatie>{_informatie(str(batch.batch_id), letter_id, bericht)}"
        f"</ber:BerichtInformatie>{f'<ber:Bijlagen>{bijlagen}</ber:Bijlagen>' if bijlagen else ''}</ber:Bericht>"
    ).encode()


def _informatie(batch_id: str, letter_id: UUID, bericht: Bericht) -> str:
    publicatie, einddatum = bericht.publicatiedatum, bericht.einddatum_handelingstermijn
    return "".join(
        (
            _element("ber:BatchID", batch_id),
            _element("ber:BerichtID", str(letter_id)),
            _element("ber:BerichtType", nfc(bericht.berichttype)),
            "" if publicatie is None else _element("ber:PublicatieDatum", _moment(publicatie)),
            "" if einddatum is None else _element("ber:EindDatumHandelingsTermijn", _moment(einddatum)),
            _element("ber:Onderwerp", nfc(bericht.onderwerp)),
            _element("ber:BerichtTekst", bericht.geschreven_tekst),
            "" if bericht.referentie is None else _element("ber:Referentie", nfc(bericht.referentie)),
            _element("ber:GebruikerID", bericht.bsn.digits),
            "<ber:SoortGebruiker>Burger</ber:SoortGebruiker>",
        )
    )


def _bijlage(bijlage: Bijlage, number: int) -> str:
    omschrijving = _element("ber:Omschrijving", bijlage.geschreven_omschrijving)
    return (
        f"<ber:Bijlage><ber:Inhoud>{_STAND_IN}</ber:Inhoud><ber:BijlageType>Pdf</ber:BijlageType>"
        f"{omschrijving}<ber:Volgorde>{number}</ber:Volgorde></ber:Bijlage>"
    )


def _element(name: str, text: str) -> str:
    """Return an element with text, by the escapes of canonical XML; a CR is in no text that is written (B59)."""
    return f"<{name}>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</{name}>"


def _moment(moment: datetime) -> str:
    """Return a moment as GLOBE wants it: ``YYYY-MM-DDThh:mm:ssZ``.

    Source: `berichtenbox` g.6.
    """
    return f"{as_second(moment).replace(tzinfo=None).isoformat()}Z"


def _judge(head: bytes, letter: bytes, bericht: Bericht) -> None:
    """Judge a letter as the only one of its batch.

    Raises:
        BerichtError: the schema refuses it; path and rule are named, no value.
    """
    root = etree.fromstring(b"".join((head, letter, _TAIL)))
    if not _xml.is_valid(root, SCHEMA):
        found = "; ".join(f"{path} {rule}" for path, rule in _xml.violations(root, SCHEMA))
        refusal = error_of(Finding("bericht.schema", field="bericht", measure=found))
        raise BerichtError(bericht.kenmerk, (refusal,))


def _cut(letter: bytes) -> list[bytes]:
    """Return a letter's octets, cut where the content of its attachments goes."""
    return letter.replace(_INHOUD, _OPENED).split(_CUT)


def _write_letter(parts: list[bytes], bericht: Bericht, sink: Sink) -> tuple[str, ...]:
    """Write one letter, and return the SHA-256 of each attachment."""
    digests = []
    sink(parts[0])
    for number, (bijlage, after) in enumerate(zip(bericht.bijlagen, parts[1:], strict=True), start=1):
        try:
            digests.append(_write_content(bijlage, sink))
        except FieldError as error:
            fault = replace(error.finding, field=f"bijlage_{number}")
            raise BerichtError(bericht.kenmerk, (error_of(fault),)) from None
        sink(after)
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
    return len(_DECLARATION) + len(_ROOT) + len(_TAIL) + _tags(*_OF_BATCH) + _UUID + _MOMENT + _OIN


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
