"""The plan of a run: what it will take, and what cannot end well is not begun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.letters import pdf
from tests.pdfs import real_pdf, script
from tests.runs import Here, Night, row, write_letters
from tests.stores import STORES
from tests.unit.test_runs import begin, codes, see_through

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.rows import RawRow
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError
from mobb_client.pki.certificate import Certificate
from mobb_client.runs.plan import ASSUMED, Plan, plan
from mobb_client.runs.run import RESERVE
from mobb_client.runs.window import ZONE, Window


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


def planned(client: Client, path: Path, rows: list[dict[str, str]], **more: Any) -> Plan:
    """Return the plan of rows."""
    senders = more.pop("senders", client.senders)
    now = more.pop("now", client.now())
    free = more.pop("free", RESERVE * 100)
    return plan(write_letters(path / "l.csv", rows), senders, client.outbox, now, free=lambda _: free, **more)


def test_counts(client: Client, tmp_path: Path) -> None:
    """Each row once; batches are cut as they will be."""
    (tmp_path / "b.pdf").write_bytes(pdf(100_000))
    rows = [row(f"zaak-{n}", bijlage_1="b.pdf") for n in range(25)]
    found = planned(client, tmp_path, [*rows, row("zaak-0"), row("x", "123"), row("y", oin="00000099000000009999")])
    assert (found.rows, found.letters, found.again, found.refused_rows) == (28, 25, 1, 2)
    assert (found.batches, list(found.by_oin.values())) == (3, [25])
    assert set(found.refused) == {"bsn.format", "sender.oin-unknown"}
    assert 25 * 133_000 < found.octets < 25 * 136_000
    assert not found.findings


def test_disk_of_what_is_made(client: Client, tmp_path: Path) -> None:
    """While the messages of a thousand letters are sent those of the next thousand are made: both need room."""
    (tmp_path / "b.pdf").write_bytes(pdf(10_000))
    rows = [row(f"zaak-{n}", bijlage_1="b.pdf") for n in range(3000)]
    thousand, two, three = (planned(client, tmp_path, rows[: n * 1000]) for n in (1, 2, 3))
    made = thousand.octets
    assert two.disk_needed - thousand.disk_needed > made
    assert three.disk_needed - two.disk_needed < made


def test_batches_as_sent(night: Night, client: Client, tmp_path: Path) -> None:
    """As many messages are made as were planned, and of the same size."""
    found = planned(client, tmp_path, [row(f"zaak-{n}") for n in range(25)])
    begin(night, client, tmp_path / "l.csv")
    see_through(night, client)
    data = [event.data for event in client.outbox.events() if event.name == "message.pending"]
    assert len(data) == found.batches == 3
    assert sum(int(one["payload_bytes"] or 0) for one in data) == found.octets


def test_speed(night: Night, client: Client, tmp_path: Path) -> None:
    """An assumption is said to be one; after a run on this outbox it is what that measured."""
    first = planned(client, tmp_path, [row("a")])
    assert (first.is_measured, first.bytes_per_second) == (False, ASSUMED)
    begin(night, client, tmp_path / "l.csv")
    seconds = iter(range(1, 10_000, 3))
    see_through(night, client, monotonic=lambda: next(seconds))
    again = planned(client, tmp_path, [row("b")])
    assert again.is_measured
    assert again.bytes_per_second != ASSUMED


def test_window(client: Client, tmp_path: Path) -> None:
    """It begins when the window opens."""
    now = datetime.fromisoformat("2026-03-02T12:00:00+01:00")
    found = planned(client, tmp_path, [row("a")], window=Window.parse("21:00-06:00"), now=now)
    assert found.starts == datetime.fromisoformat("2026-03-02T21:00:00+01:00")
    assert found.ends > found.starts


def test_thirteen_days(client: Client, tmp_path: Path) -> None:
    """Users 3: a PublicatieDatum too far ahead is refused in the plan."""
    far = (client.now() + timedelta(days=20)).isoformat(timespec="seconds")
    found = planned(client, tmp_path, [row("a"), row("b", publicatiedatum=far)])
    assert (found.refused_rows, dict(found.refused)) == (1, {"publicatiedatum.ahead": 1})

    assert str(client.now().date() + timedelta(days=13)) in found.examples["publicatiedatum.ahead"].rule_in("nl")


class TestDatesThatPass:
    """Users 3: what a run cannot do in time is said before it begins, with the last possible date."""

    def test_term(self, client: Client, tmp_path: Path) -> None:
        """A letter whose term passes before the run ends would end with a person: the run is not begun."""
        found = planned(client, tmp_path, [row("a")], senders=client.senders)
        soon, late = (found.ends + timedelta(seconds=n) for n in (-0.001, 60))
        rows = [row(f"zaak-{n}", einddatum_handelingstermijn=at.isoformat()) for n, at in enumerate((soon, late, soon))]
        now = client.now() - timedelta(minutes=5)
        again = planned(client, tmp_path, rows, now=now, window=self.window(now))
        assert again.letters == 3
        (error,) = again.errors
        assert (error.code, error.measure[:9]) == ("plan.einddatum", "2 letters")
        assert f"{again.ends.astimezone(ZONE):%Y-%m-%d %H:%M}" in error.rule_in("nl")
        with pytest.raises(ConfigurationError):
            again.check()

    def test_publication(self, client: Client, tmp_path: Path) -> None:
        """A PublicatieDatum that passes meanwhile is left out when the letter goes: a warning."""
        now = client.now()
        rows = [row("a", publicatiedatum=(now + timedelta(seconds=1)).isoformat()), row("b")]
        found = planned(client, tmp_path, rows, window=self.window(now))
        assert [(one.code, one.severity) for one in found.findings] == [("plan.publicatiedatum", "warning")]
        assert not found.errors

    def window(self, now: datetime) -> Window:
        """Return a window that opens five minutes later."""
        opens = (now + timedelta(minutes=5)).astimezone(ZONE)
        return Window(opens.time().replace(second=0, microsecond=0), (opens + timedelta(hours=1)).time())


class TestLookedInto:
    """Users 3: a template that is wrong is known before the night, not in the morning: some letters are judged."""

    def plan(self, client: Client, folder: Path, *rows: dict[str, str], **judges: Any) -> Plan:
        """Return the plan of rows, some of which are looked into."""
        (folder / "goed.pdf").write_bytes(real_pdf())
        (folder / "slecht.pdf").write_bytes(real_pdf(script))
        return planned(client, folder, list(rows), judges=Here(**judges))

    def test_some(self, client: Client, tmp_path: Path) -> None:
        """A bad one never stops the others: a warning that says what is wrong."""
        bad = [row(f"slecht-{n}", bijlage_1="slecht.pdf") for n in range(3)]
        found = self.plan(client, tmp_path, row("a", bijlage_1="goed.pdf"), *bad, row("x", "123"))
        (warning,) = found.findings
        assert (warning.code, warning.severity) == ("plan.refused", "warning")
        assert warning.measure == "3 of 4 that were looked into: pdf.javascript 3"

    def test_all(self, client: Client, tmp_path: Path) -> None:
        """When none can go the run is not begun."""
        found = self.plan(client, tmp_path, row("a", bijlage_1="slecht.pdf"), row("b", bijlage_1="slecht.pdf"))
        with pytest.raises(ConfigurationError) as error:
            found.check()
        assert codes(error) == ["plan.refused"]

    def test_types(self, client: Client, tmp_path: Path) -> None:
        """By all that the run will judge by."""
        found = self.plan(client, tmp_path, row("a"), berichttypen=frozenset({"ANDERS"}))
        assert [one.measure for one in found.errors] == ["1 of 1 that were looked into: berichttype.unknown 1"]

    def test_good(self, client: Client, tmp_path: Path) -> None:
        """Nothing to say of what is good; of a large input a part is looked into."""
        looked: list[str] = []

        class Counting(Here):
            """Says which rows it was given."""

            def judge(self, rows: Iterable[RawRow], *args: Any, **more: Any) -> Any:
                """Give rows judged."""
                given = list(rows)
                looked.extend(str(one.number) for one in given)
                return super().judge(given, *args, **more)

        rows = [row(f"zaak-{n}") for n in range(1000)]
        assert not planned(client, tmp_path, rows, judges=Counting()).findings
        assert looked == [*map(str, range(2, 202)), "501", "1001"]


@pytest.mark.parametrize(
    "letter",
    [{}, {"kenmerk": "x" * 190}, {"berichttekst": "x" * 4000}, {"berichttekst": "é" * 4000}],
    ids=["short", "kenmerk", "text", "accents"],
)
def test_disk_as_measured(tmp_path: Path, letter: dict[str, str]) -> None:
    """What a run takes on disk when all of it has ended is about what was planned, and no more."""
    number = 400
    with STORES["sqlite"](tmp_path) as store:
        night = Night(store)
        night.sender = replace(night.sender, regels=Regels())
        kenmerk = letter.pop("kenmerk", "zaak")
        rows = [row(f"{kenmerk}-{n}", **letter) for n in range(number)]
        with night.client() as client:
            empty = _octets(tmp_path)
            found = planned(client, tmp_path, rows)
            begin(night, client, tmp_path / "l.csv")
            assert see_through(night, client)[-1].balance.delivered == number
        store.close()
    taken = _octets(tmp_path) - empty
    promised = found.disk_needed - found.octets
    assert taken < promised < 1.5 * taken


def _octets(folder: Path) -> int:
    """Return how large a database is when it is closed."""
    return sum(file.stat().st_size for file in folder.rglob("*.sqlite"))


def test_nothing(client: Client, tmp_path: Path) -> None:
    """An input without a letter is not begun; a file that is none is wrong usage."""
    with pytest.raises(ConfigurationError) as error:
        planned(client, tmp_path, [row("x", "123")]).check()
    assert codes(error) == ["plan.empty"]
    with pytest.raises(ConfigurationError) as error:
        plan(tmp_path / "none.csv", client.senders, client.outbox, client.now())
    assert codes(error) == ["run.input"]
    (tmp_path / "l.csv").write_text("a,b\n")
    with pytest.raises(ConfigurationError):
        plan(tmp_path / "l.csv", client.senders, client.outbox, client.now())


def test_disk(client: Client, tmp_path: Path) -> None:
    """What does not fit on the disk beside the reserve is not begun."""
    with pytest.raises(ConfigurationError) as error:
        planned(client, tmp_path, [row("a")], free=RESERVE).check()
    assert codes(error) == ["plan.disk"]
    assert not planned(client, tmp_path, [row("a")], free=RESERVE + 100_000).findings


def test_certificate_expires_in_the_night(night: Night, client: Client, tmp_path: Path) -> None:
    """B57, users 3: valid when it begins and not when it ends: the plan says until when, and refuses."""
    certificate = Certificate(night.box.material.sender.certificate)
    (tmp_path / "b.pdf").write_bytes(pdf(400_000))
    last = certificate.not_after - timedelta(milliseconds=500)
    many = [row(f"zaak-{n}", bijlage_1="b.pdf") for n in range(10)]
    found = planned(client, tmp_path, many, now=last)
    assert "plan.expires" in {one.code for one in found.errors}
    assert any("the run ends" in one.measure for one in found.errors)
    with pytest.raises(ConfigurationError):
        found.check()


def test_anchors(night: Night, client: Client, tmp_path: Path) -> None:
    """B57: of two anchors that overlap one is enough; when none is left the run is not begun."""
    soon = Certificate(night.box.material.authority.certificate)
    sender = replace(night.sender, anchors=(soon,), identity=None)
    late = soon.not_after + timedelta(days=1)
    found = planned(client, tmp_path, [row("a")], senders=[sender], now=late)
    assert [one.severity for one in found.findings if one.field.startswith("anchor")] == ["error"]


def test_senders_of_others(night: Night, client: Client, tmp_path: Path) -> None:
    """Several organisations under one CPA have batches of their own."""
    first, second = night.sender.oins[0], OIN("00000099000000003000")
    sender = replace(night.sender, oin=(first, second))
    rows = [row("a"), row("b", oin=str(second)), row("c")]
    found = planned(client, tmp_path, rows, senders=[sender])
    assert (dict(found.by_oin), found.batches) == ({first: 2, second: 1}, 2)
