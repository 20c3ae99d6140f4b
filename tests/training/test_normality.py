import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from training.evaluate import random_embedding
from training.normality import (
    centroid_score,
    neighbour_score,
    normal_centroid,
    weighted_auc,
    weighted_average_precision,
)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([3, 1000]))
def test_weighted_figures_are_those_of_scikit_learn(seed, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, 30) / levels
    positive = np.r_[True, False, rng.random(28) < 0.4]
    weights = np.vstack([np.ones(30, int), rng.integers(0, 3, 30)])
    weights[1, :2] = 1
    for weight, auc, ap in zip(
        weights,
        weighted_auc(scores, positive, weights),
        weighted_average_precision(scores, positive, weights),
        strict=True,
    ):
        assert auc == pytest.approx(roc_auc_score(positive, scores, sample_weight=weight))
        assert ap == pytest.approx(average_precision_score(positive, scores, sample_weight=weight))


def test_one_class_has_no_figure():
    scores, positive = np.array([0.1, 0.2]), np.array([True, True])
    assert np.isnan(weighted_auc(scores, positive, np.ones((1, 2)))).all()
    assert np.isnan(weighted_average_precision(scores, positive, np.ones((1, 2)))).all()


def test_neighbour_score_leaves_out_the_own_patient():
    embeddings = random_embedding(30, 4, 2)
    abnormal = np.random.default_rng(0).random(30) < 0.5
    patients = np.arange(30) // 3
    found = neighbour_score(embeddings, abnormal, [np.arange(30), patients], k=5)
    for i in range(30):
        others = [j for j in range(30) if patients[j] != patients[i]]
        nearest = sorted(others, key=lambda j: -float(embeddings[i] @ embeddings[j]))[:5]
        assert found[i] == pytest.approx(abnormal[nearest].mean())


def test_exam_without_neighbours_has_no_score():
    found = neighbour_score(random_embedding(2, 3), np.array([True, False]), [np.zeros(2, int)])
    assert np.isnan(found).all()


def test_distance_grows_away_from_the_normals():
    embeddings = np.array([[1, 0], [0.8, 0.6], [0.8, -0.6], [-1, 0]], np.float32)
    centroid = normal_centroid(embeddings, np.array([False, True, True, False]))
    assert np.allclose(centroid, [1, 0])
    assert np.allclose(centroid_score(embeddings, centroid), [0, 0.2, 0.2, 2])
    with pytest.raises(ValueError, match="normal"):
        normal_centroid(embeddings, np.zeros(4, bool))
