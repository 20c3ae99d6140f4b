"""A lake on an object store: the same promises as on a disk, and no key told to anybody."""

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake.exceptions import DeltaError, TableNotFoundError
from PIL import Image
from pyarrow import fs

from pipeline.delta_log import data_files
from pipeline.forget import forget
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.layout import LAYOUT
from pipeline.manifests import publish_manifest, read_manifest, releases
from pipeline.models import local_model_folder, store_model_files
from pipeline.object_store import arrow_file_system, failures_of
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.cache import cache
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.user_error import UserError
from pipeline.vacuum import vacuum
from tests.pipeline.object_store.simulated_store import (
    SECRET,
    assert_one_line_without_secret,
    options,
)

EXAMS = 4
PIXEL = {"image_id": ["I"], "pixel_digest": ["0"], "size": [48], "shard": ["s"], "row": [0]}


@pytest.fixture
def lake(endpoint: str, bucket: str) -> Lake:
    """Return an empty lake under a prefix of a bucket of its own."""
    return Lake(f"s3://{bucket}/hospital/lake", options(endpoint))


def site(folder: Path, lake: Lake, storage: dict[str, str]) -> Settings:
    """Return the settings of a site with a report, a drawn image and a list row an exam."""
    reports, images = ["exam_id,text"], ["path,exam_id,patient_id,view"]
    (folder / "images").mkdir()
    for number in range(EXAMS):
        text = "Large pleural effusion." if number % 2 else "Clear lungs."
        reports.append(f"E{number},{text}")
        images.append(f"E{number}.png,E{number},P{number},PA")
        grey = np.random.default_rng(number).integers(0, 255, (48, 48)).astype(np.uint8)
        Image.fromarray(grey).save(folder / "images" / f"E{number}.png")
    (folder / "reports.csv").write_text("\n".join(reports))
    (folder / "images.csv").write_text("\n".join(images))
    sections: dict[str, Any] = {
        "lake": {"root": lake.root, "storage_options": storage},
        "reports": {"path": folder / "reports.csv"},
        "images": {"path": folder / "images", "list_file": folder / "images.csv"},
        "cache": {"size": 48},
        "engine": {"workers": 1},
    }
    return load_settings(None, sections)


def splits(run: Run, *patients: str) -> pa.Table:
    rows = pa.table({"patient_key": list(patients), "split": ["train"] * len(patients)})
    return run.stamped(rows, "test", "0" * 64)


def patients(lake: Lake) -> list[str]:
    return sorted(lake.read("splits")["patient_key"].to_pylist())


def committed(lake: Lake, *rows: str) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, *rows))
        run.commit({})


def test_reports_become_a_manifest_and_twice_adds_nothing(
    endpoint: str, lake: Lake, tmp_path: Path
) -> None:
    told = site(tmp_path, lake, options(endpoint))
    stages = (ingest, label, index, cache, link)
    assert [stage(told).outcome for stage in stages] == ["committed"] * 5
    before = lake.versions()
    assert [stage(told).outcome for stage in stages] == ["unchanged"] * 5
    assert lake.versions() == before

    (release,) = releases(lake)
    assert release.path == f"{lake.root}/manifests/000001/manifest.parquet"
    assert read_manifest(lake, release).num_rows == EXAMS
    everything = [lake.runs(), *(lake.read(name) for name in before if name != "manifest")]
    assert SECRET not in str([table.to_pylist() for table in everything])
    # All of the lake is under its prefix, all of its local state in one folder.
    filesystem, root = lake.files()
    bucket = root.partition("/")[0]
    (top,) = filesystem.get_file_info(fs.FileSelector(bucket))
    assert top.path == f"{bucket}/hospital"
    assert {path.name for path in tmp_path.iterdir()} == {
        ".radsim-state",
        "images",
        "images.csv",
        "reports.csv",
    }


def test_a_run_that_dies_is_invisible_and_the_next_one_starts_clean(lake: Lake) -> None:
    def killed() -> None:
        with Run(lake, "link", {}) as run:
            run.append("splits", splits(run, "lost"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert patients(lake) == []
    committed(lake, "a")
    with pytest.raises(KeyboardInterrupt):
        killed()
    assert patients(lake) == ["a"]
    committed(lake, "b")
    assert patients(lake) == ["a", "b"]


def test_a_patient_is_forgotten_and_old_versions_are_vacuumed(
    endpoint: str, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = site(tmp_path, lake, options(endpoint))
    for stage in (ingest, label, index, cache, link):
        stage(settings)
    filesystem, root = lake.files()
    before = data_files(lake, "reports").keys()
    assert forget(settings, ["P1"]).counts["manifests withdrawn"] == 1
    assert "E1" not in lake.read("reports")["exam_id"].to_pylist()
    assert not before & data_files(lake, "reports").keys()
    infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    for info in (info for info in infos if info.is_file):
        with filesystem.open_input_file(info.path) as file:
            assert b"E1.png" not in file.read(), info.path
    link(settings)
    assert releases(lake)[-1].version == 2
    # Nothing is locked here: what is younger than a day may be the work of another run.
    assert vacuum(settings, keep_days=0).notes == ("there is nothing to remove",)
    monkeypatch.setattr("pipeline.vacuum._UNLOCKED_AGE", timedelta(0))
    unpublished = f"{root}/manifests/000009/manifest.parquet"
    with filesystem.open_output_stream(unpublished) as file:
        file.write(b"half")
    vacuum(settings, keep_days=0)
    assert not filesystem.get_file_info(unpublished).is_file
    assert lake.read("labels").num_rows == EXAMS - 1


def test_a_lake_of_a_newer_layout_is_refused(lake: Lake) -> None:
    committed(lake, "a")
    assert Lake(lake.root, lake.storage_options).layout == LAYOUT
    lake.mark(LAYOUT + 1)
    with pytest.raises(UserError, match="a newer RadSim wrote this lake"):
        Lake(lake.root, lake.storage_options).read("splits")


def test_of_two_runs_at_once_the_later_is_refused_and_the_first_stands(lake: Lake) -> None:
    committed(lake, "a")
    with Run(lake, "link", {}) as late:
        committed(lake, "b")
        # The late run begins from what it saw, as if the other had died: no reader sees that.
        late.delete("splits", pa.table({"patient_key": ["a"]}))
        late.append("splits", splits(late, "c"))
        with pytest.raises(UserError, match="another run has written this lake"):
            late.commit({})
    assert patients(lake) == ["a", "b"]
    committed(lake, "d")
    assert patients(lake) == ["a", "b", "d"]


def test_a_run_does_not_write_on_what_another_wrote_between_its_commits(lake: Lake) -> None:
    committed(lake, "a")
    with Run(lake, "link", {}) as first:
        first.append("splits", splits(first, "b"))
        committed(lake, "c")
        with pytest.raises(UserError, match="another run has written this lake"):
            first.append("splits", splits(first, "d"))
    assert patients(lake) == ["a", "c"]


def test_two_first_runs_at_once_do_not_both_make_the_ledger(lake: Lake) -> None:
    with Run(lake, "link", {}) as late:
        committed(lake, "a")
        late.append("pixels", late.stamped(pa.table(PIXEL), "test", "0" * 64))
        with pytest.raises(UserError, match="another run has written this lake"):
            late.commit({})
    assert patients(lake) == ["a"]
    assert lake.runs().num_rows == 1


def test_an_overtaken_run_leaves_the_published_manifest_alone(lake: Lake) -> None:
    rows = pa.table({"exam_id": ["E1"]})
    with Run(lake, "link", {}) as late:
        with Run(lake, "link", {}) as first:
            release = publish_manifest(first, rows, {"scheme": "nih14"})
            first.commit({})
        with pytest.raises(UserError, match="another run has written this lake"):
            publish_manifest(late, rows, {"scheme": "nih14"})
    assert read_manifest(lake, release)["exam_id"].to_pylist() == ["E1"]


def test_a_model_is_fetched_once_and_anew_when_its_files_change(lake: Lake, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "model.safetensors").write_bytes(b"weights")
    store_model_files(lake, "model-1", made)
    copy = local_model_folder(lake, "model-1")
    assert copy.is_relative_to(lake.state_folder)
    fetched = (copy / "model.safetensors").stat()
    assert local_model_folder(lake, "model-1") == copy
    assert (copy / "model.safetensors").stat().st_ino == fetched.st_ino

    (made / "model.safetensors").write_bytes(b"other weights")
    (made / "gallery").write_bytes(b"added by a later stage")
    store_model_files(lake, "model-1", made)
    local_model_folder(lake, "model-1")
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == {
        "model.safetensors": b"other weights",
        "gallery": b"added by a later stage",
    }


def test_a_store_that_refuses_is_told_in_one_line(refusing: str) -> None:
    lake = Lake("s3://bucket/lake", options(refusing))
    for ask in (lake.runs, lambda: Run(lake, "link", {}).__enter__()):
        with pytest.raises(UserError) as told:
            ask()
        assert_one_line_without_secret(told.value, "s3://bucket/lake: the object store refused")
    with pytest.raises(UserError) as told:
        local_model_folder(lake, "model-1")
    assert_one_line_without_secret(told.value, "s3://bucket/lake: the object store refused")


@pytest.mark.parametrize("kind", [OSError, DeltaError])
def test_what_libraries_quote_is_not_repeated(kind: type[Exception]) -> None:
    with pytest.raises(UserError) as told, failures_of("s3://bucket/lake"):
        raise kind(f"Failed to write:\n  lacked the necessary\n  privileges for {SECRET}")
    assert_one_line_without_secret(told.value, "s3://bucket/lake: the object store refused")


@pytest.mark.parametrize("error", [FileNotFoundError("a"), TableNotFoundError("disconnected")])
def test_what_is_missing_is_no_failure_of_the_store(error: Exception) -> None:
    with pytest.raises(type(error)), failures_of("s3://bucket/lake"):
        raise error


def test_a_store_that_cannot_be_reached_is_told_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
        lake = Lake("s3://bucket/lake", {**options(closed), "max_retries": "0"})
        with pytest.raises(UserError) as told:
            lake.runs()
    assert_one_line_without_secret(told.value, "cannot be reached; check AWS_ENDPOINT_URL")


def test_a_bucket_that_is_not_there_is_told_in_one_line(endpoint: str) -> None:
    with pytest.raises(UserError) as told:
        Lake("s3://no-such-bucket/lake", options(endpoint)).runs()
    assert_one_line_without_secret(told.value, "there is no such bucket")


def test_http_has_to_be_allowed(endpoint: str) -> None:
    given = {**options(endpoint), "AWS_ALLOW_HTTP": "false"}
    with pytest.raises(UserError) as told:
        Lake("s3://bucket/lake", given).runs()
    assert_one_line_without_secret(told.value, "needs AWS_ALLOW_HTTP=true")


def test_options_may_be_spelt_as_deltalake_lets_them() -> None:
    given = {
        "endpoint": "http://127.0.0.1:9000",
        "REGION": "eu-central-1",
        "access_key_id": "someone",
        "aws_secret_access_key": SECRET,
    }
    found, path = arrow_file_system("s3://bucket/a/b/", given)
    assert path == "bucket/a/b"
    assert found == fs.S3FileSystem(
        access_key="someone",
        secret_key=SECRET,
        region="eu-central-1",
        scheme="http",
        endpoint_override="127.0.0.1:9000",
    )


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("ftp://host/lake", "[lake] root: ftp:// is no kind of store"),
        ("az://container/lake", "write abfss://CONTAINER@ACCOUNT"),
        (f"s3://someone:{SECRET}@bucket/lake", "give keys in the environment"),
    ],
)
def test_a_root_that_no_store_is_behind_is_refused(root: str, words: str) -> None:
    with pytest.raises(UserError) as told:
        Lake(root)
    assert words in str(told.value)
    assert SECRET not in str(told.value)


def test_tables_and_manifests_find_a_store_that_the_environment_names(
    endpoint: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in options(endpoint).items():
        monkeypatch.setenv(name, value)
    here = Lake(lake.root)
    with Run(here, "link", {}) as run:
        run.append("splits", splits(run, "a"))
        release = publish_manifest(run, pa.table({"exam_id": ["E1"]}), {"scheme": "nih14"})
        run.commit({})
    assert patients(here) == ["a"]
    # Plain Parquet, for anyone who can reach the store.
    frame = pd.read_parquet(release.path.removeprefix("s3://"), filesystem=here.files()[0])
    assert frame["exam_id"].tolist() == ["E1"]
