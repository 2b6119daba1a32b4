"""A small night over TLS: a sender with an outbox in this process, and a simulator in a process of its own."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from measure import MB, Bench, Figure, figure, in_child, letter, peak, peak_from_here, spread_of, workbench

PATIENCE = 300
"""Seconds after which a night that is not over has gone wrong."""
PROFILES = {"unsigned": "osb-rm", "signed": "osb-rm-s"}


# The rows


def night_120kb(quick: bool) -> list[Figure]:
    """Letters with a PDF of 120 kB each, from `enqueue` over TLS to their results: processor time of ours, a letter.

    The simulator's time is not counted. The floor is base64, both digests and the encryption of the same PDFs. A
    thousand letters a time, five times, on one SQLite outbox.
    """
    with workbench(100 if quick else 1000, 120_000) as bench, _worker(bench, "unsigned", "sqlite") as worker:
        worker.night(bench.paths)  # warm up: imports, schemas, page cache, the first pages of the outbox
        before = peak_from_here()
        spent = [(*worker.night(bench.paths), _cpu_of(bench.encrypted_floor)) for _ in range(3 if quick else 5)]
        grown, octets = peak() - before, worker.octets_a_letter()
    count = len(bench.paths)
    cpu = [1000 * used / count for used, _, _ in spent]
    rate = [count / wall for _, wall, _ in spent]
    floor = statistics.median(1000 * floor / count for *_, floor in spent)
    beside = f"{min(rate):.0f} to {max(rate):.0f}, the simulator on the same machine"
    return [
        figure("night_120kB", statistics.median(cpu), "ms", spread_of(cpu), floor=floor)
        | {"ratio": statistics.median(used / least for used, _, least in spent)},
        figure("night_120kB_rate", statistics.median(rate), "a s", beside),
        figure("night_120kB_bytes", octets / 1000, "kB", "a letter, in the documents that were sent"),
        figure("night_120kB_memory", grown, "MB", "growth of the peak"),
    ]


def end_to_end_100mb(quick: bool) -> list[Figure]:
    """A message of 100 MB, from PDFs on disk to a balance that closes: growth of the sender's peak memory.

    Unsigned and signed, with either durable outbox, each in a process of its own, over TLS.
    """
    count = 30 if quick else 149
    stores = ["sqlite", *(["postgres"] if _postgres().binaries() else [])]
    return [
        figure(
            f"end_to_end_{count * 500_000 * 4 // 3 // MB + 1}MB_{signing}_{store}",
            *in_child(_whole, signing, store, count),
        )
        for signing in PROFILES
        for store in stores
    ]


def _whole(signing: str, store: str, count: int) -> tuple[float, str, str]:
    """Return by how many MB the peak grows over one message, imports and schemas left out; the unit; the time."""
    with workbench(count, 500_000) as bench, _worker(bench, signing, store) as worker:
        worker.night(bench.paths[:2])
        before = peak_from_here()
        _, wall = worker.night(bench.paths)
        return peak() - before, "MB", f"growth of the peak; {wall:.1f} s"


def _cpu_of(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


# The other side


def simulate(folder: Path, connection: Connection) -> None:
    """Serve a Berichtenbox until this process is killed: what a sender needs is in the folder, its port is sent."""
    from mobb_client.simulator import Berichtenbox

    box = Berichtenbox("osb-rm")
    with box.serve() as served:
        box.material.write(folder)
        for profile in PROFILES.values():
            (folder / f"cpa-{profile}.xml").write_bytes(box.cpa(profile))
        connection.send(served.sender_port)
        connection.recv()


# Ours


@contextmanager
def _worker(bench: Bench, signing: str, store: str) -> Iterator[_Worker]:
    """Give a sender beside a simulator."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    simulator = spawn.Process(target=simulate, args=(bench.folder, theirs), daemon=True)
    with ExitStack() as stack:
        simulator.start()
        stack.callback(simulator.kill)
        port = ours.recv()
        worker = _Worker(bench.folder, PROFILES[signing], stack.enter_context(_outbox(store, bench.folder)), port)
        yield stack.enter_context(closing(worker))


@contextmanager
def _outbox(store: str, folder: Path) -> Iterator[Any]:
    from mobb_client import PostgresOutbox, SqliteOutbox

    if store == "sqlite":
        yield SqliteOutbox(folder / "night.sqlite")
        return
    with _postgres().schema() as conninfo:
        yield PostgresOutbox(conninfo)


def _postgres() -> Any:
    """Return what starts a PostgreSQL server for the tests."""
    sys.path.append(str(Path(__file__).parent.parent))
    from tests import postgres

    return postgres


class _Worker:
    """A sender with its endpoint, on an outbox."""

    def __init__(self, folder: Path, profile: str, outbox: Any, port: int) -> None:
        from mobb_client import CPA, Certificate, Client, Identity, Regels, Sender
        from mobb_client.transport.listener import Listener

        identity = Identity.from_path(folder / "sender.key", folder / "sender.crt")
        anchors = (Certificate.from_path(folder / "ca.pem"),)
        cpa, regels = CPA.from_path(folder / f"cpa-{profile}.xml"), Regels(batch_bytes=100 * MB)
        sender = Sender(oin=identity.certificate.oin, cpa=cpa, identity=identity, anchors=anchors, regels=regels)
        self._client = Client(sender, outbox=outbox)
        self._listener = Listener(self._client.receive, identity=identity, anchors=anchors, port=port)
        self._seen = 0

    def night(self, paths: list[Path]) -> tuple[float, float]:
        """Send a letter with each PDF, and wait for every result; return processor time and seconds."""
        letters = [letter(f"{self._seen}-{number}", path) for number, path in enumerate(paths)]
        self._seen += len(letters)
        cpu, wall = time.process_time(), time.perf_counter()
        self._client.enqueue(letters)
        while self._client.balance()["open"]:
            assert time.perf_counter() - wall < PATIENCE, "no result came"
            self._client.send_due()
            time.sleep(0.05)
        assert self._client.balance()["delivered"] == self._seen
        self._client.send_due()  # our acknowledgments
        return time.process_time() - cpu, time.perf_counter() - wall

    def octets_a_letter(self) -> float:
        """Return what a letter took of the documents that were sent."""
        from mobb_client.outbox.contract import EventName

        made = [event.data for event in self._client.outbox.events(0, names=[EventName.MESSAGE_PENDING])]
        return sum(one["payload_bytes"] for one in made) / sum(one["letters"] for one in made)

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self._client.close()
