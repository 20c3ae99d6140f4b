"""A backbone's features of images, computed once, of each image under several variations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from training.augmentation import Augmentation
from training.embed import Progress, load_images, load_pixels
from training.embedding_model import EmbeddingModel


def feature_views(
    model: EmbeddingModel,
    pixels: Any,
    rows: Sequence[int] | np.ndarray,
    n_views: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress | None = None,
    augmentation: Augmentation | None = None,
) -> np.ndarray:
    """Return raw backbone features of images, the first view unvaried, the others varied.

    Parameters
    ----------
    model
        Its backbone is used, in evaluation mode and without a gradient.
    pixels
        uint8 `(n_images, s, s)`, in memory or memory-mapped.
    rows
        Which images, in which order.
    n_views
        Views of each image. The variation of a batch is seeded with (seed, view, its first row).
    progress
        Called with (images done, images in all, "features"), counting each view.
    augmentation
        The variation; `Augmentation()` when None.

    Returns
    -------
    float32 `(n_views, len(rows), n_features)`.
    """
    if n_views < 1:
        raise ValueError(f"there must be at least 1 view, not {n_views}")
    wanted = np.asarray(rows, dtype=np.int64)
    vary = augmentation or Augmentation()
    result = np.empty((n_views, len(wanted), model.n_features), dtype=np.float32)
    training = model.training
    model.eval().to(memory_format=torch.channels_last)
    device = model.feature_mean.device
    try:
        for view in range(n_views):
            for start in range(0, len(wanted), batch_size):
                part = wanted[start : start + batch_size]
                if view == 0:
                    images = load_images(pixels, part, model)
                else:
                    generator = torch.Generator().manual_seed(step_seed(seed, view, start))
                    images = vary(load_pixels(pixels, part), model.image_size, generator)
                    images = images.contiguous(memory_format=torch.channels_last)
                with torch.no_grad():
                    found = model.backbone(images.to(device))
                result[view, start : start + len(part)] = found.float().cpu().numpy()
                if progress:
                    done = view * len(wanted) + start + len(part)
                    progress(done, n_views * len(wanted), "features")
    finally:
        model.train(training)
    return result


def step_seed(*of: int) -> int:
    """Return a seed that depends on all numbers given, as torch takes it."""
    return int(np.random.SeedSequence(of).generate_state(1, np.uint64)[0] >> 1)
