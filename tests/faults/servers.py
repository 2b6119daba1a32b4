"""Servers that misbehave on purpose, on loopback sockets, and the small world of certificates that they live in.

A server runs one script for each connection, in a thread of its own, and keeps what it saw: handshakes, requests, and
why a handshake failed. What stalls is woken when the server is closed, so nothing outlives its test.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from tests.keys import OWN_OIN, PARTNER_OIN, Holder, ec_key, issue, name, rsa_key

from mobb_client.errors import TransportError
from mobb_client.pki import Certificate, Identity
from mobb_client.transport import HttpsWire, Response

HOST = "localhost"
PATIENCE = 20.0
"""Seconds after which a script gives up by itself; only a failing test waits that long."""


# Certificates, valid around the moment of the run: a handshake goes by the real clock


@dataclass(frozen=True)
class World:
    """Who is who: our authority, theirs, and one that nobody trusts."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def authority(self, label: str, above: Holder | None = None) -> Holder:
        """Return an authority that is valid now."""
        return _issued(self.now, f"TEST {label} CA", None, above, (-2, 2))

    def server(
        self, *dns_names: str, above: Holder | None = None, begin: float = -1, end: float = 1, label: str = "server"
    ) -> Holder:
        """Return a server's certificate, valid from `begin` to `end`, in days from now."""
        return _issued(self.now, label, PARTNER_OIN, above or self.theirs, (begin, end), *(dns_names or (HOST,)))

    @property
    def theirs(self) -> Holder:
        """The authority of the servers."""
        return self.authority("their")

    @property
    def ours(self) -> Holder:
        """The authority of the clients."""
        return self.authority("our")

    @property
    def client(self) -> Holder:
        """Our certificate, under an authority under our authority: a server that knows the root needs both."""
        return _issued(self.now, "client", OWN_OIN, self.authority("our middle", self.ours), (-1, 1))

    @property
    def stranger(self) -> Holder:
        """A client's certificate under an authority that no server knows."""
        return _issued(self.now, "stranger", OWN_OIN, self.authority("strange"), (-1, 1))


@cache
def world() -> World:
    """Return the world of this run."""
    return World()


@cache
def _issued(
    now: datetime,
    label: str,
    oin: str | None,
    above: Holder | None,
    days: tuple[float, float],
    *dns_names: str,
) -> Holder:
    return issue(
        name(label, oin),
        rsa_key("tls client") if label == "client" else ec_key(f"tls {label}"),
        above=above,
        is_authority=oin is None,
        begin=now + timedelta(days=days[0]),
        end=now + timedelta(days=days[1]),
        dns_names=dns_names,
    )


def server_context(holder: Holder | None = None, *, clients: Holder | None = None) -> ssl.SSLContext:
    """Return the TLS settings of a server; with `clients` it demands a certificate under that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(context, holder or world().server())
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem.decode())
    return context


def load(context: ssl.SSLContext, holder: Holder) -> None:
    """Give a context a key and certificate with its chain."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(holder.key_pem() + holder.chain_pem)
        context.load_cert_chain(path)


# Servers


@dataclass(frozen=True)
class Request:
    """A request as it stood on the wire."""

    head: bytes
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines if line)}

    @property
    def first_line(self) -> str:
        """Method, target, version."""
        return self.head.decode("latin-1").partition("\r\n")[0]


@dataclass(frozen=True)
class Handshake:
    """What a server agreed with a client."""

    version: str | None
    cipher: str
    peer: bytes | None


class Connection:
    """One connection as the server has it."""

    def __init__(self, server: Server, connected: socket.socket) -> None:
        self.server = server
        self.socket = connected
        self._rest = b""

    def read_head(self) -> bytes:
        """Return the head of a request, without the empty line; empty when the client closed the connection."""
        while b"\r\n\r\n" not in self._rest:
            if not (block := self.socket.recv(65_536)):
                return b""
            self._rest += block
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head + b"\r\n"

    def read_request(self, *, upto: int | None = None) -> Request | None:
        """Return a whole request (or only the first `upto` octets of its body); None when the client is gone."""
        if not (head := self.read_head()):
            return None
        length = int(re.findall(rb"(?i)content-length: *(\d+)", head)[0])
        request = Request(head, self.read(length if upto is None else upto))
        self.server.requests.append(request)
        return request

    def read(self, count: int) -> bytes:
        """Return this many octets, or fewer when the client is gone."""
        while len(self._rest) < count and (block := self.socket.recv(65_536)):
            self._rest += block
        found, self._rest = self._rest[:count], self._rest[count:]
        return found

    def count(self, upto: int) -> int:
        """Take in this many octets, keep none of them, and return how many there were."""
        buffer = bytearray(1 << 20)
        count = len(self._rest)
        while count < upto and (more := self.socket.recv_into(buffer)):
            count += more
        return count

    def send(self, octets: bytes) -> None:
        """Send octets."""
        self.socket.sendall(octets)

    def drip(self, octets: bytes, every: float = 0.02) -> None:
        """Send one octet at a time until the client is gone or the server is closed."""
        for index in range(len(octets)):
            self.send(octets[index : index + 1])
            if self.server.closing.wait(every):
                return

    def stall(self) -> None:
        """Do nothing until the server is closed."""
        self.server.closing.wait(PATIENCE)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(self.socket)


Script = Callable[[Connection], None]


def answering(*answers: bytes) -> Script:
    """Return a script that answers each request on a connection with the next of these octets, then closes."""

    def script(connection: Connection) -> None:
        for answer in answers:
            if connection.read_request() is None:
                return
            connection.send(answer)

    return script


def answer(status: str = "204 No Content", body: bytes | None = None, *headers: str) -> bytes:
    """Return an answer; with a body it has a Content-Length."""
    length = () if body is None else (f"Content-Length: {len(body)}",)
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, *length, "", ""]).encode() + (body or b"")


class Server:
    """Listens on loopback from when it is made, and runs the script for each connection.

    Args:
        script: what it does after the handshake; None accepts nothing at all.
        context: its TLS settings; None for a server without TLS.
    """

    def __init__(self, script: Script, context: ssl.SSLContext | None) -> None:
        self._script = script
        self._context = context
        self.closing = threading.Event()
        self.requests: list[Request] = []
        self.handshakes: list[Handshake] = []
        self.failures: list[str] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"https://{HOST}:{self.port}/digikoppeling/ebms"

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.append(connected)
            self.threads.append(threading.Thread(target=self._serve, args=(connected,)))
            self.threads[-1].start()

    def _serve(self, connected: socket.socket) -> None:
        connected.settimeout(PATIENCE)
        with suppress(OSError), connected:
            if self._context is not None:
                connected = self._shake_hands(connected, self._context)
            self._open.append(connected)
            with connected:
                self._script(Connection(self, connected))

    def _shake_hands(self, connected: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        try:
            line = context.wrap_socket(connected, server_side=True)
        except OSError as error:
            self.failures.append(getattr(error, "reason", None) or type(error).__name__)
            raise
        agreed = line.cipher()
        self.handshakes.append(
            Handshake(line.version(), agreed[0] if agreed else "", line.getpeercert(binary_form=True))
        )
        return line

    def close(self) -> None:
        """Wake what stalls, close everything, and wait for the threads."""
        self.closing.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self.threads[:1]:
            thread.join()
        for connected in self._open:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in self.threads[1:]:
            thread.join()
        for connected in self._open:
            connected.close()

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


@contextmanager
def serving(script: Script, context: ssl.SSLContext | None = None, *, plain: bool = False) -> Iterator[Server]:
    """Give a server that demands our certificate, or one with other TLS settings, or a `plain` one without TLS."""
    settings = None if plain else context or server_context(clients=world().ours)
    with Server(script, settings) as server:
        yield server


# The client's side

HEADERS = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '"ebXML"'}


@contextmanager
def wire(
    *,
    anchors: Sequence[Certificate] | None = None,
    identity: Identity | None = None,
    anonymous: bool = False,
    connect_timeout: float = PATIENCE,
    read_timeout: float = PATIENCE,
    slowest_upload: int = 1_000,
    max_answer: int = 1_000_000,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[HttpsWire]:
    """Give a wire that trusts the servers of this world and shows our certificate, unless told otherwise."""
    with HttpsWire(
        anchors=[world().theirs.certificate] if anchors is None else anchors,
        identity=None if anonymous else identity or world().client.identity,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        slowest_upload=slowest_upload,
        max_answer=max_answer,
        monotonic=monotonic,
    ) as made:
        yield made


def post(line: HttpsWire, server: Server, body: bytes = b"<x/>") -> Response:
    """Post these octets and return the answer."""
    return line.post(server.url, HEADERS, BytesIO(body), len(body))


def failure(line: HttpsWire, server: Server, body: bytes = b"<x/>") -> TransportError:
    """Post these octets, which must fail, and return the error; nothing of another library hangs on it."""
    with pytest.raises(TransportError) as caught:
        post(line, server, body)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value
