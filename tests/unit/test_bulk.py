"""The AbonnementService over ebMS: asked in bulk, answered hours later. Source: `berichtenbox` d."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.simulated import letter, make_box
from tests.stores import STORES
from tests.subscribers import bulk_answer

from mobb_client.berichtenbox.aanvraag import Paden
from mobb_client.berichtenbox.abonnementen import Variant, Verzoek
from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, FieldError, OutboxError
from mobb_client.outbox.contract import Event, EventName
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.material import Profile, Terms

YES, NO, OTHER = "999993653", "999990019", "999998778"
PADEN = Paden("Geabonneerd/BSN", "NietGeabonneerd/BSN")
TERMS = Terms(retries=3, interval="PT30M", abonnementen=True)


class Bulk:
    """A box with the AbonnementService, and a client that knows what its answers mean."""

    def __init__(self, box: Berichtenbox, client: Client) -> None:
        self.box, self.client = box, client
        box.burger(NO).niet_geabonneerd()

    def rules(self, **rules: Any) -> Bulk:
        """Choose rules."""
        (sender,) = self.client._senders
        self.client.use(replace(sender, abonnementen=Abonnementregels(**({"mapper": PADEN} | rules))))
        return self

    def ask(self, *bsns: str, variant: Variant = Variant.BSN_LIJST, **more: Any) -> Verzoek:
        """Ask, and send the question."""
        made = self.client.abonnementen.request(variant, bsns=bsns, **more)
        self.client.send_due()
        return made

    def answered(self) -> Verzoek:
        """Let the answer come and be read; return what became of the last request."""
        self.box.run_until_idle()
        self.client.send_due()
        return self.client.abonnementen.verzoeken()[-1]

    def events(self, name: EventName) -> list[Event]:
        """Return the events of a name."""
        return [event for event in self.client.events() if event.name is name]


def make(profile: Profile = "osb-rm", *, sync: bool = False) -> Berichtenbox:
    """Return a box whose CPAs have the AbonnementService."""
    return make_box(profile, sync=sync, terms=TERMS)


@pytest.fixture(params=sorted(STORES))
def bulk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bulk]:
    """Return a box and a client on each store."""
    box = make()
    with STORES[request.param](tmp_path) as store, box.client(outbox=store.worker()) as client:
        yield Bulk(box, client).rules()


class TestWay:
    """d.1, d.2: the question goes out like letters do, and its answer fills the register."""

    def test_list(self, bulk: Bulk) -> None:
        """T06: asked, answered packed, read; what is known holds from the moment of asking."""
        asked = bulk.ask(YES, NO)
        assert asked.aantal == 2
        found = bulk.answered()
        assert found.beantwoord == asked.gevraagd + timedelta(hours=1)
        assert (found.feiten, found.verwerkt is not None) == (2, True)
        known = bulk.client.abonnementen
        assert [known.oordeel(bsn, "BESCHIK").besluit for bsn in (YES, NO, OTHER)] == ["digitaal", "papier", "onbekend"]
        assert known.stand().oudste == asked.gevraagd
        assert not bulk.box.complaints
        assert not bulk.box.unsettled

    def test_nothing_stays(self, bulk: Bulk) -> None:
        """B49: neither the question's octets nor the answer's are kept once they are read."""
        asked = bulk.ask(YES, NO)
        bulk.answered()
        with pytest.raises(OutboxError):
            bulk.client._outbox.open_body(asked.message_id)
        with bulk.client._outbox.transaction() as tx:
            assert tx.register.antwoord(asked.aanvraag.verzoek_id) is None

    def test_all_and_changes(self, bulk: Bulk) -> None:
        """d.2: all of them once, then what changed since a day before that was asked."""
        full = bulk.ask(variant=Variant.VOLLEDIG)
        assert bulk.answered().feiten == len(bulk.box.globe.outcomes)
        assert bulk.ask(variant=Variant.MUTATIE).aanvraag.sinds == full.gevraagd - timedelta(days=1)

    def test_no_earlier(self, bulk: Bulk) -> None:
        """Nothing tells since when."""
        with pytest.raises(ConfigurationError, match=r"abonnementen\.no-earlier"):
            bulk.ask(variant=Variant.MUTATIE)

    def test_wrong_bsn(self, bulk: Bulk) -> None:
        """Nothing is stored of a request that cannot be written."""
        with pytest.raises(FieldError):
            bulk.ask(YES, "123456789")
        assert bulk.client.abonnementen.verzoeken() == []
        assert not bulk.box.requests

    def test_gate(self, bulk: Bulk) -> None:
        """d.4: the night's letters go by what was asked in bulk, for seven days."""
        bulk.rules(vereist=True).ask(YES, NO)
        bulk.answered()
        bulk.client.enqueue([letter(YES, "a"), letter(NO, "b"), letter(OTHER, "c")])
        bulk.client.send_due()
        assert [way.state for way in bulk.client.afleveringen()] == [State.SENT, State.PAPER, State.QUEUED]

    def test_question_is_resent(self, bulk: Bulk) -> None:
        """A request is a reliable message: sent again, the same octets, once at the box."""
        bulk.box.answer_next(503)
        bulk.ask(YES)
        bulk.box.clock.advance(seconds=1800)
        bulk.client.send_due()
        assert bulk.answered().feiten == 1
        assert bulk.box.abonnementen is not None
        assert bulk.box.abonnementen.questions == [1]


@pytest.mark.parametrize(("profile", "sync"), [("osb-rm-s", False), ("osb-rm", True), ("osb-be", False)])
def test_profiles(profile: Profile, sync: bool) -> None:
    """The CPA decides how it travels: signed, synchronous, best effort."""
    box = make(profile, sync=sync)
    with box.client() as client:
        bulk = Bulk(box, client).rules()
        bulk.ask(YES)
        assert bulk.answered().feiten == 1
    assert not box.complaints


class TestAnswer:
    """d.2, d.3: what comes back, and what may come instead."""

    def test_no_mapper(self, bulk: Bulk) -> None:
        """Without a mapper nothing is guessed: the answer stays, and is read when somebody knows what it means."""
        bulk.rules(mapper=None).ask(YES)
        assert bulk.answered().verwerkt is None
        bulk.rules()
        assert bulk.client.abonnementen.process() == 1
        assert bulk.client.abonnementen.process() == 0

    def test_late(self, bulk: Bulk) -> None:
        """d.2: after four hours without an answer it is told once; it may still come."""
        bulk.box.abonnementen.after = timedelta(hours=6)
        bulk.ask(YES)
        for hours, told in ((3, 0), (1, 1), (1, 1)):
            bulk.box.clock.advance(seconds=3600 * hours)
            bulk.client.send_due()
            assert len(bulk.events(EventName.ABONNEMENTEN_LATE)) == told
        assert bulk.answered().feiten == 1

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (bulk_answer("<Geabonneerd><BSN>999993653</BSN>").replace(str(UUID(int=0)).encode(), b""), "xml.syntax"),
            (bulk_answer() + b"<x/>", "xml.syntax"),
            (bulk_answer("<?x 999993653?>"), "xml.processing-instruction"),
        ],
        ids=range(3),
    )
    def test_unreadable(self, bulk: Bulk, answer: bytes, code: str) -> None:
        """Acknowledged, kept, told once by its code, and never half believed to be whole."""
        asked = bulk.ask(YES)
        named = answer.replace(b"f1f2a3b4-0001-4a00-8c00-000000000002", str(asked.aanvraag.verzoek_id).encode())
        with bulk.client._outbox.transaction() as tx:
            tx.register.put_verzoek(replace(asked, beantwoord=asked.gevraagd), gzip.compress(named))
        bulk.client.send_due()
        bulk.client.send_due()
        (told,) = bulk.events(EventName.ABONNEMENTEN_ODD)
        assert told.data["code"] == code
        assert bulk.client.abonnementen.verzoeken()[0].verwerkt is None

    @pytest.mark.parametrize("document", [b"<x/>", b"\x1f\x8bx", bulk_answer(namespace="urn:x")], ids=range(3))
    def test_no_answer_at_all(self, bulk: Bulk, document: bytes) -> None:
        """What is no answer of the service is refused inside the protocol, and its request stays open."""
        bulk.box.abonnementen.next.append(document)
        asked = bulk.ask(YES)
        bulk.box.abonnementen.gzipped = False
        bulk.box.run_until_idle()
        assert len(bulk.events(EventName.INCOMING_REFUSED)) == 1
        assert bulk.client.abonnementen.verzoeken() == [asked]

    def test_of_another(self, bulk: Bulk) -> None:
        """d.2: an answer that refers to one request and names another is refused."""
        first = bulk.ask(YES)
        body = bulk_answer().replace(b"f1f2a3b4-0001-4a00-8c00-000000000002", str(first.aanvraag.verzoek_id).encode())
        bulk.box.abonnementen.next.append(body)
        bulk.box.abonnementen.after = timedelta(hours=2)
        bulk.ask(NO)
        bulk.box.run_until_idle()
        assert [event.data["code"] for event in bulk.events(EventName.INCOMING_REFUSED)] == ["abonnement.unknown"]

    def test_odd_entries(self, bulk: Bulk) -> None:
        """What is no BSN is counted and passed over; the rest counts."""
        body = bulk_answer("<Geabonneerd><BSN>999993653</BSN><BSN>999993654</BSN><BSN/><BSN>12</BSN></Geabonneerd>")
        asked = bulk.ask(YES)
        with bulk.client._outbox.transaction() as tx:
            tx.register.put_verzoek(replace(asked, beantwoord=asked.gevraagd), body)
        bulk.client.send_due()
        (told,) = bulk.events(EventName.ABONNEMENTEN_STORED)
        assert (told.data["facts"], told.data["odd"]) == (2, 2)

    def test_mapper_fails(self, bulk: Bulk) -> None:
        """B37: a mapper that raises stops no letter, and the answer is there for a better one."""

        def broken(*_: object) -> Iterator[tuple[str, bool]]:
            yield YES, True
            raise ValueError(f"nothing but {YES}")

        bulk.rules(mapper=broken).ask(YES)
        bulk.answered()
        assert [event.data["code"] for event in bulk.events(EventName.ABONNEMENTEN_ODD)] == ["mapper"]
        bulk.rules()
        assert bulk.client.abonnementen.process() == 1

    def test_late_and_answered_at_once(self, bulk: Bulk) -> None:
        """B43: an answer that comes while somebody tells that it is late is not lost."""
        asked = bulk.ask(YES)
        bulk.answered()
        bulk.client.abonnementen._tell(asked, EventName.ABONNEMENTEN_LATE, {})
        assert bulk.client.abonnementen.verzoeken()[0].feiten == 1
        assert not bulk.events(EventName.ABONNEMENTEN_LATE)

    def test_no_bsn_in_the_log(self, bulk: Bulk, caplog: pytest.LogCaptureFixture) -> None:
        """At any level: no BSN in a log or an event, by WUS or in bulk."""
        caplog.set_level(logging.DEBUG)
        bulk.rules(vereist=True, validatie_url=bulk.box.validatie_url).ask(YES, NO)
        bulk.answered()
        bulk.box.validatie.down_next(YES)
        bulk.client.enqueue([letter(bsn, f"zaak-{at}") for at, bsn in enumerate((YES, NO, OTHER))])
        bulk.client.send_due()
        told = caplog.text + repr([vars(one) for one in caplog.records]) + repr(bulk.client.events())
        assert not [bsn for bsn in (YES, NO, OTHER) if bsn in told]

    def test_twice(self, bulk: Bulk) -> None:
        """B42: an answer that comes again has no second effect."""
        bulk.box.repeat_next_result()
        bulk.ask(YES)
        assert bulk.answered().feiten == 1
        assert len(bulk.events(EventName.ABONNEMENTEN_STORED)) == 1
