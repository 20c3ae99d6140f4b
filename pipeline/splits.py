"""Splits by patient, filled on first sight and never reshuffled."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.contracts import whole
from pipeline.lake_run import Run
from pipeline.settings import ManifestSettings
from pipeline.user_error import UserError

# More names than this are no split names, and may be anything: none of them is shown.
_SPLIT_NAMES = 5


def split_patients(run: Run, exams: pd.DataFrame, settings: ManifestSettings) -> pd.Series:
    """Return the split of each exam, and persist those of patients not seen before.

    Parameters
    ----------
    run
        The run that writes table splits.
    exams
        Frame with columns exam_id, patient_id and source_split (null where the source has none).

    Returns
    -------
    A series of train, val or test, aligned with `exams`.

    Raises
    ------
    UserError
        The source uses a split name that the settings do not explain, or puts a patient into two.
    """
    keys = patient_keys(exams["exam_id"], exams["patient_id"])
    own = _source_splits(exams["source_split"], keys, settings)
    known = run.read("splits", ["patient_key", "split"]).to_pandas()
    split_of = pd.Series(known["split"].to_numpy(), index=known["patient_key"])
    fresh = pd.Index(keys.unique()).difference(split_of.index)
    drawn = pd.Series(_drawn(fresh, settings), index=fresh, dtype=object)
    drawn.update(own[own.index.isin(fresh)])
    if len(fresh):
        rows = pa.table(
            {"patient_key": pa.array(fresh, pa.string()), "split": pa.array(drawn, pa.string())}
        )
        hashes = pa.chunked_array(
            [pa.array([hashlib.sha256(key.encode()).hexdigest() for key in fresh], pa.string())]
        )
        run.append("splits", whole(run, "splits", run.stamped(rows, "link", hashes)))
    return keys.map(pd.concat([split_of, drawn]))


def patient_keys(exam_ids: pd.Series, patient_ids: pd.Series) -> pd.Series:
    """Return what patients are told apart by: an exam without a patient is a patient of its own."""
    return patient_ids.where(patient_ids.notna(), "exam:" + exam_ids)


def _source_splits(splits: pd.Series, keys: pd.Series, settings: ManifestSettings) -> pd.Series:
    named = splits[splits.notna()]
    unknown = sorted(set(named) - set(settings.source_splits))
    if len(unknown) > _SPLIT_NAMES:
        raise UserError(
            f"the label file names {len(unknown):,} splits; is its split column the right one?"
        )
    if unknown:
        raise UserError(
            f"the label file names a split {unknown[0]!r}; say what it means with "
            f'[manifest] source_splits = {{ {unknown[0]} = "train" }}'
        )
    meant = named.map(settings.source_splits)
    of_patient = meant.groupby(keys[named.index])
    mixed = int((of_patient.nunique() > 1).sum())
    if mixed:
        raise UserError(
            f"the label file puts {mixed} patients into two splits; mend it, or leave its split "
            "column out to have patients split here"
        )
    return of_patient.first()


def _drawn(keys: Sequence[str], settings: ManifestSettings) -> np.ndarray:
    """Draw splits by a hash of the patient, so that they do not depend on who else is there.

    The hash has a prefix of its own: patients who were sampled by a plain hash of their id would
    else all fall into one split.
    """
    digests = b"".join(hashlib.sha256(f"split:{key}".encode()).digest()[:8] for key in keys)
    places = np.frombuffer(digests, dtype=">u8").astype(np.float64) / 2.0**64
    limits = np.cumsum([settings.train, settings.val])
    names = np.array(["train", "val", "test"], dtype=object)
    return names[np.searchsorted(limits, places, side="right")]
