"""The model of a rehearsed night: its clock, its line, its outages, and where the hours went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from mobb_client.errors import ConfigurationError, TransportError
from mobb_client.runs.rehearsal import (
    Hours,
    Line,
    NightClock,
    Outage,
    Rest,
    Slowest,
    Trouble,
    Upload,
    Why,
    duration,
    speed,
)
from mobb_client.transport.wire import Response

AT = datetime(2027, 2, 26, 20, tzinfo=UTC)
"""Nine in the evening, in Amsterdam."""
HERE = "https://localhost:9443/digikoppeling/ebms"


class Machine:
    """The machine's clock, moved by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.seconds


@pytest.fixture
def machine() -> Machine:
    """Return a clock of the machine."""
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> NightClock:
    """Return the clock of a night that begins."""
    return NightClock(AT, monotonic=machine)


def after(minutes: float) -> datetime:
    """Return a moment of the night."""
    return AT + timedelta(minutes=minutes)


class TestClock:
    """It goes with the machine's, stands still, and is put on."""

    def test_work(self, clock: NightClock, machine: Machine) -> None:
        """What is done here takes the time that it takes here."""
        machine.seconds += 60
        assert (clock.now(), clock.worked) == (after(1), 60)

    def test_standing(self, clock: NightClock, machine: Machine) -> None:
        """While it stands still nothing but a hand moves it, however many hold it."""
        with clock.standing():
            machine.seconds += 60
            with clock.standing():
                machine.seconds += 60
            machine.seconds += 60
            clock.advance(30)
            assert clock.now() == after(0.5)
        machine.seconds += 30
        assert (clock.now(), clock.worked) == (after(1), 30)

    def test_forward_only(self, clock: NightClock) -> None:
        """B23: it is never put back."""
        clock.advance_to(after(5))
        clock.advance_to(after(2))
        clock.advance(-60)
        assert clock.now() == after(5)

    def test_cell(self, machine: Machine) -> None:
        """Who looks from another process sees the seconds since the start, standing still or not."""
        cell = [0.0]
        clock = NightClock(AT, cell, machine)
        clock.advance(60)
        assert cell == [60]
        machine.seconds += 5
        with clock.standing():
            assert cell == [65]


class Wire:
    """Answers as it is told, and keeps what the clock showed when something arrived."""

    def __init__(self, clock: NightClock, *answers: int | Exception) -> None:
        self.clock, self.answers, self.arrived = clock, list(answers), list[datetime]()

    def post(self, url: str, headers: Any, body: Any, size: int) -> Response:  # noqa: ARG002 - a wire's signature
        """Answer."""
        self.arrived.append(self.clock.now())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, {}, b"")


def post(line: Line, size: int = 6_000_000, url: str = HERE) -> None:
    """Post something of a size."""
    line.post(url, {}, BytesIO(), size)


class TestLine:
    """What goes over it takes the time of its octets."""

    def test_time(self, clock: NightClock) -> None:
        """A message arrives when its last octet has, and the next one goes behind it."""
        wire = Wire(clock, 204, 204)
        line = Line(wire, clock, 100_000)
        post(line)
        post(line, 3_000_000)
        assert wire.arrived == [after(1), after(1.5)]
        assert line.uploads == [
            Upload(AT, after(1), 6_000_000, good=True),
            Upload(after(1), after(1.5), 3_000_000, good=True),
        ]

    def test_loopback_costs_nothing(self, clock: NightClock, machine: Machine) -> None:
        """How long the octets take on this machine is no part of the night."""
        wire = Wire(clock, 204)
        line = Line(wire, clock, 100_000, look=lambda: setattr(machine, "seconds", machine.seconds + 99))
        post(line)
        assert (wire.arrived, clock.worked) == ([after(1)], 0)

    def test_of_no_use(self, clock: NightClock) -> None:
        """An attempt that is refused or breaks off took the line's time, and is told apart."""
        line = Line(
            Wire(clock, 503, TransportError("network.refused", endpoint=HERE, measure="refused"), 204), clock, 100_000
        )
        post(line)
        with pytest.raises(TransportError):
            post(line)
        post(line)
        assert [one.good for one in line.uploads] == [False, False, True]
        assert clock.now() == after(3)

    def test_pace(self, clock: NightClock) -> None:
        """`per_minute` of the settings is kept to by the clock of the night."""
        line = Line(Wire(clock, 204, 204, 204), clock, 1_000_000, per_minute=2)
        for _ in range(3):
            post(line, 1_000_000)
        assert [one.began for one in line.uploads] == [AT, after(0.5), after(1)]
        assert line.spread == pytest.approx(58)

    @pytest.mark.parametrize(
        "url", ["https://berichtenbox.example/ebms", "https://localhost.example/", "https:///x", "x"]
    )
    def test_never_abroad(self, clock: NightClock, url: str) -> None:
        """A rehearsal reaches this machine and no other, whatever a CPA says."""
        wire = Wire(clock, 204)
        with pytest.raises(ConfigurationError, match=r"rehearsal\.abroad"):
            post(Line(wire, clock, 1), url=url)
        assert wire.arrived == []


class TestWords:
    """What stands on the command line."""

    @pytest.mark.parametrize(
        ("text", "start", "minutes", "trouble"),
        [
            ("23:10/20m", "2027-02-26T22:10", 20, Trouble.BUSY),
            ("00:05/90s/reset", "2027-02-26T23:05", 1.5, Trouble.RESET),
            ("21:00/2h/no-ack", "2027-02-26T20:00", 120, Trouble.NO_ACK),
            ("20:59/1m/503", "2027-02-27T19:59", 1, Trouble.BUSY),
            ("2027-03-28T03:30/1m", "2027-03-28T01:30", 1, Trouble.BUSY),
        ],
    )
    def test_outage(self, text: str, start: str, minutes: float, trouble: Trouble) -> None:
        """Dutch time; without a day the first one from the beginning of the night on."""
        found = Outage.parse(text, AT)
        assert found == Outage(datetime.fromisoformat(f"{start}Z"), timedelta(minutes=minutes), trouble)
        assert found.end - found.start == found.lasts

    @pytest.mark.parametrize(
        "text", ["", "23:10", "24:10/5m", "23:10/5", "23:10/5m/x", "2027-02-30T23:10/5m", "23:10/5m/"]
    )
    def test_no_outage(self, text: str) -> None:
        """What is no outage is refused."""
        with pytest.raises(ConfigurationError, match=r"rehearsal\.outage"):
            Outage.parse(text, AT)

    @pytest.mark.parametrize(
        ("text", "octets"),
        [("2.9MB/s", 2_900_000), ("500kB/s", 500_000), ("22Mbit/s", 2_750_000), ("1 MB/s", 1_000_000)],
    )
    def test_speed(self, text: str, octets: float) -> None:
        """As lines are sold, and as they are measured."""
        assert speed(text) == pytest.approx(octets)

    @pytest.mark.parametrize("text", ["", "0MB/s", "2.9", "MB/s", "-1MB/s", "2MiB/s", "9999999MB/s"])
    def test_no_speed(self, text: str) -> None:
        """What is no speed is refused, and so is none at all."""
        with pytest.raises(ConfigurationError, match=r"rehearsal\.rate"):
            speed(text)

    def test_duration(self) -> None:
        """Seconds, minutes, hours, and nothing else."""
        assert [duration(one).total_seconds() for one in ("0s", "90s", "20m", "2h")] == [0, 90, 1200, 7200]
        for text in ("", "20", "m", "1d", "-1m"):
            with pytest.raises(ConfigurationError, match=r"rehearsal\.duration"):
                duration(text)


class TestHours:
    """Where the time of a night went."""

    UPLOADS = (
        Upload(after(0), after(10), 1000, good=True),
        Upload(after(10), after(12), 200, good=False),
        Upload(after(30), after(41), 1100, good=True),
        Upload(after(41), after(50), 300, good=True),
    )
    RESTS = (Rest(after(12), after(30), Why.OUTAGE), Rest(after(50), after(60), Why.ANSWERS))

    def test_sums(self) -> None:
        """What outages cost is what was sent in vain and what was waited in between."""
        hours = Hours(worked=5, uploads=self.UPLOADS, rests=self.RESTS)
        assert hours.octets == 2600
        assert (hours.line(good=True), hours.line(good=False)) == (30 * 60, 2 * 60)
        assert hours.outages == 20 * 60
        assert hours.rested(Why.ANSWERS) == 10 * 60

    def test_slowest(self) -> None:
        """Five minutes in which least of use went, of those in which nothing was waited for."""
        hours = Hours(worked=0, uploads=self.UPLOADS, rests=self.RESTS)
        assert hours.slowest() == Slowest(after(45), 166)

    def test_none_slowest(self) -> None:
        """A night without a whole step has no slowest one."""
        short = (Upload(AT, after(4), 100, good=True), Upload(after(4), after(4), 0, good=True))
        assert Hours(worked=0, uploads=short, rests=()).slowest() is None
        assert Hours(worked=0, uploads=(), rests=()).slowest() is None
