"""Embed: cached images to embeddings of the models in use, and their gallery indexes."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.contracts import whole
from pipeline.embedding_engine import Network
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.models import (
    drop_other_galleries,
    embeddings_made_of,
    gallery_of,
    local_model_folder,
    models_in_use,
    read_embeddings,
    store_model_files,
    untrained_id,
)
from pipeline.scratch import scratch_folder
from pipeline.selection import EVERYTHING, Selection, exams_selected
from pipeline.settings import GallerySettings, Settings
from pipeline.stage_summary import Progress, StageSummary, silent


def embed(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Embed the manifest's images with the current model and, beside it, the untrained network.

    A candidate, which is not current before the gate lets it through, is embedded with too. Reads
    the manifest, pixels and models; writes embeddings and each model's gallery index. Only
    images that are new or whose pixels changed are embedded, unless `force`. The index is built
    again when the embeddings have changed or [gallery] asks for another kind. `selection` limits it
    to the images of some exams, or takes those of another release.

    Raises
    ------
    UserError
        There is no manifest or no model yet, or a selected exam is not there.
    """
    selection.refuse_other_than("embed")
    with Run(Lake.of(settings), "embed", {"force": force, **selection.told()}) as run:
        images = manifest_images(run.lake, settings, selection.version)
        chosen = exams_selected(run, selection, images.rows["exam_id"])
        asked = images.rows["exam_id"].isin(chosen.to_pylist()) if chosen is not None else None
        run.inputs["manifest"] = images.release.version
        models = {model["model_id"]: model for model in models_in_use(run.lake)}
        untrained = untrained_id(settings)
        known = run.read("embeddings", ["model_id", "image_id", "content_hash"]).to_pandas()
        counts = {"in": 0, "embedded": 0, "unchanged": 0}
        networks = {
            **{name: Network(settings, name, row["content_hash"]) for name, row in models.items()},
            untrained: Network(settings),
        }
        for name, network in networks.items():
            mine = known[known["model_id"] == name]
            digest = network.content_hash or untrained
            made_of = embedding_made_of(digest, images.rows["pixel_digest"])
            before = images.rows["image_id"].map(mine.set_index("image_id")["content_hash"])
            due = np.full(len(images.rows), True) if force else (before != made_of).to_numpy()
            wanted = len(images.rows)
            if asked is not None:
                due, wanted = due & asked.to_numpy(), int(asked.sum())
            stale = np.flatnonzero(due)
            counts["in"] += wanted
            counts["embedded"] += len(stale)
            counts["unchanged"] += wanted - len(stale)
            if len(stale):
                vectors = network.embed(images.pixels, stale, progress)
                _commit(run, images, name, stale, vectors, made_of.iloc[stale])
        notes = [f"embedded with {', '.join(models)} and with the untrained network"]
        galleries = {}
        for model_id in models:
            galleries[model_id], told = _index_gallery(run, model_id, settings.gallery)
            notes += told
        run.commit(counts)
        for model_id, made_of in galleries.items():
            drop_other_galleries(run.lake, model_id, made_of)
        return run.summary(
            counts,
            parts=("embedded", "unchanged"),
            notes=tuple(notes),
        )


def embedding_made_of(model_digest: str, pixel_digests: pd.Series) -> pd.Series:
    """Return what an embedding depends on, hashed: the model's weights and the image's pixels."""
    return pixel_digests.map(
        lambda digest: hashlib.sha256(f"{model_digest} {digest}".encode()).hexdigest()
    )


def _commit(
    run: Run,
    images: ManifestImages,
    name: str,
    stale: np.ndarray,
    vectors: np.ndarray,
    made_of: pd.Series,
) -> None:
    chosen = images.rows.iloc[stale]
    ids = pa.array(chosen["image_id"], pa.string())
    values = pa.array(vectors.reshape(-1), pa.float32())
    offsets = pa.array(np.arange(len(stale) + 1, dtype=np.int32) * vectors.shape[1])
    names = pa.repeat(pa.scalar(name), len(stale))
    rows = pa.table(
        {
            "model_id": names,
            "image_id": ids,
            "embedding": pa.ListArray.from_arrays(offsets, values),
        }
    )
    hashes = pa.array(made_of, pa.string())
    stamped = run.stamped(rows, images.release.path, hashes)
    run.delete("embeddings", pa.table({"model_id": names, "image_id": ids}))
    run.append("embeddings", whole(run, "embeddings", stamped))


def _index_gallery(run: Run, model_id: str, settings: GallerySettings) -> tuple[str, list[str]]:
    """Build the index over all embeddings of the model unless it stands already.

    Returns
    -------
    What the embeddings are made of, hashed, and what there is to tell of the index.
    """
    from training import GalleryIndex

    version = run.outputs.get("embeddings")
    size, made_of = embeddings_made_of(run.lake, model_id, version)
    kind = settings.index
    if kind == "auto":
        kind = "exact" if size < settings.approximate_from else "ivf"
    place = gallery_of(model_id, made_of)
    if GalleryIndex.stands(local_model_folder(run.lake, place), model_id, kind, made_of):
        return made_of, []
    ids, vectors = read_embeddings(run.lake, model_id, version)
    index = GalleryIndex.build(vectors, ids, model_id, kind, made_of)
    with scratch_folder(run.lake, "gallery") as folder:
        index.save(folder)
        store_model_files(run.lake, place, folder)
    if index.kind == "exact":
        why = "" if kind == "exact" else f", since {kind} would gain nothing here"
        return made_of, [f"gallery of {size:,} images: exact index{why}"]
    return made_of, [
        f"gallery of {size:,} images: {index.kind} index, recall@10 {index.recall:.3f}"
    ]
