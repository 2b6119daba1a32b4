"""The figures of a store: counted by the database itself, and never letter by letter here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mobb_client.berichtenbox.aflevering import PATIENCE, UNSENT, State
from mobb_client.outbox import _rows
from mobb_client.outbox._register import SqlRegister
from mobb_client.outbox._rows import moment
from mobb_client.outbox.contract import EventName, Figures, Waiting

if TYPE_CHECKING:
    from mobb_client.outbox._sql import Database

_COUNTS: Final = (
    "SELECT 'state', state, count(*) FROM mobb_letter GROUP BY state"
    " UNION ALL SELECT 'event', name, count(*) FROM mobb_event WHERE number > ? GROUP BY name"
    " UNION ALL SELECT 'fresh', name, count(*) FROM mobb_event WHERE number IS NULL GROUP BY name"
    " UNION ALL SELECT 'last', '', coalesce(max(number), 0) FROM mobb_event"
)
"""One statement, so that letters and events are counted at one moment in every database."""
_UNSENT: Final = ", ".join(f"'{state.value}'" for state in sorted(UNSENT))
_READY: Final = "CASE WHEN l.not_before > ? THEN NULL ELSE coalesce(l.not_before, l.handed_over) END"


def figures(db: Database, now: datetime, since: int) -> Figures:
    """Return the figures of a store."""
    found: dict[str, dict[str, int]] = {"state": {}, "event": {}, "fresh": {}, "last": {}}
    for kind, name, count in db.rows(_COUNTS, (since,)):
        found[kind][name] = int(count)
    return Figures(
        states={state: found["state"].get(state.value, 0) for state in State},
        events={EventName(name): count for name, count in found["event"].items()},
        unnumbered={EventName(name): count for name, count in found["fresh"].items()},
        last_event=found["last"][""],
        waiting=_waiting(db, now),
        oldest_message=_oldest_message(db),
        overdue=_overdue(db, now),
        verzoeken=SqlRegister(db).verzoeken(),
    )


def _waiting(db: Database, now: datetime) -> Sequence[Waiting]:
    at, first, last = moment(now), db.shown(f"min({_READY})"), db.shown(f"max({_READY})")
    found = db.rows(
        f"SELECT r.run, l.oin, l.state, count(*), {first}, {last} FROM mobb_letter l"
        " LEFT JOIN mobb_run_row r ON r.bericht_id = l.bericht_id AND r.kind <> 'repeat'"
        f" WHERE l.state IN ({_UNSENT}) GROUP BY r.run, l.oin, l.state",
        (at, at),
    )
    return [
        Waiting(
            run=run,
            oin=_rows.read_oin(oin),
            state=State(state),
            letters=letters,
            since=None if since is None else datetime.fromisoformat(since),
            until=None if until is None else datetime.fromisoformat(until),
        )
        for run, oin, state, letters, since, until in found
    ]


def _oldest_message(db: Database) -> datetime | None:
    condition = "state IN ('PENDING', 'SENT') AND kind <> 'signal'"
    ((found,),) = db.rows(f"SELECT {db.shown('min(created)')} FROM mobb_message WHERE {condition}")
    return None if found is None else datetime.fromisoformat(found)


def _overdue(db: Database, now: datetime) -> int:
    ((found,),) = db.rows(
        "SELECT count(*) FROM mobb_letter WHERE state = 'ACKNOWLEDGED' AND coalesce(acknowledged, handed_over) <= ?",
        (moment(now - PATIENCE),),
    )
    return int(found)
