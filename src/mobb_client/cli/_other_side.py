"""The other side of a rehearsal: a simulator in a process of its own, that lives by the clock of the rehearsed night.

    python -P -m mobb_client.cli._other_side

One JSON document a line, both ways. In: how it is to be, and then questions. Out: what a sender needs, and answers. It
ends when its input ends. The clock is a file of eight octets, which who rehearses writes: seconds since the start.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, Self

from mobb_client.errors import MobbError
from mobb_client.runs.rehearsal import Outage
from mobb_client.simulator import rehearsed
from mobb_client.simulator.clock import Clock
from mobb_client.simulator.material import Profile, Terms, make_material

_PROGRAM: Final = ("-P", "-m", "mobb_client.cli._other_side")
_CLOCK_SIZE: Final = 8
_DAY: Final = timedelta(days=1)
_YEARS: Final = 1095 * _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What one sender and the Berichtenbox have agreed on, as far as a night depends on it; durations in seconds."""

    profile: Profile
    sync: bool
    retries: int
    interval: float
    persist: float

    def terms(self, number: int) -> Terms:
        """Return the terms of a CPA that says the same."""
        return Terms(
            cpa_id=f"repetitie-{number}",
            retries=self.retries,
            interval=f"PT{self.interval:g}S",
            persist=f"PT{self.persist:.0f}S",
            abonnementen=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How the other side is to be.

    Args:
        start: when its clock stands at nothing.
        clock: the file of the seconds since then.
        oins: whose letters come.
        agreed: with each sender.
        outages: what goes wrong, and when.
        crowd: the citizens, as `rehearsed.Crowd` takes them; the time in seconds.
    """

    start: datetime
    clock: Path
    oins: Sequence[str]
    agreed: Sequence[Agreed]
    outages: Sequence[Outage]
    crowd: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return it as the other side reads it."""
        return {
            "start": self.start.isoformat(),
            "clock": str(self.clock.absolute()),
            "oins": list(self.oins),
            "agreed": [asdict(one) for one in self.agreed],
            "outages": [(one.start.isoformat(), one.end.isoformat(), str(one.trouble)) for one in self.outages],
            "crowd": dict(self.crowd),
        }


@contextmanager
def clock_cell(path: Path) -> Iterator[memoryview[float]]:
    """Give the eight octets of a clock, as one number, that whoever opens the file reads at once."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), _CLOCK_SIZE) as shared:
        view = memoryview(shared)
        cell: memoryview[float] = view.cast("d")
        try:
            yield cell
        finally:
            cell.release()
            view.release()


def new_clock(path: Path) -> Path:
    """Write a clock that stands at nothing, and return its path."""
    path.write_bytes(bytes(_CLOCK_SIZE))
    return path


# Here


class OtherSide:
    """The process, as who rehearses sees it; the end of ``with`` ends it.

    Attributes:
        port: where it listens.
        sender_port: where our endpoint is to listen.
        key: PEM of the key that it made for us, trusted by nobody else.
        certificate: PEM.
        anchor: PEM of whom to trust.
        cpas: one for each sender.

    Raises:
        MobbError: it does not start.
    """

    def __init__(self, order: Order) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, *_PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            text=True,
        )
        told = self._ask(order.as_json())
        self.port, self.sender_port = int(told["port"]), int(told["sender_port"])
        self.key, self.certificate, self.anchor = (told[name].encode() for name in ("key", "certificate", "anchor"))
        self.cpas = tuple(document.encode() for document in told["cpas"])

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def settle(self) -> datetime | None:
        """Wait until all that is due has come to us; return when something is next, None when nothing is."""
        planned = self._ask({"ask": "settle"})["next"]
        return None if planned is None else datetime.fromisoformat(planned)

    def begin_night(self) -> None:
        """Let those leave who were subscribed when they were asked about, and are no longer."""
        self._ask({"ask": "night"})

    def complaints(self) -> int:
        """Return how much it found wrong with what it was sent."""
        return int(self._ask({"ask": "complaints"})["count"])

    def _ask(self, what: Mapping[str, object]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:  # not with PIPE
            raise AssertionError
        try:
            print(json.dumps(what), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            raise MobbError(f"the simulator of the rehearsal has ended (code {self._process.poll()})")
        found: dict[str, Any] = json.loads(answer)
        return found


# There


class _Told(Clock):
    """The clock of who rehearses."""

    def __init__(self, start: datetime, cell: memoryview[float]) -> None:
        super().__init__(start)
        self._start = start.astimezone(UTC)
        self._cell = cell

    def now(self) -> datetime:
        """Return the moment."""
        return self._start + timedelta(seconds=self._cell[0])

    def run(self) -> None:
        """Leave it to who rehearses."""

    def stop(self) -> None:
        """Leave it to who rehearses."""


def main() -> None:
    """Be the other side, until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this process decides
    order = json.loads(sys.stdin.readline())
    with clock_cell(Path(order["clock"])) as cell:
        _serve(order, _Told(datetime.fromisoformat(order["start"]), cell), sys.stdin, sys.stdout)


def _serve(order: Mapping[str, Any], clock: Clock, source: IO[str], sink: IO[str]) -> None:
    crowd = rehearsed.Crowd(**order["crowd"] | {"after": timedelta(seconds=order["crowd"]["after"])})
    outages = [
        rehearsed.Outage(datetime.fromisoformat(start), datetime.fromisoformat(end), trouble)
        for start, end, trouble in order["outages"]
    ]
    machine = datetime.now(UTC)  # what TLS goes by
    first, last = min(machine, clock.now()) - _DAY, max(machine, clock.now()) + _YEARS
    material = make_material(clock.now(), start=first, end=last, terms=Terms(abonnementen=True))
    box = rehearsed.RehearsedBox(material, clock, rehearsed.Play(crowd, outages), order["oins"])
    with box.serve() as served:
        given = [(Agreed(**one), number) for number, one in enumerate(order["agreed"], start=1)]
        cpas = [box.agree_also(one.profile, one.terms(number), sync=one.sync).decode() for one, number in given]
        told = {
            "port": served.port,
            "sender_port": served.sender_port,
            "key": material.sender.key_pem.decode(),
            "certificate": material.sender.certificate_pem.decode(),
            "anchor": material.authority.certificate_pem.decode(),
            "cpas": cpas,
        }
        print(json.dumps(told), file=sink, flush=True)
        _answer(box, crowd, served.wake, source, sink)


def _answer(
    box: rehearsed.RehearsedBox, crowd: rehearsed.Crowd, wake: Callable[[], None], source: IO[str], sink: IO[str]
) -> None:
    for line in source:
        answer: dict[str, object] = {}
        match json.loads(line)["ask"]:
            case "settle":
                wake()
                planned = box.settle()
                answer = {"next": planned and planned.isoformat()}
            case "night":
                crowd.is_night = True
            case "complaints":
                answer = {"count": len(box.complaints)}
        print(json.dumps(answer), file=sink, flush=True)


if __name__ == "__main__":
    main()
