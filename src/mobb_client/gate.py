"""The gate before sending: only letters to citizens who are known to be subscribed get through, where that is demanded.

Known and not subscribed is paper. Unknown, or known too long ago, is neither: it is asked by WUS where that can be, and
waits. Every decision is written down with the fact that it follows from. Source: `berichtenbox` d.4, h.1, j, k.19.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mobb_client import ledger
from mobb_client.abonnementen import Abonnementen
from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.abonnementen import MAX_BSNS_VALIDATIE, Besluit, Oordeel, Validatie, oordeel
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.errors import FieldError, Finding, FormatError, SoapFaultError, TransportError
from mobb_client.outbox.contract import EventName, Fact, Key, Outbox, StoredLetter, Transaction
from mobb_client.sender import Sender
from mobb_client.tally import Tally

log = logging.getLogger(__name__)

ASK_AGAIN: Final = timedelta(minutes=15)
"""How long a letter waits before what is known of its citizen is looked at again."""
_SOONEST: Final = timedelta(seconds=1)
_NOT_ASKED: Final = "nothing known that counts"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Why a letter waits, and for how long."""

    why: str
    delay: timedelta


class Gate:
    """Decides which letters may go into a message.

    Args:
        outbox: where letters and facts are.
        abonnementen: asks what is not known.
        now: the clock.
    """

    def __init__(self, outbox: Outbox, abonnementen: Abonnementen, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._abonnementen = abonnementen
        self._now = now

    def passed(self, sender: Sender, leased: Sequence[StoredLetter], tally: Tally) -> Sequence[StoredLetter]:
        """Return the letters that may go; the others are on paper now, or wait and are leased no more.

        A letter that may have arrived already, in a message that expired, is not stopped: paper could be its second
        ending.
        """
        if not sender.abonnementen.vereist:
            return leased
        held = {letter.aflevering.key: letter for letter in leased if not _may_have_arrived(letter.aflevering)}
        content = {key: letter.bericht for key, letter in held.items() if letter.bericht is not None}
        unknown = {key for key, found in self._judge(content).items() if found.besluit is Besluit.ONBEKEND}
        waiting = self._ask(sender, {key: content[key] for key in unknown})
        stopped = self._decide(content, waiting, tally)
        return [letter for letter in leased if letter.aflevering.key not in stopped]

    def _judge(self, content: Mapping[Key, Bericht]) -> dict[Key, Oordeel]:
        if not content:
            return {}
        with self._outbox.transaction() as tx:
            return _judged(tx, content, self._now())

    # Asking

    def _ask(self, sender: Sender, unknown: Mapping[Key, Bericht]) -> dict[Key, _Waiting]:
        """Ask by WUS as many as may be asked now; return for each letter how long it waits if that did not help."""
        waiting = {key: _Waiting(_NOT_ASKED, ASK_AGAIN) for key in unknown}
        validator = self._abonnementen.validator(sender)
        if validator is None:
            return waiting
        for part in _parts(unknown):
            delay = validator.delay()
            why = self._ask_one(sender, part) if not delay else None
            told = _Waiting(_NOT_ASKED, max(delay, _SOONEST)) if why is None else _Waiting(why, ASK_AGAIN)
            waiting.update(dict.fromkeys(part.keys, told))
        return waiting

    def _ask_one(self, sender: Sender, part: _Part) -> str:
        """Ask one question; return what to say of those who are unknown after it."""
        try:
            validatie = Validatie(oin=part.oin, berichttype=part.berichttype, bsns=part.bsns)
            self._abonnementen.ask(sender, validatie)
        except (SoapFaultError, TransportError) as error:
            return error.finding.code
        except (FormatError, FieldError) as error:
            return error.code
        return "not named in the answer"

    # Deciding

    def _decide(self, content: Mapping[Key, Bericht], waiting: Mapping[Key, _Waiting], tally: Tally) -> set[Key]:
        """Store what becomes of each letter, with its evidence; return those that may not go."""
        now = self._now()
        if not content:
            return set()
        with self._outbox.transaction() as tx:
            judged = _judged(tx, content, now)
            ways = {way.key: way for way in tx.ways(content) if way.state is State.QUEUED}
            for key, way in ways.items():
                _settle(tx, way, judged[key], waiting.get(key, _Waiting(_NOT_ASKED, ASK_AGAIN)), now)
        verdicts = [judged[key].besluit for key in ways]
        tally.count("not_subscribed", by=verdicts.count(Besluit.PAPIER))
        tally.count("unchecked", by=verdicts.count(Besluit.ONBEKEND))
        return {key for key in content if key not in ways or judged[key].besluit is not Besluit.DIGITAAL}


def _may_have_arrived(way: Aflevering) -> bool:
    return way.batch_id is not None and way.verwerkingscode is None


def _judged(tx: Transaction, content: Mapping[Key, Bericht], now: datetime) -> dict[Key, Oordeel]:
    """Return the decision on each letter."""
    citizens: dict[OIN, set[BSN]] = defaultdict(set)
    for (oin, _), bericht in content.items():
        citizens[oin].add(bericht.bsn)
    known = {oin: tx.register.known(oin, bsns) for oin, bsns in citizens.items()}
    return {
        (oin, kenmerk): oordeel(known[oin][bericht.bsn], bericht.berichttype, now)
        for (oin, kenmerk), bericht in content.items()
    }


def _settle(tx: Transaction, way: Aflevering, found: Oordeel, waiting: _Waiting, now: datetime) -> None:
    """Write down a decision, and do what it says."""
    evidence = _evidence(found)
    match found.besluit:
        case Besluit.DIGITAAL:
            ledger.note_letter(tx, EventName.LETTER_CHECKED, way, now, evidence)
        case Besluit.PAPIER:
            finding = Finding("abonnement.geen", field="bsn", measure=f"{evidence['bron']}, {evidence['moment']}")
            ledger.move(tx, way, letters.not_subscribed(way, finding), now, more=evidence)
        case Besluit.ONBEKEND:
            finding = Finding("abonnement.onbekend", field="bsn", measure=waiting.why, severity="warning")
            tx.put_way(letters.unchecked(way, finding, now + waiting.delay))
            if way.finding != finding:  # told once, and again when it is for another reason
                ledger.note_letter(tx, EventName.LETTER_CHECKED, way, now, {**evidence, "reason": finding.code})


def _evidence(found: Oordeel) -> dict[str, Fact]:
    """Return a decision and the fact that it follows from, as an event tells it."""
    told: dict[str, Fact] = {"besluit": found.besluit.value}
    if found.bewijs is not None:
        moment = found.bewijs.moment.isoformat(timespec="seconds")
        told |= {"bron": found.bewijs.bron.value, "moment": moment, "berichttype": found.bewijs.berichttype or "*"}
    return told


@dataclass(frozen=True, slots=True)
class _Part:
    """Letters of one OIN and BerichtType to as many citizens as one question takes."""

    oin: OIN
    berichttype: str
    bsns: tuple[BSN, ...]
    keys: tuple[Key, ...]


def _parts(content: Mapping[Key, Bericht]) -> list[_Part]:
    groups: dict[tuple[OIN, str], dict[BSN, list[Key]]] = defaultdict(lambda: defaultdict(list))
    for key, bericht in content.items():
        groups[key[0], bericht.berichttype][bericht.bsn].append(key)
    found = []
    for (oin, berichttype), citizens in groups.items():
        bsns = list(citizens)
        for at in range(0, len(bsns), MAX_BSNS_VALIDATIE):
            asked = tuple(bsns[at : at + MAX_BSNS_VALIDATIE])
            found.append(_Part(oin, berichttype, asked, tuple(key for bsn in asked for key in citizens[bsn])))
    return found
