"""Fixtures that more than one part of the tests uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real preference sets, kept outside the repository.

    ``RMBENCH_TEST_DATA`` names it; otherwise it is looked for beside the checkout.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("RMBENCH_TEST_DATA", default))
    if not path.is_dir():
        pytest.skip(f"real preference sets are not at {path} (set RMBENCH_TEST_DATA)")
    return path
