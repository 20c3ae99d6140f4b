"""Triplet loss over triplets mined from label similarity."""

from typing import Literal

import torch
from torch import nn

from training.label_similarity import LabelSimilarity
from training.losses.pairs import hard_triplets, library_loss, semihard_triplets
from training.losses.unit_embeddings import check_batch, euclidean_distances


class TripletLoss(nn.Module):
    """Triplet margin loss of a batch, computed by pytorch-metric-learning on our triplets.

    [D_ap − D_an + margin]₊ (Schroff et al. 2015), the mean over triplets that still cost
    something. The library's miners refuse several labels an exam, so triplets are mined here:
    each positive pair with the anchor's nearest negative (`hard`) or with its nearest negative
    beyond the positive (`semihard`). How much is shared makes no difference, nor do the weights
    of uncertain pairs.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    mining
        `semihard` or `hard`.
    margin
        In Euclidean distance of unit embeddings.
    """

    def __init__(
        self,
        labels: LabelSimilarity | None = None,
        mining: Literal["semihard", "hard"] = "semihard",
        margin: float = 0.2,
    ) -> None:
        from pytorch_metric_learning import losses

        super().__init__()
        if mining not in ("semihard", "hard"):
            raise ValueError(f"mining must be semihard or hard, not {mining!r}")
        self.labels = labels or LabelSimilarity()
        self.mining = mining
        self.margin = margin
        self._loss = losses.TripletMarginLoss(margin=margin)

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        with torch.no_grad():
            pairs = self.labels(targets, normal)
            distance = euclidean_distances(embeddings)
            if self.mining == "hard":
                triplets = hard_triplets(pairs, distance)
            else:
                triplets = semihard_triplets(pairs, distance, self.margin)
        return library_loss(self._loss, embeddings, triplets)
