"""A whole message: written to a file in one pass over the payloads' octets, and read back.

The envelope stands before the payloads and holds their digests; since digests and signature have known sizes, room is
left for it, the payloads are written once, and the envelope is filled in at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from lxml import etree

from mobb_client import _xml
from mobb_client.ebms import envelope, mime, signature
from mobb_client.ebms.cpa import Signing
from mobb_client.ebms.message import DigestReference, Message, UserMessage
from mobb_client.errors import SignatureError
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity

Sink = Callable[[bytes], object]
_XML_TYPE: Final = "text/xml; charset=UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One payload to send: its Content-ID, and a function that writes its octets, in blocks, into what it is given."""

    content_id: str
    write: Callable[[Sink], object]
    content_type: str = _XML_TYPE
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs, and what the CPA says of how. No signer, no signature."""

    identity: Identity
    signing: Signing


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What was written: the HTTP headers that go with it, the body's size in octets, and what its signature covers.

    `references` is empty for an unsigned message. `payload_digests` is evidence: by Content-ID, the digest of each
    payload by the signature's hash function, SHA-256 when there is no signature.
    """

    message_id: str
    headers: dict[str, str]
    size: int
    references: tuple[DigestReference, ...] = ()
    payload_digests: tuple[tuple[str, bytes], ...] = ()


def write(message: Message, payloads: Sequence[Payload], sink: BinaryIO, signer: Signer | None = None) -> Packet:
    """Write a message's HTTP body to a seekable binary file, from where the file stands.

    Each payload's octets are made, digested and written once; whatever the number and size of payloads, no more than
    one block of them is in memory. The envelope is judged against our schema before the first octet is written.

    Args:
        message: what the envelope says; the Manifest of a user message lists the payloads' Content-IDs.
        payloads: in the order of the Manifest; none for a signal.
        sink: a file opened for writing, or `io.BytesIO`.
        signer: who signs, when the CPA asks for it.

    Raises:
        FormatError: the envelope is not valid: nothing was written.
        ValueError: Manifest and payloads differ.

    Source: `digikoppeling-ebms2` b.2, d.2 to d.5.
    """
    _check_manifest(message, payloads)
    root = envelope.build(message)
    unsigned = _prepare(root, payloads, signer)
    envelope.check(root)
    if not payloads:
        return _write_bare(message, root, unsigned, sink)
    return _write_multipart(message, payloads, root, unsigned, sink, signer)


def _check_manifest(message: Message, payloads: Sequence[Payload]) -> None:
    manifest = message.manifest if isinstance(message, UserMessage) else None
    listed = manifest.hrefs if manifest else ()
    if list(listed) != [f"cid:{payload.content_id}" for payload in payloads]:
        raise ValueError("the Manifest must list the payloads' Content-IDs, in their order")


def _prepare(root: etree._Element, payloads: Sequence[Payload], signer: Signer | None) -> signature.Unsigned | None:
    if signer is None:
        return None
    return signature.Unsigned(root, [f"cid:{p.content_id}" for p in payloads], signer.identity, signer.signing)


def _octets(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _write_bare(message: Message, root: etree._Element, unsigned: signature.Unsigned | None, sink: BinaryIO) -> Packet:
    references = unsigned.sign([]) if unsigned else ()
    size = sink.write(_octets(root))
    message_id = message.header.message_id
    headers = mime.http_headers(message_id, multipart=False)
    return Packet(message_id=message_id, headers=headers, size=size, references=references)


def _write_multipart(  # noqa: PLR0913, PLR0917 - the parts of one message, once
    message: Message,
    payloads: Sequence[Payload],
    root: etree._Element,
    unsigned: signature.Unsigned | None,
    sink: BinaryIO,
    signer: Signer | None,
) -> Packet:
    message_id = message.header.message_id
    start = sink.tell()
    head = mime.part_head(message_id, message_id, _XML_TYPE)
    room = len(head) + len(_octets(root))
    sink.seek(start + room)
    hash_name = signature.hash_name(signer.signing) if signer else "sha256"
    digests = [_write_payload(message_id, payload, sink, hash_name) for payload in payloads]
    sink.write(mime.closing(message_id))
    end = sink.tell()
    references = unsigned.sign(digests) if unsigned else ()
    sink.seek(start)
    if sink.write(head + _octets(root)) != room:
        raise SignatureError("signature.size", "the signature did not fit the room that was left for it")
    sink.seek(end)
    return Packet(
        message_id=message_id,
        headers=mime.http_headers(message_id, multipart=True),
        size=end - start,
        references=references,
        payload_digests=tuple((p.content_id, d) for p, d in zip(payloads, digests, strict=True)),
    )


def _write_payload(message_id: str, payload: Payload, sink: BinaryIO, hash_name: str) -> bytes:
    """Write one part and return the digest of its octets, taken as they pass."""
    sink.write(b"\r\n" + mime.part_head(message_id, payload.content_id, payload.content_type, payload.filename))
    digest = hashlib.new(hash_name)

    def pass_on(block: bytes) -> None:
        digest.update(block)
        sink.write(block)

    payload.write(pass_on)
    return digest.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that came in, read and not yet trusted: what it says, its parts, and the signature that it claims."""

    root: etree._Element
    message: Message
    parts: tuple[mime.Part, ...] = ()
    signature: signature.Signature | None = None


def read(content_type: str, body: bytes) -> Received:
    """Read the HTTP body of any message. Nothing is verified and nothing is compared with a CPA.

    Raises:
        FormatError: MIME, XML or envelope cannot be read; `ebms_code` is the error to answer with.
        SignatureError: a signature that stands in the wrong place, or several.
    """
    unpacked = mime.unpack(content_type, body)
    root = _xml.parse(unpacked.envelope, "envelope")
    message = envelope.read(root)
    return Received(root=root, message=message, parts=unpacked.parts, signature=signature.find(root))


def verify(received: Received, signing: Signing, certificate: Certificate, *, synchronous: bool) -> None:
    """Trust a message's signature, or say why not: the whole policy, the arithmetic, the certificate's dates.

    Args:
        received: the message.
        signing: the algorithms that the CPA names for the signing side's channel.
        certificate: the certificate that the CPA names; the one in the message is only compared with it (B35).
        synchronous: whether the CPA is synchronous, so that one eb:SyncReply may stand outside the signature.

    Raises:
        SignatureError: unsigned, or any step that fails.

    Source: `digikoppeling-ebms2` d.7.
    """
    if received.signature is None:
        raise SignatureError("signature.missing", "the CPA asks for a signature and there is none", location=_WHERE)
    content_ids = [part.content_id for part in received.parts]
    signature.check_policy(received.root, received.signature, content_ids, signing, synchronous=synchronous)
    signature.verify(received.root, received.signature, received.parts, certificate)
    if not certificate.valid_at(received.message.header.timestamp):
        raise SignatureError(
            "signature.certificate.dates", "the certificate was not valid at the message's time", location=_WHERE
        )


_WHERE: Final = "//Header/Signature"
