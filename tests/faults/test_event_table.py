"""The event table of a message (`digikoppeling-ebms2` f.3), row by row, over TLS sockets against the simulator.

Only the clock is virtual: hours pass when a test says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest

from mobb_client import Certificate, Client, Identity
from mobb_client.berichtenbox.aflevering import State as Letter
from mobb_client.ebms.exchange import State
from mobb_client.outbox.contract import Event
from mobb_client.simulator.berichtenbox import Berichtenbox, example_letter
from mobb_client.simulator.material import Profile
from mobb_client.simulator.server import Served
from mobb_client.transport.listener import Listener

KENMERK = "zaak-1"
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One letter, a client, and a box on the other side of two TLS sockets."""

    box: Berichtenbox
    client: Client
    served: Served

    def send(self) -> None:
        """Hand over the letter, and let both sides do what is due now."""
        self.client.send(example_letter(KENMERK))
        self.settle()

    def hours(self, hours: float) -> None:
        """Let time pass, and both sides work."""
        self.box.clock.advance(hours=hours)
        self.client.send_due()
        self.settle()

    def settle(self) -> None:
        """Wait until the courier has brought what is due at this moment."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            due = self.box.next_due()
            if due is None or due > self.box.clock.now():
                break
            self.served.wake()
            time.sleep(0.01)
        time.sleep(0.05)  # the courier's last answer is on its way

    def until(self, state: State) -> None:
        """Wait until the message is in a state."""
        end = time.monotonic() + SECONDS
        while self.state is not state and time.monotonic() < end:
            time.sleep(0.01)
        assert self.state is state

    @property
    def events(self) -> list[Event]:
        """All that was written down."""
        return list(self.client.events())

    @property
    def state(self) -> State:
        """The state of the last message."""
        names = [event.name for event in self.events if event.name.startswith("message.")]
        known = {f"message.{state.lower()}": state for state in State}
        return next((known[name] for name in reversed(names) if name in known), State.PENDING)

    @property
    def letter(self) -> Letter:
        """Where the letter stands."""
        way = self.client.aflevering(KENMERK)
        assert way is not None
        return way.state

    @property
    def sends(self) -> int:
        """How often a message of letters came in at the other side."""
        return sum(request.action == "GLOBE-R-BV-Request" for request in self.box.requests)


@contextmanager
def exchange(profile: Profile = "osb-rm", *, sync: bool = False) -> Iterator[Exchange]:
    """Serve a box and a client's endpoint; results take a day, so that they are not in the way."""
    box = Berichtenbox(profile, sync=sync)
    box.outcome("999993653", results=0)
    with ExitStack() as stack:
        served = stack.enter_context(box.serve())
        client = stack.enter_context(box.client())
        identity = Identity.from_pem(box.material.sender.key_pem, box.material.sender.certificate_pem)
        anchors = (Certificate.from_pem(box.material.authority.certificate_pem),)
        stack.enter_context(Listener(client.receive, identity=identity, anchors=anchors, port=served.sender_port))
        yield Exchange(box, client, served)


Row = tuple[str, Callable[[Berichtenbox], object], State, Letter]

RELIABLE: list[Row] = [
    ("503", lambda box: box.answer_next(503), State.PENDING, Letter.BATCHED),
    ("408", lambda box: box.answer_next(408), State.PENDING, Letter.BATCHED),
    ("429", lambda box: box.answer_next(429), State.PENDING, Letter.BATCHED),
    ("500 empty", lambda box: box.answer_next(500), State.PENDING, Letter.BATCHED),
    ("SOAP Fault in 500", lambda box: box.answer_next_with_fault(), State.PENDING, Letter.BATCHED),
    ("2xx not understood", lambda box: box.answer_next_with_html(accepted=False), State.PENDING, Letter.BATCHED),
    ("reset in mid-upload", lambda box: box.reset_next(200), State.PENDING, Letter.BATCHED),
    ("301", lambda box: box.answer_next(301), State.FAILED, Letter.HUMAN),
    ("404", lambda box: box.answer_next(404), State.FAILED, Letter.HUMAN),
    ("501", lambda box: box.answer_next(501), State.FAILED, Letter.HUMAN),
    ("MessageError, Error", lambda box: box.refuse_next("Inconsistent"), State.FAILED, Letter.HUMAN),
]


@pytest.mark.parametrize(("what", "fault", "state", "letter"), RELIABLE, ids=[row[0] for row in RELIABLE])
def test_reliable(what: str, fault: Callable[[Berichtenbox], object], state: State, letter: Letter) -> None:
    """Column rm: what one answer does; what may pass is sent again, the same octets, and then acknowledged."""
    with exchange() as one:
        fault(one.box)
        one.send()
        if state is State.FAILED:
            one.until(State.FAILED)
        assert (one.state, one.letter) == (state, letter)
        one.hours(0.6)
        if state is State.FAILED:
            assert one.letter is Letter.HUMAN, "no retry changes it"
        else:
            one.until(State.ACKNOWLEDGED)
            assert one.letter is Letter.ACKNOWLEDGED
        assert [fault for fault in one.box.complaints if "octets" in str(fault)] == []


def test_empty_2xx_and_asynchronous_acknowledgment() -> None:
    """HTTP 2xx, empty: stay, and go on; asynchronous Acknowledgment: DELIVERED in the table's words."""
    with exchange() as one:
        one.box.lose_next_acknowledgment()
        one.send()
        assert (one.state, one.letter) == (State.SENT, Letter.SENT), "a 2xx is not an acknowledgment"
        one.hours(0.6)
        one.until(State.ACKNOWLEDGED)
        assert one.sends == 2
        assert len({request.sha256 for request in one.box.requests if request.action == "GLOBE-R-BV-Request"}) == 1
        assert len(one.box.letters) == 1


@pytest.mark.parametrize("profile", ["osb-rm", "osb-rm-s"])
def test_synchronous_acknowledgment(profile: Profile) -> None:
    """HTTP 2xx with a valid Acknowledgment."""
    with exchange(profile, sync=True) as one:
        one.send()
        assert (one.state, one.letter, one.sends) == (State.ACKNOWLEDGED, Letter.ACKNOWLEDGED, 1)


def test_synchronous_error() -> None:
    """HTTP 2xx with a MessageError of severity Error."""
    with exchange(sync=True) as one:
        one.box.refuse_next("SecurityFailure")
        one.send()
        assert (one.state, one.letter) == (State.FAILED, Letter.HUMAN)


def test_empty_though_synchronous() -> None:
    """HTTP 2xx, empty though the CPA says mshSignalsOnly: an error; retried as scheduled."""
    with exchange(sync=True) as one:
        one.box.answer_next(204)
        one.send()
        assert one.state in {State.PENDING, State.SENT}
        one.hours(0.6)
        assert (one.state, len(one.box.requests)) == (State.ACKNOWLEDGED, 2)


def test_warning() -> None:
    """MessageError with highestSeverity Warning: log, stay; the acknowledgment still comes."""
    with exchange() as one:
        one.box.refuse_next("DeliveryFailure", severity="Warning")
        one.send()
        assert one.state is State.SENT
        one.hours(0.6)
        assert one.letter is not Letter.HUMAN


def test_expires() -> None:
    """Attempts = Retries + 1: wait for the TTL; now >= TTL: EXPIRED, and the letter goes back once."""
    with exchange() as one, one.box.outage():
        one.client.send(example_letter(KENMERK))
        for _ in range(20):
            one.box.clock.advance(hours=0.5)
            one.client.send_due()
        names = [event.name for event in one.events]
        assert names.count("message.expired") == 2, "once, and once more in a new message"
        assert one.letter is Letter.HUMAN
        assert one.client.balance() == {"input": 1, "delivered": 0, "paper": 0, "human": 1, "open": 0}


@pytest.mark.parametrize(
    ("fault", "state", "letter"),
    [
        (None, State.ACKNOWLEDGED, Letter.ACKNOWLEDGED),
        (503, State.FAILED, Letter.HUMAN),
        (404, State.FAILED, Letter.HUMAN),
    ],
)
@pytest.mark.parametrize("profile", ["osb-be", "osb-be-s"])
def test_best_effort(profile: Profile, fault: int | None, state: State, letter: Letter) -> None:
    """Column be; B45: sent once; delivered with a 2xx, failed with anything else."""
    with exchange(profile) as one:
        if fault:
            one.box.answer_next(fault)
        one.send()
        assert (one.state, one.letter) == (state, letter)


Way = Literal["value", "key", "missing", "references"]


@pytest.mark.parametrize("how", ["value", "key", "missing", "references"])
@pytest.mark.parametrize("sync", [False, True])
def test_bad_acknowledgment(how: Way, sync: bool) -> None:
    """d.6, h-25: an acknowledgment whose signature does not hold is none; an event at the first one, and a resend."""
    with exchange("osb-rm-s", sync=sync) as one:
        one.box.spoil_next("acknowledgment", how)
        one.send()
        assert one.state is not State.ACKNOWLEDGED
        assert any("refused" in event.name or event.data.get("reason") for event in one.events)
