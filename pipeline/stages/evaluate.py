"""Evaluate: embeddings to measures of retrieval, of normal against abnormal, and of clusters."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.gold_coding import load_gold_coding
from pipeline.lake import Lake, require
from pipeline.lake_run import Run
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.models import CHANCE, current_model, read_embeddings, untrained_id
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
    with Run(Lake.of(settings), "evaluate", {"force": force}) as run:
        images = manifest_images(run.lake, settings)
        run.inputs["manifest"] = images.release.version
        model = current_model(run.lake)
        truth = _truth(run, settings, images)
        require(run.read("embeddings", ["image_id"]), "embeddings", "embed")
        compared = (model["model_id"], untrained_id(settings), CHANCE)
        made_of = _made_of(settings, images, model, truth)
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
            for figure in _figures(run.lake, name, images, truth, settings):
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
    return shown | dict.fromkeys(("NMI", "AMI"), ("all",))


@dataclass(frozen=True)
class _Truth:
    """The judged rows of the manifest, and what they truly show.

    `rows` n manifest rows, `labels` bool (n, n_members) with the classes `members`, `normal` and
    `uncertain` bool (n,); `without` counts images of the split that have no truth.
    """

    rows: pd.DataFrame
    members: list[str]
    labels: np.ndarray
    normal: np.ndarray
    uncertain: np.ndarray
    without: int


def _truth(run: Run, settings: Settings, images: ManifestImages) -> _Truth:
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
        return _Truth(rows, images.members, labels, normal, uncertain, 0)
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
    return _Truth(kept, members, labels, normal, uncertain, int((~coded).sum()))


def _figures(
    lake: Lake, name: str, images: ManifestImages, truth: _Truth, settings: Settings
) -> list[Any]:
    from training import evaluate_embedding, random_embedding
    from training.exam_pooling import pool_exams

    centroid = None
    if name == CHANCE:
        vectors = random_embedding(len(truth.rows), settings.train.dim, settings.train.seed)
    else:
        ids, embeddings = read_embeddings(lake, name)
        place = pd.Series(np.arange(len(ids)), index=ids)
        found = place.reindex(truth.rows["image_id"])
        if found.isna().any():
            missing = int(found.isna().sum())
            raise UserError(f"{missing:,} images are not embedded yet; run `radsim embed` first")
        vectors = embeddings[found.to_numpy(dtype=np.int64)]
        centroid = _normal_centroid(images, place, embeddings, settings.evaluate.unit)
    at = np.arange(len(vectors))
    if settings.evaluate.unit == "exam":
        pooled = pool_exams(vectors, list(truth.rows["exam_id"]), truth.labels)
        vectors, at = pooled.embeddings, pooled.first_image
    evaluated = truth.rows.iloc[at]
    figures = evaluate_embedding(
        vectors,
        truth.labels[at],
        truth.normal[at],
        truth.uncertain[at],
        list(evaluated["exam_id"]),
        list(evaluated["patient_id"]),
        classes=truth.members,
        ks=sorted({settings.evaluate.k, *settings.evaluate.depths}),
        neighbours=settings.evaluate.k,
        exclude_patient=not settings.evaluate.same_patient,
        centroid=centroid,
        n_resamples=settings.evaluate.resamples,
        seed=settings.train.seed,
    )
    # Without uncertain exams the figures of certain ones are the same again.
    return [f for f in figures if truth.uncertain.any() or not f.queries.startswith("certain")]


def _normal_centroid(
    images: ManifestImages, place: pd.Series, embeddings: np.ndarray, unit: str
) -> np.ndarray | None:
    """Return the centroid of the embedded normal training exams, None where there are none."""
    from training import evaluation_labels
    from training.exam_pooling import pool_exams
    from training.normality import normal_centroid

    told = images.told
    _, normal, _ = evaluation_labels(
        images.states, told["classes"], told["normal_class"], told["device_classes"]
    )
    at = place.reindex(images.rows["image_id"]).to_numpy(dtype=np.float64, na_value=np.nan)
    chosen = normal & (images.rows["split"] == "train").to_numpy() & ~np.isnan(at)
    if not chosen.any():
        return None
    rows = embeddings[at[chosen].astype(np.int64)]
    if unit == "exam":
        rows = pool_exams(rows, list(images.rows["exam_id"][chosen])).embeddings
    return normal_centroid(rows, np.ones(len(rows), dtype=bool))


def _made_of(
    settings: Settings, images: ManifestImages, model: dict[str, Any], truth: _Truth
) -> str:
    """Return what the figures depend on, hashed."""
    parts = {
        "settings": settings.evaluate.model_dump(mode="json"),
        "manifest": images.release.digest,
        "model": model["content_hash"],
        "size": settings.cache.size,
        "truth": hashlib.sha256(truth.labels.tobytes() + truth.normal.tobytes()).hexdigest(),
        "exams": hashlib.sha256("\n".join(truth.rows["image_id"]).encode()).hexdigest(),
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


def _notes(settings: Settings, truth: _Truth) -> tuple[str, ...]:
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
