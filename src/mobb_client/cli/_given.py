"""What the command line gives, turned into what the library takes: files, keys, passphrases."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki.identity import Identity
from mobb_client.settings import read_passphrase

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

settings_option = click.option(
    "--settings",
    "settings_file",
    type=FILE,
    default="mobb.toml",
    show_default=True,
    metavar="FILE",
    help="Who sends, and where letters are kept.",
)
oin_option = click.option("--oin", metavar="OIN", help="Of the letter, when letters of several have its kenmerk.")

passphrase_option = click.option(
    "--passphrase-file",
    type=FILE,
    metavar="FILE",
    help="File with the key's passphrase; else MOBB_PASSPHRASE, else a prompt.",
)


def octets(file: Path, most: int) -> bytes:
    """Return what is in a file of at most `most` octets.

    Raises:
        ConfigurationError: it cannot be read, or is larger.
    """
    try:
        with file.open("rb") as source:
            data = source.read(most + 1)
    except OSError as error:
        raise unreadable(file, error.strerror or type(error).__name__) from None
    if len(data) > most:
        raise unreadable(file, f"more than {most:,} octets")
    return data


def unreadable(file: Path, why: str) -> ConfigurationError:
    """Return the error for a file that was given and cannot be read: wrong usage, and not our own disk's fault."""
    return ConfigurationError(Finding("settings.file", field=file.name, measure=why))


def identity(key: Path, certificate: Path | None, passphrase_file: Path | None) -> Identity:
    """Return the key that was given; its passphrase comes from a file, the environment or a prompt."""
    known = read_passphrase(passphrase_file) if passphrase_file else os.environ.get("MOBB_PASSPHRASE")
    try:
        return Identity.from_path(key, certificate, known)
    except ConfigurationError as error:
        needed = any(finding.code == "key.passphrase-needed" for finding in error.findings)
        if not needed or not sys.stdin.isatty():
            raise
    return Identity.from_path(key, certificate, _asked())


def _asked() -> str:
    try:
        answer: str = click.prompt("Passphrase of the key", hide_input=True, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, EOFError):
            raise click.UsageError("no passphrase was given") from None
        raise
    return answer
