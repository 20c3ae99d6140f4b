"""Label files of each layout, brought to one long form."""

import csv
import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.readers import LABEL_FORMATS, EmptySourceError, SourceError, read_label_file
from pipeline.readers.label_batch import LABELS

NIH14 = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
    "No_Finding",
]
TWO = ["No Finding", "Edema"]


def read(path: Path, format: str, classes=TWO, scheme="two") -> tuple[pa.Table, pa.Table]:
    batches = list(read_label_file(path, format, scheme=scheme, classes=classes))
    return (
        pa.concat_tables(batch.labels for batch in batches),
        pa.concat_tables(batch.rejected for batch in batches),
    )


def states(labels: pa.Table) -> dict[str, dict[str, int | None]]:
    found: dict[str, dict[str, int | None]] = {}
    for row in labels.to_pylist():
        found.setdefault(row["exam_id"], {})[row["class"]] = row["state"]
    return found


def broken_rules(rejected: pa.Table) -> dict[str, str]:
    return dict(zip(rejected["reference"].to_pylist(), rejected["rule"].to_pylist(), strict=True))


OFFICIAL_NIH = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
    "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,57,M,PA,2682,2749,0.143,0.143\n"
    "00000001_001.png,No Finding,1,1,58,M,AP,2894,2729,0.143,0.143\n"
)


def test_nih_names_what_is_there_and_everything_else_is_not(written):
    labels, rejected = read(written("n.csv", OFFICIAL_NIH), "nih", NIH14, "nih14")
    assert rejected.num_rows == 0
    assert labels.schema.equals(LABELS)
    found = states(labels)
    assert {name for name, state in found["00000001_000"].items() if state} == {
        "Cardiomegaly",
        "Pleural_Thickening",
    }
    assert {name for name, state in found["00000001_001"].items() if state} == {"No_Finding"}
    assert set(labels["state"].to_pylist()) == {0, 1}
    assert labels["class"].to_pylist() == NIH14 * 2
    first = labels.to_pylist()[0]
    assert (first["patient_id"], first["split"], first["scheme"]) == ("1", None, "nih14")
    assert (first["source"], first["reference"]) == ("n.csv", "n.csv row 1")


def test_nih_rows_that_name_nothing_or_an_unknown_class_are_rejected(written):
    path = written(
        "n.csv",
        "image_index,finding_labels,patient_id,split\n"
        "1_0.png,Edema|Broken Rib,1,train\n,Edema,1,train\n1_1.png, ,1,train\n"
        "1_2.png,Edema,1,val\n",
    )
    labels, rejected = read(path, "nih", NIH14, "nih14")
    assert set(labels["exam_id"].to_pylist()) == {"1_2"}
    assert set(labels["split"].to_pylist()) == {"val"}
    assert broken_rules(rejected) == {
        "n.csv row 1": "class_unknown",
        "n.csv row 2": "exam_id_missing",
        "n.csv row 3": "label_missing",
    }
    assert not any("Rib" in reason for reason in rejected["reason"].to_pylist())


def test_chexpert_exam_and_patient_are_in_the_path(written):
    path = written(
        "train.csv",
        "Path,Sex,No Finding,Edema\n"
        "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg,F,1.0,\n"
        "CheXpert-v1.0-small/valid/patient00002/study3/view2_lateral.jpg,F,0.0,-1.0\n"
        "somewhere/else.jpg,F,1.0,\n",
    )
    labels, rejected = read(path, "chexpert")
    assert states(labels) == {
        "patient00001/study1": {"No Finding": 1, "Edema": None},
        "patient00002/study3": {"No Finding": 0, "Edema": -1},
    }
    assert labels["patient_id"].to_pylist()[::2] == ["patient00001", "patient00002"]
    assert labels["split"].to_pylist()[::2] == ["train", "valid"]
    assert broken_rules(rejected) == {"train.csv row 3": "path_unreadable"}


def test_mimic_exam_is_the_study(written):
    content = "subject_id,study_id,Edema,No Finding\n10000032,50414267,,1.0\n10000032,,1.0,\n"
    labels, rejected = read(written("m.csv.gz", gzip.compress(content.encode())), "mimic")
    assert states(labels) == {"50414267": {"No Finding": 1, "Edema": None}}
    assert set(labels["patient_id"].to_pylist()) == {"10000032"}
    assert broken_rules(rejected) == {"m.csv.gz row 2": "exam_id_missing"}


def test_plain_file_with_and_without_patient_and_split(written):
    labels, _ = read(written("p.csv", "exam_id,Edema,No Finding\nE1,-1,0\n"), "plain")
    assert states(labels) == {"E1": {"No Finding": 0, "Edema": -1}}
    assert set(labels["patient_id"].to_pylist()) == {None}
    path = written("p.tsv", "exam_id\tpatient_id\tsplit\tEdema\tNo Finding\nE1\tP1\ttest\t1\t\n")
    labels, _ = read(path, "plain")
    assert (
        labels.select(["patient_id", "split"]).to_pylist()
        == [{"patient_id": "P1", "split": "test"}] * 2
    )


@pytest.mark.parametrize("value", ["2", "yes", "nan", "0.5", "TRUE"])
def test_a_value_that_is_no_state_costs_its_row(written, value: str):
    path = written("p.csv", f"exam_id,Edema,No Finding\nE1,{value},0\nE2,1,0\nE3,1\n")
    labels, rejected = read(path, "plain")
    assert set(labels["exam_id"].to_pylist()) == {"E2"}
    assert broken_rules(rejected) == {"p.csv row 1": "state_unknown", "p.csv row 3": "row_ragged"}
    assert "E1" in rejected["key"].to_pylist()
    assert value not in rejected["reason"].to_pylist()[-1].split()


def test_rows_of_which_all_are_rejected_leave_an_empty_table(written):
    labels, rejected = read(written("p.csv", "exam_id,Edema,No Finding\nE1,x,0\n"), "plain")
    assert (labels.num_rows, rejected.num_rows) == (0, 1)


@pytest.mark.parametrize(
    ("format", "header", "said"),
    [
        ("plain", "uid,Edema,No Finding", "no column 'exam_id'"),
        ("plain", "exam_id,Edema", "for No Finding of scheme two; its columns are: exam_id, Edema"),
        ("chexpert", "path,Edema,No Finding", "no column 'Path'"),
        ("mimic", "subject_id,Edema,No Finding", "no column 'study_id'"),
        ("nih", "Image Index,Patient ID", "no column 'Finding Labels'"),
        ("stanford", "exam_id", "no layout 'stanford'"),
    ],
)
def test_a_missing_column_or_unknown_layout_is_an_error(written, format, header, said):
    with pytest.raises(SourceError, match=said):
        read(written("x.csv", f"{header}\n1,2,3\n"), format)


@pytest.mark.parametrize("format", LABEL_FORMATS)
def test_a_file_without_rows_is_an_error(written, format: str):
    with pytest.raises(EmptySourceError, match="no rows"):
        read(written("x.csv", ""), format)


@pytest.mark.real_data
def test_the_nih_labels_read_as_their_own_columns_have_them(real_data: Path):
    path = real_data / "nih" / "labels.csv"
    labels, rejected = read(path, "nih", NIH14, "nih14")
    found = states(labels)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rejected.num_rows == 0
    assert len(found) == len(rows) == 1199
    for row in rows:
        exam_id = row["image_index"].removesuffix(".png")
        assert found[exam_id] == {name: int(row[name]) for name in NIH14}
