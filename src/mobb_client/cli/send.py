"""`mobb send`: letters on their way to a configured counterpart, and what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import click

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.bijlage import error_of
from mobb_client.cli import _given, _show, _ways
from mobb_client.cli.build import Letters, Told, print_told, read_letters, told_json
from mobb_client.client import Client
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.outbox.contract import Key, Outbox
from mobb_client.sender import Sender
from mobb_client.settings import Settings, load
from mobb_client.tally import SendReport
from mobb_client.transport.listener import Listener

_REACHED: Final = frozenset({State.ACKNOWLEDGED, State.DELIVERED, State.PAPER, State.HUMAN})
_AT_ONCE: Final = 1000
_Item = TypeVar("_Item")


@click.command("send")
@click.argument("letters", type=_given.FILE)
@_given.settings_option
@click.option("--listen", metavar="HOST:PORT", help="Run our endpoint there, and wait for the results.")
@click.option("--wait", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to wait at most.")
@_show.json_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context, letters: Path, settings_file: Path, listen: str | None, wait: float, as_json: bool
) -> None:
    """Send letters, and wait for what the CPA promises.

    With --listen our endpoint runs for as long as the command does, and every letter is waited for until its ending.
    Without it only an acknowledgment in the HTTP response can come in. Letters are in the outbox of the settings: run
    it again, after a crash as well, and it goes on where it was. Rows that are refused do not stop the others, and are
    on the desk.
    """
    settings = load(settings_file)
    found = read_letters(letters, settings, None)
    outbox = settings.outbox.open()
    pace = settings.sending
    client = Client(*settings.senders, outbox=outbox, parallel=pace.parallel, per_minute=pace.per_minute)
    with client, listening(client, settings, listen):
        given = _hand_over(client, outbox, found)
        done = _REACHED if listen is None else frozenset({State.DELIVERED, State.PAPER, State.HUMAN})
        report = _ways.work(client, _Look(outbox, given.keys, done), wait)
        ways = list(given.ways())
    (_print_json if as_json else _print)(ways, found, given)
    _print_blocked(report)
    ctx.exit(_exit_code(ways, found, report, until_end=listen is not None))


@contextmanager
def listening(client: Client, settings: Settings, listen: str | None) -> Iterator[None]:
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


def _pages(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


# Into the outbox


@dataclass(slots=True)
class _HandedOver:
    """What became of the rows of a file.

    Args:
        outbox: where they are.
        keys: of the letters.
        on_desk: rows that were refused, and are a person's.
        apart: rows that were refused, and name no letter of their own.
    """

    outbox: Outbox
    keys: list[Key] = field(default_factory=list)
    on_desk: list[Told] = field(default_factory=list)
    apart: list[Told] = field(default_factory=list)

    def ways(self) -> Iterator[Aflevering]:
        """Give where the letters stand."""
        for page in _pages(self.keys):
            yield from self.outbox.ways(page)


def _hand_over(client: Client, outbox: Outbox, found: Letters) -> _HandedOver:
    """Store the letters, and put on the desk what was refused.

    Each thousand is a transaction: what was handed over before a crash is there when the file comes again.
    """
    given = _HandedOver(outbox)
    for sender, own in found.letters.items():
        for page in _pages(own):
            given.keys += [way.key for way in _enqueue(client, sender, page, found)]
    for told in found.refused:
        (given.on_desk if _is_on_desk(client, told) else given.apart).append(told)
    return given


def _enqueue(client: Client, sender: Sender, berichten: Sequence[Bericht], found: Letters) -> list[Aflevering]:
    """Store letters; those that are refused are searched for by halves, and do not stop the others."""
    try:
        return client.enqueue(berichten)
    except BerichtError as error:
        if len(berichten) == 1:
            oin = berichten[0].oin or sender.oins[0]
            found.refuse(bericht_id(oin, berichten[0].kenmerk), error, str(oin))
            return []
    half = len(berichten) // 2
    return [way for part in (berichten[:half], berichten[half:]) for way in _enqueue(client, sender, part, found)]


def _is_on_desk(client: Client, told: Told) -> bool:
    """Put a refused row on the desk, and tell whether it could be."""
    try:
        return client.desk.refuse(told.kenmerk, list(map(error_of, told.findings)), oin=told.oin) is not None
    except FieldError:  # no kenmerk, or no OIN of ours: it names no letter
        return False


# Until it is done


class _Look:
    """Tells whether every letter has come to one of some states; it only looks at those that had not."""

    def __init__(self, outbox: Outbox, keys: Sequence[Key], states: frozenset[State]) -> None:
        self._outbox = outbox
        self._left: deque[Sequence[Key]] = deque(_pages(keys))
        self._states = states

    def __call__(self) -> bool:
        """Look, as far as the first page on which a letter has not."""
        while self._left:
            page = [way.key for way in self._outbox.ways(self._left.popleft()) if way.state not in self._states]
            if page:
                self._left.appendleft(page)
                return False
        return True


def _exit_code(ways: Sequence[Aflevering], found: Letters, report: SendReport, *, until_end: bool) -> int:
    """Return 3 when nothing got through, 2 when nothing may, 1 when a letter is not where it should be, else 0."""
    if not any(way.state in _REACHED for way in ways):
        if report.unreachable:
            return 3
        if report.blocked:
            return 2
    well = {State.DELIVERED, State.PAPER} if until_end else _REACHED - {State.HUMAN}
    return 0 if not found.refused and all(way.state in well for way in ways) else 1


def _print_blocked(report: SendReport) -> None:
    for error in report.blocked.values():
        for finding in error.findings if isinstance(error, ConfigurationError) else ():
            _show.finding(finding, "not sent: ")


def _print(ways: Sequence[Aflevering], found: Letters, given: _HandedOver) -> None:
    if ways:
        _ways.print_ways(ways)
    for one in sorted(found.refused, key=lambda row: row.row):
        print_told("refused", one)
    ended = {state: sum(way.state is state for way in ways) for state in State}
    told = ", ".join(f"{count} {state}" for state, count in ended.items() if count) or "no letter"
    good = not found.refused and not ended[State.HUMAN]
    desk = f", {len(given.on_desk)} of them on the desk" if found.refused else ""
    _show.verdict(f"{told}; {_show.count(len(found.refused), 'row')} refused{desk}", good=good)


def _print_json(ways: Sequence[Aflevering], found: Letters, given: _HandedOver) -> None:
    rows = sorted([(told, True) for told in given.on_desk] + [(told, False) for told in given.apart], key=_row_of)
    _show.document(
        "send",
        rows=found.count,
        letters=_ways.ways_json(ways),
        refused=[told_json(told) | {"on_desk": on_desk} for told, on_desk in rows],
        repeated=found.repeated,
    )


def _row_of(told: tuple[Told, bool]) -> int:
    return told[0].row


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
