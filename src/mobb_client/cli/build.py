"""`mobb build`: letters become messages in files, with nothing sent and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.rows import Row, read_rows
from mobb_client.cli import _given, _show
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.pki.identity import Identity
from mobb_client.sender import ACTION, Intake, Outgoing, Sender, Written
from mobb_client.settings import Settings, load


@click.command("build")
@click.argument("letters", type=_given.FILE)
@click.option("--settings", "settings_file", type=_given.FILE, help="mobb.toml with the senders.")
@click.option("--cpa", "cpa_file", type=_given.FILE, help="The CPA, instead of settings.")
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
    settings = load(settings_file) if settings_file else _settings(cpa_file, key, cert, passphrase_file)
    if batch_bytes is not None:
        settings = _with_batch_bytes(settings, batch_bytes)
    now = datetime.now(UTC)
    found = _read(letters, settings, now)
    made = list(_show.watched(write_messages(found.letters, out, now), "messages"))
    (_print_json if as_json else _print)(made, found)
    ctx.exit(1 if found.refused else 0)


def implied_sender(cpa: CPA, identity: Identity | None, now: datetime) -> Sender:
    """Return the sender that a CPA implies: the party that may send the batches, the OIN in its PartyId.

    Raises:
        ConfigurationError: the CPA forbids sending, or the PartyId is no OIN (a test suffix is taken off).
    """
    party_id = cpa.route(ACTION, now=now).sender.party_ids[0].value
    oin = party_id.partition("_")[0]
    try:
        return Sender(oin=oin, cpa=cpa, identity=identity)
    except FieldError:
        raise ConfigurationError(Finding("sender.oin-party", field="PartyId", measure=party_id)) from None


def _settings(cpa_file: Path | None, key: Path | None, cert: Path | None, passphrase_file: Path | None) -> Settings:
    if cpa_file is None:
        raise click.UsageError("give --settings, or --cpa (and --key when it asks for signatures)")
    identity = _given.identity(key, cert, passphrase_file) if key else None
    return Settings((implied_sender(CPA.from_path(cpa_file), identity, datetime.now(UTC)),))


def _with_batch_bytes(settings: Settings, batch_bytes: int) -> Settings:
    return replace(
        settings,
        senders=tuple(replace(s, regels=replace(s.regels, batch_bytes=batch_bytes)) for s in settings.senders),
    )


@dataclass(frozen=True, slots=True)
class _Refused:
    """A row that becomes no letter, or a letter with a warning: where it stands and what was found."""

    row: int
    kenmerk: str
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Read:
    """The rows of a file, each on its sender's pile or refused."""

    letters: dict[Sender, list[Bericht]]
    refused: list[_Refused] = field(default_factory=list)
    warned: list[_Refused] = field(default_factory=list)
    repeated: int = 0


def _read(letters: Path, settings: Settings, now: datetime) -> _Read:
    found = _Read({sender: [] for sender in settings.senders})
    intake = Intake(settings.senders, now)
    with letters.open("rb") as file:
        rows = read_rows(file, folder=letters.parent, name=letters.name, regels=settings.senders[0].regels)
        for row in _show.watched(rows, f"rows of {letters.name}"):
            _sort(row, intake, found)
    return found


def _sort(row: Row, intake: Intake, found: _Read) -> None:
    if row.bericht is None:
        found.refused.append(_Refused(row.number, row.kenmerk, tuple(error.finding for error in row.errors)))
        return
    if row.bericht.warnings:
        found.warned.append(_Refused(row.number, row.kenmerk, row.bericht.warnings))
    try:
        sender = intake.take(row.bericht)
    except BerichtError as error:
        found.refused.append(_Refused(row.number, row.kenmerk, tuple(one.finding for one in error.errors)))
        return
    if sender is None:
        found.repeated += 1
    else:
        found.letters[sender].append(row.bericht)


@dataclass(frozen=True, slots=True)
class Made:
    """One message in its file."""

    file: Path
    outgoing: Outgoing
    written: Written


def write_messages(letters: Mapping[Sender, Sequence[Bericht]], out: Path, now: datetime) -> Iterator[Made]:
    """Write the messages of all senders as ``1.mime``, ``2.mime`` and so on, and give each when it is whole."""
    out.mkdir(parents=True, exist_ok=True)
    outgoing = (one for sender, own in letters.items() if own for one in sender.messages(own, now=now))
    for number, message in enumerate(outgoing, start=1):
        yield _write(message, out / f"{number}.mime")


def _write(outgoing: Outgoing, file: Path) -> Made:
    """Write MIME headers, a blank line and the body, under a name that appears only when the file is whole."""
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("wb") as sink:
        sink.write(
            "".join(f"{name}: {value}\r\n" for name, value in outgoing.headers.items()).encode("ascii") + b"\r\n"
        )
        written = outgoing.write(sink)
    unfinished.replace(file)
    return Made(file, outgoing, written)


def _print(made: Sequence[Made], found: _Read) -> None:
    for one in made:
        batch, packet = one.outgoing.batch, one.written.packet
        signed = "signed" if packet.references else "unsigned"
        click.echo(
            f"{one.file}: {len(batch)} letters, {_show.size(packet.size)}, {signed}, {one.outgoing.route.profile}"
        )
        click.echo(f"  MessageId {packet.message_id}  BatchID {batch.batch_id}")
    for refused in found.refused:
        _print_findings("refused", refused)
    for warned in found.warned:
        _print_findings("warning", warned)
    letters = sum(len(one.outgoing.batch) for one in made)
    _show.verdict(
        f"{letters} letters in {len(made)} messages, {len(found.refused)} rows refused, {found.repeated} repeated",
        good=not found.refused,
    )


def _print_findings(what: str, refused: _Refused) -> None:
    for finding in refused.findings:
        click.echo(f"row {refused.row} {what}: {finding}", err=True)
        click.echo(f"    {finding.advice}", err=True)


def _print_json(made: Sequence[Made], found: _Read) -> None:
    _show.document(
        "build",
        messages=[message_json(one) for one in made],
        refused=[_refused_json(one) for one in found.refused],
        warnings=[_refused_json(one) for one in found.warned],
        repeated=found.repeated,
    )


def message_json(made: Made) -> dict[str, object]:
    """Return one message as the JSON documents of the command line show it."""
    outgoing, packet = made.outgoing, made.written.packet
    return {
        "file": str(made.file),
        "message_id": packet.message_id,
        "conversation_id": outgoing.message.header.conversation_id,
        "batch_id": str(outgoing.batch.batch_id),
        "oin": str(outgoing.batch.oin),
        "profile": outgoing.route.profile,
        "signed": bool(packet.references),
        "body_bytes": packet.size,
        "payload_digest": packet.payload_digests[0][1].hex(),
        "letters": [
            {"kenmerk": bericht.kenmerk, "bericht_id": str(bericht_id(outgoing.batch.oin, bericht.kenmerk))}
            for bericht in outgoing.batch.berichten
        ],
    }


def _refused_json(refused: _Refused) -> dict[str, object]:
    findings = [finding.as_dict() for finding in refused.findings]
    return {"row": refused.row, "kenmerk": refused.kenmerk, "findings": findings}
