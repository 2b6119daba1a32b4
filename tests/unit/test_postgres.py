"""What only PostgreSQL has: a heart that beats, connections that break, events that are numbered after their commit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import postgres
from tests.letters import letter
from tests.material import MOMENT
from tests.stored import CPA, OURS, message, put, stored, way, write
from tests.stores import STORES, Store

from mobb_client.errors import ConfigurationError, OutboxError
from mobb_client.outbox import postgres as room
from mobb_client.outbox.contract import Event, EventName, StoredLetter
from mobb_client.outbox.opening import open_outbox
from mobb_client.outbox.postgres import BLOCK, LEASE_SECONDS, MARGIN_SECONDS, PostgresOutbox


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with STORES["postgres"](tmp_path) as made:
        yield made
        made.close()


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def worker(store: Store, watch: Watch | None = None, **more: Any) -> PostgresOutbox:
    """Return a worker by a clock of ours."""
    made = PostgresOutbox(store.url, **({"monotonic": watch} if watch else {}), **more)
    store.workers.append(made)
    return made


def _until_one_waits(store: Store) -> None:
    """Wait until a transaction waits for a lock of another one."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with store.connect() as connection:
        while connection.execute(asked).fetchone() == (0,):
            connection.rollback()  # what is seen of others stands still within a transaction


def silence(store: Store, outbox: PostgresOutbox, seconds: float) -> None:
    """Let the database's clock go on since the last sign of life of a worker."""
    with store.connect() as connection:
        connection.execute(
            "UPDATE mobb_worker SET seen = seen - make_interval(secs => %s) WHERE id = %s", [seconds, outbox._worker]
        )


class TestHeart:
    """B36: what a worker has leased is taken over when it was silent for too long, by the database's clock."""

    def test_taken_over(self, store: Store) -> None:
        """Not a second before the lease has ended, and then at once."""
        first, second = worker(store), worker(store)
        put(first, message(), stored())
        assert first.lease_due([CPA], MOMENT)
        assert first.lease_letters([OURS], MOMENT, 1)
        silence(store, first, LEASE_SECONDS - 10)
        assert second.lease_due([CPA], MOMENT) is None
        silence(store, first, 11)
        assert second.lease_due([CPA], MOMENT)
        assert second.lease_letters([OURS], MOMENT, 1)

    def test_kept(self, store: Store) -> None:
        """A beat is what keeps it."""
        first, second = worker(store), worker(store)
        put(first, message())
        first.lease_due([CPA], MOMENT)
        for _ in range(3):
            silence(store, first, LEASE_SECONDS - 10)
            first.beat()
        assert second.lease_due([CPA], MOMENT) is None

    def test_stops_before(self, store: Store) -> None:
        """By its own clock a worker stops so early that the answer it waits for comes before another may send."""
        watch = Watch()
        first = worker(store, watch)
        put(first, message())
        first.lease_due([CPA], MOMENT)
        check = first.alive_check()
        watch.now += LEASE_SECONDS - MARGIN_SECONDS
        check()
        watch.now += 1
        with pytest.raises(OutboxError, match="out of reach"):
            check()
        first.beat()
        check()

    def test_somebody_else(self, store: Store) -> None:
        """A worker that was taken for dead goes on as somebody else: what it had leased stays lost, and it can tell."""
        watch = Watch()
        first, second = worker(store, watch), worker(store)
        put(first, message("1@x"), message("2@x"))
        first.lease_due([CPA], MOMENT)
        check = first.alive_check()
        silence(store, first, LEASE_SECONDS + 1)
        taken = second.lease_due([CPA], MOMENT)
        assert taken is not None
        first.beat()
        with pytest.raises(OutboxError):
            check()
        with first.transaction() as tx:
            tx.release_message(taken.message_id)
        found = first.lease_due([CPA], MOMENT)
        assert found is not None
        assert {taken.message_id, found.message_id} == {"1@x", "2@x"}
        with pytest.raises(OutboxError):
            check()
        first.alive_check()()

    def test_idle(self, store: Store) -> None:
        """A worker that had nothing to do for long says that it lives before it leases again."""
        watch = Watch()
        first, second = worker(store, watch), worker(store)
        put(first, message("1@x"), message("2@x"))
        first.lease_due([CPA], MOMENT)
        with first.transaction() as tx:
            tx.release_message("1@x")
        watch.now += LEASE_SECONDS * 9
        silence(store, first, LEASE_SECONDS * 9)
        second.lease_due([CPA], MOMENT)
        assert first.lease_due([CPA], MOMENT)
        first.alive_check()()
        assert second.lease_due([CPA], MOMENT) is None

    def test_buried_before_it_leased(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who is suspended between its name and its lease, and was buried meanwhile, leases in another name."""
        first, second = worker(store), worker(store)
        put(first, message())
        name = first._me
        old = name()

        def suspended() -> str:
            monkeypatch.setattr(first, "_me", name)
            silence(store, first, LEASE_SECONDS + 1)
            second.expiring(MOMENT, 1)
            return old

        monkeypatch.setattr(first, "_me", suspended)
        assert first.lease_due([CPA], MOMENT)
        first.alive_check()()
        assert first._worker != old
        silence(store, first, LEASE_SECONDS + 1)
        assert second.lease_due([CPA], MOMENT), "nobody would ever have freed a lease in the old name"

    def test_nobody_is_buried_while_it_leases(self, store: Store) -> None:
        """And who leases may say that it lives."""
        first, second = worker(store), worker(store)
        old = first._me()
        with first._leasing() as (_, name):
            silence(store, first, LEASE_SECONDS + 1)
            second.expiring(MOMENT, 1)
            first.beat()
            assert name == first._worker == old

    def test_half_written(self, store: Store) -> None:
        """Octets that a worker did not finish, or that never got a message, go when it is dead."""
        first, second = worker(store), worker(store)
        write(first, "1@x")
        silence(store, first, LEASE_SECONDS + 1)
        second.expiring(MOMENT, 1)
        with pytest.raises(OutboxError, match="gone"):
            second.open_body("1@x")
        with pytest.raises(OutboxError, match="another worker's"), first.transaction() as tx:
            tx.put_message(message("1@x"))

    def test_nobody(self, store: Store) -> None:
        """Who has leased nothing has no heart."""
        worker(store).beat()
        with store.connect() as connection:
            assert connection.execute("SELECT count(*) FROM mobb_worker").fetchone() == (0,)


class TestConnections:
    """B39: a database that goes away for a while costs a clear error, and nothing else."""

    def test_between(self, store: Store) -> None:
        """A connection that broke while nobody used it is replaced without a word."""
        outbox = worker(store)
        put(outbox, stored())
        for db in outbox._idle:
            db._connection.close()  # type: ignore[attr-defined] # ours
        assert [one.kenmerk for one in outbox.afleveringen()] == ["zaak-1"]

    def test_during(self, store: Store) -> None:
        """One that breaks in a transaction: an error, nothing of it stored, and the next one works."""
        outbox = worker(store)

        def fail() -> None:
            with outbox.transaction() as tx:
                tx.add_letter(stored())
                with closing(store.connect()) as connection:
                    mine = tx._db._connection.info.backend_pid  # type: ignore[attr-defined] # ours
                    connection.execute("SELECT pg_terminate_backend(%s)", [mine])
                    connection.commit()
                tx.way((OURS, "zaak-1"))

        with pytest.raises(OutboxError):
            fail()
        assert list(outbox.afleveringen()) == []
        put(outbox, stored())

    def test_no_deadlock(self, store: Store) -> None:
        """Letters that move as one are locked in the order of everybody, whatever the database's own is."""
        first, second = worker(store), worker(store)
        older, newer = sorted((way("zaak-1"), way("zaak-2")), key=lambda one: one.bericht_id, reverse=True)
        put(first, *(StoredLetter(bericht=None, aflevering=one) for one in (older, newer)))

        def move() -> None:
            with second.transaction() as tx:
                for plan in ("seqscan", "bitmapscan"):  # by the index, which is in the order of the BerichtIDs
                    tx._db.run(f"SET LOCAL enable_{plan} = off")  # type: ignore[attr-defined] # ours
                tx.put_ways([older, newer], replace(older, resends=1))

        with ThreadPoolExecutor() as pool, first.transaction() as tx:
            assert tx.way(older.key) == older
            moved = pool.submit(move)
            _until_one_waits(store)
            assert tx.way(newer.key) == newer, "a deadlock is an OutboxError here"
        moved.result()
        assert [one.resends for one in first.afleveringen()] == [1, 1]

    def test_restart(self, store: Store) -> None:
        """The whole server is restarted: while it is away each call says so, then all goes on."""
        outbox = worker(store)
        put(outbox, stored(), message())
        server = postgres.server()
        assert server is not None
        server.stop()
        try:
            with pytest.raises(OutboxError):
                outbox.lease_letters([OURS], MOMENT, 1)
        finally:
            server.start()
        assert outbox.lease_letters([OURS], MOMENT, 1)
        assert outbox.open_body("1@own.example").read() == b"hello"

    def test_failed_and_committed(self, store: Store) -> None:
        """A transaction of which a statement failed is never taken for stored."""
        outbox = worker(store)

        def fail() -> None:
            with outbox.transaction() as tx:
                tx.add_letter(stored())
                with pytest.raises(OutboxError):
                    tx._db.rows("SELECT 1 FROM nothing")  # type: ignore[attr-defined] # ours

        with pytest.raises(OutboxError):
            fail()
        assert list(outbox.afleveringen()) == []

    def test_broken_commit(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A lease of which nobody knows whether it was stored does not last as long as its worker lives."""
        outbox = worker(store)
        put(outbox, message())
        outbox.lease_letters([OURS], MOMENT, 1)
        before, commit = outbox._worker, type(outbox._idle[0]).commit

        def break_after(db: Any) -> None:
            commit(db)
            raise OutboxError("the connection broke")

        with monkeypatch.context() as patch:
            patch.setattr(type(outbox._idle[0]), "commit", break_after)
            with pytest.raises(OutboxError):
                outbox.lease_due([CPA], MOMENT)
        assert outbox.lease_due([CPA], MOMENT) is None, "stored after all, for a worker that is no more"
        outbox._worker, now = before, outbox._worker
        silence(store, outbox, LEASE_SECONDS + 1)
        outbox._worker = now
        assert outbox.lease_due([CPA], MOMENT) == message()

    def test_unreachable(self) -> None:
        """Nobody there: said with where, and without a password."""
        with pytest.raises(OutboxError) as caught:
            open_outbox("postgresql://mobb:geheim@127.0.0.1:1/mobb")
        assert "127.0.0.1" in str(caught.value)
        assert "geheim" not in f"{caught.value!r}{caught.value.__cause__}{caught.value.__context__!r}"

    def test_no_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without psycopg the error names the extra."""
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(ConfigurationError) as caught:
            PostgresOutbox("")
        assert "mobb-client[postgres]" in caught.value.findings[0].advice

    def test_repr(self, store: Store) -> None:
        """B55: a password may stand in the URL."""
        assert repr(worker(store)) == "PostgresOutbox(...)"

    def test_durable(self, store: Store) -> None:
        """A server that commits without waiting for its disk is asked to wait; one that does more is left alone."""
        for given, found in (("off", "on"), ("remote_apply", "remote_apply")):
            outbox = PostgresOutbox(
                f"{store.url.partition(' options')[0]} options='{store.options} -csynchronous_commit={given}'"
            )
            with closing(outbox), outbox._work() as db:
                assert db.rows("SHOW synchronous_commit") == [(found,)]


class TestNumbers:
    """Design 3, hooks: no event appears below one that was read."""

    def test_late_commit(self, store: Store) -> None:
        """A transaction that began first and ends last: its events come after those that were read meanwhile."""
        outbox = worker(store)
        event = Event(at=MOMENT, name=EventName.LETTER_QUEUED)
        with outbox.transaction() as slow:
            slow.add_event(event)
            slow.flush()  # type: ignore[attr-defined] # ours
            put(outbox, event, event)
            (first, second) = outbox.events()
        (third,) = outbox.events(second.number)
        assert first.number < second.number < third.number
        assert [one.number for one in outbox.events()] == [first.number, second.number, third.number]

    def test_read_only(self, store: Store) -> None:
        """Who only looks numbers nothing."""
        outbox = worker(store)
        put(outbox, Event(at=MOMENT, name=EventName.LETTER_QUEUED))
        looking = worker(store, read_only=True)
        assert list(looking.events()) == []
        outbox.events()
        assert len(looking.events()) == 1


class TestReadOnly:
    """Opened to look, nothing is ever written."""

    def test_looks(self, store: Store) -> None:
        """Everything can be read, and nothing changed."""
        put(worker(store), stored(), message())
        looking = worker(store, read_only=True)
        assert [one.kenmerk for one in looking.afleveringen()] == ["zaak-1"]
        with looking.transaction() as tx:
            assert tx.way((OURS, "zaak-1"))
            assert tx.message("1@own.example")
        with pytest.raises(OutboxError, match="read only"), looking.transaction() as tx:
            tx.add_letter(stored("zaak-2"))
        with pytest.raises(OutboxError, match="read only"):
            looking.lease_due([CPA], MOMENT)

    def test_nothing_there(self, store: Store) -> None:
        """Nothing is made either."""
        with pytest.raises(OutboxError, match="no outbox"):
            worker(store, read_only=True)


class TestBlocks:
    """Large messages go in and out in blocks."""

    @pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5])
    def test_sizes(self, store: Store, size: int) -> None:
        """B08: whatever the size, the octets that went in come out, with the head written last."""
        outbox = worker(store)
        octets = bytes(range(251)) * (size // 251 + 1)
        head, whole = b"HEAD"[:size], octets[:size]

        def fill(sink: Any) -> None:
            sink.write(bytes(len(head)))
            for start in range(len(head), size, 196_608):
                sink.write(whole[start : min(size, start + 196_608)])
            sink.seek(0)
            sink.write(head)
            sink.seek(size)
            assert sink.tell() == size

        outbox.write_body("1@x", fill)
        with outbox.open_body("1@x") as file:
            assert file.read() == head + whole[len(head) :]
            file.seek(size // 2)
            assert (file.tell(), file.read(3)) == (size // 2, (head + whole[len(head) :])[size // 2 :][:3])

    def test_rows(self, store: Store) -> None:
        """One row a block."""
        worker(store).write_body("1@x", lambda sink: sink.write(bytes(2 * BLOCK + 1)))
        with store.connect() as connection:
            found = connection.execute("SELECT number, length(data) FROM mobb_block ORDER BY number").fetchall()
        assert found == [(0, BLOCK), (1, BLOCK), (2, 1)]

    def test_only_the_head(self, store: Store) -> None:
        """What was given away cannot be written again."""

        def fill(sink: Any) -> None:
            assert sink.writable()
            assert sink.seekable()
            sink.write(bytes(2 * BLOCK))
            sink.seek(BLOCK)
            sink.write(b"x")

        with pytest.raises(OSError, match="only the first block"):
            worker(store).write_body("1@x", fill)
        with pytest.raises(OSError, match="only from the beginning"):
            worker(store).write_body("1@x", lambda sink: sink.seek(0, 2))


def test_no_values_in_errors(store: Store) -> None:
    """B55: the database quotes the row that it refuses; we do not."""
    outbox = worker(store)
    bericht = letter(kenmerk="zaak-1")

    def fail() -> None:
        with outbox._work() as db:
            for _ in range(2):
                db.run("INSERT INTO mobb_content VALUES (?, ?)", ("same", bericht.bsn.digits))

    with pytest.raises(OutboxError) as caught:
        fail()
    assert str(caught.value) == "the database refused: UniqueViolation (23505)"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_shared_paths(store: Store, tmp_path: Path) -> None:
    """Design 3: a path is read and stored, unless all workers see the same disk."""
    file = tmp_path / "besluit.pdf"
    file.write_bytes(b"%PDF-1.7\n%%EOF")
    for kenmerk, shared, kept in (("a", False, 1), ("b", True, 1)):
        outbox = worker(store, shared_paths=shared)
        way = stored(kenmerk).aflevering
        put(outbox, StoredLetter(bericht=letter(kenmerk=kenmerk, bijlagen=[file]), aflevering=way))
        with store.connect() as connection:
            assert connection.execute("SELECT count(*) FROM mobb_bijlage").fetchone() == (kept,)


def test_figures() -> None:
    """An answer may be waited for half a minute after the last octet: by then nobody else may have begun."""
    assert room.BEAT_SECONDS * 3 < LEASE_SECONDS - MARGIN_SECONDS
    assert MARGIN_SECONDS > 30 + room.BEAT_SECONDS / 2
