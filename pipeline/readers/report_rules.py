"""The rules a report row must meet, and the batch that a chunk of rows becomes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.schemas import SECTIONS
from pipeline.readers.column_mapping import ResolvedColumns
from pipeline.readers.exam_times import exam_times
from pipeline.readers.rejected_rows import rejected_table
from pipeline.readers.report_batch import GOLD, REPORTS, ReportBatch
from pipeline.readers.row_chunk import RowChunk, flags, reject, trimmed
from pipeline.readers.source_error import printable

MAX_REPORT_CHARACTERS = 1_000_000
STATUSES = ("final", "amended", "retracted")
DEFAULT_STATUS = "final"


def report_batch(
    chunk: RowChunk,
    columns: ResolvedColumns,
    source: str,
    path: Path,
    gold: pa.Table | None = None,
) -> ReportBatch:
    """Judge the rows of `chunk` and return them as reports and rejected rows.

    Ids and status lose surrounding whitespace; text is left untouched. A section without text is
    left out. The first rule that a row breaks is the one it is rejected for.

    Parameters
    ----------
    chunk
        Rows with the columns that `columns` names; text columns are strings, the column of times
        may be a timestamp or a date.
    columns
        What each column means.
    source, path
        Name of the source, and the file for messages.
    gold
        Human codes of the exams, if the format has them.

    Raises
    ------
    SourceError
        If the column of times has a type that is neither text nor time.
    """
    key = columns.exam_id
    n_rows = len(chunk.references)
    nothing = pa.nulls(n_rows, pa.string())

    def text_of(column: str | None) -> pa.Array:
        return trimmed(chunk.columns[column]) if column else nothing

    exam_id = text_of(key)
    status = pc.fill_null(pc.utf8_lower(text_of(columns.status)), DEFAULT_STATUS)
    times, unreadable = (
        exam_times(chunk.columns[columns.exam_time], columns.exam_time, path)
        if columns.exam_time
        else (pa.nulls(n_rows, REPORTS.field("exam_time").type), np.zeros(n_rows, bool))
    )
    texts = [chunk.columns[column] for column in columns.text]
    filled = np.stack([flags(pc.is_valid(trimmed(text))) for text in texts], axis=1)
    # A retraction needs no text of its own: it gets an empty section.
    filled[flags(pc.equal(status, "retracted")) & ~filled.any(axis=1), 0] = True
    texts[0] = pc.fill_null(texts[0], "")
    lengths = np.zeros(n_rows, np.int64)
    for text in texts:
        lengths += pc.fill_null(pc.utf8_length(text), 0).to_numpy()

    judged = RowChunk(
        {
            "row": pa.array(np.arange(n_rows)),
            key: exam_id,
        },
        chunk.references,
        chunk.rejected,
    )
    broken = (
        ("exam_id_missing", flags(pc.is_null(exam_id)), f"column '{printable(key)}' is blank"),
        ("report_empty", filled.sum(axis=1) == 0, f"no text in {_named(columns.text)}"),
        (
            "report_too_long",
            lengths > MAX_REPORT_CHARACTERS,
            f"more than {MAX_REPORT_CHARACTERS:,} characters; is it one report?",
        ),
        (
            "exam_time_unreadable",
            unreadable,
            f"column '{printable(columns.exam_time)}' is not a time such as 2013-08-01 10:15",
        ),
        (
            "status_unknown",
            ~flags(pc.is_in(status, value_set=pa.array(STATUSES))),
            f"column '{printable(columns.status)}' is not one of {', '.join(STATUSES)}",
        ),
    )
    for rule, bad, reason in broken:
        rows = judged.columns["row"].to_numpy()
        judged = reject(judged, bad[rows], rule, reason, key)

    kept = judged.columns["row"]
    sections = _sections([text.take(kept) for text in texts], filled[kept.to_numpy()], columns)
    reports = pa.table(
        [
            judged.columns[key],
            text_of(columns.patient_id).take(kept),
            times.take(kept),
            text_of(columns.site).take(kept),
            status.take(kept),
            sections,
            pa.repeat(source, len(kept)),
            judged.references,
        ],
        schema=REPORTS,
    )
    return ReportBatch(
        reports, rejected_table(judged.rejected), GOLD.empty_table() if gold is None else gold
    )


def _sections(texts: Sequence[pa.Array], filled: np.ndarray, columns: ResolvedColumns) -> pa.Array:
    """Return one list of sections a row, of the texts flagged in `filled` (n_rows, n_texts)."""
    n_rows = len(filled)
    row, section = np.nonzero(filled)
    text = pa.concat_arrays(texts).take(pa.array(section * n_rows + row))
    kind = pa.array(columns.kinds, pa.string()).take(pa.array(section))
    offsets = np.concatenate([[0], np.cumsum(filled.sum(axis=1))]).astype(np.int32)
    fields = list(SECTIONS.value_type)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.StructArray.from_arrays([kind, text], fields=fields)
    ).cast(SECTIONS)


def _named(columns: Sequence[str]) -> str:
    return ("column " if len(columns) == 1 else "any of the columns ") + ", ".join(
        f"'{printable(column)}'" for column in columns
    )
