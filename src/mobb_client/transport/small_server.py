"""What our small WSGI servers share: a thread for each connection, no word about those that break, no access log.

For who serves a few callers: the endpoint in tests and demonstrations, the figures of a worker. `mobb serve` uses a
well-kept server.
"""

from __future__ import annotations

import os
from socket import SO_REUSEADDR, SOL_SOCKET
from socketserver import ThreadingMixIn
from threading import Thread
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


class QuietServer(ThreadingMixIn, WSGIServer):
    """Answers each connection in a thread of its own."""

    def server_bind(self) -> None:
        """Bind without asking the network for our name; also while connections of one before us are dying out."""
        if os.name != "nt":  # there it would mean to share the port with whoever has it
            self.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke: whoever was there asks again."""


class QuietHandler(WSGIRequestHandler):
    """Writes no access log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing."""


class Served:
    """A server that answers in a thread, from when this is made until it is closed.

    Args:
        server: bound, with its application.
        name: of the thread.
        poll: seconds between two looks at whether it is to end.
    """

    def __init__(self, server: QuietServer, name: str, poll: float) -> None:
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(poll,), name=name, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._server.server_port

    def close(self) -> None:
        """Listen no more; the server's `block_on_close` says whether those that are being answered are waited for."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
