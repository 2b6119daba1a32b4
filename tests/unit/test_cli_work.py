"""`mobb work` against a Berichtenbox on a socket: rounds, settings that change, a store that is gone."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.commands import document, run, start
from tests.letters import letter

from mobb_client.cli import work
from mobb_client.cli.work import Signalled, _Told, _Worker
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.fresh import Fresh
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.settings import load
from mobb_client.simulator.berichtenbox import Berichtenbox
from mobb_client.simulator.server import Served
from mobb_client.tally import SendReport


@pytest.fixture
def box() -> Berichtenbox:
    """Return a box of the unsigned reliable profile."""
    return Berichtenbox("osb-rm")


@pytest.fixture
def served(box: Berichtenbox) -> Iterator[Served]:
    """Serve the box until the test ends."""
    with box.serve() as served:
        yield served


@pytest.fixture
def file(box: Berichtenbox, served: Served, tmp_path: Path) -> Path:
    """Write the settings of a sender of that box, under the CPA that acknowledges in the response."""
    terms = replace(box.material.terms, receiver_endpoint=served.url, sender_endpoint=served.sender_url)
    replace(box.material, terms=terms).write(tmp_path)
    (tmp_path / "cpa-osb-rm.xml").write_bytes(box.cpa("osb-rm", sync=True))
    return tmp_path / "mobb.toml"


def enqueue(file: Path, *kenmerken: str) -> None:
    """Hand over letters, as another process would."""
    settings = load(file)
    with Client(*settings.senders, outbox=settings.outbox.open()) as client:
        client.enqueue(letter(kenmerk=one) for one in kenmerken)


def states(file: Path) -> list[str]:
    """Return where each letter stands, looked at from outside."""
    outbox = load(file).outbox.open(read_only=True)
    found = [str(way.state) for way in outbox.afleveringen()]
    outbox.close()
    return found


def lines(text: str) -> list[dict[str, Any]]:
    """Return the JSON documents, one a line."""
    return [json.loads(line) for line in text.splitlines()]


class TestOnce:
    """One round, for a cron job."""

    def test_sends(self, file: Path, box: Berichtenbox) -> None:
        """What is due leaves; one line says what was done."""
        enqueue(file, "zaak-1", "zaak-2")
        result = run("work", "--settings", file, "--once")
        assert result.exit_code == 0, result.output
        (line,) = result.output.splitlines()
        assert line.endswith("report: built 1, attempted 1, acknowledged 1")
        assert (states(file), box.complaints) == (["ACKNOWLEDGED", "ACKNOWLEDGED"], [])

    def test_nothing(self, file: Path) -> None:
        """Nothing to do is well, and says nothing."""
        result = run("work", "--settings", file, "--once")
        assert (result.exit_code, result.output) == (0, "")

    def test_json(self, file: Path) -> None:
        """A document that names its schema."""
        enqueue(file, "zaak-1")
        told = document(run("work", "--settings", file, "--once", "--json"))
        assert (told["schema"], told["what"], told["acknowledged"], told["refused"]) == ("mobb.work/1", "report", 1, 0)

    def test_unreachable(self, box: Berichtenbox, tmp_path: Path) -> None:
        """Nobody listens: 3, and until when the CPA is left alone."""
        with box.serve() as gone:
            terms = replace(box.material.terms, receiver_endpoint=gone.url)
            replace(box.material, terms=terms).write(tmp_path)
        enqueue(tmp_path / "mobb.toml", "zaak-1")
        result = run("work", "--settings", tmp_path / "mobb.toml", "--once")
        assert result.exit_code == 3
        assert "paused: cpa_id " in result.output
        assert states(tmp_path / "mobb.toml") == ["BATCHED"]

    def test_blocked(self, file: Path) -> None:
        """A CPA that asks for a key that is not there: 1, with what to do."""
        (file.parent / "cpa-osb-rm.xml").write_bytes((file.parent / "cpa-osb-rm-s.xml").read_bytes())
        text = file.read_text().replace('key = "sender.key"\n', "").replace('certificate = "sender.crt"\n', "")
        file.write_text(text)
        enqueue(file, "zaak-1")
        result = run("work", "--settings", file, "--once")
        assert (result.exit_code, "codes key.needed" in result.output) == (1, True)

    def test_store(self, file: Path) -> None:
        """B39: a store that cannot be opened: 4."""
        (file.parent / "outbox.sqlite").write_text("this is no database, but it is long enough to be looked at")
        result = run("work", "--settings", file, "--once")
        assert (result.exit_code, "SQLite" in result.output) == (4, True)

    def test_wrong_settings(self, file: Path) -> None:
        """Settings that are wrong from the beginning: 2."""
        file.write_text("sender = []")
        assert run("work", "--settings", file, "--once").exit_code == 2


class Rounds:
    """A worker in this process: its waits are where a test does something."""

    def __init__(self, file: Path, *steps: Callable[[], object], poll: float = 7.0) -> None:
        self.signalled = Signalled()
        self.waits: list[float] = []
        self._steps = list(steps)
        self.worker = _Worker(file, load(file), poll, self.signalled, _Told(as_json=True))
        self.signalled.stop.wait = self._wait  # type: ignore[method-assign] # no test waits

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        if not self._steps:
            self.signalled.handle(15, None)
        else:
            self._steps.pop(0)()
        return self.signalled.stop.is_asked

    def run(self) -> int:
        """Work until the steps are done, and a SIGTERM after them."""
        try:
            return self.worker.work()
        finally:
            self.worker.close()


class TestRounds:
    """Again and again."""

    def test_rounds(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What comes later goes too; after a SIGTERM the exit code is 143."""
        rounds = Rounds(file, lambda: enqueue(file, "zaak-1"), lambda: enqueue(file, "zaak-2"))
        assert rounds.run() == 143
        told = lines(capsys.readouterr().out)
        assert [one["what"] for one in told] == ["started", "report", "report", "stopped"]
        assert states(file) == ["ACKNOWLEDGED", "ACKNOWLEDGED"]

    def test_next_due(self, file: Path) -> None:
        """It comes back when something is due, and at the latest after --poll seconds."""
        rounds = Rounds(file)
        rounds.run()
        assert rounds.waits == [7.0]

    def test_store_gone(self, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """B39: a database that is gone, locked or full is told, waited for ever longer, and gone on with."""
        failing = iter(["locked", "locked", "full"])
        lease_letters = SqliteOutbox.lease_letters

        def lease(*args: Any) -> Any:
            for what in failing:
                raise OutboxError(f"the database is {what}")
            return lease_letters(*args)

        monkeypatch.setattr(SqliteOutbox, "lease_letters", lease)
        enqueue(file, "zaak-1")
        rounds = Rounds(file, *[lambda: None] * 3)
        rounds.run()
        assert rounds.waits[:3] == [1, 2, 4]
        told = lines(capsys.readouterr().out)
        assert [one["error"] for one in told if one["what"] == "outbox"] == [
            "the database is locked",
            "the database is locked",
            "the database is full",
        ]
        assert states(file) == ["ACKNOWLEDGED"]

    def test_store_not_there_yet(self, file: Path) -> None:
        """B39: nor does it matter when the store comes later than the worker."""
        database = file.parent / "outbox.sqlite"
        database.write_text("this is no database, but it is long enough to be looked at")

        def repair() -> None:
            database.unlink()
            enqueue(file, "zaak-1")

        Rounds(file, repair, lambda: None).run()
        assert states(file) == ["ACKNOWLEDGED"]


class TestSettings:
    """B50: settings, CPAs and certificates that change while it runs."""

    def test_cpa(self, file: Path, box: Berichtenbox, capsys: pytest.CaptureFixture[str]) -> None:
        """B50: the CPA file changes, and the next message uses it."""
        cpa = file.parent / "cpa-osb-rm.xml"

        def change() -> None:
            cpa.write_bytes(box.cpa("osb-rm"))
            enqueue(file, "zaak-2")

        enqueue(file, "zaak-1")
        Rounds(file, change, lambda: None).run()
        assert states(file)[0] == "ACKNOWLEDGED", "in the response"
        assert states(file)[1] in {"SENT", "ACKNOWLEDGED"}, "accepted, and acknowledged at our endpoint"
        told = lines(capsys.readouterr().out)
        assert [one["what"] for one in told] == ["started", "report", "settings", "report", "stopped"]
        assert (told[1]["acknowledged"], told[3]["acknowledged"], told[3]["accepted"]) == (1, 0, 1)

    def test_wrong(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """B50: what is wrong is told once, the old ones stay, and what is repaired is used."""
        key = file.parent / "sender.key"
        good = key.read_bytes()

        def spoil() -> None:
            key.write_bytes(b"half a k")
            enqueue_with_old(file, good, "zaak-1")

        def repair() -> None:
            key.write_bytes(good)
            file.write_text(file.read_text() + "[sending]\nparallel = 3\n")

        rounds = Rounds(file, spoil, lambda: None, lambda: None, repair, lambda: None)
        rounds.run()
        assert states(file) == ["ACKNOWLEDGED"]
        out, err = capsys.readouterr()
        told = [one["what"] for one in lines(out)]
        assert told == ["started", "settings-wrong", "report", "settings", "stopped"]
        assert "(key.format)" in err
        assert rounds.worker._settings.sending.parallel == 3

    def test_outbox_moves(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Another outbox is not opened while letters of this one are under way: it waits for the next start."""

        def change() -> None:
            file.write_text(file.read_text().replace("outbox.sqlite", "other.sqlite"))

        Rounds(file, change, lambda: None).run()
        (told,) = (one for one in lines(capsys.readouterr().out) if one["what"] == "settings")
        assert told["outbox"] == "at the next start"
        assert not (file.parent / "other.sqlite").exists()

    def test_while_it_sends(self, file: Path) -> None:
        """B50: a night that takes hours does not keep new settings out."""
        rounds = Rounds(file, poll=0.05)
        rounds.worker._opened()
        used = threading.Event()
        rounds.worker._client.use = lambda *_, **__: used.set()  # type: ignore[union-attr, method-assign]
        with rounds.worker._watching():
            os.utime(file, ns=(1, 1))
            assert used.wait(20)
        rounds.worker.close()

    def test_file_gone(self, file: Path) -> None:
        """A file that is gone is a change like another."""
        fresh = Fresh(file, load(file), at_once=True)
        assert fresh.look() is None
        (file.parent / "ca.pem").unlink()
        with pytest.raises(ConfigurationError):
            fresh.look()
        assert fresh.look() is None, "told once"


def enqueue_with_old(file: Path, key: bytes, kenmerk: str) -> None:
    """Hand over a letter by settings that are in order elsewhere."""
    spoilt = (file.parent / "sender.key").read_bytes()
    (file.parent / "sender.key").write_bytes(key)
    enqueue(file, kenmerk)
    (file.parent / "sender.key").write_bytes(spoilt)


class TestTold:
    """What a log says."""

    def test_changes_only(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each thing once: what was done since the last time, a pause, a CPA that is blocked."""
        told = _Told(as_json=False)
        error = ConfigurationError(Finding("key.needed", field="key", measure="no key"))
        told.report(SendReport())
        told.report(SendReport(built=2))
        told.report(SendReport(built=2, attempted=2, accepted=2))
        told.settled(SendReport(built=2, attempted=2, accepted=2, blocked={"cpa": error}))
        told.report(SendReport())
        told.settled(SendReport(blocked={"cpa": error}))
        told.settled(SendReport())
        told.settled(SendReport(blocked={"cpa": ZeroDivisionError()}))
        out = [line.partition("UTC  ")[2] for line in capsys.readouterr().out.splitlines()]
        assert out == [
            "report: built 2",
            "report: attempted 2, accepted 2",
            "blocked: cpa_id cpa, codes key.needed",
            "blocked: cpa_id cpa, codes ZeroDivisionError",
        ]

    def test_second_signal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second one ends it at once, whatever is going on."""
        ended: list[int] = []
        monkeypatch.setattr(work.os, "_exit", ended.append)
        signalled = Signalled()
        heard: list[str] = []
        signalled.listeners.append(lambda: heard.append("stop"))
        signalled.handle(2, None)
        assert (heard, ended, signalled.exit_code) == (["stop"], [], 130)
        signalled.handle(15, None)
        assert ended == [143]


def test_figures(file: Path) -> None:
    """Users 3: what a worker in a process of its own does is seen from outside, while it does it."""
    enqueue(file, "zaak-1", "zaak-2")
    process = start("work", "--settings", file, "--json", "--metrics", "127.0.0.1:0")
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["listen"]
        wanted = 'mobb_letters_total{state="ACKNOWLEDGED"} 2.0'
        while wanted not in (text := scraped(f"http://{address}/metrics")):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (143, "")
    assert 'mobb_batches_total{state="ACKNOWLEDGED"} 1.0' in text
    assert "mobb_ack_seconds_count 1.0" in text
    assert [one["what"] for one in lines(out)][-1] == "stopped"


def scraped(url: str) -> str:
    """Return the figures as Prometheus fetches them."""
    answer = requests.get(url, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text
