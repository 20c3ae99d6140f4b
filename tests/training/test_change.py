import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.change import (
    NullDistribution,
    change_amount,
    change_by_finding,
    consecutive_pairs,
    finding_directions,
    label_change,
    reacquisition_null,
)
from training.evaluate import random_embedding


def test_amount_is_the_cosine_distance():
    before = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    after = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    assert np.allclose(change_amount(before, after), [0, 1, 2])


def test_a_direction_leads_from_exams_without_the_finding_to_those_with_it():
    embeddings = np.array([[1, 0], [0.6, 0.8], [0, 1], [0.8, -0.6]], np.float32)
    found = finding_directions(embeddings, np.array([[0], [1], [1], [np.nan]]))
    apart = embeddings[[1, 2]].mean(axis=0) - embeddings[0]
    # The exam whose finding is unknown takes no part.
    assert np.allclose(found[0], apart / np.linalg.norm(apart))
    # A finding that every exam has, or none, has no direction, and disturbs no other.
    more = np.array([[0, 1, 0], [1, 1, 0], [1, 1, 0], [np.nan, 1, 0]])
    assert np.allclose(finding_directions(embeddings, more)[0], found[0])
    assert np.isnan(finding_directions(embeddings, more)[1:]).all()


def test_a_direction_leaves_out_the_findings_that_come_along():
    rng = np.random.default_rng(0)
    first = rng.random(2000) < 0.5
    # The second finding comes mostly with the first.
    second = np.where(rng.random(2000) < 0.9, first, ~first)
    embeddings = np.c_[first, second, np.zeros(2000)] + 0.1 * rng.normal(size=(2000, 3))
    bare = embeddings[second].mean(axis=0) - embeddings[~second].mean(axis=0)
    assert bare[0] > 0.7 * bare[1]
    found = finding_directions(embeddings, np.c_[first, second])
    assert np.allclose(found, np.eye(3)[:2], atol=0.05)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_swapping_the_exams_keeps_the_amount_and_turns_every_sign(seed):
    before, after = random_embedding(6, 5, seed), random_embedding(6, 5, seed + 1)
    directions = random_embedding(3, 5, seed + 2)
    assert np.allclose(change_amount(before, after), change_amount(after, before))
    forth = change_by_finding(before, after, directions)
    back = change_by_finding(after, before, directions)
    assert np.allclose(forth, -back)
    null = NullDistribution.of(change_by_finding(before[::-1], after, directions), both_ways=True)
    assert np.allclose(null.score(forth), 1 - null.score(back))


def test_a_finding_that_comes_has_a_positive_projection_on_its_own_direction():
    rng = np.random.default_rng(0)
    labels = rng.random((200, 3)) < 0.4
    embeddings = np.c_[labels * 2.0, np.ones(200)] + rng.normal(0, 0.1, (200, 4))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    directions = finding_directions(embeddings, labels)
    without = np.array([[0, 0, 0, 1.0]])
    with_second = np.array([[0, 2.0, 0, 1]]) / np.sqrt(5)
    found = change_by_finding(without, with_second, directions)[0]
    assert found.argmax() == 1
    assert found[1] > 0.5


def test_score_is_the_share_of_the_null_below_with_ties_half():
    null = NullDistribution.of(np.array([0.3, 0.1, np.nan, 0.2, 0.2]))
    assert np.allclose(null.score(np.array([0.0, 0.1, 0.2, 0.25, 9.0])), [0, 0.125, 0.5, 0.75, 1])
    assert np.isnan(null.score(np.nan))
    assert np.isnan(NullDistribution.of(np.array([])).score(0.1))


def test_reacquisitions_are_all_pairs_of_copies_of_one_exam():
    views = np.stack([random_embedding(4, 3, seed) for seed in range(3)])
    expected = [
        1 - float(views[a, exam] @ views[b, exam])
        for exam in range(4)
        for a in range(3)
        for b in range(a)
    ]
    assert np.allclose(reacquisition_null(views).values, np.sort(expected), atol=1e-6)
    # Copies that do not differ: anything that moved lies above the null.
    still = reacquisition_null(np.repeat(views[:1], 3, axis=0))
    assert float(still.score(0.01)) == 1.0


def test_pairs_are_consecutive_exams_of_one_patient():
    patients = np.array([7, 3, 7, 3, 7, 5, 9, 9, 2, 2])
    order = np.array([2, 1, 0, 5, 9, 0, 1, np.nan, 4, 4])
    before, after = consecutive_pairs(patients, order)
    # Patient 9 has an exam of unknown order, patient 2 two at the same time.
    assert sorted(zip(before.tolist(), after.tolist(), strict=True)) == [(0, 4), (1, 3), (2, 0)]


def test_labels_say_what_is_new_gone_and_unknown():
    labels = np.array([[1, 0], [1, 1], [0, 0], [0, 0], [0, 0]], bool)
    normal = np.array([False, False, True, True, False])
    found = label_change(labels, normal, np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 4, 0]))
    assert found.findings.tolist() == [[0, 1], [-1, -1], [0, 0], [0, 0], [0, 0]]
    assert found.changed.tolist()[:3] == [True, True, False]
    assert not found.changed[4]
    # A normal exam, then one with something that is in no class.
    assert found.known.tolist() == [True, True, True, False, True]


def test_no_exams_have_no_pairs():
    before, after = consecutive_pairs(np.zeros(0, int), np.zeros(0))
    assert len(before) == len(after) == 0
