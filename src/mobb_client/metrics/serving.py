"""``GET /metrics`` on a port of its own, for as long as the process lives."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPStatus
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Final

from prometheus_client import make_wsgi_app

from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.metrics.exporter import Exporter
from mobb_client.transport.serving import Address
from mobb_client.transport.small_server import QuietHandler, QuietServer, Served

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


class MetricsServer(Served):
    """The application on a port, from when this is made until it is closed; nobody is waited for then.

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
            server: _Server = made((address.host, address.port), _Handler)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigurationError(Finding("serve.listen", "metrics.listen", f"{address}: {reason}")) from None
        server.set_app(application(exporter))
        super().__init__(server, "mobb-metrics", poll=0.1)
        self.address = Address(host=address.host, port=self.port)


class _Server(QuietServer):
    """Waits for nobody when it is closed."""

    daemon_threads = True
    block_on_close = False


class _Handler(QuietHandler):
    """Waits for nobody."""

    timeout = _PATIENCE
