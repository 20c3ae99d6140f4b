"""Exact and approximate neighbours at the size of the paper's gallery.

Vectors are a mixture, as embeddings of radiographs are: common and rare clusters, and within each
a spread that falls off over the directions. Queries are drawn from the same mixture and are not in
the gallery. Prints the seconds to build, the effort chosen at build time and its recall of the ten
nearest, and on the queries: recall again, queries a second in batch, and milliseconds alone.

Measured once, on two cores that six other jobs shared: exact 0.4 s, 76 queries/s, 27.6 ms alone;
IVF 127 s, recall .990, 1,180 queries/s, 1.2 ms; HNSW 415 s, recall .985, 1,068 queries/s, 1.4 ms;
1.9 GB. Hence IVF is what `auto` chooses where it does not stay exact.

    python tests/benchmarks/index_speed.py [--vectors 745000] [--threads 2]
"""

import argparse
import resource
import time

import numpy as np

QUERIES = 4_500
ALONE = 200
CLUSTERS = 1_000


def mixture(n: int, dim: int, seed: int = 0) -> np.ndarray:
    """Draw n vectors of unit length, float32, from clusters of very different size."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(12345).standard_normal((CLUSTERS, dim)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    share = 1 / np.arange(1, CLUSTERS + 1)
    spread = np.arange(1, dim + 1, dtype=np.float32) ** -0.5
    spread *= 0.7 / np.linalg.norm(spread)
    drawn = np.empty((n, dim), dtype=np.float32)
    for start in range(0, n, 50_000):
        rows = slice(start, min(start + 50_000, n))
        cluster = rng.choice(CLUSTERS, rows.stop - start, p=share / share.sum())
        noise = rng.standard_normal((rows.stop - start, dim), dtype=np.float32)
        drawn[rows] = centres[cluster] + noise * spread
        drawn[rows] /= np.linalg.norm(drawn[rows], axis=1, keepdims=True)
    return drawn


def measure(name: str, index, queries: np.ndarray, exact: np.ndarray | None) -> np.ndarray:
    """Print a line of an index; return the products of its ten nearest."""
    import faiss

    started = time.perf_counter()
    products, _ = index.search(queries, 10)
    batch = len(queries) / (time.perf_counter() - started)
    # A single query is not worth sharing out.
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    started = time.perf_counter()
    for row in range(ALONE):
        index.search(queries[row : row + 1], 10)
    alone = (time.perf_counter() - started) / ALONE * 1000
    faiss.omp_set_num_threads(threads)
    recall = 1.0 if exact is None else float((products >= exact[:, -1:] - 1e-6).mean())
    print(
        f"{name}: {batch:,.0f} queries/s in batch, {alone:.2f} ms alone, "
        f"recall@10 of new queries {recall:.3f}",
        flush=True,
    )
    return products


def main() -> None:
    """Measure all three kinds."""
    import faiss

    from training.gallery_index import GalleryIndex

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=745_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    faiss.omp_set_num_threads(asked.threads)
    gallery, queries = mixture(asked.vectors, asked.dim), mixture(QUERIES, asked.dim, seed=1)
    ids = [str(row) for row in range(len(gallery))]
    exact = None
    for kind in ("exact", "ivf", "hnsw"):
        started = time.perf_counter()
        index = GalleryIndex.build(gallery, ids, "benchmark", kind)
        seconds = time.perf_counter() - started
        print(
            f"{kind}: built as {index.kind} in {seconds:.1f} s, effort {index.effort}, "
            f"recall@10 when built {index.recall:.3f}",
            flush=True,
        )
        found = measure(kind, index, queries, exact)
        exact = found if exact is None else exact
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.1f} GB")


if __name__ == "__main__":
    main()
