"""The receiving endpoint as WSGI and ASGI application: bytes in, bytes out, whatever the web server is.

    application = endpoint.wsgi(client.receive)

Source: `digikoppeling-ebms2` b.1, f.7; PEP 3333; ASGI 3.0 with its TLS extension.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from mobb_client.pki import Certificate
from mobb_client.transport.peer import Caller, FromProxy, PeerFrom, from_server

if TYPE_CHECKING:
    from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

MAX_BODY: Final = 16_000_000
_BLOCK: Final = 65_536
_LINE_BREAK: Final = re.compile(r"[\r\n\0]")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_STATUSES: Final = frozenset(map(int, HTTPStatus))


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer to a request: status 200 to 599, headers, octets."""

    status: int = HTTPStatus.NO_CONTENT
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        """Check that it can be said in HTTP."""
        if not HTTPStatus.OK <= self.status <= 599:  # noqa: PLR2004 - the last of its class
            raise ValueError("a status lies between 200 and 599")
        if any(_LINE_BREAK.search(text) for pair in self.headers.items() for text in pair):
            raise ValueError("a header holds no line break")

    def __repr__(self) -> str:
        """Measure the body, quote nothing of it."""
        return f"Reply({int(self.status)}, {len(self.body)} octets)"

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The headers with Content-Length, which 204 and 304 do not have (RFC 9110 section 8.6)."""
        given = [(key, value) for key, value in self.headers.items() if key.lower() != "content-length"]
        if self.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            return given
        return [*given, ("Content-Length", str(len(self.body)))]


class Receiver(Protocol):
    """Takes one whole request in: headers by lower-case name, the body, and who sent it."""

    def __call__(self, headers: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        """Return what to answer."""
        ...


class _Unusable(Exception):  # noqa: N818 - no error of ours: an answer
    """A request that is not worth more than a status."""

    def __init__(self, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> None:
        self.reply = Reply(status=status, headers=headers or {})
        super().__init__(status.phrase)


# WSGI


def wsgi(receive: Receiver, *, peer_from: PeerFrom = from_server, max_body: int = MAX_BODY) -> WSGIApplication:
    """Return a WSGI application that hands each POST to `receive`.

    The client certificate comes from ``SSL_CLIENT_CERT`` (cheroot, Apache) or the connection's own socket (gunicorn,
    Werkzeug). WSGI cannot tell the header ``X_Cert`` from ``X-Cert``: with a `FromProxy`, proxy or web server must
    leave out names with an underscore (nginx and gunicorn do, Apache and cheroot do not), or the header of the
    certificate has a name without a hyphen.

    Args:
        receive: called as ``receive(headers, body, peer=certificate)``; what it raises becomes an empty 500.
        peer_from: whose word counts about the client certificate; a `FromProxy` behind a proxy.
        max_body: octets; a larger body is answered with 413 and not read to its end.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        reply = _answered(partial(_wsgi_reply, environ, receive, peer_from, max_body))
        start_response(f"{int(reply.status)} {_phrase(reply.status)}", reply.lines)
        return [reply.body]

    return application


def _wsgi_reply(environ: WSGIEnvironment, receive: Receiver, peer_from: PeerFrom, max_body: int) -> Reply:
    caller = Caller(
        headers={key: value for key, value in _wsgi_headers(environ) if value},
        address=str(environ.get("REMOTE_ADDR") or ""),
        certificate=_wsgi_certificate(environ),
    )
    length = _length(str(environ["REQUEST_METHOD"]), caller.headers, max_body)
    if length is None and not environ.get("wsgi.input_terminated"):
        raise _Unusable(HTTPStatus.LENGTH_REQUIRED)
    body = _whole(_read(environ["wsgi.input"], max_body + 1 if length is None else length), length, max_body)
    return _handed_over(receive, body, caller, peer_from)


def _wsgi_headers(environ: WSGIEnvironment) -> Iterable[tuple[str, str]]:
    for key, value in environ.items():
        if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} or key.startswith("HTTP_"):
            yield key.removeprefix("HTTP_").replace("_", "-").lower(), str(value)


def _wsgi_certificate(environ: WSGIEnvironment) -> bytes | None:
    """Return what the web server knows of the client certificate; no header ever stands under these names."""
    if environ.get("SSL_CLIENT_VERIFY", "SUCCESS") != "SUCCESS":
        return None
    if pem := environ.get("SSL_CLIENT_CERT"):
        return str(pem).encode()
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    ask = getattr(connection, "getpeercert", None)
    der = ask(binary_form=True) if callable(ask) else None
    return der if isinstance(der, bytes) else None


def _read(stream: InputStream, wanted: int) -> bytes:
    blocks: list[bytes] = []
    try:
        while wanted > 0 and (block := stream.read(min(wanted, _BLOCK))):
            blocks.append(block)
            wanted -= len(block)
    except (OSError, ValueError):  # the connection went away, or chunks that are none
        raise _Unusable(HTTPStatus.BAD_REQUEST) from None
    return b"".join(blocks)


# ASGI

Scope = MutableMapping[str, object]
Event = MutableMapping[str, object]
ASGIReceive = Callable[[], Awaitable[Event]]
ASGISend = Callable[[Event], Awaitable[None]]
ASGIApplication = Callable[[Scope, ASGIReceive, ASGISend], Awaitable[None]]


def asgi(receive: Receiver, *, peer_from: PeerFrom = from_server, max_body: int = MAX_BODY) -> ASGIApplication:
    """Return an ASGI application that hands each POST to `receive`, in a thread; the arguments are those of `wsgi`.

    The client certificate comes from the ``tls`` extension, which few servers have: most need a `FromProxy`.
    """

    async def application(scope: Scope, get: ASGIReceive, send: ASGISend) -> None:
        if scope["type"] == "lifespan":
            await _live(get, send)
        elif scope["type"] != "http":
            raise ValueError("this application speaks http only")
        elif (reply := await _asgi_reply(scope, get, receive, peer_from, max_body)) is not None:
            lines = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in reply.lines]
            await send({"type": "http.response.start", "status": int(reply.status), "headers": lines})
            await send({"type": "http.response.body", "body": reply.body})

    return application


async def _asgi_reply(
    scope: Scope, get: ASGIReceive, receive: Receiver, peer_from: PeerFrom, max_body: int
) -> Reply | None:
    """Return what to answer; None when nobody is there any more to hear it."""
    import asyncio  # noqa: PLC0415 - 40 ms, and who has an ASGI server has it already

    caller = _asgi_caller(scope)
    try:
        length = _length(str(scope["method"]), caller.headers, max_body)
        body = await _read_events(get, max_body)
        if body is None:
            return None
        whole = _whole(body, length, max_body)
    except _Unusable as unusable:
        return unusable.reply
    return await asyncio.to_thread(_answered, partial(_handed_over, receive, whole, caller, peer_from))


async def _read_events(get: ASGIReceive, max_body: int) -> bytes | None:
    """Return a body of at most one octet more than allowed; None when the connection went away before its end."""
    body = bytearray()
    while len(body) <= max_body:
        event = await get()
        if event["type"] == "http.disconnect":
            return None
        piece = event.get("body", b"")
        body += piece if isinstance(piece, bytes) else b""
        if not event.get("more_body"):
            break
    return bytes(body)


def _asgi_caller(scope: Scope) -> Caller:
    headers: dict[str, str] = {}
    for key, value in _pairs(scope.get("headers")):
        known = headers.get(key)
        headers[key] = value if known is None else f"{known}, {value}"
    client = scope.get("client")
    address = str(client[0]) if isinstance(client, list | tuple) and client else ""
    return Caller(headers=headers, address=address, certificate=_asgi_certificate(scope))


def _pairs(headers: object) -> Iterable[tuple[str, str]]:
    if isinstance(headers, Iterable):
        for key, value in headers:
            yield bytes(key).decode("latin-1").lower(), bytes(value).decode("latin-1")


def _asgi_certificate(scope: Scope) -> bytes | None:
    """Return the first certificate of the ``tls`` extension, unless the server says that it could not verify it."""
    extensions = scope.get("extensions")
    tls = extensions.get("tls") if isinstance(extensions, Mapping) else None
    if not isinstance(tls, Mapping) or tls.get("client_cert_error"):
        return None
    chain = tuple(tls.get("client_cert_chain") or ())
    return str(chain[0]).encode() if chain else None


async def _live(get: ASGIReceive, send: ASGISend) -> None:
    """Tell the server that there is nothing to start and nothing to stop."""
    while True:
        event = await get()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


# Both


def _length(method: str, headers: Mapping[str, str], max_body: int) -> int | None:
    """Return the length that a request says it has, None when it does not say; only a POST is worth reading.

    Source: `digikoppeling-ebms2` b.1; RFC 9110 section 15.5.6, RFC 9112 section 6.3.
    """
    if method != "POST":
        raise _Unusable(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"})
    text = headers.get("content-length")
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or "transfer-encoding" in headers:
        raise _Unusable(HTTPStatus.BAD_REQUEST)
    if int(text) > max_body:
        raise _Unusable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(text)


def _whole(body: bytes, length: int | None, max_body: int) -> bytes:
    if len(body) > max_body:
        raise _Unusable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if length is not None and len(body) != length:
        raise _Unusable(HTTPStatus.BAD_REQUEST)
    return body


def _handed_over(receive: Receiver, body: bytes, caller: Caller, peer_from: PeerFrom) -> Reply:
    hidden = peer_from.secret_headers if isinstance(peer_from, FromProxy) else frozenset[str]()
    headers = {key: value for key, value in caller.headers.items() if key not in hidden}
    return receive(headers, body, peer=peer_from(caller))


def _answered(work: Callable[[], Reply]) -> Reply:
    """Return the reply of `work`; of an exception only its kind and place are told, since its text may hold content."""
    try:
        return work()
    except _Unusable as unusable:
        log.info("transport.unusable", extra={"status": int(unusable.reply.status)})
        return unusable.reply
    except Exception as error:  # noqa: BLE001 - the edge: whatever it was, they get an answer and may send again
        log.error("transport.receive-failed", extra={"error": type(error).__name__, "where": _place(error)})  # noqa: TRY400 - idem
        return Reply(status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in _STATUSES else "Status"
