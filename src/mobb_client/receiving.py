"""What comes in: acknowledgments, errors, pings, status requests and results, at our endpoint or in an HTTP answer.

Stored before it is answered; a duplicate gets the same answer and has no second effect. Nothing is trusted that was not
signed when the CPA asks for signatures. Source: `digikoppeling-ebms2` f.4, f.5, f.7; `berichtenbox` c.5.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Final
from uuid import UUID

from mobb_client import ledger
from mobb_client.berichtenbox.globe import parse_result
from mobb_client.ebms import agreement, exchange, packet, signature
from mobb_client.ebms.cpa import Route, SignalRoute
from mobb_client.ebms.message import (
    Acknowledgment,
    Message,
    MessageError,
    MessageStatus,
    Ping,
    Pong,
    StatusRequest,
    StatusResponse,
    UserMessage,
)
from mobb_client.errors import ConfigurationError, FormatError, ProtocolError, SignatureError
from mobb_client.outbox.contract import Event, Outbox, StoredAnswer, StoredMessage, Transaction
from mobb_client.pki.certificate import Certificate
from mobb_client.sender import Sender
from mobb_client.transport.endpoint import Reply

log = logging.getLogger(__name__)

_NOTHING: Final = Reply(status=204)
_FAILED: Final = Reply(status=500)


@dataclass(frozen=True, slots=True)
class _Incoming:
    """One message that came in: under which sender's CPA, in or against an HTTP request of ours, and its octets."""

    received: packet.Received
    sender: Sender
    body: bytes
    now: datetime
    answers: StoredMessage | None = None
    """The message of ours in whose HTTP response it came; None at our endpoint."""

    @property
    def message(self) -> Message:
        return self.received.message

    @property
    def message_id(self) -> str:
        return self.received.message.header.message_id

    @property
    def digest(self) -> str:
        return sha256(self.body).hexdigest()


class Receiving:
    """The receiving half of a client.

    Args:
        senders: whose CPAs are known here.
        outbox: where everything is stored before it is answered.
        now: the clock.
        new_id: where the MessageIds of our answers come from.
    """

    def __init__(
        self, senders: Sequence[Sender], outbox: Outbox, now: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self._senders = senders
        self._outbox = outbox
        self._now = now
        self._new_id = new_id

    def receive(self, headers: Mapping[str, str], body: bytes, *, peer: Certificate | None = None) -> Reply:
        """Return the HTTP answer to a POST at our endpoint, after what it said was stored.

        Args:
            headers: of the HTTP request, names in any case.
            body: its octets.
            peer: the client certificate of the TLS connection, from whoever ended it.
        """
        kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
        try:
            received = packet.read(kind, body)
        except ProtocolError as error:
            log.warning("ebms.unreadable", extra={"code": error.code})
            return _FAILED
        sender = self._sender_of(received.message)
        if sender is None or not sender.admits(peer):
            log.warning("ebms.unknown-party", extra={"message_id": received.message.header.message_id})
            return _FAILED
        return self._answer(_Incoming(received, sender, body, self._now()))

    def read_response(self, sent: StoredMessage, content_type: str, body: bytes) -> ProtocolError | None:
        """Take in the signal in the HTTP response to a message of ours; return why it is no answer, if it is none."""
        try:
            received = packet.read(content_type, body)
            sender = self._sender_of(received.message)
            if sender is None:
                raise FormatError("answer.cpa", "the answer is not of a CPA that is known here")
            self._take_signal(_Incoming(received, sender, body, self._now(), sent))
        except ProtocolError as error:
            log.warning("ebms.no-answer", extra={"message_id": sent.message_id, "code": error.code})
            return error
        return None

    def _sender_of(self, message: Message) -> Sender | None:
        cpa_id = message.header.cpa_id
        return next((sender for sender in self._senders if sender.cpa.cpa_id == cpa_id), None)

    def _answer(self, incoming: _Incoming) -> Reply:
        with self._outbox.transaction() as tx:
            known = tx.answer(incoming.message_id)
        if known is not None:
            return self._answer_again(incoming, known)
        match incoming.message:
            case UserMessage():
                return self._answer_user_message(incoming)
            case Ping() | StatusRequest():
                return self._answer_question(incoming)
            case _:
                return self._answer_signal(incoming)

    # Duplicates

    def _answer_again(self, incoming: _Incoming, known: StoredAnswer) -> Reply:
        """Answer a duplicate as the first time (B42); another message under the same id is an error (B44)."""
        if known.digest != incoming.digest and isinstance(incoming.message, UserMessage):
            error = FormatError(
                "message-id.reused", "another message came under this MessageId", ebms_code="Inconsistent"
            )
            return self._refuse(incoming, error, store=False)
        if known.answered_by is not None:
            self._send_again(known.answered_by, incoming.now)
        return Reply(status=known.status, headers=known.headers, body=known.body)

    def _send_again(self, message_id: str, now: datetime) -> None:
        with self._outbox.transaction() as tx:
            message = tx.message(message_id)
            if message is not None:
                tx.put_message(_due_again(message, now))

    # Signals

    def _answer_signal(self, incoming: _Incoming) -> Reply:
        try:
            self._take_signal(incoming)
        except SignatureError as error:
            self._alarm(incoming, error)
            return _NOTHING  # as good as no acknowledgment; only a person can repair it (h-25)
        except ProtocolError as error:
            self._alarm(incoming, error)
            return _FAILED
        return _NOTHING

    def _take_signal(self, incoming: _Incoming) -> None:
        """Store a signal and what it does to the message that it answers.

        Raises:
            ProtocolError: it is no answer to a message of ours.
        """
        agreement.judge_signal(incoming.message.header, incoming.sender.cpa)
        with self._outbox.transaction() as tx:
            match incoming.message:
                case Acknowledgment() as ack:
                    message = self._sent(tx, incoming, ack.ref_to_message_id)
                    self._check_acknowledgment(incoming, ack, message)
                    ledger.advance(tx, message, exchange.Acknowledged(), incoming.now)
                case MessageError() as error:
                    message = self._sent(tx, incoming, incoming.message.header.ref_to_message_id or "")
                    self._check_error(incoming, error, message)
                    ledger.advance(tx, message, _event_of(error), incoming.now)
                case Pong() | StatusResponse() as answer:
                    name = f"signal.{type(answer).__name__.lower()}"
                    data = {"ref": answer.header.ref_to_message_id}
                    tx.add_event(Event(at=incoming.now, name=name, message_id=incoming.message_id, data=data))
                case _:
                    raise FormatError("answer.kind", "the answer is not a signal")
            tx.put_answer(_stored(incoming, _NOTHING))

    def _sent(self, tx: Transaction, incoming: _Incoming, ref: str) -> StoredMessage:
        message = tx.message(ref)
        if message is None or message.message is None:
            raise FormatError("answer.unknown", "it answers a message that was not sent from here")
        if incoming.answers is not None and incoming.answers.message_id != ref:
            raise FormatError("answer.other", "it answers another message than the one it came with")
        return message

    def _check_acknowledgment(self, incoming: _Incoming, ack: Acknowledgment, sent: StoredMessage) -> None:
        if sent.message is None:
            return
        agreement.check_answer(ack, sent.message, synchronous=incoming.answers is not None)
        wanted = sent.message.ack_requested
        if wanted is None or not wanted.signed:
            return
        signals = incoming.sender.cpa.signals(sender=ack.header.sender, action="Acknowledgment")
        _verify(incoming, signals)
        signature.check_receipt(sent.references, ack.references)

    def _check_error(self, incoming: _Incoming, error: MessageError, sent: StoredMessage) -> None:
        """Check that a MessageError answers the message; when it is signed, the signature must hold."""
        if sent.message is not None:
            agreement.check_answer(error, sent.message, synchronous=incoming.answers is not None)
        if incoming.received.signature is not None:
            _verify(incoming, incoming.sender.cpa.signals(sender=error.header.sender, action="MessageError"))

    # Questions

    def _answer_question(self, incoming: _Incoming) -> Reply:
        """Answer a Ping or StatusRequest, in the response or as a message of its own, as the CPA says (h-62)."""
        header = incoming.message.header
        try:
            agreement.judge_signal(header, incoming.sender.cpa)
            asked = incoming.sender.cpa.signals(sender=header.sender, action=header.action)
        except (ProtocolError, ConfigurationError):
            return _FAILED
        answer = self._answer_to(incoming)
        return self._reply(incoming, answer, None, synchronous=asked.sync, effects=lambda _: None)

    def _answer_to(self, incoming: _Incoming) -> Pong | StatusResponse:
        message_id = self._message_id(incoming.sender)
        if isinstance(incoming.message, StatusRequest):
            return self._status_of(incoming, incoming.message, message_id)
        assert isinstance(incoming.message, Ping)  # noqa: S101 - the only other question
        return agreement.pong(incoming.message, message_id=message_id, timestamp=incoming.now)

    def _status_of(self, incoming: _Incoming, request: StatusRequest, message_id: str) -> StatusResponse:
        """Say whether a message of theirs arrived here, which is not to say that it was accepted (f.8)."""
        with self._outbox.transaction() as tx:
            known = tx.answer(request.ref_to_message_id)
        status: MessageStatus = "Received"
        if known is None:
            status = "NotRecognized"
        elif known.cpa_id != request.header.cpa_id:
            status = "UnAuthorized"
        received = known.received if known is not None else None
        return agreement.status_response(request, status, received, message_id=message_id, timestamp=incoming.now)

    # User messages

    def _answer_user_message(self, incoming: _Incoming) -> Reply:
        """Judge, verify, store and acknowledge a business message: a result."""
        message = incoming.message
        assert isinstance(message, UserMessage)  # noqa: S101 - the caller's match
        try:
            route = agreement.judge(message, incoming.sender.cpa, now=incoming.now)
            self._check_user_message(incoming, message, route)
        except SignatureError as error:
            return self._refuse(incoming, error, store=False)  # whoever cannot sign for a MessageId does not use it up
        except ProtocolError as error:
            return self._refuse(incoming, error)
        except ConfigurationError as error:
            log.error("ebms.configuration", extra={"code": error.findings[0].code if error.findings else ""})  # noqa: TRY400
            return _FAILED
        if not route.ack_requested:
            return self._reply(incoming, None, None, synchronous=False, effects=lambda tx: self._effects(tx, incoming))
        claimed = incoming.received.signature
        wanted = message.ack_requested is not None and message.ack_requested.signed
        references = claimed.references if claimed is not None and wanted else ()
        ack = agreement.acknowledge(
            message, references, message_id=self._message_id(incoming.sender), timestamp=incoming.now
        )
        signer = self._signer(incoming.sender, ack) if wanted else None
        return self._reply(
            incoming, ack, signer, synchronous=route.sync_reply, effects=lambda tx: self._effects(tx, incoming)
        )

    def _check_user_message(self, incoming: _Incoming, message: UserMessage, route: Route) -> None:
        if route.encrypted:
            raise SignatureError(
                "encrypted", "the CPA asks for encryption, which is not supported", ebms_code="NotSupported"
            )
        agreement.check_parts(message, [part.content_id for part in incoming.received.parts])
        if route.signing is None:
            return
        if route.signing.certificate is None:
            raise SignatureError("signature.certificate", "the CPA names no certificate for this signature")
        packet.verify(incoming.received, route.signing, route.signing.certificate, synchronous=route.sync_reply)

    def _effects(self, tx: Transaction, incoming: _Incoming) -> None:
        """Apply the results in a message; one that cannot be read is for a person, and does not come again."""
        if incoming.message.header.action != incoming.sender.result_action:
            tx.add_event(Event(at=incoming.now, name="message.other-action", message_id=incoming.message_id))
            return
        for part in incoming.received.parts:
            try:
                result = parse_result(part.octets)
            except FormatError as error:
                data = {"code": error.code}
                tx.add_event(
                    Event(at=incoming.now, name="result.unreadable", message_id=incoming.message_id, data=data)
                )
                continue
            ledger.apply_result(tx, result, incoming.sender.oins, incoming.now)

    def _refuse(self, incoming: _Incoming, error: ProtocolError, *, store: bool = True) -> Reply:
        """Answer with a MessageError, inside the protocol (B11), and write down that something was refused."""
        self._alarm(incoming, error)
        answer = agreement.refuse(
            incoming.message.header, error, message_id=self._message_id(incoming.sender), timestamp=incoming.now
        )
        synchronous = isinstance(incoming.message, UserMessage) and incoming.message.sync_reply is not None
        return self._reply(incoming, answer, None, synchronous=synchronous, effects=lambda _: None, store=store)

    # Answering

    def _reply(  # noqa: PLR0913 - one place where everything is stored and answered
        self,
        incoming: _Incoming,
        answer: Message | None,
        signer: packet.Signer | None,
        *,
        synchronous: bool,
        effects: Callable[[Transaction], None],
        store: bool = True,
    ) -> Reply:
        """Store the answer together with what the message did, and only then give it."""
        if answer is None:
            reply, own = _NOTHING, None
        elif synchronous:
            reply, own = _in_response(answer, signer), None
        else:
            reply, own = _NOTHING, self._own_message(incoming, answer, signer)
        with self._outbox.transaction() as tx:
            if store and (known := tx.answer(incoming.message_id)) is not None:
                return Reply(status=known.status, headers=known.headers, body=known.body)  # its twin was faster
            effects(tx)
            if own is not None:
                tx.put_message(own)
            if store:
                tx.put_answer(_stored(incoming, reply, own.message_id if own else None))
        return reply

    def _own_message(self, incoming: _Incoming, answer: Message, signer: packet.Signer | None) -> StoredMessage:
        """Write a signal of ours into the outbox; it is sent once, like all signals (f.5)."""
        route = incoming.sender.cpa.signals(sender=answer.header.sender, action=answer.header.action)
        written: list[packet.Packet] = []
        self._outbox.write_body(
            answer.header.message_id, lambda sink: written.append(packet.write(answer, [], sink, signer))
        )
        return StoredMessage(
            message_id=answer.header.message_id,
            kind="signal",
            cpa_id=answer.header.cpa_id,
            url=route.endpoint,
            headers=written[0].headers,
            size=written[0].size,
            created=incoming.now,
            entry=exchange.begin(incoming.now, None),
        )

    def _signer(self, sender: Sender, ack: Acknowledgment) -> packet.Signer | None:
        signals = sender.cpa.signals(sender=ack.header.sender, action="Acknowledgment")
        if signals.signing is None or sender.identity is None:
            return None
        return packet.Signer(sender.identity, signals.signing)

    def _message_id(self, sender: Sender) -> str:
        return f"{self._new_id()}@{sender.route(self._now()).our_host}"

    def _alarm(self, incoming: _Incoming, error: ProtocolError) -> None:
        """Write down that something was refused: somebody may have to act."""
        log.warning("ebms.refused", extra={"message_id": incoming.message_id, "code": error.code})
        with self._outbox.transaction() as tx:
            data = {"code": error.code, "ebms_code": error.ebms_code, "kind": type(incoming.message).__name__}
            tx.add_event(Event(at=incoming.now, name="incoming.refused", message_id=incoming.message_id, data=data))


def _verify(incoming: _Incoming, signals: SignalRoute) -> None:
    if signals.signing is None or signals.signing.certificate is None:
        raise SignatureError("signature.certificate", "the CPA names no certificate for the signature of a signal")
    packet.verify(
        incoming.received, signals.signing, signals.signing.certificate, synchronous=incoming.answers is not None
    )


def _event_of(error: MessageError) -> exchange.Event:
    reason = ", ".join(dict.fromkeys(_known_code(one.code) for one in error.errors))
    return exchange.Warned(reason) if error.highest_severity == "Warning" else exchange.Refused(reason)


_ERROR_CODES: Final = frozenset(
    {
        "ValueNotRecognized",
        "NotSupported",
        "Inconsistent",
        "OtherXml",
        "DeliveryFailure",
        "TimeToLiveExpired",
        "SecurityFailure",
        "MimeProblem",
        "Unknown",
    }
)


def _known_code(code: str) -> str:
    """Return an errorCode that the standard has; another one is text from outside, and not shown."""
    return code if code in _ERROR_CODES else "another errorCode"


def _in_response(answer: Message, signer: packet.Signer | None) -> Reply:
    """Return an answer in the HTTP response: bare, since some partners read no other (h-49)."""
    sink = BytesIO()
    written = packet.write(answer, [], sink, signer)
    return Reply(status=200, headers=written.headers, body=sink.getvalue())


def _stored(incoming: _Incoming, reply: Reply, answered_by: str | None = None) -> StoredAnswer:
    return StoredAnswer(
        message_id=incoming.message_id,
        cpa_id=incoming.message.header.cpa_id,
        digest=incoming.digest,
        received=incoming.now,
        status=reply.status,
        headers=reply.headers,
        body=reply.body,
        answered_by=answered_by,
    )


def _due_again(message: StoredMessage, now: datetime) -> StoredMessage:
    """Return a signal of ours that is to be sent once more, the same octets (f.5)."""
    return replace(message, entry=exchange.begin(now, None), leased_until=None)
