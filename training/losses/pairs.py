"""Pairs and triplets mined from label similarity, as pytorch-metric-learning takes them."""

from typing import cast

import torch
from torch import nn

from training.label_similarity import PairSimilarity
from training.losses.unit_embeddings import unit

Pairs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
Triplets = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def all_pairs(pairs: PairSimilarity) -> Pairs:
    """All positive and negative pairs as (anchors, positives, anchors, negatives), int64."""
    first, positive = torch.where(pairs.positives())
    second, negative = torch.where(pairs.negatives())
    return first, positive, second, negative


def hard_triplets(pairs: PairSimilarity, distance: torch.Tensor) -> Triplets:
    """Each positive pair with the anchor's nearest negative, as (anchors, positives, negatives).

    `distance` is `(b, b)`. Anchors without a negative have no triplet.
    """
    negative = pairs.negatives()
    nearest = distance.masked_fill(~negative, torch.inf).argmin(dim=1)
    return _triplets(pairs, negative.any(dim=1), nearest)


def semihard_triplets(pairs: PairSimilarity, distance: torch.Tensor, margin: float) -> Triplets:
    """Each positive pair with the nearest negative that is farther than the positive.

    Schroff et al. 2015 (FaceNet, section 3.2): D_ap < D_an < D_ap + margin; a positive pair
    without such a negative has no triplet. The nearest is found by sorting each anchor's
    negatives once.
    """
    far = torch.finfo(distance.dtype).max
    ranked, order = distance.masked_fill(~pairs.negatives(), far).sort(dim=1)
    # For each pair, how many negatives are at most as far as the positive: the next one's place.
    place = torch.searchsorted(ranked, distance.contiguous(), right=True)
    inside = place.clamp(max=distance.shape[1] - 1)
    following = ranked.gather(1, inside)
    semihard = (place < distance.shape[1]) & (following < distance + margin) & (following < far)
    anchors, positives = torch.where(pairs.positives() & semihard)
    return anchors, positives, order.gather(1, inside)[anchors, positives]


def library_loss(
    loss: nn.Module, embeddings: torch.Tensor, indices: Pairs | Triplets
) -> torch.Tensor:
    """Loss of pytorch-metric-learning on unit embeddings in float32, over mined pairs."""
    with torch.autocast(device_type=embeddings.device.type, enabled=False):
        vectors = unit(embeddings)
        # With no pair the library's 0 has no graph.
        return cast(torch.Tensor, loss(vectors, indices_tuple=indices) + vectors.sum() * 0.0)


def _triplets(pairs: PairSimilarity, anchors: torch.Tensor, negative: torch.Tensor) -> Triplets:
    anchor, positive = torch.where(pairs.positives() & anchors[:, None])
    return anchor, positive, negative[anchor]
