"""signxml, the second judge: it verifies what we sign, and we verify what it signs (`digikoppeling-ebms2` d.8)."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence

import pytest
from lxml import etree
from lxml.builder import ElementMaker
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.exceptions import InvalidSignature
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier
from tests import messages
from tests.keys import MOMENT, Holder
from tests.messages import (
    CONTENTS,
    DIGESTS,
    DS,
    NS,
    WAYS,
    Foreign,
    HashName,
    Wire,
    content_ids,
    foreign_envelope,
    own,
    part,
    partner,
    signed,
    user_message,
    written,
)

from mobb_client.errors import SignatureError

_DS = ElementMaker(namespace=DS, nsmap={"ds": DS})


def holds(wire: Wire, signer: Holder, hash_name: HashName = "sha256") -> bool:
    """Ask signxml in the way of d.8: next-actor elements out first, this certificate only, at the message's time."""
    root = etree.fromstring(wire.envelope)
    for element in root.xpath("//*[@soap:actor=$next]", namespaces=NS, next=messages.NEXT):
        messages.cut(element)
    octets = {f"cid:{name}": one.octets for name, one in zip(content_ids(len(wire.parts)), wire.parts, strict=True)}
    verifier = XMLVerifier()
    verifier.excise_empty_xmlns_declarations = True
    try:
        verifier.verify(
            root,
            x509_cert=signer.x509,
            uri_resolver=octets.__getitem__,
            expect_config=SignatureConfiguration(
                location=f"./{{{NS['soap']}}}Header/",
                expect_references=1 + len(octets),
                signature_methods=frozenset({SignatureMethod[f"RSA_{hash_name.upper()}"]}),
                digest_algorithms=frozenset({DigestAlgorithm[hash_name.upper()]}),
                verification_time=MOMENT,
            ),
        )
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
@pytest.mark.parametrize("count", [0, 1, 29])
def test_our_signature_holds(count: int, sync: bool, hash_name: HashName) -> None:
    """d.2 to d.5: with each digest, with and without eb:SyncReply."""
    wire = written(user_message(count, sync=sync), [b"<a/>"] * count, hash_name)

    assert holds(wire, own(), hash_name)


def test_partner_and_own_certificate_are_not_confused() -> None:
    """B35: each side's message holds with that side's certificate only, and both are asked for by name."""
    ours, theirs = signed(), Foreign().message(partner())

    assert holds(ours, own())
    assert not holds(ours, partner())
    ours.verify(signer=own())
    theirs.verify(signer=partner())
    for wire, wrong in ((ours, partner()), (theirs, own())):
        with pytest.raises(SignatureError) as refused:
            wire.verify(signer=wrong)
        assert refused.value.code == "signature.certificate"


def test_changed_message_fails() -> None:
    """d.7 step 5: here and there."""
    wire = signed(sync=True).edited("aanleveren", "afleveren")

    assert not holds(wire, own())
    with pytest.raises(SignatureError):
        wire.verify(sync=True)


@pytest.mark.parametrize("name", sorted({*WAYS} - {"xml:lang", "exclusive with prefixes"}))
def test_foreign_ways_are_judged_alike(name: str) -> None:
    """h-1 to h-3: but for xml:lang above SignedInfo (d.8), and prefix lists, unknown to its schema."""
    way = WAYS[name]

    assert holds(way.message(partner()), partner(), way.hash_name)
    way.message(partner()).verify(signer=partner(), hash_name=way.hash_name)


def annotator(root: etree._Element, parts: Mapping[str, bytes]) -> Callable[..., None]:
    """Return the hook that gives signxml's signature the references of ebMS 2.0."""

    def reference(uri: str, octets: bytes, *transforms: etree._Element) -> etree._Element:
        digest = base64.b64encode(hashlib.sha256(octets).digest()).decode()
        return _DS.Reference(
            *([_DS.Transforms(*transforms)] if transforms else []),
            _DS.DigestMethod(Algorithm=DIGESTS["sha256"]),
            _DS.DigestValue(digest),
            URI=uri,
        )

    def annotate(signature: etree._Element, *, signing_settings: object) -> None:
        del signing_settings
        whole = copy.deepcopy(root)
        found: Sequence[etree._Element] = [*whole.iter(f"{{{DS}}}Signature")]
        for element in (*found, *whole.iter(f"{{{NS['eb']}}}SyncReply")):
            messages.cut(element)
        info = signature.find("ds:SignedInfo", NS)
        old = signature.find("ds:SignedInfo/ds:Reference", NS)
        assert info is not None
        assert old is not None
        info.replace(
            old,
            reference(
                "",
                etree.tostring(whole, method="c14n"),
                _DS.Transform(Algorithm=messages.ENVELOPED),
                _DS.Transform(_DS.XPath(messages.NOT_NEXT), Algorithm=messages.XPATH),
                _DS.Transform(Algorithm=messages.C14N),
            ),
        )
        info.extend(reference(f"cid:{name}", octets) for name, octets in parts.items())

    return annotate


@pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
def test_message_signed_by_signxml_is_accepted(sync: bool) -> None:
    """d.8: through its documented hook, with eb:SyncReply outside the digest as ebMS 2.0 wants."""
    layout = foreign_envelope(sync=sync).format(first="", last=f'<ds:Signature xmlns:ds="{DS}" Id="placeholder"/>')
    root = etree.fromstring(layout)
    parts = dict(zip(content_ids(2), CONTENTS, strict=True))
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm="rsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm=messages.C14N,
    )
    signer.signature_annotators.append(annotator(root, parts))
    done = signer.sign(root, key=partner().key, cert=[partner().x509])
    wire = Wire(envelope=etree.tostring(done), parts=tuple(part(name, octets) for name, octets in parts.items()))

    assert holds(wire, partner())
    wire.verify(sync=sync, signer=partner())
