"""users.md section 2: documents of others, in processes that may be taken down; and the validator from outside."""

from __future__ import annotations

import io
import json
import resource
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pikepdf
import pytest
from tests import pdfs
from tests.letters import MADE

from mobb_client.berichtenbox.rows import RawRow
from mobb_client.errors import MobbError
from mobb_client.runs import _pool, _worker
from mobb_client.runs._pool import Order, Pool
from mobb_client.runs.judging import Criteria, Judged, RowReport, faulty
from mobb_client.runs.validator import CommandValidator, judged_by

SECRET: Final = b"secret"


def order(folder: Path, seconds: float = 20) -> Order:
    """Return what workers are told."""
    return Order(folder=folder, criteria=Criteria(at=MADE), secret=SECRET, seconds=seconds)


def rows(*names: str, start: int = 1) -> list[RawRow]:
    """Return rows, each with one PDF, or with none for an empty name."""
    good = {"bsn": "999990019", "berichttype": "B", "onderwerp": "O", "berichttekst": "T"}
    made = []
    for number, name in enumerate(names, start=start):
        row = good | {"kenmerk": f"zaak-{number}"} | ({"bijlage_1": name} if name else {})
        made.append(RawRow(number=number, line=number, content=json.dumps(row)))
    return made


def told(judged: Sequence[Judged]) -> list[list[tuple[str, str]]]:
    """Return code and measure of what is found in each row."""
    return [[(one.code, one.measure) for one in each.report.findings] for each in judged]


def all_of(pool: Pool, *chunks: list[RawRow]) -> list[list[tuple[str, str]]]:
    """Return what is found in rows that are judged by a pool."""
    return told([one for chunk in pool.judged(chunks) for one in chunk])


def long_winded(document: pikepdf.Pdf) -> None:
    """Put so much on a page that looking at it takes long."""
    document.pages[0].obj.Annots = pikepdf.Array([pikepdf.Dictionary(A=pikepdf.Dictionary()) for _ in range(140_000)])


def endless_tree(document: pikepdf.Pdf) -> None:
    """Let a tree of pages hold itself."""
    tree = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=1))
    tree.Kids = pikepdf.Array([tree])
    document.Root.Pages.Kids.append(tree)


def bomb(octets: int) -> bytes:
    """Return a PDF with an object stream that becomes this large."""
    packer = zlib.compressobj(9)
    block = packer.compress(b"\0" * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(b"\0" * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    stream = block + again * (octets // 1_000_000)
    head = b"%PDF-1.5\n"
    parts = [
        b"1 0 obj\n<</Type/ObjStm/N 3/First 20/Filter/FlateDecode/Length %d>>stream\n" % len(stream),
        stream,
        b"\nendstream\nendobj\n",
    ]
    body = b"".join(parts)
    table = b"".join(
        kind.to_bytes(1) + first.to_bytes(4) + second.to_bytes(2)
        for kind, first, second in [
            (0, 0, 65535),
            (1, len(head), 0),
            (2, 1, 0),
            (2, 1, 1),
            (1, len(head) + len(body), 0),
        ]
    )
    xref = b"4 0 obj\n<</Type/XRef/Size 5/W[1 4 2]/Root 2 0 R/Length %d>>stream\n%b\nendstream\nendobj\n" % (
        len(table),
        table,
    )
    return head + body + xref + b"startxref\n%d\n%%%%EOF" % (len(head) + len(body))


class TestHostile:
    """g.4: whatever a PDF does, its row says so, and the others go on, in their order."""

    def test_time(self, tmp_path: Path) -> None:
        """A look that takes too long is ended, and the row is known; the process after it goes on."""
        (tmp_path / "goed.pdf").write_bytes(pdfs.real_pdf())
        (tmp_path / "lang.pdf").write_bytes(pdfs.real_pdf(long_winded))
        found = all_of(Pool(order(tmp_path, 0.05), 1), rows("", "lang.pdf", ""), rows("lang.pdf", start=4))
        late = [("pdf.limits", "the process that looked at it ended (after 0.05 seconds)")]
        assert [row[-1:] for row in found] == [[], late, [], late]

    def test_memory(self, tmp_path: Path) -> None:
        """A bomb does not go off: three gigabytes of zeros in three megabytes of PDF."""
        (tmp_path / "bom.pdf").write_bytes(bomb(3_000_000_000))
        assert (tmp_path / "bom.pdf").stat().st_size < 5_000_000
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        (found,) = all_of(Pool(order(tmp_path), 1), rows("bom.pdf"))
        assert {code for code, _ in found} & {"pdf.limits", "pdf.unreadable"}
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(before, 1_000_000)  # kB

    def test_endless_tree(self, tmp_path: Path) -> None:
        """A tree of pages that holds itself ends in a finding."""
        (tmp_path / "boom.pdf").write_bytes(pdfs.real_pdf(endless_tree))
        (found,) = all_of(Pool(order(tmp_path), 1), rows("boom.pdf"))
        assert {code for code, _ in found} & {"pdf.damaged", "pdf.unreadable"}


# Processes that end otherwise

LIKE_A_WORKER = """
import json, os, signal, sys
def say(**what): print(json.dumps(what), flush=True)
sys.stdin.readline(); say(ready=True)
for line in sys.stdin:
    chunk = json.loads(line)
    for number, line_number, content in chunk["rows"]:
        {step}
        report = {{"number": number, "line": number, "kenmerk": "", "findings": [], "pdfs": [], "size": 0}}
        say(row={{"report": report, "key": "", "content": "", "paths": []}})
"""


@pytest.fixture
def like_a_worker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a program in the place of the worker: something happens at each row."""

    def put(step: str) -> None:
        monkeypatch.setattr(_pool, "_PROGRAM", ("-c", LIKE_A_WORKER.format(step=step)))

    return put


class TestDeath:
    """A process that ends costs one row its verdict, and no other."""

    def test_killed_in_a_pdf(self, like_a_worker: Any, tmp_path: Path) -> None:
        """The PDF at which it ended is not looked at again, and the row's other parts are judged."""
        step = "if number == 2 and not chunk['blocked']: say(look='bijlage_1'); os.kill(os.getpid(), signal.SIGSEGV)"
        like_a_worker(step)
        assert all_of(Pool(order(tmp_path), 1), rows("", "", "")) == [[], [], []]

    def test_killed_again_and_again(self, like_a_worker: Any, tmp_path: Path) -> None:
        """A row at which every process ends is a fault, told at that row; there is no end to it otherwise."""
        like_a_worker("if number == 2: say(look='bijlage_1'); os.kill(os.getpid(), signal.SIGKILL)")
        found = all_of(Pool(order(tmp_path), 1), rows("", "", ""))
        assert found == [[], [("row.fault", "the process that judged it ended (by signal 9)")], []]

    def test_killed_between_pdfs(self, like_a_worker: Any, tmp_path: Path) -> None:
        """A process that ends at a row without looking at a PDF has a fault of its own."""
        like_a_worker("if number == 1: os._exit(70)")
        found = all_of(Pool(order(tmp_path), 1), rows("", ""))
        assert found == [[("row.fault", "the process that judged it ended (with code 70)")], []]

    def test_half_an_answer(self, like_a_worker: Any, tmp_path: Path) -> None:
        """An answer that was cut off is no answer."""
        like_a_worker("if number == 1: print('{', end='', flush=True); os._exit(70)")
        assert [len(one) for one in all_of(Pool(order(tmp_path), 1), rows("", ""))] == [1, 0]

    def test_does_not_start(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Processes that never start are an error, and not a fault of every row."""
        monkeypatch.setattr(_pool, "_PROGRAM", ("-c", "raise SystemExit(5)"))
        with pytest.raises(MobbError, match="does not start"):
            all_of(Pool(order(tmp_path), 2), rows(""))

    def test_stopped_halfway(self, like_a_worker: Any, tmp_path: Path) -> None:
        """Who stops asking ends the processes, in whatever they are busy."""
        like_a_worker("if number == 2: import time; time.sleep(1000)")
        pool = Pool(order(tmp_path), 1)
        found = pool.judged([rows(""), rows("", start=2), rows("", start=3), rows("", start=4)])
        assert len(next(found)) == 1
        found.close()
        assert threading.active_count() == 1 or not [
            one for one in threading.enumerate() if one.name.startswith("mobb-preflight")
        ]

    def test_asked_to_stop(self, like_a_worker: Any, tmp_path: Path) -> None:
        """Who is told to stop while rows are judged gives them up, however long they would take."""
        like_a_worker("if number == 2: import time; time.sleep(1000)")
        stopped = threading.Event()
        pool = Pool(order(tmp_path), 1, is_stopped=stopped.is_set)
        found = pool.judged([rows("", start=n) for n in range(1, 5)])
        assert len(next(found)) == 1
        stopped.set()
        assert list(found) == []

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signals_to_all(self, number: signal.Signals, tmp_path: Path) -> None:
        """A signal that comes to every process of a group is for who started it: no row is at fault by it."""
        worker = _pool._Running.start(order(tmp_path))
        worker.process.send_signal(number)
        (said,) = worker.answers(rows(""), {})
        assert said["row"]["report"]["findings"] == []
        assert worker.end(at_once=True) == -signal.SIGKILL

    def test_nobody_left(self, tmp_path: Path) -> None:
        """A process whose starter was killed ends by itself: nobody asks it anything any more."""
        worker = _pool._Running.start(order(tmp_path))
        worker.orders.close()
        assert worker.process.wait(60) == 0
        worker.end()


class TestWorker:
    """The loop of a worker, here."""

    def test_serve(self, tmp_path: Path) -> None:
        """What it says: that it is ready, what it looks at, and what it found."""
        (tmp_path / "goed.pdf").write_bytes(pdfs.real_pdf())
        given = [(row.number, row.line, row.content) for row in rows("", "goed.pdf", "goed.pdf")]
        orders = [
            order(tmp_path).as_json(),
            {"names": [], "rows": given, "blocked": {"3": {"bijlage_1": "said"}}},
            {"names": ["kenmerk"], "rows": [[4, 5, ["x"]], [5, 6, 2]], "blocked": {}},
        ]
        sink = io.BytesIO()
        _worker.serve(io.BytesIO(b"".join(json.dumps(one).encode() + b"\n" for one in orders)), sink)
        said = [json.loads(line) for line in sink.getvalue().splitlines()]
        assert [next(iter(one)) for one in said] == ["ready", "row", "look", "row", "row", "row", "row"]
        judged = [Judged.from_json(one["row"]) for one in said if "row" in one]
        assert told(judged)[:3] == [[], [], [("pdf.limits", "said")]]
        assert [one.report.findings[-1].code for one in judged[3:]] == ["berichttekst.length", "row.csv"]

    def test_main(self) -> None:
        """It keeps to its two lines: what a library prints goes nowhere, and an error says nothing."""
        program = [sys.executable, "-P", "-m", "mobb_client.runs._worker"]
        done = subprocess.run(program, input=b"no order\n", capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (70, b"", b"")

    def test_no_module_of_the_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file `json.py` beside the letters is not taken for Python's own."""
        (tmp_path / "json.py").write_text("raise SystemExit(9)")
        monkeypatch.chdir(tmp_path)
        assert all_of(Pool(order(tmp_path), 1), rows("")) == [[]]


class TestValidator:
    """g.4: real validation belongs to an external tool."""

    @pytest.fixture
    def judged(self, tmp_path: Path) -> Judged:
        """Return a row with a PDF."""
        file = tmp_path / "met spatie & ë.pdf"
        file.write_bytes(pdfs.real_pdf())
        report = RowReport(number=1, line=1, kenmerk="")
        return Judged(report=report, paths=(("bijlage_1", str(file)),))

    @pytest.mark.parametrize(
        ("script", "found"),
        [
            ("import os, sys; sys.exit(not os.path.exists(sys.argv[1]))", []),
            ("raise SystemExit(7)", [("pdf.validator", "exit code 7")]),
            ("import time; time.sleep(1000)", [("pdf.validator-failed", "TimeoutError")]),
        ],
    )
    def test_command(self, script: str, found: list[tuple[str, str]], judged: Judged) -> None:
        """Exit code 0 is valid; what takes too long is ended."""
        validator = CommandValidator((sys.executable, "-c", script), 1 if "sleep" in script else 60)
        assert told([judged_by(validator)(judged)]) == [found]

    def test_no_command(self, judged: Judged) -> None:
        """A command that is not there is no verdict."""
        found = judged_by(CommandValidator(("/no/such/validator",)))(judged)
        assert told([found]) == [[("pdf.validator-failed", "FileNotFoundError")]]

    def test_with_all_that_it_started(self, judged: Judged, tmp_path: Path) -> None:
        """What a command started ends with it."""
        note = tmp_path / "pid"
        script = f"sleep 1000 & echo $! > {note}; wait"
        for patience in (1, 5, 25, 125):  # a busy machine may not even have begun
            judged_by(CommandValidator(("sh", "-c", script), patience))(judged)
            if note.exists() and note.read_text().strip():
                break
        state = Path(f"/proc/{note.read_text().strip()}/stat")
        for _ in range(200):  # it was told; the system takes its time
            if not state.exists() or state.read_text().split()[2] == "Z":
                return
            time.sleep(0.05)
        pytest.fail("it goes on")

    def test_once(self, judged: Judged) -> None:
        """The same PDF is shown once, however many letters it goes with; one that is gone is no error here."""
        shown: list[Path] = []
        add = judged_by(shown.append)
        assert add(judged) == add(judged) == judged
        assert len(shown) == 1
        Path(judged.paths[0][1]).unlink()
        add(judged)
        assert len(shown) == 2

    def test_hopeless(self, judged: Judged) -> None:
        """A PDF that nobody can read is not shown to it."""
        raw = RawRow(number=1, line=1, content="")
        fault = faulty(raw, "x").report.findings[0]
        hopeless = type(fault)("pdf.unreadable", field="bijlage_1", measure="x")
        report = RowReport(number=1, line=1, kenmerk="", findings=(hopeless,))
        add = judged_by(lambda _: "not asked")
        assert told([add(Judged(report=report, paths=judged.paths))]) == [[("pdf.unreadable", "x")]]
