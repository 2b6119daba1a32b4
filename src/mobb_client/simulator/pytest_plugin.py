"""The fixture `logius` for tests of one's own.

In a conftest.py: ``pytest_plugins = ["mobb_client.simulator.pytest_plugin"]``. There is no entry point that loads it:
that would import the whole library at the start of every pytest on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mobb_client.simulator.berichtenbox import Berichtenbox

__all__ = ["logius"]


@pytest.fixture
def logius() -> Iterator[Berichtenbox]:
    """A Berichtenbox of the profile ``osb-rm``, new for each test; its keys are made once a run.

    A test that is over fails after all when the box has complaints: on the wire stood what a partner could object to.
    """
    box = Berichtenbox()
    yield box
    if box.complaints:
        pytest.fail("\n".join(["the Berichtenbox objects:", *map(str, box.complaints)]), pytrace=False)
