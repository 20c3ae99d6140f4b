"""Contrastive loss over the pairs of label similarity."""

import torch
from torch import nn

from training.label_similarity import LabelSimilarity
from training.losses.pairs import all_pairs, library_loss
from training.losses.unit_embeddings import check_batch


class ContrastiveLoss(nn.Module):
    """Contrastive loss of a batch (Hadsell et al. 2006), computed by pytorch-metric-learning.

    Positives (a shared label, or both normal) are drawn to a distance of at most
    `positive_margin`, negatives (nothing shared) pushed to at least `negative_margin`; how much is
    shared makes no difference, nor do the weights of uncertain pairs (the library takes none).
    The library's mean is over the pairs that still cost something, not squared.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    positive_margin, negative_margin
        Euclidean distances of unit embeddings, 0 to 2.
    """

    def __init__(
        self,
        labels: LabelSimilarity | None = None,
        positive_margin: float = 0.0,
        negative_margin: float = 1.0,
    ) -> None:
        from pytorch_metric_learning import losses

        super().__init__()
        self.labels = labels or LabelSimilarity()
        self._loss = losses.ContrastiveLoss(positive_margin, negative_margin)

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        return library_loss(self._loss, embeddings, all_pairs(self.labels(targets, normal)))
