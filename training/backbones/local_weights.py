"""Weights from a file of the user's own, fitted to a network strictly."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a safetensors file, or of a torch file that holds nothing but tensors.

    A training checkpoint (tensors under `state_dict` or `model`) is read too, as timm does.

    Raises `ValueError` when there is no such file or it cannot be read as either.
    """
    from timm.models import load_state_dict

    if not file.is_file():
        raise ValueError(f"no weights file {file}")
    try:
        tensors: dict[str, torch.Tensor] = load_state_dict(str(file), weights_only=True)
    except Exception as error:  # damaged and pickled files fail in every kind of way
        raise ValueError(
            f"{file} holds no plain tensors (a safetensors file, or a torch file of a state_dict; "
            "a file with a whole pickled network is not opened: save its state_dict() once)"
        ) from error
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise ValueError(f"{file} holds more than tensors; save the network's state_dict alone")
    return tensors


def load_weights(
    network: nn.Module,
    file: Path,
    tensors: dict[str, torch.Tensor],
    stem: str,
    ignored: Sequence[str] = (),
) -> None:
    """Load `tensors` into `network`, in place, by name and shape.

    Parameters
    ----------
    network
        Takes one channel and has no classifier.
    file
        Where the tensors come from, for the error.
    stem
        Name of the first convolution; its weights for three channels are summed, since a grey
        image is the same value in each.
    ignored
        Tensors whose names begin with one of these are left out (the classifier's).

    Raises `ValueError` that names the first tensor that is missing, unexpected or of another
    shape. Batch counters of batch normalisation may be missing: old files have none.
    """
    given = {
        name: tensor for name, tensor in tensors.items() if not name.startswith(tuple(ignored))
    }
    first = f"{stem}.weight"
    expected = network.state_dict()
    if first in given and given[first].ndim == 4 and given[first].shape[1] == 3:
        given[first] = given[first].sum(dim=1, keepdim=True)
    missing = [
        name for name in expected if name not in given and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in given if name not in expected]
    if missing or unexpected:
        parts = [
            f"{len(names)} {kind}, first {names[0]}"
            for kind, names in (("missing", missing), ("unexpected", unexpected))
            if names
        ]
        raise ValueError(f"{file} does not fit the backbone: tensors {'; '.join(parts)}")
    for name, tensor in given.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(
                f"{file} does not fit the backbone: {name} is {tuple(tensor.shape)}, "
                f"not {tuple(expected[name].shape)}"
            )
    network.load_state_dict(given, strict=False)
