"""`mobb status`: three clocks, a balance that closes, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.commands import document, run
from tests.material import material_keys
from tests.stored import put, stored

from mobb_client.berichtenbox.aflevering import State
from mobb_client.errors import Finding
from mobb_client.outbox.contract import Event, EventName
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.simulator.material import make_material

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ON_DESK = {
    "state": State.HUMAN,
    "ended": NOW,
    "finding": Finding("resultaat.BijlageTeGroot", field="verwerkingscode", measure="BijlageTeGroot"),
}
LATE = {"state": State.ACKNOWLEDGED, "handed_over": NOW - 30 * HOUR, "acknowledged": NOW - 29 * HOUR}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return settings with the material beside them; the keys cannot be read, and need not be."""
    make_material(NOW, keys=material_keys()).write(tmp_path)
    (tmp_path / "sender.key").write_text("no key")
    return tmp_path / "mobb.toml"


@contextmanager
def outbox(settings: Path) -> Iterator[SqliteOutbox]:
    """Open the outbox of the settings."""
    with closing(SqliteOutbox(settings.parent / "outbox.sqlite")) as opened:
        yield opened


def status(settings: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the document of a call."""
    result = run("status", "--settings", settings, "--json", *words)
    return result.exit_code, document(result)


def test_well(settings: Path) -> None:
    """All delivered, on paper or under way: 0."""
    with outbox(settings) as store:
        put(store, stored("a", state=State.DELIVERED, ended=NOW), stored("b", state=State.PAPER, ended=NOW))
        put(store, *(Event(at=NOW, name=name) for name in (EventName.LETTER_DELIVERED, EventName.LETTER_PAPER)))
        put(store, stored("c", handed_over=NOW))
    code, found = status(settings)
    assert code == 0
    assert (found["schema"], found["ok"], found["closes"]) == ("mobb.status/1", True, True)
    assert found["balance"] == {"input": 3, "delivered": 1, "paper": 1, "human": 0, "open": 1}
    assert [letter["kenmerk"] for letter in found["letters"]] == ["c"], "what ended well is not told unless asked"
    assert found["alarms"] == []


def test_alarms(settings: Path) -> None:
    """What is not well with the outbox, its certificates and CPAs, once each, in English and in Dutch; exit code 1."""
    make_material(NOW - 3 * 365 * DAY + 10 * DAY, keys=material_keys()).write(settings.parent)
    with outbox(settings) as store:
        put(store, stored("a", handed_over=NOW - 2 * HOUR), stored("b", state=State.DELIVERED, ended=NOW))
    code, found = status(settings)
    assert (code, found["ok"], found["closes"], found["on_desk"], found["overdue"]) == (1, False, False, 0, 0)
    assert [one["code"] for one in found["alarms"]] == [
        "alarm.outbox", "alarm.balance", "certificate.expires-soon", "certificate.expires-soon", "alarm.cpa",
    ]  # fmt: skip
    assert [one["field"] for one in found["alarms"][2:4]] == [
        "sender certificate of 00000099000000001000",
        "anchor certificate",
    ]
    assert "kijk of `mobb work` draait" in found["alarms"][0]["advice_nl"]
    assert status(settings, "a")[1]["alarms"] == [], "who asks for one letter is told of that one"
    shown = run("status", "--settings", settings)
    assert shown.exit_code == 1
    assert "alarm: outbox: nothing that may go waits longer than 60 minutes" in shown.stdout
    assert "see that `mobb work` runs" in shown.stdout


def test_look(settings: Path) -> None:
    """What is overdue comes first, then what is on the desk, each with advice; exit code 1."""
    with outbox(settings) as store:
        put(store, stored("open"), stored("desk", **ON_DESK), stored("late", **LATE))
    code, found = status(settings)
    assert (code, found["ok"], found["overdue"], found["on_desk"]) == (1, False, 1, 1)
    assert [letter["kenmerk"] for letter in found["letters"]] == ["late", "desk", "open"]
    assert [(one["code"], one["letters"]) for one in found["advice"]] == [
        ("aflevering.overdue", 1),
        ("resultaat.BijlageTeGroot", 1),
    ]
    result = run("status", "--settings", settings)
    assert result.exit_code == 1
    assert "+1:00:00" in result.output
    assert "do not send it again" in result.output
    assert "3 letters = 0 delivered + 0 paper + 1 human + 2 open; 1 overdue" in result.output


def test_by_kenmerk(settings: Path) -> None:
    """Those that are asked for, and nothing else decides; a kenmerk that no letter has is told."""
    with outbox(settings) as store:
        put(store, stored("good", state=State.DELIVERED, ended=NOW), stored("desk", **ON_DESK))
    assert status(settings, "good")[0] == 0
    code, found = status(settings, "good", "Good")
    assert (code, found["unknown"]) == (1, ["Good"])
    assert status(settings, "desk")[0] == 1
    assert "Good: " in run("status", "--settings", settings, "Good").stderr
    assert run("status", "--settings", settings, "good", "--all").exit_code == 2


def test_many(settings: Path) -> None:
    """At most a hundred, and how many more; or every one, as they come from the store."""
    with outbox(settings) as store:
        put(store, *(stored(f"zaak-{number}", **(LATE if number < 110 else {})) for number in range(1100)))
    code, found = status(settings)
    assert (code, len(found["letters"]), found["more"], found["overdue"]) == (1, 100, 1000, 110)
    assert "and 1000 more" in run("status", "--settings", settings).output
    _, found = status(settings, "--all")
    assert [letter["kenmerk"] for letter in found["letters"]] == [f"zaak-{number}" for number in range(1100)]
    assert found["more"] == 0
    assert run("status", "--settings", settings, "--all").output.count("zaak-") == 1100


def test_only_read(settings: Path) -> None:
    """Nothing is written, and nothing is made where nothing was: exit code 4."""
    assert run("status", "--settings", settings).exit_code == 4
    assert not (settings.parent / "outbox.sqlite").exists()
    with outbox(settings):
        pass
    database = settings.parent / "outbox.sqlite"
    before = database.read_bytes()
    code, found = status(settings)
    assert (code, found["balance"]["input"], found["letters"]) == (0, 0, [])
    assert database.read_bytes() == before


def test_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are `mobb.toml` where one stands, or else wrong usage."""
    monkeypatch.chdir(tmp_path)
    assert run("status").exit_code == 2
    make_material(NOW, keys=material_keys()).write(tmp_path)
    assert run("status").exit_code == 4
