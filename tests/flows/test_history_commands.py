"""What ran, the versions of a table, a manifest: as a person reads them."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from pipeline.lake import Lake
from pipeline.road import STAGES
from pipeline.user_error import UserError

LAYOUT_1 = Path(__file__).parents[1] / "pipeline" / "lakes" / "layout_1.tar.xz"


def radsim(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a lake of two deliveries, migrated to the present layout."""
    folder = tmp_path_factory.mktemp("history")
    with tarfile.open(LAYOUT_1) as archive:
        archive.extractall(folder, filter="data")
    assert radsim("migrate", "--lake", str(folder / "lake")).exit_code == 0
    return str(folder / "lake")


def test_migrate_says_what_it_did_and_twice_that_there_is_nothing(lake: str) -> None:
    ran = radsim("migrate", "--lake", lake)
    assert ran.exit_code == 0
    assert "the lake has the present layout" in ran.stdout


def test_runs_are_listed_with_versions_and_counts(lake: str) -> None:
    ran = radsim("runs", "--lake", lake)
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert [line.split()[2] for line in lines[1:-1]] == [
        *("ingest", "label", "index", "cache", "link", "ingest", "label", "link"),
        *("migrate", "migrate"),
    ]
    assert "labels v0, reports v2" in lines[7]
    assert "labels v2, mentions v2" in lines[7]
    assert "4 in, 2 labelled, 2 unchanged" in lines[7]


def test_runs_of_one_stage_and_the_last_ones(lake: str) -> None:
    ran = radsim("runs", "--lake", lake, "--stage", "link", "--last", "1")
    (line, _) = ran.stdout.splitlines()[1:]
    assert "manifest v2" in line
    ran = radsim("runs", "--lake", lake, "--stage", "dream")
    assert ran.exit_code == 1
    assert "no run of 'dream'" in ran.stderr


def test_the_history_of_a_table_names_each_version_with_its_run_and_rows(lake: str) -> None:
    ran = radsim("history", "reports", "--lake", lake)
    assert ran.exit_code == 0, ran.stderr
    lines = [line.split() for line in ran.stdout.splitlines()[1:]]
    assert [(words[0], words[3], words[4]) for words in lines] == [
        ("0", "ingest", "3"),
        ("2", "ingest", "4"),
        ("3", "migrate", "4"),
        ("4", "migrate", "4"),
    ]
    assert lines[-1][5] == "current"


def test_the_history_of_no_table_names_those_there_are(lake: str) -> None:
    ran = radsim("history", "repots", "--lake", lake)
    assert ran.exit_code == 1
    assert "no table 'repots'; its tables are images, labels" in ran.stderr


def test_a_manifest_is_shown_with_what_made_it(lake: str) -> None:
    ran = radsim("manifest", "1", "--lake", lake)
    assert ran.exit_code == 0, ran.stderr
    assert "made from labels v0, reports v0, images v0" in ran.stdout
    assert "lake/manifests/000001/manifest.parquet" in ran.stdout
    ran = radsim("manifest", "7", "--lake", lake)
    assert ran.exit_code == 1
    assert "has no manifest 7; its manifests are 1, 2" in ran.stderr


def test_a_version_that_never_was_is_told_in_one_line(lake: str) -> None:
    assert Lake(lake).read("reports", version=0).num_rows == 3
    with pytest.raises(UserError, match=r"version 99 of reports cannot be read.*radsim history"):
        Lake(lake).read("reports", version=99)


@pytest.mark.parametrize(
    "words", [("runs",), ("history", "reports"), ("manifest",), ("run",), ("migrate",), ("label",)]
)
def test_every_command_refuses_a_lake_of_a_newer_layout_in_one_line(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "layout.json").write_text(json.dumps({"layout": 99}), encoding="utf-8")
    file = tmp_path / "reports.csv"
    file.write_text("exam_id,text\nE1,No effusion.\n", encoding="utf-8")
    ran = radsim(*words, "--lake", str(tmp_path / "lake"), "--set", f"reports.path={file}")
    assert ran.exit_code == 1
    (line, *resume) = ran.stderr.splitlines()
    assert "a newer RadSim wrote this lake (layout 99" in line
    assert all(text.startswith("to resume") for text in resume)
    assert sorted(path.name for path in (tmp_path / "lake").iterdir()) == ["layout.json"]


def test_forgetting_asks_first_and_repeats_no_id(lake: str, tmp_path: Path) -> None:
    copy = str(tmp_path / "lake")
    shutil.copytree(lake, copy)
    ran = CliRunner().invoke(app, ["forget", "P1", "--lake", copy], input="n\n")
    assert ran.exit_code == 1
    assert "Forget 2 exams and 2 images of this patient" in ran.stdout
    assert Lake(copy).read("reports").num_rows == 4
    ran = radsim("forget", "P1", "--yes", "--lake", copy)
    assert ran.exit_code == 0, ran.stderr
    assert "forget: committed" in ran.stdout
    assert "withdrawn: manifest 1, 2" in ran.stdout
    assert "P1" not in ran.stdout + ran.stderr
    assert Lake(copy).read("reports")["exam_id"].to_pylist() == ["E3", "E4"]
    ran = radsim("forget", "P1", "--yes", "--lake", copy)
    assert ran.exit_code == 1
    assert "holds that patient" in ran.stderr
    assert "P1" not in ran.stderr
    ran = radsim("manifest", "--lake", copy)
    assert "no manifest" in ran.stderr


def test_status_says_what_is_stale_and_which_command_makes_it_anew(lake: str) -> None:
    fresh = ("--lake", lake, "--set", "cache.size=32")
    ran = radsim("status", *fresh)
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == list(STAGES)
    assert [line for line in lines if line.split()[:3] == ["link", "manifest", "2"]]
    scheme = ("--set", "manifest.scheme=nih14")
    ran = radsim("status", *fresh, *scheme)
    assert "stale: [manifest] scheme is nih14 now" in ran.stdout
    last = ran.stdout.splitlines()[-1]
    assert last.startswith("stale: ")
    assert "manifest 2" in last
    assert radsim("runs", *fresh, *scheme).stdout.splitlines()[-1] == last
