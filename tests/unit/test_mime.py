"""The MIME around a message: `digikoppeling-ebms2` b.1, b.2 and h-43 to h-52."""

from __future__ import annotations

import base64
import email
import email.policy
import gzip
import quopri
import re
from contextlib import suppress
from email.message import Message as MimeMessage

import pytest
from tests.kinds import CONTENT_ID, MESSAGE_ID, PING, RELIABLE, payload, user_message, written

from mobb_client.ebms import mime, packet
from mobb_client.ebms.message import UserMessage
from mobb_client.ebms.mime import MAX_PARTS, Part, find_part, parse_content_type, parse_headers, part_head, unpack
from mobb_client.errors import FormatError

ENVELOPE = b"<?xml version='1.0'?>\n<e/>\n"
PAYLOAD = b"\r\n\x00%PDF-1.7 Zo\xc3\xab\r\n--b\r\nno delimiter: --b--\n"
ROOT_HEAD = ("Content-Type: text/xml; charset=UTF-8", "Content-ID: <root@x>")
PART_HEAD = ("Content-Type: application/pdf", "Content-ID: <een@x>")
RELATED = 'multipart/related; boundary="=_b"; type="text/xml"; start="<root@x>"'


def part(octets: bytes, *headers: str, line: bytes = b"\r\n") -> bytes:
    """Return one part: headers, blank line, octets."""
    return b"".join(header.encode() + line for header in headers) + line + octets


def body(*parts: bytes, boundary: str = "=_b", line: bytes = b"\r\n") -> bytes:
    """Return a multipart body of these parts, each with its headers."""
    mark = b"--" + boundary.encode()
    return b"".join(mark + line + octets + line for octets in parts) + mark + b"--" + line


def sent(line: bytes = b"\r\n", boundary: str = "=_b", payload: bytes = PAYLOAD) -> bytes:
    """Return an envelope and one payload as most partners send them."""
    return body(
        part(ENVELOPE, *ROOT_HEAD, line=line), part(payload, *PART_HEAD, line=line), boundary=boundary, line=line
    )


def one(content_type: str, octets: bytes) -> Part:
    """Return the only part beside the envelope."""
    unpacked = unpack(content_type, octets)
    assert unpacked.envelope == ENVELOPE
    (found,) = unpacked.parts
    return found


def only(*headers: str, octets: bytes = PAYLOAD) -> Part:
    """Return the part that has these headers, as it is read."""
    return one(RELATED, body(part(ENVELOPE, *ROOT_HEAD), part(octets, *headers)))


class TestHeadersOfTheRequest:
    """b.1: what goes on the HTTP request."""

    @pytest.mark.parametrize("message", [RELIABLE, PING], ids=["with payload", "without"])
    def test_no_mime_version(self, message: UserMessage) -> None:
        """B01: no MIME-Version, and no Content-Transfer-Encoding, at the level of HTTP or of a part."""
        payloads = [payload(b"x")] if message is RELIABLE else []
        packed, octets = written(message, *payloads)
        assert set(packed.headers) == {"Content-Type", "SOAPAction"}
        assert b"mime-version" not in octets.lower()

    def test_content_type(self) -> None:
        """B02: multipart/related with boundary, type and start in quotes, to the letter."""
        packed, octets = written(RELIABLE, payload(b"x"))
        boundary = mime.boundary_for(MESSAGE_ID)
        assert packed.headers["Content-Type"] == (
            f'multipart/related; boundary="{boundary}"; type="text/xml"; start="<{MESSAGE_ID}>"; start-info="text/xml"'
        )
        assert octets.startswith(f"--{boundary}\r\n".encode())

    def test_content_type_without_payload(self) -> None:
        """B02: bare text/xml, as b.1 has it."""
        packed, octets = written(PING)
        assert packed.headers["Content-Type"] == "text/xml; charset=UTF-8"
        assert octets.startswith(b"<soap:Envelope ")

    def test_soap_action(self) -> None:
        """B10: the quotes are part of the value."""
        packed, _ = written(RELIABLE, payload(b"x"))
        assert packed.headers["SOAPAction"] == '"ebXML"'

    def test_boundary(self) -> None:
        """RFC 2046 section 5.1.1: at most 70 safe characters; the same message has the same one."""
        boundary = mime.boundary_for(MESSAGE_ID)
        assert re.fullmatch(r"mobb-[0-9a-f]{32}", boundary)
        assert mime.boundary_for(MESSAGE_ID) == boundary
        assert mime.boundary_for("another@x") != boundary


class TestHeadersOfAPart:
    """b.2: what stands before the octets of a part."""

    @pytest.mark.parametrize(
        ("kind", "encoding"),
        [
            ("text/xml; charset=UTF-8", None),
            ("Text/XML", None),
            ("application/xml", None),
            ("image/svg+xml", None),
            ("text/plain", None),
            ("application/pdf", "binary"),
            ("application/octet-stream; name=xml", "binary"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "binary"),
        ],
    )
    def test_transfer_encoding(self, kind: str, encoding: str | None) -> None:
        """B.2: text and XML without, the rest binary."""
        headers = parse_headers(part_head(MESSAGE_ID, "een@x", kind))
        assert headers.get("content-transfer-encoding") == encoding

    def test_whole(self) -> None:
        """To the letter, down to the blank line."""
        boundary = mime.boundary_for(MESSAGE_ID)
        assert part_head(MESSAGE_ID, "een@x", "application/pdf", "a=b.pdf").decode() == (
            f"--{boundary}\r\n"
            "Content-Type: application/pdf\r\n"
            "Content-ID: <een@x>\r\n"
            'Content-Disposition: attachment; filename="a=b.pdf"\r\n'
            "Content-Transfer-Encoding: binary\r\n"
            "\r\n"
        )

    @pytest.mark.parametrize(
        "filename",
        [
            "besluit.pdf",
            "a=b;c.pdf",
            "Zoë.pdf",
            "𝄞.pdf",
            "&<>\"'=.pdf",
            r"C:\temp\new.pdf",
            "100%.pdf",
            " x ",
            "UTF-8''",
        ],
    )
    def test_file_name(self, filename: str) -> None:
        """B06: every character of a file name comes back, in ASCII on the wire."""
        found = only("Content-ID: <een@x>", *disposition(filename))
        assert found.filename == filename

    @pytest.mark.parametrize("content_id", ["", "a b", "a%20b", "<a>", "a[1]", "é", "a\r\nX: y", "a" * 201])
    def test_content_id_refused(self, content_id: str) -> None:
        """h-43: only what needs no escaping in a cid:."""
        with pytest.raises(ValueError, match="Content-ID"):
            part_head(MESSAGE_ID, content_id, "text/xml")

    @pytest.mark.parametrize("kind", ["", "text/xml\r\nX: y", "text/xml; name=Zoë", "a\x00b"])
    def test_content_type_refused(self, kind: str) -> None:
        """No header can be slipped in."""
        with pytest.raises(ValueError, match="Content-Type"):
            part_head(MESSAGE_ID, "een@x", kind)

    @pytest.mark.parametrize("filename", ["a\r\nX: y", "a\x00", "\u202egpj.exe"])
    def test_file_name_refused(self, filename: str) -> None:
        """No header can be slipped in, and no direction turned."""
        with pytest.raises(ValueError, match="file name"):
            part_head(MESSAGE_ID, "een@x", "application/pdf", filename)


def disposition(filename: str) -> list[str]:
    """Return the Content-Disposition line as it is written."""
    lines = part_head(MESSAGE_ID, "een@x", "application/pdf", filename).decode("ascii").split("\r\n")
    return [line for line in lines if line.startswith("Content-Disposition")]


class TestRoundTrip:
    """What is written is read as the same, by us and by the standard library."""

    @pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 500_000])
    @pytest.mark.parametrize("end", [b"", b"\r\n", b"\n", b"\r", b"\x00", b"--", b"\r\n--"], ids=repr)
    def test_sizes(self, size: int, end: bytes) -> None:
        """B08: sizes around 1024, with line breaks and NUL at both ends, to the octet."""
        octets = end + b"\xff" * size + end
        packed, octets_on_wire = written(RELIABLE, payload(octets, content_type="application/pdf"))
        assert packed.size == len(octets_on_wire)
        received = packet.read(packed.headers["Content-Type"], octets_on_wire)
        assert received.message == RELIABLE
        assert [found.octets for found in received.parts] == [octets]

    def test_compressed(self) -> None:
        """B07: gzip survives, whatever its octets."""
        octets = gzip.compress(bytes(range(256)) * 40, mtime=0)
        packed, on_wire = written(RELIABLE, payload(octets, content_type="application/gzip"))
        assert unpack(packed.headers["Content-Type"], on_wire).parts[0].octets == octets

    def test_thousand_parts(self) -> None:
        """B12: 1000 parts, in their order."""
        content_ids = [f"{number}@x" for number in range(1000)]
        message = user_message(*content_ids)
        packed, on_wire = written(message, *(payload(one.encode(), one) for one in content_ids))
        received = packet.read(packed.headers["Content-Type"], on_wire)
        assert received.message == message
        assert [(found.content_id, found.octets.decode()) for found in received.parts] == [
            (one, one) for one in content_ids
        ]

    def test_standard_library_agrees(self) -> None:
        """An outside judge reads the same parts with the same headers."""
        octets = bytes(range(256)) * 5
        packed, on_wire = written(
            RELIABLE, payload(octets, content_type="application/pdf", filename="Zoë's besluit.pdf")
        )
        head = f"Content-Type: {packed.headers['Content-Type']}\r\n\r\n".encode()
        judged = email.message_from_bytes(head + on_wire, policy=email.policy.HTTP)
        assert not judged.defects
        root, attached = judged.iter_parts()
        assert root["Content-ID"] == f"<{MESSAGE_ID}>"
        assert root.get_content_type() == "text/xml"
        assert attached["Content-ID"] == f"<{CONTENT_ID}>"
        assert attached.get_filename() == "Zoë's besluit.pdf"
        assert octets_of(attached) == octets


def octets_of(judged: MimeMessage) -> bytes:
    """Return a part's octets as the standard library has them."""
    found = judged.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


QUOTED_200 = "x" * 200
ODD = "=_.*+?(a|b)[c]{1}^$ !/:,'"
SHAPES = {
    "as we send": (RELATED, sent()),
    "bare LF": (RELATED, sent(b"\n")),
    "boundary without quotes": ("multipart/related; boundary==_b", sent()),
    "type without quotes": ("multipart/related;type=text/xml;boundary==_b;charset=utf-8", sent()),
    "media type in mixed case": ('Multipart/Related; BOUNDARY="=_b"', sent()),
    "folded Content-Type": ('multipart/related;\r\n\tboundary="=_b";\r\n type="text/xml"', sent()),
    "another multipart": ('multipart/mixed; boundary="=_b"', sent()),
    "boundary of 200 characters": (f'multipart/related; boundary="{QUOTED_200}"', sent(boundary=QUOTED_200)),
    "boundary of one character": ("multipart/related; boundary=z", sent(boundary="z")),
    "boundary of regex characters": (f'multipart/related; boundary="{ODD}"', sent(boundary=ODD)),
    "boundary with a quoted quote": (r'multipart/related; boundary="a\"b\\c"', sent(boundary=r'a"b\c')),
    "boundary twice": ("multipart/related; boundary==_b; boundary=other", sent()),
    "no start": ('multipart/related; boundary="=_b"', sent()),
    "empty start": ('multipart/related; boundary="=_b"; start=""', sent()),
    "start without brackets": ('multipart/related; boundary="=_b"; start=root@x', sent()),
    "start that is not there": ('multipart/related; boundary="=_b"; start="<other@x>"', sent()),
    "preamble and epilogue": (RELATED, b"This is MIME\r\n\r\n" + sent() + b"the end\r\n--=_b\r\n"),
    "blank line before": (RELATED, b"\r\n" + sent()),
    "no line break after the closing boundary": (RELATED, sent().removesuffix(b"\r\n")),
    "blanks after the boundary": (RELATED, sent().replace(b"--=_b\r\n", b"--=_b \t \r\n")),
    "blanks after the closing boundary": (RELATED, sent().replace(b"--=_b--\r\n", b"--=_b--  \r\n")),
    "header names in any case": (RELATED, sent().replace(b"Content-ID", b"CONTENT-id")),
    "Content-ID without brackets": (RELATED, sent().replace(b"<een@x>", b"een@x ")),
    "Content-ID with a comment": (RELATED, sent().replace(b"<een@x>", b"<een@x> (the letter)")),
    "Content-ID with blanks": (RELATED, sent().replace(b"<een@x>", b"< een@x >")),
    "folded Content-ID": (RELATED, sent().replace(b"Content-ID: ", b"Content-ID:\r\n \t")),
    "Content-ID twice": (RELATED, sent().replace(b"<een@x>", b"<een@x>\r\nContent-ID: <twee@x>")),
    "blank before the colon": (RELATED, sent().replace(b"Content-ID:", b"Content-ID :")),
    "a header without colon": (RELATED, sent().replace(b"Content-ID:", b"nonsense\r\nContent-ID:")),
    "a header without name": (RELATED, sent().replace(b"Content-ID:", b": nonsense\r\nContent-ID:")),
    "7bit": (RELATED, sent().replace(b"Content-ID:", b"Content-Transfer-Encoding: 7bit\r\nContent-ID:")),
    "8bit": (RELATED, sent().replace(b"Content-ID:", b"content-transfer-encoding:8BIT\r\nContent-ID:")),
    "binary": (RELATED, sent().replace(b"Content-ID:", b"Content-Transfer-Encoding: Binary\r\nContent-ID:")),
    "empty encoding": (RELATED, sent().replace(b"Content-ID:", b"Content-Transfer-Encoding:\r\nContent-ID:")),
    "unknown encoding": (RELATED, sent().replace(b"Content-ID:", b"Content-Transfer-Encoding: zip\r\nContent-ID:")),
    "MIME-Version in a part": (RELATED, sent().replace(b"Content-ID:", b"MIME-Version: 1.0\r\nContent-ID:")),
    "LF around CRLF octets": (RELATED, body(part(ENVELOPE, *ROOT_HEAD), part(PAYLOAD, *PART_HEAD, line=b"\n"))),
}


class TestReading:
    """b.2, h-43 to h-49: every shape that was seen in the field reads as the same message."""

    @pytest.mark.parametrize("shape", SHAPES)
    def test_shapes(self, shape: str) -> None:
        """One envelope, one payload, whatever the layout."""
        found = one(*SHAPES[shape])
        assert (found.content_id, found.octets) == ("een@x", PAYLOAD)

    @pytest.mark.parametrize("line", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
    @pytest.mark.parametrize("width", [57, 10**9], ids=["lines of 76", "one line"])
    @pytest.mark.parametrize("encoding", ["base64", "BASE64", "Base64 "])
    def test_both_parts_in_base64(self, line: bytes, width: int, encoding: str) -> None:
        """B03: root and payload in base64, as NAV sends them."""

        def encoded(octets: bytes, *headers: str) -> bytes:
            chunks = [octets[at : at + width] for at in range(0, len(octets), width)]
            text = line.join(map(base64.b64encode, chunks)) + line
            return part(text, f"Content-Transfer-Encoding: {encoding}", *headers, line=line)

        octets = PAYLOAD * 20
        found = one(RELATED, body(encoded(ENVELOPE, *ROOT_HEAD), encoded(octets, *PART_HEAD), line=line))
        assert found.octets == octets

    @pytest.mark.parametrize("octets", [b"", b"\r\n", b"Zo\xc3\xab = 1\r\n\tx \r\n"])
    def test_quoted_printable(self, octets: bytes) -> None:
        """h-46: decoded, although the main adapter does not."""
        text = quopri.encodestring(octets, quotetabs=True)
        assert only("Content-Transfer-Encoding: Quoted-Printable", octets=text).octets == octets

    def test_part_without_content_id(self) -> None:
        """B04: a part without Content-ID or without file name is a part."""
        found = only("Content-Type: application/pdf", "Content-Disposition: attachment")
        assert found == Part(octets=PAYLOAD, content_type="application/pdf")

    def test_part_without_headers(self) -> None:
        """B04, B05: a part without any header is a part."""
        assert only() == Part(octets=PAYLOAD)

    @pytest.mark.parametrize(
        ("value", "filename"),
        [
            ("attachment", None),
            ("attachment; filename=", None),
            ('attachment; filename=""', None),
            ('attachment; filename="null"', None),
            ("attachment; filename=null", None),
            ('attachment; filename="besluit.pdf"', "besluit.pdf"),
            ("attachment;FileName=besluit.pdf;size=3", "besluit.pdf"),
            ('attachment; filename="../../etc/passwd"', "../../etc/passwd"),
            (r'attachment; filename="a\"b;c=d.pdf"', 'a"b;c=d.pdf'),
            ('attachment; filename="Zoë.pdf"', "Zoë.pdf"),
            ("attachment; filename=\"x\"; filename*=UTF-8'nl'Zo%C3%AB.pdf", "Zoë.pdf"),
            ("attachment; filename=\"x\"; filename*=utf-7''+AOs-.pdf", "x"),
            ('attachment; filename="x"; filename*=nonsense', "x"),
        ],
    )
    def test_file_name(self, value: str, filename: str | None) -> None:
        """h-48: a label, where an adapter's null is none."""
        assert only("Content-ID: <een@x>", f"Content-Disposition: {value}").filename == filename

    def test_latin_1_header(self) -> None:
        """b.2: headers that are not UTF-8 are read as Latin-1."""
        octets = sent().replace(b"<een@x>", b"<\xe9\xe9n@x>")
        assert one(RELATED, octets).content_id == "één@x"

    def test_root_elsewhere(self) -> None:
        """h-44: `start` names the root, wherever it stands; the others keep their order."""
        octets = body(part(b"1", "Content-ID: <een@x>"), part(ENVELOPE, *ROOT_HEAD), part(b"2", "Content-ID: <twee@x>"))
        unpacked = unpack(RELATED, octets)
        assert unpacked.envelope == ENVELOPE
        assert [found.octets for found in unpacked.parts] == [b"1", b"2"]

    @pytest.mark.parametrize("kind", ["text/xml; charset=UTF-8", "application/xml", "application/soap+xml", "", "x"])
    def test_bare_envelope(self, kind: str) -> None:
        """b.2: whatever is not multipart is the envelope itself."""
        assert unpack(kind, ENVELOPE) == mime.Unpacked(ENVELOPE)

    def test_single_part(self) -> None:
        """h-49: a signal in a multipart of one part."""
        assert unpack(RELATED, body(part(ENVELOPE, *ROOT_HEAD))) == mime.Unpacked(ENVELOPE)

    @pytest.mark.parametrize(
        "last",
        [
            b"Content-ID: <leeg@x>\r\n\r\n",
            b"Content-ID: <leeg@x>\r\n",
            b"Content-ID: <leeg@x>",
            b"Content-Type: a/b;\r\n c=d\r\nContent-ID: <leeg@x>\r\n",
        ],
    )
    def test_empty_part(self, last: bytes) -> None:
        """B08: no octets at all, with the blank line before them or without (RFC 2046 allows both)."""
        assert unpack(RELATED, body(part(ENVELOPE, *ROOT_HEAD), last)).parts == (
            Part(octets=b"", content_id="leeg@x", content_type="a/b; c=d" if b"a/b" in last else ""),
        )

    @pytest.mark.parametrize("last", [b"", b"\r\n", b"\n"])
    def test_nothing_at_all(self, last: bytes) -> None:
        """A part without headers and octets is still one that nothing refers to."""
        assert unpack(RELATED, body(part(ENVELOPE, *ROOT_HEAD), last)).parts == (Part(octets=b""),)

    def test_inner_boundary_that_begins_alike(self) -> None:
        """RFC 2046: only a whole delimiter line is one."""
        inner = b"--=_bc\r\n--=_b-\r\n --=_b\r\n--=_b--x\r\n--=_b\x00\r\n-- =_b"
        assert one(RELATED, sent(payload=inner)).octets == inner

    def test_repr_is_measured(self) -> None:
        """No octets in a repr: they are a letter."""
        unpacked = unpack(RELATED, sent())
        assert "PDF" not in repr(unpacked)
        assert f"{len(PAYLOAD)} octets" in repr(unpacked)
        assert f"{len(ENVELOPE)} octets" in repr(unpacked)


REFUSED = {
    "no boundary": ("multipart/related", sent(), "boundary"),
    "empty boundary": ('multipart/related; boundary=""', sent(), "boundary"),
    "boundary with a line break": ('multipart/related; boundary="=_\nb"', sent(), "boundary"),
    "boundary that is not ASCII": ("multipart/related; boundary=é", sent(boundary="é"), "boundary"),
    "another boundary": ("multipart/related; boundary=other", sent(), "unclosed"),
    "empty body": (RELATED, b"", "unclosed"),
    "closing boundary cut off": (RELATED, sent().removesuffix(b"--=_b--\r\n"), "unclosed"),
    "closing boundary cut short": (RELATED, sent().removesuffix(b"--\r\n"), "unclosed"),
    "closing boundary with more behind it": (RELATED, sent().removesuffix(b"\r\n") + b"x\r\n", "unclosed"),
    "nothing but the closing boundary": (RELATED, b"--=_b--\r\n", "empty"),
    "headers without end": (RELATED, body(b"Content-ID: <root@x>\r\n<envelope/>"), "headers"),
    "headers of 100 kB": (RELATED, body(b"X: " + b"x" * 100_000 + b"\r\n\r\n"), "headers"),
    "base64 with a stray character": (RELATED, body(part(b"PGUv!Pg==", "Content-Transfer-Encoding: base64")), "base64"),
    "base64 without padding": (RELATED, body(part(b"PGUvPg", "Content-Transfer-Encoding: base64")), "base64"),
    "base64 after its padding": (RELATED, body(part(b"PGUvPg==PGUv", "Content-Transfer-Encoding: base64")), "base64"),
    "too many parts": (RELATED, body(*[b"\r\n"] * (MAX_PARTS + 1)), "parts"),
}


class TestRefused:
    """What cannot be read is MimeProblem, and nothing of it is quoted."""

    @pytest.mark.parametrize("fault", REFUSED)
    def test_code(self, fault: str) -> None:
        """Each has its own code."""
        content_type, octets, code = REFUSED[fault]
        with pytest.raises(FormatError) as caught:
            unpack(content_type, octets)
        assert caught.value.code == f"mime.{code}"
        assert caught.value.ebms_code == "MimeProblem"

    def test_as_many_parts_as_may_be(self) -> None:
        """B12: the last good number of parts."""
        assert len(unpack(RELATED, body(*[b"\r\n"] * MAX_PARTS)).parts) == MAX_PARTS - 1


MEGABYTES_20 = 20_000_000
RELATED_B = "multipart/related; boundary=b"


def filled(pattern: bytes, size: int = MEGABYTES_20) -> bytes:
    """Return that many octets of one pattern."""
    return pattern * (size // len(pattern))


def wrapped(octets: bytes, *headers: str) -> bytes:
    """Return a body of one part with these octets and headers."""
    return body(part(octets, *headers), boundary="b")


HOSTILE = {
    "line breaks": (RELATED_B, filled(b"\r\n")),
    "line breaks in a part": (RELATED_B, wrapped(filled(b"\n"))),
    "near-boundaries": (RELATED_B, filled(b"\n--bx")),
    "near-boundaries inside lines": (RELATED_B, wrapped(filled(b"--b"))),
    "boundaries": (RELATED_B, filled(b"--b\n")),
    "hyphens": ("multipart/related; boundary=" + "-" * 200, filled(b"-")),
    "lines of hyphens": ("multipart/related; boundary=" + "-" * 200 + "b", filled(b"\n" + b"-" * 201)),
    "boundary and blanks": (RELATED_B, b"--b" + filled(b" ")),
    "a part without blank line": (RELATED_B, body(filled(b"x: y\r\n"), boundary="b")),
    "base64 of blanks": (RELATED_B, wrapped(filled(b" \n"), "Content-Transfer-Encoding: base64")),
    "base64 in crumbs": (RELATED_B, wrapped(filled(b"AA\n"), "Content-Transfer-Encoding: base64")),
    "quoted-printable of soft breaks": (
        RELATED_B,
        wrapped(filled(b"=\n"), "Content-Transfer-Encoding: quoted-printable"),
    ),
    "quoted-printable of blanks": (RELATED_B, wrapped(filled(b" "), "Content-Transfer-Encoding: quoted-printable")),
    "Content-ID of blanks": (RELATED_B, wrapped(b"", "Content-ID: <" + " " * 60_000)),
    "Content-ID of brackets": (RELATED_B, wrapped(b"", "Content-ID: " + "<" * 60_000)),
    "parameters without value": (RELATED_B, wrapped(b"", "Content-Disposition: " + ";a " * 20_000)),
    "parameters of blanks": (RELATED_B, wrapped(b"", "Content-Disposition: ;" + " " * 60_000 + "a" + " " * 60)),
    "open quotes": (RELATED_B, wrapped(b"", "Content-Disposition: " + ';a="\\"' * 10_000)),
    "quotes of backslashes": (RELATED_B, wrapped(b"", 'Content-Disposition: a; b="' + "\\" * 60_001)),
    "folded lines": (RELATED_B, wrapped(b"", "X:" + "\r\n " * 20_000)),
    "a long Content-Type": ("multipart/related" + ";" * 1_000_000 + "boundary=b", sent(boundary="b")),
    "blanks in the Content-Type": ("multipart/related;" + " " * 1_000_000 + "boundary=b", sent(boundary="b")),
    "blanks behind a name": ("multipart/related; x" + " " * 1_000_000 + "; boundary=b", sent(boundary="b")),
}


class TestHostile:
    """B05: whatever stands in it, a body is read in time that is linear in its size."""

    @pytest.mark.usefixtures("no_hang")
    @pytest.mark.parametrize("trick", HOSTILE)
    def test_linear(self, trick: str) -> None:
        """Twenty megabytes of one trick end in a message or in a FormatError, and soon."""
        content_type, octets = HOSTILE[trick]
        with suppress(FormatError):
            unpack(content_type, octets)


class TestHeaders:
    """The two readers of headers that others use as well."""

    @pytest.mark.parametrize(
        ("value", "kind", "parameters"),
        [
            ("text/xml", "text/xml", {}),
            (" Text/XML ; charset = UTF-8 ", "text/xml", {"charset": "UTF-8"}),
            ('a/b; c="d;e=f"; g=h', "a/b", {"c": "d;e=f", "g": "h"}),
            ("a/b; c=; d", "a/b", {"c": ""}),
            ('a/b; c="open; d=e', "a/b", {"c": '"open', "d": "e"}),
            ("", "", {}),
            (";=;;", "", {}),
        ],
    )
    def test_content_type(self, value: str, kind: str, parameters: dict[str, str]) -> None:
        """h-45: tolerant of what is not legal token syntax."""
        assert parse_content_type(value) == (kind, parameters)

    def test_fields(self) -> None:
        """B06: "=", "<" and letters of two octets in a header."""
        given = "A: Zoë=\nB : 1\n 2\n\t3\nno colon\nA: second\n".encode()
        assert parse_headers(given) == {"a": "Zoë=", "b": "1 2 3"}


class TestFindPart:
    """h-43: which part a reference means."""

    PARTS = tuple(Part(octets=name.encode(), content_id=name) for name in ("a b", "a%20b", "é@x", "[1]", "x", "x"))

    @pytest.mark.parametrize(
        ("href", "found"),
        [
            ("cid:a b", "a b"),
            ("cid:a%20b", "a%20b"),
            ("cid:%C3%A9@x", "é@x"),
            ("cid:[1]", "[1]"),
            ("cid:%5B1%5D", "[1]"),
            ("cid:x", "x"),
            ("cid:X", None),
            ("cid:", None),
            ("", None),
        ],
    )
    def test_found(self, href: str, found: str | None) -> None:
        """As it stands, and else after %-decoding."""
        part_found = find_part(self.PARTS, href)
        assert (part_found and part_found.octets) == (found.encode() if found else None)
