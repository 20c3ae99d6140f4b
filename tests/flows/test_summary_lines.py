"""The words of a summary."""

from flows.summary_lines import counts_line, is_numeric, value_text, versions_line
from pipeline.stage_summary import StageSummary


def test_parts_add_up_in_one_line_and_other_counts_follow() -> None:
    summary = StageSummary(
        "ingest",
        counts={
            "in": 3955,
            "kept": 3927,
            "quarantined": 28,
            "amended": 0,
            "gold_codes": 12,
            "x": 0,
        },
        parts=("kept", "quarantined", "amended"),
    )
    assert counts_line(summary) == "3,955 in = 3,927 kept + 28 quarantined; 12 gold codes"


def test_counts_without_parts_are_listed() -> None:
    assert counts_line(StageSummary("train", counts={"images": 1200})) == "1,200 images"
    assert counts_line(StageSummary("train")) == ""


def test_an_empty_source_is_not_an_equation() -> None:
    assert counts_line(StageSummary("x", counts={"in": 0, "kept": 0}, parts=("kept",))) == "0 in"


def test_versions_say_what_was_read_and_written() -> None:
    summary = StageSummary("label", inputs={"reports": 3}, outputs={"labels": 4, "file_labels": 0})
    assert versions_line(summary) == "read reports v3; wrote labels v4, file labels v0"


def test_values_of_figures() -> None:
    assert value_text(0.12345) == "0.123"
    assert value_text(12345) == "12,345"
    assert value_text(True) == "yes"
    assert value_text(None) == value_text(float("nan")) == "–"
    assert value_text(["Edema", "Mass"]) == "Edema, Mass"


def test_a_column_with_words_is_not_numeric() -> None:
    rows = [{"n": 1, "class": "Edema"}, {"n": None, "class": "Mass"}]
    assert is_numeric(rows, "n")
    assert not is_numeric(rows, "class")
