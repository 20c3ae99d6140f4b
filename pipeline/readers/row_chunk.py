"""A few thousand rows of a source as columns, with the rows that cannot be columns set apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.readers.rejected_rows import RejectedRow

ROWS = 4096
# A chunk is also closed at this size, so that a file of very long reports streams too.
CHARACTERS = 16_000_000

ENCODING_REASON = "not valid UTF-8; convert the file to UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)"
NUL_REASON = "holds a NUL character, a sign of a damaged file; export the row again"


@dataclass(frozen=True)
class RowChunk:
    """Rows of a source.

    Parameters
    ----------
    columns
        Arrays of one length by the source's column name; text columns are strings without NUL.
    references
        Place of each row in the source.
    rejected
        Rows that could not be read at all.
    """

    columns: dict[str, pa.Array]
    references: pa.Array
    rejected: list[RejectedRow] = field(default_factory=list)


def row_references(place: str, numbers: Sequence[int] | np.ndarray, unit: str = "row") -> pa.Array:
    """Return `reports.csv row 17` for each number; data rows are counted from 1."""
    return pc.binary_join_element_wise(
        f"{place} {unit}", pc.cast(pa.array(numbers, pa.int64()), pa.string()), " "
    )


def chunk_of_rows(
    rows: Sequence[Sequence[str | None]],
    names: Sequence[str],
    references: pa.Array,
    key: str | None,
    rejected: Sequence[RejectedRow] = (),
) -> RowChunk:
    """Turn rows of strings to columns `names`, rejecting rows that are not Unicode or hold NUL.

    Bytes that were not UTF-8 are expected as lone surrogates (error handler surrogateescape).
    """
    unreadable: list[RejectedRow] = list(rejected)
    try:
        columns = _columns(rows, names)
    except UnicodeEncodeError:
        good = [number for number, row in enumerate(rows) if _is_unicode(row)]
        position = list(names).index(key) if key is not None else None
        for number in sorted(set(range(len(rows))) - set(good)):
            value = None if position is None else rows[number][position]
            unreadable.append(
                RejectedRow(
                    value if _is_unicode([value]) else None,
                    references[number].as_py(),
                    "encoding",
                    ENCODING_REASON,
                )
            )
        references = references.take(pa.array(good, pa.int64()))
        columns = _columns([rows[number] for number in good], names)
    return without_nul(RowChunk(columns, references, unreadable), key)


def without_nul(chunk: RowChunk, key: str | None) -> RowChunk:
    """Move the rows with a NUL character in any string column to the rejected ones."""
    bad = np.zeros(len(chunk.references), bool)
    for column in chunk.columns.values():
        if pa.types.is_string(column.type):
            bad |= flags(pc.match_substring(column, "\0"))
    return reject(chunk, bad, "nul_character", NUL_REASON, key)


def reject(chunk: RowChunk, bad: np.ndarray, rule: str, reason: str, key: str | None) -> RowChunk:
    """Move the rows flagged in `bad` (n_rows,) to the rejected ones, with one rule and reason."""
    if not bad.any():
        return chunk
    keys = chunk.columns[key] if key is not None else pa.nulls(len(bad), pa.string())
    rejected = [
        RejectedRow(_key(keys[int(row)]), chunk.references[int(row)].as_py(), rule, reason)
        for row in np.flatnonzero(bad)
    ]
    kept = pa.array(~bad)
    return RowChunk(
        {name: column.filter(kept) for name, column in chunk.columns.items()},
        chunk.references.filter(kept),
        [*chunk.rejected, *rejected],
    )


def flags(mask: pa.Array) -> np.ndarray:
    """Return an Arrow mask as numpy booleans; null is False."""
    return pc.fill_null(mask, False).to_numpy(zero_copy_only=False)


def trimmed(column: pa.Array) -> pa.Array:
    """Return strings without surrounding whitespace, null where nothing is left."""
    stripped = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.string()), stripped)


def _columns(rows: Sequence[Sequence[str | None]], names: Sequence[str]) -> dict[str, pa.Array]:
    values: Mapping[int, Sequence[str | None]] = dict(enumerate(zip(*rows, strict=True)))
    return {name: pa.array(values.get(i, []), pa.string()) for i, name in enumerate(names)}


def _is_unicode(values: Sequence[str | None]) -> bool:
    try:
        "".join(value for value in values if value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(value: pa.Scalar) -> str | None:
    text = value.as_py()
    return str(text).strip().replace("\0", "") or None if text is not None else None
