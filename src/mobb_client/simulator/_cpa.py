"""A CPA as the Berichtenbox reads it: who it is, who the sender is, and what each asks of the other's messages.

Source: `digikoppeling-ebms2` g.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from mobb_client.simulator._names import NS, tag

Id = tuple[str | None, str]
"""A PartyId or a Service: its type and its value."""

_DURATION: Final = re.compile(
    r"P(?:0Y)?(?:0M)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How a party signs on a channel: both algorithms as URIs, and the certificate, which alone is trusted."""

    digest: str
    method: str
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One side: its ids, and where and how its signals come and go."""

    ids: frozenset[Id]
    endpoint: str
    sync: bool
    signing: Signing | None
    certificates: frozenset[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One action, as the party that sends it has it.

    `ack`, `ack_signed` and `duplicates` are None where the CPA leaves it to the message. `retries` and `interval` are
    nothing for messages that are not reliable.
    """

    action: str
    service: Id
    from_role: str
    to_role: str
    sync: bool
    ack: bool | None
    ack_signed: bool | None
    duplicates: bool | None
    retries: int
    interval: timedelta
    signing: Signing | None

    @property
    def time_to_live(self) -> timedelta:
        """From Timestamp to TimeToLive: (retries + 1) x interval."""
        return (self.retries + 1) * self.interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One CPA: `box` is the Berichtenbox, `sender` the other party; `request` goes to the box, `result` comes back."""

    cpa_id: str
    in_force: bool
    start: datetime
    end: datetime
    box: Party
    sender: Party
    request: Leg
    result: Leg
    other: Agreement | None = None
    """The same CPA for the AbonnementService, when it has that."""

    def by(self, action: str) -> Agreement:
        """Return the agreement as it holds for an action."""
        return self.other if self.other is not None and self.other.request.action == action else self

    @classmethod
    def both(cls, data: bytes, *, request: str, result: str, other: tuple[str, str] | None) -> Agreement:
        """Read a CPA document that may hold two services, the second by its request and its result."""
        first = cls.read(data, request=request, result=result)
        return replace(first, other=cls.read(data, request=other[0], result=other[1])) if other else first

    @classmethod
    def read(cls, data: bytes, *, request: str = "GLOBE-R-BV-Request", result: str = "GLOBE-R-BV-Result") -> Agreement:
        """Read a CPA document.

        Args:
            data: the document.
            request: the action with which letters come; the party that receives it is the Berichtenbox.
            result: the action with which verdicts go.

        Raises:
            ValueError: it is no CPA, or no party of it can receive the one and send the other.
        """
        root = _parse(data)
        sending = _binding(root, "c:CanSend", request)
        receiving = _binding(root, "c:CanReceive", request)
        sender, box = (_above(binding, "c:PartyInfo") for binding in (sending, receiving))
        back = _binding(box, "c:CanSend", result)
        return cls(
            cpa_id=_get(root, "c:cpaid"),
            in_force=_get(_one(root, "c:Status"), "c:value") in {"agreed", "signed"},
            start=_moment(_text(root, "c:Start")),
            end=_moment(_text(root, "c:End")),
            box=_party(box),
            sender=_party(sender),
            request=_leg(sending, receiving),
            result=_leg(back, _binding(sender, "c:CanReceive", result)),
        )


def duration(text: str) -> timedelta:
    """Return an xs:duration of days, hours, minutes and seconds.

    Raises:
        ValueError: it is none, or it has years or months, which have no length.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError("not a duration of days, hours, minutes and seconds")
    return timedelta(**{unit: float(number) for unit, number in match.groupdict(default="0").items()})


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate's octets."""
    return certificate.public_bytes(Encoding.DER)


def _parse(data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise ValueError("a CPA is well-formed XML") from None
    if root.tag != tag("c:CollaborationProtocolAgreement"):
        raise ValueError("not a CPA")
    return root


def _found(element: etree._Element, path: str) -> Iterator[etree._Element]:
    yield from element.iterfind(path, NS)


def _one(element: etree._Element, path: str) -> etree._Element:
    """Return the first element at a path: several channels or endpoints mean the first, as in the field."""
    found = next(_found(element, path), None)
    if found is None:
        raise ValueError(f"the CPA has no {path}")
    return found


def _text(element: etree._Element, path: str) -> str:
    return (_one(element, path).text or "").strip()


def _get(element: etree._Element, name: str) -> str:
    return (element.get(tag(name)) or element.get(name.partition(":")[2]) or "").strip()


def _above(element: etree._Element, name: str) -> etree._Element:
    return next(element.iterancestors(tag(name)))


def _binding(root: etree._Element, direction: str, action: str) -> etree._Element:
    """Return the ThisPartyActionBinding with which an action is sent or received."""
    for binding in _found(root, f".//{direction}/c:ThisPartyActionBinding"):
        if _get(binding, "c:action") == action:
            return binding
    raise ValueError(f"the CPA has no {direction} of {action}")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _id(element: etree._Element) -> Id:
    return _get(element, "c:type") or None, (element.text or "").strip()


def _by_id(party: etree._Element, name: str, key: str, wanted: str) -> etree._Element:
    for element in _found(party, name):
        if _get(element, key) == wanted:
            return element
    raise ValueError(f"the CPA points to a {name} that is not there")


def _channel(party: etree._Element, name: str) -> tuple[etree._Element, etree._Element]:
    """Return a channel's MessagingCharacteristics and its DocExchange."""
    channel = _by_id(party, "c:DeliveryChannel", "c:channelId", name)
    exchange = _by_id(party, "c:DocExchange", "c:docExchangeId", _get(channel, "c:docExchangeId"))
    return _one(channel, "c:MessagingCharacteristics"), exchange


def _endpoint(party: etree._Element, name: str) -> str:
    channel = _by_id(party, "c:DeliveryChannel", "c:channelId", name)
    transport = _by_id(party, "c:Transport", "c:transportId", _get(channel, "c:transportId"))
    return _get(_one(transport, "c:TransportReceiver/c:Endpoint"), "c:uri")


def _sync(characteristics: etree._Element) -> bool:
    return (_get(characteristics, "c:syncReplyMode") or "none") != "none"


def _party(info: etree._Element) -> Party:
    default = _get(info, "c:defaultMshChannelId")
    characteristics, exchange = _channel(info, default)
    return Party(
        ids=frozenset(_id(one) for one in _found(info, "c:PartyId")),
        endpoint=_endpoint(info, default),
        sync=_sync(characteristics),
        signing=_signing(info, exchange),
        certificates=frozenset(der(_certificate(one)) for one in _found(info, "c:Certificate")),
    )


def _leg(sends: etree._Element, receives: etree._Element) -> Leg:
    party, role = _above(sends, "c:PartyInfo"), _above(sends, "c:CollaborationRole")
    characteristics, exchange = _channel(party, _text(sends, "c:ChannelId"))
    wanted = {name: _requested(characteristics, name) for name in _REQUESTS}
    retries, interval = _retrying(exchange)
    signed = _get(_one(sends, "c:BusinessTransactionCharacteristics"), "c:isNonRepudiationRequired") in {"true", "1"}
    return Leg(
        action=_get(sends, "c:action"),
        service=_id(_one(role, "c:ServiceBinding/c:Service")),
        from_role=_get(_one(role, "c:Role"), "c:name"),
        to_role=_get(_one(_above(receives, "c:CollaborationRole"), "c:Role"), "c:name"),
        sync=_sync(characteristics),
        ack=wanted["ackRequested"],
        ack_signed=wanted["ackSignatureRequested"],
        duplicates=wanted["duplicateElimination"],
        retries=retries,
        interval=interval,
        signing=_signing(party, exchange) if signed else None,
    )


_REQUESTS: Final = ("ackRequested", "ackSignatureRequested", "duplicateElimination")


def _requested(characteristics: etree._Element, name: str) -> bool | None:
    return {"always": True, "never": False}.get(_get(characteristics, f"c:{name}"))


def _retrying(exchange: etree._Element) -> tuple[int, timedelta]:
    again = next(_found(exchange, "c:ebXMLSenderBinding/c:ReliableMessaging"), None)
    if again is None:
        return 0, timedelta()
    return int(_text(again, "c:Retries")), duration(_text(again, "c:RetryInterval"))


def _signing(party: etree._Element, exchange: etree._Element) -> Signing | None:
    given = next(_found(exchange, "c:ebXMLSenderBinding/c:SenderNonRepudiation"), None)
    if given is None:
        return None
    method = _one(given, "c:SignatureAlgorithm")
    shown = _get(_one(given, "c:SigningCertificateRef"), "c:certId")
    return Signing(
        digest=_text(given, "c:HashFunction"),
        method=_get(method, "c:w3c") or (method.text or "").strip(),
        certificate=_certificate(_by_id(party, "c:Certificate", "c:certId", shown)),
    )


def _certificate(element: etree._Element) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(_text(element, ".//ds:X509Certificate")))
