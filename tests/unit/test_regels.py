"""berichtenbox k: what the sources leave open is a setting with a safe default."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import ConfigurationError


def test_defaults() -> None:
    """k.2, k.3, k.8, k.11, k.16, h.1: the safest reading of each."""
    assert Regels() == STANDAARD
    assert (STANDAARD.max_bijlage_bytes, STANDAARD.max_omschrijving, STANDAARD.omschrijving_warning) == (
        500_000,
        128,
        40,
    )
    assert (STANDAARD.elfproef, STANDAARD.real_newlines, STANDAARD.controleer_pdf) == (True, False, True)
    assert (STANDAARD.batch_bytes, STANDAARD.batch_berichten, STANDAARD.max_dagen_aanmaak) == (20_000_000, 1000, 13)
    assert STANDAARD.nieuwe_batch is False
    assert STANDAARD.publicatie_vooruit == timedelta(days=12, hours=23)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_bijlage_bytes", 512_000),
        ("max_omschrijving", 40),
        ("max_omschrijving", 128),
        ("batch_bytes", 100_000_000),
        ("batch_berichten", 1),
        ("batch_berichten", 1000),
        ("marge_publicatie_uren", 0),
        ("elfproef", False),
        ("nieuwe_batch", True),
    ],
)
def test_within(name: str, value: Any) -> None:
    """The last good values."""
    assert getattr(Regels(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_bijlage_bytes", 0),
        ("max_bijlage_bytes", 7_000_001),
        ("max_bijlage_bytes", "500000"),
        ("max_bijlage_bytes", 500_000.0),
        ("max_bijlage_bytes", True),
        ("max_omschrijving", 0),
        ("max_omschrijving", 129),
        ("omschrijving_warning", -1),
        ("batch_bytes", 100_000_001),
        ("batch_bytes", 0),
        ("batch_berichten", 0),
        ("batch_berichten", 1001),
        ("max_dagen_publicatie", -1),
        ("max_dagen_aanmaak", -1),
        ("marge_publicatie_uren", 25),
        ("elfproef", "no"),
        ("real_newlines", 1),
        ("controleer_pdf", None),
    ],
)
def test_outside(name: str, value: Any) -> None:
    """The first bad values, and values of another type, are named."""
    with pytest.raises(ConfigurationError) as caught:
        Regels(**{name: value})
    assert [(finding.code, finding.field) for finding in caught.value.findings] == [("regels.range", name)]


def test_all_at_once() -> None:
    """Everything that is wrong, in one error."""
    with pytest.raises(ConfigurationError) as caught:
        Regels(batch_bytes=0, batch_berichten=0, max_omschrijving=0)
    assert len(caught.value.findings) == 3


def test_each_setting_has_bounds() -> None:
    """No setting is taken unseen."""
    for each in fields(Regels):
        with pytest.raises(ConfigurationError):
            Regels(**{each.name: "nothing like it"})  # type: ignore[arg-type] # that is what is tried
