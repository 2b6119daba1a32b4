"""The page of a rehearsal: each figure with what it rests on, and nothing that must be seen left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mobb_client.outbox.contract import PaperList, StoredRun
from mobb_client.runs.outcomes import Night, Summary
from mobb_client.runs.plan import Plan
from mobb_client.runs.rehearsal import Hours, Outage, Rest, Trouble, Upload, Why
from mobb_client.runs.rehearsal_report import Assumed, Machine, Rehearsed, rehearsal_json, rehearsal_text
from mobb_client.runs.run import Balance

AT = datetime(2027, 2, 26, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    """Return a moment of the night."""
    return AT + minutes * MINUTE


PLAN = Plan(
    rows=10,
    letters=10,
    again=0,
    refused=Counter(),
    examples={},
    refused_rows=0,
    by_oin=Counter(),
    batches=2,
    octets=2_900_000,
    bytes_per_second=2_900_000,
    is_measured=False,
    starts=AT,
    ends=at(30),
    disk_needed=3_000_000_000,
    disk_free=None,
    findings=(),
)
SUMMARY = Summary(
    run=StoredRun(
        name="repetitie",
        source="letters.csv",
        sha256="",
        size=1,
        started=AT,
        is_read=True,
        lists=(PaperList(number=1, early=True, closed=at(1), letters=1500),),
    ),
    at=at(60),
    balance=Balance(letters=10, delivered=9, paper=1),
    reasons={("papier", "abonnement.geen", "de burger is niet geabonneerd"): 1500},
    alarms=0,
    night=Night(acknowledged=at(50), processed=at(60)),
    listed=1,
)
NIGHT = Rehearsed(
    letters="letters.csv",
    at=AT,
    window="21:00-06:00",
    plan=PLAN,
    dates=(),
    outages=(Outage(at(10), 20 * MINUTE, Trouble.RESET),),
    assumed=Assumed(
        rate=2_900_000, per_minute=30, results_after=90 * MINUTE, subscribed=0.6, left=0.001, failing=0.0002
    ),
    hours=Hours(
        worked=61,
        uploads=(
            Upload(AT, at(11), 5000, good=True),
            Upload(at(11), at(12), 700, good=False),
            Upload(at(30), at(50), 64_000_000_000, good=True),
        ),
        rests=(Rest(at(12), at(30), Why.OUTAGE), Rest(at(50), at(60), Why.ANSWERS)),
        spread=5,
    ),
    summary=SUMMARY,
    retries={"network.answer-lost": 1, "no-ack": 1200},
    batches=1234,
    unsent=0,
    complaints=0,
    machine=Machine(seconds=3725, memory=None, disk=999, processors=12.5),
)


def changed(**changes: Any) -> Rehearsed:
    """Return the night, changed here and there."""
    return replace(NIGHT, **changes)


@pytest.mark.parametrize(
    "words",
    [
        "Repetitie van letters.csv: klaar om 26-02-2027 21:50",
        "Begin                 26-02-2027 21:00, venster 21:00-06:00",
        "Storing               26-02-2027 21:10 tot 26-02-2027 21:30: verbreekt de verbinding",
        "Laatste uitslag       26-02-2027 22:00",
        "Storingen kostten     19 min: 1 min aan vergeefse verzending en 18 min wachten",
        "Zonder storingen      ongeveer 26-02-2027 21:31",
        "Traagste moment       26-02-2027 21:05, 5 minuten lang 2,3 kB",
        "lijn 31 min, eigen werk 1 min 1 s, storingen 19 min, wachten op antwoorden 10 min",
        "tempo van de instellingen 5 s",
        "    1.500  papier   de burger is niet geabonneerd (abonnement.geen)",
        "Papierlijst vroeg: 1.500 brieven, 26-02-2027 21:01",
        "Berichten             1.234, samen 64,0 GB over de lijn",
        "Opnieuw verstuurd     1.200 x bevestiging bleef uit, 1 x network.answer-lost",
        "Schijf                999 bytes op het hoogtepunt; het plan rekende 3,0 GB",
        "het duurde 1 uur 2 min",
        "2,9 MB/s, één bericht tegelijk, ten hoogste 30 verzendingen per minuut",
        "een uitslag 1 uur 30 min na aanbieding; 60 % van de burgers is geabonneerd, 0,1 % daarvan",
        "bij 0,02 % komt eerst TechnischProbleem",
    ],
)
def test_says(words: str) -> None:
    """Users 3: a report that says "would have finished at", and why it may say so."""
    assert words in rehearsal_text(NIGHT)


def test_leaves_out() -> None:
    """What there was not is not told: no outage, no memory, nothing sent again."""
    hours = Hours(worked=1, uploads=(), rests=())
    page = rehearsal_text(changed(outages=(), hours=hours, retries={}, window=None, assumed=_unhurried()))
    for words in ("Storing", "Zonder", "Traagste", "Geheugen", "venster", "per minuut", "LET OP"):
        assert words not in page
    assert "Opnieuw verstuurd     niets" in page


def _unhurried() -> Assumed:
    return replace(NIGHT.assumed, per_minute=None)


def test_not_finished() -> None:
    """Of a night in which some letters were not acknowledged no finishing time is told, and how many that were."""
    night = changed(unsent=1500, summary=replace(SUMMARY, balance=Balance(letters=10, delivered=1, open=9)))
    assert "Repetitie van letters.csv: 1.500 BRIEVEN NIET BEVESTIGD" in rehearsal_text(night)
    assert (night.ok, rehearsal_json(night)["finished"], night.without_outages) == (False, None, None)


def test_nothing_to_send() -> None:
    """Of a night in which everybody got paper there is none either."""
    night = changed(summary=replace(SUMMARY, night=Night()))
    assert "Repetitie van letters.csv: niets te versturen" in rehearsal_text(night)


def test_complaints() -> None:
    """What the other side objects to is a fault of ours, and told as one."""
    assert NIGHT.ok
    night = changed(complaints=2)
    assert "LET OP: de simulator had 2 opmerkingen over berichten" in rehearsal_text(night)
    assert not night.ok


def test_figures() -> None:
    """For machines: moments, seconds and octets."""
    found = rehearsal_json(NIGHT)
    assert found["slowest"] == {"at": at(5), "bytes": 2272}
    assert found["seconds"] == {"work": 61, "line": 1860, "outages": 1140, "window": 0, "answers": 600, "pace": 5}
    assert found["paper_lists"] == [{"early": True, "letters": 1500}]
