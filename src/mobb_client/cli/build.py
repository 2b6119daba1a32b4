"""`mobb build`: letters become messages in files, with nothing sent and nothing stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import click

from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.rows import Row, read_rows
from mobb_client.cli import _given, _show
from mobb_client.cli._messages import Made, implied_sender, message_json, write_messages
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.sender import Intake, Sender
from mobb_client.settings import Settings, load, load_cpa


@click.command("build")
@click.argument("letters", type=_given.FILE)
@click.option("--settings", "settings_file", type=_given.FILE, help="mobb.toml with the senders.")
@click.option("--cpa", "cpa_file", type=_given.FILE, help="The CPA; instead of settings, or instead of the one there.")
@click.option("--key", type=_given.FILE, help="Key, PEM or PKCS#12; needed when the CPA asks for signatures.")
@click.option("--cert", type=_given.FILE, help="Its certificate, when it is not in the key file.")
@_given.passphrase_option
@click.option("--batch-bytes", type=int, help="Aim for documents of at most this many bytes (default 20,000,000).")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the messages.")
@_show.json_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    letters: Path,
    settings_file: Path | None,
    cpa_file: Path | None,
    key: Path | None,
    cert: Path | None,
    passphrase_file: Path | None,
    batch_bytes: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write one file per ebMS message: MIME headers, blank line, body. Nothing is sent.

    LETTERS is CSV or JSON Lines. A row that is refused does not stop the others; the exit code is 1 then.
    """
    _refuse_used(out)
    now = datetime.now(UTC)
    settings = _settings(_Choice(settings_file, cpa_file, key, cert, passphrase_file), now)
    if batch_bytes is not None:
        settings = _with_batch_bytes(settings, batch_bytes)
    found = read_letters(letters, settings, now)
    made = write_messages(found.letters, out, now, found.refuse)
    (_print_json if as_json else _print)(made, found)
    ctx.exit(1 if found.refused else 0)


def _refuse_used(out: Path) -> None:
    """An old message must never be taken for one of this run."""
    if old := sorted(out.glob("*.mime")):
        raise click.UsageError(f"{out} holds messages already ({_show.plain(old[0].name)}): give an empty folder")


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was given of who sends."""

    settings: Path | None
    cpa: Path | None
    key: Path | None
    cert: Path | None
    passphrase: Path | None


def _settings(given: _Choice, now: datetime) -> Settings:
    """Return the senders of the settings, or the one that the CPA implies; what is given beside settings goes first.

    Raises:
        ConfigurationError: what was given is not in order.
        click.UsageError: it does not go together.
    """
    if given.key is None and (given.cert or given.passphrase):
        raise click.UsageError("--cert and --passphrase-file belong to a --key")
    identity = _given.identity(given.key, given.cert, given.passphrase) if given.key else None
    if given.settings is None:
        if given.cpa is None:
            raise click.UsageError("give --settings, or --cpa (and --key when it asks for signatures)")
        return Settings((implied_sender(load_cpa(given.cpa), identity, now),))
    settings = load(given.settings)
    if given.cpa is None and identity is None:
        return settings
    if len(settings.senders) > 1:
        raise click.UsageError("--cpa and --key are for one sender, and the settings have several")
    sender = settings.senders[0]
    cpa = load_cpa(given.cpa) if given.cpa else sender.cpa
    return replace(settings, senders=(replace(sender, cpa=cpa, identity=identity or sender.identity),))


def _with_batch_bytes(settings: Settings, batch_bytes: int) -> Settings:
    return replace(
        settings,
        senders=tuple(replace(s, regels=replace(s.regels, batch_bytes=batch_bytes)) for s in settings.senders),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What was found in one row: where it stands, which letter it is, and why it is refused or worth a look."""

    row: int
    kenmerk: str
    findings: tuple[Finding, ...]
    oin: str | None = None


@dataclass(slots=True)
class Letters:
    """The rows of a file, each on its sender's pile, or refused, or a repeat: never two, never none."""

    letters: dict[Sender, list[Bericht]]
    rows: dict[UUID, int] = field(default_factory=dict)
    refused: list[Told] = field(default_factory=list)
    warned: list[Told] = field(default_factory=list)
    repeated: int = 0

    def take(self, row: Row, intake: Intake) -> None:
        """Put one row where it belongs."""
        bericht = row.bericht
        if bericht is None:
            self._refuse(row.number, row.kenmerk, row.errors, row.oin)
            return
        try:
            sender = intake.take(bericht)
        except BerichtError as error:
            self._refuse(row.number, row.kenmerk, error.errors, row.oin)
            return
        if sender is None:
            self.repeated += 1
            return
        self.letters[sender].append(bericht)
        self.rows[bericht_id(bericht.oin or sender.oins[0], bericht.kenmerk)] = row.number
        if bericht.warnings:
            self.warned.append(Told(row.number, row.kenmerk, bericht.warnings))

    def refuse(self, letter_id: UUID, error: BerichtError, oin: str | None = None) -> None:
        """Refuse a letter after all: its attachment changed, or the outbox does not take it."""
        self._refuse(self.rows.pop(letter_id), error.kenmerk, error.errors, oin)

    def _refuse(self, row: int, kenmerk: str, errors: Sequence[FieldError], oin: str | None) -> None:
        self.refused.append(Told(row, kenmerk, tuple(error.finding for error in errors), oin))

    @property
    def count(self) -> int:
        """How many rows there are: letters, repeats and refused ones."""
        return len(self.rows) + self.repeated + len(self.refused)


def read_letters(letters: Path, settings: Settings, now: datetime | None) -> Letters:
    """Return the rows of a LETTERS file, sorted out.

    Args:
        letters: the file.
        settings: who sends.
        now: when the letters' dates are judged; None leaves that to the outbox.

    Raises:
        ConfigurationError: the file cannot be read, or its header row is wrong.
    """
    found = Letters({sender: [] for sender in settings.senders})
    intake = Intake(settings.senders, now)
    try:
        with letters.open("rb") as file:
            _take_all(file, letters, found, intake, settings)
    except OSError as error:
        raise _given.unreadable(letters, error.strerror or type(error).__name__) from None
    return found


def _take_all(file: BinaryIO, letters: Path, found: Letters, intake: Intake, settings: Settings) -> None:
    try:
        rows = read_rows(file, folder=letters.parent, name=letters.name, regels=settings.senders[0].regels)
    except BerichtError as error:  # the header row: wrong usage, and no letter's fault
        raise ConfigurationError(*(one.finding for one in error.errors)) from None
    for row in _show.watched(rows, f"rows of {letters.name}"):
        found.take(row, intake)


def _print(made: Sequence[Made], found: Letters) -> None:
    for one in made:
        batch, packet = one.outgoing.batch, one.written.packet
        signed = "signed" if packet.references else "unsigned"
        letters = _show.count(len(batch), "letter")
        _show.heading(f"{one.file}: {letters}, {_show.size(packet.size)}, {signed}, {one.outgoing.route.profile}")
        _show.table([("MessageId", packet.message_id), ("BatchID", batch.batch_id)])
    for what, told in (("refused", found.refused), ("warning", found.warned)):
        for one_row in sorted(told, key=lambda row: row.row):
            print_told(what, one_row)
    _show.verdict(
        f"{_show.count(len(found.rows), 'letter')} in {_show.count(len(made), 'message')}; "
        f"{_show.count(len(found.refused), 'row')} refused, {found.repeated} repeated",
        good=not found.refused,
    )


def print_told(what: str, told: Told) -> None:
    """Print on stderr what was found in one row."""
    kenmerk = f" ({told.kenmerk})" if told.kenmerk else ""
    for finding in told.findings:
        _show.finding(finding, f"row {told.row}{kenmerk} {what}: ")


def _print_json(made: Sequence[Made], found: Letters) -> None:
    _show.document(
        "build",
        ok=not found.refused,
        rows=found.count,
        letters=len(found.rows),
        repeated=found.repeated,
        messages=[message_json(one, found.rows) for one in made],
        refused=[told_json(one) for one in sorted(found.refused, key=lambda row: row.row)],
        warnings=[told_json(one) for one in found.warned],
    )


def told_json(told: Told) -> dict[str, object]:
    """Return what was found in one row as JSON shows it."""
    return {"row": told.row, "kenmerk": told.kenmerk, "findings": [finding.as_dict() for finding in told.findings]}
