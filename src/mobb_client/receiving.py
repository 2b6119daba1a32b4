"""What comes in: acknowledgments, errors, pings, status requests and results, at our endpoint or in an HTTP answer.

Stored before it is answered; a duplicate gets the same answer and has no second effect.
Source: `digikoppeling-ebms2` f.4, f.5, f.7; `berichtenbox` c.5.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Final
from uuid import UUID

from mobb_client import incoming as judging
from mobb_client import ledger
from mobb_client.ebms import agreement, exchange, packet
from mobb_client.ebms.cpa import Route
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
from mobb_client.errors import ConfigurationError, FormatError, OutboxError, ProtocolError, SignatureError
from mobb_client.incoming import Incoming, Us
from mobb_client.outbox.contract import Event, EventName, Fact, Outbox, StoredAnswer, StoredMessage, Transaction
from mobb_client.pki.certificate import Certificate
from mobb_client.sender import Sender
from mobb_client.transport.endpoint import Reply

log = logging.getLogger(__name__)

_NOTHING: Final = Reply(status=204)
_FAILED: Final = Reply(status=500)
_SIGNALS: Final = frozenset({"Acknowledgment", "MessageError", "Ping", "Pong", "StatusRequest", "StatusResponse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the HTTP response to a message of ours does to it.

    Args:
        events: to be applied in this order; the last one says what became of the send.
        alarm: a code, when somebody must look.
        answer: to be stored with the events, so that the same signal has no second effect.
    """

    events: tuple[exchange.Event, ...]
    alarm: str | None = None
    answer: StoredAnswer | None = None


@dataclass(frozen=True, slots=True)
class _Written:
    """An answer of ours: the HTTP answer, and the message that goes out by itself, when it goes that way."""

    reply: Reply
    own: StoredMessage | None = None


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
        self._outbox = outbox
        self._now = now
        self._new_id = new_id
        self.use(senders)

    def use(self, senders: Sequence[Sender]) -> None:
        """Know the CPAs of these senders from now on."""
        found = (Us.of(sender, self._now()) for sender in senders)
        self._us = {us.cpa.cpa_id: us for us in found if us is not None}

    def receive(self, headers: Mapping[str, str], body: bytes, *, peer: Certificate | None = None) -> Reply:
        """Return the HTTP answer to a POST at our endpoint, after what it said was stored.

        A message that cannot be read, is of a CPA that is not known here, or comes over a connection of somebody else,
        gets an empty 500: a partner then tries again, so that a mistake of ours costs time and no result.

        Args:
            headers: of the HTTP request, names in any case.
            body: its octets.
            peer: the client certificate of the TLS connection, from whoever ended it.

        Raises:
            OutboxError: nothing could be stored, so nothing was answered.
        """
        kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
        try:
            received = judging.read(kind, body)
        except ProtocolError as error:
            log.warning("incoming.unreadable", extra={"code": error.code})
            return _FAILED
        header = received.message.header
        us = self._us.get(header.cpa_id)
        if us is None or not us.is_meant(header) or not us.sender.admits(peer):
            log.warning("incoming.not-for-us", extra={"message_id": header.message_id})
            return _FAILED
        return self._answer(Incoming(received, us, self._now()))

    def read_response(self, sent: StoredMessage, content_type: str, body: bytes) -> Answered:
        """Return what the signal in the HTTP response to a message of ours does to that message; nothing is stored.

        Source: `digikoppeling-ebms2` f.3, f.4.
        """
        try:
            received = judging.read(content_type, body)
            us = self._us.get(received.message.header.cpa_id)
            if us is None:
                raise FormatError("answer.cpa", "the answer is of another CPA")
            incoming = Incoming(received, us, self._now())
            event = judging.event_of(incoming, sent, synchronous=True)
        except (ProtocolError, ConfigurationError) as error:
            code = judging.code_of(error)
            alarm = None if isinstance(error, FormatError) else code
            return Answered(events=(exchange.Unreachable(code),), alarm=alarm)
        return Answered(events=_with_its_send(event, sent), answer=_stored(incoming, _Written(_NOTHING)))

    def _answer(self, incoming: Incoming) -> Reply:
        with self._outbox.transaction() as tx:
            known = tx.answer(incoming.message_id)
        if known is not None:
            return self._answer_again(incoming, known)
        match incoming.message:
            case UserMessage() as message:
                return self._answer_user_message(incoming, message)
            case Ping() | StatusRequest() as question:
                return self._answer_question(incoming, question)
            case Acknowledgment() | MessageError() as signal:
                return self._answer_signal(incoming, signal)
            case Pong() | StatusResponse():
                return self._note_answer(incoming)

    # Duplicates

    def _answer_again(self, incoming: Incoming, known: StoredAnswer) -> Reply:
        """Answer a duplicate as the first time (B42); another message under the same id is an error (B44).

        A signal that was seen before is passed over, whatever it says now (f.4 rule 2).
        """
        header = incoming.header
        if known.cpa_id != header.cpa_id:
            return self._fail(incoming, FormatError("message-id.cpa", "the MessageId came before, under another CPA"))
        if isinstance(incoming.message, Acknowledgment | MessageError | Pong | StatusResponse):
            return _NOTHING
        reused = FormatError(
            "message-id.reused", "another message came before under this MessageId", ebms_code="Inconsistent"
        )
        if isinstance(incoming.message, UserMessage) and known.digest != incoming.digest:
            return self._refuse(incoming, reused, keep=False)
        if known.action != header.action:
            return self._fail(incoming, reused)
        if known.answered_by is not None:
            self._send_again(known.answered_by, incoming.now)
        return Reply(status=known.status, headers=known.headers, body=known.body)

    def _send_again(self, message_id: str, now: datetime) -> None:
        """Let a signal of ours be sent once more, in the same octets (f.5)."""
        with self._outbox.transaction() as tx:
            message = tx.message(message_id)
            if message is not None and message.entry.is_final:
                tx.put_message(replace(message, entry=exchange.begin(now, None)))

    # Acknowledgments and errors

    def _answer_signal(self, incoming: Incoming, signal: Acknowledgment | MessageError) -> Reply:
        """Take in a signal; it is never answered with another one (f.7)."""
        with self._outbox.transaction() as tx:
            sent = tx.message(judging.answered_id(signal))
        if sent is None:
            return self._fail(incoming, FormatError("answer.unknown", "it answers nothing that was sent from here"))
        if sent.kind == "signal" and isinstance(signal, MessageError):
            return self._take_complaint(incoming, sent, signal)
        try:
            event = judging.event_of(incoming, sent, synchronous=False)
        except SignatureError as error:
            self._alarm(sent, error.code, incoming)
            return _NOTHING  # as good as no acknowledgment: only a person can repair it (h-25)
        except (ProtocolError, ConfigurationError) as error:
            return self._fail(incoming, error)
        self._take(incoming, sent.message_id, event)
        return _NOTHING

    def _take(self, incoming: Incoming, message_id: str, event: exchange.Event) -> None:
        """Store a signal and what it does, once."""
        with self._outbox.transaction() as tx:
            sent = tx.message(message_id)
            if sent is not None and tx.answer(incoming.message_id) is None:
                ledger.advance(tx, sent, event, incoming.now, incoming.message_id)
                tx.put_answer(_stored(incoming, _Written(_NOTHING)))

    def _take_complaint(self, incoming: Incoming, sent: StoredMessage, error: MessageError) -> Reply:
        """Write down that they refuse a signal of ours: it is not sent anew, so a person must look."""
        try:
            judging.check_complaint(incoming, sent)
        except ProtocolError as wrong:
            return self._fail(incoming, wrong)
        event = judging.event_of_error(error)
        name = EventName.MESSAGE_WARNED if isinstance(event, exchange.Warned) else EventName.MESSAGE_ALARM
        with self._outbox.transaction() as tx:
            if tx.answer(incoming.message_id) is None:
                data: dict[str, Fact] = {"reason": event.reason, "by": incoming.message_id}
                ledger.note_message(tx, name, sent, incoming.now, data)
                tx.put_answer(_stored(incoming, _Written(_NOTHING)))
        return _NOTHING

    def _note_answer(self, incoming: Incoming) -> Reply:
        """Write down that a Pong or StatusResponse came."""
        try:
            agreement.judge_signal(incoming.header, incoming.us.cpa)
        except ProtocolError as error:
            return self._fail(incoming, error)
        data: dict[str, Fact] = {"action": incoming.header.action, "ref": incoming.header.ref_to_message_id or ""}
        if isinstance(incoming.message, StatusResponse):
            data["status"] = incoming.message.status
        with self._outbox.transaction() as tx:
            if tx.answer(incoming.message_id) is None:
                tx.add_event(_event(incoming, EventName.INCOMING_ANSWERED, data))
                tx.put_answer(_stored(incoming, _Written(_NOTHING)))
        return _NOTHING

    # Questions

    def _answer_question(self, incoming: Incoming, question: Ping | StatusRequest) -> Reply:
        """Answer a Ping or StatusRequest, in the response or as a message of its own, as the CPA says (h-62)."""
        header = question.header
        try:
            agreement.judge_signal(header, incoming.us.cpa)
            asked = incoming.us.cpa.signals(sender=header.sender, action=header.action)
            written = self._write(incoming, self._answer_to(incoming, question), synchronous=asked.sync)
        except (ProtocolError, ConfigurationError) as error:
            return self._fail(incoming, error)
        return self._settle(incoming, written)

    def _answer_to(self, incoming: Incoming, question: Ping | StatusRequest) -> Pong | StatusResponse:
        message_id = self._message_id(incoming)
        if isinstance(question, Ping):
            return agreement.pong(question, message_id=message_id, timestamp=incoming.now)
        return self._status_of(incoming, question, message_id)

    def _status_of(self, incoming: Incoming, request: StatusRequest, message_id: str) -> StatusResponse:
        """Say whether a message of theirs arrived here, which is not to say that it was accepted (f.8)."""
        with self._outbox.transaction() as tx:
            known = tx.answer(request.ref_to_message_id)
        status: MessageStatus = "Received"
        if known is None or known.action in _SIGNALS:
            status = "NotRecognized"
        elif known.cpa_id != request.header.cpa_id:
            status = "UnAuthorized"
        received = known.received if known is not None else None
        return agreement.status_response(request, status, received, message_id=message_id, timestamp=incoming.now)

    # User messages

    def _answer_user_message(self, incoming: Incoming, message: UserMessage) -> Reply:
        """Judge, verify, store and acknowledge a business message: a result."""
        try:
            route = judging.judge(incoming, message)
            apply = self._effect_of(incoming)
            written = self._acknowledge(incoming, message, route)
        except ProtocolError as error:
            return self._refuse(incoming, error)
        except ConfigurationError as error:
            return self._fail(incoming, error)
        return self._settle(incoming, written, apply)

    def _effect_of(self, incoming: Incoming) -> Callable[[Transaction], object]:
        """Read what a business message brings, and return what that does.

        Raises:
            ProtocolError: it cannot be read, or it answers nothing.
        """
        if judging.is_antwoord(incoming):
            with self._outbox.transaction() as tx:
                verzoek, octets = judging.antwoord_in(incoming, tx.register.verzoeken())
            return lambda tx: ledger.keep_antwoord(tx, verzoek, octets, incoming.message_id, incoming.now)
        results = judging.results_in(incoming)
        origin = ledger.Origin(
            message_id=incoming.message_id,
            cpa_id=incoming.header.cpa_id,
            oins=incoming.us.sender.oins,
            ref_to_message_id=incoming.header.ref_to_message_id,
            conversation_id=incoming.header.conversation_id,
        )

        def apply(tx: Transaction) -> None:
            for result in results:
                ledger.apply_result(tx, result, origin, incoming.now)

        return apply

    def _acknowledge(self, incoming: Incoming, message: UserMessage, route: Route) -> _Written:
        """Write the acknowledgment that the message asks for, signed when it asks for that."""
        wanted = message.ack_requested
        if wanted is None:
            return _Written(_NOTHING)
        claimed = incoming.received.signature
        references = claimed.references if claimed is not None and wanted.signed else ()
        ack = agreement.acknowledge(message, references, message_id=self._message_id(incoming), timestamp=incoming.now)
        signer = judging.signer_of(incoming.us.sender, ack) if wanted.signed else None
        return self._write(incoming, ack, signer, synchronous=route.sync_reply)

    def _refuse(self, incoming: Incoming, error: ProtocolError, *, keep: bool = True) -> Reply:
        """Answer with a MessageError, inside the protocol (B11), and write down that something was refused.

        The refusal is given again to a duplicate (h-15), but not that of a message that anybody may have made: whoever
        cannot sign, where the CPA asks for that, does not use up a MessageId.
        """
        answer = agreement.refuse(incoming.header, error, message_id=self._message_id(incoming), timestamp=incoming.now)
        route = judging.claimed_route(incoming)
        try:
            written = self._write(incoming, answer, synchronous=judging.answers_in_response(incoming, route))
        except ConfigurationError:  # there is no other way to those who sent it
            written = _in_response(answer)
        return self._settle(
            incoming,
            written,
            lambda tx: _note_refusal(tx, incoming, error),
            keep=keep and judging.is_genuine(incoming, route),
        )

    # Answering

    def _write(
        self, incoming: Incoming, answer: Message, signer: packet.Signer | None = None, *, synchronous: bool
    ) -> _Written:
        """Write an answer: into the HTTP response, or into the outbox as a message of its own, sent once (f.5).

        Raises:
            ConfigurationError: the CPA does not say where such an answer goes.
        """
        if synchronous:
            return _in_response(answer, signer)
        route = incoming.us.cpa.signals(sender=answer.header.sender, action=answer.header.action)
        message_id = answer.header.message_id
        written = self._outbox.write_body(message_id, lambda sink: packet.write(answer, [], sink, signer))
        own = StoredMessage(
            message_id=message_id,
            kind="signal",
            cpa_id=answer.header.cpa_id,
            url=route.endpoint,
            headers=written.headers,
            size=written.size,
            created=incoming.now,
            entry=exchange.begin(incoming.now, None),
        )
        return _Written(_NOTHING, own)

    def _settle(
        self,
        incoming: Incoming,
        written: _Written,
        effect: Callable[[Transaction], object] = lambda _: None,
        *,
        keep: bool = True,
    ) -> Reply:
        """Store the answer together with what the message did, and only then give it."""
        try:
            with self._outbox.transaction() as tx:
                known = tx.answer(incoming.message_id) if keep else None
                if known is None:
                    effect(tx)
                    if written.own is not None:
                        tx.put_message(written.own)
                    if keep:
                        tx.put_answer(_stored(incoming, written))
                    return written.reply
                if written.own is not None:
                    tx.drop_body(written.own.message_id)
        except BaseException:
            self._give_up(written)
            raise
        return self._answer_again(incoming, known)  # its twin was faster

    def _give_up(self, written: _Written) -> None:
        """Drop the octets of an answer that could not be stored, as far as the store takes anything now.

        Whether the end of the transaction was stored is not known: then its message is there, and so they stay.
        """
        if written.own is None:
            return
        with suppress(OutboxError), self._outbox.transaction() as tx:
            if tx.message(written.own.message_id) is None:
                tx.drop_body(written.own.message_id)

    def _message_id(self, incoming: Incoming) -> str:
        return f"{self._new_id()}@{incoming.us.host}"

    # Writing down

    def _fail(self, incoming: Incoming, error: ProtocolError | ConfigurationError) -> Reply:
        """Answer with an empty 500, which changes nothing on either side."""
        with self._outbox.transaction() as tx:
            _note_refusal(tx, incoming, error)
        return _FAILED

    def _alarm(self, sent: StoredMessage, code: str, incoming: Incoming) -> None:
        with self._outbox.transaction() as tx:
            data: dict[str, Fact] = {"reason": code, "by": incoming.message_id}
            ledger.note_message(tx, EventName.MESSAGE_ALARM, sent, incoming.now, data)


def _note_refusal(tx: Transaction, incoming: Incoming, error: ProtocolError | ConfigurationError) -> None:
    """Write down that something was refused: somebody may have to act."""
    code = judging.code_of(error)
    log.warning("incoming.refused", extra={"message_id": incoming.message_id, "code": code})
    data: dict[str, Fact] = {"code": code, "kind": type(incoming.message).__name__}
    tx.add_event(_event(incoming, EventName.INCOMING_REFUSED, data))


def _in_response(answer: Message, signer: packet.Signer | None = None) -> _Written:
    """Return an answer in the HTTP response: bare, since some partners read no other (h-49)."""
    sink = BytesIO()
    written = packet.write(answer, [], sink, signer)
    return _Written(Reply(status=200, headers=written.headers, body=sink.getvalue()))


def _stored(incoming: Incoming, written: _Written) -> StoredAnswer:
    return StoredAnswer(
        message_id=incoming.message_id,
        cpa_id=incoming.header.cpa_id,
        action=incoming.header.action,
        digest=incoming.digest,
        received=incoming.now,
        status=written.reply.status,
        headers=written.reply.headers,
        body=written.reply.body,
        answered_by=written.own.message_id if written.own else None,
    )


def _event(incoming: Incoming, name: EventName, data: Mapping[str, Fact]) -> Event:
    return Event(at=incoming.now, name=name, message_id=incoming.message_id, data=data)


def _with_its_send(event: exchange.Event, sent: StoredMessage) -> tuple[exchange.Event, ...]:
    """Return what a signal in a response does, and that the message was sent once more; best effort ends at once."""
    if isinstance(event, exchange.Warned):
        return event, exchange.Accepted()
    return (event,) if sent.policy is None else (exchange.Accepted(), event)
