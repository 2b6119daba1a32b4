"""`mobb work`: sends what is due, for as long as it is left running. Any number of them may share one outbox."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread
from types import FrameType
from typing import Final

import click

from mobb_client.cli import _given, _show
from mobb_client.client import Client, utc_now
from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.fresh import Fresh
from mobb_client.metrics.telling import telling
from mobb_client.pacing import Stop
from mobb_client.settings import Settings, load, port_of
from mobb_client.tally import SendReport

_LONGEST_WAIT: Final = 60.0
"""Seconds between two looks at a store that is not there."""
_SHORTEST_WAIT: Final = 0.05
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_BY_SIGNAL: Final = 128


@click.command("work")
@_given.settings_option
@click.option("--once", is_flag=True, help="Send what is due now, and end.")
@click.option(
    "--poll", type=click.FloatRange(min=_SHORTEST_WAIT), default=5.0, show_default=True, help="Seconds between looks."
)
@click.option("--metrics", metavar="HOST:PORT", help="Answer GET /metrics there, instead of at [metrics] listen.")
@_show.json_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context, settings_file: Path, once: bool, poll: float, metrics: str | None, as_json: bool
) -> None:
    """Send what is due, again and again, until a signal comes.

    Letters that wait become messages, messages go out when their CPA says so. SIGTERM and SIGINT end it in the middle
    of an upload, which costs nothing; a second one ends it at once. Settings, CPAs and certificates are read again when
    they change. A store that is not there is waited for.
    """
    if once and metrics:
        raise click.UsageError("give --once or --metrics, not both: nobody listens when it has ended")
    told = _Told(as_json)
    with until_signalled() as signalled:
        settings = load(settings_file)
        worker = _Worker(settings_file, settings, poll, signalled, told)
        listen = None if once else port_of(metrics, "--metrics") if metrics else settings.metrics.listen
        try:
            with telling(settings, listen, lambda: worker.settings, told.untold) as address:
                if address is not None:
                    told.event("metrics", listen=str(address))
                ctx.exit(worker.once() if once else worker.work())
        finally:
            worker.close()


@dataclass
class Signalled:
    """Whether a signal came, and what is to hear of it."""

    stop: Stop = field(default_factory=Stop)
    number: int | None = None
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        """Ask everything to stop; the second time, end at once: what is leased ends with the process."""
        if self.number is not None:
            os._exit(_BY_SIGNAL + number)
        self.number = number
        self.stop.ask()
        for listener in self.listeners:
            listener()

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal."""
        return _BY_SIGNAL + (self.number or 0)


@contextmanager
def until_signalled() -> Iterator[Signalled]:
    """Give what hears of SIGTERM and SIGINT, for as long as the block lasts."""
    signalled = Signalled()
    before = {number: signal.signal(number, signalled.handle) for number in _SIGNALS}
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Worker:
    """Does the rounds of one process."""

    def __init__(self, file: Path, settings: Settings, poll: float, signalled: Signalled, told: _Told) -> None:
        self._settings = settings
        self._fresh = Fresh(file, settings, at_once=True)
        self._reading = Lock()
        self._poll = poll
        self._signalled = signalled
        self._told = told
        self._client: Client | None = None

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self._settings

    def once(self) -> int:
        """Do one round, and return the exit code."""
        report = self._opened().send_due(self._told.report)
        self._told.report(report)
        return self._signalled.exit_code if self._signalled.number is not None else _exit_code(report)

    def work(self) -> int:
        """Do rounds until a signal comes, and return the exit code."""
        self._told.event("started", senders=len(self._settings.senders))
        failures = 0
        with self._watching():
            while not self._signalled.stop.is_asked:
                try:
                    wait = self._round()
                    failures = 0
                except OutboxError as error:
                    failures += 1
                    wait = min(2.0 ** (failures - 1), _LONGEST_WAIT)
                    self._told.event("outbox", error=str(error), wait=wait)
                self._signalled.stop.wait(wait)
        self._told.event("stopped", signal=self._signalled.number)
        return self._signalled.exit_code

    def close(self) -> None:
        """Let go of everything."""
        self._told.close()
        if self._client is not None:
            self._client.close()

    def _opened(self) -> Client:
        if self._client is None:
            settings = self._settings
            pace, outbox = settings.sending, settings.outbox.open()
            client = Client(*settings.senders, outbox=outbox, parallel=pace.parallel, per_minute=pace.per_minute)
            self._client = client
            self._signalled.listeners.append(client.stop)
            if self._signalled.stop.is_asked:
                client.stop()
        return self._client

    def _round(self) -> float:
        """Send what is due, and return how many seconds there is nothing to do, as far as can be seen."""
        client = self._opened()
        self._reread()
        self._told.report(SendReport())
        report = client.send_due(lambda so_far: self._progress(client, so_far))
        self._told.settled(report)
        due = client.next_due()
        left = self._poll if due is None else (due - utc_now()).total_seconds()
        return min(max(left, _SHORTEST_WAIT), self._poll)

    def _progress(self, client: Client, so_far: SendReport) -> None:
        self._told.report(so_far)
        self._told.progress(client)

    # Settings that change

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Look at the settings also while a long night is being sent."""
        done = Event()

        def watch() -> None:
            while not done.wait(self._poll):
                with suppress(OutboxError):
                    self._reread()

        thread = Thread(target=watch, name="mobb-settings", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _reread(self) -> None:
        """Use the settings as they are now, when one of their files changed; wrong ones are told and not used (B50)."""
        with self._reading:
            if self._client is None:
                return
            try:
                settings = self._fresh.look()
                if settings is None:
                    return
                self._client.use(*settings.senders, pace=settings.sending)
            except ConfigurationError as error:
                self._told.wrong_settings(error.findings)
                return
            is_moved = settings.outbox != self._settings.outbox
            self._settings = settings
        self._told.event("settings", senders=len(settings.senders), outbox="at the next start" if is_moved else "same")


def _exit_code(report: SendReport) -> int:
    """Return 3 when nothing got through, 1 when something ended badly or cannot be sent, else 0."""
    if (report.unreachable or report.paused) and not (report.accepted or report.acknowledged):
        return 3
    return 1 if report.blocked or report.refused or report.expired else 0


class _Told:
    """Says what changed: a line each, or a JSON document a line; progress only on a terminal."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._last = SendReport()
        self._paused: Mapping[str, datetime] = {}
        self._blocked: dict[str, str] = {}
        self._bar = _show.Line()

    def event(self, what: str, **parts: object) -> None:
        """Say that something happened."""
        now = datetime.now(UTC)
        if self._as_json:
            _show.line("work", at=now, what=what, **parts)
            return
        words = ", ".join(f"{name} {value}" for name, value in parts.items())
        click.echo(_show.plain(f"{_show.moment(now)}  {what}: {words}"))

    def report(self, so_far: SendReport) -> None:
        """Say what was done since the last time; an empty report begins anew."""
        counts = {name: count - self._last.counts[name] for name, count in so_far.counts.items()}
        self._last = so_far
        if any(count > 0 for count in counts.values()):
            self.event("report", **{name: count for name, count in counts.items() if count or self._as_json})
        for cpa_id, until in so_far.paused.items():
            if self._paused.get(cpa_id) != until:
                self.event("paused", cpa_id=cpa_id, until=until if self._as_json else _show.moment(until))
        self._paused = so_far.paused or self._paused
        for cpa_id, error in so_far.blocked.items():
            self._tell_blocked(cpa_id, error)

    def settled(self, report: SendReport) -> None:
        """Say what a whole round did; what is no longer in the way is news when it is so again."""
        self.report(report)
        self._blocked = {cpa_id: codes for cpa_id, codes in self._blocked.items() if cpa_id in report.blocked}

    def untold(self, why: str) -> None:
        """Say why the file with figures cannot be written."""
        self.event("textfile", error=why)

    def wrong_settings(self, findings: tuple[Finding, ...]) -> None:
        """Say what is wrong with new settings."""
        self.event("settings-wrong", codes=", ".join(finding.code for finding in findings))
        for finding in findings:
            _show.finding(finding, "mobb: ")

    def progress(self, client: Client) -> None:
        """Show how far it is, on a terminal."""
        if self._bar.is_shown:
            told = client.balance()
            self._bar.show(f"{told['open']} of {_show.count(told['input'], 'letter')} under way")

    def close(self) -> None:
        """Take the progress away."""
        self._bar.close()

    def _tell_blocked(self, cpa_id: str, error: Exception) -> None:
        findings = error.findings if isinstance(error, ConfigurationError) else ()
        codes = ", ".join(finding.code for finding in findings) or type(error).__name__
        if self._blocked.get(cpa_id) == codes:
            return
        self._blocked[cpa_id] = codes
        self.event("blocked", cpa_id=cpa_id, codes=codes)
        for finding in findings:
            _show.finding(finding, f"{cpa_id}: ")
