"""The nearest candidates of each query: exactly, or through any index of the gallery.

Ranking is by inner product. Equal products are ranked in one fixed pseudo-random order of the
gallery, never in the order of its rows: an embedding that has collapsed to a point then measures
as chance even if the gallery is sorted by label.

Products are float32 sums of d terms; two that differ by some 1e-7 may change places with another
matrix library or another division into blocks, as in any index. The order of the gallery in
memory has no other influence.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.candidates import Candidates

# Gallery rows and queries of one block of products: 64 MB in float32.
_GALLERY_BLOCK = 2**14
_QUERY_BLOCK = 2**10
# Neighbours that an index is asked for at once: some 100 MB with all that is made of them.
_ASKED_ELEMENTS = 2**21

Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""Takes queries `(q, d)` and k, returns products and gallery rows `(q, k)`, nearest first, -1
where there is none (`GalleryIndex.search`, a faiss index's `search`)."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest candidates of each query, nearest first, `(n_queries, depth)`."""

    rows: np.ndarray
    """int64 rows of the gallery, -1 behind the last candidate."""
    products: np.ndarray
    """float32 inner products, -inf behind the last candidate."""


def gallery_order(n_gallery: int) -> np.ndarray:
    """Return the fixed pseudo-random order in which equal products are ranked."""
    return np.random.default_rng(0).permutation(n_gallery)


def nearest_candidates(
    queries: np.ndarray, gallery: np.ndarray, candidates: Candidates, depth: int
) -> Neighbours:
    """Find the `depth` nearest candidates of each query, exactly.

    The gallery is looked at in blocks, in the order of `gallery_order`; of each block only what
    surpasses a query's present last neighbour is looked at again. Takes some 80 MB beside the
    embeddings and the result.

    Parameters
    ----------
    queries, gallery
        float32 `(n_queries, d)` and `(n_gallery, d)`.
    candidates
        Exclusions and unknown pairs of both.
    depth
        How many; fewer are returned from a smaller gallery.
    """
    depth = min(depth, len(gallery))
    shape = (len(queries), depth)
    if 0 in shape:
        return Neighbours(np.empty(shape, np.int64), np.empty(shape, np.float32))
    order = gallery_order(len(gallery))
    excluded = _ExcludedInBlocks(candidates, order)
    places = np.full(shape, -1, np.int64)
    products = np.full(shape, -np.inf, np.float32)
    for start in range(0, len(gallery), _GALLERY_BLOCK):
        members = order[start : start + _GALLERY_BLOCK]
        block, codes = gallery[members], candidates.gallery_codes[members]
        for first in range(0, len(queries), _QUERY_BLOCK):
            rows = slice(first, min(first + _QUERY_BLOCK, len(queries)))
            scores = queries[rows] @ block.T
            scores[excluded.at(start // _GALLERY_BLOCK, rows)] = -np.inf
            hide_unknown(scores, candidates, rows, codes)
            _keep_nearest(products[rows], places[rows], scores, start)
    found = np.where(np.isneginf(products), -1, order[places])
    return Neighbours(found, products)


def neighbours_through(
    search: Search, queries: np.ndarray, candidates: Candidates, depth: int, spare: int = 16
) -> Neighbours:
    """Find the `depth` nearest candidates of each query through an index of the whole gallery.

    The index knows nothing of exclusions: it is asked for `spare` more than `depth`, and those
    whose neighbours then do not suffice are asked again for twice as many. Ties keep the order in
    which the index returns them. Queries without a relevant candidate (`Candidates.answerable`)
    are not asked, all -1: they have no measure, and as nearly all that is near an exam of which
    nothing is known is unknown to it, the index would be asked for most of the gallery.
    """
    n_gallery = len(candidates.gallery_codes)
    depth = min(depth, n_gallery)
    shape = (len(queries), depth)
    rows, products = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
    excluded_queries, excluded_rows = candidates.excluded_pairs
    excluded = excluded_queries * n_gallery + excluded_rows
    asked, k = np.flatnonzero(candidates.answerable), min(depth + spare, n_gallery)
    while len(asked) and depth:
        again = []
        block = max(1, _ASKED_ELEMENTS // k)
        for start in range(0, len(asked), block):
            here = asked[start : start + block]
            near, members = (np.asarray(found) for found in search(queries[here], k))
            missing = members < 0
            kept = ~missing & ~np.isin(here[:, None] * n_gallery + members, excluded)
            codes = candidates.gallery_codes[members]
            for code, unknown in candidates.unknown_sets.items():
                at = candidates.query_codes[here] == code
                kept[at] &= ~unknown[codes[at]]
            # Kept ones first, in the order of the index.
            first = np.argsort(~kept, axis=1, kind="stable")[:, :depth]
            filled = np.take_along_axis(kept, first, axis=1)
            width = slice(0, first.shape[1])
            rows[here, width] = np.where(filled, np.take_along_axis(members, first, axis=1), -1)
            products[here, width] = np.where(
                filled, np.take_along_axis(near, first, axis=1), np.float32(-np.inf)
            )
            # An index that has run dry (-1) has no more to give at any k.
            again.append(here[(kept.sum(axis=1) < depth) & ~missing.any(axis=1)])
        asked = np.concatenate(again)
        if k == n_gallery:
            break
        k = min(2 * k, n_gallery)
    return Neighbours(rows, products)


def neighbour_recall(found: Neighbours, exact: Neighbours, k: int) -> float:
    """Share of the exact k nearest candidates that are among the k found, over all queries."""
    rows = np.sort(found.rows[:, :k], axis=1)
    wanted = exact.rows[:, :k]
    n_rows = 1 + max(rows.max(initial=0), wanted.max(initial=0))
    offset = np.arange(len(wanted))[:, None] * n_rows
    there = np.isin(wanted + offset, (rows + offset)[rows >= 0]) & (wanted >= 0)
    n_wanted = int((wanted >= 0).sum())
    return float(there.sum() / n_wanted) if n_wanted else float("nan")


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


def hide_unknown(
    scores: np.ndarray, candidates: Candidates, rows: slice, codes: np.ndarray
) -> None:
    """Set the scores `(q, g)` of unknown pairs to -inf; `codes` `(g,)` are the columns' sets."""
    asked = candidates.query_codes[rows]
    for code, unknown in candidates.unknown_sets.items():
        columns = np.flatnonzero(unknown[codes])
        if len(columns):
            scores[np.ix_(np.flatnonzero(asked == code), columns)] = -np.inf


class _ExcludedInBlocks:
    """Excluded pairs by block of the shuffled gallery."""

    def __init__(self, candidates: Candidates, order: np.ndarray) -> None:
        queries, gallery = candidates.excluded_pairs
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        blocks, columns = np.divmod(place[gallery], _GALLERY_BLOCK)
        keys = blocks * len(candidates.query_codes) + queries
        by_block = np.argsort(keys, kind="stable")
        self._n_queries = len(candidates.query_codes)
        self._keys, self._queries = keys[by_block], queries[by_block]
        self._columns = columns[by_block]

    def at(self, block: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the excluded cells of one block of products, as (row, column) of the block."""
        base = block * self._n_queries
        here = slice(*np.searchsorted(self._keys, (base + rows.start, base + rows.stop)))
        return self._queries[here] - rows.start, self._columns[here]


def _keep_nearest(products: np.ndarray, places: np.ndarray, scores: np.ndarray, start: int) -> None:
    """Merge a block's scores, whose columns begin at place `start`, into the nearest so far.

    Places of later blocks are higher, so a score equal to a query's last neighbour comes after it
    and only greater ones count.
    """
    depth = products.shape[1]
    if start == 0:
        best = first_columns(scores, depth)
        products[:, : best.shape[1]] = np.take_along_axis(scores, best, axis=1)
        places[:, : best.shape[1]] = best
        return
    hits = np.flatnonzero(scores > products[:, -1:])
    if len(hits) == 0:
        return
    rows, columns = np.divmod(hits, scores.shape[1])
    sizes = np.bincount(rows, minlength=len(scores))
    at = np.arange(len(hits)) - np.repeat(np.r_[0, np.cumsum(sizes)[:-1]], sizes)
    shape = (len(scores), int(sizes.max()))
    new_products, new_places = np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)
    new_products[rows, at] = scores[rows, columns]
    new_places[rows, at] = columns + start
    all_products = np.hstack([products, new_products])
    best = np.argsort(-all_products, axis=1, kind="stable")[:, :depth]
    products[:] = np.take_along_axis(all_products, best, axis=1)
    places[:] = np.take_along_axis(np.hstack([places, new_places]), best, axis=1)
