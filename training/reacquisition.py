"""Embeddings of varied copies of radiographs: what a repeated acquisition might have given."""

from typing import Any

import numpy as np
import torch

from training.augmentation import Augmentation
from training.embed import load_pixels
from training.embedding_model import EmbeddingModel


def varied_embeddings(
    model: EmbeddingModel, pixels: Any, rows: np.ndarray, n_copies: int, seed: int = 0
) -> np.ndarray:
    """Embed `n_copies` randomly varied copies of each image.

    Position, scale, rotation, exposure, contrast and noise vary as in training (`Augmentation`);
    the body does not, so that the copies differ by less than two true acquisitions would.

    Parameters
    ----------
    model
        In evaluation mode.
    pixels
        uint8 `(n_images, s, s)`, in memory or memory-mapped.
    rows
        Which images.
    n_copies, seed
        How many copies; the same seed gives the same ones.

    Returns
    -------
    float32 `(n_copies, len(rows), d)`, of unit length.
    """
    vary = Augmentation()
    generator = torch.Generator().manual_seed(seed)
    images = load_pixels(pixels, np.asarray(rows, dtype=np.int64))
    copies = []
    with torch.inference_mode():
        for _ in range(n_copies):
            varied = vary(images, model.image_size, generator)
            copies.append(model(varied.contiguous(memory_format=torch.channels_last)).numpy())
    return np.stack(copies)
