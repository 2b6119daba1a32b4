"""Kills: a process that enqueues, sends and receives dies by SIGKILL at a random moment, again and again.

    python -m tests.faults.kill --kills 1000 --seed 1

The process is forked from a warm one, so that it dies at work and not while it imports. It talks over TLS, both ways,
with a simulator in a third process. After each kill what it left is looked at; then another one does the same job again
on the same store, and dies as well or comes to its end. Judges: the simulator's memory, and SQL that is ours.

Exit code 0: every letter ended once, where the simulator's answers imply; 1: something did not, and it says what.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Client as ControlClient
from multiprocessing.connection import Listener as ControlListener
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from tests.faults.auditor import Auditor, bericht_id, crossings
from tests.letters import pdf
from tests.stores import STORES, Store

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.regels import Regels
from mobb_client.client import Client
from mobb_client.ebms.cpa import CPA
from mobb_client.outbox.contract import Outbox
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.sender import Sender
from mobb_client.simulator import Berichtenbox, berichtenbox
from mobb_client.simulator.clock import Clock
from mobb_client.simulator.material import Profile, Terms, make_material
from mobb_client.transport.listener import Listener

OIN = "00000099000000001000"
PACE = 7200
"""How many times faster than the machine's both clocks go: a quarter of an hour takes an eighth of a second."""
TERMS = Terms(retries=200, interval="PT30M")
ROUNDS_ON_ONE_STORE = 20
PATIENCE = 30.0
ENDINGS = {
    "gewoon": ("999900006", "DELIVERED", 1),
    "met-bestand": ("999993653", "DELIVERED", 1),
    "technisch": ("999900109", "DELIVERED", 2),
    "niet-geabonneerd": ("999900304", "PAPER", 1),
    "bijlage-te-groot": ("999900808", "HUMAN", 1),
    "twee-keer": ("999901503", "DELIVERED", 1),
}
"""By the end of its kenmerk: the BSN of a letter, where it must end, and in how many messages it must have come."""
MESSAGES = 4
"""Three of two letters, and the one of the letter that is offered twice."""


class Failure(Exception):  # noqa: N818 - a finding of this program, no error of it
    """Something did not end as it should."""


class Fast(Clock):
    """A clock that goes `PACE` times faster than the machine's, and agrees in every process."""

    born = time.time()

    def now(self) -> datetime:
        """Return the moment."""
        moment = datetime.fromtimestamp(self.born, UTC) + timedelta(seconds=(time.time() - self.born) * PACE)
        return moment.replace(microsecond=0)


# The simulator, in a process of its own


class Simulator:
    """A box in another process, with questions to it over a socket of its own."""

    terms = TERMS

    def __init__(self, folder: Path, profile: Profile) -> None:
        self._address = str(folder / "control")
        self.profile = profile
        self._control = ControlListener(self._address, "AF_UNIX")
        self.pid = fork(lambda: self._serve(self._control))
        self.material, self.cpa, self.port = self._ask("material"), self._ask("cpa"), self._ask("port")

    def _serve(self, control: ControlListener) -> None:
        berichtenbox.Clock = Fast  # type: ignore[misc] # both sides live by the same clock
        box = Berichtenbox(self.profile, material=make_material(datetime.now(UTC), terms=self.terms))
        with box.serve(pace=1.0) as served:
            answers: dict[str, Callable[[], object]] = {
                "material": lambda: (box.material.sender.key_pem, *_certificates(box)),
                "cpa": lambda: served.cpa_bytes,
                "port": lambda: served.sender_port,
                "unsettled": lambda: len(box.unsettled),
                "report": lambda: _report(box),
                **self.more(box),
            }
            while True:
                with suppress(EOFError, OSError), control.accept() as asked:
                    asked.send(answers[asked.recv()]())

    def more(self, box: Berichtenbox) -> dict[str, Callable[[], object]]:  # noqa: ARG002 - for others than us
        """Return what else can be asked of the box."""
        return {}

    def ask(self, what: str) -> Any:
        """Ask the box."""
        return self._ask(what)

    def _ask(self, what: str) -> Any:
        with ControlClient(self._address, "AF_UNIX") as control:
            control.send(what)
            return control.recv()

    @property
    def unsettled(self) -> int:
        """How many results it still waits for an acknowledgment of."""
        return int(self._ask("unsettled"))

    def report(self) -> dict[str, Any]:
        """Return what it has seen since the last call."""
        found: dict[str, Any] = self._ask("report")
        return found

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._control.close()


def _certificates(box: Berichtenbox) -> tuple[bytes, bytes]:
    return box.material.sender.certificate_pem, box.material.authority.certificate_pem


def _report(box: Berichtenbox) -> dict[str, Any]:
    requests, box.requests = box.requests, []
    box.deliveries.clear()
    return {
        "letters": {one.key: one.offers for one in box.letters},
        "complaints": [f"{one.code}: {one.sentence}" for one in box.complaints],
        "sends": [(one.message_id, one.sha256) for one in requests if one.action == "GLOBE-R-BV-Request"],
    }


# The process that dies


@dataclass(frozen=True)
class Job:
    """What a process does, from its beginning, each time: hand over the letters of a round, and see them through."""

    simulator: Simulator
    sender: Sender
    identity: Identity
    letters: tuple[Bericht, ...]

    def __call__(self, outbox: Outbox) -> None:
        """Do it."""
        clock = Fast()
        with (
            Client(self.sender, outbox=outbox, now=clock.now) as client,
            Listener(client.receive, identity=self.identity, anchors=self.sender.anchors, port=self.simulator.port),
        ):
            half = len(self.letters) // 2
            client.enqueue(self.letters[:half])
            client.enqueue(self.letters[half:])
            self._see_through(client, outbox)

    def _see_through(self, client: Client, outbox: Outbox) -> None:
        end = time.monotonic() + PATIENCE
        cpa_ids = [self.sender.cpa.cpa_id]
        while True:
            client.send_due()
            if not client.balance()["open"] and outbox.next_due(cpa_ids) is None and not self.simulator.unsettled:
                return
            if time.monotonic() > end:
                raise Failure(f"still open after {PATIENCE} s: {client.balance()}")
            time.sleep(0.002)


def sender_of(simulator: Simulator, regels: Regels) -> tuple[Identity, Sender]:
    """Return the key and the sender of the simulator's CPA."""
    key, certificate, anchor = simulator.material
    identity, anchors = Identity.from_pem(key, certificate), (Certificate.from_pem(anchor),)
    made = Sender(oin=OIN, cpa=CPA.parse(simulator.cpa), identity=identity, anchors=anchors, regels=regels)
    return identity, made


def letters_of(number: int, folder: Path) -> tuple[Bericht, ...]:
    """Return the letters of one round, with kenmerken of their own."""
    path = folder / "besluit.pdf"
    if not path.exists():
        path.write_bytes(pdf(60_000))
    attached: dict[str, list[Any]] = {"gewoon": [(pdf(40_000), "Besluit.pdf")], "met-bestand": [path]}
    return tuple(
        Bericht(
            kenmerk=f"{number}-{name}",
            bsn=bsn,
            berichttype="BESCHIK",
            onderwerp="Besluit op uw aanvraag",
            berichttekst="Uw aanvraag is toegekend.",
            bijlagen=attached.get(name, ()),
        )
        for name, (bsn, _, _) in ENDINGS.items()
    )


def fork(work: Callable[[], object]) -> int:
    """Do something in a process of its own, and return its id; it ends with exit code 0, or 1 when it raised."""
    pid = os.fork()
    if not pid:
        _run_and_exit(work)
    return pid


def _run_and_exit(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown, and the process ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


# The rounds


@dataclass
class Rounds:
    """Rounds of kills: each with letters of its own, several of them on one store."""

    simulator: Simulator
    store_name: str
    folder: Path
    chance: random.Random
    kills: int = 0
    rounds: int = 0
    whole: list[float] = field(default_factory=list)
    phases: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    resends: int = 0
    crossed: int = 0
    heard: int = 0

    def __post_init__(self) -> None:
        """Make the sender once: its key takes a while to read."""
        self._identity, self._sender = sender_of(self.simulator, Regels(batch_berichten=2))
        self._offers: dict[str, int] = {}

    def run(self, kills: int) -> None:
        """Go on until so many processes were killed."""
        while self.kills < kills:
            with self._store() as store:
                expected: dict[str, str] = {}
                for _ in range(ROUNDS_ON_ONE_STORE):
                    self._round(store, expected, calm=len(self.whole) < 3)
                    if self.kills >= kills:
                        return

    @contextmanager
    def _store(self) -> Iterator[Store]:
        with (
            TemporaryDirectory(dir=self.folder) as place,
            STORES[self.store_name](Path(place)) as store,
        ):
            self._place = Path(place)
            yield store

    def _round(self, store: Store, expected: dict[str, str], *, calm: bool) -> None:
        """Kill processes at one job until one of them comes to its end, and judge what has become of it all."""
        self.rounds += 1
        job = Job(self.simulator, self._sender, self._identity, letters_of(self.rounds, self.folder))
        for name, (_, ending, offers) in ENDINGS.items():
            expected[f"{self.rounds}-{name}"] = ending
            self._offers[bericht_id(OIN, f"{self.rounds}-{name}")] = offers
        if not calm:
            while self._kill(store, job) and self.chance.random() < 0.5:
                pass  # half of the heirs die too
        begun = time.monotonic()
        status = os.waitpid(fork(lambda: job(store.open())), 0)[1]
        if status:
            raise Failure(f"round {self.rounds}: the last process failed")
        if calm:
            self.whole.append(time.monotonic() - begun)
        self._judge(store, expected)

    def _kill(self, store: Store, job: Job) -> bool:
        """Kill one process at a moment of its work; return False when it was done before that moment."""
        pid = fork(lambda: job(store.open()))
        time.sleep(statistics.median(self.whole) * self.chance.random() ** 3)  # the end of the work is mostly waiting
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if status:
                raise Failure(f"round {self.rounds}: a process failed before it was killed")
            return False
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.kills += 1
        with closing(store.connect()) as connection:
            auditor = Auditor(connection, self._octets)
            if auditor.is_made:
                auditor.check()
                if store.name == "postgres":  # where a death is seen by the time that has passed
                    connection.execute("UPDATE mobb_worker SET seen = '-infinity'")
                    connection.commit()
            self.phases[self._phase(auditor)] += 1
        return True

    def _phase(self, auditor: Auditor) -> str:
        """Return how far the work had come."""
        if not auditor.is_made:
            return "no store yet"
        states = [state for kenmerk, state in auditor.states().items() if kenmerk.startswith(f"{self.rounds}-")]
        if len(states) < len(ENDINGS):
            return "handing over"
        ended = sum(state in {"DELIVERED", "PAPER", "HUMAN"} for state in states)
        if ended:
            return "results: all in" if ended == len(states) else "results: some in"
        furthest = max(states, key=["QUEUED", "BATCHED", "SENT", "ACKNOWLEDGED"].index)
        return f"sending: {furthest.lower()}"

    @property
    def _octets(self) -> Path | None:
        found = self._place / "outbox.sqlite.d"
        return found if found.exists() else None

    def _judge(self, store: Store, expected: dict[str, str]) -> None:
        """Ask the database, the disk and the simulator."""
        with closing(store.connect()) as connection:
            auditor = Auditor(connection, self._octets)
            auditor.check_closed(expected)
            auditor.check_endings(expected)
        report = self.simulator.report()
        complaints, crossed = crossings(report["complaints"][self.heard :])  # it tells them all, each time
        self.heard = len(report["complaints"])
        self.crossed += len(crossed)
        if complaints or self.crossed > 2 + self.kills // 50:
            raise Failure(f"round {self.rounds}: the simulator complains of {complaints or crossed}")
        if report["letters"] != self._offers:
            raise Failure(f"round {self.rounds}: the simulator has other letters, or more often than it should")
        ids = {message_id for message_id, _ in report["sends"]}
        if len(ids) != MESSAGES or len(set(report["sends"])) != MESSAGES:
            raise Failure(f"round {self.rounds}: {len(ids)} messages in {len(set(report['sends']))} forms")
        self.messages += len(ids)
        self.resends += len(report["sends"]) - len(ids)


def warm(folder: Path) -> None:
    """Do a whole job once, in this process, so that everything is imported and nothing is left running."""
    from tests.simulated import letter, make_box  # noqa: PLC0415 - for this once

    from mobb_client.transport._adapter import Adapter  # noqa: F401, PLC0415 - what a wire imports when it is used
    from mobb_client.transport._failures import failure_of  # noqa: F401, PLC0415 - idem

    box = make_box("osb-rm-s")
    with STORES["sqlite"](folder) as store, box.client(outbox=store.open()) as client:
        client.send(letter())
        box.run_until_idle()


def main() -> int:
    """Run it as a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="how many processes to kill")
    parser.add_argument("--store", choices=sorted(set(STORES) - {"memory"}), default="sqlite")
    parser.add_argument("--profile", choices=["osb-rm", "osb-rm-s"], default="osb-rm")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="mobb-kill-") as place:
        folder = Path(place)
        (folder / "warm").mkdir()
        warm(folder / "warm")
        simulator = Simulator(folder, given.profile)
        rounds = Rounds(simulator, given.store, folder, random.Random(given.seed))  # noqa: S311 - moments, no secrets
        begun = time.monotonic()
        try:
            rounds.run(given.kills)
        except (Failure, AssertionError):
            traceback.print_exc()
            print(f"FAILED after {rounds.kills} kills, seed {given.seed}")  # noqa: T201 - this is a program
            return 1
        finally:
            simulator.close()
        _print(rounds, given.store, time.monotonic() - begun)
    return 0


def _print(rounds: Rounds, store: str, seconds: float) -> None:
    letters = rounds.rounds * len(ENDINGS)
    undisturbed = statistics.median(rounds.whole)
    lines = [
        f"{rounds.kills} kills in {rounds.rounds} rounds on {store}, {seconds:.0f} s (undisturbed {undisturbed:.2f} s)",
        f"{letters} letters, each ended once where it should; the simulator has each of them once",
        f"{rounds.messages} messages, {rounds.resends} sends again, always the same octets",
        f"{rounds.crossed} of those crossed their acknowledgment",
        "the killed had come to:",
        *(f"  {count:5} {phase}" for phase, count in sorted(rounds.phases.items())),
    ]
    print("\n".join(lines))  # noqa: T201 - this is a program


if __name__ == "__main__":
    sys.exit(main())
