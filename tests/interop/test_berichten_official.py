"""The official schema of Logius judges what we write; its results, and those of the digest, are read."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from lxml import etree
from tests.letters import BSNS, MADE, SENDER, batch, letter, pdf, written
from tests.property.test_berichtenbox import letters
from tests.reference import REFERENCE, SHARED, needs_reference

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.globe_result import parse_result
from mobb_client.berichtenbox.regels import Regels

pytestmark = needs_reference

LOGIUS = REFERENCE / "logius/BerichtVerwerkService"
CLEF = "\U0001d11e"


@cache
def official() -> etree.XMLSchema:
    """Return the official schema of the request."""
    return etree.XMLSchema(etree.parse(LOGIUS / "Request/GLOBEBatchRequest.xsd"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"referentie": "x" * 25, "onderwerp": CLEF * 50, "berichttype": CLEF * 8},
        {"berichttekst": "\n" * 999 + "x" * 4},
        {"berichttekst": "Zoë & <https://voorbeeld.nl/?a=b&c=d>.\r\nMet groet"},
        {"publicatiedatum": MADE + timedelta(days=1)},
        {"einddatum_handelingstermijn": MADE + timedelta(days=1)},
        {"publicatiedatum": MADE + timedelta(days=1), "einddatum_handelingstermijn": MADE + timedelta(days=2)},
        {"bijlagen": [(pdf(15), "x")]},
        {"bijlagen": [(pdf(250_000), CLEF * 128), (pdf(250_000), "Toelichting & bijlage 'ë'.pdf")]},
        {"bijlagen": [b"x"], "regels": Regels(controleer_pdf=False)},
        {"regels": Regels(real_newlines=True), "berichttekst": "a\nb"},
    ],
    ids=range(11),
)
def test_valid(changes: dict[str, object]) -> None:
    """b.2: at every bound that our rules allow, the official schema accepts the document."""
    official().assertValid(etree.fromstring(written(batch(letter(**changes), letter(kenmerk="b")))))


def test_full_batch() -> None:
    """b.2 row 6: a thousand letters."""
    thousand = batch(*(letter(kenmerk=f"{n}", bsn=BSNS[n % 6], bijlagen=[(pdf(99), "x")]) for n in range(1000)))
    official().assertValid(etree.fromstring(written(thousand)))


@settings(max_examples=50)
@given(letters())
def test_any_letter(bericht: Bericht) -> None:
    """Whatever passes our rules passes the official schema."""
    official().assertValid(etree.fromstring(written(batch(bericht, oin=bericht.oin or batch().oin))))


def test_same_structure_as_the_official_example() -> None:
    """b.2: element for element as the official example message, which has placeholders and so is not valid itself."""
    example = etree.parse(REFERENCE / "logius/voorbeeldberichten/GEB-BV.xml").getroot()
    ours = letter(publicatiedatum=MADE + timedelta(days=1), referentie="x", bijlagen=[(pdf(), "x")])
    document = etree.fromstring(written(batch(ours)))
    assert [each.tag for each in document.iter()] == [each.tag for each in example.iter()]


def test_result_of_our_request() -> None:
    """i: the digest's examples of results are read, and valid by the official schema where they say so."""
    schema = etree.XMLSchema(etree.parse(LOGIUS / "Response/GLOBEBatchResponse.xsd"))
    for name in ("bv-result-2-berichten", "bv-result-alle-codes", "bv-result-nul-berichtid"):
        octets = (SHARED / f"spec/examples/{name}.xml").read_bytes()
        schema.assertValid(etree.fromstring(octets))
        found = parse_result(octets)
        assert found.warnings == ()
        assert found.oin is not None
        assert len(found.oin) == len(SENDER)
