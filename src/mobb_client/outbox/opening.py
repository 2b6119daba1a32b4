"""An outbox by its URL, as settings name it."""

from __future__ import annotations

from pathlib import Path

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.outbox.contract import Outbox
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.outbox.postgres import PostgresOutbox
from mobb_client.outbox.sqlite import SqliteOutbox


def open_outbox(url: str, *, folder: Path | None = None, read_only: bool = False, shared_paths: bool = False) -> Outbox:
    """Return the outbox at a URL.

    Args:
        url: ``sqlite:PATH``, ``postgresql://...`` or ``memory:``.
        folder: what a relative path is relative to; where the process stands when left out.
        read_only: nothing is ever written; to look with while others work.
        shared_paths: of PostgreSQL, whether every worker sees the same files under the same paths.

    Raises:
        ConfigurationError: a URL of another kind; nothing of it is quoted, since it may hold a password.
        OutboxError: it cannot be opened.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return SqliteOutbox((folder or Path()) / rest, read_only=read_only)
    if scheme in {"postgresql", "postgres"}:
        return PostgresOutbox(url, shared_paths=shared_paths, read_only=read_only)
    if url == "memory:":
        return MemoryOutbox()
    raise ConfigurationError(Finding("outbox.url", field="outbox.url", measure=f"{len(url)} characters"))
