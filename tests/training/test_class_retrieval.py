import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.candidates import Candidates
from training.class_retrieval import CLASS_MEASURES, class_measures, set_members
from training.evaluate import random_embedding
from training.label_similarity import distinct_label_sets
from training.neighbours import nearest_candidates


def slow_class_measures(embeddings, labels, normal, patients, column, k):
    rows = []
    for i in range(len(embeddings)):
        gains = [
            float(labels[j, column])
            for _, j in sorted(
                (-float(embeddings[i] @ embeddings[j]), j) for j in range(len(labels))
            )
            if patients[i] != patients[j]
        ]
        total = sum(gains)
        if not labels[i, column] or not total:
            rows.append((np.nan,) * 4)
            continue
        gain = np.array(gains[:k])
        discount = 1 / np.log2(np.arange(2, len(gain) + 2))
        ideal = np.array(sorted(gains, reverse=True)[:k])
        precision = gain.cumsum() / np.arange(1, len(gain) + 1)
        rows.append(
            (
                (gain * discount).sum() / (ideal * discount).sum(),
                (gain * precision).sum() / min(k, total),
                gain.sum() / k,
                gain.sum() / total,
            )
        )
    return np.array(rows)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.sampled_from([1, 5, 40]))
def test_measures_of_each_class_are_those_of_the_slow_loop(seed, k):
    rng = np.random.default_rng(seed)
    labels = rng.random((35, 3)) < (0.5, 0.2, 0.03)
    normal = ~labels.any(axis=1) & (rng.random(35) < 0.6)
    patients, embeddings = rng.integers(0, 20, 35), random_embedding(35, 6, seed)
    sets = distinct_label_sets(labels, normal)
    candidates = Candidates(sets.codes, sets.codes, sets.similarity, [(patients, patients)])
    near = nearest_candidates(embeddings, embeddings, candidates, k)
    found = class_measures(near, candidates, set_members(labels, sets.codes), ks=(k,))
    for column in range(3):
        expected = slow_class_measures(embeddings, labels, normal, patients, column, k)
        for at, name in enumerate(CLASS_MEASURES):
            values = found[f"{name}@{k}"][:, column]
            assert np.allclose(values, expected[:, at], atol=1e-6, equal_nan=True)


def test_members_are_the_classes_of_each_distinct_set():
    labels = np.array([[1, 1], [0, 1], [0, 0], [0, 1], [0, 0]], bool)
    sets = distinct_label_sets(labels, np.array([0, 0, 0, 0, 1], bool))
    members = set_members(labels, sets.codes)
    assert np.array_equal(members[sets.codes], labels)
    with pytest.raises(ValueError, match="gap"):
        set_members(labels[:2], np.array([0, 2]))
