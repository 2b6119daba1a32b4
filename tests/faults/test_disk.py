"""A store in trouble: left-overs of the dead, full and read-only disks, locks of others, files that are no database.

Each time a clear error or a wait, and afterwards nothing is lost and everything goes on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.faults.auditor import Auditor, check_box
from tests.letters import letter, pdf
from tests.material import MOMENT
from tests.simulated import make_box, sender_of
from tests.stored import write
from tests.stores import STORES

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.errors import OutboxError
from mobb_client.local import endpoint_of
from mobb_client.outbox._worker_lock import PREFIX, WorkerLock
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.simulator import Berichtenbox, Response
from mobb_client.simulator.material import Terms

TERMS = Terms(retries=8, interval="PT30M")
ROOM = 2048
"""Of the small disk, in kB."""


@dataclass
class Site:
    """One outbox in a folder, with a box on the other side; its endpoint says 500 when nothing can be stored."""

    folder: Path
    busy_seconds: float = 30.0
    box: Berichtenbox = field(default_factory=lambda: make_box("osb-rm", terms=TERMS))
    refused: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "outbox.sqlite"

    @property
    def octets(self) -> Path:
        """The folder beside it."""
        return self.folder / "outbox.sqlite.d"

    def client(self) -> Client:
        """Return a new client on it."""
        outbox = SqliteOutbox(self.path, busy_seconds=self.busy_seconds)
        made = Client(sender_of(self.box), outbox=outbox, wire=self.box.wire, now=self.box.clock.now)
        receive = endpoint_of(made)

        def receive_or_fail(headers: dict[str, str], body: bytes, *, peer: bytes) -> Any:
            try:
                return receive(headers, body, peer=peer)
            except OutboxError as error:
                self.refused.append(str(error))
                return Response(500, {}, b"")

        self.box.connect(receive_or_fail)
        return made

    def work(self, client: Client, number: int = 6) -> None:
        """Hand letters over, with an attachment each, and see them through."""
        client.enqueue(letters(number))
        for _ in range(60):
            client.send_due()
            self.box.process()
            client.send_due()
            if not client.balance()["open"] and self.box.next_due() is None:
                return
            self.box.clock.advance(minutes=10)
        raise AssertionError(f"still open: {client.balance()}")

    def check(self, number: int = 6) -> None:
        """Each letter was delivered once, and nothing is left over."""
        expected = {f"zaak-{one}": "DELIVERED" for one in range(number)}
        with closing(sqlite3.connect(self.path)) as connection:
            auditor = Auditor(connection, self.octets)
            auditor.check_closed(expected)
            auditor.check_endings(expected)
        check_box(self.box, dict.fromkeys(expected, 1), oin=sender_of(self.box).oins[0].digits)


def letters(number: int = 6) -> list[Any]:
    """Return letters with an attachment of 20 kB each."""
    return [letter(kenmerk=f"zaak-{one}", bijlagen=[(pdf(20_000), "Besluit.pdf")]) for one in range(number)]


class TestLeftOver:
    """What the dead leave behind goes with the first worker that comes after them."""

    def test_sign_of_life(self, tmp_path: Path) -> None:
        """A worker that died after it made its file, and before it was written down, leaves nothing for ever."""
        path = tmp_path / "outbox.sqlite"
        folder = tmp_path / "outbox.sqlite.d"
        SqliteOutbox(path).close()
        WorkerLock(folder, "dead").let_go()
        with closing(SqliteOutbox(path)) as outbox:
            write(outbox)
            assert not (folder / f"{PREFIX}dead").exists()
            assert len(list(folder.glob(f"{PREFIX}*"))) == 1, "ours"

    def test_octets(self, tmp_path: Path) -> None:
        """B49: octets of which the row is gone, and those that were never finished."""
        with STORES["sqlite"](tmp_path) as store:
            folder = tmp_path / "outbox.sqlite.d"
            dead = store.worker()
            write(dead, "half@x")
            store.kill(dead)
            (folder / "no-row@x").write_bytes(b"x")
            (folder / ".part-half2@x").write_bytes(b"x")
            with closing(store.worker()) as outbox:
                write(outbox, "good@x")
                assert outbox.lease_due(["cpa"], MOMENT) is None
                left = {path.name for path in folder.iterdir() if not path.name.startswith(PREFIX)}
                assert left == {"good@x"}


# A full disk


def mounted(folder: Path, *options: str) -> None:
    """Mount a small disk in memory, or change the one that is there; skip where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={ROOM}k", "mode=0700", *options)), "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of one megabyte."""
    folder = tmp_path / "disk"
    mounted(folder)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(disk: Path, room: int) -> Iterator[None]:
    """Fill a disk up to so many kB."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_bsize - room * 1024))
    try:
        yield
    finally:
        filler.unlink()


class TestFull:
    """B38: a full disk costs time and nothing else, wherever it strikes."""

    @pytest.mark.parametrize("room", range(0, 700, 28))
    @pytest.mark.parametrize("again", ["the same client", "another client"])
    def test_wherever(self, disk: Path, room: int, again: str) -> None:
        """B38: while enqueuing, while octets are written, at a COMMIT, when a result comes in: it ends all the same."""
        site = Site(disk)
        client = site.client()
        with filled(disk, room):
            for step in (lambda: client.enqueue(letters()), client.send_due, site.box.process, client.send_due):
                with suppress(OutboxError):
                    step()
        if again == "another client":
            with closing(client):
                pass
            client = site.client()
        with client:
            site.work(client)
        site.check()

    def test_told(self, disk: Path) -> None:
        """B38: each says what is wrong, and what was there before still is."""
        site = Site(disk)
        with site.client() as client:
            client.enqueue([letter(kenmerk="zaak-1"), letter(kenmerk="zaak-2", bijlagen=[(pdf(90_000), "a.pdf")])])
            with filled(disk, 8), pytest.raises(OutboxError, match="the disk is full"):
                client.enqueue([letter(kenmerk="zaak-3", bijlagen=[(pdf(90_000), "a.pdf")])])
            assert [way.kenmerk for way in client.afleveringen()] == ["zaak-1", "zaak-2"]
            with filled(disk, 100), pytest.raises(OutboxError, match="the disk is full"):
                client.send_due()  # the octets have no room
            assert {way.state for way in client.afleveringen()} == {State.QUEUED}
            assert not [path for path in site.octets.iterdir() if not path.name.startswith(PREFIX)]
            client.send_due()
            with filled(disk, 0):
                site.box.process()
            assert set(site.refused) == {"the disk is full"}
            assert {way.state for way in client.afleveringen()} == {State.SENT}

    def test_room_is_enough(self, disk: Path) -> None:
        """The whole job fits when there is room: so it was the lack of it that the tests above felt."""
        site = Site(disk)
        with site.client() as client, filled(disk, 1400):
            site.work(client)
        site.check()

    def test_octets_without_message(self, tmp_path: Path) -> None:
        """B38: when the COMMIT fails after the octets were stored, they do not stay: a worker may live for months."""
        site = Site(tmp_path, busy_seconds=0.01)
        with site.client() as client, ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
            client.enqueue(letters())
            write_body = client._outbox.write_body

            def write_and_hold(*args: Any) -> Any:
                written = write_body(*args)
                stack.enter_context(held(site.path))
                return written

            patch.setattr(client._outbox, "write_body", write_and_hold)
            with pytest.raises(OutboxError, match="another process"):
                client.send_due()
            stack.close()
            patch.undo()
            client.send_due()
            site.box.process()
            kept = [path for path in site.octets.iterdir() if not path.name.startswith(PREFIX)]
            assert len(kept) == 1, "our acknowledgment"
            site.work(client)
        site.check()


class TestReadOnly:
    """A disk or an outbox that cannot be written."""

    def test_disk(self, disk: Path) -> None:
        """B38: nothing can be handed over, and it is said why; when the disk can be written again it goes on."""
        site = Site(disk)
        with site.client() as client:
            client.enqueue(letters(2))
        mounted(disk, "remount", "ro")
        with pytest.raises(OutboxError, match=r"read only|cannot be (written|opened)"):
            site.client().enqueue(letters())
        mounted(disk, "remount", "rw")
        with site.client() as client:
            site.work(client)
        site.check()

    @pytest.mark.parametrize("others", ["nobody", "a worker"])
    def test_only_looking(self, tmp_path: Path, others: str) -> None:
        """Design 3: opened to look, nothing is written: the same octets and moments, whatever is asked."""
        site = Site(tmp_path)
        client = site.client()
        client.enqueue(letters())
        client.send_due()
        if others == "nobody":
            client.close()
        before = looked_at(tmp_path)
        with Client(sender_of(site.box), outbox=SqliteOutbox(site.path, read_only=True), wire=site.box.wire) as looker:
            assert looker.balance()["input"] == len(list(looker.afleveringen())) == 6
            assert looker.aflevering("zaak-0")
            assert looker.events()
            for change in (lambda: looker.enqueue([letter()]), looker.send_due, lambda: looker._outbox.purge(MOMENT)):
                with pytest.raises(OutboxError, match="read only"):
                    change()
        after = looked_at(tmp_path)
        assert {name: after[name] for name in before} == before
        assert set(after) - set(before) <= {"outbox.sqlite-wal"}, "an empty log is SQLite's own sign that it looks"
        assert (tmp_path / "outbox.sqlite-wal").stat().st_size == 0 or others == "a worker"
        client.close()


def looked_at(folder: Path) -> dict[str, tuple[int, str]]:
    """Return moment and digest of each file; shared memory, in which SQLite marks who reads, is no file."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


# Locks of others

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Let another process hold the database for writing."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        yield
        holder.stdin.close()


class TestBusy:
    """B39: a database that another process holds is an error to try again after, or a wait; never a loss."""

    def test_told(self, tmp_path: Path) -> None:
        """B39: enqueue, send and receive each say so, and go on afterwards with the same client."""
        site = Site(tmp_path, busy_seconds=0.01)
        busy = "another process holds the database; try again"
        with site.client() as client:
            client.enqueue(letters(1))
            with held(site.path), pytest.raises(OutboxError, match=busy):
                client.enqueue(letters())
            with held(site.path), pytest.raises(OutboxError, match=busy):
                client.send_due()
            client.send_due()
            with held(site.path):
                site.box.process()
            assert set(site.refused) == {busy}
            site.work(client)
        site.check()

    def test_while_posting(self, tmp_path: Path) -> None:
        """B39, B46: what became of a post cannot be stored: it is sent again in the same octets, and counts once."""
        site = Site(tmp_path, busy_seconds=0.01)
        with site.client() as client:
            client.enqueue(letters())
            post = site.box.wire.post

            def post_and_hold(*args: Any) -> Any:
                answer = post(*args)
                stack.enter_context(held(site.path))
                return answer

            with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
                patch.setattr(site.box.wire, "post", post_and_hold)
                with suppress(OutboxError):
                    client.send_due()
            site.work(client)
        site.check()

    def test_waits(self, tmp_path: Path) -> None:
        """B39: whoever has time waits, and is served as soon as the other is done."""
        site = Site(tmp_path)
        with site.client() as client:
            with held(site.path):
                thread = threading.Thread(target=lambda: client.enqueue(letters()))
                thread.start()
                assert list(client.afleveringen()) == [], "reading waits for nobody"
            thread.join()
            site.work(client)
        site.check()


# Files that are not what they should be


def spoil(path: Path, how: str) -> None:
    """Make a database something else."""
    octets = path.read_bytes()
    changed = {
        "truncated": octets[: len(octets) // 2],
        "a text": b"dit is geen database\n" * 1000,
        "zeros": bytes(len(octets)),
        "pages of noise": octets[:4096] + hashlib.sha512(octets).digest() * (len(octets) // 64),
    }
    path.write_bytes(changed[how])


class TestSpoilt:
    """A database that is none any more is said to be so, is not touched, and when it is put back all goes on."""

    @pytest.mark.parametrize("how", ["truncated", "a text", "zeros", "pages of noise"])
    def test_database(self, tmp_path: Path, how: str) -> None:
        """Not a crash, not a new and empty outbox: an error, and the file stays as it is."""
        site = Site(tmp_path)
        with site.client() as client:
            client.enqueue(letters(60))
        good = site.path.read_bytes()
        spoil(site.path, how)
        bad = site.path.read_bytes()

        def work() -> None:
            with site.client() as client:
                client.send_due()
                list(client.afleveringen())

        with pytest.raises(OutboxError) as caught:
            work()
        assert "zaak" not in str(caught.value)
        assert site.box.letters == ()
        assert site.path.read_bytes() == bad
        site.path.write_bytes(good)
        with site.client() as client:
            site.work(client, 60)
        site.check(60)

    def test_folder_removed(self, tmp_path: Path) -> None:
        """B49: octets that somebody took away are told, and their letters go in another message when theirs expires."""
        site = Site(tmp_path)
        with site.client() as client, site.box.outage():
            client.enqueue(letters())
            client.send_due()
        shutil.rmtree(site.octets)
        with site.client() as client:
            site.work(client)
            alarms = [event for event in client.events() if event.name == "message.alarm"]
        assert [event.data["reason"] for event in alarms] == ["outbox.body"]
        site.check()

    def test_folder_removed_under_us(self, tmp_path: Path) -> None:
        """B49: while a worker lives as well: said at once, and nothing goes without its octets."""
        site = Site(tmp_path)
        with site.client() as client:
            client.enqueue(letters())
            client._outbox.lease_due(["none"], MOMENT)
            shutil.rmtree(site.octets)
            with pytest.raises(OutboxError, match="cannot be written"):
                client.send_due()
        with site.client() as client:
            site.work(client)
        site.check()
