"""Retrieval measures of an embedding with graded relevance, exact and chunked.

The relevance of a gallery exam to a query is the similarity of their label sets (Jaccard index;
two normal exams 1). Unknown pairs (two empty sets, not both normal) and excluded exams (the
query's own exam, its patient) are no candidates. With g_r the relevance at rank r:

- nDCG@k: Σ_{r≤k} g_r / log2(r+1), over the same sum of the ideal ranking of the same candidates
  (Järvelin and Kekäläinen 2002, linear gain).
- mAP@k: Σ_{r≤k} P@r · [g_r > 0] over min(k, number of relevant candidates).
- P@k: share of the first k with g_r > 0, over k.
- Jaccard@k: mean g_r of the first k, or of all candidates if there are fewer.

Binary relevance, g > 0, says that two exams share a label or are both normal. A query without a
relevant candidate has no measure (NaN) and is to be counted by the caller.

Ranking is by inner product. Equal products are ranked in one fixed pseudo-random order of the
gallery, never in the order of its rows: an embedding that has collapsed to a point then measures
as chance even if the gallery is sorted by label.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MEASURES = ("nDCG", "mAP", "P", "Jaccard")

# Elements of the (queries x gallery) matrix that are held at once: 128 MB in float32.
_CHUNK_ELEMENTS = 2**25


@dataclass(frozen=True)
class Candidates:
    """The exams a query may be answered with.

    `query_codes` and `gallery_codes` number the exams' distinct label sets, `similarity`
    `(n_sets, n_sets)` is theirs, NaN for unknown pairs. Each entry of `exclusions` is a pair of
    integer arrays `(n_queries,)` and `(n_gallery,)`; a gallery exam is no candidate where they
    agree (own exam, own patient).
    """

    query_codes: np.ndarray
    gallery_codes: np.ndarray
    similarity: np.ndarray
    exclusions: Sequence[tuple[np.ndarray, np.ndarray]]

    def excluded_pairs(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the excluded pairs of the queries `rows` as (query in the chunk, gallery)."""
        n_gallery = len(self.gallery_codes)
        pairs = []
        for queries, gallery in self.exclusions:
            order = np.argsort(gallery, kind="stable")
            asked = queries[rows]
            first = np.searchsorted(gallery, asked, side="left", sorter=order)
            last = np.searchsorted(gallery, asked, side="right", sorter=order)
            sizes = last - first
            starts = np.repeat(first - np.r_[0, np.cumsum(sizes)[:-1]], sizes)
            members = order[starts + np.arange(sizes.sum())]
            pairs.append(np.repeat(np.arange(len(asked)), sizes) * n_gallery + members)
        # An exam excluded twice (own exam and own patient) must be taken off the counts once.
        return np.divmod(np.unique(np.concatenate([np.empty(0, np.int64), *pairs])), n_gallery)


def retrieval_measures(
    queries: np.ndarray,
    gallery: np.ndarray,
    candidates: Candidates,
    ks: Sequence[int] = (10,),
) -> dict[str, np.ndarray]:
    """Measure the ranking of the gallery for each query.

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
    `{"nDCG@10": float64 (n_queries,), "mAP@10": ..., "P@10": ..., "Jaccard@10": ...}` for each k,
    NaN for queries without a relevant candidate.
    """
    deepest = max(ks)
    if min(ks) < 1:
        raise ValueError(f"depths must be at least 1, not {min(ks)}")
    shuffled = np.random.default_rng(0).permutation(len(gallery))
    shown = np.ascontiguousarray(gallery[shuffled].T)
    place = np.empty_like(shuffled)
    place[shuffled] = np.arange(len(shuffled))
    codes = candidates.gallery_codes[shuffled]
    counts = np.bincount(codes, minlength=len(candidates.similarity))

    parts: list[dict[str, np.ndarray]] = []
    chunk = max(1, _CHUNK_ELEMENTS // max(1, len(gallery)))
    for start in range(0, len(queries), chunk):
        rows = slice(start, min(start + chunk, len(queries)))
        scores = queries[rows] @ shown
        relevance = candidates.similarity[candidates.query_codes[rows]]
        excluded = candidates.excluded_pairs(rows)
        scores[excluded[0], place[excluded[1]]] = -np.inf
        # Few queries have unknown pairs: those with an empty label set.
        unknown = np.isnan(relevance) & (counts > 0)
        for row in np.flatnonzero(unknown.any(axis=1)):
            scores[row, unknown[row][codes]] = -np.inf

        available = np.tile(counts, (len(relevance), 1))
        excluded_codes = candidates.gallery_codes[excluded[1]]
        np.subtract.at(available, (excluded[0], excluded_codes), 1)
        available[np.isnan(relevance)] = 0
        relevance = np.nan_to_num(relevance, nan=0.0)

        best = first_columns(scores, deepest)
        gains = np.take_along_axis(relevance, codes[best], axis=1).astype(np.float64)
        # Fewer candidates than k: the ranks below the last candidate are empty.
        filled = np.take_along_axis(scores, best, axis=1) > -np.inf
        gains[~filled] = 0.0
        parts.append(_measures(gains, filled, relevance, available, ks))
    names = [f"{measure}@{k}" for k in ks for measure in MEASURES]
    return {name: np.concatenate([np.empty(0), *(part[name] for part in parts)]) for name in names}


def first_columns(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k highest scores of each row, highest first, ties by lower column."""
    k = min(k, scores.shape[1])
    if k == scores.shape[1]:
        return np.argsort(-scores, axis=1, kind="stable")
    best = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    taken = np.take_along_axis(scores, best, axis=1)
    lowest = taken.min(axis=1, keepdims=True)
    # Where the last place is tied, the partition picked one of the tied at random.
    tied = (scores >= lowest).sum(axis=1) > k
    best = np.take_along_axis(best, np.argsort(-taken, axis=1, kind="stable"), axis=1)
    for row in np.flatnonzero(tied):
        best[row] = np.argsort(-scores[row], kind="stable")[:k]
    return best


def _measures(
    gains: np.ndarray,
    filled: np.ndarray,
    relevance: np.ndarray,
    available: np.ndarray,
    ks: Sequence[int],
) -> dict[str, np.ndarray]:
    """Measures of ranked gains `(q, depth)`.

    `relevance` and `available` `(q, n_sets)` say how relevant each label set is to the query and
    how many candidates have it: all that the ideal ranking needs.
    """
    depth = gains.shape[1]
    n_relevant = np.where(relevance > 0, available, 0).sum(axis=1)
    ideal = _ideal_gains(relevance, available, depth)
    discount = 1.0 / np.log2(np.arange(2, depth + 2))
    relevant = gains > 0
    hits = relevant.cumsum(axis=1)
    precision = hits / np.arange(1, depth + 1)

    measures = {}
    nothing = n_relevant == 0
    for k in ks:
        cut = slice(0, min(k, depth))
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {
                "nDCG": (gains * discount)[:, cut].sum(axis=1)
                / (ideal * discount)[:, cut].sum(axis=1),
                "mAP": (precision * relevant)[:, cut].sum(axis=1) / np.minimum(k, n_relevant),
                "P": relevant[:, cut].sum(axis=1) / k,
                "Jaccard": gains[:, cut].sum(axis=1) / filled[:, cut].sum(axis=1),
            }
        for name, values in found.items():
            measures[f"{name}@{k}"] = np.where(nothing, np.nan, values)
    return measures


def _ideal_gains(relevance: np.ndarray, available: np.ndarray, depth: int) -> np.ndarray:
    """Gains of the best ranking, `(q, depth)`: label sets by relevance, each as often as held."""
    order = np.argsort(-relevance, axis=1, kind="stable")
    sorted_relevance = np.take_along_axis(relevance, order, axis=1)
    ends = np.take_along_axis(available, order, axis=1).cumsum(axis=1)
    ideal = np.zeros((len(relevance), depth))
    for rank in range(depth):
        # The first set whose candidates reach down to this rank.
        reached = ends > rank
        at = reached.argmax(axis=1)
        gain = np.take_along_axis(sorted_relevance, at[:, None], axis=1)[:, 0]
        ideal[:, rank] = np.where(reached.any(axis=1), gain, 0.0)
    return ideal
