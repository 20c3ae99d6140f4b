"""Similarity of exams' label sets: the Jaccard index, for soft labels as Σmin/Σmax.

Ruzicka's generalisation of the Jaccard index; for 0/1 labels it is |A∩B| / |A∪B|. Two empty sets
have no Jaccard index (0/0). What is made of them follows the project's contract: two *normal*
exams have similarity 1; any other two empty sets are an unknown pair, neither similar nor
dissimilar.
"""

from dataclasses import dataclass

import numpy as np
import torch

# Differences of float32 sums below this are rounding, not similarity.
_ROUNDING = 1e-5


def label_similarity(
    targets: torch.Tensor,
    normal: torch.Tensor | None = None,
    normals_similar: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the similarity of all pairs of a batch, without a loop over pairs.

    Σmin and Σmax of two rows a, b follow from their city-block distance d:
    Σmin = (Σa + Σb − d) / 2 and Σmax = (Σa + Σb + d) / 2.

    Parameters
    ----------
    targets
        `(b, n_classes)`, soft labels from 0 to 1.
    normal
        bool `(b,)`; None when no exam is known to be normal.
    normals_similar
        Two normal exams have similarity 1; if false they are an unknown pair.

    Returns
    -------
    similarity
        float32 `(b, b)` from 0 to 1; 0 where unknown.
    known
        bool `(b, b)`; false for unknown pairs.
    """
    soft = targets.detach().float()
    sums = soft.sum(dim=1)
    both = sums[:, None] + sums[None, :]
    distance = torch.cdist(soft, soft, p=1.0)
    known = both > _ROUNDING
    shared = (both - distance).where(both - distance > _ROUNDING, 0.0)
    similarity = shared / (both + distance).where(known, 1.0)
    if normal is not None:
        normals = normal.bool()
        pairs = normals[:, None] & normals[None, :]
        similarity = torch.where(pairs, float(normals_similar), similarity)
        known = torch.where(pairs, normals_similar, known)
    return similarity, known


@dataclass(frozen=True)
class LabelSets:
    """The distinct label sets of a collection of exams and their similarity.

    A large gallery has few distinct label sets, so every graded relevance is a look-up in a small
    matrix: that of exams i and j is `similarity[codes[i], codes[j]]`.
    """

    codes: np.ndarray
    """int64 `(n,)`: which distinct set each exam has."""
    similarity: np.ndarray
    """float32 `(n_sets, n_sets)`; NaN for unknown pairs."""


def distinct_label_sets(labels: np.ndarray, normal: np.ndarray) -> LabelSets:
    """Find the distinct label sets of exams and the similarity of each two of them.

    Parameters
    ----------
    labels
        `(n, n_classes)`, bool or soft labels from 0 to 1.
    normal
        bool `(n,)`. Two normal exams have similarity 1, two empty sets otherwise NaN.
    """
    rows = np.column_stack([np.asarray(labels, np.float32), np.asarray(normal, np.float32)])
    sets, codes = np.unique(rows, axis=0, return_inverse=True)
    members, normals = sets[:, :-1], sets[:, -1] > 0
    smallest = np.zeros((len(sets), len(sets)), np.float32)
    largest = np.zeros_like(smallest)
    for column in members.T:
        smallest += np.minimum(column[:, None], column[None, :])
        largest += np.maximum(column[:, None], column[None, :])
    with np.errstate(invalid="ignore"):
        similarity = np.where(largest > 0, smallest / largest, np.float32(np.nan))
    similarity[normals[:, None] & normals[None, :]] = 1.0
    return LabelSets(codes.reshape(-1).astype(np.int64), similarity.astype(np.float32))
