"""A run refuses what preflight calls an error, row by row: they are the same judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import pdfs
from tests.keys import MOMENT
from tests.letters import MADE
from tests.runs import Here, Night, row, write_letters
from tests.stores import STORES
from tests.unit import test_preflight as planting
from tests.unit.test_runs import begin, kinds, see_through

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.outbox.contract import RowKind
from mobb_client.runs import _pool, intake
from mobb_client.runs import run as runs
from mobb_client.runs.judges import Judges
from mobb_client.runs.preflight import preflight
from mobb_client.runs.run import Phase

Codes = list[tuple[int, list[str]]]
folder = planting.folder
JUDGES = Judges(validator=planting.judges, berichttypen=frozenset({"BESCHIK"}), processes=2)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """Return a night on SQLite."""
    with STORES["sqlite"](tmp_path) as store:
        yield Night(store)
        store.close()


@pytest.fixture
def client(night: Night) -> Iterator[Client]:
    """Return a client."""
    with night.client() as made:
        yield made


def foreseen(night: Night, file: Path, at: datetime = MADE) -> Codes:
    """Return the errors that preflight finds in each row."""
    found = preflight(file, at=at, owners=[night.sender.oins], berichttypen=["BESCHIK"], validator=planting.judges)
    return [(one.number, sorted(error.code for error in one.errors)) for one in found]


def refused(client: Client, night: Night, file: Path, at: datetime = MADE, **more: Any) -> Codes:
    """Return why a run refuses each row, after reading them all."""
    runs.begin(client.outbox, "aanslag", file, at)
    for progress in night.run(client, **{"judges": JUDGES, **more}).carry_out():
        if progress.phase is Phase.READ:
            break
    assert balances(client)
    return [(one.row.number, sorted(each.code for each in one.row.findings)) for one in lines(client)]


def lines(client: Client) -> Sequence[Any]:
    """Return the rows of the run."""
    return client.outbox.run_lines("aanslag")


def balances(client: Client) -> bool:
    """Tell whether a row is refused exactly when it has findings, and all of them are in one place."""
    assert all((one.row.kind is RowKind.REFUSED) == bool(one.row.findings) for one in lines(client))
    return runs.balance_of(client.outbox.run_counts("aanslag")).closes


class TestTheSame:
    """Users 3: what preflight finds is what the run refuses, at the same row and by the same code."""

    def test_planted(self, client: Client, night: Night, folder: Path) -> None:
        """One of each fault of a letter, its dates, its attachments, its PDFs, and of rows beside each other."""
        rows = [planting.good(n) | change for n, (_, change) in enumerate(planting.PLANTED, start=2)]
        file = planting.jsonl(folder, [planting.good(1), *rows, planting.good(999)], "run.jsonl")
        expected = foreseen(night, file)
        assert refused(client, night, file) == expected
        assert sum(bool(codes) for _, codes in expected) > 50

    def test_two_faults_at_once(self, client: Client, night: Night, folder: Path) -> None:
        """All that is wrong with a row is told at once, also when its kenmerk names another letter."""
        rows = [
            planting.good(1),
            planting.good(2, kenmerk="zaak-1", bijlage_1="script.pdf"),
            planting.good(3, kenmerk="zaak-1", publicatiedatum="2026-11-19"),
            planting.good(4, bijlage_1="script.pdf", publicatiedatum="2026-12-24", onderwerp=""),
            planting.good(5, bijlage_1="script.pdf"),
            planting.good(5),
            planting.good(5, onderwerp="Iets anders"),
        ]
        file = planting.jsonl(folder, rows, "two.jsonl")
        found = refused(client, night, file)
        assert found == foreseen(night, file)
        assert [codes for _, codes in found] == [
            [],
            ["kenmerk.reused", "pdf.javascript"],
            ["kenmerk.reused", "publicatiedatum.past"],
            ["onderwerp.length", "pdf.javascript"],
            ["pdf.javascript"],
            [],
            ["kenmerk.reused"],
        ]

    @pytest.mark.parametrize(
        "lines",
        [
            b'zaak,x,"open\n',
            b"zaak,999990019,BESCHIK\nzaak-2,999990019,BESCHIK,Besluit,Tekst\n",
            b"zaak,999990019,BESCHIK,Besluit,Tekst \xff\nzaak-2,999990019,BESCHIK,Besluit,Tekst\n",
        ],
    )
    def test_rows_that_are_none(self, client: Client, night: Night, tmp_path: Path, lines: bytes) -> None:
        """What only CSV can have."""
        file = tmp_path / "l.csv"
        good = b"z,999990019,BESCHIK,O,T\n"
        file.write_bytes(b"kenmerk,bsn,berichttype,onderwerp,berichttekst\n" + good + lines)
        assert refused(client, night, file) == foreseen(night, file)

    def test_owners(self, client: Client, night: Night, tmp_path: Path) -> None:
        """What is stored is the letter that was judged: whose it is, its dates as they were given, its attachments."""
        (tmp_path / "b.pdf").write_bytes(pdfs.real_pdf())
        own = str(night.sender.oins[0])
        given = row("a", oin=own, einddatum_handelingstermijn="2026-12-31", bijlage_1="b.pdf", referentie="R1")
        refused(client, night, write_letters(tmp_path / "l.csv", [given]))
        with client.outbox.transaction() as tx:
            stored = tx.letter((night.sender.oins[0], "a"))
        assert stored is not None
        assert stored.bericht is not None
        assert str(stored.bericht.einddatum_handelingstermijn) == "2026-12-31 23:59:59+01:00"
        assert (str(stored.bericht.oin), stored.bericht.referentie) == (own, "R1")
        assert [one.omschrijving for one in stored.bericht.bijlagen] == ["b.pdf"]


class TestDates:
    """g.6: a PublicatieDatum lies after the moment when its letter is handed over: for a run, when it began."""

    SOON = MOMENT + timedelta(minutes=30)

    def letters(self, folder: Path) -> Path:
        """Return a file with dates on both sides of one moment."""
        dates = [self.SOON - timedelta(seconds=1), self.SOON, self.SOON + timedelta(seconds=1)]
        rows = [row(f"zaak-{n}", publicatiedatum=at.isoformat()) for n, at in enumerate(dates)]
        return write_letters(folder / "l.csv", rows)

    def test_boundary(self, client: Client, night: Night, tmp_path: Path) -> None:
        """At the moment itself it is past, for both."""
        file = self.letters(tmp_path)
        assert refused(client, night, file, self.SOON) == foreseen(night, file, self.SOON)
        assert [bool(codes) for _, codes in foreseen(night, file, self.SOON)] == [True, True, False]

    def test_resumed_later(self, client: Client, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows that are read after a reboot are judged as those before it: by when the run began."""
        monkeypatch.setattr(intake, "CHUNK", 1)
        begin(night, client, self.letters(tmp_path))
        next(night.run(client).carry_out())
        night.box.clock.advance(seconds=7200)
        assert see_through(night, client)[-1].balance.delivered == 3
        assert {one.row.kind for one in lines(client)} == {RowKind.LETTER}

    def test_repeat(self, client: Client, night: Night, tmp_path: Path) -> None:
        """A row that repeats a letter of before is a repeat, although its date has passed since."""
        file = self.letters(tmp_path)
        refused(client, night, file, MOMENT)
        rows = [row("zaak-1", publicatiedatum=self.SOON.isoformat()), row("b")]
        night.box.clock.advance(seconds=7200)
        begin(night, client, write_letters(tmp_path / "again.csv", rows), "nog-eens")
        see_through(night, client, "nog-eens")
        assert [kind for _, kind, *_ in kinds(client.outbox, "nog-eens")] == [RowKind.REPEAT, RowKind.LETTER]


KILLER = """
import os
from mobb_client.runs import _worker, judging
look = judging.pdf.look
judging.pdf.look = lambda path, **more: os.kill(os.getpid(), 9) if path.name == "moord.pdf" else look(path, **more)
_worker.main()
"""


class TestProcesses:
    """Rows are judged by processes that may die; the run goes on."""

    def test_hostile(self, client: Client, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """B37: a PDF that takes its process down is a refused row, on the desk; the others go on."""
        monkeypatch.setattr(_pool, "_PROGRAM", ("-P", "-c", KILLER))
        for name in ("goed.pdf", "moord.pdf"):
            (tmp_path / name).write_bytes(pdfs.real_pdf())
        rows = [row("a", bijlage_1="goed.pdf"), row("b", bijlage_1="moord.pdf"), row("c", bijlage_1="goed.pdf")]
        found = refused(client, night, write_letters(tmp_path / "l.csv", rows))
        assert [codes for _, codes in found] == [[], ["pdf.limits"], []]
        assert see_through(night, client)[-1].balance.delivered == 2
        assert kinds(client.outbox)[1] == (3, RowKind.REFUSED, "b", State.HUMAN)

    def test_nothing_is_inherited(
        self, client: Client, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that judges holds nothing of the outbox, whose locks say who lives."""
        held: list[str] = []
        tell = _pool._Running.tell

        def look(running: Any, what: object) -> None:
            held.extend(str(fd.readlink()) for fd in Path(f"/proc/{running.process.pid}/fd").iterdir())
            tell(running, what)

        monkeypatch.setattr(_pool._Running, "tell", look)
        refused(client, night, write_letters(tmp_path / "l.csv", [row("a")]))
        assert held
        assert not [name for name in held if str(tmp_path) in name]

    def test_changed_after_it_was_judged(self, client: Client, night: Night, tmp_path: Path) -> None:
        """Design 3: what is sent is what was judged, else a person looks."""
        pdf = tmp_path / "b.pdf"
        pdf.write_bytes(pdfs.real_pdf())
        file = write_letters(tmp_path / "l.csv", [row("a"), row("b", bijlage_1="b.pdf")])
        judges = _Spoiling(lambda: pdf.write_bytes(pdfs.real_pdf(pdfs.script)))
        begin(night, client, file)
        assert see_through(night, client, judges=judges)[-1].balance.delivered == 1
        way = client.aflevering("b")
        assert way is not None
        assert (way.state, way.reason) == (State.HUMAN, "bijlage.changed")

    def test_stop(self, client: Client, night: Night, tmp_path: Path) -> None:
        """A stop while rows are judged: what is not stored is read again, and nothing is said to be read."""
        begin(night, client, write_letters(tmp_path / "l.csv", [row(f"zaak-{n}") for n in range(5)]))
        run = night.run(client, judges=_Spoiling(client.stop))
        assert list(run.carry_out()) == []
        assert not runs.find(client.outbox, "aanslag").is_read
        with night.client() as other:
            assert see_through(night, other)[-1].balance.delivered == 5


class _Spoiling(Here):
    """Lets something happen after a row was judged, and before it is stored."""

    def __init__(self, spoil: Callable[[], object]) -> None:
        super().__init__()
        object.__setattr__(self, "_spoil", spoil)

    def judge(self, *args: Any, **more: Any) -> Any:
        """Judge rows, spoil it, and give them."""
        judged = list(super().judge(*args, **more))
        self._spoil()
        yield from judged
