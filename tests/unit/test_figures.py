"""The figures of a store: one suite, run over each of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from tests.material import MOMENT
from tests.stored import OURS, THEIRS, message, put, stored, way
from tests.stores import STORES, Store

from mobb_client.berichtenbox.abonnementen import Aanvraag, Variant, Verzoek
from mobb_client.berichtenbox.aflevering import State
from mobb_client.ebms import exchange
from mobb_client.outbox import _figures
from mobb_client.outbox.contract import Event, EventName, Outbox, RowKind, RunRow, StoredMessage, Waiting
from mobb_client.outbox.postgres import PostgresOutbox
from mobb_client.outbox.sqlite import SqliteOutbox

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return a new store of each kind."""
    with STORES[request.param](tmp_path) as made:
        yield made
        made.close()


@pytest.fixture
def outbox(store: Store) -> Outbox:
    """Return a worker on a new store."""
    return store.worker()


def event(name: EventName) -> Event:
    """Return an event."""
    return Event(at=MOMENT, name=name)


def row(number: int, kenmerk: str, kind: RowKind = RowKind.LETTER) -> RunRow:
    """Return an input row that became a letter."""
    return RunRow(number=number, kind=kind, oin=OURS, kenmerk=kenmerk, bericht_id=way(kenmerk).bericht_id)


def rows(outbox: Outbox, run: str, *some: RunRow) -> None:
    """Append rows to a run."""
    with outbox.transaction() as tx:
        tx.add_run_rows(run, some)


def waiting(outbox: Outbox, now: datetime = MOMENT) -> set[Waiting]:
    """Return the letters that wait."""
    return set(outbox.figures(now).waiting)


def group(run: str | None, state: State, letters: int, **more: Any) -> Waiting:
    """Return letters that wait and were all handed over at `MOMENT`."""
    given = {"oin": OURS, "since": MOMENT, "until": MOMENT} | more
    return Waiting(run=run, state=state, letters=letters, **given)


def test_nothing(outbox: Outbox) -> None:
    """A new store."""
    found = outbox.figures(MOMENT)
    assert found.states == dict.fromkeys(State, 0)
    assert (dict(found.events), found.last_event, list(found.waiting)) == ({}, 0, [])
    assert (found.oldest_message, found.overdue, list(found.verzoeken)) == (None, 0, [])


def test_counts(outbox: Outbox) -> None:
    """Letters by state, and events by name."""
    put(outbox, stored("a"), stored("b", state=State.PAPER), stored("c", THEIRS, state=State.PAPER))
    put(outbox, *map(event, [EventName.LETTER_QUEUED] * 2), event(EventName.LETTER_PAPER))
    found = outbox.figures(MOMENT)
    assert found.states == outbox.states()
    assert found.events == {EventName.LETTER_QUEUED: 2, EventName.LETTER_PAPER: 1}
    assert found.last_event == 3
    with suppress(KeyError), outbox.transaction() as tx:
        tx.add_event(event(EventName.LETTER_ALARM))
        raise KeyError
    assert outbox.figures(MOMENT).events == found.events


def test_waiting(outbox: Outbox) -> None:
    """By run, OIN and state; who waits for a moment to come cannot go before it."""
    put(outbox, *map(stored, "abcd"), stored("e", THEIRS, handed_over=MOMENT - HOUR))
    put(outbox, stored("f", state=State.ACKNOWLEDGED), stored("g", state=State.SENT), stored("h", state=State.BATCHED))
    put(outbox, way("b", not_before=MOMENT + HOUR), way("d", handed_over=MOMENT + DAY))
    rows(outbox, "aanslag", row(2, "a"), row(3, "b"), row(4, "c", RowKind.REPEAT), row(5, "f"), row(6, "g"))
    rows(outbox, "ander", row(2, "h"))
    beside = [
        group(None, State.QUEUED, 1, oin=THEIRS, since=MOMENT - HOUR, until=MOMENT - HOUR),
        group(None, State.QUEUED, 2, until=MOMENT + DAY),
        group("aanslag", State.SENT, 1),
        group("ander", State.BATCHED, 1),
    ]
    assert waiting(outbox) == {group("aanslag", State.QUEUED, 2), *beside}
    later = group("aanslag", State.QUEUED, 2, until=MOMENT + HOUR)
    assert waiting(outbox, MOMENT + HOUR) == {later, *beside}
    put(outbox, way("a", not_before=MOMENT + DAY))
    none = group("aanslag", State.QUEUED, 2, since=None, until=None)
    assert none in waiting(outbox)


def at(days: int, message_id: str, **changes: Any) -> StoredMessage:
    """Return a message that was made on a day."""
    return message(message_id, at=MOMENT + days * DAY, **changes)


def test_oldest_message(outbox: Outbox) -> None:
    """The oldest that has no end yet; signals of ours are not waited for."""
    ended = replace(exchange.begin(MOMENT, None), state=exchange.State.ACKNOWLEDGED)
    put(outbox, at(-9, "1@own.example", entry=ended), at(-8, "2@own.example", kind="signal"))
    assert outbox.figures(MOMENT).oldest_message is None
    put(outbox, at(-3, "3@own.example"), at(-5, "4@own.example", kind="request"))
    assert outbox.figures(MOMENT).oldest_message == MOMENT - 5 * DAY


def test_overdue(outbox: Outbox) -> None:
    """B71: a day after the acknowledgment, whether somebody was told of it or not."""
    put(
        outbox,
        stored("a", state=State.ACKNOWLEDGED, acknowledged=MOMENT - DAY, alarm_at=MOMENT + DAY),
        stored("b", state=State.ACKNOWLEDGED, acknowledged=MOMENT - DAY + HOUR),
        stored("c", state=State.DELIVERED, acknowledged=MOMENT - 3 * DAY),
    )
    assert outbox.figures(MOMENT).overdue == 1 == sum(one.is_overdue(MOMENT) for one in outbox.afleveringen())


def test_verzoeken(outbox: Outbox) -> None:
    """Requests for subscriptions, as they are stored."""
    made = [
        Verzoek(
            aanvraag=Aanvraag(oin=OURS, verzoek_id=UUID(int=number), variant=Variant.VOLLEDIG),
            cpa_id="cpa",
            message_id=f"{number}@own.example",
            gevraagd=MOMENT - number * HOUR,
        )
        for number in (1, 2)
    ]
    with outbox.transaction() as tx:
        for one in made:
            tx.register.put_verzoek(one)
    assert list(outbox.figures(MOMENT).verzoeken) == made[::-1]


class TestReaders:
    """Who only looks keeps nobody from working."""

    def test_while_somebody_writes(self, tmp_path: Path) -> None:
        """B39: a transaction that is open keeps nobody from reading, and is not kept waiting."""
        writer = SqliteOutbox(tmp_path / "outbox.sqlite")
        reader = SqliteOutbox(tmp_path / "outbox.sqlite", read_only=True, busy_seconds=0)
        with writer.transaction() as tx:
            tx.add_event(event(EventName.LETTER_QUEUED))
            assert tx.run("aanslag") is None  # so that it is written
            assert not reader.figures(MOMENT).events
            assert not writer.figures(MOMENT).events
        assert reader.figures(MOMENT).last_event == 1
        reader.close()
        writer.close()

    def test_unnumbered(self, tmp_path: Path) -> None:
        """Events of PostgreSQL that have no number yet count too; a worker gives numbers while it lives."""
        with STORES["postgres"](tmp_path) as store:
            writer = store.worker()
            reader = PostgresOutbox(store.url, read_only=True)
            with writer.transaction() as tx:
                tx.add_event(event(EventName.LETTER_QUEUED))
            found = reader.figures(MOMENT)
            assert (found.events, found.last_event) == ({EventName.LETTER_QUEUED: 1}, 0)
            writer.lease_letters([OURS], MOMENT, 1)
            writer.beat()
            found = reader.figures(MOMENT)
            assert (found.events, found.last_event) == ({EventName.LETTER_QUEUED: 1}, 1)
            with writer.transaction() as tx:
                tx.add_event(event(EventName.LETTER_PAPER))
            writer.close()
            assert reader.figures(MOMENT).last_event == 2
            reader.close()


class TestCounted:
    """Events are counted once, by who works; each look counts the rest."""

    NAMES = (EventName.LETTER_QUEUED, EventName.LETTER_PAPER, EventName.MESSAGE_SENT)

    @pytest.fixture(autouse=True)
    def _often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_figures, "AT_LEAST", 3)
        monkeypatch.setattr(_figures, "_AT_ONCE", 4)

    def test_same(self, outbox: Outbox) -> None:
        """Whatever was counted by whom: the same figures."""
        for number in range(1, 30):
            put(outbox, event(self.NAMES[number % 3]))
            if number % 5 == 0:
                outbox.lease_letters([OURS], MOMENT, 1)
            found = outbox.figures(MOMENT)
            assert (sum(found.events.values()), found.last_event) == (number, number)
        assert found.events == Counter(one.name for one in outbox.events())

    def test_by_others(self, store: Store) -> None:
        """Two workers count at the same time, and no event twice."""
        workers = [store.worker(), store.worker()]
        for _ in range(10):
            put(workers[0], *map(event, self.NAMES))
        threads = [Thread(target=one.lease_letters, args=([OURS], MOMENT, 1)) for one in workers for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert workers[1].figures(MOMENT).events == dict.fromkeys(self.NAMES, 10)

    def test_written_down(self, tmp_path: Path) -> None:
        """In the database, so that it is not counted again; what is not committed is not counted."""
        with closing(SqliteOutbox(tmp_path / "outbox.sqlite")) as outbox:
            put(outbox, *map(event, self.NAMES))
            with suppress(KeyError), outbox.transaction() as tx:
                tx.add_event(event(EventName.LETTER_ALARM))
                assert tx.run("aanslag") is None
                raise KeyError
            outbox.lease_letters([OURS], MOMENT, 1)
        with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as connection:
            counted = dict(connection.execute("SELECT name, number FROM mobb_event_count"))
        assert counted == {"": 3, **{name.value: 1 for name in self.NAMES}}


def test_of_messages(outbox: Outbox) -> None:
    """Events of messages are found among those of letters, in order, and no others."""
    put(outbox, Event(at=MOMENT, name=EventName.LETTER_SENT, oin=OURS, kenmerk="a"), event(EventName.MESSAGE_SENT))
    put(outbox, event(EventName.RESULT_RECEIVED), event(EventName.SENDER_BLOCKED), event(EventName.MESSAGE_SENT))
    names = {EventName.MESSAGE_SENT, EventName.RESULT_RECEIVED}
    assert [one.number for one in outbox.events(names=names)] == [2, 3, 5]
    assert [one.number for one in outbox.events(2, limit=1, names=names)] == [3]
    assert [one.number for one in outbox.events(names=names | {EventName.LETTER_SENT})] == [1, 2, 3, 5]
