"""The pixel cache: squares of one size in memory-mapped shards, each image decoded once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.scratch import whole_file


def write_shard(folder: Path, name: str, squares: np.ndarray) -> None:
    """Write uint8 `(n, size, size)` as shard `name`; a reader never sees half of it."""
    if squares.dtype != np.uint8 or squares.ndim != 3:
        raise ValueError(f"a shard is uint8 (n, size, size), not {squares.dtype} {squares.shape}")
    with whole_file(folder / name) as partial, partial.open("wb") as file:
        # As `np.save` does, whose errors do not say that a disk is full.
        np.lib.format.write_array_header_1_0(
            file, np.lib.format.header_data_from_array_1_0(squares)
        )
        file.write(np.ascontiguousarray(squares).data)


def blank_rows(shard: Path, rows: Sequence[int]) -> None:
    """Set images of a shard to zero, in place."""
    squares = np.load(shard, mmap_mode="r+", allow_pickle=False)
    squares[list(rows)] = 0
    squares.flush()


class Pixels:
    """Cached images in a given order, as an array that is read when it is indexed.

    `len`, `shape` (n, size, size), and indexing by an integer array, which gives uint8
    `(b, size, size)`.
    """

    def __init__(self, shards: Sequence[np.ndarray], shard_of: np.ndarray, row: np.ndarray) -> None:
        self._shards = shards
        self._shard_of = shard_of
        self._row = row
        size = shards[0].shape[1]
        self.shape = (len(row), size, size)

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        wanted = np.atleast_1d(np.asarray(rows, dtype=np.int64))
        result = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        for number in np.unique(self._shard_of[wanted]):
            here = np.flatnonzero(self._shard_of[wanted] == number)
            result[here] = self._shards[number][self._row[wanted[here]]]
        return result


def open_pixels(folder: Path, shards: Sequence[str], rows: np.ndarray) -> Pixels:
    """Return the images at row ``rows[i]`` of shard ``shards[i]``, in that order.

    Raises
    ------
    FileNotFoundError
        A shard is missing.
    """
    names, shard_of = np.unique(np.asarray(shards, dtype=str), return_inverse=True)
    arrays = [np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names]
    return Pixels(arrays, shard_of, np.asarray(rows, dtype=np.int64))
