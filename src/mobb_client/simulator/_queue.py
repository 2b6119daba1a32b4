"""What is still to be sent to the sender, by the moment at which it is due."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from mobb_client.simulator._records import Outgoing, Sent


@dataclass(slots=True, order=True)
class Due:
    """One thing to send. A result that was settled meanwhile is not sent, unless it is to be sent anyway."""

    when: datetime
    number: int
    outgoing: Outgoing = field(compare=False)
    sent: Sent | None = field(compare=False, default=None)
    anyway: bool = field(compare=False, default=False)

    @property
    def is_moot(self) -> bool:
        """Whether it need not be sent any more."""
        return self.sent is not None and self.sent.settled and not self.anyway


class Queue:
    """Things to send, in the order of their moments; of one moment, in the order in which they were put there."""

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._numbers = count()
        self.pace = 1.0

    def put(self, when: datetime, outgoing: Outgoing, sent: Sent | None = None, *, anyway: bool = False) -> None:
        """Plan one thing."""
        heapq.heappush(self._heap, Due(when, next(self._numbers), outgoing, sent, anyway))

    def take(self, now: datetime) -> list[Outgoing]:
        """Return what is due, and plan the next attempt of every result that is sent again."""
        taken = []
        while self._heap and self._heap[0].when <= now:
            due = heapq.heappop(self._heap)
            if due.is_moot:
                continue
            if due.sent is not None and not due.anyway:
                self._plan_again(due, due.sent, now)
            taken.append(due.outgoing)
        return taken

    def next(self) -> datetime | None:
        """Return when the next thing is due; None when there is nothing."""
        while self._heap and self._heap[0].is_moot:
            heapq.heappop(self._heap)
        return self._heap[0].when if self._heap else None

    def _plan_again(self, due: Due, sent: Sent, now: datetime) -> None:
        leg = sent.agreement.result
        sent.attempts += 1
        if leg.ack and sent.attempts <= leg.retries:
            self.put(now + self.later(leg.interval), due.outgoing, sent)

    def later(self, after: timedelta) -> timedelta:
        """Return how long something takes that is agreed to take so long."""
        return after / self.pace
