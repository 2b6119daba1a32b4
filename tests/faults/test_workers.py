"""Many workers on one outbox: the short form of `tests.faults.workers`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.workers import together
from tests.stores import STORES

ROOT = Path(__file__).parents[2]
WORKERS = {"sqlite": 2, "postgres": 4}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("store", sorted(WORKERS))
def test_workers(store: str, tmp_path: Path) -> None:
    """B36: processes on one outbox, killed again and again: each letter once, no message in two hands at a time."""
    with STORES[store](tmp_path):  # skips where there is no such store
        pass
    options = ["--store", store, "--workers", str(WORKERS[store]), "--letters", "120"]
    command = [sys.executable, "-m", "tests.faults.workers", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no message in two hands" in done.stdout


def test_it_sees() -> None:
    """B36: the book tells of two at the same message; one that was killed holds it no more."""
    book = [["begin", "1", "m"], ["begin", "2", "m"], ["end", "1", "m"], ["end", "2", "m"]]
    assert together(book) == ["m is sent by 1 and by 2"]
    assert together([book[0], ["killed", "1"], book[1], book[3]]) == []
    assert together([["killed", "1"], book[0], book[1], book[3]]) == [], "it died in between"
    assert together([["killed", "2"], *book]) == ["m is sent by 1 and by 2"]
    assert together([["worker", "1", "w"], book[0], book[2], book[1], book[3]]) == []
