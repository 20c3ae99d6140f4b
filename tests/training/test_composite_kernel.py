from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.composite_kernel import fit_composite_kernel, predicted_labels


def exams(n=60, seed=0):
    """Exams of one of three findings or normal, and sources that tell all, a part, nothing."""
    rng = np.random.default_rng(seed)
    kinds = np.eye(4)[rng.integers(0, 4, n)]
    sources = {
        "labels": kinds,
        "partly": kinds + rng.standard_normal((n, 4)),
        "unrelated": rng.standard_normal((n, 5)),
    }
    return sources, kinds[:, :3], kinds[:, 3] == 1


def alignment_of(weights, sources, kinds):
    """Centred alignment of the weighted sum with the target, by loops over pairs."""
    n = len(kinds)
    kernel, target = np.zeros((n, n)), np.zeros((n, n))
    for i, j in product(range(n), range(n)):
        target[i, j] = float((kinds[i] == kinds[j]).all())
        for name, weight in weights.items():
            a, b = sources[name][i], sources[name][j]
            kernel[i, j] += weight * (a @ b) / np.sqrt((a @ a) * (b @ b))
    middle = np.eye(n) - 1.0 / n
    kernel, target = middle @ kernel @ middle, middle @ target @ middle
    return (kernel * target).sum() / np.sqrt((kernel**2).sum() * (target**2).sum())


def test_a_kernel_that_is_the_target_has_all_weight():
    found = fit_composite_kernel(*exams())
    assert found.weights == pytest.approx({"labels": 1, "partly": 0, "unrelated": 0}, abs=1e-8)


def test_a_kernel_against_the_labels_has_none():
    sources, targets, normal = exams()
    rng = np.random.default_rng(1)
    # Every exam of a kind is far from the others of its kind.
    against = np.zeros((60, 60))
    for kind in range(4):
        rows = np.flatnonzero(np.column_stack([targets, normal])[:, kind])
        against[rows, rng.permutation(len(rows))] = 1
    found = fit_composite_kernel({"partly": sources["partly"], "against": against}, targets, normal)
    assert found.weights == {"partly": 1.0, "against": 0.0}


def test_no_other_weights_are_better_aligned():
    sources, targets, normal = exams(n=24)
    kinds = np.column_stack([targets, normal])
    given = {"partly": sources["partly"], "image": sources["labels"][:, :2] + 0.3,
             "unrelated": sources["unrelated"]}  # fmt: skip
    found = fit_composite_kernel(given, targets, normal)
    best = alignment_of(found.weights, given, kinds)
    for shares in product(np.linspace(0, 1, 6), repeat=3):
        if sum(shares) > 0:
            other = dict(zip(given, shares, strict=True))
            assert alignment_of(other, given, kinds) <= best + 1e-9


@settings(deadline=None, max_examples=20, derandomize=True)
@given(seed=st.integers(0, 999), n=st.integers(12, 40))
def test_weights_are_not_negative_and_the_kernel_is_positive_semi_definite(seed, n):
    sources, targets, normal = exams(n, seed)
    # The kernel that is the target would leave nothing to the others.
    del sources["labels"]
    sources["whole"] = sources["partly"] @ np.ones((4, 2)) + sources["unrelated"][:, :2]
    found = fit_composite_kernel(sources, targets, normal)
    assert min(found.weights.values()) >= 0
    assert sum(found.weights.values()) == pytest.approx(1)
    kernel = found.similarity(sources, sources).astype(np.float64)
    assert np.linalg.eigvalsh(kernel).min() > -1e-4
    assert np.diag(kernel) == pytest.approx(np.ones(n), abs=1e-5)


def test_similarity_is_the_weighted_sum_of_cosines_for_new_exams_too():
    sources, targets, normal = exams()
    found = fit_composite_kernel({k: sources[k] for k in ("partly", "unrelated")}, targets, normal)
    asked = {name: rows[:3] * 7 for name, rows in exams(seed=5)[0].items()}
    expected = np.zeros((3, 60))
    for i, j in product(range(3), range(60)):
        for name, weight in found.weights.items():
            a, b = asked[name][i], sources[name][j]
            expected[i, j] += weight * (a @ b) / np.sqrt((a @ a) * (b @ b))
    assert np.allclose(found.similarity(asked, sources), expected, atol=1e-5)


def test_exams_neither_normal_nor_abnormal_are_left_out():
    sources, targets, normal = exams()
    sources = {name: sources[name] for name in ("partly", "unrelated")}
    first = fit_composite_kernel(sources, targets, normal)
    more = {name: np.concatenate([rows, rows[:9] + 3]) for name, rows in sources.items()}
    again = fit_composite_kernel(
        more, np.concatenate([targets, np.zeros((9, 3))]), np.append(normal, np.zeros(9, bool))
    )
    assert again.weights == pytest.approx(first.weights)


def test_unlabelled_exams_and_useless_kernels_are_refused():
    sources, targets, normal = exams()
    with pytest.raises(ValueError, match="labelled exams alone"):
        fit_composite_kernel(sources, np.full_like(targets, np.nan), normal)
    with pytest.raises(ValueError, match="aligned"):
        fit_composite_kernel({"same": np.ones((60, 2))}, targets, normal)


def test_labels_are_predicted_from_other_exams_than_oneself():
    embeddings = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [0.9, 0.2]])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    targets = np.array([[1.0], [0.0], [0.0], [0.0], [np.nan]])
    normal = np.array([False, False, True, True, False])
    found = predicted_labels(embeddings, np.arange(4), targets, normal, k=1)
    assert found.tolist() == [[0, 0], [1, 0], [0, 1], [0, 1], [0, 0]]
