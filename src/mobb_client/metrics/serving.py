"""``GET /metrics`` on a port of its own, for as long as the process lives."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from http import HTTPStatus
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET
from socketserver import ThreadingMixIn
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.metrics.exporter import Exporter
from mobb_client.transport.serving import Address

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PATH: Final = "/metrics"
_PATIENCE: Final = 10.0  # seconds that a client may be silent


def application(exporter: Exporter) -> WSGIApplication:
    """Return an application that answers ``GET /metrics``: the figures, or 503 and why there are none."""
    told = make_wsgi_app(exporter.registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return _said(start_response, HTTPStatus.NOT_FOUND, f"the figures are at {PATH}")
        try:
            found: Iterable[bytes] = told(environ, start_response)
        except OutboxError as error:
            log.warning("metrics.outbox")
            return _said(start_response, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return found

    return answer


def _said(start_response: StartResponse, status: HTTPStatus, sentence: str) -> Iterable[bytes]:
    start_response(f"{int(status)} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{sentence}\n".encode()]


class MetricsServer:
    """The application on a port, from when this is made until it is closed.

    Args:
        exporter: tells the figures.
        address: where it listens.

    Raises:
        ConfigurationError: nobody can listen there.
    """

    def __init__(self, exporter: Exporter, address: Address) -> None:
        family = AF_INET6 if ":" in address.host else AF_INET
        made = type("_Bound", (_Server,), {"address_family": family})
        try:
            self._server: _Server = made((address.host, address.port), _Handler)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigurationError(Finding("serve.listen", "metrics.listen", f"{address}: {reason}")) from None
        self.address = Address(host=address.host, port=self._server.server_port)
        self._server.set_app(application(exporter))
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="mobb-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more; whoever is being answered is not waited for."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Return the server; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        """Bind without asking the network for our name; also while connections of one before us are dying out."""
        if os.name != "nt":  # there it would mean to share the port with whoever has it
            self.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke."""


class _Handler(WSGIRequestHandler):
    """Waits for nobody, and writes no access log."""

    timeout = _PATIENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing."""
