"""Agreement of two images without learning: what a trained embedding of views is compared with.

Both measures come from the registration of images: normalised mutual information (Studholme et al.
1999) and the mean local correlation of windows. Both are asked at several small shifts and the
best is taken, since two acquisitions are never aligned.
"""

import numpy as np


def mutual_information(
    queries: np.ndarray, gallery: np.ndarray, n_bins: int = 16, shift: int = 2
) -> np.ndarray:
    """Normalised mutual information of each query with each image of a gallery.

    (H(A) + H(B)) / H(A, B) of the grey values in `n_bins` bins cut at quantiles, from 1
    (independent) to 2 (each determines the other), the largest over shifts of the query.

    Parameters
    ----------
    queries, gallery
        `(n_queries, s, s)` and `(n_gallery, s, s)`, grey values.
    n_bins
        Grey levels kept.
    shift
        Largest shift in pixels, in steps of it: nine positions, or one for 0. What moves out comes
        in at the other side.

    Returns
    -------
    float64 `(n_queries, n_gallery)`.
    """
    asked, shown = _levels(queries, n_bins), _levels(gallery, n_bins)
    one_hot = np.eye(n_bins, dtype=np.float32)
    # (pixels, gallery · bins): a joint histogram is then a product of indicator matrices.
    held = (
        one_hot[shown.reshape(len(shown), -1)].transpose(1, 0, 2).reshape(-1, len(shown) * n_bins)
    )
    best = np.zeros((len(asked), len(shown)))
    for query, image in enumerate(asked):
        moved = np.stack(_shifted(image, shift)).reshape(-1, image.size)
        # (shifts · bins, pixels) times (pixels, gallery · bins)
        indicators = one_hot[moved].transpose(0, 2, 1).reshape(-1, image.size)
        joint = (indicators @ held / image.size).reshape(len(moved), n_bins, len(shown), n_bins)
        joint = joint.transpose(0, 2, 1, 3)
        both = _entropy(joint.reshape(*joint.shape[:2], -1))
        alone = _entropy(joint.sum(axis=3)) + _entropy(joint.sum(axis=2))
        # Two images of one grey each: nothing is left to tell.
        information = np.divide(alone, both, out=np.full(alone.shape, 2.0), where=both > 1e-9)
        best[query] = information.max(axis=0)
    return best


def local_correlation(
    queries: np.ndarray, gallery: np.ndarray, window: int = 8, shift: int = 2
) -> np.ndarray:
    """Mean over windows of the correlation of each query with each image of a gallery.

    Parameters
    ----------
    queries, gallery
        `(n_queries, s, s)` and `(n_gallery, s, s)`, grey values; s a multiple of `window`.
    window
        Edge in pixels of the windows, which do not overlap; one without contrast counts 0.
    shift
        As in `mutual_information`.

    Returns
    -------
    float64 `(n_queries, n_gallery)` from −1 to 1, the largest over shifts of the query.
    """
    shown = _standard_windows(gallery, window)
    best = np.full((len(queries), len(gallery)), -1.0)
    moved = [
        np.stack(places) for places in zip(*(_shifted(q, shift) for q in queries), strict=True)
    ]
    for images in moved:
        np.maximum(best, _standard_windows(images, window) @ shown.T, out=best)
    return best


def _shifted(image: np.ndarray, shift: int) -> list[np.ndarray]:
    steps = (-shift, 0, shift) if shift else (0,)
    return [np.roll(image, (down, across), axis=(0, 1)) for down in steps for across in steps]


def _levels(images: np.ndarray, n_bins: int) -> np.ndarray:
    """Grey values cut at the quantiles of their image into `n_bins` bins, ties in one bin."""
    flat = images.reshape(len(images), -1)
    levels = np.empty(flat.shape, dtype=np.int64)
    for row, values in enumerate(flat):
        edges = np.quantile(values, np.arange(1, n_bins) / n_bins)
        levels[row] = np.searchsorted(edges, values, side="right")
    return levels.reshape(images.shape)


def _entropy(shares: np.ndarray) -> np.ndarray:
    """Entropy in nats of each row of shares."""
    logs = np.log(np.where(shares > 0, shares, 1.0))
    entropy: np.ndarray = -(shares * logs).sum(axis=-1, dtype=np.float64)
    return entropy


def _standard_windows(images: np.ndarray, window: int) -> np.ndarray:
    """Windows at mean 0 and length 1, all of an image in a row, divided by √(windows)."""
    n, edge = images.shape[0], images.shape[1] // window
    if images.shape[1:] != (edge * window, edge * window):
        raise ValueError(f"images of shape {images.shape[1:]} do not divide into windows")
    parts = images.astype(np.float64).reshape(n, edge, window, edge, window)
    parts = parts.transpose(0, 1, 3, 2, 4).reshape(n, edge * edge, window * window)
    parts = parts - parts.mean(axis=2, keepdims=True)
    lengths = np.linalg.norm(parts, axis=2, keepdims=True)
    parts = np.divide(parts, lengths, out=np.zeros_like(parts), where=lengths > 1e-9)
    standard: np.ndarray = parts.reshape(n, -1) / edge
    return standard
