"""A hospital between two deliveries, whose faults must be told in a line and change nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.error_lines import error_line
from pipeline.lake import Lake
from pipeline.road import stage
from tests.benchmarks.small_hospital import deliver, road_settings

TO_PIXELS = ("ingest", "label", "index", "cache")


class Hospital:
    """A hospital whose first delivery is in its lake; its second one waits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = folder / "lake"
        self.settings = road_settings(folder)
        self.undisturbed: dict[str, Any] = {}

    def run(self, *names: str) -> None:
        for name in names:
            stage(name)(self.settings)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of each table without which run wrote them, when, and where to."""
        lake = Lake(self.lake)
        found = {}
        for name in lake.versions():
            if name != "manifest":
                rows = lake.read(name).to_pylist()
                aside = ("run_id", "committed_at", "shard", "row")
                bare = [{k: v for k, v in row.items() if k not in aside} for row in rows]
                found[name] = sorted(bare, key=str)
        return found

    @contextmanager
    def fails_with(self, *words: str) -> Iterator[None]:
        """Expect a failure that is told in one line with these words, and no table changed."""
        before = self.tables()
        with pytest.raises(Exception) as failed:  # noqa: PT011 - the line below is what counts
            yield
        line = error_line(failed.value)
        assert "\n" not in line
        assert "unexpected" not in line, failed.value
        for word in words:
            assert word in line
        assert self.tables() == before

    def ends_well(self) -> None:
        """Assert that the next run, the fault gone, ends where one without faults did."""
        self.run(*TO_PIXELS)
        assert self.tables() == self.undisturbed


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    """Return the hospital after its second delivery; its lake of before lies in ``first``.

    Its folder takes the place of each test's in turn, since tables name the paths of images.
    """
    site = Hospital(tmp_path_factory.mktemp("hospital") / "site")
    deliver(site.folder, 1)
    site.run(*TO_PIXELS, "link")
    shutil.copytree(site.lake, site.folder.parent / "first")
    deliver(site.folder, 2)
    site.run(*TO_PIXELS)
    site.undisturbed = site.tables()
    return site


@pytest.fixture
def hospital(prepared: Hospital) -> Hospital:
    """Return a hospital between its first delivery and the second."""
    shutil.rmtree(prepared.lake)
    shutil.copytree(prepared.folder.parent / "first", prepared.lake)
    deliver(prepared.folder, 2)
    return prepared
