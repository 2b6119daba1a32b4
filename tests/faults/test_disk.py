"""A store in trouble: left-overs of the dead, full and read-only disks, locks of others, files that are no database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.material import MOMENT
from tests.stored import write
from tests.stores import STORES

from mobb_client.outbox._worker_lock import PREFIX, WorkerLock
from mobb_client.outbox.sqlite import SqliteOutbox


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
        """Octets of which the row is gone, and those that were never finished."""
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
