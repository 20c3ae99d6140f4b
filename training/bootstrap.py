"""Percentile bootstrap intervals that resample patients.

Images of one patient are not independent, so a resample draws patients, with all they have
(cluster bootstrap, Efron and Tibshirani 1993, percentile interval).
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

# Elements of the (resamples x patients) matrix of draws held at once.
_CHUNK_ELEMENTS = 2**23
# Draws of up to so many elements are kept for the next figure: 8 MB.
_KEPT_ELEMENTS = 2**20


def patient_draws(n_patients: int, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each patient is drawn, in chunks int64 `(some resamples, n_patients)`."""
    if n_patients * n_resamples <= _KEPT_ELEMENTS:
        yield _kept_draws(n_patients, n_resamples, seed)
        return
    chunk = max(1, _CHUNK_ELEMENTS // n_patients)
    rng = np.random.default_rng(seed)
    for start in range(0, n_resamples, chunk):
        yield _draw(rng, n_patients, min(chunk, n_resamples - start))


@lru_cache(maxsize=4)
def _kept_draws(n_patients: int, n_resamples: int, seed: int) -> np.ndarray:
    """Draw once for the many figures of the same patients; nobody may write to the result."""
    draws = _draw(np.random.default_rng(seed), n_patients, n_resamples)
    draws.flags.writeable = False
    return draws


def _draw(rng: np.random.Generator, n_patients: int, n_resamples: int) -> np.ndarray:
    return rng.multinomial(n_patients, np.full(n_patients, 1.0 / n_patients), size=n_resamples)


def mean_interval(
    values: np.ndarray,
    patients: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of the mean of `values` `(n,)`, NaN left out, over patients `(n,)`.

    Returns (NaN, NaN) when there is no value.
    """
    return mean_intervals(values[:, None], patients, n_resamples, seed, level)[0]


def mean_intervals(
    values: np.ndarray,
    patients: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[tuple[float, float]]:
    """Interval of the mean of each column of `values` `(n, m)`, as `mean_interval` has it.

    Columns that are known in the same rows share their draws, which cost most of the time.
    """
    known = ~np.isnan(values)
    intervals = [(float("nan"), float("nan"))] * values.shape[1]
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    for number, kept in enumerate(patterns.T):
        if not kept.any():
            continue
        columns = np.flatnonzero(pattern_of.reshape(-1) == number)
        totals, sizes = _patient_totals(values[np.ix_(kept, columns)], patients[kept])
        means = np.concatenate(
            [
                (draws @ totals) / (draws @ sizes[:, :1])
                for draws in patient_draws(len(sizes), n_resamples, seed)
            ]
        )
        for at, column in enumerate(columns):
            intervals[column] = percentile_interval(means[:, at], level)
    return intervals


def macro_mean_intervals(
    values: np.ndarray,
    patients: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[tuple[float, float]]:
    """Interval of the mean over classes of the means over queries, `(m, n, n_classes)` for m.

    A class without a value in a resample is no part of that resample's mean.
    """
    intervals = []
    kept = ~np.isnan(values).all(axis=(0, 2))
    sums = [_patient_totals(measure[kept], patients[kept]) for measure in values]
    if not kept.any():
        return [(float("nan"), float("nan"))] * len(values)
    draws = list(patient_draws(len(sums[0][0]), n_resamples, seed))
    for totals, sizes in sums:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.concatenate([(drawn @ totals) / (drawn @ sizes) for drawn in draws])
            known = ~np.isnan(means)
            macro = np.where(known, means, 0.0).sum(axis=1) / known.sum(axis=1)
        intervals.append(percentile_interval(macro, level))
    return intervals


def paired_difference_interval(
    first: np.ndarray,
    second: np.ndarray,
    patients: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Mean of `first − second` and its interval, over the same queries `(n,)`.

    Queries where either is NaN are left out. Returns (difference, low, high).
    """
    if first.shape != second.shape:
        raise ValueError(f"values of different queries: {first.shape} and {second.shape}")
    difference = first - second
    low, high = mean_interval(difference, patients, n_resamples, seed, level)
    known = difference[~np.isnan(difference)]
    return float(known.mean()) if len(known) else float("nan"), low, high


def statistic_interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    patients: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of a weighted statistic over patients `(n,)`.

    `statistic` takes weights `(resamples, n)`, how often each row is drawn, and returns a value
    per resample; resamples where it is NaN (one class only) are left out.
    """
    several = statistic_samples(
        lambda weights: statistic(weights)[None], patients, n_resamples, seed
    )
    return percentile_interval(several[0], level)


def statistic_samples(
    statistics: Callable[[np.ndarray], np.ndarray],
    patients: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Return several weighted statistics of the same resamples, float64 `(m, n_resamples)`.

    `statistics` takes weights `(resamples, n)` and returns `(m, resamples)`.
    """
    _, codes = np.unique(patients, return_inverse=True)
    if len(codes) == 0:
        return np.full((len(statistics(np.empty((1, 0)))), n_resamples), np.nan)
    draws = patient_draws(int(codes.max()) + 1, n_resamples, seed)
    return np.concatenate([statistics(drawn[:, codes]) for drawn in draws], axis=1)


def percentile_interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the samples that are not NaN; (NaN, NaN) when none is left."""
    kept = samples[~np.isnan(samples)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def centred_interval(value: float, samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the samples, moved so that their mean is the value.

    For statistics that a resample biases: exams drawn twice agree with themselves, so the mutual
    information of resamples lies above that of the exams.
    """
    kept = samples[~np.isnan(samples)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    return percentile_interval(kept - kept.mean() + value, level)


def _patient_totals(values: np.ndarray, patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of each patient's known values, both float64 `(n_patients, m)`."""
    _, codes = np.unique(patients, return_inverse=True)
    known = ~np.isnan(values)
    shape = (int(codes.max(initial=-1)) + 1, values.shape[1])
    totals, sizes = np.zeros(shape), np.zeros(shape)
    for column in range(values.shape[1]):
        shown = known[:, column]
        totals[:, column] = np.bincount(codes[shown], values[shown, column], minlength=shape[0])
        sizes[:, column] = np.bincount(codes[shown], minlength=shape[0])
    return totals, sizes
