"""A figure of an embedding: its value, its interval, and over which queries it was taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.bootstrap import macro_mean_intervals, mean_intervals

MEAN_OF_CLASSES = "mean of classes"
"""`queries` of a figure that is the plain mean of the figures of all classes that have one."""


@dataclass(frozen=True)
class Figure:
    """One figure with its 95 % bootstrap interval by patient.

    The interval is widened to hold the value where resamples of few patients, or of few exams of
    a class, do not.
    """

    measure: str
    """`nDCG@10`, `mAP`, `AUC k-NN`, `NMI` ...; `class P@10` and so on for figures of classes."""
    queries: str
    """`all`, `abnormal`, `certain` or `certain abnormal`, see `evaluate_embedding`; for figures
    of classes the class's name or `mean of classes`, after `certain ` where that holds."""
    value: float
    low: float
    high: float
    n_queries: int
    """Queries the value is the mean of, or exams it is computed from."""
    left_out: int
    """Queries without a relevant candidate (retrieval) or neither normal nor abnormal."""

    def __post_init__(self) -> None:
        if not np.isnan(self.value):
            object.__setattr__(self, "low", min(self.low, self.value))
            object.__setattr__(self, "high", max(self.high, self.value))


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn."""

    n_resamples: int
    seed: int


def mean_figures(
    measures: Mapping[str, np.ndarray],
    queries: str,
    chosen: np.ndarray,
    patients: np.ndarray,
    bootstrap: Bootstrap,
) -> list[Figure]:
    """Return the mean of each measure `(n,)` over `chosen` queries, bool `(n,)`, NaN left out."""
    if not measures:
        return []
    values = np.stack([measure[chosen] for measure in measures.values()], axis=1)
    intervals = mean_intervals(values, patients[chosen], bootstrap.n_resamples, bootstrap.seed)
    figures = []
    for (name, (low, high)), column in zip(
        zip(measures, intervals, strict=True), values.T, strict=True
    ):
        known = column[~np.isnan(column)]
        mean = float(known.mean()) if len(known) else float("nan")
        left_out = len(column) - len(known)
        figures.append(Figure(name, queries, mean, low, high, len(known), left_out))
    return figures


def class_mean_figures(
    measures: Mapping[str, np.ndarray],
    labels: np.ndarray,
    classes: list[str],
    prefix: str,
    patients: np.ndarray,
    bootstrap: Bootstrap,
) -> list[Figure]:
    """Return the mean of each measure `(n, n_classes)` for each class, and the mean of classes.

    `labels` bool `(n, n_classes)` are the queries of each class.
    """
    figures = []
    for column, name in enumerate(classes):
        of_class = {measure: values[:, column] for measure, values in measures.items()}
        queries = f"{prefix} {name}".strip()
        figures += mean_figures(of_class, queries, labels[:, column], patients, bootstrap)
    stacked = np.stack(list(measures.values()))
    intervals = macro_mean_intervals(stacked, patients, bootstrap.n_resamples, bootstrap.seed)
    queries = f"{prefix} {MEAN_OF_CLASSES}".strip()
    for (measure, values), (low, high) in zip(measures.items(), intervals, strict=True):
        own = [f.value for f in figures if f.measure == measure and not np.isnan(f.value)]
        known = int((~np.isnan(values)).any(axis=1).sum())
        mean = float(np.mean(own)) if own else float("nan")
        left_out = int(labels.any(axis=1).sum()) - known
        figures.append(Figure(measure, queries, mean, low, high, known, left_out))
    return figures
