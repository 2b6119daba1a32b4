"""The desk: what ended with a person, who decides about each letter once, with a reason that is kept.

A decision moves a letter out of HUMAN and nowhere else: delivered and on paper are final, and what is under way is
waited for. Source: `design.md` section 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mobb_client import ledger
from mobb_client.berichtenbox import aflevering as letters
from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht, bericht_id, shown_kenmerk
from mobb_client.berichtenbox.bijlage import error_of
from mobb_client.berichtenbox.identiteit import OIN, holds_bsn, looks_like_bsn, measure
from mobb_client.berichtenbox.tekst import KENMERK
from mobb_client.errors import BerichtError, FieldError, Finding, Language
from mobb_client.outbox.contract import Fact, Key, Outbox, RowKind, RunRow, StoredLetter, Transaction
from mobb_client.sender import Sender

MOST_OF_REASON: Final = 200
_LINE: Final = re.compile(rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{{1,{MOST_OF_REASON}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDesk:
    """A letter that waits for a person, and what to say of it in their language.

    Args:
        aflevering: where it stands, with its clocks.
        why: the rule behind its finding.
        advice: what to do.
        warning: what to think of first, when nobody here knows whether it arrived.
    """

    aflevering: Aflevering
    why: str
    advice: str
    warning: str | None = None


class Desk:
    """Decides about letters in HUMAN. Made by `Client.desk`.

    Args:
        senders: whose letters; without any, only an OIN says whose a letter is.
        outbox: where they are.
        now: the clock.
    """

    def __init__(self, senders: Sequence[Sender], outbox: Outbox, now: Callable[[], datetime]) -> None:
        self._senders = senders
        self._outbox = outbox
        self._now = now

    def letters(self, language: Language = "en") -> Iterator[OnDesk]:
        """Give the letters that wait for a person, oldest first, with the advice in one of the two languages."""
        return (_shown(way, language) for way in ledger.in_state(self._outbox, State.HUMAN))

    def refuse(self, kenmerk: str, errors: Sequence[FieldError], *, oin: OIN | str | None = None) -> Aflevering | None:
        """Put a letter on the desk that could not be made, so that it is counted; return where it stands.

        It has no content. A corrected letter that is enqueued under its kenmerk takes its place.

        Args:
            kenmerk: of the letter.
            errors: all that is wrong with it; the first is its finding.
            oin: whose letter; that of the one sender when left out.

        Returns:
            None, and nothing was stored, when the kenmerk is that of another letter.

        Raises:
            FieldError: the kenmerk cannot be used, or no sender has the OIN: nothing was stored.
        """
        way = refused(self._senders, kenmerk, errors, self._now(), oin=oin)
        with self._outbox.transaction() as tx:
            return ledger.put_aside(tx, way, [error.code for error in errors], self._now())

    # Decisions

    def deliver(self, kenmerk: str, reason: str, *, oin: OIN | str | None = None) -> Aflevering:
        """Say that a letter is in the Berichtenbox after all, as Logius or its report told; return where it stands.

        Args:
            kenmerk: of the letter.
            reason: why, on one line and without a BSN; it is kept for ever.
            oin: of the letter, when several letters may have the kenmerk.

        Raises:
            FieldError: ``desk.unknown``, ``desk.state``, ``desk.reason`` or ``desk.reason-bsn``; nothing was changed.
            ConfigurationError: several OINs have a letter of this kenmerk, and none was named.
        """
        return self._decide(kenmerk, reason, oin, letters.delivered_after_all)

    def paper(self, kenmerk: str, reason: str, *, oin: OIN | str | None = None) -> Aflevering:
        """Put a letter on the paper list; as `deliver` for the rest.

        When it may have arrived all the same, the event says so.
        """
        return self._decide(kenmerk, reason, oin, letters.put_on_paper)

    def paper_row(self, run: str, number: int, reason: str, *, oin: OIN | str | None = None) -> Aflevering:
        """Put a refused row of a run on the paper list; return where it stands, by the name ``RUN:NUMBER``.

        For a row without a usable kenmerk, or with that of another letter, which nothing else can name. One that is on
        the desk under its own kenmerk is decided about as `paper` does.

        Args:
            run: the name of the run.
            number: of the row, as a spreadsheet shows it.
            reason: why, on one line and without a BSN; it is kept for ever.
            oin: for whom it is printed, when the row does not name one of the senders' OINs.

        Raises:
            FieldError: ``desk.row``: it is no refused row of this run; ``sender.oin-unknown``; or as `deliver`. Nothing
                was changed.
        """
        why = _one_line(reason)
        with self._outbox.transaction() as tx:
            row = _refused_row(tx, run, number)
            key = self._key_of_row(tx, run, row, oin)
            return self._step(tx, key, why, letters.put_on_paper, in_doubt=_names_another(tx, row, key))

    def resend(self, letter: str | Bericht, reason: str, *, oin: OIN | str | None = None) -> Aflevering:
        """Let a letter go again under its own BerichtID, perhaps corrected; return where it stands: in the queue.

        When the earlier one may have arrived, the event says so.

        Args:
            letter: its kenmerk; or the corrected letter, which takes the place of its content.
            reason: why, on one line and without a BSN; it is kept for ever.
            oin: of the letter, when several letters may have the kenmerk.

        Raises:
            FieldError: as `deliver`; ``desk.content``, ``desk.receiver``; or an attachment that cannot be read.
            BerichtError: no sender has the corrected letter's OIN, or dates do not fit.
            ConfigurationError: several OINs have a letter of this kenmerk, and none was named.
        """
        if isinstance(letter, str):
            return self._decide(letter, reason, oin, letters.sent_again, self._check_content)
        own = _owned(self._senders, letter.oin or oin)
        self._check_dates(letter, own)
        return self._decide(letter.kenmerk, reason, own, letters.sent_again, _Correction(letter))

    def _decide(
        self,
        kenmerk: str,
        reason: str,
        oin: OIN | str | None,
        step: Callable[[Aflevering], Aflevering],
        look: Callable[[Transaction, StoredLetter], Mapping[str, Fact]] = lambda *_: {},
    ) -> Aflevering:
        """Take one step with a letter on the desk, with an event that says why, and what `look` has to say."""
        why = _one_line(reason)
        key = self._key(kenmerk, oin)
        with self._outbox.transaction() as tx:
            return self._step(tx, key, why, step, look)

    def _step(  # noqa: PLR0913 - what a decision is made of
        self,
        tx: Transaction,
        key: Key,
        why: str,
        step: Callable[[Aflevering], Aflevering],
        look: Callable[[Transaction, StoredLetter], Mapping[str, Fact]] = lambda *_: {},
        *,
        in_doubt: bool = False,
    ) -> Aflevering:
        known = tx.letter(key)
        if known is None:
            raise _unknown(key[1])
        _check_decision(known, why)
        way = known.aflevering
        in_doubt = in_doubt or (way.may_have_arrived and step is not letters.delivered_after_all)
        more = {"why": why, "warning": _DOUBT.code if in_doubt else None, **look(tx, known)}
        return ledger.move(tx, way, step(way), self._now(), "desk", more=more)

    def _key_of_row(self, tx: Transaction, run: str, row: RunRow, oin: OIN | str | None) -> Key:
        """Return the key of the letter that a refused row follows; one that has none gets one, without content."""
        way = None if row.bericht_id is None else tx.way_by_id(row.bericht_id)
        if way is not None:
            return way.key
        key = _owned(self._senders, oin or row.oin), f"{run}:{row.number}"
        if tx.way(key) is not None:
            raise FieldError("desk.row", field="row", measure="a letter has its name as kenmerk")
        made = Aflevering(
            oin=key[0],
            kenmerk=key[1],
            bericht_id=bericht_id(*key),
            state=State.HUMAN,
            handed_over=self._now(),
            finding=row.findings[0],
        )
        ledger.put_aside(tx, made, [finding.code for finding in row.findings], self._now())
        tx.follow(run, row.number, made.bericht_id)
        return key

    def _key(self, kenmerk: str, oin: OIN | str | None) -> Key:
        oins = [OIN(str(oin))] if oin else [one for sender in self._senders for one in sender.oins]
        way = ledger.find(self._outbox, kenmerk, oins)
        if way is None:
            raise _unknown(kenmerk)
        return way.key

    def _check_content(self, _: Transaction, known: StoredLetter) -> Mapping[str, Fact]:
        """Make sure that a letter can go again as it is; when its PublicatieDatum has passed it goes without."""
        if known.bericht is None:
            raise FieldError("desk.content", field="kenmerk", measure="no content")
        self._check_dates(known.bericht.as_sent(self._now()), known.aflevering.oin)
        return {}

    def _check_dates(self, bericht: Bericht, oin: OIN) -> None:
        regels = next(sender.regels for sender in self._senders if oin in sender.oins)
        if errors := bericht.date_errors(self._now(), regels):
            raise BerichtError(bericht.kenmerk, errors)


@dataclass(frozen=True, slots=True)
class _Correction:
    """A corrected letter, to be put in the place of another content."""

    bericht: Bericht

    def __call__(self, tx: Transaction, known: StoredLetter) -> Mapping[str, Fact]:
        """Store the content, and say in which fields it differs."""
        tx.put_content(known.aflevering.key, self.bericht)
        return {"corrected": ", ".join(self._names(known.bericht)) or None}

    def _names(self, before: Bericht | None) -> Sequence[str]:
        if before is None:
            return ["content"]
        if before.bsn != self.bericht.bsn:
            raise FieldError("desk.receiver", field="bsn", measure="another BSN")
        try:
            return [name for name in before.differences(self.bericht) if name != "oin"]
        except FieldError:  # an attachment of the old one can no longer be read
            return ["bijlagen"]


def refused(
    senders: Sequence[Sender],
    kenmerk: str,
    errors: Sequence[FieldError],
    now: datetime,
    *,
    oin: OIN | str | None = None,
) -> Aflevering:
    """Return the way of a letter that could not be made, as `Desk.refuse` stores it.

    Raises:
        FieldError: the kenmerk cannot be used, or no sender has the OIN.
    """
    key = _owned(senders, oin), _usable(kenmerk, errors)
    return Aflevering(
        oin=key[0],
        kenmerk=kenmerk,
        bericht_id=bericht_id(*key),
        state=State.HUMAN,
        handed_over=now,
        finding=errors[0].finding,
    )


def _shown(way: Aflevering, language: Language) -> OnDesk:
    return OnDesk(
        aflevering=way,
        why=way.finding.rule_in(language) if way.finding else "",
        advice=way.finding.advice_in(language) if way.finding else "",
        warning=_DOUBT.advice_in(language) if way.may_have_arrived else None,
    )


_DOUBT: Final = Finding("desk.may-have-arrived", field="bericht", measure="not known", severity="warning")


def _owned(senders: Sequence[Sender], oin: OIN | str | None) -> OIN:
    """Return an OIN that one of the senders has; that of the one sender when none is named."""
    if oin is None and len(senders) == 1:
        return senders[0].oins[0]
    given = None if oin is None else OIN(str(oin))
    if given is None or not any(given in sender.oins for sender in senders):
        measured = f"OIN {given}" if given else f"no OIN, and {len(senders)} senders"
        raise FieldError("sender.oin-unknown", field="oin", measure=measured)
    return given


def _usable(kenmerk: str, errors: Sequence[FieldError]) -> str:
    """Return a kenmerk that can name a letter, although there are errors."""
    for finding in KENMERK.findings(kenmerk):
        raise error_of(finding)
    if shown_kenmerk(kenmerk, errors) is None:
        raise FieldError("kenmerk.bsn", field="kenmerk", measure=measure(kenmerk))
    return kenmerk


def _one_line(reason: str) -> str:
    """Return a reason as it is kept: one line, nothing around it, no BSN."""
    given = reason.strip()
    if not _LINE.fullmatch(given):
        raise FieldError("desk.reason", field="reason", measure=measure(reason), limit=MOST_OF_REASON)
    if looks_like_bsn(given):
        raise FieldError("desk.reason-bsn", field="reason", measure=measure(given))
    return given


def _check_decision(known: StoredLetter, why: str) -> None:
    """Refuse to decide about a letter that is not on the desk, and a reason that holds its own BSN."""
    if known.aflevering.state is not State.HUMAN:
        raise FieldError("desk.state", field="kenmerk", measure=f"a letter that is {known.aflevering.state}")
    if known.bericht is not None and holds_bsn(why, known.bericht.bsn.digits):
        raise FieldError("desk.reason-bsn", field="reason", measure=measure(why))


def _refused_row(tx: Transaction, run: str, number: int) -> RunRow:
    """Return a row that was refused.

    Raises:
        FieldError: ``desk.row``.
    """
    row = tx.run_row(run, number)
    if row is None or row.kind is not RowKind.REFUSED:
        measure = "no such row" if row is None else f"a row that is a {row.kind}"
        raise FieldError("desk.row", field="row", measure=measure)
    return row


def _names_another(tx: Transaction, row: RunRow, key: Key) -> bool:
    """Tell whether a letter that could go has the kenmerk of a row: perhaps its correction."""
    named = (row.oin or key[0], row.kenmerk)
    known = tx.letter(named) if row.kenmerk and named != key else None
    return known is not None and not ledger.was_put_aside(known)


def _unknown(kenmerk: str) -> FieldError:
    return FieldError("desk.unknown", field="kenmerk", measure=f"a kenmerk of {measure(kenmerk)}")
