"""Messages that `Sender` makes of letters with attachments, under the simulator's CPAs: to be read and spoiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import count
from uuid import UUID

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from tests.keys import Holder
from tests.letters import BSNS, letter, pdf
from tests.material import MOMENT, cpa_bytes, material
from tests.messages import Wire, taken_apart

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.ebms.cpa import CPA
from mobb_client.pki.identity import Identity
from mobb_client.sender import Outgoing, Sender, Written
from mobb_client.simulator.material import Profile

OIN = "00000099000000001000"
TEXT = "Uw aanvraag is toegekend.\nZoë & Ünal <°> 𝄞"


@cache
def identity() -> Identity:
    """Return the sender's key and certificate."""
    pair = material().sender
    return Identity.from_pem(pair.key_pem, pair.certificate_pem)


@cache
def holder(side: str = "sender") -> Holder:
    """Return a side's key and certificate for the tests' own signer."""
    pair = getattr(material(), side)
    key = load_pem_private_key(pair.key_pem, None)
    return Holder(key, load_pem_x509_certificate(pair.certificate_pem))  # type: ignore[arg-type] # an RSA key


@cache
def cpa(profile: Profile = "osb-rm", *, sync: bool = False) -> CPA:
    """Return a CPA of the material."""
    return CPA.parse(cpa_bytes(profile, sync=sync))


def sender(profile: Profile = "osb-rm", *, sync: bool = False, oin: str | Sequence[str] = OIN) -> Sender:
    """Return a sender under a CPA of the material; its key is there whether the CPA asks for it or not."""
    return Sender(oin=oin, cpa=cpa(profile, sync=sync), identity=identity())


def letters() -> list[Bericht]:
    """Return three letters: without attachment, with one, with two."""
    attached: tuple[list[tuple[bytes, str]], ...] = (
        [],
        [(pdf(600), "Besluit.pdf")],
        [(pdf(61), "Aanslag 2026.pdf"), (pdf(62), "Zoë's kaart.pdf")],
    )
    return [
        letter(kenmerk=f"zaak-{number}", bsn=bsn, berichttekst=TEXT, bijlagen=bijlagen)
        for number, (bsn, bijlagen) in enumerate(zip(BSNS, attached, strict=False), start=1)
    ]


def new_ids() -> UUID:
    """Return the next of the ids of this run."""
    return UUID(int=next(_IDS), version=4)


_IDS = count(2**96 + 1)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was made: as it stands in a file of `mobb build`, and taken apart."""

    outgoing: Outgoing
    written: Written
    body: bytes

    @property
    def headers(self) -> bytes:
        """The header lines and the blank line."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.outgoing.headers.items()).encode() + b"\r\n"

    @property
    def file(self) -> bytes:
        """The octets of ``1.mime``."""
        return self.headers + self.body

    @property
    def wire(self) -> Wire:
        """Taken apart by other code than the library's."""
        return taken_apart(self.outgoing.headers["Content-Type"], self.body)


def send(
    profile: Profile = "osb-rm",
    *,
    sync: bool = False,
    berichten: Sequence[Bericht] | None = None,
    by: Sender | None = None,
) -> list[Sent]:
    """Return the messages of letters (three of our own, when none are given)."""
    made = by or sender(profile, sync=sync)
    found = []
    for outgoing in made.messages(letters() if berichten is None else berichten, now=MOMENT, new_id=new_ids):
        sink = BytesIO()
        written = outgoing.write(sink)
        found.append(Sent(outgoing, written, sink.getvalue()))
    return found


def sent(profile: Profile = "osb-rm", *, sync: bool = False) -> Sent:
    """Return the one message of our three letters."""
    (one,) = send(profile, sync=sync)
    return one


def capture(wire: Wire) -> bytes:
    """Return a message as it was captured: Content-Type, blank line, body."""
    return f"Content-Type: {wire.content_type}\r\n\r\n".encode() + wire.body
