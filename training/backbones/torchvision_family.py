"""Any classification network of torchvision, without its classifier."""

import re
from pathlib import Path
from typing import Any

from torch import nn

from training.backbones.grey_backbone import GreyBackbone, one_channel
from training.backbones.local_weights import load_weights, read_weights
from training.backbones.network_parts import first_convolution, last_linear, network_stages

# torchvision's ImageNet preprocessing, its three channels averaged.
MEAN = (0.485 + 0.456 + 0.406) / 3
STD = (0.229 + 0.224 + 0.225) / 3

# torchvision's DenseNet files still carry these names (torchvision.models.densenet renames them).
_OLD_DENSE = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.(\d\..*)$")


def torchvision_backbone(
    name: str, weights: Path | None, image_size: int | None
) -> tuple[GreyBackbone, int]:
    """Build torchvision's network `name` for one channel, with weights from a file or at random.

    The last linear layer is taken off; the features are what it was given. Vision transformers
    are built for `image_size`; weights of another size do not fit them.

    Raises `ValueError`: torchvision has no such classification network, it has no last linear
    layer, or the weights do not fit.
    """
    import torchvision

    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ValueError(
            f"torchvision has no classification network {name!r}; "
            "`torchvision.models.list_models()` lists them"
        )
    options = {"image_size": image_size} if name.startswith("vit_") and image_size else {}
    network: Any = torchvision.models.get_model(name, weights=None, **options)
    classifier = last_linear(network)
    if classifier is None:
        raise ValueError(f"torchvision's {name!r} does not end in a linear layer; not supported")
    n_features = network.get_submodule(classifier).in_features
    network.set_submodule(classifier, nn.Identity())
    stem = first_convolution(network)
    one_channel(network.get_submodule(stem))
    if weights is not None:
        tensors = {_OLD_DENSE.sub(r"\1\2", k): v for k, v in read_weights(weights).items()}
        load_weights(network, weights, tensors, stem, [f"{classifier}."])
    return GreyBackbone(network, MEAN, STD, network_stages(network)), int(n_features)
