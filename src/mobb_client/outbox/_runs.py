"""The tables of runs: which input rows there are, what each became, what is held, and what is on which paper list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import Finding
from mobb_client.outbox import _rows
from mobb_client.outbox._rows import MOMENTS, WAY, Row
from mobb_client.outbox._values import from_json, to_json
from mobb_client.outbox.contract import Hold, RowKind, RunLine, RunRow, StoredRun

if TYPE_CHECKING:
    from mobb_client.outbox._sql import Database

NOT_HELD: Final = (
    "NOT EXISTS (SELECT 1 FROM mobb_run_hold h CROSS JOIN mobb_run_row r WHERE h.oin IN ('', mobb_letter.oin)"
    " AND r.run = h.run AND r.bericht_id = mobb_letter.bericht_id AND r.kind <> 'repeat')"
)
"""A condition on a letter. The holds first: mostly there are none, and then no row of a run is looked at."""
_COLUMNS: Final = ("number", "kind", "oin", "kenmerk", "bericht_id", "findings")
_FOLLOWS: Final = "LEFT JOIN mobb_letter l ON l.bericht_id = r.bericht_id"


def run(db: Database, name: str) -> StoredRun | None:
    """Return a run."""
    found = db.rows(f"SELECT parts FROM mobb_run WHERE name = ?{db.locking}", (name,))
    return from_json(StoredRun, found[0][0]) if found else None


def runs(db: Database) -> Sequence[StoredRun]:
    """Return every run."""
    return [from_json(StoredRun, parts) for (parts,) in db.rows("SELECT parts FROM mobb_run ORDER BY name")]


def put(db: Database, one: StoredRun) -> None:
    """Store a run."""
    statement = "INSERT INTO mobb_run VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET parts = excluded.parts"
    db.run(statement, (one.name, to_json(one)))


def add_rows(db: Database, name: str, rows: Sequence[RunRow]) -> None:
    """Append rows."""
    which, ids = db.among("bericht_id", (str(row.bericht_id) for row in rows if row.bericht_id))
    found = db.rows(
        f"SELECT bericht_id, number FROM mobb_run_row WHERE kind <> 'repeat' AND {which} AND run = ?", (ids, name)
    )
    kept, left = one_each(rows, {UUID(letter): number for letter, number in found})
    leave = "UPDATE mobb_run_row SET bericht_id = NULL WHERE run = ? AND number = ?"
    for number in left:
        db.run(leave, (name, number))
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    db.run_many(
        f"INSERT INTO mobb_run_row (run, {', '.join(_COLUMNS)}) VALUES ({marks})", [(name, *_row(one)) for one in kept]
    )


def one_row(db: Database, name: str, number: int) -> RunRow | None:
    """Return one row."""
    found = db.rows(
        f"SELECT {', '.join(_COLUMNS)} FROM mobb_run_row WHERE run = ? AND number = ?{db.locking}", (name, number)
    )
    return _read_row(found[0]) if found else None


def follow(db: Database, name: str, number: int, bericht_id: UUID) -> None:
    """Let a row follow a letter."""
    statement = "UPDATE mobb_run_row SET bericht_id = ? WHERE run = ? AND number = ? AND bericht_id IS NULL"
    db.run(statement, (str(bericht_id), name, number))


def one_each(rows: Iterable[RunRow], taken: Mapping[UUID, int]) -> tuple[list[RunRow], list[int]]:
    """Let one row at most follow each letter.

    Args:
        rows: new ones.
        taken: which letters rows follow that are there already, by their numbers.

    Returns:
        The new rows as they are to be stored, and the numbers of those there already that follow their letter no more.
    """
    kept: dict[int, RunRow] = {}
    left: list[int] = []
    following = dict(taken)
    for row in rows:
        letter = row.bericht_id
        kept[row.number] = row
        if letter is None or row.kind is RowKind.REPEAT:
            continue
        before = following.get(letter)
        if before is not None and row.kind is RowKind.REFUSED:
            kept[row.number] = replace(row, bericht_id=None)
            continue
        if before in kept:
            kept[before] = replace(kept[before], bericht_id=None)
        elif before is not None:
            left.append(before)
        following[letter] = row.number
    return list(kept.values()), left


def _row(row: RunRow) -> Row:
    oin = None if row.oin is None else row.oin.digits
    letter = None if row.bericht_id is None else str(row.bericht_id)
    return row.number, row.kind.value, oin, row.kenmerk, letter, to_json(row.findings)


def _read_row(row: Row) -> RunRow:
    number, kind, oin, kenmerk, letter, findings = row
    return RunRow(
        number=number,
        kind=RowKind(kind),
        oin=None if oin is None else _rows.read_oin(oin),
        kenmerk=kenmerk,
        bericht_id=None if letter is None else UUID(letter),
        findings=() if findings == "[]" else from_json(tuple[Finding, ...], findings),
    )


def last_row(db: Database, name: str) -> int:
    """Return the number of the last row."""
    return int(db.rows("SELECT coalesce(max(number), 0) FROM mobb_run_row WHERE run = ?", (name,))[0][0])


def lines(db: Database, name: str, after: int, limit: int) -> Sequence[RunLine]:
    """Return rows, and where their letters stand."""
    own = ", ".join(f"r.{column}" for column in _COLUMNS)
    way = ", ".join(db.shown(f"l.{column}") if column in MOMENTS else f"l.{column}" for column in WAY)
    found = db.rows(
        f"SELECT p.list, {own}, {way} FROM mobb_run_row r {_FOLLOWS}"
        " LEFT JOIN mobb_run_paper p ON p.bericht_id = r.bericht_id AND p.run = r.run AND r.kind <> 'repeat'"
        " WHERE r.run = ? AND r.number > ? ORDER BY r.number LIMIT ?",
        (name, after, limit),
    )
    return [_line(row) for row in found]


def _line(row: Row) -> RunLine:
    own, way = row[1 : 1 + len(_COLUMNS)], row[1 + len(_COLUMNS) :]
    stands = None if way[0] is None else _rows.read_way(way)
    return RunLine(row=_read_row(own), aflevering=stands, paper=row[0])


def counts(db: Database, name: str) -> Mapping[tuple[RowKind, OIN | None, State | None], int]:
    """Return how many rows there are of each kind, OIN and state."""
    found = db.rows(
        f"SELECT r.kind, r.oin, l.state, count(*) FROM mobb_run_row r {_FOLLOWS} WHERE r.run = ?"
        " GROUP BY r.kind, r.oin, l.state",
        (name,),
    )
    return {
        (RowKind(kind), _rows.read_oin(oin) if oin else None, State(state) if state else None): count
        for kind, oin, state, count in found
    }


def hold(db: Database, name: str, one: Hold) -> None:
    """Hold letters."""
    db.run("INSERT INTO mobb_run_hold VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (name, one.why, _whose(one)))


def release(db: Database, name: str, one: Hold) -> None:
    """Let go of them."""
    db.run("DELETE FROM mobb_run_hold WHERE run = ? AND why = ? AND oin = ?", (name, one.why, _whose(one)))


def holds(db: Database, name: str) -> Sequence[Hold]:
    """Return what is held."""
    found = db.rows("SELECT why, oin FROM mobb_run_hold WHERE run = ? ORDER BY why, oin", (name,))
    return [Hold(why=why, oin=_rows.read_oin(oin) if oin else None) for why, oin in found]


def _whose(one: Hold) -> str:
    return "" if one.oin is None else one.oin.digits


def put_on_paper_list(db: Database, name: str, number: int) -> int:
    """Put letters on a paper list."""
    return db.run(
        "INSERT INTO mobb_run_paper SELECT l.bericht_id, r.run, CAST(? AS INTEGER) FROM mobb_run_row r"
        " JOIN mobb_letter l ON l.bericht_id = r.bericht_id"
        " WHERE r.run = ? AND r.kind <> 'repeat' AND l.state = 'PAPER' ON CONFLICT DO NOTHING",
        (number, name),
    )
