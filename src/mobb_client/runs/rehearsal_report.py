"""What a rehearsed night says of the real one: in Dutch for operators, and as figures for machines.

Every figure says what it rests on: measured here, or worked out with an assumption that is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mobb_client.errors import Finding
from mobb_client.outbox.contract import Event, EventName, Outbox
from mobb_client.runs.night import page
from mobb_client.runs.outcomes import Summary, local, sheet
from mobb_client.runs.plan import Plan
from mobb_client.runs.rehearsal import STEP, Hours, Outage, Trouble, Why
from mobb_client.runs.summary import dutch

_UNANSWERED: Final = "no-ack"
_TROUBLES: Final = {
    Trouble.BUSY: "antwoordt met 503",
    Trouble.RESET: "verbreekt de verbinding",
    Trouble.NO_ACK: "neemt berichten aan en bevestigt ze niet",
}
_WIDTH: Final = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What nobody could measure here.

    Args:
        rate: octets a second of the line.
        per_minute: sends a minute at most, by the settings.
        results_after: how long the other side takes to process a message.
        subscribed: share of the citizens, from 0 to 1.
        left: which share of those have left since they were asked about.
        failing: of which share the first offer ends in TechnischProbleem.
    """

    rate: float
    per_minute: int | None
    results_after: timedelta
    subscribed: float
    left: float
    failing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was measured of this machine.

    Args:
        seconds: that the rehearsal took.
        memory: octets at the peak of the process that sends; None where the system does not tell.
        disk: octets of the outbox at its peak.
        processors: seconds of processor time of the process that sends.
    """

    seconds: float
    memory: int | None
    disk: int
    processors: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A night that was rehearsed.

    Args:
        letters: name of the input file.
        at: when the night began.
        window: as it was given.
        plan: what was expected before it began.
        dates: what of the real CPAs, keys and certificates expires before the end.
        outages: what was put in its way.
        assumed: what it rests on.
        hours: where the time went.
        summary: what became of the letters.
        retries: sends that were repeated or came to nothing, by reason.
        batches: messages with letters.
        unsent: letters that the other side did not acknowledge, when it was given up.
        complaints: what the simulator found wrong with what it was sent.
        machine: what was measured.
    """

    letters: str
    at: datetime
    window: str | None
    plan: Plan
    dates: Sequence[Finding]
    outages: Sequence[Outage]
    assumed: Assumed
    hours: Hours
    summary: Summary
    retries: Mapping[str, int]
    batches: int
    unsent: int
    complaints: int
    machine: Machine

    @property
    def finished(self) -> datetime | None:
        """When the last letter was acknowledged; None when none was, or some were not."""
        return None if self.unsent else self.summary.night.acknowledged

    @property
    def without_outages(self) -> datetime | None:
        """When that would have been without what the outages cost."""
        return None if self.finished is None else self.finished - timedelta(seconds=self.hours.outages)

    @property
    def ok(self) -> bool:
        """Whether the balance closes, nothing waits for a person or an answer, and nothing expires."""
        balance = self.summary.balance
        return balance.closes and not (balance.human or balance.open or self.dates or self.complaints)


def retries_of(outbox: Outbox) -> tuple[Counter[str], int]:
    """Return the sends that were repeats or came to nothing, by reason, and how many messages hold letters."""
    reasons: Counter[str] = Counter()
    batches = since = 0
    while news := outbox.events(since, names=_COUNTED):
        for event in news:
            batches += _is_batch(event)
            if event.name is EventName.MESSAGE_ATTEMPT:
                reasons[str(event.data.get("reason") or _UNANSWERED)] += 1
        since = news[-1].number
    return reasons, batches


_COUNTED: Final = frozenset({EventName.MESSAGE_PENDING, EventName.MESSAGE_ATTEMPT})


def _is_batch(event: Event) -> bool:
    return event.name is EventName.MESSAGE_PENDING and bool(event.data.get("letters"))


# In Dutch


def rehearsal_text(night: Rehearsed) -> str:
    """Return the page as text."""
    parts = [_head(night), _times(night), sheet(night.summary.balance), _reasons(night), _traffic(night)]
    parts += [_warnings(night), _rests_on(night)]
    return "\n\n".join(part for part in parts if part) + "\n"


def rehearsal_html(night: Rehearsed) -> str:
    """Return the page as HTML, with the plot when matplotlib is there."""
    return page(f"Repetitie van {night.letters}", rehearsal_text(night), night.summary.night)


def _head(night: Rehearsed) -> str:
    if night.unsent:
        finish = f"{dutch(night.unsent)} BRIEVEN NIET BEVESTIGD"
    else:
        finish = "niets te versturen" if night.finished is None else f"klaar om {local(night.finished)}"
    return (
        f"Repetitie van {night.letters}: {finish}\n"
        "Er is niets verstuurd: de andere kant was een simulator op deze computer, de outbox een van de repetitie."
    )


def _times(night: Rehearsed) -> str:
    hours, ended = night.hours, night.summary.night.processed
    window = f", venster {night.window}" if night.window else ""
    rows = [("Begin", f"{local(night.at)}{window}")]
    rows += [("Storing", f"{local(one.start)} tot {local(one.end)}: {_TROUBLES[one.trouble]}") for one in night.outages]
    rows += [("Laatste bevestiging", local(night.finished))] if night.finished else []
    rows += [("Laatste uitslag", local(ended))] if ended else []
    rows += [("Verwacht vooraf", f"{local(night.plan.ends)}, volgens het plan")]
    if hours.outages and night.without_outages is not None:
        lost, waited = _span(hours.line(good=False)), _span(hours.rested(Why.OUTAGE))
        rows += [("Storingen kostten", f"{_span(hours.outages)}: {lost} aan vergeefse verzending en {waited} wachten")]
        rows += [("Zonder storingen", f"ongeveer {local(night.without_outages)}")]
    slowest = hours.slowest()
    if slowest is not None:
        told = f"{local(slowest.began)}, {int(STEP.total_seconds()) // 60} minuten lang {_size(slowest.octets)}"
        rows += [("Traagste moment", told)]
    work = f"lijn {_span(hours.line(good=True))}, eigen werk {_span(hours.worked)}"
    rest = "".join(f", {name} {_span(spent)}" for name, spent in _rested(hours) if spent)
    return _table([*rows, ("De nacht bestond uit", f"{work}{rest}")])


def _rested(hours: Hours) -> list[tuple[str, float]]:
    return [
        ("wachten op het venster", hours.rested(Why.WINDOW)),
        ("storingen", hours.outages),
        ("wachten op antwoorden", hours.rested(Why.ANSWERS)),
        ("tempo van de instellingen", hours.spread),
    ]


def _reasons(night: Rehearsed) -> str:
    lines = [
        f"{dutch(count):>9}  {end:<7}  {rule} ({code})" for (end, code, rule), count in night.summary.reasons.items()
    ]
    lists = [
        f"Papierlijst {'vroeg' if one.early else 'laat'}: {dutch(one.letters)} brieven, {local(one.closed)}"
        for one in night.summary.run.lists
    ]
    return "\n".join([*(["Redenen:", *lines] if lines else []), *lists])


def _traffic(night: Rehearsed) -> str:
    hours, machine = night.hours, night.machine
    rows = [("Berichten", f"{dutch(night.batches)}, samen {_size(hours.octets)} over de lijn, herhalingen meegeteld")]
    again = ", ".join(f"{dutch(count)} x {_reason(code)}" for code, count in Counter(night.retries).most_common())
    rows += [("Opnieuw verstuurd", again or "niets")]
    rows += [("Schijf", f"{_size(machine.disk)} op het hoogtepunt; het plan rekende {_size(night.plan.disk_needed)}")]
    rows += [("Geheugen", f"{_size(machine.memory)} op het hoogtepunt")] if machine.memory else []
    return _table(rows)


def _reason(code: str) -> str:
    return "bevestiging bleef uit" if code == _UNANSWERED else code


def _warnings(night: Rehearsed) -> str:
    told = [
        f"LET OP: {one.field}: {one.rule_in('nl')}; {one.measure}; {one.advice_in('nl')} ({one.code})"
        for one in night.dates
    ]
    if night.complaints:
        told.append(f"LET OP: de simulator had {dutch(night.complaints)} opmerkingen over berichten: meld dit.")
    return "\n".join(told)


def _rests_on(night: Rehearsed) -> str:
    assumed, results = night.assumed, _span(night.assumed.results_after.total_seconds())
    pace = f", ten hoogste {assumed.per_minute} verzendingen per minuut" if assumed.per_minute else ""
    subscribed, left, failing = map(_share, (assumed.subscribed, assumed.left, assumed.failing))
    took = _span(night.machine.seconds)
    return f"""\
Waar dit op rust:
- gemeten op deze computer, met de simulator erop: eigen werk, schijf en geheugen; het duurde {took};
- berekend met een aangenomen lijn: {_size(int(assumed.rate))}/s, één bericht tegelijk{pace};
  bevestigingen en uitslagen kosten haar niets, een vergeefse poging kost de hele verzending;
  waar gewacht zou worden is de klok vooruitgezet;
- uit de CPA: hoe vaak en hoe snel een bericht opnieuw gaat;
- aangenomen: een uitslag {results} na aanbieding; {subscribed} van de burgers is geabonneerd, {left} daarvan
  intussen niet meer, bij {failing} komt eerst TechnischProbleem;
- niet nagebootst: wat Logius doet waar de bronnen zwijgen, en wat er verder op de lijn en de computer gebeurt."""


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{name:<{_WIDTH}}{told}" for name, told in rows)


def _span(seconds: float) -> str:
    """Return a time for people: ``3 uur 12 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} uur {minutes} min"
    return f"{minutes} min" if minutes and not rest else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _size(octets: int) -> str:
    for limit, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if octets >= limit:
            return f"{octets / limit:.1f} {unit}".replace(".", ",")
    return f"{octets} bytes"


def _share(part: float) -> str:
    return f"{100 * part:g} %".replace(".", ",")


# For machines


def rehearsal_json(night: Rehearsed) -> dict[str, object]:
    """Return the figures; moments as they are, times in seconds, sizes in octets."""
    hours, slowest = night.hours, night.hours.slowest()
    return {
        "file": night.letters,
        "ok": night.ok,
        "at": night.at,
        "window": night.window,
        "finished": night.finished,
        "finished_without_outages": night.without_outages,
        "last_result": night.summary.night.processed,
        "ended": night.summary.at,
        "planned": night.plan.ends,
        "outages": [{"start": one.start, "end": one.end, "trouble": str(one.trouble)} for one in night.outages],
        "batches": night.batches,
        "unsent": night.unsent,
        "bytes": hours.octets,
        "retries": dict(night.retries),
        "slowest": None if slowest is None else {"at": slowest.began, "bytes": slowest.octets},
        "seconds": {
            "work": hours.worked,
            "line": hours.line(good=True),
            "outages": hours.outages,
            "window": hours.rested(Why.WINDOW),
            "answers": hours.rested(Why.ANSWERS),
            "pace": hours.spread,
        },
        "paper_lists": [{"early": one.early, "letters": one.letters} for one in night.summary.run.lists],
        "complaints": night.complaints,
        "findings": [one.as_dict() for one in night.dates],
        "measured": {
            "seconds": night.machine.seconds,
            "cpu_seconds": night.machine.processors,
            "memory": night.machine.memory,
            "disk": night.machine.disk,
            "disk_planned": night.plan.disk_needed,
        },
        "assumed": {
            "bytes_per_second": night.assumed.rate,
            "per_minute": night.assumed.per_minute,
            "results_after": night.assumed.results_after.total_seconds(),
            "subscribed": night.assumed.subscribed,
            "left": night.assumed.left,
            "failing": night.assumed.failing,
        },
    }
