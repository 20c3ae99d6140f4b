"""How far apart images are that share a finding, and images that do not."""

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.figures.gallery_sample import GallerySample
from pipeline.figures.saved_figures import saved
from pipeline.lake import Lake

BINS = 60


def pair_distances(lake: Lake, sample: GallerySample) -> pd.DataFrame:
    """Return a histogram of the cosine distances of all pairs of a sample, in bins of equal width.

    Columns: low, high (bounds of the bin), same, different (pairs in it), and auc, the same in
    every row: the chance that a pair of the same label is nearer than one of different labels.
    Same: at least one class in common, or both normal. Different: none in common. Left out are
    pairs of one exam or patient, and unknown pairs: those with an exam whose label set is empty
    without its being normal.
    """
    table = saved(lake, "pair_distances", sample.made_of, lambda: _counted(sample))
    return table.to_pandas()


def _counted(sample: GallerySample) -> pa.Table:
    upper = np.triu(np.ones((len(sample.vectors),) * 2, dtype=bool), k=1)
    same, known = _relations(sample)
    distances = 1 - sample.vectors @ sample.vectors.T
    near, far = distances[upper & known & same], distances[upper & known & ~same]
    edges = np.linspace(0, max(2e-3, float(distances.max())), BINS + 1)
    return pa.table(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "same": np.histogram(near, edges)[0],
            "different": np.histogram(far, edges)[0],
            "auc": np.full(BINS, _auc(near, far)),
        }
    )


def _relations(sample: GallerySample) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs have the same label, and of which it can be said, bool `(n, n)` each."""
    labels, normal = sample.labels, sample.normal
    told = labels.any(axis=1) | normal
    shared = (labels.astype(np.float32) @ labels.T.astype(np.float32)) > 0
    same = shared | (normal[:, None] & normal[None, :])
    known = told[:, None] & told[None, :]
    for column in ("exam_id", "patient_id"):
        codes, _ = pd.factorize(sample.rows[column])
        # A patient that is not known is factorised to -1, and is nobody else.
        known &= (codes[:, None] != codes[None, :]) | (codes[:, None] < 0)
    return same, known


def _auc(near: np.ndarray, far: np.ndarray) -> float:
    """Return the share of (near, far) pairs in order, ties half (Mann & Whitney 1947)."""
    from scipy.stats import mannwhitneyu

    if not (len(near) and len(far)):
        return float("nan")
    return float(mannwhitneyu(far, near).statistic / (len(near) * len(far)))
