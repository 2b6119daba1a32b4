"""A whole message: written in one pass, read back, verified."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from tests import messages
from tests.keys import MOMENT, OWN_OIN, ec_key, holder
from tests.messages import CONTENTS, MESSAGE_ID, content_ids, own, payload, signing, user_message
from tests.reference import ROOT

from mobb_client.ebms import agreement, mime, packet
from mobb_client.ebms.message import Manifest, MessageError, Party, PartyId, Ping, UserMessage
from mobb_client.errors import ConfigurationError, FormatError, SignatureError

PAYLOADS: Final = [payload(*pair) for pair in zip(content_ids(2), CONTENTS, strict=True)]
BY_US: Final = pytest.mark.parametrize("by_us", [False, True], ids=["unsigned", "signed"])


def signer(*, by_us: bool = True) -> packet.Signer | None:
    """Return our signer, or none."""
    return packet.Signer(own().identity, signing()) if by_us else None


def body(message: UserMessage | None = None, *, by_us: bool = True) -> bytes:
    """Return the body of our message with two payloads."""
    sink = BytesIO()
    packet.write(message or user_message(), PAYLOADS, sink, signer(by_us=by_us))
    return sink.getvalue()


class TestWrite:
    """One pass over the payloads, the envelope filled in at the end."""

    @BY_US
    def test_round_trip(self, by_us: bool) -> None:
        """What is read is what was written: message, payloads octet by octet, size, digests."""
        sink = BytesIO()
        done = packet.write(user_message(), PAYLOADS, sink, signer(by_us=by_us))
        back = packet.read(done.headers["Content-Type"], sink.getvalue())

        assert back.message == user_message()
        assert [(part.content_id, part.octets) for part in back.parts] == [*zip(content_ids(2), CONTENTS, strict=True)]
        assert done.size == len(sink.getvalue())
        assert done.message_id == MESSAGE_ID
        assert done.headers == mime.http_headers(MESSAGE_ID, multipart=True)
        assert done.payload_digests == tuple(
            (name, hashlib.sha256(octets).digest()) for name, octets in zip(content_ids(2), CONTENTS, strict=True)
        )
        assert (back.signature is not None) is by_us
        if back.signature is not None:
            assert back.signature.references == done.references
        else:
            assert done.references == ()

    def test_payload_digests_are_those_of_the_signature(self) -> None:
        """The evidence of a signed message is by the CPA's own hash function."""
        by = packet.Signer(own().identity, signing("sha512"))
        done = packet.write(user_message(), PAYLOADS, BytesIO(), by)

        assert [digest for _, digest in done.payload_digests] == [reference.digest for reference in done.references[1:]]

    @BY_US
    def test_same_message_same_octets(self, by_us: bool) -> None:
        """A resend is the same message."""
        assert body(by_us=by_us) == body(by_us=by_us)
        assert body(by_us=by_us) != body(user_message(message_id="other@own.example"), by_us=by_us)

    @BY_US
    def test_at_an_offset(self, by_us: bool, tmp_path: Path) -> None:
        """The message begins where the file stands, and the file stands behind it afterwards."""
        with (tmp_path / "file").open("w+b") as file:
            file.write(b"before")
            done = packet.write(user_message(), PAYLOADS, file, signer(by_us=by_us))
            assert file.tell() == 6 + done.size
            file.write(b"behind")

        assert (tmp_path / "file").read_bytes() == b"before" + body(by_us=by_us) + b"behind"

    @BY_US
    def test_bare_signal(self, by_us: bool) -> None:
        """h-40, h-49: without payloads the body is the envelope alone."""
        read = packet.read("text/xml", bare(user_message(0), by_us=by_us))
        ack = agreement.acknowledge(user_message(0), (), message_id=messages.ACK_ID, timestamp=MOMENT)
        sink = BytesIO(b"x" * 3)
        sink.seek(3)
        done = packet.write(ack, [], sink, signer(by_us=by_us))

        assert read.message == user_message(0)
        assert done.headers == {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '"ebXML"'}
        assert sink.getvalue()[:3] == b"xxx"
        assert len(sink.getvalue()) == 3 + done.size
        assert packet.read("text/xml", sink.getvalue()[3:]).message == ack
        assert len(done.references) == int(by_us)
        assert done.payload_digests == ()

    def test_no_declaration(self) -> None:
        """c.1: UTF-8, and no XML declaration, as the field does."""
        assert bare(user_message(0)).startswith(b"<soap:Envelope ")

    @pytest.mark.parametrize(
        ("manifest", "payloads"),
        [
            (None, PAYLOADS),
            (Manifest(()), PAYLOADS),
            (Manifest(("cid:bericht-1@own.example",)), PAYLOADS),
            (Manifest(("cid:bericht-2@own.example", "cid:bericht-1@own.example")), PAYLOADS),
            (Manifest(("bericht-1@own.example", "bericht-2@own.example")), PAYLOADS),
            (Manifest(("cid:bericht-1@own.example", "cid:bericht-2@own.example")), []),
            (Manifest(("cid:bericht-1@own.example", "cid:bericht-1@own.example")), [PAYLOADS[0], PAYLOADS[0]]),
            (Manifest((f"cid:{MESSAGE_ID}",)), [payload(MESSAGE_ID, b"")]),
            (Manifest(("cid:a b",)), [payload("a b", b"")]),
            (Manifest(("cid:",)), [payload("", b"")]),
        ],
    )
    def test_manifest_lists_the_payloads(self, manifest: Manifest | None, payloads: list[packet.Payload]) -> None:
        """h-39: what is not listed would be lost, what is listed twice is undefined; nothing is written."""
        sink = BytesIO()

        with pytest.raises(ValueError, match="Content-ID"):
            packet.write(replace(user_message(), manifest=manifest), payloads, sink)
        assert sink.getvalue() == b""

    def test_signal_with_a_payload(self) -> None:
        """c.2: a signal carries nothing."""
        with pytest.raises(ValueError, match="Manifest"):
            packet.write(Ping(header=user_message().header), PAYLOADS, BytesIO())

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (lambda message: replace(message, header=replace(message.header, cpa_id="")), FormatError),
            (lambda message: replace(message, header=replace(message.header, action="a\x00b")), ValueError),
            (lambda message: replace(message, header=replace(message.header, message_id="not safe")), ValueError),
            (lambda message: replace(message, header=replace(message.header, message_id="a\r\nX: y")), ValueError),
            (lambda message: replace(message, header=replace(message.header, sender=Party(()))), FormatError),
            (
                lambda message: replace(message, header=replace(message.header, sender=Party((PartyId("1", ""),)))),
                FormatError,
            ),
        ],
        ids=["no CPAId", "NUL", "MessageId with a blank", "MessageId with a header", "no PartyId", "empty type"],
    )
    @BY_US
    def test_invalid_envelope(
        self, change: Callable[[UserMessage], UserMessage], error: type[Exception], by_us: bool
    ) -> None:
        """h-30: the partner would answer with an empty 500, so it is judged before the first octet is written."""
        sink = BytesIO()

        with pytest.raises(error):
            packet.write(change(user_message()), PAYLOADS, sink, signer(by_us=by_us))
        assert sink.getvalue() == b""

    @pytest.mark.parametrize(
        "spoiled",
        [
            payload("bericht-2@own.example", b"", content_type="text/xml\r\nX-Evil: y"),
            payload("bericht-2@own.example", b"", filename="a\r\nX-Evil: y"),
        ],
    )
    def test_header_of_a_part(self, spoiled: packet.Payload) -> None:
        """b.2: nothing breaks out of a part's headers, and nothing is written by the payloads before it."""
        sink = BytesIO()

        with pytest.raises(ValueError, match="printable"):
            packet.write(user_message(), [PAYLOADS[0], spoiled], sink)
        assert sink.getvalue() == b""

    def test_key_that_cannot_sign(self) -> None:
        """SIGN001: RSA; nothing is written with another key, and nothing goes out unsigned instead."""
        sink = BytesIO()
        by = packet.Signer(holder(OWN_OIN, key=ec_key()).identity, signing())

        with pytest.raises(ConfigurationError):
            packet.write(user_message(), PAYLOADS, sink, by)
        assert sink.getvalue() == b""

    def test_algorithm_that_is_not_allowed(self) -> None:
        """d.5: SHA-1 in the CPA writes nothing."""
        sink = BytesIO()
        by = packet.Signer(own().identity, replace(signing(), hash_function="http://www.w3.org/2000/09/xmldsig#sha1"))

        with pytest.raises(ConfigurationError):
            packet.write(user_message(), PAYLOADS, sink, by)
        assert sink.getvalue() == b""


def bare(message: UserMessage, *, by_us: bool = True) -> bytes:
    """Return the body of a message without payloads."""
    sink = BytesIO()
    packet.write(message, [], sink, signer(by_us=by_us))
    return sink.getvalue()


class PayloadError(Exception):
    """What a payload's own function raises."""


class TestInterrupted:
    """A file that was not finished cannot be taken for a message."""

    @BY_US
    @pytest.mark.parametrize("octets", [b"", b"half", CONTENTS[1]])
    @pytest.mark.parametrize("old", [b"", b"x" * 20_000], ids=["new file", "over other octets"])
    def test_payload_that_fails(self, octets: bytes, old: bytes, by_us: bool) -> None:
        """Design 3: its own exception comes out, and there is no envelope in the file."""

        def fail(pass_on: packet.Sink) -> None:
            pass_on(octets)
            raise PayloadError

        sink = BytesIO(old)
        spoiled = packet.Payload(content_id="bericht-2@own.example", write=fail)

        with pytest.raises(PayloadError):
            packet.write(user_message(), [PAYLOADS[0], spoiled], sink, signer(by_us=by_us))
        assert_no_message(sink.getvalue())

    @BY_US
    def test_over_an_older_message(self, by_us: bool) -> None:
        """Design 3: nor the envelope of a message that stood there before: a mixture is worse than nothing."""
        whole = body(by_us=by_us)
        sink = BytesIO(whole)

        def fail(pass_on: packet.Sink) -> None:
            pass_on(b"other")
            raise PayloadError

        first = packet.Payload(content_id="bericht-1@own.example", write=fail)
        with pytest.raises(PayloadError):
            packet.write(user_message(), [first, PAYLOADS[1]], sink, signer(by_us=by_us))
        assert len(sink.getvalue()) == len(whole)
        assert_no_message(sink.getvalue())

    def test_signature_of_another_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The room for the envelope is exact; a key that signs longer than it says leaves no message."""
        sink = BytesIO()
        monkeypatch.setattr("mobb_client.pki.identity.Identity.sign", lambda *_: b"\x00" * 300)

        with pytest.raises(RuntimeError, match="room"):
            packet.write(user_message(), PAYLOADS, sink, signer())
        assert_no_message(sink.getvalue())

    @BY_US
    def test_file_that_takes_less_than_it_is_given(self, by_us: bool) -> None:
        """An unbuffered file may write a part only, and says so in a number that nobody reads."""

        class Stingy(BytesIO):
            """Take at most 100 octets at a time."""

            def write(self, data: object, /) -> int:
                assert isinstance(data, bytes)
                return super().write(data[:100])

        for message, payloads in ((user_message(), PAYLOADS), (user_message(0), [])):
            with pytest.raises(OSError, match="octets of"):
                packet.write(message, payloads, Stingy(), signer(by_us=by_us))

    def test_full_disk(self) -> None:
        """The file's own error comes out."""

        class Full(BytesIO):
            """Take nothing."""

            def write(self, _: object, /) -> int:
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            packet.write(user_message(), PAYLOADS, Full(), signer())

    def test_file_that_cannot_seek(self) -> None:
        """Said by the file itself, before anything is written."""

        class Pipe(io.RawIOBase):
            """Write only."""

            def writable(self) -> bool:
                return True

        with pytest.raises(OSError, match="seek"):
            packet.write(user_message(), PAYLOADS, io.BufferedWriter(Pipe()), signer())


def assert_no_message(octets: bytes) -> None:
    """Nobody can read a message in these octets."""
    with pytest.raises(FormatError):
        packet.read(mime.content_type(MESSAGE_ID), octets)


class TestRead:
    """Read and not yet trusted."""

    def test_unsigned(self) -> None:
        """A message without signature is read; only `verify` asks for one."""
        back = packet.read(mime.content_type(MESSAGE_ID), body(by_us=False))

        assert back.signature is None
        with pytest.raises(SignatureError) as refused:
            packet.verify(back, signing(), own().certificate, synchronous=False)
        assert (refused.value.code, refused.value.location) == ("signature.missing", "//Header/Signature")

    def test_every_kind(self) -> None:
        """c.2: a signal is read by the same call."""
        error = agreement.refuse(
            user_message().header, FormatError("x", "y"), message_id=messages.ACK_ID, timestamp=MOMENT
        )
        sink = BytesIO()
        packet.write(error, [], sink)

        assert isinstance(packet.read("text/xml", sink.getvalue()).message, MessageError)

    @pytest.mark.parametrize("octets", [b"", b"<x/>", b"--b\r\n\r\n\r\n--b--\r\n"])
    def test_no_message(self, octets: bytes) -> None:
        """Refused with a code to answer with."""
        with pytest.raises(FormatError):
            packet.read("text/xml", octets)


MEASURE: Final = """
import resource, sys
from io import BytesIO
from tests import messages
from mobb_client.ebms import packet

def write(sink, blocks):
    def pass_all(pass_on):
        for _ in range(blocks):
            pass_on(b"x" * 50_000)

    one = packet.Payload(content_id="bericht-1@own.example", write=pass_all)
    by = packet.Signer(messages.own().identity, messages.signing())
    return packet.write(messages.user_message(1), [one], sink, by)

with open(sys.argv[1], "w+b") as sink:
    write(sink, 1)  # everything is loaded
    sink.seek(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = write(sink, 400).size
    print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
def test_memory_does_not_grow_with_the_payload(tmp_path: Path) -> None:
    """Design 4: 20 MB in blocks of 50 kB, and no more than a few of them in memory."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    size, grown = map(int, done.stdout.split())

    assert size > 20_000_000
    assert grown < 2_000, f"{grown} kB"
