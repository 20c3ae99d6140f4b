"""Gold beside labels: which columns, which exams, which setting; and the files of figures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.gold_files import StateFile, read_state_file
from pipeline.gold_map import GoldMap, read_gold_map
from pipeline.label_files import labels_of_file, labels_of_reports
from pipeline.label_states import Labels
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.report_texts import ReportTexts, read_report_texts
from pipeline.score_examples import worst
from pipeline.score_record import Score, write_score
from pipeline.scoring import compare
from pipeline.user_error import UserError

REPORTS = """\
uid,findings
E1,No effusion. Possible pneumonia.
E2,Large effusion. Pneumothorax is seen.
E3,The heart is enlarged.
E4,Atelectasis or pneumonia. No effusion.
E5,The lungs are clear. Heart size is normal. No effusion.
"""
GOLD = """\
uid,person,Effusion,Pneumonia,Heart,normal,coded,remark
E1,P1,1,1,0,0,1,x
E2,P1,1,0,0,0,1,x
E3,P2,0,0,1,0,1,x
E4,P3,0,1,0,0,1,x
E5,P4,0,0,0,1,1,x
E6,P5,1,0,0,0,1,x
E7,P6,1,0,0,0,0,x
"""
MAP = "leave_out: {coded: 0}\nclasses:\n  Heart: cardiomegaly\n  normal: No_Finding\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def reports(tmp_path: Path) -> ReportTexts:
    path = written(tmp_path, "reports.csv", REPORTS)
    return read_report_texts(path, ColumnMapping("uid", ("findings",)))


@pytest.fixture
def labels(reports: ReportTexts) -> Labels:
    return labels_of_reports(reports, "nih14", ())


@pytest.fixture
def gold(tmp_path: Path) -> StateFile:
    return read_state_file(written(tmp_path, "gold.csv", GOLD), "uid")


@pytest.fixture
def gold_map(tmp_path: Path) -> GoldMap:
    return read_gold_map(written(tmp_path, "map.yaml", MAP))


def test_columns_exams_and_averages(
    gold: StateFile, gold_map: GoldMap, labels: Labels, reports: ReportTexts
) -> None:
    found = compare(gold, gold_map, labels, key="uid", reports=reports)
    assert found.classes == ("Effusion", "Pneumonia", "Heart", "normal")
    assert found.targets == (("Effusion",), ("Pneumonia",), ("cardiomegaly",), ("No_Finding",))
    assert found.averaged.tolist() == [True, True, True, False]
    assert found.not_scored == ("person", "remark")
    assert found.exam_ids.to_pylist() == ["E1", "E2", "E3", "E4", "E5"]
    assert found.counts == {"gold exams": 7, "left out": 1, "without labels": 1}
    assert found.settings == ("negative", "positive", "ignored", "alternatives")
    assert found.patients is None


def test_every_setting_by_hand(gold: StateFile, gold_map: GoldMap, labels: Labels) -> None:
    found = compare(gold, gold_map, labels, key="uid")
    pneumonia = {name: found.measured(name).outcomes[1].tolist() for name in found.settings}
    assert pneumonia == {
        "negative": [0, 0, 2, 3],
        "positive": [2, 0, 0, 3],
        "ignored": [0, 0, 0, 3],
        "alternatives": [1, 0, 1, 3],
    }


def test_exams_without_labels_can_be_counted(
    gold: StateFile, gold_map: GoldMap, labels: Labels
) -> None:
    found = compare(gold, gold_map, labels, key="uid", count_unlabelled=True)
    assert found.exam_ids.to_pylist()[-1] == "E6"
    assert found.measured("negative").outcomes[0].tolist() == [1, 0, 2, 3]


def test_patients_of_the_gold_are_drawn_together(
    gold: StateFile, gold_map: GoldMap, labels: Labels
) -> None:
    found = compare(gold, gold_map, labels, key="uid", patient_column="person")
    assert found.patients is not None
    assert len(np.unique(found.patients)) == 4
    assert found.patients[0] == found.patients[1]
    assert "person" not in found.not_scored


def test_halves_partition_the_exams(
    gold: StateFile, gold_map: GoldMap, labels: Labels, reports: ReportTexts
) -> None:
    found = compare(gold, gold_map, labels, key="uid", reports=reports)
    parts = [found.half(name).exam_ids.to_pylist() for name in "ab"]
    assert sorted(parts[0] + parts[1]) == found.exam_ids.to_pylist()
    with pytest.raises(UserError, match="--half takes a or b"):
        found.half("c")
    with pytest.raises(UserError, match="name them with --reports"):
        compare(gold, gold_map, labels, key="uid").half("a")


def test_alternatives_ask_for_mentions(
    gold: StateFile, labels: Labels, tmp_path: Path, gold_map: GoldMap
) -> None:
    path = tmp_path / "labels.csv"
    labels._classes.to_pandas().to_csv(path, index=False)
    found = compare(gold, GoldMap(), labels_of_file(path, "uid", None, ()), key="uid")
    assert found.settings == ("negative", "positive", "ignored")
    with pytest.raises(UserError, match="asks the cue of each mention"):
        found.measured("alternatives")
    with pytest.raises(UserError, match="--uncertain takes negative"):
        found.measured("maybe")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes:\n  Hart: cardiomegaly\n", "map.yaml, line 2: .*gold.csv has no column 'Hart'"),
        (
            "classes:\n  Heart: cardiomegali\n",
            "map.yaml, line 2: the labels have no class 'cardiomegali'; did you mean 'cardiomegaly",
        ),
        ("leave_out: {index: 1}\nHeart: cardiomegaly\n", "line 1: .*has no column 'index'"),
    ],
)
def test_a_mistake_in_the_map_is_named_with_its_line(
    text: str, message: str, gold: StateFile, labels: Labels, tmp_path: Path
) -> None:
    gold_map = read_gold_map(written(tmp_path, "map.yaml", text))
    with pytest.raises(UserError, match=message):
        compare(gold, gold_map, labels, key="uid")


def test_gold_that_has_nothing_in_common_is_refused(labels: Labels, tmp_path: Path) -> None:
    other = read_state_file(written(tmp_path, "g.csv", "uid,Effusion\nX1,1\n"), "uid")
    with pytest.raises(UserError, match="no exam in common"):
        compare(other, GoldMap(), labels, key="uid")
    strange = read_state_file(written(tmp_path, "h.csv", "uid,Zebra\nE1,1\n"), "uid")
    with pytest.raises(UserError, match="no column has a class of the labels"):
        compare(strange, GoldMap(), labels, key="uid")


def test_the_worst_come_with_sentence_and_cue(
    gold: StateFile, gold_map: GoldMap, labels: Labels, reports: ReportTexts
) -> None:
    found = compare(gold, gold_map, labels, key="uid", reports=reports)
    rows = worst(found, labels, reports, "negative", 9)
    assert [(row["class"], row["exam"], row["kind"]) for row in rows] == [
        ("Effusion", "E1", "denied"),
        ("Pneumonia", "E1", "hedged"),
        ("Pneumonia", "E4", "hedged"),
    ]
    assert rows[0]["cue"] == "No"
    assert rows[0]["sentence"] == "No effusion."
    assert rows[2]["cue"] == "or"
    assert len(worst(found, labels, reports, "negative", 9, ["Effusion"])) == 1
    assert len(worst(found, labels, reports, "negative", 1)) == 1
    with pytest.raises(UserError, match="--class Zebra: not compared"):
        worst(found, labels, reports, "negative", 9, ["Zebra"])


def test_an_omission_shows_the_whole_report(
    gold: StateFile, labels: Labels, reports: ReportTexts, tmp_path: Path
) -> None:
    gold = read_state_file(written(tmp_path, "g.csv", "uid,Mass\nE3,1\n"), "uid")
    found = compare(gold, GoldMap(), labels, key="uid", reports=reports)
    row = worst(found, labels, reports, "negative", 1)[0]
    assert row["kind"] == "unmentioned"
    assert row["finding"] is None
    assert row["sentence"] == "The heart is enlarged."


def test_files_hold_all_figures_and_no_text(
    gold: StateFile, gold_map: GoldMap, labels: Labels, reports: ReportTexts, tmp_path: Path
) -> None:
    found = compare(gold, gold_map, labels, key="uid", reports=reports)
    by_setting = {name: found.measured(name, draws=20) for name in found.settings}
    by_half = {name: found.half(name).measured("negative", draws=20) for name in "ab"}
    score = Score(found, by_setting, by_half, {"gold": "gold.csv"}, 20)
    files = [*write_score(score, tmp_path / "out"), *write_score(score, tmp_path / "s.json")]
    files += write_score(score, tmp_path / "s.csv")
    assert [file.name for file in files] == [
        *("score.json", "figures.csv", "confusion.csv", "s.json", "s.csv")
    ]
    for file in files:
        text = file.read_text()
        assert "effusion." not in text
        assert "E1" not in text
    record = json.loads(files[0].read_text())
    assert record["exams"] == 5
    assert record["averaged"] == ["Effusion", "Pneumonia", "Heart"]
    effusion = record["settings"]["negative"]["classes"][0]
    assert (effusion["gold_positive"], effusion["labels_positive"]) == (2, 1)
    assert effusion["recall"]["value"] == 0.5
    assert record["hedged"]["Pneumonia"] == {"gold_positive": 2, "all": 2}
    assert record["confusion"]["Effusion"]["1"] == {"1": 1, "0": 1, "-1": 0, "null": 0}
    assert set(record["halves"]) == {"a", "b"}
    rows = list(csv.DictReader(files[1].open()))
    assert len(rows) == (4 + 2) * (len(by_setting) + 2)
    first = rows[0]
    assert (first["class"], first["uncertain"], first["recall"]) == ("Effusion", "negative", "0.5")


def test_a_place_that_cannot_be_written_is_named(
    gold: StateFile, gold_map: GoldMap, labels: Labels, tmp_path: Path
) -> None:
    found = compare(gold, gold_map, labels, key="uid")
    score = Score(found, {"negative": found.measured("negative", draws=0)}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_score(score, tmp_path / "file" / "s.json")
