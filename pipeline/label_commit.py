"""Mentions and labels held to their contracts and committed, for the stages that label."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.contracts import checked
from pipeline.lake_run import Run
from pipeline.quarantine import rejected_rows


def commit_labels(
    run: Run, parts: list[tuple[pa.Table, pa.Table]], findings: Sequence[str], *, anew: bool
) -> list[pa.Table]:
    """Commit the exams whose mentions and labels keep their contracts; return the others.

    Parameters
    ----------
    run
        The run that writes.
    parts
        Mentions and labels, with `source` and `content_hash` beside.
    findings
        The findings of the vocabulary: the columns of labels.
    anew
        Whether these rows are all that the tables shall hold, and not added to them.

    Returns
    -------
    Rejected rows, in the shape of quarantine.
    """
    tables = {
        "mentions": (pa.concat_tables(mentions for mentions, _ in parts), schemas.MENTIONS),
        "labels": (pa.concat_tables(labels for _, labels in parts), schemas.labels(findings)),
    }
    stamped: dict[str, pa.Table] = {}
    rejected: list[pa.Table] = []
    broken: set[str] = set()
    for name, (rows, schema) in tables.items():
        stamped[name] = (
            run.stamped(
                rows.drop_columns(["source", "content_hash"]), rows["source"], rows["content_hash"]
            )
            .select(schema.names)
            .cast(schema)
        )
        result = checked(run, name, stamped[name], findings if name == "labels" else ())
        bad = result.rejected.to_pandas()
        lost = stamped[name].take(pa.array(bad["row"]))
        bad["exam_id"] = lost["exam_id"].to_pandas()
        bad["source"] = lost["source"].to_pandas()
        bad = bad[~bad["exam_id"].isin(broken)].drop_duplicates("exam_id")
        broken |= set(bad["exam_id"])
        ids = pa.array(bad["exam_id"], pa.string())
        rejected.append(
            rejected_rows(
                name,
                ids,
                ids,
                pa.array(bad["rule"], pa.string()),
                pa.array(bad["reason"], pa.string()),
                pa.array(bad["source"], pa.string()),
            )
        )
    for name, rows in stamped.items():
        if broken:
            lost_ids = pa.array(sorted(broken), pa.string())
            rows = rows.filter(pc.invert(pc.is_in(rows["exam_id"], value_set=lost_ids)))
        (run.overwrite if anew else run.append)(name, rows)
    return rejected
