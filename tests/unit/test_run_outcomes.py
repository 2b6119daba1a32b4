"""Reports of a run: they close, row by row, and they are the same when asked for again."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.runs import GOOD, NOT_SUBSCRIBED, TOO_LARGE, Night, row, write_letters
from tests.simulated import letter
from tests.stores import STORES
from tests.unit.test_runs import begin, codes, see_through

from mobb_client import ledger
from mobb_client.berichtenbox.abonnementen import Bron
from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.aflevering import State
from mobb_client.berichtenbox.identiteit import BSN
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, FieldError
from mobb_client.outbox.contract import EventName
from mobb_client.runs import outcomes
from mobb_client.runs.night import NO_PLOT, draw, summary_html
from mobb_client.runs.run import Phase

ROWS = [
    row("a"),
    row("b", NOT_SUBSCRIBED),
    row("a"),
    row("", GOOD),
    row("=1+1", "123"),
    row("d", TOO_LARGE),
    row("e", NOT_SUBSCRIBED),
]
COUNTS = {"bezorgd": 1, "papier": 2, "mens": 3}


@pytest.fixture(params=sorted(STORES))
def night(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Night]:
    """Return a night on a new store of each kind."""
    with STORES[request.param](tmp_path) as store:
        yield Night(store)
        store.close()


@pytest.fixture
def client(night: Night, tmp_path: Path) -> Iterator[Client]:
    """Return a client whose run has come to its end."""
    with night.client() as made:
        begin(night, made, write_letters(tmp_path / "l.csv", ROWS))
        see_through(night, made)
        yield made


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a report."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def listed(client: Client, folder: Path, **more: Any) -> list[str]:
    """Make a paper list, and return the kenmerken on it."""
    made = outcomes.close_paper_list(client.outbox, "aanslag", client.now(), **more)
    outcomes.write_paper_list(client.outbox, "aanslag", made.number if made else 0, folder / "papier.csv")
    return [one["kenmerk"] for one in read(folder / "papier.csv")]


def test_outcomes(client: Client, tmp_path: Path) -> None:
    """Users 3: one row for each row of the input; letters and refused rows add up to the balance."""
    outcomes.write_outcomes(client.outbox, "aanslag", tmp_path / "uitkomsten.csv")
    rows = read(tmp_path / "uitkomsten.csv")
    assert [(one["regel"], one["soort"], one["einde"]) for one in rows] == [
        ("2", "brief", "bezorgd"),
        ("3", "brief", "papier"),
        ("4", "herhaling", "bezorgd"),
        ("5", "geweigerd", "mens"),
        ("6", "geweigerd", "mens"),
        ("7", "brief", "mens"),
        ("8", "brief", "papier"),
    ]
    assert Counter(one["einde"] for one in rows if one["soort"] != "herhaling") == COUNTS
    assert [one["reden"] for one in rows] == [
        "resultaat.Verwerkt",
        "resultaat.NietActiefOfGeabonneerd",
        "resultaat.Verwerkt",
        "kenmerk.length",
        "bsn.format",
        "resultaat.BijlageTeGroot",
        "resultaat.NietActiefOfGeabonneerd",
    ]
    assert all(one["uitleg"] for one in rows)
    assert all(one["advies"] for one in rows if one["einde"] in {"mens", "papier"})


def test_no_formula(client: Client, tmp_path: Path) -> None:
    """A kenmerk that a spreadsheet would compute is text there."""
    outcomes.write_outcomes(client.outbox, "aanslag", tmp_path / "uitkomsten.csv")
    assert read(tmp_path / "uitkomsten.csv")[4]["kenmerk"] == "'=1+1"


def test_paper_lists(client: Client, night: Night, tmp_path: Path) -> None:
    """Each letter is on one list, once; a list that was made stays as it was, and asking again makes none."""
    assert listed(client, tmp_path) == ["b", "e"]
    first = (tmp_path / "papier.csv").read_bytes()
    assert listed(client, tmp_path) == []
    client.desk.paper("d", "de PDF blijft te groot")
    assert listed(client, tmp_path) == ["d"]
    outcomes.write_paper_list(client.outbox, "aanslag", 1, tmp_path / "papier.csv")
    assert (tmp_path / "papier.csv").read_bytes() == first
    run = outcomes.summarize(client.outbox, "aanslag", client.now()).run
    assert [(one.number, one.letters, outcomes.name_of(one)) for one in run.lists] == [
        (1, 2, "papier-1-laat.csv"),
        (2, 1, "papier-2-laat.csv"),
    ]


class TestRowsWithoutLetter:
    """Design 1: a refused row ends with a person, who may put it on paper, also when no kenmerk can name it."""

    ROWS = (row("a"), row("", "123"), row("a", onderwerp="Iets anders"), row("a", "123"), row("c", "123"))

    @pytest.fixture
    def client(self, night: Night, tmp_path: Path) -> Iterator[Client]:
        """Return a client whose run has a row without kenmerk, two with another's, and one of its own."""
        with night.client() as made:
            begin(night, made, write_letters(tmp_path / "l.csv", self.ROWS))
            see_through(night, made)
            yield made

    def test_on_paper(self, client: Client, tmp_path: Path) -> None:
        """Each by its number; it is on one paper list, once, and the balance closes."""
        assert [(run, one.number) for run, one in outcomes.rows_on_desk(client.outbox)] == [
            ("aanslag", 3), ("aanslag", 4), ("aanslag", 5),
        ]  # fmt: skip
        for number in (3, 4, 6):
            way = client.desk.paper_row("aanslag", number, "adres bekend")
            assert (way.state, way.kenmerk) == (State.PAPER, "c" if number == 6 else f"aanslag:{number}")
        assert listed(client, tmp_path) == ["", "a", "c"]
        assert [one["regel"] for one in read(tmp_path / "papier.csv")] == ["3", "4", "6"]
        assert listed(client, tmp_path) == []
        summary = outcomes.summarize(client.outbox, "aanslag", client.now())
        assert (summary.balance.paper, summary.balance.human, summary.balance.closes) == (3, 1, True)
        assert [one.number for _, one in outcomes.rows_on_desk(client.outbox)] == [5]

    def test_events(self, client: Client) -> None:
        """Who decided it, why, what was wrong, and that a letter under its kenmerk may be its correction."""
        for number in (3, 4):
            client.desk.paper_row("aanslag", number, "adres bekend")
        told = [event for event in client.outbox.events() if (event.kenmerk or "").startswith("aanslag:")]
        assert [str(event.name) for event in told] == ["letter.human", "letter.paper"] * 2
        assert told[0].data["codes"] == "bsn.format, kenmerk.length"
        assert [(one.data["by"], one.data["why"], one.data.get("warning")) for one in told[1::2]] == [
            ("desk", "adres bekend", None),
            ("desk", "adres bekend", "desk.may-have-arrived"),
        ]

    @pytest.mark.parametrize(
        ("number", "code"), [(2, "desk.row"), (99, "desk.row"), (3, "desk.state")], ids=["letter", "none", "twice"]
    )
    def test_refused(self, client: Client, number: int, code: str) -> None:
        """Only a refused row, and only once; nothing is changed otherwise."""
        client.desk.paper_row("aanslag", 3, "adres bekend")
        before = client.outbox.last_event()
        with pytest.raises(FieldError) as error:
            client.desk.paper_row("aanslag", number, "nog eens")
        assert error.value.code == code
        assert client.outbox.last_event() == before

    def test_reason(self, client: Client) -> None:
        """A reason is one line, without a BSN; a row stays as it was."""
        for reason in ("", f"bsn {GOOD}"):
            with pytest.raises(FieldError):
                client.desk.paper_row("aanslag", 3, reason)
        assert [one.number for _, one in outcomes.rows_on_desk(client.outbox)] == [3, 4, 5]

    def test_name_that_is_taken(self, client: Client) -> None:
        """A letter with the name of the row as its kenmerk stays what it is."""
        client.enqueue([letter(kenmerk="aanslag:3")])
        with pytest.raises(FieldError) as error:
            client.desk.paper_row("aanslag", 3, "adres bekend")
        assert error.value.code == "desk.row"

    def test_for_whom(self, client: Client, night: Night, tmp_path: Path) -> None:
        """A row that names none of our OINs is printed for the one that is given."""
        own = str(night.sender.oins[0])
        begin(night, client, write_letters(tmp_path / "m.csv", [row("", oin="00000099000000009999")]), "ander")
        see_through(night, client, "ander")
        with pytest.raises(FieldError) as error:
            client.desk.paper_row("ander", 2, "adres bekend")
        assert error.value.code == "sender.oin-unknown"
        assert client.desk.paper_row("ander", 2, "adres bekend", oin=own).oin == night.sender.oins[0]


def test_early_list(night: Night, tmp_path: Path) -> None:
    """Who is on paper before anything is sent is on the early list, and on no later one."""
    with night.client() as client:
        begin(night, client, write_letters(tmp_path / "l.csv", [row("x", "123"), row("b", NOT_SUBSCRIBED)]))
        made = night.run(client).carry_out()
        next(made)
        client.desk.paper("x", "adres bekend")
        assert listed(client, tmp_path, early=True) == ["x"]
        for _ in made:
            pass
        assert listed(client, tmp_path) == ["b"]
        assert outcomes.name_of(outcomes.find(client.outbox, "aanslag").lists[0]) == "papier-1-vroeg.csv"


def test_early_list_by_subscription(night: Night, tmp_path: Path) -> None:
    """Users 3: who is known not to be subscribed is printed before six, and is never offered."""
    sender = replace(night.sender, abonnementen=Abonnementregels(vereist=True))
    with night.client(sender) as client:
        with client.outbox.transaction() as tx:
            facts = [(BSN(GOOD), True), (BSN(NOT_SUBSCRIBED), False)]
            tx.register.put(sender.oins[0], None, Bron.ABONNEMENTSERVICE, client.now(), facts)
        begin(night, client, write_letters(tmp_path / "l.csv", [row("a"), row("b", NOT_SUBSCRIBED), row("c")]))
        for progress in night.run(client).carry_out():
            if progress.phase is Phase.READ:
                assert listed(client, tmp_path, early=True) == ["b"]
                assert progress.balance.paper == 1
        assert listed(client, tmp_path) == []
    assert len(night.box.letters) == 2


def test_summary(client: Client) -> None:
    """Users 3, 08:00: is everything out? One page; and it is the same when it is asked for again."""
    summary = outcomes.summarize(client.outbox, "aanslag", client.now())
    text = outcomes.summary_text(summary, cents=85)
    assert "7 regels = 4 brieven + 1 herhalingen + 2 geweigerd" in text
    assert "6 brieven en geweigerde regels = 1 bezorgd + 2 papier + 3 mens + 0 open" in text
    assert "De balans sluit. Elke regel heeft zijn einde." in text
    assert "(resultaat.NietActiefOfGeabonneerd)" in text
    assert "Op nog geen papierlijst van deze run: 2 brieven." in text
    assert "Besparing: 1 brieven niet op papier (16 %), 0 euro bespaard." in text
    assert outcomes.summarize(client.outbox, "aanslag", client.now()) == summary


def test_at_any_moment(night: Night, tmp_path: Path) -> None:
    """Asked for in the middle, it says what is open, and that there is more to read."""
    with night.client() as client:
        begin(night, client, write_letters(tmp_path / "l.csv", [row("a")]))
        made = night.run(client).carry_out()
        next(made)
        text = outcomes.summary_text(outcomes.summarize(client.outbox, "aanslag", client.now()))
        assert "Er staan nog 1 brieven open." in text
        assert "nog niet tot het einde gelezen" in text
        made.close()


def test_alarm(client: Client, night: Night, tmp_path: Path) -> None:
    """Design 1: a `Verwerkt` after paper is an alarm in every report."""
    assert "ALARM" not in outcomes.summary_text(outcomes.summarize(client.outbox, "aanslag", client.now()))
    way = client.aflevering("b")
    assert way is not None
    with client.outbox.transaction() as tx:
        ledger.note_letter(tx, EventName.LETTER_ALARM, way, client.now(), {})
    assert "ALARM: over 1 brieven" in outcomes.summary_text(outcomes.summarize(client.outbox, "aanslag", client.now()))


def test_no_bsn(client: Client, tmp_path: Path) -> None:
    """No BSN is in any report."""
    summary = outcomes.summarize(client.outbox, "aanslag", client.now())
    outcomes.write_outcomes(client.outbox, "aanslag", tmp_path / "u.csv")
    listed(client, tmp_path)
    texts = [summary_html(summary), *((tmp_path / name).read_text() for name in ("u.csv", "papier.csv"))]
    for bsn in (GOOD, NOT_SUBSCRIBED, TOO_LARGE):
        assert not [text for text in texts if bsn in text]


def test_plot(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The night is drawn without a display; without the extra the page says what it needs."""
    pytest.importorskip("matplotlib")
    summary = outcomes.summarize(client.outbox, "aanslag", client.now())
    assert sum(summary.night.sent.values()) == 4
    assert (draw(summary.night) or b"").startswith(b"\x89PNG")
    assert draw(outcomes.Night()) is not None
    assert "data:image/png" in summary_html(summary)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert NO_PLOT.split(":")[0] in summary_html(summary)


def test_outages(night: Night, tmp_path: Path) -> None:
    """Sends that came to nothing are on the plot."""
    with night.client() as client:
        begin(night, client, write_letters(tmp_path / "l.csv", [row("a")]))
        night.box.answer_next(503)
        see_through(night, client)
        summary = outcomes.summarize(client.outbox, "aanslag", client.now())
    assert sum(summary.night.failed.values()) == 1


def test_unknown(client: Client, tmp_path: Path) -> None:
    """Of a run that is not there, there is no report."""
    with pytest.raises(ConfigurationError) as error:
        outcomes.close_paper_list(client.outbox, "ander", client.now())
    assert codes(error) == ["run.unknown"]
