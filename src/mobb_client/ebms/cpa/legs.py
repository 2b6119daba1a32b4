"""From an action to all that the CPA hangs on it: the resolution of `digikoppeling-ebms2` g.5.

A `Leg` is one CanSend with all that it leads to, as far as it leads anywhere; a `Route` is the part of it that a sender
needs. Nothing is judged here but whether the CPA's own references hold: `findings` judges a leg.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from mobb_client.ebms.cpa.routes import Choice, RetryPolicy, Route, SignalRoute, Signing
from mobb_client.ebms.cpa.values import (
    ActionBinding,
    Agreement,
    Binding,
    CollaborationRole,
    DeliveryChannel,
    DocExchange,
    EndpointType,
    PartyInfo,
    Requested,
    Transport,
)
from mobb_client.ebms.message import Party
from mobb_client.errors import Finding
from mobb_client.pki.certificate import Certificate

LONGEST_WINDOW: Final = timedelta(days=366)
NO_CHANNEL: Final = DeliveryChannel(
    id="",
    transport_id="",
    doc_exchange_id="",
    ack_requested="never",
    ack_signature_requested="never",
    duplicate_elimination="never",
)
_USER_MESSAGE: Final[tuple[EndpointType, ...]] = ("request", "allPurpose")
_SIGNALS: Final[dict[str, tuple[EndpointType, ...]]] = {
    "Acknowledgment": ("response", "allPurpose"),
    "Pong": ("response", "allPurpose"),
    "StatusResponse": ("response", "allPurpose"),
    "MessageError": ("error", "allPurpose"),
    "Ping": ("request", "allPurpose"),
    "StatusRequest": ("request", "allPurpose"),
}
_ASKING: Final = frozenset({"Ping", "StatusRequest"})

Sending = tuple[PartyInfo, CollaborationRole, ActionBinding]


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Part = TypeVar("Part", bound=_Identified)


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery channel with what it refers to; a part that cannot be found is None."""

    party: PartyInfo
    channel: DeliveryChannel | None = None
    transport: Transport | None = None
    exchange: DocExchange | None = None

    @property
    def asked(self) -> DeliveryChannel:
        """The channel's MessagingCharacteristics; without a channel nothing is asked."""
        return self.channel or NO_CHANNEL

    @property
    def sending(self) -> Binding:
        """What holds when the party sends on it; empty when the CPA does not say."""
        return (self.exchange and self.exchange.sender) or Binding()

    @property
    def receiving(self) -> Binding:
        """What holds when the party receives on it; empty when the CPA does not say."""
        return (self.exchange and self.exchange.receiver) or Binding()

    @property
    def sync(self) -> bool:
        """Whether answers come in the HTTP response."""
        return self.asked.sync_reply_mode != "none"

    def endpoint(self, types: Iterable[EndpointType]) -> str:
        """Return the URL of the first type that there is one of, else the first URL, else nothing (g.4)."""
        endpoints = self.transport.endpoints if self.transport else ()
        by_type = {endpoint.type: endpoint.uri for endpoint in reversed(endpoints)}
        return next((by_type[kind] for kind in types if kind in by_type), endpoints[0].uri if endpoints else "")

    @property
    def signing(self) -> Signing | None:
        """How the party signs on this channel; None when it does not."""
        found = self.sending.non_repudiation
        if found is None:
            return None
        return Signing(
            hash_function=found.hash_function,
            signature_algorithm=found.signature_algorithm,
            certificate=self.certificate(found.certificate_id),
        )

    def certificate(self, cert_id: str | None) -> Certificate | None:
        """Return the party's certificate under an id; None when there is none that can be read."""
        return next((found.certificate for found in self.party.certificates if found.id == cert_id), None)


@dataclass(frozen=True, slots=True)
class Side:
    """One party's half of a leg: role, action, the channel of that action, and its channel for acknowledgments."""

    party: PartyInfo
    role: CollaborationRole
    binding: ActionBinding
    line: Line
    signals: Line

    @property
    def as_party(self) -> Party:
        """The eb:From or eb:To of this side."""
        return Party(self.party.party_ids, self.role.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One CanSend, and all that it leads to. `faults` says where it leads nowhere."""

    agreement: Agreement
    sender: Side
    receiver: Side | None
    faults: tuple[Finding, ...] = ()
    per_message: bool = False

    @property
    def sides(self) -> tuple[Side, ...]:
        """Both sides, as far as there are."""
        return (self.sender, self.receiver) if self.receiver else (self.sender,)

    @property
    def asked(self) -> DeliveryChannel:
        """What the sender's channel asks of the message."""
        return self.sender.line.asked

    @property
    def ack_requested(self) -> bool:
        """Whether the message asks for an acknowledgment."""
        return self._wants(self.asked.ack_requested)

    @property
    def ack_signed(self) -> bool:
        """Whether it asks for a signed one: only for a signed message, which is all that can be done (h-10)."""
        return self.ack_requested and self.signing is not None and self._wants(self.asked.ack_signature_requested)

    @property
    def duplicate_elimination(self) -> bool:
        """Whether it asks for the elimination of duplicates."""
        return self._wants(self.asked.duplicate_elimination)

    def _wants(self, requested: Requested) -> bool:
        return requested == "always" or (requested == "perMessage" and self.per_message)

    @property
    def signing(self) -> Signing | None:
        """How the message is signed: the action asks for it, and the channel says how (a.1)."""
        return self.sender.line.signing if self.sender.binding.characteristics.non_repudiation else None

    @property
    def encrypted(self) -> bool:
        """Whether either side says that the payload is confidential by itself; it never goes in clear then."""
        return any(side.binding.characteristics.persistently_confidential for side in self.sides)

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """The sender's binding for sending, and the receiver's for receiving."""
        return (self.sender.line.sending, *((self.receiver.line.receiving,) if self.receiver else ()))

    @property
    def retry(self) -> RetryPolicy | None:
        """When to send again: as the sender's binding says, or the receiver's where that is silent (f.1, h-21)."""
        if not self.ack_requested:
            return None
        return next(filter(None, (policy(binding, self.persist) for binding in self.bindings)), None)

    @property
    def persist(self) -> timedelta | None:
        """How long the receiver remembers the message: its own binding first (f.1)."""
        stated = (binding.persist for binding in reversed(self.bindings) if binding.persist)
        return next((duration.length for duration in stated if duration.length is not None), None)

    @property
    def profile(self) -> str:
        """The Digikoppeling profile that these values make, whatever the CPA calls itself (a.1)."""
        security = "-e" if self.encrypted else "-s" if self.signing else ""
        return f"osb-{'rm' if self.ack_requested else 'be'}{security}"

    @property
    def endpoint(self) -> str:
        """Where the message goes; empty when the CPA does not say."""
        return self.receiver.line.endpoint(_USER_MESSAGE) if self.receiver else ""

    @property
    def our_endpoint(self) -> str:
        """Where the sender's acknowledgments come; else where it receives on the action's channel."""
        return self.sender.signals.endpoint(_SIGNALS["Acknowledgment"]) or self.sender.line.endpoint(_USER_MESSAGE)

    @property
    def left_open(self) -> frozenset[Choice]:
        """What the CPA leaves to the sender of each message."""
        asked: tuple[tuple[Choice, Requested], ...] = (
            ("ack", self.asked.ack_requested),
            ("ack_signature", self.asked.ack_signature_requested),
            ("duplicate_elimination", self.asked.duplicate_elimination),
        )
        return frozenset(choice for choice, requested in asked if requested == "perMessage")

    @property
    def route(self) -> Route | None:
        """The route; None when the CPA lacks a part without which there is none."""
        if self.receiver is None or self.sender.line.channel is None or not self.endpoint:
            return None
        return Route(
            cpa_id=self.agreement.cpa_id,
            sender=self.sender.as_party,
            receiver=self.receiver.as_party,
            service=self.sender.role.service,
            action=self.sender.binding.action,
            endpoint=self.endpoint,
            our_endpoint=self.our_endpoint,
            profile=self.profile,
            sync_reply=self.sender.line.sync,
            ack_requested=self.ack_requested,
            ack_signed=self.ack_signed,
            duplicate_elimination=self.duplicate_elimination,
            retry=self.retry,
            signing=self.signing,
            encrypted=self.encrypted,
            per_message=self.left_open,
        )


def policy(binding: Binding, persist: timedelta | None = None) -> RetryPolicy | None:
    """Return the policy that a binding states, if it states one that can be kept and ends within a year."""
    reliable = binding.reliable
    if reliable is None or reliable.retries is None or reliable.interval is None or not reliable.interval.length:
        return None
    if reliable.retries + 1 > LONGEST_WINDOW / reliable.interval.length:
        return None
    return RetryPolicy(retries=reliable.retries, interval=reliable.interval.length, persist=persist)


class Tracer:
    """Follows references through a CPA, and remembers in `faults` those that lead nowhere."""

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement
        self.faults: list[Finding] = []

    def side(self, party: PartyInfo, role: CollaborationRole, binding: ActionBinding) -> Side:
        """Return one side with its channels; of several channels for one action the first counts."""
        first = binding.channel_ids[0] if binding.channel_ids else ""
        line = self.line(party, first, f"ThisPartyActionBinding[{binding.id}]/ChannelId")
        return Side(party, role, binding, line, self.signals(party, "Acknowledgment"))

    def signals(self, party: PartyInfo, action: str) -> Line:
        """Return a party's channel for a signal: what overrides for its action, else the default (g.5 step 8)."""
        return self.line(party, party.signal_channel_id(action), f"PartyInfo[{party.name}]/@defaultMshChannelId")

    def line(self, party: PartyInfo, channel_id: str, where: str) -> Line:
        """Return a channel of a party with the transport and document exchange that it refers to."""
        channel = self._pick(party.channels, channel_id, "DeliveryChannel", where)
        if channel is None:
            return Line(party)
        here = f"DeliveryChannel[{channel_id}]"
        transport = self._pick(party.transports, channel.transport_id, "Transport", f"{here}/@transportId")
        exchange = self._pick(party.doc_exchanges, channel.doc_exchange_id, "DocExchange", f"{here}/@docExchangeId")
        return Line(party, channel, transport, exchange)

    def opposite(self, sender: Side) -> Side | None:
        """Return the other party's CanReceive: by the id that the CanSend names, else by service and action."""
        party = self.agreement.other(sender.party)
        receivings = [(role, binding) for role in party.roles for binding in role.can_receive]
        named = [one for one in receivings if one[1].id == sender.binding.other_id]
        where = f"CanSend[{sender.binding.id}]/OtherPartyActionBinding"
        if sender.binding.other_id is not None:
            self._check(where, sender.binding.other_id, "ThisPartyActionBinding", here=bool(named))
        wanted = (sender.role.service, sender.binding.action)
        alike = [one for one in receivings if (one[0].service, one[1].action) == wanted]
        for role, binding in (*named, *alike):
            return self.side(party, role, binding)
        self.faults.append(Finding("cpa.other-party", where, f"no CanReceive for {sender.binding.action}"))
        return None

    def _pick(self, parts: tuple[Part, ...], target: str, kind: str, where: str) -> Part | None:
        found = [part for part in parts if part.id == target]
        self._check(where, target, kind, here=bool(found))
        return found[0] if found else None

    def _check(self, where: str, target: str, kind: str, *, here: bool) -> None:
        self.faults.extend(reference_faults(self.agreement, where, target, (kind,), here=here))


def reference_faults(
    agreement: Agreement, where: str, target: str, kinds: tuple[str, ...], *, here: bool
) -> Iterator[Finding]:
    """Say what is wrong with one reference: to nothing, to a part of another kind or party, or to more than one part.

    Args:
        agreement: the whole CPA.
        where: what refers.
        target: the id that it names.
        kinds: the elements that it may name.
        here: whether a part of that kind was found where it belongs.
    """
    found = agreement.kinds_of(target)
    wanted = " or ".join(kinds)
    if len(found) > 1:
        yield Finding("cpa.id-twice", where, f"{target}, the id of {' and of '.join(found)}")
    elif not found:
        yield Finding("cpa.reference", where, f"{target or 'nothing'}", limit=wanted)
    elif not here:
        yield Finding("cpa.reference-kind", where, f"{target}, a {found[0]}", limit=wanted)


def trace(agreement: Agreement, sending: Sending, *, per_message: bool = False) -> Leg:
    """Return one CanSend with all that it leads to; `per_message` decides where the CPA leaves something open."""
    tracer = Tracer(agreement)
    sender = tracer.side(*sending)
    receiver = tracer.opposite(sender)
    faults = tuple(dict.fromkeys(tracer.faults))
    return Leg(agreement=agreement, sender=sender, receiver=receiver, faults=faults, per_message=per_message)


def trace_signal(agreement: Agreement, sender: PartyInfo, action: str) -> SignalRoute | tuple[Finding, ...]:
    """Return how a party's signal travels, or what the CPA lacks for that (g.5 step 8)."""
    tracer = Tracer(agreement)
    ours, theirs = tracer.signals(sender, action), tracer.signals(agreement.other(sender), action)
    endpoint = theirs.endpoint(_SIGNALS.get(action, ("allPurpose",)))
    if not endpoint:
        tracer.faults.append(Finding("cpa.endpoint-missing", f"DeliveryChannel[{theirs.asked.id}]", "none"))
    if tracer.faults:
        return tuple(dict.fromkeys(tracer.faults))
    return SignalRoute(
        cpa_id=agreement.cpa_id,
        sender=Party(sender.party_ids),
        receiver=Party(theirs.party.party_ids),
        endpoint=endpoint,
        signing=ours.signing,
        sync=(ours if action in _ASKING else theirs).sync,
    )
