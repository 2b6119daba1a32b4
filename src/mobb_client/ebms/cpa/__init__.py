"""The agreement between two parties (CPA 2.0): loaded, asked for routes, explained.

Every schema-valid CPA loads. What forbids sending by it is a finding, and only `CPA.route` raises for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from mobb_client import _xml
from mobb_client.ebms.cpa import findings as cpa_findings
from mobb_client.ebms.cpa.choice import Claim, Mismatch, Wanted, match, select
from mobb_client.ebms.cpa.legs import Leg, trace_signal
from mobb_client.ebms.cpa.reader import read
from mobb_client.ebms.cpa.routes import Resolution, RetryPolicy, Route, SignalRoute, Signing
from mobb_client.ebms.cpa.values import Agreement, PartyInfo
from mobb_client.ebms.message import Party, PartyId, Service
from mobb_client.errors import ConfigurationError, Finding, FormatError

__all__ = ["CPA", "Resolution", "RetryPolicy", "Route", "SignalRoute", "Signing"]


@dataclass(frozen=True, slots=True)
class _Traced:
    """An answer to one question that holds at any moment: the leg, its route, and what was found."""

    leg: Leg
    route: Route | None
    known: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CPA(Agreement):
    """An agreement that can be asked how a message travels. Nothing of a file is kept but its values (B50)."""

    _traced: dict[Wanted, _Traced] = field(default_factory=dict, init=False, repr=False, compare=False)
    _signals: dict[tuple[tuple[PartyId, ...], str], SignalRoute] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was asked before: to follow the references again would take longer than the envelope of a message."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the CPA that a document holds.

        Raises:
            FormatError: not well-formed, a DOCTYPE, no CPA, or a required part missing, doubled or unreadable.

        Source: CPPA 2.0; `digikoppeling-ebms2` g.
        """
        return read(_xml.parse(data, "CPA", instructions=True), cls)

    @classmethod
    def from_path(cls, path: str | Path) -> Self:
        """Return the CPA in a file, read anew each time.

        Raises:
            FormatError: as `parse`.
            ConfigurationError: the file cannot be read.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            measure = f"{Path(path).name}: {error.strerror or type(error).__name__}"
            raise ConfigurationError(Finding("cpa.file", "cpa", measure)) from None
        return cls.parse(data)

    def resolve(  # noqa: PLR0913 - what a caller may narrow the question with
        self,
        action: str,
        *,
        now: datetime,
        party: str | PartyId | None = None,
        role: str | None = None,
        service: str | Service | None = None,
        per_message: bool = False,
        allow_sha1: bool = False,
    ) -> Resolution:
        """Return the route of an action with everything found on the way; raises nothing.

        Args:
            action: eb:Action of the message.
            now: the present moment, aware, against which dates are held.
            party: who sends: ``type:value``, or the value alone (B69). Without it: the party that can send the action.
            role: its role, where it has more than one.
            service: ``type:value`` or value, where more than one service has the action.
            per_message: what to do where the CPA leaves acknowledgments or duplicates to the sender of each message.
            allow_sha1: put up with SHA-1 signatures, which Digikoppeling forbids.
        """
        wanted = Wanted(action=action, party=party, role=role, service=service, per_message=per_message)
        traced = self._traced.get(wanted)
        if traced is None:
            leg = select(self, wanted)
            if isinstance(leg, Finding):
                return Resolution(None, (leg,))
            traced = self._traced.setdefault(wanted, _Traced(leg, leg.route, cpa_findings.standing(leg)))
        return Resolution(traced.route, cpa_findings.judge(traced.leg, traced.known, now, allow_sha1=allow_sha1))

    def route(  # noqa: PLR0913 - as `resolve`
        self,
        action: str,
        *,
        now: datetime,
        party: str | PartyId | None = None,
        role: str | None = None,
        service: str | Service | None = None,
        per_message: bool = False,
        allow_sha1: bool = False,
    ) -> Route:
        """Return the route of an action, by which a message may go out now. Arguments as in `resolve`.

        Raises:
            ConfigurationError: the CPA does not have the action, or has it more than once, or forbids sending; its
                `findings` are the errors, without the warnings.
        """
        found = self.resolve(
            action,
            now=now,
            party=party,
            role=role,
            service=service,
            per_message=per_message,
            allow_sha1=allow_sha1,
        )
        if found.route is None or found.errors:
            raise ConfigurationError(*found.errors)
        return found.route

    def incoming(self, sender: Party, receiver: Party, service: Service, action: str) -> Route:
        """Return the route that a received user message came by: `sender` is them, `our_endpoint` is theirs.

        Only the parts of the header are compared. Whether the CPA was in force is for `valid_at` and `status`.

        Raises:
            FormatError: the CPA has no such route; `ebms_code` and `location` are those of the answer.
            ConfigurationError: it has, but lacks a part of it.

        Source: `digikoppeling-ebms2` c.4 and g.5.
        """
        found = match(self, Claim(sender=sender, receiver=receiver, service=service, action=action))
        if isinstance(found, Mismatch):
            raise FormatError("cpa.no-route", found.sentence, ebms_code=found.ebms_code, location=found.location)
        if found.route is None:
            raise ConfigurationError(*found.faults)
        return found.route

    def signals(self, *, sender: str | PartyId | Party, action: str = "Acknowledgment") -> SignalRoute:
        """Return how a signal of one party travels to the other.

        Args:
            sender: the party that sends the signal, as in `resolve`, or as in a message.
            action: ``Acknowledgment``, ``MessageError``, ``Ping``, ``Pong``, ``StatusRequest`` or ``StatusResponse``.

        Raises:
            ConfigurationError: the CPA does not know the party, or lacks a part of its signal channels.

        Source: `digikoppeling-ebms2` g.5 step 8.
        """
        party = self._party(sender)
        asked = (party.party_ids, action)
        known = self._signals.get(asked)
        found = known or trace_signal(self, party, action)
        if not isinstance(found, SignalRoute):
            raise ConfigurationError(*found)
        return self._signals.setdefault(asked, found)

    def findings(self, now: datetime, *, allow_sha1: bool = False) -> tuple[Finding, ...]:
        """Return all that is wrong with the CPA or unwise in it at an aware moment, over all its routes."""
        return cpa_findings.findings(self, now, allow_sha1=allow_sha1)

    def _party(self, given: str | PartyId | Party) -> PartyInfo:
        names = given.party_ids if isinstance(given, Party) else (given,)
        for party in self.parties:
            if names and all(party.is_named(name) for name in names):
                return party
        known = ", ".join(str(party_id) for party in self.parties for party_id in party.party_ids)
        asked = ", ".join(map(str, names))
        raise ConfigurationError(Finding("route.party", "party", f"{asked}; the CPA knows {known}"))
