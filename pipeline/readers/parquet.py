"""Reports in Parquet files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.readers.column_mapping import ColumnMapping, ResolvedColumns
from pipeline.readers.rejected_rows import RejectedRow
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.report_rules import report_batch
from pipeline.readers.row_chunk import (
    CHARACTERS,
    ENCODING_REASON,
    ROWS,
    RowChunk,
    row_references,
    without_nul,
)
from pipeline.readers.source_error import EmptySourceError, SourceError, printable, source_errors

BUFFER_BYTES = 1 << 20
# Most that the rows of one batch may repeat from a dictionary.
MOST_REPEATED_BYTES = 64_000_000


def read_parquet(
    path: Path, mapping: ColumnMapping, source: str, place: str
) -> Iterator[ReportBatch]:
    """Yield the reports of a Parquet file, a few thousand rows at a time.

    Ids may be text or whole numbers (also as floating point, as pandas writes a column with
    nulls); times text, timestamps or dates. Rejected beside the rules of `report_rules`:
    `encoding` (a string that is not UTF-8) and `nul_character`.

    Raises
    ------
    SourceError
        If the file is not Parquet, has no rows, lacks a column, or a column has a type that
        cannot be text.
    """
    with source_errors(path), path.open("rb") as stream:
        with _parquet_errors(path):
            file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)
            held = file.schema_arrow.names
        columns = mapping.resolve(held, path)
        if file.metadata.num_rows == 0:
            raise EmptySourceError(f"{printable(path)}: has columns but no rows; check the export")
        first = 1
        names = list(columns.names)
        with _parquet_errors(path):
            texts = [f.name for f in file.schema_arrow if f.name in names and _is_text(f.type)]
            longest = _longest_repeated(stream, texts)
            rows = max(1, min(_rows_at_once(file.metadata), MOST_REPEATED_BYTES // longest))
        batches = file.iter_batches(rows, columns=names)
        while True:
            with _parquet_errors(path):
                batch = next(batches, None)
            if batch is None:
                return
            yield report_batch(_chunk(batch, columns, place, first, path), columns, source, path)
            first += batch.num_rows


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        # Names of columns that are not UTF-8 come from damage too.
        raise SourceError(
            f"{printable(path)}: is not a whole Parquet file; copy or write it again"
        ) from None


def _rows_at_once(metadata: pq.FileMetaData) -> int:
    """Return how many rows hold about `CHARACTERS` bytes, at most `ROWS`."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    size = sum(group.total_byte_size for group in groups)
    return max(1, min(ROWS, CHARACTERS * metadata.num_rows // max(size, 1)))


def _longest_repeated(stream: BinaryIO, names: list[str]) -> int:
    """Return the bytes of the longest string that a dictionary of the file holds, at least 1.

    A row of a few bits can stand for it, so a small file for terabytes of rows.
    """
    file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES, read_dictionary=names)
    longest = 1
    for group in range(file.num_row_groups):
        # The first row brings the whole dictionary with it.
        for batch in file.iter_batches(1, row_groups=[group], columns=names):
            for column in batch.columns:
                if pa.types.is_dictionary(column.type):
                    lengths = pc.binary_length(column.dictionary)
                    longest = max(longest, pc.max(lengths).as_py() or 0)
            break
    return longest


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _chunk(
    batch: pa.RecordBatch, columns: ResolvedColumns, place: str, first: int, path: Path
) -> RowChunk:
    numbers = np.arange(first, first + batch.num_rows)
    arrays = {
        name: _readable(batch.column(name), name, path, name == columns.exam_time)
        for name in columns.names
    }
    references = row_references(place, numbers)
    bad = np.zeros(batch.num_rows, bool)
    for array in arrays.values():
        bad |= _not_utf8(array)
    rejected = [
        RejectedRow(None, references[int(row)].as_py(), "encoding", ENCODING_REASON)
        for row in np.flatnonzero(bad)
    ]
    kept = pa.array(~bad)
    return without_nul(
        RowChunk(
            {name: array.filter(kept) for name, array in arrays.items()},
            references.filter(kept),
            rejected,
        ),
        columns.exam_id,
    )


def _readable(array: pa.Array, name: str, path: Path, is_time: bool) -> pa.Array:
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if is_time and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return array
    try:
        if pa.types.is_floating(kind):
            array = pc.cast(array, pa.int64())
            kind = array.type
        if (
            pa.types.is_string(kind)
            or pa.types.is_large_string(kind)
            or pa.types.is_string_view(kind)
            or pa.types.is_integer(kind)
            or pa.types.is_null(kind)
        ):
            return pc.cast(array, pa.string())
    except pa.ArrowInvalid:
        pass
    raise SourceError(
        f"{printable(path)}: column '{printable(name)}' has type {kind}, which is not text; "
        "write it as text"
    )


def _not_utf8(array: pa.Array) -> np.ndarray:
    """Return flags (n,) of the strings whose bytes are not UTF-8, which Parquet does not check."""
    bad = np.zeros(len(array), bool)
    if pa.types.is_string(array.type):
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            for row, value in enumerate(pc.cast(array, pa.binary())):
                bad[row] = value.is_valid and not _decodes(value.as_py())
    return bad


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
