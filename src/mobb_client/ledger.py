"""What happens to letters when something happens to their message, and to both when a result comes.

Inside a transaction: the pure tables decide, this makes it so, and writes down every change as an event.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.abonnementen import Bron, Verzoek
from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.berichtenbox.resultaat import (
    BatchResultaat,
    BerichtResultaat,
    Toewijzing,
    Uitkomst,
    Verwerkingscode,
    correlate,
    shown,
)
from mobb_client.ebms import exchange
from mobb_client.errors import ConfigurationError, Finding
from mobb_client.outbox.contract import Event, EventName, Fact, Outbox, StoredLetter, StoredMessage, Transaction

log = logging.getLogger(__name__)

_NOBODY: Final = UUID(int=0)
_MOVED: Final = {state: EventName(f"letter.{state.lower()}") for state in letters.State}

# Letters


def hand_over(tx: Transaction, bericht: Bericht, way: Aflevering, now: datetime) -> StoredLetter | None:
    """Store a new letter; when one is there under its key, return that one and store nothing."""
    known = tx.add_letter(StoredLetter(bericht=bericht, aflevering=way))
    if known is None:
        note_letter(tx, EventName.LETTER_QUEUED, way, now, {})
    return known


def find(outbox: Outbox, kenmerk: str, oins: Iterable[OIN]) -> Aflevering | None:
    """Return where the letter of a kenmerk stands, or None when none of these OINs has one.

    Raises:
        ConfigurationError: several of them have one.
    """
    found = outbox.ways((oin, kenmerk) for oin in oins)
    if len(found) > 1:
        raise ConfigurationError(Finding("client.oin-needed", field="oin", measure=f"{len(found)} letters"))
    return found[0] if found else None


def in_state(outbox: Outbox, state: letters.State) -> Iterator[Aflevering]:
    """Give where every letter in a state stands, oldest first, a page at a time."""
    last: Aflevering | None = None
    while page := outbox.of_state(state, after=last):
        yield from page
        last = page[-1]


def put_aside(tx: Transaction, way: Aflevering, codes: Iterable[str], now: datetime) -> Aflevering | None:
    """Store that a letter could not be made, so that a person has it: it has a way, and no content.

    Returns where it stands; None, and nothing is stored, when its kenmerk is that of another letter.
    """
    known = tx.add_letter(StoredLetter(bericht=None, aflevering=replace(way, ended=now)))
    data: dict[str, Fact] = {"codes": ", ".join(dict.fromkeys(codes))}
    if known is None:
        note_letter(tx, EventName.LETTER_HUMAN, way, now, {"reason": way.reason, **data})
        return replace(way, ended=now)
    if not was_put_aside(known):
        return None
    if known.aflevering.reason == way.reason:
        return known.aflevering
    return move(tx, known.aflevering, replace(known.aflevering, finding=way.finding), now, more=data)


def was_put_aside(known: StoredLetter) -> bool:
    """Tell whether a letter is on the desk without content: it could not be made, and a corrected one may come."""
    return known.bericht is None and known.aflevering.state is letters.State.HUMAN


def correct(tx: Transaction, way: Aflevering, bericht: Bericht, now: datetime) -> Aflevering:
    """Let a letter that was put aside come in after all, under its kenmerk, and return where it stands."""
    after = replace(letters.sent_again(way), handed_over=now, ended=None, finding=None)
    tx.put_content(way.key, bericht)
    tx.put_way(after)
    note_letter(tx, EventName.LETTER_QUEUED, after, now, {"corrected": "content"})
    return after


def move(  # noqa: PLR0913 - what an event is made of
    tx: Transaction,
    before: Aflevering,
    after: Aflevering,
    now: datetime,
    by: str | None = None,
    *,
    more: Mapping[str, Fact] = MappingProxyType({}),
) -> Aflevering:
    """Store where a letter stands now, with an event, when that is something else than before; return that.

    Args:
        tx: the transaction.
        before: where it stood.
        after: where it stands.
        now: when.
        by: MessageId of what came in and caused it, or who decided it.
        more: what else the event says.
    """
    return move_alike(tx, [before], after, now, by, more={before.bericht_id: more} if more else {})


def move_alike(  # noqa: PLR0913 - what an event is made of
    tx: Transaction,
    before: Sequence[Aflevering],
    after: Aflevering,
    now: datetime,
    by: str | None = None,
    *,
    more: Mapping[UUID, Mapping[str, Fact]] = MappingProxyType({}),
) -> Aflevering:
    """Store where letters stand now that stood alike, as `move` does for one; return where the first of them stands.

    The letters of a message mostly move as one. A thousand of them then take 7 ms in SQLite and 25 in PostgreSQL; one
    by one they took 23 and 50.

    Args:
        tx: the transaction.
        before: where they stood, at least one (`alike`).
        after: where the first of them stands.
        now: when.
        by: MessageId of what came in and caused it, or who decided it.
        more: what else the event of a letter says, by BerichtID.
    """
    if after == before[0]:
        return after
    if after.state is not before[0].state and (after.is_ended or after.ended is not None):
        after = replace(after, ended=now if after.is_ended else None)
    tx.put_ways(before, after)
    code = None if after.verwerkingscode is None else shown(after.verwerkingscode)
    batch = None if after.batch_id is None else str(after.batch_id)
    told: dict[str, Fact] = {"reason": after.reason, "verwerkingscode": code, "batch_id": batch, "by": by}
    same_for = [(told, before)] if not more else [({**told, **more.get(one.bericht_id, {})}, [one]) for one in before]
    for data, ways in same_for:
        _note_letters(tx, _event(now, _MOVED[after.state], data, message_id=after.message_id), ways)
    return after


def alike(ways: Iterable[Aflevering]) -> Iterable[Sequence[Aflevering]]:
    """Return letters that stand alike together: what one of them becomes by a step, all of them become."""
    found: dict[tuple[object, ...], list[Aflevering]] = {}
    for way in ways:
        found.setdefault(letters.standing(way), []).append(way)
    return found.values()


def note_letter(tx: Transaction, name: EventName, way: Aflevering, now: datetime, data: Mapping[str, Fact]) -> None:
    """Append an event about a letter."""
    _note_letters(tx, _event(now, name, data, message_id=way.message_id), [way])


def _note_letters(tx: Transaction, event: Event, ways: Sequence[Aflevering]) -> None:
    """Append an event about each of these letters, which differ in nothing but whose they are."""
    tx.add_events(event, ways)
    if log.isEnabledFor(logging.INFO):
        for way in ways:
            log.info(event.name, extra={"kenmerk": way.kenmerk, "bericht_id": str(way.bericht_id)})


def remind(tx: Transaction, way: Aflevering, now: datetime) -> None:
    """Tell that a letter's result stays away. It stays where it is. Source: `berichtenbox` c.5; B71."""
    after = letters.reminded(way, now)
    tx.put_way(after)
    note_letter(tx, EventName.LETTER_OVERDUE, after, now, {"batch_id": str(after.batch_id), "reason": after.reason})


# Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is left of a message when its octets and its letters are gone: digests and sizes, by name.

    Args:
        message: of its document.
        letters: BerichtID -> of that letter's attachments.
    """

    message: Mapping[str, Fact] = field(default_factory=dict)
    letters: Mapping[UUID, Mapping[str, Fact]] = field(default_factory=dict)


def begin(
    tx: Transaction, message: StoredMessage, held: Sequence[Aflevering], now: datetime, evidence: Evidence
) -> None:
    """Store a message whose octets are stored, and take the letters that it holds out of the queue.

    Raises:
        ForbiddenEdgeError: one of them is not queued.
    """
    tx.put_message(message)
    data = {"batch_id": str(message.batch_id), "letters": len(held), **evidence.message}
    note_message(tx, EventName.MESSAGE_PENDING, message, now, data)
    for ways in alike(held):
        after = letters.batched(ways[0], message.batch_id or _NOBODY, message.message_id)
        move_alike(tx, ways, after, now, more=evidence.letters)


def advance(
    tx: Transaction, message: StoredMessage, event: exchange.Event, now: datetime, by: str | None = None
) -> StoredMessage:
    """Store what one event does to a message and to the letters that travel in it; return the message after it.

    An event that comes after the end changes nothing, and is written down when it contradicts that end. Octets of
    letters are forgotten when nobody will send them again.

    Args:
        tx: the transaction.
        message: as it is stored.
        event: what happened.
        now: when.
        by: MessageId of what came in and caused it.

    Source: `digikoppeling-ebms2` f.3, h-24.
    """
    entry = exchange.advance(message.entry, event, message.policy, now)
    after = replace(message, entry=entry)
    if after != message:
        tx.put_message(after)
    _note_change(tx, message, after, event, now=now, by=by)
    if entry.state is not message.entry.state:
        _move_letters(tx, after, now, by)
    elif _refused_after_all(message, event):
        _each_letter(tx, message, now, by, lambda way: letters.message_failed(way, _reason(event) or ""))
    if entry.is_final and message.kind != "signal":
        tx.drop_body(message.message_id)
    return after


def note_message(
    tx: Transaction, name: EventName, message: StoredMessage, now: datetime, data: Mapping[str, Fact]
) -> None:
    """Append an event about a message of ours."""
    tx.add_event(_event(now, name, data, message_id=message.message_id))
    log.info(name, extra={"message_id": message.message_id})


def _note_change(  # noqa: PLR0913 - what an event is made of
    tx: Transaction,
    before: StoredMessage,
    after: StoredMessage,
    event: exchange.Event,
    *,
    now: datetime,
    by: str | None,
) -> None:
    data: dict[str, Fact] = {"attempts": after.entry.attempts, "reason": _reason(event) or after.entry.reason, "by": by}
    if after.entry.state is not before.entry.state:
        note_message(tx, EventName(f"message.{after.entry.state.lower()}"), after, now, data)
    elif after.entry.attempts > before.entry.attempts:
        note_message(tx, EventName.MESSAGE_ATTEMPT, after, now, data)
    elif isinstance(event, exchange.Warned):
        note_message(tx, EventName.MESSAGE_WARNED, after, now, data)
    elif _contradicts(before.entry.state, event):
        note_message(tx, EventName.MESSAGE_LATE, after, now, data | {"event": type(event).__name__.lower()})


def _contradicts(state: exchange.State, event: exchange.Event) -> bool:
    """Tell whether an event says something else than the state in which the message ended."""
    said = {exchange.Acknowledged: exchange.State.ACKNOWLEDGED, exchange.Refused: exchange.State.FAILED}.get(
        type(event)
    )
    return said is not None and state in exchange.FINAL and state is not said


def _refused_after_all(message: StoredMessage, event: exchange.Event) -> bool:
    """Tell whether a best-effort message, which counts as arrived after a 2xx, is refused later (f.3)."""
    arrived = message.policy is None and message.entry.state is exchange.State.ACKNOWLEDGED
    return arrived and isinstance(event, exchange.Refused)


def _reason(event: exchange.Event) -> str | None:
    return event.reason if isinstance(event, exchange.Refused | exchange.Unreachable | exchange.Warned) else None


def _move_letters(tx: Transaction, message: StoredMessage, now: datetime, by: str | None) -> None:
    """Let the letters of a message follow it."""
    moves: dict[exchange.State, Callable[[Aflevering], Aflevering]] = {
        exchange.State.SENT: letters.sent,
        exchange.State.ACKNOWLEDGED: lambda way: letters.acknowledged(way, now),
        exchange.State.FAILED: lambda way: letters.message_failed(way, message.entry.reason or ""),
        exchange.State.EXPIRED: letters.message_expired,
    }
    _each_letter(tx, message, now, by, moves[message.entry.state])


def _each_letter(
    tx: Transaction,
    message: StoredMessage,
    now: datetime,
    by: str | None,
    step: Callable[[Aflevering], Aflevering],
) -> None:
    """Move the letters whose last message this is; one that went on in another message is left where it is."""
    if message.batch_id is None:
        return
    held = (way for way in tx.ways_of_batch(message.batch_id) if way.message_id == message.message_id)
    for ways in alike(held):
        move_alike(tx, ways, step(ways[0]), now, by)


# Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The message that brought a result: what it may speak of, and which message it answers.

    Args:
        message_id: its MessageId.
        cpa_id: its CPA.
        oins: whose letters travel under that CPA; letters of others are left alone.
        ref_to_message_id: the message that it answers, when it says so.
        conversation_id: that of the message that it answers.
    """

    message_id: str
    cpa_id: str
    oins: Collection[OIN]
    ref_to_message_id: str | None
    conversation_id: str


def apply_result(tx: Transaction, result: BatchResultaat, origin: Origin, now: datetime) -> None:
    """Store what a verified result says: one verdict a letter, and the acknowledgment of its message that it implies.

    A batch may have travelled in several messages. Which of them the result is about follows from its RefToMessageId,
    or else from its ConversationId; a verdict on another offering than a letter's last one is an old one.

    Source: `berichtenbox` c.3, c.5, k.16; B67, B68; `design.md` section 1.
    """
    answered = _answered(tx, result, origin)
    _note_result(tx, result, origin, now)
    ids = {message.message_id for message in answered}
    known = _spoken_of(tx, result, origin.oins, ids)
    found = _laid_beside(result, known.values(), is_ours=bool(answered))
    for ways, verdicts in _judged_alike(known, found.uitkomsten):
        _apply_verdicts(tx, ways, verdicts, now, origin, latest=ways[0].message_id in ids)
    if len(answered) == 1:  # after the verdicts: only letters without one are acknowledged and no more
        advance(tx, answered[0], exchange.Acknowledged(), now, origin.message_id)
    _note_oddities(tx, result, found, origin, now)


def _answered(tx: Transaction, result: BatchResultaat, origin: Origin) -> Sequence[StoredMessage]:
    """Return the messages of the batch that the result may be about: one, unless nothing tells which."""
    messages = [message for message in tx.messages_of_batch(result.batch_id) if message.cpa_id == origin.cpa_id]
    named = [message for message in messages if message.message_id == origin.ref_to_message_id]
    return named or [message for message in messages if _conversation(message) == origin.conversation_id] or messages


def _conversation(message: StoredMessage) -> str | None:
    return message.message.header.conversation_id if message.message else None


def _spoken_of(
    tx: Transaction, result: BatchResultaat, ours: Collection[OIN], message_ids: Collection[str]
) -> dict[UUID, Aflevering]:
    """Return the letters of the messages that the result is about and those that it names, by BerichtID; only ours."""
    digits = {oin.digits for oin in ours}
    found: dict[UUID, Aflevering] = {}
    others: dict[UUID, Aflevering] = {}
    for way in tx.ways_of_batch(result.batch_id):
        if way.oin.digits in digits:
            (found if way.message_id in message_ids else others)[way.bericht_id] = way
    for one in (verdict.bericht_id for verdict in result.berichten):
        if one is not None and one not in found:
            named = others.get(one) or tx.way_by_id(one)
            if named is not None and named.oin.digits in digits:
                found[one] = named
    return found


def _laid_beside(result: BatchResultaat, known: Iterable[Aflevering], *, is_ours: bool) -> Toewijzing:
    """Lay a result beside the letters; a verdict on the whole batch is for those that have none on this offering."""
    sent: dict[UUID, dict[UUID, str]] = {result.batch_id: {}} if is_ours else {}
    done: set[UUID] = set()
    for way in known:
        sent.setdefault(way.batch_id or _NOBODY, {})[way.bericht_id] = way.kenmerk
        if way.processed is not None:
            done.add(way.bericht_id)
    return correlate(result, sent, done=done)


def _judged_alike(
    known: Mapping[UUID, Aflevering], outcomes: Iterable[Uitkomst]
) -> Iterable[tuple[Sequence[Aflevering], Sequence[BerichtResultaat]]]:
    """Return the letters that have verdicts, together when they stand alike and the same is said of them."""
    found: dict[object, tuple[list[Aflevering], Sequence[BerichtResultaat]]] = {}
    for outcome in outcomes:
        if outcome.resultaten:
            way = known[outcome.bericht_id]
            found.setdefault((letters.standing(way), outcome.said), ([], outcome.resultaten))[0].append(way)
    return found.values()


def _apply_verdicts(  # noqa: PLR0913 - each by name
    tx: Transaction,
    ways: Sequence[Aflevering],
    verdicts: Sequence[BerichtResultaat],
    now: datetime,
    origin: Origin,
    *,
    latest: bool,
) -> None:
    """Store what is said of letters that stand alike.

    Args:
        tx: the transaction.
        ways: the letters.
        verdicts: those on one of them; the others have the same.
        now: when.
        origin: what brought the verdicts.
        latest: whether they are on the letters' last offering.
    """
    way = ways[0]
    codes = {verdict.code for verdict in verdicts}
    if len(codes) > 1:
        after = letters.contradicted(way, verdicts, now)
    else:
        after = letters.judged(way, verdicts[0], now, latest=latest)
    data: dict[str, Fact] = {"verwerkingscode": shown(verdicts[0].code), "by": origin.message_id}
    if any(letters.is_alarm(way, verdict, latest=latest) for verdict in verdicts):
        _note_letters(tx, _event(now, EventName.LETTER_ALARM, data, message_id=way.message_id), ways)
    elif not latest and after == way:
        _note_letters(tx, _event(now, EventName.LETTER_LATE, data, message_id=way.message_id), ways)
    move_alike(tx, ways, after, now, origin.message_id)
    if Verwerkingscode.NIET_ACTIEF_OF_GEABONNEERD in codes:
        _remember_no(tx, ways, now)


def _remember_no(tx: Transaction, ways: Sequence[Aflevering], now: datetime) -> None:
    """Remember that citizens are not subscribed: it overwrites what was known. Source: `berichtenbox` c.2, d.4."""
    contents = tx.contents(ways)
    told: dict[tuple[OIN, str], list[tuple[BSN, bool]]] = {}
    for way in ways:
        if (bericht := contents.get(way.bericht_id)) is not None:
            told.setdefault((way.oin, bericht.berichttype), []).append((bericht.bsn, False))
    for (oin, berichttype), facts in told.items():
        tx.register.put(oin, berichttype, Bron.RESULTAAT, now, facts)


def _note_result(tx: Transaction, result: BatchResultaat, origin: Origin, now: datetime) -> None:
    processed = result.datum_verwerkt.isoformat() if result.datum_verwerkt else None
    data: dict[str, Fact] = {
        "batch_id": str(result.batch_id),
        "verdicts": len(result.berichten),
        "datum_verwerkt": processed,
    }
    tx.add_event(_event(now, EventName.RESULT_RECEIVED, data, message_id=origin.message_id))


def _note_oddities(tx: Transaction, result: BatchResultaat, found: Toewijzing, origin: Origin, now: datetime) -> None:
    """Write down what does not agree in a result, each kind once."""
    kinds = Counter(finding.code for finding in (*result.warnings, *found.findings))
    for code, count in kinds.items():
        data: dict[str, Fact] = {"code": code, "count": count, "batch_id": str(result.batch_id)}
        tx.add_event(_event(now, EventName.RESULT_ODD, data, message_id=origin.message_id))


def _event(
    now: datetime, name: EventName, data: Mapping[str, Fact], *, oin: OIN | None = None, message_id: str | None = None
) -> Event:
    told = {key: value for key, value in data.items() if value is not None}
    return Event(at=now, name=name, oin=oin, message_id=message_id, data=told)


# Subscriptions


def keep_antwoord(tx: Transaction, verzoek: Verzoek, octets: bytes, by: str, now: datetime) -> None:
    """Store an answer of the AbonnementService as it came: it is read later, and more than once if need be.

    It also acknowledges the request: nothing is sent again after it.

    Args:
        tx: the transaction.
        verzoek: the request that it answers.
        octets: the answer.
        by: MessageId of what brought it.
        now: when.
    """
    current = tx.register.verzoek(verzoek.aanvraag.verzoek_id) or verzoek
    tx.register.put_verzoek(replace(current, beantwoord=now, verwerkt=None, gemeld=None), octets)
    note_verzoek(tx, EventName.ABONNEMENTEN_RECEIVED, verzoek, now, {"by": by, "bytes": len(octets)})
    if (sent := tx.message(verzoek.message_id)) is not None:
        advance(tx, sent, exchange.Acknowledged(), now, by)


def note_verzoek(tx: Transaction, name: EventName, verzoek: Verzoek, now: datetime, data: Mapping[str, Fact]) -> None:
    """Append an event about a request to the AbonnementService."""
    own: dict[str, Fact] = {"verzoek_id": str(verzoek.aanvraag.verzoek_id), **data}
    tx.add_event(_event(now, name, own, oin=verzoek.aanvraag.oin, message_id=verzoek.message_id))
    log.info(name, extra={"verzoek_id": own["verzoek_id"]})


# Figures


def balance(states: Mapping[letters.State, int]) -> dict[str, int]:
    """Return how many letters there are, and how many in each ending or still open: input is the sum of the others.

    Source: `design.md` section 1.
    """
    counted = {"input": 0, "delivered": 0, "paper": 0, "human": 0, "open": 0}
    for state, count in states.items():
        counted["input"] += count
        counted[state.lower() if state in letters.ENDINGS else "open"] += count
    return counted
