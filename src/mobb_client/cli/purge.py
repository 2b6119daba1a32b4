"""`mobb purge`: what letters said goes when they have ended; that they were there, and how they ended, stays."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from mobb_client.berichtenbox.rows import ZONE
from mobb_client.cli import _given, _show
from mobb_client.client import utc_now
from mobb_client.outbox.contract import Outbox
from mobb_client.settings import load

_AT_ONCE: Final = 1000


@click.command("purge")
@_given.settings_option
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="Letters that ended before this day.")
@click.option("--keep-days", type=click.IntRange(min=0, max=36_500), help="Letters that ended longer ago than this.")
@click.option("--dry-run", is_flag=True, help="Only say how many letters that would be.")
@_show.json_option
def command(
    settings_file: Path,
    before: datetime | None,
    keep_days: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove text, BSN and attachments of letters that were delivered or put on paper some time ago.

    Without --before and --keep-days the settings say how long: keep_days of [outbox]. What is open or on the desk
    stays. Ids, clocks, codes and digests stay as well: they are the evidence.
    """
    if before is not None and keep_days is not None:
        raise click.UsageError("give --before or --keep-days, not both")
    store = load(settings_file, keys=False).outbox
    days = timedelta(days=store.keep_days if keep_days is None else keep_days)
    moment = utc_now() - days if before is None else before.replace(tzinfo=ZoneInfo(ZONE))
    with closing(store.open(read_only=dry_run)) as outbox:
        purged = outbox.purgeable(moment) if dry_run else _purge(outbox, moment)
    if as_json:
        _show.document("purge", before=moment, dry_run=dry_run, letters=purged)
        return
    done = "would be removed" if dry_run else "removed, and their BSNs"
    _show.verdict(f"ended before {_show.moment(moment)}: contents of {_show.count(purged, 'letter')} {done}", good=True)


def _purge(outbox: Outbox, before: datetime) -> int:
    """Remove all of it; the last look, which finds nothing, cleans the files."""
    total = outbox.purgeable(before)
    pages = _show.watched(
        iter(lambda: outbox.purge(before, _AT_ONCE), 0), "thousands of letters", total=total // _AT_ONCE
    )
    return sum(pages)
