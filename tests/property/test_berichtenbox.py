"""Laws of the berichtenbox: of any text, any size, any octets."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from tests.letters import (
    BSNS,
    MADE,
    OTHER_SENDER,
    SENDER,
    answer,
    batch,
    codes,
    letter,
    pdf,
    size_of_batch,
    verdict,
    written,
)

from mobb_client._catalogue import CATALOGUE
from mobb_client.berichtenbox.batch import batches
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.globe import NS_BERICHT
from mobb_client.berichtenbox.globe_result import parse_result
from mobb_client.berichtenbox.identiteit import BSN, passes_elfproef
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.resultaat import BatchResultaat, correlate
from mobb_client.berichtenbox.rows import REQUIRED, Row, read_rows
from mobb_client.berichtenbox.tekst import NEW_LINE, as_written, nfc
from mobb_client.errors import BerichtError, FieldError, FormatError

GOOD_CHARACTERS = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff\u2028\u2029")
LINKS = ("https://", "http://a.nl", "www.", "www.b.nl/(c)", "HTTPS://D.nl?e=f")
PIECES = st.sampled_from([*LINKS, " ", "\n", "\r\n", "\r", NEW_LINE, "\u0301", *".,)(]['\"\\nr<&\u2028"])
TEXT = st.lists(PIECES | GOOD_CHARACTERS, max_size=30).map("".join)
LINE = st.text(GOOD_CHARACTERS, min_size=1)


@given(TEXT, st.booleans())
@example("a\n\u0301", False)
@example("https://a.nl\u0301", False)
@example("x(https://a.nl)www.b.nl", True)
def test_written_text_stays(text: str, real: bool) -> None:
    """B59, B60: what is written as it should be is written the same again."""
    once = as_written(text, real_newlines=real)
    assert as_written(once, real_newlines=real) == once


@given(TEXT)
def test_only_blanks_and_new_lines(text: str) -> None:
    """B60: beside blanks and new lines, nothing of a text changes: no character of a link, and none around it."""
    plain = nfc(text).replace(NEW_LINE, "\n")
    assert re.sub(r"\s", "", as_written(text).replace(NEW_LINE, "\n")) == re.sub(r"\s", "", plain)


@given(TEXT)
def test_links_stand_apart(text: str) -> None:
    """B60: a blank stands before each link."""
    found = as_written(text)
    assert all(found[each.start() - 1] == " " for each in re.finditer(r"(?<!\S)https?://\w", found))


@given(st.lists(st.sampled_from(["\r\n", "\r", "\n"]) | st.text("ab\\r n", max_size=4)))
def test_new_lines_are_counted(pieces: list[str]) -> None:
    """B59: as many times the four characters as there are new lines."""
    text = "".join(pieces)
    if NEW_LINE not in text:
        assert as_written(text).count(NEW_LINE) == len(re.findall("\r\n|\r|\n", text))


@st.composite
def letters(draw: st.DrawFn, kenmerk: str = "brief") -> Bericht:
    """Draw a letter that is good, whatever is in it."""
    names = st.text(GOOD_CHARACTERS, min_size=1, max_size=20).map(
        lambda text: re.sub(r'[\\/:*?"<>|]', "", text).strip()
    )
    sizes = draw(st.lists(st.integers(15, 3000), max_size=2))
    bijlagen = [(pdf(size), f"{number}{draw(names)}") for number, size in enumerate(sizes)]
    changes: dict[str, Any] = {
        "kenmerk": kenmerk,
        "bsn": draw(st.sampled_from(BSNS[:-1])),
        "oin": draw(st.sampled_from([None, SENDER, OTHER_SENDER])),
        "berichttype": draw(LINE.filter(lambda text: 1 <= len(nfc(text)) <= 8 and not text.isspace())),
        "onderwerp": "x" + draw(st.text(GOOD_CHARACTERS, max_size=15)),
        "berichttekst": "x" + draw(TEXT).replace("\\", "/"),
        "referentie": draw(st.none() | st.text(GOOD_CHARACTERS, max_size=7).map("x{}".format)),
        "publicatiedatum": draw(st.sampled_from([None, MADE.replace(hour=9)])),
        "einddatum_handelingstermijn": draw(st.sampled_from([None, MADE.replace(hour=10)])),
        "bijlagen": bijlagen,
        "regels": Regels(real_newlines=draw(st.booleans())),
    }
    return letter(**changes)


@given(letters())
def test_size_is_known(bericht: Bericht) -> None:
    """h.1: the size that is reckoned is the size that is written, and what is written can be read."""
    of = batch(bericht, oin=bericht.oin or batch().oin)
    document = written(of)
    assert len(document) == size_of_batch(of)
    text = etree.fromstring(document).findtext(f".//{{{NS_BERICHT}}}BerichtTekst")
    assert text == bericht.geschreven_tekst
    assert len(text) <= 4000


@given(
    st.lists(st.tuples(st.integers(15, 400), st.sampled_from([None, SENDER, OTHER_SENDER])), max_size=25),
    st.integers(2_000, 6_000),
    st.integers(1, 5),
)
def test_every_letter_once(given_letters: list[tuple[int, str | None]], octets: int, number: int) -> None:
    """h.1: each letter in exactly one batch, of its own organisation, in order, within the limits."""
    rules = Regels(batch_bytes=octets, batch_berichten=number)
    ids = count(1)
    source = [
        letter(kenmerk=str(place), oin=oin, bijlagen=[(pdf(size), "x")])
        for place, (size, oin) in enumerate(given_letters)
    ]
    found = list(batches(source, oin=SENDER, aanmaakdatum=MADE, new_id=lambda: UUID(int=next(ids)), regels=rules))
    for oin in (SENDER, OTHER_SENDER):
        own = [each for made in found if str(made.oin) == oin for each in made.berichten]
        assert own == [each for each in source if str(each.oin or SENDER) == oin]
    for made in found:
        assert len(made) <= number
        assert size_of_batch(made) <= octets or len(made) == 1
    assert len({made.batch_id for made in found}) == len(found)


@given(st.integers(0, 999_999_999))
def test_elfproef(number: int) -> None:
    """f.1: as reckoned by hand; and changing one digit of a good number makes it a bad one."""
    digits = f"{number:09d}"
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    passes = sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 == 0
    assert passes_elfproef(digits) is passes
    if passes:
        other = digits[:-1] + str((int(digits[-1]) + 1) % 10)
        assert not passes_elfproef(other)
        assert "***" in repr(BSN(digits)) if number else True


@given(st.text(), st.text())
def test_ids(one: str, other: str) -> None:
    """Design 3: the same key, the same id; another key, another id."""
    with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate is no kenmerk
        assert (bericht_id(SENDER, one) == bericht_id(SENDER, other)) is (one == other)


ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.lists(st.text(), max_size=2)


@given(st.dictionaries(st.sampled_from([*REQUIRED, "oin", "referentie", "publicatiedatum", "bijlagen"]), ANYTHING))
def test_wrong_input_is_found(changes: dict[str, Any]) -> None:
    """Design 7: whatever is given, it is a letter or an error with codes that are in the catalogue."""
    assert set(codes(lambda: letter(**changes))) <= CATALOGUE.keys()


@given(st.binary() | st.text().map(str.encode) | st.binary().map(gzip.compress))
def test_no_octets_crash_the_result(octets: bytes) -> None:
    """Design 7: hostile octets are refused, and nothing else happens."""
    with contextlib.suppress(FormatError):
        assert isinstance(parse_result(octets), BatchResultaat)


@given(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 10))
def test_no_change_crashes_the_result(place: int, octets: bytes, length: int) -> None:
    """Design 7: a good result, spoilt somewhere."""
    document = answer(verdict(UUID(int=1)))
    with contextlib.suppress(FormatError):
        parse_result(document[:place] + octets + document[place + length :])


CODES = st.sampled_from(["Verwerkt", "TechnischProbleem", "BerichtBestaatAl", "00"])


@given(st.lists(st.tuples(st.integers(0, 6), CODES), max_size=12), st.sets(st.integers(1, 4)))
def test_one_outcome_a_letter(verdicts: list[tuple[int, str]], done: set[int]) -> None:
    """B67, B68: every letter that was sent has one outcome, success only by a Verwerkt of its own."""
    sent = {UUID(int=number): str(number) for number in range(1, 5)}
    result = parse_result(answer(*(verdict(UUID(int=number), code) for number, code in verdicts)))
    found = correlate(result, {result.batch_id: sent}, done={UUID(int=number) for number in done})
    assert [each.kenmerk for each in found.uitkomsten] == [*sent.values()]
    for outcome in found.uitkomsten:
        own = {code for number, code in verdicts if number == outcome.bericht_id.int}
        assert (outcome.klasse == "bezorgd") == (own == {"Verwerkt"})
    assert {each.bericht_id for each in found.onbekend} == {UUID(int=n) for n, _ in verdicts if n > 4}


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.jsonl", ""]), st.booleans())
@example(b'"', "a.csv", True)
@example(b'\x00\xff\r"\n{', "a.csv", True)
def test_no_octets_crash_the_rows(octets: bytes, name: str, header: bool) -> None:
    """Design 7: any file is rows, or an error of the header; no row of it stops the others."""
    good = ",".join(REQUIRED).encode() + b"\n" if header else b""
    rows: list[Row] = []
    with contextlib.suppress(BerichtError):
        rows += read_rows(io.BytesIO(good + octets), folder=Path(), name=name)
    for row in rows:
        assert (row.bericht is None) is bool(row.errors)
        assert all(isinstance(error, FieldError) for error in row.errors)
    assert [row.number for row in rows] == sorted({row.number for row in rows})
