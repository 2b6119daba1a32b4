"""XML Signature of ebMS messages: made as the CPA says, and trusted only after the whole policy has been passed.

The arithmetic is done here (C14N by lxml, RSA by cryptography, digests by hashlib), not through signxml, which parses
every payload again, writes canonical XML to its debug log and knows no XPath transform. It is the simulator's judge
instead: the two must not share the code that is being judged.

Source: `digikoppeling-ebms2` section d; ebMS 2.0 section 4.1.3.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from mobb_client import _xml
from mobb_client.ebms import envelope
from mobb_client.ebms._names import NS, name
from mobb_client.ebms.canonical import C14N, C14N_METHODS, ENVELOPE_TRANSFORMS, envelope_octets, signed_info_octets
from mobb_client.ebms.cpa.routes import Signing
from mobb_client.ebms.message import DigestReference
from mobb_client.ebms.mime import Part, match_content_id
from mobb_client.ebms.signature_policy import check_policy
from mobb_client.ebms.signature_values import (
    HASH_FUNCTIONS,
    LOCATION,
    SIGNATURE_ALGORITHMS,
    Signature,
    hash_name,
    signature_hash,
)
from mobb_client.errors import ConfigurationError, FormatError, SignatureError
from mobb_client.pki.certificate import Certificate, leaf
from mobb_client.pki.identity import HashName, Identity

__all__ = [
    "ENVELOPE_TRANSFORMS",
    "HASH_FUNCTIONS",
    "SIGNATURE_ALGORITHMS",
    "Signature",
    "Unsigned",
    "check_policy",
    "check_receipt",
    "digest_holds",
    "find",
    "hash_name",
    "sign",
    "value_holds",
    "verify",
]

_HASHES: Final[dict[HashName, HashAlgorithm]] = {
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}
_MAX_CERTIFICATES: Final = 8  # in one KeyInfo; finding the signer's among them costs their number squared


# Making


class Unsigned:
    """An envelope with room for its signature: the length is final, the payloads' digests are still to come.

    The digest over the envelope is taken when this is made; `sign` fills in the rest without changing the length.
    """

    def __init__(self, root: etree._Element, uris: Sequence[str], identity: Identity, signing: Signing) -> None:
        self._identity = identity
        self._signing = signing
        name_of_hash = hash_name(signing)
        nothing = bytes(hashlib.new(name_of_hash).digest_size)
        digest = hashlib.new(name_of_hash, envelope_octets(root, ENVELOPE_TRANSFORMS)).digest()
        self._references = [
            DigestReference("", signing.hash_function, digest, ENVELOPE_TRANSFORMS),
            *(DigestReference(uri, signing.hash_function, nothing) for uri in uris),
        ]
        signature = envelope.add(_xml.one(root, "soap:Header", NS), "ds:Signature")
        self._signed_info = envelope.add(signature, "ds:SignedInfo")
        envelope.add(self._signed_info, "ds:CanonicalizationMethod", Algorithm=C14N)
        envelope.add(self._signed_info, "ds:SignatureMethod", Algorithm=signing.signature_algorithm)
        self._digests = [envelope.add_reference(self._signed_info, one) for one in self._references]
        self._value = envelope.add(signature, "ds:SignatureValue", _base64(bytes(identity.signature_size)))
        x509 = envelope.add(envelope.add(signature, "ds:KeyInfo"), "ds:X509Data")
        envelope.add(x509, "ds:X509Certificate", _base64(identity.certificate.der))

    def sign(self, digests: Sequence[bytes]) -> tuple[DigestReference, ...]:
        """Fill in the payloads' digests, in the order of the URIs, and the signature's value.

        Returns:
            every reference of the signature: what a signed acknowledgment has to repeat.
        """
        of_envelope, *of_parts = self._references
        signed = [replace(one, digest=digest) for one, digest in zip(of_parts, digests, strict=True)]
        for element, digest in zip(self._digests[1:], digests, strict=True):
            element.text = _base64(digest)
        octets = etree.tostring(self._signed_info, method="c14n")
        self._value.text = _base64(self._identity.sign(octets, signature_hash(self._signing)))
        return (of_envelope, *signed)


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
        raise SignatureError(
            "signature.several", f"{len(found)} signatures, of which one is allowed", location=LOCATION
        )
    parent = found[0].getparent()
    if parent is None or parent.tag != name("soap:Header") or parent.getparent() is not root:
        raise SignatureError("signature.misplaced", "the signature is no child of soap:Header", location=LOCATION)
    return _read(found[0])


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
    """Return the signer's certificate in KeyInfo: the only one, or the one at the bottom of the chain."""
    found = _xml.children(element, "ds:KeyInfo/ds:X509Data/ds:X509Certificate", NS)
    if not found:
        return None
    if len(found) > _MAX_CERTIFICATES:
        raise FormatError("signature.certificate.several", f"{len(found)} certificates in ds:KeyInfo")
    certificates = list(dict.fromkeys(map(_certificate, found)))
    try:
        return certificates[0] if len(certificates) == 1 else leaf(certificates)
    except ConfigurationError:
        sentence = "the certificates in ds:KeyInfo are not one certificate with its chain"
        raise FormatError("signature.certificate.several", sentence) from None


def _certificate(element: etree._Element) -> Certificate:
    try:
        return Certificate.from_der(envelope.decode_base64(element, "ds:X509Certificate"))
    except ConfigurationError:
        raise FormatError("signature.certificate.unreadable", "ds:X509Certificate: not a certificate") from None


# The arithmetic


def verify(root: etree._Element, signature: Signature, parts: Sequence[Part], certificate: Certificate) -> None:
    """Verify every digest and the signature's value with one certificate. `check_policy` must have passed.

    Args:
        root: the envelope.
        signature: its signature.
        parts: all MIME parts after the root.
        certificate: the one that the CPA names; the one in the message is only compared with it.

    Raises:
        SignatureError: a digest differs (the sentence names the reference), the value does not hold, or KeyInfo
            shows another certificate than the given one.

    Source: `digikoppeling-ebms2` d.7 step 5.
    """
    if signature.certificate is not None and signature.certificate != certificate:
        raise _refuse("certificate", "KeyInfo holds another certificate than the agreed one")
    octets = _by_content_id(parts)
    for reference in signature.references:
        what = f"part {reference.uri[:100]}" if reference.uri else "the envelope"
        match _digest_holds(root, reference, octets):
            case None:
                raise _refuse("digest", f"{what} cannot be judged: its octets or its digest method are not known here")
            case False:
                raise _refuse("digest", f"{what} was changed after signing: its digest differs")
    if not value_holds(signature, certificate):
        raise _refuse("value", "the signature's value does not hold with the agreed certificate")


def _refuse(code: str, sentence: str) -> SignatureError:
    return SignatureError(f"signature.{code}", sentence, location=LOCATION)


def digest_holds(root: etree._Element, reference: DigestReference, parts: Sequence[Part]) -> bool | None:
    """Return whether one reference's digest holds; None when the part is not at hand, or nobody here knows the digest.

    Raises:
        SignatureError: the envelope has no canonical form (`check_policy` says so first).
    """
    return _digest_holds(root, reference, _by_content_id(parts))


def _by_content_id(parts: Sequence[Part]) -> dict[str | None, bytes]:
    return {part.content_id: part.octets for part in parts if part.content_id is not None}


def _digest_holds(root: etree._Element, reference: DigestReference, parts: Mapping[str | None, bytes]) -> bool | None:
    if reference.uri:
        octets = parts.get(match_content_id(reference.uri, parts))
    else:
        octets = envelope_octets(root, reference.transforms)
    if octets is None or reference.digest_method not in HASH_FUNCTIONS:
        return None
    digest = hashlib.new(HASH_FUNCTIONS[reference.digest_method], octets).digest()
    return hmac.compare_digest(digest, reference.digest)


def value_holds(signature: Signature, certificate: Certificate) -> bool:
    """Return whether the signature's value holds over SignedInfo with this certificate: by an algorithm known here.

    Raises:
        SignatureError: SignedInfo has no canonical form (`check_policy` says so first).
    """
    known = signature.algorithm in SIGNATURE_ALGORITHMS and signature.canonicalization.algorithm in C14N_METHODS
    key = certificate.x509.public_key() if known and certificate.is_rsa else None
    if not isinstance(key, RSAPublicKey):
        return False
    algorithm = _HASHES[SIGNATURE_ALGORITHMS[signature.algorithm]]
    octets = signed_info_octets(signature.signed_info, signature.canonicalization)
    try:
        key.verify(signature.value, octets, PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


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
