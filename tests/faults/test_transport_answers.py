"""Digest b.1 and b.3 on real sockets: what stands on the wire, and what each answer becomes."""

from __future__ import annotations

import gzip
import logging
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request
from tests.faults.servers import HEADERS, Connection, answer, answering, failure, post, serving, wire

from mobb_client.errors import OutboxError, TransportError
from mobb_client.transport import Accepted, Refused, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.https import _endpoint

SOAP = 'xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
ACK = f"<soap:Envelope {SOAP}><soap:Header/><soap:Body/></soap:Envelope>".encode()
FAULT = f"<soap:Envelope {SOAP}><soap:Body><soap:Fault/></soap:Body></soap:Envelope>".encode()
XML = "Content-Type: text/xml"


def chunked(*chunks: bytes) -> bytes:
    """Return an answer of 200 in chunks."""
    pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b"")]
    return answer("200 OK", None, XML, "Transfer-Encoding: chunked") + b"".join(pieces)


class TestRequest:
    """b.1: what the other side sees."""

    def test_head(self) -> None:
        """B01, B10: the headers, whole: SOAPAction in its quotes, a Content-Length, never a MIME-Version."""
        with serving(answering(answer())) as server, wire() as line:
            post(line, server, b"<x>Zo\xc3\xab</x>")
            (request,) = server.requests
            assert request.head.decode().splitlines() == [
                "POST /digikoppeling/ebms HTTP/1.1",
                f"Host: localhost:{server.port}",
                "Accept-Encoding: identity",
                "User-Agent: mobb_client",
                "Content-Type: text/xml; charset=UTF-8",
                'SOAPAction: "ebXML"',
                "Content-Length: 11",
            ]
            assert request.body == b"<x>Zo\xc3\xab</x>"

    def test_content_type(self) -> None:
        """B02: a Content-Type goes out as it was given, quotes and all."""
        kind = 'multipart/related; boundary="mobb-1"; type="text/xml"; start="<1@b>"; start-info="text/xml"'
        with serving(answering(answer())) as server, wire() as line:
            line.post(server.url, {**HEADERS, "Content-Type": kind}, BytesIO(b"x"), 1)
            assert server.requests[0].headers["content-type"] == kind

    @pytest.mark.parametrize(
        "name",
        ["MIME-Version", "mime-version", "Expect", "Transfer-Encoding", "Content-Length", "Cookie", "Authorization"],
    )
    def test_forbidden_headers(self, name: str) -> None:
        """B01: what ebMS forbids, or is the connection's own, cannot be sent by mistake."""
        with serving(answering(answer())) as server, wire() as line:
            with pytest.raises(ValueError, match=name.lower()):
                line.post(server.url, {**HEADERS, name: "1.0"}, BytesIO(b"x"), 1)
            assert server.connections == 0

    @pytest.mark.parametrize(
        "octets",
        [
            b"",
            b"\0",
            b"\r\n" * 3,
            b"\n\0\r" + bytes(range(256)) * 300 + b"\r\0\n",
            gzip.compress(b"999993653" * 10_000, mtime=0),
        ],
        ids=["none", "nul", "line breaks", "every octet", "gzip"],
    )
    def test_octets(self, octets: bytes) -> None:
        """B07: arbitrary octets arrive as they were sent, there and back, in one piece and in chunks."""
        halves = octets[: len(octets) // 2], octets[len(octets) // 2 :]
        answers = (answer("200 OK", octets), chunked(*filter(None, halves)))
        with serving(answering(*answers)) as server, wire() as line:
            assert [post(line, server, octets).body, post(line, server, octets).body] == [octets, octets]
            assert [request.body for request in server.requests] == [octets, octets]
            assert server.requests[0].headers["content-length"] == str(len(octets))

    def test_from_where_the_file_stands(self) -> None:
        """Only the message's own octets are sent, whatever else is in the file."""
        file = BytesIO(b"before<x/>behind")
        file.seek(6)
        with serving(answering(answer())) as server, wire() as line:
            line.post(server.url, HEADERS, file, 4)
            assert server.requests[0].body == b"<x/>"

    def test_file_too_short(self) -> None:
        """A stored message that lost its end is never sent as if it were whole."""
        with serving(answering(answer())) as server, wire() as line:
            with pytest.raises(OutboxError, match="3 octets too early"):
                line.post(server.url, HEADERS, BytesIO(b"<x/>"), 7)
            assert server.requests == [] or len(server.requests[0].body) == 4

    def test_file_unreadable(self) -> None:
        """A disk that fails is not called a network that fails."""

        class Broken(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002 - the base class's
                raise BrokenPipeError(32, "stale file handle")

        broken = pytest.raises(OutboxError, match="stale file handle")
        with serving(answering(answer())) as server, wire() as line, broken:
            line.post(server.url, HEADERS, Broken(), 7)

    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost/",
            "https://",
            "https://user@localhost/",
            "https://user:geheim@localhost/",
            "https://localhost/#x",
            "https://localhost/a b",
            "https://localhost:x/",
            "https://localhost:99999/",
            "https://lo\\calhost/",
            "https://\u0142ocalhost/",
            "https://[::1/",
            "https://[zz]/",
            "https://[1::2::3]/",
            "https://[1.2.3.4]/",
            "https://*.example/",
            "https://.example/",
            "https://a..example/",
            f"https://{'a' * 64}.example/",
            "https://localhost:0/",
            "https://localhost/\r\nX: y",
            "https://localhost@example/",
            "ftp://localhost/",
            "",
        ],
    )
    def test_endpoint(self, url: str) -> None:
        """b.1: https, no Basic authentication; a URL that is not fit is refused before any connection."""
        with wire() as line, pytest.raises(TransportError) as caught:
            line.post(url, HEADERS, BytesIO(b"x"), 1)
        assert caught.value.reason == "http.endpoint"
        assert "geheim" not in str(caught.value)
        assert outcome_of_failure(caught.value).needs_person

    @given(st.one_of(st.text(), st.from_regex(r"https://[^/]{1,20}/?.{0,10}")))
    def test_any_endpoint(self, url: str) -> None:
        """Every text is an endpoint that requests takes as it stands, or refused."""
        try:
            endpoint = _endpoint(url)
        except TransportError as error:
            assert error.reason == "http.endpoint"  # noqa: PT017 - whichever of the two it is
            return
        prepared = urlsplit(Request("POST", url).prepare().url)
        assert prepared.scheme == "https"
        assert endpoint.rpartition(":")[0].strip("[]").lower() == prepared.hostname
        assert endpoint.rpartition(":")[2] == str(prepared.port or 443)

    @pytest.mark.parametrize(
        ("url", "endpoint"),
        [
            ("https://ebms.example.nl/digikoppeling/ebms", "ebms.example.nl:443"),
            ("HTTPS://ebms.example.nl:8443", "ebms.example.nl:8443"),
            ("https://ebms_1.example.nl./?a=b&c=%20", "ebms_1.example.nl.:443"),
            ("https://192.0.2.1:1/", "192.0.2.1:1"),
            ("https://[2001:db8::1]/", "[2001:db8::1]:443"),
        ],
    )
    def test_good_endpoint(self, url: str, endpoint: str) -> None:
        """What a CPA may hold."""
        assert _endpoint(url) == endpoint


class TestAnswers:
    """b.3, row by row."""

    @pytest.mark.parametrize(
        ("octets", "expected"),
        [
            (answer("204 No Content"), Accepted(204)),
            (answer("202 Accepted", b""), Accepted(202)),
            (answer("200 OK", b""), Accepted(200)),
            (answer("200 OK", b"", XML), Accepted(200)),
            (answer("200 OK", b" \r\n"), Accepted(200)),
            (answer("200 OK", None, "Connection: close"), Accepted(200)),
            (chunked(), Accepted(200)),
            (b"HTTP/1.0 200 OK\r\n\r\n", Accepted(200)),
            (answer("100 Continue") * 3 + answer(), Accepted(204)),
        ],
    )
    def test_accepted(self, octets: bytes, expected: Accepted) -> None:
        """B09: 204, 202, 200 empty or blank, with a length, in chunks, or to the end of the connection."""
        with serving(answering(octets)) as server, wire() as line:
            assert outcome_of(post(line, server)) == expected

    @pytest.mark.parametrize(
        "octets",
        [
            answer("200 OK", ACK, XML),
            answer("200 OK", ACK, XML, 'SOAPAction: "ebXML"'),
            chunked(ACK[:7], ACK[7:]),
            answer("200 OK", None, XML, "Connection: close") + ACK,
            b"HTTP/1.0 200 OK\r\ncontent-type:text/xml\r\n\r\n" + ACK,
        ],
    )
    def test_signal(self, octets: bytes) -> None:
        """B09: an envelope in the answer is a signal, also in chunks without a length."""
        with serving(answering(octets)) as server, wire() as line:
            outcome = outcome_of(post(line, server))
            assert isinstance(outcome, Signal)
            assert (outcome.body, outcome.content_type) == (ACK, "text/xml")

    @pytest.mark.parametrize(
        ("octets", "reason", "needs_person"),
        [
            (answer("200 OK", b"<html>aanmelden</html>", "Content-Type: text/html"), "http.not-understood", False),
            (answer("200 OK", gzip.compress(ACK), XML, "Content-Encoding: gzip"), "http.not-understood", False),
            (answer("500 Error", FAULT, XML), "http.soap-fault", True),
            (answer("500 Error", b""), "http.empty-error", False),
            (answer("500 Error", None, "Connection: close"), "http.empty-error", False),
            (answer("500 Error", b"<html/>"), "http.server-error", False),
            (answer("503 Unavailable", b"later"), "http.unavailable", False),
            (answer("502 Bad Gateway", b""), "http.server-error", False),
            (answer("504 Gateway Timeout", b""), "http.server-error", False),
            (answer("408 Request Timeout", b""), "http.busy", False),
            (answer("429 Too Many Requests", b""), "http.busy", False),
        ],
    )
    def test_retry(self, octets: bytes, reason: str, *, needs_person: bool) -> None:
        """B40: what is retried; a SOAP Fault raises an alarm as well."""
        with serving(answering(octets)) as server, wire() as line:
            outcome = outcome_of(post(line, server))
            assert isinstance(outcome, Retry)
            assert (outcome.reason, outcome.needs_person) == (reason, needs_person)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 501, 505, 510])
    def test_refused(self, status: int) -> None:
        """B40: what ends at once; a challenge for a password is not met."""
        octets = answer(f"{status} No", b"x", 'WWW-Authenticate: Basic realm="x"')
        with serving(answering(octets)) as server, wire() as line:
            outcome = outcome_of(post(line, server))
            assert isinstance(outcome, Refused)
            assert (outcome.status, len(server.requests)) == (status, 1)

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
    def test_redirect(self, status: int) -> None:
        """DK-KV 5.11.2: a redirect is an error, and the message goes nowhere else."""
        with serving(answering(answer())) as other:
            octets = answer(f"{status} Elsewhere", b"", f"Location: {other.url}")
            with serving(answering(octets, answer())) as server, wire() as line:
                outcome = outcome_of(post(line, server))
                assert isinstance(outcome, Refused)
                assert outcome.reason == "http.redirect"
                assert (len(server.requests), other.connections) == (1, 0)

    @pytest.mark.parametrize("status", [101, 102, 103])
    def test_interim(self, status: int) -> None:
        """f.3: a 1xx other than 100 fails at once; the answer behind it is never taken for that of the next message."""
        octets = answer(f"{status} Wait") + answer("202 Accepted", b"")
        with serving(answering(octets, octets)) as server, wire() as line:
            assert isinstance(outcome_of(post(line, server)), Refused)
            assert isinstance(outcome_of(post(line, server)), Refused)
            assert server.connections == 2

    def test_no_cookies(self) -> None:
        """A cookie is not kept."""
        with serving(answering(answer("200 OK", b"", "Set-Cookie: a=b; Path=/"), answer())) as server, wire() as line:
            post(line, server)
            post(line, server)
            assert server.connections == 1
            assert "cookie" not in server.requests[1].headers

    def test_headers(self) -> None:
        """Headers come by lower-case name, and doubles are joined."""
        with serving(answering(answer("200 OK", b"", "X-A: 1", "x-a: 2", "X-B: z"))) as server, wire() as line:
            assert post(line, server).headers == {"x-a": "1, 2", "x-b": "z", "content-length": "0"}


class TestUnusable:
    """What is no answer: refused in bounded time and memory, with nothing of it kept."""

    @pytest.mark.parametrize(
        ("octets", "reason"),
        [
            (b"999993653 is geheim\r\n\r\n", "http.malformed"),
            (b"HTTP/1.1 tweehonderd OK\r\n\r\n", "http.malformed"),
            (b"HTTP/1.1 99 OK\r\n\r\n", "http.malformed"),
            (b"HTTP/9.1 200 OK\r\n\r\n", "http.malformed"),
            (b"HTTP/1.1 200 OK\r\n999993653 is geheim\r\n\r\n", "http.malformed"),
            (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "http.malformed"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "network.answer-cut"),
            (b"HTTP/1.1 200 OK", "network.answer-cut"),
            (b"HTTP/1.1 204 No Content\r\n", "network.answer-cut"),
            (b"HTTP/1.1 200 OK\r\nContent-Len", "network.answer-cut"),
            (b"HTTP/1.1 100 Continue\r\n", "network.answer-cut"),
            (answer("200 OK", None, "Content-Length: 10") + b"<x/>", "network.answer-cut"),
            (answer("200 OK", None, "Content-Length: 10"), "network.answer-cut"),
            (chunked(ACK)[:-20], "network.answer-cut"),
            (chunked(ACK)[:-5], "network.answer-cut"),
            (answer("200 OK", None, "Transfer-Encoding: chunked") + b"zz\r\n999993653", "network.answer-cut"),
            (b"", "network.answer-lost"),
        ],
    )
    def test_malformed(self, octets: bytes, reason: str) -> None:
        """An answer that is cut off or no HTTP accepts nothing, however well it began."""
        with serving(answering(octets)) as server, wire() as line:
            error = failure(line, server)
            assert error.reason == reason
            assert error.may_have_arrived
            assert "999993653" not in str(error)
            assert isinstance(outcome_of_failure(error), Retry)

    @pytest.mark.parametrize(
        "octets",
        [
            answer("200 OK", None, "Content-Length: 100000000"),
            answer("200 OK", None, "Connection: close"),
            answer("200 OK", None, "Transfer-Encoding: chunked"),
            answer("301 Elsewhere", None, "Location: https://localhost/", "Connection: close"),
        ],
    )
    def test_too_large(self, octets: bytes) -> None:
        """An answer without end is left alone at the bound."""

        def flood(connection: Connection) -> None:
            connection.read_request()
            connection.send(octets)
            while not connection.server.closing.is_set():
                connection.send(b"fff0\r\n" + bytes(0xFFF0) + b"\r\n")

        with serving(flood) as server, wire() as line:
            error = failure(line, server)
            assert error.reason == "http.answer-too-large"
            assert "at most 1000000 octets" in str(error)


def test_nothing_of_a_message_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG nothing of what is sent or received is told, also not of what cannot be read."""
    octets = [
        answer("500 999993653", b"999993653", "X-A: 999993653"),
        answer("200 999993653", b"999993653"),
        b"HTTP/1.1 200 OK\r\n999993653\r\n\r\n",
        b"999993653\r\n\r\n",
        answer("200 OK", None, "Transfer-Encoding: chunked") + b"999993653\r\n",
    ]

    def script(connection: Connection) -> None:
        answering(octets.pop())(connection)

    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "mobb_client"), serving(script) as server:
        for _ in range(5):
            with wire() as line:
                try:
                    assert "999993653" not in str(outcome_of(post(line, server, b"<x>999993653</x>")))
                except TransportError as error:
                    assert "999993653" not in str(error)  # noqa: PT017 - whichever of the two it is
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"urllib3", "mobb_client"}
    assert "999993653" not in caplog.text
    assert not any("999993653" in str(record.__dict__) for record in caplog.records)
