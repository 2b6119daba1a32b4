"""The contract of every store: one suite, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from tests.letters import letter, pdf
from tests.material import MOMENT
from tests.stored import BATCH, CPA, OURS, THEIRS, answer, message, put, stored, way, write
from tests.stores import STORES, Store

from mobb_client.berichtenbox.aflevering import Aflevering, State, acknowledged, batched, reminded
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.ebms import exchange
from mobb_client.errors import Finding, OutboxError
from mobb_client.outbox.contract import (
    Event,
    EventName,
    Hold,
    Outbox,
    PaperList,
    RowKind,
    RunRow,
    StoredLetter,
    StoredRun,
    Transaction,
)

HOUR = timedelta(hours=1)


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


def event(name: EventName = EventName.LETTER_QUEUED, **changes: Any) -> Event:
    """Return an event."""
    return Event(at=MOMENT, name=name, **changes)


def leased(outbox: Outbox, *oins: OIN, now: datetime = MOMENT, limit: int = 10) -> list[str]:
    """Lease letters, and return their kenmerken."""
    found = outbox.lease_letters(oins or [OURS], now, limit)
    assert all(letter.bericht and letter.bericht.kenmerk == letter.aflevering.kenmerk for letter in found)
    return [letter.aflevering.kenmerk for letter in found]


def due(outbox: Outbox, now: datetime = MOMENT, cpa: str = CPA) -> str | None:
    """Lease the next message, and return its MessageId."""
    found = outbox.lease_due([cpa], now)
    return found.message_id if found else None


class TestTransaction:
    """B48: all or nothing, in every store alike: few of them, and one contract."""

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

        def fail(tx: Transaction) -> None:
            tx.put_way(way(state=State.BATCHED, batch_id=BATCH))
            tx.add_letter(stored("zaak-2"))
            tx.put_ways([way(), way("zaak-2")], way(state=State.SENT, batch_id=BATCH))
            tx.add_events(event(EventName.LETTER_SENT), [way(), way("zaak-2")])
            tx.put_message(message(entry=replace(message().entry, next_attempt=None)))
            tx.put_message(message("2@own.example"))
            tx.put_answer(answer())
            tx.add_event(event(EventName.LETTER_BATCHED))
            tx.drop_body("1@own.example")
            raise KeyboardInterrupt

        write(outbox, "2@own.example")
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
        with outbox.open_body("1@own.example") as body:
            assert body.read() == b"hello"
        assert leased(outbox) == ["zaak-1"]
        assert (due(outbox), due(outbox)) == ("1@own.example", None)

    def test_reads_its_own_changes(self, outbox: Outbox) -> None:
        """Within a transaction what was changed is seen."""
        with outbox.transaction() as tx:
            tx.add_letter(stored())
            assert tx.letter((OURS, "zaak-1")) == stored()
            tx.put_way(way(state=State.BATCHED, batch_id=BATCH))
            assert [one.state for one in tx.ways_of_batch(BATCH)] == [State.BATCHED]

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_many_as_one(self, outbox: Outbox, count: int) -> None:
        """Letters that move together each stay whose they are and since when; leases on them end, on others not."""
        held = [way(f"zaak-{n}", handed_over=MOMENT + n * HOUR, state=State.QUEUED) for n in range(4)]
        put(outbox, *(StoredLetter(bericht=letter(kenmerk=one.kenmerk), aflevering=one) for one in held))
        assert len(leased(outbox, now=MOMENT + HOUR)) == 4
        after = replace(held[0], batch_id=BATCH, not_before=MOMENT + HOUR, expired=1)
        with outbox.transaction() as tx:
            tx.put_way(replace(held[0], resends=3))  # what was stored before it is overwritten
            tx.put_ways(held[:count], after)
            assert list(tx.ways_of_batch(BATCH)) == [
                replace(after, **{part: getattr(one, part) for part in ("kenmerk", "bericht_id", "handed_over")})
                for one in held[:count]
            ]
        assert [one.batch_id for one in outbox.afleveringen()] == [BATCH] * count + [None] * (4 - count)
        assert leased(outbox, now=MOMENT + HOUR) == [one.kenmerk for one in held[:count]]

    def test_contents(self, outbox: Outbox) -> None:
        """The contents of many letters at once, attachments too; of one that has none, or is not there, nothing."""
        with outbox.transaction() as tx:
            full = letter(kenmerk="zaak-1", bijlagen=[(pdf(10), "Besluit")])
            tx.add_letter(StoredLetter(bericht=full, aflevering=way()))
            tx.add_letter(StoredLetter(bericht=None, aflevering=way("zaak-2")))
            found = tx.contents([way(), way("zaak-2"), way("zaak-3")])
            assert list(found) == [way().bericht_id]
            kept = found[way().bericht_id]
            assert (kept.kenmerk, kept.bsn, kept.berichttype) == (full.kenmerk, full.bsn, full.berichttype)
            assert [b"".join(one.blocks()) for one in kept.bijlagen] == [pdf(10)]

    def test_event_of_each(self, outbox: Outbox) -> None:
        """An event of many letters is one of each, in their order, between those before and after it."""
        told = {"reason": "aflevering.expired", "count": 2}
        with outbox.transaction() as tx:
            tx.add_event(event(EventName.MESSAGE_SENT, message_id="1@own.example"))
            tx.add_events(event(message_id="1@own.example", data=told), [way(oin=THEIRS), way("zaak-2")])
            tx.add_event(event(EventName.MESSAGE_FAILED, message_id="1@own.example"))
        _, *letters, _ = found = outbox.events()
        assert [one.number for one in found] == [1, 2, 3, 4]
        assert [(one.oin, one.kenmerk) for one in letters] == [(THEIRS, "zaak-1"), (OURS, "zaak-2")]
        assert all(one.data == told and one.message_id == "1@own.example" for one in letters)

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

    def test_one_organisation(self, outbox: Outbox) -> None:
        """Letters of several come apart, those of the oldest first: a message holds letters of one."""
        put(outbox, stored("a"), stored("b", THEIRS), stored("c"))
        assert leased(outbox, OURS, THEIRS) == ["a", "c"]
        assert leased(outbox, OURS, THEIRS) == ["b"]
        assert leased(outbox, OURS, THEIRS) == []

    def test_not_before(self, outbox: Outbox) -> None:
        """c.2: a letter waits until its moment has come."""
        put(outbox, stored(not_before=MOMENT))
        assert leased(outbox, now=MOMENT - timedelta(seconds=1)) == []
        assert leased(outbox) == ["zaak-1"]

    def test_lease_ends(self, store: Store) -> None:
        """A lease ends when the letter is stored again or let go of, and when its worker dies; not with time."""
        outbox = store.worker()
        put(outbox, stored())
        assert (leased(outbox), leased(outbox, now=MOMENT + HOUR * 999)) == (["zaak-1"], [])
        put(outbox, way())
        assert leased(outbox) == ["zaak-1"]
        with outbox.transaction() as tx:
            tx.release_letters([(OURS, "zaak-1"), (OURS, "unknown")])
        assert leased(outbox) == ["zaak-1"]
        if store.is_durable:
            other = store.worker()
            with other.transaction() as tx:
                tx.release_letters([(OURS, "zaak-1")])
            assert leased(other) == [], "not the lease of somebody else"
            store.kill(outbox)
            assert leased(other) == ["zaak-1"]

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

    def test_kind(self, outbox: Outbox) -> None:
        """f.5: who only answers takes signals, and leaves the letters to others."""
        put(outbox, message("1@x"), message("2@x", kind="signal", batch_id=None, entry=exchange.begin(MOMENT, None)))
        assert [outbox.lease_due([CPA], MOMENT, kind="letters")] == [message("1@x")]
        assert due(outbox) == "2@x"
        put(outbox, message("3@x"))
        assert outbox.lease_due([CPA], MOMENT, kind="signal") is None

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

    def test_lease_ends(self, store: Store) -> None:
        """A lease ends when it is let go of, and when its worker dies; not with time, nor because something came."""
        outbox = store.worker()
        put(outbox, message())
        assert (due(outbox), due(outbox, MOMENT + HOUR * 999)) == ("1@own.example", None)
        put(outbox, message())
        assert due(outbox) is None
        with outbox.transaction() as tx:
            tx.release_message("1@own.example")
            tx.release_message("unknown")
        assert due(outbox) == "1@own.example"
        if store.is_durable:
            other = store.worker()
            with other.transaction() as tx:
                tx.release_message("1@own.example")
            assert due(other) is None, "not the lease of somebody else"
            store.kill(outbox)
            assert due(other) == "1@own.example"

    def test_last_chance(self, outbox: Outbox) -> None:
        """Only what is due and will have expired by a moment, when that is asked for."""
        young, old = message("1@own.example", at=MOMENT + HOUR), message("2@own.example")
        assert old.entry.time_to_live is not None
        put(outbox, young, old, message("3@own.example", policy=None, entry=exchange.begin(MOMENT, None)))
        now, end = MOMENT + 2 * HOUR, old.entry.time_to_live
        assert outbox.lease_due([CPA], now, expiring=end - HOUR) is None
        found = [outbox.lease_due([CPA], now, expiring=end) for _ in range(2)]
        assert [one.message_id if one else None for one in found] == ["2@own.example", None]

    def test_next(self, outbox: Outbox) -> None:
        """When there is work again: the earliest planned attempt of these CPAs, of what nobody is sending."""
        assert outbox.next_due([CPA]) is None
        put(outbox, message("1@x", at=MOMENT), message("2@x", at=MOMENT + HOUR), message("3@x", cpa_id="other"))
        assert outbox.next_due([CPA]) == MOMENT
        due(outbox)
        assert outbox.next_due([CPA]) == MOMENT + HOUR

    def test_expiring(self, outbox: Outbox) -> None:
        """Those without an ending whose time to live has passed, up to the limit; none that is being sent."""
        final = replace(message().entry, state=exchange.State.ACKNOWLEDGED, next_attempt=None)
        put(outbox, message("1@x"), message("2@x", entry=final), message("3@x", at=MOMENT + HOUR), message("4@x"))
        put(outbox, message("5@x", kind="signal", entry=exchange.begin(MOMENT, None)))
        limit = MOMENT + timedelta(hours=27)
        assert not outbox.expiring(limit - timedelta(seconds=1), 10)
        assert [one.message_id for one in outbox.expiring(limit, 10)] == ["1@x", "4@x"]
        assert [one.message_id for one in outbox.expiring(limit, 1)] == ["1@x"]
        assert sorted(one.message_id for one in outbox.expiring(limit + HOUR, 10)) == ["1@x", "3@x", "4@x"]
        assert [due(outbox, limit), due(outbox, limit)] == ["5@x", "1@x"]
        assert [one.message_id for one in outbox.expiring(limit, 10)] == ["4@x"]

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
        """When writing fails there are no octets, and no message without them."""

        def write(sink: Any) -> None:
            sink.write(b"half")
            raise ValueError

        with pytest.raises(ValueError, match=r"^$"):
            outbox.write_body("1@x", write)
        with pytest.raises(OutboxError, match=r"1@x are gone"):
            outbox.open_body("1@x")
        with pytest.raises(OutboxError, match=r"1@x were not stored"), outbox.transaction() as tx:
            tx.put_message(message("1@x"))

    def test_dropped(self, outbox: Outbox) -> None:
        """Gone after the transaction; whoever reads it then gets all of it, or an error; dropping twice is no error."""
        outbox.write_body("1@x", lambda sink: sink.write(b"hello"))
        with outbox.open_body("1@x") as reader:
            with outbox.transaction() as tx:
                tx.drop_body("1@x")
                tx.drop_body("never there")
            with suppress(OutboxError):
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

    def test_cursors(self, store: Store) -> None:
        """Each reader has its own place, which may go back; one at a time, until it is done or dead."""
        outbox = store.worker()
        assert outbox.lease_cursor("hook") == 0
        outbox.set_cursor("hook", 7)
        outbox.set_cursor("report", 3)
        assert (outbox.lease_cursor("hook"), outbox.lease_cursor("report")) == (7, 3)
        other = store.worker()
        assert (outbox.lease_cursor("hook"), other.lease_cursor("hook")) == (None, None)
        outbox.set_cursor("hook", 2)
        assert outbox.lease_cursor("hook") == 2
        if store.is_durable:
            store.kill(outbox)
            assert other.lease_cursor("hook") == 2
            outbox.set_cursor("hook", 9)
            assert outbox.lease_cursor("hook") is None, "who was taken for dead ends nothing of its successor"
            other.set_cursor("hook", 3)
            assert outbox.lease_cursor("hook") == 3


def test_afleveringen(outbox: Outbox) -> None:
    """Every letter's way, in the order in which they came; those that are asked for; how many in which state."""
    put(outbox, stored("zaak-2"), stored("zaak-1"))
    put(outbox, way("zaak-2", state=State.BATCHED))
    assert [(one.kenmerk, one.state) for one in outbox.afleveringen()] == [
        ("zaak-2", State.BATCHED),
        ("zaak-1", State.QUEUED),
    ]
    assert outbox.ways([(OURS, "zaak-1"), (OURS, "unknown"), (THEIRS, "zaak-1")]) == [way("zaak-1")]
    assert [one.kenmerk for one in outbox.of_state(State.QUEUED)] == ["zaak-1"]
    assert outbox.states() == {state: int(state in {State.QUEUED, State.BATCHED}) for state in State}


def test_pages(outbox: Outbox) -> None:
    """B48: one contract, however a database pages: of any number of letters each comes once."""
    put(outbox, *(stored(f"zaak-{number}") for number in range(2001)))
    assert [one.kenmerk for one in outbox.afleveringen()] == [f"zaak-{number}" for number in range(2001)]


def test_pages_of_a_state(outbox: Outbox) -> None:
    """One page after the other, also when the last letter of a page has gone elsewhere meanwhile."""
    put(outbox, *(stored(f"zaak-{number}") for number in range(6)), way("zaak-1", state=State.HUMAN))
    first = outbox.of_state(State.QUEUED, 2)
    put(outbox, way("zaak-2", state=State.BATCHED))
    second = outbox.of_state(State.QUEUED, 2, first[-1])
    assert [one.kenmerk for one in (*first, *second)] == ["zaak-0", "zaak-2", "zaak-3", "zaak-4"]
    assert [one.kenmerk for one in outbox.of_state(State.QUEUED, after=second[-1])] == ["zaak-5"]
    assert outbox.of_state(State.HUMAN, after=second[-1]) == []


class TestContents:
    """A letter comes back as it was handed over, on another day and in another process."""

    FULL: ClassVar[dict[str, Any]] = {
        "onderwerp": "Zoë & 𝄞 <'\">=",
        "berichttekst": "Eén\nTwee",
        "referentie": "2026-0117=",
        "publicatiedatum": MOMENT.astimezone(ZoneInfo("Europe/Amsterdam")),
        "einddatum_handelingstermijn": MOMENT + HOUR,
        "oin": OURS,
    }

    def content(self, store: Store, bericht: Bericht) -> Bericht:
        """Return the letter as another worker gets it."""
        put(store.worker(), StoredLetter(bericht=bericht, aflevering=way(bericht.kenmerk)))
        (found,) = store.worker().lease_letters([OURS], MOMENT, 1)
        assert found.bericht is not None
        return found.bericht

    def test_every_part(self, store: Store) -> None:
        """B06: every field, in any script, and the rules that it was judged by, which decide how it is written."""
        regels = Regels(real_newlines=True, max_bijlage_bytes=70)
        bericht = letter(kenmerk="Zoë/1", bijlagen=[(pdf(70), "Zoë = 1.pdf")], regels=regels, **self.FULL)
        found = self.content(store, bericht)
        assert not found.differences(bericht)
        assert (found.regels, found.bijlagen[0].size) == (regels, 70)
        assert b"".join(found.bijlagen[0].blocks()) == pdf(70)
        assert [repr(one) for one in (found, found.bsn)] == ["Bericht(kenmerk='Zoë/1')", "BSN(***)"]

    def test_path(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Design 3: an attachment given as a path is read when its batch is written, wherever the worker stands."""
        name = "besluit =ë&.pdf"
        (tmp_path / name).write_bytes(pdf(70))
        monkeypatch.chdir(tmp_path)
        bericht = letter(bijlagen=[name])
        found = self.content(store, bericht)
        monkeypatch.chdir("/")
        assert b"".join(found.bijlagen[0].blocks()) == pdf(70)
        assert found.bijlagen[0].omschrijving == name

    def test_correction(self, store: Store) -> None:
        """A corrected letter takes the place of the one that was there, attachments and all."""
        outbox = store.worker()
        old = letter(bijlagen=[(pdf(70), "a.pdf"), (pdf(71), "b.pdf")])
        put(outbox, StoredLetter(bericht=old, aflevering=way()))
        new = letter(onderwerp="Anders", bijlagen=[(pdf(72), "c.pdf")])
        with outbox.transaction() as tx:
            tx.put_content((OURS, "zaak-1"), new)
            found = tx.letter((OURS, "zaak-1"))
            assert found is not None
            assert found.bericht is not None
            assert not found.bericht.differences(new)

    def test_known(self, outbox: Outbox) -> None:
        """B47: a letter that is there is given back, and nothing of the other is stored."""
        put(outbox, stored(resends=2))
        with outbox.transaction() as tx:
            assert tx.add_letter(stored("zaak-2")) is None
            known = tx.add_letter(StoredLetter(bericht=letter(onderwerp="Anders"), aflevering=way()))
        assert known == stored(resends=2)
        assert [one.kenmerk for one in outbox.afleveringen()] == ["zaak-1", "zaak-2"]


def test_letter_without_content(store: Store) -> None:
    """Of a row that was refused there is no content, until a correction brings it."""
    outbox = store.worker()
    put(outbox, StoredLetter(bericht=None, aflevering=way(state=State.HUMAN)))
    with outbox.transaction() as tx:
        found = tx.letter((OURS, "zaak-1"))
        assert found is not None
        assert found.bericht is None
        tx.put_content((OURS, "zaak-1"), letter())
        tx.put_way(way())
    (leased,) = store.worker().lease_letters([OURS], MOMENT, 1)
    assert leased.bericht == letter()


class TestPurge:
    """B49: what a letter said goes when it has ended; that it was there, and how it ended, stays."""

    def test_contents(self, outbox: Outbox) -> None:
        """Of final endings before the moment only; a letter on a desk may still be sent again."""
        put(
            outbox,
            stored("old", state=State.DELIVERED, ended=MOMENT),
            stored("paper", state=State.PAPER, ended=MOMENT),
            stored("new", state=State.DELIVERED, ended=MOMENT + HOUR),
            stored("desk", state=State.HUMAN, ended=MOMENT),
            stored("open"),
            event(),
        )
        assert outbox.purgeable(MOMENT + HOUR) == 2
        assert [outbox.purge(MOMENT + HOUR, 1) for _ in range(3)] == [1, 1, 0]
        assert outbox.purgeable(MOMENT + HOUR) == 0
        with outbox.transaction() as tx:
            kept = {one.kenmerk: tx.letter(one.key) for one in outbox.afleveringen()}
        assert {key: bool(found and found.bericht) for key, found in kept.items()} == {
            "old": False,
            "paper": False,
            "new": True,
            "desk": True,
            "open": True,
        }
        assert len(outbox.events()) == 1

    def test_signals(self, outbox: Outbox) -> None:
        """Our own signals and what was answered go when nobody can ask for them any more."""
        final = replace(exchange.begin(MOMENT, None), state=exchange.State.ACKNOWLEDGED, next_attempt=None)
        put(
            outbox,
            message("old@x", kind="signal", batch_id=None, entry=final),
            message("new@x", kind="signal", batch_id=None, entry=final, at=MOMENT + HOUR),
            message("due@x", kind="signal", batch_id=None, entry=exchange.begin(MOMENT, None)),
            message("letters@x", entry=final),
            answer("old@them"),
            answer("new@them", received=MOMENT + HOUR),
        )
        assert outbox.purge(MOMENT + HOUR) == 0
        with outbox.transaction() as tx:
            kept = [one for one in ("old@x", "new@x", "due@x", "letters@x") if tx.message(one)]
            assert kept == ["new@x", "due@x", "letters@x"]
            assert [one for one in ("old@them", "new@them") if tx.answer(one)] == ["new@them"]
        with pytest.raises(OutboxError):
            outbox.open_body("old@x")


RUN = StoredRun(name="aanslag", source="a.csv", sha256="00", size=3, started=MOMENT, window="21:00-06:00")


def row(number: int, kind: RowKind = RowKind.LETTER, letter: Aflevering | None = None, **changes: Any) -> RunRow:
    """Return a row of a run, of a letter or of none."""
    of = {"oin": letter.oin, "kenmerk": letter.kenmerk, "bericht_id": letter.bericht_id} if letter else {}
    return RunRow(number=number, kind=kind, **{**of, **changes})


def add_rows(outbox: Outbox, *rows: RunRow, run: str = "aanslag") -> None:
    """Append rows to a run."""
    with outbox.transaction() as tx:
        tx.add_run_rows(run, rows)


class TestRuns:
    """Issue 5: every input row is known exactly once, and where its letter stands."""

    def test_round_trip(self, outbox: Outbox) -> None:
        """A run is as it was stored last."""
        after = replace(RUN, is_read=True, lists=(PaperList(number=1, early=True, closed=MOMENT, letters=2),))
        for run in (RUN, replace(RUN, name="ander"), after):
            with outbox.transaction() as tx:
                tx.put_run(run)
        with outbox.transaction() as tx:
            assert tx.run("aanslag") == after
            assert tx.run("geen") is None
        assert [run.name for run in outbox.runs()] == ["aanslag", "ander"]

    def test_rows(self, outbox: Outbox) -> None:
        """Rows come back in order, a page at a time, each with where its letter stands; other runs have their own."""
        put(outbox, stored("a"), stored("b", THEIRS, state=State.PAPER))
        refused = row(4, RowKind.REFUSED, kenmerk="=é", findings=(Finding("row.csv", field="row", measure="1 line"),))
        rows = [row(2, letter=way("a")), row(3, RowKind.REPEAT, way("a")), refused, row(9, letter=way("b", THEIRS))]
        add_rows(outbox, *rows[:2])
        add_rows(outbox, *rows[2:])
        add_rows(outbox, row(2), run="ander")
        lines = [*outbox.run_lines("aanslag", limit=3), *outbox.run_lines("aanslag", after=4)]
        assert [line.row for line in lines] == rows
        assert [line.aflevering and line.aflevering.kenmerk for line in lines] == ["a", "a", None, "b"]
        assert (outbox.run_last_row("aanslag"), outbox.run_last_row("geen")) == (9, 0)
        assert outbox.run_counts("aanslag") == {
            (RowKind.LETTER, OURS, State.QUEUED): 1,
            (RowKind.REPEAT, OURS, State.QUEUED): 1,
            (RowKind.REFUSED, None, None): 1,
            (RowKind.LETTER, THEIRS, State.PAPER): 1,
        }

    def test_once(self, outbox: Outbox) -> None:
        """A row that is there already is refused, and with it all that came along."""
        add_rows(outbox, row(2))
        with pytest.raises(OutboxError):
            add_rows(outbox, row(3), row(2))
        assert [line.row.number for line in outbox.run_lines("aanslag")] == [2]

    @pytest.mark.parametrize("at_once", [True, False])
    def test_one_row_a_letter(self, outbox: Outbox, at_once: bool) -> None:
        """Of refused rows under one key the first follows it, until a row comes that is a letter: it counts once."""
        put(outbox, stored("a"))
        rows = [row(n, RowKind.REFUSED, way("a")) for n in (2, 3)] + [row(4, letter=way("a"))]
        for some in [rows] if at_once else [[one] for one in rows]:
            add_rows(outbox, *some)
        found = [bool(line.row.bericht_id) for line in outbox.run_lines("aanslag")]
        assert found == [False, False, True]

    def test_row_that_gets_a_letter(self, outbox: Outbox) -> None:
        """A refused row follows a letter from then on; one that follows a letter goes on following that."""
        put(outbox, stored("a", state=State.PAPER), stored("b"))
        add_rows(outbox, row(2, RowKind.REFUSED, kenmerk="x"), row(3, letter=way("b")))
        with outbox.transaction() as tx:
            assert tx.run_row("aanslag", 2) == row(2, RowKind.REFUSED, kenmerk="x")
            assert (tx.run_row("aanslag", 9), tx.run_row("ander", 2)) == (None, None)
            for number in (2, 3):
                tx.follow("aanslag", number, way("a").bericht_id)
        found = [line.aflevering.kenmerk for line in outbox.run_lines("aanslag") if line.aflevering]
        assert found == ["a", "b"]

    def test_holds(self, outbox: Outbox) -> None:
        """What a run holds nobody puts into a message; letters beside the run go on."""
        put(outbox, stored("a"), stored("b", THEIRS), stored("c"))
        add_rows(outbox, row(2, letter=way("a")), row(3, letter=way("b", THEIRS)), row(4, RowKind.REPEAT, way("c")))
        stop, window = Hold(why="stop", oin=THEIRS), Hold(why="window")
        with outbox.transaction() as tx:
            for hold in (stop, stop, window):
                tx.hold("aanslag", hold)
        assert list(outbox.holds("aanslag")) == [stop, window]
        assert leased(outbox, OURS, THEIRS) == ["c"]
        for hold, free in ((window, ["a"]), (stop, ["b"])):
            with outbox.transaction() as tx:
                tx.release("aanslag", hold)
            assert leased(outbox, OURS, THEIRS) == free
        assert not outbox.holds("aanslag")

    def test_paper_lists(self, outbox: Outbox) -> None:
        """A letter is on one list, of one run, and stays there."""
        put(outbox, stored("a", state=State.PAPER), stored("b"), stored("c", state=State.PAPER))
        add_rows(outbox, row(2, letter=way("a")), row(3, letter=way("b")), row(4, RowKind.REPEAT, way("c")))
        add_rows(outbox, row(7, letter=way("c")), row(8, RowKind.REFUSED, way("a")), run="ander")

        def listed(name: str, number: int) -> int:
            with outbox.transaction() as tx:
                return tx.put_on_paper_list(name, number)

        assert [listed("aanslag", 1), listed("aanslag", 1), listed("ander", 1)] == [1, 0, 1]
        put(outbox, way("b", state=State.PAPER))
        assert [listed("aanslag", 2), listed("ander", 2)] == [1, 0]
        assert [line.paper for line in outbox.run_lines("aanslag")] == [1, 2, None]
        assert [line.paper for line in outbox.run_lines("ander")] == [1, None]

    def test_rolled_back(self, outbox: Outbox) -> None:
        """All or nothing."""
        put(outbox, stored("a", state=State.PAPER))
        with outbox.transaction() as tx:
            tx.hold("aanslag", Hold(why="stop"))
        with suppress(KeyError), outbox.transaction() as tx:
            tx.put_run(RUN)
            tx.add_run_rows("aanslag", [row(2, letter=way("a"))])
            tx.release("aanslag", Hold(why="stop"))
            tx.hold("aanslag", Hold(why="window"))
            tx.put_on_paper_list("aanslag", 1)
            raise KeyError
        assert (list(outbox.runs()), list(outbox.run_lines("aanslag"))) == ([], [])
        assert list(outbox.holds("aanslag")) == [Hold(why="stop")]


def test_events_by_name(outbox: Outbox) -> None:
    """Who looks for some events is given no others."""
    names = [EventName.LETTER_QUEUED, EventName.LETTER_ALARM, EventName.LETTER_QUEUED]
    assert outbox.last_event() == 0
    put(outbox, *map(event, names))
    assert outbox.last_event() == 3
    assert [one.number for one in outbox.events(1, names=[EventName.LETTER_QUEUED])] == [3]
    assert [one.number for one in outbox.events(0, names={EventName.LETTER_QUEUED, EventName.LETTER_ALARM})] == [
        1,
        2,
        3,
    ]
    assert not outbox.events(names=())
