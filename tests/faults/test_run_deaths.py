"""A run dies at every transaction of its store, before it is stored and after, and another process goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.runs import NOT_SUBSCRIBED, Night, row, write_letters
from tests.stores import STORES

from mobb_client.client import Client
from mobb_client.local import endpoint_of
from mobb_client.outbox.contract import Transaction
from mobb_client.runs import intake
from mobb_client.runs import run as runs
from mobb_client.runs.run import Balance

ROWS = [row("a"), row("b", NOT_SUBSCRIBED), row("c"), row("x", "123"), row("a"), row("d"), row("", "123"), row("e")]
EXPECTED = Balance(letters=5, repeats=1, refused=2, delivered=4, paper=1, human=2)


class Death(BaseException):
    """Nothing of the process runs after this."""


class Dying:
    """A store that ends its process at one of its transactions."""

    def __init__(self, outbox: Any, at: int, *, stored: bool) -> None:
        self._outbox = outbox
        self.left = at
        self._stored = stored

    def __getattr__(self, name: str) -> Any:
        """Do everything else as the store does."""
        return getattr(self._outbox, name)

    @contextmanager
    def transaction(self, using: object | None = None) -> Iterator[Transaction]:
        """Give a transaction, perhaps the last."""
        if self.left <= 0:
            raise Death
        self.left -= 1
        with self._outbox.transaction(using) as tx:
            yield tx
            if self.left == 0 and not self._stored:
                raise Death
        if self.left == 0:
            raise Death

    def set_cursor(self, name: str, number: int) -> None:
        """Let go of a cursor, when there is somebody who can."""
        if self.left > 0:
            self._outbox.set_cursor(name, number)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a few rows at a time."""
    monkeypatch.setattr(intake, "CHUNK", 3)


@pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])
def test_every_transaction(tmp_path: Path, stored: bool) -> None:
    """Users 3: Windows update reboots the machine. `mobb run resume`. Not one letter twice."""
    letters = write_letters(tmp_path / "l.csv", ROWS)
    at = 1
    while _dies(tmp_path / str(at), letters, lambda outbox, at=at: Dying(outbox, at, stored=stored)):
        at += 1
    assert at > 10


def _dies(folder: Path, letters: Path, dying: Callable[[Any], Dying]) -> bool:
    """Let a run die, let another process go on, and look; return whether it came to dying."""
    folder.mkdir()
    with STORES["sqlite"](folder) as store:
        night = Night(store)
        real = store.worker()
        runs.begin(real, "aanslag", letters, night.box.clock.now())
        made = dying(real)
        client = Client(night.sender, outbox=made, wire=night.box.wire, now=night.box.clock.now)
        night.box.connect(endpoint_of(client))
        with suppress(Death):
            for _ in night.run(client).carry_out():
                pass
        store.kill(real)
        with night.client() as client:
            *_, last = night.run(client).carry_out()
            assert last.balance == EXPECTED
            rows = [line.row.number for line in client.outbox.run_lines("aanslag")]
            assert rows == list(range(2, 2 + len(ROWS)))
        store.close()
    assert {one.offers for one in night.box.letters} == {1}
    assert len(night.box.letters) == EXPECTED.letters
    return made.left <= 0
