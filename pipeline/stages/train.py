"""Train: a manifest and cached pixels to an embedding model."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.models import (
    MODEL_FILE,
    model_path,
    model_settings,
    store_model_files,
    weights_digest,
)
from pipeline.scratch import scratch_folder
from pipeline.selection import EVERYTHING, Selection
from pipeline.settings import Settings
from pipeline.splits import patient_keys
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.training_rule import training_decision
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from training import FitResult


def train(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    by_rule: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Train an embedding on the manifest's train split.

    Reads the current manifest, or the release that `selection` names, and pixels; writes models and
    the model's file. The model's id follows from the manifest's digest and the settings, so that
    training twice on the same input changes nothing (`force` trains all the same). With `by_rule`,
    as the road runs it, it trains only if a rule of [train] asks for it; the ledger has the reason
    why it did or did not.

    Raises
    ------
    UserError
        There is no manifest, no pixels, or no training exam.
    """
    selection.refuse_other_than("train")
    with Run(Lake.of(settings), "train", {"force": force, **selection.told()}) as run:
        images = manifest_images(run.lake, settings, selection.version)
        run.inputs["manifest"] = images.release.version
        model_id = model_id_of(images.release.digest, settings)
        known = set(run.read("models", ["model_id"])["model_id"].to_pylist())
        keys = patient_keys(images.rows["exam_id"], images.rows["patient_id"])
        rows, validation = _rows_to_train(images.rows["split"], keys, settings)
        if len(rows) == 0:
            raise UserError(
                f"manifest {images.release.version} has no exam in the train split; see [manifest]"
            )
        counts = {"training images": len(rows), "validation images": len(validation)}
        if model_id in known and not force:
            return run.summary(
                counts,
                notes=(f"{model_id} is trained on manifest {images.release.version} already",),
            )
        why = "by hand"
        if by_rule and not force:
            decision = training_decision(run.lake, images.release, settings)
            why = decision.reason
            if not decision.due:
                return _left_undone(run, images.release.version, why, counts)
        run.parameters["why"] = why
        groups = pd.factorize(keys)[0]
        state = run.lake.state_folder
        run_folder, log_folder = state / "training" / model_id, state / "tensorboard" / model_id
        if force:
            for stale in (run_folder, log_folder):
                shutil.rmtree(stale, ignore_errors=True)
        fitted = _fit(images, groups, rows, validation, settings, progress, run_folder, log_folder)
        with scratch_folder(run.lake, "model") as folder:
            digest = _save(fitted.model, folder, model_id, images, settings)
            store_model_files(run.lake, model_id, folder)
        row = {
            "model_id": model_id,
            "settings": json.dumps(model_settings(settings), sort_keys=True),
            "manifest_version": images.release.version,
            "manifest_digest": images.release.digest,
            "seed": settings.train.seed,
            "measures": json.dumps(
                {"validation nDCG@10": fitted.kept.validation_ndcg, "seconds": fitted.seconds}
            ),
            "path": f"{model_path(model_id)}/{MODEL_FILE}",
        }
        bare = [f for f in schemas.MODELS if f.name in row]
        table = pa.Table.from_pylist([row], schema=pa.schema(bare))
        stamped = run.stamped(table, images.release.path, digest)
        run.delete("models", pa.table({"model_id": [model_id]}))
        run.append("models", whole(run, "models", stamped))
        run.commit(counts)
        shutil.rmtree(run_folder, ignore_errors=True)
        notes = [
            *_notes(model_id, images),
            f"why: {why}",
            f"its course: tensorboard --logdir {log_folder.parent}",
        ]
        if fitted.resumed:
            notes.insert(0, "went on with a training that was broken off")
        return run.summary(counts, notes=tuple(notes), figures={"training": _history(fitted)})


def _left_undone(run: Run, manifest: int, why: str, counts: dict[str, int]) -> StageSummary:
    """Note in the ledger, once, that nothing was trained on a manifest, and why."""
    told = {"manifest": manifest, "why": why}
    parameters = (json.loads(text) for text in run.lake.runs()["parameters"].to_pylist())
    if not any(told.items() <= known.items() for known in parameters):
        run.note(**told)
        run.commit(counts)
    return run.summary(counts, notes=(why, "`radsim train` trains all the same"))


def model_id_of(manifest_digest: str, settings: Settings) -> str:
    """Return the id of the model that these settings make of a manifest.

    Raises
    ------
    UserError
        The file of the backbone's weights cannot be read.
    """
    made_of = {
        "manifest": manifest_digest,
        "train": settings.train.of_model(),
        "size": settings.cache.size,
    }
    if settings.train.weights is not None:
        made_of["weights"] = weights_digest(settings.train.weights)
    text = json.dumps(made_of, sort_keys=True)
    return f"model-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _fit(
    images: ManifestImages,
    groups: np.ndarray,
    rows: np.ndarray,
    validation: np.ndarray,
    settings: Settings,
    progress: Progress,
    run_folder: Path,
    log_folder: Path,
) -> "FitResult":
    from training import FitSettings, training_targets
    from training.fit import fit

    told = images.told
    targets, normal = training_targets(
        images.states,
        told["classes"],
        told["normal_class"],
        told["device_classes"],
        settings.train.uncertain,
    )
    named = {field.name for field in dataclasses.fields(FitSettings)}
    chosen = {k: v for k, v in settings.train.model_dump().items() if k in named}
    try:
        return fit(
            images.pixels,
            targets,
            normal,
            groups,
            rows,
            validation,
            FitSettings(**chosen),
            progress,
            run_folder=run_folder,
            log_folder=log_folder,
        )
    except ValueError as error:
        raise UserError(f"[train]: {error}") from None


def _history(fitted: "FitResult") -> list[dict[str, Any]]:
    return [
        {
            "phase": epoch.phase,
            "epoch": epoch.epoch,
            "loss": epoch.loss,
            "validation nDCG@10": epoch.validation_ndcg,
            "images/s": epoch.images_per_second,
            "loader wait": f"{epoch.loader_wait:.1%}",
            "kept": epoch == fitted.kept,
        }
        for epoch in fitted.history
    ]


def _rows_to_train(
    split: pd.Series, keys: pd.Series, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Return training and validation rows; without a val split some training patients are held out.

    The held-out patients are drawn by a hash, so they stay the same as the manifest grows.
    """
    train = (split == "train").to_numpy()
    validation = (split == "val").to_numpy()
    if not validation.any():
        digests = [hashlib.sha256(f"validation:{key}".encode()).digest() for key in keys]
        place = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])
        validation = train & (place < settings.train.validation_share)
        train = train & ~validation
    return np.flatnonzero(train), np.flatnonzero(validation)


def _save(
    model: Any, folder: Path, model_id: str, images: ManifestImages, settings: Settings
) -> str:
    from training import save_model

    digest: str = save_model(
        model,
        folder / MODEL_FILE,
        {
            "model_id": model_id,
            "settings": settings.train.of_model(),
            "square_size": settings.cache.size,
            "manifest_version": images.release.version,
            "manifest_digest": images.release.digest,
            "classes": images.members,
        },
    )
    return digest


def _notes(model_id: str, images: ManifestImages) -> tuple[str, ...]:
    notes = [f"{model_id} is trained on manifest {images.release.version}"]
    if images.without_pixels:
        notes.append(f"{images.without_pixels:,} images of the manifest are not in the pixel cache")
    return tuple(notes)
