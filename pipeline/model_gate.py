"""Whether a model may take the current one's place, judged on the same queries."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.embedding_figures import judged_vectors
from pipeline.evaluation_truth import Truth
from pipeline.lake import Lake
from pipeline.models import CURRENT, REFUSED, read_embeddings
from pipeline.settings import Settings


def judge(
    lake: Lake, candidate: str, current: str, truth: Truth, settings: Settings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return verdict, reason and figures (columns of `schemas.MODEL_DECISIONS`) of a candidate.

    It is let through if the 95 % interval of the paired difference, candidate less current, drawn
    by patient over the same queries, lies above minus the tolerance: non-inferiority, in the words
    of clinical trials. A candidate that too few queries can tell from a worse one is refused. The
    queries of `[gate] queries` decide; beside the decision the figures of the other queries (all,
    or abnormal: those with a label) are returned, which decide nothing.

    Raises
    ------
    UserError
        A judged image is not embedded by both.
    """
    asked = _of_queries(lake, candidate, truth, settings)
    before = _of_queries(lake, current, truth, settings)
    queries = settings.gate.queries
    decisive = _compared(asked, before, queries, settings)
    beside = _compared(asked, before, "abnormal" if queries == "all" else "all", settings)
    tolerance = settings.gate.tolerance
    verdict, reason = verdict_of(decisive["low"], decisive["high"], tolerance)
    told = {"verdict": verdict, "reason": reason, "compared_with": current, "tolerance": tolerance}
    return told | _without_nan(decisive), _without_nan(beside)


def _compared(new: "_Queries", old: "_Queries", queries: str, settings: Settings) -> dict[str, Any]:
    """Return the figures of a set of queries."""
    from training.bootstrap import paired_difference_interval

    of_set = new.abnormal if queries == "abnormal" else np.ones(len(new.values), bool)
    values, compared = new.values[of_set], old.values[of_set]
    difference, low, high = paired_difference_interval(
        values,
        compared,
        new.patients[of_set],
        settings.evaluate.resamples,
        settings.train.seed,
    )
    known = ~np.isnan(values - compared)
    return {
        "measure": _measure(settings) + (" of abnormal queries" if queries == "abnormal" else ""),
        "n_queries": int(known.sum()),
        "value": float(values[known].mean()) if known.any() else math.nan,
        "compared_value": float(compared[known].mean()) if known.any() else math.nan,
        "difference": difference,
        "low": low,
        "high": high,
    }


def _without_nan(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in figures.items()
    }


def verdict_of(low: float, high: float, tolerance: float) -> tuple[str, str]:
    """Return the verdict and its reason from the interval of candidate less current."""
    if math.isnan(low):
        return REFUSED, "no query has a relevant candidate, so nothing can be compared"
    if low >= -tolerance:
        return CURRENT, "not worse than the current model beyond the tolerance"
    if high < -tolerance:
        return REFUSED, "worse than the current model beyond the tolerance"
    return REFUSED, "too few queries to show that it is not worse beyond the tolerance"


def _measure(settings: Settings) -> str:
    unit = "" if settings.evaluate.unit == "image" else "exams: "
    return f"{unit}{settings.gate.measure}@{settings.evaluate.k}"


class _Queries(NamedTuple):
    """Of each query `(n,)` the measure (NaN: none), its patient, and whether it has a label."""

    values: np.ndarray
    patients: np.ndarray
    abnormal: np.ndarray


def _of_queries(lake: Lake, name: str, truth: Truth, settings: Settings) -> _Queries:
    from training.evaluate import group_codes, query_measures
    from training.exam_pooling import pool_exams

    ids, embeddings = read_embeddings(lake, name)
    vectors = judged_vectors(pd.Series(np.arange(len(ids)), index=ids), embeddings, truth)
    at = np.arange(len(vectors))
    if settings.evaluate.unit == "exam":
        pooled = pool_exams(vectors, list(truth.rows["exam_id"]), truth.labels)
        vectors, at = pooled.embeddings, pooled.first_image
    rows = truth.rows.iloc[at]
    exams, patients = group_codes(list(rows["exam_id"]), list(rows["patient_id"]))
    k = settings.evaluate.k
    measures = query_measures(
        vectors,
        truth.labels[at],
        truth.normal[at],
        exams,
        patients,
        (k,),
        exclude_patient=not settings.evaluate.same_patient,
    )
    return _Queries(
        measures[f"{settings.gate.measure}@{k}"], patients, np.any(truth.labels[at], axis=1)
    )
