"""Messages made as the CPA says, and received ones held against it: `digikoppeling-ebms2` a.1, c.2 and c.4."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from tests.kinds import BEST_EFFORT, PING, REFERENCES, STATUS_REQUEST, user_message
from tests.material import MOMENT, cpa_bytes, swap

from mobb_client.ebms import agreement, envelope
from mobb_client.ebms.cpa import CPA, Route
from mobb_client.ebms.message import (
    ERROR_CONTEXT,
    MSH_SERVICE,
    NEXT,
    NEXT_MSH,
    TO_PARTY_MSH,
    AckRequested,
    EbmsError,
    Manifest,
    Message,
    MessageHeader,
    MessageStatus,
    Party,
    PartyId,
    Service,
    StatusResponse,
    SyncReply,
    UserMessage,
)
from mobb_client.errors import ConfigurationError, FormatError, ProtocolError, SignatureError
from mobb_client.simulator.material import PROFILES, Profile

REQUEST = "GLOBE-R-BV-Request"
WINDOW = timedelta(hours=27)
LATER = MOMENT + timedelta(minutes=1)
STRANGER = PartyId("00000099000000003000", "urn:osb:oin")
PER_MESSAGE = (
    ('ackRequested="always"', 'ackRequested="perMessage"'),
    ('duplicateElimination="always"', 'duplicateElimination="perMessage"'),
)


@cache
def cpa_of(profile: Profile, *, sync: bool = False) -> CPA:
    """Return the CPA of a profile."""
    return CPA.parse(cpa_bytes(profile, sync=sync))


def route_of(cpa: CPA) -> Route:
    """Return the route of the batches, whatever forbids it."""
    found = cpa.resolve(REQUEST, now=MOMENT).route
    assert found is not None
    return found


def composed(route: Route, *content_ids: str) -> UserMessage:
    """Return the message that a route asks for."""
    return agreement.compose(
        route, content_ids=content_ids, message_id="m@x", conversation_id="c", timestamp=MOMENT, ref_to_message_id=None
    )


def sent_by(profile: Profile, *, sync: bool = False) -> UserMessage:
    """Return a message as a partner under this profile sends it."""
    return composed(route_of(cpa_of(profile, sync=sync)), "een@x")


class TestCompose:
    """a.1, c.2: what a user message carries in each profile."""

    @pytest.mark.parametrize(
        ("profile", "reliable", "signed_ack"),
        [
            ("osb-be", False, False),
            ("osb-rm", True, False),
            ("osb-be-s", False, False),
            ("osb-rm-s", True, True),
        ],
    )
    @pytest.mark.parametrize("sync", [False, True])
    def test_profiles(self, profile: Profile, *, reliable: bool, signed_ack: bool, sync: bool) -> None:
        """a.1: TimeToLive, DuplicateElimination and AckRequested in the reliable ones, SyncReply as the CPA says."""
        message = sent_by(profile, sync=sync)
        assert message.ack_requested == (AckRequested(signed=signed_ack, actor=TO_PARTY_MSH) if reliable else None)
        assert message.header.duplicate_elimination is reliable
        assert message.header.time_to_live == (MOMENT + WINDOW if reliable else None)
        assert message.sync_reply == (SyncReply(NEXT) if sync else None)

    def test_names_of_the_cpa(self) -> None:
        """g.5 step 7: parties, types, roles, service, action and CPAId come from the CPA."""
        header = sent_by("osb-rm").header
        assert header.sender == Party((PartyId("00000099000000001000", "urn:osb:oin"),), "SR")
        assert header.receiver == Party((PartyId("00000099000000002000", "urn:osb:oin"),), "SP")
        assert (header.service, header.action) == (Service("MIJNOVERHEID.ebMS.BB.2.0", "urn:osb:services"), REQUEST)
        assert header.cpa_id == cpa_of("osb-rm").cpa_id

    def test_ids_of_the_caller(self) -> None:
        """B18, h-27: the ids are the caller's, each as given."""
        header = sent_by("osb-rm").header
        assert (header.message_id, header.conversation_id, header.ref_to_message_id) == ("m@x", "c", None)

    @pytest.mark.parametrize("content_ids", [(), ("een@x",), ("een@x", "twee@x")])
    def test_manifest(self, content_ids: tuple[str, ...]) -> None:
        """c.2: a Manifest when there are payloads, in their order."""
        manifest = composed(route_of(cpa_of("osb-rm")), *content_ids).manifest
        assert manifest == (Manifest(tuple(f"cid:{one}" for one in content_ids)) if content_ids else None)

    @pytest.mark.parametrize("profile", ["osb-be-e", "osb-rm-e"])
    def test_encrypted(self, profile: Profile) -> None:
        """Never sent in clear: refused by name."""
        with pytest.raises(ConfigurationError) as caught:
            sent_by(profile)
        (finding,) = caught.value.findings
        assert (finding.code, finding.measure) == ("cpa.encrypted", profile)

    def test_left_to_each_message(self) -> None:
        """g.4: perMessage is the caller's choice, and no when nothing is chosen."""
        cpa = CPA.parse(swap(cpa_bytes("osb-rm"), *PER_MESSAGE))
        assert composed(route_of(cpa)).ack_requested is None
        chosen = cpa.resolve(REQUEST, now=MOMENT, per_message=True).route
        assert chosen
        assert composed(chosen).ack_requested == AckRequested(signed=False)


def acknowledged(message: UserMessage) -> Message:
    """Answer a message with an unsigned acknowledgment."""
    return agreement.acknowledge(message, (), message_id="a@y", timestamp=LATER)


def refused(message: UserMessage) -> Message:
    """Answer a message with an error."""
    return agreement.refuse(message.header, FormatError("x", "y"), message_id="a@y", timestamp=LATER)


def ponged(message: UserMessage) -> Message:
    """Answer a Ping with the header of a message."""
    return agreement.pong(replace(PING, header=message.header), message_id="a@y", timestamp=LATER)


def told(message: UserMessage, status: MessageStatus = "Received") -> StatusResponse:
    """Answer a StatusRequest with the header of a message."""
    question = replace(STATUS_REQUEST, header=message.header, ref_to_message_id="asked@x")
    return agreement.status_response(question, status, MOMENT, message_id="a@y", timestamp=LATER)


class TestAnswers:
    """c.2: what goes back."""

    @pytest.mark.parametrize(
        ("answer", "action"),
        [(acknowledged, "Acknowledgment"), (refused, "MessageError"), (ponged, "Pong"), (told, "StatusResponse")],
    )
    def test_header(self, answer: Callable[[UserMessage], Message], action: str) -> None:
        """B15, B16: parties swapped and without roles, no DuplicateElimination, no TimeToLive; same conversation."""
        message = sent_by("osb-rm")
        asked = message.header
        assert answer(message).header == MessageHeader(
            sender=Party(asked.receiver.party_ids),
            receiver=Party(asked.sender.party_ids),
            cpa_id=asked.cpa_id,
            conversation_id=asked.conversation_id,
            service=Service(MSH_SERVICE),
            action=action,
            message_id="a@y",
            timestamp=LATER,
            ref_to_message_id="m@x",
        )

    def test_acknowledgment(self) -> None:
        """c.2: when it was received, what is acknowledged, by whom, for toPartyMSH."""
        message = sent_by("osb-rm")
        receipt = agreement.acknowledge(message, REFERENCES, message_id="a@y", timestamp=LATER)
        assert (receipt.timestamp, receipt.ref_to_message_id, receipt.actor) == (LATER, "m@x", TO_PARTY_MSH)
        assert receipt.sender == Party(message.header.receiver.party_ids)
        assert receipt.references == REFERENCES

    @pytest.mark.parametrize(
        ("error", "code", "location"),
        [
            (
                FormatError("mime.unclosed", "cut off", ebms_code="MimeProblem", location="cid:een@x"),
                "MimeProblem",
                "cid:een@x",
            ),
            (FormatError("xml.once", "twice"), "OtherXml", ""),
            (SignatureError("signature.value", "wrong"), "SecurityFailure", ""),
            (ProtocolError("x", "other"), "Unknown", ""),
        ],
    )
    def test_error(self, error: ProtocolError, code: str, location: str) -> None:
        """B11: every ProtocolError becomes an ErrorList of one Error, with its code, place and sentence."""
        answer = agreement.refuse(BEST_EFFORT.header, error, message_id="a@y", timestamp=LATER)
        assert answer.highest_severity == "Error"
        assert answer.errors == (EbmsError(code, "Error", location, error.sentence, ERROR_CONTEXT),)
        envelope.check(envelope.build(answer))

    @pytest.mark.parametrize(
        ("status", "moment"),
        [
            ("Received", MOMENT),
            ("Processed", MOMENT),
            ("Forwarded", None),
            ("NotRecognized", None),
            ("UnAuthorized", None),
        ],
    )
    def test_status(self, status: MessageStatus, moment: datetime | None) -> None:
        """f.8: when it was received is told with Received and Processed only."""
        answer = told(sent_by("osb-rm"), status)
        assert (answer.status, answer.timestamp, answer.ref_to_message_id) == (status, moment, "asked@x")


class TestQuestions:
    """c.2: Ping and StatusRequest."""

    @pytest.mark.parametrize("sync", [False, True])
    def test_asked(self, *, sync: bool) -> None:
        """c.3.6: no roles, the service without type, SyncReply only on a synchronous signal channel."""
        cpa = cpa_of("osb-rm", sync=sync)
        sender, receiver = (party.party_ids for party in cpa.parties)
        asking = {"message_id": "p@x", "conversation_id": "c", "timestamp": MOMENT}
        ping = agreement.ping(cpa.signals(sender=sender[0], action="Ping"), **asking)  # type: ignore[arg-type] # a table
        assert ping.header == MessageHeader(
            sender=Party(sender),
            receiver=Party(receiver),
            cpa_id=cpa.cpa_id,
            conversation_id="c",
            service=Service(MSH_SERVICE),
            action="Ping",
            message_id="p@x",
            timestamp=MOMENT,
        )
        route = cpa.signals(sender=sender[0], action="StatusRequest")
        question = agreement.status_request(route, "m@x", message_id="p@x", conversation_id="c", timestamp=MOMENT)
        assert question.header == replace(ping.header, action="StatusRequest")
        assert question.ref_to_message_id == "m@x"
        assert ping.sync_reply == question.sync_reply == (SyncReply() if route.sync else None)


Change = Callable[[UserMessage], UserMessage]


def header(**changes: object) -> Change:
    """Change the header of a message."""
    return lambda message: replace(message, header=replace(message.header, **changes))  # type: ignore[arg-type] # a table


def block(**changes: object) -> Change:
    """Change what stands beside the header."""
    return lambda message: replace(message, **changes)  # type: ignore[arg-type] # a table


def party(side: str, **changes: object) -> Change:
    """Change one of the parties."""

    def change(message: UserMessage) -> UserMessage:
        changed = replace(getattr(message.header, side), **changes)
        return replace(message, header=replace(message.header, **{side: changed}))

    return change


HEADER = "//Header/MessageHeader"
FAULTS: dict[str, tuple[Profile, bool, Change, str, str]] = {
    "CPAId unknown": ("osb-rm", False, header(cpa_id="x"), "ValueNotRecognized", f"{HEADER}/CPAId"),
    "before the CPA": (
        "osb-rm",
        False,
        header(timestamp=MOMENT - timedelta(days=2)),
        "Inconsistent",
        f"{HEADER}/@cpaid",
    ),
    "after the CPA": (
        "osb-rm",
        False,
        header(timestamp=MOMENT + timedelta(days=731)),
        "Inconsistent",
        f"{HEADER}/@cpaid",
    ),
    "version": ("osb-rm", False, header(version="1.0"), "Inconsistent", f"{HEADER}/@version"),
    "From without Role": ("osb-rm", False, party("sender", role=None), "Inconsistent", f"{HEADER}/From/Role"),
    "To without Role": ("osb-rm", False, party("receiver", role=None), "Inconsistent", f"{HEADER}/To/Role"),
    "From unknown": ("osb-rm", False, party("sender", party_ids=(STRANGER,)), "ValueNotRecognized", f"{HEADER}/From"),
    "To unknown": ("osb-rm", False, party("receiver", party_ids=(STRANGER,)), "ValueNotRecognized", f"{HEADER}/To"),
    "From and a stranger": (
        "osb-rm",
        False,
        party("sender", party_ids=(PartyId("00000099000000001000", "urn:osb:oin"), STRANGER)),
        "ValueNotRecognized",
        f"{HEADER}/From",
    ),
    "To is From": (
        "osb-rm",
        False,
        party("receiver", party_ids=(PartyId("00000099000000001000", "urn:osb:oin"),)),
        "ValueNotRecognized",
        f"{HEADER}/To",
    ),
    "PartyId without its type": (
        "osb-rm",
        False,
        party("sender", party_ids=(PartyId("00000099000000001000"),)),
        "ValueNotRecognized",
        f"{HEADER}/From",
    ),
    "Role of From unknown": ("osb-rm", False, party("sender", role="XX"), "ValueNotRecognized", f"{HEADER}/Action"),
    "Role of To unknown": ("osb-rm", False, party("receiver", role="SR"), "ValueNotRecognized", f"{HEADER}/Action"),
    "Service unknown": (
        "osb-rm",
        False,
        header(service=Service("x", "urn:osb:services")),
        "ValueNotRecognized",
        f"{HEADER}/Action",
    ),
    "Service without its type": (
        "osb-rm",
        False,
        header(service=Service("MIJNOVERHEID.ebMS.BB.2.0")),
        "ValueNotRecognized",
        f"{HEADER}/Action",
    ),
    "Action unknown": ("osb-rm", False, header(action="x"), "ValueNotRecognized", f"{HEADER}/Action"),
    "Action of the other party": (
        "osb-rm",
        False,
        header(action="GLOBE-R-BV-Result"),
        "ValueNotRecognized",
        f"{HEADER}/Action",
    ),
    "RefToMessageId unknown": (
        "osb-rm",
        False,
        header(ref_to_message_id="other@x"),
        "ValueNotRecognized",
        f"{HEADER}/MessageData/RefToMessageId",
    ),
    "TimeToLive past": (
        "osb-rm",
        False,
        header(time_to_live=LATER - timedelta(seconds=1)),
        "TimeToLiveExpired",
        f"{HEADER}/MessageData/TimeToLive",
    ),
    "TimeToLive now": (
        "osb-rm",
        False,
        header(time_to_live=LATER),
        "TimeToLiveExpired",
        f"{HEADER}/MessageData/TimeToLive",
    ),
    "DuplicateElimination missing": (
        "osb-rm",
        False,
        header(duplicate_elimination=False),
        "Inconsistent",
        f"{HEADER}/DuplicateElimination",
    ),
    "DuplicateElimination under best effort": (
        "osb-be",
        False,
        header(duplicate_elimination=True),
        "Inconsistent",
        f"{HEADER}/DuplicateElimination",
    ),
    "AckRequested missing": ("osb-rm", False, block(ack_requested=None), "Inconsistent", "//Header/AckRequested"),
    "AckRequested under best effort": (
        "osb-be",
        False,
        block(ack_requested=AckRequested(signed=False)),
        "Inconsistent",
        "//Header/AckRequested",
    ),
    "AckRequested of another version": (
        "osb-rm",
        False,
        block(ack_requested=AckRequested(signed=False, version="1.0")),
        "Inconsistent",
        "//Header/AckRequested/@version",
    ),
    "AckRequested for nextMSH": (
        "osb-rm",
        False,
        block(ack_requested=AckRequested(signed=False, actor=NEXT_MSH)),
        "NotSupported",
        "//Header/AckRequested/@actor",
    ),
    "AckRequested for somebody else": (
        "osb-rm",
        False,
        block(ack_requested=AckRequested(signed=False, actor="x")),
        "Inconsistent",
        "//Header/AckRequested/@actor",
    ),
    "AckRequested signed": (
        "osb-rm",
        False,
        block(ack_requested=AckRequested(signed=True)),
        "Inconsistent",
        "//Header/AckRequested/@signed",
    ),
    "AckRequested not signed": (
        "osb-rm-s",
        False,
        block(ack_requested=AckRequested(signed=False)),
        "Inconsistent",
        "//Header/AckRequested/@signed",
    ),
    "SyncReply": ("osb-rm", False, block(sync_reply=SyncReply()), "Inconsistent", "//Header/SyncReply"),
    "SyncReply missing": ("osb-rm", True, block(sync_reply=None), "Inconsistent", "//Header/SyncReply"),
    "SyncReply of another version": (
        "osb-rm",
        True,
        block(sync_reply=SyncReply(version="1.0")),
        "Inconsistent",
        "//Header/SyncReply/@version",
    ),
    "SyncReply for somebody else": (
        "osb-rm",
        True,
        block(sync_reply=SyncReply(actor="x")),
        "Inconsistent",
        "//Header/SyncReply/@actor",
    ),
    "MessageOrder": ("osb-rm", False, block(message_order=True), "NotSupported", "//Header/MessageOrder"),
    "Manifest of another version": (
        "osb-rm",
        False,
        block(manifest=Manifest(("cid:een@x",), version="1.0")),
        "Inconsistent",
        "//Body/Manifest/@version",
    ),
}


def judged(message: UserMessage, cpa: CPA) -> Route:
    """Judge a message as it comes in a minute later, from a partner with whom one message was exchanged."""
    return agreement.judge(message, cpa, now=LATER, known_ids={"known@x"})


class TestJudge:
    """c.4: what a faulty user message is answered with."""

    @pytest.mark.parametrize("profile", PROFILES)
    @pytest.mark.parametrize("sync", [False, True])
    def test_good(self, profile: Profile, *, sync: bool) -> None:
        """A message as the CPA says is judged good, and its route is the sender's."""
        cpa = cpa_of(profile, sync=sync)
        route = route_of(cpa)
        assert judged(composed(replace(route, encrypted=False), "een@x"), cpa) == route

    @pytest.mark.parametrize("fault", FAULTS)
    def test_fault(self, fault: str) -> None:
        """B11: each fault of the header has the errorCode and the place that partners know."""
        profile, sync, change, code, location = FAULTS[fault]
        with pytest.raises(FormatError) as caught:
            judged(change(sent_by(profile, sync=sync)), cpa_of(profile, sync=sync))
        assert (caught.value.ebms_code, caught.value.location) == (code, location)

    def test_order(self) -> None:
        """c.4: of several faults the first in the order of the main adapter is told."""
        names = [name for name in FAULTS if FAULTS[name][:2] == ("osb-rm", False)]
        told_first = {
            (first, second): first_told(FAULTS[first][2], FAULTS[second][2])
            for first, second in pairwise(names)
            if not {first, second} & SAME_FIELD
        }
        assert {pair: found for pair, found in told_first.items() if found != FAULTS[pair[0]][4]} == {}

    def test_reference_to_a_known_message(self) -> None:
        """h-26: a RefToMessageId must be known, unless nobody knows what is known."""
        cpa = cpa_of("osb-rm")
        judged(header(ref_to_message_id="known@x")(sent_by("osb-rm")), cpa)
        agreement.judge(header(ref_to_message_id="other@x")(sent_by("osb-rm")), cpa, now=LATER)

    def test_no_time_to_live(self) -> None:
        """B22: a message without TimeToLive does not expire."""
        message = header(time_to_live=None)(sent_by("osb-rm"))
        agreement.judge(message, cpa_of("osb-rm"), now=MOMENT + timedelta(days=700))

    @pytest.mark.parametrize("moment", ["start", "end"])
    def test_dates_of_the_cpa(self, moment: str) -> None:
        """B24: Start and End belong to the CPA, whatever zone the message writes; a second beyond does not."""
        cpa = cpa_of("osb-be")
        edge: datetime = getattr(cpa, moment)
        outside = edge + timedelta(seconds=1 if moment == "end" else -1)
        zone = ZoneInfo("Europe/Amsterdam")
        judged(header(timestamp=edge.astimezone(zone))(sent_by("osb-be")), cpa)
        with pytest.raises(FormatError):
            judged(header(timestamp=outside.astimezone(zone))(sent_by("osb-be")), cpa)

    @pytest.mark.parametrize(("status", "good"), [("agreed", True), ("signed", True), ("proposed", False)])
    def test_status_of_the_cpa(self, status: str, *, good: bool) -> None:
        """h-19: signed is as good as agreed, proposed is nothing yet."""
        cpa = CPA.parse(swap(cpa_bytes("osb-rm"), ('Status tns:value="agreed"', f'Status tns:value="{status}"')))
        with nullcontext() if good else pytest.raises(FormatError):
            judged(sent_by("osb-rm"), cpa)

    @pytest.mark.parametrize("chosen", [(0,), (1,), (2,), (0, 1), (1, 0), (2, 1, 0), (0, 0)])
    def test_any_of_the_party_ids(self, chosen: tuple[int, ...]) -> None:
        """B19: any of the CPA's PartyIds, one or several, in any order, with type and without."""
        party_id = '<tns:PartyId tns:type="urn:osb:oin">00000099000000001000</tns:PartyId>'
        more = '<tns:PartyId tns:type="urn:x">a</tns:PartyId><tns:PartyId>urn:x:b</tns:PartyId>'
        cpa = CPA.parse(swap(cpa_bytes("osb-rm"), (party_id, party_id + more)))
        ids = (PartyId("00000099000000001000", "urn:osb:oin"), PartyId("a", "urn:x"), PartyId("urn:x:b"))
        judged(party("sender", party_ids=tuple(ids[index] for index in chosen))(sent_by("osb-rm")), cpa)

    @pytest.mark.parametrize("wanted", [None, AckRequested(signed=False), AckRequested(signed=True)], ids=repr)
    @pytest.mark.parametrize("eliminated", [False, True])
    def test_left_to_each_message(self, wanted: AckRequested | None, *, eliminated: bool) -> None:
        """c.2: what the CPA leaves to each message is free."""
        cpa = CPA.parse(swap(cpa_bytes("osb-rm"), *PER_MESSAGE))
        judged(header(duplicate_elimination=eliminated)(block(ack_requested=wanted)(sent_by("osb-rm"))), cpa)

    def test_route_that_lacks_a_part(self) -> None:
        """A CPA without the receiver's channel is our trouble and not the sender's."""
        channel = '<tns:DeliveryChannel tns:channelId="B_Messages"'
        cpa = CPA.parse(swap(cpa_bytes("osb-rm"), (channel, channel.replace("B_Messages", "C_Messages"))))
        with pytest.raises(ConfigurationError):
            judged(sent_by("osb-rm"), cpa)


SAME_FIELD = {"PartyId without its type", "From and a stranger", "To is From", "TimeToLive now", "before the CPA"}


def first_told(first: Change, second: Change) -> str:
    """Return the place that a message with two faults is refused for."""
    with pytest.raises(FormatError) as caught:
        judged(first(second(sent_by("osb-rm"))), cpa_of("osb-rm"))
    return caught.value.location


class TestJudgeSignal:
    """f.4, f.7: the header of an answer."""

    @pytest.mark.parametrize(
        "change",
        [
            header(),
            party("sender", role="SR"),
            header(duplicate_elimination=True),
            header(timestamp=MOMENT + timedelta(days=3000)),
            header(ref_to_message_id=None),
        ],
    )
    def test_good(self, change: Change) -> None:
        """B15, B16, h-58: with roles or without, with DuplicateElimination or without, whatever the CPA's dates."""
        message = sent_by("osb-rm")
        agreement.judge_signal(change(replace(message, header=acknowledged(message).header)).header, cpa_of("osb-rm"))

    @pytest.mark.parametrize(
        ("change", "code", "location"),
        [
            (header(cpa_id="x"), "ValueNotRecognized", f"{HEADER}/CPAId"),
            (header(version="3.0"), "Inconsistent", f"{HEADER}/@version"),
            (party("sender", party_ids=(STRANGER,)), "ValueNotRecognized", f"{HEADER}/From"),
            (party("sender", party_ids=()), "ValueNotRecognized", f"{HEADER}/From"),
            (party("receiver", party_ids=(STRANGER,)), "ValueNotRecognized", f"{HEADER}/To"),
            (
                party("receiver", party_ids=(PartyId("00000099000000002000", "urn:osb:oin"),)),
                "ValueNotRecognized",
                f"{HEADER}/To",
            ),
        ],
    )
    def test_fault(self, change: Change, code: str, location: str) -> None:
        """Both parties of this CPA, each on its side."""
        message = sent_by("osb-rm")
        with pytest.raises(FormatError) as caught:
            agreement.judge_signal(
                change(replace(message, header=acknowledged(message).header)).header, cpa_of("osb-rm")
            )
        assert (caught.value.ebms_code, caught.value.location) == (code, location)


class TestParts:
    """a.2, c.2, h-39: Manifest and MIME parts name each other."""

    @pytest.mark.parametrize(
        ("listed", "parts"),
        [
            ([], []),
            (["een@x"], ["een@x"]),
            (["een@x", "twee@x"], ["twee@x", "een@x"]),
            (["%C3%A9%C3%A9n@x"], ["één@x"]),
            (["a%20b"], ["a b"]),
            (["a%20b"], ["a%20b"]),
        ],
    )
    def test_good(self, listed: list[str], parts: list[str]) -> None:
        """h-43: in any order, compared as they stand, and else after %-decoding."""
        agreement.check_parts(user_message(*listed) if listed else replace(BEST_EFFORT, manifest=None), parts)

    @pytest.mark.parametrize(
        ("listed", "parts", "code", "location"),
        [
            (["een@x"], [], "part-missing", "cid:een@x"),
            (["een@x"], [None], "part-missing", "cid:een@x"),
            (["een@x"], ["EEN@x"], "part-missing", "cid:een@x"),
            (["een@x", "een@x"], ["een@x"], "twice", "//Body/Manifest"),
            (["a%20b", "a b"], ["a b"], "twice", "//Body/Manifest"),
            (["een@x"], ["een@x", "twee@x"], "part-unlisted", "//Body/Manifest"),
            (["een@x"], ["een@x", None], "part-unnamed", "//Body/Manifest"),
            (["een@x"], ["een@x", "een@x"], "part-twice", "//Body/Manifest"),
            ([], ["een@x"], "part-unlisted", "//Body/Manifest"),
        ],
    )
    def test_fault(self, listed: list[str], parts: list[str | None], code: str, location: str) -> None:
        """B04: MimeProblem at the reference that has no part, or at the Manifest that lacks one."""
        message = user_message(*listed) if listed else replace(BEST_EFFORT, manifest=None)
        with pytest.raises(FormatError) as caught:
            agreement.check_parts(message, parts)
        assert (caught.value.code, caught.value.ebms_code) == (f"manifest.{code}", "MimeProblem")
        assert caught.value.location == location

    @pytest.mark.parametrize("href", ["http://example.test/999993653", "file:///etc/passwd", "een@x", "CID:een@x"])
    def test_elsewhere(self, href: str) -> None:
        """DK-KV 5.1.10: only payloads inside the message; the place is told to the sender and not to our log."""
        with pytest.raises(FormatError) as caught:
            agreement.check_parts(replace(BEST_EFFORT, manifest=Manifest((href,))), ["een@x"])
        assert (caught.value.code, caught.value.ebms_code) == ("manifest.elsewhere", "MimeProblem")
        assert caught.value.location == f"//Body/Manifest/Reference[@href='{href}']"
        assert href not in str(caught.value)

    @pytest.mark.usefixtures("no_hang")
    def test_many(self) -> None:
        """B12: a hundred thousand parts are compared in one go."""
        names = [f"{number}@x" for number in range(100_000)]
        agreement.check_parts(user_message(*names), names)
