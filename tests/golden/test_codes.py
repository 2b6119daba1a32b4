"""The page of all codes is made from the catalogue: `pytest --update-golden` writes it anew."""

from __future__ import annotations

import pytest
from tests.reference import ROOT

from mobb_client._catalogue import CATALOGUE

PAGE = ROOT / "docs" / "codes.md"
HEAD = """# Codes

Every error and warning has a code that never changes. On it hang the rule, its source and what to do, in English and in
Dutch (`finding.rule_in("nl")`, `finding.advice_in("nl")`). `{limit}` is the bound that was in force. This page is made
from the catalogue.
"""


def page() -> str:
    """Return the page, one part a room of codes, in the order of the alphabet."""
    parts = [HEAD]
    room = ""
    for code in sorted(CATALOGUE):
        if code.partition(".")[0] != room:
            room = code.partition(".")[0]
            parts.append(f"## {room}\n\n| code | rule | what to do | source |\n| --- | --- | --- | --- |")
        entry = CATALOGUE[code]
        cells = (f"`{code}`", entry.rule["en"], entry.advice["en"], entry.source)
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts).replace("|\n## ", "|\n\n## ") + "\n"


def test_page(request: pytest.FixtureRequest) -> None:
    """docs/codes.md says what the catalogue says."""
    if request.config.getoption("--update-golden"):
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page(), "run pytest --update-golden and look at the difference"
