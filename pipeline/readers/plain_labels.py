"""Plain label files: the exam and one column a class."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.readers.class_columns import read_class_columns
from pipeline.readers.column_mapping import require_column
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.label_batch import LabelFileBatch
from pipeline.readers.row_chunk import trimmed

EXAM, PATIENT, SPLIT = "exam_id", "patient_id", "split"
EXAM_FAULT = ("exam_id_missing", f"column '{EXAM}' is blank")


def read_plain_labels(path: Path, scheme: str, classes: Sequence[str]) -> Iterator[LabelFileBatch]:
    """Yield the states of `classes`, with `patient_id` and `split` if the file has the columns.

    Rejected: `exam_id_missing`, `state_unknown`, and the rules of delimited files.

    Raises
    ------
    SourceError
        If the file cannot be read as a whole or lacks a column.
    """
    rows = DelimitedRows(path)
    require_column(rows.columns, EXAM, path)
    optional = [name for name in (PATIENT, SPLIT) if name in rows.columns]

    def keys(columns: dict[str, pa.Array]) -> tuple[pa.Array, pa.Array, pa.Array]:
        exam = trimmed(columns[EXAM])
        nothing = pa.nulls(len(exam), pa.string())
        patient = trimmed(columns[PATIENT]) if PATIENT in columns else nothing
        split = trimmed(columns[SPLIT]) if SPLIT in columns else nothing
        return exam, patient, split

    return read_class_columns(rows, [EXAM, *optional], keys, scheme, classes, EXAM_FAULT)
