"""A clock that stands still until it is moved, and that can be set going."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The time of one box: virtual, or the machine's with a shift.

    Args:
        start: an aware moment at which the clock stands; the machine's own time without.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._given = start
        self._stands_at: datetime | None = start or datetime.now(UTC).replace(microsecond=0)
        self._shift = timedelta()

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return (self._stands_at or datetime.now(UTC)).astimezone(UTC) + self._shift

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move the clock on.

        Raises:
            ValueError: that is backwards.
        """
        by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if by < timedelta():
            raise ValueError("a clock is not moved back")
        self._shift += by

    def advance_to(self, moment: datetime) -> None:
        """Move the clock on to a moment; it stays where it is when that has passed."""
        self._shift += max(moment - self.now(), timedelta())

    def run(self) -> None:
        """Set the clock going: from where it stands when it was given a start, else with the machine's time."""
        if self._stands_at is not None and self._given is not None:
            self._shift += self._stands_at - datetime.now(UTC)
        self._stands_at = None

    def stop(self) -> None:
        """Let the clock stand still where it is."""
        self._stands_at, self._shift, self._given = self.now(), timedelta(), self.now()
