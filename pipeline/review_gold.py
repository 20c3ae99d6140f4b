"""Reviews as a gold: what reviewers settled, by exam and class, to judge labels by."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from labelers.aggregation import NOT_MENTIONED
from pipeline.gold_files import StateFile, read_columns, read_state_file
from pipeline.labelling import label_scheme
from pipeline.readers.source_error import SourceError, printable
from pipeline.review_decisions import SKIP, STATE, UNDO, settled
from pipeline.user_error import UserError
from pipeline.waiting_reviews import FIELDS

# The columns by which an export of reviews is told from a gold of one row an exam.
_EXPORTED = {"exam_id", "scheme", "class", "reviewer", "time", "decision", "state"}


def read_gold(
    path: Path, key: str, scheme: str | None = None, vocabulary: Path | None = None
) -> StateFile:
    """Read a gold: one row an exam, or the decisions that `radsim review export` writes.

    Parameters
    ----------
    path
        CSV, TSV or Parquet.
    key
        Column of the exam, of a file with one row an exam.
    scheme, vocabulary
        As in `gold_of_decisions`.

    Raises
    ------
    SourceError
        The file cannot be read, lacks a column, or holds what is no state or decision.
    UserError
        Its decisions settle nothing, or are of several schemes.
    """
    columns, _ = read_columns(path)
    if not set(columns) >= _EXPORTED:
        return read_state_file(path, key)
    name = printable(path)
    return gold_of_decisions(_decisions(columns, name), name, scheme, vocabulary)


def gold_of_decisions(
    decisions: pa.Table, name: str, scheme: str | None = None, vocabulary: Path | None = None
) -> StateFile:
    """Return the states that more than half of the reviewers of an exam and class give.

    A class of an exam that nobody reviewed, that was skipped, or on which reviewers differ is not
    judged: it is no gold negative.

    Parameters
    ----------
    decisions
        With the columns of table `reviews`.
    name
        Where they are from, for messages.
    scheme
        The label scheme whose reviews are meant; by default the only one that there are any of.
    vocabulary
        Folder of the site's additions to the vocabulary.

    Raises
    ------
    UserError
        No state is settled, or it must be said which scheme is meant.
    """
    together = settled(decisions)
    schemes = sorted({of for _, of, _ in together.states})
    if scheme is None and len(schemes) > 1:
        raise UserError(
            f"{name}: holds reviews of the schemes {', '.join(schemes)}; say which with --scheme"
        )
    scheme = scheme or (schemes[0] if schemes else None)
    rows = [(exam, of, state) for (exam, by, of), state in together.states.items() if by == scheme]
    if not rows:
        others = f" of scheme {scheme}" if schemes else ""
        held = f"; there are some of {', '.join(schemes)}" if schemes else ""
        raise UserError(
            f"{name}: reviewers settled no state{others}{held}; review some on the dashboard or "
            "with `radsim review set`"
        )
    long = pd.DataFrame(rows, columns=["exam_id", "class", "state"])
    long["state"] = long["state"].fillna(int(NOT_MENTIONED)).astype("int8")
    wide = long.pivot(index="exam_id", columns="class", values="state")
    ids = pa.array(wide.index, pa.string())
    known = label_scheme(str(scheme), vocabulary).classes
    classes = [*(c for c in known if c in wide), *sorted(set(wide) - set(known))]
    judged = {of: wide[of].notna().to_numpy() for of in classes}
    states = {
        of: pa.array(
            np.where(judged[of], wide[of], 0).astype(np.int8),
            mask=~judged[of] | (wide[of] == NOT_MENTIONED).to_numpy(),
        )
        for of in classes
    }
    return StateFile(name, ids, {"exam_id": ids, **states}, {"scheme": str(scheme)}, judged)


def _decisions(columns: dict[str, pa.Array], name: str) -> pa.Table:
    """Return the rows of an export with the columns of table `reviews`."""
    file = StateFile(name, columns["exam_id"], columns)
    states = file.state("state")
    told = {field: columns[field].cast(pa.string()) for field in _EXPORTED - {"state", "time"}}
    for field, values in told.items():
        if values.null_count or "" in set(values.to_pylist()):
            raise SourceError(f"{name}: column '{field}' has an empty cell; export it again")
    if not set(told["decision"].to_pylist()) <= {STATE, SKIP, UNDO}:
        raise SourceError(
            f"{name}: column 'decision' holds {STATE}, {SKIP} or {UNDO}; export it again"
        )
    times = pd.to_datetime(
        pd.Series(columns["time"].to_pylist()), utc=True, errors="coerce", format="ISO8601"
    )
    if times.isna().any():
        raise SourceError(
            f"{name} row {int(np.flatnonzero(times.isna())[0]) + 1}: column 'time' holds no time "
            "such as 2026-01-31 12:00:00Z"
        )
    return pa.table(
        {
            **told,
            "time": pa.Array.from_pandas(times).cast(FIELDS.field("time").type),
            "state": pa.array(states, pa.int8(), mask=states == NOT_MENTIONED),
        }
    )
