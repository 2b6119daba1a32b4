"""`mobb ping`: is the other message handler there?"""

from __future__ import annotations

from pathlib import Path

import click

from mobb_client.cli import _given, _show
from mobb_client.cli.send import sender_named
from mobb_client.client import Client
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.settings import load
from mobb_client.transport.outcome import Accepted, Outcome, Signal


@click.command("ping")
@click.option("--settings", "settings_file", type=_given.FILE, required=True, help="mobb.toml with the senders.")
@click.option("--oin", help="Of which sender, when the settings have several.")
@_show.json_option
@click.pass_context
def command(ctx: click.Context, settings_file: Path, oin: str | None, as_json: bool) -> None:
    """Try URL, TLS, CPA and party ids in one message without content.

    By an asynchronous CPA the answer, a Pong, goes to our endpoint; here is only seen that the Ping was accepted. A
    working Ping does not prove that messages will be accepted.
    """
    sender = sender_named(load(settings_file), oin)
    with Client(sender, outbox=MemoryOutbox()) as client:
        outcome = client.ping()
    told, code = _told(outcome)
    if as_json:
        _show.document("ping", ok=code == 0, outcome=type(outcome).__name__, told=told)
    else:
        _show.verdict(told, good=code == 0)
    ctx.exit(code)


def _told(outcome: Outcome) -> tuple[str, int]:
    match outcome:
        case Signal():
            return "answered in the HTTP response", 0
        case Accepted():
            return f"accepted with HTTP {outcome.status}; the Pong goes to our endpoint", 0
        case _:
            return outcome.sentence, 3 if outcome.status is None else 1
