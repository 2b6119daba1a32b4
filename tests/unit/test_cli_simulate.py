"""`mobb simulate`: the box by hand, in a process of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import document, run, start

from mobb_client.simulator.outcomes import TEST_BSNS
from mobb_client.simulator.server import free_port

PATIENCE = 60.0


@contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Run `mobb` in a process of its own, until the end of the block."""
    with start(*words) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_subscriptions(tmp_path: Path) -> None:
    """T06: asked in bulk by hand, sent by `mobb work`, answered at `mobb serve`, and known."""
    port, sender_port = free_port(), free_port()
    ports = ["--port", str(port), "--sender-port", str(sender_port)]
    settings = tmp_path / "mobb.toml"
    with started("simulate", "--into", tmp_path, *ports) as box:
        assert box.stderr is not None
        assert "listening" in box.stderr.readline()
        settings.write_text(settings.read_text() + f'\n[serve]\nlisten = "localhost:{sender_port}"\n')
        with started("serve", "--settings", settings), started("work", "--poll", "0.1", "--settings", settings):
            assert run("abonnementen", "request", "--settings", settings).exit_code == 0

            def status() -> dict[str, object]:
                told = document(run("abonnementen", "status", "--settings", settings, "--json"))
                (oin,) = told["oins"].values()
                return {name: oin[name] for name in ("subscribed", "not_subscribed")}

            wait_for(lambda: status() == {"subscribed": len(TEST_BSNS) - 1, "not_subscribed": 1})
