"""`mobb desk`: what ended with a person, in Dutch, and the decisions."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.commands import csv_file, document, row, run
from tests.letters import letter
from tests.stored import OURS, put, stored
from tests.unit.test_cli_status import ON_DESK, outbox, settings

from mobb_client.berichtenbox.aflevering import State
from mobb_client.errors import Finding
from mobb_client.outbox.contract import Event

__all__ = ["settings"]


@pytest.fixture
def desk(settings: Path) -> Path:
    """Return settings with two letters on the desk, one of which may have arrived, and one that is delivered."""
    expired = ON_DESK | {"finding": Finding("aflevering.expired", field="bericht", measure="x"), "expired": 2}
    with outbox(settings) as store:
        put(
            store,
            stored("zaak-1", **ON_DESK),
            stored("zaak-2", **expired),
            stored("zaak-3", state=State.DELIVERED, ended=ON_DESK["ended"]),
        )
    return settings


def states(settings: Path) -> list[str]:
    """Return where the letters stand."""
    with outbox(settings) as store:
        return [str(way.state) for way in store.afleveringen()]


def last(settings: Path) -> Event:
    """Return the last event."""
    with outbox(settings) as store:
        return store.events()[-1]


def test_list(desk: Path) -> None:
    """Each with what is wrong and what to do, in Dutch; what may have arrived is told first."""
    result = run("desk", "list", "--settings", desk)
    assert result.exit_code == 1
    assert "zaak-1 (00000099000000001000) sinds " in result.output
    assert "de bijlagen samen zijn te groot voor Logius (resultaat.BijlageTeGroot)" in result.output
    assert result.output.count("let op: ") == 1
    assert "2 brieven op het bureau" in result.output
    found = document(run("desk", "list", "--settings", desk, "--json"))
    assert (found["schema"], found["on_desk"]) == ("mobb.desk-list/1", 2)
    assert [(one["kenmerk"], bool(one["warning"])) for one in found["letters"]] == [("zaak-1", False), ("zaak-2", True)]


def test_nothing(settings: Path) -> None:
    """An empty desk is well."""
    with outbox(settings):
        pass
    result = run("desk", "list", "--settings", settings)
    assert (result.exit_code, result.output) == (0, "0 brieven op het bureau\n")
    assert document(run("desk", "list", "--settings", settings, "--json"))["letters"] == []


@pytest.mark.parametrize(
    ("verb", "state", "told"),
    [
        ("deliver", "DELIVERED", "staat in de Berichtenbox"),
        ("paper", "PAPER", "op de papierlijst"),
        ("resend", "QUEUED", "gaat opnieuw"),
    ],
)
def test_decide(desk: Path, verb: str, state: str, told: str) -> None:
    """Letters by their kenmerken, with a reason that is kept; what is not on the desk does not stop the others."""
    words = ("desk", verb, "zaak-3", "zaak-1", "zaak-2", "--settings", desk, "--reason", "Logius belde")
    result = run(*words)
    assert result.exit_code == 1
    assert f"zaak-1 ({OURS}): {told}" in result.stdout
    assert "zaak-3: niet gedaan: een brief die op het bureau ligt" in result.stderr
    assert states(desk) == [state, state, "DELIVERED"]
    assert (last(desk).data["by"], last(desk).data["why"]) == ("desk", "Logius belde")
    found = document(run(*words, "--json"))
    assert found["letters"] == []
    assert [one["findings"][0]["code"] for one in found["refused"]] == ["desk.state"] * 3


def test_one_that_is_well(desk: Path) -> None:
    """All that was asked is done: 0."""
    words = ("desk", "paper", "zaak-1", "--oin", OURS, "--settings", desk, "--reason", "haast", "--json")
    result = run(*words)
    assert (result.exit_code, document(result)["letters"][0]["state"]) == (0, "PAPER")


def test_wrong_usage(desk: Path) -> None:
    """No reason, no kenmerk: 2, and nothing was decided."""
    assert run("desk", "paper", "zaak-1", "--settings", desk).exit_code == 2
    assert run("desk", "paper", "--reason", "x", "--settings", desk).exit_code == 2
    assert states(desk) == ["HUMAN", "HUMAN", "DELIVERED"]


def test_a_reason_with_a_bsn(desk: Path) -> None:
    """It is refused, and not shown."""
    result = run("desk", "paper", "zaak-1", "--reason", "burger 999990019", "--settings", desk)
    assert result.exit_code == 1
    assert "999990019" not in result.output


def test_corrected(desk: Path, tmp_path: Path) -> None:
    """The corrected row of a LETTERS file takes the place of the content; the event names what differs."""
    changes = {"bsn": letter().bsn.digits, "onderwerp": "Verbeterd", "berichttekst": letter().berichttekst}
    file = csv_file(tmp_path, [row(1, **changes), row(7)])
    words = ("desk", "resend", "--settings", desk, "--reason", "verbeterd", "--letters", file)
    assert run(*words, "zaak-1").exit_code == 0
    assert last(desk).data["corrected"] == "onderwerp"
    result = run(*words, "zaak-2")
    assert result.exit_code == 2
    assert "no good row in letters.csv: zaak-2" in result.stderr


def test_a_correction_that_is_wrong(desk: Path, tmp_path: Path) -> None:
    """What is wrong with the row is told, and nothing happens."""
    file = csv_file(tmp_path, [row(1, onderwerp="x" * 51)])
    words = ("desk", "resend", "zaak-1", "--settings", desk, "--reason", "verbeterd", "--letters", file)
    result = run(*words)
    assert result.exit_code == 2
    assert "onderwerp.length" in result.stderr
    assert states(desk)[0] == "HUMAN"
