"""Reports in comma- or tab-separated files (`.csv`, `.tsv`, also gzipped)."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.report_rules import report_batch


def read_delimited(
    path: Path, mapping: ColumnMapping, source: str, place: str, delimiter: str
) -> Iterator[ReportBatch]:
    """Yield the reports of a UTF-8 file with a header, a few thousand rows at a time.

    Rejected beside the rules of `report_rules`: `row_ragged` (too few or too many fields),
    `row_malformed` (quotes that do not pair), `encoding` (a mapped field that is not UTF-8),
    `nul_character`.

    Raises
    ------
    SourceError
        If the file cannot be read as a whole, or lacks a column.
    """
    rows = DelimitedRows(path, place, delimiter)
    columns = mapping.resolve(rows.columns, path)
    for chunk in rows.chunks(columns.names, columns.exam_id):
        yield report_batch(chunk, columns, source, path)
