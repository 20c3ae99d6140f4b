import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluate import random_embedding
from training.own_recall import chance_recall, own_ranks, recall_at_k


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_recall_is_whether_the_own_exam_is_among_the_nearest(seed):
    rng = np.random.default_rng(seed)
    queries, gallery = random_embedding(12, 4, seed), random_embedding(20, 4, seed + 1)
    query_ids, gallery_ids = rng.integers(0, 8, 12), rng.integers(0, 8, 20)
    found = recall_at_k(queries, gallery, query_ids, gallery_ids, ks=(1, 3, 50))
    for i in range(12):
        nearest = sorted(range(20), key=lambda j: -float(queries[i] @ gallery[j]))
        for k in (1, 3, 50):
            expected = any(gallery_ids[j] == query_ids[i] for j in nearest[:k])
            if query_ids[i] not in gallery_ids:
                assert np.isnan(found[f"recall@{k}"][i])
            else:
                assert found[f"recall@{k}"][i] == expected


def test_identical_embeddings_earn_nothing():
    same = np.ones((5, 3)) / np.sqrt(3)
    found = recall_at_k(same, same, np.arange(5), np.arange(5), ks=(1, 4, 5))
    assert found["recall@1"].sum() == found["recall@4"].sum() == 0
    assert found["recall@5"].all()


def test_two_own_exams_count_by_the_better_and_do_not_stand_before_each_other():
    scores = np.array([[0.9, 0.5, 0.9, 0.1]])
    assert own_ranks(scores, np.array([1]), np.array([1, 0, 1, 0])) == 1
    assert own_ranks(scores, np.array([1]), np.array([0, 1, 1, 1])) == 2


def test_chance_is_that_of_random_orders():
    rng = np.random.default_rng(0)
    query_ids, gallery_ids = np.array(["a", "b", "none"]), np.array(list("aabccccc"))
    chance = chance_recall(query_ids, gallery_ids, ks=(1, 3, 20))
    drawn = [own_ranks(rng.random((3, 8)), query_ids, gallery_ids) for _ in range(4000)]
    for k in (1, 3, 20):
        assert np.isnan(chance[f"recall@{k}"][2])
        simulated = (np.stack(drawn)[:, :2] <= k).mean(axis=0)
        assert chance[f"recall@{k}"][:2] == pytest.approx(simulated, abs=0.03)
    assert chance["recall@1"][:2] == pytest.approx([2 / 8, 1 / 8])
    assert chance["recall@20"][:2] == pytest.approx([1, 1])


def test_a_depth_below_one_is_refused():
    one = random_embedding(2, 3)
    with pytest.raises(ValueError, match="depths"):
        recall_at_k(one, one, np.arange(2), np.arange(2), ks=(0,))
