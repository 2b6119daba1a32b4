"""`mobb preflight`: everything that is wrong with a file of letters, before anything is sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from mobb_client.cli import _given, _show
from mobb_client.cli._judging import judges_of
from mobb_client.errors import BerichtError, ConfigurationError, Finding
from mobb_client.runs.preflight import Preflight, RowReport
from mobb_client.runs.report import KINDS, JsonReport, reported
from mobb_client.runs.report_dutch import dutch_measure
from mobb_client.runs.report_rows import severity
from mobb_client.runs.summary import dutch
from mobb_client.settings import Rules, load_rules, split_command

_MOST_SHOWN: Final = 50


@click.command("preflight")
@click.argument("letters", type=_given.FILE)
@click.option(
    "--settings",
    "settings_file",
    type=_given.FILE,
    help="mobb.toml: [regels], [preflight] and OINs; no key, no CPA.",
)
@click.option(
    "--report",
    "files",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="Write all findings to FILE.csv, .json, .html or .xlsx; may be given more than once.",
)
@click.option("--at", type=click.DateTime(), help="When the letters will be sent, UTC; now when left out.")
@click.option("--berichttype", "berichttypen", multiple=True, help="A code that is active; any other is an error then.")
@click.option("--validator", help="COMMAND that is run with the path of each PDF; exit code 0 means valid.")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), help="For one PDF at most (20).")
@click.option("--processes", type=click.IntRange(1, 64), help="As many as there are processors when left out.")
@_show.json_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    letters: Path,
    settings_file: Path | None,
    files: tuple[Path, ...],
    at: datetime | None,
    berichttypen: tuple[str, ...],
    validator: str | None,
    seconds: float | None,
    processes: int | None,
    as_json: bool,
) -> None:
    """Find everything that is wrong with LETTERS. Nothing is sent or stored; no certificate, no network.

    LETTERS is CSV or JSON Lines. A bad row never stops the others; the exit code is 1 when a letter is refused.
    """
    _refuse_kinds(files)
    rules = load_rules(settings_file) if settings_file else Rules()
    how = replace(
        rules.preflight,
        validator=_command(validator) or rules.preflight.validator,
        berichttypen=berichttypen or rules.preflight.berichttypen,
        processes=processes or rules.preflight.processes,
        seconds=seconds or rules.preflight.seconds,
    )
    judges = judges_of(how)
    moment = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    found = Preflight(letters, judges.criteria(moment, rules.regels, rules.owners), judges)
    rows = _watched(found, letters, files)
    if as_json:
        _print_json(rows, found)
    else:
        _print(rows, found)
    ctx.exit(0 if found.tally.all_good else 1)


def _refuse_kinds(files: Sequence[Path]) -> None:
    for file in files:
        if file.suffix.lower() not in KINDS:
            raise click.UsageError(f"--report ends in one of {', '.join(KINDS)}: {_show.plain(file.name)}")


def _command(given: str | None) -> str | None:
    if given is not None and not split_command(given):
        raise click.UsageError("--validator: a command, its words quoted as for a shell")
    return given


def _watched(found: Preflight, letters: Path, files: Sequence[Path]) -> Iterator[RowReport]:
    """Give the rows on, with a bar on a terminal, and write the reports.

    Raises:
        ConfigurationError: the file cannot be read, or its header row is wrong; or openpyxl is not there.
    """
    try:
        yield from _show.watched(
            reported(found, files), f"rows of {letters.name}", total=found.size, position=lambda: found.position
        )
    except BerichtError as error:  # the header row: wrong usage, and no letter's fault
        raise ConfigurationError(*(one.finding for one in error.errors)) from None
    except ImportError as error:
        raise click.UsageError(f"{error.name} is an extra: pip install 'mobb-client[report]'") from None


def _print(rows: Iterator[RowReport], found: Preflight) -> None:
    """Print the first findings and the summary, in Dutch: a report for who makes the letters."""
    told = 0
    for row in rows:
        for finding in row.findings:
            told += 1
            if told <= _MOST_SHOWN:
                _print_finding(row, finding)
    if told > _MOST_SHOWN:
        click.echo(
            f"... en nog {dutch(told - _MOST_SHOWN)} bevindingen; --report FILE.csv, .html of .xlsx geeft ze alle"
        )
    for line in found.samenvatting().splitlines():
        _show.verdict(line, good=found.tally.all_good)


def _print_finding(row: RowReport, finding: Finding) -> None:
    kenmerk = f" ({row.kenmerk})" if row.kenmerk else ""
    where = f"rij {row.number}{kenmerk} {severity(finding)}: {finding.field}"
    measure = f"gemeten: {dutch_measure(finding.measure)} [{finding.source}] ({finding.code})"
    click.echo(_show.plain(f"{where}: {finding.rule_in('nl')}; {measure}", 2000))
    click.echo(f"    {finding.advice_in('nl')}")


def _print_json(rows: Iterator[RowReport], found: Preflight) -> None:
    sink = sys.stdout.buffer  # a document of half a million rows is not put together first
    report = JsonReport(sink)
    for row in rows:
        report.add(row)
    report.finish(found)
    sink.flush()
