"""The public names: all there, each loaded when it is asked for, and nothing before."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mobb_client

GOOD = "kenmerk='zaak-1', bsn='999990019', berichttype='BESCHIK', onderwerp='Besluit', berichttekst='Tekst'"


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh process has after some code, by the first word of their names or whole."""
    told = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    names = done.stdout.split()
    return {name.partition(".")[0] for name in names} | set(names)


class TestNames:
    """What `from mobb_client import ...` gives."""

    @pytest.mark.parametrize("name", mobb_client.__all__)
    def test_each(self, name: str) -> None:
        """Every public name can be asked for, and stays."""
        assert getattr(mobb_client, name) is vars(mobb_client)[name]
        assert name in dir(mobb_client)

    def test_said_once_to_readers_and_once_to_runners(self) -> None:
        """What a type checker reads is what runs: the same names of the same modules."""
        tree = ast.parse(Path(mobb_client.__file__).read_text())
        read = {
            (node.module, alias.name)
            for block in tree.body
            if isinstance(block, ast.If)
            for node in block.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert read == {(f"mobb_client.{home}", name) for name, home in mobb_client._HOME_OF.items()}
        assert sorted(mobb_client.__all__) == sorted(mobb_client._HOME_OF)

    def test_unknown(self) -> None:
        """Another name is an AttributeError, and so an ImportError for who imports it."""
        with pytest.raises(AttributeError, match="module 'mobb_client' has no attribute 'Brief'"):
            mobb_client.Brief  # type: ignore[attr-defined] # noqa: B018 - asked for only


class TestWhatIsLoaded:
    """Nobody waits for what is not used."""

    def test_the_package(self) -> None:
        """`import mobb_client` loads no other package."""
        assert not loaded_by("import mobb_client") & {
            "lxml",
            "cryptography",
            "logging",
            "sqlite3",
            "mobb_client.errors",
        }

    def test_a_letter(self) -> None:
        """A letter is made and judged without keys, XML, sockets and databases."""
        loaded = loaded_by(f"from mobb_client import Bericht\nBericht({GOOD})")
        assert not loaded & {"lxml", "cryptography", "socket", "sqlite3"}
        assert "mobb_client.berichtenbox.bericht" in loaded

    def test_a_client(self) -> None:
        """A client waits for no parser of answers that it may never get, and not for the other databases."""
        loaded = loaded_by("from mobb_client import Bericht, Client")
        assert not loaded & {"requests", "signxml", "xmlschema", "sqlite3", "psycopg", "pikepdf", "asyncio"}

    def test_the_command_line(self) -> None:
        """`mobb --help` loads no command."""
        loaded = loaded_by(
            "import sys\nsys.argv = ['mobb', '--help']\nfrom mobb_client.cli.app import mobb\n"
            "mobb.main(standalone_mode=False)"
        )
        assert not loaded & {"cryptography", "rich", "sqlite3", "mobb_client.client", "mobb_client.cli.run"}
