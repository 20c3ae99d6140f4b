"""Whether the road trains: by rule, not by habit."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow.compute as pc

from pipeline.lake import Lake
from pipeline.manifests import Release, manifest_metadata, read_manifest, release_of
from pipeline.models import model_settings, models_in_order
from pipeline.settings import Settings, TrainSettings
from pipeline.user_error import UserError


class Decision(NamedTuple):
    """Whether a model is to be trained, and why or why not, in one line."""

    due: bool
    reason: str


def training_decision(lake: Lake, release: Release, settings: Settings) -> Decision:
    """Hold a manifest against the one that the newest model was trained on.

    It is the newest model, not the current one, that counts: a model that the gate refused is not
    trained again before something is new.

    Parameters
    ----------
    lake, release
        The lake, and the manifest that would be trained on.
    settings
        Of the model and, ``[train] after_...``, the rules.
    """
    models = models_in_order(lake)
    if not models:
        return Decision(True, "the lake has no model yet")
    model = models[-1]
    version = model["manifest_version"]
    try:
        manifest = read_manifest(lake, release_of(lake, version))
    except UserError:
        return Decision(True, f"manifest {version}, which the last model learned, is gone")
    before = manifest_metadata(manifest)
    now = read_manifest(lake, release)
    to_learn = now.filter(pc.equal(now["split"], "train"))["exam_id"]
    new = len(set(to_learn.to_pylist()) - set(manifest["exam_id"].to_pylist()))
    rules = settings.train
    reasons = [
        *(_of_settings(model, settings) if rules.after_settings_change else ()),
        *_of_labeler(before, manifest_metadata(now), rules),
        *_of_exams(new, rules),
        *_of_drift(lake, before, rules),
    ]
    since = f"since manifest {version}"
    if reasons:
        return Decision(True, f"{since}: {'; '.join(reasons)}")
    return Decision(False, f"not trained: {since} {new:,} exams are new to train on, no rule asks")


def _of_settings(model: dict[str, Any], settings: Settings) -> Iterator[str]:
    # A setting that only one of two versions of RadSim knows is no change.
    before, now = json.loads(model["settings"]), model_settings(settings)
    changed = sorted(name for name in before.keys() & now.keys() if before[name] != now[name])
    if changed:
        yield f"settings of the model changed ({', '.join(changed)})"


def _of_labeler(before: dict[str, Any], now: dict[str, Any], rules: TrainSettings) -> Iterator[str]:
    if not rules.after_labeler_change:
        return
    if before.get("vocabulary_hash") != now.get("vocabulary_hash"):
        yield "the labeler changed"
    if (before["scheme"], before["classes"]) != (now["scheme"], now["classes"]):
        yield "the label scheme changed"


def _of_exams(new: int, rules: TrainSettings) -> Iterator[str]:
    if rules.after_new_exams and new >= rules.after_new_exams:
        yield f"{new:,} exams are new to train on"


def _of_drift(lake: Lake, before: dict[str, Any], rules: TrainSettings) -> Iterator[str]:
    """Drift of exams that came after those that the model learned."""
    drift = lake.read("drift", ["class", "drifted", "scheme", "reports_version"])
    later = pc.greater(drift["reports_version"], before["tables"].get("reports", -1))
    same = pc.equal(drift["scheme"], before["scheme"])
    drifted = drift.filter(pc.and_(pc.and_(drift["drifted"], later), same))
    classes = sorted(set(drifted["class"].to_pylist()))
    if rules.after_drift and classes:
        yield f"labels have drifted ({', '.join(classes)})"
