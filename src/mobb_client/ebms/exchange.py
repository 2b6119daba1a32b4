"""What becomes of one ebMS message, as a pure table: states, events, and the one function that moves between them.

Two tables: a reliable message is retried until it is acknowledged, refused or past its time to live; a best-effort
message is sent once. Source: `digikoppeling-ebms2` f.3; ebMS 2.0 section 6.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from mobb_client.ebms.cpa import RetryPolicy


class State(StrEnum):
    """Where a message stands. The names are for ever."""

    PENDING = "PENDING"
    """Written, never accepted by the other side."""
    SENT = "SENT"
    """Accepted with a 2xx at least once, which is not an acknowledgment."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    """The other message handler has it: final."""
    FAILED = "FAILED"
    """Refused, or a best-effort send that failed: final. A correction needs a new MessageId (h-15)."""
    EXPIRED = "EXPIRED"
    """Past its time to live without an answer: final, and what became of it is not known."""


FINAL: Final = frozenset({State.ACKNOWLEDGED, State.FAILED, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A 2xx without a signal: it arrived, or it did not; only an acknowledgment tells."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A valid acknowledgment, in the HTTP answer or at our endpoint, or a verified result of the batch."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A MessageError of severity Error, or an HTTP status that no retry will change."""

    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A MessageError of highest severity Warning: logged, and nothing changes (h-23)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A network, TLS or time-out failure, or an answer that a retry may change."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Event = Accepted | Acknowledged | Refused | Warned | Unreachable | Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is kept of one message's exchange.

    Args:
        state: where it stands.
        attempts: sends made so far.
        next_attempt: when to send next; None when no further send is planned.
        time_to_live: when it expires; None for a best-effort message, which does not (B22).
        forget_at: no send under this MessageId may come at or after this moment: the receiver may have forgotten it.
        reason: why it was refused or could not be sent, last time.
    """

    state: State = State.PENDING
    attempts: int = 0
    next_attempt: datetime | None
    time_to_live: datetime | None = None
    forget_at: datetime | None = None
    reason: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing that comes in changes it any more."""
        return self.state in FINAL

    def is_too_late(self, moment: datetime) -> bool:
        """Tell whether a send at this moment would come after the time to live, or after the receiver may forget."""
        return any(limit is not None and moment >= limit for limit in (self.time_to_live, self.forget_at))


def begin(created: datetime, policy: RetryPolicy | None) -> Entry:
    """Return the entry of a new message, due at once; `policy` is None for best effort.

    The time to live is fixed here and never computed again. Source: `digikoppeling-ebms2` f.1.
    """
    created = created.astimezone(UTC)
    if policy is None:
        return Entry(next_attempt=created)
    forget_at = None if policy.persist is None else created + policy.persist
    return Entry(next_attempt=created, time_to_live=created + policy.time_to_live, forget_at=forget_at)


def advance(entry: Entry, event: Event, policy: RetryPolicy | None, now: datetime) -> Entry:
    """Return the entry after one event; no other function changes a state.

    What comes in after a final state changes nothing: the caller tells the application of a late answer (h-24).

    Source: `digikoppeling-ebms2` f.3.
    """
    if entry.is_final:
        return entry
    return _best_effort(entry, event) if policy is None else _reliable(entry, event, policy, now)


def _reliable(entry: Entry, event: Event, policy: RetryPolicy, now: datetime) -> Entry:
    match event:
        case Acknowledged():
            return _final(entry, State.ACKNOWLEDGED)
        case Refused(reason):
            return _final(entry, State.FAILED, reason)
        case Accepted():
            return _sent_again(replace(entry, state=State.SENT, reason=None), policy, now)
        case Unreachable(reason):
            return _sent_again(replace(entry, reason=reason), policy, now)
        case Tick():
            return _aged(entry, now)
    return entry


def _aged(entry: Entry, now: datetime) -> Entry:
    """Let time do its work: past the time to live it expires, and when it may be forgotten it is not sent (h-12)."""
    if entry.time_to_live is not None and now >= entry.time_to_live:
        return _final(entry, State.EXPIRED, entry.reason)
    return replace(entry, next_attempt=None) if entry.is_too_late(now) else entry


def _best_effort(entry: Entry, event: Event) -> Entry:
    match event:
        case Accepted() | Acknowledged():
            return _final(replace(entry, attempts=max(entry.attempts, 1)), State.ACKNOWLEDGED)
        case Refused(reason) | Unreachable(reason):
            return _final(replace(entry, attempts=max(entry.attempts, 1)), State.FAILED, reason)
    return entry


def _sent_again(entry: Entry, policy: RetryPolicy, now: datetime) -> Entry:
    """Count a send and plan the next one: an interval later, unless that is one too many or too late."""
    attempts = entry.attempts + 1
    planned = now.astimezone(UTC) + policy.interval  # in UTC, on every night of the year (B23)
    is_last = attempts > policy.retries or entry.is_too_late(planned)
    return replace(entry, attempts=attempts, next_attempt=None if is_last else planned)


def _final(entry: Entry, state: State, reason: str | None = None) -> Entry:
    return replace(entry, state=state, next_attempt=None, reason=reason)
