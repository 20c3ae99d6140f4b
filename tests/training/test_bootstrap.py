import numpy as np
import pytest

from training.bootstrap import (
    mean_interval,
    paired_difference_interval,
    percentile_interval,
    statistic_interval,
)


def test_interval_of_a_mean_is_that_of_the_normal_theory():
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    low, high = mean_interval(values, np.arange(400), n_resamples=2000)
    half = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.015)
    assert high == pytest.approx(values.mean() + half, abs=0.015)


def test_images_of_one_patient_do_not_narrow_the_interval():
    values = np.random.default_rng(1).normal(size=50)
    alone = mean_interval(values, np.arange(50))
    repeated = mean_interval(np.repeat(values, 4), np.repeat(np.arange(50), 4))
    assert np.allclose(alone, repeated)


def test_same_seed_same_interval_and_nan_left_out():
    values, patients = np.array([1.0, np.nan, 3.0, 4.0]), np.array([7, 8, 9, 9])
    assert mean_interval(values, patients) == mean_interval(values, patients)
    assert mean_interval(values, patients) == mean_interval(values[[0, 2, 3]], patients[[0, 2, 3]])
    assert np.isnan(mean_interval(np.full(3, np.nan), np.arange(3))).all()


def test_paired_difference_sees_what_two_intervals_cannot():
    rng = np.random.default_rng(2)
    hardness = rng.normal(size=200)
    better, worse = hardness + 0.1, hardness + rng.normal(scale=0.05, size=200)
    difference, low, high = paired_difference_interval(better, worse, np.arange(200))
    assert low < difference < high
    assert low > 0
    assert mean_interval(better, np.arange(200))[0] < worse.mean()


def test_weighted_statistic_has_the_interval_of_the_mean():
    values = np.random.default_rng(3).normal(size=60)
    patients = np.arange(60) // 2

    def mean(weights):
        return (weights * values).sum(axis=1) / weights.sum(axis=1)

    assert np.allclose(statistic_interval(mean, patients), mean_interval(values, patients))


def test_interval_of_nothing_is_unknown():
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()
