"""What was measured, in Dutch: the measures of findings are English phrases, and operators read reports."""

from __future__ import annotations

import re
from typing import Final

_PHRASES: Final = tuple(
    (re.compile(english), dutch)
    for english, dutch in (
        (r"\bthe process that looked at it ended\b", "het proces dat hem bekeek is geëindigd"),
        (r"\bthe process that judged it ended\b", "het proces dat haar beoordeelde is geëindigd"),
        (r"\bafter ([\d.]+) seconds\b", r"na \1 seconden"),
        (r"\bby signal (\d+)", r"door signaal \1"),
        (r"\bwith code (\d+)", r"met code \1"),
        (r"^exit code (\d+)", r"exitcode \1"),
        (r"^another letter in row (\d+)", r"een andere brief in rij \1"),
        (r"^the same as row (\d+)", r"gelijk aan rij \1"),
        (r"^the same description twice", "twee keer dezelfde omschrijving"),
        (r"\b1 character\b", "1 teken"),
        (r"\b(\d+) characters\b", r"\1 tekens"),
        (r"^(\d+) NULs", r"\1 NUL-tekens"),
        (r"^(\d+) such bytes", r"\1 van zulke bytes"),
        (r"^(\d+) cells", r"\1 cellen"),
        (r"^(\d+) lines", r"\1 regels"),
        (r"^(\d+) keys, (\d+) different", r"\1 sleutels, \2 verschillende"),
        (r" bytes before %PDF-", " bytes voor %PDF-"),
        (r"^no %PDF- in the first (\d+)", r"geen %PDF- in de eerste \1"),
        (r"^no %%EOF in the last (\d+)", r"geen %%EOF in de laatste \1"),
        (r"^/Encrypt in the trailer", "/Encrypt in de trailer"),
        (r"^no (bijlage_\d)", r"geen \1"),
        (r"^no such file or directory", "bestand niet gevonden"),
        (r"^permission denied", "geen toegang"),
        (r"^no regular file", "geen gewoon bestand"),
        (r"^no path", "geen pad"),
        (r"^a PDF that asks for a password", "een PDF die om een wachtwoord vraagt"),
        (r"^encrypted, without a password", "versleuteld, zonder wachtwoord"),
        (r"^claims PDF/A-(\w+), not verified", r"zegt PDF/A-\1 te zijn, niet geverifieerd"),
        (r"^no claim in its metadata", "geen PDF/A-claim in de metadata"),
        (r"^no language", "geen taal"),
        (r"^no tags", "geen tags"),
        (r"^no title", "geen titel"),
        (r"^no pages", "geen pagina's"),
        (r"\ba font with a name of ", "een lettertype met een naam van "),
        (r" on (?=page \d|the catalogue)", " op "),
        (r"\bpage (\d+)", r"pagina \1"),
        (r"\bthe catalogue\b", "de catalogus"),
        (r"; and (\d+) more$", r"; en nog \1"),
        (r"^more than (\d+) objects", r"meer dan \1 objecten"),
        (r"^more memory than it may take", "meer geheugen dan hij mag gebruiken"),
        (r"^1 place$", "1 plaats"),
        (r"^(\d+) places$", r"\1 plaatsen"),
        (r"^no OIN, and (\d+) senders", r"geen OIN, en \1 afzenders"),
        (r", batch made ", ", batch gemaakt "),
        (r", publication ", ", publicatie "),
        (r"^year (\d+)", r"jaar \1"),
    )
)


def dutch_measure(measure: str) -> str:
    """Return a measure in Dutch; what has no phrase here stays as it is."""
    for english, dutch in _PHRASES:
        measure = english.sub(dutch, measure)
    return measure
