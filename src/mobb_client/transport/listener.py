"""A small TLS server for our endpoint: for the demo, for `mobb send`, for tests. `mobb serve` uses a well-kept server.

It demands a client certificate of an authority that is trusted here, and hands that certificate to the application.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from mobb_client.pki import Certificate, Identity
from mobb_client.transport._line import server_context
from mobb_client.transport.endpoint import Receiver, wsgi
from mobb_client.transport.small_server import QuietHandler, QuietServer, Served

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_PATIENCE: Final = 30.0  # seconds for a handshake, and for a client that stops in the middle


class Listener(Served):
    """Our endpoint on a socket, from when it is made until it is closed; what is being answered then is waited for.

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
        server = _Server((host, port), _Handler)
        server.context = server_context(identity, anchors)
        server.set_app(wsgi(receive))
        super().__init__(server, "mobb-listener", poll=0.05)


class _Server(QuietServer):
    """Does the handshake in the connection's thread too, so that a slow one keeps nobody waiting."""

    context: ssl.SSLContext
    daemon_threads = False
    block_on_close = True

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


class _Handler(QuietHandler):
    """Hands the client certificate to the application."""

    def get_environ(self) -> WSGIEnvironment:
        """Return the environment with the client's certificate in it."""
        environ = super().get_environ()
        der = self.connection.getpeercert(binary_form=True)
        return environ | {"SSL_CLIENT_CERT": ssl.DER_cert_to_PEM_cert(der)} if der else environ
