"""What must hold of a signed message before any arithmetic: that its signature means what it seems to mean.

Source: `digikoppeling-ebms2` d.7 steps 2 to 4, h-60 and h-61; B30, B34, B74.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from lxml import etree

from mobb_client import _xml
from mobb_client.ebms import _names, canonical
from mobb_client.ebms._names import NS, name
from mobb_client.ebms.cpa.routes import Signing
from mobb_client.ebms.message import DigestReference
from mobb_client.ebms.mime import match_content_id
from mobb_client.ebms.signature_values import (
    HASH_FUNCTIONS,
    LOCATION,
    SIGNATURE_ALGORITHMS,
    Signature,
    algorithm_name,
)
from mobb_client.errors import SignatureError

MAX_PREFIXES: Final = 32
MAX_ATTRIBUTES: Final = 64

_INCLUSIVE_NAMESPACES: Final = f"{{{_names.EXC_C14N}}}InclusiveNamespaces"
_MAY_HOLD: Final = {  # the whole of ds:SignedInfo; what is not named here stands empty
    name("ds:SignedInfo"): {name("ds:CanonicalizationMethod"), name("ds:SignatureMethod"), name("ds:Reference")},
    name("ds:CanonicalizationMethod"): {_INCLUSIVE_NAMESPACES},
    name("ds:Reference"): {name("ds:Transforms"), name("ds:DigestMethod"), name("ds:DigestValue")},
    name("ds:Transforms"): {name("ds:Transform")},
    name("ds:Transform"): {name("ds:XPath"), _INCLUSIVE_NAMESPACES},
}
_WITH_TEXT: Final = {name("ds:XPath"), name("ds:DigestValue")}
_KINDS: Final = (  # of the envelope's transforms, sorted
    ["c14n", "enveloped"],
    ["c14n", "enveloped", "xpath"],
    ["enveloped"],
    ["enveloped", "xpath"],
)


def check_policy(
    root: etree._Element,
    signature: Signature,
    content_ids: Sequence[str | None] | None,
    signing: Signing | None,
    *,
    synchronous: bool | None,
) -> None:
    """Refuse a signed message whose signature could not mean what it seems to mean; no arithmetic is done.

    Args:
        root: the envelope.
        signature: its signature.
        content_ids: Content-ID of every MIME part after the root, None where a part has none. None for the whole
            means that the parts are not at hand: then the references are compared with the Manifest only.
        signing: the algorithms that the CPA names; None accepts what Digikoppeling allows.
        synchronous: whether the CPA is synchronous, so that one eb:SyncReply may be outside the signature; None
            when no CPA is at hand.

    Raises:
        SignatureError: with its own code for each rule.

    Source: `digikoppeling-ebms2` d.7 steps 2 to 4; B30, B74.
    """
    _check_complexity(root)
    _check_single_blocks(root)
    _check_algorithms(signature, signing)
    _check_signed_info(signature.signed_info)
    _check_references(signature.references)
    _check_parts(root, signature.references, content_ids)
    _check_transforms(root, signature)
    _check_exempt(root, signature, synchronous=synchronous)


def _refuse(code: str, sentence: str, where: str = "", *, ebms_code: str | None = None) -> SignatureError:
    return SignatureError(f"signature.{code}", sentence, ebms_code=ebms_code, location=where or LOCATION)


def _check_complexity(root: etree._Element) -> None:
    """See that C14N can be done, and in bounded time.

    Each element costs the square of the prefixes in scope, and the square of its attributes: 54 kB of namespace
    declarations and small elements kept libxml2 busy for 20 seconds.
    """
    prefixes = {declared[0] for _, declared in etree.iterwalk(root, events=("start-ns",)) if declared}
    if len(prefixes) > MAX_PREFIXES:
        raise _refuse("complexity", f"more than {MAX_PREFIXES} namespace prefixes in the envelope")
    if any(len(element.attrib) > MAX_ATTRIBUTES for element in root.iter(etree.Element)):
        raise _refuse("complexity", f"an element with more than {MAX_ATTRIBUTES} attributes in the envelope")
    canonical.check(root)


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
    where = f"{LOCATION}/SignedInfo/SignatureMethod/@Algorithm"
    agreed = signing.signature_algorithm if signing else None
    if complaint := _complaint(signature.algorithm, agreed, SIGNATURE_ALGORITHMS):
        raise _refuse("algorithm", f"SignatureMethod is {complaint}", where)
    where = f"{LOCATION}/SignedInfo/Reference/DigestMethod/@Algorithm"
    agreed = signing.hash_function if signing else None
    for reference in signature.references:
        if complaint := _complaint(reference.digest_method, agreed, HASH_FUNCTIONS):
            raise _refuse("digest-method", f"DigestMethod of a reference is {complaint}", where)
    if canonical.kind(signature.canonicalization) != "c14n":
        raise _refuse("canonicalization", "CanonicalizationMethod is neither C14N nor exclusive C14N")


def _complaint(given: str, agreed: str | None, allowed: Collection[str]) -> str | None:
    """Return what is wrong with an algorithm, in words that a partner understands; None when nothing is (B34)."""
    if given not in allowed:
        return f"{algorithm_name(given)}, which Digikoppeling does not allow"
    if agreed is not None and given != agreed:
        return f"{algorithm_name(given)}, and the CPA says {algorithm_name(agreed)}"
    return None


def _check_signed_info(info: etree._Element) -> None:
    """Nothing in ds:SignedInfo but what has a meaning here: unknown elements or text could give it another."""
    for element in info.iter(etree.Element):
        allowed = _MAY_HOLD.get(str(element.tag), set())
        if any(child.tag not in allowed for child in element):
            raise _refuse("foreign", "SignedInfo holds an element that does not belong there")
        loose = [child.tail for child in element]
        if element.tag not in _WITH_TEXT:
            loose.append(element.text)
        if any((text or "").strip() for text in loose):
            raise _refuse("foreign", "SignedInfo holds text that does not belong there")


def _check_references(references: Iterable[DigestReference]) -> None:
    uris = [reference.uri for reference in references]
    if len(uris) != len(set(uris)):
        raise _refuse("reference-twice", "two references have the same URI")
    if "" not in uris:
        raise _refuse("envelope-not-covered", 'no reference covers the envelope (URI="")')
    if not all(uri.startswith("cid:") for uri in uris if uri):
        raise _refuse("reference-elsewhere", "a reference points to something that is no part of the message")


def _check_parts(
    root: etree._Element, references: Iterable[DigestReference], content_ids: Sequence[str | None] | None
) -> None:
    """References, MIME parts (when at hand) and Manifest must name the same Content-IDs, each once."""
    there = frozenset(content_ids or ())
    covered = [_named(reference.uri, there) for reference in references if reference.uri]
    if len(covered) != len(set(covered)):
        raise _refuse("reference-twice", "two references mean the same part")
    if content_ids is not None:
        _check_coverage(content_ids, set(covered))
    hrefs = [
        element.get(name("xlink:href"), "") for element in _xml.children(root, "soap:Body/eb:Manifest/eb:Reference", NS)
    ]
    elsewhere = [href for href in hrefs if not href.startswith("cid:")]
    if elsewhere or sorted(_named(href, there) for href in hrefs) != sorted(covered):
        raise _refuse("manifest", "eb:Manifest does not list the parts that the signature covers")


def _named(uri: str, content_ids: Collection[str | None]) -> str:
    return match_content_id(uri, content_ids) or uri.removeprefix("cid:")


def _check_coverage(content_ids: Sequence[str | None], covered: set[str]) -> None:
    if None in content_ids:
        raise _refuse("part-unnamed", "a MIME part has no Content-ID, so that nothing can cover it")
    if len(content_ids) != len(set(content_ids)):
        raise _refuse("part-twice", "two MIME parts have the same Content-ID")
    if uncovered := len(set(content_ids) - covered):
        raise _refuse("part-not-covered", f"{uncovered} MIME part(s) not covered by the signature")
    if missing := sorted(covered.difference(content_ids)):
        sentence = f"{len(missing)} reference(s) to a MIME part that is not there"
        raise _refuse("part-missing", sentence, f"cid:{missing[0]}", ebms_code="MimeProblem")


def _check_transforms(root: etree._Element, signature: Signature) -> None:
    if any(reference.uri and reference.transforms for reference in signature.references):
        raise _refuse("payload-transform", "a reference to a payload has a transform")
    transforms = _envelope_reference(signature).transforms
    kinds = [canonical.kind(transform) for transform in transforms]
    if sorted(map(str, kinds)) not in _KINDS or "c14n" in kinds[:-1]:
        raise _refuse("transform", "the envelope's transforms are not those of ebMS 2.0")
    methods = {*(transform.algorithm for transform in transforms), signature.canonicalization.algorithm}
    if methods & canonical.C14N_11 and root.xpath("boolean(//@xml:id|//@xml:base)"):
        raise _refuse("canonicalization", "C14N 1.1 with xml:id or xml:base is not read here")


def _check_exempt(root: etree._Element, signature: Signature, *, synchronous: bool | None) -> None:
    """What the XPath leaves out may be one empty SyncReply of the header, and only under a synchronous CPA."""
    if not canonical.has_xpath(_envelope_reference(signature).transforms):
        return
    exempt = canonical.next_actor_elements(root)
    replies = [element for element in exempt if _is_empty_sync_reply(element, root)]
    if len(exempt) != len(replies):
        raise _refuse("exempt", "an element is taken out of the signature by its soap:actor")
    if replies and synchronous is False:
        raise _refuse("exempt", "eb:SyncReply, outside the signature, under a CPA that is not synchronous")


def _is_empty_sync_reply(element: etree._Element, root: etree._Element) -> bool:
    parent = element.getparent()
    is_block = parent is not None and parent.tag == name("soap:Header") and parent.getparent() is root
    is_empty = len(element) == 0 and not (element.text or "").strip()
    return element.tag == name("eb:SyncReply") and is_block and is_empty


def _envelope_reference(signature: Signature) -> DigestReference:
    return next(reference for reference in signature.references if not reference.uri)
