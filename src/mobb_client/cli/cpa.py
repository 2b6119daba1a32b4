"""`mobb cpa`: what a CPA says, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from mobb_client.cli import _given, _show
from mobb_client.ebms.cpa.explain import ExplainedAction, ExplainedParty, Explanation, explain
from mobb_client.settings import load_cpa


@click.group("cpa")
def command() -> None:
    """What a CPA says."""


@command.command("explain")
@click.argument("file", type=_given.FILE)
@click.option("--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]), help="Judge dates at this moment, UTC.")
@_show.json_option
def explain_command(file: Path, at: datetime | None, as_json: bool) -> None:
    """Explain a CPA: parties, actions, endpoints, signatures, retries, dates, and what forbids sending by it.

    The exit code is 0 for every CPA that can be read, whatever is found in it.
    """
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    found = explain(load_cpa(file), now)
    if as_json:
        _show.document("cpa-explain", file=str(file), **found.as_dict())
        return
    _print(found)


def _print(found: Explanation) -> None:
    _show.heading(f"{found.cpa_id}: {found.status}, from {found.start} until {found.end} ({found.days_left} days left)")
    for party in found.parties:
        _print_party(party)
    for action in found.actions:
        _print_action(action)
    for finding in found.findings:
        click.secho(f"{finding.severity}: {finding}", fg="red" if finding.severity == "error" else "yellow")
        click.echo(f"    {finding.advice}")


def _print_party(party: ExplainedParty) -> None:
    click.echo()
    _show.heading(f"{party.name}: {' '.join(party.party_ids)}")
    _show.table(
        (f"as {role.role}", role.service, f"sends {_list(role.sends)}; receives {_list(role.receives)}")
        for role in party.roles
    )
    _show.table(
        (f"certificate {one.id}", _list(one.uses), f"until {one.not_after} ({one.days_left} days), OIN {one.oin}")
        for one in party.certificates
    )


def _print_action(action: ExplainedAction) -> None:
    click.echo()
    may = "may be sent" if action.may_be_sent else "may NOT be sent"
    _show.heading(f"{action.action}: {action.sender} to {action.receiver}, {action.profile}, {may}")
    _show.table(_action_rows(action))


def _action_rows(action: ExplainedAction) -> Iterator[tuple[str, str]]:
    yield "goes to", action.endpoint
    if action.ack_requested:
        how = "in the HTTP response" if action.sync_reply else f"at {action.acknowledgments_to}"
        yield "acknowledged", f"{'signed, ' if action.ack_signed else ''}{how}"
    if action.retry:
        yield "sent again", f"{action.retry.retries} times, every {action.retry.interval}"
        yield "time to live", f"{action.retry.time_to_live}, remembered for {action.retry.persist_duration}"
    if action.signing:
        algorithm = action.signing.signature_algorithm.rpartition("#")[2]
        yield "signed with", f"{algorithm}, certificate {action.signing.certificate or 'not in the CPA'}"
    if action.encrypted:
        yield "encrypted", "yes: mobb_client does not send this profile yet, and never sends it in clear"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
