"""The networks of torchxrayvision: DenseNet-121 and ResNet-50 trained on chest radiographs."""

import warnings
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from training.backbones.grey_backbone import GreyBackbone, one_channel
from training.backbones.local_weights import load_weights, read_weights
from training.backbones.network_parts import network_stages

# torchxrayvision scales images to -1024..1024: (x - 0.5) / (1 / 2048) for x from 0 to 1.
MEAN = 0.5
STD = 1 / 2048

# The weights that saw images of NIH ChestX-ray14, by the data sets that the package names for each.
# RSNA's pneumonia images are a part of NIH's.
_SAW_NIH = frozenset(
    {
        "all",
        "densenet121-res224-all",
        "nih",
        "densenet121-res224-nih",
        "rsna",
        "densenet121-res224-rsna",
        "resnet50-res512-all",
    }
)


def names_nih_weights(name: str) -> bool:
    """Return whether `name` (with or without `xrv:`) means weights trained on NIH's radiographs.

    Such a network has seen what it would be judged on: it is no baseline there. True for those
    trained on RSNA's pneumonia images, which are NIH's.
    """
    return name.removeprefix("xrv:") in _SAW_NIH


class PooledFeatures(nn.Module):
    """torchxrayvision's DenseNet up to its classifier: rectified feature maps, averaged."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features `(b, n_features)`."""
        maps = cast(torch.Tensor, self.features(images))
        return nn.functional.relu(maps).mean(dim=(2, 3))


def xrv_backbone(name: str, weights: Path | None) -> tuple[GreyBackbone, int]:
    """Build the network of torchxrayvision's weights `name`, from a file or at random.

    The file holds the state_dict: the package's own DenseNet files are whole pickled networks,
    which are not opened here; who trusts one saves its `state_dict()` once.

    Raises
    ------
    ValueError
        The package knows no such weights, or the file does not fit.
    ModuleNotFoundError
        torchxrayvision is not installed.
    """
    with warnings.catch_warnings():
        # The package silences all warnings of the process when it is imported.
        import torchxrayvision

    names = sorted(torchxrayvision.models.model_urls)
    if name not in names:
        raise ValueError(f"torchxrayvision has no weights {name!r}; known: {', '.join(names)}")
    if name.startswith("resnet"):
        network, n_features, stem, ignored = _resnet50()
    else:
        dense = torchxrayvision.models.DenseNet(weights=None, in_channels=1)
        network, n_features = PooledFeatures(dense.features), dense.classifier.in_features
        stem, ignored = "features.conv0", ["classifier.", "op_threshs"]
    if weights is not None:
        load_weights(network, weights, read_weights(weights), stem, ignored)
    return GreyBackbone(network, MEAN, STD, network_stages(network)), int(n_features)


def _resnet50() -> tuple[nn.Module, int, str, list[str]]:
    """Build what torchxrayvision's `ResNet` holds, which cannot be had without its weights."""
    import torchvision

    network: Any = torchvision.models.resnet50(weights=None)
    n_features = network.fc.in_features
    network.fc = nn.Identity()
    network.conv1 = one_channel(network.conv1)
    return network, n_features, "conv1", ["fc."]
