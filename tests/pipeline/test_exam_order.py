from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from data_contracts import schemas
from pipeline.exam_order import exam_order
from pipeline.settings_file import load_settings


class ReportsOnly:
    """A lake that holds the times of reports and nothing else."""

    def __init__(self, times: dict[str, datetime | None]) -> None:
        self.times = times

    def read(self, name: str, columns: list[str]) -> pa.Table:
        assert (name, columns) == ("reports", ["exam_id", "exam_time"])
        schema = pa.schema([schemas.REPORTS.field(column) for column in columns])
        rows = [{"exam_id": exam, "exam_time": time} for exam, time in self.times.items()]
        return pa.Table.from_pylist(rows, schema)


def order_of(
    exams: dict[str, str | None], times: dict[str, datetime | None] | None = None
) -> pd.DataFrame:
    lake: Any = ReportsOnly(times or {})
    rows = pd.DataFrame({"exam_id": list(exams), "patient_id": list(exams.values())})
    return exam_order(lake, load_settings(None, {}), rows)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RADSIM_PSEUDONYM_KEY", raising=False)


def test_the_times_of_reports_decide_whatever_the_ids_say() -> None:
    day = {
        "E1": datetime(2026, 3, 1, tzinfo=UTC),
        "E2": datetime(2026, 1, 1, tzinfo=UTC),
        "E3": None,
    }
    found = order_of({"E1": "P", "E2": "P", "E3": "P"}, day)
    assert found.loc["E2", "order"] < found.loc["E1", "order"]
    assert found.loc["E1", "by"] == "exam time"
    # The patient's other exams have times: the id of this one is not compared with them.
    assert pd.isna(found.loc["E3", "order"])
    assert found.loc["E3", "by"] == ""


def test_without_times_ids_are_read_with_their_numbers() -> None:
    found = order_of({"61_10": "P", "61_9": "P", "00000061_002": "P", "X": None})
    assert found["order"].dropna().sort_values().index.tolist() == ["00000061_002", "61_9", "61_10"]
    assert set(found["by"]) == {"exam id", ""}
    assert pd.isna(found.loc["X", "order"])


def test_the_order_of_pseudonyms_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = order_of({"a" * 64: "P", "0" * 64: "P"})
    assert found["order"].isna().all()
    monkeypatch.setenv("RADSIM_PSEUDONYM_KEY", "a key that is long enough")
    assert order_of({"E1": "P", "E2": "P"})["order"].isna().all()


def test_an_exam_of_several_images_is_ordered_once() -> None:
    lake: Any = ReportsOnly({})
    rows = pd.DataFrame({"exam_id": ["E1", "E1", "E2"], "patient_id": ["P", "P", "P"]})
    found = exam_order(lake, load_settings(None, {}), rows)
    assert found.index.tolist() == ["E1", "E2"]
