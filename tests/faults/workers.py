"""Many workers on one outbox, each a process of its own, one or another of them killed again and again.

    python -m tests.faults.workers --store sqlite --workers 2 --letters 400

Each writes down on its wire when a post begins and when it ends, and whoever kills writes that down as well: no message
may be in the hands of two that live. Judges: that book, the simulator's memory, and SQL that is ours.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from tests.faults.auditor import Auditor, bericht_id, crossings
from tests.faults.kill import OIN, Fast, Simulator, fork, sender_of, warm
from tests.letters import letter
from tests.stores import STORES, Store

from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.outbox.contract import Outbox
from mobb_client.transport.https import HttpsWire
from mobb_client.transport.listener import Listener

PATIENCE = 120.0
SLOW = 0.003
CITIZENS = {"999900006": "DELIVERED", "999900304": "PAPER", "999993653": "DELIVERED"}


class Book:
    """A file to which every process adds lines, each in one write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def add(self, *words: object) -> None:
        """Write one line."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())

    @property
    def lines(self) -> list[list[str]]:
        """Everything that was written."""
        return [line.split() for line in self.path.read_text().splitlines()]


@dataclass
class Noted:
    """A wire that writes down what it does, and takes its time."""

    wire: HttpsWire
    book: Book

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Any:
        """Post, between two lines in the book. Which message it is stands in its octets."""
        start = body.tell()
        head = body.read(min(size, 8192))
        body.seek(start)
        message_id = head.partition(b"MessageId>")[2].partition(b"<")[0].decode()
        self.book.add("begin", os.getpid(), message_id)
        time.sleep(SLOW)
        try:
            return self.wire.post(url, headers, body, size)
        finally:
            self.book.add("end", os.getpid(), message_id)


@dataclass
class Yard:
    """One outbox, its workers, and who kills them."""

    simulator: Simulator
    store: Store
    book: Book
    number: int
    chance: random.Random
    workers: dict[int, str] = field(default_factory=dict)
    kills: int = 0

    def __post_init__(self) -> None:
        """Make the sender once."""
        self.identity, self.sender = sender_of(self.simulator, Regels(batch_berichten=2))
        bsns = list(CITIZENS)
        self.letters = [letter(kenmerk=f"zaak-{one}", bsn=bsns[one % len(bsns)]) for one in range(self.number)]

    # What the processes do

    def receive(self) -> None:
        """Take in what comes, until killed."""
        with self._client(self.store.open()) as client:
            anchors = self.sender.anchors
            with Listener(client.receive, identity=self.identity, anchors=anchors, port=self.simulator.port):
                self.book.add("listening", os.getpid())
                signal.sigwait({signal.SIGTERM})

    def work(self) -> None:
        """Send what is due until nothing is open."""
        outbox: Any = self.store.open()
        self.book.add("worker", os.getpid(), outbox._me())
        with self._client(outbox) as client:
            while client.balance()["open"] or self.simulator.unsettled or outbox.next_due([self.sender.cpa.cpa_id]):
                client.send_due()
                time.sleep(0.002)

    def _client(self, outbox: Outbox) -> Client:
        wire = HttpsWire(anchors=self.sender.anchors, identity=self.identity)
        return Client(self.sender, outbox=outbox, wire=Noted(wire, self.book), now=Fast().now)

    # What is done to them

    def run(self, workers: int) -> None:
        """Hand the letters over, and let them be sent by processes of which now one, now another is killed."""
        with self._client(self.store.open()) as client:
            client.enqueue(self.letters)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        receiver = fork(self.receive)
        steady, *mortal = [fork(self.work) for _ in range(workers)]
        end = time.monotonic() + PATIENCE
        while mortal:
            assert time.monotonic() < end, "still at work"
            time.sleep(self.chance.uniform(0.01, 0.15))
            victim = mortal.pop(self.chance.randrange(len(mortal)))
            if self._kill(victim):
                mortal.append(fork(self.work))
        assert os.waitpid(steady, 0)[1] == 0
        os.kill(receiver, signal.SIGTERM)
        assert os.waitpid(receiver, 0)[1] == 0

    def _kill(self, pid: int) -> bool:
        """Kill a worker; return False when it had done its work before that."""
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, "a worker failed"
            return False
        self.book.add("killed", pid)  # before it is done: others see a death at once, and the book must not lag behind
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.kills += 1
        if self.store.name == "postgres":  # where a death is seen by the time that has passed
            worker = next((line[2] for line in self.book.lines if line[:2] == ["worker", str(pid)]), "")
            with closing(self.store.connect()) as connection:
                connection.execute("UPDATE mobb_worker SET seen = '-infinity' WHERE id = %s", [worker])
                connection.commit()
        return True

    # What came of it

    def judge(self) -> list[str]:
        """Return what is not as it should be."""
        endings = list(CITIZENS.values())
        expected = {f"zaak-{one}": endings[one % len(endings)] for one in range(self.number)}
        with self._client(self.store.open()) as next_night:  # whoever comes next takes over from those killed last
            next_night.send_due()
        with closing(self.store.connect()) as connection:
            folder = self.book.path.parent / "outbox.sqlite.d"
            auditor = Auditor(connection, folder if folder.exists() else None)
            auditor.check_closed(expected)
            auditor.check_endings(expected)
        report = self.simulator.report()
        found, _ = crossings(report["complaints"])
        if report["letters"] != {bericht_id(OIN, one): 1 for one in expected}:
            found.append("the simulator has other letters, or more often than once")
        if len(set(report["sends"])) != (self.number + 1) // 2:
            found.append(f"{len(set(report['sends']))} messages")
        return found + together(self.book.lines)


def together(lines: list[list[str]]) -> list[str]:
    """Return the messages that were in the hands of two workers at the same time.

    A kill is written down before it is done, since others see the death at once: what the killed begins after that line
    counts, and whoever takes it over then is right.
    """
    found = []
    killed: set[str] = set()
    busy: dict[str, str] = {}
    for what, pid, *rest in lines:
        if what == "killed":
            killed.add(pid)
        elif what == "begin":
            holder = busy.get(rest[0], pid)
            if holder != pid and holder not in killed:
                found.append(f"{rest[0]} is sent by {holder} and by {pid}")
            busy[rest[0]] = pid
        elif what == "end" and busy.get(rest[0]) == pid:
            del busy[rest[0]]
    return found


def main() -> int:
    """Run it as a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=sorted(set(STORES) - {"memory"}), default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--letters", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="mobb-workers-") as place, STORES[given.store](Path(place)) as store:
        (Path(place) / "warm").mkdir()
        warm(Path(place) / "warm")
        simulator = Simulator(Path(place), "osb-rm")
        try:
            yard = Yard(simulator, store, Book(Path(place) / "book"), given.letters, random.Random(given.seed))  # noqa: S311 - moments, no secrets
            yard.run(given.workers)
            found = yard.judge()
        finally:
            simulator.close()
        posts = Counter(line[1] for line in yard.book.lines if line[0] == "begin")
        lines = [
            f"{given.workers} workers on {given.store}, {yard.kills} kills, {posts.total()} posts by {len(posts)}",
            *(found or ["each letter once; no message in two hands at the same time"]),
        ]
        print("\n".join(lines))  # noqa: T201 - this is a program
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
