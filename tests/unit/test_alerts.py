"""examples/mobb-alerts.yml and docs/metrics.md speak of the figures that there are, and of the bounds that hold."""

from __future__ import annotations

import re
from functools import cache

import pytest
from tests.material import MOMENT, material
from tests.reference import ROOT
from tests.stored import OURS

from mobb_client._catalogue import CATALOGUE
from mobb_client.berichtenbox.aflevering import State
from mobb_client.metrics.alarms import OLDEST, SILENCE, SOON
from mobb_client.metrics.course import Course
from mobb_client.metrics.exporter import Exporter
from mobb_client.metrics.vitals import Held, Vitals
from mobb_client.pki.certificate import Certificate

ALERTS = (ROOT / "examples" / "mobb-alerts.yml").read_text("utf-8")
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
EXPRESSIONS = re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)
USERS_WANT = {
    "mobb_letters_total{state}", "mobb_batches_total{state}", "mobb_bytes_sent_total", "mobb_ack_seconds",
    "mobb_result_seconds", "mobb_outbox_age_seconds", "mobb_retries_total{reason}", "mobb_certificate_days_left{role}",
    "mobb_cpa_days_left", "mobb_subscription_age_seconds", "mobb_run_eta_seconds",
}  # fmt: skip
"""users.md section 3."""


@cache
def told() -> str:
    """Return every figure that can be told."""
    course = Course()
    course.retries["http.unavailable"] += 1
    own = Certificate.from_pem(material().sender.certificate_pem)
    vitals = Vitals(
        at=MOMENT,
        came=dict.fromkeys(State, 1),
        states=dict.fromkeys(State, 1),
        course=course,
        age=1.0,
        silence=1.0,
        eta=1.0,
        adrift=0,
        overdue=0,
        certificates=[Held("sender", [OURS], own)],
        cpas={OURS: MOMENT},
        subscriptions={OURS: MOMENT},
    )
    return Exporter(lambda: vitals, oin_labels=lambda: False).text().decode()


def types() -> dict[str, str]:
    """Return the type of each figure, by its name."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", told(), re.MULTILINE))


def labels(name: str) -> set[str]:
    """Return the labels of a figure."""
    found = re.search(rf"^{name}(?:\{{(.*)\}})? ", told(), re.MULTILINE)
    return set(re.findall(r"(\w+)=", found[1] or "")) if found else set()


@pytest.mark.parametrize("wanted", sorted(USERS_WANT))
def test_wanted(wanted: str) -> None:
    """Users 3: the batch operator's list, by these names and labels, and no others on them."""
    name, _, label = wanted.partition("{")
    assert name in types()
    assert labels(name) == ({label.removesuffix("}")} if label else set())


def test_page() -> None:
    """docs/metrics.md has every figure, with its type and labels, and no other."""
    rows = re.findall(r"^\| `(mobb_\w+)` \| (\w+) \| ([^|]*)\|", PAGE, re.MULTILINE)
    assert {name: kind for name, kind, _ in rows} == types()
    for name, _, shown in rows:
        assert set(re.findall(r"(?<!\()`(\w+)`", shown)) == labels(name), name


def test_alarms_of_page() -> None:
    """docs/metrics.md names every alarm, and each by its code."""
    codes = set(re.findall(r"`((?:alarm|certificate|aflevering)\.[a-z-]+)`", PAGE))
    assert codes <= CATALOGUE.keys()
    assert {code for code in CATALOGUE if code.startswith("alarm.")} <= codes


def test_names_of_alerts() -> None:
    """Each rule speaks of a figure that there is."""
    assert len(EXPRESSIONS) == ALERTS.count("- alert: ") == ALERTS.count("summary: ") == ALERTS.count("advice: ")
    spoken = {name for expression in EXPRESSIONS for name in re.findall(r"mobb_\w+", expression)}
    assert spoken <= types().keys()


@pytest.mark.parametrize(
    "expression",
    [
        f"mobb_outbox_age_seconds >= {OLDEST.total_seconds():.0f}",
        f"mobb_run_silence_seconds >= {SILENCE.total_seconds():.0f}",
        "mobb_letters_overdue > 0",
        f"mobb_certificate_days_left < {SOON.days}",
        f"mobb_cpa_days_left < {SOON.days}",
        "mobb_balance_difference > 0",
    ],
)
def test_bounds_of_alerts(expression: str) -> None:
    """Users 3: the alarms, by the same bounds as those of `mobb status`."""
    assert expression in EXPRESSIONS


def test_alerts_are_yaml() -> None:
    """The file is YAML, as far as a reader of it is here."""
    import yaml  # noqa: PLC0415 - of this test only

    (group,) = yaml.safe_load(ALERTS)["groups"]
    assert [rule["expr"] for rule in group["rules"]] == EXPRESSIONS
    assert all(rule.keys() >= {"alert", "labels", "annotations"} for rule in group["rules"])
