"""Reports in Parquet: types that can be text are, a file that is not whole is an error."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.readers import EmptySourceError, SourceError


@pytest.fixture
def stored(tmp_path: Path):
    def store(**columns: pa.Array) -> Path:
        pq.write_table(pa.table(columns), tmp_path / "r.parquet")
        return tmp_path / "r.parquet"

    return store


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array([7, 8]), ["7", "8"]),
        (pa.array([7.0, 8.0]), ["7", "8"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
    ],
)
def test_ids_are_text_or_whole_numbers(stored, read_whole, column: pa.Array, ids: list[str]):
    batch = read_whole(stored(exam_id=column, text=pa.array(["x", "y"])))
    assert batch.reports["exam_id"].to_pylist() == ids


@pytest.mark.parametrize(
    "column",
    [pa.array([1.5, 2.5]), pa.array([b"a", b"b"]), pa.array([["a"], ["b"]]), pa.array([True] * 2)],
)
def test_a_column_that_cannot_be_text_is_an_error(stored, read_whole, column: pa.Array):
    with pytest.raises(SourceError, match="column 'exam_id' has type"):
        read_whole(stored(exam_id=column, text=pa.array(["x", "y"])))


def test_times_and_nulls(stored, read_whole):
    batch = read_whole(
        stored(
            exam_id=pa.array(["E1", None, "E3"]),
            text=pa.array(["normal", "normal", None]),
            patient_id=pa.nulls(3),
            exam_time=pa.array([datetime(2020, 2, 3, 4, 5)] * 3),
        )
    )
    (report,) = batch.reports.to_pylist()
    assert report["exam_time"] == datetime(2020, 2, 3, 4, 5, tzinfo=UTC)
    assert report["patient_id"] is None
    assert batch.rejected.select(["reference", "rule"]).to_pylist() == [
        {"reference": "r.parquet row 2", "rule": "exam_id_missing"},
        {"reference": "r.parquet row 3", "rule": "report_empty"},
    ]


def test_bytes_that_are_not_utf8_are_rejected(stored, read_whole):
    raw = pa.array([b"fine", "Ödem".encode("cp1252"), None, b"fine"])
    text = pa.StringArray.from_buffers(4, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
    batch = read_whole(stored(exam_id=pa.array(["E1", "E2", "E3", "E4"]), text=text))
    assert batch.reports["exam_id"].to_pylist() == ["E1", "E4"]
    assert set(batch.rejected["rule"].to_pylist()) == {"encoding", "report_empty"}


def test_a_file_that_is_cut_short_or_no_parquet_is_an_error(stored, written, read_whole):
    whole = stored(exam_id=pa.array(["E1"]), text=pa.array(["x"])).read_bytes()
    for content in (whole[: len(whole) // 2], b"exam_id,text\n", b""):
        with pytest.raises(SourceError, match=r"cut\.parquet: is not a whole Parquet file"):
            read_whole(written("cut.parquet", content))


def test_a_file_whose_pages_are_damaged_is_an_error(stored, read_whole):
    path = stored(exam_id=pa.array(["E1"] * 100), text=pa.array([f"text {n}" for n in range(100)]))
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        read_whole(path)


def test_a_file_without_rows_is_an_error(stored, read_whole):
    nothing = pa.array([], pa.string())
    with pytest.raises(EmptySourceError, match="no rows"):
        read_whole(stored(exam_id=nothing, text=nothing))


def test_a_column_name_that_is_not_utf8_is_an_error(stored, read_whole):
    path = stored(exam_id=pa.array(["E1"]), text=pa.array(["Clear."]), other=pa.array(["x"]))
    path.write_bytes(path.read_bytes().replace(b"other", b"oth\xffr"))
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        read_whole(path)
