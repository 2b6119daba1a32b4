"""The message handler of the Berichtenbox: octets in, octets out. No socket, no clock, no thread of its own.

It takes what a partner takes, answers as a partner answers, and notes everything that a partner could object to.

Source: `digikoppeling-ebms2` b, c, d, f; `berichtenbox` c and h.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID, uuid4

from mobb_client.simulator import _document, _envelope, _mime, _result, _signature, _templates
from mobb_client.simulator._abonnementen import REQUEST, Abonnementendienst
from mobb_client.simulator._body import IN_MEMORY, Body, Part
from mobb_client.simulator._checks import check_acknowledgment, check_manifest, check_message, check_signal
from mobb_client.simulator._complaints import EMPTY, SOAP_FAULT, Complaint, Fault, UnreadableError
from mobb_client.simulator._cpa import Agreement
from mobb_client.simulator._document import Letter
from mobb_client.simulator._envelope import Envelope
from mobb_client.simulator._faults import Faults, Kind, Refused, Spoilt
from mobb_client.simulator._globe import Globe, Result
from mobb_client.simulator._names import NS
from mobb_client.simulator._queue import Queue
from mobb_client.simulator._records import Answer, Came, Delivery, Exchange, Outgoing, Request, Sent
from mobb_client.simulator._signature import Signer
from mobb_client.simulator._writer import Asked, Writer, Written

__all__ = ["Answer", "Complaint", "Delivery", "Letter", "Logius", "Outgoing", "Request"]

_XML: Final = "text/xml; charset=UTF-8"
_LARGE_BODIES: Final = 16
_OK, _NO_CONTENT, _REDIRECT, _SERVER_ERROR = 200, 204, 300, 500


_Waiting = TypeVar("_Waiting")


class Logius(Faults):
    """Logius in a box: `handle` takes a request, `due` gives what is to be sent, `delivered` takes what became of it.

    Args:
        agreements: the CPAs that it knows.
        signer: its key.
        stranger: a key of somebody else, for wrong signatures.
        globe: what becomes of the letters.
        now: the time.
        new_id: where MessageIds come from.

    Attributes:
        requests: everything that came in.
        complaints: everything that a partner could object to; empty for a sender that does it well.
        deliveries: everything that was sent to the sender.
        signals: MessageId and action of each signal that came in and was no question.
        answers_status: whether a StatusRequest is answered; Logius does not (`berichtenbox` a.2).
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        agreements: Iterable[Agreement],
        *,
        signer: Signer,
        stranger: Signer,
        globe: Globe,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        super().__init__()
        self.globe = globe
        self.requests: list[Request] = []
        self.complaints: list[Complaint] = []
        self.deliveries: list[Delivery] = []
        self.signals: list[tuple[str, str]] = []
        self.answers_status = False
        self.abonnementen: Abonnementendienst | None = None
        self._agreements = {one.cpa_id: one for one in agreements}
        self._writer = Writer(signer, stranger, new_id)
        self._now = now
        self._exchanges: dict[str, Exchange] = {}
        self._sent: dict[str, Sent] = {}
        self._queue = Queue()
        self._large: deque[Request] = deque()
        self._lock = threading.RLock()

    def agree(self, agreements: Iterable[Agreement]) -> None:
        """Take these CPAs in the place of those of the same CPAId."""
        with self._lock:
            self._agreements |= {one.cpa_id: one for one in agreements}

    @property
    def pace(self) -> float:
        """How many times faster than agreed everything comes that takes its time."""
        return self._queue.pace

    @pace.setter
    def pace(self, times: float) -> None:
        """Let everything that takes its time come so many times faster from now on."""
        self._queue.pace = times

    @property
    def letters(self) -> tuple[Letter, ...]:
        """Every letter that came in, each BerichtID once."""
        return tuple(self.globe.letters.values())

    @property
    def duplicates(self) -> dict[str, int]:
        """How often each message came again, by MessageId; only those that did."""
        return {name: exchange.sends - 1 for name, exchange in self._exchanges.items() if exchange.sends > 1}

    @property
    def unsettled(self) -> tuple[str, ...]:
        """MessageIds of the results that the sender has neither acknowledged nor refused."""
        return tuple(name for name, sent in self._sent.items() if not sent.settled)

    # Over HTTP

    def handle(self, headers: Mapping[str, str], body: Body | bytes, peer: bytes | None = None) -> Answer:
        """Take a POST and return its answer.

        Args:
            headers: of HTTP.
            body: of HTTP.
            peer: the client certificate in DER; None where there is no TLS.
        """
        with self._lock:
            request = self._record(headers, Body([body]) if isinstance(body, bytes) else body)
            preset = _next(self._pending.presets)
            if preset is None:
                return replace(self._read(request, peer), after=_next(self._pending.stalls) or 0.0)
            if preset.accepted:
                self._read(request, peer)
            return Answer(status=preset.status, headers=preset.headers, body=preset.body)

    def take_reset(self) -> int | None:
        """Return after how many octets of its body the next connection is to be reset; None for not at all."""
        with self._lock:
            return _next(self._pending.resets)

    def due(self, now: datetime) -> list[Outgoing]:
        """Return what is to be sent to the sender at this moment; tell `delivered` what became of each."""
        with self._lock:
            return [self._as_stranger(outgoing) for outgoing in self._queue.take(now)]

    def next_due(self) -> datetime | None:
        """Return when the next thing is to be sent; None when there is nothing."""
        with self._lock:
            return self._queue.next()

    def delivered(
        self, outgoing: Outgoing, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Take the answer to what was sent: status 0 when there was none."""
        with self._lock:
            self.deliveries.append(Delivery(outgoing, status))
            if _OK <= status < _REDIRECT:
                self._settle(outgoing)
                self._take_reply(outgoing, _mime.headers_of(headers or {}), body)

    def _record(self, headers: Mapping[str, str], body: Body) -> Request:
        request = Request(headers, body, self._now())
        self.requests.append(request)
        if body.size > IN_MEMORY:
            self._large.append(request)
        if len(self._large) > _LARGE_BODIES:
            self._large.popleft().forget()
        return request

    def _as_stranger(self, outgoing: Outgoing) -> Outgoing:
        is_stranger = _next(self._pending.strangers)
        return replace(outgoing, stranger=is_stranger is not None)

    def _complain(self, message_id: str, faults: Iterable[Fault]) -> None:
        self.complaints += (Complaint(fault.code, fault.sentence, message_id) for fault in faults)

    # What comes in

    def _read(self, request: Request, peer: bytes | None) -> Answer:
        try:
            return self._take(request, peer)
        except UnreadableError as error:
            self._complain(request.message_id, [error.fault])
            return _at_the_door(error.fault)

    def _take(self, request: Request, peer: bytes | None) -> Answer:
        headers = _mime.headers_of(request.headers)
        faults = self._sifted(_mime.check_request(headers, request.size))
        content_type = headers.get("content-type", "")
        unpacked = _mime.unpack(content_type, request.content)
        root = _envelope.parse(unpacked.envelope)
        faults += [*unpacked.faults, *self._sifted(_envelope.check_form(root))]
        envelope = _envelope.read(root)
        request.message_id, request.action = envelope.message_id, envelope.action
        if unpacked.root_id not in {None, envelope.message_id}:
            faults.append(Fault("mime.root-id", "the Content-ID of the envelope is not its MessageId"))
        asked = Asked(self._agreement(envelope, peer), envelope, self._now())
        came = Came(request.sha256, content_type, asked, unpacked.payloads, faults)
        return self._take_signal(came) if envelope.is_signal else self._take_message(came)

    def _sifted(self, faults: Iterable[Fault]) -> list[Fault]:
        """Return faults that are no reason to stop here; at the first that is one, note the others and stop."""
        found = list(faults)
        for fault in found:
            if fault.refusal:
                self._complain("", (one for one in found if one is not fault))
                raise UnreadableError(fault)
        return found

    def _agreement(self, envelope: Envelope, peer: bytes | None) -> Agreement:
        agreement = self._agreements.get(envelope.cpa_id)
        if agreement is None:
            raise UnreadableError(Fault("header.cpa-id", "an unknown CPAId", SOAP_FAULT))
        if peer is not None and peer not in agreement.sender.certificates:
            raise UnreadableError(Fault("tls.certificate", "a client certificate of somebody else", SOAP_FAULT))
        return agreement.by(envelope.action)

    # Letters

    def _take_message(self, came: Came) -> Answer:
        exchange = self._exchanges.get(came.envelope.message_id)
        if exchange is not None:
            return self._again(came, exchange)
        leg = came.agreement.request
        came.faults.extend(check_message(came.envelope, came.agreement, now=came.asked.now, knows=self._knows))
        came.faults.extend(check_manifest(came.envelope, came.payloads))
        came.faults.extend(_signature.check(came.envelope, came.payloads, leg.signing, sync=leg.sync))
        self._complain(came.envelope.message_id, came.faults)
        if came.refusal is not None and came.refusal.refusal in {EMPTY, SOAP_FAULT}:
            return _at_the_door(came.refusal)
        exchange = Exchange(came.agreement, came.sha256, came.content_type, came.asked.now)
        self._exchanges[came.envelope.message_id] = exchange
        return self._decide(came, exchange)

    def _knows(self, message_id: str) -> bool:
        return message_id in self._exchanges or message_id in self._sent

    def _again(self, came: Came, exchange: Exchange) -> Answer:
        """Give the stored answer again, the same octets; nothing is taken in twice. Source: f.5; B42, B44."""
        exchange.sends += 1
        self._complain(came.envelope.message_id, _resend_faults(came, exchange))
        return self._give(came, exchange.answer, exchange.kind)

    def _decide(self, came: Came, exchange: Exchange) -> Answer:
        """Refuse a message, or take it in; on demand it is refused or warned about whatever it says."""
        demanded = _next(self._pending.refusals)
        if came.refusal is not None:
            demanded = Refused.because(came.refusal)
        if demanded is not None and demanded.severity == "Error":
            exchange.answer, exchange.kind = self._writer.message_error(came.asked, demanded), "MessageError"
            return self._give(came, exchange.answer, exchange.kind)
        results = list(self._take_in(came))
        if came.envelope.ack_signed is not None:
            exchange.answer, exchange.kind = self._acknowledgment(came, exchange), "Acknowledgment"
        if _next(self._pending.reversed):
            self._plan(came, results)
            results = []
        if demanded is None:
            answer = self._give(came, exchange.answer, exchange.kind)
        else:
            answer = self._give(came, self._writer.message_error(came.asked, demanded), "MessageError")
        self._plan(came, results)
        return answer

    def _acknowledgment(self, came: Came, exchange: Exchange) -> Written:
        info = came.envelope.root.find("soap:Header/ds:Signature/ds:SignedInfo", NS)
        spoilt = self._spoilt("acknowledgment")
        exchange.sound = spoilt is None
        return self._writer.acknowledgment(came.asked, () if info is None else _envelope.references(info), spoilt)

    def _spoilt(self, kind: Kind) -> Spoilt | None:
        return _next(self._pending.spoilt[kind])

    def _give(self, came: Came, written: Written | None, kind: str) -> Answer:
        """Return the HTTP answer that brings a signal, or that goes before it."""
        sync = came.agreement.request.sync
        if written is None:
            return Answer(status=_NO_CONTENT)
        if kind == "Acknowledgment" and _next(self._pending.lost):
            return Answer(status=_NO_CONTENT, lost=sync)
        if sync:
            return _in_response(written)
        outgoing = _outgoing(came.agreement, written, kind, about=came.envelope.message_id)
        if kind == "Acknowledgment" and _next(self._pending.early):
            return Answer(status=_NO_CONTENT, first=(self._as_stranger(outgoing),))
        self._queue.put(came.asked.now, outgoing)
        return Answer(status=_NO_CONTENT)

    def _take_in(self, came: Came) -> Iterator[tuple[Result, bytes]]:
        """Take the letters in, and give each result with its document."""
        parts = list(came.payloads.values())
        if len(parts) != 1:
            self._complain(came.envelope.message_id, [Fault("message.payloads", "letters come in one payload")])
        if came.agreement.request.action == REQUEST and parts and self.abonnementen is not None:
            dienst = self.abonnementen
            yield Result(dienst.after, dienst.gzipped, (), 0), dienst.answer(bytes(parts[0]))
            return
        document = _document.read(parts[0] if parts else Part(b"", 0, 0))
        self._complain(came.envelope.message_id, document.faults)
        now = came.asked.now
        for result in self.globe.judge(document, message_id=came.envelope.message_id, now=now):
            processed = now + self._queue.later(result.after)
            yield (
                result,
                _result.write(
                    oin=document.oin,
                    batch_id=document.batch_id,
                    verdicts=result.verdicts,
                    letters=result.letters,
                    received=now,
                    processed=processed,
                ),
            )

    def _plan(self, came: Came, results: Iterable[tuple[Result, bytes]]) -> None:
        agreement, leg = came.agreement, came.agreement.result
        for result, document in results:
            when = came.asked.now + self._queue.later(result.after)
            asked, spoilt = replace(came.asked, now=when), self._spoilt("result")
            written = self._writer.result(asked, document, gzipped=result.gzipped, spoilt=spoilt)
            sent = self._sent[written.message_id] = Sent(written, agreement)
            outgoing = _outgoing(agreement, written, leg.action, about=came.envelope.message_id)
            outgoing = replace(outgoing, synchronous=leg.sync)
            self._queue.put(when, outgoing, sent)
            if _next(self._pending.repeated):
                self._queue.put(when, outgoing, sent, anyway=True)

    # Signals

    def ping(self, cpa_id: str) -> str:
        """Plan a Ping to the sender, and return its MessageId."""
        with self._lock:
            agreement = self._agreements[cpa_id]
            return self._ask(agreement, self._writer.ping(agreement, self._now()), "Ping")

    def ask_status(self, message_id: str) -> str:
        """Plan a StatusRequest about a result of ours, and return its own MessageId."""
        with self._lock:
            agreement = self._sent[message_id].agreement
            written = self._writer.ask_status(agreement, message_id, self._now())
            return self._ask(agreement, written, "StatusRequest")

    def _ask(self, agreement: Agreement, written: Written, kind: str) -> str:
        outgoing = _outgoing(agreement, written, kind)
        self._queue.put(self._now(), replace(outgoing, synchronous=agreement.box.sync))
        return written.message_id

    def _take_signal(self, came: Came) -> Answer:
        came.faults.extend(check_signal(came.envelope, came.agreement, now=came.asked.now))
        match came.envelope.action:
            case "Acknowledgment":
                self._take_acknowledgment(came)
            case "MessageError":
                self._take_error(came)
            case "StatusRequest" if not self.answers_status:
                came.faults.append(Fault("status.unanswered", "status requests are not answered here", SOAP_FAULT))
        self._complain(came.envelope.message_id, came.faults)
        if came.refusal is not None and came.refusal.refusal in {EMPTY, SOAP_FAULT}:
            return _at_the_door(came.refusal)
        return self._answer_question(came)

    def _answer_question(self, came: Came) -> Answer:
        match came.envelope.action:
            case "Ping":
                return self._reply(came, self._writer.pong(came.asked), "Pong")
            case "StatusRequest":
                exchange = self._exchanges.get(came.envelope.asked_about)
                written = self._writer.status(came.asked, None if exchange is None else exchange.received)
                return self._reply(came, written, "StatusResponse")
        self.signals.append((came.envelope.message_id, came.envelope.action))
        return Answer(status=_NO_CONTENT)

    def _reply(self, came: Came, written: Written, kind: str) -> Answer:
        if came.agreement.sender.sync:
            return _in_response(written)
        self._queue.put(self._now(), _outgoing(came.agreement, written, kind, about=came.envelope.message_id))
        return Answer(status=_NO_CONTENT)

    def _take_acknowledgment(self, came: Came) -> None:
        """Settle a result, when its acknowledgment is in order."""
        sent, leg = self._sent.get(came.envelope.ref_to_message_id or ""), came.agreement.result
        acknowledged = came.envelope.acknowledged
        if sent is None or acknowledged is None:
            came.faults.append(Fault("ack.unknown", "an acknowledgment of nothing that was sent", EMPTY))
            return
        signed = bool(leg.ack_signed)
        came.faults.extend(
            check_acknowledgment(
                came.envelope,
                acknowledged,
                sent.written.references,
                conversation_id=sent.written.conversation_id,
                signed=signed,
            )
        )
        came.faults.extend(_signature.check(came.envelope, {}, came.agreement.sender.signing if signed else None))
        came.faults.extend(_ack_faults(came, sent))
        sent.ack_sha256 = came.sha256
        sent.settled = sent.settled or came.refusal is None

    def _take_error(self, came: Came) -> None:
        """Stop sending what the sender refuses for good."""
        sent = self._sent.get(came.envelope.ref_to_message_id or "")
        if sent is not None and any(severity == "Error" for _, severity in came.envelope.errors):
            sent.settled = True

    def _settle(self, outgoing: Outgoing) -> None:
        """Take note that something arrived."""
        exchange, sent = self._exchanges.get(outgoing.about), self._sent.get(outgoing.message_id)
        if exchange is not None and outgoing.kind == "Acknowledgment":
            exchange.acknowledged = exchange.sound and not outgoing.stranger
        if sent is not None and not outgoing.agreement.result.ack:
            sent.settled = True

    def _take_reply(self, outgoing: Outgoing, headers: Mapping[str, str], body: bytes) -> None:
        """Take what came in the HTTP response: a signal where the CPA is synchronous, else nothing."""
        if not outgoing.synchronous:
            if body.strip():
                self._complain(outgoing.message_id, [Fault("reply.body", "a body where nothing is to be said")])
        elif not body.strip():
            self._complain(outgoing.message_id, [Fault("reply.empty", "no signal in a synchronous response")])
        else:
            self._read_reply(outgoing, headers.get("content-type", ""), body)

    def _read_reply(self, outgoing: Outgoing, content_type: str, body: bytes) -> None:
        faults = []
        if content_type.lower() != _XML.lower():
            faults.append(Fault("reply.content-type", "a signal in a response is text/xml; charset=UTF-8"))
        try:
            root = _envelope.parse(body)
            faults.extend(self._sifted(_envelope.check_form(root)))
            asked = Asked(outgoing.agreement, _envelope.read(root), self._now())
        except UnreadableError as error:
            self._complain(outgoing.message_id, [*faults, error.fault])
            return
        sha256 = hashlib.sha256(body).hexdigest()
        self._take_signal(Came(sha256, content_type, asked, {}, faults, synchronous=True))


def _next(waiting: deque[_Waiting]) -> _Waiting | None:
    return waiting.popleft() if waiting else None


def _at_the_door(fault: Fault) -> Answer:
    """Return what is answered without any agreement: a SOAP Fault, or nothing. Source: `digikoppeling-ebms2` b.3."""
    if fault.refusal == SOAP_FAULT:
        body = _templates.soap_fault(fault.sentence)
        return Answer(status=_SERVER_ERROR, headers={"Content-Type": _XML}, body=body)
    return Answer(status=_SERVER_ERROR)


def _in_response(written: Written) -> Answer:
    return Answer(status=_OK, headers=written.headers, body=written.body)


def _outgoing(agreement: Agreement, written: Written, kind: str, *, about: str = "") -> Outgoing:
    return Outgoing(
        url=agreement.sender.endpoint,
        headers=written.headers,
        body=written.body,
        kind=kind,
        message_id=written.message_id,
        about=about,
        agreement=agreement,
    )


def _resend_faults(came: Came, exchange: Exchange) -> Iterator[Fault]:
    """Find what is wrong with sending a message again. Source: `digikoppeling-ebms2` f.3."""
    leg = exchange.agreement.request
    if (came.sha256, came.content_type) != (exchange.sha256, exchange.content_type):
        yield Fault("resend.differs", "a known MessageId with other octets")
    if exchange.acknowledged:
        yield Fault("resend.acknowledged", "a message that was acknowledged comes again")
    if leg.ack and exchange.sends > leg.retries + 1:
        yield Fault("resend.many", "more sends than the CPA's Retries and one")


def _ack_faults(came: Came, sent: Sent) -> Iterator[Fault]:
    """Find what is wrong with the way in which an acknowledgment comes. Source: `digikoppeling-ebms2` f.4, f.5."""
    leg = came.agreement.result
    if not leg.ack:
        yield Fault("ack.unasked", "an acknowledgment that was not asked for")
    if leg.sync != came.synchronous:
        yield Fault("ack.way", "an acknowledgment in the response or out of it, against the CPA")
    if sent.ack_sha256 not in {"", came.sha256}:
        yield Fault("ack.differs", "a result that came again was acknowledged in other octets than before")
