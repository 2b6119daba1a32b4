"""Every kind of ebMS 2.0 message as a value: what its header and body say, nothing of how they are written.

A value that came off the wire holds what stood there, also where that breaks a rule: `agreement` judges it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

MSH_SERVICE: Final = "urn:oasis:names:tc:ebxml-msg:service"
TO_PARTY_MSH: Final = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"
NEXT_MSH: Final = "urn:oasis:names:tc:ebxml-msg:actor:nextMSH"
NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
ERROR_CONTEXT: Final = "urn:oasis:names:tc:ebxml-msg:service:errors"

MessageStatus = Literal["UnAuthorized", "NotRecognized", "Received", "Processed", "Forwarded"]
ErrorSeverity = Literal["Warning", "Error"]


def _require_aware(*moments: datetime | None) -> None:
    """Refuse a datetime without zone: written as UTC it would be hours off (B20)."""
    if any(moment is not None and moment.utcoffset() is None for moment in moments):
        raise ValueError("a moment needs a time zone")


@dataclass(frozen=True, slots=True)
class PartyId:
    """One eb:PartyId: an OIN with the type ``urn:osb:oin``, or another number with another type."""

    value: str
    type: str | None = None

    def __str__(self) -> str:
        """Return ``type:value``, as adapters write it in their settings."""
        return f"{self.type}:{self.value}" if self.type else self.value


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a message: its ids and, in user messages, its role."""

    party_ids: tuple[PartyId, ...]
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One eb:Service; without a type its value must be a URI."""

    value: str
    type: str | None = None

    def __str__(self) -> str:
        """Return ``type:value``, as adapters write it in their settings."""
        return f"{self.type}:{self.value}" if self.type else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeader:
    """The eb:MessageHeader that every message has.

    `timestamp` and `time_to_live` are aware datetimes; `time_to_live` and `duplicate_elimination` belong to reliable
    user messages only. `message_id` is compared as it stands and never altered (B18).

    Raises:
        ValueError: a datetime without zone.

    Source: msg-header-2_0.xsd; `digikoppeling-ebms2` c.2.
    """

    sender: Party
    receiver: Party
    cpa_id: str
    conversation_id: str
    service: Service
    action: str
    message_id: str
    timestamp: datetime
    ref_to_message_id: str | None = None
    time_to_live: datetime | None = None
    duplicate_elimination: bool = False
    version: str = "2.0"

    def __post_init__(self) -> None:
        """Refuse moments without a zone."""
        _require_aware(self.timestamp, self.time_to_live)


@dataclass(frozen=True, slots=True)
class AckRequested:
    """The eb:AckRequested of a reliable message: an acknowledgment is wanted, signed or not."""

    signed: bool
    actor: str | None = TO_PARTY_MSH
    version: str = "2.0"


@dataclass(frozen=True, slots=True)
class SyncReply:
    """The eb:SyncReply of a message whose answer is wanted in the HTTP response."""

    actor: str | None = NEXT
    version: str = "2.0"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The eb:Manifest: the hrefs of the payloads (``cid:...``), in the order of the parts."""

    hrefs: tuple[str, ...]
    version: str = "2.0"


@dataclass(frozen=True, slots=True)
class Transform:
    """One ds:Transform: its algorithm, and the XPath or the list of prefixes that goes with it."""

    algorithm: str
    xpath: str | None = None
    soap_prefix: str | None = None
    prefix_list: str | None = None


@dataclass(frozen=True, slots=True)
class DigestReference:
    """What one ds:Reference says: the part's URI, the digest algorithm's URI, the digest's octets, the transforms."""

    uri: str
    digest_method: str
    digest: bytes
    transforms: tuple[Transform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    """A business message: everything in the envelope but the signature. Source: `digikoppeling-ebms2` c.2."""

    header: MessageHeader
    ack_requested: AckRequested | None = None
    sync_reply: SyncReply | None = None
    manifest: Manifest | None = None
    message_order: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgment:
    """The other message handler has stored the message; nothing is said of its processing.

    `ref_to_message_id` names the acknowledged message, also where the header does not (B17); `timestamp` is when it was
    received; `references` repeats the digests of its signature. Source: ebMS 2.0 section 6.3.2.
    """

    header: MessageHeader
    timestamp: datetime
    ref_to_message_id: str
    sender: Party | None = None
    references: tuple[DigestReference, ...] = ()
    actor: str | None = TO_PARTY_MSH

    def __post_init__(self) -> None:
        """Refuse a moment without a zone."""
        _require_aware(self.timestamp)


@dataclass(frozen=True, slots=True)
class EbmsError:
    """One eb:Error of an eb:ErrorList; `location` is free text (`digikoppeling-ebms2` h-41)."""

    code: str
    severity: ErrorSeverity = "Error"
    location: str = ""
    description: str = ""
    context: str = ERROR_CONTEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageError:
    """The other message handler refuses a message (severity Error) or warns about it. Source: ebMS 2.0 section 4.2."""

    header: MessageHeader
    errors: tuple[EbmsError, ...]
    highest_severity: ErrorSeverity = "Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Are you there? Source: ebMS 2.0 section 8."""

    header: MessageHeader
    sync_reply: SyncReply | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The answer to a `Ping`."""

    header: MessageHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """What happened to a message? Source: ebMS 2.0 section 7."""

    header: MessageHeader
    ref_to_message_id: str
    sync_reply: SyncReply | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusResponse:
    """The answer to a `StatusRequest`: it arrived, which is not to say that it was accepted."""

    header: MessageHeader
    status: MessageStatus
    ref_to_message_id: str
    timestamp: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a moment without a zone."""
        _require_aware(self.timestamp)


Message = UserMessage | Acknowledgment | MessageError | Ping | Pong | StatusRequest | StatusResponse
