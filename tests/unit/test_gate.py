"""The gate before sending: yes goes, no is paper, unknown waits. Source: `berichtenbox` d.4, h.1, j."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.simulated import letter, make_box
from tests.stores import STORES

from mobb_client.berichtenbox.abonnementen import Bron
from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.identiteit import BSN
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError
from mobb_client.outbox.contract import Event, EventName
from mobb_client.simulator import Answer, Berichtenbox

DAY = timedelta(days=1)
YES, NO, SILENT = "999993653", "999990019", "999998778"


class Night:
    """A box, a client that demands subscriptions, and letters by BSN."""

    def __init__(self, box: Berichtenbox, client: Client) -> None:
        self.box, self.client = box, client
        box.burger(NO).niet_geabonneerd()
        box.validatie.silent.add(SILENT)

    def rules(self, **rules: Any) -> Night:
        """Choose other rules."""
        (sender,) = self.client._senders
        self.client.use(replace(sender, abonnementen=Abonnementregels(**({"vereist": True} | rules))))
        return self

    def wus(self, **rules: Any) -> Night:
        """Let the service be asked."""
        return self.rules(validatie_url=self.box.validatie_url, **rules)

    def knows(self, bsn: str, *, yes: bool, ago: timedelta = timedelta()) -> None:
        """Let something be known of a citizen."""
        (sender,) = self.client._senders
        with self.client._outbox.transaction() as tx:
            at = self.box.clock.now() - ago
            tx.register.put(sender.oins[0], None, Bron.ABONNEMENTSERVICE, at, [(BSN(bsn), yes)])

    def send(self, *bsns: str) -> list[State]:
        """Send a letter to each, named after its BSN's place, and return where they stand."""
        self.client.enqueue([letter(bsn, f"zaak-{number}") for number, bsn in enumerate(bsns)])
        self.client.send_due()
        return self.states

    @property
    def states(self) -> list[State]:
        """Where the letters stand."""
        return [way.state for way in self.client.afleveringen()]

    def events(self, name: EventName) -> list[Event]:
        """Return the events of a name."""
        return [event for event in self.client.events() if event.name is name]


@pytest.fixture(params=sorted(STORES))
def night(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Night]:
    """Return a night over each store, whose senders demand subscriptions and ask nobody."""
    box = make_box()
    with STORES[request.param](tmp_path) as store, box.client(outbox=store.worker()) as client:
        yield Night(box, client).rules()


class TestKnown:
    """What is known decides."""

    def test_yes_and_no(self, night: Night) -> None:
        """Yes goes, no is paper and never offered; both with the fact that it follows from."""
        night.knows(YES, yes=True)
        night.knows(NO, yes=False, ago=DAY)
        assert night.send(YES, NO) == [State.SENT, State.PAPER]
        assert len(night.box.letters) == 1
        (checked,) = night.events(EventName.LETTER_CHECKED)
        (paper,) = night.events(EventName.LETTER_PAPER)
        assert checked.data == {
            "besluit": "digitaal",
            "bron": "abonnementservice",
            "moment": night.box.clock.now().isoformat(timespec="seconds"),
            "berichttype": "*",
        }
        assert paper.data["besluit"] == "papier"
        assert paper.data["moment"] == (night.box.clock.now() - DAY).isoformat(timespec="seconds")
        assert paper.data["reason"] == "abonnement.geen"
        assert night.client.balance() == {"input": 2, "delivered": 0, "paper": 1, "human": 0, "open": 1}

    def test_off(self, night: Night) -> None:
        """Off by default: GLOBE checks by itself, and nothing is looked up."""
        night.knows(NO, yes=False)
        assert night.rules(vereist=False).send(NO, SILENT) == [State.SENT, State.SENT]
        assert not night.events(EventName.LETTER_CHECKED)

    def test_seven_days(self, night: Night) -> None:
        """d.4: a fact of seven days ago is none."""
        night.knows(YES, yes=True, ago=7 * DAY)
        assert night.send(YES) == [State.QUEUED]
        night.knows(YES, yes=True, ago=7 * DAY - timedelta(minutes=30))
        night.box.clock.advance(seconds=900)
        night.client.send_due()
        assert night.states == [State.SENT]

    def test_expired_message_is_not_stopped(self, night: Night) -> None:
        """A letter that may have arrived goes again as it is: paper could be its second ending."""
        night.knows(YES, yes=True)
        night.box.answer_next(500)
        night.send(YES)
        night.box.clock.advance(seconds=8 * 86400)
        night.knows(YES, yes=False)
        night.client.send_due()
        assert night.states == [State.SENT]


class TestUnknown:
    """Unknown is not "no", and no probe either."""

    def test_waits(self, night: Night) -> None:
        """It waits, is told of once, and goes as soon as something is known."""
        report = night.client.send_due()
        assert night.send(YES) == [State.QUEUED]
        for _ in range(3):
            night.box.clock.advance(seconds=901)
            report = night.client.send_due()
            assert report.unchecked == 1
        (way,) = night.client.afleveringen()
        assert way.reason == "abonnement.onbekend"
        (told,) = night.events(EventName.LETTER_CHECKED)
        assert told.data == {"besluit": "onbekend", "reason": "abonnement.onbekend"}
        night.knows(YES, yes=True)
        night.box.clock.advance(seconds=901)
        night.client.send_due()
        assert night.states == [State.SENT]

    def test_asked(self, night: Night) -> None:
        """With a service to ask: yes goes, no is paper, who is not named waits; asked once for all."""
        assert night.wus().send(YES, NO, SILENT, YES) == [State.SENT, State.PAPER, State.QUEUED, State.SENT]
        (asked,) = night.box.validatie.questions
        assert asked[1:] == ("BESCHIK", 3)
        assert [event.data["bron"] for event in night.events(EventName.LETTER_PAPER)] == ["wus"]

    def test_asked_again(self, night: Night) -> None:
        """e.5: no faster than the pace, and who was known is not asked again."""
        night.wus()
        night.send(YES)
        night.client.enqueue([letter(NO, "zaak-9"), letter(YES, "zaak-10")])
        night.client.send_due()
        assert night.states == [State.SENT, State.QUEUED, State.SENT]
        assert len(night.box.validatie.questions) == 1

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (None, "wus.dependent-fault"),
            (Answer(status=200, body=b"<html>999993653</html>"), "http.not-understood"),
            (
                Answer(
                    status=200,
                    body=b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
                ),
                "xml.once",
            ),
        ],
        ids=range(3),
    )
    def test_service_down(self, night: Night, answer: Answer | None, why: str) -> None:
        """No answer is no answer: the letter waits, and says why."""
        if answer is None:
            night.box.validatie.down_next()
        else:
            night.box.validatie.next.append(answer)
        assert night.wus().send(YES) == [State.QUEUED]
        (way,) = night.client.afleveringen()
        assert way.finding is not None
        assert way.finding.measure == why


class TestResult:
    """c.2: what the Berichtenbox says overwrites what was known."""

    def test_no(self, night: Night) -> None:
        """Who has left since is not offered the next letter; another BerichtType is another matter."""
        night.knows(NO, yes=True, ago=DAY)
        night.send(NO)
        night.box.run_until_idle()
        assert night.states == [State.PAPER]
        night.client.enqueue([letter(NO, "zaak-2"), letter(NO, "zaak-3", berichttype="AANSLAG")])
        night.client.send_due()
        assert night.states == [State.PAPER, State.PAPER, State.SENT]
        assert night.events(EventName.LETTER_PAPER)[-1].data["bron"] == "resultaat"


class TestClient:
    """What a caller asks for itself."""

    def test_check(self, night: Night) -> None:
        """Asked, stored and told; the next letters use it."""
        (found,) = night.wus().client.abonnementen.check("BESCHIK", [YES, NO, SILENT])
        assert (len(found.geabonneerd), len(found.onbekend)) == (2, 1)
        known = night.client.abonnementen
        assert [known.oordeel(bsn, "BESCHIK").besluit for bsn in (YES, NO, SILENT)] == [
            "digitaal",
            "papier",
            "onbekend",
        ]
        assert (known.stand().geabonneerd, known.stand().niet) == (1, 1)
        assert known.verzoeken() == []

    def test_nobody_to_ask(self, night: Night) -> None:
        """Without the service's URL nothing can be asked, and without an OIN of ours neither."""
        for oin, code in [(None, "abonnementen.no-wus"), ("00000099000000009000", "sender.oin-unknown")]:
            with pytest.raises(ConfigurationError) as caught:
                night.client.abonnementen.check("BESCHIK", [YES], oin=oin)
            assert caught.value.findings[0].code == code

    @pytest.mark.parametrize("per_minute", [0, True, 601, "4"])
    def test_pace(self, per_minute: Any) -> None:
        """A pace within its bounds."""
        with pytest.raises(ConfigurationError, match=r"abonnementen\.per-minute"):
            Abonnementregels(per_minute=per_minute)
