"""A CPA in plain words and numbers: who, what, how signed, how acknowledged, how often sent again, until when.

All values are text, numbers, booleans or None, so that they can be printed and written as JSON as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from mobb_client._xml import write_moment
from mobb_client.ebms.cpa import findings as cpa_findings
from mobb_client.ebms.cpa.durations import write_duration
from mobb_client.ebms.cpa.legs import Leg, Line, trace
from mobb_client.ebms.cpa.routes import RetryPolicy, Signing
from mobb_client.ebms.cpa.values import Agreement, PartyInfo
from mobb_client.errors import Finding, Language
from mobb_client.pki.certificate import Certificate

_MOST_SENDS: Final = 100
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCertificate:
    """A certificate of a party, and what for; all but id and uses is empty when it cannot be read."""

    id: str
    uses: tuple[str, ...]
    subject: str = ""
    oin: str | None = None
    not_before: str = ""
    not_after: str = ""
    days_left: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRole:
    """What a party does in one role of one service."""

    role: str
    service: str
    process: str
    sends: tuple[str, ...]
    receives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedParty:
    """One of the two parties."""

    name: str
    party_ids: tuple[str, ...]
    default_channel: str
    roles: tuple[ExplainedRole, ...]
    certificates: tuple[ExplainedCertificate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSigning:
    """How a message or an acknowledgment is signed, and by which certificate (its SHA-256)."""

    hash_function: str
    signature_algorithm: str
    certificate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRetry:
    """When a message is sent again: durations as in XML Schema, `sends` counted from the first."""

    retries: int
    interval: str
    time_to_live: str
    persist_duration: str | None
    sends: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedChannel:
    """One delivery channel with the endpoints of its transport."""

    id: str
    sync_reply_mode: str
    ack_requested: str
    ack_signature_requested: str
    duplicate_elimination: str
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAction:
    """One action that a party can send, and how it would travel."""

    action: str
    service: str
    sender: str
    sender_role: str
    receiver: str | None
    receiver_role: str | None
    profile: str
    endpoint: str
    acknowledgments_to: str
    sync_reply: bool
    ack_requested: bool
    ack_signed: bool
    duplicate_elimination: bool
    encrypted: bool
    signing: ExplainedSigning | None
    ack_signing: ExplainedSigning | None
    retry: ExplainedRetry | None
    send_channel: ExplainedChannel
    receive_channel: ExplainedChannel | None
    may_be_sent: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything about a CPA at one moment. `as_dict` is the form for JSON."""

    cpa_id: str
    version: str
    status: str
    start: str
    end: str
    days_left: int
    signed: bool
    parties: tuple[ExplainedParty, ...]
    actions: tuple[ExplainedAction, ...]
    findings: tuple[Finding, ...]

    def as_dict(self, language: Language = "en") -> dict[str, object]:
        """Return plain dicts and tuples; findings with their sentences in one of the two languages."""
        actions = [
            {**asdict(action), "findings": [finding.as_dict(language) for finding in action.findings]}
            for action in self.actions
        ]
        return {
            **asdict(self),
            "actions": actions,
            "findings": [finding.as_dict(language) for finding in self.findings],
        }


def explain(agreement: Agreement, now: datetime, *, allow_sha1: bool = False) -> Explanation:
    """Return a CPA explained, as it stands at an aware moment."""
    legs = [trace(agreement, sending) for sending in agreement.sendings()]
    return Explanation(
        cpa_id=agreement.cpa_id,
        version=agreement.version,
        status=agreement.status,
        start=write_moment(agreement.start),
        end=write_moment(agreement.end),
        days_left=(agreement.end - now).days,
        signed=agreement.signed,
        parties=tuple(_party(party, now) for party in agreement.parties),
        actions=tuple(_action(leg, now, allow_sha1=allow_sha1) for leg in legs),
        findings=cpa_findings.findings(agreement, now, allow_sha1=allow_sha1),
    )


def _party(party: PartyInfo, now: datetime) -> ExplainedParty:
    uses = _uses(party)
    return ExplainedParty(
        name=party.name,
        party_ids=tuple(map(str, party.party_ids)),
        default_channel=party.default_channel_id,
        roles=tuple(
            ExplainedRole(
                role=role.name,
                service=str(role.service),
                process=role.process,
                sends=tuple(binding.action for binding in role.can_send),
                receives=tuple(binding.action for binding in role.can_receive),
            )
            for role in party.roles
        ),
        certificates=tuple(
            _certificate(found.id, tuple(dict.fromkeys(uses.get(found.id, ()))), found.certificate, now)
            for found in party.certificates
        ),
    )


def _uses(party: PartyInfo) -> dict[str, list[str]]:
    """Say what each certificate is used for, by its id."""
    named: list[tuple[str | None, str]] = []
    for transport in party.transports:
        named += [(transport.client_certificate_id, "TLS client"), (transport.server_certificate_id, "TLS server")]
    for exchange in party.doc_exchanges:
        if exchange.sender and exchange.sender.non_repudiation:
            named.append((exchange.sender.non_repudiation.certificate_id, "signing"))
        if exchange.receiver and exchange.receiver.envelope:
            named.append((exchange.receiver.envelope.certificate_id, "encryption"))
    named += [(anchor, "trust anchor") for details in party.security_details for anchor in details.anchor_ids]
    uses: dict[str, list[str]] = {}
    for cert_id, use in named:
        uses.setdefault(cert_id or "", []).append(use)
    return uses


def _certificate(cert_id: str, uses: tuple[str, ...], found: Certificate | None, now: datetime) -> ExplainedCertificate:
    if found is None:
        return ExplainedCertificate(id=cert_id, uses=uses)
    return ExplainedCertificate(
        id=cert_id,
        uses=uses,
        subject=found.subject,
        oin=found.oin,
        not_before=write_moment(found.not_before),
        not_after=write_moment(found.not_after),
        days_left=(found.not_after - now).days,
        sha256=found.fingerprint,
    )


def _action(leg: Leg, now: datetime, *, allow_sha1: bool) -> ExplainedAction:
    found = cpa_findings.judge(leg, cpa_findings.standing(leg), now, allow_sha1=allow_sha1)
    receiver = leg.receiver
    return ExplainedAction(
        action=leg.sender.binding.action,
        service=str(leg.sender.role.service),
        sender=_first_id(leg.sender.party),
        sender_role=leg.sender.role.name,
        receiver=_first_id(receiver.party) if receiver else None,
        receiver_role=receiver.role.name if receiver else None,
        profile=leg.profile,
        endpoint=leg.endpoint,
        acknowledgments_to=leg.our_endpoint,
        sync_reply=leg.sender.line.sync,
        ack_requested=leg.ack_requested,
        ack_signed=leg.ack_signed,
        duplicate_elimination=leg.duplicate_elimination,
        encrypted=leg.encrypted,
        signing=_signing(leg.signing),
        ack_signing=_signing(receiver.signals.signing) if receiver and leg.ack_signed else None,
        retry=_retry(leg.retry),
        send_channel=_channel(leg.sender.line),
        receive_channel=_channel(receiver.line) if receiver else None,
        may_be_sent=leg.route is not None and all(finding.severity != "error" for finding in found),
        findings=found,
    )


def _first_id(party: PartyInfo) -> str:
    return str(party.party_ids[0]) if party.party_ids else party.name


def _signing(signing: Signing | None) -> ExplainedSigning | None:
    if signing is None:
        return None
    return ExplainedSigning(
        hash_function=signing.hash_function,
        signature_algorithm=signing.signature_algorithm,
        certificate=signing.certificate.fingerprint if signing.certificate else None,
    )


def _retry(policy: RetryPolicy | None) -> ExplainedRetry | None:
    if policy is None:
        return None
    return ExplainedRetry(
        retries=policy.retries,
        interval=write_duration(policy.interval),
        time_to_live=write_duration(policy.time_to_live),
        persist_duration=None if policy.persist is None else write_duration(policy.persist),
        sends=tuple(write_duration(moment - _ZERO) for moment in policy.sends(_ZERO)[:_MOST_SENDS]),
    )


def _channel(line: Line) -> ExplainedChannel:
    return ExplainedChannel(
        id=line.asked.id,
        sync_reply_mode=line.asked.sync_reply_mode,
        ack_requested=line.asked.ack_requested,
        ack_signature_requested=line.asked.ack_signature_requested,
        duplicate_elimination=line.asked.duplicate_elimination,
        endpoints=tuple(f"{one.type} {one.uri}" for one in (line.transport.endpoints if line.transport else ())),
    )
