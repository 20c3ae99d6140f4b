"""What a report row must meet, and what becomes of its fields."""

from datetime import UTC, datetime

import pytest

from pipeline.readers import ColumnMapping
from pipeline.readers.report_batch import GOLD, REPORTS
from pipeline.readers.report_rules import MAX_REPORT_CHARACTERS

HEADER = "exam_id,patient_id,exam_time,site,status,text\n"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (" ,P1,,,,normal", "exam_id_missing"),
        ("E1,P1,,,,", "report_empty"),
        ("E1,P1,,,,  \t ", "report_empty"),
        ("E1,P1,yesterday,,,normal", "exam_time_unreadable"),
        ("E1,P1,,,draft,normal", "status_unknown"),
        (f"E1,P1,,,,{'a' * (MAX_REPORT_CHARACTERS + 1)}", "report_too_long"),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_and_the_rest_goes_on(
    written, read_whole, row: str, rule: str
):
    batch = read_whole(written("r.csv", f"{HEADER}{row}\nE9,P9,2020-02-03,A,final,normal\n"))
    assert batch.reports["exam_id"].to_pylist() == ["E9"]
    (rejected,) = batch.rejected.to_pylist()
    assert rejected["rule"] == rule
    assert rejected["reference"] == "r.csv row 1"
    assert rejected["key"] == (None if rule == "exam_id_missing" else "E1")
    for hidden in ("normal", "P1", "yesterday", "draft"):
        assert hidden not in rejected["reason"]


def test_a_row_that_breaks_several_rules_is_rejected_once(written, rules_by_reference):
    path = written("r.csv", f"{HEADER},P1,never,A,draft,\n")
    assert rules_by_reference(path) == {"r.csv row 1": "exam_id_missing"}


def test_the_longest_report_that_is_allowed_is_kept(written, read_whole):
    path = written("r.csv", f"exam_id,text\nE1,{'ä' * MAX_REPORT_CHARACTERS}\n")
    assert read_whole(path).reports.num_rows == 1


def test_length_is_that_of_all_sections(written, rules_by_reference):
    half = "a" * (MAX_REPORT_CHARACTERS // 2 + 1)
    path = written("r.csv", f"exam_id,findings,impression\nE1,{half},{half}\n")
    mapping = ColumnMapping(text=("findings", "impression"))
    assert rules_by_reference(path, mapping) == {"r.csv row 1": "report_too_long"}


def test_blank_fields_are_null_and_a_blank_status_is_final(written, read_whole):
    batch = read_whole(written("r.csv", f"{HEADER}E1,,,,,normal\n"))
    assert batch.reports.schema.equals(REPORTS)
    assert batch.gold.schema.equals(GOLD)
    (report,) = batch.reports.to_pylist()
    assert report["status"] == "final"
    assert [report[name] for name in ("patient_id", "exam_time", "site")] == [None, None, None]


def test_ids_lose_padding_and_text_stays_as_it_is(written, read_whole):
    batch = read_whole(written("r.csv", f"{HEADER} E1 , P1 ,, A ,Amended ,  normal \n"))
    (report,) = batch.reports.to_pylist()
    assert [report[name] for name in ("exam_id", "patient_id", "site", "status")] == [
        "E1",
        "P1",
        "A",
        "amended",
    ]
    assert report["sections"] == [{"kind": "body", "text": "  normal "}]


def test_sections_keep_the_order_asked_for_and_empty_ones_are_left_out(written, read_whole):
    path = written(
        "r.csv",
        "exam_id,impression,findings,history\nE1,no change,,cough\nE2,,effusion, \n",
    )
    mapping = ColumnMapping(text=("history", "findings", "impression"))
    first, second = read_whole(path, mapping).reports["sections"].to_pylist()
    assert first == [
        {"kind": "indication", "text": "cough"},
        {"kind": "impression", "text": "no change"},
    ]
    assert second == [{"kind": "findings", "text": "effusion"}]


def test_a_named_column_is_used_in_place_of_the_usual_one(written, read_whole):
    path = written("r.csv", "exam_id,text,study_date,exam_time\nE1,normal,20200203,never\n")
    (report,) = read_whole(path, ColumnMapping(exam_time="study_date")).reports.to_pylist()
    assert report["exam_time"] == datetime(2020, 2, 3, tzinfo=UTC)


def test_one_column_may_serve_two_purposes(written, read_whole):
    path = written("r.csv", "exam_id,text\nE1,normal\n")
    (report,) = read_whole(path, ColumnMapping(patient_id="exam_id")).reports.to_pylist()
    assert report["patient_id"] == "E1"
