"""Evaluate: embeddings to measures of retrieval, normal exams, clusters and change."""

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.embedding_figures import Truth, embedding_figures
from pipeline.exam_order import exam_order
from pipeline.gold_coding import load_gold_coding
from pipeline.lake import Lake, require
from pipeline.lake_run import Run
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.models import CHANCE, current_model, untrained_id
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError


def evaluate(
    settings: Settings, *, progress: Progress = silent, force: bool = False
) -> StageSummary:
    """Measure the current model on the evaluated split, beside chance and the untrained network.

    Reads the manifest, embeddings and, where they are the truth, gold codes; writes evaluations.
    Measuring the same embeddings twice changes nothing, unless `force`.

    Raises
    ------
    UserError
        There is no model, no embedding, or no exam of the split with a truth.
    """
    told = {"force": force, "judged_by": judged_by(settings)}
    with Run(Lake.of(settings), "evaluate", told) as run:
        images = manifest_images(run.lake, settings)
        run.inputs["manifest"] = images.release.version
        model = current_model(run.lake)
        truth = _truth(run, settings, images)
        require(run.read("embeddings", ["image_id"]), "embeddings", "embed")
        compared = (model["model_id"], untrained_id(settings), CHANCE)
        order = exam_order(run.lake, settings, images.rows)["order"]
        made_of = _made_of(settings, images, model, truth, order)
        known = run.read("evaluations", ["model_id", "content_hash"]).to_pylist()
        counts = {"exams": truth.rows["exam_id"].nunique(), "images": len(truth.rows)}
        notes = _notes(settings, truth)
        if not force and {"model_id": model["model_id"], "content_hash": made_of} in known:
            return run.summary(
                counts,
                notes=(*notes, f"{model['model_id']} is evaluated already"),
                figures={"measures": measure_table(run.lake, settings)},
            )
        rows = []
        for number, name in enumerate(compared):
            progress(number, len(compared), f"measuring {name}")
            for figure in embedding_figures(run.lake, name, images, truth, order, settings):
                rows.append(
                    {
                        "model_id": name,
                        "manifest_version": images.release.version,
                        "manifest_digest": images.release.digest,
                        "truth": settings.evaluate.truth,
                        "split": settings.evaluate.split,
                        **dataclasses.asdict(figure),
                        "queries": _UNIT_PREFIX[settings.evaluate.unit] + figure.queries,
                    }
                )
        progress(len(compared), len(compared), "measured")
        _commit(run, rows, images, made_of)
        run.commit(counts)
    return run.summary(counts, notes=notes, figures={"measures": measure_table(run.lake, settings)})


def judged_by(settings: Settings) -> str:
    """Return a hash of the settings that figures depend on."""
    told = json.dumps(settings.evaluate.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def measure_table(lake: Lake, settings: Settings) -> list[dict[str, Any]]:
    """Return the current model's figures beside the untrained network's and chance, as text."""
    model_id = current_model(lake)["model_id"]
    frame = lake.read("evaluations").to_pandas()
    frame = frame[
        (frame["truth"] == settings.evaluate.truth) & (frame["split"] == settings.evaluate.split)
    ]
    frame = frame[frame["manifest_version"] == frame["manifest_version"].max()]
    shown = _shown(settings.evaluate.k)
    prefix = _UNIT_PREFIX[settings.evaluate.unit]
    columns = {"trained": model_id, "untrained": untrained_id(settings), "chance": CHANCE}
    found = frame.set_index(["model_id", "measure", "queries"]).sort_index()
    table = []
    mine = frame[frame["model_id"] == model_id]
    for measure, queries, n in mine[["measure", "queries", "n_queries"]].itertuples(
        index=False, name=None
    ):
        who = queries.removeprefix(prefix)
        if not queries.startswith(prefix) or who not in shown.get(measure, ()):
            continue
        row: dict[str, Any] = {"measure": measure, "queries": who}
        for title, name in columns.items():
            at = (name, measure, queries)
            row[title] = _with_interval(found.loc[at]) if at in found.index else ""
        row["n"] = int(n)
        table.append(row)
    return table


# What `queries` of the evaluations table begins with.
_UNIT_PREFIX = {"image": "", "exam": "exams: "}


def _shown(k: int) -> dict[str, tuple[str, ...]]:
    """Return the queries of each measure that a person is shown; the table holds all."""
    of_ranks = [f"{name}@{k}" for name in ("nDCG", "mAP", "P", "Jaccard")]
    of_areas = [f"{name} {score}" for name in ("AUC", "AP") for score in ("k-NN", "centroid")]
    everyone = ("all", "abnormal", "certain", "certain abnormal")
    shown: dict[str, tuple[str, ...]] = dict.fromkeys(of_ranks + of_areas, everyone)
    shown |= dict.fromkeys((f"class mAP@{k}", "class AUC k-NN"), ("mean of classes",))
    shown |= dict.fromkeys(("NMI", "AMI"), ("all",))
    return shown | dict.fromkeys(("AUC change", "AUC new or gone"), ("consecutive exams",))


def _truth(run: Run, settings: Settings, images: ManifestImages) -> Truth:
    from training import evaluation_labels
    from training.targets import member_classes

    told = images.told
    at = np.flatnonzero((images.rows["split"] == settings.evaluate.split).to_numpy())
    if len(at) == 0:
        raise UserError(
            f"manifest {images.release.version} has no exam in the {settings.evaluate.split} "
            "split; see [manifest] and [evaluate] split"
        )
    rows = images.rows.iloc[at].reset_index(drop=True)
    if settings.evaluate.truth == "manifest":
        labels, normal, uncertain = evaluation_labels(
            images.states[at], told["classes"], told["normal_class"], told["device_classes"]
        )
        return Truth(rows, images.members, labels, normal, uncertain, 0)
    if settings.evaluate.gold_coding is None:
        raise UserError("[evaluate] truth is gold: name the coding with [evaluate] gold_coding")
    coding = load_gold_coding(settings.evaluate.gold_coding)
    gold = require(run.read("gold", ["exam_id", "coding", "code"]), "human codes", "ingest")
    states = coding.states(gold).to_pandas().set_index("exam_id")
    coded = rows["exam_id"].isin(states.index).to_numpy()
    kept = rows[coded].reset_index(drop=True)
    if kept.empty:
        raise UserError(f"no exam of the {settings.evaluate.split} split has human codes")
    classes = list(states.columns)
    labels, normal, uncertain = evaluation_labels(
        states.loc[kept["exam_id"]].to_numpy(dtype=np.float32), classes, told["normal_class"]
    )
    members = member_classes(classes, told["normal_class"])
    return Truth(kept, members, labels, normal, uncertain, int((~coded).sum()))


def _made_of(
    settings: Settings,
    images: ManifestImages,
    model: dict[str, Any],
    truth: Truth,
    order: pd.Series,
) -> str:
    """Return what the figures depend on, hashed."""
    parts = {
        "settings": settings.evaluate.model_dump(mode="json"),
        "manifest": images.release.digest,
        "model": model["content_hash"],
        "size": settings.cache.size,
        "truth": hashlib.sha256(truth.labels.tobytes() + truth.normal.tobytes()).hexdigest(),
        "exams": hashlib.sha256("\n".join(truth.rows["image_id"]).encode()).hexdigest(),
        "order": hashlib.sha256(
            order.reindex(truth.rows["exam_id"]).to_numpy().tobytes()
        ).hexdigest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _commit(run: Run, rows: list[dict[str, Any]], images: ManifestImages, made_of: str) -> None:
    bare = pa.schema([f for f in schemas.EVALUATIONS if f not in schemas.PROVENANCE])
    table = pa.Table.from_pylist(
        [{k: _number(v) for k, v in row.items()} for row in rows], schema=bare
    )
    stamped = run.stamped(table, images.release.path, made_of)
    run.delete("evaluations", table.select(list(schemas.KEYS["evaluations"])))
    run.append("evaluations", whole(run, "evaluations", stamped))


def _number(value: Any) -> Any:
    """Return a figure that could not be computed (NaN) as null."""
    return None if isinstance(value, float) and np.isnan(value) else value


def _with_interval(row: pd.Series) -> str:
    if pd.isna(row["value"]):
        return "-"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _notes(settings: Settings, truth: Truth) -> tuple[str, ...]:
    who = "human codes" if settings.evaluate.truth == "gold" else "the manifest's labels"
    notes = [
        f"{settings.evaluate.unit}s judged by {who} on the {settings.evaluate.split} split, "
        "leave-one-out, "
        f"{'with' if settings.evaluate.same_patient else 'without'} the query's own patient; "
        "95 % bootstrap intervals by patient"
    ]
    if truth.without:
        notes.append(f"{truth.without:,} images of the split have no human codes and are left out")
    return tuple(notes)
