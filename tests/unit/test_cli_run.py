"""`mobb run`, against a Berichtenbox on a socket of this machine."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from tests.material import material_keys
from tests.pdfs import real_pdf
from tests.runs import NOT_SUBSCRIBED, row, write_letters
from tests.unit.test_cli_send import run, settings

from mobb_client.simulator.berichtenbox import Berichtenbox
from mobb_client.simulator.material import Terms, make_material
from mobb_client.simulator.server import Served


@pytest.fixture
def box() -> Berichtenbox:
    """Return a box of the unsigned reliable profile, which tries again a second later what we were not there for."""
    terms = Terms(retries=300, interval="PT1S")
    return Berichtenbox("osb-rm", material=make_material(datetime.now(UTC), keys=material_keys(), terms=terms))


@pytest.fixture
def served(box: Berichtenbox) -> Iterator[Served]:
    """Serve the box until the test ends."""
    with box.serve() as served:
        yield served


class Place:
    """A folder with settings and letters."""

    def __init__(self, box: Berichtenbox, served: Served, folder: Path) -> None:
        self.folder = folder
        self.settings = settings(box, served, folder)
        self.listen = f"localhost:{served.sender_port}"
        self.letters = str(write_letters(folder / "l.csv", [row("a"), row("b", NOT_SUBSCRIBED), row("a")]))

    def run(self, *words: str) -> Result:
        """Run `mobb run` with the settings."""
        return run("run", *words, "--settings", self.settings)


@pytest.fixture
def place(box: Berichtenbox, served: Served, tmp_path: Path) -> Place:
    """Return a folder with settings and letters."""
    return Place(box, served, tmp_path)


def test_whole(box: Berichtenbox, place: Place) -> None:
    """A night: started, followed to its end, and asked for afterwards."""
    result = place.run("start", "aanslag", place.letters, "--listen", place.listen, "--poll", "0.05")
    assert result.exit_code == 0, result.output
    assert "aanslag: 100 %  2 of 2 ended  delivered 1, paper 1, human 0, open 0" in result.stdout
    result = place.run("status", "aanslag")
    assert (result.exit_code, "the balance closes" in result.output) == (0, True)
    assert "3: letters 2, repeats 1, refused 0" in result.output
    assert len(box.letters) == 2


def test_same_again(place: Place) -> None:
    """A second start says that the run exists, and how far it is."""
    assert place.run("start", "aanslag", place.letters, "--listen", place.listen, "--poll", "0.05").exit_code == 0
    result = place.run("start", "aanslag", place.letters)
    assert (result.exit_code, "run.exists" in result.output, "100 % ended" in result.output) == (2, True, True)


def test_stopped(place: Place) -> None:
    """Started in a window that is closed, stopped by another process, and resumed; every line is JSON."""
    assert place.run("stop", "aanslag").exit_code == 2
    result = place.run(
        "start",
        "aanslag",
        place.letters,
        "--until",
        "acknowledged",
        "--listen",
        place.listen,
        "--poll",
        "0.05",
        "--json",
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["schema"] for line in lines} == {"mobb.run/1", "mobb.run-plan/1"}
    assert (lines[-1]["phase"], lines[-1]["rows"], lines[-1]["closes"]) == ("done", 3, True)
    document = json.loads(place.run("stop", "aanslag", "--oin", "00000099000000001000", "--json").stdout)
    assert document["holds"] == [{"why": "stop", "oin": "00000099000000001000"}]
    assert place.run("resume", "aanslag", "--listen", place.listen, "--poll", "0.05").exit_code == 0
    assert not json.loads(place.run("status", "aanslag", "--json").stdout)["holds"]


def test_wrong_usage(place: Place) -> None:
    """A window, an OIN and a name that are none."""
    for words in (
        ("start", "aanslag", place.letters, "--window", "21"),
        ("stop", "aanslag", "--oin", "1"),
        ("start", "999993653", place.letters),
        ("status", "aanslag"),
    ):
        result = place.run(*words)
        assert result.exit_code in {2, 4}, result.output
        assert "999993653" not in result.output


def test_refused_rows(place: Place) -> None:
    """A person must look: exit code 1."""
    letters = write_letters(place.folder / "bad.csv", [row("a"), row("b", "123")])
    result = place.run("start", "aanslag", str(letters), "--listen", place.listen, "--poll", "0.05")
    assert (result.exit_code, "human 1" in result.output) == (1, True)


def test_judged_by_the_settings(place: Place) -> None:
    """Users 3: what preflight refuses by the settings, the run refuses, at the same row: types, and a validator."""
    with Path(place.settings).open("a") as file:
        file.write('[preflight]\nberichttypen = ["BESCHIK"]\nprocesses = 1\nvalidator = "sh -c \'exit 3\'"\n')
    (place.folder / "b.pdf").write_bytes(real_pdf())
    rows = [row("a"), row("b", berichttype="ANDERS"), row("c", bijlage_1="b.pdf")]
    letters = str(write_letters(place.folder / "typen.csv", rows))
    found = json.loads(run("preflight", letters, "--settings", place.settings, "--json").stdout)
    foreseen = {one["row"]: one["findings"][0]["code"] for one in found["rows"]}
    assert place.run("start", "typen", letters, "--listen", place.listen, "--poll", "0.05").exit_code == 1
    place.run("report", "typen", "--out", str(place.folder / "uit"))
    with (place.folder / "uit" / "uitkomsten.csv").open(encoding="utf-8-sig", newline="") as file:
        told = {int(one["regel"]): one["reden"] for one in csv.DictReader(file, delimiter=";")}
    assert foreseen == {3: "berichttype.unknown", 4: "pdf.validator"}
    assert told == {2: "resultaat.Verwerkt", **foreseen}


def test_row_on_paper(place: Place) -> None:
    """A row that no kenmerk can name is on the desk by its number, and goes on the paper list by that."""
    letters = write_letters(place.folder / "bad.csv", [row("a"), row("", "123"), row("b", "123")])
    assert place.run("start", "aanslag", str(letters), "--listen", place.listen, "--poll", "0.05").exit_code == 1
    words = ("--settings", place.settings)
    result = run("desk", "list", *words)
    assert (result.exit_code, "--row aanslag:3: geweigerd" in result.output) == (1, True)
    assert "1 brief op het bureau, en 1 van een run zonder eigen brief" in result.output
    document = json.loads(run("desk", "list", *words, "--json").stdout)
    assert [(one["row"], [f["code"] for f in one["findings"]]) for one in document["rows"]] == [
        ("aanslag:3", ["bsn.format", "kenmerk.length"])
    ]
    for word in ("aanslag", "aanslag:x", ":3"):
        assert run("desk", "paper", "--row", word, "--reason", "x", *words).exit_code == 2
    assert run("desk", "paper", "--reason", "x", *words).exit_code == 2
    result = run("desk", "paper", "--row", "aanslag:3", "--row", "aanslag:2", "b", "--reason", "adres bekend", *words)
    assert (result.exit_code, "aanslag:2: niet gedaan" in result.stderr) == (1, True)
    assert place.run("report", "aanslag", "--out", str(place.folder / "uit"), "--paper").exit_code == 0
    lines = (place.folder / "uit" / "papier-1-laat.csv").read_text().splitlines()
    assert [line.split(";")[1] for line in lines] == ["regel", "3", "4"]
    assert run("desk", "list", *words).exit_code == 0


def test_report(place: Place) -> None:
    """The files of the morning, the same when they are asked for again; early paper is empty here."""
    early, out = place.folder / "vroeg.csv", place.folder / "uit"
    words = ("--listen", place.listen, "--poll", "0.05", "--paper-early", str(early))
    assert place.run("start", "aanslag", place.letters, *words).exit_code == 0
    assert len(early.read_text().splitlines()) == 1
    assert place.run("report", "aanslag", "--paper").exit_code == 2
    before: dict[str, bytes] = {}
    for _ in range(2):
        result = place.run("report", "aanslag", "--out", str(out), "--paper", "--cents", "85")
        assert (result.exit_code, "De balans sluit." in result.output) == (0, True)
        files = {path.name: path.read_bytes() for path in out.iterdir()}
        assert files.keys() == {"uitkomsten.csv", "papier-1-laat.csv", "samenvatting.txt", "samenvatting.html"}
        assert all(files[name] == before[name] for name in before if name.endswith(".csv"))
        before = files
    assert len(before["papier-1-laat.csv"].splitlines()) == 2


def test_plan(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is stored: twice the same, and then there is no run."""
    for _ in range(2):
        result = place.run("start", "aanslag", place.letters, "--dry-run", "--json")
        document = json.loads(result.stdout)
        assert (result.exit_code, document["schema"], document["batches"]) == (0, "mobb.run-plan/1", 1)
    result = place.run("start", "aanslag", place.letters, "--dry-run", "--window", "21:00-06:00")
    assert "3: letters 2, again 1, refused 0" in result.stdout
    assert "assumed" in result.stdout
    assert "not looked into" not in result.stdout
    monkeypatch.setattr("mobb_client.cli.run.has_pikepdf", lambda: False)
    assert "not looked into" in place.run("start", "aanslag", place.letters, "--dry-run").stdout
    assert place.run("status", "aanslag").exit_code in {2, 4}
    bad = write_letters(place.folder / "bad.csv", [row("a", "123")])
    result = place.run("start", "aanslag", str(bad))
    assert (result.exit_code, "plan.empty" in result.output) == (2, True)
