"""A validator of PDF/A from outside: a callable, or a command that is run for each PDF."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from mobb_client.errors import Finding
from mobb_client.runs.judging import Judged

Validator = Callable[[Path], str | None]
"""Returns None for a PDF that it accepts, else what is wrong in a few words: no content, for they go into reports.

Whatever it raises is told as ``pdf.validator-failed``. It is called in several threads at a time.
"""

_MOST_KEPT: Final = 1024
_MOST_WORDS: Final = 200
_HOPELESS: Final = frozenset({"pdf.unreadable", "pdf.limits"})


@dataclass(frozen=True, slots=True)
class CommandValidator:
    """Runs a command for each PDF, its path behind the other words: exit code 0 means that it is valid.

    Args:
        words: the command and what goes with it, such as ``("verapdf", "--flavour", "2a")``.
        seconds: how long it may take; then it is ended, with all that it started.
    """

    words: Sequence[str]
    seconds: float = 60.0

    def __call__(self, path: Path) -> str | None:
        """Return None when the command exits with 0.

        Raises:
            TimeoutError: it takes too long.
            OSError: it cannot be run.
        """
        nowhere = subprocess.DEVNULL  # what it says may quote the document
        process = subprocess.Popen(  # noqa: S603 - what the operator asked for, without a shell
            [*self.words, str(path)], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
        try:
            code = process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            if process.poll() is None:
                _end(process)
        return f"exit code {code}" if code else None


def judged_by(validator: Validator) -> Callable[[Judged], Judged]:
    """Return a function that adds a validator's verdict to a row; the same file is shown to it once."""

    @lru_cache(maxsize=_MOST_KEPT)
    def verdict(path: str, size: int, changed: int) -> tuple[str, str] | None:  # noqa: ARG001 - what tells files apart
        try:
            wrong = validator(Path(path))
        except Exception as error:  # noqa: BLE001 - somebody else's code
            return "pdf.validator-failed", type(error).__name__
        return None if wrong is None else ("pdf.validator", wrong[:_MOST_WORDS])

    def add(judged: Judged) -> Judged:
        report = judged.report
        hopeless = {finding.field for finding in report.findings if finding.code in _HOPELESS}
        found = []
        for column, path in judged.paths:
            if column not in hopeless and (wrong := verdict(path, *_mark(path))):
                found.append(Finding(wrong[0], field=column, measure=wrong[1]))
        return replace(judged, report=replace(report, findings=(*report.findings, *found))) if found else judged

    return add


def _mark(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - as in `judging`
    except OSError:  # gone since it was judged
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
