"""Reading a CPA and resolving routes by it: `digikoppeling-ebms2` a.1, f.1, f.2 and g."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.material import MOMENT, cpa_bytes, material, swap

from mobb_client.ebms.cpa import CPA, RetryPolicy, Route
from mobb_client.ebms.cpa.durations import read_duration, write_duration
from mobb_client.ebms.message import Party, PartyId, Service
from mobb_client.errors import ConfigurationError, FormatError
from mobb_client.simulator.material import PROFILES, SYNC_PROFILES, HashName, Profile, Terms

REQUEST = "GLOBE-R-BV-Request"
RESULT = "GLOBE-R-BV-Result"
SENDER = PartyId("00000099000000001000", "urn:osb:oin")
RECEIVER = PartyId("00000099000000002000", "urn:osb:oin")
SERVICE = Service("MIJNOVERHEID.ebMS.BB.2.0", "urn:osb:services")


def route_of(data: bytes, action: str = REQUEST) -> Route:
    """Return the route of an action, whatever forbids it."""
    found = CPA.parse(data).resolve(action, now=MOMENT).route
    assert found is not None
    return found


def refusal(data: bytes, **asked: str) -> str:
    """Return what is said when a route is asked that there is not; one finding."""
    question = {"action": REQUEST, "party": None, "role": None, "service": None} | asked
    with pytest.raises(ConfigurationError) as caught:
        CPA.parse(data).route(
            str(question["action"]),
            now=MOMENT,
            party=question["party"],
            role=question["role"],
            service=question["service"],
        )
    (finding,) = caught.value.findings
    return f"{finding.code}: {finding.measure}"


class TestDurations:
    """XML Schema part 2, 3.2.6, as far as a duration has a length."""

    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("PT5M", timedelta(minutes=5)),
            ("P1D", timedelta(days=1)),
            ("PT1H30M", timedelta(minutes=90)),
            ("P0Y0M0DT0H5M0S", timedelta(minutes=5)),
            ("P0Y0M2DT0H0M0.000S", timedelta(days=2)),
            ("PT240M", timedelta(hours=4)),
            (" PT3H\n", timedelta(hours=3)),
            ("PT0.5S", timedelta(seconds=0.5)),
            ("PT0S", timedelta()),
        ],
    )
    def test_read(self, text: str, length: timedelta) -> None:
        """B21: every form of a fixed length, also JAXB's with every part written."""
        assert read_duration(text) == length

    @pytest.mark.parametrize(
        "text", ["P1M", "P1Y", "P1Y2M3D", "-PT5M", "", "P", "PT", "P1DT", "5M", "PT5", "300000", "PT1H5", "P\u0661D"]
    )
    def test_refused(self, text: str) -> None:
        """B21: months and years have no length; nor has what is no duration."""
        with pytest.raises(FormatError):
            read_duration(text)

    @pytest.mark.parametrize("text", ["P99999999999D", "P" + "9" * 5000 + "D", "PT" + "9" * 400 + "S"])
    def test_too_long(self, text: str) -> None:
        """A number that no clock reaches is refused, and not an OverflowError."""
        with pytest.raises(FormatError):
            read_duration(text)

    @given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=4000)))
    def test_round_trip(self, length: timedelta) -> None:
        """What is written reads as the same whole seconds."""
        whole = timedelta(seconds=int(length.total_seconds()))
        assert read_duration(write_duration(length)) == whole


class TestRetryPolicy:
    """f.1 and f.2: when a message is sent again, and until when."""

    def test_worked_example(self) -> None:
        """B22: Retries 8 and RetryInterval PT3H give nine sends and a TimeToLive 27 hours after the Timestamp (f.2)."""
        policy = route_of(cpa_bytes("osb-rm")).retry
        assert policy == RetryPolicy(retries=8, interval=timedelta(hours=3), persist=timedelta(days=2))
        first = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
        assert [f"{moment:%d %H:%M}" for moment in policy.sends(first)] == [
            "15 09:30",
            "15 12:30",
            "15 15:30",
            "15 18:30",
            "15 21:30",
            "16 00:30",
            "16 03:30",
            "16 06:30",
            "16 09:30",
        ]
        assert first + policy.time_to_live == datetime(2026, 1, 16, 12, 30, tzinfo=UTC)

    @given(st.integers(0, 50), st.timedeltas(timedelta(seconds=1), timedelta(days=5)))
    def test_formula(self, retries: int, interval: timedelta) -> None:
        """B22: TTL = (retries + 1) x interval, one interval after the last send."""
        policy = RetryPolicy(retries=retries, interval=interval)
        sends = policy.sends(MOMENT)
        assert len(sends) == retries + 1
        assert sends[-1] + interval == MOMENT + policy.time_to_live

    @pytest.mark.parametrize(("persist", "sends"), [(timedelta(minutes=25), 6), (timedelta(minutes=24), 5), (None, 6)])
    def test_never_after_persist(self, persist: timedelta | None, sends: int) -> None:
        """h-12: nothing is sent again once the receiver may have forgotten the message."""
        policy = RetryPolicy(retries=5, interval=timedelta(minutes=5), persist=persist)
        assert len(policy.sends(MOMENT)) == sends

    @pytest.mark.parametrize("profile", ["osb-be", "osb-be-s"])
    def test_best_effort(self, profile: Profile) -> None:
        """f.3: best effort is sent once."""
        assert route_of(cpa_bytes(profile)).retry is None


class TestReading:
    """g: attributes qualified or bare, every text stripped, prefixes and comments of no account."""

    @pytest.mark.parametrize("profile", PROFILES)
    def test_bare_attributes(self, profile: Profile) -> None:
        """g: what the schema wants qualified is also read bare."""
        data = cpa_bytes(profile)
        bare = re.sub(rb" tns:(\w+)=", rb" \1=", data)
        assert bare != data
        assert CPA.parse(bare) == CPA.parse(data)

    @pytest.mark.parametrize("profile", PROFILES)
    def test_white_space(self, profile: Profile) -> None:
        """h-20: NotGuaranteed with a line end after it, URIs between blanks, ids in lines of their own."""
        data = cpa_bytes(profile)
        spaced = re.sub(rb">([^<>\s]+)</tns:", rb">\n\t\t\1\n\t\t</tns:", data)
        assert spaced != data
        assert CPA.parse(spaced) == CPA.parse(data)

    def test_prefix_comment_and_instruction(self) -> None:
        """g.6: other producers write other prefixes, and comments; a processing instruction is schema-valid too."""
        data = cpa_bytes("osb-rm-s")
        other = data.replace(b"tns:", b"cppa:").replace(b"xmlns:tns", b"xmlns:cppa")
        other = other.replace(b"<cppa:Status", b"<!-- who? --><?xml-stylesheet href='x'?><cppa:Status")
        assert CPA.parse(other) == CPA.parse(data)

    def test_first_algorithm_counts(self) -> None:
        """g.4: the first SignatureAlgorithm, its w3c attribute before its text."""
        data = swap(
            cpa_bytes("osb-rm-s"),
            (
                "rsa-sha256</tns:SignatureAlgorithm>",
                "rsa-sha512</tns:SignatureAlgorithm><tns:SignatureAlgorithm>none</tns:SignatureAlgorithm>",
            ),
        )
        signing = route_of(data).signing
        assert signing is not None
        assert signing.signature_algorithm.endswith("rsa-sha256")

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("<tns:Status tns:value=", "<tns:Status value2=", "cpa.attribute"),
            ('tns:value="agreed"', 'tns:value="maybe"', "cpa.value"),
            ('tns:ackRequested="always"', 'tns:ackRequested="sometimes"', "cpa.value"),
            ('tns:isNonRepudiationRequired="false"', 'tns:isNonRepudiationRequired="no"', "cpa.value"),
            ('tns:isConfidential="transient"', 'tns:isConfidential="very"', "cpa.value"),
            ("<tns:Start>", "<tns:Start>gisteren ", "xml.moment"),
            ("tns:Start>", "tns:Begin>", "xml.once"),
            ("tns:Role ", "tns:Part ", "xml.once"),
            ("tns:CollaborationProtocolAgreement", "tns:CollaborationProtocolProfile", "cpa.root"),
            (' tns:channelId="A_Messages"', "", "cpa.attribute"),
            ("</tns:End>", "</tns:End", "xml.syntax"),
            ("<tns:PartyInfo ", "<tns:PartyInfos ", "xml.syntax"),
            ("?>\n<tns", '?>\n<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n<tns', "xml.doctype"),
        ],
    )
    def test_no_cpa(self, old: str, new: str, code: str) -> None:
        """A document that no schema would call a CPA is a FormatError that names the part."""
        with pytest.raises(FormatError) as caught:
            CPA.parse(swap(cpa_bytes(), (old, new)))
        assert caught.value.code == code

    @pytest.mark.parametrize("count", [1, 3])
    def test_two_parties(self, count: int) -> None:
        """cpp-cpa-2_0.xsd: a CPA has exactly two PartyInfos."""
        text = cpa_bytes().decode()
        one = text[text.index("<tns:PartyInfo") : text.index("</tns:PartyInfo>") + len("</tns:PartyInfo>")]
        changed = text.replace(one, "" if count == 1 else one * 2)
        with pytest.raises(FormatError, match=f"found {count} times"):
            CPA.parse(changed.encode())

    def test_signed_cpa(self) -> None:
        """g.1: a signature over the CPA is noticed and not judged."""
        data = swap(
            cpa_bytes(),
            ("</tns:CollaborationProtocolAgreement>", "<tns:Signature/></tns:CollaborationProtocolAgreement>"),
        )
        assert CPA.parse(data).signed
        assert not CPA.parse(cpa_bytes()).signed


class TestInForce:
    """g.1: Start <= moment <= End."""

    @pytest.mark.parametrize(
        ("start", "end", "first", "last"),
        [
            ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", (2026, 1, 1, 0), (2027, 1, 1, 0)),
            ("2026-01-01T00:00:00+01:00", "2027-07-01T00:00:00+02:00", (2025, 12, 31, 23), (2027, 6, 30, 22)),
            ("2026-01-01T00:00:00", "2027-01-01T00:00:00", (2026, 1, 1, 0), (2027, 1, 1, 0)),
            ("2025-12-31T24:00:00Z", "2026-12-31T23:00:00.000-01:00", (2026, 1, 1, 0), (2027, 1, 1, 0)),
        ],
    )
    def test_zones(
        self, start: str, end: str, first: tuple[int, int, int, int], last: tuple[int, int, int, int]
    ) -> None:
        """B24: every zone is compared in UTC, and without zone it is UTC."""
        terms = Terms(start=datetime(2001, 1, 1, tzinfo=UTC), end=datetime(2002, 1, 1, tzinfo=UTC))
        data = swap(cpa_bytes(terms=terms), ("2001-01-01T00:00:00Z", start), ("2002-01-01T00:00:00Z", end))
        cpa = CPA.parse(data)
        opening, closing = datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC)
        second = timedelta(seconds=1)
        moments = (opening - second, opening, closing, closing + second)
        assert [cpa.valid_at(moment) for moment in moments] == [False, True, True, False]
        codes = [
            {finding.code for finding in cpa.findings(moment)} & {"cpa.not-yet", "cpa.expired"} for moment in moments
        ]
        assert codes == [{"cpa.not-yet"}, set(), set(), {"cpa.expired"}]

    @pytest.mark.parametrize(
        "end", ["9999-12-31T23:59:59-05:00", "12000-01-01T00:00:00Z", "99999999999-01-01T00:00:00Z"]
    )
    def test_for_ever(self, end: str) -> None:
        """Every schema-valid CPA loads, also one that ends after Python's calendar."""
        terms = Terms(end=datetime(2031, 1, 1, tzinfo=UTC))
        cpa = CPA.parse(swap(cpa_bytes(terms=terms), ("2031-01-01T00:00:00Z", end)))
        assert cpa.end == datetime.max.replace(tzinfo=UTC)
        assert cpa.valid_at(MOMENT)

    @pytest.mark.parametrize("start", ["-0044-03-15T00:00:00Z", "0001-01-01T00:00:00+05:00"])
    def test_since_ever(self, start: str) -> None:
        """And one that began before it."""
        terms = Terms(start=datetime(2001, 1, 1, tzinfo=UTC))
        cpa = CPA.parse(swap(cpa_bytes(terms=terms), ("2001-01-01T00:00:00Z", start)))
        assert cpa.valid_at(MOMENT)

    def test_proposed(self) -> None:
        """h-19: a proposed CPA is not in force; a signed one is."""
        assert not CPA.parse(cpa_bytes(terms=Terms(status="proposed"))).valid_at(MOMENT)
        assert CPA.parse(cpa_bytes(terms=Terms(status="signed"))).valid_at(MOMENT)


class TestProfiles:
    """a.1: the profile follows from the values, and so does all that a message carries."""

    @pytest.mark.parametrize(
        ("profile", "reliable", "signed", "encrypted"),
        [
            ("osb-be", False, False, False),
            ("osb-rm", True, False, False),
            ("osb-be-s", False, True, False),
            ("osb-rm-s", True, True, False),
            ("osb-be-e", False, True, True),
            ("osb-rm-e", True, True, True),
        ],
    )
    def test_table(self, profile: Profile, reliable: bool, signed: bool, encrypted: bool) -> None:
        """a.1: the table of the six profiles."""
        route = route_of(cpa_bytes(profile))
        assert route.profile == profile
        assert (route.ack_requested, route.duplicate_elimination, route.retry is not None) == (reliable,) * 3
        assert (route.signing is not None, route.encrypted) == (signed, encrypted)
        assert route.ack_signed == (reliable and signed)
        assert not route.sync_reply

    @pytest.mark.parametrize("profile", SYNC_PROFILES)
    def test_synchronous(self, profile: Profile) -> None:
        """a.2, SyncReply: with mshSignalsOnly the acknowledgment comes in the HTTP response."""
        assert route_of(cpa_bytes(profile, sync=True)).sync_reply

    def test_name_is_not_read(self) -> None:
        """a.1: obey the values and never the name."""
        terms = Terms(cpa_id="cpa_osb-rm-s")
        assert route_of(cpa_bytes("osb-be", terms=terms)).profile == "osb-be"

    @pytest.mark.parametrize(
        ("old", "new", "profile"),
        [
            ('isNonRepudiationRequired="true"', 'isNonRepudiationRequired="false"', "osb-rm"),
            ("NonRepudiation>", "NoRepudiation>", "osb-rm"),
            ('ackRequested="always"', 'ackRequested="never"', "osb-be-s"),
            ('isConfidential="transient"', 'isConfidential="persistent"', "osb-rm-e"),
        ],
    )
    def test_each_value_counts(self, old: str, new: str, profile: str) -> None:
        """a.1: signed needs the demand and the way; a confidential payload is encrypted or is not sent."""
        assert route_of(swap(cpa_bytes("osb-rm-s"), (old, new))).profile == profile

    @pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
    def test_algorithms(self, hash_name: HashName) -> None:
        """B25: digest and signature algorithm are those of the CPA, each by itself."""
        terms = Terms(hash_name=hash_name, signature_hash="sha512")
        signing = CPA.parse(cpa_bytes("osb-rm-s", terms=terms)).route(REQUEST, now=MOMENT).signing
        assert signing is not None
        assert signing.hash_function.endswith(f"#{hash_name}")
        assert signing.signature_algorithm == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
        assert signing.certificate is not None
        assert signing.certificate.der == material().sender.certificate_der

    @pytest.mark.parametrize(("asked", "profile"), [(False, "osb-be"), (True, "osb-rm")])
    def test_per_message(self, asked: bool, profile: str) -> None:
        """g.4 and h-22: what the CPA leaves open is the caller's choice, by default no."""
        data = swap(cpa_bytes("osb-rm"), ('="always"', '="perMessage"'))
        route = CPA.parse(data).route(REQUEST, now=MOMENT, per_message=asked)
        assert (route.profile, route.duplicate_elimination) == (profile, asked)
        assert route.per_message == {"ack", "duplicate_elimination"}

    def test_schema_defaults(self) -> None:
        """g.4: an attribute left out has the schema's default."""
        data = re.sub(
            rb' tns:(ackRequested|ackSignatureRequested|duplicateElimination|syncReplyMode)="\w+"', b"", cpa_bytes()
        )
        route = route_of(data)
        assert route.per_message == {"ack", "ack_signature", "duplicate_elimination"}
        assert not route.sync_reply


class TestRoute:
    """g.5: from an action to parties, service, endpoints."""

    def test_request(self) -> None:
        """g.5: the sender's route; everything stands as in the CPA."""
        route = CPA.parse(cpa_bytes("osb-rm")).route(REQUEST, now=MOMENT)
        assert route == Route(
            cpa_id=f"MIJNOVERHEID-EBMS-BB-2-0_{SENDER.value}_{RECEIVER.value}_osb-rm",
            sender=Party((SENDER,), "SR"),
            receiver=Party((RECEIVER,), "SP"),
            service=SERVICE,
            action=REQUEST,
            endpoint="https://localhost:9443/digikoppeling/ebms",
            our_endpoint="https://localhost:8443/digikoppeling/ebms",
            profile="osb-rm",
            ack_requested=True,
            duplicate_elimination=True,
            retry=RetryPolicy(retries=8, interval=timedelta(hours=3), persist=timedelta(days=2)),
        )
        assert route.our_host == "localhost"

    def test_result(self) -> None:
        """g.5: the same action table read from the other side."""
        route = CPA.parse(cpa_bytes("osb-rm")).route(RESULT, now=MOMENT)
        assert (route.sender, route.receiver) == (Party((RECEIVER,), "SP"), Party((SENDER,), "SR"))
        assert route.endpoint == "https://localhost:8443/digikoppeling/ebms"

    @pytest.mark.parametrize("uri", ["https:///ebms", "https://[::1/ebms", "urn:x"])
    def test_host(self, uri: str) -> None:
        """g.5 step 10: an endpoint without a host still leaves a MessageId possible."""
        assert replace(route_of(cpa_bytes()), our_endpoint=uri).our_host == "localhost"

    @pytest.mark.parametrize(
        "party",
        [SENDER.value, str(SENDER), f"urn:osb:oin:{SENDER.value}", SENDER],
        ids=["bare", "str", "prefix", "value"],
    )
    def test_party(self, party: str | PartyId) -> None:
        """B69: the sender by its OIN alone, with urn:osb:oin: in front, or as a PartyId."""
        assert CPA.parse(cpa_bytes()).route(REQUEST, party=party, now=MOMENT).sender.party_ids == (SENDER,)

    @pytest.mark.parametrize("written", ["00000099000000001000", "urn:osb:oin:00000099000000001000"])
    def test_party_without_type(self, written: str) -> None:
        """B69: every form is understood also where the CPA gives the OIN no type, or the prefix with the value."""
        terms = Terms(party_id_type=None)
        cpa = CPA.parse(swap(cpa_bytes(terms=terms), (f">{SENDER.value}<", f">{written}<")))
        for party in (SENDER.value, str(SENDER)):
            assert cpa.route(REQUEST, party=party, now=MOMENT).sender.party_ids == (PartyId(written),)

    def test_unknown_party(self) -> None:
        """B69: the message names what the CPA knows."""
        said = refusal(cpa_bytes(), party="urn:cv:oin:00000099000000001000")
        assert said.startswith("route.party: urn:cv:oin:00000099000000001000; the CPA knows ")
        assert str(SENDER) in said
        assert str(RECEIVER) in said

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"action": "Brief"}, f"route.action: Brief; the CPA knows {REQUEST}, {RESULT}"),
            ({"party": RECEIVER.value}, f"route.sender: {RECEIVER.value}; the CPA knows {SENDER}"),
            ({"role": "SP"}, "route.role: SP; the CPA knows SR"),
            ({"service": "BB"}, f"route.service: BB; the CPA knows {SERVICE}"),
        ],
    )
    def test_unknown(self, asked: dict[str, str], said: str) -> None:
        """What the CPA does not have is refused with what it has."""
        assert refusal(cpa_bytes(), **asked) == said

    @pytest.mark.parametrize("service", [SERVICE, str(SERVICE), SERVICE.value])
    def test_service(self, service: str | Service) -> None:
        """g.5: a service as the CPA writes it, as type:value, or as the value alone."""
        assert CPA.parse(cpa_bytes()).route(REQUEST, service=service, role="SR", now=MOMENT).service == SERVICE


def two_services() -> bytes:
    """Return a CPA in which both parties have the same actions in a second service and role."""
    text = cpa_bytes().decode()
    start, end = "<tns:CollaborationRole>", "</tns:CollaborationRole>"
    pieces = text.split(start)
    for number in (1, 2):
        role, rest = pieces[number].split(end)
        second = role.replace("_Sends_", "_Sends2_").replace("_Receives_", "_Receives2_")
        second = second.replace("BB.2.0<", "BB.3.0<").replace('tns:name="S', 'tns:name="T')
        pieces[number] = f"{role}{end}{start}{second}{end}{rest}"
    return start.join(pieces).encode()


class TestChoice:
    """g.5: one action in more than one place."""

    def test_ambiguous(self) -> None:
        """The choices are named, and nothing is guessed."""
        said = refusal(two_services())
        assert said.startswith("route.ambiguous: 2: ")
        for name in ("role SR", "role TR", "BB.2.0", "BB.3.0"):
            assert name in said

    @pytest.mark.parametrize("asked", [{"role": "TR"}, {"service": "MIJNOVERHEID.ebMS.BB.3.0"}])
    def test_narrowed(self, asked: dict[str, str]) -> None:
        """Role or service decides."""
        cpa = CPA.parse(two_services())
        route = cpa.route(REQUEST, now=MOMENT, role=asked.get("role"), service=asked.get("service"))
        assert (route.sender.role, route.receiver.role) == ("TR", "TP")
        assert route.service.value.endswith("3.0")

    def test_both_parties(self) -> None:
        """An action that both can send needs the party."""
        data = cpa_bytes(terms=Terms(result=REQUEST))
        assert "party urn:osb:oin:" in refusal(data)
        route = CPA.parse(data).route(REQUEST, party=RECEIVER.value, now=MOMENT)
        assert route.sender.party_ids == (RECEIVER,)

    def test_without_other_id(self) -> None:
        """g.5 step 5: without OtherPartyActionBinding the CanReceive is found by service and action."""
        data = re.sub(rb"<tns:OtherPartyActionBinding>\w+</tns:OtherPartyActionBinding>", b"", cpa_bytes())
        assert CPA.parse(data).route(REQUEST, now=MOMENT) == route_of(cpa_bytes())


ENDPOINT = '<tns:Endpoint tns:uri="https://localhost:9443/digikoppeling/ebms" tns:type="allPurpose"/>'


class TestEndpoints:
    """g.4: which of several endpoints."""

    @pytest.mark.parametrize(
        ("types", "user", "signal"),
        [
            (("allPurpose",), 0, 0),
            (("login", "request", "response", "error"), 1, 2),
            (("error", "allPurpose"), 1, 1),
            (("login", "error"), 0, 0),
            (("response", "request", "request"), 1, 0),
        ],
    )
    def test_by_type(self, types: tuple[str, ...], user: int, signal: int) -> None:
        """g.4: request for user messages, response for acknowledgments, else allPurpose, else the first."""
        several = "".join(
            f'<tns:Endpoint tns:uri="https://host{n}/" tns:type="{kind}"/>' for n, kind in enumerate(types)
        )
        cpa = CPA.parse(swap(cpa_bytes(), (ENDPOINT, several)))
        assert cpa.route(REQUEST, now=MOMENT).endpoint == f"https://host{user}/"
        assert cpa.signals(sender=SENDER).endpoint == f"https://host{signal}/"

    def test_error_endpoint(self) -> None:
        """g.4: a MessageError goes to the endpoint for errors; a Ping goes where requests go."""
        several = '<tns:Endpoint tns:uri="https://errors/" tns:type="error"/><tns:Endpoint tns:uri="https://all/"/>'
        cpa = CPA.parse(swap(cpa_bytes(), (ENDPOINT, several)))
        assert cpa.signals(sender=SENDER, action="MessageError").endpoint == "https://errors/"
        assert cpa.signals(sender=SENDER, action="Ping").endpoint == "https://all/"


def incoming(
    data: bytes,
    *,
    sender: Party | None = None,
    receiver: Party | None = None,
    service: Service = SERVICE,
    action: str = REQUEST,
) -> Route:
    """Return the route of a received request, with parts of its header changed."""
    ours, theirs = sender or Party((SENDER,), "SR"), receiver or Party((RECEIVER,), "SP")
    return CPA.parse(data).incoming(ours, theirs, service, action)


THREE = (PartyId("8090595", "HER"), PartyId("984886136", "orgnummer"), PartyId("984886136"))


class TestIncoming:
    """g.5 step 7 and c.4: the route of a received message."""

    def test_same_route(self) -> None:
        """The receiver finds the very route that the sender took."""
        assert incoming(cpa_bytes("osb-rm-s")) == route_of(cpa_bytes("osb-rm-s"))

    @pytest.mark.parametrize("chosen", [(0,), (1,), (2,), (2, 0), (1, 2, 0)])
    def test_party_ids(self, chosen: tuple[int, ...]) -> None:
        """B19: any of several PartyIds, in any order, with and without type."""
        ids = "".join(
            f"<tns:PartyId{f' tns:type={chr(34)}{one.type}{chr(34)}' if one.type else ''}>{one.value}</tns:PartyId>"
            for one in THREE
        )
        data = swap(cpa_bytes(), (f'<tns:PartyId tns:type="urn:osb:oin">{SENDER.value}</tns:PartyId>', ids))
        sender = Party(tuple(THREE[number] for number in chosen), "SR")
        assert incoming(data, sender=sender).sender == Party(THREE, "SR")
        assert CPA.parse(data).signals(sender=sender).sender == Party(THREE)

    @pytest.mark.parametrize(
        ("sender", "receiver", "service", "action", "location"),
        [
            (Party(()), None, SERVICE, REQUEST, "From"),
            (Party((PartyId(SENDER.value),), "SR"), None, SERVICE, REQUEST, "From"),
            (Party((SENDER, RECEIVER), "SR"), None, SERVICE, REQUEST, "From"),
            (None, Party((SENDER,), "SP"), SERVICE, REQUEST, "To"),
            (Party((SENDER,), "SP"), None, SERVICE, REQUEST, "Action"),
            (None, Party((RECEIVER,), "SR"), SERVICE, REQUEST, "Action"),
            (None, None, Service(SERVICE.value), REQUEST, "Action"),
            (None, None, SERVICE, RESULT, "Action"),
        ],
    )
    def test_no_route(
        self, sender: Party | None, receiver: Party | None, service: Service, action: str, location: str
    ) -> None:
        """B19: a type that differs is another party; c.4: unknown role, service or action are one error."""
        with pytest.raises(FormatError) as caught:
            incoming(cpa_bytes(), sender=sender, receiver=receiver, service=service, action=action)
        assert caught.value.ebms_code == "ValueNotRecognized"
        assert caught.value.location == f"//Header/MessageHeader/{location}"

    def test_without_role(self) -> None:
        """h-37: a role left out fits any, as long as only one is left."""
        sender, receiver = Party((SENDER,)), Party((RECEIVER,))
        assert incoming(cpa_bytes(), sender=sender, receiver=receiver).sender.role == "SR"
        with pytest.raises(FormatError) as caught:
            incoming(swap(two_services(), ("BB.3.0", "BB.2.0")), sender=sender, receiver=receiver)
        assert (caught.value.ebms_code, caught.value.location) == ("Inconsistent", "//Header/MessageHeader/From/Role")

    def test_broken_cpa(self) -> None:
        """A route that the CPA cannot finish is its own fault and not the message's."""
        with pytest.raises(ConfigurationError):
            incoming(swap(cpa_bytes(), ("<tns:ChannelId>B_Messages", "<tns:ChannelId>Nothing")))


class TestSignals:
    """g.5 step 8: OverrideMshActionBinding, else the default MSH channel; the receiver's for the URL."""

    @pytest.mark.parametrize("profile", PROFILES)
    def test_default(self, profile: Profile) -> None:
        """The acknowledgment of the other side comes to our endpoint, signed with their certificate."""
        route = CPA.parse(cpa_bytes(profile)).signals(sender=RECEIVER)
        assert (route.sender, route.receiver) == (Party((RECEIVER,)), Party((SENDER,)))
        assert route.endpoint == "https://localhost:8443/digikoppeling/ebms"
        expected = material().receiver.certificate_der if profile[-2:] in {"-s", "-e"} else None
        assert (route.signing and route.signing.certificate and route.signing.certificate.der) == expected

    def test_override(self) -> None:
        """An OverrideMshActionBinding is for its own action only, and the first one counts."""
        override = '<tns:OverrideMshActionBinding tns:action="Acknowledgment" tns:channelId="{}_Messages"/>'
        data = cpa_bytes("osb-rm-s").decode()
        for side in "AB":
            mark = f"</tns:DocExchange>\n</tns:PartyInfo>\n<tns:{'PartyInfo' if side == 'A' else 'SimplePart'}"
            assert mark in data
            data = data.replace(mark, mark.replace("</tns:PartyInfo>", override.format(side) + "</tns:PartyInfo>", 1))
        cpa = CPA.parse(
            swap(
                data.encode(),
                ('channelId="A_Signals" tns:transportId="A', 'channelId="A_Signals" tns:transportId="Gone_A'),
            )
        )
        assert cpa.signals(sender=RECEIVER).endpoint == "https://localhost:8443/digikoppeling/ebms"
        with pytest.raises(ConfigurationError, match="Gone_A_Transport"):
            cpa.signals(sender=RECEIVER, action="MessageError")

    @pytest.mark.parametrize(
        "action", ["Acknowledgment", "MessageError", "Ping", "Pong", "StatusRequest", "StatusResponse"]
    )
    def test_sync(self, action: str) -> None:
        """h-62: in the HTTP response or not, as the CPA says."""
        assert CPA.parse(cpa_bytes("osb-rm", sync=True)).signals(sender=SENDER, action=action).sync
        assert not CPA.parse(cpa_bytes("osb-rm")).signals(sender=SENDER, action=action).sync

    @pytest.mark.parametrize(("action", "sync"), [("Ping", True), ("Pong", False)])
    def test_sync_of_the_asker(self, action: str, sync: bool) -> None:
        """c.2: the syncReplyMode of the asker's default channel decides, for the question and for the answer."""
        text = cpa_bytes("osb-rm", sync=True).decode()
        first, second = text.split("</tns:PartyInfo>", 1)
        mixed = first + "</tns:PartyInfo>" + second.replace("mshSignalsOnly", "none")
        assert CPA.parse(mixed.encode()).signals(sender=SENDER, action=action).sync is sync

    @pytest.mark.parametrize("sender", ["00000099000000003000", Party(()), Party((SENDER, RECEIVER))])
    def test_unknown_sender(self, sender: str | Party) -> None:
        """A party that the CPA does not know has no signals."""
        with pytest.raises(ConfigurationError, match=re.escape("(route.party)")):
            CPA.parse(cpa_bytes()).signals(sender=sender)

    def test_no_endpoint(self) -> None:
        """Nowhere to send a signal to."""
        with pytest.raises(ConfigurationError, match=re.escape("(cpa.endpoint-missing)")):
            CPA.parse(swap(cpa_bytes(), (ENDPOINT, ""))).signals(sender=SENDER)


class TestFiles:
    """design section 2: one small file, handed to a pure constructor."""

    def test_changed_file(self, tmp_path: Path) -> None:
        """B50: nothing is kept by path: the next look sees the new CPA."""
        path = tmp_path / "cpa.xml"
        path.write_bytes(cpa_bytes("osb-rm"))
        assert CPA.from_path(path).route(REQUEST, now=MOMENT).profile == "osb-rm"
        path.write_bytes(cpa_bytes("osb-rm-s"))
        assert CPA.from_path(str(path)).route(REQUEST, now=MOMENT).profile == "osb-rm-s"

    def test_no_file(self, tmp_path: Path) -> None:
        """A file that is not there is a fault of the settings."""
        with pytest.raises(ConfigurationError, match=r"cpa\.xml: No such file"):
            CPA.from_path(tmp_path / "cpa.xml")
