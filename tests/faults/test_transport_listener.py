"""Our endpoint on a socket of its own: who is let in, what reaches the application, what bad company does to others."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Mapping
from io import BytesIO

import pytest
from tests.faults.servers import HEADERS, HOST, wire, world

from mobb_client.errors import TransportError
from mobb_client.pki import Certificate
from mobb_client.transport import Accepted, HttpsWire, Reply, Response, Retry, outcome_of
from mobb_client.transport.listener import Listener
from mobb_client.transport.serving import PATH

pytestmark = pytest.mark.usefixtures("no_hang")


class Seen:
    """A receiver that keeps what it got, and fails on request."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, Certificate | None]] = []

    def __call__(self, headers: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        """Keep a call."""
        assert headers["soapaction"] == '"ebXML"'
        self.calls.append((body, peer))
        if body == b"999993653":
            raise ValueError(body.decode())
        return Reply()


def listening(seen: Seen, port: int = 0) -> Listener:
    """Return a listener of this world's server."""
    return Listener(seen, identity=world().server().identity, anchors=[world().ours.certificate], port=port)


def send(line: HttpsWire, listener: Listener, body: bytes = b"<x/>") -> Response:
    """Post octets to a listener."""
    return line.post(f"https://{HOST}:{listener.port}{PATH}", HEADERS, BytesIO(body), len(body))


def test_peer() -> None:
    """B51, B52: the application gets the certificate of the handshake, and the octets as they were sent."""
    seen = Seen()
    bodies = [b"", b"\0\r\n\0", bytes(300_000)]
    with listening(seen) as listener, wire() as line:
        assert [outcome_of(send(line, listener, body)) for body in bodies] == [Accepted(204)] * 3
    assert seen.calls == [(body, world().client.certificate) for body in bodies]


def test_nobody() -> None:
    """B51: no certificate, or that of a stranger: not let in."""
    seen = Seen()
    with listening(seen) as listener:
        for settings in ({"anonymous": True}, {"identity": world().stranger.identity}):
            with wire(**settings) as line, pytest.raises(TransportError) as caught:  # type: ignore[arg-type] # a table
                send(line, listener)
            assert caught.value.reason.startswith("tls.client-certificate-")
    assert seen.calls == []


@pytest.mark.skipif(not ssl.HAS_TLSv1_1, reason="this OpenSSL cannot speak TLS 1.1 any more")
def test_old_tls() -> None:
    """TLS003: nothing older than TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of versions that are forbidden here too
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    refused = pytest.raises(ssl.SSLError, match=r"(?i)protocol.version")
    with listening(Seen()) as listener, socket.create_connection((HOST, listener.port)) as plain, refused:
        context.wrap_socket(plain)


def test_failure(capfd: pytest.CaptureFixture[str]) -> None:
    """f.7: what cannot be received is an empty 500; nothing of it is printed, and the next is served."""
    with listening(Seen()) as listener, wire() as line:
        assert isinstance(outcome_of(send(line, listener, b"999993653")), Retry)
        assert outcome_of(send(line, listener)) == Accepted(204)
    assert "999993653" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\0\xff" + bytes(20)])
def test_bad_company(octets: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that stalls or is no TLS keeps nobody waiting, and is passed over in silence."""
    with listening(Seen()) as listener, wire() as line, socket.create_connection((HOST, listener.port)) as stuck:
        stuck.sendall(octets)
        assert outcome_of(send(line, listener)) == Accepted(204)
    assert "".join(capfd.readouterr()) == ""


def test_again_at_once() -> None:
    """B39: whoever comes after a crash listens at the same port at once, not when its old connections are forgotten."""
    with listening(Seen()) as listener, wire() as line:
        assert outcome_of(send(line, listener)) == Accepted(204)
    with listening(Seen(), port=listener.port) as again, wire() as line:
        assert outcome_of(send(line, again)) == Accepted(204)
