"""The MIME multipart/related around a message: written as a stream, read in every shape that partners send.

Reading takes time and memory in proportion to the body, whatever stands in it.

Source: `digikoppeling-ebms2` section b.2 and notes h-43 to h-52.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from mobb_client.errors import FormatError

MAX_PARTS: Final = 2_000
_MAX_PART_HEADERS: Final = 64 * 1024
_SAFE_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9._@-]{1,200}")
_SAFE_TYPE: Final = re.compile(r"[ -~]+")
_XML_TYPE: Final = re.compile(r"text/.*|.*[/+]xml")
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

    Text and XML go without Content-Transfer-Encoding, other types say ``binary``, as the field does (b.2).

    Raises:
        ValueError: what would need escaping in a ``cid:``, or a line break in a header.
    """
    if not _SAFE_CONTENT_ID.fullmatch(content_id):
        raise ValueError("a Content-ID holds letters, digits and . _ - @ only, at most 200")
    if not _SAFE_TYPE.fullmatch(kind):
        raise ValueError("a Content-Type holds printable ASCII only")
    lines = [f"--{boundary_for(message_id)}", f"Content-Type: {kind}", f"Content-ID: <{content_id}>"]
    if filename is not None:
        lines.append(f"Content-Disposition: attachment; {_filename_parameter(filename)}")
    if not _XML_TYPE.fullmatch(kind.partition(";")[0].strip().lower()):
        lines.append("Content-Transfer-Encoding: binary")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


_PLAIN_FILENAME: Final = re.compile(r"[ !#-\[\]-~]*")


def _filename_parameter(filename: str) -> str:
    """Return a file name as it stands, or %-encoded when it holds anything but plain ASCII (RFC 2231, 6266; B06)."""
    if not filename.isprintable():
        raise ValueError("a file name holds printable characters only")
    if _PLAIN_FILENAME.fullmatch(filename):
        return f'filename="{filename}"'
    return f"filename*=UTF-8''{quote(filename, safe='')}"


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

    def __repr__(self) -> str:
        """Measure the envelope, quote nothing of it."""
        return f"Unpacked({len(self.envelope)} octets, {self.parts!r})"


_PARAMETER: Final = re.compile(r';\s*([^=;\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)


def parse_content_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the media type in lower case and the parameters, read tolerantly: quotes may be absent (`h-45`).

    Of a parameter that stands there twice the first counts.
    """
    kind, _, _ = value.partition(";")
    parameters: dict[str, str] = {}
    for key, given in _PARAMETER.findall(value):
        parameters.setdefault(key.lower(), _unquoted(given.strip()))
    return kind.strip().lower(), parameters


def _unquoted(given: str) -> str:
    is_quoted = len(given) > 1 and given[0] == given[-1] == '"'
    return re.sub(r"\\(.)", r"\1", given[1:-1], flags=re.DOTALL) if is_quoted else given


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
    parts = [_read_part(octets) for octets in _split(body, _boundary(parameters))]
    root = _root_index(parts, parameters.get("start"))
    return Unpacked(parts[root].octets, tuple(parts[:root] + parts[root + 1 :]))


def find_part(parts: Iterable[Part], href: str) -> Part | None:
    """Return the part that a ``cid:`` reference means; of two with one Content-ID the first (`h-43`)."""
    found = {part.content_id: part for part in reversed(tuple(parts)) if part.content_id is not None}
    content_id = match_content_id(href, found)
    return None if content_id is None else found[content_id]


def match_content_id(href: str, content_ids: Container[str | None]) -> str | None:
    """Return the Content-ID that a ``cid:`` reference means: as it stands, and else after %-decoding (`h-43`)."""
    wanted = href.removeprefix("cid:")
    return next((one for one in (wanted, unquote(wanted)) if one in content_ids), None)


def _problem(code: str, sentence: str) -> FormatError:
    return FormatError(f"mime.{code}", sentence, ebms_code="MimeProblem")


def _boundary(parameters: Mapping[str, str]) -> bytes:
    boundary = parameters.get("boundary", "")
    if not boundary:
        raise _problem("boundary", "the Content-Type names no boundary")
    if not (boundary.isascii() and boundary.isprintable()):
        raise _problem("boundary", "the boundary is not printable ASCII")
    return boundary.encode("ascii")


def _root_index(parts: list[Part], start: str | None) -> int:
    wanted = _content_id(start)
    return next((index for index, part in enumerate(parts) if wanted and part.content_id == wanted), 0)


class _Delimiter(NamedTuple):
    """A delimiter line: where it begins, where the part behind it begins, and whether it is the closing one."""

    begin: int
    end: int
    closes: bool


_REST_OF_DELIMITER: Final = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


def _split(body: bytes, boundary: bytes) -> Iterator[memoryview]:
    """Give the octets of each part, headers and all, without the line break that belongs to the delimiter behind it."""
    delimiters = list(_delimiters(body, b"--" + boundary))
    if len(delimiters) == 1:
        raise _problem("empty", "a multipart message without parts")
    for before, behind in pairwise(delimiters):
        yield memoryview(body)[before.end : _end_of_part(body, before.end, behind.begin)]


def _delimiters(body: bytes, mark: bytes) -> Iterator[_Delimiter]:
    """Give every delimiter line up to the closing one.

    Found with `bytes.find`: a regular expression is ten times slower here. Lines that only begin like a delimiter are
    no part of an honest message (RFC 2046 section 5.1.1), so they count for the bound as well.
    """
    at = 0 if body.startswith(mark) else _next_line_with(mark, body, 0)
    for _ in range(MAX_PARTS + 1):
        if at is None:
            raise _problem("unclosed", "the closing boundary is missing: the message is not whole")
        if rest := _REST_OF_DELIMITER.match(body, at + len(mark)):
            yield _Delimiter(at, rest.end(), closes=bool(rest.group(1)))
            if rest.group(1):
                return
        at = _next_line_with(mark, body, at + len(mark))
    raise _problem("parts", f"more than {MAX_PARTS} parts")


def _next_line_with(mark: bytes, body: bytes, start: int) -> int | None:
    found = body.find(b"\n" + mark, start)
    return None if found < 0 else found + 1


def _end_of_part(body: bytes, begin: int, delimiter_at: int) -> int:
    """Return where a part's octets end: the line break before the delimiter is not part of them."""
    if delimiter_at - 2 >= begin and body[delimiter_at - 2 : delimiter_at] == _CRLF:
        return delimiter_at - 2
    return max(delimiter_at - 1, begin)


def _read_part(octets: memoryview) -> Part:
    headers, start = _part_headers(octets)
    return Part(
        octets=_decode(headers.get("content-transfer-encoding", ""), bytes(octets[start:])),
        content_id=_content_id(headers.get("content-id")),
        content_type=headers.get("content-type", ""),
        filename=_filename(headers.get("content-disposition", "")),
    )


_BLANK_LINE: Final = re.compile(rb"(?:\A|\r?\n)\r?\n")
_HEADERS_ONLY: Final = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*(?:\n|\Z)|[ \t][^\n]*(?:\n|\Z))*")


def _part_headers(octets: memoryview) -> tuple[Mapping[str, str], int]:
    """Return a part's headers by lower-case name and where its body begins.

    A part may have no headers at all, or nothing but headers: then its body is empty.
    """
    head = octets[:_MAX_PART_HEADERS]
    if blank := _BLANK_LINE.search(head):
        return parse_headers(bytes(head[: blank.start()])), blank.end()
    if len(octets) <= _MAX_PART_HEADERS and _HEADERS_ONLY.fullmatch(head):
        return parse_headers(bytes(head)), len(octets)
    raise _problem("headers", "a part's headers do not end")


def parse_headers(head: bytes) -> Mapping[str, str]:
    """Return header lines by lower-case name, folded lines joined; a line without colon is passed over (B05).

    UTF-8 is read as such, anything else as Latin-1. Of a header that stands there twice the first counts.
    """
    lines = re.split(r"\r?\n", re.sub(r"\r?\n[ \t]+", " ", _text(head)))
    headers: dict[str, str] = {}
    for key, colon, value in (line.partition(":") for line in lines):
        if colon:
            headers.setdefault(key.strip().lower(), value.strip())
    return headers


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _content_id(value: str | None) -> str | None:
    """Return a Content-ID without its angle brackets, and without what may stand around them."""
    if value is None:
        return None
    bracketed = re.search(r"<([^<>]*)>", value)
    return (bracketed.group(1) if bracketed else value).strip() or None


def _filename(disposition: str) -> str | None:
    """Return the file name, or None for none, an empty one and the ``null`` of one adapter (`h-48`)."""
    _, parameters = parse_content_type(disposition)
    given = _extended(parameters.get("filename*", "")) or parameters.get("filename", "")
    return given if given not in {"", "null"} else None


def _extended(value: str) -> str:
    """Return a value in the form ``UTF-8'language'%-encoded`` (RFC 8187), empty when it is not in that form."""
    charset, _, rest = value.partition("'")
    _, quote_mark, encoded = rest.partition("'")
    return unquote(encoded) if quote_mark and charset.lower() == "utf-8" else ""


def _decode(encoding: str, raw: bytes) -> bytes:
    match encoding.strip().lower():
        case "base64":
            return _from_base64(raw)
        case "quoted-printable":
            return quopri.decodestring(raw)
        case _:
            return raw


def _from_base64(raw: bytes) -> bytes:
    try:
        return binascii.a2b_base64(raw.translate(None, b" \t\r\n"), strict_mode=True)
    except binascii.Error:
        raise _problem("base64", "a part says base64 and is not") from None
