"""`mobb metrics`: the figures of the outbox as Prometheus reads them, on the screen or in a file for its collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mobb_client.cli import _given, _show
from mobb_client.metrics.telling import exporting
from mobb_client.settings import load


@click.command("metrics")
@_given.settings_option
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write them into FILE, all at once, for the textfile collector of the node exporter (*.prom).",
)
@_show.json_option
def command(settings_file: Path, textfile: Path | None, as_json: bool) -> None:
    """Tell the figures of the outbox: counts, durations, what waits and what expires.

    The outbox is only read, and no key is needed. Without [metrics] oin_labels no figure names an OIN.
    """
    if textfile and as_json:
        raise click.UsageError("give --textfile or --json, not both")
    settings = load(settings_file, keys=False)
    with exporting(settings, lambda: settings) as exporter:
        if textfile is not None:
            exporter.write(textfile)
        elif as_json:
            _show.document("metrics", metrics=list(map(_json, exporter.collect())))
        else:
            click.echo(exporter.text(), nl=False)


def _json(family: Any) -> dict[str, object]:
    """Return a figure as JSON shows it."""
    samples = [{"name": one.name, "labels": one.labels, "value": one.value} for one in family.samples]
    return {"name": family.name, "type": family.type, "help": family.documentation, "samples": samples}
