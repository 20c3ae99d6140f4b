"""Measures of the first ranks of each query's answers.

With g_r the relevance at rank r, k a depth and N the number of relevant candidates:

- nDCG@k: Σ_{r≤k} g_r / log2(r+1), over the same sum of the ideal ranking of the same candidates
  (Järvelin and Kekäläinen 2002, linear gain).
- mAP@k: Σ_{r≤k} P@r · [g_r > 0] over min(k, N).
- P@k: share of the first k with g_r > 0, over k even where there are fewer candidates.
- Recall@k: share of the N relevant candidates among the first k.
- Jaccard@k: mean g_r of the first k, or of all candidates if there are fewer.
"""

from collections.abc import Sequence

import numpy as np

MEASURES = ("nDCG", "mAP", "P", "Recall", "Jaccard")


def ranked_measures(
    gains: np.ndarray,
    filled: np.ndarray,
    relevance: np.ndarray,
    available: np.ndarray,
    ks: Sequence[int],
) -> dict[str, np.ndarray]:
    """Measure ranked gains `(q, depth)`, 0 where not `filled` (no candidate at that rank).

    `relevance` and `available` `(q, n_sets)` say how relevant each label set is to the query and
    how many candidates have it: all that the ideal ranking needs.

    Returns `{"nDCG@10": float64 (q,), ...}` for each k, NaN where no candidate is relevant.
    """
    depth = gains.shape[1]
    n_relevant = np.where(relevance > 0, available, 0).sum(axis=1)
    ideal = ideal_gains(relevance, available, depth)
    discount = 1.0 / np.log2(np.arange(2, depth + 2))
    relevant = gains > 0
    hits = relevant.cumsum(axis=1)
    precision = hits / np.arange(1, depth + 1)
    dcg, best_dcg = (gains * discount).cumsum(axis=1), (ideal * discount).cumsum(axis=1)
    precisions = (precision * relevant).cumsum(axis=1)
    gained, n_filled = gains.cumsum(axis=1), filled.cumsum(axis=1)

    measures = {}
    nothing = n_relevant == 0
    for k in ks:
        last = min(k, depth) - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {
                "nDCG": dcg[:, last] / best_dcg[:, last],
                "mAP": precisions[:, last] / np.minimum(k, n_relevant),
                "P": hits[:, last] / k,
                "Recall": hits[:, last] / n_relevant,
                "Jaccard": gained[:, last] / n_filled[:, last],
            }
        for name, values in found.items():
            measures[f"{name}@{k}"] = np.where(nothing, np.nan, values)
    return measures


def ideal_gains(relevance: np.ndarray, available: np.ndarray, depth: int) -> np.ndarray:
    """Gains of the best ranking, `(q, depth)`: label sets by relevance, each as often as held."""
    order = np.argsort(-relevance, axis=1, kind="stable")
    gains = np.take_along_axis(relevance, order, axis=1).astype(np.float64)
    ends = np.minimum(np.take_along_axis(available, order, axis=1).cumsum(axis=1), depth)
    # Ranks behind the last candidate gain nothing.
    gains = np.column_stack([gains, np.zeros(len(gains))])
    ends = np.column_stack([ends, np.full(len(ends), depth)])
    times = np.diff(ends, axis=1, prepend=0)
    return np.repeat(gains.ravel(), times.ravel()).reshape(len(gains), depth)
