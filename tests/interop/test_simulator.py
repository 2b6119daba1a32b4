"""Outside judges of the simulator: xmlsec1 on what it signs, the official schemas on what it sends and refuses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import etree
from tests.reference import SHARED, needs_reference
from tests.schema_documents import ENVELOPE, REQUEST, RESULT, official
from tests.simulated import CLEAR, Endpoint, Posted, acknowledge, codes, letter, make_box, message, pdf
from tests.simulated_cases import DOCUMENT, Case

from mobb_client.berichtenbox.bijlage import Bijlage
from mobb_client.ebms import packet
from mobb_client.simulator import TEST_BSNS, Berichtenbox
from mobb_client.simulator._body import Part
from mobb_client.simulator._document import read as read_document
from mobb_client.simulator.material import HashName, Profile, Terms
from mobb_client.simulator.outcomes import UNKNOWN_CODE

needs_xmlsec1 = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")

Sent = tuple[bytes, dict[str, bytes]]
"""Envelope and payloads."""


def taken_apart(content_type: str, body: bytes) -> Sent:
    """Return a message as the library takes it apart, the envelope octet for octet."""
    end = b"</soap:Envelope>"
    envelope = body[body.index(b"<soap:Env") : body.index(end) + len(end)]
    return envelope, {str(part.content_id): part.octets for part in packet.read(content_type, body).parts}


def sent_by(box: Berichtenbox, *bsns: str) -> list[Sent]:
    """Return all that a box sends about letters to these BSNs, in a response or by itself."""
    endpoint = Endpoint(box, acknowledge)
    response = message(box, *(letter(bsn, kenmerk=f"k{at}") for at, bsn in enumerate(bsns or ["999993653"]))).to(box)
    box.run_until_idle()
    came = [
        taken_apart(one["Content-Type"], octets) for one, octets in zip(endpoint.headers, endpoint.octets, strict=True)
    ]
    return [*came, (response.body, {})] if response.body else came


def holds(folder: Path, box: Berichtenbox, envelope: bytes, payloads: dict[str, bytes]) -> bool:
    """Ask xmlsec1 whether a signature holds with the certificate of a box."""
    (folder / "envelope.xml").write_bytes(envelope)
    (folder / "certificate.pem").write_bytes(box.material.receiver.certificate_pem)
    maps: list[str] = []
    for number, (name, octets) in enumerate(payloads.items()):
        (folder / str(number)).write_bytes(octets)
        maps += [f"--url-map:cid:{name}", str(folder / str(number))]
    words = ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--pubkey-cert-pem", str(folder / "certificate.pem")]
    return (
        subprocess.run([*words, *maps, str(folder / "envelope.xml")], capture_output=True, check=False).returncode == 0
    )


@needs_xmlsec1
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize(("profile", "sync"), [("osb-be-s", False), ("osb-rm-s", False), ("osb-rm-s", True)])
def test_signatures(tmp_path: Path, profile: Profile, sync: bool, hash_name: HashName) -> None:
    """d.2 to d.6: what the box signs holds for a judge with a real XPath engine; what is changed does not."""
    box = make_box(profile, sync=sync, terms=Terms(hash_name=hash_name))
    sent = sent_by(box)
    assert len(sent) == (1 if profile == "osb-be-s" else 2)
    for envelope, payloads in sent:
        assert holds(tmp_path, box, envelope, payloads)
        assert not holds(tmp_path, box, envelope.replace(b"<eb:ConversationId>", b"<eb:ConversationId> "), payloads)
        for name, octets in payloads.items():
            assert not holds(tmp_path, box, envelope, payloads | {name: octets + b"\n"})


@needs_xmlsec1
def test_spoilt_signatures(tmp_path: Path) -> None:
    """What is spoilt on demand is wrong for others too."""
    for how in ("value", "key"):
        box = make_box("osb-rm-s")
        box.spoil_next("result", how)  # type: ignore[arg-type] - one of the two
        acknowledgment, result = sent_by(box)
        assert holds(tmp_path, box, *acknowledgment)
        assert not holds(tmp_path, box, *result)


@needs_reference
@pytest.mark.parametrize(("profile", "sync"), CLEAR)
def test_envelopes(profile: Profile, sync: bool) -> None:
    """c.2: every envelope that a box sends is valid by the schema of OASIS: signals, errors, questions and results."""
    box = make_box(profile, sync=sync)
    box.answers_status = True
    endpoint = Endpoint(box)
    box.refuse_next("DeliveryFailure", severity="Warning", location="cid:x", description="A & <b>")
    response = message(box).to(box)
    box.ping(endpoint_cpa_id(box))
    box.process()
    box.ask_status(next(iter(box._sent)))
    box.process()
    envelopes = [
        taken_apart(one["Content-Type"], body)[0] for one, body in zip(endpoint.headers, endpoint.octets, strict=True)
    ]
    for envelope in [*envelopes, *filter(None, [response.body])]:
        official(ENVELOPE).assertValid(etree.fromstring(envelope))
    assert len(envelopes) >= 3


def endpoint_cpa_id(box: Berichtenbox) -> str:
    """Return the CPAId of a box's own CPA."""
    return etree.fromstring(box.cpa_bytes).xpath("string(/*/@*[local-name()='cpaid'])")


@needs_reference
@pytest.mark.parametrize("bsn", [bsn for bsn, one in TEST_BSNS.items() if one.results and not one.gzipped])
def test_results(bsn: str) -> None:
    """b.3: every result is valid by the official schema, but for the code that nobody knows."""
    box = make_box()
    documents = [octets for _, payloads in sent_by(box, bsn, "999993653") for octets in payloads.values()]
    assert documents
    for octets in documents:
        known = UNKNOWN_CODE not in octets.decode()
        assert official(RESULT).validate(etree.fromstring(octets)) is known


@needs_reference
@pytest.mark.parametrize("case", DOCUMENT, ids=lambda case: f"{case.code}: {case.name}")
def test_verdict_on_requests(case: Case) -> None:
    """b.2: the box finds a document invalid exactly when the official schema does: its rules are its own."""
    posted = case.change(message(make_box(), letter(**case.berichten)))
    begin, end = posted.body.index(b"<?xml"), posted.body.rindex(b"\r\n--")
    octets = posted.body[begin:end]
    verdict = read_document(Part(octets, 0, len(octets))).valid
    assert verdict is official_verdict(octets)
    assert verdict is (case.code != "document.schema")


def official_verdict(octets: bytes) -> bool:
    """Return whether a document is well-formed, without DOCTYPE, and valid by the official schema."""
    try:
        root = etree.fromstring(octets)
    except etree.XMLSyntaxError:
        return False
    return not root.getroottree().docinfo.doctype and official(REQUEST).validate(root)


@needs_reference
@pytest.mark.parametrize("name", ["bv-request-2-berichten.xml", "bv-request-2-bijlagen.xml"])
def test_examples_of_the_digest(name: str) -> None:
    """i: foreign documents are read: blanks between the elements, attachments, dates."""
    octets = (SHARED / "spec" / "examples" / name).read_bytes()
    document = read_document(Part(octets, 0, len(octets)))
    assert (document.valid, document.faults) == (True, [])
    assert len(document.letters) == document.count == octets.count(b"<ber:Bericht>")
    assert [len(one.bijlagen) for one in document.letters] in ([1, 0], [2])


def test_large_signed_message() -> None:
    """A signed message of four megabytes is judged by signxml as far as that goes, and by a stream for the rest."""
    box = make_box("osb-rm-s", sync=True)
    berichten = [letter(kenmerk=f"k{number}", bijlagen=[Bijlage(pdf(499_999), "a.pdf")]) for number in range(6)]
    posted: Posted = message(box, *berichten)
    assert posted.to(box).status == 200
    assert (len(box.letters), codes(box)) == (6, [])
