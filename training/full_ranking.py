"""Measures that look at every rank of the gallery: mAP and R-precision of the full ranking.

With N the number of relevant candidates of a query:

- mAP: mean over the N relevant candidates of P at their rank (average precision, not cut off).
- R-precision: share of relevant candidates among the first N.

Each query's products are sorted once, as 64-bit keys of which the upper half is the product and
the lower half the place in `gallery_order`, so that ties stand where the search puts them. The
ranked label sets then serve overall and class relevance alike.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from training.candidates import Candidates
from training.neighbours import gallery_order, hide_unknown

# Elements of the (queries x gallery) matrices that one thread holds at once: some 25 bytes each.
_CHUNK_ELEMENTS = 2**23
_PLACE_BITS = np.uint64(32)


def full_ranking_measures(
    queries: np.ndarray,
    gallery: np.ndarray,
    candidates: Candidates,
    members: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Measure the exact ranking of the whole gallery for each query.

    Parameters
    ----------
    queries, gallery, candidates
        As in `training.retrieval.retrieval_measures`.
    members
        bool `(n_sets, n_classes)`, the classes of each label set; with it each class is measured
        too, over the queries that have it, relevant being what has it.

    Returns
    -------
    `{"mAP": float64 (n_queries,), "R-precision": ...}` and, with `members`,
    `"class mAP"` and `"class R-precision"` float64 `(n_queries, n_classes)`. NaN for queries
    without a relevant candidate or without the class.
    """
    n_classes = 0 if members is None else members.shape[1]
    found = {name: np.full(len(queries), np.nan) for name in ("mAP", "R-precision")}
    by_class = {
        f"class {name}": np.full((len(queries), n_classes), np.nan)
        for name in (found if members is not None else ())
    }
    order = gallery_order(len(gallery))
    place = np.empty(len(order), np.uint64)
    place[order] = np.arange(len(order), dtype=np.uint64)
    placed_codes = candidates.gallery_codes[order].astype(np.int32)
    # Computed here, not first and at once in every thread.
    _ = candidates.excluded_pairs

    def measure(rows: slice) -> None:
        codes = placed_codes[_ranked_places(queries, gallery, candidates, place, rows)]
        available = candidates.available(rows)
        ranked = np.arange(len(gallery)) < available.sum(axis=1)[:, None]
        relevant = np.take_along_axis(candidates.relevance(rows) > 0, codes, axis=1) & ranked
        found["mAP"][rows], found["R-precision"][rows] = binary_measures(relevant)
        if members is None:
            return
        has = members[candidates.query_codes[rows]]
        for column in np.flatnonzero(has.any(axis=0)):
            asked = np.flatnonzero(has[:, column])
            relevant = members[:, column][codes[asked]] & ranked[asked]
            at = (rows.start + asked, column)
            by_class["class mAP"][at], by_class["class R-precision"][at] = binary_measures(relevant)

    if len(gallery):
        with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as threads:
            list(threads.map(measure, _chunks(len(queries), len(gallery))))
    return found | by_class


def binary_measures(relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and R-precision of ranked relevance, bool `(q, n_gallery)`.

    NaN for rows without anything relevant.
    """
    n_ranks = relevant.shape[1]
    at = np.flatnonzero(relevant)
    sizes = np.count_nonzero(relevant, axis=1)
    rows = np.repeat(np.arange(len(relevant)), sizes)
    ranks = at - rows * n_ranks + 1
    hits = np.arange(1, len(at) + 1) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.bincount(rows, weights=hits / ranks, minlength=len(relevant)) / sizes
        early = np.bincount(rows[ranks <= sizes[rows]], minlength=len(relevant)) / sizes
    return precision, early


def falling_bits(scores: np.ndarray) -> np.ndarray:
    """Turn float32 into uint32 that fall as the scores rise, equal for equal scores."""
    # Adding zero makes -0.0 the 0.0 that it equals. The bits of a float32 rise with its value if
    # positive and fall if negative: turned so that they fall everywhere.
    bits = (scores + np.float32(0.0)).view(np.uint32)
    return np.where(bits >> 31 == 1, bits, ~bits & np.uint32(0x7FFFFFFF))


def _chunks(n_queries: int, n_gallery: int) -> Iterator[slice]:
    chunk = max(1, _CHUNK_ELEMENTS // n_gallery)
    for start in range(0, n_queries, chunk):
        yield slice(start, min(start + chunk, n_queries))


def _ranked_places(
    queries: np.ndarray,
    gallery: np.ndarray,
    candidates: Candidates,
    place: np.ndarray,
    rows: slice,
) -> np.ndarray:
    """Places in `gallery_order` by falling product, uint32 `(q, n_gallery)`, candidates first."""
    scores = queries[rows] @ gallery.T
    excluded, members = candidates.excluded_pairs
    here = slice(*np.searchsorted(excluded, (rows.start, rows.stop)))
    scores[excluded[here] - rows.start, members[here]] = -np.inf
    hide_unknown(scores, candidates, rows, candidates.gallery_codes)
    keys = falling_bits(scores).astype(np.uint64)
    keys <<= _PLACE_BITS
    keys |= place
    keys.sort(axis=1)
    return keys.astype(np.uint32)
