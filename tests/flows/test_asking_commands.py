"""Commands that ask: the neighbours of an exam, the manifests of a lake."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import pipeline.manifests
import pipeline.similar
from flows.command_line import app
from pipeline.manifests import Release
from pipeline.settings import Settings
from pipeline.similar import SimilarExams


def test_similar_lists_the_neighbours_and_names_the_sheet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}

    def similar(settings: Settings, what: str, k: int, out: Path | None) -> SimilarExams:
        asked.update(what=what, k=k, out=out)
        neighbour = {
            "rank": 1,
            "exam_id": "E7",
            "image_id": "E7-1",
            "distance": 0.0625,
            "labels": ["Effusion", "Mass"],
            "row": 4711,
        }
        return SimilarExams("model-1", "exam E1", [neighbour], out)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline.similar, "similar", similar)
    ran = CliRunner().invoke(app, ["similar", "E1", "--k", "3", "--out", "sheet.png"])
    assert ran.exit_code == 0, ran.stderr
    assert asked == {"what": "E1", "k": 3, "out": Path("sheet.png")}
    lines = ran.stdout.splitlines()
    assert lines[0] == "exam E1, by model model-1"
    assert lines[2].split() == ["1", "E7", "E7-1", "0.062", "Effusion,", "Mass"]
    assert lines[3] == "contact sheet: sheet.png"
    assert "4711" not in ran.stdout


def test_manifest_lists_the_releases_and_names_the_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    found = [
        Release(1, "a" * 64, "lake/manifests/1/manifest.parquet", "nih14", 1200, 800, made),
        Release(2, "b" * 64, "lake/manifests/2/manifest.parquet", "nih14", 1300, 850, made),
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline.manifests, "releases", lambda lake: found)
    ran = CliRunner().invoke(app, ["manifest"])
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[1].split() == [
        *("1", "2026-01-02", "03:04", "1,200", "800", "nih14", "a" * 12),
    ]
    assert lines[-1] == "last: lake/manifests/2/manifest.parquet"
