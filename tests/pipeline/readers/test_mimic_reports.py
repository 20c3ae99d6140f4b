"""A MIMIC-CXR tree of text files becomes reports."""

import pytest

from pipeline.readers import ColumnMapping, EmptySourceError, read_reports


def rows(folder, format="auto"):
    batches = list(read_reports(folder, ColumnMapping(), format))
    reports = [row for batch in batches for row in batch.reports.to_pylist()]
    return reports, [row for batch in batches for row in batch.rejected.to_pylist()]


@pytest.fixture
def tree(tmp_path):
    for patient, study, text in (
        ("10000032", "50414267", "FINDINGS: No effusion."),
        ("10000032", "53189527", "  "),
        ("11000011", "51613820", "IMPRESSION: Effusion."),
    ):
        folder = tmp_path / "files" / f"p{patient[:2]}" / f"p{patient}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"s{study}.txt").write_text(text)
        (folder / "index.html").write_text("no report")
    (folder / "s5.txt").write_bytes(b"\xff\xfe")
    return tmp_path / "files"


def test_names_say_exam_and_patient(tree):
    reports, rejected = rows(tree)
    assert [(row["exam_id"], row["patient_id"]) for row in reports] == [
        ("50414267", "10000032"),
        ("51613820", "11000011"),
    ]
    assert reports[0]["sections"] == [{"kind": "body", "text": "FINDINGS: No effusion."}]
    assert [(row["key"], row["rule"]) for row in rejected] == [
        ("53189527", "report_empty"),
        ("5", "encoding"),
    ]


def test_a_folder_without_a_report_is_an_error_of_one_line(tmp_path):
    with pytest.raises(EmptySourceError, match="holds no report"):
        rows(tmp_path, "mimic")
