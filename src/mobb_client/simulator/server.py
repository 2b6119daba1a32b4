"""The Berichtenbox on a socket of this machine: a TLS server that demands a client certificate, and a courier.

The courier brings acknowledgments and results to the sender's endpoint, over mutual TLS as well.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from mobb_client.simulator._body import Body, blocks_of
from mobb_client.simulator._wus import PATH as _WUS
from mobb_client.simulator.engine import Answer, Outgoing
from mobb_client.simulator.tls import client_context, server_context

if TYPE_CHECKING:
    from mobb_client.simulator.berichtenbox import Berichtenbox

HOST: Final = "127.0.0.1"
_PATH: Final = "/digikoppeling/ebms"
_TIMEOUT: Final = 30.0
_POLL: Final = 0.05
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def free_port() -> int:
    """Return a port of this machine on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Served:
    """A box that is served, from the making of this until `close` or the end of ``with``.

    Args:
        box: which one; its CPAs get the URLs of both ports, and its clock goes.
        port: on which the box listens; 0 for a free one.
        sender_port: on which the sender will listen; 0 for a free one.
        context: another TLS context for the server than the one of the material.

    Attributes:
        url: the box's endpoint.
        sender_url: the sender's endpoint.
        sender_port: its port.
        refused: why handshakes and requests failed, as the machine says it.
    """

    def __init__(
        self, box: Berichtenbox, *, port: int = 0, sender_port: int = 0, context: ssl.SSLContext | None = None
    ) -> None:
        material = box.material
        self._box = box
        self._client = client_context(material.receiver, material.authority)
        self._stranger = client_context(box.stranger, material.authority)
        self._server = _Server(self, context or server_context(material.receiver, material.authority), port)
        self.port = int(self._server.server_address[1])
        self.sender_port = sender_port or free_port()
        self.url, self.sender_url = (f"https://localhost:{number}{_PATH}" for number in (self.port, self.sender_port))
        self.refused: list[str] = []
        self._posting: set[http.client.HTTPSConnection] = set()
        self.closing = threading.Event()
        self._wake = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(_POLL,), name="mobb-simulator-server"),
            threading.Thread(target=self._carry, name="mobb-simulator-courier"),
        ]
        box.settle_at(receiver_endpoint=self.url, sender_endpoint=self.sender_url)
        box.clock.run()
        box.carry_by(self.deliver)
        for thread in self._threads:
            thread.start()

    @property
    def cpa_bytes(self) -> bytes:
        """The CPA of the box's profile, with the URLs of both ports."""
        return self._box.cpa_bytes

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Stop both threads, end every connection, and let the clock stand still. A second call does nothing."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._wake.set()
        self._server.shutdown()
        _end([*self._server.open, *(one.sock for one in list(self._posting) if one.sock)])
        self._server.server_close()
        for thread in self._threads:
            thread.join()
        self._box.carry_by(None)
        self._box.clock.stop()

    def answer(self, headers: dict[str, str], body: Body, peer: bytes | None) -> Answer:
        """Take a request, and deliver what is to be delivered before its answer."""
        answer = self._box.handle(headers, body, peer)
        for outgoing in answer.first:
            self.deliver(outgoing)
        self.closing.wait(answer.after)
        return answer

    def validate(self, headers: dict[str, str], body: bytes, peer: bytes | None) -> Answer:
        """Take a question about subscriptions."""
        answer = self._box.validate(headers, body, peer)
        self.closing.wait(answer.after)
        return answer

    def take_reset(self) -> int | None:
        """Return after how many octets the connection is to be reset; at once in an outage."""
        return 0 if self._box.is_down else self._box.take_reset()

    def wake(self) -> None:
        """Let the courier look at once what is due."""
        self._wake.set()

    def deliver(self, outgoing: Outgoing) -> None:
        """Post one message to the sender's endpoint, and take its answer."""
        where = urlsplit(outgoing.url)
        context = self._stranger if outgoing.stranger else self._client
        connection = http.client.HTTPSConnection(where.netloc, timeout=_TIMEOUT, context=context)
        self._posting.add(connection)
        try:
            connection.request("POST", where.path, outgoing.body, dict(outgoing.headers))
            with connection.getresponse() as response:  # of a process that is killed half of it may be here
                status, headers, body = response.status, dict(response.getheaders()), response.read()
        except (OSError, http.client.HTTPException) as error:
            self.refused.append(f"delivery: {type(error).__name__}: {error}")
            status, headers, body = 0, {}, b""
        finally:
            self._posting.discard(connection)
            connection.close()
        self._box.delivered(outgoing, status, headers, body)

    def _carry(self) -> None:
        while not self.closing.is_set():
            self._wake.clear()
            if not self._box.is_down:
                for outgoing in self._box.due(self._box.clock.now()):
                    self.deliver(outgoing)
            self._wake.wait(_POLL)


def _end(connections: Iterable[socket.socket]) -> None:
    """End connections from outside, so that the threads that read from them end too."""
    for connection in connections:
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    """Takes connections; each is handled, its handshake included, in a thread of its own."""

    daemon_threads = False

    def __init__(self, served: Served, context: ssl.SSLContext, port: int) -> None:
        self.served = served
        self._context = context
        self.open: set[socket.socket] = set()
        super().__init__((HOST, port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Return the next connection, its handshake still to be done."""
        plain, address = super().get_request()
        connection = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection and close it."""
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the standard library has it
        """Note what went wrong with a connection instead of printing it."""
        self.served.refused.append(f"{type(sys.exception()).__name__}: {sys.exception()}")


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes their answers."""

    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT
    server: _Server
    connection: ssl.SSLSocket

    def setup(self) -> None:
        """Shake hands before anything else."""
        super().setup()
        self.connection.do_handshake()

    def do_POST(self) -> None:
        """Take one message."""
        after = self.server.served.take_reset()
        if after is not None:
            self.rfile.read(after)
            self._end(reset=True)
        elif self.path == _WUS:
            self._write(self.server.served.validate(dict(self.headers.items()), b"".join(self._blocks()), self._peer()))
        elif self.path != _PATH:
            self._write(Answer(status=HTTPStatus.NOT_FOUND))
            self.close_connection = True  # the body was not read
        else:
            self._take()

    def _take(self) -> None:
        headers = dict(self.headers.items())
        body = Body(self._blocks())
        if body.size < int(self.headers.get("Content-Length", 0)):
            self._end(reset=False)  # the client went away
            return
        answer = self.server.served.answer(headers, body, self._peer())
        if answer.lost:
            self._end(reset=False)
        else:
            self._write(answer)
        self.server.served.wake()

    def _peer(self) -> bytes | None:
        return self.connection.getpeercert(binary_form=True)

    def _blocks(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return _chunks(self.rfile)
        return blocks_of(self.rfile, int(self.headers.get("Content-Length", 0)))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _end(self, *, reset: bool) -> None:
        """Close the connection without an answer, by a reset or in order."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.rfile.close()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the standard library has it
        """Print nothing."""


def _chunks(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Give the octets of a chunked body."""
    while size := int(stream.readline().split(b";")[0], 16):
        yield from blocks_of(stream, size)
        stream.readline()
    while stream.readline().strip():
        pass
