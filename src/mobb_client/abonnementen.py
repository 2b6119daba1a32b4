"""What a client asks about subscriptions, and what it remembers of the answers.

Source: `berichtenbox` d, e; h.1 step 2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import Final
from uuid import UUID

from mobb_client import ledger
from mobb_client.berichtenbox.aanvraag import Mapper, leaves_of, write_aanvraag
from mobb_client.berichtenbox.abonnementen import (
    GELDIG,
    Aanvraag,
    Bron,
    Oordeel,
    Stand,
    Validatie,
    Validatieantwoord,
    Variant,
    Verzoek,
    oordeel,
    volgende_mutatie,
)
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.ebms import exchange, packet
from mobb_client.ebms.cpa import Route
from mobb_client.ebms.message import UserMessage
from mobb_client.errors import ConfigurationError, FieldError, Finding, FormatError, OutboxError
from mobb_client.outbox.contract import EventName, Fact, Outbox, StoredMessage
from mobb_client.pacing import Stop, Throttle
from mobb_client.sender import Sender
from mobb_client.transport.wire import Wire
from mobb_client.validating import Validator

log = logging.getLogger(__name__)

_AT_ONCE: Final = 10_000


class Abonnementen:
    """Who is subscribed, for the senders of one client. Threads may share it.

    Args:
        senders: for whose letters.
        outbox: where what is known is kept.
        wire_of: what carries a sender's octets.
        now: the clock.
        new_id: where ids come from.
    """

    def __init__(
        self,
        senders: Sequence[Sender],
        *,
        outbox: Outbox,
        wire_of: Callable[[Sender], Wire],
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._outbox = outbox
        self._wire_of = wire_of
        self._now = now
        self._new_id = new_id
        self._guard = Lock()
        self.use(senders)

    def use(self, senders: Sequence[Sender]) -> None:
        """Ask for these senders from now on."""
        with self._guard:
            self._senders = tuple(senders)
            self._validators: dict[str, Validator] = {}

    # One by one

    def check(
        self, berichttype: str, bsns: Iterable[BSN | str], *, oin: OIN | str | None = None, stop: Stop | None = None
    ) -> Iterator[Validatieantwoord]:
        """Ask by WUS about any number of citizens, 250 a question, and give each answer when it is there and stored.

        It is meant for small checks: above a thousand citizens a day use the AbonnementService.

        Args:
            berichttype: may letters of this type be sent to them?
            bsns: nine digits each; read as a stream.
            oin: for whose letters; that of the only sender when left out.
            stop: breaks it off between two questions.

        Raises:
            ConfigurationError: no sender has the OIN, or it has no `validatie_url`.
            FieldError: a BSN or BerichtType that is none.
            SoapFaultError: they answered with a fault; what was given before it stays true.
            TransportError: no usable answer; idem.
            FormatError: an answer that cannot be read; idem.
        """
        owner, sender = self._owner(oin)
        validator = self.validator(sender)
        if validator is None:
            raise ConfigurationError(Finding("abonnementen.no-wus", field="validatie_url", measure="none"))
        asked = (one if isinstance(one, BSN) else BSN(one) for one in bsns)
        return self._checked(validator, owner, berichttype, asked, stop)

    def _checked(
        self, validator: Validator, oin: OIN, berichttype: str, bsns: Iterator[BSN], stop: Stop | None
    ) -> Iterator[Validatieantwoord]:
        for found in validator.check(oin, berichttype, bsns, stop):
            self._remember(oin, berichttype, found)
            yield found

    def ask(self, sender: Sender, validatie: Validatie) -> Validatieantwoord:
        """Ask one question of a sender that has a `validatie_url`, now, and store what is answered.

        Raises:
            SoapFaultError: as `check`, and so are the others.
        """
        validator = self.validator(sender)
        if validator is None:
            raise ConfigurationError(Finding("abonnementen.no-wus", field="validatie_url", measure="none"))
        found = validator.ask(validatie)
        self._remember(validatie.oin, validatie.berichttype, found)
        return found

    def validator(self, sender: Sender) -> Validator | None:
        """Return who asks for a sender; None when nobody is to be asked. Senders of one endpoint share its pace."""
        rules = sender.abonnementen
        if rules.validatie_url is None:
            return None
        key = f"{sender.cpa.cpa_id} {rules.validatie_url}"
        with self._guard:
            if key not in self._validators:
                self._validators[key] = Validator(
                    rules.validatie_url,
                    wire=lambda: self._wire_of(sender),
                    now=self._now,
                    new_id=self._new_id,
                    ws_addressing=rules.ws_addressing,
                    throttle=Throttle(rules.per_minute),
                )
            return self._validators[key]

    def _remember(self, oin: OIN, berichttype: str, found: Validatieantwoord) -> None:
        with self._outbox.transaction() as tx:
            tx.register.put(oin, berichttype, Bron.WUS, self._now(), found.geabonneerd.items())

    # In bulk

    def request(
        self,
        variant: Variant = Variant.VOLLEDIG,
        *,
        bsns: Iterable[BSN | str] = (),
        sinds: datetime | None = None,
        oin: OIN | str | None = None,
    ) -> Verzoek:
        """Store a request to the AbonnementService; `Client.send_due` sends it, and within four hours comes its answer.

        Args:
            variant: all subscribers, those of a list, or what changed.
            bsns: with `Variant.BSN_LIJST` up to a million, read as a stream.
            sinds: with `Variant.MUTATIE`: since when; left out, a day before the last answered one.
            oin: for whose letters; that of the only sender when left out.

        Raises:
            ConfigurationError: no sender has the OIN, the CPA or key forbids it, or nothing tells since when.
            FieldError: a BSN that is none, too many of them, or a list where none belongs; nothing was stored.
        """
        owner, sender = self._owner(oin)
        now = self._now()
        if variant is Variant.MUTATIE and sinds is None:
            sinds = self._since(owner)
        aanvraag = Aanvraag(oin=owner, verzoek_id=self._new_id(), variant=variant, sinds=sinds)
        stored, aantal = self._written(sender, aanvraag, bsns)
        message_id = stored.message_id
        verzoek = Verzoek(aanvraag=aanvraag, cpa_id=stored.cpa_id, message_id=message_id, gevraagd=now, aantal=aantal)
        with self._outbox.transaction() as tx:
            tx.put_message(stored)
            tx.register.put_verzoek(verzoek)
            facts: dict[str, Fact] = {"verzoek_id": str(aanvraag.verzoek_id), "bsns": aantal}
            ledger.note_message(tx, EventName.MESSAGE_PENDING, stored, now, facts)
        return verzoek

    def _written(self, sender: Sender, aanvraag: Aanvraag, bsns: Iterable[BSN | str]) -> tuple[StoredMessage, int]:
        """Store the octets of a request, and return its message and how many BSNs it lists."""
        now = self._now()
        route = sender.route(now, sender.abonnementen.action)
        message = sender.compose(route, now, self._new_id)
        message_id = message.header.message_id
        counted: list[int] = []
        payload = packet.Payload(
            content_id=f"1.{message_id}",
            write=lambda sink: counted.append(write_aanvraag(aanvraag, bsns, sink)),
            content_type=sender.payload_type,
        )
        signer = sender.signer(route)
        written = self._outbox.write_body(message_id, lambda file: packet.write(message, [payload], file, signer))
        return _stored(route, message, written), counted[0]

    def _since(self, oin: OIN) -> datetime:
        found = volgende_mutatie(self.verzoeken(), oin)
        if found is None:
            raise ConfigurationError(Finding("abonnementen.no-earlier", field="sinds", measure="no earlier request"))
        return found

    def process(self) -> int:
        """Read the answers that came, and tell of those that stay away; return how many were read.

        Without a mapper an answer stays as it is: what it means is told by nobody.
        """
        read = 0
        for verzoek in self.verzoeken():
            if verzoek.is_late(self._now()):
                self._tell(verzoek, EventName.ABONNEMENTEN_LATE, {})
            elif verzoek.beantwoord is not None and verzoek.verwerkt is None:
                read += self._read(verzoek)
        return read

    def _read(self, verzoek: Verzoek) -> bool:
        mapper = self._mapper_of(verzoek)
        with self._outbox.transaction() as tx:
            octets = tx.register.antwoord(verzoek.aanvraag.verzoek_id)
        if mapper is None or octets is None:
            return False
        facts = _Facts(mapper(verzoek.aanvraag.variant, leaves_of(octets)))
        stream = iter(facts)
        try:
            while block := [*islice(stream, _AT_ONCE)]:  # block after block: nobody waits long for the store
                with self._outbox.transaction() as tx:
                    tx.register.put(verzoek.aanvraag.oin, None, Bron.ABONNEMENTSERVICE, verzoek.gevraagd, block)
        except OutboxError:
            raise
        except Exception as error:  # noqa: BLE001 - a mapper is somebody else's: whatever it does, letters go on (B37)
            log.warning("abonnementen.odd", extra={"error": type(error).__name__})
            code = error.code if isinstance(error, FormatError) else "mapper"
            self._tell(verzoek, EventName.ABONNEMENTEN_ODD, {"code": code})
            return False
        return self._finish(verzoek, facts)

    def _finish(self, verzoek: Verzoek, facts: _Facts) -> bool:
        """Note that an answer was read, and forget it; return False when another answer came, or who was faster."""
        with self._outbox.transaction() as tx:
            current = tx.register.verzoek(verzoek.aanvraag.verzoek_id)
            if current is None or current.verwerkt is not None or current.beantwoord != verzoek.beantwoord:
                return False
            tx.register.put_verzoek(replace(current, verwerkt=self._now(), feiten=facts.count))
            tx.register.drop_antwoord(verzoek.aanvraag.verzoek_id)
            told: dict[str, Fact] = {"facts": facts.count, "odd": facts.odd}
            ledger.note_verzoek(tx, EventName.ABONNEMENTEN_STORED, verzoek, self._now(), told)
        return True

    def _mapper_of(self, verzoek: Verzoek) -> Mapper | None:
        own = (one.abonnementen.mapper for one in self._senders if verzoek.aanvraag.oin in one.oins)
        return next(own, None)

    def _tell(self, verzoek: Verzoek, name: EventName, data: Mapping[str, Fact]) -> None:
        """Write down once that something is wrong with a request."""
        if verzoek.gemeld is not None:
            return
        with self._outbox.transaction() as tx:
            if tx.register.verzoek(verzoek.aanvraag.verzoek_id) == verzoek:  # else an answer came, or it was told
                tx.register.put_verzoek(replace(verzoek, gemeld=self._now()))
                ledger.note_verzoek(tx, name, verzoek, self._now(), data)

    # What is known

    def oordeel(self, bsn: BSN | str, berichttype: str, *, oin: OIN | str | None = None) -> Oordeel:
        """Return what is known of one citizen: digital, paper or unknown, and the fact that it follows from."""
        owner, _ = self._owner(oin)
        citizen = bsn if isinstance(bsn, BSN) else BSN(bsn)
        with self._outbox.transaction() as tx:
            return oordeel(tx.register.known(owner, [citizen])[citizen], berichttype, self._now())

    def stand(self, oin: OIN | str | None = None) -> Stand:
        """Return how many facts there are for an OIN, and how old the oldest is that counts."""
        owner, _ = self._owner(oin)
        with self._outbox.transaction() as tx:
            return tx.register.stand(owner, self._now() - GELDIG)

    def verzoeken(self) -> Sequence[Verzoek]:
        """Return every request to the AbonnementService, oldest first."""
        with self._outbox.transaction() as tx:
            return tx.register.verzoeken()

    def _owner(self, oin: OIN | str | None) -> tuple[OIN, Sender]:
        """Return an OIN with its sender; without one that of the only sender.

        Raises:
            ConfigurationError: there is none, or there are more.
        """
        wanted = OIN(oin) if isinstance(oin, str) else oin
        own = [one for one in self._senders if wanted is None or wanted in one.oins]
        if len(own) != 1:
            measure = f"OIN {wanted}" if wanted else f"no OIN, and {len(own)} senders"
            raise ConfigurationError(Finding("sender.oin-unknown", field="oin", measure=measure))
        return wanted or own[0].oins[0], own[0]


class _Facts:
    """What a mapper gives, as facts; what is no BSN is counted and passed over."""

    def __init__(self, told: Iterable[tuple[str, bool]]) -> None:
        self._told = iter(told)
        self.count = 0
        self.odd = 0

    def __iter__(self) -> Iterator[tuple[BSN, bool]]:
        """Give the facts."""
        for digits, yes in self._told:
            try:
                bsn = BSN(digits.zfill(9))
            except FieldError:
                self.odd += 1
                continue
            self.count += 1
            yield bsn, yes


def _stored(route: Route, message: UserMessage, written: packet.Packet) -> StoredMessage:
    policy = route.retry if route.ack_requested else None
    return StoredMessage(
        message_id=message.header.message_id,
        kind="request",
        cpa_id=route.cpa_id,
        message=message,
        policy=policy,
        url=route.endpoint,
        headers=written.headers,
        size=written.size,
        references=written.references,
        created=message.header.timestamp,
        entry=exchange.begin(message.header.timestamp, policy),
    )
