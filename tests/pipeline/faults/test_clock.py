"""A clock that is set back: the order of runs does not hang on it, and the summary says so."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import schemas
from pipeline import lake_run
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.models import current_model
from pipeline.stages.ingest import ingest


class Dead:
    """The clock of a machine whose battery is empty."""

    @staticmethod
    def now(zone: Any) -> datetime:
        return datetime(2000, 1, 1, tzinfo=zone)


def test_a_delivery_is_taken_in_and_the_clock_told_of(
    hospital: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as set_back:
        set_back.setattr(lake_run, "datetime", Dead)
        summary = ingest(hospital.settings)
    assert summary.counts["amended"] > 0
    assert summary.notes[0].startswith("the clock stands at 2000-01-01 00:00 UTC, before the last")
    assert not any("clock" in note for note in ingest(hospital.settings).notes)
    hospital.ends_well()


def test_the_model_trained_last_is_current(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    train(lake, "zeroth")
    with monkeypatch.context() as set_back:
        set_back.setattr(lake_run, "datetime", Dead)
        train(lake, "first")
        assert current_model(lake)["model_id"] == "first"
        train(lake, "another")
    assert current_model(lake)["model_id"] == "another"


@pytest.fixture
def lake(tmp_path: Any) -> Lake:
    return Lake(tmp_path / "lake")


def train(lake: Lake, model_id: str) -> None:
    """Commit a row of table models, as training does."""
    values = {
        "model_id": model_id,
        "settings": "{}",
        "manifest_version": 1,
        "manifest_digest": "0" * 64,
        "seed": 0,
        "measures": "{}",
        "path": "models",
    }
    with Run(lake, "train", {}) as run:
        bare = [field for field in schemas.MODELS if field.name in values]
        row = pa.Table.from_pylist([values], schema=pa.schema(bare))
        run.append("models", run.stamped(row, "manifest", "0" * 64))
        run.commit({})
        assert run.now <= datetime.now(UTC)
