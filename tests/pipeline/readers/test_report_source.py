"""Which format a path has, folders of files, and paths that cannot be read."""

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.readers import (
    REPORT_FORMATS,
    ColumnMapping,
    EmptySourceError,
    SourceError,
    read_reports,
)
from pipeline.readers.report_source import report_format
from pipeline.user_error import UserError

CSV = "exam_id,text\nE1,normal\n"
JSONL = '{"exam_id": "E2", "text": "normal"}\n'


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.CSV", CSV, "csv"),
        ("a.csv.gz", CSV, "csv"),
        ("a.tsv", CSV, "tsv"),
        ("a.ndjson.gz", JSONL, "jsonl"),
        ("a.tar.gz", "", "openi"),
        ("a.pq", "", "parquet"),
        ("export", CSV, "csv"),
        ("export.txt", "exam_id\ttext\n", "tsv"),
        ("export.txt", JSONL, "jsonl"),
        ("export.bin", "PAR1....", "parquet"),
    ],
)
def test_the_ending_tells_the_format_or_else_the_content(written, name, content, format):
    assert report_format(written(name, content)) == format
    assert format in REPORT_FORMATS


def test_the_content_is_looked_at_through_gzip(written):
    assert report_format(written("export", gzip.compress(JSONL.encode()))) == "jsonl"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"<html></html>", "XML"),
        (b"no separator here\n", "of no known format"),
        (b"\x89PNG\r\n\x1a\n\0\0,", "of no known format"),
        (b"", "empty"),
    ],
)
def test_a_file_of_no_known_format_is_an_error(written, content: bytes, said: str):
    with pytest.raises(SourceError, match=said):
        report_format(written("export.xyz", content))


def test_a_path_that_does_not_exist_is_an_error_at_once(tmp_path: Path):
    with pytest.raises(SourceError, match="no such file or folder"):
        read_reports(tmp_path / "none.csv", ColumnMapping())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(written, read_whole):
    path = written("r.csv", CSV)
    path.chmod(0)
    with pytest.raises(SourceError, match="may not be read"):
        read_whole(path)


def test_an_unknown_format_is_an_error_that_lists_the_known(written):
    with pytest.raises(SourceError, match="no report format 'xls'; use auto or one of csv, tsv"):
        read_reports(written("r.csv", CSV), ColumnMapping(), "xls")


def test_the_format_asked_for_overrules_the_ending(written, read_whole):
    assert read_whole(written("r.txt", CSV), format="csv").reports.num_rows == 1
    assert read_whole(written("r.csv", CSV.replace(",", "\t")), format="tsv").reports.num_rows == 1


def test_a_folder_is_read_file_by_file_in_the_order_of_names(written, read_whole, tmp_path):
    written("in/b.csv", CSV)
    written("in/a.csv.gz", gzip.compress(CSV.encode()))
    written("in/c.csv", "exam_id,text\n")
    written("in/_SUCCESS", "")
    written("in/.b.csv.crc", "x")
    reports = read_whole(tmp_path / "in").reports
    assert reports["source"].to_pylist() == ["in", "in"]
    assert reports["reference"].to_pylist() == ["in a.csv.gz row 1", "in b.csv row 1"]


def test_a_folder_of_parquet_parts_is_read(read_whole, tmp_path: Path):
    folder = tmp_path / "reports.parquet"
    folder.mkdir()
    for part in range(3):
        table = pa.table({"exam_id": [f"E{part}"], "text": ["normal"]})
        pq.write_table(table.slice(0, part), folder / f"part-{part}.parquet")
    assert read_whole(folder).reports["exam_id"].to_pylist() == ["E1", "E2"]


def test_a_folder_of_several_formats_wants_one_named(written, read_whole, tmp_path: Path):
    written("in/a.csv", CSV)
    written("in/a.jsonl", JSONL)
    with pytest.raises(SourceError, match=r"several formats \(csv, jsonl\)"):
        read_whole(tmp_path / "in")
    assert read_whole(tmp_path / "in", format="jsonl").reports["exam_id"].to_pylist() == ["E2"]


def test_a_folder_without_reports_is_an_error(written, read_whole, tmp_path: Path):
    with pytest.raises(SourceError, match="no file of csv"):
        read_whole(tmp_path)
    written("in/a.csv", "exam_id,text\n")
    with pytest.raises(EmptySourceError, match="no csv file in it has rows"):
        read_whole(tmp_path / "in")


def test_a_source_error_is_one_the_user_reads():
    assert issubclass(SourceError, UserError)
