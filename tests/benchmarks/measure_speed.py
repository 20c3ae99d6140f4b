"""Time the retrieval measures of 4,500 queries against a gallery of 745,000 exams.

    python -m tests.benchmarks.measure_speed [--queries 4500] [--gallery 745000] [--first-ranks]

Random vectors of length 128 gather around one point per label set; 14 classes make some 1,400
distinct sets of which few are common, as in reports; a query's patient has three exams in the
gallery on average, which are excluded. Prints the seconds of each part, those of all its threads
(what counts on a busy machine), and the peak memory of the process so far, vectors included.
`--first-ranks` leaves the full ranking out.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from training.allocator import ensure_allocator
from training.candidates import Candidates

KS = (1, 5, 10, 50, 100)
N_CLASSES, N_SETS, DIM = 14, 1400, 128
EXAMS_PER_PATIENT = 3


def main() -> None:
    """Measure each part and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=4500)
    parser.add_argument("--gallery", type=int, default=745_000)
    parser.add_argument("--first-ranks", action="store_true")
    asked = parser.parse_args()

    from training.class_retrieval import class_measures
    from training.full_ranking import full_ranking_measures
    from training.neighbour_classes import class_aucs, class_shares
    from training.neighbours import (
        Neighbours,
        nearest_candidates,
        neighbour_recall,
        neighbours_through,
    )
    from training.retrieval import measures_of_neighbours

    queries, gallery, candidates, members = timed(
        "vectors and label sets", lambda: made_exams(asked.queries, asked.gallery)
    )
    print(f"  {len(queries):,} queries, {len(gallery):,} exams, {len(members):,} label sets")
    print(f"  {len(candidates.excluded_pairs[0]):,} excluded pairs")

    exact = timed(
        f"exact search, depth {max(KS)}",
        lambda: nearest_candidates(queries, gallery, candidates, max(KS)),
    )
    overall = timed("measures at all depths", lambda: measures_of_neighbours(exact, candidates, KS))
    shown("", overall, KS)
    timed("the same of each class", lambda: class_measures(exact, candidates, members, KS))
    of_gallery, of_queries = members[candidates.gallery_codes], members[candidates.query_codes]
    timed(
        "k-NN area of each class",
        lambda: class_aucs(
            class_shares(exact.rows[:, :10], of_gallery), of_queries, np.ones((1, len(queries)))
        ),
    )

    # An index is asked only for queries that have a measure: its recall is that of these.
    asked_for = candidates.answerable
    wanted = Neighbours(exact.rows[asked_for], exact.products[asked_for])
    index = timed("IVF index of the gallery", lambda: inverted_lists(gallery))
    for index.nprobe in (8, 32, 128):
        near = timed(
            f"IVF search, {index.nprobe} of {index.nlist} lists",
            lambda: neighbours_through(index.search, queries, candidates, max(KS)),
        )
        of_asked = Neighbours(near.rows[asked_for], near.products[asked_for])
        recalls = [f"{neighbour_recall(of_asked, wanted, k):.3f} at {k}" for k in (10, 100)]
        print(f"  recall of the exact neighbours: {', '.join(recalls)}")
        shown("  ", measures_of_neighbours(near, candidates, KS), (10, 100))

    if not asked.first_ranks:
        found = timed("full ranking", lambda: full_ranking_measures(queries, gallery, candidates))
        print(", ".join(f"{name} {np.nanmean(found[name]):.4f}" for name in found))
        timed(
            "full ranking, each class too",
            lambda: full_ranking_measures(queries, gallery, candidates, members),
        )


def made_exams(
    n_queries: int, n_gallery: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, Candidates, np.ndarray]:
    """Make queries `(n_queries, 128)`, gallery, their candidates, and the members of each set."""
    from training.class_retrieval import set_members
    from training.label_similarity import distinct_label_sets

    rng = np.random.default_rng(seed)
    n = n_queries + n_gallery
    sets = distinct_findings(rng)
    # The first set, no finding, is a third of the exams; the others grow rarer (Zipf).
    frequency = np.r_[1.0, 2.0 / rng.permutation(np.arange(3, N_SETS + 2)) ** 0.9]
    frequency[1:] *= 2.0 / frequency[1:].sum()
    chosen = rng.choice(N_SETS, n, p=frequency / frequency.sum())
    labels = sets[chosen]
    # A tenth of the exams without a finding are not known to be normal.
    normal = (chosen == 0) & (rng.random(n) < 0.9)
    centres = rng.standard_normal((N_SETS, DIM), dtype=np.float32)
    vectors = rng.standard_normal((n, DIM), dtype=np.float32)
    vectors *= np.float32(1.5)
    vectors += centres[chosen]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    patients = rng.integers(0, max(1, n // EXAMS_PER_PATIENT), n)
    found = distinct_label_sets(labels, normal)
    candidates = Candidates(
        found.codes[:n_queries],
        found.codes[n_queries:],
        found.similarity,
        [(patients[:n_queries], patients[n_queries:])],
    )
    return vectors[:n_queries], vectors[n_queries:], candidates, set_members(labels, found.codes)


def distinct_findings(rng: np.random.Generator) -> np.ndarray:
    """Make distinct sets of classes, bool `(1400, 14)`, the empty one first."""
    numbers = 1 + rng.choice(2**N_CLASSES - 1, 4 * N_SETS, replace=False)
    members = (numbers[:, None] >> np.arange(N_CLASSES)) & 1
    few = members[np.argsort(members.sum(axis=1), kind="stable")][: N_SETS - 1]
    return np.vstack([np.zeros((1, N_CLASSES), bool), few.astype(bool)])


def inverted_lists(gallery: np.ndarray) -> Any:
    """Build an inverted-list index of 1,024 lists."""
    import faiss

    quantizer = faiss.IndexFlatIP(gallery.shape[1])
    index = faiss.IndexIVFFlat(
        quantizer, gallery.shape[1], min(1024, len(gallery) // 40), faiss.METRIC_INNER_PRODUCT
    )
    index.train(gallery[np.random.default_rng(0).permutation(len(gallery))[:50_000]])
    index.add(gallery)
    return index


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do the work, print how long it took and the peak memory so far, return its result."""
    started, cpu_started = time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {seconds:.1f} s, {cpu:.1f} CPU s, peak {peak:.2f} GB", flush=True)
    return result


def shown(indent: str, measures: dict[str, np.ndarray], ks: tuple[int, ...]) -> None:
    """Print the mean of each measure, a depth a line."""
    for k in ks:
        of_depth = [n for n in measures if n.endswith(f"@{k}")]
        print(indent + ", ".join(f"{n} {np.nanmean(measures[n]):.4f}" for n in of_depth))


if __name__ == "__main__":
    ensure_allocator()
    main()
