"""States in one column a class, as CheXpert, MIMIC-CXR-JPG and plain label files have them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.label_batch import LabelFileBatch, column_states, label_batch, rejecting
from pipeline.readers.row_chunk import RowChunk, flags
from pipeline.readers.source_error import SourceError, printable, shown_columns

# From the columns that are read: exam, patient and split of each row, null where there is none.
Keys = Callable[[dict[str, pa.Array]], tuple[pa.Array, pa.Array, pa.Array]]


def read_class_columns(
    rows: DelimitedRows,
    key_columns: Sequence[str],
    keys: Keys,
    scheme: str,
    classes: Sequence[str],
    key_fault: tuple[str, str],
) -> Iterator[LabelFileBatch]:
    """Yield the states of `classes`, each in the column of its name.

    A state is 1, 0, -1 (also 1.0 ...) or blank for not mentioned. Rejected: rows without an exam,
    with the rule and reason of `key_fault`; `state_unknown` for any other value.

    Raises
    ------
    SourceError
        If a class has no column, or the file has no rows.
    """
    require_classes(rows.columns, classes, scheme, rows.path)
    source = printable(rows.path.name)
    read_names = dict.fromkeys([*key_columns, *classes])
    for read in rows.chunks(list(read_names)):
        exam_id, patient_id, split = keys(read.columns)
        chunk = RowChunk(
            {"exam_id": exam_id, "patient_id": patient_id, "split": split},
            read.references,
            read.rejected,
        )
        states, unknown = column_states([read.columns[name] for name in classes])
        missing = flags(pc.is_null(exam_id))
        chunk, states = rejecting(chunk, states, missing, *key_fault)
        chunk, states = rejecting(
            chunk,
            states,
            unknown[~missing],
            "state_unknown",
            "a class has a value other than 1, 0, -1 and blank",
        )
        yield label_batch(chunk, states, classes, scheme, source)


def require_classes(
    columns: Sequence[str], classes: Sequence[str], scheme: str, path: Path
) -> None:
    """Raise `SourceError` unless every class of the scheme has exactly one column."""
    missing = [name for name in classes if list(columns).count(name) != 1]
    if missing:
        raise SourceError(
            f"{printable(path)}: no column, or several, for {', '.join(missing)} of scheme "
            f"{scheme}; {shown_columns(columns)}; name the file's scheme with manifest.scheme"
        )
