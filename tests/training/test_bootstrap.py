import numpy as np
import pytest

import training.bootstrap
from training.bootstrap import (
    centred_interval,
    macro_mean_intervals,
    mean_interval,
    mean_intervals,
    paired_difference_interval,
    patient_draws,
    percentile_interval,
    statistic_interval,
    statistic_samples,
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


def test_intervals_of_several_measures_are_those_of_each_alone():
    rng = np.random.default_rng(3)
    values, patients = rng.random((60, 4)), rng.integers(0, 20, 60)
    values[:10, 1] = np.nan
    values[:, 3] = np.nan
    together = mean_intervals(values, patients, 200, 5)
    for column, interval in zip(values.T, together, strict=True):
        alone = mean_interval(column, patients, 200, 5)
        assert interval == pytest.approx(alone, nan_ok=True)
    assert np.isnan(together[3]).all()


def test_draws_do_not_depend_on_how_many_are_kept_or_held_at_once(monkeypatch):
    kept = np.concatenate(list(patient_draws(15, 40, 7)))
    monkeypatch.setattr(training.bootstrap, "_KEPT_ELEMENTS", 0)
    monkeypatch.setattr(training.bootstrap, "_CHUNK_ELEMENTS", 100)
    assert np.array_equal(np.concatenate(list(patient_draws(15, 40, 7))), kept)


def test_mean_of_classes_weighs_rare_and_frequent_classes_alike():
    values = np.full((1, 100, 2), np.nan)
    values[0, :90, 0], values[0, 90:, 1] = 0.2, 0.8
    low, high = macro_mean_intervals(values, np.arange(100), 300)[0]
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.5)
    noisy = values + np.random.default_rng(0).normal(0, 0.1, values.shape)
    low, high = macro_mean_intervals(noisy, np.arange(100), 300)[0]
    assert 0.4 < low < 0.5 < high < 0.6
    assert np.isnan(macro_mean_intervals(values * np.nan, np.arange(100), 300)).all()


def test_several_statistics_share_their_resamples():
    values, patients = np.random.default_rng(1).random((2, 30)), np.arange(30) // 2

    def means(weights):
        return (values @ weights.T) / weights.sum(axis=1)

    samples = statistic_samples(means, patients, 100, 3)
    assert samples.shape == (2, 100)
    low, high = statistic_interval(lambda weights: means(weights)[1], patients, 100, 3)
    assert percentile_interval(samples[1]) == (low, high)
    assert centred_interval(5.0, samples[0])[0] < 5.0 < centred_interval(5.0, samples[0])[1]
