"""What a new release has that the last one had not, and what has left it."""

import pandas as pd
import pyarrow as pa

from pipeline.lake_run import Run
from pipeline.manifests import Release

_COLUMNS = ["exam_id", "image_id", "pixel_digest", "content_hash"]


def release_changes(run: Run, last: Release, before: pa.Table, after: pa.Table) -> dict[str, int]:
    """Count what changed from the rows of the last release to those of the next.

    Parameters
    ----------
    run
        The run that links; its reports and label files tell since when an exam is known.
    last
        The last release.
    before, after
        Its rows, and those of the next.

    Returns
    -------
    ``new exams``: of reports that the lake did not hold when the last release was made.
    ``late images``: that came for exams whose report it did hold.
    ``exams amended``: whose report or file says something else now, an image being the same.
    ``exams retracted``: that left because their report was taken back.
    ``exams gone``: that left for another reason, such as an image that is gone.
    """
    old, new = (rows.select(_COLUMNS).to_pandas() for rows in (before, after))
    told_before = _told_before(run, last)
    known = new["exam_id"].isin(told_before) | new["exam_id"].isin(old["exam_id"])
    left = old.loc[~old["exam_id"].isin(new["exam_id"]), "exam_id"].drop_duplicates()
    retracted = left.isin(_retracted(run))
    both = old.merge(new, on=["exam_id", "image_id", "pixel_digest"], suffixes=("", "_now"))
    amended = both.loc[both["content_hash"] != both["content_hash_now"], "exam_id"]
    return {
        "new exams": int(new.loc[~known, "exam_id"].nunique()),
        "late images": int((known & ~new["image_id"].isin(old["image_id"])).sum()),
        "exams amended": int(amended.nunique()),
        "exams retracted": int(retracted.sum()),
        "exams gone": int((~retracted).sum()),
    }


def _told_before(run: Run, last: Release) -> pd.Series:
    """Return the exams whose report or labels of a file were there when a release was made."""
    tables = [
        run.read(name, ["exam_id", "committed_at"]).to_pandas()
        for name in ("reports", "file_labels")
    ]
    rows = pd.concat(tables, ignore_index=True)
    return rows.loc[rows["committed_at"] < pd.Timestamp(last.created_at), "exam_id"]


def _retracted(run: Run) -> pd.Series:
    reports = run.read("reports", ["exam_id", "status"]).to_pandas()
    return reports.loc[reports["status"] == "retracted", "exam_id"]
