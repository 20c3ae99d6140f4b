"""Labels of NIH ChestX-ray14: `Data_Entry_2017.csv` and tables with its columns in snake_case."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.readers.column_mapping import require_column
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.exam_keys import nih_exam_id
from pipeline.readers.label_batch import LabelFileBatch, label_batch, rejecting
from pipeline.readers.row_chunk import RowChunk, flags, trimmed
from pipeline.readers.source_error import printable

# The official names, and their snake_case, of the columns that are read.
IMAGE = ("Image Index", "image_index", "image")
FINDINGS = ("Finding Labels", "finding_labels")
PATIENT = ("Patient ID", "patient_id")
VIEW = ("View Position", "view_position", "view")
SPLIT = "split"


def read_nih_labels(path: Path, scheme: str, classes: Sequence[str]) -> Iterator[LabelFileBatch]:
    """Yield the states of `classes` in the `|`-joined finding labels.

    A class that is named is 1, every other 0: NIH knows neither uncertain nor not mentioned. «No
    Finding» is class `No_Finding`; a label in the file is a class with blanks as underscores. The
    exam is the image (`00000061_012`). Rejected: `exam_id_missing`, `label_missing`,
    `class_unknown` (a label outside `classes`), and the rules of delimited files.

    Raises
    ------
    SourceError
        If the file cannot be read as a whole or lacks a column.
    """
    rows = DelimitedRows(path)
    image, findings, patient = (
        nih_column(rows.columns, names, path) for names in (IMAGE, FINDINGS, PATIENT)
    )
    names = [image, findings, patient] + [SPLIT] * (SPLIT in rows.columns)
    source = printable(path.name)
    known = pa.array([name.replace("_", " ").lower() for name in classes], pa.string())
    for read in rows.chunks(names, image):
        columns = read.columns
        nothing = pa.nulls(len(read.references), pa.string())
        chunk = RowChunk(
            {
                "exam_id": nih_exam_id(columns[image]),
                "patient_id": trimmed(columns[patient]),
                "split": trimmed(columns[SPLIT]) if SPLIT in columns else nothing,
            },
            read.references,
            read.rejected,
        )
        states, blank, unknown = _states(columns[findings], known)
        no_exam = flags(pc.is_null(chunk.columns["exam_id"]))
        column = f"column '{findings}'"
        chunk, states = rejecting(
            chunk, states, no_exam, "exam_id_missing", f"column '{image}' is blank"
        )
        blank, unknown = blank[~no_exam], unknown[~no_exam]
        chunk, states = rejecting(chunk, states, blank, "label_missing", f"{column} is blank")
        chunk, states = rejecting(
            chunk,
            states,
            unknown[~blank],
            "class_unknown",
            f"{column} names a class that scheme {scheme} does not have",
        )
        yield label_batch(chunk, states, classes, scheme, source)


def nih_column(columns: Sequence[str], names: Sequence[str], path: Path) -> str:
    """Return the first of `names` that the file has; `SourceError` if it has none."""
    found = next((name for name in names if name in columns), names[0])
    require_column(columns, found, path)
    return found


def _states(labels: pa.Array, known: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return states (n_rows, n_classes), and which rows are blank or name an unknown class."""
    n_rows = len(labels)
    parts = pc.split_pattern(labels, "|")
    row = pc.list_parent_indices(parts).to_numpy()
    label = pc.replace_substring(pc.utf8_trim_whitespace(pc.utf8_lower(parts.flatten())), "_", " ")
    code = pc.fill_null(pc.index_in(label, value_set=known), -1).to_numpy()
    states = np.zeros((n_rows, len(known)), np.int8)
    states[row[code >= 0], code[code >= 0]] = 1
    unknown = np.bincount(row[code < 0], minlength=n_rows) > 0
    return states, flags(pc.is_null(trimmed(labels))), unknown
