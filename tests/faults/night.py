"""A whole night: a run of many letters over TLS, an outage in the middle, kills by SIGKILL, and reports that close.

    python -m tests.faults.night --letters 20000 --size 120000

Six municipalities and a water board through one intermediary CPA; six in ten citizens are subscribed; rows are refused,
repeated, and end in every way. One process is killed while it reads, one while it sends during an outage of twenty
minutes (of simulated time), and the last one comes to the end. Judges: the simulator's memory, SQL that is ours, and
the rows of the reports beside what was put in.

Exit code 0: all of it is as it must be; 1: something is not, and it says what.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import kill
from tests.faults.auditor import Auditor, crossings
from tests.faults.kill import OIN, Failure, Fast, Simulator, fork, sender_of
from tests.letters import pdf
from tests.runs import GOOD, NOT_SUBSCRIBED, TECHNICAL, TOO_LARGE, row, write_letters
from tests.stores import STORES, Store

from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.outbox.contract import Outbox, RowKind
from mobb_client.pki.identity import Identity
from mobb_client.runs import outcomes
from mobb_client.runs import run as runs
from mobb_client.runs.run import Phase, Run
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox
from mobb_client.transport.listener import Listener

NAME = "aanslag"
OINS = (OIN, *(f"0000009900000000{number}000" for number in range(3, 9)))
OUTAGE = 20 * 60
"""Seconds, of simulated time."""
PACE = 120
"""How many times faster than the machine's both clocks go, unless told otherwise."""
PATIENCE = 1800
_BAD, _AGAIN = "bad", "again"
_ENDINGS = {GOOD: "bezorgd", NOT_SUBSCRIBED: "papier", TECHNICAL: "bezorgd", TOO_LARGE: "mens", _BAD: "papier"}


class Box(Simulator):
    """A box that can be down, and does not keep what it was sent."""

    def more(self, box: Berichtenbox) -> dict[str, Callable[[], object]]:
        """Return what else can be asked of it."""
        box.globe.oins = frozenset(OINS)
        down = ExitStack()

        def begin() -> None:
            down.enter_context(box.outage())

        return {"down": begin, "up": down.close, "forget": box.requests.clear}


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
    expected: dict[int, str] = field(default_factory=dict)
    early: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)

    def write(self) -> Path:
        """Write the letters, and remember what must become of each row."""
        (self.folder / "besluit.pdf").write_bytes(pdf(self.size))
        return write_letters(self.folder / "letters.csv", self._rows())

    def _rows(self) -> Iterator[dict[str, str]]:
        weights = {GOOD: 5900, NOT_SUBSCRIBED: 4000, TECHNICAL: 40, TOO_LARGE: 20, _BAD: 20, _AGAIN: 20}
        last: dict[str, str] | None = None
        for one in range(self.number):
            what = self.chance.choices(list(weights), list(weights.values()))[0]
            number = one + 2
            if what == _AGAIN and last is not None:
                yield last
                self.expected[number] = self.expected[number - 1]
                continue
            what = GOOD if what == _AGAIN else what
            self.expected[number] = _ENDINGS[what]
            made = row(f"zaak-{one}", "123" if what == _BAD else what, oin=OINS[one % 7], bijlage_1="besluit.pdf")
            {_BAD: self.early, NOT_SUBSCRIBED: self.late}.get(what, []).append(number)
            last = None if what == _BAD else made
            yield made

    # The process that dies

    def carry(self) -> None:
        """Carry the run out, from wherever it is."""
        with (
            Client(self.sender, outbox=self.store.open(), now=Fast().now, parallel=4) as client,
            Listener(client.receive, identity=self.identity, anchors=self.sender.anchors, port=self.box.port),
        ):
            if runs.find(client.outbox, NAME).is_read:
                _put_on_paper(client)
            for progress in Run(client, NAME, wait=lambda seconds: time.sleep(min(seconds, 0.05))).carry_out(poll=1):
                if progress.phase is Phase.READ:
                    _put_on_paper(client)
                self.box.ask("forget")

    def kill_when(self, is_time: Callable[[Outbox], bool], *, at_once: bool = False) -> None:
        """Start a process, and kill it when it is time."""
        pid = fork(self.carry)
        self.wait_until(is_time, pid)
        if not at_once:
            time.sleep(self.chance.random() / 5)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
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
        wrong = {number: rows[number]["einde"] for number, end in self.expected.items() if rows[number]["einde"] != end}
        if rows.keys() != self.expected.keys() or wrong:
            raise Failure(f"rows that did not end where they must: {dict(list(wrong.items())[:10])}")
        for name, numbers in (("papier-1-vroeg.csv", self.early), ("papier-2-laat.csv", self.late)):
            if [int(one["regel"]) for one in _read(self.folder / "een" / name)] != numbers:
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
        """Close the balance by SQL, and count at the other side."""
        with closing(self.store.connect()) as connection:
            auditor = Auditor(connection)
            kinds = dict(auditor.rows("SELECT kind, count(*) FROM mobb_run_row GROUP BY kind"))
            followed = dict(
                auditor.rows(
                    "SELECT l.state, count(*) FROM mobb_run_row r JOIN mobb_letter l ON l.bericht_id = r.bericht_id"
                    " WHERE r.kind <> 'repeat' GROUP BY l.state"
                )
            )
        if kinds["letter"] + kinds["refused"] != sum(followed.values()) or sum(kinds.values()) != self.number:
            raise Failure(f"the balance does not close: {kinds}, {followed}")
        if followed.keys() - {"DELIVERED", "PAPER", "HUMAN"}:
            raise Failure(f"still open: {followed}")
        report = self.box.report()
        offers = Counter(report["letters"].values())
        complaints, crossed = crossings(report["complaints"])
        if offers[1] + offers[2] != kinds["letter"] or set(offers) - {1, 2} or complaints or len(crossed) > 2:
            raise Failure(f"not each letter once: {dict(offers)}, {(complaints or crossed)[:3]}")


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
    open_or_ended = {"ACKNOWLEDGED", "DELIVERED", "PAPER"}
    counts = outbox.run_counts(NAME)
    return sum(count for (kind, _, state), count in counts.items() if kind == "letter" and state in open_or_ended)


def pass_night(night: Night) -> str:
    """Let it pass, and return the page of the morning."""
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
    if os.waitpid(pid, 0)[1]:
        raise Failure("the last process failed")
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
                sender=replace(sender, oin=OINS),
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
