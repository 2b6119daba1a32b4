"""A box for a rehearsed night: by somebody else's clock, with outages at given moments and citizens by their shares."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from mobb_client.simulator._body import Body
from mobb_client.simulator._records import Answer, Outgoing
from mobb_client.simulator.berichtenbox import Berichtenbox
from mobb_client.simulator.clock import Clock
from mobb_client.simulator.material import Material
from mobb_client.simulator.outcomes import Outcome

_BUSY: Final = 503
_CUT_AFTER: Final = 1000  # octets of a body come through before its connection is reset
_PAUSE: Final = 0.002
_NOT_SUBSCRIBED: Final = "NietActiefOfGeabonneerd"


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when the box does what it should not: answers ``503``, does a ``reset``, or gives ``no-ack``."""

    start: datetime
    end: datetime
    trouble: str


@dataclass(slots=True)
class Crowd:
    """What becomes of letters to citizens of whom nothing is said: by chance, and always the same for one BSN.

    Args:
        subscribed: the share of those who are subscribed when they are asked about.
        left: which share of them has left when the night begins.
        failing: of which share of them the first offer ends in TechnischProbleem.
        after: how long a verdict takes.
        test_numbers: whether the numbers of `outcomes.TEST_BSNS` have the outcomes that they have there.
        is_night: whether the night has begun.
    """

    subscribed: float
    left: float
    failing: float
    after: timedelta
    test_numbers: bool = False
    is_night: bool = False

    def outcome_of(self, bsn: str) -> Outcome:
        """Return what becomes of a letter to a BSN."""
        if _chance("subscribed", bsn) >= self.subscribed or (self.is_night and _chance("left", bsn) < self.left):
            return Outcome(code=_NOT_SUBSCRIBED, after=self.after)
        if _chance("failing", bsn) < self.failing:
            return Outcome(code="TechnischProbleem", offers=1, after=self.after)
        return Outcome(after=self.after)


def _chance(what: str, bsn: str) -> float:
    """Return a number from 0 to 1 that is drawn once for each BSN."""
    return int.from_bytes(sha256(f"{what} {bsn}".encode()).digest()[:8]) / (1 << 64)


@dataclass(slots=True)
class Play:
    """What a rehearsed night is played by: its outages and its citizens."""

    crowd: Crowd
    outages: Sequence[Outage] = field(default_factory=tuple)


class RehearsedBox(Berichtenbox):
    """A box that is played by a `Play`. It keeps nothing of what it was sent but what it must know later.

    Args:
        material: CA, certificates and terms.
        clock: of the night.
        play: what happens.
        oins: the OINs whose letters may come.
    """

    def __init__(self, material: Material, clock: Clock, play: Play, oins: Sequence[str]) -> None:
        super().__init__(material=material, clock=clock, oins=oins)
        self._play = play
        self._on_their_way = 0
        self.globe.otherwise = play.crowd.outcome_of
        if not play.crowd.test_numbers:
            self.globe.outcomes.clear()

    def _trouble(self) -> str:
        now = self.clock.now()
        return next((one.trouble for one in self._play.outages if one.start <= now < one.end), "")

    def handle(self, headers: Mapping[str, str], body: Body | bytes, peer: bytes | None = None) -> Answer:
        """Take a POST and return its answer: that of an outage when there is one."""
        with self._lock:
            self.requests.clear()
            self.deliveries.clear()
            trouble = self._trouble()
            if trouble == "503":
                return Answer(status=_BUSY)
            if trouble == "no-ack":
                self.lose_next_acknowledgment()
            try:
                return super().handle(headers, body, peer)
            finally:
                self._pending.lost.clear()  # what came was no letter

    def take_reset(self) -> int | None:
        """Return after how many octets the connection is to be reset."""
        return _CUT_AFTER if self._trouble() == "reset" else super().take_reset()

    def due(self, now: datetime) -> list[Outgoing]:
        """Return what is to be sent, and remember that it is on its way."""
        with self._lock:
            found = super().due(now)
            self._on_their_way += len(found)
            return found

    def delivered(
        self, outgoing: Outgoing, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Take the answer to what was sent."""
        with self._lock:
            super().delivered(outgoing, status, headers, body)
            self._on_their_way -= 1

    def settle(self) -> datetime | None:
        """Wait until the sender has all that is due, and return when the next thing is; None when there is nothing."""
        while True:
            with self._lock:
                planned = self.next_due()
                if not self._on_their_way and (planned is None or planned > self.clock.now()):
                    return planned
            time.sleep(_PAUSE)
