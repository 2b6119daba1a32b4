"""XML Signature: made as the CPA says, read in every way that others sign, trusted only after the whole policy."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final

import pytest
from lxml import etree
from tests import messages
from tests.keys import DAY, MOMENT, OWN_OIN, PARTNER_OIN, Holder, authority, ec_key, holder
from tests.messages import (
    C14N,
    DIGESTS,
    DS,
    ENVELOPED,
    METHODS,
    NOT_NEXT,
    NS,
    WAYS,
    XPATH,
    Foreign,
    HashName,
    Wire,
    content_ids,
    own,
    partner,
    signed,
    signing,
    user_message,
    written,
)

from mobb_client.ebms import agreement, canonical, envelope, packet, signature
from mobb_client.ebms.cpa import Signing
from mobb_client.ebms.message import Acknowledgment, DigestReference, Transform, UserMessage
from mobb_client.ebms.mime import Part
from mobb_client.errors import ConfigurationError, FormatError, SignatureError

BOTH: Final = pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])


def claimed(received: packet.Received) -> signature.Signature:
    """Return the signature of a message that has one."""
    assert received.signature is not None
    return received.signature


def refused(call: Callable[[], object]) -> SignatureError:
    """Return the refusal."""
    with pytest.raises(SignatureError) as found:
        call()
    return found.value


class TestMaking:
    """What a signature of ours looks like."""

    def test_shape(self) -> None:
        """d.1 to d.5: last in the Header, no attributes, the transforms of ebMS 2.0, bare references to payloads."""
        root = etree.fromstring(signed(sync=True).envelope)
        found = root.find("soap:Header/ds:Signature", NS)
        assert found is not None
        assert found.getnext() is None
        assert not found.attrib
        info = found[0]

        assert [etree.QName(part).localname for part in found] == ["SignedInfo", "SignatureValue", "KeyInfo"]
        assert [part.get("Algorithm") or part.get("URI") for part in info] == [
            C14N,
            METHODS["sha256"],
            "",
            "cid:bericht-1@own.example",
            "cid:bericht-2@own.example",
        ]
        assert [part.get("Algorithm") for part in info[2][0]] == [ENVELOPED, XPATH, C14N]
        assert info[2][0][1][0].text == NOT_NEXT
        assert [etree.QName(part).localname for part in info[3]] == ["DigestMethod", "DigestValue"]
        assert root.nsmap == {"soap": messages.SOAP, "eb": messages.EB, "xlink": messages.XLINK, "ds": DS}

    def test_key_info_is_the_leaf(self) -> None:
        """d.5, h-4: one X509Certificate, on one line, without the chain that the identity has."""
        (shown,) = etree.fromstring(signed().envelope).iter(f"{{{DS}}}X509Certificate")

        assert own().certificate.chain
        assert base64.b64decode(shown.text or "") == own().certificate.der
        assert (shown.text or "").split() == [shown.text]

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    @pytest.mark.parametrize("digest", DIGESTS.values(), ids=DIGESTS)
    def test_algorithms_come_from_the_cpa(self, digest: str, method: str) -> None:
        """B25: the CPA's HashFunction in every reference, also those to payloads, and its SignatureAlgorithm."""
        asked = Signing(hash_function=digest, signature_algorithm=method)
        root = envelope.build(user_message(2))
        given = signature.sign(
            root,
            {"cid:bericht-1@own.example": b"1" * 32, "cid:bericht-2@own.example": b"2" * 32},
            own().identity,
            asked,
        )

        assert {one.get("Algorithm") for one in root.iter(f"{{{DS}}}DigestMethod")} == {digest}
        assert {one.get("Algorithm") for one in root.iter(f"{{{DS}}}SignatureMethod")} == {method}
        assert {one.digest_method for one in given} == {digest}
        found = signature.find(root)
        assert found is not None
        assert found.references == given
        assert signature.value_holds(found, own().certificate)

    @pytest.mark.parametrize(
        ("digest", "method"),
        [
            ("http://www.w3.org/2000/09/xmldsig#sha1", METHODS["sha256"]),
            (DIGESTS["sha256"], "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
            ("urn:unknown", METHODS["sha256"]),
            (DIGESTS["sha256"], "urn:unknown"),
            ("", METHODS["sha256"]),
            (DIGESTS["sha256"], ""),
        ],
    )
    def test_algorithm_that_is_not_allowed(self, digest: str, method: str) -> None:
        """d.5: nothing is signed by SHA-1, whatever the CPA says, and nothing else is taken instead."""
        asked = Signing(hash_function=digest, signature_algorithm=method)

        with pytest.raises(ConfigurationError) as found:
            signature.sign(envelope.build(user_message(0)), {}, own().identity, asked)
        assert [one.code for one in found.value.findings] == ["cpa.algorithm"]

    def test_room_is_final(self) -> None:
        """Making leaves room for what comes later, to the octet."""
        root = envelope.build(user_message(2))
        uris = ["cid:bericht-1@own.example", "cid:bericht-2@own.example"]
        unsigned = signature.Unsigned(root, uris, own().identity, signing())
        before = len(etree.tostring(root))
        unsigned.sign([b"\xff" * 32, b"\x00" * 32])

        assert len(etree.tostring(root)) == before

    @pytest.mark.parametrize("digests", [[], [b"1"] * 1, [b"1"] * 3])
    def test_one_digest_for_each_payload(self, digests: list[bytes]) -> None:
        """A digest too few would leave a payload uncovered."""
        uris = ["cid:bericht-1@own.example", "cid:bericht-2@own.example"]
        unsigned = signature.Unsigned(envelope.build(user_message(2)), uris, own().identity, signing())

        with pytest.raises(ValueError, match="zip"):
            unsigned.sign(digests)

    def test_same_message_same_octets(self) -> None:
        """RSA PKCS #1 v1.5 has no randomness, so a message that is made again is the same message."""
        assert signed().envelope == signed().envelope


class TestForeign:
    """Every way of signing that others have."""

    @BOTH
    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    def test_way_of_signing(self, way: Foreign, sync: bool) -> None:
        """B28, B29: CR in base64, exclusive C14N, no XPath, Signature first, References reversed, no KeyInfo."""
        received = way.message(partner(), sync=sync).verify(sync=sync, signer=partner(), hash_name=way.hash_name)

        assert isinstance(received.message, UserMessage)
        assert received.message.header.sender.party_ids[0].value == PARTNER_OIN
        assert (received.message.sync_reply is not None) is sync

    def test_carriage_returns_stand_in_signed_info(self) -> None:
        """B28: the text is canonicalised as it is and decoded leniently."""
        wire = Foreign(hash_name="sha512", crlf=True).message(partner())

        assert wire.envelope.count(b"&#13;\n") > len(wire.parts)
        digests = [one.digest for one in claimed(wire.read()).references]
        assert {len(digest) for digest in digests} == {64}

    @pytest.mark.parametrize("soap", ["soap", "SOAP", "SOAP-ENV", "s11", "eb2"])
    @pytest.mark.parametrize("xpath", [NOT_NEXT, None])
    def test_sync_reply_outside_the_digest(self, soap: str, xpath: str | None) -> None:
        """B29: whatever the prefix is; and inside it when no XPath says otherwise, as in one message of NAV."""
        wire = Foreign(soap=soap, xpath=xpath).message(partner(), sync=True)
        without = wire.rebuilt(lambda root: messages.cut(next(root.iter(f"{{{messages.EB}}}SyncReply"))))

        wire.verify(sync=True, signer=partner())
        if xpath:
            without.verify(sync=True, signer=partner())
        else:
            assert refused(lambda: without.verify(sync=True, signer=partner())).code == "signature.digest"

    def test_covered_sync_reply_needs_no_synchronous_cpa_here(self) -> None:
        """d.7: the signature covers it, so the partner said it; whether the CPA wants it is `agreement`'s question."""
        Foreign(xpath=None).message(partner(), sync=True).verify(sync=False, signer=partner())

    @pytest.mark.parametrize("other", ["dsig", "", "ds"])
    def test_xpath_prefix_of_its_own(self, other: str) -> None:
        """B29: the XPath may use another prefix than the document, declared where it stands."""
        wire = Foreign(prefix=other).message(partner(), sync=True)
        p = f"{other}:" if other else ""
        text = NOT_NEXT.replace("@soap:", "@S:")
        own_prefix = f'<{p}XPath xmlns:S="{messages.SOAP}">{text}</{p}XPath>'
        transforms = (
            f'<{p}Transforms><{p}Transform Algorithm="{ENVELOPED}"/><{p}Transform Algorithm="{XPATH}">{own_prefix}'
            f'</{p}Transform><{p}Transform Algorithm="{C14N}"/></{p}Transforms>'
        )
        wire = Foreign(prefix=other, transforms=transforms).message(partner(), sync=True)

        wire.verify(sync=True, signer=partner())

    @pytest.mark.parametrize("order", [1, -1])
    def test_chain_in_key_info(self, order: int) -> None:
        """d.7 step 5: the signer's certificate is the one at the bottom of the chain, wherever it stands."""
        signer = holder(PARTNER_OIN, above=authority("tsp", above=authority("domain")))
        wire = Foreign(key_info="chain").message(signer)

        def turn(root: etree._Element) -> None:
            data = next(root.iter(f"{{{DS}}}X509Data"))
            data[:] = list(data)[::order]

        turned = wire.rebuilt(turn)
        assert turned.envelope.count(b"<ds:X509Certificate>") == 3
        assert claimed(turned.verify(signer=signer)).certificate == signer.certificate
        assert refused(lambda: turned.verify(signer=partner())).code == "signature.certificate"

    def test_same_certificate_twice_in_key_info(self) -> None:
        """One certificate, said twice, is one certificate."""
        wire = signed()
        (shown,) = re.findall(rb"<ds:X509Certificate>.*?</ds:X509Certificate>", wire.envelope)

        wire.edited(shown, shown + shown).verify()

    @pytest.mark.parametrize("written_as", ["bericht-1%40own.example", "%62ericht-1@own.example"])
    def test_escaped_content_id(self, written_as: str) -> None:
        """h-43: when no part has the id as it stands, it is %-decoded."""
        way = Foreign()
        layout = messages.foreign_envelope(payloads=1).replace("bericht-1@own.example", written_as)
        part = messages.part("bericht-1@own.example")
        wire = Wire(envelope=way.sign(layout, {written_as: part.octets}, partner()), parts=(part,))

        wire.verify(signer=partner())

    @pytest.mark.parametrize("count", [29, 30, 98])
    def test_many_payloads(self, count: int) -> None:
        """B34: 29 payloads (30 references) is the most that a Santuario receiver takes; we have no such limit."""
        contents = [b"%d" % number for number in range(count)]

        assert len(claimed(Foreign().message(partner(), contents).verify(signer=partner())).references) == count + 1
        written(user_message(count), contents).verify()


ALGORITHMS: Final = [
    ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "RSA with SHA-1"),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "RSA with MD5"),
    ("http://www.w3.org/2007/05/xmldsig-more#rsa-pss", "RSA-PSS"),
    ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "RSA-PSS"),
    ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", "HMAC"),
    ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "HMAC"),
    ("http://www.w3.org/2000/09/xmldsig#dsa-sha1", "DSA"),
    ("http://www.w3.org/2009/xmldsig11#dsa-sha256", "DSA"),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "ECDSA"),
    ("urn:999993653", "an unknown algorithm"),
]


class TestAlgorithms:
    """What a partner may sign with."""

    @pytest.mark.parametrize("agreed", [True, False], ids=["with CPA", "without"])
    @pytest.mark.parametrize(("uri", "name"), ALGORITHMS)
    def test_signature_method(self, uri: str, name: str, agreed: bool) -> None:
        """B34: refused by name, so that a partner knows what to change; what is unknown is not quoted."""
        wire = Foreign(method=uri).message(partner())
        asked = replace(signing(), signature_algorithm=uri) if agreed else None
        error = refused(lambda: policy(wire, asked))

        assert error.code == "signature.algorithm"
        assert error.sentence == f"SignatureMethod is {name}, which Digikoppeling does not allow"
        assert (error.ebms_code, error.location) == (
            "SecurityFailure",
            "//Header/Signature/SignedInfo/SignatureMethod/@Algorithm",
        )

    @pytest.mark.parametrize("agreed", [True, False], ids=["with CPA", "without"])
    @pytest.mark.parametrize(
        ("uri", "name"),
        [
            ("http://www.w3.org/2000/09/xmldsig#sha1", "SHA-1"),
            ("http://www.w3.org/2001/04/xmldsig-more#md5", "MD5"),
            ("http://www.w3.org/2001/04/xmlenc#sha384", "an unknown algorithm"),
            ("http://www.w3.org/2007/05/xmldsig-more#sha3-256", "an unknown algorithm"),
        ],
    )
    def test_digest_method(self, uri: str, name: str, agreed: bool) -> None:
        """B34: likewise; SHA-384 lives in another namespace than its neighbours."""
        wire = Foreign(digest_method=uri).message(partner())
        asked = replace(signing(), hash_function=uri) if agreed else None
        error = refused(lambda: policy(wire, asked))

        assert error.code == "signature.digest-method"
        assert error.sentence == f"DigestMethod of a reference is {name}, which Digikoppeling does not allow"

    def test_digest_method_of_one_payload(self) -> None:
        """B25: SHA-1 on one payload only is found as well."""
        wire = signed()
        at = wire.envelope.rindex(DIGESTS["sha256"].encode())
        old = wire.envelope[at:]
        wire = replace(
            wire, envelope=wire.envelope[:at] + old.replace(b"2001/04/xmlenc#sha256", b"2000/09/xmldsig#sha1")
        )

        assert refused(wire.verify).code == "signature.digest-method"

    @pytest.mark.parametrize("agreed", ["sha384", "sha512"])
    def test_not_as_agreed(self, agreed: HashName) -> None:
        """B25: allowed, and not what the CPA says."""
        error = refused(lambda: signed().verify(hash_name=agreed))
        digest = refused(lambda: policy(signed(), replace(signing(), hash_function=DIGESTS[agreed])))

        assert (error.code, digest.code) == ("signature.algorithm", "signature.digest-method")
        assert error.sentence == f"SignatureMethod is RSA with SHA-256, and the CPA says RSA with SHA-{agreed[3:]}"
        assert digest.sentence == f"DigestMethod of a reference is SHA-256, and the CPA says SHA-{agreed[3:]}"

    def test_without_a_cpa(self) -> None:
        """d.7 step 3: what Digikoppeling allows is accepted when no CPA is at hand."""
        for name in DIGESTS:
            policy(written(hash_name=name), None)

    def test_unknown_algorithms_are_not_computed(self) -> None:
        """Whoever asks for the arithmetic alone gets no for an answer, and no crash."""
        received = signed().read()
        found = claimed(received)
        sha1 = replace(found.references[0], digest_method="http://www.w3.org/2000/09/xmldsig#sha1")

        assert signature.digest_holds(received.root, found.references[0], ()) is True
        assert signature.digest_holds(received.root, sha1, ()) is None
        assert not signature.value_holds(replace(found, algorithm="urn:unknown"), own().certificate)
        assert not signature.value_holds(replace(found, canonicalization=Transform("urn:unknown")), own().certificate)
        assert not signature.value_holds(found, holder(OWN_OIN, key=ec_key()).certificate)
        assert signature.value_holds(found, own().certificate)

    def test_what_is_taken_out_whole_leaves_nothing(self) -> None:
        """B30: an envelope that is for the next actor itself has no octets, so no digest covers it."""
        root = etree.fromstring(
            f'<soap:Envelope xmlns:soap="{messages.SOAP}" soap:actor="{messages.NEXT}"><a/></soap:Envelope>'
        )

        assert canonical.envelope_octets(root, canonical.ENVELOPE_TRANSFORMS) == b""
        assert canonical.envelope_octets(root, [Transform(ENVELOPED)]) != b""

    def test_no_canonical_form(self) -> None:
        """d.8: a relative namespace name; asked alone, the arithmetic says so as well."""
        wire = signed()
        received = packet.read(wire.content_type, wire.body)
        etree.SubElement(received.root[1], "{relative}x")
        (first, *_) = claimed(received).references

        assert refused(lambda: signature.digest_holds(received.root, first, ())).code == "signature.canonicalization"


def policy(wire: Wire, asked: Signing | None, *, parts: bool = True, sync: bool | None = None) -> None:
    """Ask the policy alone."""
    received = wire.read()
    ids = [part.content_id for part in received.parts] if parts else None
    signature.check_policy(received.root, claimed(received), ids, asked, synchronous=sync)


class TestPolicy:
    """What is asked before any arithmetic. Its attacks are in `tests/faults/test_attacks.py`."""

    def test_parts_not_at_hand(self) -> None:
        """A bare envelope is judged without its parts, all the same against its Manifest."""
        wire = Wire(envelope=signed().envelope)

        policy(wire, signing(), parts=False)
        assert refused(lambda: policy(wire, signing())).code == "signature.part-missing"
        edited = wire.edited('xlink:href="cid:bericht-2@own.example"', 'xlink:href="cid:bericht-3@own.example"')
        assert refused(lambda: policy(edited, signing(), parts=False)).code == "signature.manifest"

    def test_parts_not_at_hand_cannot_be_verified(self) -> None:
        """And what is not at hand is never called verified."""
        received = Wire(envelope=signed().envelope).read()
        error = refused(lambda: signature.verify(received.root, claimed(received), (), own().certificate))

        assert error.code == "signature.digest"
        assert "part cid:bericht-1@own.example cannot be judged" in error.sentence

    def test_part_without_name_never_matches(self) -> None:
        """A reference to nothing does not find the part that has no name."""
        received = signed().read()
        nameless = Part(octets=b"")
        missing = DigestReference("cid:nothing", DIGESTS["sha256"], b"")

        assert signature.digest_holds(received.root, missing, [nameless]) is None

    @pytest.mark.parametrize(
        "href", ["bericht-1@own.example", "http://own.example/bericht-1@own.example", "CID:bericht-1@own.example"]
    )
    def test_manifest_elsewhere(self, href: str) -> None:
        """a.2: only cid: references, also in the Manifest of a careless sender."""
        layout = messages.foreign_envelope(payloads=1).replace("cid:bericht-1@own.example", href)
        part = messages.part("bericht-1@own.example")
        envelope_octets = Foreign().sign(layout, {"bericht-1@own.example": part.octets}, partner())

        error = refused(lambda: Wire(envelope=envelope_octets, parts=(part,)).verify(signer=partner()))
        assert error.code == "signature.manifest"

    def test_missing_part_is_named(self) -> None:
        """c.4: MimeProblem, at the reference."""
        wire = signed()
        error = refused(replace(wire, parts=wire.parts[:1]).verify)

        assert (error.ebms_code, error.location) == ("MimeProblem", "cid:bericht-2@own.example")

    @pytest.mark.parametrize("sync", [True, None])
    def test_sync_reply_is_let_through(self, sync: bool | None) -> None:
        """d.7 step 4: under a synchronous CPA, and when no CPA is at hand to say."""
        policy(signed(sync=True), signing(), sync=sync)

    def test_c14n_11_with_xml_lang(self) -> None:
        """d.7 step 4: C14N 1.1 is read as 1.0 where the two agree."""
        Foreign(c14n=messages.C14N_11, more=' xml:lang="nl"').message(partner()).verify(signer=partner())
        wire = Foreign(c14n=messages.C14N_11, more=' xml:id="x"').message(partner())
        assert refused(lambda: wire.verify(signer=partner())).code == "signature.canonicalization"

    @pytest.mark.parametrize("more", [' xml:id="x"', ' xml:base="x"'])
    def test_c14n_10_with_xml_id(self, more: str) -> None:
        """d.8: inclusive C14N 1.0 inherits every xml: attribute."""
        Foreign(more=more).message(partner()).verify(signer=partner())

    @pytest.mark.parametrize(
        "double", ["soap:Header", "soap:Body", "soap:Header/eb:MessageHeader", "soap:Body/eb:Manifest"]
    )
    def test_block_twice(self, double: str) -> None:
        """d.7 step 2: also for who asks the policy about an envelope that could not be read."""
        root = etree.fromstring(signed().envelope)
        found = root.find(double, NS)
        assert found is not None
        copied = etree.fromstring(etree.tostring(found))
        etree.strip_elements(copied, f"{{{DS}}}Signature")
        found.addnext(copied)
        one = signature.find(root)
        assert one is not None
        error = refused(lambda: signature.check_policy(root, one, content_ids(2), signing(), synchronous=False))

        assert error.code == "signature.block-twice"

    @pytest.mark.parametrize(
        ("text", "prefix", "kind"),
        [
            (NOT_NEXT, "soap", "xpath"),
            (NOT_NEXT, "S", None),
            (NOT_NEXT, None, None),
            (NOT_NEXT.replace("@soap:", "@S:"), "S", "xpath"),
            (NOT_NEXT.replace("@soap:", "@S:", 1), "S", None),
            (NOT_NEXT.replace("|", "\n\t|\r "), "soap", "xpath"),
            (NOT_NEXT.replace("::", " :: ").replace("@", "@ ").replace("()", "( )"), "soap", "xpath"),
            (NOT_NEXT.replace("soap:actor", "soap :actor"), "soap", None),
            (NOT_NEXT.replace("ancestor-or-self", "ancestor -or-self"), "soap", None),
            (NOT_NEXT.replace('"', "'"), "soap", "xpath"),
            (NOT_NEXT.replace('"', "'", 1), "soap", None),
            (NOT_NEXT + ")", "soap", None),
            (None, "soap", None),
        ],
    )
    def test_the_one_xpath(self, text: str | None, prefix: str | None, kind: str | None) -> None:
        """B29, h-3: blanks between its words, either quote, any prefix for SOAP, and nothing else."""
        assert canonical.kind(Transform(XPATH, xpath=text, soap_prefix=prefix)) == kind


ANY_YEAR: Final = timedelta(days=365)
LONG_AGO: Final = datetime(2001, 6, 1, 12, tzinfo=UTC)


class TestCertificate:
    """Whose signature it is, and when."""

    @BOTH
    def test_unsigned_where_the_cpa_asks_for_a_signature(self, sync: bool) -> None:
        """B27: a message without signature is refused, not read as unsigned."""
        wire = written(user_message(sync=sync), hash_name=None)

        assert wire.read().signature is None
        assert refused(lambda: wire.verify(sync=sync)).code == "signature.missing"

    @pytest.mark.parametrize(
        ("key_info", "code"), [("certificate", "certificate"), ("value", "certificate"), ("", "value")]
    )
    def test_certificate_is_not_the_one_of_the_cpa(self, key_info: str, code: str) -> None:
        """B27: whoever else signs, with or without showing who."""
        wire = Foreign(key_info=key_info).message(partner())  # type: ignore[arg-type] # one of its words

        assert refused(wire.verify).code == f"signature.{code}"

    def test_renewed_certificate_on_the_same_key(self) -> None:
        """B27, d.5: a renewed certificate needs a renewed CPA, also when its key stayed the same."""
        renewed = holder(PARTNER_OIN, key=partner().key, end=MOMENT + 400 * DAY)
        wire = Foreign().message(renewed)

        assert refused(lambda: wire.verify(signer=partner())).code == "signature.certificate"
        Foreign(key_info="").message(renewed).verify(signer=partner())

    @pytest.mark.parametrize(
        ("begin", "end", "valid"),
        [
            (MOMENT - DAY, MOMENT + DAY, True),
            (MOMENT, MOMENT + DAY, True),
            (MOMENT - DAY, MOMENT, True),
            (MOMENT + timedelta(seconds=1), MOMENT + DAY, False),
            (MOMENT - DAY, MOMENT - timedelta(seconds=1), False),
        ],
    )
    def test_certificate_at_the_message_s_time(self, begin: datetime, end: datetime, valid: bool) -> None:
        """B27: the Timestamp of the message decides, both ends included."""
        signer = holder(OWN_OIN, key=own().key, begin=begin, end=end)
        wire = written(signer=signer)

        if valid:
            wire.verify(signer=signer)
        else:
            assert refused(lambda: wire.verify(signer=signer)).code == "signature.certificate.dates"

    @pytest.mark.parametrize(
        ("begin", "end", "valid"),
        [
            (LONG_AGO - ANY_YEAR, LONG_AGO + ANY_YEAR, True),
            (LONG_AGO + ANY_YEAR, LONG_AGO + 90 * ANY_YEAR, False),
        ],
        ids=["expired since", "valid since"],
    )
    def test_the_present_does_not_count(self, begin: datetime, end: datetime, valid: bool) -> None:
        """B27: expired now and valid then is accepted; valid now and not then is refused."""
        signer = holder(OWN_OIN, key=own().key, begin=begin, end=end)
        message = user_message()
        wire = written(replace(message, header=replace(message.header, timestamp=LONG_AGO)), signer=signer)

        if valid:
            wire.verify(signer=signer)
        else:
            assert refused(lambda: wire.verify(signer=signer)).code == "signature.certificate.dates"

    def test_both_certificates_are_named(self) -> None:
        """B35: the certificate that verifies is an argument, not the message's and not the other side's."""
        received = Foreign().message(partner()).read()

        packet.verify(received, signing("sha256", own()), partner().certificate, synchronous=False)
        with pytest.raises(SignatureError):
            packet.verify(received, signing("sha256", partner()), own().certificate, synchronous=False)


SENT: Final = (
    DigestReference("", DIGESTS["sha256"], b"e" * 32, canonical.ENVELOPE_TRANSFORMS),
    DigestReference("cid:1", DIGESTS["sha256"], b"1" * 32),
    DigestReference("cid:2", DIGESTS["sha256"], b"2" * 32),
)


class TestReceipt:
    """Non-repudiation of receipt: what a signed acknowledgment has to repeat."""

    @pytest.mark.parametrize(
        ("receipt", "code"),
        [
            (SENT, None),
            (SENT[::-1], None),
            ((replace(SENT[0], transforms=()), *SENT[1:]), None),
            ((SENT[0], replace(SENT[1], digest=b"x" * 32), SENT[2]), "receipt.digest"),
            ((SENT[0], replace(SENT[1], digest=SENT[1].digest[:-1]), SENT[2]), "receipt.digest"),
            ((SENT[0], SENT[1], replace(SENT[2], digest_method=DIGESTS["sha512"])), "receipt.digest"),
            ((SENT[0], replace(SENT[1], uri="cid:2"), replace(SENT[2], uri="cid:1")), "receipt.digest"),
            ((SENT[0], SENT[1], replace(SENT[2], uri="cid:3")), "receipt.digest"),
            (SENT[1:], "receipt.count"),
            (SENT[:2], "receipt.count"),
            ((), "receipt.count"),
            ((*SENT, replace(SENT[2], uri="cid:3")), "receipt.count"),
            ((*SENT, SENT[2]), "receipt.count"),
            ((SENT[0], SENT[1], SENT[1]), "receipt.count"),
        ],
        ids=[
            "match",
            "other order",
            "without transforms",
            "one digest differs",
            "one digest is shorter",
            "other DigestMethod",
            "digests exchanged",
            "other URI",
            "envelope missing",
            "payload missing",
            "all missing",
            "one extra",
            "one twice",
            "one twice and one missing",
        ],
    )
    def test_references(self, receipt: Sequence[DigestReference], code: str | None) -> None:
        """B26: an inverted comparison made delivered messages expire elsewhere."""
        if code is None:
            signature.check_receipt(SENT, receipt)
        else:
            assert refused(lambda: signature.check_receipt(SENT, receipt)).code == code

    def test_white_space(self) -> None:
        """B26, h-11: re-indented copies, digests in lines, prefixes of their own."""
        sent = claimed(signed().read()).references
        ack = answer(signed().verify())
        text = ack.envelope.decode()
        text = re.sub(r"<ds:DigestValue>(.{20})", r"<ds:DigestValue>\n  \1&#13;\n  ", text)
        text = re.sub(r"(</?ds:(?:Reference|Transform|Digest))", r"\n    \1", text)
        text = text.replace("ds:", "ns2:").replace("xmlns:ds=", "xmlns:ns2=")
        read = replace(ack, envelope=text.encode()).read().message

        assert isinstance(read, Acknowledgment)
        signature.check_receipt(sent, read.references)

    def test_unsigned_acknowledgment_of_an_unsigned_message(self) -> None:
        """h-10: nothing was signed, so there is nothing to repeat."""
        signature.check_receipt((), ())
        assert refused(lambda: signature.check_receipt((), SENT)).code == "receipt.count"

    @BOTH
    def test_our_message_their_acknowledgment(self, sync: bool) -> None:
        """B26: the whole round: what we sent, read and verified there, acknowledged and signed, checked here."""
        sent = signed(sync=sync)
        ack = answer(sent.verify(sync=sync), partner())
        back = ack.verify(sync=sync, signer=partner())
        other = written(user_message(message_id="other@own.example"))
        assert sent.written is not None
        assert other.written is not None
        assert isinstance(back.message, Acknowledgment)

        assert back.message.ref_to_message_id == messages.MESSAGE_ID
        assert len(back.message.references) == 3
        signature.check_receipt(sent.written.references, back.message.references)
        with pytest.raises(SignatureError) as found:
            signature.check_receipt(other.written.references, back.message.references)
        assert found.value.code == "receipt.digest"

    @BOTH
    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    def test_their_message_our_acknowledgment(self, way: Foreign, sync: bool) -> None:
        """B26: the references of any message are copied, prefix, transforms and lists, and hold in our ack."""
        message = way.message(partner(), sync=sync)
        received = message.verify(sync=sync, signer=partner(), hash_name=way.hash_name)
        ack = answer(received).verify(sync=sync).message
        assert isinstance(ack, Acknowledgment)

        signature.check_receipt(claimed(message.read()).references, ack.references)
        kinds = [[canonical.kind(one) for one in given.transforms] for given in ack.references]
        assert kinds == [[canonical.kind(one) for one in given.transforms] for given in claimed(received).references]

    def test_changed_acknowledgment(self) -> None:
        """d.6 step 1: the acknowledgment's own signature covers the references that it repeats."""
        ack = answer(signed().verify(), partner())
        first = ack.envelope.index(b"<ds:DigestValue>") + len(b"<ds:DigestValue>")
        changed = (
            ack.envelope[:first]
            + (b"A" if ack.envelope[first : first + 1] != b"A" else b"B")
            + ack.envelope[first + 1 :]
        )

        assert refused(lambda: replace(ack, envelope=changed).verify(signer=partner())).code == "signature.digest"


def answer(received: packet.Received, signer: Holder | None = None) -> Wire:
    """Return the signed acknowledgment of a verified message."""
    assert isinstance(received.message, UserMessage)
    ack = agreement.acknowledge(
        received.message, claimed(received).references, message_id=messages.ACK_ID, timestamp=MOMENT
    )
    return written(ack, (), signer=signer)


class TestReading:
    """What a signature claims."""

    def test_no_signature(self) -> None:
        """An unsigned message has none, and that is no error here."""
        assert signature.find(envelope.build(user_message(0))) is None

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("<ds:SignatureValue>", "<ds:SignatureValue>!", "xml.base64"),
            ("<ds:X509Certificate>", "<ds:X509Certificate>AAAA", "signature.certificate.unreadable"),
        ],
    )
    def test_unreadable(self, old: str, new: str, code: str) -> None:
        """h-8: lenient about blanks, not about what is no base64."""
        with pytest.raises(FormatError) as found:
            signed().edited(old, new).read()
        assert found.value.code == code

    def test_library_writes_what_it_reads(self) -> None:
        """Our references as written are our references as read."""
        sink = BytesIO()
        done = packet.write(user_message(0), [], sink, packet.Signer(own().identity, signing()))

        assert claimed(packet.read("text/xml", sink.getvalue())).references == done.references
