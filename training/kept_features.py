"""Features on disk as they are computed, so that a killed run does not compute them again.

Features cost a pass of the network over every image, the head that is trained on them seconds.
"""

import json
import os
import time
from pathlib import Path

import numpy as np

# Seconds between two notes of how far the features are.
SECONDS_BETWEEN_NOTES = 10.0


class KeptFeatures:
    """An array of features in a `.npy` file and how many of its rows are filled.

    Parameters
    ----------
    path
        The file, ending in `.npy`; how far it is filled is noted beside it.
    shape
        Of the array; a file of another shape is begun anew.

    Attributes
    ----------
    array
        float32, memory-mapped.
    filled
        Rows filled so far, counted over all but the last axis.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._note = path.with_suffix(".json")
        self._noted_at = time.monotonic()
        self.filled = self._found(path, shape)
        mode = "r+" if self.filled else "w+"
        self.array = np.lib.format.open_memmap(path, mode, np.dtype(np.float32), shape)
        if not self.filled:
            _reserve(path)

    def _found(self, path: Path, shape: tuple[int, ...]) -> int:
        if not path.is_file() or not self._note.is_file():
            return 0
        if np.load(path, mmap_mode="r", allow_pickle=False).shape != shape:
            return 0
        return int(json.loads(self._note.read_text(encoding="utf-8"))["filled"])

    def fill(self, filled: int) -> None:
        """Note that the first `filled` rows are there; on disk now and then, and at the end."""
        self.filled = filled
        whole = filled == self.array[..., 0].size
        if whole or time.monotonic() - self._noted_at >= SECONDS_BETWEEN_NOTES:
            self.array.flush()
            partial = self._note.with_name(self._note.name + ".partial")
            partial.write_text(json.dumps({"filled": filled}), encoding="utf-8")
            partial.replace(self._note)
            self._noted_at = time.monotonic()


def _reserve(path: Path) -> None:
    """Claim the file's room on the disk now: a page of it that finds none later ends the process.

    Raises
    ------
    OSError
        The disk is full.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
