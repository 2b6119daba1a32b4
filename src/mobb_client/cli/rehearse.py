"""`mobb run rehearse`: the night of next week, tonight, on this machine alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import click

from mobb_client.berichtenbox.aanvraag import Paden
from mobb_client.berichtenbox.abonnementen import Variant
from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.rows import read_rows
from mobb_client.cli import _given, _show
from mobb_client.cli._judging import judges_of
from mobb_client.cli._other_side import Agreed, Order, OtherSide, clock_cell, new_clock
from mobb_client.cli.run import balance_json, progress_text, window_of
from mobb_client.cli.work import Signalled, until_signalled
from mobb_client.client import Client, utc_now
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError, ConfigurationError, Finding
from mobb_client.outbox.contract import RowKind
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.runs import outcomes
from mobb_client.runs import run as runs
from mobb_client.runs.plan import ASSUMED, Plan, date_findings, plan
from mobb_client.runs.rehearsal import Hours, Line, NightClock, Outage, Rest, Why, duration, speed
from mobb_client.runs.rehearsal_report import (
    Assumed,
    Machine,
    Rehearsed,
    rehearsal_html,
    rehearsal_json,
    rehearsal_text,
    retries_of,
)
from mobb_client.runs.report import appearing
from mobb_client.runs.run import DISK, WINDOW, Counts, Phase, Progress, Run
from mobb_client.runs.window import ZONE, Window
from mobb_client.sender import Intake, Sender
from mobb_client.settings import Settings, load
from mobb_client.simulator.berichtenbox import CLEAR_PROFILES, CLEAR_SYNC_PROFILES
from mobb_client.transport.https import HttpsWire
from mobb_client.transport.listener import Listener

NAME: Final = "repetitie"
_POLL: Final = 30.0
"""Seconds of the night between two looks at what is due."""
_ASKED_BEFORE: Final = timedelta(days=2)
"""How long before the night it is asked who is subscribed: on Wednesday, of a Friday."""
_MOST_WAITED: Final = timedelta(hours=25)
"""How long after the last upload is waited for answers: until an hour after the alarm of a day."""
_HOUR: Final = timedelta(hours=1)
_SHORTEST: Final = timedelta(seconds=1)
_PERSIST: Final = timedelta(days=2)
"""How long the other side remembers a message, where the CPA does not say."""
_SUBSCRIBED: Final = Paden("Geabonneerd/BSN", "NietGeabonneerd/BSN")
_PERCENT: Final = click.FloatRange(0, 100)
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_THERE: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("rehearse")
@click.argument("letters", type=_given.FILE)
@_given.settings_option
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="When the night begins, Dutch time; now if left out."
)
@click.option("--window", metavar="FROM-TO", help="Send between these times only, in Dutch time: 21:00-06:00.")
@click.option("--rate", metavar="SPEED", default=f"{ASSUMED // 1_000_000}MB/s", show_default=True, help="Of your line.")
@click.option(
    "--outage",
    "outages",
    metavar="TIME/LENGTH[/KIND]",
    multiple=True,
    help="23:10/20m: the other side answers 503; /reset: breaks off; /no-ack: does not acknowledge. May be repeated.",
)
@click.option("--results-after", metavar="LENGTH", default="10m", show_default=True, help="From message to verdict.")
@click.option("--subscribed", type=_PERCENT, default=60.0, show_default=True, help="Percent of the citizens.")
@click.option(
    "--left", type=_PERCENT, default=0.1, show_default=True, help="Percent of those who left since asked about."
)
@click.option("--failing", type=_PERCENT, default=0.02, show_default=True, help="Percent that must be offered twice.")
@click.option("--test-bsns", is_flag=True, help="Let the test numbers have the outcomes of docs/simulator.md.")
@click.option(
    "--scratch", type=_THERE, help="Where a folder is made for the time that it lasts; else with temporary files."
)
@click.option("--out", type=_FOLDER, help="Folder for the report and the rows: repetitie.txt, .html and more.")
@_show.json_option
@click.pass_context
def command(ctx: click.Context, /, letters: Path, settings_file: Path, as_json: bool, **given: Any) -> None:
    """Play the night of LETTERS on this machine, and say what the real one would have looked like.

    It goes the way of `run start`: plan, subscriptions where they are required, messages, TLS, retries, results, paper
    lists, with the other side a simulator in a process of its own. The outbox is a new one, in a folder that is
    removed; that of the settings is not opened, and nothing leaves this machine. Uploads take the time of the line that
    is assumed, outages and waits pass at once: a night of hours takes minutes. The report says what was measured and
    what was assumed. Exit code 1 when not every letter came to its end, or a date stands in the way.
    """
    asked = _Asked.of(given)
    settings = load(settings_file)
    with until_signalled() as signalled, ExitStack() as stack:
        night = _Night(stack, settings, letters, asked, signalled)
        found = night.play()
        if asked.out is not None:
            night.write(found, asked.out)
    if signalled.number is not None:
        ctx.exit(signalled.exit_code)
    if as_json:
        _show.document("run-rehearsal", **rehearsal_json(found), **balance_json(found.summary.balance))
    else:
        click.echo(rehearsal_text(found), nl=False)
    ctx.exit(0 if found.ok else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What was asked for on the command line."""

    at: datetime
    window: Window | None
    outages: Sequence[Outage]
    assumed: Assumed
    test_bsns: bool
    scratch: Path | None
    out: Path | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> _Asked:
        """Return it, read from its words.

        Raises:
            ConfigurationError: a word that is none.
        """
        at = utc_now() if given["at"] is None else given["at"].replace(tzinfo=ZONE).astimezone(UTC)
        assumed = Assumed(
            rate=speed(given["rate"]),
            per_minute=None,
            results_after=duration(given["results_after"]),
            **{name: given[name] / 100 for name in ("subscribed", "left", "failing")},
        )
        return cls(
            at=at,
            window=window_of(given["window"]),
            outages=sorted((Outage.parse(text, at) for text in given["outages"]), key=lambda one: one.start),
            assumed=assumed,
            test_bsns=given["test_bsns"],
            scratch=given["scratch"],
            out=given["out"],
        )


# The stage


class _Disk:
    """How much lies in a folder, and how much that was at most."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.peak = 0

    def look(self) -> None:
        """Look how much it is now."""
        self.peak = max(self.peak, sum(_size(path) for path in self._folder.rglob("*")))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # it was there a moment ago
        return 0


class _Stage:
    """All that a rehearsed night is played with, and nothing that a real one is: closed, and gone, with its stack.

    Attributes:
        senders: those of the settings, under a CPA, with a key and at an endpoint of the simulator's.
        client: sends for them, from an outbox of its own.
    """

    def __init__(self, stack: ExitStack, settings: Settings, asked: _Asked) -> None:
        self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="mobb-repetitie-", dir=asked.scratch)))
        (self.folder / "outbox").mkdir()
        start, cell = asked.at - _ASKED_BEFORE, new_clock(self.folder / "clock")
        self.clock = NightClock(start, stack.enter_context(clock_cell(cell)))
        self.other = stack.enter_context(OtherSide(_order(settings, asked, cell)))
        self.disk = _Disk(self.folder / "outbox")
        self.identity = Identity.from_pem(self.other.key, self.other.certificate)
        self.anchors = (Certificate.from_pem(self.other.anchor),)
        self.senders = tuple(map(self._rehearsed, settings.senders, self.other.cpas))
        wire = HttpsWire(anchors=self.anchors, identity=self.identity)
        stack.callback(wire.close)
        pace = settings.sending
        self.line = Line(wire, self.clock, asked.assumed.rate, per_minute=pace.per_minute, look=self.disk.look)
        outbox = SqliteOutbox(self.folder / "outbox" / "outbox.sqlite")
        self.client = stack.enter_context(
            Client(*self.senders, outbox=outbox, wire=self.line, now=self.clock.now, parallel=pace.parallel)
        )
        port = self.other.sender_port
        stack.enter_context(Listener(self.client.receive, identity=self.identity, anchors=self.anchors, port=port))

    def _rehearsed(self, real: Sender, cpa: bytes) -> Sender:
        """Return a sender for the same letters, by the same rules, that can reach the simulator and nobody else."""
        return Sender(
            oin=real.oins,
            cpa=CPA.parse(cpa),
            identity=self.identity,
            anchors=self.anchors,
            regels=real.regels,
            abonnementen=Abonnementregels(vereist=real.abonnementen.vereist, mapper=_SUBSCRIBED),
        )


def _order(settings: Settings, asked: _Asked, clock: Path) -> Order:
    assumed = asked.assumed
    return Order(
        start=asked.at - _ASKED_BEFORE,
        clock=clock,
        oins=[str(oin) for sender in settings.senders for oin in sender.oins],
        agreed=[_agreed(sender, asked.at) for sender in settings.senders],
        outages=asked.outages,
        crowd={
            "subscribed": assumed.subscribed,
            "left": assumed.left,
            "failing": assumed.failing,
            "after": assumed.results_after.total_seconds(),
            "test_numbers": asked.test_bsns,
        },
    )


def _agreed(sender: Sender, at: datetime) -> Agreed:
    """Return what a sender's own CPA says that makes a difference to a night.

    Raises:
        ConfigurationError: it forbids sending then, or has a profile that is not simulated.
    """
    route = sender.route(at)
    profile = next((one for one in CLEAR_PROFILES if one == route.profile), None)
    if profile is None or (route.sync_reply and profile not in CLEAR_SYNC_PROFILES):
        raise ConfigurationError(Finding("rehearsal.profile", field="cpa", measure=route.profile))
    retry = route.retry
    return Agreed(
        profile=profile,
        sync=route.sync_reply,
        retries=retry.retries if retry else 0,
        interval=retry.interval.total_seconds() if retry else _HOUR.total_seconds(),
        persist=retry.persist.total_seconds() if retry and retry.persist else _PERSIST.total_seconds(),
    )


# The play


class _Waiting:
    """Waits as a run does, in no time: the other side does what is due, and the clock is put on.

    Attributes:
        last: how far the run was.
        rests: what was waited for.
    """

    def __init__(self, stage: _Stage, window: Window | None) -> None:
        self._stage = stage
        self._window = window
        self.last: Progress | None = None
        self.rests: list[Rest] = []

    def __call__(self, seconds: float) -> None:
        """Wait so long at least; longer when nothing would happen any sooner."""
        stage = self._stage
        with stage.clock.standing():
            theirs, ours, began = stage.other.settle(), stage.client.next_due(), stage.clock.now()
            held = {hold.why for hold in self.last.holds} if self.last else set()
            if DISK in held:
                raise ConfigurationError(Finding("rehearsal.disk", field="scratch", measure="full"))
            planned = [one for one in (theirs, ours) if one is not None]
            is_due = ours is not None and ours <= began  # what came in just now is answered
            least = _SHORTEST if is_due else timedelta(seconds=seconds)
            stage.clock.advance_to(max(began + least, began if is_due else self._next(began, planned, held)))
            self.rests.append(Rest(began, stage.clock.now(), self._why(held, waits=ours is not None and not is_due)))
        if WINDOW not in held and began - self._last_upload(began) > _MOST_WAITED:
            stage.client.stop()  # what has not come by now is told as open

    def _next(self, now: datetime, planned: Sequence[datetime], held: set[str]) -> datetime:
        """Return when something happens next; now, when letters wait for what nobody plans."""
        counts = self._stage.client.outbox.run_counts(NAME)
        if any(state is State.QUEUED for kind, _, state in counts if kind is not RowKind.REPEAT):
            opens = self._window.opens(now) if self._window and WINDOW in held else now
            return min([opens, *planned])
        return min(planned, default=now + _HOUR)

    def _why(self, held: set[str], *, waits: bool) -> Why:
        if WINDOW in held:
            return Why.WINDOW
        is_down = self.last is not None and self.last.report.paused
        return Why.OUTAGE if is_down or waits else Why.ANSWERS

    def _last_upload(self, now: datetime) -> datetime:
        uploads = self._stage.line.uploads
        return uploads[-1].ended if uploads else now


class _Night:
    """Plays one night."""

    def __init__(
        self, stack: ExitStack, settings: Settings, letters: Path, asked: _Asked, signalled: Signalled
    ) -> None:
        self._settings = settings
        self._letters = letters
        self._asked = asked
        self._began = time.monotonic()
        self._stage = _Stage(stack, settings, asked)
        self._waiting = _Waiting(self._stage, asked.window)
        self._bar = _show.Line()
        stack.callback(self._bar.close)
        signalled.listeners.append(self._stage.client.stop)

    def play(self) -> Rehearsed:
        """Play it, and return what it came to."""
        stage, client = self._stage, self._stage.client
        with stage.clock.standing():
            if any(sender.abonnementen.vereist for sender in stage.senders):
                self._ask()
            stage.other.begin_night()
            stage.clock.advance_to(self._asked.at)
            stage.line.uploads.clear()
            stage.clock.worked = 0.0
        found = self._plan()
        found.check()
        runs.begin(client.outbox, NAME, self._letters, client.now(), self._asked.window)
        judges = judges_of(self._settings.preflight)
        run = Run(client, NAME, judges=judges, wait=self._waiting, monotonic=stage.clock.seconds)
        for progress in run.carry_out(poll=_POLL):
            self._take(progress)
        with stage.clock.standing():
            outcomes.close_paper_list(client.outbox, NAME, client.now())
            return self._rehearsed(found)

    def _plan(self) -> Plan:
        client, asked = self._stage.client, self._asked
        return plan(
            self._letters, client.senders, client.outbox, client.now(), window=asked.window, speed=asked.assumed.rate
        )

    def _take(self, progress: Progress) -> None:
        """Take note of how far it is, and make the early paper list when all is read."""
        self._waiting.last = progress
        self._stage.disk.look()
        if self._bar.is_shown:
            self._bar.show(f"{progress.at.astimezone(ZONE):%d-%m %H:%M:%S}  {progress_text(progress)}")
        if progress.phase is Phase.READ:
            outcomes.close_paper_list(self._stage.client.outbox, NAME, progress.at, early=True)

    def _ask(self) -> None:
        """Ask the AbonnementService about every citizen in the file, two days before, and read what it answers."""
        stage = self._stage
        for oin, file in self._citizens().items():
            with file.open() as bsns:
                stage.client.abonnementen.request(Variant.BSN_LIJST, bsns=(one.strip() for one in bsns), oin=oin)
            file.unlink()
        while not stage.client.is_stopped and any(
            one.verwerkt is None for one in stage.client.abonnementen.verzoeken()
        ):
            stage.client.send_due()
            stage.other.settle()
            stage.clock.advance(_HOUR.total_seconds())

    def _citizens(self) -> dict[OIN, Path]:
        """Write whom the letters of each organisation are for, a BSN a line, and return the files."""
        try:
            return self._written()
        except BerichtError as error:  # the header row
            raise ConfigurationError(*(one.finding for one in error.errors)) from None

    def _written(self) -> dict[OIN, Path]:
        stage = self._stage
        intake, found = Intake(stage.senders, stage.clock.now()), dict[OIN, Path]()
        with ExitStack() as stack, self._letters.open("rb") as source:
            sinks: dict[OIN, IO[str]] = {}
            regels = stage.senders[0].regels
            for row in read_rows(source, folder=self._letters.parent, name=self._letters.name, regels=regels):
                oin = _owner(intake, row.bericht)
                if stage.client.is_stopped:
                    break
                if row.bericht is None or oin is None:
                    continue
                if oin not in sinks:
                    found[oin] = stage.folder / f"bsns-{len(found)}"
                    sinks[oin] = stack.enter_context(found[oin].open("w"))
                print(row.bericht.bsn.digits, file=sinks[oin])
        return found

    # What it came to

    def _rehearsed(self, found: Plan) -> Rehearsed:
        stage, asked, line = self._stage, self._asked, self._stage.line
        retries, batches = retries_of(stage.client.outbox)
        summary = outcomes.summarize(stage.client.outbox, NAME, stage.client.now())
        ends = summary.night.processed or summary.night.acknowledged or found.ends
        used, memory = _used()
        return Rehearsed(
            letters=self._letters.name,
            at=asked.at,
            window=None if asked.window is None else str(asked.window),
            plan=found,
            dates=tuple(date_findings(self._settings.senders, asked.at, ends)),
            outages=asked.outages,
            assumed=replace(asked.assumed, per_minute=self._settings.sending.per_minute),
            hours=Hours(worked=stage.clock.worked, uploads=line.uploads, rests=self._waiting.rests, spread=line.spread),
            summary=summary,
            retries=retries,
            batches=batches,
            unsent=_unsent(stage.client.outbox.run_counts(NAME)),
            complaints=stage.other.complaints(),
            machine=Machine(
                seconds=time.monotonic() - self._began, memory=memory, disk=stage.disk.peak, processors=used
            ),
        )

    def write(self, night: Rehearsed, folder: Path) -> None:
        """Write the page, and the rows and lists of the rehearsal under names that say what they are."""
        folder.mkdir(parents=True, exist_ok=True)
        outbox = self._stage.client.outbox
        outcomes.write_outcomes(outbox, NAME, folder / "repetitie-uitkomsten.csv")
        for made in night.summary.run.lists:
            name = f"repetitie-{outcomes.name_of(made)}"
            outcomes.write_paper_list(outbox, NAME, made.number, folder / name)
        pages = {"repetitie.txt": rehearsal_text(night), "repetitie.html": rehearsal_html(night)}
        for name, text in pages.items():
            with appearing(folder / name) as sink:
                sink.write(text.encode())


def _owner(intake: Intake, bericht: Bericht | None) -> OIN | None:
    try:
        return None if bericht is None else bericht.oin or intake.owner(bericht).oins[0]
    except BerichtError:
        return None


def _unsent(counts: Counts) -> int:
    states = {State.QUEUED, State.BATCHED, State.SENT}
    return sum(count for (kind, _, state), count in counts.items() if kind is not RowKind.REPEAT and state in states)


def _used() -> tuple[float, int | None]:
    """Return how many seconds of a processor this process took, and the peak of its memory where that is told."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return time.process_time(), None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return time.process_time(), peak if sys.platform == "darwin" else peak * 1024
