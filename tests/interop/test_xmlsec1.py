"""xmlsec1, an outside judge with a real XPath engine: what we sign holds there, and what tests call foreign is so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import messages
from tests.keys import MOMENT, Holder
from tests.messages import CONTENTS, WAYS, Foreign, HashName, Wire, own, partner, signed, user_message, written

from mobb_client.ebms import agreement
from mobb_client.ebms.message import UserMessage
from mobb_client.errors import SignatureError

pytestmark = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")

Judge = Callable[..., bool]


@pytest.fixture
def holds(tmp_path: Path) -> Judge:
    """Ask xmlsec1 whether the signature of a message holds with a certificate, and with nothing else."""

    def judge(wire: Wire, signer: Holder, *, without: int = 0) -> bool:
        envelope, certificate = tmp_path / "envelope.xml", tmp_path / "certificate.pem"
        envelope.write_bytes(wire.envelope)
        certificate.write_bytes(signer.pem)
        maps = []
        for number, part in enumerate(wire.parts[without:], start=1 + without):
            file = tmp_path / f"part-{number}"
            file.write_bytes(part.octets)
            maps.append(f"--url-map:cid:bericht-{number}@own.example={file}")
        command = ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--pubkey-cert-pem", str(certificate)]
        maps = [word for one in maps for word in one.split("=", 1)]
        done = subprocess.run([*command, *maps, str(envelope)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or done.stderr
        return done.returncode == 0

    return judge


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
@pytest.mark.parametrize("count", [0, 1, 2, 29])
def test_our_signature_holds(holds: Judge, count: int, sync: bool, hash_name: HashName) -> None:
    """d.1 to d.5: whatever the number of payloads, also with eb:SyncReply, with each digest that is allowed."""
    contents = [f"payload {number}".encode() for number in range(count)]
    wire = written(user_message(count, sync=sync), contents, hash_name)

    assert holds(wire, own())
    assert not holds(wire, partner())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b"\x00",
        b"\n<a/>\n",
        b"\r<a/>\r",
        b"\r\n<a/>\r\n",
        b"\x00<a/>\x00",
        b"\xef\xbb\xbf<a/>",
    ],
    ids=repr,
)
def test_payload_is_signed_octet_by_octet(holds: Judge, octets: bytes) -> None:
    """d.4: a payload is digested as it is, XML or not."""
    wire = written(user_message(1), [octets])

    assert wire.parts[0].octets == octets
    assert holds(wire, own())


@pytest.mark.parametrize("changed", [b"", CONTENTS[0].strip(), CONTENTS[0] + b" ", CONTENTS[0].replace(b"Zo", b"zo")])
def test_changed_payload_fails(holds: Judge, changed: bytes) -> None:
    """d.4: one octet more, less or other."""
    wire = signed()
    first, *rest = wire.parts
    spoiled = Wire(envelope=wire.envelope, parts=(messages.WirePart(first.head, changed), *rest))

    assert holds(wire, own())
    assert not holds(spoiled, own())


def test_missing_payload_is_an_error(holds: Judge) -> None:
    """d.4: a reference without its part cannot be verified."""
    assert not holds(signed(), own(), without=1)


def test_changed_header_fails(holds: Judge) -> None:
    """d.3: the whole envelope is covered, but for eb:SyncReply."""
    wire = signed(sync=True)

    assert not holds(wire.edited("<eb:Action>aanleveren", "<eb:Action>Aanleveren"), own())
    assert holds(wire.edited("<eb:SyncReply ", '<eb:SyncReply eb:id="another" '), own())


@pytest.mark.parametrize("sync", [False, True], ids=["none", "mshSignalsOnly"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_foreign_signature_is_judged_alike(holds: Judge, way: Foreign, sync: bool) -> None:
    """B28, B29: every way of signing that others have (h-1 to h-3); xmlsec1 says that it is done well."""
    wire = way.message(partner(), sync=sync)

    assert holds(wire, partner())
    wire.verify(sync=sync, signer=partner(), hash_name=way.hash_name)


NOTHING = {
    "false()": b"",
    "not(parent::node())": b"",
    "self::soap:Envelope": b"<soap:Envelope></soap:Envelope>",
}


@pytest.mark.parametrize(("xpath", "left"), NOTHING.items(), ids=NOTHING)
def test_hollow_signature_holds_and_is_refused(holds: Judge, xpath: str, left: bytes) -> None:
    """B30: an XPath may leave nothing of the envelope; the signature is valid, so only a policy sees it."""
    wire = Foreign(xpath=xpath, covered=left).message(partner())
    wire = wire.edited("3b0f7c52-9f1e-4f59-8a52-0b7f7d5c2a10", "another conversation")

    assert holds(wire, partner())
    with pytest.raises(SignatureError) as refused:
        wire.verify(signer=partner())
    assert refused.value.code == "signature.transform"


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("way", [Foreign(), Foreign(c14n=messages.EXC_C14N, soap="SOAP-ENV", backwards=True)])
def test_our_signed_acknowledgment_holds(holds: Judge, way: Foreign, hash_name: HashName) -> None:
    """d.6: our acknowledgment, with the references of a foreign message copied, prefix and method and all."""
    received = way.message(partner()).verify(signer=partner())
    assert isinstance(received.message, UserMessage)
    assert received.signature is not None
    ack = agreement.acknowledge(
        received.message, received.signature.references, message_id="ack-1@own.example", timestamp=MOMENT
    )

    assert holds(written(ack, (), hash_name), own())
