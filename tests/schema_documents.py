"""Documents to judge, and the official schemas to judge them with: shared by the tests of our own schemas."""

from __future__ import annotations

from functools import cache
from typing import Final

from lxml import etree
from tests.reference import REFERENCE

REQUEST: Final = "globe-request.xsd"
RESULT: Final = "globe-result.xsd"
ENVELOPE: Final = "ebms-envelope.xsd"

BVS: Final = "http://schemas.rdw.nl/GEB/BerichtVerwerkService/Types/2009/01"
BER: Final = "http://schemas.rdw.nl/GEB/BerichtenProsessor/Bericht/Types/2009/01"
RES: Final = "http://schemas.rdw.nl/GEB/BerichtVerwerkService/BerichtResultaat/Types/2009/01"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
EB: Final = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
XLINK: Final = "http://www.w3.org/1999/xlink"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XS: Final = "http://www.w3.org/2001/XMLSchema"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

GUID: Final = "5b1c7a52-0d3e-4c1f-9a77-2f4f1c0f6a01"
OTHER_GUID: Final = "0E7F6C1A-8a56-4f0e-9a3c-1d5f2b7c9e11"

_OFFICIAL_GLOBE: Final = {
    REQUEST: "logius/BerichtVerwerkService/Request/GLOBEBatchRequest.xsd",
    RESULT: "logius/BerichtVerwerkService/Response/GLOBEBatchResponse.xsd",
}
_DRIVER: Final = f"""
<xs:schema xmlns:xs="{XS}">
  <xs:import namespace="{SOAP}" schemaLocation="envelope.xsd"/>
  <xs:import namespace="{EB}" schemaLocation="msg-header-2_0.xsd"/>
</xs:schema>"""


@cache
def official(name: str) -> etree.XMLSchema:
    """Return the official schema that ours of this name stands for."""
    if name == ENVELOPE:
        driver = etree.fromstring(_DRIVER, base_url=f"{REFERENCE}/oasis/driver.xsd")
        return etree.XMLSchema(driver)
    return etree.XMLSchema(etree.parse(REFERENCE / _OFFICIAL_GLOBE[name]))


def bijlage(volgorde: str = "1") -> str:
    """Return one attachment of a request."""
    return (
        "<ber:Bijlage><ber:Inhoud>JVBERi0xLjcK</ber:Inhoud><ber:BijlageType>Pdf</ber:BijlageType>"
        f"<ber:Omschrijving>Besluit</ber:Omschrijving><ber:Volgorde>{volgorde}</ber:Volgorde></ber:Bijlage>"
    )


def bericht(*, optional: bool = True, bijlagen: int = 0) -> str:
    """Return one letter of a request, with or without the parts that may be left out."""
    dates = (
        "<ber:PublicatieDatum>2026-01-20T05:00:00Z</ber:PublicatieDatum>"
        "<ber:EindDatumHandelingsTermijn>2026-02-20T23:00:00Z</ber:EindDatumHandelingsTermijn>"
    )
    texts = "<ber:BerichtTekst>Uw aanvraag is toegekend.</ber:BerichtTekst><ber:Referentie>Z-2026-1</ber:Referentie>"
    added = "".join(bijlage(str(number)) for number in range(1, bijlagen + 1))
    return (
        f"<ber:Bericht><ber:BerichtInformatie><ber:BatchID>{GUID}</ber:BatchID>"
        f"<ber:BerichtID>{OTHER_GUID}</ber:BerichtID><ber:BerichtType>BESCHIK</ber:BerichtType>"
        f"{dates if optional else ''}<ber:Onderwerp>Besluit op uw aanvraag</ber:Onderwerp>{texts if optional else ''}"
        "<ber:GebruikerID>999990019</ber:GebruikerID><ber:SoortGebruiker>Burger</ber:SoortGebruiker>"
        f"</ber:BerichtInformatie>{f'<ber:Bijlagen>{added}</ber:Bijlagen>' if added else ''}</ber:Bericht>"
    )


def request(*berichten: str) -> str:
    """Return a Berichten document."""
    return (
        f'<bvs:Berichten xmlns:bvs="{BVS}" xmlns:ber="{BER}"><bvs:BatchInformatie><bvs:BatchID>{GUID}</bvs:BatchID>'
        "<bvs:AanmaakDatum>2026-01-15T09:30:00Z</bvs:AanmaakDatum>"
        "<bvs:BerichtLeverancierID>00000001001234567000</bvs:BerichtLeverancierID></bvs:BatchInformatie>"
        f"{''.join(berichten)}</bvs:Berichten>"
    )


def uitkomst(code: str = "Verwerkt", stadium: str = "<Stadium>NA</Stadium>") -> str:
    """Return the outcome of one letter."""
    return (
        f"<res:Bericht><BerichtID>{OTHER_GUID}</BerichtID><BerichtType>BESCHIK</BerichtType>"
        f"<VerwerkingsCode>{code}</VerwerkingsCode>{stadium}</res:Bericht>"
    )


def result(*uitkomsten: str) -> str:
    """Return a BerichtVerwerkResponse document."""
    counts = (
        "TotaalAantalOntvangenBerichten",
        "AantalBerichtenSuccesvolVerwerkt",
        "AantalBerichtenGeenActieveBoxOfGeabonneertOpLeverancier",
        "AantalBerichtenMetTechnischProbleem",
        "AantalBerichtenBerichtTypeNietCorrect",
        "AantalBerichtenPublicatieDatumNietCorrect",
        "AantalBerichtenAanmaakDatumNietCorrect",
    )
    return (
        f'<bvs:BerichtVerwerkResponse xmlns:bvs="{BVS}" xmlns:res="{RES}" xmlns:xsi="{XSI}"><BatchInformatie>'
        f"<BerichtLeverancierCode>00000001001234567000</BerichtLeverancierCode><BatchID>{GUID}</BatchID>"
        f"{''.join(f'<{count}>0</{count}>' for count in counts)}"
        "<DatumOntvangen>2026-01-15T09:31:00.114Z</DatumOntvangen><DatumVerwerkt>2026-01-15T09:32:00Z</DatumVerwerkt>"
        f"</BatchInformatie><Berichten>{''.join(uitkomsten)}</Berichten></bvs:BerichtVerwerkResponse>"
    )


BLOCK: Final = 'eb:version="2.0" soap:mustUnderstand="1"'
TO_PARTY: Final = 'soap:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"'
SYNC_REPLY: Final = f'<eb:SyncReply {BLOCK} soap:actor="http://schemas.xmlsoap.org/soap/actor/next"/>'
ACK_REQUESTED: Final = f'<eb:AckRequested {BLOCK} {TO_PARTY} eb:id="ack" eb:signed="false"/>'
DESCRIPTION: Final = '<eb:Description xml:lang="en-US">A note</eb:Description>'
MESSAGE_ID: Final = "5f1c9a3e-7b0d-4d8e-9a51-2f4f0b7c1d11@sender.example.test"
DS_REFERENCE: Final = (
    '<ds:Reference URI="cid:bericht-1@sender.example.test">'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    "<ds:DigestValue>ZHVtbXk=</ds:DigestValue></ds:Reference>"
)
DS_SIGNATURE: Final = (
    f"<ds:Signature><ds:SignedInfo>"
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
    f"{DS_REFERENCE}</ds:SignedInfo><ds:SignatureValue>ZHVtbXk=</ds:SignatureValue></ds:Signature>"
)
MANIFEST: Final = (
    '<eb:Manifest eb:version="2.0"><eb:Reference xlink:type="simple" xlink:href="cid:bericht-1@sender.example.test" '
    f'xlink:role="urn:role" eb:id="part"><eb:Schema eb:location="urn:schema" eb:version="1"/>{DESCRIPTION}'
    '<f:mark xmlns:f="urn:foreign"/></eb:Reference></eb:Manifest>'
)


def header(action: str = "aanleveren", *, signal: bool = False, flags: str = "") -> str:
    """Return an eb:MessageHeader."""
    service = (
        "<eb:Service>urn:oasis:names:tc:ebxml-msg:service</eb:Service>"
        if signal
        else '<eb:Service eb:type="urn:osb:services">Voorbeeld:1:0</eb:Service>'
    )
    role = "" if signal else "<eb:Role>SR</eb:Role>"
    about = f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>" if signal else ""
    live = "" if signal else "<eb:TimeToLive>2026-01-16T12:30:00.123Z</eb:TimeToLive>"
    return (
        f"<eb:MessageHeader {BLOCK}>"
        f'<eb:From><eb:PartyId eb:type="urn:osb:oin">00000099000000001000</eb:PartyId>{role}</eb:From>'
        f'<eb:To><eb:PartyId eb:type="urn:osb:oin">00000099000000002000</eb:PartyId>{role}</eb:To>'
        "<eb:CPAId>Voorbeeld_1</eb:CPAId><eb:ConversationId>0d6d3f0e</eb:ConversationId>"
        f"{service}<eb:Action>{action}</eb:Action>"
        f"<eb:MessageData><eb:MessageId>{MESSAGE_ID}</eb:MessageId><eb:Timestamp>2026-01-15T09:30:00.123Z</eb:Timestamp>"
        f"{about}{live}</eb:MessageData>{flags}</eb:MessageHeader>"
    )


def acknowledgment(references: str = "") -> str:
    """Return an eb:Acknowledgment."""
    return (
        f"<eb:Acknowledgment {BLOCK} {TO_PARTY}><eb:Timestamp>2026-01-15T09:30:02Z</eb:Timestamp>"
        f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>"
        f'<eb:From><eb:PartyId eb:type="urn:osb:oin">00000099000000002000</eb:PartyId></eb:From>{references}'
        "</eb:Acknowledgment>"
    )


def envelope(headers: str, body: str = "") -> str:
    """Return a soap:Envelope."""
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}" xmlns:xlink="{XLINK}" xmlns:ds="{DS}">'
        f"<soap:Header>{headers}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    )


ERROR_LIST: Final = (
    f'<eb:ErrorList {BLOCK} eb:highestSeverity="Error">'
    '<eb:Error eb:codeContext="urn:oasis:names:tc:ebxml-msg:service:errors" '
    f'eb:errorCode="MimeProblem" eb:severity="Error" eb:location="cid:a">{DESCRIPTION}</eb:Error></eb:ErrorList>'
)
FAULT: Final = (
    "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>No channel</faultstring>"
    '<faultactor>urn:us</faultactor><detail><f:why xmlns:f="urn:foreign"/></detail></soap:Fault>'
)
DUPLICATES: Final = "<eb:DuplicateElimination/>"

VALID_REQUESTS: Final = (
    request(bericht(optional=False)),
    request(bericht()),
    request(bericht(bijlagen=1)),
    request(bericht(bijlagen=2), bericht(optional=False)),
)
VALID_RESULTS: Final = (
    result(),
    result(uitkomst(), uitkomst("BerichtBestaatAl", stadium="")),
    result(uitkomst("TechnischProbleem", "<Stadium/>"), uitkomst("BijlageTeGroot", '<Stadium xsi:nil="true"/>')),
)
VALID_ENVELOPES: Final = (
    envelope(header(flags=DUPLICATES) + SYNC_REPLY + ACK_REQUESTED, MANIFEST),
    envelope(header(flags=DUPLICATES + DESCRIPTION * 2) + ACK_REQUESTED + DS_SIGNATURE, MANIFEST),
    envelope(header("Acknowledgment", signal=True) + acknowledgment()),
    envelope(header("Acknowledgment", signal=True) + acknowledgment(DS_REFERENCE * 2) + DS_SIGNATURE),
    envelope(header("MessageError", signal=True) + ERROR_LIST),
    envelope(header("Ping", signal=True) + SYNC_REPLY),
    envelope(
        header("StatusRequest", signal=True),
        f'<eb:StatusRequest eb:version="2.0"><eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId></eb:StatusRequest>',
    ),
    envelope(
        header("StatusResponse", signal=True),
        '<eb:StatusResponse eb:version="2.0" eb:messageStatus="Received">'
        f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>"
        "<eb:Timestamp>2026-01-15T09:30:02Z</eb:Timestamp></eb:StatusResponse>",
    ),
    envelope(
        f"{header()}<eb:MessageOrder {BLOCK}>"
        '<eb:SequenceNumber eb:status="Reset">00000000</eb:SequenceNumber></eb:MessageOrder>'
    ),
    envelope('<f:block xmlns:f="urn:foreign" soap:mustUnderstand="0"/>' + header(), FAULT),
)
VALID: Final = {REQUEST: VALID_REQUESTS, RESULT: VALID_RESULTS, ENVELOPE: VALID_ENVELOPES}
