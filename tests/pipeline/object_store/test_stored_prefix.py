"""A prefix of an object store as a drop folder: each object is read once."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.object_store import arrow_file_system
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError
from tests.pipeline.object_store.simulated_store import (
    SECRET,
    assert_one_line_without_secret,
    options,
)


class Drop:
    """A prefix of a bucket into which reports are dropped, and a lake on a local disk."""

    def __init__(self, bucket: str, endpoint: str, folder: Path) -> None:
        self.options = options(endpoint)
        self.filesystem, self.root = arrow_file_system(f"s3://{bucket}/drop", self.options)
        self.lake = Lake(folder / "lake")

    def put(self, key: str, text: str) -> None:
        with self.filesystem.open_output_stream(f"{self.root}/{key}") as file:
            file.write(text.encode())

    def ingest(self, below: str = "") -> Any:
        settings = {
            "lake": {"root": self.lake.root, "storage_options": self.options},
            "reports": {"path": f"s3://{self.root}{below}"},
        }
        return ingest(load_settings(None, settings))

    def exams(self) -> list[str]:
        return sorted(self.lake.read("reports")["exam_id"].to_pylist())


@pytest.fixture
def drop(bucket: str, endpoint: str, tmp_path: Path) -> Drop:
    return Drop(bucket, endpoint, tmp_path)


def files_note(summary: Any) -> str:
    return next(note for note in summary.notes if note.startswith("files: "))


def test_of_a_prefix_each_run_reads_the_objects_that_none_has_read(drop: Drop) -> None:
    drop.put("2023/11/01.csv", "exam_id,text\nE1,No effusion.\n")
    drop.put("2023/11/_SUCCESS", "")
    assert drop.ingest().counts["new"] == 1
    drop.put("2023/11/02.csv", "exam_id,text\nE2,Large effusion.\n")
    drop.put("2023/11/02 again.csv", "exam_id,text\nE2,Large effusion.\n")
    summary = drop.ingest()
    assert (summary.counts["in"], summary.counts["new"]) == (1, 1)
    assert files_note(summary) == "files: 1 read, 1 read before, 1 with the content of another"
    assert drop.ingest().outcome == "unchanged"
    drop.put("2023/11/01.csv", "exam_id,text\nE1,Small effusion on the left.\n")
    assert drop.ingest().counts["amended"] == 1
    assert drop.exams() == ["E1", "E2"]
    # Of an object its keys are not told, nor is anything of it kept on this machine.
    assert "2023" not in str(drop.lake.read("delivered_files").to_pylist())
    assert not list(drop.lake.state_folder.glob("radsim-*"))
    assert SECRET not in str(drop.lake.runs().to_pylist())


def test_an_object_named_alone_is_read_and_its_faults_name_it(drop: Drop) -> None:
    drop.put("export", "exam_id,text\nE1,No effusion.\n")
    assert drop.ingest("/export").counts["new"] == 1
    [source] = set(drop.lake.read("reports")["source"].to_pylist())
    assert source == "export"
    drop.put("wrong.csv", "id,words\nE1,No effusion.\n")
    with pytest.raises(UserError, match=rf"s3://{drop.root}/wrong\.csv: no column 'exam_id'"):
        drop.ingest("/wrong.csv")


def test_lines_of_fhir_are_told_from_other_lines_of_json(drop: Drop) -> None:
    accession = {"type": {"coding": [{"code": "ACSN"}]}, "value": "E1"}
    report = {"resourceType": "DiagnosticReport", "status": "final", "conclusion": "No effusion."}
    line = {**report, "code": {"text": "Chest"}, "identifier": [accession]}
    drop.put("a.ndjson", json.dumps(line) + "\n")
    assert drop.ingest().counts["new"] == 1
    assert drop.exams() == ["E1"]


def test_a_prefix_that_is_not_there_is_told_in_one_line(drop: Drop) -> None:
    with pytest.raises(UserError, match=rf"^s3://{drop.root}: there is no object of that .*path$"):
        drop.ingest()
    drop.root = "nobodys-bucket/drop"
    with pytest.raises(UserError, match=r"^s3://nobodys-bucket/drop: there is no such bucket"):
        drop.ingest()


def test_a_prefix_without_credentials_is_told_in_one_line(tmp_path: Path, refusing: str) -> None:
    lake = {"root": str(tmp_path / "lake")}
    without = {name: value for name, value in options(refusing).items() if "KEY" not in name}
    for given in (options(refusing), without):
        settings = {"lake": {**lake, "storage_options": given}, "reports": {"path": "s3://b/drop"}}
        with pytest.raises(UserError) as told:
            ingest(load_settings(None, settings))
        assert_one_line_without_secret(told.value, "s3://b/drop: the object store refused")
    with pytest.raises(UserError, match=r"\[reports\] path: ftp:// is no kind of store"):
        ingest(load_settings(None, {"lake": lake, "reports": {"path": "ftp://host/drop"}}))
