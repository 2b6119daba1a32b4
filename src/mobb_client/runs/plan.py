"""What a run will take, and why it cannot end well, before anything is stored or sent.

The input is read once, as a stream. Nothing is promised: speed is that of an earlier run on this outbox, or an
assumption that is said to be one.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.globe import SIZE_OF_EMPTY, size_of
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.rows import RawRow, Row, RowReader, split_rows
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding, Severity
from mobb_client.outbox.content import content_json
from mobb_client.outbox.contract import Outbox
from mobb_client.pki.certificate import Certificate
from mobb_client.runs.judges import Judges
from mobb_client.runs.run import RESERVE
from mobb_client.runs.window import ZONE, Window
from mobb_client.sender import Intake, Sender
from mobb_client.sending import AT_ONCE

ASSUMED: Final = 2_000_000
"""Octets a second, when no run on this outbox has measured it: what a line of 16 Mbit/s carries."""
_LETTER: Final = 2_500
_KENMERK: Final = 10
_CONTENT: Final = 1.15
"""What a letter takes in SQLite when it has come to its end, a fifth on the safe side: octets for its way, its events
and its row; times its kenmerk; times its content, which is kept in pages. Measured over 10,000 letters: 2,270 octets
for a short one, 26,540 for one with 4,000 characters of six octets each."""
_FIRST: Final = 200
_EVERY: Final = 500
"""Which letters are looked into: so many at the beginning, and then each so many."""
_NO_LETTER: Final = 1_000
"""What a row takes that is refused; a repeat takes less."""
_ON_DISK: Final = 2 * AT_ONCE
"""Of how many letters of a sender the messages may lie on the disk: those that are sent, and the next ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will take.

    Args:
        rows: in the input.
        letters: that can go.
        again: rows whose kenmerk came before: repeats, or refused because they differ.
        refused: how many rows break which rule; a row may break several.
        examples: the first finding of each of those rules: it says what is possible at most.
        refused_rows: how many rows those are.
        by_oin: letters of each organisation.
        batches: messages that they make.
        octets: of all documents, and so about of what goes over the line.
        bytes_per_second: how fast they go.
        is_measured: whether an earlier run measured that.
        starts: when the first letter may go.
        ends: when the last one has gone.
        disk_needed: octets on the outbox's disk, the reserve not counted.
        disk_free: octets that are free there; None when that is another machine's.
        findings: why it cannot end well (errors), and what to look at (warnings).
    """

    rows: int
    letters: int
    again: int
    refused: Counter[str]
    examples: Mapping[str, Finding]
    refused_rows: int
    by_oin: Counter[OIN]
    batches: int
    octets: int
    bytes_per_second: float
    is_measured: bool
    starts: datetime
    ends: datetime
    disk_needed: int
    disk_free: int | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Why it is not to be started."""
        return tuple(one for one in self.findings if one.severity == "error")

    def check(self) -> None:
        """Refuse what cannot end well.

        Raises:
            ConfigurationError: all reasons.
        """
        if self.errors:
            raise ConfigurationError(*self.errors)


def plan(  # noqa: PLR0913 - what a plan follows from, each by name
    letters: Path,
    senders: Sequence[Sender],
    outbox: Outbox,
    now: datetime,
    *,
    window: Window | None = None,
    speed: float | None = None,
    judges: Judges | None = None,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Plan:
    """Return what a run of these letters will take when it is started now.

    Args:
        letters: the input.
        senders: whose letters they may be.
        outbox: where they will be kept.
        now: when it begins.
        window: when may be sent.
        speed: octets a second, when that is known otherwise than by earlier runs.
        judges: judge some of the letters as the run will judge each of them, with their PDFs; None leaves that out.
        free: returns how many octets are free on the disk of a folder.

    Raises:
        ConfigurationError: the file cannot be read, or its header row is wrong.
    """
    sample: list[RawRow] = []
    with closing(_Keys()) as keys:
        found = _Found(senders, now, keys)
        for raw, row in _rows(letters, senders):
            if found.add(row) and (found.letters <= _FIRST or found.letters % _EVERY == 0):
                sample.append(raw)
    measured = [(run.started, run.sent_bytes / run.sent_seconds) for run in outbox.runs() if run.sent_seconds]
    speed = speed or (max(measured)[1] if measured else float(ASSUMED))
    octets, batches = found.totals()
    work = timedelta(seconds=octets / speed)
    starts = window.opens(now) if window else now
    ends = window.after(now, work) if window else now + work
    needed = _needed(outbox, found, senders)
    room = free(outbox.folder) if outbox.folder else None
    used = [sender for sender in senders if found.by_oin.keys() & set(sender.oins)]
    return Plan(
        rows=found.rows,
        letters=found.letters,
        again=found.again,
        refused=found.refused,
        examples=found.examples,
        refused_rows=found.refused_rows,
        by_oin=found.by_oin,
        batches=batches,
        octets=octets,
        bytes_per_second=speed,
        is_measured=bool(measured),
        starts=starts,
        ends=ends,
        disk_needed=needed,
        disk_free=room,
        findings=(
            *_empty(found),
            *_disk(needed, room),
            *date_findings(used, now, ends),
            *found.late(ends),
            *(_looked_into(judges, sample, letters.parent, senders, now) if judges else ()),
        ),
    )


def _rows(path: Path, senders: Sequence[Sender]) -> Iterator[tuple[RawRow, Row]]:
    reader = RowReader(path.parent, senders[0].regels)
    try:
        with path.open("rb") as file:
            yield from ((raw, reader.row(raw)) for raw in split_rows(file, name=path.name))
    except BerichtError as error:  # the header row
        raise ConfigurationError(*(one.finding for one in error.errors)) from None
    except OSError as error:
        measure = error.strerror or type(error).__name__
        raise ConfigurationError(Finding("run.input", field="letters", measure=measure)) from None


def _looked_into(
    judges: Judges, sample: Sequence[RawRow], folder: Path, senders: Sequence[Sender], now: datetime
) -> Iterator[Finding]:
    """Find out whether letters that can be read are good as well: a template that is wrong is wrong a million times.

    An error when all of them are refused, as an input without letters is; else the bad ones never stop the others.
    """
    criteria = judges.criteria(now, senders[0].regels, [sender.oins for sender in senders])
    errors = [one.report.errors for page in judges.judge(sample, folder, criteria) for one in page]
    counts = Counter(code for each in errors for code in {error.code for error in each})
    refused = sum(map(bool, errors))
    if refused:
        told = ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
        severity: Severity = "error" if refused == len(errors) else "warning"
        measure = f"{refused:,} of {len(errors):,} that were looked into: {told}"
        yield Finding("plan.refused", field="letters", measure=measure, severity=severity)


class _Keys:
    """The keys so far, in a database that is nobody else's and goes when it is closed: memory does not grow."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file
        self._db.executescript("""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
            CREATE TABLE keys (key INTEGER PRIMARY KEY);
            BEGIN;
        """)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Tell whether a key was added."""
        return self._db.execute("SELECT 1 FROM keys WHERE key = ?", (hash(key),)).fetchone() is not None

    def add(self, key: tuple[str, str]) -> None:
        """Remember a key."""
        self._db.execute("INSERT INTO keys VALUES (?)", (hash(key),))


@dataclass(slots=True)
class _Cut:
    """How many batches the letters of one organisation make, cut as `batches` cuts them."""

    regels: Regels
    closed: int = 0
    octets: int = 0
    count: int = 0
    size: int = SIZE_OF_EMPTY

    def add(self, size: int) -> None:
        """Count a letter."""
        if self.count and (self.count >= self.regels.batch_berichten or self.size + size > self.regels.batch_bytes):
            self.close()
        self.count += 1
        self.size += size

    def close(self) -> None:
        """Count the open batch."""
        if self.count:
            self.closed, self.octets = self.closed + 1, self.octets + self.size
        self.count, self.size = 0, SIZE_OF_EMPTY


@dataclass(slots=True)
class _Found:
    """What is in an input: counts, of the letters a number each, and of each date how many have it."""

    senders: Sequence[Sender]
    now: datetime
    keys: _Keys
    rows: int = 0
    again: int = 0
    letters: int = 0
    refused_rows: int = 0
    kept: float = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Finding] = field(default_factory=dict)
    publications: Counter[datetime] = field(default_factory=Counter)
    terms: Counter[datetime] = field(default_factory=Counter)
    by_oin: Counter[OIN] = field(default_factory=Counter)
    cuts: dict[OIN, _Cut] = field(default_factory=dict)

    def add(self, row: Row) -> bool:
        """Count a row, and return whether it is a letter that can go."""
        self.rows += 1
        if row.bericht is None:
            return self._refuse(row.errors)
        try:
            sender = Intake(self.senders, self.now).owner(row.bericht)
        except BerichtError as error:
            return self._refuse(error.errors)
        oin = row.bericht.oin or sender.oins[0]
        key = oin.digits, row.kenmerk
        if key in self.keys:
            self.again += 1
            return False
        if errors := row.bericht.date_errors(self.now, sender.regels):
            return self._refuse(errors)
        self.keys.add(key)
        self._count(row.bericht, oin, sender)
        return True

    def _refuse(self, errors: Iterable[FieldError]) -> bool:
        self.refused_rows += 1
        found = {error.code: error.finding for error in errors}
        self.refused.update(found.keys())
        self.examples = found | self.examples
        return False

    def _count(self, bericht: Bericht, oin: OIN, sender: Sender) -> None:
        self.letters += 1
        self.by_oin[oin] += 1
        self.kept += _kept(bericht)
        for moments, moment in (
            (self.publications, bericht.publicatiedatum),
            (self.terms, bericht.einddatum_handelingstermijn),
        ):
            if moment is not None:
                moments[moment] += 1
        self.cuts.setdefault(oin, _Cut(sender.regels)).add(size_of(bericht))

    def totals(self) -> tuple[int, int]:
        """Return the octets of all documents, and how many there are."""
        for cut in self.cuts.values():
            cut.close()
        return sum(cut.octets for cut in self.cuts.values()), sum(cut.closed for cut in self.cuts.values())

    def late(self, ends: datetime) -> Iterator[Finding]:
        """Find letters of which a date passes before the run has ended: those that are not sent in time."""
        yield from _passing("plan.einddatum", "einddatum_handelingstermijn", self.terms, ends, "error")
        yield from _passing("plan.publicatiedatum", "publicatiedatum", self.publications, ends, "warning")


def _passing(code: str, name: str, moments: Counter[datetime], ends: datetime, severity: Severity) -> Iterator[Finding]:
    passing = {moment: count for moment, count in moments.items() if moment <= ends}
    if passing:
        measure = f"{sum(passing.values()):,} letters, the first {_local(min(passing))}"
        yield Finding(code, field=name, measure=measure, limit=_local(ends), severity=severity)


def _kept(bericht: Bericht) -> float:
    """Return about how many octets a letter takes in SQLite; its attachments stay where they are."""
    content = len(content_json(bericht, keeps_paths=True))
    return _LETTER + _KENMERK * len(bericht.kenmerk) + _CONTENT * content


def _needed(outbox: Outbox, found: _Found, senders: Sequence[Sender]) -> int:
    """Return what is needed on disk at the same time: the rows, and what is made before it is acknowledged.

    A thousand letters of each sender become messages at a time, the next ones while those are sent, so of every sender
    twice as much may lie there.
    """
    per_letter = sum(cut.octets for cut in found.cuts.values()) // max(found.letters, 1)
    waiting = sum(min(sum(found.by_oin[oin] for oin in sender.oins), _ON_DISK) for sender in senders) * per_letter
    rows = found.kept + (found.rows - found.letters) * _NO_LETTER
    return round(rows) + waiting if outbox.folder else 0


def _empty(found: _Found) -> Iterator[Finding]:
    if not found.letters:
        yield Finding(
            "plan.empty", field="letters", measure=f"{found.rows} rows, of which {found.refused_rows} refused"
        )


def _disk(needed: int, room: int | None) -> Iterator[Finding]:
    if room is not None and room < needed + RESERVE:
        yield Finding("plan.disk", field="outbox", measure=f"{room:,} octets", limit=f"{needed + RESERVE:,}")


# Dates


def date_findings(senders: Iterable[Sender], now: datetime, ends: datetime) -> Iterator[Finding]:
    """Find what expires before a run ends that begins now: CPAs, keys, certificates and anchors."""
    for sender in senders:
        forbidden = _forbidding(sender, now)
        yield from forbidden
        for one in _forbidding(sender, ends) if not forbidden else ():
            yield Finding("plan.expires", one.field, f"{one.measure}; the run ends {_local(ends)}")
        yield from _tls(sender, ends)
        yield from _anchors(sender, ends)
        yield from _resends(sender, now)


def _forbidding(sender: Sender, at: datetime) -> tuple[Finding, ...]:
    """Return what forbids this sender to send at a moment: CPA, key and certificates."""
    try:
        sender.route(at)
    except ConfigurationError as error:
        return error.findings
    return ()


def _tls(sender: Sender, ends: datetime) -> Iterator[Finding]:
    """Find a key of the connection that expires before the run ends."""
    identity = sender.tls or sender.identity
    if identity is not None and identity.certificate is not None and identity.certificate.not_after < ends:
        measure = f"valid until {_local(identity.certificate.not_after)}; the run ends {_local(ends)}"
        yield Finding("plan.expires", f"certificate of {sender.oins[0]}", measure)


def _anchors(sender: Sender, ends: datetime) -> Iterator[Finding]:
    """Find out whether somebody is still trusted when the run ends: of two that overlap one is enough (B57)."""
    gone: list[Certificate] = [anchor for anchor in sender.anchors if anchor.not_after < ends]
    for anchor in gone:
        measure = f"valid until {_local(anchor.not_after)}; the run ends {_local(ends)}"
        severity: Severity = "error" if len(gone) == len(sender.anchors) else "warning"
        yield Finding("plan.expires", f"anchor {anchor.fingerprint[:16]}", measure, severity=severity)


def _resends(sender: Sender, now: datetime) -> Iterator[Finding]:
    """Find a CPA that lets a batch be offered when its AanmaakDatum is too old. Source: `berichtenbox` b.2 row 4."""
    if _forbidding(sender, now):
        return
    retry, most = sender.route(now).retry, timedelta(days=sender.regels.max_dagen_aanmaak)
    persist = retry.persist if retry else None
    if persist is not None and persist > most:
        measure = f"{persist.days} days"
        yield Finding("plan.aanmaakdatum", "PersistDuration", measure, limit=most.days, severity="warning")


def _local(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"
