"""One caller's client: letters in, letters on their way, answers in, and where every letter stands.

Ties the floors together: the outbox keeps, `sending` sends what is due, `receiving` takes in what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from types import TracebackType
from typing import Final, Self
from uuid import UUID, uuid4

from mobb_client import ledger
from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.ebms import agreement, packet
from mobb_client.errors import ConfigurationError, Finding, TransportError
from mobb_client.outbox.contract import Event, Outbox
from mobb_client.pki.certificate import Certificate
from mobb_client.receiving import Receiving
from mobb_client.sender import Sender, check_owners
from mobb_client.sending import Sending, SendReport
from mobb_client.transport.endpoint import Reply
from mobb_client.transport.outcome import Outcome, outcome_of, outcome_of_failure
from mobb_client.transport.wire import Wire

OnAflevering = Callable[[Aflevering], object]
_CURSOR: Final = "on_aflevering"


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Client:
    """Sends the letters of one or more senders, and knows where each of them stands.

    Args:
        senders: at least one; no OIN and no CPA belongs to two of them.
        outbox: where letters and messages are kept.
        on_aflevering: called by `dispatch` with a letter's way after each change of it: at least once, in order.
        wire: what carries octets; HTTPS with the sender's key and anchors when left out.
        now: the clock.
        new_id: where BatchIDs, ConversationIds and MessageIds come from.

    Raises:
        ConfigurationError: no sender, or an OIN or CPA of two senders.
    """

    def __init__(
        self,
        *senders: Sender,
        outbox: Outbox,
        on_aflevering: OnAflevering | None = None,
        wire: Wire | None = None,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        _check(senders)
        self._senders = senders
        self._outbox = outbox
        self._on_aflevering = on_aflevering
        self._now = now
        self._new_id = new_id
        self._wires: dict[int, Wire] = {} if wire is None else {id(sender): wire for sender in senders}
        self._receiving = Receiving(senders, outbox, now, new_id)
        self._sending = Sending(
            senders=senders, outbox=outbox, receiving=self._receiving, wire_of=self._wire_of, now=now, new_id=new_id
        )

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Let go of connections and of the outbox."""
        for wire in self._wires.values():
            close = getattr(wire, "close", None)
            if close is not None:
                close()
        self._outbox.close()

    # Letters

    def send(self, bericht: Bericht) -> Aflevering:
        """Store one letter, send what is due, and return the letter's way so far: sent is not yet delivered.

        Raises:
            BerichtError: the letter is refused; nothing was stored.
            ConfigurationError: the CPA or the key forbids sending; the letter is stored and waits.
        """
        (way,) = self.enqueue([bericht])
        self.send_due()
        return self.aflevering(way.kenmerk, oin=way.oin) or way

    def enqueue(self, berichten: Iterable[Bericht]) -> list[Aflevering]:
        """Store letters, all of them or none, and return where each stands; nothing is sent.

        A letter that is there already, the same to the last octet, is not stored twice.

        Raises:
            BerichtError: a letter is refused: an OIN that no sender has, dates that do not fit, or a kenmerk that was
                given to another letter, with the names of the fields that differ.
        """
        return self._sending.enqueue(berichten)

    def send_due(self) -> SendReport:
        """Put waiting letters into messages, send every message that is due, and let expire what is too late."""
        return self._sending.send_due()

    def aflevering(self, kenmerk: str, *, oin: OIN | str | None = None) -> Aflevering | None:
        """Return where a letter stands, or None when it is not known; `oin` is needed with several senders' OINs."""
        oins = [OIN(oin) if isinstance(oin, str) else oin] if oin else [one for s in self._senders for one in s.oins]
        with self._outbox.transaction() as tx:
            found = [letter for one in oins if (letter := tx.letter((one, kenmerk))) is not None]
        if len(found) > 1:
            raise ConfigurationError(Finding("client.oin-needed", field="oin", measure=f"{len(found)} letters"))
        return found[0].aflevering if found else None

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give where every letter stands, oldest first."""
        return self._outbox.afleveringen()

    def balance(self) -> dict[str, int]:
        """Return ``input``, ``delivered``, ``paper``, ``human`` and ``open``: the first is the sum of the others."""
        return ledger.balance(self._outbox.afleveringen())

    # What comes in

    def receive(self, headers: Mapping[str, str], body: bytes, *, peer: Certificate | None = None) -> Reply:
        """Return the HTTP answer to a POST at our endpoint, after everything it said was stored.

        Args:
            headers: of the request.
            body: its octets.
            peer: the client certificate of the connection, from whoever ended TLS.
        """
        return self._receiving.receive(headers, body, peer=peer)

    # Events

    def events(self, since: int = 0) -> Sequence[Event]:
        """Return up to 1,000 events with a number above `since`, in order, for who reads for itself."""
        return self._outbox.events(since)

    def dispatch(self) -> int:
        """Call `on_aflevering` for each change of a letter since the last call; return how many calls were made.

        At least once: when the hook raises, the same change comes again at the next call.
        """
        calls = 0
        hook = self._on_aflevering
        while hook is not None and (news := self._outbox.events(self._outbox.cursor(_CURSOR))):
            for event in news:
                way = self._changed(event)
                if way is not None:
                    hook(way)
                    calls += 1
                self._outbox.set_cursor(_CURSOR, event.number)
        return calls

    def _changed(self, event: Event) -> Aflevering | None:
        if event.oin is None or event.kenmerk is None or not event.name.startswith("letter."):
            return None
        with self._outbox.transaction() as tx:
            letter = tx.letter((event.oin, event.kenmerk))
        return letter.aflevering if letter else None

    # The other side

    def ping(self, sender: Sender | None = None) -> Outcome:
        """Ask the other message handler whether it is there: the cheapest check of URL, TLS, CPA and parties.

        A Pong on an asynchronous CPA comes later, at our endpoint; the outcome is then that the Ping was accepted.
        """
        asked = sender or self._senders[0]
        now = self._now()
        route = asked.route(now)
        signals = asked.cpa.signals(sender=route.sender, action="Ping")
        message = agreement.ping(
            signals,
            message_id=f"{self._new_id()}@{route.our_host}",
            conversation_id=str(self._new_id()),
            timestamp=now,
        )
        sink = BytesIO()
        written = packet.write(message, [], sink)
        sink.seek(0)
        try:
            return outcome_of(self._wire_of(asked).post(signals.endpoint, written.headers, sink, written.size))
        except (TransportError, OSError) as error:
            return outcome_of_failure(error)

    def _wire_of(self, sender: Sender) -> Wire:
        """Return what carries a sender's octets, made when it is first needed: requests takes its time to import."""
        if id(sender) not in self._wires:
            from mobb_client.transport.https import HttpsWire  # noqa: PLC0415 - 100 ms, wanted only for the network

            self._wires[id(sender)] = HttpsWire(anchors=sender.anchors, identity=sender.tls or sender.identity)
        return self._wires[id(sender)]


def _check(senders: Sequence[Sender]) -> None:
    if not senders:
        raise ConfigurationError(Finding("client.sender", field="senders", measure="none"))
    check_owners(senders)
    ids = [sender.cpa.cpa_id for sender in senders]
    if doubled := sorted({cpa_id for cpa_id in ids if ids.count(cpa_id) > 1}):
        raise ConfigurationError(*(Finding("client.cpa-twice", field="cpa", measure=cpa_id) for cpa_id in doubled))
