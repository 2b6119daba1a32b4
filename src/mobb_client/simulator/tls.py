"""TLS contexts for both ends of a connection, from material: mutual, TLS 1.2 at least, one authority trusted."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from mobb_client.simulator._certificates import Pair


def server_context(shown: Pair, trusted: Pair) -> ssl.SSLContext:
    """Return a context for a server that shows a certificate and demands one under an authority."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, shown, trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(shown: Pair, trusted: Pair) -> ssl.SSLContext:
    """Return a context for a client that shows a certificate and trusts one authority."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, shown, trusted)


def _context(protocol: int, shown: Pair, trusted: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=trusted.certificate_pem.decode())
    _load(context, shown)
    return context


def _load(context: ssl.SSLContext, shown: Pair) -> None:
    """Load a key and its certificate, which `ssl` reads from a file only: one for the owner, and gone at once."""
    with tempfile.TemporaryDirectory(prefix="mobb-simulator-") as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_bytes(shown.key_pem + shown.certificate_pem)
        context.load_cert_chain(path)
