"""The MIME multipart/related around a message: written as a stream, read in every shape that partners send.

Source: `digikoppeling-ebms2` section b.2 and notes h-43 to h-52.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

from mobb_client.errors import FormatError

MAX_PARTS: Final = 10_000
_MAX_PART_HEADERS: Final = 64 * 1024
_PARAMETER: Final = re.compile(r';\s*([^=;\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_SAFE_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9._@-]{1,200}")
_CRLF: Final = b"\r\n"


# Writing


def boundary_for(message_id: str) -> str:
    """Return a boundary of 37 characters that follows from the MessageId, so that the same message has the same octets.

    A MessageId is random, so no payload that was made before it can hold the boundary.
    """
    return "mobb-" + sha256(message_id.encode()).hexdigest()[:32]


def content_type(message_id: str) -> str:
    """Return the HTTP Content-Type of a message with payloads. Source: `digikoppeling-ebms2` b.1; B02."""
    return (
        f'multipart/related; boundary="{boundary_for(message_id)}"; type="text/xml"; '
        f'start="<{message_id}>"; start-info="text/xml"'
    )


def http_headers(message_id: str, *, multipart: bool) -> dict[str, str]:
    """Return the headers of the HTTP request: never MIME-Version (B01), SOAPAction with its quotes (B10)."""
    kind = content_type(message_id) if multipart else "text/xml; charset=UTF-8"
    return {"Content-Type": kind, "SOAPAction": '"ebXML"'}


def part_head(message_id: str, content_id: str, kind: str, filename: str | None = None) -> bytes:
    """Return the delimiter and headers that stand before one part's octets.

    Only XML parts go without Content-Transfer-Encoding, others say ``binary``, as the field does (b.2).
    """
    if not _SAFE_CONTENT_ID.fullmatch(content_id):
        raise ValueError("a Content-ID holds letters, digits and . _ - @ only")
    lines = [f"--{boundary_for(message_id)}", f"Content-Type: {kind}", f"Content-ID: <{content_id}>"]
    if filename is not None:
        lines.append(f'Content-Disposition: attachment; filename="{filename}"')
    if "xml" not in kind.partition(";")[0]:
        lines.append("Content-Transfer-Encoding: binary")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def closing(message_id: str) -> bytes:
    """Return the closing delimiter, with the line break that belongs before it."""
    return f"\r\n--{boundary_for(message_id)}--\r\n".encode("ascii")


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One MIME part as it came in: its octets after undoing base64 or quoted-printable.

    `content_id` is without angle brackets; `filename` is a label and never a path. Neither is signed.
    """

    octets: bytes
    content_id: str | None = None
    content_type: str = ""
    filename: str | None = None

    def __repr__(self) -> str:
        """Name the part without its octets."""
        return f"Part({self.content_id!r}, {self.content_type!r}, {len(self.octets)} octets)"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A message taken apart: the envelope's octets and the parts after it, in their order."""

    envelope: bytes
    parts: tuple[Part, ...] = ()


def parse_content_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the media type in lower case and the parameters, read tolerantly: quotes may be absent (`h-45`)."""
    kind, _, _ = value.partition(";")
    parameters = {}
    for match in _PARAMETER.finditer(value):
        given = match.group(2).strip()
        parameters[match.group(1).lower()] = re.sub(r"\\(.)", r"\1", given[1:-1]) if given[:1] == '"' else given
    return kind.strip().lower(), parameters


def unpack(content_type_value: str, body: bytes) -> Unpacked:
    """Take an HTTP body apart: the envelope is the part that `start` names, else the first (`h-44`).

    Args:
        content_type_value: the HTTP Content-Type; anything that is not multipart is a bare envelope.
        body: the octets of the HTTP body.

    Raises:
        FormatError: MimeProblem: no boundary, no parts, too many, a part without end, unreadable headers or base64.
    """
    kind, parameters = parse_content_type(content_type_value)
    if not kind.startswith("multipart/"):
        return Unpacked(body)
    boundary = parameters.get("boundary", "")
    if not boundary:
        raise _problem("boundary", "the Content-Type names no boundary")
    parts = [_read_part(octets) for octets in _split(body, boundary.encode("latin-1", "replace"))]
    root = _root_index(parts, parameters.get("start", ""))
    return Unpacked(parts[root].octets, tuple(parts[:root] + parts[root + 1 :]))


def find_part(parts: tuple[Part, ...], href: str) -> Part | None:
    """Return the part that a ``cid:`` reference means: compared as it stands, and else after %-decoding (`h-43`)."""
    wanted = href.removeprefix("cid:")
    for candidate in (wanted, unquote(wanted)):
        for part in parts:
            if part.content_id == candidate:
                return part
    return None


def _problem(code: str, sentence: str) -> FormatError:
    return FormatError(f"mime.{code}", sentence, ebms_code="MimeProblem")


def _root_index(parts: list[Part], start: str) -> int:
    wanted = start.strip().strip("<>")
    return next((index for index, part in enumerate(parts) if wanted and part.content_id == wanted), 0)


def _split(body: bytes, boundary: bytes) -> list[memoryview]:
    """Return the octets of each part, found with `bytes.find`: a regular expression is ten times slower here."""
    delimiter = b"--" + boundary
    view = memoryview(body)
    found: list[memoryview] = []
    begin = None
    at = _next_delimiter(body, delimiter, 0)
    while at is not None:
        if begin is not None:
            found.append(view[begin : _end_of_part(body, at, begin)])
        after = at + len(delimiter)
        if body[after : after + 2] == b"--":
            break
        if len(found) >= MAX_PARTS:
            raise _problem("parts", f"more than {MAX_PARTS} parts")
        begin = body.find(b"\n", after) + 1
        at = _next_delimiter(body, delimiter, begin - 1)
    else:
        raise _problem("unclosed", "the closing boundary is missing: the message is not whole")
    if not found:
        raise _problem("empty", "a multipart message without parts")
    return found


def _next_delimiter(body: bytes, delimiter: bytes, start: int) -> int | None:
    """Return where the next delimiter line begins: at the start of a line, nothing but blanks or ``--`` behind it."""
    at = body.find(delimiter, start)
    while at >= 0:
        end = at + len(delimiter)
        line = body[end : end + 80].partition(b"\n")
        closes = line[0].startswith(b"--")
        opens = bool(line[1]) and not line[0].strip()
        if (at == 0 or body[at - 1 : at] == b"\n") and (closes or opens):
            return at
        at = body.find(delimiter, at + 1)
    return None


def _end_of_part(body: bytes, delimiter_at: int, begin: int) -> int:
    """Return where a part's octets end: the line break before the delimiter is not part of them."""
    if delimiter_at - 2 >= begin and body[delimiter_at - 2 : delimiter_at] == _CRLF:
        return delimiter_at - 2
    return max(delimiter_at - 1, begin)


def _read_part(octets: memoryview) -> Part:
    headers, start = _part_headers(octets)
    raw = bytes(octets[start:])
    return Part(
        octets=_decode(headers.get("content-transfer-encoding", ""), raw),
        content_id=_content_id(headers.get("content-id")),
        content_type=headers.get("content-type", ""),
        filename=_filename(headers.get("content-disposition", "")),
    )


def _part_headers(octets: memoryview) -> tuple[Mapping[str, str], int]:
    """Return a part's headers by lower-case name and where its body begins; a part may have none at all."""
    head = bytes(octets[:_MAX_PART_HEADERS])
    if head.startswith((b"\r\n", b"\n")):
        return {}, 2 if head.startswith(_CRLF) else 1
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := head.find(mark)) >= 0]
    if not ends:
        raise _problem("headers", "a part's headers do not end")
    at, length = min(ends)
    return parse_headers(head[:at]), at + length


def parse_headers(head: bytes) -> Mapping[str, str]:
    """Return header lines by lower-case name, folded lines joined; a line without colon is passed over (B05)."""
    unfolded = re.sub(r"\r?\n[ \t]+", " ", head.decode("latin-1"))
    lines = (line.partition(":") for line in re.split(r"\r?\n", unfolded))
    return {key.strip().lower(): value.strip() for key, colon, value in lines if colon}


def _content_id(value: str | None) -> str | None:
    if value is None:
        return None
    bracketed = re.search(r"<\s*([^<>]*?)\s*>", value)
    return (bracketed.group(1) if bracketed else value.strip()) or None


def _filename(disposition: str) -> str | None:
    """Return the file name, or None for none, an empty one and the ``null`` of one adapter (`h-48`)."""
    _, parameters = parse_content_type(disposition)
    given = parameters.get("filename", "")
    return given if given not in ("", "null") else None


def _decode(encoding: str, raw: bytes) -> bytes:
    match encoding.strip().lower():
        case "base64":
            try:
                return binascii.a2b_base64(b"".join(raw.split()), strict_mode=True)
            except binascii.Error:
                raise _problem("base64", "a part says base64 and is not") from None
        case "quoted-printable":
            return quopri.decodestring(raw)
        case _:
            return raw
