"""ML2: a metric loss for multi-labelled exams whose margin grows with label overlap."""

import math

import torch
from torch import nn
from torch.nn import functional

from training.label_similarity import LabelSimilarity
from training.losses.unit_embeddings import check_batch, euclidean_distances


class ML2Loss(nn.Module):
    """ML2 loss of a batch.

    With Y_i the label set of exam i, J_ij the similarity of two label sets (Jaccard, for soft
    labels Σmin/Σmax), τ_ij = 1 − J_ij, D_ij the Euclidean distance of unit embeddings and α the
    margin:

        P_i = {j ≠ i : τ_ij < 1},  N_i = {j : τ_ij = 1}
        L_i = (1/|P_i|) Σ_{p ∈ P_i} [ D_ip − α·τ_ip + m_i ]₊

    **Paper.** Describes two losses, ML2 and ML2+, for multi-labelled radiographs with noisy
    labels; its full text was not available, nothing below is quoted from it.

    **Public implementation.** A draft of 2021 that cites the paper's section 3.2 has L_i, P_i,
    N_i and τ as above, with m_i mined from {α − D_in : n ∈ N_i}. With m_i = max_n (α − D_in) this
    is [D_ip − D_in* + α·J_ip]₊, a triplet whose margin grows with label overlap. Its mining takes
    the farthest negative and lets an exam be its own pair; both are mistakes and not copied.

    **Our reading.** m_i = T·log Σ_{n ∈ N_i} exp((α − D_in)/T): all negatives, weighted by
    nearness. T → 0 is the hardest negative, T = 1 the lifted-structure form. Also ours: D is
    Euclidean; two normal exams have τ = 0 (`LabelSimilarity.normals_similar`); unknown pairs
    stand in neither P_i nor N_i; a pair's weight (`LabelSimilarity.uncertain_weight`) weighs its
    term in the mean over P_i and in the sum over N_i; the loss is the mean over the exams that
    have a positive and a negative in the batch, and 0 when there is none.

    Parameters
    ----------
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    margin
        α, in units of distance between unit vectors (0 to 2).
    temperature
        T, above 0.
    """

    def __init__(
        self,
        labels: LabelSimilarity | None = None,
        margin: float = 1.0,
        temperature: float = 0.3,
    ) -> None:
        super().__init__()
        if not (math.isfinite(margin) and margin >= 0):
            raise ValueError(f"margin must not be negative: {margin}")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be above 0: {temperature}")
        self.labels = labels or LabelSimilarity()
        self.margin = margin
        self.temperature = temperature

    def forward(
        self,
        embeddings: torch.Tensor,
        targets: torch.Tensor,
        normal: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar.

        Parameters
        ----------
        embeddings
            `(b, d)`, any floating type; brought to unit length here, computed in float32.
        targets
            `(b, n_classes)`, labels from 0 to 1, NaN where not known.
        normal
            bool `(b,)`; None when no exam is known to be normal.
        """
        check_batch(embeddings, targets)
        distance = euclidean_distances(embeddings)
        with torch.no_grad():
            pairs = self.labels(targets, normal)
            positive, negative = pairs.positives(), pairs.negatives()
            anchors = positive.any(dim=1) & negative.any(dim=1)
            n_anchors = int(anchors.sum())
        if n_anchors == 0:
            return distance.sum() * 0.0

        pull = (self.margin - distance) / self.temperature
        if self.labels.uncertain_weight < 1.0:
            pull = pull + pairs.weight.clamp(min=1e-6).log()
        pull = pull.masked_fill(~negative, -math.inf)
        # Rows without a negative would be all −inf, whose log-sum-exp has no gradient.
        pull = pull.masked_fill(~anchors[:, None], 0.0)
        mined = self.temperature * torch.logsumexp(pull, dim=1)

        terms = distance - self.margin * (1.0 - pairs.similarity) + mined[:, None]
        share = positive * pairs.weight
        share = share * (anchors / share.sum(dim=1).clamp(min=1e-6) / n_anchors)[:, None]
        return (functional.relu(terms) * share).sum()

    def extra_repr(self) -> str:
        """Show the settings in the module's representation."""
        return f"margin={self.margin}, temperature={self.temperature}"
