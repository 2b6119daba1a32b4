"""Input rows into the outbox: a thousand at a time, in the transaction that stores their letters.

So every row is known exactly once, whenever the process dies: as a letter, as the repeat of one, or as refused with its
findings. A row that is refused is on the desk when its kenmerk can name it, and else in the run alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

from mobb_client import desk, ledger
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.rows import Row, RowReader, split_rows
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.outbox.contract import Outbox, RowKind, RunRow, StoredRun, Transaction
from mobb_client.sender import Intake, Sender
from mobb_client.sending import enqueue_one

CHUNK: Final = 1000
_BLOCK: Final = 1 << 20


def fingerprint(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file, in hexadecimal, and how many octets it has.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    except OSError as error:
        measure = error.strerror or type(error).__name__
        raise ConfigurationError(Finding("run.input", field="letters", measure=measure)) from None


def chunks(run: StoredRun, senders: Sequence[Sender], after: int) -> Iterator[list[Row]]:
    """Give the rows of a run's input with a number above `after`, a thousand at a time.

    Raises:
        ConfigurationError: the file cannot be read, its header row is wrong, or it is no longer what it was when the
            run began; the last is only known for certain at its end.
    """
    path = Path(run.source)
    _check(run, fingerprint(path)[0])
    with path.open("rb") as file:
        hashed = _Hashed(file)
        try:
            raw = split_rows(cast("BinaryIO", hashed), name=path.name)
        except BerichtError as error:  # the header row
            raise ConfigurationError(*(one.finding for one in error.errors)) from None
        reader = RowReader(path.parent, senders[0].regels)
        left = (reader.row(one) for one in raw if one.number > after)
        while page := list(islice(left, CHUNK)):
            yield page
        _check(run, hashed.digest())


def _check(run: StoredRun, found: str) -> None:
    if found != run.sha256:
        raise ConfigurationError(Finding("run.input-changed", field="letters", measure=f"SHA-256 {found[:16]}..."))


class _Hashed:
    """A file of which the lines are hashed as they are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for line in self._file:
            self._hash.update(line)
            yield line

    def digest(self) -> str:
        """Return the SHA-256 of the whole file, whatever was not read yet included."""
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
        return self._hash.hexdigest()


class _UnstorableError(Exception):
    """A letter that can only be found out to be none while it is stored: the transaction is taken back."""

    def __init__(self, row: int, errors: Sequence[FieldError]) -> None:
        super().__init__(row)
        self.row = row
        self.errors = tuple(errors)


class TakeIn:
    """Takes in the rows of one run.

    Args:
        outbox: where they go.
        senders: whose letters they may be.
        name: of the run.
        now: the clock.
    """

    def __init__(self, outbox: Outbox, senders: Sequence[Sender], name: str, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._senders = senders
        self._name = name
        self._now = now

    def store(self, rows: Sequence[Row]) -> None:
        """Store rows and their letters, all of them or none.

        Raises:
            OutboxError: they cannot be stored, or were by another process.
        """
        bad: dict[int, Sequence[FieldError]] = {}
        while True:
            try:
                with self._outbox.transaction() as tx:
                    page = _Page(tx, self._senders, self._now(), rows)
                    tx.add_run_rows(self._name, [page.take(row, bad.get(row.number, row.errors)) for row in rows])
            except _UnstorableError as error:
                bad[error.row] = error.errors
            else:
                return


class _Page:
    """Rows that are stored together, in one transaction."""

    def __init__(self, tx: Transaction, senders: Sequence[Sender], now: datetime, rows: Iterable[Row]) -> None:
        self._tx = tx
        self._senders = senders
        self._now = now
        self._intake = Intake(senders, now)
        keys = {(oin, row.kenmerk) for row in rows if row.kenmerk for oin in self._whose(row)}
        self._known = {way.key: way for way in tx.ways(keys)}

    def _whose(self, row: Row) -> Iterable[OIN]:
        if row.bericht is not None and row.bericht.oin is not None:
            return (row.bericht.oin,)
        return (sender.oins[0] for sender in self._senders)

    def take(self, row: Row, errors: Sequence[FieldError]) -> RunRow:
        """Store the letter of a row, and return what the row is."""
        if row.bericht is None or errors:
            return self._refuse(row, errors)
        try:
            return self._letter(row, row.bericht, self._intake.owner(row.bericht))
        except BerichtError as error:
            return self._refuse(row, error.errors)

    def _letter(self, row: Row, bericht: Bericht, sender: Sender) -> RunRow:
        """Store a letter; of one that is refused nothing was stored when this raises a BerichtError."""
        key = (bericht.oin or sender.oins[0], bericht.kenmerk)
        before = self._known.get(key)
        if before is None and (errors := bericht.date_errors(self._now, sender.regels)):
            raise BerichtError(bericht.kenmerk, errors)
        try:
            way = enqueue_one(self._tx, sender, bericht, self._now)
        except BerichtError as error:
            if before is not None and before.state is not State.HUMAN:
                raise  # it was only compared
            raise _UnstorableError(row.number, error.errors) from None
        self._known[key] = way
        is_new = before is None or (before.state is State.HUMAN and way.state is State.QUEUED)
        return _row(row, RowKind.LETTER if is_new else RowKind.REPEAT, way)

    def _refuse(self, row: Row, errors: Sequence[FieldError]) -> RunRow:
        """Put a row on the desk, when it has a kenmerk that names no other letter."""
        findings = tuple(error.finding for error in errors)
        try:
            way = desk.refused(self._senders, row.kenmerk, errors, self._now, oin=row.oin)
        except FieldError:
            return RunRow(
                number=row.number, kind=RowKind.REFUSED, oin=_oin(row), kenmerk=row.kenmerk, findings=findings
            )
        stands = ledger.put_aside(self._tx, way, [error.code for error in errors], self._now)
        self._known[way.key] = stands or self._known.get(way.key, way)
        letter = None if stands is None else stands.bericht_id
        return RunRow(
            number=row.number,
            kind=RowKind.REFUSED,
            oin=way.oin,
            kenmerk=row.kenmerk,
            bericht_id=letter,
            findings=findings,
        )


def _row(row: Row, kind: RowKind, way: Aflevering) -> RunRow:
    return RunRow(number=row.number, kind=kind, oin=way.oin, kenmerk=way.kenmerk, bericht_id=way.bericht_id)


def _oin(row: Row) -> OIN | None:
    try:
        return None if row.oin is None else OIN(row.oin)
    except FieldError:
        return None
