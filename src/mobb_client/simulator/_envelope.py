"""An ebMS envelope as the Berichtenbox reads it, and what its form leaves to be desired.

Source: `digikoppeling-ebms2` c.1 and c.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from mobb_client.simulator._complaints import EMPTY, Fault, unreadable
from mobb_client.simulator._cpa import Id
from mobb_client.simulator._names import DS, EB, NS, SIGNALS, SOAP, XLINK, short, tag
from mobb_client.simulator._shape import ENVELOPE, breaches

_PREFIXES: Final = {"soap": SOAP, "eb": EB, "xlink": XLINK, "ds": DS}
_DATA: Final = "soap:Header/eb:MessageHeader/eb:MessageData"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What an eb:Acknowledgment says: of which message, from whom, and which references it repeats."""

    message_id: str
    sender_ids: frozenset[Id]
    actor: str | None
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """URI, digest method and digest, in base64, of one ds:Reference."""

    uri: str
    method: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """All that one envelope says, as it stands there."""

    root: etree._Element
    sender_ids: frozenset[Id]
    sender_role: str | None
    receiver_ids: frozenset[Id]
    receiver_role: str | None
    cpa_id: str
    conversation_id: str
    service: Id
    action: str
    message_id: str
    timestamp: datetime
    ref_to_message_id: str | None
    time_to_live: datetime | None
    duplicates: bool
    sync_actor: str | None
    ack_actor: str | None
    ack_signed: bool | None
    hrefs: tuple[str, ...]

    @property
    def is_signal(self) -> bool:
        """Whether it is between message handlers, not for the application behind them."""
        return self.action in SIGNALS

    @property
    def acknowledged(self) -> Acknowledged | None:
        """What its eb:Acknowledgment says, when it has one."""
        block = self.root.find("soap:Header/eb:Acknowledgment", NS)
        if block is None:
            return None
        return Acknowledged(
            message_id=block.findtext("eb:RefToMessageId", "", NS),
            sender_ids=_ids(block, "eb:From"),
            actor=block.get(tag("soap:actor")),
            references=references(block),
        )

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Code and severity of each eb:Error."""
        found = self.root.iterfind("soap:Header/eb:ErrorList/eb:Error", NS)
        return tuple((error.get(tag("eb:errorCode"), ""), error.get(tag("eb:severity"), "")) for error in found)

    @property
    def asked_about(self) -> str:
        """The MessageId that an eb:StatusRequest is about, or empty."""
        return self.root.findtext("soap:Body/eb:StatusRequest/eb:RefToMessageId", "", NS)


def parse(octets: bytes) -> etree._Element:
    """Return the root of an envelope.

    Raises:
        UnreadableError: not well-formed, or a DOCTYPE.
    """
    try:
        root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError):
        raise unreadable("envelope.xml", "the envelope is not well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise unreadable("envelope.doctype", "the envelope holds a DOCTYPE")
    if root.tag != tag("soap:Envelope"):
        raise unreadable("envelope.root", "the message is no SOAP envelope")
    return root


def check_form(root: etree._Element) -> Iterator[Fault]:
    """Find what is wrong with the form of an envelope, whatever it says."""
    for sibling in (*root.itersiblings(), *root.itersiblings(preceding=True)):
        yield Fault("envelope.beside", f"a {type(sibling).__name__.strip('_').lower()} beside the envelope", EMPTY)
    for breach in breaches(root, ENVELOPE):
        yield Fault("envelope.shape", breach, EMPTY)
    if any(element.prefix != _usual_prefix(element) for element in root.iter(etree.Element)):
        yield Fault("envelope.prefix", f"other prefixes than {', '.join(_PREFIXES)}")
    if any(element.nsmap != root.nsmap for element in root.iter(etree.Element)):
        yield Fault("envelope.namespaces", "a namespace declared below the root")


def _usual_prefix(element: etree._Element) -> str:
    return short(element.tag).partition(":")[0]


def read(root: etree._Element) -> Envelope:
    """Return what an envelope says whose form nothing is wrong with.

    Raises:
        UnreadableError: a moment that does not exist.
    """
    return Envelope(
        root=root,
        sender_ids=_ids(root, "soap:Header/eb:MessageHeader/eb:From"),
        sender_role=_maybe(root, "soap:Header/eb:MessageHeader/eb:From/eb:Role"),
        receiver_ids=_ids(root, "soap:Header/eb:MessageHeader/eb:To"),
        receiver_role=_maybe(root, "soap:Header/eb:MessageHeader/eb:To/eb:Role"),
        cpa_id=_text(root, "soap:Header/eb:MessageHeader/eb:CPAId"),
        conversation_id=_text(root, "soap:Header/eb:MessageHeader/eb:ConversationId"),
        service=next(map(_id, root.iterfind("soap:Header/eb:MessageHeader/eb:Service", NS))),
        action=_text(root, "soap:Header/eb:MessageHeader/eb:Action"),
        message_id=_text(root, f"{_DATA}/eb:MessageId"),
        timestamp=_moment(_text(root, f"{_DATA}/eb:Timestamp")),
        ref_to_message_id=_maybe(root, f"{_DATA}/eb:RefToMessageId"),
        time_to_live=_maybe_moment(root, f"{_DATA}/eb:TimeToLive"),
        duplicates=root.find("soap:Header/eb:MessageHeader/eb:DuplicateElimination", NS) is not None,
        sync_actor=_actor(root, "soap:Header/eb:SyncReply"),
        ack_actor=_actor(root, "soap:Header/eb:AckRequested"),
        ack_signed=_ack_signed(root),
        hrefs=tuple(one.get(tag("xlink:href"), "") for one in root.iterfind("soap:Body/eb:Manifest/eb:Reference", NS)),
    )


def references(parent: etree._Element) -> tuple[Reference, ...]:
    """Return the ds:References that are children of an element."""
    return tuple(
        Reference(
            one.get("URI", ""),
            _attribute(one, "ds:DigestMethod", "Algorithm"),
            "".join(one.findtext("ds:DigestValue", "", NS).split()),
        )
        for one in parent.iterfind("ds:Reference", NS)
    )


def _attribute(parent: etree._Element, path: str, name: str) -> str:
    element = parent.find(path, NS)
    return "" if element is None else element.get(name, "")


def _text(root: etree._Element, path: str) -> str:
    return root.findtext(path, "", NS)


def _maybe(root: etree._Element, path: str) -> str | None:
    return root.findtext(path, None, NS)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise unreadable("envelope.moment", "a moment that does not exist") from None


def _maybe_moment(root: etree._Element, path: str) -> datetime | None:
    text = _maybe(root, path)
    return None if text is None else _moment(text)


def _id(element: etree._Element) -> Id:
    return element.get(tag("eb:type")), element.text or ""


def _ids(root: etree._Element, path: str) -> frozenset[Id]:
    return frozenset(map(_id, root.iterfind(f"{path}/eb:PartyId", NS)))


def _actor(root: etree._Element, path: str) -> str | None:
    """Return the soap:actor of a block: empty when it has none, None when the block is not there."""
    block = root.find(path, NS)
    return None if block is None else block.get(tag("soap:actor"), "")


def _ack_signed(root: etree._Element) -> bool | None:
    block = root.find("soap:Header/eb:AckRequested", NS)
    return None if block is None else block.get(tag("eb:signed")) in {"true", "1"}
