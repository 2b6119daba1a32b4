"""What holds for every test: no law depends on how fast the machine is, and golden files change only when asked."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings
from tests import partner
from tests.stores import STORES, Store

from mobb_client.outbox.contract import Outbox

settings.register_profile("mobb", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mobb")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """Compare octets with a golden file; with ``--update-golden`` write them there."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str, octets: bytes) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(octets)
        assert octets == path.read_bytes(), f"{name} changed on the wire: look at it, then pytest --update-golden"

    return compare


@pytest.fixture(params=sorted(STORES))
def every_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Run a test of clients once for each kind of store; `tests.partner.new_outbox` makes one."""
    with ExitStack() as open_stores:
        number = count()

        def new() -> Outbox:
            folder = tmp_path / f"store-{next(number)}"
            folder.mkdir()
            store: Store = open_stores.enter_context(STORES[request.param](folder))
            open_stores.callback(store.close)
            return store.worker()

        partner.STORE.append(new)
        yield request.param
        partner.STORE.pop()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is one: for tests that write very often and ask nothing of a sync."""
    shared = "/dev/shm"  # noqa: S108 - made by the system; a folder of our own in it is for its owner alone
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.fixture
def no_hang() -> Iterator[None]:
    """End a test that hangs: a minute is hundreds of times what it needs, so that only the growth can reach it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("still busy after a minute")

    if not hasattr(signal, "SIGALRM"):  # not on Windows
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _log_levels() -> Iterator[None]:
    """Put our logger's level back: the command line sets it for the whole process."""
    log = logging.getLogger("mobb_client")
    before = log.level
    yield
    log.setLevel(before)
