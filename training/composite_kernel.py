"""A composite of kernels whose weights are learned from similar and dissimilar pairs.

It adjusts a metric without training a network again: image embedding, guessed labels and metadata
each give a kernel, and what matters of them is learned from the pairs whose labels are known.

**Source.** An outline of semi-supervised composite kernel learning: a pool of kernels is
clustered, the clusters make a composite, an orthogonal basis of it is weighed so that similar
pairs are near and dissimilar pairs far, and new exams enter by the Nyström method. **Our
reading** of each step is in `CompositeKernel.fit`.

**Measured** (tests/benchmarks/semi_supervised.py, NIH images, two seeds): against the trained head
that it adjusts, no difference at 10 % labelled, a loss of 0.02 to 0.04 nDCG@10 from 25 % on. The
basis of equal variance is what costs: the head's kernel alone loses as much at 50 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Kernels that agree more than this (centred alignment) are one source and share one vote.
_SAME_SOURCE = 0.9
# Basis vectors with a smaller share of the largest eigenvalue are noise.
_SMALLEST_SHARE = 1e-4


def cosine_kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(1 + cosine) / 2 of rows, `(a, b)` from 0 to 1."""
    unit = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
            for rows in (first, second)]  # fmt: skip
    kernel: np.ndarray = (1.0 + unit[0] @ unit[1].T) / 2.0
    return kernel


def gaussian_kernel(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """exp(−‖a − b‖² / (2·width²)) of rows, `(a, b)`."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :]
    distance = np.maximum(squares - 2.0 * first @ second.T, 0.0)
    kernel: np.ndarray = np.exp(-distance / (2.0 * width**2))
    return kernel


def overlap_kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Σmin/Σmax of rows of soft labels, not negative, `(a, b)`; two empty rows have 1."""
    smallest = np.zeros((len(first), len(second)))
    largest = np.zeros_like(smallest)
    for a, b in zip(first.T, second.T, strict=True):
        smallest += np.minimum(a[:, None], b[None, :])
        largest += np.maximum(a[:, None], b[None, :])
    empty = largest <= 1e-12
    kernel: np.ndarray = np.where(empty, 1.0, smallest / np.where(empty, 1.0, largest))
    return kernel


@dataclass(frozen=True)
class CompositeKernel:
    """K = Σ_j β_j v_j v_jᵀ over reference exams, and the way of new exams into it."""

    shares: np.ndarray
    """float64 `(n_kernels,)`: weight of each kernel in the composite, sums to 1."""
    basis: np.ndarray
    """float64 `(n_references, n_basis)`: v_j / λ_j, what a new exam's kernel row is multiplied
    with."""
    weights: np.ndarray
    """float64 `(n_basis,)`: β_j, not negative, of unit length."""

    @classmethod
    def fit(
        cls,
        kernels: Sequence[np.ndarray],
        similar: np.ndarray,
        dissimilar: np.ndarray,
        balance: float = 1.0,
        n_basis: int = 128,
    ) -> "CompositeKernel":
        """Learn the weights.

        Kernels are brought to unit mean diagonal. Those whose centred alignment (Cortes et al.
        2012) exceeds 0.9 are one source; sources have equal shares, kernels of a source share
        theirs. The composite's leading eigenvectors v_j (over labelled and unlabelled exams
        alike) are the basis. With d²_ij = Σ_j β_j (v_ji − v_jk)², the mean over similar pairs
        less γ times that over dissimilar ones is linear in β: Σ_j β_j (s_j − γ·t_j). Under β ≥ 0
        and ‖β‖ = 1 its minimum is β ∝ [γ·t − s]₊. The v_j are of equal variance, so a direction
        counts by how it tells the pairs apart, not by its share of the composite.

        Parameters
        ----------
        kernels
            Positive semi-definite `(n, n)` over the same n reference exams.
        similar, dissimilar
            Pairs of their rows, int `(n_pairs, 2)`. Without dissimilar pairs β ∝ 1 / s.
        balance
            γ, how much keeping dissimilar exams apart counts.
        n_basis
            Eigenvectors kept at most.

        Raises `ValueError` without a kernel or without similar pairs.
        """
        if len(kernels) == 0 or len(similar) == 0:
            raise ValueError("a composite kernel needs at least one kernel and one similar pair")
        shares = _source_shares(kernels)
        composite = sum(share * kernel for share, kernel in zip(shares, kernels, strict=True))
        values, vectors = np.linalg.eigh(np.asarray(composite, dtype=np.float64))
        values, vectors = values[::-1][:n_basis], vectors[:, ::-1][:, :n_basis]
        kept = values > _SMALLEST_SHARE * values[0]
        values, vectors = values[kept], vectors[:, kept]
        # At the size of coordinates of unit variance, whatever the number of exams.
        placed = vectors * np.sqrt(len(vectors))
        near = ((placed[similar[:, 0]] - placed[similar[:, 1]]) ** 2).mean(axis=0)
        if len(dissimilar):
            far = ((placed[dissimilar[:, 0]] - placed[dissimilar[:, 1]]) ** 2).mean(axis=0)
            weights = np.maximum(balance * far - near, 0.0)
        else:
            weights = 1.0 / np.maximum(near, 1e-12)
        if not weights.any():
            weights = np.ones_like(weights)
        return cls(shares, placed / values, weights / np.linalg.norm(weights))

    def embed(self, kernels: Sequence[np.ndarray]) -> np.ndarray:
        """Return embeddings float32 `(m, n_basis)` of unit length of exams, new or not.

        `kernels` are `(m, n_references)`, in the order of `fit`: each exam against the references
        (Nyström: v_j(x) = Σ_i K(x, i) v_ji / λ_j).
        """
        rows = sum(share * kernel for share, kernel in zip(self.shares, kernels, strict=True))
        found = (np.asarray(rows) @ self.basis) * np.sqrt(self.weights)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        embeddings: np.ndarray = (found / np.maximum(length, 1e-12)).astype(np.float32)
        return embeddings


def _source_shares(kernels: Sequence[np.ndarray]) -> np.ndarray:
    """Share of each kernel: equal for sources, and within a source; scaled by mean diagonal."""
    from sklearn.cluster import AgglomerativeClustering

    scale = np.array([1.0 / max(float(np.trace(k)) / len(k), 1e-12) for k in kernels])
    sources = np.zeros(len(kernels), dtype=np.int64)
    if len(kernels) > 1:
        centred = [k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean() for k in kernels]
        unit = np.stack([(k / max(float(np.linalg.norm(k)), 1e-12)).ravel() for k in centred])
        sources = AgglomerativeClustering(
            n_clusters=None,
            metric="precomputed",
            linkage="average",
            distance_threshold=1.0 - _SAME_SOURCE,
        ).fit_predict(np.clip(1.0 - unit @ unit.T, 0.0, 2.0))
    counts = np.bincount(sources)
    shares = scale / (len(counts) * counts[sources])
    normed: np.ndarray = shares / shares.sum()
    return normed
