"""design 6: LETTERS, as CSV and as JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.letters import BSN, BSNS, SENDER, pdf

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.rows import COLUMNS, REQUIRED, Row, read_rows
from mobb_client.errors import BerichtError

GOOD = {
    "kenmerk": "zaak-1",
    "bsn": BSN,
    "berichttype": "BESCHIK",
    "onderwerp": "Besluit",
    "berichttekst": "Uw aanvraag is toegekend.",
}
HEADER = ",".join(REQUIRED)
NAMED = f"zaak-1,{BSN},BESCHIK,Besluit,Tekst"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with PDFs."""
    for name in ("a.pdf", "b.pdf", "a=b & ë.pdf"):
        (tmp_path / name).write_bytes(pdf())
    return tmp_path


def read(octets: bytes | str, folder: Path = Path(), **given: Any) -> list[Row]:
    """Read a file."""
    source = io.BytesIO(octets.encode() if isinstance(octets, str) else octets)
    rows = list(read_rows(source, folder=folder, **given))
    assert not source.closed
    return rows


def as_csv(*rows: dict[str, str], delimiter: str = ",") -> bytes:
    """Return rows as CSV with every column."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_jsonl(*rows: dict[str, Any]) -> bytes:
    """Return rows as JSON Lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def told(rows: list[Row]) -> list[tuple[int, list[tuple[str, str]]]]:
    """Return number, codes and fields of each row."""
    return [(row.number, [(error.code, error.field) for error in row.errors]) for row in rows]


def letter_of(**cells: Any) -> Bericht:
    """Return the letter of one row of JSON."""
    (row,) = read(as_jsonl(GOOD | cells))
    assert row.bericht is not None, row.errors
    return row.bericht


def wrong_in(**cells: Any) -> list[tuple[str, str]]:
    """Return codes and fields of what is wrong with one row of JSON."""
    ((_, found),) = told(read(as_jsonl(GOOD | cells)))
    return found


class TestForms:
    """CSV with or without BOM, comma or semicolon; JSON Lines; the same names."""

    @pytest.mark.parametrize("delimiter", [",", ";"])
    @pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("ends", [b"\r\n", b"\n", b"\r"])
    def test_csv(self, delimiter: str, bom: bytes, ends: bytes, folder: Path) -> None:
        """Every column, quoted cells with delimiters, quotes and new lines in them."""
        cells = {
            "oin": SENDER,
            "referentie": "Z;1,2",
            "publicatiedatum": "2026-11-21T06:00",
            "einddatum_handelingstermijn": "2026-12-31",
            "bijlage_1": "a=b & ë.pdf",
            "omschrijving_1": "Besluit",
            "bijlage_2": "b.pdf",
            "berichttekst": 'Geachte "Zoë",<end>regel, twee; drie',
        }
        text = as_csv(GOOD | cells, GOOD | {"kenmerk": "zaak-2"}, delimiter=delimiter)
        octets = bom + text.replace(b"\r\n", ends).replace(b"<end>", ends)
        one, two = read(octets, folder)
        assert (one.errors, two.errors) == ((), ())
        assert one.bericht is not None
        assert one.bericht.berichttekst == f'Geachte "Zoë",{ends.decode()}regel, twee; drie'
        assert one.bericht.referentie == "Z;1,2"
        assert str(one.bericht.oin) == SENDER
        assert one.bericht.publicatiedatum == datetime(2026, 11, 21, 5, tzinfo=UTC)
        assert [each.omschrijving for each in one.bericht.bijlagen] == ["Besluit", "b.pdf"]
        assert [(row.number, row.line, row.kenmerk) for row in (one, two)] == [(2, 2, "zaak-1"), (3, 4, "zaak-2")]

    @pytest.mark.parametrize("name", ["letters.jsonl", "LETTERS.NDJSON", "", "letters.csv"])
    @pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
    def test_json(self, name: str, bom: bytes, folder: Path) -> None:
        """The same letter, whatever the form; blank lines are no rows and count as lines."""
        cells = GOOD | {"bijlage_1": "a.pdf", "referentie": None, "omschrijving_1": ""}
        rows = read(bom + as_jsonl(cells) + b"\r\n" + as_jsonl(GOOD), folder, name=name)
        assert [(row.number, row.line, row.kenmerk) for row in rows] == [(1, 1, "zaak-1"), (3, 3, "zaak-1")]
        in_csv = as_csv({key: value or "" for key, value in cells.items()})
        assert rows[0].bericht == read(in_csv, folder)[0].bericht != rows[1].bericht

    def test_named_json(self) -> None:
        """A name that ends in .jsonl is JSON Lines, also when its first line is not."""
        rows = read(b"\nnonsense\n" + as_jsonl(GOOD), name="a.jsonl")
        assert told(rows) == [(2, [("row.json", "row")]), (3, [])]
        assert read(b"", name="a.jsonl") == []

    def test_blank_rows(self) -> None:
        """A blank row, as a spreadsheet leaves them, is no letter and counts as a row."""
        rows = read(f"{HEADER}\n\n,,,,\n ,, ,,\n{NAMED}\n,\n")
        assert [(row.number, row.line, row.errors) for row in rows] == [(5, 5, ())]

    def test_header_alone(self) -> None:
        """No rows at all."""
        assert read(HEADER) == []

    def test_settings(self, folder: Path) -> None:
        """The limits reach the letters."""
        cells = GOOD | {"bijlage_1": "a.pdf", "omschrijving_1": "x" * 41}
        strict = Regels(max_omschrijving=40)
        assert told(read(as_csv(cells), folder, regels=strict)) == [(2, [("omschrijving.length", "omschrijving_1")])]

    def test_one_at_a_time(self) -> None:
        """Rows are made as they are asked for."""
        rows = read_rows(io.BytesIO(f"{HEADER}\n{NAMED}\n{NAMED}".encode()), folder=Path())
        assert next(rows).number == 2
        assert next(rows).number == 3
        assert next(rows, None) is None


class TestHeader:
    """An unknown column is an error, and so is a missing one: nothing is read."""

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (f"{HEADER},prioriteit", [("row.column", "column 6")]),
            (f"{HEADER},", [("row.column", "column 6")]),
            (HEADER.upper(), [("row.column", f"column {n}") for n in range(1, 6)]),
            (f"{HEADER},kenmerk", [("row.column-twice", "kenmerk")]),
            ("kenmerk,onderwerp", []),
            ("kenmerk;bsn,berichttype", [("row.column", "column 1")]),
            ("", []),
            ('"kenmerk', []),
            ('"kenmerk"x', [("row.column", "column 1")]),
            ("x" * 200_000, []),
            ("PK\x03\x04", [("row.column", "column 1")]),
        ],
    )
    def test_refused(self, header: str, expected: list[tuple[str, str]]) -> None:
        """Every fault of the header, at the call and not at the first row."""
        with pytest.raises(BerichtError) as caught:
            read_rows(io.BytesIO(header.encode()), folder=Path())
        assert caught.value.kenmerk == "row 1"
        found = [(error.code, error.field) for error in caught.value.errors if error.code != "row.column-missing"]
        assert found == expected
        missing = {error.field for error in caught.value.errors if error.code == "row.column-missing"}
        assert missing <= set(REQUIRED)
        assert found or missing

    def test_no_header(self) -> None:
        """A file without header has a citizen's data in its first row: nothing of it is quoted."""
        with pytest.raises(BerichtError) as caught:
            read(f"zaak-1,{BSN},Besluit op bezwaar van J. Jansen\n")
        for secret in (BSN, "Jansen", "zaak-1"):
            assert secret not in str(caught.value)

    def test_utf16(self) -> None:
        """Another encoding is refused, not guessed."""
        with pytest.raises(BerichtError):
            read(f"{HEADER}\n{NAMED}".encode("utf-16"))

    def test_any_order(self) -> None:
        """Names decide, not places; blanks around them do not matter."""
        names = list(reversed(REQUIRED))
        (row,) = read(" , ".join(names) + "\n" + ",".join(GOOD[name] for name in names))
        assert row.bericht is not None
        assert row.bericht.kenmerk == "zaak-1"


class TestBadRows:
    """A bad row never stops the others."""

    @pytest.mark.parametrize(
        ("row", "code"),
        [
            (b"zaak-9,999993653,BESCHIK,Besluit", "row.cells"),
            (b"zaak-9,999993653,BESCHIK,Besluit,Tekst,", "row.cells"),
            (b"zaak-9", "row.cells"),
            (b'zaak-9,999993653,BESCHIK,"Besluit"x,Tekst', "row.csv"),
            (b"zaak-9,999993653,BESCHIK,Besluit," + b"x" * 200_000, "row.csv"),
            (b"zaak-9,999993653,BESCHIK,Besluit,Zo\xeb", "row.utf8"),
            (b"zaak-9,999993653,BESCHIK,Besluit,T\x00", "row.nul"),
            (b"zaak-9,999993653,BESCHIK,Besluit,\xff\xfe\x00", "row.utf8"),
        ],
    )
    def test_csv(self, row: bytes, code: str) -> None:
        """Short, long, badly quoted, too long, no UTF-8, NUL."""
        rows = read(HEADER.encode() + b"\n" + NAMED.encode() + b"\n" + row + b"\n" + NAMED.encode())
        assert [each.number for each in rows] == [2, 3, 4]
        assert [bool(each.bericht) for each in rows] == [True, False, True]
        assert rows[1].errors[0].code == code

    def test_open_quote(self) -> None:
        """A quote that never closes takes the rest of the file, and the file says so."""
        rows = read(f'{HEADER}\n{NAMED}\nzaak-9,{BSN},BESCHIK,"Besluit,Tekst\n{NAMED}\n{NAMED}\n')
        assert told(rows) == [(2, []), (3, [("row.csv", "row")])]
        assert rows[1].errors[0].measure == "3 lines"

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b"{", "row.json"),
            (b"[]", "row.json"),
            (b'"text"', "row.json"),
            (b"null", "row.json"),
            (b"{}x", "row.json"),
            (b"[" * 100_000, "row.json"),
            (b'{"kenmerk": ' + b"1" * 5000 + b"}", "row.json"),
            (b'{"kenmerk": "a", "kenmerk": "b"}', "row.column-twice"),
            (b'{"kenmerk": "Zo\xeb"}', "row.utf8"),
            (b'{"kenmerk": "\x00"}', "row.json"),
            (b'{"kenmerk": "\\u0000"}', "row.nul"),
            (b'{"kenmerk": "\\ud800"}', "kenmerk.characters"),
            (b'{"prioriteit": 1}', "row.column"),
            (b'{"prioriteit": null}', "row.column"),
            (b"{}", "bsn.format"),
        ],
    )
    def test_json(self, line: bytes, code: str) -> None:
        """No object, no JSON, too deep, a key twice, bad octets, an unknown key, nothing in it."""
        rows = read(as_jsonl(GOOD) + line + b"\n" + as_jsonl(GOOD))
        assert [bool(each.bericht) for each in rows] == [True, False, True]
        assert rows[1].number == 2
        assert code in [error.code for error in rows[1].errors]

    def test_all_at_once(self) -> None:
        """Every finding of a row, in one list: of the row and of the letter."""
        assert wrong_in(
            kenmerk="",
            bsn="12345678",
            onderwerp="x" * 51,
            publicatiedatum="gisteren",
            einddatum_handelingstermijn=5,
            bijlage_1=7,
            omschrijving_2="Toelichting",
            extra="x",
        ) == [
            ("row.column", "key 10"),
            ("value.type", "bijlage_1"),
            ("row.omschrijving", "omschrijving_2"),
            ("row.date", "publicatiedatum"),
            ("row.date", "einddatum_handelingstermijn"),
            ("bsn.elfproef", "bsn"),
            ("kenmerk.length", "kenmerk"),
            ("onderwerp.length", "onderwerp"),
        ]

    @pytest.mark.parametrize("value", [5, 1.5, True, ["x"], {"x": "y"}])
    def test_types(self, value: object) -> None:
        """JSON that is no text where a text belongs, for each column."""
        for name in COLUMNS:
            if not name.startswith("omschrijving"):
                assert wrong_in(**{name: value}), name

    def test_attachment_types(self, folder: Path) -> None:
        """A list is no path, a number no description."""
        cells = GOOD | {"bijlage_1": ["a.pdf", "x"], "omschrijving_1": "x"}
        assert told(read(as_jsonl(cells), folder)) == [(1, [("value.type", "bijlage_1")])]
        cells = GOOD | {"bijlage_1": "a.pdf", "omschrijving_1": 5}
        assert told(read(as_jsonl(cells), folder)) == [(1, [("value.type", "omschrijving_1")])]

    def test_nothing_is_quoted(self) -> None:
        """No BSN in a row's errors or its repr, also when columns are exchanged."""
        rows = read(as_jsonl(GOOD | {"kenmerk": BSN, "bsn": "zaak-1"}, GOOD | {"bsn": BSNS[1][:-1] + "8"}))
        assert [row.kenmerk for row in rows] == ["", "zaak-1"]
        assert not any(digits in repr(rows) for digits in (BSN, BSNS[1][:-1]))


class TestBSN:
    """f.1: a spreadsheet takes the leading zero, and here it is put back."""

    def test_padded(self) -> None:
        """Eight digits become nine; seven do not."""
        assert letter_of(bsn="10203047").bsn.digits == "010203047"
        assert wrong_in(bsn="1020304") == wrong_in(bsn="1020304x") == [("bsn.format", "bsn")]


class TestDates:
    """A date without zone is Dutch time here, and refused in the library."""

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-11-21T06:00:00Z", "2026-11-21T06:00:00"),
            ("2026-11-21T06:00:00+05:30", "2026-11-21T00:30:00"),
            ("2026-11-21T06:00:00.5Z", "2026-11-21T06:00:00.500000"),
            ("2026-11-21T06:00:00", "2026-11-21T05:00:00"),
            ("2026-07-21T06:00:00", "2026-07-21T04:00:00"),
            ("2026-11-21T06:00", "2026-11-21T05:00:00"),
            ("2026-11-21 06:00", "2026-11-21T05:00:00"),
            (" 2026-11-21 ", "2026-11-20T23:00:00"),
            ("2026-07-21", "2026-07-20T22:00:00"),
            ("2026-10-25T02:30", "2026-10-25T00:30:00"),
            ("2026-03-29T02:30", "2026-03-29T01:30:00"),
        ],
    )
    def test_publication(self, text: str, moment: str) -> None:
        """With and without zone and seconds; a day alone is its first second; of an hour that comes twice the first."""
        expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        found = letter_of(publicatiedatum=text).publicatiedatum
        assert found is not None
        assert found.astimezone(UTC) == expected

    def test_end(self) -> None:
        """The end of a term that is a day alone is that day's last second."""
        found = letter_of(einddatum_handelingstermijn="2026-12-31").einddatum_handelingstermijn
        assert found is not None
        assert found.astimezone(UTC) == datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        [
            "21-11-2026",
            "2026-13-01",
            "2026-02-30",
            "2026-11-21T25:00",
            "2026-11-21T06",
            "20261121",
            "2026-W47-6",
            "2026-11-21T06:00+99:00",
            "morgen",
            "\u0662026-11-21",
            "0000-01-01",
        ],
    )
    def test_other(self, text: str) -> None:
        """Any other form, and what is no moment."""
        assert wrong_in(publicatiedatum=text) == [("row.date", "publicatiedatum")]

    def test_edge_of_time(self) -> None:
        """The first day that there is has no UTC in Amsterdam."""
        assert wrong_in(publicatiedatum="0001-01-01") == [("publicatiedatum.moment", "publicatiedatum")]


class TestPaths:
    """Paths are relative to the file's folder."""

    def test_relative_and_absolute(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """B06: = & ë in a path; the working directory does not matter."""
        (folder / "sub").mkdir()
        monkeypatch.chdir(folder / "sub")
        for path in ("a=b & ë.pdf", str(folder / "a.pdf"), "./a.pdf", "sub/../b.pdf"):
            (row,) = read(as_csv(GOOD | {"bijlage_1": path}), folder)
            assert row.bericht is not None, row.errors
            assert row.bericht.bijlagen[0].omschrijving == Path(path).name

    @pytest.mark.parametrize("path", ["missing.pdf", "sub", "x" * 300, "\ud800", "a\0b"])
    def test_unreadable(self, path: str, folder: Path) -> None:
        """What cannot be read is found with its column."""
        (folder / "sub").mkdir()
        ((_, found),) = told(read(as_jsonl(GOOD | {"bijlage_1": "a.pdf", "bijlage_2": path}), folder))
        assert ("bijlage.path", "bijlage_2") in found

    def test_second_alone(self, folder: Path) -> None:
        """A second attachment without a first."""
        cells = GOOD | {"bijlage_2": "a.pdf"}
        assert told(read(as_jsonl(cells), folder)) == [(1, [("row.bijlage", "bijlage_2")])]
