"""A captured message as people keep them: with its HTTP or MIME headers, a bare multipart body, or a bare envelope.

Unlike `mime`, which reads what a web server hands over, this looks for what is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mobb_client.ebms import mime
from mobb_client.errors import FormatError

_MAX_HEAD: Final = 64 * 1024
_BEGIN: Final = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*")
_XML: Final = (b"<", b"\xff\xfe", b"\xfe\xff", b"\x00<")
_START_LINE: Final = re.compile(
    rb"(?:[A-Z]{3,10} \S{1,4000} HTTP/\d(?:\.\d)?|HTTP/\d(?:\.\d)? (\d{3})[^\r\n]*)(?=\r?\n|\Z)"
)
_HEADER: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_-]*[ \t]*:")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_BOUNDARY_LINE: Final = re.compile(rb"--([\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?)[ \t]*\r?\n")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_CHUNK_END: Final = re.compile(rb"\r?\n")
_INFORMATIONAL: Final = 200  # statuses below it announce another answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A message's body, and what was captured with it.

    Args:
        content_type: of the body; worked out from its first octets when no header says it.
        body: the HTTP body; empty when only headers were captured.
        is_http: whether a request or status line stands above it, so that the body is all there was.
        status: of an HTTP answer.
        notes: what is odd about the capture and left the message readable.
    """

    content_type: str
    body: bytes
    is_http: bool = False
    status: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the payloads are here as well: not so for an envelope that was captured alone."""
        return self.is_http or self.content_type.lower().startswith("multipart/")

    def __repr__(self) -> str:
        """Measure the body, quote nothing of it."""
        return f"Capture({self.content_type!r}, {len(self.body)} octets)"


def read(data: bytes) -> Capture:
    """Return the message in a capture.

    Raises:
        FormatError: there is nothing in it, it begins with nothing that a message begins with, its headers or chunks
            do not end, or the body is compressed.

    Source: `digikoppeling-ebms2` b.1 to b.3, h-43 to h-52.
    """
    start = _BEGIN.match(data)
    begin = start.end() if start else 0
    if begin == len(data):
        raise FormatError("capture.empty", "there is nothing in it")
    if _START_LINE.match(data, begin) or _HEADER.match(data, begin):
        return _with_headers(data, begin)
    return Capture(content_type=_bare_type(data, begin), body=data[begin:])


def _bare_type(data: bytes, begin: int) -> str:
    """Return the Content-Type of a body that has no headers, by its first octets."""
    if data.startswith(_XML, begin):
        return "text/xml"
    if boundary := _BOUNDARY_LINE.match(data, begin):
        quoted = re.sub(r'(["\\])', r"\\\1", boundary[1].decode("ascii"))
        return f'multipart/related; boundary="{quoted}"'
    raise FormatError("capture.unknown", "it begins with neither headers, nor a boundary, nor XML")


def _with_headers(data: bytes, begin: int) -> Capture:
    start, status = _last_start_line(data, begin)
    first = begin if start is None else start
    blank = _BLANK_LINE.search(data, first, first + _MAX_HEAD)
    if blank is None and len(data) - first > _MAX_HEAD:
        raise FormatError("capture.headers", "the headers do not end")
    head, body = (data[first:], b"") if blank is None else (data[first : blank.start()], data[blank.end() :])
    headers = mime.parse_headers(head)
    if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise FormatError("capture.encoding", "the body is compressed (Content-Encoding): unpack it first")
    body, notes = _body(headers, body)
    kind = headers.get("content-type") or (_bare_type(body, 0) if body.strip() else "")
    return Capture(content_type=kind, body=body, is_http=start is not None, status=status, notes=notes)


def _last_start_line(data: bytes, begin: int) -> tuple[int | None, int | None]:
    """Return where the headers of the last answer begin, or of the request, and the answer's status.

    ``100 Continue`` and the like stand above the real answer, with a blank line after them.
    """
    found: int | None = None
    status: int | None = None
    while line := _START_LINE.match(data, begin):
        found, status = line.end(), int(line[1]) if line[1] else None
        blank = _BLANK_LINE.search(data, found, found + _MAX_HEAD)
        if blank is None or status is None or status >= _INFORMATIONAL:
            break
        begin = blank.end()
    return found, status


def _body(headers: Mapping[str, str], body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the body without its chunks, as long as its Content-Length says, and what is odd about it.

    Many tools keep the header Transfer-Encoding and undo the chunks; none adds chunks.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower() and _CHUNK.match(body):
        return b"".join(_chunks(body)), ()
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal() and len(length) < len("1000000000000")):
        return body, ()
    if len(body) < int(length):
        return body, (f"the body is {len(body)} octets; its Content-Length says {length}",)
    return body[: int(length)], ()


def _chunks(body: bytes) -> Iterator[bytes]:
    """Give the chunks of a body.

    Raises:
        FormatError: a chunk does not end where its size says, or the last one is missing.
    """
    at = 0
    while chunk := _CHUNK.match(body, at):
        end = chunk.end() + int(chunk[1], 16)
        if end == chunk.end():
            return
        yield body[chunk.end() : end]
        line_end = _CHUNK_END.match(body, end)
        if line_end is None:
            break
        at = line_end.end()
    raise FormatError("capture.chunks", "the chunked body is not whole", ebms_code="MimeProblem")
