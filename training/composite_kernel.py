"""A composite of kernels whose non-negative weights are learned by alignment with the labels.

It adjusts a metric without training a network again. Each source (image embedding, predicted
labels, metadata) gives a cosine kernel; the composite is their weighted sum, so an exam has a plain
vector in it and inner-product search stays as it is.

**Source.** Cortes, Mohri & Rostamizadeh 2012, «Algorithms for learning kernels based on centered
alignment», JMLR 13: the algorithm alignf. **Our reading**: the target kernel is the similarity of
label sets instead of y·yᵀ of two classes, and the kernels are cosines.

**Measured** (tests/benchmarks/semi_supervised.py, NIH images, two seeds): against the trained head
that it adjusts no difference in nDCG@10 at 10 % labelled (+0.003 [-0.000, 0.006]), 25 and 50 %, and
a loss of 0.005 where all exams are labelled. The frozen features and age, sex and view get no
weight. The head's kernel is flattered: it is aligned on the exams that the head was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.label_similarity import distinct_label_sets


@dataclass(frozen=True)
class CompositeKernel:
    """K = Σ_k w_k K_k of cosine kernels; a new exam enters by its sources alone."""

    weights: dict[str, float]
    """Of each source, not negative; they sum to 1."""

    def embed(self, sources: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return float32 `(m, Σ d_k)`, whose inner products are the composite kernel.

        `sources` are `(m, d_k)` by the names of the weights; other names are not looked at. Rows
        have unit length unless a source with weight is zero in them.
        """
        parts = [np.sqrt(w) * _unit(sources[name]) for name, w in self.weights.items() if w > 0]
        embeddings: np.ndarray = np.concatenate(parts, axis=1).astype(np.float32)
        return embeddings

    def similarity(
        self, query: Mapping[str, np.ndarray], gallery: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Return the composite kernel of queries and gallery, float32 `(a, b)`."""
        found: np.ndarray = self.embed(query) @ self.embed(gallery).T
        return found


def fit_composite_kernel(
    sources: Mapping[str, np.ndarray], targets: np.ndarray, normal: np.ndarray
) -> CompositeKernel:
    """Learn the weights of the sources from labelled exams.

    With K_k the centred kernels and Y the centred similarity of label sets, the weights minimise
    ‖Σ_k v_k K_k − Y‖² (Frobenius) under v ≥ 0. That is alignf's quadratic programme
    min_{v ≥ 0} vᵀMv − 2vᵀa, M_kl = ⟨K_k, K_l⟩, a_k = ⟨K_k, Y⟩, whose solution points where the
    centred alignment of the sum with Y is greatest. They are scaled to sum to 1, which alignment
    does not see.

    Parameters
    ----------
    sources
        Of each name `(n, d_k)`, rows the labelled exams; the cosine of two rows is the kernel.
        Labels belong in as `predicted_labels` gives them: a query has no others, and an exam's own
        would be the target itself. Metadata belong in as indicator columns (a column for each
        view, sex, band of age), so that the cosine is the share that agrees.
    targets
        `(n, n_classes)` from 0 to 1.
    normal
        bool `(n,)`. Exams that are neither normal nor have a label are left out.

    The kernels are held at once, `n² × n_sources` doubles: draw a few thousand exams of more.
    Raises `ValueError` for targets that are not known (NaN), and where no source is aligned with
    the labels.
    """
    from scipy.optimize import nnls

    if np.isnan(targets).any():
        raise ValueError("the weights of kernels are learned from labelled exams alone: NaN found")
    told = np.flatnonzero(np.asarray(normal, dtype=bool) | (targets > 0).any(axis=1))
    sets = distinct_label_sets(targets[told], np.asarray(normal, dtype=bool)[told])
    similarity = sets.similarity[np.ix_(sets.codes, sets.codes)].astype(np.float64)
    units = [_unit(source[told]) for source in sources.values()]
    columns = np.stack([_centred(unit @ unit.T).ravel() for unit in units], axis=1)
    basis, triangle = np.linalg.qr(columns)
    weights, _ = nnls(triangle, basis.T @ _centred(similarity).ravel())
    if not weights.sum() > 0:
        raise ValueError("no kernel is aligned with the labels")
    return CompositeKernel(dict(zip(sources, (weights / weights.sum()).tolist(), strict=True)))


def predicted_labels(
    embeddings: np.ndarray,
    known: np.ndarray,
    targets: np.ndarray,
    normal: np.ndarray,
    k: int = 20,
) -> np.ndarray:
    """Return the mean labels, normal last, of the k nearest labelled exams, `(n, n_classes + 1)`.

    An exam is not its own neighbour: labelled exams are predicted as if they were not, so that
    the labels of all exams are equally good and weights learned on some hold for the others.

    Parameters
    ----------
    embeddings
        `(n, d)` of unit length.
    known
        Rows of the labelled exams, int `(n_known,)`.
    targets, normal
        `(n, n_classes)` and `(n,)`; only the rows of `known` are looked at.
    """
    labels = np.column_stack([targets[known], normal[known]]).astype(np.float64)
    products = embeddings @ embeddings[known].T
    products[known, np.arange(len(known))] = -np.inf
    places = np.argsort(-products, axis=1, kind="stable")[:, : min(k, len(known) - 1)]
    found: np.ndarray = labels[places].mean(axis=1)
    return found


def _unit(rows: np.ndarray) -> np.ndarray:
    whole = np.asarray(rows, dtype=np.float64)
    unit: np.ndarray = whole / np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-12)
    return unit


def _centred(kernel: np.ndarray) -> np.ndarray:
    """K − row means − column means + mean: inner products about the mean vector."""
    centred: np.ndarray = (
        kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    )
    return centred
