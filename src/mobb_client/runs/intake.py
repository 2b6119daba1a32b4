"""Input rows into the outbox: judged by processes, and stored with their letters, a thousand in one transaction.

So every row is known exactly once, whenever the process dies: as a letter, as the repeat of one, or as refused with its
findings. A row that is refused is on the desk when its kenmerk can name it, and else in the run alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, cast

from mobb_client import desk, ledger
from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.bijlage import error_of
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.rows import RawRow, split_rows
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.outbox.contract import Key, Outbox, RowKind, RunRow, StoredLetter, StoredRun, Transaction
from mobb_client.runs.judges import Judges
from mobb_client.runs.judging import Judged
from mobb_client.sender import Intake, Sender, reused
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The rows of a run that are not stored yet, judged as preflight judges them.

    Every row of a run is judged at the moment when the run began, also after a resume: it must not depend on when a
    machine went down whether a letter is refused.

    Args:
        run: the run.
        senders: whose letters they may be.
        judges: who judge them.
        is_stopped: tells whether to stop: then nothing more is given.
    """

    run: StoredRun
    senders: Sequence[Sender]
    judges: Judges
    is_stopped: Callable[[], bool]

    def pages(self, after: int) -> Generator[list[Judged], None, None]:
        """Give the rows with a number above `after`, a thousand at a time.

        Raises:
            ConfigurationError: the file cannot be read, its header row is wrong, or it is no longer what it was when
                the run began; the last is only known for certain at its end.
        """
        path = Path(self.run.source)
        _check(self.run, fingerprint(path)[0])
        owners = [sender.oins for sender in self.senders]
        criteria = self.judges.criteria(self.run.started, self.senders[0].regels, owners, keeps=True)
        with path.open("rb") as file:
            rows = self._rows(_Hashed(file), path.name, after)
            with closing(self.judges.judge(rows, path.parent, criteria, self.is_stopped)) as judged:
                each = chain.from_iterable(judged)
                while page := list(islice(each, CHUNK)):
                    yield page

    def _rows(self, file: _Hashed, name: str, after: int) -> Iterator[RawRow]:
        try:
            rows = split_rows(cast("BinaryIO", file), name=name)
        except BerichtError as error:  # the header row
            raise ConfigurationError(*(one.finding for one in error.errors)) from None
        yield from (row for row in rows if row.number > after)
        _check(self.run, file.digest())


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
        run: the run.
        now: the clock.
    """

    def __init__(self, outbox: Outbox, senders: Sequence[Sender], run: StoredRun, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._senders = senders
        self._run = run
        self._now = now

    def store(self, rows: Sequence[Judged]) -> None:
        """Store rows and their letters, all of them or none.

        Raises:
            OutboxError: they cannot be stored, or were by another process.
        """
        bad: dict[int, Sequence[FieldError]] = {}
        while True:
            try:
                with self._outbox.transaction() as tx:
                    page = _Page(tx, self._senders, self._run.started, self._now(), rows)
                    taken = [page.take(row, bad.get(row.report.number, ())) for row in rows]
                    tx.add_run_rows(self._run.name, taken)
            except _UnstorableError as error:
                bad[error.row] = error.errors
            else:
                return


class _Page:
    """Rows that are stored together, in one transaction."""

    def __init__(
        self, tx: Transaction, senders: Sequence[Sender], began: datetime, now: datetime, rows: Iterable[Judged]
    ) -> None:
        self._tx = tx
        self._senders = senders
        self._began = began
        self._now = now
        self._intake = Intake(senders, now)
        keys = {(oin, row.report.kenmerk) for row in rows if row.report.kenmerk for oin in self._whose(row)}
        self._known = {way.key for way in tx.ways(keys)}

    def _whose(self, row: Judged) -> Iterable[OIN]:
        given = _oin(row)
        return [sender.oins[0] for sender in self._senders] if given is None else [given]

    def take(self, row: Judged, more: Sequence[FieldError]) -> RunRow:
        """Store the letter of a row, and return what the row is; `more` is what else was found to be wrong with it."""
        errors = [*map(error_of, row.report.errors), *more]
        bericht = row.bericht
        if bericht is None:
            return self._refuse(row, errors)
        try:
            sender = self._intake.owner(bericht)
        except BerichtError as error:
            return self._refuse(row, errors or error.errors)
        known = self._there((bericht.oin or sender.oins[0], bericht.kenmerk))
        if known is not None:
            return self._again(row, bericht, known, errors, sender)
        return self._refuse(row, errors) if errors else self._letter(row, bericht, sender)

    def _there(self, key: Key) -> StoredLetter | None:
        """Return the letter of a key; one that was refused takes no place."""
        known = self._tx.letter(key) if key in self._known else None
        return None if known is None or ledger.was_put_aside(known) else known

    def _letter(self, row: Judged, bericht: Bericht, sender: Sender) -> RunRow:
        """Store a letter."""
        try:
            way = enqueue_one(self._tx, sender, bericht, self._now, judged=self._began)
        except BerichtError as error:
            raise _UnstorableError(row.report.number, error.errors) from None
        self._known.add(way.key)
        return _row(row, RowKind.LETTER, way)

    def _again(
        self, row: Judged, bericht: Bericht, known: StoredLetter, errors: Sequence[FieldError], sender: Sender
    ) -> RunRow:
        """Compare a letter with the one that has its kenmerk; a repeat may be older than its dates."""
        reuse = list(reused(known.bericht, bericht)) if known.bericht else []
        dates = {error.finding for error in bericht.date_errors(self._began, sender.regels)}
        if reuse or any(error.finding not in dates for error in errors):
            return self._refuse(row, [*errors, *reuse])
        return _row(row, RowKind.REPEAT, known.aflevering)

    def _refuse(self, row: Judged, errors: Sequence[FieldError]) -> RunRow:
        """Put a row on the desk, when it has a kenmerk that names no other letter."""
        refused = RunRow(
            number=row.report.number,
            kind=RowKind.REFUSED,
            oin=_oin(row),
            kenmerk=row.report.kenmerk,
            findings=tuple(error.finding for error in errors),
        )
        try:
            way = desk.refused(self._senders, refused.kenmerk, errors, self._now, oin=row.oin)
        except FieldError:
            return refused
        stands = ledger.put_aside(self._tx, way, [error.code for error in errors], self._now)
        self._known.add(way.key)
        return replace(refused, oin=way.oin, bericht_id=None if stands is None else stands.bericht_id)


def _row(row: Judged, kind: RowKind, way: Aflevering) -> RunRow:
    return RunRow(number=row.report.number, kind=kind, oin=way.oin, kenmerk=way.kenmerk, bericht_id=way.bericht_id)


def _oin(row: Judged) -> OIN | None:
    try:
        return None if row.oin is None else OIN(row.oin)
    except FieldError:
        return None
