"""ValidateAbonnementen as it goes over the wire: SOAP 1.1, document/literal. Source: `berichtenbox` e."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from lxml import etree
from lxml.builder import ElementMaker

from mobb_client import _xml
from mobb_client.berichtenbox.abonnementen import Validatie, Validatieantwoord
from mobb_client.berichtenbox.identiteit import BSN
from mobb_client.errors import ApplicationFaultError, DependentServiceFaultError, Finding, FormatError, SoapFaultError

NS_WUS: Final = "http://schemas.rdw.nl/GEB/BerichtenboxValidatieService/2009/01"
NS_TYPES: Final = "http://schemas.rdw.nl/GEB/BerichtenboxValidatieService/Types/2009/01"
NS_SHARED: Final = "http://schemas.rdw.nl/GEB/Shared/Types/2009/01"
NS_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
NS_WSA: Final = "http://www.w3.org/2005/08/addressing"
ACTION: Final = f"{NS_WUS}/IBerichtenboxValidatieService/ValidateAbonnementen"
SCHEMA: Final = "wus-validatie.xsd"
MAX_OCTETS: Final = 1_000_000
"""An answer that is larger is not read: that about 250 citizens takes some 50 kB."""

_NS: Final = {"soap": NS_SOAP, "val": NS_WUS, "typ": NS_TYPES, "sha": NS_SHARED}
_ANONYMOUS: Final = f"{NS_WSA}/anonymous"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_SOAP: Final = ElementMaker(namespace=NS_SOAP, nsmap={"soap": NS_SOAP})
_WSA: Final = ElementMaker(namespace=NS_WSA, nsmap={"wsa": NS_WSA})
_VAL: Final = ElementMaker(namespace=NS_WUS, nsmap={"val": NS_WUS, "typ": NS_TYPES, "sha": NS_SHARED})
_TYP: Final = ElementMaker(namespace=NS_TYPES)
_SHA: Final = ElementMaker(namespace=NS_SHARED)
_CODES: Final = frozenset({"Client", "Server", "VersionMismatch", "MustUnderstand"})
_TRUE: Final = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """The WS-Addressing headers of a request, which Digikoppeling asks for and the WSDL does not (k.7).

    Args:
        to: the endpoint.
        message_id: a URI, such as ``urn:uuid:...``.
    """

    to: str
    message_id: str


def write_validatie(validatie: Validatie, addressing: Addressing | None = None) -> bytes:
    """Return the SOAP envelope of a question, UTF-8. Same question, same octets.

    Source: `berichtenbox` e.2, k.7.
    """
    klanten = (_SHA.Klant(_SHA.Key(bsn.digits), _SHA.Rol("Burger")) for bsn in validatie.bsns)
    asked = _VAL.validateAbonnementenAanvraag(
        _TYP.berichtleverancierCode(str(validatie.oin)),
        _TYP.berichtTypeCode(validatie.berichttype),
        _TYP.klanten(*klanten),
    )
    body = _SOAP.Body(_VAL.ValidateAbonnementen(asked))
    envelope = _SOAP.Envelope(*_header(addressing), body)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def _header(addressing: Addressing | None) -> Iterator[etree._Element]:
    if addressing is not None:
        yield _SOAP.Header(
            _WSA.To(addressing.to),
            _WSA.Action(ACTION),
            _WSA.MessageID(addressing.message_id),
            _WSA.ReplyTo(_WSA.Address(_ANONYMOUS)),
        )


def read_antwoord(octets: bytes, asked: Validatie) -> Validatieantwoord:
    """Read the answer to a question, whatever HTTP status it came with.

    Who was asked about and is not named is unknown. Nobody is told of whom was not asked: such an entry is left out,
    with a warning, and an answer that speaks of nobody else is an answer to somebody else's question.

    Raises:
        ApplicationFaultError: they refuse the question.
        DependentServiceFaultError: something behind the service is down: ask later.
        SoapFaultError: another fault.
        FormatError: no answer that the schema allows, or one that contradicts itself.

    Source: `berichtenbox` e.3, e.4.
    """
    if len(octets) > MAX_OCTETS:
        raise FormatError("wus.size", "the answer is larger than that about 250 citizens can be")
    root = _xml.parse(octets, "answer")
    if root.tag != f"{{{NS_SOAP}}}Envelope":
        raise FormatError("wus.root", "the answer is no SOAP 1.1 envelope", location="/")
    body = _xml.one(root, "soap:Body", _NS)
    if (fault := body.find("soap:Fault", _NS)) is not None:
        _refuse(fault)
    response = _xml.one(body, "val:ValidateAbonnementenResponse", _NS)
    alone = etree.fromstring(etree.tostring(response, with_tail=False))  # the schema judges the root of a document
    if not _xml.is_valid(alone, SCHEMA):
        raise FormatError("wus.schema", "the answer is not as the schema says", location="soap:Body")
    return _Reader(asked).read(alone)


class _Reader:
    """Reads one answer that the schema allows."""

    def __init__(self, asked: Validatie) -> None:
        self._asked: Mapping[str, BSN] = {bsn.digits: bsn for bsn in asked.bsns}
        self._found: dict[BSN, bool] = {}
        self._odd: dict[str, int] = {}

    def read(self, response: etree._Element) -> Validatieantwoord:
        for entry in _xml.children(response, "val:ValidateAbonnementenResult/typ:Abonnement", _NS):
            self._take(entry)
        if not self._found and self._odd.get("wus.foreign"):
            raise FormatError("wus.foreign", "the answer is about nobody who was asked about", location="soap:Body")
        return Validatieantwoord(
            geabonneerd=self._found,
            onbekend=tuple(bsn for bsn in self._asked.values() if bsn not in self._found),
            warnings=tuple(
                Finding(code, field="Abonnement", measure=f"{count} times", severity="warning")
                for code, count in self._odd.items()
            ),
        )

    def _take(self, entry: etree._Element) -> None:
        key = entry.findtext("typ:klant/sha:Key", "", _NS).strip()
        if not key or entry.get(_NIL, "") in _TRUE:
            self._note("wus.empty")
            return
        bsn = self._asked.get(key.zfill(9))
        if bsn is None:
            self._note("wus.foreign")
            return
        may = entry.findtext("typ:isBerichtSturen", "", _NS).strip() in _TRUE
        if self._found.setdefault(bsn, may) is not may:
            raise FormatError("wus.twice", "the answer says yes and no of the same citizen", location="soap:Body")

    def _note(self, code: str) -> None:
        self._odd[code] = self._odd.get(code, 0) + 1


def _refuse(fault: etree._Element) -> NoReturn:
    """Raise what a fault says, in our words: its own text may hold anything, a BSN too.

    Source: `berichtenbox` e.4.
    """
    code = fault.findtext("faultcode", "").strip().rpartition(":")[2]
    shown = f"faultcode {code if code in _CODES else 'of another kind'}"
    for kind in (DependentServiceFaultError, ApplicationFaultError):
        if fault.find(f"detail/sha:{kind.element}", _NS) is not None:
            raise kind(measure=shown)
    raise SoapFaultError(measure=shown)
