"""Small batches gathered into larger ones: the same rows, in the same order and told as before."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import schemas
from pipeline.readers.rejected_rows import RejectedRow, rejected_table
from pipeline.readers.report_batch import GOLD, REPORTS, ReportBatch, gathered

# Of each batch: how many reports, how many rejected rows, and whether it says when they were told.
BATCHES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.booleans()), max_size=8)


def batch(number: int, reports: int, rejected: int, *, told: bool) -> ReportBatch:
    rows = [{"exam_id": f"E{number}-{n}", "reference": f"row {n}"} for n in range(reports)]
    bad = [RejectedRow(f"E{number}", f"row {n}", "text_given", "no text") for n in range(rejected)]
    times = pa.array([datetime(2026, 1, 1 + number, tzinfo=UTC)] * reports, schemas.TIMESTAMP)
    return ReportBatch(
        pa.Table.from_pylist(rows, REPORTS),
        rejected_table(bad),
        GOLD.empty_table(),
        times if told else None,
    )


def content(batches: list[ReportBatch]) -> list[Any]:
    reports: list[Any] = []
    rejected: list[Any] = []
    for one in batches:
        told = one.told_at or pa.nulls(one.reports.num_rows, schemas.TIMESTAMP)
        reports += zip(one.reports.to_pylist(), told.to_pylist(), strict=True)
        rejected += one.rejected.to_pylist()
    return [reports, rejected]


@given(BATCHES, st.integers(1, 6))
def test_nothing_is_lost_and_the_order_is_kept(
    shape: list[tuple[int, int, bool]], rows: int
) -> None:
    batches = [batch(number, *size, told=told) for number, (*size, told) in enumerate(shape)]
    found = list(gathered(batches, rows))
    assert content(found) == content(batches)
    sizes = [one.reports.num_rows + one.rejected.num_rows for one in found]
    assert all(size >= rows for size in sizes[:-1])
