"""Labels of CheXpert: `train.csv` and `valid.csv`, a row an image, the labels of its study."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.readers.class_columns import read_class_columns
from pipeline.readers.column_mapping import require_column
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.exam_keys import chexpert_keys
from pipeline.readers.label_batch import LabelFileBatch

PATH = "Path"
PATH_FAULT = ("path_unreadable", f"column '{PATH}' does not end in patient/study/image")


def read_chexpert_labels(
    path: Path, scheme: str, classes: Sequence[str]
) -> Iterator[LabelFileBatch]:
    """Yield the states of `classes`; exam `patient00001/study1` and patient are in the path.

    The split is the one the path names (train, valid, test). A study of several images comes once
    an image, each time with the same states. Rejected: `path_unreadable`, `state_unknown`, and
    the rules of delimited files.

    Raises
    ------
    SourceError
        If the file cannot be read as a whole or lacks a column.
    """
    rows = DelimitedRows(path)
    require_column(rows.columns, PATH, path)
    return read_class_columns(
        rows, [PATH], lambda columns: chexpert_keys(columns[PATH]), scheme, classes, PATH_FAULT
    )
