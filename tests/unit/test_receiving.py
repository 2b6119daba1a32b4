"""What comes in, at our endpoint and in an HTTP response: by which rules it counts, and what is answered."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests import letters
from tests.keys import holder as any_holder
from tests.material import cpa_bytes, swap
from tests.outgoing import holder, sender
from tests.outgoing import sent as outgoing_sent
from tests.partner import INTERVAL, NOTHING, Partner, Post, Sent, names, new_outbox, some_letters, states, way
from tests.partner import every_event as events

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.ebms import agreement, exchange, packet, signature
from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.message import (
    MSH_SERVICE,
    NEXT_MSH,
    Acknowledgment,
    DigestReference,
    MessageError,
    Pong,
    Service,
    StatusRequest,
    StatusResponse,
)
from mobb_client.errors import OutboxError
from mobb_client.outbox.contract import EventName
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.pki.certificate import Certificate
from mobb_client.simulator.material import Profile
from mobb_client.transport.endpoint import Reply
from mobb_client.transport.wire import Response

RELIABLE: tuple[Profile, ...] = ("osb-rm", "osb-rm-s")
ALL: tuple[Profile, ...] = ("osb-rm", "osb-rm-s", "osb-be", "osb-be-s")


def sent(partner: Partner, number: int = 1, **more: Any) -> Client:
    """Return a client that has sent letters, which the partner accepted without a word."""
    client = partner.client(**more)
    client.enqueue(some_letters(number))
    client.send_due()
    assert len(partner.batches) == 1
    return client


def state(client: Client, post: Post) -> exchange.Entry:
    """Return where the message of a post stands."""
    with client._outbox.transaction() as tx:
        found = tx.message(post.message_id)
    assert found is not None
    return found.entry


def answer_of(reply: Reply) -> Any:
    """Return the message in an HTTP answer."""
    assert reply.status == 200
    return packet.read(reply.headers["Content-Type"], reply.body).message


def told(client: Client) -> str:
    """Return all that a client shows to the outside."""
    return f"{events(client)} {[(one, one.finding) for one in client.afleveringen()]}"


def with_header(partner: Partner, post: Post, **header: Any) -> Sent:
    """Return an acknowledgment of which only the header is changed."""
    message = partner.acknowledgment(post).message
    assert isinstance(message, Acknowledgment)
    return partner.write(replace(message, header=replace(message.header, **header)))


_VERSION = 'eb:MessageHeader eb:version="{}"'
ODD: dict[str, Callable[[Partner, Post], Sent]] = {
    "1, not valid": lambda partner, post: partner.acknowledgment(post).edited(
        "</eb:ConversationId>", "</eb:ConversationId><eb:Extra/>"
    ),
    "1, another version": lambda partner, post: partner.acknowledgment(post).edited(
        _VERSION.format("2.0"), _VERSION.format("3.0")
    ),
    "1, Service with a type": lambda partner, post: with_header(partner, post, service=Service(MSH_SERVICE, "x")),
    "3, another message": lambda partner, post: partner.acknowledgment(post, ref_to_message_id="other@own.example"),
    "3, two messages": lambda partner, post: with_header(partner, post, ref_to_message_id="other@own.example"),
    "4, another CPA": lambda partner, post: with_header(partner, post, cpa_id="other"),
    "4, another conversation": lambda partner, post: with_header(partner, post, conversation_id="other"),
    "5, parties not swapped": lambda partner, post: with_header(
        partner, post, sender=post.header.sender, receiver=post.header.receiver
    ),
    "6, another actor": lambda partner, post: partner.acknowledgment(post, actor=NEXT_MSH),
    "a question": lambda partner, _: partner.ping(),
}
"""What is no acknowledgment of a message, by the rule of f.4 that it breaks."""


@pytest.mark.usefixtures("every_store")
class TestAcknowledgment:
    """f.4: all of the rules, or it is no acknowledgment of ours."""

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_asynchronous(self, profile: Profile) -> None:
        """f.4, f.7: at our endpoint, answered with an empty 204; the retries end."""
        partner = Partner(profile=profile)
        client = sent(partner)
        reply = partner.acknowledgment(partner.posts[0]).to(client)
        assert (reply.status, reply.body) == (204, b"")
        assert states(client) == [State.ACKNOWLEDGED]
        partner.clock.move(INTERVAL)
        client.send_due()
        assert len(partner.posts) == 1

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_synchronous(self, profile: Profile) -> None:
        """f.3: in the HTTP response, when the CPA says so."""
        partner = Partner(profile=profile, sync=True)
        partner.reply = lambda post: partner.acknowledgment(post).response
        client = partner.client()
        assert client.send(letters.letter()).state is State.ACKNOWLEDGED
        entry = state(client, partner.posts[0])
        assert (entry.state, entry.attempts) == ("ACKNOWLEDGED", 1)
        cause = {str(event.name): event.data.get("by") for event in events(client) if event.name.startswith("message.")}
        assert (cause["message.sent"], cause["message.acknowledged"] is None) == (None, False)

    def test_both_ways(self) -> None:
        """f.4 rule 2: one that came in the response and comes once more, at our endpoint, was seen before."""
        partner = Partner(sync=True)
        made: list[Sent] = []

        def answer(post: Post) -> Response:
            made.append(partner.acknowledgment(post))
            return made[0].response

        partner.reply = answer
        client = partner.client()
        client.send(letters.letter())
        told = events(client)
        assert made[0].to(client) == Reply(status=204)
        assert events(client) == told

    @pytest.mark.parametrize("make", ODD.values(), ids=ODD)
    @pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
    def test_no_answer(self, make: Callable[[Partner, Post], Sent], sync: bool) -> None:
        """f.4 rules 1, 3 to 6: anything else changes nothing, and is tried again as if nothing had come."""
        partner = Partner(sync=sync)
        partner.reply = lambda post: make(partner, post).response if sync else NOTHING
        client = sent(partner)
        if not sync:
            assert make(partner, partner.posts[0]).to(client).status in {204, 500}
        entry = state(client, partner.posts[0])
        assert (entry.attempts, entry.next_attempt) == (1, partner.clock() + INTERVAL)
        assert states(client) == [State.BATCHED if sync else State.SENT]

    def test_other_way(self) -> None:
        """f.4 rule 6: in the response against an asynchronous CPA, or at our endpoint against a synchronous one."""
        partner = Partner()
        partner.reply = lambda post: partner.acknowledgment(post).response
        client = sent(partner)
        assert state(client, partner.posts[0]).reason == "answer.way"
        partner = Partner(sync=True)
        client = sent(partner)
        assert partner.acknowledgment(partner.posts[0]).to(client).status == 500
        assert states(client) == [State.BATCHED]

    def test_not_asked(self) -> None:
        """f.4 rule 6, B45: a best-effort message asks for none."""
        partner = Partner(profile="osb-be")
        client = sent(partner)
        assert partner.acknowledgment(partner.posts[0]).to(client).status == 500
        assert names(client, "incoming") == ["incoming.refused"]

    @pytest.mark.parametrize("how", ["twice", "another"])
    def test_again(self, how: str) -> None:
        """f.4 rule 2: one that was seen before is answered in the same way, and has no second effect."""
        partner = Partner()
        client = sent(partner)
        ack = partner.acknowledgment(partner.posts[0])
        replies = [ack.to(client)]
        seen = events(client)
        again = ack if how == "twice" else partner.acknowledgment(partner.posts[0])
        replies.append(again.to(client))
        assert [reply.status for reply in replies] == [204, 204]
        assert events(client) == seen

    def test_same_id_with_other_content(self) -> None:
        """f.4 rule 2, f.7: a signal whose MessageId was seen before is never looked at again, and never answered."""
        partner = Partner()
        client = sent(partner)
        ack = partner.acknowledgment(partner.posts[0])
        ack.to(client)
        other = with_header(partner, partner.posts[0], message_id=ack.message_id, conversation_id="other")
        assert other.to(client) == Reply(status=204)
        client.send_due()
        assert len(partner.posts) == 1

    def test_id_of_a_result(self) -> None:
        """f.7: a signal under the MessageId of a result is passed over, and not answered with a signal."""
        partner = Partner(sync=True)
        partner.reply = lambda post: partner.acknowledgment(post).response
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        assert isinstance(answer_of(result.to(client)), Acknowledgment)
        error = partner.error(partner.posts[0], message_id=result.message_id)
        assert error.to(client) == Reply(status=204)

    def test_twins(self) -> None:
        """The same acknowledgment in two threads at once has one effect."""
        partner = Partner()
        client = sent(partner)
        ack = partner.acknowledgment(partner.posts[0])
        barrier = threading.Barrier(4)

        def post() -> None:
            barrier.wait()
            ack.to(client)

        run(post, times=4)
        assert names(client, "message.a") == ["message.acknowledged"]

    @pytest.mark.parametrize(
        ("what", "code"),
        [
            ({"signed": False}, "signature.missing"),
            ({"by": any_holder("00000099000000002000")}, "signature.certificate"),
            ({"references": ()}, "receipt.count"),
            ({"references": "other"}, "receipt.digest"),
            ({"references": "more"}, "receipt.count"),
            ("changed", "signature.digest"),
        ],
    )
    @pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
    def test_signature(self, what: Any, code: str, sync: bool) -> None:
        """f.4 rule 7, d.6, h-25: a signature that does not hold is no acknowledgment: alarm, and the retries go on."""
        partner = Partner(profile="osb-rm-s", sync=sync)

        def odd(post: Post) -> Sent:
            if what == "changed":
                made = partner.acknowledgment(post)
                return made.edited(f"<eb:MessageId>{made.message_id}<", f"<eb:MessageId>{partner.new_id()}<")
            claimed = post.received.signature
            assert claimed is not None
            own = claimed.references
            other = DigestReference("", own[0].digest_method, bytes(32), own[0].transforms)
            given: dict[Any, Any] = {"other": (other, *own[1:]), "more": (*own, replace(other, uri="cid:x")), (): ()}
            more = dict(what)
            if "references" in more:
                more["references"] = given[more["references"]]
            return partner.acknowledgment(post, **more)

        partner.reply = lambda post: odd(post).response if sync else NOTHING
        client = sent(partner)
        if not sync:
            assert odd(partner.posts[0]).to(client).status == 204
        entry = state(client, partner.posts[0])
        assert (entry.state.value in {"PENDING", "SENT"}, entry.next_attempt) == (True, partner.clock() + INTERVAL)
        alarms = [event for event in events(client) if event.name is EventName.MESSAGE_ALARM]
        assert [event.data["reason"] for event in alarms] == [code]
        assert alarms[0].message_id == partner.posts[0].message_id

        partner.clock.move(INTERVAL)  # a good one still counts
        partner.reply = lambda post: partner.acknowledgment(post).response if sync else NOTHING
        client.send_due()
        assert partner.posts[0].body == partner.posts[1].body
        if not sync:
            partner.acknowledgment(partner.posts[1]).to(client)
        assert states(client) == [State.ACKNOWLEDGED]

    def test_unknown(self) -> None:
        """f.4 rule 3, f.7: an acknowledgment of nothing that was sent from here gets 500."""
        partner, other = Partner(), Partner()
        client, _ = partner.client(), sent(other)
        assert other.acknowledgment(other.posts[0]).to(client).status == 500
        assert [event.data["code"] for event in events(client)] == ["answer.unknown"]


@pytest.mark.usefixtures("every_store")
class TestError:
    """c.2, f.3, h-23: MessageErrors."""

    @pytest.mark.parametrize("profile", ALL)
    def test_error(self, profile: Profile) -> None:
        """f.3: severity Error fails the message, and its letters are for a person; best effort: after the 2xx too."""
        partner = Partner(profile=profile)
        client = sent(partner)
        assert partner.error(partner.posts[0]).to(client).status == 204
        assert states(client) == [State.HUMAN]
        finding = way(client).finding
        assert finding is not None
        assert (finding.code, finding.measure) == ("aflevering.refused", "Inconsistent")
        partner.clock.move(INTERVAL)
        client.send_due()
        assert len(partner.posts) == 1

    @pytest.mark.parametrize("profile", ["osb-rm", "osb-be"])
    def test_in_the_response(self, profile: Profile) -> None:
        """f.3: a 2xx with a MessageError of severity Error: failed, whatever the CPA says of the way."""
        partner = Partner(profile=profile)
        partner.reply = lambda post: partner.error(post).response
        client = partner.client()
        client.enqueue(some_letters())
        report = client.send_due()
        assert (report.attempted, report.refused) == (1, 1)
        assert state(client, partner.posts[0]).state is exchange.State.FAILED
        assert set(states(client)) == {State.HUMAN}

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_warning(self, profile: Profile) -> None:
        """f.3, h-23: severity Warning is written down, and nothing changes: the retries go on."""
        partner = Partner(profile=profile)
        client = sent(partner)
        before = state(client, partner.posts[0])
        assert partner.error(partner.posts[0], "DeliveryFailure", "Warning").to(client).status == 204
        assert state(client, partner.posts[0]) == before
        assert (states(client), names(client, "message.w")) == ([State.SENT], ["message.warned"])

    @pytest.mark.parametrize(("profile", "after"), [("osb-rm", State.SENT), ("osb-be", State.ACKNOWLEDGED)])
    def test_warning_in_the_response(self, profile: Profile, after: State) -> None:
        """f.3: a 2xx with a warning is a 2xx: counted as one send, and not made again and again."""
        partner = Partner(profile=profile)
        partner.reply = lambda post: partner.error(post, "DeliveryFailure", "Warning").response
        client = partner.client()
        client.enqueue(some_letters(1))
        report = client.send_due()
        assert (report.attempted, report.accepted, len(partner.posts)) == (1, 1, 1)
        assert (states(client), state(client, partner.posts[0]).attempts) == ([after], 1)

    def test_nothing_of_theirs_is_shown(self) -> None:
        """An errorCode that the standard does not have, a location and a description are text from outside."""
        partner = Partner()
        client = sent(partner)
        partner.error(partner.posts[0], "NoSuchCode999993653").to(client)
        finding = way(client).finding
        assert finding is not None
        assert finding.measure == "another errorCode"
        assert letters.BSN not in told(client)

    def test_without_reference(self) -> None:
        """B17: one that does not say what it answers is an answer in the response only."""
        partner = Partner()
        client = sent(partner)
        assert partner.error(partner.posts[0], ref_to_message_id=None).to(client).status == 500
        assert states(client) == [State.SENT]
        partner.clock.move(INTERVAL)
        partner.reply = lambda post: partner.error(post, ref_to_message_id=None).response
        client.send_due()
        assert states(client) == [State.HUMAN]

    def test_signature(self) -> None:
        """d.7: an error that is signed must hold; partners do not sign them, so an unsigned one counts."""
        partner = Partner(profile="osb-rm-s")
        client = sent(partner)
        error = partner.error(partner.posts[0])
        stranger = any_holder("00000099000000002000")
        assert partner.write(error.message, signed=True, by=stranger).to(client).status == 204
        assert (states(client), names(client, "message.alarm")) == ([State.SENT], ["message.alarm"])
        assert partner.write(error.message, signed=True).to(client).status == 204
        assert states(client) == [State.HUMAN]

    @pytest.mark.parametrize(("severity", "event"), [("Error", "message.alarm"), ("Warning", "message.warned")])
    def test_about_our_acknowledgment(self, severity: Any, event: str) -> None:
        """f.7: they refuse an acknowledgment of ours: 204, a person is told once, and it is not sent again."""
        partner = Partner()
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        result.to(client)
        client.send_due()
        (ours,) = partner.signals
        error = partner.error(ours, "SecurityFailure", severity)
        assert [error.to(client).status for _ in range(2)] == [204, 204]
        found = [one for one in events(client) if one.name == event]
        assert [(one.message_id, dict(one.data)) for one in found] == [
            (ours.message_id, {"reason": "SecurityFailure", "by": error.message_id})
        ]
        client.send_due()
        assert len(partner.signals) == 1

    def test_about_nothing_of_ours(self) -> None:
        """f.4: an error about an acknowledgment of ours between other parties, or an acknowledgment of it, is none."""
        partner = Partner()
        client = sent(partner)
        partner.verdict(partner.posts[0]).to(client)
        client.send_due()
        (ours,) = partner.signals
        error = partner.error(ours)
        assert isinstance(error.message, MessageError)
        header = replace(error.message.header, sender=error.message.header.receiver)
        assert partner.write(replace(error.message, header=header)).to(client).status == 500
        ack = partner.acknowledgment(partner.posts[0], ref_to_message_id=ours.message_id)
        assert ack.to(client).status == 500
        assert "message.alarm" not in names(client)

    def test_never_answered_with_an_error(self) -> None:
        """f.7: an error about nothing of ours gets an empty 500, and nothing goes out."""
        partner, other = Partner(), Partner()
        client, _ = partner.client(), sent(other)
        reply = other.error(other.posts[0]).to(client)
        assert (reply.status, reply.body) == (500, b"")
        client.send_due()
        assert partner.posts == []

    @pytest.mark.parametrize("first", ["ack", "error"])
    def test_after_the_end(self, first: str) -> None:
        """h-24: what comes late and says something else is told, and the state stays."""
        partner = Partner()
        client = sent(partner)
        both = {"ack": partner.acknowledgment(partner.posts[0]), "error": partner.error(partner.posts[0])}
        both.pop(first).to(client)
        after = states(client)
        assert next(iter(both.values())).to(client).status == 204
        assert (states(client), names(client, "message.late")) == (after, ["message.late"])


@pytest.mark.usefixtures("every_store")
class TestQuestions:
    """c.2, f.7, f.8: Ping and StatusRequest."""

    @pytest.mark.parametrize("profile", ALL)
    def test_ping(self, profile: Profile) -> None:
        """f.7: a Pong as a message of its own, sent once, and the same octets when the Ping comes again."""
        partner = Partner(profile=profile)
        client = partner.client()
        ping = partner.ping()
        assert ping.to(client).status == 204
        client.send_due()
        ping.to(client)
        client.send_due()
        client.send_due()
        first, second = partner.posts
        assert first.body == second.body
        assert (type(first.message), first.header.ref_to_message_id) == (Pong, ping.message_id)
        assert first.url == partner.cpa.signals(sender=ping.message.header.receiver, action="Pong").endpoint

    def test_only_signals(self) -> None:
        """f.7: a process that only receives gets its answers out, and leaves letters to those that send."""
        partner = Partner()
        client = partner.client()
        client.enqueue(some_letters(1))
        client.send_due()
        partner.clock.move(INTERVAL)
        client.enqueue(some_letters(2))
        partner.ping().to(client)
        report = client.send_signals()
        assert (report.attempted, report.accepted, report.built) == (1, 1, 0)
        assert [type(post.message) for post in partner.posts[1:]] == [Pong]

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_in_the_response(self, profile: Profile) -> None:
        """h-62: the CPA decides, and not a SyncReply, which ebms-core leaves out of its questions."""
        partner = Partner(profile=profile, sync=True)
        client = partner.client()
        ping = partner.ping()
        bare = partner.write(replace(ping.message, sync_reply=None))  # type: ignore[arg-type] # a Ping
        replies = [bare.to(client), bare.to(client)]
        assert isinstance(answer_of(replies[0]), Pong)
        assert replies[0] == replies[1]
        client.send_due()
        assert partner.posts == []

    def test_id_of_a_result(self) -> None:
        """f.8: a question under the MessageId of a result is none, and gets no answer."""
        partner = Partner()
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        result.to(client)
        ping = partner.ping().message
        same = replace(ping, header=replace(ping.header, message_id=result.message_id))
        assert partner.write(same).to(client).status == 500

    def test_status(self) -> None:
        """f.8: what arrived is Received, also when it was refused; the rest is NotRecognized."""
        partner = Partner(sync=True)
        client = sent(partner)
        good = partner.verdict(partner.posts[0])
        bad = partner.result(partner.posts[0], documents=[b"<no/>"])
        ping = partner.ping()
        for one in (good, bad, ping):
            one.to(client)

        def asked(message_id: str) -> tuple[str, bool]:
            answer = answer_of(partner.status_request(message_id).to(client))
            assert isinstance(answer, StatusResponse)
            assert answer.ref_to_message_id == message_id
            return answer.status, answer.timestamp is not None

        assert asked(good.message_id) == asked(bad.message_id) == ("Received", True)
        assert (
            asked("never@x") == asked(ping.message_id) == asked(partner.posts[0].message_id) == ("NotRecognized", False)
        )

    def test_status_of_another(self) -> None:
        """f.8: a message that came under another CPA is not for the asker to know of."""
        one, other = Partner(sync=True), Partner(profile="osb-rm-s", sync=True)
        client = one.client(one.sender(), other.sender(oin="00000099000000003000"))
        client.enqueue(some_letters(1, oin="00000099000000001000"))
        client.send_due()
        result = one.verdict(one.posts[0])
        result.to(client)
        answer = answer_of(other.status_request(result.message_id).to(client))
        assert (answer.status, answer.timestamp) == ("UnAuthorized", None)

    def test_answers(self) -> None:
        """A Pong and a StatusResponse are written down, once."""
        partner = Partner()
        client = partner.client()
        client.ping()
        pong = partner.pong(partner.posts[0])
        assert [pong.to(client).status, pong.to(client).status] == [204, 204]
        (event,) = events(client)
        assert (event.name, event.data["action"], event.data["ref"]) == (
            "incoming.answered",
            "Pong",
            partner.posts[0].message_id,
        )

    def test_status_response(self) -> None:
        """f.8: what they say of a message of ours is written down, and changes nothing."""
        partner = Partner()
        client = sent(partner)
        asked = partner.status_request(partner.posts[0].message_id).message
        assert isinstance(asked, StatusRequest)
        answer = agreement.status_response(
            asked, "NotRecognized", None, message_id=partner.new_id(), timestamp=partner.clock()
        )
        swapped = replace(answer.header, sender=asked.header.sender, receiver=asked.header.receiver)
        before = state(client, partner.posts[0])
        assert partner.write(replace(answer, header=swapped)).to(client).status == 204
        assert events(client)[-1].data["status"] == "NotRecognized"
        assert state(client, partner.posts[0]) == before

    def test_twins(self) -> None:
        """An answer in four threads at once is written down once."""
        partner = Partner()
        client = partner.client()
        client.ping()
        pong, barrier = partner.pong(partner.posts[0]), threading.Barrier(4)

        def post() -> None:
            barrier.wait()
            assert pong.to(client).status == 204

        run(post, times=4)
        assert names(client) == ["incoming.answered"]

    @pytest.mark.parametrize("kind", ["ping", "pong"])
    def test_wrong_header(self, kind: str) -> None:
        """f.8: a question or an answer with a wrong header gets 500."""
        partner = Partner()
        client = partner.client()
        client.ping()
        made = partner.ping() if kind == "ping" else partner.pong(partner.posts[0])
        assert made.edited(_VERSION.format("2.0"), _VERSION.format("3.0")).to(client).status == 500
        assert names(client) == ["incoming.refused"]


@pytest.mark.usefixtures("every_store")
class TestResult:
    """A business message: judged, verified, stored, acknowledged."""

    @pytest.mark.parametrize("profile", ALL)
    def test_asynchronous(self, profile: Profile) -> None:
        """f.7, B42: stored, then acknowledged by a message of its own, signed when the CPA says so."""
        partner = Partner(profile=profile)
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        assert result.to(client).status == 204
        assert states(client) == [State.DELIVERED]
        client.send_due()
        result.to(client)
        client.send_due()
        if profile not in RELIABLE:
            assert partner.signals == []
            return
        first, second = partner.signals
        assert first.body == second.body, "B42: the same stored acknowledgment"
        assert_acknowledged(partner, result, first.received, signed=profile == "osb-rm-s")
        assert names(client, "result") == ["result.received"]

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_synchronous(self, profile: Profile) -> None:
        """B42: acknowledged in the response, and the same octets for a duplicate."""
        partner = Partner(profile=profile, sync=True)
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        replies = [result.to(client), result.to(client)]
        assert replies[0] == replies[1]
        received = packet.read(replies[0].headers["Content-Type"], replies[0].body)
        assert_acknowledged(partner, result, received, signed=profile == "osb-rm-s")
        assert names(client, "letter.d") == ["letter.delivered"]

    @pytest.mark.parametrize("profile", RELIABLE)
    def test_other_boundary(self, profile: Profile) -> None:
        """B42: a partner that sends again may write another MIME boundary; it is the same message."""
        partner = Partner(profile=profile, sync=True)
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        first = result.to(client)
        boundary = result.headers["Content-Type"].split('boundary="')[1].split('"')[0]
        body = result.body.replace(f"--{boundary}".encode(), b"--another")
        headers = {"content-type": result.headers["Content-Type"].replace(boundary, "another")}
        assert client.receive(headers, body) == first

    @pytest.mark.parametrize("profile", RELIABLE)
    @pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
    def test_other_content(self, profile: Profile, sync: bool) -> None:
        """B44: the same MessageId with other content is an error and not silence; the first answer stays."""
        partner = Partner(profile=profile, sync=sync)
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        first = result.to(client)
        other = partner.verdict(partner.posts[0], "NietActiefOfGeabonneerd", message_id=result.message_id)
        reply = other.to(client)
        client.send_due()
        error = answer_of(reply) if sync else partner.signals[-1].message
        assert isinstance(error, MessageError)
        assert (error.errors[0].code, error.header.ref_to_message_id) == ("Inconsistent", result.message_id)
        assert states(client) == [State.DELIVERED]
        assert result.to(client) == first

    def test_twins(self) -> None:
        """B42: the same result in four threads at once: one effect, one acknowledgment, one answer."""
        partner = Partner(profile="osb-rm-s", sync=True)
        client = sent(partner)
        result = partner.verdict(partner.posts[0], "TechnischProbleem")
        barrier, replies = threading.Barrier(4), []

        def post() -> None:
            barrier.wait()
            replies.append(result.to(client))

        run(post, times=4)
        assert {reply.body for reply in replies} == {replies[0].body}
        assert (way(client).resends, names(client, "result")) == (1, ["result.received"])

    def test_twins_asynchronous(self) -> None:
        """B42: and by an asynchronous CPA one acknowledgment goes out, its octets stored once."""
        partner = Partner()
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        barrier = threading.Barrier(4)

        def post() -> None:
            barrier.wait()
            assert result.to(client).status == 204

        run(post, times=4)
        client.send_due()
        assert len({post.body for post in partner.signals}) == 1
        assert bodies_of(client._outbox) == 1

    @pytest.mark.parametrize("gzipped", [False, True])
    def test_parts(self, gzipped: bool) -> None:
        """c.5: gzipped or not, in one part or in more."""
        partner = Partner()
        client = sent(partner, 2)
        post = partner.posts[0]
        documents = [
            letters.answer(letters.verdict(one), batch_id=post.batch_id, counts=(1, 1, 0, 0, 0, 0, 0))
            for one in post.bericht_ids
        ]
        packed = [gzip.compress(one) for one in documents] if gzipped else documents
        partner.result(post, documents=packed).to(client)
        assert states(client) == [State.DELIVERED, State.DELIVERED]

    def test_while_sending_is_forbidden(self) -> None:
        """c.5: a result is taken in also when the CPA has ended meanwhile."""
        partner = Partner(sync=True)
        client = sent(partner)
        end = partner.cpa.end
        partner.clock.moment = end - timedelta(hours=1)
        result = partner.verdict(partner.posts[0])
        partner.clock.moment = end + timedelta(hours=1)
        assert isinstance(answer_of(result.to(client)), Acknowledgment)
        assert states(client) == [State.DELIVERED]


@pytest.mark.usefixtures("every_store")
class TestRefusal:
    """c.4, d.7: what is answered with a MessageError, and has no effect."""

    @pytest.mark.parametrize(
        ("profile", "make", "code"),
        [
            ("osb-rm", {"documents": [b"<no/>"]}, "OtherXml"),
            ("osb-rm", {"documents": [b"not xml"]}, "OtherXml"),
            ("osb-rm", {"documents": []}, "MimeProblem"),
            ("osb-rm", {"action": "GLOBE-R-BV-Other"}, "ValueNotRecognized"),
            ("osb-rm", {"duplicate_elimination": False}, "Inconsistent"),
            ("osb-rm", {"time_to_live": "past"}, "TimeToLiveExpired"),
            ("osb-rm-s", {"signed": False}, "SecurityFailure"),
            ("osb-rm-s", {"by": any_holder("00000099000000002000")}, "SecurityFailure"),
            ("osb-be-s", {"signed": False}, "SecurityFailure"),
        ],
    )
    @pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
    def test_refused(self, profile: Profile, make: dict[str, Any], code: str, sync: bool) -> None:
        """B11, c.4: inside the protocol, the way that the CPA says; nothing is stored of it but that it came."""
        partner = Partner(profile=profile, sync=sync and profile in RELIABLE)
        client = sent(partner)
        more = dict(make)
        if more.get("time_to_live") == "past":
            more["time_to_live"] = partner.clock()
        post = partner.posts[0]
        result = partner.result(post, **more) if "documents" in more else partner.verdict(post, **more)
        before = states(client)
        reply = result.to(client)
        client.send_due()
        error = answer_of(reply) if partner.sync else partner.signals[0].message
        assert isinstance(error, MessageError)
        assert [one.code for one in error.errors] == [code]
        assert error.header.ref_to_message_id == result.message_id
        assert (states(client), names(client, "incoming")) == (before, ["incoming.refused"])
        assert names(client, "result") == []

    @pytest.mark.parametrize("edit", [("cid:0.", "cid:9."), ("<0.", "<9.")])
    def test_parts_and_manifest(self, edit: tuple[str, str]) -> None:
        """h-39: what the Manifest lists and what there is must be the same: nothing is lost without a word."""
        partner = Partner(sync=True)
        client = sent(partner)
        error = answer_of(partner.verdict(partner.posts[0]).edited(*edit).to(client))
        assert isinstance(error, MessageError)
        assert error.errors[0].code == "MimeProblem"
        assert states(client) == [State.BATCHED]

    def test_again(self) -> None:
        """B42: a refused message that comes again gets the same refusal."""
        partner = Partner()
        client = sent(partner)
        result = partner.result(partner.posts[0], documents=[b"<no/>"])
        for _ in range(2):
            result.to(client)
            client.send_due()
        assert len({post.body for post in partner.signals}) == 1
        assert len(partner.signals) == 2

    @pytest.mark.parametrize("sync", [False, True])
    def test_again_signed(self, sync: bool) -> None:
        """B42, h-15: so does one whose signature holds; and of that too the status is that it was received (f.8)."""
        partner = Partner(profile="osb-rm-s", sync=sync)
        partner.reply = (lambda post: partner.acknowledgment(post).response) if sync else partner.reply
        client = sent(partner)
        result = partner.result(partner.posts[0], documents=[b"<no/>"])
        replies = [result.to(client), result.to(client)]
        client.send_due()
        assert replies[0] == replies[1]
        assert isinstance(answer_of(replies[0]) if sync else partner.signals[0].message, MessageError)
        assert names(client, "incoming") == ["incoming.refused"]
        reply = partner.status_request(result.message_id).to(client)
        client.send_due()
        response = answer_of(reply) if sync else partner.signals[-1].message
        assert (type(response), response.status) == (StatusResponse, "Received")

    def test_nobody_uses_up_a_message_id(self) -> None:
        """d.7: who cannot sign for a MessageId does not keep the genuine message from being taken in."""
        partner = Partner(profile="osb-rm-s")
        client = sent(partner)
        result = partner.verdict(partner.posts[0])
        forged = partner.verdict(partner.posts[0], signed=False, message_id=result.message_id)
        forged.to(client)
        assert states(client) == [State.SENT]
        result.to(client)
        assert states(client) == [State.DELIVERED]

    def test_signed_and_changed(self) -> None:
        """d.7: one octet of a signed verdict changed: nothing of it counts."""
        partner = Partner(profile="osb-rm-s")
        client = sent(partner)
        partner.verdict(partner.posts[0]).edited(">Verwerkt<", ">Verwerkd<").to(client)
        assert states(client) == [State.SENT]

    def test_no_channel(self) -> None:
        """B11: for a sender that the CPA does not know there is an ErrorList too: in the response, the only way."""
        partner = Partner()
        client = sent(partner)
        header = partner.business(0, partner.posts[0]).header
        stranger = replace(header.sender, party_ids=(replace(header.sender.party_ids[0], value="nobody"),))
        reply = partner.verdict(partner.posts[0], sender=stranger).to(client)
        error = answer_of(reply)
        assert isinstance(error, MessageError)
        assert error.errors[0].code == "ValueNotRecognized"
        client.send_due()
        assert partner.signals == []

    def test_no_key(self) -> None:
        """d.6: what should be signed is never acknowledged unsigned: 500, somebody is told, and it comes again."""
        partner = Partner(profile="osb-rm-s", sync=True)
        outbox = new_outbox()
        sent(partner, outbox=outbox)
        keyless = partner.client(partner.sender(identity=None), outbox=outbox)
        result = partner.verdict(partner.posts[0])
        reply = result.to(keyless)
        assert (reply.status, reply.body, states(keyless)) == (500, b"", [State.BATCHED])
        assert [event.data["code"] for event in events(keyless) if event.name == "incoming.refused"] == ["key.needed"]
        assert isinstance(answer_of(result.to(partner.client(outbox=outbox))), Acknowledgment)
        assert states(keyless) == [State.DELIVERED]

    def test_encrypted(self) -> None:
        """a.1: under a CPA that asks for encryption nothing is taken in clear."""
        partner = Partner(profile="osb-be")
        encrypted = sender("osb-be-e")
        client = partner.client(encrypted)
        message = partner.business(0, Post("", *sample()), cpa_id=encrypted.cpa.cpa_id)
        partner.write(message).to(client)
        client.send_due()
        error = partner.posts[0].message
        assert isinstance(error, MessageError)
        assert error.errors[0].code == "NotSupported"

    def test_no_certificate(self) -> None:
        """d.7: a CPA that does not say with what the other side signs lets no signature hold."""
        swapped = swap(cpa_bytes("osb-rm-s"), ('SigningCertificateRef tns:certId="B_Certificate"', _NO_CERTIFICATE))
        partner = Partner(profile="osb-rm-s")
        outbox = new_outbox()
        sent(partner, outbox=outbox)
        client = partner.client(partner.sender(cpa=CPA.parse(swapped)), outbox=outbox)
        partner.acknowledgment(partner.posts[0]).to(client)
        partner.verdict(partner.posts[0]).to(client)
        assert (states(client), names(client, "message.alarm")) == ([State.SENT], ["message.alarm"])
        assert names(client, "incoming") == ["incoming.refused"]

    def test_other_action(self) -> None:
        """An action that nothing here takes is not acknowledged: that would be to lose it."""
        partner = Partner(sync=True)
        client = sent(partner, outbox=new_outbox())
        taker = partner.client(partner.sender(result_action="GLOBE-R-A-Result"), outbox=client._outbox)
        error = answer_of(partner.verdict(partner.posts[0]).to(taker))
        assert isinstance(error, MessageError)
        assert error.errors[0].code == "NotSupported"
        assert states(client) == [State.BATCHED]


class TestDoor:
    """f.7: what is not worth an answer inside the protocol."""

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("text/html", b"<html></html>"),
            ("text/xml", b""),
            ("text/xml", b"<x"),
            ("multipart/related; boundary=x; type=text/xml", b"--x\r\n\r\n<x/>"),
            ("", b"\x00"),
        ],
    )
    def test_unreadable(self, kind: str, body: bytes) -> None:
        """f.7: not parseable: 500, and nothing is written down but a line in the log."""
        client = Partner().client()
        assert client.receive({"CONTENT-type": kind}, body) == Reply(status=500)
        assert client.receive({}, body).status == 500
        assert events(client) == []

    @pytest.mark.parametrize("odd", ["x" * 1001, "a\u200bb", "a\nb"])
    @pytest.mark.parametrize("where", ["message_id", "ref_to_message_id", "conversation_id"])
    def test_odd_id(self, where: str, odd: str) -> None:
        """What goes into logs and events from outside is short and can be printed: else it is not read."""
        partner = Partner()
        client = sent(partner)
        told = events(client)
        message = partner.acknowledgment(partner.posts[0]).message
        assert isinstance(message, Acknowledgment)
        changed = replace(message, header=replace(message.header, **{where: odd}))  # type: ignore[arg-type] # a text
        assert partner.write(changed).to(client).status == 500
        assert (events(client), states(client)) == (told, [State.SENT])

    def test_unknown_cpa(self) -> None:
        """b.3: a CPA that is not known here: 500."""
        partner, other = Partner(), Partner(profile="osb-rm-s")
        client = partner.client()
        assert other.ping().to(client).status == 500
        assert events(client) == []

    def test_nobody(self) -> None:
        """A sender that is no party of its CPA receives nothing under it."""
        partner = Partner()
        client = partner.client(partner.sender(action="GLOBE-R-A-Request"))
        assert partner.ping().to(client).status == 500

    def test_our_own_words(self) -> None:
        """A message of ours that somebody sends back to us is not for us, however well it is signed."""
        partner = Partner(profile="osb-rm-s")
        client = sent(partner)
        partner.verdict(partner.posts[0]).to(client)
        client.ping()
        client.send_due()
        assert len(partner.posts) == 3
        for post in partner.posts:
            assert client.receive(post.headers, post.body) == Reply(status=500)
        assert states(client) == [State.DELIVERED]

    def test_peer(self) -> None:
        """f.4 rule 8: who may deliver under a CPA, when the sender says so."""
        partner = Partner()
        sender = partner.sender(peers=["00000099000000002000"])
        client = partner.client(sender)
        ping = partner.ping()
        good = Certificate(holder("receiver").x509)
        assert ping.to(client).status == 500
        assert client.receive(ping.headers, ping.body, peer=Certificate(holder("sender").x509)).status == 500
        assert client.receive(ping.headers, ping.body, peer=good).status == 204

    def test_same_id_under_another_cpa(self) -> None:
        """h-16: a MessageId belongs to one CPA; under another it gets 500, and never the other's answer."""
        one, other = Partner(sync=True), Partner(profile="osb-rm-s", sync=True)
        client = one.client(one.sender(), other.sender(oin="00000099000000003000"))
        client.enqueue(some_letters(1, oin="00000099000000001000"))
        client.send_due()
        result = one.verdict(one.posts[0])
        assert result.to(client).status == 200
        stolen = other.verdict(one.posts[0], message_id=result.message_id)
        assert stolen.to(client) == Reply(status=500)

    def test_nothing_stored_nothing_answered(self) -> None:
        """B42: when the store fails there is no answer, so they send again."""

        class Full(MemoryOutbox):
            full = False

            @contextmanager
            def transaction(self, using: object | None = None) -> Any:
                with super().transaction(using) as tx:
                    yield tx
                    if self.full:
                        raise OutboxError("the disk is full")

        outbox = Full()
        partner = Partner(sync=True)
        client = sent(partner, outbox=outbox)
        result = partner.verdict(partner.posts[0])
        outbox.full = True
        with pytest.raises(OutboxError):
            result.to(client)
        outbox.full = False
        assert states(client) == [State.BATCHED]
        assert result.to(client).status == 200
        assert states(client) == [State.DELIVERED]

    def test_nothing_left_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An acknowledgment that was written and could not be stored leaves nothing behind, and comes once."""

        def full(*_: Any) -> None:
            raise OutboxError("the disk is full")

        partner, outbox = Partner(), MemoryOutbox()
        client = sent(partner, outbox=outbox)
        result = partner.verdict(partner.posts[0], "TechnischProbleem")
        with monkeypatch.context() as patch:
            patch.setattr("mobb_client.outbox.memory._Work.put_answer", full)
            for _ in range(3):
                with pytest.raises(OutboxError):
                    result.to(client)
        assert set(outbox._tables.bodies) == {partner.posts[0].message_id}
        result.to(client)
        client.send_signals()
        assert len(partner.signals) == 1


def assert_acknowledged(partner: Partner, result: Sent, received: packet.Received, *, signed: bool) -> None:
    """Check an acknowledgment of ours as the partner would: f.4, d.6."""
    ack = received.message
    assert isinstance(ack, Acknowledgment)
    assert ack.ref_to_message_id == ack.header.ref_to_message_id == result.message_id
    assert ack.header.conversation_id == result.message.header.conversation_id
    assert not received.parts
    assert (received.signature is not None) is signed
    if signed:
        route = partner.cpa.signals(sender=ack.header.sender)
        assert route.signing is not None
        assert route.signing.certificate is not None
        packet.verify(received, route.signing, route.signing.certificate, synchronous=partner.sync)
        claimed = packet.read(result.headers["Content-Type"], result.body).signature
        assert claimed is not None
        signature.check_receipt(claimed.references, ack.references)


def sample() -> tuple[dict[str, str], bytes]:
    """Return headers and body of a message of ours."""
    made = outgoing_sent("osb-rm")
    return made.outgoing.headers, made.body


_NO_CERTIFICATE = 'SigningCertificateRef tns:certId="B_Nothing"'


class Between:
    """Something that happens between the first transaction of a call and its second, once."""

    def __init__(self, outbox: Any) -> None:
        self.happens: Callable[[], object] | None = None
        self._transactions = 0
        self._transaction = outbox.transaction
        outbox.transaction = self.transaction

    def transaction(self, using: object | None = None) -> Any:
        """Return a transaction of the store."""
        if self.happens is not None:
            self._transactions += 1
            if self._transactions == 2:
                twin, self.happens, self._transactions = self.happens, None, 0
                twin()
        return self._transaction(using)


def bodies_of(outbox: Any) -> int:
    """Return how many messages' octets a store has."""
    if isinstance(outbox, MemoryOutbox):
        return len(outbox._tables.bodies)
    with outbox._work(reading=True) as db:
        ((found,),) = db.rows("SELECT count(*) FROM mobb_body")
    return int(found)


@pytest.mark.usefixtures("every_store")
@pytest.mark.parametrize(
    ("kind", "effects", "signals", "bodies"),
    [
        ("acknowledgment", ["message.acknowledged"], 1, 0),
        ("warning", ["message.warned"], 1, 1),
        ("pong", ["incoming.answered"], 1, 1),
        ("result", ["result.received", "message.acknowledged"], 2, 1),
    ],
)
def test_twin_in_between(kind: str, effects: list[str], signals: int, bodies: int) -> None:
    """B42: its twin comes while a message is judged: one effect, one answer, no octets left over."""
    partner, outbox = Partner(), new_outbox()
    between = Between(outbox)
    client = sent(partner, outbox=outbox)
    client.ping()
    first, ping = partner.posts
    made = {
        "acknowledgment": lambda: partner.acknowledgment(first),
        "warning": lambda: partner.error(first, "DeliveryFailure", "Warning"),
        "pong": lambda: partner.pong(ping),
        "result": lambda: partner.verdict(first, "TechnischProbleem"),
    }[kind]()
    replies = []
    between.happens = lambda: replies.append(made.to(client))
    replies.append(made.to(client))
    assert between.happens is None
    assert replies[0] == replies[1] == Reply(status=204)
    assert [name for name in names(client) if name.split(".")[0] != "letter"][2:] == effects
    client.send_due()
    assert (len(partner.signals), bodies_of(outbox)) == (signals, bodies), "our Ping, and our acknowledgment"


def run(work: Callable[[], object], *, times: int) -> None:
    """Do something in several threads at once."""
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
