"""At what times of the day letters may be sent, by the clocks of Amsterdam; every moment given and returned is UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from mobb_client.errors import FieldError

ZONE: Final = ZoneInfo("Europe/Amsterdam")
_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_DAYS: Final = 3  # a time that the clocks skip in spring is there again the next day
_MOST_NIGHTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Window:
    """From one time of the day to another, over midnight when the second is earlier.

    Args:
        start: the first minute in which may be sent.
        end: the first minute in which may not.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the window that is written as ``21:00-06:00``.

        Raises:
            FieldError: ``run.window``.
        """
        found = _FORM.fullmatch(text)
        if found is None or found.group(1, 2) == found.group(3, 4):
            raise FieldError("run.window", field="window", measure=f"{len(text)} characters")
        hour, minute, end_hour, end_minute = map(int, found.groups())
        return cls(time(hour, minute), time(end_hour, end_minute))

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def is_open(self, now: datetime) -> bool:
        """Tell whether may be sent now."""
        at = now.astimezone(ZONE).time()
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def opens(self, now: datetime) -> datetime:
        """Return when may be sent next: now when it is open."""
        if self.is_open(now):
            return now.astimezone(UTC)
        return next(moment for moment in self._times(self.start, now) if self.is_open(moment))

    def opened(self, now: datetime) -> datetime:
        """Return when it opened last."""
        return max(moment for moment in self._times(self.start, now - timedelta(days=2)) if moment <= now)

    def closes(self, now: datetime) -> datetime:
        """Return when it closes next."""
        return self._times(self.end, now)[0]

    def after(self, now: datetime, work: timedelta) -> datetime:
        """Return when so much work is done, when it begins now and rests while the window is closed."""
        at = now.astimezone(UTC)
        for _ in range(_MOST_NIGHTS):
            at = self.opens(at)
            end = self.closes(at)
            if at + work <= end:
                break
            work -= end - at
            at = end
        return at + work

    def _times(self, at: time, now: datetime) -> list[datetime]:
        """Return the next moments at which the clocks of Amsterdam show a time, or pass over it."""
        today = now.astimezone(ZONE).date()
        moments = [
            datetime.combine(today + timedelta(days=day), at, ZONE).replace(fold=fold).astimezone(UTC)
            for day in range(_DAYS)
            for fold in (0, 1)
        ]
        return [moment for moment in sorted(moments) if moment > now]
