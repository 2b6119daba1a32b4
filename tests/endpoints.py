"""A served Berichtenbox with settings beside it, and requests to our endpoint that are made by hand."""

from __future__ import annotations

import http.client
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobb_client.serving import Endpoint
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator.material import Material, Pair
from mobb_client.simulator.server import Served
from mobb_client.transport.serving import PATH

PATIENCE = 30.0
"""Seconds after which something that was waited for is missing; only a failing test waits that long."""


def write_settings(box: Berichtenbox, served: Served, folder: Path, serve: str = "") -> Path:
    """Write a box's material and settings to a folder, our endpoint where the CPA says, and return the settings."""
    terms = replace(box.material.terms, receiver_endpoint=served.url, sender_endpoint=served.sender_url)
    replace(box.material, terms=terms).write(folder)
    (folder / "cpa-osb-rm.xml").write_bytes(served.cpa_bytes)
    path = folder / "mobb.toml"
    listen = "" if "listen" in serve else f'listen = "127.0.0.1:{served.sender_port}"\n'
    path.write_text(f"{path.read_text()}\n[serve]\n{listen}{serve}")
    return path


def ask(material: Material, port: int, body: bytes = b"", **more: Any) -> int:
    """Return the status of the answer to a request; the arguments are those of `answer`."""
    status, _ = answer(material, port, body, **more)
    return status


def answer(
    material: Material,
    port: int,
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
    shown: Pair | None = None,
) -> tuple[int, bytes]:
    """Return the answer to a request over TLS, as the Berichtenbox unless `shown` is somebody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=material.authority.certificate_pem.decode())
    pair = shown or material.receiver
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pair.pem"
        file.write_bytes(pair.key_pem + pair.certificate_pem)
        context.load_cert_chain(file)
    with closing(http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()


def health(port: int) -> int:
    """Return the status of the answer to ``GET /health``."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/health")
        return connection.getresponse().status


def until(is_so: Callable[[], object], endpoint: Endpoint | None = None) -> None:
    """Wait until something is so, while an endpoint of this process sends what it should."""
    given_up = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < given_up, "waited in vain"
        if endpoint is not None:
            endpoint.send_signals()
        time.sleep(0.02)
