"""Where training computes: device, precision and, with several processes, their batch.

Lightning Fabric does the work. Several processes (a script that calls `fit`, started by
`torchrun`) each embed their part of a batch; the embeddings are gathered with their gradients, so
that a pair loss sees all pairs of the whole batch and the result is that of one process. Features
for the head are computed by each process for itself. The stage `train` is one process.
"""

from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
import torch
from torch import nn


class ProcessingUnit:
    """A device with a precision, or this process's share of several.

    Parameters
    ----------
    accelerator
        `cpu`, `gpu` or `auto`, as Fabric takes it.
    precision
        `32-true` or `bf16-mixed`; losses compute in float32 all the same.

    Raises `ValueError` for a GPU where there is none.
    """

    def __init__(self, accelerator: str = "auto", precision: str = "32-true") -> None:
        from lightning_fabric import Fabric

        if accelerator == "gpu" and not torch.cuda.is_available():
            raise ValueError("there is no GPU here; set the accelerator to auto or cpu")
        torchrun = torch.distributed.is_torchelastic_launched()
        self._fabric = Fabric(
            accelerator=accelerator,
            devices=self._n_local(),
            strategy="ddp" if torchrun else "auto",
            precision=cast(Any, precision),
        )
        if torchrun:
            self._fabric.launch()

    @staticmethod
    def _n_local() -> int:
        import os

        return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self._fabric.device

    @property
    def place(self) -> int:
        """Number of this process among those that train together, from 0."""
        return self._fabric.global_rank

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self._fabric.global_rank == 0

    def setup(self, module: nn.Module) -> Any:
        """Return the module ready to be called here: on the device, in precision, synchronised."""
        return self._fabric.setup_module(module, move_to_device=False)

    def autocast(self) -> AbstractContextManager:
        """Return the context in which a forward pass has the precision asked for."""
        return self._fabric.autocast()

    def share(self, batch: np.ndarray) -> np.ndarray:
        """Return this process's part of a batch, as long as every other's.

        Rows that do not divide evenly are left out at the end.
        """
        size = len(batch) // self._fabric.world_size
        start = self._fabric.global_rank * size
        return batch[start : start + size] if self._fabric.world_size > 1 else batch

    def whole(self, batch: np.ndarray) -> np.ndarray:
        """Return the rows of a batch that the processes take together, in their order."""
        n = self._fabric.world_size
        return batch[: len(batch) // n * n] if n > 1 else batch

    def gather(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of all processes' parts, in order, with their gradients."""
        if self._fabric.world_size == 1:
            return embeddings
        gathered = cast(torch.Tensor, self._fabric.all_gather(embeddings, sync_grads=True))
        return gathered.flatten(0, 1)

    def backward(self, loss: torch.Tensor) -> None:
        """Compute the gradient."""
        self._fabric.backward(loss)
