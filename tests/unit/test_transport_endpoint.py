"""The endpoint as WSGI and ASGI application: digest b.1 and f.7, PEP 3333, ASGI 3.0; whose certificate counts (B52)."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from urllib.parse import quote, quote_plus
from wsgiref.types import WSGIEnvironment
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.keys import PARTNER_OIN, authority, holder

from mobb_client.errors import ConfigurationError, FormatError
from mobb_client.pki import Certificate
from mobb_client.transport import Caller, FromProxy, PeerFrom, Reply, asgi, from_server, wsgi

SECRET = ("X-Proxy-Secret", "niet te raden voor buiten")
PEER = holder(PARTNER_OIN, above=authority("middle", above=authority()))
PEM = PEER.pem.decode()
OTHER = holder().pem.decode()


@dataclass
class Seen:
    """A receiver that keeps what it got and says what it is told to."""

    reply: Reply | Exception = field(default_factory=Reply)
    calls: list[tuple[Mapping[str, str], bytes, Certificate | None]] = field(default_factory=list)

    def __call__(self, headers: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        """Keep a call, and return or raise what was given."""
        self.calls.append((headers, body, peer))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as a web server gives it to an application."""

    body: bytes = b"<x/>"
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/xml"), ("SOAPAction", '"ebXML"'))
    length: str | None = "4"
    certificate: str | None = None
    address: str = "192.0.2.1"

    def with_headers(self, *more: tuple[str, str]) -> Asked:
        """Return it with more headers."""
        return replace(self, headers=(*self.headers, *more))


Answer = tuple[int, dict[str, str], bytes]
Call = Callable[..., Answer]


def over_wsgi(seen: Seen, asked: Asked, *, peer_from: PeerFrom = from_server, max_body: int = 1000) -> Answer:
    """Return what the WSGI application answers, with the rules of PEP 3333 held against it."""
    environ = environ_of(asked)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _: None

    application = wsgi(seen, peer_from=peer_from, max_body=max_body)
    body = b"".join(application(environ, start))
    ((status, headers),) = started
    return int(status.split()[0]), dict(headers), body


def environ_of(asked: Asked) -> WSGIEnvironment:
    """Return a request as PEP 3333 has it."""
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": asked.method,
        "REMOTE_ADDR": asked.address,
        "wsgi.input": BytesIO(asked.body + b"what follows on the connection"),
    }
    for key, value in asked.headers:
        name = key.upper().replace("-", "_")
        name = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    if asked.length is not None:
        environ["CONTENT_LENGTH"] = asked.length
    else:
        environ |= {"wsgi.input": BytesIO(asked.body), "wsgi.input_terminated": True}
    if asked.certificate is not None:
        environ |= {"SSL_CLIENT_CERT": asked.certificate, "SSL_CLIENT_VERIFY": "SUCCESS"}
    return environ


def over_asgi(seen: Seen, asked: Asked, *, peer_from: PeerFrom = from_server, max_body: int = 1000) -> Answer:
    """Return what the ASGI application answers; the body comes in three pieces."""
    headers = [(key.lower().encode(), value.encode("latin-1")) for key, value in asked.headers]
    if asked.length is not None:
        headers.append((b"content-length", asked.length.encode()))
    scope: dict[str, object] = {
        "type": "http",
        "method": asked.method,
        "headers": headers,
        "client": (asked.address, 1234),
        "extensions": {},
    }
    if asked.certificate is not None:
        scope["extensions"] = {"tls": {"client_cert_chain": [asked.certificate], "client_cert_error": None}}
    third = len(asked.body) // 3
    pieces = [asked.body[:third], asked.body[third : 2 * third], asked.body[2 * third :]]
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events.append({"type": "http.request", "more_body": False})
    start, body = played(seen, scope, events, peer_from=peer_from, max_body=max_body)
    assert start["type"] == "http.response.start"
    assert isinstance(start["status"], int)
    assert isinstance(start["headers"], list)
    assert isinstance(body["body"], bytes)
    return start["status"], {key.decode(): value.decode() for key, value in start["headers"]}, body["body"]


def played(
    seen: Seen,
    scope: dict[str, object],
    events: list[dict[str, object]],
    *,
    peer_from: PeerFrom = from_server,
    max_body: int = 1000,
) -> list[dict[str, object]]:
    """Return what the ASGI application sends when these events come in."""
    sent: list[dict[str, object]] = []

    async def get() -> dict[str, object]:
        return events.pop(0)

    async def send(event: Mapping[str, object]) -> None:
        sent.append(dict(event))

    asyncio.run(asgi(seen, peer_from=peer_from, max_body=max_body)(scope, get, send))  # type: ignore[arg-type] # dicts
    return sent


BOTH = pytest.mark.parametrize("call", [over_wsgi, over_asgi], ids=["wsgi", "asgi"])


@BOTH
class TestRequests:
    """What reaches the receiver, and what does not."""

    def test_post(self, call: Call) -> None:
        """A POST arrives whole, headers by lower-case name; the answer goes back whole."""
        seen = Seen(Reply(200, {"Content-Type": "text/xml"}, b"<y/>"))
        status, headers, body = call(seen, Asked())
        assert (status, body) == (200, b"<y/>")
        assert {key.lower(): value for key, value in headers.items()} == {
            "content-type": "text/xml",
            "content-length": "4",
        }
        ((got, octets, peer),) = seen.calls
        assert (octets, peer) == (b"<x/>", None)
        assert (got["content-type"], got["soapaction"], got["content-length"]) == ("text/xml", '"ebXML"', "4")

    def test_204(self, call: Call) -> None:
        """f.7: a valid signal is answered with 204, which has no length (RFC 9110 8.6)."""
        assert call(Seen(), Asked()) == (204, {}, b"")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "post"])
    def test_other_methods(self, call: Call, method: str) -> None:
        """b.1: POST only."""
        seen = Seen()
        status, headers, body = call(seen, Asked(method=method))
        assert (status, body) == (405, b"")
        assert {key.lower(): value for key, value in headers.items()}["allow"] == "POST"
        assert seen.calls == []

    @pytest.mark.parametrize("body", [b"", b"\0\r\n" * 100, bytes(range(256)) * 3], ids=["none", "breaks", "all"])
    @pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
    def test_octets(self, call: Call, body: bytes, *, chunked: bool) -> None:
        """B07: octets arrive as they were sent, with a length and in chunks."""
        seen = Seen()
        asked = Asked(body=body, length=None if chunked else str(len(body)))
        assert call(seen, asked.with_headers(("Transfer-Encoding", "chunked")) if chunked else asked)[0] == 204
        assert seen.calls[0][1] == body

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            (Asked(length="-4"), 400),
            (Asked(length="4, 4"), 400),
            (Asked(length="vier"), 400),
            (Asked(length="\u00b2"), 400),
            (Asked(length="1" * 16), 400),
            (Asked().with_headers(("Transfer-Encoding", "chunked")), 400),
            (Asked(length="1001"), 413),
            (Asked(body=bytes(1001), length=None), 413),
            (Asked(body=bytes(5000), length=None), 413),
        ],
        ids=["negative", "two", "word", "no digit", "endless", "length and chunks", "declared", "one more", "more"],
    )
    def test_not_taken(self, call: Call, asked: Asked, status: int) -> None:
        """A length that is none, or too much: a status, and the receiver never hears of it."""
        seen = Seen()
        assert call(seen, asked)[::2] == (status, b"")
        assert seen.calls == []

    def test_largest(self, call: Call) -> None:
        """The bound itself is allowed."""
        for length in ("1000", None):
            assert call(Seen(), Asked(body=bytes(1000), length=length))[0] == 204

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("999993653"),
            FormatError("x.y", "999993653"),
            KeyError("999993653"),
            RecursionError(),
            MemoryError(),
        ],
    )
    def test_exception(self, call: Call, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
        """f.7: whatever goes wrong becomes an empty 500; the log says what kind and where, and no word of it."""
        with caplog.at_level(logging.DEBUG):
            assert call(Seen(error), Asked(body=b"999993653", length="9"))[::2] == (500, b"")
        (record,) = [one for one in caplog.records if one.name.startswith("mobb_client")]
        assert record.__dict__["error"] == type(error).__name__
        assert record.__dict__["where"].startswith("test_transport_endpoint.py:")
        assert "999993653" not in str(record.__dict__)

    def test_server_certificate(self, call: Call) -> None:
        """What the web server itself saw in its handshake is believed."""
        seen = Seen()
        call(seen, Asked(certificate=PEM))
        assert seen.calls[0][2] == PEER.certificate

    @pytest.mark.parametrize("text", ["", "geen certificaat", PEM[:-60], "-----BEGIN CERTIFICATE-----"])
    def test_server_certificate_unreadable(self, call: Call, text: str) -> None:
        """One that cannot be read is nobody's."""
        seen = Seen()
        assert call(seen, Asked(certificate=text))[0] == 204
        assert seen.calls[0][2] is None


class TestWSGI:
    """PEP 3333 only."""

    def test_valid(self) -> None:
        """The validator of the standard library finds nothing against it."""
        environ = environ_of(Asked()) | {
            "wsgi.version": (1, 0),
            "wsgi.errors": __import__("sys").stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.url_scheme": "https",
            "SERVER_NAME": "x",
            "SERVER_PORT": "443",
            "PATH_INFO": "/",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
        }
        answered = validator(wsgi(Seen(Reply(200, {"Content-Type": "text/xml"}, b"<y/>"))))(
            environ, lambda *_: lambda _: None
        )
        assert b"".join(answered) == b"<y/>"
        answered.close()  # type: ignore[attr-defined] # the validator wants it

    def test_no_length(self) -> None:
        """Without a length, and from a server that does not know the end: nothing is read for ever."""
        environ = environ_of(Asked())
        del environ["CONTENT_LENGTH"]
        assert over_environ(environ) == "411 Length Required"

    @pytest.mark.parametrize("error", [OSError("999993653"), ValueError("bad chunk 999993653")])
    def test_connection_lost(self, error: Exception) -> None:
        """The connection goes away, or its chunks are none: not a request, and not our mistake."""

        class Broken(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002 - the base class's
                raise error

        assert over_environ(environ_of(Asked()) | {"wsgi.input": Broken()}) == "400 Bad Request"

    def test_too_short(self) -> None:
        """Fewer octets than the length says: half a message is never judged."""
        assert over_environ(environ_of(Asked()) | {"wsgi.input": BytesIO(b"<x")}) == "400 Bad Request"

    def test_small_reads(self) -> None:
        """A server may give less than was asked for."""

        class Small(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(min(size or 0, 1))

        seen = Seen()
        assert over_environ(environ_of(Asked()) | {"wsgi.input": Small(b"<x/>")}, seen) == "204 No Content"
        assert seen.calls[0][1] == b"<x/>"

    @pytest.mark.parametrize("verdict", ["NONE", "GENEROUS", "FAILED:self signed certificate", ""])
    def test_not_verified(self, verdict: str) -> None:
        """Apache gives certificates that it could not verify too, and says so."""
        seen = Seen()
        over_environ(environ_of(Asked(certificate=PEM)) | {"SSL_CLIENT_VERIFY": verdict}, seen)
        assert seen.calls[0][2] is None

    @pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
    def test_socket(self, key: str) -> None:
        """Servers that give the connection itself."""

        class Connection:
            der: bytes | None = PEER.certificate.der

            def getpeercert(self, *, binary_form: bool) -> bytes | None:
                assert binary_form
                return self.der

        for connection, peer in ((Connection(), PEER.certificate), (object(), None)):
            seen = Seen()
            over_environ(environ_of(Asked()) | {key: connection}, seen)
            assert seen.calls[0][2] == peer
        seen, connection = Seen(), Connection()
        connection.der = None  # type: ignore[attr-defined] # the first of the two
        over_environ(environ_of(Asked()) | {key: connection}, seen)
        assert seen.calls[0][2] is None

    def test_unknown_status(self) -> None:
        """A status without a name has one all the same."""
        assert over_environ(environ_of(Asked()), Seen(Reply(299))) == "299 Status"


def over_environ(environ: WSGIEnvironment, seen: Seen | None = None) -> str:
    """Return the status line that the WSGI application answers with."""
    lines: list[str] = []

    def start(status: str, _headers: object, _error: object = None) -> Callable[[bytes], object]:
        lines.append(status)
        return lambda _: None

    list(wsgi(seen or Seen())(environ, start))
    return lines[0]


class TestASGI:
    """ASGI 3.0 only."""

    def test_disconnect(self) -> None:
        """Whoever goes away in the middle of the body gets no answer, and the receiver hears nothing."""
        seen = Seen()
        scope: dict[str, object] = {"type": "http", "method": "POST", "headers": []}
        events: list[dict[str, object]] = [
            {"type": "http.request", "body": b"<x", "more_body": True},
            {"type": "http.disconnect"},
        ]
        assert played(seen, scope, events) == []
        assert seen.calls == []

    def test_too_short(self) -> None:
        """Fewer octets than the length says."""
        assert over_asgi(Seen(), Asked(length="5"))[0] == 400

    def test_lifespan(self) -> None:
        """There is nothing to start and nothing to stop."""
        events: list[dict[str, object]] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        assert played(Seen(), {"type": "lifespan"}, events) == [
            {"type": "lifespan.startup.complete"},
            {"type": "lifespan.shutdown.complete"},
        ]

    def test_websocket(self) -> None:
        """Another protocol is refused, as ASGI wants it."""
        with pytest.raises(ValueError, match="http only"):
            played(Seen(), {"type": "websocket"}, [])

    @pytest.mark.parametrize(
        "scope",
        [
            {},
            {"extensions": None},
            {"extensions": {"tls": None}},
            {"extensions": {"tls": {}}},
            {"extensions": {"tls": {"client_cert_chain": []}}},
            {"extensions": {"tls": {"client_cert_chain": [PEM], "client_cert_error": "unknown ca"}}},
            {"client": None},
            {"headers": None},
        ],
    )
    def test_no_certificate(self, scope: dict[str, object]) -> None:
        """A server without the extension, a client without a certificate, one that could not be verified."""
        seen = Seen()
        whole = {"type": "http", "method": "POST", "headers": [], **scope}
        start, _ = played(seen, whole, [{"type": "http.request", "body": b"<x/>"}])
        assert (start["status"], seen.calls[0][2]) == (204, None)


FORMS = {
    "nginx": quote(PEM, safe=""),
    "nginx, + for blanks": quote_plus(PEM).replace("+", "%20"),
    "ALB": quote(PEM, safe="+=/"),
    "HAProxy": base64.b64encode(PEER.certificate.der).decode(),
    "HAProxy, %-encoded": quote(base64.b64encode(PEER.certificate.der).decode(), safe=""),
    "Apache": PEM.replace("\n", " "),
    "old nginx": PEM.replace("\n", "\n\t"),
    "one line": PEM.replace("\n", ""),
    "RFC 9440": f":{base64.b64encode(PEER.certificate.der).decode()}:",
}


class TestProxy:
    """B52: the certificate in a header, in every form, and only when the proxy proves that it was the proxy."""

    @BOTH
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("header", ["Client-Cert", "X-SSL-Client-Cert", "x-amzn-mtls-clientcert"])
    def test_forms(self, call: Call, form: str, header: str) -> None:
        """B52: URL-encoded PEM, PEM on one line, base64, RFC 9440; whatever the header is called."""
        seen = Seen()
        asked = Asked().with_headers((header, FORMS[form]), SECRET)
        call(seen, asked, peer_from=FromProxy(header=header, secret=SECRET))
        assert seen.calls[0][2] == PEER.certificate

    @BOTH
    def test_the_secret_goes_no_further(self, call: Call) -> None:
        """B55: what proves the proxy is in no header that is kept."""
        seen = Seen()
        call(seen, Asked().with_headers(("Client-Cert", FORMS["nginx"]), SECRET), peer_from=FromProxy(secret=SECRET))
        assert SECRET[0].lower() not in seen.calls[0][0]
        assert SECRET[1] not in str(seen.calls)
        assert SECRET[1] not in repr(FromProxy(secret=SECRET))

    @BOTH
    @pytest.mark.parametrize(
        "more",
        [
            (),
            (("X-Proxy-Secret", ""),),
            (("X-Proxy-Secret", "geraden"),),
            (("X-Proxy-Secret", "ni\u00ebt te raden"),),
            (SECRET, SECRET),
            (("X-Proxy-Secret", SECRET[1].upper()),),
        ],
        ids=["none", "empty", "guessed", "not ascii", "twice", "case"],
    )
    def test_from_outside(self, call: Call, more: tuple[tuple[str, str], ...]) -> None:
        """B52: a header without the secret was not set by the proxy."""
        seen = Seen()
        asked = Asked().with_headers(("Client-Cert", FORMS["nginx"]), *more)
        assert call(seen, asked, peer_from=FromProxy(secret=SECRET))[0] == 204
        assert seen.calls[0][2] is None

    @BOTH
    def test_never_by_default(self, call: Call) -> None:
        """B52: without a configured proxy no header counts, whatever it is called."""
        seen = Seen()
        call(seen, Asked().with_headers(("Client-Cert", FORMS["nginx"]), ("SSL-Client-Cert", PEM.replace("\n", " "))))
        assert seen.calls[0][2] is None

    @BOTH
    def test_beside_the_server(self, call: Call) -> None:
        """B52: behind a proxy the server's own handshake is the proxy's, and its certificate is not the sender's."""
        seen = Seen()
        call(seen, Asked(certificate=OTHER), peer_from=FromProxy(secret=SECRET))
        assert seen.calls[0][2] is None

    @BOTH
    @pytest.mark.parametrize(
        ("networks", "address", "believed"),
        [
            (("192.0.2.1",), "192.0.2.1", True),
            (("192.0.2.1",), "192.0.2.2", False),
            (("10.0.0.0/8", "192.0.2.0/24"), "192.0.2.77", True),
            (("10.0.0.0/8",), "192.0.2.77", False),
            (("192.0.2.0/24",), "::ffff:192.0.2.1", True),
            (("fd00::/8",), "fd00::1", True),
            (("fd00::/8",), "fe80::1", False),
            (("127.0.0.1",), "", False),
            (("127.0.0.1",), "unix:", False),
        ],
    )
    def test_networks(self, call: Call, networks: tuple[str, ...], address: str, *, believed: bool) -> None:
        """B52: or the connection comes from the proxy's address."""
        seen = Seen()
        asked = Asked(address=address).with_headers(("Client-Cert", FORMS["nginx"]))
        call(seen, asked, peer_from=FromProxy(networks=networks))
        assert (seen.calls[0][2] == PEER.certificate) is believed

    def test_all_proofs(self) -> None:
        """Of several proofs all must hold."""
        proxy = FromProxy(secret=SECRET, networks=["192.0.2.1"], verified=("X-Verify", "SUCCESS"))
        right = {"client-cert": FORMS["nginx"], "x-proxy-secret": SECRET[1], "x-verify": "SUCCESS"}
        assert proxy(Caller(headers=right, address="192.0.2.1")) == PEER.certificate
        assert proxy(Caller(headers=right, address="192.0.2.2")) is None
        assert proxy(Caller(headers=right | {"x-proxy-secret": "x"}, address="192.0.2.1")) is None
        assert proxy(Caller(headers=right | {"x-verify": "FAILED:x"}, address="192.0.2.1")) is None

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "-",
            "geen",
            FORMS["nginx"][:-40],
            f"{FORMS['HAProxy']},{FORMS['HAProxy']}",
            f"{FORMS['nginx']}, {FORMS['nginx']}",
            quote(PEM + OTHER, safe=""),
            "%FF%FE",
            "M" * 10_000,
        ],
        ids=["empty", "blank", "dash", "word", "cut", "twice", "appended", "chain", "octets", "long"],
    )
    def test_not_one_certificate(self, value: str) -> None:
        """B52: what is not exactly one certificate is nobody's; a header from outside beside the proxy's is seen so."""
        assert FromProxy(secret=SECRET)(Caller(headers={"client-cert": value, "x-proxy-secret": SECRET[1]})) is None

    @given(st.text(max_size=60))
    def test_any(self, value: str) -> None:
        """No value makes it raise."""
        FromProxy(secret=SECRET)(Caller(headers={"client-cert": value, "x-proxy-secret": SECRET[1]}))

    @pytest.mark.parametrize(
        ("settings", "code"),
        [
            ({}, "proxy.proof"),
            ({"secret": ("X-Secret", "kort")}, "proxy.proof"),
            ({"secret": ("X-Secret", "")}, "proxy.proof"),
            ({"secret": ("X_Secret", "x" * 20)}, "proxy.value"),
            ({"secret": SECRET, "header": "X-Cert: "}, "proxy.value"),
            ({"secret": SECRET, "header": ""}, "proxy.value"),
            ({"secret": SECRET, "verified": ("", "x")}, "proxy.value"),
            ({"networks": ["10.0.0.1/8"]}, "proxy.value"),
            ({"networks": ["proxy.example"]}, "proxy.value"),
        ],
    )
    def test_settings(self, settings: dict[str, object], code: str) -> None:
        """Without a proof it cannot even be made."""
        with pytest.raises(ConfigurationError) as caught:
            FromProxy(**settings)  # type: ignore[arg-type] # a table of wrong ones
        assert caught.value.findings[0].code == code

    def test_repr(self) -> None:
        """It shows how it is proved, and no secret."""
        proxy = FromProxy(secret=SECRET, networks=["10.0.0.0/8"])
        assert repr(proxy) == "FromProxy('Client-Cert', proved by secret, 10.0.0.0/8)"


class TestReply:
    """A value that checks itself."""

    @pytest.mark.parametrize("status", [0, 100, 199, 600])
    def test_status(self, status: int) -> None:
        """A reply is final."""
        with pytest.raises(ValueError, match="200 and 599"):
            Reply(status)

    @pytest.mark.parametrize("headers", [{"X": "a\r\nB: c"}, {"X\n": "a"}, {"X": "\0"}])
    def test_line_breaks(self, headers: dict[str, str]) -> None:
        """No header makes another."""
        with pytest.raises(ValueError, match="line break"):
            Reply(200, headers)

    def test_length(self) -> None:
        """The length is the body's own, whatever was given."""
        assert Reply(200, {"content-length": "9"}, b"abc").lines == [("Content-Length", "3")]

    def test_repr(self) -> None:
        """It shows no content."""
        assert repr(Reply(200, {}, b"999993653")) == "Reply(200, 9 octets)"


def test_der_from_a_server() -> None:
    """A server may give DER, or a whole chain in PEM."""
    assert from_server(Caller(headers={}, certificate=ssl.PEM_cert_to_DER_cert(PEM))) == PEER.certificate
    found = from_server(Caller(headers={}, certificate=PEER.chain_pem))
    assert found == PEER.certificate
    assert found is not None
    assert len(found.chain) == 2
