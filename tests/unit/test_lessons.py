"""The lessons of other products in this field: each that is ours to keep is named by a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.reference import ROOT

KEPT = "B01-B30, B32-B76"
"""All but B31, the padding of encrypted keys: the encrypted profiles are refused by name."""

_NUMBERS = re.compile(r"B\d\d(?:(?:, | and |-)B\d\d)*(?=:)")


def numbers(text: str) -> Iterator[int]:
    """Return the numbers of ``B01-B03, B08``."""
    for part in re.split(r", | and ", text):
        first, _, last = part.partition("-")
        yield from range(int(first[1:]), int((last or first)[1:]) + 1)


def named() -> set[int]:
    """Return the lessons with which the docstring of a test function or test class begins: ``B42: ...``."""
    found: set[int] = set()
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
                begin = _NUMBERS.match(ast.get_docstring(node) or "")
                found.update(numbers(begin[0]) if begin else ())
    return found


def test_every_lesson_has_a_test() -> None:
    """A lesson is a debt until a test carries its number."""
    missing = sorted(set(numbers(KEPT)) - named())
    assert not missing, "no test begins with: " + ", ".join(f"B{number:02d}" for number in missing)


def test_numbers() -> None:
    """The reader of the numbers sees ranges and lists."""
    assert list(numbers("B01-B03, B08 and B10")) == [1, 2, 3, 8, 10]
    assert _NUMBERS.match("B13, B14: prefixes")
    assert not _NUMBERS.match("as B13 says")
