"""The library's only sockets: a message to the other side over mutual TLS, and the endpoint that takes theirs."""

from mobb_client.transport.endpoint import Receiver, Reply, asgi, wsgi
from mobb_client.transport.https import HttpsWire
from mobb_client.transport.outcome import Accepted, Outcome, Refused, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.peer import Caller, FromProxy, PeerFrom, from_server
from mobb_client.transport.wire import Response, Wire

__all__ = [
    "Accepted",
    "Caller",
    "FromProxy",
    "HttpsWire",
    "Outcome",
    "PeerFrom",
    "Receiver",
    "Refused",
    "Reply",
    "Response",
    "Retry",
    "Signal",
    "Wire",
    "asgi",
    "from_server",
    "outcome_of",
    "outcome_of_failure",
    "wsgi",
]
