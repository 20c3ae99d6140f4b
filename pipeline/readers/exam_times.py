"""Exam times as sources write them, to timestamps in UTC."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.schemas import TIMESTAMP
from pipeline.readers.row_chunk import trimmed
from pipeline.readers.source_error import SourceError, printable

# ISO 8601 dates and times, with a space for the T, and DICOM's digits (20130801, 20130801101500).
# Day and month in another order would be a guess.
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?"
)
_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


def exam_times(column: pa.Array, name: str, path: Path) -> tuple[pa.Array, np.ndarray]:
    """Return the times (n,) in UTC and flags (n,) of the values that cannot be read as a time.

    Blank is null. A time without a zone is taken as UTC.

    Raises
    ------
    SourceError
        If the column's type is neither text nor a date or time.
    """
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.cast(column, TIMESTAMP, safe=False), np.zeros(len(column), bool)
    if not pa.types.is_string(kind):
        raise SourceError(
            f"{printable(path)}: column '{printable(name)}' has type {kind}; "
            "write times as timestamps or as text such as 2013-08-01 10:15"
        )
    encoded = pc.dictionary_encode(trimmed(column))
    parsed = [_parsed(value) for value in encoded.dictionary.to_pylist()]
    unreadable = np.array([value is None for value in parsed] + [False])
    codes = encoded.indices.fill_null(len(parsed)).to_numpy(zero_copy_only=False)
    return pa.array([*parsed, None], TIMESTAMP).take(pa.array(codes)), unreadable[codes]


def _parsed(text: str) -> datetime | None:
    try:
        if text.isdigit():
            pattern = _DIGITS.get(len(text))
            time = datetime.strptime(text, pattern) if pattern else None
        else:
            time = datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
        if time is None:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
