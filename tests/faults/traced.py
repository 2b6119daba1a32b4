"""A small night on SQLite over TLS, for `test_syncs` to watch from outside: what reaches the disk, what the wire, when.

It ends without closing anything, so that the files can be looked at as they are while it works.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.letters import letter, pdf

from mobb_client.client import Client
from mobb_client.ebms.cpa import CPA
from mobb_client.outbox.sqlite import SqliteOutbox
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.sender import Sender
from mobb_client.transport.listener import Listener

OIN = "00000099000000001000"
PATIENCE = 30.0


def main(folder: Path, port: int, spoilt: str) -> None:
    """Hand over, send, receive, acknowledge."""
    os.umask(0)
    if spoilt == "fsync":
        os.fsync = _nothing
    if spoilt == "commit":
        SqliteOutbox._prepare = lambda _, db: db.rows("PRAGMA synchronous = OFF")  # type: ignore[method-assign,assignment,return-value] # planted
    identity = Identity.from_path(folder / "sender.key", folder / "sender.crt")
    anchors = [Certificate.from_path(folder / "ca.pem")]
    cpa = CPA.from_path(folder / "cpa.xml")
    outbox = SqliteOutbox(folder / "outbox" / "outbox.sqlite")
    client = Client(Sender(oin=OIN, cpa=cpa, identity=identity, anchors=anchors), outbox=outbox)
    Listener(client.receive, identity=identity, anchors=anchors, port=port)
    _mark("enqueue")
    client.enqueue([letter(kenmerk="zaak-1", bijlagen=[(pdf(300_000), "Besluit.pdf")]), letter(kenmerk="zaak-2")])
    _mark("enqueued")
    end = time.monotonic() + PATIENCE
    while client.balance()["open"] or outbox.next_due([cpa.cpa_id]) is not None:
        assert time.monotonic() < end
        client.send_due()
        time.sleep(0.01)
    sys.stdout.write(str(client.balance()))
    sys.stdout.flush()
    os._exit(0)


def _mark(what: str) -> None:
    """Say in the trace where we are."""
    os.write(2, f"mark:{what}\n".encode())


def _nothing(*_: Any) -> None:
    """Sync nothing."""


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
