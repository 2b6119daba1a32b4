"""What a CPA 2.0 says, part by part, as frozen values: nothing looked up, nothing judged.

A part that the schema lets out is None here, and a value that no program can use (a duration in months, a certificate
that does not parse) keeps its place and is None inside: every schema-valid CPA fits, and `findings` says what is
wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from mobb_client.ebms.message import PartyId, Service
from mobb_client.pki.certificate import Certificate

OIN_TYPE: Final = "urn:osb:oin"

Status = Literal["proposed", "agreed", "signed"]
Requested = Literal["always", "never", "perMessage"]
SyncReplyMode = Literal["none", "mshSignalsOnly", "signalsOnly", "responseOnly", "signalsAndResponse"]
Persistence = Literal["none", "transient", "persistent", "transient-and-persistent"]
EndpointType = Literal["login", "request", "response", "error", "allPurpose"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
REQUESTED: Final[tuple[Requested, ...]] = get_args(Requested)
SYNC_REPLY_MODES: Final[tuple[SyncReplyMode, ...]] = get_args(SyncReplyMode)
PERSISTENCES: Final[tuple[Persistence, ...]] = get_args(Persistence)
ENDPOINT_TYPES: Final[tuple[EndpointType, ...]] = get_args(EndpointType)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration as written, and its length; None when it has none (years, months, nonsense)."""

    text: str
    length: timedelta | None


@dataclass(frozen=True, slots=True)
class CpaCertificate:
    """A c:Certificate under its id; `certificate` is None when it is absent there or does not parse."""

    id: str
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class SecurityDetails:
    """A c:SecurityDetails: the ids of its trust anchors."""

    id: str
    anchor_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristics:
    """A c:BusinessTransactionCharacteristics: what is asked of one action."""

    non_repudiation: bool = False
    non_repudiation_of_receipt: bool = False
    confidential: Persistence | None = None
    authenticated: Persistence | None = None
    tamper_proof: Persistence | None = None
    authorization: bool = False
    intelligible_check: bool = False
    time_to_perform: Duration | None = None

    @property
    def persistently_confidential(self) -> bool:
        """Whether the payload must be encrypted itself, and not only on the wire."""
        return self.confidential in {"persistent", "transient-and-persistent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionBinding:
    """One CanSend or CanReceive: its ThisPartyActionBinding, and the id of the other party's."""

    id: str
    action: str
    package_id: str
    characteristics: Characteristics
    channel_ids: tuple[str, ...]
    other_id: str | None = None
    nested: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollaborationRole:
    """What one party sends and receives in one role of one service."""

    name: str
    service: Service
    process: str
    can_send: tuple[ActionBinding, ...]
    can_receive: tuple[ActionBinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryChannel:
    """A c:DeliveryChannel with its MessagingCharacteristics."""

    id: str
    transport_id: str
    doc_exchange_id: str
    sync_reply_mode: SyncReplyMode = "none"
    ack_requested: Requested = "perMessage"
    ack_signature_requested: Requested = "perMessage"
    duplicate_elimination: Requested = "perMessage"
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL and what it is for."""

    uri: str
    type: EndpointType = "allPurpose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """A c:Transport: how a party sends (None: it does not) and where it receives (no endpoints: nowhere)."""

    id: str
    sender_protocol: str | None = None
    client_certificate_id: str | None = None
    receiver_protocol: str | None = None
    server_certificate_id: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliableMessaging:
    """A c:ReliableMessaging; `retries` counts sends after the first, None when absent, negative or beyond reason."""

    retries: int | None
    interval: Duration | None
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NonRepudiation:
    """A SenderNonRepudiation: how this party signs; `certificate_id` is None in a ReceiverNonRepudiation."""

    protocol: str
    hash_function: str
    signature_algorithm: str
    certificate_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitalEnvelope:
    """A ReceiverDigitalEnvelope: how to encrypt for this party; no `certificate_id` in a SenderDigitalEnvelope."""

    protocol: str
    encryption_algorithm: str
    certificate_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """An ebXMLSenderBinding or ebXMLReceiverBinding."""

    reliable: ReliableMessaging | None = None
    persist: Duration | None = None
    non_repudiation: NonRepudiation | None = None
    envelope: DigitalEnvelope | None = None


@dataclass(frozen=True, slots=True)
class DocExchange:
    """A c:DocExchange: what holds when this party sends, and when it receives."""

    id: str
    sender: Binding | None
    receiver: Binding | None


@dataclass(frozen=True, slots=True)
class SimplePart:
    """A c:SimplePart of the packaging."""

    id: str
    mimetype: str


@dataclass(frozen=True, slots=True)
class Packaging:
    """A c:Packaging: the media types of its composites, in order."""

    id: str
    mimetypes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyInfo:
    """One of the two parties, with everything that it declares."""

    name: str
    party_ids: tuple[PartyId, ...]
    default_channel_id: str
    default_package_id: str
    roles: tuple[CollaborationRole, ...]
    certificates: tuple[CpaCertificate, ...]
    security_details: tuple[SecurityDetails, ...]
    channels: tuple[DeliveryChannel, ...]
    transports: tuple[Transport, ...]
    doc_exchanges: tuple[DocExchange, ...]
    overrides: tuple[tuple[str, str], ...] = ()

    def is_named(self, given: str | PartyId) -> bool:
        """Tell whether one of the PartyIds is meant by a PartyId, a ``type:value``, or a bare value (B69).

        ``urn:osb:oin:`` before the value is understood also where the CPA gives the value no type.
        """
        if isinstance(given, PartyId):
            return given in self.party_ids
        return any(given in _names_of(party_id) for party_id in self.party_ids)

    def signal_channel_id(self, action: str) -> str:
        """Return the id of the channel for a signal: the one that overrides for its action, else the default."""
        return dict(reversed(self.overrides)).get(action, self.default_channel_id)


def _names_of(party_id: PartyId) -> set[str]:
    names = {party_id.value, str(party_id), party_id.value.removeprefix(f"{OIN_TYPE}:")}
    return names if party_id.type else names | {f"{OIN_TYPE}:{party_id.value}"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One IDREF: where it stands, the id it names, and the kinds of part that may bear that id."""

    where: str
    target: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A whole CPA. `start` and `end` are aware UTC datetimes; a year outside 1..9999 becomes the nearest there is.

    `ids` holds every (id, element name) in document order, `references` every IDREF.
    """

    cpa_id: str
    version: str
    status: Status
    start: datetime
    end: datetime
    parties: tuple[PartyInfo, PartyInfo]
    simple_parts: tuple[SimplePart, ...] = ()
    packagings: tuple[Packaging, ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    references: tuple[Reference, ...] = ()
    signed: bool = False

    def other(self, party: PartyInfo) -> PartyInfo:
        """Return the other one of the two parties."""
        first, second = self.parties
        return second if party is first else first

    def kinds_of(self, target: str) -> tuple[str, ...]:
        """Return the names of all elements that bear an id: one in a sound CPA."""
        return tuple(kind for name, kind in self.ids if name == target)

    def valid_at(self, moment: datetime) -> bool:
        """Tell whether the CPA is in force: not just proposed, and an aware datetime from Start to End (B24)."""
        return self.status != "proposed" and self.start <= moment <= self.end

    def sendings(self) -> Iterator[tuple[PartyInfo, CollaborationRole, ActionBinding]]:
        """Give every CanSend with its party and role, in document order."""
        for party in self.parties:
            for role in party.roles:
                for binding in role.can_send:
                    yield party, role, binding
