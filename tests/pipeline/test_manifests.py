"""Manifests: numbered, immutable releases that the ledger names in order."""

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifests import (
    Release,
    current_release,
    manifest_metadata,
    publish_manifest,
    read_manifest,
    releases,
)
from pipeline.user_error import UserError


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def rows(*exams: str) -> pa.Table:
    return pa.table({"exam_id": exams, "image_id": [f"{exam}-1" for exam in exams]})


def published(lake: Lake, *exams: str) -> Release:
    with Run(lake, "link", {}) as run:
        release = publish_manifest(run, rows(*exams), {"scheme": "nih14", "tables": {"labels": 3}})
        run.commit({})
    return release


def test_releases_are_numbered_from_one_and_listed_in_order(lake: Lake) -> None:
    made = [published(lake, *(f"E{n}" for n in range(size))) for size in (1, 2, 12)]
    listed = releases(lake)
    assert [release.version for release in listed] == [1, 2, 3]
    assert [release.exams for release in listed] == [1, 2, 12]
    assert [release.digest for release in listed] == [release.digest for release in made]
    assert current_release(lake) == listed[-1]


def test_a_release_counts_rows_and_exams(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        publish_manifest(run, pa.concat_tables([rows("E1"), rows("E1", "E2")]), {"scheme": "nih14"})
        run.commit({})
    (release,) = releases(lake)
    assert (release.rows, release.exams) == (3, 2)


def test_a_new_release_leaves_the_old_ones_as_they_were(lake: Lake) -> None:
    first = published(lake, "E1")
    content = Path(first.path).read_bytes()
    published(lake, "E1", "E2")
    assert Path(first.path).read_bytes() == content
    assert hashlib.sha256(content).hexdigest() == first.digest
    assert read_manifest(lake, first)["exam_id"].to_pylist() == ["E1"]


def test_a_release_is_plain_parquet_and_says_what_made_it(lake: Lake) -> None:
    release = published(lake, "E1", "E2")
    assert list(pd.read_parquet(release.path)["exam_id"]) == ["E1", "E2"]
    told = manifest_metadata(read_manifest(lake, release))
    assert (told["version"], told["scheme"], told["tables"]) == (1, "nih14", {"labels": 3})
    assert told["run_id"] == lake.runs()["run_id"][0].as_py()


def test_a_run_that_dies_publishes_nothing_and_its_number_is_taken_again(lake: Lake) -> None:
    published(lake, "E1")
    with Run(lake, "link", {}) as run:
        publish_manifest(run, rows("lost"), {"scheme": "nih14"})
    assert [release.version for release in releases(lake)] == [1]
    second = published(lake, "E1", "E2")
    assert second.version == 2
    assert read_manifest(lake, second)["exam_id"].to_pylist() == ["E1", "E2"]


def test_a_changed_file_is_refused(lake: Lake) -> None:
    release = published(lake, "E1")
    table = read_manifest(lake, release).append_column("Effusion", pa.array([1], pa.int8()))
    pd_frame = table.to_pandas()
    pd_frame.to_parquet(release.path)
    with pytest.raises(UserError, match="not the file that was published as manifest 1"):
        read_manifest(lake, release)


def test_a_missing_file_is_named(lake: Lake) -> None:
    release = published(lake, "E1")
    Path(release.path).unlink()
    with pytest.raises(UserError, match="manifest 1 is missing"):
        read_manifest(lake, release)


def test_a_lake_without_a_manifest_says_what_to_run(lake: Lake) -> None:
    assert releases(lake) == []
    with pytest.raises(UserError, match="radsim link"):
        current_release(lake)
