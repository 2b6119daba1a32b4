"""Messages signed by Apache Santuario, the library of the adapter that most partners run (B28, B29).

Their certificates begin after their Timestamps, so the last step of verification refuses each one; everything before
that step accepts them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from tests.messages import HashName, signing
from tests.reference import REFERENCE, needs_reference

from mobb_client.ebms import packet, signature
from mobb_client.ebms.message import Acknowledgment, UserMessage
from mobb_client.errors import SignatureError
from mobb_client.pki import Certificate

pytestmark = needs_reference

FOLDER: Final = REFERENCE / "messages" / "santuario"
SENT: Final[list[tuple[str, HashName, bool]]] = [
    ("signed-sha256", "sha256", False),
    ("signed-sha512", "sha512", False),
    ("signed-sha256-syncreply", "sha256", True),
]


def body(stem: str) -> packet.Received:
    """Return a message with its payloads."""
    octets = (FOLDER / f"{stem}.body.mime").read_bytes()
    boundary = octets[2 : octets.index(b"\r\n")].decode()
    return packet.read(f'multipart/related; boundary="{boundary}"; type="text/xml"', octets)


def bare(name: str) -> packet.Received:
    """Return an envelope alone."""
    return packet.read("text/xml", (FOLDER / name).read_bytes())


def certificate(name: str) -> Certificate:
    """Return the certificate that a CPA would name."""
    return Certificate.from_path(FOLDER / "keys" / f"{name}.pem")


def claimed(received: packet.Received) -> signature.Signature:
    """Return its signature."""
    assert received.signature is not None
    return received.signature


@pytest.mark.parametrize(("stem", "hash_name", "sync"), SENT)
def test_signed_message_is_accepted(stem: str, hash_name: HashName, sync: bool) -> None:
    """B28, B29: CR as a character reference in its base64, eb:SyncReply outside the digest."""
    received = body(stem)
    ids = [part.content_id for part in received.parts]

    signature.check_policy(received.root, claimed(received), ids, signing(hash_name), synchronous=sync)
    signature.verify(received.root, claimed(received), received.parts, certificate("sender"))

    assert [part.octets for part in received.parts] == [
        (FOLDER / name).read_bytes() for name in ("bericht.xml", "bijlage.bin")
    ]
    assert (b"&#13;" in (FOLDER / f"{stem}.soap.xml").read_bytes()) is True


@pytest.mark.parametrize(("stem", "hash_name", "sync"), SENT)
def test_certificate_not_yet_valid_is_refused(stem: str, hash_name: HashName, sync: bool) -> None:
    """B27: the message is older than its certificate; which day the test runs on makes no difference."""
    with pytest.raises(SignatureError) as refused:
        packet.verify(body(stem), signing(hash_name), certificate("sender"), synchronous=sync)

    assert refused.value.code == "signature.certificate.dates"


def test_sync_reply_needs_a_synchronous_cpa() -> None:
    """d.7 step 4: the same message under an asynchronous CPA."""
    with pytest.raises(SignatureError) as refused:
        packet.verify(body("signed-sha256-syncreply"), signing(), certificate("sender"), synchronous=False)

    assert refused.value.code == "signature.exempt"


@pytest.mark.parametrize(("stem", "hash_name", "sync"), SENT)
def test_bare_envelope_is_judged_as_far_as_it_goes(stem: str, hash_name: HashName, sync: bool) -> None:
    """d.7: without the parts, references and Manifest are compared and the payloads' digests are left open."""
    received = bare(f"{stem}.soap.xml")
    found = claimed(received)

    signature.check_policy(received.root, found, None, signing(hash_name), synchronous=sync)

    assert [signature.digest_holds(received.root, one, ()) for one in found.references] == [True, None, None]
    assert signature.value_holds(found, certificate("sender"))
    assert not signature.value_holds(found, certificate("receiver"))


def test_signed_acknowledgment_is_accepted() -> None:
    """d.6: signed by the receiver, and its references are those of the message."""
    sent, ack = claimed(body("signed-sha256")), bare("ack-signed-sha256.xml")

    signature.check_policy(ack.root, claimed(ack), [], signing(), synchronous=False)
    signature.verify(ack.root, claimed(ack), [], certificate("receiver"))

    assert isinstance(ack.message, Acknowledgment)
    signature.check_receipt(sent.references, ack.message.references)
    with pytest.raises(SignatureError) as refused:
        signature.check_receipt(claimed(body("signed-sha256-syncreply")).references, ack.message.references)
    assert refused.value.code == "receipt.digest"


def test_unsigned_acknowledgment_has_no_signature() -> None:
    """c.3.3: and the CPA may ask for one."""
    ack = bare("ack-unsigned.xml")

    assert isinstance(ack.message, Acknowledgment)
    assert ack.signature is None
    with pytest.raises(SignatureError) as refused:
        packet.verify(ack, signing(), certificate("receiver"), synchronous=False)
    assert refused.value.code == "signature.missing"


@pytest.mark.parametrize("stem", ["encrypted-aes256cbc-rsa15", "encrypted-aes256gcm-oaep"])
def test_encrypted_message_is_signed_over_the_clear_octets(stem: str) -> None:
    """d.4: its Content-IDs are those of the signature, and the digests hold after decryption only."""
    received = body(stem)
    found = claimed(received)
    clear = [(FOLDER / name).read_bytes() for name in ("bericht.xml", "bijlage.bin")]
    decrypted = [replace(part, octets=octets) for part, octets in zip(received.parts, clear, strict=True)]

    assert isinstance(received.message, UserMessage)
    ids = [part.content_id for part in received.parts]
    signature.check_policy(received.root, found, ids, signing(), synchronous=False)
    with pytest.raises(SignatureError, match="part cid:bericht-1") as refused:
        signature.verify(received.root, found, received.parts, certificate("sender"))
    assert refused.value.code == "signature.digest"
    signature.verify(received.root, found, decrypted, certificate("sender"))
