"""A PostgreSQL server for the tests, from the package that is installed: started when it is asked for, and stopped.

As root it runs as the user postgres, since initdb refuses root. It listens on a socket in a folder of its own.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

_NUMBERS = count(1)


@cache
def binaries() -> Path | None:
    """Return where initdb and pg_ctl are; None when there is no server on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@cache
def _user() -> str | None:
    """Return who must run the server; None for whoever runs the tests."""
    return "postgres" if os.geteuid() == 0 else None


class Server:
    """One server; it can be stopped and started again, as in a night with an upgrade."""

    def __init__(self) -> None:
        programs = binaries()
        assert programs is not None
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="mobb-pg-"))
        if user := _user():
            entry = pwd.getpwnam(user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.run_program("initdb", "-D", str(self.data), "-U", "mobb", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        atexit.register(self.remove)

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.folder / "data"

    @property
    def conninfo(self) -> str:
        """How to reach it."""
        return f"host={self.folder} user=mobb dbname=postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        log = str(self.folder / "log")
        self.run_program("pg_ctl", "-D", str(self.data), "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; every connection breaks."""
        self.run_program("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop it and take its folder away."""
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_program(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, as who runs the server."""
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, user=_user(), cwd="/", stdout=subprocess.DEVNULL, env={"LC_ALL": "C.UTF-8"})


@cache
def server() -> Server | None:
    """Return the server of this process of tests; None when there is none on this machine."""
    return None if binaries() is None else Server()


@contextmanager
def schema() -> Iterator[str]:
    """Give how to reach a part of the database that is empty, and gone afterwards."""
    import psycopg  # noqa: PLC0415 - an extra

    found = server()
    assert found is not None
    name = f"t{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(found.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{found.conninfo} options=-csearch_path={name}"
    with psycopg.connect(found.conninfo, autocommit=True) as connection:  # the server may have been restarted meanwhile
        connection.execute(f"DROP SCHEMA {name} CASCADE")
