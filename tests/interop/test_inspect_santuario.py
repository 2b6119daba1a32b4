"""What `inspect` says of messages of Apache Santuario: accepted, through the library and through the command line.

Their certificates begin after their Timestamps: that is reported, and does not set the exit code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest
from click.testing import CliRunner
from tests.reference import REFERENCE, needs_reference

from mobb_client.cli.app import mobb
from mobb_client.inspection import Inspection, inspect
from mobb_client.pki import Certificate

pytestmark = needs_reference

FOLDER: Final = REFERENCE / "messages" / "santuario"
SIGNED: Final = ("signed-sha256", "signed-sha512", "signed-sha256-syncreply")
ENCRYPTED: Final = ("encrypted-aes256cbc-rsa15", "encrypted-aes256gcm-oaep")
ACKS: Final = ("ack-signed-sha256.xml", "ack-unsigned.xml")
PAYLOADS: Final = ("cid:bericht-1@sender.example.test", "cid:bijlage-1@sender.example.test")
CONTENT_TYPE: Final = (
    'Content-Type: multipart/related; boundary="{}"; type="text/xml"; '
    'start="<5f1c9a3e-7b0d-4d8e-9a51-2f4f0b7c1d11@sender.example.test>"; start-info="text/xml"'
)


def captured(stem: str, before: str) -> bytes:
    """Return a message with what stands before it: nothing, MIME headers, or a request line and headers."""
    octets = (FOLDER / f"{stem}.body.mime").read_bytes()
    boundary = octets[2 : octets.index(b"\r\n")].decode()
    headers = {
        "bare": "",
        "headers": CONTENT_TYPE.format(boundary) + "\r\n\r\n",
        "request": 'POST /ebms HTTP/1.1\r\nHost: receiver.example.test\r\nSOAPAction: "ebXML"\r\n'
        f"{CONTENT_TYPE.format(boundary)}\r\nContent-Length: {len(octets)}\r\n\r\n",
    }
    return headers[before].encode() + octets


def certificate(name: str | None) -> Certificate | None:
    """Return one of the two certificates, or none."""
    return Certificate.from_path(FOLDER / "keys" / f"{name}.pem") if name else None


def verdicts(found: Inspection) -> tuple[str, str, str]:
    """Return the three verdicts."""
    assert found.signature is not None
    return found.signature.holds, found.signature.signer_is_given, found.signature.certificate_was_valid


def digests(found: Inspection) -> Mapping[str, str]:
    """Return what is said of each reference."""
    assert found.signature is not None
    return {part.uri: part.holds for part in found.signature.references}


@pytest.mark.parametrize("before", ["bare", "headers", "request"])
@pytest.mark.parametrize("stem", SIGNED)
@pytest.mark.parametrize(("signer", "is_given"), [(None, "not checked"), ("sender", "yes"), ("receiver", "no")])
def test_signed(stem: str, before: str, signer: str | None, is_given: str) -> None:
    """d.2 to d.5: three verdicts apart; only the first two count."""
    found = inspect(captured(stem, before), certificate=certificate(signer))

    assert found.kind == "user message"
    assert verdicts(found) == ("yes", is_given, "no")
    assert digests(found) == dict.fromkeys(("", *PAYLOADS), "yes")
    assert [part.content for part in found.parts] == ["XML", "octets"]
    assert found.ok is (is_given != "no")


@pytest.mark.parametrize("stem", SIGNED)
@pytest.mark.parametrize(("signer", "is_given"), [(None, "not checked"), ("sender", "yes"), ("receiver", "no")])
def test_signed_envelope_alone(stem: str, signer: str | None, is_given: str) -> None:
    """A bare envelope: its payloads are not here, so their digests are not checked."""
    found = inspect((FOLDER / f"{stem}.soap.xml").read_bytes(), certificate=certificate(signer))

    assert verdicts(found) == ("yes", is_given, "no")
    assert digests(found) == {"": "yes", **dict.fromkeys(PAYLOADS, "not checked")}
    assert found.notes[0] == "a bare envelope: its payloads are not here, so their digests are not checked"
    assert found.ok is (is_given != "no")


@pytest.mark.parametrize("before", ["bare", "headers"])
@pytest.mark.parametrize("stem", ENCRYPTED)
@pytest.mark.parametrize("signer", [None, "sender"])
def test_encrypted(stem: str, before: str, signer: str | None) -> None:
    """e.1: signed first, encrypted then: the digests are over clear text, and nobody without the key can check them."""
    found = inspect(captured(stem, before), certificate=certificate(signer))

    assert [(part.content, part.encrypted) for part in found.parts] == [("EncryptedData", True)] * 2
    assert digests(found) == {"": "yes", **dict.fromkeys(PAYLOADS, "not checked")}
    assert verdicts(found) == ("yes", "yes" if signer else "not checked", "no")
    assert any(note.startswith("encrypted: ") for note in found.notes)
    assert found.ok


@pytest.mark.parametrize("stem", ENCRYPTED)
def test_encrypted_and_spoiled(stem: str) -> None:
    """An encrypted message is not excused from the rest: its envelope is checked as any other."""
    found = inspect(captured(stem, "bare").replace(b"<eb:Role>SR", b"<eb:Role>SX"))

    assert [problem.code for problem in found.problems] == ["signature.digest"]
    assert digests(found)[""] == "no"


@pytest.mark.parametrize("name", ACKS)
@pytest.mark.parametrize("signer", [None, "receiver"])
def test_acknowledgment(name: str, signer: str | None) -> None:
    """d.6: a signed acknowledgment, whose references are not its own, and an unsigned one."""
    found = inspect((FOLDER / name).read_bytes(), certificate=certificate(signer))

    assert (found.kind, found.problems, found.ok) == ("Acknowledgment", (), True)
    if "unsigned" in name:
        assert found.signature is None
    else:
        assert digests(found) == {"": "yes"}
        assert verdicts(found) == ("yes", "yes" if signer else "not checked", "no")


def test_acknowledgment_of_another() -> None:
    """B35: the receiver acknowledges, so the sender's certificate is the wrong one."""
    found = inspect((FOLDER / "ack-signed-sha256.xml").read_bytes(), certificate=certificate("sender"))

    assert verdicts(found) == ("yes", "no", "no")
    assert [problem.code for problem in found.problems] == ["signature.certificate"]


COMMANDS: Final = [
    *((f"{stem}{end}", "sender.pem", 0) for stem in SIGNED for end in (".body.mime", ".soap.xml")),
    *((f"{stem}.body.mime", "sender.pem", 0) for stem in ENCRYPTED),
    *((name, "receiver.pem", 0) for name in ACKS),
    ("signed-sha256.body.mime", "receiver.pem", 1),
    ("ack-signed-sha256.xml", "sender.pem", 1),
]


@pytest.mark.parametrize(("name", "signer", "code"), COMMANDS)
def test_command(name: str, signer: str, code: int) -> None:
    """Design 6: the same through the command line, in words and in JSON, with and without the certificate."""
    with_certificate = ["inspect", str(FOLDER / name), "--cert", str(FOLDER / "keys" / signer)]
    for words in (with_certificate, with_certificate[:2]):
        told, as_json = CliRunner().invoke(mobb, words), CliRunner().invoke(mobb, [*words, "--json"])
        expected = code if words is with_certificate else 0
        assert (told.exit_code, as_json.exit_code) == (expected, expected)
        document = json.loads(as_json.stdout)
        assert (document["schema"], document["ok"]) == ("mobb.inspect/1", expected == 0)
        assert "\x1b" not in told.output
        assert ("signature holds" in told.output) is (name != "ack-unsigned.xml")
