"""Retrieval class by class: whether the neighbours of an exam with a finding have that finding.

For class c the queries are those that have it, and a candidate is relevant, with gain 1, when it
has it, whatever else either has. Queries without the class have no measure (NaN).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.candidates import Candidates
from training.neighbours import Neighbours
from training.retrieval import measures_of_neighbours

CLASS_MEASURES = ("nDCG", "mAP", "P", "Recall")


def class_measures(
    neighbours: Neighbours, candidates: Candidates, members: np.ndarray, ks: Sequence[int] = (10,)
) -> dict[str, np.ndarray]:
    """Measure neighbours for each class.

    Parameters
    ----------
    neighbours, candidates
        As in `training.retrieval.measures_of_neighbours`. A query that has a class has no unknown
        pair, so its candidates are the same for class and graded relevance.
    members
        bool `(n_sets, n_classes)`, the classes of each label set (`set_members`).
    ks
        Depths.

    Returns
    -------
    `{"nDCG@10": float64 (n_queries, n_classes), "mAP@10": ..., "P@10": ..., "Recall@10": ...}` for
    each k.
    """
    shape = (len(candidates.query_codes), members.shape[1])
    found = {f"{name}@{k}": np.full(shape, np.nan) for k in ks for name in CLASS_MEASURES}
    for column, has in enumerate(members.T):
        asked = np.flatnonzero(has[candidates.query_codes])
        if len(asked) == 0:
            continue
        relevance = np.broadcast_to(has.astype(np.float32), (len(has), len(has)))
        of_class = replace(candidates.only(asked), similarity=relevance)
        near = Neighbours(neighbours.rows[asked], neighbours.products[asked])
        measured = measures_of_neighbours(near, of_class, ks)
        for name, values in found.items():
            values[asked, column] = measured[name]
    return found


def set_members(labels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Classes of each distinct label set, bool `(n_sets, n_classes)`.

    `labels` `(n, n_classes)` and `codes` `(n,)` belong to the same exams, which hold every set.
    """
    sets, first = np.unique(codes, return_index=True)
    if not np.array_equal(sets, np.arange(len(sets))):
        raise ValueError("the codes do not number the label sets of these exams without a gap")
    return np.asarray(labels)[first] > 0
