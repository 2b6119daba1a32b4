"""The lossy night: twenty thousand letters, and a network and a Berichtenbox on their worst day. In virtual time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from tests.faults.auditor import Auditor, bericht_id, check_resends
from tests.letters import letter
from tests.simulated import make_box, sender_of
from tests.stores import STORES

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.local import endpoint_of
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox, Outgoing
from mobb_client.simulator.material import Terms

LETTERS = {"sqlite": 20_000, "postgres": 5_000}
TERMS = Terms(retries=12, interval="PT30M")
STEP = timedelta(minutes=10)
DAYS = 4
CITIZENS = (
    ("999900006", 9000),  # Verwerkt
    ("999900304", 600),  # NietActiefOfGeabonneerd
    ("999900109", 200),  # TechnischProbleem, and then Verwerkt
    ("999900201", 40),  # TechnischProbleem for ever
    ("999901503", 100),  # Verwerkt, said in two results
    ("999901400", 50),  # Verwerkt, after two hours
    ("999900808", 5),  # BijlageTeGroot
    ("999901102", 3),  # the whole batch is refused, under the all-zero BerichtID
    ("999901205", 2),  # idem, for another reason
)
"""BSNs of the simulator, by what becomes of a letter to them, and how many of them there are among ten thousand."""
_ENDING = {"Verwerkt": "DELIVERED", "NietActiefOfGeabonneerd": "PAPER"}


class Weather:
    """What goes wrong on the way, by chance, and always the same for one seed."""

    def __init__(self, box: Berichtenbox, seed: int) -> None:
        self.box = box
        self.chance = random.Random(seed)  # noqa: S311 - a rehearsal
        self.seen: Counter[str] = Counter()
        self._late: list[Outgoing] = []

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Any:
        """Lose every tenth acknowledgment, answer every twentieth post with 503, reset every fiftieth upload."""
        drawn = self.chance.random()
        if drawn < 0.02:
            self.box.reset_next(self.chance.randrange(size))
            self.seen["reset"] += 1
        elif drawn < 0.07:
            self.box.answer_next(503, accepted=drawn < 0.04)
            self.seen["503"] += 1
        elif drawn < 0.17:
            self.box.lose_next_acknowledgment()
            self.seen["lost"] += 1
        if self.chance.random() < 0.1:
            self.box.repeat_next_result()
            self.seen["doubled"] += 1
        return self.box.wire.post(url, headers, body, size)

    def deliver(self) -> None:
        """Bring what is due in any order: some of it much later, some of it once more, as a copy that was late."""
        due = [*self._late, *self.box.due(self.box.clock.now())]
        self.chance.shuffle(due)
        self._late = []
        for outgoing in due:
            drawn = self.chance.random()
            if drawn < 0.1:
                self._late.append(outgoing)
                self.seen["late"] += 1
                continue
            self.box.deliver(outgoing)
            if drawn < 0.15:
                self._late.append(outgoing)
                self.seen["copied"] += 1


def letters(number: int, chance: random.Random) -> Iterator[Bericht]:
    """Give so many letters."""
    bsns, weights = zip(*CITIZENS, strict=True)
    for one, bsn in enumerate(chance.choices(bsns, weights, k=number)):
        yield letter(kenmerk=f"zaak-{one}", bsn=bsn)


def expected(box: Berichtenbox, number: int, oin: str) -> dict[str, str]:
    """Return where each letter must stand, by what the simulator last said of it; of whole batches it keeps nothing."""
    codes = {one.key: one.code for one in box.letters}
    return {
        f"zaak-{one}": _ENDING.get(codes.get(bericht_id(oin, f"zaak-{one}"), "refused"), "HUMAN")
        for one in range(number)
    }


@pytest.mark.parametrize("name", sorted(LETTERS))
def test_lossy_night(name: str, memory: Path) -> None:
    """Design 1: whatever is lost, refused, doubled, late or out of order: each letter ends once, and is there once."""
    number = LETTERS[name]
    box = make_box("osb-rm", terms=TERMS)
    weather = Weather(box, seed=20_261_122)
    made = sender_of(box)
    sender = Sender(oin=made.oins[0], cpa=made.cpa, identity=made.identity, regels=Regels(batch_berichten=10))
    oin = sender.oins[0].digits
    with STORES[name](memory) as store:
        with Client(sender, outbox=store.open(), wire=weather, now=box.clock.now) as client:
            box.connect(endpoint_of(client))
            assert len(client.enqueue(letters(number, weather.chance))) == number
            _see_through(client, weather)
        with closing(store.connect()) as connection:
            folder = memory / "outbox.sqlite.d"
            auditor = Auditor(connection, folder if folder.exists() else None)
            auditor.check_closed(expected(box, number, oin))
            auditor.check_endings(auditor.states())
    _check_box(box, weather)


def _see_through(client: Client, weather: Weather) -> None:
    for _ in range(DAYS * 144):
        client.send_due()
        weather.deliver()
        if not client.balance()["open"] and weather.box.next_due() is None and not client.send_due().attempted:
            return
        weather.box.clock.advance(seconds=STEP.total_seconds())
    raise AssertionError(f"still open after {DAYS} days: {client.balance()}")


def _check_box(box: Berichtenbox, weather: Weather) -> None:
    """Each letter in one message, but for those that were to be offered again; and it did rain."""
    again = {"999900109": 2, "999900201": 5}
    assert {(one.offers, again.get(one.bsn, 1)) for one in box.letters if one.offers != again.get(one.bsn, 1)} == set()
    check_resends(box.requests)
    assert [complaint.code for complaint in box.complaints] == []
    assert box.unsettled == ()
    assert min(weather.seen[what] for what in ("reset", "503", "lost", "doubled", "late", "copied")) > 10
