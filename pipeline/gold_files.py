"""Files of states, gold or labels: one row an exam, one column a class."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from pipeline.readers.column_mapping import require_column
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.row_chunk import flags
from pipeline.readers.source_error import SourceError, printable, source_errors

# How files spell a state, in lower case and without surrounding space.
_SPELLINGS = {
    **dict.fromkeys(("1", "1.0", "true"), 1),
    **dict.fromkeys(("0", "0.0", "-0.0", "false"), 0),
    **dict.fromkeys(("-1", "-1.0"), -1),
    **dict.fromkeys(("", "nan", "null", "none"), int(NOT_MENTIONED)),
}


@dataclass(frozen=True)
class StateFile:
    """A file of states.

    Attributes
    ----------
    name
        The file, for messages.
    ids
        The exam of each row, string (n_exams,), without nulls or duplicates.
    columns
        Every column as it was read, by name.
    metadata
        Of a Parquet file's schema, as text.
    judged
        By column where it says anything at all, bool (n_exams,); a column that is not named says
        something of every exam, be it that the class is not mentioned.
    """

    name: str
    ids: pa.Array
    columns: dict[str, pa.Array]
    metadata: dict[str, str] = field(default_factory=dict)
    judged: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def state(self, column: str) -> NDArray[np.int8]:
        """Return a column as states (n_exams,): 1, 0, -1, `NOT_MENTIONED` for an empty value.

        Raises
        ------
        SourceError
            A value is no state; the message names its row (data rows are counted from 1).
        """
        values = self.columns[column]
        text = pc.utf8_lower(pc.utf8_trim_whitespace(_text(values, self.name, column)))
        code = pc.index_in(pc.fill_null(text, ""), value_set=pa.array(list(_SPELLINGS)))
        unknown = np.flatnonzero(code.is_null().to_numpy(zero_copy_only=False))
        if len(unknown):
            raise SourceError(
                f"{self.name} row {unknown[0] + 1}: column '{printable(column)}' holds no state "
                f"there ({len(unknown):,} such rows); a state is 1, 0, -1 or empty"
            )
        return np.array(list(_SPELLINGS.values()), np.int8)[code.to_numpy()]

    def is_judged(self, column: str) -> NDArray[np.bool_]:
        """Return of which exams a column says anything, bool (n_exams,)."""
        return self.judged.get(column, np.ones(len(self.ids), bool))

    def equals(self, column: str, value: str) -> NDArray[np.bool_]:
        """Return where a column has this value, as text or as a number."""
        text = pc.utf8_trim_whitespace(_text(self.columns[column], self.name, column))
        spellings = {value, f"{value}.0"}
        return flags(pc.is_in(text, value_set=pa.array(sorted(spellings))))


def read_state_file(path: Path, key: str) -> StateFile:
    """Read a CSV, TSV or Parquet file.

    Parameters
    ----------
    path
        The file.
    key
        Its column of the exam.

    Raises
    ------
    SourceError
        The file cannot be read, has no such column, or an exam is missing or there twice.
    """
    name = printable(path)
    columns, metadata = read_columns(path)
    require_column(list(columns), key, path, "--key")
    ids = pc.fill_null(pc.utf8_trim_whitespace(_text(columns[key], name, key)), "")
    return StateFile(name, checked_ids(ids, name, key), columns, metadata)


def read_columns(path: Path) -> tuple[dict[str, pa.Array], dict[str, str]]:
    """Return the columns of a CSV, TSV or Parquet file by name, and its metadata.

    Raises
    ------
    SourceError
        The file cannot be read.
    """
    with source_errors(path):
        with path.open("rb") as stream:
            is_parquet = stream.read(4) == b"PAR1"
        if path.suffix.lower() in (".parquet", ".pq") and not is_parquet:
            raise SourceError(
                f"{printable(path)}: is not a whole Parquet file; copy or write it again"
            )
        return _parquet(path) if is_parquet else (_delimited(path), {})


def checked_ids(ids: pa.Array, name: str, key: str) -> pa.Array:
    """Return the exams of a file, or raise `SourceError` where one is missing or there twice."""
    blank = np.flatnonzero(flags(pc.equal(ids, "")))
    if len(blank):
        raise SourceError(
            f"{name} row {blank[0] + 1}: column '{printable(key)}' names no exam there; "
            "every row needs one"
        )
    first = pc.index_in(ids, value_set=ids).to_numpy()
    again = np.flatnonzero(first != np.arange(len(ids)))
    if len(again):
        raise SourceError(
            f"{name} row {again[0] + 1}: column '{printable(key)}' names the same exam as row "
            f"{first[again[0]] + 1} ({len(again):,} such rows); keep one row an exam"
        )
    return ids


def _delimited(path: Path) -> dict[str, pa.Array]:
    rows = DelimitedRows(path)
    if len(set(rows.columns)) < len(rows.columns):
        twice = next(c for c in rows.columns if rows.columns.count(c) > 1)
        raise SourceError(
            f"{printable(path)}: column '{printable(twice)}' is there twice; rename one"
        )
    chunks = []
    for chunk in rows.chunks(rows.columns):
        if chunk.rejected:
            row = chunk.rejected[0]
            raise SourceError(f"{row.reference}: {row.reason}")
        chunks.append(pa.table(chunk.columns))
    table = pa.concat_tables(chunks)
    return {name: table[name].combine_chunks() for name in table.column_names}


def _parquet(path: Path) -> tuple[dict[str, pa.Array], dict[str, str]]:
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError):
        raise SourceError(
            f"{printable(path)}: is not a whole Parquet file; copy or write it again"
        ) from None
    if table.num_rows == 0:
        raise SourceError(f"{printable(path)}: has columns but no rows; check the export")
    return columns_and_metadata(table)


def columns_and_metadata(table: pa.Table) -> tuple[dict[str, pa.Array], dict[str, str]]:
    """Return the columns of a table by name, and its schema's metadata as text."""
    metadata = {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in (table.schema.metadata or {}).items()
    }
    return {name: table[name].combine_chunks() for name in table.column_names}, metadata


def _text(values: pa.Array, name: str, column: str) -> pa.Array:
    """Return a column as strings; a whole number is written without a decimal point."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
            if pc.all(pc.equal(pc.floor(values), values)).as_py() is not False:
                values = pc.cast(values, pa.int64())
        return pc.cast(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise SourceError(
            f"{name}: column '{printable(column)}' has type {values.type}, which holds no "
            "states or ids; write it as numbers or text"
        ) from None
