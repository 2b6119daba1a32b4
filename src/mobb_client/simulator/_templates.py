"""The envelopes that the Berichtenbox sends, as text with places in it, laid out as the main Java adapter does.

Source: `digikoppeling-ebms2` c.3; lessons, "How the main Java adapter behaves on the wire".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from mobb_client.simulator._cpa import Id
from mobb_client.simulator._envelope import Reference
from mobb_client.simulator._names import DS, EB, ERROR_CONTEXT, MSH_SERVICE, NEXT, SOAP, TO_PARTY_MSH, XLINK
from mobb_client.simulator._signature import write_reference

_BLOCK: Final = 'eb:version="2.0" soap:mustUnderstand="1"'
SYNC_REPLY: Final = f'<eb:SyncReply {_BLOCK} soap:actor="{NEXT}"/>'
"""Without a blank around it: the digest covers what is left when it is taken out."""

Render = Callable[[str, str], str]
"""An envelope that still wants its eb:SyncReply and its ds:Signature, either of them empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the eb:MessageHeader of one message says. `more` stands behind its MessageData."""

    sender_ids: Iterable[Id]
    receiver_ids: Iterable[Id]
    sender_role: str = ""
    receiver_role: str = ""
    cpa_id: str
    conversation_id: str
    service: Id = (None, MSH_SERVICE)
    action: str
    message_id: str
    timestamp: datetime
    ref_to_message_id: str = ""
    time_to_live: datetime | None = None
    more: str = ""


def moment(value: datetime) -> str:
    """Return a moment with milliseconds and ``Z``."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def envelope(header: Header, block: str, body: str = "") -> Render:
    """Return an envelope with one block behind its header, and what stands in its body."""

    def render(sync_reply: str, signature: str) -> str:
        return (
            f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}" xmlns:xlink="{XLINK}" xmlns:ds="{DS}">\n'
            f"  <soap:Header>\n{_header(header)}{sync_reply}\n{block}{signature}\n  </soap:Header>\n"
            f"  <soap:Body>{body}</soap:Body>\n</soap:Envelope>"
        )

    return render


def _header(header: Header) -> str:
    optional = {"RefToMessageId": header.ref_to_message_id, "TimeToLive": ""}
    if header.time_to_live is not None:
        optional["TimeToLive"] = moment(header.time_to_live)
    data = "".join(f"\n        <eb:{name}>{escape(text)}</eb:{name}>" for name, text in optional.items() if text)
    return f"""\
    <eb:MessageHeader {_BLOCK}>
      <eb:From>{_ids(header.sender_ids)}{_role(header.sender_role)}</eb:From>
      <eb:To>{_ids(header.receiver_ids)}{_role(header.receiver_role)}</eb:To>
      <eb:CPAId>{escape(header.cpa_id)}</eb:CPAId>
      <eb:ConversationId>{escape(header.conversation_id)}</eb:ConversationId>
      <eb:Service{_type(header.service)}>{escape(header.service[1])}</eb:Service>
      <eb:Action>{escape(header.action)}</eb:Action>
      <eb:MessageData>
        <eb:MessageId>{escape(header.message_id)}</eb:MessageId>
        <eb:Timestamp>{moment(header.timestamp)}</eb:Timestamp>{data}
      </eb:MessageData>{header.more}
    </eb:MessageHeader>"""


def _type(given: Id) -> str:
    return "" if given[0] is None else f" eb:type={quoteattr(given[0])}"


def _ids(ids: Iterable[Id]) -> str:
    ordered = sorted(ids, key=lambda one: (one[0] or "", one[1]))
    return "".join(f"<eb:PartyId{_type(one)}>{escape(one[1])}</eb:PartyId>" for one in ordered)


def _role(role: str) -> str:
    return f"<eb:Role>{escape(role)}</eb:Role>" if role else ""


def acknowledgment(header: Header, references: Iterable[Reference]) -> Render:
    """Return the acknowledgment of the message that the header refers to."""
    repeated = "".join(f"\n      {write_reference(one)}" for one in references)
    return envelope(
        header,
        f"""\
    <eb:Acknowledgment {_BLOCK} soap:actor="{TO_PARTY_MSH}">
      <eb:Timestamp>{moment(header.timestamp)}</eb:Timestamp>
      <eb:RefToMessageId>{escape(header.ref_to_message_id)}</eb:RefToMessageId>
      <eb:From>{_ids(header.sender_ids)}</eb:From>{repeated}
    </eb:Acknowledgment>""",
    )


def message_error(header: Header, code: str, severity: str, location: str, description: str) -> Render:
    """Return a MessageError with one error."""
    where = f" eb:location={quoteattr(location)}" if location else ""
    told = f'<eb:Description xml:lang="en-US">{escape(description)}</eb:Description>' if description else ""
    return envelope(
        header,
        f"""\
    <eb:ErrorList {_BLOCK} eb:highestSeverity={quoteattr(severity)}>
      <eb:Error eb:codeContext="{ERROR_CONTEXT}" eb:errorCode={quoteattr(code)} eb:severity={quoteattr(severity)}{where}>{told}</eb:Error>
    </eb:ErrorList>""",  # noqa: E501 - one element
    )


def user_message(header: Header, ack_signed: bool | None, content_ids: Iterable[str]) -> Render:
    """Return a business message; `ack_signed` is None when no acknowledgment is asked for."""
    wanted = "" if ack_signed is None else str(ack_signed).lower()
    block = f'    <eb:AckRequested {_BLOCK} soap:actor="{TO_PARTY_MSH}" eb:signed="{wanted}"/>' if wanted else ""
    listed = "".join(f'<eb:Reference xlink:type="simple" xlink:href="cid:{one}"/>' for one in content_ids)
    return envelope(header, block, f'<eb:Manifest eb:version="2.0">{listed}</eb:Manifest>')


def status_request(header: Header, message_id: str) -> Render:
    """Return the question what became of a message."""
    asked = f"<eb:RefToMessageId>{escape(message_id)}</eb:RefToMessageId>"
    return envelope(header, "", f'<eb:StatusRequest eb:version="2.0">{asked}</eb:StatusRequest>')


def status_response(header: Header, message_id: str, received: datetime | None) -> Render:
    """Return what became of a message: it came in at that moment, or nobody knows it."""
    status = "NotRecognized" if received is None else "Received"
    told = f"<eb:RefToMessageId>{escape(message_id)}</eb:RefToMessageId>"
    told += "" if received is None else f"<eb:Timestamp>{moment(received)}</eb:Timestamp>"
    return envelope(
        header, "", f'<eb:StatusResponse eb:version="2.0" eb:messageStatus="{status}">{told}</eb:StatusResponse>'
    )


def soap_fault(sentence: str) -> bytes:
    """Return a SOAP Fault: what is answered where there is no agreement to answer by."""
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode>'
        f"<faultstring>{escape(sentence)}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    ).encode()
