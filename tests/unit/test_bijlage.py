"""berichtenbox g.4, g.5: attachments, as octets and as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Self

import pytest
from tests.letters import pdf, refuses

from mobb_client.berichtenbox.bijlage import BLOCK, Bestand, Bijlage, Octets, findings
from mobb_client.berichtenbox.regels import STANDAARD, Regels

Make = Callable[[bytes], Bijlage]
ANYTHING = Regels(controleer_pdf=False)


@pytest.fixture(params=["octets", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make an attachment of octets, from memory and from a file."""

    def from_file(octets: bytes) -> Bijlage:
        path = tmp_path / "besluit.pdf"
        path.write_bytes(octets)
        return Bijlage.from_path(path, "Besluit", regels=ANYTHING)

    def from_octets(octets: bytes) -> Bijlage:
        return Bijlage(octets, "Besluit", regels=ANYTHING)

    return from_file if request.param == "file" else from_octets


@pytest.mark.parametrize("size", [1, 2, 3, 1023, 1024, 1025, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 500_000])
def test_size(make: Make, size: int) -> None:
    """B08: the octets that go in come out, whatever their number; every block but the last is whole triplets."""
    octets = os.urandom(size)
    bijlage = make(octets)
    blocks = list(bijlage.blocks())
    assert b"".join(blocks) == octets
    assert all(len(block) == BLOCK for block in blocks[:-1])
    assert BLOCK % 3 == 0
    assert bijlage.size == size
    assert bijlage.sha256() == sha256(octets).hexdigest()


def test_empty(make: Make) -> None:
    """B08: no octets at all are refused, also when anything else is let through."""
    with refuses("bijlage.empty"):
        make(b"")


def test_mutable_octets() -> None:
    """What is given as a buffer is copied: a later change does not reach the letter."""
    buffer = bytearray(pdf())
    bijlage = Bijlage(buffer, "Besluit")
    buffer[:] = b""
    assert b"".join(bijlage.blocks()) == pdf()
    assert Bijlage(memoryview(pdf()), "Besluit") == bijlage


class TestPDF:
    """g.4: what the first and the last kilobyte tell."""

    @pytest.mark.parametrize(
        ("octets", "code"),
        [
            (b"PK\x03\x04 a document of another kind", "bijlage.pdf"),
            (b"%PDF 1.7", "bijlage.pdf"),
            (b"x" * 1020 + b"%PDF-1.7\n%%EOF", "bijlage.pdf"),
            (b"", "bijlage.empty"),
        ],
    )
    def test_no_pdf(self, octets: bytes, code: str, tmp_path: Path) -> None:
        """No header in the first kilobyte, or nothing: an error."""
        with refuses(code):
            Bijlage(octets, "Besluit")
        (tmp_path / "a.pdf").write_bytes(octets)
        with refuses(code):
            Bijlage.from_path(tmp_path / "a.pdf")

    @pytest.mark.parametrize(
        ("octets", "warned"),
        [
            (pdf(), []),
            (pdf(5000), []),
            (b"x" * 1019 + b"%PDF-1.7\n%%EOF", ["bijlage.pdf-start"]),
            (b"\xef\xbb\xbf" + pdf(), ["bijlage.pdf-start"]),
            (b"%PDF-1.7\n" + b"x" * 2000, ["bijlage.pdf-end"]),
            (pdf() + b"\n" * 1100, ["bijlage.pdf-end"]),
            (b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF", ["bijlage.encrypted"]),
            (b" %PDF-1.7 /Encrypt", ["bijlage.pdf-start", "bijlage.pdf-end", "bijlage.encrypted"]),
        ],
    )
    def test_warnings(self, octets: bytes, warned: list[str], tmp_path: Path) -> None:
        """A header that is not at the start, no end, encryption named in the trailer: warnings."""
        (tmp_path / "a.pdf").write_bytes(octets)
        for source in (Octets(octets), Bestand.look(tmp_path / "a.pdf")):
            assert [each.code for each in findings(source, "Besluit", STANDAARD)] == warned
            assert {each.severity for each in source.facts} <= {"warning"}
            assert not [*findings(source, "Besluit", ANYTHING)]


class TestSize:
    """g.4, k.3."""

    def test_bound(self) -> None:
        """B62: 500,000 bytes are allowed, one more is refused, and the error names both readings of 500 kB."""
        assert Bijlage(pdf(500_000), "Besluit").size == 500_000
        with refuses("bijlagen.size") as caught:
            Bijlage(pdf(500_001), "Besluit")
        for sentence in (caught.value.rule, caught.value.finding.rule_in("nl").replace(".", ",")):
            assert "500,000" in sentence
            assert "512,000" in sentence
        assert caught.value.measure == "500001 bytes"

    def test_other_reading(self) -> None:
        """B62: 512,000 is a setting."""
        assert Bijlage(pdf(512_000), "Besluit", regels=Regels(max_bijlage_bytes=512_000)).size == 512_000
        with refuses("bijlagen.size"):
            Bijlage(pdf(512_001), "Besluit", regels=Regels(max_bijlage_bytes=512_000))


class TestOmschrijving:
    """g.5, k.2."""

    @pytest.mark.parametrize(
        ("length", "regels", "expected"),
        [
            (0, STANDAARD, ["omschrijving.length"]),
            (1, STANDAARD, []),
            (40, STANDAARD, []),
            (41, STANDAARD, ["omschrijving.long"]),
            (128, STANDAARD, ["omschrijving.long"]),
            (129, STANDAARD, ["omschrijving.length"]),
            (40, Regels(max_omschrijving=40), []),
            (41, Regels(max_omschrijving=40), ["omschrijving.length"]),
        ],
    )
    def test_length(self, length: int, regels: Regels, expected: list[str]) -> None:
        """B61: 128 characters, a warning above 40, and 40 as a setting; astral characters count for one."""
        for character in ("x", "\U0001d11e"):
            assert [each.code for each in findings(Octets(pdf()), character * length, regels)] == expected

    @pytest.mark.parametrize("character", list('\\/:*?"<>|'))
    def test_no_file_name(self, character: str) -> None:
        """None of the nine characters that a file name cannot have."""
        with refuses("omschrijving.file-name"):
            Bijlage(pdf(), f"a{character}b")

    @pytest.mark.parametrize("character", ["\n", "\t", "\x00", "\x7f", "\u2028"])
    def test_control(self, character: str) -> None:
        """No control characters, not at the ends either."""
        for text in (f"a{character}b", f"a{character}", f"{character}a"):
            with refuses("omschrijving.characters"):
                Bijlage(pdf(), text)

    def test_trimmed(self) -> None:
        """Kept as given, written and counted without the blanks around it."""
        bijlage = Bijlage(pdf(), f"  {'x' * 40} ")
        assert bijlage.omschrijving == f"  {'x' * 40} "
        assert bijlage.geschreven_omschrijving == "x" * 40
        with refuses("omschrijving.length"):
            Bijlage(pdf(), "   ")

    def test_type(self) -> None:
        """Something else than a text."""
        with refuses("value.type"):
            Bijlage(pdf(), 5)  # type: ignore[arg-type] # that is what is tried
        with refuses("value.type"):
            Bijlage(5, "Besluit")  # type: ignore[arg-type] # that is what is tried


class TestFile:
    """design 2: a path is looked at when the attachment is made, and read when it is written."""

    @pytest.mark.parametrize("name", ["a=b.pdf", "a&b.pdf", "Zoë.pdf", "𝄞.pdf", "a b 'c'.pdf"])
    def test_names(self, name: str, tmp_path: Path) -> None:
        """B06: =, &, ë and more in a path."""
        path = tmp_path / name
        path.write_bytes(pdf())
        for given in (path, str(path)):
            bijlage = Bijlage.from_path(given)
            assert bijlage.omschrijving == name
            assert bijlage.path == path
            assert b"".join(bijlage.blocks()) == pdf()
        assert Bijlage(pdf(), "x").path is None

    def test_only_the_ends_are_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Making an attachment reads two kilobytes of a file, whatever its size."""
        path = tmp_path / "a.pdf"
        path.write_bytes(pdf(500_000))
        read: list[int] = []

        class Counting:
            def __init__(self) -> None:
                self.file = path.open("rb", buffering=0)

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                self.file.close()

            def seek(self, place: int) -> None:
                self.file.seek(place)

            def read(self, size: int) -> bytes:
                read.append(size)
                return self.file.read(size)

        counting = Counting()
        monkeypatch.setattr(Path, "open", lambda *_: counting)
        assert Bijlage.from_path(path, "Besluit").size == 500_000
        assert read == [1024, 1024]

    @pytest.mark.parametrize("given", ["missing.pdf", "a\0b.pdf", "x" * 5000, "\ud800.pdf", None, 5, b"a.pdf"])
    def test_unreadable(self, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No file of that name, or no name: refused, the name not quoted."""
        monkeypatch.chdir(tmp_path)
        with refuses("bijlage.path") as caught:
            Bijlage.from_path(given, "Besluit")
        assert "missing" not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_no_regular_file(self, tmp_path: Path) -> None:
        """A folder or a pipe; a pipe is not waited for."""
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe"):
            with refuses("bijlage.path"):
                Bijlage.from_path(path)

    def test_other_size(self, tmp_path: Path) -> None:
        """A file with another size than it had, also when its time of change is put back."""
        bijlage, path = _of_file(tmp_path)
        before = path.stat()
        path.write_bytes(pdf(65))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with refuses("bijlage.changed") as caught:
            list(bijlage.blocks())
        assert caught.value.measure == "64 bytes, then 65"

    def test_other_time(self, tmp_path: Path) -> None:
        """A file of the same size that was written again."""
        bijlage, path = _of_file(tmp_path)
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000))
        with refuses("bijlage.changed"):
            list(bijlage.blocks())

    def test_changed_while_read(self, tmp_path: Path) -> None:
        """A file that grows while it is read is told after its blocks."""
        bijlage, path = _of_file(tmp_path, BLOCK + 10)
        blocks = bijlage.blocks()
        next(blocks)
        with path.open("ab") as file:
            file.write(b"more")
        with refuses("bijlage.changed"):
            list(blocks)

    def test_gone(self, tmp_path: Path) -> None:
        """A file that is no longer there."""
        bijlage, path = _of_file(tmp_path)
        path.unlink()
        with refuses("bijlage.path"):
            bijlage.sha256()

    def test_unknown_error(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """An error of the system without a number is told in general."""

        def fails(_: Path) -> None:
            raise OSError("999993653.pdf: no")

        monkeypatch.setattr(Path, "stat", fails)
        with refuses("bijlage.path") as caught:
            Bijlage.from_path(tmp_path / "a.pdf")
        assert "99999" not in str(caught.value)


def _of_file(folder: Path, size: int = 64) -> tuple[Bijlage, Path]:
    path = folder / "besluit.pdf"
    path.write_bytes(pdf(size))
    return Bijlage.from_path(path), path


def test_value(tmp_path: Path) -> None:
    """Frozen, equal by content or by file, and a repr without name and content."""
    assert Bijlage(pdf(), "Besluit") == Bijlage(pdf(), "Besluit")
    assert Bijlage(pdf(), "Besluit") != Bijlage(pdf(), "Ander")
    assert Bijlage(pdf(), "Besluit") != Bijlage(pdf(65), "Besluit")
    bijlage, path = _of_file(tmp_path)
    assert bijlage == Bijlage.from_path(path)
    assert len({bijlage, Bijlage.from_path(path), Bijlage(pdf(), "besluit.pdf")}) == 2
    shown = f"{bijlage!r} {bijlage.inhoud!r} {Bijlage(pdf(), 'Besluit').inhoud!r}"
    assert repr(bijlage) == "Bijlage(64 bytes)"
    assert "besluit" not in shown
    assert "%PDF" not in shown
