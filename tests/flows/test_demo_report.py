"""What the demo shows at its end."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.command_line import app
from flows.demo_report import demo_report
from pipeline.demo import road as demo_road
from pipeline.stage_summary import Progress, StageSummary

FIGURES: dict[str, Any] = {
    "exams": {"in": 3955, "kept": 3927, "quarantined": 28},
    "prevalence": [{"class": "Effusion", "positive": 150, "share": 0.038}],
    "measures": [
        {
            "measure": "nDCG@10",
            "queries": "all",
            "trained": "0.61 [0.58, 0.64]",
            "untrained": "0.33 [0.30, 0.36]",
            "chance": "0.22",
            "n": 280,
        }
    ],
    "files": {"manifest": "demo/lake/manifests/1/manifest.parquet"},
}


def test_it_shows_exams_prevalence_measures_and_files_and_that_images_are_phantoms() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(demo_report(FIGURES))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "exams: 3,955 in = 3,927 kept + 28 quarantined" in shown
    assert "0.038" in shown
    # Brackets of an interval are data, not markup.
    assert "0.61 [0.58, 0.64]" in shown
    assert "demo/lake/manifests/1/manifest.parquet" in shown
    assert "phantoms" in shown


def test_the_command_shows_each_stage_and_then_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run_demo(folder: Path, progress_for: Callable[[str], Progress]) -> Iterator[StageSummary]:
        assert folder == tmp_path
        for name in ("ingest", "phantoms"):
            progress_for(name)(1, 2, "exams")
            yield StageSummary(name, outcome="committed")

    monkeypatch.setattr(demo_road, "run_demo", run_demo)
    monkeypatch.setattr(demo_road, "demo_figures", lambda folder: FIGURES)
    ran = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path)])
    assert ran.exit_code == 0
    lines = [line for line in ran.stdout.splitlines() if line]
    assert lines[:3] == ["ingest: committed, 0.0 s", "phantoms: committed, 0.0 s", "RadSim demo"]


def test_a_demo_that_fails_says_how_to_resume(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run_demo(folder: Path, progress_for: Any) -> Iterator[StageSummary]:
        yield StageSummary("ingest")
        raise PermissionError(13, "Permission denied", str(folder / "lake"))

    monkeypatch.setattr(demo_road, "run_demo", run_demo)
    ran = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path)])
    assert ran.exit_code == 1
    assert ran.stderr.splitlines()[0].startswith(f"error: {tmp_path}/lake: no permission")
    assert ran.stderr.splitlines()[1] == f"to resume: radsim demo --folder {tmp_path}"
