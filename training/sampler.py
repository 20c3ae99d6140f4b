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
        `(n, n_classes)` from 0 to 1; an exam has a class when its target is at least 0.5, so not
        when it is NaN (not known).
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

    batch = _Batch(n_exams)
    batches = []
    for _ in range(max(1, round(n_exams / batch_size))):
        for number in rng.permutation(len(holders)):
            free = batch.free_of(holders[number])
            missing = min(per_class, len(holders[number])) - (len(holders[number]) - len(free))
            if batch.filled + max(missing, 0) > batch_size // 2:
                break
            if missing > 0:
                batch.take(rng.choice(free, missing, replace=False))
        free = batch.free_of(normals)
        missing = n_normals - (len(normals) - len(free))
        if missing > 0:
            batch.take(rng.choice(free, missing, replace=False))
        while batch.filled < batch_size:
            if position == n_exams:
                passing, position = rng.permutation(n_exams), 0
            following = passing[position : position + batch_size - batch.filled]
            batch.take(batch.free_of(following))
            position += len(following)
        batches.append(rng.permutation(batch.rows()))
    return batches


class _Batch:
    """The exams taken so far; one is used for all batches, as an array of all exams is large."""

    def __init__(self, n_exams: int) -> None:
        self._taken = np.zeros(n_exams, dtype=bool)
        self._parts: list[np.ndarray] = []
        self.filled = 0

    def free_of(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows that are not taken."""
        free: np.ndarray = rows[~self._taken[rows]]
        return free

    def take(self, rows: np.ndarray) -> None:
        self._taken[rows] = True
        self._parts.append(rows)
        self.filled += len(rows)

    def rows(self) -> np.ndarray:
        """Return the rows taken, rising, and begin anew."""
        rows = np.sort(np.concatenate(self._parts))
        self._taken[rows] = False
        self._parts, self.filled = [], 0
        return rows
