"""The figures in the form that Prometheus reads: as text, in a file, or over HTTP at ``/metrics``.

By prometheus-client (extra ``metrics``), from a registry of our own: nothing else of the process is told. Without
settings that ask for it no label is an OIN; a BSN is in none, ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.ebms.exchange import State
from mobb_client.metrics.course import Durations
from mobb_client.metrics.vitals import Vitals

_DAY: Final = 86_400.0
_LETTERS: Final = "Times that a letter came to a state, or to another reason there; one that goes again counts again."


class Exporter(Collector):
    """Tells the figures of an outbox, each time that it is asked.

    Args:
        look: looks at the outbox.
        oin_labels: tells whether figures that differ by OIN are told of each OIN.
    """

    def __init__(self, look: Callable[[], Vitals], *, oin_labels: Callable[[], bool]) -> None:
        self._look = look
        self._oin_labels = oin_labels
        self._guard = Lock()
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Give every figure that is known.

        Raises:
            OutboxError: the outbox cannot be read.
        """
        with self._guard:  # what was counted goes on with the next look
            vitals = self._look()
            dated = _dated(vitals, by_oin=self._oin_labels())
            found = [*_counters(vitals), *_durations(vitals), *_gauges(vitals), *dated]
        yield from found

    def text(self) -> bytes:
        """Return the figures as text; raises as `collect`."""
        return generate_latest(self.registry)

    def write(self, path: Path) -> None:
        """Write the figures into a file: all of them at once, or nothing.

        Raises:
            OutboxError: the outbox cannot be read.
            OSError: the file cannot be written.
        """
        write_to_textfile(str(path), self.registry)


def _counters(vitals: Vitals) -> Iterator[Metric]:
    course = vitals.course
    came = {state.value: count for state, count in vitals.came.items()}
    yield _counted("mobb_letters", _LETTERS, came)
    batches = {state.value: course.batches[state] for state in State}
    yield _counted("mobb_batches", "Messages with letters that came to a state.", batches)
    octets = "Octets of documents that the other side took in; of one that was sent again, again."
    yield CounterMetricFamily("mobb_bytes_sent", octets, value=course.octets)
    retries = "Sends of a message after its first, by what was wrong with the one before."
    yield _counted("mobb_retries", retries, course.retries, label="reason")


def _counted(name: str, told: str, counts: Mapping[str, int], label: str = "state") -> Metric:
    family = CounterMetricFamily(name, told, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _durations(vitals: Vitals) -> Iterator[Metric]:
    took = "Seconds from when a message with letters was made until its acknowledgment."
    yield _histogram("mobb_ack_seconds", took, vitals.course.acknowledged)
    took = "Seconds from that acknowledgment until the first result on the letters in it."
    yield _histogram("mobb_result_seconds", took, vitals.course.answered)


def _histogram(name: str, told: str, durations: Durations) -> Metric:
    return HistogramMetricFamily(name, told, buckets=list(durations.up_to()), sum_value=durations.seconds)


def _gauges(vitals: Vitals) -> Iterator[Metric]:
    family = GaugeMetricFamily("mobb_letters_in_state", "Letters that are in a state now.", labels=["state"])
    for state, count in vitals.states.items():
        family.add_metric([state.value], count)
    yield family
    single: dict[str, tuple[str, float | None]] = {
        "mobb_letters_overdue": ("Letters without a result a day after their acknowledgment.", vitals.overdue),
        "mobb_outbox_age_seconds": (
            "How long the oldest message waits for its end, or the oldest letter beside a run for its message.",
            vitals.age,
        ),
        "mobb_run_silence_seconds": (
            "How long no acknowledgment came while a run has letters to send; absent when none has.",
            vitals.silence,
        ),
        "mobb_run_eta_seconds": (
            "In how long the letters of the runs under way have gone, as fast as now; absent when that cannot be said.",
            vitals.eta,
        ),
        "mobb_balance_difference": (
            "Letters of which the log says another ending than they have: 0 when the balance closes.",
            vitals.adrift,
        ),
    }
    for name, (told, value) in single.items():
        if value is not None:
            yield GaugeMetricFamily(name, told, value=value)


# What differs by OIN


def _dated(vitals: Vitals, *, by_oin: bool) -> Iterator[Metric]:
    certificates = [
        ((held.role,), oin, held.certificate.not_after) for held in vitals.certificates for oin in held.oins or (None,)
    ]
    left = _Left(vitals.at, by_oin=by_oin)
    yield from left.until("mobb_certificate_days_left", "Days until a certificate expires", certificates, ("role",))
    cpas = [((), oin, end) for oin, end in vitals.cpas.items()]
    yield from left.until("mobb_cpa_days_left", "Days until a CPA ends", cpas)
    asked = [((), oin, moment) for oin, moment in vitals.subscriptions.items()]
    yield from left.since(
        "mobb_subscription_age_seconds", "How long ago the subscriptions were asked for that are known", asked
    )


_Dates = Iterable[tuple[tuple[str, ...], OIN | None, datetime]]


class _Left:
    """Makes figures of dates: of each OIN, or the earliest of all."""

    def __init__(self, at: datetime, *, by_oin: bool) -> None:
        self._at = at
        self._by_oin = by_oin

    def until(self, name: str, told: str, dates: _Dates, labels: tuple[str, ...] = ()) -> Iterator[Metric]:
        """Give in how many days the dates come."""
        return self._family(name, told, labels, dates, lambda date: (date - self._at).total_seconds() / _DAY)

    def since(self, name: str, told: str, dates: _Dates) -> Iterator[Metric]:
        """Give how many seconds ago the dates were."""
        return self._family(name, told, (), dates, lambda date: (self._at - date).total_seconds())

    def _family(
        self, name: str, told: str, labels: tuple[str, ...], dates: _Dates, value: Callable[[datetime], float]
    ) -> Iterator[Metric]:
        earliest: dict[tuple[str, ...], datetime] = {}
        for given, oin, date in dates:
            key = (*given, "" if oin is None else oin.digits) if self._by_oin else given
            earliest[key] = min(date, earliest.get(key, date))
        names = (*labels, "oin") if self._by_oin else labels
        family = GaugeMetricFamily(name, f"{told}{'' if self._by_oin else ', the earliest of all'}.", labels=names)
        for key, date in sorted(earliest.items()):
            family.add_metric(key, value(date))
        if earliest:
            yield family
