"""A message POSTed over mutual TLS, with `requests` underneath. Source: `digikoppeling-ebms2` b.1, b.4."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from mobb_client.errors import OutboxError, TransportError
from mobb_client.pki import Certificate, Identity
from mobb_client.transport.wire import Response

if TYPE_CHECKING:
    from requests import PreparedRequest
    from requests import Response as Answer

    from mobb_client.transport._adapter import Adapter
    from mobb_client.transport._line import Exchange

log = logging.getLogger(__name__)

MAX_ANSWER: Final = 16_000_000
SLOWEST_UPLOAD: Final = 131_072
_BLOCK: Final = 65_536
_URL: Final = re.compile(
    r"(?i:https)://(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?][!$-;=?-\[\]-~]*)?", re.ASCII
)
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[\w-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_LAST_PORT: Final = 65_535
_WITHOUT_BODY: Final = frozenset({*range(100, 200), HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_FORBIDDEN: Final = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "mime-version",
        "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that are the connection's own business, or that ebMS and Digikoppeling forbid (B01)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take and how large an answer may be.

    Args:
        connect: seconds for the connection, for each address of the host, and as much again for the TLS handshake.
        read: seconds in which something of the upload must leave, and in which the whole answer must be here.
        slowest_upload: octets a second that the whole upload must reach.
        answer: octets of the largest answer.
    """

    connect: float
    read: float
    slowest_upload: int
    answer: int

    def upload_time(self, size: int) -> float:
        """Return how long the upload of `size` octets may take, in seconds."""
        return self.read + size / self.slowest_upload


class HttpsWire:
    """Carries messages over mutual TLS, several at once when several threads call it; connections are kept for reuse.

    It never repeats a message by itself, with one exception that is no repeat: when a kept connection turns out to be
    closed before the whole message has left, the other side cannot have it, and it is sent over a new connection. When
    the whole had left, nobody can know, and it is a failure (``network.stale``) like any other: the outbox decides.

    Args:
        anchors: the only authorities (or server certificates) that are trusted; two at once while they are replaced.
        identity: our key and certificate for TLS, with the certificates above it; None shows none.
        connect_timeout: seconds for the connection, and again for the TLS handshake.
        read_timeout: seconds in which each step of the upload must go, and in which the whole answer must be here.
        slowest_upload: octets a second; an upload that takes longer than its size says is given up.
        max_answer: octets.
        connections: how many are kept open to one host.
        monotonic: the clock that the time-outs go by.

    Raises:
        ConfigurationError: no anchors, or a key that TLS cannot use.

    Source: `digikoppeling-ebms2` b.1, b.4; B51, B53, B57.
    """

    def __init__(  # noqa: PLR0913 - each by name
        self,
        *,
        anchors: Sequence[Certificate],
        identity: Identity | None,
        connect_timeout: float = 30.0,
        read_timeout: float = 30.0,
        slowest_upload: int = SLOWEST_UPLOAD,
        max_answer: int = MAX_ANSWER,
        connections: int = 16,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = Limits(
            connect=connect_timeout, read=read_timeout, slowest_upload=slowest_upload, answer=max_answer
        )
        self._connections = connections
        self._monotonic = monotonic
        self._adapter = self._new_adapter(anchors, identity)

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Response:
        """POST `size` octets of `body`, from where it stands, and return the answer, whatever its status.

        The body is read in blocks and sent with its Content-Length. No redirect is followed, no cookie kept, nothing
        compressed, nothing taken from the environment.

        Args:
            url: https, with a host name that the server's certificate must hold.
            headers: Content-Type and SOAPAction, sent as they are.
            body: a binary file; when it can seek it is read again from the same place over a new connection.
            size: octets.

        Raises:
            TransportError: no usable answer; its `reason` says why, and `may_have_arrived` whether they can have it.
            OutboxError: `body` cannot be read or ends too early.
            ValueError: a header that is not the caller's to set.
        """
        endpoint = _endpoint(url)
        start = body.tell() if body.seekable() else None
        try:
            return self._post(url, endpoint, headers, body, size)
        except TransportError as error:
            if error.reason != "network.stale" or error.may_have_arrived or start is None:
                raise
        log.info("transport.stale", extra={"endpoint": endpoint})
        self._adapter.close()
        body.seek(start)
        return self._post(url, endpoint, headers, body, size)

    def longest(self, size: int) -> float:
        """Return how many seconds a post of `size` octets may take at most, looking up the host name aside.

        With a host of more than one address, add `connect_timeout` for each further one.
        """
        limits = self._limits
        return 2 * (2 * limits.connect + limits.upload_time(size) + limits.read)

    def reload(self, *, anchors: Sequence[Certificate], identity: Identity | None) -> None:
        """Trust these anchors and show this identity from the next post on; those under way end as they began.

        Raises:
            ConfigurationError: as the constructor; then nothing has changed.

        Source: B57.
        """
        before, self._adapter = self._adapter, self._new_adapter(anchors, identity)
        before.close()

    def close(self) -> None:
        """Close the connections that are kept; the wire stays usable."""
        self._adapter.close()

    def __enter__(self) -> Self:
        """Return the wire itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections that are kept."""
        self.close()

    def _new_adapter(self, anchors: Sequence[Certificate], identity: Identity | None) -> Adapter:
        from mobb_client.transport._adapter import Adapter  # noqa: PLC0415 - requests takes 100 ms to import
        from mobb_client.transport._line import line_context  # noqa: PLC0415 - idem, ssl

        return Adapter(line_context(anchors, identity), self._connections)

    def _post(self, url: str, endpoint: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Response:
        from mobb_client.transport._adapter import CAUGHT  # noqa: PLC0415 - as above
        from mobb_client.transport._failures import failure_of  # noqa: PLC0415 - idem
        from mobb_client.transport._line import Exchange  # noqa: PLC0415 - idem

        adapter, limits = self._adapter, self._limits
        exchange = Exchange(monotonic=self._monotonic, read_timeout=limits.read, upload_time=limits.upload_time(size))
        request = _request(url, headers, _Body(body, size, exchange), size)
        try:
            response = self._exchanged(adapter, request, exchange, endpoint)
        except CAUGHT as error:
            failure = failure_of(
                error, exchange, endpoint, connect_timeout=limits.connect, anonymous=adapter.context.anonymous
            )
        else:
            log.info("transport.posted", extra={"endpoint": endpoint, "status": response.status, "size": size})
            return response
        log.info("transport.failed", extra={"endpoint": endpoint, "reason": failure.reason, "size": size})
        raise failure  # here, so that no text of another library hangs on it

    def _exchanged(self, adapter: Adapter, request: PreparedRequest, exchange: Exchange, endpoint: str) -> Response:
        limits = self._limits
        with adapter.context.serving(exchange):
            answer = adapter.send(request, stream=True, timeout=(limits.connect, limits.read))
            try:
                return _read(answer, exchange, endpoint, limits.answer)
            finally:
                answer.close()


class _Body:
    """The octets of a message as they are read for sending: exactly `size` of them, and the exchange knows the end."""

    def __init__(self, file: BinaryIO, size: int, exchange: Exchange) -> None:
        self._file = file
        self._left = size
        self._exchange = exchange

    def read(self, count: int) -> bytes:
        """Return the next octets, at least as many as asked for while they last, and none when all have been sent."""
        if not self._left:
            self._exchange.is_sent()
            return b""
        try:
            block = self._file.read(min(max(count, _BLOCK), self._left))
        except OSError as error:
            raise OutboxError(f"the message cannot be read: {error.strerror}") from error
        if not block:
            raise OutboxError(f"the message ends {self._left} octets too early")
        self._left -= len(block)
        return block


def _endpoint(url: str) -> str:
    """Return host and port of an endpoint.

    Raises:
        TransportError: it is no https URL, or holds what does not belong in one.

    Source: `digikoppeling-ebms2` b.1: client certificate only, no Basic authentication.
    """
    match = _URL.fullmatch(url)
    if match is None or not 0 < (port := int(match["port"] or 443)) <= _LAST_PORT or not _is_host(match["host"]):
        raise TransportError("http.endpoint", endpoint="endpoint", measure=f"a URL of {len(url)} characters")
    return f"{match['host']}:{port}"


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))
    try:
        return ip_address(host[1:-1]).version == 6  # noqa: PLR2004 - what stands in brackets
    except ValueError:
        return False


def _request(url: str, headers: Mapping[str, str], body: _Body, size: int) -> PreparedRequest:
    from requests import Request  # noqa: PLC0415 - as above

    if wrong := sorted(_FORBIDDEN & {key.lower() for key in headers}):
        raise ValueError(f"the connection's own business: {', '.join(wrong)}")
    ours = {"Accept-Encoding": "identity", "User-Agent": "mobb_client"}
    request = Request("POST", url, headers={**ours, **headers}).prepare()
    request.headers["Content-Length"] = str(size)
    request.body = body  # type: ignore[assignment] # a file is what it is read as
    return request


def _read(answer: Answer, exchange: Exchange, endpoint: str, limit: int) -> Response:
    """Return a whole answer; its connection is kept only when nothing can be left in it."""
    clean = exchange.whole and _is_clean(answer)
    exchange.line.spoilt = not clean
    has_body = clean or answer.status_code not in _WITHOUT_BODY
    body = _octets(answer, endpoint, limit) if has_body else b""
    headers = {key.lower(): value for key, value in answer.headers.items()}
    return Response(status=answer.status_code, headers=headers, body=body)


def _is_clean(answer: Answer) -> bool:
    """Tell whether an answer ends where its head says: behind a 1xx comes another, and a 204 may have a body."""
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return answer.headers.get("Content-Length", "0") == "0" and "Transfer-Encoding" not in answer.headers
    return HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES


def _octets(answer: Answer, endpoint: str, limit: int) -> bytes:
    body = bytearray()
    for block in answer.raw.stream(_BLOCK, decode_content=False):
        body += block
        if len(body) > limit:
            raise TransportError(
                "http.answer-too-large",
                endpoint=endpoint,
                measure=f"HTTP {answer.status_code} with more",
                limit=limit,
                may_have_arrived=True,
            )
    return bytes(body)
