"""XML Schema durations of a fixed length, read and written."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from mobb_client.errors import FormatError

_DURATION: Final = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<days>\d+)D)?"
    r"(?P<time>T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_PARTS: Final = ("years", "months", "days", "hours", "minutes", "seconds")
_FIXED: Final = ("days", "hours", "minutes", "seconds")
_CALENDAR: Final = ("years", "months")


def read_duration(text: str) -> timedelta:
    """Return the length of an xs:duration such as ``PT5M`` or ``P0Y0M2DT0H0M0.000S``.

    Raises:
        FormatError: no duration, a negative one, one that is too long for any use, or one with years or months that
            are not 0: those have no fixed length.

    Source: XML Schema part 2, 3.2.6; `digikoppeling-ebms2` g.4; B21.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or match["time"] == "T" or not any(match[part] for part in _PARTS):
        raise FormatError("cpa.duration", "not a positive xs:duration")
    try:
        if any(int(match[part] or 0) for part in _CALENDAR):
            raise FormatError("cpa.duration", "a duration in years or months has no fixed length")
        return timedelta(**{part: float(match[part] or 0) for part in _FIXED})
    except (OverflowError, ValueError):
        raise FormatError("cpa.duration", "a duration that is too long") from None


def write_duration(length: timedelta) -> str:
    """Return the shortest xs:duration in days, hours, minutes and seconds; parts of a second are cut off."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    date = f"{days}D" if days else ""
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number)
    return f"P{date}" + (f"T{time}" if time else "" if date else "T0S")
