import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    adjusted_mutual_info_score,
    normalized_mutual_info_score,
    silhouette_samples,
)

from training.clustering import (
    ResampledInformation,
    kmeans_clusters,
    label_silhouette,
    mutual_information,
)
from training.evaluate import random_embedding
from training.label_similarity import distinct_label_sets


def partitions(seed, n=60, n_clusters=4, n_classes=90):
    rng = np.random.default_rng(seed)
    return rng.integers(0, n_clusters, n), rng.integers(0, n_classes, n)


def labelled(seed, n=40):
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 3)) < 0.3
    return distinct_label_sets(labels, ~labels.any(axis=1)), rng.integers(0, 4, n)


def test_clusters_are_found_again_and_are_the_same_for_the_same_seed():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 5, 300)
    points = (np.eye(5)[kind] + rng.normal(0, 0.05, (300, 5))).astype(np.float32)
    clusters = kmeans_clusters(points, 5, seed=3)
    assert mutual_information(clusters, kind) == pytest.approx({"NMI": 1.0, "AMI": 1.0})
    noise = random_embedding(300, 16)
    assert np.array_equal(kmeans_clusters(noise, 7, seed=1), kmeans_clusters(noise, 7, seed=1))


def test_collapsed_embedding_is_one_cluster_and_tells_nothing():
    clusters = kmeans_clusters(np.ones((20, 4), np.float32), 5)
    assert len(np.unique(clusters)) == 1
    assert mutual_information(clusters, np.arange(20) % 2)["AMI"] == pytest.approx(0.0)


@pytest.mark.parametrize("n_classes", [3, 90])
def test_resampled_information_is_that_of_scikit_learn_on_the_repeated_exams(n_classes):
    clusters, classes = partitions(1, n_classes=n_classes)
    weights = np.random.default_rng(2).integers(0, 3, (5, 60))
    nmi, ami = ResampledInformation(clusters, classes)(np.vstack([np.ones(60, int), weights]))
    assert nmi[0] == pytest.approx(normalized_mutual_info_score(classes, clusters))
    assert ami[0] == pytest.approx(adjusted_mutual_info_score(classes, clusters))
    for row, weight in enumerate(weights, start=1):
        drawn = np.repeat(np.arange(60), weight)
        expected = normalized_mutual_info_score(classes[drawn], clusters[drawn])
        assert nmi[row] == pytest.approx(expected)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 40))
def test_silhouette_is_that_of_scikit_learn_on_the_label_distances(seed, n):
    sets, clusters = labelled(seed, n)
    if len(np.unique(clusters)) in (1, n):
        return
    distance = 1.0 - sets.similarity[sets.codes][:, sets.codes].astype(np.float64)
    np.fill_diagonal(distance, 0.0)
    expected = silhouette_samples(distance, clusters, metric="precomputed")
    found = label_silhouette(clusters, sets.codes, sets.similarity)
    assert np.allclose(found, expected, atol=1e-6)


def test_unknown_pairs_are_no_part_of_a_mean_distance():
    # Sets 0 and 1 are unknown to each other.
    similarity = np.array([[1, np.nan, 0.25], [np.nan, 1, 0.5], [0.25, 0.5, 1]], np.float32)
    codes, clusters = np.array([0, 1, 0, 2, 1]), np.array([0, 0, 0, 1, 1])
    found = label_silhouette(clusters, codes, similarity)
    # Exam 0: in its cluster only exam 2 is known, at 0; in the other only exam 3, at 0.75.
    assert found[0] == pytest.approx(1.0)
    # Exam 1: no other of its cluster is known, as if it were alone.
    assert found[1] == 0.0
    # Exam 3: exam 4 at 0.5 inside; outside 0.75, 0.5 and 0.75.
    outside = (0.75 + 0.5 + 0.75) / 3
    assert found[3] == pytest.approx((outside - 0.5) / outside)


def test_one_cluster_has_no_silhouette():
    sets, _ = labelled(0)
    assert np.isnan(label_silhouette(np.zeros(40, int), sets.codes, sets.similarity)).all()
