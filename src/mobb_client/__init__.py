"""Letters for the MijnOverheid Berichtenbox, over Digikoppeling ebMS2: the public names, nothing else.

A module is loaded when a name of it is first asked for: who makes letters does not wait for what reads keys, and who
reads a CPA not for a database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mobb_client.berichtenbox.abonnementregels import Abonnementregels
    from mobb_client.berichtenbox.aflevering import Aflevering, State
    from mobb_client.berichtenbox.bericht import Batch, Bericht, bericht_id
    from mobb_client.berichtenbox.bijlage import Bijlage
    from mobb_client.berichtenbox.identiteit import BSN, OIN
    from mobb_client.berichtenbox.regels import Regels
    from mobb_client.client import Client
    from mobb_client.ebms.cpa import CPA
    from mobb_client.errors import (
        ApplicationFaultError,
        BerichtError,
        ConfigurationError,
        DependentServiceFaultError,
        FieldError,
        Finding,
        FormatError,
        MobbError,
        OutboxError,
        ProtocolError,
        SignatureError,
        SoapFaultError,
        TransportError,
    )
    from mobb_client.inspection import Inspection, inspect
    from mobb_client.outbox.memory import MemoryOutbox
    from mobb_client.outbox.postgres import PostgresOutbox
    from mobb_client.outbox.sqlite import SqliteOutbox
    from mobb_client.pki.certificate import Certificate
    from mobb_client.pki.identity import Identity
    from mobb_client.sender import Outgoing, Sender, Written

__version__ = "0.1.0"

__all__ = [
    "BSN",
    "CPA",
    "OIN",
    "Abonnementregels",
    "Aflevering",
    "ApplicationFaultError",
    "Batch",
    "Bericht",
    "BerichtError",
    "Bijlage",
    "Certificate",
    "Client",
    "ConfigurationError",
    "DependentServiceFaultError",
    "FieldError",
    "Finding",
    "FormatError",
    "Identity",
    "Inspection",
    "MemoryOutbox",
    "MobbError",
    "OutboxError",
    "Outgoing",
    "PostgresOutbox",
    "ProtocolError",
    "Regels",
    "Sender",
    "SignatureError",
    "SoapFaultError",
    "SqliteOutbox",
    "State",
    "TransportError",
    "Written",
    "bericht_id",
    "inspect",
]

_HOMES: Final = {
    "berichtenbox.abonnementregels": ("Abonnementregels",),
    "berichtenbox.aflevering": ("Aflevering", "State"),
    "berichtenbox.bericht": ("Batch", "Bericht", "bericht_id"),
    "berichtenbox.bijlage": ("Bijlage",),
    "berichtenbox.identiteit": ("BSN", "OIN"),
    "berichtenbox.regels": ("Regels",),
    "client": ("Client",),
    "ebms.cpa": ("CPA",),
    "errors": (
        "ApplicationFaultError", "BerichtError", "ConfigurationError", "DependentServiceFaultError", "FieldError",
        "Finding", "FormatError", "MobbError", "OutboxError", "ProtocolError", "SignatureError", "SoapFaultError",
        "TransportError",
    ),
    "inspection": ("Inspection", "inspect"),
    "outbox.memory": ("MemoryOutbox",),
    "outbox.postgres": ("PostgresOutbox",),
    "outbox.sqlite": ("SqliteOutbox",),
    "pki.certificate": ("Certificate",),
    "pki.identity": ("Identity",),
    "sender": ("Outgoing", "Sender", "Written"),
}  # fmt: skip
"""Module -> its public names: the imports above, for who runs instead of reads."""
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a reader of types must not believe that every name is there

    def __getattr__(name: str) -> object:
        """Return a public name from the module where it is made, and keep it."""
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        return found


def __dir__() -> list[str]:
    """Return the public names, asked for or not."""
    return [*__all__, "__version__"]
