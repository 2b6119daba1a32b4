"""`mobb simulate`: Logius in a box on a socket of this machine, or only the material for an experiment."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from mobb_client.cli import _show
from mobb_client.simulator.berichtenbox import CLEAR_PROFILES, Berichtenbox
from mobb_client.simulator.material import Material, Terms, make_material

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_ANSWER_AFTER: Final = timedelta(seconds=2)
"""How long the AbonnementService takes: hours in the world, and here somebody waits for it."""
_URL: Final = "https://localhost:{port}/digikoppeling/ebms"


@click.command("simulate")
@click.option("--material", type=_FOLDER, help="Write the material to this folder, and serve nothing.")
@click.option(
    "--into", type=_FOLDER, default="mobb-simulator", show_default=True, help="Folder for the box's material."
)
@click.option("--port", default=9443, show_default=True, help="Where the box listens.")
@click.option("--sender-port", default=8443, show_default=True, help="Where the sender's endpoint is to listen.")
@_show.json_option
def command(material: Path | None, into: Path, port: int, sender_port: int, as_json: bool) -> None:
    """Serve a Berichtenbox over mutual TLS until it is interrupted; all profiles without encryption, side by side.

    Before it listens it writes what a sender needs: a CA, keys and certificates with test OINs, a CPA for each profile,
    and settings. Keys are new at each call and trusted by nobody. With --material only that is done.
    """
    if material is not None:
        _write(make_material(datetime.now(UTC)), material, as_json=as_json)
        return
    terms = Terms(
        receiver_endpoint=_URL.format(port=port),
        sender_endpoint=_URL.format(port=sender_port),
        interval="PT5M",
        abonnementen=True,
    )
    made = make_material(datetime.now(UTC), terms=terms)
    _write(made, into, as_json=as_json)
    _serve(made, port, sender_port)


def _serve(material: Material, port: int, sender_port: int) -> None:
    """Listen until a signal comes."""
    box = Berichtenbox(CLEAR_PROFILES[1], material=material)
    box.abonnementen.after = _ANSWER_AFTER
    with box.serve(port=port, sender_port=sender_port) as served:
        click.echo(f"listening at {served.url}; interrupt to stop", err=True)
        threading.Event().wait()


def _write(material: Material, folder: Path, *, as_json: bool) -> None:
    try:
        files = material.write(folder)
    except FileExistsError as error:
        raise click.UsageError(_show.plain(f"{error.filename} {error.strerror}")) from None
    if as_json:
        _show.document("simulate-material", folder=str(folder), files=sorted(file.name for file in files))
        return
    _show.heading(f"{folder}: trusted by nobody, never use it outside tests")
    _show.table((name, _PURPOSE.get(name) or _purpose(name)) for name in sorted(file.name for file in files))


_PURPOSE: Final = {
    "ca.pem": "the CA of both sides",
    "passphrase.txt": "passphrase of the .p12 files",
    "mobb.toml": "settings for `mobb build --settings`",
}
_KINDS: Final = {"key": "private key, plain", "crt": "certificate", "p12": "both, with passphrase"}


def _purpose(name: str) -> str:
    if name.startswith("cpa-"):
        profile, sync, _ = name.removeprefix("cpa-").removesuffix(".xml").partition("-sync")
        return f"CPA of the profile {profile}{', acknowledged in the HTTP response' if sync else ''}"
    side, _, kind = name.partition(".")
    return f"{side}: {_KINDS.get(kind, kind)}"
