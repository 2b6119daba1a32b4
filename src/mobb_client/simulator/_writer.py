"""What the Berichtenbox sends: signals and results as they go on the wire, signed where the CPA says so."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from mobb_client.simulator import _templates
from mobb_client.simulator._cpa import Agreement, Signing
from mobb_client.simulator._envelope import Envelope, Reference
from mobb_client.simulator._faults import Refused, Spoilt
from mobb_client.simulator._signature import Signer, sign
from mobb_client.simulator._templates import Header, Render

_XML: Final = "text/xml; charset=UTF-8"
_VALUE: Final = re.compile("<ds:SignatureValue>(.+?)</ds:SignatureValue>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One message of ours: its HTTP headers and body, and what its signature covers."""

    message_id: str
    conversation_id: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is answered: a message under an agreement, and the moment of the answer."""

    agreement: Agreement
    envelope: Envelope
    now: datetime


class Writer:
    """Writes everything that one Berichtenbox sends.

    Args:
        signer: the key of the CPA.
        stranger: a key of somebody else, for wrong signatures.
        new_id: where MessageIds come from.
    """

    def __init__(self, signer: Signer, stranger: Signer, new_id: Callable[[], UUID]) -> None:
        self._signer = signer
        self._stranger = stranger
        self._new_id = new_id

    def acknowledgment(self, asked: Asked, references: Sequence[Reference], spoilt: Spoilt | None = None) -> Written:
        """Return the acknowledgment of a message, signed when it asks for that."""
        header = self._answer(asked, "Acknowledgment")
        signing = asked.agreement.box.signing if asked.envelope.ack_signed else None
        repeated = [*references] if signing else []
        if repeated and spoilt == "references":
            repeated[0] = replace(repeated[0], digest=base64.b64encode(bytes(32)).decode())
        return self._finish(_templates.acknowledgment(header, repeated), header, signing, spoilt)

    def message_error(self, asked: Asked, refused: Refused) -> Written:
        """Return the refusal of a message, or a warning about it."""
        header = self._answer(asked, "MessageError")
        told = (refused.code, refused.severity, refused.location, refused.description)
        return self._finish(_templates.message_error(header, *told), header)

    def pong(self, asked: Asked) -> Written:
        """Return the answer to a Ping."""
        header = self._answer(asked, "Pong")
        return self._finish(_templates.envelope(header, ""), header)

    def status(self, asked: Asked, received: datetime | None) -> Written:
        """Return the answer to a StatusRequest: when the message came in, or None when it is not known."""
        header = self._answer(asked, "StatusResponse")
        return self._finish(_templates.status_response(header, asked.envelope.asked_about, received), header)

    def ping(self, agreement: Agreement, now: datetime) -> Written:
        """Return a Ping of our own."""
        header = self._header(agreement, "Ping", str(self._new_id()), now)
        return self._finish(_templates.envelope(header, ""), header, sync=agreement.box.sync)

    def ask_status(self, agreement: Agreement, message_id: str, now: datetime) -> Written:
        """Return a StatusRequest of our own."""
        header = self._header(agreement, "StatusRequest", str(self._new_id()), now)
        return self._finish(_templates.status_request(header, message_id), header, sync=agreement.box.sync)

    def result(self, asked: Asked, document: bytes, *, gzipped: bool = False, spoilt: Spoilt | None = None) -> Written:
        """Return the message that brings a result."""
        leg = asked.agreement.result
        header = replace(
            self._answer(asked, leg.action),
            sender_role=leg.from_role,
            receiver_role=leg.to_role,
            service=leg.service,
            time_to_live=asked.now + leg.time_to_live if leg.ack else None,
            more="\n      <eb:DuplicateElimination/>" if leg.duplicates else "",
        )
        content_id = f"result.{header.message_id}"
        render = _templates.user_message(header, bool(leg.ack_signed) if leg.ack else None, [content_id])
        payload = (content_id, "application/gzip", gzip.compress(document, mtime=0)) if gzipped else None
        return self._finish(
            render, header, leg.signing, spoilt, sync=leg.sync, payload=payload or (content_id, _XML, document)
        )

    def _header(self, agreement: Agreement, action: str, conversation_id: str, now: datetime) -> Header:
        host = urlsplit(agreement.box.endpoint).hostname or "localhost"
        return Header(
            sender_ids=agreement.box.ids,
            receiver_ids=agreement.sender.ids,
            cpa_id=agreement.cpa_id,
            conversation_id=conversation_id,
            action=action,
            message_id=f"{self._new_id()}@{host}",
            timestamp=now,
        )

    def _answer(self, asked: Asked, action: str) -> Header:
        header = self._header(asked.agreement, action, asked.envelope.conversation_id, asked.now)
        return replace(header, ref_to_message_id=asked.envelope.message_id)

    def _finish(  # noqa: PLR0913 - what a message is made of
        self,
        render: Render,
        header: Header,
        signing: Signing | None = None,
        spoilt: Spoilt | None = None,
        *,
        sync: bool = False,
        payload: tuple[str, str, bytes] | None = None,
    ) -> Written:
        """Return a message as it goes on the wire, with its one payload (Content-ID, type, octets) when it has one."""
        reply = _templates.SYNC_REPLY if sync else ""
        text, references = render(reply, ""), tuple[Reference, ...]()
        if signing is not None and spoilt != "missing":
            octets = {payload[0]: payload[2]} if payload else {}
            by = self._stranger if spoilt == "key" else self._signer
            text, references = sign(render, reply, octets, signing, by)
        if spoilt == "value":
            text = _VALUE.sub(_turned, text)
        kind, body = _bare(text) if payload is None else _multipart(header.message_id, text, *payload)
        return Written(
            message_id=header.message_id,
            conversation_id=header.conversation_id,
            headers={"Content-Type": kind, "SOAPAction": '"ebXML"'},
            body=body,
            references=references,
        )


def _turned(found: re.Match[str]) -> str:
    """Return a SignatureValue of which one bit is another."""
    octets = bytearray(base64.b64decode(found[1]))
    octets[-1] ^= 1
    return f"<ds:SignatureValue>{base64.b64encode(octets).decode()}</ds:SignatureValue>"


def _bare(text: str) -> tuple[str, bytes]:
    return _XML, text.encode()


def _multipart(message_id: str, text: str, content_id: str, kind: str, octets: bytes) -> tuple[str, bytes]:
    """Return Content-Type and body, laid out as the main Java adapter does."""
    boundary = f"-=GLOBE.{message_id.partition('@')[0]}=-"
    binary = "Content-Transfer-Encoding: binary\r\n" if not kind.startswith("text/") else ""
    head = (
        f"--{boundary}\r\nContent-Type: {_XML}\r\nContent-ID: <{message_id}>\r\n\r\n{text}\r\n"
        f'--{boundary}\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="result"\r\n{binary}'
        f"Content-ID: <{content_id}>\r\n\r\n"
    )
    content_type = (
        f'multipart/related; boundary="{boundary}"; type="text/xml"; start="<{message_id}>"; start-info="text/xml"'
    )
    return content_type, head.encode() + octets + f"\r\n--{boundary}--\r\n".encode()
