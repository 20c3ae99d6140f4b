"""Which columns mean what, and what is said when one is missing."""

from pathlib import Path

import pytest
import yaml

from labelers.vocabulary.loader import load_vocabulary
from pipeline.readers import column_mapping
from pipeline.readers.column_mapping import ColumnMapping, section_kind
from pipeline.readers.source_error import SourceError

FILE = Path("in/r.csv")
SECTION_COLUMNS = Path(column_mapping.__file__).parent / "section_columns.yaml"


def message(mapping: ColumnMapping, columns: list[str]) -> str:
    with pytest.raises(SourceError) as caught:
        mapping.resolve(columns, FILE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_column_is_named_with_the_columns_there_and_the_setting():
    said = message(ColumnMapping(), ["uid", "text"])
    assert said.startswith("in/r.csv: no column 'exam_id'; its columns are: uid, text;")
    assert "--id-column" in said
    assert "--text-column" in message(ColumnMapping(), ["exam_id", "report"])


@pytest.mark.parametrize("field", ["patient_id", "exam_time", "site", "status"])
def test_an_optional_column_must_be_there_only_when_it_is_named(field: str):
    assert getattr(ColumnMapping().resolve(["exam_id", "text"], FILE), field) is None
    assert getattr(ColumnMapping().resolve(["exam_id", "text", field], FILE), field) == field
    said = message(ColumnMapping(**{field: "mine"}), ["exam_id", "text", field])
    assert f"reports.{field}" in said


def test_a_column_that_is_there_twice_is_an_error():
    assert "2 times" in message(ColumnMapping(), ["exam_id", "text", "text"])


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_recognised(separator: str, word: str):
    assert f"separated by {word}" in message(ColumnMapping(), [f"exam_id{separator}text"])


@pytest.mark.parametrize(
    "first_row",
    [
        ["E1", "Heart size is normal. No pleural effusion or pneumothorax."],
        ["100234", "normal"],
        ["MRN0012345", "normal"],
        ["E1", "normal."],
    ],
)
def test_a_first_row_that_is_no_header_is_not_repeated(first_row: list[str]):
    said = message(ColumnMapping(), first_row)
    assert "header missing" in said
    for value in first_row:
        assert value not in said


def test_the_kind_of_a_section_is_its_columns_name():
    assert section_kind("findings") == "findings"
    assert section_kind("Clinical History") == "indication"
    assert section_kind("report_text") == "body"


def test_every_kind_of_a_section_column_is_one_the_labeler_knows():
    kinds = yaml.safe_load(SECTION_COLUMNS.read_text())
    assert set(kinds.values()) <= set(load_vocabulary().headings.values())
