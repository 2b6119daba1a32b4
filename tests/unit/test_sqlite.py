"""What only SQLite has: files beside the database, a lock that tells who lives, and versions of its tables."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.material import MOMENT
from tests.stored import BATCH, CPA, OURS, message, put, stored, way, write

from mobb_client.berichtenbox.aflevering import State
from mobb_client.errors import ConfigurationError, OutboxError
from mobb_client.outbox import _schema, _worker_lock
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.outbox.opening import open_outbox
from mobb_client.outbox.sqlite import SqliteOutbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the outbox is to be."""
    return tmp_path / "outbox.sqlite"


PRESENT = len(_schema.MIGRATIONS)


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Return what a statement finds, by a connection that is not the library's."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


class TestVersions:
    """Design 3: the tables have a version; a newer library brings them forward, an older one keeps away."""

    LATER = ("CREATE TABLE mobb_later (name TEXT)", "ALTER TABLE mobb_letter ADD COLUMN later TEXT")

    def test_forward(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An outbox of an older version gets what the newer one adds, with everything that was in it."""
        with closing(SqliteOutbox(path)) as old:
            put(old, stored(), message())
        monkeypatch.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, self.LATER))
        with closing(SqliteOutbox(path)) as new:
            assert list(new.afleveringen()) == [way()]
            assert new.lease_due([CPA], MOMENT) == message()
        assert sql(path, "SELECT version FROM mobb_outbox") == [(PRESENT + 1,)]
        assert sql(path, "SELECT later FROM mobb_letter") == [(None,)]
        SqliteOutbox(path).close()

    def test_all_or_nothing(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A migration that fails half-way leaves the tables as they were."""
        SqliteOutbox(path).close()
        before = sql(path, "SELECT sql FROM sqlite_master ORDER BY name")
        monkeypatch.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, (self.LATER[0], "CREATE NONSENSE")))
        with pytest.raises(OutboxError):
            SqliteOutbox(path)
        assert sql(path, "SELECT sql FROM sqlite_master ORDER BY name") == before
        assert sql(path, "SELECT version FROM mobb_outbox") == [(PRESENT,)]

    def test_newer(self, path: Path) -> None:
        """An outbox of a newer library is refused, and untouched."""
        SqliteOutbox(path).close()
        sql(path, "UPDATE mobb_outbox SET version = 99")
        with pytest.raises(OutboxError, match="newer version"):
            SqliteOutbox(path)
        assert sql(path, "SELECT version FROM mobb_outbox") == [(99,)]

    def test_read_only(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Opened to look, an older outbox is refused and none is made."""
        with pytest.raises(OutboxError, match="cannot be opened"):
            SqliteOutbox(path, read_only=True)
        assert not path.exists()
        sql(path, "CREATE TABLE zaak (naam TEXT)")
        with pytest.raises(OutboxError, match="no outbox"):
            SqliteOutbox(path, read_only=True)
        SqliteOutbox(path).close()
        monkeypatch.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, self.LATER))
        with pytest.raises(OutboxError, match="older version"):
            SqliteOutbox(path, read_only=True)

    def test_the_same_outbox(self, path: Path) -> None:
        """Its id is made once."""
        ids = set()
        for _ in range(2):
            with closing(SqliteOutbox(path)) as outbox:
                ids.add(outbox._id)
        assert len(ids) == 1


class TestFiles:
    """Files that are complete before a row says so, and for their owner alone."""

    def test_modes(self, path: Path) -> None:
        """0600 and 0700, whatever the process lets others do."""
        before = os.umask(0)
        try:
            with closing(SqliteOutbox(path)) as outbox:
                put(outbox, stored(), message())
                outbox.lease_due([CPA], MOMENT)
                found = {one.name: one.stat().st_mode & 0o777 for one in [*path.parent.rglob("*")]}
        finally:
            os.umask(before)
        assert found.pop("outbox.sqlite.d") == 0o700
        assert len(found) == 5, "the database, its log and index, a message, the sign of life"
        assert set(found.values()) == {0o600}

    def test_journal(self, path: Path) -> None:
        """A new database writes ahead; of one that was there its owner decides."""
        SqliteOutbox(path).close()
        assert sql(path, "PRAGMA journal_mode") == [("wal",)]
        other = path.with_name("zaken.sqlite")
        sql(other, "CREATE TABLE zaak (naam TEXT)")
        with closing(SqliteOutbox(other)) as outbox, outbox._work() as db:
            assert db.rows("PRAGMA journal_mode") == [("delete",)]
            assert db.rows("PRAGMA synchronous") == [(3,)]
            assert db.rows("PRAGMA secure_delete") == [(1,)]

    def test_swept(self, path: Path) -> None:
        """What a dead worker left is removed: half a file, a file whose row was never committed, its sign of life."""
        folder = path.with_name("outbox.sqlite.d")
        with closing(SqliteOutbox(path)) as outbox:
            put(outbox, message("kept@x"))
            dead = SqliteOutbox(path)
            write(dead, "unfinished@x")
            for name in ("no-row@x", ".part-no-row@x", ".worker-unknown"):
                (folder / name).write_bytes(b"x")
            assert dead._lock is not None
            dead._lock.let_go()
            outbox.expiring(MOMENT, 1)
            assert sorted(one.name for one in folder.iterdir()) == [f".worker-{outbox._worker}", "kept@x"]
            dead._worker = ""
            dead.close()

    def test_names(self, path: Path) -> None:
        """A MessageId is a file name, whatever it holds."""
        with closing(SqliteOutbox(path)) as outbox:
            write(outbox, "a/../b c@x:[::1]")
            with outbox.open_body("a/../b c@x:[::1]") as file:
                assert file.read() == b"hello"
        assert not (path.parent / "b c@x:[::1]").exists()


class TestLives:
    """B36: who lives is known from the system, and no clock is asked."""

    def test_killed(self, path: Path) -> None:
        """What a process had leased is free the moment that it is killed."""
        with closing(SqliteOutbox(path)) as outbox:
            put(outbox, stored(), message())
            code = (
                "import os, sys; from mobb_client.outbox.sqlite import SqliteOutbox;"
                "from tests.stored import CPA, OURS; from tests.material import MOMENT;"
                "outbox = SqliteOutbox(sys.argv[1]); outbox.lease_due([CPA], MOMENT);"
                "outbox.lease_letters([OURS], MOMENT, 9); print('leased', flush=True); sys.stdin.read()"
            )
            root = Path(__file__).parents[2]
            with subprocess.Popen(
                [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
            ) as child:
                assert child.stdout is not None
                assert child.stdout.readline() == b"leased\n"
                assert outbox.lease_due([CPA], MOMENT) is None
                assert not outbox.lease_letters([OURS], MOMENT, 9)
                child.kill()
            assert outbox.lease_due([CPA], MOMENT) == message()
            assert outbox.lease_letters([OURS], MOMENT, 9)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    @pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
    def test_forked(self, path: Path) -> None:
        """A child is somebody else: it keeps nothing of its parent alive, and takes nothing from it."""
        with closing(SqliteOutbox(path)) as outbox:
            put(outbox, message("1@x"), message("2@x"))
            outbox.lease_due([CPA], MOMENT)

            def child() -> bool:
                found = outbox.lease_due([CPA], MOMENT)
                none = outbox.lease_due([CPA], MOMENT)
                outbox.close()
                return found is not None and found.message_id == "2@x" and none is None

            assert in_child(child)
            with outbox.transaction() as tx:
                assert tx.message("1@x")
            assert in_child(lambda: outbox.close() is None)
            found = outbox.lease_due([CPA], MOMENT)
            assert found is not None, "what the child had leased came free, what the parent has is the parent's"
            assert found.message_id == "2@x"

    def test_closed(self, path: Path) -> None:
        """Who closes lets go of everything at once."""
        with closing(SqliteOutbox(path)) as outbox:
            put(outbox, message())
            other = SqliteOutbox(path)
            other.lease_due([CPA], MOMENT)
            other.close()
            other.close()
            assert outbox.lease_due([CPA], MOMENT) == message()

    def test_lock(self, tmp_path: Path) -> None:
        """Held by its worker; dead without a file, or with one that nobody holds."""
        held = _worker_lock.WorkerLock(tmp_path, "a")
        assert not _worker_lock.is_dead(tmp_path, "a")
        held.let_go()
        assert _worker_lock.is_dead(tmp_path, "a")
        assert _worker_lock.is_dead(tmp_path, "a")
        assert list(tmp_path.iterdir()) == []


def in_child(work: Callable[[], bool]) -> bool:
    """Tell whether something is true in a forked child."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class TestOpening:
    """An outbox by its URL."""

    def test_kinds(self, tmp_path: Path) -> None:
        """A path is relative to a folder; in memory nothing is written."""
        with closing(open_outbox("sqlite:a.sqlite", folder=tmp_path)) as outbox:
            assert repr(outbox) == f"SqliteOutbox({str(tmp_path / 'a.sqlite')!r})"
        assert isinstance(open_outbox("memory:"), MemoryOutbox)

    @pytest.mark.parametrize("url", ["", "sqlite:", "mysql://mobb:geheim@x/y", "outbox.sqlite"])
    def test_others(self, url: str) -> None:
        """Another kind is refused, and nothing of it quoted."""
        with pytest.raises(ConfigurationError) as caught:
            open_outbox(url)
        assert [finding.code for finding in caught.value.findings] == ["outbox.url"]
        assert "geheim" not in str(caught.value)

    def test_no_database(self, tmp_path: Path) -> None:
        """A file that is something else is left as it is."""
        (tmp_path / "notes.txt").write_text("notes " * 1000)
        with pytest.raises(OutboxError, match="no SQLite database"):
            SqliteOutbox(tmp_path / "notes.txt")
        assert (tmp_path / "notes.txt").read_text() == "notes " * 1000

    def test_no_folder(self, tmp_path: Path) -> None:
        """Said with what the system says."""
        with pytest.raises(OutboxError, match="No such file or directory"):
            SqliteOutbox(tmp_path / "none" / "outbox.sqlite")


class TestMemory:
    """A worker lives for months on the same connections."""

    def test_statements(self, path: Path) -> None:
        """No statement leaves anything behind: a connection remembers every cursor that is made by its class."""
        with closing(SqliteOutbox(path)) as outbox:
            outbox.last_event()
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                for _ in range(5000):
                    outbox.last_event()
                assert tracemalloc.get_traced_memory()[0] - before < 50_000
            finally:
                tracemalloc.stop()


class TestPlans:
    """Design 4: what is asked at every turn costs the same with half a million letters as with ten."""

    def test_by_index(self, path: Path) -> None:
        """No statement of a turn of a worker, or of a batch or result, reads a whole table of letters or messages."""
        said: list[str] = []
        with closing(SqliteOutbox(path)) as outbox:
            put(outbox, stored(batch_id=BATCH), message())
            for db in outbox._idle:
                db.connection.set_trace_callback(said.append)  # type: ignore[attr-defined] # ours
            outbox.lease_letters([OURS], MOMENT, 10)
            outbox.lease_due([CPA], MOMENT)
            outbox.next_due([CPA])
            outbox.expiring(MOMENT, 10)
            outbox.overdue(MOMENT, 10)
            outbox.of_state(State.HUMAN)
            outbox.ways([(OURS, "zaak-1")])
            with outbox.transaction() as tx:
                tx.ways_of_batch(BATCH)
                tx.messages_of_batch(BATCH)
                tx.way_by_id(BATCH)
                tx.answer("1@x")
                tx.put_way(way())
        asked = [one for one in said if one.startswith(("SELECT", "UPDATE"))]
        assert len(asked) > 15
        with closing(sqlite3.connect(path)) as connection:
            plans = {one: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")] for one in asked}
        scans = {one: plan for one, plan in plans.items() for step in plan if step in WHOLE}
        assert scans == {}


WHOLE = {f"SCAN {table}" for table in ("mobb_letter", "mobb_message", "mobb_event", "mobb_answer", "mobb_content")}
