"""Drift of labels: the measure, its intervals and its flags."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.label_drift import (
    chance_limit,
    class_drift,
    population_stability_index,
    state_counts,
    wilson_interval,
)
from pipeline.settings import DriftSettings

SETTINGS = DriftSettings()


def exams(positive: int, negative: int, uncertain: int, silent: int) -> pa.Table:
    """Return exams with so many of each state of one class."""
    states = [1] * positive + [0] * negative + [-1] * uncertain + [None] * silent
    ids = [f"E{number}" for number in range(len(states))]
    return pa.table({"exam_id": ids, "Effusion": pa.array(states, pa.int8())})


def effusion(batch: pa.Table, reference: pa.Table) -> dict:
    (row,) = class_drift(batch, reference, SETTINGS)
    return row


def test_states_are_counted_and_what_is_not_mentioned_is_a_state() -> None:
    assert state_counts(exams(3, 2, 1, 4)["Effusion"]).tolist() == [3, 2, 1, 4]


def test_wilson_interval_of_textbook() -> None:
    # Newcombe 1998, table I: 81 of 263, and 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(20, 20)[1] == 1.0


def test_index_of_like_shares_is_nothing_and_of_unlike_ones_as_computed_by_hand() -> None:
    counts = np.array([1000, 2000, 500, 6500])
    assert population_stability_index(counts, counts * 10) == pytest.approx(0, abs=1e-6)
    batch, reference = np.array([500_000, 500_000]), np.array([200_000, 800_000])
    by_hand = 0.3 * np.log(0.5 / 0.2) - 0.3 * np.log(0.5 / 0.8)
    assert population_stability_index(batch, reference) == pytest.approx(by_hand, abs=1e-4)


def test_a_state_that_one_side_never_has_leaves_the_index_finite() -> None:
    index = population_stability_index(np.array([0, 9, 0, 1]), np.array([9, 0, 1, 0]))
    assert np.isfinite(index)
    assert index > 1


def test_twice_as_many_effusions_are_drift() -> None:
    row = effusion(exams(200, 300, 0, 500), exams(500, 2000, 50, 2450))
    assert row["drifted"]
    assert row["reason"] == "states and prevalence"
    assert (row["prevalence"], row["reference_prevalence"]) == (0.2, 0.1)
    assert row["low"] < 0.2 < row["high"]
    assert row["reference_uncertain"] == 0.01


def test_a_rare_finding_that_triples_is_drift_though_the_index_hardly_moves() -> None:
    row = effusion(exams(30, 970, 0, 0), exams(50, 4950, 0, 0))
    assert row["psi"] < SETTINGS.psi
    assert (row["drifted"], row["reason"]) == (True, "prevalence")


def test_radiologists_who_begin_to_hedge_are_drift() -> None:
    row = effusion(exams(100, 300, 200, 400), exams(1200, 3000, 50, 5750))
    assert (row["drifted"], row["reason"]) == (True, "states")


def test_few_exams_are_never_drift() -> None:
    row = effusion(exams(150, 0, 0, 49), exams(0, 5000, 0, 0))
    assert (row["drifted"], row["reason"]) == (False, "too few exams")
    assert row["batch_exams"] == 199
    row = effusion(exams(0, 0, 0, 0), exams(0, 5000, 0, 0))
    assert (row["prevalence"], row["low"], row["psi"]) == (None, None, None)


def test_batches_of_the_same_exams_are_seldom_flagged() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1, 4, 0.3, 8], size=14)

    def drawn(n: int) -> pa.Table:
        columns = {
            f"class {number}": pa.array(
                [(1, 0, -1, None)[state] for state in rng.choice(4, n, p=share)], pa.int8()
            )
            for number, share in enumerate(shares)
        }
        return pa.table({"exam_id": [str(number) for number in range(n)], **columns})

    reference = drawn(2000)
    flagged = sum(
        any(row["drifted"] for row in class_drift(drawn(200), reference, SETTINGS))
        for _ in range(60)
    )
    assert flagged <= 3


def test_the_limit_of_chance_is_the_quantile_of_chi_squared() -> None:
    # 95 % of χ² with three degrees of freedom: 7.815.
    assert chance_limit(1000, 1000, 0.05) == pytest.approx(7.815 * 2 / 1000, rel=1e-2)
