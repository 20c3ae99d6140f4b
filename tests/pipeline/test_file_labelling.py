"""Labelling a file without a lake: a row an exam, nothing lost, nothing told of the text."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelers import load_scheme
from pipeline.file_labelling import label_reports_file
from pipeline.labelling import rule_labeler
from pipeline.lake import Lake
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.settings_file import load_settings
from pipeline.stage_summary import StageSummary
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError

EFFUSION = "Large right pleural effusion."
CLEAR = "Heart size is normal. No pleural effusion."


def write(folder: Path, rows: list[dict[str, str]]) -> Path:
    file = folder / "reports.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def labelled(file: Path, scheme: str = "nih14", **mapping: Any) -> StageSummary:
    out = file.parent / "labels.parquet"
    return label_reports_file(file, ColumnMapping(**mapping), "auto", scheme, out, workers=1)


def states(folder: Path, exam_id: str) -> dict[str, int | None]:
    (row,) = pq.read_table(
        folder / "labels.parquet", filters=[("exam_id", "=", exam_id)]
    ).to_pylist()
    return row


@pytest.mark.parametrize("scheme", ["nih14", "chexpert14"])
def test_the_file_has_the_classes_of_the_scheme_in_order(tmp_path: Path, scheme: str) -> None:
    labelled(write(tmp_path, [{"exam_id": "E1", "text": EFFUSION}]), scheme)
    schema = pq.read_schema(tmp_path / "labels.parquet")
    assert schema.names == ["exam_id", *load_scheme(scheme).classes]
    assert [field.type for field in schema][1:] == [pa.int8()] * (len(schema) - 1)
    labeler = rule_labeler()
    assert schema.metadata == {
        b"scheme": scheme.encode(),
        b"labeler": labeler.name.encode(),
        b"vocabulary": labeler.vocabulary_hash.encode(),
    }


def test_states_are_positive_negative_uncertain_and_not_mentioned(tmp_path: Path) -> None:
    text = "Large effusion. No pneumothorax. Possible pneumonia."
    labelled(write(tmp_path, [{"exam_id": "E1", "text": text}]))
    row = states(tmp_path, "E1")
    assert (row["Effusion"], row["Pneumothorax"], row["Pneumonia"], row["Hernia"]) == (
        1, 0, -1, None,
    )  # fmt: skip


def test_each_exam_has_one_row_and_what_cannot_be_used_is_listed_without_its_text(
    tmp_path: Path,
) -> None:
    summary = labelled(
        write(
            tmp_path,
            [
                {"exam_id": "E1", "text": EFFUSION},
                {"exam_id": "E1", "text": EFFUSION},
                {"exam_id": "E2", "text": CLEAR},
                {"exam_id": "E2", "text": EFFUSION},
                {"exam_id": "E3", "text": " "},
                {"exam_id": "", "text": CLEAR},
                {"exam_id": "E4", "text": CLEAR},
            ],
        )
    )
    assert pq.read_table(tmp_path / "labels.parquet")["exam_id"].to_pylist() == ["E1", "E4"]
    assert summary.counts == {
        "in": 7,
        "labelled": 2,
        "unchanged": 1,
        "superseded": 0,
        "retracted": 0,
        "quarantined": 4,
    }
    bad = pd.read_csv(tmp_path / "labels.quarantine.csv")
    assert list(bad.columns) == ["key", "reference", "rule", "reason"]
    assert sorted(zip(bad["reference"], bad["rule"], strict=True)) == [
        ("reports.csv row 3", "conflict"),
        ("reports.csv row 4", "conflict"),
        ("reports.csv row 5", "report_empty"),
        ("reports.csv row 6", "exam_id_missing"),
    ]
    told = (tmp_path / "labels.quarantine.csv").read_text() + str(summary)
    assert "effusion." not in told
    assert "Heart size" not in told


def test_a_list_of_bad_rows_does_not_outlive_their_mending(tmp_path: Path) -> None:
    labelled(write(tmp_path, [{"exam_id": "E1", "text": CLEAR}, {"exam_id": "E2", "text": ""}]))
    assert (tmp_path / "labels.quarantine.csv").exists()
    labelled(write(tmp_path, [{"exam_id": "E1", "text": CLEAR}, {"exam_id": "E2", "text": CLEAR}]))
    assert not (tmp_path / "labels.quarantine.csv").exists()


def test_the_indication_asks_and_gives_no_label(tmp_path: Path) -> None:
    row = {
        "uid": "E1",
        "indication": "Rule out pneumothorax. Known pulmonary edema.",
        "findings": "Small left pleural effusion.",
        "impression": "Possible pneumonia.",
    }
    sections = ("indication", "findings", "impression")
    labelled(write(tmp_path, [row]), exam_id="uid", text=sections)
    found = states(tmp_path, "E1")
    assert (found["Effusion"], found["Pneumonia"]) == (1, -1)
    assert found["Pneumothorax"] is None
    assert found["Edema"] is None


def test_the_version_that_stands_is_labelled(tmp_path: Path) -> None:
    rows = [
        {"exam_id": "E1", "text": EFFUSION, "status": "final"},
        {"exam_id": "E1", "text": CLEAR, "status": "amended"},
        {"exam_id": "E2", "text": CLEAR, "status": "final"},
    ]
    assert labelled(write(tmp_path, rows)).counts["superseded"] == 1
    assert states(tmp_path, "E1")["Effusion"] == 0


def test_a_retracted_report_gets_no_labels(tmp_path: Path) -> None:
    rows = [
        {"exam_id": "E1", "text": EFFUSION, "status": "final"},
        {"exam_id": "E1", "text": EFFUSION, "status": "retracted"},
        {"exam_id": "E2", "text": CLEAR, "status": "final"},
    ]
    summary = labelled(write(tmp_path, rows))
    assert (summary.counts["labelled"], summary.counts["retracted"]) == (1, 1)
    assert pq.read_table(tmp_path / "labels.parquet")["exam_id"].to_pylist() == ["E2"]


def test_the_lake_gives_the_same_labels_for_the_same_file(tmp_path: Path) -> None:
    texts = [EFFUSION, CLEAR, "Possible pneumonia.", "Lungs are clear.", "Status post pacemaker."]
    rows = [{"exam_id": f"E{n}", "text": text, "status": "final"} for n, text in enumerate(texts)]
    rows += [{"exam_id": "E0", "text": CLEAR, "status": "amended"}]
    rows += [{"exam_id": "E1", "text": CLEAR, "status": "retracted"}]
    rows += [{"exam_id": "E2", "text": CLEAR, "status": "final"}]
    file = write(tmp_path, rows)
    labelled(file, "chexpert14")
    told = load_settings(
        None, {"lake": {"root": str(tmp_path / "lake")}, "reports": {"path": file}}
    )
    ingest(told)
    label(told)
    lake = load_scheme("chexpert14").project(Lake.of(told).read("labels")).sort_by("exam_id")
    alone = pq.read_table(tmp_path / "labels.parquet").sort_by("exam_id")
    assert alone["exam_id"].to_pylist() == ["E0", "E3", "E4"]
    assert alone.to_pylist() == lake.to_pylist()


def test_a_file_without_a_usable_report_says_why_and_leaves_no_labels(tmp_path: Path) -> None:
    file = write(tmp_path, [{"exam_id": "E1", "text": ""}, {"exam_id": "", "text": EFFUSION}])
    with pytest.raises(UserError, match="none of its 2 reports can be labelled") as caught:
        labelled(file)
    assert "report_empty" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "effusion" not in str(caught.value)
    assert not (tmp_path / "labels.parquet").exists()
    assert len(pd.read_csv(tmp_path / "labels.quarantine.csv")) == 2


def test_an_output_that_cannot_be_written_is_known_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, [{"exam_id": "E1", "text": CLEAR}])
    monkeypatch.setattr("pipeline.file_labelling.read_reports", pytest.fail)
    (tmp_path / "folder").mkdir()
    for out in (tmp_path / "folder", file / "labels.parquet"):
        with pytest.raises(UserError, match="cannot be written") as caught:
            label_reports_file(file, ColumnMapping(), "auto", "nih14", out, workers=1)
        assert "\n" not in str(caught.value)


def test_a_list_of_bad_rows_that_cannot_be_written_gives_one_line(tmp_path: Path) -> None:
    file = write(tmp_path, [{"exam_id": "E1", "text": CLEAR}, {"exam_id": "E2", "text": ""}])
    (tmp_path / "labels.quarantine.csv").mkdir()
    with pytest.raises(UserError, match=r"quarantine\.csv: cannot be written"):
        labelled(file)


def test_an_unknown_scheme_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nih15"):
        labelled(write(tmp_path, [{"exam_id": "E1", "text": CLEAR}]), "nih15")
