"""`mobb simulate`: Logius in a box. Here only its material: what an experiment needs before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

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
    files = make_material(datetime.now(UTC)).write(material)
    if as_json:
        _show.document("simulate-material", folder=str(material), files=sorted(file.name for file in files))
        return
    _show.table((file.name, _PURPOSE.get(file.name, _purpose(file.name))) for file in sorted(files))
    click.echo(f"written to {material}; trusted by nobody, never use them outside tests")


_PURPOSE = {
    "ca.pem": "the CA of both sides",
    "passphrase.txt": "passphrase of the .p12 files",
    "mobb.toml": "settings for `mobb build --settings`",
}


def _purpose(name: str) -> str:
    if name.startswith("cpa-"):
        return f"CPA of the profile {name.removeprefix('cpa-').removesuffix('.xml')}"
    side, _, kind = name.partition(".")
    return f"{side}: {_KINDS.get(kind, kind)}"


_KINDS = {"key": "private key, plain", "crt": "certificate", "p12": "both, with passphrase"}
