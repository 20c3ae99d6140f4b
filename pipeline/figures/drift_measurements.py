"""The last measurement of label drift, and the days of the exams that it judged."""

from datetime import date, timedelta

import pandas as pd

from pipeline.figures.lake_queries import LakeQueries
from pipeline.run_history import finished_runs
from pipeline.settings import DriftSettings


def last_drift(queries: LakeQueries, scheme: str) -> pd.DataFrame:
    """Return the rows of the last measurement under a scheme, one a class; none if none was made.

    Columns are those of table drift, and `at`, when it was measured.
    """
    return queries.table(
        "select * exclude (committed_at), committed_at as at from drift "
        "where scheme = ? and committed_at = "
        "(select max(committed_at) from drift where scheme = ?)",
        [scheme, scheme],
    ).to_pandas()


def days_of_batch(
    queries: LakeQueries, drift: pd.DataFrame, settings: DriftSettings
) -> tuple[date, date] | None:
    """Return the first and last day of the new exams of a measurement; None where none is known.

    These are the days between which the batch lies; exams that came earlier may share them.

    Parameters
    ----------
    drift
        The measurement, as `last_drift` returns it.
    settings
        Those it was made with.
    """
    if drift.empty:
        return None
    if settings.batch_days:
        [row] = queries.rows("select max(exam_time) as last from reports")
        if row["last"] is None:
            return None
        first = row["last"] - timedelta(days=settings.batch_days)
        return first.date(), row["last"].date()
    version = int(drift["reports_version"].iloc[0])
    [row] = queries.rows(
        "select max(measured_to) as version from drift where scheme = ? and reports_version < ?",
        [drift["scheme"].iloc[0], version],
    )
    if row["version"] is None:
        return None
    came = [
        run.run_id
        for run in finished_runs(queries.lake)
        if row["version"] < run.outputs.get("reports", -1) <= version
    ]
    [days] = queries.rows(
        "select min(exam_time)::date as first, max(exam_time)::date as last "
        "from reports where list_contains(?::varchar[], run_id)",
        [came],
    )
    return None if days["first"] is None else (days["first"], days["last"])
