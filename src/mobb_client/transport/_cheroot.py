"""cheroot, with what an endpoint on the open network needs besides: no slow client may keep the others waiting.

cheroot shakes hands in the one thread that accepts, gives each new connection a thread before it has said anything,
and counts its time-out anew at every octet. Here a thread is only taken when there is something to read, hands are
shaken in it, and each handshake and each request has one time limit for all of it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock, Thread, Timer
from typing import TYPE_CHECKING, Any, Final

from cheroot.connections import ConnectionManager
from cheroot.errors import FatalSSLAlert
from cheroot.makefile import MakeFile
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest
from cheroot.ssl import Adapter
from cheroot.wsgi import Server as WSGIServer

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.transport.serving import Address, Limits

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

_MAX_HEAD: Final = 65_536
_WAITING: Final = 128
_END: Final = b"\r\n"
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z-]+")
_SOCKET_MODE: Final = 0o660


class Cheroot:
    """One running server. The arguments are those of `mobb_client.transport.serving.Server`."""

    def __init__(
        self, application: WSGIApplication, address: Address, context: ssl.SSLContext | None, limits: Limits
    ) -> None:
        self._server = _Server(application, address, limits)
        if context is not None:
            self._server.ssl_adapter = _TLS(context)
        self._asked = address
        try:
            self._server.prepare()
        except OSError as error:
            reason = (error.__cause__ or error).args[-1]
            raise ConfigurationError(Finding("serve.listen", "listen", f"{address}: {reason}")) from None
        self._thread = Thread(target=self._server.serve, name="mobb-serve")
        self._thread.start()

    @property
    def address(self) -> Address:
        """Where it listens."""
        if self._asked.socket is not None:
            return self._asked
        return replace(self._asked, port=int(self._server.bind_addr[1]))

    @property
    def is_running(self) -> bool:
        """Whether it takes requests."""
        return self._thread.is_alive()

    def present(self, context: ssl.SSLContext) -> None:
        """Use another context for handshakes from now on."""
        self._server.ssl_adapter = _TLS(context)

    def close(self) -> None:
        """Take nothing more, and wait for what is being answered."""
        self._server.stop()
        self._thread.join()
        if self._asked.socket is not None:
            self._asked.socket.unlink(missing_ok=True)


class _Headers(HeaderReader):
    """Reads a head strictly: what one program may read in another way than the next one is no request.

    A name with an underscore is left out, since a WSGI application cannot tell ``X_Cert`` from ``X-Cert``, and a header
    that stands there twice has both values, so that nobody can hide one behind another (B52). cheroot's own
    ``DropUnderscoreHeaderReader`` fails (11.1.2), and of two headers it keeps the last.

    Source: RFC 9112 section 5.
    """

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        """Return the headers by name.

        Raises:
            ValueError: to be answered with 400.
        """
        found = {} if hdict is None else hdict
        while (line := rfile.readline()) != _END:
            name, colon, rest = line.partition(b":")
            value = rest.strip()
            if b"_" in name and _TOKEN.fullmatch(name.replace(b"_", b"-")):
                continue
            if not (colon and line.endswith(_END) and _TOKEN.fullmatch(name)) or b"\r" in value or b"\0" in value:
                raise ValueError("a header that is none")
            key = name.title()
            found[key] = value if key not in found else found[key] + b", " + value
        return found


class _Request(HTTPRequest):
    header_reader = _Headers()

    def send_headers(self) -> None:
        """Close the connection when a request in chunks was not read to its end: the rest is no request."""
        if self.chunked_read and not self._is_at_its_end():
            self.close_connection = True
        super().send_headers()

    def _is_at_its_end(self) -> bool:
        """Read the trailer, which cheroot leaves; tell whether the next thing on the connection is a request."""
        try:
            deque(self.rfile.read_trailer_lines(), maxlen=0)
        except (OSError, ValueError):
            return False
        return True


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request
    server: _Server
    is_new = True

    def __init__(self, server: _Server, sock: socket.socket, makefile: Any = MakeFile) -> None:
        super().__init__(server, sock, makefile)
        self._is_counted = server.enters()

    @property
    def is_one_too_many(self) -> bool:
        """Whether there were as many connections as there may be when it came."""
        return not self._is_counted

    def communicate(self) -> bool:
        """Answer one request, after the handshake when there was none yet; tell whether the connection goes on."""
        limits = self.server.limits
        if isinstance(self.socket, ssl.SSLSocket) and not self.ssl_env:
            with self._at_most(limits.handshake):
                if not self._shake_hands(self.socket):
                    return False
        with self._at_most(limits.request):
            return bool(super().communicate())  # type: ignore[no-untyped-call] # cheroot's own

    def _shake_hands(self, line: ssl.SSLSocket) -> bool:
        try:
            line.do_handshake()
            der = line.getpeercert(binary_form=True)
        except (OSError, ValueError) as error:
            extra = {"address": self.remote_addr, "reason": getattr(error, "reason", None) or type(error).__name__}
            log.info("serving.handshake-failed", extra=extra)
            return False
        shown = {"SSL_CLIENT_CERT": ssl.DER_cert_to_PEM_cert(der)} if der else {}
        self.ssl_env = {"wsgi.url_scheme": "https", **shown}
        return True

    @contextmanager
    def _at_most(self, seconds: float) -> Iterator[None]:
        """Cut the connection when the block takes longer."""
        timer = Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        log.info("serving.too-slow", extra={"address": self.remote_addr})
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; that it is gone already is no error."""
        with suppress(OSError):
            super().close()
        if self._is_counted:
            self._is_counted = False
            self.server.leaves()


class _Line(ssl.SSLSocket):
    """A TLS connection that stays one: `ssl` would go on in clear after a shutdown of one direction."""

    def shutdown(self, how: int) -> None:
        """Shut the connection down underneath."""
        socket.socket.shutdown(self, how)


class _TLS(Adapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        context.sslsocket_class = _Line
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        """Return the socket that listens as it is."""
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Return the socket with TLS; hands are shaken in the thread that answers."""
        try:
            return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), {}
        except (OSError, ValueError) as error:
            sock.close()
            raise FatalSSLAlert(type(error).__name__) from None

    def get_environ(self) -> dict[str, str]:
        """Return nothing: each connection has its own."""
        return {}

    def makefile(self, sock: socket.socket, mode: str = "r", bufsize: int = -1) -> Any:
        """Return the socket as a file."""
        return MakeFile(sock, mode, bufsize)


class _Server(WSGIServer):
    ConnectionClass = _Connection
    expiration_interval = 0.1  # seconds: how soon a wish to stop is seen
    _connections: ConnectionManager

    def __init__(self, application: WSGIApplication, address: Address, limits: Limits) -> None:
        super().__init__(
            (address.host, address.port) if address.socket is None else str(address.socket),
            application,
            numthreads=limits.threads,
            server_name="mobb",
            request_queue_size=_WAITING,
            timeout=limits.idle,
            shutdown_timeout=limits.finish,
        )
        self.limits = limits
        self.max_request_header_size = _MAX_HEAD
        self.max_request_body_size = 2 * limits.max_body  # a single chunk; the endpoint counts exactly
        self.keep_alive_conn_limit = limits.connections
        self._open = 0
        self._counting = Lock()

    def enters(self) -> bool:
        """Count one connection more, unless that is one too many."""
        with self._counting:
            self._open += (fits := self._open < self.limits.connections)
        return fits

    def leaves(self) -> None:
        """Count one less."""
        with self._counting:
            self._open -= 1

    def process_conn(self, conn: _Connection) -> None:
        """Give a connection a thread, a new one not before it says something."""
        if not conn.is_new:
            super().process_conn(conn)
        elif conn.is_one_too_many:
            log.warning("serving.full", extra={"connections": self.limits.connections})
            conn.close()
        else:
            conn.is_new = False
            self._connections.put(conn)

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: Any) -> socket.socket:
        """Bind a socket, and close it when that fails."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def bind_unix_socket(self, bind_addr: str) -> socket.socket:
        """Listen at a path that owner and group may connect to; cheroot removes what is there, and lets in all."""
        _remove_dead_socket(Path(bind_addr))
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o777 & ~_SOCKET_MODE)
        try:
            made.bind(bind_addr)
        except OSError:
            made.close()
            raise
        finally:
            os.umask(before)
        self.socket = made
        return made

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: ARG002 - cheroot's signature
        """Log that something went wrong, without the text: it may quote a request."""
        log.log(level, "serving.connection-failed", extra={"error": type(sys.exc_info()[1]).__name__})


def _remove_dead_socket(path: Path) -> None:
    """Remove a socket that a server left behind; anything else stays, and then nobody can listen there."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return
