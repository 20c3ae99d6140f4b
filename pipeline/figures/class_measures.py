"""Measures of retrieval and clustering by class, of every model measured on one release."""

import pandas as pd

from pipeline.figures.lake_queries import LakeQueries

OVERALL = ("all", "abnormal", "mean of classes")


def class_measures(queries: LakeQueries, split: str, truth: str) -> pd.DataFrame:
    """Return the figures on the newest release that was measured on.

    Columns: model_id, measure, queries (a class, or one of `OVERALL`), value, low, high (95 %
    interval by bootstrap, null where there is none), n_queries. Figures by class are those whose
    measure begins with «class » in table evaluations; the word is left out here. `split` and
    `truth` are as in [evaluate].
    """
    table = queries.table(
        "select model_id, measure, queries, value, low, high, n_queries from evaluations "
        "where split = ? and truth = ? and value is not null and manifest_version = "
        "(select max(manifest_version) from evaluations where split = ? and truth = ?) "
        "order by model_id, measure, queries",
        [split, truth, split, truth],
    )
    frame = table.to_pandas()
    by_class = frame["measure"].str.startswith("class ")
    overall = ~by_class & frame["queries"].isin(OVERALL[:2])
    frame["measure"] = frame["measure"].str.removeprefix("class ")
    return frame[by_class | overall].reset_index(drop=True)
