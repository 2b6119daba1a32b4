"""Where the reference material lies: data to check against, beside the checkout and never part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
REFERENCE = SHARED / "reference"

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference folder is not beside this checkout")
