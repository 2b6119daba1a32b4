"""The kinds of message as values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from tests.kinds import ACKNOWLEDGMENT, KINDS, RELIABLE, RELIABLE_HEADER, SENT, STATUS_RESPONSE

from mobb_client.ebms.message import Message, PartyId, Service

NAIVE = datetime(2026, 1, 15, 9, 30)  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(RELIABLE_HEADER, timestamp=NAIVE),
        lambda: replace(RELIABLE_HEADER, time_to_live=NAIVE),
        lambda: replace(ACKNOWLEDGMENT, timestamp=NAIVE),
        lambda: replace(STATUS_RESPONSE, timestamp=NAIVE),
    ],
    ids=["Timestamp", "TimeToLive", "Acknowledgment", "StatusResponse"],
)
def test_moment_without_zone(make: object) -> None:
    """B20: a local time would go out hours off, so it is no value at all."""
    assert callable(make)
    with pytest.raises(ValueError, match="time zone"):
        make()


def test_moment_in_another_zone() -> None:
    """B20: any zone will do; the moment is what counts."""
    assert replace(RELIABLE_HEADER, timestamp=SENT.astimezone(ZoneInfo("Europe/Amsterdam"))) == RELIABLE_HEADER


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (PartyId("00000099000000001000", "urn:osb:oin"), "urn:osb:oin:00000099000000001000"),
        (PartyId("urn:x:1"), "urn:x:1"),
        (Service("Voorbeeld:1:0", "urn:osb:services"), "urn:osb:services:Voorbeeld:1:0"),
        (Service("urn:x:1"), "urn:x:1"),
    ],
)
def test_as_adapters_write_it(given: PartyId | Service, text: str) -> None:
    """B19, g.5: type and value in one string, the value alone where there is no type."""
    assert str(given) == text


def test_every_kind() -> None:
    """The tests have a message of every kind; values can be compared, kept in sets, and not changed."""
    assert {type(message) for message in KINDS.values()} == set(get_args(Message))
    assert len(set(KINDS.values())) == len(KINDS)
    with pytest.raises(FrozenInstanceError):
        RELIABLE.header.action = "other"  # type: ignore[misc] # what is refused
