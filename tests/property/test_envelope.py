"""Laws of the envelope: what is written reads as the same message, and no octets crash the reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tests.kinds import KINDS

from mobb_client import _xml
from mobb_client.ebms import envelope, mime, packet
from mobb_client.ebms.message import (
    ERROR_CONTEXT,
    MSH_SERVICE,
    NEXT,
    NEXT_MSH,
    TO_PARTY_MSH,
    Acknowledgment,
    AckRequested,
    DigestReference,
    EbmsError,
    Manifest,
    Message,
    MessageError,
    MessageHeader,
    Party,
    PartyId,
    Ping,
    Pong,
    Service,
    StatusRequest,
    StatusResponse,
    SyncReply,
    Transform,
    UserMessage,
)
from mobb_client.errors import ProtocolError

BLANKS = " \t\r\n"
AWKWARD = st.sampled_from(
    ["Zoë", "𝄞", "&<>\"'", "a=b", "]]>", "\u00a0x\u2028", "a\r\nb", "e\u0301", "\u007f", "\ufffd"]
)
CHARACTERS = st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", include_characters="\t\r\n"
)
TEXT = (st.text(CHARACTERS, min_size=1, max_size=20) | AWKWARD).filter(lambda text: text == text.strip(BLANKS))
TOKEN = st.from_regex(r"[A-Za-z0-9:/._-]{1,20}", fullmatch=True)
URI = st.from_regex(r"urn:[a-z]{2,8}:[A-Za-z0-9._-]{1,12}", fullmatch=True)
HREF = st.from_regex(r"cid:[A-Za-z0-9][A-Za-z0-9@._-]{0,20}", fullmatch=True)
ZONE = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONE).map(  # noqa: DTZ001 - ZONE gives it
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
PARTY_IDS = st.lists(st.builds(PartyId, TEXT, st.none() | TEXT), min_size=1, max_size=3).map(tuple)
ROLELESS = st.builds(Party, PARTY_IDS)
PARTY = st.builds(Party, PARTY_IDS, st.none() | TEXT)
VERSION = st.just("2.0") | TEXT


def header(service: st.SearchStrategy[Service], action: st.SearchStrategy[str]) -> st.SearchStrategy[MessageHeader]:
    """Return headers with any text in any place."""
    return st.builds(
        MessageHeader,
        sender=PARTY,
        receiver=PARTY,
        cpa_id=TEXT,
        conversation_id=TEXT,
        service=service,
        action=action,
        message_id=TEXT,
        timestamp=MOMENT,
        ref_to_message_id=st.none() | TEXT,
        time_to_live=st.none() | MOMENT,
        duplicate_elimination=st.booleans(),
        version=VERSION,
    )


def signal(action: str) -> st.SearchStrategy[MessageHeader]:
    """Return headers of one kind of signal."""
    return header(st.just(Service(MSH_SERVICE)), st.just(action))


TRANSFORM = (
    st.builds(Transform, TOKEN)
    | st.builds(Transform, TOKEN, xpath=TEXT.filter(lambda text: "@soap:" not in text))
    | st.builds(Transform, TOKEN, xpath=TEXT.map("not(@soap:actor='{}')".format), soap_prefix=st.just("soap"))
    | st.builds(Transform, TOKEN, prefix_list=TOKEN)
)
REFERENCE = st.builds(
    DigestReference,
    st.just("") | TOKEN,
    TOKEN,
    st.binary(min_size=1, max_size=64),
    st.lists(TRANSFORM, max_size=3).map(tuple),
)
SYNC_REPLY = st.none() | st.builds(SyncReply, st.sampled_from([NEXT, "urn:x"]), VERSION)
ERROR = st.builds(
    EbmsError,
    TEXT,
    st.sampled_from(["Warning", "Error"]),
    st.just("") | TEXT,
    st.just("") | TEXT,
    st.just(ERROR_CONTEXT) | URI,
)
MESSAGE: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        UserMessage,
        header=header(st.builds(Service, TEXT, st.none() | TEXT), TEXT),
        ack_requested=st.none()
        | st.builds(AckRequested, st.booleans(), st.sampled_from([TO_PARTY_MSH, NEXT_MSH, "urn:x"]), VERSION),
        sync_reply=SYNC_REPLY,
        manifest=st.none() | st.builds(Manifest, st.lists(HREF, min_size=1, max_size=4).map(tuple), VERSION),
    ),
    st.builds(
        Acknowledgment,
        header=signal("Acknowledgment"),
        timestamp=MOMENT,
        ref_to_message_id=TEXT,
        sender=st.none() | ROLELESS,
        references=st.lists(REFERENCE, max_size=3).map(tuple),
        actor=st.sampled_from([TO_PARTY_MSH, None, NEXT_MSH]),
    ),
    st.builds(
        MessageError,
        header=signal("MessageError"),
        errors=st.lists(ERROR, min_size=1, max_size=3).map(tuple),
        highest_severity=st.sampled_from(["Warning", "Error"]),
    ),
    st.builds(Ping, header=signal("Ping"), sync_reply=SYNC_REPLY),
    st.builds(Pong, header=signal("Pong")),
    st.builds(StatusRequest, header=signal("StatusRequest"), ref_to_message_id=TEXT, sync_reply=SYNC_REPLY),
    st.builds(
        StatusResponse,
        header=signal("StatusResponse"),
        status=st.sampled_from(["UnAuthorized", "NotRecognized", "Received", "Processed", "Forwarded"]),
        ref_to_message_id=TEXT,
        timestamp=st.none() | MOMENT,
    ),
)


def octets_of(message: Message) -> bytes:
    """Return an envelope as it goes on the wire."""
    return etree.tostring(envelope.build(message), encoding="UTF-8", xml_declaration=False)


@given(MESSAGE)
def test_round_trip(message: Message) -> None:
    """B06, B18, B20: every message of every kind reads as it was written, whatever stands in its texts."""
    assert envelope.read(_xml.parse(octets_of(message), "envelope")) == message


@given(MESSAGE)
def test_same_message_same_octets(message: Message) -> None:
    """A resend is the same octets, and what was read is written as it stood."""
    octets = octets_of(message)
    assert octets_of(envelope.read(_xml.parse(octets, "envelope"))) == octets


@given(MOMENT)
def test_moments(moment: datetime) -> None:
    """B20: written in UTC with Z, and read as the same moment."""
    written = _xml.write_moment(moment)
    assert written.endswith("Z")
    assert _xml.moment(written, "x") == moment
    assert _xml.moment(written, "x").tzinfo is UTC


ENVELOPES = [octets_of(message) for message in KINDS.values()]
CUTS = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 40),
        st.sampled_from(
            [
                *(
                    b"",
                    b" ",
                    b"<",
                    b">",
                    b"/",
                    b'"',
                    b"&",
                    b"&#0;",
                    b"\x00",
                    b"\xff",
                    b"x",
                    b"eb:",
                    b"<eb:Role>x</eb:Role>",
                ),
                *(
                    b"<ds:Signature/>",
                    b"<ds:XPath/>",
                    b"<!-- -->",
                    b"<![CDATA[x]]>",
                    b"true",
                    b"2.0",
                    b'x="y"',
                    b"=" * 9,
                ),
            ]
        )
        | st.binary(max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def cut(octets: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    """Return the octets with some taken out and others put there."""
    for at, length, instead in cuts:
        begin = at % (len(octets) + 1)
        octets = octets[:begin] + instead + octets[begin + length :]
    return octets


@given(st.sampled_from(ENVELOPES), CUTS)
def test_no_envelope_crashes_the_reader(octets: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """B05: an envelope spoiled in any way is a message or a ProtocolError."""
    try:
        received = packet.read("text/xml", cut(octets, cuts))
    except ProtocolError as error:
        assert error.sentence  # noqa: PT017 - either is right
    else:
        assert isinstance(received.message, Message)


@given(
    st.binary(max_size=100),
    st.sampled_from([b"", b"<a", b"<?xml version='1.0' encoding='", b"<!DOCTYPE ", b"\xff\xfe"]),
)
def test_no_octets_crash_the_reader(octets: bytes, begin: bytes) -> None:
    """B05: any octets are a message or a ProtocolError."""
    try:
        packet.read("text/xml", begin + octets)
    except ProtocolError as error:
        assert len(str(error)) < 300  # noqa: PT017 - no message is that small


@given(st.lists(st.sampled_from(["/", "..", "\x00", "a", "é", "%", "<", ">", "@"]), max_size=10).map("".join))
def test_no_reference_crashes_the_search(href: str) -> None:
    """h-43: any reference finds a part or none."""
    parts = (mime.Part(octets=b"", content_id=href), mime.Part(octets=b"1"))
    assert mime.find_part(parts, f"cid:{href}") == parts[0]
