"""What an HTTP answer, or the want of one, means for the message that was sent. Pure: no network, no clock.

Source: `digikoppeling-ebms2` b.3 and f.3; notes h-14, h-49, h-51, h-52.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from lxml import etree

from mobb_client import _xml
from mobb_client.ebms import mime
from mobb_client.ebms._names import NS, name
from mobb_client.errors import Finding, FormatError, TransportError
from mobb_client.transport.wire import HttpAnswer


@dataclass(frozen=True, slots=True)
class Accepted:
    """They have the message, and say nothing more; no acknowledgment, so a reliable channel goes on retrying (h-14)."""

    status: int


@dataclass(frozen=True, slots=True)
class Signal:
    """The answer holds a SOAP envelope: an acknowledgment, an error, a Pong; not yet judged in any way."""

    response: HttpAnswer

    @property
    def status(self) -> int:
        """The HTTP status, 200 to 299."""
        return self.response.status

    @property
    def content_type(self) -> str:
        """The HTTP Content-Type, empty when there was none; `mime.unpack` takes it with the body."""
        return self.response.headers.get("content-type", "")

    @property
    def body(self) -> bytes:
        """The octets of the answer."""
        return self.response.body


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """A send that did not succeed.

    Args:
        reason: a slug that never changes; its sentences are in the catalogue, in English and Dutch.
        sentence: what happened in one line, without anything of the body.
        status: the HTTP status, None when there was no answer.
        needs_person: whether somebody must act for it to get better; raise an alarm at the first one.
        soap_fault: whether the answer held a SOAP Fault, which is unsigned and changes no state by itself (h-52).
        may_have_arrived: False when it is certain that they do not have the whole message.
    """

    reason: str
    sentence: str
    status: int | None = None
    needs_person: bool = False
    soap_fault: bool = False
    may_have_arrived: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(_Failure):
    """Send the same octets again as the CPA's schedule says; a best-effort message has failed.

    Args:
        is_outage: whether the other side as a whole, or the way there, is down: this message is not the cause of it,
            and every other one would fare the same.
        retry_after: for how long, or until when, they ask to be left alone.
    """

    is_outage: bool = False
    retry_after: timedelta | datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Failure):
    """No repeat will change this answer: the message has failed."""


Outcome = Accepted | Signal | Retry | Refused

_TRY_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_DOWN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NOT_SUPPORTED: Final = frozenset(
    {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, HTTPStatus.NOT_EXTENDED}
)
_REASONS: Final[dict[int, str]] = {
    401: "http.no-access",
    403: "http.no-access",
    404: "http.not-found",
    407: "http.no-access",
    408: "http.busy",
    410: "http.not-found",
    413: "http.too-large",
    429: "http.busy",
    501: "http.not-supported",
    503: "http.unavailable",
    505: "http.not-supported",
    510: "http.not-supported",
}
_REASONS_BY_CLASS: Final[dict[int, str]] = {1: "http.interim", 3: "http.redirect", 4: "http.refused"}
_FOR_A_PERSON: Final = frozenset(
    {
        "http.endpoint",
        "http.answer-too-large",
        "tls.unknown-authority",
        "tls.expired",
        "tls.not-yet-valid",
        "tls.host-name",
        "tls.certificate",
        "tls.client-certificate-missing",
        "tls.client-certificate-refused",
        "tls.version",
        "tls.not-tls",
        "tls.handshake",
    }
)
"""The failures without an answer that do not pass by themselves; of answers these are: a refusal, a SOAP Fault."""


def outcome_of(response: HttpAnswer) -> Outcome:
    """Return what an HTTP answer means.

    Any 2xx with no body, or only blanks, is an acceptance. A body counts as a signal when it holds a SOAP envelope,
    bare or as the root of a multipart body, whatever its Content-Type says; anything else is not understood and
    retried. A SOAP Fault is retried too, and somebody must look: an unknown CPA or a wrong TLS certificate.

    Source: `digikoppeling-ebms2` b.3, f.3; B09, B40.
    """
    soap = _soap_body(response)
    fault = soap is not None and soap.find(name("soap:Fault")) is not None
    if not _is_success(response.status):
        return _of_error(response, fault=fault)
    if fault:
        return _retry("http.soap-fault", response, "a SOAP Fault", fault=True)
    if soap is not None:
        return Signal(response)
    if not response.body.strip():
        return Accepted(response.status)
    return _retry("http.not-understood", response, f"{len(response.body)} octets of something else")


def outcome_of_failure(error: TransportError | OSError) -> Retry:
    """Return what the want of an answer means: the next retry, whatever it was.

    Args:
        error: what `Wire.post` raised. A wire inside the process may raise a plain OSError (ConnectionResetError,
            TimeoutError and so on).

    Source: `digikoppeling-ebms2` b.3 (last row), f.3; B40.
    """
    failure = error if isinstance(error, TransportError) else _named(error)
    return Retry(
        reason=failure.reason,
        sentence=str(failure),
        needs_person=failure.reason in _FOR_A_PERSON,
        may_have_arrived=failure.may_have_arrived,
        is_outage=_is_outage(error),
    )


def _is_outage(error: TransportError | OSError) -> bool:
    """Tell whether there is no connection, or none that TLS can use; what breaks later may be the message's own."""
    if isinstance(error, TransportError):
        return error.reason in _NO_CONNECTION or error.reason.startswith("tls.")
    return isinstance(error, ConnectionRefusedError | socket.gaierror) or error.errno in _NO_WAY


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _is_final(status: int) -> bool:
    """Tell whether a status outside 2xx ends the retries; one above 599 counts as 5xx (RFC 9110 section 15)."""
    if status in _TRY_LATER:
        return False
    return status < HTTPStatus.INTERNAL_SERVER_ERROR or status in _NOT_SUPPORTED


def _of_error(response: HttpAnswer, *, fault: bool) -> Retry | Refused:
    status = response.status
    reason = _REASONS.get(status) or _REASONS_BY_CLASS.get(status // 100, "http.server-error")
    if _is_final(status):
        sentence = _sentence(reason, status, "a SOAP Fault" if fault else "")
        return Refused(reason=reason, sentence=sentence, status=status, needs_person=True, soap_fault=fault)
    if fault:
        return _retry("http.soap-fault", response, "a SOAP Fault", fault=True)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and not response.body.strip():
        return _retry("http.empty-error", response, "no body")
    return _retry(reason, response)


def _retry(reason: str, response: HttpAnswer, what: str = "", *, fault: bool = False) -> Retry:
    return Retry(
        reason=reason,
        sentence=_sentence(reason, response.status, what),
        status=response.status,
        needs_person=fault,
        soap_fault=fault,
        is_outage=response.status in _DOWN,
        retry_after=_retry_after(response.headers.get("retry-after", "")),
    )


def _retry_after(value: str) -> timedelta | datetime | None:
    """Return what a Retry-After asks for; None when it is absent or no such thing. Source: RFC 9110 section 10.2.3."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:9]))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sentence(reason: str, status: int, what: str) -> str:
    measure = f"HTTP {status} with {what}" if what else f"HTTP {status}"
    return str(Finding(reason, field="answer", measure=measure))


def _soap_body(response: HttpAnswer) -> etree._Element | None:
    """Return soap:Body when the answer holds a SOAP envelope, and None for everything else."""
    if not response.body.strip():
        return None
    try:
        unpacked = mime.unpack(response.headers.get("content-type", ""), response.body)
        root = _xml.parse(unpacked.envelope, "answer")
        return _xml.one(root, "soap:Body", NS) if root.tag == name("soap:Envelope") else None
    except FormatError:
        return None


_NAMES: Final[tuple[tuple[type[OSError], str], ...]] = (
    (TimeoutError, "network.no-answer"),
    (ConnectionRefusedError, "network.refused"),
    (ConnectionError, "network.answer-lost"),
    (socket.gaierror, "network.name"),
    (OSError, "network.unreachable"),
)
_NEVER_SENT: Final = frozenset({"network.refused", "network.name", "network.unreachable"})
_NO_CONNECTION: Final = _NEVER_SENT | {"network.connect-timeout"}
_NO_WAY: Final = frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})


def _named(error: OSError) -> TransportError:
    reason = next(reason for kind, reason in _NAMES if isinstance(error, kind))
    return TransportError(
        reason,
        endpoint="wire",
        measure=type(error).__name__,
        limit="the allowed",
        may_have_arrived=reason not in _NEVER_SENT,
    )
