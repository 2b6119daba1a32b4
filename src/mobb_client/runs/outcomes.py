"""Reports of a run that close: what became of each row, who gets paper, and one page for who asks in the morning.

In Dutch, for operators. They can be asked for at any moment, and again: what has ended stays where it is, and a paper
list never changes once it was made. No BSN is in any of them.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mobb_client._xml import write_moment
from mobb_client.berichtenbox.aflevering import State
from mobb_client.errors import ConfigurationError, Finding
from mobb_client.outbox.contract import EventName, Fact, Key, Outbox, PaperList, RowKind, RunLine, RunRow, StoredRun
from mobb_client.runs.report import appearing, harmless
from mobb_client.runs.run import Balance, balance_of, find
from mobb_client.runs.summary import dutch
from mobb_client.runs.window import ZONE

OUTCOMES: Final = (
    "regel", "soort", "kenmerk", "oin", "einde", "reden", "uitleg", "advies", "overgedragen", "bevestigd", "verwerkt",
    "geeindigd", "verwerkingscode", "bericht_id", "batch_id", "message_id", "papierlijst",
)  # fmt: skip
"""The columns of ``uitkomsten.csv``; for ever."""
PAPER: Final = ("lijst", "regel", "kenmerk", "oin", "reden", "uitleg", "sinds", "bericht_id")
"""The columns of a paper list; for ever."""
MINUTES: Final = 5
"""How long the steps of the plot are."""

_PAGE: Final = 1000
_KINDS: Final = {RowKind.LETTER: "brief", RowKind.REPEAT: "herhaling", RowKind.REFUSED: "geweigerd"}
_ENDS: Final = {State.DELIVERED: "bezorgd", State.PAPER: "papier", State.HUMAN: "mens"}
_DELIVERED: Final = "de brief staat in de Berichtenbox"
_OPEN: Final = {
    State.QUEUED: "de brief wacht op verzending",
    State.BATCHED: "de brief zit in een bericht dat verstuurd wordt",
    State.SENT: "de brief is verstuurd en nog niet bevestigd",
    State.ACKNOWLEDGED: "de brief is bevestigd en nog niet verwerkt",
}
_TROUBLES: Final = frozenset({EventName.MESSAGE_ATTEMPT})

Cell = str | int


def lines(outbox: Outbox, name: str) -> Iterator[RunLine]:
    """Give every row of a run, in order, and where its letter stands."""
    after = 0
    while page := outbox.run_lines(name, after, _PAGE):
        yield from page
        after = page[-1].row.number


def rows_on_desk(outbox: Outbox) -> Iterator[tuple[str, RunRow]]:
    """Give (run, row) of every refused row that has no letter: a person knows it by no kenmerk, and it waits."""
    for run in outbox.runs():
        if any(kind is RowKind.REFUSED and state is None for kind, _, state in outbox.run_counts(run.name)):
            found = (line.row for line in lines(outbox, run.name) if line.aflevering is None)
            yield from ((run.name, row) for row in found if row.kind is RowKind.REFUSED)


# Rows


def outcome(line: RunLine) -> tuple[Cell, ...]:
    """Return the cells of `OUTCOMES` for a row."""
    row, way = line.row, line.aflevering
    finding = reason_of(line)
    return (
        row.number,
        _KINDS[row.kind],
        row.kenmerk,
        str(row.oin or ""),
        ending(line),
        finding.code if finding else "",
        _explained(line, finding),
        finding.advice_in("nl") if finding else "",
        *(
            _moment(at)
            for at in ((way.handed_over, way.acknowledged, way.processed, way.ended) if way else (None,) * 4)
        ),
        (way.verwerkingscode or "") if way else "",
        str(row.bericht_id or ""),
        str(way.batch_id or "") if way else "",
        (way.message_id or "") if way else "",
        line.paper or "",
    )


def reason_of(line: RunLine) -> Finding | None:
    """Return why a row is where it is; None while all is well."""
    if line.aflevering is not None and line.aflevering.finding is not None:
        return line.aflevering.finding
    return line.row.findings[0] if line.row.findings and line.aflevering is None else None


def ending(line: RunLine) -> str:
    """Return where a row ended: ``bezorgd``, ``papier``, ``mens``, or ``open``."""
    if line.aflevering is None:
        return "mens"
    return _ENDS.get(line.aflevering.state, "open")


def _explained(line: RunLine, finding: Finding | None) -> str:
    if line.aflevering is not None and line.aflevering.state is State.DELIVERED:
        return _DELIVERED
    if line.aflevering is not None and line.aflevering.state in _OPEN:
        return _OPEN[line.aflevering.state]
    if line.aflevering is None and line.row.findings:
        return "; ".join(one.rule_in("nl") for one in line.row.findings)
    return finding.rule_in("nl") if finding else ""


def _moment(at: datetime | None) -> str:
    return "" if at is None else write_moment(at)


def _write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> None:
    """Write a table that a spreadsheet opens as it is: it appears when it is whole."""
    with appearing(path) as sink:
        text = io.TextIOWrapper(sink, encoding="utf-8-sig", newline="", errors="backslashreplace")
        writer = csv.writer(text, delimiter=";")
        writer.writerow(columns)
        writer.writerows([harmless(cell) for cell in row] for row in rows)
        text.flush()
        text.detach()


def write_outcomes(outbox: Outbox, name: str, path: Path) -> None:
    """Write ``uitkomsten.csv``: one row for each row of the input."""
    _write_csv(path, OUTCOMES, map(outcome, lines(outbox, name)))


# Paper


def close_paper_list(outbox: Outbox, name: str, now: datetime, *, early: bool = False) -> PaperList | None:
    """Put every letter of a run that ended on paper, and is on no list yet, on a new one; return that.

    The list never changes any more: who prints it prints each letter once. Returns None when there is none to put
    on it.

    Args:
        outbox: where the run is.
        name: of the run.
        now: when.
        early: whether this is before anything is sent; there is one such list.

    Raises:
        ConfigurationError: ``run.unknown``.
    """
    with outbox.transaction() as tx:
        run = tx.run(name)
        if run is None:
            raise ConfigurationError(Finding("run.unknown", field="name", measure=f"{len(name)} characters"))
        number = len(run.lists) + 1
        count = tx.put_on_paper_list(name, number)
        if not count:
            return None
        made = PaperList(number=number, early=early, closed=now, letters=count)
        tx.put_run(replace(run, lists=(*run.lists, made)))
    return made


def write_paper_list(outbox: Outbox, name: str, number: int, path: Path) -> None:
    """Write a paper list of a run: the same file each time. One that was never made has no rows."""
    rows = (line for line in lines(outbox, name) if line.paper == number)
    _write_csv(path, PAPER, (_paper(line) for line in rows))


def _paper(line: RunLine) -> tuple[Cell, ...]:
    cells = dict(zip(OUTCOMES, outcome(line), strict=True))
    cells |= {"lijst": line.paper or 0, "sinds": cells["geeindigd"]}
    return tuple(cells[column] for column in PAPER)


def name_of(made: PaperList) -> str:
    """Return the name of a paper list's file."""
    return f"papier-{made.number}-{'vroeg' if made.early else 'laat'}.csv"


# The page


@dataclass(slots=True)
class Night:
    """What happened when, in steps of `MINUTES`: letters sent and ended, and sends that came to nothing.

    `acknowledged` and `processed` are when the last letter was, by the other side.
    """

    sent: Counter[datetime] = field(default_factory=Counter)
    ended: dict[str, Counter[datetime]] = field(default_factory=dict)
    failed: Counter[datetime] = field(default_factory=Counter)
    acknowledged: datetime | None = None
    processed: datetime | None = None

    def add(self, line: RunLine) -> None:
        """Count a letter."""
        way = line.aflevering
        if way is None or line.row.kind is RowKind.REPEAT:
            return
        if way.acknowledged is not None:
            self.sent[_step(way.acknowledged)] += 1
            self.acknowledged = max(self.acknowledged or way.acknowledged, way.acknowledged)
        if way.processed is not None:
            self.processed = max(self.processed or way.processed, way.processed)
        if way.ended is not None:
            self.ended.setdefault(ending(line), Counter())[_step(way.ended)] += 1


def _step(at: datetime) -> datetime:
    whole = at.astimezone(UTC).replace(second=0, microsecond=0)
    return whole - timedelta(minutes=whole.minute % MINUTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run comes to.

    Args:
        run: the run.
        at: when this was found.
        balance: where its rows are.
        reasons: how many rows there are of each ending and code, and what the code means.
        alarms: letters of which the Berichtenbox contradicted their ending afterwards.
        night: what happened when.
        listed: letters that are on a paper list of this run.
    """

    run: StoredRun
    at: datetime
    balance: Balance
    reasons: dict[tuple[str, str, str], int]
    alarms: int
    night: Night
    listed: int

    @property
    def on_no_list(self) -> int:
        """Letters on paper that are on no list of this run."""
        return self.balance.paper - self.listed


def summarize(outbox: Outbox, name: str, now: datetime) -> Summary:
    """Return what a run comes to at this moment, from its rows."""
    run = find(outbox, name)
    alarms = _keys(outbox, run, EventName.LETTER_ALARM)
    found: Counter[tuple[str, str, str]] = Counter()
    counts: Counter[tuple[RowKind, None, State | None]] = Counter()
    night, listed, alarmed = Night(), 0, 0
    for line in lines(outbox, name):
        counts[line.row.kind, None, line.aflevering.state if line.aflevering else None] += 1
        night.add(line)
        listed += line.paper is not None
        if line.row.kind is RowKind.REPEAT:
            continue
        alarmed += line.aflevering is not None and line.aflevering.key in alarms
        finding = reason_of(line)
        if ending(line) != "bezorgd" and finding is not None:
            found[ending(line), finding.code, finding.rule_in("nl")] += 1
    night.failed = _failed(outbox, run)
    return Summary(
        run=run,
        at=now,
        balance=balance_of({(kind, None, state): count for (kind, _, state), count in counts.items()}),
        reasons=dict(sorted(found.items(), key=lambda one: (one[0][0], -one[1]))),
        alarms=alarmed,
        night=night,
        listed=listed,
    )


def _keys(outbox: Outbox, run: StoredRun, name: EventName) -> set[Key]:
    found: set[Key] = set()
    since = run.first_event
    while news := outbox.events(since, names=[name]):
        found |= {(event.oin, event.kenmerk) for event in news if event.oin and event.kenmerk}
        since = news[-1].number
    return found


def _failed(outbox: Outbox, run: StoredRun) -> Counter[datetime]:
    """Count the sends since the run began that came to nothing."""
    found: Counter[datetime] = Counter()
    since = run.first_event
    while news := outbox.events(since, names=_TROUBLES):
        found.update(_step(event.at) for event in news if _came_to_nothing(event.data.get("reason")))
        since = news[-1].number
    return found


def _came_to_nothing(reason: Fact) -> bool:
    return reason is not None


def summary_text(summary: Summary, cents: int | None = None) -> str:
    """Return the page as text.

    Args:
        summary: what it comes to.
        cents: what a letter on paper costs, to tell what was saved.
    """
    parts = [_head(summary), sheet(summary.balance), _reasons(summary), _lists(summary), _saved(summary, cents)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(summary: Summary) -> str:
    run = summary.run
    read = "" if run.is_read else "\nLET OP: de invoer is nog niet tot het einde gelezen."
    return f"Run {run.name}\nGestart op {local(run.started)}, stand op {local(summary.at)}.{read}"


def sheet(balance: Balance) -> str:
    """Return a balance for people: every row in one place, or that it is not so."""
    rows = (
        f"{dutch(balance.letters)} brieven + {dutch(balance.repeats)} herhalingen + {dutch(balance.refused)} geweigerd"
    )
    ends = (
        f"{dutch(balance.delivered)} bezorgd + {dutch(balance.paper)} papier + {dutch(balance.human)} mens"
        f" + {dutch(balance.open)} open"
    )
    closes = "De balans sluit." if balance.closes else "DE BALANS SLUIT NIET: meld dit."
    still = f" Er staan nog {dutch(balance.open)} brieven open." if balance.open else " Elke regel heeft zijn einde."
    return (
        f"{dutch(balance.rows)} regels = {rows}\n{dutch(balance.input)} brieven en geweigerde regels = {ends}\n"
        f"{closes}{still}"
    )


def _reasons(summary: Summary) -> str:
    told = [f"{dutch(count):>9}  {end:<7}  {rule} ({code})" for (end, code, rule), count in summary.reasons.items()]
    alarms = (
        f"ALARM: over {dutch(summary.alarms)} brieven zei de Berichtenbox later iets anders dan hun einde hier."
        if summary.alarms
        else ""
    )
    return "\n".join([*(["Redenen:", *told] if told else []), *([alarms] if alarms else [])])


def _lists(summary: Summary) -> str:
    told = [f"{name_of(one)}: {dutch(one.letters)} brieven, {local(one.closed)}" for one in summary.run.lists]
    if summary.on_no_list:
        told.append(f"Op nog geen papierlijst van deze run: {dutch(summary.on_no_list)} brieven.")
    return "\n".join(["Papierlijsten:", *told]) if told else ""


def _saved(summary: Summary, cents: int | None) -> str:
    delivered = summary.balance.delivered
    share = delivered * 100 // summary.balance.input if summary.balance.input else 0
    euros = "" if cents is None else f", {dutch(delivered * cents // 100)} euro bespaard"
    return f"Besparing: {dutch(delivered)} brieven niet op papier ({share} %){euros}."


def local(at: datetime) -> str:
    """Return a moment for people, in Dutch time."""
    return f"{at.astimezone(ZONE):%d-%m-%Y %H:%M}"
