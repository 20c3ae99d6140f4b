"""A patient who is forgotten is not named by Prefect's runs either."""

import json
import sqlite3
from pathlib import Path

import pytest

from flows import forgotten_runs
from flows.forgotten_runs import forget_in_runs
from pipeline.user_error import UserError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state folder whose runs named exams, as Prefect keeps them."""
    (tmp_path / "prefect").mkdir()
    runs = {
        "both": {"config": "c", "selection": {"exams": ["E-their-exam", "E-other"]}},
        "other": {"config": "c", "selection": {"exams": ["E-other"], "since": None}},
        "dates": {"config": "c", "selection": {"since": "2026-01-01"}},
        "none": {"config": "c"},
    }
    database = sqlite3.connect(tmp_path / "prefect" / "prefect.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE flow_run (id TEXT, parameters JSON)")
    rows = [(run, json.dumps(told)) for run, told in runs.items()]
    database.executemany("INSERT INTO flow_run VALUES (?, ?)", rows)
    database.commit()
    database.close()
    return tmp_path


def parameters(state: Path) -> dict[str, dict]:
    database = sqlite3.connect(state / "prefect" / "prefect.db")
    rows = database.execute("SELECT id, parameters FROM flow_run").fetchall()
    database.close()
    return {run: json.loads(told) for run, told in rows}


def test_only_the_runs_that_named_the_exam_are_changed(state: Path) -> None:
    before = parameters(state)
    assert forget_in_runs(state, {"E-their-exam"}) == 1
    after = parameters(state)
    assert after["both"]["selection"]["exams"] == ["E-other", "forgotten"]
    assert {run: after[run] for run in ("other", "dates", "none")} == {
        run: before[run] for run in ("other", "dates", "none")
    }
    # Not in a freed page or the write-ahead log either.
    for file in (state / "prefect").iterdir():
        assert b"E-their-exam" not in file.read_bytes()
    assert forget_in_runs(state, {"E-their-exam"}) == 0


def test_what_a_reader_keeps_in_the_log_is_told(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgotten_runs, "PATIENCE", 0.1)
    reader = sqlite3.connect(state / "prefect" / "prefect.db")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM flow_run").fetchall()
    with pytest.raises(UserError, match="stop `radsim serve` and forget again"):
        forget_in_runs(state, {"E-their-exam"})
    reader.close()
    # Nothing is left to change, but the log is still to be emptied.
    forget_in_runs(state, {"E-their-exam"})
    for file in (state / "prefect").iterdir():
        assert b"E-their-exam" not in file.read_bytes()


def test_a_lake_that_was_never_served_has_nothing_to_forget(tmp_path: Path) -> None:
    assert forget_in_runs(tmp_path, {"E1"}) == 0


def test_a_database_that_is_none_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "prefect.db").write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match=r"prefect\.db: Prefect's database cannot be changed"):
        forget_in_runs(tmp_path, {"E1"})


def test_prefect_keeps_parameters_where_this_looks_for_them(prefect_server: None) -> None:
    from prefect.server.database.orm_models import FlowRun

    assert FlowRun.__tablename__ == "flow_run"
    assert "parameters" in FlowRun.__table__.columns
