"""The library and the simulator together, as in a test of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.material import material_keys
from tests.simulated import CLEAR, codes, make_box, material

from mobb_client.berichtenbox.aflevering import State
from mobb_client.simulator import TEST_BSNS, Berichtenbox, example_letter
from mobb_client.simulator.material import Profile, make_material
from mobb_client.simulator.pytest_plugin import logius

__all__ = ["logius"]

ENDINGS = {
    "Verwerkt": State.DELIVERED,
    "NietActiefOfGeabonneerd": State.PAPER,
}


@pytest.mark.parametrize(("profile", "sync"), CLEAR)
def test_every_test_bsn(profile: Profile, sync: bool) -> None:
    """A letter to each test BSN, under every profile: the box objects to nothing, and each ends where it should."""
    box = make_box(profile, sync=sync)
    with box.client() as client:
        for bsn in TEST_BSNS:
            client.send(example_letter(f"zaak-{bsn[5:7]}", bsn=bsn))
        box.run_until_idle()
        states = {bsn: client.aflevering(f"zaak-{bsn[5:7]}") for bsn in TEST_BSNS}
        for bsn, way in states.items():
            assert way is not None
            outcome = TEST_BSNS[bsn]
            if outcome.results and outcome.code in ENDINGS:
                assert way.state is ENDINGS[outcome.code]
    assert (codes(box), box.unsettled) == ([], ())


def test_lost_acknowledgment() -> None:
    """B46: a lost acknowledgment costs no second letter, and the resend is the same message, octet for octet."""
    box = Berichtenbox()
    with box.client() as client:
        box.lose_next_acknowledgment()
        client.send(example_letter())
        box.clock.advance(hours=1)
        client.send_due()
    assert len(box.letters) == 1
    assert box.requests[0].body == box.requests[1].body
    assert codes(box) == []


def test_intermediary() -> None:
    """h.4: letters of the OINs of the material, under the CPA of the intermediary."""
    made = make_material(
        material().now,
        keys=material_keys(),
        letter_oins=("00000099000000003000", "00000099000000004000"),
        terms=material().terms,
    )
    box = Berichtenbox(material=made, start=made.now)
    with box.client() as client:
        way = client.send(example_letter())
        box.process()
        assert str(way.oin) == "00000099000000003000"
        assert [one.oin for one in box.letters] == ["00000099000000003000"]
    assert codes(box) == []


def test_fixture(logius: Berichtenbox) -> None:
    """The fixture gives a box."""
    logius.burger("999990019").niet_geabonneerd()
    with logius.client() as client:
        client.send(example_letter(bsn="999990019"))
        logius.run_until_idle()
        (way,) = client.afleveringen()
        assert way.state is State.PAPER


def test_fixture_objects(tmp_path: Path) -> None:
    """A test whose messages the box objects to fails, and says why; it needs one line in a conftest.py."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["mobb_client.simulator.pytest_plugin"]\n')
    (tmp_path / "test_mine.py").write_text("def test(logius):\n    assert logius.handle({}, b'x').status == 500\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "the Berichtenbox objects:" in done.stdout
    assert 'http.soap-action: SOAPAction is not "ebXML"' in done.stdout
