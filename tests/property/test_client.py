"""The promise, whatever the other side does and in whatever order: every letter ends once, and none is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests import letters
from tests.letters import NIL, letter
from tests.partner import NOTHING, TIME_TO_LIVE, Partner, Post, Sent, every_event

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.ebms.message import UserMessage
from mobb_client.errors import FieldError
from mobb_client.simulator.material import Profile
from mobb_client.transport.wire import Response

CODES = ("Verwerkt", "NietActiefOfGeabonneerd", "TechnischProbleem", "BerichtBestaatAl", "BijlageTeGroot", "Nieuw")
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 15, 180, 24 * 60, 27 * 60))
REFUSED = (FieldError("onderwerp.length", field="onderwerp", measure="63 characters", limit=50),)
ANSWERS = ("nothing", "503", "404", "reset", "fault", "acknowledged", "judged", "refused", "warned", "html")

EDGES: Mapping[str, set[str]] = {
    "": {"queued", "human"},
    "queued": {"batched", "human", "delivered", "paper"},
    "batched": {"sent", "acknowledged", "queued", "delivered", "paper", "human"},
    "sent": {"acknowledged", "queued", "delivered", "paper", "human"},
    "acknowledged": {"queued", "delivered", "paper", "human"},
    "human": {"human", "delivered", "paper", "queued"},
    "delivered": set(),
    "paper": set(),
}
"""Where a letter may go from where it stands (`berichtenbox` h.2, design 1)."""


class Exchange(RuleBasedStateMachine):
    """A client and another side that answers as it likes: late, twice, out of order, or not at all."""

    @initialize(profile=st.sampled_from(["osb-rm", "osb-be", "osb-rm-s"]))
    def begin(self, profile: Profile) -> None:
        """Choose the CPA."""
        self.partner = Partner(profile=profile)
        self.partner.reply = self.answer
        self.client: Client = self.partner.client()
        self.batches: list[Post] = []
        self.ids: dict[str, list[UUID]] = {}
        self.octets: dict[str, bytes] = {}
        self.sends: dict[str, int] = defaultdict(int)
        self.acknowledged: set[str] = set()
        self.verdicts: dict[UUID, set[str]] = defaultdict(set)
        self.received: list[Sent] = []
        self.answers: list[str] = []
        self.ended: dict[str, State] = {}
        self.decided: set[str] = set()
        self.number = 0

    # What the other side does with a POST

    def answer(self, post: Post) -> Response | Exception:
        """Answer a POST as the rule said, and look at it."""
        if not isinstance(post.message, UserMessage):
            return NOTHING
        message_id = post.message_id
        assert self.octets.setdefault(message_id, post.body) == post.body, "a resend is the same octets"
        assert message_id not in self.acknowledged, "acknowledged, and sent again"
        self.sends[message_id] += 1
        assert self.sends[message_id] <= 9
        if message_id not in self.ids:
            self.ids[message_id] = post.bericht_ids
            self.batches.append(post)
            standing = {way.bericht_id: way for way in self.client.afleveringen()}
            for one in post.bericht_ids:
                assert (standing[one].state, standing[one].message_id) == (State.BATCHED, message_id)
        how = self.answers.pop() if self.answers else "nothing"
        reactions: dict[str, Callable[[], Any]] = {
            "nothing": lambda: NOTHING,
            "503": lambda: Response(503, {}, b""),
            "404": lambda: Response(404, {}, b""),
            "reset": lambda: ConnectionResetError(104, "x"),
            "fault": lambda: Response(500, {"content-type": "text/xml"}, b"<x/>"),
            "html": lambda: Response(200, {"content-type": "text/html"}, b"<html/>"),
            "acknowledged": lambda: self.take(self.partner.acknowledgment(post), post),
            "judged": lambda: self.take(self.judge(post, ["Verwerkt"]), post),
            "refused": lambda: self.partner.error(post).response,
            "warned": lambda: self.partner.error(post, "DeliveryFailure", "Warning").response,
        }
        found = reactions[how]()
        return found if isinstance(found, Response | Exception) else NOTHING

    def take(self, sent: Sent, post: Post) -> None:
        """Post something to our endpoint, at any moment."""
        self.received.append(sent)
        reply = sent.to(self.client)
        if reply.status == 204 and self.partner.profile != "osb-be":
            standing = [way for way in self.client.afleveringen() if way.message_id == post.message_id]
            if isinstance(sent.message, UserMessage) or standing:
                self.acknowledged.add(post.message_id)

    def judge(self, post: Post, codes: list[str], *, whole: bool = False) -> Sent:
        """Make a result about a post: a code for each letter in turn, or one for the whole batch."""
        ids = self.ids[post.message_id]
        if whole:
            for one in ids:
                self.verdicts[one].add(codes[0] if codes[0] != "Verwerkt" else "Nieuw")
            return self.partner.result(post, letters.verdict(NIL, codes[0]))
        pairs = [(one, codes[number % len(codes)]) for number, one in enumerate(ids)]
        for one, code in pairs:
            self.verdicts[one].add(code)
        return self.partner.result(post, *(letters.verdict(*pair) for pair in pairs))

    # Rules

    @rule(number=st.integers(1, 3))
    def enqueue(self, number: int) -> None:
        """New letters, and one that was there already."""
        first = max(self.number - 1, 0)
        self.client.enqueue(letter(kenmerk=f"zaak-{one}") for one in range(first, self.number + number))
        self.number += number

    @rule(answers=st.lists(st.sampled_from(ANSWERS), max_size=4))
    def send(self, answers: list[str]) -> None:
        """All that is due, answered in these ways."""
        self.answers = answers
        self.client.send_due()

    @rule(wait=st.sampled_from(WAITS))
    def wait(self, wait: timedelta) -> None:
        """Time passes."""
        self.partner.clock.move(wait)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """An acknowledgment of any message that was sent."""
        if self.partner.profile != "osb-be":
            post = data.draw(st.sampled_from(self.batches), "batch")
            self.take(self.partner.acknowledgment(post), post)

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), severity=st.sampled_from(["Error", "Warning"]))
    def complain(self, data: st.DataObject, severity: str) -> None:
        """An error about any message that was sent."""
        sent = self.partner.error(data.draw(st.sampled_from(self.batches), "batch"), "DeliveryFailure", severity)
        self.received.append(sent)
        sent.to(self.client)

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), codes=st.lists(st.sampled_from(CODES), min_size=1, max_size=3), whole=st.booleans())
    def result(self, data: st.DataObject, codes: list[str], whole: bool) -> None:
        """A result about any message that was sent."""
        post = data.draw(st.sampled_from(self.batches), "batch")
        self.take(self.judge(post, codes, whole=whole), post)

    @precondition(lambda self: self.received)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """Anything that came before comes again."""
        before = list(self.client.afleveringen())
        data.draw(st.sampled_from(self.received), "again").to(self.client)
        assert list(self.client.afleveringen()) == before

    @rule(corrected=st.booleans())
    def refuse(self, corrected: bool) -> None:
        """A letter that could not be made; perhaps a corrected one comes."""
        kenmerk = f"zaak-{self.number}"
        assert self.client.desk.refuse(kenmerk, REFUSED) == self.client.aflevering(kenmerk)
        self.number += 1
        if corrected:
            self.client.enqueue([letter(kenmerk=kenmerk)])

    @precondition(lambda self: self.client.balance()["human"])
    @rule(data=st.data(), verb=st.sampled_from(["deliver", "paper", "resend", "correct"]))
    def decide(self, data: st.DataObject, verb: str) -> None:
        """A person decides about any letter on the desk."""
        desk = self.client.desk
        found = data.draw(st.sampled_from([one.aflevering.kenmerk for one in desk.letters()]), "letter")
        match verb:
            case "deliver":
                assert desk.deliver(found, "gezien").state is State.DELIVERED
            case "paper":
                assert desk.paper(found, "haast").state is State.PAPER
            case _:
                assert desk.resend(letter(kenmerk=found), "hersteld").state is State.QUEUED
                return
        self.decided.add(found)

    @rule(data=st.data(), verb=st.sampled_from(["deliver", "paper", "resend"]))
    def meddle(self, data: st.DataObject, verb: str) -> None:
        """About a letter that is anywhere else nobody decides."""
        elsewhere = [way.kenmerk for way in self.client.afleveringen() if way.state is not State.HUMAN]
        if elsewhere:
            with pytest.raises(FieldError, match=r"desk[.]state"):
                getattr(self.client.desk, verb)(data.draw(st.sampled_from(elsewhere), "letter"), "ongeduld")

    # What always holds

    @invariant()
    def balance_closes(self) -> None:
        """Input = delivered + paper + human + open, and every letter that was given is there."""
        counted = self.client.balance()
        assert counted.pop("input") == sum(counted.values()) == self.number

    @invariant()
    def endings_are_final(self) -> None:
        """Delivered and paper are for ever, and each was said by the other side, or by a person."""
        for way in self.client.afleveringen():
            assert (way.ended is not None) is way.is_ended
            if way.kenmerk in self.ended:
                assert way.state is self.ended[way.kenmerk]
            if way.state in {State.DELIVERED, State.PAPER}:
                self.ended[way.kenmerk] = way.state
                if way.kenmerk in self.decided:
                    assert way.reason == f"desk.{way.state.lower()}"
                    continue
                assert way.verwerkingscode in self.verdicts[way.bericht_id]
                assert (way.verwerkingscode == "Verwerkt") is (way.state is State.DELIVERED)

    def teardown(self) -> None:
        """The other side falls silent: in the end nothing is under way but what waits for its result."""
        if not hasattr(self, "client"):
            return
        self.answers = []
        for _ in range(6):
            self.client.send_due()
            self.partner.clock.move(TIME_TO_LIVE)
        self.client.send_due()
        self.balance_closes()
        self.endings_are_final()
        assert {way.state for way in self.client.afleveringen()} <= {
            State.ACKNOWLEDGED, State.DELIVERED, State.PAPER, State.HUMAN
        }  # fmt: skip
        at: dict[str, str] = defaultdict(str)
        for event in every_event(self.client):
            kind, name = event.name.split(".")
            if kind == "letter" and name in EDGES and event.kenmerk:
                assert name in EDGES[at[event.kenmerk]], (at[event.kenmerk], name)
                at[event.kenmerk] = name


TestExchange = Exchange.TestCase
TestExchange.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
