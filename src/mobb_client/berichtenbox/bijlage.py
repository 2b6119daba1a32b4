"""An attachment: a PDF given as bytes or as a path, and what can be seen of it cheaply."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from mobb_client.berichtenbox import tekst
from mobb_client.berichtenbox.identiteit import measure
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import FieldError, Finding

BLOCK: Final = 196_608
"""Octets of an attachment in one block.

A multiple of 3, so that each block's base64 stands by itself, and of the 4096 that disks like. Base64, SHA-256 and a
write of 500,000 octets took 1.22 x base64 + SHA-256 of the whole at once with 24 kB blocks, 1.00 x with anything from
96 to 300 kB, and 1.2 x in one block of 500 kB, which no longer fits in the processor's cache.
"""
_LOOK: Final = 1024
_PDF: Final = b"%PDF-"


@dataclass(frozen=True, slots=True, repr=False)
class Octets:
    """An attachment's content, held in memory."""

    data: bytes
    facts: tuple[Finding, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Look at the first and the last kilobyte."""
        object.__setattr__(self, "facts", tuple(_facts(self.data[:_LOOK], self.data[-_LOOK:])))

    @property
    def size(self) -> int:
        """Octets."""
        return len(self.data)

    def blocks(self) -> Iterator[bytes]:
        """Return the content in blocks of `BLOCK` octets, the last one shorter."""
        for start in range(0, len(self.data), BLOCK):
            yield self.data[start : start + BLOCK]


@dataclass(frozen=True, slots=True, repr=False)
class Bestand:
    """An attachment's content in a file that is read when it is needed.

    Args:
        path: the file.
        size: octets it had when it was looked at.
        changed: its time of change then, in nanoseconds.
        facts: what its first and last kilobyte tell.
    """

    path: Path
    size: int
    changed: int
    facts: tuple[Finding, ...] = field(compare=False)

    @classmethod
    def look(cls, path: str | os.PathLike[str]) -> Bestand:
        """Look at a file's size and its first and last kilobyte.

        Raises:
            FieldError: ``bijlage.path``: there is no such file, or it cannot be read; its name is not quoted.
        """
        try:
            found = Path(path).absolute()  # it may be read by another process, standing elsewhere
            status = found.stat()
            facts = tuple(_facts(*_ends(found, status.st_size))) if stat.S_ISREG(status.st_mode) else None
        except OSError as error:
            raise _unreadable(_reason(error)) from None
        except (TypeError, ValueError):  # no path, a NUL in it, or a character that no file name can have
            raise _unreadable("no path") from None
        if facts is None:
            raise _unreadable("no regular file")
        return cls(found, status.st_size, status.st_mtime_ns, facts)

    def blocks(self) -> Iterator[bytes]:
        """Return the content in blocks of `BLOCK` octets, the last one shorter; the file is opened once.

        Raises:
            FieldError: ``bijlage.changed``: it is not the file that was looked at, perhaps only seen after some blocks
                were given; ``bijlage.path``: it can no longer be read.
        """
        done = 0
        try:
            with self.path.open("rb") as file:
                self._compare(os.fstat(file.fileno()))
                while block := file.read(BLOCK):
                    done += len(block)
                    yield block
                self._compare(os.fstat(file.fileno()), done)
        except OSError as error:
            raise _unreadable(_reason(error)) from None

    def _compare(self, now: os.stat_result, done: int | None = None) -> None:
        size = now.st_size if done is None else done
        if size != self.size:
            raise _changed(f"{self.size} bytes, then {size}")
        if now.st_mtime_ns != self.changed:
            raise _changed("the same size with another time of change")


@runtime_checkable
class Inhoud(Protocol):
    """An attachment's content, wherever it is: `Octets`, a `Bestand`, or what an outbox keeps."""

    @property
    def size(self) -> int:
        """Octets."""

    @property
    def facts(self) -> tuple[Finding, ...]:
        """What its first and last kilobyte tell."""

    def blocks(self) -> Iterator[bytes]:
        """Return the content in blocks of `BLOCK` octets, the last one shorter."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Bijlage:
    """One personal attachment of a letter.

    Args:
        inhoud: the PDF's octets.
        omschrijving: what the citizen sees as its file name; the blanks around it are not written.
        regels: the limits it is judged by.

    Raises:
        FieldError: the first rule it breaks. `Bericht` tells all of them, when it is given the parts instead.

    Source: `berichtenbox` g.4, g.5; b.2 rows 19 to 22.
    """

    inhoud: Inhoud
    omschrijving: str

    def __init__(self, inhoud: bytes | Inhoud, omschrijving: str, *, regels: Regels = STANDAARD) -> None:
        source = content_of(inhoud)
        for finding in findings(source, omschrijving, regels):
            if finding.severity == "error":
                raise error_of(finding)
        object.__setattr__(self, "inhoud", source)
        object.__setattr__(self, "omschrijving", omschrijving)

    @classmethod
    def from_path(
        cls, path: str | os.PathLike[str], omschrijving: str | None = None, *, regels: Regels = STANDAARD
    ) -> Bijlage:
        """Return an attachment that is read from its file when its batch is written.

        Args:
            path: the PDF; now only its size and its first and last kilobyte are looked at.
            omschrijving: what the citizen sees as its file name; the file's own name when left out.
            regels: the limits it is judged by.

        Raises:
            FieldError: as `Bijlage`, or ``bijlage.path``.
        """
        source = Bestand.look(path)
        return cls(source, source.path.name if omschrijving is None else omschrijving, regels=regels)

    @classmethod
    def restored(cls, inhoud: Inhoud, omschrijving: str) -> Bijlage:
        """Return an attachment as it was made before; it is not judged again."""
        made = object.__new__(cls)
        object.__setattr__(made, "inhoud", inhoud)
        object.__setattr__(made, "omschrijving", omschrijving)
        return made

    @property
    def size(self) -> int:
        """Octets, before base64."""
        return self.inhoud.size

    @property
    def path(self) -> Path | None:
        """The file it is read from, or None when it is in memory."""
        return self.inhoud.path if isinstance(self.inhoud, Bestand) else None

    @property
    def geschreven_omschrijving(self) -> str:
        """The description as it is written."""
        return tekst.trimmed(self.omschrijving)

    def blocks(self) -> Iterator[bytes]:
        """Return the PDF in blocks of `BLOCK` octets, the last one shorter.

        Raises:
            FieldError: ``bijlage.changed`` or ``bijlage.path``, when it is a file that is no longer what it was.
        """
        return self.inhoud.blocks()

    def sha256(self) -> str:
        """Return the SHA-256 of the PDF in hexadecimal, read once for it."""
        digest = sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def __repr__(self) -> str:
        """Return its size: neither name nor content."""
        return f"Bijlage({self.size} bytes)"


def content_of(given: bytes | Inhoud) -> Inhoud:
    """Return where an attachment's octets come from.

    Raises:
        FieldError: ``value.type`` when it is neither octets nor a file that was looked at.
    """
    if isinstance(given, bytes | bytearray | memoryview):
        return Octets(bytes(given))
    if isinstance(given, Inhoud):
        return given
    raise FieldError("value.type", field="inhoud", measure=measure(given), limit="bytes")


def findings(inhoud: Inhoud, omschrijving: str, regels: Regels) -> Iterator[Finding]:
    """Find all that is wrong, or worth a warning, in one attachment."""
    if regels.controleer_pdf or not inhoud.size:
        yield from inhoud.facts
    if inhoud.size > regels.max_bijlage_bytes:
        yield Finding("bijlagen.size", field="inhoud", measure=f"{inhoud.size} bytes", limit=regels.max_bijlage_bytes)
    wrong = tuple(tekst.omschrijving(regels.max_omschrijving).findings(omschrijving))
    yield from wrong
    length = 0 if wrong else len(tekst.trimmed(omschrijving))
    if length > regels.omschrijving_warning:
        given, limit = f"{length} characters", regels.omschrijving_warning
        yield Finding("omschrijving.long", field="omschrijving", measure=given, limit=limit, severity="warning")


def error_of(finding: Finding) -> FieldError:
    """Return the exception that carries a finding."""
    return FieldError(finding.code, field=finding.field, measure=finding.measure, limit=finding.limit)


def _ends(path: Path, size: int) -> tuple[bytes, bytes]:
    """Return the first and the last kilobyte of a file."""
    with path.open("rb") as file:
        first = file.read(_LOOK)
        file.seek(max(0, size - _LOOK))
        return first, file.read(_LOOK)


def _facts(first: bytes, last: bytes) -> Iterator[Finding]:
    """Find what the first and the last kilobyte of a PDF tell."""
    if not first:
        yield Finding("bijlage.empty", field="inhoud", measure="0 bytes")
        return
    start = first.find(_PDF)
    if start < 0:
        yield Finding("bijlage.pdf", field="inhoud", measure=f"no %PDF- in the first {len(first)} bytes")
        return
    if start:
        yield _warning("bijlage.pdf-start", f"{start} bytes before %PDF-")
    if b"%%EOF" not in last:
        yield _warning("bijlage.pdf-end", f"no %%EOF in the last {len(last)} bytes")
    if b"/Encrypt" in last:
        yield _warning("bijlage.encrypted", "/Encrypt in the trailer")


def _warning(code: str, given: str) -> Finding:
    return Finding(code, field="inhoud", measure=given, severity="warning")


def _unreadable(reason: str) -> FieldError:
    return FieldError("bijlage.path", field="inhoud", measure=reason)


def _changed(how: str) -> FieldError:
    return FieldError("bijlage.changed", field="inhoud", measure=how)


def _reason(error: OSError) -> str:
    """Name an operating system's error without the file name that its text holds."""
    return "an unknown error" if error.errno is None else os.strerror(error.errno).lower()
