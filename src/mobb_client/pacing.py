"""How fast may be sent: how many at once and in a minute, a pause while the other side is down, and when to stop.

Nothing here sends anything. A CPA's own RetryInterval says when one message goes again; a pause keeps all the others
from using up their retries on another side that is not there. Source: `berichtenbox` h.5 (figures are not public).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Final

from mobb_client.errors import ConfigurationError, Finding

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=5)
MOST_ASKED: Final = timedelta(hours=1)
"""The longest Retry-After that is kept to: a slip of theirs must not silence us for a year."""
_MOST_AT_ONCE: Final = 64
_MOST_A_MINUTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a worker may go.

    Args:
        parallel: how many messages it uploads at the same time.
        per_minute: how many sends it makes in a minute at most; None for as many as it can.

    Raises:
        ConfigurationError: with a ``sending.range`` for each value outside its bounds.
    """

    parallel: int = 1
    per_minute: int | None = None

    def __post_init__(self) -> None:
        """Refuse what lies outside its bounds, all of it at once."""
        given = {"parallel": (self.parallel, _MOST_AT_ONCE), "per_minute": (self.per_minute, _MOST_A_MINUTE)}
        findings = [
            Finding("sending.range", field=name, measure=f"{value:.20}" if isinstance(value, str) else str(value),
                    limit=f"1 to {most:,}")
            for name, (value, most) in given.items()
            if not (type(value) is int and 1 <= value <= most) and not (name == "per_minute" and value is None)
        ]  # fmt: skip
        if findings:
            raise ConfigurationError(*findings)


class Stop:
    """Whether to stop. May be asked for from any thread and from a signal handler, once and for ever.

    A handler runs in the middle of whatever the main thread does, so nothing here may be held when it asks: a
    `SimpleQueue` can be put into at any moment, and a `threading.Event` can not be set at any moment.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[None] = SimpleQueue()
        self.is_asked = False
        """Whether nothing new may be begun."""
        self.is_urgent = False
        """Whether what is being uploaded is to be broken off, too."""

    def ask(self, *, finish: bool = False) -> None:
        """Ask for it.

        Args:
            finish: what was begun is finished first.
        """
        self.is_asked = True
        self.is_urgent = self.is_urgent or not finish
        self._asked.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is asked for; return whether it was."""
        if not self.is_asked:
            try:
                self._asked.get(timeout=max(seconds, 0))
            except Empty:
                return self.is_asked
            self._asked.put(None)  # for whoever else waits
        return True


class Throttle:
    """Spreads sends over the minute, evenly: in no minute are there more than were allowed.

    Args:
        per_minute: sends; None for no bound.
        monotonic: the clock, in seconds, which nobody puts back.
        wait: waits so many seconds, unless it is stopped meanwhile.
    """

    def __init__(
        self,
        per_minute: int | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[Stop, float], object] = Stop.wait,
    ) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._monotonic = monotonic
        self._wait = wait
        self._next: float | None = None

    @property
    def delay(self) -> float:
        """Seconds until the next send may begin; 0 when it may now."""
        return 0.0 if self._next is None else max(0.0, self._next - self._monotonic())

    def take(self) -> None:
        """Note that a send begins."""
        if self._interval:
            self._next = self._monotonic() + self._interval

    def wait(self, stop: Stop, seconds: float) -> None:
        """Wait, unless it is stopped meanwhile."""
        self._wait(stop, seconds)


@dataclass(frozen=True, slots=True)
class Pause:
    """How long a CPA's other side is left alone after it was found to be down.

    Args:
        failures: how many pauses in a row this is; the next one is twice as long.
        since: when it began.
        until: when it ends: then one message tries, and what becomes of it decides.
    """

    failures: int
    since: datetime
    until: datetime

    def is_on(self, now: datetime) -> bool:
        """Tell whether it lasts; a clock that was put back ends it (B23)."""
        return self.since <= now < self.until


def next_pause(
    before: Pause | None, began: datetime, now: datetime, asked: timedelta | datetime | None = None
) -> Pause:
    """Return the pause after a send that found the other side down.

    From a second to five minutes, each twice the one before, and longer when they ask for that in a Retry-After. A
    send that began before the last pause was over says nothing new, so it makes it no longer: of eight that fail at
    the same time, one counts.

    Args:
        before: the last pause, None when the send before this one was answered.
        began: when the send began.
        now: when it failed.
        asked: their Retry-After.
    """
    at_least = now + min(_seconds_of(asked, now), MOST_ASKED)
    if before is not None and before.since <= now and began < before.until:
        return replace(before, until=max(before.until, at_least))
    failures = 1 if before is None else before.failures + 1
    own = min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE)
    return Pause(failures, now, max(now + own, at_least))


def _seconds_of(asked: timedelta | datetime | None, now: datetime) -> timedelta:
    if isinstance(asked, datetime):
        return max(asked - now.astimezone(UTC), timedelta())
    return asked or timedelta()


@dataclass(frozen=True, slots=True)
class Try:
    """One send, as the circuits see it: under which CPA, since when, and whether it is to end a pause."""

    cpa_id: str
    began: datetime
    is_probe: bool


class Circuits:
    """Which CPAs may be sent under. Not for several threads at once: whoever shares it holds a lock."""

    def __init__(self) -> None:
        self._pauses: dict[str, Pause] = {}
        self._probed: set[str] = set()

    def free(self, cpa_ids: Iterable[str], now: datetime) -> list[str]:
        """Return those under which may be sent: not paused, and after a pause one message at a time."""
        return [one for one in cpa_ids if not self._is_paused(one, now) and one not in self._probed]

    def paused(self, now: datetime) -> dict[str, datetime]:
        """Return until when each CPA is paused that is."""
        return {cpa_id: pause.until for cpa_id, pause in self._pauses.items() if pause.is_on(now)}

    def begin(self, cpa_id: str, now: datetime) -> Try:
        """Note that a send begins."""
        is_probe = cpa_id in self._pauses and not self._is_paused(cpa_id, now)
        if is_probe:
            self._probed.add(cpa_id)
        return Try(cpa_id, now, is_probe)

    def end(self, one: Try) -> None:
        """Note that a send has ended, whatever became of it."""
        if one.is_probe:
            self._probed.discard(one.cpa_id)

    def answered(self, one: Try) -> None:
        """Note that the other side is there. Only what was sent after a pause tells that it is over."""
        if one.is_probe:
            self._pauses.pop(one.cpa_id, None)

    def down(self, one: Try, now: datetime, asked: timedelta | datetime | None) -> datetime:
        """Note that the other side is down; return until when it is left alone."""
        pause = next_pause(self._pauses.get(one.cpa_id), one.began, now, asked)
        self._pauses[one.cpa_id] = pause
        return pause.until

    def _is_paused(self, cpa_id: str, now: datetime) -> bool:
        pause = self._pauses.get(cpa_id)
        return pause is not None and pause.is_on(now)
