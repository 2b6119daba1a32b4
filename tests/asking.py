"""A Berichtenbox on a socket whose subscriptions can be asked, and the settings of who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.material import material_keys

from mobb_client.client import utc_now
from mobb_client.simulator.berichtenbox import Berichtenbox
from mobb_client.simulator.material import Terms, make_material

YES, NO, SILENT = "999993653", "999990019", "000000012"


@contextmanager
def asking(folder: Path) -> Iterator[tuple[Berichtenbox, Path]]:
    """Give a box that knows who is not subscribed and of whom nothing is told, and settings in a folder."""
    terms = Terms(retries=3, interval="PT30M", abonnementen=True)
    box = Berichtenbox("osb-rm", sync=True, material=make_material(utc_now(), keys=material_keys(), terms=terms))
    box.burger(NO).niet_geabonneerd()
    box.validatie.silent.add(SILENT)
    with box.serve() as served:
        terms = replace(box.material.terms, receiver_endpoint=served.url, sender_endpoint=served.sender_url)
        replace(box.material, terms=terms).write(folder)
        (folder / "cpa-osb-rm.xml").write_bytes(box.cpa("osb-rm", sync=True))
        yield box, write_table(folder / "mobb.toml", f'validatie_url = "{box.validatie_url}"\nper_minute = 600\n')


def write_table(file: Path, table: str) -> Path:
    """Put a table behind the sender in a file of settings, in the place of the one that stands there."""
    before, _, after = file.read_text().partition("[trust]")
    assert after
    file.write_text(f"{before.partition('[sender.abonnementen]')[0]}[sender.abonnementen]\n{table}\n[trust]{after}")
    return file
