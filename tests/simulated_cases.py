"""Messages of one letter, each spoilt in one way, and what the simulator is to say of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tests.keys import MOMENT
from tests.simulated import Posted, make_box, message, pdf

from mobb_client.berichtenbox.bijlage import Bijlage
from mobb_client.simulator.material import Profile, Terms

UUID = "[0-9a-f]{8}-[0-9a-f-]{27}"
BOUNDARY = "mobb-"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to spoil a message of one letter.

    Args:
        name: what is wrong.
        code: the complaint that must come, and come first of those that have a reason to refuse.
        change: makes the message wrong.
        answer: an ebMS errorCode, ``500`` (empty), ``fault`` (SOAP Fault) or nothing: taken all the same.
        others: complaints that come with it.
        kept: whether the letter is taken, when nothing is refused and the document is valid.
    """

    name: str
    code: str
    change: Callable[[Posted], Posted]
    answer: str = ""
    others: tuple[str, ...] = ()
    kept: bool = True
    profile: Profile = "osb-rm"
    sync: bool = False
    terms: Terms | None = None
    berichten: dict[str, object] = field(default_factory=dict)


def edit(*pairs: tuple[str | bytes, str | bytes]) -> Callable[[Posted], Posted]:
    """Change places in the body."""
    return lambda posted: posted.edited(*pairs)


def head(**headers: str | None) -> Callable[[Posted], Posted]:
    """Change HTTP headers."""
    return lambda posted: posted.headed(**headers)


def pattern(found: str, new: str) -> Callable[[Posted], Posted]:
    """Change the first place in the body that a pattern matches."""

    def change(posted: Posted) -> Posted:
        body, count = re.subn(found.encode(), new.encode(), posted.body, count=1, flags=re.DOTALL)
        assert count == 1, found
        return replace(posted, body=body)

    return change


def bare(change: Callable[[bytes], bytes]) -> Callable[[Posted], Posted]:
    """Send the envelope alone, changed."""

    def apply(posted: Posted) -> Posted:
        envelope = posted.body[posted.body.index(b"<soap:Env") : posted.body.index(b"</soap:Envelope>") + 16]
        return replace(posted, body=change(envelope)).headed(Content_Type="text/xml; charset=UTF-8")

    return apply


def boundary(posted: Posted) -> str:
    """Return the boundary of a message."""
    return posted.headers["Content-Type"].split('"')[1]


def as_base64(posted: Posted, *, broken: bool = False) -> Posted:
    """Send the payload in base64."""
    begin = posted.body.index(b"<?xml")
    end = posted.body.rindex(b"\r\n--")
    payload = b"A" if broken else base64.encodebytes(posted.body[begin:end])
    body = posted.body[: begin - 2] + b"Content-Transfer-Encoding: Base64\r\n\r\n" + payload + posted.body[end:]
    return replace(posted, body=body)


def extra_part(posted: Posted, head_lines: str) -> Posted:
    """Add a part that is in no Manifest."""
    close = f"\r\n--{boundary(posted)}--"
    return posted.edited((close, f"\r\n--{boundary(posted)}\r\n{head_lines}\r\n\r\nextra{close}"))


def two_payloads(posted: Posted) -> Posted:
    """Send the payload twice, the second in the Manifest first."""
    name = posted.message_id
    listed = f'<eb:Reference xlink:type="simple" xlink:href="cid:1.{name}"/>'
    added = extra_part(posted, f"Content-Type: text/xml\r\nContent-ID: <2.{name}>")
    return added.edited((listed, listed.replace("cid:1", "cid:2") + listed))


def other_prefix(posted: Posted) -> Posted:
    """Use another prefix for ebXML."""
    begin, end = posted.body.index(b"<soap:Env"), posted.body.index(b"</soap:Envelope>")
    envelope = (
        posted.body[begin:end].replace(b"eb:", b"x:").replace(b"xmlns:x:", b"xmlns:x").replace(b"xmlns:eb", b"xmlns:x")
    )
    return replace(posted, body=posted.body[:begin] + envelope + posted.body[end:])


def without_signature(posted: Posted) -> Posted:
    """Take the signature out."""
    return pattern("<ds:Signature>.*</ds:Signature>", "")(posted)


def signature_of_another() -> bytes:
    """Return the signature of another message."""
    match = re.search(b"<ds:Signature>.*</ds:Signature>", message(make_box("osb-rm-s")).body, re.DOTALL)
    assert match is not None
    return match[0]


NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
SYNC = f'<eb:SyncReply eb:version="2.0" soap:mustUnderstand="1" soap:actor="{NEXT}"/>'
SHA1 = "http://www.w3.org/2000/09/xmldsig#"

HTTP = (
    Case(name="no quotes", code="http.soap-action", change=head(SOAPAction="ebXML"), answer="fault"),
    Case(name="no SOAPAction", code="http.soap-action", change=head(SOAPAction=None), answer="fault"),
    Case(name="MIME-Version", code="http.header", change=head(MIME_Version="1.0")),
    Case(name="encoding", code="http.header", change=head(Content_Transfer_Encoding="binary")),
    Case(name="Expect", code="http.header", change=head(Expect="100-continue")),
    Case(
        name="form data",
        code="http.content-type",
        change=head(Content_Type='multipart/form-data; boundary="x"'),
        answer="500",
    ),
    Case(
        name="no type",
        code="http.content-type",
        change=lambda posted: posted.headed(
            Content_Type=posted.headers["Content-Type"].replace('; type="text/xml"', "")
        ),
    ),
    Case(
        name="long boundary",
        code="mime.boundary",
        change=lambda posted: replace(posted, body=posted.body.replace(boundary(posted).encode(), b"b" * 71)).headed(
            Content_Type=posted.headers["Content-Type"].replace(boundary(posted), "b" * 71)
        ),
    ),
)

MIME = (
    Case(
        name="no boundary",
        code="mime.boundary",
        change=head(Content_Type="multipart/related"),
        answer="500",
        others=("http.content-type",),
    ),
    Case(name="preamble", code="mime.preamble", change=edit((f"--{BOUNDARY}", f"Hello\r\n--{BOUNDARY}")), answer="500"),
    Case(name="bare LF", code="mime.preamble", change=lambda p: replace(p, body=b"\n" + p.body), answer="500"),
    Case(name="cut off", code="mime.closing", change=lambda p: replace(p, body=p.body[:-30]), answer="500"),
    Case(name="blanks", code="mime.delimiter", change=pattern(r"(--mobb-\w+)\r\n", r"\1 \r\n"), answer="500"),
    Case(name="epilogue", code="mime.epilogue", change=lambda p: replace(p, body=p.body + b"x"), answer="500"),
    Case(
        name="no parts",
        code="mime.empty",
        change=lambda p: replace(p, body=f"--{boundary(p)}--\r\n".encode()),
        answer="500",
    ),
    Case(
        name="no empty line",
        code="mime.headers",
        change=lambda p: extra_part(p, "").edited(("\r\n\r\n\r\nextra", "\r\nextra")),
        answer="500",
    ),
    Case(
        name="start",
        code="mime.start",
        change=lambda p: p.headed(Content_Type=p.headers["Content-Type"].replace('start="<', 'start="<x')),
    ),
    Case(
        name="type of the root",
        code="mime.root-type",
        change=edit(("Content-Type: text/xml; charset=UTF-8", "Content-Type: text/plain")),
    ),
    Case(
        name="other root id",
        code="mime.root-id",
        change=lambda p: p.edited((f"Content-ID: <{p.message_id}>", "Content-ID: <root@localhost>")).headed(
            Content_Type=p.headers["Content-Type"].replace(p.message_id, "root@localhost")
        ),
    ),
    Case(
        name="no type",
        code="mime.type",
        change=lambda p: p.edited(
            (b"\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-ID: <1.", b"\r\nContent-ID: <1.")
        ),
    ),
    Case(
        name="no Content-ID",
        code="mime.content-id",
        change=pattern("Content-ID: <1\\..*?>\r\n", ""),
        answer="MimeProblem",
        others=("manifest.part-missing", "manifest.order"),
    ),
    Case(
        name="twice the same",
        code="mime.content-id",
        change=lambda p: extra_part(p, f"Content-Type: text/xml\r\nContent-ID: <1.{p.message_id}>"),
        answer="MimeProblem",
    ),
    Case(
        name="escaped",
        code="mime.content-id",
        change=edit(("Content-ID: <1.", "Content-ID: <%31.")),
        answer="MimeProblem",
        others=("manifest.part-missing", "manifest.order"),
    ),
    Case(
        name="quoted-printable",
        code="mime.encoding",
        change=edit(("Content-ID: <1.", "Content-Transfer-Encoding: quoted-printable\r\nContent-ID: <1.")),
    ),
    Case(name="base64", code="mime.encoding", change=as_base64),
    Case(name="no base64", code="mime.base64", change=lambda p: as_base64(p, broken=True), answer="500"),
)

ENVELOPE = (
    Case(name="not XML", code="envelope.xml", change=edit(("</soap:Envelope>", "")), answer="500"),
    Case(name="DOCTYPE", code="envelope.doctype", change=edit(("<soap:Env", "<!DOCTYPE x><soap:Env")), answer="500"),
    Case(name="other root", code="envelope.root", change=bare(lambda _: b"<x/>"), answer="500"),
    Case(
        name="comment beside",
        code="envelope.beside",
        change=edit(("<soap:Env", "<!-- x --><soap:Env")),
        answer="500",
    ),
    Case(name="comment inside", code="envelope.shape", change=edit(("<eb:CPAId>", "<eb:CPAId><!---->")), answer="500"),
    Case(name="instruction", code="envelope.shape", change=edit(("<soap:Body>", "<soap:Body><?x?>")), answer="500"),
    Case(
        name="unknown block",
        code="envelope.shape",
        change=edit(("</soap:Header>", '<x xmlns="urn:x"/></soap:Header>')),
        answer="500",
        others=("envelope.prefix", "envelope.namespaces"),
    ),
    Case(
        name="block twice",
        code="envelope.shape",
        change=edit(("</soap:Header>", f"{SYNC}{SYNC}</soap:Header>")),
        answer="500",
    ),
    Case(
        name="other order",
        code="envelope.shape",
        change=pattern(r"(<eb:CPAId>.*</eb:CPAId>)(<eb:Conv.*</eb:ConversationId>)", r"\2\1"),
        answer="500",
    ),
    Case(
        name="mustUnderstand",
        code="envelope.shape",
        change=edit(('mustUnderstand="1"', 'mustUnderstand="true"')),
        answer="500",
    ),
    Case(name="no version", code="envelope.shape", change=edit((' eb:version="2.0"', "")), answer="500"),
    Case(
        name="unqualified",
        code="envelope.shape",
        change=edit((' eb:type="urn:osb:oin"', ' type="urn:osb:oin"')),
        answer="500",
    ),
    Case(name="text between", code="envelope.shape", change=edit(("<soap:Body>", "<soap:Body>x")), answer="500"),
    Case(name="blanks in text", code="envelope.shape", change=edit(("<eb:Action>", "<eb:Action> ")), answer="500"),
    Case(name="local time", code="envelope.shape", change=edit(("09:00:00Z", "10:00:00+01:00")), answer="500"),
    Case(name="no zone", code="envelope.shape", change=edit(("09:00:00Z", "09:00:00")), answer="500"),
    Case(name="no such day", code="envelope.moment", change=edit(("2026-03-02T09", "2026-02-30T09")), answer="500"),
    Case(
        name="no Service",
        code="envelope.shape",
        change=pattern("<eb:Service.*</eb:Service>", ""),
        answer="500",
    ),
    Case(name="other prefix", code="envelope.prefix", change=other_prefix),
    Case(
        name="declared below",
        code="envelope.namespaces",
        change=edit(("<soap:Body>", '<soap:Body xmlns:y="urn:y">')),
    ),
)

HEADER = (
    Case(name="CPAId", code="header.cpa-id", change=edit(("osb-rm</eb:CPAId>", "x</eb:CPAId>")), answer="fault"),
    Case(
        name="From",
        code="header.from",
        change=edit(("00000099000000001000</eb:PartyId>", "00000099000000007000</eb:PartyId>")),
        answer="fault",
    ),
    Case(
        name="PartyId without type",
        code="header.from",
        change=edit((' eb:type="urn:osb:oin"', "")),
        answer="fault",
    ),
    Case(
        name="To",
        code="header.to",
        change=edit(("00000099000000002000</eb:PartyId>", "00000099000000007000</eb:PartyId>")),
        answer="500",
    ),
    Case(name="role", code="header.role", change=edit(("<eb:Role>SR<", "<eb:Role>XX<")), answer="ValueNotRecognized"),
    Case(name="no role", code="header.role", change=edit(("<eb:Role>SR</eb:Role>", "")), answer="ValueNotRecognized"),
    Case(
        name="service",
        code="header.service",
        change=edit(("MIJNOVERHEID.ebMS.BB.2.0<", "MIJNOVERHEID.ebMS.BB.1.0<")),
        answer="ValueNotRecognized",
    ),
    Case(
        name="service without type",
        code="header.service",
        change=edit((' eb:type="urn:osb:services"', "")),
        answer="ValueNotRecognized",
    ),
    Case(
        name="action",
        code="header.action",
        change=edit(("GLOBE-R-BV-Request<", "GLOBE-R-A-Request<")),
        answer="ValueNotRecognized",
    ),
    Case(
        name="not in force",
        code="header.cpa",
        change=lambda p: p,
        terms=Terms(end=MOMENT - timedelta(hours=1)),
        answer="Inconsistent",
    ),
    Case(name="proposed", code="header.cpa", change=lambda p: p, terms=Terms(status="proposed"), answer="Inconsistent"),
    Case(
        name="reference",
        code="header.reference",
        change=edit(("</eb:Timestamp>", "</eb:Timestamp><eb:RefToMessageId>x@y</eb:RefToMessageId>")),
        answer="ValueNotRecognized",
    ),
    Case(
        name="too late",
        code="header.expired",
        change=edit(("11:00:00Z</eb:TimeToLive>", "09:00:00Z</eb:TimeToLive>")),
        answer="TimeToLiveExpired",
        others=("header.time-to-live",),
    ),
    Case(
        name="other TTL",
        code="header.time-to-live",
        change=edit(("11:00:00Z</eb:TimeToLive>", "11:30:00Z</eb:TimeToLive>")),
    ),
    Case(name="no TTL", code="header.time-to-live", change=pattern("<eb:TimeToLive>.*</eb:TimeToLive>", "")),
    Case(
        name="TTL of best effort",
        code="header.time-to-live",
        change=edit(("</eb:Timestamp>", "</eb:Timestamp><eb:TimeToLive>2026-03-02T11:00:00Z</eb:TimeToLive>")),
        profile="osb-be",
    ),
    Case(
        name="in the future",
        code="header.future",
        change=edit(("09:00:00Z</eb:Timestamp>", "09:06:00Z</eb:Timestamp>")),
        others=("header.time-to-live",),
    ),
    Case(
        name="id without host",
        code="header.message-id",
        change=edit(("@localhost</eb:MessageId>", "@elsewhere</eb:MessageId>")),
        others=("mime.root-id",),
    ),
    Case(
        name="duplicates",
        code="header.duplicates",
        change=edit(("<eb:DuplicateElimination/>", "")),
        answer="Inconsistent",
    ),
    Case(
        name="duplicates of best effort",
        code="header.duplicates",
        change=edit(("</eb:MessageData>", "</eb:MessageData><eb:DuplicateElimination/>")),
        profile="osb-be",
        answer="Inconsistent",
    ),
    Case(
        name="no ack",
        code="header.ack",
        change=pattern("<eb:AckRequested.*?/>", ""),
        answer="Inconsistent",
        others=("header.time-to-live",),
    ),
    Case(
        name="signed ack",
        code="header.ack-signed",
        change=edit(('eb:signed="false"', 'eb:signed="true"')),
        answer="Inconsistent",
    ),
    Case(
        name="nextMSH",
        code="header.ack-actor",
        change=edit(("actor:toPartyMSH", "actor:nextMSH")),
        answer="NotSupported",
    ),
    Case(
        name="SyncReply",
        code="header.sync-reply",
        change=edit(("<eb:AckRequested", f"{SYNC}<eb:AckRequested")),
        answer="Inconsistent",
    ),
    Case(
        name="no SyncReply",
        code="header.sync-reply",
        change=pattern("<eb:SyncReply.*?/>", ""),
        sync=True,
        answer="Inconsistent",
    ),
    Case(
        name="part missing",
        code="manifest.part-missing",
        change=edit(("cid:1.", "cid:2.")),
        answer="MimeProblem",
        others=("manifest.order",),
    ),
    Case(
        name="part unlisted",
        code="manifest.part-unlisted",
        change=lambda p: extra_part(p, "Content-Type: text/plain\r\nContent-ID: <x@y>"),
        answer="MimeProblem",
        others=("manifest.order",),
    ),
    Case(name="other order", code="manifest.order", change=two_payloads, others=("message.payloads",)),
    Case(name="two payloads", code="message.payloads", change=two_payloads, others=("manifest.order",)),
    Case(
        name="no payload",
        code="message.payloads",
        change=bare(lambda envelope: re.sub(b"<eb:Manifest.*</eb:Manifest>", b"", envelope)),
        others=("document.schema",),
    ),
)

SIGNED = (
    Case(
        name="not asked for",
        code="signature.unasked",
        change=lambda p: p.edited(("</soap:Header>", signature_of_another() + b"</soap:Header>")),
    ),
    Case(name="none", code="signature.missing", change=without_signature, answer="SecurityFailure", profile="osb-rm-s"),
    Case(
        name="no SignedInfo",
        code="envelope.shape",
        change=pattern("<ds:SignedInfo>.*</ds:SignedInfo>", ""),
        answer="500",
        profile="osb-rm-s",
    ),
    Case(
        name="C14N",
        code="signature.canonicalization",
        change=edit(("REC-xml-c14n-20010315", "REC-xml-c14n-x")),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="method",
        code="signature.method",
        change=edit(("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha512")),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="SHA-1",
        code="signature.digest-method",
        change=edit(("http://www.w3.org/2001/04/xmlenc#sha256", f"{SHA1}sha1")),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="reference gone",
        code="signature.references",
        change=pattern('<ds:Reference URI="cid.*?</ds:Reference>', ""),
        answer="SecurityFailure",
        others=("signature.transforms",),
        profile="osb-rm-s",
    ),
    Case(
        name="XPath",
        code="signature.transforms",
        change=pattern("<ds:XPath>.*</ds:XPath>", "<ds:XPath>false()</ds:XPath>"),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="next actor",
        code="signature.uncovered",
        change=edit(("<eb:AckRequested", f"{SYNC}<eb:AckRequested")),
        answer="Inconsistent",
        others=("header.sync-reply",),
        profile="osb-rm-s",
    ),
    Case(
        name="other certificate",
        code="signature.certificate",
        change=pattern("<ds:X509Certificate>M", "<ds:X509Certificate>N"),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="no base64",
        code="signature.certificate",
        change=pattern("<ds:X509Certificate>.*?<", "<ds:X509Certificate>M<"),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="payload changed",
        code="signature.digest",
        change=edit(("<ber:Onderwerp>B", "<ber:Onderwerp>b")),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="header changed",
        code="signature.value",
        change=pattern("<eb:ConversationId>.", "<eb:ConversationId>x"),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
    Case(
        name="header changed, synchronous",
        code="signature.value",
        change=pattern("<eb:ConversationId>.", "<eb:ConversationId>x"),
        answer="SecurityFailure",
        profile="osb-rm-s",
        sync=True,
    ),
    Case(
        name="value changed",
        code="signature.value",
        change=pattern("<ds:SignatureValue>.{8}", "<ds:SignatureValue>AAAAAAAA"),
        answer="SecurityFailure",
        profile="osb-rm-s",
    ),
)

COMPANIONS = {"no base64": ("bijlage.base64", "bijlage.pdf"), "no batch": ("batch.id",), "bad batch": ("batch.oin",)}
PDF = {"bijlagen": [Bijlage(pdf(), "a.pdf"), Bijlage(pdf(700), "b.pdf")]}
SCHEMA = (
    ("Berichten", edit(("<bvs:Berichten ", "<bvs:Berichten x='1' "))),
    ("not XML", edit(("</bvs:Berichten>", ""))),
    ("DOCTYPE", edit(("<bvs:Berichten ", "<!DOCTYPE x><bvs:Berichten "))),
    ("other order", pattern("(<ber:BatchID>.*</ber:BatchID>)(<ber:BerichtID>.*</ber:BerichtID>)", r"\2\1")),
    ("51 characters", pattern("<ber:Onderwerp>.*</ber:O", f"<ber:Onderwerp>{'x' * 51}</ber:O")),
    ("no GUID", pattern("<ber:BerichtID>.", "<ber:BerichtID>{")),
    ("nine characters", edit(("BESCHIK", "BESCHIKKI"))),
    ("lower case", edit(("Burger", "burger"))),
    ("Pdf", edit((">Pdf<", ">PDF<"))),
    ("empty element", edit(("<ber:Onderwerp>", "<ber:PublicatieDatum/><ber:Onderwerp>"))),
    ("no base64", edit(("<ber:Inhoud>J", "<ber:Inhoud>*"))),
    (
        "no such day",
        edit(
            ("</ber:BerichtType>", "</ber:BerichtType><ber:PublicatieDatum>2026-02-30T00:00:00Z</ber:PublicatieDatum>")
        ),
    ),
    ("no letters", pattern("<ber:Bericht>.*</ber:Bericht>", "")),
    ("text behind", edit(("</ber:Bericht>", "</ber:Bericht>x"))),
    ("wrapped", pattern("(<ber:Bericht>.*</ber:Bericht>)", r"<ber:X>\1</ber:X>")),
    (
        "batch behind",
        pattern("(<bvs:BatchInformatie>.*</bvs:BatchInformatie>)(<ber:Bericht>.*</ber:Bericht>)", r"\2\1"),
    ),
    ("two batches", pattern("(<bvs:BatchInformatie>.*</bvs:BatchInformatie>)", r"\1\1")),
    ("no batch", pattern("<bvs:BatchInformatie>.*</bvs:BatchInformatie>", "")),
    ("bad batch", pattern("<bvs:AanmaakDatum>.*</bvs:AanmaakDatum>", "")),
)
DOCUMENT = (
    *(
        Case(
            name=name,
            code="document.schema",
            change=change,
            berichten=PDF,
            others=COMPANIONS.get(name, ()),
        )
        for name, change in SCHEMA
    ),
    Case(name="size", code="document.size", change=lambda p: p),
    Case(
        name="prefix in the OIN",
        code="batch.oin",
        change=edit(("<bvs:BerichtLeverancierID>0000", "<bvs:BerichtLeverancierID>x")),
        kept=False,
    ),
    Case(name="other batch", code="batch.id", change=pattern("<ber:BatchID>.{8}", "<ber:BatchID>00000000")),
    Case(
        name="twice",
        code="batch.twice",
        change=pattern("(<ber:Bericht>.*</ber:Bericht>)", r"\1\1"),
    ),
    Case(name="local time", code="document.moment", change=edit(("09:00:00Z</bvs:A", "10:00:00+01:00</bvs:A"))),
    Case(name="no zone", code="document.moment", change=edit(("09:00:00Z</bvs:A", "09:00:00</bvs:A"))),
    Case(name="fraction", code="document.moment", change=edit(("09:00:00Z</bvs:A", "09:00:00.5Z</bvs:A"))),
    Case(name="elfproef", code="letter.bsn", change=edit((">999993653<", ">999993654<"))),
    Case(name="eight digits", code="letter.bsn", change=edit((">999993653<", ">10203047<"))),
    Case(name="zeros", code="letter.bsn", change=edit((">999993653<", ">000000000<"))),
    Case(name="BSN shown", code="letter.bsn-shown", change=edit(("Besluit op", "999993653"))),
    Case(name="blank", code="letter.onderwerp", change=pattern("<ber:Onderwerp>.*</ber:O", "<ber:Onderwerp> </ber:O")),
    Case(name="line break", code="letter.onderwerp", change=edit(("Besluit op", "Besluit\nop"))),
    Case(name="line feed", code="letter.berichttekst", change=edit(("aanvraag is", "aanvraag\nis"))),
    Case(name="not NFC", code="letter.berichttekst", change=edit(("aanvraag is", "Zoe\u0308"))),
    Case(name="tab", code="letter.berichttype", change=edit(("BESCHIK", "BES\tHIK"))),
    Case(
        name="reference",
        code="letter.referentie",
        change=edit(("</ber:BerichtTekst>", "</ber:BerichtTekst><ber:Referentie>a\tb</ber:Referentie>")),
    ),
    *(
        Case(name=f"link: {text}", code="letter.url", change=edit(("Uw aanvraag is toegekend.", text)))
        for text in (
            "https://a.example ",
            "Zie https://a.example",
            "Zie (https://a.example )",
            r"Zie https://a.example\r\nGroet",
        )
    ),
    Case(
        name="nil",
        code="letter.nil",
        change=pattern(f"<ber:BerichtID>{UUID}", "<ber:BerichtID>00000000-0000-0000-0000-000000000000"),
    ),
    Case(name="breaks", code="bijlage.base64", change=edit(("<ber:Inhoud>JVBE", "<ber:Inhoud>JVBE\n")), berichten=PDF),
    Case(name="no PDF", code="bijlage.pdf", change=edit(("<ber:Inhoud>JVBE", "<ber:Inhoud>JVBF")), berichten=PDF),
    Case(name="order", code="bijlage.volgorde", change=edit(("<ber:Volgorde>1", "<ber:Volgorde>2")), berichten=PDF),
    Case(name="file name", code="bijlage.omschrijving", change=edit((">a.pdf<", ">a/b.pdf<")), berichten=PDF),
)

CASES = (*HTTP, *MIME, *ENVELOPE, *HEADER, *SIGNED, *DOCUMENT)
