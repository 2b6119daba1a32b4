"""Which letters a Berichten document holds, without showing what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from lxml import etree

from mobb_client.berichtenbox.globe import NS_BATCH, NS_BERICHT
from mobb_client.berichtenbox.identiteit import masked
from mobb_client.errors import FormatError

_BERICHT: Final = f"{{{NS_BERICHT}}}Bericht"
_NAMES: Final = {"ber": NS_BERICHT, "bvs": NS_BATCH}
_INFORMATIE: Final = "ber:BerichtInformatie/ber:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter of a document, as it may be shown to anyone: no BSN, no subject, no text.

    `bijlagen` holds the size of each attachment in octets before base64, as far as the base64 is whole.
    """

    batch_id: str
    bericht_id: str
    berichttype: str
    bsn: str
    bijlagen: tuple[int, ...]


def letters_in(document: bytes) -> Iterator[Letter]:
    """Give the letters of a Berichten document one by one; one letter is in memory at a time.

    Raises:
        FormatError: not well-formed XML, or it holds a DOCTYPE.
    """
    if b"<!DOCTYPE" in document[:1000]:
        raise FormatError("xml.doctype", "Berichten: holds a DOCTYPE, which is never read")
    steps = etree.iterparse(BytesIO(document), tag=_BERICHT, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        for _, element in steps:
            yield _letter(element)
            element.clear()
            _forget_before(element)
    except etree.XMLSyntaxError:
        raise FormatError("xml.syntax", "Berichten: not well-formed XML") from None


def _letter(element: etree._Element) -> Letter:
    return Letter(
        batch_id=_text(element, "BatchID"),
        bericht_id=_text(element, "BerichtID"),
        berichttype=_text(element, "BerichtType"),
        bsn=masked(_text(element, "GebruikerID")),
        bijlagen=tuple(map(_octets, element.findall("ber:Bijlagen/ber:Bijlage/ber:Inhoud", _NAMES))),
    )


def _text(element: etree._Element, name: str) -> str:
    """Return a short text; anything longer than an id is no id."""
    return (element.findtext(_INFORMATIE + name, "", _NAMES) or "").strip()[:40]


def _octets(inhoud: etree._Element) -> int:
    text = inhoud.text or ""
    return len(text) // 4 * 3 - text[-2:].count("=")


def _forget_before(element: etree._Element) -> None:
    """Let go of the letters that were given already."""
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
