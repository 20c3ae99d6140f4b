"""A network on one-channel images, with its input scaling."""

from typing import Any, cast

import torch
from torch import nn


class GreyBackbone(nn.Module):
    """A network on one-channel images, with its input scaling.

    Takes float `(b, 1, h, w)` from 0 to 1, returns pooled features `(b, n_features)`. `stages`
    are the names of the network's parts from the input on.
    """

    def __init__(
        self, network: nn.Module, mean: float, std: float, stages: tuple[tuple[str, ...], ...]
    ) -> None:
        super().__init__()
        self.network = network
        self.mean = mean
        self.std = std
        self.stages = stages

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scale the images and return their features."""
        return cast(torch.Tensor, self.network((images - self.mean) / self.std))

    def freeze(self, n_stages: int) -> None:
        """Exclude the first `n_stages` stages from training; 0 trains all of them."""
        self.requires_grad_(True)
        for names in self.stages[:n_stages]:
            for name in names:
                self.network.get_submodule(name).requires_grad_(False)


def one_channel(conv: Any) -> nn.Conv2d:
    """Sum a first convolution's weights over its three input channels, in place.

    A grey image is the same value in three channels.
    """
    conv.weight = nn.Parameter(conv.weight.detach().sum(dim=1, keepdim=True))
    conv.in_channels = 1
    return cast(nn.Conv2d, conv)
