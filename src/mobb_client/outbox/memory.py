"""A store in memory: for tests and first tries, and the plainest form of the contract. Nothing survives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from threading import RLock
from typing import Any, BinaryIO
from uuid import UUID

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import OutboxError
from mobb_client.outbox.contract import Event, Key, StoredAnswer, StoredLetter, StoredMessage, Transaction


class MemoryOutbox:
    """Letters, messages and events in dictionaries, under one lock."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._letters: dict[Key, StoredLetter] = {}
        self._messages: dict[str, StoredMessage] = {}
        self._answers: dict[str, StoredAnswer] = {}
        self._bodies: dict[str, bytes] = {}
        self._events: list[Event] = []
        self._cursors: dict[str, int] = {}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Return a transaction; when it raises, every change is taken back in reverse."""
        with self._lock:
            work = _Work(self._letters, self._messages, self._answers, self._events)
            try:
                yield work
            except BaseException:
                work.take_back()
                raise

    def write_body(self, message_id: str, write: Callable[[BinaryIO], object]) -> None:
        """Keep the octets."""
        sink = BytesIO()
        write(sink)
        with self._lock:
            self._bodies[message_id] = sink.getvalue()

    def open_body(self, message_id: str) -> BinaryIO:
        """Return the octets as a file."""
        with self._lock:
            if message_id not in self._bodies:
                raise OutboxError(f"the octets of message {message_id} are gone")
            return BytesIO(self._bodies[message_id])

    def drop_body(self, message_id: str) -> None:
        """Forget the octets."""
        with self._lock:
            self._bodies.pop(message_id, None)

    def lease_due(self, now: datetime, until: datetime, limit: int) -> Sequence[StoredMessage]:
        """Return due messages, leased until a moment."""
        with self._lock:
            due = [message for message in self._messages.values() if _is_due(message, now)][:limit]
            leased = [replace(message, leased_until=until) for message in due]
            self._messages |= {message.message_id: message for message in leased}
            return leased

    def expiring(self, now: datetime) -> Sequence[StoredMessage]:
        """Return messages past their time to live that have no final state."""
        with self._lock:
            return [message for message in self._messages.values() if _is_expiring(message, now)]

    def events(self, since: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events above a number."""
        with self._lock:
            return self._events[since : since + limit]

    def cursor(self, name: str) -> int:
        """Return how far a reader is."""
        with self._lock:
            return self._cursors.get(name, 0)

    def set_cursor(self, name: str, number: int) -> None:
        """Store how far a reader is."""
        with self._lock:
            self._cursors[name] = number

    def afleveringen(self) -> Iterator[Aflevering]:
        """Give every letter's way."""
        with self._lock:
            found = [letter.aflevering for letter in self._letters.values()]
        yield from found

    def close(self) -> None:
        """Nothing to let go of."""


def _is_due(message: StoredMessage, now: datetime) -> bool:
    planned, lease = message.entry.next_attempt, message.leased_until
    return planned is not None and planned <= now and (lease is None or lease <= now)


def _is_expiring(message: StoredMessage, now: datetime) -> bool:
    limit = message.entry.time_to_live
    return not message.entry.is_final and limit is not None and limit <= now


class _Work:
    """One transaction: changes are made at once and remembered, so that they can be taken back."""

    def __init__(
        self,
        letters: dict[Key, StoredLetter],
        messages: dict[str, StoredMessage],
        answers: dict[str, StoredAnswer],
        events: list[Event],
    ) -> None:
        self._letters, self._messages, self._answers, self._events = letters, messages, answers, events
        self._undo: list[Callable[[], object]] = []

    def take_back(self) -> None:
        """Undo every change, last first."""
        for undo in reversed(self._undo):
            undo()

    def letter(self, key: Key) -> StoredLetter | None:
        return self._letters.get(key)

    def put_letter(self, letter: StoredLetter) -> None:
        self._put(self._letters, letter.key, letter)

    def queued(self, oins: Iterable[OIN], now: datetime, limit: int) -> Sequence[StoredLetter]:
        wanted = set(oins)
        found = (letter for letter in self._letters.values() if _is_queued(letter.aflevering, wanted, now))
        return [letter for letter, _ in zip(found, range(limit), strict=False)]

    def letters_of_batch(self, batch_id: UUID) -> Sequence[StoredLetter]:
        return [letter for letter in self._letters.values() if letter.aflevering.batch_id == batch_id]

    def letter_by_id(self, bericht_id: UUID) -> StoredLetter | None:
        return next((one for one in self._letters.values() if one.aflevering.bericht_id == bericht_id), None)

    def message(self, message_id: str) -> StoredMessage | None:
        return self._messages.get(message_id)

    def put_message(self, message: StoredMessage) -> None:
        self._put(self._messages, message.message_id, message)

    def messages_of_batch(self, batch_id: UUID) -> Sequence[StoredMessage]:
        return [message for message in self._messages.values() if message.batch_id == batch_id]

    def answer(self, message_id: str) -> StoredAnswer | None:
        return self._answers.get(message_id)

    def put_answer(self, answer: StoredAnswer) -> None:
        self._put(self._answers, answer.message_id, answer)

    def add_event(self, event: Event) -> None:
        self._events.append(replace(event, number=len(self._events) + 1))
        self._undo.append(self._events.pop)

    def _put(self, table: dict[Any, Any], key: object, value: object) -> None:
        if key in table:
            before = table[key]
            self._undo.append(lambda: table.__setitem__(key, before))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value


def _is_queued(aflevering: Aflevering, oins: set[OIN], now: datetime) -> bool:
    waits = aflevering.not_before is not None and aflevering.not_before > now
    return aflevering.state is State.QUEUED and aflevering.oin in oins and not waits
