"""What `requests` and urllib3 must do otherwise than by themselves. Imported only when a line is made: it takes 100 ms.

The adapter is used without a session, so there is nothing to switch off: no environment, no proxies, no ``.netrc``, no
cookies, no redirects, and no certificates of the public web beside our anchors.
"""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from typing import BinaryIO, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HeaderParsingError, HTTPError
from urllib3.util.response import assert_header_parsing

from mobb_client.transport._line import Line, LineContext

CAUGHT: Final = (OSError, HTTPException, HTTPError)
"""What may come out of them: requests' own are OSErrors."""

MAX_IDLE: Final = 4.0
"""Seconds after which a connection is not used again: shorter than any server's patience (Apache's is 5)."""


class _Lines:
    """The lines of an answer's head, of which each must have its end: a head that is cut off is no answer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        if not line.endswith(b"\n"):
            raise RemoteDisconnected("the head has no end")
        return line

    def close(self) -> None:
        self._file.close()


class _Answer(HTTPResponse):
    """An answer whose head is whole and well-formed. urllib3 would take another, and log what it could not read."""

    def begin(self) -> None:
        file = self.fp
        self.fp = _Lines(file)  # type: ignore[assignment] # as much of a file as a head needs
        try:
            super().begin()
        finally:
            if not file.closed:  # as it is after a status line that is none
                self.fp = file
        try:
            assert_header_parsing(self.headers)
        except HeaderParsingError:
            raise HTTPException("unreadable headers") from None


class _Connection(HTTPSConnection):
    response_class = _Answer

    @property
    def is_connected(self) -> bool:
        line = self.sock
        return super().is_connected and not (isinstance(line, Line) and not line.is_fit(MAX_IDLE))


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class Adapter(HTTPAdapter):
    """Connections that are made by one context, kept for reuse, and never repeat anything by themselves."""

    def __init__(self, context: LineContext, connections: int) -> None:
        self.context = context
        super().__init__(pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: object) -> None:
        """Make the pools, all of them with our context."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self.context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Leave the context as it is: with ``verify=True`` requests would add the authorities of the public web."""
