"""Subscriptions to test with: questions, answers and faults, good and hostile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tests.letters import SENDER

from mobb_client.berichtenbox.aanvraag import NS_ABO
from mobb_client.berichtenbox.abonnementen import Abonnement, Bron, Validatie
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.berichtenbox.wus import NS_SHARED, NS_SOAP, NS_TYPES, NS_WUS

ONE, TWO, THREE, FOREIGN = map(BSN, ("999993653", "999990019", "000000012", "123456782"))
NOW: Final = datetime(2026, 11, 22, 4, tzinfo=UTC)
VERZOEK: Final = UUID("f1f2a3b4-0001-4a00-8c00-000000000002")


def question(*bsns: BSN, berichttype: str = "BESCHIK") -> Validatie:
    """Return a question about these citizens, or about two."""
    return Validatie(oin=OIN(SENDER), berichttype=berichttype, bsns=bsns or (ONE, TWO))


def fact(
    *, yes: bool = True, moment: datetime = NOW, berichttype: str | None = None, bron: Bron = Bron.WUS
) -> Abonnement:
    """Return a fact."""
    return Abonnement(geabonneerd=yes, bron=bron, moment=moment, berichttype=berichttype)


def entry(key: str | None, may: str = "true", rol: str = "<b:Rol>Burger</b:Rol>") -> str:
    """Return one entry of an answer."""
    shown = "" if key is None else f"<b:Key>{key}</b:Key>"
    return f"<a:Abonnement><a:klant>{shown}{rol}</a:klant><a:isBerichtSturen>{may}</a:isBerichtSturen></a:Abonnement>"


def soap(body: str) -> bytes:
    """Return a SOAP envelope as WCF writes one."""
    return f'<s:Envelope xmlns:s="{NS_SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


def answer(*entries: str) -> bytes:
    """Return an answer with these entries."""
    return soap(
        f'<ValidateAbonnementenResponse xmlns="{NS_WUS}"><ValidateAbonnementenResult xmlns:a="{NS_TYPES}"'
        f' xmlns:b="{NS_SHARED}">{"".join(entries)}</ValidateAbonnementenResult></ValidateAbonnementenResponse>'
    )


def fault(kind: str = "", text: str = "Onbekend: 999993653", code: str = "s:Client") -> bytes:
    """Return a fault of a kind; its text has a BSN in it."""
    detail = f'<{kind} xmlns="{NS_SHARED}"><Message>{text}</Message></{kind}>' if kind else f"<x>{text}</x>"
    return soap(
        f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></s:Fault>"
    )


def bulk_answer(body: str = "<BSNLijst><BSN>999993653</BSN></BSNLijst>", *, namespace: str = NS_ABO) -> bytes:
    """Return an answer of the AbonnementService in the only form that anybody has thought of."""
    return (
        f'<abo:AbonnementAntwoord xmlns:abo="{namespace}"><VerzoekId>{VERZOEK}</VerzoekId>{body}'
        "</abo:AbonnementAntwoord>"
    ).encode()
