"""What was done by sending: the report of a call, and how it is counted while threads are at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from threading import Lock
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What one call of `send_due` did.

    Args:
        built: messages made of letters.
        attempted: sends: the sum of the next four.
        accepted: answered with a 2xx that says no more.
        acknowledged: acknowledged in the answer.
        refused: refused for good.
        unreachable: without an answer that counts; tried again when the CPA says so.
        expired: messages whose time to live passed without an acknowledgment.
        overdue: letters of which was told, now, that their result stays away.
        not_subscribed: letters that are on paper now, since their citizen is known not to be subscribed.
        unchecked: letters that wait, since nothing is known of their citizen that counts.
        blocked: by CPAId, why nothing could be made of the letters that wait under that CPA; they stay queued.
        paused: by CPAId, until when nothing is sent under that CPA, since its other side was found to be down.
    """

    built: int = 0
    attempted: int = 0
    accepted: int = 0
    acknowledged: int = 0
    refused: int = 0
    unreachable: int = 0
    expired: int = 0
    overdue: int = 0
    not_subscribed: int = 0
    unchecked: int = 0
    blocked: Mapping[str, Exception] = field(default_factory=dict)
    paused: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each there were, by name."""
        return {name: getattr(self, name) for name in _COUNTS}

    def __add__(self, later: SendReport) -> SendReport:
        """Add what a later call did; a pause is no sum, so those of the later one are told."""
        counts = {name: count + later.counts[name] for name, count in self.counts.items()}
        return SendReport(**counts, blocked={**self.blocked, **later.blocked}, paused=later.paused)


_COUNTS: Final = tuple(one.name for one in fields(SendReport) if one.name not in {"blocked", "paused"})


class Tally:
    """What one call has done so far. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self.blocked: dict[str, Exception] = {}

    def count(self, *names: str, by: int = 1) -> None:
        """Count something: each by the name that it has in the report."""
        with self._lock:
            for name in names:
                self._counts[name] += by

    def report(self, paused: Mapping[str, datetime]) -> SendReport:
        """Return what was done so far."""
        with self._lock:
            return SendReport(**self._counts, blocked=dict(self.blocked), paused=paused)
