"""Logius in a box, judged apart from the library: it shares no code with what it judges.

`Berichtenbox` is all that a test or a rehearsal needs: in one process with a clock of its own, or on a socket by
`Berichtenbox.serve`. What it objects to stands in its `complaints`.
"""

from mobb_client.simulator.berichtenbox import Berichtenbox, Burger, Response, Wire, example_letter
from mobb_client.simulator.clock import Clock
from mobb_client.simulator.engine import Answer, Complaint, Delivery, Letter, Logius, Outgoing, Request
from mobb_client.simulator.outcomes import TEST_BSNS, Outcome

__all__ = [
    "TEST_BSNS",
    "Answer",
    "Berichtenbox",
    "Burger",
    "Clock",
    "Complaint",
    "Delivery",
    "Letter",
    "Logius",
    "Outcome",
    "Outgoing",
    "Request",
    "Response",
    "Wire",
    "example_letter",
]
