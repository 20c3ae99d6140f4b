"""`radsim train-labeler` teaches a labeler, judges it, and says in one line what is wrong."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command_line import app

runner = CliRunner()


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    texts = ["Small left effusion", "No effusion", "Enlarged heart", "Heart normal"]
    place = tmp_path / "reports.csv"
    with place.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["exam_id", "text"])
        for number in range(120):
            rows.writerow(
                [f"E{number}", f"{texts[number % 4]}. Film {'abcdefghij'[number // 12]}."]
            )
    return place


def test_it_writes_the_labeler_and_the_queue(reports: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    gold.write_text("exam_id,Effusion\nE0,1\nE1,0\nE4,1\n", encoding="utf-8")
    out, queue = tmp_path / "learned", tmp_path / "queue.csv"
    arguments = ["train-labeler", "--reports", str(reports), "--gold", str(gold)]
    arguments += ["--scheme", "nih14", "--epochs", "3", "--out", str(out), "--queue", str(queue)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "reports held out" in result.output
    assert (out / "labeler.json").is_file()
    header = queue.read_text(encoding="utf-8").splitlines()[0]
    assert header == '"exam_id","class","rule_state","probability","score","reason"'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scheme", "nih15"], "unknown label scheme"),
        (["--text-column", "findings"], "findings"),
        (["--gold", "absent.csv"], "absent.csv"),
    ],
)
def test_mistakes_are_one_line(
    reports: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    base = ["train-labeler", "--reports", str(reports), "--out", str(tmp_path / "out")]
    result = runner.invoke(app, [*base, *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_gold_of_other_exams_is_said(reports: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    gold.write_text("exam_id,Edema\nX,1\n", encoding="utf-8")
    result = runner.invoke(
        app, ["train-labeler", "--reports", str(reports), "--gold", str(gold), "--out", "o"]
    )
    assert result.exit_code == 1
    assert "no exam in common" in result.output
