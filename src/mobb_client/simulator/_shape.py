"""What may stand where: content models as regular expressions over the names of an element's children.

Strict where a sender has to be strict: the order of the schemas, every required attribute, no other, no loose text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from lxml import etree

from mobb_client.simulator._names import children, short, tag

_ANY: Final = ".+"


@dataclass(frozen=True)
class Shape:
    """What one element looks like.

    Args:
        content: its children: names with ``?``, ``+``, ``*`` and groups; empty for an element without children.
        attributes: each attribute and the pattern of its value; behind a ``?`` those that may be absent.
        text: the pattern of its text, for an element without children.
    """

    content: str = ""
    attributes: Mapping[str, str] | None = None
    text: str = ""

    @cached_property
    def _children(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"[a-z]+:\w+", lambda name: f"(?:{name[0]} )", self.content).replace(" (", "("))

    @cached_property
    def _attributes(self) -> dict[str, tuple[bool, re.Pattern[str]]]:
        given = self.attributes or {}
        return {
            tag(name.rstrip("?")) if ":" in name else name.rstrip("?"): (not name.endswith("?"), re.compile(value))
            for name, value in given.items()
        }

    def breaches(self, element: etree._Element) -> Iterator[str]:
        """Give what is wrong with an element, not with what is below it; no value is quoted."""
        name = short(element.tag)
        if not self._children.fullmatch(children(element)):
            yield f"{name}: other children, or in another order, than the schema has"
        yield from (f"{name}: {breach}" for breach in self._attribute_breaches(element))
        if self.content and _loose_text(element):
            yield f"{name}: text between its children"
        if not self.content and not re.fullmatch(self.text, element.text or "", re.DOTALL):
            yield f"{name}: its text is not as it must be"

    def _attribute_breaches(self, element: etree._Element) -> Iterator[str]:
        for key, value in element.attrib.items():
            _, pattern = self._attributes.get(str(key), (False, None))
            if pattern is None:
                yield f"attribute {short(key) if str(key).startswith('{') else key} does not belong there"
            elif not pattern.fullmatch(str(value)):
                yield f"attribute {short(key)} has another value than it must have"
        for key, (required, _) in self._attributes.items():
            if required and key not in element.attrib:
                yield f"attribute {short(key)} is missing"


def _loose_text(element: etree._Element) -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


_BLOCK: Final = {"eb:version": r"2\.0", "soap:mustUnderstand": "1"}
_WORD: Final = r"\S(.*\S)?"
_MOMENT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"
_ALGORITHM: Final = {"Algorithm": _ANY}

ENVELOPE: Final[Mapping[str, Shape]] = {
    "soap:Envelope": Shape("soap:Header soap:Body"),
    "soap:Header": Shape(
        "eb:MessageHeader eb:SyncReply? (eb:AckRequested|eb:Acknowledgment|eb:ErrorList)? ds:Signature?"
    ),
    "soap:Body": Shape("(eb:Manifest|eb:StatusRequest|eb:StatusResponse)?"),
    "eb:MessageHeader": Shape(
        "eb:From eb:To eb:CPAId eb:ConversationId eb:Service eb:Action eb:MessageData eb:DuplicateElimination?", _BLOCK
    ),
    "eb:From": Shape("eb:PartyId+ eb:Role?"),
    "eb:To": Shape("eb:PartyId+ eb:Role?"),
    "eb:PartyId": Shape("", {"eb:type?": _ANY}, _WORD),
    "eb:Role": Shape(text=_WORD),
    "eb:CPAId": Shape(text=_WORD),
    "eb:ConversationId": Shape(text=_WORD),
    "eb:Service": Shape("", {"eb:type?": _ANY}, r"\S+"),
    "eb:Action": Shape(text=r"\S+"),
    "eb:MessageData": Shape("eb:MessageId eb:Timestamp eb:RefToMessageId? eb:TimeToLive?"),
    "eb:MessageId": Shape(text=r"[^\s<>@]+@[^\s<>@]+"),
    "eb:Timestamp": Shape(text=_MOMENT),
    "eb:RefToMessageId": Shape(text=r"\S+"),
    "eb:TimeToLive": Shape(text=_MOMENT),
    "eb:DuplicateElimination": Shape(),
    "eb:SyncReply": Shape("", _BLOCK | {"soap:actor": _ANY}),
    "eb:AckRequested": Shape("", _BLOCK | {"soap:actor?": _ANY, "eb:signed": "true|false|1|0"}),
    "eb:Acknowledgment": Shape("eb:Timestamp eb:RefToMessageId eb:From? ds:Reference*", _BLOCK | {"soap:actor?": _ANY}),
    "eb:ErrorList": Shape("eb:Error+", _BLOCK | {"eb:highestSeverity": "Warning|Error"}),
    "eb:Error": Shape(
        "eb:Description?",
        {"eb:codeContext?": _ANY, "eb:errorCode": _ANY, "eb:severity": "Warning|Error", "eb:location?": _ANY},
    ),
    "eb:Description": Shape("", {"xml:lang": _ANY}, ".*"),
    "eb:Manifest": Shape("eb:Reference+", {"eb:version": r"2\.0"}),
    "eb:Reference": Shape("", {"xlink:type": "simple", "xlink:href": "cid:.+"}, r"\s*"),
    "eb:StatusRequest": Shape("eb:RefToMessageId", {"eb:version": r"2\.0"}),
    "eb:StatusResponse": Shape(
        "eb:RefToMessageId eb:Timestamp?",
        {"eb:version": r"2\.0", "eb:messageStatus": "UnAuthorized|NotRecognized|Received|Processed|Forwarded"},
    ),
    "ds:Signature": Shape("ds:SignedInfo ds:SignatureValue ds:KeyInfo"),
    "ds:SignedInfo": Shape("ds:CanonicalizationMethod ds:SignatureMethod ds:Reference+"),
    "ds:CanonicalizationMethod": Shape("", _ALGORITHM),
    "ds:SignatureMethod": Shape("", _ALGORITHM),
    "ds:Reference": Shape("ds:Transforms? ds:DigestMethod ds:DigestValue", {"URI": ".*"}),
    "ds:Transforms": Shape("ds:Transform+"),
    "ds:Transform": Shape("ds:XPath?", _ALGORITHM),
    "ds:XPath": Shape(text=_WORD),
    "ds:DigestMethod": Shape("", _ALGORITHM),
    "ds:DigestValue": Shape(text="[A-Za-z0-9+/]+=*"),
    "ds:SignatureValue": Shape(text="[A-Za-z0-9+/]+=*"),
    "ds:KeyInfo": Shape("ds:X509Data"),
    "ds:X509Data": Shape("ds:X509Certificate"),
    "ds:X509Certificate": Shape(text="[A-Za-z0-9+/]+=*"),
}
"""Every element of an envelope. Source: msg-header-2_0.xsd and xmldsig-core-schema.xsd, narrowed to what is to be sent
(`digikoppeling-ebms2` c.1, c.2, d.2).
"""


def breaches(root: etree._Element, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Give what is wrong below and with an element: elements, attributes, text, comments, instructions."""
    for node in root.iter():
        shape = shapes.get(short(node.tag))
        if not isinstance(node.tag, str):
            yield "a comment or a processing instruction"
        elif shape is None:
            yield f"{short(node.tag)}: does not belong there"
        else:
            yield from shape.breaches(node)
