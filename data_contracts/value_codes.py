"""Numbers in place of values, where only their sameness matters."""

import numpy as np
import pyarrow as pa


def value_codes(column: pa.ChunkedArray) -> np.ndarray:
    """Return the number of each row's value among the column's distinct values, -1 for null.

    Shape ``(n_rows,)``, int64. The order of the numbers means nothing.
    """
    codes, _ = coded_values(column)
    return codes


def coded_values(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Return `value_codes` of a column and the distinct values that they number."""
    # Encoded before the chunks are joined: strings of several chunks together may pass the 2 GB
    # of their offsets.
    encoded = column.dictionary_encode().unify_dictionaries()
    chunks = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded.chunks]
    values = encoded.chunk(0).dictionary if chunks else pa.array([], column.type)
    return np.concatenate([np.zeros(0, dtype=np.int64), *chunks]), values
