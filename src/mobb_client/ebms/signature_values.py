"""What a signature names and claims: the algorithms that Digikoppeling allows, and a ds:Signature as it was read.

Source: Digikoppeling Beveiligingsstandaarden SIGN001 to SIGN004; `digikoppeling-ebms2` d.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from mobb_client.ebms.cpa.routes import Signing
from mobb_client.ebms.message import DigestReference, Transform
from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import HashName

LOCATION: Final = "//Header/Signature"

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
_FAMILIES: Final = {  # the beginning of a URI, and what people call it
    "http://www.w3.org/2000/09/xmldsig#sha1": "SHA-1",
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": "RSA with SHA-1",
    "http://www.w3.org/2000/09/xmldsig#dsa-": "DSA",
    "http://www.w3.org/2009/xmldsig11#dsa-": "DSA",
    "http://www.w3.org/2000/09/xmldsig#hmac-": "HMAC",
    "http://www.w3.org/2001/04/xmldsig-more#hmac-": "HMAC",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-": "ECDSA",
    "http://www.w3.org/2001/04/xmldsig-more#md5": "MD5",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-md5": "RSA with MD5",
    "http://www.w3.org/2007/05/xmldsig-more#rsa-pss": "RSA-PSS",
    "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": "RSA-PSS",
    "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": "RSA-PSS",
    "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": "RSA-PSS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a ds:Signature claims. Nothing of it is verified or trusted.

    `certificate` is the signer's in its KeyInfo, None when there is none there.
    """

    signed_info: etree._Element
    canonicalization: Transform
    algorithm: str
    references: tuple[DigestReference, ...]
    value: bytes
    certificate: Certificate | None


def hash_name(signing: Signing) -> HashName:
    """Return the digest that a CPA names, as hashlib calls it.

    Raises:
        ConfigurationError: none that Digikoppeling allows.
    """
    return _allowed(signing.hash_function, HASH_FUNCTIONS, "HashFunction")


def signature_hash(signing: Signing) -> HashName:
    """Return the digest inside the signature algorithm that a CPA names, as hashlib calls it.

    Raises:
        ConfigurationError: none that Digikoppeling allows.
    """
    return _allowed(signing.signature_algorithm, SIGNATURE_ALGORITHMS, "SignatureAlgorithm")


def _allowed(uri: str, known: Mapping[str, HashName], field: str) -> HashName:
    if uri not in known:
        raise ConfigurationError(Finding("cpa.algorithm", field=field, measure=uri[:100]))
    return known[uri]


def algorithm_name(uri: str) -> str:
    """Return what people call an algorithm; one that nobody knows is not quoted."""
    if allowed := SIGNATURE_ALGORITHMS.get(uri):
        return f"RSA with SHA-{allowed.removeprefix('sha')}"
    if allowed := HASH_FUNCTIONS.get(uri):
        return f"SHA-{allowed.removeprefix('sha')}"
    return next((family for begin, family in _FAMILIES.items() if uri.startswith(begin)), "an unknown algorithm")
