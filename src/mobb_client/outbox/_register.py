"""The register of subscriptions in a database and in memory: facts about citizens, and requests that were made.

A citizen is kept as a keyed hash of OIN and BSN. The key is made once, at random, and lies in the same database: who
reads one table, a log of statements or a copy of some rows, learns nothing of anybody; who reads the whole database
finds the key, and could then try all BSNs that there are. It protects against a glimpse, not against a thief: those are
kept out by whoever guards the database (in SQLite a file of mode 0600), which holds letters with BSNs anyhow.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from mobb_client.berichtenbox.abonnementen import Abonnement, Bron, Stand, Verzoek
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.outbox._rows import moment
from mobb_client.outbox._values import from_json, to_json

if TYPE_CHECKING:
    from mobb_client.outbox._sql import Database

_AT_ONCE: Final = 10_000
_KEY_OCTETS: Final = 32
_SHOWN: Final = 32  # hexadecimal digits: 128 bits, so that no two citizens ever share one


class SqlRegister:
    """The register in a database, within one transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._key: bytes | None = None

    def put(
        self, oin: OIN, berichttype: str | None, bron: Bron, at: datetime, facts: Iterable[tuple[BSN, bool]]
    ) -> int:
        """Store facts, block after block, and return how many; one that is older than what is known changes nothing."""
        hashed, told = self._hash_of(oin), iter(facts)
        same = (oin.digits, berichttype or "", bron.value, moment(at))
        count = 0
        while rows := [(hashed(bsn), *same, int(yes)) for bsn, yes in islice(told, _AT_ONCE)]:
            self._db.run_many(_PUT, rows)
            count += len(rows)
        return count

    def known(self, oin: OIN, bsns: Iterable[BSN]) -> Mapping[BSN, Sequence[Abonnement]]:
        """Return what is known of citizens."""
        hashed = self._hash_of(oin)
        by_hash = {hashed(bsn): bsn for bsn in bsns}
        which, given = self._db.among("burger", by_hash)
        found: dict[BSN, list[Abonnement]] = {bsn: [] for bsn in by_hash.values()}
        columns = f"burger, berichttype, bron, {self._db.shown('moment')}, geabonneerd"
        for burger, berichttype, bron, at, yes in self._db.rows(
            f"SELECT {columns} FROM mobb_abonnement WHERE {which}", (given,)
        ):
            fact = Abonnement(
                geabonneerd=bool(yes),
                bron=Bron(bron),
                moment=datetime.fromisoformat(at),
                berichttype=berichttype or None,
            )
            found[by_hash[burger]].append(fact)
        return found

    def stand(self, oin: OIN, since: datetime) -> Stand:
        """Return how many facts of an OIN there are, and how many of them are older than a moment."""
        counted: dict[tuple[bool, bool], int] = {
            (bool(counts), bool(yes)): number
            for counts, yes, number in self._db.rows(
                "SELECT moment > ?, geabonneerd, count(*) FROM mobb_abonnement WHERE oin = ? GROUP BY 1, 2",
                (moment(since), oin.digits),
            )
        }
        ((oldest,),) = self._db.rows(
            f"SELECT {self._db.shown('min(moment)')} FROM mobb_abonnement WHERE oin = ? AND moment > ?",
            (oin.digits, moment(since)),
        )
        return Stand(
            geabonneerd=counted.get((True, True), 0),
            niet=counted.get((True, False), 0),
            verlopen=counted.get((False, True), 0) + counted.get((False, False), 0),
            oudste=None if oldest is None else datetime.fromisoformat(oldest),
        )

    def put_verzoek(self, verzoek: Verzoek, antwoord: bytes | None = None) -> None:
        """Store a request, new or changed, and its answer as it came when there is one."""
        verzoek_id = str(verzoek.aanvraag.verzoek_id)
        self._db.run(_PUT_VERZOEK, (verzoek_id, moment(verzoek.gevraagd), to_json(verzoek)))
        if antwoord is not None:
            self.drop_antwoord(verzoek.aanvraag.verzoek_id)
            self._db.run("INSERT INTO mobb_antwoord VALUES (?, ?)", (verzoek_id, antwoord))

    def verzoeken(self) -> Sequence[Verzoek]:
        """Return every request, oldest first."""
        found = self._db.rows("SELECT parts FROM mobb_verzoek ORDER BY gevraagd, verzoek_id")
        return [from_json(Verzoek, parts) for (parts,) in found]

    def verzoek(self, verzoek_id: UUID) -> Verzoek | None:
        """Return one request, locked."""
        query = f"SELECT parts FROM mobb_verzoek WHERE verzoek_id = ?{self._db.locking}"
        found = self._db.rows(query, (str(verzoek_id),))
        return from_json(Verzoek, found[0][0]) if found else None

    def antwoord(self, verzoek_id: UUID) -> bytes | None:
        """Return the answer to a request, as it came."""
        return self._db.octets("SELECT data FROM mobb_antwoord WHERE verzoek_id = ?", (str(verzoek_id),))

    def drop_antwoord(self, verzoek_id: UUID) -> None:
        """Forget the answer to a request."""
        self._db.run("DELETE FROM mobb_antwoord WHERE verzoek_id = ?", (str(verzoek_id),))

    def purge(self, before: datetime) -> None:
        """Forget facts and answers from before a moment; that a request was made stays."""
        self._db.run("DELETE FROM mobb_abonnement WHERE moment < ?", (moment(before),))
        asked = "SELECT verzoek_id FROM mobb_verzoek WHERE gevraagd < ?"
        self._db.run(f"DELETE FROM mobb_antwoord WHERE verzoek_id IN ({asked})", (moment(before),))

    def _hash_of(self, oin: OIN) -> Callable[[BSN], str]:
        self._key = self._key or self._stored_key()
        begun = hmac.new(self._key, f"{oin}/".encode(), sha256)

        def hashed(bsn: BSN) -> str:
            ours = begun.copy()
            ours.update(bsn.digits.encode())
            return ours.hexdigest()[:_SHOWN]

        return hashed

    def _stored_key(self) -> bytes:
        """Return the key of the hashes, made when it is first needed."""
        query = "SELECT sleutel FROM mobb_sleutel"
        if not (found := self._db.rows(query)):
            self._db.lock("mobb_sleutel")
            if not (found := self._db.rows(query)):
                self._db.run("INSERT INTO mobb_sleutel VALUES (?)", (secrets.token_hex(_KEY_OCTETS),))
                found = self._db.rows(query)
        key: str = found[0][0]
        return bytes.fromhex(key)


_PUT: Final = (
    "INSERT INTO mobb_abonnement (burger, oin, berichttype, bron, moment, geabonneerd) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (burger, berichttype) DO UPDATE SET bron = excluded.bron, moment = excluded.moment,"
    " geabonneerd = excluded.geabonneerd WHERE excluded.moment >= mobb_abonnement.moment"
)
_PUT_VERZOEK: Final = (
    "INSERT INTO mobb_verzoek (verzoek_id, gevraagd, parts) VALUES (?, ?, ?)"
    " ON CONFLICT (verzoek_id) DO UPDATE SET parts = excluded.parts"
)

Who = tuple[OIN, BSN]


@dataclass(slots=True)
class RegisterTables:
    """What a register in memory holds."""

    facts: dict[Who, dict[str | None, Abonnement]] = field(default_factory=dict)
    verzoeken: dict[UUID, Verzoek] = field(default_factory=dict)
    antwoorden: dict[UUID, bytes] = field(default_factory=dict)

    def restore(self, before: RegisterTables) -> None:
        """Be again what was copied."""
        self.facts, self.verzoeken, self.antwoorden = before.facts, before.verzoeken, before.antwoorden

    def copy(self) -> RegisterTables:
        """Return what there is, to go back to."""
        return replace(
            self,
            facts={who: dict(known) for who, known in self.facts.items()},
            verzoeken=dict(self.verzoeken),
            antwoorden=dict(self.antwoorden),
        )


class MemoryRegister:
    """The register in memory, within one transaction; `before_change` is called before each change."""

    def __init__(self, tables: RegisterTables, before_change: Callable[[], object]) -> None:
        self._tables = tables
        self._before_change = before_change

    def put(
        self, oin: OIN, berichttype: str | None, bron: Bron, at: datetime, facts: Iterable[tuple[BSN, bool]]
    ) -> int:
        """Store facts; one that is older than what is known changes nothing."""
        self._before_change()
        count = 0
        for bsn, yes in facts:
            known = self._tables.facts.setdefault((oin, bsn), {})
            if berichttype not in known or known[berichttype].moment <= at:
                known[berichttype] = Abonnement(geabonneerd=yes, bron=bron, moment=at, berichttype=berichttype)
            count += 1
        return count

    def known(self, oin: OIN, bsns: Iterable[BSN]) -> Mapping[BSN, Sequence[Abonnement]]:
        """Return what is known of citizens."""
        return {bsn: list(self._tables.facts.get((oin, bsn), {}).values()) for bsn in bsns}

    def stand(self, oin: OIN, since: datetime) -> Stand:
        """Return how many facts there are."""
        own = [*self._of(oin)]
        counts = [one for one in own if one.moment > since]
        yes = sum(one.geabonneerd for one in counts)
        oldest = min((one.moment for one in counts), default=None)
        return Stand(geabonneerd=yes, niet=len(counts) - yes, verlopen=len(own) - len(counts), oudste=oldest)

    def _of(self, oin: OIN) -> Iterator[Abonnement]:
        return (fact for who, known in self._tables.facts.items() if who[0] == oin for fact in known.values())

    def put_verzoek(self, verzoek: Verzoek, antwoord: bytes | None = None) -> None:
        """Store a request, and its answer."""
        self._before_change()
        self._tables.verzoeken[verzoek.aanvraag.verzoek_id] = verzoek
        if antwoord is not None:
            self._tables.antwoorden[verzoek.aanvraag.verzoek_id] = antwoord

    def verzoeken(self) -> Sequence[Verzoek]:
        """Return every request, oldest first."""
        return sorted(self._tables.verzoeken.values(), key=lambda one: (one.gevraagd, str(one.aanvraag.verzoek_id)))

    def verzoek(self, verzoek_id: UUID) -> Verzoek | None:
        """Return one request."""
        return self._tables.verzoeken.get(verzoek_id)

    def antwoord(self, verzoek_id: UUID) -> bytes | None:
        """Return the answer to a request."""
        return self._tables.antwoorden.get(verzoek_id)

    def drop_antwoord(self, verzoek_id: UUID) -> None:
        """Forget the answer to a request."""
        self._before_change()
        self._tables.antwoorden.pop(verzoek_id, None)

    def purge(self, before: datetime) -> None:
        """Forget facts and answers from before a moment."""
        tables = self._tables
        for known in tables.facts.values():
            for berichttype in [one for one, fact in known.items() if fact.moment < before]:
                del known[berichttype]
        for verzoek_id in [one for one, verzoek in tables.verzoeken.items() if verzoek.gevraagd < before]:
            tables.antwoorden.pop(verzoek_id, None)
