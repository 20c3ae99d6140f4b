"""`radsim change` as a user runs it."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import pipeline.change
from flows.command_line import app
from pipeline.change import REACQUIRED, ExamChange
from pipeline.settings import Settings
from pipeline.user_error import UserError

COLUMNS = ("finding", "before", "now", "change", "projection", "score")
FOUND = ExamChange(
    model_id="model-1",
    exam_id="E2",
    against="E1",
    how="the patient's exam before it by exam time",
    new=["Effusion", "Mass"],
    gone=[],
    same=["Edema"],
    uncertain=["Nodule"],
    amount=0.3125,
    scores=[{"null": REACQUIRED, "pairs": 240, "score": 1.0}],
    findings=[
        dict(zip(COLUMNS, ("Effusion", "", "positive", "new", 0.25, 0.975), strict=True)),
        dict(zip(COLUMNS, ("Hernia", "", "", "", 0.25, float("nan")), strict=True)),
    ],
    notes=["view PA before, AP now: part of the amount is the view's"],
)


def test_says_what_is_new_gone_and_the_same_and_how_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}

    def change(settings: Settings, what: str, against: str | None) -> ExamChange:
        asked.update(what=what, against=against)
        return FOUND

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline.change, "change", change)
    ran = CliRunner().invoke(app, ["change", "E2", "--against", "E1"])
    assert ran.exit_code == 0, ran.stderr
    assert asked == {"what": "E2", "against": "E1"}
    lines = ran.stdout.splitlines()
    assert lines[:8] == [
        "exam E2 against E1 (the patient's exam before it by exam time), by model model-1",
        "  view PA before, AP now: part of the amount is the view's",
        "new: Effusion, Mass",
        "gone: none",
        "same: Edema",
        "uncertain: Nodule",
        "amount: 0.312 (cosine distance)",
        f"  above 100% of 240 pairs of {REACQUIRED}",
    ]
    assert lines[9].split() == ["Effusion", "positive", "new", "0.250", "0.975"]
    assert lines[10].split() == ["Hernia", "0.250", "–"]


def test_an_exam_without_an_earlier_one_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def change(settings: Settings, what: str, against: str | None) -> ExamChange:
        raise UserError("the lake has no earlier exam of this patient with labels and an image")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline.change, "change", change)
    ran = CliRunner().invoke(app, ["change", "E1"])
    assert ran.exit_code == 1
    assert ran.stderr.splitlines() == [
        "error: the lake has no earlier exam of this patient with labels and an image"
    ]
