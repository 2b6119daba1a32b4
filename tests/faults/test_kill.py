"""The short form of `tests.faults.kill`: processes die by SIGKILL at random moments, and it ends as it should."""

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
@pytest.mark.parametrize("profile", ["osb-rm", "osb-rm-s"])
def test_kills(store: str, profile: str, tmp_path: Path) -> None:
    """Design 1: whoever is killed, and whenever, each letter ends once and the other side has it once."""
    with STORES[store](tmp_path):  # skips where there is no such store
        pass
    command = [sys.executable, "-m", "tests.faults.kill", "--kills", "12", "--store", store, "--profile", profile]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the simulator has each of them once" in done.stdout
