"""Makes the documents of the example letters, as tagged PDF/A-1a, and `letters.jsonl` from `letters.csv`.

    python examples/make_documents.py [DIRECTORY]

Needs the extra `documents` (typst, which carries its fonts). The same sources and the same typst give the same bytes:
no font of the machine is looked at, and the moment of creation is `MOMENT`. Every person, place and number is made up.

Source: spec/berichtenbox.md g.4 (PDF/A-1a, 500,000 bytes); PDF 1.4 section 3.4.3 (the cross-reference table); XMP
specification part 1, section 7.3.2 (padding before the packet's end).
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE / "documents"
SOURCES = DOCUMENTS / "source"
LETTERS = HERE / "letters.csv"

TYPST = "0.15.2"
"""The version of typst that made the committed documents; another may give other bytes of the same letters."""

MOMENT = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
"""When every document says that it was made: the morning of the date in its head."""

NAMES = (
    "aanslag-belastingen",
    "besluit-op-bezwaar",
    "besluit-op-bezwaar-plattegrond",
    "kwijtschelding",
    "omgevingsvergunning",
    "oproep-paspoort",
    "parkeervergunning",
    "woz-taxatieverslag",
)
SIZES = {"woz-taxatieverslag": 500_000}
"""Documents that must have one exact size, in bytes: the largest attachment that a letter may carry."""

_MORE_DIGITS = 16
"""No two numbers of a document can grow by more digits than this."""

_PACKET_END = b"<?xpacket end"
_LENGTH = re.compile(rb"/Length (\d+)")
_OFFSET = re.compile(rb"(\d{10})(?= \d{5} n)")
_STARTXREF = re.compile(rb"startxref\s+(\d+)")


def document(name: str) -> bytes:
    """Return one document of `NAMES`, as PDF/A-1a."""
    import typst  # noqa: PLC0415 - an optional extra: the padding and the letters work without it

    compiler = typst.Compiler(SOURCES / f"{name}.typ", root=SOURCES, ignore_system_fonts=True)
    pdf = compiler.compile(format="pdf", pdf_standards="a-1a", timestamp=MOMENT)
    if not isinstance(pdf, bytes):
        raise TypeError(f"{name}: typst gave {type(pdf).__name__} and no PDF")
    return padded(pdf, SIZES[name]) if name in SIZES else pdf


def padded(pdf: bytes, size: int) -> bytes:
    """Return the same document at exactly `size` bytes, with blanks before the end of its XMP packet.

    The blanks make the metadata's /Length and `startxref` longer to write, so a few blanks less may be right.

    Args:
        pdf: one revision, with a cross-reference table and a plain XMP packet, as PDF/A-1 asks.
        size: bytes, at least those of the document.

    Raises:
        ValueError: the document is too large, or no number of blanks gives this size.
    """
    missing = size - len(pdf)
    for digits in range(min(missing, _MORE_DIGITS) + 1):
        result = _with_blanks(pdf, missing - digits)
        if len(result) == size:
            return result
    raise ValueError(f"a document of {len(pdf)} bytes cannot be padded to {size}")


def _with_blanks(pdf: bytes, blanks: int) -> bytes:
    end = pdf.index(_PACKET_END)
    *_, length = _LENGTH.finditer(pdf, 0, end)
    longer = b"/Length %d" % (int(length[1]) + blanks)
    head = pdf[: length.start()] + longer + pdf[length.end() : end] + b" " * blanks
    return head + _moved(pdf[end:], behind=end, by=len(head) - end)


def _moved(tail: bytes, *, behind: int, by: int) -> bytes:
    """Return the part behind the blanks, with every offset that points behind them moved."""
    *_, start = _STARTXREF.finditer(tail)
    table = int(start[1]) - behind
    offsets = _OFFSET.sub(lambda found: _later(found[1], behind, by), tail[table : start.start()])
    return tail[:table] + offsets + b"startxref\n%d" % (int(start[1]) + by) + tail[start.end() :]


def _later(offset: bytes, behind: int, by: int) -> bytes:
    return offset if int(offset) < behind else b"%010d" % (int(offset) + by)


def json_lines(letters: Iterator[dict[str, str]]) -> Iterator[str]:
    """Return each letter as one line of JSON, without the cells that are empty."""
    for letter in letters:
        yield json.dumps({name: cell for name, cell in letter.items() if cell}, ensure_ascii=False)


def main(directory: Path = HERE) -> None:
    """Write every document and `letters.jsonl` below the directory."""
    (directory / "documents").mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        path = directory / "documents" / f"{name}.pdf"
        path.write_bytes(document(name))
        print(f"{path.stat().st_size:>7} {path}")
    with LETTERS.open(encoding="utf-8", newline="") as rows:
        lines = "".join(f"{line}\n" for line in json_lines(csv.DictReader(rows)))
    (directory / "letters.jsonl").write_text(lines, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
