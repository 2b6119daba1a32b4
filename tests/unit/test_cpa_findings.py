"""What is found in a CPA: each thing under its own code, at its own severity, and never a traceback."""

from __future__ import annotations

import contextlib
import copy
import re
from datetime import timedelta

import pytest
from lxml import etree
from tests.material import MOMENT, cpa_bytes, material_keys, swap
from tests.spoilt import CHANGES, Change, spoilt

from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.cpa.explain import explain
from mobb_client.ebms.cpa.reader import CPPA
from mobb_client.errors import ConfigurationError, FormatError
from mobb_client.simulator.material import PROFILES, SYNC_PROFILES, Profile, Terms, make_material

REQUEST = "GLOBE-R-BV-Request"
RESULT = "GLOBE-R-BV-Result"
HTTPS = "https://localhost:9443"


def found(data: bytes, action: str = REQUEST, *, allow_sha1: bool = False) -> set[tuple[str, str]]:
    """Return (severity, code) of what is found on the way of an action."""
    resolution = CPA.parse(data).resolve(action, now=MOMENT, allow_sha1=allow_sha1)
    return {(finding.severity, finding.code) for finding in resolution.findings}


def assert_route_agrees(data: bytes, action: str = REQUEST) -> None:
    """Hold `route` against `resolve`: it raises the errors, all of them and nothing else."""
    cpa = CPA.parse(data)
    resolution = cpa.resolve(action, now=MOMENT)
    if resolution.errors:
        with pytest.raises(ConfigurationError) as caught:
            cpa.route(action, now=MOMENT)
        assert caught.value.findings == resolution.errors
    else:
        assert cpa.route(action, now=MOMENT) == resolution.route


class TestSound:
    """The CPAs of the simulator are what Digikoppeling asks for."""

    @pytest.mark.parametrize("profile", PROFILES[:4])
    def test_nothing_found(self, profile: Profile) -> None:
        """a.1: nothing to say about a sound CPA."""
        assert CPA.parse(cpa_bytes(profile)).findings(MOMENT) == ()

    @pytest.mark.parametrize("profile", SYNC_PROFILES[:2])
    def test_nothing_found_synchronous(self, profile: Profile) -> None:
        """a.2, SyncReply: mshSignalsOnly is allowed for reliable messages."""
        assert CPA.parse(cpa_bytes(profile, sync=True)).findings(MOMENT) == ()

    @pytest.mark.parametrize("profile", PROFILES[4:])
    def test_encrypted(self, profile: Profile) -> None:
        """An encrypted profile is refused by name: never sent in clear."""
        assert found(cpa_bytes(profile)) == {("error", "cpa.encrypted")}
        with pytest.raises(ConfigurationError, match=f"got {profile} "):
            CPA.parse(cpa_bytes(profile)).route(REQUEST, now=MOMENT)


CASES: list[tuple[str, Profile, tuple[tuple[str, str], ...], tuple[str, str]]] = [
    ("h-19: proposed", "osb-rm", (('"agreed"', '"proposed"'),), ("error", "cpa.status")),
    ("h-19: signed", "osb-rm", (('"agreed"', '"signed"'),), ("warning", "cpa.status-signed")),
    ("h-20: blank CPAId", "osb-rm", ((' tns:cpaid="', ' tns:cpaid=" " x="'),), ("error", "cpa.blank")),
    ("a.2: blank role", "osb-rm", (('Role tns:name="SR"', 'Role tns:name=" "'),), ("error", "cpa.blank")),
    ("§4: plain http", "osb-rm", ((HTTPS, "http://localhost:9443"),), ("error", "cpa.endpoint-https")),
    ("§4: mail", "osb-rm", ((HTTPS, "mailto:x@y"),), ("error", "cpa.endpoint-https")),
    (
        "§4: our own http",
        "osb-rm",
        (("https://localhost:8443", "http://localhost:8443"),),
        ("error", "cpa.endpoint-https"),
    ),
    ("§4: no host", "osb-rm", ((HTTPS, "https://"),), ("error", "cpa.endpoint-https")),
    ("§4: port", "osb-rm", ((HTTPS, "https://localhost:port"),), ("error", "cpa.endpoint-https")),
    ("§4: empty URL", "osb-rm", ((f"{HTTPS}/digikoppeling/ebms", ""),), ("error", "cpa.endpoint-missing")),
    ("g.4: wrong names", "osb-rm", (("tns:Endpoint ", "tns:Endpunkt "),), ("error", "cpa.endpoint-missing")),
    ("g.5: no sender", "osb-rm", (("TransportSender>", "TransportSended>"),), ("warning", "cpa.transport-sender")),
    ("g.5: no binding", "osb-rm", (("ebXMLSenderBinding", "ebXMLOther"),), ("error", "cpa.binding-missing")),
    ("g.5: no binding", "osb-be", (("ebXMLReceiverBinding", "ebXMLOther"),), ("error", "cpa.binding-missing")),
    *(
        (f"a.2: {mode}", "osb-rm", (('syncReplyMode="none"', f'syncReplyMode="{mode}"'),), ("error", "cpa.sync-mode"))
        for mode in ("signalsOnly", "responseOnly", "signalsAndResponse")
    ),
    (
        "h-56: be never",
        "osb-be",
        (('syncReplyMode="none"', 'syncReplyMode="mshSignalsOnly"'),),
        ("error", "cpa.sync-mode"),
    ),
    (
        "h-17: default channel",
        "osb-rm",
        (('syncReplyMode="none" tns:ackRequested="never"', 'syncReplyMode="mshSignalsOnly" tns:ackRequested="never"'),),
        ("warning", "cpa.default-sync"),
    ),
    ("h-22: perMessage", "osb-rm", (('="always"', '="perMessage"'),), ("warning", "cpa.per-message")),
    ("h-28: no actor", "osb-rm", (("tns:actor=", "tns:player="),), ("warning", "cpa.actor-missing")),
    ("§5.8: nextMSH", "osb-rm", (("actor:toPartyMSH", "actor:nextMSH"),), ("error", "cpa.actor")),
    (
        "§5.5.3: duplicates",
        "osb-rm",
        (('duplicateElimination="always"', 'duplicateElimination="never"'),),
        ("warning", "cpa.duplicates"),
    ),
    (
        "§5.5.3: duplicates of best effort",
        "osb-be",
        (('duplicateElimination="never"', 'duplicateElimination="always"'),),
        ("warning", "cpa.duplicates"),
    ),
    (
        "h-10: signed ack for an unsigned message",
        "osb-rm",
        (
            (
                'ackRequested="always" tns:ackSignatureRequested="never"',
                'ackRequested="always" tns:ackSignatureRequested="always"',
            ),
        ),
        ("error", "cpa.ack-signed-only"),
    ),
    (
        "§5.5.2: unsigned ack",
        "osb-rm-s",
        (('ackSignatureRequested="always"', 'ackSignatureRequested="never"'),),
        ("warning", "cpa.ack-unsigned"),
    ),
    ("§5.5.4: no retries", "osb-rm", (("tns:Retries", "tns:Tries"),), ("error", "cpa.retries")),
    ("§5.5.4: -1", "osb-rm", (("<tns:Retries>8", "<tns:Retries>-1"),), ("error", "cpa.retries")),
    ("§5.5.4: many", "osb-rm", (("<tns:Retries>8", f"<tns:Retries>{'9' * 30}"),), ("error", "cpa.retries")),
    ("§5.5.4: many years", "osb-rm", (("<tns:Retries>8", "<tns:Retries>99999"),), ("error", "cpa.retries")),
    ("B21: months", "osb-rm", ((">PT3H<", ">P1M<"),), ("error", "cpa.retries")),
    ("B21: no interval", "osb-rm", ((">PT3H<", ">PT0S<"),), ("error", "cpa.retries")),
    ("no RM at all", "osb-rm", (("ReliableMessaging>", "Messaging>"),), ("error", "cpa.retries")),
    ("h-12: PersistDuration", "osb-rm", ((">P2D<", ">P1D<"),), ("warning", "cpa.persist")),
    ("h-12: equal", "osb-rm", ((">P2D<", ">PT27H<"),), ("warning", "cpa.persist")),
    ("no PersistDuration", "osb-rm", (("PersistDuration>", "Duration>"),), ("warning", "cpa.persist-missing")),
    ("PersistDuration of a month", "osb-rm", ((">P2D<", ">P1M<"),), ("warning", "cpa.persist-missing")),
    ("h-29: order", "osb-rm", ((">NotGuaranteed<", ">Guaranteed<"),), ("warning", "cpa.order")),
    ("h-18: default channel", "osb-rm-s", (), ("warning", "cpa.default-security")),
    ("a.1: half signed", "osb-rm-s", (("NonRepudiation>", "NoRepudiation>"),), ("warning", "cpa.signing-incomplete")),
    (
        "a.1: half encrypted",
        "osb-rm-e",
        (("ReceiverDigitalEnvelope>", "Envelope>"),),
        ("error", "cpa.envelope-missing"),
    ),
    ("SIGN003: md5", "osb-rm-s", (("xmlenc#sha256", "xmldsig-more#md5"),), ("error", "cpa.algorithm")),
    ("SIGN001: hmac", "osb-rm-s", (("#rsa-sha256", "#hmac-sha256"),), ("error", "cpa.algorithm")),
    (
        "SIGN001: name",
        "osb-rm-s",
        ((' tns:w3c="', ' tns:w3="'), ("rsa-sha256</tns:", "RSA-SHA256</tns:")),
        ("error", "cpa.algorithm"),
    ),
    ("no KeyInfo", "osb-rm-s", (("ds:KeyInfo>", "ds:KeyValue>"),), ("error", "cpa.certificate")),
    ("no base64", "osb-rm-s", (("<ds:X509Certificate>", "<ds:X509Certificate>%"),), ("error", "cpa.certificate")),
    ("no DER", "osb-rm-s", (("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),), ("error", "cpa.certificate")),
    (
        "two channels",
        "osb-rm",
        (("<tns:ChannelId>A_Messages</tns:ChannelId>", "<tns:ChannelId>A_Messages</tns:ChannelId>" * 2),),
        ("warning", "cpa.channels"),
    ),
    (
        "§2.4: answer within",
        "osb-rm",
        (
            (
                "</tns:OtherPartyActionBinding></tns:CanSend>",
                "</tns:OtherPartyActionBinding><tns:CanReceive/></tns:CanSend>",
            ),
        ),
        ("warning", "cpa.nested"),
    ),
    ("nobody receives", "osb-rm", (("tns:CanReceive>", "tns:CanHear>"),), ("error", "cpa.other-party")),
    (
        "§6: action differs",
        "osb-rm",
        (('B_Receives_Request" tns:action="GLOBE-R-BV-Request"', 'B_Receives_Request" tns:action="Other"'),),
        ("error", "cpa.other-action"),
    ),
]


def default_channel_unsigned(data: bytes) -> bytes:
    """Return the CPA with signatures taken out of the two channels for signals."""
    text = data.decode()
    for side in "AB":
        start = text.index(f'<tns:DocExchange tns:docExchangeId="{side}_Signals_Exchange">')
        end = text.index("</tns:DocExchange>", start)
        text = text[:start] + text[start:end].replace("NonRepudiation>", "NoRepudiation>") + text[end:]
    return text.encode()


def of_receiver(data: bytes, old: str, new: str) -> bytes:
    """Return the CPA with a text replaced in the second party only."""
    first, party, second = data.decode().rpartition("<tns:PartyInfo")
    assert old in second
    return f"{first}{party}{second.replace(old, new)}".encode()


class TestEach:
    """Design section 7: every schema-valid CPA loads, and what forbids sending is a finding."""

    @pytest.mark.parametrize(("case", "profile", "changes", "expected"), CASES, ids=[case[0] for case in CASES])
    def test_found(
        self,
        case: str,  # noqa: ARG002 - the name of the row
        profile: Profile,
        changes: tuple[tuple[str, str], ...],
        expected: tuple[str, str],
    ) -> None:
        """Each fault under its own code; an error stops the route, a warning does not."""
        data = swap(cpa_bytes(profile), *changes)
        if expected[1] == "cpa.default-security":
            data = default_channel_unsigned(data)
        assert expected in found(data)
        assert_route_agrees(data)

    @pytest.mark.parametrize(
        ("days", "expected"),
        [
            (-2, {"cpa.not-yet", "certificate.not-yet-valid"}),
            (731, {"cpa.expired"}),
            (1096, {"cpa.expired", "certificate.expired"}),
        ],
    )
    def test_dates(self, days: int, expected: set[str]) -> None:
        """g.1, h-19, B24: CPA and certificate are held against the present moment, each by itself."""
        errors = CPA.parse(cpa_bytes("osb-rm-s")).resolve(REQUEST, now=MOMENT + timedelta(days=days)).errors
        assert {finding.code for finding in errors} == expected

    def test_tls_certificate(self) -> None:
        """DK-CERT section 7: TLS certificates in a CPA inform; an expired one is a warning."""
        past = make_material(MOMENT, keys=material_keys(), end=MOMENT - timedelta(hours=1))
        assert found(past.cpa("osb-rm")) == {("warning", "certificate.expired")}
        assert found(past.cpa("osb-be-s")) >= {("warning", "certificate.expired"), ("error", "certificate.expired")}

    @pytest.mark.parametrize("field", ["start", "end"])
    def test_start_after_end(self, field: str) -> None:
        """g.5: Start lies before End."""
        moment = MOMENT + timedelta(days=-3 if field == "end" else 800)
        terms = Terms(start=moment) if field == "start" else Terms(end=moment)
        assert ("error", "cpa.dates") in found(cpa_bytes("osb-rm", terms=terms))

    def test_sha1(self) -> None:
        """d.5: SHA-1 is refused, unless it is put up with by name; another algorithm is never taken instead (B25)."""
        data = cpa_bytes("osb-rm-s", terms=Terms(hash_name="sha1"))
        assert found(data) == {("error", "cpa.sha1")}
        assert found(data, allow_sha1=True) == {("warning", "cpa.sha1")}
        signing = CPA.parse(data).route(REQUEST, now=MOMENT, allow_sha1=True).signing
        assert signing is not None
        assert signing.signature_algorithm == "http://www.w3.org/2000/09/xmldsig#rsa-sha1"

    def test_only_what_the_route_needs(self) -> None:
        """The way back does not stop the way out."""
        broken = of_receiver(cpa_bytes("osb-rm-s", terms=Terms(ack_signature="never")), "#rsa-sha256", "#md5")
        assert ("error", "cpa.algorithm") not in found(broken)
        assert ("error", "cpa.algorithm") in found(broken, RESULT)

    def test_signed_acknowledgments(self) -> None:
        """d.6: when a signed acknowledgment is asked for, how the other side signs it is judged too."""
        assert ("error", "cpa.algorithm") in found(of_receiver(cpa_bytes("osb-rm-s"), "#rsa-sha256", "#md5"))
        assert ("error", "cpa.ack-signing") in found(default_channel_unsigned(cpa_bytes("osb-rm-s")))

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("<tns:Retries>8", "<tns:Retries>5", "cpa.retries-differ"),
            (">P2D<", ">P3D<", "cpa.retries-differ"),
            ('duplicateElimination="always"', 'duplicateElimination="never"', "cpa.channels-differ"),
            ('isNonRepudiationRequired="false"', 'isNonRepudiationRequired="true"', "cpa.sides-differ"),
        ],
    )
    def test_sides_differ(self, old: str, new: str, code: str) -> None:
        """h-21: what the two parties hold of the same message is compared, and the sender's values count."""
        data = of_receiver(cpa_bytes("osb-rm"), old, new)
        assert ("warning", code) in found(data)
        route, sound = (CPA.parse(one).route(REQUEST, now=MOMENT) for one in (data, cpa_bytes("osb-rm")))
        assert route.retry is not None
        assert sound.retry is not None
        assert (route.retry.retries, route.duplicate_elimination) == (sound.retry.retries, sound.duplicate_elimination)

    def test_action_twice(self) -> None:
        """Of two CanSends that nobody can tell apart the first is taken, with a warning."""
        text = cpa_bytes("osb-rm").decode()
        start, end = text.index("<tns:CanSend>"), text.index("</tns:CanSend>") + len("</tns:CanSend>")
        once = text[start:end]
        data = text.replace(once, once + once.replace("A_Sends_Request", "A_Sends_Again"), 1).encode()
        assert ("warning", "cpa.action-twice") in found(data)

    def test_oin_of_a_gateway(self) -> None:
        """EB005: a certificate with another OIN than the PartyId may be a gateway's, so it is a warning."""
        data = swap(cpa_bytes("osb-be-s"), (">00000099000000001000<", ">00000099000000003000<"))
        assert found(data) == {("warning", "certificate.oin-other")}

    def test_test_suffix(self) -> None:
        """EB004: outside production an OIN may have a suffix."""
        data = swap(cpa_bytes("osb-rm-s"), (">00000099000000001000<", ">00000099000000001000_OTA<"))
        assert found(data) == set()

    def test_in_two_languages(self) -> None:
        """Design section 7: every finding speaks English and Dutch, with its limit filled in."""
        for case in CASES:
            data = swap(cpa_bytes(case[1]), *case[2])
            for finding in CPA.parse(data).findings(MOMENT):
                for sentence in (finding.as_dict("nl") | finding.as_dict("en")).values():
                    assert sentence
                    assert "None" not in sentence
                    assert "{" not in sentence


IDREFS = [
    ("A_Messages</tns:ChannelId>", "channel"),
    ('tns:docExchangeId="A_Messages_Exchange">\n<tns:MessagingCharacteristics', "exchange"),
    ('tns:transportId="A_Transport" tns:docExchangeId="A_Messages', "transport"),
    ('defaultMshChannelId="B_Signals"', "default channel"),
    ("<tns:OtherPartyActionBinding>B_Receives_Request", "other party"),
    ('<tns:SigningCertificateRef tns:certId="A_Certificate"', "certificate"),
]
_ID = re.compile(r"[AB]_\w+")


def pointing_at(place: str, target: str) -> tuple[str, str]:
    """Return the change that makes the first id in a piece of a CPA name something else."""
    name = _ID.search(place)
    assert name
    return place, place.replace(name[0], target, 1)


class TestReferences:
    """g.5: IDREFs resolve to the right element, of the right party, and to one only."""

    @pytest.mark.parametrize("place", [place for place, _ in IDREFS], ids=[name for _, name in IDREFS])
    @pytest.mark.parametrize(
        ("target", "code"),
        [("Nothing", "cpa.reference"), ("A_Security", "cpa.reference-kind"), ("MessagePackage", "cpa.reference-kind")],
    )
    def test_wrong(self, place: str, target: str, code: str) -> None:
        """A reference on the way of an action is an error that names what refers and to what."""
        data = swap(cpa_bytes("osb-rm-s"), pointing_at(place, target))
        errors = CPA.parse(data).resolve(REQUEST, now=MOMENT).errors
        assert (code, target) in {(finding.code, finding.measure.partition(",")[0]) for finding in errors}
        assert_route_agrees(data)

    @pytest.mark.parametrize(
        ("place", "target"),
        [
            ("<tns:ChannelId>A_Messages", "B_Messages"),
            ('tns:transportId="A_Transport" tns:docExchangeId="A_Messages', "B_Transport"),
            ("<tns:OtherPartyActionBinding>B_Receives_Request", "A_Receives_Result"),
        ],
    )
    def test_other_party(self, place: str, target: str) -> None:
        """A part of the other party is no part of this one."""
        assert ("error", "cpa.reference-kind") in found(swap(cpa_bytes("osb-rm-s"), pointing_at(place, target)))

    @pytest.mark.parametrize(
        ("element", "attribute"),
        [
            ("DeliveryChannel", "channelId"),
            ("Transport", "transportId"),
            ("DocExchange", "docExchangeId"),
            ("Certificate", "certId"),
        ],
    )
    def test_doubled(self, element: str, attribute: str) -> None:
        """Two parts under one id: which is meant cannot be known."""
        root = etree.fromstring(cpa_bytes("osb-rm-s"))
        part = next(root.iter(f"{{{CPPA}}}{element}"))
        part.addnext(copy.deepcopy(part))
        data = etree.tostring(root)
        assert ("error", "cpa.id-twice") in found(data)
        assert str(part.get(f"{{{CPPA}}}{attribute}")) in str(CPA.parse(data).resolve(REQUEST, now=MOMENT).errors)

    @pytest.mark.parametrize(
        ("place", "target"),
        [
            ('<tns:AnchorCertificateRef tns:certId="A_Anchor"', "Nothing"),
            ('<tns:SigningSecurityDetailsRef tns:securityId="A_Security"', "A_Anchor"),
        ],
    )
    def test_beside_the_way(self, place: str, target: str) -> None:
        """What no action goes by is a warning of the whole CPA, and stops nothing."""
        cpa = CPA.parse(swap(cpa_bytes("osb-rm-s"), pointing_at(place, target)))
        assert cpa.resolve(REQUEST, now=MOMENT).findings == ()
        (finding,) = cpa.findings(MOMENT)
        assert (finding.severity, finding.code[:13]) == ("warning", "cpa.reference")


class TestSpoilt:
    """Whatever is wrong with a CPA ends in a FormatError or in findings, and never in another exception."""

    @pytest.mark.parametrize("change", CHANGES)
    def test_every_element(self, change: Change) -> None:
        """Each element taken out, doubled, emptied, without attributes, full of nonsense, of another name."""
        for data in spoilt(cpa_bytes("osb-rm-s"), change):
            self.look(data)

    def test_every_id(self) -> None:
        """Each reference to each kind of part."""
        data = cpa_bytes("osb-rm-e").decode()
        for place in sorted(set(re.findall(r"[>\"](?:[AB]_\w+|\w+Package)[<\"]", data))):
            for target in ("A_Messages", "B_Transport", "A_Certificate", "MessagePackage", "Nothing", ""):
                self.look(data.replace(place, f"{place[0]}{target}{place[-1]}", 1).encode())

    @staticmethod
    def look(data: bytes) -> None:
        """Ask everything that can be asked of a CPA."""
        try:
            cpa = CPA.parse(data)
        except FormatError:
            return
        cpa.findings(MOMENT)
        explain(cpa, MOMENT).as_dict()
        for action in (REQUEST, RESULT):
            assert_route_agrees(data, action)
        for party_id in (party_id for party in cpa.parties for party_id in party.party_ids):
            with contextlib.suppress(ConfigurationError):
                cpa.signals(sender=party_id)
