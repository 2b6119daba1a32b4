"""`mobb run rehearse`: a night on this machine alone, judged beside the plan that the test made."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.asking import write_table
from tests.commands import document, run, start
from tests.pdfs import sized
from tests.runs import GOOD, NOT_SUBSCRIBED, TECHNICAL, TOO_LARGE, row, write_letters
from tests.unit.test_cli_simulate import PATIENCE, wait_for

from mobb_client.berichtenbox.rows import COLUMNS
from mobb_client.settings import OutboxSettings
from mobb_client.simulator.material import Material, Terms, make_material

OINS = ("00000099000000003000", "00000099000000004000")
LEFT, BAD, AGAIN = "999993653", "123", "again"
PLAN = {GOOD: 110, NOT_SUBSCRIBED: 55, TECHNICAL: 10, TOO_LARGE: 8, LEFT: 6, BAD: 6, AGAIN: 5}
"""How many rows of 200 are what; of plain numbers everybody leaves before the night."""
NIGHT = ("--at", "2027-02-26T21:00", "--window", "21:00-06:00", "--outage", "21:00/20m", "--rate", "100kB/s")
CROWD = ("--test-bsns", "--subscribed", "100", "--left", "100", "--failing", "0")
BEGIN = datetime(2027, 2, 26, 20, tzinfo=UTC)


def made() -> Material:
    """Return the material of an organisation with two OINs, whose own CPA has an interval of half an hour."""
    return make_material(datetime.now(UTC), letter_oins=OINS, terms=Terms(retries=6, interval="PT30M"))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Write settings that demand subscriptions, and return their file."""
    made().write(tmp_path)
    return write_table(tmp_path / "mobb.toml", "vereist = true")


def write(folder: Path) -> tuple[Path, dict[int, str]]:
    """Write the letters, and return the file and what each row is."""
    (folder / "besluit.pdf").write_bytes(sized(20_000))
    sorted_ = [what for what, count in PLAN.items() if what != AGAIN for _ in range(count)]
    kinds = [sorted_[n * 7 % len(sorted_)] for n in range(len(sorted_))]
    rows = [row(f"zaak-{n}", what, oin=OINS[n % 2], bijlage_1="besluit.pdf") for n, what in enumerate(kinds)]
    good = [n for n, what in enumerate(kinds) if what == GOOD][: PLAN[AGAIN]]
    rows += [rows[n] for n in good]
    return write_letters(folder / "l.csv", rows), dict(enumerate([*kinds, *(AGAIN for _ in good)], start=2))


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a report."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_night(settings: Path, tmp_path: Path) -> None:
    """Users 3: the week before, with an outage; every row, both lists and the finishing time follow from the plan."""
    letters, kinds = write(tmp_path)
    out = tmp_path / "out"
    words = ("run", "rehearse", letters, "--settings", settings, *NIGHT, *CROWD, "--out", out)
    result = run(*words, "--json")
    found = document(result)
    assert (result.exit_code, found["schema"]) == (1, "mobb.run-rehearsal/1")
    sheet = {
        name: found[name] for name in ("rows", "letters", "repeats", "refused", "delivered", "paper", "human", "open")
    }
    assert sheet == {
        "rows": 200,
        "letters": 200 - PLAN[AGAIN] - PLAN[BAD],
        "repeats": PLAN[AGAIN],
        "refused": PLAN[BAD],
        "delivered": PLAN[GOOD] + PLAN[TECHNICAL],
        "paper": PLAN[NOT_SUBSCRIBED] + PLAN[LEFT],
        "human": PLAN[TOO_LARGE] + PLAN[BAD],
        "open": 0,
    }
    lists = {"repetitie-papier-1-vroeg.csv": NOT_SUBSCRIBED, "repetitie-papier-2-laat.csv": LEFT}
    for name, kind in lists.items():
        assert [int(one["regel"]) for one in read(out / name)] == [n for n, what in kinds.items() if what == kind]
    assert len(read(out / "repetitie-uitkomsten.csv")) == 200
    assert found["complaints"] == 0
    judge_times(found)
    judge_page((out / "repetitie.txt").read_text(), found)
    assert "Repetitie van l.csv" in (out / "repetitie.html").read_text()


def judge_times(found: dict[str, Any]) -> None:
    """The first messages meet the outage, and go again after the interval of the CPA; the line takes its time."""
    moments = {name: datetime.fromisoformat(found[name]) for name in ("at", "finished", "finished_without_outages")}
    assert moments["at"] == BEGIN
    assert moments["finished"] >= BEGIN + timedelta(minutes=30)
    assert set(found["retries"]) == {"http.unavailable"}
    sent = PLAN[GOOD] + PLAN[TECHNICAL] * 2 + PLAN[TOO_LARGE] + PLAN[LEFT]
    assert found["bytes"] > sent * 20_000 * 4 // 3
    spent = found["seconds"]
    assert spent["line"] > sent * 20_000 * 4 / 3 / 100_000
    assert spent["line"] + spent["work"] + spent["outages"] + spent["answers"] + spent["window"] + spent["pace"] == (
        pytest.approx((datetime.fromisoformat(found["ended"]) - BEGIN).total_seconds())
    )
    cost = moments["finished"] - moments["finished_without_outages"]
    assert cost.total_seconds() == pytest.approx(spent["outages"], abs=0.01)


def judge_page(page: str, found: dict[str, Any]) -> None:
    """The page says the same, in Dutch, and what it rests on."""
    assert "200 regels = 189 brieven + 5 herhalingen + 6 geweigerd" in page
    assert "195 brieven en geweigerde regels = 120 bezorgd + 61 papier + 14 mens + 0 open" in page
    assert re.search(r"Storing +26-02-2027 21:00 tot 26-02-2027 21:20: antwoordt met 503", page)
    assert f"{found['batches']}, samen" in page
    for words in ("Waar dit op rust", "gemeten op deze computer", "aangenomen lijn: 100,0 kB/s", "uit de CPA"):
        assert words in page
    assert "999" not in page.replace("0000009900", "")


def test_never_the_real_one(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox of the settings is not opened, no folder stays behind, and no key of theirs is used."""
    letters = write_letters(tmp_path / "l.csv", [row("a", oin=OINS[0])])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(OutboxSettings, "open", lambda *_, **__: pytest.fail("the real outbox"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = run("run", "rehearse", letters, "--settings", settings, "--scratch", scratch, "--subscribed", "100")
    assert result.exit_code == 0, result.output
    assert "klaar om" in result.stdout
    assert list(scratch.iterdir()) == []
    scratch.rmdir()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--rate", "fast"), "rehearsal.rate"),
        (("--outage", "tonight"), "rehearsal.outage"),
        (("--results-after", "soon"), "rehearsal.duration"),
        (("--window", "always"), "run.window"),
        (("--at", "2099-01-01T21:00"), "cpa"),
    ],
)
def test_wrong_words(settings: Path, tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    """Wrong usage, and a night for which the real CPA is not valid, are refused before anything is done."""
    letters = write_letters(tmp_path / "l.csv", [row("a", oin=OINS[0])])
    result = run("run", "rehearse", letters, "--settings", settings, *words)
    assert result.exit_code == 2
    assert code in result.stderr


def test_two_senders(settings: Path, tmp_path: Path) -> None:
    """Each sender by what its own CPA says: one unsigned, one signed and acknowledged in the HTTP response."""
    second = f"""
[[sender]]
oin = "{OINS[1]}"
cpa = "cpa-osb-rm-s-sync.xml"
key = "sender.key"
certificate = "sender.crt"

[sending]
parallel = 2
per_minute = 30

[trust]"""
    settings.write_text(settings.read_text().replace(f', "{OINS[1]}"', "").replace("\n[trust]", second))
    letters = write_letters(tmp_path / "l.csv", (row(f"zaak-{n}", oin=OINS[n % 2]) for n in range(20)))
    words = ("--subscribed", "100", "--failing", "0", "--left", "0", "--at", "2027-02-26T21:00")
    result = run("run", "rehearse", letters, "--settings", settings, *words, "--outage", "21:00/10s/no-ack", "--json")
    found = document(result)
    assert (result.exit_code, found["delivered"], found["batches"], found["complaints"]) == (0, 20, 2, 0)
    assert found["assumed"]["per_minute"] == 30
    assert found["seconds"]["pace"] > 0


def test_expires(tmp_path: Path) -> None:
    """B57: what expires before the rehearsed night ends is told, with what to do; the real one would not begin."""
    end = BEGIN + timedelta(minutes=5)
    make_material(datetime.now(UTC), end=end, terms=Terms(end=end, interval="PT30M")).write(tmp_path)
    letters = write_letters(tmp_path / "l.csv", [row("a")])
    words = ("--at", "2027-02-26T21:00", "--subscribed", "100", "--failing", "0", "--results-after", "1h")
    result = run("run", "rehearse", letters, "--settings", tmp_path / "mobb.toml", *words)
    assert result.exit_code == 1
    assert "1 bezorgd + 0 papier + 0 mens + 0 open" in result.stdout
    assert result.stdout.count("LET OP") >= 2
    assert "(plan.expires)" in result.stdout


@pytest.mark.parametrize("sooner", [True, False])
def test_signal(settings: Path, tmp_path: Path, *, sooner: bool) -> None:
    """SIGTERM ends it, in the night or before, and nothing of it stays behind."""
    letters = write_letters(tmp_path / "l.csv", (row(f"zaak-{n}", oin=OINS[n % 2]) for n in range(3000)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with start("run", "rehearse", letters, "--settings", settings, "--scratch", scratch) as process:
        wait_for(lambda: any(scratch.rglob("outbox.sqlite" if sooner else "outbox.sqlite.d/*")))
        process.terminate()
        told, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, told) == (143, "")
    assert list(scratch.iterdir()) == []


def test_no_letters(settings: Path, tmp_path: Path) -> None:
    """A file without a letter that can go is refused as a night is; one that is no file of letters too."""
    letters = write_letters(tmp_path / "l.csv", [])
    result = run("run", "rehearse", letters, "--settings", settings)
    assert (result.exit_code, "plan.empty" in result.stderr) == (2, True)
    letters.write_text(",".join(COLUMNS[1:]) + "\n")
    result = run("run", "rehearse", letters, "--settings", settings)
    assert (result.exit_code, "row.columns" in result.stderr or "kenmerk" in result.stderr) == (2, True)


def test_no_answer(settings: Path, tmp_path: Path) -> None:
    """A result that never comes is waited for a day and told as open: a person must ask."""
    write_table(settings, "vereist = false")
    letters = write_letters(tmp_path / "l.csv", [row("a", "999901709", oin=OINS[0]), row("b", oin=OINS[1])])
    words = ("--test-bsns", "--outage", "00:00/2h/no-ack", "--at", "2027-02-26T23:59")
    result = run("run", "rehearse", letters, "--settings", settings, *words)
    assert result.exit_code == 1
    assert "1 bezorgd + 0 papier + 0 mens + 1 open" in result.stdout
    assert "neemt berichten aan en bevestigt ze niet" in result.stdout
