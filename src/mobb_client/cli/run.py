"""`mobb run`: a whole file in one night, and the sheet that closes in the morning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.cli import _given, _show
from mobb_client.cli._judging import judges_of
from mobb_client.cli.send import listening
from mobb_client.cli.work import Signalled, until_signalled
from mobb_client.client import Client, utc_now
from mobb_client.errors import ConfigurationError, FieldError
from mobb_client.fresh import Fresh
from mobb_client.outbox.contract import Hold, Outbox
from mobb_client.runs import outcomes
from mobb_client.runs import run as runs
from mobb_client.runs.judging import has_pikepdf
from mobb_client.runs.night import summary_html
from mobb_client.runs.plan import Plan, plan
from mobb_client.runs.report import appearing
from mobb_client.runs.run import Balance, Phase, Progress, Run, Until
from mobb_client.runs.window import ZONE, Window
from mobb_client.settings import PreflightSettings, Settings, load

_EVERY: Final = 60.0
"""Seconds between two lines in a log when nothing else changes."""

_OUT: Final = click.Path(dir_okay=False, path_type=Path)

_listen_option = click.option("--listen", metavar="HOST:PORT", help="Run our endpoint there as well.")
_until_option = click.option(
    "--until",
    type=click.Choice(["acknowledged", "ended"]),
    default="ended",
    show_default=True,
    help="Go on until every letter was acknowledged, or came to its ending.",
)
_poll_option = click.option(
    "--poll", type=click.FloatRange(min=0.05), default=runs.POLL, show_default=True, help="Seconds between looks."
)
_oin_option = click.option("--oin", metavar="OIN", help="Only the letters of this OIN.")


class _Runs(click.Group):
    """Loads the rehearsal, and the simulator with it, when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the alphabet."""
        return sorted([*super().list_commands(ctx), "rehearse"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, or None for an unknown name."""
        if cmd_name != "rehearse":
            return super().get_command(ctx, cmd_name)
        from mobb_client.cli.rehearse import command as rehearse  # noqa: PLC0415 - when it is asked for

        return rehearse


@click.group("run", cls=_Runs)
def command() -> None:
    """A whole file in one night: read, sent, followed, and known row by row.

    What a run has done is in the outbox: a run that was killed goes on with `resume`, and nothing is sent twice.
    """


@command.command("start")
@click.argument("name")
@click.argument("letters", type=_given.FILE)
@_given.settings_option
@click.option("--window", metavar="FROM-TO", help="Send between these times only, in Dutch time: 21:00-06:00.")
@click.option("--dry-run", is_flag=True, help="Say what it will take, and what is in its way; store and send nothing.")
@click.option(
    "--paper-early",
    type=_OUT,
    metavar="FILE",
    help="Write who is on paper before anything is sent; they are on this list and no other.",
)
@_listen_option
@_until_option
@_poll_option
@_show.json_option
@click.pass_context
def start(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    name: str,
    letters: Path,
    settings_file: Path,
    window: str | None,
    dry_run: bool,
    paper_early: Path | None,
    listen: str | None,
    until: Until,
    poll: float,
    as_json: bool,
) -> None:
    """Start a run of the rows in LETTERS, and carry it out.

    A row that is refused does not stop the others: it is on the desk, or in the report when no letter can have its
    kenmerk. The same file or the same name is not started twice. First it says what the night will take; what cannot
    end well (a certificate that expires before the end, a disk that is too small) is not begun.
    """
    night = _Night(settings_file, listen, until, poll, as_json)
    at = window_of(window)
    with night.client() as client:
        runs.check_new(client.outbox, name, letters)
        judges = judges_of(night.preflight)
        found = plan(letters, client.senders, client.outbox, client.now(), window=at, judges=judges)
        _print_plan(found, name, as_json)
        if dry_run:
            ctx.exit(2 if found.errors else 1 if found.refused_rows or found.findings else 0)
        found.check()
        runs.begin(client.outbox, name, letters, client.now(), at)
        ctx.exit(night.carry_out(client, name, lambda: _write_early(client, name, paper_early)))


@command.command("resume")
@click.argument("name")
@_given.settings_option
@_oin_option
@_listen_option
@_until_option
@_poll_option
@_show.json_option
@click.pass_context
def resume(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    name: str,
    settings_file: Path,
    oin: str | None,
    listen: str | None,
    until: Until,
    poll: float,
    as_json: bool,
) -> None:
    """Go on with a run: after a crash, a reboot or a stop. With --oin only that stop is taken away."""
    night = _Night(settings_file, listen, until, poll, as_json)
    with night.client() as client:
        runs.resume(client.outbox, name, _oin(oin))
        ctx.exit(night.carry_out(client, name))


@command.command("stop")
@click.argument("name")
@_given.settings_option
@_oin_option
@_show.json_option
def stop(name: str, settings_file: Path, oin: str | None, as_json: bool) -> None:
    """Let nothing more of a run go, on whatever machine. What is in a message goes on; the rest waits for `resume`."""
    with _opened(load(settings_file, keys=False), read_only=False) as outbox:
        balance = runs.stop(outbox, name, _oin(oin))
        _print_balance(outbox, name, balance, as_json)


@command.command("status")
@click.argument("name")
@_given.settings_option
@_show.json_option
@click.pass_context
def status(ctx: click.Context, name: str, settings_file: Path, as_json: bool) -> None:
    """Say where the rows of a run are. Exit code 1 when a person must look at some of them."""
    with _opened(load(settings_file, keys=False), read_only=True) as outbox:
        balance = runs.balance_of(outbox.run_counts(runs.find(outbox, name).name))
        _print_balance(outbox, name, balance, as_json)
    ctx.exit(_exit_code(balance))


@command.command("report")
@click.argument("name")
@_given.settings_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the files of the report.")
@click.option("--paper", is_flag=True, help="Make a paper list of who ended on paper since the last one.")
@click.option("--cents", type=click.IntRange(min=0), help="What a letter on paper costs, to tell what was saved.")
@click.pass_context
def report(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context, name: str, settings_file: Path, out: Path | None, paper: bool, cents: int | None
) -> None:
    """Say what a run came to, in Dutch, and write the files: at any moment, and again.

    uitkomsten.csv has a row for each row of the input, samenvatting.txt and .html are one page, and papier-N-laat.csv
    are the paper lists: one that was made never changes, and each letter is on one.
    """
    if paper and out is None:
        raise click.UsageError("--paper writes a list: give --out")
    with _opened(load(settings_file, keys=False), read_only=not paper) as outbox:
        if paper:
            outcomes.close_paper_list(outbox, name, utc_now())
        summary = outcomes.summarize(outbox, name, utc_now())
        if out is not None:
            _write_report(outbox, summary, out, cents)
    click.echo(outcomes.summary_text(summary, cents), nl=False)
    ctx.exit(_exit_code(summary.balance))


def _write_report(outbox: Outbox, summary: outcomes.Summary, out: Path, cents: int | None) -> None:
    name = summary.run.name
    out.mkdir(parents=True, exist_ok=True)
    outcomes.write_outcomes(outbox, name, out / "uitkomsten.csv")
    for made in summary.run.lists:
        outcomes.write_paper_list(outbox, name, made.number, out / outcomes.name_of(made))
    pages = {
        "samenvatting.txt": outcomes.summary_text(summary, cents),
        "samenvatting.html": summary_html(summary, cents),
    }
    for file, text in pages.items():
        with appearing(out / file) as sink:
            sink.write(text.encode())


def _write_early(client: Client, name: str, file: Path | None) -> None:
    """Write the early list: who cannot be reached is printed before six, and the rest is waited for."""
    if file is None:
        return
    made = outcomes.close_paper_list(client.outbox, name, client.now(), early=True)
    outcomes.write_paper_list(client.outbox, name, made.number if made else 0, file)


def window_of(given: str | None) -> Window | None:
    """Return the window that was given. Raises ConfigurationError: ``run.window``."""
    try:
        return None if given is None else Window.parse(given)
    except FieldError as error:
        raise ConfigurationError(error.finding) from None


def _oin(given: str | None) -> OIN | None:
    try:
        return None if given is None else OIN(given)
    except FieldError as error:
        raise ConfigurationError(error.finding) from None


@contextmanager
def _opened(settings: Settings, *, read_only: bool) -> Iterator[Outbox]:
    outbox = settings.outbox.open(read_only=read_only)
    try:
        yield outbox
    finally:
        outbox.close()


def _exit_code(balance: Balance) -> int:
    return 0 if balance.closes and not balance.human else 1


def _print_plan(found: Plan, name: str, as_json: bool) -> None:
    """Say what a run will take; its errors are told when it is refused, or here."""
    if as_json:
        _show.line("run-plan", **_plan_json(found, name))
        return
    speed = f"{_show.size(int(found.bytes_per_second))}/s, {'measured' if found.is_measured else 'assumed'}"
    free = "" if found.disk_free is None else f" of {_show.size(found.disk_free)} free"
    _show.heading(f"plan of run {name}")
    _show.table(
        [
            (
                "rows",
                f"{found.rows:,}: letters {found.letters:,}, again {found.again:,}, refused {found.refused_rows:,}",
            ),
            *((str(oin), _show.count(count, "letter")) for oin, count in found.by_oin.items()),
            ("messages", f"{found.batches:,}, together {_show.size(found.octets)}"),
            ("sent", f"from {_local(found.starts)} to about {_local(found.ends)}, at {speed}"),
            ("disk", f"{_show.size(found.disk_needed)}{free}"),
            *(() if has_pikepdf() else (("PDFs", "not looked into: pip install 'mobb-client[pdf]'"),)),
            *((f"refused {code}", _refused(found, code)) for code, _ in found.refused.most_common()),
        ]
    )
    for one in found.findings:
        _show.finding(one, f"{one.severity}: ")


def _refused(found: Plan, code: str) -> str:
    """Return how many rows break a rule, and the rule, with what is possible at most."""
    return f"{found.refused[code]:,}: {found.examples[code].rule_in('en')}"


def _plan_json(found: Plan, name: str) -> dict[str, object]:
    plain = (
        "rows",
        "letters",
        "again",
        "refused_rows",
        "batches",
        "octets",
        "bytes_per_second",
        "is_measured",
        "starts",
    )
    more = ("ends", "disk_needed", "disk_free")
    return {
        "run": name,
        **{one: getattr(found, one) for one in (*plain, *more)},
        "refused": dict(found.refused),
        "examples": {code: finding.as_dict() for code, finding in found.examples.items()},
        "by_oin": {str(oin): count for oin, count in found.by_oin.items()},
        "findings": [one.as_dict() for one in found.findings],
    }


# Carried out


class _Night:
    """Carries out a run, and says how far it is."""

    def __init__(self, file: Path, listen: str | None, until: Until, poll: float, as_json: bool) -> None:
        self._poll = poll
        self._settings = load(file)
        self._fresh = Fresh(file, self._settings)
        self._listen = listen
        self._until: Until = until
        self._as_json = as_json

    @property
    def preflight(self) -> PreflightSettings:
        """How its rows are judged."""
        return self._settings.preflight

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Give a client on the outbox of the settings."""
        settings, pace = self._settings, self._settings.sending
        outbox = settings.outbox.open()
        with Client(*settings.senders, outbox=outbox, parallel=pace.parallel, per_minute=pace.per_minute) as client:
            yield client

    def carry_out(self, client: Client, name: str, on_read: Callable[[], object] | None = None) -> int:
        """Carry out a run, and return the exit code."""
        told = _Told(self._as_json)
        last: Progress | None = None
        with until_signalled() as signalled, listening(client, self._settings, self._listen):
            signalled.listeners.append(client.stop)
            try:
                run = Run(client, name, judges=judges_of(self._settings.preflight))
                for last in run.carry_out(self._until, poll=self._poll):
                    told.progress(last)
                    if last.phase is Phase.READ and on_read is not None:
                        on_read()
                    self._reread(client)
            finally:
                told.close()
        return _ended(last, signalled)

    def _reread(self, client: Client) -> None:
        """Use the settings as they are now, when one of their files changed; wrong ones are not used (B50, B57)."""
        try:
            if (settings := self._fresh.look()) is not None:
                client.use(*settings.senders)
        except ConfigurationError as error:
            for finding in error.findings:
                _show.finding(finding, "mobb: ")


def _ended(last: Progress | None, signalled: Signalled) -> int:
    if signalled.number is not None:
        return signalled.exit_code
    return 1 if last is None else _exit_code(last.balance)


class _Told:
    """Says how far a run is: one line on a terminal that changes, and lines in a log when something did."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._bar = _show.Line()
        self._shown: tuple[object, ...] = ()
        self._again = 0.0
        self._blocked: set[str] = set()

    def progress(self, one: Progress) -> None:
        """Say it, when it is news or was not said for a while."""
        text = progress_text(one)
        if self._bar.is_shown:
            self._bar.show(text)
        news = (one.phase is Phase.READING, one.phase is Phase.DONE, tuple(one.holds), one.trouble)
        if news != self._shown or time.monotonic() >= self._again:
            self._shown, self._again = news, time.monotonic() + _EVERY
            if self._as_json:
                _show.line("run", **progress_json(one))
            elif not self._bar.is_shown or one.phase is Phase.DONE:
                click.echo(f"{_show.moment(one.at)}  {_show.plain(text)}")
        self._tell_blocked(one.report.blocked)

    def _tell_blocked(self, blocked: Mapping[str, Exception]) -> None:
        for cpa_id, error in blocked.items():
            if cpa_id not in self._blocked:
                self._blocked.add(cpa_id)
                for finding in error.findings if isinstance(error, ConfigurationError) else ():
                    _show.finding(finding, f"{cpa_id}: ")

    def close(self) -> None:
        """Take the line away."""
        self._bar.close()


def progress_text(one: Progress) -> str:
    """Return on one line how far a run is."""
    balance = one.balance
    ended = balance.input - balance.open
    share = ended * 100 // balance.input if balance.input else 0
    words = [f"{one.name}: {share} %", f"{ended:,} of {balance.input:,} ended", _places(balance)]
    if one.phase in {Phase.READING, Phase.READ}:
        words = [f"{one.name}: {balance.rows:,} rows read", f"{balance.refused:,} refused"]
    if one.bytes_per_second:
        words.append(f"{_show.size(int(one.bytes_per_second))}/s")
    if one.finish is not None and one.phase in {Phase.SENDING, Phase.WAITING}:
        words.append(f"sent by about {_local(one.finish)}")
    words += [f"paused until {_local(until)}" for until in sorted(one.report.paused.values())[-1:]]
    words += [f"held: {_hold(hold)}" for hold in one.holds]
    words += [one.trouble] if one.trouble else []
    return "  ".join(words)


def _kinds(balance: Balance) -> str:
    return f"{balance.rows:,}: letters {balance.letters:,}, repeats {balance.repeats:,}, refused {balance.refused:,}"


def _places(balance: Balance) -> str:
    return f"delivered {balance.delivered:,}, paper {balance.paper:,}, human {balance.human:,}, open {balance.open:,}"


def _hold(hold: Hold) -> str:
    return hold.why if hold.oin is None else f"{hold.why} of {hold.oin}"


def _local(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%d-%m %H:%M}"


def progress_json(one: Progress) -> dict[str, object]:
    """Return how far a run is as JSON shows it."""
    return {
        "run": one.name,
        "at": one.at,
        "phase": str(one.phase),
        **balance_json(one.balance),
        "sent": one.report.counts,
        "holds": [{"why": hold.why, "oin": str(hold.oin) if hold.oin else None} for hold in one.holds],
        "bytes_per_second": one.bytes_per_second,
        "finish": one.finish,
        "paused": dict(one.report.paused),
        "trouble": one.trouble,
    }


def balance_json(balance: Balance) -> dict[str, object]:
    """Return a balance as JSON shows it."""
    places = {name: getattr(balance, name) for name in ("letters", "repeats", "refused")}
    ends = {name: getattr(balance, name) for name in ("delivered", "paper", "human", "open")}
    return {"rows": balance.rows, **places, "input": balance.input, **ends, "closes": balance.closes}


def _print_balance(outbox: Outbox, name: str, balance: Balance, as_json: bool) -> None:
    run, holds = runs.find(outbox, name), outbox.holds(name)
    if as_json:
        held = [{"why": hold.why, "oin": str(hold.oin) if hold.oin else None} for hold in holds]
        _show.document(
            "run-status", run=name, started=run.started, is_read=run.is_read, holds=held, **balance_json(balance)
        )
        return
    _show.heading(f"run {name}, started {_show.moment(run.started)}" + ("" if run.is_read else ", not read to its end"))
    _show.table(
        [
            (
                "rows",
                _kinds(balance),
            ),
            ("input", f"{balance.input:,}: {_places(balance)}"),
            *(("held", _hold(hold)) for hold in holds),
        ]
    )
    _show.verdict("the balance closes" if balance.closes else "the balance does not close", good=balance.closes)
