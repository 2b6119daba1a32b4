"""The tables of an outbox, all named ``mobb_*``, and how an older form of them becomes the present one.

A migration only adds or changes what a newer program needs, in one transaction, forward. What was released is never
edited: a change is another entry of `MIGRATIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the databases call the same thing."""

    number: str
    moment: str
    octets: str
    event_number: str
    blocks: str = ""


SQLITE: Final = Dialect(
    number="INTEGER PRIMARY KEY AUTOINCREMENT",
    moment="TEXT",
    octets="BLOB",
    event_number="number INTEGER PRIMARY KEY AUTOINCREMENT",
)
POSTGRES: Final = Dialect(
    number="bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    moment="timestamptz",
    octets="bytea",
    # A sequence counts in the order of the inserts, and readers need that of the commits: `number` is given later
    event_number="id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE",
    blocks="""CREATE TABLE mobb_block (
        message_id TEXT NOT NULL REFERENCES mobb_body ON DELETE CASCADE,
        number INTEGER NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (message_id, number)
    )""",
)

_FIRST: Final = (
    """CREATE TABLE mobb_worker (
        id TEXT PRIMARY KEY,
        seen {moment}
    )""",
    """CREATE TABLE mobb_letter (
        number {number},
        bericht_id TEXT NOT NULL UNIQUE,
        oin TEXT NOT NULL,
        kenmerk TEXT NOT NULL,
        state TEXT NOT NULL,
        handed_over {moment} NOT NULL,
        acknowledged {moment},
        processed {moment},
        ended {moment},
        verwerkingscode TEXT,
        stadium TEXT,
        finding TEXT,
        batch_id TEXT,
        message_id TEXT,
        not_before {moment},
        alarm_at {moment},
        resends INTEGER NOT NULL,
        expired INTEGER NOT NULL,
        worker TEXT
    )""",
    "CREATE INDEX mobb_letter_state ON mobb_letter (state, number)",
    "CREATE INDEX mobb_letter_alarm ON mobb_letter (alarm_at) WHERE alarm_at IS NOT NULL",
    "CREATE INDEX mobb_letter_batch ON mobb_letter (batch_id) WHERE batch_id IS NOT NULL",
    "CREATE INDEX mobb_letter_worker ON mobb_letter (worker) WHERE worker IS NOT NULL",
    """CREATE TABLE mobb_content (
        bericht_id TEXT PRIMARY KEY,
        parts TEXT NOT NULL
    )""",
    """CREATE TABLE mobb_bijlage (
        bericht_id TEXT NOT NULL,
        volgorde INTEGER NOT NULL,
        data {octets} NOT NULL,
        PRIMARY KEY (bericht_id, volgorde)
    )""",
    """CREATE TABLE mobb_message (
        number {number},
        message_id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        cpa_id TEXT NOT NULL,
        batch_id TEXT,
        created {moment} NOT NULL,
        state TEXT NOT NULL,
        next_attempt {moment},
        time_to_live {moment},
        parts TEXT NOT NULL,
        worker TEXT
    )""",
    "CREATE INDEX mobb_message_due ON mobb_message (next_attempt) WHERE next_attempt IS NOT NULL",
    "CREATE INDEX mobb_message_open ON mobb_message (time_to_live) WHERE state IN ('PENDING', 'SENT')",
    "CREATE INDEX mobb_message_batch ON mobb_message (batch_id) WHERE batch_id IS NOT NULL",
    "CREATE INDEX mobb_message_worker ON mobb_message (worker) WHERE worker IS NOT NULL",
    """CREATE TABLE mobb_body (
        message_id TEXT PRIMARY KEY,
        worker TEXT
    )""",
    "{blocks}",
    """CREATE TABLE mobb_answer (
        message_id TEXT PRIMARY KEY,
        received {moment} NOT NULL,
        parts TEXT NOT NULL
    )""",
    """CREATE TABLE mobb_event (
        {event_number},
        at {moment} NOT NULL,
        name TEXT NOT NULL,
        oin TEXT,
        kenmerk TEXT,
        message_id TEXT,
        data TEXT NOT NULL
    )""",
    """CREATE TABLE mobb_cursor (
        name TEXT PRIMARY KEY,
        number BIGINT NOT NULL,
        worker TEXT
    )""",
)

_RUNS: Final = (
    """CREATE TABLE mobb_run (
        name TEXT PRIMARY KEY,
        parts TEXT NOT NULL
    )""",
    """CREATE TABLE mobb_run_row (
        run TEXT NOT NULL,
        number BIGINT NOT NULL,
        kind TEXT NOT NULL,
        oin TEXT,
        kenmerk TEXT NOT NULL,
        bericht_id TEXT,
        findings TEXT NOT NULL,
        PRIMARY KEY (run, number)
    )""",
    "CREATE UNIQUE INDEX mobb_run_row_letter ON mobb_run_row (bericht_id, run) WHERE kind <> 'repeat'",
    """CREATE TABLE mobb_run_hold (
        run TEXT NOT NULL,
        why TEXT NOT NULL,
        oin TEXT NOT NULL,
        PRIMARY KEY (run, why, oin)
    )""",
    """CREATE TABLE mobb_run_paper (
        bericht_id TEXT PRIMARY KEY,
        run TEXT NOT NULL,
        list INTEGER NOT NULL
    )""",
)

_ABONNEMENTEN: Final = (
    """CREATE TABLE mobb_abonnement (
        burger TEXT NOT NULL,
        oin TEXT NOT NULL,
        berichttype TEXT NOT NULL,
        bron TEXT NOT NULL,
        moment {moment} NOT NULL,
        geabonneerd INTEGER NOT NULL,
        PRIMARY KEY (burger, berichttype)
    )""",
    "CREATE INDEX mobb_abonnement_moment ON mobb_abonnement (oin, moment)",
    "CREATE TABLE mobb_sleutel (sleutel TEXT NOT NULL)",
    """CREATE TABLE mobb_verzoek (
        verzoek_id TEXT PRIMARY KEY,
        gevraagd {moment} NOT NULL,
        parts TEXT NOT NULL
    )""",
    """CREATE TABLE mobb_antwoord (
        verzoek_id TEXT PRIMARY KEY,
        data {octets} NOT NULL
    )""",
)

_FIGURES: Final = (
    """CREATE TABLE mobb_event_count (
        name TEXT PRIMARY KEY,
        number BIGINT NOT NULL
    )""",
    "CREATE INDEX mobb_event_of_message ON mobb_event (number) WHERE oin IS NULL",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST, _RUNS, _ABONNEMENTEN, _FIGURES)
"""What makes version 1 of nothing, version 2 of version 1, and so on."""

IDENTITY: Final = "CREATE TABLE mobb_outbox (id TEXT NOT NULL, version INTEGER NOT NULL)"
"""One row: which outbox this is, and which version its tables have."""


def statements(version: int, dialect: Dialect) -> list[str]:
    """Return what brings the tables of a version, 0 for none at all, to the present one."""
    named = {name: getattr(dialect, name) for name in Dialect.__slots__}
    made = (statement.format(**named) for step in MIGRATIONS[version:] for statement in step)
    return [statement for statement in made if statement]  # some databases have no need of some tables
