"""What the sources leave open or contradict, as one frozen value with safe defaults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mobb_client.errors import ConfigurationError, Finding

MAX_BATCH_BYTES: Final = 100_000_000
MAX_BERICHTEN: Final = 1000

_SWITCHES: Final = ("elfproef", "real_newlines", "controleer_pdf", "eis_pdfa", "nieuwe_batch")
_BOUNDS: Final = {
    # 7 MB becomes 9.4 MB of base64; XML parsers refuse a text above 10 MB
    "max_bijlage_bytes": (1, 7_000_000),
    "max_omschrijving": (1, 128),
    "omschrijving_warning": (0, 128),
    "max_dagen_publicatie": (0, 3650),
    "marge_publicatie_uren": (0, 24),
    "max_dagen_aanmaak": (0, 3650),
    "batch_bytes": (1, MAX_BATCH_BYTES),
    "batch_berichten": (1, MAX_BERICHTEN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Regels:
    """The limits and readings that a letter and its batch are judged by.

    Args:
        max_bijlage_bytes: all attachments of one letter together, before base64. 500 kB is 500,000 to one source and
            512,000 to another (k.3, B62).
        max_omschrijving: characters of an attachment's description; the schema has 128, the manual says 40 (k.2, B61).
        omschrijving_warning: above this many characters the description gets a warning (k.2).
        elfproef: whether a BSN must pass the elfproef (f.1).
        real_newlines: write a new line as a line feed instead of the four characters backslash, r, backslash, n (k.8).
        controleer_pdf: whether an attachment must start as a PDF does; False lets an acceptance test force a refusal
            (k.24).
        eis_pdfa: whether preflight calls it an error when a PDF does not claim PDF/A-1a or 2a, has no tags or lacks a
            font; False makes it a warning (g.4: nobody wrote down that the Berichtenbox refuses it).
        max_dagen_publicatie: days that PublicatieDatum may lie after AanmaakDatum (k.11).
        marge_publicatie_uren: hours kept free of those days, for the time between making a batch and its arrival (g.6).
        max_dagen_aanmaak: days that AanmaakDatum may be old when the batch is offered (b.2 row 4).
        batch_bytes: size that a batch's document is kept under, at most 100,000,000 (k.3). Well below it by default,
            since a resend repeats the whole message.
        batch_berichten: letters in one batch, at most 1000.
        nieuwe_batch: whether letters that go again get a new BatchID. By default they keep the old one, also when they
            are only a part of that batch (k.16).

    Raises:
        ConfigurationError: with a ``regels.range`` for each value outside its bounds.

    Source: `berichtenbox` section k, by number.
    """

    max_bijlage_bytes: int = 500_000
    max_omschrijving: int = 128
    omschrijving_warning: int = 40
    elfproef: bool = True
    real_newlines: bool = False
    controleer_pdf: bool = True
    eis_pdfa: bool = True
    max_dagen_publicatie: int = 13
    marge_publicatie_uren: int = 1
    max_dagen_aanmaak: int = 13
    batch_bytes: int = 20_000_000
    batch_berichten: int = MAX_BERICHTEN
    nieuwe_batch: bool = False

    def __post_init__(self) -> None:
        """Refuse what lies outside its bounds, all of it at once."""
        if findings := tuple(self._out_of_range()):
            raise ConfigurationError(*findings)

    @property
    def publicatie_vooruit(self) -> timedelta:
        """How far after AanmaakDatum a PublicatieDatum may lie, the margin taken off."""
        return timedelta(days=self.max_dagen_publicatie, hours=-self.marge_publicatie_uren)

    def _out_of_range(self) -> Iterator[Finding]:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not (type(value) is int and least <= value <= most):
                yield Finding(
                    "regels.range",
                    field=name,
                    measure=f"{value:.20}" if isinstance(value, str) else str(value),
                    limit=f"{least} to {most}",
                )
        for name in _SWITCHES:
            value = getattr(self, name)
            if not isinstance(value, bool):
                yield Finding("regels.range", field=name, measure=type(value).__name__, limit="true or false")


STANDAARD: Final = Regels()
