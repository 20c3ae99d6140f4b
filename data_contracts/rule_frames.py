"""The frame that Great Expectations gets for one rule.

Three traps of its pandas engine are met here. It copies every column of the frame several times,
so a frame holds only what its rule needs. It compares integers other than int64 value by value in
Python, so integers are widened. And it is slow on strings, so a rule that asks only whether a
value is there gets 1 or NaN, and a rule that asks whether values are the same gets a number for
each distinct value.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from data_contracts.suite_file import condition_columns, domain_columns
from data_contracts.value_codes import value_codes

if TYPE_CHECKING:
    import pandas as pd

PRESENCE = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
SAMENESS = (
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
    "expect_column_unique_value_count_to_be_between",
)


class Columns(Protocol):
    """Whatever gives an Arrow column by its name."""

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Return a column."""


def rule_frame(expectation: str, kwargs: Mapping[str, Any], columns: Columns) -> "pd.DataFrame":
    """Return the columns a rule needs, indexed by row number.

    Rows whose only judged value is null are left out where the expectation would pass over them,
    so that the rest keep their type.
    """
    import pandas as pd

    judged, deciding = domain_columns(kwargs), condition_columns(kwargs)
    convert: Callable[[pa.ChunkedArray], Any] = plain_values
    if expectation in PRESENCE:
        convert = _presence
    elif expectation in SAMENESS:
        convert = _sameness
    if len(judged) == 1 and not deciding and convert is not _presence:
        column = columns[judged[0]]
        if column.null_count == 0:
            return pd.DataFrame({judged[0]: convert(column)})
        rows = np.flatnonzero(column.is_valid().to_numpy())
        return pd.DataFrame({judged[0]: convert(column.drop_null())}, index=pd.Index(rows))
    # A column that decides must be there as it is.
    values = {name: convert(columns[name]) for name in judged if name not in deciding}
    values.update({name: plain_values(columns[name]) for name in deciding})
    return pd.DataFrame(values)


def plain_values(column: pa.ChunkedArray) -> Any:
    """Return a column as pandas holds it, numbers at their widest."""
    return widest(column).to_pandas().array


def widest(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return integers as int64 and floating numbers as float64, anything else as it is."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        return column.cast(pa.float64())
    return column


def _presence(column: pa.ChunkedArray) -> np.ndarray:
    return np.where(column.is_valid().to_numpy(), 1.0, np.nan)


def _sameness(column: pa.ChunkedArray) -> np.ndarray:
    codes = value_codes(column)
    return np.where(codes < 0, np.nan, codes) if column.null_count else codes
