"""What a letter's texts may hold, and how they are written.

The caller's text is kept as given. It is converted when it is written, and its length is judged as it will be written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from mobb_client.berichtenbox.identiteit import measure
from mobb_client.errors import Finding

NEW_LINE: Final = r"\r\n"
"""How GLOBE wants a new line: these four characters, no CR or LF (`berichtenbox` g.2; B59)."""

_LINE_ENDS: Final = ("\r\n", "\r", "\u2028", "\u2029", NEW_LINE)
_LINE_BEGINS: Final = re.compile("\n([^\x00-\u02ff])")  # the first combining mark is U+0300
_LINE_END: Final = re.compile("[\r\n\u2028\u2029]")
# What XML 1.0 cannot hold, and every control character that is no new line
_FORBIDDEN: Final = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FORBIDDEN_IN_KEY: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NOT_IN_FILE_NAME: Final = re.compile(r'[\\/:*?"<>|]')
# A link ends at a blank, a quote, an angle bracket or a backslash; `www.` is none inside a word. Each pattern begins
# with what it searches for, which is four times as fast as one pattern with a flag that ignores case
_OF_URL: Final = r"(?=\w)[^\s<>\"\\«»“”„]+"
_HTTP: Final = re.compile(rf"[hH][tT][tT][pP][sS]?://{_OF_URL}")
_HTTP_OR_WWW: Final = re.compile(rf"(?:[hH][tT][tT][pP][sS]?://|[wW](?<![^\W_][wW])[wW][wW]\.){_OF_URL}")
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_AFTER_URL: Final = ".,;:!?'*\u2026\u2018\u2019"  # with the ellipsis and the single quotation marks


def nfc(text: str) -> str:
    """Return a text as it is written: in Unicode's composed form, NFC."""
    return unicodedata.normalize("NFC", text)


def trimmed(text: str) -> str:
    """Return a description as it is written: NFC, without the blanks around it.

    Source: `berichtenbox` g.5.
    """
    return nfc(text).strip()


def as_written(text: str, *, real_newlines: bool = False) -> str:
    r"""Return a letter's text as it is written; what is already so stays so.

    A new line (CRLF, CR, LF, or Unicode's own two) becomes the four characters ``\r\n``, or one line feed with
    `real_newlines`. A link gets a blank before and after it, also at the start and end of a line; punctuation stands
    after the second blank.

    Source: `berichtenbox` g.1, g.2, g.3; B59, B60.
    """
    lines = nfc(text)
    for end in _LINE_ENDS:
        lines = lines.replace(end, "\n")
    if "www." in lines.lower():
        lines = _spaced(lines, _HTTP_OR_WWW)
    elif "://" in lines:
        lines = _spaced(lines, _HTTP)
    if not lines.isascii():
        lines = _LINE_BEGINS.sub(_kept_apart, lines)
    return lines if real_newlines else lines.replace("\n", NEW_LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tekstveld:
    """What one field of text may be.

    Args:
        name: the field.
        most: characters it may have, counted as Unicode code points of what is written; at least one.
        refuses: code of what is wrong -> what makes it so.
        written: how it is written.
    """

    name: str
    most: int
    refuses: Mapping[str, Callable[[str], bool]]
    written: Callable[[str], str] = nfc

    def findings(self, text: object) -> Iterator[Finding]:
        """Find all that is wrong with a value for this field."""
        if not isinstance(text, str):
            yield Finding("value.type", field=self.name, measure=measure(text), limit="str")
            return
        given = measure(text)
        for code, is_wrong in self.refuses.items():
            if is_wrong(text):
                yield Finding(code, field=self.name, measure=given)
        written = self.written(text)
        if not 1 <= len(written) <= self.most:
            yield Finding(f"{self.name}.length", field=self.name, measure=measure(written), limit=self.most)


def _forbidden(text: str) -> bool:
    return _FORBIDDEN.search(text) is not None


def _forbidden_in_key(text: str) -> bool:
    return _FORBIDDEN_IN_KEY.search(text) is not None


def _several_lines(text: str) -> bool:
    return _LINE_END.search(text) is not None


def _decomposed(text: str) -> bool:
    return not unicodedata.is_normalized("NFC", text)


def _no_file_name(text: str) -> bool:
    return _NOT_IN_FILE_NAME.search(text) is not None


def _literal_new_line(text: str) -> bool:
    return NEW_LINE in text


KENMERK: Final = Tekstveld(
    name="kenmerk", most=200, refuses={"kenmerk.characters": _forbidden_in_key, "kenmerk.nfc": _decomposed}
)
BERICHTTYPE: Final = Tekstveld(
    name="berichttype",
    most=8,
    refuses={"berichttype.characters": _forbidden_in_key, "berichttype.blank": str.isspace},
)
ONDERWERP: Final = Tekstveld(
    name="onderwerp",
    most=50,
    refuses={
        "onderwerp.characters": _forbidden,
        "onderwerp.newline": _several_lines,
        "onderwerp.blank": str.isspace,
    },
)
REFERENTIE: Final = Tekstveld(
    name="referentie",
    most=25,
    refuses={
        "referentie.characters": _forbidden,
        "referentie.newline": _several_lines,
        "referentie.blank": str.isspace,
    },
)


def berichttekst(*, real_newlines: bool) -> Tekstveld:
    """Return the rules of the letter's text, its 4000 characters counted after conversion."""
    return _BERICHTTEKST[real_newlines]


@cache
def omschrijving(most: int) -> Tekstveld:
    """Return the rules of an attachment's description, which the citizen sees as a file name."""
    return Tekstveld(
        name="omschrijving",
        most=most,
        refuses={"omschrijving.characters": _forbidden_in_key, "omschrijving.file-name": _no_file_name},
        written=trimmed,
    )


def _written_with_line_feeds(text: str) -> str:
    return as_written(text, real_newlines=True)


_BERICHTTEKST: Final = {
    real: Tekstveld(
        name="berichttekst",
        most=4000,
        refuses={
            "berichttekst.characters": _forbidden,
            "berichttekst.literal-newline": _literal_new_line,
            "berichttekst.blank": str.isspace,
        },
        written=_written_with_line_feeds if real else as_written,
    )
    for real in (False, True)
}


def _kept_apart(begin: re.Match[str]) -> str:
    """Put a blank under a mark that begins a line, else a later NFC joins it with the `n` of the new line before it."""
    return f"\n {begin[1]}" if unicodedata.combining(begin[1]) else begin[0]


def _spaced(text: str, link: re.Pattern[str]) -> str:
    """Return a text with a blank before and after each link."""
    pieces: list[str] = []
    done = 0
    for found in link.finditer(text):
        start, url = found.start(), found[0]
        end = start + _length_of_url(url)
        pieces += [text[done:start], "" if start and text[start - 1] == " " else " ", url[: end - start]]
        pieces.append("" if text.startswith(" ", end) else " ")
        done = end
    return "".join([*pieces, text[done:]])


def _length_of_url(url: str) -> int:
    """Return how much of what looks like a link is link: no punctuation at its end, no bracket it does not open."""
    end = len(url)
    while url[end - 1] in _AFTER_URL or _closes_nothing(url, end):
        end -= 1
    return end


def _closes_nothing(url: str, end: int) -> bool:
    opening = _CLOSING.get(url[end - 1])
    return opening is not None and url.count(url[end - 1], 0, end) > url.count(opening, 0, end)
