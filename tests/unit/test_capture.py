"""A message as people keep it: with a request or status line, headers, chunks, or nothing around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobb_client.ebms import capture
from mobb_client.ebms.capture import Capture
from mobb_client.errors import FormatError

XML = b"<soap:Envelope/>"
MULTIPART = b"--b\r\nContent-ID: <1>\r\n\r\n<a/>\r\n--b--\r\n"
KIND = "multipart/related; boundary=b"
HEAD = f"Content-Type: {KIND}\r\n".encode()


def code_of(data: bytes) -> str:
    """Return the code by which a capture is refused."""
    with pytest.raises(FormatError) as refused:
        capture.read(data)
    return refused.value.code


@pytest.mark.parametrize(
    ("data", "content_type", "body"),
    [
        (XML, "text/xml", XML),
        (b"\r\n  " + XML, "text/xml", XML),
        (b"\xef\xbb\xbf" + XML, "text/xml", XML),
        ("<a/>".encode("utf-16"), "text/xml", "<a/>".encode("utf-16")),
        ("<a/>".encode("utf-16-be"), "text/xml", "<a/>".encode("utf-16-be")),
        (b"<?xml version='1.0'?><a/>", "text/xml", b"<?xml version='1.0'?><a/>"),
        (MULTIPART, 'multipart/related; boundary="b"', MULTIPART),
        (b"\n" + MULTIPART, 'multipart/related; boundary="b"', MULTIPART),
        (b"\xef\xbb\xbf" + MULTIPART, 'multipart/related; boundary="b"', MULTIPART),
        (b"---=1=- \r\n\r\n-----=1=---", 'multipart/related; boundary="-=1=-"', b"---=1=- \r\n\r\n-----=1=---"),
        (b'--a"b\\c\n\n', 'multipart/related; boundary="a\\"b\\\\c"', b'--a"b\\c\n\n'),
        (HEAD + b"\r\n" + MULTIPART, KIND, MULTIPART),
        (HEAD.replace(b"\r\n", b"\n") + b"\n" + MULTIPART, KIND, MULTIPART),
        (HEAD.replace(b"Type", b"TYPE").replace(b": m", b":\r\n\tm") + b"\r\n" + MULTIPART, KIND, MULTIPART),
        (b"SOAPAction: x\r\n\r\n" + XML, "text/xml", XML),
        (b"SOAPAction: x\r\n\r\n" + MULTIPART, 'multipart/related; boundary="b"', MULTIPART),
        (b"POST /ebms HTTP/1.1\r\n" + HEAD + b"\r\n" + MULTIPART, KIND, MULTIPART),
        (b"HTTP/1.1 200 OK\r\n" + HEAD + b"\r\n" + MULTIPART, KIND, MULTIPART),
        (b"HTTP/2 200 \nContent-Type: text/xml\n\n" + XML, "text/xml", XML),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + HEAD + b"\r\n" + MULTIPART, KIND, MULTIPART),
        (HEAD + b"Content-Encoding: identity\r\n\r\n" + MULTIPART, KIND, MULTIPART),
    ],
)
def test_forms(data: bytes, content_type: str, body: bytes) -> None:
    """b.1, b.3: whatever stands before the body, and whatever the line ends are."""
    found = capture.read(data)

    assert (found.content_type, found.body, found.notes) == (content_type, body, ())


@pytest.mark.parametrize(
    ("data", "is_whole"),
    [
        (XML, False),
        (b"Content-Type: text/xml\r\n\r\n" + XML, False),
        (b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n" + XML, True),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n" + XML, True),
        (MULTIPART, True),
        (HEAD + b"\r\n" + MULTIPART, True),
    ],
)
def test_whole(data: bytes, is_whole: bool) -> None:
    """An envelope that was kept alone has lost its payloads; an HTTP body that is an envelope never had any."""
    assert capture.read(data).is_whole is is_whole


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0", 202, b""),
        (b"HTTP/1.1 200 OK", 200, b""),
        (b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml\r\n\r\n<a/>", 500, b"<a/>"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 100, b""),
        (b"POST / HTTP/1.1\r\nHost: h\r\n\r\n", None, b""),
    ],
)
def test_status(data: bytes, status: int | None, body: bytes) -> None:
    """B09: answers without a body, and answers that are no success."""
    found = capture.read(data)

    assert (found.status, found.body, found.is_http) == (status, body, True)


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HEAD + b"\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"25\r\n" + MULTIPART + b"\r\n0\r\n\r\n",
        b"5\r\n--b\r\n\r\n20;x=y\r\n" + MULTIPART[5:] + b"\r\n0\r\nTrailer: x\r\n\r\n",
        b"05 \n--b\r\n\n20\n" + MULTIPART[5:] + b"\n0\n",
        MULTIPART,
    ],
)
def test_chunked(body: bytes) -> None:
    """Chunks are undone, unless the tool that captured has done so and left the header."""
    assert capture.read(CHUNKED + body).body == MULTIPART


@pytest.mark.parametrize(
    "body",
    [
        b"25\r\n" + MULTIPART[:-1],
        b"25\r\n" + MULTIPART + b"\r\n",
        b"24\r\n" + MULTIPART + b"\r\n0\r\n\r\n",
        b"ffffffff\r\n" + MULTIPART,
    ],
)
def test_broken_chunks(body: bytes) -> None:
    """A chunk that does not end where it says, or no last chunk: the message is not whole, and that is said."""
    assert code_of(CHUNKED + body) == "capture.chunks"


def test_content_length() -> None:
    """The answer that a tool wrote behind the request is not part of the request."""
    head = b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
    with_answer = capture.read(head % len(XML) + XML + b"HTTP/1.1 204 No Content\r\n\r\n")
    cut = capture.read(head % 100 + XML)
    absurd = capture.read(head.replace(b"%d", b"9" * 30) + XML)

    assert (with_answer.body, with_answer.notes) == (XML, ())
    assert (cut.body, cut.notes) == (XML, ("the body is 16 octets; its Content-Length says 100",))
    assert (absurd.body, absurd.notes) == (XML, ())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "capture.empty"),
        (b" \r\n\t", "capture.empty"),
        (b"\xef\xbb\xbf", "capture.empty"),
        (b"hello", "capture.unknown"),
        (b"hello\r\n\r\n" + XML, "capture.unknown"),
        (b"\x00\x01\x02", "capture.unknown"),
        (b"%PDF-1.7", "capture.unknown"),
        (b"--" + b"x" * 300 + b"\r\n", "capture.unknown"),
        (b"--\x80\r\n", "capture.unknown"),
        (b"Host: h\r\n\r\nhello", "capture.unknown"),
        (b"X: " + b"y" * 70_000, "capture.headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", "capture.headers"),
        (b"Content-Encoding: gzip\r\n\r\n\x1f\x8b", "capture.encoding"),
    ],
)
def test_no_message(data: bytes, code: str) -> None:
    """What begins like no message is called that."""
    assert code_of(data) == code


def test_repr() -> None:
    """A capture holds letters: it shows its measure."""
    assert repr(Capture(content_type="text/xml", body=b"<a>999993653</a>")) == "Capture('text/xml', 16 octets)"


@given(st.binary(max_size=300))
def test_any_octets(data: bytes) -> None:
    """Whatever the octets, there is a capture or a FormatError."""
    try:
        found = capture.read(data)
    except FormatError:
        return
    assert len(found.body) <= len(data)


@given(
    st.lists(st.sampled_from([b"HTTP/1.1 100 C\r\n", b"POST / HTTP/1.1\n", b"A: b\r\n", b"\r\n", b"\n", b"--b", b"<"]))
)
def test_any_lines(lines: list[bytes]) -> None:
    """Nor does any order of lines do harm."""
    test_any_octets.hypothesis.inner_test(b"".join(lines))  # type: ignore[attr-defined] # the law itself
