"""The last measurement of label drift."""

import pandas as pd

from pipeline.figures.lake_queries import LakeQueries


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
