"""What happens to letters when something happens to their message, and to both when a result comes.

Inside a transaction: the pure tables decide, this makes it so, and writes down every change as an event.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.resultaat import BatchResultaat, Uitkomst, correlate
from mobb_client.ebms import exchange
from mobb_client.outbox.contract import Event, StoredLetter, StoredMessage, Transaction

log = logging.getLogger(__name__)

_ON_MESSAGE: Final[dict[exchange.State, Callable[[Aflevering, datetime], Aflevering]]] = {
    exchange.State.SENT: lambda letter, _: letters.sent(letter),
    exchange.State.ACKNOWLEDGED: letters.acknowledged,
    exchange.State.FAILED: lambda letter, _: letters.message_failed(letter),
    exchange.State.EXPIRED: lambda letter, _: letters.message_expired(letter),
}


def advance(tx: Transaction, message: StoredMessage, event: exchange.Event, now: datetime) -> StoredMessage:
    """Store what one event does to a message and to the letters that travel in it; return the message after it.

    An event that comes after the end changes nothing, and is written down as late.
    """
    entry = exchange.advance(message.entry, event, message.policy, now)
    after = replace(message, entry=entry, leased_until=None)
    tx.put_message(after)
    if message.entry.is_final and not isinstance(event, exchange.Tick):
        _note(tx, now, "message.late", message, {"event": type(event).__name__})
    if entry.state is not message.entry.state:
        _note(tx, now, f"message.{entry.state.lower()}", message, {"attempts": entry.attempts, "reason": entry.reason})
        _move_letters(tx, message, _ON_MESSAGE[entry.state], now)
    elif entry.attempts > message.entry.attempts:
        _note(tx, now, "message.attempt", message, {"attempts": entry.attempts, "reason": entry.reason})
    return after


def save(tx: Transaction, before: StoredLetter | None, after: StoredLetter, now: datetime) -> None:
    """Store a letter, with an event when its state changed."""
    tx.put_letter(after)
    way = after.aflevering
    if before is None or before.aflevering.state is not way.state:
        data = {"reason": way.reason, "verwerkingscode": way.verwerkingscode, "bericht_id": str(way.bericht_id)}
        name = f"letter.{way.state.lower()}"
        tx.add_event(Event(at=now, name=name, oin=way.oin, kenmerk=way.kenmerk, message_id=way.message_id, data=data))
        log.info(name, extra={"kenmerk": way.kenmerk, "bericht_id": str(way.bericht_id)})


def apply_result(tx: Transaction, result: BatchResultaat, ours: Collection[OIN], now: datetime) -> None:
    """Store what a verified result says: one verdict a letter, and the acknowledgment of its message that it implies.

    Args:
        tx: the transaction in which the result itself is stored.
        result: as it was parsed.
        ours: the OINs that may be spoken of under the result's CPA; letters of others are left alone.
        now: the third clock.

    Source: `berichtenbox` c.3, c.5; B67, B68; `design.md` section 1.
    """
    known = _letters_spoken_of(tx, result, ours)
    sent: dict[UUID, dict[UUID, str]] = {}
    for letter_id, letter in known.items():
        batch = letter.aflevering.batch_id or result.batch_id
        sent.setdefault(batch, {})[letter_id] = letter.aflevering.kenmerk
    done = [letter_id for letter_id, letter in known.items() if letter.aflevering.processed is not None]
    found = correlate(result, sent, done=done)
    for outcome in found.uitkomsten:
        _apply_outcome(tx, known[outcome.bericht_id], outcome, now)
    for finding in (*result.warnings, *found.findings):
        tx.add_event(Event(at=now, name="result.odd", data={"code": finding.code, "batch_id": str(result.batch_id)}))
    for message in tx.messages_of_batch(result.batch_id):
        if found.uitkomsten and not message.entry.is_final:
            advance(tx, message, exchange.Acknowledged(), now)


def _letters_spoken_of(tx: Transaction, result: BatchResultaat, ours: Collection[OIN]) -> dict[UUID, StoredLetter]:
    """Return the letters of the result's batch and those that it names, by BerichtID; only ours."""
    named = (tx.letter_by_id(verdict.bericht_id) for verdict in result.berichten if verdict.bericht_id is not None)
    found = [*tx.letters_of_batch(result.batch_id), *(letter for letter in named if letter is not None)]
    return {letter.aflevering.bericht_id: letter for letter in found if letter.aflevering.oin in ours}


def _apply_outcome(tx: Transaction, letter: StoredLetter, outcome: Uitkomst, now: datetime) -> None:
    if not outcome.resultaten:
        return
    verdict = outcome.resultaten[0]
    if len({one.code for one in outcome.resultaten}) > 1:
        after = letters.contradicted(letter.aflevering, now)
    else:
        after = letters.judged(letter.aflevering, verdict, now)
    if letters.is_alarm(letter.aflevering, verdict):
        way = letter.aflevering
        data = {"verwerkingscode": verdict.code, "state": str(way.state)}
        tx.add_event(Event(at=now, name="letter.alarm", oin=way.oin, kenmerk=way.kenmerk, data=data))
    if after != letter.aflevering:
        save(tx, letter, replace(letter, aflevering=after), now)


def _move_letters(
    tx: Transaction, message: StoredMessage, move: Callable[[Aflevering, datetime], Aflevering], now: datetime
) -> None:
    """Move the letters whose last message this is; one that went on in another message is left where it is."""
    if message.batch_id is None:
        return
    for letter in tx.letters_of_batch(message.batch_id):
        if letter.aflevering.message_id == message.message_id:
            after = replace(letter, aflevering=move(letter.aflevering, now))
            if after != letter:
                save(tx, letter, after, now)


def _note(tx: Transaction, now: datetime, name: str, message: StoredMessage, data: dict[str, object]) -> None:
    tx.add_event(Event(at=now, name=name, message_id=message.message_id, data=data))
    log.info(name, extra={"message_id": message.message_id})


def balance(ways: Iterable[Aflevering]) -> dict[str, int]:
    """Return how many letters there are, and how many in each ending or still open: input is the sum of the others.

    Source: `design.md` section 1.
    """
    counted = {"input": 0, "delivered": 0, "paper": 0, "human": 0, "open": 0}
    for way in ways:
        counted["input"] += 1
        counted[way.state.lower() if way.is_ended else "open"] += 1
    return counted
