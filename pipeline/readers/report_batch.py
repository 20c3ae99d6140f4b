"""What every report reader yields."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from data_contracts import schemas
from pipeline.readers.delivered_rows import delivered

# Few formats say when a report was told; a batch has it beside the rows.
REPORTS = delivered(pa.schema([field for field in schemas.REPORTS if field.name != "told_at"]))
GOLD = delivered(schemas.GOLD)


@dataclass(frozen=True)
class ReportBatch:
    """A few thousand rows of a report source.

    Parameters
    ----------
    reports
        Rows that can be used, with the columns of `REPORTS`. `source` is the name of the file,
        archive or folder that was asked for, `reference` the place of the row in it.
    rejected
        Rows that cannot, with the columns of `rejected_rows.REJECTED`. Every row of the source is
        in exactly one of the two.
    gold
        Human codes that the source holds beside the reports, with the columns of `GOLD`.
    told_at
        When the sender told each report, timestamp `(n_reports,)`, where messages say it.
    """

    reports: pa.Table
    rejected: pa.Table
    gold: pa.Table
    told_at: pa.Array | pa.ChunkedArray | None = None


def gathered(batches: Iterable[ReportBatch], rows: int = 4096) -> Iterator[ReportBatch]:
    """Yield the same rows in the same order, but at least so many at a time, except at the end.

    A file of one message is a batch of one row, and what is done with a batch costs more than that.
    """
    waiting: list[ReportBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.reports.num_rows + batch.rejected.num_rows
        if count >= rows:
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[ReportBatch]) -> ReportBatch:
    if len(batches) == 1:
        return batches[0]
    told = [
        pa.nulls(batch.reports.num_rows, schemas.TIMESTAMP)
        if batch.told_at is None
        else batch.told_at
        for batch in batches
    ]
    return ReportBatch(
        pa.concat_tables([batch.reports for batch in batches]).combine_chunks(),
        pa.concat_tables([batch.rejected for batch in batches]).combine_chunks(),
        pa.concat_tables([batch.gold for batch in batches]).combine_chunks(),
        None if all(batch.told_at is None for batch in batches) else pa.chunked_array(told),
    )
