"""The shape of one entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """What there is to say about one code: rule and advice by language, and the source clause."""

    rule: dict[str, str]
    source: str
    advice: dict[str, str]


def entry(*, en: str, nl: str, source: str, do_en: str, do_nl: str) -> Entry:
    """Return an entry from its four sentences and its source."""
    return Entry(rule={"en": en, "nl": nl}, source=source, advice={"en": do_en, "nl": do_nl})
