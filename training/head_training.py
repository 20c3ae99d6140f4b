"""Training the head on cached features: seconds where the whole network takes hours."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.embed import Progress
from training.fit_settings import FitSettings
from training.label_similarity import LabelSimilarity, rarity_weights
from training.losses.by_name import loss_by_name
from training.processing_unit import ProcessingUnit
from training.run_state import Position
from training.training_phase import Course, Phase, each_epoch, train_phase


@dataclass(frozen=True)
class TrainedHead:
    """A linear head and the scale of the features it was trained on."""

    feature_mean: np.ndarray
    """float32 `(n_features,)`."""
    feature_std: np.ndarray
    """float32 `(n_features,)`."""
    weight: np.ndarray
    """float32 `(dim, n_features)`."""
    bias: np.ndarray
    """float32 `(dim,)`."""
    loss: float
    """Mean training loss of the last epoch; NaN without one."""

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Return embeddings float32 `(n, dim)` of unit length of raw features `(n, n_features)`."""
        standard = (features - self.feature_mean) / self.feature_std
        found = standard @ self.weight.T + self.bias
        length = np.linalg.norm(found, axis=1, keepdims=True)
        embeddings: np.ndarray = (found / np.maximum(length, 1e-12)).astype(np.float32)
        return embeddings


class _Dropped(nn.Module):
    """A head that does not see a random share of the features at each step."""

    def __init__(self, head: nn.Linear, dropout: float) -> None:
        super().__init__()
        self.head = head
        self.dropout = dropout

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(functional.dropout(features, self.dropout))
        return found


def feature_scale(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation float32 `(n_features,)` of features `(..., n_features)`.

    The deviation is at least a tenth of the mean one: a feature that hardly varies must not be
    blown up to unit variance.
    """
    flat = features.reshape(-1, features.shape[-1])
    mean, std = flat.mean(axis=0), flat.std(axis=0)
    least = max(0.1 * float(std.mean()), 1e-6)
    return mean.astype(np.float32), np.maximum(std, least).astype(np.float32)


def head_phase(
    head: nn.Linear, views: np.ndarray, scale: tuple[np.ndarray, np.ndarray], settings: FitSettings
) -> Phase:
    """Return the phase that trains `head` on raw features `(n_views, n, n_features)`, in place.

    Each step draws a view for each exam at random.
    """
    mean, std = scale

    def inputs(rows: np.ndarray, seed: int) -> torch.Tensor:
        drawn = np.random.default_rng(seed).integers(0, len(views), len(rows))
        return torch.from_numpy((views[drawn, rows] - mean) / std)

    return Phase(
        name="head",
        number=0,
        epochs=settings.head_passes(views.shape[1]),
        batch_size=settings.head_batch_size,
        network=_Dropped(head, settings.feature_dropout),
        rates=[(head, settings.head_learning_rate)],
        inputs=inputs,
        ema_decay=0.0,
    )


def loss_of(
    targets: np.ndarray, settings: FitSettings, class_similarity: np.ndarray | None = None
) -> nn.Module:
    """Return the loss that the settings name, for training targets `(n, n_classes)`."""
    labels = torch.from_numpy(targets)
    weights = rarity_weights(labels) if settings.class_weighting == "rarity" else None
    similar = None if class_similarity is None else torch.from_numpy(class_similarity).float()
    similarity = LabelSimilarity(
        settings.normals_similar, weights, similar, settings.uncertain_weight
    )
    return loss_by_name(
        settings.loss, targets.shape[1], settings.dim, similarity, **settings.loss_options
    )


def train_head(
    features: np.ndarray,
    targets: np.ndarray,
    normal: np.ndarray,
    settings: FitSettings,
    loss: nn.Module | None = None,
    progress: Progress | None = None,
) -> TrainedHead:
    """Train a head on features alone, without images.

    Parameters
    ----------
    features
        Raw backbone features `(n, n_features)`, or `(n_views, n, n_features)` from `feature_views`.
    targets
        `(n, n_classes)` from 0 to 1, NaN where not known.
    normal
        bool `(n,)`.
    settings
        Those of the head, the loss and the seed are used.
    loss
        Takes (embeddings, targets, normal); that of the settings when None.
    progress
        Called with (exams seen, exams in all, what is being done).

    Raises `ValueError` for arrays of different length.
    """
    views = features[None] if features.ndim == 2 else features
    targets = np.asarray(targets, dtype=np.float32)
    normal = np.asarray(normal, dtype=bool)
    if not views.shape[1] == len(targets) == len(normal):
        raise ValueError(
            f"features of {views.shape[1]} exams, {len(targets)} targets and {len(normal)} normal "
            "flags do not belong together"
        )
    total = settings.head_passes(len(targets)) * len(targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        head = nn.Linear(views.shape[2], settings.dim)
        scale = feature_scale(views)
        phase = head_phase(head, views, scale, settings)
        course = Course(ProcessingUnit("cpu"))
        last = float("nan")
        epochs = train_phase(
            phase,
            loss or loss_of(targets, settings),
            targets,
            normal,
            settings,
            course,
            Position("head"),
        )
        for passed in each_epoch(epochs, phase.name):
            last = passed.loss
            if progress:
                progress(passed.epoch * len(targets), total, "head")
    weight, bias = (p.detach().numpy().copy() for p in (head.weight, head.bias))
    return TrainedHead(*scale, weight, bias, last)
