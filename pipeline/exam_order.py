"""Which exam of a patient came before which."""

import re

import numpy as np
import pandas as pd

from pipeline.lake import Lake
from pipeline.pseudonyms import Pseudonymiser, is_pseudonym
from pipeline.settings import Settings
from pipeline.user_error import UserError

BY_TIME = "exam time"
BY_ID = "exam id"


def exam_order(lake: Lake, settings: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """Order the exams of each patient.

    The time of the report decides. Of a patient none of whose exams has a time, the exam ids
    decide, numbers in them read as numbers: a guess. Of NIH's images of a patient 19 of 500 pairs
    stand the wrong way round by it (the number in an image's name is not always that of its
    follow-up, with which ages agree). Pseudonyms are not ordered: theirs means nothing.

    Parameters
    ----------
    lake, settings
        The lake, and the settings that say whether identifiers are pseudonymised.
    rows
        Columns `exam_id` and `patient_id`, a row an image: those of a manifest.

    Returns
    -------
    A frame indexed by `exam_id` with `patient_id`, `order` (float64, comparable within a patient,
    NaN where it is not known) and `by` (`exam time`, `exam id`, or empty).
    """
    exams = rows[["exam_id", "patient_id"]].drop_duplicates("exam_id").set_index("exam_id")
    reports = lake.read("reports", ["exam_id", "exam_time"]).to_pandas().set_index("exam_id")
    times = pd.to_datetime(reports["exam_time"].reindex(exams.index), utc=True)
    timed = times.notna()
    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    patient_timed = timed.groupby(exams["patient_id"]).transform("any").fillna(False).astype(bool)
    named = exams["patient_id"].notna() & ~patient_timed
    if Pseudonymiser.of(settings).active:
        named[:] = False
    named &= ~exams.index.to_series().map(is_pseudonym)
    ranks = {name: rank for rank, name in enumerate(sorted(exams.index[named], key=_natural))}
    order = seconds.where(~named, exams.index.to_series().map(ranks).astype(np.float64))
    return exams.assign(order=order, by=np.select([timed, named], [BY_TIME, BY_ID], ""))


def exam_before(order: pd.DataFrame, exam_id: str) -> tuple[str, str]:
    """Return the same patient's last exam before this one, and how that was found, in words.

    `order` is what `exam_order` returns.

    Raises
    ------
    UserError
        The exam has no patient, no known order, or none before it.
    """
    own = order.loc[exam_id]
    if pd.isna(own["patient_id"]):
        raise UserError(
            "the exam names no patient, so none is known to be before it; "
            "name the earlier exam with --against"
        )
    if pd.isna(own["order"]):
        raise UserError(
            "the exam has no time, and the order of pseudonyms or of exams that lack times means "
            "nothing; name the earlier exam with --against, or deliver exam times "
            "([reports] exam_time)"
        )
    same = order[(order["patient_id"] == own["patient_id"]) & (order["order"] < own["order"])]
    if same.empty:
        raise UserError("the lake has no earlier exam of this patient with labels and an image")
    how = f"the patient's exam before it by {own['by']}"
    if own["by"] == BY_ID:
        how += ", a guess for want of exam times"
    return str(same["order"].idxmax()), how


def _natural(name: str) -> tuple[list[str | int], str]:
    """Return a key that reads the numbers in a name as numbers; equal keys fall to the name."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if part.isdecimal() and part else part for part in parts], name
