"""A CPA in words and numbers, for people and for `--json`."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.material import MOMENT, cpa_bytes, material, swap

from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.cpa.explain import ExplainedRetry, Explanation, explain
from mobb_client.simulator.material import PROFILES, Profile, Terms


def explained(profile: Profile, *, sync: bool = False, terms: Terms | None = None) -> Explanation:
    """Return one of the material's CPAs, explained at the fixed moment."""
    return explain(CPA.parse(cpa_bytes(profile, sync=sync, terms=terms)), MOMENT)


def test_whole() -> None:
    """Who, until when, and how many days that is."""
    found = explained("osb-rm-s")
    assert (found.status, found.start, found.end, found.days_left) == (
        "agreed",
        "2026-03-01T09:00:00Z",
        "2028-03-01T09:00:00Z",
        730,
    )
    assert [party.party_ids for party in found.parties] == [
        ("urn:osb:oin:00000099000000001000",),
        ("urn:osb:oin:00000099000000002000",),
    ]
    (role,) = found.parties[0].roles
    assert (role.role, role.sends, role.receives) == ("SR", ("GLOBE-R-BV-Request",), ("GLOBE-R-BV-Result",))


def test_certificates() -> None:
    """Every certificate with what it is for, whose it is and how long it lasts."""
    own, anchor = explained("osb-rm-e").parties[0].certificates
    assert own.uses == ("TLS client", "TLS server", "signing", "encryption")
    assert (own.oin, own.days_left) == ("00000099000000001000", 1095)
    assert anchor.uses == ("trust anchor",)


def test_unreadable_certificate() -> None:
    """A certificate that cannot be read keeps its place."""
    data = swap(cpa_bytes("osb-rm"), ("<ds:X509Certificate>", "<ds:X509Certificate>%"))
    own, _ = explain(CPA.parse(data), MOMENT).parties[0].certificates
    assert (own.id, own.subject, own.days_left) == ("A_Certificate", "", None)


def test_reliable_action() -> None:
    """Everything that is said about a signed, reliable action."""
    request, result = explained("osb-rm-s").actions
    assert (request.action, result.action) == ("GLOBE-R-BV-Request", "GLOBE-R-BV-Result")
    assert (request.sender, request.sender_role, request.receiver, request.receiver_role) == (
        "urn:osb:oin:00000099000000001000",
        "SR",
        "urn:osb:oin:00000099000000002000",
        "SP",
    )
    assert (request.profile, request.may_be_sent, request.ack_signed) == ("osb-rm-s", True, True)
    assert request.retry == ExplainedRetry(
        retries=8,
        interval="PT3H",
        time_to_live="P1DT3H",
        persist_duration="P2D",
        sends=("PT0S", "PT3H", "PT6H", "PT9H", "PT12H", "PT15H", "PT18H", "PT21H", "P1D"),
    )
    assert request.signing is not None
    assert request.ack_signing is not None
    own, other = (CPA.parse(cpa_bytes("osb-rm-s")).parties[side].certificates[0].certificate for side in (0, 1))
    assert own is not None
    assert other is not None
    assert (request.signing.certificate, request.ack_signing.certificate) == (own.fingerprint, other.fingerprint)
    assert own.der == material().sender.certificate_der


def test_best_effort_action() -> None:
    """Nothing is acknowledged, signed or sent again."""
    request = explained("osb-be").actions[0]
    assert (request.retry, request.signing, request.ack_signing) == (None, None, None)
    assert request.send_channel.endpoints == ("allPurpose https://localhost:8443/digikoppeling/ebms",)


@pytest.mark.parametrize("profile", PROFILES)
def test_may_be_sent(profile: Profile) -> None:
    """An encrypted profile may not be sent by, and says so; explaining it is no error."""
    found = explained(profile)
    assert found.actions[0].profile == profile
    assert found.actions[0].may_be_sent is not profile.endswith("-e")


def test_nobody_receives() -> None:
    """An action that leads nowhere is explained as far as it goes."""
    data = swap(cpa_bytes(), ("tns:CanReceive>", "tns:CanHear>"))
    request = explain(CPA.parse(data), MOMENT).actions[0]
    assert (request.receiver, request.receive_channel, request.endpoint, request.may_be_sent) == (None, None, "", False)


def test_party_without_ids() -> None:
    """A party without a PartyId is called by its name."""
    data = swap(cpa_bytes(), ("tns:PartyId", "tns:Partij"))
    assert explain(CPA.parse(data), MOMENT).actions[0].sender == "Gemeente Voorbeeld"


def test_json() -> None:
    """The whole explanation is plain JSON, its findings in either language."""
    found = explain(CPA.parse(cpa_bytes("osb-rm-s", terms=Terms(persist="P1D"))), MOMENT + timedelta(days=731))
    english, dutch = found.as_dict(), found.as_dict("nl")
    assert json.loads(json.dumps(english))["actions"][0]["retry"]["time_to_live"] == "P1DT3H"
    assert english["findings"] != dutch["findings"]
    assert isinstance(dutch["findings"], list)
    assert {finding["code"] for finding in dutch["findings"]} == {"cpa.expired", "cpa.persist"}


def test_no_personal_content() -> None:
    """A CPA holds OINs, names and certificates, and the explanation no more than those."""
    assert "PRIVATE" not in json.dumps(explained("osb-rm-s").as_dict())
