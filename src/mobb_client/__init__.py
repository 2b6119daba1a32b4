"""Letters for the MijnOverheid Berichtenbox, over Digikoppeling ebMS2: the public names, nothing else."""

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
