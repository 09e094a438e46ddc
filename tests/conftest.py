"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

# Two spinning OpenMP threads per worker make every test slower; one thread each and more workers is faster.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development recordings beside the checkout; tests that need them skip where they are absent."""
    folder = Path(os.environ.get("ATS_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("development recordings are not on this machine")
    return folder
