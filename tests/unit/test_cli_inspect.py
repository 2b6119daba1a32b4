"""`mobb inspect` on the screen and as JSON: short lines, aligned, nothing that a message could smuggle in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from tests.commands import document, run
from tests.letters import BSN, answer, letter, verdict
from tests.material import MOMENT, cpa_bytes, material
from tests.messages import WirePart
from tests.outgoing import OIN, capture, cpa, send, sent

from mobb_client.cli import inspect as command
from mobb_client.ebms import packet
from mobb_client.ebms.message import (
    Acknowledgment,
    EbmsError,
    Message,
    MessageError,
    MessageHeader,
    Party,
    PartyId,
    Ping,
    Service,
    StatusRequest,
    StatusResponse,
)
from mobb_client.simulator.material import Profile

WIDE: Final = 140
Screen = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def shown(tmp_path: Path) -> Screen:
    """Inspect octets under a CPA of the material; return exit code and lines, and see that every line is short."""

    def call(octets: bytes, profile: Profile | None = None, *words: str | Path) -> tuple[int, list[str]]:
        file = tmp_path / "x.mime"
        file.write_bytes(octets)
        agreement = tmp_path / "cpa.xml"
        if profile:
            agreement.write_bytes(cpa_bytes(profile))
        told = run("inspect", file, *(["--cpa", agreement] if profile else []), *words)
        lines = told.stdout.splitlines()
        assert told.stderr == ""
        assert all(len(line) <= WIDE and line == line.rstrip() for line in lines)
        return told.exit_code, lines

    return call


def test_screen(shown: Screen) -> None:
    """The whole of it, for a signed message of three letters."""
    made = sent("osb-rm-s")
    header = made.outgoing.message.header
    code, lines = shown(made.file, "osb-rm-s")

    assert code == 0
    assert lines[:23] == [
        "x.mime: user message",
        f"  MessageId        {header.message_id}",
        f"  ConversationId   {header.conversation_id}",
        f"  CPAId            {header.cpa_id}",
        f"  From             urn:osb:oin:{OIN} as SR",
        "  To               urn:osb:oin:00000099000000002000 as SP",
        "  Service          urn:osb:services:MIJNOVERHEID.ebMS.BB.2.0",
        "  Action           GLOBE-R-BV-Request",
        "  Timestamp        2026-03-02 09:00:00 UTC",
        "  TimeToLive       2026-03-03 12:00:00 UTC",
        "  asks for         a signed acknowledgment, duplicates left out",
        "  as the CPA says  yes",
        "",
        "parts",
        f"  1.{header.message_id}  Berichten  {lines[14].rpartition('  ')[2]}",
        "",
        f"3 letters of batch {made.outgoing.batch.batch_id}, OIN {OIN}",
        *(line for line in lines[17:20]),
        "",
        "signature, RSA with SHA-256",
        "  digest yes  the envelope",
    ]
    assert [line.split("  ")[2:] for line in lines[17:20]] == [
        ["BESCHIK", "BSN *********", "no attachment"],
        ["BESCHIK", "BSN *********", "600 bytes"],
        ["BESCHIK", "BSN *********", "61 bytes + 62 bytes"],
    ]
    assert lines[23:27] == [
        f"  digest yes  cid:1.{header.message_id}",
        "  signature holds          yes",
        "  signer is the one given  yes",
        "  certificate was valid    yes",
    ]
    assert lines[27].startswith("  certificate              serialNumber=")
    assert lines[-3].startswith("  SHA-256  ")
    assert lines[-2:] == ["", "nothing wrong"]


def test_wrong(shown: Screen) -> None:
    """What is wrong comes last, with its code and the ebMS error that would answer it."""
    code, lines = shown(sent("osb-rm-s").file.replace(b"toegekend", b"afgewezen", 1), "osb-rm-s")
    assert code == 1
    assert lines[-5:] == [
        "wrong",
        f"  {lines[-4].split()[0]} changed after signing, its digest differs",
        "    signature.digest, in ebMS SecurityFailure",
        "",
        "not in order: 1 wrong",
    ]


def test_bare_envelope(shown: Screen) -> None:
    """What could not be checked is said where the verdict is."""
    code, lines = shown(sent("osb-rm-s").wire.envelope, "osb-rm-s")
    assert code == 0
    assert "  signature holds          yes, as far as it could be checked: 1 digest not" in lines
    assert "worth knowing" in lines


def test_many_letters(shown: Screen) -> None:
    """Twenty lines at most; --json has them all."""
    (made,) = send(berichten=[letter(kenmerk=str(n)) for n in range(25)])
    _, lines = shown(made.file)
    assert sum("BSN *********" in line for line in lines) == 20
    assert "  and 5 more (--json shows all)" in lines


def with_payload(octets: bytes) -> bytes:
    """Return a message of ours with another payload."""
    wire = sent().wire
    return capture(replace(wire, parts=(WirePart(wire.parts[0].head, octets),)))


def test_results(shown: Screen) -> None:
    """One line an outcome: the letter, the code, what is to be done, the stadium."""
    first, second = "11111111-2222-3333-4444-555555555555", "00000000-0000-0000-0000-000000000000"
    stadium = "<Stadium>AbonnementCheck</Stadium>"
    code, lines = shown(with_payload(answer(verdict(first), verdict(second, "TechnischProbleem", stadium))))
    at = next(n for n, line in enumerate(lines) if line.startswith("2 outcomes of batch "))
    assert lines[at + 1 : at + 3] == [
        f"  {first}  Verwerkt           bezorgd  Stadium NA",
        "  (the whole batch)                     TechnischProbleem  opnieuw  Stadium AbonnementCheck",
    ]
    assert code == 0


def signal(action: str, **more: Any) -> MessageHeader:
    """Return the header of a signal from the partner."""
    return MessageHeader(
        sender=Party((PartyId("00000099000000002000", "urn:osb:oin"),)),
        receiver=Party((PartyId(OIN, "urn:osb:oin"),)),
        cpa_id=cpa().cpa_id,
        conversation_id="c",
        service=Service("urn:oasis:names:tc:ebxml-msg:service"),
        action=action,
        message_id="s@partner.example",
        timestamp=MOMENT,
        **more,
    )


def written(message: Message) -> bytes:
    """Return a signal as it goes over the wire."""
    sink = BytesIO()
    packet.write(message, [], sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (
            Acknowledgment(header=signal("Acknowledgment"), timestamp=MOMENT, ref_to_message_id="m@own"),
            ["acknowledges     m@own", "received         2026-03-02 09:00:00 UTC", "repeats          0 digests"],
        ),
        (
            Acknowledgment(
                header=signal("Acknowledgment", ref_to_message_id="m@own"), timestamp=MOMENT, ref_to_message_id="m@own"
            ),
            ["RefToMessageId   m@own", "received         2026-03-02 09:00:00 UTC"],
        ),
        (
            MessageError(
                header=signal("MessageError"),
                errors=(
                    EbmsError("SecurityFailure", "Error", "//Header/Signature", f"Invalid: {BSN}"),
                    EbmsError("Unknown", "Warning"),
                ),
            ),
            ["Error            SecurityFailure //Header/Signature Invalid: *********", "Warning          Unknown"],
        ),
        (Ping(header=signal("Ping")), ["Action           Ping"]),
        (StatusRequest(header=signal("StatusRequest"), ref_to_message_id="m@own"), ["asks about       m@own"]),
        (
            StatusResponse(header=signal("StatusResponse"), status="Received", ref_to_message_id="m@own"),
            ["status           Received: m@own"],
        ),
    ],
)
def test_signals(message: Message, lines: list[str], shown: Screen) -> None:
    """Each kind of signal says what it is there for; a BSN in the words of another adapter does not come through."""
    code, found = shown(written(message), "osb-rm")
    assert code == 0
    assert found[0] == f"x.mime: {type(message).__name__}"
    for line in lines:
        assert f"  {line}" in found


@pytest.mark.parametrize(
    ("profile", "sync", "wishes"),
    [
        ("osb-be", False, "nothing"),
        ("osb-rm", False, "an acknowledgment, duplicates left out"),
        ("osb-rm-s", True, "a signed acknowledgment, duplicates left out, the answer in the HTTP response"),
    ],
)
def test_wishes(profile: Profile, sync: bool, wishes: str, shown: Screen) -> None:
    """What a message asks for, in words."""
    _, lines = shown(sent(profile, sync=sync).file)
    assert [line.removeprefix("  asks for").strip() for line in lines if line.startswith("  asks for")] == [wishes]


def test_nothing_is_obeyed(shown: Screen) -> None:
    """A Content-ID, a party or a description cannot colour the screen, move the cursor or forge a line."""
    made = sent()
    escape = made.file.replace(b"Content-ID: <1.", b"Content-ID: <\x1b[2J1.")
    code, lines = shown(escape)
    assert code == 1
    assert any("\\x1b[2J" in line for line in lines)
    forged = made.file.replace(b"<eb:Role>SR", "<eb:Role>SR\n\nnothing wrong\u202e\x9b".encode())
    code, lines = shown(forged, "osb-rm")
    assert (code, lines.count("nothing wrong")) == (1, 0)
    assert any("SR\\n\\nnothing wrong\\u202e\\x9b" in line for line in lines)


def test_long_values(tmp_path: Path) -> None:
    """A value that goes on is cut, with its length."""
    file = tmp_path / "x"
    file.write_bytes(sent().file.replace(b"<eb:ConversationId>", b"<eb:ConversationId>" + b"x" * 500))
    assert f"{'x' * 300}... (536 characters)" in run("inspect", file).stdout


def test_json(tmp_path: Path) -> None:
    """Everything that the screen shows, and all of the letters; moments as in XML, octets in hexadecimal."""
    file = tmp_path / "1.mime"
    file.write_bytes(sent("osb-rm-s").file)
    (tmp_path / "cpa.xml").write_bytes(cpa_bytes("osb-rm-s"))
    found = document(run("inspect", file, "--cpa", tmp_path / "cpa.xml", "--json"))

    assert list(found) == [
        "schema",
        "file",
        "ok",
        "kind",
        "agreed",
        "message",
        "parts",
        "batches",
        "results",
        "signature",
        "problems",
        "notes",
    ]
    assert (found["schema"], found["ok"], found["agreed"]) == ("mobb.inspect/1", True, "yes")
    assert found["message"]["header"]["timestamp"] == "2026-03-02T09:00:00Z"
    assert found["signature"]["references"][0] == {"uri": "", "covers": "envelope", "holds": "yes"}
    (batch,) = found["batches"]
    assert [one["bsn"] for one in batch["letters"]] == ["*********"] * 3
    assert BSN not in str(found)


def test_json_of_acknowledgment_and_result(tmp_path: Path) -> None:
    """Digests and verdicts."""
    made = sent("osb-rm-s")
    ack = Acknowledgment(
        header=signal("Acknowledgment"),
        timestamp=MOMENT,
        ref_to_message_id="m@own",
        references=made.written.packet.references,
    )
    (tmp_path / "ack.xml").write_bytes(written(ack))
    found = document(run("inspect", tmp_path / "ack.xml", "--json"))
    assert found["message"]["references"][1]["digest"] == made.written.packet.references[1].digest.hex()

    stadium = f"<Stadium>{BSN}</Stadium>"
    (tmp_path / "result.mime").write_bytes(
        with_payload(answer(verdict("11111111-2222-3333-4444-555555555555", "BerichtBestaatAl", stadium)))
    )
    found = document(run("inspect", tmp_path / "result.mime", "--json"))
    assert found["results"][0]["outcomes"] == [
        {
            "bericht_id": "11111111-2222-3333-4444-555555555555",
            "berichttype": "BESCHIK",
            "code": "BerichtBestaatAl",
            "klasse": "dubbel",
            "stadium": "9 characters",
        }
    ]


def test_json_of_rubbish(tmp_path: Path) -> None:
    """A document in any case, with exit code 1."""
    (tmp_path / "x").write_bytes(b"\x00")
    told = run("inspect", tmp_path / "x", "--json")
    assert (told.exit_code, document(told)["problems"][0]["code"]) == (1, "capture.unknown")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--cpa", "cpa.xml", "--cert", "cert.pem"], "the CPA names its own certificate"),
        (["--cpa", "cert.pem"], "settings.cpa"),
        (["--cpa", "empty"], "settings.cpa"),
        (["--cert", "cpa.xml"], "certificate.damaged"),
        (["--cert", "empty"], "certificate."),
        (["--cert", "nowhere.pem"], "does not exist"),
    ],
)
def test_wrong_configuration(words: list[str], code: str, tmp_path: Path) -> None:
    """Exit code 2."""
    (tmp_path / "1.mime").write_bytes(sent().file)
    (tmp_path / "cpa.xml").write_bytes(cpa_bytes())
    (tmp_path / "cert.pem").write_bytes(material().sender.certificate_pem)
    (tmp_path / "empty").write_bytes(b"")
    told = run("inspect", tmp_path / "1.mime", *(word if word.startswith("--") else tmp_path / word for word in words))
    assert (told.exit_code, told.stdout) == (2, "")
    assert code in told.stderr


def test_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ebMS message is larger than the limit; nor is one read that the system refuses."""
    monkeypatch.setattr(command, "_MAX_FILE", 1000)
    (tmp_path / "1.mime").write_bytes(sent().file)
    for file, measure in ((tmp_path / "1.mime", "more than 1,000 octets"), (Path("/proc/self/mem"), "output error")):
        told = run("inspect", file)
        assert told.exit_code == 2
        assert measure in told.stderr


def test_pipe(tmp_path: Path) -> None:
    """A file may be a pipe, as in ``mobb inspect <(curl ...)``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(sent().file,))
    writer.start()
    told = run("inspect", pipe)
    writer.join()
    assert told.exit_code == 0
