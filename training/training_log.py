"""The course of a training for TensorBoard; figures only, nothing of any exam."""

from pathlib import Path
from types import TracebackType
from typing import Any


class TrainingLog:
    """Writes figures for TensorBoard into a folder, or nothing when there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder))

    def write(self, step: int, **figures: float) -> None:
        """Write figures at a step; `phase__loss=0.3` becomes the figure `phase/loss`."""
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name.replace("__", "/"), value, step)

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
