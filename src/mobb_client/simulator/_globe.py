"""GLOBE behind the message handler: keeps the letters, and says what becomes of each.

Source: `berichtenbox` c, h and k.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mobb_client.simulator._document import Document, Letter
from mobb_client.simulator._result import Verdict
from mobb_client.simulator.outcomes import TEST_BSNS, VERWERKT, Outcome

MAX_DAYS: Final = timedelta(days=13)
MAX_ATTACHMENTS: Final = 500_000
_BETWEEN_RESULTS: Final = timedelta(minutes=1)
_NOT_VALID: Final = "XmlValidatieTegenXsdValtNegatiefUit"
_NOT_YOURS: Final = "OinInCPAKomtNietOvereenMetOinInBericht"


@dataclass(frozen=True, slots=True)
class Result:
    """One result that is to be sent: when, how, with which verdicts on how many letters."""

    after: timedelta
    gzipped: bool
    verdicts: tuple[Verdict, ...]
    letters: int


class Globe:
    """The letters of one box.

    Args:
        oins: the OINs whose letters may come.
        berichttypes: those that are active; None for any.

    Attributes:
        outcomes: by BSN, what becomes of a letter to it.
        otherwise: says it of every other BSN.
    """

    def __init__(self, oins: Collection[str], berichttypes: Collection[str] | None = None) -> None:
        self.oins = frozenset(oins)
        self.berichttypes = None if berichttypes is None else frozenset(berichttypes)
        self.outcomes: dict[str, Outcome] = dict(TEST_BSNS)
        self.otherwise: Callable[[str], Outcome] = lambda _: VERWERKT
        self.letters: dict[str, Letter] = {}

    def outcome_of(self, bsn: str) -> Outcome:
        """Return what becomes of a letter to a BSN."""
        return self.outcomes.get(bsn) or self.otherwise(bsn)

    def judge(self, document: Document, *, message_id: str, now: datetime) -> list[Result]:
        """Take the letters of a document in, and return the results to send."""
        if code := self._code_of_batch(document):
            return [Result(timedelta(), False, (Verdict.of_batch(code),), max(1, document.count))]
        planned: dict[tuple[timedelta, bool], list[Verdict]] = defaultdict(list)
        for given in document.letters:
            letter = self._kept(given, message_id, now)
            outcome = self.outcome_of(letter.bsn)
            code = next(self._objections(letter, document.aanmaakdatum or now, now), outcome.code_at(letter.offers))
            if letter.code != "Verwerkt":  # what is in the box stays there
                letter.code = code
            verdict = Verdict(letter.bericht_id, letter.berichttype, code)
            for number in range(outcome.results):
                planned[outcome.after + number * _BETWEEN_RESULTS, outcome.gzipped].append(verdict)
        return [Result(after, gzipped, tuple(all_of), len(all_of)) for (after, gzipped), all_of in planned.items()]

    def _code_of_batch(self, document: Document) -> str:
        if not document.valid:
            return _NOT_VALID
        if document.oin not in self.oins:
            return _NOT_YOURS
        outcomes = (self.outcome_of(letter.bsn) for letter in document.letters)
        return next((outcome.code for outcome in outcomes if outcome.whole_batch), "")

    def _kept(self, given: Letter, message_id: str, now: datetime) -> Letter:
        """Return the letter as it is kept: each BerichtID once, the first that came or the one that replaces it."""
        known = self.letters.get(given.key)
        if known is None or known.code != "Verwerkt":
            given.offers = known.offers if known else 0
            given.message_id, given.received = message_id, now
            known = self.letters[given.key] = given
        known.offers += 1
        return known

    def _objections(self, letter: Letter, made: datetime, now: datetime) -> Iterator[str]:
        """Give the codes that follow from the letter itself."""
        if letter.code == "Verwerkt":
            yield "BerichtBestaatAl"
        if now - made > MAX_DAYS:
            yield "AanmaakDatumLigtTeVerInHetVerleden"
        if self.berichttypes is not None and letter.berichttype not in self.berichttypes:
            yield "BerichtTypeNietOndersteund"
        if letter.publicatiedatum is not None and letter.publicatiedatum - made > MAX_DAYS:
            yield "PublicatieDatumLigtTeVerInDeToekomst"
        if letter.bijlagen_bytes > MAX_ATTACHMENTS:
            yield "BijlageTeGroot"
