"""Times the library against the floor that no program with these features can avoid, each row in its own process.

    python benchmarks/run.py [--quick] [--json] [NAME...]

The floor is base64 of the PDFs, SHA-256 over each PDF and over the payload, and one RSA signature a message, timed with
the same libraries in the same process, in turn with what it is the floor of. Ratios are what counts: figures are
medians of five (three with --quick, with fewer letters), and a machine's speed cancels out of a ratio. Exit code 1
when memory is over its budget; times never fail.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import compare
import growth
import look
import night
from measure import MB, Bench, Figure, alone, figure, in_child, measure, peak, peak_from_here, timed, workbench

MEMORY_BUDGET = 24.0  # MB of growth, whatever the batch
MEMORY_BUDGETS = {"preflight_memory": 200.0, "run_read_memory": 200.0}  # MB of all its processes together


def main() -> int:
    """Run the rows that were asked for, each in its own process, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="fewer letters, three runs")
    parser.add_argument("--json", action="store_true", help="a list of objects on stdout")
    given = parser.parse_args()
    if unknown := set(given.names) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    found = [figure for name in given.names or ROWS for figure in in_child(ROWS[name], given.quick)]
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)
    over = [
        one for one in found if one["unit"] == "MB" and one["value"] > MEMORY_BUDGETS.get(one["name"], MEMORY_BUDGET)
    ]
    return 1 if over else 0


def _print(found: list[Figure]) -> None:
    print(f"{'name':<34}{'value':>12} {'unit':<5}{'floor':>12}{'ratio':>8}  {'spread'}")
    for one in found:
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
        floor = "" if one["floor"] is None else f"{one['floor']:.3f}"
        print(f"{one['name']:<34}{one['value']:>12.3f} {one['unit']:<5}{floor:>12}{ratio:>8}  {one['spread']}")


# The rows


def letter_500kb_signed(quick: bool) -> list[Figure]:
    """One letter with one PDF of 500,000 bytes becomes complete signed MIME octets in a new file."""
    with workbench(1, 500_000) as bench:
        build, floor = partial(bench.build, signed=True), partial(bench.floor, signed=True)
        runs = 20 if quick else 50
        return [measure("letter_500kB_signed", build, floor, quick=quick, runs=runs, afterwards=bench.tidy)]


def batch_149x500kb(quick: bool) -> list[Figure]:
    """149 letters of 500,000 bytes, one message of 100 MB, unsigned and signed."""
    return _batch("batch_149x500kB", 15 if quick else 149, 500_000, quick=quick)


def batch_1000x70kb(quick: bool) -> list[Figure]:
    """1000 letters of 70,000 bytes, the other 100 MB."""
    return _batch("batch_1000x70kB", 100 if quick else 1000, 70_000, quick=quick)


def _batch(name: str, count: int, size: int, *, quick: bool) -> list[Figure]:
    with workbench(count, size) as bench:
        return [
            measure(
                f"{name}_{'signed' if signed else 'unsigned'}",
                partial(bench.build, signed=signed),
                partial(bench.floor, signed=signed),
                quick=quick,
                afterwards=bench.tidy,
            )
            for signed in (False, True)
        ]


def batch_peak_memory(quick: bool) -> list[Figure]:
    """Growth of the peak resident memory while messages of 10 MB and of 100 MB are made."""
    counts = (("10MB", 15), ("100MB", 30 if quick else 149))
    return [_growth(f"batch_peak_memory_{label}", count) for label, count in counts]


def _growth(name: str, count: int) -> Figure:
    return figure(name, in_child(grow, count), "MB", f"{count} x 500 kB, unsigned and signed")


def grow(count: int) -> float:
    """Return by how many MB the peak grows over messages of `count` letters, imports and schemas left out."""
    with workbench(count, 500_000) as bench:
        letters, bench.letters = bench.letters, bench.letters[:1]
        for signed in (False, True):
            bench.build(signed=signed)
        bench.letters = letters
        before = peak_from_here()
        for signed in (False, True):
            bench.build(signed=signed)
        return peak() - before


def read_500kb_signed(quick: bool) -> list[Figure]:
    """A signed message with one PDF of 500,000 bytes is read and verified, from octets to trust."""
    from mobb_client.ebms import packet

    with workbench(1, 500_000) as bench:
        outgoing = next(bench.senders[True].messages(bench.letters, now=datetime.now(UTC)))
        sink = BytesIO()
        kind = outgoing.write(sink).packet.headers["Content-Type"]

        def read() -> None:
            received = packet.read(kind, sink.getvalue())
            packet.verify(received, outgoing.route.signing, bench.identity.certificate, synchronous=False)

        return [alone("read_500kB_signed", read, quick=quick, runs=20)]


def ack_signed_verify(quick: bool) -> list[Figure]:
    """A signed acknowledgment is read, verified, and compared with what was sent."""
    from mobb_client.ebms import agreement, packet, signature

    now = datetime.now(UTC)
    with workbench(1, 10_000) as bench:
        outgoing = next(bench.senders[True].messages(bench.letters, now=now))
        sent = outgoing.write(BytesIO()).packet.references
        ack = agreement.acknowledge(outgoing.message, sent, message_id="ack@bench", timestamp=now)
        sink, signing = BytesIO(), outgoing.route.signing
        packet.write(ack, [], sink, packet.Signer(bench.identity, signing))

        def verify() -> None:
            received = packet.read("text/xml", sink.getvalue())
            packet.verify(received, signing, bench.identity.certificate, synchronous=False)
            signature.check_receipt(sent, received.message.references)

        return [alone("ack_signed_verify", verify, quick=quick, runs=20)]


def enqueue_sqlite(quick: bool) -> list[Figure]:
    """A message of 100 MB that is made already: octets and rows, synced; beside it a plain write and fsync."""
    from mobb_client import SqliteOutbox

    with workbench(15 if quick else 149, 500_000) as bench:
        message = bench.folder / "message.mime"
        bench.build(signed=False, file=message)
        octets = message.read_bytes()
        with closing(SqliteOutbox(bench.folder / "outbox.sqlite")) as outbox:
            store = partial(_store, outbox, bench, octets)
            found = measure("enqueue_sqlite", store, partial(_write_synced, bench.folder, octets), quick=quick)
    return [found]


def _write_synced(folder: Path, octets: bytes) -> None:
    target = folder / "plain"
    with target.open("wb") as file:
        file.write(octets)
        os.fsync(file.fileno())
    target.unlink()


def _store(outbox: Any, bench: Bench, octets: bytes) -> None:
    """Store a message and take its letters out of the queue, as the client does; forget it afterwards."""
    from mobb_client import ledger
    from mobb_client.berichtenbox.aflevering import Aflevering
    from mobb_client.berichtenbox.bericht import bericht_id
    from mobb_client.ebms import exchange
    from mobb_client.outbox.contract import StoredLetter, StoredMessage

    now, oin = datetime.now(UTC), bench.senders[False].oins[0]
    made = (str(uuid4()) for _ in bench.letters)
    ways = [Aflevering(oin=oin, kenmerk=one, bericht_id=bericht_id(oin, one), handed_over=now) for one in made]
    message = StoredMessage(
        message_id=f"{uuid4()}@bench",
        kind="letters",
        cpa_id="bench",
        url="https://bench",
        headers={},
        size=len(octets),
        batch_id=uuid4(),
        created=now,
        entry=exchange.begin(now, None),
    )
    with outbox.transaction() as tx:
        for way in ways:
            tx.add_letter(StoredLetter(bericht=None, aflevering=way))
    outbox.write_body(message.message_id, lambda sink: sink.write(octets))
    with outbox.transaction() as tx:
        ledger.begin(tx, message, ways, now, ledger.Evidence())
    with outbox.transaction() as tx:
        tx.drop_body(message.message_id)


def enqueue_1000(quick: bool) -> list[Figure]:
    """1,000 letters of 2 kB without attachment, made already: one transaction, durable."""
    from mobb_client import Bericht, SqliteOutbox
    from mobb_client.simulator import Berichtenbox

    good = {"bsn": "999993653", "berichttype": "AANSLAG", "onderwerp": "Aanslag", "berichttekst": "Aanslag " * 225}
    calls = 3 if quick else 5
    made = iter([[Bericht(kenmerk=f"{call}-{n}", **good) for n in range(1000)] for call in range(calls + 1)])
    with (
        tempfile.TemporaryDirectory(prefix="mobb-bench-") as folder,
        Berichtenbox().client(outbox=SqliteOutbox(Path(folder) / "outbox.sqlite")) as client,
    ):
        return [alone("enqueue_1000", lambda: client.enqueue(next(made)), quick=quick)]


def result_1000(quick: bool) -> list[Figure]:
    """A signed result of 1,000 letters is read, verified and stored in SQLite, and our acknowledgment signed."""
    from mobb_client import SqliteOutbox
    from mobb_client.pki import Certificate
    from mobb_client.simulator import Berichtenbox, example_letter

    box = Berichtenbox("osb-rm-s")
    peer = Certificate.from_der(box.material.receiver.certificate_der)
    calls = iter(range(9))
    with (
        tempfile.TemporaryDirectory(prefix="mobb-bench-") as folder,
        box.client(outbox=SqliteOutbox(Path(folder) / "outbox.sqlite")) as client,
    ):

        def incoming() -> list[Callable[[], object]]:
            """Return what is received for 1,000 letters more: first the acknowledgment, then the result."""
            call = next(calls)
            client.enqueue(example_letter(f"{call}-{number}") for number in range(1000))
            client.send_due()
            due = sorted(box.due(box.clock.now()), key=lambda one: len(one.body))
            return [partial(client.receive, one.headers, one.body, peer=peer) for one in due]

        times = []
        for _ in range(3 if quick else 6):
            *first, result = incoming()
            for one in first:
                one()
            times.append(1000 * timed(result))
        assert client.balance()["delivered"] == 1000 * len(times)
    spread = f"{min(times[1:]):.3f} to {max(times[1:]):.3f}"
    return [figure("result_1000", statistics.median(times[1:]), "ms", spread)]


def abonnement_1m(quick: bool) -> list[Figure]:
    """The request of a million BSNs, as texts, each judged by the elfproef, and what memory grows by."""
    from uuid import UUID

    from mobb_client.berichtenbox.aanvraag import write_aanvraag
    from mobb_client.berichtenbox.abonnementen import Aanvraag, Variant
    from mobb_client.berichtenbox.identiteit import OIN, passes_elfproef

    asked = Aanvraag(oin=OIN("00000099123456789000"), verzoek_id=UUID(int=1), variant=Variant.BSN_LIJST)
    good = [digits for digits in (f"9999{n:05d}" for n in range(100_000)) if passes_elfproef(digits)]
    million = 1_000_000 // len(good)
    with tempfile.TemporaryFile(prefix="mobb-bench-") as file:

        def write() -> None:
            file.seek(0)
            bsns = (digits for _ in range(million + 1) for digits in good)
            write_aanvraag(asked, islice(bsns, 1_000_000), file.write)

        before = peak_from_here()
        found = alone("abonnement_1M", write, quick=quick)
        return [found, figure("abonnement_1M_memory", peak() - before, "MB", "the peak")]


def preflight(quick: bool) -> list[Figure]:
    """100,000 letters with PDFs of 120 kB (2,000 with --quick), each row and each PDF looked at anew; CPU of all."""
    from mobb_client.runs.preflight import preflight as judged

    def good(file: Path) -> int:
        return sum(row.good for row in judged(file, at=datetime.now(UTC), processes=_PROCESSES))

    return _rows_judged("preflight", quick, good)


def run_read(quick: bool) -> list[Figure]:
    """The same letters read by a run: judged as preflight does, and stored in SQLite, durable; CPU of all."""
    from mobb_client import Client, Sender
    from mobb_client.examples.make_letters import oins
    from mobb_client.outbox.opening import open_outbox
    from mobb_client.runs.judges import Judges
    from mobb_client.runs.run import Phase, Run, begin

    def letters(file: Path) -> int:
        with workbench(1, 1_000) as bench:
            sender = Sender(oin=oins(1), cpa=bench.senders[False].cpa)
        with Client(sender, outbox=open_outbox(f"sqlite:{file.with_name('outbox.sqlite')}")) as client:
            begin(client.outbox, "night", file, client.now())
            run = Run(client, "night", judges=Judges(processes=_PROCESSES))
            return next(one.balance.letters for one in run.carry_out() if one.phase is Phase.READ)

    return _rows_judged("run_read", quick, letters)


_PROCESSES = 2


def _rows_judged(name: str, quick: bool, good: Callable[[Path], int]) -> list[Figure]:
    """Time what judges a file of letters, and returns how many are good: all of them."""
    import resource

    from mobb_client.examples.make_letters import make

    def cpu() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    letters, documents = (2_000, 500) if quick else (100_000, 1_000)
    with tempfile.TemporaryDirectory(prefix="mobb-bench-") as folder:
        file = _repeated(make(Path(folder), documents, 1, 120_000), letters // documents)
        wall, before = time.perf_counter(), cpu()
        assert good(file) == letters
        wall, used = time.perf_counter() - wall, cpu() - before
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MB
    return [
        figure(name, 1000 * wall / letters, "ms", "one run"),
        figure(f"{name}_cpu", 1000 * used / letters, "ms", "one run"),
        figure(f"{name}_memory", peak() + _PROCESSES * largest, "MB", "one run"),
    ]


def _repeated(file: Path, times: int) -> Path:
    """Write a file with the same letters so many times, each time under another kenmerk and reference."""
    head, *rows = file.read_text().split("aanslag-2027-")
    with file.open("w") as sink:
        sink.write(head)
        for time_ in range(times):
            sink.writelines(f"k{time_}-{row.replace(',2027-', f',{time_}-')}" for row in rows)
    return file


def import_library(quick: bool) -> list[Figure]:
    """What a fresh process waits for, less one that imports nothing; compiled before, as `pip install` leaves it."""
    waits = {
        "import": "import mobb_client",
        "import_bericht": "from mobb_client import Bericht",
        "import_client": "from mobb_client import Bericht, Client",
        "import_everything": "from mobb_client import *",
        "mobb_help": "import sys; sys.argv = ['mobb', '--help']; from mobb_client.cli import main; main()",
    }
    with tempfile.TemporaryDirectory(prefix="mobb-bench-") as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}

        def python(code: str) -> Callable[[], object]:
            command = [sys.executable, "-c", code]
            return partial(subprocess.run, command, check=True, env=environment, stdout=subprocess.DEVNULL)

        found = [measure(name, python(code), python("pass"), quick=quick) for name, code in waits.items()]
    return [one | {"value": one["value"] - one["floor"], "floor": None, "ratio": None} for one in found]


ROWS: dict[str, Callable[[bool], list[Figure]]] = {
    "letter_500kB_signed": letter_500kb_signed,
    "batch_149x500kB": batch_149x500kb,
    "batch_1000x70kB": batch_1000x70kb,
    "batch_peak_memory": batch_peak_memory,
    "read_500kB_signed": read_500kb_signed,
    "ack_signed_verify": ack_signed_verify,
    "enqueue_sqlite": enqueue_sqlite,
    "enqueue_1000": enqueue_1000,
    "result_1000": result_1000,
    "night_120kB": night.night_120kb,
    "end_to_end_100MB": night.end_to_end_100mb,
    "compare": compare.compare,
    "growth_letters": growth.growth_letters,
    "growth_sizes": growth.growth_sizes,
    "abonnement_1M": abonnement_1m,
    "look_500k": look.look_500k,
    "preflight": preflight,
    "run_read": run_read,
    "import": import_library,
}

if __name__ == "__main__":
    sys.exit(main())
