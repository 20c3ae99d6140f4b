"""Every figure of an embedding, with intervals, for the query sets that must be told apart."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from training.candidates import Candidates
from training.clustering_figures import clustering_figures
from training.evaluated_exams import EvaluatedExams, group_codes
from training.figures import Bootstrap, Figure
from training.label_similarity import distinct_label_sets
from training.retrieval import retrieval_measures
from training.retrieval_figures import retrieval_figures
from training.separation_figures import separation_figures

__all__ = [
    "MEASURES",
    "Figure",
    "evaluate_embedding",
    "group_codes",
    "query_measures",
    "random_embedding",
]

MEASURES = ("retrieval", "full_ranking", "separation", "clustering", "classes")
"""What `evaluate_embedding` can be asked for: retrieval at the depths; mAP and R-precision of the
full ranking; normal against abnormal; k-means against label sets; and, of what is asked for, the
figures of each class, with retrieval at the depths and k-NN in any case."""


def evaluate_embedding(
    embeddings: np.ndarray,
    labels: np.ndarray,
    normal: np.ndarray,
    uncertain: np.ndarray,
    exam_ids: Sequence[Any],
    patient_ids: Sequence[Any],
    *,
    classes: Sequence[str] | None = None,
    ks: Sequence[int] = (10,),
    neighbours: int = 10,
    n_clusters: int | None = None,
    measures: Collection[str] = MEASURES,
    exclude_patient: bool = True,
    centroid: np.ndarray | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Figure]:
    """Measure an embedding by leave-one-out retrieval, normal against abnormal, and clusters.

    Each exam asks all others. Query sets: `all`; `abnormal`, those with a label; `certain` and
    `certain abnormal`, the same after exams with an uncertain state are removed, from the gallery
    too. Figures of a class have its name for queries.

    Parameters
    ----------
    embeddings
        float32 `(n, d)`, of unit length: of images, or of exams (`training.exam_pooling`).
    labels
        bool `(n, n_classes)`, positive members only (`evaluation_labels`).
    normal, uncertain
        bool `(n,)`.
    exam_ids, patient_ids
        Length n; a missing patient id (None, NaN) makes the exam its own patient.
    classes
        Names of the columns of `labels`; their numbers when None.
    ks
        Depths of the retrieval measures.
    neighbours
        k of the k-NN scores of abnormality and of each class.
    n_clusters
        Clusters of k-means; as many as there are classes, with normal, when None.
    measures
        Which of `MEASURES`.
    exclude_patient
        Other exams of the query's patient are no candidates; the query's own exam never is.
    centroid
        `(d,)` centre of the normal training exams; without it there are no centroid figures.
    n_resamples, seed
        Of the bootstrap; the seed is that of k-means too.
    """
    unknown = set(measures) - set(MEASURES)
    if unknown:
        raise ValueError(f"no such measures: {', '.join(sorted(unknown))}")
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
    n_classes = np.shape(labels)[1]
    names = [str(number) for number in range(n_classes)] if classes is None else list(classes)
    if len(names) != n_classes:
        raise ValueError(f"{len(names)} classes for labels of {n_classes}")
    rows = EvaluatedExams(
        np.ascontiguousarray(embeddings, dtype=np.float32),
        np.asarray(labels, dtype=bool),
        np.asarray(normal, dtype=bool),
        *group_codes(exam_ids, patient_ids),
    )
    bootstrap = Bootstrap(n_resamples, seed)
    figures = []
    for prefix, part in (("", rows), ("certain", rows.only(~np.asarray(uncertain, dtype=bool)))):
        figures += retrieval_figures(part, names, prefix, ks, measures, exclude_patient, bootstrap)
        if {"separation", "classes"} & set(measures):
            figures += separation_figures(
                part, names, prefix, neighbours, centroid, measures, exclude_patient, bootstrap
            )
        if "clustering" in measures:
            figures += clustering_figures(part, names, prefix, n_clusters, measures, bootstrap)
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


def random_embedding(n: int, dim: int = 128, seed: int = 0) -> np.ndarray:
    """Return n random directions, float32 `(n, dim)`: the embedding that measures chance."""
    drawn = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
