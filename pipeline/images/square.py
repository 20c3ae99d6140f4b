"""Images of any shape to squares of one size."""

import numpy as np


def to_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Fit an image into a square, its proportions kept, black where it does not reach.

    Parameters
    ----------
    pixels
        float32 `(rows, columns)` from 0 to 1.
    size
        Side of the square in pixels.

    Returns
    -------
    uint8 `(size, size)`, resized with an antialiasing filter (Lanczos).
    """
    from PIL import Image

    rows, columns = pixels.shape
    scale = size / max(rows, columns)
    fitted = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    grey = Image.fromarray(pixels.astype(np.float32))
    resized = np.asarray(grey.resize(fitted, Image.Resampling.LANCZOS))
    square = np.zeros((size, size), np.uint8)
    top, left = (size - fitted[1]) // 2, (size - fitted[0]) // 2
    square[top : top + fitted[1], left : left + fitted[0]] = np.round(
        np.clip(resized, 0, 1) * 255
    ).astype(np.uint8)
    return square
