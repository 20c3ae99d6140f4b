"""What every label-file reader yields, and the long form that states are brought to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.readers.delivered_rows import delivered
from pipeline.readers.rejected_rows import rejected_table
from pipeline.readers.row_chunk import RowChunk, flags, reject

LABELS = delivered(schemas.FILE_LABELS)

# How files spell a state; blank is null, not mentioned.
STATES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1}


@dataclass(frozen=True)
class LabelFileBatch:
    """A few thousand rows of a label file.

    Parameters
    ----------
    labels
        Long form with the columns of `LABELS`: a row an exam and class, the classes of one exam
        together and in the order they were asked for. `split` is in the file's own words. `state`
        is 1 positive, 0 negative, -1 uncertain, null not mentioned.
    rejected
        Rows that cannot be used, with the columns of `rejected_rows.REJECTED`.
    """

    labels: pa.Table
    rejected: pa.Table


def label_batch(
    chunk: RowChunk, states: np.ndarray, classes: Sequence[str], scheme: str, source: str
) -> LabelFileBatch:
    """Bring the exams of `chunk` to long form.

    Parameters
    ----------
    chunk
        Columns exam_id, patient_id and split.
    states
        (n_exams, n_classes) int8; the lowest int8 stands for null.
    """
    n_exams, n_classes = states.shape
    exam = pa.array(np.repeat(np.arange(n_exams), n_classes))
    flat = states.reshape(-1)
    labels = pa.table(
        [
            chunk.columns["exam_id"].take(exam),
            chunk.columns["patient_id"].take(exam),
            chunk.columns["split"].take(exam),
            pa.repeat(scheme, len(flat)),
            pa.array(list(classes), pa.string()).take(
                pa.array(np.tile(np.arange(n_classes), n_exams))
            ),
            pa.array(flat, mask=flat == NULL_STATE),
            pa.repeat(source, len(flat)),
            chunk.references.take(exam),
        ],
        schema=LABELS,
    )
    return LabelFileBatch(labels, rejected_table(chunk.rejected))


NULL_STATE = np.iinfo(np.int8).min
_VALUES = np.array([*STATES.values(), NULL_STATE], np.int8)


def column_states(columns: Sequence[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """Return the states (n_rows, n_classes) that columns of text spell, and flags (n_rows,).

    A row is flagged when one of its values is no state.
    """
    # Built here: pyarrow imports pandas with the first array.
    spellings = pa.array(list(STATES))
    states = np.empty((len(columns[0]), len(columns)), np.int8)
    unknown = np.zeros(len(columns[0]), bool)
    for position, column in enumerate(columns):
        text = pc.utf8_trim_whitespace(column)
        code = pc.index_in(text, value_set=spellings)
        unknown |= flags(pc.and_(pc.is_null(code), pc.not_equal(text, "")))
        states[:, position] = _VALUES[pc.fill_null(code, -1).to_numpy()]
    return states, unknown


def rejecting(
    chunk: RowChunk, states: np.ndarray, bad: np.ndarray, rule: str, reason: str
) -> tuple[RowChunk, np.ndarray]:
    """Move the rows flagged in `bad` (n_rows,) to the rejected ones, with their states."""
    return reject(chunk, bad, rule, reason, "exam_id"), states[~bad]
