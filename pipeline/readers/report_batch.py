"""What every report reader yields."""

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
    told_at: pa.Array | None = None
