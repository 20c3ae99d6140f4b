"""Batches that hold enough positives of each drawn class and enough normal exams."""

import numpy as np


def balanced_batches(
    targets: np.ndarray,
    normal: np.ndarray,
    batch_size: int,
    per_class: int = 4,
    normal_share: float = 0.25,
    seed: int = 0,
    epoch: int = 0,
) -> list[np.ndarray]:
    """Return the batches of one epoch as arrays of row numbers.

    A metric loss learns from pairs, and a rare class has none in most random batches. A batch
    draws classes without repetition until half of it is filled, `per_class` exams of each (all of
    them if the class has fewer), then normal exams up to `normal_share` of it; the rest comes
    from one shuffled pass over all exams, so that an epoch follows the data's own distribution
    too. No exam is twice in a batch.

    Parameters
    ----------
    targets
        `(n, n_classes)` from 0 to 1; an exam has a class when its target is at least 0.5.
    normal
        bool `(n,)`.
    batch_size
        Exams in a batch; all batches are full (one batch of all exams if there are fewer).
    per_class
        Exams of each drawn class.
    normal_share
        Least share of normal exams, as far as there are that many.
    seed, epoch
        The same seed and epoch give the same batches.

    Returns
    -------
    About n / batch_size arrays int64 `(batch_size,)`.
    """
    n_exams = len(targets)
    if n_exams == 0:
        raise ValueError("there is no exam to draw batches from")
    if batch_size < 2:
        raise ValueError(f"a batch needs at least 2 exams, not {batch_size}")
    if not 0.0 <= normal_share <= 0.5:
        raise ValueError(f"the share of normal exams must lie in 0..0.5, not {normal_share}")
    batch_size = min(batch_size, n_exams)
    rng = np.random.default_rng([seed, epoch])
    holders = [rows for rows in map(np.flatnonzero, (targets >= 0.5).T) if len(rows) >= 2]
    normals = np.flatnonzero(normal)
    n_normals = min(len(normals), round(batch_size * normal_share))
    passing = rng.permutation(n_exams)
    position = 0

    batches = []
    for _ in range(max(1, round(n_exams / batch_size))):
        chosen = np.zeros(n_exams, dtype=bool)
        for number in rng.permutation(len(holders)):
            rows = holders[number]
            missing = min(per_class, len(rows)) - int(chosen[rows].sum())
            if chosen.sum() + max(missing, 0) > batch_size // 2:
                break
            if missing > 0:
                chosen[rng.choice(rows[~chosen[rows]], missing, replace=False)] = True
        missing = n_normals - int(chosen[normals].sum())
        if missing > 0:
            chosen[rng.choice(normals[~chosen[normals]], missing, replace=False)] = True
        while chosen.sum() < batch_size:
            if position == n_exams:
                passing, position = rng.permutation(n_exams), 0
            chosen[passing[position]] = True
            position += 1
        batches.append(rng.permutation(np.flatnonzero(chosen)))
    return batches
