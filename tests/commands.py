"""The command line under test: in this process, and in one of its own for signals and missing packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from tests.letters import BSNS, pdf
from tests.reference import ROOT

from mobb_client.cli.app import mobb

HEADER = "kenmerk,bsn,berichttype,onderwerp,berichttekst,bijlage_1,omschrijving_1"
ESCAPE = "\x1b"


def run(*words: object, env: Mapping[str, str] | None = None, given: str | None = None) -> Result:
    """Run `mobb` here, perhaps with something on its stdin.

    Whatever happens, there is no traceback and nothing that a terminal would obey.
    """
    found = CliRunner().invoke(mobb, list(map(str, words)), env=dict(env or {}), input=given)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exc_info
    assert "Traceback" not in found.output
    assert ESCAPE not in found.output
    return found


def document(result: Result) -> dict[str, Any]:
    """Return the JSON document on stdout; there is nothing else on it."""
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    assert next(iter(found)) == "schema"
    return found


AS_ON_A_TERMINAL = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def start(*words: object, code: str | None = None, **more: Any) -> subprocess.Popen[str]:
    """Start `mobb` in a process of its own; `code` is what runs before it.

    SIGINT is taken as on a terminal, also when these tests run in the background, where a shell has it ignored.
    """
    program = f"{AS_ON_A_TERMINAL}\n{code or ''}\nfrom mobb_client.cli import main\nmain()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | dict(more.pop("env", {}))
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **more,
    )


def csv_file(folder: Path, rows: Iterable[Sequence[str]], *, header: str = HEADER, name: str = "letters.csv") -> Path:
    """Write a LETTERS file; cells are quoted."""
    file = folder / name
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    file.write_text("\n".join([header, *quoted]) + "\n")
    return file


def row(number: int, *, bijlage: str = "", **changes: str) -> list[str]:
    """Return a good row of `HEADER`, changed here and there."""
    good = {
        "kenmerk": f"zaak-{number}",
        "bsn": BSNS[number % len(BSNS)],
        "berichttype": "BESCHIK",
        "onderwerp": "Besluit op uw aanvraag",
        "berichttekst": f"Uw aanvraag {number} is toegekend.",
        "bijlage_1": bijlage,
        "omschrijving_1": "Besluit.pdf" if bijlage else "",
    }
    return list((good | changes).values())


def attachment(folder: Path, name: str = "besluit.pdf", size: int = 500) -> str:
    """Write something that looks like a PDF, and return its name."""
    (folder / name).write_bytes(pdf(size))
    return name
