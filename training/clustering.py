"""Agreement of clusters of the embedding with label sets.

k-means clusters are compared with the distinct label sets, and with each class, by mutual
information; and their label silhouette says whether exams of one cluster have like labels. Normal
exams are one set of their own; exams with an empty set that are not normal are left out by the
caller, for nothing is known of them.
"""

import warnings

import numpy as np

# Up to so many groups a matrix product sums them faster than a sort of the weights.
_FEW_GROUPS = 64


def kmeans_clusters(embeddings: np.ndarray, n_clusters: int, seed: int = 0) -> np.ndarray:
    """Cluster embeddings `(n, d)` with k-means++ and Lloyd's steps; return int64 `(n,)`.

    The best of four starts. One thread: with several, the order in which partial sums are added
    differs from run to run, and with it, rarely, a cluster. Fewer distinct embeddings than
    clusters make fewer clusters.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    means = KMeans(min(n_clusters, len(embeddings)), n_init=4, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(means.fit_predict(embeddings), dtype=np.int64)


def mutual_information(clusters: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Normalised and adjusted mutual information of two partitions, `{"NMI": ..., "AMI": ...}`.

    Both normalised by the mean of the entropies; AMI is 0 for independent partitions whatever
    their sizes (Vinh, Epps and Bailey 2010, as scikit-learn computes it).
    """
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    return {
        "NMI": float(normalized_mutual_info_score(classes, clusters)),
        "AMI": float(adjusted_mutual_info_score(classes, clusters)),
    }


class ResampledInformation:
    """NMI and AMI of resamples of exams, the clusters staying as they are.

    The chance level of AMI (the expected mutual information) is that of all exams: computing it
    anew for every resample would take minutes and move it little.
    """

    def __init__(self, clusters: np.ndarray, classes: np.ndarray) -> None:
        from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

        _, clusters = np.unique(clusters, return_inverse=True)
        _, classes = np.unique(classes, return_inverse=True)
        n_classes = int(classes.max(initial=0)) + 1
        cells, self._cell_of = np.unique(clusters * n_classes + classes, return_inverse=True)
        self._cluster_of, self._class_of = np.divmod(cells, n_classes)
        table = contingency_matrix(classes, clusters, sparse=True)
        self._expected = float(expected_mutual_information(table, len(classes)))

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Return NMI and AMI `(2, resamples)` under weights `(resamples, n)`."""
        cells = _sums(weights, self._cell_of)
        rows, columns = _sums(cells, self._cluster_of), _sums(cells, self._class_of)
        total = cells.sum(axis=1)
        entropies = [_entropy(mass, total) for mass in (cells, rows, columns)]
        shared = entropies[1] + entropies[2] - entropies[0]
        mean = (entropies[1] + entropies[2]) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            nmi = shared / mean
            ami = (shared - self._expected) / (mean - self._expected)
        return np.stack([nmi, ami])


def label_silhouette(clusters: np.ndarray, codes: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Silhouette of each exam in its cluster by the distance of *labels*, float64 `(n,)`.

    Our reading of «silhouette with label distance»: the clusters are those of the embedding, the
    distance of two exams is one minus the similarity of their label sets, so that it is high when
    clusters hold like labels and differ from one another. (b − a) / max(a, b) with a the mean
    distance to the others of the own cluster and b the least mean distance to another cluster
    (Rousseeuw 1987); 0 for an exam alone in its cluster and where a = b = 0, NaN without a second
    cluster. Unknown pairs are left out of the means.

    Exact at any size: the mean distance of a label set to a cluster follows from how often the
    cluster holds each set, a `(n_sets, n_clusters)` product.

    Parameters
    ----------
    clusters, codes
        Integers `(n,)`: cluster and label set of each exam.
    similarity
        `(n_sets, n_sets)`, NaN for unknown pairs.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    n_clusters = int(clusters.max(initial=0)) + 1
    held = np.zeros((len(similarity), n_clusters))
    np.add.at(held, (codes, clusters), 1.0)
    known = ~np.isnan(similarity)
    distance = np.where(known, 1.0 - similarity.astype(np.float64), 0.0)
    sums, sizes = distance @ held, known.astype(np.float64) @ held
    itself = known.diagonal()[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(sizes > 0, sums / sizes, np.inf)
        inside = (sums - np.where(itself, distance.diagonal()[:, None], 0.0)) / (sizes - itself)
        nearest = np.full_like(means, np.inf)
        for cluster in range(n_clusters):
            nearest[:, cluster] = np.delete(means, cluster, axis=1).min(axis=1, initial=np.inf)
        silhouette = (nearest - inside) / np.maximum(inside, nearest)
    silhouette[(inside == 0) & (nearest == 0)] = 0.0
    silhouette[np.isinf(nearest)] = np.nan
    silhouette[(sizes - itself == 0) & ~np.isinf(nearest)] = 0.0
    return silhouette[codes, clusters]


def _sums(weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sum weights `(r, n)` by group `(n,)`, float64 `(r, n_groups)`; every group has a member."""
    n_groups = int(groups.max()) + 1
    if n_groups <= _FEW_GROUPS:
        return weights.astype(np.float64) @ np.eye(n_groups)[groups]
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    return np.add.reduceat(weights[:, order].astype(np.float64), starts, axis=1)


def _entropy(mass: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Entropy in nats of each row of masses `(r, m)`."""
    share = mass / total[:, None]
    return -(share * np.log(share, out=np.zeros_like(share), where=share > 0)).sum(axis=1)
