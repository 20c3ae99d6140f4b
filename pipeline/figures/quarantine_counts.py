"""What is in quarantine: counts by table, rule, source and day."""

import pandas as pd

from pipeline.figures.lake_queries import LakeQueries


def quarantine_counts(queries: LakeQueries) -> pd.DataFrame:
    """Return columns table, rule, reason, source, day and rows, the most rows first."""
    return queries.table(
        'select "table", rule, reason, source, committed_at::date as day, count(*) as rows '
        "from quarantine group by all order by rows desc, day desc"
    ).to_pandas()


def quarantined_rows(queries: LakeQueries, table: str, rule: str, most: int = 500) -> pd.DataFrame:
    """Return where the rows that a rule refused stand in their sources, the newest first."""
    return queries.table(
        "select reference, key, reason, source, committed_at from quarantine "
        'where "table" = ? and rule = ? order by committed_at desc, reference limit ?',
        [table, rule, most],
    ).to_pandas()
