"""What the benchmarks measure with: work beside its floor in turn, peaks of memory, and letters with PDFs on disk."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

MB = 1_000_000

Figure = dict[str, Any]
"""One line of the table: name, value, unit, floor, ratio and spread."""


def figure(name: str, value: float, unit: str, spread: str, *, floor: float | None = None) -> Figure:
    """Return a figure; its ratio is that of the two, unless who measured in pairs puts a better one there."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "floor": floor,
        "ratio": value / floor if floor else None,
        "spread": spread,
    }


def measure(  # noqa: PLR0913 - each by name
    name: str,
    work: Callable[[], object],
    floor: Callable[[], object],
    *,
    quick: bool,
    runs: int = 1,
    afterwards: Callable[[], object] = lambda: None,
) -> Figure:
    """Time work and floor in turn; the ratio is the median of the ratios pair by pair.

    Args:
        name: of the row.
        work: what is timed.
        floor: what it is held against.
        quick: three pairs instead of five.
        runs: how often in a row each is done for one figure.
        afterwards: tidies up after each of them, untimed.
    """

    def spent(one: Callable[[], object]) -> float:
        try:
            return 1000 * timed(lambda: [one() for _ in range(runs)]) / runs
        finally:
            afterwards()

    spent(work), spent(floor)  # warm up: imports, schemas, page cache
    pairs = [(spent(work), spent(floor)) for _ in range(3 if quick else 5)]
    works, floors = zip(*pairs, strict=True)
    found = figure(name, statistics.median(works), "ms", spread_of(works), floor=statistics.median(floors))
    return found | {"ratio": statistics.median(one / least for one, least in pairs)}


def alone(name: str, work: Callable[[], object], *, quick: bool, runs: int = 1) -> Figure:
    """Time something that has no floor, `runs` times in a row for one figure."""
    work()
    times = [1000 * timed(lambda: [work() for _ in range(runs)]) / runs for _ in range(3 if quick else 5)]
    return figure(name, statistics.median(times), "ms", spread_of(times))


def spread_of(times: Sequence[float]) -> str:
    """Return the least and the greatest."""
    return f"{min(times):.3f} to {max(times):.3f}"


_T = TypeVar("_T")


def in_child(work: Callable[..., _T], *given: object) -> _T:
    """Return what a function of a module returns, in a fresh process: no peak of memory, no import is another's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Bench:
    """Letters with PDFs on disk, and a sender under an unsigned and a signed CPA."""

    def __init__(self, folder: Path, number: int, size: int) -> None:
        from mobb_client import CPA, Identity, Regels, Sender
        from mobb_client.simulator.material import make_material

        self.folder = folder
        make_material(datetime.now(UTC)).write(folder)
        self.identity = Identity.from_path(folder / "sender.key", folder / "sender.crt")
        oin = self.identity.certificate.oin
        self.senders = {
            signed: Sender(
                oin=oin,
                cpa=CPA.from_path(folder / f"cpa-{profile}.xml"),
                identity=self.identity,
                regels=Regels(batch_bytes=100 * MB),
            )
            for signed, profile in ((False, "osb-rm"), (True, "osb-rm-s"))
        }
        self._numbers = count()
        self.paths = [self._pdf(one, size) for one in range(number)]
        self.letters = [letter(f"bench-{number}", path) for number, path in enumerate(self.paths)]

    def _pdf(self, number: int, size: int) -> Path:
        path = self.folder / f"{number}.pdf"
        path.write_bytes(b"%PDF-1.4\n" + os.urandom(size - 15) + b"\n%%EOF")
        return path

    def build(self, *, signed: bool, file: Path | None = None) -> None:
        """Write all letters as one message into a new file."""
        with (file or self.folder / f"{next(self._numbers)}.mime").open("xb") as sink:
            for outgoing in self.senders[signed].messages(self.letters, now=datetime.now(UTC)):
                outgoing.write(sink)

    def tidy(self) -> None:
        """Take away the files that were written."""
        for file in self.folder.glob("*.mime"):
            file.unlink()

    def floor(self, *, signed: bool) -> None:
        """Do what nobody can avoid: read, base64, two digests, one signature."""
        payload = sha256()
        for octets in self._encoded():
            payload.update(octets)
        if signed:
            self.identity.sign(payload.digest(), "sha256")

    def encrypted_floor(self) -> None:
        """Do what nobody can avoid who sends it over TLS: the same unsigned, and encrypt what goes out."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        payload, cipher, record = sha256(), AESGCM(bytes(16)), 1 << 14  # as large as a record of TLS may be
        for octets in self._encoded():
            payload.update(octets)
            for at in range(0, len(octets), record):
                cipher.encrypt(bytes(12), octets[at : at + record], None)

    def _encoded(self) -> Iterator[bytes]:
        for path in self.paths:
            octets = path.read_bytes()
            sha256(octets).digest()
            yield b2a_base64(octets, newline=False)


def letter(kenmerk: str, path: Path) -> Any:
    """Return a letter with that PDF."""
    from mobb_client import Bericht, Bijlage

    return Bericht(
        kenmerk=kenmerk,
        bsn="999993653",
        berichttype="AANSLAG",
        onderwerp="Aanslag gemeentelijke belastingen",
        berichttekst="Uw aanslag staat klaar.\nLees de bijlage.",
        bijlagen=[Bijlage.from_path(path, "Aanslag")],
    )


@contextmanager
def workbench(number: int, size: int) -> Iterator[Bench]:
    """Give a bench of so many letters with a PDF of so many octets each, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mobb-bench-") as folder:
        yield Bench(Path(folder), number, size)


def peak_from_here() -> float:
    """Let the peak begin at what is in use now, and return that: what the imports once took would hide a growth."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """Return the peak of resident memory in MB, as Linux counts it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / MB
