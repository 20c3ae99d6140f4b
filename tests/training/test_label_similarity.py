import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from training.label_similarity import distinct_label_sets, label_similarity

SOFT = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 5)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)


def slow(a, b, both_normal):
    if both_normal:
        return 1.0
    return np.minimum(a, b).sum() / np.maximum(a, b).sum() if np.maximum(a, b).sum() else np.nan


@settings(deadline=None, max_examples=50, derandomize=True)
@given(targets=SOFT, seed=st.integers(0, 9))
def test_both_forms_are_sum_of_minima_over_sum_of_maxima(targets, seed):
    normal = (targets.sum(1) == 0) & (np.random.default_rng(seed).random(len(targets)) < 0.5)
    expected = np.array(
        [
            [slow(a, b, n and m) for b, m in zip(targets, normal, strict=True)]
            for a, n in zip(targets, normal, strict=True)
        ]
    )
    similarity, known = label_similarity(torch.from_numpy(targets), torch.from_numpy(normal))
    assert np.array_equal(known.numpy(), ~np.isnan(expected))
    assert np.allclose(similarity.numpy(), np.nan_to_num(expected), atol=1e-5)
    # Negatives of a loss are pairs at exactly 0.
    assert np.array_equal(similarity.numpy() == 0, np.nan_to_num(expected) == 0)
    sets = distinct_label_sets(targets, normal)
    looked_up = sets.similarity[sets.codes][:, sets.codes]
    assert np.allclose(looked_up, expected, atol=1e-5, equal_nan=True)


def test_empty_sets_are_unknown_to_each_other_unless_both_are_normal():
    targets = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    normal = torch.tensor([True, True, False, False])
    similarity, known = label_similarity(targets, normal)
    assert known[0, 1]
    assert similarity[0, 1] == 1
    assert not known[0, 2]
    assert not known[2, 2]
    assert known[0, 3]
    assert similarity[0, 3] == 0
    assert known[2, 3]
    _, known = label_similarity(targets, normal, normals_similar=False)
    assert not known[0, 1]


def test_normal_and_empty_are_different_label_sets():
    sets = distinct_label_sets(np.zeros((3, 2), bool), np.array([True, False, True]))
    assert sets.codes[0] == sets.codes[2] != sets.codes[1]
    assert sets.similarity.shape == (2, 2)
