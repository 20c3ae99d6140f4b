"""Trained models of a lake: their rows, their files, and which one is current."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.user_error import UserError

MODEL_FILE = "model.safetensors"
CHANCE = "chance"


def current_model(lake: Lake) -> dict[str, Any]:
    """Return the row of the newest model (columns of `schemas.MODELS`).

    Raises
    ------
    UserError
        No model is trained yet.
    """
    models = lake.read("models")
    if models.num_rows == 0:
        raise UserError("the lake has no model yet; run `radsim train` first")
    newest = pc.sort_indices(models["committed_at"])[-1].as_py()
    row: dict[str, Any] = models.slice(newest, 1).to_pylist()[0]
    return row


def untrained_id(settings: Settings) -> str:
    """Return the id under which the pretrained network's own features are embedded."""
    train = settings.train
    return f"untrained-{train.backbone}-{train.image_size}-of-{settings.cache.size}"


def model_path(model_id: str) -> str:
    """Return a model's folder, relative to the lake's root."""
    return f"models/{model_id}"


def local_model_folder(lake: Lake, model_id: str) -> Path:
    """Return a local folder with a model's files, fetched if the lake is an object store."""
    if lake.is_local:
        return Path(lake.root) / model_path(model_id)
    folder = lake.state_folder / model_path(model_id)
    if not folder.is_dir():
        from pyarrow import fs

        filesystem, root = lake.files()
        fs.copy_files(
            f"{root}/{model_path(model_id)}",
            str(folder),
            source_filesystem=filesystem,
            destination_filesystem=fs.LocalFileSystem(),
        )
    return folder


def store_model_files(lake: Lake, model_id: str, folder: Path) -> None:
    """Copy a model's files from a local folder into the lake."""
    from pyarrow import fs

    filesystem, root = lake.files()
    place = f"{root}/{model_path(model_id)}"
    filesystem.create_dir(place, recursive=True)
    fs.copy_files(
        str(folder),
        place,
        source_filesystem=fs.LocalFileSystem(),
        destination_filesystem=filesystem,
    )


def read_embeddings(
    lake: Lake, model_id: str, version: int | None = None
) -> tuple[list[str], np.ndarray]:
    """Return the image ids and embeddings float32 `(n, d)` of a model."""
    table = lake.read(
        "embeddings", ["image_id", "embedding"], ds.field("model_id") == model_id, version
    )
    if table.num_rows == 0:
        return [], np.zeros((0, 0), dtype=np.float32)
    flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    vectors = flat.reshape(table.num_rows, -1).astype(np.float32, copy=False)
    return table["image_id"].to_pylist(), vectors
