"""What the events of messages tell, counted: whoever reads the same events comes to the same figures.

Events are never removed, so nothing that is counted here ever goes down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Final

from mobb_client.ebms.exchange import State
from mobb_client.outbox.contract import Event, EventName

READ: Final = frozenset(
    {
        EventName.MESSAGE_PENDING,
        EventName.MESSAGE_ATTEMPT,
        EventName.MESSAGE_SENT,
        EventName.MESSAGE_ACKNOWLEDGED,
        EventName.MESSAGE_FAILED,
        EventName.MESSAGE_EXPIRED,
        EventName.RESULT_RECEIVED,
    }
)
"""The events that are wanted here."""
UNANSWERED: Final = "no-acknowledgment"
"""Why a message was sent again that had been accepted."""
ACK_BOUNDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0)
RESULT_BOUNDS: Final = (60.0, 300.0, 900.0, 3600.0, 14400.0, 28800.0, 86400.0, 259200.0)
PAUSE: Final = timedelta(minutes=5)
"""Between two messages: a longer time was no sending."""
_PACED: Final = 64
_STATES: Final = {f"message.{state.lower()}": state for state in State}
_FINAL: Final = frozenset({EventName.MESSAGE_ACKNOWLEDGED, EventName.MESSAGE_FAILED, EventName.MESSAGE_EXPIRED})


class Durations:
    """How long things took, counted in classes.

    Args:
        bounds: the longest of each class, in seconds, in order; what took longer is in a last one.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def add(self, took: timedelta) -> None:
        """Count one; what ended before it began, by clocks that differ, took no time."""
        seconds = max(took.total_seconds(), 0.0)
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.seconds += seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def up_to(self) -> Iterator[tuple[str, int]]:
        """Give each bound, and how many took no longer; the last bound is ``+Inf``."""
        names = [*map(str, self._bounds), "+Inf"]
        yield from zip(names, accumulate(self._counts), strict=True)


@dataclass(slots=True)
class _Message:
    """A message of which the end is awaited."""

    made: datetime
    batch_id: str | None
    octets: int
    letters: int
    attempts: int = 0
    reason: str | None = None
    is_taken: bool = False


@dataclass(slots=True)
class Course:
    """What became of messages that go out, signals left out.

    Args:
        batches: how many messages with letters came to each state.
        retries: how many sends came after the first of a message, by what was wrong with the one before.
        octets: of the documents that the other side took in, each time that it did.
        acknowledged: how long it took from when a message with letters was made until its acknowledgment.
        answered: how long it took from there until the first result on its batch.
        last_acknowledged: when a message with letters was acknowledged last.
    """

    batches: Counter[State] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    octets: int = 0
    acknowledged: Durations = field(default_factory=lambda: Durations(ACK_BOUNDS))
    answered: Durations = field(default_factory=lambda: Durations(RESULT_BOUNDS))
    last_acknowledged: datetime | None = None
    _open: dict[str, _Message] = field(default_factory=dict)
    _awaited: dict[str, datetime | None] = field(default_factory=dict)
    _went: deque[tuple[datetime, int]] = field(default_factory=lambda: deque(maxlen=_PACED))

    def take(self, event: Event) -> None:
        """Count an event; they come in their order, each once."""
        if event.name is EventName.RESULT_RECEIVED:
            self._end_wait(str(event.data.get("batch_id")), event.at)
        elif event.name is EventName.MESSAGE_PENDING:
            self._begin(event)
        elif (message := self._open.get(event.message_id or "")) is not None:
            self._follow(message, event)

    @property
    def letters_per_second(self) -> float | None:
        """How fast letters go, by the last messages that went, pauses left out; None when that cannot be said."""
        steps = [(later - before, letters) for (before, _), (later, letters) in pairwise(self._went)]
        going = [(took.total_seconds(), letters) for took, letters in steps if took <= PAUSE]
        seconds = sum(took for took, _ in going)
        return sum(letters for _, letters in going) / seconds if seconds > 0 else None

    def _begin(self, event: Event) -> None:
        batch_id = event.data.get("batch_id")
        octets, letters = (int(event.data.get(name) or 0) for name in ("payload_bytes", "letters"))
        message = _Message(event.at, str(batch_id) if batch_id else None, octets, letters)
        self._open[event.message_id or ""] = message
        if message.batch_id is not None:
            self.batches[State.PENDING] += 1
            self._awaited[message.batch_id] = None

    def _follow(self, message: _Message, event: Event) -> None:
        self._count_sends(message, int(event.data.get("attempts") or 0))
        if event.name is EventName.MESSAGE_ATTEMPT:
            reason = event.data.get("reason")
            message.reason = None if reason is None else str(reason)
            if reason is None:
                self._take_in(message, event.at)
            return
        if event.name is EventName.MESSAGE_SENT or (
            event.name is EventName.MESSAGE_ACKNOWLEDGED and not message.is_taken
        ):
            message.reason = None
            self._take_in(message, event.at)
        if event.name in _FINAL:
            del self._open[event.message_id or ""]
        if message.batch_id is not None:
            self._note_state(message, message.batch_id, event)

    def _count_sends(self, message: _Message, attempts: int) -> None:
        again = attempts - max(message.attempts, 1)
        if again > 0:
            self.retries[message.reason or UNANSWERED] += again
        message.attempts = max(message.attempts, attempts)

    def _take_in(self, message: _Message, at: datetime) -> None:
        """Count what the other side took in; a message that goes again is no progress."""
        self.octets += message.octets
        if not message.is_taken and message.letters:
            self._went.append((at, message.letters))
        message.is_taken = True

    def _note_state(self, message: _Message, batch_id: str, event: Event) -> None:
        self.batches[_STATES[event.name]] += 1
        if event.name is EventName.MESSAGE_FAILED:
            self._awaited.pop(batch_id, None)
        elif event.name is EventName.MESSAGE_ACKNOWLEDGED:
            self.acknowledged.add(event.at - message.made)
            self.last_acknowledged = event.at
            if batch_id in self._awaited:
                self._awaited[batch_id] = event.at

    def _end_wait(self, batch_id: str, at: datetime) -> None:
        """Count the first result on a batch; one that comes before the acknowledgment took no time."""
        if batch_id in self._awaited:
            self.answered.add(at - (self._awaited.pop(batch_id) or at))
