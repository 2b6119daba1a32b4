"""Runs the code of the documentation and the examples as a user would: from the wheel, in a fresh environment.

    python tests/run_docs.py [DOCUMENT ...]        without one: README.md and docs/*.md, and the scripts in examples/

What is run: every fenced block of `python`, `sh` or `console`, in a folder that its document has to itself, with
`examples/` copied into it. A `console` block holds commands after ``$`` and below each what it shows; ``...`` stands
for whatever. These comments, on the line before a block, change that:

    <!-- not run: REASON -->     the reason is not optional
    <!-- continued -->           a python block that goes on where the one before it ended
    <!-- exit: 1 -->             the exit code that belongs to it (of a console block: of its last command)
    <!-- needs: NAME -->         left out where this is not to be had: ``postgres``, a server with a database
                                 ``zaaksysteem``, or a package to install

A script of examples/ with a line ``# not run by tests/run_docs.py: REASON`` is left alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
KINDS: Final = ("python", "sh", "console")
EXTRAS: Final = "cli,documents,metrics,postgres"
POSTGRES: Final = "postgres"
TIME_LIMIT: Final = 600

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```[ \t]*$", re.MULTILINE | re.DOTALL
)
_REMARK: Final = re.compile(r"<!--\s*(not run|continued|exit|needs)(?::\s*(.*?))?\s*-->\s*\Z")
_LEFT_ALONE: Final = re.compile(r"^# not run by tests/run_docs\.py: (\S.*)$", re.MULTILINE)
_NOT_IN_THE_WHEEL: Final = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis"
)


class BadRemarkError(Exception):
    """A remark about a block that says nothing, or that stands before a block that it cannot be about."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and what its remark says."""

    document: str
    line: int
    kind: str
    code: str
    not_run: str | None = None
    exit_code: int = 0
    needs: str | None = None

    def __str__(self) -> str:
        """Return where it stands."""
        return f"{self.document}:{self.line} {self.kind}"


def blocks(document: str, text: str) -> Iterator[Block]:
    """Return the blocks of a document that are code, a continued one with the code before it in front.

    Raises:
        BadRemarkError: a block is left out without a reason, or continues nothing.
    """
    before = ""
    for match in _FENCE.finditer(text):
        if match["kind"] not in KINDS:
            continue
        remark, said = _remark(text[: match.start()])
        block = Block(document, text.count("\n", 0, match.start()) + 1, match["kind"], _dedented(match))
        if remark == "not run":
            if not said:
                raise BadRemarkError(f"{block}: not run, and no reason")
            yield Block(block.document, block.line, block.kind, block.code, not_run=said)
            continue
        code = block.code
        if remark == "continued":
            if block.kind != "python" or not before:
                raise BadRemarkError(f"{block}: continues no python block")
            code = f"{before}\n{code}"
        if block.kind == "python":
            before = code
        yield replace(
            block,
            code=code,
            exit_code=int(said) if remark == "exit" else 0,
            needs=said if remark == "needs" else None,
        )


def commands(console: str) -> Iterator[tuple[str, str]]:
    """Return each command of a console block with what is shown below it; ``>`` continues a command."""
    command, shown = "", ""
    for line in console.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], ""
        elif line.startswith("> ") and not shown:
            command += "\n" + line[2:]
        else:
            shown += line + "\n"
    if command:
        yield command, shown


def is_shown(shown: str, said: str) -> bool:
    """Tell whether a command said what the document shows; ``...`` stands for anything, and so does nothing."""
    pattern = re.escape(shown.strip()).replace(re.escape("..."), ".*")
    return not shown.strip() or re.fullmatch(pattern, said.strip(), re.DOTALL) is not None


def run(block: Block, folder: Path, environment: dict[str, str]) -> str | None:
    """Run a block; return None when all is as it should be, else what to print."""
    program = ["python", "-"] if block.kind == "python" else ["sh", "-eu"]
    steps = list(commands(block.code)) if block.kind == "console" else [(block.code, "")]
    for number, (code, shown) in enumerate(steps, start=1):
        done = _done(program, code, folder, environment)
        expected = block.exit_code if number == len(steps) else 0
        if done.returncode != expected:
            return f"{code}\nexit code {done.returncode} instead of {expected}\n{done.stdout}{done.stderr}"
        if not is_shown(shown, done.stdout):
            return f"{code}\nthe document shows\n{shown}and it says\n{done.stdout}"
    return None


def _done(program: list[str], code: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program[0], path=environment["PATH"]) or program[0]
    return subprocess.run(
        [found, *program[1:]],
        input=code,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIME_LIMIT,
    )


def scripts(folder: Path) -> Iterator[Block]:
    """Return the example scripts that are made to be run, each as a block that calls it."""
    for script in sorted(folder.glob("*.py")) + sorted(folder.glob("*.sh")):
        text = script.read_text()
        if '__name__ == "__main__"' not in text and not text.startswith("#!"):
            continue  # read by others
        reason = _LEFT_ALONE.search(text)
        program = "python" if script.suffix == ".py" else "sh"
        name = f"examples/{script.name}"
        yield Block(name, 1, "sh", f"{program} {name}", not_run=reason[1] if reason else None)


def database() -> dict[str, str]:
    """Start PostgreSQL, and return where it is; nothing where there is none on this machine."""
    sys.path.insert(0, str(ROOT))
    from tests.postgres import server  # noqa: PLC0415 - of the checkout, beside this file

    found = server()
    if found is None:
        return {}
    found.run_program("createdb", "-h", str(found.folder), "-U", "mobb", "zaaksysteem")
    return {"PGHOST": str(found.folder), "PGUSER": "mobb"}


def _left_out(block: Block, environment: dict[str, str]) -> Block:
    if block.needs != POSTGRES or "PGHOST" in environment:
        return block
    return replace(block, not_run="no PostgreSQL server on this machine")


def environment_with_wheel(folder: Path, packages: Iterable[str] = ()) -> dict[str, str]:
    """Build the wheel from a copy of the checkout, install it afresh with packages, and return what to run with."""
    source, wheels, venv = folder / "source", folder / "wheels", folder / "venv"
    shutil.copytree(ROOT, source, ignore=_NOT_IN_THE_WHEEL)
    _quietly([sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(source)])
    shutil.rmtree(source)
    _quietly([sys.executable, "-m", "venv", str(venv)])
    (wheel,) = wheels.glob("*.whl")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _quietly([*pip, f"{wheel}[{EXTRAS}]", *packages])
    without = {"PYTHONPATH", "PYTHONHOME"}
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return inherited | {"PATH": path, "VIRTUAL_ENV": str(venv), "PYTHONUTF8": "1", "COLUMNS": "120"}


def main(names: Iterable[str]) -> int:
    """Run everything, print a line for each block, and return the exit code."""
    documents = [Path(name) for name in names] or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = {path.name: list(blocks(path.name, path.read_text())) for path in documents}
    if not list(names):
        found["examples"] = list(scripts(ROOT / "examples"))
    packages = {block.needs for of_one in found.values() for block in of_one} - {None, POSTGRES}
    with tempfile.TemporaryDirectory() as temporary:
        environment = environment_with_wheel(Path(temporary), sorted(filter(None, packages))) | database()
        found = {name: [_left_out(block, environment) for block in every] for name, every in found.items()}
        failed = sum(_run_all(name, found[name], Path(temporary), environment) for name in found)
    every = [block for of_one in found.values() for block in of_one]
    left = sum(block.not_run is not None for block in every)
    print(f"{len(every) - left - failed} run and well, {failed} failed, {left} not run with a reason")
    return 1 if failed else 0


def _run_all(name: str, every: list[Block], temporary: Path, environment: dict[str, str]) -> int:
    folder = temporary / "run" / name
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=_NOT_IN_THE_WHEEL)
    failed = 0
    for block in every:
        if block.not_run:
            print(f"not run  {block}: {block.not_run}")
            continue
        begin = time.monotonic()
        wrong = run(block, folder, environment)
        print(f"{'FAILED ' if wrong else 'ran    '}  {block} ({time.monotonic() - begin:.1f} s)", flush=True)
        if wrong:
            print(wrong)
            failed += 1
    return failed


def _remark(before: str) -> tuple[str, str]:
    match = _REMARK.search(before)
    return (match[1], match[2] or "") if match else ("", "")


def _dedented(match: re.Match[str]) -> str:
    return "".join(line.removeprefix(match["indent"]) for line in match["body"].splitlines(keepends=True))


def _quietly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
