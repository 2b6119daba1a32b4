"""The `mobb` command: parses words, calls the library, prints. Other people's cron jobs call it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `mobb`, or say which extra is missing: exit code 2."""
    try:
        from mobb_client.cli.app import run  # noqa: PLC0415 - click and rich are the extra `cli`
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich"}:
            raise
        sys.stderr.write("mobb: the command line is an extra: pip install 'mobb-client[cli]'\n")
        sys.exit(2)
    run()
