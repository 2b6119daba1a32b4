"""examples/make_letters.py: data sets for everybody, with nobody in them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from tests.letters import MADE
from tests.reference import ROOT

from mobb_client.berichtenbox.identiteit import passes_elfproef
from mobb_client.examples import make_letters
from mobb_client.runs.preflight import preflight


def made(folder: Path, *words: str) -> list[dict[str, str]]:
    """Make letters, and return the rows."""
    script = ROOT / "examples" / "make_letters.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder), *words], capture_output=True, text=True, check=True
    )
    file = Path(done.stdout.strip())
    assert file == folder / "letters.csv"
    with file.open(newline="") as source:
        return list(csv.DictReader(source))


def test_numbers() -> None:
    """Berichtenbox f.1: the test numbers 9999ddddd that pass the elfproef; there are 9,091 of them."""
    found = list(make_letters.bsns())
    assert len(found) == len(set(found)) == 9091
    assert all(one.startswith("9999") and passes_elfproef(one) for one in found)


def test_letters(tmp_path: Path) -> None:
    """Every letter is good, and has a PDF of its own of the size that was asked for."""
    rows = made(tmp_path / "a", "--letters", "12", "--senders", "7", "--kilobytes", "60")
    assert len(rows) == 12
    assert len({row["oin"] for row in rows}) == 7
    octets = [(tmp_path / "a" / row["bijlage_1"]).read_bytes() for row in rows]
    assert {len(one) for one in octets} == {60_000}
    assert len(set(octets)) == 12
    run = preflight(tmp_path / "a" / "letters.csv", at=MADE)
    assert [report.findings for report in run] == [()] * 12


def test_the_same(tmp_path: Path) -> None:
    """The same words make the same files, and a number comes back when there are more letters than numbers."""
    assert made(tmp_path / "a") == made(tmp_path / "b")
    files = [sorted(path.read_bytes() for path in (tmp_path / name).rglob("*.pdf")) for name in "ab"]
    assert files[0] == files[1]
    assert len(files[0]) == 10


def test_few_documents(tmp_path: Path) -> None:
    """With fewer documents than letters they serve in turn, and the letters stay letters of their own."""
    rows = made(tmp_path / "a", "--letters", "7", "--documents", "3")
    assert len({row["kenmerk"] for row in rows}) == 7
    assert [int(Path(row["bijlage_1"]).stem) for row in rows] == [1, 2, 3, 1, 2, 3, 1]
    assert len(list((tmp_path / "a").rglob("*.pdf"))) == 3
