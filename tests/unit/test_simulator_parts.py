"""The simulator's own tools: octets, MIME, CPAs, its clock, its queue."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.keys import MOMENT
from tests.simulated import letter, make_box, material, message

from mobb_client.simulator import Berichtenbox, Clock, _body, _mime
from mobb_client.simulator._body import IN_MEMORY, Body, Part, Spool, blocks_of
from mobb_client.simulator._complaints import UnreadableError
from mobb_client.simulator._cpa import Agreement, duration
from mobb_client.simulator.material import Terms
from mobb_client.simulator.outcomes import VERWERKT, Outcome, stadium


class TestBody:
    """Octets in memory or in a file, read in the same way."""

    @pytest.mark.parametrize(
        "size", [0, 1, 1023, 1024, 1025, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7]
    )
    @pytest.mark.parametrize("block", [1000, _body.BLOCK, 2 * IN_MEMORY])
    def test_sizes(self, size: int, block: int) -> None:
        """B08: what comes out is what went in, whatever the size and the blocks."""
        octets = bytes(range(256)) * (size // 256 + 1)
        octets = octets[:size]
        body = Body(octets[at : at + block] for at in range(0, size, block))
        assert (body.size, bytes(body)) == (size, octets)
        assert isinstance(body.buffer, bytes) is (size <= IN_MEMORY)

    def test_find_across_blocks(self) -> None:
        """What stands across two blocks of a file is found, and what stands outside the place is not."""
        spool = Spool(b"")
        spool.write(b"a" * (_body.BLOCK - 2) + b"needle" + b"b" * _body.BLOCK)
        assert spool.find(b"needle") == _body.BLOCK - 2
        assert spool.find(b"needle", _body.BLOCK - 1) == -1
        assert spool.find(b"needle", 0, _body.BLOCK + 3) == -1
        assert spool.find(b"b" * 10, 5) == _body.BLOCK + 4
        assert len(spool) == 2 * _body.BLOCK + 4

    def test_goes_with_the_object(self) -> None:
        """The file of a large body is closed when nobody has it any more, without a ResourceWarning."""
        body = Body([bytes(2 * IN_MEMORY)])
        assert isinstance(body.buffer, Spool)
        file = body.buffer._file
        del body
        gc.collect()
        assert file.closed

    def test_part(self) -> None:
        """A part is a place in a buffer: read in blocks, from a stream, digested."""
        part = Part(b"xxhello worldyy", 2, 13)
        assert (bytes(part), len(part), b"".join(part.blocks())) == (b"hello world", 11, b"hello world")
        stream = part.open()
        assert stream.readable()
        assert (stream.read(5), stream.read(), stream.read(1)) == (b"hello", b" world", b"")
        assert part.digest("sha256").hex().startswith("b94d27b9934d3e08")

    def test_blocks_of(self) -> None:
        """A stream is read to its end, or so far."""
        assert b"".join(blocks_of(BytesIO(b"abcdef"))) == b"abcdef"
        stream = BytesIO(b"abcdef")
        assert b"".join(blocks_of(stream, 4)) == b"abcd"
        assert stream.read() == b"ef"


def packed(payload: bytes) -> tuple[str, bytes]:
    """Return a message with this payload, and its Content-Type."""
    body = b"\r\n".join(
        [
            b"--b0undary",
            b"Content-Type: text/xml; charset=UTF-8",
            b"Content-ID: <root@x>",
            b"",
            b"<root/>",
            b"--b0undary",
            b"content-type: application/octet-stream",
            b"Content-Disposition: attachment;",
            b' filename="a=b.bin"',
            b"CONTENT-ID: <one@x>",
            b"",
            payload,
            b"--b0undary--",
            b"",
        ]
    )
    return 'multipart/related; boundary="b0undary"; type="text/xml"; start="<root@x>"; start-info="text/xml"', body


class TestMime:
    """Octets of parts are exact, whatever they are."""

    @given(st.binary(max_size=200).filter(lambda octets: b"--b0undary" not in octets))
    def test_exact(self, payload: bytes) -> None:
        """B07, B08: CR, LF, NUL and 8-bit octets, at both ends and everywhere, survive."""
        content_type, body = packed(payload)
        for made in (Body([body]), spooled(body)):
            unpacked = _mime.unpack(content_type, made)
            assert (unpacked.envelope, unpacked.root_id, unpacked.faults) == (b"<root/>", "root@x", ())
            assert {name: bytes(part) for name, part in unpacked.payloads.items()} == {"one@x": payload}

    @pytest.mark.parametrize(
        "payload", [b"", b"\r\n", b"\r", b"\n\r\n", b"\x00\xff\x85\x0b\x0c\x1c", b"--b0undar", b"a\r\n--b0undar\r\n"]
    )
    def test_as_email_reads_it(self, payload: bytes) -> None:
        """The standard library's `email` finds the same octets, line by line."""
        content_type, body = packed(payload)
        read = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
        _, part = read.iter_parts()  # type: ignore[attr-defined] - an EmailMessage, by its policy
        unpacked = _mime.unpack(content_type, Body([body]))
        assert bytes(unpacked.payloads["one@x"]) == part.get_payload(decode=True) == payload

    def test_a_thousand_parts(self) -> None:
        """B12: as many parts as there are."""
        content_type, body = packed(b"x")
        part = b"--b0undary\r\nContent-Type: text/plain\r\nContent-ID: <%d@x>\r\n\r\n%d\r\n"
        more = b"".join(part % (number, number) for number in range(1000))
        unpacked = _mime.unpack(content_type, Body([body.replace(b"--b0undary--", more + b"--b0undary--")]))
        assert len(unpacked.payloads) == 1001

    def test_longer_boundary(self) -> None:
        """A line that begins with the boundary and goes on is refused, not guessed at."""
        content_type, body = packed(b"x\r\n--b0undaryish\r\n")
        with pytest.raises(UnreadableError, match="delimiter line"):
            _mime.unpack(content_type, Body([body]))

    def test_bare(self) -> None:
        """A body that is no multipart is the envelope."""
        assert _mime.unpack("text/xml; charset=UTF-8", Body([b"<a/>"])).envelope == b"<a/>"


def spooled(octets: bytes) -> Body:
    """Return a body that lies in a file although it is small."""
    body = Body([octets])
    body.buffer = Spool(octets)
    return body


class TestAgreement:
    """g: what the box reads in a CPA."""

    def test_terms(self) -> None:
        """Every value comes from the document."""
        terms = Terms(retries=5, interval="PT1H30M", service_type=None, sender_role="A", receiver_role="B")
        found = Agreement.read(material().cpa("osb-rm-s", sync=True, terms=terms))
        assert (found.request.retries, found.request.interval) == (5, timedelta(minutes=90))
        assert found.request.time_to_live == timedelta(hours=9)
        assert found.request.service == (None, "MIJNOVERHEID.ebMS.BB.2.0")
        assert (found.request.from_role, found.request.to_role) == ("A", "B")
        assert (found.result.from_role, found.result.to_role) == ("B", "A")
        assert found.request.sync
        assert found.box.sync
        assert (found.request.ack, found.request.ack_signed, found.request.duplicates) == (True, True, True)
        assert found.request.signing is not None
        assert found.request.signing.certificate == material().sender.certificate
        assert (found.start, found.end) == (MOMENT - timedelta(days=1), MOMENT + timedelta(days=730))

    @pytest.mark.parametrize(
        ("old", "new", "sentence"),
        [
            (b"<tns:Coll", b"<x", "well-formed"),
            (b"CollaborationProtocolAgreement", b"CollaborationProtocolProfile", "not a CPA"),
            (b'"GLOBE-R-BV-Result"', b'"x"', "no c:CanSend of GLOBE-R-BV-Result"),
            (b"B_Signals_Exchange", b"B_Other_Exchange_", "points to a c:DocExchange"),
            (b"PT30M", b"P1M", "not a duration"),
            (b"tns:Endpoint", b"tns:Elsewhere", "no c:TransportReceiver/c:Endpoint"),
        ],
    )
    def test_unreadable(self, old: bytes, new: bytes, sentence: str) -> None:
        """A document that is no CPA with both actions is refused."""
        data = material().cpa("osb-rm")
        count = 1 if old.startswith((b"<", b"B_")) else -1
        with pytest.raises(ValueError, match=sentence):
            Agreement.read(data.replace(old, new, count))

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("PT5M", 300), ("P1D", 86400), ("PT1H30M", 5400), ("P0Y0M0DT0H5M0S", 300), ("PT0.5S", 0.5)],
    )
    def test_duration(self, text: str, seconds: float) -> None:
        """B21: durations in every form; months and years have no length."""
        assert duration(text) == timedelta(seconds=seconds)
        for wrong in ("P1M", "P1Y", "5", "P", "PT", ""):
            with pytest.raises(ValueError, match="not a duration"):
                duration(wrong)

    def test_no_zone(self) -> None:
        """B24: a Start without zone is UTC."""
        data = material().cpa("osb-rm").replace(b"Z</tns:Start>", b"</tns:Start>")
        assert Agreement.read(data).start == MOMENT - timedelta(days=1)

    def test_per_message(self) -> None:
        """What the CPA leaves to the message is not judged."""
        data = material().cpa("osb-rm").replace(b'ackRequested="always"', b'ackRequested="perMessage"')
        assert Agreement.read(data).request.ack is None


class TestClock:
    """The clock of a box."""

    def test_stands(self) -> None:
        """It stands until it is moved, forward only."""
        clock = Clock(MOMENT)
        assert clock.now() == clock.now() == MOMENT
        clock.advance(days=1, hours=1, minutes=1, seconds=1)
        assert clock.now() == MOMENT + timedelta(days=1, hours=1, minutes=1, seconds=1)
        clock.advance_to(MOMENT)
        assert clock.now() > MOMENT
        clock.advance_to(MOMENT + timedelta(days=2))
        assert clock.now() == MOMENT + timedelta(days=2)
        with pytest.raises(ValueError, match="not moved back"):
            clock.advance(hours=-1)

    def test_runs(self) -> None:
        """Set going it goes on from where it stood; stopped it stands there."""
        clock = Clock(MOMENT)
        clock.advance(hours=1)
        clock.run()
        first = clock.now()
        assert timedelta() <= first - MOMENT - timedelta(hours=1) < timedelta(minutes=5)
        while clock.now() == first:
            pass
        clock.stop()
        assert clock.now() == clock.now() > first
        clock.run()
        assert clock.now() >= first

    def test_of_the_machine(self) -> None:
        """Without a start it is the machine's time, also when it is set going later."""
        clock = Clock()
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=5)
        clock.run()
        assert clock.now() <= datetime.now(UTC)


class TestPace:
    """What takes its time can be made to go faster."""

    def test_late(self) -> None:
        """Two hours at pace 7200 are a second, and the retries go as fast."""
        box = make_box()
        box.pace = 7200.0
        message(box, letter("999901400")).to(box)
        assert box.next_due() == MOMENT
        box.due(MOMENT)
        assert box.next_due() == MOMENT + timedelta(seconds=1)
        assert box.pace == 7200.0


class TestOutcome:
    """What becomes of a letter, as a value."""

    def test_offers(self) -> None:
        """A code for the first two offers, `Verwerkt` from then on."""
        outcome = Outcome(code="TechnischProbleem", offers=2)
        assert [outcome.code_at(offer) for offer in (1, 2, 3)] == ["TechnischProbleem", "TechnischProbleem", "Verwerkt"]
        assert VERWERKT.code_at(1) == "Verwerkt"

    def test_stadium(self) -> None:
        """c.4: the stage that goes with a code."""
        assert (stadium("Verwerkt"), stadium("iets nieuws")) == ("NA", "ValidatieBerichtType")


def test_box_of_its_own() -> None:
    """Without anything given a box makes its material; keys are made once a process."""
    one, two = Berichtenbox(), Berichtenbox("osb-be-s")
    assert one.material.sender.key is two.material.sender.key
    assert one.material.sender.certificate != two.material.sender.certificate
    assert abs(one.clock.now() - datetime.now(UTC)) < timedelta(minutes=5)
    assert one.cpa_bytes == one.cpa("osb-rm")
