# not run by tests/run_docs.py: docs/preflight.md runs it
"""Makes a data set of letters to try things with: a CSV file, and a PDF for each letter from the document examples.

    python examples/make_letters.py DIRECTORY [--letters N] [--senders N] [--kilobytes N] [--documents N]

The same words make the same files. Nobody is a real person: the BSNs are the test numbers ``9999ddddd`` that pass the
elfproef, 9,091 of them, each used for more than one letter when there are more letters. Every letter has a PDF of its
own, as large as it is asked to be; links on the disk would make the files look faster to read than they are. Where the
disk is too small for that, as for half a million letters that are only rehearsed, a few documents serve for all.

Source: spec/berichtenbox.md f.1 (test numbers, elfproef); ISO 32000-1, 7.5.6 (what stands behind the last %%EOF).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

DOCUMENTS = Path(__file__).resolve().parent / "documents"
NAMES = ("aanslag-belastingen", "besluit-op-bezwaar", "kwijtschelding", "omgevingsvergunning", "parkeervergunning")
COLUMNS = (
    "kenmerk",
    "oin",
    "bsn",
    "berichttype",
    "onderwerp",
    "berichttekst",
    "referentie",
    "bijlage_1",
    "omschrijving_1",
)
WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
TEXT = """Geachte heer of mevrouw,

Bij dit bericht vindt u uw aanslag gemeentelijke belastingen, nummer {number}.
Betalen kan via https://www.voorbeeldstad.example/betalen

Met vriendelijke groet,
Gemeente Voorbeeldstad"""
_PER_FOLDER = 1000


def bsns() -> Iterator[str]:
    """Return every test number ``9999ddddd`` that passes the elfproef: 9,091 of them."""
    for number in range(100_000):
        digits = f"9999{number:05d}"
        if sum(weight * int(digit) for weight, digit in zip(WEIGHTS, digits, strict=True)) % 11 == 0:
            yield digits


def oins(count: int) -> list[str]:
    """Return OINs with the prefix that is free for tests."""
    return [f"00000099{number:09d}000" for number in range(1, count + 1)]


def document(name: str, number: int, size: int) -> bytes:
    """Return an example document that no other letter has, of `size` bytes or as large as it is by itself.

    What makes it differ is a comment, in front of the table of objects: another document to who compares octets, and
    the same one to who reads it.
    """
    pdf = (DOCUMENTS / f"{name}.pdf").read_bytes()
    body, _, tail = pdf.rpartition(b"startxref")
    comment = f"% letter {number} ".encode()
    return body + comment.ljust(max(len(comment), size - len(pdf) - 1)) + b"\nstartxref" + tail


def make(folder: Path, letters: int, senders: int, size: int, documents: int | None = None) -> Path:
    """Write `letters` letters with their PDFs, or with so many documents in turn, and return the CSV file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "letters.csv"
    given = islice(zip(cycle(bsns()), cycle(oins(senders)), cycle(NAMES), strict=False), letters)
    with file.open("w", encoding="utf-8", newline="") as sink:
        rows = csv.writer(sink)
        rows.writerow(COLUMNS)
        for number, (bsn, oin, name) in enumerate(given, start=1):
            own = (number - 1) % (documents or letters) + 1
            path = Path("pdf") / f"{own // _PER_FOLDER:03d}" / f"{own:06d}.pdf"
            if own == number:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(document(name, number, size))
            kenmerk = f"aanslag-2027-{number:06d}"
            texts = ("AANSLAG", "Aanslag gemeentelijke belastingen 2027", TEXT.format(number=number))
            rows.writerow((kenmerk, oin, bsn, *texts, f"2027-{number:06d}", path.as_posix(), "Aanslag.pdf"))
    return file


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIRECTORY")
    parser.add_argument("--letters", type=int, default=10, help="10 (default), 1000, 100000")
    parser.add_argument("--senders", type=int, default=1, help="how many OINs the letters are of, in turn")
    parser.add_argument("--kilobytes", type=int, default=0, help="size of each PDF; as it is when left out")
    parser.add_argument("--documents", type=int, help="how many different PDFs; as many as letters when left out")
    given = parser.parse_args()
    print(make(given.folder, given.letters, given.senders, given.kilobytes * 1000, given.documents))


if __name__ == "__main__":
    main()
