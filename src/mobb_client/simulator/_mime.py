"""HTTP headers and MIME as a strict partner reads them: lines end in CRLF, octets stay as they are.

Headers are read by the standard library's `email`; the body is cut by hand, since `email` takes a hundred megabytes
line by line.

Source: `digikoppeling-ebms2` b.1 and b.2.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Final

from mobb_client.simulator._body import Body, Buffer, Part
from mobb_client.simulator._complaints import EMPTY, SOAP_FAULT, Fault, UnreadableError, unreadable

_FORBIDDEN: Final = ("mime-version", "content-transfer-encoding", "content-encoding", "expect", "authorization")
_XML_TYPE: Final = "text/xml; charset=utf-8"
_BOUNDARY_LENGTH: Final = 70
_MULTIPART: Final = re.compile(
    r'multipart/related; boundary="[^"]+"; type="text/xml"; start="<[^<>"]+>"; start-info="text/xml"'
)
_CONTENT_ID: Final = re.compile(r"<([A-Za-z0-9._@-]+)>")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A body taken apart: the envelope, the root part's Content-ID, and the payloads by theirs, in their order."""

    envelope: bytes
    root_id: str | None
    payloads: Mapping[str, Part]
    faults: tuple[Fault, ...]


def headers_of(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers by lower-case name."""
    return {name.lower(): value for name, value in given.items()}


def check_request(headers: Mapping[str, str], size: int) -> Iterator[Fault]:
    """Find what is wrong with the headers of an HTTP request; names in lower case."""
    if headers.get("soapaction") != '"ebXML"':
        yield Fault("http.soap-action", 'SOAPAction is not "ebXML", quotes included', SOAP_FAULT)
    for name in _FORBIDDEN:
        if name in headers:
            yield Fault("http.header", f"an ebMS request has no {name} header")
    if headers.get("content-length", str(size)) != str(size):
        yield Fault("http.content-length", "Content-Length is not the size of the body")
    yield from _check_content_type(headers.get("content-type", ""))


def _check_content_type(value: str) -> Iterator[Fault]:
    if value.startswith("multipart/related"):
        if not _MULTIPART.fullmatch(value):
            yield Fault("http.content-type", "multipart/related without boundary, type, start and start-info as usual")
        if len(_parameter(value, "boundary")) > _BOUNDARY_LENGTH:
            yield Fault("mime.boundary", "a boundary has at most 70 characters")
    elif value.lower() != _XML_TYPE:
        yield Fault("http.content-type", "neither multipart/related nor text/xml; charset=UTF-8", EMPTY)


def _parameter(content_type: str, name: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    found = message.get_param(name, "")
    return found if isinstance(found, str) else ""


def unpack(content_type: str, body: Body) -> Unpacked:
    """Take a body apart.

    Raises:
        UnreadableError: it is no MIME body that a strict partner can read.
    """
    if not content_type.startswith("multipart/"):
        return Unpacked(bytes(body), None, {}, ())
    boundary = _parameter(content_type, "boundary")
    if not boundary.isascii() or not boundary:
        raise unreadable("mime.boundary", "the Content-Type names no boundary")
    faults: list[Fault] = []
    first, *rest = (_read(body.buffer, *place, faults) for place in _places(body.buffer, boundary.encode()))
    start = _parameter(content_type, "start")
    if first.name is None or start != f"<{first.name}>":
        faults.append(Fault("mime.start", "start does not name the first part"))
    if (first.type or "").lower() != _XML_TYPE:
        faults.append(Fault("mime.root-type", "the envelope's part is not text/xml; charset=UTF-8"))
    return Unpacked(bytes(first.octets), first.name, _by_name(rest, faults), tuple(faults))


@dataclass(frozen=True, slots=True)
class _Part:
    name: str | None
    type: str | None
    octets: Part


def _by_name(parts: list[_Part], faults: list[Fault]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for part in parts:
        if part.name is None or part.name in found:
            faults.append(Fault("mime.content-id", "a part without a Content-ID of its own", "MimeProblem"))
        else:
            found[part.name] = part.octets
        if not part.type:
            faults.append(Fault("mime.type", "a part without Content-Type"))
    return found


def _places(buffer: Buffer, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Give begin and end of every part, headers included.

    Raises:
        UnreadableError: the first delimiter is not where the body begins, a line does not end in CRLF, or none closes.
    """
    delimiter = b"\r\n--" + boundary
    if buffer[: len(delimiter) - 2] != delimiter[2:]:
        raise unreadable("mime.preamble", "the body does not begin with its boundary")
    at = len(delimiter) - 2
    while buffer[at : at + 4] not in {b"--\r\n", b"--"}:
        if buffer[at : at + 2] != b"\r\n":
            raise unreadable("mime.delimiter", "a delimiter line does not end in CRLF")
        end = buffer.find(delimiter, at)
        if end < 0:
            raise unreadable("mime.closing", "the body has no closing delimiter")
        yield at, end
        at = end + len(delimiter)
    if at + 4 < len(buffer):
        raise unreadable("mime.epilogue", "octets behind the closing delimiter")
    if at == len(delimiter) - 2:
        raise unreadable("mime.empty", "a multipart body without parts")


def _read(buffer: Buffer, begin: int, end: int, faults: list[Fault]) -> _Part:
    """Read one part; `begin` is at the CRLF of its delimiter line."""
    head_end = buffer.find(b"\r\n\r\n", begin, end)
    if head_end < 0:
        raise unreadable("mime.headers", "a part's headers do not end in an empty line")
    head = BytesHeaderParser(policy=compat32).parsebytes(buffer[begin + 2 : head_end + 4])
    return _Part(
        name=_content_id(head, faults),
        type=head.get("Content-Type"),
        octets=_decoded(head, Part(buffer, head_end + 4, end), faults),
    )


def _content_id(head: Message, faults: list[Fault]) -> str | None:
    given = head.get_all("Content-ID", [])
    match = _CONTENT_ID.fullmatch(str(given[0])) if len(given) == 1 else None
    if given and match is None:
        faults.append(Fault("mime.content-id", "a Content-ID is one name in angle brackets, without escapes"))
    return match[1] if match else None


def _decoded(head: Message, octets: Part, faults: list[Fault]) -> Part:
    encoding = str(head.get("Content-Transfer-Encoding", "binary")).lower()
    if encoding == "binary":
        return octets
    faults.append(Fault("mime.encoding", "a Content-Transfer-Encoding other than binary"))
    if encoding != "base64":
        return octets
    try:
        decoded = base64.b64decode(bytes(octets))
    except binascii.Error:
        raise UnreadableError(Fault("mime.base64", "a part says base64 and is not", "MimeProblem")) from None
    return Part(decoded, 0, len(decoded))
