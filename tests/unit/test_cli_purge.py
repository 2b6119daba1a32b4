"""`mobb purge`: what letters said is gone from every file, and the evidence is still there."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests.commands import document, run
from tests.letters import letter
from tests.partner import TIME_TO_LIVE, Clock, Partner, every_event
from tests.stored import put, stored
from tests.unit.test_cli_status import outbox, settings

from mobb_client.berichtenbox.aflevering import State
from mobb_client.outbox.sqlite import SqliteOutbox

__all__ = ["settings"]

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
TEXT = "Een zin die nergens anders staat."
PDF = b"%PDF-1.7\n" + b"een bijlage die nergens anders staat" * 9 + b"\n%%EOF"


def old(kenmerk: str, days: int, state: State = State.DELIVERED) -> object:
    """Return a letter that ended some days ago."""
    return stored(kenmerk, state=state, ended=NOW - days * DAY)


@pytest.fixture
def filled(settings: Path) -> Path:
    """Return settings with letters that ended 40 and 20 days ago, and one on the desk."""
    with outbox(settings) as store:
        put(store, old("a", 40), old("b", 40, State.PAPER), old("c", 20), old("d", 40, State.HUMAN))  # type: ignore[arg-type] # letters
    return settings


def contents(settings: Path) -> dict[str, bool]:
    """Return which letters still have their content."""
    with outbox(settings) as store, store.transaction() as tx:
        found = {way.kenmerk: tx.letter(way.key) for way in store.afleveringen()}
    return {kenmerk: one is not None and one.bericht is not None for kenmerk, one in found.items()}


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ((), 2),
        (("--keep-days", "30"), 2),
        (("--keep-days", "10"), 3),
        (("--keep-days", "0"), 3),
        (("--before", f"{NOW - 30 * DAY:%Y-%m-%d}"), 2),
        (("--before", f"{NOW - 60 * DAY:%Y-%m-%d}"), 0),
    ],
)
def test_which(filled: Path, words: tuple[str, ...], number: int) -> None:
    """By the settings, or by what was given; the desk is left alone; first only told, then done, then nothing left."""
    found = document(run("purge", "--settings", filled, "--dry-run", "--json", *words))
    assert (found["schema"], found["dry_run"], found["letters"]) == ("mobb.purge/1", True, number)
    assert all(contents(filled).values())
    assert document(run("purge", "--settings", filled, "--json", *words))["letters"] == number
    assert [kenmerk for kenmerk, is_there in contents(filled).items() if not is_there] == ["a", "b", "c"][:number]
    assert document(run("purge", "--settings", filled, "--json", *words))["letters"] == 0


def test_for_people(filled: Path) -> None:
    """One line; both ways of saying when is wrong usage."""
    result = run("purge", "--settings", filled, "--dry-run")
    assert (result.exit_code, "contents of 2 letters would be removed" in result.output) == (0, True)
    assert "contents of 2 letters removed" in run("purge", "--settings", filled).output
    assert run("purge", "--settings", filled, "--before", "2026-01-01", "--keep-days", "3").exit_code == 2


def spots(folder: Path, *wanted: bytes) -> list[str]:
    """Return the names of the files in which any of these octets stand."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted({path.name for path in files for one in wanted if one in path.read_bytes()})


def test_nothing_is_left(tmp_path: Path) -> None:
    """B49: delivered, on paper, failed, expired: no BSN, text or attachment in any file; ids, clocks, digests stay."""
    partner = Partner(clock=Clock())
    with closing(SqliteOutbox(tmp_path / "outbox.sqlite")) as store:
        client = partner.client(outbox=store)
        content = {"berichttekst": TEXT, "bijlagen": [(PDF, "Besluit.pdf")]}
        client.enqueue(letter(kenmerk=f"zaak-{number}", **content) for number in range(3))
        client.send_due()
        searched = (letter().bsn.digits.encode(), TEXT.encode(), PDF[:60], b64encode(PDF)[:60])
        assert spots(tmp_path, *searched), "the search finds what is there"
        first = partner.batches[0]
        partner.verdict(first).to(client)
        client.enqueue([letter(kenmerk="late", **content)])
        for _ in range(3):
            client.send_due()
            partner.clock.move(TIME_TO_LIVE)
        client.desk.paper("late", "verlopen")
        refused = letter(kenmerk="refused", **content)
        client.enqueue([refused])
        client.send_due()
        partner.error(partner.batches[-1]).to(client)
        client.desk.deliver("refused", "gezien")
        partner.clock.move(DAY)
        assert client.purge(partner.clock()) == 5
        assert spots(tmp_path, *searched) == [], "while the outbox is open"
        events = every_event(client)
        assert [way.state for way in client.afleveringen()].count(State.DELIVERED) == 4
        told = str([event.data for event in events])
        assert sha256(PDF).hexdigest() in told
        assert str(first.batch_id) in told
        assert {event.kenmerk for event in events if event.kenmerk} == {"zaak-0", "zaak-1", "zaak-2", "late", "refused"}
        assert client.enqueue([refused])[0].state is State.DELIVERED, "and a repeat is still known"
    assert spots(tmp_path, *searched) == []
