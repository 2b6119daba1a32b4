"""The octets that a signature's digests are over: what the transforms of ebMS 2.0 leave of an envelope, made canonical.

Inclusive and exclusive C14N are lxml's; the XPath of ebMS 2.0 is recognised, never evaluated.

Source: `digikoppeling-ebms2` d.3, d.5 and d.8; h-1 to h-3.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from lxml import etree

from mobb_client import _xml
from mobb_client.ebms import _names
from mobb_client.ebms._names import NS, name
from mobb_client.ebms.message import NEXT, NEXT_MSH, Transform
from mobb_client.errors import SignatureError

Kind = Literal["enveloped", "xpath", "c14n"]

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = _names.DS + "enveloped-signature"
XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
C14N_11: Final = frozenset(
    {"http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/2006/12/xml-c14n11#WithComments"}
)
EXCLUSIVE: Final = frozenset({_names.EXC_C14N, _names.EXC_C14N + "WithComments"})
INCLUSIVE: Final = frozenset({C14N, C14N + "#WithComments", *C14N_11})
C14N_METHODS: Final = INCLUSIVE | EXCLUSIVE

_WITHOUT_NEXT_ACTOR: Final = (
    f'not(ancestor-or-self::node()[@soap:actor="{NEXT_MSH}"]|ancestor-or-self::node()[@soap:actor="{NEXT}"])'
)
ENVELOPE_TRANSFORMS: Final = (
    Transform(ENVELOPED),
    Transform(XPATH, xpath=_WITHOUT_NEXT_ACTOR, soap_prefix="soap"),
    Transform(C14N),
)
_SIGNATURE: Final = name("ds:Signature")
_WORD: Final = re.compile(r'"[^"]*"|soap:actor|::|[\w-]+|\S')
_BLANKS: Final = r"[ \t\r\n]*"


def kind(transform: Transform) -> Kind | None:
    """Return which of the three transforms of ebMS 2.0 it is, with nothing in it that belongs to another; else None."""
    if transform.algorithm == XPATH:
        return "xpath" if transform.prefix_list is None and _is_next_actor_xpath(transform) else None
    if transform.xpath is not None:
        return None
    if transform.algorithm in EXCLUSIVE:
        return "c14n"
    if transform.prefix_list is not None:
        return None
    if transform.algorithm in INCLUSIVE:
        return "c14n"
    return "enveloped" if transform.algorithm == ENVELOPED else None


def _is_next_actor_xpath(transform: Transform) -> bool:
    """Compare an XPath with the one of ebMS 2.0: blanks between words, quotes and the SOAP prefix may differ (h-3)."""
    match = _NEXT_ACTOR.fullmatch(transform.xpath or "")
    return match is not None and set(match.groups()) == {transform.soap_prefix}


def _word_pattern(word: str) -> str:
    if word.startswith('"'):
        return f"(?:{re.escape(word)}|'{re.escape(word[1:-1])}')"
    return r"([^\s:@]+):actor" if word == "soap:actor" else re.escape(word)


_NEXT_ACTOR: Final = re.compile(
    _BLANKS + _BLANKS.join(map(_word_pattern, _WORD.findall(_WITHOUT_NEXT_ACTOR))) + _BLANKS
)


def has_xpath(transforms: Iterable[Transform]) -> bool:
    """Tell whether elements for the next actor are left out of the digest."""
    return any(transform.algorithm == XPATH for transform in transforms)


def next_actor_elements(root: etree._Element) -> list[etree._Element]:
    """Return what the XPath of ebMS 2.0 takes out, at any depth; what is inside one of them counts as well."""
    actor = name("soap:actor")
    return [element for element in root.iter(etree.Element) if element.get(actor) in (NEXT, NEXT_MSH)]


def check(root: etree._Element) -> None:
    """Refuse an envelope that has no canonical form: one with a namespace name that is relative.

    Raises:
        SignatureError: so it is.
    """
    _c14n(root, Transform(C14N))


def envelope_octets(root: etree._Element, transforms: Sequence[Transform]) -> bytes:
    """Return the octets of the envelope's digest: without signature and, by the XPath, without next-actor elements.

    Every blank around what is taken out stays, since the digest covers it. What stands beside the root is not seen:
    `_xml.parse` refuses processing instructions and drops comments, as URI="" does.

    Raises:
        SignatureError: C14N cannot be done.

    Source: `digikoppeling-ebms2` d.3.
    """
    whole = copy.deepcopy(root)
    for element in next_actor_elements(whole) if has_xpath(transforms) else ():
        element.tag = _SIGNATURE  # so that it goes with the signature
    if whole.tag == _SIGNATURE:
        return b""
    etree.strip_elements(whole, _SIGNATURE, with_tail=False)
    method = next((transform for transform in transforms if transform.algorithm in C14N_METHODS), Transform(C14N))
    return _c14n(whole, method)


def signed_info_octets(info: etree._Element, method: Transform) -> bytes:
    """Return the canonical ds:SignedInfo as it is in its place in the document.

    Two things that lxml does otherwise for a part of a document are put right: inclusive C14N inherits the xml:
    attributes of the ancestors, and ``xmlns=""`` is not added below a default namespace. Taking out the latter is
    right because the policy lets no element without namespace, and no loose text, into SignedInfo.

    Raises:
        SignatureError: C14N cannot be done.

    Source: `digikoppeling-ebms2` d.5, d.8.
    """
    inherited = {} if method.algorithm in EXCLUSIVE else _xml_attributes_above(info)
    if inherited:
        info = _xml.one(copy.deepcopy(info.getroottree().getroot()), "soap:Header/ds:Signature/ds:SignedInfo", NS)
        for key, value in inherited.items():
            info.set(key, info.get(key, value))
    return _c14n(info, method).replace(b' xmlns=""', b"")


def _xml_attributes_above(element: etree._Element) -> dict[str, str]:
    """Return the xml: attributes that an element inherits, the nearest ancestor's last word."""
    return {
        str(key): str(value)
        for ancestor in reversed(list(element.iterancestors()))
        for key, value in ancestor.attrib.items()
        if str(key).startswith(f"{{{_names.XML}}}")
    }


def _c14n(element: etree._Element, method: Transform) -> bytes:
    exclusive = method.algorithm in EXCLUSIVE
    prefixes = method.prefix_list.split() if exclusive and method.prefix_list else None
    try:
        return etree.tostring(
            element, method="c14n", exclusive=exclusive, inclusive_ns_prefixes=prefixes, with_comments=False
        )
    except etree.C14NError:  # a namespace name that is relative
        sentence = "the envelope has no canonical form"
        raise SignatureError("signature.canonicalization", sentence, location="//Header/Signature") from None
