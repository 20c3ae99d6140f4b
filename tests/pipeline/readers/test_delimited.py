"""Comma- and tab-separated reports: rows that break the format are set apart, the others go on."""

import gzip
from pathlib import Path

import pytest

from pipeline.readers import ColumnMapping, EmptySourceError, SourceError

GOOD = "exam_id,text\nE1,No effusion.\nE2,Heart normal.\n"


def test_quoted_commas_quotes_and_newlines_belong_to_the_text(written, read_whole):
    path = written("r.csv", 'exam_id,text\nE1,"FINDINGS:\nsmall, ""tiny"" nodule\r\n"\n')
    (report,) = read_whole(path).reports.to_pylist()
    assert report["sections"] == [{"kind": "body", "text": 'FINDINGS:\nsmall, "tiny" nodule\r\n'}]


def test_a_report_knows_its_file_and_row(written, read_whole):
    reports = read_whole(written("r.csv", GOOD)).reports
    assert reports["source"].to_pylist() == ["r.csv", "r.csv"]
    assert reports["reference"].to_pylist() == ["r.csv row 1", "r.csv row 2"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_ends_a_row(written, read_whole, ending):
    assert read_whole(written("r.csv", GOOD.replace("\n", ending))).reports.num_rows == 2


def test_a_byte_order_mark_is_no_part_of_the_first_column(written, read_whole):
    path = written("r.csv", b"\xef\xbb\xbf" + GOOD.encode())
    assert read_whole(path).reports["exam_id"].to_pylist() == ["E1", "E2"]


def test_tabs_separate_in_tsv(written, read_whole):
    path = written("r.tsv", "exam_id\ttext\nE1\tsmall, left effusion\n")
    (report,) = read_whole(path).reports.to_pylist()
    assert report["sections"][0]["text"] == "small, left effusion"


@pytest.mark.parametrize("name", ["r.csv.gz", "r.csv"])
def test_gzip_is_read_whatever_the_file_is_called(written, read_whole, name):
    assert read_whole(written(name, gzip.compress(GOOD.encode()))).reports.num_rows == 2


def test_rows_with_too_few_or_too_many_fields_are_rejected_not_shifted(
    written, read_whole, rules_by_reference
):
    path = written("r.csv", "exam_id,text,site\nE1,short\nE2,fine,A\nE3,small, left,A\n")
    assert rules_by_reference(path) == {"r.csv row 1": "row_ragged", "r.csv row 3": "row_ragged"}
    assert read_whole(path).reports["exam_id"].to_pylist() == ["E2"]


def test_a_broken_quote_costs_its_own_row_and_never_joins_two_reports(written, read_whole):
    path = written("r.csv", 'exam_id,text\nE1,fine\nE2,"called "big" by him"\nE3,fine too\n')
    batch = read_whole(path)
    assert batch.reports["exam_id"].to_pylist() == ["E1", "E3"]
    assert batch.rejected["rule"].to_pylist() == ["row_malformed"]
    assert batch.rejected["reference"].to_pylist() == ["r.csv row 2 (line 3)"]


def test_a_quote_that_never_closes_is_rejected(written, rules_by_reference):
    path = written("r.csv", 'exam_id,text\nE1,fine\nE2,"open\nE3,fine\n')
    assert list(rules_by_reference(path).values()) == ["row_malformed"]


def test_a_row_that_is_not_utf8_is_rejected_and_its_exam_named(written, read_whole):
    path = written("r.csv", "exam_id,text\nE1,kein Erguss\nE2,kein Ödem\n".encode("cp1252"))
    batch = read_whole(path)
    assert batch.reports["exam_id"].to_pylist() == ["E1"]
    (row,) = batch.rejected.to_pylist()
    assert (row["key"], row["reference"], row["rule"]) == ("E2", "r.csv row 2", "encoding")
    assert "UTF-8" in row["reason"]


def test_bytes_that_are_not_utf8_do_not_matter_in_a_column_that_is_not_read(written, read_whole):
    path = written("r.csv", "exam_id,text,city\nE1,normal,Köln\n".encode("cp1252"))
    assert read_whole(path).reports.num_rows == 1


def test_a_row_with_nul_is_rejected(written, rules_by_reference):
    path = written("r.csv", "exam_id,text\nE1,nor\0mal\nE2,normal\n")
    assert rules_by_reference(path) == {"r.csv row 1": "nul_character"}


def test_blank_lines_are_no_rows(written, read_whole):
    batch = read_whole(written("r.csv", "\nexam_id,text\n\nE1,normal\n\n\n"))
    assert batch.reports["reference"].to_pylist() == ["r.csv row 1"]
    assert batch.rejected.num_rows == 0


@pytest.mark.parametrize("content", ["", "\n\n", "exam_id,text\n", "\ufeff", "exam_id,text"])
def test_a_file_without_rows_is_an_error(written, read_whole, content):
    with pytest.raises(EmptySourceError, match=r"r\.csv: .*no rows"):
        read_whole(written("r.csv", content))


def test_utf16_is_named(written, read_whole):
    with pytest.raises(SourceError, match="UTF-16"):
        read_whole(written("r.csv", GOOD.encode("utf-16")))


def test_a_header_that_is_not_utf8_is_an_error(written, read_whole):
    with pytest.raises(SourceError, match="header is not UTF-8"):
        read_whole(written("r.csv", "exam_id,text,größe\nE1,normal,1\n".encode("cp1252")))


def test_a_gzip_file_that_is_cut_short_is_an_error(written, read_whole):
    rows = "".join(f"E{number},text {number * 7919}\n" for number in range(2000))
    data = gzip.compress(b"exam_id,text\n" + rows.encode())
    with pytest.raises(SourceError, match="damaged or cut short"):
        read_whole(written("r.csv.gz", data[: len(data) // 2]))


def test_a_report_of_5_mb_is_rejected_and_the_rest_goes_on(written, read_whole):
    path = written("r.csv", f'exam_id,text\nE1,"{"long " * 1_000_000}"\nE2,normal\n')
    batch = read_whole(path)
    assert batch.reports["exam_id"].to_pylist() == ["E2"]
    assert batch.rejected.select(["key", "rule"]).to_pylist() == [
        {"key": "E1", "rule": "report_too_long"}
    ]


def test_only_the_columns_that_are_mapped_need_be_there(written, read_whole, tmp_path: Path):
    path = written("r.csv", "Accession,Other,Report\n7,x,normal\n")
    batch = read_whole(path, ColumnMapping(exam_id="Accession", text=("Report",)))
    assert batch.reports["exam_id"].to_pylist() == ["7"]
