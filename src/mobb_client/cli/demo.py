"""`mobb demo`: the example letters on their way, on this machine alone, with nothing of one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import click

from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.rows import read_rows
from mobb_client.cli import _show
from mobb_client.cli.build import Made, implied_sender, message_json, write_messages
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError
from mobb_client.inspection import Inspection, inspect
from mobb_client.pki.identity import Identity
from mobb_client.simulator.material import make_material

_PROFILES = ("osb-rm", "osb-rm-s")


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
    """One message of the demo: how it was made, and what was read back from its file."""

    profile: str
    made: Made
    read_back: Inspection
    letters: Sequence[tuple[int, Bericht]]

    @property
    def ok(self) -> bool:
        """Whether what was read back is what was made, and holds."""
        sent = [str(bericht_id(self.made.outgoing.batch.oin, bericht.kenmerk)) for _, bericht in self.letters]
        return self.read_back.ok and [letter.bericht_id for letter in self.read_back.letters] == sent


def _examples() -> AbstractContextManager[Path]:
    return resources.as_file(resources.files("mobb_client.examples"))


def _demonstrate(folder: Path, examples: Path) -> Iterator[_Way]:
    """Write the material, build the messages under both CPAs, and read every file back as a stranger would."""
    now = datetime.now(UTC)
    make_material(now).write(folder)
    rows = list(_rows(examples / "letters.csv"))
    identity = Identity.from_path(folder / "sender.key", folder / "sender.crt")
    for profile in _PROFILES:
        cpa = CPA.from_path(folder / f"cpa-{profile}.xml")
        sender = implied_sender(cpa, identity, now)
        for made in write_messages({sender: [bericht for _, bericht in rows]}, folder / profile, now):
            read_back = inspect(made.file.read_bytes(), cpa=cpa)
            yield _Way(profile=profile, made=made, read_back=read_back, letters=rows)


def _rows(letters: Path) -> Iterator[tuple[int, Bericht]]:
    with letters.open("rb") as file:
        for row in read_rows(file, folder=letters.parent, name=letters.name):
            if row.bericht is None:
                raise BerichtError(row.kenmerk, row.errors)
            yield row.number, row.bericht


def _print(ways: Sequence[_Way]) -> None:
    for way in ways:
        _print_way(way)
    letters = sum(len(way.letters) for way in ways)
    good = all(way.ok for way in ways)
    told = "all read back as they were made" if good else "NOT all read back as they were made"
    _show.verdict(f"{letters} letters in {len(ways)} messages, {told}", good=good)


def _print_way(way: _Way) -> None:
    packet, batch = way.made.written.packet, way.made.outgoing.batch
    signed = f"signed, {len(packet.references)} references" if packet.references else "unsigned, as its CPA says"
    _show.heading(f"{way.profile}: {len(batch)} letters in one message of {_show.size(packet.size)}, {signed}")
    click.echo(f"  MessageId {packet.message_id}, BatchID {batch.batch_id}")
    _show.table(_letter_rows(way))
    if way.read_back.signature is not None:
        report = way.read_back.signature
        told = ", ".join(f"{part.covers} {part.holds}" for part in report.references)
        click.echo(
            f"  signature holds: {report.holds} ({told}); signer is the one in the CPA: {report.signer_is_given}"
        )
    for problem in way.read_back.problems:
        click.secho(f"  wrong: {problem.sentence} ({problem.code})", fg="red")
    click.echo()


def _letter_rows(way: _Way) -> Iterator[tuple[str, ...]]:
    found = {letter.bericht_id for letter in way.read_back.letters}
    for number, bericht in way.letters:
        letter_id = str(bericht_id(way.made.outgoing.batch.oin, bericht.kenmerk))
        attached = " + ".join(_show.size(bijlage.size) for bijlage in bericht.bijlagen) or "no attachment"
        way_there = "checked, in the batch, in the message, read back" if letter_id in found else "LOST"
        yield f"row {number}", bericht.kenmerk, bericht.berichttype, attached, letter_id, way_there


def _print_json(ways: Sequence[_Way]) -> None:
    _show.document("demo", ok=all(way.ok for way in ways), messages=[_way_json(way) for way in ways])


def _way_json(way: _Way) -> dict[str, object]:
    report = way.read_back.signature
    return {
        **message_json(way.made),
        "ok": way.ok,
        "signature_holds": report.holds if report else None,
        "signer_is_given": report.signer_is_given if report else None,
        "problems": [problem.code for problem in way.read_back.problems],
        "ways": [
            dict(zip(("row", "kenmerk", "berichttype", "bijlagen", "bericht_id", "way"), r, strict=True))
            for r in _letter_rows(way)
        ],
    }
