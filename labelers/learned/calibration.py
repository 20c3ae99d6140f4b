"""Probabilities that mean what they say: Platt scaling, and how far off they are.

Source: Platt, «Probabilistic outputs for support vector machines» (1999): p = σ(a·logit(s) + b),
fitted by logistic regression on exams the model was not trained on. Brier (1950); expected
calibration error after Naeini et al. (AAAI 2015), ten equal-width bins.
"""

import numpy as np
from numpy.typing import NDArray

_BINS = 10
_FEWEST = 5  # exams of each outcome below which a class keeps its scores


def logit(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the log odds, of scores kept within [1e-6, 1 - 1e-6]."""
    bounded = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(bounded / (1 - bounded))


def fit(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return a and b of one class; 1 and 0 where there are too few exams of either outcome.

    Parameters
    ----------
    scores, truth
        (n_exams,).
    """
    if min(truth.sum(), (~truth).sum()) < _FEWEST:
        return 1.0, 0.0
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0).fit(logit(scores)[:, None], truth)
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)


def apply(
    scores: NDArray[np.float32], slopes: NDArray[np.float64], offsets: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return probabilities, float32 (n_exams, n_classes)."""
    return (1 / (1 + np.exp(-(slopes * logit(scores) + offsets)))).astype(np.float32)


def brier(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Return the mean squared error of the probabilities, (n_exams,) each."""
    return float(np.mean((probability - truth) ** 2)) if len(truth) else 0.0


def calibration_error(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: mean |share positive - mean probability| over bins."""
    if not len(truth):
        return 0.0
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    exams = np.bincount(bins, minlength=_BINS)
    positive = np.bincount(bins, weights=truth, minlength=_BINS)
    stated = np.bincount(bins, weights=probability, minlength=_BINS)
    return float(np.abs(positive - stated).sum() / exams.sum())
