"""`mobb inspect`: any captured message, ours or foreign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from mobb_client.berichtenbox.overzicht import Letter, Overzicht, without_bsn
from mobb_client.berichtenbox.resultaat import BatchResultaat, BerichtResultaat, shown
from mobb_client.cli import _given, _show
from mobb_client.ebms.message import (
    Acknowledgment,
    Message,
    MessageError,
    MessageHeader,
    Party,
    StatusRequest,
    StatusResponse,
    UserMessage,
)
from mobb_client.ebms.signature_values import algorithm_name
from mobb_client.inspection import Inspection, SignatureReport, inspect
from mobb_client.pki.certificate import Certificate
from mobb_client.settings import load_cpa

_SHOWN: Final = 20
_MAX_FILE: Final = 250_000_000  # a batch of 100 MB in base64, with room


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
    if cpa_file and cert:
        raise click.UsageError("give --cpa or --cert: the CPA names its own certificate")
    cpa = load_cpa(cpa_file) if cpa_file else None
    certificate = Certificate.from_path(cert) if cert else None
    found = inspect(_given.octets(file, _MAX_FILE), cpa=cpa, certificate=certificate)
    (_print_json if as_json else _print)(file, found)
    ctx.exit(0 if found.ok else 1)


def _print(file: Path, found: Inspection) -> None:
    _show.heading(f"{file.name}: {found.kind}")
    if found.message is not None:
        _rows([*_header(found.message.header), *_more(found.message), *_agreed(found)])
    if found.parts:
        _section("parts")
        _rows((part.content_id or "(no Content-ID)", part.content, _show.size(part.size)) for part in found.parts)
    for batch in found.batches:
        _section(f"{_show.count(len(batch.letters), 'letter')} of batch {batch.batch_id}, OIN {batch.oin}")
        _first(list(map(_letter, batch.letters)))
    for result in found.results:
        _section(f"{_show.count(len(result.berichten), 'outcome')} of batch {result.batch_id}")
        _first(list(map(_outcome, result.berichten)))
    if found.signature is not None:
        _section(f"signature, {algorithm_name(found.signature.algorithm)}")
        _first(list(_references(found.signature)))
        _rows(_verdicts(found.signature))
    _print_end(found)


def _print_end(found: Inspection) -> None:
    if found.notes:
        _section("worth knowing")
        _rows((note,) for note in map(without_bsn, found.notes))
    if found.problems:
        _section("wrong")
        for problem in found.problems:
            click.secho(f"  {_show.plain(problem.sentence)}", fg="red")
            click.echo(f"    {problem.code}, in ebMS {problem.ebms_code}")
    click.echo()
    _show.verdict("nothing wrong" if found.ok else f"not in order: {len(found.problems)} wrong", good=found.ok)


def _section(text: str) -> None:
    click.echo()
    _show.heading(text)


def _rows(rows: Iterable[Sequence[object]]) -> None:
    _show.table([[without_bsn(str(cell)) for cell in row] for row in rows])


def _first(rows: Sequence[Sequence[object]]) -> None:
    """Print the first rows of a table that may be long."""
    _rows(rows[:_SHOWN])
    if (more := len(rows) - _SHOWN) > 0:
        click.echo(f"  and {more} more (--json shows all)")


def _header(header: MessageHeader) -> Iterator[tuple[str, str]]:
    yield "MessageId", header.message_id
    if header.ref_to_message_id is not None:
        yield "RefToMessageId", header.ref_to_message_id
    yield "ConversationId", header.conversation_id
    yield "CPAId", header.cpa_id
    yield "From", _party(header.sender)
    yield "To", _party(header.receiver)
    yield "Service", str(header.service)
    yield "Action", header.action
    yield "Timestamp", _show.moment(header.timestamp)
    if header.time_to_live is not None:
        yield "TimeToLive", _show.moment(header.time_to_live)


def _party(party: Party) -> str:
    return " ".join(map(str, party.party_ids)) + (f" as {party.role}" if party.role else "")


def _more(message: Message) -> Iterator[tuple[str, str]]:
    """Give what a message of this kind says beside its header."""
    match message:
        case UserMessage():
            yield "asks for", ", ".join(_wishes(message)) or "nothing"
        case Acknowledgment():
            if message.header.ref_to_message_id != message.ref_to_message_id:
                yield "acknowledges", message.ref_to_message_id
            yield "received", _show.moment(message.timestamp)
            yield "repeats", _show.count(len(message.references), "digest")
        case MessageError():
            for error in message.errors:
                yield error.severity, " ".join(filter(None, (error.code, error.location, error.description)))
        case StatusRequest():
            yield "asks about", message.ref_to_message_id
        case StatusResponse():
            yield "status", f"{message.status}: {message.ref_to_message_id}"


def _wishes(message: UserMessage) -> Iterator[str]:
    if message.ack_requested is not None:
        yield "a signed acknowledgment" if message.ack_requested.signed else "an acknowledgment"
    if message.header.duplicate_elimination:
        yield "duplicates left out"
    if message.sync_reply is not None:
        yield "the answer in the HTTP response"


def _agreed(found: Inspection) -> Iterator[tuple[str, str]]:
    if found.signature is None:
        yield "signature", "none"
    if found.agreed != "not checked":
        yield "as the CPA says", found.agreed


def _letter(letter: Letter) -> tuple[str, ...]:
    attached = " + ".join(map(_show.size, letter.bijlagen)) or "no attachment"
    return letter.bericht_id, letter.berichttype, f"BSN {letter.bsn}", attached


def _outcome(outcome: BerichtResultaat) -> tuple[str, ...]:
    letter = str(outcome.bericht_id or "(the whole batch)")
    stadium = f"Stadium {shown(outcome.stadium)}" if outcome.stadium else ""
    return letter, shown(outcome.code), outcome.klasse.value, stadium


def _references(report: SignatureReport) -> Iterator[tuple[str, str]]:
    for part in report.references:
        yield f"digest {part.holds}", part.uri or "the envelope"


def _verdicts(report: SignatureReport) -> Iterator[tuple[str, str]]:
    unchecked = sum(part.holds == "not checked" for part in report.references)
    so_far = f", as far as it could be checked: {_show.count(unchecked, 'digest')} not" if unchecked else ""
    yield "signature holds", report.holds + (so_far if report.holds == "yes" else "")
    yield "signer is the one given", report.signer_is_given
    yield "certificate was valid", report.certificate_was_valid
    if report.valid_from is not None and report.valid_until is not None:
        yield "certificate", report.certificate.replace("2.5.4.5=", "serialNumber=")
        yield "valid", f"{report.valid_from:%Y-%m-%d} to {report.valid_until:%Y-%m-%d}"
        yield "SHA-256", report.fingerprint


def _print_json(file: Path, found: Inspection) -> None:
    document = {
        "file": str(file),
        "ok": found.ok,
        "kind": found.kind,
        "agreed": found.agreed,
        "message": None if found.message is None else asdict(found.message),
        "parts": [asdict(part) for part in found.parts],
        "batches": [_batch_json(batch) for batch in found.batches],
        "results": [_result_json(result) for result in found.results],
        "signature": None if found.signature is None else asdict(found.signature),
        "problems": [asdict(problem) for problem in found.problems],
        "notes": found.notes,
    }
    _show.document("inspect", **{key: _without_bsn(value) for key, value in document.items()})


def _batch_json(batch: Overzicht) -> dict[str, object]:
    return {"batch_id": batch.batch_id, "oin": batch.oin, "letters": [asdict(letter) for letter in batch.letters]}


def _result_json(result: BatchResultaat) -> dict[str, object]:
    outcomes = [
        {
            "bericht_id": outcome.bericht_id,
            "berichttype": outcome.berichttype and shown(outcome.berichttype),
            "code": shown(outcome.code),
            "klasse": outcome.klasse,
            "stadium": outcome.stadium and shown(outcome.stadium),
        }
        for outcome in result.berichten
    ]
    return {"batch_id": result.batch_id, "outcomes": outcomes}


def _without_bsn(value: object) -> object:
    """Return a document's value with every text in it cleared of what may be a BSN."""
    match value:
        case str():
            return without_bsn(value)
        case dict():
            return {key: _without_bsn(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_bsn(inner) for inner in value]
    return value
