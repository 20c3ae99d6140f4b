import numpy as np
import pytest

from training.evaluate import evaluate_embedding, group_codes, random_embedding


def evaluated(embedding_of, n=120, uncertain_share=0.2, **options):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, n)
    labels = np.zeros((n, 3), bool)
    labels[kind < 3, kind[kind < 3]] = True
    normal = kind == 3
    figures = evaluate_embedding(
        embedding_of(kind),
        labels,
        normal,
        rng.random(n) < uncertain_share,
        [f"e{i}" for i in range(n)],
        [None if i % 5 == 0 else f"p{i // 2}" for i in range(n)],
        n_resamples=200,
        **options,
    )
    return {(figure.measure, figure.queries): figure for figure in figures}


def perfect(kind):
    return np.eye(4, dtype=np.float32)[kind]


def test_perfect_embedding_has_perfect_figures():
    figures = evaluated(perfect, centroid=np.eye(4, dtype=np.float32)[3])
    # Ten answers cannot hold all that is relevant.
    recall = {figures.pop(("Recall@10", queries)).value < 1 for queries in ("all", "abnormal")}
    recall |= {figures.pop(("Recall@10", f"certain{q}")).value < 1 for q in ("", " abnormal")}
    assert recall == {True}
    for figure in figures.values():
        assert figure.value == pytest.approx(1.0), figure
        assert figure.low == pytest.approx(1.0)
        assert figure.high == pytest.approx(1.0)
    assert {queries for _, queries in figures} == {
        "all",
        "abnormal",
        "certain",
        "certain abnormal",
    }
    assert {measure for measure, _ in figures} == {
        *("nDCG@10", "mAP@10", "P@10", "Jaccard@10"),
        *("AUC k-NN", "AP k-NN", "AUC centroid", "AP centroid"),
    }


def test_random_embedding_is_chance():
    figures = evaluated(lambda kind: random_embedding(len(kind), 16))
    assert figures["P@10", "all"].value == pytest.approx(0.25, abs=0.06)
    assert figures["AUC k-NN", "all"].value == pytest.approx(0.5, abs=0.15)
    assert figures["P@10", "all"].low < 0.25 < figures["P@10", "all"].high


def test_queries_are_counted():
    figures = evaluated(perfect)
    whole, certain = figures["nDCG@10", "all"], figures["nDCG@10", "certain"]
    assert whole.n_queries + whole.left_out == 120
    assert figures["nDCG@10", "abnormal"].n_queries < whole.n_queries
    assert certain.n_queries < whole.n_queries


def test_exams_neither_normal_nor_abnormal_are_left_out():
    labels = np.zeros((9, 1), bool)
    labels[:3] = True
    normal = np.arange(9) >= 6
    figures = evaluate_embedding(
        random_embedding(9, 4), labels, normal, np.zeros(9, bool), range(9), [None] * 9
    )
    by_name = {(figure.measure, figure.queries): figure for figure in figures}
    assert by_name["nDCG@10", "all"].n_queries == 6
    assert by_name["nDCG@10", "all"].left_out == 3
    assert by_name["AUC k-NN", "all"].n_queries == 6
    assert by_name["AUC k-NN", "all"].left_out == 3


def test_missing_patient_is_its_exam():
    exams, patients = group_codes(["a", "a", "b", "c", "c2"], [None, None, float("nan"), "a", "a"])
    assert exams[0] == exams[1]
    assert patients[0] == patients[1]
    assert len({patients[0], patients[2], patients[3]}) == 3
    assert patients[3] == patients[4]


def test_faulty_input_is_named():
    with pytest.raises(ValueError, match="finite"):
        evaluated(lambda kind: np.full((len(kind), 2), np.nan, np.float32))
    with pytest.raises(ValueError, match="patient_ids"):
        evaluate_embedding(
            random_embedding(2), np.ones((2, 1)), np.zeros(2), np.zeros(2), ["a", "b"], ["p"]
        )
