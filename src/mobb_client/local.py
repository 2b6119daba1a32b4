"""A client for a Berichtenbox on this machine, and a letter to try it with: no certificate of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.client import Client, OnAflevering, utc_now
from mobb_client.ebms.cpa import CPA
from mobb_client.outbox.contract import Outbox
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.sender import Sender
from mobb_client.transport.endpoint import Reply
from mobb_client.transport.wire import Wire

TEST_BSN: Final = "999993653"


def local_client(  # noqa: PLR0913 - the box's own parts, each by name
    *,
    oins: Sequence[str],
    cpa: bytes,
    key: bytes,
    certificate: bytes,
    anchors: bytes,
    wire: Wire | None = None,
    now: Callable[[], datetime] = utc_now,
    outbox: Outbox | None = None,
    on_aflevering: OnAflevering | None = None,
) -> Client:
    """Return a client of one sender from octets.

    Args:
        oins: of the letters.
        cpa: the CPA document.
        key: PEM of the sender's private key.
        certificate: PEM of its certificate.
        anchors: PEM of whom to trust on the wire.
        wire: what carries octets; HTTPS when left out.
        now: the clock.
        outbox: where letters are kept; in memory when left out.
        on_aflevering: called by `Client.dispatch`.
    """
    sender = Sender(
        oin=oins,
        cpa=CPA.parse(cpa),
        identity=Identity.from_pem(key, certificate),
        anchors=(Certificate.from_pem(anchors),),
    )
    return Client(sender, outbox=outbox or MemoryOutbox(), wire=wire, on_aflevering=on_aflevering, now=now)


def endpoint_of(client: Client) -> Callable[..., Reply]:
    """Return the client's endpoint as a box calls it: the peer's certificate comes in DER."""

    def receive(headers: dict[str, str], body: bytes, *, peer: bytes) -> Reply:
        return client.receive(headers, body, peer=Certificate.from_der(peer))

    return receive


def example_letter(kenmerk: str = "zaak-2026-0117:besluit", *, bsn: str = TEST_BSN) -> Bericht:
    """Return a letter to try things with; the BSN is a test number that belongs to nobody."""
    return Bericht(
        kenmerk=kenmerk,
        bsn=bsn,
        berichttype="BESCHIK",
        onderwerp="Besluit op uw aanvraag",
        berichttekst="Uw aanvraag is toegekend.\nHet besluit leest u op https://www.voorbeeldstad.example/besluit",
        referentie="2026-0117",
    )
