"""GLOBE's document that goes back: a verdict for each letter. Source: `berichtenbox` b.3, c.1 and c.3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from mobb_client.simulator._names import BVS, NIL, RES
from mobb_client.simulator._templates import moment
from mobb_client.simulator.outcomes import stadium

_COUNTS: Final = {
    "AantalBerichtenSuccesvolVerwerkt": "Verwerkt",
    "AantalBerichtenGeenActieveBoxOfGeabonneertOpLeverancier": "NietActiefOfGeabonneerd",
    "AantalBerichtenMetTechnischProbleem": "",
    "AantalBerichtenBerichtTypeNietCorrect": "BerichtTypeNietOndersteund",
    "AantalBerichtenPublicatieDatumNietCorrect": "PublicatieDatumLigtTeVerInDeToekomst",
    "AantalBerichtenAanmaakDatumNietCorrect": "AanmaakDatumLigtTeVerInHetVerleden",
}
"""What each number counts; the empty one all codes that have no number of their own."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one letter."""

    bericht_id: str
    berichttype: str
    code: str

    @classmethod
    def of_batch(cls, code: str) -> Verdict:
        """Return a verdict on a batch that could not be taken apart."""
        return cls(NIL, "Onbekend", code)


def write(  # noqa: PLR0913 - what a result says
    *, oin: str, batch_id: str, verdicts: Sequence[Verdict], letters: int, received: datetime, processed: datetime
) -> bytes:
    """Return the BerichtVerwerkResponse, UTF-8.

    Args:
        oin: BerichtLeverancierID of the batch.
        batch_id: its BatchID.
        verdicts: those that this result gives.
        letters: how many letters they are about.
        received: DatumOntvangen.
        processed: DatumVerwerkt.
    """
    counts = "".join(f"<{name}>{count}</{name}>" for name, count in _counted(verdicts, letters))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<bvs:BerichtVerwerkResponse xmlns:bvs="{BVS}" xmlns:res="{RES}">'
        f"<BatchInformatie><BerichtLeverancierCode>{escape(oin)}</BerichtLeverancierCode>"
        f"<BatchID>{batch_id}</BatchID>{counts}<DatumOntvangen>{moment(received)}</DatumOntvangen>"
        f"<DatumVerwerkt>{moment(processed)}</DatumVerwerkt></BatchInformatie>"
        f"<Berichten>{''.join(map(_row, verdicts))}</Berichten></bvs:BerichtVerwerkResponse>"
    ).encode()


def _row(verdict: Verdict) -> str:
    return (
        f"<res:Bericht><BerichtID>{verdict.bericht_id}</BerichtID>"
        f"<BerichtType>{escape(verdict.berichttype)}</BerichtType>"
        f"<VerwerkingsCode>{escape(verdict.code)}</VerwerkingsCode>"
        f"<Stadium>{stadium(verdict.code)}</Stadium></res:Bericht>"
    )


def _counted(verdicts: Sequence[Verdict], letters: int) -> Iterator[tuple[str, int]]:
    codes = Counter(verdict.code for verdict in verdicts)
    own = {name: codes[code] for name, code in _COUNTS.items() if code}
    yield "TotaalAantalOntvangenBerichten", letters
    for name in _COUNTS:
        yield name, own.get(name, letters - sum(own.values()))
