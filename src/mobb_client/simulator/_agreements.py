"""CPAs for each Digikoppeling profile, written from templates.

Source: cpp-cpa-2_0.xsd for the order, `digikoppeling-ebms2` a.1 for the values of a profile.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from mobb_client.simulator._abonnementen import REQUEST, RESULT

Profile = Literal["osb-be", "osb-rm", "osb-be-s", "osb-rm-s", "osb-be-e", "osb-rm-e"]
HashName = Literal["sha1", "sha256", "sha384", "sha512"]
Requested = Literal["always", "never", "perMessage"]

PROFILES: Final[tuple[Profile, ...]] = ("osb-be", "osb-rm", "osb-be-s", "osb-rm-s", "osb-be-e", "osb-rm-e")
SYNC_PROFILES: Final[tuple[Profile, ...]] = ("osb-rm", "osb-rm-s", "osb-rm-e")

_NAMESPACE: Final = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd"
_XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_PREFIXES: Final = f'xmlns:tns="{_NAMESPACE}" xmlns:ds="{_XMLDSIG}" xmlns:xlink="http://www.w3.org/1999/xlink"'
_ACTOR: Final = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"
DIGESTS: Final[dict[HashName, str]] = {
    "sha1": f"{_XMLDSIG}sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
SIGNATURES: Final[dict[HashName, str]] = {
    "sha1": f"{_XMLDSIG}rsa-sha1",
    "sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "sha512": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a CPA says beside its profile. Durations as in XML Schema; moments are aware.

    `signature_hash` is that of the signature algorithm, when it is another than that of the digests; `ack_signature` is
    ``always`` in the signed reliable profiles unless given; `start` and `end` follow from the moment of making. With
    `abonnementen` the CPA has the actions of the AbonnementService too.
    """

    cpa_id: str | None = None
    status: Literal["proposed", "agreed", "signed"] = "agreed"
    start: datetime | None = None
    end: datetime | None = None
    hash_name: HashName = "sha256"
    signature_hash: HashName | None = None
    encryption: str = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
    retries: int = 8
    interval: str = "PT3H"
    persist: str = "P2D"
    ack_signature: Requested | None = None
    sync_mode: str = "mshSignalsOnly"
    sender_endpoint: str = "https://localhost:8443/digikoppeling/ebms"
    receiver_endpoint: str = "https://localhost:9443/digikoppeling/ebms"
    party_id_type: str | None = "urn:osb:oin"
    service_type: str | None = "urn:osb:services"
    service: str = "MIJNOVERHEID.ebMS.BB.2.0"
    sender_role: str = "SR"
    receiver_role: str = "SP"
    request: str = "GLOBE-R-BV-Request"
    result: str = "GLOBE-R-BV-Result"
    abonnementen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """One party of a CPA: its name, OIN and certificate in DER."""

    name: str
    oin: str
    certificate: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """All that one CPA is written from."""

    profile: Profile
    sync: bool
    terms: Terms
    start: datetime
    end: datetime
    sender: Signatory
    receiver: Signatory
    anchor: bytes

    @property
    def reliable(self) -> bool:
        """Whether messages are acknowledged and sent again."""
        return self.profile.startswith("osb-rm")

    @property
    def encrypted(self) -> bool:
        """Whether payloads are encrypted."""
        return self.profile.endswith("-e")

    @property
    def signed(self) -> bool:
        """Whether messages are signed."""
        return self.encrypted or self.profile.endswith("-s")

    @property
    def cpa_id(self) -> str:
        """The given CPAId, else one after the pattern of the Best Practices, without dots."""
        version = f"{self.profile}-sync" if self.sync else self.profile
        return self.terms.cpa_id or f"MIJNOVERHEID-EBMS-BB-2-0_{self.sender.oin}_{self.receiver.oin}_{version}"


def write(draft: Draft) -> bytes:
    """Return the CPA as a UTF-8 document."""
    parts = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<tns:CollaborationProtocolAgreement {_PREFIXES} tns:cpaid={quoteattr(draft.cpa_id)} tns:version='2_0b'>",
        f'<tns:Status tns:value="{draft.terms.status}"/>',
        f"<tns:Start>{_moment(draft.start)}</tns:Start>",
        f"<tns:End>{_moment(draft.end)}</tns:End>",
        _party(draft, "A", draft.sender),
        _party(draft, "B", draft.receiver),
        _PACKAGES,
        "</tns:CollaborationProtocolAgreement>",
        "",
    )
    return "\n".join(parts).encode()


_PACKAGES: Final = """\
<tns:SimplePart tns:id="Envelope" tns:mimetype="text/xml"/>
<tns:SimplePart tns:id="Payload" tns:mimetype="text/xml"/>
<tns:Packaging tns:id="MessagePackage">
<tns:ProcessingCapabilities tns:parse="true" tns:generate="true"/>
<tns:CompositeList><tns:Composite tns:id="Message" tns:mimetype="multipart/related" tns:mimeparameters="type=text/xml">
<tns:Constituent tns:idref="Envelope"/><tns:Constituent tns:idref="Payload"/></tns:Composite></tns:CompositeList>
</tns:Packaging>
<tns:Packaging tns:id="SignalPackage">
<tns:ProcessingCapabilities tns:parse="true" tns:generate="true"/>
<tns:CompositeList><tns:Composite tns:id="Signal" tns:mimetype="multipart/related" tns:mimeparameters="type=text/xml">
<tns:Constituent tns:idref="Envelope"/></tns:Composite></tns:CompositeList>
</tns:Packaging>"""


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _party(draft: Draft, side: str, who: Signatory) -> str:
    """Write one PartyInfo; every id begins with the letter of the side."""
    return f"""\
<tns:PartyInfo tns:partyName={quoteattr(who.name)} tns:defaultMshChannelId="{side}_Signals"\
 tns:defaultMshPackageId="SignalPackage">
<tns:PartyId{_type(draft.terms.party_id_type)}>{escape(who.oin)}</tns:PartyId>
<tns:PartyRef xlink:href="https://localhost/"/>
{_role(draft, side)}
{_certificate(f"{side}_Certificate", who.certificate)}
{_certificate(f"{side}_Anchor", draft.anchor)}
<tns:SecurityDetails tns:securityId="{side}_Security">
<tns:TrustAnchors><tns:AnchorCertificateRef tns:certId="{side}_Anchor"/></tns:TrustAnchors>
</tns:SecurityDetails>
{_channel(draft, f"{side}_Messages", side, reliable=draft.reliable)}
{_channel(draft, f"{side}_Signals", side, reliable=False)}
{_transport(draft, side)}
{_doc_exchange(draft, f"{side}_Messages", side, reliable=draft.reliable)}
{_doc_exchange(draft, f"{side}_Signals", side, reliable=False)}
</tns:PartyInfo>"""


def _type(value: str | None) -> str:
    return "" if value is None else f" tns:type={quoteattr(value)}"


def _role(draft: Draft, side: str) -> str:
    terms = draft.terms
    role = {"A": terms.sender_role, "B": terms.receiver_role}[side]
    return f"""\
<tns:CollaborationRole>
<tns:ProcessSpecification tns:name="Berichtenbox" tns:version="2.0" xlink:href="https://localhost/process"/>
<tns:Role tns:name={quoteattr(role)} xlink:href="https://localhost/role"/>
<tns:ServiceBinding>
<tns:Service{_type(terms.service_type)}>{escape(terms.service)}</tns:Service>
{_bindings(draft, side)}
</tns:ServiceBinding>
</tns:CollaborationRole>"""


def _bindings(draft: Draft, side: str) -> str:
    """Write what a party can send, and behind it what it can receive, as the schema of CPAs wants it."""
    services = ("", "Abonnement") if draft.terms.abonnementen else ("",)
    other = {"A": "B", "B": "A"}[side]
    sends, receives = {"A": ("Request", "Result"), "B": ("Result", "Request")}[side]
    can_send = (
        f"""<tns:CanSend>{_action(draft, f"{side}_Sends_{service}{sends}", side, f"{service}{sends}")}\
<tns:OtherPartyActionBinding>{other}_Receives_{service}{sends}</tns:OtherPartyActionBinding></tns:CanSend>"""
        for service in services
    )
    can_receive = (
        f"""<tns:CanReceive>{_action(draft, f"{side}_Receives_{service}{receives}", side, f"{service}{receives}")}\
<tns:OtherPartyActionBinding>{other}_Sends_{service}{receives}</tns:OtherPartyActionBinding></tns:CanReceive>"""
        for service in services
    )
    return "\n".join((*can_send, *can_receive))


def _action(draft: Draft, name: str, side: str, action: str) -> str:
    wanted = {
        "Request": draft.terms.request,
        "Result": draft.terms.result,
        "AbonnementRequest": REQUEST,
        "AbonnementResult": RESULT,
    }[action]
    security = "transient-and-persistent" if draft.signed else "transient"
    confidential = "transient-and-persistent" if draft.encrypted else "transient"
    signed = str(draft.signed).lower()
    perform = ' tns:timeToPerform="PT1H"' if draft.reliable else ""
    return f"""\
<tns:ThisPartyActionBinding tns:id="{name}" tns:action={quoteattr(wanted)} tns:packageId="MessagePackage">
<tns:BusinessTransactionCharacteristics tns:isNonRepudiationRequired="{signed}"\
 tns:isNonRepudiationReceiptRequired="{signed}" tns:isConfidential="{confidential}" tns:isAuthenticated="{security}"\
 tns:isTamperProof="{security}" tns:isAuthorizationRequired="true" tns:isIntelligibleCheckRequired="false"{perform}/>
<tns:ChannelId>{side}_Messages</tns:ChannelId>
</tns:ThisPartyActionBinding>
"""


def _certificate(name: str, der: bytes) -> str:
    text = base64.encodebytes(der).decode("ascii").strip()
    return f"""\
<tns:Certificate tns:certId="{name}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>
{text}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></tns:Certificate>"""


def _channel(draft: Draft, name: str, side: str, *, reliable: bool) -> str:
    requested = "always" if reliable else "never"
    signature = draft.terms.ack_signature or ("always" if draft.signed else "never")
    sync = draft.terms.sync_mode if draft.sync else "none"
    return f"""\
<tns:DeliveryChannel tns:channelId="{name}" tns:transportId="{side}_Transport" tns:docExchangeId="{name}_Exchange">
<tns:MessagingCharacteristics tns:syncReplyMode="{sync}" tns:ackRequested="{requested}"\
 tns:ackSignatureRequested="{signature if reliable else "never"}" tns:duplicateElimination="{requested}"\
 tns:actor="{_ACTOR}"/>
</tns:DeliveryChannel>"""


def _transport(draft: Draft, side: str) -> str:
    uri = {"A": draft.terms.sender_endpoint, "B": draft.terms.receiver_endpoint}[side]
    return f"""\
<tns:Transport tns:transportId="{side}_Transport">
<tns:TransportSender>
<tns:TransportProtocol tns:version="1.1">HTTP</tns:TransportProtocol>
<tns:TransportClientSecurity>
<tns:TransportSecurityProtocol tns:version="1.2">TLS</tns:TransportSecurityProtocol>
<tns:ClientCertificateRef tns:certId="{side}_Certificate"/>
<tns:ServerSecurityDetailsRef tns:securityId="{side}_Security"/>
</tns:TransportClientSecurity>
</tns:TransportSender>
<tns:TransportReceiver>
<tns:TransportProtocol tns:version="1.1">HTTP</tns:TransportProtocol>
<tns:Endpoint tns:uri={quoteattr(uri)} tns:type="allPurpose"/>
<tns:TransportServerSecurity>
<tns:TransportSecurityProtocol tns:version="1.2">TLS</tns:TransportSecurityProtocol>
<tns:ServerCertificateRef tns:certId="{side}_Certificate"/>
<tns:ClientSecurityDetailsRef tns:securityId="{side}_Security"/>
</tns:TransportServerSecurity>
</tns:TransportReceiver>
</tns:Transport>"""


def _doc_exchange(draft: Draft, channel: str, side: str, *, reliable: bool) -> str:
    again = _reliable(draft.terms) if reliable else ""
    own, other = f'<tns:SigningCertificateRef tns:certId="{side}_Certificate"/>', "tns:SigningSecurityDetailsRef"
    trusted = f'<{other} tns:securityId="{side}_Security"/>'
    sends = f"{again}{_signs(draft, 'Sender', own)}{_encrypts(draft, 'Sender', side)}"
    receives = f"{again}{_signs(draft, 'Receiver', trusted)}{_encrypts(draft, 'Receiver', side)}"
    return f"""\
<tns:DocExchange tns:docExchangeId="{channel}_Exchange">
<tns:ebXMLSenderBinding tns:version="2.0">{sends}</tns:ebXMLSenderBinding>
<tns:ebXMLReceiverBinding tns:version="2.0">{receives}</tns:ebXMLReceiverBinding>
</tns:DocExchange>"""


def _reliable(terms: Terms) -> str:
    return f"""
<tns:ReliableMessaging>
<tns:Retries>{terms.retries}</tns:Retries>
<tns:RetryInterval>{terms.interval}</tns:RetryInterval>
<tns:MessageOrderSemantics>NotGuaranteed</tns:MessageOrderSemantics>
</tns:ReliableMessaging>
<tns:PersistDuration>{terms.persist}</tns:PersistDuration>
"""


def _signs(draft: Draft, role: str, reference: str) -> str:
    if not draft.signed:
        return ""
    algorithm = SIGNATURES[draft.terms.signature_hash or draft.terms.hash_name]
    return f"""
<tns:{role}NonRepudiation>
<tns:NonRepudiationProtocol>{_XMLDSIG}</tns:NonRepudiationProtocol>
<tns:HashFunction>{DIGESTS[draft.terms.hash_name]}</tns:HashFunction>
<tns:SignatureAlgorithm tns:w3c="{algorithm}">{algorithm}</tns:SignatureAlgorithm>
{reference}
</tns:{role}NonRepudiation>
"""


def _encrypts(draft: Draft, role: str, side: str) -> str:
    if not draft.encrypted:
        return ""
    reference = {
        "Sender": f'<tns:EncryptionSecurityDetailsRef tns:securityId="{side}_Security"/>',
        "Receiver": f'<tns:EncryptionCertificateRef tns:certId="{side}_Certificate"/>',
    }[role]
    algorithm = draft.terms.encryption
    return f"""
<tns:{role}DigitalEnvelope>
<tns:DigitalEnvelopeProtocol tns:version="1.0">XMLENC</tns:DigitalEnvelopeProtocol>
<tns:EncryptionAlgorithm tns:minimumStrength="256" tns:w3c={quoteattr(algorithm)}>{escape(algorithm)}\
</tns:EncryptionAlgorithm>
{reference}
</tns:{role}DigitalEnvelope>
"""
