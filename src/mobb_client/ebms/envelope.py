"""The SOAP envelope of every message, written and read. Signatures are `signature`'s, payloads are `mime`'s.

Source of the elements: msg-header-2_0.xsd and `digikoppeling-ebms2` section c.
"""

from __future__ import annotations

import binascii
import copy
from collections.abc import Callable
from datetime import datetime
from typing import Final, cast

from lxml import etree

from mobb_client import _xml
from mobb_client.ebms import _names
from mobb_client.ebms._names import NS, name
from mobb_client.ebms.message import (
    ERROR_CONTEXT,
    MSH_SERVICE,
    TO_PARTY_MSH,
    Acknowledgment,
    AckRequested,
    DigestReference,
    EbmsError,
    ErrorSeverity,
    Manifest,
    Message,
    MessageError,
    MessageHeader,
    MessageStatus,
    Party,
    PartyId,
    Ping,
    Pong,
    Service,
    StatusRequest,
    StatusResponse,
    SyncReply,
    Transform,
    UserMessage,
)
from mobb_client.errors import FormatError

_SCHEMA: Final = "ebms-envelope.xsd"
_HEADER: Final = "soap:Header/eb:MessageHeader"
_MUST_UNDERSTAND: Final = name("soap:mustUnderstand")
_BLANKS: Final = " \t\r\n"


# Writing


def build(message: Message) -> etree._Element:
    """Return the soap:Envelope of a message, without signature: same message, same octets.

    The prefixes soap, eb, xlink and ds are declared once, on the root (B13). Blanks at the ends of a text are XML's
    layout to whoever reads it, so no value should have them.

    Raises:
        ValueError: a character that XML does not have, or eb:MessageOrder, which Digikoppeling discourages and this
            library never sends (`digikoppeling-ebms2` h-29).
    """
    if isinstance(message, UserMessage) and message.message_order:
        raise ValueError("eb:MessageOrder is never sent")
    root = etree.Element(name("soap:Envelope"), nsmap=NS)
    header = add(root, "soap:Header")
    _add_message_header(header, message)
    _add_header_blocks(header, message)
    _add_body_blocks(add(root, "soap:Body"), message)
    return root


def check(envelope: etree._Element) -> None:
    """Judge an envelope against our own schema, as every receiver will before anything else.

    Raises:
        FormatError: what the schema refuses, by path and rule; no value is quoted.

    Source: `digikoppeling-ebms2` h-30: a schema-invalid message is HTTP 500 without an answer.
    """
    judged = _judgeable(envelope)
    if not _xml.is_valid(judged, _SCHEMA):
        found = "; ".join(f"{path}: {rule}" for path, rule in _xml.violations(judged, _SCHEMA))
        raise FormatError("envelope.schema", f"envelope is not valid: {found or 'no explanation'}")


def add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    """Add an element, by its prefixed name, below one of an envelope that `build` made.

    Straight into the tree: an ElementMaker makes each element apart and moves it, and takes three times as long.
    """
    element = etree.SubElement(parent, name(tag), attributes)
    element.text = text
    return element


def add_reference(parent: etree._Element, reference: DigestReference) -> etree._Element:
    """Add the ds:Reference of a digest, its transforms in their order; return its ds:DigestValue.

    Source: `digikoppeling-ebms2` d.2 to d.4.
    """
    element = add(parent, "ds:Reference", URI=reference.uri)
    if reference.transforms:
        transforms = add(element, "ds:Transforms")
        for transform in reference.transforms:
            _add_transform(transforms, transform)
    add(element, "ds:DigestMethod", Algorithm=reference.digest_method)
    return add(element, "ds:DigestValue", binascii.b2a_base64(reference.digest, newline=False).decode())


def _add_transform(parent: etree._Element, transform: Transform) -> None:
    element = add(parent, "ds:Transform", Algorithm=transform.algorithm)
    if transform.xpath is not None:
        add(element, "ds:XPath", _with_our_prefix(transform))
    if transform.prefix_list is not None:
        etree.SubElement(element, f"{{{_names.EXC_C14N}}}InclusiveNamespaces", nsmap={"ec": _names.EXC_C14N}).set(
            "PrefixList", transform.prefix_list
        )


def _with_our_prefix(transform: Transform) -> str:
    """Return the XPath with SOAP's prefix as this envelope declares it; another declaration would not stay (d.8)."""
    xpath = transform.xpath or ""
    return xpath.replace(f"@{transform.soap_prefix}:", "@soap:") if transform.soap_prefix else xpath


def _add_block(parent: etree._Element, tag: str, *, actor: str | None = None, version: str = "2.0") -> etree._Element:
    """Add a header block with the attributes that every block has."""
    element = _add_body_block(parent, tag, version=version)
    element.set(_MUST_UNDERSTAND, "1")
    if actor is not None:
        element.set(name("soap:actor"), actor)
    return element


def _add_body_block(parent: etree._Element, tag: str, *, version: str = "2.0") -> etree._Element:
    element = add(parent, tag)
    element.set(name("eb:version"), version)
    return element


def _add_message_header(parent: etree._Element, message: Message) -> None:
    header = message.header
    block = _add_block(parent, "eb:MessageHeader", version=header.version)
    _add_party(add(block, "eb:From"), header.sender)
    _add_party(add(block, "eb:To"), header.receiver)
    add(block, "eb:CPAId", header.cpa_id)
    add(block, "eb:ConversationId", header.conversation_id)
    _add_typed(block, "eb:Service", header.service)
    add(block, "eb:Action", header.action)
    _add_message_data(add(block, "eb:MessageData"), header)
    if header.duplicate_elimination:
        add(block, "eb:DuplicateElimination")


def _add_message_data(parent: etree._Element, header: MessageHeader) -> None:
    add(parent, "eb:MessageId", header.message_id)
    add(parent, "eb:Timestamp", _xml.write_moment(header.timestamp))
    if header.ref_to_message_id is not None:
        add(parent, "eb:RefToMessageId", header.ref_to_message_id)
    if header.time_to_live is not None:
        add(parent, "eb:TimeToLive", _xml.write_moment(header.time_to_live))


def _add_party(parent: etree._Element, party: Party) -> None:
    for party_id in party.party_ids:
        _add_typed(parent, "eb:PartyId", party_id)
    if party.role is not None:
        add(parent, "eb:Role", party.role)


def _add_typed(parent: etree._Element, tag: str, given: PartyId | Service) -> None:
    element = add(parent, tag, given.value)
    if given.type is not None:
        element.set(name("eb:type"), given.type)


def _add_header_blocks(header: etree._Element, message: Message) -> None:
    match message:
        case UserMessage():
            _add_sync_reply(header, message.sync_reply)
            _add_ack_requested(header, message.ack_requested)
        case Ping() | StatusRequest():
            _add_sync_reply(header, message.sync_reply)
        case Acknowledgment():
            _add_acknowledgment(header, message)
        case MessageError():
            _add_error_list(header, message)


def _add_sync_reply(header: etree._Element, sync_reply: SyncReply | None) -> None:
    if sync_reply is not None:
        _add_block(header, "eb:SyncReply", actor=sync_reply.actor, version=sync_reply.version)


def _add_ack_requested(header: etree._Element, wanted: AckRequested | None) -> None:
    if wanted is not None:
        block = _add_block(header, "eb:AckRequested", actor=wanted.actor, version=wanted.version)
        block.set(name("eb:signed"), "true" if wanted.signed else "false")


def _add_acknowledgment(header: etree._Element, message: Acknowledgment) -> None:
    block = _add_block(header, "eb:Acknowledgment", actor=message.actor)
    add(block, "eb:Timestamp", _xml.write_moment(message.timestamp))
    add(block, "eb:RefToMessageId", message.ref_to_message_id)
    if message.sender:
        acker = add(block, "eb:From")
        for party_id in message.sender.party_ids:
            _add_typed(acker, "eb:PartyId", party_id)
    for reference in message.references:
        add_reference(block, reference)


def _add_error_list(header: etree._Element, message: MessageError) -> None:
    block = _add_block(header, "eb:ErrorList")
    for error in message.errors:
        _add_error(block, error)
    block.set(name("eb:highestSeverity"), message.highest_severity)


def _add_error(parent: etree._Element, error: EbmsError) -> None:
    element = add(parent, "eb:Error")
    element.set(name("eb:codeContext"), error.context)
    element.set(name("eb:errorCode"), error.code)
    element.set(name("eb:severity"), error.severity)
    if error.location:
        element.set(name("eb:location"), error.location)
    if error.description:
        description = add(element, "eb:Description")
        description.set(f"{{{_names.XML}}}lang", "en-US")
        description.text = error.description


def _add_body_blocks(body: etree._Element, message: Message) -> None:
    match message:
        case UserMessage(manifest=Manifest(hrefs=hrefs, version=version)):
            manifest = _add_body_block(body, "eb:Manifest", version=version)
            for href in hrefs:
                reference = add(manifest, "eb:Reference")
                reference.set(name("xlink:type"), "simple")
                reference.set(name("xlink:href"), href)
        case StatusRequest():
            add(_add_body_block(body, "eb:StatusRequest"), "eb:RefToMessageId", message.ref_to_message_id)
        case StatusResponse():
            _add_status_response(body, message)


def _add_status_response(body: etree._Element, message: StatusResponse) -> None:
    block = _add_body_block(body, "eb:StatusResponse")
    add(block, "eb:RefToMessageId", message.ref_to_message_id)
    if message.timestamp:
        add(block, "eb:Timestamp", _xml.write_moment(message.timestamp))
    block.set(name("eb:messageStatus"), message.status)


# Reading


def read(envelope: etree._Element) -> Message:
    """Return what an envelope says, of whichever kind it is.

    The envelope is judged against our schema first. Nothing is compared with a CPA and no signature is looked at.

    Raises:
        FormatError: not a SOAP envelope, a SOAP fault, not valid, a part missing or doubled, a header block that must
            be understood and is not, an unknown signal, an answer that is bundled with another message.

    Source: `digikoppeling-ebms2` c.1, c.2 and h-30 to h-42.
    """
    if envelope.tag != name("soap:Envelope"):
        raise FormatError("envelope.root", "the document is no SOAP 1.1 envelope")
    if _xml.children(envelope, "soap:Body/soap:Fault", NS):
        raise FormatError("envelope.fault", "the envelope holds a SOAP fault and no ebMS message")
    check(envelope)
    _refuse_unknown_blocks(envelope)
    header = _read_header(_xml.one(envelope, _HEADER, NS))
    is_signal = header.service == Service(MSH_SERVICE)
    _refuse_bundles(envelope, header.action if is_signal else None)
    if not is_signal:
        return _read_user_message(envelope, header)
    reader = _SIGNALS.get(header.action)
    if reader is None:
        raise FormatError(
            "envelope.signal",
            "the message service has no such action",
            ebms_code="ValueNotRecognized",
            location="//Header/MessageHeader/Action",
        )
    return reader(envelope, header)


def read_reference(element: etree._Element) -> DigestReference:
    """Return what a ds:Reference says; its digest is decoded leniently (CR as a character reference: B28).

    Raises:
        FormatError: no URI, which is something else than an empty one; a part missing, doubled or not base64.
    """
    uri = element.get("URI")
    if uri is None:
        raise FormatError("xml.attribute", "ds:Reference: has no URI", location="ds:Reference")
    path = "ds:Transforms/ds:Transform"
    return DigestReference(
        uri=uri,
        digest_method=_xml.one(element, "ds:DigestMethod", NS).get("Algorithm", ""),
        digest=decode_base64(_xml.one(element, "ds:DigestValue", NS), "ds:DigestValue"),
        transforms=tuple(map(read_transform, _xml.children(element, path, NS))),
    )


def decode_base64(element: etree._Element, what: str) -> bytes:
    """Return the octets in an element's base64 text; blanks and CRs between are fine (B28).

    Raises:
        FormatError: not base64.
    """
    try:
        octets = _only_text(element, what).encode("ascii").translate(None, _BLANKS.encode())
        return binascii.a2b_base64(octets, strict_mode=True)
    except ValueError:  # binascii.Error is one, and so is what is not ASCII
        raise FormatError("xml.base64", f"{what}: not base64", location=what) from None


def read_transform(element: etree._Element) -> Transform:
    """Return what a ds:Transform or ds:CanonicalizationMethod says.

    Raises:
        FormatError: an XPath that is doubled or holds elements.
    """
    xpath = _xml.maybe(element, "ds:XPath", NS)
    prefixes = element.find(f"{{{_names.EXC_C14N}}}InclusiveNamespaces")
    return Transform(
        algorithm=element.get("Algorithm", ""),
        xpath=None if xpath is None else _only_text(xpath, "ds:XPath"),
        soap_prefix=None if xpath is None else _soap_prefix(xpath),
        prefix_list=None if prefixes is None else prefixes.get("PrefixList", ""),
    )


def _only_text(element: etree._Element, what: str) -> str:
    """Return an element's text; what stands behind a child of it would be overlooked, so it may have none."""
    if len(element):
        raise FormatError("xml.text-only", f"{what}: holds an element, where only text may stand", location=what)
    return element.text or ""


def _soap_prefix(element: etree._Element) -> str | None:
    """Return a prefix that stands for SOAP at this element, preferring the one that its own text uses."""
    bound = [prefix for prefix, uri in element.nsmap.items() if uri == _names.SOAP and prefix]
    return next((prefix for prefix in bound if f"@{prefix}:" in (element.text or "")), None)


_NUMERIC: Final = {"true": "1", "false": "0"}
_MOMENTS: Final = (name("eb:Timestamp"), name("eb:TimeToLive"))
_IS_LENIENT: Final = etree.XPath(
    "boolean(//*[normalize-space(@soap:mustUnderstand)='true' or normalize-space(@soap:mustUnderstand)='false']"
    " or //*[(self::eb:Timestamp or self::eb:TimeToLive) and starts-with(translate(., '\t\r\n', '   '), ' ')])",
    namespaces=NS,
)


def _judgeable(envelope: etree._Element) -> etree._Element:
    """Return the envelope, or a copy without what is read here and the judge refuses.

    That is mustUnderstand as a word (`h-33`), and blanks before a moment, which libxml2 allows behind it only.
    """
    if not _IS_LENIENT(envelope):
        return envelope
    judged = copy.deepcopy(envelope)
    for element in judged.iter(etree.Element):
        given = element.get(_MUST_UNDERSTAND)
        if given is not None:
            element.set(_MUST_UNDERSTAND, _NUMERIC.get(given.strip(), given))
        if element.tag in _MOMENTS:
            element.text = _xml.content(element)
    return judged


_KNOWN_BLOCKS: Final = frozenset(
    map(
        name,
        (
            "eb:MessageHeader",
            "eb:SyncReply",
            "eb:MessageOrder",
            "eb:AckRequested",
            "eb:Acknowledgment",
            "eb:ErrorList",
            "ds:Signature",
        ),
    )
)


def _refuse_unknown_blocks(envelope: etree._Element) -> None:
    """Refuse a header block that must be understood and is not; others are passed over (`h-33`)."""
    for block in _xml.one(envelope, "soap:Header", NS):
        if block.tag not in _KNOWN_BLOCKS and _attribute(block, "soap:mustUnderstand") in {"1", "true"}:
            raise FormatError(
                "soap.must-understand",
                "a header block that must be understood is not known here",
                ebms_code="NotSupported",
                location="//Header",
            )


_ANSWERS: Final = {
    "Acknowledgment": "soap:Header/eb:Acknowledgment",
    "MessageError": "soap:Header/eb:ErrorList",
    "StatusRequest": "soap:Body/eb:StatusRequest",
    "StatusResponse": "soap:Body/eb:StatusResponse",
}


def _refuse_bundles(envelope: etree._Element, action: str | None) -> None:
    """Refuse an answer inside another message: acknowledgments stand alone (`a.2`), and none is lost silently."""
    for answer, path in _ANSWERS.items():
        if answer != action and _xml.children(envelope, path, NS):
            raise FormatError(
                "envelope.bundle", f"{path}: bundled with another message", ebms_code="NotSupported", location=path
            )


def _attribute(element: etree._Element, prefixed: str, default: str = "") -> str:
    """Return an attribute as the schema's collapsed types (booleans, names, URIs) understand it: without blanks."""
    return element.get(name(prefixed), default).strip(_BLANKS)


def _read_header(element: etree._Element) -> MessageHeader:
    data = _xml.one(element, "eb:MessageData", NS)
    return MessageHeader(
        sender=_read_party(_xml.one(element, "eb:From", NS)),
        receiver=_read_party(_xml.one(element, "eb:To", NS)),
        cpa_id=_xml.text(element, "eb:CPAId", NS),
        conversation_id=_xml.text(element, "eb:ConversationId", NS),
        service=_read_service(_xml.one(element, "eb:Service", NS)),
        action=_xml.text(element, "eb:Action", NS),
        message_id=_xml.text(data, "eb:MessageId", NS),
        timestamp=_xml.moment(_xml.text(data, "eb:Timestamp", NS), "eb:Timestamp"),
        ref_to_message_id=_optional_text(data, "eb:RefToMessageId"),
        time_to_live=_optional_moment(data, "eb:TimeToLive"),
        duplicate_elimination=_xml.maybe(element, "eb:DuplicateElimination", NS) is not None,
        version=element.get(name("eb:version"), ""),
    )


def _read_party(element: etree._Element) -> Party:
    ids = tuple(
        PartyId(_filled(child, "eb:PartyId"), child.get(name("eb:type")))
        for child in _xml.children(element, "eb:PartyId", NS)
    )
    return Party(ids, _optional_text(element, "eb:Role"))


def _read_service(element: etree._Element) -> Service:
    return Service(_filled(element, "eb:Service"), element.get(name("eb:type")))


def _filled(element: etree._Element, what: str) -> str:
    """Return an element's text, which blanks alone are not."""
    found = _xml.content(element)
    if not found:
        raise FormatError("xml.empty", f"{what}: is empty", location=what)
    return found


def _optional_text(parent: etree._Element, path: str) -> str | None:
    element = _xml.maybe(parent, path, NS)
    return None if element is None else _filled(element, path)


def _optional_moment(parent: etree._Element, path: str) -> datetime | None:
    text = _optional_text(parent, path)
    return None if text is None else _xml.moment(text, path)


def _read_user_message(envelope: etree._Element, header: MessageHeader) -> UserMessage:
    return UserMessage(
        header=header,
        ack_requested=_read_ack_requested(_xml.maybe(envelope, "soap:Header/eb:AckRequested", NS)),
        sync_reply=_read_sync_reply(envelope),
        manifest=_read_manifest(_xml.maybe(envelope, "soap:Body/eb:Manifest", NS)),
        message_order=_xml.maybe(envelope, "soap:Header/eb:MessageOrder", NS) is not None,
    )


def _read_ack_requested(element: etree._Element | None) -> AckRequested | None:
    if element is None:
        return None
    return AckRequested(
        signed=_attribute(element, "eb:signed") in {"true", "1"},
        actor=_attribute(element, "soap:actor", TO_PARTY_MSH),
        version=element.get(name("eb:version"), ""),
    )


def _read_sync_reply(envelope: etree._Element) -> SyncReply | None:
    element = _xml.maybe(envelope, "soap:Header/eb:SyncReply", NS)
    if element is None:
        return None
    return SyncReply(_attribute(element, "soap:actor"), element.get(name("eb:version"), ""))


def _read_manifest(element: etree._Element | None) -> Manifest | None:
    if element is None:
        return None
    hrefs = tuple(_attribute(child, "xlink:href") for child in _xml.children(element, "eb:Reference", NS))
    return Manifest(hrefs, element.get(name("eb:version"), ""))


def _read_acknowledgment(envelope: etree._Element, header: MessageHeader) -> Acknowledgment:
    element = _xml.one(envelope, "soap:Header/eb:Acknowledgment", NS)
    acker = _xml.maybe(element, "eb:From", NS)
    return Acknowledgment(
        header=header,
        timestamp=_xml.moment(_xml.text(element, "eb:Timestamp", NS), "eb:Timestamp"),
        ref_to_message_id=_xml.text(element, "eb:RefToMessageId", NS),
        sender=None if acker is None else _read_party(acker),
        references=tuple(map(read_reference, _xml.children(element, "ds:Reference", NS))),
        actor=_attribute(element, "soap:actor") or None,
    )


def _read_message_error(envelope: etree._Element, header: MessageHeader) -> MessageError:
    element = _xml.one(envelope, "soap:Header/eb:ErrorList", NS)
    return MessageError(
        header=header,
        errors=tuple(map(_read_error, _xml.children(element, "eb:Error", NS))),
        highest_severity=_severity(element, "eb:highestSeverity"),
    )


def _read_error(element: etree._Element) -> EbmsError:
    return EbmsError(
        code=element.get(name("eb:errorCode"), ""),
        severity=_severity(element, "eb:severity"),
        location=element.get(name("eb:location"), ""),
        description=_description(element),
        context=_attribute(element, "eb:codeContext", ERROR_CONTEXT),
    )


def _description(element: etree._Element) -> str:
    """Return the words that go with an error; they may be absent or blank (`h-42`)."""
    found = _xml.maybe(element, "eb:Description", NS)
    return "" if found is None else _xml.content(found)


def _severity(element: etree._Element, attribute: str) -> ErrorSeverity:
    """Return a severity; the schema knows two."""
    return "Warning" if _attribute(element, attribute) == "Warning" else "Error"


def _read_ping(envelope: etree._Element, header: MessageHeader) -> Ping:
    return Ping(header=header, sync_reply=_read_sync_reply(envelope))


def _read_pong(envelope: etree._Element, header: MessageHeader) -> Pong:  # noqa: ARG001 - one shape for all signals
    return Pong(header=header)


def _read_status_request(envelope: etree._Element, header: MessageHeader) -> StatusRequest:
    element = _xml.one(envelope, "soap:Body/eb:StatusRequest", NS)
    return StatusRequest(
        header=header,
        ref_to_message_id=_xml.text(element, "eb:RefToMessageId", NS),
        sync_reply=_read_sync_reply(envelope),
    )


def _read_status_response(envelope: etree._Element, header: MessageHeader) -> StatusResponse:
    element = _xml.one(envelope, "soap:Body/eb:StatusResponse", NS)
    return StatusResponse(
        header=header,
        status=cast("MessageStatus", _attribute(element, "eb:messageStatus")),  # one of the five, says the schema
        ref_to_message_id=_xml.text(element, "eb:RefToMessageId", NS),
        timestamp=_optional_moment(element, "eb:Timestamp"),
    )


_SIGNALS: Final[dict[str, Callable[[etree._Element, MessageHeader], Message]]] = {
    "Acknowledgment": _read_acknowledgment,
    "MessageError": _read_message_error,
    "Ping": _read_ping,
    "Pong": _read_pong,
    "StatusRequest": _read_status_request,
    "StatusResponse": _read_status_response,
}
