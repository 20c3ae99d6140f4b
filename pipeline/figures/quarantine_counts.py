"""What waits in quarantine, counted by table, rule, source and day; and what was discarded."""

import pandas as pd

from pipeline.figures.lake_queries import LakeQueries

# Rows on which nobody has decided; the names of both tables stand in every query.
_OPEN = (
    "(select * from quarantine where row_id not in "
    "(select row_id from quarantine_decisions where decision = 'discarded'))"
)


def quarantine_counts(queries: LakeQueries) -> pd.DataFrame:
    """Return columns table, rule, reason, source, day and rows, the most rows first."""
    return queries.table(
        'select "table", rule, reason, source, committed_at::date as day, count(*) as rows '
        f"from {_OPEN} group by all order by rows desc, day desc"
    ).to_pandas()


def quarantined_rows(queries: LakeQueries, table: str, rule: str, most: int = 500) -> pd.DataFrame:
    """Return where the rows that a rule refused stand in their sources, the newest first."""
    return queries.table(
        f"select row_id, reference, key, reason, source, committed_at from {_OPEN} "
        'where "table" = ? and rule = ? order by committed_at desc, reference limit ?',
        [table, rule, most],
    ).to_pandas()


def discarded_rows(queries: LakeQueries, most: int = 500) -> pd.DataFrame:
    """Return the rows that were discarded, by whom and when, the newest first."""
    return queries.table(
        'select committed_at as discarded, who, "table", rule, reference, key, reason '
        "from quarantine_decisions where decision = 'discarded' order by decision_no desc limit ?",
        [most],
    ).to_pandas()
