"""How an outbox does at one moment: what it counted so far, what waits and since when, and what expires.

Read by a few queries that count in the database; nothing is written, nothing is locked, and no letter is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic as running
from typing import Final

from mobb_client.berichtenbox.abonnementen import Verzoek
from mobb_client.berichtenbox.aflevering import FINAL, State
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.client import utc_now
from mobb_client.errors import ConfigurationError, OutboxError
from mobb_client.metrics.course import READ, Course
from mobb_client.outbox.contract import EventName, Outbox, StoredRun, Waiting
from mobb_client.pki.certificate import Certificate
from mobb_client.runs.run import STOP
from mobb_client.runs.window import Window
from mobb_client.sender import Sender
from mobb_client.settings import Settings

SHARE: Final = 20
"""For how many times as long as a look took its answer is given again: it takes a twentieth of the time at most."""
_STATES: Final = {EventName(f"letter.{state.lower()}"): state for state in State}


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate, by what it is for.

    Args:
        role: ``sender`` (key of the signature and of the connection), ``tls`` (that of the connection, where it is
            another), ``endpoint`` (our own server), ``partner`` (what the other side signs with, by the CPA) or
            ``anchor`` (of those that are trusted the one that lasts longest: two may overlap, B57).
        oins: of whose letters; none when it is of all.
        certificate: the certificate.
    """

    role: str
    oins: Sequence[OIN]
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How an outbox does.

    Args:
        at: the moment.
        came: how often a letter came to each state; it never goes down.
        states: how many letters are in each state now.
        course: what became of messages; it goes on, at the next look.
        age: seconds since the oldest message was made that has no end yet, or the oldest letter could go; letters of a
            run that is read wait for their turn, and that nothing comes of it is told as `silence`.
        silence: seconds without an acknowledgment, of a run that has letters to send; None when there is none.
        eta: seconds until the letters of those runs have gone; None when that cannot be said.
        adrift: letters of which the log of events says another ending than they have: 0 when the balance closes.
        overdue: letters whose result stays away for more than a day.
        certificates: what is signed and connected with.
        cpas: by OIN, until when its CPA holds.
        subscriptions: by OIN, when the last answer of the AbonnementService was asked for that is in the register.
    """

    at: datetime
    came: Mapping[State, int]
    states: Mapping[State, int]
    course: Course
    age: float
    silence: float | None
    eta: float | None
    adrift: int
    overdue: int
    certificates: Sequence[Held]
    cpas: Mapping[OIN, datetime]
    subscriptions: Mapping[OIN, datetime]


class Watch:
    """Looks at an outbox, as often as it is asked to. Threads may share it.

    What was counted before is not counted again; what was read is given again for a while, so that who asks too often
    does not keep a disk from its work.

    Args:
        outbox: opens it, to look with; it is opened again after a failure.
        settings: gives the settings as they are now.
        now: the clock.
        monotonic: a clock that nobody puts back, in seconds.
    """

    def __init__(
        self,
        outbox: Callable[[], Outbox],
        settings: Callable[[], Settings],
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = running,
    ) -> None:
        self._open = outbox
        self._settings = settings
        self._now = now
        self._monotonic = monotonic
        self._guard = Lock()
        self._outbox: Outbox | None = None
        self._again = float("-inf")
        self._last: Vitals | None = None
        self._begin()

    def _begin(self) -> None:
        """Begin to count."""
        self._course = Course()
        self._read = 0

    def look(self) -> Vitals:
        """Return how it does, now or a moment ago.

        Raises:
            OutboxError: it cannot be opened or read.
        """
        with self._guard:
            began = self._monotonic()
            if self._last is None or began >= self._again:
                self._last = self._looked()
                ended = self._monotonic()
                self._again = ended + (ended - began) * SHARE
            return self._last

    def close(self) -> None:
        """Let go of the outbox."""
        with self._guard:
            self._let_go()

    def _let_go(self) -> None:
        outbox, self._outbox, self._last = self._outbox, None, None
        if outbox is not None:
            with suppress(OutboxError):
                outbox.close()

    def _looked(self) -> Vitals:
        try:
            self._outbox = self._outbox or self._open()
            return self._vitals(self._outbox)
        except OutboxError:
            self._let_go()
            raise

    def _vitals(self, outbox: Outbox) -> Vitals:
        now, settings = self._now(), self._settings()
        found = outbox.figures(now)
        self._follow(outbox, found.last_event)
        came = {state: found.events.get(name, 0) for name, state in _STATES.items()}
        going = _going(outbox, found.waiting)
        under_way = [(run, groups) for run, groups in going if run is not None and run.is_read]
        others = [group for run, groups in going if run is None or not run.is_read for group in groups]
        work = sum(group.letters for _, groups in under_way for group in groups)
        return Vitals(
            at=now,
            came=came,
            states=found.states,
            course=self._course,
            age=_age(found.oldest_message, others, now),
            silence=_silence(under_way, self._course.last_acknowledged, now),
            eta=_eta([run for run, _ in under_way], work, self._course.letters_per_second, now),
            adrift=sum(abs(found.states[state] - came[state]) for state in FINAL),
            overdue=found.overdue,
            certificates=list(_certificates(settings, now)),
            cpas={oin: sender.cpa.end for sender in settings.senders for oin in sender.oins},
            subscriptions=_subscriptions(found.verzoeken, settings.senders),
        )

    def _follow(self, outbox: Outbox, last: int) -> None:
        """Read what is new; another outbox in the same place is read from its beginning."""
        if last < self._read:
            self._begin()
        while news := outbox.events(self._read, names=READ):
            for event in news:
                self._course.take(event)
            self._read = news[-1].number


# Letters that wait


def _going(outbox: Outbox, waiting: Sequence[Waiting]) -> Sequence[tuple[StoredRun | None, Sequence[Waiting]]]:
    """Return the letters that nobody stopped, by run; None are those of no run."""
    named = {group.run for group in waiting}
    runs = [run for run in outbox.runs() if run.name in named] if named - {None} else []
    found: list[tuple[StoredRun | None, Sequence[Waiting]]] = []
    for run in (None, *runs):
        stopped = {hold.oin for hold in outbox.holds(run.name) if hold.why == STOP} if run else ()
        name = run.name if run else None
        groups = [group for group in waiting if group.run == name and _may_go(group, stopped)]
        found += [(run, groups)] if groups else []
    return found


def _may_go(group: Waiting, stopped: Collection[OIN | None]) -> bool:
    """Tell whether letters are in a message, or come into one when it is their turn."""
    return group.since is not None and (group.state is not State.QUEUED or not {None, group.oin} & set(stopped))


def _age(message: datetime | None, letters: Iterable[Waiting], now: datetime) -> float:
    """Return for how long a message waits for its end, or a letter for its message."""
    waiting = [group.since for group in letters if group.state is State.QUEUED]
    oldest = min((since for since in (message, *waiting) if since is not None), default=now)
    return max((now - oldest).total_seconds(), 0.0)


_Groups = Sequence[tuple[StoredRun, Sequence[Waiting]]]


def _window_of(run: StoredRun) -> Window | None:
    return Window.parse(run.window) if run.window else None


def _silence(under_way: _Groups, last: datetime | None, now: datetime) -> float | None:
    """Return for how long no acknowledgment came that should have; the clock begins when letters may go."""
    found = []
    for run, groups in under_way:
        window = _window_of(run)
        if window is None or window.is_open(now):
            began = [group.until for group in groups] + [last, window.opened(now) if window else None]
            found.append((now - max(moment for moment in began if moment is not None)).total_seconds())
    return max(*found, 0.0) if found else None


def _eta(runs: Iterable[StoredRun], letters: int, speed: float | None, now: datetime) -> float | None:
    """Return how long it takes until all letters have gone, each run in its window; they share the line."""
    if speed is None:
        return None
    work = timedelta(seconds=letters / speed)
    windows = map(_window_of, runs)
    ends = [window.after(now, work) if window else now + work for window in windows]
    return (max(ends) - now).total_seconds() if ends else None


# What expires, and what grows old


def _certificates(settings: Settings, now: datetime) -> Iterator[Held]:
    for number, sender in enumerate(settings.senders, start=1):
        own, partner = _of_cpa(sender, now)
        own = settings.certificates.get(f"sender[{number}]", own)
        tls = sender.tls.certificate if sender.tls else None
        for role, found in (("sender", own), ("tls", tls), ("partner", partner)):
            if found is not None:
                yield Held(role, sender.oins, found)
    if (endpoint := settings.certificates.get("serve")) is not None:
        yield Held("endpoint", (), endpoint)
    if settings.anchors:
        yield Held("anchor", (), max(settings.anchors, key=lambda anchor: anchor.not_after))


def _of_cpa(sender: Sender, now: datetime) -> tuple[Certificate | None, Certificate | None]:
    """Return what we sign with and what the other side signs with, by the CPA; None where nothing is signed."""
    route = sender.cpa.resolve(sender.action, party=sender.party, now=now).route
    if route is None:
        return None, None
    own = None if route.signing is None else route.signing.certificate
    try:
        theirs = sender.cpa.signals(sender=route.receiver).signing
    except ConfigurationError:
        return own, None
    return own, None if theirs is None else theirs.certificate


def _subscriptions(verzoeken: Iterable[Verzoek], senders: Iterable[Sender]) -> Mapping[OIN, datetime]:
    ours = {oin for sender in senders for oin in sender.oins}
    found: dict[OIN, datetime] = {}
    for one in verzoeken:  # the oldest first
        if one.verwerkt is not None and one.aanvraag.oin in ours:
            found[one.aanvraag.oin] = one.gevraagd
    return found
