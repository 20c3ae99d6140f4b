"""Folders for what only a run under way needs, and files that are whole or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.lake import Lake

# What the names of these folders begin with.
SCRATCH = "radsim-"


@contextmanager
def scratch_folder(lake: "Lake", purpose: str) -> Iterator[Path]:
    """Give a folder of the lake's state, for this user alone, that ends with the block.

    What a run that was killed left there for the same purpose is removed first; one run at a time
    writes a lake, so nobody uses it.
    """
    state = lake.state_folder
    state.mkdir(parents=True, exist_ok=True)
    prefix = f"{SCRATCH}{purpose}-"
    for left in state.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=state) as folder:
        yield Path(folder)


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give the place to write a file to; it is moved to its own at the end, so none sees half.

    Nothing is left where writing fails; what a kill leaves is written over by the next run.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    try:
        yield partial
        os.replace(partial, file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
