"""A simulator for tests, messages for it that the library wrote, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from typing import Any

from tests.keys import MOMENT
from tests.material import material_keys

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.globe_result import parse_result
from mobb_client.berichtenbox.resultaat import BatchResultaat
from mobb_client.ebms import agreement, packet
from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.message import Acknowledgment, UserMessage
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox, Outgoing, Response
from mobb_client.simulator.material import Material, Profile, Terms, make_material

CLEAR: Sequence[tuple[Profile, bool]] = (
    ("osb-be", False),
    ("osb-rm", False),
    ("osb-be-s", False),
    ("osb-rm-s", False),
    ("osb-rm", True),
    ("osb-rm-s", True),
)
"""Every profile that is simulated, and whether its CPA is synchronous."""


@cache
def material(terms: Terms | None = None) -> Material:
    """Return material whose terms are those of a box, or others; its keys are made once a run."""
    return make_material(MOMENT, keys=material_keys(), terms=terms or Terms(retries=3, interval="PT30M"))


def make_box(
    profile: Profile = "osb-rm", *, sync: bool = False, terms: Terms | None = None, **more: Any
) -> Berichtenbox:
    """Return a box whose clock stands at `MOMENT`."""
    return Berichtenbox(profile, sync=sync, material=material(terms), start=MOMENT, **more)


def letter(bsn: str = "999993653", kenmerk: str = "zaak-1", **more: Any) -> Bericht:
    """Return a letter that nothing is wrong with."""
    good = {
        "berichttype": "BESCHIK",
        "onderwerp": "Besluit op uw aanvraag",
        "berichttekst": "Uw aanvraag is toegekend.",
    }
    return Bericht(bsn=bsn, kenmerk=kenmerk, **(good | more))


def pdf(size: int = 600) -> bytes:
    """Return so many octets that begin and end as a PDF does, with every octet in between."""
    return (b"%PDF-1.7\n" + bytes(range(256)) * (size // 256 + 1))[: size - 6] + b"\n%%EOF"


@dataclass(frozen=True, kw_only=True)
class Posted:
    """One message as it goes to the box: HTTP headers and body."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    message_id: str = ""
    references: tuple[Any, ...] = ()

    def edited(self, *pairs: tuple[str | bytes, str | bytes]) -> Posted:
        """Return it with the first of each pair, which must be there, replaced once by the second."""
        body = self.body
        for pair in pairs:
            old, new = (one.encode() if isinstance(one, str) else one for one in pair)
            assert old in body, old
            body = body.replace(old, new, 1)
        return replace(self, body=body)

    def headed(self, **headers: str | None) -> Posted:
        """Return it with other HTTP headers, ``_`` for ``-``; None for without."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in (dict(self.headers) | given).items() if value is not None}
        return replace(self, headers=kept)

    def to(self, box: Berichtenbox) -> Response:
        """Post it, and return the answer."""
        return box.wire.post(box.url, self.headers, BytesIO(self.body), len(self.body))


def sender_of(box: Berichtenbox) -> Sender:
    """Return the sender of a box's CPA."""
    pair = box.material.sender
    return _sender(box.material.sender_oin, box.cpa_bytes, pair.key_pem, pair.certificate_pem)


@cache
def _sender(oin: str, cpa: bytes, key: bytes, certificate: bytes) -> Sender:
    return Sender(oin=oin, cpa=CPA.parse(cpa), identity=Identity.from_pem(key, certificate))


def messages(box: Berichtenbox, *berichten: Bericht, sender: Sender | None = None) -> list[Posted]:
    """Return letters, or one, as the library sends them to a box at this moment."""
    made = []
    for outgoing in (sender or sender_of(box)).messages(berichten or (letter(),), now=box.clock.now()):
        sink = BytesIO()
        written = outgoing.write(sink)
        made.append(
            Posted(
                headers=outgoing.headers,
                body=sink.getvalue(),
                message_id=outgoing.message.header.message_id,
                references=written.packet.references,
            )
        )
    return made


def message(box: Berichtenbox, *berichten: Bericht) -> Posted:
    """Return the one message of letters."""
    (made,) = messages(box, *berichten)
    return made


def codes(box: Berichtenbox) -> list[str]:
    """Return the codes of a box's complaints."""
    return [complaint.code for complaint in box.complaints]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of a sender's endpoint."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Endpoint:
    """A sender's endpoint that keeps what comes, and acknowledges results when it is told how.

    Args:
        box: is connected to it.
        acknowledge: gives the answer to a result; nothing is said without.
    """

    def __init__(
        self, box: Berichtenbox, acknowledge: Callable[[Berichtenbox, packet.Received], Answer] | None = None
    ) -> None:
        self.box = box
        self.came: list[packet.Received] = []
        self.octets: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.peers: list[bytes] = []
        self.moments: list[Any] = []
        self._acknowledge = acknowledge
        box.connect(self.receive)

    def receive(self, headers: Mapping[str, str], body: bytes, *, peer: bytes) -> Answer:
        """Take a POST."""
        received = packet.read(headers["Content-Type"], body)
        self.came.append(received)
        self.octets.append(body)
        self.headers.append(headers)
        self.peers.append(peer)
        self.moments.append(self.box.clock.now())
        if self._acknowledge is None or not isinstance(received.message, UserMessage):
            return Answer()
        return self._acknowledge(self.box, received)

    @property
    def kinds(self) -> list[str]:
        """What came: actions, in their order."""
        return [one.message.header.action for one in self.came]

    @property
    def results(self) -> list[BatchResultaat]:
        """The results that came, read by the library."""
        return [parse_result(one.parts[0].octets) for one in self.came if isinstance(one.message, UserMessage)]

    @property
    def verdicts(self) -> dict[str, str]:
        """Code by BerichtID of all results."""
        return {str(row.bericht_id): row.code for result in self.results for row in result.berichten}


def verify(box: Berichtenbox, received: packet.Received, *, sync: bool = False) -> None:
    """Verify what a box sent, by the library."""
    route = sender_of(box).route(box.clock.now())
    assert route.signing is not None
    packet.verify(received, route.signing, Certificate(box.material.receiver.certificate), synchronous=sync)


def acknowledgment(box: Berichtenbox, received: packet.Received, number: int = 1) -> Posted:
    """Return the library's acknowledgment of a result, signed when the result asks for that."""
    assert isinstance(received.message, UserMessage)
    sender, signed = sender_of(box), received.signature
    wanted = received.message.ack_requested
    ack = agreement.acknowledge(
        received.message,
        signed.references if signed and wanted and wanted.signed else (),
        message_id=f"aaaaaaaa-0000-4000-8000-{number:012d}@localhost",
        timestamp=box.clock.now(),
    )
    return written(ack, sender, box, signed=bool(wanted and wanted.signed))


def written(ack: Any, sender: Sender, box: Berichtenbox, *, signed: bool = False) -> Posted:
    """Return a signal as the library writes it."""
    sink = BytesIO()
    signing = sender.route(box.clock.now()).signing
    by = packet.Signer(sender.identity, signing) if signed and sender.identity and signing else None
    done = packet.write(ack, [], sink, by)
    return Posted(headers=done.headers, body=sink.getvalue(), message_id=done.message_id)


def acknowledge(box: Berichtenbox, received: packet.Received) -> Answer:
    """Acknowledge a result in the way that its CPA asks for."""
    assert isinstance(received.message, UserMessage)
    if received.message.ack_requested is None:
        return Answer()
    ack = acknowledgment(box, received)
    if received.message.sync_reply is not None:
        return Answer(200, ack.headers, ack.body)
    ack.to(box)
    return Answer()


def acknowledged(endpoint: Endpoint) -> list[Acknowledgment]:
    """Return the acknowledgments that came."""
    return [one.message for one in endpoint.came if isinstance(one.message, Acknowledgment)]


def outgoing(box: Berichtenbox) -> list[Outgoing]:
    """Return what is due now."""
    return box.due(box.clock.now())
