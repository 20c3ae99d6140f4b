"""How well an embedding tells change between consecutive exams of a patient, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from training.bootstrap import mean_interval, statistic_interval
from training.change import change_amount, change_by_finding, consecutive_pairs, label_change
from training.evaluate import Figure, group_codes
from training.normality import weighted_auc

CONSECUTIVE = "consecutive exams"
ONE_VIEW = "consecutive exams in one view"

# A finding that came, or went, in fewer pairs has no figure of its own.
_LEAST_PAIRS = 5


@dataclass(frozen=True)
class ChangePairs:
    """Consecutive exams of patients, m pairs: what their labels and their embeddings say.

    Attributes
    ----------
    patients
        `(m,)`, any names or numbers.
    amounts
        float64 `(m,)`: 1 − cos.
    projections
        float64 `(m, n_classes)`: Δz on each finding's direction, NaN where there is none.
    findings
        int8 `(m, n_classes)`: 1 new, -1 gone, 0 the same.
    changed, known
        bool `(m,)`, see `training.change.LabelChange`.
    one_view
        bool `(m,)`: both exams were taken in the same single view.
    """

    patients: np.ndarray
    amounts: np.ndarray
    projections: np.ndarray
    findings: np.ndarray
    changed: np.ndarray
    known: np.ndarray
    one_view: np.ndarray

    def only(self, kept: np.ndarray) -> "ChangePairs":
        """Return the pairs where `kept` is true."""
        return ChangePairs(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts: Sequence["ChangePairs"]) -> "ChangePairs":
        """Return the pairs of all parts: the folds of a cross-validation."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def change_pairs(
    embeddings: np.ndarray,
    labels: np.ndarray,
    normal: np.ndarray,
    exam_ids: Sequence[Any],
    patient_ids: Sequence[Any],
    order: np.ndarray,
    directions: np.ndarray,
    views: Sequence[Any],
) -> ChangePairs:
    """Compare each exam with the next of its patient; an exam is the mean of its images.

    Parameters
    ----------
    embeddings
        float32 `(n, d)`, of unit length, one an image.
    labels, normal
        bool `(n, n_classes)` and `(n,)` (`evaluation_labels`), the same for images of one exam.
    exam_ids, patient_ids
        Length n; a missing patient id (None, NaN) makes the exam its own patient.
    order
        float64 `(n,)`: time or rank of the exam within its patient, NaN unknown.
    directions
        `(n_classes, d)`: `finding_directions` of the training exams.
    views
        Length n; a missing view (None, NaN) agrees with no other.
    """
    exams, patients = group_codes(exam_ids, patient_ids)
    _, first, of_exam = np.unique(exams, return_index=True, return_inverse=True)
    pooled = np.zeros((len(first), embeddings.shape[1]))
    np.add.at(pooled, of_exam, embeddings)
    pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
    before, after = consecutive_pairs(patients[first], np.asarray(order, dtype=np.float64)[first])
    change = label_change(np.asarray(labels)[first], np.asarray(normal)[first], before, after)
    seen: list[set[Any]] = [set() for _ in first]
    for exam, view in zip(of_exam, views, strict=True):
        seen[exam].add(None if view != view else view)
    one_view = [
        len(seen[b]) == 1 and seen[b] == seen[a] and None not in seen[b]
        for b, a in zip(before, after, strict=True)
    ]
    names = np.array([str(patient) for patient in patient_ids])[first]
    return ChangePairs(
        names[before],
        change_amount(pooled[before], pooled[after]),
        change_by_finding(pooled[before], pooled[after], directions),
        change.findings,
        change.changed,
        change.known,
        np.array(one_view, dtype=bool),
    )


def change_figures(
    pairs: ChangePairs, classes: Sequence[str], n_resamples: int = 1000, seed: int = 0
) -> list[Figure]:
    """Measure how well amounts and projections rank the pairs, with intervals by patient.

    `AUC change` is the area under the ROC curve of the amount, a changed label set being the
    positive class: 0.5 says that the distance knows nothing of it. `AUC new or gone` is that of
    the projection on a finding's direction where the finding came or went, new being positive: for
    each finding with at least five of both, and for all of them together, each projection then
    divided by its finding's root mean square over all pairs. `AUC which finding` asks within a
    pair whether the findings that came (went) are those that moved most towards (away), against
    the pair's other findings; it is the mean over pairs, a pair with both counting twice.

    Parameters
    ----------
    pairs
        See `change_pairs`.
    classes
        Names of the findings.
    n_resamples, seed
        Of the bootstrap by patient.

    Returns
    -------
    Figures over `consecutive exams` and, because a change of view moves an embedding too, over
    `consecutive exams in one view`; those of one finding have its name after a colon. `n_queries`
    counts pairs, for all findings together every finding that came or went; `left_out` counts
    pairs whose change is unknown, or in which no finding (not this one) came or went. Empty
    without pairs.
    """
    if pairs.findings.shape[1] != len(classes):
        raise ValueError(f"{len(classes)} class names for {pairs.findings.shape[1]} findings")
    figures = []
    everything = np.ones(len(pairs.amounts), dtype=bool)
    for queries, chosen in ((CONSECUTIVE, everything), (ONE_VIEW, pairs.one_view)):
        part = pairs.only(chosen)
        if len(part.amounts):
            figures += _figures(part, queries, classes, n_resamples, seed)
    return figures


def _figures(
    pairs: ChangePairs, queries: str, classes: Sequence[str], n_resamples: int, seed: int
) -> list[Figure]:
    known = pairs.only(pairs.known)
    found = _auc(known.amounts, known.changed, known.patients, n_resamples, seed)
    unknown = len(pairs.amounts) - len(known.amounts)
    figures = [Figure("AUC change", queries, *found, len(known.amounts), unknown)]

    spread = np.sqrt(np.mean(pairs.projections**2, axis=0))
    scores = pairs.projections / np.where(spread > 0, spread, np.nan)
    moved = (pairs.findings != 0) & np.isfinite(scores)
    events = {queries: np.nonzero(moved)}
    for number, name in enumerate(classes):
        rows = np.flatnonzero(moved[:, number])
        new = int((pairs.findings[rows, number] > 0).sum())
        if min(new, len(rows) - new) >= _LEAST_PAIRS:
            events[f"{queries}: {name}"] = (rows, np.full(len(rows), number))
    for name, (rows, columns) in events.items():
        is_new = pairs.findings[rows, columns] > 0
        found = _auc(scores[rows, columns], is_new, pairs.patients[rows], n_resamples, seed)
        still = len(pairs.amounts) - len(np.unique(rows))
        figures.append(Figure("AUC new or gone", name, *found, len(rows), still))
    figures.append(_which_finding(pairs, scores, queries, n_resamples, seed))
    return figures


def _which_finding(
    pairs: ChangePairs, scores: np.ndarray, queries: str, n_resamples: int, seed: int
) -> Figure:
    """Mean over pairs of the area by which findings that moved one way stand out of the pair."""
    values, rows = [], []
    for row, (moved, score) in enumerate(zip(pairs.findings, scores, strict=True)):
        told = np.isfinite(score)
        for way in (1, -1):
            hit = moved[told] == way
            if hit.any() and not hit.all():
                one = np.ones((1, int(told.sum())))
                values.append(float(weighted_auc(way * score[told], hit, one)[0]))
                rows.append(row)
    found = np.array(values)
    low, high = mean_interval(found, pairs.patients[np.array(rows, dtype=int)], n_resamples, seed)
    value = float(found.mean()) if values else float("nan")
    still = len(pairs.amounts) - len(set(rows))
    return Figure("AUC which finding", queries, value, low, high, len(values), still)


def _auc(
    scores: np.ndarray, positive: np.ndarray, patients: np.ndarray, n_resamples: int, seed: int
) -> tuple[float, float, float]:
    """Area under the ROC curve and its interval; NaN when one of the classes is missing."""
    weighted = partial(weighted_auc, scores, positive)
    low, high = statistic_interval(weighted, patients, n_resamples, seed)
    return float(weighted(np.ones((1, len(scores))))[0]), low, high
