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
from mobb_client.ebms.cpa.routes import Signing
from mobb_client.ebms.message import DigestReference, Message, UserMessage
from mobb_client.ebms.signature_values import LOCATION
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
        FormatError: the envelope is not valid.
        ValueError: Manifest and payloads differ, a Content-ID twice, or characters that XML or MIME cannot hold.
        ConfigurationError: the CPA names an algorithm that is not allowed, or the key cannot sign.
        OSError: the file took less than it was given.

    Of the first three nothing is written. When a payload's own function raises, there is no envelope in the file yet:
    what stands there cannot be taken for a message.

    Source: `digikoppeling-ebms2` b.2, d.2 to d.5.
    """
    _check_payloads(message, payloads)
    root = envelope.build(message)
    unsigned = _prepare(root, payloads, signer)
    envelope.check(root)
    if not payloads:
        return _write_bare(message, root, unsigned, sink)
    body = _Body(message.header.message_id, payloads, signature.hash_name(signer.signing) if signer else "sha256")
    return body.write(sink, root, unsigned)


def _check_payloads(message: Message, payloads: Sequence[Payload]) -> None:
    manifest = message.manifest if isinstance(message, UserMessage) else None
    content_ids = [payload.content_id for payload in payloads]
    if list(manifest.hrefs if manifest else ()) != [f"cid:{content_id}" for content_id in content_ids]:
        raise ValueError("the Manifest must list the payloads' Content-IDs, in their order")
    if len({*content_ids, message.header.message_id}) <= len(content_ids):
        raise ValueError("the payloads' Content-IDs and the MessageId must all differ")


def _prepare(root: etree._Element, payloads: Sequence[Payload], signer: Signer | None) -> signature.Unsigned | None:
    if signer is None:
        return None
    return signature.Unsigned(root, [f"cid:{p.content_id}" for p in payloads], signer.identity, signer.signing)


def _octets(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _write_bare(message: Message, root: etree._Element, unsigned: signature.Unsigned | None, sink: BinaryIO) -> Packet:
    references = unsigned.sign([]) if unsigned else ()
    octets = _octets(root)
    _require_written(sink.write(octets), len(octets))
    message_id = message.header.message_id
    headers = mime.http_headers(message_id, multipart=False)
    return Packet(message_id=message_id, headers=headers, size=len(octets), references=references)


def _require_written(took: int, given: int) -> None:
    """An unbuffered file may take less than it is given, and says so only in a number."""
    if took != given:
        raise OSError(f"the file took {took} octets of {given}")


class _Body:
    """A multipart body on its way into a file; all that MIME can refuse is refused when this is made."""

    def __init__(self, message_id: str, payloads: Sequence[Payload], hash_name: str) -> None:
        self._message_id = message_id
        self._payloads = payloads
        self._hash_name = hash_name
        self._head = mime.part_head(message_id, message_id, _XML_TYPE)
        self._heads = [mime.part_head(message_id, p.content_id, p.content_type, p.filename) for p in payloads]
        self._size = 0

    def write(self, sink: BinaryIO, root: etree._Element, unsigned: signature.Unsigned | None) -> Packet:
        start = sink.tell()
        room = len(self._head) + len(_octets(root))
        self._put(sink, bytes(room))  # no hole: nothing of an older message may shine through
        digests = [self._put_payload(sink, head, p) for head, p in zip(self._heads, self._payloads, strict=True)]
        self._put(sink, mime.closing(self._message_id))
        end = sink.tell()
        _require_written(end - start, self._size)
        references = unsigned.sign(digests) if unsigned else ()
        self._fill_in(sink, start, room, self._head + _octets(root))
        sink.seek(end)
        return Packet(
            message_id=self._message_id,
            headers=mime.http_headers(self._message_id, multipart=True),
            size=self._size,
            references=references,
            payload_digests=tuple((p.content_id, digest) for p, digest in zip(self._payloads, digests, strict=True)),
        )

    def _put(self, sink: BinaryIO, octets: bytes) -> None:
        sink.write(octets)
        self._size += len(octets)

    def _put_payload(self, sink: BinaryIO, head: bytes, payload: Payload) -> bytes:
        """Write one part and return the digest of its octets, taken as they pass."""
        self._put(sink, b"\r\n" + head)
        digest = hashlib.new(self._hash_name)

        def pass_on(block: bytes) -> None:
            digest.update(block)
            self._put(sink, block)

        payload.write(pass_on)
        return digest.digest()

    @staticmethod
    def _fill_in(sink: BinaryIO, start: int, room: int, octets: bytes) -> None:
        if len(octets) != room:
            raise RuntimeError("the signature did not fit the room that was left for it")
        sink.seek(start)
        _require_written(sink.write(octets), room)


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
        raise SignatureError("signature.missing", "the CPA asks for a signature and there is none", location=LOCATION)
    content_ids = [part.content_id for part in received.parts]
    signature.check_policy(received.root, received.signature, content_ids, signing, synchronous=synchronous)
    signature.verify(received.root, received.signature, received.parts, certificate)
    if not certificate.valid_at(received.message.header.timestamp):
        raise SignatureError(
            "signature.certificate.dates", "the certificate was not valid at the message's time", location=LOCATION
        )
