"""Who judges the rows of a file, for preflight and for a run alike: processes, told once what to judge by."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.berichtenbox.rows import RawRow
from mobb_client.runs._pool import Order, Pool
from mobb_client.runs.judging import Criteria, Judged
from mobb_client.runs.validator import Validator, judged_by

CHUNK: Final = 100
"""Rows that a process is given at a time."""
SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """How the rows of a file are judged.

    Args:
        validator: judges each PDF from outside; called in several threads at a time.
        berichttypen: the codes that are active in the Leveranciersportaal; empty when any will do.
        processes: how many judge rows at the same time; as many as there are processors when left out.
        seconds: how long a look at one PDF may take.
    """

    validator: Validator | None = None
    berichttypen: frozenset[str] = frozenset()
    processes: int | None = None
    seconds: float = SECONDS

    def criteria(
        self, at: datetime, regels: Regels = STANDAARD, owners: Iterable[Iterable[OIN]] = (), *, keeps: bool = False
    ) -> Criteria:
        """Return what letters are judged by that are handed over at one moment; the rest as in `Criteria`."""
        whose = tuple(map(tuple, owners))
        return Criteria(at=at, regels=regels, owners=whose, berichttypen=self.berichttypen, keeps=keeps)

    def judge(
        self, rows: Iterable[RawRow], folder: Path, criteria: Criteria, is_stopped: Callable[[], bool] = lambda: False
    ) -> Generator[list[Judged], None, None]:
        """Give rows judged, some at a time and in their order; those that are read ahead do not grow with their number.

        Args:
            rows: of one file.
            folder: the paths of attachments are relative to it.
            criteria: what they are judged by.
            is_stopped: tells whether to stop: then nothing more is given.
        """
        order = Order(folder=folder, criteria=criteria, secret=secrets.token_bytes(32), seconds=self.seconds)
        finish = None if self.validator is None else judged_by(self.validator)
        return Pool(order, self.processes or _processors(), finish, is_stopped).judged(_chunks(iter(rows)))


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(rows: Iterator[RawRow]) -> Iterator[Sequence[RawRow]]:
    while chunk := tuple(islice(rows, CHUNK)):
        yield chunk
