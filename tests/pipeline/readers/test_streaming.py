"""Readers stream: memory does not grow with the file."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.readers import ColumnMapping, read_reports
from pipeline.readers.row_chunk import ROWS

TEXT = "The heart is normal in size.\nNo focal airspace disease, effusion or pneumothorax. " * 4
ROWS_WRITTEN = {"r.csv": 200_000, "r.jsonl": 100_000, "r.parquet": 200_000}
# A batch has about 1.4 MB of text, the files 35 and 70 MB; Arrow's pool and Python's objects are
# bounded apart.
MOST_BYTES = 12_000_000


def lines(name: str) -> Iterator[str]:
    if name.endswith("csv"):
        yield "exam_id,text\n"
    for number in range(ROWS_WRITTEN[name]):
        if name.endswith("csv"):
            yield f'E{number},"{TEXT}"\n'
        else:
            yield json.dumps({"exam_id": f"E{number}", "text": TEXT}) + "\n"


@pytest.fixture(params=["r.csv", "r.jsonl", "r.parquet"])
def large_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    if path.suffix == ".parquet":
        ids = pa.array([f"E{number}" for number in range(ROWS_WRITTEN[path.name])])
        table = pa.table({"exam_id": ids, "text": pa.repeat(TEXT, len(ids))})
        pq.write_table(table, path, use_dictionary=False, row_group_size=len(ids))
    else:
        with path.open("w") as stream:
            stream.writelines(lines(path.name))
    return path


def test_a_large_file_is_read_in_little_memory(large_file: Path):
    before = pa.total_allocated_bytes()
    arrow = n_rows = 0
    tracemalloc.start()
    for batch in read_reports(large_file, ColumnMapping()):
        assert batch.reports.num_rows <= ROWS
        n_rows += batch.reports.num_rows
        arrow = max(arrow, pa.total_allocated_bytes() - before)
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_rows == ROWS_WRITTEN[large_file.name]
    assert python < MOST_BYTES
    assert arrow < MOST_BYTES


def test_long_reports_make_small_batches(tmp_path: Path):
    path = tmp_path / "r.csv"
    with path.open("w") as stream:
        stream.write("exam_id,text\n")
        stream.writelines(f"E{number},{'long ' * 180_000}\n" for number in range(60))
    sizes = [batch.reports.num_rows for batch in read_reports(path, ColumnMapping())]
    assert sum(sizes) == 60
    assert max(sizes) <= 18
