"""`mobb metrics` and `mobb work --metrics`: figures on the screen, in a file and over HTTP."""

from __future__ import annotations

import builtins
import http.client
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.commands import document, run, start
from tests.material import material_keys
from tests.stored import put, stored

from mobb_client.berichtenbox.aflevering import State
from mobb_client.errors import ConfigurationError, OutboxError
from mobb_client.metrics.exporter import Exporter
from mobb_client.metrics.serving import MetricsServer
from mobb_client.metrics.telling import telling
from mobb_client.metrics.vitals import SHARE, Vitals, Watch
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.settings import Settings, load
from mobb_client.simulator.material import make_material
from mobb_client.transport.serving import Address

LOCAL = Address(port=0)
OIN = "00000099000000001000"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return settings with an outbox in which a letter waits; the key cannot be read, and need not be."""
    make_material(datetime.now(UTC), keys=material_keys()).write(tmp_path)
    with closing(SqliteOutbox(tmp_path / "outbox.sqlite")) as outbox:
        put(outbox, stored("zaak-1"))
    return tmp_path / "mobb.toml"


def without_key(settings: Path) -> Path:
    """Let the key be one that nobody can read."""
    (settings.parent / "sender.key").write_text("no key")
    return settings


def figure(text: str, name: str) -> float:
    """Return the only figure of a name."""
    (sample,) = (one for family in text_string_to_metric_families(text) for one in family.samples if one.name == name)
    return float(sample.value)


def days_left(text: str) -> dict[str, float]:
    """Return what expires in how many days, by its labels."""
    found = re.findall(r"^mobb_(\w+)_days_left(?:{(.*)})? (\S+)$", text, re.MULTILINE)
    return {f"{name},{labels}".strip(","): float(days) for name, labels, days in sorted(found)}


def ask(address: Address, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return status and text of an answer."""
    with closing(http.client.HTTPConnection(address.host, address.port, timeout=30)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class TestCommand:
    """`mobb metrics`."""

    def test_text(self, settings: Path) -> None:
        """On the screen; the outbox is only read, and no key is needed."""
        database = settings.parent / "outbox.sqlite"
        before = database.read_bytes()
        result = run("metrics", "--settings", without_key(settings))
        assert result.exit_code == 0, result.output
        assert figure(result.stdout, "mobb_cpa_days_left") > 700
        assert 'mobb_letters_in_state{state="QUEUED"} 1.0' in result.stdout
        assert 'mobb_certificate_days_left{role="sender"}' in result.stdout, "of the certificate's own file"
        assert database.read_bytes() == before
        assert "python_gc" not in result.stdout

    def test_json(self, settings: Path) -> None:
        """The same as a document."""
        found = document(run("metrics", "--settings", settings, "--json"))
        assert found["schema"] == "mobb.metrics/1"
        (states,) = (one for one in found["metrics"] if one["name"] == "mobb_letters_in_state")
        assert states["type"] == "gauge"
        assert {"name": "mobb_letters_in_state", "labels": {"state": "QUEUED"}, "value": 1} in states["samples"]

    def test_textfile(self, settings: Path) -> None:
        """Into a file that is whole at every moment, for others to read."""
        file = settings.parent / "mobb.prom"
        assert run("metrics", "--settings", settings, "--textfile", file).output == ""
        assert figure(file.read_text(), "mobb_letters_overdue") == 0
        assert file.stat().st_mode & 0o044 == 0o044 & ~umask()
        assert [one.name for one in settings.parent.glob("mobb.prom*")] == ["mobb.prom"]
        assert run("metrics", "--settings", settings, "--textfile", file, "--json").exit_code == 2
        assert run("metrics", "--settings", settings, "--textfile", settings.parent / "no" / "x").exit_code == 4

    def test_no_outbox(self, settings: Path) -> None:
        """Nothing to read: 4, and a file that is there stays as it is."""
        (settings.parent / "outbox.sqlite").unlink()
        file = settings.parent / "mobb.prom"
        file.write_text("before")
        assert run("metrics", "--settings", settings, "--textfile", file).exit_code == 4
        assert file.read_text() == "before"

    def test_extra(self, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without prometheus-client: 2, with the name of the extra."""
        found = builtins.__import__

        def missing(name: str, *args: Any) -> Any:
            if name.startswith(("prometheus_client", "mobb_client.metrics.exporter")):
                raise ImportError(name)
            return found(name, *args)

        monkeypatch.setattr(builtins, "__import__", missing)
        result = run("metrics", "--settings", settings)
        assert (result.exit_code, "pip install 'mobb-client[metrics]'" in result.output) == (2, True)
        monkeypatch.undo()

    def test_oin_labels(self, settings: Path) -> None:
        """The OIN stands in labels when the settings ask for it, and only then."""
        assert OIN not in run("metrics", "--settings", settings).output
        settings.write_text(settings.read_text() + "[metrics]\noin_labels = true\n")
        assert f'mobb_cpa_days_left{{oin="{OIN}"}}' in run("metrics", "--settings", settings).output


def umask() -> int:
    """Return what files of ours are not."""
    import os  # noqa: PLC0415 - to be put back at once

    before = os.umask(0)
    os.umask(before)
    return before


class TestSettings:
    """`[metrics]`."""

    def test_all(self, settings: Path) -> None:
        """Every key; paths are relative to the file."""
        assert load(settings).metrics.listen is None
        more = '[metrics]\nlisten = "127.0.0.1:9464"\ntextfile = "mobb.prom"\ninterval = 15\noin_labels = true\n'
        settings.write_text(settings.read_text() + more)
        found = load(settings).metrics
        assert (found.listen, found.interval, found.oin_labels) == (Address(port=9464), 15, True)
        assert found.textfile == settings.parent / "mobb.prom"

    @pytest.mark.parametrize(
        ("line", "code", "field"),
        [
            ('listen = "9464"', "serve.address", "metrics.listen"),
            ('listen = "unix:mobb.sock"', "serve.address", "metrics.listen"),
            ("textfile = 3", "settings.value", "metrics.textfile"),
            ("interval = 0", "settings.value", "metrics.interval"),
            ('oin_labels = "yes"', "settings.value", "metrics.oin_labels"),
            ("port = 9464", "settings.unknown", "metrics.port"),
        ],
    )
    def test_wrong(self, settings: Path, line: str, code: str, field: str) -> None:
        """What is wrong is told with its key."""
        settings.write_text(f"{settings.read_text()}[metrics]\n{line}\n")
        with pytest.raises(ConfigurationError) as refused:
            load(settings)
        assert [(one.code, one.field) for one in refused.value.findings] == [(code, field)]

    def test_certificates(self, settings: Path) -> None:
        """The certificate of each key: with keys, and without them when it has a file of its own."""
        whole = load(settings).certificates
        assert load(without_key(settings), keys=False).certificates == whole == {"sender[1]": whole["sender[1]"]}
        (settings.parent / "sender.crt").unlink()
        assert not load(settings, keys=False).certificates
        settings.write_text(settings.read_text().replace('certificate = "sender.crt"\n', ""))
        assert not load(settings, keys=False).certificates


class Broken(MemoryOutbox):
    """A store that can be broken."""

    closed = 0
    is_broken = False

    def figures(self, *args: Any) -> Any:
        """Fail, when it is broken."""
        if self.is_broken:
            raise OutboxError("the database cannot be opened")
        return super().figures(*args)

    def close(self) -> None:
        """Note it."""
        self.closed += 1


@pytest.fixture
def broken() -> Broken:
    """Return a store that works."""
    return Broken()


@pytest.fixture
def server(broken: Broken) -> Iterator[MetricsServer]:
    """Serve its figures."""
    watch = Watch(lambda: broken, lambda: Settings(()), monotonic=lambda: 0.0)
    with MetricsServer(Exporter(watch.look, oin_labels=lambda: False), LOCAL) as made:
        yield made


class TestServer:
    """``GET /metrics``."""

    def test_answers(self, server: MetricsServer) -> None:
        """The figures, and nothing else anywhere."""
        status, text = ask(server.address)
        assert (status, figure(text, "mobb_letters_overdue")) == (200, 0)
        assert ask(server.address, "/")[0] == 404
        assert ask(server.address, "/health")[0] == 404
        assert ask(server.address, method="POST")[0] == 405

    def test_openmetrics(self, server: MetricsServer) -> None:
        """In the newer form for who asks for it."""
        status, text = ask(server.address, Accept="application/openmetrics-text; version=1.0.0")
        assert status == 200
        assert text.endswith("# EOF\n")

    def test_store_gone(self, server: MetricsServer, broken: Broken) -> None:
        """B39: a store that cannot be read is 503 with the reason; it is opened again, and goes on."""
        assert ask(server.address)[0] == 200
        broken.is_broken = True
        assert ask(server.address) == (503, "the database cannot be opened\n")
        assert broken.closed == 1
        broken.is_broken = False
        put(broken, stored("a", state=State.PAPER))
        status, text = ask(server.address)
        assert (status, figure(text, "mobb_balance_difference")) == (200, 1)

    def test_many(self, server: MetricsServer) -> None:
        """Several at a time."""
        found: list[int] = []
        barrier = Barrier(8)

        def one() -> None:
            barrier.wait()
            found.append(ask(server.address)[0])

        threads = [Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [200] * 8

    def test_silent_client(self, server: MetricsServer) -> None:
        """Who connects and says nothing keeps nobody waiting, nor the end."""
        with socket.create_connection((server.address.host, server.address.port)):
            assert ask(server.address)[0] == 200
            server.close()

    def test_taken(self, server: MetricsServer) -> None:
        """A port on which somebody listens."""
        with pytest.raises(ConfigurationError) as refused:
            MetricsServer(Exporter(_never, oin_labels=lambda: False), server.address)
        (finding,) = refused.value.findings
        assert (finding.code, finding.field) == ("serve.listen", "metrics.listen")
        assert str(server.address) in finding.measure

    def test_ipv6(self, broken: Broken) -> None:
        """Also at an address of the newer kind."""
        watch = Watch(lambda: broken, lambda: Settings(()))
        with MetricsServer(Exporter(watch.look, oin_labels=lambda: False), Address("::1")) as server:
            assert ask(server.address)[0] == 200


def _never() -> Vitals:
    raise AssertionError


def test_not_too_often(broken: Broken) -> None:
    """Who asks again at once gets the same figures: looking takes a twentieth of the time at most."""
    moments = iter([10.0, 12.0, 12.0 + 2 * SHARE - 1, 12.0 + 2 * SHARE, 60.0, 70.0, 70.0])
    watch = Watch(lambda: broken, lambda: Settings(()), monotonic=lambda: next(moments))
    first = watch.look()
    assert watch.look() is first
    assert watch.look() is not first
    watch.close()
    assert watch.look() is not first


class TestTelling:
    """Where the settings say."""

    def test_nowhere(self, settings: Path) -> None:
        """Not asked for: nothing is needed, and nothing is opened."""
        made = load(settings)
        (settings.parent / "outbox.sqlite").unlink()
        with telling(made, None, lambda: made) as address:
            assert address is None

    def test_textfile(self, settings: Path) -> None:
        """At once, and when it ends; a store that is not there keeps nobody from working."""
        settings.write_text(settings.read_text() + '[metrics]\ntextfile = "mobb.prom"\n')
        made = load(settings)
        database = settings.parent / "outbox.sqlite"
        hidden = database.rename(settings.parent / "elsewhere")
        told: list[str] = []
        first = threading.Event()

        def tell(why: str) -> None:
            told.append(why)
            first.set()

        with telling(made, None, lambda: made, tell):
            assert first.wait(20)
            hidden.rename(database)
        assert told == ["the database cannot be opened"]
        assert figure((settings.parent / "mobb.prom").read_text(), "mobb_letters_overdue") == 0

    def test_replaced(self, settings: Path) -> None:
        """B57: a certificate and a CPA that were replaced while we run count, and so does another wish for labels."""
        current = [load(settings)]
        watch = Watch(MemoryOutbox, lambda: current[0], monotonic=lambda: 0.0)
        exporter = Exporter(watch.look, oin_labels=lambda: current[0].metrics.oin_labels)
        before = days_left(exporter.text().decode())
        make_material(datetime.now(UTC) + timedelta(days=90), keys=material_keys()).write(settings.parent)
        settings.write_text(settings.read_text() + "[metrics]\noin_labels = true\n")
        current[0] = load(settings)
        after = days_left(exporter.text().decode())
        assert list(before) == ['certificate,role="anchor"', 'certificate,role="sender"', "cpa"]
        assert list(after) == [
            'certificate,oin="",role="anchor"',
            f'certificate,oin="{OIN}",role="sender"',
            f'cpa,oin="{OIN}"',
        ]
        assert all(later - sooner > 89 for sooner, later in zip(before.values(), after.values(), strict=True))


class TestWork:
    """`mobb work --metrics`."""

    def test_endpoint(self, settings: Path) -> None:
        """It answers while the worker lives, and ends with it."""
        process = start("work", "--settings", settings, "--json", "--metrics", "127.0.0.1:0")
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["what"] == "metrics"
            address = Address.parse(told["listen"])
            status, text = ask(address)
            assert (status, figure(text, "mobb_balance_difference")) == (200, 0)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
        assert (process.returncode, err) == (143, "")
        assert json.loads(out.splitlines()[-1])["what"] == "stopped"
        with pytest.raises(ConnectionRefusedError):
            ask(address)

    def test_taken(self, settings: Path) -> None:
        """A port on which somebody listens: 2, before anything is sent."""
        with closing(socket.create_server(("127.0.0.1", 0))) as other:
            listen = f"127.0.0.1:{other.getsockname()[1]}"
            settings.write_text(f'{settings.read_text()}[metrics]\nlisten = "{listen}"\n')
            result = run("work", "--settings", settings)
        assert (result.exit_code, "(serve.listen)" in result.output, listen in result.output) == (2, True, True)

    def test_once(self, settings: Path) -> None:
        """One round is told in the file, and nobody listens; to ask for that is wrong usage."""
        settings.write_text(settings.read_text() + '[metrics]\nlisten = "127.0.0.1:1"\ntextfile = "mobb.prom"\n')
        assert "textfile" not in run("work", "--settings", settings, "--once").output
        assert (settings.parent / "mobb.prom").exists()
        settings.write_text(settings.read_text().replace("mobb.prom", "nowhere/mobb.prom"))
        assert run("work", "--settings", settings, "--once").output.count("textfile: error No such file") == 1
        assert run("work", "--settings", settings, "--once", "--metrics", "127.0.0.1:0").exit_code == 2
        assert run("work", "--settings", settings, "--metrics", "here").exit_code == 2
