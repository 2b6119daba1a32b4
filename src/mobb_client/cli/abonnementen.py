"""`mobb abonnementen`: who is subscribed; in Dutch, for who does this work, and never with a BSN in it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

import click

from mobb_client.berichtenbox.abonnementen import Stand, Variant, Verzoek
from mobb_client.berichtenbox.identiteit import BSN
from mobb_client.berichtenbox.rows import read_rows
from mobb_client.cli import _given, _show
from mobb_client.client import Client, utc_now
from mobb_client.errors import FieldError, FormatError, SoapFaultError, TransportError
from mobb_client.settings import Settings, load

_SHOWN: Final = {True: "geabonneerd", False: "niet geabonneerd", None: "onbekend"}
_LONGEST_LINE: Final = 100
_STDIN: Final = "-"


@click.group("abonnementen")
def command() -> None:
    """Who is subscribed: ask, and see what is known; the reports are in Dutch."""


@dataclass(slots=True)
class _Asked:
    """One citizen that is asked about: a row of a list, or of a LETTERS file with its kenmerk."""

    row: int
    kenmerk: str
    berichttype: str
    bsn: BSN | None
    geabonneerd: bool | None = None

    @property
    def verdict(self) -> str:
        """What is known, in Dutch."""
        return "geweigerd" if self.bsn is None else _SHOWN[self.geabonneerd]


@command.command("check")
@click.argument("letters", required=False, type=_given.FILE)
@click.option("--berichttype", metavar="TYPE", help="Of the letters, for a list of BSNs on stdin.")
@_given.oin_option
@_given.settings_option
@_show.json_option
@click.pass_context
def check_command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    letters: Path | None,
    berichttype: str | None,
    oin: str | None,
    settings_file: Path,
    as_json: bool,
) -> None:
    """Ask by WUS about the citizens of a LETTERS file, or of a list of BSNs on stdin, and remember the answers.

    Exit code 1 when one is unknown or refused, 3 when the service does not answer; what was answered stays known.
    """
    if (letters is None) == (berichttype is None):
        raise click.UsageError("give a LETTERS file, or --berichttype and a list of BSNs on stdin")
    settings = load(settings_file)
    asked = _of_letters(letters) if letters else _of_list(berichttype or "", sys.stdin.buffer)
    failure: Exception | None = None
    with Client(*settings.senders, outbox=settings.outbox.open()) as client:
        try:
            _check(client, asked, oin)
        except (SoapFaultError, TransportError, FormatError) as error:
            failure = error
    _print_checked(asked, as_json=as_json)
    if failure is not None:
        raise failure
    ctx.exit(0 if all(one.geabonneerd is not None for one in asked) else 1)


def _of_letters(file: Path) -> list[_Asked]:
    found = []
    with file.open("rb") as source:
        for row in read_rows(source, folder=file.parent, name=file.name):
            bericht = row.bericht
            berichttype, bsn = (bericht.berichttype, bericht.bsn) if bericht else ("", None)
            found.append(_Asked(row.number, row.kenmerk if bericht else "", berichttype, bsn))
    return found


def _of_list(berichttype: str, source: BinaryIO) -> list[_Asked]:
    return [_Asked(number, "", berichttype, _bsn(text)) for number, text in enumerate(_lines(source), start=1)]


def _lines(source: BinaryIO) -> Iterator[str]:
    """Give the BSNs of a list, a line each; one of eight digits gets its zero, and blank lines are none."""
    while line := source.readline(_LONGEST_LINE):
        if text := line.decode("utf-8", "replace").strip("\ufeff \t\r\n"):
            yield text.zfill(9) if len(text) == 8 else text  # noqa: PLR2004 - a BSN without its zero


def _bsn(text: str) -> BSN | None:
    try:
        return BSN(text)
    except FieldError:
        return None


def _check(client: Client, asked: Sequence[_Asked], oin: str | None) -> None:
    """Ask about all, each BerichtType by itself, and note what is answered."""
    groups: dict[str, dict[BSN, list[_Asked]]] = defaultdict(lambda: defaultdict(list))
    for one in asked:
        if one.bsn is not None:
            groups[one.berichttype][one.bsn].append(one)
    for berichttype, citizens in groups.items():
        for found in client.abonnementen.check(berichttype, citizens, oin=oin):
            for bsn, yes in found.geabonneerd.items():
                for one in citizens[bsn]:
                    one.geabonneerd = yes


def _print_checked(asked: Sequence[_Asked], *, as_json: bool) -> None:
    counts = dict.fromkeys((*_SHOWN.values(), "geweigerd"), 0)
    for one in asked:
        counts[one.verdict] += 1
    if as_json:
        told = [
            {"row": one.row, "kenmerk": one.kenmerk or None, "geabonneerd": one.geabonneerd, "refused": one.bsn is None}
            for one in asked
        ]
        _show.document("abonnementen-check", counts=counts, results=told)
        return
    if asked:
        _show.table([(f"rij {one.row}", one.kenmerk or "-", one.verdict) for one in asked])
    good = not counts["onbekend"] and not counts["geweigerd"]
    _show.verdict(", ".join(f"{count} {word}" for word, count in counts.items() if count) or "niemand", good=good)


@command.command("request")
@click.option("--bsns", metavar="FILE", help="A list of BSNs, one a line; - is stdin.")
@click.option("--mutatie", is_flag=True, help="Only what changed since the last request that was answered.")
@click.option("--sinds", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="With --mutatie: since when.")
@_given.oin_option
@_given.settings_option
@_show.json_option
def request_command(  # noqa: PLR0913, PLR0917 - one argument an option
    bsns: str | None, mutatie: bool, sinds: datetime | None, oin: str | None, settings_file: Path, as_json: bool
) -> None:
    """Store a request to the AbonnementService: for all subscribers, for a list, or for what changed.

    `mobb work` or `mobb send` sends it; the answer comes at our endpoint, within four hours.
    """
    if (bsns and mutatie) or (sinds and not mutatie):
        raise click.UsageError("give --bsns FILE, or --mutatie (perhaps with --sinds), or neither")
    variant = Variant.BSN_LIJST if bsns else Variant.MUTATIE if mutatie else Variant.VOLLEDIG
    since = sinds.replace(tzinfo=ZoneInfo("Europe/Amsterdam")) if sinds else None
    settings = load(settings_file)
    with _opened(bsns) as source, Client(*settings.senders, outbox=settings.outbox.open()) as client:
        made = client.abonnementen.request(variant, bsns=_lines(source), sinds=since, oin=oin)
    if as_json:
        _show.document("abonnementen-request", request=_json(made, utc_now()))
    else:
        _show.verdict(f"verzoek {made.aanvraag.verzoek_id} staat klaar: {_in_words(made, utc_now())}", good=True)


def _opened(bsns: str | None) -> BinaryIO:
    """Return a list of BSNs, opened; an empty one when there is none."""
    if bsns is None:
        return BytesIO()
    try:
        return sys.stdin.buffer if bsns == _STDIN else Path(bsns).open("rb")
    except OSError as error:
        raise _given.unreadable(Path("--bsns"), error.strerror or type(error).__name__) from None


@command.command("status")
@_given.settings_option
@_show.json_option
@click.pass_context
def status_command(ctx: click.Context, settings_file: Path, as_json: bool) -> None:
    """Say of each OIN who is known to be subscribed, and of each request what became of it; the outbox is only read.

    Exit code 1 when an answer is late or cannot be read.
    """
    settings, now = load(settings_file, keys=False), utc_now()
    with Client(*settings.senders, outbox=settings.outbox.open(read_only=True)) as client:
        stand = _stand(client, settings)
        verzoeken = client.abonnementen.verzoeken()
    wrong = [one for one in verzoeken if _is_wrong(one, now)]
    if as_json:
        told = {oin: _json_of(one) for oin, one in stand.items()}
        _show.document("abonnementen-status", ok=not wrong, oins=told, requests=[_json(one, now) for one in verzoeken])
    else:
        _print_status(stand, verzoeken, now)
        _show.verdict(f"{len(wrong)} verzoeken vragen aandacht" if wrong else "in orde", good=not wrong)
    ctx.exit(1 if wrong else 0)


def _stand(client: Client, settings: Settings) -> dict[str, Stand]:
    return {str(oin): client.abonnementen.stand(oin) for sender in settings.senders for oin in sender.oins}


def _is_wrong(verzoek: Verzoek, now: datetime) -> bool:
    return verzoek.is_late(now) or (verzoek.gemeld is not None and verzoek.verwerkt is None)


def _print_status(stand: dict[str, Stand], verzoeken: Iterable[Verzoek], now: datetime) -> None:
    rows = []
    for oin, one in stand.items():
        age = f"oudste {_age(now - one.oudste)}" if one.oudste else "niets bekend"
        told = f"{one.geabonneerd} geabonneerd, {one.niet} niet, {one.verlopen} verlopen"
        rows.append((oin, told, age))
    _show.table(rows)
    for verzoek in verzoeken:
        click.echo(f"  verzoek {verzoek.aanvraag.verzoek_id}: {_in_words(verzoek, now)}")


def _in_words(verzoek: Verzoek, now: datetime) -> str:
    what = f"{verzoek.aanvraag.variant}{f' van {verzoek.aantal}' if verzoek.aantal else ''}"
    asked = f"{what}, gevraagd {_age(now - verzoek.gevraagd)} geleden"
    if verzoek.verwerkt is not None:
        return f"{asked}, {verzoek.feiten} gegevens verwerkt"
    if verzoek.beantwoord is not None:
        return f"{asked}, beantwoord en nog niet gelezen"
    return f"{asked}, te laat" if verzoek.is_late(now) else f"{asked}, antwoord binnen vier uur"


def _age(age: timedelta) -> str:
    """Return how long ago something was: ``3 dagen 4 uur``."""
    hours, minutes = divmod(max(int(age.total_seconds()), 0) // 60, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} dag{'en' if days > 1 else ''} {hours} uur"
    return f"{hours} uur {minutes} min" if hours else f"{minutes} min"


def _json_of(stand: Stand) -> dict[str, object]:
    return {
        "subscribed": stand.geabonneerd,
        "not_subscribed": stand.niet,
        "expired": stand.verlopen,
        "oldest": stand.oudste,
    }


def _json(verzoek: Verzoek, now: datetime) -> dict[str, object]:
    return {
        "verzoek_id": verzoek.aanvraag.verzoek_id,
        "oin": verzoek.aanvraag.oin,
        "variant": verzoek.aanvraag.variant,
        "since": verzoek.aanvraag.sinds,
        "bsns": verzoek.aantal,
        "message_id": verzoek.message_id,
        "asked": verzoek.gevraagd,
        "answered": verzoek.beantwoord,
        "stored": verzoek.verwerkt,
        "facts": verzoek.feiten,
        "late": verzoek.is_late(now),
        "wrong": _is_wrong(verzoek, now),
    }
