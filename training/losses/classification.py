"""Plain classification on the embedding: the baseline a metric loss has to beat."""

import math

import torch
from torch import nn
from torch.nn import functional

from training.losses.unit_embeddings import check_batch, unit


class ClassificationLoss(nn.Module):
    """Binary cross-entropy of a linear classifier on the unit embedding.

    Logits are e^s·(W z) + b with z the embedding at unit length and s learnt, one for each class
    and one for «normal»; the embedding is what is kept. Soft targets are taken as they are; a
    label that is not known costs nothing. The normal output is taught by normal exams and by
    exams with a positive label; an empty set that is not normal says nothing of it.

    Parameters
    ----------
    n_classes, dim
        Classes of the targets, length of the embedding.
    class_weights
        `(n_classes,)` weights of the classes' terms; equal when None.
    """

    def __init__(self, n_classes: int, dim: int, class_weights: torch.Tensor | None = None) -> None:
        super().__init__()
        self.output = nn.Linear(dim, n_classes + 1)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.class_weights = class_weights

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        with torch.autocast(device_type=embeddings.device.type, enabled=False):
            vectors = unit(embeddings)
            scale = self.log_scale.float().clamp(max=math.log(100.0)).exp()
            output = self.output.float()
            logits = functional.linear(vectors, output.weight * scale, output.bias)
        wanted, weight = self._wanted(targets, normal)
        if not bool((weight > 0).any()):
            return logits.sum() * 0.0
        terms = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return (terms * weight).sum() / weight.sum()

    def _wanted(
        self, targets: torch.Tensor, normal: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets and weights `(b, n_classes + 1)`, the last column being normal."""
        labels = targets.detach().float()
        normals = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
        if normal is not None:
            normals = normal.bool()
        known = ~torch.isnan(labels) | normals[:, None]
        filled = labels.nan_to_num(0.0).masked_fill(normals[:, None], 0.0)
        told = normals | (filled >= 0.5).any(dim=1)
        if normal is None:
            told = torch.zeros_like(told)
        weight = known.float()
        if self.class_weights is not None:
            weight = weight * self.class_weights.to(weight)
        wanted = torch.cat([filled, normals[:, None].float()], dim=1)
        return wanted, torch.cat([weight, told[:, None].float()], dim=1)
