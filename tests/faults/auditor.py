"""The outside judge of a night: SQL of its own, the simulator's memory, and nothing that the library says of itself."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid5

from mobb_client.simulator import Berichtenbox

_NAMESPACE = UUID("8f2b6a54-3d0c-5e7a-9c41-6b0e2f7d1a95")
ENDINGS = {"DELIVERED", "PAPER", "HUMAN"}
_STATES = {f"letter.{state.lower()}": state for state in ("QUEUED", "BATCHED", "SENT", "ACKNOWLEDGED", *ENDINGS)}
_FOLLOWS = {
    "QUEUED": {None, "BATCHED", "SENT", "ACKNOWLEDGED"},
    "BATCHED": {"QUEUED"},
    "SENT": {"BATCHED"},
    "ACKNOWLEDGED": {"BATCHED", "SENT"},
    "DELIVERED": {"QUEUED", "BATCHED", "SENT", "ACKNOWLEDGED", "HUMAN"},
    "PAPER": {"BATCHED", "SENT", "ACKNOWLEDGED", "HUMAN"},
    "HUMAN": {"QUEUED", "BATCHED", "SENT", "ACKNOWLEDGED"},
}
"""Where a letter may come from. Source: `berichtenbox` h.2; `design.md` section 1."""


def crossings(complaints: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the complaints, and apart from them those that nobody can prevent.

    An acknowledgment may come while its message is on the wire again, after a kill between the post and its outcome:
    the two cross. That is rare; whoever sent again what was known to be acknowledged would do it at every other kill.
    """
    told = list(complaints)
    crossed = [one for one in told if one.startswith("resend.acknowledged")]
    return [one for one in told if one not in crossed], crossed


def bericht_id(oin: str, kenmerk: str) -> str:
    """Return the BerichtID of a letter, as design section 3 has it."""
    return str(uuid5(_NAMESPACE, f"{oin}/{kenmerk}"))


class Auditor:
    """Reads a database by itself.

    Args:
        connection: of the database's driver; opened by the test.
        folder: of the octets, when they are in files.
    """

    def __init__(self, connection: Any, folder: Path | None = None) -> None:
        self._connection = connection
        self._folder = folder
        is_sqlite = isinstance(connection, sqlite3.Connection)
        self._in_order = "number" if is_sqlite else "number IS NULL, number, id"  # numbers are given later there

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        cursor = self._connection.cursor()
        cursor.execute(statement)
        found: list[tuple[Any, ...]] = [tuple(row) for row in cursor.fetchall()]
        return found

    @property
    def is_made(self) -> bool:
        """Whether there are tables yet."""
        try:
            return bool(self.rows("SELECT id FROM mobb_outbox"))
        except Exception:  # noqa: BLE001 - each driver has its own
            return False

    def states(self) -> dict[str, str]:
        """Return where each letter stands, by kenmerk."""
        return dict(self.rows("SELECT kenmerk, state FROM mobb_letter"))

    # What must hold at every moment

    def check(self) -> None:
        """At any moment: each letter once, where its events say that it is, and messages with octets to send."""
        self._check_letters()
        self._check_events()
        self._check_octets()

    def _check_letters(self) -> None:
        letters = self.rows("SELECT bericht_id, oin, kenmerk FROM mobb_letter")
        assert all(one == bericht_id(oin, kenmerk) for one, oin, kenmerk in letters)
        assert len({one for one, _, _ in letters}) == len(letters)

    def _check_events(self) -> None:
        """Every letter and message stands where its last event brought it, by a way that is allowed."""
        stands: dict[str, str | None] = defaultdict(lambda: None)
        messages: dict[str, str] = {}
        stored = dict(self.rows("SELECT message_id, state FROM mobb_message WHERE kind = 'letters'"))
        for name, kenmerk, message_id in self._events("name, kenmerk, message_id"):
            if name in _STATES:
                before, after = stands[kenmerk], _STATES[name]
                assert before in _FOLLOWS[after], f"{kenmerk}: from {before} to {after}"
                stands[kenmerk] = after
            elif name.startswith("message.") and name.partition(".")[2].upper() in _MESSAGE:
                again = message_id in stored and messages.get(message_id) in _FINAL  # of our signals it may be
                assert not again, f"{message_id}: {name} after {messages[message_id]}"
                messages[message_id] = name.partition(".")[2].upper()
        assert stands == self.states()
        assert {one: messages.get(one) for one in stored} == stored
        results = self.rows("SELECT message_id FROM mobb_event WHERE name = 'result.received'")
        assert len(set(results)) == len(results), "B42: a result had its effect twice"

    def _check_octets(self) -> None:
        """No row is without octets that may be needed, and no letter under way is in a message that is not there."""
        needed = "SELECT message_id FROM mobb_message WHERE state IN ('PENDING', 'SENT')"
        bodies = {one for (one,) in self.rows("SELECT message_id FROM mobb_body")}
        assert {one for (one,) in self.rows(needed)} <= bodies
        lost = (
            "SELECT l.kenmerk FROM mobb_letter l LEFT JOIN mobb_message m ON m.message_id = l.message_id"
            " WHERE l.state IN ('BATCHED', 'SENT') AND (m.state IS NULL OR m.state NOT IN ('PENDING', 'SENT'))"
        )
        assert self.rows(lost) == []
        if self._folder is not None:
            files = {unquote(path.name) for path in self._folder.iterdir()}
            ready = {one for (one,) in self.rows("SELECT message_id FROM mobb_body WHERE worker IS NULL")}
            assert ready <= files, "a row without its file"

    # What must hold when all is done and closed

    def check_closed(self, expected: Mapping[str, str]) -> None:
        """At the end: each letter stands where the simulator's answers imply, and nothing is left over."""
        self.check()
        found = self.states()
        assert {one: found.get(one) for one in expected} == dict(expected)
        assert found.keys() == expected.keys()
        for table in ("mobb_letter", "mobb_message", "mobb_cursor", "mobb_body"):
            assert self.rows(f"SELECT * FROM {table} WHERE worker IS NOT NULL") == [], f"a lease in {table}"  # noqa: S608 - our own names
        assert self.rows("SELECT * FROM mobb_worker") == []
        bodies = {one for (one,) in self.rows("SELECT message_id FROM mobb_body")}
        assert bodies == {one for (one,) in self.rows("SELECT message_id FROM mobb_message WHERE kind = 'signal'")}
        if self._folder is not None:
            assert {unquote(path.name) for path in self._folder.iterdir()} == bodies, "a file without its row"

    def check_endings(self, expected: Mapping[str, str]) -> None:
        """Exactly one ending each, by the events."""
        ended = Counter(kenmerk for kenmerk, name in self._events("kenmerk, name") if _STATES.get(name) in ENDINGS)
        assert ended == dict.fromkeys(expected, 1)

    def _events(self, columns: str) -> list[tuple[Any, ...]]:
        """Return the events, in order."""
        return self.rows(f"SELECT {columns} FROM mobb_event ORDER BY {self._in_order}")  # noqa: S608 - our own names


_FINAL = {"ACKNOWLEDGED", "FAILED", "EXPIRED"}
_MESSAGE = {"PENDING", "SENT", *_FINAL}


def check_box(box: Berichtenbox, offers: Mapping[str, int], *, oin: str) -> None:
    """Check what the simulator has: each of these letters, in so many messages, and nothing to complain of.

    Args:
        box: the simulator.
        offers: by kenmerk, in how many messages a letter must have come.
        oin: whose letters.
    """
    assert [complaint.code for complaint in box.complaints] == []
    assert {one.key: one.offers for one in box.letters} == {bericht_id(oin, one): n for one, n in offers.items()}
    assert box.unsettled == ()
    check_resends(box.requests)


def check_resends(requests: Iterable[Any]) -> None:
    """Check that what came more than once was the same octets each time."""
    octets: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        if request.message_id:
            octets[request.message_id].add(request.sha256)
    assert {one: found for one, found in octets.items() if len(found) > 1} == {}
