"""Prometheus' own promtool on our figures and our alarms: does it read them, and when does it ring?"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.reference import ROOT
from tests.unit.test_alerts import EXPRESSIONS, told

ALERTS = ROOT / "examples" / "mobb-alerts.yml"
PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="no promtool (Debian: prometheus) on this machine")

RINGS = {
    "MobbOutboxOld": ("mobb_outbox_age_seconds", 3599, 3600),
    "MobbRunSilent": ("mobb_run_silence_seconds", 899, 900),
    "MobbResultMissing": ("mobb_letters_overdue", 0, 1),
    "MobbCertificateExpires": ('mobb_certificate_days_left{role="sender"}', 60, 59),
    "MobbCpaEnds": ("mobb_cpa_days_left", 60, -1),
    "MobbBalanceDoesNotClose": ("mobb_balance_difference", 0, 1),
    "MobbSubscriptionsOld": ("mobb_subscription_age_seconds", 518400, 518401),
    "MobbNotTold": ("mobb_outbox_age_seconds", 0, None),
}
"""Each alarm: its figure, a value at which it is silent, and one at which it rings; None is no value at all."""


def promtool(*words: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(
        [PROMTOOL or "", *map(str, words)], input=given, capture_output=True, text=True, check=False, timeout=60
    )


def test_rules() -> None:
    """It reads every rule."""
    found = promtool("check", "rules", ALERTS)
    assert (found.returncode, f"{len(EXPRESSIONS)} rules found" in found.stdout) == (0, True), found.stderr


def test_metrics() -> None:
    """It reads every figure; all that it minds is that users want days in days."""
    found = promtool("check", "metrics", given=told())
    assert [line.split()[0] for line in found.stderr.splitlines()] == [
        "mobb_certificate_days_left",
        "mobb_cpa_days_left",
    ]
    assert found.stderr.count('base unit "seconds" instead of "days"') == 2


@pytest.mark.parametrize("name", RINGS)
def test_rings(name: str, tmp_path: Path) -> None:
    """An alarm is silent below its bound, and rings from it on."""
    series, silent, loud = RINGS[name]
    ringing = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": f"{silent}x30 {'_' if loud is None else loud}x30"}],
        "promql_expr_test": [
            {"expr": ringing, "eval_time": "25m", "exp_samples": []},
            {"expr": ringing, "eval_time": "55m", "exp_samples": [{"labels": "{}", "value": 1}]},
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [test]}), "utf-8")
    found = promtool("test", "rules", file)
    assert found.returncode == 0, found.stdout + found.stderr
