import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

import training.full_ranking
from tests.training.test_neighbours import asked, slow_neighbours
from training.candidates import Candidates
from training.evaluate import random_embedding
from training.full_ranking import falling_bits, full_ranking_measures
from training.neighbours import nearest_candidates
from training.retrieval import measures_of_neighbours


def slow_full_ranking(queries, gallery, candidates):
    rows = []
    ranked = slow_neighbours(queries, gallery, candidates, len(gallery))
    for near, code in zip(ranked, candidates.query_codes, strict=True):
        relevant = [
            candidates.similarity[code, candidates.gallery_codes[j]] > 0 for j in near if j >= 0
        ]
        total = sum(relevant)
        if not total:
            rows.append((np.nan, np.nan))
            continue
        precision = [sum(relevant[: r + 1]) / (r + 1) for r in range(len(relevant))]
        ap = sum(p for p, hit in zip(precision, relevant, strict=True) if hit) / total
        rows.append((ap, sum(relevant[:total]) / total))
    return np.array(rows)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 10_000), n_gallery=st.integers(1, 50), whole=st.booleans())
def test_full_ranking_and_its_ties_are_those_of_the_slow_loop(seed, n_gallery, whole):
    queries, gallery, candidates = asked(seed, 9, n_gallery, whole_numbers=whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.full_ranking, "_CHUNK_ELEMENTS", 2 * n_gallery)
        found = full_ranking_measures(queries, gallery, candidates)
    expected = slow_full_ranking(queries, gallery, candidates)
    assert np.allclose(found["mAP"], expected[:, 0], equal_nan=True)
    assert np.allclose(found["R-precision"], expected[:, 1], equal_nan=True)


def test_map_of_the_full_ranking_is_map_at_the_size_of_the_gallery():
    queries, gallery, candidates = asked(2, 20, 90)
    near = nearest_candidates(queries, gallery, candidates, 90)
    at_all = measures_of_neighbours(near, candidates, ks=(90,))["mAP@90"]
    found = full_ranking_measures(queries, gallery, candidates)["mAP"]
    assert np.allclose(found, at_all, equal_nan=True)


def test_each_class_is_average_precision_of_scikit_learn():
    queries, gallery, _ = asked(4, 15, 80)
    rng = np.random.default_rng(4)
    members = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)
    codes = rng.integers(0, 4, 95)
    shared = (members[:, None] & members[None]).sum(axis=2)
    similarity = (shared / np.maximum(1, (members[:, None] | members[None]).sum(axis=2))).astype(
        "f4"
    )
    candidates = Candidates(codes[:15], codes[15:], similarity, [])
    found = full_ranking_measures(queries, gallery, candidates, members)
    scores = queries @ gallery.T
    for row in range(15):
        for column in range(2):
            if not members[codes[row], column]:
                assert np.isnan(found["class mAP"][row, column])
                continue
            expected = average_precision_score(members[codes[15:], column], scores[row])
            assert found["class mAP"][row, column] == pytest.approx(expected)


def test_bits_fall_as_scores_rise_and_both_zeros_are_one():
    rising = np.array([-np.inf, -3.5, -1e-30, -0.0, 0.0, 1e-30, 0.25, 0.5, 7, np.inf], np.float32)
    steps = np.diff(falling_bits(rising).astype(np.int64))
    assert (np.delete(steps, 3) < 0).all()
    assert steps[3] == 0


def test_nobody_to_answer():
    none = np.empty(0, np.int64)
    candidates = Candidates(np.zeros(2, int), none, np.ones((1, 1), np.float32), [])
    empty = np.empty((0, 4), np.float32)
    found = full_ranking_measures(random_embedding(2, 4), empty, candidates)
    assert np.isnan(found["mAP"]).all()
