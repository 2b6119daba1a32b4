"""What somebody should be told of an outbox, each with advice; the sentences are in the catalogue, also in Dutch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from mobb_client.errors import Finding
from mobb_client.metrics.vitals import Vitals

OLDEST: Final = timedelta(hours=1)
"""How long something may wait that waits for nothing."""
SILENCE: Final = timedelta(minutes=15)
"""How long a run may go on without an acknowledgment."""
SOON: Final = timedelta(days=60)
"""How long before its end a certificate or a CPA is told of."""
_MINUTES: Final = 60
_SECOND: Final = timedelta(seconds=1)


def alarms(vitals: Vitals) -> list[Finding]:
    """Return what is not well; letters whose result stays away are told letter by letter elsewhere."""
    return [*_waiting(vitals), *_balance(vitals), *_certificates(vitals), *_cpas(vitals)]


def _waiting(vitals: Vitals) -> Iterator[Finding]:
    if vitals.age >= OLDEST.total_seconds():
        yield Finding("alarm.outbox", "outbox", _shown(vitals.age), limit=_minutes(OLDEST))
    if vitals.silence is not None and vitals.silence >= SILENCE.total_seconds():
        yield Finding("alarm.silence", "run", _shown(vitals.silence), limit=_minutes(SILENCE))


def _balance(vitals: Vitals) -> Iterator[Finding]:
    if vitals.adrift:
        yield Finding("alarm.balance", "balance", f"{vitals.adrift} letters")


def _certificates(vitals: Vitals) -> Iterator[Finding]:
    for held in vitals.certificates:
        whose = f" of {held.oins[0]}" if held.oins else ""
        for finding in held.certificate.findings(at=vitals.at, name=f"{held.role} certificate{whose}", soon=SOON):
            if finding.code in {"certificate.expired", "certificate.expires-soon", "certificate.not-yet-valid"}:
                yield finding


def _cpas(vitals: Vitals) -> Iterator[Finding]:
    ends = {end: oin for oin, end in reversed([*vitals.cpas.items()])}
    for end, oin in sorted(ends.items()):
        if end - vitals.at < SOON:
            yield Finding("alarm.cpa", f"CPA of {oin}", f"valid until {end:%Y-%m-%d}", limit=SOON.days)


def _shown(seconds: float) -> str:
    return str(timedelta(seconds=seconds) // _SECOND * _SECOND)


def _minutes(limit: timedelta) -> int:
    return int(limit.total_seconds()) // _MINUTES
