"""Any network of timm, without its classifier."""

import inspect
from pathlib import Path
from typing import Any

from training.backbones.grey_backbone import GreyBackbone
from training.backbones.local_weights import load_weights, read_weights
from training.backbones.network_parts import network_stages


def timm_backbone(
    name: str, weights: Path | None, image_size: int | None
) -> tuple[GreyBackbone, int]:
    """Build timm's network `name` for one channel, with weights from a file or at random.

    Input scaling is that of its pretrained configuration, its three channels' mean and standard
    deviation averaged. Where the architecture has positions for one image size, they are
    interpolated to `image_size` after the weights are loaded.

    Raises `ValueError`: timm has no such network, or the weights do not fit.
    """
    import timm

    if not timm.is_model(name):
        raise ValueError(f"timm has no network {name!r}; `timm.list_models()` lists them")
    network: Any = timm.create_model(name, pretrained=False, num_classes=0, in_chans=1)
    resizable = hasattr(network, "set_input_size")
    takes_size = "img_size" in inspect.signature(type(network).__init__).parameters
    if image_size is not None and takes_size and not resizable:
        network = timm.create_model(
            name, pretrained=False, num_classes=0, in_chans=1, img_size=image_size
        )
    told = network.pretrained_cfg
    if weights is not None:
        classifier = told.get("classifier") or ()
        names = (classifier,) if isinstance(classifier, str) else classifier
        first = told.get("first_conv")
        if not isinstance(first, str):
            raise ValueError(f"timm names no single first convolution of {name!r}; not supported")
        ignored = [f"{one}." for one in names]
        load_weights(network, weights, read_weights(weights), first, ignored)
    if image_size is not None and takes_size and resizable:
        network.set_input_size(img_size=image_size)
    mean, std = (sum(told[key]) / len(told[key]) for key in ("mean", "std"))
    grey = GreyBackbone(network, mean, std, network_stages(network))
    return grey, int(getattr(network, "head_hidden_size", None) or network.num_features)
