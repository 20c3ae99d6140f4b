"""Trained models of a lake: their rows, their files, and which one is current."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from pipeline.lake import Lake
from pipeline.scratch import whole_file
from pipeline.settings import Settings
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from training import EmbeddingModel

MODEL_FILE = "model.safetensors"
CHANCE = "chance"
CURRENT, REFUSED = "current", "refused"


def current_model(lake: Lake) -> dict[str, Any]:
    """Return the row of the model that the gate or a person made current (`schemas.MODELS`).

    As long as nothing is decided in a lake it is the newest one.

    Raises
    ------
    UserError
        No model is trained yet.
    """
    models = models_in_order(lake)
    if not models:
        raise UserError("the lake has no model yet; run `radsim train` first")
    by_id = {model["model_id"]: model for model in models}
    chosen = [made["model_id"] for made in decisions(lake) if made["verdict"] == CURRENT]
    standing = [model_id for model_id in chosen if model_id in by_id]
    return by_id[standing[-1]] if standing else models[-1]


def candidate_model(lake: Lake) -> dict[str, Any] | None:
    """Return the row of the newest model if nothing is decided on it yet, else None.

    It may be the current one: the first model of a lake, or one whose training was forced again.
    A model that a newer one overtook before it was judged is no candidate any more.
    """
    models = models_in_order(lake)
    decided = {(made["model_id"], made["model_digest"]) for made in decisions(lake)}
    if not models or (models[-1]["model_id"], models[-1]["content_hash"]) in decided:
        return None
    return models[-1]


def models_in_use(lake: Lake) -> list[dict[str, Any]]:
    """Return the row of the current model and, if it is another one, of the candidate.

    Raises
    ------
    UserError
        No model is trained yet.
    """
    current, candidate = current_model(lake), candidate_model(lake)
    if candidate is None or candidate["model_id"] == current["model_id"]:
        return [current]
    return [current, candidate]


def models_in_order(lake: Lake) -> list[dict[str, Any]]:
    """Return the rows of the models as they were committed, by the ledger, not by the clock."""
    ledger = lake.runs().select(["run_id", "outputs"]).to_pylist()
    written = {run["run_id"]: json.loads(run["outputs"]).get("models", -1) for run in ledger}
    models: list[dict[str, Any]] = lake.read("models").to_pylist()
    return sorted(models, key=lambda model: written.get(model["run_id"], -1))


def decisions(lake: Lake) -> list[dict[str, Any]]:
    """Return the decisions on models, oldest first (`schemas.MODEL_DECISIONS`)."""
    made: list[dict[str, Any]] = lake.read("model_decisions").sort_by("decision_no").to_pylist()
    return made


def model_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that make a model, as its row keeps them.

    Raises
    ------
    UserError
        The file of the backbone's weights cannot be read.
    """
    told = settings.train.of_model() | {"square_size": settings.cache.size}
    weights = settings.train.weights
    return told if weights is None else told | {"weights_digest": weights_digest(weights)}


def untrained_id(settings: Settings) -> str:
    """Return the id under which the pretrained network's own features are embedded.

    Raises
    ------
    UserError
        The file of the backbone's weights cannot be read.
    """
    train = settings.train
    name = f"untrained-{train.backbone}-{train.image_size}-of-{settings.cache.size}"
    return name if train.weights is None else f"{name}-by-{weights_digest(train.weights)[:12]}"


def weights_digest(file: Path) -> str:
    """Return the SHA-256 of a backbone's weights file as hex.

    Raises
    ------
    UserError
        It cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); see [train] weights") from None


def model_path(model_id: str) -> str:
    """Return a model's folder, relative to the lake's root."""
    return f"models/{model_id}"


def stored_model(lake: Lake, model: dict[str, Any]) -> "EmbeddingModel":
    """Return the network of a row of table models, ready to embed.

    Raises
    ------
    UserError
        Its file is missing or is not the one that was trained.
    """
    from training import load_model
    from training.checkpoint import file_digest

    file = local_model_folder(lake, model["model_id"]) / MODEL_FILE
    if not file.is_file() or file_digest(file) != model["content_hash"]:
        raise UserError(
            f"{file}: missing, or not the file that was trained; put it back from a backup, or "
            "train anew with `radsim train --force`"
        )
    network, _ = load_model(file)
    return network


def gallery_of(model_id: str, made_of: str) -> str:
    """Return the place, among the models, of the index over a model's embeddings made of this.

    Each set of embeddings has a folder of its own, so that a reader never sees one index's file
    beside another's, nor the index of a run that died.
    """
    return f"{model_id}/gallery-{made_of[:16]}"


def drop_other_galleries(lake: Lake, model_id: str, made_of: str) -> None:
    """Remove the indexes over a model's former embeddings."""
    filesystem, root = lake.files()
    kept = gallery_of(model_id, made_of)
    with lake.reached():
        for info in filesystem.get_file_info(fs.FileSelector(f"{root}/{model_path(model_id)}")):
            if not info.base_name.startswith("gallery") or info.path.endswith(kept):
                continue
            if info.is_file:
                filesystem.delete_file(info.path)
            else:
                filesystem.delete_dir(info.path)


def local_model_folder(lake: Lake, model_id: str) -> Path:
    """Return a local folder with a model's files, fetched anew where the object store's changed."""
    if lake.is_local:
        return Path(lake.root) / model_path(model_id)
    folder = lake.state_folder / model_path(model_id)
    folder.mkdir(parents=True, exist_ok=True)
    filesystem, root = lake.files()
    with lake.reached():
        stored = filesystem.get_file_info(fs.FileSelector(f"{root}/{model_path(model_id)}"))
        for info in stored:
            file = folder / info.base_name
            if info.is_file and not _is_copy(file, info):
                _fetch(filesystem, info, file)
    return folder


def _is_copy(file: Path, info: fs.FileInfo) -> bool:
    if not file.is_file():
        return False
    found = file.stat()
    return (found.st_size, found.st_mtime_ns) == (info.size, info.mtime_ns)


def _fetch(filesystem: fs.FileSystem, info: fs.FileInfo, file: Path) -> None:
    """Copy a file of an object store with its time of change; a reader never sees half of it."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        partial = Path(folder) / file.name
        fs.copy_files(
            info.path,
            str(partial),
            source_filesystem=filesystem,
            destination_filesystem=fs.LocalFileSystem(),
        )
        os.utime(partial, ns=(info.mtime_ns, info.mtime_ns))
        partial.replace(file)


def store_model_files(lake: Lake, model_id: str, folder: Path) -> None:
    """Copy a model's files from a local folder into the lake; a reader never sees half of one."""
    filesystem, root = lake.files()
    place = f"{root}/{model_path(model_id)}"
    with lake.reached():
        for file in sorted(folder.iterdir()):
            if lake.is_local:
                with whole_file(Path(place) / file.name) as partial:
                    shutil.copyfile(file, partial)
                continue
            fs.copy_files(
                str(file),
                f"{place}/{file.name}",
                source_filesystem=fs.LocalFileSystem(),
                destination_filesystem=filesystem,
            )


def embeddings_made_of(lake: Lake, model_id: str, version: int | None = None) -> tuple[int, str]:
    """Return how many embeddings a model has, and a hash of what they were made of.

    Vectors are not read: an embedding's content hash changes with the model's weights and the
    image's pixels.
    """
    columns = ["image_id", "content_hash"]
    table = lake.read("embeddings", columns, ds.field("model_id") == model_id, version)
    rows = table.sort_by("image_id")
    digest = hashlib.sha256()
    for row in pc.binary_join_element_wise(rows["image_id"], rows["content_hash"], " ").to_pylist():
        digest.update(f"{row}\n".encode())
    return rows.num_rows, digest.hexdigest()


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
