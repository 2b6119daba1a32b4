"""A CPA 2.0 document read into values by paths. Source: cpp-cpa-2_0.xsd; `digikoppeling-ebms2` g."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, TypeVar

from lxml import etree

from mobb_client import _xml
from mobb_client.ebms._names import DS
from mobb_client.ebms.cpa import values
from mobb_client.ebms.cpa.durations import read_duration
from mobb_client.ebms.message import PartyId, Service
from mobb_client.errors import FormatError, MobbError
from mobb_client.pki.certificate import Certificate

CPPA: Final = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd"
_NS: Final = {"c": CPPA, "ds": DS}
_ROOT: Final = f"{{{CPPA}}}CollaborationProtocolAgreement"
_PARTIES: Final = 2
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_YEAR: Final = re.compile(r"-?\d{4,18}(?=-\d\d-\d\dT)", re.ASCII)
_SAFE_YEARS: Final = range(2, 9999)
_COUNT: Final = re.compile(r"\+?\d{1,6}", re.ASCII)

_IDS: Final = {
    "DeliveryChannel": "channelId",
    "Transport": "transportId",
    "DocExchange": "docExchangeId",
    "Certificate": "certId",
    "SecurityDetails": "securityId",
    "ThisPartyActionBinding": "id",
    "SimplePart": "id",
    "Packaging": "id",
    "Composite": "id",
    "Encapsulation": "id",
}
_PACKAGED: Final = ("SimplePart", "Composite", "Encapsulation")
_CERTIFICATE_REFS: Final = ("Signing", "Encryption", "Client", "Server", "Anchor", "Application")
_SECURITY_REFS: Final = ("Server", "Client", "Signing", "Encryption", "Application")
_REFERENCES: Final[tuple[tuple[str, str | None, tuple[str, ...]], ...]] = (
    ("PartyInfo", "defaultMshChannelId", ("DeliveryChannel",)),
    ("PartyInfo", "defaultMshPackageId", ("Packaging",)),
    ("OverrideMshActionBinding", "channelId", ("DeliveryChannel",)),
    ("DeliveryChannel", "transportId", ("Transport",)),
    ("DeliveryChannel", "docExchangeId", ("DocExchange",)),
    ("ThisPartyActionBinding", "packageId", ("Packaging",)),
    ("ChannelId", None, ("DeliveryChannel",)),
    ("OtherPartyActionBinding", None, ("ThisPartyActionBinding",)),
    ("Constituent", "idref", _PACKAGED),
    *((f"{use}CertificateRef", "certId", ("Certificate",)) for use in _CERTIFICATE_REFS),
    *((f"{use}SecurityDetailsRef", "securityId", ("SecurityDetails",)) for use in _SECURITY_REFS),
)

Kind = TypeVar("Kind", bound=values.Agreement)
T = TypeVar("T")


def read(root: etree._Element, kind: type[Kind]) -> Kind:
    """Return the agreement that a document holds.

    Raises:
        FormatError: the document is no CPA, or a part that the schema requires is missing, doubled or unreadable.
    """
    if root.tag != _ROOT:
        raise FormatError("cpa.root", "the document is no CollaborationProtocolAgreement of version 2.0")
    return kind(
        cpa_id=_attribute(root, "cpaid"),
        version=_optional(root, "version") or "",
        status=_choice(_xml.one(root, "c:Status", _NS), "value", values.STATUSES),
        start=_moment(root, "c:Start"),
        end=_moment(root, "c:End"),
        parties=_parties(root),
        simple_parts=_each(root, "c:SimplePart", _simple_part),
        packagings=_each(root, "c:Packaging", _packaging),
        ids=tuple(_ids(root)),
        references=tuple(_references(root)),
        signed=bool(_xml.children(root, "c:Signature", _NS) or _xml.children(root, "ds:Signature", _NS)),
    )


# Small helpers: attributes are qualified in the schema, bare in some producers' files; every text is stripped.


def _optional(element: etree._Element, name: str) -> str | None:
    value = element.get(f"{{{CPPA}}}{name}", element.get(name))
    return None if value is None else value.strip()


def _attribute(element: etree._Element, name: str) -> str:
    value = _optional(element, name)
    if value is None:
        where = f"{_local(element)}/@{name}"
        raise FormatError("cpa.attribute", f"{where}: is missing", location=where)
    return value


def _choice(element: etree._Element, name: str, choices: tuple[T, ...], default: T | None = None) -> T:
    """Return an attribute that must be one of the choices; without default it is required."""
    written = _attribute(element, name) if default is None else _optional(element, name) or default
    for choice in choices:
        if choice == written:
            return choice
    where = f"{_local(element)}/@{name}"
    raise FormatError("cpa.value", f"{where}: not one of {', '.join(map(str, choices))}", location=where)


def _flag(element: etree._Element, name: str) -> bool:
    value = _optional(element, name) or "false"
    if value not in _BOOLEANS:
        where = f"{_local(element)}/@{name}"
        raise FormatError("cpa.value", f"{where}: not a boolean", location=where)
    return _BOOLEANS[value]


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _text(parent: etree._Element, path: str) -> str:
    return _xml.content(_xml.one(parent, path, _NS))


def _each(parent: etree._Element, path: str, read_one: Callable[[etree._Element], T]) -> tuple[T, ...]:
    return tuple(read_one(element) for element in _xml.children(parent, path, _NS))


def _maybe(parent: etree._Element, path: str, read_one: Callable[[etree._Element], T]) -> T | None:
    element = _xml.maybe(parent, path, _NS)
    return None if element is None else read_one(element)


def _moment(root: etree._Element, path: str) -> datetime:
    """Read an xs:dateTime; one in a year that Python has no datetime for becomes the nearest that it has."""
    written = _text(root, path)
    year = _YEAR.match(written)
    if year is None or int(year[0]) in _SAFE_YEARS:
        return _xml.moment(written, path)
    nearest = datetime.min if int(year[0]) < _SAFE_YEARS.start else datetime.max  # noqa: DTZ901 - aware in the next line
    return nearest.replace(tzinfo=UTC)


def _duration(written: str) -> values.Duration:
    try:
        return values.Duration(written, read_duration(written))
    except FormatError:
        return values.Duration(written, None)


# Ids and references, over the whole document: an id is unique in it, whatever its element.


def _ids(root: etree._Element) -> Iterator[tuple[str, str]]:
    for element in root.iter(f"{{{CPPA}}}*"):
        name = _IDS.get(_local(element))
        if name is not None:
            yield _attribute(element, name), _local(element)


def _references(root: etree._Element) -> Iterator[values.Reference]:
    for tag, name, kinds in _REFERENCES:
        for element in root.iter(f"{{{CPPA}}}{tag}"):
            where = f"{tag}/@{name}" if name else tag
            target = _attribute(element, name) if name else _xml.content(element)
            yield values.Reference(where, target, kinds)


# The parts, in the order of the schema.


def _parties(root: etree._Element) -> tuple[values.PartyInfo, values.PartyInfo]:
    found = _each(root, "c:PartyInfo", _party)
    if len(found) != _PARTIES:
        raise FormatError("xml.once", f"c:PartyInfo: expected twice, found {len(found)} times", location="c:PartyInfo")
    return found[0], found[1]


def _party(element: etree._Element) -> values.PartyInfo:
    return values.PartyInfo(
        name=_optional(element, "partyName") or "",
        party_ids=_each(element, "c:PartyId", _party_id),
        default_channel_id=_attribute(element, "defaultMshChannelId"),
        default_package_id=_attribute(element, "defaultMshPackageId"),
        roles=_each(element, "c:CollaborationRole", _role),
        certificates=_each(element, "c:Certificate", _certificate),
        security_details=_each(element, "c:SecurityDetails", _security_details),
        channels=_each(element, "c:DeliveryChannel", _channel),
        transports=_each(element, "c:Transport", _transport),
        doc_exchanges=_each(element, "c:DocExchange", _doc_exchange),
        overrides=_each(element, "c:OverrideMshActionBinding", _override),
    )


def _party_id(element: etree._Element) -> PartyId:
    return PartyId(_xml.content(element), _optional(element, "type") or None)


def _override(element: etree._Element) -> tuple[str, str]:
    return _attribute(element, "action"), _attribute(element, "channelId")


def _role(element: etree._Element) -> values.CollaborationRole:
    binding = _xml.one(element, "c:ServiceBinding", _NS)
    service = _xml.one(binding, "c:Service", _NS)
    return values.CollaborationRole(
        name=_attribute(_xml.one(element, "c:Role", _NS), "name"),
        service=Service(_xml.content(service), _optional(service, "type") or None),
        process=_maybe(element, "c:ProcessSpecification", lambda found: _optional(found, "name") or "") or "",
        can_send=_each(binding, "c:CanSend", _action),
        can_receive=_each(binding, "c:CanReceive", _action),
    )


def _action(element: etree._Element) -> values.ActionBinding:
    this = _xml.one(element, "c:ThisPartyActionBinding", _NS)
    nested = _xml.children(element, "c:CanSend", _NS) + _xml.children(element, "c:CanReceive", _NS)
    return values.ActionBinding(
        id=_attribute(this, "id"),
        action=_attribute(this, "action"),
        package_id=_attribute(this, "packageId"),
        characteristics=_characteristics(_xml.one(this, "c:BusinessTransactionCharacteristics", _NS)),
        channel_ids=_each(this, "c:ChannelId", _xml.content),
        other_id=_maybe(element, "c:OtherPartyActionBinding", _xml.content),
        nested=len(nested),
    )


def _characteristics(element: etree._Element) -> values.Characteristics:
    perform = _optional(element, "timeToPerform")
    return values.Characteristics(
        non_repudiation=_flag(element, "isNonRepudiationRequired"),
        non_repudiation_of_receipt=_flag(element, "isNonRepudiationReceiptRequired"),
        confidential=_persistence(element, "isConfidential"),
        authenticated=_persistence(element, "isAuthenticated"),
        tamper_proof=_persistence(element, "isTamperProof"),
        authorization=_flag(element, "isAuthorizationRequired"),
        intelligible_check=_flag(element, "isIntelligibleCheckRequired"),
        time_to_perform=None if perform is None else _duration(perform),
    )


def _persistence(element: etree._Element, name: str) -> values.Persistence | None:
    return None if _optional(element, name) is None else _choice(element, name, values.PERSISTENCES)


def _certificate(element: etree._Element) -> values.CpaCertificate:
    found = element.findall("ds:KeyInfo//ds:X509Certificate", _NS)
    return values.CpaCertificate(_attribute(element, "certId"), _x509(found[0]) if found else None)


def _x509(element: etree._Element) -> Certificate | None:
    """Read the leaf; a certificate that nobody can read is a finding, and no reason to refuse the CPA."""
    try:
        return Certificate.from_der(base64.b64decode("".join((element.text or "").split()), validate=True))
    except (MobbError, binascii.Error, ValueError):
        return None


def _security_details(element: etree._Element) -> values.SecurityDetails:
    anchors = _each(element, "c:TrustAnchors/c:AnchorCertificateRef", lambda found: _attribute(found, "certId"))
    return values.SecurityDetails(_attribute(element, "securityId"), anchors)


def _channel(element: etree._Element) -> values.DeliveryChannel:
    asked = _xml.one(element, "c:MessagingCharacteristics", _NS)
    return values.DeliveryChannel(
        id=_attribute(element, "channelId"),
        transport_id=_attribute(element, "transportId"),
        doc_exchange_id=_attribute(element, "docExchangeId"),
        sync_reply_mode=_choice(asked, "syncReplyMode", values.SYNC_REPLY_MODES, "none"),
        ack_requested=_choice(asked, "ackRequested", values.REQUESTED, "perMessage"),
        ack_signature_requested=_choice(asked, "ackSignatureRequested", values.REQUESTED, "perMessage"),
        duplicate_elimination=_choice(asked, "duplicateElimination", values.REQUESTED, "perMessage"),
        actor=_optional(asked, "actor"),
    )


def _transport(element: etree._Element) -> values.Transport:
    sender, receiver = "c:TransportSender", "c:TransportReceiver"
    return values.Transport(
        id=_attribute(element, "transportId"),
        sender_protocol=_maybe(element, f"{sender}/c:TransportProtocol", _xml.content),
        client_certificate_id=_certificate_id(element, f"{sender}/c:TransportClientSecurity/c:ClientCertificateRef"),
        receiver_protocol=_maybe(element, f"{receiver}/c:TransportProtocol", _xml.content),
        server_certificate_id=_certificate_id(element, f"{receiver}/c:TransportServerSecurity/c:ServerCertificateRef"),
        endpoints=_each(element, f"{receiver}/c:Endpoint", _endpoint),
    )


def _certificate_id(element: etree._Element, path: str) -> str | None:
    return _maybe(element, path, lambda found: _attribute(found, "certId"))


def _endpoint(element: etree._Element) -> values.Endpoint:
    return values.Endpoint(_attribute(element, "uri"), _choice(element, "type", values.ENDPOINT_TYPES, "allPurpose"))


def _doc_exchange(element: etree._Element) -> values.DocExchange:
    return values.DocExchange(
        _attribute(element, "docExchangeId"),
        _maybe(element, "c:ebXMLSenderBinding", lambda found: _binding(found, "Sender")),
        _maybe(element, "c:ebXMLReceiverBinding", lambda found: _binding(found, "Receiver")),
    )


def _binding(element: etree._Element, side: str) -> values.Binding:
    return values.Binding(
        reliable=_maybe(element, "c:ReliableMessaging", _reliable),
        persist=_maybe(element, "c:PersistDuration", lambda found: _duration(_xml.content(found))),
        non_repudiation=_maybe(element, f"c:{side}NonRepudiation", _non_repudiation),
        envelope=_maybe(element, f"c:{side}DigitalEnvelope", _envelope),
    )


def _reliable(element: etree._Element) -> values.ReliableMessaging:
    return values.ReliableMessaging(
        retries=_maybe(element, "c:Retries", _whole_number),
        interval=_maybe(element, "c:RetryInterval", lambda found: _duration(_xml.content(found))),
        order=_text(element, "c:MessageOrderSemantics"),
    )


def _whole_number(element: etree._Element) -> int | None:
    written = _xml.content(element)
    return int(written) if _COUNT.fullmatch(written) else None


def _non_repudiation(element: etree._Element) -> values.NonRepudiation:
    return values.NonRepudiation(
        protocol=_text(element, "c:NonRepudiationProtocol"),
        hash_function=_text(element, "c:HashFunction"),
        signature_algorithm=_algorithm(element, "c:SignatureAlgorithm"),
        certificate_id=_certificate_id(element, "c:SigningCertificateRef"),
    )


def _envelope(element: etree._Element) -> values.DigitalEnvelope:
    return values.DigitalEnvelope(
        protocol=_text(element, "c:DigitalEnvelopeProtocol"),
        encryption_algorithm=_algorithm(element, "c:EncryptionAlgorithm"),
        certificate_id=_certificate_id(element, "c:EncryptionCertificateRef"),
    )


def _algorithm(element: etree._Element, path: str) -> str:
    """Return the URI of the first algorithm named: its w3c attribute where it has one, else its text."""
    found = _xml.children(element, path, _NS)
    if not found:
        raise FormatError("xml.once", f"{path}: expected at least once, found 0 times", location=path)
    return _optional(found[0], "w3c") or _xml.content(found[0])


def _simple_part(element: etree._Element) -> values.SimplePart:
    return values.SimplePart(_attribute(element, "id"), _optional(element, "mimetype") or "")


def _packaging(element: etree._Element) -> values.Packaging:
    composites = _each(element, "c:CompositeList/*", lambda found: _optional(found, "mimetype") or "")
    return values.Packaging(_attribute(element, "id"), composites)
