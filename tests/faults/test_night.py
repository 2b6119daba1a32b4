"""The short form of `tests.faults.night`: a run that is killed while it reads and while it sends, in an outage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stores import STORES

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("store", sorted(set(STORES) - {"memory"}))
def test_night(store: str) -> None:
    """Users 3: the machine reboots at 00:30; not one letter twice, and the sheet closes in the morning."""
    words = ["--letters", "1500", "--size", "1000", "--batch", "20", "--pace", "1200", "--store", store]
    command = [sys.executable, "-m", "tests.faults.night", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the other side has each letter once" in done.stdout
