"""Death at every write: the process dies before each of them in turn, another goes on, and it ends as it would have.

On PostgreSQL, where it takes minutes, before every tenth; before all of them with MOBB_EVERY_WRITE=1.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.faults.auditor import Auditor, check_box
from tests.faults.fate import KINDS, Death, Fate, Line, endpoint, kill, mortal
from tests.simulated import letter, make_box, pdf, sender_of
from tests.stores import STORES, Store

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.local import endpoint_of
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.material import Profile, Terms

STEP = timedelta(minutes=10)
LONG = 120
TERMS = Terms(retries=30, interval="PT30M")
"""Nobody gives up in a night with many deaths."""
PARTS = 4
"""All writes, in so many tests: they may run beside each other."""
EXPECTED = {
    "gewoon": "DELIVERED",
    "technisch": "DELIVERED",
    "niet-geabonneerd": "PAPER",
    "bestaat-al": "HUMAN",
    "hele-batch": "HUMAN",
    "met-die-batch": "HUMAN",
    "twee-keer": "DELIVERED",
}
"""Where each letter must end, whatever happens: what the simulator answers implies it (`berichtenbox` c.2, c.3)."""
BSNS = ("999900006", "999900109", "999900304", "999900705", "999901102", "999990019", "999901503")
OFFERS = {"gewoon": 1, "technisch": 2, "niet-geabonneerd": 1, "bestaat-al": 1, "twee-keer": 1}
"""In how many messages the simulator must have each letter; of a batch that is refused whole it keeps none."""
MESSAGES = 5
RESULTS = 6
"""Each of them comes twice."""


@cache
def letters(file: Path) -> tuple[Bericht, ...]:
    """Return one letter for each thing that can become of it: one has an attachment in a file, one in octets."""
    attached: dict[str, list[Any]] = {"gewoon": [(pdf(), "Besluit.pdf")], "technisch": [file]}
    return tuple(
        letter(bsn, kenmerk, bijlagen=attached.get(kenmerk, ())) for bsn, kenmerk in zip(BSNS, EXPECTED, strict=True)
    )


class Night:
    """One box, one store, and the processes that live and die on them."""

    def __init__(self, box: Berichtenbox, store: Store, folder: Path) -> None:
        self.box = box
        self.store = store
        self.folder = folder
        self.heard: set[tuple[str, str]] = set()
        for _ in range(RESULTS):
            box.repeat_next_result()
        made = sender_of(box)
        self._sender = Sender(oin=made.oins[0], cpa=made.cpa, identity=made.identity, regels=Regels(batch_berichten=2))
        self._letters = letters(_file(folder.parent))

    def live(self, fate: Fate) -> bool:
        """Let a process do the job from its beginning; return whether it came to the end of it."""
        outbox: Any = None
        with mortal(KINDS[self.store.name], self.folder, fate) as connections:
            try:
                outbox = self.store.open()
                with self._client(outbox, fate) as client:
                    self._work(client, fate)
                    self._purge(outbox)
            except Death:
                kill(self.store, outbox, connections)
                self.box.connect(None)
                self._check_wreck()
        return not fate.is_dead

    def _client(self, outbox: Any, fate: Fate) -> Client:
        client = Client(
            self._sender,
            outbox=outbox,
            wire=Line(self.box.wire, fate),
            on_aflevering=lambda way: self.heard.add((way.kenmerk, way.state.value)),
            now=self.box.clock.now,
        )
        self.box.connect(endpoint(endpoint_of(client), fate))
        return client

    def _work(self, client: Client, fate: Fate) -> None:
        """Hand the letters over, and send, receive and tell until nothing is open on either side."""
        client.enqueue(self._letters)
        for _ in range(LONG):
            client.send_due()
            self.box.process()
            fate.look("the box is done")
            client.send_due()
            client.dispatch()
            if not client.balance()["open"] and self.box.next_due() is None:
                return
            self.box.clock.advance(seconds=STEP.total_seconds())
        raise AssertionError(f"still open after {LONG} rounds: {client.balance()}")

    def _purge(self, outbox: Any) -> None:
        while outbox.purge(self.box.clock.now() + timedelta(days=1)):
            pass

    def _check_wreck(self) -> None:
        """Look at what the dead left, before anybody repairs it."""
        with closing(self.store.connect()) as connection:
            auditor = Auditor(connection, _octets(self.folder))
            if auditor.is_made:
                auditor.check()

    def check(self, deaths: int) -> None:
        """Ask the simulator, the database and the disk whether all is as if nobody had ever died."""
        with closing(self.store.connect()) as connection:
            auditor = Auditor(connection, _octets(self.folder))
            auditor.check_closed(EXPECTED)
            auditor.check_endings(EXPECTED)
            kept = "SELECT l.kenmerk FROM mobb_content c JOIN mobb_letter l ON l.bericht_id = c.bericht_id"
            assert {one for (one,) in auditor.rows(kept)} == {one for one, end in EXPECTED.items() if end == "HUMAN"}
        check_box(self.box, OFFERS, oin=self._sender.oins[0].digits)
        sends = Counter(one.message_id for one in self.box.requests if one.action == "GLOBE-R-BV-Request")
        assert len(sends) == MESSAGES
        assert max(sends.values()) <= 1 + deaths, "a message is sent once, and once more for each death"
        assert set(EXPECTED.items()) <= self.heard, "each ending was told at least once"
        octets = b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())
        final = [bsn for bsn, end in zip(BSNS, EXPECTED.values(), strict=True) if end != "HUMAN"]
        assert not [bsn for bsn in final if bsn.encode() in octets], "B49: nothing is left of letters that have ended"


def _octets(folder: Path) -> Path | None:
    found = folder / "outbox.sqlite.d"
    return found if found.exists() else None


def _file(folder: Path) -> Path:
    path = folder / "besluit.pdf"
    if not path.exists():
        path.write_bytes(pdf(700))
    return path


@pytest.fixture(params=sorted(KINDS))
def night(request: pytest.FixtureRequest, memory: Path) -> Iterator[Callable[..., Night]]:
    """Return a maker of nights, each on a new store."""
    opened: list[Any] = []

    def make(profile: Profile, *, sync: bool) -> Night:
        folder = memory / str(len(opened))
        folder.mkdir()
        opened.append(STORES[request.param](folder))
        return Night(make_box(profile, sync=sync, terms=TERMS), opened[-1].__enter__(), folder)

    yield make
    for one in opened:
        one.__exit__(None, None, None)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("profile", "sync"), [("osb-rm", False), ("osb-rm-s", True)])
def test_every_write(night: Callable[..., Night], profile: Profile, part: int, *, sync: bool) -> None:
    """Design 1: at whichever write the process dies, each letter ends once, where it would have ended."""
    whole, never = night(profile, sync=sync), Fate()
    assert whole.live(never)
    whole.check(deaths=0)
    step = PARTS * (1 if whole.store.name == "sqlite" or "MOBB_EVERY_WRITE" in os.environ else 10)
    for at, what in islice(enumerate(never.steps, start=1), part, None, step):
        one = night(profile, sync=sync)
        assert not one.live(Fate(at)), what
        assert one.live(Fate()), what
        try:
            one.check(deaths=1)
        except AssertionError as error:
            raise AssertionError(f"died at write {at} of {len(never.steps)}, before {what}") from error


@pytest.mark.parametrize("seed", range(8))
def test_death_after_death(night: Callable[..., Night], seed: int) -> None:
    """Design 1: whoever comes after the dead may die as well, until one lives long enough."""
    chance = random.Random(seed)  # noqa: S311 - the same deaths every time
    one, deaths = night("osb-rm-s" if seed % 2 else "osb-rm", sync=bool(seed % 2)), 0
    while not one.live(Fate(chance.randint(1, 120) if deaths < 12 else None)):
        deaths += 1
    one.check(deaths)
    assert deaths > 2
