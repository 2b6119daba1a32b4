"""The other side of a rehearsal: outages at their moments, citizens by their shares, and the clock of somebody else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from tests.material import MOMENT
from tests.simulated import letter, material

from mobb_client.berichtenbox.aflevering import State
from mobb_client.cli._other_side import Agreed, Order, OtherSide, _serve, _Told, clock_cell, new_clock
from mobb_client.client import Client
from mobb_client.errors import MobbError
from mobb_client.examples.make_letters import bsns
from mobb_client.runs.rehearsal import NightClock, Trouble
from mobb_client.runs.rehearsal import Outage as Wanted
from mobb_client.simulator.clock import Clock
from mobb_client.simulator.rehearsed import Crowd, Outage, Play, RehearsedBox

NOBODY = Crowd(subscribed=1, left=0, failing=0, after=timedelta())
NUMBERS = tuple(bsns())
HOUR = timedelta(hours=1)


def box_of(trouble: str = "", crowd: Crowd = NOBODY) -> RehearsedBox:
    """Return a box in an outage of an hour."""
    outages = [Outage(MOMENT, MOMENT + HOUR, trouble)] if trouble else []
    made = material()
    return RehearsedBox(made, Clock(MOMENT), Play(crowd, outages), [made.sender_oin])


class TestOutages:
    """What goes wrong, for as long as it lasts, and not a moment longer."""

    @pytest.mark.parametrize(("trouble", "reason"), [("503", "http.unavailable"), ("reset", "network.answer-lost")])
    def test_down(self, trouble: str, reason: str) -> None:
        """Nothing is taken in; what was stored goes again when the CPA says so."""
        box = box_of(trouble)
        with box.client() as client:
            client.send(letter())
            (event,) = [one for one in client.events() if one.name == "message.attempt"]
            assert event.data["reason"] == reason
            assert box.letters == ()
            box.run_until_idle()
            box.clock.advance(hours=1)
            box.run_until_idle()
            client.send_due()
            box.process()
            assert states(client) == [State.DELIVERED]
        assert not box.complaints

    def test_not_acknowledged(self) -> None:
        """A message is taken in and not acknowledged; its verdict comes all the same, and settles both."""
        box = box_of("no-ack", replace(NOBODY, after=timedelta(minutes=10)))
        with box.client() as client:
            client.send(letter())
            box.process()
            assert states(client) == [State.SENT]
            assert len(box.letters) == 1
            box.run_until_idle()
            assert states(client) == [State.DELIVERED]
            client.send(letter(kenmerk="zaak-2"))
            box.clock.advance(hours=1)
            client.send(letter(kenmerk="zaak-3"))
            box.process()
            assert states(client)[2] is State.ACKNOWLEDGED
        assert not box.complaints


def states(client: Client) -> list[State]:
    """Return where the letters stand."""
    return [way.state for way in client.afleveringen()]


class TestCrowd:
    """Citizens of whom nothing else is said."""

    def test_shares(self) -> None:
        """Each share is about what was asked for, and drawn once for each number."""
        crowd = Crowd(subscribed=0.6, left=0.1, failing=0.05, after=HOUR)
        asked = {bsn: crowd.outcome_of(bsn) for bsn in NUMBERS}
        assert asked == {bsn: crowd.outcome_of(bsn) for bsn in NUMBERS}
        assert {one.after for one in asked.values()} == {HOUR}
        is_in = {bsn for bsn, one in asked.items() if one.code != "NietActiefOfGeabonneerd"}
        assert len(is_in) / len(NUMBERS) == pytest.approx(0.6, abs=0.02)
        failing = [bsn for bsn in is_in if asked[bsn].code == "TechnischProbleem"]
        assert len(failing) / len(is_in) == pytest.approx(0.05, abs=0.01)
        assert all(asked[bsn].code_at(2) == "Verwerkt" for bsn in failing)
        crowd.is_night = True
        left = {bsn for bsn in is_in if crowd.outcome_of(bsn).code == "NietActiefOfGeabonneerd"}
        assert len(left) / len(is_in) == pytest.approx(0.1, abs=0.02)

    @pytest.mark.parametrize("test_numbers", [True, False])
    def test_test_numbers(self, *, test_numbers: bool) -> None:
        """The numbers with an outcome of their own have it only when that is wanted."""
        box = box_of(crowd=replace(NOBODY, test_numbers=test_numbers))
        assert box.is_subscribed("999900304", "BESCHIK") is not test_numbers


class TestProcess:
    """What is said over the line between the processes."""

    ORDER = Order(
        start=MOMENT,
        clock=Path("clock"),
        oins=["00000099000000001000"],
        agreed=[Agreed(profile="osb-rm", sync=False, retries=3, interval=1800, persist=172_800)],
        outages=[Wanted(MOMENT, HOUR, Trouble.RESET)],
        crowd={"subscribed": 0.6, "left": 0.1, "failing": 0, "after": 600, "test_numbers": False},
    )

    def test_answers(self, tmp_path: Path) -> None:
        """It says what a sender needs, and answers its questions; the clock is that of the file."""
        clock = new_clock(tmp_path / "clock")
        order = replace(self.ORDER, clock=clock)
        asked = "".join(json.dumps({"ask": one}) + "\n" for one in ("settle", "night", "complaints"))
        sink = StringIO()
        with clock_cell(clock) as cell:
            night = NightClock(MOMENT, cell, lambda: 0.0)
            told = _Told(order.start, cell)
            night.advance(90)
            assert told.now() == night.now() == MOMENT + timedelta(seconds=90)
            _serve(order.as_json(), told, StringIO(asked), sink)
        material, *answers = map(json.loads, sink.getvalue().splitlines())
        assert answers == [{"next": None}, {}, {"count": 0}]
        (cpa,) = material["cpas"]
        assert f"https://localhost:{material['port']}/" in cpa
        assert "PT1800S" in cpa

    def test_ended(self, tmp_path: Path) -> None:
        """A process that has ended is an error, and not waited for."""
        order = replace(self.ORDER, clock=new_clock(tmp_path / "clock"), start=datetime.now(UTC))
        with OtherSide(order) as other:
            assert other.settle() is None
            other._process.kill()
            other._process.wait()
            with pytest.raises(MobbError, match="has ended"):
                other.begin_night()
