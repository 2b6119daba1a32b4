"""Our own messages, spoiled one thing at a time: `inspect` refuses each and names what is wrong.

A signed message cannot lose or gain an octet that counts. In an unsigned one only what contradicts the CPA, the schema
or MIME can be found; what cannot stands in these tables as well, with the reason.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from lxml import etree
from tests.material import cpa_bytes
from tests.messages import C14N, ENVELOPED, NEXT, NOT_NEXT, NS, XPATH, Foreign, Wire, WirePart, part
from tests.outgoing import Sent, capture, cpa, holder, send, sent

from mobb_client.cli.app import mobb
from mobb_client.inspection import Inspection, inspect
from mobb_client.simulator.material import Profile

UNSIGNED: Final[Profile] = "osb-rm"
SIGNED: Final[Profile] = "osb-rm-s"
PREFIXES: Final = {uri: prefix for prefix, uri in NS.items()}


def message(profile: Profile) -> Sent:
    """Return our message of three letters under the synchronous CPA of a profile: it has every header there is."""
    return sent(profile, sync=True)


def judged(octets: bytes, profile: Profile) -> Inspection:
    """Inspect with the CPA of the message."""
    return inspect(octets, cpa=cpa(profile, sync=True))


def codes(found: Inspection) -> list[str]:
    """Return the codes of what is wrong, and see that the exit code agrees."""
    assert found.ok is (not found.problems)
    return [problem.code for problem in found.problems]


@pytest.mark.parametrize("profile", [UNSIGNED, SIGNED])
@pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
def test_nothing_is_wrong_before(profile: Profile, sync: bool) -> None:
    """The ground to stand on: the message itself, and the same message put together by this test's own code."""
    made = sent(profile, sync=sync)
    for octets in (made.file, capture(made.wire)):
        found = inspect(octets, cpa=cpa(profile, sync=sync))
        assert (codes(found), found.agreed, len(found.letters)) == ([], "yes", 3)
        assert (found.signature is not None) is (profile == SIGNED)


# Every text and every attribute of the envelope


def spots(root: etree._Element) -> Iterator[tuple[str, etree._Element, str | None]]:
    """Give each text (attribute None) and each attribute of an envelope, with its place in words."""
    for element in root.iter(etree.Element):
        if (element.text or "").strip():
            yield place(element), element, None
        for attribute in map(str, element.attrib):
            yield f"{place(element)}/@{short(attribute)}", element, attribute


def place(element: etree._Element) -> str:
    """Return the path of an element below Header or Body: ``MessageHeader/From/PartyId``."""
    steps: list[str] = []
    while (parent := element.getparent()) is not None:
        alike = parent.findall(str(element.tag))
        steps.insert(0, short(str(element.tag)) + (f"[{alike.index(element) + 1}]" if len(alike) > 1 else ""))
        element = parent
    return "/".join(steps[1:])


def short(name: str) -> str:
    """Return a local name."""
    return etree.QName(name).localname


def put(wire: Wire, spot: str, value: str) -> Wire:
    """Return the message with another text or attribute in one place."""

    def change(root: etree._Element) -> None:
        element, attribute = next((found, name) for where, found, name in spots(root) if where == spot)
        old = element.text if attribute is None else element.get(attribute)
        assert old != value
        if attribute is None:
            element.text = value
        else:
            element.set(attribute, value)

    return wire.rebuilt(change)


def value_of(wire: Wire, spot: str) -> str:
    """Return what stands in one place."""
    element, attribute = next((e, a) for where, e, a in spots(etree.fromstring(wire.envelope)) if where == spot)
    return (element.text if attribute is None else element.get(attribute)) or ""


NOT_AGREED: Final = "no party's words are agreed on: any id is as good as another"
ANY_MOMENT: Final = "the CPA says when it ends, not when it is used; a later TimeToLive is an allowed margin (h-13)"
ALLOWED: Final = "both values are allowed, and both are read alike (h-33)"


@dataclass(frozen=True)
class Header:
    """One place of the header or Manifest, a value that spoils it, and the code and location that name it.

    `free` says why nothing can be found in an unsigned message; `covered` is False where no signature reaches.
    """

    spot: str
    value: str
    code: str = ""
    location: str = ""
    free: str = ""
    covered: bool = True


OTHER_OIN: Final = "00000099000000003000"
ROUTE: Final = ("cpa.no-route", "//Header/MessageHeader/Action")
SCHEMA: Final = ("envelope.schema", "")
HEADERS: Final = [
    Header("MessageHeader/@version", "1.0", "agreement.version", "//Header/MessageHeader/@version"),
    Header("MessageHeader/@mustUnderstand", "yes", *SCHEMA),
    Header("MessageHeader/@mustUnderstand", "0", free=ALLOWED),
    Header("MessageHeader/From/PartyId", OTHER_OIN, "cpa.no-route", "//Header/MessageHeader/From"),
    Header("MessageHeader/From/PartyId/@type", "urn:osb:hrn", "cpa.no-route", "//Header/MessageHeader/From"),
    Header("MessageHeader/From/Role", "SP", *ROUTE),
    Header("MessageHeader/To/PartyId", OTHER_OIN, "cpa.no-route", "//Header/MessageHeader/To"),
    Header("MessageHeader/To/PartyId/@type", "urn:osb:hrn", "cpa.no-route", "//Header/MessageHeader/To"),
    Header("MessageHeader/To/Role", "SR", *ROUTE),
    Header("MessageHeader/CPAId", "another", "agreement.cpa", "//Header/MessageHeader/CPAId"),
    Header("MessageHeader/ConversationId", "another", free=NOT_AGREED),
    Header("MessageHeader/Service", "urn:osb:services:another", *ROUTE),
    Header("MessageHeader/Service/@type", "another", *ROUTE),
    Header("MessageHeader/Action", "GLOBE-R-A-Request", *ROUTE),
    Header("MessageHeader/MessageData/MessageId", "another@localhost", free=NOT_AGREED),
    Header("MessageHeader/MessageData/Timestamp", "2026-03-02T09:00:01Z", free=ANY_MOMENT),
    Header("MessageHeader/MessageData/Timestamp", "yesterday", *SCHEMA),
    Header(
        "MessageHeader/MessageData/Timestamp",
        "2016-03-02T09:00:00Z",
        "agreement.cpa-invalid",
        "//Header/MessageHeader/@cpaid",
    ),
    Header("MessageHeader/MessageData/TimeToLive", "2026-03-03T09:00:01Z", free=ANY_MOMENT),
    Header("MessageHeader/MessageData/TimeToLive", "tomorrow", *SCHEMA),
    Header(
        "MessageHeader/MessageData/TimeToLive",
        "2026-03-02T08:59:59Z",
        "agreement.expired",
        "//Header/MessageHeader/MessageData/TimeToLive",
    ),
    Header("SyncReply/@version", "1.0", "agreement.version", "//Header/SyncReply/@version", covered=False),
    Header("SyncReply/@mustUnderstand", "0", free=ALLOWED, covered=False),
    Header("SyncReply/@actor", "urn:another", "agreement.sync-actor", "//Header/SyncReply/@actor"),
    Header("AckRequested/@version", "1.0", "agreement.version", "//Header/AckRequested/@version"),
    Header("AckRequested/@mustUnderstand", "0", free=ALLOWED),
    Header("AckRequested/@actor", "urn:another", "agreement.ack-actor", "//Header/AckRequested/@actor"),
    Header("AckRequested/@signed", "flip", "agreement.ack-signed", "//Header/AckRequested/@signed"),
    Header("AckRequested/@signed", "perhaps", *SCHEMA),
    Header("Manifest/@version", "1.0", "agreement.version", "//Body/Manifest/@version"),
    Header("Manifest/Reference/@type", "simplex", *SCHEMA),
    Header("Manifest/Reference/@href", "cid:another@localhost", "manifest.part-missing", "cid:another@localhost"),
    Header("Manifest/Reference/@href", "http://localhost/batch.xml", "manifest.elsewhere"),
]


def spoiled(row: Header, profile: Profile) -> Inspection:
    """Inspect a message with one header changed."""
    wire = message(profile).wire
    value = row.value
    if value == "flip":
        value = "false" if value_of(wire, row.spot) == "true" else "true"
    return judged(capture(put(wire, row.spot, value)), profile)


def names(found: Inspection, row: Header) -> bool:
    """Whether the report names this place."""
    return any(
        problem.code == row.code and (not row.location or problem.location == row.location)
        for problem in found.problems
    )


def by_spot(row: Header) -> str:
    """Name a row."""
    return f"{row.spot}={row.value}"


@pytest.mark.parametrize("row", HEADERS, ids=by_spot)
def test_header_of_unsigned_message(row: Header) -> None:
    """c.2, c.4: what contradicts the CPA or the schema is named; what does not cannot be seen, for the reason given."""
    found = spoiled(row, UNSIGNED)
    if row.free:
        assert codes(found) == []
    else:
        assert names(found, row)
        assert found.signature is None


@pytest.mark.parametrize("row", HEADERS, ids=by_spot)
def test_header_of_signed_message(row: Header) -> None:
    """d.3: every header but eb:SyncReply is in the digest; what contradicts the CPA is named beside it."""
    found = spoiled(row, SIGNED)
    if not row.free:
        assert names(found, row)
    if row.covered:
        assert {"signature.digest", "signature.manifest", "signature.exempt"} & set(codes(found))
    elif row.free:
        assert codes(found) == []


def test_every_place_is_in_a_table() -> None:
    """No header and no attribute is left out."""
    known = {row.spot for row in HEADERS} | {spot for spot, _, _ in SIGNATURE}
    for profile in (UNSIGNED, SIGNED):
        there = {spot for spot, _, _ in spots(etree.fromstring(message(profile).wire.envelope))}
        assert there - known == set()


# Every place of the signature


def other_octets(text: str) -> str:
    """Return base64 of as many octets, one of them changed."""
    octets = bytearray(base64.b64decode(text))
    octets[len(octets) // 2] ^= 1
    return base64.b64encode(octets).decode()


INFO: Final = "Signature/SignedInfo"
ENVELOPE: Final = f"{INFO}/Reference[1]"
PAYLOAD: Final = f"{INFO}/Reference[2]"
SHA384: Final = "http://www.w3.org/2001/04/xmldsig-more#sha384"
RSA_SHA512: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
SIGNATURE: Final[list[tuple[str, str | Callable[[str], str], str]]] = [
    (f"{INFO}/CanonicalizationMethod/@Algorithm", f"{C14N}#WithComments", "signature.value"),
    (f"{INFO}/CanonicalizationMethod/@Algorithm", "urn:another", "signature.canonicalization"),
    (f"{INFO}/SignatureMethod/@Algorithm", RSA_SHA512, "signature.algorithm"),
    (f"{INFO}/SignatureMethod/@Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "signature.algorithm"),
    (f"{ENVELOPE}/@URI", "#envelope", "signature.envelope-not-covered"),
    (f"{ENVELOPE}/Transforms/Transform[1]/@Algorithm", C14N, "signature.transform"),
    (f"{ENVELOPE}/Transforms/Transform[2]/@Algorithm", ENVELOPED, "signature.transform"),
    (f"{ENVELOPE}/Transforms/Transform[2]/XPath", "false()", "signature.transform"),
    (f"{ENVELOPE}/Transforms/Transform[2]/XPath", NOT_NEXT.replace("self", "self "), "signature.value"),
    (f"{ENVELOPE}/Transforms/Transform[3]/@Algorithm", "urn:another", "signature.transform"),
    (f"{ENVELOPE}/DigestMethod/@Algorithm", SHA384, "signature.digest-method"),
    (f"{ENVELOPE}/DigestValue", other_octets, "signature.digest"),
    (f"{ENVELOPE}/DigestValue", "no base64!", "xml.base64"),
    (f"{PAYLOAD}/@URI", "cid:another@localhost", "signature.part-not-covered"),
    (f"{PAYLOAD}/@URI", "", "signature.reference-twice"),
    (f"{PAYLOAD}/@URI", "http://localhost/batch.xml", "signature.reference-elsewhere"),
    (f"{PAYLOAD}/DigestMethod/@Algorithm", SHA384, "signature.digest-method"),
    (f"{PAYLOAD}/DigestValue", other_octets, "signature.digest"),
    ("Signature/SignatureValue", other_octets, "signature.value"),
    ("Signature/SignatureValue", "AAAA", "signature.value"),
    ("Signature/KeyInfo/X509Data/X509Certificate", "AAAA", "signature.certificate.unreadable"),
    (
        "Signature/KeyInfo/X509Data/X509Certificate",
        lambda _: base64.b64encode(holder("receiver").certificate.der).decode(),
        "signature.certificate",
    ),
]


@pytest.mark.parametrize(("spot", "value", "code"), SIGNATURE)
def test_signature(spot: str, value: str | Callable[[str], str], code: str) -> None:
    """d.2 to d.5: each digest, reference, transform, algorithm, the certificate and the value."""
    wire = message(SIGNED).wire
    new = value if isinstance(value, str) else value(value_of(wire, spot))
    found = judged(capture(put(wire, spot, new)), SIGNED)

    assert code in codes(found)


# Blocks that go, come or come twice


def without(path: str) -> Callable[[etree._Element], None]:
    """Take an element out."""

    def change(root: etree._Element) -> None:
        element = root.find(path, NS)
        parent = None if element is None else element.getparent()
        assert element is not None
        assert parent is not None
        parent.remove(element)

    return change


def again(path: str) -> Callable[[etree._Element], None]:
    """Put an element in twice."""

    def change(root: etree._Element) -> None:
        element = root.find(path, NS)
        assert element is not None
        element.addnext(etree.fromstring(etree.tostring(element)))

    return change


HEADER: Final = "soap:Header/eb:MessageHeader"
DATA: Final = f"{HEADER}/eb:MessageData"
NO_TTL: Final = "a message without TimeToLive does not expire (B22)"
BLOCKS: Final = [
    (without(HEADER), "xml.once"),
    (without(f"{HEADER}/eb:From"), "envelope.schema"),
    (without(f"{HEADER}/eb:From/eb:PartyId"), "envelope.schema"),
    (without(f"{HEADER}/eb:From/eb:Role"), "agreement.role"),
    (without(f"{HEADER}/eb:To"), "envelope.schema"),
    (without(f"{HEADER}/eb:To/eb:Role"), "agreement.role"),
    (without(f"{HEADER}/eb:CPAId"), "envelope.schema"),
    (without(f"{HEADER}/eb:ConversationId"), "envelope.schema"),
    (without(f"{HEADER}/eb:Service"), "envelope.schema"),
    (without(f"{HEADER}/eb:Action"), "envelope.schema"),
    (without(DATA), "envelope.schema"),
    (without(f"{DATA}/eb:MessageId"), "envelope.schema"),
    (without(f"{DATA}/eb:Timestamp"), "envelope.schema"),
    (without(f"{DATA}/eb:TimeToLive"), NO_TTL),
    (without(f"{HEADER}/eb:DuplicateElimination"), "agreement.duplicate-elimination"),
    (without("soap:Header/eb:SyncReply"), "agreement.sync-reply"),
    (without("soap:Header/eb:AckRequested"), "agreement.ack-requested"),
    (without("soap:Body/eb:Manifest"), "manifest.part-unlisted"),
    (without("soap:Body/eb:Manifest/eb:Reference"), "envelope.schema"),
    (without("soap:Body"), "envelope.schema"),
    (without("soap:Header"), "xml.once"),
    (again(HEADER), "xml.once"),
    (again("soap:Header/eb:SyncReply"), "xml.once"),
    (again("soap:Header/eb:AckRequested"), "xml.once"),
    (again("soap:Body/eb:Manifest"), "xml.once"),
    (again("soap:Body/eb:Manifest/eb:Reference"), "manifest.twice"),
    (again(f"{HEADER}/eb:CPAId"), "envelope.schema"),
]


@pytest.mark.parametrize(("change", "code"), BLOCKS)
def test_block_of_unsigned_message(change: Callable[[etree._Element], None], code: str) -> None:
    """c.1, c.2: each element missing, each block twice; a sentence instead of a code says why nothing can be found."""
    found = codes(judged(capture(message(UNSIGNED).wire.rebuilt(change)), UNSIGNED))
    assert found == [] if " " in code else code in found


@pytest.mark.parametrize(("change", "code"), BLOCKS)
def test_same_block_of_signed_message(change: Callable[[etree._Element], None], code: str) -> None:
    """d.3, d.7 step 2: the same; all but the eb:SyncReply is in the digest as well."""
    found = codes(judged(capture(message(SIGNED).wire.rebuilt(change)), SIGNED))
    assert (code if " " not in code else "signature.digest") in found


def signature_gone(root: etree._Element) -> None:
    """Take the signature away."""
    without("soap:Header/ds:Signature")(root)


def wrapped(root: etree._Element) -> None:
    """Move the signature into a block of somebody else's."""
    (found,) = root.findall("soap:Header/ds:Signature", NS)
    wrapper = etree.SubElement(root[0], "{urn:another}Wrapper")
    wrapper.append(found)


def into_body(root: etree._Element) -> None:
    """Move the signature into the Body."""
    (found,) = root.findall("soap:Header/ds:Signature", NS)
    root[1].append(found)


def message_order(root: etree._Element) -> None:
    """Ask for an order."""
    block = etree.SubElement(root[0], f"{{{NS['eb']}}}MessageOrder")
    block.set(f"{{{NS['eb']}}}version", "2.0")
    block.set(f"{{{NS['soap']}}}mustUnderstand", "1")
    etree.SubElement(block, f"{{{NS['eb']}}}SequenceNumber").text = "0"


def for_the_next_actor(root: etree._Element) -> None:
    """B74: an intermediary adds a reference that the XPath takes out of the digest."""
    manifest = root.find("soap:Body/eb:Manifest", NS)
    assert manifest is not None
    added = etree.SubElement(manifest, f"{{{NS['eb']}}}Reference")
    added.set(f"{{{NS['xlink']}}}href", "cid:foreign@localhost")
    added.set(f"{{{NS['soap']}}}actor", NEXT)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (signature_gone, "signature.missing"),
        (wrapped, "signature.misplaced"),
        (into_body, "signature.misplaced"),
        (again("soap:Header/ds:Signature"), "signature.several"),
        (without("soap:Header/ds:Signature/ds:SignedInfo/ds:Reference"), "signature.envelope-not-covered"),
        (without("soap:Header/ds:Signature/ds:SignatureValue"), "xml.once"),
        (without("soap:Header/ds:Signature/ds:SignedInfo"), "xml.once"),
        (without("soap:Header/ds:Signature/ds:SignedInfo/ds:Reference/ds:Transforms"), "signature.transform"),
        (without("soap:Header/ds:Signature/ds:SignedInfo/ds:Reference/ds:DigestValue"), "xml.once"),
        (message_order, "agreement.message-order"),
        (for_the_next_actor, "signature.manifest"),
    ],
)
def test_block_of_signed_message(change: Callable[[etree._Element], None], code: str) -> None:
    """B30, B74: a signature that is gone, wrapped, doubled or hollow, and what an intermediary may add."""
    assert code in codes(judged(capture(message(SIGNED).wire.rebuilt(change)), SIGNED))


def test_certificate_gone() -> None:
    """d.5: KeyInfo is not signed and not needed: the CPA names the certificate."""
    wire = message(SIGNED).wire.rebuilt(without("soap:Header/ds:Signature/ds:KeyInfo"))

    assert codes(judged(capture(wire), SIGNED)) == []
    assert codes(inspect(capture(wire))) == ["signature.no-certificate"]


# The octets of the file


def replaced(old: bytes, new: bytes) -> Callable[[Sent], bytes]:
    """Change one place of the file."""

    def change(made: Sent) -> bytes:
        assert old in made.file
        return made.file.replace(old, new, 1)

    return change


def content_id(of: int) -> Callable[[Sent], bytes]:
    """Change the Content-ID of one part."""

    def change(made: Sent) -> bytes:
        before, mark, after = (
            made.file.rpartition(b"\r\nContent-ID: <") if of else made.file.partition(b"Content-ID: <")
        )
        return before + mark + b"x" + after

    return change


def without_content_id(made: Sent) -> bytes:
    """Take the Content-ID of the payload away."""
    before, _, after = made.file.rpartition(b"\r\nContent-ID: <")
    return before + b"\r\n" + after.partition(b">\r\n")[2]


def closing_gone(made: Sent) -> bytes:
    """Take the closing boundary away."""
    return made.file[: made.file.rindex(b"\r\n--")]


def half(made: Sent) -> bytes:
    """Cut the file in two."""
    return made.file[: len(made.file) // 2]


def payload_gone(made: Sent) -> bytes:
    """Take the payload's part away."""
    first, last = (found.start() for found in list(re.finditer(rb"\r\n--", made.file))[-2:])
    return made.file[:first] + made.file[last:]


def envelope_alone(made: Sent) -> bytes:
    """Send the envelope as if there were no payload."""
    return b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n" + made.wire.envelope


def payload_part(change: Callable[[bytes], bytes]) -> Callable[[Sent], bytes]:
    """Change the payload's octets."""

    def spoil(made: Sent) -> bytes:
        (one,) = made.wire.parts
        new = change(one.octets)
        assert new != one.octets
        return capture(replace(made.wire, parts=(WirePart(one.head, new),)))

    return spoil


def swapped(old: bytes, new: bytes) -> Callable[[Sent], bytes]:
    """Change a place of the payload."""
    return payload_part(lambda octets: octets.replace(old, new, 1))


def extra(new: WirePart) -> Callable[[Sent], bytes]:
    """Put a part behind the payload."""
    return lambda made: capture(replace(made.wire, parts=(*made.wire.parts, new)))


def encrypted_instead(_: bytes) -> bytes:
    """Put something that only looks encrypted in the place of the payload."""
    return b'<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/>'


def before_root(text: bytes) -> Callable[[Sent], bytes]:
    """Put something before the root of the envelope."""
    return replaced(b"<soap:Envelope", text + b"<soap:Envelope")


def in_text(text: bytes) -> Callable[[Sent], bytes]:
    """B75: put something into the text of the CPAId."""
    return replaced(b"<eb:CPAId>MIJN", b"<eb:CPAId>MIJN" + text)


UNSEEN_TEXT: Final = "any text is as good as another"
UNSEEN_PDF: Final = "any octets are, and the schema sees base64"
UNSEEN_TYPE: Final = "the type of a part is no signed fact, and the CPA does not limit it (d.7 step 7)"
UNSEEN_COMMENT: Final = "a comment is taken out before anything is read, and nothing covers an unsigned message anyway"
FILES: Final = [
    ("Content-ID of the envelope", content_id(0), "mime.start", "mime.start"),
    ("Content-ID of the payload", content_id(1), "manifest.part-missing", "signature.part-not-covered"),
    ("no Content-ID", without_content_id, "manifest.part-missing", "signature.part-unnamed"),
    ("closing boundary gone", closing_gone, "mime.unclosed", "mime.unclosed"),
    ("cut in two", half, "mime.unclosed", "mime.unclosed"),
    ("payload gone", payload_gone, "manifest.part-missing", "signature.part-missing"),
    ("envelope alone", envelope_alone, "manifest.part-missing", "signature.part-missing"),
    ("payload empty", payload_part(lambda _: b""), UNSEEN_TEXT, "signature.digest"),
    ("payload not XML", payload_part(lambda octets: octets[:-5]), "xml.syntax", "signature.digest"),
    ("payload's text", swapped(b"toegekend", b"afgewezen"), UNSEEN_TEXT, "signature.digest"),
    ("payload's PDF", swapped(b"<ber:Inhoud>JVBERi0", b"<ber:Inhoud>JVBERi1"), UNSEEN_PDF, "signature.digest"),
    ("payload's base64", swapped(b"<ber:Inhoud>", b"<ber:Inhoud>!"), "berichten.base64", "signature.digest"),
    ("payload's schema", swapped(b"Burger<", b"Bedrijf<"), "berichten.schema", "signature.digest"),
    ("payload's line end", payload_part(lambda octets: octets + b"\r\n"), UNSEEN_TEXT, "signature.digest"),
    ("another batch's letter", swapped(b"<ber:BatchID>0", b"<ber:BatchID>1"), "berichten.batch-id", "signature.digest"),
    ("DOCTYPE in the payload", swapped(b"<bvs:Ber", b"<!DOCTYPE x><bvs:Ber"), "xml.doctype", "signature.digest"),
    ("encrypted payload", payload_part(encrypted_instead), "agreement.encrypted", "agreement.encrypted"),
    ("uncovered part", extra(part("foreign@localhost")), "manifest.part-unlisted", "signature.part-not-covered"),
    ("unnamed part", extra(part(None)), "manifest.part-unnamed", "signature.part-unnamed"),
    ("type of a part", replaced(b"Content-Type: text/xml", b"Content-Type: text/html"), UNSEEN_TYPE, UNSEEN_TYPE),
    ("no boundary", replaced(b"boundary=", b"bondary="), "mime.boundary", "mime.boundary"),
    ("DOCTYPE", before_root(b"<!DOCTYPE soap>"), "xml.doctype", "xml.doctype"),
    ("entity", before_root(b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>'), "xml.doctype", "xml.doctype"),
    ("instruction before", before_root(b"<?x y?>"), "xml.processing-instruction", "xml.processing-instruction"),
    ("instruction inside", in_text(b"<?x y?>"), "xml.processing-instruction", "xml.processing-instruction"),
    ("comment before", before_root(b"<!-- x -->"), UNSEEN_COMMENT, "signature.comment"),
    ("comment inside", in_text(b"<!-- x -->"), UNSEEN_COMMENT, "signature.comment"),
    ("envelope not XML", replaced(b"</soap:Header>", b"</soap:Heater>"), "xml.syntax", "xml.syntax"),
    ("envelope in another encoding", replaced(b"<eb:Role>SR", b"<eb:Role>\xff\xfe"), "xml.syntax", "xml.syntax"),
]


@pytest.mark.parametrize(("change", "unsigned"), [row[1:3] for row in FILES], ids=[row[0] for row in FILES])
def test_file_of_unsigned_message(change: Callable[[Sent], bytes], unsigned: str) -> None:
    """b.2, d.7: parts, boundaries and documents; a sentence instead of a code says why nothing can be found."""
    found = codes(judged(change(message(UNSIGNED)), UNSIGNED))
    assert found == [] if " " in unsigned else unsigned in found


@pytest.mark.parametrize(("change", "signed"), [(row[1], row[3]) for row in FILES], ids=[row[0] for row in FILES])
def test_file_of_signed_message(change: Callable[[Sent], bytes], signed: str) -> None:
    """b.2, d.7: the same, and every octet of a payload counts."""
    found = codes(judged(change(message(SIGNED)), SIGNED))
    assert found == [] if " " in signed else signed in found


def test_second_envelope_id() -> None:
    """h-44: a part that has the Content-ID of the envelope could be taken for it."""
    made = message(SIGNED)
    boundary, start = (re.findall(name + rb'="<?([^">]+)', made.headers)[0] for name in (b"boundary", b"start"))
    added = b"\r\n--" + boundary + b"\r\nContent-ID: <" + start + b">\r\n\r\nforeign"
    at = made.file.rindex(b"\r\n--")
    found = codes(judged(made.file[:at] + added + made.file[at:], SIGNED))

    assert {"mime.start-twice", "signature.part-not-covered"} <= set(found)


# Signed anew, properly, by the sender's own key


def laid_out(wire: Wire) -> str:
    """Return our envelope with room for another signature in the place of ours."""
    text = re.sub(r"<ds:Signature>.*</ds:Signature>", "", wire.envelope.decode(), flags=re.DOTALL)
    return text.replace("{", "{{").replace("}", "}}").replace("</soap:Header>", "{first}{last}</soap:Header>")


def signed_anew(way: Foreign, side: str = "sender") -> Inspection:
    """Inspect our message with a signature that is made otherwise."""
    wire = message(SIGNED).wire
    (one,) = wire.parts
    uri = value_of(wire, "Manifest/Reference/@href").removeprefix("cid:")
    envelope = way.sign(laid_out(wire), {uri: one.octets}, holder(side))
    return judged(capture(replace(wire, envelope=envelope)), SIGNED)


def test_signed_anew() -> None:
    """The ground to stand on: the tests' own signer makes the signature that we make."""
    assert codes(signed_anew(Foreign())) == []


def transforms(*inside: str) -> str:
    """Return these transforms."""
    return f"<ds:Transforms>{''.join(inside)}</ds:Transforms>"


def transform(algorithm: str, inside: str = "") -> str:
    """Return one transform."""
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


@pytest.mark.parametrize(
    ("way", "code"),
    [
        (Foreign(xpath="false()", covered=b""), "signature.transform"),
        (Foreign(xpath="not(parent::node())", covered=b"<soap:Envelope></soap:Envelope>"), "signature.transform"),
        (Foreign(xpath="self::soap:Envelope", covered=b"<soap:Envelope></soap:Envelope>"), "signature.transform"),
        (Foreign(xpath=f"{NOT_NEXT} or true()"), "signature.transform"),
        (
            Foreign(
                transforms=transforms(transform(ENVELOPED), transform("http://www.w3.org/TR/1999/REC-xslt-19991116"))
            ),
            "signature.transform",
        ),
        (Foreign(transforms=transforms(transform(XPATH, f"<ds:XPath>{NOT_NEXT}</ds:XPath>"))), "signature.transform"),
        (Foreign(cid_transforms=transforms(transform(C14N))), "signature.payload-transform"),
        (Foreign(hash_name="sha512"), "signature.algorithm"),
        (Foreign(method="http://www.w3.org/2007/05/xmldsig-more#rsa-pss"), "signature.algorithm"),
        (Foreign(digest_method=SHA384), "signature.digest-method"),
        (Foreign(extra="<ds:Object>x</ds:Object>"), "signature.foreign"),
        (Foreign(xpath=None), "signature.digest"),
    ],
)
def test_signed_anew_and_hollow(way: Foreign, code: str) -> None:
    """B30: an XPath that empties the digest and other ways of signing nothing, each with a value that holds."""
    if way.xpath is None:  # eb:SyncReply is inside the digest then, which nobody minds (h-3)
        assert codes(signed_anew(way)) == []
        return
    assert code in codes(signed_anew(way))


def test_signed_by_another() -> None:
    """B35: the receiver's key instead of the sender's: the signature holds, the signer is another."""
    found = signed_anew(Foreign(), "receiver")

    assert found.signature is not None
    assert (found.signature.holds, found.signature.signer_is_given) == ("yes", "no")
    assert codes(found) == ["signature.certificate"]


# The command line


@pytest.mark.parametrize("profile", [UNSIGNED, SIGNED])
def test_exit_code(profile: Profile, tmp_path: Path) -> None:
    """Design 6: exit code 0 for the message, 1 for the spoiled one, with the code on the screen."""
    agreement, good, bad = tmp_path / "cpa.xml", tmp_path / "good.mime", tmp_path / "bad.mime"
    agreement.write_bytes(cpa_bytes(profile, sync=True))
    good.write_bytes(message(profile).file)
    bad.write_bytes(closing_gone(message(profile)))

    assert CliRunner().invoke(mobb, ["inspect", str(good), "--cpa", str(agreement)]).exit_code == 0
    refused = CliRunner().invoke(mobb, ["inspect", str(bad), "--cpa", str(agreement)])
    assert refused.exit_code == 1
    assert "mime.unclosed" in refused.output


def test_each_octet_of_the_envelope_counts() -> None:
    """d.3: whichever character of the signed header is changed, the message is refused."""
    made = message(SIGNED)
    envelope = made.wire.envelope
    start, end = envelope.index(b"<eb:From"), envelope.index(b"<eb:SyncReply")
    for at in range(start, end, 7):
        new = envelope[:at] + bytes([envelope[at] ^ 1]) + envelope[at + 1 :]
        assert codes(judged(capture(replace(made.wire, envelope=new)), SIGNED)), at


def test_several_messages() -> None:
    """A letter that moved from one message to another is found, also when its batch is otherwise in order."""
    first, second = send(UNSIGNED), send(UNSIGNED)
    moved = second[0].wire.parts[0].octets
    letter = re.search(rb"<ber:Bericht>.*?</ber:Bericht>", moved, re.DOTALL)
    assert letter is not None
    octets = first[0].wire.parts[0].octets.replace(b"</bvs:Berichten>", letter[0] + b"</bvs:Berichten>")
    wire = first[0].wire
    found = inspect(capture(replace(wire, parts=(WirePart(wire.parts[0].head, octets),))), cpa=cpa(UNSIGNED))

    assert set(codes(found)) == {"berichten.batch-id", "berichten.twice"}
