"""`mobb serve` as a process of its own: beside one that sends, killed, stopped, with a disk that refuses."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.commands import AS_ON_A_TERMINAL
from tests.endpoints import PATIENCE, answer, ask, health, until, write_settings
from tests.letters import BSNS, letter

from mobb_client.berichtenbox.aflevering import State
from mobb_client.cli.app import mobb
from mobb_client.client import Client
from mobb_client.outbox.contract import EventName
from mobb_client.settings import Settings, load
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.engine import Outgoing
from mobb_client.simulator.material import Terms, make_material
from mobb_client.simulator.server import Served, free_port

pytest.importorskip("cheroot")
pytestmark = pytest.mark.usefixtures("no_hang")


@pytest.fixture
def box() -> Berichtenbox:
    """Return a box of the unsigned reliable profile, which sends a result again and again."""
    terms = Terms(retries=1000, interval="PT1H")
    return Berichtenbox("osb-rm", material=make_material(datetime.now(UTC), terms=terms))


@pytest.fixture
def served(box: Berichtenbox) -> Iterator[Served]:
    """Serve the box until the test ends; what it has to send again comes soon."""
    with box.serve(pace=20_000) as served:
        yield served


@pytest.fixture
def health_port() -> int:
    """Return a free port for the health of the endpoint."""
    return free_port()


@pytest.fixture
def file(box: Berichtenbox, served: Served, tmp_path: Path, health_port: int) -> Path:
    """Return settings for our endpoint, where the box calls it."""
    return write_settings(box, served, tmp_path, f'health = "127.0.0.1:{health_port}"\n')


@contextmanager
def serving(file: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Give a process that serves our endpoint."""
    code = f"{AS_ON_A_TERMINAL}; from mobb_client.cli import main; main()"
    words = [sys.executable, "-c", code, "serve", "--settings", str(file), *more]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("listening at ")
            yield process
        finally:
            process.kill()


def client(settings: Settings) -> Client:
    """Return another process's client on the same outbox."""
    return Client(*settings.senders, outbox=settings.outbox.open())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stop(file: Path, number: signal.Signals, code: int) -> None:
    """Design 6: stopped by a signal, the exit code says which, and nothing is printed but one line."""
    with serving(file) as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == code
        assert "Traceback" not in told
        assert [line for line in told.splitlines() if line and not line.startswith("health at ")] == []


def test_beside_a_sender(box: Berichtenbox, file: Path) -> None:
    """One process sends, another receives, on one SQLite file; the one that sends goes before a result comes."""
    settings = load(file)
    berichten = [letter(kenmerk=f"zaak-{number}", bsn=bsn) for number, bsn in enumerate(BSNS)]
    with serving(file):
        with client(settings) as sender:
            sender.enqueue(berichten)
            sender.send_due()
        with client(settings) as looking:
            until(lambda: all(way.is_ended for way in looking.afleveringen()) and not box.unsettled)
            assert looking.balance()["open"] == 0
    assert box.complaints == []
    assert len(box.letters) == len(berichten)


def test_killed(box: Berichtenbox, file: Path) -> None:
    """B42: killed at any moment and started again, every result has one effect and one acknowledgment."""
    settings = load(file)
    kenmerken = [f"zaak-{number}" for number in range(4)]
    with client(settings) as sender:
        for kenmerk in kenmerken:
            with serving(file) as process:
                sender.enqueue([letter(kenmerk=kenmerk)])
                sender.send_due()
                process.kill()
        with serving(file):
            until(lambda: all(way.is_ended for way in sender.afleveringen()) and not box.unsettled)
            delivered = [event.kenmerk for event in sender.events() if event.name is EventName.LETTER_DELIVERED]
    assert sorted(map(str, delivered)) == kenmerken
    assert len(box.letters) == len(kenmerken)


@pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
def test_two(tmp_path: Path, sync: bool) -> None:
    """B42: the same results at two processes at once: the same answer from both, one effect, one acknowledgment."""
    box = Berichtenbox("osb-rm", sync=sync)
    came: list[Outgoing] = []
    with box.serve() as served:
        served.deliver = came.append  # type: ignore[method-assign] # nothing is brought, all is kept
        file = write_settings(box, served, tmp_path)
        settings, ports = load(file), (free_port(), free_port())
        first, second = (serving(file, "--no-signals", "--listen", f"127.0.0.1:{port}") for port in ports)
        with first, second, client(settings) as sender, ThreadPoolExecutor() as threads:
            sender.enqueue(letter(kenmerk=f"zaak-{number}", bsn=bsn) for number, bsn in enumerate(BSNS))
            sender.send_due()
            until(lambda: any(one.kind == "GLOBE-R-BV-Result" for one in came))

            def post(outgoing: Outgoing, port: int) -> tuple[int, bytes]:
                return answer(box.material, port, outgoing.body, headers=outgoing.headers)

            for outgoing in came:
                asked = [threads.submit(post, outgoing, port) for port in ports * 3]
                assert len({one.result() for one in asked}) == 1
                assert asked[0].result()[0] in {200, 204}
            told = [str(event.name) for event in sender.events()]
            assert {way.state for way in sender.afleveringen()} == {State.DELIVERED}
            assert (told.count("result.received"), told.count("letter.delivered")) == (1, len(BSNS))
            assert sender.send_due().attempted == (0 if sync else 1)


def test_locked(box: Berichtenbox, file: Path, health_port: int) -> None:
    """B39, B47: while another process holds the database all waits, and then goes on; nothing is lost."""
    settings = load(file)
    with serving(file), client(settings) as sender:
        sender.enqueue([letter()])
        with closing(sqlite3.connect(file.parent / "outbox.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with socket.create_connection(("127.0.0.1", health_port)) as line:
                line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                line.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    line.recv(1)
                other.execute("ROLLBACK")
                line.settimeout(PATIENCE)
                assert line.recv(12) == b"HTTP/1.1 200"
        sender.send_due()
        until(lambda: [way.state for way in sender.afleveringen()] == [State.DELIVERED] and not box.unsettled)


def test_refused(box: Berichtenbox, file: Path, health_port: int) -> None:
    """f.7, B42: what the store refuses is answered with an empty 500, and comes again when it takes it."""
    settings = load(file)
    database = file.parent / "outbox.sqlite"
    with serving(file), client(settings) as sender:
        with closing(sqlite3.connect(database, isolation_level=None)) as other:  # as a full disk: no row is taken
            other.execute("CREATE TRIGGER full BEFORE INSERT ON mobb_answer BEGIN SELECT RAISE(ABORT, 'full'); END")
            sender.enqueue([letter()])
            sender.send_due()
            until(lambda: box.letters)
            other.execute("DROP TRIGGER full")
        until(lambda: [way.state for way in sender.afleveringen()] == [State.DELIVERED] and not box.unsettled)
        assert [str(event.name) for event in sender.events()].count("result.received") == 1
        assert health(health_port) == 200


def test_reload(box: Berichtenbox, served: Served, file: Path) -> None:
    """B50: new settings count without a restart; wrong ones are told of, and the old ones stay."""
    with serving(file) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("health at ")
        assert ask(box.material, served.sender_port, method="GET", path="/new") == 404
        text = file.read_text()
        file.write_text(f"{text}\npath = 1\n")
        assert process.stderr.readline() == "mobb: the new settings are wrong; the old ones stay\n"
        assert "settings.value" in process.stderr.readline()
        assert ask(box.material, served.sender_port, method="GET") == 405
        file.write_text(f'{text}\npath = "/new"\nthreads = 2\n')
        process.stderr.readline()  # what to do about the wrong value
        assert "serve.restart" in process.stderr.readline()
        assert ask(box.material, served.sender_port, method="GET", path="/new") == 405


class TestUsage:
    """Design 6: wrong usage or configuration is exit code 2, with what to do."""

    def refused(self, *words: str) -> str:
        """Return what is said of a call that is refused."""
        result = CliRunner().invoke(mobb, ["serve", *words])
        assert result.exit_code == 2, result.output
        return result.output

    def test_extra(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Design 5: without cheroot it names the extra."""
        monkeypatch.setitem(sys.modules, "mobb_client.transport._cheroot", None)
        assert "mobb-client[serve]" in self.refused("--settings", str(file))

    @pytest.mark.parametrize("listen", ["8443", "0.0.0.0:x"])
    def test_listen(self, file: Path, listen: str) -> None:
        """An address that is none."""
        assert "serve.address" in self.refused("--settings", str(file), "--listen", listen)

    def test_taken(self, file: Path, served: Served) -> None:
        """A port where somebody listens already."""
        with suppress(OSError), socket.create_server(("127.0.0.1", served.sender_port)):
            assert "serve.listen" in self.refused("--settings", str(file))

    def test_flags(self, box: Berichtenbox, file: Path) -> None:
        """The command line says it instead of the settings."""
        port = free_port()
        with serving(file, "--listen", f"127.0.0.1:{port}", "--no-signals"):
            assert ask(box.material, port, method="GET") == 405
