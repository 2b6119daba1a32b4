"""`mobb` itself: help, errors, exit codes, signals, logging, and what it says without its packages."""

from __future__ import annotations

import logging
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from tests.commands import ESCAPE, csv_file, row, run, start
from tests.letters import BSN, letter
from tests.material import material

from mobb_client import cli
from mobb_client.cli import _given, _show, app
from mobb_client.cli.app import mobb
from mobb_client.errors import (
    BerichtError,
    ConfigurationError,
    FieldError,
    Finding,
    FormatError,
    OutboxError,
    TransportError,
)

FINDING = Finding("settings.value", "sender.cpa", "nothing")


def test_help() -> None:
    """Every command with one line, and the exit codes."""
    told = run("--help")
    assert told.exit_code == 0
    for name in ("build", "cpa", "demo", "inspect", "simulate"):
        assert f"\n  {name} " in told.output
        assert run(name, "--help").exit_code == 0
    assert "Exit codes" in told.output
    assert run("--version").output.startswith("mobb, version ")


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["build"],
        ["build", "nowhere.csv", "--out", "x"],
        ["inspect"],
        ["inspect", "nowhere.mime"],
        ["inspect", "/"],
        ["cpa", "explain", "nowhere.xml"],
        ["cpa", "nonsense"],
        ["demo", "--nonsense"],
    ],
)
def test_wrong_usage(words: list[str]) -> None:
    """Exit code 2, a sentence, and nothing on stdout."""
    told = run(*words)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> click.testing.Result:
    """Run a command that raises."""

    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(mobb, "get_command", lambda *_: command)
    return run("anything")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigurationError(FINDING), 2, "mobb: sender.cpa: a value of the kind"),
        (FieldError("oin.format", field="oin", measure="2 characters"), 1, "mobb: oin: "),
        (FormatError("xml.syntax", "envelope: not well-formed"), 1, "mobb: envelope: not well-formed (xml.syntax)"),
        (TransportError("tls.expired", endpoint="host:443", measure="yesterday"), 3, "mobb: host:443: "),
        (OutboxError("the database is locked"), 4, "mobb: the database is locked"),
        (OSError(28, "No space left on device", "/out/1.mime"), 4, "mobb: No space left on device: /out/1.mime"),
        (OSError("odd"), 4, "mobb: OSError"),
        (PermissionError(13, "Permission denied", b"/out/\xff"), 4, "mobb: Permission denied: /out/\\udcff"),
        (ValueError(f"bad value {BSN}"), 1, "mobb: a fault of mobb itself: ValueError in test_cli_app.py, line "),
        (RecursionError(BSN), 1, "RecursionError"),
        (MemoryError(), 1, "MemoryError"),
    ],
)
def test_errors(error: Exception, code: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Design 6: each class of error has its exit code; a stranger's text is never shown."""
    found = failing(error, monkeypatch)
    assert (found.exit_code, found.stdout) == (code, "")
    assert told in found.stderr
    assert BSN not in found.stderr


def raises(error: BaseException) -> Callable[[], object]:
    """Return a function that raises."""

    def call() -> object:
        raise error

    return call


def test_errors_of_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """All the faults of a letter, each with what to do."""
    with pytest.raises(BerichtError) as refused:
        letter(onderwerp="", berichttype="BESCHIKKING")
    found = failing(refused.value, monkeypatch)
    assert found.exit_code == 1
    assert (found.stderr.count("mobb: "), found.stderr.count("\n    ")) == (2, 2)


class TestLogging:
    """MOBB_LOG sets the level of our own loggers, and of nobody else's."""

    @pytest.mark.parametrize("level", ["verbose", "10", ""])
    def test_wrong_level(self, level: str) -> None:
        """A level that does not exist is wrong usage."""
        told = run("cpa", "explain", __file__, env={"MOBB_LOG": level})
        assert told.exit_code == 2
        assert "MOBB_LOG is one of DEBUG" in told.stderr

    def test_only_ours(self) -> None:
        """Other packages keep to warnings: some of them log what they read."""
        enabled = "[logging.getLogger(name).isEnabledFor(10) for name in ('mobb_client.x', 'signxml', '')]"
        code = f"import logging, atexit\natexit.register(lambda: print({enabled}))"
        process = start("cpa", "explain", __file__, code=code, env={"MOBB_LOG": "debug"})
        out, _ = process.communicate(timeout=60)
        assert out == "[True, False, False]\n"

    def test_level_is_left_alone_in_this_process(self) -> None:
        """The library itself sets no level."""
        assert logging.getLogger("mobb_client.ebms").level == logging.NOTSET


FINDER = """
import sys
class Finder:
    def find_spec(self, name, *more):
        if name == "{0}":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Finder())
"""


class TestMissingPackages:
    """Without the extra `cli`, `mobb` says which extra: exit code 2."""

    @pytest.mark.parametrize("missing", ["click", "rich"])
    @pytest.mark.parametrize(
        "block",
        [
            "import sys; sys.modules['{0}'] = None",
            FINDER,
        ],
    )
    def test_missing(self, missing: str, block: str) -> None:
        """A sentence that can be copied, and no traceback."""
        process = start("--help", code=block.format(missing))
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (2, "")
        assert err == "mobb: the command line is an extra: pip install 'mobb-client[cli]'\n"

    @pytest.mark.parametrize("found", [raises(ValueError()), raises(ModuleNotFoundError()), lambda: None])
    def test_in_this_process(
        self, found: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The same, where coverage sees it."""
        monkeypatch.setattr(cli, "find_spec", lambda _: found())
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert "mobb-client[cli]" in capsys.readouterr().err

    def test_present(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """With it, `mobb` runs and exits with the code of the command."""
        before = signal.getsignal(signal.SIGTERM)
        monkeypatch.setattr(sys, "argv", ["mobb", "--version"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        signal.signal(signal.SIGTERM, before)
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("mobb, version")


WAIT = """
import time, click
from mobb_client.cli import app
@click.command()
def command():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)
app.mobb.get_command = lambda *_: command
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(number: signal.Signals, code: int) -> None:
    """Design 6: 130 and 143, after cleaning up, without a traceback."""
    process = start("anything", code=WAIT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (code, "cleaned up\n")
    assert "Traceback" not in err


MUCH = """
import click
from mobb_client.cli import app
@click.command()
def command():
    for _ in range(10_000):
        click.echo("x" * 1000)
app.mobb.get_command = lambda *_: command
"""


def test_reader_has_enough(tmp_path: Path) -> None:
    """``mobb ... | head -1``: no complaint when the reader goes away."""
    process = start("anything", code=MUCH)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
    assert err == ""


def test_narrow_terminal_encoding(tmp_path: Path) -> None:
    """A stdout that cannot show every letter gets its number instead of an error."""
    file = tmp_path / "brief 𝄞.mime"
    file.write_bytes(b"hello")
    process = start("inspect", file, env={"PYTHONIOENCODING": "iso-8859-1"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert out.startswith("brief \\U0001d11e.mime: unreadable\n")


def on_terminal(words: list[str], typed: str) -> tuple[int, str]:
    """Run `mobb` on a terminal of its own, and type when it asks. Return exit code and what was on the screen."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        pytest.skip("this machine has no pseudo-terminals")
    process = start(*words, stdin=theirs, code="import os; os.setsid()")
    os.close(theirs)
    assert process.stderr is not None
    prompt = process.stderr.read(len("Passphrase of the key: "))
    while process.poll() is None and termios.tcgetattr(ours)[3] & termios.ECHO:  # getpass turns it off, then reads
        time.sleep(0.01)
    os.write(ours, typed.encode())
    out, err = process.communicate(timeout=60)
    screen = b""
    with suppress(OSError):  # Linux says so when the other end is gone
        screen = os.read(ours, 10_000)
    os.close(ours)
    return process.returncode, prompt + out + err + screen.decode()


def test_passphrase_prompt(tmp_path: Path) -> None:
    """B54: on a terminal the passphrase is asked for, and not shown."""
    made = run("simulate", "--material", tmp_path / "m")
    assert made.exit_code == 0
    secret = (tmp_path / "m" / "passphrase.txt").read_text().strip()
    letters = csv_file(tmp_path, [row(1)])

    def words(out: str) -> list[str]:
        folder = tmp_path / "m"
        options = ["--cpa", f"{folder}/cpa-osb-rm-s.xml", "--key", f"{folder}/sender.p12", "--out", str(tmp_path / out)]
        return ["build", str(letters), *options]

    for typed, expected in ((f"{secret}\n", 0), ("wrong\n", 2), ("\x04", 2)):
        code, screen = on_terminal(words(f"out-{len(typed)}"), typed)
        assert code == expected, screen
        assert secret not in screen
        assert "Traceback" not in screen


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (lambda: 0, 0),
        (lambda: None, 0),
        (lambda: 1, 1),
        (raises(click.UsageError("no")), 2),
        (raises(click.Abort()), 130),
        (raises(KeyboardInterrupt()), 130),
        (raises(SystemExit(143)), 143),
    ],
)
def test_run(ends: Callable[[], object], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the command line, the process has the code of the contract."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(mobb, "main", lambda **_: ends())
    with pytest.raises(SystemExit) as ended:
        app.run()
    handler = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)
    assert ended.value.code == code
    assert callable(handler)
    with pytest.raises(SystemExit) as ended:
        handler(signal.SIGTERM, None)
    assert ended.value.code == 143


class TestPrompt:
    """The passphrase prompt, where coverage sees it."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Path:
        """Return a PKCS#12 store; stdin is a terminal."""
        file = tmp_path / "sender.p12"
        pair = material().sender
        file.write_bytes(pair.pkcs12("geheim", material().authority))
        return file

    @pytest.fixture(autouse=True)
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let stdin be a terminal."""
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))

    def test_asked(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Asked once, hidden, on stderr."""
        asked: list[dict[str, object]] = []

        def prompt(text: str, **more: object) -> str:
            asked.append({"text": text, **more})
            return "geheim"

        monkeypatch.setattr(click, "prompt", prompt)
        assert _given.identity(store, None, None).certificate.oin == "00000099000000001000"
        assert asked == [{"text": "Passphrase of the key", "hide_input": True, "err": True}]

    def test_not_asked_for_another_fault(self, tmp_path: Path) -> None:
        """A key that is damaged is not one that wants a passphrase."""
        (tmp_path / "x").write_bytes(b"x")
        with pytest.raises(ConfigurationError):
            _given.identity(tmp_path / "x", None, None)

    def test_wrong_answer(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not asked again: a wrong answer is told."""
        monkeypatch.setattr(click, "prompt", lambda *_, **__: "wrong")
        with pytest.raises(ConfigurationError) as refused:
            _given.identity(store, None, None)
        assert [finding.code for finding in refused.value.findings] == ["key.passphrase-wrong"]

    @pytest.mark.parametrize(("cause", "error"), [(EOFError(), click.UsageError), (KeyboardInterrupt(), click.Abort)])
    def test_no_answer(
        self, cause: BaseException, error: type[Exception], store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No answer is wrong usage; Ctrl-C is a signal."""

        def prompt(*_: object, **__: object) -> str:
            try:
                raise cause
            except (EOFError, KeyboardInterrupt):
                raise click.Abort from None

        monkeypatch.setattr(click, "prompt", prompt)
        with pytest.raises(error):
            _given.identity(store, None, None)


class TestShow:
    """How things are printed."""

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("Zoë 𝄞", "Zoë 𝄞"),
            ("two\nlines", "two\\nlines"),
            (f"{ESCAPE}[31mred", "\\x1b[31mred"),
            ("\x9b31m", "\\x9b31m"),
            ("\u202etxt", "\\u202etxt"),
            ("\udcff", "\\udcff"),
            ("x" * 400, "x" * 300 + "... (400 characters)"),
        ],
    )
    def test_plain(self, text: str, shown: str) -> None:
        """Nothing from outside is obeyed by a terminal, and a line stays a line."""
        assert _show.plain(text) == shown

    @pytest.mark.parametrize(
        ("octets", "shown"),
        [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (500_000, "500.0 kB"),
            (10**6, "1.0 MB"),
            (10**9, "1.0 GB"),
        ],
    )
    def test_size(self, octets: int, shown: str) -> None:
        """Sizes for people."""
        assert _show.size(octets) == shown

    def test_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Columns are aligned, the last one is as long as it likes; no rows, no lines."""
        _show.table([("a", "bb", "c"), ("aaa", "b", "")])
        _show.table([])
        assert capsys.readouterr().out == "  a    bb  c\n  aaa  b\n"

    def test_count(self) -> None:
        """One letter, two letters."""
        assert [_show.count(n, "letter") for n in (0, 1, 2)] == ["0 letters", "1 letter", "2 letters"]

    def test_half_characters_in_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A file name that is no UTF-8 is still a JSON document."""
        _show.document("x", file="a\udcff")
        assert '"file": "a\\udcff"' in capsys.readouterr().out

    def test_bar_only_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Progress goes to a terminal, after two seconds, and is gone afterwards."""

        class Terminal:
            written = ""

            def isatty(self) -> bool:
                return True

            def write(self, text: str) -> int:
                Terminal.written += text
                return len(text)

            def flush(self) -> None:
                pass

        monkeypatch.setenv("TERM", "xterm")
        moments = iter([0.0, 1.0, 3.0, 3.0, 3.0])
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setattr(time, "monotonic", lambda: next(moments, 4.0))
        assert list(_show.watched(range(4), "rows", total=4)) == [0, 1, 2, 3]
        assert "rows" in Terminal.written


def test_console_script() -> None:
    """The installed script is this function."""
    done = subprocess.run(
        [sys.executable, "-c", "from mobb_client.cli import main; print(main.__module__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "mobb_client.cli\n"
