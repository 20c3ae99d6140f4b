import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import training.neighbours
from training.candidates import Candidates
from training.evaluate import random_embedding
from training.label_similarity import distinct_label_sets
from training.neighbours import (
    Neighbours,
    gallery_order,
    nearest_candidates,
    neighbour_recall,
    neighbours_through,
)
from training.retrieval import measures_of_neighbours, retrieval_measures


def asked(seed, n_queries=12, n_gallery=50, whole_numbers=False):
    """Make queries and a gallery with normal, abnormal and empty exams, and shared patients.

    Embeddings of small whole numbers have many products that are equal to the last bit.
    """
    rng = np.random.default_rng(seed)
    n = n_queries + n_gallery
    labels = rng.random((n, 3)) < 0.3
    normal = ~labels.any(axis=1) & (rng.random(n) < 0.6)
    sets = distinct_label_sets(labels, normal)
    patients = rng.integers(0, max(2, n // 3), n)
    at, members = np.arange(n_queries), np.arange(n_queries, n)
    exclusions = [(at, members), (patients[at], patients[members])]
    candidates = Candidates(sets.codes[at], sets.codes[members], sets.similarity, exclusions)
    if whole_numbers:
        embeddings = rng.integers(-1, 2, (n, 3)).astype(np.float32)
    else:
        embeddings = random_embedding(n, 8, seed)
    return embeddings[at], embeddings[members], candidates


def slow_neighbours(queries, gallery, candidates, depth):
    place = np.argsort(gallery_order(len(gallery)))
    rows = []
    for i, query in enumerate(queries):
        answers = [
            (-float(query @ gallery[j]), place[j], j)
            for j in range(len(gallery))
            if not any(of_query[i] == of[j] for of_query, of in candidates.exclusions)
            and not np.isnan(
                candidates.similarity[candidates.query_codes[i], candidates.gallery_codes[j]]
            )
        ]
        near = [j for _, _, j in sorted(answers)[:depth]]
        rows.append(near + [-1] * (min(depth, len(gallery)) - len(near)))
    return np.array(rows)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    depth=st.sampled_from([1, 4, 60]),
    n_gallery=st.integers(1, 60),
    block=st.sampled_from([3, 16, 10_000]),
)
def test_neighbours_and_their_ties_are_those_of_the_slow_loop(seed, depth, n_gallery, block):
    queries, gallery, candidates = asked(seed, 9, n_gallery, whole_numbers=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.neighbours, "_GALLERY_BLOCK", block)
        patch.setattr(training.neighbours, "_QUERY_BLOCK", 4)
        found = nearest_candidates(queries, gallery, candidates, depth)
    expected = slow_neighbours(queries, gallery, candidates, depth)
    assert np.array_equal(found.rows, expected)
    products = np.take_along_axis(queries @ gallery.T, np.maximum(expected, 0), axis=1)
    assert np.array_equal(found.products, np.where(expected < 0, -np.inf, products))


@pytest.mark.parametrize("spare", [0, 16, 100])
def test_an_exact_index_finds_what_the_exact_search_finds(spare, monkeypatch):
    queries, gallery, candidates = asked(3, 30, 300)
    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(gallery)
    exact = nearest_candidates(queries, gallery, candidates, 20)
    monkeypatch.setattr(training.neighbours, "_ASKED_ELEMENTS", 400)
    through = neighbours_through(index.search, queries, candidates, 20, spare)
    relevant = candidates.similarity[candidates.query_codes][:, candidates.gallery_codes] > 0
    barred = [asking[:, None] == asked_of for asking, asked_of in candidates.exclusions]
    answerable = (relevant & ~np.any(barred, axis=0)).any(axis=1)
    assert answerable.any()
    assert not answerable.all()
    assert np.array_equal(through.rows[answerable], exact.rows[answerable])
    assert (through.rows[~answerable] == -1).all()
    expected = retrieval_measures(queries, gallery, candidates, ks=(1, 20))
    for name, values in measures_of_neighbours(through, candidates, ks=(1, 20)).items():
        assert np.array_equal(values, expected[name], equal_nan=True)


def test_an_index_that_runs_dry_leaves_the_last_ranks_empty():
    queries, gallery, candidates = asked(5, 6, 40)

    def first_seven(vectors, k):
        near = np.full((len(vectors), k), -1, np.int64)
        near[:, :7] = np.argsort(-(vectors @ gallery.T), axis=1)[:, :7]
        return np.zeros(near.shape, np.float32), near

    found = neighbours_through(first_seven, queries, candidates, 10)
    assert (found.rows[:, 7:] == -1).all()
    assert (found.rows >= 0).any()
    measured = measures_of_neighbours(found, candidates, ks=(10,))
    exact = retrieval_measures(queries, gallery, candidates, ks=(10,))
    known = ~np.isnan(exact["Recall@10"])
    assert (measured["Recall@10"] <= exact["Recall@10"])[known].all()


def test_recall_of_an_approximate_index_counts_what_it_missed():
    exact = Neighbours(np.array([[0, 1, 2], [5, 6, -1]]), np.zeros((2, 3), np.float32))
    found = Neighbours(np.array([[2, 9, 0], [6, -1, -1]]), np.zeros((2, 3), np.float32))
    assert neighbour_recall(found, exact, 3) == pytest.approx(3 / 5)
    assert neighbour_recall(found, exact, 1) == 0.0


def test_neighbours_too_few_for_the_depth_are_refused():
    queries, gallery, candidates = asked(0)
    found = nearest_candidates(queries, gallery, candidates, 5)
    with pytest.raises(ValueError, match="5 neighbours"):
        measures_of_neighbours(found, candidates, ks=(10,))


def test_nobody_asked_and_nobody_to_answer():
    none = np.empty(0, np.int64)
    empty = np.empty((0, 4), np.float32)
    some = random_embedding(3, 4)
    codes = np.zeros(3, np.int64)
    ones = np.ones((1, 1), np.float32)
    unasked = retrieval_measures(empty, some, Candidates(none, codes, ones, []))
    assert unasked["nDCG@10"].shape == (0,)
    unanswered = retrieval_measures(some, empty, Candidates(codes, none, ones, []))
    assert np.isnan(unanswered["nDCG@10"]).all()
