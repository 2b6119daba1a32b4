"""The TLS of both directions: own anchors, own key, TLS 1.2 or newer; and of what goes out a clock on every octet.

`requests` and urllib3 count their read time-out anew at every octet, so a server that drips holds them for ever. Here
each socket asks the `Exchange` of its thread how long it may still wait, for the upload and for the whole answer.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final, Self, cast

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki import Certificate, Identity

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
"""What TLS 1.2 may use; of TLS 1.3 every cipher is of this kind. Source: `digikoppeling-ebms2` b.4, TLSCIPH001."""


class Stage(IntEnum):
    """How far an exchange has come; it never goes back."""

    CONNECT = 0
    HANDSHAKE = 1
    UPLOAD = 2
    """From the first octet of the request."""
    WAIT = 3
    """The whole request is with the TLS layer."""
    ANSWER = 4
    """From the first octet of the answer."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and its answer: how far it is, and until when it may take.

    Args:
        monotonic: the clock.
        read_timeout: seconds, for each step of the upload, and for the whole answer from the end of the upload on.
        upload_time: seconds, for the whole upload.
    """

    monotonic: Callable[[], float]
    read_timeout: float
    upload_time: float
    stage: Stage = Stage.CONNECT
    whole: bool = False
    """Whether every octet of the request was taken by the TLS layer."""
    reused: bool = False
    """Whether it went over a connection that had served before."""
    line: Line = field(init=False)
    """What it goes over, from the upload on."""
    _receiving: bool = False
    _until: float = 0.0

    def sends(self, line: Line) -> float:
        """Return how long the next octets may take to leave, in seconds; the first ones begin the upload."""
        if self.stage < Stage.UPLOAD:
            self.stage, self._until = Stage.UPLOAD, self.monotonic() + self.upload_time
            self.line, self.reused = line, line.served
        return min(self.read_timeout, self._left())

    def is_sent(self) -> None:
        """Note that the whole request is out."""
        self.whole, self.stage = True, Stage.WAIT

    def receives(self) -> float:
        """Return how long the rest of the answer may take, in seconds, from the first time that this is asked on.

        That may be before all is sent: when they close the connection, their reason for it is still looked for.
        """
        if not self._receiving:
            self._receiving, self._until = True, self.monotonic() + self.read_timeout
        return self._left()

    def received(self) -> None:
        """Note that there is an answer, or the beginning of one."""
        self.stage = Stage.ANSWER

    def _left(self) -> float:
        left = self._until - self.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        return left


class Line(ssl.SSLSocket):
    """A TLS connection that keeps to the time of the exchange it serves."""

    served = False
    """Whether it has brought an answer before."""
    spoilt = False
    """Whether something may still come in that belongs to an earlier exchange: never use it again."""
    last_used = 0.0

    def send(self, data, flags: int = 0) -> int:  # type: ignore[no-untyped-def] # noqa: ANN001 - any buffer
        """Send within the time of the exchange; once they have closed it, urllib3 looks for their last words."""
        self.settimeout(self._exchange.sends(self))
        try:
            return super().send(data, flags)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise BrokenPipeError(errno.EPIPE, "closed") from None

    def recv_into(self, buffer, nbytes: int | None = None, flags: int = 0) -> int:  # type: ignore[no-untyped-def] # noqa: ANN001 - any buffer
        """Receive within the time of the exchange."""
        exchange = self._exchange
        self.settimeout(exchange.receives())
        count = super().recv_into(buffer, nbytes, flags)
        if count:
            exchange.received()
            self.served, self.last_used = True, exchange.monotonic()
        return count

    def is_fit(self, max_idle: float) -> bool:
        """Tell whether it may be used again: clean, with nothing waiting in it, and not long idle."""
        idle = self._exchange.monotonic() - self.last_used
        return not self.spoilt and not self.pending() and idle <= max_idle

    @property
    def _exchange(self) -> Exchange:
        return cast("LineContext", self.context).exchange


class LineContext(ssl.SSLContext):
    """Makes `Line`s, and knows which exchange each thread is busy with."""

    sslsocket_class = Line
    anonymous = True
    """Whether it shows no certificate."""
    _busy: threading.local

    def __new__(cls) -> Self:
        """Return a context for clients, with all threads idle."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made._busy = threading.local()
        return made

    @property
    def exchange(self) -> Exchange:
        """The exchange of this thread; without one there is nothing that a line may do."""
        return cast("Exchange", self._busy.exchange)

    @contextmanager
    def serving(self, exchange: Exchange) -> Iterator[None]:
        """Let the lines that this thread uses serve this exchange."""
        self._busy.exchange = exchange
        try:
            yield
        finally:
            del self._busy.exchange

    def wrap_socket(self, sock: socket.socket, *args: object, **kwargs: object) -> ssl.SSLSocket:
        """Shake hands; from here on a failure is one of TLS."""
        self.exchange.stage = Stage.HANDSHAKE
        return super().wrap_socket(sock, *args, **kwargs)  # type: ignore[arg-type]


def line_context(anchors: Sequence[Certificate], identity: Identity | None) -> LineContext:
    """Return a context that trusts these anchors only and shows this identity.

    Args:
        anchors: certificates of authorities, or of a server itself; several at once while they are replaced (B57).
        identity: ours, with the certificates above it; None shows no certificate.

    Raises:
        ConfigurationError: no anchors, or a key that TLS cannot use.

    Source: `digikoppeling-ebms2` b.4; B51.
    """
    if not anchors:
        raise ConfigurationError(Finding("tls.no-anchors", "anchors", "none"))
    context = LineContext()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.post_handshake_auth = True  # some servers ask for a certificate once they have seen the path
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an anchor is trusted because it is given, root or not
    context.hostname_checks_common_name = False
    context.load_verify_locations(cadata=b"".join(anchor.der for anchor in anchors))
    if identity is not None:
        show(context, identity)
        context.anonymous = False
    return context


def server_context(identity: Identity, anchors: Sequence[Certificate]) -> ssl.SSLContext:
    """Return a context for our endpoint: it shows this identity, and demands a certificate under these anchors.

    Raises:
        ConfigurationError: no anchors, or a key that TLS cannot use.

    Source: `digikoppeling-ebms2` b.4.
    """
    if not anchors:
        raise ConfigurationError(Finding("tls.no-anchors", "anchors", "none"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"".join(anchor.der for anchor in anchors))
    show(context, identity)
    return context


def show(context: ssl.SSLContext, identity: Identity) -> None:
    """Give a key to `ssl`, which takes it from a file only: of our own, encrypted, and removed at once.

    Nobody has its passphrase: should the program die in between, then what stays behind is of no use to anybody.
    """
    passphrase = secrets.token_hex(32).encode()
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    above = (one for one in identity.certificate.chain if one.x509.subject != one.x509.issuer)
    chain = b"".join(one.x509.public_bytes(Encoding.PEM) for one in (identity.certificate, *above))
    descriptor, path = tempfile.mkstemp(prefix="mobb-", suffix=".pem")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key + chain)
        context.load_cert_chain(path, password=passphrase)
    except ssl.SSLError as error:
        raise ConfigurationError(Finding("tls.identity", "key", error.reason or "one that OpenSSL refuses")) from None
    finally:
        with suppress(FileNotFoundError):
            Path(path).unlink()
