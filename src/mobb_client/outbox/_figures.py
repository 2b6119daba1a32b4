"""The figures of a store: counted by the database itself, and never letter by letter here."""

from __future__ import annotations

from collections import Counter
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

AT_LEAST: Final = 10_000
"""How many events are left to be counted anew at each look."""
_AT_ONCE: Final = 1_000_000
_UNTIL: Final = "coalesce((SELECT number FROM mobb_event_count WHERE name = ''), 0)"
"""The number of the last event that is in the counts: in the row without a name."""
_COUNTS: Final = (
    "SELECT 'state', state, count(*) FROM mobb_letter GROUP BY state"
    " UNION ALL SELECT 'event', name, number FROM mobb_event_count WHERE name <> ''"
    f" UNION ALL SELECT 'event', name, count(*) FROM mobb_event WHERE number > {_UNTIL} GROUP BY name"
    " UNION ALL SELECT 'event', name, count(*) FROM mobb_event WHERE number IS NULL GROUP BY name"
    " UNION ALL SELECT 'last', '', coalesce(max(number), 0) FROM mobb_event"
)
"""One statement, so that letters and events are counted at one moment in every database."""
_COUNT: Final = (
    "INSERT INTO mobb_event_count SELECT name, count(*) FROM mobb_event WHERE number > ? AND number <= ? GROUP BY name"
    " ON CONFLICT (name) DO UPDATE SET number = mobb_event_count.number + excluded.number"
)
_COUNTED: Final = (
    "INSERT INTO mobb_event_count VALUES ('', ?) ON CONFLICT (name) DO UPDATE SET number = excluded.number"
)
_UNSENT: Final = ", ".join(f"'{state.value}'" for state in sorted(UNSENT))
_READY: Final = "CASE WHEN l.not_before > ? THEN NULL ELSE coalesce(l.not_before, l.handed_over) END"


def is_count_due(db: Database) -> bool:
    """Tell whether there are many events that are not counted yet."""
    until, last = _uncounted(db)
    return last - until >= AT_LEAST


def count_events(db: Database) -> None:
    """Write down how many events there are of each name: nobody counts those again.

    Events stay, so what was counted once is true for ever; a night of half a million letters leaves millions.
    """
    db.lock("mobb_event_count")
    until, last = _uncounted(db)
    last = min(last, until + _AT_ONCE)
    db.run(_COUNT, (until, last))
    db.run(_COUNTED, (last,))


def _uncounted(db: Database) -> tuple[int, int]:
    """Return the numbers of the last event that is counted, and of the last one."""
    ((until, last),) = db.rows(f"SELECT {_UNTIL}, coalesce(max(number), 0) FROM mobb_event")
    return int(until), int(last)


def figures(db: Database, now: datetime) -> Figures:
    """Return the figures of a store."""
    found: dict[str, Counter[str]] = {"state": Counter(), "event": Counter(), "last": Counter()}
    for kind, name, count in db.rows(_COUNTS):
        found[kind][name] += int(count)
    return Figures(
        states={state: found["state"][state.value] for state in State},
        events={EventName(name): count for name, count in found["event"].items()},
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
