"""Our endpoint as the settings say, for as long as it takes: `mobb serve` as a library.

It takes in what comes, sends our acknowledgments, tells whether all is well, and takes over what was replaced on disk
(certificates, anchors, CPAs, the proxy's secret) without letting go of a connection. Source: B50, B52, B57.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from threading import Event
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from mobb_client.client import Client, utc_now
from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.pki.certificate import Certificate
from mobb_client.sender import Sender
from mobb_client.settings import ServeSettings, Settings
from mobb_client.transport.endpoint import Reply
from mobb_client.transport.peer import from_server
from mobb_client.transport.serving import Address, Limits, Server, application, health, tls

if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

_HEALTH_LIMITS: Final = Limits(max_body=1, threads=1, connections=10, request=60.0)
_CURSOR: Final = "health"


class Endpoint:
    """Our endpoint, served from when this is made until it is closed.

    Args:
        settings: as they were loaded; the outbox that they name is opened.
        now: the clock.

    Raises:
        ConfigurationError: no key, nobody to trust, or nobody can listen there.
        OutboxError: the outbox cannot be opened.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._now = now
        self._news = Event()
        self._beats = count()
        serve = settings.serve
        context = _context(settings)
        with ExitStack() as parts:
            self._outbox = settings.outbox.open()
            parts.callback(self._outbox.close)
            self._client = parts.enter_context(Client(*settings.senders, outbox=self._outbox, now=now))
            self._application = self._made(serve)
            self._server = parts.enter_context(
                Server(self._answer, address=serve.listen, context=context, limits=serve.limits)
            )
            if serve.health is not None:
                told = health(self.is_well)
                self._health = parts.enter_context(Server(told, address=serve.health, limits=_HEALTH_LIMITS))
            self._parts = parts.pop_all()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._server.address

    @property
    def health_address(self) -> Address | None:
        """Where it tells whether all is well."""
        return None if self._settings.serve.health is None else self._health.address

    def close(self) -> None:
        """Take nothing more, finish what is being answered, and let go of the outbox."""
        self._parts.close()

    def __enter__(self) -> Self:
        """Return the endpoint; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # Answering

    def _made(self, serve: ServeSettings) -> WSGIApplication:
        peer_from = serve.proxy or from_server
        return application(self._receive, path=serve.path, peer_from=peer_from, max_body=serve.limits.max_body)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._application(environ, start_response)

    def _receive(self, headers: Mapping[str, str], body: bytes, /, *, peer: Certificate | None) -> Reply:
        try:
            return self._client.receive(headers, body, peer=peer)
        finally:
            self._news.set()

    def is_well(self) -> bool:
        """Tell whether requests are taken and the outbox can be written: something is written to know it."""
        try:
            self._outbox.set_cursor(_CURSOR, next(self._beats))
        except OutboxError:
            log.warning("serving.outbox")
            return False
        return self._server.is_running

    # What is to be done besides

    def wait(self, seconds: float) -> None:
        """Wait until a request was answered, but not longer than this."""
        if self._news.wait(seconds):
            self._news.clear()

    def send_signals(self) -> None:
        """Send our acknowledgments that are due, when that is left to us; a store that fails is tried again later."""
        if not self._settings.serve.send_signals:
            return
        try:
            self._client.send_signals()
        except OutboxError:
            log.warning("serving.outbox")

    def use(self, settings: Settings) -> list[Finding]:
        """Take over what was replaced, and return what can only be changed by a restart.

        Raises:
            ConfigurationError: it cannot be used; all stays as it was.
        """
        context = _context(settings)
        self._client.use(*settings.senders)
        if context is not None:
            self._server.present(context)
        before, self._settings = self._settings, settings
        self._application = self._made(settings.serve)
        log.info("serving.reloaded")
        return _needs_restart(before, settings)

    def findings(self) -> list[Finding]:
        """Return what the CPAs say of our endpoint and what the settings say otherwise."""
        path = self._settings.serve.path
        told = {_our_path(sender, self._now()) for sender in self._settings.senders} - {None, path}
        return [
            Finding("serve.path", "serve.path", f"{one}, where {path} is served", severity="warning") for one in told
        ]


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.serve.proxy is not None:
        return None
    if settings.serve.identity is None:
        raise ConfigurationError(Finding("key.needed", field="serve.key", measure="no key"))
    return tls(settings.serve.identity, settings.anchors)


def _needs_restart(before: Settings, after: Settings) -> list[Finding]:
    fixed: dict[str, Callable[[Settings], object]] = {
        "serve.listen": lambda one: one.serve.listen,
        "serve.proxy": lambda one: one.serve.proxy is None,
        "serve.health": lambda one: one.serve.health,
        "serve": lambda one: one.serve.limits,
        "outbox": lambda one: one.outbox,
    }
    changed = [name for name, value in fixed.items() if value(before) != value(after)]
    return [Finding("serve.restart", field=name, measure="another value", severity="warning") for name in changed]


def _our_path(sender: Sender, now: datetime) -> str | None:
    """Return the path of our endpoint in a sender's CPA; None when it names none."""
    route = sender.cpa.resolve(sender.action, party=sender.party, now=now).route
    if route is None:
        return None
    try:
        signals = sender.cpa.signals(sender=route.receiver, action="Acknowledgment")
    except ConfigurationError:
        return None
    return urlsplit(signals.endpoint).path or "/"
