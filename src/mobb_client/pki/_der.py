"""Just enough DER for what cryptography does not tell: where an element ends, and names in old encodings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_VERSION: Final = 0xA0
_WIDE: Final = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}  # BMPString, UniversalString
_SHORT_LENGTH: Final = 0x80
_SHORT_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
}
_LENGTH: Final = rb"(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)"
_STORE: Final = re.compile(rb"\x30" + _LENGTH + rb"\x02\x01\x03", re.DOTALL)
_ENCRYPTED_KEY: Final = re.compile(rb"\x30" + _LENGTH + rb"\x30" + _LENGTH + rb"\x06", re.DOTALL)
_SPECIAL: Final = str.maketrans({character: f"\\{character}" for character in '\\,+"<>;='})


def first(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """Return tag, first and last offset of the content of the element that begins at `at`.

    Raises:
        ValueError: there is no whole element there.
    """
    if at + 2 > len(data):
        raise ValueError("no element")
    octets = max(data[at + 1] - _SHORT_LENGTH, 0)
    start = at + 2 + octets
    end = start + (int.from_bytes(data[at + 2 : start]) if octets else data[at + 1])
    if end > len(data):
        raise ValueError("element without an end")
    return data[at], start, end


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return tag and content of each element in `data`, one after the other."""
    at = 0
    while at < len(data):
        tag, start, at = first(data, at)
        yield tag, data[start:at]


def one_element(data: bytes) -> bytes:
    """Return the first element of `data`, without what follows it (the trust settings of a TRUSTED CERTIFICATE)."""
    return data[: first(data)[2]]


def is_store(data: bytes) -> bool:
    """Tell whether `data` begins as a PKCS #12 store does: a sequence that begins with the number 3."""
    return _STORE.match(data) is not None


def is_whole(data: bytes) -> bool:
    """Tell whether the first element is all there; one of indefinite length (old stores) is taken to be."""
    try:
        return data[1] == _SHORT_LENGTH or first(data)[2] <= len(data)
    except ValueError:
        return False


def is_encrypted_key(data: bytes) -> bool:
    """Tell whether `data` begins as an encrypted PKCS #8 key does: two sequences and the identifier of an algorithm."""
    return _ENCRYPTED_KEY.match(data) is not None


def subject(certificate_info: bytes) -> list[tuple[str, str]]:
    """Return (object identifier, text) of each part of the subject's name, in the order of the certificate.

    A text that is not in the encoding of its type is read as Latin-1, which is what old issuers put there.

    Args:
        certificate_info: TBSCertificate, from a certificate that cryptography has read.

    Source: RFC 5280 section 4.1; B56.
    """
    ((_, body),) = elements(certificate_info)
    parts = [content for tag, content in elements(body) if tag != _VERSION]
    return [_attribute(attribute) for _, group in elements(parts[4]) for _, attribute in elements(group)]


def rfc4514(parts: list[tuple[str, str]]) -> str:
    """Return a name's parts as one line of text, last part first."""
    return ",".join(f"{_SHORT_NAMES.get(oid, oid)}={text.translate(_SPECIAL)}" for oid, text in reversed(parts))


def _attribute(data: bytes) -> tuple[str, str]:
    (_, oid), (tag, value) = elements(data)
    try:
        return _dotted(oid), value.decode(_WIDE.get(tag, "utf-8"))
    except UnicodeDecodeError:
        return _dotted(oid), value.decode("latin-1")


def _dotted(oid: bytes) -> str:
    arcs, arc = [], 0
    for octet in oid:
        arc = arc << 7 | octet & 0x7F
        if octet < _SHORT_LENGTH:
            arcs.append(arc)
            arc = 0
    return ".".join(map(str, [min(arcs[0] // 40, 2), arcs[0] - 40 * min(arcs[0] // 40, 2), *arcs[1:]]))
