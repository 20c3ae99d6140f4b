"""Which exams are the new batch of a drift measurement, and which its reference."""

import json
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.lake import Lake
from pipeline.settings import DriftSettings


class Windows(NamedTuple):
    """Both sides of a measurement: bool `(n,)` over the labelled exams, in their order."""

    batch: np.ndarray
    reference: np.ndarray


def windows(
    lake: Lake, exams: pa.Table, measured_to: int | None, settings: DriftSettings
) -> Windows:
    """Return the batch and its reference among labelled exams.

    Parameters
    ----------
    lake
        Whose ledger tells which ingest came after which, whatever the clock said.
    exams
        Columns exam_time and run_id (of the report) of each labelled exam.
    measured_to
        Version of the reports up to which exams were new before; None where none was measured yet:
        all exams are then reference and none is new, unless the batch is one of days.
    """
    times = pd.Series(exams["exam_time"].to_pandas())
    if settings.batch_days:
        batch = (times > times.max() - timedelta(days=settings.batch_days)).to_numpy()
    elif measured_to is None:
        batch = np.zeros(exams.num_rows, dtype=bool)
    else:
        since = _runs_after(lake, measured_to)
        batch = pd.Series(exams["run_id"].to_pandas()).isin(since).to_numpy()
    return reference_of(batch, exams, settings)


def reference_of(batch: np.ndarray, exams: pa.Table, settings: DriftSettings) -> Windows:
    """Return a batch, bool `(n,)` over the exams, with what it is to be held against."""
    times = pd.Series(exams["exam_time"].to_pandas())
    reference = ~batch
    middle = times[batch].median()
    if settings.reference_days and not pd.isna(middle):
        recent = times >= middle - timedelta(days=settings.reference_days)
        reference &= (recent | times.isna()).to_numpy()
    return Windows(batch, reference)


def _runs_after(lake: Lake, version: int) -> set[str]:
    """Return the runs that wrote a later version of the reports."""
    ledger = lake.runs().select(["run_id", "outputs"]).to_pylist()
    return {
        run["run_id"] for run in ledger if json.loads(run["outputs"]).get("reports", -1) > version
    }
