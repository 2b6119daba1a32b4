"""The register of subscriptions: one suite, run over each store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.stored import OURS, THEIRS
from tests.stores import STORES
from tests.subscribers import NOW, ONE, THREE, TWO, VERZOEK, fact

from mobb_client.berichtenbox.abonnementen import Aanvraag, Bron, Stand, Variant, Verzoek
from mobb_client.outbox.contract import Outbox
from mobb_client.outbox.sqlite import SqliteOutbox

DAY = timedelta(days=1)


@pytest.fixture(params=sorted(STORES))
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    """Return a worker on a new store of each kind."""
    with STORES[request.param](tmp_path) as made:
        yield made.worker()
        made.close()


def verzoek(number: int = 0, **changes: object) -> Verzoek:
    """Return a request, changed here and there."""
    aanvraag = Aanvraag(
        oin=OURS, verzoek_id=UUID(int=VERZOEK.int + number), variant=Variant.MUTATIE, sinds=NOW - 9 * DAY
    )
    made = Verzoek(aanvraag=aanvraag, cpa_id="cpa", message_id=f"{number}@own.example", gevraagd=NOW + number * DAY)
    return replace(made, **changes)  # type: ignore[arg-type] # by name


class TestFacts:
    """d.4: a fact by OIN, BerichtType and citizen."""

    def test_round_trip(self, outbox: Outbox) -> None:
        """What was told of one is told of nobody else, and of no other OIN."""
        with outbox.transaction() as tx:
            assert tx.register.put(OURS, None, Bron.ABONNEMENTSERVICE, NOW, [(ONE, True), (TWO, False)]) == 2
            tx.register.put(OURS, "BESCHIK", Bron.WUS, NOW + DAY, [(ONE, False)])
        with outbox.transaction() as tx:
            known = tx.register.known(OURS, [ONE, TWO, THREE])
            assert sorted(known[ONE], key=lambda one: one.moment) == [
                fact(bron=Bron.ABONNEMENTSERVICE),
                fact(yes=False, moment=NOW + DAY, berichttype="BESCHIK"),
            ]
            assert known[TWO] == [fact(yes=False, bron=Bron.ABONNEMENTSERVICE)]
            assert known[THREE] == []
            assert tx.register.known(THEIRS, [ONE])[ONE] == []

    def test_newest_stays(self, outbox: Outbox) -> None:
        """c.2: a newer fact overwrites; an answer that comes late does not."""
        with outbox.transaction() as tx:
            for bron, at, yes in [
                (Bron.WUS, NOW, True),
                (Bron.RESULTAAT, NOW + DAY, False),
                (Bron.WUS, NOW - DAY, True),
            ]:
                tx.register.put(OURS, "BESCHIK", bron, at, [(ONE, yes)])
            (known,) = tx.register.known(OURS, [ONE])[ONE]
        assert known == fact(yes=False, bron=Bron.RESULTAAT, moment=NOW + DAY, berichttype="BESCHIK")

    def test_taken_back(self, outbox: Outbox) -> None:
        """A transaction that raises leaves nothing, the key of the first time included."""
        with suppress(ZeroDivisionError), outbox.transaction() as tx:
            tx.register.put(OURS, None, Bron.WUS, NOW, [(ONE, True)])
            tx.register.put_verzoek(verzoek(), b"x")
            raise ZeroDivisionError
        with outbox.transaction() as tx:
            assert tx.register.known(OURS, [ONE])[ONE] == []
            assert tx.register.verzoeken() == []
            tx.register.put(OURS, None, Bron.WUS, NOW, [(ONE, True)])
        with outbox.transaction() as tx:
            assert len(tx.register.known(OURS, [ONE])[ONE]) == 1

    def test_stand(self, outbox: Outbox) -> None:
        """Yes, no and too old, counted; the oldest that counts."""
        with outbox.transaction() as tx:
            tx.register.put(OURS, None, Bron.WUS, NOW - 8 * DAY, [(THREE, True)])
            tx.register.put(OURS, None, Bron.WUS, NOW - DAY, [(ONE, True)])
            tx.register.put(OURS, None, Bron.WUS, NOW, [(TWO, False)])
            found = tx.register.stand(OURS, NOW - 7 * DAY)
            assert found == Stand(geabonneerd=1, niet=1, verlopen=1, oudste=NOW - DAY)
            assert tx.register.stand(THEIRS, NOW) == Stand()

    def test_purge(self, outbox: Outbox) -> None:
        """B49: facts and answers from before a moment go; that a request was made stays."""
        with outbox.transaction() as tx:
            tx.register.put(OURS, None, Bron.WUS, NOW - 8 * DAY, [(ONE, True)])
            tx.register.put(OURS, "BESCHIK", Bron.WUS, NOW, [(ONE, True)])
            tx.register.put_verzoek(verzoek(-8), b"old")
            tx.register.put_verzoek(verzoek(), b"new")
        assert outbox.purge(NOW - DAY) == 0
        with outbox.transaction() as tx:
            assert [one.berichttype for one in tx.register.known(OURS, [ONE])[ONE]] == ["BESCHIK"]
            assert [tx.register.antwoord(one.aanvraag.verzoek_id) for one in tx.register.verzoeken()] == [None, b"new"]


class TestRequests:
    """d.2: what is kept of a request."""

    def test_round_trip(self, outbox: Outbox) -> None:
        """Oldest first, every part of it, replaced by what became of it."""
        done = verzoek(beantwoord=NOW, verwerkt=NOW, aantal=3, feiten=2)
        with outbox.transaction() as tx:
            for one in (verzoek(1), verzoek(), done):
                tx.register.put_verzoek(one)
        with outbox.transaction() as tx:
            assert tx.register.verzoeken() == [done, verzoek(1)]
            assert tx.register.verzoek(VERZOEK) == done
            assert tx.register.verzoek(UUID(int=9)) is None

    def test_answer(self, outbox: Outbox) -> None:
        """As it came, octet for octet, until it is dropped."""
        octets = bytes(range(256)) * 1000
        with outbox.transaction() as tx:
            tx.register.put_verzoek(verzoek(), b"first")
            tx.register.put_verzoek(verzoek(), octets)
            tx.register.put_verzoek(verzoek(beantwoord=NOW))
        with outbox.transaction() as tx:
            assert tx.register.antwoord(VERZOEK) == octets
            tx.register.drop_antwoord(VERZOEK)
            assert tx.register.antwoord(VERZOEK) is None


def test_no_bsn_in_the_tables(tmp_path: Path) -> None:
    """No BSN and no plain hash of one lies in the tables, and another outbox has another key."""
    seen = set()
    for name in ("a", "b"):
        with closing(SqliteOutbox(tmp_path / name)) as outbox, outbox.transaction() as tx:
            tx.register.put(OURS, None, Bron.WUS, NOW, [(ONE, True)])
        with closing(sqlite3.connect(tmp_path / name)) as db:
            ((burger,),) = db.execute("SELECT burger FROM mobb_abonnement")
        assert len(burger) == 32
        assert ONE.digits.encode() not in b"".join(
            one.read_bytes() for one in tmp_path.glob(f"{name}*") if one.is_file()
        )
        seen.add(burger)
    assert len(seen) == 2
