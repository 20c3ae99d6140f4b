"""Models on disk: safetensors with their settings as JSON metadata."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from training.embedding_model import EmbeddingModel

FORMAT = "radsim-embedding-model-1"


def save_model(
    model: EmbeddingModel, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> str:
    """Write a model and return the SHA-256 of the file as hex.

    The file is written beside its final name and moved there, so that a reader never sees half of
    it. `metadata` (settings, manifest version, seed ...) is any JSON object.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "architecture": model.architecture,
        "dim": model.dim,
        "image_size": model.image_size,
        "metadata": dict(metadata or {}),
    }
    tensors = {
        name: tensor.detach().cpu().contiguous(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    # One entry: safetensors writes several in an order that changes from run to run, and the digest
    # of equal models would differ.
    write_whole(tensors, target, {FORMAT: json.dumps(header, sort_keys=True)})
    return file_digest(target)


def write_whole(tensors: dict[str, torch.Tensor], target: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file beside its final name and move it there.

    Where writing fails, as on a full disk, nothing is left beside it.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        save_file(tensors, partial, metadata=metadata)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def load_model(path: str | os.PathLike[str]) -> tuple[EmbeddingModel, dict[str, Any]]:
    """Read a model, ready to embed, and the metadata it was saved with.

    Raises `FileNotFoundError` when there is no such file and `ValueError` when it is not a model
    that `save_model` wrote.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"no model file {source}")
    try:
        with safe_open(source, framework="pt") as opened:
            entry = (opened.metadata() or {}).get(FORMAT)
            if entry is None:
                raise ValueError(f"{source} is not an embedding model of RadSim")
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{source} cannot be read as safetensors: {error}") from error
    header = json.loads(entry)
    model = EmbeddingModel(
        header["architecture"], header["dim"], header["image_size"], pretrained=False
    )
    try:
        model.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{source} does not fit {header['architecture']}") from error
    return model.eval(), header["metadata"]


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as hex."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
