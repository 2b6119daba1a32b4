"""A run: one input under one name, read, sent and followed until every row has its ending.

What it has done is in the outbox and nowhere else, so a run that was killed at any instruction is resumed at its first
row that is not stored. Letters that must wait (a window, a stop, a disk) are held in the outbox, for every worker.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, Self

from mobb_client.berichtenbox.aflevering import ENDINGS, UNSENT, State
from mobb_client.berichtenbox.identiteit import OIN, looks_like_bsn
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.outbox.contract import EventName, Hold, Outbox, RowKind, StoredRun
from mobb_client.pacing import Pace
from mobb_client.pulse import beating
from mobb_client.runs import intake
from mobb_client.runs.judges import Judges
from mobb_client.runs.window import Window
from mobb_client.tally import SendReport

MOST_OF_NAME: Final = 100
RESERVE: Final = 1_000_000_000
"""Octets that stay free on the outbox's disk: before there are fewer, nothing is added to it."""
STOP: Final = "stop"
WINDOW: Final = "window"
DISK: Final = "disk"

_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MOST_OF_NAME - 1}}}")
POLL: Final = 5.0
"""Seconds between two looks at what is due."""
_LONGEST_WAIT: Final = 60.0
_SHARE: Final = 20  # the rows are counted in no more than a twentieth of the time
_PAGE: Final = 1000

Counts = Mapping[tuple[RowKind, OIN | None, State | None], int]
Until = Literal["acknowledged", "ended"]


class Phase(StrEnum):
    """What a run is doing."""

    READING = "reading"
    READ = "read"
    SENDING = "sending"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Every row of a run, once: ``rows = letters + repeats + refused``, and where they ended.

    Letters and refused rows are the input: ``letters + refused = delivered + paper + human + open``.
    """

    letters: int = 0
    repeats: int = 0
    refused: int = 0
    delivered: int = 0
    paper: int = 0
    human: int = 0
    open: int = 0

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return self.letters + self.repeats + self.refused

    @property
    def input(self) -> int:
        """The rows that must end somewhere."""
        return self.letters + self.refused

    @property
    def closes(self) -> bool:
        """Whether each of them is in one place."""
        return self.input == self.delivered + self.paper + self.human + self.open


def balance_of(counts: Counts) -> Balance:
    """Return the balance of a run's rows; a refused row without a letter is a person's.

    A letter that is not there is in no place: then the balance does not close.
    """
    found = dict.fromkeys(("letters", "repeats", "refused", "delivered", "paper", "human", "open"), 0)
    kinds = {RowKind.LETTER: "letters", RowKind.REPEAT: "repeats", RowKind.REFUSED: "refused"}
    for (kind, _, state), count in counts.items():
        found[kinds[kind]] += count
        is_lost = kind is RowKind.LETTER and state is None
        if kind is not RowKind.REPEAT and not is_lost:
            found[_place(state)] += count
    return Balance(**found)


def _place(state: State | None) -> str:
    if state is None:
        return "human"
    return state.lower() if state in ENDINGS else "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Args:
        name: of the run.
        at: when.
        phase: what it is doing.
        balance: where its rows are.
        report: what was sent since it was started or resumed, by this process.
        holds: which letters must wait, and for what.
        bytes_per_second: how fast documents went, by all workers, pauses not counted; None before any went.
        finish: when everything is sent at that speed, the window kept to; None when that cannot be said.
        trouble: what went wrong with our own store; it is tried again.
    """

    name: str
    at: datetime
    phase: Phase
    balance: Balance
    report: SendReport = field(default_factory=SendReport)
    holds: Sequence[Hold] = ()
    bytes_per_second: float | None = None
    finish: datetime | None = None
    trouble: str | None = None


def find(outbox: Outbox, name: str) -> StoredRun:
    """Return a run.

    Raises:
        ConfigurationError: ``run.unknown``.
    """
    for run in outbox.runs():
        if run.name == name:
            return run
    raise ConfigurationError(Finding("run.unknown", field="name", measure=f"{len(name)} characters"))


def check_new(outbox: Outbox, name: str, source: Path) -> tuple[str, int]:
    """Make sure that a run of this name and input can begin; return the SHA-256 of the input and its octets.

    Raises:
        ConfigurationError: as `begin`.
    """
    if not _NAME.fullmatch(name) or looks_like_bsn(name):
        measure = f"{len(name)} characters"
        raise ConfigurationError(Finding("run.name", field="name", measure=measure, limit=MOST_OF_NAME))
    sha256, size = intake.fingerprint(source)
    for run in outbox.runs():
        if name == run.name:
            code = "run.exists" if run.sha256 == sha256 else "run.name-used"
        elif run.sha256 == sha256:
            code = "run.same-input"
        else:
            continue
        raise ConfigurationError(Finding(code, field="name", measure=f"run {run.name}, {_done(outbox, run.name)}"))
    return sha256, size


def begin(outbox: Outbox, name: str, source: Path, now: datetime, window: Window | None = None) -> StoredRun:
    """Store a new run, of which nothing is read yet; return it.

    Raises:
        ConfigurationError: its name or its input is that of another run (``run.exists``, ``run.name-used``,
            ``run.same-input``), the name cannot be used, or the file cannot be read.
    """
    sha256, size = check_new(outbox, name, source)
    made = StoredRun(
        name=name,
        source=str(source.absolute()),
        sha256=sha256,
        size=size,
        started=now,
        first_event=outbox.last_event(),
        window=None if window is None else str(window),
    )
    with outbox.transaction() as tx:
        if tx.run(name) is not None:  # somebody else was faster
            raise ConfigurationError(Finding("run.exists", field="name", measure=f"run {name}"))
        tx.put_run(made)
    return made


def _done(outbox: Outbox, name: str) -> str:
    found = balance_of(outbox.run_counts(name))
    return f"{(found.input - found.open) * 100 // found.input if found.input else 0} % ended"


def stop(outbox: Outbox, name: str, oin: OIN | None = None) -> Balance:
    """Let nobody put letters of a run, or those of one OIN, into a message any more; return where its rows are.

    What is in a message goes on, and is listed. `resume` takes the stop away.
    """
    find(outbox, name)
    with outbox.transaction() as tx:
        tx.hold(name, Hold(why=STOP, oin=oin))
    return balance_of(outbox.run_counts(name))


def resume(outbox: Outbox, name: str, oin: OIN | None = None) -> StoredRun:
    """Take a stop away: all of them, or that of one OIN; return the run."""
    run = find(outbox, name)
    stops = [hold for hold in outbox.holds(name) if hold.why == STOP and oin in {None, hold.oin}]
    with outbox.transaction() as tx:
        for hold in stops:
            tx.release(name, hold)
    return run


class Run:
    """Carries out one run that was begun. Any number of other workers may send from the same outbox meanwhile.

    Args:
        client: whose letters, where they are kept and how fast they may go; its `stop` ends the run as well.
        name: of the run.
        wait: waits so many seconds, unless the client is stopped.
        monotonic: a clock that nobody puts back, in seconds.
        free: returns how many octets are free on the disk of a folder.
        reserve: how many of them stay free.
        judges: who judge the rows.

    Raises:
        ConfigurationError: ``run.unknown``.
    """

    def __init__(  # noqa: PLR0913 - what differs in tests, each by name
        self,
        client: Client,
        name: str,
        *,
        judges: Judges | None = None,
        wait: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        reserve: int = RESERVE,
    ) -> None:
        self._client = client
        self._outbox = client.outbox
        self.name = name
        self._run = find(self._outbox, name)
        self._window = Window.parse(self._run.window) if self._run.window else None
        self._wait = wait or client.wait
        self._free = free
        self._reserve = reserve
        self._judges = judges or Judges()
        self._pace = _Adaptive(client)
        self._meter = _Meter(self._outbox, self._run, monotonic)
        self._counter = _Counter(self._outbox, name, monotonic)
        self._report = SendReport()
        self._trouble: str | None = None

    @classmethod
    def start(cls, client: Client, name: str, letters: Path, window: Window | None = None) -> Self:
        """Begin a run, and return it; nothing is read yet. Raises as `begin` does."""
        begin(client.outbox, name, letters, client.now(), window)
        return cls(client, name)

    def carry_out(self, until: Until = "ended", *, poll: float = POLL) -> Iterator[Progress]:
        """Read what is not read yet, send it, and give how far it is, until it is done or stopped.

        Args:
            until: when it is done: each letter ``acknowledged`` by the other side, or ``ended`` somewhere.
            poll: seconds between two looks at what is due.

        Raises:
            ConfigurationError: another process carries it out (``run.busy``), or its input is not what it was.
            OutboxError: the store cannot be read or written while rows are read; resume it.
        """
        with self._alone(), beating(self._outbox):
            yield from self._read()
            if self._run.is_read:
                yield from self._send(until, poll)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Make sure that no other process carries it out; when this one dies another may."""
        cursor = f"run:{self.name}"
        if self._outbox.lease_cursor(cursor) is None:
            raise ConfigurationError(Finding("run.busy", field="name", measure=f"run {self.name}"))
        try:
            yield
        finally:
            self._pace.end()
            with suppress(OutboxError):
                self._outbox.set_cursor(cursor, 0)

    # Reading

    def _read(self) -> Iterator[Progress]:
        if self._run.is_read:
            return
        self._keep_holds()
        yield from self._take_in()
        yield from self._sift()
        if self._client.is_stopped:
            return
        self._change(is_read=True)
        yield self._progress(Phase.READ, fresh=True)

    def _take_in(self) -> Iterator[Progress]:
        """Store the rows that are not stored yet, until a stop."""
        client, run = self._client, self._run
        taken = intake.TakeIn(self._outbox, client.senders, run, client.now)
        given = intake.Input(run=run, senders=client.senders, judges=self._judges, is_stopped=self._is_stopped)
        with closing(given.pages(self._outbox.run_last_row(self.name))) as pages:
            for rows in pages:
                while self._is_disk_full() and not client.is_stopped:
                    yield self._progress(Phase.WAITING)
                    self._wait(_LONGEST_WAIT)
                if client.is_stopped:
                    return
                taken.store(rows)
                self._keep_holds()
                yield self._progress(Phase.READING)

    def _is_stopped(self) -> bool:
        return self._client.is_stopped

    def _sift(self) -> Iterator[Progress]:
        """Find out who surely gets paper, before anything is sent, where it is known who is subscribed."""
        after = 0
        if not any(sender.abonnementen.vereist for sender in self._client.senders):
            return
        while (lines := self._outbox.run_lines(self.name, after, _PAGE)) and not self._client.is_stopped:
            ways = [line.aflevering for line in lines if line.aflevering is not None]
            self._client.sift([way.key for way in ways if way.state is State.QUEUED])
            after = lines[-1].row.number
            yield self._progress(Phase.READING)

    # Sending

    def _send(self, until: Until, poll: float) -> Iterator[Progress]:
        failures = 0
        while True:
            try:
                yield from self._rounds()
                self._trouble, failures = None, 0
            except OutboxError as error:
                self._trouble, failures = str(error), failures + 1
            if self._trouble is None and (self._client.is_stopped or self._is_over(until)):
                yield self._progress(Phase.DONE, fresh=True)
                return
            if self._client.is_stopped:
                return
            yield self._progress(Phase.WAITING)
            self._wait(min(2.0**failures, _LONGEST_WAIT) if failures else self._pause(poll))

    def _rounds(self) -> Iterator[Progress]:
        """Send what is due, and look at the window, the disk and the speed after each step."""
        self._keep_holds()
        before = self._report
        self._meter.begin()
        self._pace.begin()
        for report in self._client.rounds():
            self._meter.look()
            self._pace.adapt(report)
            self._report = before + report
            self._keep_holds()
            if report.attempted:
                yield self._progress(Phase.SENDING)
                self._meter.begin()
        if self._meter.is_new:
            self._change(sent_bytes=self._meter.octets, sent_seconds=int(self._meter.seconds))

    def _is_over(self, until: Until) -> bool:
        """Tell whether there is nothing left to do, or to wait for: who is stopped waits for nothing."""
        holds = [hold.oin for hold in self._outbox.holds(self.name) if hold.why == STOP]
        if None in holds:
            return True
        waiting = UNSENT if until == "acknowledged" else frozenset(State) - ENDINGS
        return not any(
            count
            for (kind, oin, state), count in self._counter.fresh().items()
            if kind is not RowKind.REPEAT and state in waiting and not (state is State.QUEUED and oin in holds)
        )

    def _pause(self, poll: float) -> float:
        due = self._client.next_due()
        left = poll if due is None else (due - self._client.now()).total_seconds()
        return min(max(left, 0.05), poll)

    # What must wait

    def _keep_holds(self) -> None:
        """Hold what may not go now, and let go of what may."""
        now = self._client.now()
        wanted = {
            WINDOW: self._window is not None and not self._window.is_open(now),
            DISK: self._is_disk_full(),
        }
        there = {hold.why for hold in self._outbox.holds(self.name) if hold.oin is None}
        changed = [why for why, is_wanted in wanted.items() if is_wanted != (why in there)]
        if not changed:
            return
        with self._outbox.transaction() as tx:
            for why in changed:
                (tx.hold if wanted[why] else tx.release)(self.name, Hold(why=why))

    def _is_disk_full(self) -> bool:
        folder = self._outbox.folder
        return folder is not None and self._free(folder) < self._reserve

    # How far it is

    def _change(self, **parts: object) -> None:
        """Store what changed of the run; what another process changed meanwhile stays so."""
        with self._outbox.transaction() as tx:
            self._run = replace(tx.run(self.name) or self._run, **parts)  # type: ignore[arg-type] # fields by name
            tx.put_run(self._run)

    def _progress(self, phase: Phase, *, fresh: bool = False) -> Progress:
        now = self._client.now()
        counts = self._counter.fresh() if fresh else self._counter.counts()
        return Progress(
            name=self.name,
            at=now,
            phase=phase,
            balance=balance_of(counts),
            report=self._report,
            holds=self._outbox.holds(self.name),
            bytes_per_second=self._meter.speed,
            finish=self._finish(now, counts),
            trouble=self._trouble,
        )

    def _finish(self, now: datetime, counts: Counts) -> datetime | None:
        """Return when the last letter has gone, at the speed and size of those that went."""
        queued = sum(n for (kind, _, state), n in counts.items() if kind is not RowKind.REPEAT and state in UNSENT)
        if self._meter.speed is None or self._meter.letter is None:
            return None
        work = timedelta(seconds=queued * self._meter.letter / self._meter.speed)
        return self._window.after(now, work) if self._window else now + work


class _Adaptive:
    """Sends more at once while all goes well, and half as much when the other side cannot keep up."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._most = client.pace.parallel
        self._now = self._most
        self._last = SendReport()

    def begin(self) -> None:
        """Begin to look at a report that begins anew."""
        self._last = SendReport()

    def end(self) -> None:
        """Leave the client as it was."""
        self._client.set_pace(Pace(self._most, self._client.pace.per_minute))

    def adapt(self, report: SendReport) -> None:
        """Look at what was done since the last time."""
        new = {name: count - self._last.counts[name] for name, count in report.counts.items()}
        is_worse = new["unreachable"] > 0 or report.paused
        is_better = new["acknowledged"] + new["accepted"] > 0
        self._last = report
        wanted = max(1, self._now // 2) if is_worse else min(self._most, self._now + is_better)
        if wanted != self._now:
            self._now = wanted
            self._client.set_pace(Pace(wanted, self._client.pace.per_minute))


class _Meter:
    """How many octets of documents went, by whatever worker, and in how much time of ours."""

    def __init__(self, outbox: Outbox, run: StoredRun, monotonic: Callable[[], float]) -> None:
        self._outbox = outbox
        self._monotonic = monotonic
        self._seen = outbox.last_event()
        self._built: dict[str, tuple[int, int]] = {}
        self._began = monotonic()
        self.octets = run.sent_bytes
        self.seconds = float(run.sent_seconds)
        self._letters = 0
        self._new = 0

    def begin(self) -> None:
        """Begin to count time."""
        self._began = self._monotonic()

    def look(self) -> None:
        """Count what went since the last look, and the time when something did."""
        went = 0
        while news := self._outbox.events(self._seen, names=_METERED):
            for event in news:
                went += self._count(event.name, event.message_id or "", event.data)
            self._seen = news[-1].number
        if went:
            self._new += went
            self.octets += went
            self.seconds += self._monotonic() - self._began

    def _count(self, name: EventName, message_id: str, data: Mapping[str, object]) -> int:
        if name is EventName.MESSAGE_PENDING:
            self._built[message_id] = int(str(data.get("payload_bytes", 0))), int(str(data.get("letters", 0)))
            return 0
        octets, letters = self._built.pop(message_id, (0, 0))
        self._letters += letters
        return octets

    @property
    def is_new(self) -> bool:
        """Whether anything went since this began."""
        return self._new > 0

    @property
    def speed(self) -> float | None:
        """Octets a second."""
        return self.octets / self.seconds if self.octets and self.seconds > 0 else None

    @property
    def letter(self) -> float | None:
        """Octets a letter."""
        return self._new / self._letters if self._letters else None


_METERED: Final = frozenset({EventName.MESSAGE_PENDING, EventName.MESSAGE_SENT, EventName.MESSAGE_ACKNOWLEDGED})


class _Counter:
    """Counts a run's rows, but not so often that the counting takes the time."""

    def __init__(self, outbox: Outbox, name: str, monotonic: Callable[[], float]) -> None:
        self._outbox = outbox
        self._name = name
        self._monotonic = monotonic
        self._found: Counts = {}
        self._again = monotonic()

    def fresh(self) -> Counts:
        """Return how many there are now."""
        began = self._monotonic()
        self._found = self._outbox.run_counts(self._name)
        ended = self._monotonic()
        self._again = ended + (ended - began) * _SHARE
        return self._found

    def counts(self) -> Counts:
        """Return how many there are, or were a while ago."""
        return self.fresh() if self._monotonic() >= self._again else self._found
