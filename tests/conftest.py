"""What every test runs under: no network services, no settings of the user's shell."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
for name in [name for name in os.environ if name.startswith("RADSIM_") and name != "RADSIM_DATA"]:
    del os.environ[name]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real reports and radiographs; skip where there is none."""
    folder = Path(os.environ.get("RADSIM_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip("no measuring data: set RADSIM_DATA to its folder")
    return folder.resolve()


@pytest.fixture
def room_for() -> Callable[[int], AbstractContextManager[None]]:
    """Return a context in which the system lets no file grow beyond so many bytes (EFBIG)."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
