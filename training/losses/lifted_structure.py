"""Lifted structure loss over the pairs of label similarity."""

import torch
from torch import nn

from training.label_similarity import LabelSimilarity
from training.losses.pairs import all_pairs, library_loss
from training.losses.unit_embeddings import check_batch


class LiftedStructureLoss(nn.Module):
    """Lifted structure loss of a batch, computed by pytorch-metric-learning.

    The generalised form of Hermans et al. 2017 (arXiv 1703.07737, equation 9):
    [log Σ_p exp D_ap + log Σ_n exp(margin − D_an)]₊, the mean over anchors. The form of Song et
    al. 2016, which the library has too, compares each positive pair with every negative pair, a
    matrix of pairs by pairs that a batch of multi-labelled exams cannot hold. In the library's
    form a sum without a pair counts 0, so an anchor without positives still pushes its negatives
    and one without negatives still draws its positives; the mean is over all exams of the batch.
    How much is shared makes no difference, nor do the weights of uncertain pairs.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    margin
        In Euclidean distance of unit embeddings.
    """

    def __init__(self, labels: LabelSimilarity | None = None, margin: float = 1.0) -> None:
        from pytorch_metric_learning import losses

        super().__init__()
        self.labels = labels or LabelSimilarity()
        self._loss = losses.GeneralizedLiftedStructureLoss(neg_margin=margin)

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        return library_loss(self._loss, embeddings, all_pairs(self.labels(targets, normal)))
