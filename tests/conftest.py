"""What all tests share: a figure backend without a display, hypothesis settings, workers, the official tables."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("EXACTHAT_CACHE", tempfile.mkdtemp(prefix="exacthat-tests-"))  # xdist workers share it

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy is imported: a worker has one core

from framework.solve.registry import SOLVERS  # after the environment is set

# No deadline: the first example of a property pays for a symbolic build or a compilation.
settings.register_profile("exacthat", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("exacthat")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a file to one worker, which makes its fixtures and compiled models once; a test may name another group."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(autouse=True)
def registered_solvers() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(SOLVERS)
    yield
    SOLVERS.clear()
    SOLVERS.update(before)


@pytest.fixture(scope="session")
def official_data() -> Path:
    """Folder of official tables: ``EXACTHAT_DATA``, or ``../shared/data`` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EXACTHAT_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"official tables are not at {folder}; set EXACTHAT_DATA to their folder")
    return folder
