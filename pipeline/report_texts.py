"""The reports that labels rest on: one a exam, for labelling again, for halves and for examples."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.amendments import decide_all, versions, versions_frame
from pipeline.readers import read_reports
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.source_error import printable
from pipeline.report_intake import text_hashes
from pipeline.user_error import UserError

HALVES = ("a", "b")


@dataclass(frozen=True)
class ReportTexts:
    """Reports, one an exam.

    Attributes
    ----------
    table
        Columns exam_id, patient_id and sections of the reports table.
    name
        Where they came from.
    unusable
        How many rows of the source were not usable, or disputed, or retracted.
    """

    table: pa.Table
    name: str
    unusable: int = 0

    @property
    def ids(self) -> pa.Array:
        """The exam of each row."""
        return self.table["exam_id"].combine_chunks()

    @cached_property
    def second_half(self) -> NDArray[np.bool_]:
        """Which reports are in half b, bool (n_exams,).

        By the first bit of the SHA-256 of what the sections that give labels say, so reports of
        identical text are in the same half whatever their number, order, or clinical question.
        """
        from labelers import load_vocabulary

        context = load_vocabulary().context_kinds
        lists = self.table["sections"].combine_chunks()
        flat = lists.flatten()
        kinds, texts = flat.field("kind").to_pylist(), flat.field("text").to_pylist()
        ends = np.cumsum(pc.list_value_length(lists).to_numpy())
        half = np.zeros(len(ends), bool)
        begin = 0
        for row, end in enumerate(ends):
            text = "".join(texts[n] or "" for n in range(begin, end) if kinds[n] not in context)
            half[row] = is_second_half(text)
            begin = end
        return half

    def sections(self, exam_ids: Sequence[str]) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return (kind, text) of the sections of some exams, by exam."""
        wanted = self.table.filter(
            pc.is_in(self.table["exam_id"], value_set=pa.array(list(exam_ids), pa.string()))
        )
        return {
            row["exam_id"]: tuple((s["kind"] or "", s["text"] or "") for s in row["sections"])
            for row in wanted.select(["exam_id", "sections"]).to_pylist()
        }


def is_second_half(text: str) -> bool:
    """Return whether a text is in half b."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


def read_report_texts(path: Path, mapping: ColumnMapping, format: str = "auto") -> ReportTexts:
    """Read the reports of a file or folder; of an exam with several versions the one that stands.

    Raises
    ------
    SourceError
        The file cannot be read as reports.
    UserError
        It holds no report that can be used.
    """
    parts, known, rows_in = [], [], 0
    for batch in read_reports(path, mapping, format):
        rows_in += batch.reports.num_rows + batch.rejected.num_rows
        hashes = pa.array(text_hashes(batch.reports["sections"]), pa.string())
        known.append(versions(batch.reports.append_column("content_hash", hashes)))
        parts.append(batch.reports.select(["exam_id", "patient_id", "sections"]))
    reports = pa.concat_tables(parts)
    if reports.num_rows == 0:
        raise UserError(f"{path}: none of its {rows_in:,} reports can be used")
    decided = decide_all(versions_frame(known), versions_frame([]), versions_frame([]))
    stands = decided["outcome"] == "new"
    again = decided["outcome"].isin(["unchanged", "superseded"])
    unusable = rows_in - int((stands | again).sum())
    return ReportTexts(reports.filter(pa.array(stands.to_numpy())), printable(path), unusable)
