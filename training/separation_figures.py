"""Figures of what an exam's neighbours and the normal centroid say of it."""

from collections.abc import Callable, Collection

import numpy as np

from training.bootstrap import percentile_interval, statistic_samples
from training.evaluated_exams import EvaluatedExams
from training.figures import MEAN_OF_CLASSES, Bootstrap, Figure
from training.neighbour_classes import class_aucs, class_shares
from training.normality import (
    centroid_score,
    nearest_others,
    weighted_auc,
    weighted_average_precision,
)


def separation_figures(
    exams: EvaluatedExams,
    classes: list[str],
    prefix: str,
    k: int,
    centroid: np.ndarray | None,
    measures: Collection[str],
    exclude_patient: bool,
    bootstrap: Bootstrap,
) -> list[Figure]:
    """Figures of normal against abnormal, and of each class against the exams without it.

    Exams that are neither normal nor abnormal are no queries and no neighbours. Without a normal
    or without an abnormal exam there are no figures of the first kind. `measures` are those of
    `training.evaluate.MEASURES`.
    """
    either = exams.only(exams.abnormal | exams.normal)
    if len(either.normal) == 0:
        return []
    near = nearest_others(either.embeddings, either.groups(exclude_patient), k)
    figures: list[Figure] = []
    if "separation" in measures:
        figures += _normality_figures(exams, either, prefix, near, centroid, bootstrap)
    if "classes" in measures and classes:
        figures += _class_figures(exams, either, classes, prefix, near, bootstrap)
    return figures


def _normality_figures(
    exams: EvaluatedExams,
    either: EvaluatedExams,
    prefix: str,
    near: np.ndarray,
    centroid: np.ndarray | None,
    bootstrap: Bootstrap,
) -> list[Figure]:
    positive = either.abnormal
    if positive.all() or not positive.any():
        return []
    scores = {"k-NN": class_shares(near, positive[:, None])[:, 0]}
    if centroid is not None:
        scores["centroid"] = centroid_score(either.embeddings, centroid)
    figures = []
    for name, score in scores.items():
        kept = ~np.isnan(score)

        def areas(
            weights: np.ndarray, score: np.ndarray = score[kept], kept: np.ndarray = kept
        ) -> np.ndarray:
            shown = positive[kept]
            return np.stack(
                [
                    weighted_auc(score, shown, weights),
                    weighted_average_precision(score, shown, weights),
                ]
            )

        figures += _figures_of(
            areas,
            [(f"AUC {name}", prefix or "all"), (f"AP {name}", prefix or "all")],
            either.patients[kept],
            len(exams.normal) - int(kept.sum()),
            bootstrap,
        )
    return figures


def _class_figures(
    exams: EvaluatedExams,
    either: EvaluatedExams,
    classes: list[str],
    prefix: str,
    near: np.ndarray,
    bootstrap: Bootstrap,
) -> list[Figure]:
    kept = (near >= 0).any(axis=1)
    shares, labels = class_shares(near, either.labels)[kept], either.labels[kept]
    names = [f"{prefix} {name}".strip() for name in (*classes, MEAN_OF_CLASSES)]
    return _figures_of(
        lambda weights: class_aucs(shares, labels, weights),
        [("class AUC k-NN", name) for name in names],
        either.patients[kept],
        len(exams.normal) - int(kept.sum()),
        bootstrap,
    )


def _figures_of(
    statistics: Callable[[np.ndarray], np.ndarray],
    names: list[tuple[str, str]],
    patients: np.ndarray,
    left_out: int,
    bootstrap: Bootstrap,
) -> list[Figure]:
    """Return the figures of several statistics of the same exams."""
    values = statistics(np.ones((1, len(patients))))[:, 0]
    samples = statistic_samples(statistics, patients, bootstrap.n_resamples, bootstrap.seed)
    return [
        Figure(*name, float(value), *percentile_interval(drawn), len(patients), left_out)
        for name, value, drawn in zip(names, values, samples, strict=True)
    ]
