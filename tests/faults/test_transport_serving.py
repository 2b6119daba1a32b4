"""The server of `mobb serve`: clients that are slow, many, or not what they say, and certificates that are replaced."""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tests.faults.servers import HEADERS, HOST, load, wire, world
from tests.keys import Holder

from mobb_client.errors import ConfigurationError, TransportError
from mobb_client.pki import Certificate
from mobb_client.transport import Accepted, FromProxy, HttpsWire, Reply, outcome_of
from mobb_client.transport.serving import PATH, Address, Limits, Server, application, health, tls

pytest.importorskip("cheroot")
pytestmark = pytest.mark.usefixtures("no_hang")

SECRET = "een lang geheim van de proxy"  # noqa: S105 - of a proxy that lives as long as a test


class Seen:
    """A receiver that keeps what it got; `wait` holds its answer back."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, Certificate]] = []
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, _: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        """Keep a call."""
        assert peer is not None
        self.calls.append((body, peer))
        self.entered.set()
        assert self.go_on.wait(30)
        return Reply()


def context(*anchors: Holder, server: Holder | None = None) -> ssl.SSLContext:
    """Return our TLS, with these anchors."""
    trusted = anchors or (world().ours,)
    return tls((server or world().server()).identity, [one.certificate for one in trusted])


@contextmanager
def served(seen: Seen, given: ssl.SSLContext | None = None, **limits: Any) -> Iterator[Server]:
    """Give our endpoint under TLS."""
    made = application(seen)
    with Server(made, address=Address(), context=given or context(), limits=Limits(**limits)) as server:
        yield server


def send(line: HttpsWire, server: Server, body: bytes = b"<x/>", path: str = PATH) -> object:
    """Post octets, and return what comes of it."""
    return outcome_of(line.post(f"https://{HOST}:{server.address.port}{path}", HEADERS, BytesIO(body), len(body)))


def connect(server: Server, secured: Holder | None = None) -> socket.socket:
    """Connect, and shake hands when a certificate is given."""
    plain = socket.create_connection(("127.0.0.1", server.address.port), timeout=20)
    if secured is None:
        return plain
    mine = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    mine.load_verify_locations(cadata=world().theirs.pem.decode())
    load(mine, secured)
    return mine.wrap_socket(plain, server_hostname=HOST)


def until_closed(line: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    found = b""
    try:
        while block := line.recv(65_536):
            found += block
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        pass
    return found


def codes(make: Callable[[], object]) -> list[str]:
    """Return the codes of what a configuration is refused for."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    return [finding.code for finding in caught.value.findings]


class TestSlow:
    """B53: whoever is slow keeps nobody else waiting."""

    def test_silent(self) -> None:
        """A connection that says nothing takes no thread: with one thread the next client is served."""
        with served(Seen(), threads=1) as server, wire() as line, connect(server), connect(server):
            assert send(line, server) == Accepted(204)

    @pytest.mark.parametrize("start", [b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"POST / HT"])
    def test_half_a_handshake(self, start: bytes) -> None:
        """A handshake has so many seconds for all of it."""
        with served(Seen(), threads=1, handshake=0.2) as server, wire() as line, connect(server) as stuck:
            stuck.sendall(start)
            assert send(line, server) == Accepted(204)
            until_closed(stuck)

    @pytest.mark.parametrize(
        "start", ["POST {} HTTP/1.1\r\nHo", "POST {} HTTP/1.1\r\nContent-Length: 900000\r\n\r\nxx"]
    )
    def test_dripping(self, start: str) -> None:
        """A request has so many seconds for all of it, however often another octet comes (slowloris)."""
        seen = Seen()
        with served(seen, threads=1, request=0.3) as server, connect(server, world().client) as line:
            line.sendall(start.format(PATH).encode())
            stop = threading.Event()

            def drip() -> None:
                while not stop.wait(0.02):
                    try:
                        line.send(b"x")
                    except OSError:
                        return

            dripping = threading.Thread(target=drip)
            dripping.start()
            assert b"204" not in until_closed(line)
            stop.set()
            dripping.join()
            with wire() as other:
                assert send(other, server) == Accepted(204)
        assert [body for body, _ in seen.calls] == [b"<x/>"]

    def test_idle(self) -> None:
        """A connection that is silent for too long is closed."""
        with served(Seen(), idle=1) as server, connect(server) as line:
            assert until_closed(line) == b""

    def test_many(self) -> None:
        """One connection more than there may be is closed at once, and another may come when one has gone."""
        with served(Seen(), connections=2) as server:
            lines = [connect(server, world().client) for _ in range(2)]
            with connect(server) as third:
                assert until_closed(third) == b""
            lines[0].close()
            with wire() as line:
                while True:
                    try:
                        assert send(line, server) == Accepted(204)
                        break
                    except TransportError:
                        continue  # it has not seen yet that the first is gone
            lines[1].close()


class TestWho:
    """B51, B52, B57: who is let in."""

    def test_peer(self) -> None:
        """The endpoint gets the certificate of the handshake, and the octets as they were sent."""
        seen = Seen()
        bodies = [b"<x/>", b"\0\r\n\0", bytes(300_000)]
        with served(seen) as server, wire() as line:
            assert [send(line, server, body) for body in bodies] == [Accepted(204)] * 3
        assert seen.calls == [(body, world().client.certificate) for body in bodies]

    def test_nobody(self) -> None:
        """No certificate, or that of a stranger: not let in."""
        seen = Seen()
        with served(seen) as server:
            for settings in ({"anonymous": True}, {"identity": world().stranger.identity}):
                with wire(**settings) as line, pytest.raises(TransportError) as caught:  # type: ignore[arg-type] # a table
                    send(line, server)
                assert caught.value.reason.startswith("tls.client-certificate-")
        assert seen.calls == []

    def test_no_anchors(self) -> None:
        """Nobody to trust is a mistake, and never means everybody."""
        assert codes(lambda: tls(world().server().identity, [])) == ["tls.no-anchors"]

    def test_two_anchors(self) -> None:
        """B57: while anchors are replaced both count, then only the new one; without a restart."""
        old, new = world().client.identity, world().stranger.identity
        strange = world().authority("strange")
        with served(Seen()) as server:
            server.present(context(world().ours, strange))
            for mine in (old, new):
                with wire(identity=mine) as line:
                    assert send(line, server) == Accepted(204)
            server.present(context(strange))
            with wire(identity=new) as line:
                assert send(line, server) == Accepted(204)
            with wire(identity=old) as line, pytest.raises(TransportError):
                send(line, server)

    def test_other_certificate(self) -> None:
        """B57: a new certificate of ours is shown from the next handshake on; what is connected goes on."""

        def shown() -> bytes | None:
            with connect(server, world().client) as line:
                assert isinstance(line, ssl.SSLSocket)
                return line.getpeercert(binary_form=True)

        other = world().server(label="another server")
        with served(Seen()) as server, wire() as line:
            assert shown() == world().server().certificate.der
            assert send(line, server) == Accepted(204)
            server.present(context(server=other))
            assert shown() == other.certificate.der
            assert send(line, server) == Accepted(204)

    @pytest.mark.skipif(not ssl.HAS_TLSv1_2, reason="this OpenSSL cannot speak TLS 1.2")
    def test_ciphers(self) -> None:
        """TLSCIPH001: under TLS 1.2 nothing but ECDHE with an authenticated cipher."""
        mine = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        mine.maximum_version = ssl.TLSVersion.TLSv1_2
        mine.set_ciphers("AES256-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384")
        mine.check_hostname, mine.verify_mode = False, ssl.CERT_NONE
        with served(Seen()) as server, connect(server) as plain, pytest.raises(ssl.SSLError, match=r"(?i)handshake"):
            mine.wrap_socket(plain)


class TestWhere:
    """One path, and nothing anywhere else."""

    @pytest.mark.parametrize("path", ["/", "/digikoppeling", f"{PATH}/", f"{PATH}/x", "/health"])
    def test_elsewhere(self, path: str) -> None:
        """Other paths are 404, whoever asks."""
        seen = Seen()
        with served(seen) as server, wire() as line:
            assert getattr(send(line, server, path=path), "status", None) == 404
        assert seen.calls == []

    @pytest.mark.parametrize("well", [True, False])
    def test_health(self, well: bool) -> None:
        """200 or 503, and no content."""
        with Server(health(lambda: well), address=Address()) as server:
            told = [
                ask(server, method, path) for method, path in [("GET", "/health"), ("GET", "/"), ("POST", "/health")]
            ]
        assert told == [(200 if well else 503, b""), (404, b""), (405, b"")]


def ask(server: Server, method: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Return status and body of an answer to a plain request."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=20)) as connection:
        connection.request(method, path, b"<x/>" if method == "POST" else None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()


class TestPlain:
    """B52: behind a proxy that ends TLS."""

    PEER = FromProxy(header="Client-Cert", secret=("X-Proxy-Secret", SECRET))

    @contextmanager
    def behind(self, seen: Seen, address: Address | None = None) -> Iterator[Server]:
        """Give our endpoint as it stands behind a proxy."""
        with Server(application(seen, peer_from=self.PEER), address=address or Address()) as server:
            yield server

    @staticmethod
    def head(*more: bytes) -> bytes:
        """Return the head of a request that closes its connection."""
        return b"\r\n".join([b"POST %b HTTP/1.1" % PATH.encode(), b"Host: x", *more, b"Connection: close", b"", b""])

    @property
    def proof(self) -> list[bytes]:
        """The headers of the proxy."""
        return [b"Client-Cert: " + self.cert, b"X-Proxy-Secret: " + SECRET.encode()]

    @property
    def cert(self) -> bytes:
        """Our client's certificate as RFC 9440 has it."""
        return b":" + re.sub(rb"-----.*?-----|\s", b"", world().client.pem) + b":"

    def answered(self, server: Server, *more: bytes, body: bytes = b"<x/>") -> bytes:
        """Return the first line of the answer."""
        with connect(server) as line:
            line.sendall(self.head(*more, b"Content-Length: %d" % len(body)) + body)
            return until_closed(line).partition(b"\r\n")[0]

    def test_believed(self) -> None:
        """With the proof, the certificate in the header is the peer's."""
        seen = Seen()
        with self.behind(seen) as server:
            assert self.answered(server, *self.proof) == b"HTTP/1.1 204 No Content"
        assert seen.calls == [(b"<x/>", world().client.certificate)]

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"Client-Cert": "cert"},
            {"X-Proxy-Secret": "secret"},
            {"Client-Cert": "cert", "X-Proxy-Secret": "another secret, guessed"},
            {"Client-Cert": "cert", "client-cert": "cert", "X-Proxy-Secret": "secret"},
            {"Client-Cert": "cert", "X-Proxy-Secret": "secret", "x-proxy-secret": "secret"},
            {"Client-Cert": "cert", "X_Proxy_Secret": "secret"},
            {"Client_Cert": "cert", "X-Proxy-Secret": "secret"},
        ],
        ids=str,
    )
    def test_not_believed(self, given: dict[str, str]) -> None:
        """Without it nobody is anybody: an empty 500, so that a mistake of ours costs a partner no message."""
        values = {"cert": self.cert, "secret": SECRET.encode()}
        lines = [name.encode() + b": " + values.get(value, value.encode()) for name, value in given.items()]
        seen = Seen()
        with self.behind(seen) as server:
            assert self.answered(server, *lines) == b"HTTP/1.1 500 Internal Server Error"
        assert seen.calls == []

    @pytest.mark.parametrize(
        "odd",
        [
            b"Client-Cert : x",
            b" Client-Cert: x",
            b"Client-Cert: x\r\n more",
            b"no colon",
            b": nameless",
            b"A: b\rc",
            b"A: b\0c",
            b"Content-Length: 4",
            b"Content-Length: 5",
            b"B\xc3\xa9: x",
        ],
    )
    def test_odd_head(self, odd: bytes) -> None:
        """RFC 9112: what a proxy may read in another way than we do is refused."""
        seen = Seen()
        with self.behind(seen) as server:
            assert self.answered(server, *self.proof, odd) == b"HTTP/1.1 400 Bad Request"
        assert seen.calls == []

    def test_large_head(self) -> None:
        """A head has a bound."""
        with self.behind(Seen()) as server:
            assert b"413" in self.answered(server, b"A: " + bytes(70_000).replace(b"\0", b"a"))

    @pytest.mark.parametrize("chunk", [b"ffffffffff\r\n", b"zz\r\n", b"4\r\n<x/>xx"])
    def test_odd_chunks(self, chunk: bytes) -> None:
        """A chunk that cannot be, or larger than anything may be, is refused before it is read; then it is over."""
        seen = Seen()
        with self.behind(seen) as server, connect(server) as line:
            head = self.head(*self.proof, b"Transfer-Encoding: chunked").replace(b"Connection: close\r\n", b"")
            line.sendall(head + chunk)
            assert re.match(rb"HTTP/1.1 (400|500) ", until_closed(line))
        assert seen.calls == []

    def test_chunks(self) -> None:
        """B09: one request in chunks after the other, with a trailer, over one connection."""
        seen = Seen()
        head = self.head(*self.proof, b"Transfer-Encoding: chunked")
        body = b"2;x=y\r\n<x\r\n2\r\n/>\r\n0\r\nA: b\r\n\r\n"
        with self.behind(seen) as server, connect(server) as line:
            line.sendall(head.replace(b"Connection: close\r\n", b"") + body)
            assert line.recv(13) == b"HTTP/1.1 204 "
            line.sendall(head + body)
            assert until_closed(line).count(b"HTTP/1.1 204 ") == 1
        assert [body for body, _ in seen.calls] == [b"<x/>"] * 2

    def test_smuggled(self) -> None:
        """After an error to a request in chunks the rest is never read as another request."""
        seen = Seen()
        with self.behind(seen) as server, connect(server) as line:
            head = self.head(b"Transfer-Encoding: chunked").replace(b"Connection: close\r\n", b"")
            inner = self.head(*self.proof, b"Content-Length: 0")
            line.sendall(head.replace(PATH.encode(), b"/else") + inner)
            answers = until_closed(line)
        assert answers.count(b"HTTP/1.1") == 1
        assert seen.calls == []

    @pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")
    def test_unix_socket(self, tmp_path: Path) -> None:
        """For owner and group only; one that was left behind is replaced, and it is gone at the end."""
        path = tmp_path / "mobb.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        seen, before = Seen(), os.umask(0)
        try:
            with self.behind(seen, Address.parse(f"unix:{path}")) as server:
                assert stat.S_IMODE(path.stat().st_mode) == 0o660
                assert str(server.address) == f"unix:{path}"
                with socket.socket(socket.AF_UNIX) as line:
                    line.connect(str(path))
                    line.sendall(self.head(*self.proof, b"Content-Length: 4") + b"<x/>")
                    assert until_closed(line).startswith(b"HTTP/1.1 204")
                assert codes(lambda: Server(application(seen), address=server.address)) == ["serve.listen"]
        finally:
            os.umask(before)
        assert not path.exists()
        assert len(seen.calls) == 1

    @pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")
    def test_no_socket(self, tmp_path: Path) -> None:
        """A file that is no socket is left alone."""
        path = tmp_path / "letters.csv"
        path.write_text("kenmerk")
        assert codes(lambda: Server(application(Seen()), address=Address(socket=path))) == ["serve.listen"]
        assert path.read_text() == "kenmerk"


class TestMaking:
    """Where a server can listen, and where not."""

    @pytest.mark.parametrize(
        ("text", "host", "port", "is_local"),
        [
            ("127.0.0.1:8443", "127.0.0.1", 8443, True),
            ("localhost:0", "localhost", 0, True),
            ("[::1]:443", "::1", 443, True),
            ("0.0.0.0:8443", "0.0.0.0", 8443, False),  # noqa: S104 - told apart from loopback
            ("[::]:8443", "::", 8443, False),
            ("mobb.example:8443", "mobb.example", 8443, False),
        ],
    )
    def test_address(self, text: str, host: str, port: int, is_local: bool) -> None:
        """A host and a port; only loopback is this machine's own."""
        address = Address.parse(text)
        assert (address.host, address.port, address.is_local, str(address)) == (host, port, is_local, text)

    @pytest.mark.parametrize("text", ["", "8443", ":8443", "host:", "host:65536", "::1:8443", "unix:", "a b:1"])
    def test_no_address(self, text: str) -> None:
        """Anything else is none."""
        assert codes(lambda: Address.parse(text)) == ["serve.address"]

    def test_plain_is_local(self) -> None:
        """TLS001: without TLS other machines are not listened to."""
        assert codes(lambda: Server(application(Seen()), address=Address.parse("0.0.0.0:0"))) == ["serve.plain"]

    def test_taken(self) -> None:
        """A port that is taken is said to be, with its reason."""
        with served(Seen()) as server:
            assert codes(lambda: Server(application(Seen()), address=server.address)) == ["serve.listen"]

    def test_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Design 5: without cheroot the extra is named."""
        monkeypatch.setitem(sys.modules, "mobb_client.transport._cheroot", None)
        assert codes(lambda: Server(application(Seen()), address=Address())) == ["serve.extra"]

    def test_close(self) -> None:
        """What is being answered is finished, nothing more is taken, and closing twice is no error."""
        seen = Seen()
        seen.go_on.clear()
        answers: list[object] = []
        with served(seen) as server, wire() as line:
            asking = threading.Thread(target=lambda: answers.append(send(line, server)))
            asking.start()
            assert seen.entered.wait(30)
            closing_it = threading.Thread(target=server.close)
            closing_it.start()
            while True:
                try:
                    connect(server).close()
                except ConnectionRefusedError:
                    break
            assert (answers, server.is_running) == ([], False)
            seen.go_on.set()
            closing_it.join()
            asking.join()
        assert answers == [Accepted(204)]

    def test_nothing_is_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        """B55: what is wrong with a request stands in no output, since it may hold anything."""
        with served(Seen()) as server, connect(server) as plain, connect(server, world().client) as line:
            plain.sendall(b"GET /999993653 HTTP/1.1\r\n\r\n")
            line.sendall(b"GET /999993653\r\n999993653\r\n\r\n")
            until_closed(plain)
            until_closed(line)
        assert "".join(capfd.readouterr()) == ""
