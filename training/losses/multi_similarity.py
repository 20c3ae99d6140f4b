"""Multi-similarity loss over the pairs of label similarity."""

import torch
from torch import nn

from training.label_similarity import LabelSimilarity
from training.losses.pairs import all_pairs, library_loss
from training.losses.unit_embeddings import check_batch


class MultiSimilarityLoss(nn.Module):
    """Multi-similarity loss of a batch, computed by pytorch-metric-learning.

    Wang et al. 2019 (arXiv 1904.06627, equation 15), without its mining: with S the cosine,
    (1/α)·log(1 + Σ_p exp(−α(S_ap − λ))) + (1/β)·log(1 + Σ_n exp(β(S_an − λ))), the mean over
    anchors. How much is shared makes no difference, nor do the weights of uncertain pairs.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    alpha, beta, base
        α, β and λ; the library's defaults.
    """

    def __init__(
        self,
        labels: LabelSimilarity | None = None,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
    ) -> None:
        from pytorch_metric_learning import losses

        super().__init__()
        self.labels = labels or LabelSimilarity()
        self._loss = losses.MultiSimilarityLoss(alpha, beta, base)

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        return library_loss(self._loss, embeddings, all_pairs(self.labels(targets, normal)))
