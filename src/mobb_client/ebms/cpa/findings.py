"""What is wrong with a CPA, or unwise in it: every CPA loads, and this says whether a message may go out by it.

An error forbids sending by the leg that it is about; a warning does not. Each check is a function of a whole agreement
or of one leg, and the two tables at the end are the list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from mobb_client.ebms.cpa.durations import write_duration
from mobb_client.ebms.cpa.legs import Leg, Line, policy, reference_faults, trace
from mobb_client.ebms.cpa.values import OIN_TYPE, Agreement, Binding, PartyInfo, SyncReplyMode
from mobb_client.ebms.message import TO_PARTY_MSH
from mobb_client.errors import Finding
from mobb_client.pki.certificate import Certificate

SHA1: Final = frozenset({"http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"})
HASH_FUNCTIONS: Final = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
SIGNATURE_ALGORITHMS: Final = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#rsa-sha{bits}" for bits in (256, 384, 512)
)
_SYNC_ALLOWED: Final[dict[bool, tuple[SyncReplyMode, ...]]] = {False: ("none",), True: ("none", "mshSignalsOnly")}


class Judgement(NamedTuple):
    """What a leg is judged by: the present moment, and whether SHA-1 is put up with."""

    now: datetime
    allow_sha1: bool = False


# The agreement as a whole


def _status(agreement: Agreement, _: Judgement) -> Iterator[Finding]:
    if agreement.status == "proposed":
        yield Finding("cpa.status", "Status", agreement.status)
    if agreement.status == "signed":
        yield Finding("cpa.status-signed", "Status", agreement.status, severity="warning")


def _dates(agreement: Agreement, by: Judgement) -> Iterator[Finding]:
    if agreement.start >= agreement.end:
        yield Finding("cpa.dates", "Start", f"{agreement.start:%Y-%m-%d} and {agreement.end:%Y-%m-%d}")
    if by.now < agreement.start:
        yield Finding("cpa.not-yet", "Start", f"{agreement.start:%Y-%m-%d %H:%M:%S} UTC")
    if by.now > agreement.end:
        yield Finding("cpa.expired", "End", f"{agreement.end:%Y-%m-%d %H:%M:%S} UTC")


def _blanks(agreement: Agreement, _: Judgement) -> Iterator[Finding]:
    named = [("CollaborationProtocolAgreement/@cpaid", agreement.cpa_id)]
    for party in agreement.parties:
        named += [("PartyId", party_id.value) for party_id in party.party_ids] or [("PartyId", "")]
        named += [("Role/@name", role.name) for role in party.roles]
        named += [("Service", role.service.value) for role in party.roles]
    yield from (Finding("cpa.blank", field, "nothing") for field, text in named if not text)


AGREEMENT_CHECKS: Final[tuple[Callable[[Agreement, Judgement], Iterator[Finding]], ...]] = (_status, _dates, _blanks)


# One leg: parts that must be there


def _references(leg: Leg, _: Judgement) -> Iterator[Finding]:
    yield from leg.faults


def _choices(leg: Leg, _: Judgement) -> Iterator[Finding]:
    for side in leg.sides:
        if len(side.binding.channel_ids) > 1:
            field = f"ThisPartyActionBinding[{side.binding.id}]/ChannelId"
            yield Finding("cpa.channels", field, f"{len(side.binding.channel_ids)} of them", severity="warning")
        if side.binding.nested:
            field = f"ThisPartyActionBinding[{side.binding.id}]"
            yield Finding("cpa.nested", field, f"{side.binding.nested} of them", severity="warning")
    alike = [one for one in leg.sender.role.can_send if one.action == leg.sender.binding.action]
    if len(alike) > 1:
        yield Finding("cpa.action-twice", "CanSend", f"{len(alike)} of them", severity="warning")


def _opposite(leg: Leg, _: Judgement) -> Iterator[Finding]:
    if leg.receiver is None:
        return
    ours, theirs = leg.sender, leg.receiver
    if (ours.role.service, ours.binding.action) != (theirs.role.service, theirs.binding.action):
        measure = f"{theirs.binding.action} of {theirs.role.service}"
        limit = f"{ours.binding.action} of {ours.role.service}"
        yield Finding("cpa.other-action", f"CanReceive[{theirs.binding.id}]", measure, limit=limit)
    if ours.binding.characteristics.non_repudiation != theirs.binding.characteristics.non_repudiation:
        measure = str(theirs.binding.characteristics.non_repudiation).lower()
        field = f"CanReceive[{theirs.binding.id}]/@isNonRepudiationRequired"
        yield Finding("cpa.sides-differ", field, measure, severity="warning")


def _bindings(leg: Leg, _: Judgement) -> Iterator[Finding]:
    """Both bindings and the TransportSender present where they are needed (g.5)."""
    exchange = leg.sender.line.exchange
    if exchange is not None and exchange.sender is None:
        yield Finding("cpa.binding-missing", f"DocExchange[{exchange.id}]/ebXMLSenderBinding", "none")
    exchange = leg.receiver.line.exchange if leg.receiver else None
    if exchange is not None and exchange.receiver is None:
        yield Finding("cpa.binding-missing", f"DocExchange[{exchange.id}]/ebXMLReceiverBinding", "none")
    transport = leg.sender.line.transport
    if transport is not None and transport.sender_protocol is None:
        yield Finding("cpa.transport-sender", f"Transport[{transport.id}]", "none", severity="warning")


# One leg: the wire


def _endpoints(leg: Leg, _: Judgement) -> Iterator[Finding]:
    if leg.receiver is not None:
        yield from _endpoint(leg.receiver.line, leg.endpoint)
    yield from _endpoint(leg.sender.signals, leg.our_endpoint)


def _endpoint(line: Line, uri: str) -> Iterator[Finding]:
    field = f"Transport[{line.transport.id if line.transport else ''}]/Endpoint"
    if not uri:
        yield Finding("cpa.endpoint-missing", field, "none")
    elif not _is_https(uri):
        scheme, colon, _ = uri.partition(":")
        yield Finding("cpa.endpoint-https", field, f"{scheme[:20]}:" if colon else "no scheme")


def _is_https(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _sync_reply(leg: Leg, _: Judgement) -> Iterator[Finding]:
    mode = leg.asked.sync_reply_mode
    allowed = _SYNC_ALLOWED[leg.ack_requested]
    if mode not in allowed:
        yield Finding("cpa.sync-mode", f"DeliveryChannel[{leg.asked.id}]/@syncReplyMode", mode, " or ".join(allowed))
    default = leg.sender.signals
    if default.channel is not None and default.sync != leg.sender.line.sync:
        field, measure = f"DeliveryChannel[{default.channel.id}]/@syncReplyMode", default.channel.sync_reply_mode
        yield Finding("cpa.default-sync", field, measure, limit=mode, severity="warning")


# One leg: reliability


def _acknowledgment(leg: Leg, _: Judgement) -> Iterator[Finding]:
    here, asked = f"DeliveryChannel[{leg.asked.id}]", leg.asked
    if asked.ack_requested == "perMessage":
        measure = "asked for" if leg.ack_requested else "not asked for"
        yield Finding("cpa.per-message", f"{here}/@ackRequested", measure, severity="warning")
    if leg.ack_requested and asked.actor is None:
        yield Finding("cpa.actor-missing", f"{here}/@actor", "none", limit=TO_PARTY_MSH, severity="warning")
    if leg.ack_requested and asked.actor not in (None, TO_PARTY_MSH):
        yield Finding("cpa.actor", f"{here}/@actor", asked.actor or "none", limit=TO_PARTY_MSH)
    if leg.ack_requested != leg.duplicate_elimination:
        field, limit = f"{here}/@duplicateElimination", "always" if leg.ack_requested else "never"
        yield Finding("cpa.duplicates", field, asked.duplicate_elimination, limit=limit, severity="warning")


def _signed_acknowledgment(leg: Leg, _: Judgement) -> Iterator[Finding]:
    field, asked = f"DeliveryChannel[{leg.asked.id}]/@ackSignatureRequested", leg.asked.ack_signature_requested
    if leg.ack_requested and leg.signing is None and asked == "always":
        yield Finding("cpa.ack-signed-only", field, asked)
    if leg.ack_requested and leg.signing is not None and not leg.ack_signed:
        yield Finding("cpa.ack-unsigned", field, asked, severity="warning")
    if leg.ack_signed and leg.receiver is not None and leg.receiver.signals.signing is None:
        yield Finding("cpa.ack-signing", f"DeliveryChannel[{leg.receiver.signals.asked.id}]", "no SenderNonRepudiation")


def _retries(leg: Leg, _: Judgement) -> Iterator[Finding]:
    if not leg.ack_requested:
        return
    ours, *theirs = ((binding, policy(binding)) for binding in leg.bindings)
    field = f"DocExchange[{leg.asked.doc_exchange_id}]/ReliableMessaging"
    if leg.retry is None:
        yield Finding("cpa.retries", field, _stated(ours[0]))
    elif any(other[1] != ours[1] or other[0].persist != ours[0].persist for other in theirs):
        measure = f"{_stated(ours[0])}; {_stated(theirs[0][0])}"
        yield Finding("cpa.retries-differ", field, measure, severity="warning")
    if any(binding.reliable and binding.reliable.order == "Guaranteed" for binding in leg.bindings):
        yield Finding("cpa.order", f"{field}/MessageOrderSemantics", "Guaranteed", severity="warning")


def _stated(binding: Binding) -> str:
    reliable, persist = binding.reliable, binding.persist.text if binding.persist else "none"
    if reliable is None:
        return f"no ReliableMessaging, PersistDuration {persist}"
    interval = reliable.interval.text if reliable.interval else "none"
    retries = "none" if reliable.retries is None else reliable.retries
    return f"Retries {retries}, RetryInterval {interval}, PersistDuration {persist}"


def _persist(leg: Leg, _: Judgement) -> Iterator[Finding]:
    """PersistDuration longer than (Retries + 1) x RetryInterval (f.1, h-12)."""
    if leg.retry is None:
        return
    window, field = leg.retry.time_to_live, "ebXMLReceiverBinding/PersistDuration"
    if leg.persist is None:
        stated = next((binding.persist.text for binding in leg.bindings if binding.persist), "none")
        yield Finding("cpa.persist-missing", field, stated, limit=write_duration(window), severity="warning")
    elif leg.persist <= window:
        measure = write_duration(leg.persist)
        yield Finding("cpa.persist", field, measure, limit=write_duration(window), severity="warning")


def _channels_differ(leg: Leg, _: Judgement) -> Iterator[Finding]:
    """The receiver's channel asks what the sender's asks (h-21)."""
    if leg.receiver is None or leg.receiver.line.channel is None:
        return
    ours, theirs = leg.asked, leg.receiver.line.channel
    pairs = (
        ("syncReplyMode", ours.sync_reply_mode, theirs.sync_reply_mode),
        ("ackRequested", ours.ack_requested, theirs.ack_requested),
        ("ackSignatureRequested", ours.ack_signature_requested, theirs.ack_signature_requested),
        ("duplicateElimination", ours.duplicate_elimination, theirs.duplicate_elimination),
    )
    for name, our_value, their_value in pairs:
        if our_value != their_value:
            field = f"DeliveryChannel[{theirs.id}]/@{name}"
            yield Finding("cpa.channels-differ", field, their_value, limit=our_value, severity="warning")


# One leg: security


def _encryption(leg: Leg, _: Judgement) -> Iterator[Finding]:
    if not leg.encrypted:
        return
    yield Finding("cpa.encrypted", f"CanSend[{leg.sender.binding.id}]/@isConfidential", leg.profile)
    if leg.receiver is not None and leg.receiver.line.receiving.envelope is None:
        field = f"DocExchange[{leg.receiver.line.asked.doc_exchange_id}]/ReceiverDigitalEnvelope"
        yield Finding("cpa.envelope-missing", field, "none")


def _signing(leg: Leg, by: Judgement) -> Iterator[Finding]:
    if leg.signing is not None:
        yield from _signer(leg, leg.sender.line, by)
    elif leg.sender.binding.characteristics.non_repudiation:
        field = f"DocExchange[{leg.asked.doc_exchange_id}]/SenderNonRepudiation"
        yield Finding("cpa.signing-incomplete", field, "none", severity="warning")
    if leg.ack_signed and leg.receiver is not None:
        yield from _signer(leg, leg.receiver.signals, by)


def _default_security(leg: Leg, _: Judgement) -> Iterator[Finding]:
    """The default channel has the highest security of the CPA (h-18)."""
    for side in leg.sides if leg.signing is not None else ():
        if side.signals.channel is not None and side.signals.signing is None:
            yield Finding(
                "cpa.default-security", f"DeliveryChannel[{side.signals.channel.id}]", "none", None, "warning"
            )


def _signer(leg: Leg, line: Line, by: Judgement) -> Iterator[Finding]:
    """Judge how one party signs on one channel: both algorithms and the certificate."""
    signing, stated = line.signing, line.sending.non_repudiation
    if signing is None or stated is None:
        return
    here = f"DocExchange[{line.asked.doc_exchange_id}]"
    yield from _algorithm(f"{here}/HashFunction", signing.hash_function, HASH_FUNCTIONS, by)
    yield from _algorithm(f"{here}/SignatureAlgorithm", signing.signature_algorithm, SIGNATURE_ALGORITHMS, by)
    field, cert_id = f"{here}/SigningCertificateRef", stated.certificate_id or ""
    known = any(one.id == cert_id for one in line.party.certificates)
    yield from reference_faults(leg.agreement, field, cert_id, ("Certificate",), here=known)
    if signing.certificate is not None:
        name = f"Certificate[{cert_id}]"
        yield from signing.certificate.findings(at=by.now, name=name, expected_oin=_oin(line.party))
    elif known:
        yield Finding("cpa.certificate", field, f"{cert_id}, which has none")


def _oin(party: PartyInfo) -> str | None:
    """Return the OIN that a party's certificate should have; without the suffix of a test environment."""
    return next((one.value.partition("_")[0] for one in party.party_ids if one.type == OIN_TYPE), None)


def _algorithm(field: str, uri: str, allowed: frozenset[str], by: Judgement) -> Iterator[Finding]:
    if uri in SHA1:
        yield Finding("cpa.sha1", field, uri, severity="warning" if by.allow_sha1 else "error")
    elif uri not in allowed:
        yield Finding("cpa.algorithm", field, uri[:100], limit=", ".join(sorted(allowed)))


def _tls(leg: Leg, by: Judgement) -> Iterator[Finding]:
    """TLS certificates in a CPA only inform, as TLS may end elsewhere: what is wrong with them is a warning."""
    ours = leg.sender.line
    if ours.transport is not None:
        yield from _informative(ours, ours.transport.client_certificate_id, by)
    if leg.receiver is not None and leg.receiver.line.transport is not None:
        theirs = leg.receiver.line
        yield from _informative(theirs, leg.receiver.line.transport.server_certificate_id, by)


def _informative(line: Line, cert_id: str | None, by: Judgement) -> Iterator[Finding]:
    found: Certificate | None = line.certificate(cert_id)
    if found is not None:
        for finding in found.findings(at=by.now, name=f"Certificate[{cert_id}]", soon=timedelta()):
            yield replace(finding, severity="warning")


STANDING_CHECKS: Final[tuple[Callable[[Leg, Judgement], Iterator[Finding]], ...]] = (
    _references,
    _choices,
    _opposite,
    _bindings,
    _endpoints,
    _sync_reply,
    _acknowledgment,
    _signed_acknowledgment,
    _retries,
    _persist,
    _channels_differ,
    _encryption,
    _default_security,
)
"""What is so at any moment."""
DATED_CHECKS: Final[tuple[Callable[[Leg, Judgement], Iterator[Finding]], ...]] = (_signing, _tls)
"""What may be otherwise tomorrow, or for another caller."""
LEG_CHECKS: Final = (*STANDING_CHECKS, *DATED_CHECKS)


def standing(leg: Leg) -> tuple[Finding, ...]:
    """Return what was found about one leg that is so at any moment."""
    by = Judgement(datetime.max.replace(tzinfo=UTC), allow_sha1=False)
    return tuple(finding for check in STANDING_CHECKS for finding in check(leg, by))


def judge(leg: Leg, known: Iterable[Finding], now: datetime, *, allow_sha1: bool = False) -> tuple[Finding, ...]:
    """Return all that was found about one leg and about the agreement that it is in, at an aware moment.

    Args:
        leg: the leg.
        known: what `standing` returned of it.
        now: the moment.
        allow_sha1: put up with SHA-1.
    """
    by = Judgement(now, allow_sha1)
    whole = (finding for check in AGREEMENT_CHECKS for finding in check(leg.agreement, by))
    dated = (finding for check in DATED_CHECKS for finding in check(leg, by))
    return tuple(dict.fromkeys([*whole, *known, *dated]))


def findings(agreement: Agreement, now: datetime, *, allow_sha1: bool = False) -> tuple[Finding, ...]:
    """Return all that was found about an agreement, each thing once: what every leg says, and references beside them.

    A reference that no leg goes by (a trust anchor, a package) is a warning, as nothing is sent by it.
    """
    by = Judgement(now, allow_sha1)
    found = [finding for check in AGREEMENT_CHECKS for finding in check(agreement, by)]
    for sending in agreement.sendings():
        leg = trace(agreement, sending)
        found += [finding for check in LEG_CHECKS for finding in check(leg, by)]
    known = {(finding.code, finding.measure) for finding in found}
    loose = (finding for finding in _loose(agreement) if (finding.code, finding.measure) not in known)
    return tuple(dict.fromkeys([*found, *loose]))


def _loose(agreement: Agreement) -> Iterator[Finding]:
    for reference in agreement.references:
        here = bool(set(agreement.kinds_of(reference.target)) & set(reference.kinds))
        faults = reference_faults(agreement, reference.where, reference.target, reference.kinds, here=here)
        yield from (replace(fault, severity="warning") for fault in faults)
