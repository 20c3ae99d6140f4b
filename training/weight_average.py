"""Exponential moving average of a model's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class WeightAverage:
    """Running mean of a model's parameters, used for evaluation in place of the last step's.

    The decay of step t is min(`decay`, (1 + t) / (10 + t)), so that the first steps, which start
    from good weights, do not rule a short training.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self._parameters = list(model.parameters())
        self._mean = [parameter.detach().clone() for parameter in self._parameters]

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The mean weights themselves, in the order of the model's parameters."""
        return self._mean

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's current weights."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._mean, [p.detach() for p in self._parameters], 1.0 - decay)
        self.steps += 1

    def take_over(self) -> None:
        """Give the model the mean weights for good."""
        self._write(self._mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the mean weights for the length of a `with` block."""
        last = [parameter.detach().clone() for parameter in self._parameters]
        self._write(self._mean)
        try:
            yield
        finally:
            self._write(last)

    @torch.no_grad()
    def _write(self, weights: list[torch.Tensor]) -> None:
        for parameter, weight in zip(self._parameters, weights, strict=True):
            parameter.copy_(weight)
