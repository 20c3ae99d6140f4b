"""Rows that cannot be used, with the rule they break and the reason."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

# `key` is the exam's id where it could be read; a reason holds neither text nor identifiers.
REJECTED = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)


class RejectedRow(NamedTuple):
    """One row that cannot be used."""

    key: str | None
    reference: str
    rule: str
    reason: str


def rejected_table(rows: Sequence[RejectedRow]) -> pa.Table:
    """Return `rows` as a table with the columns of `REJECTED`."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in REJECTED)
    return pa.table(
        [pa.array(column, pa.string()) for column in columns],
        schema=REJECTED,
    )
