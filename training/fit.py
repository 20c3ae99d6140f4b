"""Training an embedding model: the head on cached features, then the whole network.

With little data and no GPU the head is trained first, on features computed once. The whole
network is then fine-tuned from there, its batch statistics frozen, so that the head-only model is
exactly where fine-tuning starts. After each epoch the running mean of the weights is measured on
the validation rows; the state with the best nDCG@10 is kept, the head-only one being a candidate.
"""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.embed import Progress
from training.embedding_model import EmbeddingModel
from training.fit_settings import FitSettings
from training.processing_unit import ProcessingUnit
from training.run_state import RunState
from training.training_exams import TrainingExams
from training.training_log import TrainingLog
from training.training_run import Epoch, TrainingRun


@dataclass(frozen=True)
class FitResult:
    """A trained model and how it came about."""

    model: EmbeddingModel
    """The kept state, in evaluation mode."""
    history: list[Epoch]
    """All epochs, in order."""
    kept: Epoch
    """The epoch whose state was kept."""
    seconds: float
    """Wall-clock seconds in all, those before a kill included."""
    resumed: bool
    """Whether a killed run was gone on with."""


def fit(
    pixels: Any,
    targets: np.ndarray,
    normal: np.ndarray,
    groups: np.ndarray,
    train_rows: np.ndarray,
    validation_rows: np.ndarray,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
    *,
    class_similarity: np.ndarray | None = None,
    run_folder: Path | None = None,
    save_every: float = 60.0,
    log_folder: Path | None = None,
) -> FitResult:
    """Train an embedding model.

    The same input, settings and number of threads give the same model on the same machine, killed
    and resumed or not. The caller's random state is left as it was.

    Parameters
    ----------
    pixels
        uint8 `(n, s, s)`, in memory or memory-mapped; anything that an integer array indexes.
    targets
        float32 `(n, n_classes)` from 0 to 1 (`training_targets`), NaN where not known.
    normal
        bool `(n,)`.
    groups
        Integers `(n,)`, the patients; in validation no image is an answer to its own patient's.
    train_rows, validation_rows
        Integers, disjoint. Without validation rows the last state is kept.
    settings
        `FitSettings()` when None.
    progress
        Called with (images seen, images in all, what is being done).
    class_similarity
        `(n_classes, n_classes)`, see `LabelSimilarity`.
    run_folder
        Where the state of the run is saved; a run found there goes on. Nothing is saved when None.
    save_every
        Least seconds between two saved steps.
    log_folder
        Where figures are written for TensorBoard, if anywhere.

    Raises
    ------
    ValueError
        Arrays of different length, no training rows, a patient on both sides, or the state of
        another run in `run_folder`.
    """
    settings = settings or FitSettings()
    started = time.monotonic()
    exams = TrainingExams.checked(pixels, targets, normal, groups, train_rows, validation_rows)
    unit = ProcessingUnit(settings.accelerator, settings.precision)
    saved = None
    if run_folder is not None:
        made_of = _made_of(settings, exams, class_similarity)
        saved = RunState(run_folder, made_of, save_every, writes=unit.is_first)
    with (
        torch.random.fork_rng(devices=[]),
        TrainingLog(log_folder if unit.is_first else None) as log,
    ):
        torch.manual_seed(settings.seed)
        run = TrainingRun(exams, settings, unit, class_similarity, saved, log, progress)
        run.train_head()
        run.finetune()
        run.keep_best()
    seconds = saved.seconds if saved is not None else time.monotonic() - started
    return FitResult(run.model, run.history, run.history[run.kept], seconds, run.resumed)


def _made_of(
    settings: FitSettings, exams: TrainingExams, class_similarity: np.ndarray | None
) -> dict[str, Any]:
    """Return what a training's result depends on, as JSON can hold it."""
    told = dataclasses.asdict(settings)
    similar = None if class_similarity is None else np.asarray(class_similarity).tolist()
    return {
        "settings": {n: str(v) if isinstance(v, Path) else v for n, v in told.items()},
        "exams": exams.digest(),
        "class similarity": similar,
    }
