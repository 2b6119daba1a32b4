"""Runs: one input under one name, each row known exactly once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.pdfs import real_pdf
from tests.runs import GOOD, NOT_SUBSCRIBED, TECHNICAL, TOO_LARGE, Night, row, write_letters
from tests.stores import STORES

from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, FieldError
from mobb_client.outbox.contract import EventName, Hold, Outbox, RowKind
from mobb_client.runs import intake
from mobb_client.runs import run as runs
from mobb_client.runs.run import Balance, Phase, Progress, balance_of
from mobb_client.runs.window import ZONE, Window


@pytest.fixture(params=sorted(STORES))
def night(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Night]:
    """Return a night on a new store of each kind."""
    with STORES[request.param](tmp_path) as store:
        yield Night(store)
        store.close()


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Night]:
    """Return a night in memory."""
    with STORES["memory"](tmp_path) as store:
        yield Night(store)


def begin(night: Night, client: Client, letters: Path, name: str = "aanslag", **more: Any) -> None:
    """Begin a run."""
    runs.begin(client.outbox, name, letters, night.box.clock.now(), **more)


def see_through(night: Night, client: Client, name: str = "aanslag", **more: Any) -> list[Progress]:
    """Carry out a run to its end."""
    return list(night.run(client, name, **more).carry_out())


def kinds(outbox: Outbox, name: str = "aanslag") -> list[tuple[int, RowKind, str, State | None]]:
    """Return what each row is, and where its letter stands."""
    return [
        (line.row.number, line.row.kind, line.row.kenmerk, line.aflevering.state if line.aflevering else None)
        for line in outbox.run_lines(name)
    ]


def codes(error: pytest.ExceptionInfo[ConfigurationError]) -> list[str]:
    """Return the codes of an error."""
    return [finding.code for finding in error.value.findings]


ROWS = [
    row("a"),
    row("b", NOT_SUBSCRIBED),
    row("a"),
    row("c", "123"),
    row("", GOOD),
    row("a", onderwerp="Iets anders"),
    row("d", TOO_LARGE),
    row("e", TECHNICAL),
    row("f", oin="00000099000000009999"),
    row("c"),
]


class TestRows:
    """Design 1: rows read = letters + identical repeats + refused rows, and each ends in one place."""

    def test_every_kind(self, night: Night, tmp_path: Path) -> None:
        """A night with one of everything: the balance closes, row by row."""
        with night.client() as client:
            begin(night, client, write_letters(tmp_path / "l.csv", ROWS))
            told = see_through(night, client)
            assert kinds(client.outbox) == [
                (2, RowKind.LETTER, "a", State.DELIVERED),
                (3, RowKind.LETTER, "b", State.PAPER),
                (4, RowKind.REPEAT, "a", State.DELIVERED),
                (5, RowKind.REFUSED, "c", None),
                (6, RowKind.REFUSED, "", None),
                (7, RowKind.REFUSED, "a", None),
                (8, RowKind.LETTER, "d", State.HUMAN),
                (9, RowKind.LETTER, "e", State.DELIVERED),
                (10, RowKind.REFUSED, "f", None),
                (11, RowKind.LETTER, "c", State.DELIVERED),
            ]
            balance = Balance(letters=5, repeats=1, refused=4, delivered=3, paper=1, human=5)
            assert balance_of(client.outbox.run_counts("aanslag")) == told[-1].balance == balance
            assert (balance.rows, balance.input, balance.closes) == (10, 9, True)
        assert [one.code for one in night.box.complaints] == []

    def test_lost(self) -> None:
        """A row whose letter is not there is in no place: the balance says that it does not close."""
        counts = {(RowKind.LETTER, None, State.DELIVERED): 2, (RowKind.LETTER, None, None): 1}
        balance = balance_of(counts)
        assert (balance.input, balance.human, balance.closes) == (3, 0, False)

    def test_desk(self, fast: Night, tmp_path: Path) -> None:
        """A refused row is on the desk under its kenmerk; a person's decision about it closes the row."""
        with fast.client() as client:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row("c", "123"), row("c", "456")]))
            see_through(fast, client)
            assert kinds(client.outbox) == [(2, RowKind.REFUSED, "c", State.HUMAN), (3, RowKind.REFUSED, "c", None)]
            client.desk.paper("c", "adres bekend")
            assert kinds(client.outbox)[0][3] is State.PAPER

    def test_known_before(self, fast: Night, tmp_path: Path) -> None:
        """A letter that another run brought is a repeat here, and counts there."""
        with fast.client() as client:
            for name, rows in (("een", [row("a")]), ("twee", [row("a"), row("b")])):
                begin(fast, client, write_letters(tmp_path / f"{name}.csv", rows), name)
                see_through(fast, client, name)
            assert [kind for _, kind, *_ in kinds(client.outbox, "twee")] == [RowKind.REPEAT, RowKind.LETTER]

    def test_file_that_goes_meanwhile(self, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """B37: an attachment that is gone when it is to be stored, or sent, costs its own row and no other."""
        pdf = tmp_path / "b.pdf"
        pdf.write_bytes(real_pdf())
        letters = write_letters(tmp_path / "l.csv", [row("a"), row("b", bijlage_1="b.pdf"), row("c")])
        store = intake.TakeIn.store
        monkeypatch.setattr(intake.TakeIn, "store", lambda *args: (pdf.unlink(missing_ok=True), store(*args)))
        with night.client() as client:
            begin(night, client, letters)
            assert see_through(night, client)[-1].balance.delivered == 2
            assert [state for *_, state in kinds(client.outbox)] == [State.DELIVERED, State.HUMAN, State.DELIVERED]


class TestOnce:
    """Users 3: the same file is not started twice."""

    def test_same_again(self, night: Night, tmp_path: Path) -> None:
        """The same name and input: resume. The same name or input with another: refused. A copy is the same input."""
        letters = write_letters(tmp_path / "l.csv", [row("a")])
        copied = write_letters(tmp_path / "copy.csv", [row("a")])
        other = write_letters(tmp_path / "other.csv", [row("b")])
        with night.client() as client:
            begin(night, client, letters)
            see_through(night, client)
            for name, file, code in (
                ("aanslag", copied, "run.exists"),
                ("aanslag", other, "run.name-used"),
                ("ander", copied, "run.same-input"),
            ):
                with pytest.raises(ConfigurationError) as error:
                    begin(night, client, file, name)
                assert codes(error) == [code]
                assert "100 % ended" in str(error.value)

    @pytest.mark.parametrize("name", ["", "a b", "999993653", "x" * 101, "../x"])
    def test_names(self, fast: Night, tmp_path: Path, name: str) -> None:
        """A name is a word, and no BSN."""
        with fast.client() as client, pytest.raises(ConfigurationError) as error:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row("a")]), name)
        assert codes(error) == ["run.name"]

    def test_unreadable(self, fast: Night, tmp_path: Path) -> None:
        """No file, no run; and no run, nothing to stop."""
        with fast.client() as client:
            with pytest.raises(ConfigurationError) as error:
                begin(fast, client, tmp_path / "none.csv")
            assert codes(error) == ["run.input"]
            for act in (runs.stop, runs.resume, runs.find):
                with pytest.raises(ConfigurationError) as error:
                    act(client.outbox, "aanslag")
                assert codes(error) == ["run.unknown"]

    def test_two_operators(self, night: Night, tmp_path: Path) -> None:
        """B36: while one process carries a run out, another may not; when it dies, another may."""
        if not night.store.is_durable:
            pytest.skip("in memory there is one worker")
        with night.client() as client:
            begin(night, client, write_letters(tmp_path / "l.csv", [row("a")]))
            first = night.run(client).carry_out()
            next(first)
            with night.client() as other:
                with pytest.raises(ConfigurationError) as error:
                    see_through(night, other)
                assert codes(error) == ["run.busy"]
                night.store.kill(client.outbox)
                assert see_through(night, other)[-1].balance.delivered == 1
            first.close()


class TestResume:
    """Issue 5: a kill and a resume, and not one letter twice."""

    def test_first_row_not_stored(self, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It goes on where the last stored chunk ends."""
        monkeypatch.setattr(intake, "CHUNK", 3)
        letters = write_letters(tmp_path / "l.csv", [row(f"zaak-{n}") for n in range(8)])
        with night.client() as client:
            begin(night, client, letters)
            for _ in zip(range(2), night.run(client).carry_out(), strict=False):
                pass
            assert client.outbox.run_last_row("aanslag") == 7
            assert see_through(night, client)[-1].balance == Balance(letters=8, delivered=8)
        assert {one.offers for one in night.box.letters} == {1}
        assert len(night.box.letters) == 8

    def test_changed_input(self, fast: Night, tmp_path: Path) -> None:
        """Another file under the same path is not read on with."""
        letters = write_letters(tmp_path / "l.csv", [row("a")])
        with fast.client() as client:
            begin(fast, client, letters)
            write_letters(letters, [row("b")])
            with pytest.raises(ConfigurationError) as error:
                see_through(fast, client)
            assert codes(error) == ["run.input-changed"]
            assert client.outbox.run_last_row("aanslag") == 0

    def test_header(self, fast: Night, tmp_path: Path) -> None:
        """A wrong header row is wrong usage."""
        letters = tmp_path / "l.csv"
        letters.write_text("kenmerk,naam\na,b\n")
        with fast.client() as client:
            begin(fast, client, letters)
            with pytest.raises(ConfigurationError) as error:
                see_through(fast, client)
            assert "row.column" in codes(error)


class TestStop:
    """Users 3: municipality 4 wants its run stopped: what is sent is sent, the rest stays in the pool."""

    def test_one_oin(self, night: Night, tmp_path: Path) -> None:
        """Of one OIN nothing more goes, by any worker, until it is resumed."""
        first = night.sender.oins[0]
        second = OIN("00000099000000003000")
        sender = replace(night.sender, oin=(first, second))
        letters = write_letters(tmp_path / "l.csv", [row("a"), row("b", oin=str(second)), row("c", oin=str(first))])
        with night.client(sender) as client:
            begin(night, client, letters)
            assert runs.stop(client.outbox, "aanslag", second) == Balance()
            assert see_through(night, client)[-1].balance == Balance(letters=3, delivered=2, open=1)
            client.send_due()
            assert [state for *_, state in kinds(client.outbox)] == [State.DELIVERED, State.QUEUED, State.DELIVERED]
            runs.resume(client.outbox, "aanslag", second)
            assert see_through(night, client)[-1].balance.open == 0

    def test_all(self, fast: Night, tmp_path: Path) -> None:
        """A run that is stopped is over, and its letters wait."""
        with fast.client() as client:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row("a")]))
            runs.stop(client.outbox, "aanslag")
            last = see_through(fast, client)[-1]
            assert (last.phase, last.balance.open, last.holds) == (Phase.DONE, 1, [Hold(why="stop")])
            runs.resume(client.outbox, "aanslag")
            assert see_through(fast, client)[-1].balance.delivered == 1

    def test_signal(self, fast: Night, tmp_path: Path) -> None:
        """`client.stop` ends it in the middle of reading, and nothing is lost."""
        with fast.client() as client:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row("a")]))
            client.stop()
            assert see_through(fast, client) == []
            assert client.is_stopped
        with fast.client() as client:
            assert see_through(fast, client)[-1].balance.delivered == 1


class TestWaiting:
    """A window, and a disk that fills up."""

    def test_window(self, fast: Night, tmp_path: Path) -> None:
        """Nothing goes into a message outside of the window, and all of it goes when it opens."""
        start = fast.box.clock.now()
        local = (start + timedelta(hours=2)).astimezone(ZONE)
        window = Window(local.time().replace(second=0, microsecond=0), (local + timedelta(hours=1)).time())
        with fast.client() as client:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row("a")]), window=window)
            told = see_through(fast, client)
            assert [hold.why for hold in told[0].holds] == ["window"]
            assert told[-1].balance.delivered == 1
            (sent,) = [event.at for event in client.outbox.events(names=[EventName.MESSAGE_PENDING])]
        assert start + timedelta(hours=1, minutes=59) <= sent <= start + timedelta(hours=2, minutes=2)

    def test_disk(self, tmp_path: Path) -> None:
        """Users 3: it pauses before the disk is full, and goes on by itself."""
        free = iter([10, 10, 2, 2, 2, 10, 2, 2])
        with STORES["sqlite"](tmp_path) as store:
            night = Night(store)
            with night.client() as client:
                begin(night, client, write_letters(tmp_path / "l.csv", [row("a")]))
                told = see_through(night, client, free=lambda _: next(free, 10), reserve=5)
            store.close()
        assert told[-1].balance.delivered == 1
        assert any(hold.why == "disk" for one in told for hold in one.holds)
        assert not told[-1].holds

    def test_speed(self, fast: Night, tmp_path: Path) -> None:
        """How fast it goes, and when it is done, follow from what went."""
        seconds = iter(range(1, 10_000))
        with fast.client() as client:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row(f"zaak-{n}") for n in range(30)]))
            told = see_through(fast, client, monotonic=lambda: next(seconds))
            run = runs.find(client.outbox, "aanslag")
        assert told[-1].bytes_per_second
        assert told[-1].finish is not None
        assert (run.sent_bytes > 0, run.sent_seconds > 0) == (True, True)

    def test_busy_side(self, fast: Night, tmp_path: Path) -> None:
        """Half as much at once when the other side cannot keep up, and more again while all goes well."""
        paces: list[int] = []
        with fast.client(parallel=8) as client:
            begin(fast, client, write_letters(tmp_path / "l.csv", [row("a")]))
            fast.box.answer_next(503)
            paces += [client.pace.parallel for _ in fast.run(client).carry_out()]
            assert client.pace.parallel == 8
        assert 4 in paces


class TestWindow:
    """B23: the window is in Dutch time, moments are UTC."""

    NIGHT = Window.parse("21:00-06:00")

    @pytest.mark.parametrize("text", ["", "21:00", "24:00-06:00", "21:00-21:00", "9:00-10:00", "21:00 - 06:00"])
    def test_wrong(self, text: str) -> None:
        """Two times that differ, written out."""
        with pytest.raises(FieldError) as error:
            Window.parse(text)
        assert error.value.code == "run.window"

    @pytest.mark.parametrize(
        ("day", "hours"), [("2026-11-21", 9), ("2026-10-24", 10), ("2026-03-28", 8)], ids=["plain", "autumn", "spring"]
    )
    def test_length(self, day: str, hours: int) -> None:
        """In the night when the clocks go back it is an hour longer, when they go forward an hour shorter."""
        noon = datetime.fromisoformat(f"{day}T12:00:00Z")
        opens = self.NIGHT.opens(noon)
        assert self.NIGHT.closes(opens) - opens == timedelta(hours=hours)
        assert not self.NIGHT.is_open(opens - timedelta(seconds=1))
        assert self.NIGHT.is_open(opens)
        assert not self.NIGHT.is_open(self.NIGHT.closes(opens))

    def test_hour_that_is_skipped(self) -> None:
        """A time that is not there in spring is waited for until the next day; at the latest."""
        window = Window.parse("02:15-02:45")
        assert window.opens(datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(2026, 3, 30, 0, 15, tzinfo=UTC)

    def test_after(self) -> None:
        """Work rests while it is closed."""
        start = datetime(2026, 11, 21, 20, tzinfo=UTC)
        assert self.NIGHT.after(start, timedelta(hours=9)) == datetime(2026, 11, 22, 5, tzinfo=UTC)
        assert self.NIGHT.after(start, timedelta(hours=10)) == datetime(2026, 11, 22, 21, tzinfo=UTC)
        assert str(Window.parse("08:30-17:00")) == "08:30-17:00"
