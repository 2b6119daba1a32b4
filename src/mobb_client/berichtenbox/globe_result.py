"""GLOBE's answer to a batch, read: lenient where nothing hangs on it, strict where a letter does."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from lxml import etree

from mobb_client import _xml
from mobb_client.berichtenbox.resultaat import AANTALLEN, BatchResultaat, BerichtResultaat
from mobb_client.errors import Finding, FormatError

NS_BATCH: Final = "http://schemas.rdw.nl/GEB/BerichtVerwerkService/Types/2009/01"
NS_RESULT: Final = "http://schemas.rdw.nl/GEB/BerichtVerwerkService/BerichtResultaat/Types/2009/01"

MAX_OCTETS: Final = 8_000_000
"""A result that is larger, unpacked, is not read: that of a thousand letters takes half a megabyte."""
_MAX_MARKS: Final = 100_000
_MOST_MEMBERS: Final = 8
_GZIP: Final = b"\x1f\x8b"
_ROOT: Final = f"{{{NS_BATCH}}}BerichtVerwerkResponse"
_BERICHT: Final = f"{{{NS_RESULT}}}Bericht"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INT: Final = re.compile(r"[+-]?[0-9]{1,10}")
_NO_ZONE: Final = re.compile(r"T[^Z+-]*")

_OF_A_LETTER: Final = ("BerichtID", "BerichtType", "VerwerkingsCode", "Stadium")
_AS_IN_THE_SCHEMA: Final = frozenset({_OF_A_LETTER, _OF_A_LETTER[:3]})

_Parts = dict[str, list[etree._Element]]  # noqa: SLF001 - lxml has no other name for the type


def parse_result(data: bytes) -> BatchResultaat:
    """Read a BerichtVerwerkResponse, gzipped or not.

    Names are looked for in their own namespaces first, and by local name when that finds nothing. What no verdict hangs
    on (counts, dates, the supplier's code) may be missing or unreadable: that is a warning, since a refused result is a
    letter without an ending.

    Raises:
        FormatError: no such document, larger than 8 MB, or without a readable BatchID, BerichtID or VerwerkingsCode.

    Source: `berichtenbox` b.3, c.2, c.3, c.5; B64, B65, B66, B68, B70.
    """
    root = _xml.parse(_bounded(data), "result")
    if _local(str(root.tag)) != "BerichtVerwerkResponse":
        raise FormatError("result.root", "the document is no BerichtVerwerkResponse", location="/")
    reader = _Reader(root)
    parts = _parts(root)
    head = _parts(reader.child(parts, "BerichtVerwerkResponse", "BatchInformatie"))
    letters = _parts(reader.child(parts, "BerichtVerwerkResponse", "Berichten"))
    return BatchResultaat(
        batch_id=reader.guid(head, "BatchInformatie", "BatchID"),
        oin=reader.optional(head, "BerichtLeverancierCode"),
        aantallen=dict(reader.counts(head)),
        datum_ontvangen=reader.moment(head, "DatumOntvangen"),
        datum_verwerkt=reader.moment(head, "DatumVerwerkt"),
        berichten=tuple(map(reader.letter, reader.children(letters, _BERICHT))),
        warnings=tuple(reader.findings),
    )


class _Reader:
    """Reads the parts of a result, and keeps what is odd about them."""

    def __init__(self, root: etree._Element) -> None:
        self.findings: list[Finding] = []
        self._stray = False
        if root.tag != _ROOT:
            self._strayed("BerichtVerwerkResponse")

    def letter(self, bericht: etree._Element) -> BerichtResultaat:
        """Read one verdict."""
        children = list(bericht)
        if (
            tuple([child.tag for child in children]) in _AS_IN_THE_SCHEMA
        ):  # so nothing has to be looked for: 1.5 us less
            letter, berichttype, code = children[:3]
            return _verdict(letter, berichttype, code, children[3:])
        parts = _parts(bericht)
        return _verdict(
            self.child(parts, "Bericht", "BerichtID"),
            next(iter(self.children(parts, "BerichtType")), None),
            self.child(parts, "Bericht", "VerwerkingsCode"),
            self.children(parts, "Stadium"),
        )

    def guid(self, parts: _Parts, parent: str, name: str) -> UUID:
        """Return the GUID of the one child of that name."""
        return _guid(self.child(parts, parent, name), f"{parent}/{name}")

    def child(self, parts: _Parts, parent: str, name: str) -> etree._Element:
        """Return the one child of that name.

        Raises:
            FormatError: it is missing or doubled.
        """
        found = self.children(parts, name)
        if len(found) != 1:
            path = f"{parent}/{name}"
            raise FormatError("xml.once", f"{path}: expected once, found {len(found)} times", location=path)
        return found[0]

    def children(self, parts: _Parts, tag: str) -> Sequence[etree._Element]:
        """Return the children of that name: in its own namespace, or else by local name."""
        if found := parts.get(tag):
            return found
        name = _local(tag)
        stray = [each for other, found in parts.items() if _local(other) == name for each in found]
        if stray:
            self._strayed(name)
        return stray

    def optional(self, parts: _Parts, name: str) -> str | None:
        """Return the text of a child that no verdict hangs on, with a warning when it is not there once."""
        found = self.children(parts, name)
        text = _xml.content(found[0]) if len(found) == 1 else ""
        if not text:
            self._unreadable(name, f"found {len(found)} times" if len(found) != 1 else "empty")
        return text or None

    def counts(self, parts: _Parts) -> Iterator[tuple[str, int]]:
        """Return the counts that can be read."""
        for name in AANTALLEN:
            text = self.optional(parts, name)
            if text is not None and _INT.fullmatch(text):
                yield name, int(text)
            elif text is not None:
                self._unreadable(name, "no number")

    def moment(self, parts: _Parts, name: str) -> datetime | None:
        """Return a date when it can be read; one without zone is taken as UTC, and said."""
        text = self.optional(parts, name)
        if text is None:
            return None
        try:
            found = _xml.moment(text, name)
        except FormatError:
            self._unreadable(name, "no dateTime")
            return None
        if _NO_ZONE.fullmatch(text[10:]):
            self.findings.append(Finding("result.zone", field=name, measure="no zone", severity="warning"))
        return found

    def _strayed(self, name: str) -> None:
        """Note once that names stand in another namespace than the schema's."""
        if not self._stray:
            self.findings.append(Finding("result.namespace", field=name, measure="another", severity="warning"))
        self._stray = True

    def _unreadable(self, name: str, how: str) -> None:
        self.findings.append(Finding("result.part", field=name, measure=how, severity="warning"))


def _verdict(
    letter: etree._Element,
    berichttype: etree._Element | None,
    code: etree._Element,
    stadia: Sequence[etree._Element],
) -> BerichtResultaat:
    found = _guid(letter, "Bericht/BerichtID")
    told = [text for each in stadia if (text := _xml.content(each)) and not _is_nil(each)]
    return BerichtResultaat(
        bericht_id=found if found.int else None,
        berichttype=None if berichttype is None else _xml.content(berichttype) or None,
        code=_xml.content(code),
        stadium=told[0] if told else None,
    )


def _guid(element: etree._Element, path: str) -> UUID:
    text = _xml.content(element)
    if not _GUID.fullmatch(text):
        raise FormatError("result.guid", f"{path}: no GUID", location=path)
    return UUID(text)


def _bounded(data: bytes) -> bytes:
    """Return the XML, unpacked when it is packed, and never more of it than a result can be.

    Source: `berichtenbox` c.5; B70.
    """
    if len(data) > MAX_OCTETS:
        raise _too_large()
    octets = _unpacked(data) if data.startswith(_GZIP) else data
    if octets.count(b"<") + octets.count(b"=") > _MAX_MARKS:
        raise _too_large()
    return octets


def _unpacked(data: bytes) -> bytes:
    """Return what a gzip file holds, in one member or a few."""
    found, rest = b"", data
    for _ in range(_MOST_MEMBERS):
        more, rest = _member(rest, MAX_OCTETS - len(found))
        found += more
        if not rest:
            return found
    raise FormatError("result.gzip", "the result is packed in too many pieces")


def _member(data: bytes, most: int) -> tuple[bytes, bytes]:
    """Return what one gzip member holds, and what comes after it."""
    member = zlib.decompressobj(wbits=31)
    try:
        found = member.decompress(data, most + 1)
    except zlib.error:
        raise FormatError("result.gzip", "the result is packed, and cannot be unpacked") from None
    if len(found) > most:
        raise _too_large()
    if not member.eof:
        raise FormatError("result.gzip", "the result is packed, and its end is missing")
    return found, member.unused_data.lstrip(b"\0")  # padding is allowed


def _too_large() -> FormatError:
    return FormatError("result.size", "the result is larger than that of a thousand letters can be")


def _parts(parent: etree._Element) -> _Parts:
    """Return the children of an element by tag.

    One walk over them instead of one for each name: of 1,000 letters read, that takes 6 of 8 ms away.
    """
    found: _Parts = {}
    for child in parent:
        found.setdefault(str(child.tag), []).append(child)
    return found


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _is_nil(element: etree._Element) -> bool:
    return element.get(_NIL, "").strip() in {"true", "1"}
