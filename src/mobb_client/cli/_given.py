"""What the command line gives, turned into what the library takes: files, keys, passphrases, senders."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from mobb_client.errors import ConfigurationError
from mobb_client.pki.identity import Identity

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_ASK: Final = {"key.passphrase-needed"}

passphrase_option = click.option(
    "--passphrase-file", type=FILE, help="File with the key's passphrase; else MOBB_PASSPHRASE, else a prompt."
)


def identity(key: Path, certificate: Path | None, passphrase_file: Path | None) -> Identity:
    """Return the key that was given; its passphrase comes from a file, the environment or a prompt."""
    known = _passphrase(passphrase_file)
    try:
        return Identity.from_path(key, certificate, known)
    except ConfigurationError as error:
        if known is not None or not _ASK & {finding.code for finding in error.findings}:
            raise
        if not sys.stdin.isatty():
            raise
    return Identity.from_path(key, certificate, click.prompt("Passphrase of the key", hide_input=True, err=True))


def _passphrase(file: Path | None) -> str | None:
    if file is not None:
        return file.read_text("utf-8").rstrip("\r\n")
    return os.environ.get("MOBB_PASSPHRASE")
