"""Whether a model may take the current one's place, judged on the same queries."""

import math
from typing import Any

import numpy as np
import pandas as pd

from pipeline.embedding_figures import judged_vectors
from pipeline.evaluation_truth import Truth
from pipeline.lake import Lake
from pipeline.models import CURRENT, REFUSED, read_embeddings
from pipeline.settings import Settings


def judge(
    lake: Lake, candidate: str, current: str, truth: Truth, settings: Settings
) -> dict[str, Any]:
    """Return verdict, reason and figures (columns of `schemas.MODEL_DECISIONS`) of a candidate.

    It is let through if the 95 % interval of the paired difference, candidate less current, drawn
    by patient over the same queries, lies above minus the tolerance: non-inferiority, in the words
    of clinical trials. A candidate that too few queries can tell from a worse one is refused.

    Raises
    ------
    UserError
        A judged image is not embedded by both.
    """
    from training.bootstrap import paired_difference_interval

    new, patients = _of_queries(lake, candidate, truth, settings)
    old, _ = _of_queries(lake, current, truth, settings)
    difference, low, high = paired_difference_interval(
        new, old, patients, settings.evaluate.resamples, settings.train.seed
    )
    known = ~np.isnan(new - old)
    tolerance = settings.gate.tolerance
    verdict, reason = verdict_of(low, high, tolerance)
    figures = {
        "value": float(new[known].mean()) if known.any() else math.nan,
        "compared_value": float(old[known].mean()) if known.any() else math.nan,
        "difference": difference,
        "low": low,
        "high": high,
    }
    return {
        "verdict": verdict,
        "reason": reason,
        "compared_with": current,
        "measure": _measure(settings),
        "tolerance": tolerance,
        "n_queries": int(known.sum()),
        **{name: None if math.isnan(value) else value for name, value in figures.items()},
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


def _of_queries(
    lake: Lake, name: str, truth: Truth, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the measure of each query, NaN where it has none, and its patient; both `(n,)`."""
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
    return measures[f"{settings.gate.measure}@{k}"], patients
