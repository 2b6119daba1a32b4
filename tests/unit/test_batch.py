"""berichtenbox b.2 rows 3 to 6, g.6, h.1: batches, their dates, and how letters are cut into them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from tests.letters import (
    BATCH_ID,
    MADE,
    OTHER_SENDER,
    SENDER,
    batch,
    codes,
    letter,
    pdf,
    refuses,
    size_of_batch,
    written,
)

from mobb_client.berichtenbox.batch import batches
from mobb_client.berichtenbox.bericht import Batch, Bericht, bericht_id
from mobb_client.berichtenbox.globe import SIZE_OF_EMPTY, size_of
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.errors import BerichtError

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LAST = MADE + 13 * DAY - timedelta(hours=1)


def letters(number: int, **changes: Any) -> list[Bericht]:
    """Return letters with a kenmerk each."""
    return [letter(kenmerk=f"brief {place}", **changes) for place in range(number)]


def cut(berichten: object, **changes: Any) -> list[Batch]:
    """Cut letters into batches with ids that are counted."""
    ids = count(1)
    given: dict[str, Any] = {"oin": SENDER, "aanmaakdatum": MADE, "new_id": lambda: UUID(int=next(ids))}
    return list(batches(berichten, **(given | changes)))  # type: ignore[arg-type] # tests give what they like


class TestBatch:
    """What a batch may be."""

    @pytest.mark.parametrize(
        ("good", "bad", "expected"),
        [
            ({"batch_id": UUID(int=1)}, {"batch_id": UUID(int=0)}, "batch.id"),
            ({"aanmaakdatum": MADE}, {"aanmaakdatum": MADE.replace(tzinfo=None)}, "aanmaakdatum.zone"),
            (
                {"aanmaakdatum": MADE},
                {"aanmaakdatum": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
                "aanmaakdatum.moment",
            ),
            ({"aanmaakdatum": MADE}, {"aanmaakdatum": "2026-11-20"}, "value.type"),
            ({"berichten": (letter(),)}, {"berichten": ()}, "batch.count"),
            ({"berichten": tuple(letters(1000))}, {"berichten": tuple(letters(1001))}, "batch.count"),
            ({"berichten": (letter(oin=SENDER),)}, {"berichten": (letter(oin=OTHER_SENDER),)}, "batch.oin"),
            ({"berichten": tuple(letters(2))}, {"berichten": (letter(), letter())}, "batch.kenmerk"),
        ],
    )
    def test_bounds(self, good: dict[str, Any], bad: dict[str, Any], expected: str) -> None:
        """b.2 rows 3 to 6: the last good and the first bad value."""
        assert codes(lambda: batch(**good)) == []
        assert codes(lambda: batch(**bad)) == [expected]

    @pytest.mark.parametrize(
        ("good", "bad", "expected"),
        [
            ({"publicatiedatum": MADE + SECOND}, {"publicatiedatum": MADE}, "publicatiedatum.past"),
            (
                {"publicatiedatum": MADE + SECOND},
                {"publicatiedatum": MADE + timedelta(milliseconds=999)},
                "publicatiedatum.past",
            ),
            ({"publicatiedatum": LAST}, {"publicatiedatum": LAST + SECOND}, "publicatiedatum.ahead"),
            (
                {"einddatum_handelingstermijn": MADE + SECOND},
                {"einddatum_handelingstermijn": MADE},
                "einddatum_handelingstermijn.order",
            ),
        ],
    )
    def test_dates(self, good: dict[str, Any], bad: dict[str, Any], expected: str) -> None:
        """b.2 rows 11, 12; g.6; k.11: publication after now and within 13 days less an hour; the end after it."""
        assert codes(lambda: batch(letter(**good))) == []
        assert codes(lambda: batch(letter(**bad))) == [expected]
        assert [error.code for error in letter(**bad).date_errors(MADE)] == [expected]

    def test_last_date_is_named(self) -> None:
        """Users 3: refused with the last possible date."""
        (error,) = letter(publicatiedatum=MADE + 14 * DAY).date_errors(MADE)
        assert "2026-12-03 07:15:00" in error.rule

    def test_settings(self) -> None:
        """k.11: days and margin are settings."""
        late = letter(publicatiedatum=MADE + 14 * DAY)
        assert batch(late, regels=Regels(max_dagen_publicatie=14, marge_publicatie_uren=0))
        assert codes(lambda: batch(*letters(3), regels=Regels(batch_berichten=2))) == ["batch.count"]

    def test_far_dates(self) -> None:
        """The last year that there is overflows nowhere."""
        end = datetime.max.replace(tzinfo=MADE.tzinfo)
        assert codes(lambda: batch(letter(publicatiedatum=end))) == ["publicatiedatum.ahead"]
        assert batch(letter(), aanmaakdatum=end)

    def test_all_at_once(self) -> None:
        """Every fault of batch and letters, each with the place of its letter."""
        with pytest.raises(BerichtError) as caught:
            batch(
                letter(publicatiedatum=MADE),
                letter(oin=OTHER_SENDER, publicatiedatum=MADE, einddatum_handelingstermijn=MADE + DAY),
                batch_id=UUID(int=0),
            )
        assert [(error.code, error.field) for error in caught.value.errors] == [
            ("batch.id", "batch_id"),
            ("publicatiedatum.past", "bericht[1].publicatiedatum"),
            ("batch.oin", "bericht[2].oin"),
            ("batch.kenmerk", "bericht[2].kenmerk"),
            ("publicatiedatum.past", "bericht[2].publicatiedatum"),
        ]

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (MADE - SECOND, ["aanmaakdatum.future"]),
            (MADE, []),
            (MADE + 13 * DAY, []),
            (MADE + 13 * DAY + SECOND, ["aanmaakdatum.old"]),
        ],
    )
    def test_offered(self, now: datetime, expected: list[str]) -> None:
        """b.2 row 4, g.6: never from the future, at most 13 days old when it is offered."""
        assert [finding.code for finding in batch().findings(now)] == expected

    def test_naive_now(self) -> None:
        """A moment without zone is refused, not guessed."""
        naive = MADE.replace(tzinfo=None)
        with refuses("aanmaakdatum.zone"):
            batch().findings(naive)
        with refuses("aanmaakdatum.zone"):
            letter().date_errors(naive)

    def test_value(self) -> None:
        """Its letters by BerichtID; a repr without content."""
        made = batch(*letters(2))
        assert len(made) == 2
        assert made.kenmerken == {bericht_id(SENDER, name): name for name in ("brief 0", "brief 1")}
        assert repr(made) == f"Batch({BATCH_ID}, 2 letters)"
        assert hash(made) == hash(batch(*letters(2)))


class TestBatches:
    """h.1 step 5: at most 1000 letters, at most so many octets, one organisation each."""

    @pytest.mark.parametrize(
        ("number", "sizes"),
        [(0, []), (1, [1]), (999, [999]), (1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])],
    )
    def test_number(self, number: int, sizes: list[int]) -> None:
        """1000 letters a batch."""
        assert [len(made) for made in cut(letters(number))] == sizes

    @pytest.mark.parametrize(("spare", "sizes"), [(0, [3]), (-1, [2, 1])])
    def test_octets(self, spare: int, sizes: list[int]) -> None:
        """Exactly the limit fits, one octet less does not."""
        three = letters(3, bijlagen=[(pdf(1000), "Besluit")])
        limit = SIZE_OF_EMPTY + sum(map(size_of, three)) + spare
        found = cut(three, regels=Regels(batch_bytes=limit))
        assert [len(made) for made in found] == sizes
        assert all(size_of_batch(made) == len(written(made)) <= limit for made in found)

    def test_larger_than_the_limit(self) -> None:
        """A letter that is larger than the limit by itself travels by itself."""
        small, large = letters(2), letter(bijlagen=[(pdf(50_000), "Besluit")])
        found = cut([small[0], large, small[1]], regels=Regels(batch_bytes=10_000))
        assert [made.berichten for made in found] == [(small[0],), (large,), (small[1],)]

    def test_full_attachments(self) -> None:
        """h.1: 149 letters with 500,000 bytes each fit in 100 MB."""
        attachment = [(pdf(500_000), "Besluit")]
        found = cut(letters(150, bijlagen=attachment), regels=Regels(batch_bytes=100_000_000))
        assert [len(made) for made in found] == [149, 1]

    def test_organisations(self) -> None:
        """Letters of several organisations come mixed; each has its own batches, in the order of its letters."""
        mixed = [letter(kenmerk=f"{n}", oin=(None, OTHER_SENDER, SENDER)[n % 3]) for n in range(9)]
        found = cut(mixed, regels=Regels(batch_berichten=3))
        assert [(str(made.oin), [each.kenmerk for each in made.berichten]) for made in found] == [
            (SENDER, ["0", "2", "3"]),
            (SENDER, ["5", "6", "8"]),
            (OTHER_SENDER, ["1", "4", "7"]),
        ]
        assert [made.batch_id for made in found] == [UUID(int=n) for n in (1, 2, 3)]

    def test_lazy(self) -> None:
        """A batch comes as soon as it is full; nothing is read ahead but the letter that did not fit."""
        read: list[int] = []

        def source() -> Iterator[Bericht]:
            for place, each in enumerate(letters(5)):
                read.append(place)
                yield each

        rules = Regels(batch_berichten=2)
        found = batches(source(), oin=OIN(SENDER), aanmaakdatum=MADE, new_id=lambda: BATCH_ID, regels=rules)
        assert read == []
        assert len(next(found)) == 2
        assert read == [0, 1, 2]

    def test_refused(self) -> None:
        """A letter that fits in no batch made now is told, and the others go on."""
        refused: list[BerichtError] = []
        given = [
            letter(kenmerk="a"),
            letter(kenmerk="b", publicatiedatum=MADE + 14 * DAY),
            letter(kenmerk="a", onderwerp="Ander"),
            letter(kenmerk="c", oin=OTHER_SENDER),
            letter(kenmerk="d"),
        ]
        (one, other) = cut(given, refused=refused.append)
        assert [each.kenmerk for each in one.berichten + other.berichten] == ["a", "d", "c"]
        assert [(error.kenmerk, [each.code for each in error.errors]) for error in refused] == [
            ("b", ["publicatiedatum.ahead"]),
            ("a", ["batch.kenmerk"]),
        ]

    def test_no_organisation(self) -> None:
        """A letter without OIN where none is the default."""
        refused: list[BerichtError] = []
        late = letter(publicatiedatum=MADE)
        assert cut([letter(), late, letter(oin=SENDER)], oin=None, refused=refused.append)[0].oin == OIN(SENDER)
        assert [[each.code for each in error.errors] for error in refused] == [
            ["oin.missing"],
            ["publicatiedatum.past", "oin.missing"],
        ]

    def test_raises(self) -> None:
        """Without anyone to tell, such a letter raises."""
        assert codes(lambda: cut([letter(), letter()])) == ["batch.kenmerk"]
        assert codes(lambda: cut([letter()], oin=None)) == ["oin.missing"]
        assert codes(lambda: cut([letter()], oin="1")) == ["oin.format"]
