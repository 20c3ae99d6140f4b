"""Commits to one Delta table on top of the version that was seen, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from pipeline.lake import Lake
from pipeline.layout import TABLE_PROPERTIES
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

_ROW_GROUP = 50_000  # rows


def commit_rows(
    lake: Lake,
    name: str,
    table: "DeltaTable | None",
    rows: pa.Table | pa.RecordBatchReader,
    mode: Literal["append", "overwrite"],
) -> "DeltaTable":
    """Commit on top of the table's version as given, None for a table to be made; return it.

    Raises
    ------
    UserError
        Another run has written the table meanwhile.
    """
    from deltalake import WriterProperties, write_deltalake

    # Writing and scanning hold a row group or two: theirs, not the table's, is the memory.
    properties = WriterProperties(max_row_group_size=_ROW_GROUP)
    with alone(lake):
        if table is None:
            if lake.table_if_any(name) is not None:
                raise overtaken(lake)
            write_deltalake(
                lake.table_uri(name),
                rows,
                mode="error",
                configuration=dict(TABLE_PROPERTIES),
                storage_options=lake.storage_options,
                writer_properties=properties,
                commit_properties=without_retry(),
            )
            return lake.table(name, version=0)
        write_deltalake(
            table,
            rows,
            mode=mode,
            schema_mode="overwrite" if mode == "overwrite" else None,
            writer_properties=properties,
            commit_properties=without_retry(),
        )
    return table


@contextmanager
def alone(lake: Lake, reading: str | None = None) -> Iterator[None]:
    """Tell the user when another run has written what this one is writing.

    `reading` names the table whose rows are read on the way.
    """
    from deltalake.exceptions import CommitFailedError

    try:
        with lake.reached(reading):
            yield
    except CommitFailedError:
        raise overtaken(lake) from None


def overtaken(lake: Lake) -> UserError:
    """Return what a run is told that another one came before."""
    return UserError(
        f"{lake.root}: another run has written this lake meanwhile, so this one was not "
        "committed; run it again when no other runs"
    )


def without_retry() -> "CommitProperties":
    """Return what makes a commit fail, not move on, where its version is taken already."""
    from deltalake import CommitProperties

    return CommitProperties(max_commit_retries=0)
