"""What a client asks about subscriptions, and what it remembers of the answers.

Source: `berichtenbox` d, e; h.1 step 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from threading import Lock
from uuid import UUID

from mobb_client.berichtenbox.abonnementen import (
    GELDIG,
    Bron,
    Oordeel,
    Stand,
    Validatie,
    Validatieantwoord,
    Verzoek,
    oordeel,
)
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.errors import ConfigurationError, Finding
from mobb_client.outbox.contract import Outbox
from mobb_client.pacing import Stop, Throttle
from mobb_client.sender import Sender
from mobb_client.transport.wire import Wire
from mobb_client.validating import Validator


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
