"""berichtenbox b.2, f, g: what one letter may be, row by row; everything wrong at once."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import traceback
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from tests.letters import BSN, BSNS, MADE, OTHER_SENDER, SENDER, codes, letter, pdf

from mobb_client.berichtenbox import identiteit
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.bijlage import Bijlage
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.errors import BerichtError

CLEF = "\U0001d11e"
DAY = timedelta(days=1)


def wrong(**changes: Any) -> list[str]:
    """Return the codes of all that is wrong with a letter that is changed so."""
    return codes(lambda: letter(**changes))


def two(first: int, second: int) -> list[tuple[bytes, str]]:
    """Return two attachments of these sizes."""
    return [(pdf(first), "Besluit"), (pdf(second), "Toelichting")]


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        # design 3: the caller's key
        ({"kenmerk": "x"}, {"kenmerk": ""}, "kenmerk.length"),
        ({"kenmerk": CLEF * 200}, {"kenmerk": CLEF * 201}, "kenmerk.length"),
        ({"kenmerk": "Zo\u00eb"}, {"kenmerk": "Zoe\u0308"}, "kenmerk.nfc"),
        ({"kenmerk": "a b"}, {"kenmerk": "a\x1fb"}, "kenmerk.characters"),
        ({"kenmerk": f"z{BSNS[1]}"}, {"kenmerk": f"z{BSN}"}, "kenmerk.bsn"),
        # row 5
        ({"oin": SENDER}, {"oin": SENDER[1:]}, "oin.format"),
        ({"oin": SENDER}, {"oin": f"{SENDER}0"}, "oin.format"),
        ({"oin": SENDER}, {"oin": f"urn:osb:oin:{SENDER}"}, "oin.urn"),
        # row 10
        ({"berichttype": "X"}, {"berichttype": ""}, "berichttype.length"),
        ({"berichttype": CLEF * 8}, {"berichttype": CLEF * 9}, "berichttype.length"),
        ({"berichttype": "A B"}, {"berichttype": "  "}, "berichttype.blank"),
        ({"berichttype": "AB"}, {"berichttype": "A\nB"}, "berichttype.characters"),
        # row 11
        ({"publicatiedatum": MADE}, {"publicatiedatum": MADE.replace(tzinfo=None)}, "publicatiedatum.zone"),
        (
            {"publicatiedatum": datetime.min.replace(tzinfo=UTC)},
            {"publicatiedatum": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
            "publicatiedatum.moment",
        ),
        # row 12
        (
            {"einddatum_handelingstermijn": MADE},
            {"einddatum_handelingstermijn": MADE.replace(tzinfo=None)},
            "einddatum_handelingstermijn.zone",
        ),
        (
            {"einddatum_handelingstermijn": datetime.max.replace(tzinfo=UTC)},
            {"einddatum_handelingstermijn": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))},
            "einddatum_handelingstermijn.moment",
        ),
        (
            {"publicatiedatum": MADE, "einddatum_handelingstermijn": MADE + timedelta(seconds=1)},
            {"publicatiedatum": MADE, "einddatum_handelingstermijn": MADE + timedelta(milliseconds=999)},
            "einddatum_handelingstermijn.order",
        ),
        # row 13
        ({"onderwerp": "x"}, {"onderwerp": ""}, "onderwerp.length"),
        ({"onderwerp": CLEF * 50}, {"onderwerp": CLEF * 51}, "onderwerp.length"),
        ({"onderwerp": " x"}, {"onderwerp": " "}, "onderwerp.blank"),
        ({"onderwerp": "a b"}, {"onderwerp": "a\nb"}, "onderwerp.newline"),
        ({"onderwerp": "a b"}, {"onderwerp": "a\tb"}, "onderwerp.characters"),
        ({"onderwerp": BSN[1:]}, {"onderwerp": BSN}, "onderwerp.bsn"),
        # row 14
        ({"berichttekst": "x"}, {"berichttekst": ""}, "berichttekst.length"),
        ({"berichttekst": CLEF * 4000}, {"berichttekst": CLEF * 4001}, "berichttekst.length"),
        ({"berichttekst": "\n" * 999 + "x" * 4}, {"berichttekst": "\n" * 999 + "x" * 5}, "berichttekst.length"),
        ({"berichttekst": "\nx"}, {"berichttekst": " \r\n\n "}, "berichttekst.blank"),
        ({"berichttekst": "a\\r\nb"}, {"berichttekst": "a\\r\\nb"}, "berichttekst.literal-newline"),
        ({"berichttekst": "a\nb"}, {"berichttekst": "a\x0bb"}, "berichttekst.characters"),
        # row 15
        ({"referentie": None}, {"referentie": ""}, "referentie.length"),
        ({"referentie": CLEF * 25}, {"referentie": CLEF * 26}, "referentie.length"),
        ({"referentie": " x"}, {"referentie": " "}, "referentie.blank"),
        ({"referentie": "a b"}, {"referentie": "a\rb"}, "referentie.newline"),
        ({"referentie": "a b"}, {"referentie": "a\x7fb"}, "referentie.characters"),
        ({"referentie": BSNS[1]}, {"referentie": f"x {BSN[:4]} {BSN[4:]}"}, "referentie.bsn"),
        # row 16
        ({"bsn": "000000012"}, {"bsn": "00000012"}, "bsn.format"),
        ({"bsn": "999990019"}, {"bsn": "999990018"}, "bsn.elfproef"),
        ({"bsn": "000000012"}, {"bsn": "000000000"}, "bsn.zero"),
        # rows 18 and 19
        ({"bijlagen": two(64, 64)}, {"bijlagen": [*two(64, 64), (pdf(), "Derde")]}, "bijlagen.count"),
        ({"bijlagen": two(250_000, 250_000)}, {"bijlagen": two(250_000, 250_001)}, "bijlagen.size"),
        ({"bijlagen": [pdf(500_000)]}, {"bijlagen": [pdf(500_001)]}, "bijlagen.size"),
        # row 20
        ({"bijlagen": [pdf(15)]}, {"bijlagen": [b""]}, "bijlage.empty"),
        ({"bijlagen": [pdf()]}, {"bijlagen": [b"<html>"]}, "bijlage.pdf"),
        # row 22
        ({"bijlagen": [(pdf(), "x")]}, {"bijlagen": [(pdf(), "")]}, "omschrijving.length"),
        ({"bijlagen": [(pdf(), CLEF * 128)]}, {"bijlagen": [(pdf(), CLEF * 129)]}, "omschrijving.length"),
        ({"bijlagen": [(pdf(), "a.pdf")]}, {"bijlagen": [(pdf(), "a/b.pdf")]}, "omschrijving.file-name"),
        ({"bijlagen": [(pdf(), "a b")]}, {"bijlagen": [(pdf(), "a\nb")]}, "omschrijving.characters"),
        ({"bijlagen": [(pdf(), BSNS[1])]}, {"bijlagen": [(pdf(), f"{BSN}.pdf")]}, "omschrijving.bsn"),
        (
            {"bijlagen": [(pdf(), "Besluit"), (pdf(), "besluit")]},
            {"bijlagen": [(pdf(), "Besluit"), (pdf(), " Besluit ")]},
            "omschrijving.same",
        ),
    ],
)
def test_bounds(good: dict[str, Any], bad: dict[str, Any], expected: str) -> None:
    """b.2: the last good and the first bad value of each row."""
    assert wrong(**good) == []
    assert wrong(**bad) == [expected]


@pytest.mark.parametrize("text", ["Zoë", CLEF, "a&b", "a<b>c", "\"a\" 'b'", "a=b", "]]>", "&amp;", "€ 1,50"])
def test_any_text(text: str) -> None:
    """B06: any character that XML can hold, in every text."""
    assert wrong(kenmerk=text, onderwerp=text, berichttekst=text, referentie=text, berichttype=text[:8]) == []


def test_all_at_once() -> None:
    """Design 7: every fault of every part and between parts, in one error that names the letter."""
    with pytest.raises(BerichtError) as caught:
        letter(
            bsn="123456789",
            oin="1",
            berichttype="",
            onderwerp="x" * 63,
            berichttekst=" \\r\\n ",
            referentie="a\nb",
            publicatiedatum=datetime(2026, 1, 1),  # noqa: DTZ001 - that is what is tried
            einddatum_handelingstermijn="2026-01-01",
            bijlagen=[b"", ("missing.pdf", "Besluit"), (pdf(), "a:b"), 5],
        )
    assert [(error.code, error.field) for error in caught.value.errors] == [
        ("bsn.elfproef", "bsn"),
        ("oin.format", "oin"),
        ("bijlagen.count", "bijlagen"),
        ("bijlage.empty", "bijlage_1"),
        ("bijlage.path", "bijlage_2"),
        ("omschrijving.file-name", "omschrijving_3"),
        ("value.type", "bijlage_4"),
        ("berichttype.length", "berichttype"),
        ("onderwerp.length", "onderwerp"),
        ("referentie.newline", "referentie"),
        ("berichttekst.literal-newline", "berichttekst"),
        ("publicatiedatum.zone", "publicatiedatum"),
        ("value.type", "einddatum_handelingstermijn"),
    ]
    assert caught.value.kenmerk == "zaak-2026-0117:besluit"
    assert str(caught.value).startswith("zaak-2026-0117:besluit: bsn: ")
    assert "onderwerp: 1 to 50 characters; got 63 characters [GLOBEBatchRequestTypes.xsd] (onderwerp.length)" in str(
        caught.value
    )


@pytest.mark.parametrize(
    "name", ["kenmerk", "bsn", "oin", "berichttype", "onderwerp", "berichttekst", "referentie", "publicatiedatum"]
)
@pytest.mark.parametrize("value", [5, b"x", ["x"], object()])
def test_wrong_type(name: str, value: object) -> None:
    """Wrong input ends in findings, also when its type is wrong."""
    assert len(wrong(**{name: value})) == 1


@pytest.mark.parametrize("bijlagen", [5, [5], [None], [()], [("a", "b", "c")], [(pdf(), 5)], object()])
def test_wrong_bijlagen(bijlagen: object) -> None:
    """No attachment, in several ways."""
    assert wrong(bijlagen=bijlagen) == ["value.type"]


class TestBijlagen:
    """The ways in which an attachment may be given."""

    def test_forms(self, tmp_path: Path) -> None:
        """Made, as octets, as a path, and either with its description."""
        path = tmp_path / "Besluit.pdf"
        path.write_bytes(pdf())
        made = Bijlage(pdf(), "Gemaakt")
        for given, description in (
            (made, "Gemaakt"),
            (pdf(), "Bijlage 1"),
            (path, "Besluit.pdf"),
            (str(path), "Besluit.pdf"),
            ((path, "Anders"), "Anders"),
            ((str(path), "Anders"), "Anders"),
            ((pdf(), "Anders"), "Anders"),
        ):
            (bijlage,) = letter(bijlagen=[given]).bijlagen
            assert bijlage.omschrijving == description
            assert b"".join(bijlage.blocks()) == pdf()
        assert letter(bijlagen=[made]).bijlagen[0] is made

    def test_one_by_itself(self, tmp_path: Path) -> None:
        """One attachment without a list around it."""
        (tmp_path / "a.pdf").write_bytes(pdf())
        for given in (pdf(), str(tmp_path / "a.pdf"), tmp_path / "a.pdf", Bijlage(pdf(), "x")):
            assert len(letter(bijlagen=given).bijlagen) == 1

    def test_numbered(self) -> None:
        """Bare octets get descriptions that differ."""
        assert [each.omschrijving for each in letter(bijlagen=[pdf(), pdf()]).bijlagen] == ["Bijlage 1", "Bijlage 2"]

    def test_other_rules(self) -> None:
        """An attachment that was made under other rules is judged by those of its letter."""
        long = Bijlage(pdf(), "x" * 41)
        assert wrong(bijlagen=[long], regels=Regels(max_omschrijving=40)) == ["omschrijving.length"]
        large = Bijlage(pdf(512_000), "x", regels=Regels(max_bijlage_bytes=512_000))
        assert wrong(bijlagen=[large]) == ["bijlagen.size"]

    def test_both_readings(self) -> None:
        """B62: two attachments of 500,001 bytes together; the error names both readings of 500 kB."""
        with pytest.raises(BerichtError, match=r"500,000.*512,000.*500001 bytes"):
            letter(bijlagen=two(250_000, 250_001))
        assert letter(bijlagen=two(256_000, 256_000), regels=Regels(max_bijlage_bytes=512_000))


class TestWarnings:
    """design 7: warnings are in `warnings`, in the shape of errors."""

    def test_collected(self) -> None:
        """B61: a long description; a strange OIN; a PDF that is odd."""
        odd = letter(oin="1" * 20, bijlagen=[(b"\n" + pdf(), "x" * 41), (b"%PDF-", "y")])
        assert [(each.code, each.field, each.severity) for each in odd.warnings] == [
            ("bijlage.pdf-start", "bijlage_1", "warning"),
            ("omschrijving.long", "omschrijving_1", "warning"),
            ("bijlage.pdf-end", "bijlage_2", "warning"),
            ("oin.prefix", "oin", "warning"),
        ]

    def test_none(self) -> None:
        """A good letter has none."""
        assert letter(oin=SENDER, bijlagen=two(64, 64)).warnings == ()


class TestOwnBSN:
    """design 3: what others read holds no BSN of the letter's own."""

    @pytest.mark.parametrize("bsn", ["000000012", identiteit.BSN("000000012")])
    def test_without_zero(self, bsn: Any) -> None:
        """A BSN that begins with a zero is found without it as well."""
        assert wrong(bsn=bsn, kenmerk="brief-00000012", onderwerp="0000 0012", referentie="x000000012") == [
            "kenmerk.bsn",
            "referentie.bsn",
            "onderwerp.bsn",
        ]

    def test_mistyped(self) -> None:
        """A number that fails as a BSN is kept out of sight all the same, and the kenmerk that holds it is measured."""
        with pytest.raises(BerichtError) as caught:
            letter(bsn="999990018", kenmerk="zaak 999990018")
        assert {error.code for error in caught.value.errors} == {"bsn.elfproef", "kenmerk.bsn"}
        assert caught.value.kenmerk == "kenmerk of 14 characters"
        assert "99999" not in str(caught.value)

    def test_swapped_columns(self) -> None:
        """When kenmerk and BSN are exchanged, the kenmerk is a BSN."""
        with pytest.raises(BerichtError) as caught:
            letter(bsn="zaak-1", kenmerk=BSN)
        assert BSN not in str(caught.value)
        with pytest.raises(BerichtError, match=r"^aanslag-20260117: bsn"):
            letter(bsn="1", kenmerk="aanslag-20260117")

    def test_text_may(self) -> None:
        """The letter's text is for the citizen alone."""
        assert wrong(berichttekst=f"Uw burgerservicenummer is {BSN}.") == []

    def test_nothing_shows_it(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Not repr, str, a traceback, a log at DEBUG, nor a file name in an error."""
        caplog.set_level(logging.DEBUG)
        good = letter(bijlagen=[(pdf(), "Besluit")])
        shown = [f"{good!r} {good} {good.bijlagen} {good.bsn} {good.warnings}"]
        missing = tmp_path / f"{BSN}.pdf"
        for changes in (
            {"onderwerp": BSN},
            {"kenmerk": BSN},
            {"bsn": f"{BSN} "},
            {"bsn": int(BSN)},
            {"bijlagen": [missing]},
            {"bijlagen": [(pdf(), BSN)]},
            {"referentie": BSN},
        ):
            with pytest.raises(BerichtError) as caught:
                letter(**changes)
            shown += traceback.format_exception(caught.value)[-1:]
            shown += [repr(caught.value), *(repr(error) for error in caught.value.errors)]
            shown += [str(error.finding.as_dict("nl")) for error in caught.value.errors]
        assert BSN not in "".join(shown) + caplog.text


class TestDates:
    """g.6: dates in a letter by itself; those against the clock stand in test_batch."""

    def test_any_zone(self) -> None:
        """An aware moment of any zone."""
        for zone in (UTC, ZoneInfo("Europe/Amsterdam"), timezone(timedelta(hours=-9))):
            assert letter(publicatiedatum=MADE.astimezone(zone)).publicatiedatum == MADE

    def test_zone_without_offset(self) -> None:
        """A zone that knows no offset is none."""

        class Nowhere(tzinfo):
            def utcoffset(self, _: datetime | None) -> None:
                return None

        assert wrong(publicatiedatum=MADE.replace(tzinfo=Nowhere())) == ["publicatiedatum.zone"]


class TestValue:
    """style 3: a value that checks itself."""

    def test_parts(self) -> None:
        """What was given as text is kept as the value that it is; the letter's text is kept as given."""
        given = letter(oin=SENDER, berichttekst="a\nhttps://b.nl.", onderwerp="Zoe\u0308")
        assert given.bsn == identiteit.BSN(BSN)
        assert given.oin == OIN(SENDER)
        assert given.berichttekst == "a\nhttps://b.nl."
        assert given.onderwerp == "Zoe\u0308"
        assert given.geschreven_tekst == "a\\r\\n https://b.nl ."
        assert letter(bsn=identiteit.BSN(BSN), oin=OIN(SENDER)).oin == OIN(SENDER)

    def test_real_newlines(self) -> None:
        """k.8: with the setting, a new line counts for one."""
        text = "x\n" * 2000
        assert wrong(berichttekst=text) == ["berichttekst.length"]
        assert letter(berichttekst=text, regels=Regels(real_newlines=True)).geschreven_tekst == text

    def test_equality(self) -> None:
        """Equal by content, hashable, frozen; copies and pickles are equal."""
        one = letter(bijlagen=[(pdf(), "Besluit")])
        assert one == letter(bijlagen=[(pdf(), "Besluit")], regels=Regels(batch_berichten=5))
        assert len({one, copy.deepcopy(one), pickle.loads(pickle.dumps(one))}) == 1  # noqa: S301 - our own
        assert one != letter()
        with pytest.raises(AttributeError):
            one.onderwerp = "x"  # type: ignore[misc] # that is what is tried

    def test_replace(self) -> None:
        """A changed copy is checked as well."""
        assert replace(letter(), onderwerp="x").onderwerp == "x"
        with pytest.raises(BerichtError):
            replace(letter(), onderwerp="")

    def test_repr(self) -> None:
        """The kenmerk and nothing else."""
        assert repr(letter()) == str(letter()) == "Bericht(kenmerk='zaak-2026-0117:besluit')"

    def test_elfproef(self) -> None:
        """f.1: the elfproef can be left out; a BSN that was made without it is judged by the letter's rules."""
        lenient = identiteit.BSN("123456789", elfproef=False)
        assert letter(bsn=lenient, regels=Regels(elfproef=False)).bsn == lenient
        assert wrong(bsn=lenient) == ["bsn.elfproef"]


class TestDifferences:
    """design 3: a second letter under the same kenmerk with other content is refused, so the difference is told."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("bsn", BSNS[1]),
            ("oin", OTHER_SENDER),
            ("berichttype", "ANDER"),
            ("onderwerp", "Ander"),
            ("berichttekst", "Ander"),
            ("referentie", "Ander"),
            ("publicatiedatum", MADE),
            ("einddatum_handelingstermijn", MADE),
            ("bijlagen", [(pdf(65), "Besluit")]),
            ("bijlagen", [(pdf(), "Ander")]),
            ("bijlagen", []),
        ],
    )
    def test_each(self, name: str, value: object) -> None:
        """Each field by its name."""
        one, other = letter(bijlagen=[(pdf(), "Besluit")]), letter(**{"bijlagen": [(pdf(), "Besluit")]} | {name: value})
        assert one.differences(other) == other.differences(one) == (name,)

    def test_same_content_from_elsewhere(self, tmp_path: Path) -> None:
        """Attachments are compared by their SHA-256: the same PDF in another file is the same letter."""
        path = tmp_path / "a.pdf"
        path.write_bytes(pdf())
        one, other = letter(bijlagen=[(pdf(), "Besluit")]), letter(bijlagen=[(path, "Besluit")])
        assert one != other
        assert one.differences(other) == ()
        os.utime(path, ns=(0, 0))
        assert codes(lambda: one.differences(other)) == ["bijlage.changed"]

    def test_every_field(self) -> None:
        """No field of a letter is forgotten."""
        changed = {"regels", "warnings", "kenmerk"}
        assert {each.name for each in fields(Bericht)} - changed == {
            *("bsn", "oin", "berichttype", "onderwerp", "berichttekst", "referentie", "publicatiedatum", "bijlagen"),
            "einddatum_handelingstermijn",
        }
        assert letter().differences(letter(kenmerk="ander")) == ("kenmerk",)


class TestBerichtID:
    """design 3: the BerichtID is a UUIDv5 of OIN and kenmerk."""

    def test_known(self) -> None:
        """These ids are for ever: changing them sends letters twice."""
        found = bericht_id(SENDER, "zaak-2026-0117:besluit")
        assert found == bericht_id(OIN(SENDER), "zaak-2026-0117:besluit")
        assert found == UUID("e6cd267b-4d0d-5642-99b3-e691d8e69320")
        assert found.version == 5

    def test_different(self) -> None:
        """Another OIN, another kenmerk, another case: another letter."""
        ids = {bericht_id(SENDER, "a"), bericht_id(OTHER_SENDER, "a"), bericht_id(SENDER, "A"), bericht_id(SENDER, "b")}
        assert len(ids) == 4
