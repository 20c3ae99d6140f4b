"""Reports in JSON Lines: a bad line is set apart by its number, the others go on."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from pipeline.readers import ColumnMapping, EmptySourceError, SourceError
from pipeline.readers.json_lines import MAX_LINE_BYTES

GOOD = '{"exam_id": "E9", "text": "normal"}\n'


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"{'exam_id': 'E1'}", "line_not_json"),
        (b'{"exam_id": "E1"', "line_not_json"),
        (b"[" * 100_000, "line_not_json"),
        (b'["E1", "normal"]', "line_not_object"),
        (b'{"exam_id": "E1", "text": "\xd6dem"}', "encoding"),
        (b'{"exam_id": "E1", "text": "\\ud800"}', "encoding"),
        (b'{"exam_id": "E1", "text": "a\\u0000b"}', "nul_character"),
        (b'{"exam_id": "E1", "text": {"findings": "normal"}}', "value_not_text"),
        (b'{"exam_id": 1.5, "text": "normal"}', "value_not_text"),
        (b'{"exam_id": true, "text": "normal"}', "value_not_text"),
        (b'{"exam_id": "E1"}', "report_empty"),
        (b'{"text": "normal"}', "exam_id_missing"),
        (b'{"exam_id": "E1", "text": "' + b"a" * MAX_LINE_BYTES + b'"}', "report_too_long"),
    ],
    ids=str,
)
def test_a_bad_line_is_rejected_with_its_number(written, read_whole, line: bytes, rule: str):
    batch = read_whole(written("r.jsonl", GOOD.encode() + line + b"\n" + GOOD.encode()))
    assert batch.reports["reference"].to_pylist() == ["r.jsonl line 1", "r.jsonl line 3"]
    (rejected,) = batch.rejected.to_pylist()
    assert (rejected["reference"], rejected["rule"]) == ("r.jsonl line 2", rule)


def test_values_come_as_text_or_whole_numbers(written, read_whole):
    line = {"uid": 12345678901234567890, "findings": "a\nb", "time": 20200203, "x": [1]}
    mapping = ColumnMapping(exam_id="uid", text=("findings",), exam_time="time")
    (report,) = read_whole(written("r.ndjson", json.dumps(line)), mapping).reports.to_pylist()
    assert report["exam_id"] == "12345678901234567890"
    assert report["exam_time"] == datetime(2020, 2, 3, tzinfo=UTC)
    assert report["sections"] == [{"kind": "findings", "text": "a\nb"}]


def test_gzip_byte_order_mark_and_blank_lines(written, read_whole):
    content = b"\xef\xbb\xbf" + GOOD.encode() + b"\n  \n" + GOOD.encode()
    batch = read_whole(written("r.jsonl.gz", gzip.compress(content)))
    assert batch.reports.num_rows == 2
    assert batch.rejected.num_rows == 0


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_rows_is_an_error(written, read_whole, content: str):
    with pytest.raises(EmptySourceError, match="no rows"):
        read_whole(written("r.jsonl", content))


@pytest.mark.parametrize("content", ['[\n  "E1",\n  "normal"\n]\n', "plain words\n"])
def test_a_file_without_any_object_is_an_error(written, read_whole, content: str):
    with pytest.raises(SourceError, match="one object a line"):
        read_whole(written("r.jsonl", content))


def test_a_key_that_no_line_has_is_an_error(written, read_whole):
    with pytest.raises(SourceError, match="no column 'text'; its columns are: exam_id, report"):
        read_whole(written("r.jsonl", '{"exam_id": "E1", "report": "normal"}\n'))
