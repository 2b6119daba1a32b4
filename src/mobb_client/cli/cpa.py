"""`mobb cpa`: what a CPA says, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from mobb_client.cli import _given, _show
from mobb_client.ebms.cpa.explain import (
    ExplainedAction,
    ExplainedCertificate,
    ExplainedParty,
    Explanation,
    explain,
)
from mobb_client.errors import Finding
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
    left = f"{found.days_left} days left" if found.days_left >= 0 else f"{-found.days_left} days ago"
    _show.heading(f"{found.cpa_id}: {found.status}, from {found.start} until {found.end} ({left})")
    for party in found.parties:
        _print_party(party)
    for action in found.actions:
        _print_action(action)
    for severity in ("error", "warning"):
        _print_findings([finding for finding in found.findings if finding.severity == severity])


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print what was found, the places of one rule together."""
    for code, rule in dict.fromkeys((finding.code, finding.rule) for finding in findings):
        alike = [finding for finding in findings if (finding.code, finding.rule) == (code, rule)]
        first = alike[0]
        click.echo()
        click.secho(f"{first.severity}: {rule} ({code})", fg="red" if first.severity == "error" else "yellow")
        _show.table((finding.field, finding.measure) for finding in alike)
        click.echo(f"  {first.advice}")
        click.echo(f"  [{first.source}]")


def _print_party(party: ExplainedParty) -> None:
    click.echo()
    _show.heading(f"{party.name}: {' '.join(party.party_ids)}")
    _show.table(
        (f"as {role.role}", role.service, f"sends {_list(role.sends)}; receives {_list(role.receives)}")
        for role in party.roles
    )
    _show.table(
        (f"certificate {one.id}", _list(one.uses), f"OIN {one.oin}" if one.oin else "no OIN", _until(one))
        for one in party.certificates
    )


def _until(certificate: ExplainedCertificate) -> str:
    if certificate.days_left is None:
        return "cannot be read"
    return f"until {certificate.not_after[:10]} ({certificate.days_left} days)"


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
        fingerprint = action.signing.certificate
        certificate = (
            f"certificate {fingerprint[:16]}..." if fingerprint else "a certificate that the CPA does not hold"
        )
        yield "signed with", f"{algorithm}, {certificate}"
    if because := dict.fromkeys(finding.code for finding in action.findings if finding.severity == "error"):
        yield "not sent", f"because of {', '.join(because)}"
    if action.encrypted:
        yield "encrypted", "yes: mobb_client does not send this profile yet, and never sends it in clear"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
