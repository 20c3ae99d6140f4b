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
_DIGITS_AND_ZONE = re.compile(r"([0-9]{8}|[0-9]{12}|[0-9]{14})(?:\.[0-9]{1,6})?([+-][0-9]{4})?")
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
    parsed = [parsed_time(value) for value in encoded.dictionary.to_pylist()]
    unreadable = np.array([value is None for value in parsed] + [False])
    codes = encoded.indices.fill_null(len(parsed)).to_numpy(zero_copy_only=False)
    return pa.array([*parsed, None], TIMESTAMP).take(pa.array(codes)), unreadable[codes]


def parsed_time(text: str) -> datetime | None:
    """Return the time that a text says, in UTC; None where it is none.

    ISO 8601, or the digits of DICOM and HL7 (20130801, 201308011015, 20130801101500.25+0100).
    """
    try:
        digits = _DIGITS_AND_ZONE.fullmatch(text)
        if digits:
            pattern = _DIGITS[len(digits[1])] + ("%z" if digits[2] else "")
            time: datetime | None = datetime.strptime(digits[1] + (digits[2] or ""), pattern)
        else:
            time = datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
        if time is None:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
