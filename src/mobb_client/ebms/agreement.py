"""What the CPA asks of a message: made so, and judged so. Nothing of it is a flag or a constant.

Source: `digikoppeling-ebms2` c.2, c.4 and g.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from mobb_client.ebms.cpa import CPA, Route, SignalRoute
from mobb_client.ebms.message import (
    MSH_SERVICE,
    NEXT,
    NEXT_MSH,
    TO_PARTY_MSH,
    Acknowledgment,
    AckRequested,
    DigestReference,
    EbmsError,
    Manifest,
    MessageError,
    MessageHeader,
    MessageStatus,
    Party,
    Ping,
    Pong,
    Service,
    StatusRequest,
    StatusResponse,
    SyncReply,
    UserMessage,
)
from mobb_client.errors import FormatError, ProtocolError

# Making


def compose(  # noqa: PLR0913 - ids and time come from the caller, each by name
    route: Route,
    *,
    content_ids: Sequence[str],
    message_id: str,
    conversation_id: str,
    timestamp: datetime,
    ref_to_message_id: str | None = None,
) -> UserMessage:
    """Return the user message that a route asks for.

    TimeToLive, DuplicateElimination, AckRequested and SyncReply are there exactly when the CPA says so.

    Source: `digikoppeling-ebms2` a.1, c.2 and f.1 (TTL = Timestamp + (Retries + 1) x RetryInterval).
    """
    time_to_live = timestamp + route.retry.time_to_live if route.ack_requested and route.retry else None
    return UserMessage(
        header=MessageHeader(
            sender=route.sender,
            receiver=route.receiver,
            cpa_id=route.cpa_id,
            conversation_id=conversation_id,
            service=route.service,
            action=route.action,
            message_id=message_id,
            timestamp=timestamp,
            ref_to_message_id=ref_to_message_id,
            time_to_live=time_to_live,
            duplicate_elimination=route.duplicate_elimination,
        ),
        ack_requested=AckRequested(signed=route.ack_signed) if route.ack_requested else None,
        sync_reply=SyncReply() if route.sync_reply else None,
        manifest=Manifest(tuple(f"cid:{content_id}" for content_id in content_ids)) if content_ids else None,
    )


def acknowledge(
    message: UserMessage, references: Sequence[DigestReference], *, message_id: str, timestamp: datetime
) -> Acknowledgment:
    """Return the acknowledgment of a message that was accepted and stored.

    Args:
        message: the message acknowledged.
        references: what its signature covers, when a signed acknowledgment was asked for; else empty.
        message_id: of the acknowledgment itself.
        timestamp: when the message was received.

    Source: `digikoppeling-ebms2` c.2 and d.6.
    """
    header = _answer(message.header, "Acknowledgment", message_id, timestamp)
    return Acknowledgment(
        header=header,
        timestamp=timestamp,
        ref_to_message_id=message.header.message_id,
        sender=header.sender,
        references=tuple(references),
    )


def refuse(header: MessageHeader, error: ProtocolError, *, message_id: str, timestamp: datetime) -> MessageError:
    """Return the MessageError that answers a message with what is wrong with it. Source: ebMS 2.0 section 4.2."""
    found = EbmsError(error.ebms_code, "Error", error.location, error.sentence)
    return MessageError(header=_answer(header, "MessageError", message_id, timestamp), errors=(found,))


def pong(ping: Ping, *, message_id: str, timestamp: datetime) -> Pong:
    """Return the answer to a Ping. Source: `digikoppeling-ebms2` c.2."""
    return Pong(header=_answer(ping.header, "Pong", message_id, timestamp))


def status_response(
    request: StatusRequest,
    status: MessageStatus,
    received: datetime | None,
    *,
    message_id: str,
    timestamp: datetime,
) -> StatusResponse:
    """Return the answer to a StatusRequest; `received` only with ``Received`` and ``Processed``. Source: f.8."""
    return StatusResponse(
        header=_answer(request.header, "StatusResponse", message_id, timestamp),
        status=status,
        ref_to_message_id=request.ref_to_message_id,
        timestamp=received,
    )


def ping(route: SignalRoute, *, message_id: str, conversation_id: str, timestamp: datetime) -> Ping:
    """Return the cheapest check of URL, TLS, CPAId and party ids; a Pong proves no more than that (h-58)."""
    header = _signal(route, "Ping", message_id, conversation_id, timestamp)
    return Ping(header=header, sync_reply=SyncReply() if route.sync else None)


def status_request(
    route: SignalRoute, ref_to_message_id: str, *, message_id: str, conversation_id: str, timestamp: datetime
) -> StatusRequest:
    """Return the question what became of a message. Source: `digikoppeling-ebms2` f.8."""
    header = _signal(route, "StatusRequest", message_id, conversation_id, timestamp)
    return StatusRequest(
        header=header, ref_to_message_id=ref_to_message_id, sync_reply=SyncReply() if route.sync else None
    )


def _signal(
    route: SignalRoute, action: str, message_id: str, conversation_id: str, timestamp: datetime
) -> MessageHeader:
    return MessageHeader(
        sender=Party(route.sender.party_ids),
        receiver=Party(route.receiver.party_ids),
        cpa_id=route.cpa_id,
        conversation_id=conversation_id,
        service=Service(MSH_SERVICE),
        action=action,
        message_id=message_id,
        timestamp=timestamp,
    )


def _answer(header: MessageHeader, action: str, message_id: str, timestamp: datetime) -> MessageHeader:
    """Return the header of a signal: parties swapped and without roles (B15), no DuplicateElimination (B16)."""
    return MessageHeader(
        sender=Party(header.receiver.party_ids),
        receiver=Party(header.sender.party_ids),
        cpa_id=header.cpa_id,
        conversation_id=header.conversation_id,
        service=Service(MSH_SERVICE),
        action=action,
        message_id=message_id,
        timestamp=timestamp,
        ref_to_message_id=header.message_id,
    )


# Judging


def judge(message: UserMessage, cpa: CPA, *, now: datetime) -> Route:
    """Hold a received user message against the CPA, in the order that partners know.

    Args:
        message: the message as it was read.
        cpa: the CPA that its CPAId names.
        now: an aware datetime, for the TimeToLive.

    Returns:
        the route as the message's sender has it.

    Raises:
        FormatError: with the ebMS errorCode and location to answer with.

    Source: `digikoppeling-ebms2` c.4.
    """
    header = message.header
    _check_cpa(header, cpa)
    _check_versions(message)
    _check_roles(header)
    route = cpa.incoming(header.sender, header.receiver, header.service, header.action)
    if route is None:
        raise _error(
            "action", "ValueNotRecognized", "MessageHeader/Action", "the CPA knows no such role, service or action"
        )
    for rule in _RULES:
        rule(message, route)
    if header.time_to_live is not None and now >= header.time_to_live:
        raise _error(
            "expired", "TimeToLiveExpired", "MessageHeader/MessageData/TimeToLive", "arrived after its TimeToLive"
        )
    return route


def check_parts(message: UserMessage, content_ids: Sequence[str | None]) -> None:
    """Check that Manifest and MIME parts name each other: what is not listed would be lost without a word (h-39).

    Raises:
        FormatError: MimeProblem, with the reference that has no part.

    Source: `digikoppeling-ebms2` a.2 (Manifest), c.2.
    """
    hrefs = message.manifest.hrefs if message.manifest else ()
    for href in hrefs:
        if not href.startswith("cid:"):
            raise FormatError(
                "manifest.elsewhere",
                "eb:Manifest points outside the message",
                ebms_code="MimeProblem",
                location=_MANIFEST,
            )
        if href.removeprefix("cid:") not in content_ids:
            raise FormatError(
                "manifest.part-missing",
                "eb:Manifest lists a part that is not there",
                ebms_code="MimeProblem",
                location=href,
            )
    if len(set(hrefs)) != len(hrefs):
        raise FormatError(
            "manifest.twice", "eb:Manifest lists a part twice", ebms_code="MimeProblem", location=_MANIFEST
        )
    if len(content_ids) > len(hrefs):
        raise FormatError(
            "manifest.part-unlisted",
            "a MIME part is not listed in eb:Manifest",
            ebms_code="MimeProblem",
            location=_MANIFEST,
        )


_MANIFEST: Final = "//Body/Manifest"


def _error(code: str, ebms_code: str, location: str, sentence: str) -> FormatError:
    return FormatError(f"agreement.{code}", sentence, ebms_code=ebms_code, location=f"//Header/{location}")


def _inconsistent(code: str, location: str, sentence: str) -> FormatError:
    return _error(code, "Inconsistent", location, sentence)


def _check_cpa(header: MessageHeader, cpa: CPA) -> None:
    if header.cpa_id != cpa.cpa_id:
        raise _error("cpa", "ValueNotRecognized", "MessageHeader/CPAId", "the CPAId is not that of the CPA")
    if not cpa.valid_at(header.timestamp):
        raise _inconsistent(
            "cpa-invalid", "MessageHeader/@cpaid", "the CPA is not agreed, or not valid at the message's time"
        )


def _check_versions(message: UserMessage) -> None:
    versions = {
        "MessageHeader": message.header.version,
        "SyncReply": message.sync_reply.version if message.sync_reply else "2.0",
        "AckRequested": message.ack_requested.version if message.ack_requested else "2.0",
    }
    for block, version in versions.items():
        if version != "2.0":
            raise _inconsistent("version", f"{block}/@version", f"eb:{block} is not of version 2.0")
    if message.manifest and message.manifest.version != "2.0":
        raise FormatError(
            "agreement.version",
            "eb:Manifest is not of version 2.0",
            ebms_code="Inconsistent",
            location=f"{_MANIFEST}/@version",
        )


def _check_roles(header: MessageHeader) -> None:
    for side, party in (("From", header.sender), ("To", header.receiver)):
        if party.role is None:
            raise _inconsistent("role", f"MessageHeader/{side}/Role", f"eb:{side} has no Role")


def _duplicate_elimination(message: UserMessage, route: Route) -> None:
    if message.header.duplicate_elimination != route.duplicate_elimination:
        raise _inconsistent(
            "duplicate-elimination", "MessageHeader/DuplicateElimination", "DuplicateElimination is not as the CPA says"
        )


def _message_order(message: UserMessage, route: Route) -> None:  # noqa: ARG001 - one shape for all rules
    if message.message_order:
        raise _error("message-order", "NotSupported", "MessageOrder", "MessageOrder is not supported")


def _ack_requested(message: UserMessage, route: Route) -> None:
    wanted = message.ack_requested
    if wanted is not None and wanted.actor == NEXT_MSH:
        raise _error(
            "next-msh", "NotSupported", "AckRequested/@actor", "an acknowledgment for nextMSH is not supported"
        )
    if wanted is not None and wanted.actor != TO_PARTY_MSH:
        raise _inconsistent("ack-actor", "AckRequested/@actor", "AckRequested has another actor than toPartyMSH")
    if (wanted is not None) != route.ack_requested:
        raise _inconsistent("ack-requested", "AckRequested", "AckRequested is not as the CPA says")
    if wanted is not None and wanted.signed != route.ack_signed:
        raise _inconsistent(
            "ack-signed", "AckRequested/@signed", "the signed acknowledgment asked for is not as the CPA says"
        )


def _sync_reply(message: UserMessage, route: Route) -> None:
    if (message.sync_reply is not None) != route.sync_reply:
        raise _inconsistent("sync-reply", "SyncReply", "SyncReply is not as the CPA says")
    if message.sync_reply is not None and message.sync_reply.actor != NEXT:
        raise _inconsistent("sync-actor", "SyncReply/@actor", "SyncReply has another actor than next")


_RULES: Final[tuple[Callable[[UserMessage, Route], None], ...]] = (
    _duplicate_elimination,
    _message_order,
    _sync_reply,
    _ack_requested,
)
