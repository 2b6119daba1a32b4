"""The fixture `logius` for tests of one's own.

In a conftest.py: ``pytest_plugins = ["mobb_client.simulator.pytest_plugin"]``. There is no entry point that loads it:
that would import the whole library at the start of every pytest on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mobb_client.simulator.berichtenbox import Berichtenbox


@pytest.fixture
def logius() -> Iterator[Berichtenbox]:
    """A Berichtenbox of the profile ``osb-rm``, new for each test; its keys are made once a run.

    When the test is over, it fails if the box has complaints: something on the wire that a partner could object to.
    """
    from mobb_client.simulator.berichtenbox import Berichtenbox  # noqa: PLC0415 - tests that do without pay nothing

    box = Berichtenbox()
    yield box
    assert not box.complaints, "\n".join(map(str, box.complaints))  # noqa: S101 - it is a test's
