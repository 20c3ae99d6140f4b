"""What a lake holds, without what differs from one run to the next: for comparing two roads.

Left out or replaced are run ids, times, seconds, and what is derived from them: a release's file
names its run, so its digest, and with it the ids and files of models, differ; releases and models
are numbered instead. Table versions differ too, since a run that died leaves versions that nobody
names. Vectors, weights, pixels and figures must be equal to the last bit.
"""

import hashlib
import json
from typing import Any

import numpy as np

from pipeline.lake import Lake
from pipeline.manifest_images import cache_folder
from pipeline.manifests import manifest_metadata, read_manifest, releases
from pipeline.models import (
    MODEL_FILE,
    current_model,
    embeddings_made_of,
    gallery_of,
    local_model_folder,
)
from pipeline.settings import Settings

PROVENANCE = ["run_id", "committed_at"]
_NAMED_BY_DIGEST = (
    "model_id",
    "compared_with",
    "model_digest",
    "manifest_digest",
    "path",
    "source",
)


def contents(settings: Settings) -> dict[str, list[str]]:
    """Return the rows of each table, release, model and index of a lake, as sorted texts.

    Raises
    ------
    AssertionError
        Something that the lake names is not whole: a model whose file is not the one that its row
        names, pixels that are not there.
    """
    lake = Lake.of(settings)
    names = _names(lake)
    found: dict[str, list[str]] = {}
    for table in lake.versions():
        if table != "manifest":
            rows = lake.read(table).drop_columns(PROVENANCE).to_pylist()
            found[table] = sorted(_told(table, row, names, settings, lake) for row in rows)
    for release in releases(lake):
        manifest = read_manifest(lake, release)
        about = manifest_metadata(manifest)
        for name in ("run_id", "created_at", "tables"):
            about.pop(name)
        rows = manifest.drop_columns(PROVENANCE).to_pylist()
        found[f"release {release.version}"] = [json.dumps(about), *map(str, rows)]
    found["runs"] = [f"{run['stage']} {run['counts']}" for run in _in_order(lake)]
    if "models" in found:
        found["gallery"] = _gallery(lake)
    return found


def _names(lake: Lake) -> dict[str, str]:
    """Return what stands for each release's digest and place and each model's id."""
    names = {}
    for release in releases(lake):
        names[release.digest] = names[release.path] = f"release {release.version}"
    for model in lake.read("models").to_pylist():
        trained_on = names[model["manifest_digest"]]
        names[model["model_id"]] = f"model of {trained_on}"
        file = f"file of the model of {trained_on}"
        names[f"models/{model['model_id']}/{MODEL_FILE}"] = names[model["content_hash"]] = file
    return names


def _told(
    table: str, row: dict[str, Any], names: dict[str, str], settings: Settings, lake: Lake
) -> str:
    for name in _NAMED_BY_DIGEST:
        if name in row:
            row[name] = names.get(row[name], row[name])
    if table == "models":
        row["measures"] = {k: v for k, v in json.loads(row["measures"]).items() if k != "seconds"}
        row["content_hash"] = _weights(lake, row, names)
    elif table == "model_decisions":
        row["content_hash"] = names[row["content_hash"]]
    elif table == "embeddings":
        row.pop("content_hash")
        row["embedding"] = np.asarray(row["embedding"], np.float32).tobytes().hex()
    elif table == "evaluations":
        row.pop("content_hash")
    elif table == "drift":
        for name in ("content_hash", "source", "reports_version", "labels_version", "measured_to"):
            row.pop(name)
    elif table == "pixels":
        shard = np.load(cache_folder(settings, lake) / row.pop("shard"), mmap_mode="r")
        row["pixels"] = hashlib.sha256(shard[row.pop("row")].tobytes()).hexdigest()
    return str(row)


def _weights(lake: Lake, row: dict[str, Any], names: dict[str, str]) -> str:
    """Return a hash of a model's tensors; its file must be the one that the row names."""
    from training import load_model

    [model_id] = [name for name, told in names.items() if told == row["model_id"]]
    file = local_model_folder(lake, model_id) / MODEL_FILE
    assert hashlib.sha256(file.read_bytes()).hexdigest() == row["content_hash"], "half a model"
    model, _ = load_model(file)
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _gallery(lake: Lake) -> list[str]:
    """Return the ids in the current model's index, once it has embeddings; it must be of these."""
    from training import GalleryIndex

    model_id = current_model(lake)["model_id"]
    size, made_of = embeddings_made_of(lake, model_id)
    if size == 0:
        return []
    folder = local_model_folder(lake, gallery_of(model_id, made_of))
    return sorted(GalleryIndex.load(folder, model_id, made_of).ids)


def _in_order(lake: Lake) -> list[dict[str, Any]]:
    return sorted(lake.runs().to_pylist(), key=lambda run: run["committed_at"])
