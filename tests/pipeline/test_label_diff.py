"""Two versions of labels, of files or of a lake."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.label_diff import changed_examples, diff, write_diff
from pipeline.label_files import labels_of_reports, labels_of_table
from pipeline.label_states import Labels
from pipeline.lake_labels import labels_of_lake, reports_of_lake
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.report_texts import ReportTexts, read_report_texts
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError

REPORTS = """\
exam_id,text
E1,There is a zebra sign.
E2,No effusion.
E3,Small effusion.
"""
ZEBRA = """\
findings:
  - id: zebra_sign
    name: Zebra sign
    parents: [lung_opacity]
    phrases:
      - zebra sign
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "reports.csv"
    path.write_text(REPORTS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reports(source: Path) -> ReportTexts:
    return read_report_texts(source, ColumnMapping())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "findings.yaml").write_text(ZEBRA, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def before(reports: ReportTexts) -> Labels:
    return labels_of_reports(reports, "chexpert14", ())


@pytest.fixture(scope="module")
def after(reports: ReportTexts, site: Path) -> Labels:
    return labels_of_reports(reports, "chexpert14", (), site=site)


def test_by_finding_and_by_class(before: Labels, after: Labels) -> None:
    found = diff(before, after, by_scheme=False)
    assert found.only_after == ("zebra_sign",)
    assert found.exams_changed == 1
    changes = found.record()["changes"]
    assert {name for name, moves in changes.items() if moves} == {"lung_opacity"}
    assert changes["lung_opacity"] == {"null -> 1": 1}
    by_class = diff(before, after, by_scheme=True).record()["changes"]
    assert by_class["No Finding"] == {"1 -> 0": 1}


def test_nothing_changes_between_the_same(before: Labels) -> None:
    found = diff(before, before, by_scheme=False)
    assert found.exams_changed == 0
    assert not any(found.record()["changes"].values())


def test_exams_and_classes_of_one_side_are_counted_apart(before: Labels) -> None:
    table = pa.table(before.file.columns)
    fewer = labels_of_table(table.slice(1).drop_columns(["fracture"]), "fewer", None, (), None)
    record = diff(before, fewer, by_scheme=False).record()
    assert record["exams"] == {"in_both": 2, "only_in_old": 1, "only_in_new": 0, "changed": 0}
    assert record["classes_only_in_old"] == ["fracture"]


def test_the_order_of_exams_does_not_matter(before: Labels, after: Labels) -> None:
    table = pa.table(after.file.columns).take([2, 0, 1])
    moved = labels_of_table(table, "moved", "chexpert14", (), None)
    straight = diff(before, after, by_scheme=False).record()["changes"]
    assert diff(before, moved, by_scheme=False).record()["changes"] == straight


def test_nothing_in_common_is_refused(before: Labels) -> None:
    table = pa.table(before.file.columns)
    strangers = table.set_column(0, "exam_id", pa.array(["X1", "X2", "X3"]))
    with pytest.raises(UserError, match="no exam in common"):
        diff(before, labels_of_table(strangers, "x", None, (), None), by_scheme=False)
    other = labels_of_table(pa.table({"exam_id": ["E1"], "Zebra": [1]}), "z", None, (), None)
    with pytest.raises(UserError, match="no class in common"):
        diff(before, other, by_scheme=False)


def test_examples_show_the_mention_of_each_side(
    before: Labels, after: Labels, reports: ReportTexts
) -> None:
    found = diff(before, after, by_scheme=True)
    rows = changed_examples(found, reports, 5, ["Lung Opacity"])
    assert len(rows) == 1
    assert rows[0]["old finding"] is None
    assert rows[0]["new finding"] == "zebra_sign"
    assert rows[0]["new sentence"] == "There is a zebra sign."
    with pytest.raises(UserError, match="--class Zebra: not compared"):
        changed_examples(found, reports, 5, ["Zebra"])


def test_the_file_holds_counts_and_no_text(before: Labels, after: Labels, tmp_path: Path) -> None:
    out = tmp_path / "folder" / "diff.json"
    write_diff(diff(before, after, by_scheme=False), out)
    text = out.read_text()
    assert json.loads(text)["new"]["vocabulary"] == after.vocabulary_hash
    assert before.vocabulary_hash != after.vocabulary_hash
    assert "There is" not in text
    assert "E1" not in text
    with pytest.raises(UserError, match="cannot be written"):
        write_diff(diff(before, after, by_scheme=False), out / "diff.json")


def test_versions_of_a_lake_bring_their_mentions(source: Path, site: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "lake")
    values = {"lake": {"root": root}, "reports": {"path": source}, "engine": {"workers": 1}}
    ingest(load_settings(None, values))
    label(load_settings(None, values))
    label(load_settings(None, {**values, "label": {"vocabulary": site}}))
    old, new = (labels_of_lake(root, None, (), version, site) for version in (0, 1))
    assert labels_of_lake(root, None, ()).vocabulary_hash == new.vocabulary_hash
    rows = changed_examples(diff(old, new, by_scheme=False), reports_of_lake(root), 5)
    assert [(row["class"], row["old finding"], row["new finding"]) for row in rows] == [
        ("lung_opacity", None, "zebra_sign")
    ]
    with pytest.raises(UserError, match="no run left labels v7; those left are 0, 1"):
        labels_of_lake(root, None, (), 7)
    with pytest.raises(UserError, match="has no labels yet"):
        labels_of_lake(str(tmp_path / "none"), None, ())
