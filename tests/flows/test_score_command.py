"""`radsim score` and `radsim diff` as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.agreement_display import show_score
from flows.command_line import app
from labelers.agreement import agreement, counted
from pipeline.gold_files import read_state_file
from pipeline.gold_map import GoldMap
from pipeline.label_files import labels_of_file
from pipeline.score_record import Score
from pipeline.scoring import compare

REPORTS = """\
uid,findings
E1,No effusion. Possible pneumonia.
E2,Large effusion. Pneumothorax is seen.
E3,The lungs are clear. [No] effusion.
"""
GOLD = "uid,Effusion,Pneumonia,normal,remark\nE1,1,1,0,x\nE2,1,0,0,x\nE3,0,0,1,x\n"
COLUMNS = ["--key", "uid", "--text-column", "findings"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("reports.csv").write_text(REPORTS, encoding="utf-8")
    Path("gold.csv").write_text(GOLD, encoding="utf-8")
    Path("map.yaml").write_text("scheme: nih14\nnormal: No_Finding\n", encoding="utf-8")
    return tmp_path


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def score(*words: str) -> Any:
    return run("score", "--gold", "gold.csv", "--map", "map.yaml", "--draws", "20", *words)


def test_labels_and_scores_in_one_step() -> None:
    ran = score("--reports", "reports.csv", *COLUMNS, "--out", "score.json")
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("gold.csv against reports.csv, labeler rule/")
    assert lines[1] == "3 of 3 gold exams scored"
    assert "averages over 2 classes, without normal" in lines
    assert "not scored, no such class: remark" in lines
    for begin in (
        "uncertain positive: micro F1",
        "uncertain alternatives: micro",
        "half a (",
        "half b (",
    ):
        assert any(line.startswith(begin) for line in lines), begin
    assert "1. Effusion, exam E1: gold 1, labels 0 (denied)" in lines
    assert "     pleural_effusion absent by «No»: «No effusion.»" in lines
    record = json.loads(Path("score.json").read_text())
    assert record["settings"]["positive"]["micro"]["f1"]["value"] == 0.8


def test_a_file_of_labels_shows_no_text_unless_asked() -> None:
    labelled = run(
        *("label", "--reports", "reports.csv", "--id-column", "uid", "--text-column", "findings"),
        *("--scheme", "nih14"),
    )
    assert labelled.exit_code == 0, labelled.stderr
    quiet = score("--labels", "labels.parquet", "--key", "uid")
    assert quiet.exit_code == 0, quiet.stderr
    assert "effusion" not in quiet.stdout
    assert "half a" not in quiet.stdout
    told = score("--labels", "labels.parquet", "--reports", "reports.csv", *COLUMNS)
    assert "mentions are those of today's labeler" in told.stdout
    assert "«No effusion.»" in told.stdout
    none = score(
        "--labels", "labels.parquet", "--reports", "reports.csv", *COLUMNS, "--examples", "0"
    )
    assert "effusion" not in none.stdout
    assert "half a" in none.stdout


def test_one_setting_and_one_half() -> None:
    ran = score("--reports", "reports.csv", *COLUMNS, "--uncertain", "positive", "--half", "a")
    assert ran.exit_code == 0, ran.stderr
    assert "uncertain states count as positive" in ran.stdout
    assert "uncertain ignored" not in ran.stdout
    assert ", half a" in ran.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--key", "uid"], "name what to judge: --labels FILE, --reports FILE, --lake FOLDER or"),
        (["--labels", "a", "--lake", "b"], "each name labels; leave only one"),
        (["--lake", "a", "--config", "b"], "each name labels; leave only one"),
        (["--labels", "a", "--examples", "3"], "name them with --reports"),
        (["--reports", "reports.csv", "--text-column", "findings"], "no column 'exam_id'"),
        (["--reports", "reports.csv", *COLUMNS, "--uncertain", "no"], "--uncertain takes negative"),
        (["--reports", "reports.csv", *COLUMNS, "--scheme", "nih15"], "nih15"),
        (["--labels", "none.parquet", "--key", "uid"], "none.parquet: no such file"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], message: str) -> None:
    ran = score(*words)
    assert ran.exit_code == 1
    assert message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("width", [70, 80, 100, 200])
def test_the_table_fits_the_terminal(width: int, tmp_path: Path) -> None:
    Path("labels.csv").write_text("exam_id,Effusion,Pneumonia\nE1,0,-1\nE2,1,0\nE3,0,\n")
    gold = read_state_file(Path("gold.csv"), "uid")
    labels = labels_of_file(Path("labels.csv"), "uid", None, ())
    compared = compare(gold, GoldMap(), labels, key="uid")
    found = agreement(counted(compared.gold, compared.said), compared.classes, draws=20)
    console = Console(width=width, record=True, file=(tmp_path / "shown").open("w"))
    show_score(console, Score(compared, {"negative": found}, {}))
    rows = [line for line in console.export_text().splitlines() if line.startswith("  ")]
    assert all(len(row) <= width for row in rows)
    assert sum(row.startswith("  Effusion ") for row in rows) == 2
    effusion = next(row for row in rows if row.startswith("  Effusion "))
    assert effusion.count("[") == {70: 1, 80: 3, 100: 4, 200: 4}[width]


def test_diff_counts_transitions_and_shows_the_sentence() -> None:
    Path("old.csv").write_text("exam_id,Effusion,Mass\nE1,1,\nE2,1,\nE3,0,1\n")
    Path("new.csv").write_text("exam_id,Effusion,Edema\nE1,0,\nE2,1,\nE4,0,1\n")
    ran = run("diff", "old.csv", "new.csv", "--out", "diff.json")
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[2] == "2 exams in both, 1 with a changed state; 1 only in old; 1 only in new"
    assert lines[3:5] == ["only in old: Mass", "only in new: Edema"]
    assert any(line.split() == ["Effusion", "1", "1", "→", "0:", "1"] for line in lines)
    assert json.loads(Path("diff.json").read_text())["changes"] == {"Effusion": {"1 -> 0": 1}}
    told = run(
        "diff",
        "old.csv",
        "new.csv",
        "--reports",
        "reports.csv",
        "--scheme",
        "nih14",
        "--id-column",
        "uid",
        "--text-column",
        "findings",
    )
    assert "1. Effusion, exam E1: old 1, new 0" in told.stdout
    assert "     new pleural_effusion absent by «No»: «No effusion.»" in told.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "b.csv"], "a.csv: no such file"),
        (["a.csv", "b.csv", "--examples", "2"], "name them with --reports"),
        (["a", "b", "--lake", "lake"], "are versions of its labels, not 'a'"),
        (["1", "2", "--lake", "lake"], "the lake has no labels yet"),
    ],
)
def test_a_mistake_of_diff_is_one_line(words: list[str], message: str) -> None:
    ran = run("diff", *words)
    assert ran.exit_code == 1
    assert message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
