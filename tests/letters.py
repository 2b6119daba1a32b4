"""Letters to test with: official test BSNs, small PDFs that are PDFs from a distance only, and results of Logius."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from mobb_client.berichtenbox.bericht import Batch, Bericht
from mobb_client.berichtenbox.globe import SIZE_OF_EMPTY, size_of, write_berichten
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.errors import BerichtError, FieldError

BSN: Final = "999993653"
BSNS: Final = ("999993653", "999990019", "111222333", "123456782", "999998778", "000000012")
SENDER: Final = "00000099123456789000"
OTHER_SENDER: Final = "00000099987654321000"
BATCH_ID: Final = UUID("7d3e9c74-2f50-4e31-9c99-416b3e2b8c01")
MADE: Final = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
NIL: Final = "00000000-0000-0000-0000-000000000000"


def pdf(size: int = 64) -> bytes:
    """Return so many octets, of which the first and the last are those of a PDF."""
    return b"%PDF-1.7\n".ljust(size - 6, b"\x00") + b"\n%%EOF"


def letter(**changes: Any) -> Bericht:
    """Return a good letter, changed here and there."""
    good: dict[str, Any] = {
        "kenmerk": "zaak-2026-0117:besluit",
        "bsn": BSN,
        "berichttype": "BESCHIK",
        "onderwerp": "Besluit op uw aanvraag",
        "berichttekst": "Uw aanvraag is toegekend.",
    }
    return Bericht(**(good | changes))


def size_of_batch(of: Batch) -> int:
    """Return how many octets a batch's document takes, by the sizes of its letters."""
    return SIZE_OF_EMPTY + sum(map(size_of, of.berichten))


def batch(*berichten: Bericht, **changes: Any) -> Batch:
    """Return a batch of letters, or of one good letter."""
    good: dict[str, Any] = {
        "batch_id": BATCH_ID,
        "oin": OIN(SENDER),
        "aanmaakdatum": MADE,
        "berichten": berichten or (letter(),),
    }
    return Batch(**(good | changes))


def written(of: Batch) -> bytes:
    """Return the document of a batch."""
    blocks: list[bytes] = []
    write_berichten(of, blocks.append)
    return b"".join(blocks)


def codes(make: Callable[[], object]) -> list[str]:
    """Return the codes of all that is wrong, in the order in which it is told."""
    try:
        make()
    except BerichtError as error:
        return [each.code for each in error.errors]
    except FieldError as error:
        return [error.code]
    return []


@contextmanager
def refuses(code: str) -> Iterator[pytest.ExceptionInfo[FieldError]]:
    """Expect a FieldError with this code."""
    with pytest.raises(FieldError) as caught:
        yield caught
    assert caught.value.code == code


def verdict(bericht_id: UUID | str, code: str = "Verwerkt", after: str = "<Stadium>NA</Stadium>") -> str:
    """Return one Bericht of a result."""
    return (
        f"<res:Bericht><BerichtID>{bericht_id}</BerichtID><BerichtType>BESCHIK</BerichtType>"
        f"<VerwerkingsCode>{code}</VerwerkingsCode>{after}</res:Bericht>"
    )


def answer(*verdicts: str, batch_id: UUID | str = BATCH_ID, counts: tuple[int, ...] | None = None) -> bytes:
    """Return a result; its counts say that all went well, unless others are given."""
    total = len(verdicts)
    names = (
        "TotaalAantalOntvangenBerichten",
        "AantalBerichtenSuccesvolVerwerkt",
        "AantalBerichtenGeenActieveBoxOfGeabonneertOpLeverancier",
        "AantalBerichtenMetTechnischProbleem",
        "AantalBerichtenBerichtTypeNietCorrect",
        "AantalBerichtenPublicatieDatumNietCorrect",
        "AantalBerichtenAanmaakDatumNietCorrect",
    )
    numbers = counts or (total, total, 0, 0, 0, 0, 0)
    counted = "".join(f"<{name}>{number}</{name}>" for name, number in zip(names, numbers, strict=True))
    return (
        '<bvs:BerichtVerwerkResponse xmlns:bvs="http://schemas.rdw.nl/GEB/BerichtVerwerkService/Types/2009/01"'
        ' xmlns:res="http://schemas.rdw.nl/GEB/BerichtVerwerkService/BerichtResultaat/Types/2009/01">'
        f"<BatchInformatie><BerichtLeverancierCode>{SENDER}</BerichtLeverancierCode><BatchID>{batch_id}</BatchID>"
        f"{counted}<DatumOntvangen>2026-11-20T08:16:02.114Z</DatumOntvangen>"
        "<DatumVerwerkt>2026-11-20T08:16:09.870Z</DatumVerwerkt></BatchInformatie>"
        f"<Berichten>{''.join(verdicts)}</Berichten></bvs:BerichtVerwerkResponse>"
    ).encode()
