"""What becomes of a letter: by the BSN of its receiver, or as a test has it.

The BSNs begin with ``99990``, pass the elfproef and belong to nobody; any other BSN is `Verwerkt`.

Source: `berichtenbox` c.2, c.3 and f.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_STADIUM: Final = {
    "Verwerkt": "NA",
    "TechnischProbleem": "StoreMessage",
    "BerichtBestaatAl": "StoreMessage",
    "BijlageTeGroot": "StoreMessage",
    "NietActiefOfGeabonneerd": "ValidatieGebruiker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of a letter that nothing else is wrong with.

    Args:
        code: the VerwerkingsCode; any text.
        offers: how many times the letter gets that code before it gets `Verwerkt`; None for always.
        whole_batch: the verdict comes under the all-zero BerichtID, for the whole batch, of which nothing is stored.
        after: how long the verdict takes.
        results: in how many results, a minute apart, the verdict comes; 0 for never.
        gzipped: whether the result comes gzipped.
    """

    code: str = "Verwerkt"
    offers: int | None = None
    whole_batch: bool = False
    after: timedelta = timedelta()
    results: int = 1
    gzipped: bool = False

    def code_at(self, offer: int) -> str:
        """Return the code of the first, second and so on offer of one letter."""
        return self.code if self.offers is None or offer <= self.offers else "Verwerkt"


def stadium(code: str) -> str:
    """Return the stage of processing that goes with a code. Source: `berichtenbox` c.4."""
    return _STADIUM.get(code, "ValidatieBerichtType")


VERWERKT: Final = Outcome()
UNKNOWN_CODE: Final = "InBehandelingBijLogius"
LATE: Final = timedelta(hours=2)

TEST_BSNS: Final[dict[str, Outcome]] = {
    "999900006": VERWERKT,
    "999900109": Outcome(code="TechnischProbleem", offers=1),
    "999900201": Outcome(code="TechnischProbleem"),
    "999900304": Outcome(code="NietActiefOfGeabonneerd"),
    "999900407": Outcome(code="BerichtTypeNietOndersteund"),
    "999900511": Outcome(code="PublicatieDatumLigtTeVerInDeToekomst"),
    "999900602": Outcome(code="AanmaakDatumLigtTeVerInHetVerleden"),
    "999900705": Outcome(code="BerichtBestaatAl"),
    "999900808": Outcome(code="BijlageTeGroot"),
    "999900900": Outcome(code="OinInCPAKomtNietOvereenMetOinInBericht"),
    "999901011": Outcome(code="XmlValidatieTegenXsdValtNegatiefUit"),
    "999901102": Outcome(code="XmlValidatieTegenXsdValtNegatiefUit", whole_batch=True),
    "999901205": Outcome(code="OinInCPAKomtNietOvereenMetOinInBericht", whole_batch=True),
    "999901308": Outcome(code=UNKNOWN_CODE),
    "999901400": Outcome(after=LATE),
    "999901503": Outcome(results=2),
    "999901606": Outcome(gzipped=True),
    "999901709": Outcome(results=0),
}
"""By BSN, what becomes of a letter to it: ``99990``, two digits that count, and two that make the elfproef hold."""
