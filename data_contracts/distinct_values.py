"""Rules that judge each value by itself, asked once a distinct value instead of once a row.

Great Expectations has a fixed price an expectation and a high one a row. A rule on one column at a
time that does not compare rows gives equal values the same verdict, so it is asked of the distinct
values, those of all its columns together, and the verdict is carried back to the rows.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from data_contracts.rule_frames import PRESENCE, Columns, plain_values, widest
from data_contracts.suite_file import Rule, condition_columns
from data_contracts.value_codes import coded_values

if TYPE_CHECKING:
    import pandas as pd

VALUE_BY_VALUE = (
    *PRESENCE,
    "expect_column_values_to_match_regex",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_between",
)


class DistinctValues(NamedTuple):
    """The distinct values that a rule judges.

    Attributes
    ----------
    kwargs
        Arguments of the expectation on `frame`.
    frame
        One column, a row a distinct value of each column; nulls only where presence is judged.
    codes
        For each column of the rule the row in `frame` of each row's value, (n_rows,), -1 for none.
    """

    kwargs: Mapping[str, Any]
    frame: "pd.DataFrame"
    codes: dict[str, np.ndarray]

    def failing(self, judged: np.ndarray) -> dict[str, np.ndarray]:
        """Return, for each column with any, the rows whose value is among the rows of `frame`."""
        bad = np.zeros(len(self.frame) + 1, dtype=bool)  # the last for the code -1
        bad[judged] = True
        found = {name: np.flatnonzero(bad[codes]) for name, codes in self.codes.items()}
        return {name: rows for name, rows in found.items() if len(rows)}


def distinct_values(rule: Rule, columns: Columns) -> DistinctValues | None:
    """Return what to ask for a rule, None if its verdict on a row hangs on more than one value."""
    each = list(rule.kwargs.values())
    conditional = any(condition_columns(kwargs) or "mostly" in kwargs for kwargs in each)
    if not each or conditional or rule.expectation not in VALUE_BY_VALUE:
        return None
    import pandas as pd

    judge = _presence if rule.expectation in PRESENCE else coded_values
    found: list[pa.Array] = []
    codes: dict[str, np.ndarray] = {}
    size = 0
    for name, kwargs in rule.kwargs.items():
        of_rows, values = judge(columns[kwargs["column"]])
        codes[name] = np.where(of_rows < 0, -1, of_rows + size)
        found.append(widest(values))
        size += len(values)
    column = each[0]["column"]
    values = plain_values(pa.chunked_array(found))
    return DistinctValues(each[0], pd.DataFrame({column: values}), codes)


def _presence(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Return 0 for each value and 1 for each null, and one of either that is there."""
    null = column.is_null().to_numpy().astype(np.int64)
    if column.null_count == 0:
        return null, pa.array([1.0])
    return null, pa.array([1.0, None])
