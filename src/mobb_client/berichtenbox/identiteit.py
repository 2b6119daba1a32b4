"""Who: a citizen's BSN, which never shows itself, and an organisation's OIN."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mobb_client.errors import FieldError, Finding

_NINE_DIGITS: Final = re.compile(r"[0-9]{9}")
_LIKE_BSN: Final = re.compile(r"(?<![0-9])[0-9]{8,9}(?![0-9])")
_TWENTY_DIGITS: Final = re.compile(r"[0-9]{20}")
_SEPARATORS: Final = str.maketrans("", "", " \u00a0.-_/")
_PREFIXES: Final = frozenset(f"{prefix:08d}" for prefix in (1, 2, 3, 4, 5, 6, 7, 8, 9, 99))
_BSN_LENGTHS: Final = (8, 9)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class BSN:
    """A burgerservicenummer that never shows itself: not in repr, str, a log or an error.

    Args:
        digits: nine ASCII digits; a number of eight digits gets its leading zero from whoever reads it, not here.
        elfproef: False takes numbers that fail the elfproef, for an environment whose test numbers do.

    Raises:
        FieldError: ``bsn.format``, ``bsn.zero`` or ``bsn.elfproef``.

    Source: `berichtenbox` f.1.
    """

    digits: str

    def __init__(self, digits: str, *, elfproef: bool = True) -> None:
        for code in _bsn_faults(digits, elfproef=elfproef):
            raise FieldError(code, field="bsn", measure=measure(digits))
        object.__setattr__(self, "digits", digits)

    def __repr__(self) -> str:
        """Return the same for every BSN."""
        return "BSN(***)"


@dataclass(frozen=True, slots=True)
class OIN:
    """An organisatie-identificatienummer, or the HRN of a company: twenty digits, leading zeros kept.

    Raises:
        FieldError: ``oin.format``, or ``oin.urn`` when it is written as a PartyId.

    Source: `berichtenbox` f.2; B69.
    """

    digits: str

    def __post_init__(self) -> None:
        """Refuse what is no OIN."""
        if isinstance(self.digits, str) and self.digits.lower().startswith("urn:"):
            raise FieldError("oin.urn", field="oin", measure=measure(self.digits))
        if not (isinstance(self.digits, str) and _TWENTY_DIGITS.fullmatch(self.digits)):
            raise FieldError("oin.format", field="oin", measure=measure(self.digits))

    def __str__(self) -> str:
        """Return the twenty digits."""
        return self.digits

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """``oin.prefix`` when the first eight digits stand in no table of Digikoppeling."""
        prefix = self.digits[:8]
        if prefix in _PREFIXES:
            return ()
        return (Finding("oin.prefix", field="oin", measure=f"prefix {prefix}", severity="warning"),)


def passes_elfproef(digits: str) -> bool:
    """Return whether nine digits pass the elfproef; 000000000 does, arithmetically.

    Source: `berichtenbox` f.1.
    """
    a, b, c, d, e, f, g, h, i = map(int, digits)
    return (9 * a + 8 * b + 7 * c + 6 * d + 5 * e + 4 * f + 3 * g + 2 * h - i) % 11 == 0


def masked(bsn: BSN | str) -> str:
    """Return one star for each character: how long a number was, and nothing else of it."""
    return "*" * len(bsn.digits if isinstance(bsn, BSN) else bsn)


def measure(given: object) -> str:
    """Return how much was given, never what: the number of characters of a text, the type of anything else."""
    if not isinstance(given, str):
        return type(given).__name__
    return "1 character" if len(given) == 1 else f"{len(given)} characters"


def holds_bsn(text: str, digits: str) -> bool:
    """Return whether a text shows a BSN, whole or without its leading zero.

    Digits that blanks, points, hyphens, underscores and slashes keep apart count as standing in a row.

    Args:
        text: what the citizen, an operator or a log will see.
        digits: the BSN as it was given, eight or nine digits; with any other number of digits nothing is found.
    """
    if len(digits) not in _BSN_LENGTHS:
        return False
    shown = digits[1:] if digits.startswith("0") and len(digits) == max(_BSN_LENGTHS) else digits
    return shown in text.translate(_SEPARATORS)


def looks_like_bsn(text: str) -> bool:
    """Return whether a text holds eight or nine digits by themselves that pass the elfproef: whose, nobody knows."""
    return any(passes_elfproef(digits.zfill(9)) for digits in _LIKE_BSN.findall(text))


def _bsn_faults(digits: object, *, elfproef: bool) -> Iterator[str]:
    if not (isinstance(digits, str) and _NINE_DIGITS.fullmatch(digits)):
        yield "bsn.format"
    elif digits == "000000000":
        yield "bsn.zero"
    elif elfproef and not passes_elfproef(digits):
        yield "bsn.elfproef"
