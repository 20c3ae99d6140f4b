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
from pipeline.embedding_figures import embedding_figures
from pipeline.evaluation_truth import Truth, judged_truth
from pipeline.exam_order import exam_order
from pipeline.lake import Lake, require
from pipeline.lake_run import Run
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.manifests import current_release
from pipeline.models import CHANCE, models_in_use, untrained_id
from pipeline.run_history import last_told
from pipeline.selection import EVERYTHING, Selection
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent


def evaluate(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Measure the models in use on the evaluated split, beside chance and the untrained network.

    A candidate and the current model are measured on the same exams of the current manifest, or of
    the release that `selection` names, whichever manifest each was trained on; patients keep their
    split, so neither has seen them.

    Reads the manifest, embeddings and, where they are the truth, gold codes; writes evaluations.
    Measuring the same embeddings twice changes nothing, unless `force`.

    Raises
    ------
    UserError
        There is no model, no embedding, or no exam of the split with a truth.
    """
    selection.refuse_other_than("evaluate")
    judge = judged_by(settings)
    with Run(Lake.of(settings), "evaluate", {"force": force, **selection.told()}) as run:
        images = manifest_images(run.lake, settings, selection.version)
        is_current = images.release == current_release(run.lake)
        if is_current:
            run.parameters["judged_by"] = judge
        run.inputs["manifest"] = images.release.version
        models = {model["model_id"]: model["content_hash"] for model in models_in_use(run.lake)}
        truth = judged_truth(run, settings, images)
        require(run.read("embeddings", ["image_id"]), "embeddings", "embed")
        order = exam_order(run.lake, settings, images.rows)["order"]
        made_of = {
            name: _made_of(settings, images, digest, truth, order)
            for name, digest in (models | {untrained_id(settings): "", CHANCE: ""}).items()
        }
        known = {
            (row["model_id"], row["content_hash"])
            for row in run.read("evaluations", ["model_id", "content_hash"]).to_pylist()
        }
        counts = {"exams": truth.rows["exam_id"].nunique(), "images": len(truth.rows)}
        notes = _notes(settings, truth)
        measured = [name for name, parts in made_of.items() if force or (name, parts) not in known]
        rows: list[dict[str, Any]] = []
        hashes: list[str] = []
        for number, name in enumerate(measured):
            progress(number, len(measured), f"measuring {name}")
            figures = embedding_figures(run.lake, name, images, truth, order, settings)
            rows += _rows(name, figures, images, settings)
            hashes += [made_of[name]] * len(figures)
        progress(len(measured), len(measured), "measured")
        if rows:
            _commit(run, rows, images, pa.array(hashes))
        elif is_current and last_judged_by(run.lake) not in (None, judge):
            run.note(judged_by=judge)
        run.commit(counts)
        if not measured:
            notes = (*notes, f"evaluated already: {', '.join(models)}")
    table = measure_table(run.lake, settings, images.release.version)
    return run.summary(counts, notes=notes, figures={"measures": table})


def last_judged_by(lake: Lake) -> str | None:
    """Return by which settings (`judged_by`) a current manifest was last measured on."""
    return last_told(lake, "evaluate", "judged_by")


def judged_by(settings: Settings) -> str:
    """Return a hash of the settings that figures depend on."""
    told = json.dumps(settings.evaluate.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def measure_table(
    lake: Lake, settings: Settings, version: int | None = None
) -> list[dict[str, Any]]:
    """Return figures as text, a column each for models in use, the untrained network and chance.

    They are those on a release, by default the newest one measured on. `trained` is the newest of
    the models in use; where it is a candidate, `current` is beside it.
    """
    *current, trained = models_in_use(lake)
    model_id = trained["model_id"]
    frame = lake.read("evaluations").to_pandas()
    frame = frame[
        (frame["truth"] == settings.evaluate.truth) & (frame["split"] == settings.evaluate.split)
    ]
    measured_on = frame["manifest_version"].max() if version is None else version
    frame = frame[frame["manifest_version"] == measured_on]
    shown = _shown(settings.evaluate.k)
    prefix = _UNIT_PREFIX[settings.evaluate.unit]
    columns = {"trained": model_id}
    if current:
        columns["current"] = current[0]["model_id"]
    columns |= {"untrained": untrained_id(settings), "chance": CHANCE}
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


def _made_of(
    settings: Settings,
    images: ManifestImages,
    model_digest: str,
    truth: Truth,
    order: pd.Series,
) -> str:
    """Return what a model's figures depend on, hashed; what is no model has no digest."""
    parts = {
        "settings": settings.evaluate.model_dump(mode="json"),
        "manifest": images.release.digest,
        "model": model_digest,
        "size": settings.cache.size,
        "seed": settings.train.seed,
        "dim": settings.train.dim,
        "truth": hashlib.sha256(truth.labels.tobytes() + truth.normal.tobytes()).hexdigest(),
        "exams": hashlib.sha256("\n".join(truth.rows["image_id"]).encode()).hexdigest(),
        "order": hashlib.sha256(
            order.reindex(truth.rows["exam_id"]).to_numpy().tobytes()
        ).hexdigest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _rows(
    name: str, figures: list[Any], images: ManifestImages, settings: Settings
) -> list[dict[str, Any]]:
    return [
        {
            "model_id": name,
            "manifest_version": images.release.version,
            "manifest_digest": images.release.digest,
            "truth": settings.evaluate.truth,
            "split": settings.evaluate.split,
            **dataclasses.asdict(figure),
            "queries": _UNIT_PREFIX[settings.evaluate.unit] + figure.queries,
        }
        for figure in figures
    ]


def _commit(
    run: Run, rows: list[dict[str, Any]], images: ManifestImages, made_of: pa.Array
) -> None:
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
