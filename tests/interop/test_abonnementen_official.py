"""The official schemas and examples of Logius judge our questions, and ours agree with them."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree
from tests.letters import SENDER
from tests.reference import REFERENCE, SHARED, needs_reference
from tests.subscribers import NOW, ONE, TWO, VERZOEK, answer, entry, fault, question

from mobb_client import _xml
from mobb_client.berichtenbox.aanvraag import SCHEMA as AANVRAAG
from mobb_client.berichtenbox.aanvraag import leaves_of, write_aanvraag
from mobb_client.berichtenbox.abonnementen import Aanvraag, Variant
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.berichtenbox.wus import SCHEMA, Addressing, read_antwoord, write_validatie
from mobb_client.errors import ApplicationFaultError, DependentServiceFaultError

pytestmark = needs_reference

WUS = REFERENCE / "logius/BerichtenboxValidatieService"
EXAMPLES = SHARED / "spec/examples"


class Local(etree.Resolver):
    """Gives the files beside the schema for the addresses inside Logius that it imports from."""

    def resolve(self, system_url: str, _: object, context: object) -> object:
        """Return the file that an address inside Logius ends in; None for what is local already."""
        _, is_address, name = system_url.rpartition("?xsd=")
        return self.resolve_filename(str(WUS / f"{name}.xsd"), context) if is_address else None  # type: ignore[arg-type] # as lxml has it


@cache
def official(name: str) -> etree.XMLSchema:
    """Return an official schema of the WUS service."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Local())
    return etree.XMLSchema(etree.parse(WUS / name, parser))


def body_of(octets: bytes) -> bytes:
    """Return what stands in soap:Body, as a document."""
    body = etree.fromstring(octets).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    return etree.tostring(body[0], with_tail=False)


QUESTIONS = [
    write_validatie(question()),
    write_validatie(question(ONE), Addressing(to="https://x", message_id="urn:x")),
]
QUESTIONS.append(write_validatie(question(*(BSN(f"{n:09d}", elfproef=False) for n in range(1, 251)))))
ANSWERS = [
    answer(),
    answer(entry(ONE.digits), entry(TWO.digits, "0")),
    answer(entry(None)),
    answer(entry("x", "perhaps")),
    answer(entry("x", rol="<b:Rol>Bedrijf</b:Rol>")),
    answer(entry("x", rol="<b:Rol>Burger</b:Rol><b:Rol>Burger</b:Rol>")),
    answer("<a:Abonnement><a:isBerichtSturen>true</a:isBerichtSturen><a:klant/></a:Abonnement>"),
    answer("<a:Abonnement/>"),
    answer("<a:Ander/>"),
]


@pytest.mark.parametrize("octets", QUESTIONS, ids=range(len(QUESTIONS)))
def test_questions(octets: bytes) -> None:
    """e.2: the official schema accepts what we ask."""
    official("xsd0.xsd").assertValid(etree.fromstring(body_of(octets)))


@pytest.mark.parametrize("octets", [*QUESTIONS, *ANSWERS], ids=range(len(QUESTIONS) + len(ANSWERS)))
def test_same_verdict(octets: bytes) -> None:
    """Our schema says of each document what the official one says."""
    document = body_of(octets)
    ours = _xml.is_valid(etree.fromstring(document), SCHEMA)
    assert ours is official("xsd0.xsd").validate(etree.fromstring(document))


@pytest.mark.parametrize("kind", ["ApplicationFault", "DependentServiceFault"])
def test_faults(kind: str) -> None:
    """e.4: what our tests take for a fault is one by the official schema, and by ours."""
    detail = etree.fromstring(fault(kind)).find(f".//{{*}}{kind}")
    document = etree.tostring(detail, with_tail=False)
    official("xsd3.xsd").assertValid(etree.fromstring(document))
    assert _xml.is_valid(etree.fromstring(document), "wus-shared.xsd")


def test_examples_of_the_digest() -> None:
    """e.6: the examples are read: an answer, and the two faults."""
    found = read_antwoord((EXAMPLES / "wus-response.xml").read_bytes(), question())
    assert found.geabonneerd == {ONE: True, TWO: False}
    for name, kind in [("application", ApplicationFaultError), ("dependent", DependentServiceFaultError)]:
        with pytest.raises(kind):
            read_antwoord((EXAMPLES / f"wus-fault-{name}.xml").read_bytes(), question())


@pytest.mark.parametrize(
    ("variant", "name"),
    [(Variant.VOLLEDIG, "Volledig"), (Variant.BSN_LIJST, "BSN Lijst"), (Variant.MUTATIE, "Mutatie")],
)
def test_requests(variant: Variant, name: str) -> None:
    """d.1: element for element as the official examples, which our schema accepts (there is no official one)."""
    example = etree.parse(REFERENCE / f"logius/voorbeeldberichten/GLOBE-R-A-Request - {name}.xml").getroot()
    assert _xml.is_valid(example, AANVRAAG)
    blocks: list[bytes] = []
    sinds = NOW if variant is Variant.MUTATIE else None
    asked = Aanvraag(oin=OIN(SENDER), verzoek_id=VERZOEK, variant=variant, sinds=sinds)
    write_aanvraag(asked, [ONE] * 5 if variant is Variant.BSN_LIJST else [], blocks.append)
    ours = etree.fromstring(b"".join(blocks))
    assert [one.tag for one in ours.iter()] == [one.tag for one in example.iter()]
    rebuilt = etree.XMLSchema(etree.parse(EXAMPLES / "abonnement-aanvraag.RECONSTRUCTED.xsd"))
    assert rebuilt.validate(ours)


def test_placeholder_of_the_answer() -> None:
    """d.3: the only answer that anybody has thought of can be read; what it means is another matter."""
    found = [*leaves_of((EXAMPLES / "a-result.UNVERIFIED.xml").read_bytes())]
    assert [one.path for one in found if one.path.endswith("BSN")] == ["BSNLijst/BSN"] * 2
