"""A small TLS server for our endpoint: for the demo, for `mobb send`, for tests. `mobb serve` uses a well-kept server.

It demands a client certificate of an authority that is trusted here, and hands that certificate to the application.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from socketserver import ThreadingMixIn
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from mobb_client.pki import Certificate, Identity
from mobb_client.transport._line import server_context
from mobb_client.transport.endpoint import Receiver, wsgi

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_PATIENCE: Final = 30.0  # seconds for a handshake, and for a client that stops in the middle


class Listener:
    """Our endpoint on a socket, from when it is made until it is closed.

    Args:
        receive: takes each request in, such as `Client.receive`.
        identity: our key and certificate; the host name must be in it.
        anchors: whose client certificates are let in.
        host: the address to listen at.
        port: 0 takes a free one; `port` says which.
    """

    def __init__(
        self,
        receive: Receiver,
        *,
        identity: Identity,
        anchors: Sequence[Certificate],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._server = _Server((host, port), _Handler)
        self._server.context = server_context(identity, anchors)
        self._server.set_app(wsgi(receive))
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="mobb-listener", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening, and wait for the requests that are being answered."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Return the listener; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each connection in a thread of its own; the handshake too, so that a slow one keeps nobody waiting."""

    context: ssl.SSLContext
    daemon_threads = False
    block_on_close = True

    def server_bind(self) -> None:
        """Bind without asking the network for our name; also while connections of one before us are dying out."""
        if os.name != "nt":  # there it would mean to share the port with whoever has it
            self.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Do the handshake first; a connection that fails it is closed without a word."""
        try:
            request.settimeout(_PATIENCE)
            secured = self.context.wrap_socket(request, server_side=True)
        except OSError:
            with suppress(OSError):
                request.close()
            return
        super().process_request_thread(secured, client_address)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Say nothing of a connection that broke: whoever was there sends again."""


class _Handler(WSGIRequestHandler):
    """Hands the client certificate to the application, and writes no access log."""

    def get_environ(self) -> WSGIEnvironment:
        """Return the environment with the client's certificate in it."""
        environ = super().get_environ()
        der = self.connection.getpeercert(binary_form=True)
        return environ | {"SSL_CLIENT_CERT": ssl.DER_cert_to_PEM_cert(der)} if der else environ

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing."""
