"""Figures of k-means clusters against label sets, overall and class by class."""

from collections.abc import Collection

import numpy as np

from training.bootstrap import centred_interval, statistic_samples
from training.clustering import (
    ResampledInformation,
    kmeans_clusters,
    label_silhouette,
    mutual_information,
)
from training.evaluated_exams import EvaluatedExams
from training.figures import MEAN_OF_CLASSES, Bootstrap, Figure, mean_figures

SILHOUETTE = "label silhouette"


def clustering_figures(
    exams: EvaluatedExams,
    classes: list[str],
    prefix: str,
    n_clusters: int | None,
    measures: Collection[str],
    bootstrap: Bootstrap,
) -> list[Figure]:
    """NMI, AMI and label silhouette of k-means clusters; NMI and AMI of each class.

    Exams that are neither normal nor abnormal are left out. As many clusters as classes that are
    there, normal being one, unless `n_clusters` says otherwise; no figure for fewer than two.
    Intervals resample patients while the clusters stay as they are. `measures` are those of
    `training.evaluate.MEASURES`.
    """
    either = exams.only(exams.abnormal | exams.normal)
    there = int(either.labels.any(axis=0).sum()) + int(either.normal.any())
    n_clusters = min(there if n_clusters is None else n_clusters, len(either.normal))
    if n_clusters < 2:
        return []
    left_out = len(exams.normal) - len(either.normal)
    sets = either.label_sets
    clusters = kmeans_clusters(either.embeddings, n_clusters, bootstrap.seed)
    partitions = {(prefix or "all", ""): sets.codes}
    if "classes" in measures:
        partitions |= {
            (f"{prefix} {name}".strip(), "class "): either.labels[:, column].astype(np.int64)
            for column, name in enumerate(classes)
            if 0 < either.labels[:, column].sum() < len(either.labels)
        }
    figures, of_classes = [], []
    for (queries, kind), partition in partitions.items():
        values = mutual_information(clusters, partition)
        samples = statistic_samples(
            ResampledInformation(clusters, partition),
            either.patients,
            bootstrap.n_resamples,
            bootstrap.seed,
        )
        if kind:
            of_classes.append((list(values.values()), samples))
        for (name, value), drawn in zip(values.items(), samples, strict=True):
            low, high = centred_interval(value, drawn)
            figures.append(
                Figure(f"{kind}{name}", queries, value, low, high, len(clusters), left_out)
            )
    if of_classes:
        means = np.mean([values for values, _ in of_classes], axis=0)
        drawn_means = np.mean([samples for _, samples in of_classes], axis=0)
        queries = f"{prefix} {MEAN_OF_CLASSES}".strip()
        for name, mean, drawn in zip(("NMI", "AMI"), means, drawn_means, strict=True):
            low, high = centred_interval(float(mean), drawn)
            figures.append(
                Figure(f"class {name}", queries, float(mean), low, high, len(clusters), left_out)
            )
    silhouette = {SILHOUETTE: label_silhouette(clusters, sets.codes, sets.similarity)}
    everyone = np.ones(len(either.normal), dtype=bool)
    figures += mean_figures(silhouette, prefix or "all", everyone, either.patients, bootstrap)
    return figures
