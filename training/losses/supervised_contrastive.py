"""Supervised contrastive loss with positives weighted by label overlap."""

import math

import torch
from torch import nn

from training.label_similarity import LabelSimilarity
from training.losses.unit_embeddings import check_batch, cosines


class SupervisedContrastiveLoss(nn.Module):
    """Jaccard-weighted supervised contrastive loss of a batch.

    Khosla et al. 2020 (arXiv 2004.11362, equation 2, L_out) with the positives' mean weighted by
    the similarity J of label sets (our reading of the multi-label forms; for single labels it is
    theirs). With s_ij the cosine of two embeddings over the temperature and A_i the known pairs
    of exam i:

        L_i = − Σ_{j ∈ A_i} J_ij · log( exp s_ij / Σ_{k ∈ A_i} exp s_ik ) / Σ_{j ∈ A_i} J_ij

    The loss is the mean over exams with a positive. Pair weights of uncertain labels multiply
    J_ij, and enter the sum over k.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    temperature
        Of the cosines, above 0.
    """

    def __init__(self, labels: LabelSimilarity | None = None, temperature: float = 0.3) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0: {temperature}")
        self.labels = labels or LabelSimilarity()
        self.temperature = temperature

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`."""
        check_batch(embeddings, targets)
        scores = cosines(embeddings) / self.temperature
        with torch.no_grad():
            pairs = self.labels(targets, normal)
            candidates = pairs.positives() | pairs.negatives()
            shares = pairs.similarity * pairs.weight * pairs.positives()
            totals = shares.sum(dim=1)
            anchors = totals > 0
        if not bool(anchors.any()):
            return scores.sum() * 0.0
        seen = scores + pairs.weight.clamp(min=1e-6).log()
        seen = seen.masked_fill(~candidates, -math.inf).masked_fill(~anchors[:, None], 0.0)
        chance = scores - torch.logsumexp(seen, dim=1, keepdim=True)
        weights = shares * (anchors / totals.clamp(min=1e-6) / anchors.sum())[:, None]
        return -(weights * chance).sum()

    def extra_repr(self) -> str:
        """Show the settings in the module's representation."""
        return f"temperature={self.temperature}"
