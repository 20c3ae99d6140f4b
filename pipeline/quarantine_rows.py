"""The rows of quarantine that are open, and which of them a person means."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake import Lake
from pipeline.user_error import UserError

DISCARDED = "discarded"
RELEASED = "released"


def open_rows(lake: Lake) -> pa.Table:
    """Return the rows of quarantine on which nobody has decided, the newest first."""
    rows = lake.read("quarantine")
    gone = decided_rows(lake, DISCARDED)["row_id"]
    return rows.filter(pc.invert(pc.is_in(rows["row_id"], value_set=gone))).sort_by(
        [("committed_at", "descending"), ("reference", "ascending")]
    )


def decided_rows(lake: Lake, decision: str) -> pa.Table:
    """Return what was decided so (`DISCARDED`, `RELEASED`), the newest first."""
    made = lake.read("quarantine_decisions")
    return made.filter(pc.equal(made["decision"], decision)).sort_by(
        [("decision_no", "descending")]
    )


def chosen_rows(
    lake: Lake, row_ids: Sequence[str] = (), table: str | None = None, rule: str | None = None
) -> pa.Table:
    """Return open rows: those named, and of these those of a table and a rule.

    Parameters
    ----------
    row_ids
        Ids, or beginnings of them that no other open row has; every open row if none is named.

    Raises
    ------
    UserError
        A name is of no open row or of several, or no row is left.
    """
    rows = open_rows(lake)
    ids = rows["row_id"].to_pylist()
    if row_ids:
        named = pa.array([_named(ids, name) for name in row_ids], pa.string())
        rows = rows.filter(pc.is_in(rows["row_id"], value_set=named))
    for column, value in (("table", table), ("rule", rule)):
        if value is not None:
            rows = rows.filter(pc.equal(rows[column], value))
    if rows.num_rows == 0:
        raise UserError(
            f"{lake.root}: no open row of quarantine is meant; see `radsim quarantine list`"
        )
    return rows


def _named(ids: Sequence[str], name: str) -> str:
    found = [row_id for row_id in ids if row_id.startswith(name)]
    if len(found) != 1 or not name:
        why = "is no open row" if not found else "is the beginning of several rows"
        raise UserError(f"{name}: {why} of quarantine; see `radsim quarantine list`")
    return found[0]
