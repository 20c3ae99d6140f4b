"""Quarantine: each unusable row once, and gone only when its exam is accepted."""

import csv
from pathlib import Path

import pytest

from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a lake beside its report file."""
    given = {
        "lake": {"root": str(tmp_path / "lake")},
        "reports": {"path": tmp_path / "reports.csv"},
    }
    return load_settings(None, given)


def deliver(settings: Settings, *rows: tuple[str, str]) -> None:
    assert settings.reports.path is not None
    with settings.reports.path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("exam_id", "text"), *rows])


def held(settings: Settings) -> list[tuple[str, str]]:
    rows = Lake.of(settings).read("quarantine").to_pylist()
    return sorted((row["key"], row["rule"]) for row in rows)


def test_a_row_is_put_there_once_though_its_line_moves(settings: Settings) -> None:
    deliver(settings, ("E1", "Clear lungs."), ("E2", ""))
    ingest(settings)
    deliver(settings, ("E2", ""), ("E1", "Clear lungs."))
    assert ingest(settings).counts["quarantined"] == 1
    assert held(settings) == [("E2", "report_empty")]


def test_a_bad_row_stays_when_another_row_of_its_exam_is_amended(settings: Settings) -> None:
    deliver(settings, ("E1", "Clear lungs."), ("E1", ""))
    ingest(settings)
    deliver(settings, ("E1", "Small effusion."), ("E1", ""))
    assert ingest(settings).counts["amended"] == 1
    assert held(settings) == [("E1", "report_empty")]
    assert ingest(settings).outcome == "unchanged"


def test_a_mended_row_leaves(settings: Settings) -> None:
    deliver(settings, ("E1", ""), ("E2", ""))
    ingest(settings)
    deliver(settings, ("E1", "Clear lungs."), ("E2", ""))
    assert ingest(settings).counts["new"] == 1
    assert held(settings) == [("E2", "report_empty")]
