"""XML Signature of ebMS messages: made as the CPA says, and trusted only after the whole policy has been passed.

The arithmetic is done here (C14N by lxml, RSA by cryptography, digests by hashlib), not through signxml, which parses
every payload again, writes canonical XML to its debug log and knows no XPath transform. It is the simulator's judge
instead: the two must not share the code that is being judged.

Source: `digikoppeling-ebms2` section d; ebMS 2.0 section 4.1.3.
"""

from __future__ import annotations

import binascii
import copy
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree
from lxml.builder import ElementMaker

from mobb_client import _xml
from mobb_client.ebms import _names, envelope
from mobb_client.ebms._names import NS, name
from mobb_client.ebms.cpa import Signing
from mobb_client.ebms.message import NEXT, NEXT_MSH, DigestReference, Transform
from mobb_client.ebms.mime import Part
from mobb_client.errors import ConfigurationError, Finding, FormatError, SignatureError
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import HashName, Identity

_DS: Final = ElementMaker(namespace=_names.DS, nsmap=NS)

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_C14N_11: Final = "http://www.w3.org/2006/12/xml-c14n11"
_C14N_METHODS: Final[dict[str, bool]] = {  # whether it is the exclusive one
    C14N: False,
    C14N + "#WithComments": False,
    _C14N_11: False,
    _C14N_11 + "#WithComments": False,
    _names.EXC_C14N: True,
    _names.EXC_C14N + "WithComments": True,
}
_ENVELOPED: Final = _names.DS + "enveloped-signature"
_XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_WITHOUT_NEXT_ACTOR: Final = (
    f'not(ancestor-or-self::node()[@soap:actor="{NEXT_MSH}"]|ancestor-or-self::node()[@soap:actor="{NEXT}"])'
)
ENVELOPE_TRANSFORMS: Final = (
    Transform(_ENVELOPED),
    Transform(_XPATH, xpath=_WITHOUT_NEXT_ACTOR, soap_prefix="soap"),
    Transform(C14N),
)

HASH_FUNCTIONS: Final[dict[str, HashName]] = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
SIGNATURE_ALGORITHMS: Final[dict[str, HashName]] = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": "sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "sha512",
}
_HASHES: Final[dict[HashName, HashAlgorithm]] = {
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}


def hash_name(signing: Signing) -> HashName:
    """Return the digest that a CPA names, as hashlib calls it.

    Raises:
        ConfigurationError: none that Digikoppeling allows.

    Source: Digikoppeling Beveiligingsstandaarden SIGN001 to SIGN004; `digikoppeling-ebms2` d.5.
    """
    return _allowed(signing.hash_function, HASH_FUNCTIONS, "HashFunction")


def _signature_hash(signing: Signing) -> HashName:
    return _allowed(signing.signature_algorithm, SIGNATURE_ALGORITHMS, "SignatureAlgorithm")


def _allowed(uri: str, known: Mapping[str, HashName], field: str) -> HashName:
    if uri not in known:
        raise ConfigurationError(Finding("cpa.algorithm", field=field, measure=uri[:100]))
    return known[uri]


# Making


class Unsigned:
    """An envelope with room for its signature: the length is final, the payloads' digests are still to come.

    The digest over the envelope is taken when this is made; `sign` fills in the rest without changing the length.
    """

    def __init__(self, root: etree._Element, uris: Sequence[str], identity: Identity, signing: Signing) -> None:
        self._root = root
        self._identity = identity
        self._signing = signing
        nothing = bytes(hashlib.new(hash_name(signing)).digest_size)
        references = [
            DigestReference("", signing.hash_function, self._envelope_digest(), ENVELOPE_TRANSFORMS),
            *(DigestReference(uri, signing.hash_function, nothing) for uri in uris),
        ]
        self._signed_info = _DS.SignedInfo(
            _DS.CanonicalizationMethod(Algorithm=C14N),
            _DS.SignatureMethod(Algorithm=signing.signature_algorithm),
            *map(envelope.write_reference, references),
        )
        self._value = _DS.SignatureValue(_base64(bytes(identity.signature_size)))
        certificate = _DS.X509Certificate(_base64(identity.certificate.der))
        signature = _DS.Signature(self._signed_info, self._value, _DS.KeyInfo(_DS.X509Data(certificate)))
        _xml.one(root, "soap:Header", NS).append(signature)

    def sign(self, digests: Sequence[bytes]) -> tuple[DigestReference, ...]:
        """Fill in the payloads' digests, in the order of the URIs, and the signature's value.

        Returns:
            every reference of the signature: what a signed acknowledgment has to repeat.
        """
        references = _xml.children(self._signed_info, "ds:Reference", NS)
        for element, digest in zip(references[1:], digests, strict=True):
            _xml.one(element, "ds:DigestValue", NS).text = _base64(digest)
        octets = etree.tostring(self._signed_info, method="c14n")
        self._value.text = _base64(self._identity.sign(octets, _signature_hash(self._signing)))
        return tuple(map(envelope.read_reference, references))

    def _envelope_digest(self) -> bytes:
        return hashlib.new(hash_name(self._signing), _canonical(self._root, ENVELOPE_TRANSFORMS)).digest()


def sign(
    root: etree._Element, digests: dict[str, bytes], identity: Identity, signing: Signing
) -> tuple[DigestReference, ...]:
    """Sign an envelope in place over itself and over payloads whose digests are known.

    Args:
        root: the envelope as `envelope.build` made it.
        digests: digest by URI (``cid:...``) of each payload; empty for an acknowledgment.
        identity: the key, and the certificate that the CPA names for this channel.
        signing: the algorithms that the CPA names.

    Returns:
        every reference of the signature.
    """
    return Unsigned(root, list(digests), identity, signing).sign(list(digests.values()))


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a ds:Signature claims. Nothing of it is verified or trusted."""

    signed_info: etree._Element
    canonicalization: Transform
    algorithm: str
    references: tuple[DigestReference, ...]
    value: bytes
    certificate: Certificate | None


def find(root: etree._Element) -> Signature | None:
    """Return the signature of an envelope, or None when it has none.

    Raises:
        SignatureError: several signatures, or one that is no child of soap:Header.
        FormatError: a part of it is missing, doubled or unreadable.

    Source: `digikoppeling-ebms2` d.7 step 2.
    """
    found = list(root.iter(name("ds:Signature")))
    if not found:
        return None
    if len(found) > 1:
        raise SignatureError("signature.several", f"{len(found)} signatures, of which one is allowed", location=_WHERE)
    parent = found[0].getparent()
    if parent is None or parent.tag != name("soap:Header") or parent.getparent() is not root:
        raise SignatureError("signature.misplaced", "the signature is no child of soap:Header", location=_WHERE)
    return _read(found[0])


_WHERE: Final = "//Header/Signature"


def _read(element: etree._Element) -> Signature:
    info = _xml.one(element, "ds:SignedInfo", NS)
    method = _xml.one(info, "ds:CanonicalizationMethod", NS)
    return Signature(
        signed_info=info,
        canonicalization=envelope.read_transform(method),
        algorithm=_xml.one(info, "ds:SignatureMethod", NS).get("Algorithm", ""),
        references=tuple(map(envelope.read_reference, _xml.children(info, "ds:Reference", NS))),
        value=envelope.decode_base64(_xml.one(element, "ds:SignatureValue", NS), "ds:SignatureValue"),
        certificate=_key_info_certificate(element),
    )


def _key_info_certificate(element: etree._Element) -> Certificate | None:
    found = _xml.children(element, "ds:KeyInfo/ds:X509Data/ds:X509Certificate", NS)
    if not found:
        return None
    try:
        return Certificate.from_der(envelope.decode_base64(found[0], "ds:X509Certificate"))
    except ConfigurationError:
        raise FormatError("signature.certificate.unreadable", "ds:X509Certificate: not a certificate") from None


# The policy: everything that must hold before any arithmetic


def check_policy(
    root: etree._Element,
    signature: Signature,
    content_ids: Sequence[str | None],
    signing: Signing | None,
    *,
    synchronous: bool | None,
) -> None:
    """Refuse a signed message whose signature could not mean what it seems to mean; no arithmetic is done.

    Args:
        root: the envelope.
        signature: its signature.
        content_ids: Content-ID of every MIME part after the root, None where a part has none.
        signing: the algorithms that the CPA names; None accepts what Digikoppeling allows.
        synchronous: whether the CPA is synchronous, so that one eb:SyncReply may be outside the signature; None
            when no CPA is at hand.

    Raises:
        SignatureError: with its own code for each rule.

    Source: `digikoppeling-ebms2` d.7 steps 2 to 4; B30, B74.
    """
    _check_single_blocks(root)
    _check_algorithms(signature, signing)
    _check_references(signature.references)
    _check_parts(root, signature.references, content_ids)
    _check_transforms(root, signature)
    _check_exempt(root, signature, synchronous=synchronous)


def _refuse(code: str, sentence: str) -> SignatureError:
    return SignatureError(f"signature.{code}", sentence, location=_WHERE)


def _check_single_blocks(root: etree._Element) -> None:
    for path in ("soap:Header", "soap:Body"):
        if len(_xml.children(root, path, NS)) != 1:
            raise _refuse("block-twice", f"{path} must stand in the envelope once")
    tags = [block.tag for block in _xml.one(root, "soap:Header", NS)]
    if len(tags) != len(set(tags)):
        raise _refuse("block-twice", "a header block stands in the envelope twice")
    if len(_xml.children(root, "soap:Body/eb:Manifest", NS)) > 1:
        raise _refuse("block-twice", "eb:Manifest stands in the envelope twice")


def _check_algorithms(signature: Signature, signing: Signing | None) -> None:
    methods = [signing.signature_algorithm] if signing else SIGNATURE_ALGORITHMS
    digests = [signing.hash_function] if signing else HASH_FUNCTIONS
    if signature.algorithm not in methods or signature.algorithm not in SIGNATURE_ALGORITHMS:
        raise _refuse("algorithm", "SignatureMethod is not the one agreed")
    for reference in signature.references:
        if reference.digest_method not in digests or reference.digest_method not in HASH_FUNCTIONS:
            raise _refuse("digest-method", "DigestMethod of a reference is not the one agreed")
    if signature.canonicalization.algorithm not in _C14N_METHODS:
        raise _refuse("canonicalization", "CanonicalizationMethod is not one of the four allowed")


def _check_references(references: Iterable[DigestReference]) -> None:
    uris = [reference.uri for reference in references]
    if len(uris) != len(set(uris)):
        raise _refuse("reference-twice", "two references have the same URI")
    if "" not in uris:
        raise _refuse("envelope-not-covered", 'no reference covers the envelope (URI="")')
    if not all(uri.startswith("cid:") for uri in uris if uri):
        raise _refuse("reference-elsewhere", "a reference points outside the message")


def _check_parts(
    root: etree._Element, references: Iterable[DigestReference], content_ids: Sequence[str | None]
) -> None:
    """References, MIME parts and Manifest must name the same Content-IDs, each once."""
    if None in content_ids:
        raise _refuse("part-unnamed", "a MIME part has no Content-ID, so that nothing can cover it")
    if len(content_ids) != len(set(content_ids)):
        raise _refuse("part-twice", "two MIME parts have the same Content-ID")
    covered = {reference.uri.removeprefix("cid:") for reference in references if reference.uri}
    if uncovered := len(set(content_ids) - covered):
        raise _refuse("part-not-covered", f"{uncovered} MIME part(s) not covered by the signature")
    if missing := len(covered - set(content_ids)):
        raise SignatureError(
            "signature.part-missing",
            f"{missing} reference(s) to a MIME part that is not there",
            ebms_code="MimeProblem",
        )
    listed = [
        element.get(name("xlink:href"), "").removeprefix("cid:")
        for element in _xml.children(root, "soap:Body/eb:Manifest/eb:Reference", NS)
    ]
    if sorted(listed) != sorted(covered):
        raise _refuse("manifest", "eb:Manifest does not list the parts that the signature covers")


def _check_transforms(root: etree._Element, signature: Signature) -> None:
    for reference in signature.references:
        if reference.uri and reference.transforms:
            raise _refuse("payload-transform", "a reference to a payload has a transform")
    namespaces = {etree.QName(element).namespace for element in signature.signed_info.iter(etree.Element)}
    if not namespaces <= {_names.DS, _names.EXC_C14N}:
        raise _refuse("foreign", "SignedInfo holds an element of another namespace")
    transforms = _envelope_reference(signature).transforms
    kinds = [_kind(transform) for transform in transforms]
    if sorted(kinds) not in (
        ["c14n", "enveloped"],
        ["c14n", "enveloped", "xpath"],
        ["enveloped"],
        ["enveloped", "xpath"],
    ):
        raise _refuse("transform", "the envelope's transforms are not those of ebMS 2.0")
    if "c14n" in kinds and kinds[-1] != "c14n":
        raise _refuse("transform", "the envelope's C14N is not the last transform")
    used = {*(transform.algorithm for transform in transforms), signature.canonicalization.algorithm}
    if used & {_C14N_11, _C14N_11 + "#WithComments"} and root.xpath("boolean(//@xml:id|//@xml:base)"):
        raise _refuse("canonicalization", "C14N 1.1 with xml:id or xml:base is not read here")


def _kind(transform: Transform) -> str:
    """Return which of the three allowed transforms it is; anything else is refused."""
    if transform.algorithm == _ENVELOPED:
        return "enveloped"
    if transform.algorithm in _C14N_METHODS:
        return "c14n"
    if transform.algorithm == _XPATH and _is_next_actor_xpath(transform):
        return "xpath"
    raise _refuse("transform", "a transform is none of those that ebMS 2.0 names")


def _is_next_actor_xpath(transform: Transform) -> bool:
    """Compare an XPath with the one of ebMS 2.0: blanks, quotes and the SOAP prefix may differ (`h-3`)."""
    if transform.xpath is None or transform.soap_prefix is None:
        return False
    given = re.sub(r"\s+", "", transform.xpath).replace("'", '"')
    return given == _WITHOUT_NEXT_ACTOR.replace("@soap:", f"@{transform.soap_prefix}:")


def _check_exempt(root: etree._Element, signature: Signature, *, synchronous: bool | None) -> None:
    """What the XPath leaves out may be one SyncReply of the header, and only under a synchronous CPA."""
    if not _has_xpath(_envelope_reference(signature).transforms):
        return
    exempt = _next_actor_elements(root)
    replies = [e for e in exempt if e.tag == name("eb:SyncReply") and _is_header_block(e, root)]
    if len(exempt) != len(replies):
        raise _refuse("exempt", "an element is taken out of the signature by its soap:actor")
    if replies and synchronous is False:
        raise _refuse("exempt", "eb:SyncReply, outside the signature, under a CPA that is not synchronous")


def _is_header_block(element: etree._Element, root: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == name("soap:Header") and parent.getparent() is root


def _next_actor_elements(root: etree._Element) -> list[etree._Element]:
    actor = name("soap:actor")
    return [element for element in root.iter(etree.Element) if element.get(actor) in (NEXT, NEXT_MSH)]


def _has_xpath(transforms: Iterable[Transform]) -> bool:
    return any(transform.algorithm == _XPATH for transform in transforms)


def _envelope_reference(signature: Signature) -> DigestReference:
    return next(reference for reference in signature.references if not reference.uri)


# The arithmetic


def verify(root: etree._Element, signature: Signature, parts: Sequence[Part], certificate: Certificate) -> None:
    """Verify every digest and the signature's value with one certificate. `check_policy` must have passed.

    Raises:
        SignatureError: a digest differs (the sentence names the reference), the value does not hold, or KeyInfo
            shows another certificate than the given one.

    Source: `digikoppeling-ebms2` d.7 step 5.
    """
    if signature.certificate is not None and signature.certificate != certificate:
        raise _refuse("certificate", "KeyInfo holds another certificate than the agreed one")
    for reference in signature.references:
        if not digest_holds(root, reference, parts):
            what = f"part {reference.uri}" if reference.uri else "the envelope"
            raise _refuse("digest", f"{what} was changed after signing: its digest differs")
    if not value_holds(signature, certificate):
        raise _refuse("value", "the signature's value does not hold with the agreed certificate")


def digest_holds(root: etree._Element, reference: DigestReference, parts: Sequence[Part]) -> bool | None:
    """Return whether one reference's digest holds; None when the part is not at hand."""
    if not reference.uri:
        octets: bytes | None = _canonical(root, reference.transforms)
    else:
        octets = next((part.octets for part in parts if f"cid:{part.content_id}" == reference.uri), None)
    if octets is None:
        return None
    return hmac.compare_digest(hashlib.new(HASH_FUNCTIONS[reference.digest_method], octets).digest(), reference.digest)


def value_holds(signature: Signature, certificate: Certificate) -> bool:
    """Return whether the signature's value holds over SignedInfo with this certificate."""
    key = certificate.x509.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    algorithm = _HASHES[SIGNATURE_ALGORITHMS[signature.algorithm]]
    try:
        key.verify(signature.value, _canonical_signed_info(signature), PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _canonical(root: etree._Element, transforms: Sequence[Transform]) -> bytes:
    """Return the octets that the envelope's digest is over: a copy without signature and next-actor blocks, canonical.

    Every blank around what is taken out stays, since the digest covers it (`digikoppeling-ebms2` d.3).
    """
    whole = copy.deepcopy(root)
    doomed = list(whole.iter(name("ds:Signature")))
    if _has_xpath(transforms):
        doomed += _next_actor_elements(whole)
    for element in doomed:
        _take_out(element)
    method = next((t for t in transforms if t.algorithm in _C14N_METHODS), Transform(C14N))
    return _c14n(whole, method)


def _take_out(element: etree._Element) -> None:
    """Remove an element and keep the text behind it in its place."""
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if before is None:
        parent.text = (parent.text or "") + (element.tail or "")
    else:
        before.tail = (before.tail or "") + (element.tail or "")
    element.tail = None
    parent.remove(element)


def _canonical_signed_info(signature: Signature) -> bytes:
    """Return the canonical SignedInfo as inclusive C14N sees it in its place.

    Two things that lxml does otherwise for a part of a document are put right on a copy: the xml: attributes of
    the ancestors are inherited, and ``xmlns=""`` is not added (`digikoppeling-ebms2` d.8).
    """
    info = signature.signed_info
    if not _C14N_METHODS[signature.canonicalization.algorithm]:
        inherited = _xml_attributes_above(info)
        if inherited:
            info = _xml.one(copy.deepcopy(info.getroottree().getroot()), "soap:Header/ds:Signature/ds:SignedInfo", NS)
            for key, value in inherited.items():
                info.set(key, info.get(key, value))
    return _c14n(info, signature.canonicalization).replace(b' xmlns=""', b"")


def _xml_attributes_above(element: etree._Element) -> dict[str, str]:
    """Return the xml: attributes that an element inherits, the nearest ancestor's last word."""
    return {
        str(key): str(value)
        for ancestor in reversed(list(element.iterancestors()))
        for key, value in ancestor.attrib.items()
        if str(key).startswith(f"{{{_names.XML}}}")
    }


def _c14n(element: etree._Element, method: Transform) -> bytes:
    exclusive = _C14N_METHODS[method.algorithm]
    prefixes = method.prefix_list.split() if exclusive and method.prefix_list else None
    return etree.tostring(
        element, method="c14n", exclusive=exclusive, inclusive_ns_prefixes=prefixes, with_comments=False
    )


def _base64(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode()


# Receipts


def check_receipt(sent: Sequence[DigestReference], receipt: Sequence[DigestReference]) -> None:
    """Check that a signed acknowledgment repeats exactly the references of the message that was sent.

    Order and white space do not count; number, URI, digest and digest method do.

    Raises:
        SignatureError: too few, too many, or one that differs: as good as no acknowledgment.

    Source: `digikoppeling-ebms2` d.6 steps 5 to 7; B26.
    """
    wanted = {(reference.uri, reference.digest_method, reference.digest) for reference in sent}
    given = {(reference.uri, reference.digest_method, reference.digest) for reference in receipt}
    if len(receipt) != len(sent) or len(given) != len(receipt):
        raise SignatureError(
            "receipt.count", f"the acknowledgment repeats {len(receipt)} references of the {len(sent)} that were sent"
        )
    if differing := wanted - given:
        raise SignatureError("receipt.digest", f"{len(differing)} reference(s) of the acknowledgment differ from ours")
