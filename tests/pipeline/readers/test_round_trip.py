"""Whatever ids and texts are written, the same are read back, whichever the format."""

import contextlib
import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import ColumnMapping, SourceError, read_reports

# Every character but NUL and lone surrogates, which no UTF-8 text holds.
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
MARKS = st.sampled_from(['"', '""', "\n", "\r", "\r\n", ",", "\t", "\\", " ", "\ufeff"])
TEXTS = st.lists(CHARACTERS | MARKS, min_size=1, max_size=20).map("".join).filter(str.strip)
IDS = TEXTS.map(str.strip)
ROWS = st.lists(st.tuples(IDS, TEXTS), min_size=1, max_size=8)


def write_delimited(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([("exam_id", "text"), *rows])


def write_json_lines(path: Path, rows: list[tuple[str, str]]) -> None:
    lines = (
        json.dumps({"exam_id": exam_id, "text": text}, ensure_ascii=False) + "\n"
        for exam_id, text in rows
    )
    path.write_bytes("".join(lines).encode())


def write_parquet(path: Path, rows: list[tuple[str, str]]) -> None:
    ids, texts = zip(*rows, strict=True)
    pq.write_table(pa.table({"exam_id": list(ids), "text": list(texts)}), path)


WRITERS = {
    "r.csv": write_delimited,
    "r.tsv": write_delimited,
    "r.jsonl": write_json_lines,
    "r.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
@settings(deadline=None, max_examples=50, derandomize=True)
@given(rows=ROWS)
def test_ids_and_texts_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[tuple[str, str]]
):
    path = tmp_path_factory.mktemp("round-trip") / name
    WRITERS[name](path, rows)
    read = []
    for batch in read_reports(path, ColumnMapping()):
        assert batch.rejected.num_rows == 0
        for report in batch.reports.to_pylist():
            read.append((report["exam_id"], report["sections"][0]["text"]))
    assert read == rows


@settings(deadline=None, max_examples=50, derandomize=True)
@given(content=st.binary(max_size=300))
def test_no_bytes_at_all_make_a_reader_fail_otherwise_than_by_its_own_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    folder = tmp_path_factory.mktemp("any-bytes")
    for name in (*WRITERS, "r.tgz", "r.xml", "r.csv.gz", "r"):
        path = folder / name
        header = b"exam_id,text\n" if name == "r.csv" else b""
        path.write_bytes(header + content)
        with contextlib.suppress(SourceError):
            list(read_reports(path, ColumnMapping()))
