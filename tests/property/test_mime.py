"""Laws of the MIME around a message: what is written comes back, and no octets crash the reader."""

from __future__ import annotations

import base64
import quopri

from hypothesis import example, given
from hypothesis import strategies as st
from tests.kinds import payload, user_message, written

from mobb_client.ebms import packet
from mobb_client.ebms.mime import parse_content_type, parse_headers, unpack
from mobb_client.errors import FormatError

CONTENT_ID = st.from_regex(r"[A-Za-z0-9._@-]{1,40}", fullmatch=True)
FILENAME = st.none() | st.text(min_size=1, max_size=40).filter(lambda name: name.isprintable() and name != "null")
FRAGMENTS = st.sampled_from(
    [
        *(
            b"--b",
            b"--b--",
            b"--",
            b"b",
            b"-",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\x00",
            b"\xff",
            b":",
            b";",
            b"=",
            b'"',
        ),
        *(
            b"Content-ID: ",
            b"<a@x>",
            b"<",
            b">",
            b"Content-Transfer-Encoding: ",
            b"base64",
            b"quoted-printable",
            b"QUI=",
        ),
        *(
            b"Content-Disposition: attachment; filename=",
            b"filename*=",
            b"UTF-8''",
            b"%C3",
            b"Content-Type: a/b",
            b"\\",
        ),
    ]
)
BODY = st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=40).map(b"".join)
CONTENT_TYPE = (
    st.text(max_size=60)
    | st.just("multipart/related; boundary=b")
    | st.lists(
        st.sampled_from(
            ["multipart/related", ";", "boundary", "=", "b", '"', " ", "start", "<a@x>", "\\", "\n", "é", "*0"]
        ),
        max_size=20,
    ).map("".join)
)


PARTS = st.lists(
    st.tuples(CONTENT_ID, st.binary(max_size=2000), FILENAME), unique_by=lambda part: part[0], min_size=1, max_size=4
)


@given(PARTS)
def test_round_trip(parts: list[tuple[str, bytes, str | None]]) -> None:
    """B06, B07, B08: Content-IDs, octets and file names come back, in their order, whatever they are."""
    message = user_message(*(content_id for content_id, _, _ in parts))
    packed, body = written(message, *(payload(octets, name, filename=filename) for name, octets, filename in parts))
    received = packet.read(packed.headers["Content-Type"], body)
    assert received.message == message
    assert [(part.content_id, part.octets, part.filename) for part in received.parts] == parts


@given(st.binary(max_size=500), st.sampled_from([b"\r\n", b"\n"]))
@example(b"\r\n", b"\n")
def test_encodings(octets: bytes, line: bytes) -> None:
    """B03, B07: the octets inside base64 come back, in lines or not."""
    for text in (base64.encodebytes(octets).replace(b"\n", line), base64.b64encode(octets)):
        head = line.join([b"--b", b"Content-Transfer-Encoding: base64", b"", b""])
        assert unpack("multipart/related; boundary=b", head + text + line + b"--b--").envelope == octets


@given(st.binary(max_size=500))
def test_quoted_printable(octets: bytes) -> None:
    """h-46: the octets inside quoted-printable come back, but for a bare CR, which that encoding cannot keep."""
    kept = octets.replace(b"\r", b"")
    body = b"--b\n" + b"Content-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(kept) + b"\n--b--"
    assert unpack("multipart/related; boundary=b", body).envelope == kept


@given(CONTENT_TYPE, BODY)
@example("multipart/related; boundary=b", b"--b\r\n\r\n--b--")
def test_no_octets_crash_the_reader(content_type: str, body: bytes) -> None:
    """B05: any Content-Type with any body is a message or a FormatError with MimeProblem."""
    try:
        unpacked = unpack(content_type, body)
    except FormatError as error:
        assert error.ebms_code == "MimeProblem"  # noqa: PT017 - either is right
    else:
        assert len(unpacked.envelope) <= len(body)


@given(st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=30).map(b"".join))
def test_no_headers_crash_the_reader(head: bytes) -> None:
    """B05: any octets are some headers, with names in lower case."""
    headers = parse_headers(head)
    assert all(name == name.lower().strip() for name in headers)


@given(CONTENT_TYPE)
def test_no_content_type_crashes_the_reader(value: str) -> None:
    """B05: any text is some media type."""
    kind, parameters = parse_content_type(value)
    assert kind == kind.strip().lower()
    assert all(parameters)
