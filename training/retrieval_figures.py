"""Figures of leave-one-out retrieval: overall, class by class, first ranks and full ranking."""

from collections.abc import Collection, Sequence

import numpy as np

from training.class_retrieval import class_measures, set_members
from training.evaluated_exams import EvaluatedExams
from training.figures import Bootstrap, Figure, class_mean_figures, mean_figures
from training.full_ranking import full_ranking_measures
from training.neighbours import nearest_candidates
from training.retrieval import check_depths, measures_of_neighbours


def retrieval_figures(
    exams: EvaluatedExams,
    classes: list[str],
    prefix: str,
    ks: Sequence[int],
    measures: Collection[str],
    exclude_patient: bool,
    bootstrap: Bootstrap,
) -> list[Figure]:
    """Measure retrieval over all queries and over the abnormal ones, then class by class.

    `measures` are those of `training.evaluate.MEASURES`.
    """
    sets = exams.label_sets
    candidates = exams.candidates(sets, exclude_patient)
    vectors = exams.embeddings
    members = set_members(exams.labels, sets.codes)
    overall: dict[str, np.ndarray] = {}
    of_classes: dict[str, np.ndarray] = {}
    if {"retrieval", "classes"} & set(measures):
        near = nearest_candidates(vectors, vectors, candidates, check_depths(ks))
        if "retrieval" in measures:
            overall |= measures_of_neighbours(near, candidates, ks)
        if "classes" in measures:
            found = class_measures(near, candidates, members, ks)
            of_classes |= {f"class {name}": values for name, values in found.items()}
    if "full_ranking" in measures:
        of_class = members if "classes" in measures else None
        for name, values in full_ranking_measures(vectors, vectors, candidates, of_class).items():
            (of_classes if values.ndim == 2 else overall)[name] = values

    everyone = np.ones(len(exams.normal), dtype=bool)
    of_all = mean_figures(overall, prefix or "all", everyone, exams.patients, bootstrap)
    queries = f"{prefix} abnormal".strip()
    of_abnormal = mean_figures(overall, queries, exams.abnormal, exams.patients, bootstrap)
    figures = [figure for pair in zip(of_all, of_abnormal, strict=True) for figure in pair]
    if of_classes:
        figures += class_mean_figures(
            of_classes, exams.labels, classes, prefix, exams.patients, bootstrap
        )
    return figures
