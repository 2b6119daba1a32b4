"""The public API as a caller writes it; mypy --strict judges this file (test_public_api.py), nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import assert_type

from mobb_client import (
    CPA,
    Aflevering,
    Bericht,
    BerichtError,
    Bijlage,
    Certificate,
    Client,
    ConfigurationError,
    FieldError,
    Finding,
    Identity,
    Inspection,
    MemoryOutbox,
    Outgoing,
    ProtocolError,
    Sender,
    State,
    Written,
    inspect,
)
from mobb_client.ebms.cpa import Route
from mobb_client.simulator import Berichtenbox, example_letter
from mobb_client.transport import Reply


def sender() -> Sender:
    """Make a sender, with an OIN as text or several of them."""
    identity = Identity.from_path("gemeente.key", Path("gemeente.crt"), passphrase="geheim")  # noqa: S106 - none
    anchors = [Certificate.from_path("ca.pem")]
    return Sender(oin=["00000099000000001000"], cpa=CPA.from_path("cpa.xml"), identity=identity, anchors=anchors)


def letter(pdf: bytes) -> Bericht:
    """Make a letter of plain parts; its attachments may be octets, paths, or made."""
    return Bericht(
        kenmerk="zaak-1",
        bsn="999990019",
        berichttype="BESCHIK",
        onderwerp="Besluit",
        berichttekst="Tekst",
        publicatiedatum=datetime(2026, 1, 15, tzinfo=UTC),
        bijlagen=[Bijlage.from_path("besluit.pdf", "Besluit"), (pdf, "Toelichting")],
    )


def faults(error: BerichtError) -> list[str]:
    """Read what is wrong."""
    assert_type(error.errors, tuple[FieldError, ...])
    return [f"{one.field}: {one.rule} {one.measure} {one.source} {one.advice} {one.code}" for one in error.errors]


def build(berichten: list[Bericht]) -> Iterator[Written]:
    """Make messages without network."""
    for message in sender().messages(berichten, now=datetime.now(UTC)):
        assert_type(message, Outgoing)
        yield message.write(BytesIO())


def send(bericht: Bericht) -> Aflevering:
    """Send, and look where the letter stands."""
    with Client(sender(), outbox=MemoryOutbox(), on_aflevering=lambda way: way.state) as client:
        way = client.send(bericht)
        assert_type(way.state, State)
        assert_type(client.aflevering(way.kenmerk), Aflevering | None)
        assert_type(client.receive({}, b""), Reply)
        assert_type(client.balance(), dict[str, int])
        return way


def judge(data: bytes) -> Inspection:
    """Inspect a capture, and ask a CPA for a route."""
    try:
        assert_type(sender().route(datetime.now(UTC)), Route)
    except ConfigurationError as error:
        assert_type(error.findings, tuple[Finding, ...])
    except ProtocolError as error:
        assert_type(error.ebms_code, str)
    return inspect(data, cpa=CPA.parse(data))


def simulate() -> str | None:
    """Try it, without certificate or CPA."""
    box = Berichtenbox("osb-rm-s", sync=True)
    with box.client() as client:
        assert_type(client, Client)
        way = client.send(example_letter())
        box.process()
        return way.verwerkingscode
