import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.neighbour_classes import class_aucs, class_shares


def test_share_is_of_the_neighbours_there_are():
    labels = np.array([[1, 0], [1, 1], [0, 0]], bool)
    near = np.array([[0, 1], [2, -1], [-1, -1]])
    shares = class_shares(near, labels)
    assert shares[:2].tolist() == [[1.0, 0.5], [0.0, 0.0]]
    assert np.isnan(shares[2]).all()


def test_area_of_each_class_and_their_mean_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.random((60, 3)) < (0.4, 0.2, 0.0)
    shares = class_shares(rng.integers(0, 60, (60, 5)), labels)
    weights = np.vstack([np.ones(60, int), rng.integers(1, 4, 60)])
    found = class_aucs(shares, labels, weights)
    for row, weight in enumerate(weights):
        expected = [
            roc_auc_score(labels[:, c], shares[:, c], sample_weight=weight) for c in range(2)
        ]
        assert found[:2, row] == pytest.approx(expected)
        # Nobody has the third class: it is no part of the mean.
        assert np.isnan(found[2, row])
        assert found[3, row] == pytest.approx(np.mean(expected))


def test_without_any_class_to_tell_there_is_no_mean():
    assert np.isnan(class_aucs(np.zeros((4, 1)), np.zeros((4, 1), bool), np.ones((2, 4)))).all()
