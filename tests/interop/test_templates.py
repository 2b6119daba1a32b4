"""The templates of the main adapter's own integration tests, filled in: each gives the error that its name says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from tests.reference import REFERENCE, needs_reference

from mobb_client.ebms import agreement, packet
from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.message import Ping, StatusRequest, UserMessage
from mobb_client.errors import FormatError

pytestmark = needs_reference

TEMPLATES = REFERENCE / "messages" / "ebmscore-templates"
SYNC = "ebmscore-digipoort-stub.rm.http.unsigned.sync.xml"
SENT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
CONTENT_ID = "bericht-1@localhost"
PART = b"<bericht/>"
VALUES = {
    "cpaId": "cpaStubEBF.rm.http.unsigned.sync",
    "partyType": "urn:osb:oin",
    "fromPartyId": "00000000000000000000",
    "fromRole": "DIGIPOORT",
    "toPartyId": "00000000000000000001",
    "toRole": "OVERHEID",
    "serviceType": "urn:osb:services",
    "service": "osb:afleveren:1.1$1.0",
    "action": "afleveren",
    "uuid": "5f1c9a3e-7b0d-4d8e-9a51-2f4f0b7c1d11",
    "refToMessageId": "91be1c54-2f0b-4b1c-a3a7-6f5c1e2d3b44",
    "timestamp": "2026-01-15T09:30:00Z",
    "timeToLive": "2026-01-15T10:00:00Z",
    "'cid:' + cid": f"cid:{CONTENT_ID}",
}


@cache
def cpa() -> CPA:
    """Return the CPA that the templates were written for."""
    return CPA.from_path(REFERENCE / "cpa" / SYNC)


def filled(template: str, **values: str) -> bytes:
    """Return a template with its values, and without the attributes of its template engine."""
    text = (TEMPLATES / f"{template}.xml").read_text()
    text = re.sub(r' th:each="[^"]*"', "", text).replace("th:", "")
    known = VALUES | values
    return re.sub(r"(\[\[)?\$\{([^}]*)\}(\]\])?", lambda found: known[found[2]], text).encode()


def received(template: str, *, part: bool = False, **values: str) -> packet.Received:
    """Return a template as it comes in, with one payload or none."""
    octets = filled(template, **values)
    if not part:
        return packet.read("text/xml; charset=UTF-8", octets)
    head = f"--b\r\nContent-ID: <{CONTENT_ID}>\r\n\r\n".encode()
    return packet.read("multipart/related; boundary=b", b"--b\r\n\r\n" + octets + b"\r\n" + head + PART + b"\r\n--b--")


def take(template: str, *, part: bool = False, **values: str) -> None:
    """Receive a user message: read, judge by the CPA, check the parts."""
    found = received(template, part=part, **values)
    assert isinstance(found.message, UserMessage)
    agreement.judge(found.message, cpa(), now=SENT + timedelta(minutes=1), known_ids=())
    agreement.check_parts(found.message, [one.content_id for one in found.parts])


def refusal(template: str, *, part: bool = False, **values: str) -> FormatError:
    """Return how a user message is refused."""
    with pytest.raises(FormatError) as caught:
        take(template, part=part, **values)
    return caught.value


@pytest.mark.parametrize(("template", "part"), [("EbMSMessage", False), ("EbMSMessageWithAttachments", True)])
def test_good(template: str, *, part: bool) -> None:
    """Those in which nothing is wrong are taken."""
    take(template, part=part)


@pytest.mark.parametrize(
    ("template", "code", "location"),
    [
        ("EbMSMessageInvalidAckRequestedActor", "Inconsistent", "//Header/AckRequested/@actor"),
        ("EbMSMessageInvalidAckRequestedSigned", "Inconsistent", "//Header/AckRequested/@signed"),
        ("EbMSMessageInvalidAckRequestedVersion", "Inconsistent", "//Header/AckRequested/@version"),
        ("EbMSMessageInvalidManifestVersion", "Inconsistent", "//Body/Manifest/@version"),
        ("EbMSMessageInvalidMessageHeaderVersion", "Inconsistent", "//Header/MessageHeader/@version"),
        (
            "EbMSMessageInvalidRefToMessageId",
            "ValueNotRecognized",
            "//Header/MessageHeader/MessageData/RefToMessageId",
        ),
        ("EbMSMessageInvalidSyncReplyActor", "Inconsistent", "//Header/SyncReply/@actor"),
        ("EbMSMessageInvalidSyncReplyVersion", "Inconsistent", "//Header/SyncReply/@version"),
        ("EbMSMessageInvalidToPartyType", "ValueNotRecognized", "//Header/MessageHeader/To"),
        ("EbMSMessageMessageOrder", "NotSupported", "//Header/MessageOrder"),
        ("EbMSMessageMissingAckRequested", "Inconsistent", "//Header/AckRequested"),
        ("EbMSMessageMissingDuplicateElimination", "Inconsistent", "//Header/MessageHeader/DuplicateElimination"),
        ("EbMSMessageMissingFromRole", "Inconsistent", "//Header/MessageHeader/From/Role"),
        ("EbMSMessageMissingSyncReply", "Inconsistent", "//Header/SyncReply"),
        ("EbMSMessageNextMshAckRequested", "NotSupported", "//Header/AckRequested/@actor"),
    ],
)
def test_header(template: str, code: str, location: str) -> None:
    """c.4: errorCode and place as the adapter has them."""
    error = refusal(template)
    assert (error.ebms_code, error.location) == (code, location)


@pytest.mark.parametrize(
    ("template", "part", "location"),
    [
        ("EbMSMessageMissingManifest", True, "//Body/Manifest"),
        ("EbMSMessageWithAttachments", False, f"cid:{CONTENT_ID}"),
    ],
)
def test_parts(template: str, location: str, *, part: bool) -> None:
    """h-39: a part that no Manifest lists, and a reference without its part."""
    error = refusal(template, part=part)
    assert (error.ebms_code, error.location) == ("MimeProblem", location)


@pytest.mark.parametrize(
    ("template", "told"),
    [("EbMSMessageMissingFromPartyId", "eb:From"), ("EbMSMessageMissingReference", "eb:Manifest")],
)
def test_schema(template: str, told: str) -> None:
    """h-30: not valid, which the adapter answers with an empty 500."""
    error = refusal(template)
    assert error.code == "envelope.schema"
    assert told in error.sentence


def test_expired() -> None:
    """f.5: a message that arrives after its TimeToLive."""
    error = refusal("EbMSMessage", timeToLive="2026-01-15T09:30:59Z")
    assert error.ebms_code == "TimeToLiveExpired"


def test_other_direction() -> None:
    """g.5: the same action from the party that only receives it."""
    error = refusal(
        "EbMSMessage",
        fromPartyId=VALUES["toPartyId"],
        fromRole=VALUES["toRole"],
        toPartyId=VALUES["fromPartyId"],
        toRole=VALUES["fromRole"],
    )
    assert (error.ebms_code, error.location) == ("ValueNotRecognized", "//Header/MessageHeader/Action")


def test_status_request() -> None:
    """c.2: a StatusRequest on a synchronous channel."""
    message = received("EbMSMessageStatus").message
    assert isinstance(message, StatusRequest)
    assert message.ref_to_message_id == f"{VALUES['refToMessageId']}@localhost"
    assert message.sync_reply is not None
    agreement.judge_signal(message.header, cpa())


def test_ping() -> None:
    """c.3.6: a Ping on a synchronous channel, whose TimeToLive and SyncReply are read."""
    message = received("EbMSPing").message
    assert isinstance(message, Ping)
    assert message.sync_reply is not None
    agreement.judge_signal(message.header, cpa())


def test_entity() -> None:
    """B30, h-59: a DOCTYPE is refused before anything in it is looked at."""
    assert refusal("EbMSPingXXE").code == "xml.doctype"


def test_payload_is_no_envelope() -> None:
    """The sample payload is a document of another kind."""
    assert refusal("Afleverbericht").code == "envelope.root"


def test_all_are_used() -> None:
    """No template stands in the folder without a test."""
    source = Path(__file__).read_text()
    assert [path.stem for path in TEMPLATES.glob("*.xml") if f'"{path.stem}"' not in source] == []
