"""The CPAs of other makers, in use and in the history of the best known adapter: all load, every CanSend resolves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from tests.material import MOMENT, material
from tests.reference import REFERENCE, needs_reference
from tests.spoilt import CHANGES, Change, spoilt

from mobb_client.ebms.cpa import CPA, Resolution
from mobb_client.ebms.cpa.explain import explain
from mobb_client.ebms.message import Party, PartyId
from mobb_client.errors import FormatError

pytestmark = needs_reference

FOLDER = REFERENCE / "cpa"
HISTORY = FOLDER / "history"
MALFORMED = HISTORY / "malformed-undeclared-prefix-63d4762.xml"
INVALID = HISTORY / "40-digipoort-stub.http.signed-85f02cf.xml"
FILES = sorted(path for path in (*FOLDER.glob("*.xml"), *HISTORY.glob("*.xml")) if path != MALFORMED)
NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def named(path: Path) -> str:
    """Return a test's name for a file."""
    return path.stem


def loaded(name: str) -> CPA:
    """Return one of the current CPAs by the middle of its name."""
    (path,) = (path for path in FOLDER.glob("*.xml") if path.stem.endswith(name))
    return CPA.from_path(path)


def resolutions(cpa: CPA) -> list[Resolution]:
    """Ask for every CanSend of a CPA by all that it is called."""
    return [
        cpa.resolve(binding.action, now=NOW, party=party_id, role=role.name, service=role.service)
        for party, role, binding in cpa.sendings()
        for party_id in party.party_ids
    ]


@pytest.mark.parametrize("path", FILES, ids=named)
class TestEvery:
    """`digikoppeling-ebms2` g.5: steps 1 to 8 resolve every CanSend."""

    def test_every_can_send(self, path: Path) -> None:
        """B19: by any of the party's PartyIds, with a route at the end."""
        cpa = CPA.from_path(path)
        found = resolutions(cpa)
        assert len(found) == sum(len(party.party_ids) for party, _, _ in cpa.sendings()) > 0
        assert all(resolution.route is not None for resolution in found)

    def test_every_incoming(self, path: Path) -> None:
        """B19: the receiver finds the same route from one PartyId of each side, whichever it is."""
        cpa = CPA.from_path(path)
        for resolution in resolutions(cpa):
            route = resolution.route
            assert route is not None
            for chosen in (0, -1):
                sender = Party((route.sender.party_ids[chosen],), route.sender.role)
                receiver = Party((route.receiver.party_ids[chosen],), route.receiver.role)
                assert cpa.incoming(sender, receiver, route.service, route.action) == route

    def test_every_signal(self, path: Path) -> None:
        """g.5 step 8: a channel for signals both ways."""
        cpa = CPA.from_path(path)
        for party in cpa.parties:
            assert cpa.signals(sender=party.party_ids[0]).endpoint

    def test_explained(self, path: Path) -> None:
        """Design section 7: explaining never fails, whatever is found."""
        found = explain(CPA.from_path(path), NOW)
        assert found.actions
        assert found.as_dict("nl")


def test_all_there() -> None:
    """The README of the folder counts 19 CPAs in use and 53 from the history."""
    assert (len(list(FOLDER.glob("*.xml"))), len(FILES)) == (19, 72)


def test_malformed() -> None:
    """An undeclared prefix is not well-formed in namespaces."""
    with pytest.raises(FormatError, match="not well-formed XML at line 542"):
        CPA.from_path(MALFORMED)


def test_schema_valid_or_known() -> None:
    """All but one are valid against the OASIS schema; that one has certificates without content, and loads as well."""
    schema = etree.XMLSchema(etree.parse(REFERENCE / "oasis" / "cpp-cpa-2_0.xsd"))
    invalid = [path for path in FILES if not schema.validate(etree.parse(path))]
    assert invalid == [INVALID]
    assert any(found.certificate is None for party in CPA.from_path(INVALID).parties for found in party.certificates)


@pytest.mark.parametrize("name", ["sixprofiles-http", "sixprofiles-https"])
def test_six_profiles(name: str) -> None:
    """a.1: the Compliance Voorziening has one service type for each profile, and the values agree with the names."""
    cpa = loaded(name)
    expected = {
        "urn:cv:be:services": "osb-be",
        "urn:cv:be:signed:services": "osb-be-s",
        "urn:cv:be:encrypted:services": "osb-be-e",
        "urn:cv:rm:services": "osb-rm",
        "urn:cv:rm:signed:services": "osb-rm-s",
        "urn:cv:rm:encrypted:services": "osb-rm-e",
    }
    found = {}
    for service_type in expected:
        route = cpa.resolve("EchoRequest", now=NOW, service=f"{service_type}:EchoService$1.0").route
        assert route is not None
        found[service_type] = route.profile
    assert found == expected


def test_six_profiles_are_ambiguous() -> None:
    """B69: without a service the six ways to send an EchoRequest are named."""
    (finding,) = loaded("sixprofiles-https").resolve("EchoRequest", now=NOW).findings
    assert finding.code == "route.ambiguous"
    assert finding.measure.count("EchoService$1.0") == 6


@pytest.mark.parametrize(
    ("name", "code", "severity"),
    [
        ("sixprofiles-https", "cpa.encrypted", "error"),
        ("be.http.unsigned", "cpa.endpoint-https", "error"),
        ("be.https.signed", "cpa.sha1", "error"),
        ("rm.https.signed.sync", "cpa.sync-mode", "error"),
        ("rm.https.signed-sha256", "cpa.ack-unsigned", "warning"),
        ("rm.https.signed.ackSigned", "cpa.persist", "warning"),
        ("31162-multi-channel-multi-endpoint", "cpa.channels", "warning"),
        ("31162-multi-channel-multi-endpoint", "cpa.retries-differ", "warning"),
        ("35065-many-services", "cpa.status", "error"),
        ("35065-many-services", "cpa.default-sync", "warning"),
    ],
)
def test_known_faults(name: str, code: str, severity: str) -> None:
    """g.6: how the samples differ from what Digikoppeling asks."""
    assert (code, severity) in {(finding.code, finding.severity) for finding in loaded(name).findings(NOW)}


def test_usable() -> None:
    """Of the Dutch samples one may be sent by: that with SHA-256 and https. f.2: its TTL is half an hour."""
    usable = [path.stem for path in FOLDER.glob("ebms*.xml") if _may_be_sent_by(CPA.from_path(path))]
    assert usable == ["ebmscore-digipoort-stub.rm.https.signed-sha256"]
    for resolution in resolutions(loaded("rm.https.signed-sha256")):
        route = resolution.route
        assert route is not None
        assert route.retry is not None
        assert route.retry.time_to_live == timedelta(minutes=30)
        assert route.signing is not None
        assert route.signing.hash_function == "http://www.w3.org/2001/04/xmlenc#sha256"


def _may_be_sent_by(cpa: CPA) -> bool:
    return not any(resolution.errors for resolution in resolutions(cpa))


def test_ack_signed_as_the_cpa_says() -> None:
    """a.1: obey the CPA, not the profile: the rm-s samples ask for unsigned acknowledgments, but for one."""
    asked = {
        name: {bool(resolution.route and resolution.route.ack_signed) for resolution in resolutions(loaded(name))}
        for name in ("rm.https.signed", "rm.https.signed.ackSigned")
    }
    assert asked == {"rm.https.signed": {False}, "rm.https.signed.ackSigned": {True}}


def test_endpoints_by_type() -> None:
    """g.4: of login, request, response and error the one for requests is taken."""
    cpa = loaded("31162-multi-channel-multi-endpoint")
    partner = PartyId("8090595", "HER")
    found = cpa.resolve("Svarmelding", party=partner, role="Utleverer", now=NOW).route
    assert found is not None
    assert found.endpoint == "mailto://request@test-es.nav.no"
    assert cpa.signals(sender=partner).endpoint == "mailto://response@test-es.nav.no"


@pytest.mark.parametrize("name", sorted(material().cpas))
def test_our_own_are_valid(name: str) -> None:
    """The simulator's CPAs against the OASIS schema."""
    schema = etree.XMLSchema(etree.parse(REFERENCE / "oasis" / "cpp-cpa-2_0.xsd"))
    schema.assertValid(etree.fromstring(material().cpas[name]))
    assert CPA.parse(material().cpas[name]).valid_at(MOMENT)


@pytest.mark.parametrize("change", CHANGES)
def test_every_schema_valid_cpa_loads(change: Change) -> None:
    """Design section 7: of a CPA spoilt in every place, what the OASIS schema still accepts loads."""
    schema = etree.XMLSchema(etree.parse(REFERENCE / "oasis" / "cpp-cpa-2_0.xsd"))
    for data in spoilt(material().cpa("osb-rm-e"), change):
        if schema.validate(etree.fromstring(data)):
            assert CPA.parse(data).cpa_id
