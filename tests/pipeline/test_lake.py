"""Runs are all or nothing, and readers see only what the ledger names."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.figures.lake_queries import LakeQueries
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.user_error import UserError


def splits(run: Run, *patients: str) -> pa.Table:
    rows = pa.table({"patient_key": list(patients), "split": ["train"] * len(patients)})
    return run.stamped(rows, "test", "0" * 64)


def patients(lake: Lake) -> list[str]:
    return sorted(lake.read("splits")["patient_key"].to_pylist())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_an_absent_table_has_no_rows_and_its_declared_columns(lake: Lake) -> None:
    assert lake.read("splits").num_rows == 0
    assert "patient_key" in lake.read("splits").column_names
    assert lake.versions() == {}


def test_a_committed_run_is_seen_whole_with_its_ledger_row(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "a", "b"))
        run.commit({"in": 2})
    assert patients(lake) == ["a", "b"]
    (row,) = lake.runs().to_pylist()
    assert (row["stage"], row["outcome"]) == ("link", "committed")
    assert lake.read("splits")["run_id"].unique().to_pylist() == [row["run_id"]]


def test_a_run_that_dies_is_invisible_and_the_next_one_starts_clean(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "a"))
        run.commit({})

    def killed() -> None:
        with Run(lake, "link", {}) as run:
            run.append("splits", splits(run, "lost"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert patients(lake) == ["a"]
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "b"))
        run.commit({})
    assert patients(lake) == ["a", "b"]


def test_a_first_run_that_dies_leaves_no_rows_to_the_next(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "lost"))
    assert patients(lake) == []
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "a"))
        run.append("splits", splits(run, "b"))
        run.commit({})
    assert patients(lake) == ["a", "b"]


def test_a_run_that_changes_nothing_commits_nothing(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run))
        run.delete("splits", pa.table({"patient_key": ["nobody"]}))
        run.commit({"in": 0})
    assert lake.runs().num_rows == 0


def test_rows_are_replaced_by_key(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "a", "b"))
        run.commit({})
    with Run(lake, "link", {}) as run:
        run.delete("splits", pa.table({"patient_key": ["a"]}))
        run.append("splits", splits(run, "c"))
        run.commit({})
    assert patients(lake) == ["b", "c"]


def test_an_old_version_can_still_be_read(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "a"))
        run.commit({})
    before = lake.versions()["splits"]
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "b"))
        run.commit({})
    assert lake.read("splits", version=before).num_rows == 1
    assert lake.read("splits").num_rows == 2


def test_two_runs_at_once_are_told_apart(lake: Lake) -> None:
    with Run(lake, "link", {}), pytest.raises(UserError, match="another run"):
        Run(lake, "label", {}).__enter__()


def test_a_read_only_folder_gives_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Run(Lake(file / "lake"), "link", {}).__enter__()


def test_rows_are_found_by_their_text_after_others_were_deleted(lake: Lake) -> None:
    with Run(lake, "link", {}) as run:
        run.append("splits", splits(run, "a", "b", "c"))
        run.commit({"in": 3})
    with Run(lake, "link", {}) as run:
        run.delete("splits", pa.table({"patient_key": ["b"]}))
        run.commit({"in": 1})

    def found(where: pc.Expression) -> list[str]:
        return sorted(lake.read("splits", where=where)["patient_key"].to_pylist())

    key = pc.field("patient_key")
    assert found(key == "a") == ["a"]
    assert found(key.isin(["b", "c"])) == ["c"]
    assert found(pc.field("split") == "train") == ["a", "c"]
    queries = LakeQueries(lake)
    assert queries.rows("select split from splits where patient_key in ('b', 'c')") == [
        {"split": "train"}
    ]
