"""`mobb abonnementen` against a Berichtenbox on a socket: asked, remembered, told in Dutch, and never with a BSN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.asking import NO, SILENT, YES, asking
from tests.commands import csv_file, document, row, run

from mobb_client.berichtenbox.aanvraag import Paden
from mobb_client.cli.abonnementen import _age
from mobb_client.cli.app import mobb
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError
from mobb_client.settings import load
from mobb_client.simulator.berichtenbox import Berichtenbox


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Berichtenbox, Path]]:
    """Serve a box whose CPAs have the AbonnementService until the test ends."""
    with asking(tmp_path) as made:
        yield made


@pytest.fixture
def box(place: tuple[Berichtenbox, Path]) -> Berichtenbox:
    """Return the box."""
    return place[0]


@pytest.fixture
def settings(place: tuple[Berichtenbox, Path]) -> Path:
    """Return the settings of a sender of that box."""
    return place[1]


def told(result: Result) -> str:
    """Return what was printed, in which no BSN is."""
    for bsn in (YES, NO, SILENT):
        assert bsn not in result.output
    return result.output


def check(settings: Path, given: str, *words: str) -> Result:
    """Check a list on stdin."""
    command = ["abonnementen", "check", "--berichttype", "BESCHIK", "--settings", str(settings), *words]
    return CliRunner().invoke(mobb, command, input=given)


class TestCheck:
    """Asked by WUS, over TLS."""

    def test_list(self, settings: Path) -> None:
        """By row: yes, no, unknown and refused; a BSN of eight digits gets its zero."""
        result = check(settings, f"\ufeff{YES}\n\n{NO}\r\n{SILENT}\n123456789\n")
        assert result.exit_code == 1
        shown = told(result)
        assert [line.split()[-1] for line in shown.splitlines()[:4]] == [
            "geabonneerd",
            "geabonneerd",
            "onbekend",
            "geweigerd",
        ]
        assert "1 geabonneerd, 1 niet geabonneerd, 1 onbekend, 1 geweigerd" in shown
        assert check(settings, YES).exit_code == 0

    def test_json(self, settings: Path) -> None:
        """For machines, by row as well."""
        found = document(check(settings, f"{YES}\n{NO}", "--json"))
        assert found["schema"] == "mobb.abonnementen-check/1"
        assert [(one["row"], one["geabonneerd"]) for one in found["results"]] == [(1, True), (2, False)]

    def test_letters(self, settings: Path, tmp_path: Path) -> None:
        """By kenmerk, from a LETTERS file; what was answered is what the gate goes by."""
        letters = csv_file(tmp_path, [row(1, bsn=YES), row(2, bsn=NO), row(3, bsn="123456789")])
        result = run("abonnementen", "check", letters, "--settings", settings, "--json")
        assert result.exit_code == 1
        told(result)
        results = document(result)["results"]
        assert [(bool(one["kenmerk"]), one["geabonneerd"], one["refused"]) for one in results] == [
            (True, True, False),
            (True, False, False),
            (False, None, True),
        ]
        status = document(run("abonnementen", "status", "--settings", settings, "--json"))
        ((_, stand),) = [(oin, one) for oin, one in status["oins"].items() if one["oldest"]]
        assert (stand["subscribed"], stand["not_subscribed"]) == (1, 1)

    def test_failure(self, box: Berichtenbox, settings: Path) -> None:
        """A fault ends it with its advice; nobody who listens is exit code 3."""
        box.validatie.down_next(YES)
        result = check(settings, YES)
        assert result.exit_code == 1
        assert "wus.dependent-fault" in told(result)
        settings.write_text(settings.read_text().replace("/BerichtenboxValidatieService", "/elders"))
        assert check(settings, YES).exit_code == 3

    @pytest.mark.parametrize("words", [(), ("--berichttype", "X", __file__)])
    def test_usage(self, settings: Path, words: tuple[str, ...]) -> None:
        """A file or a list."""
        assert run("abonnementen", "check", "--settings", settings, *words).exit_code == 2


class TestRequest:
    """Asked in bulk."""

    def test_way(self, box: Berichtenbox, settings: Path, tmp_path: Path) -> None:
        """Stored, sent by `mobb work`, answered, and told by `status`."""
        bsns = tmp_path / "bsns.txt"
        bsns.write_text(f"{YES}\n{NO}\n")
        made = document(run("abonnementen", "request", "--bsns", bsns, "--settings", settings, "--json"))["request"]
        assert (made["variant"], made["bsns"]) == ("bsn-lijst", 2)
        assert run("work", "--once", "--settings", settings).exit_code == 0
        assert box.abonnementen.questions == [2]
        result = run("abonnementen", "status", "--settings", settings)
        assert result.exit_code == 0
        assert "bsn-lijst van 2, gevraagd 0 min geleden, antwoord binnen vier uur" in told(result)

    def test_words(self, settings: Path) -> None:
        """All of them, and what changed since; what belongs together."""
        result = run("abonnementen", "request", "--settings", settings)
        assert "volledig, gevraagd 0 min geleden" in told(result)
        made = run("abonnementen", "request", "--mutatie", "--sinds", "2026-11-01", "--settings", settings, "--json")
        assert document(made)["request"]["since"] == "2026-10-31T23:00:00Z"
        assert run("abonnementen", "request", "--sinds", "2026-11-01", "--settings", settings).exit_code == 2
        assert run("abonnementen", "request", "--bsns", "nergens", "--settings", settings).exit_code == 2

    def test_wrong_bsn(self, settings: Path) -> None:
        """Refused with its place, and nothing is stored."""
        command = ["abonnementen", "request", "--bsns", "-", "--settings", str(settings)]
        result = CliRunner().invoke(mobb, command, input=f"{YES}\n123456789\n")
        assert result.exit_code == 1
        assert "bsns[2]" in told(result)
        assert document(run("abonnementen", "status", "--settings", settings, "--json"))["requests"] == []

    def test_states(self, settings: Path) -> None:
        """Late, answered and not read, and stored: each in its words, and what is wrong sets the exit code."""
        run("abonnementen", "request", "--settings", settings)
        known = load(settings)
        with Client(*known.senders, outbox=known.outbox.open()) as client:
            (made,) = client.abonnementen.verzoeken()
            long_ago = replace(made, gevraagd=made.gevraagd - timedelta(days=2, hours=3))
            forms = {
                "te laat": long_ago,
                "beantwoord en nog niet gelezen": replace(long_ago, beantwoord=made.gevraagd),
                "5 gegevens verwerkt": replace(long_ago, beantwoord=made.gevraagd, verwerkt=made.gevraagd, feiten=5),
            }
            for words, form in forms.items():
                with client._outbox.transaction() as tx:
                    tx.register.put_verzoek(form)
                result = run("abonnementen", "status", "--settings", settings)
                assert words in told(result)
                assert "gevraagd 2 dagen 3 uur" in result.output
                assert result.exit_code == (1 if words == "te laat" else 0)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=4, minutes=1), "4 uur 1 min"),
        (timedelta(days=1), "1 dag 0 uur"),
        (timedelta(days=3, hours=4), "3 dagen 4 uur"),
        (-timedelta(days=3), "0 min"),
    ],
)
def test_age(age: timedelta, words: str) -> None:
    """As a person says it."""
    assert _age(age) == words


class TestSettings:
    """[sender.abonnementen]: every key, and what is wrong with them."""

    def test_all(self, settings: Path) -> None:
        """What the documentation names arrives."""
        lines = ("per_minute = 7", "vereist = true", "ws_addressing = true", 'action = "A"', 'geabonneerd = "x/y"')
        settings.write_text(settings.read_text().replace("per_minute = 600", "\n".join(lines)))
        (sender,) = load(settings).senders
        rules = sender.abonnementen
        assert (rules.per_minute, rules.vereist, rules.ws_addressing, rules.action) == (7, True, True, "A")
        assert (rules.result_action, rules.mapper) == ("GLOBE-R-A-Result", Paden("x/y"))

    @pytest.mark.parametrize(
        ("line", "field"),
        [
            ("vereist = 1", "vereist"),
            ("per_minute = 0", "per_minute"),
            ("onbekend = 1", "abonnementen.onbekend"),
            ("validatie_url = 5", "validatie_url"),
        ],
    )
    def test_wrong(self, settings: Path, line: str, field: str) -> None:
        """Told with its place."""
        text = settings.read_text()
        settings.write_text(
            text.replace("per_minute = 600", line)
            if "validatie" not in line
            else text.replace("validatie_url = ", "validatie_url = 5 # ")
        )
        with pytest.raises(ConfigurationError) as caught:
            load(settings)
        assert field in caught.value.findings[0].field
