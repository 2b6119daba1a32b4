"""`mobb send`, `mobb ping` and `mobb demo`, against a Berichtenbox on a socket of this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result
from tests.commands import HEADER, csv_file, row
from tests.reference import ROOT

from mobb_client.cli import _ways
from mobb_client.cli.app import mobb
from mobb_client.simulator.berichtenbox import Berichtenbox
from mobb_client.simulator.server import Served

LETTERS = str(ROOT / "examples" / "letters.csv")
KENMERKEN = 8


@pytest.fixture
def box() -> Berichtenbox:
    """Return a box of the unsigned reliable profile."""
    return Berichtenbox("osb-rm")


@pytest.fixture
def served(box: Berichtenbox) -> Iterator[Served]:
    """Serve the box until the test ends."""
    with box.serve() as served:
        yield served


def settings(box: Berichtenbox, served: Served, folder: Path, cpa: bytes | None = None) -> str:
    """Write the box's material and settings to a folder, and return the path of the settings."""
    terms = replace(box.material.terms, receiver_endpoint=served.url, sender_endpoint=served.sender_url)
    replace(box.material, terms=terms).write(folder)
    (folder / "cpa-osb-rm.xml").write_bytes(cpa or served.cpa_bytes)
    return str(folder / "mobb.toml")


def run(*words: str) -> Result:
    """Run `mobb` in this process."""
    return CliRunner().invoke(mobb, words)


def test_send(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """Every letter is waited for until its ending, and printed with its three clocks."""
    words = (
        "send",
        LETTERS,
        "--settings",
        settings(box, served, tmp_path),
        "--listen",
        f"localhost:{served.sender_port}",
    )
    result = run(*words, "--wait", "30")
    assert result.exit_code == 0, result.output
    assert result.output.count("DELIVERED") == KENMERKEN + 1
    assert f"{KENMERKEN} DELIVERED; 0 rows refused" in result.output
    assert box.complaints == []
    assert len(box.letters) == KENMERKEN


def test_send_json(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """The JSON document names its schema; a letter that ends on paper is well, one on a desk is not."""
    box.outcome("000000012", "NietActiefOfGeabonneerd")
    box.outcome("999993653", "BerichtTypeNietOndersteund")
    words = (
        "send",
        LETTERS,
        "--settings",
        settings(box, served, tmp_path),
        "--listen",
        f"localhost:{served.sender_port}",
    )
    result = run(*words, "--wait", "30", "--json")
    document = json.loads(result.stdout)
    assert document["schema"] == "mobb.send/1"
    assert {letter["state"] for letter in document["letters"]} == {"DELIVERED", "PAPER", "HUMAN"}
    on_desk = next(letter for letter in document["letters"] if letter["state"] == "HUMAN")
    assert (on_desk["verwerkingscode"], bool(on_desk["advice"])) == ("BerichtTypeNietOndersteund", True)
    assert result.exit_code == 1


def test_send_without_endpoint(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """By a synchronous CPA the acknowledgment is in the response: without an endpoint that is all there is to see."""
    file = settings(box, served, tmp_path, box.cpa("osb-rm", sync=True))
    result = run("send", LETTERS, "--settings", file, "--wait", "30")
    assert result.exit_code == 0, result.output
    assert result.output.count("under way (ACKNOWLEDGED)") == KENMERKEN


def dies(*_: object) -> None:
    """Be terminated."""
    sys.exit(143)


def test_again(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """Design 3: run again, it goes on where it was: nothing is sent twice."""
    file = settings(box, served, tmp_path)
    words = ("send", LETTERS, "--settings", file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ways, "work", dies)
        assert run(*words).exit_code == 143
    assert "0 human + 8 open" in run("status", "--settings", file).output
    listening = (*words, "--listen", f"localhost:{served.sender_port}", "--wait", "30")
    result = run(*listening)
    assert result.exit_code == 0, result.output
    assert run(*listening).exit_code == 0, "and once more"
    assert len(box.letters) == KENMERKEN
    assert run("status", "--settings", file).output.startswith(f"{KENMERKEN} letters = {KENMERKEN} delivered")


def test_refused_rows(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """Design 1: rows = letters + repeats + refused rows; those that name a letter are on the desk until corrected."""
    file = settings(box, served, tmp_path)
    old = [*row(6), "2020-01-01"]
    rows = [
        [*row(1), ""],
        [*row(1), ""],
        [*row(2, onderwerp="x" * 51), ""],
        [*row(1, onderwerp="Een andere brief"), ""],
        [*row(4, kenmerk=""), ""],
        [*row(5, kenmerk="een\ttab"), ""],
        old,
    ]
    letters = csv_file(tmp_path, rows, header=f"{HEADER},publicatiedatum")
    words = ("send", str(letters), "--settings", file, "--listen", f"localhost:{served.sender_port}", "--json")
    result = run(*words)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["rows"], found["repeated"]) == (1, 7, 1)
    assert [(one["row"], one["on_desk"]) for one in found["refused"]] == [
        (4, True),
        (5, False),
        (6, False),
        (7, False),
        (8, True),
    ]
    balance = json.loads(run("status", "--settings", file, "--json").stdout)["balance"]
    assert balance == {"input": 3, "delivered": 1, "paper": 0, "human": 2, "open": 0}
    again = json.loads(run(*words).stdout)["refused"]
    assert [(one["row"], one["on_desk"]) for one in again] == [(4, True), (5, False), (6, False), (7, False), (8, True)]
    corrected = csv_file(tmp_path, [row(2), row(6)])
    result = run("send", str(corrected), *words[2:])
    assert result.exit_code == 0, result.output
    balance = json.loads(run("status", "--settings", file, "--json").stdout)["balance"]
    assert balance == {"input": 3, "delivered": 3, "paper": 0, "human": 0, "open": 0}


def test_foreign_oin(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """A row for an OIN that is not ours, or is none, is nobody's letter here: it is told, and counted apart."""
    file = settings(box, served, tmp_path)
    rows = [[*row(1), "00000099000000009999"], [*row(2), "12"]]
    letters = csv_file(tmp_path, rows, header=f"{HEADER},oin")
    result = run("send", str(letters), "--settings", file, "--json")
    assert [one["on_desk"] for one in json.loads(result.stdout)["refused"]] == [False, False]
    assert run("send", str(letters), "--settings", file).output.endswith("2 rows refused, 0 of them on the desk\n")


def test_blocked(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """A CPA that forbids sending: exit code 2, with the reason; the letters are kept, and wait."""
    file = settings(box, served, tmp_path, box.cpa("osb-rm").replace(b"agreed", b"proposed"))
    result = run("send", LETTERS, "--settings", file, "--wait", "0")
    assert (result.exit_code, "not sent: " in result.output) == (2, True), result.output
    assert f"{KENMERKEN} QUEUED" in result.output


def test_unreachable(box: Berichtenbox, tmp_path: Path) -> None:
    """Nobody listens: exit code 3, for both commands, and no letter is lost without a word."""
    with box.serve() as gone:
        file = settings(box, gone, tmp_path)
    result = run("send", LETTERS, "--settings", file, "--wait", "0.1")
    assert result.exit_code == 3, result.output
    assert "8 BATCHED" in result.output
    assert run("ping", "--settings", file).exit_code == 3


def test_wrong_usage(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """What cannot be listened at, and an OIN that no sender has, are wrong usage."""
    file = settings(box, served, tmp_path)
    assert run("send", LETTERS, "--settings", file, "--listen", "localhost:https").exit_code == 2
    assert run("ping", "--settings", file, "--oin", "00000099000000009999").exit_code == 2


def test_ping(box: Berichtenbox, served: Served, tmp_path: Path) -> None:
    """A Ping goes through TLS, CPA and parties; the answer is in the response or goes to the endpoint."""
    result = run("ping", "--settings", settings(box, served, tmp_path))
    assert (result.exit_code, "accepted with HTTP 204" in result.output) == (0, True)
    synchronous = tmp_path / "sync"
    copytree(tmp_path, synchronous)
    (synchronous / "cpa-osb-rm.xml").write_bytes(box.cpa("osb-rm", sync=True))
    result = run("ping", "--settings", str(synchronous / "mobb.toml"), "--json")
    document = json.loads(result.stdout)
    assert (document["schema"], document["ok"], document["outcome"]) == ("mobb.ping/1", True, "Signal")


def test_demo() -> None:
    """The letters of the examples end where they should, unsigned and signed, one acknowledgment lost on the way."""
    result = run("demo", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["schema"], document["ok"]) == (0, "mobb.demo/1", True)
    unsigned, signed = document["nights"]
    assert [night["profile"] for night in document["nights"]] == ["osb-rm", "osb-rm-s"]
    assert [letter["state"] for letter in unsigned["letters"]].count("PAPER") == 1
    assert len(unsigned["sends"]) == 2, "the lost acknowledgment costs one resend"
    assert len({send["sha256"] for send in unsigned["sends"]}) == 1, "of the same octets"
    assert len(signed["sends"]) == 1
    assert (unsigned["signature_holds"], signed["signature_holds"]) == (None, "yes")
    for night in document["nights"]:
        for letter in night["letters"]:
            assert letter["handed_over"] <= letter["acknowledged"] <= letter["processed"]


def test_demo_for_people() -> None:
    """In a pipe there are words only, no colours; every line fits what it says."""
    result = run("demo")
    assert result.exit_code == 0, result.output
    assert "\x1b[" not in result.output
    assert "16 letters, every one ended where it should" in result.output
    assert "sent 2 times, the same octets" in result.output
