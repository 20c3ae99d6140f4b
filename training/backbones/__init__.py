"""Image networks for one-channel radiographs, one family a module; none fetches anything."""

from collections.abc import Callable
from pathlib import Path

from training.backbones.efficientnet_lite import (
    efficientnet_lite0,
    efficientnet_lite0_regions,
    efficientnet_lite2,
    efficientnet_lite2_regions,
)
from training.backbones.grey_backbone import GreyBackbone
from training.backbones.timm_family import timm_backbone
from training.backbones.torchvision_family import torchvision_backbone
from training.backbones.xrv_family import names_nih_weights, xrv_backbone

__all__ = ["BACKBONES", "GreyBackbone", "load_backbone", "names_nih_weights"]

BACKBONES: dict[str, Callable[[bool], tuple[GreyBackbone, int]]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "efficientnet_lite0:regions": efficientnet_lite0_regions,
    "efficientnet_lite2": efficientnet_lite2,
    "efficientnet_lite2:regions": efficientnet_lite2_regions,
}
"""Backbones whose weights are installed with RadSim."""

_FAMILIES: dict[str, Callable[[str, Path | None, int | None], tuple[GreyBackbone, int]]] = {
    "timm": timm_backbone,
    "torchvision": torchvision_backbone,
    "xrv": lambda name, weights, image_size: xrv_backbone(name, weights),
}


def load_backbone(
    name: str,
    pretrained: bool = True,
    weights: Path | None = None,
    image_size: int | None = None,
) -> tuple[GreyBackbone, int]:
    """Return a backbone and its number of features.

    Parameters
    ----------
    name
        `efficientnet_lite0` or `efficientnet_lite2`: the last layer's means, 1,280 features.
        With the suffix `:regions`: the means of four depths over nine regions of the image, both
        sides averaged, 3,816 or 4,176 features. Or a network of another package,
        `timm:NAME`, `torchvision:NAME` or `xrv:NAME` (torchxrayvision).
    pretrained
        Load the weights; if false the network is initialised at random (a checkpoint follows).
    weights
        File with the weights of a network of another package (safetensors, or a torch file of
        tensors alone); nothing is ever fetched. Not read unless `pretrained`.
    image_size
        Edge of the images, for architectures that are built for one size.

    Raises
    ------
    ValueError
        The name is not known, a network of another package has no weights file, one of RadSim's
        own has one, or the file does not fit.
    RuntimeError
        The package with the weights is missing or its tensors do not match the network.
    """
    family, _, network = name.partition(":")
    if name in BACKBONES:
        if weights is not None:
            raise ValueError(f"{name} brings its own weights; leave `weights` out")
        return BACKBONES[name](pretrained)
    if family not in _FAMILIES or not network:
        known = [*sorted(BACKBONES), *(f"{prefix}:NAME" for prefix in _FAMILIES)]
        raise ValueError(f"no backbone named {name!r}; known: {', '.join(known)}")
    if pretrained and weights is None:
        raise ValueError(f"{name} brings no weights; name a local file with `weights`")
    return _FAMILIES[family](network, Path(weights) if pretrained and weights else None, image_size)
