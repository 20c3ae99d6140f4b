"""Cross-view retrieval: how often an exam asked in one view finds itself in the other."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom

# Elements of the (queries x gallery) matrix that are held at once.
_CHUNK_ELEMENTS = 2**25


def own_ranks(scores: np.ndarray, query_ids: np.ndarray, gallery_ids: np.ndarray) -> np.ndarray:
    """Rank, from 1, of the best own exam of each query, float64 `(n_queries,)`.

    A stranger with the same score stands before the own exam: an embedding that tells nothing
    apart earns nothing. NaN for a query whose exam is not in the gallery.

    Parameters
    ----------
    scores
        `(n_queries, n_gallery)`, higher is more alike.
    query_ids, gallery_ids
        Whose each is, `(n_queries,)` and `(n_gallery,)`: the exam, or the patient.
    """
    own = np.asarray(query_ids)[:, None] == np.asarray(gallery_ids)[None, :]
    best = np.where(own, scores, -np.inf).max(axis=1, initial=-np.inf)
    ranks = 1.0 + ((scores >= best[:, None]) & ~own).sum(axis=1)
    return np.where(own.any(axis=1), ranks, np.nan)


def recall_at_k(
    queries: np.ndarray,
    gallery: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, np.ndarray]:
    """Say of each query whether its own exam is among the k nearest of the gallery.

    Parameters
    ----------
    queries, gallery
        `(n_queries, d)` and `(n_gallery, d)`, of unit length, of the two views.
    query_ids, gallery_ids
        As in `own_ranks`.
    ks
        Depths.

    Returns
    -------
    `{"recall@1": float64 (n_queries,), ...}`: 1 or 0, NaN where the gallery has no own exam; the
    mean is the recall.
    """
    query_ids = np.asarray(query_ids)
    chunk = max(1, _CHUNK_ELEMENTS // max(1, len(gallery)))
    ranks = np.concatenate(
        [
            np.empty(0),
            *(
                own_ranks(
                    queries[start : start + chunk] @ gallery.T,
                    query_ids[start : start + chunk],
                    gallery_ids,
                )
                for start in range(0, len(queries), chunk)
            ),
        ]
    )
    return recall_of_ranks(ranks, ks)


def recall_of_ranks(ranks: np.ndarray, ks: Sequence[int] = (1, 5, 10)) -> dict[str, np.ndarray]:
    """Turn ranks of the own exam (`own_ranks`) into recall at each k, as `recall_at_k` does."""
    if min(ks) < 1:
        raise ValueError(f"depths must be at least 1, not {min(ks)}")
    return {f"recall@{k}": np.where(np.isnan(ranks), np.nan, ranks <= k) for k in ks}


def chance_recall(
    query_ids: np.ndarray, gallery_ids: np.ndarray, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, np.ndarray]:
    """Recall at each k expected of a random order of the gallery, float64 `(n_queries,)`.

    With m own exams among n: 1 − C(n−m, k) / C(n, k), the hypergeometric chance of none in k draws.
    """
    names, counts = np.unique(np.asarray(gallery_ids), return_counts=True)
    of_name = dict(zip(names.tolist(), counts.tolist(), strict=True))
    own = np.array([of_name.get(name, 0) for name in np.asarray(query_ids).tolist()], dtype=int)
    total = len(gallery_ids)
    return {
        f"recall@{k}": np.where(own > 0, hypergeom.sf(0, total, own, min(k, total)), np.nan)
        for k in ks
    }
