"""The endpoint in the server of `mobb serve` (cheroot), with our own wire on the other side: real TLS, real HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import quote
from wsgiref.types import WSGIApplication

import pytest
from tests.faults.servers import HEADERS, HOST, wire, world

from mobb_client.errors import TransportError
from mobb_client.pki import Certificate
from mobb_client.transport import (
    Accepted,
    FromProxy,
    HttpsWire,
    PeerFrom,
    Reply,
    Response,
    Retry,
    Signal,
    from_server,
    outcome_of,
    wsgi,
)
from mobb_client.transport.serving import Address, Limits, Server, tls

pytest.importorskip("cheroot")
pytestmark = pytest.mark.usefixtures("no_hang")

ENVELOPE = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>'
PATH = "/digikoppeling/ebms"


@dataclass
class Seen:
    """A receiver that keeps what it got."""

    reply: Callable[[bytes], Reply] = lambda _: Reply()
    calls: list[tuple[Mapping[str, str], bytes, Certificate | None]] = field(default_factory=list)

    def __call__(self, headers: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        """Keep a call."""
        self.calls.append((headers, body, peer))
        return self.reply(body)


@contextmanager
def served(application: WSGIApplication, *, secured: bool) -> Iterator[int]:
    """Give the port at which our server serves an application, with a client certificate demanded under TLS."""
    context = tls(world().server().identity, [world().ours.certificate]) if secured else None
    with Server(application, address=Address(), context=context, limits=Limits(threads=2)) as server:
        yield server.address.port


@contextmanager
def pair(seen: Seen) -> Iterator[Callable[[bytes], Response]]:
    """Give a function that posts octets with our wire to our endpoint in cheroot."""
    with served(wsgi(seen), secured=True) as port, wire() as line:
        yield lambda body: send(line, port, body)


def send(line: HttpsWire, port: int, body: bytes) -> Response:
    """Post octets."""
    return line.post(f"https://{HOST}:{port}{PATH}", HEADERS, BytesIO(body), len(body))


class TestTLS:
    """Our wire against our endpoint."""

    def test_peer(self) -> None:
        """B52: the application gets the certificate of the handshake."""
        seen = Seen()
        with pair(seen) as ask:
            assert outcome_of(ask(b"<x/>")) == Accepted(204)
        ((headers, body, peer),) = seen.calls
        assert (body, peer) == (b"<x/>", world().client.certificate)
        assert headers["soapaction"] == '"ebXML"'
        assert headers["content-type"] == "text/xml; charset=UTF-8"
        assert "mime-version" not in headers

    def test_nobody(self) -> None:
        """Who shows no certificate does not come as far as the application."""
        seen = Seen()
        refused = pytest.raises(TransportError)
        with served(wsgi(seen), secured=True) as port, wire(anonymous=True) as line, refused as caught:
            send(line, port, b"<x/>")
        assert caught.value.reason == "tls.client-certificate-missing"
        assert seen.calls == []

    @pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 500_000])
    def test_octets(self, size: int) -> None:
        """B07: octets survive there and back, one message after the other over one connection."""
        octets = (bytes(range(256)) * (size // 256 + 1))[:size]
        seen = Seen(lambda body: Reply(200, {"Content-Type": "application/octet-stream"}, body))
        with pair(seen) as ask:
            assert [ask(octets).body for _ in range(3)] == [octets] * 3
        assert [body for _, body, _ in seen.calls] == [octets] * 3

    def test_signal(self) -> None:
        """An envelope in the answer."""
        with pair(Seen(lambda _: Reply(200, {"Content-Type": "text/xml"}, ENVELOPE))) as ask:
            outcome = outcome_of(ask(b"<x/>"))
        assert isinstance(outcome, Signal)
        assert outcome.body == ENVELOPE

    def test_failure(self) -> None:
        """f.7: what cannot be received is answered with an empty 500, and sent again."""

        def fail(body: bytes) -> Reply:
            raise ValueError(body.decode())

        with pair(Seen(fail)) as ask:
            outcome = outcome_of(ask(b"999993653"))
            assert isinstance(outcome, Retry)
            assert outcome.reason == "http.empty-error"
            assert isinstance(outcome_of(ask(b"999993653")), Retry)


class TestHTTP:
    """Requests that our own wire never makes, and a proxy in front."""

    @staticmethod
    def ask(
        port: int,
        body: bytes | Iterable[bytes] = b"<x/>",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request(method, PATH, body, {**HEADERS, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def test_chunked(self) -> None:
        """B09: a request in chunks, as ebms-core sends it."""
        seen = Seen()
        with served(wsgi(seen), secured=False) as port:
            assert self.ask(port, iter([b"<x", b"/", b">" + bytes(100_000)])) == (204, b"")
        assert seen.calls[0][1] == b"<x/>" + bytes(100_000)

    def test_too_large(self) -> None:
        """More than the bound, declared and in chunks."""
        seen = Seen()
        with served(wsgi(seen, max_body=1000), secured=False) as port:
            assert self.ask(port, bytes(1001))[0] == 413
            assert self.ask(port, iter([bytes(600), bytes(600)]))[0] == 413
        assert seen.calls == []

    def test_get(self) -> None:
        """b.1: POST only."""
        with served(wsgi(Seen()), secured=False) as port:
            assert self.ask(port, b"", method="GET") == (405, b"")

    @pytest.mark.parametrize(
        ("name", "peer_from", "believed"),
        [
            ("X-SSL-Client-Cert", FromProxy(header="X-SSL-Client-Cert", networks=["127.0.0.1"]), True),
            ("X-SSL-Client-Cert", FromProxy(header="X-SSL-Client-Cert", networks=["192.0.2.1"]), False),
            ("X-SSL-Client-Cert", from_server, False),
            ("SSL-Client-Cert", from_server, False),
            ("X_SSL_Client_Cert", FromProxy(header="X-SSL-Client-Cert", networks=["127.0.0.1"]), False),
        ],
        ids=["from the proxy", "from elsewhere", "no proxy", "the name in environ", "underscore"],
    )
    def test_proxy(self, name: str, peer_from: PeerFrom, *, believed: bool) -> None:
        """B52: a header counts from the proxy only, under its own name only."""
        seen = Seen()
        with served(wsgi(seen, peer_from=peer_from), secured=False) as port:
            assert self.ask(port, headers={name: quote(world().client.pem.decode(), safe="")})[0] == 204
        assert (seen.calls[0][2] == world().client.certificate) is believed
