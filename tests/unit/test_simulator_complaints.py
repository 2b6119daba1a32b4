"""Every rule by which the simulator judges a sender fires on a message that breaks it, and is answered as in c.4."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from tests import simulated_cases
from tests.keys import MOMENT
from tests.simulated import (
    Answer,
    Endpoint,
    Posted,
    acknowledge,
    acknowledgment,
    codes,
    letter,
    make_box,
    message,
    sender_of,
    written,
)
from tests.simulated_cases import CASES, DOCUMENT, UUID, Case, edit, head, pattern, without_signature

from mobb_client.ebms import agreement, packet
from mobb_client.ebms.message import MessageError
from mobb_client.simulator import Berichtenbox, engine
from mobb_client.simulator.material import Profile


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.name}")
def test_message(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule fires on a message that breaks it and on nothing else, and the answer is that of c.4 and b.3."""
    made = make_box(case.profile, sync=case.sync)
    posted = case.change(message(made, letter(**case.berichten)))
    box = make_box(case.profile, sync=case.sync, terms=case.terms)
    if case.code == "document.size":
        monkeypatch.setattr("mobb_client.simulator._document.MAX_DOCUMENT", 500)
    endpoint = Endpoint(box, acknowledge)
    response = posted.to(box)
    box.process()
    found = set(codes(box))
    assert case.code in found
    if not case.terms:
        assert found <= {case.code, *case.others}
    assert answered(response.status, response.body, endpoint) == (case.answer or "")
    invalid = "document.schema" in {case.code, *case.others}
    assert len(box.letters) == (1 if case.kept and not case.answer and not invalid else 0)


def answered(status: int, body: bytes, endpoint: Endpoint) -> str:
    """Return how a message was answered, in the words of `Case.answer`."""
    if status == 500:
        return "fault" if b"<soap:Fault>" in body else "500"
    assert status in {200, 204}
    errors = [one.message for one in endpoint.came if isinstance(one.message, MessageError)]
    if body:
        read = packet.read("text/xml", body).message
        errors += [read] if isinstance(read, MessageError) else []
    return errors[0].errors[0].code if errors else ""


def test_document_refused() -> None:
    """c.3: what is not valid comes back under the all-zero BerichtID, with the BatchID when that could be read."""
    box = make_box()
    endpoint = Endpoint(box, acknowledge)
    posted = message(box, letter(), letter(kenmerk="b")).edited(("BESCHIK", "BESCHIKKING"))
    batch_id = posted.body.split(b"<bvs:BatchID>")[1][:36].decode()
    posted.to(box)
    box.process()
    (result,) = endpoint.results
    assert [(row.bericht_id, row.code) for row in result.berichten] == [(None, "XmlValidatieTegenXsdValtNegatiefUit")]
    assert str(result.batch_id) == batch_id
    assert box.letters == ()


def test_a_thousand_alike() -> None:
    """Of a thousand breaches alike a few are told."""
    box = make_box()
    posted = message(box, *(letter(kenmerk=f"k{number}") for number in range(100)))
    replace(posted, body=posted.body.replace(b"<ber:BerichtTekst>Uw", b"<ber:BerichtTekst>\tUw")).to(box)
    assert codes(box) == ["letter.berichttekst"] * 3
    assert str(box.complaints[0]).startswith("letter.berichttekst: a line break, tab")
    assert posted.message_id in str(box.complaints[0])
    assert len(box.letters) == 100


def test_1001_letters() -> None:
    """b.2: at most a thousand letters."""
    box = make_box()
    posted = message(box, *(letter(kenmerk=f"k{number}") for number in range(1000)))
    pattern("(<ber:Bericht>.*?</ber:Bericht>)", r"\1\1")(posted).to(box)
    assert "document.schema" in codes(box)


def test_certificate() -> None:
    """b.3: a client certificate that is not that of the CPA gets a SOAP Fault."""
    box = make_box()
    posted = message(box)
    answer = box.handle({**posted.headers}, posted.body, box.stranger.certificate_der)
    assert (answer.status, codes(box)) == (500, ["tls.certificate"])
    assert b"<soap:Fault>" in answer.body
    box.complaints.clear()
    assert box.handle({**posted.headers}, posted.body, None).status == 204
    assert codes(box) == []


def test_content_length() -> None:
    """A Content-Length that is not the size of the body."""
    box = make_box()
    posted = message(box)
    box.handle({**posted.headers, "Content-Length": "7"}, posted.body)
    assert codes(box) == ["http.content-length"]


class TestResends:
    """f.3: a resend is the same message, before it is acknowledged, and not too often."""

    def test_differs(self) -> None:
        """B44: a known MessageId with other octets, or under other headers."""
        for change in (edit(("Besluit op", "Beslist op")), head(Content_Type=None)):
            box = make_box()
            posted = message(box)
            posted.to(box)
            again = change(posted)
            if "Content-Type" not in again.headers:
                again = again.headed(Content_Type=posted.headers["Content-Type"].replace("; type", ";  type"))
            again.to(box)
            assert "resend.differs" in codes(box)
            assert box.letters[0].onderwerp.startswith("Besluit")

    def test_acknowledged(self) -> None:
        """What was acknowledged does not come again."""
        box = make_box()
        Endpoint(box, acknowledge)
        posted = message(box)
        posted.to(box)
        box.process()
        posted.to(box)
        assert codes(box) == ["resend.acknowledged"]

    def test_many(self) -> None:
        """Retries 3: four sends."""
        box = make_box()
        posted = message(box)
        for _ in range(4):
            posted.to(box)
        assert codes(box) == []
        posted.to(box)
        assert codes(box) == ["resend.many"]


def with_result(profile: Profile = "osb-rm", *, sync: bool = False) -> tuple[Berichtenbox, packet.Received]:
    """Return a box whose result is not acknowledged yet, and that result."""
    box = make_box(profile, sync=sync)
    endpoint = Endpoint(box)
    message(box).to(box)
    box.process()
    box.complaints.clear()
    return box, endpoint.came[-1]


NO_ACK = pattern("<eb:Acknowledgment .*</eb:Acknowledgment>", "")
REF = f"<eb:RefToMessageId>{UUID}"
OTHER_REF = "<eb:RefToMessageId>ffffffff-0000-4000-8000-000000000000"
ACKS = (
    ("ack.unknown", pattern(f"{REF}(.*){REF}", rf"{OTHER_REF}\1{OTHER_REF}"), "500", ()),
    ("ack.unknown", NO_ACK, "500", ()),
    ("ack.reference", pattern(f"(.*){REF}", rf"\1{OTHER_REF}"), "204", ()),
    ("ack.actor", edit(("actor:toPartyMSH", "actor:nextMSH")), "500", ()),
    ("ack.from", pattern("(<eb:From>.*<eb:From>.*)00000099000000001000", r"\g<1>00000099000000007000"), "204", ()),
    ("ack.conversation", pattern("<eb:ConversationId>.", "<eb:ConversationId>x"), "204", ()),
    ("header.from", edit(("00000099000000001000<", "00000099000000007000<")), "fault", ("ack.from",)),
    ("header.message-id", edit(("@localhost</eb:MessageId>", "@x</eb:MessageId>")), "204", ()),
    ("header.future", edit(("09:00:00Z</eb:Timestamp>", "10:00:00Z</eb:Timestamp>")), "204", ()),
    ("signal.service", edit(("<eb:Service>", '<eb:Service eb:type="x">')), "500", ()),
    ("signal.more", edit(("</eb:MessageData>", "</eb:MessageData><eb:DuplicateElimination/>")), "204", ()),
    ("signal.role", edit(("</eb:PartyId></eb:From>", "</eb:PartyId><eb:Role>SR</eb:Role></eb:From>")), "204", ()),
    ("signal.reference", pattern(f"({REF}.*?</eb:RefToMessageId>)(</eb:MessageData>)", r"\2"), "500", ("ack.unknown",)),
)


class TestAcknowledgments:
    """f.4, d.6: the sender's acknowledgment of a result."""

    @pytest.mark.parametrize(("code", "change", "answer", "others"), ACKS)
    def test_rule(self, code: str, change: Callable[[Posted], Posted], answer: str, others: tuple[str, ...]) -> None:
        """Each rule fires; what is refused leaves the result unsettled."""
        box, result = with_result()
        ack = acknowledgment(box, result)
        response = change(ack).to(box)
        assert set(codes(box)) == {code, *others}
        assert answered(response.status, response.body, Endpoint(box)) == answer.replace("204", "")
        assert bool(box.unsettled) is (answer != "204")

    def test_other_octets(self) -> None:
        """B42: a result that came again is acknowledged by the same stored octets."""
        box, result = with_result()
        acknowledgment(box, result).to(box)
        acknowledgment(box, result).to(box)
        assert codes(box) == []
        acknowledgment(box, result, 2).to(box)
        assert codes(box) == ["ack.differs"]

    def test_not_asked_for(self) -> None:
        """A best-effort result is not acknowledged."""
        box, result = with_result("osb-be")
        acknowledgment(box, result).to(box)
        assert codes(box) == ["ack.unasked"]

    def test_wrong_way(self) -> None:
        """By a synchronous CPA it comes in the response."""
        box, result = with_result(sync=True)
        acknowledgment(box, result).to(box)
        assert codes(box) == ["ack.way"]

    @pytest.mark.parametrize(
        ("code", "change"),
        [
            ("signature.missing", without_signature),
            ("signature.value", pattern("<eb:ConversationId>.", "<eb:ConversationId>x")),
            ("ack.references", pattern(r"<ds:Reference URI=\"cid.*?</ds:Reference>", "")),
            ("ack.references", pattern("<ds:DigestValue>.{8}", "<ds:DigestValue>AAAAAAAA")),
        ],
    )
    def test_signed(self, code: str, change: Callable[[Posted], Posted]) -> None:
        """An acknowledgment that does not prove anything leaves the result unsettled, and the next may be better."""
        box, result = with_result("osb-rm-s")
        ack = acknowledgment(box, result)
        assert change(ack).to(box).status == 204
        assert code in codes(box)
        assert len(box.unsettled) == 1
        ack.to(box)
        assert box.unsettled == ()

    def test_unknown_cpa_in_a_response(self) -> None:
        """A signal in a response is judged by the CPA of what it answers."""
        box = make_box(sync=True)

        def answer(box: Berichtenbox, received: packet.Received) -> Answer:
            ack = acknowledgment(box, received).edited(("osb-rm-sync<", "osb-rm<"))
            return Answer(200, ack.headers, ack.body)

        Endpoint(box, answer)
        message(box).to(box)
        box.process()
        assert codes(box) == ["signal.cpa-id"]


class TestReplies:
    """What stands in the HTTP response to what the box sends."""

    def reply(self, answer: Answer, *, sync: bool) -> list[str]:
        """Return the complaints about this answer to a result."""
        box = make_box(sync=sync)
        Endpoint(box, lambda *_: answer)
        message(box).to(box)
        box.process()
        return codes(box)

    def test_asynchronous(self) -> None:
        """Nothing is said; blanks are nothing (h-51)."""
        assert self.reply(Answer(200, {}, b"\r\n"), sync=False) == []
        assert self.reply(Answer(200, {}, b"<ok/>"), sync=False) == ["reply.body"]
        assert self.reply(Answer(500, {}, b"<html>"), sync=False) == []

    def test_synchronous(self) -> None:
        """A signal is said."""
        assert self.reply(Answer(204), sync=True) == ["reply.empty"]
        assert self.reply(Answer(200, {"content-type": "text/xml; charset=utf-8"}, b"<x"), sync=True) == [
            "envelope.xml"
        ]

    def test_content_type(self) -> None:
        """It is bare XML in UTF-8."""
        box = make_box(sync=True)

        def answer(box: Berichtenbox, received: packet.Received) -> Answer:
            return Answer(200, {"Content-Type": "application/soap+xml"}, acknowledgment(box, received).body)

        Endpoint(box, answer)
        message(box).to(box)
        box.process()
        assert codes(box) == ["reply.content-type"]
        assert box.unsettled == ()


def test_questions() -> None:
    """A Ping with RefToMessageId."""
    box = make_box()
    sender = sender_of(box)
    route = sender.cpa.signals(sender=sender.route(MOMENT).sender, action="Ping")
    ping = agreement.ping(
        route, message_id="aaaaaaaa-0000-4000-8000-000000000009@localhost", conversation_id="c", timestamp=MOMENT
    )
    written(ping, sender, box).edited(
        ("</eb:Timestamp>", "</eb:Timestamp><eb:RefToMessageId>x@y</eb:RefToMessageId>")
    ).to(box)
    assert codes(box) == ["signal.reference"]


def raised() -> Iterator[str]:
    """Give every code that the simulator can complain with, as its source has it."""
    makers = {"Fault", "complain", "unreadable", "_failure", "_inconsistent"}
    for path in Path(engine.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(code)), *_]
                ):
                    if name in makers:
                        yield code
                case ast.Yield(value=ast.Tuple(elts=[ast.Constant(value=str(code)), ast.Constant()])):
                    yield code


def test_every_rule_is_tried() -> None:
    """No rule without a message that breaks it, here or among the exchanges."""
    here = [*Path(__file__).parent.glob("test_simulator_*.py"), Path(simulated_cases.__file__)]
    source = "".join(path.read_text() for path in here)
    assert [code for code in sorted(set(raised())) if f'"{code}"' not in source] == []
    assert len(set(raised())) > 80


def test_no_content_in_complaints() -> None:
    """No BSN and no text of a letter is ever quoted."""
    for case in DOCUMENT:
        box = make_box()
        case.change(message(box, letter(**case.berichten))).to(box)
        told = "".join(map(str, box.complaints))
        assert "999993653" not in told
        assert "aanvraag" not in told


def test_refusal_of_a_fault() -> None:
    """The MessageError says what the complaint says."""
    box = make_box()
    endpoint = Endpoint(box)
    message(box).edited(("cid:1.", "cid:2.")).to(box)
    box.process()
    error = endpoint.came[0].message
    assert isinstance(error, MessageError)
    assert error.errors[0].description == box.complaints[0].sentence
    assert error.errors[0].location.startswith("cid:2.")


def test_unread(tmp_path: Path) -> None:
    """What is taken from a file is what is judged."""
    box = make_box()
    posted = message(box)
    path = tmp_path / "message"
    path.write_bytes(posted.body)
    with path.open("rb") as file:
        assert box.wire.post(box.url, posted.headers, file, len(posted.body)).status == 204
    assert box.wire.post(box.url, posted.headers, BytesIO(posted.body[:-5]), len(posted.body)).status == 500
    assert isinstance(box.requests[0].body, bytes)
