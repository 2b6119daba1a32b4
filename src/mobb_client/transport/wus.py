"""A synchronous SOAP 1.1 question over the line of the messages: mutual TLS, the same limits and failures."""

from __future__ import annotations

from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

from mobb_client.errors import TransportError
from mobb_client.transport.outcome import Refused, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.wire import Wire

_CONTENT_TYPE: Final = "text/xml; charset=utf-8"


def ask(wire: Wire, url: str, action: str, envelope: bytes) -> bytes:
    """Return the SOAP envelope that a question is answered with, whatever the HTTP status: a Fault is an answer too.

    Args:
        wire: carries it.
        url: the endpoint of the service.
        action: the SOAPAction, without its quotes.
        envelope: the question.

    Raises:
        TransportError: no answer, or one that is no SOAP envelope: a web page, a redirect, nothing.

    Source: `berichtenbox` e.1, e.4.
    """
    headers = {"Content-Type": _CONTENT_TYPE, "SOAPAction": f'"{action}"'}
    try:
        response = wire.post(url, headers, BytesIO(envelope), len(envelope))
    except TransportError:
        raise
    except OSError as error:  # a wire inside the process
        failure = outcome_of_failure(error)
        raise TransportError(failure.reason, endpoint=_host(url), measure=type(error).__name__, limit="-") from None
    outcome = outcome_of(response)
    if isinstance(outcome, Signal) or (isinstance(outcome, Retry | Refused) and outcome.soap_fault):
        return response.body
    reason = outcome.reason if isinstance(outcome, Retry | Refused) else "http.not-understood"
    measure = f"HTTP {response.status} with {len(response.body)} octets"
    raise TransportError(reason, endpoint=_host(url), measure=measure, may_have_arrived=True)


def _host(url: str) -> str:
    return urlsplit(url).netloc or "endpoint"
