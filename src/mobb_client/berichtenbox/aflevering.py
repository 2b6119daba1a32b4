"""What becomes of one letter, as a pure table: three clocks, and exactly one ending with its reason and advice.

Source: `berichtenbox` h.2; `design.md` section 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.resultaat import BerichtResultaat, Klasse
from mobb_client.errors import Finding, MobbError, Severity


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
BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 1440))
"""How long to wait before each business resend after TechnischProbleem (`berichtenbox` c.2)."""


class ForbiddenEdgeError(MobbError):
    """A letter was asked to go where its state does not lead: a defect of the caller, never of the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
        verwerkingscode: that verdict's code as given.
        stadium: where at Logius something went wrong.
        reason: the code of the ending's sentence, or of why it was queued again.
        batch_id: of the batch that it travels in, kept on a resend.
        message_id: of the last message that it travelled in.
        not_before: a queued letter waits until then.
        resends: business resends made after TechnischProbleem.
        expired: how often its message expired.
    """

    oin: OIN
    kenmerk: str
    bericht_id: UUID
    state: State = State.QUEUED
    handed_over: datetime
    acknowledged: datetime | None = None
    processed: datetime | None = None
    verwerkingscode: str | None = None
    stadium: str | None = None
    reason: str | None = None
    batch_id: UUID | None = None
    message_id: str | None = None
    not_before: datetime | None = None
    resends: int = 0
    expired: int = 0

    @property
    def is_ended(self) -> bool:
        """Whether it is in one of the three places where letters end."""
        return self.state in ENDINGS

    @property
    def finding(self) -> Finding | None:
        """The ending's sentence and advice; None while the letter is under way."""
        if self.reason is None:
            return None
        severity: Severity = "warning" if self.state is State.DELIVERED else "error"
        return Finding(self.reason, field="bericht", measure=self.verwerkingscode or "no verdict", severity=severity)


def batched(letter: Aflevering, batch_id: UUID, message_id: str) -> Aflevering:
    """Return a queued letter that is now in a message."""
    _allow(letter, State.QUEUED)
    return replace(letter, state=State.BATCHED, batch_id=batch_id, message_id=message_id, not_before=None)


def sent(letter: Aflevering) -> Aflevering:
    """Return the letter after its message was accepted by the other side; later states stay as they are (B43)."""
    return replace(letter, state=State.SENT) if letter.state is State.BATCHED else letter


def acknowledged(letter: Aflevering, now: datetime) -> Aflevering:
    """Return the letter after its message was acknowledged."""
    if letter.state not in {State.BATCHED, State.SENT}:
        return letter
    return replace(letter, state=State.ACKNOWLEDGED, acknowledged=letter.acknowledged or now)


def judged(letter: Aflevering, verdict: BerichtResultaat, now: datetime) -> Aflevering:
    """Return the letter after the Berichtenbox gave its verdict on it.

    A verdict on a letter that has ended changes it only when it waits on a desk; on `DELIVERED` and `PAPER` it is for
    an alarm (`is_alarm`). A verdict moves a letter also when its acknowledgment never came.

    Source: `berichtenbox` c.2.
    """
    if letter.state in {State.DELIVERED, State.PAPER} or not _was_offered(letter, verdict):
        return letter
    known = replace(
        letter,
        processed=now,
        acknowledged=letter.acknowledged or now,
        verwerkingscode=verdict.code,
        stadium=verdict.stadium,
        reason=verdict.finding.code,
    )
    match verdict.klasse:
        case Klasse.BEZORGD:
            return replace(known, state=State.DELIVERED)
        case Klasse.PAPIER:
            return replace(known, state=State.PAPER)
        case Klasse.OPNIEUW if letter.resends < len(BACK_OFF) and letter.state is not State.HUMAN:
            wait = now + BACK_OFF[letter.resends]
            return replace(known, state=State.QUEUED, not_before=wait, resends=letter.resends + 1)
        case _:
            return replace(known, state=State.HUMAN)


def _was_offered(letter: Aflevering, verdict: BerichtResultaat) -> bool:
    """Tell whether a verdict can be on this letter: it travelled, and is not waiting after this very verdict."""
    if letter.state is not State.QUEUED:
        return True
    return letter.batch_id is not None and verdict.klasse is not Klasse.OPNIEUW


def is_alarm(letter: Aflevering, verdict: BerichtResultaat) -> bool:
    """Tell whether a verdict contradicts where a letter ended: `Verwerkt` after paper, a refusal after delivery."""
    if letter.state is State.PAPER:
        return verdict.klasse is Klasse.BEZORGD
    return letter.state is State.DELIVERED and verdict.klasse not in {Klasse.BEZORGD, Klasse.DUBBEL}


def contradicted(letter: Aflevering, now: datetime) -> Aflevering:
    """Return the letter after one result gave two different verdicts on it: a person looks."""
    if letter.state in {State.DELIVERED, State.PAPER}:
        return letter
    return replace(letter, state=State.HUMAN, processed=now, reason="result.twice")


def message_expired(letter: Aflevering) -> Aflevering:
    """Return the letter after its message expired: once more in a new message with the same ids, then to a person."""
    if letter.is_ended or letter.state is State.QUEUED:
        return letter
    if letter.expired:
        return replace(letter, state=State.HUMAN, reason="aflevering.expired", expired=letter.expired + 1)
    return replace(letter, state=State.QUEUED, reason="aflevering.expired", expired=1)


def message_failed(letter: Aflevering) -> Aflevering:
    """Return the letter after its message was refused: a person must act before it can go again."""
    if letter.is_ended or letter.state is State.QUEUED:
        return letter
    return replace(letter, state=State.HUMAN, reason="aflevering.refused")


def unbuildable(letter: Aflevering, reason: str) -> Aflevering:
    """Return a queued letter that cannot become part of a message: a changed file, dates that passed."""
    _allow(letter, State.QUEUED)
    return replace(letter, state=State.HUMAN, reason=reason)


def _allow(letter: Aflevering, *states: State) -> None:
    if letter.state not in states:
        raise ForbiddenEdgeError(f"a letter in state {letter.state} cannot do this")
