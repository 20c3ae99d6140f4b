"""Which outputs of the road are stale: made with other words, other settings or older input.

Asked of the lake alone: files that wait in sources are new, not stale, and are found by `ingest`
and `index` when they run. A stage recomputes what is stale and leaves the rest as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from labelers.rule_labeler import labeler_name
from pipeline.labelling import label_scheme, site_vocabulary
from pipeline.lake import Lake
from pipeline.manifests import manifest_metadata, read_manifest, releases
from pipeline.models import candidate_model, models_in_order, models_in_use, untrained_id
from pipeline.road import STAGES
from pipeline.run_history import FinishedRun, finished_runs
from pipeline.settings import Settings
from pipeline.stages.drift import drift_made_of
from pipeline.stages.embed import embedding_made_of
from pipeline.stages.evaluate import judged_by, last_judged_by
from pipeline.stages.index import last_rules, rules_digest
from pipeline.stages.link import TABLES_LINKED
from pipeline.stages.train import model_id_of
from pipeline.training_rule import training_decision
from pipeline.withdrawals import withdrawn_releases

# What a stage's output rests on; of ingest and index, sources.
_RESTS_ON = {
    "label": ("ingest",),
    "drift": ("label",),
    "cache": ("index",),
    "link": ("label", "index"),
    "train": ("link", "cache"),
    "embed": ("train",),
    "evaluate": ("embed",),
}
# Stages that leave a table's rows as they were.
_NEUTRAL = ("migrate",)


@dataclass(frozen=True)
class StageState:
    """What a stage has made, and whether that is what it would make now.

    Attributes
    ----------
    stage
        Its name.
    output
        What it has made, such as ``labels v3``; empty for nothing yet.
    why
        Why that is stale; empty where it is not.
    """

    stage: str
    output: str
    why: str

    @property
    def stale(self) -> bool:
        """Whether there is something, and it is stale."""
        return bool(self.output and self.why)


class _Look:
    """One look at a lake: what every stage's question needs."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self.lake = lake
        self.settings = settings
        self.runs = finished_runs(lake)
        self.current = lake.versions()
        self.release = next(reversed(releases(lake)), None)

    def version(self, table: str) -> str:
        """Return a table with its current version, empty where there is none."""
        return f"{table} v{self.current[table]}" if table in self.current else ""

    def last(self, stage: str) -> FinishedRun | None:
        """Return the last run of a stage that changed something."""
        return next((run for run in reversed(self.runs) if run.stage == stage), None)


def stage_states(settings: Settings) -> list[StageState]:
    """Return the state of each stage's output, in the order of the road.

    Raises
    ------
    UserError
        The vocabulary has a mistake, or a release's file is missing.
    """
    look = _Look(Lake.of(settings), settings)
    states: dict[str, StageState] = {}
    for stage in STAGES:
        output, why = _QUESTIONS[stage](look)
        if output and not why:
            below = [states[name] for name in _RESTS_ON.get(stage, ()) if states[name].stale]
            if below:
                why = f"rests on {below[0].output}, which is stale"
        states[stage] = StageState(stage, output, why)
    return list(states.values())


def _ingest(look: _Look) -> tuple[str, str]:
    return look.version("reports") or look.version("file_labels"), ""


def _label(look: _Look) -> tuple[str, str]:
    output = look.version("labels")
    if not output:
        return "", ""
    told = look.lake.read("labels", ["exam_id", "content_hash", "labeler", "vocabulary_hash"])
    vocabulary = site_vocabulary(look.settings.label.vocabulary).hash
    if told.num_rows:
        for column, present, changed in (
            ("vocabulary_hash", vocabulary, "the vocabulary has changed"),
            ("labeler", labeler_name(), f"the labeler has changed: it is {labeler_name()} now"),
        ):
            others = pc.sum(pc.not_equal(told[column], present)).as_py()
            if others:
                # A selection may have been labelled anew already.
                part = f" since {others:,} of {told.num_rows:,} reports were labelled"
                return output, changed + (part if others < told.num_rows else "")
    reports = look.lake.read("reports", ["exam_id", "content_hash", "status"])
    reports = reports.filter(pc.not_equal(reports["status"], "retracted"))
    text_of = dict(zip(*(told[n].to_pylist() for n in ("exam_id", "content_hash")), strict=True))
    now = dict(zip(*(reports[n].to_pylist() for n in ("exam_id", "content_hash")), strict=True))
    changed = sum(text_of.get(exam) != text for exam, text in now.items())
    changed += len(text_of.keys() - now.keys())
    return output, f"{changed:,} reports are new, changed or gone" if changed else ""


def _drift(look: _Look) -> tuple[str, str]:
    output = look.version("drift")
    if not output or not {"reports", "labels"} <= look.current.keys():
        return output, ""
    versions = {name: look.current[name] for name in ("reports", "labels")}
    known = look.lake.read("drift", ["content_hash"])["content_hash"].to_pylist()
    if drift_made_of(look.settings, versions) in known:
        return output, ""
    return output, "measured on older labels or with other settings of [drift]"


def _index(look: _Look) -> tuple[str, str]:
    changed = last_rules(look.lake) not in (None, rules_digest(look.settings.images))
    return look.version("images"), "the rules of [images] have changed" if changed else ""


def _cache(look: _Look) -> tuple[str, str]:
    output = look.version("pixels")
    if not output:
        return "", ""
    images = look.lake.read("images", ["image_id", "pixel_digest", "usable"]).to_pandas()
    pixels = look.lake.read("pixels", ["image_id", "pixel_digest", "size"]).to_pandas()
    size = look.settings.cache.size
    if not (pixels["size"] == size).any():
        return output, f"[cache] size is {size} now"
    cached = pixels[pixels["size"] == size].set_index("image_id")["pixel_digest"]
    usable = images[images["usable"]]
    missing = int((usable["image_id"].map(cached) != usable["pixel_digest"]).sum())
    return output, f"{missing:,} images are not cached yet" if missing else ""


def _link(look: _Look) -> tuple[str, str]:
    if look.release is None:
        return "", ""
    output = f"manifest {look.release.version}"
    told = manifest_metadata(read_manifest(look.lake, look.release))
    scheme = label_scheme(look.settings.manifest.scheme, look.settings.label.vocabulary).name
    if told["scheme"] != scheme:
        return output, f"[manifest] scheme is {scheme} now"
    if withdrawn_releases(look.lake) and look.release.version < look.current["manifest"]:
        return output, "a later manifest was withdrawn"
    same = _same_rows(look.runs)
    last = look.last("link")
    assert last is not None
    for table in TABLES_LINKED:
        used, now = last.inputs.get(table), look.current.get(table)
        if now is not None and (used is None or same(table, used) != same(table, now)):
            before = "without" if used is None else f"from v{used} of"
            return output, f"made {before} {table}, which is v{now} now"
    return output, ""


def _train(look: _Look) -> tuple[str, str]:
    models = models_in_order(look.lake)
    if not models:
        return "", ""
    newest = models[-1]
    output = str(newest["model_id"])
    if newest["manifest_version"] in withdrawn_releases(look.lake) or look.release is None:
        return output, f"its manifest {newest['manifest_version']} was withdrawn"
    if model_id_of(look.release.digest, look.settings) in {row["model_id"] for row in models}:
        return output, ""
    decision = training_decision(look.lake, look.release, look.settings)
    return output, decision.reason if decision.due else ""


def _embed(look: _Look) -> tuple[str, str]:
    output = look.version("embeddings")
    if not output or look.release is None or "models" not in look.current:
        return output, ""
    rows = read_manifest(look.lake, look.release).select(["image_id", "pixel_digest"]).to_pandas()
    cached = look.lake.read("pixels", ["image_id", "pixel_digest", "size"]).to_pandas()
    cached = cached[cached["size"] == look.settings.cache.size].drop(columns="size")
    rows = rows.merge(cached, on=["image_id", "pixel_digest"])
    known = look.lake.read("embeddings", ["model_id", "image_id", "content_hash"]).to_pandas()
    untrained = untrained_id(look.settings)
    models = {model["model_id"]: model["content_hash"] for model in models_in_use(look.lake)}
    for name, digest in (models | {untrained: untrained}).items():
        mine = known[known["model_id"] == name].set_index("image_id")["content_hash"]
        wanted = embedding_made_of(digest, rows["pixel_digest"])
        missing = int((rows["image_id"].map(mine) != wanted).sum())
        if missing:
            return output, f"{missing:,} images are not embedded by {name} yet"
    return output, ""


def _evaluate(look: _Look) -> tuple[str, str]:
    output = look.version("evaluations")
    if not output or look.release is None or "models" not in look.current:
        return output, ""
    rows = look.lake.read("evaluations", ["model_id", "manifest_digest"]).to_pylist()
    for model in models_in_use(look.lake):
        name = model["model_id"]
        if {"model_id": name, "manifest_digest": look.release.digest} not in rows:
            return output, f"{name} is not evaluated on manifest {look.release.version} yet"
    changed = last_judged_by(look.lake) not in (None, judged_by(look.settings))
    return output, "the settings of [evaluate] have changed" if changed else ""


def _gate(look: _Look) -> tuple[str, str]:
    candidate = candidate_model(look.lake)
    name = candidate["model_id"] if candidate else ""
    return look.version("model_decisions"), f"nothing is decided on {name} yet" if name else ""


_QUESTIONS: Mapping[str, Callable[[_Look], tuple[str, str]]] = {
    "ingest": _ingest,
    "label": _label,
    "drift": _drift,
    "index": _index,
    "cache": _cache,
    "link": _link,
    "train": _train,
    "embed": _embed,
    "evaluate": _evaluate,
    "gate": _gate,
}


def _same_rows(runs: list[FinishedRun]) -> Callable[[str, int], int]:
    """Return what gives, for a table's version, the first version that has the same rows."""
    first: dict[tuple[str, int], int] = {}
    newest: dict[str, int] = {}
    for run in runs:
        for table, version in run.outputs.items():
            if run.stage in _NEUTRAL and table in newest:
                first[table, version] = first[table, newest[table]]
            else:
                first[table, version] = version
            newest[table] = version
    return lambda table, version: first.get((table, version), version)
