"""Letters cut into batches: lazily, one organisation each, within the limits of number and size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mobb_client.berichtenbox.bericht import Batch, Bericht
from mobb_client.berichtenbox.globe import SIZE_OF_EMPTY, size_of
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import BerichtError, FieldError


def batches(  # noqa: PLR0913 - what a batch needs and cannot make itself
    berichten: Iterable[Bericht],
    *,
    oin: OIN | str | None,
    aanmaakdatum: datetime,
    new_id: Callable[[], UUID],
    regels: Regels = STANDAARD,
    refused: Callable[[BerichtError], object] | None = None,
) -> Iterator[Batch]:
    """Return the batches that letters make, each as soon as it is full; letters of one organisation keep their order.

    Letters of several organisations may come mixed: each organisation has one open batch. A batch holds at most
    `regels.batch_berichten` letters and its document at most `regels.batch_bytes` octets; a letter that is larger than
    that by itself has a batch of its own.

    Args:
        berichten: taken one at a time.
        oin: of the letters that name none.
        aanmaakdatum: when the batches are made (aware).
        new_id: makes a BatchID.
        regels: the limits.
        refused: is called with each letter that fits in no batch made now (its dates, no OIN, or its kenmerk twice in
            one batch), and the others go on; left out, such a letter raises.

    Raises:
        BerichtError: a letter that fits in no batch made now, unless `refused` takes it.
    """
    default = OIN(oin) if isinstance(oin, str) else oin
    opened: dict[OIN, _Open] = {}
    for bericht in berichten:
        sender = bericht.oin or default
        errors = tuple(_errors(bericht, sender, opened, aanmaakdatum, regels))
        if errors or sender is None:
            _refuse(BerichtError(bericht.kenmerk, errors), refused)
            continue
        batch = opened.setdefault(sender, _Open(sender))
        size = size_of(bericht)
        if batch.is_full(size, regels):
            yield batch.closed(new_id(), aanmaakdatum, regels)
            batch = opened[sender] = _Open(sender)
        batch.add(bericht, size)
    for batch in opened.values():
        yield batch.closed(new_id(), aanmaakdatum, regels)


@dataclass(slots=True)
class _Open:
    """A batch that letters are still added to."""

    oin: OIN
    size: int = SIZE_OF_EMPTY
    berichten: dict[str, Bericht] = field(default_factory=dict)

    def add(self, bericht: Bericht, size: int) -> None:
        self.berichten[bericht.kenmerk] = bericht
        self.size += size

    def is_full(self, size: int, regels: Regels) -> bool:
        """Return whether a letter of this size no longer fits; an empty batch takes any letter."""
        full = len(self.berichten) >= regels.batch_berichten or self.size + size > regels.batch_bytes
        return full and bool(self.berichten)

    def closed(self, batch_id: UUID, aanmaakdatum: datetime, regels: Regels) -> Batch:
        berichten = tuple(self.berichten.values())
        return Batch(batch_id=batch_id, oin=self.oin, aanmaakdatum=aanmaakdatum, berichten=berichten, regels=regels)


def _errors(
    bericht: Bericht, oin: OIN | None, opened: dict[OIN, _Open], aanmaakdatum: datetime, regels: Regels
) -> Iterator[FieldError]:
    yield from bericht.date_errors(aanmaakdatum, regels)
    if oin is None:
        yield FieldError("oin.missing", field="oin", measure="none")
    elif oin in opened and bericht.kenmerk in opened[oin].berichten:
        yield FieldError("batch.kenmerk", field="kenmerk", measure=bericht.kenmerk)


def _refuse(error: BerichtError, refused: Callable[[BerichtError], object] | None) -> None:
    if refused is None:
        raise error
    refused(error)
