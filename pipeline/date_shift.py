"""Dates shifted per patient: none is true any more, order and intervals within a patient are."""

import hmac
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.pseudonyms import Pseudonymiser
from pipeline.user_error import UserError

MOST_DAYS = 365
_DAY = timedelta(days=1) // timedelta(microseconds=1)


class DateShift:
    """Shifts exam times by whole days, 1 to `MOST_DAYS` earlier or later, drawn per patient.

    The draw is an HMAC of the patient's pseudonym with a key derived from the site's, so it is the
    same in every delivery and nobody without the key can undo it. An exam without a patient is its
    own patient, as everywhere in RadSim.

    Raises
    ------
    UserError
        The site has no key.
    """

    def __init__(self, pseudonymiser: Pseudonymiser) -> None:
        key = pseudonymiser.derived_key("date shift")
        if key is None:
            raise UserError(
                "[privacy] shift_dates needs the site's key; name it with [privacy] key_file or "
                "RADSIM_PSEUDONYM_KEY"
            )
        self._key = key

    def days(self, patient: str) -> int:
        """Return by how many days the dates of a patient (pseudonym) are shifted; never 0."""
        drawn = int.from_bytes(hmac.digest(self._key, patient.encode(), "sha256")[:8], "big")
        days = drawn % (2 * MOST_DAYS) - MOST_DAYS
        return days if days < 0 else days + 1

    def shifted(self, reports: pa.Table) -> pa.Table:
        """Return reports (exam_id, patient_id, exam_time, told_at) with times shifted.

        What is null stays.
        """
        patients = pc.coalesce(reports["patient_id"], reports["exam_id"]).combine_chunks()
        coded = patients.dictionary_encode()
        by_patient = np.array([self.days(p) for p in coded.dictionary.to_pylist()], np.int64)
        moved = pa.array(by_patient[coded.indices.to_numpy()] * _DAY)
        for name in ("exam_time", "told_at"):
            times = reports[name]
            shifted = pc.add(times.cast(pa.int64()).combine_chunks(), moved).cast(times.type)
            reports = reports.set_column(reports.column_names.index(name), name, shifted)
        return reports
