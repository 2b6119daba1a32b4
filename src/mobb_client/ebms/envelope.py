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
from lxml.builder import ElementMaker

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

_SOAP: Final = ElementMaker(namespace=_names.SOAP, nsmap=NS)
_EB: Final = ElementMaker(namespace=_names.EB, nsmap=NS)
_DS: Final = ElementMaker(namespace=_names.DS, nsmap=NS)
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
    return _SOAP.Envelope(
        _SOAP.Header(_message_header(message), *_header_blocks(message)), _SOAP.Body(*_body_blocks(message))
    )


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


def write_reference(reference: DigestReference) -> etree._Element:
    """Return the ds:Reference of a digest, its transforms in their order, for an envelope that `build` made.

    Source: `digikoppeling-ebms2` d.2 to d.4.
    """
    transforms = [_DS.Transforms(*map(_transform, reference.transforms))] if reference.transforms else []
    return _DS.Reference(
        *transforms,
        _DS.DigestMethod(Algorithm=reference.digest_method),
        _DS.DigestValue(binascii.b2a_base64(reference.digest, newline=False).decode()),
        URI=reference.uri,
    )


def _transform(transform: Transform) -> etree._Element:
    element = _DS.Transform(Algorithm=transform.algorithm)
    if transform.xpath is not None:
        element.append(_DS.XPath(_with_our_prefix(transform)))
    if transform.prefix_list is not None:
        etree.SubElement(element, f"{{{_names.EXC_C14N}}}InclusiveNamespaces", nsmap={"ec": _names.EXC_C14N}).set(
            "PrefixList", transform.prefix_list
        )
    return element


def _with_our_prefix(transform: Transform) -> str:
    """Return the XPath with SOAP's prefix as this envelope declares it; another declaration would not stay (d.8)."""
    xpath = transform.xpath or ""
    return xpath.replace(f"@{transform.soap_prefix}:", "@soap:") if transform.soap_prefix else xpath


def _block(tag: str, *parts: etree._Element, actor: str | None = None, version: str = "2.0") -> etree._Element:
    """Return a header block with the attributes that every block has."""
    element = _EB(tag, *parts)
    element.set(name("eb:version"), version)
    element.set(_MUST_UNDERSTAND, "1")
    if actor is not None:
        element.set(name("soap:actor"), actor)
    return element


def _body_block(tag: str, *parts: etree._Element, version: str = "2.0") -> etree._Element:
    element = _EB(tag, *parts)
    element.set(name("eb:version"), version)
    return element


def _message_header(message: Message) -> etree._Element:
    header = message.header
    data = [_EB.MessageId(header.message_id), _EB.Timestamp(_xml.write_moment(header.timestamp))]
    if header.ref_to_message_id is not None:
        data.append(_EB.RefToMessageId(header.ref_to_message_id))
    if header.time_to_live is not None:
        data.append(_EB.TimeToLive(_xml.write_moment(header.time_to_live)))
    return _block(
        "MessageHeader",
        _EB.From(*_party(header.sender)),
        _EB.To(*_party(header.receiver)),
        _EB.CPAId(header.cpa_id),
        _EB.ConversationId(header.conversation_id),
        _typed("Service", header.service),
        _EB.Action(header.action),
        _EB.MessageData(*data),
        *([_EB.DuplicateElimination()] if header.duplicate_elimination else []),
        version=header.version,
    )


def _party(party: Party) -> list[etree._Element]:
    role = [_EB.Role(party.role)] if party.role is not None else []
    return [*(_typed("PartyId", party_id) for party_id in party.party_ids), *role]


def _typed(tag: str, given: PartyId | Service) -> etree._Element:
    element = _EB(tag, given.value)
    if given.type is not None:
        element.set(name("eb:type"), given.type)
    return element


def _header_blocks(message: Message) -> list[etree._Element]:
    match message:
        case UserMessage():
            return [*_sync_reply(message.sync_reply), *_ack_requested(message.ack_requested)]
        case Ping() | StatusRequest():
            return _sync_reply(message.sync_reply)
        case Acknowledgment():
            return [_acknowledgment(message)]
        case MessageError():
            return [_error_list(message)]
        case _:
            return []


def _sync_reply(sync_reply: SyncReply | None) -> list[etree._Element]:
    return [_block("SyncReply", actor=sync_reply.actor, version=sync_reply.version)] if sync_reply else []


def _ack_requested(wanted: AckRequested | None) -> list[etree._Element]:
    if wanted is None:
        return []
    element = _block("AckRequested", actor=wanted.actor, version=wanted.version)
    element.set(name("eb:signed"), "true" if wanted.signed else "false")
    return [element]


def _acknowledgment(message: Acknowledgment) -> etree._Element:
    acker = (
        [_EB.From(*(_typed("PartyId", party_id) for party_id in message.sender.party_ids))] if message.sender else []
    )
    return _block(
        "Acknowledgment",
        _EB.Timestamp(_xml.write_moment(message.timestamp)),
        _EB.RefToMessageId(message.ref_to_message_id),
        *acker,
        *map(write_reference, message.references),
        actor=message.actor,
    )


def _error_list(message: MessageError) -> etree._Element:
    element = _block("ErrorList", *map(_error, message.errors))
    element.set(name("eb:highestSeverity"), message.highest_severity)
    return element


def _error(error: EbmsError) -> etree._Element:
    element = _EB.Error()
    element.set(name("eb:codeContext"), error.context)
    element.set(name("eb:errorCode"), error.code)
    element.set(name("eb:severity"), error.severity)
    if error.location:
        element.set(name("eb:location"), error.location)
    if error.description:
        description = etree.SubElement(element, name("eb:Description"))
        description.set(f"{{{_names.XML}}}lang", "en-US")
        description.text = error.description
    return element


def _body_blocks(message: Message) -> list[etree._Element]:
    match message:
        case UserMessage(manifest=Manifest(hrefs=hrefs, version=version)):
            return [_body_block("Manifest", *map(_reference, hrefs), version=version)]
        case StatusRequest():
            return [_body_block("StatusRequest", _EB.RefToMessageId(message.ref_to_message_id))]
        case StatusResponse():
            return [_status_response(message)]
        case _:
            return []


def _reference(href: str) -> etree._Element:
    element = _EB.Reference()
    element.set(name("xlink:type"), "simple")
    element.set(name("xlink:href"), href)
    return element


def _status_response(message: StatusResponse) -> etree._Element:
    received = [_EB.Timestamp(_xml.write_moment(message.timestamp))] if message.timestamp else []
    element = _body_block("StatusResponse", _EB.RefToMessageId(message.ref_to_message_id), *received)
    element.set(name("eb:messageStatus"), message.status)
    return element


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
