"""The figures of an outbox after known courses of events, read by the parser of Prometheus: users 3, "Metrics"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests import letters
from tests.material import MOMENT
from tests.partner import DAY, INTERVAL, TIME_TO_LIVE, Clock, Partner, some_letters
from tests.runs import GOOD, Night, row, write_letters
from tests.stored import OURS, put, stored, way
from tests.stores import STORES, Store

from mobb_client.berichtenbox.abonnementen import Aanvraag, Variant, Verzoek
from mobb_client.berichtenbox.aflevering import State
from mobb_client.client import Client
from mobb_client.metrics.alarms import alarms
from mobb_client.metrics.exporter import Exporter
from mobb_client.metrics.vitals import Watch
from mobb_client.outbox.contract import Event, EventName, Hold, Outbox, RowKind, RunRow, StoredRun
from mobb_client.runs import run as runs
from mobb_client.runs.window import Window
from mobb_client.sender import Sender
from mobb_client.settings import Settings
from mobb_client.transport.wire import Response

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BUSY = Response(503, {}, b"")
Figures = dict[str, float]


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return a new store of each kind."""
    with STORES[request.param](tmp_path) as made:
        yield made
        made.close()


@pytest.fixture
def outbox(store: Store) -> Outbox:
    """Return a worker on a new store."""
    return store.worker()


class Seen:
    """The figures of an outbox as a fresh process tells them, and as one that has looked before does: the same."""

    def __init__(self, outbox: Outbox, now: Callable[[], datetime], *senders: Sender, **more: Any) -> None:
        self._outbox = outbox
        self._now = now
        self._settings = Settings(senders, **more)
        self._old = self.watch()

    def watch(self) -> Watch:
        """Return a new look at it, which is never too soon."""
        return Watch(lambda: self._outbox, lambda: self._settings, now=self._now, monotonic=lambda: 0.0)

    def text(self, watch: Watch, *, oin_labels: bool = False) -> str:
        """Return what is told."""
        return Exporter(watch.look, oin_labels=lambda: oin_labels).text().decode()

    def __call__(self, *, oin_labels: bool = False) -> Figures:
        """Return each figure by its name and labels."""
        fresh, old = (parsed(self.text(watch, oin_labels=oin_labels)) for watch in (self.watch(), self._old))
        assert fresh == old
        return fresh

    @property
    def codes(self) -> list[str]:
        """The alarms."""
        return [finding.code for finding in alarms(self.watch().look())]


def parsed(text: str) -> Figures:
    """Return the figures in a text: `mobb_letters_total{state=PAPER}`."""
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found
            found[key] = sample.value
    return found


def of(figures: Figures, name: str) -> dict[str, float]:
    """Return those figures of one name that are not 0, by the value of their label."""
    start = f"{name}{{"
    return {key[len(start) : -1].partition("=")[2]: n for key, n in figures.items() if key.startswith(start) and n}


def seen(client: Client, partner: Partner, **more: Any) -> Seen:
    """Look at a client's outbox."""
    return Seen(client.outbox, partner.clock, *client.senders, **more)


class TestCourse:
    """What was done, counted."""

    def test_night(self, outbox: Outbox) -> None:
        """Two letters out, acknowledged after a minute, judged after an hour."""
        partner = Partner()
        client = partner.client(outbox=outbox)
        look = seen(client, partner)
        client.enqueue(some_letters(2))
        client.send_due()
        partner.clock.move(MINUTE)
        (post,) = partner.posts
        partner.acknowledgment(post).to(client)
        partner.clock.move(HOUR)
        one, two = (
            letters.verdict(one, code)
            for one, code in zip(post.bericht_ids, ("Verwerkt", "NietActiefOfGeabonneerd"), strict=True)
        )
        partner.result(post, one, two).to(client)
        found = look()
        assert of(found, "mobb_letters_total") == {
            "QUEUED": 2, "BATCHED": 2, "SENT": 2, "ACKNOWLEDGED": 2, "DELIVERED": 1, "PAPER": 1,
        }  # fmt: skip
        assert of(found, "mobb_letters_in_state") == {"DELIVERED": 1, "PAPER": 1}
        assert of(found, "mobb_batches_total") == {"PENDING": 1, "SENT": 1, "ACKNOWLEDGED": 1}
        assert found["mobb_bytes_sent_total"] == len(post.received.parts[0].octets)
        assert (found["mobb_ack_seconds_count"], found["mobb_ack_seconds_sum"]) == (1, 60)
        assert found["mobb_ack_seconds_bucket{le=15.0}"] == 0
        assert found["mobb_ack_seconds_bucket{le=60.0}"] == found["mobb_ack_seconds_bucket{le=+Inf}"] == 1
        assert (found["mobb_result_seconds_count"], found["mobb_result_seconds_sum"]) == (1, 3600)
        assert not of(found, "mobb_retries_total")

    def test_retries(self, outbox: Outbox) -> None:
        """Why a message went again: a 503, a lost connection, and no acknowledgment of what was taken in."""
        partner = Partner()
        partner.script.extend([BUSY, TimeoutError(), Response(202, {}, b""), Response(202, {}, b"")])
        client = partner.client(outbox=outbox)
        look = seen(client, partner)
        client.enqueue(some_letters(1))
        for _ in range(4):
            client.send_due()
            partner.clock.move(INTERVAL)
        found = look()
        assert of(found, "mobb_retries_total") == {
            "http.unavailable": 1,
            "network.no-answer": 1,
            "no-acknowledgment": 1,
        }
        size = len(partner.posts[0].received.parts[0].octets)
        assert found["mobb_bytes_sent_total"] == 2 * size, "of the four sends two were taken in"
        assert of(found, "mobb_batches_total") == {"PENDING": 1, "SENT": 1}
        partner.acknowledgment(partner.posts[0]).to(client)
        assert look()["mobb_bytes_sent_total"] == 2 * size

    def test_never_answered(self, outbox: Outbox) -> None:
        """B22: a message that expires, its letters in a new one; and one that is refused."""
        partner = Partner(reply=lambda _: BUSY)
        client = partner.client(outbox=outbox)
        look = seen(client, partner)
        client.enqueue(some_letters(1))
        client.send_due()
        partner.clock.move(TIME_TO_LIVE)
        partner.reply = lambda _: Response(404, {}, b"")
        client.send_due()
        found = look()
        assert of(found, "mobb_batches_total") == {"PENDING": 2, "EXPIRED": 1, "FAILED": 1}
        assert of(found, "mobb_letters_total") == {"QUEUED": 2, "BATCHED": 2, "HUMAN": 1}
        assert (found["mobb_bytes_sent_total"], found["mobb_ack_seconds_count"]) == (0, 0)

    def test_result_first(self, outbox: Outbox) -> None:
        """A result that comes before the acknowledgment took no time; only the first one on a batch counts."""
        partner = Partner()
        client = partner.client(outbox=outbox)
        look = seen(client, partner)
        client.enqueue(some_letters(1))
        client.send_due()
        partner.clock.move(MINUTE)
        for _ in range(2):
            partner.verdict(partner.posts[0]).to(client)
        found = look()
        assert (found["mobb_result_seconds_count"], found["mobb_result_seconds_sum"]) == (1, 0)
        assert (found["mobb_ack_seconds_count"], found["mobb_ack_seconds_sum"]) == (1, 60)

    def test_never_down(self, outbox: Outbox) -> None:
        """Counters of letters and batches stay what they are when contents and signals are purged."""
        partner = Partner()
        client = partner.client(outbox=outbox)
        client.enqueue(some_letters(3))
        client.send_due()
        partner.verdict(partner.posts[0]).to(client)
        client.send_due()
        assert partner.signals, "our acknowledgment went"
        look = seen(client, partner)
        before = look()
        partner.clock.move(DAY)
        assert client.purge(partner.clock()) == 3
        after = look()
        counters = [key for key in before if key.partition("{")[0].endswith(("_total", "_count", "_sum", "_bucket"))]
        assert {key: after[key] for key in counters} == {key: before[key] for key in counters}
        assert before["mobb_batches_total{state=ACKNOWLEDGED}"] == 1, "signals are no batches"

    def test_one_by_one(self, outbox: Outbox) -> None:
        """Whether events are read one by one or all at once: the same."""
        partner = Partner(reply=lambda _: BUSY)
        client = partner.client(outbox=outbox)
        client.enqueue(some_letters(2))
        client.send_due()
        look = seen(client, partner)
        for step in (client.send_due, lambda: partner.acknowledgment(partner.posts[0]).to(client)):
            partner.clock.move(INTERVAL)
            step()
            look()

    def test_another_outbox(self) -> None:
        """One that was put in the place of another is counted from its beginning."""
        outboxes = []
        for number in (3, 1):
            partner = Partner()
            outboxes.append(partner.client())
            outboxes[-1].enqueue(some_letters(number))
        here = [outboxes[0].outbox]
        watch = Watch(lambda: here[0], lambda: Settings(()), monotonic=lambda: 0.0)
        assert watch.look().came[State.QUEUED] == 3
        watch.close()
        here[0] = outboxes[1].outbox
        assert watch.look().came[State.QUEUED] == 1


class TestWaiting:
    """What waits, and for how long."""

    def test_nothing(self, outbox: Outbox) -> None:
        """What cannot be known is not there: no run, no answer, no certificate."""
        found = Seen(outbox, Clock())()
        assert found["mobb_outbox_age_seconds"] == 0
        names = {key.partition("{")[0] for key in found}
        absent = {"run_eta_seconds", "run_silence_seconds", "subscription_age_seconds", "cpa_days_left"}
        assert not names & {f"mobb_{name}" for name in absent | {"certificate_days_left"}}

    def test_letters(self, outbox: Outbox) -> None:
        """The oldest that may go; one that waits for a moment is not old."""
        clock = Clock()
        look = Seen(outbox, clock)
        put(outbox, stored("a", not_before=MOMENT + 9 * HOUR, handed_over=MOMENT - DAY), stored("b"))
        clock.move(HOUR - MINUTE)
        assert look()["mobb_outbox_age_seconds"] == 59 * 60
        assert look.codes == []
        clock.move(MINUTE)
        assert look.codes == ["alarm.outbox"]
        put(outbox, way("b", state=State.ACKNOWLEDGED))
        assert look()["mobb_outbox_age_seconds"] == 0
        clock.move(9 * HOUR)
        assert look()["mobb_outbox_age_seconds"] == HOUR.total_seconds()

    def test_message(self, outbox: Outbox) -> None:
        """B71: a message of which the acknowledgment stays away is as old as it is, until it comes."""
        partner = Partner()
        client = partner.client(outbox=outbox)
        look = seen(client, partner)
        client.enqueue(some_letters(1))
        partner.clock.move(HOUR)
        client.send_due()
        partner.clock.move(2 * HOUR)
        assert look()["mobb_outbox_age_seconds"] == 7200
        partner.acknowledgment(partner.posts[0]).to(client)
        assert look()["mobb_outbox_age_seconds"] == 0

    def test_overdue(self, outbox: Outbox) -> None:
        """B71: results that stay away for a day."""
        clock = Clock(MOMENT + DAY)
        put(
            outbox,
            stored("a", state=State.ACKNOWLEDGED, acknowledged=MOMENT),
            stored("b", state=State.ACKNOWLEDGED, acknowledged=MOMENT + HOUR),
        )
        assert Seen(outbox, clock)()["mobb_letters_overdue"] == 1

    def test_balance(self, outbox: Outbox) -> None:
        """A letter of which the log does not know that it ended: the balance does not close."""
        put(outbox, stored("a", state=State.DELIVERED), stored("b"))
        put(outbox, Event(at=MOMENT, name=EventName.LETTER_PAPER))
        look = Seen(outbox, Clock())
        assert look()["mobb_balance_difference"] == 2
        assert look.codes == ["alarm.balance"]


def begun(outbox: Outbox, *kenmerken: str, name: str = "aanslag", **changes: Any) -> None:
    """Store a run with these letters, in whatever state they are."""
    run = StoredRun(name=name, source="/l.csv", sha256="00", size=5, started=MOMENT, is_read=True)
    with outbox.transaction() as tx:
        tx.put_run(replace(run, **changes))
        tx.add_run_rows(
            name,
            [
                RunRow(number=n, kind=RowKind.LETTER, oin=OURS, kenmerk=one, bericht_id=way(one).bericht_id)
                for n, one in enumerate(kenmerken, start=2)
            ],
        )


def went(outbox: Outbox, at: datetime, letters: int = 60, number: int = 1) -> None:
    """Write down that a message of some letters was acknowledged."""
    names = (EventName.MESSAGE_PENDING, EventName.MESSAGE_ACKNOWLEDGED)
    data: dict[str, Any] = {"batch_id": str(UUID(int=number)), "letters": letters, "attempts": 1}
    put(outbox, *(Event(at=at, name=name, message_id=f"{number}@x", data=data) for name in names))


class TestRun:
    """While a run has letters to send."""

    def test_eta(self, outbox: Outbox) -> None:
        """As fast as the last messages went, pauses left out."""
        put(outbox, *map(stored, "abc"), stored("d", state=State.ACKNOWLEDGED), stored("e", state=State.BATCHED))
        begun(outbox, *"abde")
        look = Seen(outbox, Clock(MOMENT + 2 * HOUR))
        assert "mobb_run_eta_seconds" not in look(), "nothing was measured"
        for number, minutes in enumerate((0, 1, 2, 60, 61)):
            went(outbox, MOMENT + minutes * MINUTE, number=number)
        assert look()["mobb_run_eta_seconds"] == 3, "a letter a second, and three of the run are not acknowledged"

    def test_window(self, outbox: Outbox) -> None:
        """It rests while the window is closed, and a closed window is no silence."""
        put(outbox, stored("a"))
        window = Window.parse("21:00-06:00")
        begun(outbox, "a", window=str(window))
        for number in range(2):
            went(outbox, MOMENT + number * MINUTE, number=number)
        clock = Clock(MOMENT + HOUR)
        look = Seen(outbox, clock)
        found = look()
        opens = window.opens(clock())
        assert found["mobb_run_eta_seconds"] == (opens - clock()).total_seconds() + 1
        assert "mobb_run_silence_seconds" not in found
        clock.moment = opens + 10 * MINUTE
        assert look()["mobb_run_silence_seconds"] == 600
        assert look.codes == []
        clock.move(5 * MINUTE)
        assert look.codes == ["alarm.silence"]

    def test_silence(self, outbox: Outbox) -> None:
        """Since the last acknowledgment, or since the last letter came in: reading a file takes its time."""
        clock = Clock(MOMENT + 20 * MINUTE)
        put(outbox, stored("a"), stored("b", handed_over=MOMENT + 10 * MINUTE))
        begun(outbox, "a", "b")
        look = Seen(outbox, clock)
        assert look()["mobb_run_silence_seconds"] == 600
        went(outbox, MOMENT + 14 * MINUTE)
        assert look()["mobb_run_silence_seconds"] == 360
        assert look()["mobb_outbox_age_seconds"] == 0, "letters of a run wait for their turn"

    @pytest.mark.parametrize(
        ("changes", "holds"),
        [({"is_read": False}, []), ({}, [Hold(why="stop")]), ({}, [Hold(why="stop", oin=OURS)])],
    )
    def test_not_under_way(self, outbox: Outbox, changes: dict[str, Any], holds: list[Hold]) -> None:
        """A run that is being read, or that somebody stopped."""
        put(outbox, stored("a"))
        begun(outbox, "a", **changes)
        with outbox.transaction() as tx:
            for hold in holds:
                tx.hold("aanslag", hold)
        for number in range(2):
            went(outbox, MOMENT + number * MINUTE, number=number)
        found = Seen(outbox, Clock(MOMENT + DAY))()
        assert not {"mobb_run_eta_seconds", "mobb_run_silence_seconds"} & found.keys()

    def test_half_read(self, outbox: Outbox) -> None:
        """A run of which the reading broke off, and that nobody resumed: its letters wait like others."""
        put(outbox, stored("a"))
        begun(outbox, "a", is_read=False)
        look = Seen(outbox, Clock(MOMENT + 2 * HOUR))
        assert look()["mobb_outbox_age_seconds"] == 7200
        assert look.codes == ["alarm.outbox"]
        with outbox.transaction() as tx:
            tx.hold("aanslag", Hold(why="stop"))
        assert look()["mobb_outbox_age_seconds"] == 0

    def test_waits_for_later(self, outbox: Outbox) -> None:
        """Letters of a run that go again tomorrow are no run under way."""
        put(outbox, stored("a", not_before=MOMENT + DAY))
        begun(outbox, "a")
        assert "mobb_run_silence_seconds" not in Seen(outbox, Clock(MOMENT + HOUR))()

    def test_carried_out(self, store: Store, tmp_path: Path) -> None:
        """A run against the simulator: under way in the middle of it, and not after it."""
        night = Night(store)
        with night.client() as client:
            file = write_letters(tmp_path / "l.csv", [row(f"zaak-{n}", GOOD) for n in range(40)])
            runs.begin(client.outbox, "aanslag", file, night.box.clock.now())
            look = Seen(client.outbox, night.box.clock.now, night.sender)
            etas = []
            for _ in night.run(client).carry_out():
                night.box.clock.advance(seconds=1)
                etas.append("mobb_run_silence_seconds" in look())
            assert True in etas
            assert etas[-1] is False
            found = look()
            assert of(found, "mobb_letters_in_state") == {"DELIVERED": 40}
            assert found["mobb_balance_difference"] == 0


class TestDates:
    """What expires, and what grows old."""

    def test_soonest(self) -> None:
        """B57: the certificate and the CPA that end first; of two anchors the one that lasts longest."""
        partner = Partner(profile="osb-rm-s")
        client = partner.client()
        sender = client.senders[0]
        assert sender.identity is not None
        own = sender.identity.certificate
        look = seen(client, partner, certificates={"sender[1]": own})
        found = look()
        days = (own.not_after - MOMENT) / DAY
        assert found["mobb_certificate_days_left{role=sender}"] == pytest.approx(days)
        assert found["mobb_certificate_days_left{role=partner}"] == pytest.approx(days)
        assert found["mobb_cpa_days_left"] == pytest.approx((sender.cpa.end - MOMENT) / DAY)
        partner.clock.moment = own.not_after + DAY
        assert look()["mobb_certificate_days_left{role=sender}"] == pytest.approx(-1)
        assert {"certificate.expired", "alarm.cpa"} <= set(look.codes)

    def test_of_cpa(self) -> None:
        """Without a key the CPA tells what is signed with."""
        partner = Partner(profile="osb-rm-s")
        found = Seen(partner.client().outbox, partner.clock, partner.sender(identity=None))()
        assert "mobb_certificate_days_left{role=sender}" in found
        unsigned = Partner()
        found = Seen(unsigned.client().outbox, unsigned.clock, unsigned.sender(identity=None))()
        assert not [key for key in found if "certificate" in key]

    def test_not_of_cpa(self) -> None:
        """A CPA that does not say how is no reason to be silent about the rest."""
        partner = Partner(profile="osb-rm-s")
        silent = partner.sender(identity=None, action="Nowhere")
        found = Seen(partner.client().outbox, partner.clock, silent)()
        assert not [key for key in found if "certificate" in key]
        assert "mobb_cpa_days_left" in found

    def test_roles(self) -> None:
        """The connection's own key, our endpoint and the anchors."""
        partner = Partner()
        sender = partner.sender()
        held = sender.identity
        assert held is not None
        look = Seen(
            partner.client().outbox,
            partner.clock,
            partner.sender(tls=held),
            anchors=(held.certificate,),
            certificates={"serve": held.certificate},
        )
        roles = set(of(look(), "mobb_certificate_days_left"))
        assert roles == {"tls", "endpoint", "anchor"}

    def test_alarm(self) -> None:
        """60 days before its end, and not before."""
        partner = Partner()
        sender = partner.sender()
        look = seen(partner.client(), partner)
        partner.clock.moment = sender.cpa.end - 61 * DAY
        assert "alarm.cpa" not in look.codes
        partner.clock.move(2 * DAY)
        (alarm,) = (one for one in alarms(look.watch().look()) if one.code == "alarm.cpa")
        assert (alarm.field, alarm.limit) == (f"CPA of {sender.oins[0]}", 60)
        assert "vraag nu een nieuwe CPA aan" in alarm.advice_in("nl")

    def test_subscriptions(self, outbox: Outbox) -> None:
        """How old the newest answer is that is in the register; of several OINs the oldest counts."""
        partner = Partner()
        sender = partner.sender(oin=[str(OURS), "00000099000000003000"])
        look = Seen(outbox, lambda: MOMENT, sender)
        for number, (oin, days, done) in enumerate([(0, 9, True), (0, 3, True), (0, 1, False), (1, 5, True)]):
            verzoek = Verzoek(
                aanvraag=Aanvraag(oin=sender.oins[oin], verzoek_id=UUID(int=number), variant=Variant.VOLLEDIG),
                cpa_id="cpa",
                message_id=f"{number}@x",
                gevraagd=MOMENT - days * DAY,
                verwerkt=MOMENT if done else None,
            )
            with outbox.transaction() as tx:
                tx.register.put_verzoek(verzoek)
        assert look()["mobb_subscription_age_seconds"] == 5 * DAY.total_seconds()
        found = look(oin_labels=True)
        assert of(found, "mobb_subscription_age_seconds") == {
            str(sender.oins[0]): 3 * DAY.total_seconds(),
            str(sender.oins[1]): 5 * DAY.total_seconds(),
        }
        del look
        assert "mobb_subscription_age_seconds" not in Seen(outbox, lambda: MOMENT)(), "nobody's OIN"


class TestLabels:
    """No BSN, and no OIN unless it is asked for."""

    def test_oin(self) -> None:
        """An OIN stands in labels when the settings say so, and then everywhere where it makes a difference."""
        partner = Partner()
        client = partner.client(partner.sender(oin=[str(OURS), "00000099000000003000"]))
        client.enqueue(some_letters(2))
        client.send_due()
        look = seen(client, partner, certificates={"sender[1]": partner.sender().identity.certificate})  # type: ignore[union-attr] # it has one
        told = look.text(look.watch())
        assert "00000099" not in told
        assert "oin" not in told
        assert not any(bsn in told for bsn in letters.BSNS)
        both = {str(OURS), "00000099000000003000"}
        found = look(oin_labels=True)
        assert of(found, "mobb_cpa_days_left").keys() == both
        assert {key for key in found if "certificate" in key} == {
            f"mobb_certificate_days_left{{oin={oin},role=sender}}" for oin in both
        }
