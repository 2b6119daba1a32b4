"""Who is subscribed: what is known of a citizen, for how long it counts, and what it means for a letter.

Unknown is never "no", and a fact that is too old is unknown. Source: `berichtenbox` d, e, k.18; B67 in spirit: what is
said of one is said of nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.errors import FieldError, Finding

MAX_BSNS_VALIDATIE: Final = 250
"""BSNs in one call of ValidateAbonnementen (`berichtenbox` e.2)."""
MAX_BSNS_AANVRAAG: Final = 1_000_000
"""BSNs in one request to the AbonnementService (`berichtenbox` d.1)."""
GELDIG: Final = timedelta(days=7)
"""How long a fact may be used for a batch (`berichtenbox` d.4)."""
ANTWOORD_BINNEN: Final = timedelta(hours=4)
"""Within which the AbonnementService answers (`berichtenbox` d.2)."""
MARGE: Final = timedelta(hours=24)
"""How long before the previous request the next one asks for changes (`berichtenbox` d.2)."""
_MAX_BERICHTTYPE: Final = 8
_CLOCKS_DIFFER: Final = timedelta(minutes=10)


class Bron(StrEnum):
    """Where a fact comes from. The names are for ever."""

    WUS = "wus"
    ABONNEMENTSERVICE = "abonnementservice"
    RESULTAAT = "resultaat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abonnement:
    """One fact about one citizen, who is not named here.

    Args:
        geabonneerd: whether letters may be sent.
        bron: who said so.
        moment: when it was asked, or the result came: from then on it counts for seven days.
        berichttype: of which BerichtType; None when it was said of the supplier as a whole (k.18).
    """

    geabonneerd: bool
    bron: Bron
    moment: datetime
    berichttype: str | None = None

    def is_geldig(self, now: datetime) -> bool:
        """Tell whether it may still be used; a fact from the future is none, for a clock was wrong."""
        return -_CLOCKS_DIFFER <= now - self.moment < GELDIG


class Besluit(StrEnum):
    """What the facts mean for a letter."""

    DIGITAAL = "digitaal"
    PAPIER = "papier"
    ONBEKEND = "onbekend"


@dataclass(frozen=True, slots=True)
class Oordeel:
    """A decision with its evidence; None when nothing is known that counts."""

    besluit: Besluit
    bewijs: Abonnement | None = None


def oordeel(feiten: Iterable[Abonnement], berichttype: str, now: datetime) -> Oordeel:
    """Return what the facts about one citizen mean for a letter of a BerichtType, now.

    A fact about the type counts before one about the supplier, since a citizen may switch off one type; only a later
    "no" of the supplier takes back a "yes" about the type.

    Source: `berichtenbox` d.2, d.4, k.18.
    """
    own, general = (_newest(feiten_of, now) for feiten_of in _parted(feiten, berichttype))
    taken_back = own is not None and general is not None and not general.geabonneerd and general.moment > own.moment
    counts = general if own is None or taken_back else own
    if counts is None:
        return Oordeel(Besluit.ONBEKEND)
    return Oordeel(Besluit.DIGITAAL if counts.geabonneerd else Besluit.PAPIER, counts)


def _parted(feiten: Iterable[Abonnement], berichttype: str) -> tuple[list[Abonnement], list[Abonnement]]:
    known = list(feiten)
    return [one for one in known if one.berichttype == berichttype], [one for one in known if one.berichttype is None]


def _newest(feiten: Iterable[Abonnement], now: datetime) -> Abonnement | None:
    return max((one for one in feiten if one.is_geldig(now)), key=lambda one: one.moment, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validatie:
    """One question to the BerichtenboxValidatieService: may letters of this type go to these citizens?

    Args:
        oin: whose letters.
        berichttype: of which type, 1 to 8 characters.
        bsns: 1 to 250; one that is named twice is asked once.

    Raises:
        FieldError: ``validatie.bsns`` or ``validatie.berichttype``.

    Source: `berichtenbox` e.2.
    """

    oin: OIN
    berichttype: str
    bsns: tuple[BSN, ...]

    def __post_init__(self) -> None:
        """Check the bounds."""
        object.__setattr__(self, "bsns", tuple(dict.fromkeys(self.bsns)))
        if not 1 <= len(self.berichttype) <= _MAX_BERICHTTYPE or not self.berichttype.strip():
            measure = f"{len(self.berichttype)} characters"
            raise FieldError("validatie.berichttype", field="berichttype", measure=measure, limit=_MAX_BERICHTTYPE)
        if not 1 <= len(self.bsns) <= MAX_BSNS_VALIDATIE:
            raise FieldError("validatie.bsns", field="bsns", measure=f"{len(self.bsns)} BSNs", limit=MAX_BSNS_VALIDATIE)


@dataclass(frozen=True, slots=True, repr=False)
class Validatieantwoord:
    """What was answered.

    Args:
        geabonneerd: of whom something is known: whether letters may be sent.
        onbekend: who was asked about and not answered for: not a "no".
        warnings: what was odd about the answer.
    """

    geabonneerd: Mapping[BSN, bool]
    onbekend: tuple[BSN, ...] = ()
    warnings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        """Count, and name nobody."""
        yes = sum(self.geabonneerd.values())
        no, unknown = len(self.geabonneerd) - yes, len(self.onbekend)
        return f"Validatieantwoord({yes} geabonneerd, {no} niet, {unknown} onbekend)"


class Variant(StrEnum):
    """The three requests of the AbonnementService."""

    VOLLEDIG = "volledig"
    BSN_LIJST = "bsn-lijst"
    MUTATIE = "mutatie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aanvraag:
    """One request to the AbonnementService, without the BSNs that it may list: those are streamed.

    Args:
        oin: whose subscribers.
        verzoek_id: names the request; the answer should repeat it.
        variant: all of them, those of a list, or what changed.
        sinds: with `Variant.MUTATIE` only, and then always: an aware moment.

    Raises:
        FieldError: ``aanvraag.sinds``.

    Source: `berichtenbox` d.1.
    """

    oin: OIN
    verzoek_id: UUID
    variant: Variant
    sinds: datetime | None = None

    def __post_init__(self) -> None:
        """Check that a moment is given exactly when changes are asked for."""
        wrong = (self.sinds is not None) != (self.variant is Variant.MUTATIE)
        if wrong or (self.sinds is not None and self.sinds.tzinfo is None):
            measure = f"{self.variant} with {'a' if self.sinds else 'no'} moment"
            raise FieldError("aanvraag.sinds", field="sinds", measure=measure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verzoek:
    """A request that was made, and what became of it.

    Args:
        aanvraag: the request.
        cpa_id: under which CPA it went.
        message_id: in which ebMS message.
        gevraagd: when.
        beantwoord: when its answer came; None while it is awaited.
        verwerkt: when its answer was put into the register.
        aantal: how many BSNs it lists; 0 for the other variants.
        feiten: how many facts the answer gave, once it was read.
        gemeld: when was told that the answer stays away, or cannot be read.
    """

    aanvraag: Aanvraag
    cpa_id: str
    message_id: str
    gevraagd: datetime
    beantwoord: datetime | None = None
    verwerkt: datetime | None = None
    aantal: int = 0
    feiten: int = 0
    gemeld: datetime | None = None

    def is_late(self, now: datetime) -> bool:
        """Tell whether the answer should have been here. Source: `berichtenbox` d.2, four hours."""
        return self.beantwoord is None and self.gevraagd + ANTWOORD_BINNEN <= now


def volgende_mutatie(verzoeken: Collection[Verzoek], oin: OIN) -> datetime | None:
    """Return from when on the next request should ask for changes; None when only a full one will do.

    That is a day before the last full or mutation request that was answered was made, not when its answer came: what
    changed in between would never be told.

    Source: `berichtenbox` d.2.
    """
    made = (
        one.gevraagd
        for one in verzoeken
        if one.aanvraag.oin == oin and one.aanvraag.variant is not Variant.BSN_LIJST and one.beantwoord is not None
    )
    last = max(made, default=None)
    return None if last is None else last - MARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What the register knows of one OIN.

    Args:
        geabonneerd: citizens with a "yes" that counts.
        niet: citizens with a "no" that counts.
        verlopen: facts that are too old to count.
        oudste: the moment of the oldest fact that counts.
    """

    geabonneerd: int = 0
    niet: int = 0
    verlopen: int = 0
    oudste: datetime | None = field(default=None)
