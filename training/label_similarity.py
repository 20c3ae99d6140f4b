"""Similarity of exams' label sets: the Jaccard index, for soft labels as Σmin/Σmax.

Ruzicka's generalisation of the Jaccard index; for 0/1 labels it is |A∩B| / |A∪B|. Two empty sets
have no Jaccard index (0/0). What is made of them follows the project's contract: two *normal*
exams have similarity 1; any other two empty sets are an unknown pair, neither similar nor
dissimilar. A label that is not known (NaN) is left out of a pair: the sums run over the classes
known in both exams.
"""

from dataclasses import dataclass

import numpy as np
import torch

# Differences of float32 sums below this are rounding, not similarity.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class PairSimilarity:
    """How similar the label sets of two groups of exams are, pair by pair; all `(a, b)`."""

    similarity: torch.Tensor
    """float32 from 0 to 1; 0 where unknown."""
    known: torch.Tensor
    """bool; false for unknown pairs, which are neither positives nor negatives."""
    weight: torch.Tensor
    """float32 from 0 to 1: how much a pair counts; less than 1 only where labels are uncertain."""

    def positives(self) -> torch.Tensor:
        """Pairs of two exams of one batch that share a label (or are both normal), bool."""
        found = self.known & (self.similarity > 0) & (self.weight > 0)
        return found.fill_diagonal_(False)

    def negatives(self) -> torch.Tensor:
        """Pairs of two exams of one batch that are known to share nothing, bool."""
        found = self.known & (self.similarity == 0) & (self.weight > 0)
        return found.fill_diagonal_(False)


class LabelSimilarity:
    """What makes two exams similar, as losses are told it.

    Parameters
    ----------
    normals_similar
        Two normal exams have similarity 1; if false they are an unknown pair.
    class_weights
        `(n_classes,)`, not negative: w in Σw·min / Σw·max, so that rare findings count more.
    class_similarity
        `(n_classes, n_classes)` from 0 to 1 with ones on the diagonal: how near one finding is to
        another. Labels are first spread, t̃_c = max_c' S_cc'·t_c' (our reading), so that exams
        with two different but related findings are somewhat similar.
    uncertain_weight
        u, the weight of a pair whose label sets rest on uncertain labels alone; 1 makes no
        difference. With κ = |2t − 1| the certainty of a label, the uncertain share of a pair is
        s = Σ_c w·max(a, b)·(1 − κ_a·κ_b) / Σ_c w·max(a, b), and its weight 1 − (1 − u)·s (our
        reading).
    """

    def __init__(
        self,
        normals_similar: bool = True,
        class_weights: torch.Tensor | None = None,
        class_similarity: torch.Tensor | None = None,
        uncertain_weight: float = 1.0,
    ) -> None:
        if not 0.0 <= uncertain_weight <= 1.0:
            raise ValueError(f"uncertain_weight must lie in 0..1, not {uncertain_weight}")
        if class_weights is not None and not bool((class_weights >= 0).all()):
            raise ValueError("class weights must not be negative")
        if class_similarity is not None:
            inside = (class_similarity >= 0) & (class_similarity <= 1)
            if class_similarity.ndim != 2 or not bool(inside.all()):
                raise ValueError("the class similarity must be a square matrix from 0 to 1")
            if not bool((class_similarity.diagonal() == 1).all()):
                raise ValueError("a class must have similarity 1 to itself")
        self.normals_similar = normals_similar
        self.class_weights = class_weights
        self.class_similarity = class_similarity
        self.uncertain_weight = uncertain_weight

    def __call__(self, targets: torch.Tensor, normal: torch.Tensor | None = None) -> PairSimilarity:
        """Return the similarity of all pairs of a batch.

        Parameters
        ----------
        targets
            `(b, n_classes)` from 0 to 1, NaN where a label is not known.
        normal
            bool `(b,)`; None when no exam is known to be normal.
        """
        return self.between(targets, normal, targets, normal)

    def between(
        self,
        targets: torch.Tensor,
        normal: torch.Tensor | None,
        other_targets: torch.Tensor,
        other_normal: torch.Tensor | None,
    ) -> PairSimilarity:
        """Return the similarity of `(a, n_classes)` to `(b, n_classes)` exams, each `(a, b)`."""
        with torch.no_grad(), torch.autocast(targets.device.type, enabled=False):
            first, normals = self._labels(targets, normal)
            second, other_normals = self._labels(other_targets, other_normal)
            simple = self.uncertain_weight == 1.0
            if simple and not bool(torch.isnan(first).any() or torch.isnan(second).any()):
                smallest, largest = _sums(first, second, self._weights(first))
                weight = torch.ones_like(largest)
            else:
                smallest, largest, uncertain = self._sums_by_class(first, second)
                share = uncertain / largest.clamp(min=_ROUNDING)
                weight = (1.0 - (1.0 - self.uncertain_weight) * share).clamp(0.0, 1.0)
            known = largest > _ROUNDING
            shared = smallest.where(smallest > _ROUNDING, 0.0)
            similarity = shared / largest.where(known, 1.0)
            both = normals[:, None] & other_normals[None, :]
            similarity = torch.where(both, float(self.normals_similar), similarity)
            known = torch.where(both, self.normals_similar, known)
            return PairSimilarity(similarity, known, weight.where(known & ~both, 1.0))

    def _labels(
        self, targets: torch.Tensor, normal: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels in float32, spread over related classes, and who is normal."""
        soft = targets.detach().float()
        normals = torch.zeros(len(soft), dtype=torch.bool, device=soft.device)
        if normal is not None:
            normals = normal.bool()
            # A normal exam has none of the findings, whatever its labels leave open.
            soft = soft.masked_fill(normals[:, None] & torch.isnan(soft), 0.0)
        if self.class_similarity is not None:
            spread = self.class_similarity.to(soft)[None] * soft.nan_to_num(0.0)[:, None, :]
            soft = spread.amax(dim=2).where(~torch.isnan(soft), torch.nan)
        return soft, normals

    def _weights(self, labels: torch.Tensor) -> torch.Tensor | None:
        if self.class_weights is None:
            return None
        if self.class_weights.shape != labels.shape[1:]:
            raise ValueError(
                f"{len(self.class_weights)} class weights for {labels.shape[1]} classes"
            )
        return self.class_weights.to(labels)

    def _sums_by_class(
        self, first: torch.Tensor, second: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Σw·min, Σw·max over classes known in both, and the uncertain part of the latter."""
        weights = self._weights(first)
        smallest = first.new_zeros(len(first), len(second))
        largest, uncertain = torch.zeros_like(smallest), torch.zeros_like(smallest)
        for number in range(first.shape[1]):
            a, b = first[:, number, None], second[None, :, number]
            factor = 1.0 if weights is None else float(weights[number])
            # NaN in either makes both NaN: the class is left out of the pair.
            higher = torch.maximum(a, b).nan_to_num(0.0) * factor
            smallest += torch.minimum(a, b).nan_to_num(0.0) * factor
            largest += higher
            certain = ((2 * a - 1).abs() * (2 * b - 1).abs()).nan_to_num(1.0)
            uncertain += higher * (1.0 - certain)
        return smallest, largest, uncertain


def _sums(
    first: torch.Tensor, second: torch.Tensor, weights: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Σw·min and Σw·max of all pairs of rows, without a loop over classes.

    They follow from the city-block distance d: Σmin = (Σa + Σb − d) / 2, Σmax = (Σa + Σb + d) / 2.
    """
    if weights is not None:
        first, second = first * weights, second * weights
    both = first.sum(dim=1)[:, None] + second.sum(dim=1)[None, :]
    distance = torch.cdist(first, second, p=1.0)
    return (both - distance) / 2, (both + distance) / 2


def rarity_weights(targets: torch.Tensor) -> torch.Tensor:
    """Class weights `(n_classes,)` of mean 1 that grow as a class gets rarer.

    w_c ∝ log(1 + n / n_c), n_c being the sum of the known labels of class c and n the number of
    exams where it is known (our reading: inverse frequency, tempered so that a class of three
    exams does not rule). Classes without an exam weigh as much as one with a single exam.
    """
    known = ~torch.isnan(targets)
    count = targets.nan_to_num(0.0).sum(dim=0).clamp(min=1.0)
    weights = torch.log1p(known.sum(dim=0).clamp(min=1) / count)
    return weights / weights.mean()


@dataclass(frozen=True)
class LabelSets:
    """The distinct label sets of a collection of exams and their similarity.

    A large gallery has few distinct label sets, so every graded relevance is a look-up in a small
    matrix: that of exams i and j is `similarity[codes[i], codes[j]]`.
    """

    codes: np.ndarray
    """int64 `(n,)`: which distinct set each exam has."""
    similarity: np.ndarray
    """float32 `(n_sets, n_sets)`; NaN for unknown pairs."""


def distinct_label_sets(labels: np.ndarray, normal: np.ndarray) -> LabelSets:
    """Find the distinct label sets of exams and the similarity of each two of them.

    Parameters
    ----------
    labels
        `(n, n_classes)`, bool or soft labels from 0 to 1.
    normal
        bool `(n,)`. Two normal exams have similarity 1, two empty sets otherwise NaN.
    """
    rows = np.column_stack([np.asarray(labels, np.float32), np.asarray(normal, np.float32)])
    sets, codes = np.unique(rows, axis=0, return_inverse=True)
    members, normals = sets[:, :-1], sets[:, -1] > 0
    smallest = np.zeros((len(sets), len(sets)), np.float32)
    largest = np.zeros_like(smallest)
    for column in members.T:
        smallest += np.minimum(column[:, None], column[None, :])
        largest += np.maximum(column[:, None], column[None, :])
    with np.errstate(invalid="ignore"):
        similarity = np.where(largest > 0, smallest / largest, np.float32(np.nan))
    similarity[normals[:, None] & normals[None, :]] = 1.0
    return LabelSets(codes.reshape(-1).astype(np.int64), similarity.astype(np.float32))
