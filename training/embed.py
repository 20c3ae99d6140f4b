"""Embeddings of many images."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch

from training.augmentation import evaluation_images
from training.embedding_model import EmbeddingModel

Progress = Callable[[int, int, str], None]
Kind = Literal["embedding", "features"]


def embed(
    model: EmbeddingModel,
    pixels: Any,
    rows: Sequence[int] | np.ndarray | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
    kind: Kind = "embedding",
) -> np.ndarray:
    """Embed images.

    Parameters
    ----------
    model
        Put in evaluation mode here, and left in the mode it came in.
    pixels
        uint8 `(n_images, s, s)`, in memory or memory-mapped; anything that an integer array
        indexes.
    rows
        Which images, in which order; all when None.
    batch_size
        Images at a time.
    progress
        Called with (images done, images in all, "embed").
    kind
        `embedding`, or `features`: the backbone's, at unit length.

    Returns
    -------
    float32 `(n, d)`, each row of unit length.
    """
    wanted = np.arange(len(pixels)) if rows is None else np.asarray(rows, dtype=np.int64)
    apply = {"embedding": model.forward, "features": model.features}[kind]
    width = model.dim if kind == "embedding" else model.n_features
    result = np.empty((len(wanted), width), dtype=np.float32)
    training = model.training
    # As in training: convolutions on a CPU are several times faster with channels last.
    model.eval().to(memory_format=torch.channels_last)
    try:
        for start in range(0, len(wanted), batch_size):
            part = wanted[start : start + batch_size]
            with torch.inference_mode():
                found = apply(load_images(pixels, part, model).to(model.feature_mean.device))
            result[start : start + len(part)] = found.cpu().numpy()
            if progress:
                progress(start + len(part), len(wanted), "embed")
    finally:
        model.train(training)
    return result


def load_images(pixels: Any, rows: np.ndarray, model: EmbeddingModel) -> torch.Tensor:
    """Images of `rows` as the model wants them, float32 `(len(rows), 1, size, size)`."""
    images = evaluation_images(load_pixels(pixels, rows), model.image_size)
    return images.contiguous(memory_format=torch.channels_last)


def load_pixels(pixels: Any, rows: np.ndarray) -> torch.Tensor:
    """Pixels of `rows` as a uint8 tensor `(len(rows), s, s)`.

    Raises `ValueError` when they are not uint8 squares.
    """
    taken = np.asarray(pixels[rows])
    if taken.dtype != np.uint8 or taken.ndim != 3 or taken.shape[1] != taken.shape[2]:
        raise ValueError(f"pixels must be uint8 (n, s, s), not {taken.dtype} {taken.shape}")
    # A memory-mapped array is read-only; torch wants memory it may write.
    return torch.from_numpy(np.array(taken, copy=True))
