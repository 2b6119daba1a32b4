"""The public API as mypy reads it: an editor has to be able to write a letter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.reference import ROOT

FILE = Path(__file__).with_name("public_api.py")


def mypy(*files: Path) -> subprocess.CompletedProcess[str]:
    """Judge files by --strict, as somebody would who installed the library."""
    settings = f"--config-file={ROOT / 'pyproject.toml'}"
    command = [sys.executable, "-m", "mypy", "--strict", settings, "--no-error-summary", *map(str, files)]
    environment = os.environ | {"MYPYPATH": str(ROOT / "src")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(autouse=True)
def _needs_mypy() -> None:
    pytest.importorskip("mypy")


def test_public_api() -> None:
    """Every public name is typed, and means what it says."""
    found = mypy(FILE)
    assert (found.returncode, found.stdout) == (0, "")


def test_wrong_use_is_seen(tmp_path: Path) -> None:
    """The judge is awake: a letter without a kenmerk and a sender without a CPA are errors."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from mobb_client import Bericht, Sender\n"
        'Bericht(bsn="999990019", berichttype="X", onderwerp="Y", berichttekst="Z")\n'
        'Sender(oin="00000099000000001000")\n'
    )
    assert mypy(wrong).stdout.count("error: Missing named argument") == 2
