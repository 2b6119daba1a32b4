"""What a Berichten document holds, judged by the schema and shown without what is in the letters."""

from __future__ import annotations

import binascii
import copy
import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from lxml import etree

from mobb_client import _xml
from mobb_client.berichtenbox.globe import NS_BATCH, NS_BERICHT, SCHEMA
from mobb_client.berichtenbox.identiteit import masked, measure, passes_elfproef
from mobb_client.berichtenbox.regels import MAX_BERICHTEN
from mobb_client.errors import FormatError

_NAMES: Final = {"ber": NS_BERICHT, "bvs": NS_BATCH}
_BERICHT: Final = f"{{{NS_BERICHT}}}Bericht"
_INFORMATIE: Final = "ber:BerichtInformatie/ber:"
_INHOUD: Final = "ber:Bijlagen/ber:Bijlage/ber:Inhoud"
_STAND_IN: Final = "AAAA"
_BLANKS: Final = str.maketrans("", "", " \t\r\n")
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OIN: Final = re.compile(r"[0-9]{20}")
_CODE: Final = re.compile(r"(?![0-9]+\Z)[!-~]{1,8}")
_LIKE_A_BSN: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{9}(?![0-9A-Za-z])")
_MOST_FAULTS: Final = 10
_MOST_BSN: Final = 20
_MOST_BIJLAGEN: Final = 10  # the schema allows two, and says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter of a document, as it may be shown to anyone: no BSN, no subject, no text.

    Ids and codes that are none are measured. `bijlagen` holds the size of each attachment in octets before base64.
    """

    bericht_id: str
    berichttype: str
    bsn: str
    bijlagen: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overzicht:
    """A Berichten document: its batch, its letters, and what is wrong with it, at most ten things."""

    batch_id: str
    oin: str
    letters: tuple[Letter, ...]
    faults: tuple[FormatError, ...] = ()


def overzicht(document: bytes) -> Overzicht:
    """Return what a Berichten document holds; one letter is in memory at a time.

    Raises:
        FormatError: not well-formed XML, a DOCTYPE, or more than 1000 letters.

    Source: `berichtenbox` b.2; B58.
    """
    reader = _Reader()
    for element in _xml.stream(document, _BERICHT, "Berichten"):
        if len(reader.letters) == MAX_BERICHTEN:
            raise FormatError("berichten.count", f"Berichten: more than {MAX_BERICHTEN} letters")
        reader.take(element)
    return reader.done()


def without_bsn(text: str) -> str:
    """Return a text with stars for what may be a BSN: nine digits by themselves that pass the elfproef."""
    return _LIKE_A_BSN.sub(lambda found: masked(found[0]) if passes_elfproef(found[0]) else found[0], text)


class _Reader:
    """Looks at the letters one by one, and keeps what may be shown."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self._root: etree._Element | None = None
        self._batch_id = self._oin = ""
        self._faults: list[FormatError] = []
        self._ids: set[str] = set()

    def take(self, element: etree._Element) -> None:
        """Note one letter; its attachments are gone afterwards."""
        contents = list(islice(element.iterfind(_INHOUD, _NAMES), _MOST_BIJLAGEN))
        sizes = [_octets(content) for content in contents]
        for content in contents:
            content.text = _STAND_IN
        if self._root is None:
            self._begin(element)
        else:
            self._judge(copy.deepcopy(element))
        if None in sizes:
            self._fault("base64", "an attachment is not base64")
        letter = _letter(element, tuple(size or 0 for size in sizes))
        self._compare(element, letter)
        self.letters.append(letter)

    def done(self) -> Overzicht:
        """Return all of it."""
        if self._root is None:
            raise FormatError("berichten.empty", "Berichten: holds no letter")
        if len(self._root) > 1:
            self._faults.append(FormatError("berichten.schema", "Berichten: something stands behind the letters"))
        return Overzicht(
            batch_id=self._batch_id,
            oin=self._oin,
            letters=tuple(self.letters),
            faults=tuple(self._faults[:_MOST_FAULTS]),
        )

    def _begin(self, element: etree._Element) -> None:
        """Judge the batch as far as its first letter."""
        self._root = root = element.getroottree().getroot()
        self._batch_id = _shown(root.findtext("bvs:BatchInformatie/bvs:BatchID", "", _NAMES), _GUID)
        self._oin = _shown(root.findtext("bvs:BatchInformatie/bvs:BerichtLeverancierID", "", _NAMES), _OIN)
        self._judge(_up_to(element, root))

    def _judge(self, document: etree._Element) -> None:
        if len(self._faults) < _MOST_FAULTS and not _xml.is_valid(document, SCHEMA):
            path, rule = next(_xml.violations(document, SCHEMA), ("/", "breaks the schema"))
            self._fault("schema", f"{path} {rule}")

    def _compare(self, element: etree._Element, letter: Letter) -> None:
        """Hold a letter's two ids against the batch and the letters before it."""
        given = _shown(element.findtext(f"{_INFORMATIE}BatchID", "", _NAMES), _GUID)
        if given.lower() != self._batch_id.lower():
            self._fault("batch-id", "its BatchID is not that of the batch")
        if letter.bericht_id.lower() in self._ids:
            self._fault("twice", "its BerichtID is that of an earlier letter")
        self._ids.add(letter.bericht_id.lower())

    def _fault(self, code: str, sentence: str) -> None:
        self._faults.append(FormatError(f"berichten.{code}", f"Berichten, letter {len(self.letters) + 1}: {sentence}"))


def _up_to(element: etree._Element, root: etree._Element) -> etree._Element:
    """Return a copy of the document up to this child of its root: the parser may have read on."""
    batch = copy.deepcopy(root)
    behind = [number for number, child in enumerate(root, start=1) if child is element]
    del batch[behind[0] if behind else len(batch) :]
    return batch


def _letter(element: etree._Element, bijlagen: tuple[int, ...]) -> Letter:
    def text(name: str) -> str:
        return element.findtext(_INFORMATIE + name, "", _NAMES)

    return Letter(
        bericht_id=_shown(text("BerichtID"), _GUID),
        berichttype=_shown(text("BerichtType"), _CODE),
        bsn=masked(text("GebruikerID").strip()[:_MOST_BSN]),
        bijlagen=bijlagen,
    )


def _shown(text: str, form: re.Pattern[str]) -> str:
    """Return a text that has its form; of anything else only the measure, since it may be what must not be seen."""
    found = text.strip()
    return found if form.fullmatch(found) else f"({measure(found)})"


def _octets(inhoud: etree._Element) -> int | None:
    """Return the size of an attachment in octets before base64, None when it is no base64."""
    try:
        return len(binascii.a2b_base64((inhoud.text or "").translate(_BLANKS), strict_mode=True))
    except ValueError:  # binascii.Error is one, and so is what is not ASCII
        return None
