"""`mobb preflight`: what it says, writes and returns."""

from __future__ import annotations

import io
import sys
from importlib import util
from pathlib import Path

import pytest
from tests import pdfs
from tests.commands import csv_file, document, row, run
from tests.letters import BSNS, MADE, OTHER_SENDER, SENDER

from mobb_client.cli import _show
from mobb_client.cli import preflight as module
from mobb_client.runs import judging
from mobb_client.runs.preflight import preflight


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return letters with nothing wrong."""
    (tmp_path / "besluit.pdf").write_bytes(pdfs.real_pdf())
    return csv_file(tmp_path, [row(1, bijlage="besluit.pdf"), row(2)])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Return letters of which two are wrong, and one is worth a look."""
    (tmp_path / "script.pdf").write_bytes(pdfs.real_pdf(pdfs.script))
    (tmp_path / "besluit.pdf").write_bytes(pdfs.real_pdf())
    long = row(3, bijlage="besluit.pdf", omschrijving_1="Besluit op uw aanvraag van vorig jaar - toelichting.pdf")
    return csv_file(tmp_path, [row(1, bijlage="script.pdf", bsn="123456789"), row(2, onderwerp=""), long])


def test_good(good: Path) -> None:
    """All good: exit code 0, and a summary."""
    done = run("preflight", good)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "2 brieven: 2 goed",
        "1 PDF bekeken, niets geverifieerd: 1 zegt PDF/A-2A te zijn",
    ]


def test_bad(bad: Path) -> None:
    """Something wrong: exit code 1, and each finding in Dutch, with its row, code and advice."""
    done = run("preflight", bad)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rij 2 (zaak-1) fout: bsn: een nummer dat aan de elfproef voldoet; gemeten: 9 tekens")
    assert lines[0].endswith("(bsn.elfproef)")
    assert lines[1].startswith("    zoek het nummer op")
    assert [line.split(":")[0] for line in lines if line.startswith("rij ")] == [
        "rij 2 (zaak-1) fout",
        "rij 2 (zaak-1) fout",
        "rij 3 (zaak-2) fout",
        "rij 4 (zaak-3) waarschuwing",
    ]
    assert "3 brieven: 1 goed, 1 BSN ongeldig, 1 onderwerp niet in orde" in lines
    assert not any(digits in done.output for digits in BSNS)


def test_many(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen is no report: after fifty findings it says how many more there are."""
    monkeypatch.setattr(module, "_MOST_SHOWN", 1)
    done = run("preflight", bad)
    assert "... en nog 3 bevindingen; --report FILE.csv, .html of .xlsx geeft ze alle" in done.stdout


def test_json(bad: Path) -> None:
    """For machines: one document."""
    done = run("preflight", bad, "--json")
    assert done.exit_code == 1
    found = document(done)
    assert found["schema"] == "mobb.preflight/1"
    assert [one["row"] for one in found["rows"]] == [2, 3, 4]
    assert found["rows"][2]["pdfs"]["bijlage_1"]["claim"] == "2A"


def test_reports(bad: Path, tmp_path: Path) -> None:
    """Reports of several kinds at once, beside what is printed."""
    files = [tmp_path / f"r.{kind}" for kind in ("csv", "json", "html", "xlsx")]
    done = run("preflight", bad, *(word for file in files for word in ("--report", file)))
    assert done.exit_code == 1
    assert all(file.stat().st_size for file in files)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--report", "r.pdf"], "--report ends in one of .csv, .json, .html, .xlsx"),
        (["--validator", "'"], "a command"),
        (["--validator", ""], "a command"),
        (["--at", "morgen"], "--at"),
    ],
)
def test_usage(words: list[str], sentence: str, good: Path) -> None:
    """Wrong usage: exit code 2, before anything is read."""
    done = run("preflight", good, *words)
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_header(tmp_path: Path) -> None:
    """A header row that is wrong is wrong usage."""
    (tmp_path / "l.csv").write_text("naam\n")
    done = run("preflight", tmp_path / "l.csv")
    assert done.exit_code == 2
    assert "(row.column-missing)" in done.stderr


def test_settings(good: Path, tmp_path: Path) -> None:
    """[regels] and the OINs count, and neither CPA nor key has to be here."""
    sender = f'[[sender]]\noin = ["{SENDER}"]\ncpa = "weg.xml"\nkey = "weg.key"\n'
    settings = tmp_path / "mobb.toml"
    settings.write_text(f"{sender}[regels]\nmax_bijlage_bytes = 100\n")
    done = run("preflight", good, "--settings", settings)
    assert done.exit_code == 1
    assert "1 te groot (0 kB)" in done.stdout
    settings.write_text(f"{sender}{sender.replace(SENDER, OTHER_SENDER)}")
    assert "2 OIN van geen afzender" in run("preflight", good, "--settings", settings).stdout


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[[sender]]\noin = "1"\n', "sender[1].oin"),
        ("sender = [1]\n", "sender"),
        ("[regels]\nonbekend = 1\n", "regels.onbekend"),
        ("[[sender]]\n", "sender[1].oin"),
    ],
)
def test_wrong_settings(text: str, field: str, good: Path, tmp_path: Path) -> None:
    """What is wrong with the settings is told with its key."""
    (tmp_path / "mobb.toml").write_text(text)
    done = run("preflight", good, "--settings", tmp_path / "mobb.toml")
    assert done.exit_code == 2
    assert f"mobb: {field}: " in done.stderr


def test_moment_and_types(tmp_path: Path) -> None:
    """--at is when the letters will be sent; --berichttype says which codes are active."""
    file = csv_file(
        tmp_path,
        [["z", BSNS[0], "AANSLAG", "O", "T", "2027-02-26T06:00"]],
        header="kenmerk,bsn,berichttype,onderwerp,berichttekst,publicatiedatum",
    )
    assert run("preflight", file, "--at", "2027-02-25").exit_code == 0
    assert "(publicatiedatum.ahead)" in run("preflight", file, "--at", "2027-01-25").stdout
    words = ["--at", "2027-02-25", "--berichttype", "BESCHIK"]
    assert "1 berichttype niet actief" in run("preflight", file, *words).stdout
    assert run("preflight", file, *words, "--berichttype", "AANSLAG").exit_code == 0


def test_validator(good: Path) -> None:
    """A command of one's own has the last word on each PDF."""
    assert run("preflight", good, "--validator", "test -s").exit_code == 0
    done = run("preflight", good, "--validator", f"'{sys.executable}' -c 'raise SystemExit(7)'")
    assert done.exit_code == 1
    assert "1 afgekeurd door de validator" in done.stdout


def test_without_pikepdf(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra it says so, once, and does the rest."""
    monkeypatch.setattr(judging, "find_spec", lambda name: None if name == "pikepdf" else util.find_spec(name))
    done = run("preflight", good)
    assert done.exit_code == 0
    assert done.stdout.count("pip install 'mobb-client[pdf]'") == 1


def test_without_openpyxl(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra it names the extra."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    done = run("preflight", good, "--report", tmp_path / "r.xlsx")
    assert done.exit_code == 2
    assert "pip install 'mobb-client[report]'" in done.stderr
    assert not list(tmp_path.glob("*.unfinished"))


def test_full_disk(good: Path) -> None:
    """A report that cannot be written is our own disk's fault: exit code 4."""
    assert run("preflight", good, "--report", "/proc/r.csv").exit_code == 4


class Terminal(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_bar(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar shows how much of the file was read."""
    found = preflight(good, at=MADE)
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(_show, "_PATIENCE", -1)
    assert len(list(_show.watched(found, "rows", total=found.size, position=lambda: found.position))) == 2
    assert "rows" in terminal.getvalue()
    assert f"/{found.size} bytes" in terminal.getvalue()
