"""Precision, recall, F1, kappa, their averages and intervals, against scikit-learn and by hand."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from labelers.agreement import MACRO, MICRO, STATES, agreement, confusion, counted

NULL = STATES[3]


def states(seed: int, n_exams: int = 60, n_classes: int = 4) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.choice(np.array(STATES, np.int8), (n_exams, n_classes))


def classes(n: int) -> list[str]:
    return [f"class {number}" for number in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    gold, said = states(seed), states(seed + 100)
    found = agreement(counted(gold, said), classes(4), draws=0).figures[..., 0]
    true, positive = gold == 1, said == 1
    for column in range(4):
        expected = precision_recall_fscore_support(
            true[:, column], positive[:, column], average="binary"
        )
        assert found[column, :3] == pytest.approx(expected[:3])
        kappa = cohen_kappa_score(true[:, column], positive[:, column])
        assert found[column, 3] == pytest.approx(kappa)
    for row, average in ((MICRO, "micro"), (MACRO, "macro")):
        expected = precision_recall_fscore_support(true, positive, average=average)
        assert found[row, :3] == pytest.approx(expected[:3])
    assert found[MICRO, 3] == pytest.approx(cohen_kappa_score(true.ravel(), positive.ravel()))


def test_a_case_by_hand() -> None:
    # 20 said by both, 5 by the labels alone, 10 by gold alone, 15 by neither (Cohen 1960's form).
    gold = np.repeat(np.array([1, 0, 1, 0], np.int8), [20, 5, 10, 15])[:, None]
    said = np.repeat(np.array([1, 1, 0, 0], np.int8), [20, 5, 10, 15])[:, None]
    found = agreement(counted(gold, said), ["effusion"], draws=0)
    assert found.outcomes.tolist() == [[20, 5, 10, 15]]
    # p_o = 35/50, p_e = (25·30 + 25·20) / 50² = 0.5
    assert found.figures[0, :, 0] == pytest.approx([20 / 25, 20 / 30, 40 / 55, 0.4])


def test_figures_without_a_denominator_are_undefined() -> None:
    gold, said = np.array([[0], [0]], np.int8), np.array([[NULL], [0]], np.int8)
    found = agreement(counted(gold, said), ["effusion"]).figures
    assert np.isnan(found).all()


def test_averages_leave_out_what_they_are_told_to() -> None:
    gold = np.array([[1, 1], [0, 1], [0, 0]], np.int8)
    said = np.array([[1, 0], [0, 0], [0, 1]], np.int8)
    found = agreement(
        counted(gold, said), ["effusion", "normal"], averaged=np.array([True, False]), draws=0
    )
    assert found.figures[MICRO, 2, 0] == found.figures[MACRO, 2, 0] == 1
    assert found.figures[1, 2, 0] == 0


def test_a_class_never_said_has_precision_zero_in_the_macro_average_alone() -> None:
    gold = np.array([[1, 1, 0], [0, 0, 0]], np.int8)
    said = np.array([[1, 0, 0], [0, 0, 0]], np.int8)
    found = agreement(counted(gold, said), classes(3), draws=0).figures[..., 0]
    assert np.isnan(found[1, 0])
    # The third class has no gold positive and is in no macro average.
    assert found[MACRO, :3] == pytest.approx([0.5, 0.5, 0.5])


def test_what_uncertain_counts_as() -> None:
    gold = np.array([[1], [1], [0], [-1], [0]], np.int8)
    said = np.array([[1], [-1], [-1], [1], [0]], np.int8)
    choice = np.array([[False], [True], [False], [False], [False]])

    def outcomes(uncertain: str) -> list[int]:
        read = counted(gold, said, uncertain, choice)
        return agreement(read, ["effusion"], draws=0).outcomes[0].tolist()

    assert outcomes("negative") == [1, 1, 1, 2]
    assert outcomes("positive") == [3, 1, 0, 1]
    assert outcomes("ignored") == [1, 0, 0, 1]
    assert outcomes("alternatives") == [2, 1, 0, 2]


def test_an_unknown_setting_and_missing_alternatives_are_refused() -> None:
    gold = np.zeros((1, 1), np.int8)
    with pytest.raises(ValueError, match="must be one of negative, positive"):
        counted(gold, gold, "perhaps")
    with pytest.raises(ValueError, match="needs to be told"):
        counted(gold, gold, "alternatives")


@settings(deadline=None, max_examples=20, derandomize=True)
@given(seed=st.integers(0, 10_000), by_patient=st.booleans())
def test_the_order_of_exams_does_not_matter(seed: int, by_patient: bool) -> None:
    gold, said = states(seed), states(seed + 1)
    generator = np.random.default_rng(seed)
    patients = generator.integers(0, 20, len(gold)) if by_patient else None
    order = generator.permutation(len(gold))
    first = agreement(counted(gold, said), classes(4), patients=patients, draws=50)
    moved = None if patients is None else patients[order]
    second = agreement(counted(gold[order], said[order]), classes(4), patients=moved, draws=50)
    np.testing.assert_array_equal(first.figures, second.figures)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 10_000), uncertain=st.sampled_from(["negative", "positive", "ignored"]))
def test_outcomes_add_up_and_figures_stay_in_range(seed: int, uncertain: str) -> None:
    gold, said = states(seed), states(seed + 1)
    read = counted(gold, said, uncertain)
    found = agreement(read, classes(4), draws=100)
    assert found.outcomes.sum(axis=1).tolist() == read.scored.sum(axis=0).tolist()
    value, low, high = np.moveaxis(found.figures, -1, 0)
    known = ~np.isnan(value)
    assert (value[known] <= 1).all()
    assert (value[..., :3][known[..., :3]] >= 0).all()
    assert (low[known] <= high[known]).all()


def test_the_interval_is_that_of_drawing_exams_one_by_one() -> None:
    gold, said = states(3, 200, 1), states(4, 200, 1)
    said[:150] = gold[:150]
    found = agreement(counted(gold, said), ["effusion"], draws=4000).figures[0, 2]
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(2000):
        rows = generator.integers(0, 200, 200)
        true, positive = gold[rows, 0] == 1, said[rows, 0] == 1
        drawn.append(2 * (true & positive).sum() / (true.sum() + positive.sum()))
    assert found[1:] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.012)
    assert found[1] < found[0] < found[2]


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    # Recall of a labeler that finds 80 % of positives.
    covered = 0
    for _ in range(200):
        gold = (generator.random((300, 1)) < 0.5).astype(np.int8)
        said = (gold * (generator.random((300, 1)) < 0.8)).astype(np.int8)
        _, low, high = agreement(counted(gold, said), ["effusion"], draws=300).figures[0, 1]
        covered += low <= 0.8 <= high
    assert 180 <= covered <= 200


def test_drawing_patients_widens_the_interval_of_repeated_exams() -> None:
    gold, said = np.repeat(states(1, 40, 1), 10, axis=0), np.repeat(states(2, 40, 1), 10, axis=0)
    patients = np.repeat(np.arange(40), 10)

    def width(of: np.ndarray | None) -> float:
        found = agreement(counted(gold, said), ["effusion"], patients=of).figures[0, 3]
        return float(found[2] - found[1])

    assert width(patients) > 2 * width(None)


def test_patients_of_one_exam_are_exams() -> None:
    gold, said = states(5), states(6)
    alone = agreement(counted(gold, said), classes(4), patients=np.arange(len(gold)), draws=2000)
    exams = agreement(counted(gold, said), classes(4), draws=2000)
    np.testing.assert_array_equal(alone.outcomes, exams.outcomes)
    np.testing.assert_allclose(alone.figures, exams.figures, atol=0.03)


def test_a_confusion_counts_every_pair_of_states() -> None:
    gold, said = states(7), states(8)
    cells = confusion(gold, said)
    assert cells.sum(axis=(1, 2)).tolist() == [60] * 4
    for row, first in enumerate(STATES):
        for column, second in enumerate(STATES):
            pairs = ((gold == first) & (said == second)).sum(axis=0)
            assert cells[:, row, column].tolist() == pairs.tolist()


def test_many_exams_take_seconds() -> None:
    generator = np.random.default_rng(0)
    gold = (generator.random((3276, 14)) < 0.1).astype(np.int8)
    said = np.where(generator.random(gold.shape) < 0.05, 1 - gold, gold).astype(np.int8)
    began = time.perf_counter()
    found = agreement(counted(gold, said), classes(14), draws=1000)
    assert time.perf_counter() - began < 5
    assert not np.isnan(found.figures).any()
