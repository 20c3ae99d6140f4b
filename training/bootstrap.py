"""Percentile bootstrap intervals that resample patients.

Images of one patient are not independent, so a resample draws patients, with all they have
(cluster bootstrap, Efron and Tibshirani 1993, percentile interval).
"""

from collections.abc import Callable, Iterator

import numpy as np

# Elements of the (resamples x patients) matrix of draws held at once.
_CHUNK_ELEMENTS = 2**23


def patient_draws(n_patients: int, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each patient is drawn, in chunks int64 `(some resamples, n_patients)`."""
    rng = np.random.default_rng(seed)
    share = np.full(n_patients, 1.0 / n_patients)
    chunk = max(1, _CHUNK_ELEMENTS // n_patients)
    for start in range(0, n_resamples, chunk):
        yield rng.multinomial(n_patients, share, size=min(chunk, n_resamples - start))


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
    kept = ~np.isnan(values)
    if not kept.any():
        return float("nan"), float("nan")
    _, codes = np.unique(patients[kept], return_inverse=True)
    totals = np.bincount(codes, weights=values[kept])
    sizes = np.bincount(codes).astype(np.float64)
    means = [
        (draws @ totals) / (draws @ sizes) for draws in patient_draws(len(sizes), n_resamples, seed)
    ]
    return percentile_interval(np.concatenate(means), level)


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
    _, codes = np.unique(patients, return_inverse=True)
    if len(codes) == 0:
        return float("nan"), float("nan")
    found = [
        statistic(draws[:, codes])
        for draws in patient_draws(int(codes.max()) + 1, n_resamples, seed)
    ]
    return percentile_interval(np.concatenate(found), level)


def percentile_interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the samples that are not NaN; (NaN, NaN) when none is left."""
    kept = samples[~np.isnan(samples)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
