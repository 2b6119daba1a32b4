"""What `inspect` says of any captured message, and that nothing it is given does harm."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tests.keys import issue, name
from tests.letters import BSN, answer, verdict
from tests.material import MOMENT, cpa_bytes, swap
from tests.messages import NS, Wire, WirePart, part, payload
from tests.outgoing import Sent, capture, cpa, holder, identity, sent

from mobb_client.ebms import agreement, packet
from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.message import (
    Acknowledgment,
    EbmsError,
    Message,
    MessageError,
    MessageHeader,
    Party,
    PartyId,
    Service,
    StatusResponse,
    UserMessage,
)
from mobb_client.errors import SignatureError
from mobb_client.inspection import Inspection, inspect
from mobb_client.pki.identity import Identity
from mobb_client.simulator.material import Profile

PARTNER: Final = "00000099000000002000"
XENC: Final = b'<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/>'
ACK_ID: Final = "ack@partner.example"


zipped = partial(gzip.compress, mtime=0)  # the same octets in every process that collects these tests


def codes(found: Inspection) -> list[str]:
    """Return the codes of what is wrong, and see that the exit code agrees."""
    assert found.ok is (not found.problems)
    return [problem.code for problem in found.problems]


def written(message: Message, *octets: bytes, signer: packet.Signer | None = None) -> bytes:
    """Return a message with payloads, as it was captured with its headers."""
    sink = BytesIO()
    hrefs = message.manifest.hrefs if isinstance(message, UserMessage) and message.manifest else ()
    payloads = [payload(href.removeprefix("cid:"), one) for href, one in zip(hrefs, octets, strict=True)]
    done = packet.write(message, payloads, sink, signer)
    head = "".join(f"{name}: {value}\r\n" for name, value in done.headers.items())
    return f"{head}\r\n".encode() + sink.getvalue()


# Captures


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.file,
        lambda made: made.body,
        lambda made: b"\r\n" + made.body,
        lambda made: made.file.replace(b"\r\n", b"\n"),
        lambda made: made.body.replace(b"\r\n", b"\n"),
        lambda made: b"POST / HTTP/1.1\r\nHost: localhost\r\n" + made.file,
        lambda made: b"HTTP/1.1 200 OK\r\n" + made.file,
        lambda made: b"HTTP/1.1 200 OK\n" + made.file.replace(b"\r\n", b"\n"),
        lambda made: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + made.file,
        lambda made: b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + made.headers + chunked(made.body),
    ],
)
@pytest.mark.parametrize("profile", ["osb-rm", "osb-rm-s"])
def test_captures(change: Callable[[Sent], bytes], profile: Profile) -> None:
    """B03: the same message in every form in which people keep it; the ends of lines between parts are nobody's."""
    found = inspect(change(sent(profile)), cpa=cpa(profile))

    assert (codes(found), found.agreed, found.notes) == ([], "yes", ())
    assert [part.content for part in found.parts] == ["Berichten"]
    assert len(found.letters) == 3


def chunked(body: bytes) -> bytes:
    """Return a body in chunks of 1000 octets."""
    blocks = (body[at : at + 1000] for at in range(0, len(body), 1000))
    return b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: b"\n\n" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: ('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16"),
        lambda text: ('<?xml version="1.0" encoding="UTF-16BE"?>' + text).encode("utf-16-be"),
        lambda text: ('<?xml version="1.0" encoding="ISO-8859-1"?>\n' + text).encode("iso-8859-1"),
        lambda text: b"Content-Type: text/xml; charset=UTF-8\r\nContent-ID: <1@x>\r\n\r\n" + text.encode(),
    ],
)
def test_bare_envelope(encode: Callable[[str], bytes]) -> None:
    """B06, B14: in any encoding, with and without declaration; C14N makes UTF-8 of it, so the signature holds."""
    found = inspect(encode(sent("osb-rm-s").wire.envelope.decode()), cpa=cpa("osb-rm-s"))

    assert codes(found) == []
    assert found.signature is not None
    assert [(one.covers, one.holds) for one in found.signature.references] == [
        ("envelope", "yes"),
        ("payload", "not checked"),
    ]
    assert found.notes == ("a bare envelope: its payloads are not here, so their digests are not checked",)


@pytest.mark.parametrize(
    ("data", "kind", "found_codes"),
    [
        (b"", "unreadable", ["capture.empty"]),
        (b"hello", "unreadable", ["capture.unknown"]),
        (b"<html><body>404</body></html>", "XML document, no envelope", ["envelope.root"]),
        (b"<!DOCTYPE html><html></html>", "unreadable", ["xml.doctype"]),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP headers without a message", ["capture.empty"]),
        (b"POST / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP headers without a message", ["capture.empty"]),
        (b"HTTP/1.1 200 OK\r\n\r\n", "HTTP headers without a message", []),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "HTTP headers without a message", []),
        (b"HTTP/1.1 200 OK\r\n\r\n \r\n", "HTTP headers without a message", []),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html/>", "XML document, no envelope", ["envelope.root"]),
    ],
)
def test_no_message(data: bytes, kind: str, found_codes: list[str]) -> None:
    """B09: what is no message, and the answers without one, which are no fault."""
    found = inspect(data)

    assert (found.kind, codes(found), found.message) == (kind, found_codes, None)


def test_soap_fault() -> None:
    """h-52: a SOAP Fault tells why, on one line and without a BSN."""
    soap = NS["soap"]
    fault = f"<faultcode>soap:Client</faultcode><faultstring>No\n channel for {BSN}</faultstring>"
    body = f'<s:Envelope xmlns:s="{soap}"><s:Body><s:Fault>{fault}</s:Fault></s:Body></s:Envelope>'
    found = inspect(f"HTTP/1.1 500 No\r\nContent-Type: text/xml\r\n\r\n{body}".encode())

    assert (found.kind, codes(found)) == ("SOAP Fault", ["envelope.fault"])
    assert found.notes == ("HTTP status 500", "SOAP Fault soap:Client: No channel for *********")


def test_parts_of_unreadable_envelope() -> None:
    """An envelope that cannot be read does not hide its payloads."""
    found = inspect(sent().file.replace(b"</soap:Envelope>", b""))

    assert (found.kind, codes(found)) == ("unreadable", ["xml.syntax"])
    assert [part.content for part in found.parts] == ["Berichten"]


def test_envelope_that_breaks_the_schema() -> None:
    """Its letters are shown all the same."""
    found = inspect(sent().file.replace(b"<eb:CPAId>", b"<eb:Cpa/><eb:CPAId>"))

    assert (found.kind, codes(found), found.message) == ("envelope that cannot be read", ["envelope.schema"], None)
    assert len(found.letters) == 3


# Signals


def header(action: str, *, sender: str = PARTNER, receiver: str = "00000099000000001000") -> MessageHeader:
    """Return the header of a signal from the partner."""
    return MessageHeader(
        sender=Party((PartyId(sender, "urn:osb:oin"),)),
        receiver=Party((PartyId(receiver, "urn:osb:oin"),)),
        cpa_id=cpa("osb-rm-s").cpa_id,
        conversation_id="c",
        service=Service("urn:oasis:names:tc:ebxml-msg:service"),
        action=action,
        message_id=ACK_ID,
        timestamp=MOMENT,
        ref_to_message_id="m@own.example",
    )


def acknowledgment(*, profile: Profile = "osb-rm-s") -> Acknowledgment:
    """Return what the partner answers to our message of a profile."""
    made = sent(profile)
    return agreement.acknowledge(
        made.outgoing.message, made.written.packet.references, message_id=ACK_ID, timestamp=MOMENT
    )


def partner() -> packet.Signer:
    """Return the partner as the CPA has it."""
    pair = holder("receiver")
    signing = cpa("osb-rm-s").signals(sender=PartyId(PARTNER, "urn:osb:oin")).signing
    assert signing is not None
    return packet.Signer(Identity(pair.key, pair.certificate), signing)


def test_signed_acknowledgment() -> None:
    """d.6: signed by the partner's signal channel, which the CPA names."""
    found = inspect(written(acknowledgment(), signer=partner()), cpa=cpa("osb-rm-s"))

    assert (found.kind, codes(found), found.agreed) == ("Acknowledgment", [], "yes")
    assert found.signature is not None
    assert (found.signature.holds, found.signature.signer_is_given) == ("yes", "yes")


def test_unsigned_acknowledgment() -> None:
    """d.6 step 1: none where the CPA wants every acknowledgment signed; fine where it does not."""
    assert codes(inspect(written(acknowledgment()), cpa=cpa("osb-rm-s"))) == ["signature.missing"]
    assert codes(inspect(written(acknowledgment(profile="osb-rm")), cpa=cpa("osb-rm"))) == []
    assert codes(inspect(written(acknowledgment()))) == []


def test_references_in_unsigned_acknowledgment() -> None:
    """h-11: Hermes repeats the references in unsigned acknowledgments as well: accepted where none must be signed."""
    never = ('ackSignatureRequested="always"', 'ackSignatureRequested="never"')
    agreed = CPA.parse(swap(cpa_bytes("osb-rm-s"), never))
    found = inspect(written(acknowledgment()), cpa=agreed)

    assert codes(found) == []
    assert isinstance(found.message, Acknowledgment)
    assert len(found.message.references) == 2


def test_acknowledgment_signed_by_us() -> None:
    """B35: our own key under the partner's acknowledgment."""
    us = packet.Signer(identity(), partner().signing)
    found = inspect(written(acknowledgment(), signer=us), cpa=cpa("osb-rm-s"))

    assert codes(found) == ["signature.certificate"]
    assert found.signature is not None
    assert (found.signature.holds, found.signature.signer_is_given) == ("yes", "no")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cpa_id": "another"}, "agreement.cpa"),
        ({"sender": Party((PartyId("1", "urn:osb:oin"),))}, "agreement.sender"),
        ({"receiver": Party((PartyId("1", "urn:osb:oin"),))}, "agreement.receiver"),
        ({"version": "1.0"}, "agreement.version"),
    ],
)
def test_signal_against_the_cpa(change: dict[str, object], code: str) -> None:
    """f.4: parties, CPAId and version of a signal; each is named once."""
    make: Callable[..., MessageHeader] = replace
    error = MessageError(header=make(header("MessageError"), **change), errors=(EbmsError("Unknown"),))
    found = inspect(written(error), cpa=cpa("osb-rm-s"))

    assert (codes(found), found.agreed) == ([code], "no")


def test_other_signals() -> None:
    """c.2: whatever the message service says; an answer with an error is in order itself."""
    told = EbmsError("Inconsistent", "Error", "//Header", "no")
    for message, kind in (
        (MessageError(header=header("MessageError"), errors=(told,)), "MessageError"),
        (StatusResponse(header=header("StatusResponse"), status="Received", ref_to_message_id="m"), "StatusResponse"),
    ):
        found = inspect(written(message), cpa=cpa("osb-rm-s"))
        assert (found.kind, codes(found), found.agreed, found.message) == (kind, [], "yes", message)


def test_part_beside_a_signal() -> None:
    """h-39: nothing refers to a part beside a signal."""
    wire = Wire(envelope=written(acknowledgment(profile="osb-rm")).partition(b"\r\n\r\n")[2], parts=(part("x@y"),))

    assert codes(inspect(capture(wire))) == ["manifest.part-unlisted"]


# Verdicts


def test_certificate_without_signature() -> None:
    """Who gives a certificate expects a signature: a user message that lost it is not in order."""
    certificate = identity().certificate

    assert codes(inspect(sent().file, certificate=certificate)) == ["signature.missing"]
    ack = inspect(written(acknowledgment()), certificate=certificate)
    assert (codes(ack), ack.notes) == ([], ("not signed, so the given certificate says nothing",))


def test_dates_do_not_count() -> None:
    """Design 7: the certificate was not valid at the message's time: reported, and no more than that."""
    early = sent("osb-rm-s").file.replace(b">2026-03-02T09:00:00Z<", b">2016-03-02T09:00:00Z<", 1)
    found = inspect(early)

    assert found.signature is not None
    assert found.signature.certificate_was_valid == "no"
    assert codes(found) == ["signature.digest"]  # the Timestamp was changed for this test
    assert found.signature.valid_from is not None
    assert found.signature.valid_from > MOMENT - timedelta(days=2)


def test_certificate_of_the_same_key() -> None:
    """d.5: a renewed certificate needs a renewed CPA first."""
    other = issue(name("renewed", "00000099000000001000"), holder().key).certificate
    found = inspect(sent("osb-rm-s").file, certificate=other)

    assert [problem.sentence for problem in found.problems] == [
        "signed with another certificate than the one that was given (of the same key)"
    ]


def test_cpa_names_the_certificate() -> None:
    """B35: with both given, the CPA's certificate counts."""
    other = holder("receiver").certificate

    assert codes(inspect(sent("osb-rm-s").file, cpa=cpa("osb-rm-s"), certificate=other)) == []


def test_encryption_against_the_cpa() -> None:
    """e.4: encrypted where the CPA says nothing of it, and in clear where it wants encryption."""
    made = sent("osb-rm-s")
    hidden = capture(replace(made.wire, parts=(WirePart(made.wire.parts[0].head, XENC),)))
    clear = replace(made, body=made.body.replace(b"_osb-rm-s<", b"_osb-rm-e<"))

    assert codes(inspect(hidden, cpa=cpa("osb-rm-s"))) == ["agreement.encrypted"]
    assert codes(inspect(hidden)) == []
    assert "agreement.not-encrypted" in codes(inspect(clear.file, cpa=cpa("osb-rm-e")))


def test_incomplete_cpa() -> None:
    """A CPA that lacks a part of the route is told as such."""
    without = etree.fromstring(cpa_bytes("osb-rm"))
    c = "{http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd}"
    for receiver in without.iter(f"{c}TransportReceiver"):
        for endpoint in receiver.findall(f"{c}Endpoint"):
            receiver.remove(endpoint)
    found = inspect(sent().file, cpa=CPA.parse(etree.tostring(without)))

    assert set(codes(found)) <= {"cpa.endpoint-missing", "agreement.incomplete"}
    assert (found.ok, found.agreed) == (False, "no")


# Payloads


def with_payload(octets: bytes, kind: str = "application/octet-stream") -> Inspection:
    """Inspect a message of ours with another payload."""
    wire = sent().wire
    (old,) = wire.parts
    head = old.head.replace(b"text/xml; charset=UTF-8", kind.encode())
    return inspect(capture(replace(wire, parts=(WirePart(head, octets),))))


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"", "octets"),
        (b"hello", "octets"),
        (b"\x1f\x8b", "gzip"),
        (zipped(b"hello"), "gzip"),
        (zipped(b"<x/>"), "XML (gzip)"),
        (b"<B999993653/>", "XML"),
        ("<Berichten/>".encode("utf-16"), "Berichten"),
        (b"<EncryptedData/>", "XML"),
        (XENC, "EncryptedData"),
        (b"<AbonnementAanvraag/>", "AbonnementAanvraag"),
    ],
)
def test_content(octets: bytes, content: str) -> None:
    """A payload is named by what is in it, and a stranger's own words are not repeated."""
    assert [part.content for part in with_payload(octets).parts] == [content]


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "application/soap+xml; charset=x"])
def test_xml_that_is_none(kind: str) -> None:
    """A payload that says it is XML and is none is not in order."""
    assert codes(with_payload(b'<a b="', kind)) == ["xml.syntax"]
    assert codes(with_payload(b"", kind)) == []


@pytest.mark.parametrize("pack", [bytes, zipped])
def test_result(pack: Callable[[bytes], bytes]) -> None:
    """B70: a result, gzipped or not: the verdict of every letter."""
    letter_id, other = "11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"
    found = with_payload(pack(answer(verdict(letter_id), verdict(other, "TechnischProbleem"))))

    assert [(str(one.bericht_id), one.code) for one in found.outcomes] == [
        (letter_id, "Verwerkt"),
        (other, "TechnischProbleem"),
    ]
    assert codes(found) == []


def test_odd_result() -> None:
    """c.1: counts that contradict each other are worth knowing, and no more."""
    found = with_payload(answer(verdict("11111111-2222-3333-4444-555555555555"), counts=(5, 1, 0, 0, 0, 0, 0)))

    assert codes(found) == []
    assert "result.counts" in found.notes[0]


def test_damaged_result() -> None:
    """A result that cannot be read is wrong, and its packed form too."""
    assert codes(with_payload(b"<BerichtVerwerkResponse/>")) == ["xml.once"]
    assert codes(with_payload(zipped(answer(verdict("1" * 8)))[:-4])) == ["result.gzip"]


# Hostile captures


def multipart(body: bytes) -> bytes:
    """Return a body with its Content-Type."""
    return b"Content-Type: multipart/related; boundary=b\r\n\r\n" + body


HOSTILE: Final[dict[str, tuple[bytes, str]]] = {
    "boundaries": (multipart(b"--b\r\n" * 1_000_000), "mime.parts"),
    "almost boundaries": (multipart(b"--bx\r\n" * 900_000), "mime.parts"),
    "deep": (b"<a>" * 400_000, "xml.syntax"),
    "deep and closed": (b"<a>" * 200_000 + b"</a>" * 200_000, "xml.syntax"),
    "wide": (b"<a>" + b"<a/>" * 900_000 + b"</a>", "envelope.root"),
    "large envelope": (b"<a>" + b"x" * 5_000_000, "envelope.size"),
    "headers": (b"A: b\r\n" * 1_000_000, "capture.headers"),
    "chunks": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n<\r\n" * 900_000, "capture.chunks"),
    "start": (
        b'Content-Type: multipart/related; boundary=b; start="a"\r\n\r\n--b\r\n\r\n' + b"a" * 5_000_000 + b"\r\n--b--",
        "envelope.size",
    ),
    "continues": (b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000, "capture.empty"),
    "entities": (
        b'<!DOCTYPE a [<!ENTITY a "a">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><a>&j;</a>",
        "xml.",
    ),
    "external entity": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "xml.doctype"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_capture(name: str, no_hang: None) -> None:
    """Design 7: bounded time, whatever stands there."""
    data, code = HOSTILE[name]

    assert [found for found in codes(inspect(data)) if found.startswith(code)]


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (zipped(bytes(200_000_000), 1), ""),
        (zipped(b"<BerichtVerwerkResponse>" + bytes(200_000_000), 1), "result.size"),
        (b"<Berichten>" * 100_000, "xml.syntax"),
        (b"<BerichtVerwerkResponse>" + b"<a/>" * 1_000_000 + b"</BerichtVerwerkResponse>", "result.size"),
    ],
)
def test_hostile_payload(octets: bytes, code: str, no_hang: None) -> None:
    """B07, B70: a payload that grows when it is unpacked is not unpacked further than a result can be."""
    assert codes(with_payload(octets)) == ([code] if code else [])


def test_many_references(no_hang: None) -> None:
    """B12, B34: thousands of references to thousands of parts."""
    count = 1900
    made = sent("osb-rm-s").wire
    digest = (
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>AAAA</ds:DigestValue>'
    )
    signed = "".join(f'<ds:Reference URI="cid:{n}">{digest}</ds:Reference>' for n in range(count))
    listed = "".join(f'<eb:Reference xlink:type="simple" xlink:href="cid:{n}"/>' for n in range(count))
    wire = made.edited("</ds:SignedInfo>", f"{signed}</ds:SignedInfo>").edited(
        "</eb:Manifest>", f"{listed}</eb:Manifest>"
    )
    found = inspect(capture(replace(wire, parts=(*wire.parts, *(part(str(n)) for n in range(count))))))

    assert codes(found).count("signature.digest") == count + 1


@given(st.binary(max_size=2000))
def test_any_octets(data: bytes) -> None:
    """No octets make it raise."""
    assert inspect(data, cpa=cpa()).problems or data.startswith((b"HTTP", b"<"))


PROFILES: Final[tuple[Profile, ...]] = ("osb-rm", "osb-rm-s")
MESSAGES: Final = {profile: sent(profile, sync=True).file for profile in PROFILES}
TOKENS: Final = [
    b"",
    b"<",
    b"&",
    b'"',
    b"--",
    b"\r\n\r\n",
    b"\x00",
    b"<?x?>",
    b"<!-- -->",
    b"\xff\xfe",
    b"&#13;",
    b"9" * 40,
]


@given(
    st.sampled_from(PROFILES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 60), st.one_of(st.sampled_from(TOKENS), st.binary(max_size=20))),
        min_size=1,
        max_size=4,
    ),
)
def test_any_damage(profile: Profile, damage: list[tuple[float, int, bytes]]) -> None:
    """Nor does any damage to a message of ours; a signed message with other octets in its payload is never in order."""
    data = MESSAGES[profile]
    for where, length, new in damage:
        at = int(where * len(data))
        data = data[:at] + new + data[at + length :]
    found = inspect(data, cpa=cpa(profile, sync=True))

    assert found.kind
    if found.ok and profile == "osb-rm-s":
        original = inspect(MESSAGES[profile], cpa=cpa("osb-rm-s", sync=True))
        assert (found.message, found.letters) == (original.message, original.letters)


def test_problem_once() -> None:
    """What two rules find is told once."""
    broken = sent().file.replace(b"<eb:CPAId>", b"<eb:CPAId>x", 1)
    found = inspect(broken, cpa=cpa())

    assert len(set(found.problems)) == len(found.problems) == 1


def test_manifest_of_user_message_without_payload() -> None:
    """h-40: no payload, no Manifest, and nothing to say of it."""
    message = replace(sent().outgoing.message, manifest=None)
    assert isinstance(message, UserMessage)
    found = inspect(written(message), cpa=cpa())

    assert (codes(found), found.notes, found.parts) == ([], (), ())


def test_elsewhere() -> None:
    """a.2: a reference that points outside the message is named, also by an envelope that was kept alone."""
    data = capture(sent().wire.edited('href="cid:', 'href="http://localhost/'))

    assert codes(inspect(data)) == ["manifest.elsewhere"]


def test_library_refuses_what_inspect_reports() -> None:
    """The receiving side and `inspect` agree: the first thing that is wrong has the same code."""
    made = sent("osb-rm-s")
    data = made.body.replace(b"toegekend", b"afgewezen", 1)
    signing = made.outgoing.route.signing
    assert signing is not None
    assert signing.certificate is not None
    with pytest.raises(SignatureError) as refused:
        packet.verify(
            packet.read(made.outgoing.headers["Content-Type"], data), signing, signing.certificate, synchronous=False
        )

    assert codes(inspect(data, cpa=cpa("osb-rm-s"))) == [refused.value.code] == ["signature.digest"]
