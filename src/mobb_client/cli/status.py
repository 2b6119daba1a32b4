"""`mobb status`: the three clocks of every letter, the balance, and what somebody should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Final

import click

from mobb_client.berichtenbox.aflevering import Aflevering, State, reminded
from mobb_client.cli import _given, _show, _ways
from mobb_client.client import Client, utc_now
from mobb_client.errors import FieldError, Finding
from mobb_client.metrics.alarms import alarms
from mobb_client.metrics.vitals import Watch
from mobb_client.settings import load

_MOST: Final = 100
_OPEN: Final = (State.ACKNOWLEDGED, State.SENT, State.BATCHED, State.QUEUED)


@click.command("status")
@click.argument("kenmerken", nargs=-1, metavar="[KENMERK]...")
@_given.settings_option
@_given.oin_option
@click.option("--all", "everything", is_flag=True, help="Every letter there is.")
@_show.json_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    kenmerken: tuple[str, ...],
    settings_file: Path,
    oin: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Say where letters stand: those of these KENMERKEN, or all, or what is overdue, on the desk or open.

    The outbox is only read, and no key is needed. Exit code 1 when something is overdue or on the desk, or an alarm is
    told of the outbox, a certificate or a CPA.
    """
    if kenmerken and everything:
        raise click.UsageError("give KENMERKEN or --all, not both")
    settings = load(settings_file, keys=False)
    now = utc_now()
    with Client(*settings.senders, outbox=settings.outbox.open(read_only=True)) as client:
        if kenmerken:
            found = _of(client, kenmerken, oin, now)
        else:
            told = alarms(Watch(lambda: client.outbox, lambda: settings).look())
            found = replace(_of_all(client, now, everything=everything), alarms=told)
        (_print_json if as_json else _print)(found)
    ctx.exit(0 if found.is_well else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """What is told.

    Args:
        balance: of the whole outbox.
        overdue: how many letters wait for their result for more than a day.
        on_desk: how many wait for a person.
        ways: the letters that are shown.
        more: how many are open or on the desk, and not shown.
        advice: what to do, each finding with how many letters it is about, of those that are shown.
        unknown: kenmerken that no letter has.
        alarms: what is not well with the outbox as a whole.
    """

    balance: dict[str, int]
    overdue: int
    on_desk: int
    ways: Iterable[Aflevering]
    more: int = 0
    advice: Sequence[tuple[Finding, int]] = ()
    unknown: Sequence[str] = ()
    alarms: Sequence[Finding] = ()

    @property
    def closes(self) -> bool:
        """Whether every letter is in exactly one place, and the log of events agrees."""
        counted = dict(self.balance)
        is_told = any(alarm.code == "alarm.balance" for alarm in self.alarms)
        return counted.pop("input") == sum(counted.values()) and not is_told

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look."""
        return self.closes and not (self.overdue or self.on_desk or self.unknown or self.alarms)


def _of(client: Client, kenmerken: Sequence[str], oin: str | None, now: datetime) -> _Status:
    """Return the status of some letters."""
    asked = {kenmerk: client.aflevering(kenmerk, oin=oin) for kenmerk in kenmerken}
    ways = [way for way in asked.values() if way is not None]
    return _Status(
        balance=client.balance(),
        overdue=sum(way.is_overdue(now) for way in ways),
        on_desk=sum(way.state is State.HUMAN for way in ways),
        ways=ways,
        advice=_advice(ways, now),
        unknown=[kenmerk for kenmerk, way in asked.items() if way is None],
    )


def _of_all(client: Client, now: datetime, *, everything: bool) -> _Status:
    """Return the status of all letters; shown are all of them, or the first that somebody may want to know of."""
    balance = client.balance()
    late = list(islice(client.overdue(), _MOST))
    overdue = len(late) + (sum(1 for _ in islice(client.overdue(), _MOST, None)) if len(late) == _MOST else 0)
    ways = list(islice(chain(late, _others(client, now)), _MOST))
    return _Status(
        balance=balance,
        overdue=overdue,
        on_desk=balance["human"],
        ways=client.afleveringen() if everything else ways,
        more=0 if everything else max(0, balance["human"] + balance["open"] - len(ways)),
        advice=_advice(ways, now),
    )


def _others(client: Client, now: datetime) -> Iterator[Aflevering]:
    """Give what is on the desk, and then what is open and not overdue."""
    yield from client.afleveringen(State.HUMAN)
    yield from (way for way in client.afleveringen(*_OPEN) if not way.is_overdue(now))


def _advice(ways: Iterable[Aflevering], now: datetime) -> list[tuple[Finding, int]]:
    """Return what to do about letters that are overdue or on the desk, once for each finding."""
    findings = [reminded(way, now).finding if way.is_overdue(now) else way.finding for way in ways if _is_odd(way, now)]
    counted = Counter(finding.code for finding in findings if finding)
    first = {finding.code: finding for finding in reversed(findings) if finding}
    return [(first[code], number) for code, number in counted.items()]


def _is_odd(way: Aflevering, now: datetime) -> bool:
    return way.state is State.HUMAN or way.is_overdue(now)


def _print(found: _Status) -> None:
    _ways.print_ways(found.ways, dated=True)
    if found.more:
        click.echo(f"  and {found.more} more")
    for kenmerk in found.unknown:
        _show.finding(FieldError("desk.unknown", field="kenmerk", measure="no letter").finding, f"{kenmerk}: ")
    for finding, number in found.advice:
        click.echo(_show.plain(f"{_show.count(number, 'letter')}: {finding.rule} ({finding.code})"))
        click.echo(f"    {finding.advice}")
    for alarm in found.alarms:
        _show.finding(alarm, "alarm: ", err=False)
    told = " + ".join(f"{number} {place}" for place, number in found.balance.items() if place != "input")
    closes = "" if found.closes else "; the balance DOES NOT CLOSE"
    _show.verdict(f"{found.balance['input']} letters = {told}; {found.overdue} overdue{closes}", good=found.is_well)


def _print_json(found: _Status) -> None:
    _show.long_document(
        "status",
        "letters",
        map(_ways.way_json, found.ways),
        ok=found.is_well,
        balance=found.balance,
        closes=found.closes,
        overdue=found.overdue,
        on_desk=found.on_desk,
        more=found.more,
        unknown=found.unknown,
        advice=[{"letters": number, **finding.as_dict()} for finding, number in found.advice],
        alarms=list(map(_alarm_json, found.alarms)),
    )


def _alarm_json(finding: Finding) -> dict[str, str]:
    """Return an alarm in English, with its sentences in Dutch beside it: operators may be mailed this."""
    dutch = finding.as_dict("nl")
    return finding.as_dict() | {"rule_nl": dutch["rule"], "advice_nl": dutch["advice"]}
