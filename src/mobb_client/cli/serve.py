"""`mobb serve`: our endpoint, until it is told to stop."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from mobb_client.cli import _given, _show
from mobb_client.errors import ConfigurationError
from mobb_client.fresh import Fresh
from mobb_client.serving import Endpoint
from mobb_client.settings import Settings, load
from mobb_client.transport.serving import Address

_PAUSE: Final = 1.0  # seconds between two looks at files and at what is due


@click.command("serve")
@click.option("--settings", "settings_file", type=_given.FILE, required=True, help="mobb.toml with the senders.")
@click.option("--listen", metavar="HOST:PORT", help="Instead of [serve] listen.")
@click.option("--no-signals", is_flag=True, help="Leave our acknowledgments to `mobb work`.")
def command(settings_file: Path, listen: str | None, no_signals: bool) -> None:
    """Serve our endpoint: acknowledgments, errors and results come in, are stored, and are answered.

    TLS with a client certificate demanded, or behind a proxy on this machine ([serve.proxy]). What is replaced on disk
    (keys, certificates, anchors, CPAs, settings) counts from the next handshake and the next message on. SIGTERM and
    SIGINT: nothing more is taken, and what is being answered is finished.
    """
    settings = load(settings_file)
    fresh = Fresh(settings_file, settings)
    with Endpoint(_changed(settings, listen, no_signals)) as endpoint:
        click.echo(f"listening at {endpoint.address}", err=True)
        if endpoint.health_address is not None:
            click.echo(f"health at {endpoint.health_address}", err=True)
        for finding in endpoint.findings():
            _show.finding(finding, "mobb: ")
        _keep_going(endpoint, fresh, listen, no_signals=no_signals)


def _changed(settings: Settings, listen: str | None, no_signals: bool) -> Settings:
    """Return settings with what the command line says instead."""
    serve = settings.serve
    address = serve.listen if listen is None else Address.parse(listen)
    return replace(settings, serve=replace(serve, listen=address, send_signals=serve.send_signals and not no_signals))


def _keep_going(endpoint: Endpoint, fresh: Fresh, listen: str | None, *, no_signals: bool) -> None:
    looked = time.monotonic()
    while True:
        endpoint.wait(_PAUSE)
        endpoint.send_signals()
        if time.monotonic() - looked < _PAUSE:
            continue
        looked = time.monotonic()
        try:
            settings = fresh.look()
            findings = [] if settings is None else endpoint.use(_changed(settings, listen, no_signals))
        except ConfigurationError as error:
            click.echo("mobb: the new settings are wrong; the old ones stay", err=True)
            findings = list(error.findings)
        for finding in findings:
            _show.finding(finding, "mobb: ")
