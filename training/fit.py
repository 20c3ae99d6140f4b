"""Training an embedding model: the head on cached features, then the whole network.

With little data and no GPU the head is trained first, on features computed once. The whole
network is then fine-tuned from there, its batch statistics frozen, so that the head-only model is
exactly where fine-tuning starts. After each epoch the running mean of the weights is measured on
the validation rows; the state with the best nDCG@10 is kept, the head-only one being a candidate.
"""

import copy
import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.embed import Progress, embed
from training.embedding_model import EmbeddingModel, untrained_model
from training.feature_views import feature_views
from training.fine_tuning import finetune_phase
from training.fit_settings import FitSettings
from training.head_training import feature_scale, head_phase, loss_of
from training.processing_unit import ProcessingUnit
from training.run_state import Position, RunState
from training.training_exams import TrainingExams
from training.training_log import TrainingLog
from training.training_phase import Course, each_epoch, train_phase


@dataclass(frozen=True)
class Epoch:
    """What an epoch of training gave."""

    phase: str
    """`head` (one entry for all its passes) or `finetune`."""
    epoch: int
    """Passes of its phase so far."""
    loss: float
    """Mean training loss; NaN without a training step."""
    validation_ndcg: float
    """nDCG@10 on the validation rows; NaN when not measured."""
    images_per_second: float
    """Training images (head: cached features) per second of training steps."""
    loader_wait: float
    """Share of that time in which the network waited for its input."""


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
    exams = TrainingExams.checked(pixels, targets, normal, groups, train_rows, validation_rows)
    saved = None
    if run_folder is not None:
        made_of = {"settings": _told(settings), "exams": exams.digest()}
        saved = RunState(run_folder, made_of, save_every)
    with torch.random.fork_rng(devices=[]), TrainingLog(log_folder) as log:
        torch.manual_seed(settings.seed)
        run = _Run(exams, settings, class_similarity, saved, log, progress)
        run.train_head()
        run.finetune()
        return run.result()


class _Run:
    """One training as it goes on: the model, where it stands, what was best."""

    def __init__(
        self,
        exams: TrainingExams,
        settings: FitSettings,
        class_similarity: np.ndarray | None,
        saved: RunState | None,
        log: TrainingLog,
        progress: Progress | None,
    ) -> None:
        self.exams, self.settings, self.saved, self.log = exams, settings, saved, log
        self.started = time.perf_counter()
        self.unit = ProcessingUnit(settings.accelerator, settings.precision)
        self.model = untrained_model(
            settings.backbone,
            settings.dim,
            settings.image_size,
            settings.seed,
            settings.weights,
        ).to(memory_format=torch.channels_last)
        self.model.to(self.unit.device)
        # Batch statistics stay frozen throughout: batches of 64 are a poor estimate of them.
        self.model.eval()
        self.targets, self.normal = exams.targets[exams.train], exams.normal[exams.train]
        self.loss = loss_of(self.targets, settings, class_similarity).to(self.unit.device)
        self.position = Position("head")
        self.resumed = saved is not None and saved.position is not None
        if saved is not None and saved.position is not None:
            self.position = saved.position
            saved.restore(model=self.model)
        self.history = [Epoch(**epoch) for epoch in self.position.history]
        self.kept = self.position.kept
        self.best: dict[str, torch.Tensor] = {}
        if self.history and saved is not None:
            self.best = saved.best()
        self.progress = progress
        self.n_features = len(exams.train) * settings.feature_views + len(exams.validation)
        self.total = self.n_features + settings.finetune_epochs * len(exams.train)

    def report(self, done: int, text: str) -> None:
        """Tell how many images are done in all."""
        if self.progress and self.unit.is_first:
            self.progress(min(done, self.total), self.total, text)

    def course(self, counts: bool) -> Course:
        """Return what accompanies a phase; its passes count as progress or not."""

        def note(done: int, text: str) -> None:
            self.report(self.n_features + done * counts, text)

        return Course(self.unit, self.saved, self.log, note, self.model)

    def train_head(self) -> None:
        """Train the head on features computed once, unless that is done."""
        if self.position.phase != "head":
            return
        rows, settings = self.exams.train, self.settings
        views = feature_views(
            self.model,
            self.exams.pixels,
            rows,
            settings.feature_views,
            settings.seed,
            settings.batch_size,
            lambda done, _, text: self.report(done, text),
        )
        held_out = feature_views(
            self.model,
            self.exams.pixels,
            self.exams.validation,
            batch_size=settings.batch_size,
            progress=lambda done, _, text: self.report(views[:, :, 0].size + done, text),
        )[0]
        scale = feature_scale(views)
        self.model.feature_mean.copy_(torch.from_numpy(scale[0]))
        self.model.feature_std.copy_(torch.from_numpy(scale[1]))
        phase = head_phase(self.model.head, views, scale, settings)
        course = self.course(counts=False)
        epochs = train_phase(
            phase, self.loss, self.targets, self.normal, settings, course, self.position
        )
        passed = list(each_epoch(epochs, "head"))
        loss, speed, wait = math.nan, 0.0, 0.0
        if passed:
            loss = passed[-1].loss
            speed = float(np.mean([epoch.images_per_second for epoch in passed]))
            wait = float(np.mean([epoch.loader_wait for epoch in passed]))
        with torch.no_grad():
            features = torch.from_numpy(held_out).to(self.unit.device)
            embeddings = self.model.embed_features(features).float().cpu().numpy()
        ndcg = self.exams.validation_ndcg(embeddings)
        self._measured(Epoch("head", settings.head_epochs, loss, ndcg, speed, wait))
        self._stands(0)

    def finetune(self) -> None:
        """Train the whole network; keep what is best on the validation rows."""
        settings = self.settings
        if settings.finetune_epochs == 0:
            return
        phase = finetune_phase(self.model, self.exams, settings)
        course = self.course(counts=True)
        epochs = train_phase(
            phase, self.loss, self.targets, self.normal, settings, course, self.position
        )
        # An early stop: the run was killed after its last epoch was measured.
        if self._is_over(self.position.epoch):
            return
        try:
            passed, mean = next(epochs)
            while True:
                with mean.in_place():
                    found = embed(
                        self.model, self.exams.pixels, self.exams.validation, settings.batch_size
                    )
                    ndcg = self.exams.validation_ndcg(found)
                    self._measured(
                        Epoch("finetune", validation_ndcg=ndcg, **dataclasses.asdict(passed))
                    )
                if self._is_over(passed.epoch):
                    epochs.close()
                    break
                passed, mean = epochs.send(self._stands(passed.epoch, save=False))
        except StopIteration:
            pass

    def result(self) -> FitResult:
        """Return the kept state."""
        self.model.load_state_dict(self.best)
        self.model.requires_grad_(True)
        self.report(self.total, "done")
        return FitResult(
            self.model,
            self.history,
            self.history[self.kept],
            self._seconds(),
            self.resumed,
        )

    def _measured(self, epoch: Epoch) -> None:
        """Take in an epoch; keep the model's present state if it is the best."""
        self.history.append(epoch)
        step = 0 if epoch.phase == "head" else epoch.epoch
        self.log.write(step, **{"validation__nDCG at 10": epoch.validation_ndcg})
        best = self.history[self.kept].validation_ndcg
        # Also true without a measure: then the last state is kept.
        if len(self.history) == 1 or math.isnan(best) or epoch.validation_ndcg > best:
            self.kept = len(self.history) - 1
            self.best = copy.deepcopy(self.model.state_dict())
            if self.saved is not None and self.unit.is_first:
                self.saved.save_best(self.model)

    def _is_over(self, epoch: int) -> bool:
        """Whether fine-tuning has gone `patience` epochs without a better measure."""
        kept = self.history[self.kept]
        last_better = kept.epoch if kept.phase == "finetune" else 0
        return epoch - last_better >= self.settings.patience

    def _stands(self, epoch: int, save: bool = True) -> Position:
        """Return where the run stands after `epoch` passes of fine-tuning."""
        self.position = Position(
            "finetune",
            epoch,
            history=[dataclasses.asdict(done) for done in self.history],
            kept=self.kept,
            seconds=self._seconds(),
        )
        if save and self.saved is not None and self.unit.is_first:
            self.saved.save(self.position, model=self.model, loss=self.loss)
        return self.position

    def _seconds(self) -> float:
        before = self.saved.position.seconds if self.saved and self.saved.position else 0.0
        return before + time.perf_counter() - self.started


def _told(settings: FitSettings) -> dict[str, Any]:
    """Return the settings as JSON can hold them."""
    return {name: _plain(value) for name, value in dataclasses.asdict(settings).items()}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
