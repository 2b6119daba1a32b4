"""The group of all commands, and what becomes of an error: a sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
from typing import Final

import click

from mobb_client import __version__
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, MobbError, OutboxError, TransportError

_COMMANDS: Final[dict[str, tuple[str, str]]] = {  # name -> module, one line; a module is loaded when it is asked for
    "build": ("build", "Letters become ebMS messages in files; no network."),
    "cpa": ("cpa", "What a CPA says."),
    "demo": ("demo", "The example letters on their way, on this machine alone."),
    "inspect": ("inspect", "Any captured message: what, who, what is signed, does it hold."),
    "simulate": ("simulate", "Logius in a box; keys, certificates and CPAs to try with."),
}
_NOT_WELL, _USAGE, _UNREACHABLE, _STORE, _SIGNAL = 1, 2, 3, 4, 128


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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mobb")
def mobb() -> None:
    """Letters for the MijnOverheid Berichtenbox.

    Exit codes: 0 done and all well; 1 done, and something is not well; 2 wrong usage or configuration; 3 the other
    side could not be reached; 4 our own store or disk; 130 and 143 after a signal.
    """


def run() -> None:
    """Run the command line and exit with its code."""
    logging.basicConfig(level=os.environ.get("MOBB_LOG", "WARNING").upper(), stream=sys.stderr)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(_SIGNAL + number))
    try:
        sys.exit(mobb.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_SIGNAL + signal.SIGINT)
    except (MobbError, OSError) as error:
        _explain(error)
        sys.exit(_exit_code(error))


def _explain(error: Exception) -> None:
    """Say what went wrong on stderr: one line a finding, with what to do."""
    findings = error.findings if isinstance(error, ConfigurationError) else ()
    if isinstance(error, FieldError):
        findings = (error.finding,)
    if isinstance(error, BerichtError):
        findings = tuple(one.finding for one in error.errors)
    for finding in findings:
        click.echo(f"mobb: {finding}", err=True)
        click.echo(f"      {finding.advice}", err=True)
    if not findings:
        told = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.strerror else str(error)
        click.echo(f"mobb: {told}", err=True)


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
