"""`mobb simulate`: Logius in a box. Here only its material: what an experiment needs before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from mobb_client.cli import _show
from mobb_client.simulator.material import make_material


@click.command("simulate")
@click.option("--material", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@_show.json_option
def command(material: Path, as_json: bool) -> None:
    """Write a CA, keys and certificates with test OINs, a CPA for each profile, and settings.

    Keys are new at each call and trusted by nobody. `mobb build LETTERS --settings DIR/mobb.toml` works with them.
    """
    try:
        files = make_material(datetime.now(UTC)).write(material)
    except FileExistsError as error:
        raise click.UsageError(_show.plain(f"{error.filename} {error.strerror}")) from None
    if as_json:
        _show.document("simulate-material", folder=str(material), files=sorted(file.name for file in files))
        return
    _show.heading(f"{material}: trusted by nobody, never use it outside tests")
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
