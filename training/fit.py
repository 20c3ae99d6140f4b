"""Training an embedding model: the head on cached features, then the whole network.

With little data and no GPU the head is trained first, on features computed once. The whole
network is then fine-tuned from there, its batch statistics frozen, so that the head-only model is
exactly where fine-tuning starts. After each epoch the running mean of the weights is measured on
the validation rows; the state with the best nDCG@10 is kept, the head-only one being a candidate.
"""

import copy
import math
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.augmentation import Augmentation
from training.embed import Progress, embed, load_images, load_pixels
from training.embedding_model import EmbeddingModel, untrained_model
from training.evaluate import query_measures
from training.fit_settings import FitSettings
from training.label_similarity import LabelSimilarity
from training.learning_rate import warmup_cosine
from training.losses.ml2 import ML2Loss
from training.sampler import balanced_batches
from training.weight_average import WeightAverage


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
    """Wall-clock seconds in all."""


@dataclass(frozen=True)
class _Exams:
    """The images and labels of all rows, and which of them train and validate."""

    pixels: Any
    targets: np.ndarray
    normal: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    validation: np.ndarray

    def validation_ndcg(self, embeddings: np.ndarray) -> float:
        """Mean nDCG@10 of validation embeddings, leave-one-out and without the own group."""
        rows = self.validation
        if len(rows) == 0:
            return math.nan
        groups = self.groups[rows]
        found = query_measures(
            embeddings, self.targets[rows] >= 1.0, self.normal[rows], groups, groups, ks=(10,)
        )["nDCG@10"]
        known = found[~np.isnan(found)]
        return float(known.mean()) if len(known) else math.nan


def fit(
    pixels: Any,
    targets: np.ndarray,
    normal: np.ndarray,
    groups: np.ndarray,
    train_rows: np.ndarray,
    validation_rows: np.ndarray,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Train an embedding model.

    The same input, settings and number of threads give the same model on the same machine. The
    caller's random state is left as it was.

    Parameters
    ----------
    pixels
        uint8 `(n, s, s)`, in memory or memory-mapped; anything that an integer array indexes.
    targets
        float32 `(n, n_classes)` from 0 to 1 (`training_targets`).
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

    Raises
    ------
    ValueError
        Arrays of different length, no training rows, shared rows, or a patient on both sides.
    """
    settings = settings or FitSettings()
    exams = _checked(pixels, targets, normal, groups, train_rows, validation_rows)
    started = time.perf_counter()
    n_cached = len(exams.train) + len(exams.validation)
    total = n_cached + settings.finetune_epochs * len(exams.train)

    def report(done: int, _: int, note: str) -> None:
        if progress:
            progress(min(done, total), total, note)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = untrained_model(
            settings.backbone, settings.dim, settings.image_size, settings.seed
        ).to(memory_format=torch.channels_last)
        # Batch statistics stay frozen throughout: batches of 64 are a poor estimate of them.
        model.eval()
        history = [_train_head(model, exams, settings, report)]
        kept, state = history[0], copy.deepcopy(model.state_dict())
        # Closed before the kept state is loaded: closing puts the last step's weights back.
        with closing(_finetune(model, exams, settings, n_cached, report)) as epochs:
            for epoch in epochs:
                history.append(epoch)
                best = kept.validation_ndcg
                # Also true without a measure: then the last state is kept.
                if math.isnan(best) or epoch.validation_ndcg > best:
                    kept, state = epoch, copy.deepcopy(model.state_dict())
                last_better = kept.epoch if kept.phase == "finetune" else 0
                if epoch.epoch - last_better >= settings.patience:
                    break
        model.load_state_dict(state)
        model.requires_grad_(True)
    report(total, total, "done")
    return FitResult(model, history, kept, time.perf_counter() - started)


def _checked(
    pixels: Any,
    targets: np.ndarray,
    normal: np.ndarray,
    groups: np.ndarray,
    train_rows: np.ndarray,
    validation_rows: np.ndarray,
) -> _Exams:
    """Check the arguments of `fit` against each other."""
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
    return _Exams(
        pixels,
        np.asarray(targets, dtype=np.float32),
        np.asarray(normal, dtype=bool),
        groups,
        train,
        validation,
    )


def _train_head(
    model: EmbeddingModel, exams: _Exams, settings: FitSettings, report: Progress
) -> Epoch:
    """Train the head on features computed once, in place."""
    rows = np.concatenate([exams.train, exams.validation])
    parts = []
    for start in range(0, len(rows), settings.batch_size):
        with torch.no_grad():
            images = load_images(exams.pixels, rows[start : start + settings.batch_size], model)
            parts.append(model.backbone(images))
        report(start + len(images), 0, "features")
    features, held_out = torch.cat(parts).split([len(exams.train), len(exams.validation)])
    model.set_feature_scale(features)
    features = (features - model.feature_mean) / model.feature_std

    targets = torch.from_numpy(exams.targets[exams.train])
    normal = torch.from_numpy(exams.normal[exams.train])
    loss_of = _loss(settings)
    optimiser = _optimiser([(model.head, settings.head_learning_rate)], settings)
    started = time.perf_counter()
    loss, seen = math.nan, 0
    for epoch in range(settings.head_epochs):
        batches = _batches(exams, settings, settings.head_batch_size, epoch)
        losses = []
        for number, batch in enumerate(batches):
            share = (epoch + number / len(batches)) / settings.head_epochs
            chosen = torch.from_numpy(batch)
            dropped = functional.dropout(features[chosen], settings.feature_dropout)
            value = loss_of(model.head(dropped), targets[chosen], normal[chosen])
            _step(optimiser, value, share, settings)
            losses.append(float(value.detach()))
            seen += len(batch)
        loss = float(np.mean(losses))
    seconds = time.perf_counter() - started
    with torch.no_grad():
        embeddings = model.embed_features(held_out).numpy()
    return Epoch(
        "head",
        settings.head_epochs,
        loss,
        exams.validation_ndcg(embeddings),
        seen / max(seconds, 1e-9),
    )


def _finetune(
    model: EmbeddingModel, exams: _Exams, settings: FitSettings, done: int, report: Progress
) -> Generator[Epoch, None, None]:
    """Train the whole network, in place; at each yield the model holds the mean weights."""
    loss_of = _loss(settings)
    model.backbone.freeze(settings.frozen_stages)
    optimiser = _optimiser(
        [
            (model.backbone, settings.backbone_learning_rate),
            (model.head, settings.finetune_head_learning_rate),
        ],
        settings,
    )
    mean = WeightAverage(model, settings.ema_decay)
    vary = Augmentation()
    generator = torch.Generator().manual_seed(settings.seed)
    for epoch in range(settings.finetune_epochs):
        batches = _batches(exams, settings, settings.batch_size, settings.head_epochs + epoch)
        losses = []
        started = time.perf_counter()
        for number, batch in enumerate(batches):
            share = (epoch + number / len(batches)) / settings.finetune_epochs
            rows = exams.train[batch]
            images = vary(load_pixels(exams.pixels, rows), settings.image_size, generator)
            features = model.backbone(images.contiguous(memory_format=torch.channels_last))
            standard = (features - model.feature_mean) / model.feature_std
            embeddings = model.head(functional.dropout(standard, settings.finetune_dropout))
            value = loss_of(
                embeddings,
                torch.from_numpy(exams.targets[rows]),
                torch.from_numpy(exams.normal[rows]),
            )
            _step(optimiser, value, share, settings)
            mean.update()
            losses.append(float(value.detach()))
            passed = round((number + 1) / len(batches) * len(exams.train))
            report(done + passed, 0, f"fine-tuning, epoch {epoch + 1}")
        seconds = time.perf_counter() - started
        done += len(exams.train)
        seen = sum(len(batch) for batch in batches)
        with mean.in_place():
            found = embed(model, exams.pixels, exams.validation, settings.batch_size)
            yield Epoch(
                "finetune",
                epoch + 1,
                float(np.mean(losses)),
                exams.validation_ndcg(found),
                seen / max(seconds, 1e-9),
            )


def _loss(settings: FitSettings) -> ML2Loss:
    labels = LabelSimilarity(normals_similar=settings.normals_similar)
    return ML2Loss(labels, settings.margin, settings.temperature)


def _batches(exams: _Exams, settings: FitSettings, batch_size: int, epoch: int) -> list[np.ndarray]:
    """Batches of positions within the training rows."""
    return balanced_batches(
        exams.targets[exams.train],
        exams.normal[exams.train],
        batch_size,
        settings.per_class,
        settings.normal_share,
        settings.seed,
        epoch,
    )


def _optimiser(
    parts: list[tuple[nn.Module, float]], settings: FitSettings
) -> torch.optim.Optimizer:
    """AdamW; vectors (biases, normalisation) are not decayed."""
    groups = []
    for module, rate in parts:
        for decayed in (True, False):
            trained = [p for p in module.parameters() if p.requires_grad]
            chosen = [p for p in trained if (p.ndim > 1) == decayed]
            decay = settings.weight_decay if decayed else 0.0
            groups.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay})
    return torch.optim.AdamW([group for group in groups if group["params"]])


def _step(
    optimiser: torch.optim.Optimizer, loss: torch.Tensor, share: float, settings: FitSettings
) -> None:
    """Take one step at `share` (0 to 1) of the training."""
    factor = warmup_cosine(share, settings.warmup_share)
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    nn.utils.clip_grad_norm_(weights, settings.clip_norm)
    optimiser.step()
