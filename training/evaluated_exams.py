"""The exams (or images) that an embedding is judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.candidates import Candidates
from training.label_similarity import LabelSets, distinct_label_sets


@dataclass(frozen=True)
class EvaluatedExams:
    """The evaluated exams, or a part of them; all arrays have length n."""

    embeddings: np.ndarray
    """float32 `(n, d)`, of unit length."""
    labels: np.ndarray
    """bool `(n, n_classes)`."""
    normal: np.ndarray
    """bool `(n,)`."""
    exams: np.ndarray
    """int64 `(n,)`, codes."""
    patients: np.ndarray
    """int64 `(n,)`, codes."""

    def only(self, kept: np.ndarray) -> "EvaluatedExams":
        """Return the exams where `kept` is true."""
        return EvaluatedExams(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    @property
    def abnormal(self) -> np.ndarray:
        """Exams with a label, bool `(n,)`."""
        return np.asarray(self.labels.any(axis=1))

    @property
    def label_sets(self) -> LabelSets:
        """Their distinct label sets."""
        return distinct_label_sets(self.labels, self.normal)

    def groups(self, exclude_patient: bool) -> list[np.ndarray]:
        """Codes in which two exams that agree are not each other's neighbours."""
        return [self.exams, *([self.patients] if exclude_patient else [])]

    def candidates(self, sets: LabelSets, exclude_patient: bool) -> Candidates:
        """Return the candidates of each exam among the others."""
        exclusions = [(group, group) for group in self.groups(exclude_patient)]
        return Candidates(sets.codes, sets.codes, sets.similarity, exclusions)


def group_codes(
    exam_ids: Sequence[Any], patient_ids: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of exams and patients, int64 `(n,)`; a missing patient is its exam's own."""
    _, exams = np.unique(np.asarray([str(exam) for exam in exam_ids]), return_inverse=True)
    # The mark keeps a patient id from being taken for an exam id.
    names = [
        f"exam:{exam}" if patient is None or patient != patient else f"patient:{patient}"
        for exam, patient in zip(exam_ids, patient_ids, strict=True)
    ]
    _, patients = np.unique(np.asarray(names), return_inverse=True)
    return exams.astype(np.int64), patients.astype(np.int64)
