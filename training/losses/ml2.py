"""ML2: a metric loss for multi-labelled exams whose margin grows with label overlap."""

import math

import torch
from torch import nn
from torch.nn import functional

from training.label_similarity import label_similarity

# Squared distances below this have no useful gradient: the derivative of the root diverges at 0.
_SMALLEST_SQUARE = 1e-6


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
    Euclidean; two normal exams have τ = 0 (`normals_similar`); pairs of two other empty sets are
    unknown and stand in neither P_i nor N_i; the loss is the mean over the exams that have a
    positive and a negative in the batch, and 0 when there is none.

    Parameters
    ----------
    margin
        α, in units of distance between unit vectors (0 to 2).
    temperature
        T, above 0.
    normals_similar
        Normal exams are one another's positives at τ = 0; if false their pairs are left out.
    """

    def __init__(
        self, margin: float = 1.0, temperature: float = 0.1, normals_similar: bool = True
    ) -> None:
        super().__init__()
        if not (math.isfinite(margin) and margin >= 0):
            raise ValueError(f"margin must not be negative: {margin}")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be above 0: {temperature}")
        self.margin = margin
        self.temperature = temperature
        self.normals_similar = normals_similar

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
            `(b, n_classes)`, labels from 0 to 1.
        normal
            bool `(b,)`; None when no exam is known to be normal.
        """
        if embeddings.ndim != 2 or targets.ndim != 2 or len(embeddings) != len(targets):
            raise ValueError(
                f"embeddings {tuple(embeddings.shape)} and targets {tuple(targets.shape)} "
                "must be (b, d) and (b, n_classes)"
            )
        distance = _distances(embeddings)
        with torch.no_grad():
            similarity, known = label_similarity(targets, normal, self.normals_similar)
            positive = known & (similarity > 0)
            positive.fill_diagonal_(False)
            negative = known & (similarity == 0)
            negative.fill_diagonal_(False)
            n_positive = positive.sum(dim=1)
            anchors = (n_positive > 0) & negative.any(dim=1)
            n_anchors = int(anchors.sum())
        if n_anchors == 0:
            return distance.sum() * 0.0

        pull = (self.margin - distance) / self.temperature
        pull = pull.masked_fill(~negative, -math.inf)
        # Rows without a negative would be all −inf, whose log-sum-exp has no gradient.
        pull = pull.masked_fill(~anchors[:, None], 0.0)
        mined = self.temperature * torch.logsumexp(pull, dim=1)

        terms = distance - self.margin * (1.0 - similarity) + mined[:, None]
        weight = positive * (anchors / n_positive.clamp(min=1) / n_anchors)[:, None]
        return (functional.relu(terms) * weight).sum()

    def extra_repr(self) -> str:
        """Show the settings in the module's representation."""
        return (
            f"margin={self.margin}, temperature={self.temperature}, "
            f"normals_similar={self.normals_similar}"
        )


def _distances(embeddings: torch.Tensor) -> torch.Tensor:
    """Euclidean distances `(b, b)` of the embeddings at unit length, in float32."""
    with torch.autocast(device_type=embeddings.device.type, enabled=False):
        unit = functional.normalize(embeddings.float(), dim=1, eps=1e-6)
        return (2.0 - 2.0 * (unit @ unit.T)).clamp(min=_SMALLEST_SQUARE).sqrt()
