"""What losses compute from embeddings: unit vectors, cosines, distances, in float32."""

import torch
from torch.nn import functional

# Squared distances below this have no useful gradient: the derivative of the root diverges at 0.
_SMALLEST_SQUARE = 1e-6


def check_batch(embeddings: torch.Tensor, targets: torch.Tensor) -> None:
    """Raise `ValueError` unless embeddings are `(b, d)` and targets `(b, n_classes)`."""
    if embeddings.ndim != 2 or targets.ndim != 2 or len(embeddings) != len(targets):
        raise ValueError(
            f"embeddings {tuple(embeddings.shape)} and targets {tuple(targets.shape)} "
            "must be (b, d) and (b, n_classes)"
        )


def unit(embeddings: torch.Tensor) -> torch.Tensor:
    """Embeddings `(b, d)` at unit length in float32, whatever type they come in."""
    return functional.normalize(embeddings.float(), dim=1, eps=1e-6)


def cosines(embeddings: torch.Tensor) -> torch.Tensor:
    """Cosines `(b, b)` of the embeddings, in float32 also under autocast."""
    with torch.autocast(device_type=embeddings.device.type, enabled=False):
        vectors = unit(embeddings)
        return vectors @ vectors.T


def euclidean_distances(embeddings: torch.Tensor) -> torch.Tensor:
    """Euclidean distances `(b, b)` of the embeddings at unit length, in float32."""
    return (2.0 - 2.0 * cosines(embeddings)).clamp(min=_SMALLEST_SQUARE).sqrt()
