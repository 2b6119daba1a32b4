"""The questions to the BerichtenboxValidatieService: in parts, in turn, not too many, and none while it is down."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from tests.letters import SENDER
from tests.partner import Clock
from tests.simulated import make_box
from tests.subscribers import ONE, THREE, TWO, question

from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.errors import ApplicationFaultError, DependentServiceFaultError, FormatError, MobbError, TransportError
from mobb_client.pacing import Stop, Throttle
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.simulator import Answer, Berichtenbox
from mobb_client.transport.https import HttpsWire
from mobb_client.validating import Validator

ID = UUID("3b0c8a1e-6f3f-4a51-9d0b-0f7f0f3f0a10")
NOBODY = BSN("999998778")


class Waiter:
    """A clock in seconds that moves when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds

    def wait(self, _: Stop, seconds: float) -> None:
        """Wait."""
        self.seconds += seconds


def make_box_that_knows(oin: str = SENDER) -> Berichtenbox:
    """Return a box whose supplier is the one that asks, and one citizen of which is not subscribed."""
    box = make_box(oins=[oin], berichttypes=["BESCHIK"])
    box.burger(TWO.digits).niet_geabonneerd()
    return box


def validator(
    box: Berichtenbox, waiter: Waiter | None = None, clock: Callable[[], object] | None = None, **more: object
) -> Validator:
    """Return one who asks a box, inside the process."""
    ticks = waiter or Waiter()
    parts = {"wire": lambda: box.wire, "now": clock or Clock(), "new_id": lambda: ID}
    throttle = Throttle(4, monotonic=ticks, wait=ticks.wait)
    return Validator(box.validatie_url, throttle=throttle, **(parts | more))  # type: ignore[arg-type] # by name


def many(count: int) -> list[BSN]:
    """Return so many citizens."""
    return [BSN(f"{n:09d}", elfproef=False) for n in range(1, count + 1)]


class TestAsk:
    """e.2 to e.4: one question."""

    @pytest.mark.parametrize("ws_addressing", [False, True])
    def test_answer(self, ws_addressing: bool) -> None:
        """T01, T02: yes, no and nothing at all; with WS-Addressing or without."""
        box = make_box_that_knows()
        box.validatie.silent.add(THREE.digits)
        found = validator(box, ws_addressing=ws_addressing).ask(question(ONE, TWO, THREE))
        assert (found.geabonneerd, found.onbekend) == ({ONE: True, TWO: False}, (THREE,))
        assert box.validatie.questions == [(SENDER, "BESCHIK", 3)]

    def test_faults(self) -> None:
        """T04: a foreign OIN and an unknown BerichtType; what is behind the service is down."""
        box = make_box_that_knows()
        with pytest.raises(ApplicationFaultError):
            validator(make_box_that_knows("00000099987654321000")).ask(question())
        with pytest.raises(ApplicationFaultError):
            validator(box).ask(question(berichttype="ANDERS"))
        box.validatie.down_next(f"999993653 {ONE.digits}")
        with pytest.raises(DependentServiceFaultError) as caught:
            validator(box).ask(question())
        assert ONE.digits not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(status=200), "http.not-understood"),
            (
                Answer(status=200, body=b"<html>999993653</html>", headers={"content-type": "text/html"}),
                "http.not-understood",
            ),
            (Answer(status=503, body=b"999993653"), "http.unavailable"),
            (Answer(status=302, headers={"location": "https://elders.example/999993653"}), "http.redirect"),
            (Answer(status=200, lost=True), "network.answer-lost"),
        ],
        ids=range(5),
    )
    def test_no_answer(self, answer: Answer, reason: str) -> None:
        """e.4: anything else is a transport error, with nothing of it in the text."""
        box = make_box_that_knows()
        box.validatie.next.append(answer)
        with pytest.raises(TransportError) as caught:
            validator(box).ask(question())
        assert caught.value.reason == reason
        assert "999993653" not in "".join(traceback.format_exception(caught.value))


class TestCheck:
    """e.5: many citizens."""

    def test_parts(self) -> None:
        """T03: 250 a question, and no faster than the pace."""
        box, waiter = make_box_that_knows(), Waiter()
        found = [*validator(box, waiter).check(OIN(SENDER), "BESCHIK", many(501))]
        assert [count for _, _, count in box.validatie.questions] == [250, 250, 1]
        assert sum(len(one.geabonneerd) for one in found) == 501
        assert waiter.seconds == 30

    def test_kept(self) -> None:
        """What was answered before an error was given before it."""
        box = make_box_that_knows()
        found = validator(box).check(OIN(SENDER), "BESCHIK", many(251))
        assert len(next(found).geabonneerd) == 250
        box.validatie.down_next()
        with pytest.raises(DependentServiceFaultError):
            next(found)

    def test_stop(self) -> None:
        """Who is told to stop asks nothing more."""
        box, stop = make_box_that_knows(), Stop()
        found = validator(box).check(OIN(SENDER), "BESCHIK", many(999), stop)
        next(found)
        stop.ask()
        assert not [*found]
        assert len(box.validatie.questions) == 1


class TestBreaker:
    """e.5: after three failures in a row the service is left alone for a while."""

    def test_pause(self) -> None:
        """Three failures, then nothing is asked for a minute; the next failure doubles nothing under a minute."""
        box, clock = make_box_that_knows(), Clock()
        asks = validator(box, clock=clock)
        for _ in range(3):
            box.validatie.down_next()
            with pytest.raises(DependentServiceFaultError):
                asks.ask(question())
        with pytest.raises(TransportError) as caught:
            asks.ask(question())
        assert caught.value.reason == "wus.paused"
        assert asks.delay() == timedelta(minutes=1)
        assert not box.validatie.questions
        clock.move(timedelta(minutes=1))
        assert asks.ask(question(ONE)).geabonneerd == {ONE: True}

    @pytest.mark.parametrize("kind", ["refusal", "good"])
    def test_no_pause(self, kind: str) -> None:
        """A refusal says nothing of the service, and an answer begins the count anew."""
        box = make_box_that_knows()
        asks = validator(box)
        for _ in range(3):
            box.validatie.down_next() if kind == "good" else box.validatie.refuse_next()
            with pytest.raises(MobbError):
                asks.ask(question())
            asks.ask(question(ONE))

    def test_unreadable_counts(self) -> None:
        """A proxy that answers something else is a failure of the service too."""
        box = make_box_that_knows()
        asks = validator(box)
        for _ in range(3):
            box.validatie.next.append(
                Answer(
                    status=200,
                    body=b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
                )
            )
            with pytest.raises(FormatError):
                asks.ask(question())
        assert asks.delay() == timedelta(minutes=1)


class TestTls:
    """T05: over mutual TLS, with the line that carries the messages."""

    @pytest.mark.parametrize("shown", ["sender", "stranger", "nobody"])
    def test_certificate(self, shown: str) -> None:
        """The sender's own certificate is answered, another is forbidden, none is refused in the handshake."""
        box = make_box_that_knows()
        pair = {"sender": box.material.sender, "stranger": box.stranger, "nobody": None}[shown]
        identity = Identity.from_pem(pair.key_pem, pair.certificate_pem) if pair else None
        anchors = (Certificate.from_pem(box.material.authority.certificate_pem),)
        with box.serve(), HttpsWire(anchors=anchors, identity=identity) as line:
            asks = validator(box, wire=lambda: line)
            if shown == "sender":
                assert asks.ask(question(ONE, TWO)).geabonneerd == {ONE: True, TWO: False}
                return
            with pytest.raises(TransportError) as caught:
                asks.ask(question())
        assert caught.value.reason == {"stranger": "http.no-access", "nobody": "tls.client-certificate-missing"}[shown]
