"""How well an exam's neighbours foretell its findings: k-NN scores class by class.

The score of a class is its share among the k nearest others, equal votes. It is judged by the
area under the ROC curve over all exams, having the class being positive; many scores are tied and
count half (`training.normality.weighted_auc`). The mean over classes is that of the classes that
have both positives and negatives.
"""

import numpy as np

from training.normality import weighted_auc


def class_shares(neighbours: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of each class among the neighbours of each exam, float64 `(n_queries, n_classes)`.

    Parameters
    ----------
    neighbours
        int64 `(n_queries, k)`, rows of the gallery, -1 where there are fewer.
    labels
        bool `(n_gallery, n_classes)`.

    An exam without any neighbour has NaN.
    """
    filled = neighbours >= 0
    with np.errstate(invalid="ignore"):
        shares = [
            (column[neighbours] & filled).sum(axis=1) / filled.sum(axis=1)
            for column in np.asarray(labels, dtype=bool).T
        ]
    return np.stack(shares, axis=1) if shares else np.empty((len(neighbours), 0))


def class_aucs(shares: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each class and, last, their mean: `(n_classes + 1, resamples)`.

    `shares` and `labels` are `(n, n_classes)`, `weights` `(resamples, n)`. NaN for a class without
    positives or without negatives; such classes are no part of the mean.
    """
    aucs = np.array(
        [weighted_auc(shares[:, c], labels[:, c], weights) for c in range(labels.shape[1])]
    ).reshape(labels.shape[1], len(weights))
    known = ~np.isnan(aucs)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, aucs, 0.0).sum(axis=0) / known.sum(axis=0)
    return np.vstack([aucs, mean])
