"""Approximate nearest neighbours, searched as hard as the recall asked for needs.

faiss does the work: an HNSW graph, or inverted lists (IVF). Both find only most of the true
neighbours; how many is measured when they are built, on vectors that are held out until then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

ApproximateKind = Literal["hnsw", "ivf"]

RECALL = 0.98
"""Least recall of the 10 nearest neighbours that an approximate index is used with."""

DEPTH = 10
"""Neighbours whose recall is measured."""

LEAST_VECTORS = 1_000
"""Fewer are never indexed approximately: nothing would be gained, or measured."""

_HELD_OUT = 1_000
_ONE_SIDED_95 = 1.645
# Links a node of the graph, and breadth of the search for them while it is built.
_HNSW_LINKS, _HNSW_BREADTH = 32, 80
_MOST_HNSW_BREADTH = 1_024
# Lists a square root of the vectors, vectors a list that place it, and the largest share of the
# lists that is still worth looking through.
_IVF_LISTS, _IVF_TRAINING, _IVF_MOST = 4, 64, 0.25


@dataclass(frozen=True)
class ApproximateIndex:
    """An approximate index and how well it finds.

    Attributes
    ----------
    index
        A faiss index by inner product; its ids are rows of the embeddings.
    kind
        `hnsw` or `ivf`.
    effort
        HNSW: breadth of a search (`efSearch`). IVF: lists looked through (`nprobe`).
    recall
        Share of the true 10 nearest found with that effort, measured.
    """

    index: Any
    kind: ApproximateKind
    effort: int
    recall: float

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return inner products and rows of the k nearest, nearest first, -1 where none is found.

        The effort is that of 10 neighbours; for more it grows in proportion.
        """
        faiss = _faiss()
        effort = min(max(self.effort, self.effort * k // DEPTH), self.index.ntotal)
        if self.kind == "hnsw":
            parameters = faiss.SearchParametersHNSW(efSearch=effort)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=effort)
        products, rows = self.index.search(queries, k, params=parameters)
        return products, rows


def build_approximate(
    embeddings: np.ndarray, kind: ApproximateKind, seed: int = 0, recall: float = RECALL
) -> ApproximateIndex | None:
    """Build an approximate index and find the effort at which it reaches a recall.

    Up to a thousand vectors (a tenth at most) are held out, asked for their 10 nearest among the
    others, and added afterwards: unlike vectors of the index they are as a new radiograph is. A
    neighbour no farther than the true tenth counts as found, so that ties cost nothing. The effort
    starts low and grows by half until the mean recall exceeds the one asked for by its sampling
    error (one-sided 95 %).

    Returns
    -------
    None when there are fewer than `LEAST_VECTORS`, or the recall is not reached with an effort
    that is still worth while; then the exact index is the better one.
    """
    if len(embeddings) < LEAST_VECTORS:
        return None
    faiss = _faiss()
    vectors = np.ascontiguousarray(embeddings, dtype=np.float32)
    order = np.random.default_rng(seed).permutation(len(vectors))
    n_held_out = min(_HELD_OUT, len(vectors) // 10)
    held_out, rest = np.sort(order[:n_held_out]), np.sort(order[n_held_out:])
    most = vectors[rest]
    inner, efforts = _empty(most, kind)
    # Ids are rows, in whatever order they are added.
    index = faiss.IndexIDMap(inner)
    index.add_with_ids(most, rest)
    queries = vectors[held_out]
    exact, _ = faiss.knn(queries, most, DEPTH, metric=faiss.METRIC_INNER_PRODUCT)
    del most
    for effort in efforts:
        found = ApproximateIndex(index, kind, effort, 0.0)
        products, _ = found.search(queries, DEPTH)
        # Two routines sum the same products in another order.
        shares = (products >= exact[:, -1:] - 1e-6).mean(axis=1)
        doubt = _ONE_SIDED_95 * shares.std() / len(shares) ** 0.5
        if shares.mean() - doubt >= recall:
            index.add_with_ids(queries, held_out)
            return ApproximateIndex(index, kind, effort, float(shares.mean()))
    return None


def _empty(vectors: np.ndarray, kind: ApproximateKind) -> tuple[Any, Iterator[int]]:
    """Return an index ready to take vectors like these, and the efforts to try with it."""
    faiss = _faiss()
    n, dim = vectors.shape
    if kind == "hnsw":
        graph = faiss.IndexHNSWFlat(dim, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = _HNSW_BREADTH
        return graph, _efforts(16, min(_MOST_HNSW_BREADTH, n))
    n_lists = min(round(_IVF_LISTS * n**0.5), n // _IVF_TRAINING)
    lists: Any = faiss.index_factory(dim, f"IVF{n_lists},Flat", faiss.METRIC_INNER_PRODUCT)
    # faiss draws as many at random, with a seed of its own that is always the same.
    lists.cp.max_points_per_centroid = _IVF_TRAINING
    lists.train(vectors)
    return lists, _efforts(2, max(2, int(_IVF_MOST * n_lists)))


def _efforts(first: int, last: int) -> Iterator[int]:
    effort = first
    while effort < last:
        yield effort
        effort += (effort + 1) // 2
    yield last


def _faiss() -> Any:
    """Return faiss untyped: its stubs leave out search parameters and clustering parameters."""
    import faiss

    return faiss
