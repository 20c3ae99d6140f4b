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
    # Ten answers cannot hold all that is relevant, four clusters tell more than one class.
    less = {"Recall@10", "class Recall@10", "class NMI", "class AMI"}
    for figure in figures.values():
        if figure.measure in less:
            assert 0 < figure.low <= figure.value <= figure.high < 1, figure
            continue
        assert figure.value == pytest.approx(1.0), figure
        assert figure.low == pytest.approx(1.0)
        assert figure.high == pytest.approx(1.0)
    overall = {"all", "abnormal", "certain", "certain abnormal"}
    of_classes = {"0", "1", "2", "mean of classes"}
    assert {queries for measure, queries in figures if not measure.startswith("class ")} == overall
    assert {
        queries for measure, queries in figures if measure.startswith("class ")
    } == of_classes | {f"certain {name}" for name in of_classes}
    assert {measure for measure, _ in figures} == {
        *("nDCG@10", "mAP@10", "P@10", "Recall@10", "Jaccard@10", "mAP", "R-precision"),
        *("AUC k-NN", "AP k-NN", "AUC centroid", "AP centroid", "NMI", "AMI", "label silhouette"),
        *("class nDCG@10", "class mAP@10", "class P@10", "class Recall@10", "class mAP"),
        *("class R-precision", "class AUC k-NN", "class NMI", "class AMI"),
    }


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (["retrieval"], {"nDCG@3", "mAP@3", "P@3", "Recall@3", "Jaccard@3"}),
        (["full_ranking"], {"mAP", "R-precision"}),
        (["separation"], {"AUC k-NN", "AP k-NN"}),
        (["clustering"], {"NMI", "AMI", "label silhouette"}),
        (
            ["classes"],
            {"class nDCG@3", "class mAP@3", "class P@3", "class Recall@3", "class AUC k-NN"},
        ),
    ],
)
def test_only_what_is_asked_for_is_measured(measures, expected):
    figures = evaluated(perfect, ks=(3,), measures=measures)
    assert {measure for measure, _ in figures} == expected


def test_figures_of_a_class_have_its_name():
    figures = evaluated(perfect, measures=["classes"], classes=["Edema", "Hernia", "Mass"])
    assert figures["class P@10", "certain Mass"].value == pytest.approx(1.0)


def test_every_interval_holds_its_value_even_with_one_patient():
    labels = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [0, 0]], bool)
    figures = evaluate_embedding(
        random_embedding(5, 4, 3),
        labels,
        ~labels.any(axis=1),
        np.zeros(5, bool),
        range(5),
        ["p"] * 5,
        ks=(1, 3),
        exclude_patient=False,
        n_resamples=100,
    )
    assert len(figures) > 40
    for figure in figures:
        if not np.isnan(figure.value):
            assert figure.low <= figure.value <= figure.high, figure


def test_exams_of_which_nothing_is_known_have_no_figure_but_nan():
    figures = evaluate_embedding(
        random_embedding(4, 4),
        np.zeros((4, 2), bool),
        np.zeros(4, bool),
        np.zeros(4, bool),
        range(4),
        range(4),
        n_resamples=100,
    )
    assert figures
    assert all(np.isnan(figure.value) and figure.n_queries == 0 for figure in figures)


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
    with pytest.raises(ValueError, match="no such measures: speed"):
        evaluated(perfect, measures=["speed"])
    with pytest.raises(ValueError, match="2 classes"):
        evaluated(perfect, classes=["Edema", "Mass"])
    with pytest.raises(ValueError, match="finite"):
        evaluated(lambda kind: np.full((len(kind), 2), np.nan, np.float32))
    with pytest.raises(ValueError, match="patient_ids"):
        evaluate_embedding(
            random_embedding(2), np.ones((2, 1)), np.zeros(2), np.zeros(2), ["a", "b"], ["p"]
        )
