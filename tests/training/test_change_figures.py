import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.change import finding_directions
from training.change_figures import ChangePairs, change_figures, change_pairs

CLASSES = ["A", "B", "C"]


def patients_over_time(n_patients=60, noise=0.15, seed=0):
    """Three exams a patient, of two findings that come and go and one that nobody has.

    An embedding shows the findings, the patient's own build and noise.
    """
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 3)
    labels = np.zeros((len(patients), 3), bool)
    labels[::3, :2] = rng.random((n_patients, 2)) < 0.5
    for visit in (1, 2):
        turned = rng.random((n_patients, 2)) < 0.25
        labels[visit::3, :2] = labels[visit - 1 :: 3, :2] ^ turned
    build = np.repeat(rng.normal(0, 1, (n_patients, 4)), 3, axis=0)
    embeddings = np.c_[labels[:, :2] * 1.5, build] + rng.normal(0, noise, (len(patients), 6))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings.astype(np.float32), labels, ~labels.any(axis=1), patients


def pairs_of(embeddings, labels, normal, patients, order=None, views=None, exams=None):
    n = len(patients)
    return change_pairs(
        embeddings,
        labels,
        normal,
        np.arange(n) if exams is None else exams,
        patients.tolist(),
        np.tile([0.0, 1.0, 2.0], n // 3) if order is None else order,
        finding_directions(embeddings, labels),
        ["PA"] * n if views is None else views,
    )


def by_name(figures):
    return {(figure.measure, figure.queries): figure for figure in figures}


def test_figures_are_those_of_scikit_learn_and_high_where_the_embedding_shows_change():
    given = patients_over_time()
    pairs = pairs_of(*given)
    figures = by_name(change_figures(pairs, CLASSES, 200))
    change = figures["AUC change", "consecutive exams"]
    assert change.value == pytest.approx(roc_auc_score(pairs.changed, pairs.amounts))
    assert change.value > 0.95
    assert change.low <= change.value <= change.high
    assert (change.n_queries, change.left_out) == (120, 0)
    finding = figures["AUC new or gone", "consecutive exams: A"]
    rows = pairs.findings[:, 0] != 0
    expected = roc_auc_score(pairs.findings[rows, 0] > 0, pairs.projections[rows, 0])
    assert finding.value == pytest.approx(expected)
    assert finding.value > 0.95
    assert (finding.n_queries, finding.left_out) == (rows.sum(), (~rows).sum())
    together = figures["AUC new or gone", "consecutive exams"]
    assert together.n_queries == (pairs.findings != 0).sum()
    assert together.value > 0.95
    # Of findings A and B (nobody ever has C) the one that moved is the one that changed.
    which = figures["AUC which finding", "consecutive exams"]
    assert which.value > 0.95
    only_a = (pairs.findings[:, 0] != 0) & (pairs.findings[:, 1] == 0)
    only_b = (pairs.findings[:, 1] != 0) & (pairs.findings[:, 0] == 0)
    opposite = pairs.findings[:, 0] * pairs.findings[:, 1] == -1
    assert which.n_queries == only_a.sum() + only_b.sum() + 2 * opposite.sum()
    assert ("AUC new or gone", "consecutive exams: C") not in figures


def test_an_embedding_that_knows_nothing_of_the_labels_is_at_one_half():
    _, labels, normal, patients = patients_over_time(400)
    blind = np.random.default_rng(1).normal(size=(len(patients), 8))
    blind = (blind / np.linalg.norm(blind, axis=1, keepdims=True)).astype(np.float32)
    # Directions come from other exams than those judged, as they do in use.
    pairs = change_pairs(
        blind,
        labels,
        normal,
        np.arange(len(patients)),
        patients,
        np.tile([0.0, 1.0, 2.0], 400),
        finding_directions(blind[::-1], labels),
        ["PA"] * len(patients),
    )
    figures = by_name(change_figures(pairs, CLASSES, 200))
    for measure in ("AUC change", "AUC new or gone"):
        figure = figures[measure, "consecutive exams"]
        assert figure.value == pytest.approx(0.5, abs=0.06)
        assert figure.low < 0.5 < figure.high


def test_images_of_one_exam_are_pooled():
    embeddings, labels, normal, patients = patients_over_time(20)
    single = pairs_of(embeddings, labels, normal, patients)
    twice = np.repeat(np.arange(len(patients)), 2)
    double = change_pairs(
        embeddings[twice],
        labels[twice],
        normal[twice],
        twice,
        patients[twice].tolist(),
        np.tile([0.0, 1.0, 2.0], 20)[twice],
        finding_directions(embeddings, labels),
        ["PA"] * len(twice),
    )
    assert len(double.amounts) == len(single.amounts) == 40
    assert np.allclose(np.sort(double.amounts), np.sort(single.amounts), atol=1e-6)


def test_pairs_in_one_view_are_judged_again_by_themselves():
    embeddings, labels, normal, patients = patients_over_time()
    views = ["PA", "PA", "AP"] * 50 + [None, None, None] * 10
    pairs = pairs_of(embeddings, labels, normal, patients, views=views)
    assert pairs.one_view.sum() == 50
    figures = by_name(change_figures(pairs, CLASSES, 100))
    figure = figures["AUC change", "consecutive exams in one view"]
    assert figure.n_queries == 50
    kept = pairs.one_view
    assert figure.value == pytest.approx(roc_auc_score(pairs.changed[kept], pairs.amounts[kept]))


def test_folds_join_and_missing_patients_have_no_pairs():
    given = patients_over_time(20)
    pairs = pairs_of(*given)
    joined = ChangePairs.joined([pairs, pairs])
    assert len(joined.amounts) == 80
    embeddings, labels, normal, _ = given
    lone = change_pairs(
        embeddings,
        labels,
        normal,
        np.arange(60),
        [None] * 60,
        np.zeros(60),
        finding_directions(embeddings, labels),
        ["PA"] * 60,
    )
    assert len(lone.amounts) == 0
    assert change_figures(lone, CLASSES) == []


def test_wrong_number_of_names_is_refused():
    with pytest.raises(ValueError, match="class names"):
        change_figures(pairs_of(*patients_over_time(20)), ["A"])
