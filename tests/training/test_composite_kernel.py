import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.composite_kernel import (
    CompositeKernel,
    cosine_kernel,
    gaussian_kernel,
    overlap_kernel,
)


def problem(n=240, seed=0):
    """Exams of two kinds along one of six directions, the others being larger noise."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    places = rng.standard_normal((n, 6)) * [0.4, 1.5, 1.5, 1.0, 1.0, 1.0]
    places[:, 0] += np.where(kind == 0, -1.0, 1.0)
    return places, kind


def pairs_of(kind, rows, same):
    first, second = np.triu_indices(len(rows), 1)
    chosen = (kind[rows[first]] == kind[rows[second]]) == same
    return np.column_stack([rows[first], rows[second]])[chosen]


def same_kind(embeddings, kind, k=10):
    products = embeddings @ embeddings.T
    np.fill_diagonal(products, -2)
    nearest = np.argsort(-products, axis=1)[:, :k]
    return (kind[nearest] == kind[:, None]).mean()


def linear(places, references):
    return places @ references.T


def test_weights_learned_from_few_pairs_find_the_direction_that_matters():
    places, kind = problem()
    labelled = np.arange(12)
    kernel = linear(places, places)
    found = CompositeKernel.fit(
        [kernel], pairs_of(kind, labelled, True), pairs_of(kind, labelled, False)
    )
    assert same_kind(found.embed([kernel]), kind) > same_kind(cosine_embedding(places), kind) + 0.05


def cosine_embedding(places):
    return (places / np.linalg.norm(places, axis=1, keepdims=True)).astype(np.float32)


def test_similar_and_dissimilar_pairs_beat_similar_alone():
    wins = []
    for seed in range(5):
        places, kind = problem(seed=seed)
        labelled, kernel = np.arange(60), linear(places, places)
        similar, dissimilar = (pairs_of(kind, labelled, same) for same in (True, False))
        both = CompositeKernel.fit([kernel], similar, dissimilar)
        alone = CompositeKernel.fit([kernel], similar, dissimilar[:0])
        wins.append(same_kind(both.embed([kernel]), kind) - same_kind(alone.embed([kernel]), kind))
    assert np.mean(wins) > 0


def test_exams_without_labels_help_at_five_in_a_hundred_labelled():
    # The basis is that of all exams, or of the few labelled ones alone.
    gains = []
    for seed in range(5):
        places, kind = problem(seed=seed)
        labelled, rest = np.arange(12), np.arange(12, 240)
        similar, dissimilar = (pairs_of(kind, labelled, same) for same in (True, False))

        def measured(references, places=places, kind=kind, rest=rest, pairs=(similar, dissimilar)):
            kernel = linear(places[references], places[references])
            found = CompositeKernel.fit([kernel], *pairs)
            return same_kind(found.embed([linear(places[rest], places[references])]), kind[rest])

        gains.append(measured(np.arange(240)) - measured(labelled))
    assert np.mean(gains) > 0


def test_weights_and_kernel_are_those_of_the_formula():
    places, kind = problem(n=12)
    rows = np.arange(12)
    similar, dissimilar = (pairs_of(kind, rows, same) for same in (True, False))
    kernel = linear(places, places)
    found = CompositeKernel.fit([kernel], similar, dissimilar, balance=0.8)
    values, vectors = np.linalg.eigh(kernel)
    kept = [j for j in reversed(range(12)) if values[j] > 1e-4 * values[-1]]
    basis = [vectors[:, j] * np.sqrt(12) for j in kept]
    raw = []
    for v in basis:
        near = sum((v[a] - v[b]) ** 2 for a, b in similar) / len(similar)
        far = sum((v[a] - v[b]) ** 2 for a, b in dissimilar) / len(dissimilar)
        raw.append(max(0.8 * far - near, 0.0))
    assert found.weights == pytest.approx(np.array(raw) / np.linalg.norm(raw))
    whole = sum(w * np.outer(v, v) for w, v in zip(found.weights, basis, strict=True))
    length = np.sqrt(np.diag(whole))
    embeddings = found.embed([kernel])
    assert np.allclose(embeddings @ embeddings.T, whole / np.outer(length, length), atol=1e-5)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(seed=st.integers(0, 99), n=st.integers(4, 20))
def test_the_kernel_is_positive_semi_definite_and_weights_are_not_negative(seed, n):
    rng = np.random.default_rng(seed)
    places, labels = rng.standard_normal((n, 3)), (rng.random((n, 4)) < 0.4) * 1.0
    kernels = [cosine_kernel(places, places), gaussian_kernel(places, places, 1.0),
               overlap_kernel(labels, labels)]  # fmt: skip
    drawn = rng.integers(0, n, (6, 2))
    found = CompositeKernel.fit(kernels, drawn[:3], drawn[3:])
    assert (found.weights >= 0).all()
    assert np.linalg.norm(found.weights) == pytest.approx(1)
    assert found.shares.sum() == pytest.approx(1)
    for kernel in kernels:
        assert np.linalg.eigvalsh(kernel).min() > -1e-8
    embeddings = found.embed(kernels)
    assert np.linalg.eigvalsh((embeddings @ embeddings.T).astype(np.float64)).min() > -1e-4


def test_a_new_exam_that_equals_a_known_one_gets_its_embedding():
    places, kind = problem(n=40)
    rows = np.arange(20)
    kernel = gaussian_kernel(places, places, 2.0)
    found = CompositeKernel.fit([kernel], pairs_of(kind, rows, True), pairs_of(kind, rows, False))
    again = found.embed([gaussian_kernel(places[[7, 3]], places, 2.0)])
    assert np.allclose(again, found.embed([kernel])[[7, 3]], atol=1e-5)


def test_kernels_of_one_source_share_one_vote():
    places, kind = problem(n=40)
    other = np.random.default_rng(9).standard_normal((40, 2))
    kernels = [
        gaussian_kernel(places, places, 3.0),
        gaussian_kernel(places, places, 3.1),
        gaussian_kernel(other, other, 1.0),
    ]
    rows = np.arange(20)
    found = CompositeKernel.fit(kernels, pairs_of(kind, rows, True), pairs_of(kind, rows, False))
    assert found.shares == pytest.approx([0.25, 0.25, 0.5])


def test_no_kernel_and_no_similar_pair_are_refused():
    with pytest.raises(ValueError, match="similar pair"):
        CompositeKernel.fit([np.eye(3)], np.zeros((0, 2), int), np.zeros((0, 2), int))
