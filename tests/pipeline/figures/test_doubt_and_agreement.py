"""Doubt of reports, agreement with other judgements, and what a change of vocabulary changed."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from labelers import load_scheme
from labelers.agreement import agreement, agreement_of_counts, confusion, counted
from pipeline.figures.doubt_rates import doubt_rates
from pipeline.figures.label_agreement import label_agreements
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.vocabulary_change import VocabularyChange, vocabulary_change
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.review_decisions import STATE
from pipeline.reviewing import decide, take_in
from pipeline.road import stage
from pipeline.settings import Settings
from pipeline.settings_file import load_settings

SCHEME = load_scheme("chexpert14")
REPORTS = """\
exam_id,text
E1,No pleural effusion. There is a small left pleural effusion.
E2,Large pleural effusion.
E3,No pleural effusion. Possible pneumonia.
E4,Pneumonia.
"""
# The file says of effusion what the reports say, but of E2; of pneumonia it knows E4 alone.
LABELS = """\
exam_id,patient_id,split,Pleural Effusion,Pneumonia
E1,P1,train,1,
E2,P2,train,0,
E3,P3,train,0,
E4,P4,train,,1
"""


@pytest.fixture(scope="module")
def two_judgements(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of a lake with labels of reports and of a file."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    columns = "".join(f",{name}" for name in SCHEME.classes if name not in LABELS)
    head, *rows = LABELS.splitlines()
    lines = [head + columns, *(row + "," * columns.count(",") for row in rows)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = load_settings(
        None,
        {
            "lake": {"root": str(folder / "lake")},
            "engine": {"workers": 1},
            "reports": {"path": str(folder / "reports.csv")},
            "label_file": {"path": str(folder / "labels.csv")},
            "manifest": {"scheme": "chexpert14"},
        },
    )
    for name in ("ingest", "label"):
        stage(name)(settings)
    return settings


def rate(rates: pd.DataFrame, name: str, kind: str) -> tuple[int, int]:
    [row] = rates[(rates["class"] == name) & (rates["rate"] == kind)].to_dict("records")
    assert row["low"] <= row["share"] <= row["high"]
    return row["doubtful"], row["exams"]


def test_a_report_that_says_both_is_a_conflict_and_a_hedge_is_uncertain(
    two_judgements: Settings,
) -> None:
    rates = doubt_rates(LakeQueries(Lake.of(two_judgements)), SCHEME)
    assert rate(rates, "Pleural Effusion", "conflict") == (1, 3)
    assert rate(rates, "Pleural Effusion", "uncertain") == (0, 3)
    assert rate(rates, "Pneumonia", "uncertain") == (1, 2)
    assert rate(rates, "Pneumonia", "conflict") == (0, 1)  # a hedge asserts neither
    assert "No Finding" not in set(rates["class"])


def test_labels_of_reports_are_held_against_those_of_the_file(two_judgements: Settings) -> None:
    [found] = label_agreements(LakeQueries(Lake.of(two_judgements)), SCHEME, two_judgements)
    assert found.name == "the label file"
    rows = found.classes.set_index(["class", "measure"])
    effusion = rows.loc[("Pleural Effusion", "F1")]
    assert (effusion["other_positive"], effusion["labels_positive"], effusion["exams"]) == (1, 2, 4)
    assert effusion["value"] == pytest.approx(2 / 3)
    assert effusion["low"] <= effusion["value"] <= effusion["high"]
    assert rows.loc[("Pneumonia", "κ"), "value"] == 1
    cells = found.confusion.set_index(["class", "other", "labels"])["exams"]
    assert cells[("Pleural Effusion", "negative", "positive")] == 1
    assert cells[("Pneumonia", "not mentioned", "uncertain")] == 1


def test_agreement_of_counts_is_that_of_the_exams() -> None:
    gold = pa.array([1, 1, 1, 0, 0, -1, 0, 1, 0, 0], pa.int8()).to_numpy()[:, None]
    said = pa.array([1, 1, 0, 0, 1, 1, 0, 1, -1, 0], pa.int8()).to_numpy()[:, None]
    of_exams = agreement(counted(gold, said), ["Edema"])
    of_counts = agreement_of_counts(confusion(gold, said)[0], "Edema")
    assert (of_exams.outcomes == of_counts.outcomes).all()
    assert of_counts.figures == pytest.approx(of_exams.figures)


def test_a_change_of_the_vocabulary_is_counted_by_class_and_by_way(
    two_judgements: Settings, tmp_path: Path
) -> None:
    lake = Lake.of(two_judgements)
    assert "one vocabulary" in str(vocabulary_change(LakeQueries(lake), SCHEME))
    labels = lake.read("labels")
    assert labels is not None
    at = labels.column_names.index("pleural_effusion")
    of_e2 = pc.equal(labels["exam_id"], "E2")
    states = pc.if_else(of_e2, pa.scalar(None, pa.int8()), labels["pleural_effusion"])
    edited = labels.set_column(at, labels.schema.field(at), states)
    at = labels.column_names.index("vocabulary_hash")
    other = pa.repeat(pa.scalar("edited"), labels.num_rows)
    edited = edited.set_column(at, labels.schema.field(at), other)
    copy = Lake(tmp_path / "lake")
    for rows in (labels, edited):
        with Run(copy, "label", {}) as run:
            run.overwrite("labels", rows)
            run.commit({})
    change = vocabulary_change(LakeQueries(copy), SCHEME)
    assert isinstance(change, VocabularyChange)
    assert (change.after, change.version_before, change.version_after) == ("edited", 0, 1)
    changed = change.changed().set_index("class")
    assert changed.loc["Pleural Effusion", "changed"] == 1
    assert changed.loc["Pleural Effusion", "positive → not mentioned"] == 1
    assert changed["changed"].drop(["Pleural Effusion", "No Finding"]).sum() == 0


def test_labels_agree_with_reviewers_on_the_exams_reviewed_for_a_class(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text(REPORTS, encoding="utf-8")
    settings = load_settings(
        None,
        {
            "lake": {"root": str(tmp_path / "lake")},
            "engine": {"workers": 1},
            "reports": {"path": str(tmp_path / "reports.csv")},
            "manifest": {"scheme": "chexpert14"},
        },
    )
    for name in ("ingest", "label"):
        stage(name)(settings)
    for exam, state in (("E2", 1), ("E3", 1)):
        decide(settings, exam, "Pleural Effusion", "ada", STATE, state)
    take_in(settings)
    (found,) = label_agreements(LakeQueries(Lake.of(settings)), SCHEME, settings)
    assert found.name == "reviewers"
    cells = found.confusion[found.confusion["exams"] > 0]
    assert list(cells[["class", "other", "labels"]].itertuples(index=False, name=None)) == [
        ("Pleural Effusion", "positive", "positive"),
        ("Pleural Effusion", "positive", "negative"),
    ]
    (f1,) = found.classes[found.classes["measure"] == "F1"].to_dict("records")
    assert (f1["exams"], f1["other_positive"], f1["labels_positive"]) == (2, 2, 1)
    assert f1["value"] == pytest.approx(2 / 3)
