"""XML Signature of the simulator's own: signxml judges what comes in, lxml and cryptography sign what goes out.

Source: `digikoppeling-ebms2` d.2 to d.8.
"""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from mobb_client.simulator._body import Part
from mobb_client.simulator._complaints import Fault
from mobb_client.simulator._cpa import Signing, der
from mobb_client.simulator._envelope import Envelope, Reference, references
from mobb_client.simulator._names import C14N, ENVELOPED, NEXT, NEXT_MSH, NS, XPATH, XPATH_TEXT, tag

_WHERE: Final = "//Header/Signature"
_SIGNED_INFO: Final = "soap:Header/ds:Signature/ds:SignedInfo"
_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_TRANSFORMS: Final = [(ENVELOPED, None), (XPATH, XPATH_TEXT), (C14N, None)]
_PARSED_BY_SIGNXML: Final = 1 << 20


def hash_name(uri: str) -> str:
    """Return ``sha256``, ``sha384`` or ``sha512`` for the URI of a digest or signature algorithm."""
    return next(name for name in _HASHES if uri.endswith(name))


# What comes in


def check(
    envelope: Envelope, payloads: Mapping[str, Part], signing: Signing | None, *, sync: bool = False
) -> Iterator[Fault]:
    """Find what is wrong with the signature of a message.

    Args:
        envelope: the message.
        payloads: by Content-ID.
        signing: how the CPA has its sender sign; None when it does not.
        sync: whether the message may have an eb:SyncReply, which no signature covers.
    """
    signature = envelope.root.find("soap:Header/ds:Signature", NS)
    if signing is None:
        if signature is not None:
            yield Fault("signature.unasked", "a signature, and the CPA asks for none")
    elif signature is None:
        yield _failure("signature.missing", "no signature, and the CPA asks for one")
    else:
        found = list(_check_policy(envelope, list(payloads), signing, sync=sync))
        yield from found or _check_arithmetic(envelope, payloads, signing)


def _failure(code: str, sentence: str) -> Fault:
    return Fault(code, sentence, "SecurityFailure", _WHERE)


def _check_policy(envelope: Envelope, names: Sequence[str], signing: Signing, *, sync: bool) -> Iterator[Fault]:
    """Find what a verifier would let pass or say too little of. Source: `digikoppeling-ebms2` d.7."""
    (info,) = envelope.root.iterfind(_SIGNED_INFO, NS)
    if _algorithms(info, "ds:CanonicalizationMethod") != [C14N]:
        yield _failure("signature.canonicalization", "SignedInfo is not in canonical XML 1.0")
    if _algorithms(info, "ds:SignatureMethod") != [signing.method]:
        yield _failure("signature.method", "another SignatureMethod than the CPA's")
    if set(_algorithms(info, "ds:Reference/ds:DigestMethod")) != {signing.digest}:
        yield _failure("signature.digest-method", "another DigestMethod than the CPA's")
    if [one.uri for one in references(info)] != ["", *(f"cid:{name}" for name in names)]:
        yield _failure("signature.references", "not one reference to the envelope and then one to each part, in order")
    if list(_transforms(info)) != [_TRANSFORMS, *([] for _ in names)]:
        yield _failure("signature.transforms", "other transforms than ebMS has")
    if _next_actor(envelope.root) != (["eb:SyncReply"] if sync else []):
        yield _failure("signature.uncovered", "an element that the signature leaves out")
    if _shown(envelope.root) != der(signing.certificate):
        yield _failure("signature.certificate", "KeyInfo shows another certificate than the CPA")


def _algorithms(info: etree._Element, path: str) -> list[str]:
    return [one.get("Algorithm", "") for one in info.iterfind(path, NS)]


def _transforms(info: etree._Element) -> Iterator[list[tuple[str, str | None]]]:
    """Give the transforms of each reference: algorithm, and the XPath with its blanks made one."""
    for reference in info.iterfind("ds:Reference", NS):
        yield [
            (one.get("Algorithm", ""), " ".join(text.split()) if (text := one.findtext("ds:XPath", None, NS)) else None)
            for one in reference.iterfind("ds:Transforms/ds:Transform", NS)
        ]


def _next_actor(root: etree._Element) -> list[str]:
    """Return the names of the elements that the XPath leaves out."""
    actor = tag("soap:actor")
    header = root.find("soap:Header", NS)
    return [
        "eb:SyncReply" if one.tag == tag("eb:SyncReply") and one.getparent() is header else "other"
        for one in root.iter(etree.Element)
        if one.get(actor) in {NEXT, NEXT_MSH}
    ]


def _shown(root: etree._Element) -> bytes:
    text = root.findtext("soap:Header/ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate", "", NS)
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


class _OwnDigest(Exception):  # noqa: N818 - no error: signxml is told to stop where the rest is known
    """The digests from here on were taken in a stream."""


def _check_arithmetic(envelope: Envelope, payloads: Mapping[str, Part], signing: Signing) -> Iterator[Fault]:
    """Find a digest that differs, or a value that does not hold with the CPA's certificate.

    The payloads' digests are taken here, in a stream. signxml judges the value over SignedInfo first, then the
    references in their order; the first is the envelope, by `_check_policy`. It repeats the small payloads and is
    stopped at the first large one, which it would parse as XML.
    """
    root = envelope.root
    (info,) = root.iterfind(_SIGNED_INFO, NS)
    for reference in references(info)[1:]:
        octets = payloads[reference.uri.removeprefix("cid:")]
        if octets.digest(hash_name(reference.method)) != base64.b64decode(reference.digest):
            yield _failure("signature.digest", "a part was changed after signing")
            return

    def resolve(uri: str) -> bytes:
        part = payloads[uri.removeprefix("cid:")]
        if len(part) > _PARSED_BY_SIGNXML:
            raise _OwnDigest
        return bytes(part)

    yield from _ask_signxml(_without_next_actor(root), signing, envelope.timestamp, len(payloads) + 1, resolve)


def _ask_signxml(
    root: etree._Element, signing: Signing, moment: datetime, count: int, resolve: Callable[[str], bytes]
) -> Iterator[Fault]:
    from signxml.algorithms import DigestAlgorithm, SignatureMethod  # noqa: PLC0415 - 60 to 150 ms, and only some need it
    from signxml.exceptions import SignXMLException  # noqa: PLC0415 - idem
    from signxml.verifier import SignatureConfiguration, XMLVerifier  # noqa: PLC0415 - idem

    expected = SignatureConfiguration(
        location=f"./{tag('soap:Header')}/",
        expect_references=count,
        signature_methods=frozenset({SignatureMethod(signing.method)}),
        digest_algorithms=frozenset({DigestAlgorithm(signing.digest)}),
        verification_time=moment,
    )
    try:
        XMLVerifier().verify(root, x509_cert=signing.certificate, uri_resolver=resolve, expect_config=expected)
    except _OwnDigest:
        return
    except SignXMLException as error:
        yield _failure("signature.value", f"signxml refuses it: {type(error).__name__}")


def _without_next_actor(root: etree._Element) -> etree._Element:
    """Return a copy without eb:SyncReply, the text around it kept: signxml passes the XPath over in silence."""
    whole = copy.deepcopy(root)
    for header in whole.iterfind("soap:Header", NS):
        for block in header.findall("eb:SyncReply", NS):
            before = block.getprevious()
            if before is not None:  # by its shape MessageHeader stands before it
                before.tail = (before.tail or "") + (block.tail or "")
            block.tail = None
            header.remove(block)
    return whole


# What goes out


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the certificate that is shown with it."""

    key: RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate


def sign(
    render: Callable[[str, str], str], sync_reply: str, payloads: Mapping[str, bytes], signing: Signing, by: Signer
) -> tuple[str, tuple[Reference, ...]]:
    """Return an envelope signed over itself and its payloads, and the references.

    Args:
        render: gives the envelope for an eb:SyncReply and a ds:Signature, either of them empty.
        sync_reply: the eb:SyncReply that is sent and that no signature covers, or empty.
        payloads: octets by Content-ID.
        signing: the algorithms.
        by: the key, and the certificate for KeyInfo.
    """
    name = hash_name(signing.digest)
    bare = etree.tostring(etree.fromstring(render("", "")), method="c14n")
    digests = {"": bare} | {f"cid:{content_id}": octets for content_id, octets in payloads.items()}
    made = tuple(
        Reference(uri, signing.digest, base64.b64encode(hashlib.new(name, octets).digest()).decode())
        for uri, octets in digests.items()
    )
    unsigned = render(sync_reply, _signature(made, signing, "", by.certificate))
    (info,) = etree.fromstring(unsigned).iterfind(_SIGNED_INFO, NS)
    value = by.key.sign(etree.tostring(info, method="c14n"), PKCS1v15(), _HASHES[hash_name(signing.method)])
    return render(sync_reply, _signature(made, signing, base64.b64encode(value).decode(), by.certificate)), made


def write_reference(reference: Reference) -> str:
    """Return a ds:Reference; the one to the envelope has the three transforms of ebMS."""
    transforms = "" if reference.uri else _WRITTEN_TRANSFORMS
    return (
        f'<ds:Reference URI="{reference.uri}">{transforms}<ds:DigestMethod Algorithm="{reference.method}"/>'
        f"<ds:DigestValue>{reference.digest}</ds:DigestValue></ds:Reference>"
    )


_WRITTEN_TRANSFORMS: Final = (
    f'<ds:Transforms><ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{XPATH}">'
    f'<ds:XPath>{XPATH_TEXT}</ds:XPath></ds:Transform><ds:Transform Algorithm="{C14N}"/></ds:Transforms>'
)


def _signature(made: Sequence[Reference], signing: Signing, value: str, certificate: x509.Certificate) -> str:
    return (
        f'<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{signing.method}"/>{"".join(map(write_reference, made))}</ds:SignedInfo>'
        f"<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{base64.b64encode(der(certificate)).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
