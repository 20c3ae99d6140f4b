"""Which classes are positive together, in an order that puts like classes side by side."""

from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa

from labelers import Scheme
from pipeline.figures.class_months import finding_columns, made_of_labels
from pipeline.figures.class_states import state_of_class
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved


def cooccurrence(queries: LakeQueries, scheme: Scheme) -> pd.DataFrame:
    """Return a row a pair of classes, both ways round.

    Columns: row, column (classes; their order of appearance is that of the map), exams (positive
    in both), jaccard (of the exams positive in either, the share positive in both). The order is
    that of the leaves of average linkage over one minus Jaccard. The normal class is left out: it
    goes with nothing by its meaning.
    """
    classes = [name for name in scheme.classes if name != scheme.normal_class]
    made_of = made_of_labels(queries, scheme)
    counts = saved(queries.lake, "cooccurrence", made_of, lambda: _counts(queries, scheme, classes))
    both = counts["exams"].to_numpy().reshape(len(classes), len(classes))
    own = np.diag(both)
    either = own[:, None] + own[None, :] - both
    jaccard = np.divide(both, either, out=np.zeros(both.shape), where=either > 0)
    order = _order(jaccard)
    return pd.DataFrame(
        [
            {
                "row": classes[i],
                "column": classes[j],
                "exams": int(both[i, j]),
                "jaccard": jaccard[i, j],
            }
            for i in order
            for j in order
            if i != j
        ]
    )


def _counts(queries: LakeQueries, scheme: Scheme, classes: list[str]) -> pa.Table:
    """Return the exams positive in both of two classes, row by row of the square."""
    if queries.has("labels"):
        findings = finding_columns(queries)
        states = ", ".join(
            f'{state_of_class(scheme, name, findings)} = 1 as "{name}"' for name in classes
        )
        source = f"(select {states} from labels)"
    else:
        states = ", ".join(
            f"""coalesce(bool_or("class" = '{name}' and state = 1), false) as "{name}\""""
            for name in classes
        )
        source = f"(select {states} from file_labels group by exam_id)"
    pairs = [*((name, name) for name in classes), *combinations(classes, 2)]
    counts = ", ".join(f'count(*) filter ("{a}" and "{b}")' for a, b in pairs)
    told = queries.table(f"select {counts} from {source}")
    square = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for (a, b), column in zip(pairs, told.columns, strict=True):
        i, j = classes.index(a), classes.index(b)
        square[i, j] = square[j, i] = column[0].as_py()
    return pa.table({"exams": square.ravel()})


def _order(jaccard: np.ndarray) -> list[int]:
    if len(jaccard) < 3:
        return list(range(len(jaccard)))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    apart = 1 - jaccard
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), method="average", optimal_ordering=True)
    return [int(leaf) for leaf in leaves_list(tree)]
