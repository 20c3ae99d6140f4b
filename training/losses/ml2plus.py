"""ML2+: ML2 with a term that each exam's own labels give, against noise in the pairs."""

import torch
from torch import nn

from training.label_similarity import LabelSimilarity
from training.losses.label_set_points import LabelSetPoints
from training.losses.ml2 import ML2Loss


class ML2PlusLoss(nn.Module):
    """ML2+ loss of a batch.

    **Paper.** Names ML2+ as the second of its losses for multi-labelled images with noisy labels;
    its definition was not recovered.

    **Our reading**, chosen by experiment. ML2 compares exams in pairs, and one wrong label spoils
    all pairs of its exam. ML2+ adds a term that no other exam enters: the embedding z_i before it
    is brought to unit length is drawn to the point ψ(Y_i) of the exam's own label set, points
    whose inner products are label similarities (`LabelSetPoints`):

        L = ML2 + λ · mean_i ‖ z_i − (ψ(Y_i) − c·ψ̄) ‖²,   ψ̄ = mean of ψ over the batch

    Its minimum for an image is the expectation of ψ given the image, so an exam whose labels the
    image does not tell stays near the centre instead of being drawn to a corner. c takes off a
    part of what all exams have in common: with c = 0 all cosines are high, with c = 1 nothing is
    left of how common a set is. `python -m tests.benchmarks.ml2plus_forms` measures the forms that
    were tried: ML2 with a classification term, the regression alone, and this one.

    Parameters
    ----------
    n_classes, dim
        Classes of the targets, length of the embedding.
    labels
        What makes two exams similar; `LabelSimilarity()` when None.
    margin, temperature
        Of ML2.
    regression_weight
        λ.
    centring
        c, from 0 to 1.
    """

    def __init__(
        self,
        n_classes: int,
        dim: int,
        labels: LabelSimilarity | None = None,
        margin: float = 1.0,
        temperature: float = 0.3,
        regression_weight: float = 3.0,
        centring: float = 0.5,
    ) -> None:
        super().__init__()
        if regression_weight < 0:
            raise ValueError(f"regression_weight must not be negative: {regression_weight}")
        labels = labels or LabelSimilarity()
        self.ml2 = ML2Loss(labels, margin, temperature)
        self.points = LabelSetPoints(n_classes, dim, labels)
        self.regression_weight = regression_weight
        self.centring = centring

    def forward(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar; arguments as in `ML2Loss.forward`.

        The length of the embeddings matters here, unlike in ML2.
        """
        return self.ml2(embeddings, targets, normal) + self.regression_weight * self.regression(
            embeddings, targets, normal
        )

    def regression(
        self, embeddings: torch.Tensor, targets: torch.Tensor, normal: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean squared distance of the embeddings to their label sets' points."""
        with torch.no_grad():
            points, told = self.points(targets, normal)
        vectors = embeddings.float()
        if not bool(told.any()):
            return vectors.sum() * 0.0
        points = points[told]
        wanted = points - self.centring * points.mean(dim=0)
        return (vectors[told] - wanted).square().sum(dim=1).mean()

    def extra_repr(self) -> str:
        """Show the settings in the module's representation."""
        return f"regression_weight={self.regression_weight}, centring={self.centring}"
