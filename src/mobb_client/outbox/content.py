"""A letter's content as one line of text, as stores keep it and as it goes from one process to another.

The octets of its attachments are elsewhere: in a file of which the path stands here, or with who reads the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.bijlage import BLOCK, Bestand, Bijlage, Inhoud
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import Finding
from mobb_client.outbox._values import to_json

_read_oin = lru_cache(OIN)


def content_json(bericht: Bericht, *, keeps_paths: bool) -> str:
    """Return a letter's content without the octets of its attachments; a path stays a path, or its octets are kept."""
    parts = {
        "kenmerk": bericht.kenmerk,
        "bsn": bericht.bsn.digits,
        "berichttype": bericht.berichttype,
        "onderwerp": bericht.onderwerp,
        "berichttekst": bericht.berichttekst,
        "referentie": bericht.referentie,
        "publicatiedatum": _zoned(bericht.publicatiedatum),
        "einddatum_handelingstermijn": _zoned(bericht.einddatum_handelingstermijn),
        "oin": bericht.oin.digits if bericht.oin else None,
        "bijlagen": [_bijlage(bijlage, keeps_paths=keeps_paths) for bijlage in bericht.bijlagen],
        "regels": {name: value for name in _REGELS if (value := getattr(bericht.regels, name)) != _STANDARD[name]},
    }
    return to_json(parts)


_REGELS: Final = tuple(one.name for one in fields(Regels))
_STANDARD: Final = {name: getattr(STANDAARD, name) for name in _REGELS}


def _zoned(value: datetime | None) -> str | None:
    """Return a moment with the offset that it was given with: the letter is to come back as it was."""
    return None if value is None else value.isoformat()


def _bijlage(bijlage: Bijlage, *, keeps_paths: bool) -> dict[str, object]:
    kept: dict[str, object] = {"omschrijving": bijlage.omschrijving, "size": bijlage.size}
    if keeps_paths and isinstance(bijlage.inhoud, Bestand):
        kept |= {"path": str(bijlage.inhoud.path), "changed": bijlage.inhoud.changed}
    return kept


def read_content(text: str | bytes, octets: Callable[[int], bytes]) -> Bericht:
    """Return the letter of a content, its attachments to be read when they are written.

    Args:
        text: what `content_json` wrote.
        octets: gives the attachment of a Volgorde.
    """
    parts = json.loads(text)
    made = {
        "bsn": BSN(parts.pop("bsn"), elfproef=False),
        "oin": _read_oin(oin) if (oin := parts.pop("oin")) else None,
        "publicatiedatum": _moment(parts.pop("publicatiedatum")),
        "einddatum_handelingstermijn": _moment(parts.pop("einddatum_handelingstermijn")),
        "bijlagen": tuple(_read_bijlage(n, one, octets) for n, one in enumerate(parts.pop("bijlagen"), start=1)),
    }
    regels = parts.pop("regels")
    return Bericht.restored({**parts, **made}, Regels(**regels) if regels else STANDAARD)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _read_bijlage(number: int, kept: Mapping[str, Any], octets: Callable[[int], bytes]) -> Bijlage:
    inhoud: Inhoud = Kept(kept["size"], number, octets)
    if "path" in kept:
        inhoud = Bestand(Path(kept["path"]), kept["size"], kept["changed"], ())
    return Bijlage.restored(inhoud, kept["omschrijving"])


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """An attachment's content in the store, read when it is needed.

    Args:
        size: octets.
        volgorde: its number in the letter.
        read: gives the octets of a number.
    """

    size: int
    volgorde: int
    read: Callable[[int], bytes]
    facts: tuple[Finding, ...] = ()

    def blocks(self) -> Iterator[bytes]:
        """Return the content in blocks of `BLOCK` octets, the last one shorter."""
        data = self.read(self.volgorde)
        for start in range(0, len(data), BLOCK):
            yield data[start : start + BLOCK]
