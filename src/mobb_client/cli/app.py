"""The group of all commands, and what becomes of an error: a sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any, Final, NoReturn

import click

from mobb_client import __version__
from mobb_client.cli import _show
from mobb_client.errors import (
    BerichtError,
    ConfigurationError,
    FieldError,
    Finding,
    MobbError,
    OutboxError,
    TransportError,
)

_COMMANDS: Final[dict[str, tuple[str, str]]] = {  # name -> module, one line; a module is loaded when it is asked for
    "abonnementen": ("abonnementen", "Who is subscribed: ask, and see what is known."),
    "build": ("build", "Letters become ebMS messages in files; no network."),
    "cpa": ("cpa", "What a CPA says."),
    "demo": ("demo", "The example letters on their way, on this machine alone."),
    "desk": ("desk", "What ended with a person, and the decisions about it."),
    "inspect": ("inspect", "Any captured message: what, who, what is signed, does it hold."),
    "metrics": ("metrics", "The figures of the outbox, for Prometheus."),
    "ping": ("ping", "Is the other message handler there? URL, TLS, CPA and parties in one try."),
    "preflight": ("preflight", "Everything that is wrong with a file of letters; nothing is sent."),
    "purge": ("purge", "Remove the contents of letters that have ended; the evidence stays."),
    "run": ("run", "A whole file in one night: plan, start, resume, status, report, stop."),
    "send": ("send", "Letters on their way, and what became of them."),
    "serve": ("serve", "Our endpoint: what comes in is stored and answered."),
    "simulate": ("simulate", "Logius in a box; keys, certificates and CPAs to try with."),
    "status": ("status", "Where every letter stands, and whether the balance closes."),
    "work": ("work", "Sends what is due, for as long as it is left running."),
}
_NOT_WELL, _USAGE, _UNREACHABLE, _STORE, _SIGNAL = 1, 2, 3, 4, 128
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class _Commands(click.Group):
    """Loads a command's module when the command is run: `mobb --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of the alphabet."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return one command, or None for an unknown name."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"mobb_client.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - idem
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours becomes sentences and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # the outermost edge: whatever it is, no traceback with a letter in it
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever reads has enough: click ends without a word
            _explain(error)
            ctx.exit(_exit_code(error))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mobb")
def mobb() -> None:
    """Letters for the MijnOverheid Berichtenbox.

    Exit codes: 0 done and all well; 1 done, and something is not well; 2 wrong usage or configuration; 3 the other
    side could not be reached; 4 our own store or disk; 130 and 143 after a signal.
    """
    _start_logging(os.environ.get("MOBB_LOG", "WARNING"))


def run() -> NoReturn:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter gets its number
    signal.signal(signal.SIGTERM, _terminate)
    try:
        sys.exit(mobb.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_SIGNAL + signal.SIGINT)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's signature
    sys.exit(_SIGNAL + number)


def _start_logging(level: str) -> None:
    """Log to stderr at the level of MOBB_LOG; other packages keep to warnings, since some log what they read."""
    if level.upper() not in _LEVELS:
        raise click.UsageError(f"MOBB_LOG is one of {', '.join(_LEVELS)}")
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("mobb_client").setLevel(level.upper())


def _explain(error: Exception) -> None:
    """Say what went wrong on stderr: one line a finding, with what to do."""
    if findings := _findings(error):
        for finding in findings:
            _show.finding(finding, "mobb: ")
        return
    click.echo(f"mobb: {_show.plain(_sentence(error))}", err=True)


def _findings(error: Exception) -> tuple[Finding, ...]:
    match error:
        case ConfigurationError():
            return error.findings
        case FieldError() | TransportError():
            return (error.finding,)
        case BerichtError():
            return tuple(one.finding for one in error.errors)
    return ()


def _sentence(error: Exception) -> str:
    """Return what to say of an error without findings; the text of a stranger's error may hold anything."""
    if isinstance(error, OSError):
        where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return f"{error.strerror or type(error).__name__}{where}"
    if isinstance(error, MobbError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {os.path.basename(last.filename)}, line {last.lineno}"  # noqa: PTH119 - a name only
    return f"a fault of mobb itself: {where}; please report it, without any letter"


def _exit_code(error: Exception) -> int:
    match error:
        case OutboxError() | OSError():
            return _STORE
        case TransportError():
            return _UNREACHABLE
        case ConfigurationError():
            return _USAGE
        case _:
            return _NOT_WELL
