"""What it costs to look at an outbox of 500,000 letters: all that `mobb metrics` asks of it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from measure import Figure, alone

LETTERS = 500_000
BATCH = 600
NIGHT = datetime(2026, 2, 27, 20, tzinfo=UTC)
PDF = 120_000


def look_500k(quick: bool) -> list[Figure]:
    """Look when all letters of a run wait, and when all have ended: as a fresh process, and as one that has looked."""
    from mobb_client import SqliteOutbox

    letters = LETTERS // 50 if quick else LETTERS
    found = []
    with tempfile.TemporaryDirectory() as folder:
        outbox = SqliteOutbox(Path(folder) / "outbox.sqlite")
        for name, fill in (("waiting", _hand_over), ("ended", _end)):
            for start in range(0, letters, BATCH):
                fill(outbox, start, min(start + BATCH, letters))
                outbox.lease_letters((), NIGHT, 1)  # as whoever sends does
            watch = _watch(Path(folder))
            found.append(alone(f"look_500k, {name}", lambda: _watch(Path(folder)).look(), quick=quick))
            found.append(alone(f"look_500k, {name}, again", watch.look, quick=quick))
            watch.close()
        outbox.close()
    return found


def _watch(folder: Path) -> Any:
    from mobb_client import SqliteOutbox
    from mobb_client.metrics.vitals import Watch
    from mobb_client.settings import Settings

    def opened() -> SqliteOutbox:
        return SqliteOutbox(folder / "outbox.sqlite", read_only=True)

    return Watch(opened, lambda: Settings(()), monotonic=lambda: 0.0)  # as if no look were ever too soon


def _ways(start: int, end: int) -> list[Any]:
    """Return the ways of queued letters."""
    from mobb_client.berichtenbox.aflevering import Aflevering
    from mobb_client.berichtenbox.bericht import bericht_id
    from mobb_client.berichtenbox.identiteit import OIN

    oin = OIN("00000099000000001000")
    kenmerken = [f"aanslag-{number}" for number in range(start, end)]
    return [Aflevering(oin=oin, kenmerk=one, bericht_id=bericht_id(oin, one), handed_over=NIGHT) for one in kenmerken]


def _hand_over(outbox: Any, start: int, end: int) -> None:
    """Store letters of a run, without content: nobody looks at that."""
    from mobb_client.ledger import note_letter
    from mobb_client.outbox.contract import EventName, RowKind, RunRow, StoredLetter, StoredRun

    with outbox.transaction() as tx:
        tx.put_run(StoredRun(name="aanslag2027", source="/l.csv", sha256="0", size=1, started=NIGHT, is_read=True))
        ways = _ways(start, end)
        for way in ways:
            tx.add_letter(StoredLetter(bericht=None, aflevering=way))
            note_letter(tx, EventName.LETTER_QUEUED, way, NIGHT, {})
        rows = [
            RunRow(number=n, kind=RowKind.LETTER, oin=way.oin, kenmerk=way.kenmerk, bericht_id=way.bericht_id)
            for n, way in enumerate(ways, start + 2)
        ]
        tx.add_run_rows("aanslag2027", rows)


def _end(outbox: Any, start: int, end: int) -> None:
    """Let letters go in one message, be acknowledged and delivered, with every event of that."""
    from mobb_client import ledger
    from mobb_client.berichtenbox import aflevering as letters
    from mobb_client.outbox.contract import Event, EventName

    number = start // BATCH
    message_id, batch = f"{UUID(int=number)}@own.example", UUID(int=number + 1)
    sent = NIGHT + number * timedelta(seconds=20)
    facts = {"batch_id": str(batch), "letters": end - start, "payload_bytes": (end - start) * PDF * 4 // 3}
    evidence = {"bijlage_1_sha256": "0" * 64, "bijlage_1_bytes": PDF}
    names = (EventName.MESSAGE_PENDING, EventName.MESSAGE_SENT, EventName.MESSAGE_ACKNOWLEDGED)
    with outbox.transaction() as tx:
        for name in names:
            tx.add_event(Event(at=sent, name=name, message_id=message_id, data=facts | {"attempts": 1}))
        tx.add_event(Event(at=sent, name=EventName.RESULT_RECEIVED, data={"batch_id": str(batch)}))
        for way in _ways(start, end):
            in_it = ledger.move(tx, way, letters.batched(way, batch, message_id), sent, more=evidence)
            gone = ledger.move(tx, in_it, letters.sent(in_it), sent)
            there = ledger.move(tx, gone, letters.acknowledged(gone, sent), sent, message_id)
            closed = replace(there, state=letters.State.DELIVERED, processed=sent, verwerkingscode="Verwerkt")
            ledger.move(tx, there, closed, sent, message_id)
