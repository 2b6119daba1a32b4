"""Attacks on messages that the partner signed: every one of the digest's table (`digikoppeling-ebms2` d.7), and more.

Each is built by hand on a genuine message and tried on an asynchronous and on a synchronous CPA; each is refused with
its own code. xmlsec1 finds most of these signatures valid: that a signature holds says little.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from tests import messages
from tests.keys import OWN_OIN, holder, rsa_key
from tests.material import MOMENT, cpa_bytes
from tests.messages import (
    C14N_11,
    CPA_ID,
    DS,
    MESSAGE_ID,
    NEXT,
    NEXT_MSH,
    NOT_NEXT,
    NS,
    SOAP,
    Foreign,
    Wire,
    WirePart,
    own,
    part,
    signed,
)

from mobb_client.ebms import agreement, packet
from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.message import UserMessage
from mobb_client.errors import FormatError, ProtocolError, SignatureError

Attack = Callable[[Wire], Wire]
BOTH: Final = pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])


def code_of(wire: Wire, *, sync: bool = False) -> str:
    """Return the code by which a message is refused."""
    with pytest.raises(ProtocolError) as refused:
        wire.verify(sync=sync)
    return refused.value.code


def add_part(new: WirePart, *, first: bool = False) -> Attack:
    """Put a MIME part before or behind those that are signed."""
    return lambda wire: replace(wire, parts=(new, *wire.parts) if first else (*wire.parts, new))


def edit(old: str, new: str) -> Attack:
    """Change one place of the envelope."""
    return lambda wire: wire.edited(old, new)


def everywhere(old: str, new: str) -> Attack:
    """Change every place of the envelope."""

    def attack(wire: Wire) -> Wire:
        assert old.encode() in wire.envelope
        return replace(wire, envelope=wire.envelope.replace(old.encode(), new.encode()))

    return attack


def tree(change: Callable[[etree._Element], object]) -> Attack:
    """Change the envelope as a tree."""
    return lambda wire: wire.rebuilt(change)


def both(*attacks: Attack) -> Attack:
    """Do one after the other."""

    def attack(wire: Wire) -> Wire:
        for one in attacks:
            wire = one(wire)
        return wire

    return attack


def at(root: etree._Element, path: str) -> etree._Element:
    """Return the one element at a path."""
    (found,) = root.findall(path, NS)
    return found


def before(text: str, new: str) -> Attack:
    """Put something before a place of the envelope."""
    return edit(text, new + text)


def test_genuine_messages_are_accepted() -> None:
    """The ground to stand on: what is attacked below is accepted before the attack."""
    for sync in (False, True):
        received = signed(sync=sync).verify(sync=sync)
        assert received.message == messages.user_message(sync=sync)


@BOTH
@pytest.mark.parametrize(
    ("new", "code"),
    [
        (part("foreign@own.example"), "part-not-covered"),
        (part(None), "part-unnamed"),
        (part(""), "part-unnamed"),
        (part("bericht-1@own.example"), "part-twice"),
        (part("bericht-1%40own.example"), "part-not-covered"),
        (part("BERICHT-1@own.example"), "part-not-covered"),
        (part(MESSAGE_ID), "part-not-covered"),
    ],
    ids=["other", "without Content-ID", "empty Content-ID", "repeated", "escaped", "upper case", "of the root"],
)
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_uncovered_part(new: WirePart, code: str, first: bool, sync: bool) -> None:
    """B30: a MIME part that nothing refers to; the Java adapter acknowledges the message and drops the part."""
    assert code_of(add_part(new, first=first)(signed(sync=sync)), sync=sync) == f"signature.{code}"


def test_part_that_poses_as_the_root() -> None:
    """B30: `start` is not signed, so it may point at another envelope; the signed one is then a part too many."""
    wire = signed()
    body = replace(wire, parts=(WirePart(b"Content-Type: text/xml\r\nContent-ID: <evil>", wire.envelope), *wire.parts))
    received = packet.read(body.content_type + '; start="<evil>"', body.body)

    with pytest.raises(SignatureError) as refused:
        packet.verify(received, messages.signing(), own().certificate, synchronous=False)
    assert refused.value.code == "signature.part-not-covered"


HOLLOW: Final[Mapping[str, bytes]] = {
    "false()": b"",
    "not(parent::node())": b"",
    "self::soap:Envelope": b"<soap:Envelope></soap:Envelope>",
    "self::text()": b"",
    "true()": b"",
    f"{NOT_NEXT} and false()": b"",
    NOT_NEXT.replace("next", "nothing"): b"",
    NOT_NEXT.replace("|", " or "): b"",
    NOT_NEXT.replace("soap/actor", "soap/ actor"): b"",
    NOT_NEXT.replace("soap/actor", "soap/\N{NO-BREAK SPACE}actor"): b"",
    NOT_NEXT.replace("not(", "not\N{NO-BREAK SPACE}("): b"",
    NOT_NEXT.replace("@soap:actor", "@actor"): b"",
    NOT_NEXT.replace("@soap:actor", "@eb:actor"): b"",
    NOT_NEXT.replace("@soap:actor", "@eb:actor", 1): b"",
    NOT_NEXT.replace("ancestor-or-self", "descendant-or-self"): b"",
    "": b"",
}


@BOTH
@pytest.mark.parametrize(("xpath", "left"), HOLLOW.items(), ids=range(len(HOLLOW)))
def test_xpath_that_says_something_else(xpath: str, left: bytes, sync: bool) -> None:
    """B30: signed so by a careless or hostile sender; whatever it leaves could be changed afterwards."""
    wire = Foreign(xpath=xpath, covered=left).message(own(), sync=sync)

    assert code_of(wire, sync=sync) == "signature.transform"


def transform(algorithm: str, inside: str = "") -> str:
    """Return a ds:Transform."""
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


BARE: Final = transform(messages.ENVELOPED)
INCLUSIVE: Final = transform(messages.C14N)
WITH_XPATH: Final = transform(messages.XPATH, f"<ds:XPath>{NOT_NEXT}</ds:XPath>")
PREFIXES: Final = f'<ec:InclusiveNamespaces xmlns:ec="{messages.EXC_C14N}" PrefixList="eb"/>'
TRANSFORMS: Final = {
    "none": "",
    "no enveloped": INCLUSIVE,
    "enveloped twice": BARE + BARE,
    "C14N first": INCLUSIVE + BARE,
    "C14N between": BARE + INCLUSIVE + WITH_XPATH,
    "C14N twice": BARE + INCLUSIVE + INCLUSIVE,
    "XPath twice": BARE + WITH_XPATH + WITH_XPATH,
    "XPath without text": BARE + transform(messages.XPATH),
    "XPath in enveloped": transform(messages.ENVELOPED, f"<ds:XPath>{NOT_NEXT}</ds:XPath>"),
    "prefixes in enveloped": transform(messages.ENVELOPED, PREFIXES),
    "prefixes in inclusive C14N": BARE + transform(messages.C14N, PREFIXES),
    "prefixes in XPath": BARE + transform(messages.XPATH, f"<ds:XPath>{NOT_NEXT}</ds:XPath>{PREFIXES}"),
    "XPath Filter 2.0": BARE + transform("http://www.w3.org/2002/06/xmldsig-filter2"),
    "XSLT": BARE + transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
    "base64": transform("http://www.w3.org/2000/09/xmldsig#base64"),
    "unknown": transform("urn:unknown"),
    "without name": "<ds:Transform/>",
}


@BOTH
@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS)
def test_other_transforms(transforms: str, sync: bool) -> None:
    """B30: only what ebMS 2.0 names, each at most once, C14N last."""
    wire = Foreign(transforms=f"<ds:Transforms>{transforms}</ds:Transforms>", covered=b"").message(own(), sync=sync)

    assert code_of(wire, sync=sync) == "signature.transform"


@BOTH
@pytest.mark.parametrize(
    "algorithm", [messages.C14N, messages.ENVELOPED, "http://www.w3.org/2000/09/xmldsig#base64", messages.XPATH]
)
def test_transform_of_a_payload(algorithm: str, sync: bool) -> None:
    """B30: a payload is covered octet by octet, whatever the Java adapter would do with a C14N here."""
    transform = f'<ds:Transforms><ds:Transform Algorithm="{algorithm}"/></ds:Transforms>'

    assert code_of(Foreign(cid_transforms=transform).message(own(), sync=sync), sync=sync) == (
        "signature.payload-transform"
    )


def nested(where: str, block: str) -> Attack:
    """Put an element, in the prefixes of the envelope, before the end of another one."""
    return before(f"</{where}>", block)


EXTRA_REFERENCE: Final = (
    f'<eb:Reference xlink:type="simple" xlink:href="cid:foreign@evil.example" soap:actor="{NEXT}"/>'
)
NOT_COVERED: Final[Mapping[str, tuple[Attack, str]]] = {
    "a Reference in the Manifest with its part": (
        both(nested("eb:Manifest", EXTRA_REFERENCE), add_part(part("foreign@evil.example"))),
        "signature.part-not-covered",
    ),
    "a Reference in the Manifest": (nested("eb:Manifest", EXTRA_REFERENCE), "signature.manifest"),
    "a Reference for nextMSH": (
        nested("eb:Manifest", EXTRA_REFERENCE.replace(NEXT, NEXT_MSH)),
        "signature.manifest",
    ),
    "a Reference to a part that is covered": (
        nested("eb:Manifest", EXTRA_REFERENCE.replace("foreign@evil", "bericht-1@own")),
        "signature.manifest",
    ),
    "a second MessageHeader": (
        lambda wire: wire.edited("</eb:MessageHeader>", f"</eb:MessageHeader>{other_header(wire)}"),
        "xml.once",
    ),
    "a MessageHeader before the first": (
        lambda wire: wire.edited("<soap:Header>", f"<soap:Header>{other_header(wire)}"),
        "xml.once",
    ),
    "a second AckRequested": (
        before(
            "</soap:Header>",
            f'<eb:AckRequested eb:version="2.0" soap:mustUnderstand="1" eb:signed="false" soap:actor="{NEXT}"/>',
        ),
        "xml.once",
    ),
    "an ErrorList": (
        before(
            "</soap:Header>",
            f'<eb:ErrorList eb:version="2.0" soap:mustUnderstand="1" eb:highestSeverity="Error" soap:actor="{NEXT}">'
            '<eb:Error eb:errorCode="Unknown" eb:severity="Error"/></eb:ErrorList>',
        ),
        "envelope.bundle",
    ),
    "a MessageOrder": (
        before(
            "</soap:Header>",
            f'<eb:MessageOrder eb:version="2.0" soap:mustUnderstand="1" soap:actor="{NEXT}">'
            "<eb:SequenceNumber>1</eb:SequenceNumber></eb:MessageOrder>",
        ),
        "signature.exempt",
    ),
    "a foreign block": (
        before("</soap:Header>", f'<x:note xmlns:x="urn:x" soap:actor="{NEXT}"/>'),
        "signature.exempt",
    ),
    "a foreign block for nextMSH": (
        before("</soap:Header>", f'<x:note xmlns:x="urn:x" soap:actor="{NEXT_MSH}"/>'),
        "signature.exempt",
    ),
    "an element in the MessageHeader": (
        nested("eb:MessageHeader", f'<x:note xmlns:x="urn:x" soap:actor="{NEXT}"/>'),
        "signature.exempt",
    ),
    "a second PartyId": (
        edit(f"{OWN_OIN}</eb:PartyId>", f'{OWN_OIN}</eb:PartyId><eb:PartyId soap:actor="{NEXT}">1</eb:PartyId>'),
        "envelope.schema",
    ),
    "an element in the Body": (
        nested("soap:Body", f'<x:note xmlns:x="urn:x" soap:actor="{NEXT}"/>'),
        "signature.exempt",
    ),
    "an element behind the Body": (
        nested("soap:Envelope", f'<x:note xmlns:x="urn:x" soap:actor="{NEXT}"/>'),
        "signature.exempt",
    ),
    "a foreign SyncReply": (
        before("</soap:Header>", f'<x:SyncReply xmlns:x="urn:x" soap:actor="{NEXT}"/>'),
        "signature.exempt",
    ),
    "a SyncReply in the MessageHeader": (
        nested(
            "eb:Manifest",
            f'<x:i xmlns:x="urn:x"><eb:SyncReply eb:version="2.0" soap:mustUnderstand="1" soap:actor="{NEXT}"/></x:i>',
        ),
        "signature.exempt",
    ),
    "an actor on a signed block": (
        edit('soap:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"', f'soap:actor="{NEXT}"'),
        "signature.exempt",
    ),
    "an actor on the Envelope": (edit("<soap:Envelope ", f'<soap:Envelope soap:actor="{NEXT}" '), "envelope.schema"),
    "an actor on the Header": (edit("<soap:Header>", f'<soap:Header soap:actor="{NEXT}">'), "envelope.schema"),
    "an actor on the Body": (edit("<soap:Body>", f'<soap:Body soap:actor="{NEXT}">'), "signature.exempt"),
    "an actor on the Signature": (edit("<ds:Signature>", f'<ds:Signature soap:actor="{NEXT}">'), "signature.exempt"),
    "an actor in the Signature": (
        nested("ds:Signature", f'<ds:Object soap:actor="{NEXT}"><eb:CPAId>other</eb:CPAId></ds:Object>'),
        "signature.exempt",
    ),
    "an actor by another prefix": (
        before("</soap:Header>", f'<x:note xmlns:x="urn:x" xmlns:S="{SOAP}" S:actor="{NEXT}"/>'),
        "signature.exempt",
    ),
}


def other_header(wire: Wire) -> str:
    """Return the message's own header under another MessageId, for the next actor: a replay."""
    text = wire.envelope.decode()
    header = text[text.index("<eb:MessageHeader ") : text.index("</eb:MessageHeader>")] + "</eb:MessageHeader>"
    header = header.replace("<eb:MessageHeader ", f"<eb:MessageHeader soap:actor='{NEXT}' ")
    return header.replace(MESSAGE_ID, "another@own.example")


@BOTH
@pytest.mark.parametrize(("attack", "code"), NOT_COVERED.values(), ids=NOT_COVERED)
def test_content_for_the_next_actor(attack: Attack, code: str, sync: bool) -> None:
    """B74: the XPath leaves out whatever says that it is for the next actor, at any depth, whoever put it there."""
    assert code_of(attack(signed(sync=sync)), sync=sync) == code


SYNC_REPLY: Final = f'<eb:SyncReply eb:version="2.0" soap:mustUnderstand="1" soap:actor="{NEXT}"/>'


def test_sync_reply_added() -> None:
    """B74: on an asynchronous CPA nothing may stand outside the signature; without CPA nobody can tell."""
    wire = before("<eb:AckRequested ", SYNC_REPLY)(signed())

    assert code_of(wire) == "signature.exempt"
    wire.verify(sync=True)


def test_sync_reply_taken_away() -> None:
    """d.7: the signature of a synchronous message still holds without it, so the header is held against the CPA."""
    cpa = CPA.parse(cpa_bytes("osb-rm-s", sync=True))
    route = cpa.route("GLOBE-R-BV-Request", now=MOMENT)
    message = agreement.compose(
        route, content_ids=(), message_id=MESSAGE_ID, conversation_id="conversation", timestamp=MOMENT
    )
    assert message.sync_reply is not None
    assert agreement.judge(message, cpa, now=MOMENT).sync_reply
    wire = messages.written(message, ())
    stripped = wire.rebuilt(lambda root: messages.cut(at(root, "soap:Header/eb:SyncReply"))).verify(sync=True).message
    assert isinstance(stripped, UserMessage)

    assert stripped == replace(message, sync_reply=None)
    with pytest.raises(FormatError) as refused:
        agreement.judge(stripped, cpa, now=MOMENT)
    assert (refused.value.code, refused.value.ebms_code) == ("agreement.sync-reply", "Inconsistent")


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (f'<x:note xmlns:x="urn:x" soap:actor="{NEXT}"/>', "signature.exempt"),
        ('<x:note xmlns:x="urn:x"/>', "signature.exempt"),
        (f"<eb:SyncReply soap:actor='{NEXT}'/>", "envelope.schema"),
        ("text", "envelope.schema"),
    ],
)
def test_sync_reply_with_something_in_it(inside: str, code: str) -> None:
    """B74: what is in the one block that may stand outside the signature is covered by nothing either."""
    wire = signed(sync=True)
    reply = re.search(rb"<eb:SyncReply [^>]*/>", wire.envelope)
    assert reply is not None
    filled = wire.edited(reply[0], reply[0][:-2].decode() + f">{inside}</eb:SyncReply>")

    assert code_of(filled, sync=True) == code


def test_sync_reply_twice() -> None:
    """B74: at most one."""
    assert code_of(before("<eb:AckRequested ", SYNC_REPLY)(signed(sync=True)), sync=True) == "xml.once"


@BOTH
@pytest.mark.parametrize("text", [MESSAGE_ID, CPA_ID, OWN_OIN], ids=["MessageId", "CPAId", "PartyId"])
@pytest.mark.parametrize("comment", ["<!---->", "<!-- x -->", "<!--a--><!--b-->"])
def test_comment_inside_a_text(text: str, comment: str, sync: bool) -> None:
    """B75: C14N drops comments, so the signature holds; what is read is the whole text that was signed."""
    wire = edit(f">{text}<", f">{text[:3]}{comment}{text[3:]}<")(signed(sync=sync))

    assert wire.verify(sync=sync).message == messages.user_message(sync=sync)


@BOTH
def test_comments_everywhere(sync: bool) -> None:
    """B75: beside the root, between elements, in the Signature."""
    wire = signed(sync=sync)
    text = re.sub(rb"(</?(?:eb|ds|soap):)", rb"<!-- c -->\1", wire.envelope) + b"<!-- behind -->"

    assert replace(wire, envelope=text).verify(sync=sync).message == messages.user_message(sync=sync)


@BOTH
def test_cdata_inside_a_text(sync: bool) -> None:
    """B75: CDATA is another way to write the same text."""
    wire = edit(f">{CPA_ID}<", f">{CPA_ID[:3]}<![CDATA[{CPA_ID[3:]}]]><")(signed(sync=sync))

    assert wire.verify(sync=sync).message == messages.user_message(sync=sync)


INSTRUCTIONS: Final[Mapping[str, Attack]] = {
    "before the root": lambda wire: replace(wire, envelope=b"<?evil x?>" + wire.envelope),
    "a stylesheet": lambda wire: replace(wire, envelope=b'<?xml-stylesheet href="x"?>' + wire.envelope),
    "after the root": lambda wire: replace(wire, envelope=wire.envelope + b"<?evil x?>"),
    "in the Header": before("<eb:MessageHeader ", "<?evil x?>"),
    "in a text": edit(f">{CPA_ID}<", f">{CPA_ID[:3]}<?evil?>{CPA_ID[3:]}<"),
    "in the Signature": before("<ds:SignatureValue>", "<?evil x?>"),
}


@BOTH
@pytest.mark.parametrize("attack", INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_processing_instruction(attack: Attack, sync: bool) -> None:
    """B76: covered by the signature wherever it stands, and not seen by a digest over a copy of the root."""
    assert code_of(attack(signed(sync=sync)), sync=sync) == "xml.processing-instruction"


DOCTYPES: Final = {
    "empty": "<!DOCTYPE soap:Envelope>",
    "file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "network": '<!DOCTYPE x SYSTEM "http://localhost:1/x.dtd">',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % e SYSTEM "http://localhost:1/x.dtd"> %e;]>',
    "laughs": '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in ("ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"))
    + "]>",
    "defaults": '<!DOCTYPE x [<!ATTLIST eb:CPAId soap:actor CDATA "http://schemas.xmlsoap.org/soap/actor/next">]>',
}


@BOTH
@pytest.mark.usefixtures("no_hang")
@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_doctype(doctype: str, sync: bool) -> None:
    """B30: no DTD is read, no entity expanded, no file or network looked at."""
    wire = signed(sync=sync)

    assert code_of(replace(wire, envelope=doctype.encode() + wire.envelope), sync=sync) == "xml.doctype"


def test_entity_in_a_text() -> None:
    """B30: nor where one is used: the refusal quotes nothing."""
    wire = edit(f">{CPA_ID}<", ">&e;<")(signed())
    wire = replace(wire, envelope=DOCTYPES["file"].encode() + wire.envelope)

    with pytest.raises(FormatError, match="DOCTYPE") as refused:
        wire.read()
    assert "root:" not in str(refused.value)


def moved(path: str) -> Attack:
    """Move the signature into another element."""
    return tree(lambda root: at(root, path).append(at(root, "soap:Header/ds:Signature")))


def wrapped(root: etree._Element) -> None:
    """Keep the signed envelope whole in a block of its own, and put other content where a reader looks."""
    original = etree.fromstring(etree.tostring(root))
    at(root, "soap:Header").remove(at(root, "soap:Header/ds:Signature"))
    at(root, "soap:Header/eb:MessageHeader/eb:ConversationId").text = "evil"
    etree.SubElement(at(root, "soap:Header"), "{urn:x}wrapper").append(original)


def wrapped_beside(root: etree._Element) -> None:
    """Keep the signed header in the signature's own ds:Object, and change what a reader looks at."""
    original = etree.fromstring(etree.tostring(at(root, "soap:Header/eb:MessageHeader")))
    at(root, "soap:Header/eb:MessageHeader/eb:ConversationId").text = "evil"
    etree.SubElement(at(root, "soap:Header/ds:Signature"), f"{{{DS}}}Object").append(original)


def second_header(root: etree._Element) -> None:
    """Put a whole Header of one's own before the signed one."""
    copy = etree.fromstring(etree.tostring(at(root, "soap:Header")))
    copy.remove(at(copy, "ds:Signature"))
    root.insert(0, copy)


PLACES: Final[Mapping[str, tuple[Attack, str]]] = {
    "in the Body": (moved("soap:Body"), "signature.misplaced"),
    "in the MessageHeader": (moved("soap:Header/eb:MessageHeader"), "signature.misplaced"),
    "behind the Body": (
        tree(lambda root: root.append(at(root, "soap:Header/ds:Signature"))),
        "signature.misplaced",
    ),
    "in a block": (
        tree(
            lambda root: etree.SubElement(at(root, "soap:Header"), "{urn:x}wrapper").append(
                at(root, "soap:Header/ds:Signature")
            )
        ),
        "signature.misplaced",
    ),
    "with the envelope in a block": (tree(wrapped), "signature.misplaced"),
    "with the envelope in its own Object": (tree(wrapped_beside), "signature.digest"),
    "behind a Header of its own": (tree(second_header), "envelope.schema"),
    "twice": (
        tree(
            lambda root: at(root, "soap:Header").append(
                etree.fromstring(etree.tostring(at(root, "soap:Header/ds:Signature")))
            )
        ),
        "signature.several",
    ),
    "twice, one in the Body": (
        tree(
            lambda root: at(root, "soap:Body").append(
                etree.fromstring(etree.tostring(at(root, "soap:Header/ds:Signature")))
            )
        ),
        "signature.several",
    ),
    "taken away": (
        tree(lambda root: messages.cut(at(root, "soap:Header/ds:Signature"))),
        "signature.missing",
    ),
    "in another namespace": (edit(f'xmlns:ds="{DS}"', 'xmlns:ds="urn:evil"'), "signature.missing"),
}


@BOTH
@pytest.mark.parametrize(("attack", "code"), PLACES.values(), ids=PLACES)
def test_signature_in_another_place(attack: Attack, code: str, sync: bool) -> None:
    """B30: a signature counts when it is the only one and a child of the only soap:Header."""
    assert code_of(attack(signed(sync=sync)), sync=sync) == code


def reference(uri: str) -> str:
    """Return a reference with a digest of nothing."""
    digest = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    return (
        f'<ds:Reference{uri}><ds:DigestMethod Algorithm="{messages.DIGESTS["sha256"]}"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )


REFERENCES: Final = {
    ' URI=""': "signature.reference-twice",
    ' URI="cid:bericht-1@own.example"': "signature.reference-twice",
    ' URI="cid:bericht-1%40own.example"': "signature.reference-twice",
    ' URI="cid:foreign@evil.example"': "signature.part-missing",
    ' URI="cid:"': "signature.part-missing",
    ' URI="http://evil.example/x"': "signature.reference-elsewhere",
    ' URI="file:///etc/passwd"': "signature.reference-elsewhere",
    ' URI="#id"': "signature.reference-elsewhere",
    ' URI="#xpointer(/)"': "signature.reference-elsewhere",
    ' URI="CID:bericht-1@own.example"': "signature.reference-elsewhere",
    ' URI=" "': "signature.reference-elsewhere",
    "": "xml.attribute",
}


@BOTH
@pytest.mark.parametrize(("uri", "code"), REFERENCES.items(), ids=REFERENCES)
def test_reference_too_many(uri: str, code: str, sync: bool) -> None:
    """B30: one reference to the envelope, one to each part, each once, and none to anything else."""
    assert code_of(before("</ds:SignedInfo>", reference(uri))(signed(sync=sync)), sync=sync) == code


@BOTH
@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("", "signature.envelope-not-covered"),
        ("cid:bericht-1@own.example", "signature.part-not-covered"),
        ("cid:bericht-2@own.example", "signature.part-not-covered"),
    ],
)
def test_reference_too_few(uri: str, code: str, sync: bool) -> None:
    """B30: what no reference covers is not signed."""
    path = f"soap:Header/ds:Signature/ds:SignedInfo/ds:Reference[@URI='{uri}']"
    taken = tree(lambda root: messages.cut(at(root, path)))

    assert code_of(taken(signed(sync=sync)), sync=sync) == code


def add_text(text: str) -> Callable[[etree._Element], None]:
    """Put text at the end of an element."""

    def add(element: etree._Element) -> None:
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text

    return add


STRANGERS: Final[Mapping[str, Callable[[etree._Element], object]]] = {
    "an element": lambda element: etree.SubElement(element, "{urn:x}note"),
    "an element without namespace": lambda element: etree.SubElement(element, "note"),
    "an element of XML Signature": lambda element: etree.SubElement(element, f"{{{DS}}}HMACOutputLength"),
    "text": add_text("text"),
    "text that looks like a declaration": add_text(' xmlns=""'),
}


@BOTH
@pytest.mark.parametrize("add", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize(
    "where",
    [
        "SignedInfo",
        "CanonicalizationMethod",
        "SignatureMethod",
        "Reference",
        "Transforms",
        "Transform",
        "DigestMethod",
    ],
)
def test_stranger_in_signed_info(where: str, add: Callable[[etree._Element], object], sync: bool) -> None:
    """B30: what has no meaning here could have one elsewhere: HMACOutputLength had."""
    wire = tree(lambda root: add(next(root.iter(f"{{{DS}}}{where}"))))(signed(sync=sync))

    assert code_of(wire, sync=sync) == "signature.foreign"


def element_text(path: str, change: Callable[[str], str]) -> Attack:
    """Change the text of the first element at a path."""

    def attack(root: etree._Element) -> None:
        element = root.find(path, NS)
        assert element is not None
        element.text = change(element.text or "")

    return tree(attack)


def flipped(text: str) -> str:
    """Return base64 with one bit in the middle turned over."""
    octets = bytearray(base64.b64decode(text))
    octets[len(octets) // 2] ^= 1
    return base64.b64encode(octets).decode()


def shorter(text: str) -> str:
    """Return base64 of the first half."""
    octets = base64.b64decode(text)
    return base64.b64encode(octets[: len(octets) // 2]).decode()


def other_certificate(text: str) -> str:
    """Return another certificate of the same name on another key."""
    del text
    mallory = holder(OWN_OIN, key=rsa_key("mallory"))
    return base64.b64encode(mallory.x509.public_bytes(Encoding.DER)).decode()


def other_version(text: str) -> str:
    """Return the certificate as one of version 8, which there is not."""
    version = bytes.fromhex("a0030201")
    octets = base64.b64decode(text)
    assert octets.count(version + b"\x02") == 1
    return base64.b64encode(octets.replace(version + b"\x02", version + b"\x07")).decode()


INFO: Final = "soap:Header/ds:Signature/ds:SignedInfo"
VALUE: Final = "soap:Header/ds:Signature/ds:SignatureValue"
CERTIFICATE: Final = "soap:Header/ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate"
SPOILED: Final[Mapping[str, tuple[Attack, str]]] = {
    "header text": (edit("aanleveren", "afleveren"), "signature.digest"),
    "header attribute": (edit('eb:signed="true"', 'eb:signed="false"'), "signature.digest"),
    "white space in the header": (edit("</eb:CPAId>", "</eb:CPAId> "), "signature.digest"),
    "white space in a text": (edit("</eb:CPAId>", " </eb:CPAId>"), "signature.digest"),
    "white space around the signature": (edit("</ds:Signature>", "</ds:Signature>\n"), "signature.digest"),
    "a new header element": (edit("<eb:DuplicateElimination/>", ""), "signature.digest"),
    "the Manifest's order": (
        tree(lambda root: at(root, "soap:Body/eb:Manifest").insert(0, at(root, "soap:Body/eb:Manifest")[1])),
        "signature.digest",
    ),
    "payload octet": (
        lambda wire: replace(wire, parts=(replace(wire.parts[0], octets=b"<bericht>Zoe</bericht>\r\n"), wire.parts[1])),
        "signature.digest",
    ),
    "payload one octet more": (
        lambda wire: replace(wire, parts=(replace(wire.parts[0], octets=wire.parts[0].octets + b"\n"), wire.parts[1])),
        "signature.digest",
    ),
    "parts exchanged": (
        lambda wire: replace(
            wire,
            parts=(
                replace(wire.parts[0], octets=wire.parts[1].octets),
                replace(wire.parts[1], octets=wire.parts[0].octets),
            ),
        ),
        "signature.digest",
    ),
    "part missing": (lambda wire: replace(wire, parts=wire.parts[:1]), "signature.part-missing"),
    "no part at all": (lambda wire: replace(wire, parts=()), "signature.part-missing"),
    "digest of the envelope": (element_text(f"{INFO}/ds:Reference/ds:DigestValue", flipped), "signature.digest"),
    "digest cut short": (element_text(f"{INFO}/ds:Reference/ds:DigestValue", shorter), "signature.digest"),
    "digest empty": (element_text(f"{INFO}/ds:Reference/ds:DigestValue", lambda _: ""), "signature.digest"),
    "digest rubbish": (element_text(f"{INFO}/ds:Reference/ds:DigestValue", lambda _: "?"), "xml.base64"),
    "digest repaired after the change": (
        lambda wire: repaired(wire.edited("aanleveren", "afleveren")),
        "signature.value",
    ),
    "blank in SignedInfo": (edit("<ds:SignedInfo>", "<ds:SignedInfo> "), "signature.value"),
    "value": (element_text(VALUE, flipped), "signature.value"),
    "value cut short": (element_text(VALUE, shorter), "signature.value"),
    "value empty": (element_text(VALUE, lambda _: ""), "signature.value"),
    "value rubbish": (element_text(VALUE, lambda _: "Zo\xeb"), "xml.base64"),
    "value with padding inside": (element_text(VALUE, lambda text: "AA==" + text), "xml.base64"),
    "certificate": (element_text(CERTIFICATE, other_certificate), "signature.certificate"),
    "certificate rubbish": (element_text(CERTIFICATE, lambda _: "AAAA"), "signature.certificate.unreadable"),
    "certificate cut short": (element_text(CERTIFICATE, shorter), "signature.certificate.unreadable"),
    "certificate of another version": (element_text(CERTIFICATE, other_version), "signature.certificate.unreadable"),
    "certificate empty": (element_text(CERTIFICATE, lambda _: ""), "signature.certificate.unreadable"),
    "a prefix more": (edit("<soap:Envelope ", '<soap:Envelope xmlns:x="urn:x" '), "signature.digest"),
    "the XPath's prefix": (edit("<ds:XPath>", '<ds:XPath xmlns:soap="urn:evil">'), "signature.transform"),
    "the XPath's prefix above": (
        edit("<ds:SignedInfo>", '<ds:SignedInfo xmlns:soap="urn:evil">'),
        "signature.transform",
    ),
    "xml:lang above": (edit("<soap:Header>", '<soap:Header xml:lang="nl">'), "signature.digest"),
    "xml:lang on the signature": (edit("<ds:Signature>", '<ds:Signature xml:lang="nl">'), "signature.value"),
    "xml:base under C14N 1.1": (
        both(everywhere(messages.C14N, C14N_11), edit("<soap:Body>", '<soap:Body xml:base="x">')),
        "signature.canonicalization",
    ),
    "a relative namespace": (
        nested("eb:MessageHeader", '<x:note xmlns:x="relative"/>'),
        "signature.canonicalization",
    ),
    "a namespace that is no URI": (
        nested("eb:MessageHeader", '<x:note xmlns:x="http://[x"/>'),
        "xml.syntax",
    ),
    "CanonicalizationMethod": (
        edit(
            f'<ds:CanonicalizationMethod Algorithm="{messages.C14N}"/>',
            '<ds:CanonicalizationMethod Algorithm="urn:x"/>',
        ),
        "signature.canonicalization",
    ),
    "no references": (
        tree(lambda root: etree.strip_elements(at(root, INFO), f"{{{DS}}}Reference")),
        "signature.envelope-not-covered",
    ),
    "no SignedInfo": (tree(lambda root: messages.cut(at(root, INFO))), "xml.once"),
    "no SignatureValue": (tree(lambda root: messages.cut(at(root, VALUE))), "xml.once"),
}


def repaired(wire: Wire) -> Wire:
    """Put the right digest of the changed envelope into the signature, as one does who has no key."""
    digest = hashlib.sha256(Foreign().covered_octets(etree.fromstring(wire.envelope))).digest()
    return element_text(f"{INFO}/ds:Reference/ds:DigestValue", lambda _: base64.b64encode(digest).decode())(wire)


@BOTH
@pytest.mark.parametrize(("attack", "code"), SPOILED.values(), ids=SPOILED)
def test_one_thing_changed(attack: Attack, code: str, sync: bool) -> None:
    """d.7 steps 3 to 5: each with its own code."""
    assert code_of(attack(signed(sync=sync)), sync=sync) == code


@BOTH
@pytest.mark.parametrize(("key_info", "code"), [("certificate", "signature.certificate"), ("", "signature.value")])
def test_signed_anew_by_another(key_info: str, code: str, sync: bool) -> None:
    """B30: a signature that holds, by a key that the CPA does not name, whatever KeyInfo says."""
    mallory = holder(OWN_OIN, key=rsa_key("mallory"))
    wire = Foreign(key_info=key_info).message(mallory, sync=sync)  # type: ignore[arg-type] # one of its words

    assert code_of(wire, sync=sync) == code
    wire.verify(sync=sync, signer=mallory)


def test_changed_without_effect() -> None:
    """d.7 step 7: what no signature covers may differ: part headers, part order, SyncReply's attributes, ds:Object."""
    wire = signed(sync=True)
    first, second = wire.parts
    changed = replace(wire, parts=(replace(second, head=second.head + b"\r\nContent-Type: image/png"), first))
    changed = changed.edited("<eb:SyncReply ", '<eb:SyncReply eb:id="i" ')
    changed = changed.edited("</ds:Signature>", "<ds:Object/></ds:Signature>")

    assert changed.verify(sync=True).message == wire.read().message


def stuffed(inside: str, attributes: str = "") -> Attack:
    """Put an element of its own into the MessageHeader, with much in it."""
    return nested("eb:MessageHeader", f'<x:y xmlns:x="urn:x" {attributes}>{inside}</x:y>')


HUGE: Final[Mapping[str, tuple[Attack, str]]] = {
    "references to nothing": (
        before("</ds:SignedInfo>", "".join(reference(f' URI="cid:{n}"') for n in range(20_000))),
        "signature.part-missing",
    ),
    "references to the envelope": (
        before("</ds:SignedInfo>", reference(' URI=""') * 20_000),
        "signature.reference-twice",
    ),
    "namespaces": (
        stuffed("<x:z/>" * 20_000, " ".join(f'xmlns:p{n}="urn:{n}"' for n in range(3_000))),
        "signature.complexity",
    ),
    "attributes": (stuffed("", " ".join(f'a{n}=""' for n in range(100_000))), "signature.complexity"),
    "elements": (stuffed("<x:z/>" * 100_000), "signature.digest"),
    "deep": (stuffed("<x:z>" * 200 + "</x:z>" * 200), "signature.digest"),
    "too deep": (stuffed("<x:z>" * 20_000 + "</x:z>" * 20_000), "xml.syntax"),
    "long XPath": (edit("<ds:XPath>", "<ds:XPath>" + " " * 1_000_000), "signature.value"),
    "nested XPath": (edit("<ds:XPath>", "<ds:XPath>" + "not(" * 100_000), "signature.transform"),
}


@pytest.mark.usefixtures("no_hang")
@pytest.mark.parametrize(("attack", "code"), HUGE.values(), ids=HUGE)
def test_huge_message_is_refused_in_bounded_time(attack: Attack, code: str) -> None:
    """B30: 54 kB of namespace declarations keep a C14N busy for twenty seconds; nothing here is worse than linear."""
    assert code_of(attack(signed())) == code


def test_certificates_beyond_reason() -> None:
    """B30: finding the signer among the certificates of KeyInfo costs their number squared, so there are few."""
    certificate = "<ds:X509Certificate>" + other_certificate("") + "</ds:X509Certificate>"

    assert code_of(before("</ds:X509Data>", certificate * 100)(signed())) == "signature.certificate.several"
    assert code_of(before("</ds:X509Data>", certificate)(signed())) == "signature.certificate.several"


@pytest.mark.parametrize("letter", ["\N{LATIN SMALL LETTER E WITH DIAERESIS}", "\N{HIRAGANA LETTER A}", "\U00010400"])
def test_name_of_other_letters(letter: str) -> None:
    """h-30: an element with such a name is refused by the schema, and explaining that does not crash."""
    assert code_of(everywhere("eb:Role>", f"eb:R{letter}le>")(signed())) == "envelope.schema"


@pytest.mark.parametrize("wire", [Wire(envelope=b""), Wire(envelope=b"<x/>"), Wire(envelope=b"\xff")])
def test_no_envelope_at_all(wire: Wire) -> None:
    """d.7 step 1: refused before anything is asked of a signature."""
    assert code_of(wire) in {"xml.syntax", "envelope.root"}
