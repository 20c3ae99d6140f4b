import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

import training.neighbours
import training.retrieval
from training.candidates import Candidates
from training.evaluate import query_measures, random_embedding
from training.label_similarity import distinct_label_sets
from training.ranked_measures import MEASURES
from training.retrieval import retrieval_measures


def exams(seed, n=40, n_classes=4):
    rng = np.random.default_rng(seed)
    labels = rng.random((n, n_classes)) < 0.25
    normal = ~labels.any(axis=1) & (rng.random(n) < 0.7)
    patients = rng.integers(0, n // 2, n)
    return random_embedding(n, 6, seed), labels, normal, np.arange(n), patients


def relevance(labels, normal, i, j):
    if normal[i] and normal[j]:
        return 1.0
    union = (labels[i] | labels[j]).sum()
    return (labels[i] & labels[j]).sum() / union if union else None


def slow_measures(embeddings, labels, normal, exam, patients, k):
    rows = []
    for i in range(len(embeddings)):
        candidates = [
            (float(embeddings[i] @ embeddings[j]), relevance(labels, normal, i, j))
            for j in range(len(embeddings))
            if exam[i] != exam[j]
            and patients[i] != patients[j]
            and relevance(labels, normal, i, j) is not None
        ]
        gains = [gain for _, gain in sorted(candidates, key=lambda pair: -pair[0])]
        n_relevant = sum(gain > 0 for gain in gains)
        if n_relevant == 0:
            rows.append((np.nan,) * 5)
            continue
        dcg = sum(g / np.log2(r + 2) for r, g in enumerate(gains[:k]))
        ideal = sum(g / np.log2(r + 2) for r, g in enumerate(sorted(gains, reverse=True)[:k]))
        precision = [sum(g > 0 for g in gains[: r + 1]) / (r + 1) for r in range(len(gains[:k]))]
        ap = sum(p for p, g in zip(precision, gains, strict=False) if g > 0) / min(k, n_relevant)
        hits = sum(g > 0 for g in gains[:k])
        rows.append((dcg / ideal, ap, hits / k, hits / n_relevant, np.mean(gains[:k])))
    return np.array(rows)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.sampled_from([1, 3, 10, 60]), n=st.integers(2, 40))
def test_measures_are_those_of_the_slow_loop(seed, k, n):
    given_exams = exams(seed, n)
    found = query_measures(*given_exams, ks=(k,))
    expected = slow_measures(*given_exams, k)
    for column, measure in enumerate(MEASURES):
        assert np.allclose(found[f"{measure}@{k}"], expected[:, column], atol=1e-5, equal_nan=True)


def test_agrees_with_scikit_learn_over_the_full_ranking():
    embeddings, labels, normal, _, _ = exams(1, n=60)
    sets = distinct_label_sets(labels, normal)
    keep = labels.any(axis=1)
    queries, gallery = np.flatnonzero(keep)[:10], np.flatnonzero(keep)[10:]
    candidates = Candidates(sets.codes[queries], sets.codes[gallery], sets.similarity, [])
    depth = len(gallery)
    found = retrieval_measures(embeddings[queries], embeddings[gallery], candidates, ks=(5, depth))
    scores = embeddings[queries] @ embeddings[gallery].T
    gains = sets.similarity[sets.codes[queries]][:, sets.codes[gallery]]
    for row in range(len(queries)):
        shown, gain = scores[row : row + 1], gains[row : row + 1]
        assert found["nDCG@5"][row] == pytest.approx(ndcg_score(gain, shown, k=5), abs=1e-5)
        assert found[f"mAP@{depth}"][row] == pytest.approx(
            average_precision_score(gain[0] > 0, shown[0]), abs=1e-5
        )


def test_own_exam_and_own_patient_are_never_answers():
    # The three images of patient 0 are identical; the only other effusion is far away.
    embeddings = np.array([[1, 0], [1, 0], [1, 0], [0.6, 0.8], [-1, 0]], np.float32)
    labels = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [1, 0]], bool)
    normal = np.zeros(5, bool)
    exam, patients = np.array([0, 0, 1, 2, 3]), np.array([0, 0, 0, 1, 2])
    found = query_measures(embeddings, labels, normal, exam, patients, ks=(1,))
    assert found["P@1"][:3].tolist() == [0, 0, 0]
    found = query_measures(
        embeddings, labels, normal, exam, patients, ks=(1,), exclude_patient=False
    )
    assert found["P@1"][:3].tolist() == [1, 1, 1]


def test_query_without_relevant_candidate_has_no_measure():
    embeddings, normal = random_embedding(3, 4), np.zeros(3, bool)
    labels = np.array([[1, 0], [1, 0], [0, 1]], bool)
    found = query_measures(embeddings, labels, normal, np.arange(3), np.arange(3))
    assert np.isnan(found["nDCG@10"]).tolist() == [False, False, True]


def test_collapsed_embedding_measures_as_chance_even_in_a_sorted_gallery():
    n = 400
    labels = np.zeros((n, 4), bool)
    labels[np.arange(n), np.arange(n) // 100] = True
    point = np.tile(np.array([[1.0, 0.0]], np.float32), (n, 1))
    rows = np.arange(n)
    found = query_measures(point, labels, np.zeros(n, bool), rows, rows, ks=(10,))
    assert 0.1 < found["P@10"].mean() < 0.4
    again = query_measures(point, labels, np.zeros(n, bool), rows, rows, ks=(10,))
    assert np.array_equal(found["P@10"], again["P@10"])


def test_chunks_do_not_change_the_measures(monkeypatch):
    whole = query_measures(*exams(4))
    monkeypatch.setattr(training.retrieval, "_CHUNK_ELEMENTS", 90)
    monkeypatch.setattr(training.neighbours, "_GALLERY_BLOCK", 7)
    monkeypatch.setattr(training.neighbours, "_QUERY_BLOCK", 11)
    for name, values in query_measures(*exams(4)).items():
        assert np.allclose(values, whole[name], equal_nan=True)


def test_perfect_embedding_has_ndcg_one():
    labels = np.repeat(np.eye(3, dtype=bool), 5, axis=0)
    rows = np.arange(15)
    found = query_measures(labels.astype(np.float32), labels, np.zeros(15, bool), rows, rows, (4,))
    assert all(np.allclose(values, 1.0) for values in found.values())


def test_depth_zero_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        query_measures(*exams(0), ks=(0, 5))
