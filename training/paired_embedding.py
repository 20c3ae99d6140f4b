"""One space for corresponding exams seen in two ways: two views, or image and text.

Each of the two, a *side*, has given features; a linear stem a side maps them to unit vectors of
one space, in which a side's exam is to be nearest to the same exam of the other side.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.label_similarity import LabelSimilarity


@dataclass(frozen=True)
class PairedSettings:
    """Settings of `fit_paired`."""

    dim: int = 64
    """Length of the common embedding."""
    temperature: float = 0.1
    """Temperature of the contrastive loss."""
    label_share: float = 0.0
    """Share of each row of the loss's target that goes to exams by label similarity, see
    `paired_loss`."""
    epochs: int = 60
    """Passes over the exams."""
    batch_size: int = 256
    """Exams in a batch; each is contrasted with all others of its batch."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW; it falls as a cosine."""
    weight_decay: float = 1e-2
    """Of AdamW, on the stems' matrices."""
    dropout: float = 0.5
    """Share of features hidden in a step."""
    seed: int = 0
    """Of initial weights, batches, dropout and the choice of feature views."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if min(self.dim, self.epochs) < 1 or self.batch_size < 2:
            raise ValueError("dim and epochs must be at least 1, batch_size at least 2")
        if not self.temperature > 0 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise ValueError(
                "temperature and learning_rate must be above 0; weight_decay not negative"
            )
        if not 0.0 <= self.label_share <= 1.0 or not 0.0 <= self.dropout < 1.0:
            raise ValueError("label_share must lie in 0..1, dropout in 0..1, below 1")


@dataclass(frozen=True)
class Stem:
    """A linear map of standardised features.

    Attributes
    ----------
    mean, std
        float32 `(n_features,)`, of the training exams.
    weight
        float32 `(dim, n_features)`.
    """

    mean: np.ndarray
    std: np.ndarray
    weight: np.ndarray

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Return the embeddings of features `(n, n_features)`, float32 `(n, dim)`, unit length."""
        mapped = ((features - self.mean) / self.std) @ self.weight.T
        lengths = np.linalg.norm(mapped, axis=1, keepdims=True)
        return cast(np.ndarray, (mapped / np.maximum(lengths, 1e-12)).astype(np.float32))


@dataclass(frozen=True)
class PairedEmbedding:
    """Two stems into one space."""

    first: Stem
    second: Stem


def paired_loss(
    first: torch.Tensor,
    second: torch.Tensor,
    temperature: float = 0.1,
    similarity: torch.Tensor | None = None,
    left_out: torch.Tensor | None = None,
    label_share: float = 0.0,
) -> torch.Tensor:
    """Symmetrised contrastive loss of a batch of corresponding exams.

    With s_ij = a_i·b_j / T of unit vectors and targets q (rows sum to 1),

        L = ½·mean_i [ −Σ_j q_ij log softmax_j(s_ij) ] + ½·mean_j [ −Σ_i q_ji log softmax_i(s_ij) ]

    **Source.** InfoNCE (van den Oord et al. 2018), symmetrised over the two directions as in CLIP
    (Radford et al. 2021); there q is the identity: the own exam.

    **Our reading.** Soft targets q_ij = (1 − w)·[i = j] + w·J_ij / Σ_j J_ij, with J the similarity
    of label sets (J_ii = 1) and w the `label_share`, so that exams with the same labels are not
    pushed apart.

    Parameters
    ----------
    first, second
        `(b, d)`, any floating type; brought to unit length here, computed in float32.
    temperature
        T.
    similarity
        `(b, b)`, 0 to 1: J.
    left_out
        bool `(b, b)`: pairs that are neither right nor wrong (another exam of the same patient,
        unknown label similarity). The own exam is never left out.
    label_share
        w, 0 to 1; needs `similarity`.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"sides of shape {tuple(first.shape)} and {tuple(second.shape)}")
    with torch.autocast(device_type=first.device.type, enabled=False):
        a = functional.normalize(first.float(), dim=1, eps=1e-6)
        b = functional.normalize(second.float(), dim=1, eps=1e-6)
        scores = a @ b.T / temperature
        own = torch.eye(len(scores), device=scores.device)
        target = own
        ignored = torch.zeros_like(own, dtype=torch.bool)
        if left_out is not None:
            ignored = (left_out | left_out.T) & ~own.bool()
        if label_share > 0:
            if similarity is None:
                raise ValueError("label_share needs the similarity of the labels")
            alike = torch.maximum(similarity.float(), own).masked_fill(ignored, 0.0)
            target = (1 - label_share) * own + label_share * alike / alike.sum(1, keepdim=True)
        # A finite stand-in for −∞, whose product with a target of 0 would be NaN.
        scores = scores.masked_fill(ignored, -1e4)
        forth = -(target * functional.log_softmax(scores, dim=1)).sum(dim=1).mean()
        back = -(target * functional.log_softmax(scores.T, dim=1)).sum(dim=1).mean()
        return 0.5 * (forth + back)


def fit_paired(
    first: np.ndarray,
    second: np.ndarray,
    settings: PairedSettings | None = None,
    targets: np.ndarray | None = None,
    normal: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> PairedEmbedding:
    """Train the two stems on corresponding exams.

    The same input, settings and number of threads give the same stems on the same machine; the
    caller's random state is left as it was.

    Parameters
    ----------
    first, second
        float32 `(n, f1)` and `(n, f2)`, row i of both the same exam; or `(n_views, n, f)`: features
        under random variations of the image, of which each step draws one an exam (the jitter of
        alignment), the first being the unvaried one.
    settings
        `PairedSettings()` when None.
    targets, normal
        `(n, n_classes)` from 0 to 1 and bool `(n,)`: needed with `label_share`.
    groups
        Integers `(n,)`, the patients: other exams of the same patient are left out of the loss.

    Raises
    ------
    ValueError
        The sides differ in length, or a share of labels without labels is asked for.
    """
    settings = settings or PairedSettings()
    sides = [np.asarray(side, np.float32) for side in (first, second)]
    sides = [side[np.newaxis] if side.ndim == 2 else side for side in sides]
    n_exams = sides[0].shape[1]
    if sides[1].shape[1] != n_exams or n_exams < 2:
        raise ValueError(f"{n_exams} exams on one side, {sides[1].shape[1]} on the other")
    if settings.label_share > 0 and targets is None:
        raise ValueError("label_share is above 0 but there are no targets")
    scales = [_scale(side[0]) for side in sides]
    views = [
        torch.from_numpy((side - mean) / std)
        for side, (mean, std) in zip(sides, scales, strict=True)
    ]
    labels = None if targets is None else torch.from_numpy(np.asarray(targets, np.float32))
    normals = None if normal is None else torch.from_numpy(np.asarray(normal, bool))
    patients = None if groups is None else torch.from_numpy(np.asarray(groups))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        stems = [nn.Linear(side.shape[2], settings.dim, bias=False) for side in views]
        if views[0].shape[2] == views[1].shape[2]:
            # Features of one kind are near across the sides from the start: one random projection
            # of both keeps that, and training moves on from it.
            stems[1].load_state_dict(stems[0].state_dict())
        weights = [stem.weight for stem in stems]
        optimiser = torch.optim.AdamW(
            weights, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        n_batches = max(1, round(n_exams / settings.batch_size))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimiser, settings.epochs * n_batches
        )
        for _ in range(settings.epochs):
            for rows in torch.randperm(n_exams).tensor_split(n_batches):
                mapped = []
                for stem, side in zip(stems, views, strict=True):
                    drawn = side[torch.randint(len(side), (len(rows),)), rows]
                    mapped.append(stem(functional.dropout(drawn, settings.dropout)))
                similarity, left_out = None, torch.zeros(len(rows), len(rows), dtype=torch.bool)
                if settings.label_share > 0 and labels is not None:
                    pairs = LabelSimilarity()(
                        labels[rows], None if normals is None else normals[rows]
                    )
                    similarity, left_out = pairs.similarity, ~pairs.known
                if patients is not None:
                    left_out = left_out | (patients[rows][:, None] == patients[rows][None, :])
                loss = paired_loss(
                    mapped[0],
                    mapped[1],
                    settings.temperature,
                    similarity,
                    left_out,
                    settings.label_share,
                )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
    trained = [
        Stem(mean, std, weight.detach().numpy().copy())
        for (mean, std), weight in zip(scales, weights, strict=True)
    ]
    return PairedEmbedding(trained[0], trained[1])


def _scale(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature; one that hardly varies is not blown up."""
    std = features.std(axis=0)
    return features.mean(axis=0), np.maximum(std, max(0.1 * float(std.mean()), 1e-6))
