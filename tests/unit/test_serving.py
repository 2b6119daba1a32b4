"""Our endpoint as the settings say: what is replaced on disk, whether all is well, what goes out by itself."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.endpoints import ask, health, until, write_settings
from tests.letters import letter

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.errors import ConfigurationError, OutboxError
from mobb_client.fresh import Fresh
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.serving import Endpoint
from mobb_client.settings import OutboxSettings, Settings, load
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.material import make_material
from mobb_client.simulator.server import Served

pytest.importorskip("cheroot")
pytestmark = pytest.mark.usefixtures("no_hang")

HEALTH = 'health = "127.0.0.1:0"\n'


@pytest.fixture
def box() -> Berichtenbox:
    """Return a box of the unsigned reliable profile."""
    return Berichtenbox("osb-rm")


@pytest.fixture
def served(box: Berichtenbox) -> Iterator[Served]:
    """Serve the box until the test ends; what it has to send again comes soon."""
    with box.serve(pace=100_000) as served:
        yield served


@pytest.fixture
def file(box: Berichtenbox, served: Served, tmp_path: Path) -> Path:
    """Return settings for our endpoint, where the box calls it."""
    return write_settings(box, served, tmp_path, HEALTH)


def changed(file: Path, old: str, new: str) -> Settings:
    """Return the settings after one place of them was changed."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return load(file)


class TestEndpoint:
    """What comes in is stored and answered, in a process of its own."""

    def test_results(self, box: Berichtenbox, file: Path) -> None:
        """f.7: acknowledgment and result come in while no sender runs, and our acknowledgment goes out."""
        settings = load(file)
        with Client(*settings.senders, outbox=settings.outbox.open()) as client:
            client.enqueue([letter()])
            client.send_due()
        with Endpoint(settings) as endpoint:
            until(lambda: box.letters and not box.unsettled, endpoint)
        assert box.complaints == []
        with Client(*settings.senders, outbox=settings.outbox.open()) as client:
            assert [way.state for way in client.afleveringen()] == [State.DELIVERED]
            assert client.send_due().attempted == 0, "nothing is left for the sender"

    def test_signals_left_to_others(self, box: Berichtenbox, file: Path) -> None:
        """A switch leaves our acknowledgments to those that send letters."""
        settings = changed(file, HEALTH, f"{HEALTH}send_signals = false\n")
        cpa_id = settings.senders[0].cpa.cpa_id
        with Client(*settings.senders, outbox=settings.outbox.open()) as client, Endpoint(settings) as endpoint:
            box.ping(cpa_id)
            until(lambda: client._outbox.next_due([cpa_id]), endpoint)
            endpoint.send_signals()
            assert client.send_due().accepted == 1
        assert box.complaints == []

    def test_ping(self, box: Berichtenbox, file: Path) -> None:
        """f.7: a Ping is answered with a Pong of our own, soon after it came."""
        settings = load(file)
        with Endpoint(settings) as endpoint:
            endpoint.wait(0)
            box.ping(settings.senders[0].cpa.cpa_id)
            endpoint.wait(30)
            until(lambda: not box.unsettled, endpoint)
        assert box.complaints == []

    def test_store_fails(self, box: Berichtenbox, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """B39: while the store refuses, the answer is an empty 500 and the endpoint goes on; then all comes again."""
        settings = load(file)
        broken = True

        class Broken(MemoryOutbox):
            def transaction(self, using: object | None = None) -> Any:
                if broken:
                    raise OutboxError("the disk is full")
                return super().transaction(using)

            def set_cursor(self, name: str, number: int) -> None:
                with self.transaction():
                    super().set_cursor(name, number)

            def lease_due(self, *args: Any, **more: Any) -> Any:
                with self.transaction():
                    return super().lease_due(*args, **more)

        outbox = Broken()
        monkeypatch.setattr(OutboxSettings, "open", lambda _: outbox)
        with Endpoint(settings) as endpoint:
            assert endpoint.health_address is not None
            box.ping(settings.senders[0].cpa.cpa_id)
            endpoint.wait(30)
            endpoint.send_signals()
            assert health(endpoint.health_address.port) == 503
            assert box.complaints == []
            broken = False
            assert health(endpoint.health_address.port) == 200
            box.ping(settings.senders[0].cpa.cpa_id)
            until(lambda: [one.message_id for one in outbox.events() if one.name == "message.acknowledged"], endpoint)

    def test_not_started(self, file: Path) -> None:
        """No key, nobody to trust, or a port that is taken: said before anything listens, and nothing is left open."""
        settings = load(file)
        without = replace(settings, serve=replace(settings.serve, identity=None))
        for wrong, code in [(without, "key.needed"), (replace(settings, anchors=()), "tls.no-anchors")]:
            with pytest.raises(ConfigurationError) as caught:
                Endpoint(wrong)
            assert caught.value.findings[0].code == code
        with Endpoint(settings), pytest.raises(ConfigurationError) as caught:
            Endpoint(settings)
        assert caught.value.findings[0].code == "serve.listen"

    def test_path(self, file: Path) -> None:
        """A path that is not the CPA's is worth a warning: there may be a proxy in between."""
        with Endpoint(load(file)) as endpoint:
            assert endpoint.findings() == []
        with Endpoint(changed(file, HEALTH, f'{HEALTH}path = "/ebms"\n')) as endpoint:
            assert [(one.code, one.severity) for one in endpoint.findings()] == [("serve.path", "warning")]


class TestReload:
    """B50, B57: what is replaced on disk counts without a restart."""

    def test_anchors(self, box: Berichtenbox, file: Path) -> None:
        """B57: the old anchor, then both, then the new one only."""
        other = make_material(datetime.now(UTC))
        (file.parent / "new.pem").write_bytes(other.authority.certificate_pem)
        fresh = Fresh(file, load(file))

        def let_in(endpoint: Endpoint) -> list[bool]:
            found = fresh.look()
            assert found is None or endpoint.use(found) == []
            return [knocks(pair) for pair in (box.material.receiver, other.receiver)]

        def knocks(pair: Any) -> bool:
            try:
                return ask(box.material, endpoint.address.port, method="GET", shown=pair) == 405
            except (ssl.SSLError, ConnectionError):
                return False

        with Endpoint(load(file)) as endpoint:
            assert let_in(endpoint) == [True, False]
            for anchors, expected in [('"ca.pem", "new.pem"', [True, True]), ('"new.pem"', [False, True])]:
                text = file.read_text()
                start, end = text.index("anchors = [") + 11, text.index("]", text.index("anchors = ["))
                file.write_text(text[:start] + anchors + text[end:])
                fresh.look()
                assert let_in(endpoint) == expected

    def test_certificate(self, box: Berichtenbox, file: Path) -> None:
        """B50: our certificate is replaced, key first: in between the old pair stays."""
        other = make_material(datetime.now(UTC)).sender
        with Endpoint(load(file)) as endpoint:
            fresh = Fresh(file, load(file))
            (file.parent / "sender.key").write_bytes(other.key_pem)
            assert fresh.look() is None, "it may still be changing"
            with pytest.raises(ConfigurationError) as caught:
                fresh.look()
            assert [one.code for one in caught.value.findings] == ["key.mismatch"]
            assert fresh.look() is None, "told once"
            (file.parent / "sender.crt").write_bytes(other.certificate_pem)
            fresh.look()
            found = fresh.look()
            assert found is not None
            endpoint.use(found)
            with pytest.raises(ssl.SSLCertVerificationError):
                ask(box.material, endpoint.address.port)

    def test_cpa(self, box: Berichtenbox, file: Path) -> None:
        """B50: a CPA that was replaced counts for the next message."""
        settings = load(file)
        with Endpoint(settings) as endpoint:
            fresh = Fresh(file, settings)
            (file.parent / "cpa-osb-rm.xml").write_bytes(box.cpa("osb-be"))
            assert fresh.look() is None
            found = fresh.look()
            assert found is not None
            assert endpoint.use(found) == []
            box.ping(found.senders[0].cpa.cpa_id)
            until(lambda: not box.unsettled, endpoint)
        assert box.complaints == []

    def test_restart(self, file: Path) -> None:
        """What cannot change while it runs is told; the rest counts."""
        with Endpoint(load(file)) as endpoint:
            told = endpoint.use(changed(file, HEALTH, 'health = "127.0.0.1:1"\nthreads = 3\npath = "/ebms"\n'))
            assert [(one.code, one.field) for one in told] == [
                ("serve.restart", "serve.health"),
                ("serve.restart", "serve"),
            ]
            assert endpoint.findings() != [], "the path counts at once"

    def test_wrong(self, box: Berichtenbox, file: Path) -> None:
        """Settings without anybody to trust are refused as a whole, and the old ones stay in force."""
        settings = load(file)
        with Endpoint(settings) as endpoint:
            with pytest.raises(ConfigurationError):
                endpoint.use(replace(settings, anchors=()))
            assert ask(box.material, endpoint.address.port, method="GET") == 405


class TestFresh:
    """B50: when settings are read again."""

    def test_unchanged(self, file: Path) -> None:
        """Nothing changed, nothing is read."""
        fresh = Fresh(file, load(file))
        assert [fresh.look() for _ in range(3)] == [None] * 3

    def test_wrong_then_right(self, file: Path) -> None:
        """A wrong file is told of once; when it is repaired, even outside the settings, it counts."""
        fresh = Fresh(file, load(file))
        text = file.read_text()
        file.write_text(text.replace("ca.pem", "later.pem"))
        fresh.look()
        with pytest.raises(ConfigurationError):
            fresh.look()
        assert fresh.look() is None
        file.write_text("no toml")
        fresh.look()
        with pytest.raises(ConfigurationError):
            fresh.look()
        file.write_text(text.replace("ca.pem", "later.pem"))
        fresh.look()
        with pytest.raises(ConfigurationError):
            fresh.look()
        (file.parent / "ca.pem").rename(file.parent / "later.pem")
        assert fresh.look() is None
        found = fresh.look()
        assert found is not None
        assert file.parent / "later.pem" in found.files

    def test_other_files(self, file: Path) -> None:
        """Files that the new settings name are watched from then on."""
        fresh = Fresh(file, load(file))
        (file.parent / "ca.pem").rename(file.parent / "later.pem")
        file.write_text(file.read_text().replace("ca.pem", "later.pem"))
        fresh.look()
        assert fresh.look() is not None
        (file.parent / "later.pem").write_bytes((file.parent / "sender.crt").read_bytes())
        fresh.look()
        assert fresh.look() is not None
        assert fresh.look() is None
