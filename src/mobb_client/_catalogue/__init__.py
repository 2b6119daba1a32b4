"""The sentences behind every finding, by code: rule, source and advice, in English and Dutch.

One table a room; a code is for ever. `{limit}` in a sentence is the bound that was in force.
"""

from mobb_client._catalogue._entry import Entry
from mobb_client._catalogue.abonnementen import ABONNEMENTEN
from mobb_client._catalogue.agreements import AGREEMENTS
from mobb_client._catalogue.alarms import ALARMS
from mobb_client._catalogue.deliveries import DELIVERIES
from mobb_client._catalogue.keys import KEYS
from mobb_client._catalogue.letters import LETTERS
from mobb_client._catalogue.preflight import PREFLIGHT
from mobb_client._catalogue.runs import RUNS
from mobb_client._catalogue.settings import SETTINGS
from mobb_client._catalogue.transport import TRANSPORT

__all__ = ["CATALOGUE", "Entry"]

CATALOGUE: dict[str, Entry] = (
    LETTERS | AGREEMENTS | KEYS | SETTINGS | DELIVERIES | TRANSPORT | PREFLIGHT | ABONNEMENTEN | RUNS | ALARMS
)
