"""Retrieval measures of an embedding with graded relevance, exact and chunked.

The relevance of a gallery exam to a query is the similarity of their label sets (Jaccard index;
two normal exams 1). Unknown pairs (two empty sets, not both normal) and excluded exams (the
query's own exam, its patient) are no candidates. Binary relevance says that two exams share a
label or are both normal. A query without a relevant candidate has no measure (NaN) and is to be
counted by the caller; an exam with an empty label set that is not normal is such a query.

`training.ranked_measures` defines each measure, `training.neighbours` the ranking and its ties,
`training.full_ranking` what looks at all ranks.
"""

from collections.abc import Sequence

import numpy as np

from training.candidates import Candidates
from training.neighbours import Neighbours, nearest_candidates
from training.ranked_measures import MEASURES, ranked_measures

# Elements of the (queries x label sets) matrices that are held at once: 16 MB in float64.
_CHUNK_ELEMENTS = 2**21


def retrieval_measures(
    queries: np.ndarray,
    gallery: np.ndarray,
    candidates: Candidates,
    ks: Sequence[int] = (10,),
) -> dict[str, np.ndarray]:
    """Measure the exact ranking of the gallery for each query.

    Parameters
    ----------
    queries, gallery
        float32 `(n_queries, d)` and `(n_gallery, d)`, of unit length.
    candidates
        Label sets and exclusions of both.
    ks
        Depths.

    Returns
    -------
    `{"nDCG@10": float64 (n_queries,), "mAP@10": ..., "P@10": ..., "Recall@10": ...,
    "Jaccard@10": ...}` for each k, NaN for queries without a relevant candidate.
    """
    check_depths(ks)
    found = nearest_candidates(queries, gallery, candidates, max(ks))
    return measures_of_neighbours(found, candidates, ks)


def measures_of_neighbours(
    neighbours: Neighbours, candidates: Candidates, ks: Sequence[int] = (10,)
) -> dict[str, np.ndarray]:
    """Measure neighbours found by whatever index, as `retrieval_measures` does.

    `neighbours` hold candidates only (`nearest_candidates`, `neighbours_through`) and are as deep
    as the deepest of `ks`, or as the gallery. The ideal ranking and the numbers of relevant
    candidates are those of the whole gallery, however the neighbours were found. An approximate
    index mostly loses, but gains where what it misses was not relevant.
    """
    rows, deepest = neighbours.rows, check_depths(ks)
    n_gallery = len(candidates.gallery_codes)
    if rows.shape[1] < min(deepest, n_gallery):
        raise ValueError(f"{rows.shape[1]} neighbours per query, measured to depth {deepest}")
    names = [f"{measure}@{k}" for k in ks for measure in MEASURES]
    if rows.shape[1] == 0:
        return {name: np.full(len(rows), np.nan) for name in names}
    rows = rows[:, :deepest]
    parts: list[dict[str, np.ndarray]] = []
    chunk = max(1, _CHUNK_ELEMENTS // len(candidates.similarity))
    for start in range(0, len(rows), chunk):
        here = slice(start, min(start + chunk, len(rows)))
        relevance = candidates.relevance(here)
        filled = rows[here] >= 0
        codes = candidates.gallery_codes[rows[here]]
        gains = np.take_along_axis(relevance, codes, axis=1).astype(np.float64)
        gains[~filled] = 0.0
        parts.append(ranked_measures(gains, filled, relevance, candidates.available(here), ks))
    return {name: np.concatenate([np.empty(0), *(part[name] for part in parts)]) for name in names}


def check_depths(ks: Sequence[int]) -> int:
    """Return the deepest of the depths; raise `ValueError` if one is below 1."""
    if min(ks) < 1:
        raise ValueError(f"depths must be at least 1, not {min(ks)}")
    return max(ks)
