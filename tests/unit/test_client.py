"""The client: what a caller sees of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.letters import BSN, letter
from tests.partner import (
    NOTHING,
    Clock,
    Partner,
    every_event,
    names,
    some_letters,
    states,
    way,
)

import mobb_client
from mobb_client.berichtenbox.aflevering import BACK_OFF, Aflevering, State
from mobb_client.berichtenbox.resultaat import Verwerkingscode
from mobb_client.client import Client, utc_now
from mobb_client.ebms.message import Ping
from mobb_client.errors import BerichtError, ConfigurationError
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.transport.outcome import Accepted, Outcome, Retry, Signal
from mobb_client.transport.wire import Response

OURS = "00000099000000001000"
OTHER = "00000099000000003000"


def codes(make: Callable[[], object]) -> list[str]:
    """Return the codes of what a configuration is refused for."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    return [finding.code for finding in caught.value.findings]


class TestMaking:
    """What belongs to one client."""

    def test_senders(self) -> None:
        """Design 2: at least one sender, and no OIN or CPA of two: keys and agreements are never mixed up."""
        one, same = Partner().sender(), Partner().sender(oin=OTHER)
        signed = Partner(profile="osb-rm-s").sender()
        assert codes(lambda: Client(outbox=MemoryOutbox())) == ["client.sender"]
        assert codes(lambda: Client(one, same, outbox=MemoryOutbox())) == ["client.cpa-twice"]
        assert codes(lambda: Client(one, signed, outbox=MemoryOutbox())) == ["sender.oin-twice"]

    def test_defaults(self) -> None:
        """Real time, aware and in UTC."""
        assert utc_now().utcoffset() == timedelta()

    def test_public_names(self) -> None:
        """Style 7: what the first screen of the README imports."""
        assert {"Client", "Aflevering", "State", "MemoryOutbox"} <= set(mobb_client.__all__)

    def test_import(self) -> None:
        """Design 4: nothing that is slow to import is imported before it is used."""
        slow = ("requests", "signxml", "xmlschema", "ssl", "asyncio")
        program = f"import sys, mobb_client; print([name for name in {slow} if name in sys.modules])"
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == "[]"


class TestClosing:
    """Leaving things behind."""

    def test_wires(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """HTTPS is made for a sender when it is first needed, once, and closed with the client."""
        made: list[Any] = []

        class Https:
            def __init__(self, **parts: Any) -> None:
                self.parts, self.closed = parts, 0
                made.append(self)

            def post(self, *_: Any) -> Response:
                return NOTHING

            def close(self) -> None:
                self.closed += 1

        monkeypatch.setattr("mobb_client.client.HttpsWire", Https)
        partner = Partner()
        tls = Partner(profile="osb-rm-s").sender().identity
        sender = partner.sender(tls=tls, anchors=("anchor",))
        with partner.client(sender, wire=None) as client:
            assert made == []
            client.send(letter())
            client.send(letter(kenmerk="second"))
            assert [one.parts for one in made] == [{"anchors": ("anchor",), "identity": tls}]
        assert made[0].closed == 1
        client.close()

    def test_other_senders(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """B50, B57: what was replaced counts from the next message on, over connections of its own."""
        made: list[Any] = []

        class Https:
            def __init__(self, **parts: Any) -> None:
                self.parts, self.closed = parts, 0
                made.append(self)

            def post(self, *_: Any) -> Response:
                return NOTHING

            def close(self) -> None:
                self.closed += 1

        monkeypatch.setattr("mobb_client.client.HttpsWire", Https)
        partner = Partner()
        with partner.client(partner.sender(anchors=("old",)), wire=None) as client:
            client.send(letter())
            for number, anchors in enumerate([("old", "new"), ("new",)]):
                client.use(partner.sender(anchors=anchors))
                client.send(letter(kenmerk=f"zaak-{number}"))
            assert [one.parts["anchors"] for one in made] == [("old",), ("old", "new"), ("new",)]
            assert [one.closed for one in made] == [1, 0, 0], "something may still be under way over the one before"
            assert codes(client.use) == ["client.sender"]
            client.send(letter(kenmerk="zaak-2"))
            assert len(made) == 3
        assert [one.closed for one in made] == [1, 1, 1]

    def test_other_cpa(self) -> None:
        """B50: a CPA that changed counts for what comes in and goes out from then on."""
        partner, next_one = Partner(), Partner(profile="osb-rm-s")
        client = partner.client()
        client.use(next_one.sender())
        assert partner.ping().to(client).status == 500
        assert next_one.ping().to(client).status == 204
        client.send(letter())
        assert partner.batches[0].header.cpa_id == next_one.cpa.cpa_id

    def test_given(self) -> None:
        """A wire that was given is the giver's to close; the outbox goes with the client."""
        closed = []

        class Store(MemoryOutbox):
            def close(self) -> None:
                closed.append("outbox")

        class Wire(Partner):
            def close(self) -> None:
                closed.append("wire")

        with pytest.raises(KeyError), Wire().client(outbox=Store()):
            raise KeyError
        assert closed == ["outbox"]


class TestSend:
    """One letter."""

    def test_sent(self) -> None:
        """Style 7: stored and sent, not yet acknowledged; the verdict is asked for later."""
        partner = Partner()
        client = partner.client()
        assert client.send(letter()).state is State.SENT
        partner.acknowledgment(partner.posts[0]).to(client)
        assert way(client, letter().kenmerk).state is State.ACKNOWLEDGED
        partner.verdict(partner.posts[0]).to(client)
        found = way(client, letter().kenmerk)
        assert found.verwerkingscode == Verwerkingscode.VERWERKT
        assert None not in {found.handed_over, found.acknowledged, found.processed}

    def test_refused(self) -> None:
        """A letter that is refused leaves nothing."""
        client = Partner().client()
        with pytest.raises(BerichtError):
            client.send(letter(oin=OTHER))
        assert states(client) == []

    def test_forbidden(self) -> None:
        """What forbids sending is raised where one letter is sent, and the letter waits."""
        partner = Partner(profile="osb-rm-s")
        client = partner.client(partner.sender(identity=None))
        assert codes(lambda: client.send(letter())) == ["key.needed"]
        assert states(client) == [State.QUEUED]

    def test_waiting(self) -> None:
        """A letter that waits for another attempt is no mistake of the caller."""
        partner = Partner()
        client = partner.client()
        client.send(letter())
        partner.verdict(partner.posts[0], "TechnischProbleem").to(client)
        found = client.send(letter())
        assert (found.state, found.not_before) == (State.QUEUED, partner.clock() + BACK_OFF[0])


class TestAsking:
    """Where letters stand."""

    def test_by_kenmerk(self) -> None:
        """None when it is not known; by its OIN when several organisations may have the kenmerk."""
        partner = Partner()
        client = partner.client(partner.sender(oin=[OURS, OTHER]))
        client.enqueue([letter(kenmerk="both"), letter(kenmerk="both", oin=OTHER), letter(kenmerk="one", oin=OTHER)])
        assert client.aflevering("none") is None
        assert str(way(client, "one").oin) == OTHER
        assert codes(lambda: client.aflevering("both")) == ["client.oin-needed"]
        assert way(client, "both", OTHER).oin == way(client, "one").oin
        assert way(client, "both", way(client, "one").oin).oin == way(client, "one").oin
        assert client.aflevering("one", oin=OURS) is None

    def test_balance(self) -> None:
        """Design 1: input = delivered + paper + human + open."""
        partner = Partner()
        client = partner.client()
        client.enqueue(some_letters(3))
        assert client.balance() == {"input": 3, "delivered": 0, "paper": 0, "human": 0, "open": 3}
        client.send_due()
        partner.verdict(partner.posts[0], "NietActiefOfGeabonneerd").to(client)
        assert client.balance() == {"input": 3, "delivered": 0, "paper": 3, "human": 0, "open": 0}

    def test_events(self) -> None:
        """Up to a thousand at a time, above a number."""
        client = Partner().client()
        client.enqueue(some_letters(1200))
        first = client.events()
        assert len(first) == 1000
        rest = client.events(first[-1].number)
        assert [event.kenmerk for event in (*first, *rest)] == [f"zaak-{number}" for number in range(1, 1201)]


class TestDispatch:
    """Hooks: at least once, in order, from a stored cursor."""

    def test_way(self) -> None:
        """After each step the hook hears where the letter stands."""
        heard: list[Aflevering] = []
        partner = Partner()
        client = partner.client(on_aflevering=heard.append)
        steps: list[Callable[[], object]] = [
            lambda: client.enqueue([letter()]),
            client.send_due,
            lambda: partner.acknowledgment(partner.posts[0]).to(client),
            lambda: partner.verdict(partner.posts[0]).to(client),
        ]
        for step in steps:
            step()
            client.dispatch()
        assert [one.state for one in heard] == [State.QUEUED, State.SENT, State.ACKNOWLEDGED, State.DELIVERED]
        assert client.dispatch() == 0

    def test_late(self) -> None:
        """Who dispatches late hears where each letter stands now, once, and nothing that is over."""
        heard: list[Aflevering] = []
        partner = Partner()
        client = partner.client(on_aflevering=heard.append)
        client.enqueue(some_letters(3))
        client.send_due()
        partner.verdict(partner.posts[0]).to(client)
        client.enqueue([letter(kenmerk="zaak-4")])
        assert client.dispatch() == 4
        assert [(one.kenmerk, one.state) for one in heard] == [
            ("zaak-1", State.DELIVERED),
            ("zaak-2", State.DELIVERED),
            ("zaak-3", State.DELIVERED),
            ("zaak-4", State.QUEUED),
        ]

    def test_hook_raises(self) -> None:
        """Design 3: at least once: what the hook did not get through comes again, in order, to whoever calls next."""
        heard: list[str] = []

        def hook(one: Aflevering) -> None:
            heard.append(one.kenmerk)
            if heard.count("zaak-2") == 1 and one.kenmerk == "zaak-2":
                raise ConnectionError

        partner, outbox = Partner(), MemoryOutbox()
        client = partner.client(on_aflevering=hook, outbox=outbox)
        client.enqueue(some_letters(3))
        with pytest.raises(ConnectionError):
            client.dispatch()
        other = partner.client(on_aflevering=hook, outbox=outbox)
        assert other.dispatch() == 2
        assert heard == ["zaak-1", "zaak-2", "zaak-2", "zaak-3"]
        assert client.dispatch() == 0

    def test_alarms_are_no_changes(self) -> None:
        """The hook hears of changes; reminders and alarms are in the events."""
        heard: list[Aflevering] = []
        partner = Partner()
        client = partner.client(on_aflevering=heard.append)
        client.send(letter())
        partner.verdict(partner.posts[0], "NietActiefOfGeabonneerd").to(client)
        client.dispatch()
        partner.verdict(partner.posts[0]).to(client)
        assert names(client, "letter.alarm") == ["letter.alarm"]
        assert client.dispatch() == 0
        assert heard[-1].state is State.PAPER

    def test_nobody_listens(self) -> None:
        """Without a hook nothing is done with."""
        partner, outbox = Partner(), MemoryOutbox()
        partner.client(outbox=outbox).enqueue(some_letters(2))
        assert partner.client(outbox=outbox).dispatch() == 0
        heard: list[Aflevering] = []
        assert partner.client(outbox=outbox, on_aflevering=heard.append).dispatch() == 2

    def test_many(self) -> None:
        """Page after page."""
        heard: list[Aflevering] = []
        client = Partner().client(on_aflevering=heard.append)
        client.enqueue(some_letters(2300))
        assert client.dispatch() == 2300
        assert [one.kenmerk for one in heard] == [f"zaak-{number}" for number in range(1, 2301)]


class TestPing:
    """c.2, h-58: is the other side there?"""

    @pytest.mark.parametrize(
        ("sync", "answer", "kind"),
        [
            (False, lambda *_: NOTHING, Accepted),
            (True, lambda partner, post: partner.pong(post).response, Signal),
            (True, lambda partner, _: partner.pong(elsewhere()).response, Retry),
            (True, lambda partner, post: partner.error(post).response, Retry),
            (True, lambda *_: Response(200, {"content-type": "text/xml"}, b"<html/>"), Retry),
            (True, lambda *_: ConnectionRefusedError(), Retry),
        ],
    )
    def test_outcome(self, sync: bool, answer: Any, kind: type[Outcome]) -> None:
        """A Pong in the response, or the word that the Ping was accepted; anything else says what it was."""
        partner = Partner(sync=sync)
        partner.reply = lambda post: answer(partner, post)
        outcome = partner.client().ping()
        assert isinstance(outcome, kind)
        message = partner.posts[0].message
        assert isinstance(message, Ping)
        assert (message.sync_reply is not None) is sync
        if isinstance(outcome, Retry):
            assert BSN not in outcome.sentence

    def test_unreadable_signal(self) -> None:
        """A SOAP envelope that is no ebMS message is no Pong."""
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        body = f'<s:Envelope xmlns:s="{soap}"><s:Header/><s:Body/></s:Envelope>'.encode()
        partner = Partner(sync=True)
        partner.reply = lambda _: Response(200, {"content-type": "text/xml"}, body)
        outcome = partner.client().ping()
        assert isinstance(outcome, Retry)
        assert "no ebMS message" in outcome.sentence

    def test_which(self) -> None:
        """The first sender is asked for, or the one that is named; nothing is stored."""
        partner, signed = Partner(), Partner(profile="osb-rm-s")
        senders = partner.sender(), signed.sender(oin=OTHER)
        client = partner.client(*senders)
        client.ping()
        client.ping(senders[1])
        assert [post.header.cpa_id for post in partner.posts] == [partner.cpa.cpa_id, signed.cpa.cpa_id]
        assert every_event(client) == []

    def test_forbidden(self) -> None:
        """A CPA that has ended is not pinged."""
        partner = Partner(clock=Clock())
        partner.clock.move(timedelta(days=3000))
        assert "cpa.expired" in codes(partner.client().ping)


def elsewhere() -> Any:
    """Return another Ping than the one that was sent."""
    partner = Partner(sync=True)
    partner.client().ping()
    return partner.posts[0]
