"""Points in a space where the inner product of two label sets is their similarity."""

from itertools import combinations

import torch

from training.label_similarity import LabelSimilarity

# Directions with a smaller share of the largest eigenvalue carry rounding errors only.
_SMALLEST_SHARE = 1e-6


class LabelSetPoints:
    """Maps label sets to points ψ with ψ(Y)·ψ(Y') ≈ J(Y, Y').

    The Jaccard index, and its soft form Σmin/Σmax, is a positive semi-definite kernel (Bouchard,
    Jousselme and Doré 2013; Gower 1971), so label sets have points whose inner products are their
    similarities. They are found from reference sets R (each class alone, each two together, and
    the normal exam) by the Nyström method (Williams and Seeger 2001): with K_RR = V Λ Vᵀ,
    ψ(Y) = Λ^(−1/2) Vᵀ k_R(Y), exact for the reference sets if `dim` is at least their number. The
    choice of reference sets is ours: it depends on no data, so all runs share one space.

    Parameters
    ----------
    n_classes
        Of the targets.
    dim
        Coordinates of a point; the leading directions are kept, missing ones are 0.
    labels
        What makes two exams similar.
    """

    def __init__(self, n_classes: int, dim: int, labels: LabelSimilarity) -> None:
        single = torch.eye(n_classes)
        two = [single[a] + single[b] for a, b in combinations(range(n_classes), 2)]
        self.references = torch.stack([*single, *two, torch.zeros(n_classes)])
        self.normal = torch.arange(len(self.references)) == len(self.references) - 1
        self.labels = labels
        kernel = labels.between(self.references, self.normal, self.references, self.normal)
        values, vectors = torch.linalg.eigh(kernel.similarity.double())
        kept = values.flip(0)[:dim] > _SMALLEST_SHARE * values[-1]
        values, vectors = values.flip(0)[:dim][kept], vectors.flip(1)[:, :dim][:, kept]
        self.projection = torch.zeros(len(self.references), dim)
        self.projection[:, : len(values)] = (vectors / values.sqrt()).float()

    def __call__(
        self, targets: torch.Tensor, normal: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the points float32 `(b, dim)` of exams and which exams have one, bool `(b,)`.

        An exam has none when nothing is known of it: no label known, or an empty set that is not
        normal.
        """
        device = targets.device
        found = self.labels.between(
            targets, normal, self.references.to(device), self.normal.to(device)
        )
        with torch.autocast(device_type=device.type, enabled=False):
            return found.similarity @ self.projection.to(device), found.similarity.any(dim=1)
