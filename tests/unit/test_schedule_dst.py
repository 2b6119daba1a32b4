"""Schedules on the nights on which Dutch clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.material import MOMENT, cpa_bytes

from mobb_client.ebms import agreement
from mobb_client.ebms.cpa import CPA, RetryPolicy

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BACK = datetime(2026, 10, 25, 1, 30, tzinfo=AMSTERDAM)
FORTH = datetime(2027, 3, 28, 1, 30, tzinfo=AMSTERDAM)


@pytest.mark.parametrize("first", [BACK, FORTH])
def test_sends(first: datetime) -> None:
    """B23: sends are an interval apart on the night of the long hour and of the missing one."""
    sends = RetryPolicy(retries=4, interval=timedelta(hours=1)).sends(first)
    assert sends == tuple(first.astimezone(UTC) + timedelta(hours=hours) for hours in range(5))
    assert [send.utcoffset() for send in sends] == [timedelta()] * 5


@pytest.mark.parametrize("night", [BACK, FORTH])
def test_time_to_live(night: datetime) -> None:
    """B23: the time to live is as long as ever, whatever zone the caller's clock is in."""
    route = CPA.parse(cpa_bytes("osb-rm")).route("GLOBE-R-BV-Request", now=MOMENT)
    message = agreement.compose(
        route, content_ids=["1@host"], message_id="id@host", conversation_id="c", timestamp=night
    )
    assert route.retry is not None
    assert message.header.time_to_live is not None
    assert message.header.time_to_live - night.astimezone(UTC) == route.retry.time_to_live
