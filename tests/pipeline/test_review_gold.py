"""Reviews as a gold: what is settled is judged, and nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from typer.testing import CliRunner

from flows.command_line import app
from labelers.aggregation import NOT_MENTIONED
from labelers.agreement import confusion
from pipeline.gold_map import GoldMap
from pipeline.label_files import labels_of_file
from pipeline.readers.source_error import SourceError
from pipeline.review_decisions import SKIP, STATE, UNDO
from pipeline.review_gold import gold_of_decisions, read_gold
from pipeline.scoring import compare
from pipeline.user_error import UserError
from pipeline.waiting_reviews import FIELDS
from tests.labelled_site import labelled_site

START = datetime(2026, 1, 1, tzinfo=UTC)
EFFUSION, EDEMA = "Pleural Effusion", "Edema"
MADE = (
    ("E1", EFFUSION, "ana", STATE, 1),
    ("E1", EDEMA, "ana", STATE, None),
    ("E2", EFFUSION, "ana", STATE, 1),
    ("E2", EFFUSION, "ben", STATE, 0),
    ("E3", EFFUSION, "ana", SKIP, None),
    ("E4", EFFUSION, "ana", STATE, 0),
    ("E5", EDEMA, "ana", STATE, 1),
    ("E5", EDEMA, "ana", UNDO, None),
)


def decided(*made, scheme="chexpert14"):
    """Return decisions (exam, class, reviewer, decision, state), a second apart."""
    names = ("exam_id", "class", "reviewer", "decision", "state")
    rows = [
        dict(zip(names, each, strict=True), scheme=scheme, time=START + timedelta(seconds=second))
        for second, each in enumerate(made)
    ]
    return pa.Table.from_pylist(rows, schema=FIELDS)


def test_only_what_is_settled_is_judged_and_not_mentioned_is_a_judgement():
    gold = gold_of_decisions(decided(*MADE), "reviews")
    assert gold.ids.to_pylist() == ["E1", "E4"]
    assert gold.metadata == {"scheme": "chexpert14"}
    assert gold.state(EFFUSION).tolist() == [1, 0]
    assert gold.is_judged(EFFUSION).tolist() == [True, True]
    assert gold.is_judged(EDEMA).tolist() == [True, False]
    assert gold.state(EDEMA)[0] == NOT_MENTIONED


def test_a_class_is_scored_over_the_exams_in_which_it_was_reviewed(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(f"exam_id,{EFFUSION},{EDEMA}\nE1,1,1\nE4,1,1\n", encoding="utf-8")
    labels = labels_of_file(file, "exam_id", "chexpert14", ())
    gold = gold_of_decisions(decided(*MADE), "reviews")
    compared = compare(gold, GoldMap(), labels, key="exam_id")
    outcomes = compared.measured("negative", draws=0).outcomes
    by_class = dict(zip(compared.classes, outcomes.tolist(), strict=True))
    # Edema of E4 was not reviewed: it is no false positive.
    assert by_class == {EFFUSION: [1, 1, 0, 0], EDEMA: [0, 1, 0, 0]}
    assert compared.confusion().sum(axis=(1, 2)).tolist() == [
        sum(by_class[name]) for name in compared.classes
    ]


def test_confusion_leaves_out_what_is_not_judged():
    gold, said = np.array([[1, 0]], np.int8), np.array([[1, 1]], np.int8)
    assert confusion(gold, said, np.array([[True, False]])).sum(axis=(1, 2)).tolist() == [1, 0]


def test_the_scheme_must_be_clear():
    both = pa.concat_tables(
        [decided(*MADE), decided(("E1", "Effusion", "ana", STATE, 1), scheme="nih14")]
    )
    with pytest.raises(UserError, match="of the schemes chexpert14, nih14; say which"):
        gold_of_decisions(both, "reviews")
    assert gold_of_decisions(both, "reviews", "nih14").state("Effusion").tolist() == [1]
    with pytest.raises(UserError, match="settled no state of scheme nih14; there are some of"):
        gold_of_decisions(decided(*MADE), "reviews", "nih14")
    with pytest.raises(UserError, match="settled no state; review some"):
        gold_of_decisions(decided(), "reviews")


def test_an_export_is_a_gold_and_so_is_the_lake(tmp_path: Path):
    site = labelled_site(tmp_path)
    runner = CliRunner()

    def ran(*words):
        result = runner.invoke(app, [*words, "--config", str(site)])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    ran("review", "set", "E2", EFFUSION, "positive")
    ran("review", "set", "E4", EFFUSION, "negative")
    ran("review", "set", "E1", "Pneumonia", "positive")
    live = ran("score", "--reviews", "--draws", "20")
    ran("review", "export", str(tmp_path / "reviews.csv"))
    filed = ran("score", "--gold", str(tmp_path / "reviews.csv"), "--draws", "20")
    assert live.splitlines()[1:] == filed.splitlines()[1:]
    assert live.splitlines()[1] == "3 of 3 gold exams scored"
    assert "reviewers look at doubtful labels first" in live
    figures = [line.split() for line in live.partition("states:")[0].splitlines()]
    # Exams, gold positive, said positive: two exams of effusion, one of pneumonia.
    assert [*EFFUSION.split(), "2", "1", "2"] in [f[:5] for f in figures]
    assert ["Pneumonia", "1", "1", "0"] in [f[:4] for f in figures]
    # The page Label quality shows reviewers as they are now: no old score is kept beside them.
    assert not list(tmp_path.rglob("scores/*.json"))


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"decision": "guess"}, "column 'decision' holds state, skip or undo"),
        ({"time": "yesterday"}, "row 1: column 'time' holds no time"),
        ({"state": "7"}, "row 1: column 'state' holds no state"),
        ({"reviewer": ""}, "column 'reviewer' has an empty cell"),
    ],
)
def test_a_spoilt_export_is_told_in_a_line(tmp_path, spoilt, why):
    path = tmp_path / "reviews.csv"
    rows = [{**row, "time": str(row["time"]), **spoilt} for row in decided(*MADE).to_pylist()]
    pa_csv.write_csv(pa.Table.from_pylist(rows), path)
    with pytest.raises(SourceError, match=why):
        read_gold(path, "exam_id")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--labels", "labels.csv"], "name one gold"),
        (["--reviews", "--labels", "labels.csv"], "--reviews are of a lake"),
        (["--reviews", "--gold", "gold.csv", "--lake", "lake"], "name one gold"),
    ],
)
def test_one_gold_is_asked_for(words, why):
    result = CliRunner().invoke(app, ["score", *words])
    assert result.exit_code != 0
    assert why in result.stderr
