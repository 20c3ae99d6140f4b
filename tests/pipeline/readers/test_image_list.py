"""Image lists of each layout: whose an image file is."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.readers import SourceError, read_image_list, read_image_list_batches
from pipeline.readers.image_list import IMAGE_LIST

IMAGES = {
    "nih": (
        "Image Index,Patient ID,View Position\n00000001_000.png,1,PA\n",
        ("00000001_000.png", "00000001_000", "1", "PA"),
    ),
    "chexpert": (
        "Path,Frontal/Lateral,AP/PA\nC/train/patient00001/study1/view1_frontal.jpg,Frontal,AP\n",
        (
            "C/train/patient00001/study1/view1_frontal.jpg",
            "patient00001/study1",
            "patient00001",
            "AP",
        ),
    ),
    "mimic": (
        "dicom_id,subject_id,study_id,ViewPosition\n02aa-804b,10000032,50414267,PA\n",
        ("files/p10/p10000032/s50414267/02aa-804b.jpg", "50414267", "10000032", "PA"),
    ),
    "plain": (
        "path,exam_id,patient_id,view\nx/1.png,E1,P1,ap\n",
        ("x/1.png", "E1", "P1", "AP"),
    ),
}


@pytest.mark.parametrize("format", IMAGES)
def test_path_exam_patient_and_view(written, format: str):
    content, expected = IMAGES[format]
    (table,) = read_image_list(written("list.csv", content), format)
    assert table.schema.equals(IMAGE_LIST)
    assert tuple(table.to_pylist()[0].values()) == expected


def test_a_plain_list_need_not_know_patient_and_view(written):
    (table,) = read_image_list(written("list.csv", "exam_id,path\nE1,1.png\n"), "plain")
    assert table.to_pylist() == [
        {"path": "1.png", "exam_id": "E1", "patient_id": None, "view": None}
    ]


def test_a_path_in_the_nih_table_is_taken_before_the_image_index(written):
    content = "image,image_index,patient_id,view\nimages/1_0.png,1_0.png,1,PA\n"
    (table,) = read_image_list(written("list.csv", content), "nih")
    assert table.select(["path", "exam_id"]).to_pylist() == [
        {"path": "images/1_0.png", "exam_id": "1_0"}
    ]


def test_a_lateral_view_of_chexpert_has_no_projection(written):
    content = (
        "Path,Frontal/Lateral,AP/PA\n"
        "a/patient1/study1/view2_lateral.jpg,Lateral,\n"
        "a/patient1/study1/view1_frontal.jpg,Frontal,\n"
    )
    (table,) = read_image_list(written("list.csv", content), "chexpert")
    assert table["view"].to_pylist() == ["LATERAL", None]


def test_rows_that_name_no_file_or_no_exam_are_rejected(written):
    path = written("list.csv", "path,exam_id\n,E1\n2.png, \n3.png\n4.png,E4\n")
    (batch,) = read_image_list_batches(path, "plain")
    assert batch.images["path"].to_pylist() == ["4.png"]
    assert batch.rejected.select(["key", "reference", "rule"]).to_pylist() == [
        {"key": None, "reference": "list.csv row 3", "rule": "row_ragged"},
        {"key": "E1", "reference": "list.csv row 1", "rule": "path_missing"},
        {"key": None, "reference": "list.csv row 2", "rule": "exam_id_missing"},
    ]


def test_a_missing_column_or_unknown_layout_is_an_error(written):
    path = written("list.csv", "file,exam_id\n1.png,E1\n")
    with pytest.raises(SourceError, match="no column 'path'"):
        list(read_image_list(path, "plain"))
    with pytest.raises(SourceError, match="no layout 'other'"):
        list(read_image_list(path, "other"))


@pytest.mark.real_data
def test_every_nih_image_of_the_list_is_there(real_data: Path):
    folder = real_data / "nih"
    table = pa.concat_tables(read_image_list(folder / "labels.csv", "nih"))
    assert table.num_rows == 1199
    assert all((folder / path).is_file() for path in table["path"].to_pylist())
    assert set(table["view"].to_pylist()) == {"PA", "AP"}
