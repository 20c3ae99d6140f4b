"""Shares of exams by state and class, with their intervals, from the counts by month."""

import pandas as pd
import pyarrow as pa

from pipeline.label_drift import wilson_interval


def shares_by_class(months: pa.Table) -> pd.DataFrame:
    """Return a row a class over all months, in the order of `class_months`.

    Columns: class, exams, and of each of positive, uncertain, negative, missing the share; low and
    high of the positive share's 95 % interval (Wilson).
    """
    frame = months.to_pandas().drop(columns="month")
    summed = frame.groupby("class", sort=False).sum().reset_index()
    return _with_shares(summed)


def shares_by_month(months: pa.Table) -> pd.DataFrame:
    """Return a row a class and month that is known; columns as in `shares_by_class` and month."""
    frame = months.to_pandas().dropna(subset="month")
    frame["month"] = pd.to_datetime(frame["month"])
    return _with_shares(frame.reset_index(drop=True))


def exams_without_time(months: pa.Table) -> int:
    """Return how many exams have no time, and so no month."""
    frame = months.to_pandas()
    exams = frame[frame["month"].isna()].groupby("class")["exams"].sum()
    return int(exams.max()) if len(exams) else 0


def _with_shares(counts: pd.DataFrame) -> pd.DataFrame:
    exams = counts["exams"].clip(lower=1)
    missing = counts["exams"] - counts[["positive", "uncertain", "negative"]].sum(axis=1)
    result = counts.assign(missing=missing)
    bounds = [
        wilson_interval(int(positive), int(n))
        for positive, n in zip(result["positive"], result["exams"], strict=True)
    ]
    for name in ("positive", "uncertain", "negative", "missing"):
        result[name] = result[name] / exams
    result["low"] = [low for low, _ in bounds]
    result["high"] = [high for _, high in bounds]
    return result
