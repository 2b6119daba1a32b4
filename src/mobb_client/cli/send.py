"""`mobb send`: letters on their way to a configured counterpart, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.cli import _given, _show, _ways
from mobb_client.cli.build import Letters, print_told, read_letters, told_json
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, Finding
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.sender import Sender
from mobb_client.settings import Settings, load
from mobb_client.tally import SendReport
from mobb_client.transport.listener import Listener

_REACHED = {State.ACKNOWLEDGED, State.DELIVERED, State.PAPER, State.HUMAN}


@click.command("send")
@click.argument("letters", type=_given.FILE)
@click.option("--settings", "settings_file", type=_given.FILE, required=True, help="mobb.toml with the senders.")
@click.option("--listen", metavar="HOST:PORT", help="Run our endpoint there, and wait for the results.")
@click.option("--wait", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to wait at most.")
@_show.json_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context, letters: Path, settings_file: Path, listen: str | None, wait: float, as_json: bool
) -> None:
    """Send letters, and wait for what the CPA promises.

    With --listen our endpoint runs for as long as the command does, and every letter is waited for until its ending.
    Without it only an acknowledgment in the HTTP response can come in. Letters are kept in memory for now: when the
    command ends, so does what it knows; the BerichtIDs follow from the kenmerken, so it may be run again.
    """
    settings = load(settings_file)
    found = read_letters(letters, settings, datetime.now(UTC))
    with Client(*settings.senders, outbox=MemoryOutbox()) as client, _listening(client, settings, listen):
        client.enqueue(bericht for own in found.letters.values() for bericht in own)
        report = _ways.work(client, lambda: _is_done(client, until_end=listen is not None), wait)
        ways = list(client.afleveringen())
    (_print_json if as_json else _print)(ways, found)
    ctx.exit(_exit_code(ways, found, report, until_end=listen is not None))


@contextmanager
def _listening(client: Client, settings: Settings, listen: str | None) -> Iterator[None]:
    """Run our endpoint where it was asked for, with the first sender's certificate."""
    if listen is None:
        yield
        return
    host, _, port = listen.rpartition(":")
    if not port.isascii() or not port.isdigit():
        raise click.UsageError("--listen takes HOST:PORT")
    identity = settings.senders[0].tls or settings.senders[0].identity
    if identity is None:
        raise ConfigurationError(Finding("key.needed", field="key", measure="no key"))
    with Listener(client.receive, identity=identity, anchors=settings.anchors, host=host, port=int(port)):
        yield


def _is_done(client: Client, *, until_end: bool) -> bool:
    ways = client.afleveringen()
    return all(way.is_ended if until_end else way.state in _REACHED for way in ways)


def _exit_code(ways: Sequence[Aflevering], found: Letters, report: SendReport, *, until_end: bool) -> int:
    """Return 3 when nothing got through, 1 when a letter is not where it should be, else 0."""
    if report.unreachable and not any(way.state in _REACHED for way in ways):
        return 3
    well = {State.DELIVERED, State.PAPER} if until_end else _REACHED - {State.HUMAN}
    return 0 if not found.refused and all(way.state in well for way in ways) else 1


def _print(ways: Sequence[Aflevering], found: Letters) -> None:
    if ways:
        _ways.print_ways(ways)
    for one in sorted(found.refused, key=lambda row: row.row):
        print_told("refused", one)
    ended = {state: sum(way.state is state for way in ways) for state in State}
    told = ", ".join(f"{count} {state}" for state, count in ended.items() if count) or "no letter"
    good = not found.refused and not ended[State.HUMAN]
    _show.verdict(f"{told}; {_show.count(len(found.refused), 'row')} refused", good=good)


def _print_json(ways: Sequence[Aflevering], found: Letters) -> None:
    refused = [told_json(one) for one in sorted(found.refused, key=lambda row: row.row)]
    _show.document("send", letters=_ways.ways_json(ways), refused=refused, repeated=found.repeated)


def sender_named(settings: Settings, oin: str | None) -> Sender:
    """Return the sender with an OIN, or the only one.

    Raises:
        click.UsageError: there is none, or none is named and there are several.
    """
    own = [one for one in settings.senders if oin is None or oin in map(str, one.oins)]
    if len(own) != 1:
        raise click.UsageError(
            "give --oin: the settings have several senders" if oin is None else "no sender has that OIN"
        )
    return own[0]
