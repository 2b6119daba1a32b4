"""A server that goes on: where it listens, how much it takes, and what is answered where.

It ends TLS itself and demands a client certificate of everybody; or it speaks plain HTTP to a proxy on this machine,
and then only a certificate that the proxy vouches for counts. The server itself is cheroot (extra ``serve``).
Source: `digikoppeling-ebms2` b.4, f.7; B52.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki import Certificate, Identity
from mobb_client.transport.endpoint import MAX_BODY, Receiver, Reply, wsgi
from mobb_client.transport.peer import PeerFrom, from_server

if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PATH: Final = "/digikoppeling/ebms"
HEALTH: Final = "/health"
_HOST_PORT: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+)):(?P<port>[0-9]{1,5})", re.ASCII)
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a port, or a Unix socket."""

    host: str = "127.0.0.1"
    port: int = 0
    socket: Path | None = None

    @classmethod
    def parse(cls, text: str, folder: Path | None = None) -> Self:
        """Return the address that a text names: ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``.

        Args:
            text: the address.
            folder: what a relative path is relative to.

        Raises:
            ConfigurationError: it is none of these.
        """
        scheme, _, path = text.partition(":")
        if scheme == "unix" and path:
            return cls(host="", socket=(folder or Path()) / path)
        found = _HOST_PORT.fullmatch(text)
        if found is None or int(found["port"]) > _LAST_PORT:
            raise ConfigurationError(Finding("serve.address", "listen", f"{len(text)} characters"))
        return cls(host=found["six"] or found["host"], port=int(found["port"]))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect to it."""
        if self.socket is not None:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        """Return the address as it is parsed."""
        if self.socket is not None:
            return f"unix:{self.socket}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a server takes on, and for how long.

    Args:
        max_body: octets of a request; a larger one is answered with 413.
        threads: requests that are read and answered at the same time; the others wait.
        connections: that are open at the same time; one more is closed at once.
        handshake: seconds that a TLS handshake may take.
        request: seconds that a request and its answer may take, however slowly it drips in.
        idle: seconds that a connection may be silent.
        finish: seconds that are left to requests that are being answered when the server is closed.
    """

    max_body: int = MAX_BODY
    threads: int = 8
    connections: int = 100
    handshake: float = 10.0
    request: float = 120.0
    idle: int = 30
    finish: int = 60


class Server:
    """An application on a socket, from when this is made until it is closed; in threads of its own.

    Args:
        application: what answers.
        address: where.
        context: TLS; None for plain HTTP, which is for this machine only.
        limits: how much it takes on.

    Raises:
        ConfigurationError: nobody can listen there, plain HTTP would be open to other machines, or the extra ``serve``
            is not installed.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        address: Address,
        context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        if context is None and not address.is_local:
            raise ConfigurationError(Finding("serve.plain", "listen", str(address)))
        try:
            from mobb_client.transport._cheroot import Cheroot  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigurationError(Finding("serve.extra", "serve", "no cheroot")) from None
        self._cheroot = Cheroot(application, address, context, limits or Limits())

    @property
    def address(self) -> Address:
        """Where it listens, with the port that was taken when 0 was asked for."""
        return self._cheroot.address

    @property
    def is_running(self) -> bool:
        """Whether it takes requests."""
        return self._cheroot.is_running

    def present(self, context: ssl.SSLContext) -> None:
        """Use another certificate and other anchors for handshakes from now on (B57)."""
        self._cheroot.present(context)

    def close(self) -> None:
        """Take nothing more, and wait for what is being answered."""
        self._cheroot.close()

    def __enter__(self) -> Self:
        """Return the server; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def tls(identity: Identity, anchors: Sequence[Certificate]) -> ssl.SSLContext:
    """Return TLS 1.2 or newer with this certificate, and a client certificate under these anchors demanded.

    Raises:
        ConfigurationError: no anchors, or a key that TLS cannot use.
    """
    from mobb_client.transport._line import server_context  # noqa: PLC0415 - `ssl` is slow to import

    return server_context(identity, anchors)


def application(
    receive: Receiver, *, path: str = PATH, peer_from: PeerFrom = from_server, max_body: int = MAX_BODY
) -> WSGIApplication:
    """Return an application with our endpoint at one path and nothing anywhere else.

    A request without a certificate that counts is answered with an empty 500, like every mistake that may be ours: the
    other side then tries again, where a 4xx would end its message for good.
    """

    def known(headers: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        if peer is None:
            log.warning("serving.nobody")
            return Reply(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return receive(headers, body, peer=peer)

    endpoint = wsgi(known, peer_from=peer_from, max_body=max_body)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == path:
            return endpoint(environ, start_response)
        return _empty(HTTPStatus.NOT_FOUND, start_response)

    return answer


def health(is_well: Callable[[], bool]) -> WSGIApplication:
    """Return an application that answers ``GET /health``: 200 when all is well, else 503; without any content."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != HEALTH:
            return _empty(HTTPStatus.NOT_FOUND, start_response)
        if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return _empty(HTTPStatus.METHOD_NOT_ALLOWED, start_response)
        return _empty(HTTPStatus.OK if is_well() else HTTPStatus.SERVICE_UNAVAILABLE, start_response)

    return answer


def _empty(status: HTTPStatus, start_response: StartResponse) -> Iterable[bytes]:
    start_response(f"{int(status)} {status.phrase}", [("Content-Length", "0")])
    return []
