"""What the CPA asks of a message: made so, and judged so. Nothing of it is a flag or a constant.

Source: `digikoppeling-ebms2` c.2, c.4 and g.5.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from datetime import UTC, datetime
from typing import Final

from mobb_client.ebms.cpa import CPA, Route, SignalRoute
from mobb_client.ebms.cpa.values import PartyInfo
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
from mobb_client.ebms.mime import match_content_id
from mobb_client.errors import ConfigurationError, Finding, FormatError, ProtocolError

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

    Raises:
        ConfigurationError: the CPA asks for encryption, so that no message by it may be made in clear.

    Source: `digikoppeling-ebms2` a.1, c.2 and f.1 (TTL = Timestamp + (Retries + 1) x RetryInterval).
    """
    if route.encrypted:
        raise ConfigurationError(
            Finding("cpa.encrypted", field=f"{route.action}/@isConfidential", measure=route.profile)
        )
    timestamp = timestamp.astimezone(UTC)  # a night on which the clock is put back is an hour longer (B23)
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
    """Return the answer to a StatusRequest.

    Args:
        request: the question.
        status: what became of the message that it asks about.
        received: when that message came in; told only with ``Received`` and ``Processed``.
        message_id: of the answer itself.
        timestamp: of the answer itself.

    Source: `digikoppeling-ebms2` c.2 and f.8.
    """
    return StatusResponse(
        header=_answer(request.header, "StatusResponse", message_id, timestamp),
        status=status,
        ref_to_message_id=request.ref_to_message_id,
        timestamp=received if status in {"Received", "Processed"} else None,
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


def judge(message: UserMessage, cpa: CPA, *, now: datetime, known_ids: Container[str] | None = None) -> Route:
    """Hold a received user message against the CPA, in the order that partners know.

    Args:
        message: the message as it was read.
        cpa: the CPA that its CPAId names.
        now: an aware datetime, for the TimeToLive.
        known_ids: MessageIds exchanged with this partner, to which a RefToMessageId must belong; None leaves it be.

    Returns:
        the route as the message's sender has it.

    Raises:
        FormatError: with the ebMS errorCode and location to answer with.
        ConfigurationError: the CPA knows the message and lacks a part of its route.

    Source: `digikoppeling-ebms2` c.2 (Notes) and c.4.
    """
    header = message.header
    _check_cpa_id(header, cpa)
    _check_in_force(header, cpa)
    _check_header(header)
    _check_roles(header)
    route = cpa.incoming(header.sender, header.receiver, header.service, header.action)
    _check_message_data(header, now, known_ids)
    for rule in _RULES:
        rule(message, route)
    return route


def judge_signal(header: MessageHeader, cpa: CPA) -> None:
    """Hold the header of a received signal against the CPA; roles and DuplicateElimination are passed over (B15, B16).

    The dates of the CPA do not count: the answer to a message of its last day is still an answer (`h-58`).

    Raises:
        FormatError: with the ebMS errorCode and location, although a wrong signal is never answered with an error.

    Source: `digikoppeling-ebms2` f.4 and f.7.
    """
    _check_cpa_id(header, cpa)
    _check_header(header)
    _check_parties(header, cpa)


def check_parts(message: UserMessage, content_ids: Sequence[str | None]) -> None:
    """Check that Manifest and MIME parts name each other: what is not listed would be lost without a word (h-39).

    Args:
        message: the message as it was read.
        content_ids: Content-ID of every part after the envelope, None for a part without.

    Raises:
        FormatError: MimeProblem, with the reference that has no part.

    Source: `digikoppeling-ebms2` a.2 (Manifest), c.2.
    """
    hrefs = message.manifest.hrefs if message.manifest else ()
    named = {content_id for content_id in content_ids if content_id is not None}
    found = [_listed(href, named) for href in hrefs]
    if None in content_ids:
        raise _mime_problem("part-unnamed", _MANIFEST, "a MIME part has no Content-ID, so nothing can refer to it")
    if len(named) != len(content_ids):
        raise _mime_problem("part-twice", _MANIFEST, "two MIME parts have the same Content-ID")
    if len(set(found)) != len(found):
        raise _mime_problem("twice", _MANIFEST, "eb:Manifest lists a part twice")
    if len(named) > len(found):
        raise _mime_problem("part-unlisted", _MANIFEST, "a MIME part is not listed in eb:Manifest")


def _listed(href: str, content_ids: Container[str | None]) -> str:
    """Return the Content-ID of the part that a reference means."""
    if not href.startswith("cid:"):
        where = f"{_MANIFEST}/Reference[@href='{href}']"
        raise _mime_problem("elsewhere", where, "eb:Manifest points outside the message")
    found = match_content_id(href, content_ids)
    if found is None:
        raise _mime_problem("part-missing", href, "eb:Manifest lists a part that is not there")
    return found


_MANIFEST: Final = "//Body/Manifest"
_VERSION: Final = "2.0"


def _mime_problem(code: str, location: str, sentence: str) -> FormatError:
    return FormatError(f"manifest.{code}", sentence, ebms_code="MimeProblem", location=location)


def _error(code: str, ebms_code: str, location: str, sentence: str) -> FormatError:
    return FormatError(f"agreement.{code}", sentence, ebms_code=ebms_code, location=f"//Header/{location}")


def _inconsistent(code: str, location: str, sentence: str) -> FormatError:
    return _error(code, "Inconsistent", location, sentence)


def _check_cpa_id(header: MessageHeader, cpa: CPA) -> None:
    if header.cpa_id != cpa.cpa_id:
        raise _error("cpa", "ValueNotRecognized", "MessageHeader/CPAId", "the CPAId is not that of the CPA")


def _check_in_force(header: MessageHeader, cpa: CPA) -> None:
    """Check status and dates against the message's own time; `signed` is as good as `agreed` (`h-19`)."""
    if cpa.status == "proposed" or not cpa.valid_at(header.timestamp):
        raise _inconsistent(
            "cpa-invalid", "MessageHeader/@cpaid", "the CPA is not agreed, or not valid at the message's time"
        )


def _check_header(header: MessageHeader) -> None:
    if header.version != _VERSION:
        raise _inconsistent("version", "MessageHeader/@version", "eb:MessageHeader is not of version 2.0")


def _check_roles(header: MessageHeader) -> None:
    for side, party in (("From", header.sender), ("To", header.receiver)):
        if party.role is None:
            raise _inconsistent("role", f"MessageHeader/{side}/Role", f"eb:{side} has no Role")


def _check_parties(header: MessageHeader, cpa: CPA) -> None:
    """Check that sender and receiver are the two parties of the CPA, by any of their PartyIds (B19)."""
    senders = [party for party in cpa.parties if _is_named(party, header.sender)]
    if not senders:
        raise _error("sender", "ValueNotRecognized", "MessageHeader/From", "the CPA does not know the sender")
    if not any(_is_named(cpa.other(party), header.receiver) for party in senders):
        raise _error("receiver", "ValueNotRecognized", "MessageHeader/To", "the CPA has another receiver")


def _is_named(party: PartyInfo, given: Party) -> bool:
    return bool(given.party_ids) and set(given.party_ids) <= set(party.party_ids)


def _check_message_data(header: MessageHeader, now: datetime, known_ids: Container[str] | None) -> None:
    where = "MessageHeader/MessageData"
    if header.ref_to_message_id is not None and known_ids is not None and header.ref_to_message_id not in known_ids:
        raise _error("reference", "ValueNotRecognized", f"{where}/RefToMessageId", "it refers to an unknown message")
    if header.time_to_live is not None and now >= header.time_to_live:
        raise _error("expired", "TimeToLiveExpired", f"{where}/TimeToLive", "it arrived after its TimeToLive")


def _duplicate_elimination(message: UserMessage, route: Route) -> None:
    if "duplicate_elimination" in route.per_message:
        return
    if message.header.duplicate_elimination != route.duplicate_elimination:
        raise _inconsistent(
            "duplicate-elimination", "MessageHeader/DuplicateElimination", "DuplicateElimination is not as the CPA says"
        )


def _ack_requested(message: UserMessage, route: Route) -> None:
    wanted = message.ack_requested
    if "ack" not in route.per_message and (wanted is not None) != route.ack_requested:
        raise _inconsistent("ack-requested", "AckRequested", "AckRequested is not as the CPA says")
    if wanted is not None:
        _check_version("AckRequested", wanted.version)
        _check_ack_actor(wanted)
        _check_ack_signed(wanted, route)


def _check_ack_actor(wanted: AckRequested) -> None:
    if wanted.actor == NEXT_MSH:
        sentence = "an acknowledgment for nextMSH is not supported"
        raise _error("next-msh", "NotSupported", "AckRequested/@actor", sentence)
    if wanted.actor != TO_PARTY_MSH:
        raise _inconsistent("ack-actor", "AckRequested/@actor", "AckRequested has another actor than toPartyMSH")


def _check_ack_signed(wanted: AckRequested, route: Route) -> None:
    """Check the signature that is asked for; a CPA that leaves the acknowledgment open says nothing of it either."""
    if not route.per_message & {"ack", "ack_signature"} and wanted.signed != route.ack_signed:
        sentence = "the signed acknowledgment asked for is not as the CPA says"
        raise _inconsistent("ack-signed", "AckRequested/@signed", sentence)


def _sync_reply(message: UserMessage, route: Route) -> None:
    given = message.sync_reply
    if (given is not None) != route.sync_reply:
        raise _inconsistent("sync-reply", "SyncReply", "SyncReply is not as the CPA says")
    if given is not None:
        _check_version("SyncReply", given.version)
        if given.actor != NEXT:
            raise _inconsistent("sync-actor", "SyncReply/@actor", "SyncReply has another actor than next")


def _message_order(message: UserMessage, route: Route) -> None:  # noqa: ARG001 - one shape for all rules
    if message.message_order:
        raise _error("message-order", "NotSupported", "MessageOrder", "MessageOrder is not supported")


def _manifest(message: UserMessage, route: Route) -> None:  # noqa: ARG001 - one shape for all rules
    if message.manifest is not None and message.manifest.version != _VERSION:
        sentence, where = "eb:Manifest is not of version 2.0", f"{_MANIFEST}/@version"
        raise FormatError("agreement.version", sentence, ebms_code="Inconsistent", location=where)


def _check_version(block: str, version: str) -> None:
    if version != _VERSION:
        raise _inconsistent("version", f"{block}/@version", f"eb:{block} is not of version 2.0")


_RULES: Final[tuple[Callable[[UserMessage, Route], None], ...]] = (
    _duplicate_elimination,
    _ack_requested,
    _sync_reply,
    _message_order,
    _manifest,
)


# Matching


def check_answer(answer: Acknowledgment | MessageError, sent: UserMessage, *, synchronous: bool) -> None:
    """Check that an acknowledgment or error answers a message that was sent; its signature is looked at elsewhere.

    Args:
        answer: what came in, its RefToMessageId already looked up.
        sent: the message.
        synchronous: whether it came in the HTTP response.

    Raises:
        FormatError: it is no answer to this message.

    Source: `digikoppeling-ebms2` f.4 rules 3 to 6.
    """
    header, own = answer.header, sent.header
    refs = {header.ref_to_message_id or own.message_id, own.message_id}
    if isinstance(answer, Acknowledgment):
        refs.add(answer.ref_to_message_id)
    if refs != {own.message_id}:
        raise FormatError("answer.reference", "it names two messages as the one that it answers")
    if (header.cpa_id, header.conversation_id) != (own.cpa_id, own.conversation_id):
        raise FormatError("answer.conversation", "it is of another CPA or conversation than the message")
    if not (_share(header.sender, own.receiver) and _share(header.receiver, own.sender)):
        raise FormatError("answer.parties", "its parties are not those of the message, swapped")
    if isinstance(answer, Acknowledgment):
        _check_asked(answer, sent, synchronous=synchronous)


def _share(one: Party, other: Party) -> bool:
    return bool(set(one.party_ids) & set(other.party_ids))


def _check_asked(answer: Acknowledgment, sent: UserMessage, *, synchronous: bool) -> None:
    if sent.ack_requested is None:
        raise FormatError("answer.not-asked", "the message asked for no acknowledgment")
    if answer.actor not in {None, TO_PARTY_MSH}:
        raise FormatError("answer.actor", "the acknowledgment has another actor than toPartyMSH")
    if synchronous != (sent.sync_reply is not None):
        raise FormatError("answer.way", "the acknowledgment came another way than the CPA says")
