"""`mobb desk`: what ended with a person, and their decisions; in Dutch, for who does this work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from mobb_client.berichtenbox.aflevering import Aflevering
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.cli import _given, _show, _ways
from mobb_client.cli.build import print_told, read_letters
from mobb_client.client import Client
from mobb_client.desk import Desk, OnDesk
from mobb_client.errors import BerichtError, FieldError, Finding
from mobb_client.outbox.contract import RunRow
from mobb_client.runs import outcomes
from mobb_client.settings import Settings, load

_reason_option = click.option(
    "--reason", required=True, metavar="TEXT", help="Why, on one line and without a BSN; it is kept for ever."
)
_DECIDED: Final = {"deliver": "staat in de Berichtenbox", "paper": "op de papierlijst", "resend": "gaat opnieuw"}
_Decide = Callable[[Desk, str], Aflevering]


@click.group("desk")
def command() -> None:
    """What ended with a person, and the decisions about it; the reports are in Dutch."""


@command.command("list")
@_given.settings_option
@_show.json_option
@click.pass_context
def list_command(ctx: click.Context, settings_file: Path, as_json: bool) -> None:
    """List the letters and refused rows that wait for a person, each with what is wrong and what to do.

    Exit code 1 when there are any.
    """
    with _client(load(settings_file, keys=False), read_only=True) as client:
        number = client.balance()["human"]
        shown = client.desk.letters("nl")
        rows = outcomes.rows_on_desk(client.outbox)
        if as_json:
            waiting = [_row_json(run, row) for run, row in rows]
            _show.long_document("desk-list", "letters", map(_json, shown), on_desk=number, rows=waiting)
            number += len(waiting)
        else:
            for one in shown:
                _print(one)
            waits = sum(_print_row(run, row) for run, row in rows)
            regels = f", en {waits} van een run zonder eigen brief" if waits else ""
            brieven = "1 brief" if number == 1 else f"{number} brieven"
            number += waits
            _show.verdict(f"{brieven} op het bureau{regels}", good=not number)
    ctx.exit(1 if number else 0)


@command.command("deliver")
@click.argument("kenmerken", nargs=-1, required=True, metavar="KENMERK...")
@_reason_option
@_given.oin_option
@_given.settings_option
@_show.json_option
@click.pass_context
def deliver_command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context, kenmerken: tuple[str, ...], reason: str, oin: str | None, settings_file: Path, as_json: bool
) -> None:
    """Say that letters are in the Berichtenbox after all, as Logius or its Afleverrapport told."""
    _decide(
        ctx,
        "deliver",
        kenmerken,
        lambda desk, kenmerk: desk.deliver(kenmerk, reason, oin=oin),
        settings_file,
        as_json=as_json,
    )


@command.command("paper")
@click.argument("kenmerken", nargs=-1, metavar="KENMERK...")
@click.option(
    "--row",
    "rows",
    multiple=True,
    metavar="RUN:NUMBER",
    help="A refused row of a run that has no letter of its own; may be given more than once.",
)
@_reason_option
@_given.oin_option
@_given.settings_option
@_show.json_option
@click.pass_context
def paper_command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    kenmerken: tuple[str, ...],
    rows: tuple[str, ...],
    reason: str,
    oin: str | None,
    settings_file: Path,
    as_json: bool,
) -> None:
    """Put letters on the paper list, and rows of a run that were refused."""
    if not kenmerken and not rows:
        raise click.UsageError("KENMERK..., or --row RUN:NUMBER")
    named = {word: _row(word) for word in rows}

    def paper(desk: Desk, word: str) -> Aflevering:
        if word in named:
            return desk.paper_row(*named[word], reason, oin=oin)
        return desk.paper(word, reason, oin=oin)

    _decide(ctx, "paper", (*kenmerken, *rows), paper, settings_file, as_json=as_json)


def _row(word: str) -> tuple[str, int]:
    run, _, number = word.rpartition(":")
    if not (run and re.fullmatch("[0-9]{1,12}", number)):
        raise click.UsageError(_show.plain(f"--row RUN:NUMBER, such as aanslag2027:17: {word}"))
    return run, int(number)


@command.command("resend")
@click.argument("kenmerken", nargs=-1, required=True, metavar="KENMERK...")
@_reason_option
@_given.oin_option
@click.option("--letters", type=_given.FILE, help="LETTERS file with the corrected rows of these letters.")
@_given.settings_option
@_show.json_option
@click.pass_context
def resend_command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    kenmerken: tuple[str, ...],
    reason: str,
    oin: str | None,
    letters: Path | None,
    settings_file: Path,
    as_json: bool,
) -> None:
    """Let letters go again under their own BerichtIDs, perhaps corrected; `mobb send` or `mobb work` sends them."""
    corrected = _corrected(letters, kenmerken, oin, load(settings_file, keys=False)) if letters else {}

    def resend(desk: Desk, kenmerk: str) -> Aflevering:
        return desk.resend(corrected.get(kenmerk, kenmerk), reason, oin=oin)

    _decide(ctx, "resend", kenmerken, resend, settings_file, as_json=as_json)


@contextmanager
def _client(settings: Settings, *, read_only: bool = False) -> Iterator[Client]:
    with Client(*settings.senders, outbox=settings.outbox.open(read_only=read_only)) as client:
        yield client


def _decide(  # noqa: PLR0913 - what a decision is made of
    ctx: click.Context, verb: str, kenmerken: Sequence[str], decide: _Decide, settings_file: Path, *, as_json: bool
) -> None:
    """Decide about each letter by itself, and tell what became of it."""
    decided: list[Aflevering] = []
    refused: dict[str, tuple[Finding, ...]] = {}
    with _client(load(settings_file, keys=False)) as client:
        for kenmerk in dict.fromkeys(kenmerken):
            try:
                decided.append(decide(client.desk, kenmerk))
            except (FieldError, BerichtError) as error:
                refused[kenmerk] = _findings(error)
    if as_json:
        told = [{"kenmerk": kenmerk, "findings": _dutch(findings)} for kenmerk, findings in refused.items()]
        _show.document(f"desk-{verb}", letters=_ways.ways_json(decided), refused=told)
    else:
        _print_decided(verb, decided, refused)
    ctx.exit(1 if refused else 0)


def _findings(error: FieldError | BerichtError) -> tuple[Finding, ...]:
    return (error.finding,) if isinstance(error, FieldError) else tuple(one.finding for one in error.errors)


def _dutch(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [finding.as_dict("nl") for finding in findings]


def _corrected(letters: Path, kenmerken: Sequence[str], oin: str | None, settings: Settings) -> Mapping[str, Bericht]:
    """Return the corrected letters by their kenmerken; of several OINs those of the one that was given.

    Raises:
        click.UsageError: the file has not a good row for each of them; what is wrong with rows is printed.
    """
    found = read_letters(letters, settings, None)
    for told in found.refused:
        if told.kenmerk in kenmerken:
            print_told("refused", told)
    good = (one for own in found.letters.values() for one in own)
    rows = {one.kenmerk: one for one in good if oin is None or one.oin is None or str(one.oin) == oin}
    if missing := [kenmerk for kenmerk in kenmerken if kenmerk not in rows]:
        raise click.UsageError(_show.plain(f"no good row in {letters.name}: {', '.join(missing)}"))
    return rows


def _print(one: OnDesk) -> None:
    way = one.aflevering
    since = f" sinds {_show.moment(way.ended)}" if way.ended else ""
    code = f" ({way.reason})" if way.reason else ""
    click.echo(_show.plain(f"{way.kenmerk} ({way.oin}){since}: {one.why}{code}", 2000))
    click.echo(f"    {one.advice}")
    if one.warning:
        click.echo(f"    let op: {one.warning}")


def _print_row(run: str, row: RunRow) -> int:
    """Print a row, and return that it is one."""
    kenmerk = f" ({row.kenmerk})" if row.kenmerk else ""
    click.echo(_show.plain(f"--row {run}:{row.number}{kenmerk}: geweigerd", 2000))
    for finding in row.findings:
        click.echo(_show.plain(f"    {finding.field}: {finding.rule_in('nl')} ({finding.code})", 2000))
        click.echo(f"    {finding.advice_in('nl')}")
    return 1


def _row_json(run: str, row: RunRow) -> dict[str, object]:
    told = {"row": f"{run}:{row.number}", "kenmerk": row.kenmerk, "oin": str(row.oin) if row.oin else None}
    return told | {"findings": _dutch(row.findings)}


def _print_decided(verb: str, decided: Sequence[Aflevering], refused: Mapping[str, Sequence[Finding]]) -> None:
    for way in decided:
        click.echo(_show.plain(f"{way.kenmerk} ({way.oin}): {_DECIDED[verb]}"))
    for kenmerk, findings in refused.items():
        for finding in findings:
            click.echo(_show.plain(f"{kenmerk}: niet gedaan: {finding.rule_in('nl')} ({finding.code})"), err=True)
            click.echo(f"    {finding.advice_in('nl')}", err=True)


def _json(one: OnDesk) -> dict[str, object]:
    told = {"why": one.why, "advice": one.advice, "warning": one.warning}
    return _ways.way_json(one.aflevering) | told
