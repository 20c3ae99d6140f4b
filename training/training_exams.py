"""The images and labels a model is trained on, and the measure that watches it."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluate import query_measures

_IMAGES_IN_DIGEST = 32


@dataclass(frozen=True)
class TrainingExams:
    """Images, targets and patients of all rows, and which of them train and validate."""

    pixels: Any
    """uint8 `(n, s, s)`."""
    targets: np.ndarray
    """float32 `(n, n_classes)` from 0 to 1, NaN where not known."""
    normal: np.ndarray
    """bool `(n,)`."""
    groups: np.ndarray
    """Integers `(n,)`, the patients."""
    train: np.ndarray
    """int64, rows."""
    validation: np.ndarray
    """int64, rows, of other patients."""

    @classmethod
    def checked(
        cls,
        pixels: Any,
        targets: np.ndarray,
        normal: np.ndarray,
        groups: np.ndarray,
        train_rows: np.ndarray,
        validation_rows: np.ndarray,
    ) -> "TrainingExams":
        """Check the arguments of `fit` against each other; raises `ValueError`."""
        train = np.asarray(train_rows, dtype=np.int64)
        validation = np.asarray(validation_rows, dtype=np.int64)
        groups = np.asarray(groups)
        lengths = {len(pixels), len(targets), len(normal), len(groups)}
        if len(lengths) > 1:
            raise ValueError(
                f"{len(pixels)} images, {len(targets)} targets, {len(normal)} normal flags and "
                f"{len(groups)} patients do not belong together"
            )
        if len(train) < 2:
            raise ValueError(f"training needs at least 2 images, not {len(train)}")
        if np.intersect1d(groups[train], groups[validation]).size:
            raise ValueError("a patient is in both the training and the validation rows")
        labels = np.asarray(targets, dtype=np.float32)
        known = labels[~np.isnan(labels)]
        if len(known) and (known.min() < 0 or known.max() > 1):
            raise ValueError("targets must lie in 0..1, or be NaN where not known")
        return cls(pixels, labels, np.asarray(normal, dtype=bool), groups, train, validation)

    def validation_ndcg(self, embeddings: np.ndarray) -> float:
        """Mean nDCG@10 of validation embeddings, leave-one-out and without the own patient."""
        rows = self.validation
        if len(rows) == 0:
            return math.nan
        groups = self.groups[rows]
        found = query_measures(
            embeddings, self.targets[rows] >= 1.0, self.normal[rows], groups, groups, ks=(10,)
        )["nDCG@10"]
        known = found[~np.isnan(found)]
        return float(known.mean()) if len(known) else math.nan

    def digest(self) -> str:
        """SHA-256 of labels, patients, rows and a few images as hex."""
        told = hashlib.sha256(str(len(self.pixels)).encode())
        for array in (self.targets, self.normal, self.groups, self.train, self.validation):
            told.update(np.ascontiguousarray(array).tobytes())
        # All pixels of a large set would take minutes to read.
        spread = np.linspace(0, len(self.train) - 1, _IMAGES_IN_DIGEST).astype(np.int64)
        told.update(np.ascontiguousarray(self.pixels[self.train[np.unique(spread)]]).tobytes())
        return told.hexdigest()
