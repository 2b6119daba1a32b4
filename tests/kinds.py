"""One message of every kind, with invented ids as in `digikoppeling-ebms2` c.3."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

from mobb_client.ebms import packet
from mobb_client.ebms.message import (
    MSH_SERVICE,
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

OIN_TYPE = "urn:osb:oin"
SENDER = Party((PartyId("00000099000000001000", OIN_TYPE),), "SR")
RECEIVER = Party((PartyId("00000099000000002000", OIN_TYPE),), "SP")
SENT = datetime(2026, 1, 15, 9, 30, 0, 123000, tzinfo=UTC)
MESSAGE_ID = "5f1c9a3e-7b0d-4d8e-9a51-2f4f0b7c1d11@sender.example.test"
CONTENT_ID = "bericht-1@sender.example.test"

BEST_EFFORT_HEADER = MessageHeader(
    sender=SENDER,
    receiver=RECEIVER,
    cpa_id="Voorbeeld_00000099000000001000_00000099000000002000_1",
    conversation_id="0d6d3f0e-6a0b-4f1e-8c55-3e8a2f9b7c01",
    service=Service("Voorbeeld:1:0", "urn:osb:services"),
    action="aanleveren",
    message_id=MESSAGE_ID,
    timestamp=SENT,
)
RELIABLE_HEADER = replace(BEST_EFFORT_HEADER, time_to_live=SENT + timedelta(hours=27), duplicate_elimination=True)
BEST_EFFORT = UserMessage(header=BEST_EFFORT_HEADER, manifest=Manifest((f"cid:{CONTENT_ID}",)))
RELIABLE = UserMessage(
    header=RELIABLE_HEADER, ack_requested=AckRequested(signed=False), manifest=Manifest((f"cid:{CONTENT_ID}",))
)

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
REFERENCES = (
    DigestReference(
        "",
        SHA256,
        bytes(range(32)),
        (
            Transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature"),
            Transform("http://www.w3.org/TR/1999/REC-xpath-19991116", xpath="not(@soap:actor)", soap_prefix="soap"),
            Transform("http://www.w3.org/2001/10/xml-exc-c14n#", prefix_list="soap eb"),
        ),
    ),
    DigestReference(f"cid:{CONTENT_ID}", SHA256, bytes(range(32, 64))),
)


def signal_header(action: str, *, answers: bool = True) -> MessageHeader:
    """Return the header of a signal from the receiver, in answer to `MESSAGE_ID` or not."""
    return MessageHeader(
        sender=Party(RECEIVER.party_ids),
        receiver=Party(SENDER.party_ids),
        cpa_id=BEST_EFFORT_HEADER.cpa_id,
        conversation_id=BEST_EFFORT_HEADER.conversation_id,
        service=Service(MSH_SERVICE),
        action=action,
        message_id="a7c4b0d2-11f3-4f6a-b6f4-9d2f5f0e6a22@receiver.example.test",
        timestamp=datetime(2026, 1, 15, 9, 30, 2, tzinfo=UTC),
        ref_to_message_id=MESSAGE_ID if answers else None,
    )


ACKNOWLEDGMENT = Acknowledgment(
    header=signal_header("Acknowledgment"),
    timestamp=datetime(2026, 1, 15, 9, 30, 1, 500000, tzinfo=UTC),
    ref_to_message_id=MESSAGE_ID,
    sender=Party(RECEIVER.party_ids),
)
RECEIPT = replace(ACKNOWLEDGMENT, references=REFERENCES)
MESSAGE_ERROR = MessageError(
    header=signal_header("MessageError"),
    errors=(
        EbmsError("MimeProblem", "Error", f"cid:{CONTENT_ID}", "MIME part not found."),
        EbmsError("TimeToLiveExpired", "Warning"),
    ),
)
PING = Ping(header=signal_header("Ping", answers=False))
PONG = Pong(header=signal_header("Pong"))
STATUS_REQUEST = StatusRequest(
    header=signal_header("StatusRequest", answers=False), ref_to_message_id=MESSAGE_ID, sync_reply=SyncReply()
)
STATUS_RESPONSE = StatusResponse(
    header=signal_header("StatusResponse"), status="Received", ref_to_message_id=MESSAGE_ID, timestamp=SENT
)

KINDS: dict[str, Message] = {
    "user-osb-be": BEST_EFFORT,
    "user-osb-rm": RELIABLE,
    "user-osb-rm-s": replace(RELIABLE, ack_requested=AckRequested(signed=True)),
    "user-osb-rm-sync": replace(RELIABLE, sync_reply=SyncReply()),
    "user-two-payloads": replace(BEST_EFFORT, manifest=Manifest(("cid:een@x", "cid:twee@x"))),
    "user-no-payload": replace(BEST_EFFORT, manifest=None),
    "acknowledgment": ACKNOWLEDGMENT,
    "acknowledgment-receipt": RECEIPT,
    "message-error": MESSAGE_ERROR,
    "ping": PING,
    "ping-sync": replace(PING, sync_reply=SyncReply()),
    "pong": PONG,
    "status-request": STATUS_REQUEST,
    "status-received": STATUS_RESPONSE,
    "status-not-recognized": replace(STATUS_RESPONSE, status="NotRecognized", timestamp=None),
}


def payload(
    octets: bytes, content_id: str = CONTENT_ID, content_type: str = "application/pdf", filename: str | None = None
) -> packet.Payload:
    """Return a payload of these octets."""
    return packet.Payload(
        content_id=content_id, write=lambda sink: sink(octets), content_type=content_type, filename=filename
    )


def written(message: Message, *payloads: packet.Payload) -> tuple[packet.Packet, bytes]:
    """Return a message as it goes on the wire: what is said of it, and the HTTP body."""
    sink = BytesIO()
    return packet.write(message, payloads, sink), sink.getvalue()


def user_message(*content_ids: str) -> UserMessage:
    """Return a message with these payloads."""
    return replace(BEST_EFFORT, manifest=Manifest(tuple(f"cid:{content_id}" for content_id in content_ids)))
