"""The state machine of one letter: three clocks, exactly one ending."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobb_client.berichtenbox import aflevering as table
from mobb_client.berichtenbox.aflevering import BACK_OFF, Aflevering, ForbiddenEdgeError, State
from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.resultaat import BerichtResultaat, Verwerkingscode
from mobb_client.errors import Finding

NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
OURS = OIN("00000099000000001000")
THEIRS = OIN("00000099000000002000")
BATCH = UUID(int=7)
NEW = Aflevering(oin=OURS, kenmerk="zaak-1", bericht_id=bericht_id(OURS, "zaak-1"), handed_over=NOW)
CHANGED = Finding("bijlage.changed", field="bijlage_1", measure="60 bytes")
UNDER_WAY = table.sent(table.batched(NEW, BATCH, "id@host"))


def verdict(code: str) -> BerichtResultaat:
    """Return a verdict on the letter."""
    return BerichtResultaat(bericht_id=NEW.bericht_id, berichttype="BESCHIK", code=code, stadium="NA")


def test_way() -> None:
    """h.1: queued, batched, sent, acknowledged, delivered; each clock stands when its moment came."""
    letter = table.batched(NEW, BATCH, "id@host")
    assert (letter.state, letter.batch_id, letter.message_id) == (State.BATCHED, BATCH, "id@host")
    letter = table.sent(letter)
    assert letter.state is State.SENT
    letter = table.acknowledged(letter, NOW + timedelta(minutes=1))
    assert (letter.state, letter.is_ended, letter.finding) == (State.ACKNOWLEDGED, False, None)
    letter = table.judged(letter, verdict("Verwerkt"), NOW + timedelta(hours=1))
    assert (letter.state, letter.is_ended) == (State.DELIVERED, True)
    assert letter.handed_over < letter.acknowledged < letter.processed  # type: ignore[operator] # all three stand
    assert letter.finding is not None
    assert letter.finding.severity == "warning"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (Verwerkingscode.VERWERKT, State.DELIVERED),
        (Verwerkingscode.NIET_ACTIEF_OF_GEABONNEERD, State.PAPER),
        (Verwerkingscode.TECHNISCH_PROBLEEM, State.QUEUED),
        (Verwerkingscode.BERICHTTYPE_NIET_ONDERSTEUND, State.HUMAN),
        (Verwerkingscode.PUBLICATIEDATUM_LIGT_TE_VER_IN_DE_TOEKOMST, State.HUMAN),
        (Verwerkingscode.AANMAAKDATUM_LIGT_TE_VER_IN_HET_VERLEDEN, State.HUMAN),
        (Verwerkingscode.BERICHT_BESTAAT_AL, State.HUMAN),
        (Verwerkingscode.BIJLAGE_TE_GROOT, State.HUMAN),
        (Verwerkingscode.OIN_IN_CPA_KOMT_NIET_OVEREEN_MET_OIN_IN_BERICHT, State.HUMAN),
        (Verwerkingscode.XML_VALIDATIE_TEGEN_XSD_VALT_NEGATIEF_UIT, State.HUMAN),
        ("IetsNieuws", State.HUMAN),
        ("00", State.HUMAN),
    ],
)
def test_verdict(code: str, state: State) -> None:
    """c.2: where each code takes a letter; every ending has a sentence and advice in both languages."""
    letter = table.judged(UNDER_WAY, verdict(code), NOW)
    assert letter.state is state
    assert letter.verwerkingscode == code
    assert letter.finding is not None
    assert letter.finding.advice_in("nl")


def test_technisch_probleem() -> None:
    """c.2: the same ids again after 15 minutes, 1, 4 and 24 hours, then a person."""
    letter, waits = UNDER_WAY, []
    for _ in BACK_OFF:
        letter = table.judged(letter, verdict("TechnischProbleem"), NOW)
        assert letter.not_before is not None
        waits.append(letter.not_before - NOW)
        assert table.judged(letter, verdict("TechnischProbleem"), NOW) == letter, "the same result twice waits once"
        letter = table.batched(letter, BATCH, "next@host")
    assert waits == list(BACK_OFF)
    assert table.judged(letter, verdict("TechnischProbleem"), NOW).state is State.HUMAN


def test_result_before_acknowledgment() -> None:
    """A verified result also acknowledges; what comes after it changes nothing (B43)."""
    letter = table.judged(table.batched(NEW, BATCH, "id@host"), verdict("Verwerkt"), NOW)
    assert letter.acknowledged == NOW
    assert table.sent(letter) == letter
    assert table.acknowledged(letter, NOW + timedelta(hours=1)) == letter


def test_expired() -> None:
    """Design 1: an expired message's letters go back once, with the same ids, then to a person."""
    again = table.message_expired(UNDER_WAY)
    assert (again.state, again.bericht_id, again.expired) == (State.QUEUED, NEW.bericht_id, 1)
    assert table.judged(again, verdict("Verwerkt"), NOW).state is State.DELIVERED, "it had arrived after all"
    second = table.message_expired(table.batched(again, BATCH, "two@host"))
    assert (second.state, second.reason) == (State.HUMAN, "aflevering.expired")


def test_failed() -> None:
    """f.3: a refused message needs a person before its letters go again."""
    letter = table.message_failed(UNDER_WAY, "Inconsistent")
    assert letter.state is State.HUMAN
    assert letter.finding is not None
    assert (letter.reason, letter.finding.measure) == ("aflevering.refused", "Inconsistent")
    assert table.message_failed(NEW, "Inconsistent") == NEW


@pytest.mark.parametrize("ended", ["Verwerkt", "NietActiefOfGeabonneerd"])
@pytest.mark.parametrize("code", list(Verwerkingscode))
def test_final(ended: str, code: Verwerkingscode) -> None:
    """Design 1: DELIVERED and PAPER are final; a verdict that contradicts them is an alarm."""
    letter = table.judged(UNDER_WAY, verdict(ended), NOW)
    assert table.judged(letter, verdict(code), NOW) == letter
    assert table.message_expired(letter) == table.message_failed(letter, "x") == letter
    contradiction = (letter.state is State.PAPER) == (code is Verwerkingscode.VERWERKT)
    harmless = letter.state is State.DELIVERED and code is Verwerkingscode.BERICHT_BESTAAT_AL
    assert table.is_alarm(letter, verdict(code)) is (contradiction and not harmless)


def test_desk() -> None:
    """Design 1: HUMAN may move by a verified result."""
    on_desk = table.judged(UNDER_WAY, verdict("BerichtBestaatAl"), NOW)
    assert table.judged(on_desk, verdict("Verwerkt"), NOW).state is State.DELIVERED
    assert table.judged(on_desk, verdict("NietActiefOfGeabonneerd"), NOW, latest=False).state is State.PAPER
    assert table.judged(on_desk, verdict("TechnischProbleem"), NOW, latest=False) == on_desk
    assert table.judged(on_desk, verdict("TechnischProbleem"), NOW).state is State.HUMAN, "a person has it now"


DECISIONS = {
    table.delivered_after_all: State.DELIVERED,
    table.put_on_paper: State.PAPER,
    table.sent_again: State.QUEUED,
}


def standing(state: State) -> Aflevering:
    """Return a letter in a state, after a way that leads there."""
    return {
        State.QUEUED: NEW,
        State.BATCHED: table.batched(NEW, BATCH, "id@host"),
        State.SENT: UNDER_WAY,
        State.ACKNOWLEDGED: table.acknowledged(UNDER_WAY, NOW),
        State.DELIVERED: table.judged(UNDER_WAY, verdict("Verwerkt"), NOW),
        State.PAPER: table.judged(UNDER_WAY, verdict("NietActiefOfGeabonneerd"), NOW),
        State.HUMAN: table.judged(UNDER_WAY, verdict("BijlageTeGroot"), NOW),
    }[state]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("decide", list(DECISIONS))
def test_decisions(decide: Callable[[Aflevering], Aflevering], state: State) -> None:
    """B41: a person moves a letter out of HUMAN, and no other."""
    letter = standing(state)
    assert letter.state is state
    if state is not State.HUMAN:
        with pytest.raises(ForbiddenEdgeError):
            decide(letter)
        return
    decided = decide(letter)
    assert decided.state is DECISIONS[decide]
    assert decided.finding is not None
    assert decided.finding.measure == "resultaat.BijlageTeGroot", "why it was there"
    assert (decided.bericht_id, decided.batch_id) == (letter.bericht_id, letter.batch_id)


def test_sent_again() -> None:
    """k.16: the same ids, its chances after TechnischProbleem anew; what is said of the old offering is old."""
    letter = UNDER_WAY
    for _ in range(len(BACK_OFF) + 1):
        letter = table.judged(letter, verdict("TechnischProbleem"), NOW)
        letter = table.batched(letter, BATCH, "next@host") if letter.state is State.QUEUED else letter
    again = table.sent_again(letter)
    assert (again.resends, again.message_id, again.not_before) == (0, None, None)
    assert table.judged(again, verdict("BijlageTeGroot"), NOW, latest=False) == again
    assert table.judged(again, verdict("NietActiefOfGeabonneerd"), NOW, latest=False).state is State.PAPER
    assert table.judged(again, verdict("Verwerkt"), NOW, latest=False).state is State.DELIVERED


@pytest.mark.parametrize(
    ("letter", "doubt"),
    [
        (table.message_expired(table.batched(table.message_expired(UNDER_WAY), BATCH, "two@host")), True),
        (table.unbuildable(table.message_expired(UNDER_WAY), CHANGED), True),
        (table.sent_again(replace(table.message_expired(UNDER_WAY), state=State.HUMAN)), True),
        (table.message_failed(UNDER_WAY, "network.timeout"), True),
        (table.message_failed(UNDER_WAY, "Inconsistent"), False),
        (table.judged(UNDER_WAY, verdict("BerichtBestaatAl"), NOW), True),
        (table.contradicted(UNDER_WAY, [verdict("Verwerkt"), verdict("BijlageTeGroot")], NOW), True),
        (table.judged(UNDER_WAY, verdict("BijlageTeGroot"), NOW), False),
        (table.unbuildable(NEW, CHANGED), False),
    ],
)
def test_may_have_arrived(letter: Aflevering, doubt: bool) -> None:
    """B46, B72: without a verdict nobody knows; who decides is told."""
    assert letter.may_have_arrived is doubt


def test_contradiction() -> None:
    """B67: one result with two verdicts on one letter is for a person, who is told both; a final letter stays."""
    both = [verdict("Verwerkt"), verdict("NietActiefOfGeabonneerd")]
    letter = table.contradicted(UNDER_WAY, both, NOW)
    assert letter.finding is not None
    assert (letter.state, letter.reason) == (State.HUMAN, "result.twice")
    assert letter.finding.measure == "Verwerkt, NietActiefOfGeabonneerd"
    delivered = table.judged(UNDER_WAY, verdict("Verwerkt"), NOW)
    assert table.contradicted(delivered, both, NOW) == delivered
    assert table.contradicted(letter, both, NOW + timedelta(days=1)) == letter, "the same again"


@pytest.mark.parametrize("code", ["BerichtBestaatAl", "BijlageTeGroot", "IetsNieuws"])
def test_same_verdict_on_a_desk(code: str) -> None:
    """c.5: the same verdict again moves no clock; another one is news for who has the letter."""
    letter = table.judged(UNDER_WAY, verdict(code), NOW)
    assert table.judged(letter, verdict(code), NOW + timedelta(days=1)) == letter
    other = table.judged(letter, verdict("TechnischProbleem"), NOW + timedelta(days=1))
    assert (other.state, other.reason) == (State.HUMAN, "resultaat.TechnischProbleem")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("Verwerkt", State.DELIVERED),
        ("NietActiefOfGeabonneerd", State.SENT),
        ("TechnischProbleem", State.SENT),
        ("BijlageTeGroot", State.SENT),
    ],
)
def test_verdict_on_an_earlier_offering(code: str, state: State) -> None:
    """Design 1: never on paper while the letter is under way again; that it was delivered counts whenever it comes."""
    assert table.judged(UNDER_WAY, verdict(code), NOW, latest=False).state is state


def test_late_refusal_is_no_alarm() -> None:
    """c.5: the repeat of an old refusal contradicts no delivery; a delivery after paper is an alarm at any time."""
    delivered = table.judged(UNDER_WAY, verdict("Verwerkt"), NOW)
    assert not table.is_alarm(delivered, verdict("TechnischProbleem"), latest=False)
    paper = table.judged(UNDER_WAY, verdict("NietActiefOfGeabonneerd"), NOW)
    assert table.is_alarm(paper, verdict("Verwerkt"), latest=False)


def test_new_offering() -> None:
    """The clocks and the code are those of the last offering: what was known of the one before is wiped out."""
    waiting = table.judged(UNDER_WAY, verdict("TechnischProbleem"), NOW)
    assert waiting.reason == "resultaat.TechnischProbleem"
    again = table.batched(waiting, BATCH, "next@host")
    assert (again.acknowledged, again.processed, again.verwerkingscode, again.stadium) == (None, None, None, None)
    assert (again.finding, again.not_before, again.resends) == (None, None, 1)


def test_reminder() -> None:
    """B71: a day after the acknowledgment somebody is told, and every day again; the letter stays where it is."""
    letter = table.acknowledged(UNDER_WAY, NOW)
    assert not letter.wants_reminder(NOW + timedelta(hours=23, minutes=59))
    later = NOW + timedelta(hours=24)
    assert letter.wants_reminder(later)
    assert letter.is_overdue(later)
    told = table.reminded(letter, later)
    assert (told.state, told.reason, told.is_overdue(later)) == (State.ACKNOWLEDGED, "aflevering.overdue", True)
    assert not told.wants_reminder(later + timedelta(hours=23))
    assert told.wants_reminder(later + timedelta(hours=24))
    delivered = table.judged(told, verdict("Verwerkt"), later)
    assert (delivered.reason, delivered.wants_reminder(later + timedelta(days=9))) == ("resultaat.Verwerkt", False)
    with pytest.raises(ForbiddenEdgeError):
        table.reminded(UNDER_WAY, later)


def test_nothing_of_the_other_side_in_the_open() -> None:
    """B55: a code or Stadium that holds digits of a BSN shows neither in the repr nor in the finding."""
    odd = BerichtResultaat(bericht_id=NEW.bericht_id, berichttype=None, code="x999993653", stadium="y999993653")
    letter = table.judged(UNDER_WAY, odd, NOW)
    assert letter.verwerkingscode == "x999993653"
    assert "99999" not in f"{letter!r} {letter.finding}"
    assert repr(NEW) == "Aflevering('zaak-1', QUEUED)"


def test_forbidden() -> None:
    """Forbidden edges raise: a letter is not batched twice, nor put aside while it travels."""
    with pytest.raises(ForbiddenEdgeError):
        table.batched(UNDER_WAY, BATCH, "id@host")
    with pytest.raises(ForbiddenEdgeError):
        table.unbuildable(UNDER_WAY, CHANGED)
    assert table.unbuildable(NEW, CHANGED).state is State.HUMAN


@given(st.lists(st.sampled_from([*Verwerkingscode, "IetsNieuws"]), max_size=12))
def test_never_two_endings(codes: list[str]) -> None:
    """Whatever comes, in whatever order: once delivered or on paper, for ever there."""
    letter = UNDER_WAY
    for code in codes:
        before, letter = letter, table.judged(letter, verdict(code), NOW)
        if before.state in {State.DELIVERED, State.PAPER}:
            assert letter == before
        if letter.state is State.QUEUED and before.state is not State.QUEUED:
            letter = replace(table.batched(letter, BATCH, "again@host"))


STEPS: list[Callable[[Aflevering], Aflevering]] = [
    lambda letter: table.batched(letter, BATCH, "again@host"),
    table.sent,
    lambda letter: table.acknowledged(letter, NOW),
    *(
        lambda letter, code=code, latest=latest: table.judged(letter, verdict(code), NOW, latest=latest)  # type: ignore[misc] # mypy has no types for its defaults
        for code in (*Verwerkingscode, "IetsNieuws")
        for latest in (True, False)
    ),
    lambda letter: table.contradicted(letter, [verdict("Verwerkt"), verdict("BijlageTeGroot")], NOW),
    table.message_expired,
    lambda letter: table.message_failed(letter, "transport.refused"),
]
"""What a message or a result does to letters: the steps that a thousand of them take as one."""


@given(st.lists(st.sampled_from(STEPS), max_size=8))
def test_alike(steps: list[Callable[[Aflevering], Aflevering]]) -> None:
    """Letters that stand alike take the same steps: nothing hangs on whose they are, or since when."""
    letter = NEW
    other = Aflevering(oin=THEIRS, kenmerk="zaak-2", bericht_id=UUID(int=2), handed_over=NOW - timedelta(days=9))
    for step in steps:
        assert table.standing(letter) == table.standing(other)
        assert table.standing_as(other, letter) == other
        with suppress(ForbiddenEdgeError):
            letter, other = step(letter), step(other)
    assert (other.oin, other.kenmerk, other.handed_over) == (THEIRS, "zaak-2", NOW - timedelta(days=9))
