"""The `mobb` command: parses words, calls the library, prints. Other people's cron jobs call it."""

from __future__ import annotations

import sys
from importlib.util import find_spec

_EXTRA = ("click", "rich")


def main() -> None:
    """Run `mobb`, or say which extra is missing: exit code 2."""
    if not all(map(_is_installed, _EXTRA)):
        sys.stderr.write("mobb: the command line is an extra: pip install 'mobb-client[cli]'\n")
        sys.exit(2)
    from mobb_client.cli.app import run  # noqa: PLC0415 - needs what was looked for above

    run()


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # ValueError: somebody put None in sys.modules
        return False
