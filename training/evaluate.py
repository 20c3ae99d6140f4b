"""Every figure of an embedding, with intervals, for the query sets that must be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from training.bootstrap import mean_interval, statistic_interval
from training.candidates import Candidates
from training.label_similarity import distinct_label_sets
from training.normality import (
    centroid_score,
    neighbour_score,
    weighted_auc,
    weighted_average_precision,
)
from training.retrieval import retrieval_measures


@dataclass(frozen=True)
class Figure:
    """One figure with its 95 % bootstrap interval by patient."""

    measure: str
    """`nDCG@10`, `mAP@10`, `P@10`, `Jaccard@10`, `AUC k-NN`, `AP k-NN`, `AUC centroid` ..."""
    queries: str
    """`all`, `abnormal`, `certain` or `certain abnormal`, see `evaluate_embedding`."""
    value: float
    low: float
    high: float
    n_queries: int
    """Queries the value is the mean of."""
    left_out: int
    """Queries without a relevant candidate (retrieval) or neither normal nor abnormal."""


@dataclass(frozen=True)
class _Rows:
    """The evaluated exams, or a part of them; all arrays have length n."""

    embeddings: np.ndarray
    labels: np.ndarray
    normal: np.ndarray
    exams: np.ndarray
    patients: np.ndarray

    def only(self, kept: np.ndarray) -> "_Rows":
        """Return the exams where `kept` is true."""
        return _Rows(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))


def evaluate_embedding(
    embeddings: np.ndarray,
    labels: np.ndarray,
    normal: np.ndarray,
    uncertain: np.ndarray,
    exam_ids: Sequence[Any],
    patient_ids: Sequence[Any],
    *,
    ks: Sequence[int] = (10,),
    neighbours: int = 10,
    exclude_patient: bool = True,
    centroid: np.ndarray | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Figure]:
    """Measure an embedding by leave-one-out retrieval and by normal against abnormal.

    Each exam asks all others. Query sets: `all`; `abnormal`, those with a label; `certain` and
    `certain abnormal`, the same after exams with an uncertain state are removed, from the gallery
    too.

    Parameters
    ----------
    embeddings
        float32 `(n, d)`, of unit length.
    labels
        bool `(n, n_classes)`, positive members only (`evaluation_labels`).
    normal, uncertain
        bool `(n,)`.
    exam_ids, patient_ids
        Length n; a missing patient id (None, NaN) makes the exam its own patient.
    ks
        Depths of the retrieval measures.
    neighbours
        k of the k-NN score of abnormality.
    exclude_patient
        Other exams of the query's patient are no candidates; the query's own exam never is.
    centroid
        `(d,)` centre of the normal training exams; without it there are no centroid figures.
    n_resamples, seed
        Of the bootstrap.
    """
    if not np.isfinite(embeddings).all():
        raise ValueError("the embedding has values that are not finite")
    n_rows = len(embeddings)
    for name, given in {
        "labels": labels,
        "normal": normal,
        "uncertain": uncertain,
        "exam_ids": exam_ids,
        "patient_ids": patient_ids,
    }.items():
        if len(given) != n_rows:
            raise ValueError(f"{len(given)} {name} for {n_rows} embeddings")
    exams, patients = group_codes(exam_ids, patient_ids)
    rows = _Rows(
        np.ascontiguousarray(embeddings, dtype=np.float32),
        np.asarray(labels, dtype=bool),
        np.asarray(normal, dtype=bool),
        exams,
        patients,
    )
    figures = []
    for prefix, part in (("", rows), ("certain", rows.only(~np.asarray(uncertain, dtype=bool)))):
        figures += _retrieval_figures(part, prefix, ks, exclude_patient, n_resamples, seed)
        figures += _normality_figures(
            part, prefix, neighbours, exclude_patient, centroid, n_resamples, seed
        )
    return figures


def query_measures(
    embeddings: np.ndarray,
    labels: np.ndarray,
    normal: np.ndarray,
    exams: np.ndarray,
    patients: np.ndarray,
    ks: Sequence[int] = (10,),
    exclude_patient: bool = True,
) -> dict[str, np.ndarray]:
    """Leave-one-out retrieval measures of each exam as a query, float64 `(n,)`.

    `exams` and `patients` are integer codes (`group_codes`); see `retrieval_measures`.
    """
    sets = distinct_label_sets(labels, normal)
    exclusions = [(exams, exams), *([(patients, patients)] if exclude_patient else [])]
    candidates = Candidates(sets.codes, sets.codes, sets.similarity, exclusions)
    return retrieval_measures(embeddings, embeddings, candidates, ks)


def group_codes(
    exam_ids: Sequence[Any], patient_ids: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of exams and patients, int64 `(n,)`; a missing patient is its exam's own."""
    _, exams = np.unique(np.asarray([str(exam) for exam in exam_ids]), return_inverse=True)
    # The mark keeps a patient id from being taken for an exam id.
    names = [
        f"exam:{exam}" if patient is None or patient != patient else f"patient:{patient}"
        for exam, patient in zip(exam_ids, patient_ids, strict=True)
    ]
    _, patients = np.unique(np.asarray(names), return_inverse=True)
    return exams.astype(np.int64), patients.astype(np.int64)


def random_embedding(n: int, dim: int = 128, seed: int = 0) -> np.ndarray:
    """Return n random directions, float32 `(n, dim)`: the embedding that measures chance."""
    drawn = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _retrieval_figures(
    rows: _Rows,
    prefix: str,
    ks: Sequence[int],
    exclude_patient: bool,
    n_resamples: int,
    seed: int,
) -> list[Figure]:
    """Measure retrieval over all queries and over the abnormal ones."""
    found = query_measures(
        rows.embeddings, rows.labels, rows.normal, rows.exams, rows.patients, ks, exclude_patient
    )
    sets = {
        prefix or "all": np.ones(len(rows.normal), dtype=bool),
        f"{prefix} abnormal".strip(): rows.labels.any(axis=1),
    }
    figures = []
    for measure, values in found.items():
        for queries, chosen in sets.items():
            part = values[chosen]
            known = ~np.isnan(part)
            low, high = mean_interval(part, rows.patients[chosen], n_resamples, seed)
            value = float(part[known].mean()) if known.any() else float("nan")
            n_known = int(known.sum())
            figures.append(Figure(measure, queries, value, low, high, n_known, len(part) - n_known))
    return figures


def _normality_figures(
    rows: _Rows,
    prefix: str,
    neighbours: int,
    exclude_patient: bool,
    centroid: np.ndarray | None,
    n_resamples: int,
    seed: int,
) -> list[Figure]:
    """Figures of normal against abnormal; none when the rows hold only one of the two."""
    abnormal = rows.labels.any(axis=1)
    either = rows.only(abnormal | rows.normal)
    positive: np.ndarray = np.any(either.labels, axis=1)
    if positive.all() or not positive.any():
        return []
    groups = [either.exams, *([either.patients] if exclude_patient else [])]
    scores = {"k-NN": neighbour_score(either.embeddings, positive, groups, neighbours)}
    if centroid is not None:
        scores["centroid"] = centroid_score(either.embeddings, centroid)

    figures = []
    for name, score in scores.items():
        kept = ~np.isnan(score)
        for measure, statistic in (("AUC", weighted_auc), ("AP", weighted_average_precision)):
            weighted = partial(statistic, score[kept], positive[kept])
            low, high = statistic_interval(weighted, either.patients[kept], n_resamples, seed)
            figures.append(
                Figure(
                    f"{measure} {name}",
                    prefix or "all",
                    float(weighted(np.ones((1, int(kept.sum()))))[0]),
                    low,
                    high,
                    int(kept.sum()),
                    len(rows.normal) - int(kept.sum()),
                )
            )
    return figures
