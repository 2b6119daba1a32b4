"""Settings that are read again when one of their files was replaced: nothing has to be restarted. Source: B50, B57."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.settings import Settings, load


class Fresh:
    """Settings that are looked at again when one of their files changed (B50).

    Settings that are wrong are told of once, and the ones before stay.

    Args:
        path: the settings file.
        settings: as they were loaded from it.
        at_once: a change counts when it is seen, so that the next message goes by it; without, once nothing has changed
            between two looks: a key and its certificate are seldom replaced at the same moment.
    """

    def __init__(self, path: Path, settings: Settings, *, at_once: bool = False) -> None:
        self._path = path
        self._at_once = at_once
        self._files: frozenset[Path] = settings.files
        self._used = self._before = self._stamp()
        self._wrong: Sequence[Finding] = ()

    def look(self) -> Settings | None:
        """Return new settings, or None when there are none.

        Raises:
            ConfigurationError: the new ones are wrong, in a way that was not told yet.
        """
        stamp = self._stamp()
        is_steady, self._before = self._at_once or stamp == self._before, stamp
        if not is_steady or (stamp == self._used and not self._wrong):
            return None
        self._used = stamp
        try:
            settings = load(self._path)
        except ConfigurationError as error:
            if error.findings == self._wrong:
                return None
            self._wrong = error.findings
            raise
        self._wrong = ()
        if settings.files != self._files:
            self._files = settings.files
            self._used = self._before = self._stamp()
        return settings

    def _stamp(self) -> Mapping[Path, tuple[int, ...] | None]:
        return {path: _stamp(path) for path in self._files}


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes with a file's content; None when it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
