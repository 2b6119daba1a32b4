"""Ways, messages and events as rows, and back. Moments are text, UTC, in microseconds, so that they sort."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final
from uuid import UUID

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import Finding
from mobb_client.outbox._values import from_json, to_json
from mobb_client.outbox.contract import Event, EventName, StoredMessage

Row = tuple[Any, ...]

WAY: Final = (
    "bericht_id", "oin", "kenmerk", "state", "handed_over", "acknowledged", "processed", "ended", "verwerkingscode",
    "stadium", "finding", "batch_id", "message_id", "not_before", "alarm_at", "resends", "expired",
)  # fmt: skip
"""The columns of a letter's way, in the order of `way_row`."""
STANDING: Final = (WAY[3], *WAY[5:])
"""The columns of where it stands: not whose it is, and not since when."""
MESSAGE: Final = (
    "message_id", "kind", "cpa_id", "batch_id", "created", "state", "next_attempt", "time_to_live", "parts",
)  # fmt: skip
"""The columns of a message; all of it is in `parts`, the others are there to be searched."""
EVENT: Final = ("at", "name", "oin", "kenmerk", "message_id", "data")
MOMENTS: Final = frozenset(
    {
        "handed_over", "acknowledged", "processed", "ended", "not_before", "alarm_at", "created", "next_attempt",
        "time_to_live", "received", "at",
    }
)  # fmt: skip


@lru_cache
def moment(value: datetime) -> str:
    """Return a moment as it is kept; a thousand letters often share one."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(value: datetime | None) -> str | None:
    return None if value is None else moment(value)


read_oin = lru_cache(OIN)
_finding_json = lru_cache(to_json)
_read_finding = lru_cache(partial(from_json, Finding))


_read_batch = lru_cache(UUID)
_STATES: Final = {state.value: state for state in State}


def _read(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def text(value: Any) -> Any:
    """Return a value as text when it is octets, which a caller's connection may give."""
    return value.decode() if isinstance(value, bytes) else value


# Letters


def way_row(way: Aflevering) -> Row:
    """Return a letter's way in the columns of `WAY`."""
    return (
        str(way.bericht_id),
        way.oin.digits,
        way.kenmerk,
        way.state.value,
        _moment(way.handed_over),
        _moment(way.acknowledged),
        _moment(way.processed),
        _moment(way.ended),
        way.verwerkingscode,
        way.stadium,
        None if way.finding is None else _finding_json(way.finding),
        None if way.batch_id is None else str(way.batch_id),
        way.message_id,
        _moment(way.not_before),
        _moment(way.alarm_at),
        way.resends,
        way.expired,
    )


def standing_row(way: Aflevering) -> Row:
    """Return where a letter stands in the columns of `STANDING`."""
    row = way_row(way)
    return row[3], *row[5:]


def read_way(row: Row) -> Aflevering:
    """Return the way in a row that begins with the columns of `WAY`."""
    if isinstance(row[0], bytes):
        row = tuple(map(text, row))
    (
        bericht_id, oin, kenmerk, state, handed_over, acknowledged, processed, ended, verwerkingscode, stadium, finding,
        batch_id, message_id, not_before, alarm_at, resends, expired, *_,
    ) = row  # fmt: skip
    return Aflevering(
        oin=read_oin(oin),
        kenmerk=kenmerk,
        bericht_id=UUID(bericht_id),
        state=_STATES[state],
        handed_over=datetime.fromisoformat(handed_over),
        acknowledged=_read(acknowledged),
        processed=_read(processed),
        ended=_read(ended),
        verwerkingscode=verwerkingscode,
        stadium=stadium,
        finding=None if finding is None else _read_finding(finding),
        batch_id=None if batch_id is None else _read_batch(batch_id),
        message_id=message_id,
        not_before=_read(not_before),
        alarm_at=_read(alarm_at),
        resends=resends,
        expired=expired,
    )


# Messages and events


def message_row(message: StoredMessage) -> Row:
    """Return a message in the columns of `MESSAGE`."""
    entry = message.entry
    return (
        message.message_id,
        message.kind,
        message.cpa_id,
        None if message.batch_id is None else str(message.batch_id),
        moment(message.created),
        entry.state.value,
        _moment(entry.next_attempt),
        _moment(entry.time_to_live),
        to_json(message),
    )


def event_row(event: Event) -> Row:
    """Return an event in the columns of `EVENT`; the database gives its number."""
    oin = None if event.oin is None else event.oin.digits
    return moment(event.at), event.name.value, oin, event.kenmerk, event.message_id, to_json(dict(event.data))


def read_event(row: Row) -> Event:
    """Return the event in a row of its number and the columns of `EVENT`."""
    number, at, name, oin, kenmerk, message_id, data = row
    return Event(
        at=datetime.fromisoformat(at),
        name=EventName(name),
        oin=None if oin is None else read_oin(oin),
        kenmerk=kenmerk,
        message_id=message_id,
        data=json.loads(data),
        number=number,
    )
