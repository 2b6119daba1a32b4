"""`mobb inspect`: any captured message, ours or foreign."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mobb_client.berichtenbox.overzicht import Letter
from mobb_client.cli import _given, _show
from mobb_client.ebms.cpa import CPA
from mobb_client.ebms.message import MessageError, MessageHeader
from mobb_client.inspection import Inspection, SignatureReport, inspect
from mobb_client.pki.certificate import Certificate

_SHOWN = 20


@click.command("inspect")
@click.argument("file", type=_given.FILE)
@click.option("--cpa", "cpa_file", type=_given.FILE, help="The CPA of the message: certificate, algorithms, rules.")
@click.option("--cert", type=_given.FILE, help="The certificate that must have signed, when there is no CPA.")
@_show.json_option
@click.pass_context
def command(ctx: click.Context, file: Path, cpa_file: Path | None, cert: Path | None, as_json: bool) -> None:
    """Say what a captured message is, who it is from, what its signature covers and whether it holds.

    FILE may begin with HTTP or MIME headers, be a bare multipart body, or a bare envelope. The exit code is 1 when
    something is wrong, the signature does not hold, or the signer is not the one that was given.
    """
    cpa = CPA.from_path(cpa_file) if cpa_file else None
    found = inspect(file.read_bytes(), cpa=cpa, certificate=Certificate.from_path(cert) if cert else None)
    (_print_json if as_json else _print)(file, found)
    ctx.exit(0 if found.ok else 1)


def _print(file: Path, found: Inspection) -> None:
    _show.heading(f"{file.name}: {found.kind}")
    if found.message is not None:
        _show.table(_header_rows(found.message.header))
    if isinstance(found.message, MessageError):
        _show.table((error.code, error.severity, error.location, error.description) for error in found.message.errors)
    for part in found.parts:
        click.echo(f"  part {part.content_id or '(no Content-ID)'}: {part.content}, {_show.size(part.size)}")
    _print_letters(found)
    if found.signature is not None:
        _print_signature(found.signature)
    for note in found.notes:
        click.echo(f"  note: {note}")
    for problem in found.problems:
        click.secho(f"  wrong: {problem.sentence} ({problem.code}; {problem.ebms_code})", fg="red")
    _show.verdict("nothing wrong" if found.ok else "not in order", good=found.ok)


def _header_rows(header: MessageHeader) -> list[tuple[str, str]]:
    rows = [
        ("MessageId", header.message_id),
        ("RefToMessageId", header.ref_to_message_id or ""),
        ("ConversationId", header.conversation_id),
        ("CPAId", header.cpa_id),
        ("From", _party(header.sender.party_ids, header.sender.role)),
        ("To", _party(header.receiver.party_ids, header.receiver.role)),
        ("Service, Action", f"{header.service}, {header.action}"),
        ("Timestamp", str(header.timestamp)),
        ("TimeToLive", str(header.time_to_live or "")),
    ]
    return [row for row in rows if row[1]]


def _party(party_ids: tuple[object, ...], role: str | None) -> str:
    return " ".join(map(str, party_ids)) + (f" as {role}" if role else "")


def _print_letters(found: Inspection) -> None:
    if found.letters:
        click.echo(f"  {len(found.letters)} letters:")
        _show.table((_letter_row(letter) for letter in found.letters[:_SHOWN]), indent=4)
    if found.outcomes:
        click.echo(f"  {len(found.outcomes)} outcomes:")
        _show.table(
            ((one.bericht_id or "no letter named", one.code, one.stadium or "") for one in found.outcomes[:_SHOWN]),
            indent=4,
        )
    if (more := max(len(found.letters), len(found.outcomes)) - _SHOWN) > 0:
        click.echo(f"    and {more} more (--json shows all)")


def _letter_row(letter: Letter) -> tuple[str, ...]:
    attached = ", ".join(map(_show.size, letter.bijlagen)) or "no attachment"
    return letter.bericht_id, letter.berichttype, f"BSN {letter.bsn}", attached


def _print_signature(report: SignatureReport) -> None:
    click.echo(
        f"  signed with {report.algorithm.rpartition('#')[2]} by {report.certificate or 'an unknown certificate'}"
    )
    rows = ((part.covers, part.uri or '""', f"digest holds: {part.holds}") for part in report.references)
    _show.table(rows, indent=4)
    click.echo(f"    signature holds: {report.holds}")
    click.echo(f"    signer is the one given: {report.signer_is_given}")
    click.echo(f"    certificate was valid at the message's time: {report.certificate_was_valid}")


def _print_json(file: Path, found: Inspection) -> None:
    _show.document(
        "inspect",
        file=str(file),
        ok=found.ok,
        kind=found.kind,
        message=None if found.message is None else asdict(found.message),
        parts=[asdict(part) for part in found.parts],
        letters=[asdict(letter) for letter in found.letters],
        outcomes=[asdict(outcome) for outcome in found.outcomes],
        signature=None if found.signature is None else asdict(found.signature),
        problems=[asdict(problem) for problem in found.problems],
        notes=list(found.notes),
    )
