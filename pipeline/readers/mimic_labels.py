"""Labels of MIMIC-CXR-JPG: `mimic-cxr-2.0.0-chexpert.csv.gz` and its NegBio sister."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.readers.class_columns import read_class_columns
from pipeline.readers.column_mapping import require_column
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.exam_keys import mimic_keys
from pipeline.readers.label_batch import LabelFileBatch

SUBJECT, STUDY = "subject_id", "study_id"
STUDY_FAULT = ("exam_id_missing", f"column '{STUDY}' is blank")


def read_mimic_labels(path: Path, scheme: str, classes: Sequence[str]) -> Iterator[LabelFileBatch]:
    """Yield the states of `classes`; the exam is the study's number, the patient the subject's.

    The file names no split. Rejected: `exam_id_missing`, `state_unknown`, and the rules of
    delimited files.

    Raises
    ------
    SourceError
        If the file cannot be read as a whole or lacks a column.
    """
    rows = DelimitedRows(path)
    for column in (SUBJECT, STUDY):
        require_column(rows.columns, column, path)

    def keys(columns: dict[str, pa.Array]) -> tuple[pa.Array, pa.Array, pa.Array]:
        exam, patient = mimic_keys(columns[SUBJECT], columns[STUDY])
        return exam, patient, pa.nulls(len(exam), pa.string())

    return read_class_columns(rows, [SUBJECT, STUDY], keys, scheme, classes, STUDY_FAULT)
