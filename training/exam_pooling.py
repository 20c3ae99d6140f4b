"""From images to exams: one embedding per exam, the mean of its images'."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PooledExams:
    """Exams, in the order of their first image."""

    embeddings: np.ndarray
    """float32 `(n_exams, d)`, of unit length."""
    first_image: np.ndarray
    """int64 `(n_exams,)`: a row of the images that holds the exam's labels, patient and so on."""
    n_images: np.ndarray
    """int64 `(n_exams,)`."""


def pool_exams(
    embeddings: np.ndarray, exam_ids: Sequence[Any], labels: np.ndarray | None = None
) -> PooledExams:
    """Pool the embeddings of images by exam: the mean, brought back to unit length.

    Parameters
    ----------
    embeddings
        float32 `(n_images, d)`, of unit length.
    exam_ids
        The exam of each image.
    labels
        `(n_images, ...)`; where given, the images of an exam must agree in them.

    Raises
    ------
    ValueError
        Images of one exam have different labels.
    """
    names = np.asarray([str(exam) for exam in exam_ids])
    _, first, codes = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    exams, first = rank[codes], first[order]
    if labels is not None:
        differ = (labels != labels[first[exams]]).reshape(len(labels), -1).any(axis=1)
        if differ.any():
            count = len(np.unique(exams[differ]))
            raise ValueError(f"images of one exam have different labels, in {count} exams")
    sums = np.zeros((len(first), embeddings.shape[1]))
    np.add.at(sums, exams, embeddings)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    pooled = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
    return PooledExams(pooled, first, np.bincount(exams, minlength=len(first)))
