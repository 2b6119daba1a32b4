"""Letters, messages and answers as a store keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.letters import letter
from tests.material import MOMENT

from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.ebms import exchange
from mobb_client.ebms.cpa import RetryPolicy
from mobb_client.errors import OutboxError
from mobb_client.outbox.contract import Event, Outbox, StoredAnswer, StoredLetter, StoredMessage

OURS = OIN("00000099000000001000")
THEIRS = OIN("00000099000000002000")
BATCH = UUID(int=7)
POLICY = RetryPolicy(retries=8, interval=timedelta(hours=3), persist=timedelta(days=2))
CPA = "cpa"


def way(kenmerk: str = "zaak-1", oin: OIN = OURS, **changes: Any) -> Aflevering:
    """Return where a queued letter stands, changed here and there."""
    made = Aflevering(oin=oin, kenmerk=kenmerk, bericht_id=bericht_id(oin, kenmerk), handed_over=MOMENT)
    return replace(made, **changes)


def stored(kenmerk: str = "zaak-1", oin: OIN = OURS, **changes: Any) -> StoredLetter:
    """Return a letter with its content."""
    return StoredLetter(bericht=letter(kenmerk=kenmerk), aflevering=way(kenmerk, oin, **changes))


def message(message_id: str = "1@own.example", *, at: datetime = MOMENT, **changes: Any) -> StoredMessage:
    """Return a message of letters that is due, changed here and there."""
    good: dict[str, Any] = {
        "kind": "letters",
        "cpa_id": CPA,
        "policy": POLICY,
        "url": "https://partner.example/ebms",
        "headers": {"Content-Type": "text/xml"},
        "size": 5,
        "batch_id": BATCH,
        "created": at,
        "entry": exchange.begin(at, POLICY),
    }
    return StoredMessage(message_id=message_id, **(good | changes))


def answer(message_id: str = "9@partner.example", **changes: Any) -> StoredAnswer:
    """Return an answer, changed here and there."""
    good: dict[str, Any] = {
        "cpa_id": CPA,
        "action": "GLOBE-R-BV-Result",
        "digest": "00",
        "received": MOMENT,
        "status": 200,
        "headers": {"Content-Type": "text/xml; charset=UTF-8"},
        "body": b"\x00\r\n<x/>",
    }
    return StoredAnswer(message_id=message_id, **(good | changes))


def write(outbox: Outbox, message_id: str = "1@own.example") -> None:
    """Store octets of a message, unless they are there."""
    try:
        outbox.open_body(message_id).close()
    except OutboxError:
        outbox.write_body(message_id, lambda sink: sink.write(b"hello"))


def put(outbox: Outbox, *things: StoredLetter | Aflevering | StoredMessage | StoredAnswer | Event) -> None:
    """Store things, in one transaction; the octets of messages before it."""
    for thing in things:
        if isinstance(thing, StoredMessage):
            write(outbox, thing.message_id)
    with outbox.transaction() as tx:
        for thing in things:
            match thing:
                case StoredLetter():
                    tx.add_letter(thing)
                case Aflevering():
                    tx.put_way(thing)
                case StoredMessage():
                    tx.put_message(thing)
                case StoredAnswer():
                    tx.put_answer(thing)
                case Event():
                    tx.add_event(thing)
