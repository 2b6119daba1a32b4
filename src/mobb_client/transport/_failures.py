"""From the exceptions of sockets, `ssl`, `http.client`, urllib3 and requests to one reason each.

Nothing of their text is kept but names and numbers that OpenSSL makes itself: the other side's octets stand in some.
"""

from __future__ import annotations

import re
import socket
import ssl
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Final

from mobb_client.errors import TransportError
from mobb_client.transport._line import Exchange, Stage

_BY_VERIFY_CODE: Final[dict[int, str]] = {
    2: "tls.unknown-authority",  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
    9: "tls.not-yet-valid",
    10: "tls.expired",
    18: "tls.unknown-authority",  # self-signed
    19: "tls.unknown-authority",  # self-signed in the chain
    20: "tls.unknown-authority",  # no local issuer
    21: "tls.unknown-authority",  # a leaf that nothing vouches for
    62: "tls.host-name",
    64: "tls.host-name",  # an address
}
"""OpenSSL's codes of certificate verification, x509_vfy.h."""

_BY_TLS_REASON: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"CERTIFICATE_REQUIRED", "tls.client-certificate-missing"),
        (r"ALERT_(?:BAD|UNSUPPORTED|NO)_CERTIFICATE", "tls.client-certificate-refused"),
        (r"ALERT_(?:UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)", "tls.client-certificate-refused"),
        (r"ALERT_CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN)", "tls.client-certificate-refused"),
        (r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION|INAPPROPRIATE_FALLBACK", "tls.version"),
        (r"WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH|RECORD_LAYER_FAILURE", "tls.not-tls"),
    )
)  # fmt: skip
"""OpenSSL's names of what a handshake failed on; in TLS 1.3 they refuse our certificate only after it."""

_AT_STAGE: Final[dict[Stage, tuple[str, str]]] = {
    Stage.CONNECT: ("network.connect-timeout", "network.unreachable"),
    Stage.HANDSHAKE: ("tls.timeout", "tls.closed"),
    Stage.UPLOAD: ("network.send-timeout", "network.upload-cut"),
    Stage.WAIT: ("network.no-answer", "network.answer-lost"),
    Stage.ANSWER: ("network.slow-answer", "network.answer-cut"),
}
"""For each stage what a time-out and what a lost connection is called."""


def failure_of(
    error: BaseException, exchange: Exchange, endpoint: str, *, connect_timeout: float, anonymous: bool
) -> TransportError:
    """Return what went wrong, by the innermost exception and how far the exchange had come.

    Args:
        error: whatever came out of requests or urllib3.
        exchange: how far it had come.
        endpoint: host and port.
        connect_timeout: seconds, the bound of the first two stages.
        anonymous: whether we showed no certificate. Until TLS 1.2 a server that misses it says only "handshake
            failure", and every server on Digikoppeling wants one.
    """
    root = _root(error)
    reason = _tls_reason(root, exchange) or _network_reason(root, exchange)
    if reason == "tls.handshake" and anonymous:
        reason = "tls.client-certificate-missing"
    within = connect_timeout if exchange.stage < Stage.UPLOAD else exchange.read_timeout
    return TransportError(
        reason,
        endpoint=endpoint,
        measure=_measure(root, exchange),
        limit=f"{within:g}",
        may_have_arrived=exchange.whole and not reason.startswith("tls."),
    )


def _root(error: BaseException) -> BaseException:
    """Return the innermost exception; urllib3 and requests keep it as cause, reason or argument."""
    while True:
        inside = (error.__cause__, getattr(error, "reason", None), *error.args)
        inner = next((one for one in inside if isinstance(one, BaseException)), None)
        if inner is None:
            return error
        error = inner


def _tls_reason(root: BaseException, exchange: Exchange) -> str | None:
    """Return the reason of a TLS failure, None for a connection that was only lost (or no TLS failure at all)."""
    if isinstance(root, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(root.verify_code, "tls.certificate")
    if not isinstance(root, ssl.SSLError) or isinstance(root, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    named = next((reason for pattern, reason in _BY_TLS_REASON if pattern.search(root.reason or "")), None)
    if named is not None or exchange.stage is not Stage.HANDSHAKE:
        return named
    return "tls.handshake"


def _network_reason(root: BaseException, exchange: Exchange) -> str:
    timed_out, lost = _AT_STAGE[exchange.stage]
    if isinstance(root, TimeoutError):
        return timed_out
    if isinstance(root, socket.gaierror):
        return "network.name"
    if isinstance(root, ConnectionRefusedError):
        return "network.refused"
    if isinstance(root, HTTPException) and not isinstance(root, IncompleteRead | RemoteDisconnected):
        return "http.malformed"
    return "network.stale" if _is_stale(exchange) else lost


def _is_stale(exchange: Exchange) -> bool:
    """Tell whether a kept connection was closed before any of an answer came: most likely before it was used again."""
    return exchange.reused and exchange.stage in {Stage.UPLOAD, Stage.WAIT}


def _measure(root: BaseException, exchange: Exchange) -> str:
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"OpenSSL code {root.verify_code}"
    if isinstance(root, ssl.SSLError) and root.reason:
        return root.reason.lower().replace("_", " ")
    return f"{_in_words(root)} {_WHEN[exchange.stage]}"


_WHEN: Final[dict[Stage, str]] = {
    Stage.CONNECT: "while connecting",
    Stage.HANDSHAKE: "in the TLS handshake",
    Stage.UPLOAD: "before the whole message was sent",
    Stage.WAIT: "after the whole message was sent",
    Stage.ANSWER: "within the answer",
}


def _in_words(root: BaseException) -> str:
    if isinstance(root, TimeoutError):
        return "nothing in time"
    if isinstance(root, ssl.SSLError | ConnectionError | IncompleteRead):
        return "a refusal" if isinstance(root, ConnectionRefusedError) else "a closed connection"
    if isinstance(root, OSError) and root.strerror:
        return root.strerror.lower()  # the system's own words
    return "something else"
