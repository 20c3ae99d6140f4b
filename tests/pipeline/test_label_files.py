"""Labels from files, tables and reports: which states a class or union has."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelers import RuleLabeler, load_scheme
from labelers.agreement import STATES
from pipeline.label_files import (
    fitting_scheme,
    labels_of_file,
    labels_of_reports,
    labels_of_table,
    read_mentions,
)
from pipeline.label_states import Labels
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.source_error import SourceError
from pipeline.report_texts import ReportTexts, read_report_texts
from pipeline.user_error import UserError

NULL = STATES[3]
REPORTS = """\
uid,findings,indication,person
E1,No effusion. Possible pneumonia.,cough,P1
E2,Large hiatal hernia.,chest pain,P1
E3,The heart is enlarged.,cough,
E4,,,P2
E5,The heart is enlarged.,dyspnea,P3
"""


@pytest.fixture
def reports(tmp_path: Path) -> ReportTexts:
    path = tmp_path / "reports.csv"
    path.write_text(REPORTS, encoding="utf-8")
    return read_report_texts(path, ColumnMapping("uid", ("findings", "indication"), "person"))


@pytest.fixture
def labels(reports: ReportTexts) -> Labels:
    return labels_of_reports(reports, "nih14", ())


def test_reports_are_labelled_by_finding_and_class(labels: Labels) -> None:
    assert labels.ids.to_pylist() == ["E1", "E2", "E3", "E5"]
    assert labels.states("Pneumonia").tolist() == [-1, NULL, NULL, NULL]
    assert labels.states("cardiomegaly").tolist() == [NULL, NULL, 1, 1]
    assert labels.union(["Effusion", "Cardiomegaly"]).tolist() == [0, NULL, 1, 1]
    assert labels.union(["Effusion", "Pneumonia"])[0] == -1
    assert labels.mentions is not None
    assert labels.labeler == RuleLabeler().name
    assert "hiatal_hernia" in labels.members(["Hernia", "pneumonia"])
    assert labels.normal_classes >= {"No_Finding", "clear_lungs"}


def test_a_file_of_classes_and_a_table_of_findings_say_the_same(
    labels: Labels, tmp_path: Path
) -> None:
    by_finding = tmp_path / "findings.parquet"
    pq.write_table(pa.table(labels.file.columns), by_finding)
    table = load_scheme("nih14").project(pa.table(labels.file.columns))
    by_class = tmp_path / "classes.parquet"
    pq.write_table(table.replace_schema_metadata({"scheme": "nih14", "labeler": "x"}), by_class)
    plain = tmp_path / "classes.csv"
    table.rename_columns(["uid", *table.column_names[1:]]).to_pandas().to_csv(plain, index=False)
    for path in (by_finding, by_class, plain):
        found = labels_of_file(path, "uid", None, ["Effusion", "Mass"])
        assert found.scheme is not None
        assert found.scheme.name == "nih14"
        for name in labels.scheme.classes:
            assert found.states(name).tolist() == labels.states(name).tolist()
    assert labels_of_file(by_class, "uid", None, ()).labeler == "x"


def test_a_finding_that_an_older_vocabulary_did_not_know_was_not_mentioned(labels: Labels) -> None:
    older = {name: v for name, v in labels.file.columns.items() if name != "cardiomegaly"}
    found = labels_of_table(pa.table(older), "old", "nih14", (), None)
    assert found.states("Cardiomegaly").tolist() == [NULL] * 4


def test_the_scheme_that_fits_is_taken() -> None:
    assert fitting_scheme(["Effusion", "Mass", "uid"]) == "nih14"
    assert fitting_scheme(["Pleural Effusion", "Edema", "Lung Lesion"]) == "chexpert14"
    assert fitting_scheme(["uid"]) == "chexpert14"


def test_another_scheme_than_the_file_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    table = pa.table({"exam_id": ["E1"], "Mass": pa.array([1], pa.int8())})
    pq.write_table(table.replace_schema_metadata({"scheme": "nih14"}), path)
    with pytest.raises(UserError, match="has the classes of scheme nih14, not of chexpert14"):
        labels_of_file(path, "exam_id", "chexpert14", ())


def test_mentions_are_read_and_lacking_columns_named(labels: Labels, tmp_path: Path) -> None:
    path = tmp_path / "mentions.parquet"
    pq.write_table(labels.mentions, path)
    assert read_mentions(path).num_rows == labels.mentions.num_rows
    pq.write_table(labels.mentions.drop_columns(["cue"]), path)
    with pytest.raises(SourceError, match="no column 'cue'"):
        read_mentions(path)
    broken = pa.table({n: ["x"] for n in labels.mentions.column_names})
    pq.write_table(broken, path)
    with pytest.raises(SourceError, match="its offsets are not whole numbers"):
        read_mentions(path)


def test_identical_texts_share_a_half_whatever_was_asked(reports: ReportTexts) -> None:
    assert reports.second_half.tolist()[2] == reports.second_half.tolist()[3]
    assert len({*reports.second_half.tolist()}) == 2


def test_unusable_reports_are_counted(reports: ReportTexts) -> None:
    assert reports.unusable == 1
    assert reports.table["patient_id"].to_pylist() == ["P1", "P1", None, "P3"]
