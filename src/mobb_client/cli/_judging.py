"""Who judges the rows, as the settings and the options say it."""

from __future__ import annotations

from mobb_client.runs.judges import Judges
from mobb_client.runs.validator import CommandValidator
from mobb_client.settings import PreflightSettings, split_command

_PATIENCE = 60.0
"""Seconds that a validator may take at least."""


def judges_of(how: PreflightSettings) -> Judges:
    """Return who judges rows for `mobb preflight` and `mobb run`."""
    words = split_command(how.validator) if how.validator else ()
    return Judges(
        validator=CommandValidator(words, max(_PATIENCE, how.seconds)) if words else None,
        berichttypen=frozenset(how.berichttypen),
        processes=how.processes,
        seconds=how.seconds,
    )
