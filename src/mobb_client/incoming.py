"""One message that came in, and what it means under the CPA: pure, nothing is stored and nothing answered here.

Nothing is trusted that was not signed when the CPA asks for signatures. Source: `digikoppeling-ebms2` d.6, d.7, f.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Final

from lxml import etree

from mobb_client.berichtenbox.aanvraag import leaves_of
from mobb_client.berichtenbox.abonnementen import Verzoek
from mobb_client.berichtenbox.globe import parse_result
from mobb_client.berichtenbox.resultaat import BatchResultaat
from mobb_client.ebms import agreement, exchange, packet, signature
from mobb_client.ebms.cpa import CPA, Route, Signing
from mobb_client.ebms.message import Acknowledgment, Message, MessageError, MessageHeader, PartyId, UserMessage
from mobb_client.errors import ConfigurationError, Finding, FormatError, ProtocolError, SignatureError
from mobb_client.outbox.contract import StoredMessage
from mobb_client.sender import Sender

_LONGEST_ID: Final = 1000
_MOST_LEAVES: Final = 100
_ERROR_CODES: Final = frozenset(
    {
        "ValueNotRecognized",
        "NotSupported",
        "Inconsistent",
        "OtherXml",
        "DeliveryFailure",
        "TimeToLiveExpired",
        "SecurityFailure",
        "MimeProblem",
        "Unknown",
    }
)


@dataclass(frozen=True, slots=True)
class Us:
    """Who we are under one CPA: a message to somebody else is not for us, whoever signed it."""

    sender: Sender
    party_ids: frozenset[PartyId]
    host: str

    @classmethod
    def of(cls, sender: Sender, now: datetime) -> Us | None:
        """Return who a sender is, also when its CPA forbids sending now; None when the CPA has no such party."""
        route = sender.cpa.resolve(sender.action, party=sender.party, now=now).route
        return cls(sender, frozenset(route.sender.party_ids), route.our_host) if route else None

    @property
    def cpa(self) -> CPA:
        """The CPA."""
        return self.sender.cpa

    def is_meant(self, header: MessageHeader) -> bool:
        """Tell whether a message is addressed to us."""
        return bool(self.party_ids & set(header.receiver.party_ids))


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that was read and is addressed to us; who sent it is not yet known."""

    received: packet.Received
    us: Us
    now: datetime

    @property
    def message(self) -> Message:
        """What its envelope says."""
        return self.received.message

    @property
    def header(self) -> MessageHeader:
        """Its header."""
        return self.received.message.header

    @property
    def message_id(self) -> str:
        """Its MessageId."""
        return self.header.message_id

    @property
    def digest(self) -> str:
        """SHA-256 over what it says: a partner that sends again may write other MIME boundaries around it."""
        digest = sha256(etree.tostring(self.received.root))
        for part in self.received.parts:
            digest.update(sha256(part.octets).digest())
        return digest.hexdigest()


def read(content_type: str, body: bytes) -> packet.Received:
    """Read the HTTP body of a message whose ids can be written down: they go into logs and events.

    Raises:
        ProtocolError: it cannot be read, or an id is longer than 1,000 characters or holds what cannot be printed.
    """
    received = packet.read(content_type, body)
    header = received.message.header
    for one in (header.message_id, header.ref_to_message_id or "", header.conversation_id):
        if len(one) > _LONGEST_ID or not one.isprintable():
            raise FormatError("message-id.form", "an id that is too long, or cannot be printed")
    return received


# Signals


def answered_id(signal: Acknowledgment | MessageError) -> str:
    """Return the MessageId that a signal answers, from wherever it stands (B17); empty when it does not say."""
    named = signal.ref_to_message_id if isinstance(signal, Acknowledgment) else signal.header.ref_to_message_id
    return named or ""


def event_of(incoming: Incoming, sent: StoredMessage, *, synchronous: bool) -> exchange.Event:
    """Return what a signal does to a message of ours.

    Args:
        incoming: the signal.
        sent: the message that it answers, or in whose HTTP response it came.
        synchronous: whether it came in an HTTP response.

    Raises:
        ProtocolError: it is no answer to that message; a SignatureError when only its signature fails.
        ConfigurationError: the CPA lacks a part of the other side's signal channel.

    Source: `digikoppeling-ebms2` f.4, d.6, h-23.
    """
    agreement.judge_signal(incoming.header, incoming.us.cpa)
    signal = incoming.message
    if sent.message is None or not isinstance(signal, Acknowledgment | MessageError):
        raise FormatError("answer.kind", "it is no answer to a message of ours")
    agreement.check_answer(signal, sent.message, synchronous=synchronous)
    if isinstance(signal, MessageError):
        if incoming.received.signature is not None:  # partners do not sign them, and only they know both ids
            _verify_signal(incoming, synchronous=synchronous)
        return event_of_error(signal)
    if sent.message.ack_requested is not None and sent.message.ack_requested.signed:
        _verify_signal(incoming, synchronous=synchronous)
        signature.check_receipt(sent.references, signal.references)
    return exchange.Acknowledged()


def _verify_signal(incoming: Incoming, *, synchronous: bool) -> None:
    route = incoming.us.cpa.signals(sender=incoming.header.sender, action=incoming.header.action)
    _verify(incoming, route.signing, synchronous=synchronous)


def _verify(incoming: Incoming, signing: Signing | None, *, synchronous: bool) -> None:
    """Trust a signature, or say why not.

    Raises:
        SignatureError: there is none, it does not hold, or the CPA does not say with which certificate it should.
    """
    if signing is None or signing.certificate is None:
        raise SignatureError("signature.certificate", "the CPA names no certificate for this signature")
    packet.verify(incoming.received, signing, signing.certificate, synchronous=synchronous)


def check_complaint(incoming: Incoming, sent: StoredMessage) -> None:
    """Check that a MessageError is about a signal of ours.

    Raises:
        ProtocolError: it is no answer to that signal.
    """
    agreement.judge_signal(incoming.header, incoming.us.cpa)
    if incoming.header.cpa_id != sent.cpa_id:
        raise FormatError("answer.conversation", "it is of another CPA or conversation than the message")


def event_of_error(error: MessageError) -> exchange.Warned | exchange.Refused:
    """Return what a MessageError does. An errorCode that the standard does not have is text from outside: not shown."""
    codes = (one.code if one.code in _ERROR_CODES else "another errorCode" for one in error.errors)
    reason = ", ".join(dict.fromkeys(codes))
    return exchange.Warned(reason) if error.highest_severity == "Warning" else exchange.Refused(reason)


# Business messages


def judge(incoming: Incoming, message: UserMessage) -> Route:
    """Return the route that a business message came by: it is as the CPA says, signed when the CPA asks for that.

    Raises:
        ProtocolError: to be answered with a MessageError.
        ConfigurationError: the CPA knows the message and lacks a part of its route.
    """
    route = agreement.judge(message, incoming.us.cpa, now=incoming.now)
    if route.encrypted:
        sentence = "the CPA asks for encryption, which is not supported"
        raise FormatError("agreement.encrypted", sentence, ebms_code="NotSupported")
    agreement.check_parts(message, [part.content_id for part in incoming.received.parts])
    if route.signing is not None:
        _verify(incoming, route.signing, synchronous=route.sync_reply)
    taken = {incoming.us.sender.result_action, incoming.us.sender.abonnementen.result_action}
    if message.header.action not in taken:
        raise FormatError("agreement.action", "nothing here takes this action", ebms_code="NotSupported")
    return route


def results_in(incoming: Incoming) -> list[BatchResultaat]:
    """Return the results in a message. What cannot be read is not stored, and so it is not acknowledged either.

    Raises:
        FormatError: one cannot be read, or there is none.
    """
    results = [parse_result(part.octets) for part in incoming.received.parts]
    if not results:
        raise FormatError("result.none", "the message holds no result", ebms_code="MimeProblem")
    return results


def is_genuine(incoming: Incoming, route: Route | None) -> bool:
    """Tell whether a business message is signed as the CPA asks; where it asks for no signature, TLS has to do."""
    if route is None or route.signing is None:
        return route is not None
    try:
        _verify(incoming, route.signing, synchronous=route.sync_reply)
    except ProtocolError:
        return False
    return True


def is_antwoord(incoming: Incoming) -> bool:
    """Tell whether a business message brings an answer of the AbonnementService."""
    rules = incoming.us.sender
    return incoming.header.action == rules.abonnementen.result_action != rules.result_action


def antwoord_in(incoming: Incoming, verzoeken: Iterable[Verzoek]) -> tuple[Verzoek, bytes]:
    """Return the request that an answer of the AbonnementService is about, and the answer as it came.

    What it refers to decides, or else the VerzoekId at its beginning; where both are there they must agree.

    Raises:
        FormatError: it is no such answer, or one to nothing that was asked from here under this CPA.

    Source: `berichtenbox` d.2, d.3.
    """
    octets = next((part.octets for part in incoming.received.parts), b"")
    head = islice(leaves_of(octets), _MOST_LEAVES)
    named = next((leaf.text for leaf in head if leaf.path.rpartition("/")[2] == "VerzoekId"), None)
    own = [one for one in verzoeken if one.cpa_id == incoming.header.cpa_id]
    by_ref = [one for one in own if one.message_id == incoming.header.ref_to_message_id]
    by_name = [one for one in own if str(one.aanvraag.verzoek_id) == (named or "").lower()]
    found = by_ref or by_name
    if not found or (by_name and by_name[0] != found[0]):
        raise FormatError("abonnement.unknown", "an answer to nothing that was asked", ebms_code="ValueNotRecognized")
    return found[0], octets


def claimed_route(incoming: Incoming) -> Route | None:
    """Return the route that a business message says it came by; None when the CPA has no such route."""
    header = incoming.header
    try:
        return incoming.us.cpa.incoming(header.sender, header.receiver, header.service, header.action)
    except (FormatError, ConfigurationError):
        return None


# How to answer


def answers_in_response(incoming: Incoming, route: Route | None) -> bool:
    """Tell whether an error goes in the HTTP response: the CPA says so, and not the message (b.3).

    Raises:
        ConfigurationError: the CPA does not know who sent it.
    """
    if route is not None:
        return route.sync_reply
    return incoming.us.cpa.signals(sender=incoming.header.sender, action="Ping").sync


def signer_of(sender: Sender, ack: Acknowledgment) -> packet.Signer:
    """Return who signs an acknowledgment of ours: what should be signed is never written unsigned.

    Raises:
        ConfigurationError: there is no key, or the CPA does not say how.
    """
    signing = sender.cpa.signals(sender=ack.header.sender, action="Acknowledgment").signing
    if sender.identity is None:
        raise ConfigurationError(Finding("key.needed", field="key", measure="no key"))
    if signing is None:
        raise ConfigurationError(Finding("cpa.ack-signing", field="Acknowledgment", measure="no SenderNonRepudiation"))
    return packet.Signer(sender.identity, signing)


def code_of(error: ProtocolError | ConfigurationError) -> str:
    """Return the code of what is wrong with a message, or with what it should be answered by."""
    if isinstance(error, ProtocolError):
        return error.code
    return error.findings[0].code if error.findings else "configuration"
