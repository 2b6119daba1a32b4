"""B52: our endpoint behind a real nginx, with the configuration that stands in `docs/receiving.md`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.endpoints import PATIENCE, ask, until, write_settings
from tests.letters import letter
from tests.reference import ROOT

from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.pki import Certificate
from mobb_client.serving import Endpoint
from mobb_client.settings import Settings, load
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.material import make_material
from mobb_client.simulator.server import Served

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytest.importorskip("cheroot")
pytestmark = [
    pytest.mark.usefixtures("no_hang"),
    pytest.mark.skipif(NGINX is None, reason="no nginx on this machine (Debian package nginx)"),
]

SECRET = "een lang geheim van de proxy"  # noqa: S105 - of a proxy that lives as long as a test
SERVE = """listen = "unix:mobb.sock"
[serve.proxy]
header = "Client-Cert"
secret_header = "X-Proxy-Secret"
secret_file = "proxy-secret.txt"
"""
AROUND = """daemon off;
pid nginx.pid;
error_log stderr;
{user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    {server}
}}
"""


@pytest.fixture
def box() -> Berichtenbox:
    """Return a box of the unsigned reliable profile."""
    return Berichtenbox("osb-rm")


@pytest.fixture
def served(box: Berichtenbox) -> Iterator[Served]:
    """Serve the box until the test ends; what it has to send again comes soon."""
    with box.serve(pace=20_000) as served:
        yield served


@pytest.fixture
def settings(box: Berichtenbox, served: Served, tmp_path: Path) -> Settings:
    """Return settings for our endpoint behind a proxy."""
    (tmp_path / "proxy-secret.txt").write_text(SECRET)
    (tmp_path / "proxy-secret.conf").write_text(f'proxy_set_header X-Proxy-Secret "{SECRET}";\n')
    return load(write_settings(box, served, tmp_path, SERVE))


@pytest.fixture
def endpoint(settings: Settings, served: Served, tmp_path: Path) -> Iterator[Endpoint]:
    """Give our endpoint with nginx in front of it, at the address that the box knows."""
    with Endpoint(settings) as endpoint, proxy(tmp_path, served.sender_port):
        yield endpoint


@contextmanager
def proxy(folder: Path, port: int) -> Iterator[None]:
    """Run nginx as documented, but for its port and its paths."""
    assert NGINX is not None
    (server,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "receiving.md").read_text(), re.DOTALL)
    for documented, here in [("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("/run/mobb/", f"{folder}/")]:
        assert documented in server
        server = server.replace(documented, here)
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(user=user, server=server))
    words = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens."""
    given_up = time.monotonic() + PATIENCE
    while time.monotonic() < given_up and process.poll() is None:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail("nginx does not listen")


def test_night(box: Berichtenbox, settings: Settings, endpoint: Endpoint) -> None:
    """Letters out, acknowledgments and results in through the proxy: each is delivered, and nobody complains."""
    with Client(*settings.senders, outbox=settings.outbox.open()) as client:
        client.enqueue([letter(kenmerk=f"zaak-{number}") for number in range(3)])
        client.send_due()
        until(lambda: all(way.is_ended for way in client.afleveringen()) and not box.unsettled, endpoint)
        assert {way.state for way in client.afleveringen()} == {State.DELIVERED}
    assert box.complaints == []


class TestWho:
    """Whose certificate counts."""

    @pytest.fixture
    def peers(self, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> list[Certificate | None]:
        """Return whose certificates the endpoint got."""
        found: list[Certificate | None] = []
        receive = endpoint._client.receive

        def keep(*parts: object, peer: Certificate | None) -> object:
            found.append(peer)
            return receive(*parts, peer=peer)  # type: ignore[arg-type] # passed on as it came

        monkeypatch.setattr(endpoint._client, "receive", keep)
        return found

    @pytest.mark.parametrize(
        "names", [[], ["Client-Cert"], ["client-cert", "X-Proxy-Secret"], ["Client_Cert"], ["X_Proxy_Secret"]], ids=str
    )
    def test_forged(self, box: Berichtenbox, served: Served, peers: list[Certificate | None], names: list[str]) -> None:
        """B52: the certificate is that of the handshake, whatever headers the client writes itself."""
        values = {"client-cert": quote(box.material.sender.certificate_pem.decode(), safe="")}
        headers = {name: values.get(name.lower().replace("_", "-"), "a secret that is guessed") for name in names}
        assert ask(box.material, served.sender_port, b"<x/>", headers=headers) == 500, "no ebMS"
        assert peers == [Certificate.from_der(box.material.receiver.certificate_der)]

    def test_stranger(self, box: Berichtenbox, served: Served, peers: list[Certificate | None]) -> None:
        """Who has no certificate of the anchors does not come as far as the endpoint."""
        other = make_material(box.clock.now()).receiver
        assert ask(box.material, served.sender_port, b"<x/>", shown=other) == 400
        assert peers == []

    def test_another_program(self, settings: Settings, peers: list[Certificate | None], box: Berichtenbox) -> None:
        """A program on this machine that is not the proxy writes the header in vain."""
        cert = quote(box.material.receiver.certificate_pem.decode(), safe="")
        request = f"POST /digikoppeling/ebms HTTP/1.1\r\nHost: x\r\nClient-Cert: {cert}\r\nContent-Length: 0\r\n\r\n"
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(settings.serve.listen.socket))
            line.sendall(request.encode())
            assert line.recv(12) == b"HTTP/1.1 500"
        assert peers == []

    def test_elsewhere(self, box: Berichtenbox, served: Served, peers: list[Certificate | None]) -> None:
        """Nginx passes on one path."""
        assert ask(box.material, served.sender_port, b"<x/>", path="/health", method="GET") == 404
        assert peers == []
