"""`mobb demo`: the example letters on their way, on this machine alone, with nothing of one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final
from uuid import UUID

import click

from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.rows import Row, read_rows
from mobb_client.cli import _show
from mobb_client.cli._messages import Made, implied_sender, message_json, write_messages
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError
from mobb_client.inspection import Inspection, inspect
from mobb_client.pki.identity import Identity
from mobb_client.sender import Sender
from mobb_client.simulator.material import make_material

_PROFILES: Final = ("osb-rm", "osb-rm-s")


@click.command("demo")
@_show.json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Make ebMS messages of the example letters, unsigned and signed, read them back, and show each letter's way.

    Keys, certificates and CPAs are made on the spot; nothing leaves this machine and nothing stays on it.
    """
    with tempfile.TemporaryDirectory(prefix="mobb-demo-") as folder, _examples() as examples:
        ways = list(_demonstrate(Path(folder), examples))
    (_print_json if as_json else _print)(ways)
    ctx.exit(0 if ways and all(way.ok for way in ways) else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One message of the demo: how it was made, what was read back from its file, and the row of each letter."""

    profile: str
    made: Made
    read_back: Inspection
    rows: dict[UUID, int]

    @property
    def found(self) -> set[str]:
        """The BerichtIDs that were read back."""
        return {letter.bericht_id for letter in self.read_back.letters}

    @property
    def ok(self) -> bool:
        """Whether what was read back is what was made, and holds."""
        sent = [str(letter_id) for letter_id, _ in self.made.letters()]
        return self.read_back.ok and [letter.bericht_id for letter in self.read_back.letters] == sent


def _examples() -> AbstractContextManager[Path]:
    return resources.as_file(resources.files("mobb_client.examples"))


def _demonstrate(folder: Path, examples: Path) -> Iterator[_Way]:
    """Write the material, build the messages under both CPAs, and read every file back as a stranger would."""
    now = datetime.now(UTC)
    make_material(now).write(folder)
    letters = dict(_letters(examples / "letters.csv"))
    identity = Identity.from_path(folder / "sender.key", folder / "sender.crt")
    for profile in _PROFILES:
        cpa = CPA.from_path(folder / f"cpa-{profile}.xml")
        sender = implied_sender(cpa, identity, now)
        rows = {_id(sender, bericht): number for number, bericht in letters.items()}
        for made in write_messages({sender: list(letters.values())}, folder / profile, now):
            read_back = inspect(made.file.read_bytes(), cpa=cpa)
            yield _Way(profile=profile, made=made, read_back=read_back, rows=rows)


def _id(sender: Sender, bericht: Bericht) -> UUID:
    return bericht_id(bericht.oin or sender.oins[0], bericht.kenmerk)


def _letters(file: Path) -> Iterator[tuple[int, Bericht]]:
    with file.open("rb") as source:
        for row in read_rows(source, folder=file.parent, name=file.name):
            yield row.number, _letter(row)


def _letter(row: Row) -> Bericht:
    if row.bericht is None:
        raise BerichtError(row.kenmerk, row.errors)
    return row.bericht


def _print(ways: Sequence[_Way]) -> None:
    click.echo("Each letter is checked, put in a batch, put in a message, and read back from the message's file.\n")
    for way in ways:
        _print_way(way)
    letters = _show.count(sum(len(way.made.outgoing.batch) for way in ways), "letter")
    good = all(way.ok for way in ways)
    told = "all read back as they were made" if good else "NOT all read back as they were made"
    _show.verdict(f"{letters} in {_show.count(len(ways), 'message')}, {told}", good=good)


def _print_way(way: _Way) -> None:
    packet, batch = way.made.written.packet, way.made.outgoing.batch
    _show.heading(f"{way.profile}: {_show.count(len(batch), 'letter')} in one message of {_show.size(packet.size)}")
    _show.table([("MessageId", packet.message_id), ("BatchID", batch.batch_id), *_signature_rows(way.read_back)])
    click.echo()
    _show.table(_letter_rows(way))
    for problem in way.read_back.problems:
        click.secho(f"  wrong: {_show.plain(problem.sentence)} ({problem.code})", fg="red")
    click.echo()


def _signature_rows(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "as the CPA says", found.agreed
    if found.signature is None:
        yield "signature", "none"
        return
    digests = ", ".join(f"{part.covers} {part.holds}" for part in found.signature.references)
    yield "signature holds", f"{found.signature.holds} ({digests})"
    yield "signer is the CPA's", found.signature.signer_is_given


def _letter_rows(way: _Way) -> Iterator[tuple[str, ...]]:
    for letter_id, bericht in way.made.letters():
        attached = " + ".join(_show.size(bijlage.size) for bijlage in bericht.bijlagen) or "no attachment"
        end = "read back" if str(letter_id) in way.found else "LOST"
        yield f"row {way.rows[letter_id]}", bericht.kenmerk, bericht.berichttype, str(letter_id), attached, end


def _print_json(ways: Sequence[_Way]) -> None:
    _show.document("demo", ok=bool(ways) and all(way.ok for way in ways), messages=list(map(_way_json, ways)))


def _way_json(way: _Way) -> dict[str, object]:
    report = way.read_back.signature
    return {
        **message_json(way.made, way.rows),
        "ok": way.ok,
        "agreed": way.read_back.agreed,
        "signature_holds": report.holds if report else None,
        "signer_is_given": report.signer_is_given if report else None,
        "problems": [problem.code for problem in way.read_back.problems],
        "ways": [_letter_json(way, letter_id, bericht) for letter_id, bericht in way.made.letters()],
    }


def _letter_json(way: _Way, letter_id: UUID, bericht: Bericht) -> dict[str, object]:
    return {
        "row": way.rows[letter_id],
        "kenmerk": bericht.kenmerk,
        "berichttype": bericht.berichttype,
        "bericht_id": letter_id,
        "bijlagen": [bijlage.size for bijlage in bericht.bijlagen],
        "way": "read back" if str(letter_id) in way.found else "lost",
    }
