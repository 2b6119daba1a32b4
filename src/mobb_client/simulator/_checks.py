"""What the CPA asks of a message, held against what came in: each rule by itself, in the order in which partners look.

Source: `digikoppeling-ebms2` c.2, c.4, d.6, f.1 and f.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from mobb_client.simulator._body import Part
from mobb_client.simulator._complaints import EMPTY, SOAP_FAULT, Fault
from mobb_client.simulator._cpa import Agreement
from mobb_client.simulator._envelope import Acknowledged, Envelope, Reference
from mobb_client.simulator._names import MSH_SERVICE, NEXT, TO_PARTY_MSH

_HEADER: Final = "//Header/MessageHeader"
_DATA: Final = f"{_HEADER}/MessageData"
_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SKEW: Final = timedelta(minutes=5)
_SECOND: Final = timedelta(seconds=1)


def check_message(
    envelope: Envelope, agreement: Agreement, *, now: datetime, knows: Callable[[str], bool]
) -> Iterator[Fault]:
    """Find what is wrong with the header of a message of letters.

    Args:
        envelope: the message.
        agreement: the CPA that its CPAId names.
        now: for the TimeToLive.
        knows: whether a RefToMessageId may name this MessageId.
    """
    for rule in _MESSAGE_RULES:
        yield from rule(envelope, agreement)
    if envelope.ref_to_message_id is not None and not knows(envelope.ref_to_message_id):
        yield Fault("header.reference", "an unknown RefToMessageId", "ValueNotRecognized", f"{_DATA}/RefToMessageId")
    if envelope.time_to_live is not None and now >= envelope.time_to_live:
        yield Fault("header.expired", "it came after its TimeToLive", "TimeToLiveExpired", f"{_DATA}/TimeToLive")
    yield from _check_moment(envelope, now)


def check_signal(envelope: Envelope, agreement: Agreement, *, now: datetime) -> Iterator[Fault]:
    """Find what is wrong with the header of a signal."""
    yield from _parties(envelope, agreement)
    yield from _message_id(envelope, agreement)
    yield from _check_moment(envelope, now)
    if envelope.cpa_id != agreement.cpa_id:
        yield Fault("signal.cpa-id", "another CPAId than that of the message", EMPTY)
    if envelope.service != (None, MSH_SERVICE):
        yield Fault("signal.service", "a signal has the service of message handlers, without a type", EMPTY)
    if envelope.duplicates or envelope.time_to_live or envelope.ack_signed is not None or envelope.hrefs:
        yield Fault("signal.more", "a signal with DuplicateElimination, TimeToLive, AckRequested or a Manifest")
    if envelope.sender_role or envelope.receiver_role:
        yield Fault("signal.role", "a signal with a Role")
    if (envelope.ref_to_message_id is None) != (envelope.action in {"Ping", "StatusRequest"}):
        yield Fault("signal.reference", "a question with RefToMessageId, or an answer without")


def check_acknowledgment(
    envelope: Envelope, acknowledged: Acknowledged, sent: Sequence[Reference], *, conversation_id: str, signed: bool
) -> Iterator[Fault]:
    """Find what is wrong with an acknowledgment of a message that was sent from here.

    Args:
        envelope: the acknowledgment.
        acknowledged: what its eb:Acknowledgment says.
        sent: the references of the message's signature.
        conversation_id: of the message.
        signed: whether a signed acknowledgment was asked for.
    """
    if acknowledged.message_id != envelope.ref_to_message_id:
        yield Fault("ack.reference", "header and Acknowledgment refer to different messages")
    if acknowledged.actor != TO_PARTY_MSH:
        yield Fault("ack.actor", "an Acknowledgment has the actor toPartyMSH", EMPTY)
    if acknowledged.sender_ids not in {frozenset(), envelope.sender_ids}:
        yield Fault("ack.from", "Acknowledgment and header are from different parties")
    if envelope.conversation_id != conversation_id:
        yield Fault("ack.conversation", "another ConversationId than that of the message")
    if sorted(acknowledged.references) != sorted(sent if signed else ()):
        yield Fault("ack.references", "the references are not those of the message", "SecurityFailure")


def check_manifest(envelope: Envelope, payloads: Mapping[str, Part]) -> Iterator[Fault]:
    """Find parts and references of the Manifest that do not answer each other."""
    for href in envelope.hrefs:
        if href.removeprefix("cid:") not in payloads:
            yield Fault("manifest.part-missing", "the Manifest names a part that is not there", "MimeProblem", href)
    if len(set(envelope.hrefs)) < len(envelope.hrefs) or len(envelope.hrefs) < len(payloads):
        yield Fault(
            "manifest.part-unlisted", "a part that the Manifest does not list once", "MimeProblem", "//Manifest"
        )
    if [f"cid:{name}" for name in payloads] != list(envelope.hrefs):
        yield Fault("manifest.order", "parts and Manifest are not in the same order")


def _parties(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    if envelope.sender_ids != agreement.sender.ids:
        yield Fault("header.from", "From is not the party of the CPA, with all its ids", SOAP_FAULT)
    if envelope.receiver_ids != agreement.box.ids:
        yield Fault("header.to", "To is not the party of the CPA, with all its ids", EMPTY)


def _message_id(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    host = urlsplit(agreement.sender.endpoint).hostname or ""
    if not re.fullmatch(f"{_UUID}@{re.escape(host)}", envelope.message_id):
        yield Fault("header.message-id", "a MessageId is a UUID at the host of the sender's endpoint")


def _check_moment(envelope: Envelope, now: datetime) -> Iterator[Fault]:
    if envelope.timestamp > now + _SKEW:
        yield Fault("header.future", "a Timestamp in the future")


def _in_force(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    if not (agreement.in_force and agreement.start <= envelope.timestamp <= agreement.end):
        yield _inconsistent("header.cpa", "the CPA is not in force at the message's time", f"{_HEADER}/@cpaid")


def _inconsistent(code: str, sentence: str, location: str) -> Fault:
    return Fault(code, sentence, "Inconsistent", location)


def _action(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    leg, where = agreement.request, f"{_HEADER}/Action"
    if (envelope.sender_role, envelope.receiver_role) != (leg.from_role, leg.to_role):
        yield Fault("header.role", "other roles than the CPA's", "ValueNotRecognized", where)
    if envelope.service != leg.service:
        yield Fault("header.service", "another service, or type of it, than the CPA's", "ValueNotRecognized", where)
    if envelope.action != leg.action:
        yield Fault("header.action", "another action than the sender may send", "ValueNotRecognized", where)


def _time_to_live(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    leg, given = agreement.request, envelope.time_to_live
    if envelope.ack_signed is None:
        if given is not None:
            yield Fault("header.time-to-live", "a TimeToLive in a message that is not reliable")
    elif given is None or abs(given - envelope.timestamp - leg.time_to_live) >= _SECOND:
        yield Fault("header.time-to-live", "TimeToLive is not Timestamp + (Retries + 1) x RetryInterval")


def _reliable(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    leg = agreement.request
    if leg.duplicates not in {None, envelope.duplicates}:
        yield _inconsistent("header.duplicates", "DuplicateElimination is not as in the CPA", f"{_HEADER}/Duplicate")
    if leg.ack not in {None, envelope.ack_signed is not None}:
        yield _inconsistent("header.ack", "AckRequested is not as in the CPA", "//Header/AckRequested")
    elif envelope.ack_signed is not None and leg.ack_signed not in {None, envelope.ack_signed}:
        yield _inconsistent("header.ack-signed", "its signature is not as in the CPA", "//Header/AckRequested/@signed")
    if envelope.ack_actor not in {None, TO_PARTY_MSH}:
        yield Fault("header.ack-actor", "AckRequested is for another actor", "NotSupported", "//AckRequested/@actor")


def _sync_reply(envelope: Envelope, agreement: Agreement) -> Iterator[Fault]:
    if envelope.sync_actor != (NEXT if agreement.request.sync else None):
        yield _inconsistent("header.sync-reply", "SyncReply is not as in the CPA", "//Header/SyncReply")


_MESSAGE_RULES: Final[tuple[Callable[[Envelope, Agreement], Iterator[Fault]], ...]] = (
    _in_force,
    _parties,
    _action,
    _time_to_live,
    _reliable,
    _sync_reply,
    _message_id,
)
