"""Which leg of a CPA is meant: by what a caller asks for, or by what a received message claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from mobb_client.ebms.cpa.legs import Leg, Sending, Side, trace
from mobb_client.ebms.cpa.values import Agreement, PartyInfo
from mobb_client.ebms.message import Party, PartyId, Service
from mobb_client.errors import Finding

_HEADER: Final = "//Header/MessageHeader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller asks for. Party and service as the CPA writes them, as ``type:value``, or as the value alone.

    `per_message` is the caller's choice wherever the CPA says ``perMessage``.
    """

    action: str
    party: str | PartyId | None = None
    role: str | None = None
    service: str | Service | None = None
    per_message: bool = False


class _Step(NamedTuple):
    """One narrowing of the CanSends: what is asked for, whether one fits, and the name to choose it by."""

    code: str
    asked: object
    fits: Callable[[Sending], bool]
    name: Callable[[Sending], str]


def select(agreement: Agreement, wanted: Wanted) -> Leg | Finding:
    """Return the one leg that is meant, or say what the CPA knows instead.

    CanSends that differ in nothing that a caller can name count as one: the first of them (`findings` warns).
    """
    if wanted.party is not None and not any(party.is_named(wanted.party) for party in agreement.parties):
        known = ", ".join(str(party_id) for party in agreement.parties for party_id in party.party_ids)
        return Finding("route.party", "party", f"{wanted.party}; the CPA knows {known}")
    found = list(agreement.sendings())
    for step in _steps(wanted):
        names = dict.fromkeys(map(step.name, found))
        found = [sending for sending in found if step.asked is None or step.fits(sending)]
        if not found:
            field = step.code.removeprefix("route.")
            return Finding(step.code, field, f"{step.asked}; the CPA knows {', '.join(names) or 'none'}")
    choices = dict.fromkeys(map(_describe, found))
    if len(choices) > 1:
        return Finding("route.ambiguous", "action", f"{len(choices)}: {'; '.join(choices)}")
    return trace(agreement, found[0], per_message=wanted.per_message)


def _steps(wanted: Wanted) -> tuple[_Step, ...]:
    service = wanted.service
    return (
        _Step("route.action", wanted.action, lambda one: one[2].action == wanted.action, lambda one: one[2].action),
        _Step("route.sender", wanted.party, lambda one: one[0].is_named(wanted.party or ""), _party_name),
        _Step("route.role", wanted.role, lambda one: one[1].name == wanted.role, lambda one: one[1].name),
        _Step("route.service", service, lambda one: _is_service(one, service), lambda one: str(one[1].service)),
    )


def _is_service(sending: Sending, given: str | Service | None) -> bool:
    service = sending[1].service
    return given in (service, str(service), service.value)


def _party_name(sending: Sending) -> str:
    party = sending[0]
    return str(party.party_ids[0]) if party.party_ids else party.name


def _describe(sending: Sending) -> str:
    role = sending[1]
    return f"party {_party_name(sending)}, role {role.name}, service {role.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the header of a received user message says of its route."""

    sender: Party
    receiver: Party
    service: Service
    action: str


class Mismatch(NamedTuple):
    """Why no leg fits a claim: a sentence without its content, the errorCode to answer with, and the location."""

    sentence: str
    ebms_code: str
    location: str


def match(agreement: Agreement, claim: Claim) -> Leg | Mismatch:
    """Return the leg that a received user message claims, or why there is none.

    Any non-empty choice of a party's PartyIds, in any order, names that party (B19); a role left out fits any.

    Source: `digikoppeling-ebms2` c.4 and g.5 step 7.
    """
    senders = [party for party in agreement.parties if _is_party(party, claim.sender)]
    if not senders:
        return Mismatch("the CPA does not know the sender", "ValueNotRecognized", f"{_HEADER}/From")
    senders = [party for party in senders if _is_party(agreement.other(party), claim.receiver)]
    if not senders:
        return Mismatch("the CPA has another receiver for this sender", "ValueNotRecognized", f"{_HEADER}/To")
    found = list(_claimed(agreement, claim, senders))
    if not found:
        sentence = "the CPA has no such role, service and action together"
        return Mismatch(sentence, "ValueNotRecognized", f"{_HEADER}/Action")
    if len({leg.sender.role.name for leg in found}) > 1:
        return Mismatch("without a role the CPA leaves more than one choice", "Inconsistent", f"{_HEADER}/From/Role")
    return found[0]


def _claimed(agreement: Agreement, claim: Claim, senders: list[PartyInfo]) -> Iterator[Leg]:
    for sending in agreement.sendings():
        party, role, binding = sending
        if party in senders and (role.service, binding.action) == (claim.service, claim.action):
            leg = trace(agreement, sending)
            if _plays(leg.sender, claim.sender) and (leg.receiver is None or _plays(leg.receiver, claim.receiver)):
                yield leg


def _is_party(party: PartyInfo, given: Party) -> bool:
    return bool(given.party_ids) and set(given.party_ids) <= set(party.party_ids)


def _plays(side: Side, given: Party) -> bool:
    return given.role in (None, side.role.name)
