"""The BerichtenboxValidatieService: who is subscribed, asked over SOAP. It reads and writes by itself.

Source: `berichtenbox` e.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from mobb_client.simulator._records import Answer

PATH: Final = "/BerichtenboxValidatieService"
_WUS: Final = "http://schemas.rdw.nl/GEB/BerichtenboxValidatieService/2009/01"
_TYPES: Final = "http://schemas.rdw.nl/GEB/BerichtenboxValidatieService/Types/2009/01"
_SHARED: Final = "http://schemas.rdw.nl/GEB/Shared/Types/2009/01"
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_NS: Final = {"soap": _SOAP, "val": _WUS, "typ": _TYPES, "sha": _SHARED}
_ASKED: Final = "soap:Body/val:ValidateAbonnementen/val:validateAbonnementenAanvraag"
_MOST: Final = 250
_ACTION: Final = f'"{_WUS}/IBerichtenboxValidatieService/ValidateAbonnementen"'
_XML: Final = {"Content-Type": "text/xml; charset=utf-8"}


def url_beside(endpoint: str) -> str:
    """Return the URL of the service on the host and port of another endpoint."""
    where = urlsplit(endpoint)
    return f"{where.scheme}://{where.netloc}{PATH}"


class Validatiedienst:
    """Answers ValidateAbonnementen.

    Args:
        is_subscribed: whether a citizen, by BSN, is sent letters of a BerichtType.
        knows: whether an OIN is a supplier.
        active: the BerichtTypes that are active; None for any.

    Attributes:
        questions: for each question its OIN, BerichtType and how many citizens.
        silent: BSNs of whom nothing is answered.
        next: answers that are given in the place of the next ones, whatever was asked.
    """

    def __init__(
        self,
        is_subscribed: Callable[[str, str], bool],
        *,
        knows: Callable[[str], bool],
        active: Callable[[], Collection[str] | None],
    ) -> None:
        self._is_subscribed = is_subscribed
        self._knows = knows
        self._active = active
        self.questions: list[tuple[str, str, int]] = []
        self.silent: set[str] = set()
        self.next: deque[Answer] = deque()

    def down_next(self, text: str = "GBA niet bereikbaar") -> None:
        """Answer the next question with a DependentServiceFault."""
        self.next.append(_fault("DependentServiceFault", text, "s:Server"))

    def refuse_next(self, text: str = "niet toegestaan") -> None:
        """Answer the next question with an ApplicationFault."""
        self.next.append(_fault("ApplicationFault", text, "s:Client"))

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the HTTP answer to a question."""
        if self.next:
            return self.next.popleft()
        try:
            root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError:
            return _fault("", "the body is no XML", "s:Client")
        asked = root.find(_ASKED, _NS)
        action = {name.lower(): value for name, value in headers.items()}.get("soapaction", "")
        if asked is None or action not in {_ACTION, '""'}:
            return _fault("", "no such operation", "s:Client")
        return self._judge(
            asked.findtext("typ:berichtleverancierCode", "", _NS),
            asked.findtext("typ:berichtTypeCode", "", _NS),
            [one.findtext("sha:Key", "", _NS) for one in asked.iterfind("typ:klanten/sha:Klant", _NS)],
        )

    def _judge(self, oin: str, berichttype: str, bsns: list[str]) -> Answer:
        self.questions.append((oin, berichttype, len(bsns)))
        active = self._active()
        if not self._knows(oin):
            return _fault("ApplicationFault", "leverancier onbekend", "s:Client")
        if active is not None and berichttype not in active:
            return _fault("ApplicationFault", "berichttype onbekend", "s:Client")
        if not 1 <= len(bsns) <= _MOST:
            return _fault("ApplicationFault", "1 tot 250 klanten", "s:Client")
        named = [(bsn, self._is_subscribed(bsn, berichttype)) for bsn in bsns if bsn not in self.silent]
        entries = "".join(
            f"<a:Abonnement><a:klant><b:Key>{escape(bsn)}</b:Key><b:Rol>Burger</b:Rol></a:klant>"
            f"<a:isBerichtSturen>{str(yes).lower()}</a:isBerichtSturen></a:Abonnement>"
            for bsn, yes in named
        )
        return _answer(
            200,
            f'<ValidateAbonnementenResponse xmlns="{_WUS}"><ValidateAbonnementenResult xmlns:a="{_TYPES}"'
            f' xmlns:b="{_SHARED}">{entries}</ValidateAbonnementenResult></ValidateAbonnementenResponse>',
        )


def _fault(kind: str, text: str, code: str) -> Answer:
    detail = f'<detail><{kind} xmlns="{_SHARED}"><Message>{escape(text)}</Message></{kind}></detail>' if kind else ""
    told = f'<faultcode>{code}</faultcode><faultstring xml:lang="nl-NL">{escape(text)}</faultstring>'
    return _answer(500, f"<s:Fault>{told}{detail}</s:Fault>")


def _answer(status: int, body: str) -> Answer:
    document = f'<s:Envelope xmlns:s="{_SOAP}"><s:Body>{body}</s:Body></s:Envelope>'
    return Answer(status=status, headers=_XML, body=document.encode())
