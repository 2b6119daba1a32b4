"""A night that is rehearsed: the path of a real one against a simulator, by a clock that goes as the real night would.

While we work that clock goes with the machine's. An upload takes what the line would take: its octets at an assumed
speed, one message after another, and the clock is put on by so much. What is waited for in earnest (a retry, a pause, a
window, a result) is not waited for here: the clock is put on to its end. Nothing here knows the simulator.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Lock, RLock
from typing import BinaryIO, Final, Self
from urllib.parse import urlsplit

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.runs.window import ZONE, Window
from mobb_client.transport.wire import HttpAnswer, Wire

STEP: Final = timedelta(minutes=5)
"""How long the moments are of which the slowest is told."""

_SPEED: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(kB|MB|Mbit)/s", re.ASCII)
_UNITS: Final = {"kB": 1_000.0, "MB": 1_000_000.0, "Mbit": 125_000.0}
_DURATION: Final = re.compile(r"(\d{1,5})(s|m|h)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_OUTAGE: Final = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)T)?(?P<at>[0-2]\d:[0-5]\d)/(?P<lasts>\d{1,5}[smh])(?:/(?P<trouble>[a-z0-9-]+))?",
    re.ASCII,
)
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FIRST_REFUSAL: Final = 300


# What is asked for


class Trouble(StrEnum):
    """What the other side does in an outage: the names are words of the command line."""

    BUSY = "503"
    RESET = "reset"
    NO_ACK = "no-ack"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time of the rehearsed night in which the other side does not do what it should.

    Args:
        start: when it begins.
        lasts: how long it is.
        trouble: whether it answers 503, resets the connection, or takes a message and does not acknowledge it.
    """

    start: datetime
    lasts: timedelta
    trouble: Trouble = Trouble.BUSY

    @classmethod
    def parse(cls, text: str, at: datetime) -> Self:
        """Return the outage that is written as ``23:10/20m``, ``23:10/20m/reset`` or with a day before the time.

        Args:
            text: Dutch time; without a day the first such time of a night that begins `at`.
            at: when the night begins.

        Raises:
            ConfigurationError: ``rehearsal.outage``.
        """
        found = _OUTAGE.fullmatch(text)
        try:
            if found is None:
                raise ValueError  # noqa: TRY301 - as a date or a time that there is not
            start = _moment(found["day"], found["at"], at)
            return cls(start, duration(found["lasts"]), Trouble(found["trouble"] or Trouble.BUSY))
        except ValueError:
            raise ConfigurationError(
                Finding("rehearsal.outage", field="outage", measure=f"{len(text)} characters")
            ) from None

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.start + self.lasts


def _moment(day: str | None, clock: str, at: datetime) -> datetime:
    if day is not None:
        return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE).astimezone(UTC)
    minute = datetime.strptime(clock, "%H:%M")  # noqa: DTZ007 - a time of the day
    return Window(minute.time(), (minute + timedelta(minutes=1)).time()).opens(at)


def duration(text: str) -> timedelta:
    """Return what is written as ``90s``, ``20m`` or ``2h``.

    Raises:
        ConfigurationError: ``rehearsal.duration``.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ConfigurationError(Finding("rehearsal.duration", field="duration", measure=f"{len(text)} characters"))
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def speed(text: str) -> float:
    """Return how many octets a second are written as ``2.9MB/s``, ``500kB/s`` or ``22Mbit/s``.

    Raises:
        ConfigurationError: ``rehearsal.rate``.
    """
    found = _SPEED.fullmatch(text)
    octets = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not octets:
        raise ConfigurationError(Finding("rehearsal.rate", field="rate", measure=f"{len(text)} characters"))
    return octets


# The clock


class NightClock:
    """The time of a rehearsed night. Threads may share it.

    Args:
        start: an aware moment.
        cell: where the seconds since then are written, for who looks from another process.
        monotonic: the machine's clock, in seconds, which nobody puts back.

    Attributes:
        worked: for how many seconds it went with the machine's.
    """

    def __init__(
        self,
        start: datetime,
        cell: MutableSequence[float] | memoryview[float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start.astimezone(UTC)
        self._cell: MutableSequence[float] | memoryview[float] = [0.0] if cell is None else cell
        self._monotonic = monotonic
        self._lock = RLock()
        self._seconds = 0.0
        self._seen = monotonic()
        self._holders = 0
        self.worked = 0.0

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return self._start + timedelta(seconds=self.seconds())

    def seconds(self) -> float:
        """Return how many seconds have passed since the start."""
        with self._lock:
            self._look()
            return self._seconds

    def _look(self) -> None:
        machine = self._monotonic()
        if not self._holders:
            self._seconds += machine - self._seen
            self.worked += machine - self._seen
        self._seen = machine
        self._cell[0] = self._seconds

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let it stand still for as long as the block lasts, but for what it is put on by."""
        with self._lock:
            self._look()
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._look()
                self._holders -= 1

    def advance(self, seconds: float) -> None:
        """Put it on; less than nothing is nothing."""
        with self._lock:
            self._seconds += max(0.0, seconds)
            self._look()

    def advance_to(self, moment: datetime) -> None:
        """Put it on to a moment, if that has not passed."""
        self.advance((moment - self.now()).total_seconds())


# The line


@dataclass(frozen=True, slots=True)
class Upload:
    """One POST as it would have gone over the line: from when to when, and whether it was of use."""

    began: datetime
    ended: datetime
    octets: int
    good: bool

    @property
    def seconds(self) -> float:
        """How long the line was busy with it."""
        return (self.ended - self.began).total_seconds()


class Line:
    """A wire that takes the time of an assumed line, and reaches this machine only.

    One message goes at a time, also when several are posted at once: they would share the line, and be done as late.

    Args:
        wire: what really carries the octets.
        clock: is put on.
        rate: octets a second of the assumed line.
        per_minute: how many sends there may be in a minute at most.
        look: is called before each upload, when most lies on the disk.

    Attributes:
        uploads: what went.
        spread: seconds that were waited for the pace.
    """

    def __init__(
        self,
        wire: Wire,
        clock: NightClock,
        rate: float,
        *,
        per_minute: int | None = None,
        look: Callable[[], object] = lambda: None,
    ) -> None:
        self._wire = wire
        self._clock = clock
        self._rate = rate
        self._interval = 60 / per_minute if per_minute else 0.0
        self._look = look
        self._turn = Lock()
        self._next = 0.0
        self.uploads: list[Upload] = []
        self.spread = 0.0

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> HttpAnswer:
        """POST to this machine, after the clock was put on by what the line would take.

        Raises:
            ConfigurationError: ``rehearsal.abroad``: the URL is of another machine.
            TransportError: as the wire.
        """
        if urlsplit(url).hostname not in _LOCAL:
            raise ConfigurationError(Finding("rehearsal.abroad", field="url", measure="another machine"))
        with self._turn, self._clock.standing():
            self._look()
            self._keep_pace()
            began, good = self._clock.now(), False
            self._clock.advance(size / self._rate)
            try:
                answer = self._wire.post(url, headers, body, size)
                good = answer.status < _FIRST_REFUSAL
            finally:
                self.uploads.append(Upload(began, self._clock.now(), size, good))
        return answer

    def _keep_pace(self) -> None:
        wait = max(0.0, self._next - self._clock.seconds())
        self._clock.advance(wait)
        self.spread += wait
        self._next = self._clock.seconds() + self._interval


# What it comes to


class Why(StrEnum):
    """What was waited for."""

    WINDOW = "window"
    OUTAGE = "outage"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Rest:
    """A time in which nothing was done, and why."""

    began: datetime
    ended: datetime
    why: Why

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True, slots=True)
class Slowest:
    """The step of the night in which least went over the line, of those in which nothing was waited for."""

    began: datetime
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Where the hours of a rehearsed night went.

    Args:
        worked: seconds that we were at work, by this machine's clock.
        uploads: what went over the line.
        rests: what was waited for.
        spread: seconds that were waited for the pace of the settings.
    """

    worked: float
    uploads: Sequence[Upload]
    rests: Sequence[Rest]
    spread: float = 0.0

    @property
    def octets(self) -> int:
        """What went over the line, attempts that came to nothing included."""
        return sum(one.octets for one in self.uploads)

    def line(self, *, good: bool) -> float:
        """Return for how many seconds the line was busy with what was of use, or with what was not."""
        return sum(one.seconds for one in self.uploads if one.good is good)

    def rested(self, why: Why) -> float:
        """Return for how many seconds something was waited for."""
        return sum(one.seconds for one in self.rests if one.why is why)

    @property
    def outages(self) -> float:
        """How many seconds the outages cost: attempts that came to nothing, and the waits between them."""
        return self.line(good=False) + self.rested(Why.OUTAGE)

    def slowest(self) -> Slowest | None:
        """Return the slowest whole step between the first good upload and the last; None when there is none."""
        good = [one for one in self.uploads if one.good]
        if not good:
            return None
        first, last = _floor(good[0].began) + STEP, _floor(good[-1].ended)
        went = dict.fromkeys((first + STEP * n for n in range(int((last - first) / STEP))), 0.0)
        for step in [step for step in went if any(_meet(rest, step) for rest in self.rests)]:
            del went[step]
        for one in good:
            for step, share in _shares(one):
                if step in went:
                    went[step] += one.octets * share
        least = min(went, key=lambda step: went[step], default=None)
        return None if least is None else Slowest(least, int(went[least]))


def _floor(moment: datetime) -> datetime:
    return moment - (moment - datetime.min.replace(tzinfo=UTC)) % STEP


def _meet(rest: Rest, step: datetime) -> bool:
    return rest.began < step + STEP and step < rest.ended


def _shares(upload: Upload) -> Iterator[tuple[datetime, float]]:
    """Give the steps in which an upload went, and which part of it in each."""
    step = _floor(upload.began)
    if not upload.seconds:
        yield step, 1.0
        return
    while step < upload.ended:
        part = min(upload.ended, step + STEP) - max(upload.began, step)
        yield step, part.total_seconds() / upload.seconds
        step += STEP
