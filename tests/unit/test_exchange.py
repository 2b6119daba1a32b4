"""The state machine of one message, row by row of its event table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobb_client.ebms.cpa import RetryPolicy
from mobb_client.ebms.exchange import (
    FINAL,
    Accepted,
    Acknowledged,
    Entry,
    Event,
    Refused,
    State,
    Tick,
    Unreachable,
    Warned,
    advance,
    begin,
)

START = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
POLICY = RetryPolicy(retries=8, interval=timedelta(hours=3), persist=timedelta(days=2))
NEW = begin(START, POLICY)
ONCE = begin(START, None)

EVENTS = st.sampled_from([Accepted(), Acknowledged(), Refused("x"), Warned("x"), Unreachable("x"), Tick()])


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (State.PENDING, Accepted(), State.SENT),
        (State.PENDING, Unreachable("503"), State.PENDING),
        (State.PENDING, Acknowledged(), State.ACKNOWLEDGED),
        (State.PENDING, Refused("404"), State.FAILED),
        (State.PENDING, Warned("DeliveryFailure"), State.PENDING),
        (State.PENDING, Tick(), State.PENDING),
        (State.SENT, Accepted(), State.SENT),
        (State.SENT, Unreachable("reset"), State.SENT),
        (State.SENT, Acknowledged(), State.ACKNOWLEDGED),
        (State.SENT, Refused("Inconsistent"), State.FAILED),
        (State.SENT, Warned("DeliveryFailure"), State.SENT),
        (State.ACKNOWLEDGED, Refused("late"), State.ACKNOWLEDGED),
        (State.FAILED, Acknowledged(), State.FAILED),
        (State.EXPIRED, Acknowledged(), State.EXPIRED),
    ],
)
def test_reliable(state: State, event: Event, after: State) -> None:
    """f.3, column rm; B41: what each event does to a message in each state, and final is final."""
    assert advance(replace(NEW, state=state), event, POLICY, START).state is after


@pytest.mark.parametrize(
    ("event", "after"),
    [
        (Accepted(), State.ACKNOWLEDGED),
        (Unreachable("time-out"), State.FAILED),
        (Refused("404"), State.FAILED),
        (Warned("DeliveryFailure"), State.PENDING),
        (Tick(), State.PENDING),
    ],
)
def test_best_effort(event: Event, after: State) -> None:
    """f.3, column be; B45: sent once, and done or failed; it does not expire."""
    entry = advance(ONCE, event, None, START + timedelta(days=99))
    assert entry.state is after
    assert entry.next_attempt is None or not entry.is_final


def test_schedule() -> None:
    """f.2, the worked example; B22: nine sends three hours apart, then nothing, and expired after 27 hours."""
    entry, sends = NEW, []
    while entry.next_attempt is not None:
        sends.append(entry.next_attempt)
        entry = advance(entry, Accepted(), POLICY, entry.next_attempt)
    assert sends == [START + hours * timedelta(hours=3) for hours in range(9)]
    assert entry.attempts == 9
    limit = START + timedelta(hours=27)
    assert advance(entry, Tick(), POLICY, limit - timedelta(seconds=1)).state is State.SENT
    assert advance(entry, Tick(), POLICY, limit).state is State.EXPIRED


def test_accepted_is_no_acknowledgment() -> None:
    """h-14: a 2xx does not stop the retries."""
    entry = advance(NEW, Accepted(), POLICY, START)
    assert (entry.state, entry.next_attempt) == (State.SENT, START + timedelta(hours=3))


def test_late_sends_stay_before_the_end() -> None:
    """f.2: a send that would come at or after the time to live is not made."""
    entry = advance(NEW, Unreachable("down"), POLICY, START + timedelta(hours=24))
    assert entry.next_attempt is None


def test_never_after_it_may_be_forgotten() -> None:
    """h-12: no send when the receiver may have forgotten the MessageId, whatever the retries say."""
    policy = RetryPolicy(retries=8, interval=timedelta(hours=3), persist=timedelta(hours=4))
    entry = advance(begin(START, policy), Accepted(), policy, START)
    assert entry.next_attempt == START + timedelta(hours=3)
    assert advance(entry, Accepted(), policy, START + timedelta(hours=3)).next_attempt is None


def test_reason_is_kept() -> None:
    """The last failure is what an expired message shows, and success wipes it out."""
    failed = advance(NEW, Unreachable("status 503"), POLICY, START)
    assert failed.reason == "status 503"
    assert advance(failed, Tick(), POLICY, START + timedelta(days=3)).reason == "status 503"
    assert advance(failed, Accepted(), POLICY, START).reason is None


@given(st.lists(EVENTS))
def test_acknowledged_is_final(events: list[Event]) -> None:
    """B41: nothing that arrives later un-acknowledges a message."""
    entry = reduce(lambda e, event: advance(e, event, POLICY, START), [Acknowledged(), *events], NEW)
    assert entry.state is State.ACKNOWLEDGED


@given(st.lists(st.tuples(EVENTS, st.timedeltas(timedelta(), timedelta(hours=9)))))
def test_laws(steps: list[tuple[Event, timedelta]]) -> None:
    """At most Retries + 1 planned sends, every plan before the time to live, and nothing planned at the end."""
    entry: Entry = NEW
    now = START
    for event, wait in steps:
        now += wait
        before, entry = entry, advance(entry, event, POLICY, now)
        assert entry.time_to_live == NEW.time_to_live
        assert entry.attempts - before.attempts in {0, 1}
        if entry.next_attempt is not None:
            assert entry.time_to_live is not None
            assert entry.next_attempt < entry.time_to_live
            assert entry.attempts <= POLICY.retries
        assert entry.state not in FINAL or entry.next_attempt is None
