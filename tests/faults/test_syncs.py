"""The order of syncs, seen from outside by strace: on the disk first, on the wire after that.

Asserted over every thread's own system calls, so that no scheduler decides what this sees.
"""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.material import make_material

ROOT = Path(__file__).parents[2]
_CALLS = "openat,write,pwrite64,writev,sendto,sendmsg,fsync,fdatasync,rename,renameat,renameat2"
_LINE = re.compile(r"(?P<at>[\d.]+) (?P<call>\w+)\((?P<rest>.*) = (?P<result>-?\d+)\S* ?.*<(?P<took>[\d.]+)>$")
_ON = re.compile(r"\d+<(?P<on>[^>]*(?:->[^>]*)?)>")
_RENAMED = re.compile(r'"(?P<old>[^"]*)".*"(?P<new>[^"]*)"')


@cache
def why_not() -> str:
    """Return why nothing can be watched here; empty when it can."""
    if shutil.which("strace") is None:
        return "no strace on this machine"
    done = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "this machine lets nobody trace"


@dataclass(frozen=True)
class Call:
    """One system call: when it began, how long it took, and on which file or connection."""

    at: float
    took: float
    name: str
    on: str
    new: str = ""

    @property
    def is_sync(self) -> bool:
        """Whether it makes something durable."""
        return self.name in {"fsync", "fdatasync"}

    @property
    def is_sent(self) -> bool:
        """Whether it puts octets on the wire."""
        return self.on.startswith("TCP") and self.name in {"write", "writev", "sendto", "sendmsg"}

    @property
    def is_written(self) -> bool:
        """Whether it changes a file; the shared memory of a database is no file in this sense."""
        return self.name in {"write", "writev", "pwrite64"} and "/outbox/" in self.on and not self.on.endswith("-shm")


@dataclass(frozen=True)
class Trace:
    """What one process did, thread by thread."""

    threads: tuple[tuple[Call, ...], ...]
    folder: Path
    marks: dict[str, float]

    @property
    def calls(self) -> list[Call]:
        """All calls, by when they began."""
        return sorted((call for thread in self.threads for call in thread), key=lambda call: call.at)


def read(folder: Path) -> Trace:
    """Read the traces in a folder, one file a thread."""
    threads = tuple(tuple(_calls(path)) for path in sorted(folder.glob("t.*")))
    marks = {
        call.on.removeprefix("mark:"): call.at for thread in threads for call in thread if call.on.startswith("mark:")
    }
    return Trace(threads, folder, marks)


def _calls(path: Path) -> Iterator[Call]:
    for line in path.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None or found["result"] == "-1":
            continue
        at, took, rest = float(found["at"]), float(found["took"]), found["rest"]
        renamed = _RENAMED.search(rest) if found["call"].startswith("rename") else None
        if mark := re.search(r'"(mark:\w+)', rest):
            yield Call(at, took, "mark", mark[1])
        elif renamed:
            yield Call(at, took, "rename", renamed["old"], renamed["new"])
        elif on := _ON.match(rest):
            yield Call(at, took, found["call"], on["on"])


def watched(folder: Path, spoilt: str = "nothing") -> Trace:
    """Let `tests.faults.traced` do its work under strace, over TLS with a simulator in this process."""
    (folder / "outbox").mkdir()
    box = Berichtenbox("osb-rm-s", material=make_material(datetime.now(UTC)))
    with box.serve() as served:
        for name, octets in (
            ("sender.key", box.material.sender.key_pem),
            ("sender.crt", box.material.sender.certificate_pem),
            ("ca.pem", box.material.authority.certificate_pem),
            ("cpa.xml", served.cpa_bytes),
        ):
            (folder / name).write_bytes(octets)
        options = ["-ff", "-ttt", "-T", "-yy", "-s", "24", "-e", f"trace={_CALLS}", "-o", str(folder / "t")]
        program = [sys.executable, "-m", "tests.faults.traced", str(folder), str(served.sender_port), spoilt]
        done = subprocess.run(
            ["strace", *options, *program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
    assert (done.returncode, box.complaints) == (0, []), done.stderr
    assert "'delivered': 2" in done.stdout
    return read(folder)


def spoken_too_soon(trace: Trace) -> list[str]:
    """Return what a thread had written and not yet synced when it put octets on the wire."""
    found = []
    for thread in trace.threads:
        unsynced: dict[str, str] = {}
        for call in thread:
            if call.is_written:
                unsynced[call.on] = f"{Path(call.on).name} is written and not synced"
            elif call.name == "rename" and "/outbox/" in call.new:
                unsynced[str(Path(call.new).parent)] = f"the folder does not know {Path(call.new).name} for sure"
            elif call.is_sync:
                unsynced.pop(call.on, None)
            elif call.is_sent or call.name == "mark":
                found += unsynced.values()
    return found


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Return what a night does that is as it should be."""
    if why := why_not():
        pytest.skip(why)
    return watched(tmp_path_factory.mktemp("night"))


class TestOrder:
    """Design 3: write before you speak."""

    def test_nothing_too_soon(self, trace: Trace) -> None:
        """Whatever a thread has written is durable before it says a word; and all that happens is in the trace."""
        assert spoken_too_soon(trace) == []
        assert sum(call.is_sent for call in trace.calls) > 10
        assert sum(call.is_written for call in trace.calls) > 100

    def test_enqueue(self, trace: Trace) -> None:
        """The letters are written and synced before `enqueue` returns."""
        during = [call for call in trace.calls if trace.marks["enqueue"] < call.at < trace.marks["enqueued"]]
        log = [call for call in during if call.on.endswith("outbox.sqlite-wal")]
        assert any(call.is_written for call in log)
        assert log[-1].is_sync

    def test_batch(self, trace: Trace) -> None:
        """Octets, their file, its name, its folder, the COMMIT: then the first octet on the wire."""
        octets = next(call for call in trace.calls if call.is_written and ".part-" in call.on)
        thread = next(thread for thread in trace.threads if octets in thread)
        after = thread[thread.index(octets) :]
        renamed = next(call for call in after if call.name == "rename")
        steps = [
            next(call for call in after if call.is_sync and call.on == octets.on),
            renamed,
            next(call for call in after if call.is_sync and call.on == str(Path(renamed.new).parent)),
        ]
        rest = after[after.index(steps[-1]) :]
        log = [call for call in rest if call.on.endswith("outbox.sqlite-wal")]
        steps += [next(call for call in log if call.is_written), next(call for call in log if call.is_sync)]
        steps.append(min((call for call in trace.calls if call.is_sent), key=lambda call: call.at))
        assert renamed.on == octets.on
        assert all(first.at + first.took <= then.at for first, then in pairwise(steps))
        assert not any(call.is_written for call in after[after.index(steps[0]) :] if call.on == octets.on)

    def test_incoming(self, trace: Trace) -> None:
        """Of a result that came in: what it did, and our acknowledgment of it, are durable before our reply begins."""
        endpoints = [thread for thread in trace.threads if thread and thread[0].is_sent]  # the handshake is ours first
        assert len(endpoints) == 2, "an acknowledgment and a result"
        for thread in endpoints:
            *_, last = (number for number, call in enumerate(thread) if call.is_written)
            assert thread[last + 1].is_sync
            assert thread[-1].is_sent
        with_octets = [thread for thread in endpoints if any(".part-" in call.on for call in thread)]
        assert len(with_octets) == 1, "our acknowledgment is a message of its own, stored before the reply"

    def test_for_its_owner_alone(self, trace: Trace) -> None:
        """B55: whatever the umask: files 0600, folder 0700."""
        found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (trace.folder / "outbox").iterdir()}
        assert found == {
            "outbox.sqlite": 0o600,
            "outbox.sqlite-wal": 0o600,
            "outbox.sqlite-shm": 0o600,
            "outbox.sqlite.d": 0o700,
        }
        inside = list((trace.folder / "outbox" / "outbox.sqlite.d").iterdir())
        assert inside
        assert {stat.S_IMODE(path.stat().st_mode) for path in inside} == {0o600}

    @pytest.mark.parametrize(("spoilt", "told"), [("fsync", "know|part-"), ("commit", "outbox.sqlite is written")])
    def test_it_sees(self, spoilt: str, told: str, tmp_path: Path) -> None:
        """Without the syncs of the octets, or those of the COMMIT, this test fails: it can."""
        if why := why_not():
            pytest.skip(why)
        assert re.search(told, "\n".join(spoken_too_soon(watched(tmp_path, spoilt))))


def test_synchronous(tmp_path: Path) -> None:
    """Design 3: FULL at least, on every connection; and nothing of a deleted row stays in its page."""
    outbox = SqliteOutbox(tmp_path / "outbox.sqlite")
    connections: list[Any] = [outbox._connect(), outbox._connect()]
    for db in connections:
        assert db.rows("PRAGMA synchronous")[0][0] >= 2
        assert db.rows("PRAGMA secure_delete") == [(1,)]
        db.close()
    outbox.close()
