"""`mobb work` in a process of its own that is told to stop, in the middle of an upload to a slow server over TLS."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from tests.commands import start
from tests.faults.servers import PATIENCE, Connection, Server, answer, serving, world
from tests.letters import letter, pdf

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.settings import load as load_settings
from mobb_client.simulator.material import Terms, make_material

SIZE = 6_000_000
"""Octets of an attachment: with two of them, a message that no system's buffers hold while nobody reads."""


@dataclass
class Slow:
    """Reads a little of each upload and then nothing, until it may."""

    begun: Event = field(default_factory=Event)
    may_read: Event = field(default_factory=Event)
    whole: list[bytes] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)

    def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        request = connection.read_request(upto=10_000)
        if request is None:
            return
        self.parts.append(request.body[:10_000])
        self.begun.set()
        self.may_read.wait(PATIENCE)
        length = int(request.headers["content-length"])
        body = request.body + connection.read(length - len(request.body))
        if len(body) == length:
            self.whole.append(body)
            connection.send(answer())


@contextmanager
def installed(folder: Path, script: Slow) -> Iterator[tuple[Path, Server]]:
    """Give the settings of a sender whose other side is a slow server, with two large letters in the outbox."""
    with serving(script) as server:
        material = make_material(datetime.now(UTC), terms=Terms(receiver_endpoint=server.url))
        material.write(folder)
        (folder / "ca.pem").write_bytes(world().theirs.pem)
        (folder / "sender.key").write_bytes(world().client.key_pem())
        (folder / "sender.crt").write_bytes(world().client.chain_pem)
        file = folder / "mobb.toml"
        settings = load_settings(file)
        large = replace(settings.senders[0].regels, max_bijlage_bytes=SIZE)
        with Client(*settings.senders, outbox=settings.outbox.open()) as client:
            client.enqueue(
                letter(kenmerk=f"zaak-{number}", bijlagen=[(pdf(SIZE), "Besluit.pdf")], regels=large)
                for number in range(2)
            )
        yield file, server


@contextmanager
def working(file: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Give a `mobb work` that runs, and end it whatever happens."""
    process = start("work", "--settings", file, "--json", *more)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stopped(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Return what a process said, once it has ended; nothing of it on stderr."""
    out, err = process.communicate(timeout=60)
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_in_mid_upload(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A clean stop: no attempt is counted, and another worker sends the same octets at once."""
    slow = Slow()
    with installed(tmp_path, slow) as (file, _):
        with working(file) as process:
            assert slow.begun.wait(60)
            process.send_signal(number)
            slow.may_read.set()
            told = stopped(process)
            assert process.returncode == code
        assert [one["what"] for one in told] == ["started", "report", "stopped"]
        assert (told[1]["built"], told[1]["attempted"]) == (1, 0)
        assert slow.whole == []
        settings = load_settings(file)
        with Client(*settings.senders, outbox=settings.outbox.open()) as other:
            assert [way.state for way in other.afleveringen()] == [State.BATCHED] * 2
            report = other.send_due()
            assert (report.built, report.accepted) == (0, 1)
    (whole,) = slow.whole
    assert all(whole.startswith(part) for part in slow.parts)


def test_second_signal(tmp_path: Path) -> None:
    """Who asks twice does not wait for a server that reads nothing; and what was leased ends with the process."""
    slow = Slow()
    with installed(tmp_path, slow) as (file, _):
        with working(file) as process:
            assert slow.begun.wait(60)
            process.send_signal(signal.SIGTERM)
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
            assert process.returncode == 143
        slow.may_read.set()
        settings = load_settings(file)
        with Client(*settings.senders, outbox=settings.outbox.open()) as other:
            assert other.send_due().accepted == 1
    assert len(slow.whole) == 1


def test_signal_while_it_waits(tmp_path: Path) -> None:
    """With nothing to do it stops at once, however long it was going to wait."""
    slow = Slow()
    slow.may_read.set()
    with installed(tmp_path, slow) as (file, _), working(file, "--poll", "3600") as process:
        assert process.stdout is not None
        while "accepted" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        assert stopped(process)[-1]["what"] == "stopped"
        assert process.returncode == 143
