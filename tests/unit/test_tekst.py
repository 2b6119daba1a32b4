"""berichtenbox g.1 to g.3: what texts may hold and how they are written."""

from __future__ import annotations

import pytest

from mobb_client.berichtenbox import tekst
from mobb_client.berichtenbox.tekst import as_written

LINK = "https://voorbeeld.nl/a"


class TestNewLines:
    """g.2."""

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ("a\r\nb", r"a\r\nb"),
            ("a\nb", r"a\r\nb"),
            ("a\rb", r"a\r\nb"),
            ("a\n\rb", r"a\r\n\r\nb"),
            ("a\r\r\nb\n", r"a\r\n\r\nb\r\n"),
            ("a\u2028b\u2029c", r"a\r\nb\r\nc"),
            ("a\\r", "a\\r"),
            ("a\\r\\\nb", "a\\r\\\\r\\nb"),
            ("", ""),
        ],
    )
    def test_four_characters(self, given: str, text: str) -> None:
        r"""B59: CRLF, CR and LF become the four characters \r\n."""
        assert as_written(given) == text
        assert as_written(text) == text

    def test_real(self) -> None:
        """k.8: a setting writes line feeds instead."""
        assert as_written("a\r\nb\rc\nd", real_newlines=True) == "a\nb\nc\nd"

    def test_combining_mark(self) -> None:
        """A mark at the beginning of a line does not become part of the new line before it."""
        assert as_written("a\n\u0301b") == "a\\r\\n \u0301b"
        assert as_written("a\n\u00e9b") == "a\\r\\néb"

    @pytest.mark.parametrize(("lines", "length"), [(1, 4), (500, 2000)])
    def test_count(self, lines: int, length: int) -> None:
        """B59: each new line counts for four characters."""
        assert len(as_written("\n" * lines)) == length


class TestLinks:
    """g.3."""

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            (f"zie {LINK} voor meer", f"zie {LINK} voor meer"),
            (f"zie {LINK}", f"zie {LINK} "),
            (f"{LINK} voor meer", f" {LINK} voor meer"),
            (LINK, f" {LINK} "),
            (f"zie {LINK}.", f"zie {LINK} ."),
            (f"zie {LINK}, of bel", f"zie {LINK} , of bel"),
            (f"zie {LINK}?!", f"zie {LINK} ?!"),
            (f"({LINK})", f"( {LINK} )"),
            (f"({LINK}).", f"( {LINK} )."),
            (f"{LINK}_(b)", f" {LINK}_(b) "),
            (f"({LINK}_(b))", f"( {LINK}_(b) )"),
            (f"[{LINK}]", f"[ {LINK} ]"),
            (f"<{LINK}>", f"< {LINK} >"),
            (f'"{LINK}"', f'" {LINK} "'),
            (f"\u201c{LINK}\u201d", f"\u201c {LINK} \u201d"),
            (f"\u2018{LINK}\u2019", f"\u2018 {LINK} \u2019"),
            (f"adres:{LINK}", f"adres: {LINK} "),
            (f"a\n{LINK}\nb", rf"a\r\n {LINK} \r\nb"),
            (f"a\r\n{LINK}", rf"a\r\n {LINK} "),
            (f"{LINK} {LINK}", f" {LINK} {LINK} "),
            (f"{LINK}\u00a0x", f" {LINK} \u00a0x"),
            (f"{LINK}?x=1&y=a,b;c#d:e/", f" {LINK}?x=1&y=a,b;c#d:e/ "),
            ("http://voorbeeld.nl", " http://voorbeeld.nl "),
            ("HTTPS://VOORBEELD.NL.", " HTTPS://VOORBEELD.NL ."),
            ("https://voorbeeld.nl/?u=https://ander.nl/x", " https://voorbeeld.nl/?u=https://ander.nl/x "),
            ("zie www.voorbeeld.nl.", "zie www.voorbeeld.nl ."),
            ("WWW.voorbeeld.nl", " WWW.voorbeeld.nl "),
            ("https://www.voorbeeld.nl", " https://www.voorbeeld.nl "),
            ("https://voorbeeld.nl/caf\u00e9.", " https://voorbeeld.nl/caf\u00e9 ."),
        ],
    )
    def test_blanks(self, given: str, text: str) -> None:
        """B60: a blank before and after, also at start, end and a new line; punctuation after the blank."""
        assert as_written(given) == text
        assert as_written(text) == text

    @pytest.mark.parametrize(
        "text",
        ["https://", "zie https:// en verder", "a://b", "xwww.voorbeeld.nl", "www. is een voorvoegsel", "h t t p"],
    )
    def test_no_link(self, text: str) -> None:
        """What is no link stays as it is."""
        assert as_written(text) == text

    def test_real_new_lines(self) -> None:
        """B60: beside a real new line as well."""
        assert as_written(f"a\n{LINK}\nb", real_newlines=True) == f"a\n {LINK} \nb"


class TestCharacters:
    """g.1: NFC, and only what XML 1.0 can hold."""

    def test_nfc(self) -> None:
        """Decomposed letters are composed when they are written, and counted so."""
        assert as_written("Zoe\u0308") == tekst.nfc("Zoe\u0308") == "Zo\u00eb"
        assert tekst.trimmed("  Zoe\u0308.pdf ") == "Zo\u00eb.pdf"
        assert not [*tekst.ONDERWERP.findings("e\u0308" * 50)]
        assert [each.code for each in tekst.ONDERWERP.findings("e\u0308" * 51)] == ["onderwerp.length"]

    @pytest.mark.parametrize("field", [tekst.ONDERWERP, tekst.REFERENTIE, tekst.BERICHTTYPE, tekst.KENMERK])
    @pytest.mark.parametrize(
        "character",
        [
            "\x00",
            "\x08",
            "\t",
            "\x0b",
            "\x0c",
            "\x1f",
            "\x7f",
            "\x85",
            "\x9f",
            chr(0xD800),
            chr(0xDFFF),
            "\ufffe",
            "\uffff",
        ],
    )
    def test_forbidden(self, field: tekst.Tekstveld, character: str) -> None:
        """U+0000 to U+001F, DEL and C1, lone surrogates, U+FFFE and U+FFFF."""
        assert f"{field.name}.characters" in [each.code for each in field.findings(f"a{character}b")]
        text = tekst.berichttekst(real_newlines=False)
        assert "berichttekst.characters" in [each.code for each in text.findings(f"a{character}b")]

    @pytest.mark.parametrize("character", ["\xa0", "é", "€", "\ud7ff", "\ue000", "\ufffd", "\U0001d11e", "\U0010ffff"])
    def test_allowed(self, character: str) -> None:
        """What stands on the other side of each of those bounds."""
        assert not [*tekst.ONDERWERP.findings(f"a{character}b")]

    @pytest.mark.parametrize("field", [tekst.ONDERWERP, tekst.REFERENTIE])
    @pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", "\u2029"])
    def test_one_line(self, field: tekst.Tekstveld, end: str) -> None:
        """g.2: no new lines in Onderwerp and Referentie."""
        assert [each.code for each in field.findings(f"a{end}b")] == [f"{field.name}.newline"]
