"""Runs for tests: a file of letters, a box on the other side, and a client between them, in virtual time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.simulated import make_box, sender_of
from tests.stores import Store

from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.rows import COLUMNS, RawRow
from mobb_client.client import Client
from mobb_client.local import endpoint_of
from mobb_client.runs.judges import Judges
from mobb_client.runs.judging import Criteria, Judge, Judged
from mobb_client.runs.run import Run
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox

GOOD = "999900006"
NOT_SUBSCRIBED = "999900304"
TECHNICAL = "999900109"
TOO_LARGE = "999900808"
"""BSNs of the simulator, by what becomes of a letter to them."""

ROW = {
    "bsn": GOOD,
    "berichttype": "BESCHIK",
    "onderwerp": "Besluit op uw aanvraag",
    "berichttekst": "Uw aanvraag is toegekend.",
}


def row(kenmerk: str, bsn: str = GOOD, **more: str) -> dict[str, str]:
    """Return a row that nothing is wrong with."""
    return {"kenmerk": kenmerk, **ROW, "bsn": bsn, **more}


def write_letters(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write rows as LETTERS."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


class Here(Judges):
    """Judges rows in this process: to start others takes longer than most tests do."""

    def judge(
        self, rows: Iterable[RawRow], folder: Path, criteria: Criteria, is_stopped: Callable[[], bool] = lambda: False
    ) -> Generator[list[Judged], None, None]:
        """Give rows judged, one at a time."""
        judge = Judge(folder, criteria, b"secret")
        for one in rows:
            if is_stopped():
                return
            yield [judge.judge(one)]


class Night:
    """A box and its clock; `client` opens a worker on a store, as another process would."""

    def __init__(self, store: Store, **more: Any) -> None:
        self.store = store
        self.box: Berichtenbox = make_box("osb-rm", **more)
        made = sender_of(self.box)
        self.sender = Sender(oin=made.oins[0], cpa=made.cpa, identity=made.identity, regels=Regels(batch_berichten=10))
        self.seconds = 0.0

    @contextmanager
    def client(self, *senders: Sender, **more: Any) -> Iterator[Client]:
        """Give a client whose endpoint the box knows."""
        outbox = self.store.worker()
        made = Client(*(senders or (self.sender,)), outbox=outbox, wire=self.box.wire, now=self.box.clock.now, **more)
        self.box.connect(endpoint_of(made))
        yield made

    def wait(self, seconds: float) -> None:
        """Let time pass: the box answers meanwhile."""
        self.box.process()
        self.box.clock.advance(seconds=max(seconds, 60))
        self.box.process()

    def run(self, client: Client, name: str = "aanslag", **more: Any) -> Run:
        """Return a run that lives by the clock of the box."""
        return Run(client, name, **{"wait": self.wait, "judges": Here(), **more})
