"""A whole night: a run of many letters over TLS, an outage in the middle, kills by SIGKILL, and reports that close.

    python -m tests.faults.night --letters 20000 --size 120000

Six municipalities and a water board through one intermediary CPA, which must know who is subscribed before it sends.
The AbonnementService is asked in bulk, for each of the seven; six in ten citizens are subscribed, and a few of those
leave before the night. Rows are refused, repeated, and end in every way. One process is
killed while it reads, one while it sends during an outage of twenty minutes (of simulated time), and the last one comes
to the end.

What must become of each row is known from how it was made, and from nothing that the library says. Judges: the
simulator's memory, SQL that is ours, and the rows of the reports beside that plan.

Exit code 0: all of it is as it must be; 1: something is not, and it says what.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.faults import kill
from tests.faults.auditor import Auditor, bericht_id, crossings
from tests.faults.kill import OIN, TERMS, Failure, Fast, Simulator, fork, sender_of
from tests.pdfs import sized
from tests.runs import TECHNICAL, TOO_LARGE, row, write_letters
from tests.stores import STORES, Store

from mobb_client.berichtenbox.aanvraag import Paden
from mobb_client.berichtenbox.abonnementen import Variant
from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.examples.make_letters import bsns
from mobb_client.outbox.contract import Outbox, RowKind
from mobb_client.pki.identity import Identity
from mobb_client.runs import outcomes
from mobb_client.runs import run as runs
from mobb_client.runs.run import Phase, Run
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.outcomes import TEST_BSNS
from mobb_client.transport.listener import Listener

NAME = "aanslag"
OINS = (OIN, *(f"0000009900000000{number}000" for number in range(3, 9)))
OUTAGE = 20 * 60
"""Seconds, of simulated time."""
PACE = 120
"""How many times faster than the machine's both clocks go, unless told otherwise."""
PATIENCE = 1800
_IN, _OUT, _LEFT, _BAD, _AGAIN = "subscribed", "not subscribed", "left since", "bad", "again"
_ENDINGS = {_IN: "bezorgd", _OUT: "papier", _LEFT: "papier", TECHNICAL: "bezorgd", TOO_LARGE: "mens", _BAD: "papier"}
_WEIGHTS = {_IN: 5860, _OUT: 4000, _LEFT: 40, TECHNICAL: 40, TOO_LARGE: 20, _BAD: 20, _AGAIN: 20}
_GATE = Abonnementregels(vereist=True, mapper=Paden("Geabonneerd/BSN", "NietGeabonneerd/BSN"))
_REASONS = {
    _OUT: {"abonnement.geen"},
    _LEFT: {
        "resultaat.NietActiefOfGeabonneerd",
        "abonnement.geen",
    },  # the latter when they had told it of another letter
    _BAD: {"desk.paper"},
}
EVERYBODY = tuple(bsns())
CITIZENS: Mapping[str, tuple[str, ...]] = {
    what: tuple(bsn for at, bsn in enumerate(one for one in EVERYBODY if one not in TEST_BSNS) if is_so(at))
    for what, is_so in {
        _LEFT: lambda at: at % 500 == 0,
        _OUT: lambda at: at % 5 in {1, 2},
        _IN: lambda at: at % 5 not in {1, 2} and at % 500,
    }.items()
}
"""The test numbers, by what is the matter with their subscription."""


class Box(Simulator):
    """A box that can be down, and does not keep what it was sent."""

    terms = replace(TERMS, abonnementen=True)

    def more(self, box: Berichtenbox) -> dict[str, Callable[[], object]]:
        """Return what else can be asked of it."""
        box.globe.oins = frozenset(OINS)
        down = ExitStack()
        _unsubscribe(box, CITIZENS[_OUT])

        def begin() -> None:
            down.enter_context(box.outage())

        return {
            "down": begin,
            "up": down.close,
            "forget": box.requests.clear,
            "leave": lambda: _unsubscribe(box, CITIZENS[_LEFT]),
            "questions": lambda: box.abonnementen.questions,
        }


def _unsubscribe(box: Berichtenbox, citizens: tuple[str, ...]) -> None:
    for bsn in citizens:
        box.burger(bsn).niet_geabonneerd()


@dataclass(frozen=True)
class Row:
    """One row as it was put in: what is the matter with it, and whether the row before it is the same one."""

    what: str
    oin: str
    kenmerk: str
    is_repeat: bool = False

    @property
    def bericht_id(self) -> str:
        """Of its letter."""
        return bericht_id(self.oin, self.kenmerk)


@dataclass
class Night:
    """One night, and what must come of it."""

    folder: Path
    box: Box
    store: Store
    number: int
    size: int
    identity: Identity
    sender: Sender
    chance: random.Random
    rows: dict[int, Row] = field(default_factory=dict)
    peak: int = 0

    def write(self) -> Path:
        """Write the letters, and remember what must become of each row."""
        (self.folder / "besluit.pdf").write_bytes(sized(self.size))
        return write_letters(self.folder / "letters.csv", self._rows())

    def _rows(self) -> Iterator[dict[str, str]]:
        last: dict[str, str] | None = None
        for one in range(self.number):
            what = self.chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            number = one + 2
            if what == _AGAIN and last is not None:
                yield last
                self.rows[number] = replace(self.rows[number - 1], is_repeat=True)
                continue
            what = _IN if what == _AGAIN else what
            made = Row(what, OINS[one % 7], f"zaak-{one}")
            self.rows[number] = made
            last = row(made.kenmerk, self._bsn(what), oin=made.oin, bijlage_1="besluit.pdf")
            yield last
            last = None if what == _BAD else last

    def _bsn(self, what: str) -> str:
        return "123" if what == _BAD else self.chance.choice(CITIZENS[what]) if what in CITIZENS else what

    def numbers(self, *kinds: str) -> list[int]:
        """Return the rows of these kinds, repeats left out."""
        return [number for number, one in self.rows.items() if one.what in kinds and not one.is_repeat]

    # On Wednesday

    def ask(self) -> None:
        """Ask the AbonnementService about everybody, for each of the seven, until all is known; then some leave."""
        self.end(fork(self._ask))
        with closing(self.store.connect()) as connection:
            told = "SELECT count(*) FROM mobb_abonnement WHERE bron = 'abonnementservice'"
            if Auditor(connection).rows(told) != [(len(OINS) * len(EVERYBODY),)]:
                raise Failure("not everybody of whom was told is in the register")
        if self.box.ask("questions") != [len(EVERYBODY)] * len(OINS):
            raise Failure("the AbonnementService was asked something else")
        self.box.ask("leave")

    def _ask(self) -> None:
        with self._listening() as client:
            for oin in OINS:
                client.abonnementen.request(Variant.BSN_LIJST, bsns=EVERYBODY, oin=oin)
            while any(one.verwerkt is None for one in client.abonnementen.verzoeken()):
                client.send_due()
                time.sleep(0.05)

    # The process that dies

    def carry(self) -> None:
        """Carry the run out, from wherever it is."""
        with self._listening() as client:
            if runs.find(client.outbox, NAME).is_read:
                _put_on_paper(client)
            for progress in Run(client, NAME, wait=lambda seconds: time.sleep(min(seconds, 0.05))).carry_out(poll=1):
                if progress.phase is Phase.READ:
                    _put_on_paper(client)
                self.box.ask("forget")

    @contextmanager
    def _listening(self) -> Iterator[Client]:
        with (
            Client(self.sender, outbox=self.store.open(), now=Fast().now, parallel=4) as client,
            Listener(client.receive, identity=self.identity, anchors=self.sender.anchors, port=self.box.port),
        ):
            yield client

    def end(self, pid: int, *, killed: bool = False) -> None:
        """Wait until a process has ended, well unless it was killed, and note how much memory it had."""
        _, status, used = os.wait4(pid, 0)
        self.peak = max(self.peak, used.ru_maxrss)
        if status and not killed:
            raise Failure(f"a process failed: {status}")

    def kill_when(self, is_time: Callable[[Outbox], bool], *, at_once: bool = False) -> None:
        """Start a process, and kill it when it is time."""
        pid = fork(self.carry)
        self.wait_until(is_time, pid)
        if not at_once:
            time.sleep(self.chance.random() / 5)
        os.kill(pid, signal.SIGKILL)
        self.end(pid, killed=True)
        if self.store.name == "postgres":  # where a death is seen by the time that has passed
            with closing(self.store.connect()) as connection:
                connection.execute("UPDATE mobb_worker SET seen = '-infinity'")
                connection.commit()

    def wait_until(self, is_time: Callable[[Outbox], bool], pid: int) -> None:
        """Wait, with a look at the store."""
        end = time.monotonic() + PATIENCE
        with closing(self.store.open()) as outbox:
            while not is_time(outbox):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done or time.monotonic() > end:
                    counts = outbox.run_counts(NAME)
                    raise Failure(f"the process ended before it was to be killed: {status}, {dict(counts)}")
                time.sleep(0.01)

    # What must hold

    def judge(self) -> str:
        """Lay reports, SQL and the simulator's memory beside what was put in; return the page."""
        with closing(self.store.open()) as outbox:
            first, second = self._reports(outbox, "een"), self._reports(outbox, "twee")
            if first != second:
                raise Failure("reports that differ when they are asked for again")
            page = outcomes.summary_text(outcomes.summarize(outbox, NAME, Fast().now()))
        rows = {int(one["regel"]): one for one in _read(self.folder / "een" / "uitkomsten.csv")}
        wrong = [number for number, one in self.rows.items() if not _is_right(one, rows.get(number, {}))]
        if rows.keys() != self.rows.keys() or wrong:
            raise Failure(f"rows that are not as they must be: {[rows.get(number) for number in wrong[:5]]}")
        lists = {"papier-1-vroeg.csv": (_OUT, _BAD), "papier-2-laat.csv": (_LEFT,)}
        for name, kinds in lists.items():
            if [int(one["regel"]) for one in _read(self.folder / "een" / name)] != self.numbers(*kinds):
                raise Failure(f"{name} is not right to the row")
        self._audit()
        return page

    def _reports(self, outbox: Outbox, name: str) -> dict[str, bytes]:
        out = self.folder / name
        out.mkdir()
        outcomes.close_paper_list(outbox, NAME, Fast().now())
        outcomes.write_outcomes(outbox, NAME, out / "uitkomsten.csv")
        for made in runs.find(outbox, NAME).lists:
            outcomes.write_paper_list(outbox, NAME, made.number, out / outcomes.name_of(made))
        return {path.name: path.read_bytes() for path in out.iterdir()}

    def _audit(self) -> None:
        """Close the balance by SQL, find the evidence of each decision, and count at the other side."""
        with closing(self.store.connect()) as connection:
            auditor = Auditor(connection)
            kinds = dict(auditor.rows("SELECT kind, count(*) FROM mobb_run_row GROUP BY kind"))
            followed = dict(
                auditor.rows(
                    "SELECT l.state, count(*) FROM mobb_run_row r JOIN mobb_letter l ON l.bericht_id = r.bericht_id"
                    " WHERE r.kind <> 'repeat' GROUP BY l.state"
                )
            )
            self._audit_evidence(auditor)
        if kinds["letter"] + kinds["refused"] != sum(followed.values()) or sum(kinds.values()) != self.number:
            raise Failure(f"the balance does not close: {kinds}, {followed}")
        if followed.keys() - {"DELIVERED", "PAPER", "HUMAN"}:
            raise Failure(f"still open: {followed}")
        self._audit_box(self.box.report())

    def _audit_evidence(self, auditor: Auditor) -> None:
        """Each letter that was held back has in its event the fact that did it, and so has each that went."""
        told = auditor.rows("SELECT name, oin, kenmerk, data FROM mobb_event WHERE name LIKE 'letter.%'")
        facts = [(name, bericht_id(oin, kenmerk), json.loads(data)) for name, oin, kenmerk, data in told if oin]
        paper = {letter for name, letter, data in facts if name == "letter.paper" and _says(data, "papier")}
        if not paper >= {self.rows[number].bericht_id for number in self.numbers(_OUT)}:
            raise Failure("a letter on paper without the fact that put it there")
        checked = {letter for name, letter, data in facts if name == "letter.checked" and _says(data, "digitaal")}
        if not checked >= {self.rows[number].bericht_id for number in self.numbers(_IN, TECHNICAL, TOO_LARGE)}:
            raise Failure("a letter that was sent without a fact that let it through")

    def _audit_box(self, report: Mapping[str, Any]) -> None:
        """The other side has each letter once, twice when it asked for it again, and none that surely gets paper."""
        offers = report["letters"]
        sent = {self.rows[number].bericht_id: 1 for number in self.numbers(_IN, TOO_LARGE)}
        sent |= {self.rows[number].bericht_id: 2 for number in self.numbers(TECHNICAL)}
        left = {self.rows[number].bericht_id for number in self.numbers(_LEFT)}  # of some it was known before they went
        if {letter: count for letter, count in offers.items() if letter not in left} != sent:
            raise Failure(f"not each letter once: {dict(Counter(offers.values()))}, and {len(sent)} were to come")
        complaints, crossed = crossings(report["complaints"])
        if {offers[letter] for letter in offers.keys() & left} - {1} or complaints or len(crossed) > 2:
            raise Failure(f"what the other side complains of: {(complaints or crossed)[:3]}")


def _is_right(one: Row, told: Mapping[str, str]) -> bool:
    return told.get("einde") == _ENDINGS[one.what] and told.get("reden") in _REASONS.get(one.what, {told.get("reden")})


def _says(data: Mapping[str, str], besluit: str) -> bool:
    return data.get("besluit") == besluit and data.get("bron") in {"abonnementservice", "resultaat"}


def _put_on_paper(client: Client) -> None:
    """Let the operator put on paper what was refused, and print that before anything is sent."""
    if runs.find(client.outbox, NAME).lists:
        return
    for line in outcomes.lines(client.outbox, NAME):
        if line.row.kind is RowKind.REFUSED and line.aflevering is not None and line.aflevering.state == "HUMAN":
            client.desk.paper(line.row.kenmerk, "ongeldig nummer, adres bekend", oin=line.row.oin)
    outcomes.close_paper_list(client.outbox, NAME, client.now(), early=True)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _acknowledged(outbox: Outbox) -> int:
    counts = outbox.run_counts(NAME)
    return sum(count for (_, _, state), count in counts.items() if state in {"ACKNOWLEDGED", "DELIVERED"})


def pass_night(night: Night) -> str:
    """Let it pass, and return the page of the morning."""
    night.ask()
    _say(
        f"{len(EVERYBODY):,} citizens are known to each of the {len(OINS)}, and {len(CITIZENS[_LEFT])} have left since"
    )
    with closing(night.store.open()) as outbox:
        runs.begin(outbox, NAME, night.write(), Fast().now())
    night.kill_when(lambda outbox: 0 < outbox.run_last_row(NAME) < night.number, at_once=True)
    _say("killed while it read")
    night.kill_when(lambda outbox: _acknowledged(outbox) > night.number // 5 and _goes_down(night))
    _say("killed while it sent, in an outage")
    pid = fork(night.carry)
    time.sleep(OUTAGE / kill.PACE)
    night.box.ask("up")
    _say("the outage is over")
    night.end(pid)
    _say(f"no process had more than {night.peak * 1024 / 1e6:.0f} MB")
    return night.judge()


def _goes_down(night: Night) -> bool:
    night.box.ask("down")
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{time.monotonic() - _BEGAN:8.1f} s  {text}\n")
    sys.stdout.flush()


_BEGAN = time.monotonic()


def main() -> int:
    """Pass a night."""
    parser = argparse.ArgumentParser(description="A whole night, with an outage and kills.")
    parser.add_argument("--letters", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=120_000, help="octets of each PDF")
    parser.add_argument("--batch", type=int, default=1000, help="letters in a message at most")
    parser.add_argument("--store", choices=sorted(set(STORES) - {"memory"}), default="sqlite")
    parser.add_argument("--pace", type=int, default=PACE, help="how many times faster both clocks go")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    kill.PACE = given.pace
    with TemporaryDirectory() as name, STORES[given.store](Path(name)) as store:
        box = Box(Path(name), "osb-rm")
        try:
            identity, sender = sender_of(box, Regels(batch_berichten=given.batch))
            night = Night(
                folder=Path(name),
                box=box,
                store=store,
                number=given.letters,
                size=given.size,
                identity=identity,
                sender=replace(sender, oin=OINS, abonnementen=_GATE),
                chance=random.Random(given.seed),  # noqa: S311 - a rehearsal
            )
            _say(pass_night(night))
        except Failure as failure:
            _say(f"seed {given.seed}: {failure}")
            return 1
        finally:
            box.close()
    _say("every row is where it must be, and the other side has each letter once")
    return 0


if __name__ == "__main__":
    sys.exit(main())
