"""What becomes of letters and messages together, step by step, inside one store."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.letters import NIL, answer, letter, verdict
from tests.material import MOMENT
from tests.messages import user_message
from tests.reference import ROOT
from tests.stored import CPA, OURS, POLICY, THEIRS, message, way

from mobb_client import ledger
from mobb_client.berichtenbox.aflevering import Aflevering, ForbiddenEdgeError, State
from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.globe import parse_result
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.ebms import exchange
from mobb_client.errors import OutboxError
from mobb_client.outbox.contract import EventName, StoredMessage
from mobb_client.outbox.memory import MemoryOutbox

BATCH = UUID(int=71)
OTHER = UUID(int=72)
LATER = MOMENT + timedelta(hours=1)


class World:
    """A store with a few steps to take in it, each in a transaction of its own."""

    def __init__(self) -> None:
        self.outbox = MemoryOutbox()

    def enqueue(self, *kenmerken: str, oin: OIN = OURS) -> None:
        """Put letters in the queue."""
        with self.outbox.transaction() as tx:
            for kenmerk in kenmerken:
                ledger.hand_over(tx, letter(kenmerk=kenmerk), way(kenmerk, oin), MOMENT)

    def begin(
        self, message_id: str, *kenmerken: str, oin: OIN = OURS, batch: UUID | None = BATCH, **changes: Any
    ) -> None:
        """Put queued letters in a message with a conversation of its own."""
        sent = user_message(0, message_id=message_id)
        sent = replace(sent, header=replace(sent.header, conversation_id=f"about {message_id}"))
        self.outbox.write_body(message_id, lambda sink: sink.write(b"octets"))
        with self.outbox.transaction() as tx:
            held = [found for kenmerk in kenmerken if (found := tx.way((oin, kenmerk)))]
            made = message(message_id, batch_id=batch, message=sent, **changes)
            ledger.begin(tx, made, held, MOMENT, ledger.Evidence())

    def offered(self, *kenmerken: str, **changes: Any) -> None:
        """Enqueue letters and put them in message ``1@x``."""
        self.enqueue(*kenmerken)
        self.begin("1@x", *kenmerken, **changes)

    def happens(self, event: exchange.Event, message_id: str = "1@x", now: datetime = LATER) -> None:
        """Let something happen to a message."""
        with self.outbox.transaction() as tx:
            ledger.advance(tx, self.message(message_id), event, now, by="by@x")

    def result(
        self,
        *verdicts: str,
        batch: UUID = BATCH,
        ref: str | None = "1@x",
        conversation: str = "",
        cpa: str = CPA,
        oins: tuple[OIN, ...] = (OURS,),
    ) -> None:
        """Let a result come."""
        origin = ledger.Origin(
            message_id="result@x", cpa_id=cpa, oins=oins, ref_to_message_id=ref, conversation_id=conversation
        )
        counts = (len(verdicts), len(verdicts), 0, 0, 0, 0, 0)
        result = parse_result(answer(*verdicts, batch_id=batch, counts=counts))
        with self.outbox.transaction() as tx:
            ledger.apply_result(tx, result, origin, LATER)

    def message(self, message_id: str = "1@x") -> StoredMessage:
        """Return a message."""
        with self.outbox.transaction() as tx:
            found = tx.message(message_id)
        assert found is not None
        return found

    @property
    def states(self) -> dict[str, str]:
        """Where each letter stands, by kenmerk."""
        return {one.kenmerk: str(one.state) for one in self.outbox.afleveringen()}

    def way(self, kenmerk: str) -> Aflevering:
        """Return where a letter stands."""
        return next(one for one in self.outbox.afleveringen() if one.kenmerk == kenmerk)

    def names(self, start: str = "") -> list[str]:
        """Return the names of the events that begin so."""
        return [str(event.name) for event in self.outbox.events() if event.name.startswith(start)]

    def data(self, name: EventName) -> dict[str, Any]:
        """Return the data of the last event of a name."""
        return dict([event.data for event in self.outbox.events() if event.name is name][-1])


@pytest.fixture
def world() -> World:
    """Return an empty store."""
    return World()


def on(kenmerk: str, code: str = "Verwerkt", oin: OIN = OURS) -> str:
    """Return a verdict on a letter."""
    return verdict(bericht_id(oin, kenmerk), code)


class TestMessage:
    """Letters follow their message."""

    @pytest.mark.parametrize(
        ("policy", "event", "state", "after"),
        [
            (POLICY, exchange.Accepted(), "SENT", "SENT"),
            (POLICY, exchange.Unreachable("http.unavailable"), "PENDING", "BATCHED"),
            (POLICY, exchange.Acknowledged(), "ACKNOWLEDGED", "ACKNOWLEDGED"),
            (POLICY, exchange.Refused("Inconsistent"), "FAILED", "HUMAN"),
            (POLICY, exchange.Warned("DeliveryFailure"), "PENDING", "BATCHED"),
            (POLICY, exchange.Tick(), "PENDING", "BATCHED"),
            (None, exchange.Accepted(), "ACKNOWLEDGED", "ACKNOWLEDGED"),
            (None, exchange.Unreachable("network.refused"), "FAILED", "HUMAN"),
            (None, exchange.Refused("http.not-found"), "FAILED", "HUMAN"),
        ],
    )
    def test_event(self, world: World, policy: Any, event: exchange.Event, state: str, after: str) -> None:
        """f.3: each row of the table, for a reliable message and for best effort, and the letter that is in it."""
        world.offered("zaak-1", policy=policy, entry=exchange.begin(MOMENT, policy))
        world.happens(event)
        assert (world.message().entry.state, world.states) == (state, {"zaak-1": after})

    def test_expired(self, world: World) -> None:
        """f.3, design 1: an expired message's letters are queued again once; the second time a person has them."""
        world.offered("zaak-1")
        world.happens(exchange.Tick(), now=MOMENT + POLICY.time_to_live)
        assert world.states == {"zaak-1": "QUEUED"}
        world.begin("2@x", "zaak-1")
        world.happens(exchange.Tick(), "2@x", now=MOMENT + POLICY.time_to_live)
        assert world.states == {"zaak-1": "HUMAN"}
        assert world.way("zaak-1").reason == "aflevering.expired"
        assert world.names("message.e") == ["message.expired", "message.expired"]

    def test_letters_that_went_on(self, world: World) -> None:
        """A letter that travels in another message is left alone by what happens to the first."""
        world.offered("zaak-1", "zaak-2")
        world.happens(exchange.Accepted())
        world.result(on("zaak-1", "TechnischProbleem"))
        world.begin("2@x", "zaak-1")
        world.happens(exchange.Refused("Unknown"), "2@x")
        assert world.states == {"zaak-1": "HUMAN", "zaak-2": "ACKNOWLEDGED"}

    @pytest.mark.parametrize(
        ("first", "then", "late"),
        [
            (exchange.Acknowledged(), exchange.Acknowledged(), False),
            (exchange.Acknowledged(), exchange.Accepted(), False),
            (exchange.Acknowledged(), exchange.Unreachable("x"), False),
            (exchange.Acknowledged(), exchange.Refused("Unknown"), True),
            (exchange.Refused("Unknown"), exchange.Refused("Unknown"), False),
            (exchange.Refused("Unknown"), exchange.Acknowledged(), True),
            (exchange.Refused("Unknown"), exchange.Tick(), False),
        ],
    )
    def test_after_the_end(self, world: World, first: exchange.Event, then: exchange.Event, late: bool) -> None:
        """B41: h-24: what comes after the end changes nothing, and is told when it says something else."""
        world.offered("zaak-1")
        world.happens(first)
        before, states = world.message(), world.states
        world.happens(then)
        assert (world.message(), world.states) == (before, states)
        assert world.names("message.late") == (["message.late"] if late else [])

    def test_late_acknowledgment_of_an_expired_message(self, world: World) -> None:
        """h-24: the state stays, and somebody is told."""
        world.offered("zaak-1")
        world.happens(exchange.Tick(), now=MOMENT + POLICY.time_to_live)
        world.happens(exchange.Acknowledged())
        assert world.message().entry.state is exchange.State.EXPIRED
        assert world.data(EventName.MESSAGE_LATE)["event"] == "acknowledged"

    def test_best_effort_refused_after_all(self, world: World) -> None:
        """B45: f.3, column be: an error after the 2xx is told: the letters are a person's."""
        world.offered("zaak-1", policy=None, entry=exchange.begin(MOMENT, None))
        world.happens(exchange.Accepted())
        world.happens(exchange.Refused("SecurityFailure"))
        assert world.message().entry.state is exchange.State.ACKNOWLEDGED
        assert world.states == {"zaak-1": "HUMAN"}
        finding = world.way("zaak-1").finding
        assert finding is not None
        assert finding.measure == "SecurityFailure"

    def test_lease(self, world: World) -> None:
        """B36: while a send is going on, a warning or the time does not give the message to another worker."""
        world.offered("zaak-1")
        assert world.outbox.lease_due([CPA], LATER)
        for event in (exchange.Warned("DeliveryFailure"), exchange.Tick(), exchange.Accepted()):
            world.happens(event)
            assert world.outbox.lease_due([CPA], LATER + timedelta(days=1)) is None

    def test_octets(self, world: World) -> None:
        """B49: octets of letters go when nobody sends them again; those of our signals stay, to be given again."""
        world.offered("zaak-1")
        world.happens(exchange.Accepted())
        assert world.outbox.open_body("1@x").read() == b"octets"
        world.happens(exchange.Acknowledged())
        with pytest.raises(OutboxError):
            world.outbox.open_body("1@x")
        world.begin("2@x", kind="signal", batch=None, policy=None, entry=exchange.begin(MOMENT, None))
        world.happens(exchange.Accepted(), "2@x")
        assert world.outbox.open_body("2@x").read() == b"octets"

    def test_not_queued(self, world: World) -> None:
        """A letter is in one message at a time: else nothing of the second is stored."""
        world.offered("zaak-1")
        with pytest.raises(ForbiddenEdgeError):
            world.begin("2@x", "zaak-1")
        with world.outbox.transaction() as tx:
            assert tx.message("2@x") is None

    def test_told(self, world: World) -> None:
        """Every change is an event with its cause; an attempt that changes no state is one as well."""
        world.offered("zaak-1")
        world.happens(exchange.Unreachable("http.unavailable"))
        assert world.data(EventName.MESSAGE_ATTEMPT) == {"attempts": 1, "reason": "http.unavailable", "by": "by@x"}
        world.happens(exchange.Accepted())
        world.happens(exchange.Warned("DeliveryFailure"))
        world.happens(exchange.Accepted())
        world.happens(exchange.Acknowledged())
        assert world.names("message.") == [
            "message.pending",
            "message.attempt",
            "message.sent",
            "message.warned",
            "message.attempt",
            "message.acknowledged",
        ]
        assert world.names("letter.") == ["letter.queued", "letter.batched", "letter.sent", "letter.acknowledged"]


class TestResult:
    """One verdict a letter."""

    def test_each_its_own(self, world: World) -> None:
        """B67: a batch with one failure is not all failed; the letter without a verdict waits for one."""
        world.offered("zaak-1", "zaak-2", "zaak-3")
        world.happens(exchange.Accepted())
        world.result(on("zaak-1"), on("zaak-2", "NietActiefOfGeabonneerd"))
        assert world.states == {"zaak-1": "DELIVERED", "zaak-2": "PAPER", "zaak-3": "ACKNOWLEDGED"}
        assert world.data(EventName.RESULT_RECEIVED)["verdicts"] == 2
        assert world.data(EventName.LETTER_PAPER) == {
            "reason": "resultaat.NietActiefOfGeabonneerd",
            "verwerkingscode": "NietActiefOfGeabonneerd",
            "batch_id": str(BATCH),
            "by": "result@x",
        }

    def test_before_the_acknowledgment(self, world: World) -> None:
        """Design 1: a verified result acknowledges its message: nothing is sent after it, and no octets are kept."""
        world.offered("zaak-1")
        world.result(on("zaak-1"))
        assert (world.message().entry.state, world.message().entry.next_attempt) == ("ACKNOWLEDGED", None)
        assert world.names() == [
            "letter.queued",
            "message.pending",
            "letter.batched",
            "result.received",
            "letter.delivered",
            "message.acknowledged",
        ]
        world.happens(exchange.Acknowledged())
        assert world.states == {"zaak-1": "DELIVERED"}

    def test_no_verdict(self, world: World) -> None:
        """c.5: a result without verdicts is no verdict, and yet the batch arrived."""
        world.offered("zaak-1")
        world.result()
        assert world.states == {"zaak-1": "ACKNOWLEDGED"}

    def test_nil(self, world: World) -> None:
        """B68: the all-zero id is for every letter of the message that has no verdict yet."""
        world.offered("zaak-1", "zaak-2")
        world.result(on("zaak-1"))
        world.result(verdict(NIL, "XmlValidatieTegenXsdValtNegatiefUit"))
        assert world.states == {"zaak-1": "DELIVERED", "zaak-2": "HUMAN"}
        assert world.names("letter.alarm") == []

    def test_nil_beside_a_name(self, world: World) -> None:
        """B68: in one result the letter that is named has its own verdict."""
        world.offered("zaak-1", "zaak-2")
        world.result(verdict(NIL, "TechnischProbleem"), on("zaak-1"))
        assert world.states == {"zaak-1": "DELIVERED", "zaak-2": "QUEUED"}

    def test_success_without_a_name(self, world: World) -> None:
        """B65, B67: `Verwerkt` that names nobody is no success of anybody."""
        world.offered("zaak-1")
        world.result(verdict(NIL))
        assert (world.states, world.way("zaak-1").reason) == ({"zaak-1": "HUMAN"}, "resultaat.onbekend")

    def test_twice(self, world: World) -> None:
        """c.5: the same result again changes nothing, and is no alarm."""
        world.offered("zaak-1", "zaak-2", "zaak-3")
        told = (on("zaak-1"), on("zaak-2", "TechnischProbleem"), on("zaak-3", "NietActiefOfGeabonneerd"))
        world.result(*told)
        before = list(world.outbox.afleveringen())
        world.result(*told)
        assert list(world.outbox.afleveringen()) == before
        assert world.names("letter.alarm") == []

    def test_contradiction_in_one_result(self, world: World) -> None:
        """B67: two verdicts on one letter are for a person, and the result is called odd."""
        world.offered("zaak-1")
        world.result(on("zaak-1"), on("zaak-1", "BijlageTeGroot"))
        assert (world.states, world.way("zaak-1").reason) == ({"zaak-1": "HUMAN"}, "result.twice")
        assert "result.odd" in world.names()

    def test_alarm(self, world: World) -> None:
        """Design 1: `Verwerkt` after paper is an alarm, in every order of two verdicts, and PAPER stays."""
        world.offered("zaak-1", "zaak-2")
        world.result(on("zaak-1", "NietActiefOfGeabonneerd"))
        world.result(on("zaak-1"))
        assert world.states["zaak-1"] == "PAPER"
        assert world.names("letter.alarm") == ["letter.alarm"]
        world.result(on("zaak-1", "BijlageTeGroot"), on("zaak-1"))
        assert world.names("letter.alarm") == ["letter.alarm", "letter.alarm"]

    def test_desk(self, world: World) -> None:
        """Design 1, k.5: what waits on a desk moves once more when a verified result comes."""
        world.offered("zaak-1")
        world.result(on("zaak-1", "BerichtBestaatAl"))
        assert world.states == {"zaak-1": "HUMAN"}
        for _ in range(2):
            world.result(on("zaak-1", "BijlageTeGroot"))
        assert world.names("letter.h") == ["letter.human", "letter.human"], "another reason is told, and once"
        world.result(on("zaak-1"))
        assert world.states == {"zaak-1": "DELIVERED"}

    def test_strangers(self, world: World) -> None:
        """c.5: verdicts on letters that were never sent are written down, and a queued letter stays in the queue."""
        world.offered("zaak-1")
        world.enqueue("zaak-2")
        world.result(on("zaak-1"), on("zaak-2"), on("never"), on("nor this"))
        assert world.states == {"zaak-1": "DELIVERED", "zaak-2": "QUEUED"}
        odd = {event.data["code"]: event.data["count"] for event in world.outbox.events() if event.name == "result.odd"}
        assert odd["result.letter"] == 2

    def test_unknown_batch(self, world: World) -> None:
        """c.3: a batch that is not known here acknowledges nothing, and judges only what it says was delivered."""
        world.offered("zaak-1", "zaak-2")
        world.result(on("zaak-1"), on("zaak-2", "NietActiefOfGeabonneerd"), batch=OTHER)
        assert world.states == {"zaak-1": "DELIVERED", "zaak-2": "BATCHED"}
        assert world.names("letter.late") == ["letter.late"]
        assert world.message().entry.state is exchange.State.PENDING


class TestOthers:
    """What travels under another CPA is not touched."""

    def test_letters(self, world: World) -> None:
        """B67: a result judges letters of its own sender, whoever is named in it."""
        world.enqueue("zaak-1", oin=THEIRS)
        world.begin("1@x", "zaak-1", oin=THEIRS, cpa_id="theirs")
        world.result(on("zaak-1", oin=THEIRS), verdict(NIL, "BijlageTeGroot"))
        assert world.states == {"zaak-1": "BATCHED"}

    def test_messages(self, world: World) -> None:
        """A result acknowledges messages of its own CPA, also when another CPA's batch has that id."""
        world.enqueue("zaak-1", oin=THEIRS)
        world.begin("1@x", "zaak-1", oin=THEIRS, cpa_id="theirs")
        world.result(ref="1@x")
        assert world.message().entry.state is exchange.State.PENDING


class TestResend:
    """k.16: a part of a batch goes again, under the same BatchID."""

    @pytest.fixture
    def again(self, world: World) -> World:
        """Return two letters in message ``1@x``, of which the second goes again in ``2@x``."""
        world.offered("zaak-1", "zaak-2")
        world.happens(exchange.Acknowledged())
        world.result(on("zaak-2", "TechnischProbleem"))
        world.begin("2@x", "zaak-2")
        world.happens(exchange.Accepted(), "2@x")
        return world

    def test_repeat_of_the_first_result(self, again: World) -> None:
        """c.5: the first result comes twice: it judges no newer offering, and acknowledges no newer message."""
        before = list(again.outbox.afleveringen())
        again.result(on("zaak-2", "TechnischProbleem"))
        assert list(again.outbox.afleveringen()) == before
        assert again.message("2@x").entry.state is exchange.State.SENT
        assert again.data(EventName.LETTER_LATE)["verwerkingscode"] == "TechnischProbleem"

    def test_rest_of_the_first_result(self, again: World) -> None:
        """A late verdict on a letter of the first message counts."""
        again.result(on("zaak-1"))
        assert again.states == {"zaak-1": "DELIVERED", "zaak-2": "SENT"}

    def test_second_result(self, again: World) -> None:
        """The second result is on the second message, by reference or by conversation."""
        again.result(on("zaak-2"), ref=None, conversation="about 2@x")
        assert again.states == {"zaak-1": "ACKNOWLEDGED", "zaak-2": "DELIVERED"}
        assert again.message("2@x").entry.state is exchange.State.ACKNOWLEDGED
        odd = [event.data["code"] for event in again.outbox.events() if event.name == "result.odd"]
        assert odd.count("result.total") == 1, "of the first result, which left a letter out"

    def test_nil_on_the_second(self, again: World) -> None:
        """B68: the all-zero id in the second result is for the letters of the second message."""
        again.result(verdict(NIL, "BijlageTeGroot"), ref="2@x")
        assert again.states == {"zaak-1": "ACKNOWLEDGED", "zaak-2": "HUMAN"}

    def test_nil_on_the_first(self, again: World) -> None:
        """B68: and that of the first for those that stayed there."""
        again.result(verdict(NIL, "BijlageTeGroot"), ref="1@x")
        assert again.states == {"zaak-1": "HUMAN", "zaak-2": "SENT"}

    def test_everybody_went_on(self, world: World) -> None:
        """A late result on a message whose letters all went on is of a batch of ours, and judges nobody."""
        world.offered("zaak-1")
        world.happens(exchange.Tick(), now=MOMENT + POLICY.time_to_live)
        world.begin("2@x", "zaak-1")
        world.result(verdict(NIL, "BijlageTeGroot"), ref="1@x")
        assert world.states == {"zaak-1": "BATCHED"}
        assert [event.data["code"] for event in world.outbox.events() if event.name == "result.odd"] == ["result.total"]

    def test_nobody_knows(self, again: World) -> None:
        """When nothing tells which message a result is about, verdicts count and no message is acknowledged."""
        again.result(on("zaak-2"), ref="lost@x")
        assert again.states == {"zaak-1": "ACKNOWLEDGED", "zaak-2": "DELIVERED"}
        assert again.message("2@x").entry.state is exchange.State.SENT

    def test_technical_until_a_person(self, world: World) -> None:
        """c.2: five offerings with TechnischProbleem each, and a person has it."""
        world.enqueue("zaak-1")
        for number in range(1, 6):
            assert world.states == {"zaak-1": "QUEUED"}
            world.begin(f"{number}@x", "zaak-1")
            world.result(on("zaak-1", "TechnischProbleem"), ref=f"{number}@x")
        assert (world.states, world.way("zaak-1").resends) == ({"zaak-1": "HUMAN"}, 4)

    def test_expired_and_delivered_after_all(self, world: World) -> None:
        """B46: the message had arrived and its acknowledgment was lost: the letter counts as delivered, once."""
        world.offered("zaak-1")
        world.happens(exchange.Tick(), now=MOMENT + POLICY.time_to_live)
        world.begin("2@x", "zaak-1")
        world.result(on("zaak-1"), ref="1@x")
        assert world.states == {"zaak-1": "DELIVERED"}
        world.result(on("zaak-1", "BerichtBestaatAl"), ref="2@x")
        assert world.states == {"zaak-1": "DELIVERED"}
        assert world.names("letter.alarm") == []


def test_reminder(world: World) -> None:
    """B71: the letter stays where it is, and somebody is told what to ask."""
    world.offered("zaak-1")
    world.happens(exchange.Acknowledged())
    with world.outbox.transaction() as tx:
        found = tx.way((OURS, "zaak-1"))
        assert found is not None
        ledger.remind(tx, found, LATER + timedelta(hours=24))
    assert world.states == {"zaak-1": "ACKNOWLEDGED"}
    assert world.data(EventName.LETTER_OVERDUE) == {"batch_id": str(BATCH), "reason": "aflevering.overdue"}


def test_balance(world: World) -> None:
    """Design 1: input is the sum of the others, whatever happened."""
    world.offered("zaak-1", "zaak-2", "zaak-3")
    world.enqueue("zaak-4")
    world.result(on("zaak-1"), on("zaak-2", "NietActiefOfGeabonneerd"), on("zaak-3", "BijlageTeGroot"))
    counted = ledger.balance(world.outbox.states())
    assert counted == {"input": 4, "delivered": 1, "paper": 1, "human": 1, "open": 1}
    assert ledger.balance({}) == {"input": 0, "delivered": 0, "paper": 0, "human": 0, "open": 0}


def test_event_names() -> None:
    """docs/events.md names every event there is and no other; every state of letter and message has one."""
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z.]+)` \|", page, re.MULTILINE)) == set(EventName)
    assert {f"letter.{state.lower()}" for state in State} <= set(EventName)
    assert {f"message.{state.lower()}" for state in exchange.State} <= set(EventName)
