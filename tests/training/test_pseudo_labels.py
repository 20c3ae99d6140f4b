import numpy as np
import pytest

from training.fit_settings import FitSettings
from training.pseudo_labels import is_unlabelled, pseudo_labels, train_with_unlabelled

# Two findings and normal at three corners.
CORNERS = np.eye(3, dtype=np.float32)


def exams(n=60, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    places = CORNERS[kind] + 0.1 * rng.standard_normal((n, 3))
    places = (places / np.linalg.norm(places, axis=1, keepdims=True)).astype(np.float32)
    return places, np.eye(3, dtype=np.float32)[kind][:, :2], kind == 2


def test_unlabelled_exams_take_the_labels_of_their_neighbours():
    places, targets, normal = exams()
    hidden = np.arange(60) >= 30
    told, told_normal = targets.copy(), normal & ~hidden
    told[hidden] = np.nan
    guessed, guessed_normal = pseudo_labels(places, told, told_normal, k=5)
    assert np.array_equal(guessed_normal, normal)
    assert np.allclose(guessed, targets, atol=1e-3)
    assert np.array_equal(guessed[~hidden], targets[~hidden])


def test_an_exam_between_normal_and_abnormal_stays_unlabelled():
    places, targets, normal = exams()
    between = np.array([[1.0, 0.0, 1.0]], np.float32) / np.sqrt(2)
    told = np.concatenate([targets, [[np.nan, np.nan]]])
    guessed, normals = pseudo_labels(
        np.concatenate([places, between]), told, np.append(normal, False), k=40
    )
    assert is_unlabelled(guessed, normals)[-1]


def test_labels_of_disagreeing_neighbours_are_soft():
    places, targets, normal = exams()
    between = np.array([[1.0, 1.0, 0.0]], np.float32) / np.sqrt(2)
    told = np.concatenate([targets, [[np.nan, np.nan]]])
    guessed, _ = pseudo_labels(
        np.concatenate([places, between]), told, np.append(normal, False), k=40
    )
    assert guessed[-1] == pytest.approx([0.5, 0.5], abs=0.1)


def test_without_labelled_or_unlabelled_exams_nothing_is_guessed():
    places, targets, normal = exams()
    assert np.array_equal(pseudo_labels(places, targets, normal)[0], targets)
    nothing = np.full_like(targets, np.nan)
    assert np.isnan(pseudo_labels(places, nothing, np.zeros(60, bool))[0]).all()
    with pytest.raises(ValueError, match="confidence"):
        pseudo_labels(places, targets, normal, confidence=0.2)


def test_unlabelled_exams_help_where_the_few_labelled_ones_do_not_show_the_classes():
    # 12 of 300 are labelled. Either way an epoch is one batch: the gain is not that of more steps.
    rng = np.random.default_rng(0)
    kind = np.arange(300) % 3
    features, fresh = rng.standard_normal((2, 300, 30)).astype(np.float32)
    features[:, :3] += 5 * CORNERS[kind]
    fresh[:, :3] += 5 * CORNERS[kind]
    targets, normal = CORNERS[kind][:, :2], kind == 2
    hidden = np.arange(300) >= 12
    told = targets.copy()
    told[hidden] = np.nan
    settings = FitSettings(dim=8, head_epochs=200, head_learning_rate=1e-2, feature_dropout=0.2)

    def same_kind(rounds):
        head = train_with_unlabelled(features, told, normal & ~hidden, settings, rounds, k=5)
        products = head.embed(fresh) @ head.embed(fresh).T
        np.fill_diagonal(products, -2)
        nearest = np.argsort(-products, axis=1)[:, :10]
        return (kind[nearest] == kind[:, None]).mean()

    assert same_kind(1) > same_kind(0) + 0.03
