"""Label drift: how the states of a batch of exams differ from those of a reference window."""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import DriftSettings

STATES = (1, 0, -1, None)
"""Positive, negative, uncertain, not mentioned: the order of counts below."""

# Chance that a measurement of all classes flags any, were both sides drawn from the same exams.
_FALSE_ALARM = 0.05
# Whether the states differ, and whether the positive share does.
_TESTS_OF_CLASS = 2


def state_counts(states: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return how many exams have each of `STATES`, int64 `(4,)`."""
    known = [pc.sum(pc.equal(states, state)).as_py() or 0 for state in STATES[:-1]]
    return np.array([*known, states.null_count], dtype=np.int64)


def wilson_interval(positive: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927); (NaN, NaN) of no exam."""
    if n == 0:
        return math.nan, math.nan
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, squared = positive / n, z**2
    centre = (share + squared / (2 * n)) / (1 + squared / n)
    half = z / (1 + squared / n) * math.sqrt(share * (1 - share) / n + squared / (4 * n**2))
    # Rounding must not leave the share outside.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def population_stability_index(batch: np.ndarray, reference: np.ndarray) -> float:
    """Return Σ (b − r) ln(b / r) over the shares b, r of the states; counts `(k,)` on both sides.

    The index of credit scoring (Siddiqi, Credit Risk Scorecards, 2006), which is the symmetric
    divergence of Kullback and Leibler (1951). Half an exam is added to every count, so that a state
    that one side never has leaves it finite (our reading).
    """
    b = (batch + 0.5) / (batch + 0.5).sum()
    r = (reference + 0.5) / (reference + 0.5).sum()
    return float(((b - r) * np.log(b / r)).sum())


def chance_limit(batch_exams: int, reference_exams: int, false_alarm: float) -> float:
    """Return the index that samples of the same exams exceed with the chance `false_alarm`.

    The index is then about (1/n + 1/m) χ² with three degrees of freedom, for four states (Yurdakul
    and Naranjo 2020); the quantile is Wilson and Hilferty's (1931).
    """
    freedom = len(STATES) - 1
    z = NormalDist().inv_cdf(1 - false_alarm)
    spread = 2 / (9 * freedom)
    quantile = freedom * (1 - spread + z * math.sqrt(spread)) ** 3
    return quantile * (1 / batch_exams + 1 / reference_exams)


def class_drift(
    batch: pa.Table, reference: pa.Table, settings: DriftSettings
) -> Iterator[dict[str, Any]]:
    """Yield a row a class (columns of `schemas.DRIFT` from `class` on, without versions).

    A class is flagged where chance does not explain the difference (5 % shared among the tests of
    all classes, Bonferroni) and it is as large as the thresholds say.

    Parameters
    ----------
    batch, reference
        The states of both sides under one scheme, by one labeler: column exam_id, then one
        nullable int8 column a class.
    settings
        Thresholds.
    """
    classes = batch.column_names[1:]
    n, m = batch.num_rows, reference.num_rows
    enough = min(n, m) >= settings.least_exams
    false_alarm = _FALSE_ALARM / (_TESTS_OF_CLASS * len(classes))
    limit = max(settings.psi, chance_limit(n, m, false_alarm)) if n and m else math.nan
    for name in classes:
        new, old = state_counts(batch[name]), state_counts(reference[name])
        row: dict[str, Any] = {"class": name, "batch_exams": n, "reference_exams": m}
        for prefix, counts, exams in (("", new, n), ("reference_", old, m)):
            low, high = wilson_interval(int(counts[0]), exams)
            row |= {
                f"{prefix}prevalence": _share(counts[0], exams),
                f"{prefix}low": low,
                f"{prefix}high": high,
                f"{prefix}uncertain": _share(counts[2], exams),
            }
        row["psi"] = population_stability_index(new, old) if n and m else math.nan
        row["psi_limit"] = limit
        apart = _apart((int(new[0]), n), (int(old[0]), m), 1 - false_alarm)
        row["reason"] = _why(row, apart, settings) if enough else "too few exams"
        row["drifted"] = enough and row["reason"] != "none"
        yield {key: _or_null(value) for key, value in row.items()}


def _apart(new: tuple[int, int], old: tuple[int, int], level: float) -> bool:
    """Say whether the intervals of two shares, each (positive, exams), do not meet."""
    low, high = wilson_interval(*new, level)
    old_low, old_high = wilson_interval(*old, level)
    return low > old_high or high < old_low


def _why(row: dict[str, Any], apart: bool, settings: DriftSettings) -> str:
    """Return what flags a class: states, prevalence, both or none."""
    found = []
    if row["psi"] > row["psi_limit"]:
        found.append("states")
    smaller, larger = sorted((row["prevalence"], row["reference_prevalence"]))
    if apart and larger >= settings.prevalence_ratio * smaller:
        found.append("prevalence")
    return " and ".join(found) or "none"


def _share(count: int, exams: int) -> float:
    return float(count) / exams if exams else math.nan


def _or_null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
