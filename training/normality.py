"""How well an embedding separates normal from abnormal exams.

Two scores of abnormality per exam: the share of abnormal exams among its k nearest neighbours,
and its distance to the centroid of the normal training exams. Each is judged by the area under
the ROC curve and by average precision, abnormal being the positive class. Exams that are neither
(an empty label set that is not normal) are no queries and no neighbours.
"""

import numpy as np

from training.candidates import Candidates
from training.neighbours import nearest_candidates

# Up to so many distinct scores a matrix product sums them faster than a sort of the weights.
_FEW_LEVELS = 64


def neighbour_score(
    embeddings: np.ndarray, abnormal: np.ndarray, groups: list[np.ndarray], k: int = 10
) -> np.ndarray:
    """Share of abnormal exams among the k nearest others, float64 `(n,)`.

    `groups` are integer arrays `(n,)`; exams that agree in one are not each other's neighbours.
    An exam without any neighbour has NaN.
    """
    rows = nearest_others(embeddings, groups, k)
    filled = rows >= 0
    with np.errstate(invalid="ignore"):
        return (abnormal[rows] & filled).sum(axis=1) / filled.sum(axis=1)


def nearest_others(embeddings: np.ndarray, groups: list[np.ndarray], k: int) -> np.ndarray:
    """Rows of the k nearest others of each exam, int64 `(n, k)`, -1 where there are fewer.

    `groups` as in `neighbour_score`.
    """
    none = np.zeros(len(embeddings), dtype=np.int64)
    candidates = Candidates(none, none, np.ones((1, 1)), [(group, group) for group in groups])
    return nearest_candidates(embeddings, embeddings, candidates, k).rows


def normal_centroid(embeddings: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Mean direction `(d,)`, of unit length, of the normal exams of the training rows."""
    if not normal.any():
        raise ValueError("no normal exam among the training rows: there is no centroid")
    centre = embeddings[normal].astype(np.float64).mean(axis=0)
    return (centre / max(float(np.linalg.norm(centre)), 1e-12)).astype(np.float32)


def centroid_score(embeddings: np.ndarray, centroid: np.ndarray) -> np.ndarray:
    """Cosine distance `(n,)` to the centroid of normal exams."""
    return 1.0 - (embeddings @ centroid).astype(np.float64)


def weighted_auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of weights `(resamples, n)`, ties counted half.

    NaN where one of the two classes has no weight.
    """
    positives, negatives = _mass_by_score(scores, positive, weights)
    above = positives.cumsum(axis=1) - positives
    won = (negatives * (above + 0.5 * positives)).sum(axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


def weighted_average_precision(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Average precision for each row of weights `(resamples, n)`, tied scores as one threshold.

    NaN where one of the two classes has no weight.
    """
    positives, negatives = _mass_by_score(scores, positive, weights)
    hits, all_shown = positives.cumsum(axis=1), (positives + negatives).cumsum(axis=1)
    precision = np.divide(hits, all_shown, out=np.zeros(hits.shape), where=all_shown > 0)
    total, others = positives.sum(axis=1), negatives.sum(axis=1)
    return np.divide(
        (precision * positives).sum(axis=1),
        total,
        out=np.full(len(total), np.nan),
        where=(total > 0) & (others > 0),
    )


def _mass_by_score(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, highest score first."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    if len(ranked) == 0:
        nothing = np.zeros((len(weights), 0))
        return nothing, nothing
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    if len(starts) <= _FEW_LEVELS:
        # Shares of k neighbours have k + 1 levels at most: a product with their indicators.
        level_of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(ranked)))
        cells = np.zeros((len(ranked), 2 * len(starts)))
        cells[order, level_of + len(starts) * ~positive[order]] = 1.0
        mass = weights.astype(np.float64) @ cells
        return mass[:, : len(starts)], mass[:, len(starts) :]
    sorted_weights = weights[:, order].astype(np.float64)
    hit = positive[order].astype(np.float64)
    return (
        np.add.reduceat(sorted_weights * hit, starts, axis=1),
        np.add.reduceat(sorted_weights * (1.0 - hit), starts, axis=1),
    )
