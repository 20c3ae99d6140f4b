"""The course of one training: the head, then the whole network, the best state kept."""

import copy
import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch

from training.augmentation import Augmentation
from training.embed import Progress, embed
from training.embedding_model import untrained_model
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


class TrainingRun:
    """One training as it goes on: the model, where it stands, what was best.

    Parameters
    ----------
    exams
        Images, labels and which of them train.
    settings
        As of `fit`.
    unit
        Where it computes.
    class_similarity
        As of `fit`.
    saved
        The state it begins from and is saved to, if any.
    log, progress
        Who is told of its course.

    Attributes
    ----------
    model
        What is trained.
    history
        Measured epochs so far.
    kept
        Which of them is the best.
    resumed
        Whether it began from a saved step.
    """

    def __init__(
        self,
        exams: TrainingExams,
        settings: FitSettings,
        unit: ProcessingUnit,
        class_similarity: np.ndarray | None,
        saved: RunState | None,
        log: TrainingLog,
        progress: Progress | None,
    ) -> None:
        self.exams, self.settings, self.unit = exams, settings, unit
        self.saved, self.log, self.progress = saved, log, progress
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
        views = self._features("train", rows, settings.feature_views, 0)
        held_out = self._features("validation", self.exams.validation, 1, views[:, :, 0].size)[0]
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
        self._measured(Epoch("head", phase.epochs, loss, ndcg, speed, wait))
        self._stands(0)
        if self.saved is not None:
            self.saved.drop_features()

    def _features(self, name: str, rows: np.ndarray, n_views: int, before: int) -> np.ndarray:
        """Compute features of some rows, `before` images into the training; see `feature_views`."""
        with self.unit.autocast():
            return feature_views(
                self.model,
                self.exams.pixels,
                rows,
                n_views,
                self.settings.seed,
                self.settings.batch_size,
                lambda done, _, text: self.report(before + done, text),
                Augmentation(mirror=self.settings.mirror),
                keep_in=self.saved.features_file(name) if self.saved else None,
            )

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

    def keep_best(self) -> None:
        """Give the model its best state."""
        self.model.load_state_dict(self.best)
        self.model.requires_grad_(True)
        self.report(self.total, "done")

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
            if self.saved is not None:
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
        )
        if save and self.saved is not None:
            self.saved.save(self.position, model=self.model, loss=self.loss)
        return self.position
