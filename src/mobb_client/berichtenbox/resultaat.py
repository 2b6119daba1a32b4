"""What the Berichtenbox says of a batch: a verdict for each letter, and which letter it is for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox.identiteit import measure
from mobb_client.errors import Finding

_EIGHT_DIGITS: Final = re.compile(r"[0-9]{8}")
_MOST_SHOWN: Final = 64


class Verwerkingscode(StrEnum):
    """The codes of the schema. A code outside it is kept raw, and is never taken for one of these.

    Source: `berichtenbox` c.2.
    """

    VERWERKT = "Verwerkt"
    TECHNISCH_PROBLEEM = "TechnischProbleem"
    NIET_ACTIEF_OF_GEABONNEERD = "NietActiefOfGeabonneerd"
    BERICHTTYPE_NIET_ONDERSTEUND = "BerichtTypeNietOndersteund"
    PUBLICATIEDATUM_LIGT_TE_VER_IN_DE_TOEKOMST = "PublicatieDatumLigtTeVerInDeToekomst"
    AANMAAKDATUM_LIGT_TE_VER_IN_HET_VERLEDEN = "AanmaakDatumLigtTeVerInHetVerleden"
    BERICHT_BESTAAT_AL = "BerichtBestaatAl"
    BIJLAGE_TE_GROOT = "BijlageTeGroot"
    OIN_IN_CPA_KOMT_NIET_OVEREEN_MET_OIN_IN_BERICHT = "OinInCPAKomtNietOvereenMetOinInBericht"
    XML_VALIDATIE_TEGEN_XSD_VALT_NEGATIEF_UIT = "XmlValidatieTegenXsdValtNegatiefUit"

    @property
    def klasse(self) -> Klasse:
        """What is to be done with a letter that has this code."""
        return _KLASSEN[self]


class Klasse(StrEnum):
    """What is to be done with a letter.

    Source: `berichtenbox` c.2.
    """

    BEZORGD = "bezorgd"
    """It is in the Berichtenbox: final."""
    PAPIER = "papier"
    """It cannot be delivered there: final, another channel."""
    OPNIEUW = "opnieuw"
    """A fault at Logius: the same ids again, after a while."""
    HERSTEL = "herstel"
    """The letter or its batch is to be repaired, then the same ids again."""
    INSTELLING = "instelling"
    """The configuration is to be repaired and everything like it stopped, then the same ids again."""
    DUBBEL = "dubbel"
    """It was offered before: the first result decides, never this one."""
    SOFTWARE = "software"
    """This library wrote what it should not have: stop."""
    ONBEKEND = "onbekend"
    """The code says nothing that is known: a person looks."""

    @property
    def needs_human(self) -> bool:
        """Whether nothing but a person's decision moves such a letter on."""
        return self in _FOR_A_PERSON


_FOR_A_PERSON: Final = frozenset({Klasse.INSTELLING, Klasse.DUBBEL, Klasse.SOFTWARE, Klasse.ONBEKEND})
_KLASSEN: Final = {
    Verwerkingscode.VERWERKT: Klasse.BEZORGD,
    Verwerkingscode.TECHNISCH_PROBLEEM: Klasse.OPNIEUW,
    Verwerkingscode.NIET_ACTIEF_OF_GEABONNEERD: Klasse.PAPIER,
    Verwerkingscode.BERICHTTYPE_NIET_ONDERSTEUND: Klasse.INSTELLING,
    Verwerkingscode.PUBLICATIEDATUM_LIGT_TE_VER_IN_DE_TOEKOMST: Klasse.HERSTEL,
    Verwerkingscode.AANMAAKDATUM_LIGT_TE_VER_IN_HET_VERLEDEN: Klasse.HERSTEL,
    Verwerkingscode.BERICHT_BESTAAT_AL: Klasse.DUBBEL,
    Verwerkingscode.BIJLAGE_TE_GROOT: Klasse.HERSTEL,
    Verwerkingscode.OIN_IN_CPA_KOMT_NIET_OVEREEN_MET_OIN_IN_BERICHT: Klasse.INSTELLING,
    Verwerkingscode.XML_VALIDATIE_TEGEN_XSD_VALT_NEGATIEF_UIT: Klasse.SOFTWARE,
}
_KNOWN: Final = {code.value: code for code in Verwerkingscode}
_KLASSE_OF: Final = {code.value: klasse for code, klasse in _KLASSEN.items()}
_FINDINGS: Final = {
    code: Finding(
        f"resultaat.{code}",
        field="verwerkingscode",
        measure=code,
        severity="warning" if klasse is Klasse.BEZORGD else "error",
    )
    for code, klasse in _KLASSE_OF.items()
}
"""What each code means, made once: a thousand letters of one result share a few."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BerichtResultaat:
    """The verdict on one letter, or on a whole batch when it names no letter.

    Args:
        bericht_id: which letter; None for the all-zero id, which stands for every letter of the batch that has no
            verdict of its own (c.3).
        berichttype: as given, None when absent or empty.
        code: the VerwerkingsCode as given, known or not.
        stadium: where in their process something went wrong, for a ticket; None when absent, nil or empty.
    """

    bericht_id: UUID | None
    berichttype: str | None
    code: str
    stadium: str | None

    @property
    def verwerkingscode(self) -> Verwerkingscode | None:
        """The code, or None when it stands outside the schema."""
        return _KNOWN.get(self.code)

    @property
    def klasse(self) -> Klasse:
        """What is to be done; an unknown code is for a person, and so is success that names no letter (B65, B67)."""
        if self.bericht_id is None and self.code == Verwerkingscode.VERWERKT:
            return Klasse.ONBEKEND
        return _KLASSE_OF.get(self.code, Klasse.ONBEKEND)

    @property
    def finding(self) -> Finding:
        """What the code means and what to do, in the one shape of all findings."""
        if self.klasse is Klasse.ONBEKEND:
            return Finding("resultaat.onbekend", field="verwerkingscode", measure=shown(self.code))
        return _FINDINGS[self.code]

    def __repr__(self) -> str:
        """Return id, code and stadium, as far as they are short and hold no number of eight digits."""
        stadium = None if self.stadium is None else shown(self.stadium)
        return f"BerichtResultaat(bericht_id={self.bericht_id}, code={shown(self.code)}, stadium={stadium})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BatchResultaat:
    """What came back for one batch. The counts are for an alarm and never decide about a letter (c.1).

    Args:
        batch_id: the batch that was offered.
        oin: BerichtLeverancierCode as given; None when absent.
        aantallen: the seven counts by element name, as far as they are given and readable.
        datum_ontvangen: when they received it, UTC; None when absent or unreadable.
        datum_verwerkt: when they processed it, UTC; evidence.
        berichten: the verdicts; none means no verdict.
        warnings: what is odd about the document and yet left its verdicts readable.
    """

    batch_id: UUID
    oin: str | None
    aantallen: Mapping[str, int]
    datum_ontvangen: datetime | None
    datum_verwerkt: datetime | None
    berichten: tuple[BerichtResultaat, ...]
    warnings: tuple[Finding, ...] = ()

    def consistency(self, sent: int | None = None) -> tuple[Finding, ...]:
        """Find where the counts contradict each other, the verdicts, or the number of letters that were sent.

        Source: `berichtenbox` c.1.
        """
        return tuple(_inconsistencies(self, sent))

    def __repr__(self) -> str:
        """Return its id and how many verdicts it holds."""
        return f"BatchResultaat({self.batch_id}, {len(self.berichten)} results)"


TOTAAL: Final = "TotaalAantalOntvangenBerichten"
AANTALLEN: Final = (
    TOTAAL,
    "AantalBerichtenSuccesvolVerwerkt",
    "AantalBerichtenGeenActieveBoxOfGeabonneertOpLeverancier",
    "AantalBerichtenMetTechnischProbleem",
    "AantalBerichtenBerichtTypeNietCorrect",
    "AantalBerichtenPublicatieDatumNietCorrect",
    "AantalBerichtenAanmaakDatumNietCorrect",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uitkomst:
    """What a result says of one letter that was sent.

    Args:
        kenmerk: the caller's key.
        bericht_id: its BerichtID.
        resultaten: the verdicts that name it, or else those on its whole batch; none when there is no verdict yet.
    """

    kenmerk: str
    bericht_id: UUID
    resultaten: tuple[BerichtResultaat, ...]

    @property
    def said(self) -> tuple[tuple[Klasse, str, str | None], ...]:
        """All that its verdicts say: what becomes of the letter follows from this and from where it stands."""
        return tuple([(verdict.klasse, verdict.code, verdict.stadium) for verdict in self.resultaten])

    @property
    def klasse(self) -> Klasse | None:
        """What is to be done; None while there is no verdict; verdicts that differ are for a person."""
        klassen = {resultaat.klasse for resultaat in self.resultaten}
        codes = {resultaat.code for resultaat in self.resultaten}
        if not klassen:
            return None
        return klassen.pop() if len(codes) == 1 else Klasse.ONBEKEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Toewijzing:
    """A result laid beside what was sent.

    Args:
        uitkomsten: one for each letter of the batch it answers, and for each letter of another batch that it names.
        onbekend: verdicts on letters that were never sent.
        findings: what does not agree: the batch, a letter twice, the counts.
    """

    uitkomsten: tuple[Uitkomst, ...]
    onbekend: tuple[BerichtResultaat, ...]
    findings: tuple[Finding, ...]


def correlate(
    result: BatchResultaat, sent: Mapping[UUID, Mapping[UUID, str]], *, done: Collection[UUID] = ()
) -> Toewijzing:
    """Lay a result beside what was sent; every letter of its batch gets exactly one outcome.

    Args:
        result: as it was parsed.
        sent: BatchID -> BerichtID -> kenmerk, as `Batch.kenmerken` gives it.
        done: BerichtIDs that have a verdict already: a verdict on the whole batch is not for them.

    Source: `berichtenbox` c.3; B67, B68.
    """
    letters = sent.get(result.batch_id, {})
    named = _by_letter(result)
    on_batch = named.pop(None, [])
    elsewhere = dict(_elsewhere(sent, [letter for letter in named if letter is not None and letter not in letters]))
    outcomes = tuple(
        Uitkomst(
            kenmerk=kenmerk,
            bericht_id=letter,
            resultaten=tuple(named.pop(letter, () if letter in done else on_batch)),
        )
        for letter, kenmerk in chain(letters.items(), elsewhere.items())
    )
    strangers = tuple(verdict for verdicts in named.values() for verdict in verdicts)
    return Toewijzing(
        uitkomsten=outcomes,
        onbekend=strangers if letters else (*strangers, *on_batch),
        findings=tuple(_disagreements(result, sent, outcomes, strangers)),
    )


def _elsewhere(sent: Mapping[UUID, Mapping[UUID, str]], letters: Iterable[UUID]) -> Iterator[tuple[UUID, str]]:
    """Return (BerichtID, kenmerk) of those letters that were sent, in whichever batch."""
    for letter in letters:
        if (kenmerk := next((batch[letter] for batch in sent.values() if letter in batch), None)) is not None:
            yield letter, kenmerk


def shown(text: str) -> str:
    """Return a text from outside when it can do no harm in a log: short, printable, no number of eight digits."""
    harmless = len(text) <= _MOST_SHOWN and text.isprintable() and not _EIGHT_DIGITS.search(text)
    return text if harmless else measure(text)


def _by_letter(result: BatchResultaat) -> dict[UUID | None, list[BerichtResultaat]]:
    found: dict[UUID | None, list[BerichtResultaat]] = {}
    for verdict in result.berichten:
        found.setdefault(verdict.bericht_id, []).append(verdict)
    return found


def _disagreements(
    result: BatchResultaat,
    sent: Mapping[UUID, Mapping[UUID, str]],
    outcomes: tuple[Uitkomst, ...],
    strangers: tuple[BerichtResultaat, ...],
) -> Iterator[Finding]:
    letters = sent.get(result.batch_id)
    if letters is None:
        yield _odd("result.batch", "BatchID", str(result.batch_id))
    yield from result.consistency(None if letters is None else len(letters))
    for outcome in outcomes:
        if letters and outcome.bericht_id not in letters:
            yield _odd("result.other-batch", "BerichtID", str(outcome.bericht_id))
        if len(outcome.resultaten) > 1 and len({verdict.code for verdict in outcome.resultaten}) > 1:
            yield _odd("result.twice", "BerichtID", str(outcome.bericht_id))
    for stranger in strangers:
        yield _odd("result.letter", "BerichtID", str(stranger.bericht_id))


def _inconsistencies(result: BatchResultaat, sent: int | None) -> Iterator[Finding]:
    counts = dict(result.aantallen)
    total = counts.pop(TOTAAL, None)
    if total is None:
        return
    if len(counts) == len(AANTALLEN) - 1 and sum(counts.values()) != total:
        yield _odd("result.counts", TOTAAL, f"{total} received, the other counts together {sum(counts.values())}")
    if sent is not None and total != sent:
        yield _odd("result.total", TOTAAL, f"{total} received, {sent} sent")
    if len(result.berichten) > total:
        yield _odd("result.total", "Berichten", f"{total} received, {len(result.berichten)} results")


def _odd(code: str, field: str, given: str) -> Finding:
    return Finding(code, field=field, measure=given, severity="warning")
