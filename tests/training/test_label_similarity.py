import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from training.label_similarity import LabelSimilarity, distinct_label_sets, rarity_weights

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
    pairs = LabelSimilarity()(torch.from_numpy(targets), torch.from_numpy(normal))
    similarity, known = pairs.similarity, pairs.known
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
    pairs = LabelSimilarity()(targets, normal)
    similarity, known = pairs.similarity, pairs.known
    assert known[0, 1]
    assert similarity[0, 1] == 1
    assert not known[0, 2]
    assert not known[2, 2]
    assert known[0, 3]
    assert similarity[0, 3] == 0
    assert known[2, 3]
    assert not LabelSimilarity(normals_similar=False)(targets, normal).known[0, 1]


def test_normal_and_empty_are_different_label_sets():
    sets = distinct_label_sets(np.zeros((3, 2), bool), np.array([True, False, True]))
    assert sets.codes[0] == sets.codes[2] != sets.codes[1]
    assert sets.similarity.shape == (2, 2)


PARTLY_KNOWN = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.just(3)),
    elements=st.sampled_from([0.0, 0.5, 1.0, np.nan]),
)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(targets=PARTLY_KNOWN)
def test_sums_run_over_the_classes_known_in_both(targets):
    weights = np.array([1.0, 2.0, 5.0], np.float32)
    pairs = LabelSimilarity(class_weights=torch.from_numpy(weights))(torch.from_numpy(targets))
    for i, a in enumerate(targets):
        for j, b in enumerate(targets):
            both = ~np.isnan(a) & ~np.isnan(b)
            largest = (weights * np.maximum(a, b))[both].sum()
            assert bool(pairs.known[i, j]) == (largest > 0)
            if largest > 0:
                smallest = (weights * np.minimum(a, b))[both].sum()
                assert pairs.similarity[i, j].item() == pytest.approx(smallest / largest, abs=1e-5)


def test_class_weights_give_the_same_with_and_without_unknown_labels():
    targets = torch.randint(0, 3, (8, 4), generator=torch.Generator().manual_seed(0)) / 2
    labels = LabelSimilarity(class_weights=torch.tensor([1.0, 3.0, 0.5, 2.0]))
    with_unknown = torch.cat([targets, torch.full((1, 4), torch.nan)])
    assert torch.allclose(
        labels(targets).similarity, labels(with_unknown).similarity[:8, :8], atol=1e-6
    )


def test_a_rare_finding_counts_more_than_a_common_one():
    targets = torch.zeros(100, 2)
    targets[:50, 0] = 1
    targets[50:52, 1] = 1
    weights = rarity_weights(targets)
    assert weights[1] > 2 * weights[0]
    assert weights.mean().item() == pytest.approx(1)
    both = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    similarity = LabelSimilarity(class_weights=weights)(both).similarity
    assert similarity[0, 2] > similarity[0, 1]


def test_related_findings_are_somewhat_similar_and_unrelated_ones_not_at_all():
    # Collapse of a lobe, atelectasis, fracture.
    related = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, 0.0], [0.0, 0.0, 1.0]])
    similarity = LabelSimilarity(class_similarity=related)(torch.eye(3)).similarity
    assert torch.allclose(similarity.diagonal(), torch.ones(3))
    assert similarity[0, 1].item() == pytest.approx(1.2 / 2)
    assert similarity[0, 2] == 0


def test_pairs_that_rest_on_uncertain_labels_weigh_less():
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.0], [1.0, 0.5], [0.0, 0.0]])
    normal = torch.tensor([False, False, False, False, True])
    weight = LabelSimilarity(uncertain_weight=0.2)(targets, normal).weight
    assert weight[0, 1] == 1
    assert weight[0, 2].item() == pytest.approx(0.2)
    # A third of this pair's union is uncertain.
    assert weight[0, 3].item() == pytest.approx(1 - 0.8 * 0.5 / 1.5)
    assert weight[4, 4] == 1
    assert bool((LabelSimilarity()(targets, normal).weight == 1).all())


def test_a_pair_without_weight_is_neither_positive_nor_negative():
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 0.5]])
    pairs = LabelSimilarity(uncertain_weight=0.0)(targets)
    assert not pairs.positives().any()
    # What is certain of the first exam still tells it from the third in part.
    assert pairs.negatives()[0, 2]


def test_a_normal_exam_has_no_finding_even_where_labels_are_not_known():
    targets = torch.tensor([[torch.nan, torch.nan], [1.0, torch.nan]])
    pairs = LabelSimilarity()(targets, torch.tensor([True, False]))
    assert pairs.known[0, 1]
    assert pairs.similarity[0, 1] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"uncertain_weight": 1.5},
        {"class_weights": torch.tensor([-1.0])},
        {"class_similarity": torch.tensor([[0.5]])},
        {"class_similarity": torch.tensor([[1.0, 2.0], [2.0, 1.0]])},
    ],
)
def test_impossible_similarities_are_refused(wrong):
    with pytest.raises(ValueError, match=r"class|uncertain"):
        LabelSimilarity(**wrong)
