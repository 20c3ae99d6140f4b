"""A backbone's features of images, computed once, of each image under several variations."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.augmentation import Augmentation
from training.embed import Progress, load_images, load_pixels
from training.embedding_model import EmbeddingModel
from training.kept_features import KeptFeatures
from training.prefetch import Prefetched


def feature_views(
    model: EmbeddingModel,
    pixels: Any,
    rows: Sequence[int] | np.ndarray,
    n_views: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress | None = None,
    augmentation: Augmentation | None = None,
    keep_in: Path | None = None,
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
        Called with (images done, images in all, what is being done and how fast), counting each
        view.
    augmentation
        The variation; `Augmentation()` when None.
    keep_in
        A `.npy` file in which the features are kept while they are computed, and found again by
        the next call with the same arguments: whose they are is for the caller to know.

    Returns
    -------
    float32 `(n_views, len(rows), n_features)`, memory-mapped when kept in a file.
    """
    if n_views < 1:
        raise ValueError(f"there must be at least 1 view, not {n_views}")
    wanted = np.asarray(rows, dtype=np.int64)
    vary = augmentation or Augmentation()
    shape = (n_views, len(wanted), model.n_features)
    kept = KeptFeatures(keep_in, shape) if keep_in is not None and len(wanted) else None
    result = np.empty(shape, dtype=np.float32) if kept is None else kept.array
    done = 0 if kept is None else kept.filled
    starts = [(view, n) for view in range(n_views) for n in range(0, len(wanted), batch_size)]
    missing = [(view, n) for view, n in starts if view * len(wanted) + n >= done]

    def images_of(batch: tuple[int, int]) -> torch.Tensor:
        view, start = batch
        part = wanted[start : start + batch_size]
        if view == 0:
            return load_images(pixels, part, model)
        generator = torch.Generator().manual_seed(step_seed(seed, view, start))
        images = vary(load_pixels(pixels, part), model.image_size, generator)
        return images.contiguous(memory_format=torch.channels_last)

    training = model.training
    model.eval().to(memory_format=torch.channels_last)
    device = model.feature_mean.device
    before, began = done, time.perf_counter()
    try:
        with Prefetched(images_of, missing) as ready, torch.no_grad():
            for (view, start), images in ready:
                found = model.backbone(images.to(device))
                result[view, start : start + len(images)] = found.float().cpu().numpy()
                done += len(images)
                if kept is not None:
                    kept.fill(done)
                if progress:
                    speed = (done - before) / max(time.perf_counter() - began, 1e-9)
                    progress(done, shape[0] * shape[1], f"features, {speed:,.0f} images/s")
    finally:
        model.train(training)
    return result


def step_seed(*of: int) -> int:
    """Return a seed that depends on all numbers given, as torch takes it."""
    return int(np.random.SeedSequence(of).generate_state(1, np.uint64)[0] >> 1)
