"""Rows that could not be used: filed with their reason, never with their text."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.lake_run import Run

# What a stage tells of a row it could not use, before the run's provenance is added.
REJECTED = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("key", pa.string()),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),
    ]
)

# Where the rows that are refused meanwhile are collected, if anyone asks (`refusals`).
_REFUSED: ContextVar[list[pa.Table] | None] = ContextVar("refused", default=None)


def rejected_rows(
    table: str,
    keys: pa.Array | pa.ChunkedArray,
    references: pa.Array | pa.ChunkedArray,
    rules: pa.Array | pa.ChunkedArray,
    reasons: pa.Array | pa.ChunkedArray,
    sources: pa.Array | pa.ChunkedArray,
    content_hashes: pa.Array | pa.ChunkedArray | None = None,
) -> pa.Table:
    """Return rejected rows of one table in the shape that `file_away` takes."""
    rows = len(references)
    hashes = pa.repeat(pa.scalar(""), rows) if content_hashes is None else content_hashes
    columns = [pa.repeat(pa.scalar(table), rows), keys, references, rules, reasons, sources, hashes]
    return pa.table(columns, names=REJECTED.names).cast(REJECTED)


def file_away(run: Run, rejected: Sequence[pa.Table]) -> tuple[int, tuple[str, ...]]:
    """Put rejected rows into quarantine, each once, and say in a line a reason what was put there.

    Returns
    -------
    The number of rejected rows (those already in quarantine included), and the lines.
    """
    rows = pa.concat_tables([REJECTED.empty_table(), *rejected])
    if rows.num_rows == 0:
        return 0, ()
    run.contracts.refused(rows)
    identified = rows.append_column("row_id", pa.array(_row_ids(rows)))
    if (watched := _REFUSED.get()) is not None:
        watched.append(identified)
    frame = identified.to_pandas()
    known = set(_held(run, ["row_id"])["row_id"].to_pylist())
    fresh = (~frame["row_id"].isin(known) & ~frame["row_id"].duplicated()).to_numpy()
    new_rows = identified.filter(pa.array(fresh))
    if new_rows.num_rows:
        hashes, sources = new_rows["content_hash"], new_rows["source"]
        stamped = run.stamped(new_rows.drop_columns(["content_hash", "source"]), sources, hashes)
        run.append("quarantine", stamped.select(schemas.QUARANTINE.names))
    return rows.num_rows, reason_lines(rows)


@contextmanager
def refusals() -> Iterator[list[pa.Table]]:
    """Collect every row that is refused inside, those already in quarantine too.

    Tables have the columns of `REJECTED`, and `row_id`.
    """
    collected: list[pa.Table] = []
    token = _REFUSED.set(collected)
    try:
        yield collected
    finally:
        _REFUSED.reset(token)


def release(run: Run, table: str, keys: pa.Array | pa.ChunkedArray) -> None:
    """Take the rows of these keys out of quarantine: the table has accepted them."""
    held = _held(run, ["row_id", "table", "key"])
    accepted = held.filter(
        pc.and_(pc.equal(held["table"], table), pc.is_in(held["key"], value_set=keys))
    )
    run.delete("quarantine", accepted.select(["row_id"]))


def _held(run: Run, columns: list[str]) -> pa.Table:
    """Return the rows of quarantine as the run has left them so far."""
    written = run.outputs.get("quarantine")
    if written is None:
        return run.read("quarantine", columns)
    return run.lake.read("quarantine", columns, version=written)


def _row_ids(rows: pa.Table) -> list[str]:
    """Return an id a row that is the same whenever the same row is rejected for the same reason."""
    ids = []
    for row in rows.select(
        ["table", "source", "key", "reference", "rule", "content_hash"]
    ).to_pylist():
        # A keyed row keeps its id when it moves to another line of its file.
        place = row["key"] or row["reference"]
        text = "\x1f".join([row["table"], row["source"], place, row["rule"], row["content_hash"]])
        ids.append(hashlib.sha256(text.encode()).hexdigest()[:32])
    return ids


def reason_lines(rejected: pa.Table) -> tuple[str, ...]:
    """Return a line a reason: how many rows of which table, and where the first one stands."""
    lines = []
    frame = rejected.select(["table", "rule", "reason", "reference"]).to_pandas()
    for (table, rule, reason), rows in frame.groupby(["table", "rule", "reason"], sort=False):
        first = rows["reference"].iloc[0]
        lines.append(f"quarantined {len(rows):,} of {table}: {rule}: {reason} (first: {first})")
    return tuple(lines)
