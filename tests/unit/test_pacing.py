"""How fast may be sent: the pause of a CPA, the throttle, and the wish to stop, each by clocks of its own."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.material import MOMENT

from mobb_client.errors import ConfigurationError
from mobb_client.pacing import LONGEST_PAUSE, MOST_ASKED, Circuits, Pace, Pause, Stop, Throttle, Try, next_pause

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class TestPace:
    """h.5: a setting, since no figures are public."""

    def test_default(self) -> None:
        """One at a time, as fast as that goes."""
        assert Pace() == Pace(parallel=1, per_minute=None)

    @pytest.mark.parametrize(
        ("given", "fields"),
        [
            ({"parallel": 0}, ["parallel"]),
            ({"parallel": 65, "per_minute": 0}, ["parallel", "per_minute"]),
            ({"parallel": True}, ["parallel"]),
            ({"parallel": None}, ["parallel"]),
            ({"per_minute": 1_000_001}, ["per_minute"]),
            ({"per_minute": 1.5}, ["per_minute"]),
            ({"per_minute": "ten"}, ["per_minute"]),
        ],
    )
    def test_bounds(self, given: Any, fields: list[str]) -> None:
        """What lies outside is refused, all of it at once."""
        with pytest.raises(ConfigurationError) as caught:
            Pace(**given)
        assert [(one.code, one.field) for one in caught.value.findings] == [("sending.range", one) for one in fields]


def failing(times: int, *, apart: timedelta = timedelta()) -> list[Pause]:
    """Return the pauses of sends that each begin when the pause before is over."""
    found: list[Pause] = []
    now = MOMENT
    for _ in range(times):
        found.append(next_pause(found[-1] if found else None, now, now + apart))
        now = found[-1].until
    return found


class TestPause:
    """h.5: exponential back-off when the other side as a whole is down."""

    def test_doubles(self) -> None:
        """From a second to five minutes."""
        lengths = [(one.until - one.since) / SECOND for one in failing(12)]
        assert lengths == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]

    def test_counted_from_the_failure(self) -> None:
        """A connection that takes half a minute to fail does not eat up the pause."""
        (pause,) = failing(1, apart=30 * SECOND)
        assert (pause.since, pause.until) == (MOMENT + 30 * SECOND, MOMENT + 31 * SECOND)

    @pytest.mark.parametrize(
        ("asked", "seconds"),
        [
            (None, 1),
            (timedelta(), 1),
            (timedelta(seconds=90), 90),
            (timedelta(days=9), MOST_ASKED / SECOND),
            (MOMENT + 20 * SECOND, 20),
            (MOMENT - HOUR, 1),
            (MOMENT + 900 * HOUR, MOST_ASKED / SECOND),
        ],
    )
    def test_asked(self, asked: timedelta | datetime | None, seconds: float) -> None:
        """RFC 9110 10.2.3: a Retry-After is kept to, and no longer than an hour."""
        assert next_pause(None, MOMENT, MOMENT, asked).until == MOMENT + seconds * SECOND

    def test_at_the_same_time(self) -> None:
        """Eight uploads that fail together are one failure; what one of them asks for counts."""
        pause = next_pause(None, MOMENT, MOMENT)
        again = next_pause(pause, MOMENT - SECOND, MOMENT + SECOND / 2)
        assert again == pause
        asked = next_pause(pause, MOMENT - SECOND, MOMENT + SECOND / 2, 9 * SECOND)
        assert (asked.failures, asked.until) == (1, MOMENT + 9.5 * SECOND)

    def test_clock_put_back(self) -> None:
        """B23: a pause ends when the clock is put back, instead of lasting a day; and it may begin anew."""
        pause = next_pause(None, MOMENT, MOMENT)
        earlier = MOMENT - 24 * HOUR
        assert pause.is_on(MOMENT)
        assert not pause.is_on(earlier)
        assert next_pause(pause, earlier, earlier) == Pause(2, earlier, earlier + 2 * SECOND)

    @given(st.integers(1, 10_000))
    def test_never_longer(self, failures: int) -> None:
        """However long it lasts."""
        pause = next_pause(Pause(failures, MOMENT, MOMENT), MOMENT, MOMENT)
        assert pause.until - pause.since <= LONGEST_PAUSE


class TestCircuits:
    """Which CPAs may be sent under."""

    def test_others_go_on(self) -> None:
        """B37: a pause is of one CPA."""
        circuits = Circuits()
        until = circuits.down(circuits.begin("a", MOMENT), MOMENT, None)
        assert circuits.free(["a", "b"], MOMENT) == ["b"]
        assert circuits.paused(MOMENT) == {"a": until}
        assert circuits.paused(until) == {}

    def test_one_tries(self) -> None:
        """After a pause one message tries; the others wait for what becomes of it."""
        circuits = Circuits()
        until = circuits.down(circuits.begin("a", MOMENT), MOMENT, None)
        probe = circuits.begin("a", until)
        assert circuits.free(["a"], until) == []
        circuits.answered(probe)
        circuits.end(probe)
        assert circuits.free(["a"], until) == ["a"]
        assert not circuits.begin("a", until).is_probe

    def test_fails_again(self) -> None:
        """When it fails too the next pause is longer."""
        circuits = Circuits()
        until = circuits.down(circuits.begin("a", MOMENT), MOMENT, None)
        probe = circuits.begin("a", until)
        assert circuits.down(probe, until, None) == until + 2 * SECOND
        circuits.end(probe)
        assert circuits.free(["a"], until + SECOND) == []
        assert circuits.free(["a"], until + 2 * SECOND) == ["a"]

    def test_no_verdict(self) -> None:
        """A probe that ends without a word (a stop, an answer that was lost) lets another one try."""
        circuits = Circuits()
        until = circuits.down(circuits.begin("a", MOMENT), MOMENT, None)
        circuits.end(circuits.begin("a", until))
        assert circuits.free(["a"], until) == ["a"]
        assert circuits.begin("a", until).is_probe

    def test_answer_from_before(self) -> None:
        """An upload that began before the pause and is answered in it does not end it: they asked for rest."""
        circuits = Circuits()
        early, late = circuits.begin("a", MOMENT), circuits.begin("a", MOMENT)
        until = circuits.down(late, MOMENT, 60 * SECOND)
        circuits.answered(early)
        circuits.end(early)
        assert circuits.paused(MOMENT) == {"a": until}
        assert early == Try("a", MOMENT, is_probe=False)


class Ticks:
    """A monotonic clock that waiting moves, with everything that was waited for."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds

    def wait(self, stop: Stop, seconds: float) -> None:
        """Let time pass, unless it is stopped."""
        if not stop.is_asked:
            self.waits.append(seconds)
            self.seconds += seconds


class TestThrottle:
    """h.5: so many sends a minute."""

    def test_evenly(self) -> None:
        """Twenty a minute are three seconds apart, and a pause in between saves nothing up."""
        ticks = Ticks()
        throttle = Throttle(20, monotonic=ticks, wait=ticks.wait)
        begun = []
        for number in range(6):
            throttle.wait(Stop(), throttle.delay)
            assert throttle.delay == 0
            throttle.take()
            begun.append(ticks())
            ticks.seconds += 100 if number == 2 else 1
        assert [after - before for before, after in pairwise(begun)] == [3, 3, 100, 3, 3]

    def test_none(self) -> None:
        """Without a bound nothing ever waits."""
        throttle = Throttle()
        throttle.take()
        assert throttle.delay == 0

    def test_waits_in_earnest(self) -> None:
        """By itself it waits on the real clock, and a stop ends that at once."""
        throttle, stop = Throttle(1), Stop()
        throttle.take()
        assert 0 < throttle.delay <= 60
        threading.Timer(0.01, stop.ask).start()
        throttle.wait(stop, 600)
        assert stop.is_asked


class TestStop:
    """The wish to stop."""

    def test_asked(self) -> None:
        """Once asked for it stays so; finishing first is the milder wish and takes nothing back."""
        stop = Stop()
        assert not stop.wait(0)
        stop.ask(finish=True)
        assert (stop.is_asked, stop.is_urgent) == (True, False)
        stop.ask()
        stop.ask(finish=True)
        assert stop.is_urgent
        assert stop.wait(600)

    def test_everybody_hears(self) -> None:
        """Every thread that waits is woken."""
        stop = Stop()
        heard: list[bool] = []
        threads = [threading.Thread(target=lambda: heard.append(stop.wait(600))) for _ in range(4)]
        for thread in threads:
            thread.start()
        stop.ask()
        for thread in threads:
            thread.join()
        assert heard == [True] * 4
