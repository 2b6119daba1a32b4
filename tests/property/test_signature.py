"""Laws of signed messages: what is verified is what was written, and nothing else is verified."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from tests import messages
from tests.messages import CONTENTS, DIGESTS, DS, NOT_NEXT, XPATH, Foreign, Wire, own, partner, signed, user_message

from mobb_client.ebms import canonical, packet, signature
from mobb_client.ebms.message import DigestReference, MessageHeader, Party, PartyId, Service, Transform, UserMessage
from mobb_client.errors import ProtocolError, SignatureError

BOTH: Final = pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])


def text() -> st.SearchStrategy[str]:
    """Give texts that XML can hold and that do not begin or end with a blank."""
    characters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
    return st.text(characters | st.sampled_from("&<>\"' \t\r\n\U0001d11e"), min_size=1, max_size=40).filter(
        lambda found: found == found.strip(" \t\r\n") and bool(found)
    )


@cache
def genuine(*, sync: bool) -> Wire:
    """Return our signed message, once."""
    return signed(sync=sync)


def meaning(received: packet.Received) -> object:
    """Return all that a receiver uses of a message and that the signature covers."""
    message = received.message
    assert isinstance(message, UserMessage)
    return replace(message, sync_reply=None), {part.content_id: part.octets for part in received.parts}


def refused_or_same(wire: Wire, original: Wire, *, sync: bool) -> bool:
    """Tell whether a spoiled message is refused; if not, it must mean what the original means."""
    try:
        received = wire.verify(sync=sync)
    except ProtocolError:
        return True
    assert meaning(received) == meaning(original.read())
    return False


# What is written is verified


def headers() -> st.SearchStrategy[MessageHeader]:
    """Give headers with any text in every place that has a text."""
    return st.builds(
        replace,
        st.just(user_message().header),
        cpa_id=text(),
        conversation_id=text(),
        service=st.builds(Service, text(), st.none() | text()),
        action=text(),
        sender=st.builds(Party, st.tuples(st.builds(PartyId, text(), text())), text()),
        ref_to_message_id=st.none() | text(),
    )


@given(headers(), st.booleans())
def test_any_header_is_verified(header: MessageHeader, sync: bool) -> None:
    """d.3: whatever stands in the header, it is what was signed: white space, quotes, signs outside the BMP."""
    message = replace(user_message(0, sync=sync), header=header)

    assert messages.written(message, ()).verify(sync=sync).message == message


@given(st.lists(st.binary(max_size=200), max_size=5), st.sampled_from(sorted(DIGESTS)))
def test_any_payload_is_verified(contents: list[bytes], hash_name: messages.HashName) -> None:
    """d.4: whatever the octets, they are what was signed."""
    received = messages.written(user_message(len(contents)), contents, hash_name).verify(hash_name=hash_name)

    assert [part.octets for part in received.parts] == contents


@given(
    st.builds(
        Foreign,
        prefix=st.sampled_from(["ds", "", "dsig", "s"]),
        soap=st.sampled_from(["soap", "SOAP-ENV", "S"]),
        xpath=st.sampled_from([NOT_NEXT, None]),
        c14n=st.sampled_from(sorted(canonical.C14N_METHODS)),
        transform_c14n=st.sampled_from(["", None, *sorted(canonical.C14N_METHODS)]),
        first=st.booleans(),
        backwards=st.booleans(),
        key_info=st.sampled_from(["certificate", "chain", "value", ""]),
        crlf=st.booleans(),
        hash_name=st.sampled_from(sorted(DIGESTS)),
        more=st.sampled_from(["", ' xml:lang="nl"', ' xml:space="preserve"']),
    ),
    st.booleans(),
)
def test_any_way_of_signing_is_verified(way: Foreign, sync: bool) -> None:
    """h-1 to h-3: ways of signing may be combined at will."""
    way.message(partner(), sync=sync).verify(sync=sync, signer=partner(), hash_name=way.hash_name)


# Nothing else is verified


def spoiled(text: str) -> Iterator[str]:
    """Give a text with one character more, less and other, in the middle, and with a blank more."""
    at = len(text) // 2
    yield text[:at] + "0" + text[at:]
    yield text[:at] + "\n" + text[at:]
    if text:
        yield text[:at] + text[at + 1 :]
        yield text[:at] + ("1" if text[at] != "1" else "0") + text[at + 1 :]


def one_thing_spoiled(wire: Wire) -> Iterator[tuple[str, Wire]]:
    """Give the message with each text, each white space and each attribute of its envelope spoiled in four ways."""
    tree = etree.fromstring(wire.envelope).getroottree()
    for element in tree.getroot().iter(etree.Element):
        path = tree.getelementpath(element)
        for kind in ("text", "tail"):
            before = getattr(element, kind)
            if kind == "tail" and element.getparent() is None:
                continue
            for after in spoiled(before or ""):
                setattr(element, kind, after)
                yield f"{path}/{kind}", replace(wire, envelope=etree.tostring(tree))
            setattr(element, kind, before)
        for key, value in element.attrib.items():
            for after in spoiled(str(value)):
                element.set(key, after)
                yield f"{path}/@{key}", replace(wire, envelope=etree.tostring(tree))
            element.set(key, value)


EB: Final = f"{{{messages.EB}}}"
SOAP: Final = f"{{{messages.SOAP}}}"
SIGNATURE: Final = f"{SOAP}Header/{{{DS}}}Signature"
NOT_SIGNED: Final = {
    f"{SIGNATURE}/text": "white space beside SignedInfo is covered by nothing, and read by nobody",
    f"{SIGNATURE}/{{{DS}}}SignedInfo/tail": "idem",
    f"{SIGNATURE}/{{{DS}}}SignatureValue/tail": "idem",
    f"{SIGNATURE}/{{{DS}}}KeyInfo/text": "idem",
    f"{SIGNATURE}/{{{DS}}}KeyInfo/tail": "idem",
    f"{SIGNATURE}/{{{DS}}}KeyInfo/{{{DS}}}X509Data/text": "idem",
    f"{SIGNATURE}/{{{DS}}}KeyInfo/{{{DS}}}X509Data/tail": "idem",
    f"{SIGNATURE}/{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate/tail": "idem",
    f"{SIGNATURE}/{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate/text": "blanks in base64 mean nothing",
    f"{SIGNATURE}/{{{DS}}}SignatureValue/text": "idem",
    f"{SOAP}Header/{EB}SyncReply/text": "SyncReply is covered by nothing; white space in it is read by nobody",
    f"{SOAP}Header/{EB}SyncReply/@{EB}version": "SyncReply is covered by nothing; `agreement` looks at its version",
    f"{SOAP}Header/{EB}SyncReply/@{SOAP}mustUnderstand": "SyncReply is covered by nothing; 0 for 1 means nothing here",
}


@BOTH
def test_every_text_and_attribute_is_covered(sync: bool) -> None:
    """d.7 step 7: one character anywhere in the envelope spoils the message, but for what is listed with its reason."""
    wire = genuine(sync=sync)
    tried, passed = set(), set()
    for path, other in one_thing_spoiled(wire):
        tried.add(path)
        if not refused_or_same(other, wire, sync=sync):
            passed.add(path)

    assert len(tried) > 110
    assert passed <= set(NOT_SIGNED)
    assert {path for path in NOT_SIGNED if path in tried} == passed


@BOTH
def test_every_payload_octet_is_covered(sync: bool) -> None:
    """d.4: each octet of each payload, one bit of it turned over."""
    wire = genuine(sync=sync)
    for number, part in enumerate(wire.parts):
        for at in range(len(part.octets)):
            octets = bytearray(part.octets)
            octets[at] ^= 1
            parts = [*wire.parts]
            parts[number] = replace(part, octets=bytes(octets))
            assert refused_or_same(replace(wire, parts=tuple(parts)), wire, sync=sync)


@BOTH
def test_every_part_header_is_covered_or_means_nothing(sync: bool) -> None:
    """d.7 step 7: a Content-ID decides which octets are meant, so the signature has it; the others are labels."""
    wire = genuine(sync=sync)
    for number, part in enumerate(wire.parts):
        for line in re.split(rb"\r\n", part.head):
            parts = [*wire.parts]
            parts[number] = replace(part, head=part.head.replace(line, b"X-Other: x"))
            refused = refused_or_same(replace(wire, parts=tuple(parts)), wire, sync=sync)
            assert refused is line.startswith(b"Content-ID")


@BOTH
def test_every_element_is_covered(sync: bool) -> None:
    """d.7: each element taken away, doubled, or exchanged with the one before it."""
    wire = genuine(sync=sync)
    count = sum(1 for _ in etree.fromstring(wire.envelope).iter(etree.Element))
    for number in range(1, count):
        for change in (taken, doubled, exchanged):
            root = etree.fromstring(wire.envelope)
            element = [*root.iter(etree.Element)][number]
            before = etree.tostring(root)
            change(element)
            if etree.tostring(root) != before:
                kind = etree.QName(element).localname
                refused = refused_or_same(replace(wire, envelope=etree.tostring(root)), wire, sync=sync)
                assert refused or kind in MAY_MOVE, (change.__name__, kind)


MAY_MOVE: Final = {
    "SyncReply": "taken away: `agreement` sees it; its place among the blocks is covered by nothing",
    "KeyInfo": "the certificate is the CPA's; without KeyInfo nothing is compared",
    "X509Data": "idem",
    "X509Certificate": "idem; the same certificate twice is one",
    "SignatureValue": "the order of the Signature's children means nothing",
    "SignedInfo": "idem",
    "Signature": "enveloped: its place among the blocks is covered by nothing",
    "AckRequested": "its place behind SyncReply, which is covered by nothing",
}


def taken(element: etree._Element) -> None:
    """Take it away."""
    messages.cut(element)


def doubled(element: etree._Element) -> None:
    """Put it there twice."""
    element.addnext(etree.fromstring(etree.tostring(element)))


def exchanged(element: etree._Element) -> None:
    """Exchange it with the one before it."""
    previous = element.getprevious()
    if previous is not None:
        previous.addprevious(element)


ODD_SERIAL: Final = (
    pytest.mark.filterwarnings(  # of a certificate that was spoiled; cryptography will refuse it one day
        "ignore:Parsed a serial number:cryptography.utils.CryptographyDeprecationWarning"
    )
)
MEANINGFUL: Final = [b" ", b"\r\n", b"<", b"/>", b"--b0undary", b"&#13;", b"<!-- -->", b'"', b"="]


@ODD_SERIAL
@settings(max_examples=400)
@given(st.data(), st.booleans())
def test_any_octet_changed(data: st.DataObject, sync: bool) -> None:
    """No change of some octets of the body crashes anything, or gives a verified message another meaning."""
    wire = genuine(sync=sync)
    body = bytearray(wire.body)
    at = data.draw(st.integers(0, len(body) - 1))
    length = data.draw(st.integers(0, 4))
    body[at : at + length] = data.draw(st.binary(max_size=6) | st.sampled_from(MEANINGFUL))
    try:
        received = packet.read(wire.content_type, bytes(body))
        packet.verify(received, messages.signing(), own().certificate, synchronous=sync)
    except ProtocolError:
        return
    assert meaning(received) == meaning(wire.read())


@settings(max_examples=200)
@given(st.data(), st.booleans())
def test_any_pieces_exchanged(data: st.DataObject, sync: bool) -> None:
    """No cutting and pasting within the envelope gives a verified message another meaning."""
    wire = genuine(sync=sync)
    pieces = re.split(rb"(?=<)", wire.envelope)
    first = data.draw(st.integers(0, len(pieces) - 1))
    second = data.draw(st.integers(0, len(pieces)))
    length = data.draw(st.integers(1, 12))
    moved = pieces[first : first + length]
    if data.draw(st.booleans()):
        del pieces[first : first + length]
    pieces[second:second] = moved
    assume(b"".join(pieces) != wire.envelope)

    refused_or_same(replace(wire, envelope=b"".join(pieces)), wire, sync=sync)


# The XPath, word by word


WORDS: Final = re.findall(r'"[^"]*"|@soap:actor|::|[\w-]+|\S', NOT_NEXT)


@given(st.lists(st.text(" \t\r\n", max_size=3), min_size=len(WORDS) + 1, max_size=len(WORDS) + 1))
def test_blanks_between_the_words_of_the_xpath(blanks: list[str]) -> None:
    """h-3: it may be laid out in any way."""
    laid_out = "".join(blank + word for blank, word in zip(blanks, [*WORDS, ""], strict=True))

    assert canonical.kind(Transform(XPATH, xpath=laid_out, soap_prefix="soap")) == "xpath"


@given(st.integers(0, len(NOT_NEXT)), st.characters(codec="utf-8", exclude_characters=" \t\r\n"))
@example(NOT_NEXT.index("soap/actor"), " ")
@example(NOT_NEXT.index("or-self"), " ")
@example(0, "\N{NO-BREAK SPACE}")
def test_any_other_character_in_the_xpath(at: int, character: str) -> None:
    """B30: it is this XPath or it is refused."""
    changed = NOT_NEXT[:at] + character + NOT_NEXT[at:]

    assert canonical.kind(Transform(XPATH, xpath=changed, soap_prefix="soap")) is None


# Receipts


def references() -> st.SearchStrategy[list[DigestReference]]:
    """Give what a signature may cover: each URI once."""
    return st.lists(
        st.builds(
            DigestReference,
            st.sampled_from(["", *(f"cid:{number}" for number in range(6))]),
            st.sampled_from(sorted(DIGESTS.values())),
            st.binary(min_size=1, max_size=3),
        ),
        unique_by=lambda one: one.uri,
    )


@given(references(), st.data())
def test_receipt_in_any_order(sent: list[DigestReference], data: st.DataObject) -> None:
    """B26: the same references, in whatever order."""
    signature.check_receipt(sent, data.draw(st.permutations(sent)))


@given(references(), references())
def test_receipt_is_equality(sent: Sequence[DigestReference], receipt: Sequence[DigestReference]) -> None:
    """B26: accepted when and only when the two are the same set."""
    if set(sent) == set(receipt):
        signature.check_receipt(sent, receipt)
    else:
        with pytest.raises(SignatureError):
            signature.check_receipt(sent, receipt)


@given(references(), st.data())
def test_receipt_with_one_twice(sent: list[DigestReference], data: st.DataObject) -> None:
    """B26: one reference said twice does not stand for another one that is missing."""
    assume(len(sent) > 1)
    receipt = [*sent]
    here, there = data.draw(st.permutations(range(len(sent))))[:2]
    receipt[here] = receipt[there]

    with pytest.raises(SignatureError):
        signature.check_receipt(sent, receipt)


def test_contents() -> None:
    """The ground to stand on: the message that is spoiled above has payloads with something to spoil."""
    assert [part.octets for part in genuine(sync=False).parts] == [*CONTENTS]
