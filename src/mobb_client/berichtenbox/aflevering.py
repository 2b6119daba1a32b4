"""What becomes of one letter, as a pure table: three clocks, and exactly one ending with its reason and advice.

Source: `berichtenbox` h.2; `design.md` section 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.resultaat import BerichtResultaat, Klasse, shown
from mobb_client.errors import Finding, MobbError


class State(StrEnum):
    """Where a letter stands. The names are for ever."""

    QUEUED = "QUEUED"
    BATCHED = "BATCHED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    DELIVERED = "DELIVERED"
    PAPER = "PAPER"
    HUMAN = "HUMAN"


ENDINGS: Final = frozenset({State.DELIVERED, State.PAPER, State.HUMAN})
FINAL: Final = frozenset({State.DELIVERED, State.PAPER})
"""The endings that nothing changes any more."""
UNDER_WAY: Final = frozenset({State.BATCHED, State.SENT, State.ACKNOWLEDGED})
UNSENT: Final = frozenset({State.QUEUED, State.BATCHED, State.SENT})
"""Where a letter stands that the other message handler is not known to have."""
BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 1440))
"""How long to wait before each business resend after TechnischProbleem (`berichtenbox` c.2)."""
PATIENCE: Final = timedelta(hours=24)
"""How long a result may take before somebody is told, and until they are told again (`berichtenbox` c.5)."""

_DOUBTFUL: Final = frozenset({"aflevering.expired", "result.twice", "resultaat.BerichtBestaatAl"})


class ForbiddenEdgeError(MobbError):
    """A letter was asked to go where its state does not lead: a defect of the caller, never of the other side."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Aflevering:
    """One letter's way, and where it ended.

    Args:
        oin: whose letter.
        kenmerk: the caller's key.
        bericht_id: follows from the two.
        state: where it stands.
        handed_over: first clock: it was in our outbox.
        acknowledged: second clock: the other message handler had it.
        processed: third clock: the Berichtenbox gave its verdict.
        ended: when it came to the ending where it stands; None while it is under way.
        verwerkingscode: that verdict's code as given.
        stadium: where at Logius something went wrong, as given.
        finding: why it ended there, waits for another attempt, or needs a look; with advice. None while all is well.
        batch_id: of the batch that it travels in, kept on a resend.
        message_id: of the last message that it travelled in.
        not_before: a queued letter waits until then.
        alarm_at: when somebody is told that there is still no result.
        resends: business resends made after TechnischProbleem, since a person last decided.
        expired: how often its message expired.

    The clocks and the code are those of its last offering; those of earlier ones are in the events.
    """

    oin: OIN
    kenmerk: str
    bericht_id: UUID
    state: State = State.QUEUED
    handed_over: datetime
    acknowledged: datetime | None = None
    processed: datetime | None = None
    ended: datetime | None = None
    verwerkingscode: str | None = None
    stadium: str | None = None
    finding: Finding | None = None
    batch_id: UUID | None = None
    message_id: str | None = None
    not_before: datetime | None = None
    alarm_at: datetime | None = None
    resends: int = 0
    expired: int = 0

    @property
    def key(self) -> tuple[OIN, str]:
        """What names the letter."""
        return self.oin, self.kenmerk

    @property
    def is_ended(self) -> bool:
        """Whether it is in one of the three places where letters end."""
        return self.state in ENDINGS

    @property
    def reason(self) -> str | None:
        """The code of its finding."""
        return self.finding.code if self.finding else None

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether it waits for its result longer than is normal."""
        return self.state is State.ACKNOWLEDGED and (self.acknowledged or self.handed_over) + PATIENCE <= now

    def wants_reminder(self, now: datetime) -> bool:
        """Tell whether it is time to tell somebody (again) that there is no result."""
        return self.state is State.ACKNOWLEDGED and self.alarm_at is not None and self.alarm_at <= now

    @property
    def may_have_arrived(self) -> bool:
        """Whether it travelled, and nobody here knows whether it is in the Berichtenbox."""
        return self.reason in _DOUBTFUL or (self.verwerkingscode is None and (self.expired > 0 or self._is_unsure))

    @property
    def _is_unsure(self) -> bool:
        """Whether its one send failed: the names of such failures have a point in them, errorCodes of ebMS do not."""
        return self.finding is not None and self.reason == "aflevering.refused" and "." in self.finding.measure

    def __repr__(self) -> str:
        """Return its kenmerk and where it stands; code and stadium only as far as they can do no harm in a log."""
        told = "" if self.verwerkingscode is None else f", {shown(self.verwerkingscode)}"
        return f"Aflevering({self.kenmerk!r}, {self.state}{told})"


def standing(letter: Aflevering) -> tuple[object, ...]:
    """Return where a letter stands, and not whose it is or since when: equal for letters that take the same steps.

    No step but `reminded` looks at the rest, so what one of a thousand letters of a message becomes, all become that
    stand as it does (`standing_as`).
    """
    return _STANDING(letter)


def standing_as(letter: Aflevering, other: Aflevering) -> Aflevering:
    """Return a letter that stands where another one does."""
    return replace(other, **{name: getattr(letter, name) for name in _OWN})


_OWN: Final = ("oin", "kenmerk", "bericht_id", "handed_over")
_STANDING: Final = attrgetter(*(one.name for one in fields(Aflevering) if one.name not in _OWN))


def batched(letter: Aflevering, batch_id: UUID, message_id: str) -> Aflevering:
    """Return a queued letter that is now in a message; what is known of an earlier offering is wiped out."""
    _allow(letter, State.QUEUED)
    return replace(
        letter,
        state=State.BATCHED,
        batch_id=batch_id,
        message_id=message_id,
        acknowledged=None,
        processed=None,
        verwerkingscode=None,
        stadium=None,
        finding=None,
        not_before=None,
    )


def sent(letter: Aflevering) -> Aflevering:
    """Return the letter after its message was accepted by the other side; later states stay as they are (B43)."""
    return replace(letter, state=State.SENT) if letter.state is State.BATCHED else letter


def acknowledged(letter: Aflevering, now: datetime) -> Aflevering:
    """Return the letter after its message was acknowledged; from now on its result is awaited."""
    if letter.state not in {State.BATCHED, State.SENT}:
        return letter
    return replace(letter, state=State.ACKNOWLEDGED, acknowledged=now, alarm_at=now + PATIENCE)


def reminded(letter: Aflevering, now: datetime) -> Aflevering:
    """Return a letter of which somebody was told that its result stays away: it stays open, and is never resent."""
    _allow(letter, State.ACKNOWLEDGED)
    waited = f"none since {letter.acknowledged or letter.handed_over:%Y-%m-%dT%H:%MZ}"
    told = Finding("aflevering.overdue", field="verwerkingscode", measure=waited, severity="warning")
    return replace(letter, alarm_at=now + PATIENCE, finding=told)


def judged(letter: Aflevering, verdict: BerichtResultaat, now: datetime, *, latest: bool = True) -> Aflevering:
    """Return the letter after the Berichtenbox gave its verdict on it.

    A verdict on a letter that has ended changes it only when it waits on a desk; on `DELIVERED` and `PAPER` it is for
    an alarm (`is_alarm`). A verdict moves a letter also when its acknowledgment never came.

    Args:
        letter: the letter.
        verdict: what the Berichtenbox says of it.
        now: the third clock.
        latest: whether the verdict is on its last offering. One on an earlier offering counts for a letter that is
            under way again only when it says that the letter was delivered: the last offering gets a verdict too, and
            a letter must not end on paper while it may still arrive.

    Source: `berichtenbox` c.2.
    """
    if letter.state in FINAL or _is_known(letter, verdict) or not _counts(letter, verdict.klasse, latest=latest):
        return letter
    again = verdict.klasse is Klasse.OPNIEUW and letter.resends < len(BACK_OFF) and letter.state is not State.HUMAN
    return replace(
        letter,
        state=State.QUEUED if again else _ENDING.get(verdict.klasse, State.HUMAN),
        processed=now,
        acknowledged=letter.acknowledged or now,
        verwerkingscode=verdict.code,
        stadium=verdict.stadium,
        finding=verdict.finding,
        not_before=now + BACK_OFF[letter.resends] if again else None,
        alarm_at=None,
        resends=letter.resends + again,
    )


_ENDING: Final = {Klasse.BEZORGD: State.DELIVERED, Klasse.PAPIER: State.PAPER}


def _counts(letter: Aflevering, klasse: Klasse, *, latest: bool) -> bool:
    """Tell whether a verdict moves a letter that has not ended for good."""
    if letter.state is State.QUEUED and (letter.batch_id is None or klasse is Klasse.OPNIEUW):
        return False  # never offered, or waiting after this very verdict
    if letter.state in {State.QUEUED, State.HUMAN} and klasse is Klasse.PAPIER:
        return True
    return latest or klasse is Klasse.BEZORGD


def _is_known(letter: Aflevering, verdict: BerichtResultaat) -> bool:
    """Tell whether a letter waits on a desk with this very verdict: its repeat changes nothing."""
    return letter.state is State.HUMAN and letter.finding == verdict.finding


def is_alarm(letter: Aflevering, verdict: BerichtResultaat, *, latest: bool = True) -> bool:
    """Tell whether a verdict contradicts where a letter ended: `Verwerkt` after paper, a refusal after delivery.

    The refusal of an offering before the one that was delivered contradicts nothing.
    """
    if letter.state is State.PAPER:
        return verdict.klasse is Klasse.BEZORGD
    return letter.state is State.DELIVERED and latest and verdict.klasse not in {Klasse.BEZORGD, Klasse.DUBBEL}


def contradicted(letter: Aflevering, verdicts: Sequence[BerichtResultaat], now: datetime) -> Aflevering:
    """Return the letter after one result gave different verdicts on it: a person looks."""
    told = ", ".join(dict.fromkeys(shown(verdict.code) for verdict in verdicts))
    finding = Finding("result.twice", field="verwerkingscode", measure=told)
    if letter.state in FINAL or (letter.state is State.HUMAN and letter.finding == finding):
        return letter
    return replace(letter, state=State.HUMAN, processed=now, finding=finding, not_before=None, alarm_at=None)


def message_expired(letter: Aflevering) -> Aflevering:
    """Return the letter after its message expired: once more in a new message with the same ids, then to a person."""
    if letter.state not in UNDER_WAY:
        return letter
    finding = Finding("aflevering.expired", field="bericht", measure="no acknowledgment")
    state = State.HUMAN if letter.expired else State.QUEUED
    return replace(letter, state=state, finding=finding, alarm_at=None, expired=letter.expired + 1)


def message_failed(letter: Aflevering, why: str) -> Aflevering:
    """Return the letter after its message was refused: a person must act before it can go again.

    Args:
        letter: the letter.
        why: the errorCodes or the code of the failure; no text from outside.
    """
    if letter.state not in UNDER_WAY:
        return letter
    finding = Finding("aflevering.refused", field="bericht", measure=why)
    return replace(letter, state=State.HUMAN, finding=finding, alarm_at=None)


def unbuildable(letter: Aflevering, finding: Finding) -> Aflevering:
    """Return a queued letter that cannot become part of a message: a changed file, dates that passed."""
    _allow(letter, State.QUEUED)
    return replace(letter, state=State.HUMAN, finding=finding, not_before=None)


def not_subscribed(letter: Aflevering, finding: Finding) -> Aflevering:
    """Return a queued letter whose citizen is known not to be subscribed: paper, without having been offered."""
    _allow(letter, State.QUEUED)
    return replace(letter, state=State.PAPER, finding=finding, not_before=None)


def unchecked(letter: Aflevering, finding: Finding, until: datetime) -> Aflevering:
    """Return a queued letter of whose citizen nothing is known that counts: it waits, and is looked at again then."""
    _allow(letter, State.QUEUED)
    return replace(letter, finding=finding, not_before=until)


# What a person decides


def delivered_after_all(letter: Aflevering) -> Aflevering:
    """Return a letter on the desk of which a person knows that it is in the Berichtenbox."""
    return _closed(letter, State.DELIVERED, "desk.delivered")


def put_on_paper(letter: Aflevering) -> Aflevering:
    """Return a letter on the desk that a person puts on the paper list."""
    return _closed(letter, State.PAPER, "desk.paper")


def _closed(letter: Aflevering, state: State, code: str) -> Aflevering:
    _allow(letter, State.HUMAN)
    decided = Finding(code, field="kenmerk", measure=letter.reason or "no finding", severity="warning")
    return replace(letter, state=state, finding=decided, not_before=None, alarm_at=None)


def sent_again(letter: Aflevering) -> Aflevering:
    """Return a letter on the desk that goes again: the same ids, in a new message.

    What is still said of the message that it travelled in is said of an earlier offering from now on: only that it was
    delivered counts, or that it cannot be before it is under way again.
    """
    _allow(letter, State.HUMAN)
    decided = Finding("desk.resent", field="kenmerk", measure=letter.reason or "no finding", severity="warning")
    return replace(
        letter,
        state=State.QUEUED,
        finding=decided,
        message_id=None,
        not_before=None,
        alarm_at=None,
        resends=0,
    )


def _allow(letter: Aflevering, *states: State) -> None:
    if letter.state not in states:
        raise ForbiddenEdgeError(f"a letter in state {letter.state} cannot do this")
