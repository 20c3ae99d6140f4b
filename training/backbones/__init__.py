"""Image networks for one-channel radiographs, one family a module; none fetches anything."""

from collections.abc import Callable

from training.backbones.efficientnet_lite import (
    efficientnet_lite0,
    efficientnet_lite0_levels,
    efficientnet_lite2,
    efficientnet_lite2_levels,
)
from training.backbones.grey_backbone import GreyBackbone

__all__ = ["BACKBONES", "GreyBackbone", "load_backbone"]

BACKBONES: dict[str, Callable[[bool], tuple[GreyBackbone, int]]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "efficientnet_lite0:levels": efficientnet_lite0_levels,
    "efficientnet_lite2": efficientnet_lite2,
    "efficientnet_lite2:levels": efficientnet_lite2_levels,
}
"""Backbones whose weights are installed with RadSim."""


def load_backbone(name: str, pretrained: bool = True) -> tuple[GreyBackbone, int]:
    """Return a backbone and its number of features.

    Parameters
    ----------
    name
        `efficientnet_lite0` or `efficientnet_lite2`: the last layer's means, 1,280 features.
        With the suffix `:levels`: the means of five depths, 744 or 816 features.
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
