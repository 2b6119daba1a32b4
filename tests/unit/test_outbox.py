"""The contract of every store: one suite, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.material import MOMENT
from tests.stored import BATCH, CPA, OURS, THEIRS, answer, message, put, stored, way

from mobb_client.berichtenbox.aflevering import State, acknowledged, batched, reminded
from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.ebms import exchange
from mobb_client.errors import Finding, OutboxError
from mobb_client.outbox.contract import (
    Event,
    EventName,
    Outbox,
    Transaction,
)
from mobb_client.outbox.memory import MemoryOutbox

HOUR = timedelta(hours=1)

STORES: dict[str, Callable[[Path], Outbox]] = {"memory": lambda _: MemoryOutbox()}
"""Every store, made anew for a test in a folder of its own."""


@pytest.fixture(params=sorted(STORES))
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    """Return a new store of each kind."""
    made = STORES[request.param](tmp_path)
    yield made
    made.close()


def event(name: EventName = EventName.LETTER_QUEUED, **changes: Any) -> Event:
    """Return an event."""
    return Event(at=MOMENT, name=name, **changes)


def leased(outbox: Outbox, *oins: OIN, now: datetime = MOMENT, limit: int = 10) -> list[str]:
    """Lease letters for an hour, and return their kenmerken."""
    found = outbox.lease_letters(oins or [OURS], now, now + HOUR, limit)
    assert all(letter.bericht and letter.bericht.kenmerk == letter.aflevering.kenmerk for letter in found)
    return [letter.aflevering.kenmerk for letter in found]


def due(outbox: Outbox, now: datetime = MOMENT, cpa: str = CPA) -> str | None:
    """Lease the next message for an hour, and return its MessageId."""
    found = outbox.lease_due([cpa], now, now + HOUR)
    assert found is None or found.leased_until == now + HOUR
    return found.message_id if found else None


class TestTransaction:
    """All or nothing."""

    def test_round_trip(self, outbox: Outbox) -> None:
        """What is stored comes back as it was, from another transaction."""
        full = stored(
            state=State.HUMAN,
            acknowledged=MOMENT,
            processed=MOMENT + HOUR,
            verwerkingscode="Nieuw & anders",
            stadium="Zoë",
            finding=Finding("result.twice", field="verwerkingscode", measure="a, b", limit=3),
            batch_id=BATCH,
            message_id="1@own.example",
            not_before=MOMENT,
            alarm_at=MOMENT,
            resends=2,
            expired=1,
        )
        put(outbox, full, message(), answer())
        with outbox.transaction() as tx:
            assert tx.letter(full.aflevering.key) == full
            assert tx.way(full.aflevering.key) == full.aflevering
            assert tx.way_by_id(full.aflevering.bericht_id) == full.aflevering
            assert tx.message("1@own.example") == message()
            assert tx.answer("9@partner.example") == answer()

    def test_unknown(self, outbox: Outbox) -> None:
        """What is not there is None, and of an unknown batch there is nothing."""
        with outbox.transaction() as tx:
            assert tx.letter((OURS, "zaak-1")) is None
            assert tx.way((OURS, "zaak-1")) is None
            assert tx.way_by_id(UUID(int=1)) is None
            assert tx.message("1@own.example") is None
            assert tx.answer("9@partner.example") is None
            assert not tx.ways_of_batch(BATCH)
            assert not tx.messages_of_batch(BATCH)

    def test_replaces(self, outbox: Outbox) -> None:
        """B47: storing again replaces, and there is one of each; a letter's content stays."""
        put(outbox, stored(), message(), answer())
        put(outbox, way(resends=1), message(size=6), answer(status=204))
        with outbox.transaction() as tx:
            found = tx.letter((OURS, "zaak-1")), tx.message("1@own.example"), tx.answer("9@partner.example")
        assert found == (stored(resends=1), message(size=6), answer(status=204))
        assert [one.resends for one in outbox.afleveringen()] == [1]

    def test_rolled_back(self, outbox: Outbox) -> None:
        """A block that raises leaves nothing of what it did, new or changed, and what was there is there."""
        put(outbox, stored(), message(), event())
        outbox.write_body("1@own.example", lambda sink: sink.write(b"hello"))

        def fail(tx: Transaction) -> None:
            tx.put_way(way(state=State.BATCHED, batch_id=BATCH))
            tx.add_letter(stored("zaak-2"))
            tx.put_message(message(entry=replace(message().entry, next_attempt=None)))
            tx.put_message(message("2@own.example"))
            tx.put_answer(answer())
            tx.add_event(event(EventName.LETTER_BATCHED))
            tx.drop_body("1@own.example")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), outbox.transaction() as tx:
            fail(tx)
        with outbox.transaction() as tx:
            assert tx.letter((OURS, "zaak-1")) == stored()
            assert tx.letter((OURS, "zaak-2")) is None
            assert tx.way_by_id(bericht_id(OURS, "zaak-2")) is None
            assert not tx.ways_of_batch(BATCH)
            assert [one.message_id for one in tx.messages_of_batch(BATCH)] == ["1@own.example"]
            assert tx.answer("9@partner.example") is None
        assert [one.name for one in outbox.events()] == ["letter.queued"]
        assert outbox.open_body("1@own.example").read() == b"hello"
        assert leased(outbox) == ["zaak-1"]
        assert (due(outbox), due(outbox)) == ("1@own.example", None)

    def test_reads_its_own_changes(self, outbox: Outbox) -> None:
        """Within a transaction what was changed is seen."""
        with outbox.transaction() as tx:
            tx.add_letter(stored())
            assert tx.letter((OURS, "zaak-1")) == stored()
            tx.put_way(way(state=State.BATCHED, batch_id=BATCH))
            assert [one.state for one in tx.ways_of_batch(BATCH)] == [State.BATCHED]

    def test_one_at_a_time(self, outbox: Outbox) -> None:
        """What one transaction has read, no other changes before its end: nothing is lost between two threads."""
        put(outbox, stored())

        def count() -> None:
            for _ in range(50):
                with outbox.transaction() as tx:
                    found = tx.way((OURS, "zaak-1"))
                    assert found is not None
                    tx.put_way(replace(found, resends=found.resends + 1))

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.resends for one in outbox.afleveringen()] == [200]


class TestBatches:
    """A letter belongs to its last batch; a batch may travel in several messages."""

    def test_letters_follow(self, outbox: Outbox) -> None:
        """A letter that went on in another batch is no longer of the first."""
        put(outbox, stored("zaak-1", batch_id=BATCH), stored("zaak-2", batch_id=BATCH), stored("zaak-3"))
        put(outbox, way("zaak-2", batch_id=UUID(int=8)))
        with outbox.transaction() as tx:
            assert [one.kenmerk for one in tx.ways_of_batch(BATCH)] == ["zaak-1"]
            assert [one.kenmerk for one in tx.ways_of_batch(UUID(int=8))] == ["zaak-2"]

    def test_messages(self, outbox: Outbox) -> None:
        """Every message that carried the batch; signals carry none."""
        put(outbox, message("1@x"), message("2@x"), message("3@x", batch_id=None, kind="signal"))
        with outbox.transaction() as tx:
            assert [one.message_id for one in tx.messages_of_batch(BATCH)] == ["1@x", "2@x"]


class TestQueue:
    """Letters that may go into a message, each to one worker."""

    def test_oldest_first(self, outbox: Outbox) -> None:
        """In the order in which they came, up to the limit, each once."""
        put(outbox, *(stored(f"zaak-{number}") for number in range(5)))
        assert leased(outbox, limit=2) == ["zaak-0", "zaak-1"]
        assert leased(outbox, limit=9) == ["zaak-2", "zaak-3", "zaak-4"]
        assert leased(outbox) == []

    def test_only_queued(self, outbox: Outbox) -> None:
        """A letter that is somewhere else is not given out, whatever it was before."""
        put(outbox, stored("zaak-1"), stored("zaak-2"))
        put(outbox, way("zaak-1", state=State.BATCHED))
        assert leased(outbox) == ["zaak-2"]
        put(outbox, way("zaak-1"))
        assert leased(outbox) == ["zaak-1"]

    def test_whose(self, outbox: Outbox) -> None:
        """Only letters of the OINs that are asked for."""
        put(outbox, stored("zaak-1"), stored("zaak-2", THEIRS))
        assert leased(outbox, THEIRS) == ["zaak-2"]
        assert leased(outbox, OURS, THEIRS) == ["zaak-1"]

    def test_not_before(self, outbox: Outbox) -> None:
        """c.2: a letter waits until its moment has come."""
        put(outbox, stored(not_before=MOMENT))
        assert leased(outbox, now=MOMENT - timedelta(seconds=1)) == []
        assert leased(outbox) == ["zaak-1"]

    def test_lease_ends(self, outbox: Outbox) -> None:
        """The letters of a worker that died come free when its lease ends, and at once when they are stored again."""
        put(outbox, stored())
        assert leased(outbox) == ["zaak-1"]
        assert leased(outbox, now=MOMENT + HOUR - timedelta(seconds=1)) == []
        assert leased(outbox, now=MOMENT + HOUR) == ["zaak-1"]
        put(outbox, way())
        assert leased(outbox, now=MOMENT + HOUR) == ["zaak-1"]

    def test_lease_survives_a_failure(self, outbox: Outbox) -> None:
        """A transaction that is taken back ends no lease."""
        put(outbox, stored())
        leased(outbox)

        def fail(tx: Transaction) -> None:
            tx.put_way(way())
            raise KeyError

        with pytest.raises(KeyError), outbox.transaction() as tx:
            fail(tx)
        assert leased(outbox) == []

    def test_each_to_one(self, outbox: Outbox) -> None:
        """B36: two workers at the same time share the letters, and none is given out twice."""
        put(outbox, *(stored(f"zaak-{number}") for number in range(200)))
        found: list[str] = []

        def work() -> None:
            while got := leased(outbox, limit=3):
                found.extend(got)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == sorted(f"zaak-{number}" for number in range(200))


class TestDue:
    """Messages that are to be sent, each by one worker."""

    def test_turn(self, outbox: Outbox) -> None:
        """Signals first, then who waits longest."""
        put(
            outbox,
            message("late@x", at=MOMENT),
            message("early@x", at=MOMENT - HOUR),
            message("signal@x", kind="signal", batch_id=None, entry=exchange.begin(MOMENT, None)),
            message("future@x", at=MOMENT + HOUR),
        )
        assert [due(outbox) for _ in range(4)] == ["signal@x", "early@x", "late@x", None]

    def test_whose(self, outbox: Outbox) -> None:
        """A worker gets messages of its own CPAs only: it has no key for the others."""
        put(outbox, message("1@x"), message("2@x", cpa_id="other"))
        assert (due(outbox, cpa="other"), due(outbox, cpa="other")) == ("2@x", None)
        assert due(outbox) == "1@x"

    def test_planned(self, outbox: Outbox) -> None:
        """Only a message with a planned attempt, when its moment has come."""
        entry = message().entry
        put(outbox, message("1@x", entry=replace(entry, next_attempt=None)))
        put(outbox, message("2@x", entry=replace(entry, next_attempt=MOMENT + HOUR)))
        put(outbox, message("3@x", entry=replace(entry, state=exchange.State.FAILED, next_attempt=None)))
        assert due(outbox) is None
        assert due(outbox, MOMENT + HOUR) == "2@x"
        put(outbox, message("3@x"))
        assert due(outbox) == "3@x", "a signal that is asked for again"

    def test_lease_ends(self, outbox: Outbox) -> None:
        """The message of a worker that died comes free when its lease ends, and at once when it is stored without."""
        put(outbox, message())
        assert due(outbox) == "1@own.example"
        assert due(outbox, MOMENT + HOUR - timedelta(seconds=1)) is None
        assert due(outbox, MOMENT + HOUR) == "1@own.example"
        put(outbox, message())
        assert due(outbox, MOMENT + HOUR) == "1@own.example"

    def test_expiring(self, outbox: Outbox) -> None:
        """Those without an ending whose time to live has passed, up to the limit; none that is being sent."""
        final = replace(message().entry, state=exchange.State.ACKNOWLEDGED, next_attempt=None)
        put(outbox, message("1@x"), message("2@x", entry=final), message("3@x", at=MOMENT + HOUR), message("4@x"))
        put(outbox, message("5@x", kind="signal", entry=exchange.begin(MOMENT, None)))
        limit = MOMENT + timedelta(hours=27)
        assert not outbox.expiring(limit - timedelta(seconds=1), 10)
        assert [one.message_id for one in outbox.expiring(limit, 10)] == ["1@x", "4@x"]
        assert [one.message_id for one in outbox.expiring(limit, 1)] == ["1@x"]
        assert [one.message_id for one in outbox.expiring(limit + HOUR, 10)] == ["1@x", "3@x", "4@x"]
        assert [due(outbox, limit), due(outbox, limit)] == ["5@x", "1@x"]
        assert [one.message_id for one in outbox.expiring(limit, 10)] == ["4@x"]
        assert [one.message_id for one in outbox.expiring(limit + HOUR, 10)] == ["1@x", "3@x", "4@x"]

    def test_overdue(self, outbox: Outbox) -> None:
        """B71: acknowledged letters of which it is time to tell; once told they rest for a day."""
        under_way = acknowledged(batched(way(), BATCH, "1@x"), MOMENT)
        put(outbox, stored(), stored("zaak-2"), under_way)
        later = MOMENT + timedelta(hours=24)
        assert not outbox.overdue(later - timedelta(seconds=1), 10)
        assert list(outbox.overdue(later, 10)) == [under_way]
        put(outbox, reminded(under_way, later))
        assert not outbox.overdue(later, 10)
        assert outbox.overdue(later + timedelta(hours=24), 10)
        put(outbox, replace(under_way, state=State.DELIVERED))
        assert not outbox.overdue(later + timedelta(days=9), 10)


class TestBodies:
    """Octets of messages."""

    def test_round_trip(self, outbox: Outbox) -> None:
        """Written through a file that can seek, read as a file, by several at once; what `write` returns comes back."""

        def write(sink: Any) -> str:
            sink.write(b"....o world")
            sink.seek(0)
            sink.write(b"hell")
            return "done"

        assert outbox.write_body("1@x", write) == "done"
        first, second = outbox.open_body("1@x"), outbox.open_body("1@x")
        with first, second:
            assert first.read(5) == b"hello"
            assert second.read() == b"hello world"
            assert first.read() == b" world"

    def test_nothing_of_a_failure(self, outbox: Outbox) -> None:
        """When writing fails there are no octets."""

        def write(sink: Any) -> None:
            sink.write(b"half")
            raise ValueError

        with pytest.raises(ValueError, match=r"^$"):
            outbox.write_body("1@x", write)
        with pytest.raises(OutboxError, match=r"1@x are gone"):
            outbox.open_body("1@x")

    def test_dropped(self, outbox: Outbox) -> None:
        """Gone after the transaction, and while it is read it can be read to its end; dropping twice is no error."""
        outbox.write_body("1@x", lambda sink: sink.write(b"hello"))
        with outbox.open_body("1@x") as reader:
            with outbox.transaction() as tx:
                tx.drop_body("1@x")
                tx.drop_body("never there")
            assert reader.read() == b"hello"
        with pytest.raises(OutboxError):
            outbox.open_body("1@x")


class TestEvents:
    """Append-only, in order, read from a cursor."""

    def test_order(self, outbox: Outbox) -> None:
        """Numbers rise; what is asked for comes after `since`, up to the limit."""
        put(outbox, event(), event(EventName.LETTER_BATCHED), event(EventName.LETTER_SENT))
        found = outbox.events()
        assert [one.name for one in found] == ["letter.queued", "letter.batched", "letter.sent"]
        assert sorted({one.number for one in found}) == [one.number for one in found]
        assert list(outbox.events(found[0].number, limit=1)) == [found[1]]
        assert not outbox.events(found[-1].number)

    def test_round_trip(self, outbox: Outbox) -> None:
        """An event comes back as it was, with its number."""
        full = event(
            EventName.LETTER_PAPER,
            oin=OURS,
            kenmerk="Zoë/1",
            message_id="1@x",
            data={"reason": "resultaat.NietActiefOfGeabonneerd", "count": 3, "by": None},
        )
        put(outbox, full)
        (found,) = outbox.events()
        assert found == replace(full, number=found.number)
        assert isinstance(found.name, EventName)

    def test_cursors(self, outbox: Outbox) -> None:
        """Each reader has its own place, which may go back."""
        assert outbox.cursor("hook") == 0
        outbox.set_cursor("hook", 7)
        outbox.set_cursor("report", 3)
        assert (outbox.cursor("hook"), outbox.cursor("report")) == (7, 3)
        outbox.set_cursor("hook", 2)
        assert outbox.cursor("hook") == 2


def test_afleveringen(outbox: Outbox) -> None:
    """Every letter's way, in the order in which they came, as it was when the reading began."""
    put(outbox, stored("zaak-2"), stored("zaak-1"))
    put(outbox, way("zaak-2", state=State.BATCHED))
    assert [(one.kenmerk, one.state) for one in outbox.afleveringen()] == [
        ("zaak-2", State.BATCHED),
        ("zaak-1", State.QUEUED),
    ]
